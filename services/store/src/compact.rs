//! Merges small segments into long ones: a year of daily appends becomes one run of days per
//! instrument.
//!
//! Every fact is kept, with its dates and its revision, so no answer changes. Segments are merged
//! by tiers of rows per instrument (below 4, 32, 256), eight or more at a time, so that a fact is
//! rewritten only a few times and not at every compaction. Replaced segments are deleted after a
//! grace period.

mod merge;

use crate::{
    StoreError,
    append::put_segments,
    backend::{self, Backend, Listed, Reading, Writing, refuse_too_new},
    load,
    parallel::Workers,
    seal,
    segment::Packed,
};
use marketdata::{instant::Instant, market::RevisionMark, segment::Segment};

/// How long a replaced segment is kept, for readers that still list it: 15 minutes.
const GRACE_MICROS: i64 = 15 * 60 * 1_000_000;

/// Segments to merge.
#[derive(Debug)]
pub(crate) struct Chosen {
    listed: Vec<Listed>,
    segments: Vec<Segment>,
    /// The newest revision of the log that they were read from, which may be that of a standby.
    head: RevisionMark,
}

/// Chooses and reads the segments to merge, at most `budget` facts.
pub(crate) async fn choose(
    backend: &dyn Backend,
    workers: &Workers,
    budget: u64,
) -> Result<Chosen, StoreError> {
    let mut transaction = backend.begin_read().await?;
    let chosen = choose_in(&mut *transaction, workers, budget).await;
    backend::end(transaction, chosen).await
}

/// Merges the chosen segments, and replaces them. Returns how many there were and how many there are
/// now: none if another process was faster.
pub(crate) async fn merge(
    backend: &dyn Backend,
    workers: &Workers,
    Chosen { listed, segments, head }: Chosen,
    now: Instant,
) -> Result<(u64, u64), StoreError> {
    if listed.is_empty() {
        return Ok((0, 0));
    }
    let mut merged = merge::merge(segments, workers).await?;
    let mut transaction = backend.begin_write().await?;
    let replaced = replace(&mut *transaction, (&listed, head), &mut merged, now).await;
    match backend::commit(transaction, replaced).await {
        Ok(()) => Ok((listed.len() as u64, merged.len() as u64)),
        Err(NotReplaced::CompactedMeanwhile) => Ok((0, 0)),
        Err(NotReplaced::Failed(error)) => Err(error),
    }
}

async fn choose_in(
    reading: &mut dyn Reading,
    workers: &Workers,
    budget: u64,
) -> Result<Chosen, StoreError> {
    refuse_too_new(reading.needed_reader().await?)?;
    let head = load::head(reading).await?;
    let listed = reading.segments().await?;
    let candidates: Vec<_> = listed.iter().map(|listed| (listed.id, listed.summary)).collect();
    let chosen = merge::choose(&candidates, budget);
    let chosen: Vec<Listed> =
        listed.into_iter().filter(|listed| chosen.binary_search(&listed.id).is_ok()).collect();
    let segments = load::segments(reading, workers, chosen.clone(), 0).await?;
    Ok(Chosen { listed: chosen, segments, head })
}

/// Why merged segments were not written.
enum NotReplaced {
    /// Another process merged some of the same segments.
    CompactedMeanwhile,
    Failed(StoreError),
}

impl From<StoreError> for NotReplaced {
    fn from(error: StoreError) -> NotReplaced {
        NotReplaced::Failed(error)
    }
}

/// Replaces segments by merged ones, if all of them are still live, in the log that they are of: one
/// that lost revisions, or was restored, has other segments under the same ids.
async fn replace(
    writing: &mut dyn Writing,
    (chosen, head): (&[Listed], RevisionMark),
    merged: &mut [Packed],
    now: Instant,
) -> Result<(), NotReplaced> {
    load::held(writing, head).await?;
    let mut manifest = writing.manifest().await?;
    for Listed { id, summary, checksum } in chosen {
        if !writing.retire_segment(*id, checksum, now).await? {
            return Err(NotReplaced::CompactedMeanwhile);
        }
        seal::toggle(&mut manifest, &seal::of_segment(*id, summary, checksum));
    }
    Ok(put_segments(writing, merged, &mut manifest).await?)
}

/// Deletes replaced segments whose grace period is over; returns their number.
pub(crate) async fn delete_retired(backend: &dyn Backend, now: Instant) -> Result<u64, StoreError> {
    let before = Instant::from_micros(now.micros().saturating_sub(GRACE_MICROS));
    let mut transaction = backend.begin_write().await?;
    let deleted = transaction.delete_retired(before).await;
    let deleted = backend::commit(transaction, deleted).await?;
    if 0 < deleted {
        backend.reclaim().await?;
    }
    Ok(deleted)
}
