//! Returns of each index over a day, a week, a month and a quarter.

use crate::{
    family::{Indicator, Work},
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

fn specs() -> Vec<Spec> {
    let of_role = |role: Role| {
        let stem = format!("index_return.{}", role.id());
        HORIZONS.map(|horizon| Spec::change(&stem, horizon, Unit::Decimal))
    };
    INDICES.into_iter().flat_map(of_role).collect()
}

fn measure(inputs: &Inputs<'_>, specs: &[Spec]) -> Vec<Outcome> {
    let of_role = |(specs, role): (&[Spec], Role)| {
        let measure = |spec: &Spec| inputs.of_line(spec, role, |line| line.growth(spec.horizon));
        specs.iter().map(measure).collect::<Vec<_>>()
    };
    specs.chunks(HORIZONS.len()).zip(INDICES).flat_map(of_role).collect()
}
