//! The running sum of advances less declines.

use crate::{
    inputs::Inputs,
    measure::{Indicator, Outcome, Spec, Unit},
    tally::Tally,
};

pub(super) const INDICATOR: Indicator = Indicator {
    id: "advance_decline_line",
    title: "Advance-decline line",
    method: "Sum of A − D since the first session; the variant `pct` sums 100 · (A − D) / (A + D) \
             and does not grow with the universe (methodology A5). A session on which fewer than \
             half the members have a close and a close before adds nothing. Its level depends on \
             where it starts, its changes do not, and none spans such a session.",
    specs,
    measure,
};

fn specs() -> Vec<Spec> {
    vec![
        Spec::level("advance_decline_line", "net", Unit::Count),
        Spec::level("advance_decline_line.pct", "pct", Unit::Percent),
        Spec::change("advance_decline_line.pct", "pct", 5, Unit::Percent),
    ]
}

fn measure(inputs: &Inputs<'_>, spec: &Spec) -> Outcome {
    let pct = spec.variant == "pct";
    let mut outcome = inputs.of_breadth(spec, Tally::compared, |tally| daily(tally, pct));
    let mut line = 0.0;
    for value in &mut outcome.history.values {
        line += *value;
        *value = line;
    }
    outcome.take_changes(spec.horizon);
    outcome
}

fn daily(tally: &Tally, pct: bool) -> Option<f64> {
    let net = f64::from(tally.advancing) - f64::from(tally.declining);
    let decided = f64::from(tally.advancing + tally.declining);
    if pct { (0.0 < decided).then(|| 100.0 * net / decided) } else { Some(net) }
}
