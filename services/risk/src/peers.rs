//! Peers whose residuals may replace those of a name: same size and sector first, then wider
//! groups.

use crate::{
    anchor::Anchor,
    drivers::Drivers,
    name::{NONE, NameRow},
    panel::{Panel, mask},
};
use factors::size::SizeBucket;
use marketdata::day::Day;
use std::{collections::BTreeMap, iter, ops::Range, sync::Arc};

/// Minimum number of donors to choose from. With fewer, the draws would be too similar and look too
/// certain.
pub const DONORS_MIN: usize = 10;

/// Maximum ratio, either way, between the residual deviations of a donor and of the name, if the
/// latter is known. Beyond it, scaling would turn the donor's quiet days into extreme ones.
const DEVIATION_RATIO_MAX: f64 = 4.0;

/// What replacements for missing returns are made from: betas and drivers as of the end of the
/// previous month, and the possible donors.
///
/// Donors are numbered in order of their residual deviation, so that those comparable to a name
/// form a range. Sets of donors are bits in that order. The donors with returns on several days are
/// the intersection of the sets of these days, computed 64 donors at a time.
#[derive(Debug)]
pub struct Peers {
    /// With the betas of the anchor, so that replacements do not change with the settings of a
    /// request.
    pub names: Arc<Vec<NameRow>>,
    /// Returns of the market and of size, one value per session, zero if missing.
    drivers: [Vec<f64>; 2],
    /// Robust residual deviation by row of the panel, a decimal per day; zero if unknown.
    pub deviations: Vec<f64>,
    /// Betas to market and size by row of the panel.
    betas: Vec<[f64; 2]>,
    /// The calendar months of the panel.
    pub blocks: Vec<Block>,
    /// Rows of the donors by ascending residual deviation, ties in the order of names.
    donors: Vec<u32>,
    groups: BTreeMap<Group, Vec<u64>>,
    /// Session by session, the set of donors with a return of their own.
    present: Vec<u64>,
    /// Number of donors with a return, by session.
    counts: Vec<usize>,
    /// Number of 64-bit words per set.
    words: usize,
}

/// Companies of a size and a sector; `None` and [`NONE`] mean any.
type Group = (Option<SizeBucket>, u32);

/// The sessions of a calendar month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Months since the year 0.
    pub month: u32,
    pub sessions: Range<usize>,
}

/// Requirements for a donor of one name.
#[derive(Clone, Debug)]
pub struct Wanted {
    bucket: Option<SizeBucket>,
    sector: u32,
    /// Range of donors whose residual deviation is comparable to the name's.
    comparable: Range<usize>,
}

/// Donors found by a search, with buffers reused from search to search.
#[derive(Debug)]
pub struct Found {
    /// Comparable donors that have returns on all of the days.
    present: Vec<u64>,
    /// Those of them in the chosen group.
    chosen: Vec<u64>,
    /// Cumulative number of chosen donors at the end of each word.
    up_to: Vec<usize>,
    /// Whether there were too few peers of its own size and sector.
    pub widened: bool,
}

impl Found {
    pub const fn nothing() -> Found {
        Found { present: Vec::new(), chosen: Vec::new(), up_to: Vec::new(), widened: false }
    }
}

