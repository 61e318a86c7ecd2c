//! How two books move together by the factor view.
//!
//! ```text
//! ρ = w′Σc / √(w′Σw · c′Σc),  Σ = X·F·X′ + L·diag(v)·L′
//! ```
//!
//! X and F are those of [`FactorView`], L the loadings of names on independent sources of specific
//! returns with the variances v ([`crate::specific_sources`]), in which a fund moves with what it holds.
//! Σ is never formed: a book is its exposures X′w and its loadings L′w.

use crate::{
    factor_view::{FactorView, Rung},
    specific_sources::{Mover, SpecificSources, Specifics},
};
use factors::funds::Funds;
use marketdata::instrument::InstrumentId;
use stats::{kernel, matrix::SymmetricMatrix};
use std::collections::BTreeMap;

/// Exposures to factors, and loadings on sources.
type Movement = (Vec<f64>, Vec<(usize, f64)>);

/// How some instruments move.
#[derive(Clone, Debug)]
pub struct Movements {
    covariance: SymmetricMatrix,
    variances: Vec<f64>,
    /// None of an instrument without exposures.
    movers: BTreeMap<InstrumentId, Movement>,
}

/// How a book moves.
#[derive(Clone, Debug, PartialEq)]
pub struct BookMovement {
    exposures: Vec<f64>,
    /// By source.
    loadings: Vec<f64>,
}

impl Movements {
    /// Of instruments in the order of names, each once; other orders may change the last bits. Those
    /// that the view does not describe are left out: a book that moves like the mean of all names says
    /// nothing of what it has in common with a crowd.
    pub fn of(view: &FactorView<'_>, funds: &Funds, instruments: &[InstrumentId]) -> Movements {
        // Only a mean of peers may be one of all names: asking again costs a search for peers.
        let is_described = |mover: &Mover| {
            let name = mover.name.as_ref();
            name.is_some_and(|name| name.rung != Rung::Peers || view.describes(mover.instrument))
        };
        let movers = instruments.iter().map(|instrument| Mover::of(view, funds, *instrument));
        let movers: Vec<Mover> = movers.filter(is_described).collect();
        let specifics = Specifics::of(view, &movers);
        let mut sources = SpecificSources::none();
        let loaded = |mover: Mover| {
            let loadings = sources.load(&mover, &specifics);
            Some((mover.instrument, (mover.name?.exposures, loadings)))
        };
        let movers = movers.into_iter().filter_map(loaded).collect();
        let covariance = view.factors.covariance().clone();
        Movements { covariance, movers, variances: sources.variances }
    }

    /// Whether an instrument has exposures.
    pub fn has(&self, instrument: InstrumentId) -> bool {
        self.movers.contains_key(&instrument)
    }

    /// A book of values or weights by instrument; those without exposures are left out.
    pub fn book(&self, held: impl Iterator<Item = (InstrumentId, f64)>) -> BookMovement {
        let mut exposures = vec![0.0; self.covariance.dim()];
        let mut loadings = vec![0.0; self.variances.len()];
        for (instrument, value) in held {
            let Some((of_factors, of_sources)) = self.movers.get(&instrument) else { continue };
            exposures.iter_mut().zip(of_factors).for_each(|(sum, x)| *sum += value * x);
            of_sources.iter().for_each(|(source, loading)| loadings[*source] += value * loading);
        }
        BookMovement { exposures, loadings }
    }

    /// w′Σc per session.
    fn covariance(&self, one: &BookMovement, other: &BookMovement) -> f64 {
        let with_factor =
            |(at, b): (usize, &f64)| b * kernel::dot(self.covariance.row(at), &other.exposures);
        let common: f64 = one.exposures.iter().enumerate().map(with_factor).sum();
        let both = one.loadings.iter().zip(&other.loadings).zip(&self.variances);
        common + both.map(|((a, b), variance)| a * b * variance).sum::<f64>()
    }

    /// The correlation of two books, −1 to 1. `None` if one of them has no risk.
    pub fn correlation(&self, one: &BookMovement, other: &BookMovement) -> Option<f64> {
        let product = self.covariance(one, one).sqrt() * self.covariance(other, other).sqrt();
        let correlation = self.covariance(one, other) / product;
        (0.0 < product && correlation.is_finite()).then(|| correlation.clamp(-1.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stats::rng::Rng;

    /// Factors with the covariance 4, 2, 2, 9 (1e-4); names 0 to 2 with exposures (1, 0), (0, 1), (1, 1)
    /// and specific variances 1, 2, 3 (1e-4).
    fn movements() -> Movements {
        let covariance = [4e-4, 2e-4, 2e-4, 9e-4];
        let names = [(0, [1.0, 0.0]), (1, [0.0, 1.0]), (2, [1.0, 1.0])];
        let mover =
            |(at, x): (u32, [f64; 2])| (InstrumentId(at), (x.to_vec(), vec![(at as usize, 1.0)]));
        Movements {
            covariance: SymmetricMatrix::from_lower(2, |i, j| covariance[2 * i + j]).unwrap(),
            variances: vec![1e-4, 2e-4, 3e-4],
            movers: names.into_iter().map(mover).collect(),
        }
    }

    fn book(movements: &Movements, values: [f64; 3]) -> BookMovement {
        movements.book((0..).map(InstrumentId).zip(values))
    }

    /// 10 of name 0 and -5 of name 2: exposures 5 and -5, so 25 x (4 - 2 x 2 + 9) + 100 x 1 + 25 x 3 =
    /// 400, a deviation of 0.2. Name 1 alone: 9 + 2 = 11. Together 5 x 2 - 5 x 9 = -35 (1e-4).
    #[test]
    fn a_correlation_by_hand() {
        let movements = movements();
        let (own, crowd) = (book(&movements, [10.0, 0.0, -5.0]), book(&movements, [0.0, 1.0, 0.0]));
        let found = movements.correlation(&own, &crowd).unwrap();
        assert!((found + 35e-4 / (0.2 * 11e-4f64.sqrt())).abs() < 1e-12, "{found}");
        // A name without exposures is left out, and a book without risk has no correlation.
        let unknown = movements.book([(InstrumentId(9), 1.0)].into_iter());
        assert!(!movements.has(InstrumentId(9)));
        assert_eq!(movements.correlation(&own, &unknown), None);
    }

    /// It is at most 1, 1 with itself, the same from both sides, and changes with the sign of a book but
    /// not with its size.
    #[test]
    fn laws() {
        let movements = movements();
        let mut rng = Rng::new(5, 0);
        for _ in 0..500 {
            let [w, c] = [(); 2].map(|()| [(); 3].map(|()| 9.0 * rng.normal()));
            let (own, crowd) = (book(&movements, w), book(&movements, c));
            let found = movements.correlation(&own, &crowd).unwrap();
            assert!((-1.0..=1.0).contains(&found));
            // Cauchy and Schwarz, before any clamp.
            let product = movements.covariance(&own, &own) * movements.covariance(&crowd, &crowd);
            assert!(movements.covariance(&own, &crowd).powi(2) <= product * (1.0 + 1e-12));
            let near = |a: Option<f64>, b: f64| a.is_some_and(|a| (a - b).abs() < 1e-9);
            assert!(near(movements.correlation(&own, &own), 1.0));
            assert!(near(movements.correlation(&crowd, &own), found));
            let size = (3.0 * rng.normal()).exp();
            let scaled = book(&movements, w.map(|value| -size * value));
            assert!(near(movements.correlation(&scaled, &crowd), -found));
        }
    }
}
