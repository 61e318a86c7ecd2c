//! What of a book is short: its lines, or the names that its lines and funds hold.

use factors::{
    fund_line::FundLine,
    funds::Funds,
    look_through::{FundView, Part, look_through},
};
use marketdata::{
    instrument::InstrumentId,
    quotes::{Quote, Quotes},
};
use portfolio::{
    book::{Book, Holding, ShortSide},
    convexity::Convexity,
    lookup::Lookup,
    unresolved::LooseLine,
};
use std::collections::BTreeMap;

/// A name to buy back.
#[derive(Clone, Debug)]
pub(crate) struct Short {
    pub(crate) instrument: InstrumentId,
    pub(crate) quote: Option<Quote>,
    /// What is short of it. Its lots are those of its own lines.
    pub(crate) side: ShortSide,
    /// Its options that are valued anew where the name jumps.
    pub(crate) options: Convexity,
    /// The part of the net position held through funds. `None` if funds are not looked through.
    pub(crate) through_funds: Option<f64>,
}

/// A name of which something is held long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Long {
    pub(crate) instrument: InstrumentId,
    /// Market value of what is held long, 0 or more.
    pub(crate) market_value: f64,
}

/// The shorts of a book, and what else an assessment says of the book.
#[derive(Clone, Debug)]
pub struct Shorts<'a> {
    pub(crate) book: &'a Book,
    /// In the order of names.
    pub(crate) names: Vec<Short>,
    /// The names of which something is held long, in the order of names.
    pub(crate) longs: Vec<Long>,
    /// Gross of what is assessed, and of lines that did not join.
    pub(crate) gross: f64,
    /// The funds with known holdings that were looked through, in the order of names.
    pub funds: Vec<FundLine>,
}

/// What a look through funds needs of a view.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// How both sides of a name are added up.
    pub view: FundView,
    /// Every fund with known holdings.
    pub funds: &'a Funds,
    /// Finds and orders instruments.
    pub lookup: &'a Lookup,
    /// The last closes.
    pub quotes: &'a Quotes,
}

impl<'a> Shorts<'a> {
    /// The lines of a book.
    pub fn of(book: &'a Book) -> Shorts<'a> {
        let short = |holding: &Holding| {
            let side = book.short_side(holding)?;
            let (instrument, quote) = (holding.instrument, holding.quote);
            let options = Convexity::of(book, &side.lots);
            Some(Short { instrument, quote, side, options, through_funds: None })
        };
        Shorts {
            book,
            names: book.holdings.iter().filter_map(short).collect(),
            longs: longs(
                book.holdings
                    .iter()
                    .map(|held| Part::line(held.instrument, held.market_value, held.boxed)),
            ),
            gross: book.gross,
            funds: Vec::new(),
        }
    }

    /// The names behind the lines of a book.
    pub fn behind(book: &'a Book, look: Look<'_>) -> Shorts<'a> {
        let lines = book.holdings.iter().map(|held| {
            let Holding { instrument, market_value, boxed, .. } = *held;
            Part::line(instrument, market_value, boxed)
        });
        let parts = look_through(lines, look.funds, look.view, |id| look.lookup.rank(id));
        let held: BTreeMap<InstrumentId, &Holding> =
            book.holdings.iter().map(|holding| (holding.instrument, holding)).collect();
        let short = |part: &Part| {
            let own = held.get(&part.instrument).copied();
            (0.0 < part.short()).then(|| Short {
                instrument: part.instrument,
                quote: look.quotes.get(part.instrument),
                side: side(book, own, part, look),
                options: own.map_or(Convexity::NONE, |own| options(book, own, part, look)),
                through_funds: Some(part.through_funds),
            })
        };
        let loose = book.loose.iter().filter_map(LooseLine::market_value).map(f64::abs);
        Shorts {
            book,
            names: parts.iter().filter_map(short).collect(),
            longs: longs(parts.iter().copied()),
            gross: parts.iter().map(Part::gross).sum::<f64>() + loose.sum::<f64>(),
            funds: book.holdings.iter().filter_map(|held| fund_line(held, look)).collect(),
        }
    }
}

fn longs(parts: impl Iterator<Item = Part>) -> Vec<Long> {
    let long = |part: Part| Long { instrument: part.instrument, market_value: part.long() };
    parts.map(long).filter(|long| 0.0 < long.market_value).collect()
}

/// What is short of a name, with the lots of its own line.
fn side(book: &Book, own: Option<&Holding>, part: &Part, look: Look<'_>) -> ShortSide {
    let of_line = own.and_then(|holding| book.short_side(holding));
    let is_line = |own: &Holding| {
        own.market_value.to_bits() == part.market_value.to_bits()
            && own.boxed.to_bits() == part.boxed.to_bits()
    };
    match of_line {
        // Nothing is held through funds, so that the shares are those of the lines.
        Some(side) if own.is_some_and(is_line) => side,
        other => {
            let market_value = 0.0 - part.short();
            let shares = look.quotes.get(part.instrument).map(|quote| market_value / quote.price);
            ShortSide { market_value, shares, lots: other.map_or_else(Vec::new, |side| side.lots) }
        }
    }
}

/// The options of a line that are part of what is short of its name. All of them are if nothing stays
/// boxed. Those of a fund that is looked through are none of it: they move with the fund, which a squeeze
/// of one member moves by its weight alone.
fn options(book: &Book, own: &Holding, part: &Part, look: Look<'_>) -> Convexity {
    if look.funds.get(own.instrument).is_some() {
        return Convexity::NONE;
    }
    let is_boxed = 0.0 < part.boxed;
    let lots = book.lots(own).iter().filter(|lot| lot.is_short || !is_boxed);
    Convexity::of(book, &lots.copied().collect::<Vec<_>>())
}

/// A holding that is a fund with known holdings.
fn fund_line(holding: &Holding, look: Look<'_>) -> Option<FundLine> {
    let fund = look.funds.get(holding.instrument)?;
    Some(FundLine {
        symbol: look.lookup.snapshot().symbol(holding.instrument).to_owned(),
        market_value: holding.market_value,
        gross: holding.gross(),
        facts: Some(fund.facts),
    })
}
