//! Share of members above their 200-session average close.

use crate::{
    family::{Indicator, Work, above_average::above},
    inputs::Inputs,
    measure::{Outcome, Spec, Unit},
    running::LONG_AVERAGE,
};

pub(super) const INDICATOR: Indicator = Indicator {
    id: "share_above_200d",
    title: "Members above their 200-day average",
    method: "Number of members whose close is above the mean of their last 200 closes, \
             today's included, over the number that have 200, if that is at least half the \
             members; closes on one split basis, dividends not reinvested (methodology A5).",
    work: Work::WholeMarket,
    specs,
    measure,
};

fn specs() -> Vec<Spec> {
    vec![
        Spec::level("share_above_200d", Unit::Share),
        Spec::change("share_above_200d.change", 10, Unit::Share),
    ]
}

fn measure(inputs: &Inputs<'_>, wanted: &[Spec]) -> Vec<(Spec, Outcome)> {
    above(inputs, wanted, LONG_AVERAGE, |tally| tally.above_long)
}
