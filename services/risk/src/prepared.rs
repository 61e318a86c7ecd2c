//! The factor model of a view, prepared once for all requests: shared by hedge and stress.

use crate::{
    cross_section::{self, CrossSection, Unavailable, settings::CrossSectionSettings},
    factor_view::FactorView,
    model::RiskModel,
    prepare as risk_model,
    series::TradeSeries,
};
use factors::roles::Roles;
use marketdata::{dataset::Dataset, snapshot::Snapshot};

/// The datasets that a prepared factor model depends on, apart from names.
pub const READS: &[Dataset] = &[
    Dataset::Bars,
    Dataset::Series,
    Dataset::ShortInterest,
    Dataset::ShareCounts,
    Dataset::Listings,
    Dataset::Memberships,
    Dataset::Holdings,
    Dataset::Splits,
];

/// Names with their returns and betas, and the cross-section model of risk over them.
#[derive(Clone, Debug)]
pub struct PreparedFactors {
    /// Names, sessions, returns, betas.
    pub model: RiskModel,
    /// Exposures, factors and specific risks.
    pub cross_section: CrossSection,
    roles: Roles,
}

/// Prepares a view on the threads of the caller's pool. An earlier state, of any view, does not
/// change a bit of the result; its unchanged parts are reused.
pub fn prepare(
    snapshot: &Snapshot,
    roles: &Roles,
    previous: Option<&PreparedFactors>,
) -> PreparedFactors {
    let model = risk_model::prepare(snapshot, roles, previous.map(|previous| &previous.model));
    let settings = CrossSectionSettings::PREPARED;
    let earlier = previous.map(|previous| &previous.cross_section);
    let cross_section = cross_section::prepare(&model, settings, earlier);
    PreparedFactors { model, cross_section, roles: roles.clone() }
}

impl PreparedFactors {
    /// How names move, with the trade of the settings.
    ///
    /// # Errors
    /// Why the view has no cross-section model.
    pub fn view(&self) -> Result<FactorView<'_>, Unavailable> {
        let estimated = self.cross_section.outcome.as_ref().map_err(|reason| *reason)?;
        let trade = TradeSeries::standard(&self.model);
        Ok(FactorView::of(&self.model, (&self.cross_section, estimated), &self.roles, trade))
    }

    /// Memory held, in bytes, excluding the market.
    pub fn bytes(&self) -> usize {
        self.model.bytes() + self.cross_section.bytes()
    }
}
