//! Recomputes the chain of data versions from the segments, a window of revisions at a time.

use super::{Segments, sweep};
use crate::{
    StoreError,
    backend::{Listed, Reading},
    load::REVISIONS_TOGETHER,
    log::{NamePages, Names, Sealed, Verifier},
    seal,
    version::{self, TableDigest},
};
use marketdata::dataset::Dataset;
use std::collections::{BTreeMap, VecDeque};

/// Bytes needed to hash the facts of one revision in the widest dataset.
pub(super) const HASHER_BYTES: usize = 13 * size_of::<blake3::Hasher>();

/// Verifies every revision: its number, its seal, and that its facts give its data version. Counts
/// revisions and adds faults until the end of the log or unreadable data.
pub(super) async fn walk(
    reading: &mut dyn Reading,
    listed: &[Listed],
    segments: &mut Segments,
    count: &mut u64,
    faults: &mut Vec<String>,
) -> Result<(), StoreError> {
    let mut verifier = Verifier::after(0, seal::NONE);
    let mut names = NamePages::after(0);
    let mut pending: VecDeque<Sealed> = VecDeque::new();
    let (mut last, mut version) = (0, [0; 32]);
    loop {
        last = read_ahead(reading, &mut pending, last, segments.room.revisions).await?;
        let window = window(&pending, listed, segments);
        if window == 0 {
            break;
        }
        let window: Vec<Sealed> = pending.drain(..window).collect();
        let mut digests = digests(reading, listed, segments, &window).await?;
        for sealed in window {
            let mark = sealed.record.mark;
            let brought = names.of(reading, mark.revision).await?;
            faults.extend(verifier.faults(&sealed, &brought));
            let tables = digests.remove(&mark.revision).unwrap_or_default();
            faults.extend(fault_of(&sealed, &brought, version, &tables));
            version = mark.data_version;
            *count += 1;
        }
    }
    faults.extend(names.stray(reading).await?);
    let strange = listed.iter().filter(|listed| last < listed.summary.revisions.1);
    faults.extend(strange.map(|listed| {
        let revision = listed.summary.revisions.1;
        format!("segment {}: it holds revision {revision}, which does not exist", listed.id)
    }));
    Ok(())
}

/// Reads revisions until `enough` are pending or none is left; returns the last one read.
async fn read_ahead(
    reading: &mut dyn Reading,
    pending: &mut VecDeque<Sealed>,
    mut last: u64,
    enough: usize,
) -> Result<u64, StoreError> {
    while pending.len() < enough {
        let limit = REVISIONS_TOGETHER.min((enough - pending.len()) as u32);
        let page = reading.revisions(last, limit).await?;
        let Some(newest) = page.last() else { break };
        if newest.record.mark.revision <= last {
            return Err(StoreError::Damaged(format!("revisions are out of order after {last}")));
        }
        last = newest.record.mark.revision;
        pending.extend(page);
    }
    Ok(last)
}

/// Number of next revisions to process together: as many as there is room for, and at least one.
fn window(pending: &VecDeque<Sealed>, listed: &[Listed], segments: &Segments) -> usize {
    let facts = |count: usize| {
        let facts = pending.range(..count).map(|sealed| sealed.record.facts);
        facts.fold(0, u64::saturating_add)
    };
    let fits = |count: usize| {
        let revision = |at: usize| pending[at].record.mark.revision;
        facts(count) <= segments.room.rows
            || sweep::most_open_rows(listed, (revision(0), revision(count - 1)))
                <= segments.room.rows
    };
    // More revisions never take less room, so a binary search works.
    let (mut low, mut high) = (pending.len().min(1), pending.len().min(segments.room.revisions));
    while low < high {
        let middle = (low + high).div_ceil(2);
        if fits(middle) { low = middle } else { high = middle - 1 }
    }
    low
}

/// The hashes of all tables of some revisions, by revision.
async fn digests(
    reading: &mut dyn Reading,
    listed: &[Listed],
    segments: &mut Segments,
    window: &[Sealed],
) -> Result<BTreeMap<u64, Vec<TableDigest>>, StoreError> {
    let mut digests: BTreeMap<u64, Vec<TableDigest>> = BTreeMap::new();
    let (Some(first), Some(last)) = (window.first(), window.last()) else { return Ok(digests) };
    let revisions = (first.record.mark.revision, last.record.mark.revision);
    for dataset in Dataset::ALL {
        for (revision, hasher) in
            sweep::hashers(reading, listed, segments, dataset, revisions).await?
        {
            digests.entry(revision).or_default().push(hasher.finish());
        }
    }
    Ok(digests)
}

fn fault_of(
    sealed: &Sealed,
    names: &Names,
    previous: [u8; 32],
    tables: &[TableDigest],
) -> Option<String> {
    let record = &sealed.record;
    let revision = record.mark.revision;
    let facts: u64 = tables.iter().map(|table| table.rows).sum();
    if facts != record.facts {
        return Some(format!(
            "revision {revision}: {} facts recorded, {facts} found",
            record.facts
        ));
    }
    let texts: Vec<String> = names.texts.iter().map(|text| text.text.clone()).collect();
    let made = version::next(previous, &names.instruments, &names.namings, &texts, tables);
    (made != record.mark.data_version)
        .then(|| format!("revision {revision}: its data version does not match its contents"))
}
