//! The prepared values that an analysis needs.

use super::from_proto::AnalysisQuery;
use crate::rpc::stress::setup::no_model;
use crate::{
    needed::Needed,
    prepared::{PreparedCrossSection, PreparedCrowds},
    refusal::Refusal,
    services::Services,
    views::Pinned,
};
use exposure::{
    crowding::{CrowdingReport, CrowdingRequest, measure},
    prepared::PreparedExposure,
};
use risk::{factor_view::FactorView, series::TradeSeries};
use squeeze::prepared::PreparedSqueeze;
use std::sync::Arc;

/// The prepared values of a view.
#[derive(Debug)]
pub(super) struct AnalysisViews {
    pub(super) exposure: Arc<PreparedExposure>,
    /// Of requests for crowding.
    crowds: Option<CrowdViews>,
}

/// What crowding needs besides.
#[derive(Debug)]
pub(super) struct CrowdViews {
    pub(super) crowds: Arc<PreparedCrowds>,
    /// The model by which a book moves like a crowd.
    pub(super) cross_section: Arc<PreparedCrossSection>,
}

impl CrowdViews {
    /// The crowding of a book. Without a risk model it has a gap and no correlations.
    pub(super) fn measure(
        &self,
        pinned: &Pinned,
        prepared: &PreparedExposure,
        request: CrowdingRequest<'_>,
    ) -> CrowdingReport {
        let model = &self.cross_section.0;
        let roles = &pinned.view().settings.roles;
        let estimated = model.outcome.as_ref();
        let view = estimated.map(|estimated| {
            let trade = TradeSeries::standard(prepared);
            FactorView::of(prepared, (model, estimated), roles, trade)
        });
        let mut found = measure(prepared, (&self.crowds.0, view.as_ref().ok()), request);
        found.gaps.extend(view.err().map(|why| no_model(*why)));
        found
    }
}

impl AnalysisViews {
    pub(super) async fn of(
        services: &Services,
        pinned: &Pinned,
        has_crowds: bool,
    ) -> Result<AnalysisViews, Refusal> {
        let exposure = services.prepared::<PreparedExposure>(pinned).await?;
        let crowds = match has_crowds {
            false => None,
            true => {
                let squeeze = services.prepared::<PreparedSqueeze>(pinned).await?;
                let crowds = services.prepared_from(pinned, &squeeze).await?;
                let cross_section = services.prepared_from(pinned, &exposure).await?;
                Some(CrowdViews { crowds, cross_section })
            }
        };
        Ok(AnalysisViews { exposure, crowds })
    }

    /// The model, and the crowds if they were asked for.
    pub(super) fn both(&self) -> (&PreparedExposure, Option<&CrowdViews>) {
        (&self.exposure, self.crowds.as_ref())
    }
}

impl Needed<AnalysisQuery> for AnalysisViews {
    async fn of(
        query: &AnalysisQuery,
        services: &Services,
        pinned: &Pinned,
    ) -> Result<Arc<AnalysisViews>, Refusal> {
        let has_crowds = query.crowding.is_some();
        Ok(Arc::new(AnalysisViews::of(services, pinned, has_crowds).await?))
    }
}
