//! The score: where a name's short interest over float stands among all names.
//!
//! ```text
//! index = ln(max(T, FLOOR)),  T = short interest / float
//! score = 100 · percentile of the index among the scored names, (mid-rank − ½)/n
//! ```
//!
//! Nothing is fitted, unless the view has a calibration that passed its gate: then the index is its
//! log odds ([`crate::calibration`]). A mixture of the percentiles of nine measures, with weights of our own, ranked
//! the squeezes of December 2020 to March 2021 worse than this one input does, and those days are too
//! few to fit anything. The score is the percentile of the index. Percentiles saturate, so the index is what ranks names: 28 % and 138 % of float are
//! neighbours in percentiles and 1.6 apart in logs.

use crate::{
    calibration::{level::levels, model::Model},
    disclosed::{DISCLOSED, DisclosedMeasure},
    lending::{LendingMeasure, RANKED},
    measure::{COMPONENTS, Component, Measured},
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

/// Name of the fitted method in answers.
pub const FITTED_ID: &str = "logit";

/// Description of the fitted method.
pub const FITTED_METHOD: &str = "index = the log odds that a heavily short name is squeezed within \
    five sessions, a penalised logistic regression on log levels; GetCalibration has its label, its \
    errors, and how good it was on sessions that had no part in the fit. score = 100 x percentile of \
    the index, (mid-rank - 1/2)/n, among all names that have published short interest, a float and a \
    recent price as of the snapshot; a measure that a name lacks counts as its mean in the fit. \
    calibrated = true: squeeze_probability is a probability for heavily short names.";

/// What names are ranked by.
#[derive(Clone, Debug, PartialEq)]
pub enum Index {
    /// ln(max(short interest / float, [`FLOOR`])).
    ShortOfFloat,
    /// The log odds of a calibrated model.
    Fitted(Box<Model>),
}

/// One term of an index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IndexTerm {
    /// The measure.
    pub component: Component,
    /// What its level is multiplied by.
    pub coefficient: f64,
    /// The level that stands for one that a name lacks. `None`: such a name has no score.
    pub stand_in: Option<f64>,
}

impl IndexTerm {
    /// The level of a name, or what stands for it.
    pub fn level(&self, name: &SqueezeName) -> Option<f64> {
        levels(name)[self.component.index()].or(self.stand_in)
    }
}

impl Index {
    /// Its constant.
    pub fn intercept(&self) -> f64 {
        match self {
            Index::ShortOfFloat => 0.0,
            Index::Fitted(model) => model.intercept,
        }
    }

    /// Its terms.
    pub fn terms(&self) -> Vec<IndexTerm> {
        match self {
            Index::ShortOfFloat => vec![IndexTerm {
                component: Component::ShortOfFloat,
                coefficient: 1.0,
                stand_in: None,
            }],
            Index::Fitted(model) => {
                let term = |component: Component| {
                    let term = model.terms[component.index()];
                    let (coefficient, stand_in) = (term.coefficient, Some(term.mean));
                    IndexTerm { component, coefficient, stand_in }
                };
                Component::ALL.map(term).into()
            }
        }
    }

    /// What a name is ranked by. `None` if it cannot be scored.
    fn of(&self, name: &SqueezeName) -> Option<f64> {
        match (name.why_not_scorable(), self) {
            (Some(_), _) => None,
            (None, Index::ShortOfFloat) => levels(name)[Component::ShortOfFloat.index()],
            (None, Index::Fitted(model)) => Some(model.index(&levels(name))),
        }
    }
}

/// Smallest short interest over float in the index: one share in a million. The logarithm of zero
/// is not finite.
pub const FLOOR: f64 = 1e-6;

/// The scores of a universe.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// The score of each name. `None` if it cannot be scored.
    pub names: Vec<Option<Score>>,
    /// What names are ranked by.
    pub index: Index,
    /// Mean of each term's level over the scored names, in the order of the index's terms. `None`
    /// without any.
    pub means: Vec<Option<f64>>,
}

/// The score of one name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// What names are ranked by: see [`Index`].
    pub index: f64,
    /// 0 to 100: 100 · the percentile of the index among the scored names.
    pub points: f64,
    /// Percentile of each measure among the scored names that have it, 0 to 1, in the order of
    /// [`Component::ALL`]. `None` if the name lacks it.
    pub percentiles: [Option<f64>; COMPONENTS],
    /// The same of each measure of lending, in the order of [`LendingMeasure::ranked`].
    pub lending: [Option<f64>; RANKED],
    /// The same of each disclosed measure, in the order of [`DisclosedMeasure::ALL`].
    pub disclosed: [Option<f64>; DISCLOSED],
}

/// The scores of all names by an index.
pub fn score(names: &[SqueezeName], index: Index) -> Scores {
    let scored: Vec<(usize, f64)> =
        names.iter().enumerate().filter_map(|(at, name)| Some((at, index.of(name)?))).collect();
    let indices: Vec<f64> = scored.iter().map(|(_, index)| *index).collect();
    let overall = percentile_ranks(&indices).unwrap_or_default();
    let mut scores = vec![None; names.len()];
    for ((at, index), percentile) in scored.iter().zip(overall) {
        let points = 100.0 * percentile;
        let (percentiles, lending) = ([None; COMPONENTS], [None; RANKED]);
        let disclosed = [None; DISCLOSED];
        scores[*at] = Some(Score { index: *index, points, percentiles, lending, disclosed });
    }
    for component in Component::ALL {
        let rank = |score: &mut Score, rank| score.percentiles[component.index()] = rank;
        ranked(names, |name| name.measure(component), &mut scores, rank);
    }
    for (at, measure) in LendingMeasure::ranked().enumerate() {
        let rank = |score: &mut Score, rank| score.lending[at] = rank;
        ranked(names, |name| name.lending(measure), &mut scores, rank);
    }
    for (at, measure) in DisclosedMeasure::ALL.into_iter().enumerate() {
        let rank = |score: &mut Score, rank| score.disclosed[at] = rank;
        ranked(names, |name| name.disclosed.measure(measure), &mut scores, rank);
    }
    let mean = |term: &IndexTerm| {
        let levels: Vec<f64> =
            scored.iter().filter_map(|(at, _)| term.level(&names[*at])).collect();
        (!levels.is_empty()).then(|| levels.iter().sum::<f64>() / levels.len() as f64)
    };
    let means = index.terms().iter().map(mean).collect();
    Scores { names: scores, index, means }
}

/// Ranks one measure among the scored names that have it, and sets each rank.
fn ranked(
    names: &[SqueezeName],
    measure: impl Fn(&SqueezeName) -> Measured,
    scores: &mut [Option<Score>],
    set: impl Fn(&mut Score, Option<f64>),
) {
    let measured =
        |(name, score): (&SqueezeName, &Option<Score>)| score.and_then(|_| measure(name).ok());
    let values: Vec<Option<f64>> = names.iter().zip(&*scores).map(measured).collect();
    let known: Vec<f64> = values.iter().flatten().copied().collect();
    let mut ranks = percentile_ranks(&known).unwrap_or_default().into_iter();
    for (score, _) in scores.iter_mut().zip(&values).filter(|(_, value)| value.is_some()) {
        if let Some(score) = score {
            set(score, ranks.next());
        }
    }
}
