//! Concentration: the share of the universe's market value that the largest issuers hold.

use crate::{
    family::{Indicator, Work, chosen},
    inputs::Inputs,
    measure::{Detail, Outcome, Spec, Unit},
    tally::{LEADERS, Weights},
};
use factors::market_value::CapSource;
use marketdata::gap::{Gap, GapReason};

pub(super) const INDICATOR: Indicator = Indicator {
    id: "concentration",
    title: "Concentration",
    method: "Weights by market value (shares outstanding as known times close, classes of one \
             issuer together) over the members with a known value, renormalised to 1: weight of \
             the seven largest, HHI = Σ w², effective number = 1 / HHI (methodology A7). An \
             issuer has a value if each of its classes has one, and none before its first known \
             share count. A session counts if at least half the issuers have a value and the \
             issuers missing only on that session made up less than 1 % of the whole.",
    work: Work::WholeMarket,
    specs,
    measure,
};

/// Computes a measure from the weights of a session.
type OfWeights = fn(&Weights) -> Option<f64>;

fn measures() -> [(Spec, OfWeights); 5] {
    [
        (Spec::level("concentration.top7_weight", Unit::Decimal), top_weight),
        (Spec::change("concentration.top7_weight", 1, Unit::Decimal), top_weight),
        (Spec::change("concentration.top7_weight", 5, Unit::Decimal), top_weight),
        (Spec::level("concentration.hhi", Unit::Decimal), hhi),
        (Spec::level("concentration.effective_number", Unit::Count), effective_number),
    ]
}

fn specs() -> Vec<Spec> {
    measures().map(|(spec, _)| spec).into()
}

fn measure(inputs: &Inputs<'_>, wanted: &[Spec]) -> Vec<(Spec, Outcome)> {
    chosen(measures(), wanted, |spec, value| weighed(inputs, spec, value))
}

fn weighed(inputs: &Inputs<'_>, spec: &Spec, value: OfWeights) -> Outcome {
    let mut outcome = inputs.of_weights(spec, value);
    outcome.take_changes(spec.horizon);
    let Some(weights) = inputs.breadth().weights.last() else { return outcome };
    if outcome.history.days.is_empty() {
        let detail = "fewer than half the members have known shares outstanding";
        outcome.gaps.push(Gap::new(GapReason::NoSharesOutstanding, spec.subject(), detail));
    }
    outcome.details.push(Detail::of("issuers_valued", Unit::Count, f64::from(weights.valued)));
    let leaders = &inputs.breadth().latest[..LEADERS.min(inputs.breadth().latest.len())];
    for leader in leaders {
        let weight = leader.cap / weights.cap;
        outcome.details.push(Detail::about(&leader.symbol, "weight", Unit::Decimal, weight));
    }
    if leaders.iter().any(|leader| leader.source == CapSource::Printed) {
        let detail = "some market values are published figures, carried forward by the price";
        outcome.gaps.push(Gap::new(GapReason::Proxy, spec.subject(), detail));
    }
    let known_from = leaders.iter().map(|leader| leader.known_from).max();
    if let Some(day) = known_from.filter(|day| inputs.breadth().days.first() < Some(day)) {
        let detail = format!("the shares of some of the largest issuers are known only from {day}");
        outcome.gaps.push(Gap::new(GapReason::NoSharesOutstanding, spec.subject(), detail));
    }
    outcome
}

fn top_weight(weights: &Weights) -> Option<f64> {
    (0.0 < weights.cap).then(|| weights.leaders.iter().sum::<f64>() / weights.cap)
}

fn hhi(weights: &Weights) -> Option<f64> {
    (0.0 < weights.cap).then(|| weights.cap_squared / (weights.cap * weights.cap))
}

fn effective_number(weights: &Weights) -> Option<f64> {
    Some(1.0 / hhi(weights)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_weights() {
        // Methodology A7 [C]: w = (.5, .3, .2) gives 0.38 and 2.631579.
        let mut leaders = [0.0; LEADERS];
        leaders[..3].copy_from_slice(&[50.0, 30.0, 20.0]);
        let weights =
            Weights { cap: 100.0, cap_squared: 3_800.0, leaders, valued: 3, ..Weights::NONE };
        assert!((hhi(&weights).unwrap() - 0.38).abs() < 1e-12);
        assert!((1.0 / hhi(&weights).unwrap() - 2.631_579).abs() < 1e-6);
        assert!((top_weight(&weights).unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(hhi(&Weights::NONE), None);
    }
}
