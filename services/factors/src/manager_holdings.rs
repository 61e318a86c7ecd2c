//! What investment managers held of each name, as known: form 13F.
//!
//! A manager's holdings are those of the latest quarter of which it made a complete filing by the as-of
//! day, as the latest such filing lists them, together with what later amendments added. What
//! that filing no longer lists is not held. A manager whose latest quarter is older than a current
//! one can be has stopped reporting and counts no more. Form 13F has no short sales, no cash and
//! nothing of managers below 100 million USD: it is a part of what the crowd holds.

use marketdata::{
    basis::Units,
    dataset::{Dataset, Field},
    day::Day,
    gap::GapReason,
    instant::Instant,
    instrument::InstrumentId,
    snapshot::Snapshot,
};
use std::collections::BTreeMap;

/// The datasets that it reads.
pub const READS: [Dataset; 2] = [Dataset::ManagerHoldings, Dataset::Splits];

/// A quarter is current until the filings of the next one are due: at most 92 days of that quarter,
/// 45 days to file, and a weekend with a holiday.
pub const CURRENT_DAYS: i32 = 92 + 45 + 3;
/// A position of at least this share of what a manager reports is one of conviction (Novus).
pub const CONVICTION: f64 = 0.05;

/// What managers hold of a name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Held {
    /// Number of managers that hold it.
    pub managers: u32,
    /// Number of those of whose reported value it is 5 % or more.
    pub convinced: u32,
    /// Their shares, in the units of the as-of day, or the reason why there is no sum.
    pub shares: Result<f64, GapReason>,
}

/// What every manager together holds, by name.
#[derive(Clone, Debug, PartialEq)]
pub struct ManagerHoldings {
    names: BTreeMap<InstrumentId, Held>,
    /// Number of managers that count.
    pub managers: u32,
    /// First and last quarter's end that a manager's holdings are of. `None` without managers.
    pub periods: Option<(Day, Day)>,
    /// When the latest filing that counts became public.
    pub published_at: Option<Instant>,
}

/// One row of a filing.
#[derive(Clone, Copy, Debug)]
struct Line {
    instrument: InstrumentId,
    manager: InstrumentId,
    period: Day,
    filed: Instant,
    adds: bool,
    shares: Option<f64>,
    value: Option<f64>,
}

/// What is known of a manager.
#[derive(Clone, Copy, Debug)]
struct Manager {
    period: Day,
    /// Its latest complete filing of that quarter.
    complete: Instant,
    /// What it reports, USD. `None` if a position has no value.
    value: Option<f64>,
}

impl ManagerHoldings {
    /// The holdings known to a snapshot.
    pub fn of(snapshot: &Snapshot) -> ManagerHoldings {
        let mut lines = lines(snapshot);
        let mut managers = latest_filings(&lines);
        lines.retain(|line| managers.get(&line.manager).is_some_and(|known| known.has(line)));
        for line in &lines {
            if let Some(manager) = managers.get_mut(&line.manager) {
                manager.value = manager.value.zip(line.value).map(|(sum, value)| sum + value);
            }
        }
        let held = |line: &Line| line.shares.is_none_or(|shares| 0.0 < shares);
        let of_name = |same: &[Line]| {
            let same: Vec<&Line> = same.iter().filter(|line| held(line)).collect();
            (!same.is_empty()).then(|| (same[0].instrument, sum(snapshot, &same, &managers)))
        };
        let names = lines.chunk_by(|a, b| a.instrument == b.instrument).filter_map(of_name);
        let periods = || managers.values().map(|manager| manager.period);
        ManagerHoldings {
            names: names.collect(),
            managers: managers.len() as u32,
            periods: periods().min().zip(periods().max()),
            published_at: lines.iter().map(|line| line.filed).max(),
        }
    }

    /// What managers hold of a name. `None` if none is known to hold it.
    pub fn get(&self, instrument: InstrumentId) -> Option<Held> {
        self.names.get(&instrument).copied()
    }

    /// Every name that a manager holds.
    pub fn names(&self) -> impl Iterator<Item = (InstrumentId, Held)> + '_ {
        self.names.iter().map(|(instrument, held)| (*instrument, *held))
    }

    /// Memory held outside of itself, in bytes.
    pub fn heap_bytes(&self) -> usize {
        // Key, value, and node overhead, with nodes two thirds full on average.
        self.names.len() * (size_of::<InstrumentId>() + size_of::<Held>()) * 3 / 2
    }
}

impl Manager {
    /// Whether a line is part of what it holds.
    fn has(&self, line: &Line) -> bool {
        self.period == line.period && self.complete <= line.filed
    }
}

/// The rows of quarters that may be current: name by name in the order of names, and of each name in
/// the order of the names of managers.
fn lines(snapshot: &Snapshot) -> Vec<Line> {
    const DATASET: Dataset = Dataset::ManagerHoldings;
    let first = snapshot.today().plus(-CURRENT_DAYS);
    let ranks = snapshot.name_ranks();
    let rank = |manager: InstrumentId| ranks.get(manager.0 as usize).copied();
    let mut lines = Vec::new();
    for instrument in snapshot.holders(DATASET) {
        let rows = snapshot.rows(DATASET, instrument).since(first);
        let start = lines.len();
        lines.extend((0..rows.len()).map(|row| {
            let value = |field| rows.value(row, DATASET.column(field));
            Line {
                instrument,
                manager: rows.other(row),
                period: rows.day(row),
                filed: rows.published_at(row),
                adds: value(Field::AddsToFiling) == Some(1.0),
                shares: value(Field::SharesHeld),
                value: value(Field::HeldValue),
            }
        }));
        lines[start..].sort_by_key(|line: &Line| (rank(line.manager), line.period));
    }
    lines
}

/// The latest quarter of each manager with a complete filing, and the latest of these: an addition
/// alone does not say what was held.
fn latest_filings(lines: &[Line]) -> BTreeMap<InstrumentId, Manager> {
    let mut managers: BTreeMap<InstrumentId, Manager> = BTreeMap::new();
    for line in lines.iter().filter(|line| !line.adds) {
        let filing = Manager { period: line.period, complete: line.filed, value: Some(0.0) };
        let latest = managers.entry(line.manager).or_insert(filing);
        if (latest.period, latest.complete) < (filing.period, filing.complete) {
            *latest = filing;
        }
    }
    managers
}

/// What managers hold of one name.
fn sum(snapshot: &Snapshot, lines: &[&Line], managers: &BTreeMap<InstrumentId, Manager>) -> Held {
    let units = Units::of(snapshot, lines[0].instrument);
    let today = snapshot.today();
    let shares = |line: &Line| {
        let change = units.change(line.period, today).ok_or(GapReason::BasisUnknown)?;
        Ok(line.shares.ok_or(GapReason::InputMissing)? * change.shares)
    };
    let is_convinced = |line: &Line| {
        let whole = managers.get(&line.manager).and_then(|manager| manager.value);
        let parts = line.value.zip(whole);
        parts.is_some_and(|(value, whole)| 0.0 < whole && CONVICTION * whole <= value)
    };
    Held {
        managers: lines.len() as u32,
        convinced: lines.iter().filter(|line| is_convinced(line)).count() as u32,
        shares: lines.iter().map(|line| shares(line)).sum(),
    }
}
