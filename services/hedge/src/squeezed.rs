//! What is lost if shorts squeeze: by source of specific risk, with the convexity of options.
//!
//! A source whose names jump by θ loses (−θ·z − b)⁺, with z the money that loads on it and b what
//! options make beyond their delta at that jump. A line of loading l moves by l·θ. Options that
//! trade add to b in proportion to their money, those of the book itself a number, so the loss
//! stays convex in the trades: a bought put loses at most its premium, a written call more than its
//! delta.
//!
//! An option on a fund is on the sum of the moves of its members, and b is a sum by source. Its
//! convexity is not: that of a sum of rises is more than the sum of theirs. So what is written takes
//! the chord: of the loss beyond the delta, if the `count` members that move the fund most jump
//! together, each member has its part by its move. A convex function lies below its chord, so no
//! `count` members lose more than is counted. What is bought takes the convexity of each member
//! alone, which is no more than what it really makes; and since losses of members alone may add up
//! to more than the premium, they are cut in proportion until `count` of them cost the premium. Then
//! one member alone is counted for less than it costs, never all together.

use std::collections::BTreeMap;

/// Source and number, in ascending order of sources.
pub type BySource = Vec<(usize, f64)>;

/// What options make beyond their delta if a source is squeezed.
#[derive(Clone, Debug, PartialEq)]
pub struct SqueezedOptions {
    /// Of lines that are options, in ascending order: the line, and P&L by source per money of
    /// position, of what is bought.
    pub lines: Vec<(usize, BySource)>,
    /// Of those that may be written, in the same order: what a written one makes more than a bought
    /// one, per money of position. It counts where it is a loss, and has one sign.
    pub written: Vec<(usize, BySource)>,
    /// Of the options that are part of a line: the line, and P&L by source, in money.
    pub held: Vec<(usize, BySource)>,
}

impl SqueezedOptions {
    /// No options.
    pub const NONE: SqueezedOptions =
        SqueezedOptions { lines: Vec::new(), written: Vec::new(), held: Vec::new() };

    /// P&L beyond the delta by source, for positions by line in money; no other source has any.
    pub(crate) fn beyond(&self, positions: &[f64]) -> BTreeMap<usize, f64> {
        self.beyond_with(positions, &|_| true)
    }

    /// The same with what written options lose more for some lines only.
    pub(crate) fn beyond_with(
        &self,
        positions: &[f64],
        is_counted: &dyn Fn(usize) -> bool,
    ) -> BTreeMap<usize, f64> {
        let mut beyond = BTreeMap::new();
        let lines = self.lines.iter().map(|(line, by_source)| (positions[*line], by_source));
        let held = self.held.iter().map(|(_, by_source)| (1.0, by_source));
        for (position, by_source) in lines.chain(held) {
            for (source, pnl) in by_source {
                *beyond.entry(*source).or_default() += position * pnl;
            }
        }
        for (line, by_source) in self.written.iter().filter(|(line, _)| is_counted(*line)) {
            for (source, more) in by_source {
                *beyond.entry(*source).or_default() += (positions[*line] * more).min(0.0);
            }
        }
        beyond
    }

    /// What a step of a line in money from a position adds to that of a source.
    pub(crate) fn added(&self, line: usize, source: usize, (from, by): (f64, f64)) -> f64 {
        let more = of(&self.written, line, source);
        let written = |position: f64| (position * more).min(0.0);
        by * of(&self.lines, line, source) + (written(from + by) - written(from))
    }

    /// Whether all numbers are finite, of sources and lines that there are, in their orders.
    pub(crate) fn is_valid(&self, (lines, sources): (usize, usize)) -> bool {
        let is_valid = |(line, of): &(usize, BySource)| {
            *line < lines
                && of.iter().all(|(source, pnl)| *source < sources && pnl.is_finite())
                && of.is_sorted_by(|(a, _), (b, _)| a < b)
        };
        let has_one_sign = |(_, of): &(usize, BySource)| {
            of.iter().all(|(_, more)| 0.0 <= *more) || of.iter().all(|(_, more)| *more <= 0.0)
        };
        self.lines.iter().chain(&self.written).chain(&self.held).all(is_valid)
            && self.lines.is_sorted_by(|(a, _), (b, _)| a < b)
            && self.written.is_sorted_by(|(a, _), (b, _)| a < b)
            && self.written.iter().all(has_one_sign)
    }
}

/// The number of a line and a source, zero if it has none.
fn of(lines: &[(usize, BySource)], line: usize, source: usize) -> f64 {
    let at = lines.binary_search_by_key(&line, |(at, _)| *at);
    let of_line = at.map_or(&[][..], |at| &lines[at].1);
    let at = of_line.binary_search_by_key(&source, |(at, _)| *at);
    at.map_or(0.0, |at| of_line[at].1)
}

