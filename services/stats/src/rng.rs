//! Seeded random numbers from a counter: Philox 4x32-10, with uniform and normal draws.

use crate::normal;

const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: u32 = 10;

/// A sequence of draws: a pure function of a seed, a stream and a position.
///
/// Streams of one seed never overlap (the stream number is half of the counter). Give every
/// instrument, day or scenario its own stream, so that its draws do not depend on others. A stream
/// holds 2⁶⁵ draws of 64 bits.
#[derive(Clone, Debug)]
pub struct Rng {
    key: [u32; 2],
    stream: u64,
    /// Number of the next block of four words.
    block: u64,
    words: [u32; 4],
    /// Number of words of the current block already used.
    used: usize,
}

impl Rng {
    /// The start of a stream.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        Self { key: halves(seed), stream, block: 0, words: [0; 4], used: 4 }
    }

    /// The next 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.used >= self.words.len() {
            self.words = block(self.key, self.stream, self.block);
            self.block = self.block.wrapping_add(1);
            self.used = 0;
        }
        let word = self.words[self.used];
        self.used += 1;
        word
    }

    /// The next 64 random bits: two words, low half first.
    pub fn next_u64(&mut self) -> u64 {
        let low = u64::from(self.next_u32());
        let high = u64::from(self.next_u32());
        high << 32 | low
    }

    /// Uniform in the open interval (0, 1).
    pub fn uniform(&mut self) -> f64 {
        open_unit(self.next_u64())
    }

    /// Standard normal, by the inverse of the distribution function: one uniform per normal, so
    /// that draws can be matched, mirrored or replaced individually.
    pub fn normal(&mut self) -> f64 {
        normal::quantile_unchecked(self.uniform())
    }

    /// Uniform integer in `0..bound`, without bias (Lemire 2019); 0 when `bound` is 0 or 1.
    pub fn below(&mut self, bound: u32) -> u32 {
        let bound = u64::from(bound);
        if bound <= 1 {
            return 0;
        }
        let threshold = (1_u64 << 32) % bound;
        loop {
            let product = u64::from(self.next_u32()) * bound;
            if product & 0xFFFF_FFFF >= threshold {
                return high_word(product);
            }
        }
    }

    /// Shuffles the slice uniformly (Fisher–Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let Ok(bound) = u32::try_from(last + 1) else { continue };
            items.swap(last, self.below(bound) as usize);
        }
    }

    /// Fills a slice with standard normals.
    pub fn fill_normal(&mut self, out: &mut [f64]) {
        for value in out {
            *value = self.normal();
        }
    }
}

/// Where FNV-1a begins.
pub const FNV_START: u64 = 0xCBF2_9CE4_8422_2325;

/// FNV-1a of a text's bytes, from a start (`isthe.com/chongo/tech/comp/fnv`).
#[must_use]
pub fn fnv1a(start: u64, text: &str) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    text.bytes().fold(start, mix)
}

/// The stream of a name. It depends on nothing else: not on the name's number, nor on other names.
#[must_use]
pub fn stream_of(name: &str) -> u64 {
    fnv1a(FNV_START, name)
}

/// The uniform draw at a position of a stream, without the draws before it; 64 bits of block
/// `index`.
///
/// Equals the first [`Rng::uniform`] of that block, that is draw `2·index` of the stream.
#[must_use]
pub fn uniform_at(seed: u64, stream: u64, index: u64) -> f64 {
    let words = block(halves(seed), stream, index);
    open_unit(u64::from(words[1]) << 32 | u64::from(words[0]))
}

/// [`uniform_at`] at consecutive positions, computed side by side.
#[must_use]
pub fn uniforms_at<const N: usize>(seed: u64, stream: u64, index: u64) -> [f64; N] {
    let indices: [[u32; 2]; N] = std::array::from_fn(|lane| halves(index + lane as u64));
    let [low, high] = halves(stream);
    let mut counters =
        [indices.map(|[low, _]| low), indices.map(|[_, high]| high), [low; N], [high; N]];
    let mut key = halves(seed);
    for _ in 0..ROUNDS {
        let [a, b, c, d] = &mut counters;
        for lane in 0..N {
            let counter = [a[lane], b[lane], c[lane], d[lane]];
            [a[lane], b[lane], c[lane], d[lane]] = round(counter, key);
        }
        key = bumped(key);
    }
    let [low, high, ..] = counters;
    std::array::from_fn(|lane| open_unit(u64::from(high[lane]) << 32 | u64::from(low[lane])))
}

/// The standard normal draw at a position of a stream; see [`uniform_at`].
#[must_use]
pub fn normal_at(seed: u64, stream: u64, index: u64) -> f64 {
    normal::quantile_unchecked(uniform_at(seed, stream, index))
}

/// Philox 4x32 with ten rounds: a bijection of the counter, chosen by the key.
///
/// Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011).
#[must_use]
pub fn philox4x32(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..ROUNDS {
        counter = round(counter, key);
        key = bumped(key);
    }
    counter
}

