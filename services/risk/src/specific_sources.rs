//! Specific returns of names as sums of independent sources, with funds looked through.
//!
//! A company loads one on a source of its own. A fund whose holdings are known loads their weights on
//! the sources of its members, so that a short of the fund is a short of each, and one on a source of
//! its own with the rest of its specific variance, max(0, v − Σ w²·d): the fund as a whole keeps the
//! variance that its own returns have.

use crate::factor_view::{FactorView, ModelledName};
use factors::funds::Funds;
use marketdata::instrument::InstrumentId;
use std::collections::BTreeMap;

/// What a line moves as.
#[derive(Clone, Debug)]
pub struct Mover {
    /// The company or fund.
    pub instrument: InstrumentId,
    /// `None` if no rung of the ladder has it: it counts as unmoved.
    pub name: Option<ModelledName>,
    /// Its [`fund_members`].
    pub members: Vec<(InstrumentId, f64)>,
}

impl Mover {
    /// An instrument by the ladder, with what it holds if it is a fund. `funds` are those of the
    /// view.
    pub fn of(view: &FactorView<'_>, funds: &Funds, instrument: InstrumentId) -> Mover {
        let members = fund_members(view, funds, instrument);
        Mover { instrument, name: view.name(instrument), members }
    }
}

/// Weights of what a fund holds, in the order of names; empty for a company, or if they are unknown.
pub fn fund_members(
    view: &FactorView<'_>,
    funds: &Funds,
    instrument: InstrumentId,
) -> Vec<(InstrumentId, f64)> {
    let fund = funds.get(instrument).filter(|_| view.risk.anchored(instrument).is_fund);
    fund.map_or_else(Vec::new, |fund| fund.members.clone())
}

/// Specific variances of the companies that funds hold, and of those that are movers themselves.
pub fn member_variances(view: &FactorView<'_>, movers: &[Mover]) -> BTreeMap<InstrumentId, f64> {
    let members = movers.iter().flat_map(|mover| &mover.members);
    let of_model = members
        .filter_map(|(id, _)| Some((*id, view.factors.specific_variance(view.factors.row(*id)?))));
    let own = movers.iter().filter(|mover| mover.members.is_empty());
    let own =
        own.filter_map(|mover| Some((mover.instrument, mover.name.as_ref()?.specific_variance)));
    of_model.chain(own).collect()
}

/// Independent sources of specific returns, in the order of their first mention.
#[derive(Clone, Debug)]
pub struct SpecificSources {
    places: BTreeMap<InstrumentId, usize>,
    /// The instrument of each source.
    pub instruments: Vec<InstrumentId>,
    /// Variance per session of each source.
    pub variances: Vec<f64>,
}

impl SpecificSources {
    /// No sources yet.
    pub const fn none() -> SpecificSources {
        SpecificSources { places: BTreeMap::new(), instruments: Vec::new(), variances: Vec::new() }
    }

    /// Loadings of a mover on sources, in ascending order, none without exposures. `members` are
    /// specific variances of names that funds may hold; a member without one is in the rest of the
    /// fund.
    pub fn load(
        &mut self,
        mover: &Mover,
        members: &BTreeMap<InstrumentId, f64>,
    ) -> Vec<(usize, f64)> {
        let Some(name) = &mover.name else { return Vec::new() };
        let mut loadings = Vec::new();
        let mut rest = name.specific_variance;
        for (member, weight) in &mover.members {
            let Some(variance) = members.get(member) else { continue };
            rest -= weight * weight * variance;
            loadings.push((self.place(*member, *variance), *weight));
        }
        loadings.push((self.place(mover.instrument, rest.max(0.0)), 1.0));
        loadings.sort_unstable_by_key(|(source, _)| *source);
        loadings
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
