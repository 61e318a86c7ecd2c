//! A portfolio at another instant: the same shares, in the units and under the symbols of that day.

use crate::{rpc::portfolio, views::Pinned};
use ::portfolio::book::{Book, Lot};
use contract::v1;
use marketdata::{
    basis::{Change, Units},
    gap::{Gap, GapReason, Subject},
    instrument::InstrumentId,
};

/// Carries a portfolio, joined to a book in the view `from`, to the day of the view `to`. Lines whose
/// shares are not known stay as submitted; those that cannot be converted have a gap besides.
///
/// `units` is the later of the two views.
pub(super) fn carried(
    (submitted, book): (&v1::Portfolio, &Book),
    (from, to): (&Pinned, &Pinned),
    units: &Pinned,
) -> (v1::Portfolio, Vec<Gap>) {
    let mut carried = v1::Portfolio { valued_on: String::new(), ..submitted.clone() };
    let mut gaps = Vec::new();
    for position in &mut carried.positions {
        position.valued_on.clear();
    }
    let (day, other) = (from.snapshot().today(), to.snapshot().today());
    for holding in &book.holdings {
        let change = Units::of(units.snapshot(), holding.instrument).change(day, other);
        for lot in book.lots(holding).iter().filter(|lot| lot.shares.is_some()) {
            let Some(change) = change else {
                let detail = format!("no known split factor turns shares of {day} into {other}");
                let line = Subject::Line(portfolio::name(submitted, lot.line));
                gaps.push(Gap::new(GapReason::BasisUnknown, line, detail));
                continue;
            };
            if let Some(line) = carried.positions.get_mut(lot.line) {
                carry(line, (lot, holding.instrument), change, to);
            }
        }
    }
    (carried, gaps)
}

fn carry(
    line: &mut v1::Position,
    (lot, instrument): (&Lot, InstrumentId),
    change: Change,
    to: &Pinned,
) {
    let Some(shares) = lot.shares else { return };
    line.size = Some(v1::position::Size::Quantity(shares * change.shares));
    line.average_cost = line.average_cost.map(|cost| cost / change.shares);
    let symbol = to.snapshot().symbol(instrument);
    // Without a name on that day the identifiers submitted are all there is.
    if !symbol.is_empty() {
        let symbol = symbol.to_owned();
        line.instrument = Some(v1::InstrumentRef { symbol, ..v1::InstrumentRef::default() });
        line.kind = v1::PositionKind::Listed.into();
    }
}
