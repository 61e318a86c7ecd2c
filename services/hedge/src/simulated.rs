//! Scenarios drawn from the factor model of risk, instead of those of the past.
//!
//! The return of a line over h sessions is √h·s·(Σ Xₖ·fₖ + Σ lᵢ·√dᵢ·uᵢ): its exposures X times draws
//! f = Lz of the factors, LL′ = F, its loadings l on specific sources of variance d, and s of the
//! distribution. z and u are standard normal. Every second scenario is the one before it with the
//! signs of z and u turned (antithetic), so every line has the mean zero, also in few scenarios.
//!
//! The draws z and u are those of a counter, by the name of a factor or an instrument and the place of
//! the scenario. So a name has the same draws in every book and at every time, whatever else is drawn,
//! and those of the first of many scenarios are those of few. The numbers s of Student's t are no draws: each
//! is that of one of as many equal parts of the distribution as there are pairs (`mixing.rs`), and
//! which pair has which is a shuffle by the counter. So few scenarios have the tail of many, and which s a
//! pair has depends on their number. Plans and fresh scenarios have the same numbers s, in other orders.
//! F is factored in the order of names, so that the order in which a model has its factors alters nothing.

use crate::{line_risk::LineRisk, mixing};
use marketdata::{instrument::InstrumentId, snapshot::Snapshot};
use risk::{share_class::ShareClasses, specific_sources::Source};
use stats::{
    matrix::SymmetricMatrix,
    rng::{normal_at, stream_of, uniform_at},
};
use std::ops::Range;

/// Seed of the draws; part of the method, never of a request.
const SEED: u64 = 0x51_4D_1A;

/// A pivot below this share of its variance is rounding of a linear dependence.
const PIVOT_MIN: f64 = 1e-12;

/// Which scenarios are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Simulation {
    /// Number of scenarios, even and positive.
    pub count: usize,
    /// What they are drawn from.
    pub distribution: Distribution,
    /// h, the sessions that each spans, positive.
    pub sessions: f64,
}

/// The distribution of scenarios. Both have the covariances of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// Multivariate normal, s = 1.
    Normal,
    /// Multivariate Student's t, s = √((ν − 2)/W) with W of chi-square with ν degrees, its mean square
    /// over a part of the distribution, so that large moves of all lines come together.
    StudentT {
        /// ν, at least three: two have no variance.
        degrees: u32,
    },
}

impl Simulation {
    /// Whether scenarios can be drawn.
    pub(crate) fn is_lawful(&self) -> bool {
        let has_variance = match self.distribution {
            Distribution::Normal => true,
            Distribution::StudentT { degrees } => 2 < degrees,
        };
        let is_even = self.count.is_multiple_of(2) && 0 < self.count;
        is_even && has_variance && 0.0 < self.sessions && self.sessions.is_finite()
    }
}

/// Which part of the endless scenarios of a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The first ones, with which plans are found.
    Plan,
    /// As many after them, which plans do not know.
    Fresh,
}

/// Numbers behind scenarios that do not depend on a risk, so that all plans and times share them. One
/// per pair of scenarios.
#[derive(Clone, Debug)]
pub(crate) struct Draws {
    /// z by factor.
    factors: Vec<Vec<f64>>,
    /// The factors in the order of their names.
    order: Vec<usize>,
    /// u by source.
    sources: Vec<Vec<f64>>,
    /// √h·s.
    scales: Vec<f64>,
}

impl Draws {
    /// Draws for factors by name and sources.
    pub(crate) fn of(
        simulation: &Simulation,
        part: Part,
        factors: &[String],
        sources: impl Iterator<Item = u64>,
    ) -> Draws {
        let pairs = simulation.count as u64 / 2;
        let first = match part {
            Part::Plan => 0,
            Part::Fresh => pairs,
        };
        let places = first..first + pairs;
        let normals = |stream: u64| -> Vec<f64> {
            places.clone().map(|pair| normal_at(SEED, stream, pair)).collect()
        };
        let mut order: Vec<usize> = (0..factors.len()).collect();
        order.sort_by(|a, b| factors[*a].cmp(&factors[*b]));
        let of_factor = |name: &String| normals(stream_of(&format!("factor/{name}")));
        Draws {
            factors: factors.iter().map(of_factor).collect(),
            order,
            sources: sources.map(normals).collect(),
            scales: scales(simulation, places.clone()),
        }
    }

