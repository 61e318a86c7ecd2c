//! Change of the megacaps' market value, in dollars.

use crate::{
    family::{Indicator, Work, chosen},
    inputs::Inputs,
    measure::{Detail, Outcome, Source, Spec, Unit},
};
use factors::{
    basket::{Megacap, MissingIssuer},
    market_value::CapSource,
};
use marketdata::{
    day::Day,
    gap::{Gap, GapReason},
    snapshot::Series,
};
use stats::change;

/// Return at or below which an issuer counts as down: "down at least 2 %".
const DOWN: f64 = -0.02;

pub(super) const INDICATOR: Indicator = Indicator {
    id: "megacap_value_change_usd",
    title: "Megacap value change",
    method: "Σ over issuers and their listed classes of shares of the day before (the last \
             count that describes it or an earlier day) times the change of price, both on one \
             split basis: issuance and buy-backs are left out (methodology A3). An issuer has \
             no change before its first known share count. There is a sum if it includes every \
             issuer with a price, at least half of all issuers, all over the same sessions. \
             Over several sessions the daily changes are added up. `of_value` is the change \
             divided by the value before; `issuers_down` is the number of issuers down 2 % or \
             more.",
    work: Work::Lines,
    specs,
    measure,
};

/// Computes a measure from the days, over a number of sessions.
type OfDays = fn(&[WholeDay], usize) -> Series;

fn measures() -> [(Spec, OfDays); 5] {
    let usd =
        |horizon| (Spec::change("megacap_value_change_usd", horizon, Unit::Usd), sums as OfDays);
    [
        usd(1),
        usd(5),
        usd(21),
        (Spec::change("megacap_value_change_usd.of_value", 1, Unit::Decimal), of_value),
        (Spec::level("megacap_value_change_usd.issuers_down", Unit::Count), down),
    ]
}

fn specs() -> Vec<Spec> {
    measures().map(|(spec, _)| spec).into()
}

/// A day with the totals of all members. `None` if a member is missing.
type WholeDay = (Day, Option<DayTotals>);

/// Totals of the members on one day.
#[derive(Clone, Copy)]
struct DayTotals {
    /// Day of the closes before. `None` if the members' closes are of different days.
    from: Option<Day>,
    members: usize,
    change: f64,
    before: f64,
    down: u32,
}

impl DayTotals {
    fn beginning(from: Day) -> DayTotals {
        DayTotals { from: Some(from), members: 0, change: 0.0, before: 0.0, down: 0 }
    }

    /// The change, or zero if it is no larger than the rounding of the values it is computed from.
    fn settled(change: f64, before: f64) -> f64 {
        change::settled(change, change::ROUNDING * before)
    }
}

fn measure(inputs: &Inputs<'_>, wanted: &[Spec]) -> Vec<(Spec, Outcome)> {
    let (megacaps, missing) = inputs.megacaps();
    let issuers = megacaps.len() + missing.len();
    let days = together(megacaps, issuers.div_ceil(2));
    chosen(measures(), wanted, |spec, history| {
        let mut outcome = Outcome::of(Series::empty(), Vec::new());
        outcome.gaps.extend(missing.iter().map(|missing| gap_of_missing(missing, spec)));
        if !megacaps.is_empty() {
            outcome.history = history(&days, spec.horizon);
            outcome.sessions = Some(days.iter().map(|(day, _)| *day).collect());
            outcome.sources = megacaps.iter().map(source).collect();
            describe(megacaps, spec, &mut outcome);
        }
        outcome
    })
}

fn gap_of_missing(missing: &MissingIssuer, spec: &Spec) -> Gap {
    let (reason, detail) = if missing.priced {
        (GapReason::NoSharesOutstanding, "no count of shares is known")
    } else {
        (GapReason::NoPrice, "no price is known")
    };
    let detail = format!("{}: {detail}; it is left out of the sum", missing.name);
    Gap::new(reason, spec.subject(), detail)
}

/// The change as a fraction of the value before.
fn of_value(days: &[WholeDay], _: usize) -> Series {
    series(days, |day| {
        (0.0 < day.before).then(|| DayTotals::settled(day.change, day.before) / day.before)
    })
}

/// Number of issuers that are down.
fn down(days: &[WholeDay], _: usize) -> Series {
    series(days, |day| Some(f64::from(day.down)))
}

