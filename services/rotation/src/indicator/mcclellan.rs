//! Momentum of advances: the McClellan oscillator and its running sum.

use crate::{
    family::{Indicator, Work, chosen},
    inputs::Inputs,
    measure::{Outcome, Spec, Unit},
    tally::Tally,
};

/// Weight of the day in the faster, "19-day" average.
const FAST: f64 = 0.10;
/// Weight of the day in the slower, "39-day" average.
const SLOW: f64 = 0.05;

pub(super) const INDICATOR: Indicator = Indicator {
    id: "mcclellan",
    title: "McClellan oscillator",
    method: "With x = 1000 · (A − D) / (A + D), the ratio-adjusted net advances of the day: the \
             exponential average of x with weight 0.10 less that with weight 0.05, both seeded \
             with the first value; `summation` is the running sum of the oscillator (Sherman \
             and Marian McClellan 1969, methodology A6). A session on which fewer than half the \
             members have a close and a close before is left out. The sum depends on where the \
             history starts.",
    work: Work::WholeMarket,
    specs,
    measure,
};

/// Turns net advances into the values of a measure, in place.
type OfNet = fn(&mut [f64]);

fn measures() -> [(Spec, OfNet); 2] {
    let level = |id| Spec::level(id, Unit::Points);
    [
        (level("mcclellan.oscillator"), oscillator),
        (level("mcclellan.summation"), |values| {
            oscillator(values);
            summation(values);
        }),
    ]
}

fn specs() -> Vec<Spec> {
    measures().map(|(spec, _)| spec).into()
}

fn measure(inputs: &Inputs<'_>, wanted: &[Spec]) -> Vec<(Spec, Outcome)> {
    chosen(measures(), wanted, |spec, of_net| {
        let mut outcome = inputs.of_breadth(spec, Tally::compared, net);
        of_net(&mut outcome.history.values);
        outcome
    })
}

/// Ratio-adjusted net advances: 1000 · (A − D) / (A + D). `None` if no name advanced or declined.
fn net(tally: &Tally) -> Option<f64> {
    let decided = f64::from(tally.advancing + tally.declining);
    let net = f64::from(tally.advancing) - f64::from(tally.declining);
    (0.0 < decided).then(|| 1_000.0 * net / decided)
}

/// Turns net advances into the oscillator, in place.
fn oscillator(values: &mut [f64]) {
    let Some(first) = values.first().copied() else { return };
    let (mut fast, mut slow) = (first, first);
    for value in values {
        fast += FAST * (*value - fast);
        slow += SLOW * (*value - slow);
        *value = fast - slow;
    }
}

/// Turns the oscillator into its running sum, in place.
fn summation(values: &mut [f64]) {
    let mut sum = 0.0;
    for value in values {
        sum += *value;
        *value = sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_values() {
        // Methodology A6 [C], seeded with the first value.
        let days = [(1_800, 1_200), (900, 2_100), (2_000, 1_000), (1_500, 1_500), (2_500, 500)];
        let tally = |(advancing, declining)| Tally { advancing, declining, ..Tally::NONE };
        let mut values: Vec<f64> = days.into_iter().filter_map(|day| net(&tally(day))).collect();
        let near = |found: &[f64], expected: [f64; 5], tolerance: f64| {
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() <= tolerance, "{found} instead of {expected}");
            }
        };
        // The source prints four and six digits.
        near(&values, [200.0, -400.0, 333.3333, 0.0, 666.6667], 5e-5);
        oscillator(&mut values);
        near(&values, [0.0, -30.0, -18.833_333, -25.858_333, 1.597_917], 5e-7);
        summation(&mut values);
        assert!((values[4] + 73.093_75).abs() < 1e-9);
        assert_eq!(net(&Tally { unchanged: 3, ..Tally::NONE }), None);
    }
}
