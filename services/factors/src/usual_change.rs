//! How unusual a change is: a change over some sessions against its standard deviation before it
//! (methodology A21 (i)).
//!
//! The memory is finite, so that loading older history changes no value.

use marketdata::{day::Day, snapshot::Series};

/// Half-life of the autocovariances, in observations.
pub const HALF_LIFE: f64 = 252.0;
/// Observations before the first one of a calendar year at which the autocovariances of that year
/// begin: five half-lives.
pub const MEMORY: usize = 1_260;
/// The variance of a change over h sessions is at least this multiple of h one-day variances.
pub const FLOOR: f64 = 0.25;
/// Minimum number of one-day changes behind a z-score.
pub const Z_MIN: usize = 126;

/// Divides changes by their standard deviation. Days are visited in ascending order.
///
/// σ_h² = h · [γ0 + 2 Σ_{0<k<h} (1 − k/h) γ_k], at least [`FLOOR`] · h · γ0, where γ_k is the
/// exponentially weighted mean of x_t x_{t−k} over the one-day changes x before the day. It begins
/// [`MEMORY`] observations before the first one of the day's calendar year.
#[derive(Debug)]
pub struct Deviation<'a> {
    daily: &'a Series,
    lambda: f64,
    year: Option<i32>,
    /// Observations used: from `first`, up to but not including `end`.
    first: usize,
    end: usize,
    /// By lag: the weighted sum of products.
    products: Vec<f64>,
    weight: f64,
}

impl<'a> Deviation<'a> {
    /// The standard deviations of changes over some sessions, from one-day changes.
    pub fn of(daily: &'a Series, sessions: usize) -> Deviation<'a> {
        let lambda = libm::exp2(-1.0 / HALF_LIFE);
        let products = vec![0.0; sessions];
        Deviation { daily, lambda, year: None, first: 0, end: 0, products, weight: 0.0 }
    }

    /// The standard deviation from the changes before a day, and their number. `None` if there are
    /// fewer than `minimum`, or if they are all zero.
    pub fn before(&mut self, day: Day, minimum: usize) -> Option<(f64, usize)> {
        let (year, _, _) = day.ymd();
        if self.year != Some(year) {
            self.restart(year);
        }
        while self.daily.days.get(self.end).is_some_and(|next| *next < day) {
            self.take_next();
        }
        let count = self.end - self.first;
        let deviation = self.variance().sqrt();
        (minimum.max(1) <= count && 0.0 < deviation).then_some((deviation, count))
    }

    fn restart(&mut self, year: i32) {
        let january = Day::from_ymd(year, 1, 1).unwrap_or(Day::MIN);
        let anchor = self.daily.days.partition_point(|day| *day < january);
        self.year = Some(year);
        self.first = anchor.saturating_sub(MEMORY);
        self.end = self.first;
        self.products.fill(0.0);
        self.weight = 0.0;
    }

    fn take_next(&mut self) {
        let values = &self.daily.values[self.first..=self.end];
        let last = values[values.len() - 1];
        let lagged = values.iter().rev().copied().chain(std::iter::repeat(0.0));
        for (product, earlier) in self.products.iter_mut().zip(lagged) {
            *product = self.lambda * *product + last * earlier;
        }
        self.weight = self.lambda * self.weight + 1.0;
        self.end += 1;
    }

    fn variance(&self) -> f64 {
        let horizon = self.products.len() as f64;
        let lags = self.products.iter().enumerate().skip(1);
        let covariances: f64 =
            lags.map(|(lag, product)| (1.0 - lag as f64 / horizon) * product).sum();
        let daily = self.products[0];
        horizon * (daily + 2.0 * covariances).max(FLOOR * daily) / self.weight.max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::fixture::day;

    fn daily(values: &[f64]) -> Series {
        let days = (0..values.len()).map(|i| day("2021-01-04").plus(i as i32)).collect();
        Series { days, values: values.to_vec() }
    }

    #[test]
    fn a_one_day_deviation_is_the_root_of_the_weighted_mean_square() {
        let series = daily(&[3.0, -1.0, 2.0, 100.0]);
        // λ² · 9 + λ · 1 + 4 over λ² + λ + 1; the value of the day itself does not count.
        let lambda = 0.5f64.powf(1.0 / 252.0);
        let expected = (lambda * lambda * 9.0 + lambda + 4.0) / (lambda * lambda + lambda + 1.0);
        let found = Deviation::of(&series, 1).before(series.days[3], 3).unwrap();
        assert!((found.0 - expected.sqrt()).abs() < 1e-12);
        assert_eq!(found.1, 3);
        assert_eq!(Deviation::of(&series, 1).before(series.days[3], 4), None);
    }

    #[test]
    fn reversals_narrow_a_change_over_two_sessions_down_to_the_floor() {
        // x alternates between 1 and −1: γ0 = 1 and γ1 is near −1, so 2 (γ0 + γ1) is near zero;
        // the floor is 0.25 · 2 · γ0.
        let back_and_forth: Vec<f64> =
            (0..200).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let series = daily(&back_and_forth);
        let found = Deviation::of(&series, 2).before(day("2021-12-31"), 1).unwrap().0;
        assert!((found - 0.5f64.sqrt()).abs() < 1e-12);
        // A trend: γ1 = γ0 (199 of 200 weights), so the variance is near 2 · 2 · γ0.
        let trend = daily(&[1.0; 200]);
        let found = Deviation::of(&trend, 2).before(day("2021-12-31"), 1).unwrap().0;
        assert!((found - 2.0).abs() < 0.01, "{found}");
    }

    #[test]
    fn constant_values_have_no_deviation() {
        let flat = daily(&[0.0; 200]);
        assert_eq!(Deviation::of(&flat, 5).before(day("2021-12-31"), 1), None);
        assert_eq!(Deviation::of(&Series::empty(), 5).before(day("2021-12-31"), 0), None);
    }

    #[test]
    fn days_may_be_visited_one_by_one_or_at_once() {
        let values: Vec<f64> = (0..2_000).map(|i| libm::sin(f64::from(i))).collect();
        let series = daily(&values);
        let mut visited = Deviation::of(&series, 5);
        for day in &series.days {
            let fresh = Deviation::of(&series, 5).before(*day, 1);
            assert_eq!(visited.before(*day, 1), fresh, "{day}");
        }
    }
}
