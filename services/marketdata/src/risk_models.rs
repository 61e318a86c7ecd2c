//! Bounds of vendors' risk models: for what a file adds to a store, and for what is made of it.

/// Maximum number of factors of a model on one day: a covariance takes their square in memory.
pub const FACTORS_MAX: usize = 500;
/// Maximum number of factors of a model over all days. Vendors rename sectors and add countries; a model
/// with more is several models.
pub const FACTORS_EVER_MAX: usize = 2_000;
/// Maximum number of models in a store. Vendors publish tens of them, in several variants.
pub const MODELS_MAX: usize = 256;
