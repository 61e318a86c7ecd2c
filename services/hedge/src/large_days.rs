//! The risk of lines on days on which the trade moved far ([`risk::like_this`]).
//!
//! Calm days understate what a book that is in the trade loses when it unwinds, and how much moves
//! together then. A plan by the variance of such days hedges for them, and is worse on all others.

use crate::{line_risk::LineRisk, risk::FactorRisk};
use risk::{
    factor_view::FactorView,
    like_this::{self, Sessions},
    specific_sources::Mover,
};

/// The days, and how much larger specific returns were.
#[derive(Clone, Debug)]
pub(crate) struct LargeDays {
    pub(crate) sessions: Sessions,
    /// Standard deviation of specific returns on these days over that of all days, at least one.
    pub(crate) residual_ratio: f64,
}

impl LineRisk {
    /// The same lines on some days, given their risk on all days, what each moves as and what is held of
    /// it. `None` if their factors have no covariance there.
    pub(crate) fn on_days<'a>(
        self,
        view: &FactorView<'_>,
        held: impl Iterator<Item = (f64, &'a Mover)>,
        sessions: Sessions,
    ) -> Option<(LineRisk, LargeDays)> {
        let values = held.filter_map(|(held, mover)| {
            let name = mover.name.as_ref()?;
            Some((mover.instrument, held, name.exposures.as_slice()))
        });
        let residual_ratio = like_this::residual_ratio(view, values, &sessions);
        let usual = self.risk.covariance();
        let covariance = like_this::covariance(usual, &view.returns, &sessions)?;
        let scaled = |variance: &f64| residual_ratio * residual_ratio * variance;
        let variances = self.risk.specific_variances().iter().map(scaled).collect();
        let risk = FactorRisk::new(covariance, variances).ok()?;
        Some((LineRisk { risk, ..self }, LargeDays { sessions, residual_ratio }))
    }
}
