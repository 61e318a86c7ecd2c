//! An indicator: one concept, with a family of measures computed in one pass.

use crate::{
    inputs::Inputs,
    measure::{Outcome, Spec},
};
use factors::roles::Role;

pub(crate) mod spread_of_roles;
pub(crate) mod yield_change;

/// Inputs that one session of a measure reads. They determine its cost, and when its history can
/// begin.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    /// The lines of some roles.
    Roles(NeededRoles),
    /// The lines of the megacaps or of sector funds: a few dozen histories.
    Lines,
    /// The members of the universe, or all names with short interest: a full preparation per
    /// session.
    WholeMarket,
}

/// The roles that a measure cannot do without: one of each list.
pub type NeededRoles = fn(&Spec) -> Vec<&'static [Role]>;

/// One indicator. Its own file measures it; [`crate::indicator::ALL`] lists it.
#[derive(Clone, Copy, Debug)]
pub struct Indicator {
    /// Stable id, for instance `size_spread`.
    pub id: &'static str,
    /// Short title for headings.
    pub title: &'static str,
    /// Formula, conventions and source, in a sentence or two.
    pub method: &'static str,
    /// Inputs that one session of a history as published reads.
    pub work: Work,
    /// Returns the measures, in the order of an answer.
    pub specs: fn() -> Vec<Spec>,
    /// Computes any of its measures.
    pub measure: Measure,
}

/// Computes some of an indicator's measures, each with its outcome, in the order of an answer. A
/// missing input is a gap of the outcome. Inputs that several measures share are computed once.
pub type Measure = fn(&Inputs<'_>, &[Spec]) -> Vec<(Spec, Outcome)>;

/// Measures that differ in their spec alone.
pub(crate) fn each(wanted: &[Spec], measure: impl Fn(&Spec) -> Outcome) -> Vec<(Spec, Outcome)> {
    wanted.iter().map(|spec| (spec.clone(), measure(spec))).collect()
}

/// Those of a family's measures that are wanted; each has a formula of its own.
pub(crate) fn chosen<F>(
    all: impl IntoIterator<Item = (Spec, F)>,
    wanted: &[Spec],
    measure: impl Fn(&Spec, F) -> Outcome,
) -> Vec<(Spec, Outcome)> {
    let chosen = all.into_iter().filter(|(spec, _)| wanted.contains(spec));
    let measured = chosen.map(|(spec, formula)| {
        let outcome = measure(&spec, formula);
        (spec, outcome)
    });
    measured.collect()
}
