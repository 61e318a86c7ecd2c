//! One observation per name and day: what was known at the close, and what happened afterwards.

use crate::files::Files;
use marketdata::{day::Day, instant::Instant};
use squeeze::{
    calibration::label::{Index, jump_excess},
    heavy::is_heavily_short,
    measure::COMPONENTS,
    universe::Universe,
};
use stats::rank::percentile_ranks;

/// The first and the last day: the second settlement file was first seen on 2020-12-19, and the
/// prices end five sessions after the last day.
const FIRST: &str = "2020-12-21";
const LAST: &str = "2021-03-19";
const DECILES: f64 = 10.0;

/// One name on one day.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observation {
    /// Number of its day.
    pub(crate) day: usize,
    /// Number of its calendar week, for errors.
    pub(crate) week: i32,
    /// Decile of its market value on the day, 0 to 9; 10 if the value is unknown.
    pub(crate) size: usize,
    /// Whether it was heavily short.
    pub(crate) heavy: bool,
    /// Percentile of each measure; one half where the name lacks it.
    pub(crate) ranks: [f64; COMPONENTS],
    /// Whether it jumped.
    pub(crate) event: bool,
}

/// All observations, day by day.
pub(crate) fn observe(files: &Files) -> Vec<Observation> {
    let index = Index::of(&files.index);
    let [first, last] = [FIRST, LAST].map(|day| Day::parse_iso(day).unwrap_or(Day::MAX));
    let mut all = Vec::new();
    for (number, day) in index.sessions(first, last).into_iter().enumerate() {
        let universe = Universe::of(&files.market.snapshot(Instant::close_of(day)));
        all.extend(
            day_of(&universe, files, &index, day)
                .into_iter()
                .map(|observation| Observation { day: number, ..observation }),
        );
    }
    all
}

fn day_of(universe: &Universe, files: &Files, index: &Index, day: Day) -> Vec<Observation> {
    let week = (day.epoch() + 3).div_euclid(7);
    let mut values = Vec::new();
    let mut observed = Vec::new();
    for (place, name) in universe.names().iter().enumerate() {
        let Some(score) = universe.score(place) else { continue };
        let symbol = universe.snapshot().symbol(name.instrument);
        let Some(moves) = files.moves.get(symbol) else { continue };
        let Some(excess) = jump_excess(moves, index, day) else { continue };
        let event = 0.0 <= excess;
        let heavy = is_heavily_short(name);
        let ranks = score.percentiles.map(|rank| rank.unwrap_or(0.5));
        observed.push(Observation { day: 0, week, size: DECILES as usize, heavy, ranks, event });
        values.push(name.market_cap.ok().map(|cap| cap.usd));
    }
    let known: Vec<f64> = values.iter().flatten().copied().collect();
    let mut ranks = percentile_ranks(&known).unwrap_or_default().into_iter();
    for (observation, _) in observed.iter_mut().zip(&values).filter(|(_, value)| value.is_some()) {
        observation.size = ranks.next().map_or(DECILES, |rank| DECILES * rank) as usize;
    }
    observed
}
