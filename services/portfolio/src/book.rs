//! A portfolio joined to a market and valued: one holding per instrument, its lots, and the
//! unmatched lines.
//!
//! [`Quotes`] holds the last known price of every instrument, once per view. [`Book::join`] checks
//! the lines of a request, finds their instruments and values them in one pass. Lines of one
//! instrument are added up, largest amounts last, and instruments are in the order of their names,
//! so that the result does not depend, bit for bit, on the order of the lines or of ingest.

use crate::{
    derivative::{Derivative, DerivativeKind},
    join::{Joiner, ResolvedLine},
    lines::{RawLine, Size, Terms, Violation, check_terms, line_name},
    lookup::Lookup,
    netting::NettingSets,
    unresolved::{Cause, LineOfOtherDays, LooseLine},
};
use marketdata::{
    gap::{Gap, GapReason, Subject},
    instrument::InstrumentId,
    quotes::{Quote, Quotes},
};
use std::collections::BTreeMap;

pub use crate::lot::Lot;

/// The position in one instrument: the sum of its lots.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Holding {
    /// The instrument held.
    pub instrument: InstrumentId,
    /// Market value in the portfolio's currency, negative for a short.
    pub market_value: f64,
    /// Value held both long and short under the netting of the book; 0 if all lots are added up.
    /// Long is max(market value, 0) + boxed, short is max(−market value, 0) + boxed.
    pub boxed: f64,
    /// Shares in the units of the view's day, negative for a short. `None` if some line gave a
    /// market value and there is no price to convert it to shares.
    pub shares: Option<f64>,
    /// The last close; `None` if there is no price, in which case every line gave a market value.
    pub quote: Option<Quote>,
    /// Index of its first lot in [`Book::lots`], and the number of its lots.
    lots: (usize, usize),
}

impl Holding {
    /// long + short: |market value| + 2·boxed.
    pub fn gross(&self) -> f64 {
        self.market_value.abs() + 2.0 * self.boxed
    }
}

/// The gap of a name that is valued at a level instead of a price. `gross_share` is its share of gross.
pub fn adjusted_price(quote: Option<Quote>, symbol: &str, gross_share: f64) -> Option<Gap> {
    let quote = quote.filter(|quote| quote.is_adjusted)?;
    let detail = format!(
        "the close of {} is adjusted for the distributions since, and so below what was paid if \
         there were any: load prices that are not (--price-basis)",
        quote.on
    );
    let subject = Subject::symbol(symbol);
    Some(Gap::new(GapReason::AdjustedPrice, subject, detail).of_gross(gross_share))
}

/// The lots of a holding whose netting sets are short, added up.
#[derive(Clone, Debug, PartialEq)]
pub struct ShortSide {
    /// Market value in the portfolio's currency, negative.
    pub market_value: f64,
    /// Shares in the units of the view's day, negative. `None` if a lot has none.
    pub shares: Option<f64>,
    /// The lots, smallest first.
    pub lots: Vec<Lot>,
}

/// What the lots of a holding that have an average cost have made or lost, without distributions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CostMark {
    /// Σ shares · (price − average cost), negative for a loss.
    pub profit_and_loss: f64,
    /// Σ |shares| · average cost; positive.
    pub cost: f64,
    /// Σ |market value| of these lots.
    pub gross: f64,
}

/// A portfolio joined to a view.
#[derive(Clone, Debug, PartialEq)]
pub struct Book {
    /// One holding per instrument, in the order of names.
    pub holdings: Vec<Holding>,
    /// The lots of all holdings; those of one holding in the order of what they hold.
    lots: Vec<Lot>,
    /// Lines without an instrument, or with an instrument but without a value, in the order
    /// submitted.
    pub loose: Vec<LooseLine>,
    /// Lines named as their instruments are called on other days than the view's, in the order
    /// submitted.
    pub of_other_days: Vec<LineOfOtherDays>,
    /// The lots that are not plain stock, by line. Of the others nothing is kept, because most books
    /// have none.
    derivatives: Vec<Derivative>,
    /// Number of lines submitted.
    pub lines: usize,
    /// Net asset value in the portfolio's currency; positive.
    pub net_asset_value: Option<f64>,
    /// Σ gross of holdings under the netting of the book, and Σ |market value| of loose lines that
    /// gave a value.
    pub gross: f64,
    /// The same with all lots of an instrument added up. It is the unit of weights: what depends on
    /// net positions only must not depend on the netting.
    pub net_gross: f64,
    /// The netting of `gross`.
    sets: NettingSets,
    /// The callers' ids by line; may be shorter than the lines.
    position_ids: Vec<String>,
}