/// Every day on which a member has a change, with the totals. The totals are `None` if fewer than
/// `least` members have a change, if a member with a price on that day and before lacks one (its
/// shares are not known yet, or a price is missing), or if the changes begin on different days. A
/// sum over only some members would be a different number.
fn together(megacaps: &[Megacap], least: usize) -> Vec<WholeDay> {
    let mut days: Vec<Day> = megacaps.iter().flat_map(|megacap| &megacap.days).copied().collect();
    // One ascending run per megacap, which this sort merges.
    days.sort();
    days.dedup();
    let mut sums: Vec<Option<DayTotals>> = vec![None; days.len()];
    for megacap in megacaps {
        let mut at = 0;
        for (i, day) in megacap.days.iter().enumerate() {
            let from = megacap.from[i];
            at += days[at..].iter().take_while(|other| *other < day).count();
            let sum = sums[at].get_or_insert(DayTotals::beginning(from));
            sum.from = sum.from.filter(|others| *others == from);
            sum.members += 1;
            sum.change += megacap.change[i];
            sum.before += megacap.before[i];
            sum.down += u32::from(megacap.growth(i) <= DOWN);
        }
    }
    let priced = |day: Day| {
        let spans =
            |m: &&Megacap| m.priced_from < day && m.days.last().is_some_and(|last| day <= *last);
        megacaps.iter().filter(spans).count()
    };
    let whole = |day: Day, sum: &DayTotals| {
        sum.from.is_some() && least <= sum.members && sum.members == priced(day)
    };
    let days = days.into_iter().zip(sums);
    days.map(|(day, sum)| (day, sum.filter(|sum| whole(day, sum)))).collect()
}

fn series(days: &[WholeDay], value: impl Fn(&DayTotals) -> Option<f64>) -> Series {
    let whole = days.iter().filter_map(|(day, sum)| Some((*day, value(sum.as_ref()?)?)));
    let (days, values) = whole.unzip();
    Series { days, values }
}

/// A window with an incomplete day has no sum: what was missing then is in no other day.
fn sums(days: &[WholeDay], horizon: usize) -> Series {
    let windows = days.windows(horizon.max(1));
    let (days, values) = windows
        .filter_map(|window| {
            let before = window.first()?.1.as_ref()?.before;
            let changes = window.iter().map(|(_, sum)| sum.as_ref().map(|sum| sum.change));
            let change = changes.sum::<Option<f64>>()?;
            Some((window.last()?.0, DayTotals::settled(change, before)))
        })
        .unzip();
    Series { days, values }
}

fn source(megacap: &Megacap) -> Source {
    Source {
        role: None,
        symbol: megacap.classes.join("+"),
        proxy_for: None,
        first_on: megacap.days.first().copied(),
        last_on: megacap.days.last().copied(),
    }
}

fn describe(megacaps: &[Megacap], spec: &Spec, outcome: &mut Outcome) {
    let Some((last, _)) = outcome.history.last() else { return };
    for megacap in megacaps {
        let Ok(at) = megacap.days.binary_search(&last) else {
            let detail = format!("{}: no change of value on {last}", megacap.name);
            outcome.gaps.push(Gap::new(GapReason::Stale, spec.subject(), detail));
            continue;
        };
        let about = |name, unit, value| Detail::about(&megacap.name, name, unit, value);
        outcome.details.push(about("value_change", Unit::Usd, megacap.change[at]));
        outcome.details.push(about("return", Unit::Decimal, megacap.growth(at)));
        if megacap.source == CapSource::Printed {
            let name = &megacap.name;
            let detail = format!("{name}: a published market value, carried forward by the price");
            outcome.gaps.push(Gap::new(GapReason::Proxy, spec.subject(), detail));
        }
    }
    // Prices reach further back than known shares do.
    let unknown = |megacap: &&Megacap| megacap.priced_from < megacap.known_from;
    if let Some(day) = megacaps.iter().filter(unknown).map(|megacap| megacap.known_from).max() {
        let detail = format!(
            "before {day} the shares of some issuers with a price are not known: a day without \
             all of them has no sum, and records do not reach further back"
        );
        outcome.gaps.push(Gap::new(GapReason::NoSharesOutstanding, spec.subject(), detail));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_with_a_member_missing_inside_has_no_sum() {
        let day = Day::from_epoch;
        let megacap = |name: &str, days: &[i32], change: f64| Megacap {
            name: name.to_owned(),
            classes: vec![name.to_owned()],
            from: std::iter::once(0)
                .chain(days.iter().copied())
                .map(day)
                .take(days.len())
                .collect(),
            days: days.iter().map(|at| day(*at)).collect(),
            change: vec![change; days.len()],
            before: vec![100.0; days.len()],
            cap: vec![101.0; days.len()],
            known_from: day(0),
            priced_from: day(0),
            source: CapSource::SharesTimesClose,
        };
        // B has no change on day 3, between two days on which it has one.
        let members =
            [megacap("A", &[1, 2, 3, 4, 5, 6], 1.0), megacap("B", &[1, 2, 4, 5, 6], 10.0)];
        let days = together(&members, 2);
        let one = sums(&days, 1);
        // B's change on day 4 starts from day 2, A's from day 3.
        assert_eq!(one.days, [1, 2, 5, 6].map(day));
        // Each complete day is 1 + 10; windows over days 3 and 4 are left out, not shortened.
        let two = sums(&days, 2);
        assert_eq!((two.days, two.values), ([2, 6].map(day).to_vec(), vec![22.0; 2]));
        assert!(sums(&together(&members, 3), 1).days.is_empty());
    }
}
