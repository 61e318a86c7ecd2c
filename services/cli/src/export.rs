//! A dataset as CSV, point in time: what was known at an instant, of what the log held at a revision.

use anyhow::{Context as _, Result, bail};
use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    instant::Instant,
    instrument::InstrumentId,
    market::Market,
    snapshot::Snapshot,
};
use std::{fmt::Write as _, io::Write, sync::Arc};
use store::Store;

/// What to export.
#[derive(Debug)]
pub(crate) struct Query {
    /// Which dataset.
    pub(crate) dataset: Dataset,
    /// What was known when.
    pub(crate) as_of: Instant,
    /// What the log held; none for its head.
    pub(crate) revision: Option<u64>,
    /// Only these names, in any spelling; empty for all.
    pub(crate) symbols: Vec<String>,
}

/// Writes the dataset, a row a line: symbol, other, effective_on, published_at, revision, then the
/// fields. A number is written with as many digits as give it back; what is absent is empty. Gives
/// the number of rows.
///
/// # Errors
/// Where the store or the output fails, or the revision or a symbol is not known.
pub(crate) async fn write(
    store: &Arc<dyn Store>,
    query: &Query,
    out: &mut dyn Write,
) -> Result<u64> {
    let market = Arc::new(Market::empty().apply(store.load(0).await?));
    let head = market.head().revision;
    let revision = query.revision.unwrap_or(head);
    let Some(snapshot) = Snapshot::new(market, query.as_of, revision) else {
        bail!("revision {revision} is not known, the head is {head}");
    };
    let mut text = String::from("symbol,other,effective_on,published_at,revision");
    for field in query.dataset.fields() {
        text.push(',');
        text.push_str(field.name());
    }
    text.push('\n');
    let mut rows = 0;
    for instrument in wanted(&snapshot, query)? {
        rows += append(&mut text, &snapshot, query.dataset, instrument)?;
        if FLUSH_BYTES < text.len() {
            out.write_all(text.as_bytes())?;
            text.clear();
        }
    }
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(rows)
}

const FLUSH_BYTES: usize = 1 << 20;

/// The dataset of a name.
///
/// # Errors
/// Where there is none: the names that are.
pub(crate) fn dataset(name: &str) -> Result<Dataset, String> {
    Dataset::ALL.into_iter().find(|dataset| dataset.name() == name).ok_or_else(|| {
        let names: Vec<&str> = Dataset::ALL.iter().map(|dataset| dataset.name()).collect();
        format!("one of {}", names.join(", "))
    })
}

fn wanted(snapshot: &Snapshot, query: &Query) -> Result<Vec<InstrumentId>> {
    if query.symbols.is_empty() {
        return Ok(snapshot.holders(query.dataset).collect());
    }
    let find = |symbol: &String| {
        let found = snapshot.listed(symbol).or_else(|| snapshot.series_id(symbol));
        found.with_context(|| format!("nobody is called {symbol}"))
    };
    query.symbols.iter().map(find).collect()
}

fn append(
    text: &mut String,
    snapshot: &Snapshot,
    dataset: Dataset,
    instrument: InstrumentId,
) -> Result<u64> {
    let rows = snapshot.rows(dataset, instrument);
    let symbol = quoted(snapshot.symbol(instrument));
    for row in 0..rows.len() {
        let other = match rows.other(row) {
            InstrumentId::NONE => String::new(),
            other => quoted(snapshot.symbol(other)),
        };
        write!(
            text,
            "{symbol},{other},{},{},{}",
            rows.day(row),
            rows.published_at(row),
            rows.revision(row)
        )?;
        for (column, field) in dataset.fields().iter().enumerate() {
            text.push(',');
            if let Some(number) = rows.value(row, column) {
                value(text, snapshot, *field, number)?;
            }
        }
        text.push('\n');
    }
    Ok(rows.len() as u64)
}

fn value(text: &mut String, snapshot: &Snapshot, field: Field, value: f64) -> Result<()> {
    match field {
        field if field.is_text() => {
            text.push_str(&quoted(snapshot.text(value).unwrap_or_default()))
        }
        // 0 stands for "no day".
        Field::BasisOn | Field::FromOn if value < 1.0 => {}
        Field::BasisOn | Field::FromOn => write!(text, "{}", Day::from_epoch(value as i32))?,
        Field::FirstSeen => write!(text, "{}", Instant::from_micros(value as i64))?,
        _ => write!(text, "{value}")?,
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
