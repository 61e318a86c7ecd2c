//! A fitted index: the log odds that a heavily short name is squeezed within five sessions.
//!
//! ```text
//! index = a + Σ b_j·x_j,  x_j = log level of measure j; its mean in the fit where a name lacks it
//! p     = 1/(1 + exp(−index)), kept inside [1e−5, 1 − 1e−5]
//! ```

use crate::{
    calibration::level::Levels,
    measure::{COMPONENTS, Component},
};
use stats::logit::probability;

/// No probability is closer to 0 or 1: a simulation takes neither.
const CLIP: f64 = 1e-5;

/// One term of a fitted index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Term {
    /// What the level of the measure is multiplied by.
    pub coefficient: f64,
    /// Standard error of the coefficient, clustered by name and week.
    pub error: f64,
    /// Mean of the level in the fit, which stands for a level that a name lacks.
    pub mean: f64,
    /// Standard deviation of the level in the fit.
    pub deviation: f64,
}

/// A fitted index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Model {
    /// The constant of the index.
    pub intercept: f64,
    /// Its standard error.
    pub intercept_error: f64,
    /// The terms, in the order of [`Component::ALL`].
    pub terms: [Term; COMPONENTS],
}

impl Model {
    /// The index of a name: the log odds of a squeeze.
    pub fn index(&self, levels: &Levels) -> f64 {
        let parts = Component::ALL.map(|component| {
            let term = &self.terms[component.index()];
            term.coefficient * levels[component.index()].unwrap_or(term.mean)
        });
        self.intercept + parts.iter().sum::<f64>()
    }
}

/// The probability of an index.
pub fn clipped_probability(index: f64) -> f64 {
    probability(index).clamp(CLIP, 1.0 - CLIP)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// −2 + 0.5·ln 0.2 with the other measures at zero or missing: −2 − 0.8047, p = 1/(1 + e^2.8047).
    #[test]
    fn an_index_by_hand() {
        let term = Term { coefficient: 0.0, error: 0.1, mean: 7.0, deviation: 1.0 };
        let mut model = Model { intercept: -2.0, intercept_error: 0.1, terms: [term; COMPONENTS] };
        model.terms[0].coefficient = 0.5;
        let mut levels: Levels = [None; COMPONENTS];
        levels[0] = Some(Component::ShortOfFloat.level(0.2));
        assert!((model.index(&levels) + 2.804_718_956).abs() < 1e-9);
        assert!((clipped_probability(model.index(&levels)) - 0.057_069_704).abs() < 1e-9);
        // A measure that the name lacks counts as its mean in the fit.
        model.terms[3].coefficient = 0.1;
        assert!((model.index(&levels) + 2.104_718_956).abs() < 1e-9);
        assert_eq!(clipped_probability(-50.0).to_bits(), CLIP.to_bits());
    }
}