    /// Number of scenarios.
    pub(crate) fn scenarios(&self) -> usize {
        2 * self.scales.len()
    }

    /// f by factor and pair.
    pub(crate) fn with_covariance(&self, covariance: &SymmetricMatrix) -> Vec<Vec<f64>> {
        let root = root(covariance, &self.order);
        let mut moves = vec![Vec::new(); self.factors.len()];
        for (row, factor) in root.iter().zip(&self.order) {
            let mut sum = vec![0.0; self.scales.len()];
            for (l, from) in row.iter().zip(&self.order) {
                add(&mut sum, &self.factors[*from], *l);
            }
            moves[*factor] = sum;
        }
        moves
    }

    /// Returns by scenario of what has some exposures to factors that move so, and some loadings on
    /// sources; of a book its P&L.
    pub(crate) fn returns(
        &self,
        (risk, factors): (&LineRisk, &[Vec<f64>]),
        exposures: impl Iterator<Item = (usize, f64)>,
        loadings: impl Iterator<Item = (usize, f64)>,
    ) -> Vec<f64> {
        let mut sum = vec![0.0; self.scales.len()];
        exposures.for_each(|(factor, x)| add(&mut sum, &factors[factor], x));
        let variances = risk.risk.specific_variances();
        loadings.for_each(|(source, l)| {
            add(&mut sum, &self.sources[source], l * variances[source].sqrt())
        });
        let moves = sum.iter().zip(&self.scales).map(|(sum, scale)| sum * scale);
        moves.flat_map(|moved| [moved, -moved]).collect()
    }
}

/// The stream of a source: what the lines of a company share has that of the first of them by
/// symbol, so that it does not matter which of them a book mentions first.
pub(crate) fn stream(snapshot: &Snapshot, classes: &ShareClasses, source: Source) -> u64 {
    let symbol = |instrument: InstrumentId| snapshot.symbol(instrument);
    let (kind, name) = match source {
        Source::Name(instrument) => ("name", symbol(instrument)),
        Source::Class(instrument) => ("class", symbol(instrument)),
        Source::Company(instrument) => {
            let company = classes.get(&instrument).map(|class| class.company);
            let lines = classes.iter().filter(|(_, class)| Some(class.company) == company);
            let first = lines.map(|(line, _)| symbol(*line)).min();
            ("company", first.unwrap_or_else(|| symbol(instrument)))
        }
    };
    stream_of(&format!("{kind}/{name}"))
}

/// √h·s by pair, of the pairs at some places.
fn scales(simulation: &Simulation, places: Range<u64>) -> Vec<f64> {
    let span = simulation.sessions.sqrt();
    let pairs = simulation.count / 2;
    let Distribution::StudentT { degrees } = simulation.distribution else {
        return vec![span; pairs];
    };
    let stream = stream_of("size");
    let draws: Vec<f64> = places.map(|pair| uniform_at(SEED, stream, pair)).collect();
    let mut order: Vec<usize> = (0..pairs).collect();
    order.sort_by(|a, b| draws[*a].total_cmp(&draws[*b]).then(a.cmp(b)));
    let mut scales = vec![0.0; pairs];
    for (pair, s) in order.into_iter().zip(mixing::scales(degrees, pairs)) {
        scales[pair] = span * s;
    }
    scales
}

fn add(sum: &mut [f64], values: &[f64], by: f64) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += by * value);
}

