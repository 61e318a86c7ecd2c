//! The universe ranked by squeeze risk, within limits set by the caller.

use crate::{measure::Component, universe::Universe};
use marketdata::gap::{Gap, GapReason, Subject};
use std::collections::BTreeSet;

/// Ranking key, highest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RankBy {
    /// The score, by its index.
    Score,
    /// Short interest / float.
    ShortOfFloat,
    /// Days to cover over the 21 sessions up to the last close.
    DaysToCoverAtRecentVolume,
}

/// Which names to rank, and by what.
#[derive(Clone, Debug, PartialEq)]
pub struct RankRequest {
    /// Minimum market value of the line, USD. Names without a known market value pass.
    pub min_line_market_cap_usd: f64,
    /// Leaves out names without a known market value.
    pub known_line_market_cap_only: bool,
    /// Minimum average value traded per day over 21 sessions, USD.
    pub min_daily_value_usd: f64,
    /// Exchanges, compared case-insensitively; empty allows any, including unknown ones.
    pub exchanges: Vec<String>,
    /// The ranking key.
    pub rank_by: RankBy,
}

/// The ranked names, and how many were left out for each reason. A name counts at the first limit
/// it misses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranking {
    /// Indices in the universe, highest first, ties by name.
    pub places: Vec<usize>,
    /// Names without a score.
    pub not_scored: u32,
    /// Scored names below the minimum market value.
    pub below_line_market_cap: u32,
    /// Scored names without a known market value, if those are left out.
    pub without_line_market_cap: u32,
    /// Scored names below the minimum value traded.
    pub below_daily_value: u32,
    /// Scored names of other exchanges, or whose exchange is unknown.
    pub other_exchange: u32,
    /// Scored names whose market value is from facts published after the as-of date and was compared
    /// with a minimum above 0.
    pub sized_later: u32,
}

impl Ranking {
    /// The gap for names that a later market value admitted or left out.
    pub fn gap(&self) -> Option<Gap> {
        let detail = format!(
            "{} names are compared with min_line_market_cap_usd by market values from facts published \
             after the as-of date (reference_knowledge)",
            self.sized_later
        );
        let subject = Subject::number_of("", "line_market_cap_usd");
        (0 < self.sized_later).then(|| Gap::new(GapReason::LaterKnowledge, subject, detail))
    }
}

/// Ranks the scored names that satisfy the limits.
pub fn rank(universe: &Universe, request: &RankRequest) -> Ranking {
    let mut ranking = Ranking {
        places: Vec::new(),
        not_scored: 0,
        below_line_market_cap: 0,
        without_line_market_cap: 0,
        below_daily_value: 0,
        other_exchange: 0,
        sized_later: 0,
    };
    for (place, name) in universe.names().iter().enumerate() {
        let cap = name.market_cap.ok().map(|cap| cap.usd);
        let daily_value = name.average_value_usd().unwrap_or(0.0);
        let is_sized_later = name.later_market_cap().is_some();
        if universe.score(place).is_some()
            && is_sized_later
            && 0.0 < request.min_line_market_cap_usd
        {
            ranking.sized_later += 1;
        }
        if universe.score(place).is_none() {
            ranking.not_scored += 1;
        } else if cap.is_none() && request.known_line_market_cap_only {
            ranking.without_line_market_cap += 1;
        } else if cap.is_some_and(|cap| cap < request.min_line_market_cap_usd) {
            ranking.below_line_market_cap += 1;
        } else if daily_value < request.min_daily_value_usd {
            ranking.below_daily_value += 1;
        } else if !on_exchange(universe, name.exchange, &request.exchanges) {
            ranking.other_exchange += 1;
        } else {
            ranking.places.push(place);
        }
    }
    let mut keyed: Vec<(f64, usize)> = ranking
        .places
        .iter()
        .map(|place| (key(universe, *place, request.rank_by), *place))
        .collect();
    // The universe is sorted by name.
    keyed.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    ranking.places = keyed.into_iter().map(|(_, place)| place).collect();
    ranking
}

fn key(universe: &Universe, place: usize, rank_by: RankBy) -> f64 {
    let name = &universe.names()[place];
    match rank_by {
        RankBy::Score => universe.score(place).map_or(f64::MIN, |score| score.index),
        RankBy::ShortOfFloat => name.measure(Component::ShortOfFloat).unwrap_or(0.0),
        RankBy::DaysToCoverAtRecentVolume => name.days_to_cover_at_recent_volume().unwrap_or(0.0),
    }
}

/// The requested exchange that no name of the universe is listed on, and those that they are listed
/// on. `None` if all are known.
pub fn unknown_exchange<'a>(
    universe: &'a Universe,
    wanted: &'a [String],
) -> Option<(&'a str, BTreeSet<&'a str>)> {
    let ids = universe.names().iter().filter_map(|name| name.exchange);
    let known: BTreeSet<&str> = ids.filter_map(|id| universe.snapshot().text(id)).collect();
    let is_unknown =
        |wanted: &&String| !known.iter().any(|known| known.eq_ignore_ascii_case(wanted));
    let unknown = wanted.iter().find(is_unknown)?;
    Some((unknown, known))
}

fn on_exchange(universe: &Universe, exchange: Option<f64>, wanted: &[String]) -> bool {
    if wanted.is_empty() {
        return true;
    }
    let text = exchange.and_then(|id| universe.snapshot().text(id));
    text.is_some_and(|text| wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(text)))
}