impl Book {
    /// Checks, joins and values the lines of a portfolio.
    ///
    /// # Errors
    /// Every violation: those of [`crate::lines::violations`], and valuation dates after the view's
    /// last session.
    pub fn join<'a>(
        lines: impl IntoIterator<Item = RawLine<'a>>,
        terms: &Terms<'_>,
        lookup: &Lookup,
        quotes: &Quotes,
    ) -> Result<Book, Vec<Violation>> {
        let mut joiner = Joiner::new(lookup, quotes, terms.valued_on);
        let mut count = 0;
        for (at, line) in lines.into_iter().enumerate() {
            count += 1;
            joiner.add(at, &line);
        }
        check_terms(count, terms, &mut joiner.violations);
        if !joiner.violations.is_empty() {
            return Err(joiner.violations);
        }
        Ok(Book::of_joined(joiner, count, terms.net_asset_value, (lookup, quotes)))
    }

    /// The book under another netting than by instrument: other gross, same net.
    #[must_use]
    pub fn netted(mut self, sets: &NettingSets) -> Book {
        let mut boxed = 0.0;
        for holding in &mut self.holdings {
            let (first, count) = holding.lots;
            holding.boxed = sets.split(&mut self.lots[first..first + count]);
            boxed += holding.boxed;
        }
        self.gross = self.net_gross + 2.0 * boxed;
        self.sets = sets.clone();
        self
    }

    /// The book with other values of some instruments, of which each is given once: at other prices,
    /// or after trades, which net into the holdings. What is boxed and the lots stay as submitted.
    #[must_use]
    pub fn revalued(
        &self,
        values: &[(InstrumentId, f64)],
        (lookup, quotes): (&Lookup, &Quotes),
    ) -> Book {
        let mut book = self.clone();
        let places = self.holdings.iter().enumerate().map(|(at, holding)| (holding.instrument, at));
        let places: BTreeMap<InstrumentId, usize> = places.collect();
        for (instrument, value) in values {
            let (instrument, market_value) = (*instrument, *value);
            let quote = quotes.get(instrument);
            let shares = quote.map(|quote| market_value / quote.price);
            let nothing =
                Holding { instrument, market_value, boxed: 0.0, shares, quote, lots: (0, 0) };
            match places.get(&instrument) {
                Some(at) => {
                    let held = book.holdings[*at];
                    book.holdings[*at] = Holding { market_value, shares, ..held };
                }
                None => book.holdings.push(nothing),
            }
        }
        book.holdings.sort_by_key(|holding| lookup.rank(holding.instrument));
        let boxed: f64 = book.holdings.iter().map(|holding| holding.boxed).sum();
        book.net_gross = net_gross(&book.holdings, &book.loose);
        book.gross = book.net_gross + 2.0 * boxed;
        book
    }

    /// Value held both long and short by some lots of one holding, under the netting of the book.
    pub fn boxed(&self, lots: &mut [Lot]) -> f64 {
        self.sets.split(lots)
    }

    /// The short side of a holding. `None` if nothing of it is short.
    pub fn short_side(&self, holding: &Holding) -> Option<ShortSide> {
        let lots: Vec<Lot> =
            self.lots(holding).iter().filter(|lot| lot.is_short).copied().collect();
        let (mut market_value, mut shares) = (0.0, Some(0.0));
        for lot in &lots {
            market_value += lot.market_value;
            shares = shares.zip(lot.shares).map(|(sum, count)| sum + count);
        }
        (market_value < 0.0).then_some(ShortSide { market_value, shares, lots })
    }

    /// The lots of a holding, smallest first.
    pub fn lots(&self, holding: &Holding) -> &[Lot] {
        let (first, count) = holding.lots;
        &self.lots[first..first + count]
    }

    /// The value of a holding at another price, and Σ |market value| of its lots that gave a value
    /// instead of shares: they keep it.
    pub fn value_at(&self, holding: &Holding, price: f64) -> (f64, f64) {
        let (mut shares, mut kept, mut kept_gross) = (0.0, 0.0, 0.0);
        for lot in self.lots(holding) {
            match lot.shares.filter(|_| !lot.gave_value) {
                Some(count) => shares += count,
                None => {
                    kept += lot.market_value;
                    kept_gross += lot.market_value.abs();
                }
            }
        }
        (shares * price + kept, kept_gross)
    }

    /// The name of a line in answers.
    pub fn line_name(&self, line: usize) -> String {
        line_name(self.position_ids.get(line).map_or("", String::as_str), line)
    }

    /// What a line is, if it is not plain stock.
    pub fn derivative(&self, line: usize) -> Option<&Derivative> {
        let at = self.derivatives.binary_search_by_key(&line, |derivative| derivative.line).ok()?;
        self.derivatives.get(at)
    }

    /// A value's share of gross, at most 1: lots are not netted, so that one may exceed the gross.
    pub(crate) fn share(&self, value: f64) -> f64 {
        if 0.0 < self.gross { (value / self.gross).min(1.0) } else { 0.0 }
    }

    /// The gaps of single lines that every answer about the book has.
    pub fn line_gaps(&self) -> impl Iterator<Item = Gap> {
        self.line_gaps_but_for(&[])
    }

    /// The same of an answer that values some options anew; their lines, sorted.
    pub fn line_gaps_but_for(&self, valued_anew: &[usize]) -> impl Iterator<Item = Gap> {
        let first_order = self.first_order_gaps_but_for(valued_anew);
        let dated = self.old_rate_gaps().chain(self.left_out_gaps());
        self.other_days_gaps().chain(first_order).chain(dated)
    }

    /// Those that say nothing of the last close, for answers about other days.
    pub fn undated_line_gaps(&self) -> impl Iterator<Item = Gap> {
        self.other_days_gaps().chain(self.first_order_gaps())
    }

    /// One gap per option: its delta is taken for all of it.
    pub fn first_order_gaps(&self) -> impl Iterator<Item = Gap> {
        self.first_order_gaps_but_for(&[])
    }

    fn first_order_gaps_but_for(&self, valued_anew: &[usize]) -> impl Iterator<Item = Gap> {
        let is_option = |lot: &&Lot| {
            let derivative = self.derivative(lot.line);
            derivative.is_some_and(|line| line.kind == DerivativeKind::Option)
                && valued_anew.binary_search(&lot.line).is_err()
        };
        let has_any = !self.derivatives.is_empty();
        let mut options: Vec<&Lot> =
            self.lots.iter().filter(|_| has_any).filter(is_option).collect();
        options.sort_unstable_by_key(|lot| lot.line);
        let gap = |lot: &Lot| {
            let line = Subject::Line(self.line_name(lot.line));
            let detail = "options count as their delta in shares, which is right for small moves of \
                          the price only";
            let gap = Gap::new(GapReason::FirstOrder, line, detail);
            match 0.0 < self.gross {
                // Lots are not netted, so that one may exceed the gross.
                true => gap.of_gross((lot.market_value.abs() / self.gross).min(1.0)),
                false => gap,
            }
        };
        options.into_iter().map(gap)
    }

    /// One gap per line that is named as its instrument is called on other days.
    pub fn other_days_gaps(&self) -> impl Iterator<Item = Gap> {
        let gap = |other: &LineOfOtherDays| {
            let is_it = |line: usize| line == other.line;
            let lot = self.lots.iter().find(|lot| is_it(lot.line)).map(|lot| lot.market_value);
            let loose = self.loose.iter().find(|loose| is_it(loose.line));
            let value = lot.or_else(|| loose.and_then(LooseLine::market_value)).map(f64::abs);
            let detail = format!(
                "{} is {}, which is named so on other days than the as-of date only",
                other.given, other.symbol
            );
            let line = Subject::Line(self.line_name(other.line));
            let gap = Gap::new(GapReason::NameOfOtherDays, line, detail);
            // Lots are not netted, so that one may exceed the gross.
            match value.filter(|_| 0.0 < self.gross) {
                Some(value) => gap.of_gross((value / self.gross).min(1.0)),
                None => gap,
            }
        };
        self.of_other_days.iter().map(gap)
    }

    fn of_joined(
        joiner: Joiner<'_>,
        lines: usize,
        net_asset_value: Option<f64>,
        (lookup, quotes): (&Lookup, &Quotes),
    ) -> Book {
        let Joiner { joined, mut loose, of_other_days, derivatives, position_ids, .. } = joiner;
        // Sorts one integer per line, which is several times as fast as sorting the lines.
        let sort_key = |(at, line): (usize, &ResolvedLine)| {
            u64::from(lookup.rank(line.instrument)) << 32 | at as u64
        };
        let mut keys: Vec<u64> = joined.iter().enumerate().map(sort_key).collect();
        keys.sort_unstable();
        let mut holdings = Vec::with_capacity(joined.len());
        let mut lots = Vec::with_capacity(joined.len());
        let mut same: Vec<ResolvedLine> = Vec::new();
        for group in keys.chunk_by(|a, b| a >> 32 == b >> 32) {
            same.clear();
            same.extend(group.iter().map(|key| joined[(key & 0xFFFF_FFFF) as usize]));
            if let [_, _, ..] = same[..] {
                same.sort_by_key(order);
            }
            let quote = quotes.get(same[0].instrument);
            match hold(&same, quote, &mut lots) {
                Some(holding) => holdings.push(holding),
                None => loose.extend(same.iter().map(|line| unpriced(line, lookup))),
            }
        }
        loose.sort_unstable_by_key(|line| line.line);
        let gross = net_gross(&holdings, &loose);
        let net_gross = gross;
        Book {
            holdings,
            lots,
            loose,
            of_other_days,
            derivatives,
            lines,
            net_asset_value,
            gross,
            net_gross,
            sets: NettingSets::INSTRUMENTS,
            position_ids,
        }
    }
}

