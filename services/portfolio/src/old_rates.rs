//! The gaps of a book whose closes are converted at rates older than they are.

use crate::book::{Book, Holding, Lot};
use marketdata::{
    day::Day,
    gap::{Gap, GapReason, Subject},
    instrument::InstrumentId,
    old_rates::{OldRate, OldRates},
    snapshot::Snapshot,
};
use std::collections::BTreeSet;

impl Book {
    /// One gap per line whose value at its last close rests on an older rate: that of the close, and
    /// that of an earlier day whose value gave its shares. Lines that are not resolved have a value of
    /// their own, and a rate of its day.
    pub fn old_rate_gaps(&self) -> impl Iterator<Item = Gap> {
        let told = |holding: &Holding, lot: &Lot| {
            let close = holding.quote.and_then(|quote| {
                let rate_on = quote.rate_on.filter(|rate_on| *rate_on < quote.on)?;
                Some(OldRate { on: quote.on, rate_on })
            });
            let detail = |OldRate { on, rate_on }| {
                format!(
                    "the close of {on} is converted at the rate of {rate_on}, the last one known"
                )
            };
            let earlier = lot.old_rate.filter(|_| lot.old_rate != close).map(of_value);
            close.map(detail).into_iter().chain(earlier)
        };
        let loose = self.loose.iter().filter_map(|line| {
            let value = line.market_value()?;
            Some(self.gap_of_line(line.line, value, of_value(line.old_rate?)))
        });
        self.gaps_of_lots(told).chain(loose)
    }

    /// The same of the rates that gave shares from values: of an answer about other days, which values
    /// no line at its last close.
    pub fn old_rate_gaps_of_values(&self) -> impl Iterator<Item = Gap> {
        let told = |_: &Holding, lot: &Lot| lot.shares.and(lot.old_rate).map(of_value);
        self.gaps_of_lots(told)
    }

    fn gaps_of_lots<I: IntoIterator<Item = String>>(
        &self,
        told: impl Fn(&Holding, &Lot) -> I,
    ) -> impl Iterator<Item = Gap> {
        let lots = self
            .holdings
            .iter()
            .flat_map(|holding| self.lots(holding).iter().map(move |lot| (holding, lot)));
        let gap = |lot: &Lot, detail: String| self.gap_of_line(lot.line, lot.market_value, detail);
        lots.flat_map(move |(holding, lot)| {
            told(holding, lot).into_iter().map(move |detail| gap(lot, detail))
        })
    }

    fn gap_of_line(&self, line: usize, value: f64, detail: String) -> Gap {
        let line = Subject::Line(self.line_name(line));
        Gap::new(GapReason::OldRate, line, detail).of_gross(self.share(value.abs()))
    }

    /// One gap per name of which closes on some days have older rates: of an answer about what the book
    /// made between these closes. A name without a price of its own has none.
    pub fn old_rate_gaps_on(&self, snapshot: &Snapshot, days: &[Day]) -> Vec<Gap> {
        let mut rates = OldRates::of(snapshot, days);
        let gap = |holding: &Holding| {
            let old = rates.of_returns(holding.instrument);
            let detail = described(&old, days)?;
            let subject = Subject::symbol(snapshot.symbol(holding.instrument));
            let gap = Gap::new(GapReason::OldRate, subject, detail);
            Some(gap.of_gross(self.share(holding.gross())))
        };
        self.holdings.iter().filter(|holding| holding.quote.is_some()).filter_map(gap).collect()
    }

    /// The gap of a number that rests on the returns between some closes, of the book and of `others`,
    /// if any of them has an older rate. Its share of gross is that of the book's closes: a book of
    /// which every close has one has a share of 1. Others alone have none.
    pub fn old_rate_gap_behind(
        &self,
        snapshot: &Snapshot,
        days: &[Day],
        others: &[InstrumentId],
        subject: impl Into<Subject>,
    ) -> Option<Gap> {
        let mut rates = OldRates::of(snapshot, days);
        let held = self.holdings.iter().filter(|holding| holding.quote.is_some());
        let held = held.map(|holding| (holding.instrument, holding.gross()));
        let mut known: BTreeSet<InstrumentId> = BTreeSet::new();
        if !others.is_empty() {
            known.extend(held.clone().map(|(id, _)| id));
        }
        let others = others.iter().filter(|id| known.insert(**id)).map(|id| (*id, 0.0));
        let (mut names, mut gross, mut most) = (0, 0.0, Vec::new());
        for (instrument, held) in held.chain(others) {
            let old = rates.of_returns(instrument);
            if !old.is_empty() {
                names += 1;
                gross += held * old.len() as f64;
            }
            if most.len() < old.len() {
                most = old;
            }
        }
        let of = if names == 1 { "one name".to_owned() } else { format!("{names} names, up to") };
        let detail = format!("{of}: {}", described(&most, days)?);
        let gap = Gap::new(GapReason::OldRate, subject, detail);
        let share = self.share(gross / days.len() as f64);
        Some(if 0.0 < share { gap.of_gross(share) } else { gap })
    }
}

/// The old rate in the value that a line gave.
fn of_value(OldRate { on, rate_on }: OldRate) -> String {
    format!("its value of {on} is converted at the rate of {rate_on}, the last one known by then")
}

/// Which of some closes have older rates. `None`: none of them.
fn described(old: &[OldRate], days: &[Day]) -> Option<String> {
    let (first, last) = (old.first()?, old.last()?);
    let (from, to) = (days.first()?, days.last()?);
    let each = |one: &OldRate| format!("that of {} at the rate of {}", one.on, one.rate_on);
    let shown = match old.len() {
        1 => each(first),
        2 => format!("{} and {}", each(first), each(last)),
        _ => format!("from {} to {}", each(first), each(last)),
    };
    Some(format!(
        "{} of {} closes from {from} to {to} are converted at older rates, {shown}: returns lack a \
         move of the rate or have one of earlier days",
        old.len(),
        days.len()
    ))
}
