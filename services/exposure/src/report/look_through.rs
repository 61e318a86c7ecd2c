//! A book looked through its funds.

use super::Exposure;
use factors::{fund_line::FundLine, look_through::Part};

/// A book looked through its funds.
#[derive(Clone, Debug, PartialEq)]
pub struct LookedThroughBook {
    /// Long, short, gross and net of the names behind the lines.
    pub exposure: Exposure,
    /// Gross value that stays with funds: their rests, and funds that could not be opened.
    pub rest_gross: f64,
    /// The funds held, in the order of names.
    pub funds: Vec<FundLine>,
    /// The names with the largest gross, largest first; as many as positions are listed.
    pub names: Vec<SeenName>,
}

/// A name behind the lines of a book.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenName {
    /// Its symbol on the as-of day.
    pub symbol: String,
    /// What is held of it.
    pub part: Part,
    /// Signed shares in the units of the as-of day. `None` without a price.
    pub shares: Option<f64>,
}
