//! Changes of a yield given in per cent, in basis points.

use crate::{
    family::each,
    inputs::Inputs,
    measure::{Outcome, Spec},
};
use factors::{line::LineKind, roles::Role};
use marketdata::gap::{Gap, GapReason};

/// The change of a role's yield over each horizon.
pub(crate) fn of_yield(inputs: &Inputs<'_>, wanted: &[Spec], role: Role) -> Vec<(Spec, Outcome)> {
    let measure = |spec: &Spec| {
        if inputs.line(role, &spec.id).is_ok_and(|line| line.kind == LineKind::Wealth) {
            let detail = format!("{} is a price history, not a yield", role.id());
            return Outcome::missing(Gap::new(GapReason::InputMissing, spec.subject(), detail));
        }
        inputs.of_line(spec, role, |line| {
            let mut change = line.difference(spec.horizon);
            change.values.iter_mut().for_each(|value| *value *= 100.0);
            change
        })
    };
    each(wanted, measure)
}
