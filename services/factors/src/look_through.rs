//! A book looked through its funds: what it holds of each name, directly and through funds.
//!
//! A fund held is its holdings held: a value `v` of a fund is `v` times the weight of each member,
//! and `v` times the rest of the fund in the fund itself. This is linear, so the net value of the
//! book is unchanged. What changes is its gross, and there are two answers. A desk that is long a
//! stock and short a fund that holds it has, of that stock, the difference if both are *netted*; but
//! to end the bet both must be traded, and a fund held as a hedge hides shorts, so *gross* both
//! sides stand side by side, as boxed value does.

use crate::funds::Funds;
use marketdata::instrument::InstrumentId;

/// How the sides of a name that is held in several ways are added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FundView {
    /// What is long in one way and short in another nets.
    Netted,
    /// The line and every fund stay side by side.
    Gross,
}

/// What is held of a name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// The name. A fund has a part of its own for its rest.
    pub instrument: InstrumentId,
    /// Net value, signed, directly and through funds.
    pub market_value: f64,
    /// Value held both long and short besides. Long is max(market value, 0) + boxed, short is
    /// max(−market value, 0) + boxed.
    pub boxed: f64,
    /// The part of the net value that is no line of the name, but is held through funds.
    pub through_funds: f64,
}

impl Part {
    /// A line that is not looked through. `boxed` is what its netting leaves boxed.
    pub const fn line(instrument: InstrumentId, market_value: f64, boxed: f64) -> Part {
        Part { instrument, market_value, boxed, through_funds: 0.0 }
    }

    /// Value held long.
    pub const fn long(&self) -> f64 {
        self.market_value.max(0.0) + self.boxed
    }

    /// Value held short, a positive number.
    pub const fn short(&self) -> f64 {
        (0.0 - self.market_value).max(0.0) + self.boxed
    }

    /// long + short.
    pub const fn gross(&self) -> f64 {
        self.market_value.abs() + 2.0 * self.boxed
    }

    /// The parts of a line: itself, or the members of the fund and its rest.
    pub fn opened<'a>(&self, funds: &'a Funds) -> impl Iterator<Item = Part> + use<'a> {
        let line = *self;
        let fund = funds.get(line.instrument);
        let members = fund.map_or(&[][..], |fund| &fund.members);
        let through = move |(member, weight): &(InstrumentId, f64)| Part {
            instrument: *member,
            market_value: weight * line.market_value,
            boxed: weight.abs() * line.boxed,
            through_funds: weight * line.market_value,
        };
        let rest = fund.map_or(1.0, |fund| fund.facts.rest);
        let own = Part::line(line.instrument, rest * line.market_value, rest.abs() * line.boxed);
        let has_rest = fund.is_none() || 0.0 < rest.abs();
        members.iter().map(through).chain(has_rest.then_some(own))
    }
}

/// The parts of a book, in the order of names. `lines` are in that order, each name once, and `rank`
/// gives an instrument's place in it. A name that is held in several ways sums them in the order of
/// the lines, so that neither the order of positions nor that of ingest changes a bit.
pub fn look_through(
    lines: impl Iterator<Item = Part>,
    funds: &Funds,
    view: FundView,
    rank: impl Fn(InstrumentId) -> u32,
) -> Vec<Part> {
    let opened: Vec<Part> = lines.flat_map(|line| line.opened(funds)).collect();
    // One integer per part sorts several times as fast as the parts.
    let key = |(at, part): (usize, &Part)| u64::from(rank(part.instrument)) << 32 | at as u64;
    let mut keys: Vec<u64> = opened.iter().enumerate().map(key).collect();
    keys.sort_unstable();
    let same = keys.chunk_by(|a, b| a >> 32 == b >> 32);
    same.map(|same| sum(same.iter().map(|key| &opened[(key & 0xFFFF_FFFF) as usize]), view))
        .collect()
}

/// The parts of one name, added up.
fn sum<'a>(mut parts: impl Iterator<Item = &'a Part>, view: FundView) -> Part {
    let Some(first) = parts.next() else { return Part::line(InstrumentId::NONE, 0.0, 0.0) };
    let (mut sum, mut long, mut short) = (*first, first.long(), first.short());
    for part in parts {
        sum.market_value += part.market_value;
        sum.boxed += part.boxed;
        sum.through_funds += part.through_funds;
        long += part.long();
        short += part.short();
    }
    match view {
        FundView::Netted => sum,
        FundView::Gross => Part { boxed: long.min(short), ..sum },
    }
}
