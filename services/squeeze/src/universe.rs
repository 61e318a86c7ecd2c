//! The cross-section of a view: every name with published short interest, measured and scored.

use crate::{
    name::SqueezeName,
    score::{Score, score},
};
use factors::short_ratio::{DataQualityFlag, Published, ShortRatio};
use marketdata::{
    dataset::Dataset,
    day::Day,
    gap::{Gap, GapReason},
    instrument::InstrumentId,
    snapshot::Snapshot,
};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// A settlement this many calendar days behind the newest was skipped: the name left the market.
const SKIPPED_DAYS: i32 = 40;
/// A newest settlement older than this means that files are missing: two a month are published.
const OLD_SETTLEMENT_DAYS: i32 = 45;
/// Bytes of an entry of the map of places: its key, its value, and its share of nodes that are on
/// average two thirds full.
const PLACE_BYTES: usize = (size_of::<InstrumentId>() + size_of::<usize>()) * 3 / 2;
/// A freshest close older than this means that price files are missing.
const OLD_CLOSE_DAYS: i32 = 7;

/// What a view knows of short selling, once for all requests.
#[derive(Clone, Debug)]
pub struct Universe {
    snapshot: Snapshot,
    freshest: Option<Day>,
    names: Vec<SqueezeName>,
    /// Places among the names.
    places: BTreeMap<InstrumentId, usize>,
    scores: Vec<Option<Score>>,
    summary: Summary,
}

/// How large the universe is and how well its halves join.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The newest settlement that is published; its value is the number of names that have it.
    pub newest_settlement: Option<Published>,
    /// Names with a published short interest.
    pub with_short_interest: u32,
    /// Of these, names with a fresh price.
    pub priced: u32,
    /// Of these, names with a score.
    pub scored: u32,
    /// Names with prices and without short interest.
    pub without_short_interest: u32,
    /// The day most prices were restated on, where it is after the view's day: whoever made the files
    /// knew who would still be listed then.
    pub restated_on: Option<Day>,
}

impl Universe {
    /// Measures and scores every name, on the threads of the caller's pool.
    pub fn of(snapshot: &Snapshot) -> Universe {
        let (freshest, priced) = closes(snapshot);
        let ratios = ShortRatio::all(snapshot);
        let newest = newest_settlement(&ratios);
        let names: Vec<SqueezeName> = ratios
            .into_par_iter()
            .filter(|ratio| {
                let settlement = ratio.shares_short.effective_on;
                newest.is_none_or(|newest| newest.effective_on.plus(-SKIPPED_DAYS) <= settlement)
            })
            .map(|ratio| SqueezeName::of(snapshot, ratio, freshest))
            .collect();
        let scores = score(&names);
        let places: BTreeMap<InstrumentId, usize> =
            names.iter().enumerate().map(|(place, name)| (name.instrument(), place)).collect();
        let summary = Summary {
            newest_settlement: newest,
            with_short_interest: names.len() as u32,
            priced: names.iter().filter(|name| name.traded.is_ok()).count() as u32,
            scored: scores.iter().flatten().count() as u32,
            without_short_interest: priced.iter().filter(|id| !places.contains_key(id)).count()
                as u32,
            restated_on: restated_on(&names, snapshot.today()),
        };
        Universe { snapshot: snapshot.clone(), freshest, names, places, scores, summary }
    }

    /// The memory it holds outside of itself, bytes, without the market behind its snapshot.
    pub(crate) fn heap_bytes(&self) -> usize {
        let doubts = |name: &SqueezeName| name.ratio.doubts.capacity();
        self.names.capacity() * size_of::<SqueezeName>()
            + self.names.iter().map(doubts).sum::<usize>() * size_of::<DataQualityFlag>()
            + self.places.len() * PLACE_BYTES
            + self.scores.capacity() * size_of::<Option<Score>>()
    }

    /// The view it was made of.
    pub const fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The market's latest session.
    pub const fn freshest(&self) -> Option<Day> {
        self.freshest
    }

    /// Every name whose short interest is current, in the order of names.
    pub fn names(&self) -> &[SqueezeName] {
        &self.names
    }

    /// The score of a name by its place; none where it could not be scored.
    pub fn score(&self, place: usize) -> Option<&Score> {
        self.scores.get(place)?.as_ref()
    }

    /// The place of an instrument among the names.
    pub fn place(&self, instrument: InstrumentId) -> Option<usize> {
        self.places.get(&instrument).copied()
    }

    /// How large it is and how well its halves join.
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }

    /// What the whole universe lacks: halves that do not join, files that are missing.
    pub fn gaps(&self) -> Vec<Gap> {
        let today = self.snapshot.today();
        let summary = &self.summary;
        let mut gaps = Vec::new();
        let mut add = |reason, subject: &str, detail: String| {
            gaps.push(Gap::new(reason, subject, detail));
        };
        match summary.newest_settlement {
            None => add(
                GapReason::NoShortInterest,
                "short_interest",
                "no short interest was published by the as-of date".into(),
            ),
            Some(newest) if newest.effective_on < today.plus(-OLD_SETTLEMENT_DAYS) => add(
                GapReason::Stale,
                "short_interest",
                format!(
                    "the newest settlement is of {}: later files are missing",
                    newest.effective_on
                ),
            ),
            Some(_) => {}
        }
        match self.freshest {
            None => add(GapReason::NoPrice, "prices", "no close is known by the as-of date".into()),
            Some(day) if day < today.plus(-OLD_CLOSE_DAYS) => {
                add(GapReason::Stale, "prices", format!("the freshest close is of {day}"));
            }
            Some(_) => {}
        }
        let unpriced = summary.with_short_interest - summary.priced;
        if 0 < unpriced {
            let all = summary.with_short_interest;
            let detail =
                format!("{unpriced} of {all} names with short interest have no fresh price");
            add(GapReason::NoPrice, "universe", detail);
        }
        if 0 < summary.without_short_interest {
            let count = summary.without_short_interest;
            let detail = format!("{count} names with prices have no current short interest");
            add(GapReason::NoShortInterest, "universe", detail);
        }
        if let Some(day) = summary.restated_on {
            let detail = format!(
                "most prices are in the units of {day}: names that left the market before are absent"
            );
            add(GapReason::Survivorship, "universe", detail);
        }
        gaps
    }
}

/// The freshest day of any close, and every instrument that has one.
fn closes(snapshot: &Snapshot) -> (Option<Day>, Vec<InstrumentId>) {
    let mut freshest = None;
    let mut priced = Vec::new();
    for instrument in snapshot.holders(Dataset::Bars) {
        let rows = snapshot.rows(Dataset::Bars, instrument);
        let Some(last) = rows.last() else { continue };
        freshest = freshest.max(Some(rows.day(last)));
        priced.push(instrument);
    }
    (freshest, priced)
}

/// The middle day of the units that prices are stored in, where it is after today.
fn restated_on(names: &[SqueezeName], today: Day) -> Option<Day> {
    let mut units: Vec<Day> =
        names.iter().filter_map(|name| Some(name.traded.as_ref().ok()?.units_on)).collect();
    units.sort_unstable();
    units.get(units.len() / 2).copied().filter(|day| today < *day)
}

fn newest_settlement(ratios: &[ShortRatio]) -> Option<Published> {
    let newest = ratios.iter().map(|ratio| ratio.shares_short.effective_on).max()?;
    let of_it = ratios.iter().filter(|ratio| ratio.shares_short.effective_on == newest);
    let published_at = of_it.clone().map(|ratio| ratio.shares_short.published_at).min()?;
    Some(Published { value: of_it.count() as f64, effective_on: newest, published_at })
}
