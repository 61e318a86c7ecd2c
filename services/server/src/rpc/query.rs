//! The one way a method is answered: validate, view, prepare, answer, envelope.
//!
//! A method is a type whose fields are the validated request. [`FromProto`] reads it, [`Query`]
//! defines what it needs and how it is answered, and [`answer`] does the rest for all methods.

use crate::{
    as_of::AsOf,
    needed::Needed,
    refusal::Refusal,
    rpc::envelope::{Answer, Enveloped},
    services::Services,
    telemetry::spans::{Step, reads_revision, step, step_now},
    turn::Kept,
    views::Pinned,
};
use contract::canonical::Canonical;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// A validated type that is read from a protobuf request.
pub trait FromProto: Sized {
    /// The method's name; ids of answers and page tokens depend on it.
    const METHOD: &'static str;
    /// The protobuf message.
    type Request;

    /// Validates a request and applies its documented defaults.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every violation; [`Refusal::PageToken`].
    fn from_proto(request: Self::Request) -> Result<Self, Refusal>;
}

/// A method whose answer is a function of one view and of its request.
pub trait Query: FromProto + Send + Sync + 'static {
    /// The model version of its service.
    const MODEL: &'static str;
    /// The prepared data it needs; `()` if the snapshot is enough.
    type Prepared: Needed<Self>;
    /// The protobuf message of the answer.
    type Response: Enveloped + Send + 'static;

    /// The as-of of the request, and the rest of it in normal form.
    fn asked(&self) -> (&AsOf, &impl Normal);

    /// Decides where the answer is computed. It may keep intermediate results for the answer.
    ///
    /// # Errors
    /// Violations found on the way.
    fn place(&mut self, _prepared: &Self::Prepared) -> Result<Place, Refusal> {
        Ok(Place::Inline)
    }

    /// Computes the answer; a pure function of the view.
    ///
    /// # Errors
    /// If the request names something that the view does not have.
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
    /// In the handler's task: for at most half a millisecond of work, which costs less than handing
    /// it over.
    Inline,
    /// On the pool of analyses, while the call keeps its turn: for milliseconds of work.
    Pool,
    /// On the pool for other heavy work, while other calls have their turns: it may take seconds.
    Long,
}

/// Answers a call.
///
/// # Errors
/// The status of a refusal by [`Query`], the view or the compute pool.
pub async fn answer<Q: Query>(
    services: &Services,
    request: Request<Q::Request>,
) -> Result<Response<Q::Response>, Status> {
    let query = step_now(Step::Validate, || Q::from_proto(request.into_inner()))?;
    Ok(Response::new(respond(services, query).await?))
}

/// Answers a validated request.
///
/// # Errors
/// As [`answer`].
pub async fn respond<Q: Query>(services: &Services, query: Q) -> Result<Q::Response, Refusal> {
    let pinned = step(Step::View, services.view(query.asked().0, Q::MODEL)).await?;
    reads_revision(pinned.snapshot().revision());
    let prepared = step(Step::Prepare, Q::Prepared::of(&query, services, &pinned)).await?;
    respond_with(services, query, pinned, prepared).await
}

/// Answers a validated request from a view, whatever view the request asks for.
///
/// # Errors
/// The refusal by [`Query`] or the compute pool.
pub async fn respond_with<Q: Query>(
    services: &Services,
    mut query: Q,
    pinned: Pinned,
    prepared: Arc<Q::Prepared>,
) -> Result<Q::Response, Refusal> {
    let analysed = async {
        let place = query.place(&prepared)?;
        let pool = match place {
            Place::Inline => return enveloped(&query, &pinned, &prepared),
            Place::Pool => &services.analyses,
            Place::Long => &services.compute,
        };
        let _kept = (place == Place::Pool).then(Kept::begin);
        // On the heap: a large query is otherwise in every future around it, twice.
        Box::pin(pool.run_soon(move || enveloped(&query, &pinned, &prepared))).await?
    };
    step(Step::Analyse, analysed).await
}

fn enveloped<Q: Query>(
    query: &Q,
    pinned: &Pinned,
    prepared: &Q::Prepared,
) -> Result<Q::Response, Refusal> {
    let (_, normal) = query.asked();
    Ok(query.answer(pinned, prepared)?.enclose(Q::METHOD, normal, pinned))
}
