//! Appends a batch: atomically, once per request, and only to the head it was prepared for.

use crate::{
    Append, Appended, Provenance, RevisionRecord, StoreError,
    answer::{self, KeptAnswer},
    backend::{self, Backend, NewSegment, Writing},
    load,
    log::Sealed,
    parallel::Workers,
    prepare::Prepared,
    seal::{self, Seal},
    segment::{LAYOUT, Packed},
};
use marketdata::{facts::Batch, market::RevisionMark};

/// Expired answers that one write deletes: more than it adds, and few enough not to delay it.
const FORGOTTEN_AT_ONCE: u32 = 256;

enum Outcome {
    Answered(Vec<u8>),
    NothingNew,
    Written(RevisionMark),
}

/// Adds a batch as the next revision. All packing is done before the lock is taken.
pub(crate) async fn append(
    backend: &dyn Backend,
    workers: &Workers,
    mut append: Append,
) -> Result<Appended, StoreError> {
    let batch = std::mem::replace(&mut append.batch, Batch::empty(0));
    let mut prepared = Prepared::of(batch, workers).await?;
    let mut transaction = backend.begin_write().await?;
    let outcome = append_in(&mut *transaction, append, &mut prepared).await;
    Ok(match backend::commit(transaction, outcome).await? {
        Outcome::Answered(answer) => Appended::Answered(answer),
        Outcome::NothingNew => Appended::NothingNew,
        Outcome::Written(mark) => Appended::Committed(prepared.into_delta(mark)),
    })
}

async fn append_in(
    writing: &mut dyn Writing,
    append: Append,
    prepared: &mut Prepared,
) -> Result<Outcome, StoreError> {
    if let Some(answer) = answer::find(writing, &append.key, append.fingerprint).await? {
        return Ok(Outcome::Answered(answer));
    }
    let head = load::head(writing).await?;
    if let Some(data_version) = append.base_version {
        // After a failover that lost revisions others may have written under the same numbers: names
        // and instruments of this batch would be theirs.
        let base = RevisionMark { revision: prepared.base_revision, data_version };
        load::holds(writing, head, base).await?;
    }
    if head.revision != prepared.base_revision {
        return Err(StoreError::HeadMoved { head: head.revision });
    }
    writing.delete_answers(append.forget_before, FORGOTTEN_AT_ONCE).await?;
    if prepared.is_empty() {
        put_answer(writing, append, None).await?;
        return Ok(Outcome::NothingNew);
    }
    let mark = prepared.mark(head);
    put_revision(writing, mark, append.provenance.clone(), prepared).await?;
    writing.put_instruments(&prepared.instruments, mark.revision).await?;
    writing.put_namings(&prepared.namings, mark.revision).await?;
    writing.put_texts(&prepared.texts, mark.revision).await?;
    let mut manifest = writing.manifest().await?;
    put_segments(writing, &mut prepared.segments, &mut manifest).await?;
    put_answer(writing, append, Some(mark.revision)).await?;
    Ok(Outcome::Written(mark))
}

async fn put_revision(
    writing: &mut dyn Writing,
    mark: RevisionMark,
    provenance: Provenance,
    prepared: &Prepared,
) -> Result<(), StoreError> {
    let committed_at = writing.now().await?;
    let record = RevisionRecord { mark, committed_at, provenance, facts: prepared.facts };
    let previous = load::seal(writing, mark.revision - 1).await?;
    let texts = prepared.texts.iter().map(String::as_str);
    let seal =
        seal::of_revision(previous, &record, &prepared.instruments, &prepared.namings, texts);
    writing.put_revision(&Sealed { record, seal }).await
}

async fn put_answer(
    writing: &mut dyn Writing,
    append: Append,
    revision: Option<u64>,
) -> Result<(), StoreError> {
    let mut kept = KeptAnswer {
        key: append.key,
        fingerprint: append.fingerprint.to_vec(),
        revision,
        answered_at: append.provenance.received_at,
        answer: append.answer,
        seal: seal::NONE,
    };
    kept.seal = kept.made_seal();
    writing.put_answer(&kept).await
}

/// Writes the segments, whose bytes are moved out, and updates the seal of the segment list.
pub(crate) async fn put_segments(
    writing: &mut dyn Writing,
    segments: &mut [Packed],
    manifest: &mut Seal,
) -> Result<(), StoreError> {
    for Packed { bytes, checksum, summary, .. } in segments {
        let (bytes, summary, checksum) = (std::mem::take(bytes), *summary, *checksum);
        put_segment(writing, NewSegment { summary, layout: LAYOUT, checksum, bytes }, manifest)
            .await?;
    }
    writing.put_manifest(manifest).await
}

/// Writes a segment, and adds it to the seal of the segment list.
pub(crate) async fn put_segment(
    writing: &mut (dyn Writing + '_),
    segment: NewSegment,
    manifest: &mut Seal,
) -> Result<(), StoreError> {
    let NewSegment { summary, checksum, .. } = segment;
    let id = writing.put_segment(segment).await?;
    seal::toggle(manifest, &seal::of_segment(id, &summary, &checksum));
    Ok(())
}
