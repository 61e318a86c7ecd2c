//! Compares two lines over their common days: spreads of their changes.

use crate::line::{Line, over};
use marketdata::{day::Day, snapshot::Series};
use stats::change;

/// Two lines on their common days.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The common days, strictly ascending.
    pub days: Vec<Day>,
    /// Levels of the first line; positive.
    pub first: Vec<f64>,
    /// Levels of the second line; positive.
    pub second: Vec<f64>,
    /// A relative change of the levels, or a difference of two such changes, up to this size counts
    /// as zero.
    pub precision: f64,
}

impl Pair {
    /// The common days of two lines on which both levels are positive.
    pub fn of(first: &Line, second: &Line) -> Pair {
        let precision = first.precision.max(second.precision);
        let count = first.days.len().min(second.days.len());
        let levels = || Vec::with_capacity(count);
        let days = Vec::with_capacity(count);
        let mut pair = Pair { days, first: levels(), second: levels(), precision };
        let mut at = 0;
        for (day, level) in first.days.iter().zip(&first.levels) {
            while second.days.get(at).is_some_and(|other| other < day) {
                at += 1;
            }
            let Some(other) = second.days.get(at).filter(|other| *other == day) else { continue };
            if 0.0 < *level && 0.0 < second.levels[at] {
                pair.days.push(*other);
                pair.first.push(*level);
                pair.second.push(second.levels[at]);
            }
        }
        pair
    }

    /// The last common days, enough for one change over `horizon` sessions.
    #[must_use]
    pub fn latest(&self, horizon: usize) -> Pair {
        let start = self.days.len().saturating_sub(horizon + 1);
        Pair {
            days: self.days[start..].to_vec(),
            first: self.first[start..].to_vec(),
            second: self.second[start..].to_vec(),
            precision: self.precision,
        }
    }

    /// `r_first − r_second` over `horizon` common sessions, a decimal (methodology A1). Both legs
    /// begin and end on the same days.
    pub fn spread(&self, horizon: usize) -> Series {
        let (first, second) = (self.first_growth(horizon), self.second_growth(horizon));
        let spread = |(a, b): (&f64, &f64)| {
            change::settled(a - b, self.precision * (1.0 + a.abs().max(b.abs())))
        };
        let values = first.values.iter().zip(&second.values).map(spread).collect();
        Series { days: first.days, values }
    }

    /// Growth of the first line over `horizon` common sessions.
    pub fn first_growth(&self, horizon: usize) -> Series {
        self.growth(&self.first, horizon)
    }

    /// Growth of the second line over `horizon` common sessions.
    pub fn second_growth(&self, horizon: usize) -> Series {
        self.growth(&self.second, horizon)
    }

    fn growth(&self, levels: &[f64], horizon: usize) -> Series {
        let step = |old, new| Some(change::settled(new / old - 1.0, self.precision));
        over(&self.days, levels, horizon, step)
    }

    /// `ln(1 + r_first) − ln(1 + r_second)` over `horizon` common sessions.
    pub fn log_spread(&self, horizon: usize) -> Series {
        let ratios: Vec<f64> = self.first.iter().zip(&self.second).map(|(a, b)| a / b).collect();
        let step = |old: f64, new: f64| Some(change::settled(libm::log(new / old), self.precision));
        over(&self.days, &ratios, horizon, step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        line::LineKind,
        roles::{ResolvedRole, Role},
    };
    use marketdata::{dataset::Dataset, fixture::day, instrument::InstrumentId};
    use proptest::prelude::*;

    fn line(points: &[(i32, f64)]) -> Line {
        let resolved = ResolvedRole {
            role: Role::SmallCapIndex,
            symbol: String::new(),
            instrument: InstrumentId(1),
            dataset: Dataset::Bars,
            proxy_for: None,
        };
        let start = day("2021-01-04");
        Line {
            resolved,
            kind: LineKind::Wealth,
            days: points.iter().map(|(offset, _)| start.plus(*offset)).collect(),
            levels: points.iter().map(|(_, level)| *level).collect(),
            precision: change::ROUNDING,
            rows_left_out: 0,
        }
    }

    #[test]
    fn spreads_are_computed_on_common_days() {
        let small = line(&[(0, 100.0), (1, 110.0), (2, 99.0), (4, 108.9)]);
        let large = line(&[(0, 50.0), (2, 51.0), (3, 60.0), (4, 56.1)]);
        let pair = Pair::of(&small, &large);
        let start = day("2021-01-04");
        assert_eq!(pair.days, [start, start.plus(2), start.plus(4)]);
        // 99/100 − 51/50 = −0.03; 108.9/99 − 56.1/51 = 1.1 − 1.1 = 0.
        let spread = pair.spread(1);
        assert!((spread.values[0] + 0.03).abs() < 1e-12 && spread.values[1].abs() < 1e-12);
        // 108.9/100 − 56.1/50 = 1.089 − 1.122
        assert!((pair.spread(2).values[0] + 0.033).abs() < 1e-12);
        // ln 1.089 − ln 1.122 = −0.0298529631
        assert!((pair.log_spread(2).values[0] + 0.029_852_963_1).abs() < 1e-9);
        assert!(pair.spread(3).values.is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn spreads_ignore_scale_and_change_sign_if_the_lines_are_swapped(
            levels in prop::collection::vec((1.0..100.0f64, 1.0..100.0f64), 4..40),
            scale in 0.1..10.0f64,
        ) {
            let points = |pick: fn(&(f64, f64)) -> f64, by: f64| -> Vec<(i32, f64)> {
                levels.iter().enumerate().map(|(i, pair)| (i as i32, by * pick(pair))).collect()
            };
            let (a, b) = (line(&points(|p| p.0, 1.0)), line(&points(|p| p.1, 1.0)));
            let scaled = line(&points(|p| p.0, scale));
            let plain = Pair::of(&a, &b).spread(2);
            let by_scale = Pair::of(&scaled, &b).spread(2);
            let exchanged = Pair::of(&b, &a).spread(2);
            for ((x, y), z) in plain.values.iter().zip(&by_scale.values).zip(&exchanged.values) {
                prop_assert!((x - y).abs() <= 1e-9 * (1.0 + x.abs()));
                prop_assert!((x + z).abs() < 1e-12);
            }
        }
    }
}
