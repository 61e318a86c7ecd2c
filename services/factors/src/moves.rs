//! Changes that record the day on which they begin, so that two are combined only over the same
//! sessions.
//!
//! A change known only by its last day may have begun any time before: after a halt, a gap in a
//! file, or a holiday of one market. Subtracting two such changes can compare a day with a week.

use marketdata::{day::Day, snapshot::Series};

/// Simple returns, each from one close to another; last days strictly ascending.
#[derive(Clone, Debug, PartialEq)]
pub struct Moves {
    /// The day of the close on which each return begins.
    pub from: Vec<Day>,
    /// The day of the close on which each return ends.
    pub to: Vec<Day>,
    /// Simple returns, decimals.
    pub values: Vec<f64>,
}

impl Moves {
    /// No moves.
    pub const fn empty() -> Moves {
        Moves { from: Vec::new(), to: Vec::new(), values: Vec::new() }
    }

    /// No moves, with room for some.
    pub fn with_capacity(count: usize) -> Moves {
        let days = || Vec::with_capacity(count);
        Moves { from: days(), to: days(), values: Vec::with_capacity(count) }
    }

    /// Appends a later move.
    pub fn push(&mut self, from: Day, to: Day, value: f64) {
        debug_assert!(self.to.last().is_none_or(|last| *last < to), "invariant: last days ascend");
        self.from.push(from);
        self.to.push(to);
        self.values.push(value);
    }

