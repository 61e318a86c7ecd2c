//! The factors of the model at a date: how each is built, the symbols behind it, and its sessions.

use crate::{
    factor::{Factor, FactorRole},
    gaps,
    prepared::PreparedExposure,
};
use marketdata::{day::Day, gap::Gap};

/// A factor as of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFactor {
    /// The factor.
    pub factor: Factor,
    /// The symbols behind it.
    pub roles: Vec<FactorRole>,
    /// The first and the last session with a return. `None` without a series, which is in a gap.
    pub span: Option<(Day, Day)>,
}

/// Every factor in the order of answers, and the gaps of their roles.
pub fn factors(prepared: &PreparedExposure) -> (Vec<ListedFactor>, Vec<Gap>) {
    let listed = |factor| ListedFactor {
        factor,
        roles: prepared.factor_roles(factor),
        span: prepared.factor_span(factor),
    };
    (Factor::ALL.map(listed).into(), gaps::factors(prepared))
}
