//! Defensive sectors against cyclical ones.

use crate::{
    inputs::{Inputs, compounded, less},
    measure::{Indicator, Outcome, Source, Spec, Unit},
};
use factors::line::Line;
use marketdata::{
    day::Day,
    gap::{Gap, GapReason},
    snapshot::Series,
};
use std::collections::BTreeMap;

pub(super) const INDICATOR: Indicator = Indicator {
    id: "defensive_minus_cyclical",
    title: "Defensive less cyclical sectors",
    method: "Mean daily return of the defensive sector funds, compounded over the sessions, less \
             that of the cyclical ones; equal weights among the funds that are there \
             (methodology A9).",
    specs,
    measure,
};

fn specs() -> Vec<Spec> {
    [1, 5, 21].map(|h| Spec::change("defensive_minus_cyclical", "", h, Unit::Decimal)).into()
}

fn measure(inputs: &Inputs<'_>, spec: &Spec) -> Outcome {
    let wanted = [&inputs.roles.defensive_sectors, &inputs.roles.cyclical_sectors];
    let mut gaps = Vec::new();
    for (symbols, lines) in wanted.into_iter().zip(&inputs.style) {
        let there = |symbol: &&String| lines.iter().any(|line| line.played.symbol == **symbol);
        let missing: Vec<&str> = symbols.iter().filter(|s| !there(s)).map(String::as_str).collect();
        if !missing.is_empty() {
            let rest = if lines.is_empty() { "" } else { "; the others stand for all" };
            let detail = format!("no history of {}{rest}", missing.join(", "));
            gaps.push(Gap::new(GapReason::InputMissing, &*spec.id, detail));
        }
    }
    let [defensive, cyclical] = &inputs.style;
    if defensive.is_empty() || cyclical.is_empty() {
        return Outcome { gaps, ..Outcome::of(Series::empty(), Vec::new()) };
    }
    let [first, second] = [defensive, cyclical].map(|lines| mean_returns(lines));
    let history = less(&compounded(&first, spec.horizon), &compounded(&second, spec.horizon));
    let sources = defensive.iter().chain(cyclical).map(Source::of).collect();
    Outcome { gaps, ..Outcome::of(history, sources) }
}

/// Mean daily growth of some lines, each day over those that have one.
fn mean_returns(lines: &[Line]) -> Series {
    let mut sums: BTreeMap<Day, (f64, usize)> = BTreeMap::new();
    for line in lines {
        let growth = line.growth(1);
        for (day, value) in growth.days.iter().zip(&growth.values) {
            let (sum, count) = sums.entry(*day).or_insert((0.0, 0));
            *sum += value;
            *count += 1;
        }
    }
    let (days, values) =
        sums.into_iter().map(|(day, (sum, count))| (day, sum / count as f64)).unzip();
    Series { days, values }
}
