//! Three scores, and the market state derived from them: which group leads, and whether risk is off
//! (methodology A21).

use crate::{
    hysteresis::{OFF, ON, Side, Switch},
    standing::z_score,
};
use marketdata::{day::Day, snapshot::Series};
use rayon::prelude::*;

/// Subject of a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Score {
    /// Small caps ahead of large caps; negative when they lag.
    Size,
    /// Broad participation: the many ahead of the few.
    Breadth,
    /// Flight from risk.
    Risk,
}

impl Score {
    /// Every score, in the order of an answer.
    pub const ALL: [Score; 3] = [Score::Size, Score::Breadth, Score::Risk];

    /// Whether the score also switches on at or below −1. Only the size score does.
    pub const fn two_sided(self) -> bool {
        matches!(self, Score::Size)
    }
}

/// Market state: the first of these that holds, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The risk score is on.
    RiskOff,
    /// The size score is on, upwards.
    SmallLed,
    /// The size score is on, downwards.
    MegacapLed,
    /// The breadth score is on.
    Broadening,
    /// No score is on.
    Neutral,
}

/// One measure's contribution to a score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Component {
    /// The score.
    pub score: Score,
    /// The measure's id.
    pub measure: &'static str,
    /// +1, or −1 if a rise of the measure lowers the score.
    pub sign: f64,
}

const fn component(score: Score, measure: &'static str, sign: f64) -> Component {
    Component { score, measure, sign }
}

/// Every component of every score.
pub const COMPONENTS: [Component; 12] = [
    component(Score::Size, "small_vs_nasdaq.5d", 1.0),
    component(Score::Size, "size_spread.21d", 1.0),
    component(Score::Size, "concentration.top7_weight.5d", -1.0),
    component(Score::Size, "most_shorted.less_index.5d", 1.0),
    component(Score::Breadth, "equal_minus_cap.5d", 1.0),
    component(Score::Breadth, "pct_above_50d.change.10d", 1.0),
    component(Score::Breadth, "advance_decline_line.pct.5d", 1.0),
    component(Score::Breadth, "new_highs_less_lows", 1.0),
    component(Score::Risk, "index_return.large_cap_index.5d", -1.0),
    component(Score::Risk, "volatility_change.21d", 1.0),
    component(Score::Risk, "defensive_minus_cyclical.5d", 1.0),
    component(Score::Risk, "credit_spread_change.5d", 1.0),
];

/// z-scores are clipped to ± this value.
pub const CLIP: f64 = 3.0;
/// Maximum age of a component's value, in calendar days.
pub const CARRY_DAYS: i32 = 5;

/// Sessions over which the state is computed: ten years. Earlier switches are ignored.
pub const FOLLOWED: usize = 2_520;

/// What a component contributes to its score on the last session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contribution {
    /// The component.
    pub component: Component,
    /// Its z-score over 252 sessions, not clipped. `None` if the component is left out.
    pub z: Option<f64>,
    /// Its part of the score: `sign · clip(z, ±3) / number of available components`.
    pub contribution: Option<f64>,
}

/// A score on the last session.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreNow {
    /// The score.
    pub score: Score,
    /// Mean of the signed, clipped z-scores that are available. `None` if none is.
    pub value: Option<f64>,
    /// Whether the score is on, and for how many sessions it has been on or off.
    pub switch: Switch,
    /// Every component, including those left out.
    pub contributions: Vec<Contribution>,
}

/// A change of one score that would change the state at the next session, the other scores being
/// unchanged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flip {
    /// The score that would have to move.
    pub score: Score,
    /// Its present value.
    pub from: f64,
    /// The value it would have to reach.
    pub threshold: f64,
    /// True if the score must rise to the threshold, false if it must fall to it. It turns on at
    /// the threshold and off only beyond it.
    pub rising: bool,
    /// The resulting state.
    pub then: State,
    /// Number of sessions during which the score cannot turn off yet, whatever its value.
    pub after_sessions: usize,
}