/// A bought option, as moves of what it is on value it.
pub(crate) struct Bought<'a> {
    /// What its delta makes of a return of one.
    pub(crate) exposure: f64,
    /// What it is worth, which is all that it can lose.
    pub(crate) premium: f64,
    /// What it makes beyond its delta at a return: convex, and zero at zero.
    pub(crate) beyond: &'a dyn Fn(f64) -> f64,
}

impl Bought<'_> {
    /// What it makes beyond its delta by source, given the moves of what it is on if one source
    /// jumps, none of them zero, of which `count` may jump together.
    pub(crate) fn made(&self, moves: &[(usize, f64)], count: usize) -> BySource {
        // A rise and a fall together may make less than each alone, but not less than the delta.
        let is_one_way = moves.iter().all(|(_, r)| 0.0 < *r) || moves.iter().all(|(_, r)| *r < 0.0);
        let alone = |r: f64| if is_one_way { (self.beyond)(r) } else { 0.0 };
        let mut made: BySource = moves.iter().map(|(source, r)| (*source, alone(*r))).collect();
        // A name by itself takes no more than the premium.
        if moves.len() < 2 {
            return made;
        }
        let lost = |r: f64, made: f64| (-(self.exposure * r + made)).max(0.0);
        let both = || moves.iter().zip(&made).map(|((_, r), (_, made))| lost(*r, *made));
        let sum = worst(both().collect(), count);
        if self.premium < sum {
            let cut = 1.0 - self.premium / sum;
            let gains: Vec<f64> = both().map(|lost| cut * lost).collect();
            made.iter_mut().zip(gains).for_each(|((_, made), gain)| *made += gain);
        }
        made
    }
}

/// What a written option makes beyond its delta by source, as [`Bought::made`] has it, given that at
/// a return; or what a bought one would, if it is to bound a written one.
pub(crate) fn chord(moves: &[(usize, f64)], count: usize, beyond: &dyn Fn(f64) -> f64) -> BySource {
    let mut sorted: Vec<f64> = moves.iter().map(|(_, r)| *r).collect();
    sorted.sort_by(f64::total_cmp);
    let fall = sorted.iter().take(count).fold(0.0, |sum, r| sum + r.min(0.0));
    let rise = sorted.iter().rev().take(count).fold(0.0, |sum, r| sum + r.max(0.0));
    let at = |joint: f64| if 0.0 < joint.abs() { beyond(joint) } else { 0.0 };
    let (of_fall, of_rise) = (at(fall), at(rise));
    let part = |r: f64| if 0.0 < r { of_rise * (r / rise) } else { of_fall * (r / fall) };
    moves.iter().map(|(source, r)| (*source, part(*r))).collect()
}

/// The loss by source: θ, z, and b where it is not zero.
pub(crate) fn losses(thetas: &[f64], z: &[f64], beyond: &BTreeMap<usize, f64>) -> Vec<f64> {
    let both = thetas.iter().zip(z).enumerate();
    both.map(|(source, (theta, z))| loss(*theta, *z, beyond.get(&source).copied().unwrap_or(0.0)))
        .collect()
}

/// The loss of a source.
pub(crate) fn loss(theta: f64, z: f64, beyond: f64) -> f64 {
    (theta * -z - beyond).max(0.0)
}

