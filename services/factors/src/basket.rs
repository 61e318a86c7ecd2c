//! The megacaps by issuer: market value, and its change over each day.

use crate::{
    caps::CapHistory,
    market_value::CapSource,
    roles::{Issuer, Roles},
};
use marketdata::{bars::Bars, day::Day, instrument::InstrumentId, snapshot::Snapshot};

/// One megacap issuer, with its listed classes added up.
#[derive(Clone, Debug, PartialEq)]
pub struct Megacap {
    /// The issuer's configured name.
    pub name: String,
    /// For each day, the day on which its change begins: the day of the previous row.
    pub from: Vec<Day>,
    /// The days, strictly ascending.
    pub days: Vec<Day>,
    /// Market value at the close of the previous row, USD; positive.
    pub before: Vec<f64>,
    /// Market value at each day's close, USD.
    pub cap: Vec<f64>,
    /// Change of market value over the day, USD, without issuance and buybacks. The first day of a
    /// history has no change and is left out.
    pub change: Vec<f64>,
    /// The classes used, as configured.
    pub classes: Vec<String>,
    /// The source of the market values.
    pub source: CapSource,
    /// The first day on which the shares of all its classes are known; the values begin there.
    pub known_from: Day,
    /// The first day with a price of any of the classes used.
    pub priced_from: Day,
}

impl Megacap {
    /// The change of day `i` divided by the market value before it, a decimal.
    pub fn growth(&self, i: usize) -> f64 {
        self.change[i] / self.before[i]
    }
}

/// An issuer without any class that has both prices and shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingIssuer {
    /// The issuer's configured name.
    pub name: String,
    /// Whether a price is known, so that only the shares are missing.
    pub priced: bool,
}

/// All megacaps with a history, and those without one.
pub fn megacaps(snapshot: &Snapshot, roles: &Roles) -> (Vec<Megacap>, Vec<MissingIssuer>) {
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for issuer in &roles.megacaps {
        match megacap(snapshot, issuer) {
            Ok(megacap) => found.push(megacap),
            Err(lacking) => missing.push(lacking),
        }
    }
    (found, missing)
}

