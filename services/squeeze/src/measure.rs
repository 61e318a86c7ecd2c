//! The measures of a name that are ranked against all names.

use marketdata::gap::GapReason;

/// A number, or the reason why it is missing.
pub type Measured = Result<f64, GapReason>;

/// A measure that is ranked against all names. For all of them, more means more pressure on the
/// shorts. Only the first enters the score; the others stand beside it as evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// Short interest / float, a decimal; can exceed 1.
    ShortOfFloat,
    /// Short interest / average volume over the 21 sessions up to the settlement, in days. Later
    /// sessions are excluded: the volume of a squeeze in progress would lower its own days to
    /// cover.
    DaysToCover,
    /// Change of short interest since the previous settlement, a decimal.
    ShortInterestChange,
    /// Total return since the settlement, a decimal: the loss of shorts that were open then.
    ShortsLoss,
    /// Total return over 5 sessions, a decimal, not adjusted for the market.
    Return5,
    /// Total return over 20 sessions, a decimal, not adjusted for the market.
    Return20,
    /// Close / highest close of the last 252 sessions − 1: 0 at a new high, otherwise negative.
    DistanceToHigh,
    /// Average volume of the last 5 sessions / average volume of the 63 sessions before them.
    VolumeRatio,
    /// Shares traded since the settlement / float.
    FloatTurnover,
}

/// Number of components.
pub const COMPONENTS: usize = 9;

impl Component {
    /// Every component, in the order of all tables.
    pub const ALL: [Component; COMPONENTS] = [
        Component::ShortOfFloat,
        Component::DaysToCover,
        Component::ShortInterestChange,
        Component::ShortsLoss,
        Component::Return5,
        Component::Return20,
        Component::DistanceToHigh,
        Component::VolumeRatio,
        Component::FloatTurnover,
    ];

    /// Index in [`Component::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Name of the component in answers.
    pub const fn id(self) -> &'static str {
        match self {
            Component::ShortOfFloat => "short_of_float",
            Component::DaysToCover => "days_to_cover_at_settlement",
            Component::ShortInterestChange => "short_interest_change",
            Component::ShortsLoss => "return_since_settlement",
            Component::Return5 => "five_session_return",
            Component::Return20 => "twenty_session_return",
            Component::DistanceToHigh => "distance_to_high",
            Component::VolumeRatio => "volume_ratio",
            Component::FloatTurnover => "float_turnover",
        }
    }

    /// Whether it is computed from short interest or its settlement day.
    pub const fn is_of_short_interest(self) -> bool {
        match self {
            Component::ShortOfFloat
            | Component::DaysToCover
            | Component::ShortInterestChange
            | Component::ShortsLoss
            | Component::FloatTurnover => true,
            Component::Return5
            | Component::Return20
            | Component::DistanceToHigh
            | Component::VolumeRatio => false,
        }
    }
}

/// `numerator / denominator`, or the reason if the denominator is zero.
pub(crate) fn ratio(numerator: f64, denominator: f64) -> Measured {
    if 0.0 < denominator {
        Ok(numerator / denominator).and_then(finite)
    } else {
        Err(GapReason::Degenerate)
    }
}

fn finite(value: f64) -> Measured {
    if value.is_finite() { Ok(value) } else { Err(GapReason::Degenerate) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        for (at, component) in Component::ALL.into_iter().enumerate() {
            assert_eq!(component.index(), at);
        }
    }

    #[test]
    fn a_zero_denominator_is_a_reason() {
        assert_eq!(ratio(1.0, 0.0), Err(GapReason::Degenerate));
        // 1,600,000 / 80,000 = 20 days: the published example, corrected (methodology.md D1).
        assert_eq!(ratio(1_600_000.0, 80_000.0), Ok(20.0));
    }
}