impl Peers {
    /// `names` are by instrument number; `donors` are the possible donors, in the order of names.
    pub fn of(
        names: Arc<Vec<NameRow>>,
        anchor: &Anchor,
        mut donors: Vec<NameRow>,
        (panel, days): (&Panel, &[Day]),
    ) -> Peers {
        let deviations: Vec<f64> =
            anchor.fits.iter().map(|fit| fit.residual_sd.unwrap_or(0.0)).collect();
        let deviation = |name: &NameRow| deviations[name.row as usize];
        donors.retain(|name| 0.0 < deviation(name));
        donors.sort_by(|a, b| deviation(a).total_cmp(&deviation(b)));
        let words = donors.len().div_ceil(64);
        let mut betas = vec![[0.0; 2]; deviations.len()];
        let mut groups: BTreeMap<Group, Vec<u64>> = BTreeMap::new();
        for (at, name) in donors.iter().enumerate() {
            betas[name.row as usize] = [name.market, name.size];
            for group in levels(name.bucket, name.sector) {
                groups.entry(group).or_insert_with(|| vec![0; words])[at / 64] |= 1 << (at % 64);
            }
        }
        let donors: Vec<u32> = donors.iter().map(|name| name.row).collect();
        let present = by_session(panel, &donors, days.len());
        let count = |session: usize| {
            let words = &present[session * words..(session + 1) * words];
            words.iter().map(|word| word.count_ones() as usize).sum()
        };
        let counts = (0..days.len()).map(count).collect();
        let drivers = [&anchor.drivers.market, &anchor.drivers.size].map(|driver| {
            let on = |session| Drivers::on(driver.as_ref(), session);
            (0..days.len()).map(on).collect()
        });
        let blocks = blocks(days);
        Peers { names, drivers, deviations, betas, blocks, donors, groups, present, counts, words }
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.present[..])
            + size_of_val(&self.deviations[..])
            + size_of_val(&self.betas[..])
            + size_of_val(&self.donors[..])
            + size_of_val(&self.counts[..])
            + self.drivers.iter().map(|driver| size_of_val(&driver[..])).sum::<usize>()
            + self.groups.len() * self.words * size_of::<u64>()
    }

    /// Requirements for a name's donors. `deviation` is that of its residuals, zero if unknown.
    pub fn wanted(&self, name: &NameRow, deviation: f64) -> Wanted {
        let of = |row: &u32| self.deviations[*row as usize];
        let comparable = if 0.0 < deviation {
            let start =
                self.donors.partition_point(|row| DEVIATION_RATIO_MAX * of(row) < deviation);
            let end = self.donors.partition_point(|row| of(row) <= DEVIATION_RATIO_MAX * deviation);
            start..end.max(start)
        } else {
            0..self.donors.len()
        };
        Wanted { bucket: name.bucket, sector: name.sector, comparable }
    }

    /// The subset of `bits`, sessions of a range that starts at `first`, on which enough donors of
    /// any group have a return.
    pub fn drawable(&self, first: usize, bits: u64) -> u64 {
        let enough = |at: &usize| DONORS_MIN <= self.counts[first + at];
        places(bits).filter(enough).fold(0, |kept, at| kept | 1 << at)
    }

    /// Finds the donors that have returns of their own on all of the given sessions. Widens the
    /// group until there are enough; returns false if there never are.
    pub fn find(&self, wanted: &Wanted, first: usize, bits: u64, found: &mut Found) -> bool {
        let range = &wanted.comparable;
        let words = range.start / 64..range.end.div_ceil(64);
        found.present.clear();
        found.present.resize(words.len(), u64::MAX);
        if let Some(word) = found.present.first_mut() {
            *word &= !mask(range.start % 64);
        }
        if let Some(word) = found.present.last_mut().filter(|_| !range.end.is_multiple_of(64)) {
            *word &= mask(range.end % 64);
        }
        for at in places(bits) {
            let start = (first + at) * self.words;
            let of_day = &self.present[start + words.start..start + words.end];
            found.present.iter_mut().zip(of_day).for_each(|(all, day)| *all &= day);
        }
        let narrow = wanted.bucket.is_some() && wanted.sector != NONE;
        for (at, group) in levels(wanted.bucket, wanted.sector).iter().enumerate() {
            let Some(members) = self.groups.get(group) else { continue };
            found.choose(&members[words.clone()]);
            if DONORS_MIN <= found.count() {
                found.widened = !(narrow && at == 0);
                return true;
            }
        }
        false
    }

    /// The row of one of the donors found, by its index among them.
    pub fn row(&self, wanted: &Wanted, found: &Found, place: usize) -> u32 {
        self.donors[wanted.comparable.start / 64 * 64 + found.nth(place)]
    }

    /// A donor's residual: its return less what its betas explain.
    pub fn residual(&self, panel: &Panel, row: u32, session: usize) -> f64 {
        let [market, size] = self.betas[row as usize];
        panel.at(row, session) - self.implied_return([market, size], session)
    }

    /// The residuals on consecutive sessions.
    pub fn residuals<'a>(
        &'a self,
        panel: &'a Panel,
        row: u32,
        sessions: Range<usize>,
    ) -> impl Iterator<Item = f64> + 'a {
        let [market, size] = self.betas[row as usize];
        let returns = &panel.row(row)[sessions.clone()];
        let [markets, sizes] = &self.drivers;
        let made = markets[sessions.clone()].iter().zip(&sizes[sessions]);
        let made = made.map(move |(m, s)| market * m + size * s);
        returns.iter().zip(made).map(|(own, made)| f64::from(*own) - made)
    }

    /// The return that the given betas imply on a session.
    pub fn implied_return(&self, [market, size]: [f64; 2], session: usize) -> f64 {
        market * self.drivers[0][session] + size * self.drivers[1][session]
    }
}