fn megacap(snapshot: &Snapshot, issuer: &Issuer) -> Result<Megacap, MissingIssuer> {
    let lines: Vec<(&String, Bars<'_>, InstrumentId)> = issuer
        .lines(snapshot)
        .map(|(class, id)| (class, Bars::of(snapshot, id), id))
        .filter(|(_, bars, _)| !bars.is_empty())
        .collect();
    let priced = !lines.is_empty();
    let mut classes: Vec<_> = lines
        .iter()
        .filter_map(|(class, bars, id)| Some((class, bars, CapHistory::of(snapshot, *id, bars)?)))
        .collect();
    // A printed value covers the whole company: one line carries it, and adding others would count
    // it twice.
    if let Some(at) = classes.iter().position(|(_, _, caps)| caps.source == CapSource::Printed) {
        classes = vec![classes.swap_remove(at)];
    }
    let Some(((_, bars, first), rest)) = classes.split_first() else {
        return Err(MissingIssuer { name: issuer.name.clone(), priced });
    };
    let mut megacap = Megacap {
        name: issuer.name.clone(),
        from: Vec::new(),
        days: Vec::new(),
        before: Vec::new(),
        cap: Vec::new(),
        change: Vec::new(),
        classes: classes.iter().map(|(class, _, _)| (*class).to_string()).collect(),
        source: first.source,
        known_from: classes.iter().map(|(_, _, caps)| caps.known_from).max().unwrap_or(Day::MIN),
        priced_from: classes.iter().map(|(_, bars, _)| bars.days[0]).min().unwrap_or(Day::MIN),
    };
    let today = snapshot.today();
    for i in 1..bars.len() {
        let (from, day) = (bars.days[i - 1], bars.days[i]);
        let others = rest.iter().filter(|(_, bars, _)| {
            is_listed(span(bars), from, today) && is_listed(span(bars), day, today)
        });
        let all = others.map(|(_, bars, caps)| moved(caps, row_of(bars, from, day)?));
        let sum = all.fold(moved(first, i), |sum, class| {
            let (sum, class) = (sum?, class?);
            Some(std::array::from_fn(|k| sum[k] + class[k]))
        });
        let Some([before, cap, change]) = sum else { continue };
        megacap.from.push(from);
        megacap.days.push(day);
        megacap.before.push(before);
        megacap.cap.push(cap);
        megacap.change.push(change);
    }
    Ok(megacap)
}

/// A class without a price for more than this many days has been delisted; otherwise a bar is
/// missing.
const LEFT_DAYS: i32 = 14;

/// Whether a class belongs to its issuer's sum on `day`, as known on `today`: it has a price at or
/// before `day`, and it was not delisted before `day`. `span` holds the days of its first and last
/// price. A sum without a class that belongs to it is a different quantity, so a day has no sum if
/// the price of such a class is missing on that day or if its shares are not known yet.
pub fn is_listed(span: Option<(Day, Day)>, day: Day, today: Day) -> bool {
    span.is_some_and(|(first, last)| first <= day && (day <= last || has_not_left(last, today)))
}

/// Whether a class whose last price is of day `last` only lacks its later prices; otherwise it was
/// delisted.
pub fn has_not_left(last: Day, today: Day) -> bool {
    today <= last.plus(LEFT_DAYS)
}

fn span(bars: &Bars<'_>) -> Option<(Day, Day)> {
    bars.days.first().copied().zip(bars.days.last().copied())
}

/// The row that ends on `day`, if its change begins on `from`; `None` otherwise.
fn row_of(bars: &Bars<'_>, from: Day, day: Day) -> Option<usize> {
    let row = bars.days.binary_search(&day).ok()?;
    (bars.days[row.checked_sub(1)?] == from).then_some(row)
}

/// Value before, value after and change of a row, USD.
fn moved(caps: &CapHistory, i: usize) -> Option<[f64; 3]> {
    Some([caps.at(i.checked_sub(1)?)?, caps.at(i)?, caps.change(i)?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::{
        dataset::{Dataset, Field},
        fixture::{Fixture, day},
        instant::Instant,
        instrument::Namespace,
    };

    #[test]
    fn classes_of_one_issuer_are_added_up_and_a_printed_value_is_not() {
        let mut fixture = Fixture::new();
        let start = day("2021-01-04");
        let closes = [(start, 10.0), (start.plus(1), 11.0), (start.plus(2), 9.9)];
        fixture.closes("GOOGL", &closes).closes("GOOG", &closes).closes("MSFT", &closes);
        let at = Instant::close_of(start);
        let key = |id| (id, InstrumentId::NONE);
        for name in ["GOOGL", "GOOG"] {
            let id = fixture.id(Namespace::Listed, name);
            let shares = [(Field::SharesOutstanding, 100.0)];
            fixture.fact(Dataset::ShareCounts, key(id), start, at, &shares);
        }
        fixture.commit();
        let as_of = Instant::close_of(start.plus(3));
        let (found, missing) = megacaps(&fixture.snapshot(as_of), &Roles::standard());
        assert_eq!(found.len(), 1);
        // 200 shares: +1 each, then −1.10 each, from 2,000 and 2,200.
        assert_eq!(found[0].days, [start.plus(1), start.plus(2)]);
        assert!((found[0].change[0] - 200.0).abs() < 1e-9);
        assert!((found[0].change[1] + 220.0).abs() < 1e-9);
        assert!((found[0].growth(0) - 0.1).abs() < 1e-12);
        assert!((found[0].growth(1) + 0.1).abs() < 1e-12);
        assert_eq!(missing.len(), 6);
        assert!(missing.iter().any(|issuer| issuer.name == "MSFT" && issuer.priced));
        assert!(missing.iter().any(|issuer| issuer.name == "AAPL" && !issuer.priced));

        // One line under two symbols is one class: 100 shares, and +1 each.
        fixture.merge("GOOGL", "GOOG", true).commit();
        let (found, _) = megacaps(&fixture.snapshot(as_of), &Roles::standard());
        assert_eq!(found[0].classes, ["GOOGL"]);
        assert!((found[0].change[0] - 100.0).abs() < 1e-9);
    }

    #[test]
    fn classes_change_over_the_same_sessions_or_not_at_all() {
        let mut fixture = Fixture::new();
        let start = day("2021-01-04");
        let closes: Vec<(Day, f64)> =
            (0..5).map(|i| (start.plus(i), 10.0 + f64::from(i))).collect();
        fixture.closes("GOOGL", &closes);
        // No close on the second day, so the change to the third begins on the first.
        fixture.closes("GOOG", &[closes[0], closes[2], closes[3], closes[4]]);
        for name in ["GOOGL", "GOOG"] {
            let key = (fixture.id(Namespace::Listed, name), InstrumentId::NONE);
            let shares = [(Field::SharesOutstanding, 100.0)];
            fixture.fact(Dataset::ShareCounts, key, start, Instant::close_of(start), &shares);
        }
        fixture.commit();
        let as_of = Instant::close_of(start.plus(5));
        let (found, _) = megacaps(&fixture.snapshot(as_of), &Roles::standard());
        assert_eq!(found[0].days, [start.plus(3), start.plus(4)]);
        assert_eq!(found[0].from, [start.plus(2), start.plus(3)]);
        // 100 shares of each class, up by 1 each.
        assert!(found[0].change.iter().all(|change| (change - 200.0).abs() < 1e-9));
    }

    #[test]
    fn a_printed_value_counts_once() {
        let mut fixture = Fixture::new();
        let start = day("2021-01-04");
        let closes = [(start, 10.0), (start.plus(1), 11.0)];
        fixture.closes("GOOGL", &closes).closes("GOOG", &closes);
        for name in ["GOOGL", "GOOG"] {
            let id = fixture.id(Namespace::Listed, name);
            let at = Instant::close_of(start);
            let values = [(Field::MarketCap, 2_000.0)];
            fixture.fact(Dataset::Listings, (id, InstrumentId::NONE), start, at, &values);
        }
        fixture.commit();
        let snapshot = fixture.snapshot(Instant::close_of(start.plus(1)));
        let (found, _) = megacaps(&snapshot, &Roles::standard());
        assert_eq!(found[0].source, CapSource::Printed);
        assert!((found[0].change[0] - 200.0).abs() < 1e-9);
        assert!((found[0].cap[0] - 2_200.0).abs() < 1e-9);
    }
}
