//! Historical value at risk and expected shortfall.
//!
//! Input is profit and loss (or returns), gains positive; results are losses, positive. The
//! quantile rule is applied to profit and loss at probability 1 − confidence.

use crate::kernel::all_finite;
use crate::quantile::{Place, QuantileRule, snap};

/// The loss not exceeded with the stated confidence, and the mean loss beyond it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tail {
    /// Minus the quantile of profit and loss at 1 − confidence, under the given rule.
    pub value_at_risk: f64,
    /// Mean loss over the worst n(1 − confidence) outcomes; the last of them counts in part (Acerbi
    /// and Tasche 2002; Rockafellar and Uryasev 2002). Independent of the quantile rule.
    pub expected_shortfall: f64,
}

/// Value at risk and expected shortfall of outcomes in any order; `scratch` is overwritten.
///
/// `None` for no outcomes, one that is not finite, or confidence outside (0, 1).
#[must_use]
pub fn historical(
    profits: &[f64],
    confidence: f64,
    rule: QuantileRule,
    scratch: &mut Vec<f64>,
) -> Option<Tail> {
    scratch.clear();
    scratch.extend_from_slice(profits);
    historical_in_place(scratch, confidence, rule)
}

/// [`historical`] without a copy; reorders the slice.
///
/// The slice is partitioned once and only its tail is sorted, so the result is the same to the bit
/// for any order of the outcomes.
#[must_use]
pub fn historical_in_place(
    profits: &mut [f64],
    confidence: f64,
    rule: QuantileRule,
) -> Option<Tail> {
    historical_levels(profits, &[confidence], rule)?.pop()
}

/// [`historical_in_place`] at several confidence levels; the slice is partitioned once, at the
/// deepest.
#[must_use]
pub fn historical_levels(
    profits: &mut [f64],
    confidences: &[f64],
    rule: QuantileRule,
) -> Option<Vec<Tail>> {
    let n = profits.len();
    let cuts: Option<Vec<Cut>> = confidences.iter().map(|c| Cut::of(n, *c, rule)).collect();
    let cuts = cuts?;
    if !all_finite(profits) {
        return None;
    }
    let Some(last) = cuts.iter().map(|cut| cut.last).max() else { return Some(Vec::new()) };
    let (_, _, _) = profits.select_nth_unstable_by(last, f64::total_cmp);
    let worst = profits.get_mut(..=last)?;
    worst.sort_unstable_by(f64::total_cmp);
    cuts.iter().map(|cut| cut.measure(|index| worst.get(index).copied())).collect()
}

/// The order statistics that are needed.
struct Cut {
    place: Place,
    /// n(1 − confidence), the number of outcomes in the tail.
    mass: f64,
    /// Index of the last order statistic that is needed.
    last: usize,
}

impl Cut {
    fn of(n: usize, confidence: f64, rule: QuantileRule) -> Option<Self> {
        if !(confidence > 0.0 && confidence < 1.0) {
            return None;
        }
        let p = 1.0 - confidence;
        let place = rule.place(n, p)?;
        let mass = snap(n as f64 * p);
        let next = place.index + usize::from(place.fraction > 0.0);
        let partly = (mass.ceil() as usize).saturating_sub(1);
        Some(Self { place, mass, last: next.max(partly).min(n - 1) })
    }

    /// `worst` returns order statistics by index, from the lowest.
    fn measure(&self, worst: impl Fn(usize) -> Option<f64>) -> Option<Tail> {
        let whole = self.mass.floor() as usize;
        let mut sum = 0.0;
        for index in 0..whole {
            sum += worst(index)?;
        }
        let part = self.mass - self.mass.floor();
        if part > 0.0 {
            sum += part * worst(whole)?;
        }
        let mut quantile = worst(self.place.index)?;
        if self.place.fraction > 0.0 {
            quantile += self.place.fraction * (worst(self.place.index + 1)? - quantile);
        }
        let tail =
            Tail { value_at_risk: 0.0 - quantile, expected_shortfall: 0.0 - sum / self.mass };
        (tail.value_at_risk.is_finite() && tail.expected_shortfall.is_finite()).then_some(tail)
    }
}
