//! What is kept of each name: a short record for sums over books, and the rest for listings.

use crate::beta::{Beta, NameFit, PriorGroup, PriorMean};
use factors::size::SizeBucket;

/// No row, no sector.
pub const NONE: u32 = u32::MAX;

/// A name as an analysis reads it: one cache line or little more.
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
    /// Index among the sectors, or [`NONE`].
    pub sector: u32,
    /// Number of the company, or [`NONE`].
    pub issuer: u32,
    /// Sessions of the panel without a return of its own.
    pub absent: u16,
    pub bucket: Option<SizeBucket>,
    /// A fund or an index and no company.
    pub is_fund: bool,
    /// Whether the mean of all names is in its market beta, for want of a size bucket with enough.
    pub uses_all_names: bool,
    pub has_beta: bool,
    pub has_own_beta: bool,
    /// On the long side of the trade when held long.
    pub megacap: bool,
    /// On the short side of the trade when held short.
    pub small_cap: bool,
    /// Whether another line is of the same company.
    pub has_sibling: bool,
    /// Sized, and nothing known says whether it is a company or a fund.
    pub may_be_fund: bool,
}

/// The rest of a name: what a listed position shows.
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

    pub fn take_betas(&mut self, details: &Details) {
        let parts = |beta: Option<Beta>| beta.map_or((0.0, 0.0), |b| (b.value, b.standard_error));
        (self.market, self.market_error) = parts(details.market);
        (self.size, self.size_error) = parts(details.size);
        (self.crowd, self.crowd_error) = parts(details.crowd);
        let prior = details.market.and_then(|beta| beta.prior);
        // A fund has no size bucket to miss.
        self.uses_all_names = prior == Some(PriorMean::AllNames) && !self.is_fund;
        self.has_beta = details.market.is_some();
        self.has_own_beta = details.market.is_some_and(|beta| beta.own.is_some());
    }
}

/// An instrument of which nothing is known but its name.
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
    megacap: false,
    small_cap: false,
    has_sibling: false,
    may_be_fund: false,
};

pub const NO_DETAILS: Details = Details { market: None, size: None, crowd: None, fit: None };
