//! The newest known holdings of funds.

use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    instrument::InstrumentId,
    snapshot::Snapshot,
};

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

/// What a fund holds as of the newest day of its holdings: names and their weights, decimals, in the
/// order of names. Rows without a weight are left out; empty if no holdings are known.
pub fn newest_weights(snapshot: &Snapshot, fund: InstrumentId) -> Vec<(InstrumentId, f64)> {
    let newest = newest_days(snapshot, &[fund]);
    let column = Dataset::Holdings.column(Field::Weight);
    let weight = |name: InstrumentId| {
        let rows = snapshot.rows(Dataset::Holdings, name);
        let held =
            (0..rows.len()).rev().find(|row| newest.contains(&(rows.other(*row), rows.day(*row))));
        Some((name, rows.value(held?, column)?))
    };
    let mut names: Vec<InstrumentId> =
        if newest.is_empty() { Vec::new() } else { snapshot.holders(Dataset::Holdings).collect() };
    snapshot.sort_by_name(&mut names);
    names.into_iter().filter_map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::{
        fixture::{Fixture, day},
        instant::Instant,
        instrument::Namespace,
    };

    /// Two days of holdings, published on the days after: the newest one that is known counts, and B,
    /// which was sold, is no longer held.
    #[test]
    fn weights_are_those_of_the_newest_day_known() {
        let mut fixture = Fixture::new();
        let [fund, b, a] = ["F", "B", "A"].map(|name| fixture.id(Namespace::Listed, name));
        for (name, on, weight) in
            [(b, "2021-01-04", 0.6), (a, "2021-01-04", 0.3), (a, "2021-02-01", 0.4)]
        {
            let known = Instant::close_of(day(on).plus(1));
            fixture.fact(
                Dataset::Holdings,
                (name, fund),
                day(on),
                known,
                &[(Field::Weight, weight)],
            );
        }
        fixture.commit();
        let at = |on: &str| {
            let snapshot = fixture.snapshot(Instant::close_of(day(on)));
            (newest_weights(&snapshot, fund), newest_weights(&snapshot, a))
        };
        assert_eq!(at("2021-01-04"), (vec![], vec![]));
        assert_eq!(at("2021-01-15"), (vec![(a, 0.3), (b, 0.6)], vec![]));
        assert_eq!(at("2021-02-03"), (vec![(a, 0.4)], vec![]));
    }
}
