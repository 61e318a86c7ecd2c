//! The kept answer of a write, returned when the write is repeated, and its verification.

use crate::{
    RequestKey, StoreError,
    backend::Reading,
    seal::{self, Seal},
};
use marketdata::instant::Instant;

/// The row of a kept answer.
#[derive(Clone, Debug)]
pub(crate) struct KeptAnswer {
    pub(crate) key: RequestKey,
    pub(crate) fingerprint: Vec<u8>,
    /// `None` if the write added nothing.
    pub(crate) revision: Option<u64>,
    pub(crate) answered_at: Instant,
    pub(crate) answer: Vec<u8>,
    /// Hash of the rest of the row.
    pub(crate) seal: Seal,
}

impl KeptAnswer {
    /// Computes the seal from the rest of the row.
    pub(crate) fn made_seal(&self) -> Seal {
        let KeptAnswer { key, fingerprint, revision, answered_at, answer, .. } = self;
        seal::of_answer(key, fingerprint, *revision, *answered_at, answer)
    }

    /// The fault of the row, if it has one.
    pub(crate) fn fault(&self) -> Option<String> {
        let id = &self.key.request_id;
        (self.made_seal() != self.seal)
            .then(|| format!("the answer to request {id:?} does not match its seal"))
    }
}

/// The answer given before to a request, verified.
///
/// # Errors
/// [`StoreError::RequestIdReused`] if the fingerprint differs, [`StoreError::Damaged`].
pub(crate) async fn find(
    reading: &mut dyn Reading,
    key: &RequestKey,
    fingerprint: [u8; 32],
) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(kept) = reading.answer(key).await? else { return Ok(None) };
    if let Some(fault) = kept.fault() {
        return Err(StoreError::Damaged(fault));
    }
    if kept.fingerprint == fingerprint {
        Ok(Some(kept.answer))
    } else {
        Err(StoreError::RequestIdReused { request_id: key.request_id.clone() })
    }
}
