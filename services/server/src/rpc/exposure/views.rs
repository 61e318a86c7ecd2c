//! The prepared values that an analysis needs.

use super::from_proto::AnalysisQuery;
use crate::{
    needed::Needed, prepared::PreparedCrowds, refusal::Refusal, services::Services, views::Pinned,
};
use exposure::prepared::PreparedExposure;
use squeeze::prepared::PreparedSqueeze;
use std::sync::Arc;

/// The prepared values of a view.
#[derive(Debug)]
pub(super) struct AnalysisViews {
    pub(super) exposure: Arc<PreparedExposure>,
    /// Of requests for crowding.
    crowds: Option<Arc<PreparedCrowds>>,
}

impl AnalysisViews {
    pub(super) async fn of(
        services: &Services,
        pinned: &Pinned,
        has_crowds: bool,
    ) -> Result<AnalysisViews, Refusal> {
        let exposure = services.prepared(pinned).await?;
        let crowds = match has_crowds {
            false => None,
            true => {
                let squeeze = services.prepared::<PreparedSqueeze>(pinned).await?;
                Some(services.prepared_from(pinned, &squeeze).await?)
            }
        };
        Ok(AnalysisViews { exposure, crowds })
    }

    /// The model, and the crowds if they were asked for.
    pub(super) fn both(&self) -> (&PreparedExposure, Option<&PreparedCrowds>) {
        (&self.exposure, self.crowds.as_deref())
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
