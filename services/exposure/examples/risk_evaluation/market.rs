//! The real files as a market, and random books of its lines.

use crate::real_closes::closes;
use marketdata::{day::Day, fixture::Fixture, instant::Instant, snapshot::Snapshot};
use stats::rng::Rng;
use std::{collections::BTreeMap, path::Path};

/// Lines that books hold: every file with closes since 2007.
const LINES: [&str; 26] = [
    "AAPL", "AMZN", "BB", "DIA", "GME", "GOOGL", "HYG", "IWD", "IWF", "IWM", "KOSS", "KRE", "MDY",
    "MSFT", "NOK", "NVDA", "QQQ", "RSP", "SPY", "TLT", "VTI", "XLF", "XLK", "XLP", "XLU", "XLY",
];

/// Lines that only the trade's megacaps need.
const OTHERS: [&str; 2] = ["META", "TSLA"];

/// Last day of the shortest file.
const LAST: &str = "2021-06-30";

/// Least and most lines of one side of a book.
const SIDE: (u32, u32) = (3, 8);

/// Value of one side of a book.
const SIDE_VALUE: f64 = 1e6;

/// The market of the files.
pub(crate) struct World {
    fixture: Fixture,
    /// The days of SPY.
    pub(crate) days: Vec<Day>,
    /// Closes by symbol and day.
    closes: BTreeMap<&'static str, BTreeMap<Day, f64>>,
}

impl World {
    /// Reads the files; every close is published at the close of its day.
    pub(crate) fn of(folder: &Path) -> Result<World, String> {
        let mut world =
            World { fixture: Fixture::new(), days: Vec::new(), closes: BTreeMap::new() };
        for symbol in LINES.into_iter().chain(OTHERS) {
            let of_day = |(day, close): (String, f64)| Some((Day::parse_iso(&day)?, close));
            let whole = closes(folder, symbol)?.into_iter();
            let bars: BTreeMap<Day, f64> =
                whole.filter(|(day, _)| day.as_str() <= LAST).filter_map(of_day).collect();
            let rows: Vec<(Day, f64)> = bars.iter().map(|(day, close)| (*day, *close)).collect();
            world.fixture.closes(symbol, &rows);
            world.closes.insert(symbol, bars);
        }
        world.fixture.commit();
        world.days = world.closes["SPY"].keys().copied().collect();
        Ok(world)
    }

    /// What is known at the close of a day.
    pub(crate) fn at_close(&self, day: Day) -> Snapshot {
        self.fixture.snapshot(Instant::close_of(day))
    }

    pub(crate) fn close(&self, symbol: &str, day: Day) -> Option<f64> {
        self.closes.get(symbol)?.get(&day).copied()
    }

    /// The return of a line from one day to another.
    pub(crate) fn made(&self, symbol: &str, from: Day, to: Day) -> Option<f64> {
        Some(self.close(symbol, to)? / self.close(symbol, from)? - 1.0)
    }
}

/// A book: lines and their values, below 0 for a short.
#[derive(Clone, Debug)]
pub(crate) struct RandomBook {
    pub(crate) lines: Vec<(&'static str, f64)>,
}

impl RandomBook {
    /// The book of a seed and a number: three to eight lines a side, with lognormal weights.
    pub(crate) fn of(seed: u64, number: u64) -> RandomBook {
        let mut rng = Rng::new(seed, number);
        let mut symbols = LINES;
        rng.shuffle(&mut symbols);
        let mut rest = &symbols[..];
        let mut lines = Vec::new();
        for sign in [1.0, -1.0] {
            let count = SIDE.0 + rng.below(SIDE.1 - SIDE.0 + 1);
            let (side, others) = rest.split_at(count as usize);
            let weights: Vec<f64> = side.iter().map(|_| libm::exp(0.5 * rng.normal())).collect();
            let sum: f64 = weights.iter().sum();
            let value = |weight: &f64| sign * SIDE_VALUE * weight / sum;
            lines.extend(side.iter().copied().zip(weights.iter().map(value)));
            rest = others;
        }
        RandomBook { lines }
    }

    /// Its lines, long first: `AAPL+IWM-TLT`.
    pub(crate) fn name(&self) -> String {
        let line = |(symbol, value): &(&str, f64)| {
            format!("{}{symbol}", if *value < 0.0 { "\u{2212}" } else { "+" })
        };
        self.lines.iter().map(line).collect()
    }
}
