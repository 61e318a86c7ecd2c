//! The return of one role less that of another, with both legs and the logarithmic spread as
//! details.

use crate::{
    family::each,
    inputs::Inputs,
    measure::{Detail, Outcome, Source, Spec, Unit},
};
use factors::{roles::Role, spread::Pair};
use marketdata::snapshot::Series;

/// The spread of two roles over each horizon, on their common days.
pub(crate) fn of_roles(
    inputs: &Inputs<'_>,
    wanted: &[Spec],
    roles: [Role; 2],
) -> Vec<(Spec, Outcome)> {
    let lines = |spec: &Spec| roles.map(|role| inputs.line(role, &spec.id));
    let pair = roles.map(|role| inputs.line(role, "").ok());
    let [Some(first), Some(second)] = pair else {
        let gaps = |spec: &Spec| lines(spec).into_iter().filter_map(Result::err).collect();
        return each(wanted, |spec| Outcome::missing_all(gaps(spec)));
    };
    let pair = Pair::of(first, second);
    let measure = |spec: &Spec| {
        let sources = vec![Source::of(first), Source::of(second)];
        let mut outcome = Outcome::of(pair.spread(spec.horizon), sources);
        let latest = pair.latest(spec.horizon);
        let legs = [latest.first_growth(spec.horizon), latest.second_growth(spec.horizon)];
        for (leg, role) in legs.iter().zip(roles) {
            push_last(&mut outcome, role.id(), "return", leg);
        }
        push_last(&mut outcome, "", "log_spread", &latest.log_spread(spec.horizon));
        outcome
    };
    each(wanted, measure)
}

fn push_last(outcome: &mut Outcome, subject: &str, name: &'static str, series: &Series) {
    if let Some((_, value)) = series.last() {
        outcome.details.push(Detail::about(subject, name, Unit::Decimal, value));
    }
}
