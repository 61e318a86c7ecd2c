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
        let mut sources = Sources::default();
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

#[derive(Default)]
struct Sources {
    places: BTreeMap<InstrumentId, usize>,
    instruments: Vec<InstrumentId>,
    variances: Vec<f64>,
}

impl Sources {
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
