//! Plain moves of each index over a day, a week, a month and a quarter.

use super::HORIZONS;
use crate::{
    inputs::Inputs,
    measure::{Indicator, Outcome, Spec, Unit},
};
use factors::roles::Role;

/// The indices reported, in order.
pub(crate) const INDICES: [Role; 7] = [
    Role::SmallCapIndex,
    Role::LargeCapIndex,
    Role::Nasdaq,
    Role::Dow,
    Role::MidCapIndex,
    Role::EqualWeight,
    Role::BroadMarket,
];

pub(super) const INDICATOR: Indicator = Indicator {
    id: "index_return",
    title: "Index moves",
    method: "Close over close of the given number of sessions before, less one; a fund's with \
             distributions reinvested.",
    specs,
    measure,
};

fn specs() -> Vec<Spec> {
    let of_role = |role: Role| {
        let stem = format!("index_return.{}", role.id());
        HORIZONS.map(|horizon| Spec::change(&stem, role.id(), horizon, Unit::Decimal))
    };
    INDICES.into_iter().flat_map(of_role).collect()
}

fn measure(inputs: &Inputs<'_>, spec: &Spec) -> Outcome {
    let role = Role::from_id(spec.variant).unwrap_or(Role::LargeCapIndex);
    inputs.of_line(spec, role, |line| line.growth(spec.horizon))
}
