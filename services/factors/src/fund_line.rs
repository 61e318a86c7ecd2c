//! A fund of a book: what is held of it, what is known of it, and what could not be seen through.

use crate::funds::{FundFacts, WEIGHT_TOLERANCE};
use marketdata::{
    day::Day,
    gap::{Gap, GapReason, Subject},
};

/// A fund of a book.
#[derive(Clone, Debug, PartialEq)]
pub struct FundLine {
    /// Its symbol on the as-of day.
    pub symbol: String,
    /// Signed market value.
    pub market_value: f64,
    /// Long + short under the netting of the book.
    pub gross: f64,
    /// Its holdings. `None` if none are known: it stays one name.
    pub facts: Option<FundFacts>,
}

impl FundLine {
    /// Gross value that remains in the fund.
    pub fn rest_gross(&self) -> f64 {
        self.facts.map_or(1.0, |facts| facts.rest.abs()) * self.gross
    }

    /// What of it could not be seen through, with shares of a book's gross.
    pub fn gaps(&self, today: Day, gross: f64) -> Vec<Gap> {
        let share = self.gross / gross;
        let mut gaps = Vec::new();
        let mut add = |reason, weight: f64, detail: String| {
            let gap = Gap::new(reason, Subject::symbol(&self.symbol), detail);
            gaps.push(gap.of_gross((weight * share).min(1.0)));
        };
        let symbol = &self.symbol;
        let Some(facts) = self.facts else {
            let detail = format!("no holdings of {symbol} are known: it stays one name");
            add(GapReason::InputMissing, 1.0, detail);
            return gaps;
        };
        if facts.is_circular {
            let detail = format!("the holdings of {symbol} lead back to itself: it stays one name");
            add(GapReason::Degenerate, 1.0, detail);
            return gaps;
        }
        if facts.is_stale(today) {
            let detail = format!("the holdings behind {symbol} are of {}", facts.oldest_on);
            add(GapReason::Stale, 1.0, detail);
        }
        let missing = 1.0 - facts.published_weight;
        if WEIGHT_TOLERANCE < missing.abs() {
            let reason =
                if missing < 0.0 { GapReason::Implausible } else { GapReason::InputMissing };
            let percent = 100.0 * facts.published_weight;
            let detail = format!(
                "the weights of the holdings of {symbol} add up to {percent:.1} %: the rest stays \
                 one name"
            );
            add(reason, missing.abs(), detail);
        }
        for (reason, inner, than) in [
            (GapReason::InputMissing, facts.inner_missing, "less"),
            (GapReason::Implausible, facts.inner_excess, "more"),
        ] {
            if 0 < inner.names {
                let detail = format!(
                    "the weights of the holdings of {} funds inside of {symbol} add up to {than} \
                     than 100 %: the rest stays with {symbol}",
                    inner.names
                );
                add(reason, inner.weight, detail);
            }
        }
        if 0 < facts.unpriced.names {
            let detail = format!(
                "{} holdings of {symbol} have no price: they stay with the fund",
                facts.unpriced.names
            );
            add(GapReason::NoPrice, facts.unpriced.weight, detail);
        }
        if 0 < facts.unopened.names {
            let detail = format!(
                "{} funds inside of {symbol} are too deep or lead back to themselves: they are not \
                 opened",
                facts.unopened.names
            );
            add(GapReason::Proxy, facts.unopened.weight, detail);
        }
        gaps
    }
}
