//! The market as CSV files in the layouts of their sources, as a user would have them.

use crate::{
    index::Line,
    market::Market,
    path::printed,
    short_interest::{self, Position, Settlement},
    text,
    universe::{SECTORS, SimulatedName},
};
use marketdata::day::Day;
use stats::rng::Rng;

/// A file and the options needed to ingest it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// File name. The kind of file is detected by its header, never by the name.
    pub file_name: String,
    /// Content of the file.
    pub bytes: Vec<u8>,
    /// Symbol, if the file does not contain one.
    pub symbol: Option<String>,
    /// Index whose members the file lists.
    pub index_id: Option<&'static str>,
    /// Day described by the rows, if they have no dates.
    pub observed_on: Option<Day>,
    /// Day up to which its prices are adjusted for splits.
    pub adjusted_on: Option<Day>,
}

impl SourceFile {
    fn plain(file_name: &str, bytes: Vec<u8>) -> SourceFile {
        let file_name = file_name.to_owned();
        SourceFile {
            file_name,
            bytes,
            symbol: None,
            index_id: None,
            observed_on: None,
            adjusted_on: None,
        }
    }
}

/// Day of the second screener; the first screener is of the first session.
const SCREENER_ON: &str = "2024-06-28";

/// Every file, in an order suitable for loading: publication times and splits first.
pub fn all(market: &Market) -> Vec<SourceFile> {
    let settlements = short_interest::settlements(market);
    let mut files = vec![
        SourceFile::plain("publication_times.csv", publication_times(&settlements)),
        SourceFile::plain("corporate_actions.csv", corporate_actions(market)),
        members(market),
    ];
    files.push(prices(market));
    files.extend(single_lines(market));
    files.extend(screeners(market));
    files.extend(short_interest(market, &settlements));
    files.push(ten_year(market));
    files.push(credit_spread(market));
    files
}

/// `Ticker,Date,Open,High,Low,Close,Adj Close,Volume`, for all names and funds.
pub fn prices(market: &Market) -> SourceFile {
    let dates = text::dates(&market.days);
    let mut out = Vec::with_capacity(96 * dates.len() * (market.names.len() + 5));
    out.extend_from_slice(b"Ticker,Date,Open,High,Low,Close,Adj Close,Volume\n");
    for (at, name) in market.names.iter().enumerate() {
        let bars = market.bars(at);
        for (session, date) in dates.iter().enumerate() {
            let prices = [
                bars.open[session],
                bars.high[session],
                bars.low[session],
                bars.close[session],
                bars.adjusted_close[session],
            ];
            out.extend_from_slice(name.symbol.as_bytes());
            row(&mut out, date, &prices, bars.volume[session]);
        }
    }
    for line in market.indices.lines() {
        if !line.symbol.starts_with('^') {
            for (bar, date) in line_bars(market, line).iter().zip(&dates) {
                out.extend_from_slice(line.symbol.as_bytes());
                row(&mut out, date, &[bar[0], bar[1], bar[2], bar[3], bar[3]], bar[4]);
            }
        }
    }
    let file = SourceFile::plain("simulated_equities.csv", out);
    SourceFile { adjusted_on: market.days.last().copied(), ..file }
}

fn row(out: &mut Vec<u8>, date: &str, prices: &[f64], volume: f64) {
    out.push(b',');
    out.extend_from_slice(date.as_bytes());
    for price in prices {
        out.push(b',');
        text::fixed(out, *price, 6);
    }
    out.push(b',');
    text::integer(out, volume as u64);
    out.push(b'\n');
}

/// Open, high, low, close and volume of an index or fund.
fn line_bars(market: &Market, line: Line<'_>) -> Vec<[f64; 5]> {
    let Line { symbol, levels, unit } = line;
    let stream = (1 << 35) + symbol.bytes().fold(0, |sum, byte| sum * 256 + u64::from(byte));
    let mut rng = Rng::new(market.parameters.seed, stream);
    let shares = if symbol.starts_with('^') { 0.0 } else { 4e7 };
    let mut before = levels.first().copied().unwrap_or(1.0) * unit;
    levels
        .iter()
        .map(|level| {
            let close = printed(level * unit);
            let open = printed(before + 0.4 * (close - before));
            let high = printed(open.max(close) * (1.0 + 0.004 * rng.uniform()));
            let low = printed(open.min(close) * (1.0 - 0.004 * rng.uniform()));
            before = close;
            [open, high, low, close, (shares * (0.7 + 0.6 * rng.uniform())).round()]
        })
        .collect()
}

/// `Date,Open,High,Low,Close,Volume`, one file per index; the files do not contain the symbol.
fn single_lines(market: &Market) -> Vec<SourceFile> {
    let dates = text::dates(&market.days);
    let volatility = Line { symbol: "^VIX", levels: &market.factors.volatility_index, unit: 1.0 };
    let indices = market.indices.lines().into_iter().filter(|line| line.symbol.starts_with('^'));
    indices
        .chain([volatility])
        .map(|line| {
            let mut out = b"Date,Open,High,Low,Close,Volume\n".to_vec();
            for (bar, date) in line_bars(market, line).iter().zip(&dates) {
                out.extend_from_slice(date.as_bytes());
                for price in &bar[..4] {
                    out.push(b',');
                    text::fixed(&mut out, *price, 6);
                }
                out.extend_from_slice(b",0\n");
            }
            let stem = line.symbol.trim_start_matches('^');
            let file = SourceFile::plain(&format!("{stem}.csv"), out);
            SourceFile { symbol: Some(line.symbol.to_owned()), ..file }
        })
        .collect()
}

