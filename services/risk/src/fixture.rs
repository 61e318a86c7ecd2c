//! A simulated market with known factor returns, betas and sizes; seeded, for the tests and benches of
//! this crate and of those that depend on it.

#![allow(clippy::unwrap_used, reason = "a market made for tests is whole")]

use factors::roles::Roles;
use marketdata::{
    basis::PriceBasis,
    calendar,
    dataset::{Dataset, Field},
    day::Day,
    facts::FactTable,
    instant::Instant,
    instrument::{Instrument, InstrumentId, Namespace, Naming},
    market::{Delta, Market, RevisionMark},
    segment::Segment,
    snapshot::Snapshot,
    symbol::Symbol,
};
use stats::rng::Rng;
use std::sync::Arc;

/// A simulated name: the true parameters of its returns.
#[derive(Clone, Debug)]
pub struct Truth {
    pub symbol: String,
    pub beta: f64,
    pub size_beta: f64,
    pub residual_sd: f64,
    pub market_cap_usd: f64,
    /// First day with a price.
    pub listed_from: usize,
    /// Amounts added to the returns of single days.
    pub jumps: Vec<(usize, f64)>,
    /// Trades only every other day: the close of the day between is unchanged, and the next one
    /// catches up.
    pub stale: bool,
    /// Whether the small-cap index holds it, with the weight of its market value.
    pub in_small_cap_fund: bool,
    /// Prices are stored as if split by this factor after the last day; 1 stores them unchanged.
    pub restated: f64,
    /// Whether it has neither a float nor a sector, so that it is not classified as company or
    /// fund.
    pub of_unknown_kind: bool,
}

#[derive(Debug)]
pub struct World {
    pub market: Arc<Market>,
    pub days: Vec<Day>,
    pub names: Vec<Truth>,
    /// Returns of the market and of size, one value per day; the first is unused.
    pub market_returns: Vec<f64>,
    pub size_returns: Vec<f64>,
}

/// Slope of the small-less-large spread on the market.
pub const SPREAD_SLOPE: f64 = 0.1;

const SECTORS: [&str; 4] = ["Energy", "Finance", "Health Care", "Technology"];

/// `count` names over `days` sessions; returns of day t are β·m + δ·s + noise.
pub fn world(count: usize, days: usize, seed: u64) -> World {
    world_with(count, days, seed, |_| {})
}

/// The same, with some parameters changed.
pub fn world_with(count: usize, days: usize, seed: u64, alter: impl FnOnce(&mut [Truth])) -> World {
    let days = sessions(days);
    let mut rng = Rng::new(seed, 0);
    let mut draw = |sd: f64| (0..days.len()).map(|_| sd * rng.normal()).collect::<Vec<f64>>();
    let (market_returns, size_returns) = (draw(0.010), draw(0.006));
    let names = (0..count).map(|index| truth(index, count, seed)).collect();
    let mut world =
        World { market: Arc::new(Market::empty()), days, names, market_returns, size_returns };
    alter(&mut world.names);
    world.market = Arc::new(world.fold(seed, world.days.len()));
    world
}

fn truth(index: usize, count: usize, seed: u64) -> Truth {
    const MEGACAPS: [&str; 7] = ["AAPL", "MSFT", "GOOGL", "AMZN", "NVDA", "META", "TSLA"];
    let mut rng = Rng::new(seed, 1_000_000 + index as u64);
    let rank = index as f64 / count as f64;
    Truth {
        symbol: MEGACAPS
            .get(index)
            .map_or_else(|| format!("N{index:04}"), |symbol| (*symbol).to_owned()),
        beta: 1.0 + 0.3 * rng.normal(),
        size_beta: 1.6 * rank - 0.3 + 0.2 * rng.normal(),
        residual_sd: 0.012 + 0.012 * rank,
        // From 2 trillion down to 20 million.
        market_cap_usd: 2e12 * libm::pow(1e-5, rank),
        listed_from: 0,
        jumps: Vec::new(),
        stale: false,
        in_small_cap_fund: false,
        restated: 1.0,
        of_unknown_kind: false,
    }
}

fn sessions(count: usize) -> Vec<Day> {
    let mut day = Day::from_ymd(2024, 7, 10).unwrap();
    let mut days = Vec::with_capacity(count);
    while days.len() < count {
        if calendar::is_session(day) {
            days.push(day);
        }
        day = day.plus(-1);
    }
    days.reverse();
    days
}

impl World {
    pub fn as_of(&self) -> Instant {
        Instant::close_of(*self.days.last().unwrap())
    }