/// The scores and their state.
#[derive(Clone, Debug, PartialEq)]
pub struct Composite {
    /// The last session.
    pub on: Day,
    /// The state on it.
    pub state: State,
    /// First session of the current uninterrupted run of the state.
    pub since: Day,
    /// Number of sessions in that run, including the last.
    pub sessions: usize,
    /// The scores.
    pub scores: Vec<ScoreNow>,
    /// Changes of a single score that would change the state.
    pub flips: Vec<Flip>,
    /// State of each session, oldest first.
    pub history: Vec<(Day, State)>,
}

/// The z-scores of all components on the sessions over which the state is computed.
#[derive(Clone, Debug, PartialEq)]
pub struct ZScores {
    sessions: Vec<Day>,
    /// By component, then by session.
    scores: Vec<Vec<Option<f64>>>,
}

impl ZScores {
    /// The z-scores over the last [`FOLLOWED`] of some sessions. `history` returns a measure's
    /// values by id. If `earlier` scores were made from the histories that `before` returns, the
    /// scores of sessions whose values are the same up to that session are reused.
    pub fn of<'a>(
        sessions: &[Day],
        history: impl Fn(&str) -> Option<&'a Series> + Sync,
        before: impl Fn(&str) -> Option<&'a Series> + Sync,
        earlier: Option<&ZScores>,
    ) -> ZScores {
        let sessions = &sessions[sessions.len().saturating_sub(FOLLOWED)..];
        let of = |(at, part): (usize, &Component)| {
            let Some(history) = history(part.measure) else { return Vec::new() };
            let earlier = earlier.zip(before(part.measure)).map(|(scores, before)| {
                let common = common_length(history, before);
                let next = before.days.get(common).copied();
                Kept { sessions: &scores.sessions, scores: &scores.scores[at], common, next }
            });
            z_on(sessions, history, earlier.as_ref())
        };
        let scores = COMPONENTS.par_iter().enumerate().map(of).collect();
        ZScores { sessions: sessions.to_vec(), scores }
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        self.sessions.len() * (size_of::<Day>() + COMPONENTS.len() * size_of::<Option<f64>>())
    }

    fn get(&self, part: usize, at: usize) -> Option<f64> {
        self.scores[part].get(at).copied().flatten()
    }
}

impl Composite {
    /// Derives the composite from z-scores. Returns `None` without sessions, or if no component of
    /// any score is available on the last one.
    pub fn of(z: &ZScores) -> Option<Composite> {
        let sessions = &z.sessions;
        let on = *sessions.last()?;
        let mut switches = Score::ALL.map(|score| Switch::off(score.two_sided()));
        let mut states: Vec<(Day, State)> = Vec::with_capacity(sessions.len());
        for (at, day) in sessions.iter().enumerate() {
            for (switch, score) in switches.iter_mut().zip(Score::ALL) {
                *switch = switch.step(value_of(score, |part| z.get(part, at)));
            }
            states.push((*day, state_of(switches)));
        }
        let last = sessions.len() - 1;
        let scores: Vec<ScoreNow> = Score::ALL
            .into_iter()
            .zip(switches)
            .map(|(score, switch)| now(score, switch, |part| z.get(part, last)))
            .collect();
        scores.iter().find_map(|score| score.value)?;
        let (_, state) = *states.last()?;
        let in_state = states.iter().rev().take_while(|(_, other)| *other == state).count();
        Some(Composite {
            on,
            state,
            since: states[states.len() - in_state].0,
            sessions: in_state,
            flips: flips(&scores, state),
            scores,
            history: states,
        })
    }
}

/// Length of the common prefix of two histories, compared bit by bit.
fn common_length(one: &Series, other: &Series) -> usize {
    let days = one.days.iter().zip(&other.days);
    let values = one.values.iter().zip(&other.values);
    let same = days.zip(values).take_while(|(d, v)| d.0 == d.1 && v.0.to_bits() == v.1.to_bits());
    same.count()
}

