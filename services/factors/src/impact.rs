//! Cost of an order, by two published laws of market impact.
//!
//! All costs are shares of the price at the start, 0 or more: how much worse the average price is
//! because of the order itself (or the price at its end, for a peak). The laws are symmetric in
//! buying and selling, and estimates for liquid markets; a squeeze in progress costs more.

/// Multiplier of the square-root law. Published estimates are between 0.5 and 1; 1 is cautious.
pub const Y: f64 = 1.0;

/// Coefficients of Almgren, Thum, Hauptmann and Li, "Direct estimation of equity market impact"
/// (2005), fitted to US orders of 2001 to 2003.
const GAMMA: f64 = 0.314;
const ETA: f64 = 0.142;

/// An order, its size and the daily volume in one unit: shares of one basis, or money.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Order {
    quantity: f64,
    daily_volume: f64,
    volatility: f64,
}

/// The cost of an order by the square-root law.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SquareRoot {
    /// Move of the price at the end of the order: Y·σ·√(Q/V), a decimal.
    pub peak: f64,
    /// Average price over the price at the start − 1, for an order worked at a constant rate:
    /// ⅔ of the peak, the mean of √ over 0 to 1.
    pub mean: f64,
    /// Whether the order is larger than one day's volume, which the law was not fitted to.
    pub extrapolated: bool,
}

/// The cost of an order worked over some days, by Almgren et al.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Almgren {
    /// Move of the price that stays after the order, a decimal: γ·σ·(X/V)·(Θ/V)^¼.
    pub permanent: f64,
    /// Average price over the price at the start − 1: half of the permanent impact, and
    /// η·σ·(X/(V·T))^⅗ of temporary impact.
    pub mean: f64,
}

impl Order {
    /// An order of `quantity` in a name that trades `daily_volume` per day with a
    /// daily `volatility`, a decimal. `None` unless all are finite, the quantity and the volatility
    /// are 0 or more and the volume is above 0.
    pub fn new(quantity: f64, daily_volume: f64, volatility: f64) -> Option<Order> {
        let is_valid = |value: f64| value.is_finite() && 0.0 <= value;
        let valid = is_valid(quantity) && is_valid(volatility) && is_valid(daily_volume);
        (valid && 0.0 < daily_volume && (quantity / daily_volume).is_finite()).then_some(Order {
            quantity,
            daily_volume,
            volatility,
        })
    }

    /// The order / a day's volume.
    pub fn days_of_volume(&self) -> f64 {
        self.quantity / self.daily_volume
    }

    /// The square-root law: impact grows with the root of the order and does not depend on how
    /// quickly it is worked. The exponent was measured as 0.489 ± 0.071 over 2,299 stocks of Tokyo
    /// (Sato and Kanazawa 2024).
    pub fn square_root(&self) -> SquareRoot {
        let size = self.days_of_volume();
        let peak = Y * self.volatility * size.sqrt();
        SquareRoot { peak, mean: peak * 2.0 / 3.0, extrapolated: 1.0 < size }
    }

    /// Almgren et al. for an order worked evenly over `days` of a name with some
    /// `shares_outstanding`. `None` unless both are above 0 and finite.
    pub fn almgren(&self, days: f64, shares_outstanding: f64) -> Option<Almgren> {
        let is_valid = |value: f64| value.is_finite() && 0.0 < value;
        if !is_valid(days) || !is_valid(shares_outstanding) {
            return None;
        }
        let turnover = libm::pow(shares_outstanding / self.daily_volume, 0.25);
        let permanent = GAMMA * self.volatility * self.days_of_volume() * turnover;
        let rate = self.days_of_volume() / days;
        let mean = 0.5 * permanent + ETA * self.volatility * libm::pow(rate, 0.6);
        mean.is_finite().then_some(Almgren { permanent, mean })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn near(value: f64, expected: f64, tolerance: f64) {
        assert!((value - expected).abs() <= tolerance, "{value} is not {expected}");
    }

    /// σ = 0.04, twenty days of volume: 0.04·√20 = 0.178885, and two thirds of it.
    #[test]
    fn square_root_by_hand() {
        let cost = Order::new(20e6, 1e6, 0.04).unwrap().square_root();
        near(cost.peak, 0.178_885, 5e-7);
        near(cost.mean, 0.119_257, 5e-7);
        assert!(cost.extrapolated);
        assert!(!Order::new(1e6, 1e6, 0.04).unwrap().square_root().extrapolated);
    }

    /// The examples of Almgren et al. (2005), IBM and DRI: X, V and Θ in shares, σ per day, and T of
    /// 0.1, 0.2 and 0.5 days. Expected basis points: the formula in Python, which agrees with the
    /// table of the paper to its rounding.
    #[test]
    fn almgren_reproduces_the_papers_examples() {
        let examples = [
            (655_600.0, 6.561e6, 1_728e6, 0.0157, 19.8, [32.2, 24.6, 18.4]),
            (192_300.0, 1.929e6, 168e6, 0.0226, 21.6, [42.8, 31.9, 23.0]),
        ];
        for (quantity, volume, outstanding, sigma, permanent, means) in examples {
            let order = Order::new(quantity, volume, sigma).unwrap();
            for (days, mean) in [0.1, 0.2, 0.5].into_iter().zip(means) {
                let cost = order.almgren(days, outstanding).unwrap();
                near(1e4 * cost.permanent, permanent, 0.051);
                near(1e4 * cost.mean, mean, 0.051);
            }
        }
    }

    #[test]
    fn what_is_no_order_is_refused() {
        for (quantity, volume, sigma) in [
            (-1.0, 1.0, 0.1),
            (1.0, 0.0, 0.1),
            (1.0, 1.0, -0.1),
            (f64::NAN, 1.0, 0.1),
            (1.0, f64::INFINITY, 0.1),
            (1e300, 1e-300, 0.1),
        ] {
            assert_eq!(Order::new(quantity, volume, sigma), None);
        }
        let order = Order::new(1.0, 1.0, 0.1).unwrap();
        assert_eq!(order.almgren(0.0, 1e6), None);
        assert_eq!(order.almgren(1.0, 0.0), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// A larger order, or the same one in less time, costs at least as much; shares in other
        /// units change nothing.
        #[test]
        fn cost_grows_with_size_and_speed(
            quantity in 1.0..1e8f64, volume in 1e3..1e8f64, sigma in 0.001..0.5f64,
            days in 0.05..50.0f64, units in prop::sample::select(vec![0.1, 4.0, 20.0]),
        ) {
            let order = |quantity: f64| Order::new(quantity, volume, sigma).unwrap();
            let outstanding = 50.0 * volume;
            let mean = |order: Order, days| order.almgren(days, outstanding).unwrap().mean;
            prop_assert!(order(quantity).square_root().mean < order(2.0 * quantity).square_root().mean);
            prop_assert!(mean(order(quantity), days) < mean(order(2.0 * quantity), days));
            prop_assert!(mean(order(quantity), 2.0 * days) < mean(order(quantity), days));
            let split = Order::new(quantity * units, volume * units, sigma).unwrap();
            let (a, b) = (split.square_root().peak, order(quantity).square_root().peak);
            prop_assert!((a / b - 1.0).abs() < 1e-12);
        }
    }
}
