//! The names of a book with returns of their own, and those without.

use crate::{panel::Panel, settings::TRADES_MAX};
use marketdata::instrument::InstrumentId;

/// A leg's names with returns: rows of the panel and their shares of gross.
pub(crate) type LegTerms = Vec<(u32, f32)>;

/// A name with missing returns: its row of the panel if it has one, its leg of each trade, its net
/// value as a share of the net gross, and its gross as a share of gross.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lacking {
    pub(crate) instrument: InstrumentId,
    pub(crate) row: Option<u32>,
    /// By trade; the standard one is always there.
    pub(crate) legs: [u8; TRADES_MAX + 1],
    pub(crate) weight: f64,
    pub(crate) gross_share: f64,
}

impl Lacking {
    /// Its leg of a trade.
    pub(crate) fn leg_of(&self, trade: usize) -> usize {
        usize::from(self.legs[trade])
    }

    /// Number of the given sessions on which it has no return of its own.
    pub(crate) fn absent(&self, panel: &Panel, sessions: &[usize]) -> usize {
        let is_absent = |at: &&usize| self.row.is_none_or(|row| panel.own(row, **at).is_none());
        sessions.iter().filter(is_absent).count()
    }
}
