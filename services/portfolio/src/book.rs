//! A portfolio joined to a market and valued: one holding per instrument, and the unmatched lines.
//!
//! [`Quotes`] holds the last known price of every instrument, once per view. [`Book::join`] checks
//! the lines of a request, finds their instruments and values them in one pass. Lines of one
//! instrument are added up, largest amounts last, and instruments are in the order of their names,
//! so that the result does not depend, bit for bit, on the order of the lines or of ingest.

use crate::{
    lines::{
        RawLine, Size, Violation, check_line, check_net_asset_value, is_amount, is_cost,
        no_positions,
    },
    lookup::Lookup,
};
use marketdata::{
    instrument::InstrumentId,
    quotes::{Quote, Quotes},
};

/// The position in one instrument: the sum of its lines.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Holding {
    /// The instrument held.
    pub instrument: InstrumentId,
    /// Market value in the portfolio's currency, negative for a short.
    pub market_value: f64,
    /// Shares in the units of the view's day, negative for a short. `None` if some line gave a
    /// market value and there is no price to convert it to shares.
    pub shares: Option<f64>,
    /// Average cost per share over the lines that gave one, weighted by shares.
    pub average_cost: Option<f64>,
    /// The last close; `None` if there is no price, in which case every line gave a market value.
    pub quote: Option<Quote>,
    /// Index of the first line of the instrument.
    pub line: usize,
}

/// A line that is not part of any holding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LooseLine {
    /// Index of the line.
    pub line: usize,
    /// The instrument; `None` if the symbol is unknown.
    pub instrument: Option<InstrumentId>,
    /// The market value given; `None` if the line gave shares, which no price could value.
    pub market_value: Option<f64>,
}

/// A portfolio joined to a view.
#[derive(Clone, Debug, PartialEq)]
pub struct Book {
    /// One holding per instrument, in the order of names.
    pub holdings: Vec<Holding>,
    /// Lines without an instrument, or with an instrument but without a value, in the order
    /// submitted.
    pub loose: Vec<LooseLine>,
    /// Number of lines submitted.
    pub lines: usize,
    /// Net asset value in the portfolio's currency; positive.
    pub net_asset_value: Option<f64>,
    /// Σ |market value| over holdings (netted per instrument) and over loose lines that gave a
    /// value.
    pub gross: f64,
}

#[derive(Clone, Copy, Debug)]
struct ResolvedLine {
    instrument: InstrumentId,
    line: usize,
    size: Size,
    average_cost: Option<f64>,
}

