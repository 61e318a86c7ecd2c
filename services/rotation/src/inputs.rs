//! The inputs of indicators: the lines of the roles, breadth, megacaps, the most-shorted basket.

use crate::{
    breadth::Breadth,
    measure::{Outcome, Source, Spec},
    tally::{Tally, Weights, is_most},
};
use factors::{
    basket::{Megacap, MissingIssuer, megacaps},
    comparison::Comparison,
    line::Line,
    most_shorted::{MostShorted, most_shorted},
    moves::Moves,
    roles::{Role, Roles},
};
use marketdata::{
    day::Day,
    gap::{Gap, GapReason, Subject},
    snapshot::{Series, Snapshot},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

/// The indices whose returns are reported, in order.
pub const INDICES: [Role; 7] = [
    Role::SmallCapIndex,
    Role::LargeCapIndex,
    Role::Nasdaq,
    Role::Dow,
    Role::MidCapIndex,
    Role::EqualWeight,
    Role::BroadMarket,
];

/// Inputs from one snapshot. Each is read once, when it is first needed.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// The configured symbols of each role.
    pub roles: &'a Roles,
    earlier: Option<(Comparison<'a>, &'a Read)>,
    lines: BTreeMap<Role, OnceLock<Option<Line>>>,
    breadth: OnceLock<Arc<Breadth>>,
    megacaps: OnceLock<(Vec<Megacap>, Vec<MissingIssuer>)>,
    most_shorted: OnceLock<Arc<MostShorted>>,
}

/// Inputs read from an earlier snapshot with the same roles, to continue from.
#[derive(Clone, Copy, Debug)]
pub struct Earlier<'a> {
    /// The earlier snapshot.
    pub snapshot: &'a Snapshot,
    /// The inputs read from it.
    pub read: &'a Read,
}

/// The inputs that a later snapshot can continue from. `None` if no indicator used them.
#[derive(Clone, Debug)]
pub struct Read {
    /// The members' daily counts.
    pub breadth: Option<Arc<Breadth>>,
    /// The most-shorted basket.
    pub most_shorted: Option<Arc<MostShorted>>,
}

