//! Addresses of numbers of an analysis, for gaps; the contract's `MeasureRef` mirrors them.

use crate::day::Day;

/// A number of an analysis, or all numbers that agree in the given parts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MeasureRef {
    /// P&L against average costs.
    ProfitAndLoss,
    /// The P&L of a past day on today's positions.
    Repeat(Day),
    /// The P&L that today's shares made on that day itself.
    RepeatDay(Day),
    /// The return of a trade on a past day.
    RepeatTrade {
        /// The trade.
        trade_id: String,
        /// The day.
        on: Day,
    },
    /// Every group of a breakdown.
    Grouped(Grouping),
    /// The names without a group of a breakdown.
    Ungrouped(Grouping),
    /// Exposures to a factor.
    Factor {
        /// The factor; empty for every one.
        factor_id: String,
        /// The estimate.
        estimate: FactorEstimate,
    },
    /// Betas to a factor that the request chose, by its id; empty for every one.
    ChosenFactor(String),
    /// The beta of a leg to its trade.
    LegBeta {
        /// The trade.
        trade_id: String,
        /// The leg; empty for the names in none.
        leg_id: String,
    },
    /// Every risk measure over a set of scenarios, by its id.
    Scenarios(String),
    /// What today's shares made on the worst day of a set of scenarios, by its id.
    WorstDay(String),
    /// A number of one name.
    Name {
        /// Its symbol; empty for every name.
        symbol: String,
        /// The field.
        field: &'static str,
    },
}

impl MeasureRef {
    /// Memory held outside of itself, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            MeasureRef::Factor { factor_id: text, .. }
            | MeasureRef::Name { symbol: text, .. }
            | MeasureRef::RepeatTrade { trade_id: text, .. }
            | MeasureRef::ChosenFactor(text)
            | MeasureRef::Scenarios(text)
            | MeasureRef::WorstDay(text) => text.capacity(),
            MeasureRef::LegBeta { trade_id, leg_id } => trade_id.capacity() + leg_id.capacity(),
            MeasureRef::ProfitAndLoss
            | MeasureRef::Repeat(_)
            | MeasureRef::RepeatDay(_)
            | MeasureRef::Grouped(_)
            | MeasureRef::Ungrouped(_) => 0,
        }
    }
}

/// What names are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grouping {
    /// The size bucket.
    Size,
    /// The sector.
    Sector,
}

/// The estimate of an exposure to a factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FactorEstimate {
    /// Every one.
    Any,
    /// The sum over names.
    BottomUp,
    /// The slope of the book's own returns.
    TopDown,
}
