//! The risk of a desk's lines in the factor form of the solver, with funds looked through
//! ([`risk::specific_sources`]).

use crate::risk::{FactorRisk, InvalidRisk};
use marketdata::instrument::InstrumentId;
use risk::specific_sources::{Mover, SpecificSources};
use stats::matrix::SymmetricMatrix;
use std::collections::BTreeMap;

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
    /// `members` are specific variances of names that funds may hold.
    pub(crate) fn of(
        covariance: &SymmetricMatrix,
        movers: &[Mover],
        members: &BTreeMap<InstrumentId, f64>,
    ) -> Result<LineRisk, Vec<InvalidRisk>> {
        let mut sources = SpecificSources::none();
        let mut lines = Vec::with_capacity(movers.len());
        for mover in movers {
            let exposures = mover.name.as_ref().map(|name| sparse(&name.exposures));
            lines.push((exposures.unwrap_or_default(), sources.load(mover, members)));
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

fn sparse(values: &[f64]) -> Entries {
    values.iter().copied().enumerate().filter(|(_, value)| value.abs() > 0.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use risk::factor_view::{ModelledName, Rung};

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
