//! Change of the high-yield credit spread.

use crate::{
    family::{Indicator, Work, yield_change::of_yield},
    inputs::Inputs,
    measure::{Outcome, Spec, Unit},
};
use factors::roles::Role;

pub(super) const INDICATOR: Indicator = Indicator {
    id: "credit_spread_change_bp",
    title: "Credit spread change",
    method: "Difference of the high-yield spread over its own observations, in basis points.",
    work: Work::Roles(|_| vec![&[Role::CreditSpread]]),
    specs,
    measure,
};

fn specs() -> Vec<Spec> {
    [1, 5, 21].map(|h| Spec::change("credit_spread_change_bp", h, Unit::BasisPoints)).into()
}

fn measure(inputs: &Inputs<'_>, wanted: &[Spec]) -> Vec<(Spec, Outcome)> {
    of_yield(inputs, wanted, Role::CreditSpread)
}
