//! What a short book loses if several of its names are squeezed together, by simulation.
//!
//! On each path a common factor decides how likely squeezes are ([`copula`]), each name is squeezed
//! or not, a squeezed name jumps ([`jump`]), and the losses of the crowd's shorts force it to sell
//! its longs ([`Crowd`]). Random numbers are counted, not drawn in sequence: the number of a name
//! on a path is a function of the seed, the name's symbol and the path, so that neither the order
//! of names, nor threads, nor other names change it. Paths come in antithetic pairs of the factor.
//!
//! The probabilities must come from a calibrated model. Without one there is no distribution to
//! simulate; see `scenario`.

pub mod contributions;
pub mod copula;
pub mod jump;
pub mod tail;

mod curve;

pub use curve::KNOTS;

use crate::deleveraging::{FirstLoss, Holders};
use contributions::Contributions;
use copula::{Conditional, Copula, Factor, NormalTable};
use curve::Curve;
use jump::{Excess, Jump};
use portfolio::convexity::Convexity;
use rayon::prelude::*;
use stats::rng::{FNV_START, fnv1a, normal_at, philox4x32, uniform_at};
use std::sync::Arc;
use tail::{Estimate, Quantile, Tail, mean, quantiles, tails};

/// One name held short.
#[derive(Clone, Debug, PartialEq)]
pub struct Short {
    /// Its symbol, which its random numbers depend on.
    pub symbol: String,
    /// Market value held short, 0 or more; options count by their delta.
    pub value: f64,
    /// The options among it whose loss is not that of their delta.
    pub options: Convexity,
    /// Share of it that is left at each later stage of buying back, 0 to 1. Every short has as
    /// many.
    pub left: Vec<f64>,
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
    /// Probability of at least 1, 2, … squeezes among the names, up to the most that happened, at
    /// most [`COUNTS`].
    pub at_least: Vec<Estimate>,
    /// The loss of the whole book.
    pub whole: Loss,
    /// Its quantiles, the lowest level first.
    pub quantiles: Vec<Quantile>,
    /// For each tail of it, what each short and the longs lose on its paths.
    pub contributions: Vec<Contributions>,
    /// The loss of what is left at each later stage.
    pub left: Vec<Loss>,
}

/// A distribution of losses.
#[derive(Clone, Debug, PartialEq)]
pub struct Loss {
    /// Mean loss, below 0 for a gain.
    pub mean: Estimate,
    /// The tail at each confidence.
    pub tails: Vec<Tail>,
}

/// A short book ready to be simulated.
#[derive(Debug)]
pub struct JointModel {
    shorts: Vec<Short>,
    conditionals: Vec<Conditional>,
    /// Of the options of each short, whatever the copula.
    curves: Arc<[Option<Curve>]>,
    keys: Vec<[u32; 2]>,
    crowd: Option<Crowd>,
    simulation: Simulation,
    table: NormalTable,
}

/// Why there is no model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoModel {
    /// A number is out of its range, or two shorts have one symbol.
    Range,
    /// The caller has gone.
    Gone,
}

/// Most counts of squeezes whose probability is given.
pub const COUNTS: u16 = 100;
/// Paths simulated together: their losses stay in the nearest cache.
const BLOCK: usize = 2_048;
/// Purposes of random numbers, a word of their counter.
const SQUEEZED: u32 = 0;
const JUMP: u32 = 1;
/// Streams of the common factor; its seed is never that of a name on the same counter.
const FACTOR_STREAM: u64 = 1 << 63;

