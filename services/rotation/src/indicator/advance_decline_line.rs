//! The running sum of advances less declines.

use crate::{
    family::{Indicator, Work, chosen},
    inputs::Inputs,
    measure::{Outcome, Spec, Unit},
    tally::Tally,
};

pub(super) const INDICATOR: Indicator = Indicator {
    id: "advance_decline_line",
    title: "Advance-decline line",
    method: "Sum of A − D since the first session; the variant `share` sums (A − D) / (A + D) \
             and does not grow with the universe (methodology A5). A session on which fewer \
             than half the members have a close and a close before adds nothing. The level \
             depends on where the sum starts; changes do not, and no change spans such a \
             session.",
    work: Work::WholeMarket,
    specs,
    measure,
};

/// What a day adds to the line.
type Daily = fn(&Tally) -> Option<f64>;

fn measures() -> [(Spec, Daily); 3] {
    [
        (Spec::level("advance_decline_line", Unit::Count), net),
        (Spec::level("advance_decline_line.share", Unit::Share), net_share),
        (Spec::change("advance_decline_line.share", 5, Unit::Share), net_share),
    ]
}

fn specs() -> Vec<Spec> {
    measures().map(|(spec, _)| spec).into()
}

fn measure(inputs: &Inputs<'_>, wanted: &[Spec]) -> Vec<(Spec, Outcome)> {
    chosen(measures(), wanted, |spec, daily| line(inputs, spec, daily))
}

fn line(inputs: &Inputs<'_>, spec: &Spec, daily: Daily) -> Outcome {
    let mut outcome = inputs.of_breadth(spec, Tally::compared, daily);
    let mut line = 0.0;
    for value in &mut outcome.history.values {
        line += *value;
        *value = line;
    }
    outcome.take_changes(spec.horizon);
    outcome
}

fn net(tally: &Tally) -> Option<f64> {
    Some(f64::from(tally.advancing) - f64::from(tally.declining))
}

fn net_share(tally: &Tally) -> Option<f64> {
    let decided = f64::from(tally.advancing + tally.declining);
    (0.0 < decided).then(|| (f64::from(tally.advancing) - f64::from(tally.declining)) / decided)
}
