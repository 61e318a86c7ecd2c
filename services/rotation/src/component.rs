//! The four scores and the measures that they are made of (methodology A21).

use crate::standardise::Scale;

/// Subject of a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Score {
    /// Small caps ahead of large caps; negative when they lag.
    Size,
    /// Broad participation: the many ahead of the few.
    Breadth,
    /// Flight from risk.
    Risk,
    /// Squeeze pressure: the most-shorted names ahead of the market. It decides no state.
    Squeeze,
}

impl Score {
    /// Every score, in the order of an answer.
    pub const ALL: [Score; 4] = [Score::Size, Score::Breadth, Score::Risk, Score::Squeeze];

    /// Whether the score also switches on downwards. Only the size score does.
    pub const fn two_sided(self) -> bool {
        matches!(self, Score::Size)
    }

    /// Whether the state depends on it.
    pub const fn decides_state(self) -> bool {
        !matches!(self, Score::Squeeze)
    }
}

/// One measure's part in a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Component {
    /// The measure's id.
    pub measure: &'static str,
    /// False if a rise of the measure lowers the score.
    pub raises: bool,
    /// How its values are standardised.
    pub scale: Scale,
}

impl Component {
    /// +1, or −1 if a rise of the measure lowers the score.
    pub const fn sign(self) -> f64 {
        if self.raises { 1.0 } else { -1.0 }
    }
}

/// Number of components of each score.
pub const PARTS: usize = 4;

/// Every component: those of the size score, of breadth, of risk, of squeeze pressure.
pub const COMPONENTS: [Component; Score::ALL.len() * PARTS] = [
    rise("small_vs_nasdaq.5d", 5, "small_vs_nasdaq.1d"),
    rise("size_spread.21d", 21, "size_spread.1d"),
    fall("concentration.top7_weight.5d", 5, "concentration.top7_weight.1d"),
    rise("most_shorted.less_index.5d", 5, "most_shorted.less_index.1d"),
    rise("equal_minus_cap.5d", 5, "equal_minus_cap.1d"),
    rise("share_above_50d.change.10d", 10, "share_above_50d.change.1d"),
    high("advance_decline_line.share.5d"),
    high("new_highs_less_lows"),
    fall("index_return.large_cap_index.5d", 5, "index_return.large_cap_index.1d"),
    rise("volatility_change.21d", 21, "volatility_change.1d"),
    rise("defensive_minus_cyclical.5d", 5, "defensive_minus_cyclical.1d"),
    rise("credit_spread_change_bp.5d", 5, "credit_spread_change_bp.1d"),
    rise("most_shorted.less_index.1d", 1, "most_shorted.less_index.1d"),
    rise("most_shorted.less_index.5d", 5, "most_shorted.less_index.1d"),
    rise("most_shorted.less_index.21d", 21, "most_shorted.less_index.1d"),
    rise("most_shorted.5d", 5, "most_shorted.1d"),
];

/// The components of a score with their places in [`COMPONENTS`].
pub fn parts_of(score: Score) -> impl Iterator<Item = (usize, &'static Component)> {
    COMPONENTS.iter().enumerate().skip(score as usize * PARTS).take(PARTS)
}

const fn rise(measure: &'static str, sessions: usize, daily: &'static str) -> Component {
    Component { measure, raises: true, scale: Scale::Change { sessions, daily } }
}

const fn fall(measure: &'static str, sessions: usize, daily: &'static str) -> Component {
    Component { raises: false, ..rise(measure, sessions, daily) }
}

const fn high(measure: &'static str) -> Component {
    Component { measure, raises: true, scale: Scale::Rank }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_component_is_a_measure_over_its_sessions() {
        let specs: Vec<_> = crate::indicator::ALL.iter().flat_map(|i| (i.specs)()).collect();
        let horizon = |id: &str| specs.iter().find(|spec| spec.id == id).map(|spec| spec.horizon);
        for part in &COMPONENTS {
            match part.scale {
                Scale::Rank => assert!(horizon(part.measure).is_some(), "{}", part.measure),
                Scale::Change { sessions, daily } => {
                    assert_eq!(horizon(part.measure), Some(sessions), "{}", part.measure);
                    assert_eq!(horizon(daily), Some(1), "{daily}");
                }
            }
        }
    }
}
