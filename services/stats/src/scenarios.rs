//! Weighted scenarios of profit and loss: quantiles, tails, tail contributions and their errors.
//!
//! Scenarios belong to periods (days of history). A period may have several scenarios, for instance
//! one for each draw of its unknown part; then each counts in part. Weights are in periods: they
//! are rescaled to sum to the number of periods, whatever the caller's unit.

mod levels;
mod quantile_shares;

pub use levels::Level;

use crate::{
    kernel::all_finite,
    normal,
    paths::Paths,
    quantile::{QuantileRule, snap},
    stationary_bootstrap::{long_run_variance, mean_block, mean_error},
    tail::Tail,
};
use std::{borrow::Cow, cmp::Ordering, sync::Arc};

/// One possible outcome.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scenario {
    /// Profit, positive; loss, negative.
    pub profit: f64,
    /// Weight relative to other scenarios; positive.
    pub weight: f64,
    /// Period it comes from, an index from 0 in order of time.
    pub period: u32,
    /// Draw of that period, for the caller's use.
    pub draw: u32,
}

/// An interval for a value at risk, as losses. An end is open if history is too short for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValueAtRiskInterval {
    /// The smaller loss. `None` if the interval has no lower end.
    pub low: Option<f64>,
    /// The larger loss. `None` if the interval has no upper end.
    pub high: Option<f64>,
    /// Standard error of the share of periods beyond the value at risk.
    pub exceedance_error: f64,
}

/// Scenarios sorted from the worst to the best, ties by period and draw.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenarios {
    /// The worst scenarios, sorted, followed by the unsorted rest.
    scenarios: Vec<Scenario>,
    /// Number of sorted scenarios.
    ordered: usize,
    periods: usize,
    dependence: Dependence,
}

/// What the periods of scenarios have in common, for standard errors.
#[derive(Clone, Debug, PartialEq)]
pub enum Dependence {
    /// Each is a period of its own, and near ones may be alike: the stationary bootstrap with blocks of
    /// [`mean_block`].
    Periods,
    /// Each is a run of this many periods, which begins one after the run before: the same with blocks
    /// that are longer by twice the overlap. Of a thousand independent periods the error of a shortfall
    /// at 95 % is a tenth too small for runs of ten and three tenths for runs of thirty, because blocks
    /// end and are few.
    Runs(usize),
    /// Each is a simulated path: [`Paths::mean_error`].
    Paths(Arc<Paths>),
}

impl Dependence {
    /// Standard error of the mean of `count` values, zero but for those given in the order of their
    /// places. `None` for values that are not finite.
    #[must_use]
    pub fn mean_error(&self, values: &[(usize, f64)], count: usize) -> Option<f64> {
        match self {
            Dependence::Periods => mean_error(values, count),
            Dependence::Runs(length) => {
                let block = mean_block(count) + 2 * length.saturating_sub(1);
                Some((long_run_variance(values, count, block)? / count as f64).sqrt())
            }
            Dependence::Paths(paths) => paths.mean_error(values),
        }
    }
}

impl Scenarios {
    /// Builds scenarios of `periods` periods, in any order; weights are rescaled to that sum.
    ///
    /// `None` for no scenarios, a period out of range, a profit that is not finite, or a weight
    /// that is not positive and finite.
    #[must_use]
    pub fn of(mut scenarios: Vec<Scenario>, periods: usize) -> Option<Self> {
        let is_valid = |s: &Scenario| {
            let weighs = s.weight.is_finite() && s.weight > 0.0;
            weighs && s.profit.is_finite() && (s.period as usize) < periods
        };
        if scenarios.is_empty() || !scenarios.iter().all(is_valid) {
            return None;
        }
        // Weights are summed in this order.
        scenarios.sort_unstable_by(worst_first);
        let ordered = scenarios.len();
        Self { scenarios, ordered, periods, dependence: Dependence::Periods }.weighed()
    }

    /// Rescales the weights to their required sum.
    fn weighed(mut self) -> Option<Self> {
        let unit = self.periods as f64 / self.scenarios.iter().map(|s| s.weight).sum::<f64>();
        for scenario in &mut self.scenarios {
            scenario.weight *= unit;
        }
        self.scenarios.iter().all(|s| s.weight.is_finite()).then_some(self)
    }

