//! The market state derived from the scores: which group leads, and whether risk is off
//! (methodology A21, amended).

use crate::{
    component::{Component, PARTS, Score, parts_of},
    hysteresis::{Side, Switch},
    scores::{CLIP, Scores, used},
    state::{State, Switches},
    states::{followed, states},
    threshold::{Threshold, Thresholds},
    z_scores::ZScores,
};
use marketdata::{day::Day, snapshot::Series};

/// What a component contributes to its score on a session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contribution {
    /// The component.
    pub component: Component,
    /// Its z-score, not clipped. `None` if the component is left out.
    pub z: Option<f64>,
    /// Its part of the score: sign · clip(z, ±3) / √(1'C1). `None` if it is left out or the score
    /// is unknown.
    pub contribution: Option<f64>,
}

/// A score on a session.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreNow {
    /// The score.
    pub score: Score,
    /// Its value, in its own standard deviations. `None` if it is unknown.
    pub value: Option<f64>,
    /// Number of components that have a z-score. [`PARTS`] is the total.
    pub used: usize,
    /// Whether the score is on, and for how many sessions it has been on or off.
    pub switch: Switch,
    /// Every component, including those left out.
    pub contributions: Vec<Contribution>,
}

impl ScoreNow {
    /// Number of components.
    pub const TOTAL: usize = PARTS;
}

/// A change of one score that would change the state at the next session, the other scores being
/// unchanged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flip {
    /// The score that would have to move.
    pub score: Score,
    /// Its present value.
    pub current_value: f64,
    /// The value it would have to reach.
    pub required_value: f64,
    /// True if the score must rise to the threshold, false if it must fall to it. It turns on at
    /// the threshold and off only beyond it.
    pub rising: bool,
    /// The resulting state.
    pub new_state: State,
    /// Number of sessions during which the score cannot turn off yet, whatever its value.
    pub locked_sessions: usize,
}

/// The scores and their state on a session.
#[derive(Clone, Debug, PartialEq)]
pub struct Composite {
    /// The session.
    pub on: Day,
    /// The state on it.
    pub state: State,
    /// First session of the uninterrupted run of the state, at most
    /// [`FOLLOWED`](crate::states::FOLLOWED) sessions back.
    pub since: Day,
    /// Number of sessions in that run, including the last.
    pub sessions: usize,
    /// The threshold of its year.
    pub threshold: Threshold,
    /// The scores.
    pub scores: Vec<ScoreNow>,
    /// Changes of a single score that would change the state.
    pub flips: Vec<Flip>,
}

/// Everything that the composite of any session is derived from.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreHistory {
    z: ZScores,
    scores: Scores,
    thresholds: Thresholds,
    states: Vec<State>,
}

impl ScoreHistory {
    /// The scores on some sessions. `history` returns a measure's values by id. What is the same as
    /// in `earlier`, made from the histories that `before` returns, is reused.
    pub fn of<'a>(
        sessions: &[Day],
        history: impl Fn(&str) -> Option<&'a Series> + Sync,
        before: impl Fn(&str) -> Option<&'a Series> + Sync,
        earlier: Option<&ScoreHistory>,
    ) -> ScoreHistory {
        let (z, same) = ZScores::of(sessions, history, before, earlier.map(|earlier| &earlier.z));
        let scores = Scores::of(&z, earlier.map(|earlier| (&earlier.scores, same)));
        let kept = earlier.map(|earlier| (&earlier.thresholds, same));
        let thresholds = Thresholds::of(&z.sessions, &scores, kept);
        let same = earlier.map_or(&[][..], |earlier| &earlier.states[..same]);
        let states = states(&scores, &thresholds, same);
        ScoreHistory { z, scores, thresholds, states }
    }

    /// The state of each session.
    pub fn states(&self) -> &[State] {
        &self.states
    }

    /// The switches after a session, and the place of the first session of the run of their state.
    fn run(&self, session: usize) -> (Switches, usize) {
        let mut switches = Switches::off();
        let (mut state, mut since) = (State::Unknown, *followed(session).start());
        for at in followed(session) {
            switches = switches.step(&self.scores, at, self.thresholds.on(at));
            if switches.state() != state {
                (state, since) = (switches.state(), at);
            }
        }
        (switches, since)
    }

    /// The sessions, oldest first.
    pub fn sessions(&self) -> &[Day] {
        &self.z.sessions
    }

    /// The value of a score on a session, by its place. `None` if it is unknown.
    pub fn score(&self, score: Score, session: usize) -> Option<f64> {
        self.scores.get(score, session).map(|value| value.score)
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        self.z.bytes() + self.scores.bytes() + self.states.len() * size_of::<State>()
    }

    /// The composite of the last session. `None` without sessions.
    pub fn last(&self) -> Option<Composite> {
        self.at(self.sessions().len().checked_sub(1)?)
    }

    /// The composite of a session, by its place. `None` if there is no such session.
    pub fn at(&self, session: usize) -> Option<Composite> {
        let on = *self.sessions().get(session)?;
        let (switches, since) = self.run(session);
        let threshold = *self.thresholds.at(session)?;
        let now = |score| self.now(score, switches.switches[score as usize], session);
        let scores: Vec<ScoreNow> = Score::ALL.into_iter().map(now).collect();
        Some(Composite {
            on,
            state: switches.state(),
            since: self.sessions()[since],
            sessions: session + 1 - since,
            flips: flips(&scores, switches, threshold),
            threshold,
            scores,
        })
    }

    fn now(&self, score: Score, switch: Switch, session: usize) -> ScoreNow {
        let value = self.scores.get(score, session);
        let contributions = parts_of(score).map(|(at, component)| {
            let z = self.z.get(at, session);
            let part = |z: f64| Some(component.sign() * z.clamp(-CLIP, CLIP) / value?.deviation);
            Contribution { component: *component, z, contribution: z.and_then(part) }
        });
        ScoreNow {
            score,
            value: value.map(|value| value.score),
            used: used(&self.z, score, session),
            switch,
            contributions: contributions.collect(),
        }
    }
}

