//! The z-scores of all components, session by session (methodology A21 (i)).

use crate::{
    component::COMPONENTS,
    standardise::{Scale, rank_z},
};
use factors::usual_change::{Deviation, Z_MIN};
use marketdata::{day::Day, snapshot::Series};
use rayon::prelude::*;

/// Maximum age of a component's value, in calendar days.
pub const CARRY_DAYS: i32 = 5;
/// Calendar years before the last session's that are read. The state of a session follows from at
/// most 6,330 sessions, about 25 years: 756 to switch, 2,520 for the threshold of the year before
/// them and 2,520 for the scale of its first score, the last two from the start of a calendar year.
/// z-scores themselves look back further.
const YEARS: i32 = 27;

/// The z-scores of all components on the sessions that the state can depend on.
#[derive(Clone, Debug, PartialEq)]
pub struct ZScores {
    /// The sessions, oldest first.
    pub sessions: Vec<Day>,
    /// By component, then by session. None if the component has no recent value, or too few before.
    scores: Vec<Vec<Option<f64>>>,
}

impl ZScores {
    /// The z-scores on some sessions. `history` returns a measure's values by id. If `earlier`
    /// scores were made from the histories that `before` returns, those of the first sessions are
    /// reused as far as neither histories nor sessions differ. Also returns how many sessions from
    /// the first are the same in both; 0 if the two do not begin on the same session.
    pub fn of<'a>(
        sessions: &[Day],
        history: impl Fn(&str) -> Option<&'a Series> + Sync,
        before: impl Fn(&str) -> Option<&'a Series> + Sync,
        earlier: Option<&ZScores>,
    ) -> (ZScores, usize) {
        let first_year = sessions.last().map_or(0, |last| last.ymd().0) - YEARS;
        let start = Day::from_ymd(first_year, 1, 1).unwrap_or(Day::MIN);
        let sessions = &sessions[sessions.partition_point(|day| *day < start)..];
        let kept = earlier.map(|earlier| {
            let changed = first_change(sessions, &earlier.sessions, &history, &before);
            Kept { earlier, changed }
        });
        let of = |(at, component): (usize, &crate::component::Component)| {
            let mut scores = kept.as_ref().map_or_else(Vec::new, |kept| kept.scores(at, sessions));
            let rest = &sessions[scores.len()..];
            scores.extend(z_on(rest, component.measure, component.scale, &history));
            scores
        };
        let scores = COMPONENTS.par_iter().enumerate().map(of).collect();
        let same = kept.map_or(0, |kept| kept.sessions_from_the_first(sessions));
        (ZScores { sessions: sessions.to_vec(), scores }, same)
    }

    /// The z-score of a component on a session, by their places.
    pub fn get(&self, component: usize, session: usize) -> Option<f64> {
        self.scores[component][session]
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        self.sessions.len() * (size_of::<Day>() + COMPONENTS.len() * size_of::<Option<f64>>())
    }
}

/// Earlier scores, and the first day on which they may differ.
struct Kept<'a> {
    earlier: &'a ZScores,
    changed: Day,
}

impl Kept<'_> {
    /// The scores of the first sessions, up to the first difference.
    fn scores(&self, component: usize, sessions: &[Day]) -> Vec<Option<f64>> {
        let first = sessions.first().copied().unwrap_or(Day::MAX);
        let Ok(from) = self.earlier.sessions.binary_search(&first) else { return Vec::new() };
        let until = self.earlier.sessions.partition_point(|day| *day < self.changed);
        self.earlier.scores[component][from..until.max(from)].to_vec()
    }

    fn sessions_from_the_first(&self, sessions: &[Day]) -> usize {
        let aligned = sessions.first() == self.earlier.sessions.first();
        if aligned { sessions.partition_point(|day| *day < self.changed) } else { 0 }
    }
}

