//! The basket of most-shorted names: are shorts being squeezed?

use crate::{
    family::{Indicator, Work, chosen, each},
    inputs::{Inputs, less},
    measure::{Detail, Outcome, Source, Spec, Unit},
};
use factors::{most_shorted::Rebalance, roles::Role};
use marketdata::{
    day::Day,
    gap::{Gap, GapReason},
};

/// Number of members listed in the answer.
const NAMED: usize = 10;

pub(super) const INDICATOR: Indicator = Indicator {
    id: "most_shorted",
    title: "Most-shorted basket",
    method: "At each publication of short interest, from what was public then: names worth at least \
             1bn USD and trading at least 5m USD a day (mean of 21 sessions, at least 15 with a \
             volume), ranked by short interest over float; the first 50, or the first tenth where \
             fewer than 500 qualify; equal weights from the close of the session after, so that \
             nothing is earned before it was public; a held name stays within 1.2 times that rank \
             (methodology A8). `less_index` takes off the broad market. A figure revised later counts from its \
             revision.",
    work: Work::WholeMarket,
    specs,
    measure,
};

const HORIZONS: [usize; 3] = [1, 5, 21];

/// Returns of the basket itself, or less those of the broad market.
#[derive(Clone, Copy)]
enum Less {
    Nothing,
    Index,
}

fn measures() -> impl Iterator<Item = (Spec, Less)> {
    let of = |stem: &str, less| {
        HORIZONS.map(|horizon| (Spec::change(stem, horizon, Unit::Decimal), less))
    };
    of("most_shorted", Less::Nothing).into_iter().chain(of("most_shorted.less_index", Less::Index))
}

fn specs() -> Vec<Spec> {
    measures().map(|(spec, _)| spec).collect()
}

fn measure(inputs: &Inputs<'_>, wanted: &[Spec]) -> Vec<(Spec, Outcome)> {
    let basket = inputs.most_shorted();
    let Some(rebalance) = basket.rebalances.last() else {
        let detail = "no published short interest for names with a known float and market value";
        let gap = |spec: &Spec| Gap::new(GapReason::NoShortInterest, spec.subject(), detail);
        return each(wanted, |spec| Outcome::missing(gap(spec)));
    };
    let source = Source {
        role: None,
        symbol: format!("{} most-shorted names", rebalance.members.len()),
        proxy_for: None,
        first_on: basket.returns.to.first().copied(),
        last_on: basket.returns.to.last().copied(),
    };
    chosen(measures(), wanted, |spec, subtrahend| {
        let moves = basket.returns.compounded(spec.horizon);
        let outcome = match subtrahend {
            Less::Nothing => Outcome::of(moves.into_series(), vec![source.clone()]),
            Less::Index => match inputs.line(Role::BroadMarket, &spec.id) {
                Err(gap) => return Outcome::missing(gap),
                Ok(line) => {
                    let (spread, gap) = less(spec, &moves, &line.moves(spec.horizon));
                    let mut outcome = Outcome::of(spread, vec![source.clone(), Source::of(line)]);
                    outcome.gaps.extend(gap);
                    outcome
                }
            },
        };
        described(inputs, rebalance, spec, outcome)
    })
}

/// Adds to an outcome what the basket consists of.
fn described(
    inputs: &Inputs<'_>,
    rebalance: &Rebalance,
    spec: &Spec,
    mut outcome: Outcome,
) -> Outcome {
    let basket = inputs.most_shorted();
    if 0 < basket.sessions_left_out {
        let detail = format!(
            "on {} sessions fewer than half the names have a return: no change spans them",
            basket.sessions_left_out
        );
        outcome.gaps.push(Gap::new(GapReason::MissingObservations, spec.subject(), detail));
    }
    let newest = basket.returns.to.last().copied().unwrap_or(Day::MAX);
    if let Some(detail) = basket.unknown_units(inputs.snapshot, newest) {
        outcome.gaps.push(Gap::new(GapReason::BasisUnknown, spec.subject(), detail));
    }
    if outcome.history.days.is_empty() {
        let detail = format!(
            "the first basket is from the settlement of {}, known since {}: too few sessions since",
            basket.rebalances[0].settlement_on, basket.rebalances[0].published_at
        );
        outcome.gaps.push(Gap::new(GapReason::ShortHistory, spec.subject(), detail));
    }
    for (name, count) in [
        ("names", rebalance.members.len()),
        ("eligible", rebalance.eligible),
        ("left_out_for_missing_inputs", rebalance.incomplete),
        ("rebalances", basket.rebalances.len()),
    ] {
        outcome.details.push(Detail::of(name, Unit::Count, count as f64));
    }
    for (instrument, ratio) in rebalance.members.iter().take(NAMED) {
        let symbol = inputs.snapshot.symbol(*instrument);
        let name = "short_interest_of_float";
        outcome.details.push(Detail::about(symbol, name, Unit::Decimal, *ratio));
    }
    outcome
}
