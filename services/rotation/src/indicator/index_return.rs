//! Returns of each index over a day, a week, a month and a quarter.

use crate::{
    family::{Indicator, Work, chosen},
    inputs::{INDICES, Inputs},
    measure::{HORIZONS, Outcome, Spec, Unit},
};
use factors::roles::Role;

pub(super) const INDICATOR: Indicator = Indicator {
    id: "index_return",
    title: "Index moves",
    method: "Close divided by the close the given number of sessions before, less one; for \
             funds with distributions reinvested.",
    work: Work::Lines,
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

fn measure(inputs: &Inputs<'_>, wanted: &[Spec]) -> Vec<(Spec, Outcome)> {
    let growth = |spec: &Spec, role| inputs.of_line(spec, role, |line| line.growth(spec.horizon));
    chosen(measures(), wanted, growth)
}
