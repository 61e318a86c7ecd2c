//! What indicators are measured from: the lines of the roles, breadth, megacaps, the short basket.

use crate::{
    breadth::Breadth,
    measure::{Outcome, Source, Spec},
    tally::{Tally, Weights},
};
use factors::{
    basket::{Megacap, MissingIssuer, megacaps},
    line::Line,
    most_shorted::{MostShorted, most_shorted},
    roles::{Role, Roles},
    spread::Pair,
};
use marketdata::{
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
        let played = Role::ALL.into_iter().filter_map(|role| roles.play(snapshot, role));
        let lines = played.map(|played| (played.role, Line::of(snapshot, played)));
        let (megacaps, missing_megacaps) = megacaps(snapshot, roles);
        let funds = |symbols: &[String], role| -> Vec<Line> {
            let found = symbols.iter().filter_map(|symbol| roles.play_as(snapshot, role, symbol));
            found.map(|played| Line::of(snapshot, played)).collect()
        };
        Inputs {
            snapshot,
            roles,
            lines: lines.collect(),
            breadth,
            megacaps,
            missing_megacaps,
            most_shorted: most_shorted(snapshot, roles),
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
    pub fn of_breadth(&self, spec: &Spec, value: impl Fn(&Tally) -> Option<f64>) -> Outcome {
        self.of_members(spec, |at| value(&self.breadth.tallies[at]))
    }

    /// A measure of the issuers' market values, on the sessions on which at least half the priced
    /// members have one.
    pub fn of_weights(&self, spec: &Spec, value: impl Fn(&Weights) -> Option<f64>) -> Outcome {
        let Breadth { tallies, weights, .. } = &self.breadth;
        self.of_members(spec, |at| {
            value(&weights[at]).filter(|_| tallies[at].priced <= 2 * weights[at].valued)
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
        let mut outcome = Outcome::of(history, vec![self.universe_source()]);
        if breadth.universe.stand_in {
            let detail = "no index membership is known: all listed names with prices stand in, \
                          chosen with knowledge of which names still have a file";
            outcome.gaps.push(Gap::new(GapReason::Survivorship, &*spec.id, detail));
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
        if last.is_some() && last != breadth.days.last().copied() {
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
            stands_in_for: preferred.filter(|preferred| *preferred != breadth.universe.id),
            first_on: breadth.days.first().copied(),
            last_on: breadth.days.last().copied(),
        }
    }
}

impl Outcome {
    fn missing_nothing() -> Outcome {
        Outcome::of(Series::empty(), Vec::new())
    }
}

/// The change of a series over some of its own sessions.
pub fn change_of(series: &Series, horizon: usize) -> Series {
    factors::line::over(&series.days, &series.values, horizon, |old, new| Some(new - old))
}

/// Growth over some sessions of a series of daily returns, compounded.
pub fn compounded(returns: &Series, horizon: usize) -> Series {
    let mut wealth = Vec::with_capacity(returns.values.len() + 1);
    wealth.push(1.0);
    for value in &returns.values {
        let before: f64 = wealth.last().copied().unwrap_or(1.0);
        wealth.push(before * (1.0 + value));
    }
    let mut series = Series::empty();
    for end in horizon..wealth.len() {
        let growth = wealth[end] / wealth[end - horizon] - 1.0;
        if growth.is_finite() && 0 < end {
            series.days.push(returns.days[end - 1]);
            series.values.push(growth);
        }
    }
    series
}

/// One series less another on the days both have.
pub fn less(first: &Series, second: &Series) -> Series {
    let mut series = Series::empty();
    let mut at = 0;
    for (day, value) in first.days.iter().zip(&first.values) {
        while second.days.get(at).is_some_and(|other| other < day) {
            at += 1;
        }
        if second.days.get(at) == Some(day) {
            series.days.push(*day);
            series.values.push(value - second.values[at]);
        }
    }
    series
}
