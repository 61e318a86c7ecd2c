//! A portfolio at another instant: the same shares, in the units and under the symbols of that day.

use crate::{rpc::portfolio, views::Pinned};
use ::portfolio::book::Book;
use contract::v1;
use marketdata::{
    basis::Units,
    gap::{Gap, GapReason, Subject},
    instrument::InstrumentId,
};

/// Carries a portfolio, joined to a book in the view `from`, to the day of the view `to`. A line
/// without known shares is the same amount on both days, and one that cannot be converted stays as
/// submitted. A line that has no name on that day is left out. Each has a gap.
///
/// `units` is the later of the two views.
pub(super) fn carried(
    (submitted, book): (&v1::Portfolio, &Book),
    (from, to): (&Pinned, &Pinned),
    units: &Pinned,
) -> (v1::Portfolio, Vec<Gap>) {
    let mut carried = v1::Portfolio { valued_on: String::new(), ..submitted.clone() };
    let (mut gaps, mut nameless) = (Vec::new(), Vec::new());
    let mut gap = |line: usize, reason: GapReason, detail: String| {
        let line = Subject::Line(portfolio::name(submitted, line));
        gaps.push(Gap::new(reason, line, detail));
    };
    for position in &mut carried.positions {
        position.valued_on.clear();
        // Places may change; an id of the caller's is kept for gaps.
        if position.position_id.starts_with("portfolio.") {
            position.position_id.clear();
        }
    }
    let (day, other) = (from.snapshot().today(), to.snapshot().today());
    for holding in &book.holdings {
        let change = Units::of(units.snapshot(), holding.instrument).change(day, other);
        for lot in book.lots(holding) {
            let Some(line) = carried.positions.get_mut(lot.line) else { continue };
            let (Some(shares), Some(change)) = (lot.shares, change) else {
                let (reason, what) = match change {
                    None => (GapReason::BasisUnknown, "no split factor is known between"),
                    Some(_) => (GapReason::NoPrice, "the shares are not known, so it is equal on"),
                };
                gap(lot.line, reason, format!("{what} {day} and {other}"));
                continue;
            };
            portfolio::kind::hold_shares(line, shares * change.shares);
            line.average_cost = line.average_cost.map(|cost| cost / change.shares);
            if !name(line, holding.instrument, to) {
                nameless.push(lot.line);
                gap(lot.line, GapReason::UnknownInstrument, format!("has no name on {other}"));
            }
        }
    }
    let mut line = 0_usize..;
    carried.positions.retain(|_| line.next().is_some_and(|at| !nameless.contains(&at)));
    (carried, gaps)
}

/// Names a line in a view. Returns whether the name is that of its instrument there.
fn name(line: &mut v1::Position, instrument: InstrumentId, to: &Pinned) -> bool {
    match own_symbol(instrument, to) {
        Some(symbol) => {
            let symbol = symbol.to_owned();
            line.instrument = Some(v1::InstrumentRef { symbol, ..v1::InstrumentRef::default() });
            if line.kind() == v1::PositionKind::Unspecified {
                line.kind = v1::PositionKind::Listed.into();
            }
            true
        }
        // Identifiers belong to one instrument for good; a symbol may be that of another one.
        None => line.instrument.as_ref().is_some_and(|named| named.symbol.is_empty()),
    }
}

/// The symbol that means an instrument on the day of a view. `None` if its own belongs to another one
/// there.
pub(super) fn own_symbol(instrument: InstrumentId, view: &Pinned) -> Option<&str> {
    let symbol = view.snapshot().symbol(instrument);
    (view.snapshot().listed(symbol) == Some(instrument)).then_some(symbol)
}
