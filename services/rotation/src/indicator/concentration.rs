//! How much of the universe's market value the largest issuers are.

use crate::{
    breadth::{LEADERS, Tally},
    inputs::{Inputs, change_of},
    measure::{Detail, Indicator, Outcome, Spec, Unit},
};
use factors::size::CapSource;
use marketdata::gap::{Gap, GapReason};

pub(super) const INDICATOR: Indicator = Indicator {
    id: "concentration",
    title: "Concentration",
    method: "Weights by market value (shares outstanding as known times close, classes of one \
             issuer together) over the members with a known value, renormalised to 1: weight of \
             the seven largest, HHI = Σ w², effective number = 1 / HHI (methodology A7). A session \
             counts where half the priced members have a value.",
    specs,
    measure,
};

fn specs() -> Vec<Spec> {
    vec![
        Spec::level("concentration.top7_weight", "top7", Unit::Decimal),
        Spec::change("concentration.top7_weight", "top7", 5, Unit::Decimal),
        Spec::level("concentration.hhi", "hhi", Unit::Decimal),
        Spec::level("concentration.effective_number", "effective", Unit::Count),
    ]
}

fn measure(inputs: &Inputs<'_>, spec: &Spec) -> Outcome {
    let value = match spec.variant {
        "top7" => top_weight,
        "hhi" => hhi,
        _ => |tally: &Tally| Some(1.0 / hhi(tally)?),
    };
    let mut outcome = inputs.of_breadth(spec, |tally| value(tally).filter(|_| enough(tally)));
    if 0 < spec.horizon {
        outcome.history = change_of(&outcome.history, spec.horizon);
    }
    let Some(tally) = inputs.breadth.tallies.last() else { return outcome };
    if outcome.history.days.is_empty() {
        let detail = "fewer than half the members have known shares outstanding";
        outcome.gaps.push(Gap::new(GapReason::NoSharesOutstanding, &*spec.id, detail));
    }
    outcome.details.push(Detail::of("issuers_valued", Unit::Count, f64::from(tally.valued)));
    let leaders = &inputs.breadth.latest[..LEADERS.min(inputs.breadth.latest.len())];
    for leader in leaders {
        let weight = leader.cap / tally.cap;
        outcome.details.push(Detail::about(&leader.symbol, "weight", Unit::Decimal, weight));
    }
    if leaders.iter().any(|leader| leader.source == CapSource::Printed) {
        let detail = "some market values are printed ones, carried by the price";
        outcome.gaps.push(Gap::new(GapReason::Proxy, &*spec.id, detail));
    }
    let known_from = leaders.iter().map(|leader| leader.known_from).max();
    if let Some(day) = known_from.filter(|day| outcome.history.days.first() < Some(day)) {
        let detail = format!("before {day} the first known counts of shares are carried back");
        outcome.gaps.push(Gap::new(GapReason::MissingObservations, &*spec.id, detail));
    }
    outcome
}

fn enough(tally: &Tally) -> bool {
    tally.priced <= 2 * tally.valued
}

fn top_weight(tally: &Tally) -> Option<f64> {
    (0.0 < tally.cap).then(|| tally.leaders.iter().sum::<f64>() / tally.cap)
}

fn hhi(tally: &Tally) -> Option<f64> {
    (0.0 < tally.cap).then(|| tally.cap_squared / (tally.cap * tally.cap))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_weights() {
        // Methodology A7 [C]: w = (.5, .3, .2) gives 0.38 and 2.631579.
        let mut leaders = [0.0; LEADERS];
        leaders[..3].copy_from_slice(&[50.0, 30.0, 20.0]);
        let tally =
            Tally { cap: 100.0, cap_squared: 3_800.0, leaders, valued: 3, ..Tally::default() };
        assert!((hhi(&tally).unwrap() - 0.38).abs() < 1e-12);
        assert!((1.0 / hhi(&tally).unwrap() - 2.631_579).abs() < 1e-6);
        assert!((top_weight(&tally).unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(hhi(&Tally::default()), None);
    }
}
