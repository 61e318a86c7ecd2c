//! The chain of data versions made anew from what the segments hold.
//!
//! A few revisions at a time, and a long one a few instruments at a time, so that a log of any
//! length is verified in bounded memory.

use super::{Contents, Held};
use crate::{
    log::Brought,
    segment::table_of,
    version::{self, TableDigest, TableHasher},
};
use marketdata::{dataset::Dataset, facts::FactTable, instrument::InstrumentId};
use std::{collections::BTreeMap, ops::RangeInclusive};

/// Facts looked at together: about 100 MB of them.
const TOGETHER: u64 = 1_000_000;

/// The revisions whose contents do not give their data version.
pub(super) fn broken(contents: &Contents) -> Vec<String> {
    let mut faults = Vec::new();
    let mut previous = [0; 32];
    let (brought, _) = contents.log.brought();
    for window in windows(&brought) {
        let mut digests = digests(contents, window);
        for brought in window {
            let mark = brought.sealed.record.mark;
            let tables = digests.remove(&mark.revision).unwrap_or_default();
            faults.extend(fault_of(brought, previous, &tables));
            previous = mark.data_version;
        }
    }
    let last = brought.last().map_or(0, |brought| brought.sealed.record.mark.revision);
    let strange = contents.segments.iter().filter(|held| last < held.summary.revisions.1);
    faults.extend(strange.map(|held| {
        let revision = held.summary.revisions.1;
        format!("segment {}: it holds revision {revision}, which is not there", held.id)
    }));
    faults
}

/// Neighbours that are small together, else one by one.
fn windows<'a>(revisions: &'a [Brought<'a>]) -> Vec<&'a [Brought<'a>]> {
    let mut windows = Vec::new();
    let mut rest = revisions;
    while !rest.is_empty() {
        let mut facts = 0_u64;
        let small = rest.iter().take_while(|brought| {
            facts = facts.saturating_add(brought.sealed.record.facts);
            facts <= TOGETHER
        });
        let (window, after) = rest.split_at(small.count().max(1));
        windows.push(window);
        rest = after;
    }
    windows
}

/// The hashes of all tables of some revisions.
fn digests(contents: &Contents, window: &[Brought<'_>]) -> BTreeMap<u64, Vec<TableDigest>> {
    let (Some(first), Some(last)) = (window.first(), window.last()) else {
        return BTreeMap::new();
    };
    let revisions = first.sealed.record.mark.revision..=last.sealed.record.mark.revision;
    let mut digests: BTreeMap<u64, Vec<TableDigest>> = BTreeMap::new();
    for dataset in Dataset::ALL {
        let held: Vec<&Held> = contents
            .segments
            .iter()
            .filter(|held| held.summary.dataset == dataset)
            .filter(|held| held.summary.revisions.0 <= *revisions.end())
            .filter(|held| *revisions.start() <= held.summary.revisions.1)
            .collect();
        let mut hashers: BTreeMap<u64, TableHasher> = BTreeMap::new();
        for instruments in parts(&held, window.len() == 1) {
            for (revision, mut table) in tables(&held, &revisions, &instruments) {
                table.sort();
                let hasher = hashers.entry(revision);
                hasher.or_insert_with(|| TableHasher::new(dataset)).update(&table);
            }
        }
        for (revision, hasher) in hashers {
            digests.entry(revision).or_default().push(hasher.finish());
        }
    }
    digests
}

/// Ranges of instruments, in order: where the segments begin, or all together.
fn parts(held: &[&Held], apart: bool) -> Vec<RangeInclusive<u32>> {
    let mut starts: Vec<u32> = if apart {
        held.iter().map(|held| held.summary.instruments.0.0).collect()
    } else {
        Vec::new()
    };
    starts.push(0);
    starts.sort_unstable();
    starts.dedup();
    let ends = starts[1..].iter().map(|next| next - 1).chain([u32::MAX]);
    starts.iter().zip(ends).map(|(start, end)| *start..=end).collect()
}

/// The facts of some instruments as each of some revisions added them. What cannot be read was
/// reported before, and is missing here.
fn tables(
    held: &[&Held],
    revisions: &RangeInclusive<u64>,
    instruments: &RangeInclusive<u32>,
) -> BTreeMap<u64, FactTable> {
    let mut tables: BTreeMap<u64, FactTable> = BTreeMap::new();
    for held in held {
        let (InstrumentId(first), InstrumentId(last)) = held.summary.instruments;
        if *instruments.end() < first || last < *instruments.start() {
            continue;
        }
        let Ok(Some(segment)) = held.unpack() else { continue };
        let (table, of) = table_of(&segment, |revision| revisions.contains(&revision));
        drop(segment);
        let mut values = vec![0.0; table.columns.len()];
        for (row, revision) in of.into_iter().enumerate() {
            if !instruments.contains(&table.instrument[row].0) {
                continue;
            }
            for (value, column) in values.iter_mut().zip(&table.columns) {
                *value = column[row];
            }
            tables.entry(revision).or_insert_with(|| FactTable::empty(table.dataset)).push(
                table.instrument[row],
                table.other[row],
                table.effective_on[row],
                table.published_at[row],
                &values,
            );
        }
    }
    tables
}

fn fault_of(brought: &Brought<'_>, previous: [u8; 32], tables: &[TableDigest]) -> Option<String> {
    let record = &brought.sealed.record;
    let revision = record.mark.revision;
    let facts: u64 = tables.iter().map(|table| table.rows).sum();
    if facts != record.facts {
        return Some(format!("revision {revision}: {} facts logged, {facts} found", record.facts));
    }
    let texts: Vec<String> = brought.texts.iter().map(|text| text.text.clone()).collect();
    let made = version::next(previous, brought.instruments, brought.namings, &texts, tables);
    (made != record.mark.data_version)
        .then(|| format!("revision {revision}: its contents do not give its data version"))
}
