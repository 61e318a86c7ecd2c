//! Compares one line's closes with their averages and 52-week extremes, close by close.

use std::collections::VecDeque;

/// Length of the short average, in sessions.
pub(crate) const SHORT_AVERAGE: usize = 50;
/// Length of the long average, in sessions.
pub(crate) const LONG_AVERAGE: usize = 200;
/// Window of a 52-week high or low, in sessions.
pub(crate) const YEAR: usize = 252;
/// A running sum of closes drifts by rounding, relative to the largest closes it ever held. A close
/// counts as above the average only if it exceeds it by more than this fraction.
const DRIFT: f64 = 1e-9;
/// Number of closes kept: enough for the longest average and the close that leaves it, rounded up
/// to a power of two.
const KEPT: usize = 256;

/// How a close compares with those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Whether it is above the close before, and below it. `None` for the first of a run.
    pub(crate) moved: Option<[bool; 2]>,
    /// Whether it is above the average of the last 50 closes. `None` with fewer.
    pub(crate) above_short: Option<bool>,
    /// Whether it is above the average of the last 200 closes. `None` with fewer.
    pub(crate) above_long: Option<bool>,
    /// Whether it is above all of the 251 closes before, and below all of them. `None` with fewer.
    pub(crate) high_low: Option<[bool; 2]>,
}

/// Running state of closes in one unit. Later marks depend only on this state, so a continued run
/// gives the same marks as one followed from its start.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    /// Number of closes so far.
    seen: usize,
    /// The last closes, each at its index modulo [`KEPT`].
    recent: Box<[f64; KEPT]>,
    short: Average,
    long: Average,
    highs: Extremes,
    lows: Extremes,
}

impl Running {
    /// An empty run.
    pub(crate) fn new() -> Running {
        Running {
            seen: 0,
            recent: Box::new([0.0; KEPT]),
            short: Average { window: SHORT_AVERAGE, sum: 0.0 },
            long: Average { window: LONG_AVERAGE, sum: 0.0 },
            highs: Extremes::new(),
            lows: Extremes::new(),
        }
    }

    /// Starts a new run, because no known factor converts between the next close and those before.
    pub(crate) fn restart(&mut self) {
        *self = Running::new();
    }

    /// Memory held outside of itself, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        let entries = self.highs.window.capacity() + self.lows.window.capacity();
        size_of::<[f64; KEPT]>() + entries * size_of::<(usize, f64)>()
    }

    /// Adds a close. A relative difference within `precision` counts as none.
    pub(crate) fn push(&mut self, close: f64, precision: f64) -> Marks {
        let place = self.seen;
        let before = place.checked_sub(1).map(|before| self.recent[before % KEPT]);
        let above_short = self.short.push(close, place, &self.recent);
        let above_long = self.long.push(close, place, &self.recent);
        let high = self.highs.push(close, place, |held, new| held <= new);
        let low = self.lows.push(close, place, |held, new| new <= held);
        self.recent[place % KEPT] = close;
        self.seen += 1;
        let above = |other: f64| other * (1.0 + precision) < close;
        let below = |other: f64| close < other * (1.0 - precision);
        let extreme = [high.is_some_and(above), low.is_some_and(below)];
        Marks {
            moved: before.map(|before| [above(before), below(before)]),
            above_short,
            above_long,
            high_low: (YEAR <= self.seen).then_some(extreme),
        }
    }
}

/// A running average over a fixed number of closes.
#[derive(Clone, Copy, Debug)]
struct Average {
    window: usize,
    sum: f64,
}

impl Average {
    /// Adds the close at an index. Returns whether it is above the average, once there are enough
    /// closes.
    fn push(&mut self, close: f64, place: usize, recent: &[f64; KEPT]) -> Option<bool> {
        self.sum += close;
        if let Some(leaving) = place.checked_sub(self.window) {
            self.sum -= recent[leaving % KEPT];
        }
        let average = self.sum / self.window as f64;
        (self.window <= place + 1).then_some(average * (1.0 + DRIFT) < close)
    }
}

/// Candidates for the extreme of the 52-week window, in a monotonic queue: each is more extreme
/// than all that came after it, so the first is the extreme of the window.
#[derive(Clone, Debug)]
struct Extremes {
    window: VecDeque<(usize, f64)>,
}

impl Extremes {
    const fn new() -> Extremes {
        Extremes { window: VecDeque::new() }
    }

    /// Returns the most extreme of the 251 closes before an index, and adds the close at that
    /// index. `beats(held, new)` returns whether the new one is at least as extreme.
    fn push(&mut self, close: f64, place: usize, beats: impl Fn(f64, f64) -> bool) -> Option<f64> {
        while self.window.front().is_some_and(|(at, _)| at + YEAR <= place) {
            self.window.pop_front();
        }
        let before = self.window.front().map(|(_, close)| *close);
        while self.window.back().is_some_and(|(_, held)| beats(*held, close)) {
            self.window.pop_back();
        }
        self.window.push_back((place, close));
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stats::change::ROUNDING;

    fn marks(closes: &[f64]) -> Vec<Marks> {
        let mut run = Running::new();
        closes.iter().map(|close| run.push(*close, ROUNDING)).collect()
    }

    #[test]
    fn a_yearly_high_is_above_the_251_closes_before() {
        // A peak of 9 in the second row leaves the window of 252 at row 253.
        let mut closes = vec![5.0; 256];
        closes[1] = 9.0;
        closes[251] = 8.0;
        closes[252] = 8.5;
        closes[253] = 8.6;
        closes[254] = 4.0;
        let found: Vec<_> = marks(&closes).iter().map(|marks| marks.high_low).collect();
        assert_eq!(found[250], None, "251 closes are too few");
        assert_eq!(found[251], Some([false, false]), "9 is still in the window");
        assert_eq!(found[252], Some([false, false]), "still in the window: rows 1 to 252");
        assert_eq!(found[253], Some([true, false]));
        assert_eq!(found[254], Some([false, true]));
        assert_eq!(found[255], Some([false, false]));
    }

    #[test]
    fn an_average_includes_today_and_a_flat_line_is_not_above_it() {
        let mut closes = vec![100.1; 60];
        closes[55] = 100.2;
        let above: Vec<_> = marks(&closes).iter().map(|marks| marks.above_short).collect();
        assert_eq!((above[48], above[49]), (None, Some(false)));
        assert_eq!((above[54], above[55], above[56]), (Some(false), Some(true), Some(false)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn highs_and_lows_are_those_of_the_whole_window(
            // Few distinct closes, and long falls and rises: ties, and extremes that leave the
            // window.
            steps in prop::collection::vec((-3..4i32, 1..120usize), 3..30),
        ) {
            let mut closes = Vec::new();
            let mut level = 10_000;
            for (step, times) in steps {
                for _ in 0..times {
                    level += step;
                    closes.push(f64::from(level));
                }
            }
            for (at, marks) in marks(&closes).iter().enumerate() {
                let expected = (YEAR <= at + 1).then(|| {
                    let before = &closes[at + 1 - YEAR..at];
                    let high = before.iter().copied().fold(f64::MIN, f64::max);
                    let low = before.iter().copied().fold(f64::MAX, f64::min);
                    [high < closes[at], closes[at] < low]
                });
                prop_assert_eq!(marks.high_low, expected, "{}", at);
            }
        }
    }
}
