//! The gaps of a book whose names have closes that do not value them.

use crate::book::Book;
use marketdata::gap::{Gap, GapReason, Subject};

impl Book {
    /// One gap per line of a name whose last close is of a day that too few names have reached.
    pub fn left_out_gaps(&self) -> impl Iterator<Item = Gap> {
        let quoted = self.holdings.iter().filter_map(|holding| Some((holding, holding.quote?)));
        quoted.flat_map(move |(holding, quote)| {
            let gap = move |line: usize, value: f64| {
                let detail = format!(
                    "its last close is of {}, a day that fewer than one in ten names have reached: it \
                     is left out, and that of {} counts",
                    quote.left_out_on?, quote.on
                );
                let line = Subject::Line(self.line_name(line));
                let gap = Gap::new(GapReason::MissingObservations, line, detail);
                Some(gap.of_gross(self.share(value.abs())))
            };
            self.lots(holding).iter().filter_map(move |lot| gap(lot.line, lot.market_value))
        })
    }
}
