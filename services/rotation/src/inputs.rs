//! What indicators are measured from: the lines of the roles, breadth, megacaps, the short basket.

use crate::{
    breadth::Breadth,
    measure::{Outcome, Source, Spec},
    tally::{Tally, Weights, is_most},
};
use factors::{
    basket::{Megacap, MissingIssuer, megacaps},
    line::Line,
    most_shorted::{MostShorted, most_shorted},
    moves::Moves,
    roles::{Role, Roles},
    spread::Pair,
};
use marketdata::{
    day::Day,
    gap::{Gap, GapReason},
    snapshot::{Series, Snapshot},
};
use std::collections::BTreeMap;

/// Everything read from a snapshot, once.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// Who plays what.
    pub roles: &'a Roles,
    lines: BTreeMap<Role, Line>,
    /// The members' counts.
    pub breadth: Breadth,
    /// The megacaps with a known value.
    pub megacaps: Vec<Megacap>,
    /// The others.
    pub missing_megacaps: Vec<MissingIssuer>,
    /// The most-shorted basket.
    pub most_shorted: MostShorted,
    /// The baskets of defensive and of cyclical sectors.
    pub style: [Vec<Line>; 2],
}

impl<'a> Inputs<'a> {
    /// Reads a snapshot.
    pub fn of(snapshot: &'a Snapshot, roles: &'a Roles, breadth: Breadth) -> Inputs<'a> {
        let most_shorted = most_shorted(snapshot, roles);
        Inputs { breadth, most_shorted, ..Inputs::of_lines(snapshot, roles) }
    }

    /// Reads the lines of the roles and the megacaps alone, for measures that need no more: there are
    /// no members and no short basket.
    pub(crate) fn of_lines(snapshot: &'a Snapshot, roles: &'a Roles) -> Inputs<'a> {
        let resolved = Role::ALL.into_iter().filter_map(|role| roles.resolve_role(snapshot, role));
        let lines = resolved.map(|resolved| (resolved.role, Line::of(snapshot, resolved)));
        let (megacaps, missing_megacaps) = megacaps(snapshot, roles);
        let funds = |symbols: &[String], role| -> Vec<Line> {
            let found =
                symbols.iter().filter_map(|symbol| roles.resolve_role_as(snapshot, role, symbol));
            found.map(|resolved| Line::of(snapshot, resolved)).collect()
        };
        Inputs {
            snapshot,
            roles,
            lines: lines.collect(),
            breadth: Breadth::none(),
            megacaps,
            missing_megacaps,
            most_shorted: MostShorted {
                rebalances: Vec::new(),
                returns: Moves::empty(),
                sessions_left_out: 0,
            },
            style: [
                funds(&roles.defensive_sectors, Role::Defensive),
                funds(&roles.cyclical_sectors, Role::Cyclical),
            ],
        }
    }

    /// The line of a role.
    ///
    /// # Errors
    /// A gap that names the role and its candidates.
    pub fn line(&self, role: Role, measure: &str) -> Result<&Line, Gap> {
        self.lines.get(&role).ok_or_else(|| {
            let candidates = self.roles.candidates(role).join(", ");
            let detail = format!("{} has no history: none of {candidates} is known", role.id());
            Gap::new(GapReason::InputMissing, measure, detail)
        })
    }

    /// A measure of one line.
    pub fn of_line(&self, spec: &Spec, role: Role, make: impl Fn(&Line) -> Series) -> Outcome {
        match self.line(role, &spec.id) {
            Ok(line) => Outcome::of(make(line), vec![Source::of(line)]),
            Err(gap) => Outcome::missing(gap),
        }
    }

    /// A measure of two lines on their common days.
    pub fn of_pair(
        &self,
        spec: &Spec,
        roles: [Role; 2],
        make: impl Fn(&Pair) -> Series,
    ) -> Outcome {
        match (self.line(roles[0], &spec.id), self.line(roles[1], &spec.id)) {
            (Ok(first), Ok(second)) => {
                let sources = vec![Source::of(first), Source::of(second)];
                Outcome::of(make(&Pair::of(first, second)), sources)
            }
            (Err(gap), Ok(_)) | (Ok(_), Err(gap)) => Outcome::missing(gap),
            (Err(one), Err(other)) => {
                Outcome { gaps: vec![one, other], ..Outcome::missing_nothing() }
            }
        }
    }

    /// A measure of the members' counts, with the universe as its source and what it lacks as gaps.
    /// `counted` is the number of names a value stands on: where they are too few there is none.
    pub fn of_breadth(
        &self,
        spec: &Spec,
        counted: impl Fn(&Tally) -> u32,
        value: impl Fn(&Tally) -> Option<f64>,
    ) -> Outcome {
        let Breadth { tallies, expected, .. } = &self.breadth;
        self.of_members(spec, |at| {
            value(&tallies[at]).filter(|_| is_most(counted(&tallies[at]), expected[at]))
        })
    }

    /// A measure of the issuers' market values, on the sessions on which enough members have one.
    pub fn of_weights(&self, spec: &Spec, value: impl Fn(&Weights) -> Option<f64>) -> Outcome {
        let Breadth { weights, expected_issuers, .. } = &self.breadth;
        self.of_members(spec, |at| {
            value(&weights[at]).filter(|_| weights[at].are_most(expected_issuers[at]))
        })
    }

    fn of_members(&self, spec: &Spec, value: impl Fn(usize) -> Option<f64>) -> Outcome {
        let breadth = &self.breadth;
        if breadth.days.is_empty() {
            let detail = "no member of the universe has prices";
            return Outcome::missing(Gap::new(GapReason::InputMissing, &*spec.id, detail));
        }
        let mut history = Series::empty();
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
                "no value on {holes} sessions inside the history: too few members have what it \
                 needs{none_spans}"
            );
            outcome.gaps.push(Gap::new(GapReason::MissingObservations, &*spec.id, detail));
        }
        if breadth.universe.stand_in {
            let detail = "no index membership is known: all listed names with prices stand in, \
                          chosen with knowledge of which names still have a file";
            outcome.gaps.push(Gap::new(GapReason::Survivorship, &*spec.id, detail));
        }
        let (of_unknown_kind, lines) = breadth.universe.of_unknown_kind();
        if 0 < of_unknown_kind {
            let detail = format!(
                "nothing known says of {of_unknown_kind} of {lines} names whether they are companies \
                 or funds: they are counted, and have no weight by market value"
            );
            outcome.gaps.push(Gap::new(GapReason::NoClassification, &*spec.id, detail));
        }
        let priced = breadth.tallies.last().map_or(0, |tally| tally.priced);
        if !breadth.universe.stand_in && priced < breadth.members {
            let missing = breadth.members - priced;
            let detail = format!(
                "{missing} of {} members have no price here: where they are the names that left the \
                 market since, the others are survivors",
                breadth.members
            );
            outcome.gaps.push(Gap::new(GapReason::Survivorship, &*spec.id, detail));
        }
        if 0 < breadth.thin_days_after {
            let count = breadth.thin_days_after;
            let detail = format!("on {count} later days too few names have a price to be counted");
            outcome.gaps.push(Gap::new(GapReason::MissingObservations, &*spec.id, detail));
        }
        if last != breadth.days.last().copied() {
            let detail = "too few members have what it needs on the last session";
            outcome.gaps.push(Gap::new(GapReason::MissingObservations, &*spec.id, detail));
        }
        outcome
    }

    /// The universe as a source.
    pub fn universe_source(&self) -> Source {
        let breadth = &self.breadth;
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

impl Outcome {
    fn missing_nothing() -> Outcome {
        Outcome::of(Series::empty(), Vec::new())
    }

    /// Turns levels into their changes over some sessions; 0 leaves them as they are.
    pub fn take_changes(&mut self, horizon: usize) {
        if 0 < horizon {
            let sessions = self.sessions.as_ref().unwrap_or(&self.history.days);
            self.history = change_over(sessions, &self.history, horizon);
        }
    }
}

/// The change of a series over some of its own sessions; one within `precision` of the larger value
/// is none.
pub fn change_of(series: &Series, horizon: usize, precision: f64) -> Series {
    let difference = |old: f64, new: f64| {
        Some(stats::change::settled(new - old, precision * old.abs().max(new.abs())))
    };
    factors::line::over(&series.days, &series.values, horizon, difference)
}

/// The change of a measure over some sessions, of which it has a value on each: like the returns that
/// [`Moves::compounded`] puts together, none spans a hole.
pub fn change_over(sessions: &[Day], series: &Series, horizon: usize) -> Series {
    let at: Vec<usize> =
        series.days.iter().map(|day| sessions.partition_point(|session| session < day)).collect();
    let mut change = Series::empty();
    for end in horizon..series.days.len() {
        if at[end] - at[end - horizon] == horizon {
            let (old, new) = (series.values[end - horizon], series.values[end]);
            change.days.push(series.days[end]);
            change.values.push(stats::change::difference(old, new));
        }
    }
    change
}

/// One set of moves less another, and a gap where legs end on one day and begin on different ones.
pub fn less(spec: &Spec, first: &Moves, second: &Moves) -> (Series, Option<Gap>) {
    let (spread, unlike) = first.less(second);
    let gap = (0 < unlike).then(|| {
        let detail = format!(
            "on {unlike} days the two legs do not begin on the same day: a session is missing in one"
        );
        Gap::new(GapReason::MissingObservations, &*spec.id, detail)
    });
    (spread.into_series(), gap)
}
