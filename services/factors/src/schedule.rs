//! The schedule of an order that best trades cost against the risk of waiting (Almgren and Chriss,
//! "Optimal execution of portfolio transactions", 2000).
//!
//! An order of X shares, say to buy a short back, is worked in N periods of τ = T/N. What is left after period j is
//!
//! ```text
//! x_j = X · sinh(κ(T − jτ)) / sinh(κT),   cosh(κτ) = 1 + ½κ̃²τ²,   κ̃² = λσ²/η̃,   η̃ = η − ½γτ
//! E = ½γX² + ε·Σ|n_j| + (η̃/τ)·Σn_j²,      V = σ²τ·Σ x_j²  (j from 1)
//! ```
//!
//! with n_j = x_{j−1} − x_j. λ = 0 trades the same number in every period. Shares may be units of
//! money at a price of one.

/// How a name's price responds to trading, in money per share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PriceResponse {
    /// σ: standard deviation of the price over one day, money per share.
    pub volatility: f64,
    /// ε: fixed cost per share, for instance half the spread.
    pub fixed: f64,
    /// γ: lasting move of the price against the order per share traded.
    pub permanent: f64,
    /// η: passing move of the price against the order per share traded per day.
    pub temporary: f64,
}

/// What to trade, and in which periods.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Task {
    /// X: shares to trade.
    pub quantity: f64,
    /// T: days until all are traded.
    pub days: f64,
    /// N: number of periods.
    pub periods: usize,
    /// λ: money of expected cost given up per unit of variance, 1/money. 0: cost only.
    pub risk_aversion: f64,
}

/// A schedule, its expected cost and its risk.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Shares left after each period, from X (before the first) to 0.
    pub left: Vec<f64>,
    /// κ: the speed of trading, per day. 0 trades evenly.
    pub kappa: f64,
    /// E: expected cost in money, against the value at the price of the start.
    pub expected_cost: f64,
    /// V: variance of the cost, money squared.
    pub variance: f64,
}

/// The best schedule of a task. `None` if a number is negative or not finite, if X, T or N is 0, or
/// if the periods are so long that the passing impact is below half the lasting impact of one (η̃
/// not above 0), for which the model has no answer.
pub fn schedule(task: &Task, response: &PriceResponse) -> Option<Schedule> {
    let PriceResponse { volatility, fixed, permanent, temporary } = *response;
    let inputs = [volatility, fixed, permanent, temporary, task.risk_aversion];
    let valid = inputs.iter().all(|value| value.is_finite() && 0.0 <= *value)
        && [task.quantity, task.days].iter().all(|value| value.is_finite() && 0.0 < *value)
        && 0 < task.periods;
    let tau = task.days / task.periods as f64;
    let eta = temporary - 0.5 * permanent * tau;
    if !valid || eta <= 0.0 {
        return None;
    }
    let urgency = (task.risk_aversion * volatility * volatility / eta).sqrt();
    // cosh(κτ) = 1 + ½u²  ⇔  sinh(κτ/2) = u/2.
    let kappa = 2.0 * libm::asinh(0.5 * urgency * tau) / tau;
    let share =
        |left: f64| task.quantity * sinh_ratio(kappa * left, kappa * task.days, left / task.days);
    let mut left: Vec<f64> =
        (0..task.periods).map(|period| share(task.days - period as f64 * tau)).collect();
    left.push(0.0);
    let bought = || left.windows(2).map(|pair| pair[0] - pair[1]);
    let total: f64 = bought().map(f64::abs).sum();
    let squares: f64 = bought().map(|n| n * n).sum();
    let expected_cost =
        0.5 * permanent * task.quantity * task.quantity + fixed * total + eta / tau * squares;
    let waiting: f64 = left[1..].iter().map(|x| x * x).sum();
    let variance = volatility * volatility * tau * waiting;
    (expected_cost.is_finite() && variance.is_finite()).then_some(Schedule {
        left,
        kappa,
        expected_cost,
        variance,
    })
}

