//! What past squeezes say about joint losses: how far jumps exceed the least that counts ([`excess`]),
//! and how squeezes cluster ([`correlation`]).
//!
//! A simulation takes the excess as fitted, and of the correlation the one-sided upper bound of 95 %
//! ([`JointFit::cautious_correlation`]). The point estimate thins the tail as often as not: over
//! histories of a known copula the chance of more squeezes than its 99 % quantile is above 1 % on
//! average, with the bound it is below (the tests of [`correlation`]).

pub mod correlation;
pub mod excess;

use crate::calibration::{
    check::Estimate,
    model::{Model, clipped_probability},
    panel::Observation,
};
use correlation::{CORRELATION_MOST, correlation};
use excess::{Event, ExcessFit, excess};
use marketdata::day::Day;
use std::collections::BTreeMap;

/// One-sided bound of 95 %, in standard errors.
const BOUND: f64 = 1.645;

/// How far squeezes jump, and how they cluster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JointFit {
    /// The excess of jumps. `None` with too few events.
    pub excess: Option<ExcessFit>,
    /// ρ, 0 to 0.9. `None` with too few sessions or events, or without a model.
    pub correlation: Option<Estimate>,
}

impl JointFit {
    /// Nothing is fitted.
    pub const NONE: JointFit = JointFit { excess: None, correlation: None };

    /// The correlation that a simulation takes: the one-sided upper bound of 95 %, at most 0.9. `None`
    /// without a fitted one.
    pub fn cautious_correlation(&self) -> Option<f64> {
        let bound = |Estimate { value, error }| f64::min(value + BOUND * error, CORRELATION_MOST);
        self.correlation.map(bound)
    }

    /// What matured observations say, in the order of their sessions.
    pub fn of(matured: &[Observation], model: Option<&Model>) -> JointFit {
        let event = |o: &Observation| {
            let (name, week) = (o.name, o.week());
            o.excess.map(|excess| Event { name, week, excess })
        };
        let excesses: Vec<Event> = matured.iter().filter_map(event).collect();
        let correlation = model.and_then(|model| {
            let mut sessions: BTreeMap<Day, Vec<(f64, bool)>> = BTreeMap::new();
            for o in matured {
                let chance = clipped_probability(model.index(&o.levels));
                sessions.entry(o.on).or_default().push((chance, o.event));
            }
            correlation(&sessions.into_values().collect::<Vec<_>>())
        });
        JointFit { excess: excess(&excesses), correlation }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Within four errors, and within a stated distance.
    #[track_caller]
    pub(super) fn near(found: Estimate, truth: f64, most: f64) {
        let off = (found.value - truth).abs();
        assert!(off <= 4.0 * found.error && off < most, "{found:?} is not {truth}");
        assert!(found.error < most, "{found:?}");
    }

    /// A correlation near 1 and an error are at most the largest one; nothing fitted says nothing.
    #[test]
    fn the_bound_by_hand() {
        let of =
            |value, error| JointFit { excess: None, correlation: Some(Estimate { value, error }) };
        let near = |fit: JointFit, bound: f64| {
            assert!((fit.cautious_correlation().unwrap() - bound).abs() < 1e-12);
        };
        near(of(0.1, 0.02), 0.1329);
        near(of(0.8, 0.2), 0.9);
        assert_eq!(JointFit::NONE.cautious_correlation(), None);
    }
}