/// Σ |market value| over holdings, and over loose lines that gave a value.
fn net_gross(holdings: &[Holding], loose: &[LooseLine]) -> f64 {
    let held: f64 = holdings.iter().map(|holding| holding.market_value.abs()).sum();
    let mut rest: Vec<f64> =
        loose.iter().filter_map(LooseLine::market_value).map(f64::abs).collect();
    rest.sort_unstable_by(f64::total_cmp);
    held + rest.iter().sum::<f64>()
}

/// Of the lots of one name, those without an average cost, in the order submitted, if others have
/// one: the P&L leaves them out.
pub fn lots_without_cost(lots: &[Lot]) -> Vec<Lot> {
    if lots.iter().all(|lot| lot.average_cost.is_none()) {
        return Vec::new();
    }
    let lacking = lots.iter().filter(|lot| lot.average_cost.is_none());
    let mut lacking: Vec<Lot> = lacking.copied().collect();
    lacking.sort_unstable_by_key(|lot| lot.line);
    lacking
}

/// The P&L of lots against their costs. `None` if no lot has a cost and a price.
pub fn cost_mark(lots: &[Lot]) -> Option<CostMark> {
    let mut mark = CostMark { profit_and_loss: 0.0, cost: 0.0, gross: 0.0 };
    for lot in lots {
        let known = lot.profit_and_loss.zip(lot.shares).zip(lot.average_cost);
        let Some(((profit_and_loss, shares), cost)) = known else { continue };
        mark.profit_and_loss += profit_and_loss;
        mark.cost += shares.abs() * cost;
        mark.gross += lot.market_value.abs();
    }
    (0.0 < mark.cost).then_some(mark)
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

/// A line of an instrument without a usable price.
fn unpriced(line: &ResolvedLine, lookup: &Lookup) -> LooseLine {
    let cause = Cause::no_quote(lookup.snapshot(), line.instrument);
    let symbol = lookup.snapshot().symbol(line.instrument).to_owned();
    let old_rate = line.old_rate;
    let (line, instrument, size) = (line.line, Some(line.instrument), line.given);
    LooseLine { line, symbol, instrument, size, old_rate, cause }
}

/// Values the lines of one instrument as lots and adds them up; `None` if shares have no price.
fn hold(same: &[ResolvedLine], quote: Option<Quote>, lots: &mut Vec<Lot>) -> Option<Holding> {
    let first = lots.len();
    let (mut market_value, mut shares) = (0.0, Some(0.0));
    for line in same {
        let lot = lot(line, quote);
        market_value += lot.market_value;
        shares = shares.zip(lot.shares).map(|(sum, count)| sum + count);
        lots.push(lot);
    }
    let has_price =
        quote.is_some() || same.iter().all(|line| matches!(line.size, Size::MarketValue(_)));
    if !has_price || !market_value.is_finite() {
        lots.truncate(first);
        return None;
    }
    lots[first..].iter_mut().for_each(|lot| lot.is_short = market_value < 0.0);
    let (instrument, lots) = (same[0].instrument, (first, same.len()));
    Some(Holding { instrument, market_value, boxed: 0.0, shares, quote, lots })
}

/// Shares without a price have the value zero; [`hold`] drops them, and says whether they are short.
fn lot(line: &ResolvedLine, quote: Option<Quote>) -> Lot {
    let price = quote.map(|quote| quote.price);
    let (market_value, shares) = match line.size {
        Size::Shares(count) => (price.map_or(0.0, |price| count * price), Some(count)),
        Size::MarketValue(value) => (value, price.map(|price| value / price)),
    };
    let made = |((cost, price), shares): ((f64, f64), f64)| shares * (price - cost);
    let profit_and_loss = line.average_cost.zip(price).zip(shares).map(made);
    Lot {
        line: line.line,
        market_value,
        shares,
        gave_value: line.gave_value,
        average_cost: line.average_cost,
        profit_and_loss: profit_and_loss.filter(|pnl| pnl.is_finite()),
        old_rate: line.old_rate,
        is_short: false,
    }
}
