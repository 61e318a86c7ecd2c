//! A joined book and the instruments that may hedge it, as lines with all that a plan needs of them.
//!
//! Lines are the holdings of the book in the order of names, then the instruments that are not among
//! them in the order of their ids, so that neither the order of lines nor that of ingest alters a bit.
//! An instrument that is shares of a holding is one line with it.
//!
//! A line's squeeze threshold θ is max(3σ√5, 15 %) as in the squeeze of a book
//! ([`factors::squeeze_threshold`]), zero without a volatility of its own. What of a fund is not seen
//! through is squeezed by the fund's θ. Lines of one company are squeezed together, by what they share;
//! what each has by itself has no threshold.

mod gather;

use crate::{
    clock::Clock,
    history::History,
    line::quadratic_impact,
    line_risk::LineRisk,
    option::{HeldOption, LineOption},
    squeezed::{BySource, SqueezedOptions},
    terms::{DeskTerms, LineTerms, TermsFault},
};
use factors::impact::Y;
use gather::Gathered;
use marketdata::{
    gap::{Gap, GapReason, Subject},
    instrument::InstrumentId,
};
use portfolio::book::Book;
use risk::{
    factor_view::{FactorView, Rung},
    specific_sources::{Mover, Specifics},
};
use std::{collections::BTreeMap, sync::OnceLock};

/// A number of units this near to whole lots, as a share of itself, is one of whole lots.
const UNITS_ROUNDING: f64 = 1e-12;

/// A line with what a plan needs of it.
#[derive(Clone, Debug, PartialEq)]
pub struct DeskLine {
    /// Its name: the symbol of a holding, the id of an instrument.
    pub id: String,
    /// What it moves as.
    pub instrument: InstrumentId,
    /// Value held in money, at the mark if there is one; a short is negative.
    pub held: f64,
    /// Value of one unit in money, positive, of an option the size of its exposure. `None` without a price: the line cannot trade.
    pub unit_value: Option<f64>,
    /// Whether the book holds it.
    pub is_position: bool,
    /// Whether it is an instrument that may hedge.
    pub is_instrument: bool,
    /// Whether a short must be borrowed: shares, not a derivative.
    pub is_borrowed_to_short: bool,
    /// Of a listed option: its terms, valued at the quote. Its values are those of the shares that stand
    /// for it, so that a bought put is held short.
    pub option: Option<LineOption>,
    /// Its terms.
    pub terms: LineTerms,
    /// What trades in it a day, in money. `None` if unknown: the line cannot trade.
    pub volume: Option<f64>,
    /// Its volatility per session in the model, a decimal.
    pub volatility: f64,
    /// Beta to the market, zero if it has none.
    pub market_beta: f64,
    /// Beta to the crowded trade, zero if it has none.
    pub trade_beta: f64,
    /// Where its exposures come from. `None`: it has none, and the model counts it as unmoved.
    pub rung: Option<Rung>,
}

impl DeskLine {
    /// Whether it can trade at all.
    #[must_use]
    pub fn can_trade(&self) -> bool {
        self.rung.is_some() && self.volume.is_some() && self.unit_value.is_some()
    }

    /// What a position of one in money makes if what it moves as has a return.
    pub(crate) fn moved(&self, total_return: f64) -> f64 {
        self.option.as_ref().map_or(total_return, |option| option.moved(total_return))
    }

    /// Margin of a position, in money. A bought option is paid in full and needs none.
    pub(crate) fn margin(&self, position: f64) -> f64 {
        let is_bought = self.option.is_some() && 0.0 <= position * self.direction();
        if is_bought { 0.0 } else { self.terms.margin * position.abs() }
    }

    /// −1 for a put, of which more contracts are less value, and 1 for everything else.
    #[must_use]
    pub fn direction(&self) -> f64 {
        self.option.as_ref().map_or(1.0, |option| option.exposure().signum())
    }

    /// The units of a value in money; whole lots, or whole units without lots, are whole numbers
    /// although the value is rounded. `None` without a price.
    #[must_use]
    pub fn units(&self, money: f64) -> Option<f64> {
        let units = money / self.unit_value?;
        let lot = self.terms.lot_units.unwrap_or(1.0);
        let whole = (units / lot).round() * lot;
        Some(if (units - whole).abs() <= UNITS_ROUNDING * units.abs() { whole } else { units })
    }