impl Book {
    /// Checks, joins and values the lines of a portfolio.
    ///
    /// # Errors
    /// Every violation, as [`crate::lines::Portfolio::new`] reports them.
    pub fn join<'a>(
        lines: impl IntoIterator<Item = RawLine<'a>>,
        net_asset_value: Option<f64>,
        lookup: &Lookup,
        quotes: &Quotes,
    ) -> Result<Book, Vec<Violation>> {
        let lines = lines.into_iter();
        let mut violations = Vec::new();
        let mut joined = Vec::with_capacity(lines.size_hint().0);
        let mut loose = Vec::new();
        let mut count = 0;
        for (at, line) in lines.enumerate() {
            count += 1;
            let instrument = lookup.find(line.symbol);
            // A symbol that was found is valid; the full check runs only if something else looks
            // wrong.
            let Some(size) = line.size.filter(|_| instrument.is_some() && is_valid(&line)) else {
                let Some(line) = check_line(at, line, &mut violations) else { continue };
                match instrument {
                    Some(instrument) => joined.push(ResolvedLine {
                        instrument,
                        line: at,
                        size: line.size,
                        average_cost: line.average_cost,
                    }),
                    None => loose.push(loose_line(at, None, line.size)),
                }
                continue;
            };
            if let Some(instrument) = instrument {
                let average_cost = line.average_cost;
                joined.push(ResolvedLine { instrument, line: at, size, average_cost });
            }
        }
        violations.extend(no_positions(count));
        violations.extend(check_net_asset_value(net_asset_value));
        if !violations.is_empty() {
            return Err(violations);
        }
        Ok(Book::of_joined(&joined, loose, count, net_asset_value, (lookup, quotes)))
    }

    fn of_joined(
        joined: &[ResolvedLine],
        mut loose: Vec<LooseLine>,
        lines: usize,
        net_asset_value: Option<f64>,
        (lookup, quotes): (&Lookup, &Quotes),
    ) -> Book {
        // Sorts one integer per line, which is several times as fast as sorting the lines.
        let sort_key = |(at, line): (usize, &ResolvedLine)| {
            u64::from(lookup.rank(line.instrument)) << 32 | at as u64
        };
        let mut keys: Vec<u64> = joined.iter().enumerate().map(sort_key).collect();
        keys.sort_unstable();
        let mut holdings = Vec::with_capacity(joined.len());
        let mut same: Vec<ResolvedLine> = Vec::new();
        for group in keys.chunk_by(|a, b| a >> 32 == b >> 32) {
            same.clear();
            same.extend(group.iter().map(|key| joined[(key & 0xFFFF_FFFF) as usize]));
            if let [_, _, ..] = same[..] {
                same.sort_unstable_by_key(order);
            }
            let quote = quotes.get(same[0].instrument);
            match hold(&same, quote) {
                Some(holding) => holdings.push(holding),
                None => loose.extend(
                    same.iter().map(|line| loose_line(line.line, Some(line.instrument), line.size)),
                ),
            }
        }
        loose.sort_unstable_by_key(|line| line.line);
        let held: f64 = holdings.iter().map(|holding: &Holding| holding.market_value.abs()).sum();
        let mut rest: Vec<f64> =
            loose.iter().filter_map(|line| line.market_value).map(f64::abs).collect();
        rest.sort_unstable_by(f64::total_cmp);
        let gross = held + rest.iter().sum::<f64>();
        Book { holdings, loose, lines, net_asset_value, gross }
    }
}

/// Whether a line with a known symbol passes all checks.
fn is_valid(line: &RawLine<'_>) -> bool {
    let lawful = match line.size {
        Some(Size::Shares(value) | Size::MarketValue(value)) => is_amount(value),
        None => false,
    };
    lawful && line.average_cost.is_none_or(is_cost)
}

/// Sort key from what is held, so that sums do not depend on the order of the lines.
fn order(line: &ResolvedLine) -> (bool, u64, bool, u64) {
    let (is_value, amount) = match line.size {
        Size::Shares(shares) => (false, shares),
        Size::MarketValue(value) => (true, value),
    };
    let cost = line.average_cost.map_or(0, f64::to_bits);
    (is_value, amount.abs().to_bits(), amount.is_sign_negative(), cost)
}

fn loose_line(line: usize, instrument: Option<InstrumentId>, size: Size) -> LooseLine {
    let market_value = match size {
        Size::MarketValue(value) => Some(value),
        Size::Shares(_) => None,
    };
    LooseLine { line, instrument, market_value }
}

/// Combines the lines of one instrument; `None` if shares have no price.
fn hold(same: &[ResolvedLine], quote: Option<Quote>) -> Option<Holding> {
    let (mut market_value, mut shares) = (0.0, Some(0.0));
    let (mut cost, mut cost_shares) = (0.0, 0.0);
    let mut first = usize::MAX;
    for line in same {
        let line_shares = match line.size {
            Size::Shares(count) => {
                market_value += count * quote?.price;
                Some(count)
            }
            Size::MarketValue(value) => {
                market_value += value;
                quote.map(|quote| value / quote.price)
            }
        };
        shares = shares.zip(line_shares).map(|(sum, count)| sum + count);
        if let (Some(average), Some(count)) = (line.average_cost, line_shares) {
            cost += average * count.abs();
            cost_shares += count.abs();
        }
        first = first.min(line.line);
    }
    let average_cost = Some(cost / cost_shares).filter(|cost| cost.is_finite());
    let average_cost = average_cost.filter(|_| 0.0 < cost_shares);
    let instrument = same[0].instrument;
    Some(Holding { instrument, market_value, shares, average_cost, quote, line: first })
        .filter(|holding| holding.market_value.is_finite())
}
