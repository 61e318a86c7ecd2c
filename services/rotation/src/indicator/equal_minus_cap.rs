//! Equal weight against cap weight, over the same members.

use crate::{
    family::{Indicator, Work, spread_of_roles::of_roles},
    inputs::Inputs,
    measure::{HORIZONS, Outcome, Spec, Unit},
};
use factors::roles::Role;

const ROLES: [Role; 2] = [Role::EqualWeight, Role::CapWeight];

pub(super) const INDICATOR: Indicator = Indicator {
    id: "equal_minus_cap",
    title: "Equal weight less cap weight",
    method: "Return of the equal-weight fund less return of the cap-weight fund of the same index \
             over common sessions (methodology A4): minus N times the covariance of weight and \
             return.",
    work: Work::Roles(|_| ROLES.chunks(1).collect()),
    specs,
    measure,
};

fn specs() -> Vec<Spec> {
    HORIZONS.map(|horizon| Spec::change("equal_minus_cap", horizon, Unit::Decimal)).into()
}

fn measure(inputs: &Inputs<'_>, wanted: &[Spec]) -> Vec<(Spec, Outcome)> {
    of_roles(inputs, wanted, ROLES)
}
