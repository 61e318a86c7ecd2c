//! What each short, and the longs, add to an expected shortfall: Euler contributions, each with its
//! standard error.
//!
//! The contribution of a part is its mean loss over the paths of the tail, so contributions add up to
//! the expected shortfall. Its error counts that the border of the tail is estimated too: to first
//! order the estimate is a mean over all paths of
//!
//! ```text
//! (L_i − c_i)·1{path in the tail} / share of the tail,  c_i = E[L_i | loss at the border]
//! ```
//!
//! and c_i is taken from the tenth of the tail next to the border (Hong 2009, "Estimating quantile
//! sensitivities", has the same expectation). Paths of a pair are not independent, so it is a mean over
//! pairs.

use super::{JointModel, tail::Estimate};
use rayon::prelude::*;

/// Mean losses over the paths of a tail: they add up to its expected shortfall.
#[derive(Clone, Debug, PartialEq)]
pub struct Contributions {
    /// Of each short, in the order of [`JointModel::shorts`].
    pub shorts: Vec<Estimate>,
    /// Of the longs.
    pub longs: Estimate,
}

/// Share of a tail, next to its border, that tells what is lost at the border: one path of so many.
const BORDER: usize = 10;
/// Pairs summed together.
const CHUNK: usize = 64;
/// Paths of the border that are in memory together.
const BATCH: usize = 1_024;

/// Sums over some pairs of paths, per part.
struct Sums {
    losses: Vec<f64>,
    /// Of what the error is a mean of.
    influences: Vec<f64>,
    /// Of its squares.
    squares: Vec<f64>,
}

impl JointModel {
    /// What each short, and the longs, add to the expected shortfall of a tail: its paths, the largest
    /// loss first. `None` as soon as the caller has gone.
    pub(super) fn contributions(
        &self,
        tail: &[usize],
        has_gone: &(dyn Fn() -> bool + Sync),
    ) -> Option<Contributions> {
        let count = tail.len();
        let parts = self.shorts().len() + 1;
        let at_border = self.border(&tail[count - (count / BORDER).max(1)..], has_gone)?;
        let mut paths = tail.to_vec();
        paths.sort_unstable();
        let pairs: Vec<&[usize]> = paths.chunk_by(|a, b| a / 2 == b / 2).collect();
        let chunks = pairs
            .par_chunks(CHUNK)
            .map(|pairs| (!has_gone()).then(|| self.sums(pairs, &at_border)))
            .collect::<Option<Vec<Sums>>>()?;
        let mut sums = Sums::zero(parts);
        for chunk in chunks {
            add(&mut sums.losses, chunk.losses.into_iter());
            add(&mut sums.influences, chunk.influences.into_iter());
            add(&mut sums.squares, chunk.squares.into_iter());
        }
        let all = self.simulation.pairs as f64;
        let share = count as f64 / (2.0 * all);
        let estimate = |part: usize| {
            let mean = sums.influences[part] / all;
            let variance = (sums.squares[part] / all - mean * mean).max(0.0) / (all - 1.0).max(1.0);
            Estimate { value: sums.losses[part] / count as f64, error: variance.sqrt() / share }
        };
        let shorts = (0..parts - 1).map(estimate).collect();
        Some(Contributions { shorts, longs: estimate(parts - 1) })
    }

    /// Mean losses of some paths, per part; added up in their order.
    fn border(&self, paths: &[usize], has_gone: &(dyn Fn() -> bool + Sync)) -> Option<Vec<f64>> {
        let mut mean = vec![0.0; self.shorts().len() + 1];
        for batch in paths.chunks(BATCH) {
            let losses = |path: &usize| (!has_gone()).then(|| self.path_losses(*path));
            for losses in batch.par_iter().map(losses).collect::<Option<Vec<_>>>()? {
                add(&mut mean, losses.into_iter().map(|loss| loss / paths.len() as f64));
            }
        }
        Some(mean)
    }

    /// Sums over pairs, of which one path or both are in the tail.
    fn sums(&self, pairs: &[&[usize]], at_border: &[f64]) -> Sums {
        let mut sums = Sums::zero(at_border.len());
        for pair in pairs {
            let mut influences = vec![0.0; at_border.len()];
            for path in *pair {
                let losses = self.path_losses(*path);
                let beyond = losses.iter().zip(at_border).map(|(loss, border)| loss - border);
                add(&mut influences, beyond.map(|beyond| 0.5 * beyond));
                add(&mut sums.losses, losses.iter().copied());
            }
            add(&mut sums.squares, influences.iter().map(|influence| influence * influence));
            add(&mut sums.influences, influences.into_iter());
        }
        sums
    }
}

impl Sums {
    fn zero(parts: usize) -> Sums {
        let zero = || vec![0.0; parts];
        Sums { losses: zero(), influences: zero(), squares: zero() }
    }
}

fn add(sums: &mut [f64], values: impl Iterator<Item = f64>) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}