/// Scores computed from an earlier history.
struct Kept<'a> {
    sessions: &'a [Day],
    scores: &'a [Option<f64>],
    /// Number of first values that it shares with the current history.
    common: usize,
    /// Day of its first value after those.
    next: Option<Day>,
}

impl Kept<'_> {
    /// The earlier score of a session, if both histories have the same values up to it. `at` is the
    /// place of the session's last value in the current history.
    fn get(&self, day: Day, at: usize) -> Option<Option<f64>> {
        let same = at < self.common && self.next.is_none_or(|next| day < next);
        let place = self.sessions.binary_search(&day).ok().filter(|_| same)?;
        self.scores.get(place).copied()
    }
}

/// A measure's z-score on each session: that of its last value, if it is at most [`CARRY_DAYS`]
/// old.
fn z_on(sessions: &[Day], history: &Series, kept: Option<&Kept<'_>>) -> Vec<Option<f64>> {
    let of = |day: &Day| {
        let at = history.index_on_or_before(*day)?;
        let fresh = *day <= history.days[at].plus(CARRY_DAYS);
        kept.as_ref()
            .and_then(|kept| kept.get(*day, at))
            .unwrap_or_else(|| Some(z_score(fresh.then_some(&history.values[..=at])?)?.z))
    };
    sessions.iter().map(of).collect()
}

fn parts_of(score: Score) -> impl Iterator<Item = (usize, Component)> {
    COMPONENTS.into_iter().enumerate().filter(move |(_, part)| part.score == score)
}

fn value_of(score: Score, z: impl Fn(usize) -> Option<f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0u32);
    for (at, part) in parts_of(score) {
        if let Some(z) = z(at) {
            sum += part.sign * z.clamp(-CLIP, CLIP);
            count += 1;
        }
    }
    (0 < count).then(|| sum / f64::from(count))
}

fn now(score: Score, switch: Switch, z: impl Fn(usize) -> Option<f64>) -> ScoreNow {
    let there = parts_of(score).filter(|(at, _)| z(*at).is_some()).count();
    let contributions = parts_of(score).map(|(at, component)| {
        let z = z(at);
        let contribution = z.map(|z| component.sign * z.clamp(-CLIP, CLIP) / there as f64);
        Contribution { component, z, contribution }
    });
    let contributions = contributions.collect();
    ScoreNow { score, value: value_of(score, z), switch, contributions }
}

fn state_of([size, breadth, risk]: [Switch; 3]) -> State {
    match (risk.on, size.on, breadth.on) {
        (Some(_), _, _) => State::RiskOff,
        (None, Some(Side::Up), _) => State::SmallLed,
        (None, Some(Side::Down), _) => State::MegacapLed,
        (None, None, Some(_)) => State::Broadening,
        (None, None, None) => State::Neutral,
    }
}

fn flips(scores: &[ScoreNow], state: State) -> Vec<Flip> {
    let mut switches = [Switch::off(false); 3];
    for (switch, score) in switches.iter_mut().zip(scores) {
        *switch = score.switch;
    }
    let mut flips = Vec::new();
    for (at, score) in scores.iter().enumerate() {
        let Some(from) = score.value else { continue };
        for (threshold, rising, then) in turns(score.switch) {
            let mut after = switches;
            after[at].on = then;
            let then = state_of(after);
            let after_sessions = score.switch.locked_sessions();
            if then != state {
                let score = score.score;
                flips.push(Flip { score, from, threshold, rising, then, after_sessions });
            }
        }
    }
    flips
}

