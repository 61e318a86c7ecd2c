//! Thresholds on measures of the names that a book is short of, and what became of them between two
//! views.
//!
//! A reading is a function of one view, and a turn one of two, so that a stream that was interrupted
//! reports the same as one that was not.

use crate::{
    assess::unresolved,
    disclosed::{DisclosedMeasure, ON_THRESHOLD},
    lending::LendingMeasure,
    measure::{Component, Measured},
    name::SqueezeName,
    shorts::{Short, Shorts},
    universe::Universe,
};
use marketdata::{
    dataset::Dataset,
    day::Day,
    gap::{Gap, GapReason},
    instrument::InstrumentId,
};
use std::collections::BTreeMap;

/// A measure that can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watched {
    /// The score, 0 to 100.
    Score,
    /// Short interest / average volume over the 21 sessions up to the last close, in days.
    DaysToCoverAtRecentVolume,
    /// A measure that is ranked against all names.
    Ranked(Component),
    /// A measure of the market for borrowing its shares.
    Lending(LendingMeasure),
    /// A disclosed measure.
    Disclosed(DisclosedMeasure),
    /// 1 if it is a threshold security by its fails, 0 if it is not.
    OnFailsThreshold,
}

impl Watched {
    /// Every measure.
    pub fn all() -> impl Iterator<Item = Watched> {
        let ranked = Component::ALL.into_iter().map(Watched::Ranked);
        let lending = LendingMeasure::ALL.into_iter().map(Watched::Lending);
        let others = [Watched::Score, Watched::DaysToCoverAtRecentVolume];
        let disclosed = DisclosedMeasure::ALL.into_iter().map(Watched::Disclosed);
        let all = others.into_iter().chain(ranked).chain(lending).chain(disclosed);
        all.chain([Watched::OnFailsThreshold])
    }

    /// Its name in answers.
    pub const fn id(self) -> &'static str {
        match self {
            Watched::Score => "score",
            Watched::DaysToCoverAtRecentVolume => "days_to_cover_at_recent_volume",
            Watched::Ranked(component) => component.id(),
            Watched::Lending(measure) => measure.id(),
            Watched::Disclosed(measure) => measure.id(),
            Watched::OnFailsThreshold => ON_THRESHOLD,
        }
    }

    /// The measure of a name in answers.
    pub fn from_id(id: &str) -> Option<Watched> {
        Watched::all().find(|watched| watched.id() == id)
    }

    /// The datasets with facts about a name that its value rests on. Splits convert share units,
    /// which no measure of lending and no share of volumes has.
    pub fn reads(self) -> impl Iterator<Item = Dataset> {
        use Dataset::{Bars, Fails, Lending, ShareCounts, ShortInterest, ShortSales, Splits};
        let of_counts = matches!(
            self,
            Watched::Score
                | Watched::Ranked(Component::ShortOfFloat | Component::FloatTurnover)
                | Watched::Disclosed(DisclosedMeasure::FailsOfFloat)
                | Watched::OnFailsThreshold
        );
        let of_fails = matches!(
            self,
            Watched::Disclosed(DisclosedMeasure::FailsOfFloat) | Watched::OnFailsThreshold
        );
        let of_volumes = self == Watched::Disclosed(DisclosedMeasure::ShortSaleVolumeShare);
        [
            (ShortInterest, self.is_of_short_interest()),
            (ShareCounts, of_counts),
            (Bars, self.is_of_prices()),
            (Lending, self.is_of_lending()),
            (ShortSales, of_volumes),
            (Fails, of_fails),
            (Splits, !self.is_of_lending() && !of_volumes),
        ]
        .into_iter()
        .filter_map(|(dataset, is_read)| is_read.then_some(dataset))
    }

    fn is_of_short_interest(self) -> bool {
        match self {
            Watched::Score | Watched::DaysToCoverAtRecentVolume => true,
            Watched::Ranked(component) => component.is_of_short_interest(),
            Watched::Lending(_) | Watched::Disclosed(_) | Watched::OnFailsThreshold => false,
        }
    }

    const fn is_of_lending(self) -> bool {
        matches!(self, Watched::Lending(_))
    }

    /// Whether it rests on closes or volumes. A score needs a fresh close.
    const fn is_of_prices(self) -> bool {
        !matches!(
            self,
            Watched::Ranked(Component::ShortOfFloat | Component::ShortInterestChange)
                | Watched::Lending(_)
                | Watched::Disclosed(_)
                | Watched::OnFailsThreshold
        )
    }

    /// Whether its newest observation is the settlement, not the last close.
    const fn is_settled(self) -> bool {
        !self.is_of_prices()
            || matches!(self, Watched::Score | Watched::Ranked(Component::DaysToCover))
    }

    fn of(self, universe: &Universe, name: &SqueezeName) -> Measured {
        match self {
            Watched::Score => {
                let place = universe.place(name.instrument);
                let score = place.and_then(|place| universe.score(place));
                score.map(|score| score.points).ok_or_else(|| why_no_score(name))
            }
            Watched::DaysToCoverAtRecentVolume => name.days_to_cover_at_recent_volume(),
            Watched::Ranked(component) => name.measure(component),
            Watched::Lending(measure) => name.lending(measure),
            Watched::Disclosed(measure) => name.disclosed.measure(measure),
            Watched::OnFailsThreshold => name.disclosed.on_threshold(),
        }
    }

    /// The day of the newest observation of a name that its value rests on.
    fn observed_on(self, name: &SqueezeName) -> Option<Day> {
        match self {
            Watched::Lending(measure) => name.lending.as_ref()?.observed_on(measure),
            Watched::Disclosed(measure) => name.disclosed.observed_on(measure),
            Watched::OnFailsThreshold => Some(name.disclosed.fails.as_ref()?.1.newest()),
            _ if self.is_settled() => Some(name.short.as_ref().ok()?.shares_short.effective_on),
            _ => Some(name.traded.as_ref().ok()?.last_on),
        }
    }
}

