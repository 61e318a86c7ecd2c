//! The as-of of a request: publication bound, revision bound, and versions it expects.

use marketdata::instant::Instant;

/// A validated as-of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsOf {
    /// Publication bound; `None` means now.
    pub at: Option<Instant>,
    /// Revision bound; `None` means the head.
    pub revision: Option<u64>,
    /// The versions the request expects, in the order they are checked.
    pub pins: Vec<(Pin, String)>,
}

/// A version that a request may pin, besides its two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// The chained hash of the data.
    DataVersion,
    /// The version of the formulas.
    ModelVersion,
    /// The hash of the settings.
    ConfigHash,
}

impl std::fmt::Display for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Pin::DataVersion => "data version",
            Pin::ModelVersion => "model version",
            Pin::ConfigHash => "configuration",
        })
    }
}
