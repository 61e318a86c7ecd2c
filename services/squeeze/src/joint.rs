//! What a short book loses if several of its names are squeezed together, by simulation.
//!
//! On each path a common factor decides how likely squeezes are ([`copula`]), each name is squeezed
//! or not, a squeezed name jumps ([`jump`]), and the losses of the crowd's shorts force it to sell
//! its longs ([`Crowd`]). Random numbers are counted, not drawn in sequence: the number of a name on
//! a path is a function of the seed, the name's symbol and the path, so that neither the order of
//! names, nor threads, nor other names change it. Paths come in antithetic pairs of the factor.
//!
//! The probabilities must come from a calibrated model. Without one there is no distribution to
//! simulate; see `scenario`.

pub mod copula;
pub mod jump;
pub mod tail;

use crate::deleveraging::Holders;
use copula::{Conditional, Copula, Factor, NormalTable};
use jump::{Excess, Jump};
use rayon::prelude::*;
use stats::rng::{FNV_START, fnv1a, normal_at, philox4x32, uniform_at};
use tail::{Estimate, Tail, mean, tails};

/// One name held short.
#[derive(Clone, Debug, PartialEq)]
pub struct Short {
    /// Its symbol, which its random numbers depend on.
    pub symbol: String,
    /// Market value held short, 0 or more.
    pub value: f64,
    /// Market value that the crowd holds short, 0 or more.
    pub crowd_value: f64,
    /// Probability of a squeeze within the horizon, inside (0, 1).
    pub probability: f64,
    /// How far it jumps.
    pub jump: Jump,
}

/// The crowd that sells longs when its shorts lose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crowd {
    /// Its leverage and the impact of its sales.
    pub holders: Holders,
    /// Market value of the book's own longs in the names that the crowd sells, 0 or more.
    pub own_longs: f64,
}

/// How to simulate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Simulation {
    /// The copula.
    pub copula: Copula,
    /// ρ, 0 to below 1.
    pub correlation: f64,
    /// Excess of jumps.
    pub excess: Excess,
    /// Largest jump, a decimal return above 0.
    pub cap: f64,
    /// Number of pairs of paths, at least 2.
    pub pairs: usize,
    /// Seed of all random numbers.
    pub seed: u64,
}

/// The joint loss of a short book over the horizon of its probabilities.
#[derive(Clone, Debug, PartialEq)]
pub struct JointLoss {
    /// Mean loss, positive.
    pub mean: Estimate,
    /// Probability of at least 1, 2, … squeezes among the names, up to the most that happened.
    pub at_least: Vec<Estimate>,
    /// The tail at each confidence.
    pub tails: Vec<Tail>,
    /// For each tail, the mean loss of each short on the paths of the tail, in the order of
    /// [`JointModel::shorts`], and then that of the longs: they add up to the expected shortfall.
    pub contributions: Vec<Vec<f64>>,
}

/// A short book ready to be simulated.
#[derive(Debug)]
pub struct JointModel {
    shorts: Vec<Short>,
    conditionals: Vec<Conditional>,
    keys: Vec<[u32; 2]>,
    crowd: Option<Crowd>,
    simulation: Simulation,
    table: NormalTable,
}

/// Paths simulated together: their losses stay in the nearest cache.
const BLOCK: usize = 2_048;
/// Purposes of random numbers, a word of their counter.
const SQUEEZED: u32 = 0;
const JUMP: u32 = 1;
/// Streams of the common factor; its seed is never that of a name on the same counter.
const FACTOR_STREAM: u64 = 1 << 63;

impl JointModel {
    /// A model of a short book; shorts are put into the order of their symbols. `None` if a number
    /// is out of its range, or if two shorts have one symbol.
    pub fn new(
        mut shorts: Vec<Short>,
        crowd: Option<Crowd>,
        simulation: Simulation,
    ) -> Option<JointModel> {
        let Simulation { copula, correlation, excess, cap, pairs, seed } = simulation;
        let is_valid = |value: f64| value.is_finite() && 0.0 <= value;
        let all_valid = shorts
            .iter()
            .all(|s| is_valid(s.value) && is_valid(s.crowd_value) && s.jump.is_valid())
            && [excess.scale, excess.shape, cap].into_iter().all(is_valid)
            && crowd.is_none_or(|crowd| is_valid(crowd.own_longs));
        if !all_valid || pairs < 2 {
            return None;
        }
        shorts.sort_by(|a, b| a.symbol.cmp(&b.symbol));
        if shorts.windows(2).any(|pair| pair[0].symbol == pair[1].symbol) {
            return None;
        }
        let conditional = |s: &Short| Conditional::new(copula, s.probability, correlation);
        let conditionals = shorts.iter().map(conditional).collect::<Option<_>>()?;
        let keys = shorts.iter().map(|short| key(&short.symbol, seed)).collect();
        let table = NormalTable::filled();
        Some(JointModel { shorts, conditionals, keys, crowd, simulation, table })
    }

    /// The shorts, by symbol.
    pub fn shorts(&self) -> &[Short] {
        &self.shorts
    }

