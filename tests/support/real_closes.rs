//! Adjusted closes from the real price files of single symbols, included by path.

use flate2::read::GzDecoder;
use std::{collections::BTreeMap, io::Read, path::Path};

/// Folders of price files; the first one that has the symbol's file is used.
const FOLDERS: [&str; 3] = ["prices/etf_ohlcv", "prices/etf_close", "prices/yahoo"];

/// Closes by ISO date, adjusted for splits and distributions.
pub(crate) type Closes = BTreeMap<String, f64>;

/// The closes of a symbol in the folder of real files.
#[allow(clippy::disallowed_methods, reason = "an evaluation of real files reads them")]
pub(crate) fn closes(folder: &Path, symbol: &str) -> Result<Closes, String> {
    let paths = FOLDERS.map(|prices| folder.join(prices).join(format!("{symbol}.csv.gz")));
    let path = paths.iter().find(|path| path.is_file());
    let path = path.ok_or_else(|| format!("no price file for {symbol}"))?;
    let bytes = std::fs::read(path).map_err(|e| format!("{symbol}: {e}"))?;
    let mut text = String::new();
    GzDecoder::new(&bytes[..]).read_to_string(&mut text).map_err(|e| format!("{symbol}: {e}"))?;
    parse(&text).map_err(|problem| format!("{symbol}: {problem}"))
}

/// Reads the column `Adj Close`, or `Close` if there is none: such files hold adjusted closes.
fn parse(text: &str) -> Result<Closes, String> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let place = |name: &str| header.iter().position(|column| *column == name);
    let close = place("Adj Close").or_else(|| place("Close")).ok_or("no column of close prices")?;
    let row = |(number, line): (usize, &str)| {
        let cells: Vec<&str> = line.split(',').collect();
        let value = cells.get(close).and_then(|cell| cell.parse::<f64>().ok());
        let value = value.filter(|value| value.is_finite() && *value > 0.0);
        let value = value.ok_or_else(|| format!("line {}: no close", number + 2))?;
        Ok((cells[0].to_owned(), value))
    };
    lines.enumerate().map(row).collect()
}