    pub fn snapshot_at(&self, market: &Arc<Market>, day: usize) -> Snapshot {
        Snapshot::new(Arc::clone(market), Instant::close_of(self.days[day]), 1).unwrap()
    }

    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(Arc::clone(&self.market), self.as_of(), 1).unwrap()
    }

    pub fn roles() -> Roles {
        Roles::standard()
    }

    /// The returns of a name, from its true parameters.
    pub fn returns(&self, index: usize, seed: u64) -> Vec<f64> {
        let truth = &self.names[index];
        let mut rng = Rng::new(seed, 2_000_000 + index as u64);
        let driven = self.market_returns.iter().zip(&self.size_returns);
        let mut returns: Vec<f64> = driven
            .map(|(m, s)| truth.beta * m + truth.size_beta * s + truth.residual_sd * rng.normal())
            .collect();
        for pair in returns.chunks_exact_mut(2).filter(|_| truth.stale) {
            pair[1] += pair[0];
            pair[0] = 0.0;
        }
        for (day, jump) in &truth.jumps {
            returns[*day] += jump;
        }
        returns
    }

    /// The market as if the log had ended after this many days.
    pub fn fold(&self, seed: u64, days: usize) -> Market {
        self.fold_numbered(seed, days, |index, _| index as u32 + 1)
    }

    /// The same facts, ingested from the last name to the first, so that every instrument and text
    /// has another number.
    pub fn folded_backwards(&self, seed: u64) -> Snapshot {
        let market = self.fold_numbered(seed, self.days.len(), |index, of| (of - index) as u32);
        Snapshot::new(Arc::new(market), self.as_of(), 1).unwrap()
    }

    /// Symbol, returns and first day of every line: the names, then the indices.
    fn series(&self, seed: u64) -> Vec<(String, Vec<f64>, usize)> {
        let name = |(index, truth): (usize, &Truth)| {
            (truth.symbol.clone(), self.returns(index, seed), truth.listed_from)
        };
        let mut series: Vec<(String, Vec<f64>, usize)> =
            self.names.iter().enumerate().map(name).collect();
        let small = self.market_returns.iter().zip(&self.size_returns);
        let small = small.map(|(m, s)| (1.0 + SPREAD_SLOPE) * m + s).collect();
        series.push(("^GSPC".to_owned(), self.market_returns.clone(), 0));
        series.push(("^RUT".to_owned(), small, 0));
        series
    }

    /// `number` maps the index of a line to its number, given the number of lines.
    fn fold_numbered(
        &self,
        seed: u64,
        days: usize,
        number: impl Fn(usize, usize) -> u32,
    ) -> Market {
        let mut bars = FactTable::empty(Dataset::Bars);
        let mut shares = FactTable::empty(Dataset::ShareCounts);
        let mut listings = FactTable::empty(Dataset::Listings);
        let mut holdings = FactTable::empty(Dataset::Holdings);
        let mut splits = FactTable::empty(Dataset::Splits);
        let mut instruments = Vec::new();
        let mut namings = Vec::new();
        let series = self.series(seed);
        let held = self.names.iter().filter(|truth| truth.in_small_cap_fund);
        let held_usd: f64 = held.map(|truth| truth.market_cap_usd).sum();
        let closes: Vec<Instant> = self.days.iter().map(|day| Instant::close_of(*day)).collect();
        let id_of = |index: usize| InstrumentId(number(index, series.len()));
        let sector_of = |index: usize| number(index % SECTORS.len(), SECTORS.len()) - 1;
        for (index, (symbol, returns, from)) in series.iter().enumerate() {
            let id = id_of(index);
            instruments.push(Instrument { id, namespace: Namespace::Listed, revision: 1 });
            let symbol = Symbol::listed(symbol).unwrap();
            let (from_day, until) = (Day::MIN, Day::MAX);
            namings.push(Naming { instrument: id, revision: 1, symbol, from: from_day, until });
            let restated = self.names.get(index).map_or(1.0, |truth| truth.restated);
            let after = self.days[self.days.len() - 1].plus(30);
            let is_raw = restated.to_bits() == 1.0_f64.to_bits();
            let basis =
                if is_raw { PriceBasis::Raw } else { PriceBasis::SplitAdjusted { on: after } };
            if !is_raw {
                let known = Instant::close_of(after);
                let row = [f64::from(after.epoch() - 1), restated, restated];
                splits.push(id, InstrumentId::NONE, after, known, &row);
            }
            let mut close = 100.0;
            for at in *from..days {
                close *= 1.0 + returns[at];
                let volume = 1e6 + at as f64;
                let stored = close / restated;
                let [code, on] = basis.to_values();
                let row = [stored, stored, stored, stored, volume, 1.0, code, on];
                bars.push(id, InstrumentId::NONE, self.days[at], closes[at], &row);
            }
            if let Some(truth) = self.names.get(index) {
                let count = truth.market_cap_usd / 100.0;
                let known = Instant::close_of(self.days[0]);
                let classified = if truth.of_unknown_kind { f64::NAN } else { 1.0 };
                let key = (id, InstrumentId::NONE, self.days[0], known);
                shares.push(key.0, key.1, key.2, key.3, &[count, classified * count * 0.9]);
                if truth.in_small_cap_fund {
                    let fund = id_of(self.names.len() + 1);
                    let mut row = [f64::NAN; Dataset::Holdings.fields().len()];
                    row[Dataset::Holdings.column(Field::Weight)] = truth.market_cap_usd / held_usd;
                    holdings.push(id, fund, self.days[0], known, &row);
                }
                let mut listing = [f64::NAN; Dataset::Listings.fields().len()];
                listing[Dataset::Listings.column(Field::Sector)] =
                    classified * f64::from(sector_of(index));
                listings.push(key.0, key.1, key.2, key.3, &listing);
            }
        }
        instruments.sort_by_key(|instrument| instrument.id);
        let mut texts = SECTORS.map(str::to_owned).to_vec();
        texts.sort_by_key(|text| SECTORS.iter().position(|sector| sector == text).map(sector_of));
        let segments = [bars, shares, holdings, listings, splits].map(|mut table| {
            table.sort();
            Arc::new(Segment::of_table(table, 1))
        });
        Market::empty().apply(Delta {
            marks: vec![RevisionMark { revision: 1, data_version: [1; 32] }],
            instruments,
            namings,
            texts,
            segments: segments.to_vec(),
        })
    }
}