    /// Simulates the book, on the threads of the caller's pool.
    pub fn simulate(&self, confidences: &[f64]) -> JointLoss {
        let paths = 2 * self.simulation.pairs;
        let starts: Vec<usize> = (0..paths).step_by(BLOCK).collect();
        let blocks: Vec<Block> = starts
            .into_par_iter()
            .map(|start| self.block(start, BLOCK.min(paths - start)))
            .collect();
        let losses: Vec<f64> = blocks.iter().flat_map(|block| &block.losses).copied().collect();
        let counts: Vec<u16> = blocks.iter().flat_map(|block| &block.counts).copied().collect();
        let most = counts.iter().copied().max().unwrap_or(0);
        let at_least = |k: u16| mean(|path| f64::from(k <= counts[path]), paths);
        let tails = tails(&losses, confidences);
        JointLoss {
            mean: mean(|path| losses[path], paths),
            at_least: (1..=most).map(at_least).collect(),
            contributions: tails.iter().map(|tail| self.contributions(&tail.paths)).collect(),
            tails,
        }
    }

    /// Mean loss of each short, and of the longs, over some paths.
    fn contributions(&self, paths: &[usize]) -> Vec<f64> {
        let mut sums = vec![0.0; self.shorts.len() + 1];
        for path in paths {
            let factor = self.factor(*path);
            let mut crowd_loss = 0.0;
            for (name, (short, sum)) in self.shorts.iter().zip(&mut sums).enumerate() {
                let words = self.words(name, path / 4);
                if self.is_squeezed(name, words[path % 4], factor) {
                    let jump = self.jump(name, *path);
                    *sum += short.value * jump;
                    crowd_loss += short.crowd_value * jump;
                }
            }
            sums[self.shorts.len()] += self.long_loss(crowd_loss);
        }
        sums.into_iter().map(|sum| sum / paths.len() as f64).collect()
    }

    /// Losses and numbers of squeezes of consecutive paths; `start` is a multiple of four.
    fn block(&self, start: usize, count: usize) -> Block {
        let factors: Vec<Factor> = (start..start + count).map(|path| self.factor(path)).collect();
        let mut block = Block { losses: vec![0.0; count], counts: vec![0; count] };
        let mut crowd_losses = vec![0.0; count];
        for (name, short) in self.shorts.iter().enumerate() {
            for (group, factors) in factors.chunks(4).enumerate() {
                let words = self.words(name, start / 4 + group);
                for (lane, (factor, word)) in factors.iter().zip(words).enumerate() {
                    if self.is_squeezed(name, word, *factor) {
                        let at = 4 * group + lane;
                        let jump = self.jump(name, start + at);
                        block.counts[at] += 1;
                        block.losses[at] += short.value * jump;
                        crowd_losses[at] += short.crowd_value * jump;
                    }
                }
            }
        }
        for (loss, crowd) in block.losses.iter_mut().zip(crowd_losses) {
            *loss += self.long_loss(crowd);
        }
        block
    }

    /// What the names of a path share. The second path of a pair has the opposite M.
    fn factor(&self, path: usize) -> Factor {
        let (seed, pair) = (self.simulation.seed, (path / 2) as u64);
        let m = normal_at(seed, FACTOR_STREAM, pair);
        let s = match self.simulation.copula {
            Copula::Gaussian => 1.0,
            // χ² with four degrees is −2·ln of a product of two uniforms.
            Copula::StudentT4 => {
                let u = [1, 2].map(|stream| uniform_at(seed, FACTOR_STREAM + stream, pair));
                (-0.5 * libm::log(u[0] * u[1])).sqrt()
            }
        };
        Factor { m: if path.is_multiple_of(2) { m } else { -m }, s }
    }

    /// A name's random words on four consecutive paths.
    fn words(&self, name: usize, group: usize) -> [u32; 4] {
        philox4x32(counter(group as u64, SQUEEZED, 0), self.keys[name])
    }

    fn is_squeezed(&self, name: usize, word: u32, factor: Factor) -> bool {
        let u = (f64::from(word) + 0.5) / 4_294_967_296.0;
        self.table.is_below(u, self.conditionals[name].z(factor))
    }

    fn jump(&self, name: usize, path: usize) -> f64 {
        let half = |half| philox4x32(counter(path as u64, JUMP, half), self.keys[name]);
        let ([a, b, c, d], [e, f, g, h]) = (half(0), half(1));
        let Simulation { excess, cap, .. } = self.simulation;
        self.shorts[name].jump.draw([a, b, c, d, e, f, g, h], excess, cap)
    }

    /// Loss of the book's longs when the crowd sells to restore its leverage.
    fn long_loss(&self, crowd_loss: f64) -> f64 {
        match &self.crowd {
            Some(crowd) if 0.0 < crowd_loss => {
                crowd.own_longs * crowd.holders.spiral(crowd_loss).price_fall.min(1.0)
            }
            Some(_) | None => 0.0,
        }
    }
}

/// Consecutive paths.
struct Block {
    losses: Vec<f64>,
    counts: Vec<u16>,
}

fn counter(index: u64, purpose: u32, part: u32) -> [u32; 4] {
    [(index & 0xFFFF_FFFF) as u32, (index >> 32) as u32, purpose, part]
}

/// FNV-1a of the symbol, mixed with the seed: the key does not depend on the instrument number.
fn key(symbol: &str, seed: u64) -> [u32; 2] {
    let hash = fnv1a(FNV_START ^ seed.wrapping_mul(0x9E37_79B9_7F4A_7C15), symbol);
    [(hash & 0xFFFF_FFFF) as u32, (hash >> 32) as u32]
}
