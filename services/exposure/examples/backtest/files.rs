//! Books built from real price files.

use crate::{
    real_closes::{Closes, closes},
    replay::{Book, SEEDS, WINDOW},
};
use std::path::PathBuf;

/// Last day to forecast: the end of the shortest files.
const LAST: &str = "2021-06-30";

/// Positions of a book, as shares of its gross value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipe {
    pub(crate) name: &'static str,
    long: &'static [&'static str],
    short: &'static [&'static str],
    /// First day to forecast, ISO.
    from: &'static str,
}

/// From 2008 on, which includes the crisis and the sell-offs of 2011, 2015, 2018 and 2020.
const fn spread(
    name: &'static str,
    long: &'static [&'static str],
    short: &'static [&'static str],
) -> Recipe {
    Recipe { name, long, short, from: "2008-01-01" }
}

/// Six spreads that are traded against each other, and the crowded trade: the seven megacaps
/// against small caps and regional banks. The latter starts in 2018, because META has been listed
/// only since 2012.
pub(crate) const BOOKS: [Recipe; 7] = [
    spread("QQQ-IWM", &["QQQ"], &["IWM"]),
    spread("SPY-IWM", &["SPY"], &["IWM"]),
    spread("SPY-MDY", &["SPY"], &["MDY"]),
    spread("SPY-RSP", &["SPY"], &["RSP"]),
    spread("IWF-IWD", &["IWF"], &["IWD"]),
    spread("XLY-XLP", &["XLY"], &["XLP"]),
    Recipe {
        name: "crowded trade",
        long: &["AAPL", "MSFT", "GOOGL", "AMZN", "NVDA", "META", "TSLA"],
        short: &["IWM", "KRE"],
        from: "2018-01-01",
    },
];

/// The folder of real files.
#[derive(Debug)]
pub(crate) struct Files(PathBuf);

impl Files {
    pub(crate) const fn at(folder: PathBuf) -> Files {
        Files(folder)
    }

    /// A book on the days that all its files have. Positions are rebalanced to their shares of
    /// gross every day, which a forecast for today's positions assumes.
    pub(crate) fn book(&self, recipe: &Recipe) -> Result<Book, String> {
        let side = |symbols: &[&str], sign: f64| -> Result<Vec<(f64, Closes)>, String> {
            let weight = 0.5 * sign / symbols.len() as f64;
            symbols.iter().map(|symbol| Ok((weight, closes(&self.0, symbol)?))).collect()
        };
        let mut positions = side(recipe.long, 1.0)?;
        positions.extend(side(recipe.short, -1.0)?);
        let is_common = |day: &&String| {
            day.as_str() <= LAST && positions.iter().all(|(_, closes)| closes.contains_key(*day))
        };
        let days: Vec<&String> = positions[0].1.keys().filter(is_common).collect();
        let profit = |pair: &[&String]| -> f64 {
            let of = |(weight, closes): &(f64, Closes)| {
                weight * (closes[pair[1]] / closes[pair[0]] - 1.0)
            };
            positions.iter().map(of).sum()
        };
        let profits: Vec<f64> = days.windows(2).map(profit).collect();
        let first = days.iter().skip(1).take_while(|day| day.as_str() < recipe.from).count();
        if first < SEEDS + WINDOW {
            return Err(format!("only {first} days of history before {}", recipe.from));
        }
        Ok(Book { name: recipe.name.to_owned(), profits, first })
    }
}