impl<'a> Inputs<'a> {
    /// The inputs of a snapshot, none of them read yet.
    pub fn of(
        snapshot: &'a Snapshot,
        roles: &'a Roles,
        earlier: Option<Earlier<'a>>,
    ) -> Inputs<'a> {
        let lines = Role::ALL.into_iter().map(|role| (role, OnceLock::new()));
        Inputs {
            snapshot,
            roles,
            earlier: earlier.map(|e| (Comparison::of(snapshot, e.snapshot), e.read)),
            lines: lines.collect(),
            breadth: OnceLock::new(),
            megacaps: OnceLock::new(),
            most_shorted: OnceLock::new(),
        }
    }

    /// Reads the inputs that take long, side by side. Afterwards indicators can be measured on
    /// several threads.
    pub fn read_ahead(&self) {
        rayon::join(|| self.breadth(), || rayon::join(|| self.most_shorted(), || self.megacaps()));
    }

    /// The members' daily counts.
    pub fn breadth(&self) -> &Arc<Breadth> {
        read_once(&self.breadth, || {
            let earlier = self.earlier.as_ref();
            let earlier = earlier.and_then(|(c, read)| Some((read.breadth.as_ref()?, c)));
            Breadth::of(self.snapshot, self.roles, earlier)
        })
    }

    /// The megacaps with a known value, and the issuers without one.
    pub fn megacaps(&self) -> &(Vec<Megacap>, Vec<MissingIssuer>) {
        read_once(&self.megacaps, || megacaps(self.snapshot, self.roles))
    }

    /// The most-shorted basket.
    pub fn most_shorted(&self) -> &Arc<MostShorted> {
        read_once(&self.most_shorted, || {
            let earlier = self.earlier.as_ref();
            let earlier = earlier.and_then(|(c, read)| Some((&**read.most_shorted.as_ref()?, c)));
            Arc::new(most_shorted(self.snapshot, self.roles, earlier))
        })
    }

    /// The inputs that a later snapshot can continue from.
    pub fn into_read(self) -> Read {
        Read { breadth: self.breadth.into_inner(), most_shorted: self.most_shorted.into_inner() }
    }

    /// The price line or series of a role.
    ///
    /// # Errors
    /// A gap that names the role and its candidates, if none has a history.
    pub fn line(&self, role: Role, measure: &str) -> Result<&Line, Gap> {
        let read = || {
            let resolved = self.roles.resolve_role(self.snapshot, role)?;
            Some(Line::of(self.snapshot, resolved))
        };
        let line = self.lines.get(&role).and_then(|line| line.get_or_init(read).as_ref());
        line.ok_or_else(|| {
            let candidates = self.roles.candidates(role).join(", ");
            let detail = format!("no history for {}: none of {candidates} is known", role.id());
            Gap::new(GapReason::InputMissing, Subject::Indicator(measure.to_owned()), detail)
        })
    }

    /// A measure of one line.
    pub fn of_line(&self, spec: &Spec, role: Role, make: impl Fn(&Line) -> Series) -> Outcome {
        match self.line(role, &spec.id) {
            Ok(line) => Outcome::of(make(line), vec![Source::of(line)]),
            Err(gap) => Outcome::missing(gap),
        }
    }

    /// A measure of the members' counts. Its source is the universe; missing data is reported as
    /// gaps. `counted` is the number of names behind a value; a day on which they are too few has
    /// no value.
    pub fn of_breadth(
        &self,
        spec: &Spec,
        counted: impl Fn(&Tally) -> u32,
        value: impl Fn(&Tally) -> Option<f64>,
    ) -> Outcome {
        let Breadth { tallies, expected, .. } = &**self.breadth();
        self.of_members(spec, |at| {
            value(&tallies[at]).filter(|_| is_most(counted(&tallies[at]), expected[at]))
        })
    }

    /// A measure of the issuers' market values, for the sessions on which enough issuers have one.
    pub fn of_weights(&self, spec: &Spec, value: impl Fn(&Weights) -> Option<f64>) -> Outcome {
        let Breadth { weights, expected_issuers, .. } = &**self.breadth();
        self.of_members(spec, |at| {
            value(&weights[at]).filter(|_| weights[at].are_most(expected_issuers[at]))
        })
    }

    fn of_members(&self, spec: &Spec, value: impl Fn(usize) -> Option<f64>) -> Outcome {
        let breadth = self.breadth();
        if breadth.days.is_empty() {
            let detail = "no member of the universe has prices";
            return Outcome::missing(Gap::new(GapReason::InputMissing, spec.subject(), detail));
        }
        let mut history = Series::with_capacity(breadth.days.len());
        for (at, day) in breadth.days.iter().enumerate() {
            if let Some(value) = value(at).filter(|value| value.is_finite()) {
                history.days.push(*day);
                history.values.push(value);
            }
        }
        let last = history.days.last().copied();
        let span = history.days.first().zip(last).map_or(0, |(first, last)| {
            breadth.calendar.iter().filter(|day| first <= *day && **day <= last).count()
        });
        let holes = span - history.days.len();
        let mut outcome = Outcome::of(history, vec![self.universe_source()]);
        outcome.sessions = Some(breadth.calendar.clone());
        if 0 < holes {
            let none_spans = if 0 < spec.horizon { "; no change spans them" } else { "" };
            let detail = format!(
                "no value on {holes} sessions inside the history: too few members have the \
                 needed data{none_spans}"
            );
            outcome.gaps.push(Gap::new(GapReason::MissingObservations, spec.subject(), detail));
        }
        if breadth.universe.stand_in {
            let detail = "no index membership is known: all listed names with prices are used, \
                          selected with hindsight: only names that still have a file";
            outcome.gaps.push(Gap::new(GapReason::Survivorship, spec.subject(), detail));
        }
        let (of_unknown_kind, lines) = breadth.universe.of_unknown_kind();
        if 0 < of_unknown_kind {
            let detail = format!(
                "{of_unknown_kind} of {lines} names are not classified as company or fund: they \
                 are counted, and have no weight by market value"
            );
            outcome.gaps.push(Gap::new(GapReason::NoClassification, spec.subject(), detail));
        }
        let priced = breadth.tallies.last().map_or(0, |tally| tally.priced);
        if !breadth.universe.stand_in && priced < breadth.members {
            let missing = breadth.members - priced;
            let detail = format!(
                "{missing} of {} members have no price here: if they have left the market since, \
                 the others are survivors",
                breadth.members
            );
            outcome.gaps.push(Gap::new(GapReason::Survivorship, spec.subject(), detail));
        }
        if 0 < breadth.thin_days_after {
            let count = breadth.thin_days_after;
            let detail = format!("too few names have a price on {count} later days to count them");
            outcome.gaps.push(Gap::new(GapReason::MissingObservations, spec.subject(), detail));
        }
        if last != breadth.days.last().copied() {
            let detail = "too few members have the needed data on the last session";
            outcome.gaps.push(Gap::new(GapReason::MissingObservations, spec.subject(), detail));
        }
        outcome
    }

    /// The universe, as a source.
    pub fn universe_source(&self) -> Source {
        let breadth = self.breadth();
        let preferred = self.roles.breadth_universe.first().cloned();
        Source {
            role: None,
            symbol: breadth.universe.id.clone(),
            proxy_for: preferred.filter(|preferred| *preferred != breadth.universe.id),
            first_on: breadth.days.first().copied(),
            last_on: breadth.days.last().copied(),
        }
    }
}