    /// Pools draws of the same periods: `draws[d][s]` is the profit of period s in draw d, with
    /// weight 1/number of draws. One draw is plain history.
    ///
    /// `None` for no draws, draws of unequal length or without a period, or a profit that is not
    /// finite.
    #[must_use]
    pub fn pooled<D: AsRef<[f64]>>(draws: &[D]) -> Option<Self> {
        let mut scenarios = Self::unordered(draws)?;
        scenarios.order(f64::INFINITY);
        Some(scenarios)
    }

    /// [`Scenarios::pooled`] for [`Scenarios::levels`], which sorts only as far as needed. Other
    /// measures give the same results but sort a copy first.
    #[must_use]
    pub fn unordered<D: AsRef<[f64]>>(draws: &[D]) -> Option<Self> {
        let periods = draws.first()?.as_ref().len();
        let fits = |draw: &D| {
            let profits = draw.as_ref();
            profits.len() == periods && all_finite(profits)
        };
        if periods == 0 || !draws.iter().all(fits) {
            return None;
        }
        let weight = 1.0 / draws.len() as f64;
        let mut scenarios = Vec::with_capacity(periods * draws.len());
        for (draw, profits) in draws.iter().enumerate() {
            let draw = u32::try_from(draw).ok()?;
            let profits = (0..u32::try_from(periods).ok()?).zip(profits.as_ref());
            scenarios.extend(profits.map(|(period, profit)| Scenario {
                profit: *profit,
                weight,
                period,
                draw,
            }));
        }
        Self { scenarios, ordered: 0, periods, dependence: Dependence::Periods }.weighed()
    }

    /// The scenarios with what their periods have in common.
    #[must_use]
    pub fn depending(self, dependence: Dependence) -> Self {
        Self { dependence, ..self }
    }

