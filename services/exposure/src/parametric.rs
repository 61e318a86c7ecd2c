//! Numbers of a distribution that is fitted to the book's P&L over the sessions of a window.
//!
//! A sum of positions' returns has the mean and variance that their covariance matrix gives it, so no
//! matrix is formed. Every number is Σ −share·P with the shares of `stats::parametric`, so its parts by
//! position, leg and group sum to it (Euler). Over several sessions they are those of the sum of as many
//! independent ones.

use crate::{
    courses::{Courses, Shares},
    replay::{Measured, MeasuredLevel, OUT_OF_RANGE, Replay, spread},
    report::{TailLevel, TailStandIns, TailVolatility, VolatilityStandIns},
    settings::{SEED_SESSIONS, TailMethod, TailPart, TailSettings},
    volatility,
};
use stats::{
    moments::{self, Ddof},
    parametric::{Fit, Loss},
    scenarios::Scenario,
    tail::Tail,
};

/// The book's P&L by draw, and the distributions fitted to all of it and to each draw.
struct Fitted<'a> {
    profits: &'a [Vec<f64>],
    whole: Fit,
    /// Empty without draws.
    by_draw: Vec<Fit>,
}

/// Measures P&L by draw. The error says why there are no numbers.
pub(crate) fn measure(
    replay: &Replay<'_>,
    settings: &TailSettings,
    profits: &[Vec<f64>],
) -> Result<Measured, String> {
    let fit =
        |profits: &[Vec<f64>]| Some(fit(settings.method, profits)?.over(settings.horizon_sessions));
    let whole = fit(profits).ok_or(OUT_OF_RANGE)?;
    let draws = if profits.len() < 2 { &[] } else { profits };
    let one = |draw: &Vec<f64>| fit(std::slice::from_ref(draw));
    let by_draw = draws.iter().map(one).collect::<Option<Vec<Fit>>>().ok_or(OUT_OF_RANGE)?;
    let fitted = Fitted { profits, whole, by_draw };
    let mut levels = Vec::new();
    for (group, asked) in settings.levels.iter().enumerate() {
        for (at, confidence) in asked.confidences.iter().enumerate() {
            let is_split = settings.splits(TailPart::ValueAtRisk(group, at));
            let level = fitted.level(replay, *confidence, is_split);
            levels.push(level.ok_or_else(|| fitted.outside(*confidence))?);
        }
    }
    let volatility = match (settings.volatility, settings.method) {
        (false, _) => None,
        (true, TailMethod::Ewma { .. }) => Some(fitted.volatility(replay).ok_or(OUT_OF_RANGE)?),
        (true, _) => {
            let one = volatility::measure(replay, &Courses::Sessions, (profits, profits));
            Some(volatility::over(one.ok_or(OUT_OF_RANGE)?, settings.horizon_sessions))
        }
    };
    Ok(Measured { levels, volatility })
}

/// `None` if nothing can be fitted, or for a method without a distribution.
fn fit(method: TailMethod, profits: &[Vec<f64>]) -> Option<Fit> {
    match method {
        TailMethod::Ewma { decay } => Fit::ewma(profits, decay, SEED_SESSIONS),
        TailMethod::Gaussian => Fit::normal(profits),
        TailMethod::CornishFisher => Fit::cornish_fisher(profits),
        TailMethod::Historical | TailMethod::FilteredHistorical { .. } => None,
    }
}

impl Fitted<'_> {
    /// `None` outside the domain of the expansion, of the whole or of a draw.
    fn level(&self, replay: &Replay<'_>, confidence: f64, is_split: bool) -> Option<MeasuredLevel> {
        let value_at_risk = self.whole.value_at_risk(confidence)?;
        let shortfall = self.whole.expected_shortfall(confidence)?;
        let shares = self.shares(&shortfall);
        let of_value_at_risk = is_split.then(|| self.shares(&value_at_risk));
        let by_draw = self.by_draw.iter().map(|fit| fit.tail(confidence));
        let by_draw = by_draw.collect::<Option<Vec<Tail>>>()?;
        let stand_ins = match replay.stand_in_part(&shares) {
            Some(expected_shortfall) => {
                let [value_at_risk_spread, expected_shortfall_spread] = spread(&by_draw)?;
                Some(TailStandIns {
                    expected_shortfall,
                    value_at_risk_spread,
                    expected_shortfall_spread,
                })
            }
            None => None,
        };
        let level = TailLevel {
            confidence,
            value_at_risk: value_at_risk.value,
            value_at_risk_low: None,
            value_at_risk_high: None,
            expected_shortfall: shortfall.value,
            expected_shortfall_standard_error: None,
            leg_expected_shortfall: replay.legs(&shares),
            leg_value_at_risk: replay.legs_of(of_value_at_risk.as_ref()),
            stand_ins,
        };
        Some(MeasuredLevel { level, shortfall: shares, value_at_risk: of_value_at_risk })
    }

    fn outside(&self, confidence: f64) -> String {
        let (skewness, excess_kurtosis) = self.whole.shape();
        format!(
            "the Cornish-Fisher expansion is no quantile at {confidence} for a skewness of \
             {skewness:.2} and an excess kurtosis of {excess_kurtosis:.2}"
        )
    }

    fn volatility(&self, replay: &Replay<'_>) -> Option<(TailVolatility, Shares)> {
        let volatility = self.whole.volatility();
        let shares = self.shares(&volatility);
        let stand_ins = match replay.stand_in_part(&shares) {
            Some(contribution) => {
                let values: Vec<f64> =
                    self.by_draw.iter().map(|fit| fit.volatility().value).collect();
                let spread = moments::variance(&values, Ddof::Sample)?.sqrt();
                Some(VolatilityStandIns { contribution, spread })
            }
            None => None,
        };
        let legs = replay.legs(&shares);
        let value = volatility.value;
        Some((TailVolatility { value, standard_error: None, legs, stand_ins }, shares))
    }

    fn shares(&self, loss: &Loss) -> Shares {
        let weight = 1.0 / self.profits.len() as f64;
        let of_draw = |(draw, profits): (usize, &Vec<f64>)| -> Shares {
            let scenario = |(at, profit): (usize, &f64)| {
                let (period, draw) = (at as u32, draw as u32);
                let scenario = Scenario { profit: *profit, weight, period, draw };
                (scenario, self.whole.share(loss, at, *profit))
            };
            profits.iter().enumerate().map(scenario).collect()
        };
        self.profits.iter().enumerate().flat_map(of_draw).collect()
    }
}