/// The first day on which sessions or histories differ from the earlier ones.
fn first_change<'a>(
    sessions: &[Day],
    earlier: &[Day],
    history: &impl Fn(&str) -> Option<&'a Series>,
    before: &impl Fn(&str) -> Option<&'a Series>,
) -> Day {
    let skipped = earlier.partition_point(|day| Some(day) < sessions.first());
    let mut changed = first_unlike(sessions, &earlier[skipped..], |at, other| at == other);
    let of_scale = |scale: Scale| match scale {
        Scale::Change { daily, .. } => Some(daily),
        Scale::Rank => None,
    };
    let ids = COMPONENTS.iter().flat_map(|part| [Some(part.measure), of_scale(part.scale)]);
    let empty = Series::empty();
    for id in ids.flatten().collect::<std::collections::BTreeSet<&str>>() {
        let [one, other] = [history(id), before(id)].map(|series| series.unwrap_or(&empty));
        let same = |at: usize, _: usize| one.values[at].to_bits() == other.values[at].to_bits();
        changed = changed.min(first_unlike(&one.days, &other.days, same));
    }
    changed
}

/// The first day at which two lists of days, or what belongs to them, differ.
fn first_unlike(one: &[Day], other: &[Day], same: impl Fn(usize, usize) -> bool) -> Day {
    let both = one.len().min(other.len());
    let common = (0..both).take_while(|at| one[*at] == other[*at] && same(*at, *at)).count();
    let next = [one.get(common), other.get(common)];
    next.into_iter().flatten().min().copied().unwrap_or(Day::MAX)
}

/// A measure's z-score on each session: that of its last value, if it is at most [`CARRY_DAYS`]
/// old.
fn z_on<'a>(
    sessions: &[Day],
    measure: &str,
    scale: Scale,
    history: &impl Fn(&str) -> Option<&'a Series>,
) -> Vec<Option<f64>> {
    let absent = || vec![None; sessions.len()];
    let Some(values) = history(measure) else { return absent() };
    let recent = |day: &Day| {
        let at = values.index_on_or_before(*day)?;
        (*day <= values.days[at].plus(CARRY_DAYS)).then_some(at)
    };
    match scale {
        Scale::Rank => {
            let z = |day: &Day| Some(rank_z(&values.values, recent(day)?, Z_MIN)?.0);
            sessions.iter().map(z).collect()
        }
        Scale::Change { sessions: horizon, daily } => {
            let Some(daily) = history(daily) else { return absent() };
            let mut deviation = Deviation::of(daily, horizon);
            let z = |day: &Day| {
                let at = recent(day)?;
                let (deviation, _) = deviation.before(values.days[at], Z_MIN)?;
                Some(values.values[at] / deviation).filter(|z| z.is_finite())
            };
            sessions.iter().map(z).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::fixture::day;

    fn series(count: usize, value: impl Fn(usize) -> f64) -> Series {
        let days = (0..count).map(|i| day("2019-01-01").plus(i as i32)).collect();
        Series { days, values: (0..count).map(value).collect() }
    }

    #[test]
    fn a_component_may_be_a_few_days_old() {
        let ranked = series(200, |i| (i % 7) as f64);
        let mut sessions = ranked.days.clone();
        let last = sessions[sessions.len() - 1];
        sessions.extend([last.plus(CARRY_DAYS), last.plus(CARRY_DAYS + 1)]);
        let history = |id: &str| (id == "new_highs_less_lows").then_some(&ranked);
        let (z, _) = ZScores::of(&sessions, history, |_| None, None);
        let of = |session| z.get(7, session);
        assert!(of(199).is_some());
        assert_eq!((of(200), of(201)), (of(199), None));
        assert_eq!((of(125), of(126).is_some()), (None, true), "126 values before it");
    }

    #[test]
    fn scores_are_reused_up_to_the_first_difference() {
        let old = series(400, |i| libm::sin(i as f64));
        let mut new = series(420, |i| libm::sin(i as f64));
        new.values[390] += 1.0;
        let (earlier, _) = of_one(&old, None);
        let (fresh, none) = of_one(&new, None);
        assert_eq!(of_one(&new, Some((&old, &earlier))), (fresh, 390));
        assert_eq!(none, 0);
    }

    fn of_one(series: &Series, earlier: Option<(&Series, &ZScores)>) -> (ZScores, usize) {
        let before = |_: &str| earlier.map(|(series, _)| series);
        ZScores::of(&series.days, |_| Some(series), before, earlier.map(|earlier| earlier.1))
    }
}
