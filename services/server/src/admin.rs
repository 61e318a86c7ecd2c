//! Store operations that need no server: migrate, copy, check, back up, restore, export.

use crate::clock::Clock;
use marketdata::{
    cell::Cell,
    dataset::{Dataset, Field},
    instant::Instant,
    instrument::InstrumentId,
    market::{Market, RevisionMark},
    snapshot::Snapshot,
    track::Rows,
};
use std::{
    io::{self, Write},
    path::Path,
    sync::Arc,
};
use store::{CheckReport, StoreError};
use tables::export::field as guarded;

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The output cannot be written.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
    /// No instrument has, or ever had, the requested symbol.
    #[error("unknown instrument {0:?}")]
    UnknownSymbol(String),
    /// The log is shorter than the requested revision.
    #[error("revision {asked} is unknown; the head is revision {head}")]
    RevisionUnknown {
        /// The requested revision.
        asked: u64,
        /// The newest revision.
        head: u64,
    },
}

/// The dataset to export, and its as-of bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The dataset.
    pub dataset: Dataset,
    /// Publication bound: only facts public by then; `None` means now.
    pub as_of: Option<Instant>,
    /// Revision bound; `None` means the head.
    pub revision: Option<u64>,
    /// Export only this symbol; `None` means all.
    pub symbol: Option<String>,
}

/// The outcome of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Rows written.
    pub rows: u64,
    /// The publication bound that was applied.
    pub as_of: Instant,
    /// The revision bound that was applied.
    pub revision: u64,
}

/// Creates the store if it does not exist, and brings its tables up to date.
///
/// # Errors
/// As [`store::connect`].
pub async fn migrate(url: &str) -> Result<RevisionMark, AdminError> {
    let store = store::connect(url).await?;
    let head = store.head().await?;
    store.close().await;
    Ok(head)
}

/// The head of a store that is up to date; changes nothing.
///
/// # Errors
/// As [`store::open_read_only`]; [`StoreError::Missing`] if the store must be created first.
pub async fn migrated(url: &str) -> Result<RevisionMark, AdminError> {
    let store = store::open_read_only(url).await?;
    let head = store.head().await?;
    store.close().await;
    Ok(head)
}

/// Copies a whole log, which may be in use, to a new store of any kind; see [`store::copy`].
///
/// # Errors
/// If a store cannot be opened, or the new one is not empty; faults are in the report.
pub async fn copy(from: &str, to: &str) -> Result<CheckReport, AdminError> {
    Ok(store::copy(from, to).await?)
}

/// Reads everything and verifies it; neither the file nor its folder need be writable.
///
/// # Errors
/// If the store cannot be opened; faults inside it are in the report.
pub async fn check(url: &str) -> Result<CheckReport, AdminError> {
    let store = store::open_read_only(url).await?;
    let report = store.check().await?;
    store.close().await;
    Ok(report)
}

/// Writes a complete, consistent copy to a new file; a server may be running.
///
/// # Errors
/// If the store cannot be read or the file already exists.
pub async fn backup(url: &str, to: &Path) -> Result<(), AdminError> {
    let store = store::open_read_only(url).await?;
    let done = store.backup(to).await;
    store.close().await;
    Ok(done?)
}

/// Creates a store from a backup, which is verified first.
///
/// # Errors
/// If the backup is damaged or the new file already exists.
pub async fn restore(from: &Path, to: &Path) -> Result<CheckReport, AdminError> {
    Ok(store::restore(from, to).await?)
}

/// Writes a dataset as CSV, point in time: one row per fact, with its three dates, ordered by
/// instrument and day. Absent values are empty; a text that a spreadsheet would run as a formula is
/// prefixed with an apostrophe (see [`tables::export`]). Neither the store's file nor its folder
/// need be writable.
///
/// # Errors
/// [`AdminError`].
pub async fn export(
    url: &str,
    export: &Export,
    output: &mut (dyn Write + Send),
) -> Result<Exported, AdminError> {
    let store = store::open_read_only(url).await?;
    let delta = store.load(0).await?;
    store.close().await;
    let market = Arc::new(Market::empty().apply(delta));
    let head = market.head().revision;
    let revision = export.revision.unwrap_or(head);
    let as_of = export.as_of.unwrap_or_else(|| Clock::system().now());
    let unknown = AdminError::RevisionUnknown { asked: revision, head };
    let snapshot = Snapshot::new(market, as_of, revision).ok_or(unknown)?;
    if let Some(symbol) = &export.symbol
        && named(&snapshot, symbol) == [None, None]
    {
        return Err(AdminError::UnknownSymbol(symbol.clone()));
    }
    let rows = write(&snapshot, export, &mut io::BufWriter::new(output))?;
    Ok(Exported { rows, as_of, revision })
}

/// A series and a listed line may share a name, so a symbol can have two instruments.
fn named(snapshot: &Snapshot, symbol: &str) -> [Option<InstrumentId>; 2] {
    [snapshot.series_id(symbol), snapshot.listed(symbol)]
}

