//! Change of the ten-year Treasury yield.

use crate::{
    family::{Indicator, Work, yield_change::of_yield},
    inputs::Inputs,
    measure::{HORIZONS, Outcome, Spec, Unit},
};
use factors::roles::Role;

pub(super) const INDICATOR: Indicator = Indicator {
    id: "ten_year_change_bp",
    title: "Ten-year yield change",
    method: "Difference of the ten-year Treasury yield over its own observations, in basis points.",
    work: Work::Roles(|_| vec![&[Role::TenYear]]),
    specs,
    measure,
};

fn specs() -> Vec<Spec> {
    HORIZONS.map(|horizon| Spec::change("ten_year_change_bp", horizon, Unit::BasisPoints)).into()
}

fn measure(inputs: &Inputs<'_>, wanted: &[Spec]) -> Vec<(Spec, Outcome)> {
    of_yield(inputs, wanted, Role::TenYear)
}
