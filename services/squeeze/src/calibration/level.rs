//! How measures enter a fitted index: as log levels, because percentiles saturate.

use crate::{
    measure::{COMPONENTS, Component},
    name::SqueezeName,
    score::FLOOR,
};

/// How a measure is transformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transform {
    /// ln(measure): for ratios and days.
    Log,
    /// ln(1 + measure): for returns and changes.
    LogOfOnePlus,
}

/// The transformed measures of a name, in the order of [`Component::ALL`]. `None` if it lacks one.
pub type Levels = [Option<f64>; COMPONENTS];

impl Component {
    /// How it enters a fitted index, and the smallest value that is told apart: logarithms of zero
    /// are not finite.
    pub const fn transform(self) -> (Transform, f64) {
        match self {
            Component::ShortOfFloat => (Transform::Log, FLOOR),
            Component::DaysToCover | Component::VolumeRatio => (Transform::Log, 0.01),
            Component::FloatTurnover => (Transform::Log, 0.0001),
            Component::ShortInterestChange
            | Component::ShortsLoss
            | Component::Return5
            | Component::Return20
            | Component::DistanceToHigh => (Transform::LogOfOnePlus, -0.99),
        }
    }

    /// A value of it, transformed.
    pub fn level(self, value: f64) -> f64 {
        let (transform, floor) = self.transform();
        match transform {
            Transform::Log => libm::log(value.max(floor)),
            Transform::LogOfOnePlus => libm::log1p(value.max(floor)),
        }
    }
}

/// The transformed measures of a name.
pub fn levels(name: &SqueezeName) -> Levels {
    Component::ALL.map(|component| Some(component.level(name.measure(component).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ln 1.38, ln(1 − 0.5), and values below their floors.
    #[test]
    fn levels_by_hand() {
        assert!((Component::ShortOfFloat.level(1.38) - 0.322_083_499).abs() < 1e-9);
        assert!((Component::ShortsLoss.level(-0.5) + 0.693_147_181).abs() < 1e-9);
        assert!((Component::FloatTurnover.level(0.0) + 9.210_340_372).abs() < 1e-9);
        assert!((Component::Return5.level(-1.0) + 4.605_170_186).abs() < 1e-9);
    }
}
