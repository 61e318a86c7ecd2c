//! Packs facts into segments and unpacks them: the only file that knows the layout of the bytes.
//!
//! Layout 1: layout, dataset, rows, runs; then the columns: instrument of each run, length of each
//! run, other, effective day, publication, revision, and the dataset's own in their order. The
//! checksum of all bytes is stored beside them, and verified before anything is decoded.

use crate::column::{self, Column, Fault, Packable, Reader};
use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    facts::{FactTable, canonical},
    instant::Instant,
    instrument::InstrumentId,
    segment::{Ints, Numbers, Published, Run, Segment, compact_published, runs},
};
use std::{ops::Range, sync::Arc};

/// The layout written by this binary, and the newest it reads.
pub(crate) const LAYOUT: u8 = 1;

/// Rows of a long segment: enough to compress well, few enough to be packed side by side.
pub(crate) const LONG: usize = 65_536;

/// Packed facts, with the summary that a database stores beside them for selection.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) bytes: Vec<u8>,
    pub(crate) checksum: [u8; 32],
    pub(crate) summary: Summary,
    /// The same facts that [`unpack`] would return, made from the packed table.
    pub(crate) segment: Arc<Segment>,
}

/// Size and ranges of a segment's facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) dataset: Dataset,
    pub(crate) rows: usize,
    pub(crate) runs: usize,
    pub(crate) instruments: (InstrumentId, InstrumentId),
    pub(crate) days: (Day, Day),
    pub(crate) published: (Instant, Instant),
    pub(crate) revisions: (u64, u64),
}

/// Cuts a sorted table into ranges of at most [`LONG`] rows, between instruments if possible.
pub(crate) fn cuts(instruments: &[InstrumentId]) -> Vec<Range<usize>> {
    let mut cuts = Vec::new();
    let mut start = 0;
    while start < instruments.len() {
        let mut end = (start + LONG).min(instruments.len());
        if end < instruments.len() {
            let split = instruments[end];
            let boundary = start + instruments[start..end].partition_point(|id| *id < split);
            if start < boundary {
                end = boundary;
            }
        }
        cuts.push(start..end);
        start = end;
    }
    cuts
}

