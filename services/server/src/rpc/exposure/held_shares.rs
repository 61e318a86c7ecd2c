//! The shares of a book, as positions of earlier days.

use super::carried::own_symbol;
use crate::{rpc::portfolio::kind::hold_shares, views::Pinned};
use ::portfolio::book::Book;
use contract::v1;
use marketdata::{
    basis::Units,
    gap::{Gap, GapReason, Subject},
    instrument::InstrumentId,
};

/// The lines with shares, in the order submitted.
pub(super) struct HeldShares {
    lines: Vec<HeldLine>,
    /// The lines without, and those whose shares follow from a value at an old exchange rate.
    pub(super) gaps: Vec<Gap>,
}

/// A line of shares.
struct HeldLine {
    position_id: String,
    instrument: InstrumentId,
    /// In the units of the as-of date.
    shares: f64,
    labels: Vec<v1::Label>,
    /// What it is; a derivative is its shares on every day.
    kind: v1::PositionKind,
}

impl HeldShares {
    /// The lines of a book joined at the as-of date.
    pub(super) fn of(book: &Book, submitted: Option<&v1::Portfolio>) -> HeldShares {
        let (mut lines, mut gaps) = (Vec::new(), Vec::new());
        let lots = book
            .holdings
            .iter()
            .flat_map(|holding| book.lots(holding).iter().map(|lot| (lot, holding.instrument)));
        let mut lots: Vec<_> = lots.collect();
        lots.sort_unstable_by_key(|(lot, _)| lot.line);
        for (lot, instrument) in lots {
            let position_id = book.line_name(lot.line);
            let line = submitted.and_then(|submitted| submitted.positions.get(lot.line));
            let labels = line.map_or_else(Vec::new, |line| line.labels.clone());
            let kind = line.map_or(v1::PositionKind::Listed, v1::Position::kind);
            match lot.shares {
                Some(shares) => {
                    lines.push(HeldLine { position_id, instrument, shares, labels, kind });
                }
                None => {
                    let detail = "no price at the as-of date, so its shares are not known: the line \
                                  is in no session";
                    let line = Subject::Line(position_id);
                    let gap = Gap::new(GapReason::NoPrice, line, detail);
                    // Lots are not netted, so that one may exceed the gross.
                    let share = lot.market_value.abs().min(book.gross) / book.gross;
                    gaps.push(gap.of_gross(share));
                }
            }
        }
        gaps.extend(book.old_rate_gaps_of_values());
        HeldShares { lines, gaps }
    }

    /// The lines in the units and under the symbols of an earlier day.
    pub(super) fn positions(&self, then: &Pinned, now: &Pinned) -> (Vec<v1::Position>, Vec<Gap>) {
        let (day, today) = (then.snapshot().today(), now.snapshot().today());
        let (mut positions, mut gaps) = (Vec::new(), Vec::new());
        for line in &self.lines {
            let units = Units::of(now.snapshot(), line.instrument);
            let Some(change) = units.change(day, today) else {
                let detail = format!("no known split factor gives its shares of {day}");
                let subject = Subject::Line(line.position_id.clone());
                gaps.push(Gap::new(GapReason::BasisUnknown, subject, detail));
                continue;
            };
            let Some(symbol) = own_symbol(line.instrument, then) else {
                let detail = format!("has no name of its own on {day}");
                let subject = Subject::Line(line.position_id.clone());
                gaps.push(Gap::new(GapReason::UnknownInstrument, subject, detail));
                continue;
            };
            let mut position = v1::Position {
                position_id: line.position_id.clone(),
                instrument: Some(v1::InstrumentRef {
                    symbol: symbol.to_owned(),
                    ..v1::InstrumentRef::default()
                }),
                kind: line.kind.into(),
                labels: line.labels.clone(),
                ..v1::Position::default()
            };
            hold_shares(&mut position, line.shares / change.shares);
            positions.push(position);
        }
        (positions, gaps)
    }
}
