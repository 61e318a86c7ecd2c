//! The market as batches of facts that can be appended or folded directly, for tests and benches that
//! read no files.

use crate::{market::Market, path::printed, short_interest, universe::SECTORS};
use marketdata::{
    basis::PriceBasis,
    dataset::{Dataset, Field, SHORT_INTEREST},
    day::Day,
    facts::{Batch, FactTable},
    instant::Instant,
    instrument::{Instrument, InstrumentId, Namespace, Naming},
    market::{self, Delta, RevisionMark},
    segment::Segment,
    symbol::Symbol,
};
use std::sync::Arc;

const NONE: InstrumentId = InstrumentId::NONE;

/// Batches for an empty store: bars of at most `names_per_batch` instruments per batch, then one
/// batch with all other facts. Values equal those of the files.
pub fn batches(market: &Market, names_per_batch: usize) -> impl Iterator<Item = Batch> + '_ {
    let closes: Vec<Instant> = market.days.iter().map(|day| Instant::close_of(*day)).collect();
    let lines = market.names.len() + market.indices.lines().len();
    let size = names_per_batch.max(1);
    let count = lines.div_ceil(size);
    (0..count)
        .map(move |chunk| {
            let first = chunk * size;
            bars(market, chunk as u64, first..(first + size).min(lines), &closes)
        })
        .chain((0..1).map(move |_| rest(market, count as u64, lines)))
}

/// The market that these batches make, as folded by a fresh process. Its data versions are zeros.
pub fn folded(batches: impl Iterator<Item = Batch>) -> Arc<market::Market> {
    let folded = batches.fold(market::Market::empty(), |market, batch| {
        let revision = batch.revision();
        let segment = |table| Arc::new(Segment::of_table(table, revision));
        market.apply(Delta {
            marks: vec![RevisionMark { revision, data_version: [0; 32] }],
            instruments: batch.instruments,
            namings: batch.namings,
            texts: batch.texts,
            segments: batch.tables.into_iter().map(segment).collect(),
        })
    });
    Arc::new(folded)
}

fn id(line: usize) -> InstrumentId {
    InstrumentId(line as u32 + 1)
}

/// Ticker of an instrument: names first, then indices and funds.
fn symbol(market: &Market, line: usize) -> &str {
    match market.names.get(line) {
        Some(name) => &name.symbol,
        None => market.indices.lines()[line - market.names.len()].symbol,
    }
}

fn introduce(batch: &mut Batch, id: InstrumentId, namespace: Namespace, text: &str) {
    let revision = batch.revision();
    let symbol = match namespace {
        Namespace::Listed => Symbol::listed(text),
        Namespace::Series => Symbol::series(text),
    };
    if let Ok(symbol) = symbol {
        batch.instruments.push(Instrument { id, namespace, revision });
        batch.namings.push(Naming {
            instrument: id,
            revision,
            symbol,
            from: Day::MIN,
            until: Day::MAX,
        });
    }
}

fn bars(market: &Market, base: u64, lines: std::ops::Range<usize>, closes: &[Instant]) -> Batch {
    let mut batch = Batch::empty(base);
    let mut table = FactTable::empty(Dataset::Bars);
    let last = market.days.last().copied().unwrap_or(Day::MIN);
    let [basis, basis_on] = (PriceBasis::SplitAdjusted { on: last }).to_values();
    for line in lines {
        introduce(&mut batch, id(line), Namespace::Listed, symbol(market, line));
        let rows = line_rows(market, line);
        for (session, [open, high, low, close, volume, distribution]) in rows.enumerate() {
            let values = [open, high, low, close, volume, distribution, basis, basis_on];
            table.push(id(line), NONE, market.days[session], closes[session], &values);
        }
    }
    batch.tables.push(table);
    batch
}

fn line_rows(market: &Market, line: usize) -> Box<dyn Iterator<Item = [f64; 6]> + '_> {
    let absent = f64::NAN;
    if line < market.names.len() {
        let bars = market.bars(line);
        return Box::new((0..market.days.len()).map(move |i| {
            let distribution = if i == 0 { absent } else { bars.distribution[i] };
            [bars.open[i], bars.high[i], bars.low[i], bars.close[i], bars.volume[i], distribution]
        }));
    }
    let line = market.indices.lines()[line - market.names.len()];
    let levels = line.levels.iter().map(move |level| printed(level * line.unit));
    Box::new(levels.map(move |close| [absent, absent, absent, close, absent, absent]))
}