fn write(snapshot: &Snapshot, export: &Export, output: &mut dyn Write) -> io::Result<u64> {
    let dataset = export.dataset;
    let fields = dataset.fields().iter().map(|field| field.name());
    let header: Vec<&str> = ["symbol", "other", "effective_on"]
        .into_iter()
        .chain(fields)
        .chain(["published_at", "revision"])
        .collect();
    writeln!(output, "{}", header.join(","))?;
    let only = export.symbol.as_deref().map(|symbol| named(snapshot, symbol));
    let mut count = 0;
    for instrument in snapshot.holders(dataset) {
        if only.is_some_and(|only| !only.contains(&Some(instrument))) {
            continue;
        }
        let rows = snapshot.rows(dataset, instrument);
        for row in 0..rows.len() {
            write_row(snapshot, dataset, (instrument, &rows, row), output)?;
        }
        count += rows.len() as u64;
    }
    output.flush()?;
    Ok(count)
}

fn write_row(
    snapshot: &Snapshot,
    dataset: Dataset,
    (instrument, rows, row): (InstrumentId, &Rows<'_>, usize),
    output: &mut dyn Write,
) -> io::Result<()> {
    let other = match rows.other(row) {
        InstrumentId::NONE => "",
        other => snapshot.symbol(other),
    };
    let symbol = snapshot.symbol(instrument);
    write!(output, "{},{},{}", guarded(symbol), guarded(other), rows.day(row))?;
    for (column, field) in dataset.fields().iter().enumerate() {
        output.write_all(b",")?;
        if let Some(value) = rows.value(row, column) {
            write!(output, "{}", cell(snapshot, *field, value))?;
        }
    }
    writeln!(output, ",{},{}", rows.published_at(row), rows.revision(row))
}

/// A cell by its meaning: the shortest text that reads back as the same number, a text, a date, 1 or
/// 0, or the name of a price basis.
fn cell(snapshot: &Snapshot, field: Field, value: f64) -> String {
    match snapshot.cell(field, value) {
        None => String::new(),
        Some(Cell::Number(number)) => number.to_string(),
        Some(Cell::Text(text)) => guarded(text),
        Some(Cell::Day(day)) => day.to_string(),
        Some(Cell::Instant(instant)) => instant.to_string(),
        Some(Cell::Flag(flag)) => u8::from(flag).to_string(),
        Some(Cell::Basis(basis)) => basis.name().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::{
        fixture::{Fixture, day},
        instrument::Namespace,
    };

    #[test]
    fn an_export_is_point_in_time_and_reads_back() {
        let mut fixture = Fixture::new();
        let (first, second) = (day("2021-01-26"), day("2021-01-27"));
        fixture.closes("GME", &[(first, 147.98), (second, 347.51)]);
        let id = fixture.id(Namespace::Listed, "GME");
        let name = fixture.text("GameStop, \"Corp\"");
        let key = (id, InstrumentId::NONE);
        fixture.fact(
            Dataset::Listings,
            key,
            first,
            Instant::close_of(first),
            &[(Field::Name, name)],
        );
        fixture.commit();
        let text = |dataset, as_of| {
            let export = Export { dataset, as_of: None, revision: None, symbol: None };
            let mut bytes = Vec::new();
            write(&fixture.snapshot(as_of), &export, &mut bytes).unwrap();
            String::from_utf8(bytes).unwrap()
        };
        assert_eq!(
            text(Dataset::Bars, Instant::close_of(first)),
            "symbol,other,effective_on,open,high,low,close,volume,distribution,price_basis,\
             basis_on,published_at,revision\n\
             GME,,2021-01-26,,,,147.98,1000000,1,raw,,2021-01-26T21:00:00Z,1\n"
        );
        assert_eq!(text(Dataset::Bars, Instant::MAX).lines().count(), 3);
        assert!(text(Dataset::Listings, Instant::MAX).contains("\"GameStop, \"\"Corp\"\"\""));
    }

    #[test]
    fn an_export_is_safe_in_a_spreadsheet_and_a_terminal() {
        let mut fixture = Fixture::new();
        let on = day("2021-01-26");
        let id = fixture.id(Namespace::Listed, "=1+1");
        let name = fixture.text("@SUM(A1)\u{1b}[2J");
        let key = (id, InstrumentId::NONE);
        let values = [(Field::Name, name), (Field::MarketCap, -5.0)];
        fixture.fact(Dataset::Listings, key, on, Instant::close_of(on), &values);
        fixture.commit();
        let export =
            Export { dataset: Dataset::Listings, as_of: None, revision: None, symbol: None };
        let mut bytes = Vec::new();
        write(&fixture.snapshot(Instant::MAX), &export, &mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let row = text.lines().nth(1).unwrap();
        assert!(row.starts_with("'=1+1,,2021-01-26,'@SUM(A1)\u{fffd}[2J,,,,-5,"), "{row}");
    }
}
