//! Returns of the trade's names and of the funds, from the real price files.

use crate::real_closes::{Closes, closes};
use std::path::Path;

/// The long leg.
pub(crate) const LONG: [&str; 7] = ["AAPL", "MSFT", "GOOGL", "AMZN", "NVDA", "META", "TSLA"];

/// The funds that hedge.
pub(crate) const FUNDS: [&str; 3] = ["SPY", "IWM", "QQQ"];

/// The short legs of the books: one that a hedge may buy back, and one that it does not hold.
pub(crate) const SHORTS: [&str; 2] = ["IWM", "KRE"];

/// The first session that is used, which leaves a year before the first hedge, and the last one that
/// all files have.
const FIRST: &str = "2011-06-01";
const LAST: &str = "2021-06-30";

/// Returns by session of what a book and its hedges hold.
#[derive(Clone, Debug)]
pub(crate) struct Returns {
    /// The short leg of the book.
    pub(crate) short: &'static str,
    /// Sessions, ISO.
    pub(crate) days: Vec<String>,
    /// By symbol of [`symbols`]; decimals.
    pub(crate) lines: Vec<Vec<f64>>,
    /// By session, how many names had no return: the mean of the others stands in.
    pub(crate) stand_ins: Vec<usize>,
}

/// The names of [`LONG`], the funds of [`FUNDS`], and the short leg if it is none of them.
pub(crate) fn symbols(short: &'static str) -> impl Iterator<Item = &'static str> {
    let other = Some(short).filter(|short| !FUNDS.contains(short));
    LONG.into_iter().chain(FUNDS).chain(other)
}

impl Returns {
    /// Reads the files of a book by its short leg: the sessions are those of the funds.
    pub(crate) fn read(folder: &Path, short: &'static str) -> Result<Returns, String> {
        let read = |symbol| closes(folder, symbol);
        let names: Vec<Closes> = LONG.into_iter().map(read).collect::<Result<_, _>>()?;
        let funds: Vec<Closes> =
            symbols(short).skip(LONG.len()).map(read).collect::<Result<_, _>>()?;
        let is_common = |day: &&String| funds.iter().all(|fund| fund.contains_key(*day));
        let all: Vec<&String> = funds[0].keys().filter(is_common).collect();
        let first = all.partition_point(|day| day.as_str() < FIRST);
        let end = all.partition_point(|day| day.as_str() <= LAST);
        let steps: Vec<&[&String]> = all[first - 1..end].windows(2).collect();
        let step = |closes: &Closes, pair: &[&String]| {
            Some(closes.get(pair[1])? / closes.get(pair[0])? - 1.0)
        };
        let mut returns = Returns {
            short,
            days: Vec::new(),
            lines: vec![Vec::new(); names.len() + funds.len()],
            stand_ins: Vec::new(),
        };
        for pair in steps {
            let own: Vec<Option<f64>> = names.iter().map(|name| step(name, pair)).collect();
            let known: Vec<f64> = own.iter().flatten().copied().collect();
            let mean = known.iter().sum::<f64>() / known.len() as f64;
            let values = own.iter().map(|own| own.unwrap_or(mean));
            let values = values.chain(funds.iter().filter_map(|fund| step(fund, pair)));
            returns.lines.iter_mut().zip(values).for_each(|(line, value)| line.push(value));
            returns.days.push(pair[1].clone());
            returns.stand_ins.push(LONG.len() - known.len());
        }
        Ok(returns)
    }

    /// Place of the first session of a year.
    pub(crate) fn first_of(&self, year: &str) -> usize {
        self.days.partition_point(|day| day.as_str() < year)
    }

    /// Share of gross times sessions that rests on stand-ins, over the windows of hedges that begin
    /// with a session: the long leg is half of gross.
    pub(crate) fn stand_in_share(&self, first: usize) -> f64 {
        let count: usize = self.stand_ins[first..].iter().sum();
        let all = LONG.len() * (self.days.len() - first);
        0.5 * count as f64 / all as f64
    }
}