fn why_no_score(name: &SqueezeName) -> GapReason {
    let of_short = name.short.as_ref().err().copied();
    of_short.or_else(|| Some(name.why_not_scorable()?.1)).unwrap_or(GapReason::InputMissing)
}

/// A level of a measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// The measure.
    pub measure: Watched,
    /// The level, in the unit of the measure, finite.
    pub level: f64,
}

impl Threshold {
    /// Whether a value has reached the level.
    pub fn is_reached(self, value: f64) -> bool {
        self.level <= value
    }
}

/// The value of a measure in one view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// The value. `None` if it is not known.
    pub value: Option<f64>,
    /// The day of the newest observation that it rests on. `None` with the value.
    pub observed_on: Option<Day>,
}

/// A name that is held short, and its readings.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchedName {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The lines of the request behind it, ascending.
    pub lines: Vec<usize>,
    /// One per threshold, in their order.
    pub readings: Vec<Reading>,
}

/// The readings of a short book in one view.
#[derive(Clone, Debug, PartialEq)]
pub struct Readings {
    /// The names, by symbol.
    pub names: Vec<WatchedName>,
}

impl Reading {
    /// That of a measure that is not known.
    pub const UNKNOWN: Reading = Reading { value: None, observed_on: None };
}

impl Readings {
    /// Reads the thresholds of every short, and says what is missing.
    pub fn of(
        universe: &Universe,
        shorts: &Shorts<'_>,
        thresholds: &[Threshold],
    ) -> (Readings, Vec<Gap>) {
        let snapshot = universe.snapshot();
        let mut shorted: Vec<&Short> = shorts.names.iter().collect();
        shorted.sort_by_key(|short| snapshot.symbol(short.instrument));
        let mut gaps = Vec::new();
        let names = shorted.into_iter().map(|short| {
            let outside;
            let name = match universe.place(short.instrument) {
                Some(place) => &universe.names()[place],
                None => {
                    outside = universe.outside(short.instrument);
                    &outside
                }
            };
            let mut lines: Vec<usize> = short.side.lots.iter().map(|lot| lot.line).collect();
            lines.sort_unstable();
            let symbol = snapshot.symbol(short.instrument);
            let mut missing: BTreeMap<Watched, GapReason> = BTreeMap::new();
            let readings = thresholds.iter().map(|threshold| {
                let measure = threshold.measure;
                match measure.of(universe, name) {
                    Ok(value) => {
                        Reading { value: Some(value), observed_on: measure.observed_on(name) }
                    }
                    Err(reason) => {
                        missing.insert(measure, reason);
                        Reading::UNKNOWN
                    }
                }
            });
            let readings = readings.collect();
            gaps.extend(missing.into_iter().map(|(measure, reason)| match measure {
                Watched::Lending(measure) => name.lending_gap(symbol, measure, reason),
                Watched::Disclosed(measure) => name.disclosed.gap(symbol, measure, reason),
                Watched::OnFailsThreshold => {
                    name.disclosed.threshold_gap(symbol, ON_THRESHOLD, reason)
                }
                _ => name.lack(symbol, measure.id(), reason, measure.is_of_short_interest()),
            }));
            WatchedName { instrument: short.instrument, lines, readings }
        });
        let names = names.collect();
        gaps.extend(unresolved(shorts.book, shorts.gross));
        gaps.extend(universe.gaps());
        (Readings { names }, gaps)
    }
}

