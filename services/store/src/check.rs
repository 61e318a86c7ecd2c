//! Does a store still hold what it was given? Every byte is read and every hash made again.

use crate::{
    CheckReport, RevisionRecord, StoreError, parallel,
    segment::{self, Summary, table_of},
    version::{self, TableDigest},
};
use marketdata::{
    dataset::Dataset,
    facts::FactTable,
    instrument::{Instrument, Naming},
    segment::Segment,
};
use std::{collections::BTreeMap, sync::Arc};

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
    let held = Arc::new(std::mem::take(&mut contents.segments));
    let shared = Arc::clone(&held);
    let decoded = parallel::map(held.len(), move |index| decode(&shared[index])).await?;
    let mut by_dataset: BTreeMap<Dataset, Vec<Segment>> = BTreeMap::new();
    let mut facts = 0;
    for (segment, found) in decoded {
        faults.extend(found);
        if let Some(segment) = segment {
            facts += segment.len() as u64;
            by_dataset.entry(segment.dataset).or_default().push(segment);
        }
    }
    let segments = held.len() as u64;
    let revisions = contents.revisions.len() as u64;
    faults.extend(parallel::run(move || chain(&contents, by_dataset)).await?);
    Ok(CheckReport { revisions, segments, facts, faults })
}

/// A segment, if it can be read, and what is wrong with it.
fn decode(held: &Held) -> (Option<Segment>, Option<String>) {
    match segment::unpack(&held.bytes, &held.checksum, 0) {
        Err(fault) => (None, Some(format!("segment {}: {}", held.id, fault.0))),
        Ok(segment) => {
            let wrong = segment.as_ref().and_then(Summary::of) != Some(held.summary);
            let fault = format!("segment {}: the list describes other contents", held.id);
            (segment, wrong.then_some(fault))
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

/// Revisions whose contents do not give their data version.
fn chain(contents: &Contents, by_dataset: BTreeMap<Dataset, Vec<Segment>>) -> Vec<String> {
    let mut digests: BTreeMap<u64, Vec<TableDigest>> = BTreeMap::new();
    for segments in by_dataset.into_values() {
        for (revision, mut table) in by_revision(segments) {
            table.sort();
            digests.entry(revision).or_default().push(version::table_digest(&table));
        }
    }
    let mut faults = Vec::new();
    let mut previous = [0; 32];
    for record in &contents.revisions {
        let revision = record.mark.revision;
        let tables = digests.remove(&revision).unwrap_or_default();
        let facts: u64 = tables.iter().map(|table| table.rows).sum();
        let mark = version::next(
            previous,
            &of_revision(&contents.instruments, revision, |instrument| instrument.revision),
            &of_revision(&contents.namings, revision, |naming| naming.revision),
            &contents
                .texts
                .iter()
                .filter(|(_, of, _)| *of == revision)
                .map(|(_, _, text)| text.clone())
                .collect::<Vec<_>>(),
            &tables,
        );
        if facts != record.facts {
            faults
                .push(format!("revision {revision}: {} facts logged, {facts} found", record.facts));
        } else if mark != record.mark.data_version {
            faults.push(format!("revision {revision}: its contents do not give its data version"));
        }
        previous = record.mark.data_version;
    }
    for (revision, tables) in digests {
        let facts: u64 = tables.iter().map(|table| table.rows).sum();
        faults.push(format!("{facts} facts are of revision {revision}, which is not there"));
    }
    faults
}

fn of_revision<T: Clone>(all: &[T], revision: u64, of: impl Fn(&T) -> u64) -> Vec<T> {
    let start = all.partition_point(|item| of(item) < revision);
    let end = start + all[start..].partition_point(|item| of(item) == revision);
    all[start..end].to_vec()
}

/// The facts of one dataset as each revision added them.
fn by_revision(segments: Vec<Segment>) -> BTreeMap<u64, FactTable> {
    let mut tables: BTreeMap<u64, FactTable> = BTreeMap::new();
    for segment in segments {
        let (table, revisions) = table_of(&segment, |_| true);
        drop(segment);
        let mut values = vec![0.0; table.columns.len()];
        for (row, revision) in revisions.into_iter().enumerate() {
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
