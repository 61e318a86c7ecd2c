//! The tail of scenarios at several confidence levels at once.

use super::{Scenario, Scenarios, ValueAtRiskInterval, reach};
use crate::{quantile::QuantileRule, stationary_bootstrap::mean_errors, tail::Tail};

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

/// A tail whose errors have not been computed yet.
struct Unmeasured {
    confidence: f64,
    shares: Vec<(Scenario, f64)>,
    exceedances: Vec<f64>,
    factor: f64,
    beyond: Option<Vec<f64>>,
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
        // Under any rule, the place of a quantile is at most one beyond the mass of its tail.
        self.order(masses?.into_iter().fold(0.0, f64::max).ceil() + 1.0);
        let unmeasured: Option<Vec<_>> = confidences.iter().map(|c| self.unmeasured(*c)).collect();
        let unmeasured = unmeasured?;
        let series = |tail: &Unmeasured| [Some(tail.exceedances.clone()), tail.beyond.clone()];
        let series: Vec<Vec<f64>> = unmeasured.iter().flat_map(series).flatten().collect();
        let mut errors = mean_errors(&series).into_iter();
        let measured = |tail: Unmeasured| {
            let exceedance_error = errors.next()?? * tail.factor;
            let beyond_error = tail.beyond.and_then(|_| errors.next()?);
            let confidence = tail.confidence;
            let low = 1.0 - confidence + reach(interval_level, exceedance_error)?;
            self.order(low * self.periods as f64 + 1.0);
            Some(Level {
                tail: self.tail(confidence, rule)?,
                interval: self.interval(confidence, rule, interval_level, exceedance_error)?,
                expected_shortfall_error: beyond_error.map(|error| error / (1.0 - confidence)),
                shares: tail.shares,
            })
        };
        unmeasured.into_iter().map(measured).collect()
    }

    fn unmeasured(&self, confidence: f64) -> Option<Unmeasured> {
        let shares = self.tail_shares(confidence)?;
        let (exceedances, factor) = self.exceedance_series(confidence)?;
        let beyond = self.beyond_series(&shares);
        Some(Unmeasured { confidence, shares, exceedances, factor, beyond })
    }
}
