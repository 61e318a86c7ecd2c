//! Prepares a batch for its transaction: packed and hashed before any lock is taken.

use crate::{
    StoreError,
    column::Fault,
    parallel::Workers,
    segment::{self, Packed},
    version::{self, TableDigest},
};
use marketdata::{
    facts::Batch,
    instrument::{Instrument, Naming},
    market::{Delta, RevisionMark},
    segment::Ints,
};
use std::sync::Arc;

/// The rows that a transaction writes.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) base_revision: u64,
    pub(crate) facts: u64,
    pub(crate) instruments: Vec<Instrument>,
    pub(crate) namings: Vec<Naming>,
    pub(crate) texts: Vec<String>,
    pub(crate) segments: Vec<Packed>,
    digests: Vec<TableDigest>,
}

impl Prepared {
    /// Packs and hashes a batch.
    pub(crate) async fn of(mut batch: Batch, workers: &Workers) -> Result<Prepared, StoreError> {
        let in_order = move || {
            version::put_in_order(&mut batch);
            Arc::new(batch)
        };
        let batch = workers.run(in_order).await?;
        let (segments, digests) = tokio::try_join!(pack(&batch, workers), digest(&batch, workers))?;
        let batch = Arc::unwrap_or_clone(batch);
        Ok(Prepared {
            base_revision: batch.base_revision,
            facts: batch.facts() as u64,
            instruments: batch.instruments,
            namings: batch.namings,
            texts: batch.texts,
            segments,
            digests,
        })
    }

    /// Whether the batch adds nothing.
    pub(crate) const fn is_empty(&self) -> bool {
        self.facts == 0
            && self.instruments.is_empty()
            && self.namings.is_empty()
            && self.texts.is_empty()
    }

    /// The mark of the revision that it becomes after `head`.
    pub(crate) fn mark(&self, head: RevisionMark) -> RevisionMark {
        let data_version = version::next(
            head.data_version,
            &self.instruments,
            &self.namings,
            &self.texts,
            &self.digests,
        );
        RevisionMark { revision: self.base_revision + 1, data_version }
    }

    /// The delta that a follower would load, made from the packed segments.
    pub(crate) fn into_delta(self, mark: RevisionMark) -> Delta {
        let mut segments: Vec<_> = self.segments;
        segments.sort_by_key(|packed| (packed.summary.dataset, packed.summary.days.0));
        Delta {
            marks: vec![mark],
            instruments: self.instruments,
            namings: self.namings,
            texts: self.texts,
            segments: segments.into_iter().map(|packed| packed.segment).collect(),
        }
    }
}

async fn pack(batch: &Arc<Batch>, workers: &Workers) -> Result<Vec<Packed>, StoreError> {
    let cuts: Vec<_> = batch
        .tables
        .iter()
        .enumerate()
        .flat_map(|(table, rows)| {
            segment::cuts(&rows.instrument).into_iter().map(move |rows| (table, rows))
        })
        .collect();
    let (batch, revision) = (Arc::clone(batch), Ints::Constant(batch.revision()));
    let packed = workers.map(cuts.len(), move |index| {
        let (table, rows) = &cuts[index];
        segment::pack(&batch.tables[*table], &revision, rows.clone())
    });
    let packed: Result<_, Fault> = packed.await?.into_iter().collect();
    packed.map_err(|Fault(fault)| StoreError::Unpackable(fault))
}

async fn digest(batch: &Arc<Batch>, workers: &Workers) -> Result<Vec<TableDigest>, StoreError> {
    let columns: Vec<_> = batch
        .tables
        .iter()
        .enumerate()
        .flat_map(|(table, rows)| (0..version::column_count(rows)).map(move |c| (table, c)))
        .collect();
    let shared = Arc::clone(batch);
    let digests = workers.map(columns.len(), move |index| {
        let (table, column) = columns[index];
        version::column_digest(&shared.tables[table], column)
    });
    let mut digests = digests.await?.into_iter();
    let tables = batch.tables.iter().map(|table| TableDigest {
        dataset: table.dataset.code(),
        rows: table.len() as u64,
        columns: digests.by_ref().take(version::column_count(table)).collect(),
    });
    Ok(tables.collect())
}
