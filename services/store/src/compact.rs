//! Merges small segments into long ones: a year of daily appends becomes one run of days per
//! instrument.
//!
//! Every fact is kept, with its dates and its revision, so no answer changes. Segments are merged
//! by tiers of rows per instrument (below 4, 32, 256), eight or more at a time, so that a fact is
//! rewritten only a few times and not at every compaction. Replaced segments are deleted after a
//! grace period.

mod merge;

use crate::{
    Compacted, StoreError,
    append::put_segments,
    backend::{self, Backend, Listed, Reading, Writing, refuse_too_new},
    load,
    parallel::Workers,
    seal,
    segment::Packed,
};
use marketdata::{instant::Instant, segment::Segment};

/// How long a replaced segment is kept, for readers that still list it: 15 minutes.
const GRACE_MICROS: i64 = 15 * 60 * 1_000_000;

/// Deletes segments whose grace period is over, then merges small segments.
pub(crate) async fn compact(
    backend: &dyn Backend,
    workers: &Workers,
    budget: u64,
    now: Instant,
) -> Result<Compacted, StoreError> {
    let deleted = delete_retired(backend, now).await?;
    let mut transaction = backend.begin_read().await?;
    let chosen = choose(&mut *transaction, workers, budget).await;
    let (chosen, segments) = backend::end(transaction, chosen).await?;
    if chosen.is_empty() {
        return Ok(Compacted { merged: 0, written: 0, deleted });
    }
    let mut merged = merge::merge(segments, workers).await?;
    let mut transaction = backend.begin_write().await?;
    let replaced = replace(&mut *transaction, &chosen, &mut merged, now).await;
    match backend::commit(transaction, replaced).await {
        Ok(()) => {
            let (merged, written) = (chosen.len() as u64, merged.len() as u64);
            Ok(Compacted { merged, written, deleted })
        }
        Err(NotReplaced::CompactedMeanwhile) => Ok(Compacted { merged: 0, written: 0, deleted }),
        Err(NotReplaced::Failed(error)) => Err(error),
    }
}

/// Chooses and reads the segments to merge.
async fn choose(
    reading: &mut dyn Reading,
    workers: &Workers,
    budget: u64,
) -> Result<(Vec<Listed>, Vec<Segment>), StoreError> {
    refuse_too_new(reading.needed_reader().await?)?;
    let listed = reading.segments().await?;
    let candidates: Vec<_> = listed.iter().map(|listed| (listed.id, listed.summary)).collect();
    let chosen = merge::choose(&candidates, budget);
    let chosen: Vec<Listed> =
        listed.into_iter().filter(|listed| chosen.binary_search(&listed.id).is_ok()).collect();
    let segments = load::segments(reading, workers, chosen.clone(), 0).await?;
    Ok((chosen, segments))
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

/// Replaces segments by merged ones, if all of them are still live.
async fn replace(
    writing: &mut dyn Writing,
    chosen: &[Listed],
    merged: &mut [Packed],
    now: Instant,
) -> Result<(), NotReplaced> {
    let mut manifest = writing.manifest().await?;
    for Listed { id, summary, checksum } in chosen {
        if !writing.retire_segment(*id, now).await? {
            return Err(NotReplaced::CompactedMeanwhile);
        }
        seal::toggle(&mut manifest, &seal::of_segment(*id, summary, checksum));
    }
    Ok(put_segments(writing, merged, &mut manifest).await?)
}

async fn delete_retired(backend: &dyn Backend, now: Instant) -> Result<u64, StoreError> {
    let before = Instant::from_micros(now.micros().saturating_sub(GRACE_MICROS));
    let mut transaction = backend.begin_write().await?;
    let deleted = transaction.delete_retired(before).await;
    let deleted = backend::commit(transaction, deleted).await?;
    if 0 < deleted {
        backend.reclaim().await?;
    }
    Ok(deleted)
}
