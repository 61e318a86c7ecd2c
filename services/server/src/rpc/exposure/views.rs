//! The prepared values that an analysis needs.

use super::{
    check_scheme, factor_betas,
    from_proto::AnalysisQuery,
    risk_model::{MODELS_MAX, vendor_name},
    vendor_model::unknown_model,
};
use crate::{
    needed::Needed,
    prepared::{
        FactorList, PreparedCrossSection, PreparedCrowds, PreparedFactorBetas, PreparedVendorModel,
        PreparedVendorModels, VendorDay,
    },
    refusal::Refusal,
    rpc::stress::setup::no_model,
    services::Services,
    views::Pinned,
};
use contract::v1::{self, risk_model_choice::Model};
use exposure::{
    crowding::{CrowdingReport, CrowdingRequest, measure},
    prepared::PreparedExposure,
};
use risk::{
    factor_series::FactorChoice, factor_view::FactorView, series::TradeSeries,
    settings::BetaSettings,
};
use squeeze::prepared::PreparedSqueeze;
use std::{collections::BTreeMap, sync::Arc};

/// What a request needs besides the model of every analysis.
#[derive(Clone, Debug)]
pub(super) struct Extras {
    crowds: bool,
    cross_section: bool,
    /// The models of vendors that it names, in capitals.
    vendors: Vec<String>,
    /// The factors that it chooses, and the settings of betas to them.
    factor_betas: Option<(Vec<FactorChoice>, BetaSettings)>,
}

impl Extras {
    /// Nothing.
    pub(super) const NONE: Extras =
        Extras { crowds: false, cross_section: false, vendors: Vec::new(), factor_betas: None };

    /// The models of vendors, in capitals.
    pub(super) fn vendors(&self) -> &[String] {
        &self.vendors
    }

    /// What a request names, which need not be valid.
    pub(super) fn of(asked: &v1::AnalyzePortfolioRequest) -> Extras {
        let has = |block: v1::ReportBlock| asked.include.contains(&block.into());
        let models = asked.risk_model.iter().flat_map(|settings| &settings.models);
        let mut named = models.filter_map(|choice| choice.model.as_ref());
        let is_ours = |model: &Model| *model == Model::Kind(v1::RiskModelKind::CrossSection.into());
        let has_models = has(v1::ReportBlock::RiskModel);
        let vendor = |model: &Model| match model {
            Model::VendorModelId(name) => vendor_name(name).ok(),
            Model::Kind(_) => None,
        };
        let vendors = match has_models {
            true => named.clone().take(MODELS_MAX).filter_map(vendor).collect(),
            false => Vec::new(),
        };
        Extras {
            crowds: has(v1::ReportBlock::Crowding),
            cross_section: has(v1::ReportBlock::Crowding) || (has_models && named.any(is_ours)),
            vendors,
            factor_betas: factor_betas::chosen(asked),
        }
    }
}

/// The prepared values of a view.
#[derive(Debug)]
pub(super) struct AnalysisViews {
    pub(super) exposure: Arc<PreparedExposure>,
    /// Of requests for crowding.
    crowds: Option<Arc<PreparedCrowds>>,
    /// Of requests for the cross-section model, or for crowding: by it a book moves like a crowd.
    cross_section: Option<Arc<PreparedCrossSection>>,
    /// Of requests for the model of a vendor.
    vendors: Option<Vendors>,
    /// Of requests for betas to factors that they choose.
    factor_betas: Option<Arc<PreparedFactorBetas>>,
}

/// The models of vendors that a request names.
#[derive(Debug)]
pub(super) struct Vendors {
    /// What is known of all of them.
    pub(super) known: Arc<PreparedVendorModels>,
    /// Those with a whole day, by name.
    pub(super) models: BTreeMap<String, Arc<PreparedVendorModel>>,
}

impl Vendors {
    async fn of(
        services: &Services,
        pinned: &Pinned,
        names: Vec<String>,
    ) -> Result<Option<Vendors>, Refusal> {
        if names.is_empty() {
            return Ok(None);
        }
        let known: Arc<PreparedVendorModels> = services.prepared(pinned).await?;
        let mut models = BTreeMap::new();
        for name in names {
            if let Some(day) = VendorDay::of(&known, &name) {
                let model = services.prepared_from(pinned, &Arc::new(day)).await?;
                models.insert(name, model);
            }
        }
        Ok(Some(Vendors { known, models }))
    }
}

