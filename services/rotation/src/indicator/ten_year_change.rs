//! How far the ten-year yield moved.

use super::HORIZONS;
use crate::{
    inputs::Inputs,
    measure::{Indicator, Outcome, Spec, Unit},
};
use factors::{line::LineKind, roles::Role};
use marketdata::gap::{Gap, GapReason};

pub(super) const INDICATOR: Indicator = Indicator {
    id: "ten_year_change",
    title: "Ten-year yield change",
    method: "Difference of the ten-year Treasury yield over its own observations, in basis points.",
    specs,
    measure,
};

fn specs() -> Vec<Spec> {
    HORIZONS.map(|horizon| Spec::change("ten_year_change", "", horizon, Unit::BasisPoints)).into()
}

fn measure(inputs: &Inputs<'_>, spec: &Spec) -> Outcome {
    of_yield(inputs, spec, Role::TenYear)
}

/// The change of a series in per cent, in basis points.
pub(super) fn of_yield(inputs: &Inputs<'_>, spec: &Spec, role: Role) -> Outcome {
    let mut outcome = inputs.of_line(spec, role, |line| {
        let mut change = line.difference(spec.horizon);
        change.values.iter_mut().for_each(|value| *value *= 100.0);
        change
    });
    if inputs.line(role, &spec.id).is_ok_and(|line| line.kind == LineKind::Wealth) {
        let detail = format!("{} is played by a price history, not by a yield", role.id());
        outcome = Outcome::missing(Gap::new(GapReason::InputMissing, &*spec.id, detail));
    }
    outcome
}