impl Found {
    /// Number of donors found.
    pub fn count(&self) -> usize {
        self.up_to.last().copied().unwrap_or(0)
    }

    fn choose(&mut self, members: &[u64]) {
        let both = self.present.iter().zip(members).map(|(present, member)| present & member);
        self.chosen.clear();
        self.chosen.extend(both);
        self.up_to.clear();
        let mut count = 0;
        self.up_to.extend(self.chosen.iter().map(|word| {
            count += word.count_ones() as usize;
            count
        }));
    }

    /// Position of the set bit that `place` others precede.
    fn nth(&self, place: usize) -> usize {
        debug_assert!(place < self.count(), "invariant: a place among those found");
        let at = self.up_to.partition_point(|up_to| *up_to <= place);
        let mut word = self.chosen[at];
        for _ in self.up_to[at] - word.count_ones() as usize..place {
            word &= word - 1;
        }
        at * 64 + word.trailing_zeros() as usize
    }
}

/// Positions of the set bits of a word, in ascending order.
pub fn places(mut bits: u64) -> impl Iterator<Item = usize> {
    iter::from_fn(move || {
        let at = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
        bits &= bits - 1;
        Some(at)
    })
}

/// Session by session, one bit for each donor that has a return of its own.
fn by_session(panel: &Panel, donors: &[u32], sessions: usize) -> Vec<u64> {
    let words = donors.len().div_ceil(64);
    let mut present = vec![0; sessions * words];
    for (at, donors) in donors.chunks(64).enumerate() {
        for first in (0..sessions).step_by(64) {
            let mut square = [0; 64];
            for (bits, row) in square.iter_mut().zip(donors) {
                *bits = panel.words_of(*row)[first / 64];
            }
            transpose(&mut square);
            for (session, bits) in (first..sessions).zip(square) {
                present[session * words + at] = bits;
            }
        }
    }
    present
}

/// Transposes a bit matrix: bit `b` of word `w` becomes bit `w` of word `b`. Blocks of half the
/// size are exchanged across the diagonal, then of a quarter, down to single bits (Warren, Hacker's
/// Delight, 7-3).
fn transpose(square: &mut [u64; 64]) {
    let (mut half, mut low) = (32, u64::from(u32::MAX));
    while half != 0 {
        for at in (0..64).filter(|at| at & half == 0) {
            let swapped = (square[at] >> half ^ square[at + half]) & low;
            square[at] ^= swapped << half;
            square[at + half] ^= swapped;
        }
        half /= 2;
        low ^= low << half;
    }
}

/// Groups from the narrowest to all donors.
fn levels(bucket: Option<SizeBucket>, sector: u32) -> [Group; 4] {
    [(bucket, sector), (bucket, NONE), (None, sector), (None, NONE)]
}

fn blocks(days: &[Day]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for (at, day) in days.iter().enumerate() {
        let (year, month, _) = day.ymd();
        let month = (year * 12) as u32 + month;
        match blocks.last_mut().filter(|block| block.month == month) {
            Some(block) => block.sessions.end = at + 1,
            None => blocks.push(Block { month, sessions: at..at + 1 }),
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transposed_square_has_rows_for_columns() {
        let word = |at: u64| at.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ at << 7;
        let before: [u64; 64] = std::array::from_fn(|at| word(at as u64 + 1));
        let mut after = before;
        transpose(&mut after);
        for (row, bits) in before.iter().enumerate() {
            for (column, other) in after.iter().enumerate() {
                assert_eq!(bits >> column & 1, other >> row & 1, "{row} {column}");
            }
        }
    }
}
