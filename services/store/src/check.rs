//! Does a store still hold what it was given? Every byte is read and every hash made again.

mod chain;

use crate::{
    CheckReport, StoreError,
    log::Log,
    parallel,
    seal::{self, Seal},
    segment::{self, Summary},
};
use marketdata::segment::Segment;
use std::sync::Arc;

/// All that a store holds, in one snapshot; segments still packed.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) log: Log,
    pub(crate) segments: Vec<Held>,
    /// The sum of the seals of the segments, as kept.
    pub(crate) manifest: Seal,
    /// What was found wrong while reading.
    pub(crate) faults: Vec<String>,
}

/// A segment as the database holds it.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) id: i64,
    pub(crate) summary: Summary,
    pub(crate) checksum: Vec<u8>,
    pub(crate) bytes: Vec<u8>,
}

impl Held {
    fn unpack(&self) -> Result<Option<Segment>, String> {
        segment::unpack(&self.bytes, &self.checksum, &self.summary, 0)
            .map_err(|fault| format!("segment {}: {}", self.id, fault.0))
    }
}

/// Verifies seals and checksums, decodes every column, and makes the chain of data versions anew.
pub(crate) async fn check(mut contents: Contents) -> Result<CheckReport, StoreError> {
    let mut faults = std::mem::take(&mut contents.faults);
    faults.extend(contents.log.faults(0, seal::NONE));
    let seals = contents.segments.iter().map(|held| (held.id, &held.summary, &held.checksum[..]));
    faults.extend(manifest_fault(&contents.manifest, seals));
    let contents = Arc::new(contents);
    let shared = Arc::clone(&contents);
    let decoded = parallel::map(contents.segments.len(), move |i| {
        let segment = shared.segments[i].unpack();
        segment.map(|segment| segment.map_or(0, |segment| segment.len() as u64))
    });
    let mut facts = 0;
    for rows in decoded.await? {
        match rows {
            Ok(rows) => facts += rows,
            Err(fault) => faults.push(fault),
        }
    }
    let segments = contents.segments.len() as u64;
    let revisions = contents.log.revisions.len() as u64;
    faults.extend(parallel::run(move || chain::broken(&contents)).await?);
    Ok(CheckReport { revisions, segments, facts, faults })
}

/// Whether the list of live segments is the one that was written.
pub(crate) fn manifest_fault<'a>(
    kept: &Seal,
    segments: impl Iterator<Item = (i64, &'a Summary, &'a [u8])>,
) -> Option<String> {
    let mut made = seal::NONE;
    for (id, summary, checksum) in segments {
        seal::toggle(&mut made, &seal::of_segment(id, summary, checksum));
    }
    (made != *kept).then(|| "the list of segments is not the one that was written".to_owned())
}
