//! Small caps against large caps.

use super::HORIZONS;
use crate::{
    inputs::Inputs,
    measure::{Detail, Indicator, Outcome, Spec, Unit},
};
use factors::{roles::Role, spread::Pair};
use marketdata::snapshot::Series;

pub(super) const INDICATOR: Indicator = Indicator {
    id: "size_spread",
    title: "Small caps less large caps",
    method: "Return of the small-cap index less return of the large-cap index over common sessions, \
             arithmetic (methodology A1). A record holds for this pair of symbols alone.",
    specs,
    measure,
};

fn specs() -> Vec<Spec> {
    HORIZONS.map(|horizon| Spec::change("size_spread", "", horizon, Unit::Decimal)).into()
}

fn measure(inputs: &Inputs<'_>, spec: &Spec) -> Outcome {
    of_roles(inputs, spec, [Role::SmallCapIndex, Role::LargeCapIndex])
}

/// The spread of two roles, with both legs and the logarithmic spread beside it.
pub(super) fn of_roles(inputs: &Inputs<'_>, spec: &Spec, roles: [Role; 2]) -> Outcome {
    let mut outcome = inputs.of_pair(spec, roles, |pair| pair.spread(spec.horizon));
    let [first, second] = roles.map(|role| inputs.line(role, &spec.id).ok());
    if let Some((first, second)) = first.zip(second) {
        let pair = Pair::of(first, second);
        let legs = [pair.first_growth(spec.horizon), pair.second_growth(spec.horizon)];
        for (leg, role) in legs.iter().zip(roles) {
            push_last(&mut outcome, role.id(), "return", leg);
        }
        push_last(&mut outcome, "", "log_spread", &pair.log_spread(spec.horizon));
    }
    outcome
}

fn push_last(outcome: &mut Outcome, subject: &str, name: &'static str, series: &Series) {
    if let Some((_, value)) = series.last() {
        outcome.details.push(Detail::about(subject, name, Unit::Decimal, value));
    }
}
