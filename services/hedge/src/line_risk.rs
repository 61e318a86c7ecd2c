//! The risk of a desk's lines in the factor form of the solver, with funds looked through.
//!
//! A company's line loads one on a specific source of its own. A fund whose holdings are known loads
//! their weights on the sources of its members, so that a short of the fund is a short of each, and one
//! on a source of its own with the rest of its specific variance, max(0, v − Σ w²·d): the fund as a
//! whole keeps the variance that its own returns have.

use crate::risk::{FactorRisk, InvalidRisk};
use marketdata::instrument::InstrumentId;
use risk::factor_view::ModelledName;
use stats::matrix::SymmetricMatrix;
use std::collections::BTreeMap;

/// What a line moves as.
#[derive(Clone, Debug)]
pub(crate) struct Mover {
    pub(crate) instrument: InstrumentId,
    /// `None` if no rung of the ladder has it: it counts as unmoved.
    pub(crate) name: Option<ModelledName>,
    /// Weights of the members of a fund, in the order of names; empty for a company, or if they are
    /// unknown.
    pub(crate) members: Vec<(InstrumentId, f64)>,
}

/// Exposures and loadings by line, on factors and specific sources.
#[derive(Clone, Debug)]
pub(crate) struct LineRisk {
    pub(crate) risk: FactorRisk,
    /// By line: exposures to factors, loadings on sources.
    pub(crate) lines: Vec<(Entries, Entries)>,
    /// The instrument of each source.
    pub(crate) sources: Vec<InstrumentId>,
}

/// Index and value, in ascending order.
pub(crate) type Entries = Vec<(usize, f64)>;

impl LineRisk {
    /// `members` are specific variances of names that funds may hold; a member without one is in
    /// the rest of the fund.
    pub(crate) fn of(
        covariance: &SymmetricMatrix,
        movers: &[Mover],
        members: &BTreeMap<InstrumentId, f64>,
    ) -> Result<LineRisk, Vec<InvalidRisk>> {
        let mut sources = Sources::none();
        let mut lines = Vec::with_capacity(movers.len());
        for mover in movers {
            let Some(name) = &mover.name else {
                lines.push((Vec::new(), Vec::new()));
                continue;
            };
            let mut loadings = Vec::new();
            let mut rest = name.specific_variance;
            for (member, weight) in &mover.members {
                let Some(variance) = members.get(member) else { continue };
                rest -= weight * weight * variance;
                loadings.push((sources.place(*member, *variance), *weight));
            }
            loadings.push((sources.place(mover.instrument, rest.max(0.0)), 1.0));
            loadings.sort_unstable_by_key(|(source, _)| *source);
            lines.push((sparse(&name.exposures), loadings));
        }
        let risk = FactorRisk::new(covariance.clone(), sources.variances)?;
        Ok(LineRisk { risk, lines, sources: sources.instruments })
    }

    /// Σ held·loading by source: positions in names, with funds looked through, in money.
    pub(crate) fn looked_through(&self, held: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut sums = vec![0.0; self.sources.len()];
        for ((_, loadings), held) in self.lines.iter().zip(held) {
            loadings.iter().for_each(|(source, loading)| sums[*source] += held * loading);
        }
        sums
    }
}

struct Sources {
    places: BTreeMap<InstrumentId, usize>,
    instruments: Vec<InstrumentId>,
    variances: Vec<f64>,
}

impl Sources {
    const fn none() -> Sources {
        Sources { places: BTreeMap::new(), instruments: Vec::new(), variances: Vec::new() }
    }

    /// The place of an instrument, whose variance is that of its first mention.
    fn place(&mut self, instrument: InstrumentId, variance: f64) -> usize {
        *self.places.entry(instrument).or_insert_with(|| {
            self.instruments.push(instrument);
            self.variances.push(variance);
            self.variances.len() - 1
        })
    }
}

fn sparse(values: &[f64]) -> Entries {
    values.iter().copied().enumerate().filter(|(_, value)| value.abs() > 0.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use risk::factor_view::Rung;

    fn mover(id: u32, exposure: f64, specific_variance: f64, members: &[(u32, f64)]) -> Mover {
        let name =
            ModelledName { exposures: vec![exposure], specific_variance, rung: Rung::Regression };
        let members = members.iter().map(|(id, weight)| (InstrumentId(*id), *weight)).collect();
        Mover { instrument: InstrumentId(id), name: Some(name), members }
    }

    /// A name with variance 4e-4 and a fund of 2.5e-4 that holds 50 % of it, 20 % of another one with
    /// 1e-4 and something unknown. The rest of the fund: 2.5e-4 − 1e-4 − 0.04e-4 = 1.46e-4. Long 10 of
    /// the name and short 20 of the fund is 10 − 10 = 0 of the name, and −4 and −20 of the others.
    #[test]
    fn a_fund_is_what_it_holds_and_a_rest() {
        let members = BTreeMap::from([(InstrumentId(1), 4e-4), (InstrumentId(2), 1e-4)]);
        let held = [(1, 0.5), (2, 0.2), (3, 0.1)];
        let movers = [mover(1, 1.0, 4e-4, &[]), mover(9, 0.8, 2.5e-4, &held)];
        let covariance = SymmetricMatrix::from_rows(1, vec![1e-4]).unwrap();
        let found = LineRisk::of(&covariance, &movers, &members).unwrap();
        assert_eq!(found.sources, [1, 2, 9].map(InstrumentId));
        let rest = found.risk.specific_variances()[2];
        assert!((rest - 1.46e-4).abs() < 1e-18, "{rest}");
        let looked_through = found.looked_through([10.0, -20.0].into_iter());
        for (value, expected) in looked_through.iter().zip([0.0, -4.0, -20.0]) {
            assert!((value - expected).abs() < 1e-12, "{looked_through:?}");
        }
        // The fund alone keeps its variance: 0.64·1e-4 + 2.5e-4.
        let alone = found.looked_through([0.0, 1.0].into_iter());
        let variance = found.risk.variance(&[0.8], &alone);
        assert!((variance - 3.14e-4).abs() < 1e-18, "{variance}");
    }

    /// A fund that moves less than its members do by themselves has no rest.
    #[test]
    fn a_rest_is_never_negative() {
        let members = BTreeMap::from([(InstrumentId(1), 4e-4)]);
        let covariance = SymmetricMatrix::from_rows(1, vec![1e-4]).unwrap();
        let movers = [mover(9, 1.0, 1e-5, &[(1, 0.5)])];
        let found = LineRisk::of(&covariance, &movers, &members).unwrap();
        assert!(found.risk.specific_variances()[1].abs() <= 0.0);
    }
}