/// Packs some rows of a sorted table.
pub(crate) fn pack(
    table: &FactTable,
    revisions: &Ints<u64>,
    rows: Range<usize>,
) -> Result<Packed, Fault> {
    let runs = runs(&table.instrument[rows.clone()]);
    let days = &table.effective_on[rows.clone()];
    let published = compact_published(table.published_at[rows.clone()].to_vec(), days);
    let other = Ints::from_vec(table.other[rows.clone()].to_vec());
    let revision = match revisions {
        Ints::Constant(revision) => Ints::Constant(*revision),
        Ints::Each(revisions) => Ints::from_vec(revisions[rows.clone()].to_vec()),
    };
    let mut bytes = vec![LAYOUT, table.dataset.code()];
    bytes.extend_from_slice(&(rows.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&(runs.len() as u32).to_le_bytes());
    let instruments: Vec<u32> = runs.iter().map(|run| run.instrument.0).collect();
    column::put(&mut bytes, &instruments)?;
    column::put(&mut bytes, &runs.iter().map(|run| run.len).collect::<Vec<u32>>())?;
    put_ints(&mut bytes, &other, |other| other.0)?;
    column::put(&mut bytes, &days.iter().map(|day| day.epoch()).collect::<Vec<i32>>())?;
    put_published(&mut bytes, &published)?;
    put_ints(&mut bytes, &revision, |revision| revision)?;
    let mut columns = Vec::with_capacity(table.columns.len());
    for (values, field) in table.columns.iter().zip(table.dataset.fields()) {
        let values: Vec<f64> = values[rows.clone()].iter().map(|v| canonical(*v)).collect();
        let start = bytes.len();
        column::put(&mut bytes, &values)?;
        columns.push(match Reader::new(&bytes[start..]).column()? {
            Column::Packed(packed) if is_lazy(table.dataset, *field) => lazy(packed, rows.len()),
            _ => Numbers::from_vec(values),
        });
    }
    let segment = Segment {
        dataset: table.dataset,
        runs,
        other,
        effective_on: days.into(),
        published_at: published,
        revision,
        columns,
    };
    let summary = Summary::of(&segment).ok_or_else(|| Fault("it has no rows".to_owned()))?;
    let checksum = *blake3::hash(&bytes).as_bytes();
    Ok(Packed { bytes, checksum, summary, segment: Arc::new(segment) })
}

/// Verifies and decodes a segment, keeping the rows of revisions after `after`; `None` if there are
/// none. `summary` is the segment's entry in the list.
pub(crate) fn unpack(
    bytes: &[u8],
    checksum: &[u8],
    summary: &Summary,
    after: u64,
) -> Result<Option<Segment>, Fault> {
    let segment = decode(bytes, checksum)?;
    if Summary::of(&segment) != Some(*summary) {
        return Err(Fault("its entry in the list does not match its contents".to_owned()));
    }
    Ok(after_revision(segment, after))
}

fn decode(bytes: &[u8], checksum: &[u8]) -> Result<Segment, Fault> {
    if blake3::hash(bytes).as_bytes() != checksum {
        return Err(Fault("its bytes do not match its checksum".to_owned()));
    }
    let mut reader = Reader::new(bytes);
    let layout = reader.byte()?;
    if layout != LAYOUT {
        return Err(Fault(format!(
            "its layout is {layout}, but this binary reads layout {LAYOUT}"
        )));
    }
    let code = reader.byte()?;
    let dataset =
        Dataset::from_code(code).ok_or_else(|| Fault(format!("its dataset {code} is unknown")))?;
    let (rows, run_count) = (reader.u32()? as usize, reader.u32()? as usize);
    let instruments: Vec<u32> = column::each(reader.column()?, run_count)?;
    let lengths: Vec<u32> = column::each(reader.column()?, run_count)?;
    let other = ints(reader.column()?, rows, InstrumentId)?;
    let days: Vec<i32> = column::each(reader.column()?, rows)?;
    let published_at = published(reader.column()?, rows)?;
    let revision = ints(reader.column()?, rows, |revision: u64| revision)?;
    let columns = dataset
        .fields()
        .iter()
        .map(|field| numbers(reader.column()?, rows, is_lazy(dataset, *field)))
        .collect::<Result<_, _>>()?;
    reader.end()?;
    Ok(Segment {
        dataset,
        runs: joined_runs(&instruments, &lengths, rows)?,
        other,
        effective_on: days.into_iter().map(Day::from_epoch).collect(),
        published_at,
        revision,
        columns,
    })
}

impl Summary {
    /// `None` for a segment without rows.
    pub(crate) fn of(segment: &Segment) -> Option<Summary> {
        let rows = segment.len();
        let published = match &segment.published_at {
            Published::Constant(instant) => (*instant, *instant),
            Published::Each(instants) => extent(instants.iter().copied())?,
            Published::AtClose => {
                let (first, last) = extent(segment.effective_on.iter().copied())?;
                (Instant::close_of(first), Instant::close_of(last))
            }
        };
        Some(Summary {
            dataset: segment.dataset,
            rows,
            runs: segment.runs.len(),
            instruments: (segment.runs.first()?.instrument, segment.runs.last()?.instrument),
            days: extent(segment.effective_on.iter().copied())?,
            published,
            revisions: match &segment.revision {
                Ints::Constant(revision) => (*revision, *revision),
                Ints::Each(revisions) => extent(revisions.iter().copied())?,
            },
        })
    }
}

/// Whether a column stays packed until a request reads it.
fn is_lazy(dataset: Dataset, field: Field) -> bool {
    dataset.descriptor().rarely_read.contains(&field)
}

#[expect(clippy::expect_used, reason = "the bytes were verified against their checksum")]
fn lazy(packed: &[u8], rows: usize) -> Numbers {
    let packed: Box<[u8]> = packed.into();
    Numbers::lazy(move || {
        column::unpack(&packed, rows).expect("invariant: what was packed can be unpacked")
    })
}

fn put_ints<T: Copy, P: Packable>(
    bytes: &mut Vec<u8>,
    values: &Ints<T>,
    number: impl Fn(T) -> P,
) -> Result<(), Fault> {
    match values {
        Ints::Constant(value) => {
            column::put_constant(bytes, number(*value).to_bits64());
            Ok(())
        }
        Ints::Each(values) => {
            column::put(bytes, &values.iter().map(|value| number(*value)).collect::<Vec<P>>())
        }
    }
}

fn put_published(bytes: &mut Vec<u8>, published: &Published) -> Result<(), Fault> {
    match published {
        Published::Constant(instant) => {
            column::put_constant(bytes, instant.micros().to_bits64());
            Ok(())
        }
        Published::AtClose => {
            column::put_at_close(bytes);
            Ok(())
        }
        Published::Each(instants) => {
            column::put(bytes, &instants.iter().map(|at| at.micros()).collect::<Vec<i64>>())
        }
    }
}

fn ints<P: Packable, T: Copy + PartialEq>(
    column: Column<'_>,
    rows: usize,
    of: impl Fn(P) -> T,
) -> Result<Ints<T>, Fault> {
    match column {
        Column::Constant(bits) => Ok(Ints::Constant(of(P::from_bits64(bits)))),
        other => Ok(Ints::Each(column::each(other, rows)?.into_iter().map(of).collect())),
    }
}

fn published(column: Column<'_>, rows: usize) -> Result<Published, Fault> {
    match column {
        Column::AtClose => Ok(Published::AtClose),
        Column::Constant(bits) => Ok(Published::Constant(Instant::from_micros(bits as i64))),
        Column::Packed(packed) => {
            let micros: Vec<i64> = column::unpack(packed, rows)?;
            Ok(Published::Each(micros.into_iter().map(Instant::from_micros).collect()))
        }
    }
}

fn numbers(column: Column<'_>, rows: usize, is_lazy: bool) -> Result<Numbers, Fault> {
    match column {
        Column::Constant(bits) => Ok(Numbers::constant(f64::from_bits(bits))),
        Column::Packed(packed) if is_lazy => Ok(lazy(packed, rows)),
        other => Ok(Numbers::from_vec(column::each(other, rows)?)),
    }
}

fn joined_runs(instruments: &[u32], lengths: &[u32], rows: usize) -> Result<Vec<Run>, Fault> {
    let mut runs = Vec::with_capacity(instruments.len());
    let mut start = 0_u32;
    for (instrument, len) in instruments.iter().zip(lengths) {
        runs.push(Run { instrument: InstrumentId(*instrument), start, len: *len });
        start = start.checked_add(*len).ok_or_else(|| Fault("its runs overflow".to_owned()))?;
    }
    if start as usize == rows {
        Ok(runs)
    } else {
        Err(Fault(format!("its runs have {start} rows instead of {rows}")))
    }
}

fn extent<T: Copy + Ord>(values: impl Iterator<Item = T>) -> Option<(T, T)> {
    values.fold(None, |extent, value| {
        Some(extent.map_or((value, value), |(low, high): (T, T)| (low.min(value), high.max(value))))
    })
}

/// The rows of a segment as a table, with their revisions.
pub(crate) fn table_of(segment: &Segment, keep: impl Fn(u64) -> bool) -> (FactTable, Vec<u64>) {
    let mut table = FactTable::empty(segment.dataset);
    let mut revisions = Vec::new();
    for run in &segment.runs {
        let rows = run.start as usize..(run.start + run.len) as usize;
        for row in rows.filter(|row| keep(segment.revision.get(*row))) {
            table.instrument.push(run.instrument);
            table.other.push(segment.other.get(row));
            table.effective_on.push(segment.effective_on[row]);
            table.published_at.push(segment.published(row));
            revisions.push(segment.revision.get(row));
            for (to, from) in table.columns.iter_mut().zip(&segment.columns) {
                to.push(from.get(row));
            }
        }
    }
    (table, revisions)
}

fn after_revision(segment: Segment, after: u64) -> Option<Segment> {
    let none = match &segment.revision {
        Ints::Constant(revision) => *revision <= after,
        Ints::Each(revisions) if revisions.iter().any(|revision| *revision <= after) => {
            return filtered(&segment, after);
        }
        Ints::Each(_) => false,
    };
    (!none && !segment.is_empty()).then_some(segment)
}

fn filtered(segment: &Segment, after: u64) -> Option<Segment> {
    let (table, revisions) = table_of(segment, |revision| after < revision);
    if table.is_empty() {
        return None;
    }
    let published_at = compact_published(table.published_at, &table.effective_on);
    Some(Segment {
        dataset: segment.dataset,
        runs: runs(&table.instrument),
        other: Ints::from_vec(table.other),
        effective_on: table.effective_on.into_boxed_slice(),
        published_at,
        revision: Ints::from_vec(revisions),
        columns: table.columns.into_iter().map(Numbers::from_vec).collect(),
    })
}
