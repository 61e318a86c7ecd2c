//! Every bound of the service, named, with its unit; a caller beyond one is told which.

use serde::{Deserialize, Serialize};

/// Bounds an operator may move. Each has the unit in its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The largest message received, bytes, after decompression.
    pub receive_bytes: usize,
    /// The largest message sent, bytes.
    pub send_bytes: usize,
    /// The largest list of metadata of a call, bytes.
    pub header_bytes: u32,
    /// The largest chunk of an upload, bytes.
    pub chunk_bytes: usize,
    /// The largest upload as received, bytes.
    pub upload_bytes: u64,
    /// The largest upload once decompressed, bytes.
    pub upload_decompressed_bytes: u64,
    /// Decompressed bytes allowed per byte received, beyond the first 16 MiB: what is above is a
    /// bomb.
    pub upload_ratio: u64,
    /// Memory that all uploads at once may take while they are read and written, bytes.
    pub upload_memory_bytes: u64,
    /// Uploads received at once.
    pub uploads: usize,
    /// Bytes of answers in flight at once, over all calls: an answer counts until the operating
    /// system took it, a call that computes [`CALL_RESERVED_BYTES`] at least.
    pub answer_bytes: usize,
    /// Of these, bytes that one connection may hold.
    pub answer_bytes_per_connection: usize,
    /// Bytes of requests in flight at once, over all calls: a request counts until its handler has
    /// answered, of an upload the message that is not whole.
    pub request_memory_bytes: usize,
    /// Of these, bytes that one connection may hold.
    pub request_memory_bytes_per_connection: usize,
    /// How long a request may be silent before it is whole, milliseconds.
    pub request_idle_ms: u64,
    /// Bytes a second that a request must bring on average, beyond that silence.
    pub request_bytes_per_s: u64,
    /// Connections at once; one more is closed as soon as it is made.
    pub connections: usize,
    /// Calls on one connection at once.
    pub streams_per_connection: u32,
    /// Watch streams at once, over all connections.
    pub watchers: usize,
    /// Heavy computations waiting for a thread; one more is refused.
    pub compute_queue: usize,
    /// What a call without a deadline gets, milliseconds.
    pub default_deadline_ms: u64,
    /// What a call gets at most, milliseconds. Uploads without a deadline get this.
    pub max_deadline_ms: u64,
    /// How long a watch stream may live, milliseconds; clients reconnect then.
    pub watch_lifetime_ms: u64,
    /// How long a watch stream may be silent before it repeats what it said, milliseconds.
    pub heartbeat_ms: u64,
    /// Prepared statistics kept for later requests, bytes. What was not used for longest leaves
    /// first; a value that alone is above the bound is prepared anew for every request.
    pub prepared_bytes: usize,
}

impl Limits {
    /// The bounds where nobody says otherwise.
    pub const fn standard() -> Limits {
        Limits {
            receive_bytes: 4 * MIB,
            send_bytes: 16 * MIB,
            header_bytes: 16 * 1024,
            chunk_bytes: MIB,
            upload_bytes: 512 * MIB as u64,
            upload_decompressed_bytes: 2 * 1024 * MIB as u64,
            upload_ratio: 200,
            upload_memory_bytes: 4 * 1024 * MIB as u64,
            uploads: 4,
            answer_bytes: 256 * MIB,
            answer_bytes_per_connection: 32 * MIB,
            request_memory_bytes: 256 * MIB,
            request_memory_bytes_per_connection: 64 * MIB,
            request_idle_ms: 10_000,
            request_bytes_per_s: 16 * 1024,
            connections: 8_192,
            streams_per_connection: 256,
            watchers: 1_024,
            compute_queue: 64,
            default_deadline_ms: 30_000,
            max_deadline_ms: 300_000,
            watch_lifetime_ms: 3_600_000,
            heartbeat_ms: 30_000,
            prepared_bytes: 512 * MIB,
        }
    }
}