impl JointModel {
    /// A model of a short book; shorts are put into the order of their symbols. Options are valued
    /// on the threads of the caller's pool.
    ///
    /// # Errors
    /// [`NoModel`].
    pub fn new(
        mut shorts: Vec<Short>,
        crowd: Option<Crowd>,
        simulation: Simulation,
        has_gone: &(dyn Fn() -> bool + Sync),
    ) -> Result<JointModel, NoModel> {
        let Simulation { copula, correlation, excess, cap, pairs, seed } = simulation;
        let is_valid = |value: f64| value.is_finite() && 0.0 <= value;
        let all_valid = shorts
            .iter()
            .all(|s| is_valid(s.value) && is_valid(s.crowd_value) && s.jump.is_valid())
            && shorts.iter().flat_map(|s| &s.left).all(|left| (0.0..=1.0).contains(left))
            && [excess.scale, excess.shape, cap].into_iter().all(is_valid)
            && crowd.is_none_or(|crowd| is_valid(crowd.own_longs));
        let one_length = shorts.windows(2).all(|pair| pair[0].left.len() == pair[1].left.len());
        shorts.sort_by(|a, b| a.symbol.cmp(&b.symbol));
        let is_twice = shorts.windows(2).any(|pair| pair[0].symbol == pair[1].symbol);
        if !all_valid || !one_length || pairs < 2 || is_twice {
            return Err(NoModel::Range);
        }
        let conditionals = conditionals(&shorts, copula, correlation).ok_or(NoModel::Range)?;
        let curve = |short: &Short| match Curve::is_needed(&short.options, cap) {
            true => Curve::of(&short.options, cap, has_gone).map(Some).ok_or(NoModel::Gone),
            false => Ok(None),
        };
        let curves: Arc<[Option<Curve>]> = shorts.iter().map(curve).collect::<Result<_, _>>()?;
        if !curves.iter().flatten().all(Curve::is_finite) {
            return Err(NoModel::Range);
        }
        let keys = shorts.iter().map(|short| key(&short.symbol, seed)).collect();
        let table = NormalTable::filled();
        Ok(JointModel { shorts, conditionals, curves, keys, crowd, simulation, table })
    }

    /// The same book by another copula.
    ///
    /// # Errors
    /// [`NoModel::Range`].
    pub fn with_copula(&self, copula: Copula) -> Result<JointModel, NoModel> {
        let simulation = Simulation { copula, ..self.simulation };
        let conditionals = conditionals(&self.shorts, copula, simulation.correlation);
        Ok(JointModel {
            shorts: self.shorts.clone(),
            conditionals: conditionals.ok_or(NoModel::Range)?,
            curves: Arc::clone(&self.curves),
            keys: self.keys.clone(),
            crowd: self.crowd,
            simulation,
            table: NormalTable::filled(),
        })
    }

    /// The shorts, by symbol.
    pub fn shorts(&self) -> &[Short] {
        &self.shorts
    }

    /// Simulates the book, on the threads of the caller's pool. `None` as soon as the caller has
    /// gone.
    pub fn simulate(
        &self,
        confidences: &[f64],
        has_gone: &(dyn Fn() -> bool + Sync),
    ) -> Option<JointLoss> {
        let paths = 2 * self.simulation.pairs;
        let starts: Vec<usize> = (0..paths).step_by(BLOCK).collect();
        let blocks = starts
            .into_par_iter()
            .map(|start| (!has_gone()).then(|| self.block(start, BLOCK.min(paths - start))))
            .collect::<Option<Vec<Block>>>()?;
        let stage = |stage: usize| {
            if has_gone() {
                return None;
            }
            let losses: Vec<f64> =
                blocks.iter().flat_map(|block| &block.losses[stage]).copied().collect();
            let (tails, order) = tails(&losses, confidences);
            Some((Loss { mean: mean(|path| losses[path], paths), tails }, (losses, order)))
        };
        let (whole, (losses, order)) = stage(0)?;
        let quantiles = quantiles(&losses, &order);
        drop(losses);
        let parts = |tail: &Tail| self.contributions(&order[..tail.count], has_gone);
        let contributions = whole.tails.iter().map(parts).collect::<Option<_>>()?;
        drop(order);
        let left = |at| stage(at).map(|(loss, _)| loss);
        let left = (1..=self.stages()).map(left).collect::<Option<_>>()?;
        let counts: Vec<u16> = blocks.iter().flat_map(|block| &block.counts).copied().collect();
        let most = counts.iter().copied().max().unwrap_or(0).min(COUNTS);
        let at_least = |k: u16| mean(|path| f64::from(k <= counts[path]), paths);
        let at_least = (1..=most).map(at_least).collect();
        Some(JointLoss { at_least, whole, quantiles, contributions, left })
    }

