//! Reads from a file's name what its contents do not state: a symbol, an index, a day.

use crate::options::Options;
use marketdata::{day::Day, symbol::Symbol};
use tables::{cell, refusal::Refusal};

/// Words that are common in file names and are not treated as tickers.
const WORDS: [&str; 16] = [
    "DATA",
    "PRICES",
    "PRICE",
    "TABLE",
    "DOWNLOAD",
    "HISTORY",
    "HISTORICAL",
    "EXPORT",
    "QUOTES",
    "FILE",
    "DAILY",
    "OUTPUT",
    "RESULT",
    "SERIES",
    "TEST",
    "SAMPLE",
];

/// The name without folders and extensions.
pub(crate) fn stem(file_name: &str) -> &str {
    let mut stem = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name).trim();
    loop {
        let cut = [".gz", ".zip", ".csv", ".txt", ".tsv", ".zst"].iter().find_map(|ending| {
            let (head, tail) = stem.split_at_checked(stem.len().checked_sub(ending.len())?)?;
            (tail.eq_ignore_ascii_case(ending) && !head.is_empty()).then_some(head)
        });
        match cut {
            Some(shorter) => stem = shorter,
            None => return stem,
        }
    }
}

/// The symbol given by the caller, else the one in the file's name: `META.csv`, `spy_us_d.csv`,
/// `aapl.us.txt`.
pub(crate) fn symbol(options: &Options) -> Result<String, Refusal> {
    if let Some(symbol) = &options.symbol {
        return match Symbol::listed(symbol) {
            Ok(_) => Ok(symbol.clone()),
            Err(error) => Err(Refusal::BadOption {
                option: "symbol",
                value: symbol.clone(),
                fault: error.to_string(),
            }),
        };
    }
    let mut stem = stem(&options.file_name);
    for ending in ["_d", "_us", "_daily", "_1d"] {
        stem = stem.strip_suffix(ending).unwrap_or(stem);
    }
    let needed = || Refusal::SymbolNeeded { file_name: options.file_name.clone() };
    let symbol = Symbol::listed(stem).map_err(|_| needed())?;
    let text = symbol.as_str();
    let bare = text.strip_prefix('^').unwrap_or(text);
    let lawful = bare.starts_with(|c: char| c.is_ascii_alphabetic())
        && bare.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
        && bare.len() <= 10
        && !WORDS.contains(&bare);
    if lawful { Ok(stem.to_owned()) } else { Err(needed()) }
}

/// The id of a series: given by the caller, else the file's name, as in `DGS10.csv`.
pub(crate) fn series(options: &Options) -> Result<String, Refusal> {
    let name = match &options.symbol {
        Some(symbol) => symbol.as_str(),
        None => stem(&options.file_name),
    };
    let lawful = name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-^=".contains(c))
        && !WORDS.contains(&name.to_ascii_uppercase().as_str());
    match Symbol::series(name) {
        Ok(_) if lawful => Ok(name.to_owned()),
        _ => Err(Refusal::SymbolNeeded { file_name: options.file_name.clone() }),
    }
}

/// The id of an index: given by the caller, else the beginning of the file's name, as in
/// `sp500_ticker_start_end.csv`.
pub(crate) fn index(options: &Options) -> Result<String, Refusal> {
    let needed = || Refusal::IndexNeeded { file_name: options.file_name.clone() };
    let name = match &options.index {
        Some(index) => index.as_str(),
        None => {
            let stem = stem(&options.file_name);
            ["_ticker_start_end", "_members", "_membership", "_constituents", "_intervals"]
                .iter()
                .find_map(|ending| stem.strip_suffix(ending))
                .ok_or_else(needed)?
        }
    };
    Symbol::series(name).map(|symbol| symbol.as_str().to_owned()).map_err(|_| needed())
}

/// The fund: the caller's symbol, else the beginning of the file's name, as in
/// `IWM_holdings_….csv`.
pub(crate) fn fund(options: &Options) -> Result<String, Refusal> {
    let needed = || Refusal::SymbolNeeded { file_name: options.file_name.clone() };
    let name = match &options.symbol {
        Some(symbol) => symbol.as_str(),
        None => {
            let stem = stem(&options.file_name);
            let (fund, rest) = stem.split_once(['_', '-', ' ']).ok_or_else(needed)?;
            if !rest.to_ascii_lowercase().starts_with("holding") {
                return Err(needed());
            }
            fund
        }
    };
    Symbol::listed(name).map(|symbol| symbol.as_str().to_owned()).map_err(|_| needed())
}

/// The day in a file's name: `2021-01-29`, `2021_01_29`, `20210129`.
pub(crate) fn day(file_name: &str) -> Option<Day> {
    let bytes = stem(file_name).as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let starts = (0..bytes.len()).filter(|at| *at == 0 || !digit(at - 1));
    let mut days = starts.filter_map(|at| {
        let window = |length: usize| bytes.get(at..at + length).filter(|_| !digit(at + length));
        let long = window(10).map(|text| {
            text.iter().map(|b| if *b == b'_' { b'-' } else { *b }).collect::<Vec<u8>>()
        });
        let dashed = long.filter(|text| text[4] == b'-' && text[7] == b'-');
        let plain = window(8).filter(|text| text.iter().all(u8::is_ascii_digit));
        let text = dashed.or_else(|| plain.map(<[u8]>::to_vec))?;
        cell::date("the file name", &text).ok()
    });
    days.next()
}

/// The last day of the month at the end of a file's name, `…_to_2024-03.csv`, or the day itself,
/// `…_to_2024-03-08.csv`.
pub(crate) fn until(file_name: &str) -> Option<Day> {
    let stem = stem(file_name);
    let after = &stem[stem.rfind("_to_")? + 4..];
    if let Some(day) = day(after) {
        return Some(day);
    }
    let (year, month) = after.get(..7)?.split_once(['-', '_'])?;
    let (year, month): (i32, u32) = (year.parse().ok()?, month.parse().ok()?);
    let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    Some(Day::from_ymd(next_year, next_month, 1)?.plus(-1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_from_file_names() {
        let iso = |text| Day::parse_iso(text);
        assert_eq!(day("screener_2021-01-29.csv.gz"), iso("2021-01-29"));
        assert_eq!(day("IWM_holdings_20240927.csv"), iso("2024-09-27"));
        assert_eq!(day("raw_close_2021_01_29"), iso("2021-01-29"));
        assert_eq!(day("sp500.csv"), None);
        assert_eq!(until("split_factor_2021-01-29_to_2024-03.csv"), iso("2024-03-31"));
        assert_eq!(until("x_to_2024-12-05.csv"), iso("2024-12-05"));
        assert_eq!(stem("/a/b.c/META.csv.gz"), "META");
    }
}
