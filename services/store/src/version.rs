//! The data version: a chained hash of what each revision added, the same on every backend and machine.
//!
//! It is made of the facts, not of how they were packed, so that another codec level, another cut
//! into segments or a compaction leaves it alone.

use marketdata::{
    facts::{Batch, FactTable, canonical},
    instrument::{Instrument, Naming},
};

/// One hash a column: instrument, other, effective day, publication, then the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableDigest {
    pub(crate) dataset: u8,
    pub(crate) rows: u64,
    pub(crate) columns: Vec<[u8; 32]>,
}

/// Number of columns a table is hashed by.
pub(crate) fn column_count(table: &FactTable) -> usize {
    4 + table.columns.len()
}

/// The hash of one column of a sorted table.
pub(crate) fn column_digest(table: &FactTable, column: usize) -> [u8; 32] {
    match column {
        0 => digest(&table.instrument, |id| id.0.to_le_bytes()),
        1 => digest(&table.other, |id| id.0.to_le_bytes()),
        2 => digest(&table.effective_on, |day| day.epoch().to_le_bytes()),
        3 => digest(&table.published_at, |at| at.micros().to_le_bytes()),
        other => digest(&table.columns[other - 4], |v| canonical(*v).to_bits().to_le_bytes()),
    }
}

/// The hashes of a whole table.
pub(crate) fn table_digest(table: &FactTable) -> TableDigest {
    TableDigest {
        dataset: table.dataset.code(),
        rows: table.len() as u64,
        columns: (0..column_count(table)).map(|column| column_digest(table, column)).collect(),
    }
}

/// The data version that follows `previous` when a batch with these parts is added.
pub(crate) fn next(
    previous: [u8; 32],
    instruments: &[Instrument],
    namings: &[Naming],
    texts: &[String],
    tables: &[TableDigest],
) -> [u8; 32] {
    let mut hash = blake3::Hasher::new();
    hash.update(b"ballast revision 1\0");
    hash.update(&previous);
    let counted = |hash: &mut blake3::Hasher, count: usize| {
        hash.update(&(count as u64).to_le_bytes());
    };
    counted(&mut hash, instruments.len());
    for instrument in instruments {
        hash.update(&instrument.id.0.to_le_bytes());
        hash.update(&[instrument.namespace.code()]);
    }
    counted(&mut hash, namings.len());
    for naming in namings {
        hash.update(&naming.instrument.0.to_le_bytes());
        hash.update(&naming.from.epoch().to_le_bytes());
        hash.update(&naming.until.epoch().to_le_bytes());
        counted(&mut hash, naming.symbol.as_str().len());
        hash.update(naming.symbol.as_str().as_bytes());
    }
    counted(&mut hash, texts.len());
    for text in texts {
        counted(&mut hash, text.len());
        hash.update(text.as_bytes());
    }
    counted(&mut hash, tables.len());
    for table in tables {
        hash.update(&[table.dataset]);
        hash.update(&table.rows.to_le_bytes());
        for column in &table.columns {
            hash.update(column);
        }
    }
    *hash.finalize().as_bytes()
}

/// Puts a batch into the one order that is hashed and stored: tables by dataset, rows by key, empty
/// tables gone.
pub(crate) fn put_in_order(batch: &mut Batch) {
    batch.tables.retain(|table| !table.is_empty());
    batch.tables.sort_by_key(|table| table.dataset);
    for table in &mut batch.tables {
        table.sort();
    }
}

fn digest<T, const N: usize>(values: &[T], bytes: impl Fn(&T) -> [u8; N]) -> [u8; 32] {
    let mut hash = blake3::Hasher::new();
    let mut buffer = vec![0; 4096 * N];
    for chunk in values.chunks(4096) {
        for (slot, value) in buffer.chunks_exact_mut(N).zip(chunk) {
            slot.copy_from_slice(&bytes(value));
        }
        hash.update(&buffer[..chunk.len() * N]);
    }
    *hash.finalize().as_bytes()
}