/// The thresholds at which a switch turns: the threshold, whether the score must rise to it, and
/// the side it turns to.
fn turns(switch: Switch) -> Vec<(f64, bool, Option<Side>)> {
    let mut turns = match switch.on {
        None => vec![(ON, true, Some(Side::Up))],
        Some(Side::Up) => vec![(OFF, false, None)],
        Some(Side::Down) => vec![(-OFF, true, None), (ON, true, Some(Side::Up))],
    };
    if switch.two_sided && switch.on != Some(Side::Down) {
        turns.push((-ON, false, Some(Side::Down)));
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::fixture::day;

    fn of_all<'a>(
        sessions: &[Day],
        history: impl Fn(&str) -> Option<&'a Series> + Sync,
    ) -> Option<Composite> {
        Composite::of(&ZScores::of(sessions, history, |_| None, None))
    }

    /// 130 quiet days alternating ±1 (mean 0, sample sd 1.004), then the given values.
    fn series(tail: &[f64]) -> Series {
        let quiet = (0..130).map(|i| if i % 2 == 0 { -1.0 } else { 1.0 });
        let values: Vec<f64> = quiet.chain(tail.iter().copied()).collect();
        let days = (0..values.len()).map(|i| day("2021-01-04").plus(i as i32)).collect();
        Series { days, values }
    }

    #[test]
    fn small_caps_lead_and_the_answer_shows_each_contribution() {
        let up = series(&[0.0, 2.0, 2.0]);
        let flat = series(&[0.0, 0.0, 0.0]);
        let of = |id: &str| match id {
            "small_vs_nasdaq.5d" | "size_spread.21d" => Some(&up),
            "equal_minus_cap.5d" => Some(&flat),
            _ => None,
        };
        let composite = of_all(&up.days, of).unwrap();
        assert_eq!(composite.state, State::SmallLed);
        assert_eq!((composite.sessions, composite.since), (2, up.days[131]));
        let size = &composite.scores[0];
        // Both components are near 2 / 1.0039; each contributes half of the score.
        assert!(1.9 < size.value.unwrap() && size.value.unwrap() < 2.0);
        let given: Vec<Option<f64>> = size.contributions.iter().map(|c| c.contribution).collect();
        assert!((given[0].unwrap() + given[1].unwrap() - size.value.unwrap()).abs() < 1e-12);
        assert_eq!((given[2], given[3]), (None, None), "left out, and named");
        assert_eq!(composite.scores[2].value, None);
        // Falling below 0.5 gives NEUTRAL, after one more session; −1 makes megacaps lead.
        let then: Vec<(State, f64, bool, usize)> = composite
            .flips
            .iter()
            .map(|f| (f.then, f.threshold, f.rising, f.after_sessions))
            .collect();
        assert_eq!(
            then,
            [(State::Neutral, 0.5, false, 1), (State::MegacapLed, -1.0, false, 1)],
            "breadth cannot flip it while small caps lead"
        );
    }

    #[test]
    fn every_component_is_a_measure() {
        let specs = crate::indicator::ALL.iter().flat_map(|indicator| (indicator.specs)());
        let ids: Vec<String> = specs.map(|spec| spec.id).collect();
        for part in COMPONENTS {
            assert!(ids.iter().any(|id| id == part.measure), "{}", part.measure);
        }
    }

    #[test]
    fn an_outlier_is_clipped_to_three() {
        let wild = series(&[1e6]);
        let composite =
            of_all(&wild.days, |id| (id == "index_return.large_cap_index.5d").then_some(&wild));
        let composite = composite.unwrap();
        assert_eq!(composite.scores[2].value, Some(-3.0));
        assert_eq!(composite.state, State::Neutral);
    }

    #[test]
    fn without_components_there_is_no_state() {
        let days = series(&[]).days;
        assert_eq!(of_all(&days, |_| None), None);
        assert_eq!(of_all(&[], |_| None), None);
    }

    #[test]
    fn a_component_may_be_a_few_days_old() {
        let values = series(&[2.0]);
        let mut sessions = values.days.clone();
        let last = sessions[sessions.len() - 1];
        sessions.push(last.plus(CARRY_DAYS));
        let state =
            |sessions: &[Day]| of_all(sessions, |id| (id == "size_spread.21d").then_some(&values));
        assert_eq!(state(&sessions).unwrap().state, State::SmallLed);
        sessions.push(last.plus(CARRY_DAYS + 1));
        assert_eq!(state(&sessions), None);
    }
}