/// The same, borrowed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    pub(super) exposure: &'a PreparedExposure,
    pub(super) crowds: Option<&'a PreparedCrowds>,
    pub(super) cross_section: Option<&'a PreparedCrossSection>,
    pub(super) vendors: Option<&'a Vendors>,
    pub(super) factor_betas: Option<&'a PreparedFactorBetas>,
}

impl<'a> Seen<'a> {
    /// The model of every analysis alone.
    pub(super) const fn only(exposure: &'a PreparedExposure) -> Seen<'a> {
        Seen { exposure, crowds: None, cross_section: None, vendors: None, factor_betas: None }
    }

    /// The crowding of a book, if it was asked for. Without a risk model it has a gap and no
    /// correlations.
    pub(super) fn crowding(
        &self,
        pinned: &Pinned,
        request: CrowdingRequest<'_>,
    ) -> Option<CrowdingReport> {
        let (crowds, model) = (self.crowds?, &self.cross_section?.0);
        let view = model.outcome.as_ref().map(|estimated| {
            let trade = TradeSeries::standard(self.exposure);
            let roles = &pinned.view().settings.roles;
            FactorView::of(self.exposure, (model, estimated), roles, trade)
        });
        let mut found = measure(self.exposure, (&crowds.0, view.as_ref().ok()), request);
        found.gaps.extend(view.err().map(|why| no_model(*why)));
        Some(found)
    }
}

impl AnalysisViews {
    pub(super) async fn of(
        services: &Services,
        pinned: &Pinned,
        extras: Extras,
    ) -> Result<AnalysisViews, Refusal> {
        let exposure = services.prepared::<PreparedExposure>(pinned).await?;
        let crowds = match extras.crowds {
            false => None,
            true => {
                let squeeze = services.prepared::<PreparedSqueeze>(pinned).await?;
                Some(services.prepared_from(pinned, &squeeze).await?)
            }
        };
        let cross_section = match extras.cross_section {
            false => None,
            true => Some(services.prepared_from(pinned, &exposure).await?),
        };
        let vendors = Vendors::of(services, pinned, extras.vendors).await?;
        let factor_betas = match extras.factor_betas {
            None => None,
            Some((choices, settings)) => {
                let list = FactorList::new(&exposure, choices, settings);
                Some(services.prepared_from(pinned, &Arc::new(list)).await?)
            }
        };
        Ok(AnalysisViews { exposure, crowds, cross_section, vendors, factor_betas })
    }

    /// Refuses what an analysis names and no portfolio has an influence on.
    ///
    /// # Errors
    /// [`Refusal::Unknown`].
    pub(super) fn check_names(&self, scheme: &str, vendors: &[String]) -> Result<(), Refusal> {
        let scheme = (!scheme.is_empty()).then(|| scheme.to_owned());
        check_scheme(&self.exposure, scheme.as_ref())?;
        let Some(known) = self.vendors.as_ref().map(|vendors| &vendors.known.0) else {
            return Ok(());
        };
        match vendors.iter().find(|name| known.get(name).is_none()) {
            None => Ok(()),
            Some(name) => Err(unknown_model(known, name)),
        }
    }

    /// The prepared values.
    pub(super) fn seen(&self) -> Seen<'_> {
        Seen {
            exposure: &self.exposure,
            crowds: self.crowds.as_deref(),
            cross_section: self.cross_section.as_deref(),
            vendors: self.vendors.as_ref(),
            factor_betas: self.factor_betas.as_deref(),
        }
    }
}

impl Needed<AnalysisQuery> for AnalysisViews {
    async fn of(
        query: &AnalysisQuery,
        services: &Services,
        pinned: &Pinned,
    ) -> Result<Arc<AnalysisViews>, Refusal> {
        let extras = Extras::of(&query.normal);
        Ok(Arc::new(AnalysisViews::of(services, pinned, extras).await?))
    }
}
