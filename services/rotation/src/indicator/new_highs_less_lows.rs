//! New 52-week highs less new 52-week lows.

use crate::{
    family::{Indicator, Work, each},
    inputs::Inputs,
    measure::{Detail, Outcome, Spec, Unit},
    tally::Tally,
};

pub(super) const INDICATOR: Indicator = Indicator {
    id: "new_highs_less_lows",
    title: "New highs less new lows",
    method: "(NH − NL) / N: members whose close is above, or below, all of the 251 closes \
             before, over the members that have 252 closes, if those are at least half the \
             members; closes on one split basis (methodology A5, `hl_basis` closes).",
    work: Work::WholeMarket,
    specs,
    measure,
};

fn specs() -> Vec<Spec> {
    vec![Spec::level("new_highs_less_lows", Unit::Share)]
}

fn measure(inputs: &Inputs<'_>, wanted: &[Spec]) -> Vec<(Spec, Outcome)> {
    each(wanted, |spec| highs_less_lows(inputs, spec))
}

fn highs_less_lows(inputs: &Inputs<'_>, spec: &Spec) -> Outcome {
    let mut outcome = inputs.of_breadth(
        spec,
        |tally| tally.highs_lows[2],
        |tally| {
            let [highs, lows, of] = tally.highs_lows;
            Tally::share(f64::from(highs) - f64::from(lows), of)
        },
    );
    if let Some(tally) = inputs.breadth().tallies.last() {
        let names = ["new_highs", "new_lows", "with_enough_closes"];
        for (name, count) in names.into_iter().zip(tally.highs_lows) {
            outcome.details.push(Detail::of(name, Unit::Count, f64::from(count)));
        }
    }
    outcome
}
