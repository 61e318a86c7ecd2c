//! One measure as known in a snapshot: its history and how unusual its latest value is.

use crate::{
    family::Indicator,
    measure::{Detail, Outcome, Source, Spec},
    record::Record,
    standing::{ZScore, percentile, z_score},
};
use marketdata::{
    calendar,
    day::Day,
    gap::{Gap, GapReason},
    snapshot::Series,
};

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
            gaps.push(Gap::new(GapReason::ShortHistory, spec.subject(), detail));
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
        }
    }
}

impl Reading {
    /// Memory held outside of itself, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        let details = self.details.iter().map(|detail| detail.subject.capacity());
        let gaps = self.gaps.iter().map(|gap| gap.subject.heap_bytes() + gap.detail.capacity());
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
        Gap::new(GapReason::Stale, spec.subject(), detail)
    })
}
