//! The next report of earnings that was announced by the as-of date.

use factors::short_ratio::Published;
use marketdata::{
    calendar::sessions_between,
    dataset::{Dataset, Field},
    day::Day,
    instrument::InstrumentId,
    snapshot::Snapshot,
};

/// Sessions within which a report counts as near: those of a squeeze.
const NEAR_SESSIONS: i32 = 5;

/// The next report of one name. Its value is the number of sessions from the market's latest one to
/// the day of the report. `None` if no day is known, which does not say that none is near.
pub(crate) fn next(
    snapshot: &Snapshot,
    instrument: InstrumentId,
    freshest: Option<Day>,
) -> Option<Published> {
    let today = snapshot.today();
    let rows = snapshot.rows(Dataset::EarningsDates, instrument);
    let expected = Dataset::EarningsDates.column(Field::Expected);
    let row = (0..rows.len()).find(|row| {
        today <= rows.day(*row) && rows.value(*row, expected).is_some_and(|value| 0.0 < value)
    })?;
    let (effective_on, published_at) = (rows.day(row), rows.published_at(row));
    let sessions = sessions_between(freshest.unwrap_or(today), effective_on).max(0);
    Some(Published { value: f64::from(sessions), effective_on, published_at })
}

/// Whether a report is near.
pub fn is_near(next: Published) -> bool {
    next.value <= f64::from(NEAR_SESSIONS)
}