/// The sum of the largest losses.
pub(crate) fn worst(mut losses: Vec<f64>, count: usize) -> f64 {
    losses.sort_by(|a, b| b.total_cmp(a));
    losses.iter().take(count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use portfolio::option::{OptionModel, Right};
    use proptest::prelude::*;

    const PRICE: f64 = 100.0;
    const YEARS: f64 = 7.0 / 365.0;

    fn model(right: Right, strike: f64) -> OptionModel {
        OptionModel { right, strike, volatility: 0.2, rate: 0.0, dividend_yield: 0.0 }
    }

    /// What an option makes beyond its delta, its delta in money and its premium.
    fn valued(model: OptionModel) -> (impl Fn(f64) -> f64, f64, f64) {
        let premium = model.value(PRICE, YEARS);
        let exposure = PRICE * model.sensitivities(PRICE, YEARS).delta;
        let made = move |r: f64| model.value(PRICE * (1.0 + r), YEARS) - premium;
        (move |r| made(r) - exposure * r, exposure, premium)
    }

    /// What is lost if some sources jump, as counted.
    fn lost(exposure: f64, moves: &[(usize, f64)], beyond: &[(usize, f64)]) -> f64 {
        moves.iter().zip(beyond).map(|((_, r), (_, b))| -(exposure * r + b)).sum()
    }

    fn near(value: f64, expected: f64) {
        assert!((value - expected).abs() <= 1e-6, "{value} is not {expected}");
    }

    /// Three members of 9 % that jump by 15 %, each 1.35 % of the fund. By the formula of Black and
    /// Scholes with erfc of C: a call at 103 loses 1.53900224 at 4.05 % and 0.28486710 at 1.35 %; a
    /// put at 100 costs 1.10491474, and loses 0.53966620 at 1.35 %.
    #[test]
    fn options_on_a_fund_of_three_by_hand() {
        let moves = [(0, 0.0135), (1, 0.0135), (2, 0.0135)];
        let (beyond, exposure, _) = valued(model(Right::Call, 103.0));
        let written = chord(&moves, 3, &|r| -beyond(r));
        near(lost(-exposure, &moves, &written), 1.53900224);
        near(lost(-exposure, &moves[..1], &written[..1]), 1.53900224 / 3.0);
        // A name has all of its own.
        let alone = chord(&moves[..1], 3, &|r| -beyond(r));
        near(lost(-exposure, &moves[..1], &alone), 0.28486710);

        let (beyond, exposure, premium) = valued(model(Right::Put, 100.0));
        let bought = Bought { exposure, premium, beyond: &beyond };
        near(premium, 1.10491474);
        near(lost(exposure, &moves, &bought.made(&moves, 3)), premium);
        near(lost(exposure, &moves[..1], &bought.made(&moves, 3)[..1]), premium / 3.0);
        near(lost(exposure, &moves[..1], &bought.made(&moves[..1], 3)), 0.53966620);
        // Two of them cost less than the premium: nothing is cut.
        near(lost(exposure, &moves, &bought.made(&moves[..2], 3)), 2.0 * 0.53966620);
    }

    /// Every set of at most `count` members, of twelve at most.
    fn sets(members: usize, count: usize) -> impl Iterator<Item = Vec<usize>> {
        let has = |set: u32, member: &usize| set >> member & 1 == 1;
        let of = move |set: u32| (0..members).filter(|m| has(set, m)).collect::<Vec<usize>>();
        (0..1_u32 << members).map(of).filter(move |set| set.len() <= count)
    }

    proptest! {
        /// Whatever members jump, what is written loses no more than is counted, what is bought
        /// makes no less unless it is cut, and costs at most its premium. Some members may fall.
        #[test]
        fn no_members_lose_more_than_is_counted(
            mut rises in proptest::collection::vec(0.0005_f64..0.08, 1..8),
            falls in 0_usize..2,
            (strike, is_put) in (85.0_f64..115.0, any::<bool>()),
            count in 1_usize..5,
        ) {
            rises.iter_mut().skip(1).take(falls).for_each(|rise| *rise = -*rise);
            let moves: Vec<(usize, f64)> = rises.iter().copied().enumerate().collect();
            let right = if is_put { Right::Put } else { Right::Call };
            let (beyond, exposure, premium) = valued(model(right, strike));
            let written = chord(&moves, count, &|r| -beyond(r));
            let bought = Bought { exposure, premium, beyond: &beyond }.made(&moves, count);
            // Where some rise and some fall, each counts by its delta.
            let of_one = if moves.iter().all(|(_, r)| 0.0 < *r) { 1.0 } else { 0.0 };
            let alone = |r: f64| (-exposure * r - of_one * beyond(r)).max(0.0);
            let alone: f64 = moves.iter().map(|(_, r)| alone(*r)).sum();
            for set in sets(moves.len(), count) {
                let of = |values: &[(usize, f64)]| -> Vec<(usize, f64)> {
                    set.iter().map(|at| values[*at]).collect()
                };
                let some = of(&moves);
                let joint: f64 = some.iter().map(|(_, r)| r).sum();
                let really = exposure * joint + beyond(joint);
                prop_assert!(really - 1e-9 <= lost(-exposure, &some, &of(&written)));
                let counted = lost(exposure, &some, &of(&bought));
                prop_assert!(counted <= premium + 1e-9);
                if alone <= premium {
                    prop_assert!(-really - 1e-9 <= counted);
                }
            }
        }
    }

    /// A written part counts where it is a loss, and a step through zero has both parts.
    #[test]
    fn a_step_adds_what_the_position_after_it_has_more() {
        let options = SqueezedOptions {
            lines: vec![(0, vec![(0, 0.1)]), (1, vec![(0, -0.2)])],
            written: vec![(0, vec![(0, 0.3)]), (1, vec![(0, -0.5)])],
            held: Vec::new(),
        };
        assert!(options.is_valid((2, 1)));
        let of = |positions: [f64; 2]| options.beyond(&positions)[&0];
        near(of([10.0, -10.0]), 3.0);
        near(of([-10.0, 10.0]), -3.0 - 8.0);
        for (from, by) in [(10.0, -20.0), (-10.0, 15.0), (-10.0, 5.0), (3.0, 4.0)] {
            near(options.added(0, 0, (from, by)), of([from + by, 0.0]) - of([from, 0.0]));
            near(options.added(1, 0, (from, by)), of([0.0, from + by]) - of([0.0, from]));
        }
        let two_signs = vec![(0, vec![(0, 0.3), (1, -0.1)])];
        assert!(!SqueezedOptions { written: two_signs, ..options }.is_valid((2, 2)));
    }
}