    /// Its quadratic impact, in one over money: equal to the square-root law, whose mean cost is ⅔ of
    /// its peak Yσ√(Q/V), at a trade of `size` days of volume.
    pub(crate) fn impact(&self, size: f64) -> f64 {
        let of =
            |volume: f64| quadratic_impact(2.0 / 3.0 * Y, self.volatility, volume, size * volume);
        self.volume.map_or(0.0, of)
    }
}

/// A book and its instruments in one view.
#[derive(Clone, Debug)]
pub struct Desk<'a> {
    pub(crate) view: &'a FactorView<'a>,
    pub(crate) lines: Vec<DeskLine>,
    pub(crate) movers: Vec<Mover>,
    /// Options of the book itself.
    pub(crate) held_options: Vec<HeldOption>,
    pub(crate) risk: LineRisk,
    pub(crate) history: History,
    /// θ by source.
    pub(crate) thresholds: Vec<f64>,
    /// What options make beyond their delta at these.
    pub(crate) squeezed: SqueezedOptions,
    pub(crate) clock: Clock,
    pub(crate) impact_size: f64,
    gaps: Vec<Gap>,
    /// Risks of earlier times, found when first needed: all schemes share them.
    pub(crate) earlier: OnceLock<Vec<Option<LineRisk>>>,
}