/// How a reading changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It went from one side of the level to the other.
    Crossed,
    /// It was not known before.
    Found,
    /// It is no longer known.
    Lost,
}

/// A reading that changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// How the reading changed.
    pub change: Change,
    /// The name.
    pub instrument: InstrumentId,
    /// The lines of the request behind it, ascending. Empty if it is no longer held short.
    pub lines: Vec<usize>,
    /// Index of the threshold.
    pub threshold: usize,
    /// The reading before.
    pub before: Reading,
    /// The reading now.
    pub now: Reading,
}

/// What changed between two views: the names of the later one in their order, then those that it no
/// longer has, in the order of the earlier one. A name that a view lacks has no known readings in it.
pub fn turns(before: &Readings, now: &Readings, thresholds: &[Threshold]) -> Vec<Turn> {
    let index = |readings: &Readings| -> BTreeMap<InstrumentId, usize> {
        readings.names.iter().enumerate().map(|(at, name)| (name.instrument, at)).collect()
    };
    let (earlier, later) = (index(before), index(now));
    let current = now.names.iter().map(|name| {
        let known = earlier.get(&name.instrument).map(|at| &before.names[*at].readings[..]);
        (name.instrument, &name.lines[..], known, Some(&name.readings[..]))
    });
    let gone = before.names.iter().filter(|name| !later.contains_key(&name.instrument));
    let gone = gone.map(|name| (name.instrument, &[][..], Some(&name.readings[..]), None));
    let mut turns = Vec::new();
    for (instrument, lines, before, now) in current.chain(gone) {
        for (at, threshold) in thresholds.iter().enumerate() {
            let reading = |readings: Option<&[Reading]>| {
                readings.and_then(|readings| readings.get(at)).copied().unwrap_or(Reading::UNKNOWN)
            };
            let (before, now) = (reading(before), reading(now));
            let change = match (before.value, now.value) {
                (Some(a), Some(b)) if threshold.is_reached(a) != threshold.is_reached(b) => {
                    Change::Crossed
                }
                (None, Some(_)) => Change::Found,
                (Some(_), None) => Change::Lost,
                (Some(_), Some(_)) | (None, None) => continue,
            };
            let lines = lines.to_vec();
            turns.push(Turn { change, instrument, lines, threshold: at, before, now });
        }
    }
    turns
}
