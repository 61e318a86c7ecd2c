//! Back-tests of expected shortfall: are the losses beyond a value at risk as large as forecast?
//!
//! Acerbi and Székely (2014), "Backtesting expected shortfall", tests 1 and 2. Their null
//! hypothesis is that each day's profit comes from that day's forecast distribution. P-values are
//! therefore estimated from histories simulated from the forecasts, with a seed: the same input
//! gives the same result.

use crate::rng::Rng;
use std::sync::LazyLock;

/// One day's forecast and its outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct ShortfallForecast {
    /// The realised profit; a loss is negative.
    pub profit: f64,
    /// Value at risk, a loss.
    pub value_at_risk: f64,
    /// Expected shortfall, a loss; positive.
    pub expected_shortfall: f64,
    /// The forecast's profits beyond its value at risk, equally likely, with a total probability
    /// equal to the one tested.
    pub tail: Vec<f64>,
}

/// Number of equally likely losses that stand for an exponential tail.
const TAIL_SLICES: usize = 64;

/// Means of a standard exponential variable over slices of equal probability; their mean is 1.
///
/// The slice between the survival probabilities b < a has the mean of 1 − ln u over it: (a − a·ln a − b +
/// b·ln b)/(a − b).
static EXPONENTIAL: LazyLock<[f64; TAIL_SLICES]> = LazyLock::new(|| {
    let whole = |u: f64| if 0.0 < u { u - u * libm::log(u) } else { 0.0 };
    let slices = TAIL_SLICES as f64;
    std::array::from_fn(|slice| {
        let of = |part: usize| whole(part as f64 / slices);
        (of(TAIL_SLICES - slice) - of(TAIL_SLICES - slice - 1)) * slices
    })
});

impl ShortfallForecast {
    /// A forecast of which only its two numbers are known: beyond the value at risk the loss is
    /// exponential, with the mean that the expected shortfall says.
    #[must_use]
    pub fn exponential(profit: f64, value_at_risk: f64, expected_shortfall: f64) -> Self {
        let excess = expected_shortfall - value_at_risk;
        let tail = EXPONENTIAL.iter().map(|slice| -(value_at_risk + excess * slice)).collect();
        Self { profit, value_at_risk, expected_shortfall, tail }
    }
}

/// Settings of the simulated p-values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Simulation {
    /// Number of simulated histories; the standard error of a p-value c is √(c(1−c)/histories).
    pub histories: usize,
    /// Seed of the draws.
    pub seed: u64,
}

/// A statistic and its simulated p-value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShortfallStatistic {
    /// Expected to be zero; negative if losses exceed the forecast.
    pub z: f64,
    /// (1 + number of simulated statistics at or below z)/(1 + their number): small if risk was
    /// understated, close to one if it was overstated.
    pub p_value: f64,
}

/// The results of both tests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AcerbiSzekely {
    /// Number of days with a loss beyond the value at risk.
    pub exceptions: usize,
    /// Z₁ = 1 + (1/N)Σ_hits X/ES: the size of losses, given a hit. `None` without hits.
    pub size: Option<ShortfallStatistic>,
    /// Z₂ = 1 + (1/(Tp))Σ_hits X/ES: the size and frequency of losses.
    pub size_and_frequency: ShortfallStatistic,
}

/// Sums over the hits of one history.
#[derive(Clone, Copy, Debug)]
struct Hits {
    count: usize,
    /// Σ X/ES, negative.
    ratios: f64,
}

impl Hits {
    const NONE: Hits = Hits { count: 0, ratios: 0.0 };

    fn add(&mut self, profit: f64, expected_shortfall: f64) {
        self.count += 1;
        self.ratios += profit / expected_shortfall;
    }

    fn size(self) -> Option<f64> {
        (self.count > 0).then(|| 1.0 + self.ratios / self.count as f64)
    }

    fn size_and_frequency(self, expected: f64) -> f64 {
        1.0 + self.ratios / expected
    }
}

/// Tests forecasts made at probability `p` = 1 − confidence.
///
/// `None` for no forecasts or histories, p outside (0, 1), an expected shortfall that is not
/// positive, an empty tail, or a number that is not finite.
#[must_use]
pub fn acerbi_szekely(
    forecasts: &[ShortfallForecast],
    p: f64,
    simulation: Simulation,
) -> Option<AcerbiSzekely> {
    let is_inside = p > 0.0 && p < 1.0;
    if forecasts.is_empty() || simulation.histories == 0 || !is_inside {
        return None;
    }
    if !forecasts.iter().all(is_valid) {
        return None;
    }
    let expected = forecasts.len() as f64 * p;
    let mut seen = Hits::NONE;
    for day in forecasts.iter().filter(|day| day.profit < -day.value_at_risk) {
        seen.add(day.profit, day.expected_shortfall);
    }
    let (z1, z2) = (seen.size(), seen.size_and_frequency(expected));
    let (mut lower1, mut with_hits, mut lower2) = (0, 0, 0);
    for history in 0..simulation.histories {
        let drawn = draw(forecasts, p, &mut Rng::new(simulation.seed, history as u64));
        if let Some(size) = drawn.size() {
            with_hits += 1;
            lower1 += usize::from(z1.is_some_and(|z1| size <= z1));
        }
        lower2 += usize::from(drawn.size_and_frequency(expected) <= z2);
    }
    let chance = |lower: usize, of: usize| (1 + lower) as f64 / (1 + of) as f64;
    Some(AcerbiSzekely {
        exceptions: seen.count,
        size: z1.map(|z| ShortfallStatistic { z, p_value: chance(lower1, with_hits) }),
        size_and_frequency: ShortfallStatistic {
            z: z2,
            p_value: chance(lower2, simulation.histories),
        },
    })
}

fn is_valid(day: &ShortfallForecast) -> bool {
    let numbers = [day.profit, day.value_at_risk, day.expected_shortfall];
    let finite = numbers.iter().chain(&day.tail).all(|x| x.is_finite());
    finite && day.expected_shortfall > 0.0 && !day.tail.is_empty()
}

/// Simulates one history under the forecasts: each day is a hit with probability p, with its size
/// from the tail. The number of days between hits is geometric, so that only hits cost a draw.
fn draw(forecasts: &[ShortfallForecast], p: f64, rng: &mut Rng) -> Hits {
    let mut hits = Hits::NONE;
    let mut next = 0_usize;
    loop {
        let without = libm::floor(libm::log(rng.uniform()) / libm::log1p(-p));
        // The next hit is beyond the last day.
        if without >= forecasts.len() as f64 {
            return hits;
        }
        next += without as usize;
        let Some(day) = forecasts.get(next) else { return hits };
        let size = u32::try_from(day.tail.len()).unwrap_or(u32::MAX);
        hits.add(day.tail[rng.below(size) as usize], day.expected_shortfall);
        next += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exponential_tail_has_the_stated_mean() {
        let day = ShortfallForecast::exponential(0.0, 2.0, 3.0);
        let mean = day.tail.iter().sum::<f64>() / day.tail.len() as f64;
        assert!((mean + 3.0).abs() < 1e-12 && day.tail.iter().rev().is_sorted(), "{mean}");
        // The last slice lies beyond ln 64 and has a mean of 1 + ln 64.
        assert!((day.tail[63] + 3.0 + 64.0_f64.ln()).abs() < 1e-12, "{day:?}");
    }
}