fn round(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let even = u64::from(MULTIPLIER[0]) * u64::from(counter[0]);
    let odd = u64::from(MULTIPLIER[1]) * u64::from(counter[2]);
    [
        high_word(odd) ^ counter[1] ^ key[0],
        low_word(odd),
        high_word(even) ^ counter[3] ^ key[1],
        low_word(even),
    ]
}

fn bumped(key: [u32; 2]) -> [u32; 2] {
    [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])]
}

fn block(key: [u32; 2], stream: u64, index: u64) -> [u32; 4] {
    let (low, high) = (halves(index), halves(stream));
    philox4x32([low[0], low[1], high[0], high[1]], key)
}

/// The upper 52 bits as the midpoint of one of 2⁵² equal cells: exact, and never 0 or 1.
fn open_unit(bits: u64) -> f64 {
    const CELL: f64 = 1.0 / (1_u64 << 52) as f64;
    ((bits >> 12) as f64 + 0.5) * CELL
}

fn halves(word: u64) -> [u32; 2] {
    [low_word(word), high_word(word)]
}

fn low_word(word: u64) -> u32 {
    (word & 0xFFFF_FFFF) as u32
}

fn high_word(word: u64) -> u32 {
    (word >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test vectors of the authors (`test_fnv.c`): 64-bit FNV-1a.
    #[test]
    fn fnv_agrees_with_its_authors() {
        for (text, expected) in [
            ("", 0xCBF2_9CE4_8422_2325),
            ("a", 0xAF63_DC4C_8601_EC8C),
            ("foobar", 0x8594_4171_F739_67E8),
        ] {
            assert_eq!(stream_of(text), expected, "{text}");
        }
    }

    #[test]
    fn draws_side_by_side_equal_draws_one_by_one() {
        for index in [0, 7, u64::from(u32::MAX) - 3] {
            let alone: Vec<u64> =
                (0..9).map(|at| uniform_at(1 << 40 | 5, 3 << 33, index + at).to_bits()).collect();
            let together: [f64; 9] = uniforms_at(1 << 40 | 5, 3 << 33, index);
            assert_eq!(together.map(f64::to_bits).to_vec(), alone);
        }
    }

    /// Known answers of the Random123 distribution 1.14, file `tests/kat_vectors`, `philox4x32 10`.
    #[test]
    fn philox_known_answers() {
        let rows = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, expected) in rows {
            assert_eq!(philox4x32(counter, key), expected);
        }
    }

    #[test]
    fn a_position_is_reached_directly() {
        let mut walked = Rng::new(7, 3);
        for index in 0..50 {
            let uniform = walked.uniform();
            let _second_half_of_the_block = walked.uniform();
            assert_eq!(uniform.to_bits(), uniform_at(7, 3, index).to_bits());
        }
        assert_eq!(Rng::new(7, 3).normal().to_bits(), normal_at(7, 3, 0).to_bits());
    }

    #[test]
    fn the_ends_of_the_unit_interval_are_not_reached() {
        assert!(open_unit(0) > 0.0);
        assert!(open_unit(u64::MAX) < 1.0);
        assert!(normal::quantile_unchecked(open_unit(0)).is_finite());
        assert!(normal::quantile_unchecked(open_unit(u64::MAX)).is_finite());
    }

    #[test]
    fn draws_have_the_moments_they_should() {
        let mut rng = Rng::new(42, 0);
        let n = 100_000;
        let (mut sum, mut squares, mut fourths, mut uniform) = (0.0, 0.0, 0.0, 0.0);
        for _ in 0..n {
            let z = rng.normal();
            sum += z;
            squares += z * z;
            fourths += z * z * z * z;
            uniform += rng.uniform();
        }
        let count = f64::from(n);
        // Five standard errors: 1/√n, √2/√n, √96/√n, √(1/12)/√n.
        assert!((sum / count).abs() < 5.0 * 0.003_163);
        assert!((squares / count - 1.0).abs() < 5.0 * 0.004_473);
        assert!((fourths / count - 3.0).abs() < 5.0 * 0.030_984);
        assert!((uniform / count - 0.5).abs() < 5.0 * 0.000_913);
    }

    #[test]
    fn bounded_integers_fill_their_range_evenly() {
        let mut rng = Rng::new(1, 1);
        let mut counts = [0_u32; 7];
        for _ in 0..70_000 {
            counts[rng.below(7) as usize] += 1;
        }
        // Five standard errors of a binomial with n = 70,000 and p = 1/7: 5·92.6.
        assert!(counts.iter().all(|&count| count.abs_diff(10_000) < 463), "{counts:?}");
        assert_eq!((rng.below(0), rng.below(1)), (0, 0));
    }

    #[test]
    fn a_shuffle_is_a_permutation_that_its_seed_repeats() {
        let shuffled = |seed| {
            let mut items: Vec<u32> = (0..100).collect();
            Rng::new(seed, 0).shuffle(&mut items);
            items
        };
        let mut sorted = shuffled(5);
        assert_eq!(sorted, shuffled(5));
        assert_ne!(sorted, shuffled(6));
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<u32>>());
    }
}
