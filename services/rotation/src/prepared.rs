//! Everything that rotation derives from a snapshot, computed once: histories, standings, records,
//! state.

use crate::{
    breadth::Breadth,
    composite::{COMPONENTS, Composite, Score, State, ZScores},
    family::Indicator,
    indicator,
    inputs::{Earlier, INDICES, Inputs, Read},
    measure::{Detail, Outcome, Source, Spec},
    record::Record,
    standing::{ZScore, percentile, z_score},
};
use factors::{
    line::Line,
    roles::{Role, Roles},
};
use marketdata::{
    calendar,
    day::Day,
    gap::{Gap, GapReason},
    snapshot::{Series, Snapshot},
};
use rayon::prelude::*;
use std::{collections::BTreeMap, sync::Arc};

/// A measure is stale if its latest value is more sessions old than this.
const STALE_SESSIONS: i32 = 3;
/// Above this age, in calendar days, sessions are not counted: the measure is stale.
const STALE_DAYS: i32 = 30;

/// One measure, as known in a snapshot.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Indicator of the measure.
    pub indicator: &'static Indicator,
    /// The measure.
    pub spec: Spec,
    /// All values, oldest first.
    pub history: Series,
    /// Sessions on which a value is expected. `None` if the days of the history are the sessions.
    pub sessions: Option<Vec<Day>>,
    /// Calendar days from the latest value to the view's day.
    pub age_days: Option<i32>,
    /// z-score of the latest value against the 252 before it.
    pub z: Option<ZScore>,
    /// Share of all earlier values below the latest, ties counting half, 0 to 1.
    pub percentile: Option<f64>,
    /// How long ago a value was last this extreme, and its rank.
    pub record: Option<Record>,
    /// Sources of the values.
    pub sources: Vec<Source>,
    /// Numbers that accompany the latest value.
    pub details: Vec<Detail>,
    /// Missing inputs and stand-ins.
    pub gaps: Vec<Gap>,
    /// Its contribution to a score of the composite, if it is a component.
    pub contribution: Option<(Score, f64)>,
}

impl Reading {
    pub(crate) fn of(
        indicator: &'static Indicator,
        spec: Spec,
        outcome: Outcome,
        today: Day,
    ) -> Reading {
        let Outcome { history, sessions, sources, details, mut gaps } = outcome;
        let last = history.last();
        if let Some(gap) = last.and_then(|(day, _)| stale(&spec, day, today)) {
            gaps.push(gap);
        }
        let explains = |gap: &Gap| {
            use GapReason::{MissingObservations, NoClassification, Proxy, Survivorship};
            !matches!(gap.reason, MissingObservations | NoClassification | Proxy | Survivorship)
        };
        if last.is_none() && !gaps.iter().any(explains) {
            let detail = "too few observations for one value";
            gaps.push(Gap::new(GapReason::ShortHistory, &*spec.id, detail));
        }
        Reading {
            age_days: last.map(|(day, _)| today.epoch() - day.epoch()),
            z: z_score(&history.values),
            percentile: percentile(&history.values),
            record: Record::of_last_either_way(&history.days, &history.values, spec.kind),
            indicator,
            spec,
            history,
            sessions,
            sources,
            details,
            gaps,
            contribution: None,
        }
    }
}

impl Reading {
    /// Memory held outside of itself, in bytes.
    fn heap_bytes(&self) -> usize {
        let details = self.details.iter().map(|detail| detail.subject.capacity());
        let gaps = self.gaps.iter().map(|gap| gap.subject.capacity() + gap.detail.capacity());
        self.spec.id.capacity()
            + self.history.heap_bytes()
            + self.sessions.as_ref().map_or(0, Vec::capacity) * size_of::<Day>()
            + self.sources.capacity() * size_of::<Source>()
            + self.sources.iter().map(Source::heap_bytes).sum::<usize>()
            + self.details.capacity() * size_of::<Detail>()
            + details.sum::<usize>()
            + self.gaps.capacity() * size_of::<Gap>()
            + gaps.sum::<usize>()
    }
}

fn stale(spec: &Spec, last: Day, today: Day) -> Option<Gap> {
    let age = today.epoch() - last.epoch();
    let sessions = if age <= STALE_DAYS { calendar::sessions_between(last, today) } else { age };
    (STALE_SESSIONS < sessions).then(|| {
        let detail =
            format!("the latest value is of {last}, {age} calendar days before the as-of day");
        Gap::new(GapReason::Stale, &*spec.id, detail)
    })
}

