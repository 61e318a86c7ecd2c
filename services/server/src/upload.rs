//! Bytes of an upload on their way to a reader: assembled, told by content, decompressed within bounds.

/// Why an upload cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadFault {
    /// The file itself is at fault; nothing of it is stored.
    #[error("the file is refused: {detail}")]
    Refused {
        /// The machine's word for the fault.
        fault: &'static str,
        /// One plain sentence.
        detail: String,
    },
    /// More bytes than an upload may have.
    #[error("the upload has more than {limit} bytes")]
    TooLarge {
        /// The bound, bytes.
        limit: u64,
    },
    /// More bytes come out of it than may.
    #[error("the upload decompresses to more than it may: {limit} bytes")]
    Bomb {
        /// The bound that was reached, bytes.
        limit: u64,
    },
}
