//! Total returns of every name over the latest sessions, in single precision, ready to be replayed.
//!
//! A return is the name's own or zero; which ones are its own is kept. What answers for the others is
//! [`crate::stand_in`]'s.

use std::ops::Range;

/// Returns by row, a row a name, a column a session.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) width: usize,
    pub(crate) values: Vec<f32>,
    /// A bit a session: whether the return is the name's own.
    own: Vec<u64>,
    words: usize,
}

impl Panel {
    pub(crate) fn empty(width: usize) -> Panel {
        Panel { width, values: Vec::new(), own: Vec::new(), words: width.div_ceil(64) }
    }

    /// Adds a row of returns, NaN where absent.
    pub(crate) fn push(&mut self, returns: &[f64]) {
        debug_assert_eq!(returns.len(), self.width, "invariant: one value a session");
        let start = self.own.len();
        self.own.resize(start + self.words, 0);
        for (session, _) in returns.iter().enumerate().filter(|(_, v)| v.is_finite()) {
            self.own[start + session / 64] |= 1 << (session % 64);
        }
        self.values.extend(returns.iter().map(|r| if r.is_finite() { *r as f32 } else { 0.0 }));
    }

    /// Adds the rows of another panel of the same width.
    pub(crate) fn append(&mut self, other: &Panel) {
        debug_assert_eq!(self.width, other.width, "invariant: panels of one calendar");
        self.values.extend_from_slice(&other.values);
        self.own.extend_from_slice(&other.own);
    }

    /// A row's return of a session; zero where it is not its own.
    pub(crate) fn at(&self, row: u32, session: usize) -> f64 {
        f64::from(self.values[row as usize * self.width + session])
    }

    /// A row's return of a session where it is its own.
    pub(crate) fn own(&self, row: u32, session: usize) -> Option<f64> {
        (self.own_bits(row, session..session + 1) == 1).then(|| self.at(row, session))
    }

    /// A row in double precision from a session on, NaN where it is not its own.
    pub(crate) fn own_since(&self, row: u32, first: usize) -> Vec<f64> {
        (first..self.width).map(|at| self.own(row, at).unwrap_or(f64::NAN)).collect()
    }

    /// A bit for each of at most 64 sessions: whether the return is the row's own.
    pub(crate) fn own_bits(&self, row: u32, sessions: Range<usize>) -> u64 {
        debug_assert!(sessions.len() <= 64 && sessions.end <= self.width, "invariant: one word");
        let word = row as usize * self.words + sessions.start / 64;
        let shift = sessions.start % 64;
        let mut bits = self.own[word] >> shift;
        if 64 < shift + sessions.len() {
            bits |= self.own[word + 1] << (64 - shift);
        }
        bits & mask(sessions.len())
    }

    /// The sessions whose returns are the row's own, in order.
    pub(crate) fn own_sessions(&self, row: u32) -> impl Iterator<Item = usize> + '_ {
        let words = &self.own[row as usize * self.words..(row as usize + 1) * self.words];
        words.iter().enumerate().flat_map(|(word, bits)| {
            (0..64).filter(move |at| bits >> at & 1 == 1).map(move |at| word * 64 + at)
        })
    }

    /// Sessions of a range that are not the row's own.
    pub(crate) fn absent(&self, row: u32, sessions: Range<usize>) -> usize {
        let chunks = sessions.clone().step_by(64).map(|at| at..sessions.end.min(at + 64));
        let own: u32 = chunks.map(|chunk| self.own_bits(row, chunk).count_ones()).sum();
        sessions.len() - own as usize
    }
}

/// The lowest bits, at most 64.
pub(crate) const fn mask(bits: usize) -> u64 {
    if bits < 64 { (1 << bits) - 1 } else { u64::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_found_across_words() {
        // Every third session of 200 is absent, in the second of two rows.
        let returns: Vec<f64> =
            (0..200).map(|at| if at % 3 == 0 { f64::NAN } else { 0.5 }).collect();
        let mut panel = Panel::empty(200);
        panel.push(&[0.25; 200]);
        panel.push(&returns);
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
        assert_eq!(panel.own_since(1, 198)[1].to_bits(), 0.5_f64.to_bits());
    }
}
