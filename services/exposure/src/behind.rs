//! The instruments whose own facts a report rests on.

use crate::{
    factor::Factor, look_through::members, prepared::PreparedExposure, report::ExposureReport,
};
use marketdata::instrument::InstrumentId;
use portfolio::book::Book;

/// Whether a report of a book rests on an instrument that is looked for: the book holds it, also
/// through funds if they are looked through, or it is
/// one of the lines whose returns are those of a factor or of a leg of the report. The means over
/// all names that priors and stand-ins are made of do not count: there, one name is one of thousands.
pub fn rests_on(
    prepared: &PreparedExposure,
    book: &Book,
    report: &ExposureReport,
    is_it: impl Fn(InstrumentId) -> bool,
) -> bool {
    let market = prepared.factor_roles(Factor::Market);
    let roles = market.iter().chain(report.factors.iter().flat_map(|factor| &factor.roles));
    let legs = report.trades.iter().flat_map(|trade| &trade.legs);
    let symbols = roles.flat_map(|role| role.symbols.iter().map(|filled| &filled.symbol));
    let mut symbols = symbols.chain(legs.flat_map(|leg| &leg.return_symbols));
    let seen = report.look_through.iter().flat_map(|_| members(prepared, book));
    book.holdings.iter().map(|holding| holding.instrument).chain(seen).any(&is_it)
        || symbols.any(|symbol| prepared.snapshot().listed(symbol).is_some_and(&is_it))
}
