//! The gaps of a book whose closes are converted at rates older than they are.

use crate::book::{Book, Holding, Lot};
use marketdata::{
    day::Day,
    gap::{Gap, GapReason, Subject},
    old_rates::{OldRate, OldRates},
    snapshot::Snapshot,
};

impl Book {
    /// One gap per line whose last close has an older rate.
    pub fn old_rate_gaps(&self) -> impl Iterator<Item = Gap> {
        self.old_rate_gaps_of(|_| true)
    }

    /// The same of lines whose shares follow from a value at that close: of an answer about other days,
    /// which values no other line at it.
    pub fn old_rate_gaps_of_values(&self) -> impl Iterator<Item = Gap> {
        self.old_rate_gaps_of(|lot| lot.gave_value)
    }

    fn old_rate_gaps_of(&self, concerns: fn(&Lot) -> bool) -> impl Iterator<Item = Gap> {
        let old = self.holdings.iter().filter_map(|holding| {
            let quote = holding.quote?;
            let rate_on = quote.rate_on.filter(|rate_on| *rate_on < quote.on)?;
            Some((holding, OldRate { on: quote.on, rate_on }))
        });
        old.flat_map(move |(holding, old)| {
            let lots = self.lots(holding).iter().filter(move |lot| concerns(lot));
            lots.map(move |lot| {
                let line = Subject::Line(self.line_name(lot.line));
                let OldRate { on, rate_on } = old;
                let detail = format!(
                    "the close of {on} is converted at the rate of {rate_on}, the last one known"
                );
                let gap = Gap::new(GapReason::OldRate, line, detail);
                match 0.0 < self.gross {
                    true => gap.of_gross((lot.market_value.abs() / self.gross).min(1.0)),
                    false => gap,
                }
            })
        })
    }

    /// One gap per name of which closes on some days have older rates: of an answer about what the book
    /// made between these closes. A name without a price of its own has none.
    pub fn old_rate_gaps_on(&self, snapshot: &Snapshot, days: &[Day]) -> Vec<Gap> {
        let mut rates = OldRates::of(snapshot, days);
        let gap = |holding: &Holding| {
            let old = rates.of_line(holding.instrument);
            let detail = described(&old, days)?;
            let subject = Subject::symbol(snapshot.symbol(holding.instrument));
            let gap = Gap::new(GapReason::OldRate, subject, detail);
            Some(gap.of_gross(self.share(holding.gross())))
        };
        self.holdings.iter().filter(|holding| holding.quote.is_some()).filter_map(gap).collect()
    }

    /// The gap of a number that rests on the returns between some closes, if any of them has an older
    /// rate. Its share of gross is that of closes: a book of which every close has one has a share of 1.
    pub fn old_rate_gap_behind(
        &self,
        snapshot: &Snapshot,
        days: &[Day],
        subject: impl Into<Subject>,
    ) -> Option<Gap> {
        let mut rates = OldRates::of(snapshot, days);
        let (mut names, mut gross, mut most) = (0, 0.0, Vec::new());
        for holding in self.holdings.iter().filter(|holding| holding.quote.is_some()) {
            let old = rates.of_line(holding.instrument);
            if !old.is_empty() {
                names += 1;
                gross += holding.gross() * old.len() as f64;
            }
            if most.len() < old.len() {
                most = old;
            }
        }
        let of = if names == 1 { "one name".to_owned() } else { format!("{names} names, up to") };
        let detail = format!("{of}: {}", described(&most, days)?);
        let share = self.share(gross / days.len() as f64);
        Some(Gap::new(GapReason::OldRate, subject, detail).of_gross(share))
    }

    fn share(&self, gross: f64) -> f64 {
        if 0.0 < self.gross { (gross / self.gross).min(1.0) } else { 0.0 }
    }
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
