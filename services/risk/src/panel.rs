//! Total returns of every name over the latest sessions, in single precision, for replay.
//!
//! Each value is the name's own return, or zero; a bit per session records which.
//! [`crate::stand_in`] replaces the missing ones.

use rayon::prelude::*;
use std::ops::Range;

/// Returns by row: one row per name, one column per session.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Number of columns.
    pub width: usize,
    /// Rows one after the other; zero if the return is missing.
    values: Vec<f32>,
    /// One bit per session: whether the name has a return of its own.
    own: Vec<u64>,
    words: usize,
}

/// Source of a row.
#[derive(Clone, Debug)]
pub enum RowSource {
    /// Returns of all sessions, NaN if missing.
    Read(Vec<f64>),
    /// A row of an earlier panel, and the returns of the sessions after it, NaN if missing.
    Continued {
        /// Row number in the earlier panel.
        row: u32,
        /// Returns of the sessions that the earlier panel lacks.
        added: Vec<f64>,
    },
}

impl RowSource {
    /// The row of the earlier panel, if this one continues it.
    pub fn continued_row(&self) -> Option<u32> {
        match self {
            RowSource::Read(_) => None,
            RowSource::Continued { row, .. } => Some(*row),
        }
    }

    /// Whether any return remains after the first `dropped` sessions of the earlier panel are
    /// dropped.
    pub fn has_any(&self, before: &Panel, dropped: usize) -> bool {
        match self {
            RowSource::Read(returns) => returns.iter().any(|r| r.is_finite()),
            RowSource::Continued { row, added } => {
                let kept = dropped..before.width;
                before.absent(*row, kept.clone()) < kept.len()
                    || added.iter().any(|r| r.is_finite())
            }
        }
    }
}

impl Panel {
    /// A panel without rows.
    pub fn empty(width: usize) -> Panel {
        Panel { width, values: Vec::new(), own: Vec::new(), words: width.div_ceil(64) }
    }

    /// Builds a panel from rows. `before` is the panel that rows continue, and the number of its
    /// first sessions to drop.
    pub fn of(width: usize, rows: &[RowSource], before: Option<(&Panel, usize)>) -> Panel {
        let mut panel = Panel::empty(width);
        panel.values = vec![0.0; rows.len() * width];
        panel.own = vec![0; rows.len() * panel.words];
        let values = panel.values.par_chunks_mut(width.max(1));
        let own = panel.own.par_chunks_mut(panel.words.max(1));
        values.zip(own).zip(rows).for_each(|((values, own), row)| match (row, before) {
            (RowSource::Read(returns), _) => set(values, own, 0, returns),
            (RowSource::Continued { row, added }, Some((panel, dropped))) => {
                let kept = panel.width - dropped;
                values[..kept].copy_from_slice(&panel.row(*row)[dropped..]);
                for (word, first) in own.iter_mut().zip((dropped..panel.width).step_by(64)) {
                    *word = panel.own_bits(*row, first..panel.width.min(first + 64));
                }
                set(values, own, kept, added);
            }
            (RowSource::Continued { .. }, None) => {
                debug_assert!(false, "invariant: a continued row has a panel to continue");
            }
        });
        panel
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.values[..]) + size_of_val(&self.own[..])
    }

    /// The returns of a row, zero if missing.
    #[inline]
    pub fn row(&self, row: u32) -> &[f32] {
        &self.values[row as usize * self.width..][..self.width]
    }

    /// A row's return on a session; zero if missing.
    pub fn at(&self, row: u32, session: usize) -> f64 {
        f64::from(self.row(row)[session])
    }

    /// A row's return on a session. `None` if missing.
    pub fn own(&self, row: u32, session: usize) -> Option<f64> {
        (self.own_bits(row, session..session + 1) == 1).then(|| self.at(row, session))
    }

    /// A row over some sessions in double precision, NaN if missing.
    pub fn own_within(&self, row: u32, sessions: Range<usize>) -> Vec<f64> {
        let mut returns = Vec::with_capacity(sessions.len());
        for first in sessions.clone().step_by(64) {
            let chunk = first..sessions.end.min(first + 64);
            let bits = self.own_bits(row, chunk.clone());
            let values = &self.row(row)[chunk.clone()];
            let own = |at: usize| bits >> at & 1 == 1;
            let value =
                |(at, value): (usize, &f32)| if own(at) { f64::from(*value) } else { f64::NAN };
            returns.extend(values.iter().enumerate().map(value));
        }
        returns
    }

    /// The bit words of a row: bit `b` of word `w` is that of session `64·w + b`.
    pub fn words_of(&self, row: u32) -> &[u64] {
        &self.own[row as usize * self.words..(row as usize + 1) * self.words]
    }

    /// One bit for each of at most 64 sessions: whether the row has a return of its own.
    pub fn own_bits(&self, row: u32, sessions: Range<usize>) -> u64 {
        debug_assert!(sessions.len() <= 64 && sessions.end <= self.width, "invariant: one word");
        let word = row as usize * self.words + sessions.start / 64;
        let shift = sessions.start % 64;
        let mut bits = self.own[word] >> shift;
        if 64 < shift + sessions.len() {
            bits |= self.own[word + 1] << (64 - shift);
        }
        bits & mask(sessions.len())
    }

    /// Number of sessions of a range without a return of the row's own.
    pub fn absent(&self, row: u32, sessions: Range<usize>) -> usize {
        let chunks = sessions.clone().step_by(64).map(|at| at..sessions.end.min(at + 64));
        let own: u32 = chunks.map(|chunk| self.own_bits(row, chunk).count_ones()).sum();
        sessions.len() - own as usize
    }
}

