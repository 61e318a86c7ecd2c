//! Small caps against the Nasdaq: the measure of the record one-day gap of 2024-07-11.

use crate::{
    family::{Indicator, Work, spread_of_roles::of_roles},
    inputs::Inputs,
    measure::{HORIZONS, Outcome, Spec, Unit},
};
use factors::roles::Role;

const ROLES: [Role; 2] = [Role::SmallCapIndex, Role::Nasdaq];

pub(super) const INDICATOR: Indicator = Indicator {
    id: "small_vs_nasdaq",
    title: "Small caps less Nasdaq",
    method: "Return of the small-cap index less return of the Nasdaq index over common \
             sessions, arithmetic (methodology A1). A record holds only for this pair of \
             symbols: the Nasdaq 100 fund is not the Nasdaq Composite.",
    work: Work::Roles(|_| ROLES.chunks(1).collect()),
    specs,
    measure,
};

fn specs() -> Vec<Spec> {
    HORIZONS.map(|horizon| Spec::change("small_vs_nasdaq", horizon, Unit::Decimal)).into()
}

fn measure(inputs: &Inputs<'_>, wanted: &[Spec]) -> Vec<(Spec, Outcome)> {
    of_roles(inputs, wanted, ROLES)
}
