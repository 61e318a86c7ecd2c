//! What is kept of each name: a short record for sums over books, and details for listings.

use crate::beta::{Beta, NameFit, PriorGroup, PriorMean};
use factors::size::SizeBucket;

/// Index of a missing row, sector or company.
pub const NONE: u32 = u32::MAX;

/// A name as needed by an analysis, in little more than one cache line.
#[derive(Clone, Copy, Debug)]
pub struct NameRow {
    pub market: f64,
    pub market_error: f64,
    pub size: f64,
    pub size_error: f64,
    pub crowd: f64,
    pub crowd_error: f64,
    /// Row of the panel, or [`NONE`].
    pub row: u32,
    /// Index of the sector, or [`NONE`].
    pub sector: u32,
    /// Number of the company, or [`NONE`].
    pub issuer: u32,
    /// Number of sessions of the panel without a return of its own.
    pub absent: u16,
    pub bucket: Option<SizeBucket>,
    /// Whether it is a fund or an index, not a company.
    pub is_fund: bool,
    /// Whether its market beta uses the mean of all names, because it has no size bucket or too
    /// small a one.
    pub uses_all_names: bool,
    pub has_beta: bool,
    pub has_own_beta: bool,
    /// Whether the same company has another line.
    pub has_sibling: bool,
    /// Whether it has a sector, but only in other schemes than the model's.
    pub is_classified_elsewhere: bool,
    /// Whether its market value is one published for an earlier day and not moved by the price
    /// since.
    pub has_unmoved_cap: bool,
    /// Has a size, but may be a company or a fund: it is not classified.
    pub may_be_fund: bool,
    /// Calendar days from the as-of day to the publication of its size, if that is later.
    pub later_size_days: Option<u16>,
    /// Calendar days from the as-of day to the publication of its sector, if that is later.
    pub later_sector_days: Option<u16>,
}

/// Details of a name, for position listings.
#[derive(Clone, Copy, Debug)]
pub struct Details {
    pub market: Option<Beta>,
    pub size: Option<Beta>,
    pub crowd: Option<Beta>,
    pub fit: Option<NameFit>,
}

impl NameRow {
    pub fn prior_group(&self) -> PriorGroup {
        PriorGroup::of(self.bucket, self.is_fund)
    }

    /// Its beta to the market.
    pub fn market_beta(&self) -> Option<f64> {
        self.has_beta.then_some(self.market)
    }

    pub fn take_betas(&mut self, details: &Details) {
        let parts = |beta: Option<Beta>| beta.map_or((0.0, 0.0), |b| (b.value, b.standard_error));
        (self.market, self.market_error) = parts(details.market);
        (self.size, self.size_error) = parts(details.size);
        (self.crowd, self.crowd_error) = parts(details.crowd);
        let prior = details.market.and_then(|beta| beta.prior);
        // Funds have no size bucket, so the mean of all names is no fallback for them.
        self.uses_all_names = prior == Some(PriorMean::AllNames) && !self.is_fund;
        self.has_beta = details.market.is_some();
        self.has_own_beta = details.market.is_some_and(|beta| beta.own.is_some());
    }
}

/// An instrument without any data.
pub const NO_NAME: NameRow = NameRow {
    market: 0.0,
    market_error: 0.0,
    size: 0.0,
    size_error: 0.0,
    crowd: 0.0,
    crowd_error: 0.0,
    row: NONE,
    sector: NONE,
    issuer: NONE,
    absent: 0,
    bucket: None,
    is_fund: false,
    uses_all_names: false,
    has_beta: false,
    has_own_beta: false,
    has_sibling: false,
    is_classified_elsewhere: false,
    has_unmoved_cap: false,
    may_be_fund: false,
    later_size_days: None,
    later_sector_days: None,
};

pub const NO_DETAILS: Details = Details { market: None, size: None, crowd: None, fit: None };