impl World {
    /// The market with a series beside it, of a value per day.
    pub fn with_series(&self, symbol: &str, value: impl Fn(usize) -> f64) -> Snapshot {
        let id = InstrumentId(self.names.len() as u32 + 3);
        let mut series = FactTable::empty(Dataset::Series);
        for (at, day) in self.days.iter().enumerate() {
            series.push(id, InstrumentId::NONE, *day, Instant::close_of(*day), &[value(at)]);
        }
        let symbol = Symbol::series(symbol).unwrap();
        let (from, until) = (Day::MIN, Day::MAX);
        let market = self.market.apply(Delta {
            marks: vec![RevisionMark { revision: 2, data_version: [2; 32] }],
            instruments: vec![Instrument { id, namespace: Namespace::Series, revision: 2 }],
            namings: vec![Naming { instrument: id, revision: 2, symbol, from, until }],
            texts: Vec::new(),
            segments: vec![Arc::new(Segment::of_table(series, 2))],
        });
        Snapshot::new(Arc::new(market), self.as_of(), 2).unwrap()
    }

    /// The market whose first revision holds all but the last session, before and after a second
    /// revision that appends the last session's bars.
    pub fn with_last_session_appended(&self, seed: u64) -> [Snapshot; 2] {
        let last = self.days.len() - 1;
        let before = self.fold(seed, last);
        let known = Instant::close_of(self.days[last]);
        let mut bars = FactTable::empty(Dataset::Bars);
        let [code, on] = PriceBasis::Raw.to_values();
        for (index, (_, returns, _)) in self.series(seed).iter().enumerate() {
            // The closes are the same as in the fold: one product from the first session on.
            let close = returns[..=last].iter().fold(100.0, |close, r| close * (1.0 + r));
            let row = [close, close, close, close, 1e6, 1.0, code, on];
            bars.push(
                InstrumentId(index as u32 + 1),
                InstrumentId::NONE,
                self.days[last],
                known,
                &row,
            );
        }
        bars.sort();
        let after = before.apply(Delta {
            marks: vec![RevisionMark { revision: 2, data_version: [2; 32] }],
            instruments: Vec::new(),
            namings: Vec::new(),
            texts: Vec::new(),
            segments: vec![Arc::new(Segment::of_table(bars, 2))],
        });
        let view = |market: Market, at, revision| {
            Snapshot::new(Arc::new(market), Instant::close_of(self.days[at]), revision).unwrap()
        };
        [view(before, last - 1, 1), view(after, last, 2)]
    }
}
