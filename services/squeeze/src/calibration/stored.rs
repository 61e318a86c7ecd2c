//! The stored calibration of a view.
//!
//! A calibration is a fact about one series. It is known from the instant as of which it was made on,
//! because it rests on nothing later; the newest one decides, also if it does not pass the gate:
//! then the evidence of an earlier one no longer holds.

use crate::calibration::{Calibration, document};
use marketdata::{
    dataset::{Dataset, Field},
    instant::Instant,
    snapshot::Snapshot,
};

/// The series that calibrations are facts about.
pub const SERIES: &str = "SQUEEZE_CALIBRATION";

/// A stored calibration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stored {
    /// The calibration.
    pub calibration: Calibration,
    /// The instant as of which it was made.
    pub known_at: Instant,
}

/// The newest calibration of a view.
pub fn stored(snapshot: &Snapshot) -> Option<Stored> {
    let rows = snapshot.rows(Dataset::Models, snapshot.series_id(SERIES)?);
    let last = rows.last()?;
    let text = snapshot.text(rows.value(last, Dataset::Models.column(Field::Document))?)?;
    Some(Stored { calibration: document::read(text)?, known_at: rows.published_at(last) })
}
