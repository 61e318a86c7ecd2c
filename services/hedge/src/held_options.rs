//! The options of the book itself: parts of its lines by their deltas, valued anew where a move is
//! known.
//!
//! What they make beyond their deltas is the same whatever trades, so what all plans need of it is
//! computed once. A book may have ten thousand of them, and a value is a formula of Black and
//! Scholes: the caller is asked before each of them.

use crate::{
    desk::DeskLine,
    history::History,
    limits::Caller,
    option::HeldOption,
    rates::Rates,
    squeezed::{Bought, BySource, chord},
    wish::SQUEEZED_SHORTS,
};
use marketdata::currency::Currency;
use portfolio::derivative::OptionAt;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

/// The options of a book.
#[derive(Clone, Debug)]
pub(crate) struct HeldOptions {
    all: Vec<HeldOption>,
    /// By session, what they make beyond their deltas if the trade moves as it did and lines follow
    /// by their betas. Empty without a trade.
    of_trade: Vec<f64>,
    /// By number of first sessions, what they make beyond their deltas in each scenario that is made of
    /// these: the sessions less what lines and rates make on average, or simulated ones.
    in_scenarios: Vec<OnceLock<Vec<f64>>>,
    /// The same in simulated scenarios that plans do not know.
    in_fresh_scenarios: OnceLock<Vec<f64>>,
}

impl HeldOptions {
    /// Options, and what the trade did in the past. `None` as soon as the caller has gone.
    pub(crate) fn of(
        all: Vec<HeldOption>,
        lines: &[DeskLine],
        (trade, sessions): (&[f64], usize),
        caller: &Caller,
    ) -> Option<HeldOptions> {
        let in_scenarios = (0..=sessions).map(|_| OnceLock::new()).collect();
        let in_fresh_scenarios = OnceLock::new();
        let mut options =
            HeldOptions { all, of_trade: Vec::new(), in_scenarios, in_fresh_scenarios };
        options.of_trade = options.sums(trade.len(), caller, |option| {
            let beta = lines[option.line].trade_beta;
            let made =
                |c: &f64| option.at.beyond_delta(beta * if c.is_finite() { *c } else { 0.0 });
            trade.iter().map(made).collect()
        })?;
        Some(options)
    }

