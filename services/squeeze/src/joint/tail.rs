//! Tail measures of simulated losses, each with its standard error.
//!
//! Paths come in antithetic pairs (2k, 2k + 1). Pairs are independent, paths of a pair are not, so
//! every error is that of means of pairs.

use rayon::prelude::*;

/// A number from a simulation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Its standard error. Of a value at risk: half of the distance between the losses one error of the
    /// share of the tail away on either side, or a quarter of that at two, whichever is wider.
    pub error: f64,
}

/// Value at risk and expected shortfall at one confidence, losses positive.
#[derive(Clone, Debug, PartialEq)]
pub struct Tail {
    /// The confidence, inside (0, 1).
    pub confidence: f64,
    /// The k-th largest loss, k = ⌈(1 − confidence)·paths⌉.
    pub value_at_risk: Estimate,
    /// The mean of the k largest losses.
    pub expected_shortfall: Estimate,
    /// k.
    pub count: usize,
}

/// A number of paths this little above a whole one is the whole one.
const ROUNDING: f64 = 1e-6;

/// The mean of a number over all paths.
pub fn mean(values: impl Fn(usize) -> f64, paths: usize) -> Estimate {
    let pairs = paths / 2;
    let (mut sum, mut squares) = (0.0, 0.0);
    for pair in 0..pairs {
        let value = 0.5 * (values(2 * pair) + values(2 * pair + 1));
        sum += value;
        squares += value * value;
    }
    let count = pairs as f64;
    let value = sum / count;
    let variance = (squares / count - value * value).max(0.0);
    Estimate { value, error: (variance / (count - 1.0).max(1.0)).sqrt() }
}

/// The tail of losses at some confidences, and the paths, the largest loss first, ties by number of
/// path.
pub fn tails(losses: &[f64], confidences: &[f64]) -> (Vec<Tail>, Vec<usize>) {
    let mut order: Vec<usize> = (0..losses.len()).collect();
    order.par_sort_unstable_by(|a, b| losses[*b].total_cmp(&losses[*a]).then(a.cmp(b)));
    let tails = confidences.iter().map(|confidence| tail(losses, &order, *confidence)).collect();
    (tails, order)
}

/// A loss that is not exceeded with some probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantile {
    /// The probability, inside (0, 1).
    pub level: f64,
    /// The loss.
    pub loss: Estimate,
}

/// The levels of the quantiles that describe a distribution.
pub const LEVELS: [f64; 23] = [
    0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85,
    0.9, 0.95, 0.975, 0.99, 0.995, 0.999,
];
/// Least paths beyond a quantile.
const BEYOND: usize = 20;

/// The quantiles at [`LEVELS`] that enough paths lie beyond. `order` is that of [`tails`].
pub fn quantiles(losses: &[f64], order: &[usize]) -> Vec<Quantile> {
    let found = LEVELS.into_par_iter().filter_map(|level| {
        let (count, loss) = value_at_risk(losses, order, level);
        (BEYOND <= count).then_some(Quantile { level, loss })
    });
    found.collect()
}

/// The k-th largest loss, with k = ⌈(1 − confidence)·paths⌉, and k.
fn value_at_risk(losses: &[f64], order: &[usize], confidence: f64) -> (usize, Estimate) {
    let paths = losses.len() as f64;
    // (1 − 0.95)·100 is a little above 5.
    let wanted = ((1.0 - confidence) * paths - ROUNDING).ceil();
    let count = (wanted as usize).clamp(1, losses.len());
    let at = |rank: f64| losses[order[(rank.round().max(0.0) as usize).min(order.len() - 1)]];
    let value = losses[order[count - 1]];
    // The error of the share of losses in the tail, as a distance between two ranks. Many losses may be
    // equal, none or that of one squeeze: then the share above the value, or the one at it and above, may
    // be nought or all without an error.
    let above = mean(|path| f64::from(value < losses[path]), losses.len()).error;
    let from = mean(|path| f64::from(value <= losses[path]), losses.len()).error;
    let ranks = above.max(from) * paths;
    let middle = (count - 1) as f64;
    let within = |errors: f64| at(middle - errors * ranks) - at(middle + errors * ranks);
    // A jump between equal losses may be within two errors and not within one.
    let spread = (within(1.0) / 2.0).max(within(2.0) / 4.0);
    (count, Estimate { value, error: spread })
}

