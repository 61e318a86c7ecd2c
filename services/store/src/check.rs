//! Checks that a store still holds what was written to it: reads every byte and recomputes every
//! hash, in bounded memory.

mod chain;
pub(crate) mod pages;
mod sweep;

use crate::{
    CheckReport, StoreError,
    answer::KeptAnswer,
    backend::{self, Backend, Listed, Reading, refuse_too_new},
    load,
    parallel::{Workers, joined},
    segment, settings,
};
use marketdata::{facts::FactTable, segment::Segment};
use pages::Pages;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tokio::sync::Semaphore;

/// Memory that a check takes, however long the log is: 256 MiB.
///
/// Not counted is data of the size of one upload or less: the list of segments (about 200 bytes
/// each), the faults found, the names of one revision, and the segments that share an instrument
/// and hold facts of one revision.
pub(crate) const CHECK_BYTES: usize = 256 << 20;

/// Kept answers verified per page.
const ANSWERS_TOGETHER: u32 = 100;
/// Maximum number of damaged answers listed one by one.
const FAULTS_LISTED: usize = 100;

/// Bytes per row of the widest dataset (84 bytes), as kept from its segment and in a table that
/// grows by doubling.
const ROW_BYTES: usize = 350;
/// Bytes of a full-length segment while it is decoded: its bytes, its columns, the rows kept.
const SEGMENT_BYTES: usize = 16 << 20;

/// The memory limit divided among its uses.
#[derive(Clone, Copy, Debug)]
struct Room {
    /// Rows gathered from several segments: half of the memory.
    rows: u64,
    /// Segments decoded at a time: a quarter.
    decoded: usize,
    /// Revisions whose facts are hashed side by side: an eighth. The last eighth is for everything
    /// else.
    revisions: usize,
}

impl Room {
    fn within(bytes: usize) -> Room {
        Room {
            rows: (bytes / 2 / ROW_BYTES) as u64,
            decoded: (bytes / 4 / SEGMENT_BYTES).max(1),
            revisions: (bytes / 8 / chain::HASHER_BYTES).max(1),
        }
    }
}

/// Verifies seals and checksums, decodes every column, and recomputes the chain of data versions,
/// all in one read transaction.
pub(crate) async fn check(
    backend: &dyn Backend,
    workers: &Workers,
    within_bytes: usize,
) -> Result<CheckReport, StoreError> {
    let mut transaction = backend.begin_read().await?;
    let mut report = CheckReport { revisions: 0, segments: 0, facts: 0, faults: Vec::new() };
    let segments = Segments::unread(Room::within(within_bytes), workers.clone());
    let checked = check_in(&mut *transaction, segments, &mut report).await;
    match backend::end(transaction, checked).await {
        Ok(()) => Ok(report),
        // Damage that stops the reading is reported like any other.
        Err(StoreError::Damaged(fault)) => {
            report.faults.push(fault);
            Ok(report)
        }
        Err(error) => Err(error),
    }
}

async fn check_in(
    reading: &mut dyn Reading,
    mut segments: Segments,
    report: &mut CheckReport,
) -> Result<(), StoreError> {
    refuse_too_new(reading.needed_reader().await?)?;
    report.faults.extend(reading.structure_faults().await?);
    match reading.head().await {
        Err(StoreError::Damaged(fault)) => report.faults.push(fault),
        head => drop(head?),
    }
    answer_faults(reading, &mut report.faults).await?;
    settings::faults(reading, &mut report.faults).await?;
    let listed = reading.segments().await?;
    report.segments = listed.len() as u64;
    report.faults.extend(load::manifest_fault(&reading.manifest().await?, &listed));
    let mut revision_faults = Vec::new();
    let walked =
        chain::walk(reading, &listed, &mut segments, &mut report.revisions, &mut revision_faults);
    let walked = walked.await;
    // Also if the walk could not be finished, every segment's own fault is reported, and first,
    // because it causes the faults of revisions.
    let unread: Vec<&Listed> =
        listed.iter().filter(|listed| !segments.verified.contains(&listed.id)).collect();
    let read = segments.read(reading, &unread, |_| None).await;
    report.faults.extend(segments.faults.into_values().chain(revision_faults));
    let sound = listed.iter().filter(|listed| segments.verified.contains(&listed.id));
    report.facts = sound.map(|listed| listed.summary.rows as u64).sum();
    walked.and(read.map(drop))
}

/// Adds the kept answers that do not match their seals.
async fn answer_faults(
    reading: &mut dyn Reading,
    faults: &mut Vec<String>,
) -> Result<(), StoreError> {
    let mut pages = Pages::of("kept answers");
    let mut found = 0;
    while let Some(after) = pages.after() {
        let page = reading.answers(after, ANSWERS_TOGETHER).await;
        for fault in pages.take(page, faults)?.iter().filter_map(KeptAnswer::fault) {
            faults.push(fault);
            found += 1;
            if found == FAULTS_LISTED {
                faults.push("there may be more: no further kept answer was verified".to_owned());
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Reads segments, and remembers the outcome of each.
#[derive(Debug)]
struct Segments {
    room: Room,
    workers: Workers,
    /// Segments without a fault.
    verified: BTreeSet<i64>,
    /// One fault per segment, however often it is read.
    faults: BTreeMap<i64, String>,
}

/// The rows kept from decoded segments, by revision.
type Kept = BTreeMap<u64, FactTable>;

impl Segments {
    fn unread(room: Room, workers: Workers) -> Segments {
        Segments { room, workers, verified: BTreeSet::new(), faults: BTreeMap::new() }
    }

    /// Reads, verifies and decodes segments, a few at a time, and applies `keep` to each.
    async fn read(
        &mut self,
        reading: &mut dyn Reading,
        listed: &[&Listed],
        keep: impl Fn(&Segment) -> Option<Kept> + Clone + Send + 'static,
    ) -> Result<Vec<Kept>, StoreError> {
        let permits = Arc::new(Semaphore::new(self.room.decoded));
        let mut tasks = Vec::with_capacity(listed.len());
        for Listed { id, summary, checksum } in listed {
            let permit = Arc::clone(&permits).acquire_owned().await;
            let bytes = reading.segment_bytes(*id).await?;
            let (checksum, summary, keep) = (checksum.clone(), *summary, keep.clone());
            let decode = move || {
                let segment = segment::unpack(&bytes, &checksum, &summary, 0);
                drop(bytes);
                let kept = segment.map(|segment| segment.as_ref().and_then(keep));
                drop(permit);
                kept
            };
            tasks.push((*id, self.workers.start(decode).await));
        }
        let mut all = Vec::new();
        for (id, task) in tasks {
            match joined(task.await)? {
                Ok(kept) => {
                    self.verified.insert(id);
                    all.extend(kept);
                }
                Err(fault) => {
                    self.faults.insert(id, format!("segment {id}: {}", fault.0));
                }
            }
        }
        Ok(all)
    }
}
