//! One line's closes against their averages and yearly extremes, close by close.

use std::collections::VecDeque;

/// Sessions of the short average.
pub(crate) const SHORT_AVERAGE: usize = 50;
/// Sessions of the long average.
pub(crate) const LONG_AVERAGE: usize = 200;
/// Sessions of a yearly high or low.
pub(crate) const YEAR: usize = 252;
/// A running sum of closes drifts by rounding, relative to the largest closes it once held: a close
/// this little above the average is not above it.
const DRIFT: f64 = 1e-9;
/// Closes kept: those of the longest average and the one that leaves it, rounded up to a power of two.
const KEPT: usize = 256;

/// What a close is against those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Whether it is above the close before, and below it; none for the first of a run.
    pub(crate) moved: Option<[bool; 2]>,
    /// Whether it is above its average of 50 closes; none with fewer.
    pub(crate) above_short: Option<bool>,
    /// Whether it is above its average of 200 closes; none with fewer.
    pub(crate) above_long: Option<bool>,
    /// Whether it is above all of the 251 closes before, and below all of them; none with fewer.
    pub(crate) high_low: Option<[bool; 2]>,
}

/// A run of closes in one unit, as far as it was followed. What follows depends on it alone, so that
/// a run that is continued gives the same marks as one that is followed from its start.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    /// Closes so far.
    seen: usize,
    /// The last closes, each at its place modulo [`KEPT`].
    recent: Box<[f64; KEPT]>,
    short: Average,
    long: Average,
    highs: Extremes,
    lows: Extremes,
}

impl Running {
    /// A run without closes.
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

    /// Begins a new run: no known factor joins the next close to those before.
    pub(crate) fn restart(&mut self) {
        *self = Running::new();
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        let entries = self.highs.window.capacity() + self.lows.window.capacity();
        size_of::<[f64; KEPT]>() + entries * size_of::<(usize, f64)>()
    }

    /// Takes a close in; a relative difference within `precision` is none.
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

/// A running average of the last so many closes.
#[derive(Clone, Copy, Debug)]
struct Average {
    window: usize,
    sum: f64,
}

impl Average {
    /// Takes the close of a place in; whether it is above the average, once there are enough closes.
    fn push(&mut self, close: f64, place: usize, recent: &[f64; KEPT]) -> Option<bool> {
        self.sum += close;
        if let Some(leaving) = place.checked_sub(self.window) {
            self.sum -= recent[leaving % KEPT];
        }
        let average = self.sum / self.window as f64;
        (self.window <= place + 1).then_some(average * (1.0 + DRIFT) < close)
    }
}

/// The closes of the yearly window that may yet be its most extreme, in a monotonic queue: each is
/// more extreme than all that came after it, so that the first is the extreme of all.
#[derive(Clone, Debug)]
struct Extremes {
    window: VecDeque<(usize, f64)>,
}

impl Extremes {
    const fn new() -> Extremes {
        Extremes { window: VecDeque::new() }
    }

    /// The most extreme of the 251 closes before a place; takes the close of the place in.
    /// `beats(held, new)` says whether the new one is at least as extreme.
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
        // A peak of 9 on the second row leaves the window of 252 on row 253.
        let mut closes = vec![5.0; 256];
        closes[1] = 9.0;
        closes[251] = 8.0;
        closes[252] = 8.5;
        closes[253] = 8.6;
        closes[254] = 4.0;
        let found: Vec<_> = marks(&closes).iter().map(|marks| marks.high_low).collect();
        assert_eq!(found[250], None, "251 closes are no year");
        assert_eq!(found[251], Some([false, false]), "9 is still in the window");
        assert_eq!(found[252], Some([false, false]), "and so it is here: rows 1 to 252");
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
            // Few distinct closes, long falls and rises: ties and extremes that leave the window.
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
