//! A correction of the level and the spread of fitted log odds, out of time.
//!
//! A logistic regression of events on the fitted index (Platt 1999), by sessions after the fit and
//! before the check: a fit of few events spreads its probabilities too far, and the level of one regime
//! is not that of the next. An isotonic step would give exact zeros, which a copula cannot take.

use crate::calibration::{
    check::{Estimate, calibration_line},
    model::{Model, Term},
    panel::Observation,
    sample::Sample,
};
use marketdata::day::Day;

/// Episodes without which a slope says nothing.
const EPISODES: u32 = 30;

/// The step, and what it rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recalibration {
    /// Its sessions, first and last.
    pub days: (Day, Day),
    /// What they hold.
    pub sample: Sample,
    /// What fitted log odds are multiplied by.
    pub slope: Estimate,
    /// What is added to them then.
    pub intercept: Estimate,
}

impl Recalibration {
    /// The step for a model, from observations in the order of their sessions that had no part in its
    /// fit. `None` with too few episodes.
    pub fn of(model: &Model, observations: &[&Observation]) -> Option<Recalibration> {
        let owned: Vec<Observation> = observations.iter().map(|o| **o).collect();
        let sample = Sample::of(&owned);
        if sample.episodes < EPISODES {
            return None;
        }
        let odds: Vec<f64> = observations.iter().map(|o| model.index(&o.levels)).collect();
        let [intercept, slope] = calibration_line(&odds, observations)?;
        let days = (observations.first()?.on, observations.last()?.on);
        Some(Recalibration { days, sample, slope, intercept })
    }

    /// Whether it may be applied. If what the fit calls likely happened less often, it would turn the
    /// model around; then the fit is of no use, corrected or not, and the gate refuses it.
    pub fn is_applicable(&self) -> bool {
        0.0 < self.slope.value
    }

    /// The model whose index is the corrected one of another.
    pub fn applied(&self, model: &Model) -> Model {
        let slope = self.slope.value;
        let term = |term: Term| Term {
            coefficient: slope * term.coefficient,
            error: slope * term.error,
            ..term
        };
        Model {
            intercept: self.intercept.value + slope * model.intercept,
            intercept_error: slope * model.intercept_error,
            terms: model.terms.map(term),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{COMPONENTS, Component};
    use marketdata::calendar::plus_sessions;
    use stats::{logit::probability, rng::Rng};

    /// Log odds −2 + x with x standard normal, by session and name.
    fn observations(names: u32, sessions: i32, seed: u64) -> Vec<Observation> {
        let mut rng = Rng::new(seed, 3);
        let mut all = Vec::new();
        for at in 0..sessions {
            for name in 0..names {
                let x = rng.normal();
                let mut levels = [None; COMPONENTS];
                levels[Component::FloatTurnover.index()] = Some(x);
                let event = rng.uniform() < probability(x - 2.0);
                let on = plus_sessions(Day::from_epoch(18_600), at);
                all.push(Observation { on, name, levels, event, excess: None });
            }
        }
        all
    }

    fn model(intercept: f64, coefficient: f64) -> Model {
        let term = Term { coefficient: 0.0, error: 0.1, mean: 0.0, deviation: 1.0 };
        let mut model = Model { intercept, intercept_error: 0.2, terms: [term; COMPONENTS] };
        model.terms[Component::FloatTurnover.index()].coefficient = coefficient;
        model
    }

    /// A model whose log odds are −1 + 2x is twice too wide: −2 + x = ½·(−1 + 2x) − 1½. The step finds
    /// both within three of its errors, and the corrected model is the true one.
    #[test]
    fn a_model_that_spreads_too_far_is_drawn_in() {
        let observations = observations(100, 120, 7);
        let all: Vec<&Observation> = observations.iter().collect();
        let found = Recalibration::of(&model(-1.0, 2.0), &all).unwrap();
        assert!((found.slope.value - 0.5).abs() < 3.0 * found.slope.error, "{found:?}");
        assert!((found.intercept.value + 1.5).abs() < 3.0 * found.intercept.error, "{found:?}");
        assert!(found.slope.error < 0.05, "{found:?}");
        let corrected = found.applied(&model(-1.0, 2.0));
        let of = |model: &Model, x: f64| {
            let mut levels = [None; COMPONENTS];
            levels[Component::FloatTurnover.index()] = Some(x);
            model.index(&levels)
        };
        for x in [-2.0, 0.0, 3.0] {
            let expected = found.intercept.value + found.slope.value * (2.0 * x - 1.0);
            assert!((of(&corrected, x) - expected).abs() < 1e-12);
        }
        assert!((corrected.terms[0].error - 0.1 * found.slope.value).abs() < 1e-15);
        // Applied twice it would change nothing more.
        let again = Recalibration::of(&corrected, &all).unwrap();
        assert!((again.slope.value - 1.0).abs() < 1e-6 && again.intercept.value.abs() < 1e-6);
    }

    /// The step of a model that is the wrong way round may not be applied. Sessions with fewer than 30
    /// episodes give none.
    #[test]
    fn what_says_nothing_is_refused() {
        let observations = observations(100, 40, 7);
        let all: Vec<&Observation> = observations.iter().collect();
        let applicable = |model| Recalibration::of(&model, &all).map(|step| step.is_applicable());
        assert_eq!(applicable(model(-1.0, 2.0)), Some(true));
        assert_eq!(applicable(model(-1.0, -2.0)), Some(false));
        let mut episodes = 0;
        let few: Vec<&Observation> = all
            .into_iter()
            .filter(|o| {
                !o.event || {
                    episodes += 1;
                    episodes < 30
                }
            })
            .collect();
        assert_eq!(Recalibration::of(&model(-1.0, 2.0), &few), None);
        assert_eq!(Recalibration::of(&model(-1.0, 2.0), &[]), None);
    }
}