fn publication_times(settlements: &[Settlement]) -> Vec<u8> {
    let mut out = String::from("settlement,first_seen\n");
    for settlement in settlements {
        out.push_str(&format!("{},{}\n", settlement.on, settlement.first_seen));
    }
    out.into_bytes()
}

fn corporate_actions(market: &Market) -> Vec<u8> {
    let mut out = String::from("symbol,date,price_factor,share_factor\n");
    for name in &market.names {
        if let Some((session, factor)) = name.split {
            let on = market.days[session];
            out.push_str(&format!("{},{on},{factor},{factor}\n", name.symbol));
        }
    }
    out.into_bytes()
}

fn members(market: &Market) -> SourceFile {
    let mut out = String::from("ticker,start_date,end_date\n");
    let day = |session: usize| market.days.get(session).map(Day::to_string).unwrap_or_default();
    for name in &market.names {
        if let Some((from, until)) = name.membership {
            out.push_str(&format!("{},{},{}\n", name.symbol, day(from), day(until)));
        }
    }
    let file = SourceFile::plain("sp500_ticker_start_end.csv", out.into_bytes());
    SourceFile { index_id: Some("SP500"), ..file }
}

/// The whole market at the close of the first session and of [`SCREENER_ON`].
fn screeners(market: &Market) -> Vec<SourceFile> {
    let later = Day::parse_iso(SCREENER_ON).unwrap_or(Day::MAX);
    let sessions = [0, market.days.partition_point(|day| *day <= later).saturating_sub(1)];
    let mut outs = sessions
        .map(|_| String::from("exchange,symbol,name,last_sale_usd,volume,market_cap_usd,sector\n"));
    for (at, name) in market.names.iter().enumerate() {
        let bars = market.bars(at);
        for (out, session) in outs.iter_mut().zip(sessions) {
            out.push_str(&screener_row(name, bars.close[session], bars.volume[session], session));
        }
    }
    let pairs = outs.into_iter().zip(sessions);
    let file = |(out, session): (String, usize)| {
        let on = market.days[session];
        let file = SourceFile::plain(&format!("screener_{on}.csv"), out.into_bytes());
        SourceFile { observed_on: Some(on), ..file }
    };
    pairs.map(file).collect()
}

/// One row, in the units of the day; the market value is that of the whole company, as in
/// screeners.
fn screener_row(name: &SimulatedName, close: f64, volume: f64, session: usize) -> String {
    let units = name.split_after(session);
    let cap = name.company_cap_usd * close / name.price;
    format!(
        "{},{},{},{:.4},{:.0},{:.2},{}\n",
        name.exchange.text(),
        name.symbol,
        name.title,
        close * units,
        volume / units,
        cap,
        SECTORS[name.sector]
    )
}

/// Short interest of the whole market, one file per settlement, in the units of its day.
pub fn short_interest(market: &Market, settlements: &[Settlement]) -> Vec<SourceFile> {
    let header = "symbol,exchange,shares_outstanding,public_float,short_interest_date,\
                  shares_sold_short,change_from_last,percent_of_float\n";
    let dates: Vec<String> = settlements.iter().map(|settlement| us_date(settlement.on)).collect();
    let mut outs = vec![header.as_bytes().to_vec(); settlements.len()];
    for (at, name) in market.names.iter().enumerate() {
        let mut before = None;
        let positions = short_interest::positions(market, at, settlements);
        for ((position, date), out) in positions.iter().zip(&dates).zip(&mut outs) {
            short_interest_row(out, name, position, before, date);
            before = Some(position.shares_short.max(1.0));
        }
    }
    let file = |(settlement, out): (&Settlement, Vec<u8>)| {
        SourceFile::plain(&format!("settle_{}.csv", settlement.on), out)
    };
    settlements.iter().zip(outs).map(file).collect()
}

fn short_interest_row(
    out: &mut Vec<u8>,
    name: &SimulatedName,
    position: &Position,
    before: Option<f64>,
    date: &str,
) {
    let Position { shares_short, shares_outstanding, public_float } = *position;
    out.extend_from_slice(name.symbol.as_bytes());
    out.push(b',');
    out.extend_from_slice(name.exchange.text().to_ascii_uppercase().as_bytes());
    out.push(b',');
    text::fixed(out, shares_outstanding, 1);
    out.push(b',');
    text::fixed(out, public_float, 1);
    out.push(b',');
    out.extend_from_slice(date.as_bytes());
    out.push(b',');
    text::fixed(out, shares_short, 1);
    out.push(b',');
    text::fixed(out, before.map_or(0.0, |before| 100.0 * (shares_short / before - 1.0)), 2);
    out.push(b',');
    text::fixed(out, 100.0 * shares_short / public_float, 2);
    out.push(b'\n');
}

fn us_date(day: Day) -> String {
    let (year, month, date) = day.ymd();
    format!("{month:02}/{date:02}/{:02}", year.rem_euclid(100))
}

/// `date,value`, per cent.
fn ten_year(market: &Market) -> SourceFile {
    let mut out = String::from("date,value\n");
    for (day, value) in market.days.iter().zip(&market.factors.ten_year) {
        out.push_str(&format!("{day},{value:.2}\n"));
    }
    let file = SourceFile::plain("DGS10.csv", out.into_bytes());
    SourceFile { symbol: Some("DGS10".to_owned()), ..file }
}

/// FRED's layout: the option-adjusted spread of high-yield bonds, per cent.
fn credit_spread(market: &Market) -> SourceFile {
    let mut out = String::from("observation_date,BAMLH0A0HYM2\n");
    for (day, value) in market.days.iter().zip(&market.factors.credit_spread) {
        out.push_str(&format!("{day},{value:.2}\n"));
    }
    SourceFile::plain("BAMLH0A0HYM2.csv", out.into_bytes())
}
