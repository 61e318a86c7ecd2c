//! Total returns of every name over the latest sessions, in single precision, ready to be replayed.
//!
//! Rows have no holes: where a name has no return of its own it takes its beta map
//! β_market·m + β_size·s plus a normal draw of its residual (robust standard deviation), seeded by
//! symbol and day, so that a short history neither shortens the window nor looks calm. Which sessions are its own is kept.

use marketdata::day::Day;
use stats::rng;

/// Seed of the residual draws; part of the method, never of a request.
const RESIDUAL_SEED: u64 = 0x0BA1_1A57;

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
        for (session, value) in returns.iter().enumerate().filter(|(_, v)| v.is_finite()) {
            self.own[start + session / 64] |= 1 << (session % 64);
            debug_assert!(value.is_finite(), "invariant: only finite returns are own");
        }
        self.values.extend(returns.iter().map(|r| if r.is_finite() { *r as f32 } else { 0.0 }));
    }

    /// Adds the rows of another panel of the same width.
    pub(crate) fn append(&mut self, other: &Panel) {
        debug_assert_eq!(self.width, other.width, "invariant: panels of one calendar");
        self.values.extend_from_slice(&other.values);
        self.own.extend_from_slice(&other.own);
    }

    /// A row's return of a session where it is its own.
    pub(crate) fn own(&self, row: u32, session: usize) -> Option<f64> {
        let row = row as usize;
        let word = self.own[row * self.words + session / 64];
        (word >> (session % 64) & 1 == 1)
            .then(|| f64::from(self.values[row * self.width + session]))
    }

    /// A row in double precision from a session on, NaN where it is not its own.
    pub(crate) fn own_since(&self, row: u32, first: usize) -> Vec<f64> {
        (first..self.width).map(|at| self.own(row, at).unwrap_or(f64::NAN)).collect()
    }

    /// Sessions from `first` on that are not the name's own.
    pub(crate) fn absent_since(&self, row: u32, first: usize) -> usize {
        let own = (first..self.width).filter(|at| self.own(row, *at).is_some());
        self.width - first - own.count()
    }

    /// Fills what is not a row's own.
    pub(crate) fn fill(
        &mut self,
        row: u32,
        symbol: &str,
        days: &[Day],
        residual_sd: f64,
        map: impl Fn(usize) -> f64,
    ) {
        let start = row as usize * self.width;
        let stream = stream_of(symbol);
        for (session, day) in days.iter().enumerate() {
            if self.own(row, session).is_none() {
                let index = day.epoch().unsigned_abs();
                let draw = rng::normal_at(RESIDUAL_SEED, stream, u64::from(index));
                self.values[start + session] = (map(session) + residual_sd * draw) as f32;
            }
        }
    }
}

/// FNV-1a of the symbol's bytes: the same stream whatever number the instrument was given.
fn stream_of(symbol: &str) -> u64 {
    symbol.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}