    /// The scenarios from the worst to the best, with weights in periods.
    #[must_use]
    pub fn ascending(&self) -> Cow<'_, [Scenario]> {
        self.worst(f64::INFINITY)
    }

    /// The worst scenario; of equal ones, the first by period and draw.
    #[must_use]
    pub fn first(&self) -> Option<&Scenario> {
        match self.ordered {
            0 => self.scenarios.iter().min_by(|a, b| worst_first(a, b)),
            _ => self.scenarios.first(),
        }
    }

    /// Number of periods.
    #[must_use]
    pub const fn periods(&self) -> usize {
        self.periods
    }

    /// The quantile at probability p. The rule's place counts periods; the quantile is the mean of
    /// one period's weight of scenarios, ending at that place.
    ///
    /// With one scenario per period, or if all draws of a period are equal, this is
    /// [`crate::quantile::quantile`]. `None` for p outside [0, 1].
    #[must_use]
    pub fn quantile(&self, p: f64, rule: QuantileRule) -> Option<f64> {
        let place = rule.place_among(self.periods, p)?;
        self.mean_between(place - 1.0, place)
    }

    /// Value at risk and expected shortfall: [`crate::tail::historical`] with weights.
    ///
    /// Expected shortfall is the mean loss over the worst share 1 − confidence; the scenario on the
    /// border counts in part (Rockafellar and Uryasev 2002). `None` for confidence outside (0, 1).
    #[must_use]
    pub fn tail(&self, confidence: f64, rule: QuantileRule) -> Option<Tail> {
        let mass = self.mass(confidence)?;
        let value_at_risk = 0.0 - self.quantile(1.0 - confidence, rule)?;
        let expected_shortfall = 0.0 - self.mean_between(0.0, mass)?;
        Some(Tail { value_at_risk, expected_shortfall })
    }

    /// The scenarios of the tail, worst first, each with its share of the tail; shares sum to one.
    ///
    /// Expected shortfall is −Σ share·profit, so Σ over parts of a profit gives its components
    /// (Tasche 1999). `None` for confidence outside (0, 1).
    #[must_use]
    pub fn tail_shares(&self, confidence: f64) -> Option<Vec<(Scenario, f64)>> {
        let mass = self.mass(confidence)?;
        let mut before = 0.0;
        let mut shares = Vec::new();
        for scenario in self.worst(mass).iter() {
            let inside = snap(mass - before).min(scenario.weight);
            if inside <= 0.0 {
                break;
            }
            shares.push((*scenario, inside / mass));
            before += scenario.weight;
        }
        Some(shares)
    }

    /// For each period, in order of time, the share of its weight that lies in the tail: 1 if all
    /// its scenarios are beyond the value at risk, 0 if none is. The mean is 1 − confidence.
    ///
    /// `None` for confidence outside (0, 1).
    #[must_use]
    pub fn exceedances(&self, confidence: f64) -> Option<Vec<f64>> {
        let mut exceedances = vec![0.0; self.periods];
        for (period, share) in self.exceeding(confidence)? {
            exceedances[period] = share;
        }
        Some(exceedances)
    }

    /// The exceedances that are not zero.
    fn exceeding(&self, confidence: f64) -> Option<ByPeriod> {
        let mass = self.mass(confidence)?;
        Some(by_period(&self.tail_shares(confidence)?, |_, share| share * mass))
    }

    /// Standard error of the share of periods beyond the value at risk.
    ///
    /// A whole period either exceeds or does not. If T·p is not a whole number, the last period
    /// would count in part, and half a period in the tail has only a quarter of the variance of a
    /// whole one. Therefore the error is computed for the next whole number of periods and rescaled
    /// to p like that of independent periods, by p(1−p).
    fn exceedance_error(&self, confidence: f64) -> Option<f64> {
        let whole = self.mass(confidence)?.ceil() / self.periods as f64;
        let p = 1.0 - confidence;
        let (exceedances, factor) = match self.exceeding(1.0 - whole) {
            Some(exceedances) => (exceedances, (p * confidence / (whole * (1.0 - whole))).sqrt()),
            // All periods are in the tail.
            None => (self.exceeding(confidence)?, 1.0),
        };
        Some(self.dependence.mean_error(&exceedances, self.periods)? * factor)
    }

    /// The interval of the value at risk by inversion (Woodruff 1952). Its ends are the quantiles
    /// at p ± z·√(v/T), with p = 1 − confidence, z the normal quantile of a two-sided `level`
    /// (1.645 for 0.90), and v the long-run variance of exceedances, so that clusters of losses
    /// widen it.
    ///
    /// Clusters much longer than the bootstrap's blocks of T^{1/3} periods are only partly
    /// captured: over 1,000 simulated days whose volatility changes threefold every 50 days, a 90 %
    /// interval contains the true value in 74 % of histories. Filtered profits have no such
    /// clusters.
    ///
    /// Draws of one period count as one observation. An end is open if less than one period remains
    /// beyond it, for simulated paths one in as many as the history has. `None` for confidence or level outside (0, 1).
    #[must_use]
    pub fn value_at_risk_interval(
        &self,
        confidence: f64,
        rule: QuantileRule,
        level: f64,
    ) -> Option<ValueAtRiskInterval> {
        self.interval(confidence, rule, level, self.exceedance_error(confidence)?)
    }

    fn interval(
        &self,
        confidence: f64,
        rule: QuantileRule,
        level: f64,
        exceedance_error: f64,
    ) -> Option<ValueAtRiskInterval> {
        let reach = reach(level, exceedance_error)?;
        // Paths are many, but know no more than the history that they are drawn from.
        let known = match &self.dependence {
            Dependence::Periods | Dependence::Runs(_) => self.periods,
            Dependence::Paths(paths) => paths.periods(),
        };
        let one = 1.0 / known as f64;
        let at = |p: f64| {
            let is_inside = one <= p && p <= 1.0 - one;
            is_inside.then(|| self.quantile(p, rule)).flatten().map(|profit| 0.0 - profit)
        };
        let p = 1.0 - confidence;
        Some(ValueAtRiskInterval { low: at(p + reach), high: at(p - reach), exceedance_error })
    }

    /// Standard error of the expected shortfall: that of the mean of its influence function c +
    /// (loss − c)⁺/(1 − confidence), with c the loss on the border of the tail, by the stationary
    /// bootstrap, so that clusters widen it. It includes the variation among the draws of a period,
    /// but not an error that all draws share.
    ///
    /// `None` for confidence outside (0, 1), and if the tail holds scenarios of one period only.
    #[must_use]
    pub fn expected_shortfall_error(&self, confidence: f64) -> Option<f64> {
        self.error_beyond(&self.tail_shares(confidence)?, confidence)
    }

    /// The error of the expected shortfall from the tail's shares.
    fn error_beyond(&self, shares: &[(Scenario, f64)], confidence: f64) -> Option<f64> {
        let (border, _) = shares.last()?;
        if shares.iter().all(|(scenario, _)| scenario.period == border.period) {
            return None;
        }
        // Losses beyond the border of the tail.
        let beyond = |scenario: &Scenario, _| scenario.weight * (border.profit - scenario.profit);
        let error = self.dependence.mean_error(&by_period(shares, beyond), self.periods)?;
        Some(error / (1.0 - confidence))
    }

    /// Sorts at least the worst scenarios of `mass` periods, and one more.
    fn order(&mut self, mass: f64) {
        let rest = self.count(mass).saturating_sub(self.ordered);
        let unordered = &mut self.scenarios[self.ordered..];
        let worst = match rest.checked_sub(1).filter(|_| rest < unordered.len()) {
            Some(last) => {
                let (before, _, _) = unordered.select_nth_unstable_by(last, worst_first);
                before
            }
            None => &mut unordered[..rest],
        };
        worst.sort_unstable_by(worst_first);
        self.ordered += rest;
    }

    /// The worst scenarios, sorted, covering at least `mass` periods.
    fn worst(&self, mass: f64) -> Cow<'_, [Scenario]> {
        if self.count(mass) <= self.ordered {
            return Cow::Borrowed(&self.scenarios[..self.ordered]);
        }
        let mut ordered = self.clone();
        ordered.order(mass);
        ordered.scenarios.truncate(ordered.ordered);
        Cow::Owned(ordered.scenarios)
    }

    /// A number of worst scenarios that surely covers `mass` periods. If not all are sorted, all
    /// have the same weight.
    fn count(&self, mass: f64) -> usize {
        let all = self.scenarios.len();
        let periods = mass.min(self.periods as f64);
        let alike = (periods / self.periods as f64 * all as f64).ceil() as usize + 1;
        if self.ordered == all { all } else { alike.min(all) }
    }

    /// Number of periods in the tail, T(1 − confidence).
    fn mass(&self, confidence: f64) -> Option<f64> {
        let is_inside = confidence > 0.0 && confidence < 1.0;
        is_inside.then(|| snap(self.periods as f64 * (1.0 - confidence)))
    }

    /// Mean profit of the scenarios whose cumulative weight lies between two bounds.
    fn mean_between(&self, from: f64, to: f64) -> Option<f64> {
        let (mut before, mut sum, mut weight) = (0.0, 0.0, 0.0);
        for scenario in self.worst(to).iter() {
            if to <= before {
                break;
            }
            let after = before + scenario.weight;
            let part = to.min(after) - from.max(before);
            if part > 0.0 {
                sum += part * scenario.profit;
                weight += part;
            }
            before = after;
        }
        Some(sum / weight).filter(|mean| mean.is_finite())
    }
}

