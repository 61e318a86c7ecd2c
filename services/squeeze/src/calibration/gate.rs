//! When a fitted model may replace short interest over float, and call its numbers probabilities.

use crate::calibration::Calibration;

/// Episodes that a sample must have: about twenty per coefficient.
const EPISODES: f64 = 200.0;
/// Names that were squeezed: a model of a few names knows these names.
const NAMES: f64 = 100.0;
/// Weeks in which episodes began: events of one week have one cause.
const WEEKS: f64 = 52.0;
/// Regimes in which they began: half-years with at least ten episodes.
const REGIMES: f64 = 3.0;
/// Episodes among the sessions held out.
const HELD_OUT_EPISODES: f64 = 50.0;
/// The slope of right probabilities is 1; it may be this far from it.
const SLOPE: (f64, f64) = (0.8, 1.2);

/// One condition of the gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Requirement {
    /// What is asked, in answers.
    pub id: &'static str,
    /// What was found. `None` if nothing could be fitted or checked, or there is too little for it.
    pub found: Option<f64>,
    /// The least that it must be.
    pub least: Option<f64>,
    /// The most that it may be.
    pub most: Option<f64>,
    /// Whether the least itself is too little.
    is_strict: bool,
}

impl Requirement {
    const fn at_least(id: &'static str, found: f64, least: f64) -> Requirement {
        Requirement { id, found: Some(found), least: Some(least), most: None, is_strict: false }
    }

    /// Whether it holds.
    pub fn holds(&self) -> bool {
        let is_enough = |found: f64| {
            self.least
                .is_none_or(|least| if self.is_strict { least < found } else { least <= found })
                && self.most.is_none_or(|most| found <= most)
        };
        self.found.is_some_and(is_enough)
    }
}

/// Every condition of a calibration, in a fixed order.
pub fn requirements(calibration: &Calibration) -> [Requirement; 8] {
    let sample = &calibration.matured;
    let held_out = f64::from(calibration.held_out.episodes);
    let check = calibration.check.as_ref();
    [
        Requirement::at_least("matured_episodes", f64::from(sample.episodes), EPISODES),
        Requirement::at_least("matured_names", f64::from(sample.names), NAMES),
        Requirement::at_least("matured_weeks", f64::from(sample.weeks), WEEKS),
        Requirement::at_least("matured_regimes", f64::from(sample.regimes), REGIMES),
        Requirement::at_least("held_out_episodes", held_out, HELD_OUT_EPISODES),
        Requirement {
            id: "recalibration_slope",
            found: calibration.recalibration.as_ref().map(|step| step.slope.value),
            least: Some(0.0),
            most: None,
            is_strict: true,
        },
        Requirement {
            id: "lift_difference_lower",
            found: check.and_then(|check| check.lift_difference_lower),
            least: Some(0.0),
            most: None,
            is_strict: true,
        },
        Requirement {
            id: "calibration_slope",
            found: check.map(|check| check.slope.value),
            least: Some(SLOPE.0),
            most: Some(SLOPE.1),
            is_strict: false,
        },
    ]
}
