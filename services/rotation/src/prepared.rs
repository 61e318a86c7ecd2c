//! Everything that rotation derives from a snapshot, computed once: histories, standings, records,
//! state.

use crate::{
    aftermath::{Aftermaths, aftermath},
    breadth::Breadth,
    component::Score,
    composite::{Composite, ScoreHistory},
    family::Indicator,
    indicator,
    inputs::{Earlier, INDICES, Inputs, Read},
    session_move::SessionMove,
};
use factors::{
    line::Line,
    roles::{Role, Roles},
};
use marketdata::{
    day::Day,
    gap::{Gap, GapReason, Subject},
    snapshot::Snapshot,
};
use rayon::prelude::*;
use std::{collections::BTreeMap, sync::Arc};

pub use crate::reading::Reading;

/// Everything that rotation derives from a snapshot.
#[derive(Debug)]
pub struct PreparedRotation {
    /// The view's day.
    pub today: Day,
    /// Every measure, in the order of [`indicator::ALL`].
    pub readings: Vec<Reading>,
    /// The market state. `None` without sessions.
    pub composite: Option<Composite>,
    /// The moves of the last session. `None` without sessions.
    pub session_move: Option<SessionMove>,
    /// What followed all known states, and each of them.
    pub aftermath: Aftermaths,
    /// The indices whose moves since any date can be requested.
    pub indices: Vec<Line>,
    /// Roles without a resolved symbol.
    pub unresolved: Vec<Role>,
    /// Gaps of the answer as a whole.
    pub gaps: Vec<Gap>,
    places: BTreeMap<String, usize>,
    /// The snapshot it was prepared from, to detect what a later one shares with it.
    snapshot: Snapshot,
    roles: Roles,
    scores: ScoreHistory,
    read: Read,
    recounted: Recounted,
}

/// What a preparation could not take from the earlier value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recounted {
    /// Lines whose closes and market values were counted from their first row on.
    pub lines: usize,
    /// Publications of short interest at which all names were ranked.
    pub publications: usize,
}

impl Recounted {
    fn of(read: &Read, previous: Option<&PreparedRotation>) -> Recounted {
        let before = previous.and_then(PreparedRotation::breadth);
        let is_new = |breadth: &&Arc<Breadth>| before.is_none_or(|b| !Arc::ptr_eq(b, breadth));
        let breadth = read.breadth.as_ref().filter(is_new);
        Recounted {
            lines: breadth.map_or(0, |breadth| breadth.lines_counted_anew()),
            publications: read.most_shorted.as_ref().map_or(0, |basket| basket.ranked_anew),
        }
    }
}

/// Prepares a snapshot. Reuses what it shares with an earlier one prepared with the same roles; the
/// answer is the same, bit by bit, with and without it. Runs on the threads of the caller's rayon
/// pool.
pub fn prepare(
    snapshot: &Snapshot,
    roles: &Roles,
    previous: Option<&PreparedRotation>,
) -> PreparedRotation {
    let previous = previous.filter(|previous| previous.roles == *roles);
    let earlier = previous.map(|p| Earlier { snapshot: &p.snapshot, read: &p.read });
    let inputs = Inputs::of(snapshot, roles, earlier);
    inputs.read_ahead();
    let today = snapshot.today();
    let of_indicator = |indicator: &'static Indicator| {
        let measured = (indicator.measure)(&inputs, &(indicator.specs)()).into_par_iter();
        measured.map(move |(spec, outcome)| Reading::of(indicator, spec, outcome, today))
    };
    let indicators = indicator::ALL.par_iter().with_max_len(1);
    let readings: Vec<Reading> = indicators.flat_map(of_indicator).collect();
    let places: BTreeMap<String, usize> =
        readings.iter().enumerate().map(|(at, r)| (r.spec.id.clone(), at)).collect();
    let reading = |id: &str| Some(&readings[*places.get(id)?]);
    let history = |id: &str| Some(&reading(id)?.history);
    let before = |id: &str| Some(&previous?.reading(id)?.history);
    let sessions = sessions(&inputs);
    let scores = ScoreHistory::of(sessions, history, before, previous.map(|p| &p.scores));
    let composite = scores.last();
    let aftermath = aftermath(scores.sessions(), scores.states(), history);
    let session_move = SessionMove::of(snapshot, roles, sessions, reading);
    let unresolved =
        Role::ALL.into_iter().filter(|role| roles.resolve_role(snapshot, *role).is_none());
    let lines = INDICES.into_iter().filter_map(|role| inputs.line(role, "").ok().cloned());
    let indices = lines.collect();
    let read = inputs.into_read();
    PreparedRotation {
        today,
        gaps: gaps_of_all(&readings, composite.as_ref()),
        session_move,
        aftermath,
        unresolved: unresolved.collect(),
        indices,
        readings,
        composite,
        places,
        snapshot: snapshot.clone(),
        roles: roles.clone(),
        scores,
        recounted: Recounted::of(&read, previous),
        read,
    }
}

