//! An indicator: one concept, with a family of measures computed in one pass.

use crate::{
    inputs::Inputs,
    measure::{Outcome, Spec},
};

pub(crate) mod above_average;
pub(crate) mod spread_of_roles;
pub(crate) mod yield_change;

/// One indicator. Its own file measures it; [`crate::indicator::ALL`] lists it.
#[derive(Clone, Copy, Debug)]
pub struct Indicator {
    /// Stable id, for instance `size_spread`.
    pub id: &'static str,
    /// Short title for headings.
    pub title: &'static str,
    /// Formula, conventions and source, in a sentence or two.
    pub method: &'static str,
    /// Returns the measures, in the order of an answer.
    pub specs: fn() -> Vec<Spec>,
    /// Computes all measures: one outcome per spec, in the same order. A missing input is a gap of
    /// the outcome. Inputs that several measures share are computed once.
    pub measure: fn(&Inputs<'_>, &[Spec]) -> Vec<Outcome>,
}
