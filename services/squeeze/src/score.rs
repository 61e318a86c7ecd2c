//! The score: where a name's short interest over float stands among all names.
//!
//! ```text
//! index = ln(max(T, FLOOR)),  T = short interest / float
//! score = 100 · percentile of the index among the scored names, (mid-rank − ½)/n
//! ```
//!
//! Nothing is fitted. A mixture of the percentiles of nine measures, with weights of our own, ranked
//! the squeezes of December 2020 to March 2021 worse than this one input does, and those days are too
//! few to fit anything. A fitted model would be another index with more terms; the score stays its
//! percentile. Percentiles saturate, so the index is what ranks names: 28 % and 138 % of float are
//! neighbours in percentiles and 1.6 apart in logs.

use crate::{
    measure::{COMPONENTS, Component},
    name::SqueezeName,
};
use stats::rank::percentile_ranks;

/// Name of the method in answers.
pub const METHOD_ID: &str = "log_short_of_float";

/// Description of the score, carried by answers.
pub const METHOD: &str = "index = ln(short interest / float), at least ln(0.000001); score = 100 x \
    percentile of the index, (mid-rank - 1/2)/n, among all names that have published short \
    interest, a float and a recent price as of the snapshot. The other measures are shown beside \
    it with their percentiles and do not enter the score. Returns are total returns, not adjusted \
    for the market. Share counts are on one basis of units. calibrated = false: the score ranks \
    names; it is not a probability.";

/// Smallest short interest over float in the index: one share in a million. The logarithm of zero
/// is not finite.
pub const FLOOR: f64 = 1e-6;

/// The scores of a universe.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// The score of each name. `None` if it cannot be scored.
    pub names: Vec<Option<Score>>,
    /// Mean of the index over the scored names. `None` without any.
    pub mean_index: Option<f64>,
}

/// The score of one name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// ln(max(short interest / float, [`FLOOR`])), what names are ranked by.
    pub index: f64,
    /// 0 to 100: 100 · the percentile of the index among the scored names.
    pub points: f64,
    /// Percentile of each measure among the scored names that have it, 0 to 1, in the order of
    /// [`Component::ALL`]. `None` if the name lacks it.
    pub percentiles: [Option<f64>; COMPONENTS],
}

/// The scores of all names.
pub fn score(names: &[SqueezeName]) -> Scores {
    let scored: Vec<(usize, f64)> =
        names.iter().enumerate().filter_map(|(at, name)| Some((at, index(name)?))).collect();
    let indices: Vec<f64> = scored.iter().map(|(_, index)| *index).collect();
    let overall = percentile_ranks(&indices).unwrap_or_default();
    let mut scores = vec![None; names.len()];
    for ((at, index), percentile) in scored.iter().zip(overall) {
        let percentiles = [None; COMPONENTS];
        scores[*at] = Some(Score { index: *index, points: 100.0 * percentile, percentiles });
    }
    for component in Component::ALL {
        rank(names, component, &mut scores);
    }
    let mean = |sum: f64| sum / indices.len() as f64;
    let mean_index = (!indices.is_empty()).then(|| mean(indices.iter().sum()));
    Scores { names: scores, mean_index }
}

/// What names are ranked by. `None` if the name cannot be scored.
fn index(name: &SqueezeName) -> Option<f64> {
    match name.why_not_scorable() {
        Some(_) => None,
        None => Some(libm::log(name.measure(Component::ShortOfFloat).ok()?.max(FLOOR))),
    }
}

/// Ranks one measure among the scored names that have it.
fn rank(names: &[SqueezeName], component: Component, scores: &mut [Option<Score>]) {
    let measured = |(name, score): (&SqueezeName, &Option<Score>)| {
        score.and_then(|_| name.measure(component).ok())
    };
    let values: Vec<Option<f64>> = names.iter().zip(&*scores).map(measured).collect();
    let known: Vec<f64> = values.iter().flatten().copied().collect();
    let mut ranks = percentile_ranks(&known).unwrap_or_default().into_iter();
    for (score, _) in scores.iter_mut().zip(&values).filter(|(_, value)| value.is_some()) {
        if let Some(score) = score {
            score.percentiles[component.index()] = ranks.next();
        }
    }
}