/// Fills a cell on first use. The value is computed outside of the cell: it splits its work, and a
/// thread that waits for the others may begin a computation that needs the same cell.
fn read_once<T>(cell: &OnceLock<T>, read: impl FnOnce() -> T) -> &T {
    if let Some(value) = cell.get() {
        return value;
    }
    let value = read();
    cell.get_or_init(|| value)
}

impl Outcome {
    /// An outcome without values, only gaps.
    pub fn missing_all(gaps: Vec<Gap>) -> Outcome {
        Outcome { gaps, ..Outcome::of(Series::empty(), Vec::new()) }
    }

    /// Replaces levels by their changes over a number of sessions; 0 leaves them unchanged.
    pub fn take_changes(&mut self, horizon: usize) {
        if 0 < horizon {
            let sessions = self.sessions.as_ref().unwrap_or(&self.history.days);
            self.history = change_over(sessions, &self.history, horizon);
        }
    }
}

/// The change of a series over a number of its own observations. A change within `precision` of the
/// larger value counts as zero.
pub fn change_of(series: &Series, horizon: usize, precision: f64) -> Series {
    let difference = |old: f64, new: f64| {
        Some(stats::change::settled(new - old, precision * old.abs().max(new.abs())))
    };
    factors::line::over(&series.days, &series.values, horizon, difference)
}

/// The change of a measure over a number of sessions, if it has a value on each. Like the returns
/// that [`Moves::compounded`] combines, no change spans a session without a value.
pub fn change_over(sessions: &[Day], series: &Series, horizon: usize) -> Series {
    let at: Vec<usize> =
        series.days.iter().map(|day| sessions.partition_point(|session| session < day)).collect();
    let mut change = Series::with_capacity(series.days.len().saturating_sub(horizon));
    for end in horizon..series.days.len() {
        if at[end] - at[end - horizon] == horizon {
            let (old, new) = (series.values[end - horizon], series.values[end]);
            change.days.push(series.days[end]);
            change.values.push(stats::change::difference(old, new));
        }
    }
    change
}

/// The difference of two sets of moves, and a gap if legs that end on one day begin on different
/// days.
pub fn less(spec: &Spec, first: &Moves, second: &Moves) -> (Series, Option<Gap>) {
    let (spread, unlike) = first.less(second);
    let gap = (0 < unlike).then(|| {
        let detail = format!(
            "on {unlike} days the two legs begin on different days: one of them lacks a session"
        );
        Gap::new(GapReason::MissingObservations, spec.subject(), detail)
    });
    (spread.into_series(), gap)
}
