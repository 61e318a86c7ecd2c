//! Per cent of members above their average close of 50 sessions.

use crate::{
    inputs::Inputs,
    measure::{Detail, Indicator, Outcome, Spec, Unit},
    tally::{SHORT_AVERAGE, Tally},
};

pub(super) const INDICATOR: Indicator = Indicator {
    id: "pct_above_50d",
    title: "Members above their 50-day average",
    method: "100 · number of members whose close is above the mean of their last 50 closes, \
             today's included, over the number that have 50, where that is at least half the members; closes \
             on one split basis, dividends not reinvested (methodology A5).",
    specs,
    measure,
};

fn specs() -> Vec<Spec> {
    vec![
        Spec::level("pct_above_50d", "", Unit::Percent),
        Spec::change("pct_above_50d.change", "", 10, Unit::Percent),
    ]
}

fn measure(inputs: &Inputs<'_>, spec: &Spec) -> Outcome {
    above(inputs, spec, SHORT_AVERAGE, |tally| tally.above_short)
}

/// The share above an average, or its change, and how many names were left out for want of closes.
pub(super) fn above(
    inputs: &Inputs<'_>,
    spec: &Spec,
    window: usize,
    counts: fn(&Tally) -> [u32; 2],
) -> Outcome {
    let mut outcome = inputs.of_breadth(
        spec,
        |tally| counts(tally)[1],
        |tally| {
            let [above, of] = counts(tally);
            Tally::percent(f64::from(above), of)
        },
    );
    outcome.take_changes(spec.horizon);
    if let Some(tally) = inputs.breadth.tallies.last() {
        let [above, of] = counts(tally).map(f64::from);
        let left_out = f64::from(tally.priced) - of;
        outcome.details.extend([
            Detail::of("above", Unit::Count, above),
            Detail::of("with_enough_closes", Unit::Count, of),
            Detail::of("left_out_for_short_history", Unit::Count, left_out),
            Detail::of("window_sessions", Unit::Count, window as f64),
        ]);
    }
    outcome
}