/// All facts except bars, in one revision.
fn rest(market: &Market, base: u64, lines: usize) -> Batch {
    let mut batch = Batch::empty(base);
    let [index, schedule, yields] = [id(lines), id(lines + 1), id(lines + 2)];
    for (id, text) in [(index, "SP500"), (schedule, SHORT_INTEREST), (yields, "DGS10")] {
        introduce(&mut batch, id, Namespace::Series, text);
    }
    let settlements = short_interest::settlements(market);
    let mut schedules = FactTable::empty(Dataset::Schedules);
    for settlement in &settlements {
        let seen = settlement.first_seen;
        schedules.push(schedule, NONE, settlement.on, seen, &[seen.micros() as f64]);
    }
    let mut series = FactTable::empty(Dataset::Series);
    for (session, value) in market.factors.ten_year.iter().enumerate() {
        let on = market.days[session];
        let next = marketdata::calendar::plus_sessions(on, 1);
        let value = (value * 100.0).round() / 100.0;
        series.push(yields, NONE, on, Instant::new_york(next, 16, 15), &[value]);
    }
    batch.tables = vec![schedules, series, members(market, index), splits(market)];
    batch.tables.extend(listings(market, &mut batch.texts));
    batch.tables.extend(shorts(market, &settlements));
    for table in &mut batch.tables {
        table.sort();
    }
    batch
}

fn members(market: &Market, index: InstrumentId) -> FactTable {
    let mut table = FactTable::empty(Dataset::Memberships);
    for (line, name) in market.names.iter().enumerate() {
        let Some((from, until)) = name.membership else { continue };
        for (session, member) in [(from, 1.0), (until, 0.0)] {
            if let Some(day) = market.days.get(session) {
                table.push(id(line), index, *day, Instant::new_york(*day, 9, 30), &[member]);
            }
        }
    }
    table
}

fn splits(market: &Market) -> FactTable {
    let mut table = FactTable::empty(Dataset::Splits);
    for (line, name) in market.names.iter().enumerate() {
        let Some((session, factor)) = name.split else { continue };
        let day = market.days[session];
        let from = f64::from(day.plus(-1).epoch());
        table.push(id(line), NONE, day, Instant::new_york(day, 9, 30), &[from, factor, factor]);
    }
    table
}

fn listings(market: &Market, texts: &mut Vec<String>) -> Option<FactTable> {
    let mut text = |text: &str| {
        let known = texts.iter().position(|known| known == text);
        let at = known.unwrap_or_else(|| {
            texts.push(text.to_owned());
            texts.len() - 1
        });
        at as f64
    };
    let exchanges = ["nasdaq", "nyse"].map(&mut text);
    let sectors = SECTORS.map(&mut text);
    // Files of the simulation have the screener's layout.
    let scheme = text("NASDAQ");
    let mut names = Vec::new();
    let mut table = FactTable::empty(Dataset::Listings);
    let day = *market.days.first()?;
    let first_title = exchanges.len() + sectors.len() + 1;
    for (line, name) in market.names.iter().enumerate() {
        let bars = market.bars(line);
        let values = [
            (Field::Name, (first_title + line) as f64),
            (Field::Exchange, exchanges[name.exchange as usize]),
            (Field::Sector, sectors[name.sector]),
            (Field::SectorScheme, scheme),
            (Field::MarketCap, name.company_cap_usd * bars.close[0] / name.price),
            (Field::LastPrice, bars.close[0] * name.split_after(0)),
            (Field::LastVolume, bars.volume[0] / name.split_after(0)),
        ];
        let mut row = [f64::NAN; Dataset::Listings.fields().len()];
        for (field, value) in values {
            row[Dataset::Listings.column(field)] = value;
        }
        table.push(id(line), NONE, day, Instant::new_york(day, 18, 0), &row);
        names.push(name.title.clone());
    }
    texts.extend(names);
    Some(table)
}

fn shorts(market: &Market, settlements: &[short_interest::Settlement]) -> [FactTable; 2] {
    let mut shorts = FactTable::empty(Dataset::ShortInterest);
    let mut counts = FactTable::empty(Dataset::ShareCounts);
    for line in 0..market.names.len() {
        let positions = short_interest::positions(market, line, settlements);
        for (settlement, position) in settlements.iter().zip(positions) {
            let key = (id(line), NONE, settlement.on, settlement.first_seen);
            let mut row = [f64::NAN; 5];
            row[Dataset::ShortInterest.column(Field::SharesShort)] = position.shares_short;
            shorts.push(key.0, key.1, key.2, key.3, &row);
            let row = [position.shares_outstanding, position.public_float];
            counts.push(key.0, key.1, key.2, key.3, &row);
        }
    }
    [shorts, counts]
}
