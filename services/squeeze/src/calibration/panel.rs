//! The observations that a model is fitted to and judged by: every heavily short name on every
//! session, with what was known at its close and what happened afterwards.

use crate::{
    calibration::{
        label::{AHEAD, Index, Label, Moves, Outcomes, jump_excess, matured_until},
        level::{Levels, levels},
    },
    heavy::is_heavily_short,
    measure::Component,
    universe::Universe,
};
use factors::roles::{Role, Roles};
use marketdata::{
    dataset::Dataset, day::Day, instant::Instant, instrument::InstrumentId, snapshot::Snapshot,
};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// One heavily short name on one session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// The session.
    pub on: Day,
    /// Number of the name, in the order of names.
    pub name: u32,
    /// Its measures at the close, transformed.
    pub levels: Levels,
    /// Whether it was squeezed, by the label.
    pub event: bool,
    /// By how much a squeeze jumped beyond the least that counts, a decimal return. `None` without
    /// one.
    pub excess: Option<f64>,
}

/// Number of the calendar week of a day, from Monday.
pub(crate) const fn week(on: Day) -> i32 {
    (on.epoch() + 3).div_euclid(7)
}

impl Observation {
    /// Number of its calendar week, from Monday, for errors.
    pub fn week(&self) -> i32 {
        week(self.on)
    }

    /// The level of short interest over float, which a model has to beat.
    pub fn benchmark(&self) -> f64 {
        self.levels[Component::ShortOfFloat.index()].unwrap_or(f64::MIN)
    }
}

/// The sessions to observe, and what happened on and after them, as known in one snapshot.
#[derive(Debug)]
pub struct Panel {
    snapshot: Snapshot,
    label: Label,
    outcomes: Outcomes,
    index: Index,
    names: BTreeMap<InstrumentId, (u32, Moves)>,
    symbols: Vec<String>,
    sessions: Vec<Day>,
    matured_until: Option<Day>,
}

impl Panel {
    /// The latest sessions whose five sessions ahead are known, at most `most`, from the first
    /// published short interest on. There are none without the index that jumps are measured against.
    pub fn new(snapshot: &Snapshot, roles: &Roles, label: Label, most: usize) -> Panel {
        let holders: Vec<InstrumentId> = snapshot.holders(Dataset::ShortInterest).collect();
        let symbols = holders.iter().map(|id| snapshot.symbol(*id).to_owned()).collect();
        let first = holders.iter().filter_map(|id| first_publication(snapshot, *id)).min();
        let today = snapshot.today();
        let outcomes = Outcomes::of(snapshot, first.map_or(today, Instant::new_york_day));
        let resolved = roles.resolve_role(snapshot, Role::LargeCapIndex);
        let index = resolved.map(|role| Index::of_role(snapshot, &role, outcomes.sessions()));
        let index = index.unwrap_or(Index::EMPTY);
        let moves: Vec<Moves> = holders.par_iter().map(|id| outcomes.moves(*id)).collect();
        let all = first.map_or_else(Vec::new, |first| index.sessions(first.new_york_day(), today));
        let known = &all[..all.len().saturating_sub(AHEAD)];
        let sessions = known[known.len().saturating_sub(most)..].to_vec();
        let numbered = (0..).zip(moves);
        let names = holders.into_iter().zip(numbered).collect();
        let matured_until = matured_until(snapshot);
        let snapshot = snapshot.clone();
        Panel { snapshot, label, outcomes, index, names, symbols, sessions, matured_until }
    }

    /// The label.
    pub const fn label(&self) -> Label {
        self.label
    }

    /// The sessions, oldest first.
    pub fn sessions(&self) -> &[Day] {
        &self.sessions
    }

    /// The last day whose labels have matured.
    pub const fn matured_until(&self) -> Option<Day> {
        self.matured_until
    }

    /// The symbol of a name by its number.
    pub fn symbol(&self, name: u32) -> &str {
        self.symbols.get(name as usize).map_or("", String::as_str)
    }

    /// The heavily short names of a session that have a label, in the order of names, as they were
    /// known at its close.
    pub fn observe(&self, on: Day) -> Vec<Observation> {
        let universe = Universe::undisclosed(&self.snapshot.earlier(Instant::close_of(on)));
        let observed = universe.names().par_iter().enumerate().filter_map(|(place, name)| {
            universe.score(place).filter(|_| is_heavily_short(name))?;
            let (number, moves) = self.names.get(&name.instrument)?;
            let excess = jump_excess(moves, &self.index, on)?;
            let event = self.is_event(name.instrument, on, 0.0 <= excess)?;
            let excess = event.then_some(excess);
            Some(Observation { on, name: *number, levels: levels(name), event, excess })
        });
        observed.collect()
    }

    /// Whether a name was squeezed. `None` if its label is not known: it waits for settlements also
    /// without a jump, because otherwise only jumps would be left out where one is missing.
    fn is_event(&self, instrument: InstrumentId, on: Day, jumped: bool) -> Option<bool> {
        match self.label {
            Label::Jump => Some(jumped),
            Label::CoveredJump if jumped => self.outcomes.covered(instrument, on),
            Label::CoveredJump => self.outcomes.is_settled(instrument, on).then_some(false),
        }
    }
}

fn first_publication(snapshot: &Snapshot, instrument: InstrumentId) -> Option<Instant> {
    let rows = snapshot.rows_as_first_published(Dataset::ShortInterest, instrument);
    (0..rows.len()).map(|row| rows.published_at(row)).min()
}
