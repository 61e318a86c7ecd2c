//! The risk of a desk's lines in the factor form of the solver, with funds looked through
//! ([`risk::specific_sources`]).

use crate::risk::{FactorRisk, InvalidRisk};
use risk::specific_sources::{Mover, Source, SpecificSources, Specifics};
use stats::matrix::SymmetricMatrix;

/// Exposures and loadings by line, on factors and specific sources.
#[derive(Clone, Debug)]
pub(crate) struct LineRisk {
    pub(crate) risk: FactorRisk,
    /// By line: exposures to factors, loadings on sources.
    pub(crate) lines: Vec<(Entries, Entries)>,
    /// What the specific sources are.
    pub(crate) sources: Vec<Source>,
}

/// The risk of the lines as it was known at an earlier time.
#[derive(Clone, Debug)]
pub(crate) struct Earlier {
    pub(crate) risk: LineRisk,
    /// Whether it is of all days, because days of large moves were asked for and too few were known.
    pub(crate) is_of_all_days: bool,
}

/// Index and value, in ascending order.
pub(crate) type Entries = Vec<(usize, f64)>;

impl LineRisk {
    /// `specifics` are those of names that funds may hold.
    pub(crate) fn of(
        covariance: &SymmetricMatrix,
        movers: &[Mover],
        specifics: &Specifics,
    ) -> Result<LineRisk, Vec<InvalidRisk>> {
        let mut sources = SpecificSources::none();
        let mut lines = Vec::with_capacity(movers.len());
        for mover in movers {
            let exposures = mover.name.as_ref().map(|name| sparse(&name.exposures));
            lines.push((exposures.unwrap_or_default(), sources.load(mover, specifics)));
        }
        let risk = FactorRisk::new(covariance.clone(), sources.variances)?;
        Ok(LineRisk { risk, lines, sources: sources.sources })
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
    use marketdata::instrument::InstrumentId;
    use risk::{
        factor_view::{ModelledName, Rung},
        share_class::{ShareClass, ShareClasses},
    };

    fn mover(id: u32, exposure: f64, specific_variance: f64, members: &[(u32, f64)]) -> Mover {
        let name =
            ModelledName { exposures: vec![exposure], specific_variance, rung: Rung::Regression };
        let members = members.iter().map(|(id, weight)| (InstrumentId(*id), *weight)).collect();
        Mover { instrument: InstrumentId(id), name: Some(name), members }
    }

    fn variances(of: &[(u32, f64)]) -> Specifics {
        let variances = of.iter().map(|(id, variance)| (InstrumentId(*id), *variance)).collect();
        Specifics { variances, classes: ShareClasses::new() }
    }

    /// A name with variance 4e-4 and a fund of 2.5e-4 that holds 50 % of it, 20 % of another one with
    /// 1e-4 and something unknown. The rest of the fund: 2.5e-4 − 1e-4 − 0.04e-4 = 1.46e-4. Long 10 of
    /// the name and short 20 of the fund is 10 − 10 = 0 of the name, and −4 and −20 of the others.
    #[test]
    fn a_fund_is_what_it_holds_and_a_rest() {
        let members = variances(&[(1, 4e-4), (2, 1e-4)]);
        let held = [(1, 0.5), (2, 0.2), (3, 0.1)];
        let movers = [mover(1, 1.0, 4e-4, &[]), mover(9, 0.8, 2.5e-4, &held)];
        let covariance = SymmetricMatrix::from_rows(1, vec![1e-4]).unwrap();
        let found = LineRisk::of(&covariance, &movers, &members).unwrap();
        assert_eq!(found.sources, [1, 2, 9].map(|id| Source::Name(InstrumentId(id))));
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

    /// Lines of one company with ρ = 0.75 and variances 4e-4 and 1e-4, hence deviations of 2 and 1 %.
    /// Long 10 of the first and short 20 of the second is 0 of what they share, and leaves
    /// 0.25·(100·4e-4 + 400·1e-4) = 0.02. A fund of 2.5e-4 with 50 and 20 % of them has of what they
    /// share 0.75·(0.5·0.02 + 0.2·0.01)² = 1.08e-4, of their own 0.25·(0.25·4e-4 + 0.04·1e-4) = 0.26e-4,
    /// and a rest of 1.16e-4.
    #[test]
    fn lines_of_one_company_share_a_source() {
        let class = |id| (InstrumentId(id), ShareClass { company: 0, common: 0.75 });
        let classes = ShareClasses::from([class(1), class(2)]);
        let specifics = Specifics { classes, ..variances(&[(1, 4e-4), (2, 1e-4)]) };
        let fund = mover(9, 1.0, 2.5e-4, &[(1, 0.5), (2, 0.2)]);
        let movers = [mover(1, 1.0, 4e-4, &[]), mover(2, 1.0, 1e-4, &[]), fund];
        let covariance = SymmetricMatrix::from_rows(1, vec![1e-4]).unwrap();
        let found = LineRisk::of(&covariance, &movers, &specifics).unwrap();
        let [one, two] = [1, 2].map(InstrumentId);
        let own = Source::Name(InstrumentId(9));
        let expected = [Source::Company(one), Source::Class(one), Source::Class(two), own];
        assert_eq!(found.sources, expected);
        let variance =
            |held: [f64; 3]| found.risk.variance(&[0.0], &found.looked_through(held.into_iter()));
        for (held, expected) in [
            ([1.0, 0.0, 0.0], 4e-4),
            ([0.0, 1.0, 0.0], 1e-4),
            ([10.0, -20.0, 0.0], 0.02),
            ([0.0, 0.0, 1.0], 2.5e-4),
        ] {
            let found = variance(held);
            assert!((found - expected).abs() < 1e-15, "{held:?}: {found}");
        }
        let rest = found.risk.specific_variances()[3];
        assert!((rest - 1.16e-4).abs() < 1e-18, "{rest}");
    }

    /// A fund that moves less than its members do by themselves has no rest.
    #[test]
    fn a_rest_is_never_negative() {
        let members = variances(&[(1, 4e-4)]);
        let covariance = SymmetricMatrix::from_rows(1, vec![1e-4]).unwrap();
        let movers = [mover(9, 1.0, 1e-5, &[(1, 0.5)])];
        let found = LineRisk::of(&covariance, &movers, &members).unwrap();
        assert!(found.risk.specific_variances()[1].abs() <= 0.0);
    }
}