/// Writes returns into a row, starting at a session.
fn set(values: &mut [f32], own: &mut [u64], first: usize, returns: &[f64]) {
    for (session, value) in (first..).zip(returns) {
        let value = *value as f32;
        if value.is_finite() {
            values[session] = value;
            own[session / 64] |= 1 << (session % 64);
        }
    }
}

/// A mask of the lowest `bits` bits, at most 64.
pub const fn mask(bits: usize) -> u64 {
    if bits < 64 { (1 << bits) - 1 } else { u64::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_found_across_words() {
        // In the second of two rows, every third of 200 sessions is missing.
        let returns: Vec<f64> =
            (0..200).map(|at| if at % 3 == 0 { f64::NAN } else { 0.5 }).collect();
        let rows = [vec![0.25; 200], returns].map(RowSource::Read);
        let panel = Panel::of(200, &rows, None);
        for (first, len) in [(0, 1), (0, 64), (60, 10), (63, 64), (64, 64), (136, 64), (199, 1)] {
            let bits = panel.own_bits(1, first..first + len);
            let absent = (first..first + len).filter(|at| at % 3 == 0).count();
            for at in 0..len {
                assert_eq!(bits >> at & 1 == 1, (first + at) % 3 != 0, "{first} {at}");
            }
            assert_eq!(panel.absent(1, first..first + len), absent);
            assert_eq!(panel.absent(0, first..first + len), 0);
        }
        assert_eq!(panel.absent(1, 5..200), 65);
        assert_eq!((panel.own(1, 3), panel.own(1, 4), panel.at(1, 3)), (None, Some(0.5), 0.0));
        assert_eq!(panel.own_within(1, 198..200)[1].to_bits(), 0.5_f64.to_bits());
    }

    #[test]
    fn a_continued_row_equals_one_read_whole() {
        // Widths on both sides of a word boundary, and gaps at the seam.
        let at = |session: usize| if session % 7 == 3 { f64::NAN } else { session as f64 };
        for (dropped, kept, added) in [(0, 60, 3), (1, 129, 1), (5, 64, 5), (70, 62, 2), (3, 1, 0)]
        {
            let old: Vec<f64> = (0..dropped + kept).map(at).collect();
            let new: Vec<f64> = (dropped..dropped + kept + added).map(at).collect();
            let before = Panel::of(old.len(), &[RowSource::Read(old)], None);
            let source = RowSource::Continued { row: 0, added: new[kept..].to_vec() };
            assert!(source.has_any(&before, dropped) == new.iter().any(|r| r.is_finite()));
            let continued = Panel::of(new.len(), &[source], Some((&before, dropped)));
            let read = Panel::of(new.len(), &[RowSource::Read(new)], None);
            assert_eq!((continued.row(0), &continued.own), (read.row(0), &read.own));
        }
    }
}
