//! Reads the log: everything that can change an answer is verified before it is returned.

use crate::{
    Followed, Look, RequestKey, RevisionPage, StoreError, answer,
    backend::{self, Backend, Listed, Reading, refuse_too_new},
    log::{NamePages, Verifier},
    parallel::{Workers, joined},
    seal::{self, Seal},
    segment,
};
use marketdata::{
    market::{Delta, RevisionMark},
    segment::Segment,
};
use std::sync::Arc;

/// Revisions read per page.
pub(crate) const REVISIONS_TOGETHER: u32 = 1_000;

/// The newest revision; the mark of the empty log if there is none.
pub(crate) async fn head(reading: &mut (dyn Reading + '_)) -> Result<RevisionMark, StoreError> {
    let empty = RevisionMark { revision: 0, data_version: [0; 32] };
    Ok(reading.head().await?.unwrap_or(empty))
}

/// The seal of a revision; that of the empty log for 0.
pub(crate) async fn seal(
    reading: &mut (dyn Reading + '_),
    revision: u64,
) -> Result<Seal, StoreError> {
    if revision == 0 { Ok(seal::NONE) } else { reading.seal(revision).await }
}

/// [`head`] in its own transaction.
pub(crate) async fn head_of(backend: &dyn Backend) -> Result<RevisionMark, StoreError> {
    let mut transaction = backend.begin_read().await?;
    let found = head(&mut *transaction).await;
    backend::end(transaction, found).await
}

/// [`head`], and whether it was read where it may be behind, in their own transaction.
pub(crate) async fn look(backend: &dyn Backend) -> Result<Look, StoreError> {
    let mut transaction = backend.begin_read().await?;
    let found = look_in(&mut *transaction).await;
    backend::end(transaction, found).await
}

async fn look_in(reading: &mut (dyn Reading + '_)) -> Result<Look, StoreError> {
    // First, because a standby that is promoted meanwhile has all of its log.
    let lags = reading.lags().await?;
    Ok(Look { head: head(reading).await?, lags })
}

/// [`answer::find`] in its own transaction.
pub(crate) async fn answer_of(
    backend: &dyn Backend,
    key: &RequestKey,
    fingerprint: [u8; 32],
) -> Result<Option<Vec<u8>>, StoreError> {
    let mut transaction = backend.begin_read().await?;
    let found = answer::find(&mut *transaction, key, fingerprint).await;
    backend::end(transaction, found).await
}

/// A page of the log's revisions, verified like the log itself.
pub(crate) async fn revisions(
    backend: &dyn Backend,
    after: u64,
    limit: u32,
) -> Result<RevisionPage, StoreError> {
    let mut transaction = backend.begin_read().await?;
    let found = revisions_in(&mut *transaction, after, limit).await;
    backend::end(transaction, found).await
}

async fn revisions_in(
    reading: &mut dyn Reading,
    after: u64,
    limit: u32,
) -> Result<RevisionPage, StoreError> {
    let Look { head, lags } = look_in(reading).await?;
    if head.revision <= after {
        return Ok(RevisionPage { records: Vec::new(), lags });
    }
    let mut verifier = Verifier::after(after, seal(reading, after).await?);
    let mut names = NamePages::after(after);
    let mut records = Vec::new();
    for sealed in reading.revisions(after, limit).await? {
        let brought = names.of(reading, sealed.record.mark.revision).await?;
        if let Some(fault) = verifier.faults(&sealed, &brought).into_iter().next() {
            return Err(StoreError::Damaged(fault));
        }
        records.push(sealed.record);
    }
    Ok(RevisionPage { records, lags })
}

/// What was added after the revision that a process has read, in one transaction.
pub(crate) async fn follow(
    backend: &dyn Backend,
    workers: &Workers,
    ours: RevisionMark,
) -> Result<Followed, StoreError> {
    let mut transaction = backend.begin_read().await?;
    let followed = follow_in(&mut *transaction, workers, ours).await;
    backend::end(transaction, followed).await
}

async fn follow_in(
    reading: &mut dyn Reading,
    workers: &Workers,
    ours: RevisionMark,
) -> Result<Followed, StoreError> {
    let Look { head, lags } = look_in(reading).await?;
    if head == ours {
        return Ok(Followed { delta: None, lags });
    }
    if lags && head.revision < ours.revision {
        return Ok(Followed { delta: None, lags });
    }
    holds(reading, head, ours).await?;
    Ok(Followed { delta: Some(load_in(reading, workers, ours.revision).await?), lags })
}

/// Checks that the log that is written holds a revision, in one transaction.
pub(crate) async fn confirm(backend: &dyn Backend, ours: RevisionMark) -> Result<(), StoreError> {
    let mut transaction = backend.begin_read_of_primary().await?;
    let held = held(&mut *transaction, ours).await;
    backend::end(transaction, held).await
}

/// Checks that what serves the reads will have what is written: it is a standby, or it has all that
/// was committed before. Another database, or a standby that was promoted by itself, would be behind
/// for ever and not know it.
pub(crate) async fn confirm_reads(backend: &dyn Backend) -> Result<(), StoreError> {
    if backend.reads_what_it_writes() {
        return Ok(());
    }
    let mut primary = backend.begin_read_of_primary().await?;
    let found = head(&mut *primary).await;
    let written = backend::end(primary, found).await?;
    let mut transaction = backend.begin_read().await?;
    let held = match transaction.lags().await {
        Ok(true) => Ok(()),
        Ok(false) => held(&mut *transaction, written).await,
        Err(error) => Err(error),
    };
    match backend::end(transaction, held).await {
        Err(StoreError::Replaced(_)) => Err(StoreError::Unrelated(written.revision)),
        other => other,
    }
}

/// Checks that a log holds a revision.
pub(crate) async fn held(reading: &mut dyn Reading, mark: RevisionMark) -> Result<(), StoreError> {
    let head = head(reading).await?;
    holds(reading, head, mark).await
}

/// Refuses a log with a given head that is shorter than what was read, or has other data under it.
pub(crate) async fn holds(
    reading: &mut dyn Reading,
    head: RevisionMark,
    ours: RevisionMark,
) -> Result<(), StoreError> {
    if head == ours {
        return Ok(());
    }
    if head.revision < ours.revision {
        return Err(shorter(head.revision, ours.revision));
    }
    let Some(before) = ours.revision.checked_sub(1) else { return Ok(()) };
    let theirs = reading.revisions(before, 1).await?;
    match theirs.first() {
        Some(sealed) if sealed.record.mark == ours => Ok(()),
        _ => Err(replaced(ours.revision)),
    }
}

/// The log has other data under a revision than those that were read.
fn replaced(revision: u64) -> StoreError {
    let text = format!("its revision {revision} differs from the one read before");
    StoreError::Replaced(text)
}

/// The log ends before a revision that was read.
fn shorter(head: u64, ours: u64) -> StoreError {
    let text = format!("its newest revision is {head}, but this process has read {ours}");
    StoreError::Replaced(text)
}

/// Everything after a revision, in one transaction.
pub(crate) async fn load(
    backend: &dyn Backend,
    workers: &Workers,
    after: u64,
) -> Result<Delta, StoreError> {
    let mut transaction = backend.begin_read().await?;
    // A backend that keeps the head apart compares it with the revisions.
    let delta = match transaction.head().await {
        Ok(_) => load_in(&mut *transaction, workers, after).await,
        Err(error) => Err(error),
    };
    backend::end(transaction, delta).await
}

async fn load_in(
    reading: &mut dyn Reading,
    workers: &Workers,
    after: u64,
) -> Result<Delta, StoreError> {
    refuse_too_new(reading.needed_reader().await?)?;
    let (mut delta, promised) = names_after(reading, after).await?;
    let listed = reading.segments().await?;
    if let Some(fault) = manifest_fault(&reading.manifest().await?, &listed) {
        return Err(StoreError::Damaged(fault));
    }
    let new = listed.into_iter().filter(|listed| after < listed.summary.revisions.1).collect();
    let segments = segments(reading, workers, new, after).await?;
    let found: u64 = segments.iter().map(|segment| segment.len() as u64).sum();
    if promised != found {
        let fault = format!("facts after revision {after}: {promised} recorded, {found} found");
        return Err(StoreError::Damaged(fault));
    }
    delta.segments = segments.into_iter().map(Arc::new).collect();
    Ok(delta)
}

/// A delta without its segments, and the number of facts that its revisions should have.
async fn names_after(reading: &mut dyn Reading, after: u64) -> Result<(Delta, u64), StoreError> {
    let (instruments, namings, texts) = (Vec::new(), Vec::new(), Vec::new());
    let mut delta = Delta { marks: Vec::new(), instruments, namings, texts, segments: Vec::new() };
    let mut facts = 0_u64;
    let mut verifier = Verifier::after(after, seal(reading, after).await?);
    let mut names = NamePages::after(after);
    let mut last = after;
    loop {
        let revisions = reading.revisions(last, REVISIONS_TOGETHER).await?;
        if revisions.is_empty() {
            break;
        }
        for sealed in revisions {
            let record = &sealed.record;
            last = record.mark.revision;
            let brought = names.of(reading, last).await?;
            if let Some(fault) = verifier.faults(&sealed, &brought).into_iter().next() {
                return Err(StoreError::Damaged(fault));
            }
            facts = facts.saturating_add(record.facts);
            delta.marks.push(record.mark);
            delta.instruments.extend(brought.instruments);
            delta.namings.extend(brought.namings);
            delta.texts.extend(brought.texts.into_iter().map(|text| text.text));
        }
    }
    match names.stray(reading).await? {
        Some(fault) => Err(StoreError::Damaged(fault)),
        None => Ok((delta, facts)),
    }
}

/// The fault of the list of live segments, if it does not match its seal.
pub(crate) fn manifest_fault(kept: &Seal, segments: &[Listed]) -> Option<String> {
    let mut made = seal::NONE;
    for Listed { id, summary, checksum } in segments {
        seal::toggle(&mut made, &seal::of_segment(*id, summary, checksum));
    }
    (made != *kept).then(|| "the list of segments does not match its seal".to_owned())
}

/// Reads, verifies and decodes segments, at most one per thread at a time; reads the next one
/// meanwhile.
pub(crate) async fn segments(
    reading: &mut dyn Reading,
    workers: &Workers,
    listed: Vec<Listed>,
    after: u64,
) -> Result<Vec<Segment>, StoreError> {
    let mut tasks = Vec::with_capacity(listed.len());
    for Listed { id, summary, checksum } in listed {
        let bytes = reading.segment_bytes(id).await?;
        let decode = move || {
            let segment = segment::unpack(&bytes, &checksum, &summary, after);
            segment.map_err(|fault| StoreError::Damaged(format!("segment {id}: {}", fault.0)))
        };
        tasks.push(workers.start(decode).await);
    }
    let mut segments = Vec::with_capacity(tasks.len());
    for task in tasks {
        segments.extend(joined(task.await)??);
    }
    Ok(segments)
}
