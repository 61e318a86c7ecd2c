//! The prepared data that answers need in addition to the snapshot, and where it comes from.

use crate::{prepared::Prepared, refusal::Refusal, services::Services, views::Pinned};
use std::sync::Arc;

/// Data that the answer to a query needs. It usually does not depend on the query: it is computed
/// on first use and shared by all requests of the view.
pub trait Needed<Query>: Send + Sync + Sized + 'static {
    /// Returns it for a query at its view.
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

/// A prepared value comes from the cache of prepared values.
impl<Query: Sync, Value: Prepared<Base = ()>> Needed<Query> for Value {
    async fn of(_: &Query, services: &Services, pinned: &Pinned) -> Result<Arc<Value>, Refusal> {
        services.prepared(pinned).await
    }
}