/// Bytes in a mebibyte.
pub const MIB: usize = 1024 * 1024;
/// Threads of the pool for heavy work.
pub const THREADS: usize = 1_024;
/// Stack of each of them, bytes. A thread that waits for parts of its computation begins another one
/// meanwhile, on the same stack.
pub const THREAD_STACK_BYTES: usize = 16 * MIB;
/// Positions of one portfolio.
pub const POSITIONS: usize = 10_000;
/// Entries of a page where the caller does not say.
pub const PAGE_DEFAULT: usize = 100;
/// Entries of a page at most.
pub const PAGE_MAX: usize = 1_000;
/// Sessions per page of a history as published, for measures that read the whole market. Each session
/// is one preparation: 0.16 s of one processor for 3,000 names over ten years.
pub const AS_PUBLISHED_PREPARATIONS: usize = 100;
/// Bytes of a status on the wire, its message and its details. Clients refuse trailers above 8 KiB.
pub const STATUS_BYTES: usize = 4 * 1024;
/// Of these, bytes of the message.
pub const MESSAGE_BYTES: usize = 1024;
/// Bytes of one text of the caller's, or of one description, within a status.
pub const EXCERPT_BYTES: usize = 256;
/// Rejected rows of one file that are told; more are counted.
pub const REJECTIONS: usize = 1_000;
/// Rejected rows that are told again to a repeated request id.
pub const KEPT_REJECTIONS: usize = 20;
/// Bytes of the words of one note that are told again to a repeated request id.
pub const KEPT_NOTE_BYTES: usize = 512;
/// How long the answer to a request id is kept at least, microseconds: 30 days.
pub const REQUEST_ID_KEPT_MICROS: i64 = 30 * 86_400 * 1_000_000;
/// Lines of one file below its header.
pub const UPLOAD_ROWS: u64 = 20_000_000;
/// Bytes of one line of a file.
pub const LINE_BYTES: usize = 64 * 1024;
/// Bytes of one text of a file: a company's name, a sector.
pub const TEXT_BYTES: usize = 256;
/// Different texts of one file; the market keeps them for ever.
pub const UPLOAD_TEXTS: usize = 100_000;
/// Bytes of all different texts of one file.
pub const UPLOAD_TEXTS_BYTES: u64 = 16 * MIB as u64;
/// Names of instruments and series of one file, in every spelling; the market keeps them for ever.
pub const UPLOAD_NAMES: usize = 100_000;
/// How many times the rows read of a file are in memory before they are written: as rows of the file,
/// as facts, as segments, and packed. Three million bars of 69 bytes took 3.3 times as much.
pub const UPLOAD_COPIES: u64 = 4;
/// When an upload that found no memory may be sent again, milliseconds.
pub const UPLOAD_RETRY_MS: u64 = 5_000;
/// Members that the directory of a zip archive may list.
pub const ZIP_MEMBERS: u64 = 1_000;
/// Chunks of an upload that wait for the reader.
pub const CHUNKS_AHEAD: usize = 4;
/// Characters of a file's name.
pub const FILE_NAME_CHARS: usize = 1_024;
/// Characters of a request id.
pub const REQUEST_ID_CHARS: usize = 128;
/// Names of unjoined instruments that are told; more are counted.
pub const UNJOINED_NAMES: usize = 20;
/// How far ahead of our clock an as-of date may be, microseconds: two machines never agree exactly.
pub const CLOCK_SKEW_MICROS: i64 = 5_000_000;
/// Decompressed bytes below which no ratio is asked.
pub const RATIO_FREE_BYTES: u64 = 16 * MIB as u64;
/// Times an upload is prepared again because another writer was first.
pub const WRITE_ATTEMPTS: usize = 5;
/// Facts that one run of the compaction merges.
pub const COMPACTION_FACTS: u64 = 4_000_000;
/// Bytes that a call reserves before it does any work: an answer of common size.
pub const CALL_RESERVED_BYTES: usize = 64 * 1024;
/// How long a call waits for that reserve, milliseconds.
pub const ADMISSION_WAIT_MS: u64 = 2_000;
/// Pause between two attempts of a call that waits for its reserve, milliseconds.
pub const ADMISSION_RETRY_MS: u64 = 20;
/// Bytes that a connection may hold of the last quarter of what connections share: two calls.
pub const SMALL_SHARE_BYTES: usize = 2 * CALL_RESERVED_BYTES;
/// Bytes of a question after health that are not counted.
pub const FREE_REQUEST_BYTES: usize = 1024;
/// Silences of the longest kind that the bytes of a request may earn in advance: what a burst brings
/// does not keep a request for ever.
pub const PATIENCE_IDLES: u32 = 3;
/// Bytes of an answer handed to the transport at once; the rest waits until they are wanted.
pub const PIECE_BYTES: usize = 64 * 1024;
/// When a caller who met a bound may try again, milliseconds.
pub const RETRY_AFTER_MS: u64 = 1_000;
/// Pause after a connection could not be accepted, milliseconds.
pub const ACCEPT_PAUSE_MS: u64 = 100;
/// Silence after which a condition that comes back is told again, milliseconds.
pub const EPISODE_MS: f64 = 60_000.0;
/// File descriptors that a server needs besides those of its connections: the store, its log, the
/// runtime.
pub const OWN_FILES: usize = 128;
/// The longest time that a setting may say, milliseconds: ten years.
pub const LONGEST_MS: u64 = 10 * 366 * 86_400_000;
/// How long cut calls get to say so, milliseconds.
pub const LAST_FRAMES_MS: u64 = 500;