/// The rows of the lower triangular L with LL′ = F in an order. F may be singular: a factor that
/// earlier ones determine has no draw of its own.
fn root(covariance: &SymmetricMatrix, order: &[usize]) -> Vec<Vec<f64>> {
    let mut rows: Vec<Vec<f64>> = Vec::with_capacity(order.len());
    for (at, factor) in order.iter().enumerate() {
        let mut row: Vec<f64> = Vec::with_capacity(at + 1);
        for (before, earlier) in order[..at].iter().enumerate() {
            let other = &rows[before];
            let known: f64 = row.iter().zip(other).map(|(a, b)| a * b).sum();
            let pivot = other[before];
            let rest = covariance.get(*factor, *earlier) - known;
            row.push(if 0.0 < pivot { rest / pivot } else { 0.0 });
        }
        let variance = covariance.get(*factor, *factor);
        let rest = variance - row.iter().map(|l| l * l).sum::<f64>();
        row.push(if PIVOT_MIN * variance < rest { rest.sqrt() } else { 0.0 });
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F = [[4, 2, 6], [2, 5, 7], [6, 7, 13]]·1e-4 is singular: the third factor is the sum of the
    /// first two. In the order 0, 1, 2: L = [[2], [1, 2], [3, 2, 0]]·1e-2.
    #[test]
    fn the_root_of_a_singular_covariance_by_hand() {
        let rows = [[4.0, 2.0, 6.0], [2.0, 5.0, 7.0], [6.0, 7.0, 13.0]];
        let entry = |i: usize, j: usize| 1e-4 * rows[i][j];
        let covariance = SymmetricMatrix::from_lower(3, entry).unwrap();
        let expected = [vec![2e-2], vec![1e-2, 2e-2], vec![3e-2, 2e-2, 0.0]];
        for (row, expected) in root(&covariance, &[0, 1, 2]).iter().zip(&expected) {
            for (l, expected) in row.iter().zip(expected) {
                assert!((l - expected).abs() < 1e-12, "{row:?}");
            }
        }
        // In another order it is another root of the same matrix.
        let order = [2, 0, 1];
        let turned = root(&covariance, &order);
        for (i, row) in turned.iter().enumerate() {
            for (j, other) in turned[..=i].iter().enumerate() {
                let product: f64 = row.iter().zip(other).map(|(a, b)| a * b).sum();
                assert!((product - entry(order[i], order[j])).abs() < 1e-12, "{i} {j}");
            }
        }
    }

    fn simulation(count: usize, distribution: Distribution) -> Simulation {
        Simulation { count, distribution, sessions: 1.0 }
    }

    /// Sizes are those of as many parts as there are pairs, in one order for the plan and another one for
    /// fresh scenarios.
    #[test]
    fn draws_of_few_scenarios_are_the_first_of_many_and_fresh_ones_are_the_next() {
        let t = Distribution::StudentT { degrees: 4 };
        let factors = ["b", "a"].map(str::to_owned);
        let of = |count, part| Draws::of(&simulation(count, t), part, &factors, [7, 9].into_iter());
        let (few, many, fresh) = (of(20, Part::Plan), of(40, Part::Plan), of(20, Part::Fresh));
        for (few, (many, fresh)) in few.sources.iter().zip(many.sources.iter().zip(&fresh.sources))
        {
            assert_eq!((&many[..10], &many[10..]), (&few[..], &fresh[..]));
        }
        let sorted = |draws: &Draws| {
            let mut scales = draws.scales.clone();
            scales.sort_by(|a, b| b.total_cmp(a));
            scales
        };
        for (draws, parts) in [(&few, 10), (&fresh, 10), (&many, 20)] {
            assert_eq!(sorted(draws), mixing::scales(4, parts));
            assert_ne!(sorted(draws), draws.scales);
        }
        assert_ne!(few.scales, fresh.scales);
        // Factors are drawn by their names.
        let turned = ["a", "b"].map(str::to_owned);
        let turned = Draws::of(&simulation(20, t), Part::Plan, &turned, [].into_iter());
        assert_eq!(turned.factors, [few.factors[1].clone(), few.factors[0].clone()]);
        assert_eq!(turned.scales, few.scales);
    }

    #[test]
    fn simulations_without_a_variance_or_with_half_a_pair_are_unlawful() {
        let t = |degrees| Distribution::StudentT { degrees };
        let lawful = |simulation: Simulation| simulation.is_lawful();
        assert!(lawful(simulation(2, t(3))) && lawful(simulation(100, Distribution::Normal)));
        assert!(!lawful(simulation(2, t(2))) && !lawful(simulation(3, t(3))));
        assert!(!lawful(simulation(0, t(3))));
        for sessions in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(!lawful(Simulation { sessions, ..simulation(2, t(3)) }));
        }
    }
}
