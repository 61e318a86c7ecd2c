//! The P&L of a scenario, of which a limit may be a floor.
//!
//! It is linear in positions: a weight per line and an offset, what the options of the book itself
//! make beyond their deltas. No plan changes it, so it is computed once for all of them.

use crate::desk::{Desk, DeskLine};
use marketdata::{currency::Currency, instrument::InstrumentId};
use std::collections::{BTreeMap, BTreeSet};

/// What happens in a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Moves {
    /// Returns by instrument, decimals, in the base currency.
    pub returns: BTreeMap<InstrumentId, f64>,
    /// Growth of rates as factors, by currency. One that is not named stays.
    pub rates: BTreeMap<Currency, f64>,
}

/// The P&L of a scenario, in money.
#[derive(Clone, Debug, PartialEq)]
pub struct ScenarioPnl {
    /// Per money of each line of the desk.
    pub(crate) weights: Vec<f64>,
    /// Whatever trades.
    pub(crate) offset: f64,
}

/// Why a scenario has no P&L.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoScenario {
    /// It has no return of the line with this id.
    Line(String),
    /// The caller has gone.
    Gone,
}

impl Desk<'_> {
    /// The currencies of strikes other than the base currency.
    #[must_use]
    pub fn strike_currencies(&self) -> BTreeSet<Currency> {
        let held = self.held_options.strikes().map(|(_, currency)| currency);
        let all = held.chain(self.lines.iter().filter_map(DeskLine::strike_in));
        let base = self.view.risk.snapshot.base();
        all.filter(|currency| *currency != base).collect()
    }

    /// The P&L of a scenario: lines have the return of what they move as, and options are valued
    /// anew at it, those of the book itself too. The caller is asked before each of these.
    ///
    /// # Errors
    /// [`NoScenario`].
    pub fn scenario(&self, moves: &Moves) -> Result<ScenarioPnl, NoScenario> {
        let of = |line: &DeskLine| {
            moves.returns.get(&line.instrument).copied().ok_or_else(|| line.id.clone())
        };
        let returns: Result<Vec<f64>, String> = self.lines.iter().map(of).collect();
        let returns = returns.map_err(NoScenario::Line)?;
        let moved = |(line, r): (&DeskLine, &f64)| {
            if self.caller.has_gone() {
                return None;
            }
            Some(line.moved_with(*r, moves.growth(line.strike_in())))
        };
        let weights = self.lines.iter().zip(&returns).map(moved).collect::<Option<_>>();
        let growth = |currency| moves.growth(currency);
        let offset = self.held_options.after(&|line| returns[line], &growth, &self.caller);
        let both = weights.zip(offset).ok_or(NoScenario::Gone)?;
        Ok(ScenarioPnl { weights: both.0, offset: both.1 })
    }
}

impl Moves {
    fn growth(&self, currency: Option<Currency>) -> f64 {
        currency.and_then(|currency| self.rates.get(&currency)).copied().unwrap_or(1.0)
    }
}