fn tail(losses: &[f64], order: &[usize], confidence: f64) -> Tail {
    let (count, value_at_risk) = value_at_risk(losses, order, confidence);
    let value = value_at_risk.value;
    let share = count as f64 / losses.len() as f64;
    let excess = mean(|path| (losses[path] - value).max(0.0) / share, losses.len());
    let sum: f64 = order[..count].iter().map(|path| losses[*path]).sum();
    let expected_shortfall = Estimate { value: sum / count as f64, error: excess.error };
    Tail { confidence, value_at_risk, expected_shortfall, count }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Losses 1 to 100: the five largest are 96 to 100, with a mean of 98.
    #[test]
    fn a_tail_by_hand() {
        let losses: Vec<f64> = (1..=100).map(f64::from).collect();
        let (tails, order) = tails(&losses, &[0.95]);
        let [tail] = &tails[..] else { panic!("one tail") };
        assert!((tail.value_at_risk.value - 96.0).abs() < 1e-12);
        assert!((tail.expected_shortfall.value - 98.0).abs() < 1e-12);
        assert_eq!(order[..tail.count], [99, 98, 97, 96, 95]);
    }

    /// Losses 1 to 1,000: k paths are from 1,001 - k on, and below 20 paths there is no quantile.
    #[test]
    fn quantiles_by_hand() {
        let losses: Vec<f64> = (1..=1_000).map(f64::from).collect();
        let (_, order) = tails(&losses, &[]);
        let found = quantiles(&losses, &order);
        let of = |level: f64| {
            let found = found.iter().find(|row| (row.level - level).abs() < 1e-12);
            found.map(|row| row.loss.value)
        };
        for (level, loss) in [(0.05, 51.0), (0.5, 501.0), (0.95, 951.0), (0.975, 976.0)] {
            assert!((of(level).unwrap() - loss).abs() < 1e-12, "{level}");
        }
        // Ten paths are beyond 0.99.
        assert_eq!((of(0.99), found.len()), (None, 20));
    }

    /// One short that squeezes with a probability of 0.05: at a confidence of 0.95 the value at risk is
    /// nothing or the squeeze, as the draws fall. Over 200 seeds of 4,000 pairs its deviation is about half
    /// of the squeeze, and an error of nothing, which says that other seeds give the same, is rare. The
    /// numbers are those of Park and Miller (1988).
    #[test]
    fn a_value_at_risk_between_equal_losses_has_an_error() {
        let mut state = 12_345_u64;
        let mut draw = || {
            state = state * 48_271 % 0x7fff_ffff;
            state as f64 / 2_147_483_647.0
        };
        let (mut squeezed, mut silent) = (0, 0);
        for _ in 0..200 {
            let losses: Vec<f64> = (0..8_000).map(|_| f64::from(draw() < 0.05) * 100.0).collect();
            let (tails, _) = tails(&losses, &[0.95]);
            let Estimate { value, error } = tails[0].value_at_risk;
            squeezed += u32::from(0.0 < value);
            silent += u32::from(error == 0.0);
            assert!(error == 0.0 || (25.0..=50.0).contains(&error), "{error}");
        }
        assert!((60..140).contains(&squeezed), "either, as often: {squeezed}");
        // Beyond two standard errors: 5 % of 200.
        assert!(silent <= 20, "{silent} of 200 without an error");
    }

    /// Pairs (0, 2), (1, 1), (2, 4): means 1, 1, 3; their mean 5/3, variance 4/3 with n − 1.
    #[test]
    fn errors_are_those_of_pairs() {
        let values = [0.0, 2.0, 1.0, 1.0, 2.0, 4.0];
        let found = mean(|path| values[path], values.len());
        assert!((found.value - 5.0 / 3.0).abs() < 1e-12);
        assert!((found.error - (4.0 / 3.0 / 3.0f64).sqrt()).abs() < 1e-12);
    }
}
