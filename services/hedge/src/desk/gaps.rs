//! What a desk lacks.

use super::{Desk, DeskLine};
use marketdata::{
    currency::Currency,
    dataset::Dataset,
    gap::{Gap, GapReason, Subject},
};
use portfolio::book::Book;
use risk::like_this::NoDays;
use std::collections::BTreeMap;

impl Desk<'_> {
    /// `no_days`: why variances are not those of large moves, if they were to be.
    pub(super) fn add_gaps(&mut self, no_days: Option<NoDays>, book: &Book) {
        if let Some(none) = no_days {
            let detail = format!("{}; variances are those of all days", none.why());
            let subject = Subject::Dataset(Dataset::Bars);
            self.gaps.push(Gap::new(GapReason::ShortHistory, subject, detail));
        }
        self.gaps.extend(self.large_days().and_then(|days| days.gap()));
        self.gaps.extend(self.no_risk());
        self.add_stand_in_gaps();
        self.add_first_order_gaps();
        self.add_rate_gaps(book);
    }

    /// Why no share of the book's variance can be taken away.
    fn no_risk(&self) -> Option<Gap> {
        let held: Vec<f64> = self.held().collect();
        if 0.0 < self.variance(&held) {
            return None;
        }
        let detail =
            "the book does not move in the factor model: trades take no share of its variance away";
        Some(Gap::new(GapReason::Degenerate, Subject::Dataset(Dataset::Bars), detail))
    }

    /// One gap per line that may trade and does not move in the factor model: its trade has no schedule,
    /// because waiting with it is no risk and trading it has no impact.
    #[must_use]
    pub fn unscheduled(&self) -> Vec<Gap> {
        let still = |line: &&DeskLine| line.can_trade() && line.volatility <= 0.0;
        let gap = |line: &DeskLine| {
            let detail = "it does not move in the factor model: a trade in it has no schedule";
            Gap::new(GapReason::Degenerate, Subject::symbol(&line.id), detail)
        };
        self.lines.iter().filter(still).map(gap).collect()
    }

    fn add_stand_in_gaps(&mut self) {
        let (gross, sessions) = (self.gross(), self.history.sessions());
        for (at, line) in self.lines.iter().enumerate() {
            let count = self.history.stand_ins(at);
            if count == 0 {
                continue;
            }
            let detail = format!(
                "{count} of {sessions} past sessions have no return of its own: what its exposures, \
                 or else its betas, explain stands in"
            );
            let gap = Gap::new(GapReason::Proxy, Subject::symbol(&line.id), detail);
            self.gaps.push(if line.is_position && 0.0 < gross {
                gap.of_gross(line.held.abs() / gross)
            } else {
                gap
            });
        }
    }

    fn add_first_order_gaps(&mut self) {
        let options = self.lines.iter().filter(|line| line.option.is_some());
        let gap = |line: &DeskLine| {
            let detail = "an option counts as its delta in shares, which is right for small moves of the \
                          price only; it is valued anew in moves of the trade, in scenarios of limits, in \
                          the squeeze budget and in past P&L";
            Gap::new(GapReason::FirstOrder, Subject::symbol(&line.id), detail)
        };
        self.gaps.extend(options.map(gap).collect::<Vec<Gap>>());
    }

    /// Moves of the trade, hypothetical and simulated scenarios are returns of lines, and say nothing of
    /// rates; and a past session may have no rate.
    fn add_rate_gaps(&mut self, book: &Book) {
        let why = |currency: Currency| {
            let past = match self.rates.missing(currency) {
                (0, _) => String::new(),
                (missing, sessions) => {
                    format!(", and {missing} of {sessions} past sessions have no rate")
                }
            };
            let moves = match self.simulated {
                None => "moves of the trade and hypothetical scenarios of limits",
                Some(_) => {
                    "moves of the trade, hypothetical scenarios of limits and simulated scenarios"
                }
            };
            Some(format!("{moves} do not say what the rate of {currency} does{past}"))
        };
        let gaps = self.fixed_strikes(book, why);
        self.gaps.extend(gaps);
    }

    /// One gap per line with strikes in another currency that stay where they are, if there is a reason
    /// why they do.
    #[must_use]
    pub fn fixed_strikes(&self, book: &Book, why: impl Fn(Currency) -> Option<String>) -> Vec<Gap> {
        let base = self.view.risk.snapshot.base();
        let strikes = self.held_options.strikes().filter(|(_, currency)| *currency != base);
        let quoted = self.lines.iter().enumerate();
        let quoted = quoted.filter_map(|(at, line)| Some((at, line.strike_in()?)));
        let lines: BTreeMap<usize, Currency> = strikes.chain(quoted).collect();
        let gap = |(at, currency): (usize, Currency)| {
            let line = &self.lines[at];
            let detail = format!(
                "{}: the strikes of its options are converted at that of the as-of date",
                why(currency)?
            );
            let gap = Gap::new(GapReason::Proxy, Subject::symbol(&line.id), detail);
            let is_held = line.is_position && 0.0 < book.gross;
            let share = || (line.held.abs() / book.gross).min(1.0);
            Some(if is_held { gap.of_gross(share()) } else { gap })
        };
        lines.into_iter().filter_map(gap).collect()
    }
}
