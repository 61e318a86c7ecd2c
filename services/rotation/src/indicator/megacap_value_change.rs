//! What the megacaps gained or lost in market value, in dollars.

use crate::{
    inputs::Inputs,
    measure::{Detail, Indicator, Outcome, Source, Spec, Unit},
};
use factors::{basket::Megacap, size::CapSource};
use marketdata::{
    day::Day,
    gap::{Gap, GapReason},
    snapshot::Series,
};
use std::collections::BTreeMap;

/// "Each down at least 2 %".
const DOWN: f64 = -0.02;

pub(super) const INDICATOR: Indicator = Indicator {
    id: "megacap_value_change_usd",
    title: "Megacap value change",
    method: "Σ over issuers and their listed classes of shares as known the day before times the \
             change of price, both on one split basis: issuance and buy-backs are left out \
             (methodology A3). Over several sessions the daily changes are added up. `of_value` \
             is the change over the value before; `down_2pct` the number of issuers down 2 % or \
             more.",
    specs,
    measure,
};

fn specs() -> Vec<Spec> {
    let usd = |horizon| Spec::change("megacap_value_change_usd", "usd", horizon, Unit::Usd);
    vec![
        usd(1),
        usd(5),
        usd(21),
        Spec::change("megacap_value_change_usd.of_value", "of_value", 1, Unit::Decimal),
        Spec::level("megacap_value_change_usd.down_2pct", "down", Unit::Count),
    ]
}

/// The members of one day together.
#[derive(Clone, Copy)]
struct Together {
    members: usize,
    change: f64,
    before: f64,
    down: u32,
}

/// No member.
const NOBODY: Together = Together { members: 0, change: 0.0, before: 0.0, down: 0 };

fn measure(inputs: &Inputs<'_>, spec: &Spec) -> Outcome {
    let mut outcome = Outcome::of(Series::empty(), Vec::new());
    for missing in &inputs.missing_megacaps {
        let (reason, detail) = if missing.priced {
            (GapReason::NoSharesOutstanding, "no count of shares is known")
        } else {
            (GapReason::NoPrice, "no price is known")
        };
        let detail = format!("{}: {detail}; it is left out of the sum", missing.name);
        outcome.gaps.push(Gap::new(reason, &*spec.id, detail));
    }
    if inputs.megacaps.is_empty() {
        return outcome;
    }
    let days = together(&inputs.megacaps);
    outcome.history = match spec.variant {
        "usd" => sums(&days, spec.horizon),
        "of_value" => series(&days, |day| (0.0 < day.before).then(|| day.change / day.before)),
        _ => series(&days, |day| Some(f64::from(day.down))),
    };
    outcome.sources = inputs.megacaps.iter().map(source).collect();
    describe(&inputs.megacaps, spec, &mut outcome);
    outcome
}

/// Days on which every member has a change that has one before and one after.
fn together(megacaps: &[Megacap]) -> Vec<(Day, Together)> {
    let mut sums: BTreeMap<Day, Together> = BTreeMap::new();
    for megacap in megacaps {
        for (i, day) in megacap.days.iter().enumerate() {
            let sum = sums.entry(*day).or_insert(NOBODY);
            sum.members += 1;
            sum.change += megacap.change[i];
            sum.before += megacap.before[i];
            sum.down += u32::from(megacap.growth(i) <= DOWN);
        }
    }
    let alive = |day: Day| {
        let spans = |m: &&Megacap| {
            m.days.first().is_some_and(|d| *d <= day) && m.days.last().is_some_and(|d| day <= *d)
        };
        megacaps.iter().filter(spans).count()
    };
    sums.into_iter().filter(|(day, sum)| sum.members == alive(*day)).collect()
}

fn series(days: &[(Day, Together)], value: impl Fn(&Together) -> Option<f64>) -> Series {
    let (days, values) = days.iter().filter_map(|(day, sum)| Some((*day, value(sum)?))).unzip();
    Series { days, values }
}

fn sums(days: &[(Day, Together)], horizon: usize) -> Series {
    let windows = days.windows(horizon.max(1));
    let (days, values) = windows
        .filter_map(|window| {
            Some((window.last()?.0, window.iter().map(|(_, sum)| sum.change).sum::<f64>()))
        })
        .unzip();
    Series { days, values }
}

fn source(megacap: &Megacap) -> Source {
    Source {
        role: None,
        symbol: megacap.classes.join("+"),
        stands_in_for: None,
        first_on: megacap.days.first().copied(),
        last_on: megacap.days.last().copied(),
    }
}

fn describe(megacaps: &[Megacap], spec: &Spec, outcome: &mut Outcome) {
    let Some((last, _)) = outcome.history.last() else { return };
    for megacap in megacaps {
        let Ok(at) = megacap.days.binary_search(&last) else {
            let detail = format!("{}: no change of value on {last}", megacap.name);
            outcome.gaps.push(Gap::new(GapReason::Stale, &*spec.id, detail));
            continue;
        };
        let about = |name, unit, value| Detail::about(&megacap.name, name, unit, value);
        outcome.details.push(about("value_change", Unit::Usd, megacap.change[at]));
        outcome.details.push(about("return", Unit::Decimal, megacap.growth(at)));
        if megacap.source == CapSource::Printed {
            let detail = format!("{}: a printed market value, carried by the price", megacap.name);
            outcome.gaps.push(Gap::new(GapReason::Proxy, &*spec.id, detail));
        }
    }
    let carried = megacaps.iter().map(|megacap| megacap.known_from).max();
    if let Some(day) = carried.filter(|day| outcome.history.days.first() < Some(day)) {
        let detail = format!("before {day} the first known counts of shares are carried back");
        outcome.gaps.push(Gap::new(GapReason::MissingObservations, &*spec.id, detail));
    }
}
