//! What answers need beside the snapshot, and where they get it from.

use crate::{
    compute::ranges,
    refusal::Refusal,
    services::Services,
    views::{Pinned, View},
};
use exposure::{plan::Plan, prepared::PreparedExposure};
use marketdata::coverage::{DatasetCoverage, coverage};
use rotation::prepared::{Preparation, PreparedRotation};
use squeeze::prepared::PreparedSqueeze;
use std::sync::Arc;

/// What the answer to a query needs. As a rule it does not depend on the query: it is computed on
/// first need and shared by all requests of the view.
pub trait Needed<Query>: Send + Sync + Sized + 'static {
    /// Gives it for a query at its view.
    fn of(
        query: &Query,
        services: &Services,
        pinned: &Pinned,
    ) -> impl Future<Output = Result<Arc<Self>, Refusal>> + Send;
}

/// The snapshot is enough.
impl<Query: Sync> Needed<Query> for () {
    async fn of(_: &Query, _: &Services, _: &Pinned) -> Result<Arc<()>, Refusal> {
        Ok(Arc::new(()))
    }
}

/// What each dataset holds.
#[derive(Debug)]
pub struct PreparedCoverage(pub Vec<DatasetCoverage>);

impl<Query: Sync> Needed<Query> for PreparedCoverage {
    async fn of(_: &Query, services: &Services, pinned: &Pinned) -> Result<Arc<Self>, Refusal> {
        let prepare = |view: &View| PreparedCoverage(coverage(&view.snapshot));
        pinned.view().coverage.get(&services.compute, pinned, prepare).await
    }
}

impl<Query: Sync> Needed<Query> for PreparedExposure {
    async fn of(_: &Query, services: &Services, pinned: &Pinned) -> Result<Arc<Self>, Refusal> {
        pinned.view().exposure.get(&services.compute, pinned, exposure).await
    }
}

impl<Query: Sync> Needed<Query> for PreparedRotation {
    async fn of(_: &Query, services: &Services, pinned: &Pinned) -> Result<Arc<Self>, Refusal> {
        pinned.view().rotation.get(&services.compute, pinned, rotation).await
    }
}

impl<Query: Sync> Needed<Query> for PreparedSqueeze {
    async fn of(_: &Query, services: &Services, pinned: &Pinned) -> Result<Arc<Self>, Refusal> {
        let prepare = |view: &View| squeeze::prepared::prepare(&view.snapshot, &view.roles);
        pinned.view().squeeze.get(&services.compute, pinned, prepare).await
    }
}

/// Prepares a view on all processors, in fixed parts.
fn exposure(view: &View) -> PreparedExposure {
    let plan = Plan::of(&view.snapshot, &view.roles);
    let parts = ranges(plan.parts(), 1, |range| plan.part(range.start));
    plan.assemble(parts)
}

/// Prepares a view on all processors, in fixed ranges.
fn rotation(view: &View) -> PreparedRotation {
    let work = Preparation::of(&view.snapshot, &view.roles);
    let part = |range| work.part(&view.snapshot, range);
    let parts = ranges(work.len(), Preparation::STEP, part);
    work.finish(&view.snapshot, &view.roles, parts)
}