    /// Number of later stages.
    fn stages(&self) -> usize {
        self.shorts.first().map_or(0, |short| short.left.len())
    }

    /// Loss of each short on a path, and then that of the longs.
    fn path_losses(&self, path: usize) -> Vec<f64> {
        let factor = self.factor(path);
        let (mut losses, mut crowd_loss) = (vec![0.0; self.shorts.len() + 1], 0.0);
        for (name, (short, loss)) in self.shorts.iter().zip(&mut losses).enumerate() {
            let words = self.words(name, path / 4);
            if self.is_squeezed(name, words[path % 4], factor) {
                let jump = self.jump(name, path);
                *loss = self.loss(name, jump);
                crowd_loss += short.crowd_value * jump;
            }
        }
        losses[self.shorts.len()] = self.long_loss(crowd_loss);
        losses
    }

    /// Losses and numbers of squeezes of consecutive paths; `start` is a multiple of four.
    fn block(&self, start: usize, count: usize) -> Block {
        let factors: Vec<Factor> = (start..start + count).map(|path| self.factor(path)).collect();
        let losses = vec![vec![0.0; count]; 1 + self.stages()];
        let mut block = Block { losses, counts: vec![0; count] };
        let mut crowd_losses = vec![0.0; count];
        for (name, short) in self.shorts.iter().enumerate() {
            for (group, factors) in factors.chunks(4).enumerate() {
                let words = self.words(name, start / 4 + group);
                for (lane, (factor, word)) in factors.iter().zip(words).enumerate() {
                    if self.is_squeezed(name, word, *factor) {
                        let at = 4 * group + lane;
                        let jump = self.jump(name, start + at);
                        block.squeeze(at, short, self.loss(name, jump));
                        crowd_losses[at] += short.crowd_value * jump;
                    }
                }
            }
        }
        for (at, crowd_loss) in crowd_losses.into_iter().enumerate() {
            let lost = self.long_loss(crowd_loss);
            block.losses.iter_mut().for_each(|losses| losses[at] += lost);
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

    /// Loss on a short whose name jumps; below 0 if its options gain more than the rest loses.
    fn loss(&self, name: usize, jump: f64) -> f64 {
        let beyond = self.curves[name].as_ref().map_or(0.0, |curve| curve.at(jump));
        self.shorts[name].value * jump - beyond
    }

    /// Loss of the book's longs when the crowd sells to restore its leverage.
    fn long_loss(&self, crowd_loss: f64) -> f64 {
        match &self.crowd {
            Some(crowd) if 0.0 < crowd_loss => {
                crowd.own_longs * crowd.holders.price_fall(FirstLoss::Elsewhere(crowd_loss))
            }
            Some(_) | None => 0.0,
        }
    }
}

/// `None` if a number is out of its range.
fn conditionals(shorts: &[Short], copula: Copula, correlation: f64) -> Option<Vec<Conditional>> {
    shorts.iter().map(|short| Conditional::new(copula, short.probability, correlation)).collect()
}

/// Consecutive paths.
struct Block {
    /// Losses of the whole book, and of what is left at each later stage.
    losses: Vec<Vec<f64>>,
    counts: Vec<u16>,
}

impl Block {
    fn squeeze(&mut self, at: usize, short: &Short, loss: f64) {
        self.counts[at] += 1;
        self.losses[0][at] += loss;
        for (losses, left) in self.losses[1..].iter_mut().zip(&short.left) {
            losses[at] += left * loss;
        }
    }
}

fn counter(index: u64, purpose: u32, part: u32) -> [u32; 4] {
    [(index & 0xFFFF_FFFF) as u32, (index >> 32) as u32, purpose, part]
}

/// FNV-1a of the symbol, mixed with the seed: the key does not depend on the instrument number.
fn key(symbol: &str, seed: u64) -> [u32; 2] {
    let hash = fnv1a(FNV_START ^ seed.wrapping_mul(0x9E37_79B9_7F4A_7C15), symbol);
    [(hash & 0xFFFF_FFFF) as u32, (hash >> 32) as u32]
}