impl<'a> Desk<'a> {
    /// The lines of a book and instruments.
    ///
    /// # Errors
    /// Every [`TermsFault`].
    pub fn of(
        view: &'a FactorView<'a>,
        book: &Book,
        terms: &DeskTerms,
    ) -> Result<Desk<'a>, Vec<TermsFault>> {
        let mut faults = terms.faults();
        let Gathered { lines, movers, held_options, gaps, funds } =
            gather::gather(view, book, terms, &mut faults);
        if !faults.is_empty() {
            // Lines are read in the order of ids: the caller knows instruments by their place.
            faults.sort_by_key(TermsFault::instrument);
            return Err(faults);
        }
        let specifics = Specifics::of(view, &movers);
        let risk = LineRisk::of(view.factors.covariance(), &movers, &specifics);
        debug_assert!(risk.is_ok(), "invariant: a factor model is a model of risk: {risk:?}");
        // Unreachable: the covariance and the variances are those of an estimated model.
        let risk = risk.map_err(|_| Vec::new())?;
        let thresholds =
            risk.sources.iter().map(|id| gather::threshold(view, &funds, *id)).collect();
        let mut history = History::of(view, &movers);
        lines.iter().enumerate().for_each(|(at, line)| {
            if line.option.is_some() {
                history.move_as(at, |total_return| line.moved(total_return));
            }
        });
        for option in &held_options {
            history.add_beyond(option.line, |total_return| option.beyond_first_order(total_return));
        }
        let mut desk = Desk {
            view,
            lines,
            movers,
            held_options,
            risk,
            history,
            thresholds,
            squeezed: SqueezedOptions::NONE,
            clock: terms.clock,
            impact_size: terms.impact_size,
            gaps,
            earlier: OnceLock::new(),
        };
        desk.squeezed = desk.squeezed_options();
        desk.set_volatilities();
        desk.add_stand_in_gaps();
        desk.add_first_order_gaps();
        Ok(desk)
    }

    /// The lines: positions in the order of names, then other instruments in the order of ids.
    #[must_use]
    pub fn lines(&self) -> &[DeskLine] {
        &self.lines
    }

    /// What is missing: positions that cannot trade, have no exposures or no return of their own on
    /// some past sessions, with their share of gross, and funds that cannot be looked through.
    #[must_use]
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// Place of a line by its id.
    #[must_use]
    pub fn place(&self, id: &str) -> Option<usize> {
        self.lines.iter().position(|line| line.id == id)
    }

    /// Values held, by line, in money.
    pub(crate) fn held(&self) -> impl Iterator<Item = f64> + '_ {
        self.lines.iter().map(|line| line.held)
    }

    /// Σ |held|, in money.
    pub(crate) fn gross(&self) -> f64 {
        self.held().map(f64::abs).sum()
    }

    /// θ of what a line moves as.
    pub(crate) fn threshold_of(&self, line: usize) -> f64 {
        gather::threshold_of(self.view, self.lines[line].instrument).unwrap_or(0.0)
    }

    /// What the options of the book itself make beyond their delta, given the return of each line.
    pub(crate) fn beyond_first_order(&self, total_return: &dyn Fn(usize) -> f64) -> f64 {
        let options = self.held_options.iter();
        options.map(|option| option.beyond_first_order(total_return(option.line))).sum()
    }

    /// P&L of the book and returns of some lines in the first sessions of the past. What lines move as
    /// loses its mean; options are valued anew at what is left, so that they keep what their convexity
    /// makes on average.
    pub(crate) fn scenarios(
        &self,
        lines: impl Iterator<Item = usize>,
        sessions: usize,
    ) -> (Vec<f64>, Vec<Vec<f64>>) {
        let moves = |line: usize| self.history.centred_moves(line, sessions);
        let moved = |line: usize| -> Vec<f64> {
            moves(line).into_iter().map(|r| self.lines[line].moved(r)).collect()
        };
        let mut book = vec![0.0; sessions];
        for (line, held) in self.held().enumerate().filter(|(_, held)| 0.0 < held.abs()) {
            book.iter_mut().zip(moved(line)).for_each(|(sum, r)| *sum += held * r);
        }
        for option in &self.held_options {
            let moves = moves(option.line).into_iter();
            book.iter_mut().zip(moves).for_each(|(sum, r)| *sum += option.beyond_first_order(r));
        }
        (book, lines.map(moved).collect())
    }

    /// What the options of the book that are part of a line make beyond their delta at its θ.
    pub(crate) fn options_at_threshold(&self, line: usize) -> f64 {
        let theta = self.threshold_of(line);
        let own = self.held_options.iter().filter(|option| option.line == line);
        own.fold(0.0, |sum, option| sum + option.beyond_first_order(theta))
    }

    fn squeezed_options(&self) -> SqueezedOptions {
        // A line of loading l moves by l·θ if the source does by θ.
        let by_source = |line: usize, beyond: &dyn Fn(f64) -> f64| -> BySource {
            let moves = self.risk.lines[line].1.iter();
            let moves = moves.map(|(source, l)| (*source, l * self.thresholds[*source]));
            moves
                .filter(|(_, moved)| 0.0 < moved.abs())
                .map(|(s, moved)| (s, beyond(moved)))
                .collect()
        };
        let lines = self.lines.iter().enumerate().filter(|(_, line)| line.option.is_some());
        let lines = lines.map(|(at, line)| (at, by_source(at, &|moved| line.moved(moved) - moved)));
        // Thousands of options may be on one fund of thousands of sources.
        let mut held: BTreeMap<usize, BTreeMap<usize, f64>> = BTreeMap::new();
        for option in &self.held_options {
            let of_line = held.entry(option.line).or_default();
            for (s, pnl) in by_source(option.line, &|moved| option.beyond_first_order(moved)) {
                *of_line.entry(s).or_default() += pnl;
            }
        }
        let held = held.into_iter().map(|(line, of)| (line, of.into_iter().collect()));
        SqueezedOptions { lines: lines.collect(), held: held.collect() }
    }

    /// σ² per session of positions by line, in money squared.
    pub(crate) fn variance(&self, positions: &[f64]) -> f64 {
        let mut exposures = vec![0.0; self.risk.risk.factors()];
        for ((entries, _), position) in self.risk.lines.iter().zip(positions) {
            entries.iter().for_each(|(factor, value)| exposures[*factor] += position * value);
        }
        let loadings = self.risk.looked_through(positions.iter().copied());
        self.risk.risk.variance(&exposures, &loadings)
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

    fn set_volatilities(&mut self) {
        for (line, mover) in self.lines.iter_mut().zip(&self.movers) {
            line.volatility = mover.name.as_ref().map_or(0.0, |name| self.view.volatility(name));
        }
    }
}