fn flips(scores: &[ScoreNow], switches: Switches, at: Threshold) -> Vec<Flip> {
    let state = switches.state();
    let mut flips = Vec::new();
    for score in scores.iter().filter(|_| state != State::Unknown) {
        let Some(current_value) = score.value else { continue };
        for (required_value, rising, side) in turns(score.switch, at) {
            let new_state = switches.state_with(score.score, side);
            let locked_sessions = score.switch.locked_sessions();
            if new_state != state {
                let score = score.score;
                flips.push(Flip {
                    score,
                    current_value,
                    required_value,
                    rising,
                    new_state,
                    locked_sessions,
                });
            }
        }
    }
    flips
}

/// The thresholds at which a switch turns: the threshold, whether the score must rise to it, and
/// the side it turns to.
fn turns(switch: Switch, threshold: Threshold) -> Vec<(f64, bool, Option<Side>)> {
    let (on, off) = (threshold.on, threshold.off());
    let mut turns = match switch.on {
        None => vec![(on, true, Some(Side::Up))],
        Some(Side::Up) => vec![(off, false, None)],
        Some(Side::Down) => vec![(-off, true, None), (on, true, Some(Side::Up))],
    };
    if switch.two_sided && switch.on != Some(Side::Down) {
        turns.push((-on, false, Some(Side::Down)));
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{component::COMPONENTS, standardise::Scale};
    use marketdata::fixture::day;
    use std::collections::BTreeMap;

    /// Weekdays, and for every component one-day changes and their sums over its sessions. Small
    /// caps lead in the sessions of `trend`.
    fn simulated(
        count: usize,
        trend: impl Fn(usize) -> f64,
    ) -> (Vec<Day>, BTreeMap<&'static str, Series>) {
        let first = day("1990-01-01");
        let days: Vec<Day> =
            (0..).map(|i| first.plus(i)).filter(|day| day.weekday() < 5).take(count).collect();
        let mut seed = 11u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 40) as f64 / f64::from(1u32 << 24) - 0.5
        };
        let mut series = BTreeMap::new();
        for (at, component) in COMPONENTS.iter().enumerate() {
            let lead = if at < PARTS { component.sign() } else { 0.0 };
            let own: Vec<f64> = (0..count).map(|i| next() + lead * trend(i)).collect();
            let daily = Series { days: days.clone(), values: own };
            match component.scale {
                Scale::Rank => drop(series.insert(component.measure, daily)),
                Scale::Change { sessions, daily: id } => {
                    let daily = series.entry(id).or_insert(daily);
                    let sums = daily.values.windows(sessions).map(|window| window.iter().sum());
                    let sums =
                        Series { days: days[sessions - 1..].to_vec(), values: sums.collect() };
                    series.insert(component.measure, sums);
                }
            }
        }
        (days, series)
    }

    fn of(days: &[Day], series: &BTreeMap<&'static str, Series>) -> ScoreHistory {
        ScoreHistory::of(days, |id| series.get(id), |_| None, None)
    }

    fn cut(series: &BTreeMap<&'static str, Series>, from: Day) -> BTreeMap<&'static str, Series> {
        let cut = |(id, series): (&&'static str, &Series)| {
            let first = series.days.partition_point(|day| *day < from);
            let (days, values) = (series.days[first..].to_vec(), series.values[first..].to_vec());
            (*id, Series { days, values })
        };
        series.iter().map(cut).collect()
    }

    #[test]
    fn a_lead_of_small_caps_is_a_state_with_its_reasons() {
        let (days, series) = simulated(1_200, |at| if 1_190 <= at { 0.5 } else { 0.0 });
        let history = of(&days, &series);
        let composite = history.last().unwrap();
        assert_eq!(composite.state, State::SmallLed, "{:?}", composite.scores[0]);
        assert_eq!(days[1_200 - composite.sessions], composite.since);
        assert_eq!(composite.threshold.changes_per_year, None, "fewer than 1,260 known sessions");
        let size = &composite.scores[0];
        let given: f64 = size.contributions.iter().filter_map(|part| part.contribution).sum();
        assert!((given - size.value.unwrap()).abs() < 1e-12);
        assert_eq!((size.used, ScoreNow::TOTAL), (4, 4));
        let out = composite.flips.iter().find(|flip| flip.score == Score::Size).unwrap();
        assert!((out.required_value - 0.5).abs() < 1e-12 && !out.rising);
        assert_eq!(history.at(1_180).unwrap().on, days[1_180]);
        assert_eq!(history.at(1_200), None);
        assert_eq!(of(&[], &series).last(), None);
    }

    #[test]
    fn an_unknown_score_makes_the_state_unknown_and_squeeze_pressure_does_not() {
        let (days, series) = simulated(900, |_| 0.0);
        let without = |ids: &'static [&str]| {
            let history = |id: &str| series.get(id).filter(|_| !ids.contains(&id));
            ScoreHistory::of(&days, history, |_| None, None).last().unwrap()
        };
        assert_ne!(without(&["new_highs_less_lows"]).state, State::Unknown);
        let two = without(&["new_highs_less_lows", "equal_minus_cap.5d"]);
        assert_eq!((two.state, two.scores[1].value, two.scores[1].used), (State::Unknown, None, 2));
        assert!(two.flips.is_empty());
        let squeeze = without(&["most_shorted.5d", "most_shorted.less_index.21d"]);
        assert_eq!((squeeze.scores[3].value, squeeze.state == State::Unknown), (None, false));
    }

    #[test]
    fn older_history_never_changes_the_state() {
        // 10,000 sessions are 38 years. The state reaches back 6,330, and z-scores 1,260 and a year
        // more: 30 years.
        let (days, series) = simulated(10_000, |at| if at % 900 < 60 { 0.1 } else { 0.0 });
        let whole = of(&days, &series).last().unwrap();
        let from = days[days.len() - 8_000];
        let recent = of(&days[days.len() - 8_000..], &cut(&series, from)).last().unwrap();
        assert_eq!(Composite { threshold: recent.threshold, ..whole.clone() }, recent);
        assert_eq!(whole.threshold.on.to_bits(), recent.threshold.on.to_bits());
        assert_eq!(whole.threshold.changes_per_year, recent.threshold.changes_per_year);
        assert!(whole.threshold.changes_per_year.is_some_and(|changes| changes <= 12.0));
    }

    #[test]
    fn a_continued_history_equals_a_fresh_one() {
        let (days, series) = simulated(2_600, |at| if at % 500 < 40 { 0.1 } else { 0.0 });
        let fresh = of(&days, &series);
        // An earlier view lacks the last sessions or the first ones, or has another value.
        for (first, end, other) in [
            (0, 2_600, None),
            (0, 2_599, None),
            (0, 2_300, None),
            (300, 2_600, None),
            (0, 2_600, Some(2_590)),
            (0, 2_600, Some(700)),
        ] {
            let mut before = cut(&series, days[first]);
            for (id, series) in &mut before {
                let end = series.days.partition_point(|day| *day <= days[end - 1]);
                series.days.truncate(end);
                series.values.truncate(end);
                if let Some(at) = other.filter(|at| *id == "equal_minus_cap.5d" && *at < end) {
                    series.values[at] += 0.5;
                }
            }
            let earlier = of(&days[first..end], &before);
            let continued =
                ScoreHistory::of(&days, |id| series.get(id), |id| before.get(id), Some(&earlier));
            assert_eq!(continued, fresh, "{first}..{end}, {other:?}");
        }
    }

    #[test]
    fn the_history_is_what_the_reports_of_its_days_gave() {
        let (days, series) = simulated(2_400, |at| if at % 500 < 40 { 0.1 } else { 0.0 });
        let whole = of(&days, &series);
        for count in [1_300, 1_900, 2_100, 2_399] {
            let until = days[count - 1];
            let then = series.iter().map(|(id, series)| {
                let end = series.days.partition_point(|day| *day <= until);
                let (days, values) = (series.days[..end].to_vec(), series.values[..end].to_vec());
                (*id, Series { days, values })
            });
            let report = of(&days[..count], &then.collect()).last();
            assert_eq!(whole.at(count - 1), report, "{until}");
        }
        // The states, made from runs that share their ends, are those of runs made one by one.
        let mut seen = std::collections::BTreeSet::new();
        for at in (0..2_400).step_by(3) {
            let state = whole.at(at).unwrap().state;
            assert_eq!(whole.states()[at], state, "{at}");
            seen.insert(state);
        }
        assert!(4 <= seen.len(), "{seen:?}");
    }
}
