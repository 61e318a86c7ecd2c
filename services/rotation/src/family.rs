//! What an indicator is: one concept and a family of measures of it, made in one pass.

use crate::{
    inputs::Inputs,
    measure::{Outcome, Spec},
};

pub(crate) mod above_average;
pub(crate) mod spread_of_roles;
pub(crate) mod yield_change;

/// One concept. Its file measures it; [`crate::indicator::ALL`] lists it.
#[derive(Clone, Copy, Debug)]
pub struct Indicator {
    /// Stable id.
    pub id: &'static str,
    /// A few words for a heading.
    pub title: &'static str,
    /// Formula, conventions and source, in a sentence or two.
    pub method: &'static str,
    /// Its measures.
    pub specs: fn() -> Vec<Spec>,
    /// Measures all of them: one outcome per spec, in their order. A missing input is a gap of the
    /// outcome. What several measures stand on is computed once.
    pub measure: fn(&Inputs<'_>, &[Spec]) -> Vec<Outcome>,
}
