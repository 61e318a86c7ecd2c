//! Says with every answer when the store was last read, so that a caller can tell an answer from
//! memory while the store is away from one that has everything.
//!
//! It is a header and no part of the answer: the same reference gives the same bytes, whenever and
//! by whichever server it is answered.

use crate::store_health::StoreHealth;
use http::{HeaderValue, Request, Response};
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};
use tonic::body::Body;
use tower::{Layer, Service};

/// The header: an instant of RFC 3339. What was committed until then was there when the call began,
/// or what a standby had received of it.
pub const STORE_READ_AT: &str = "x-store-read-at";

/// A layer that adds the header.
#[derive(Clone, Debug)]
pub struct FreshnessLayer(StoreHealth);

/// A service wrapped by a [`FreshnessLayer`].
#[derive(Clone, Debug)]
pub struct Freshness<S> {
    inner: S,
    health: StoreHealth,
}

impl FreshnessLayer {
    /// A layer that reports what the follower of the store has noted.
    pub fn new(health: StoreHealth) -> FreshnessLayer {
        FreshnessLayer(health)
    }
}

impl<S> Layer<S> for FreshnessLayer {
    type Service = Freshness<S>;

    fn layer(&self, inner: S) -> Freshness<S> {
        Freshness { inner, health: self.0.clone() }
    }
}

impl<S> Service<Request<Body>> for Freshness<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // Before the call looks at the market: what is read later may not be in its answer.
        let read_at = self.health.read_at().map(|at| at.to_string());
        let answered = self.inner.call(request);
        Box::pin(async move {
            let mut response = answered.await?;
            if let Some(Ok(read_at)) = read_at.map(HeaderValue::try_from) {
                response.headers_mut().insert(STORE_READ_AT, read_at);
            }
            Ok(response)
        })
    }
}
