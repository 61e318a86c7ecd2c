//! The one way a method writes: one revision, its kept answer, and that answer to every repeat.
//!
//! A method is a type whose fields are the validated request; [`Write`] says what it appends to a
//! given head. [`write()`] takes the write lock, answers a repeat from the store, appends, folds the
//! revision in, and tries again if another process committed first. It belongs in a task of its own:
//! a client that disconnects must not interrupt it.

use crate::{
    hex::hex,
    limits,
    market::Writing,
    refusal::Refusal,
    rpc::{envelope::Enveloped, query::Normal, shared::result_id},
    services::Services,
};
use contract::v1;
use marketdata::{
    facts::Batch,
    instant::Instant,
    market::{Market, RevisionMark},
};
use prost::Message;
use std::sync::Arc;
use store::{Append, Appended, Provenance, RequestKey, StoreError};

/// Where a write comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Its caller, method and request id; the answer is kept under them.
    pub key: RequestKey,
    /// Hash of the request: one with the same id and another hash is refused.
    pub fingerprint: [u8; 32],
    /// What the revision says of it.
    pub provenance: Provenance,
}

/// What a write appends to one head.
#[derive(Debug)]
pub struct Staged<T> {
    /// The facts.
    pub batch: Batch,
    /// The answer. The write fills in its revision, data version and id.
    pub answer: T,
}

/// A request that writes.
pub trait Write: Send {
    /// The protobuf message of the answer.
    type Answer: Enveloped + Message + Default;

    /// Where it comes from.
    fn origin(&self) -> &Origin;

    /// The request that the id of the answer is a hash of.
    fn normal(&self) -> &impl Normal;

    /// Prepares what it appends to a head. The write lock is held meanwhile, so this must not wait
    /// for the compute pool.
    ///
    /// # Errors
    /// If it cannot be written.
    fn stage(
        &mut self,
        head: Arc<Market>,
    ) -> impl Future<Output = Result<Staged<Self::Answer>, Refusal>> + Send;

    /// The bytes of an answer that are kept for repeats.
    fn kept_form(answer: &Self::Answer) -> Vec<u8> {
        answer.encode_to_vec()
    }
}

/// Writes once, and gives a repeat the answer of the first time.
///
/// # Errors
/// Those of [`Write::stage`] and of the store.
pub async fn write<W: Write>(services: &Services, request: &mut W) -> Result<W::Answer, Refusal> {
    let writing = services.market.writing().await;
    if let Some(kept) = kept(services, request.origin()).await? {
        return again(services, &writing, request.origin(), request.normal(), &kept).await;
    }
    let mut moved = None;
    for _ in 0..limits::WRITE_ATTEMPTS {
        let head = services.market.head();
        let base = head.head();
        let Staged { batch, mut answer } = request.stage(head).await?;
        let revision = if batch.is_empty() { batch.base_revision } else { batch.revision() };
        reference(&mut answer).revision = revision;
        let append = append(request.origin().clone(), (batch, base), W::kept_form(&answer));
        let appended = services.store.append(append).await;
        services.store_health.written(&appended);
        match appended {
            Ok(Appended::Committed(delta)) => {
                writing.fold(delta).await;
                return sealed(services, request.origin(), request.normal(), answer);
            }
            Ok(Appended::NothingNew) => {
                return sealed(services, request.origin(), request.normal(), answer);
            }
            Ok(Appended::Answered(kept)) => {
                return again(services, &writing, request.origin(), request.normal(), &kept).await;
            }
            Err(StoreError::HeadMoved { head }) => {
                moved = Some(StoreError::HeadMoved { head });
                writing.catch_up_to(head, services.store.as_ref()).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    let none = || Refusal::Failed("invariant: at least one attempt to write".into());
    Err(moved.map_or_else(none, Refusal::Store))
}

/// The answer of the first time, if this is a repeat. A request that takes long to prepare asks for
/// it before.
///
/// # Errors
/// If the store cannot be read, or has another request under this id.
pub async fn repeated<T: Enveloped + Message + Default>(
    services: &Services,
    origin: &Origin,
    normal: &impl Normal,
) -> Result<Option<T>, Refusal> {
    let Some(kept) = kept(services, origin).await? else { return Ok(None) };
    let writing = services.market.writing().await;
    again(services, &writing, origin, normal, &kept).await.map(Some)
}

async fn kept(services: &Services, origin: &Origin) -> Result<Option<Vec<u8>>, Refusal> {
    let kept = services.store.answer_of(&origin.key, origin.fingerprint).await;
    if let Err(error) = &kept {
        services.store_health.not_read(error);
    }
    Ok(kept?)
}

fn append(
    Origin { key, fingerprint, provenance }: Origin,
    (batch, base): (Batch, RevisionMark),
    answer: Vec<u8>,
) -> Append {
    let kept_from = provenance.received_at.micros().saturating_sub(limits::REQUEST_ID_KEPT_MICROS);
    let forget_before = Instant::from_micros(kept_from);
    // A batch on another revision is refused by its number.
    let base_version = (batch.base_revision == base.revision).then_some(base.data_version);
    Append { key, fingerprint, provenance, batch, base_version, answer, forget_before }
}

/// The answer given before, by this process or by another whose revision is then folded in.
async fn again<T: Enveloped + Message + Default>(
    services: &Services,
    writing: &Writing<'_>,
    origin: &Origin,
    normal: &impl Normal,
    kept: &[u8],
) -> Result<T, Refusal> {
    let unreadable = |error| Refusal::Failed(format!("a kept answer is unreadable: {error}"));
    let mut answer = T::decode(kept).map_err(unreadable)?;
    let revision = reference(&mut answer).revision;
    writing.catch_up_to(revision, services.store.as_ref()).await?;
    // The answer may be of a log that goes on without what a standby had sent here.
    let confirmed = services.store.confirm(mark(services, revision)?).await;
    services.store_health.confirmed(&confirmed);
    confirmed?;
    sealed(services, origin, normal, answer)
}

/// The answer with its data version, which the append computes, and its id.
fn sealed<T: Enveloped>(
    services: &Services,
    origin: &Origin,
    normal: &impl Normal,
    mut answer: T,
) -> Result<T, Refusal> {
    let reference = reference(&mut answer);
    reference.data_version = hex(&mark(services, reference.revision)?.data_version);
    let result_id = result_id(&origin.key.method, normal, reference);
    answer.info().get_or_insert_default().result_id = result_id;
    Ok(answer)
}

/// A revision that the market has, with its data version.
fn mark(services: &Services, revision: u64) -> Result<RevisionMark, Refusal> {
    let mark = services.market.head().mark(revision);
    mark.ok_or_else(|| Refusal::Failed("a revision is not in the market".into()))
}

fn reference(answer: &mut impl Enveloped) -> &mut v1::SnapshotRef {
    answer.info().get_or_insert_default().snapshot.get_or_insert_default()
}
