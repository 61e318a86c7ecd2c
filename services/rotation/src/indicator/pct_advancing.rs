//! Per cent of members that rose on the day.

use crate::{
    inputs::Inputs,
    measure::{Detail, Indicator, Outcome, Spec, Unit},
    tally::Tally,
};
use marketdata::gap::{Gap, GapReason};

pub(super) const INDICATOR: Indicator = Indicator {
    id: "pct_advancing",
    title: "Members advancing",
    method: "100 · A / (A + D + U) over the members of the day with a close and a close before, \
             where they are at least half the members, closes on one split basis; the variant \
             `decided` is 100 · A / (A + D) (methodology A5).",
    specs,
    measure,
};

fn specs() -> Vec<Spec> {
    vec![
        Spec::level("pct_advancing", "all", Unit::Percent),
        Spec::level("pct_advancing.decided", "decided", Unit::Percent),
    ]
}

fn measure(inputs: &Inputs<'_>, spec: &Spec) -> Outcome {
    let decided = spec.variant == "decided";
    let mut outcome = inputs.of_breadth(spec, Tally::compared, |tally| {
        let of = tally.compared() - if decided { tally.unchanged } else { 0 };
        Tally::percent(f64::from(tally.advancing), of)
    });
    let Some(tally) = inputs.breadth.tallies.last() else { return outcome };
    let members = inputs.breadth.members;
    for (name, count) in [
        ("advancing", tally.advancing),
        ("declining", tally.declining),
        ("unchanged", tally.unchanged),
        ("without_close_before", tally.priced - tally.compared()),
        ("members", members),
        ("members_without_close", members.saturating_sub(tally.priced)),
    ] {
        outcome.details.push(Detail::of(name, Unit::Count, f64::from(count)));
    }
    if tally.priced < members {
        let missing = members - tally.priced;
        let detail = format!("{missing} of {members} members have no close on the session");
        outcome.gaps.push(Gap::new(GapReason::NoPrice, &*spec.id, detail));
    }
    outcome
}
