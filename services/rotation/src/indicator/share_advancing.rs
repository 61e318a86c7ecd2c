//! Share of members that rose on the day.

use crate::{
    family::{Indicator, Work, chosen},
    inputs::Inputs,
    measure::{Detail, Outcome, Spec, Unit},
    tally::Tally,
};
use marketdata::gap::{Gap, GapReason};

pub(super) const INDICATOR: Indicator = Indicator {
    id: "share_advancing",
    title: "Members advancing",
    method: "A / (A + D + U) over the members of the day with a close and a close before, \
             if they are at least half the members, closes on one split basis; the variant \
             `decided` is A / (A + D) (methodology A5).",
    work: Work::WholeMarket,
    specs,
    measure,
};

/// The denominator of a measure.
type Among = fn(&Tally) -> u32;

fn measures() -> [(Spec, Among); 2] {
    let level = |id| Spec::level(id, Unit::Share);
    [
        (level("share_advancing"), Tally::compared),
        (level("share_advancing.decided"), |tally| tally.compared() - tally.unchanged),
    ]
}

fn specs() -> Vec<Spec> {
    measures().map(|(spec, _)| spec).into()
}

fn measure(inputs: &Inputs<'_>, wanted: &[Spec]) -> Vec<(Spec, Outcome)> {
    chosen(measures(), wanted, |spec, of| advancing(inputs, spec, of))
}

fn advancing(inputs: &Inputs<'_>, spec: &Spec, of: Among) -> Outcome {
    let share = |tally: &Tally| Tally::share(f64::from(tally.advancing), of(tally));
    let mut outcome = inputs.of_breadth(spec, Tally::compared, share);
    let Some(tally) = inputs.breadth().tallies.last() else { return outcome };
    let members = inputs.breadth().members;
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
        outcome.gaps.push(Gap::new(GapReason::NoPrice, spec.subject(), detail));
    }
    outcome
}
