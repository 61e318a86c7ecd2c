//! What a hedge minimises: a price of risk plus the cost of trading and holding.

use crate::risk::dot;

/// Minimised: risk + cost of trading + H·cost of holding a session, all in money.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// The price of the risk that remains.
    pub risk: RiskTerm,
    /// H, sessions over which the hedge is held: a cost paid once is compared with a risk and a carry of
    /// that many sessions.
    pub horizon_sessions: f64,
    /// Cost of holding the lines that do not trade for a session, in money. Trades do not change it; it is
    /// in the objective so that problems that trade other lines of one book compare.
    pub staying_carry_per_session: f64,
}

/// The price of risk.
#[derive(Clone, Debug, PartialEq)]
pub enum RiskTerm {
    /// λ·H·σ², with the variance σ² of the book after the trades, per session, in money squared.
    Variance {
        /// λ, in one over money.
        aversion: f64,
    },
    /// κ·CVaR of the book after the trades over the scenarios, whose horizon is the caller's.
    Tail {
        /// κ: money of cost that one unit of money of CVaR is worth.
        weight: f64,
        /// The scenarios and the tail's confidence.
        scenarios: Scenarios,
    },
}

/// P&L of the book and returns of the traded lines, in equally likely scenarios.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenarios {
    confidence: f64,
    book: Vec<f64>,
    returns: Vec<Vec<f64>>,
}

/// Whether scenarios keep their means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Centring {
    /// Every series loses its mean, so that the hedge does not chase past drifts.
    Demeaned,
    /// The series are used as given.
    AsGiven,
}

/// Why scenarios are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidScenarios {
    /// There is no scenario.
    #[error("there are no scenarios")]
    Empty,
    /// The confidence is not strictly between zero and one.
    #[error("the confidence is not between 0 and 1")]
    Confidence,
    /// A traded line has another number of returns than there are scenarios.
    #[error("traded line {line} has {returns} returns for {scenarios} scenarios")]
    Length {
        /// Index among the traded lines.
        line: usize,
        /// Number of its returns.
        returns: usize,
        /// Number of scenarios.
        scenarios: usize,
    },
    /// The book's P&L of a scenario is not finite.
    #[error("the P&L of scenario {0} is not finite")]
    BookNotFinite(usize),
    /// A return is not finite.
    #[error("return {scenario} of traded line {line} is not finite")]
    ReturnNotFinite {
        /// Index among the traded lines.
        line: usize,
        /// Index of the scenario.
        scenario: usize,
    },
}

impl Scenarios {
    /// Scenarios for a tail beyond `confidence` (0.95 for the worst 5 %): `book` is the P&L in money
    /// of the book as held, `returns` the decimals of each traded line in the order of lines.
    ///
    /// # Errors
    /// [`InvalidScenarios`], all violations.
    pub fn new(
        confidence: f64,
        mut book: Vec<f64>,
        mut returns: Vec<Vec<f64>>,
        centring: Centring,
    ) -> Result<Scenarios, Vec<InvalidScenarios>> {
        let found = violations(confidence, &book, &returns);
        if !found.is_empty() {
            return Err(found);
        }
        if centring == Centring::Demeaned {
            demean(&mut book);
            returns.iter_mut().for_each(|series| demean(series));
        }
        Ok(Scenarios { confidence, book, returns })
    }

    /// The tail's confidence.
    #[must_use]
    pub fn confidence(&self) -> f64 {
        self.confidence
    }

    /// Number of scenarios.
    #[must_use]
    pub fn count(&self) -> usize {
        self.book.len()
    }

    /// Returns by traded line.
    pub(crate) fn returns(&self) -> &[Vec<f64>] {
        &self.returns
    }

    /// The P&L in money of the book as held, by scenario.
    pub(crate) fn book(&self) -> &[f64] {
        &self.book
    }

    /// (1−β)·T, the number of scenarios in the tail, not rounded.
    pub(crate) fn tail_count(&self) -> f64 {
        (1.0 - self.confidence) * self.count() as f64
    }

    /// Losses after trades in money, by scenario; a loss is positive.
    pub(crate) fn losses(&self, trades: &[f64]) -> Vec<f64> {
        let mut losses: Vec<f64> = self.book.iter().map(|pnl| -pnl).collect();
        for (series, trade) in self.returns.iter().zip(trades) {
            losses.iter_mut().zip(series).for_each(|(loss, r)| *loss -= r * trade);
        }
        losses
    }

    /// Indices of the scenarios from the largest loss to the smallest; ties in their order.
    pub(crate) fn worst_first(losses: &[f64]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..losses.len()).collect();
        order.sort_by(|a, b| losses[*b].total_cmp(&losses[*a]).then(a.cmp(b)));
        order
    }

    /// CVaR after trades: the mean loss of the worst (1−β)·T scenarios, the last one by its fraction
    /// (Rockafellar and Uryasev 2000).
    pub(crate) fn cvar(&self, trades: &[f64]) -> f64 {
        let losses = self.losses(trades);
        let order = Scenarios::worst_first(&losses);
        let tail = self.tail_count();
        let weights: Vec<f64> =
            (0..order.len()).map(|rank| (tail - rank as f64).clamp(0.0, 1.0) / tail).collect();
        let sorted: Vec<f64> = order.iter().map(|index| losses[*index]).collect();
        dot(&weights, &sorted)
    }
}

fn demean(series: &mut [f64]) {
    let mean = series.iter().sum::<f64>() / series.len() as f64;
    series.iter_mut().for_each(|value| *value -= mean);
}

fn violations(confidence: f64, book: &[f64], returns: &[Vec<f64>]) -> Vec<InvalidScenarios> {
    let mut found = Vec::new();
    if book.is_empty() {
        found.push(InvalidScenarios::Empty);
    }
    if !(0.0 < confidence && confidence < 1.0) {
        found.push(InvalidScenarios::Confidence);
    }
    let not_finite = |values: &[f64]| -> Vec<usize> {
        (0..values.len()).filter(|at| !values[*at].is_finite()).collect()
    };
    found.extend(not_finite(book).into_iter().map(InvalidScenarios::BookNotFinite));
    for (line, series) in returns.iter().enumerate() {
        if series.len() != book.len() {
            let (returns, scenarios) = (series.len(), book.len());
            found.push(InvalidScenarios::Length { line, returns, scenarios });
        }
        let wrong = not_finite(series).into_iter();
        found.extend(wrong.map(|scenario| InvalidScenarios::ReturnNotFinite { line, scenario }));
    }
    found
}
