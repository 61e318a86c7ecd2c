//! The score: weighted percentiles of the measures within the universe as known.
//!
//! `score = Σ weight · 100 · percentile`, where a percentile is (mid-rank − ½)/n among the names
//! that have both core measures and this one. A missing measure counts as ½. Every contribution is
//! kept, and they sum to the score. Nothing is calibrated: a score ranks names; it does not say how
//! often such names were squeezed.

use crate::{
    measure::{COMPONENTS, Component},
    name::SqueezeName,
};
use stats::rank::percentile_ranks;

/// Description of the score, carried by answers.
pub const METHOD: &str = "Percentiles, (mid-rank - 1/2)/n, of nine measures across all names that \
    have published short interest, a float, recent prices and volume as of the snapshot; a missing \
    measure counts as the median; score = sum of weight x 100 x percentile. Days to cover use the \
    21 sessions up to the settlement, so that a squeeze in progress is not hidden by its own \
    volume. Weights are expert choices, not fitted. Returns are total returns, not adjusted for \
    the market. Share counts are on one basis of units. calibrated = false: the score ranks names; \
    it is not a probability.";

/// The score of one name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// 0 to 100, the sum of the contributions.
    pub points: f64,
    /// Percentile rank of the points among all scored names, 0 to 1.
    pub percentile: f64,
    percentiles: [Option<f64>; COMPONENTS],
}

/// What one measure contributes to a score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contribution {
    /// The measure.
    pub component: Component,
    /// Percentile rank of the name's measure, 0 to 1. `None` if it is missing, which counts as ½.
    pub percentile: Option<f64>,
    /// Points contributed, 0 to 100 times the weight.
    pub points: f64,
}

impl Score {
    /// The contribution of each measure, in the order of [`Component::ALL`].
    pub fn contributions(&self) -> [Contribution; COMPONENTS] {
        Component::ALL.map(|component| {
            let percentile = self.percentiles[component.index()];
            Contribution { component, percentile, points: points(component, percentile) }
        })
    }
}

fn points(component: Component, percentile: Option<f64>) -> f64 {
    component.weight() * 100.0 * percentile.unwrap_or(0.5)
}

/// The score of each name. `None` if it cannot be scored.
pub fn score(names: &[SqueezeName]) -> Vec<Option<Score>> {
    let scored: Vec<usize> = (0..names.len()).filter(|at| names[*at].is_scorable()).collect();
    let mut percentiles = vec![[None; COMPONENTS]; scored.len()];
    for component in Component::ALL {
        let (places, values): (Vec<usize>, Vec<f64>) = scored
            .iter()
            .enumerate()
            .filter_map(|(place, at)| Some((place, names[*at].measure(component).ok()?)))
            .unzip();
        let ranks = percentile_ranks(&values).unwrap_or_default();
        for (place, rank) in places.into_iter().zip(ranks) {
            percentiles[place][component.index()] = Some(rank);
        }
    }
    let sums: Vec<f64> = percentiles
        .iter()
        .map(|row| Component::ALL.into_iter().map(|c| points(c, row[c.index()])).sum())
        .collect();
    let overall = percentile_ranks(&sums).unwrap_or_default();
    let mut scores = vec![None; names.len()];
    for (place, at) in scored.into_iter().enumerate() {
        let (points, percentile) = (sums[place], overall[place]);
        scores[at] = Some(Score { points, percentile, percentiles: percentiles[place] });
    }
    scores
}
