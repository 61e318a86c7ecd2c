//! Copies a whole log into another store, of any kind: a desk that outgrows one machine keeps its
//! history and its replays.
//!
//! Revisions keep their numbers, times, data versions and seals; kept answers and settings come
//! along. Segments are copied as they are packed, under new ids.

use crate::{
    Access, CheckReport, Place, StoreError,
    append::put_segment,
    backend::{self, Backend, Listed, NewSegment, Reading, Writing},
    backend_of, check,
    load::{REVISIONS_TOGETHER, manifest_fault},
    log::NamePages,
    parallel::Workers,
    seal,
    segment::LAYOUT,
    url::without_password,
};

/// Rows of answers and of settings copied at a time.
const ROWS_TOGETHER: u32 = 100;

/// Copies the log at `from`, which may be in use, to `to`, which must not exist or be empty.
///
/// The source is verified first: if the report has faults, nothing was copied. Otherwise the report
/// is that of the copy.
///
/// # Errors
/// [`StoreError::FileRefused`] if `to` is not empty; else as [`crate::connect`].
pub async fn copy(from: &str, to: &str) -> Result<CheckReport, StoreError> {
    let source = backend_of(Place::of(from), Access::Read).await?;
    let report = match check_whole(&*source).await {
        Ok(report) if report.faults.is_empty() => copy_to(&*source, to).await,
        other => other,
    };
    source.close().await;
    report
}

async fn check_whole(backend: &dyn Backend) -> Result<CheckReport, StoreError> {
    check::check(backend, &Workers::per_processor(), check::CHECK_BYTES).await
}

async fn copy_to(source: &dyn Backend, to: &str) -> Result<CheckReport, StoreError> {
    let target = backend_of(Place::of(to), Access::Create).await?;
    let report = match copy_all(source, &*target, to).await {
        Ok(()) => check_whole(&*target).await,
        Err(error) => Err(error),
    };
    target.close().await;
    report
}

/// One transaction on either side: the copy is of one moment, and whole or not there.
async fn copy_all(source: &dyn Backend, target: &dyn Backend, to: &str) -> Result<(), StoreError> {
    let mut reading = source.begin_read().await?;
    let mut writing = target.begin_write().await?;
    let copied = match refuse_used(&mut *writing, to).await {
        Ok(()) => copy_rows(&mut *reading, &mut *writing).await,
        refused => refused,
    };
    let copied = backend::commit(writing, copied).await;
    backend::end(reading, copied).await
}

async fn refuse_used(target: &mut (dyn Writing + '_), to: &str) -> Result<(), StoreError> {
    let is_empty = target.head().await?.is_none()
        && target.answers(0, 1).await?.is_empty()
        && target.settings_count().await? == 0;
    if is_empty {
        return Ok(());
    }
    let text = format!("{} is in use: copy to a new store", without_password(to));
    Err(StoreError::FileRefused(text))
}

async fn copy_rows(
    reading: &mut (dyn Reading + '_),
    writing: &mut (dyn Writing + '_),
) -> Result<(), StoreError> {
    copy_revisions(reading, writing).await?;
    copy_segments(reading, writing).await?;
    let mut after = 0;
    while let Some(last) = copy_answers(reading, writing, after).await? {
        after = last;
    }
    after = 0;
    while let Some(last) = copy_settings(reading, writing, after).await? {
        after = last;
    }
    Ok(())
}

async fn copy_revisions(
    reading: &mut (dyn Reading + '_),
    writing: &mut (dyn Writing + '_),
) -> Result<(), StoreError> {
    let (mut names, mut last) = (NamePages::after(0), 0);
    loop {
        let page = reading.revisions(last, REVISIONS_TOGETHER).await?;
        if page.is_empty() {
            return Ok(());
        }
        for sealed in page {
            last = sealed.record.mark.revision;
            let brought = names.of(reading, last).await?;
            writing.put_revision(&sealed).await?;
            writing.put_instruments(&brought.instruments, last).await?;
            writing.put_namings(&brought.namings, last).await?;
            let texts: Vec<String> = brought.texts.into_iter().map(|text| text.text).collect();
            writing.put_texts(&texts, last).await?;
        }
    }
}

async fn copy_segments(
    reading: &mut (dyn Reading + '_),
    writing: &mut (dyn Writing + '_),
) -> Result<(), StoreError> {
    let listed = reading.segments().await?;
    if let Some(fault) = manifest_fault(&reading.manifest().await?, &listed) {
        return Err(StoreError::Damaged(fault));
    }
    let mut manifest = seal::NONE;
    for Listed { id, summary, checksum } in listed {
        let bytes = reading.segment_bytes(id).await?;
        let checksum = checksum.try_into().map_err(|_| {
            StoreError::Damaged(format!("segment {id}: its checksum is not a hash"))
        })?;
        let segment = NewSegment { summary, layout: LAYOUT, checksum, bytes };
        put_segment(writing, segment, &mut manifest).await?;
    }
    writing.put_manifest(&manifest).await
}

/// Copies a page of kept answers; returns the row of the last one.
async fn copy_answers(
    reading: &mut (dyn Reading + '_),
    writing: &mut (dyn Writing + '_),
    after: i64,
) -> Result<Option<i64>, StoreError> {
    let page = reading.answers(after, ROWS_TOGETHER).await?;
    for answer in &page {
        writing.put_answer(&answer.value).await?;
    }
    Ok(page.last().map(|answer| answer.row))
}

/// Copies a page of settings; returns the row of the last one.
async fn copy_settings(
    reading: &mut (dyn Reading + '_),
    writing: &mut (dyn Writing + '_),
    after: i64,
) -> Result<Option<i64>, StoreError> {
    let page = reading.all_settings(after, ROWS_TOGETHER).await?;
    for settings in &page {
        writing.put_settings(&settings.value).await?;
    }
    Ok(page.last().map(|settings| settings.row))
}
