//! Reads the facts of some revisions in the order of instruments, so that only segments with the
//! current instruments are in memory.

use super::{Kept, Segments};
use crate::{
    StoreError,
    backend::{Listed, Reading},
    segment::Summary,
    version::TableHasher,
};
use marketdata::{dataset::Dataset, facts::FactTable, instrument::InstrumentId, segment::Segment};
use std::collections::BTreeMap;

/// Hashes of the tables of some revisions, by revision.
type Hashers = BTreeMap<u64, TableHasher>;

/// The segments of a dataset that may hold facts of some revisions, by first instrument.
fn overlapping(listed: &[Listed], dataset: Dataset, revisions: (u64, u64)) -> Vec<&Listed> {
    let has_some = |Summary { revisions: (first, last), .. }: &Summary| {
        *first <= revisions.1 && revisions.0 <= *last
    };
    let mut found: Vec<&Listed> = listed
        .iter()
        .filter(|listed| listed.summary.dataset == dataset && has_some(&listed.summary))
        .collect();
    found.sort_by_key(|listed| (listed.summary.instruments, listed.id));
    found
}

/// The largest total number of rows of segments whose ranges of instruments overlap at one
/// instrument, over all instruments and datasets.
pub(super) fn most_open_rows(listed: &[Listed], revisions: (u64, u64)) -> u64 {
    let of_dataset = |dataset| {
        let mut ends: BTreeMap<InstrumentId, u64> = BTreeMap::new();
        let (mut open, mut most) = (0, 0);
        for Listed { summary, .. } in overlapping(listed, dataset, revisions) {
            let (first, last) = summary.instruments;
            let rest = ends.split_off(&first);
            open -= ends.into_values().sum::<u64>();
            ends = rest;
            open += summary.rows as u64;
            *ends.entry(last).or_default() += summary.rows as u64;
            most = most.max(open);
        }
        most
    };
    Dataset::ALL.into_iter().map(of_dataset).max().unwrap_or(0)
}

/// Hashes the facts that each of the revisions added to a dataset. Unreadable segments are left
/// out, and recorded as faults.
pub(super) async fn hashers(
    reading: &mut dyn Reading,
    listed: &[Listed],
    segments: &mut Segments,
    dataset: Dataset,
    revisions: (u64, u64),
) -> Result<Hashers, StoreError> {
    let found = overlapping(listed, dataset, revisions);
    let keep = move |segment: &Segment| Some(rows_of(segment, revisions));
    let mut rest = &found[..];
    let (mut hashers, mut held) = (Hashers::new(), Kept::new());
    while !rest.is_empty() {
        let room = segments.room.rows.saturating_sub(rows(&held));
        let (part, after) = rest.split_at(fitting(rest, room));
        rest = after;
        for kept in segments.read(reading, part, keep).await? {
            add(&mut held, kept);
        }
        // Later segments have no row before this instrument.
        let cut = rest.first().map(|next| next.summary.instruments.0);
        let hash = move || hash_before(cut, hashers, held, dataset);
        (hashers, held) = segments.workers.run(hash).await?;
    }
    Ok(hashers)
}

fn rows(tables: &Kept) -> u64 {
    tables.values().map(|table| table.len() as u64).sum()
}

/// Number of next segments whose rows fit, at least one.
fn fitting(segments: &[&Listed], room: u64) -> usize {
    let mut rows = 0_u64;
    let fits = segments.iter().take_while(|listed| {
        rows += listed.summary.rows as u64;
        rows <= room
    });
    fits.count().max(1)
}

/// The rows of some revisions, by revision.
fn rows_of(segment: &Segment, (first, last): (u64, u64)) -> Kept {
    let mut tables = Kept::new();
    let mut values = vec![0.0; segment.columns.len()];
    for run in &segment.runs {
        for row in run.start as usize..(run.start + run.len) as usize {
            let revision = segment.revision.get(row);
            if revision < first || last < revision {
                continue;
            }
            for (value, column) in values.iter_mut().zip(&segment.columns) {
                *value = column.get(row);
            }
            tables.entry(revision).or_insert_with(|| FactTable::empty(segment.dataset)).push(
                run.instrument,
                segment.other.get(row),
                segment.effective_on[row],
                segment.published(row),
                &values,
            );
        }
    }
    tables
}

fn add(tables: &mut Kept, more: Kept) {
    for (revision, mut more) in more {
        let Some(table) = tables.get_mut(&revision) else {
            tables.insert(revision, more);
            continue;
        };
        table.instrument.append(&mut more.instrument);
        table.other.append(&mut more.other);
        table.effective_on.append(&mut more.effective_on);
        table.published_at.append(&mut more.published_at);
        for (column, more) in table.columns.iter_mut().zip(&mut more.columns) {
            column.append(more);
        }
    }
}

/// Hashes the rows of instruments before `cut`, or all rows without one, in the order of the table;
/// returns the hashers and the remaining rows.
fn hash_before(
    cut: Option<InstrumentId>,
    mut hashers: Hashers,
    held: Kept,
    dataset: Dataset,
) -> (Hashers, Kept) {
    let mut left = Kept::new();
    for (revision, mut table) in held {
        table.sort();
        let rest = cut.map(|cut| split_before(&mut table, cut)).filter(|rest| !rest.is_empty());
        let hasher = hashers.entry(revision).or_insert_with(|| TableHasher::new(dataset));
        hasher.update(&table);
        left.extend(rest.map(|rest| (revision, rest)));
    }
    (hashers, left)
}

/// Splits a sorted table at an instrument; returns the rows from it on.
fn split_before(table: &mut FactTable, cut: InstrumentId) -> FactTable {
    let at = table.instrument.partition_point(|instrument| *instrument < cut);
    FactTable {
        dataset: table.dataset,
        instrument: table.instrument.split_off(at),
        other: table.other.split_off(at),
        effective_on: table.effective_on.split_off(at),
        published_at: table.published_at.split_off(at),
        columns: table.columns.iter_mut().map(|column| column.split_off(at)).collect(),
    }
}