    /// Each move with its days, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (Day, Day, f64)> + '_ {
        let days = self.from.iter().zip(&self.to);
        days.zip(&self.values).map(|((from, to), value)| (*from, *to, *value))
    }

    /// Growth over `horizon` consecutive moves, compounded. If a move does not begin at the close
    /// where the previous one ends, no growth spans the gap.
    pub fn compounded(&self, horizon: usize) -> Moves {
        let mut compounded = Moves::with_capacity(self.to.len());
        // Growth since the last gap after each move, and the number of moves since then.
        let mut wealth = Vec::with_capacity(self.to.len() + 1);
        wealth.push(1.0);
        let mut run = 0;
        for (at, (from, to, value)) in self.iter().enumerate() {
            if at.checked_sub(1).is_some_and(|before| self.to[before] != from) {
                wealth.truncate(1);
                run = 0;
            }
            wealth.push(wealth[run] * (1.0 + value));
            run += 1;
            let Some(start) = run.checked_sub(horizon).filter(|_| 0 < horizon) else { continue };
            let growth = stats::change::growth(wealth[start], wealth[run]);
            if growth.is_finite() {
                compounded.push(self.from[at + 1 - horizon], to, growth);
            }
        }
        compounded
    }

    /// These moves minus others, if both begin and end on the same days; and the number of days on
    /// which both end but only one of them begins.
    pub fn less(&self, other: &Moves) -> (Moves, usize) {
        let mut spread = Moves::with_capacity(self.to.len());
        let (mut at, mut unlike) = (0, 0);
        for (from, to, value) in self.iter() {
            at += other.to[at..].iter().take_while(|day| **day < to).count();
            match other.to.get(at) {
                Some(day) if *day == to && other.from[at] == from => {
                    spread.push(from, to, stats::change::spread(value, other.values[at]));
                }
                Some(day) if *day == to => unlike += 1,
                _ => {}
            }
        }
        (spread, unlike)
    }

    /// The mean of moves over single sessions, for sessions on which at least `least` of them have
    /// a move. A session is a day on which a move ends; its moves begin on the session before.
    pub fn mean(all: &[Moves], least: usize) -> Moves {
        let ends = all.iter().flat_map(|moves| moves.to.iter().chain(moves.from.first()));
        let mut days: Vec<Day> = ends.copied().collect();
        // A few ascending runs, which this sort merges.
        days.sort();
        days.dedup();
        let mut sums = vec![(0.0, 0_usize); days.len()];
        for moves in all {
            let mut at = 0;
            for (from, to, value) in moves.iter() {
                at += days[at..].iter().take_while(|day| **day < to).count();
                if at.checked_sub(1).is_some_and(|before| days[before] == from) {
                    let (sum, count) = &mut sums[at];
                    (*sum, *count) = (*sum + value, *count + 1);
                }
            }
        }
        let mut mean = Moves::with_capacity(days.len());
        for (days, (sum, count)) in days.windows(2).zip(&sums[sums.len().min(1)..]) {
            if least.max(1) <= *count {
                mean.push(days[0], days[1], sum / *count as f64);
            }
        }
        mean
    }

    /// Memory held outside of itself, in bytes.
    pub fn heap_bytes(&self) -> usize {
        (self.from.capacity() + self.to.capacity()) * size_of::<Day>()
            + self.values.capacity() * size_of::<f64>()
    }

    /// The values by the day on which they end.
    pub fn into_series(self) -> Series {
        Series { days: self.to, values: self.values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn moves(steps: &[(i32, i32, f64)]) -> Moves {
        let mut moves = Moves::empty();
        for (from, to, value) in steps {
            moves.push(Day::from_epoch(*from), Day::from_epoch(*to), *value);
        }
        moves
    }

    fn ends(moves: &Moves) -> Vec<(i32, i32)> {
        moves.iter().map(|(from, to, _)| (from.epoch(), to.epoch())).collect()
    }

    #[test]
    fn no_growth_spans_a_gap() {
        let daily = moves(&[(1, 2, 0.1), (2, 3, -0.5), (4, 5, 0.2), (5, 6, 0.5), (6, 7, 0.0)]);
        let two = daily.compounded(2);
        assert_eq!(ends(&two), [(1, 3), (4, 6), (5, 7)]);
        // 1.1 · 0.5, 1.2 · 1.5, 1.5 · 1
        for (found, expected) in two.values.iter().zip([-0.45, 0.8, 0.5]) {
            assert!((found - expected).abs() < 1e-12);
        }
        assert_eq!(ends(&daily.compounded(4)), []);
        assert_eq!(daily.compounded(1).to, daily.to);
    }

    #[test]
    fn a_spread_begins_and_ends_on_the_same_days() {
        let one = moves(&[(1, 2, 0.1), (2, 4, 0.3), (4, 5, 0.2)]);
        let other = moves(&[(1, 2, 0.04), (2, 3, 0.1), (3, 4, 0.1), (4, 5, 0.2)]);
        let (spread, unlike) = one.less(&other);
        assert_eq!((ends(&spread), unlike), (vec![(1, 2), (4, 5)], 1));
        assert!((spread.values[0] - 0.06).abs() < 1e-12);
        assert_eq!(spread.values[1].to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn a_mean_needs_enough_moves_in_the_session() {
        let all = [
            moves(&[(1, 2, 0.1), (2, 3, 0.1), (3, 4, 0.1)]),
            moves(&[(1, 3, 0.9), (3, 4, 0.3)]),
            moves(&[(2, 3, 0.3), (3, 4, 0.2)]),
        ];
        let mean = Moves::mean(&all, 2);
        // Session 2 has one move of three; the second's move to 3 spans two sessions.
        assert_eq!(ends(&mean), [(2, 3), (3, 4)]);
        assert!((mean.values[0] - 0.2).abs() < 1e-12 && (mean.values[1] - 0.2).abs() < 1e-12);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn compounded_moves_equal_changes_of_wealth(
            steps in prop::collection::vec((-0.2..0.25f64, 0..8u8), 1..40),
            horizon in 1usize..6,
        ) {
            // A gap after one step in eight.
            let mut day = 0;
            let mut daily = Moves::empty();
            for (value, hole) in &steps {
                day += i32::from(*hole == 0);
                daily.push(Day::from_epoch(day), Day::from_epoch(day + 1), *value);
                day += 1;
            }
            let found = daily.compounded(horizon);
            let windows = daily.from.windows(horizon).enumerate();
            let expected: Vec<f64> = windows
                .filter(|(at, from)| {
                    from.iter().skip(1).zip(&daily.to[*at..]).all(|(from, to)| from == to)
                })
                .map(|(at, _)| {
                    daily.values[at..at + horizon].iter().map(|r| 1.0 + r).product::<f64>() - 1.0
                })
                .collect();
            prop_assert_eq!(found.values.len(), expected.len());
            for (a, b) in found.values.iter().zip(&expected) {
                prop_assert!((a - b).abs() < 1e-10);
            }
        }
    }
}
