//! The newest known holdings of funds.

use marketdata::{dataset::Dataset, day::Day, instrument::InstrumentId, snapshot::Snapshot};

/// Names that one of several funds holds, each fund as of the newest day of its holdings.
///
/// The order of the names is that of their numbers; no answer may depend on it.
pub fn newest_holdings(snapshot: &Snapshot, funds: &[InstrumentId]) -> Vec<InstrumentId> {
    let newest = newest_days(snapshot, funds);
    if newest.is_empty() {
        return Vec::new();
    }
    let is_held = |name: &InstrumentId| {
        let rows = snapshot.rows(Dataset::Holdings, *name);
        (0..rows.len()).rev().any(|row| newest.contains(&(rows.other(row), rows.day(row))))
    };
    snapshot.holders(Dataset::Holdings).filter(is_held).collect()
}

/// The day of the newest holdings of each fund.
fn newest_days(snapshot: &Snapshot, funds: &[InstrumentId]) -> Vec<(InstrumentId, Day)> {
    let mut newest: Vec<(InstrumentId, Day)> = Vec::new();
    if funds.is_empty() {
        return newest;
    }
    for holder in snapshot.holders(Dataset::Holdings) {
        let rows = snapshot.rows(Dataset::Holdings, holder);
        for row in (0..rows.len()).filter(|row| funds.contains(&rows.other(*row))) {
            let (fund, day) = (rows.other(row), rows.day(row));
            match newest.iter_mut().find(|(known, _)| *known == fund) {
                Some((_, last)) => *last = day.max(*last),
                None => newest.push((fund, day)),
            }
        }
    }
    newest
}
