//! Does a store still hold what it was given? Every byte is read and every hash made again.

mod chain;

use crate::{
    CheckReport, RevisionRecord, StoreError, parallel,
    segment::{self, Summary},
};
use marketdata::instrument::{Instrument, Naming};
use std::sync::Arc;

/// All that a store holds, in one snapshot; segments still packed.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) revisions: Vec<RevisionRecord>,
    pub(crate) instruments: Vec<Instrument>,
    pub(crate) namings: Vec<Naming>,
    /// Id, revision and text.
    pub(crate) texts: Vec<(i64, u64, String)>,
    pub(crate) segments: Vec<Held>,
    /// What the database itself complains of.
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

/// Verifies checksums, decodes every column, and makes the chain of data versions anew.
pub(crate) async fn check(mut contents: Contents) -> Result<CheckReport, StoreError> {
    let mut faults = std::mem::take(&mut contents.faults);
    faults.extend(numbering(&contents));
    let contents = Arc::new(contents);
    let shared = Arc::clone(&contents);
    let decoded = parallel::map(contents.segments.len(), move |i| decode(&shared.segments[i]));
    let mut facts = 0;
    for (rows, fault) in decoded.await? {
        facts += rows;
        faults.extend(fault);
    }
    let segments = contents.segments.len() as u64;
    let revisions = contents.revisions.len() as u64;
    faults.extend(parallel::run(move || chain::broken(&contents)).await?);
    Ok(CheckReport { revisions, segments, facts, faults })
}

/// The facts of a segment, and what is wrong with it.
fn decode(held: &Held) -> (u64, Option<String>) {
    match segment::unpack(&held.bytes, &held.checksum, 0) {
        Err(fault) => (0, Some(format!("segment {}: {}", held.id, fault.0))),
        Ok(segment) => {
            let wrong = segment.as_ref().and_then(Summary::of) != Some(held.summary);
            let fault = format!("segment {}: the list describes other contents", held.id);
            (segment.map_or(0, |segment| segment.len() as u64), wrong.then_some(fault))
        }
    }
}

/// Revisions, instruments and texts are numbered without gaps, and belong to revisions that are.
fn numbering(contents: &Contents) -> Vec<String> {
    let mut faults = Vec::new();
    for (expected, record) in (1..).zip(&contents.revisions) {
        if record.mark.revision != expected {
            faults.push(format!("revision {expected} is missing before {}", record.mark.revision));
            break;
        }
    }
    for (expected, instrument) in (1..).zip(&contents.instruments) {
        if instrument.id.0 != expected {
            faults.push(format!("instrument {expected} is missing before {}", instrument.id.0));
            break;
        }
    }
    for (expected, (id, _, _)) in (0..).zip(&contents.texts) {
        if *id != expected {
            faults.push(format!("text {expected} is missing before {id}"));
            break;
        }
    }
    let instruments = contents.instruments.len();
    for naming in &contents.namings {
        if naming.instrument.0 == 0 || instruments < naming.instrument.0 as usize {
            faults
                .push(format!("a name belongs to the unknown instrument {}", naming.instrument.0));
        }
    }
    faults
}
