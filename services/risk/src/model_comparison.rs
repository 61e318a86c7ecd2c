//! Two factor models side by side, name by name: a vendor's and ours.
//!
//! Factors of two models need not mean the same even if they share a name, so names are compared by
//! what both models say of them: volatility, and the part of it that is common.

use crate::factor_model::FactorModel;
use marketdata::instrument::InstrumentId;

/// A name that both models cover.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NameComparison {
    /// The listed line.
    pub instrument: InstrumentId,
    /// Forecast volatility per session, a decimal, in the first and in the second model.
    pub volatility: [f64; 2],
    /// Volatility of the common return per session, a decimal.
    pub common: [f64; 2],
    /// ln of the first volatility over the second: positive if the first model sees more risk. Zero
    /// if either is zero, because the ratio then says nothing.
    pub log_ratio: f64,
}

/// Two models compared.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelComparison {
    /// The names of both, those with the largest disagreement first, ties in the order of names.
    pub names: Vec<NameComparison>,
    /// Names that only the first model covers, in the order of names.
    pub only_first: Vec<InstrumentId>,
    /// Names that only the second model covers, in the order of names.
    pub only_second: Vec<InstrumentId>,
}

/// ln of one volatility over another. `None` if either is zero.
pub fn log_ratio(one: f64, other: f64) -> Option<f64> {
    (0.0 < one && 0.0 < other).then(|| libm::log(one / other))
}

/// Compares two models.
pub fn compare(first: &FactorModel, second: &FactorModel) -> ModelComparison {
    let both = first.instruments().iter().enumerate();
    let both = both.filter_map(|(row, id)| Some((*id, row, second.row(*id)?)));
    let mut names: Vec<NameComparison> = both
        .map(|(instrument, row, other)| {
            let [one, two] = [first.volatility(row), second.volatility(other)];
            NameComparison {
                instrument,
                volatility: [one.0, two.0],
                common: [one.1, two.1],
                log_ratio: log_ratio(one.0, two.0).unwrap_or(0.0),
            }
        })
        .collect();
    names.sort_by(|a, b| b.log_ratio.abs().total_cmp(&a.log_ratio.abs()));
    let missing = |model: &FactorModel, other: &FactorModel| {
        let ids = model.instruments().iter().copied();
        ids.filter(|id| other.row(*id).is_none()).collect()
    };
    ModelComparison {
        names,
        only_first: missing(first, second),
        only_second: missing(second, first),
    }
}
