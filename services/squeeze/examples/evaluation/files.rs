//! The real files: a market as it was known, and adjusted closes for what happened later.

use flate2::read::GzDecoder;
use marketdata::{
    basis::PriceBasis,
    dataset::{Dataset, Field},
    day::Day,
    fixture::Fixture,
    instant::Instant,
    instrument::{InstrumentId, Namespace},
};
use squeeze::calibration::label::Moves;
use std::{collections::BTreeMap, io::Read, path::Path};

const SETTLEMENTS: [&str; 4] = ["2020-11-30", "2020-12-15", "2020-12-31", "2021-01-15"];
/// A distribution factor this close to 1 is rounding of the file's six decimals.
const ROUNDING: f64 = 1e-4;

/// What the files hold.
#[derive(Debug)]
pub(crate) struct Files {
    /// Bars, short interest and share counts with their publication times.
    pub(crate) market: Fixture,
    /// Returns of closes adjusted for splits and distributions.
    pub(crate) moves: BTreeMap<String, Moves>,
    /// The market that returns are adjusted by.
    pub(crate) index: Moves,
}

impl Files {
    /// Reads the folder of real files.
    pub(crate) fn read(folder: &Path) -> Result<Files, String> {
        let mut market = Fixture::new();
        let factors = factors(&text(folder, "universe/split_factor_2021-01-29_to_2024-03.csv")?)?;
        let prices = text(folder, "prices/us_equities_2020-07_2021-03.csv.gz")?;
        let moves = bars(&mut market, &prices, &factors)?;
        let seen = publications(&text(folder, "short_interest/publication_times.csv")?)?;
        for settled in SETTLEMENTS {
            let file = text(folder, &format!("short_interest/settle_{settled}.csv.gz"))?;
            let at = seen.get(settled).ok_or(format!("no publication time of {settled}"))?;
            let settled = Day::parse_iso(settled).ok_or("a settlement is a date")?;
            short_interest(&mut market, &file, settled, *at)?;
        }
        market.commit();
        let index = index(&text(folder, "prices/etf_ohlcv/SPY.csv.gz")?)?;
        Ok(Files { market, moves, index })
    }
}

#[expect(clippy::disallowed_methods, reason = "an evaluation on real files reads them")]
fn text(folder: &Path, file: &str) -> Result<String, String> {
    let bytes = std::fs::read(folder.join(file)).map_err(|error| format!("{file}: {error}"))?;
    let mut text = String::new();
    if file.ends_with(".gz") {
        let mut decoder = GzDecoder::new(&bytes[..]);
        decoder.read_to_string(&mut text).map_err(|error| format!("{file}: {error}"))?;
    } else {
        text = String::from_utf8(bytes).map_err(|error| format!("{file}: {error}"))?;
    }
    Ok(text)
}

/// The cells of each row after the header.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().skip(1).map(|line| line.split(',').map(str::trim).collect())
}

fn number(row: &[&str], column: usize) -> Result<f64, String> {
    let cell = row.get(column).ok_or_else(|| format!("{row:?} has no column {column}"))?;
    match *cell {
        "" => Ok(f64::NAN),
        cell => cell.parse().map_err(|error| format!("{row:?}: {error}")),
    }
}

/// One spelling of share classes.
fn spelled(symbol: &str) -> String {
    symbol.to_uppercase().replace(['-', '/', ' '], ".")
}

/// Close on 2021-01-29 as traded / in the units of 2024, by symbol. Counts of short interest are in
/// the units of their day, so prices and volumes are converted back to these.
fn factors(file: &str) -> Result<BTreeMap<String, f64>, String> {
    rows(file).map(|row| Ok((spelled(row[0]), number(&row, 1)? / number(&row, 2)?))).collect()
}

fn publications(file: &str) -> Result<BTreeMap<String, Instant>, String> {
    let row = |row: Vec<&str>| {
        let at = Instant::parse_rfc3339(row[1]).ok_or_else(|| format!("{row:?}: no instant"))?;
        Ok((row[0].to_owned(), at))
    };
    rows(file).map(row).collect()
}

fn bars(
    market: &mut Fixture,
    file: &str,
    factors: &BTreeMap<String, f64>,
) -> Result<BTreeMap<String, Moves>, String> {
    let mut moves: BTreeMap<String, Moves> = BTreeMap::new();
    let [code, on] = PriceBasis::Raw.to_values();
    // Symbol, adjusted close / close, adjusted close of the row before.
    let mut before = (String::new(), 1.0, 1.0);
    for row in rows(file) {
        let symbol = spelled(row[0]);
        let day = Day::parse_iso(row[1]).ok_or_else(|| format!("{row:?}: no date"))?;
        let (close, adjusted, volume) = (number(&row, 5)?, number(&row, 6)?, number(&row, 7)?);
        if !(0.0 < close && 0.0 < adjusted) {
            continue;
        }
        let factor = factors.get(&symbol).copied().unwrap_or(1.0);
        let growth = (adjusted / close) / before.1;
        let pays = before.0 == symbol && ROUNDING < (growth - 1.0).abs();
        let values = [
            (Field::Close, close * factor),
            (Field::Volume, volume / factor),
            (Field::Distribution, if pays { growth } else { 1.0 }),
            (Field::PriceBasis, code),
            (Field::BasisOn, on),
        ];
        let key = (market.id(Namespace::Listed, &symbol), InstrumentId::NONE);
        market.fact(Dataset::Bars, key, day, Instant::close_of(day), &values);
        let own = moves.entry(symbol.clone()).or_insert(Moves::EMPTY);
        own.days.push(day);
        own.returns.push((before.0 == symbol).then(|| adjusted / before.2 - 1.0));
        before = (symbol, adjusted / close, adjusted);
    }
    Ok(moves)
}

fn short_interest(
    market: &mut Fixture,
    file: &str,
    settled: Day,
    at: Instant,
) -> Result<(), String> {
    for row in rows(file) {
        let (outstanding, float, short) = (number(&row, 2)?, number(&row, 3)?, number(&row, 5)?);
        if row[0].is_empty() || short.is_nan() {
            continue;
        }
        let key = (market.id(Namespace::Listed, &spelled(row[0])), InstrumentId::NONE);
        let values = [(Field::SharesShort, short)];
        market.fact(Dataset::ShortInterest, key, settled, at, &values);
        let values = [(Field::PublicFloat, float), (Field::SharesOutstanding, outstanding)];
        market.fact(Dataset::ShareCounts, key, settled, at, &values);
    }
    Ok(())
}

fn index(file: &str) -> Result<Moves, String> {
    let mut moves = Moves::EMPTY;
    let mut before = None;
    for row in rows(file) {
        let close = number(&row, 4)?;
        moves.days.push(Day::parse_iso(row[0]).ok_or("a row has no date")?);
        moves.returns.push(before.map(|before: f64| close / before - 1.0));
        before = Some(close);
    }
    Ok(moves)
}
