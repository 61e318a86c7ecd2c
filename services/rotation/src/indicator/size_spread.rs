//! Small caps against large caps.

use crate::{
    family::{Indicator, Work, spread_of_roles::of_roles},
    inputs::Inputs,
    measure::{HORIZONS, Outcome, Spec, Unit},
};
use factors::roles::Role;

const ROLES: [Role; 2] = [Role::SmallCapIndex, Role::LargeCapIndex];

pub(super) const INDICATOR: Indicator = Indicator {
    id: "size_spread",
    title: "Small caps less large caps",
    method: "Return of the small-cap index less return of the large-cap index over common \
             sessions, arithmetic (methodology A1). A record holds only for this pair of \
             symbols.",
    work: Work::Roles(|_| ROLES.chunks(1).collect()),
    specs,
    measure,
};

fn specs() -> Vec<Spec> {
    HORIZONS.map(|horizon| Spec::change("size_spread", horizon, Unit::Decimal)).into()
}

fn measure(inputs: &Inputs<'_>, wanted: &[Spec]) -> Vec<(Spec, Outcome)> {
    of_roles(inputs, wanted, ROLES)
}