/// Everything that rotation derives from a snapshot.
#[derive(Debug)]
pub struct PreparedRotation {
    /// The view's day.
    pub today: Day,
    /// Every measure, in the order of [`indicator::ALL`].
    pub readings: Vec<Reading>,
    /// The market state. `None` if no component of any score is available.
    pub composite: Option<Composite>,
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
    z_scores: ZScores,
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
    let mut readings: Vec<Reading> = indicators.flat_map(of_indicator).collect();
    let places: BTreeMap<String, usize> =
        readings.iter().enumerate().map(|(at, r)| (r.spec.id.clone(), at)).collect();
    let histories = |id: &str| Some(&readings[*places.get(id)?].history);
    let before = |id: &str| Some(&previous?.reading(id)?.history);
    let scores = previous.map(|previous| &previous.z_scores);
    let z_scores = ZScores::of(sessions(&inputs), histories, before, scores);
    let composite = Composite::of(&z_scores);
    contribute(&mut readings, composite.as_ref());
    let unresolved =
        Role::ALL.into_iter().filter(|role| roles.resolve_role(snapshot, *role).is_none());
    let lines = INDICES.into_iter().filter_map(|role| inputs.line(role, "").ok().cloned());
    let indices = lines.collect();
    let read = inputs.into_read();
    PreparedRotation {
        today,
        gaps: gaps_of_all(&readings, composite.as_ref()),
        unresolved: unresolved.collect(),
        indices,
        readings,
        composite,
        places,
        snapshot: snapshot.clone(),
        roles: roles.clone(),
        z_scores,
        recounted: Recounted::of(&read, previous),
        read,
    }
}

impl PreparedRotation {
    /// A measure by id.
    pub fn reading(&self, id: &str) -> Option<&Reading> {
        self.places.get(id).map(|at| &self.readings[*at])
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
        let states = self.composite.as_ref().map_or(0, |composite| composite.history.capacity());
        size_of::<PreparedRotation>()
            + self.readings.capacity() * size_of::<Reading>()
            + self.readings.iter().map(Reading::heap_bytes).sum::<usize>()
            + self.indices.capacity() * size_of::<Line>()
            + lines.sum::<usize>()
            + places.sum::<usize>()
            + states * size_of::<(Day, State)>()
            + self.read.breadth.as_ref().map_or(0, |breadth| breadth.bytes())
            + self.read.most_shorted.as_ref().map_or(0, |basket| basket.bytes())
            + self.z_scores.bytes()
    }
}

/// The days over which the state is computed: those of the large-cap index, else of the small-cap
/// index, else of the members.
fn sessions<'a>(inputs: &'a Inputs<'_>) -> &'a [Day] {
    [Role::LargeCapIndex, Role::SmallCapIndex]
        .into_iter()
        .find_map(|role| inputs.line(role, "").ok())
        .map_or_else(|| &inputs.breadth().days[..], |line| &line.days)
}

fn contribute(readings: &mut [Reading], composite: Option<&Composite>) {
    let parts = composite.iter().flat_map(|c| &c.scores).flat_map(|score| &score.contributions);
    for part in parts {
        let Some(given) = part.contribution else { continue };
        for reading in readings.iter_mut().filter(|r| r.spec.id == part.component.measure) {
            reading.contribution = Some((part.component.score, given));
        }
    }
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
            Gap::new(GapReason::Proxy, wanted, detail)
        })
        .collect();
    let there = |measure: &str| {
        let parts = composite.iter().flat_map(|c| &c.scores).flat_map(|score| &score.contributions);
        parts.filter(|part| part.component.measure == measure).any(|part| part.z.is_some())
    };
    for part in COMPONENTS.iter().filter(|part| !there(part.measure)) {
        let reason = readings.iter().find(|reading| reading.spec.id == part.measure);
        let reason =
            reason.map_or(GapReason::InputMissing, |reading| match reading.history.last() {
                None => reading.gaps.last().map_or(GapReason::InputMissing, |gap| gap.reason),
                Some(_) if reading.z.is_none() => GapReason::ShortHistory,
                Some(_) => GapReason::Stale,
            });
        let detail = format!("{} is left out of the {:?} score", part.measure, part.score);
        gaps.push(Gap::new(reason, format!("composite.{}", part.measure), detail.to_lowercase()));
    }
    gaps
}