/// Values other than zero by period, in order of time.
type ByPeriod = Vec<(usize, f64)>;

/// Sums over the scenarios of each period in the tail, worst first.
fn by_period(shares: &[(Scenario, f64)], of: impl Fn(&Scenario, f64) -> f64) -> ByPeriod {
    let value =
        |(scenario, share): &(Scenario, f64)| (scenario.period as usize, of(scenario, *share));
    let mut values: ByPeriod = shares.iter().map(value).collect();
    values.sort_by_key(|(period, _)| *period);
    values.dedup_by(|(period, value), (kept, sum)| {
        let is_same = period == kept;
        *sum += if is_same { *value } else { 0.0 };
        is_same
    });
    values
}

/// Distance of the ends of an interval from p: z·error, with z the normal quantile of a two-sided
/// level.
fn reach(level: f64, error: f64) -> Option<f64> {
    let is_inside = level > 0.0 && level < 1.0;
    Some(normal::quantile((1.0 + level) / 2.0)? * error).filter(|_| is_inside)
}

/// Orders by profit, ties by period and draw.
fn worst_first(a: &Scenario, b: &Scenario) -> Ordering {
    let tied = || (a.period, a.draw).cmp(&(b.period, b.draw));
    a.profit.total_cmp(&b.profit).then_with(tied)
}
