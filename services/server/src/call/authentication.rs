//! The layer that finds out who calls, and whether the caller may.
//!
//! It runs inside the layer around calls, so a refused call has an id, a log entry and metrics like
//! any other, and before the request is read, so it costs no memory.

use crate::{
    audit::AuditLog,
    auth::{
        Authority, Caller, Credentials, Unknown,
        role::{self, CallerRole},
    },
    clock::Clock,
    line::Line,
    rate::{Origin, Rates},
    refusal::Refusal,
    rotating::Rotating,
    telemetry::spans::names_caller,
};
use http::{HeaderMap, Request, Response, header::AUTHORIZATION};
use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

/// The layer that admits callers. Requests that pass it have a [`Caller`] among their extensions,
/// and no credentials.
#[derive(Clone, Debug)]
pub struct AuthLayer {
    /// `None` if no credentials are needed.
    authority: Option<Rotating<Authority>>,
    rates: Arc<Rates>,
    audit: Arc<AuditLog>,
    clock: Clock,
}

/// A service behind an [`AuthLayer`].
#[derive(Clone, Debug)]
pub struct Admitted<S> {
    inner: S,
    layer: AuthLayer,
}

impl AuthLayer {
    /// A layer that admits the callers of the authority, or all if there is none, and each as often as
    /// they may call.
    pub fn new(
        authority: Option<Rotating<Authority>>,
        calls_per_s_per_caller: u32,
        audit: Arc<AuditLog>,
        clock: Clock,
    ) -> AuthLayer {
        AuthLayer { authority, rates: Arc::new(Rates::new(calls_per_s_per_caller)), audit, clock }
    }

    /// The caller of a request over a connection, if it may call once more. Health is always
    /// answered.
    fn admit(&self, request: &Request<Body>) -> Result<Caller, Refusal> {
        let (path, line) = (request.uri().path(), request.extensions().get::<Arc<Line>>());
        let address = line.and_then(|line| line.address());
        let caller = self.identify(path, request.headers(), line)?;
        match Origin::of(&caller, address) {
            Some(origin) if !role::OPEN.contains(&path) => self.rates.take(origin)?,
            _ => {}
        }
        if role::needed(path) == CallerRole::Ingester {
            self.audit.writes(address);
        }
        Ok(caller)
    }

    /// The caller of a request to a path, over a connection.
    fn identify(
        &self,
        path: &str,
        headers: &HeaderMap,
        line: Option<&Arc<Line>>,
    ) -> Result<Caller, Refusal> {
        let Some(authority) = &self.authority else { return Ok(Caller::anonymous()) };
        if role::OPEN.contains(&path) {
            return Ok(Caller::anonymous());
        }
        let authorization: Vec<&[u8]> =
            headers.get_all(AUTHORIZATION).iter().map(|value| value.as_bytes()).collect();
        let names = line.map_or(&[][..], |line| line.names());
        let address = line.and_then(|line| line.address());
        let credentials = Credentials { authorization: &authorization, certificate: names };
        let caller =
            authority.now().identify(credentials, self.clock.now()).map_err(|unknown| {
                let (refusal, why) = match unknown {
                    Unknown::Missing => (Refusal::CredentialsMissing, "there are no credentials"),
                    Unknown::Expired => (Refusal::CredentialsExpired, "the token has expired"),
                    Unknown::Refused(why) => (Refusal::CredentialsRefused, why),
                };
                self.audit.refused(why, address);
                refusal
            })?;
        tracing::Span::current().record("caller", &**caller.name());
        names_caller(caller.name());
        let needed = role::needed(path);
        if !caller.may(needed) {
            self.audit.refused("the caller does not have the role", address);
            return Err(Refusal::RoleMissing { role: needed.id() });
        }
        Ok(caller)
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = Admitted<S>;

    fn layer(&self, inner: S) -> Admitted<S> {
        Admitted { inner, layer: self.clone() }
    }
}

impl<S> Service<Request<Body>> for Admitted<S>
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

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match self.layer.admit(&request) {
            Ok(caller) => {
                request.headers_mut().remove(AUTHORIZATION);
                request.extensions_mut().insert(caller);
                Box::pin(self.inner.call(request))
            }
            Err(refusal) => Box::pin(std::future::ready(Ok(Status::from(refusal).into_http()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::auth::role::{OPEN, listed};
    use prost::Message as _;
    use prost_types::FileDescriptorSet;
    use std::collections::BTreeSet;

    #[test]
    fn every_method_of_the_contract_has_a_role() {
        let contract = FileDescriptorSet::decode(contract::DESCRIPTOR).unwrap();
        let mut without = BTreeSet::new();
        for file in &contract.file {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    if listed(&path).is_none() {
                        without.insert(path);
                    }
                }
            }
        }
        assert_eq!(without, BTreeSet::new(), "add them to server/src/auth/role.rs");
        assert!(OPEN.iter().all(|path| listed(path).is_none()));
    }
}
