//! The one way a method is answered: validate, view, prepare, answer, envelope.
//!
//! A method is a type: its fields are what the request asks for, validated. [`FromProto`] reads it,
//! [`Query`] says what it needs and how it is answered, and [`answer`] does the rest for all of them.

use crate::{
    as_of::AsOf,
    needed::Needed,
    refusal::Refusal,
    rpc::envelope::{Answer, Enveloped},
    services::Services,
    views::Pinned,
};
use contract::canonical::Canonical;
use tonic::{Request, Response, Status};

/// A request of the wire that becomes a validated type.
pub trait FromProto: Sized {
    /// The method's name: ids of answers and page tokens depend on it.
    const METHOD: &'static str;
    /// The message of the wire.
    type Request;

    /// Validates a request and applies its documented defaults.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every violation; [`Refusal::PageToken`].
    fn from_proto(request: Self::Request) -> Result<Self, Refusal>;
}

/// A method whose answer is a function of one view and of its request.
pub trait Query: FromProto + Send + Sync + 'static {
    /// What it needs beside the snapshot; `()` where that is enough.
    type Prepared: Needed<Self>;
    /// The message of the answer.
    type Response: Enveloped + Send + 'static;

    /// Which knowledge it asks for, and the rest of the request.
    fn asked(&self) -> (&AsOf, &impl Normal);

    /// Says where the answer is computed. What it works out to decide, it may keep for the answer.
    ///
    /// # Errors
    /// What is found wrong on the way.
    fn place(&mut self, _prepared: &Self::Prepared) -> Result<Place, Refusal> {
        Ok(Place::Inline)
    }

    /// Answers; a pure function of the view.
    ///
    /// # Errors
    /// What the request names and the view does not have.
    fn answer(
        &self,
        pinned: &Pinned,
        prepared: &Self::Prepared,
    ) -> Result<Answer<Self::Response>, Refusal>;
}

/// A request in normal form: defaults applied, `as_of` and page token cleared.
pub trait Normal: Canonical {}

impl<Request: Canonical> Normal for Request {}

/// Where an answer is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Where its request arrived: it takes half a millisecond at most, less than handing it over is
    /// worth.
    Inline,
    /// On the compute pool.
    Pool,
}

/// Answers a call.
///
/// # Errors
/// The status of what [`Query`] refuses, and of views and the compute pool.
pub async fn answer<Q: Query>(
    services: &Services,
    request: Request<Q::Request>,
) -> Result<Response<Q::Response>, Status> {
    let query = Q::from_proto(request.into_inner())?;
    Ok(Response::new(respond(services, query).await?))
}

/// Answers a validated request.
///
/// # Errors
/// As [`answer`].
pub async fn respond<Q: Query>(services: &Services, mut query: Q) -> Result<Q::Response, Refusal> {
    let pinned = services.view(query.asked().0)?;
    let prepared = Q::Prepared::of(&query, services, &pinned).await?;
    match query.place(&prepared)? {
        Place::Inline => enveloped(&query, &pinned, &prepared),
        Place::Pool => services.compute.run(move || enveloped(&query, &pinned, &prepared)).await?,
    }
}

fn enveloped<Q: Query>(
    query: &Q,
    pinned: &Pinned,
    prepared: &Q::Prepared,
) -> Result<Q::Response, Refusal> {
    let (_, normal) = query.asked();
    Ok(query.answer(pinned, prepared)?.enclose(Q::METHOD, normal, pinned))
}