impl PreparedRotation {
    /// A measure by id.
    pub fn reading(&self, id: &str) -> Option<&Reading> {
        self.places.get(id).map(|at| &self.readings[*at])
    }

    /// The scores of all sessions, from which the composite of any session follows.
    pub fn scores(&self) -> &ScoreHistory {
        &self.scores
    }

    /// The members' daily counts. `None` if no indicator uses them.
    pub fn breadth(&self) -> Option<&Arc<Breadth>> {
        self.read.breadth.as_ref()
    }

    /// What was computed from the start, because the earlier value did not hold or there was none.
    pub const fn recounted(&self) -> Recounted {
        self.recounted
    }

    /// Memory held, in bytes, without the market behind its snapshot.
    ///
    /// Parts that it shares with the value it continues are included, so that the sum over several
    /// values is an upper bound of what they hold together, and none is held uncounted once the
    /// others are dropped.
    pub fn bytes(&self) -> usize {
        let lines = self.indices.iter().map(Line::heap_bytes);
        let places = self.places.keys().map(|id| id.capacity() + size_of::<(String, usize)>());
        size_of::<PreparedRotation>()
            + self.readings.capacity() * size_of::<Reading>()
            + self.readings.iter().map(Reading::heap_bytes).sum::<usize>()
            + self.indices.capacity() * size_of::<Line>()
            + lines.sum::<usize>()
            + places.sum::<usize>()
            + self.read.breadth.as_ref().map_or(0, |breadth| breadth.bytes())
            + self.read.most_shorted.as_ref().map_or(0, |basket| basket.bytes())
            + self.scores.bytes()
    }
}

/// The roles whose days are those of the state, in order of preference.
pub(crate) const STATE_SESSIONS: &[Role] = &[Role::LargeCapIndex, Role::SmallCapIndex];

/// The days over which the state is computed: those of the first role with a history, else of the
/// members.
fn sessions<'a>(inputs: &'a Inputs<'_>) -> &'a [Day] {
    STATE_SESSIONS
        .iter()
        .find_map(|role| inputs.line(*role, "").ok())
        .map_or_else(|| &inputs.breadth().days[..], |line| &line.days)
}

/// Gaps of the answer as a whole: each stand-in once, and components left out of the scores.
fn gaps_of_all(readings: &[Reading], composite: Option<&Composite>) -> Vec<Gap> {
    let mut stand_ins: BTreeMap<(String, String), ()> = BTreeMap::new();
    for source in readings.iter().flat_map(|reading| &reading.sources) {
        if let Some(wanted) = &source.proxy_for {
            stand_ins.insert((wanted.clone(), source.symbol.clone()), ());
        }
    }
    let mut gaps: Vec<Gap> = stand_ins
        .into_keys()
        .map(|(wanted, used)| {
            let detail = format!("{used} stands in for {wanted}");
            Gap::new(GapReason::Proxy, Subject::Symbol(wanted), detail)
        })
        .collect();
    gaps.extend(left_out(composite).map(|(measure, of)| left_out_gap(readings, measure, &of)));
    gaps
}

/// The measures without a z-score in the order of components, each with every score that it is
/// left out of.
fn left_out(composite: Option<&Composite>) -> impl Iterator<Item = (&'static str, Vec<Score>)> {
    let mut found: Vec<(&'static str, Vec<Score>)> = Vec::new();
    for score in composite.iter().flat_map(|composite| &composite.scores) {
        for part in score.contributions.iter().filter(|part| part.z.is_none()) {
            let measure = part.component.measure;
            match found.iter_mut().find(|(held, _)| *held == measure) {
                Some((_, scores)) => scores.push(score.score),
                None => found.push((measure, vec![score.score])),
            }
        }
    }
    found.into_iter()
}

fn left_out_gap(readings: &[Reading], measure: &str, of: &[Score]) -> Gap {
    let reading = readings.iter().find(|reading| reading.spec.id == measure);
    let reason = reading.map_or(GapReason::InputMissing, |reading| match reading.history.last() {
        None => reading.gaps.last().map_or(GapReason::InputMissing, |gap| gap.reason),
        Some(_) if reading.z.is_none() => GapReason::ShortHistory,
        Some(_) => GapReason::Stale,
    });
    let scores: Vec<String> = of.iter().map(|score| format!("{score:?}").to_lowercase()).collect();
    let word = if scores.len() == 1 { "score" } else { "scores" };
    let detail = format!("{measure} is left out of the {} {word}", scores.join(" and "));
    Gap::new(reason, Subject::Indicator(measure.to_owned()), detail)
}
