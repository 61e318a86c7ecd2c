//! Which knowledge a request asks for: an instant, a revision, and what else it expects to find.

use marketdata::instant::Instant;

/// The knowledge a request asks for, as validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsOf {
    /// When; none means now.
    pub at: Option<Instant>,
    /// Up to which revision; none means the head.
    pub revision: Option<u64>,
    /// What else the request expects, in the order it is checked.
    pub pins: Vec<(Pin, String)>,
}

/// What a request may pin beside its two bounds.
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