/// sinh(a)/sinh(b) for 0 ≤ a ≤ b, without overflow; `limit` where both are zero.
fn sinh_ratio(a: f64, b: f64, limit: f64) -> f64 {
    if b <= 0.0 {
        return limit;
    }
    libm::exp(a - b) * libm::expm1(-2.0 * a) / libm::expm1(-2.0 * b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The example of Almgren and Chriss (2000): a million shares in five daily periods.
    const RESPONSE: PriceResponse =
        PriceResponse { volatility: 0.95, fixed: 0.0625, permanent: 2.5e-7, temporary: 2.5e-6 };

    fn task(risk_aversion: f64) -> Task {
        Task { quantity: 1e6, days: 5.0, periods: 5, risk_aversion }
    }

    #[track_caller]
    fn near(value: f64, expected: f64, tolerance: f64) {
        assert!(
            (value - expected).abs() <= tolerance * expected.abs(),
            "{value} is not {expected}"
        );
    }

    /// ½·2.5e-7·1e12 = 125,000; 0.0625·1e6 = 62,500; η̃ = 2.375e-6 and Σn² = 5·(2e5)²: 475,000.
    /// Left after each day: 8, 6, 4, 2 ·1e5, so V = 0.9025·1.2e12.
    #[test]
    fn without_risk_aversion_it_trades_evenly() {
        let even = schedule(&task(0.0), &RESPONSE).unwrap();
        near(even.expected_cost, 662_500.0, 1e-12);
        near(even.variance, 1.083e12, 1e-12);
        for (period, left) in even.left.iter().enumerate() {
            assert!((left - (5 - period) as f64 * 2e5).abs() < 1e-6);
        }
    }

    /// λ = 1e-9: the published run of the DROP library prints 0.6625, 1.0812 and 51.30 for E (in
    /// millions), V (in 1e12) and 1/κ̃. κ differs from κ̃ in the fifth digit.
    #[test]
    fn a_published_run_is_reproduced() {
        let run = schedule(&task(1e-9), &RESPONSE).unwrap();
        near(run.expected_cost, 662_500.90, 1e-8);
        near(run.variance, 1.081_192e12, 1e-6);
        near(1.0 / run.kappa, 51.299, 1e-4);
    }

    /// λ = 1e-6. Expected numbers: the formulas above in Python.
    #[test]
    fn with_risk_aversion_it_trades_early() {
        let early = schedule(&task(1e-6), &RESPONSE).unwrap();
        near(early.kappa, 0.607_076, 1e-6);
        let expected = [1e6, 541_955.55, 289_854.22, 147_897.49, 62_141.80, 0.0];
        for (left, expected) in early.left.iter().zip(expected) {
            assert!((left - expected).abs() <= 0.005, "{left} is not {expected}");
        }
        near(early.expected_cost, 911_226.99, 1e-8);
        near(early.variance, 3.641_286e11, 1e-6);
    }

    #[test]
    fn what_has_no_schedule_is_refused() {
        let with = |change: fn(&mut Task)| {
            let mut changed = task(1e-6);
            change(&mut changed);
            schedule(&changed, &RESPONSE)
        };
        assert_eq!(with(|task| task.quantity = 0.0), None);
        assert_eq!(with(|task| task.periods = 0), None);
        assert_eq!(with(|task| task.risk_aversion = -1.0), None);
        assert_eq!(with(|task| task.days = f64::INFINITY), None);
        // η̃ = 2.5e-6 − ½·2.5e-7·21 is below 0.
        assert_eq!(with(|task| task.days = 105.0), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The schedule falls from X to 0, and no other in its family has less cost plus λ·variance:
        /// those of a slightly smaller or larger λ.
        #[test]
        fn no_neighbour_is_better(aversion in 1e-9..1e-4f64, periods in 2..40usize) {
            let task = |risk_aversion| Task { quantity: 1e6, days: 5.0, periods, risk_aversion };
            let best = schedule(&task(aversion), &RESPONSE).unwrap();
            prop_assert!(best.left.windows(2).all(|pair| pair[1] <= pair[0]));
            let price = |s: &Schedule| s.expected_cost + aversion * s.variance;
            for factor in [0.9, 1.1] {
                let other = schedule(&task(aversion * factor), &RESPONSE).unwrap();
                prop_assert!(price(&best) <= price(&other) * (1.0 + 1e-12));
                let cheaper = other.expected_cost <= best.expected_cost;
                prop_assert_eq!(cheaper, factor < 1.0);
            }
        }
    }
}