    /// Lines with the currencies of strikes on them.
    pub(crate) fn strikes(&self) -> impl Iterator<Item = (usize, Currency)> + '_ {
        self.all.iter().filter_map(|option| Some((option.line, option.at.strike_in?)))
    }

    /// What they make beyond their deltas, given the return of each line.
    pub(crate) fn beyond(&self, total_return: &dyn Fn(usize) -> f64) -> f64 {
        let options = self.all.iter();
        // The sum of nothing would be -0.0.
        options.fold(0.0, |sum, option| sum + option.at.beyond_delta(total_return(option.line)))
    }

    /// The same, given by what factor the rate of a strike's currency grows. `None` as soon as the
    /// caller has gone.
    pub(crate) fn after(
        &self,
        total_return: &dyn Fn(usize) -> f64,
        growth: &dyn Fn(Option<Currency>) -> f64,
        caller: &Caller,
    ) -> Option<f64> {
        let sums = self.sums(1, caller, |option| {
            let growth = growth(option.at.strike_in);
            vec![option.at.beyond_delta_with(total_return(option.line), growth)]
        });
        sums?.first().copied()
    }

    /// The same of those of a line.
    pub(crate) fn beyond_of(&self, line: usize, total_return: f64) -> f64 {
        let own = self.all.iter().filter(|option| option.line == line);
        own.fold(0.0, |sum, option| sum + option.at.beyond_delta(total_return))
    }

    /// By session of the past, the same if the trade moves as it did.
    pub(crate) fn of_trade(&self) -> &[f64] {
        &self.of_trade
    }

    /// By session, what they made beyond their deltas. `None` as soon as the caller has gone.
    pub(crate) fn past(
        &self,
        history: &History,
        rates: &Rates,
        caller: &Caller,
    ) -> Option<Vec<f64>> {
        self.sums(history.sessions(), caller, |option| {
            let growth = rates.growth(option.at.strike_in);
            let made = |(r, growth): (&f64, &f64)| option.at.beyond_delta_with(*r, *growth);
            history.returns[option.line].iter().zip(&growth).map(made).collect()
        })
    }

    /// The same in the first sessions, less what lines and rates make on average there. `None` as
    /// soon as the caller has gone.
    pub(crate) fn centred(
        &self,
        history: &History,
        (rates, sessions): (&Rates, usize),
        caller: &Caller,
    ) -> Option<&[f64]> {
        self.in_scenarios(sessions, || {
            let moves = self.by_line(&|line| history.centred_moves(line, sessions));
            self.sums(sessions, caller, |option| {
                let growth = rates.centred(option.at.strike_in, sessions);
                let made = |(r, growth): (&f64, &f64)| option.at.beyond_delta_with(*r, *growth);
                moves[&option.line].iter().zip(&growth).map(made).collect()
            })
        })
    }

    /// By scenario, the same given the returns of each line, at rates that stay. `None` as soon as the
    /// caller has gone.
    pub(crate) fn made(
        &self,
        moves: &dyn Fn(usize) -> Vec<f64>,
        scenarios: usize,
        caller: &Caller,
    ) -> Option<Vec<f64>> {
        let moves = self.by_line(moves);
        self.sums(scenarios, caller, |option| {
            moves[&option.line].iter().map(|r| option.at.beyond_delta(*r)).collect()
        })
    }

    /// What was made in the scenarios of so many first sessions, found when first needed. `None` if it
    /// is not found.
    pub(crate) fn in_scenarios(
        &self,
        sessions: usize,
        find: impl FnOnce() -> Option<Vec<f64>>,
    ) -> Option<&[f64]> {
        found(self.in_scenarios.get(sessions)?, find)
    }

    /// The same in scenarios that plans do not know.
    pub(crate) fn in_fresh_scenarios(
        &self,
        find: impl FnOnce() -> Option<Vec<f64>>,
    ) -> Option<&[f64]> {
        found(&self.in_fresh_scenarios, find)
    }

    /// Something of every line that has options.
    fn by_line(&self, of: &dyn Fn(usize) -> Vec<f64>) -> BTreeMap<usize, Vec<f64>> {
        let lines: BTreeSet<usize> = self.all.iter().map(|option| option.line).collect();
        lines.into_iter().map(|line| (line, of(line))).collect()
    }

    /// What they make beyond their deltas by line and source, where a line moves by `moved` if a
    /// source is squeezed. `None` as soon as the caller has gone.
    pub(crate) fn squeezed(
        &self,
        moved: &dyn Fn(usize) -> BySource,
        caller: &Caller,
    ) -> Option<Vec<(usize, BySource)>> {
        // Thousands of options may be on one fund of thousands of sources.
        let mut by_line: BTreeMap<usize, (BySource, BTreeMap<usize, f64>)> = BTreeMap::new();
        for option in &self.all {
            if caller.has_gone() {
                return None;
            }
            let line = by_line.entry(option.line);
            let (moves, sums) = line.or_insert_with(|| (moved(option.line), BTreeMap::new()));
            for (source, made) in squeezed(&option.at, moves) {
                *sums.entry(source).or_default() += made;
            }
        }
        let sums = by_line.into_iter().map(|(line, (_, sums))| (line, sums.into_iter().collect()));
        Some(sums.collect())
    }

    /// Sums over options, by session. `None` as soon as the caller has gone.
    fn sums(
        &self,
        sessions: usize,
        caller: &Caller,
        of: impl Fn(&HeldOption) -> Vec<f64>,
    ) -> Option<Vec<f64>> {
        let mut sums = vec![0.0; sessions];
        for option in &self.all {
            if caller.has_gone() {
                return None;
            }
            sums.iter_mut().zip(of(option)).for_each(|(sum, made)| *sum += made);
        }
        Some(sums)
    }
}

/// What a cell holds, found when first needed; nothing is kept of what is not found.
fn found(cell: &OnceLock<Vec<f64>>, find: impl FnOnce() -> Option<Vec<f64>>) -> Option<&[f64]> {
    if cell.get().is_none() {
        let made = find()?;
        cell.get_or_init(|| made);
    }
    cell.get().map(Vec::as_slice)
}

/// What an option makes beyond its delta by source.
fn squeezed(option: &OptionAt, moves: &[(usize, f64)]) -> BySource {
    let beyond = |r: f64| option.beyond_delta(r);
    if option.is_written() {
        return chord(moves, SQUEEZED_SHORTS, &beyond);
    }
    let (exposure, premium) = (option.exposure(), option.market_value());
    Bought { exposure, premium, beyond: &beyond }.made(moves, SQUEEZED_SHORTS)
}
