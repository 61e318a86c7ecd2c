//! The tail of scenarios at several confidence levels at once.

use super::{Scenario, Scenarios, ValueAtRiskInterval, reach};
use crate::{quantile::QuantileRule, tail::Tail};

/// The tail at one confidence level.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// [`Scenarios::tail`].
    pub tail: Tail,
    /// [`Scenarios::value_at_risk_interval`].
    pub interval: ValueAtRiskInterval,
    /// [`Scenarios::expected_shortfall_error`].
    pub expected_shortfall_error: Option<f64>,
    /// [`Scenarios::tail_shares`].
    pub shares: Vec<(Scenario, f64)>,
}

impl Scenarios {
    /// The tail at several confidence levels: the same bits as one measure after the other, in a
    /// fraction of the time. Scenarios are sorted only as far as needed.
    ///
    /// `None` if a confidence level or `interval_level` lies outside (0, 1).
    #[must_use]
    pub fn levels(
        &mut self,
        confidences: &[f64],
        rule: QuantileRule,
        interval_level: f64,
    ) -> Option<Vec<Level>> {
        let masses: Option<Vec<f64>> = confidences.iter().map(|c| self.mass(*c)).collect();
        let mass = masses?.into_iter().fold(0.0, f64::max).ceil();
        // Under any rule, the place of a quantile is at most one beyond the mass of its tail. The
        // intervals usually end within a few standard deviations of independent exceedances.
        self.order(mass + 3.0 * mass.sqrt() + 1.0);
        confidences.iter().map(|c| self.level(*c, rule, interval_level)).collect()
    }

    fn level(&mut self, confidence: f64, rule: QuantileRule, interval_level: f64) -> Option<Level> {
        let exceedance_error = self.exceedance_error(confidence)?;
        let low = 1.0 - confidence + reach(interval_level, exceedance_error)?;
        self.order(low * self.periods as f64 + 1.0);
        let shares = self.tail_shares(confidence)?;
        Some(Level {
            tail: self.tail(confidence, rule)?,
            interval: self.interval(confidence, rule, interval_level, exceedance_error)?,
            expected_shortfall_error: self.error_beyond(&shares, confidence),
            shares,
        })
    }
}
