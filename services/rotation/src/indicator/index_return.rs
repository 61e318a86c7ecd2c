//! Returns of each index over a day, a week, a month and a quarter.

use crate::{
    family::{Indicator, Work, chosen},
    inputs::{INDICES, Inputs},
    measure::{HORIZONS, Outcome, Spec, Unit},
};
use factors::roles::Role;
use std::slice;

pub(super) const INDICATOR: Indicator = Indicator {
    id: "index_return",
    title: "Index moves",
    method: "Close divided by the close the given number of sessions before, less one; for \
             funds with distributions reinvested.",
    work: Work::Roles(needed),
    specs,
    measure,
};

fn measures() -> impl Iterator<Item = (Spec, Role)> {
    let of_role = |role: Role| {
        let stem = format!("index_return.{}", role.id());
        HORIZONS.map(|horizon| (Spec::change(&stem, horizon, Unit::Decimal), role))
    };
    INDICES.into_iter().flat_map(of_role)
}

fn specs() -> Vec<Spec> {
    measures().map(|(spec, _)| spec).collect()
}

fn needed(wanted: &Spec) -> Vec<&'static [Role]> {
    let of_spec = measures().filter(|(spec, _)| spec == wanted);
    of_spec
        .flat_map(|(_, role)| INDICES.iter().filter(move |index| **index == role))
        .map(slice::from_ref)
        .collect()
}

fn measure(inputs: &Inputs<'_>, wanted: &[Spec]) -> Vec<(Spec, Outcome)> {
    let growth = |spec: &Spec, role| inputs.of_line(spec, role, |line| line.growth(spec.horizon));
    chosen(measures(), wanted, growth)
}
