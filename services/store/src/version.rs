//! The data version: a chained hash of what each revision added, the same on every backend and
//! machine.
//!
//! It covers the facts and not how they are packed, so that another codec level, other segment
//! boundaries or a compaction do not change it.

use marketdata::{
    dataset::Dataset,
    facts::{Batch, FactTable, canonical},
    instrument::{Instrument, Naming},
};

/// One hash per column: instrument, other, effective day, publication, then the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableDigest {
    pub(crate) dataset: u8,
    pub(crate) rows: u64,
    pub(crate) columns: Vec<[u8; 32]>,
}

/// Number of columns that a table is hashed by.
pub(crate) fn column_count(table: &FactTable) -> usize {
    4 + table.columns.len()
}

/// The hash of one column of a sorted table.
pub(crate) fn column_digest(table: &FactTable, column: usize) -> [u8; 32] {
    let mut hash = blake3::Hasher::new();
    feed_column(&mut hash, table, column);
    *hash.finalize().as_bytes()
}

/// Hashes a table part by part; the parts must follow in the order of the table.
#[derive(Debug)]
pub(crate) struct TableHasher {
    dataset: u8,
    rows: u64,
    columns: Vec<blake3::Hasher>,
}

impl TableHasher {
    pub(crate) fn new(dataset: Dataset) -> TableHasher {
        let columns = 4 + dataset.fields().len();
        TableHasher {
            dataset: dataset.code(),
            rows: 0,
            columns: vec![blake3::Hasher::new(); columns],
        }
    }

    pub(crate) fn update(&mut self, part: &FactTable) {
        self.rows += part.len() as u64;
        for (column, hash) in self.columns.iter_mut().enumerate() {
            feed_column(hash, part, column);
        }
    }

    pub(crate) fn finish(self) -> TableDigest {
        let columns = self.columns.iter().map(|hash| *hash.finalize().as_bytes()).collect();
        TableDigest { dataset: self.dataset, rows: self.rows, columns }
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

/// Sorts a batch into the one order that is hashed and stored: tables by dataset, rows by key,
/// without empty tables.
pub(crate) fn put_in_order(batch: &mut Batch) {
    batch.tables.retain(|table| !table.is_empty());
    batch.tables.sort_by_key(|table| table.dataset);
    for table in &mut batch.tables {
        table.sort();
    }
}

fn feed_column(hash: &mut blake3::Hasher, table: &FactTable, column: usize) {
    match column {
        0 => feed(hash, &table.instrument, |id| id.0.to_le_bytes()),
        1 => feed(hash, &table.other, |id| id.0.to_le_bytes()),
        2 => feed(hash, &table.effective_on, |day| day.epoch().to_le_bytes()),
        3 => feed(hash, &table.published_at, |at| at.micros().to_le_bytes()),
        other => feed(hash, &table.columns[other - 4], |v| canonical(*v).to_bits().to_le_bytes()),
    }
}

fn feed<T, const N: usize>(hash: &mut blake3::Hasher, values: &[T], bytes: impl Fn(&T) -> [u8; N]) {
    let mut buffer = vec![0; 4096 * N];
    for chunk in values.chunks(4096) {
        for (slot, value) in buffer.chunks_exact_mut(N).zip(chunk) {
            slot.copy_from_slice(&bytes(value));
        }
        hash.update(&buffer[..chunk.len() * N]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::{
        day::Day,
        instant::Instant,
        instrument::{InstrumentId, Namespace},
        symbol::Symbol,
    };

    /// The expected hash was computed independently: the layout written with Python's `struct`,
    /// hashed by the PyPI package `blake3` 1.0.11.
    #[test]
    fn the_hash_of_a_small_revision_agrees_with_another_library() {
        let id = InstrumentId(1);
        let instrument = Instrument { id, namespace: Namespace::Series, revision: 1 };
        let symbol = Symbol::series("DGS10").unwrap();
        let (from, until) = (Day::MIN, Day::MAX);
        let naming = Naming { instrument: id, revision: 1, symbol, from, until };
        let mut table = FactTable::empty(Dataset::Series);
        for (offset, value) in [(0, 0.1), (1, f64::INFINITY)] {
            let day = Day::from_epoch(18_262 + offset);
            let published = Instant::from_micros(100 + 100 * i64::from(offset));
            table.push(id, InstrumentId::NONE, day, published, &[value]);
        }
        let mut hasher = TableHasher::new(Dataset::Series);
        hasher.update(&table);
        let texts = ["aé".to_owned()];
        let version = next([0; 32], &[instrument], &[naming], &texts, &[hasher.finish()]);
        assert_eq!(
            blake3::Hash::from_bytes(version).to_hex().as_str(),
            "3f3464e03be00bcf754f0457f937816fdb8c47fba31ef7e0bf92cbc78c7a9581"
        );
    }
}
