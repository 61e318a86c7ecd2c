//! A joined book and the instruments that may hedge it, as lines with all that a plan needs of
//! them.
//!
//! Lines are the holdings of the book in the order of names, then the instruments that are not
//! among them in the order of their ids, so that neither the order of lines nor that of ingest
//! alters a bit. An instrument that is shares of a holding is one line with it.
//!
//! A line's squeeze threshold θ is max(3σ√5, 15 %) as in the squeeze of a book
//! ([`factors::squeeze_threshold`]), zero without a volatility of its own. What of a fund is not
//! seen through is squeezed by the fund's θ. Lines of one company are squeezed together, by what
//! they share; what each has by itself has no threshold.

mod gaps;
mod gather;
mod tail;

use crate::{
    clock::Clock,
    consequences::PnlRange,
    held_options::HeldOptions,
    history::History,
    large_days::LargeDays,
    limits::Caller,
    line::quadratic_impact,
    line_risk::{Earlier, LineRisk},
    option::LineOption,
    rates::Rates,
    squeezed::{Bought, BySource, SqueezedOptions, chord},
    terms::{DeskTerms, LineTerms, TermsFault, VarianceDays},
    wish::SQUEEZED_SHORTS,
};
use factors::{funds::Funds, impact::Y};
use gather::Gathered;
use marketdata::{currency::Currency, gap::Gap, instrument::InstrumentId};
use portfolio::book::Book;
use risk::{
    factor_view::{FactorView, Rung},
    like_this::{self, DaysLikeThis, NoDays},
    specific_sources::{Mover, Specifics},
};
use std::{ops::Range, sync::OnceLock};
use tail::{Simulated, check_values};

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
    /// Value of one unit in money, positive, of an option the size of its exposure. `None` without
    /// a price: the line cannot trade.
    pub unit_value: Option<f64>,
    /// Whether the book holds it.
    pub is_position: bool,
    /// Whether it is an instrument that may hedge.
    pub is_instrument: bool,
    /// Whether a short must be borrowed: shares, not a derivative.
    pub is_borrowed_to_short: bool,
    /// Of a listed option: its terms, valued at the quote. Its values are those of the shares that
    /// stand for it, so that a bought put is held short.
    pub option: Option<LineOption>,
    /// Its terms.
    pub terms: LineTerms,
    /// What trades in it a day, in money. `None` if unknown: the line cannot trade.
    pub volume: Option<f64>,
    /// Its volatility per session in the model, a decimal, on the days that variances are of.
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
        self.moved_with(total_return, 1.0)
    }

    /// The same if the rate of the currency of its strike grows by a factor.
    pub(crate) fn moved_with(&self, total_return: f64, rate_growth: f64) -> f64 {
        let option = self.option.as_ref();
        option.map_or(total_return, |option| option.moved_with(total_return, rate_growth))
    }

    /// The currency of its strike, if that is not the base currency.
    pub(crate) fn strike_in(&self) -> Option<Currency> {
        self.option.as_ref()?.quoted_in
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

    /// Its quadratic impact, in one over money: equal to the square-root law, whose mean cost is ⅔
    /// of its peak Yσ√(Q/V), at a trade of `size` days of volume.
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
    pub(crate) held_options: HeldOptions,
    pub(crate) risk: LineRisk,
    /// The days that `risk` is of; `None`: all.
    pub(crate) large_days: Option<LargeDays>,
    pub(crate) history: History,
    /// What scenarios are drawn from; `None`: they are those of the past.
    simulated: Option<Simulated>,
    /// Of the currencies of strikes.
    rates: Rates,
    /// θ by source.
    pub(crate) thresholds: Vec<f64>,
    /// What options make beyond their delta at these.
    pub(crate) squeezed: SqueezedOptions,
    pub(crate) clock: Clock,
    pub(crate) impact_size: f64,
    gaps: Vec<Gap>,
    /// Asked whether it still waits.
    pub(crate) caller: Caller,
    /// Risks of earlier times, found when first needed: all schemes share them.
    pub(crate) earlier: OnceLock<Vec<Option<Earlier>>>,
    /// P&L of the past of the book as held; all plans share it.
    past_pnl: OnceLock<Vec<f64>>,
    /// What the book as held makes if the trade moves; all plans share it.
    pub(crate) moves_before: OnceLock<Vec<PnlRange>>,
}

/// Why there is no desk.
#[derive(Clone, Debug, PartialEq)]
pub enum NoDesk {
    /// Every fault of the terms.
    Faults(Vec<TermsFault>),
    /// The caller has gone.
    Gone,
}

impl<'a> Desk<'a> {
    /// The lines of a book and instruments, for a caller who is asked whether it still waits.
    ///
    /// # Errors
    /// [`NoDesk`].
    pub fn of(
        view: &'a FactorView<'a>,
        book: &Book,
        terms: &DeskTerms,
        caller: &Caller,
    ) -> Result<Desk<'a>, NoDesk> {
        let mut faults = terms.faults();
        let (gathered, funds) = gather::gather(view, book, terms, &mut faults);
        if !faults.is_empty() {
            // Lines are read in the order of ids: the caller knows instruments by their place.
            faults.sort_by_key(TermsFault::instrument);
            return Err(NoDesk::Faults(faults));
        }
        let specifics = Specifics::of(view, &gathered.movers);
        let risk = LineRisk::of(view.factors.covariance(), &gathered.movers, &specifics);
        debug_assert!(risk.is_ok(), "invariant: a factor model is a model of risk: {risk:?}");
        // Unreachable: the covariance and the variances are those of an estimated model.
        let risk = risk.map_err(|_| NoDesk::Faults(Vec::new()))?;
        let (risk, large_days) = match terms.days {
            VarianceDays::All => (risk, Ok(None)),
            VarianceDays::LargeMoves => {
                let held = gathered.lines.iter().map(|line| line.held).zip(&gathered.movers);
                let days = like_this::days(view, &view.returns);
                let on_days = |days| risk.clone().on_days(view, held, days);
                match days.and_then(|days| on_days(days).ok_or(NoDays::NoCovariance)) {
                    Ok((risk, days)) => (risk, Ok(Some(days))),
                    Err(none) => (risk, Err(none)),
                }
            }
        };
        check_values(&gathered.held_options, &risk, (view.weights.len(), terms))?;
        let mut desk =
            Desk::valued(view, (gathered, &funds), (risk, terms), caller).ok_or(NoDesk::Gone)?;
        let no_days = large_days.as_ref().err().copied();
        desk.large_days = large_days.ok().flatten();
        desk.set_volatilities();
        desk.add_gaps(no_days, book);
        desk.gaps.extend(desk.below_nothing().ok_or(NoDesk::Gone)?);
        Ok(desk)
    }

    /// A desk with its options valued over the past and at the thresholds. `None` if the caller has
    /// gone.
    fn valued(
        view: &'a FactorView<'a>,
        (gathered, funds): (Gathered, &Funds),
        (risk, terms): (LineRisk, &DeskTerms),
        caller: &Caller,
    ) -> Option<Desk<'a>> {
        let Gathered { lines, movers, held_options, gaps } = gathered;
        let thresholds =
            risk.sources.iter().map(|id| gather::threshold(view, funds, *id)).collect();
        let held_in = held_options.iter().filter_map(|option| option.at.strike_in);
        let rates = Rates::of(view, held_in.chain(lines.iter().filter_map(DeskLine::strike_in)));
        let mut history = History::of(view, &movers);
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.option.is_some()) {
            let growth = rates.growth(line.strike_in());
            history.move_as(at, |session, r| line.moved_with(r, growth[session]));
        }
        let trade = view.trade.as_ref().map_or(&[][..], |trade| &trade.returns[view.first..]);
        let past = (trade, history.sessions());
        let held_options = HeldOptions::of(held_options, &lines, past, caller)?;
        history.add_beyond(&held_options.past(&history, &rates, caller)?);
        let mut desk = Desk {
            view,
            lines,
            movers,
            held_options,
            risk,
            large_days: None,
            history,
            simulated: terms.simulation.map(Simulated::of),
            rates,
            thresholds,
            squeezed: SqueezedOptions::NONE,
            clock: terms.clock,
            impact_size: terms.impact_size,
            gaps,
            caller: caller.clone(),
            earlier: OnceLock::new(),
            past_pnl: OnceLock::new(),
            moves_before: OnceLock::new(),
        };
        desk.squeezed = desk.squeezed_options()?;
        Some(desk)
    }

    /// The lines: positions in the order of names, then other instruments in the order of ids.
    #[must_use]
    pub fn lines(&self) -> &[DeskLine] {
        &self.lines
    }

    /// What is missing: positions that cannot trade, have no exposures or no return of their own on
    /// some past sessions, or fall below nothing in simulated scenarios, with their share of gross, and
    /// funds that cannot be looked through.
    #[must_use]
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// The days that variances are estimated on. `None`: all.
    #[must_use]
    pub fn large_days(&self) -> Option<DaysLikeThis> {
        let large = self.large_days.as_ref()?;
        Some(large.sessions.described(self.view, large.residual_ratio))
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

    /// P&L of past sessions of the book as held.
    pub(crate) fn past_pnl(&self) -> &[f64] {
        self.past_pnl.get_or_init(|| self.history.pnl(self.held()))
    }

    /// P&L of past sessions after trades, each a line and money, from a session on.
    pub(crate) fn past_pnl_after(
        &self,
        trades: impl Iterator<Item = (usize, f64)>,
        sessions: Range<usize>,
    ) -> Vec<f64> {
        let mut pnl = self.past_pnl()[sessions.clone()].to_vec();
        for (line, money) in trades {
            let returns = &self.history.returns[line][sessions.clone()];
            pnl.iter_mut().zip(returns).for_each(|(sum, r)| *sum += money * r);
        }
        pnl
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
        self.held_options.beyond(total_return)
    }

    /// What the options of the book that are part of a line make beyond their delta at its θ.
    pub(crate) fn options_at_threshold(&self, line: usize) -> f64 {
        self.held_options.beyond_of(line, self.threshold_of(line))
    }

    /// `None` if the caller has gone.
    fn squeezed_options(&self) -> Option<SqueezedOptions> {
        // A line of loading l moves by l·θ if the source does by θ.
        let moves = |line: usize| -> BySource {
            let moves = self.risk.lines[line].1.iter();
            let moves = moves.map(|(source, l)| (*source, l * self.thresholds[*source]));
            moves.filter(|(_, moved)| 0.0 < moved.abs()).collect()
        };
        let held = self.held_options.squeezed(&moves, &self.caller)?;
        let mut options = SqueezedOptions { held, ..SqueezedOptions::NONE };
        for (at, line) in self.lines.iter().enumerate() {
            let Some(option) = &line.option else { continue };
            let (bought, written) = squeezed(option, &moves(at));
            options.lines.push((at, bought));
            // Of a name alone both are the same.
            if written.iter().any(|(_, more)| 0.0 < more.abs()) {
                options.written.push((at, written));
            }
        }
        Some(options)
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

    /// Volatilities of lines on the days of the risk.
    fn set_volatilities(&mut self) {
        let covariance = self.risk.risk.covariance();
        let ratio = self.large_days.as_ref().map_or(1.0, |large| large.residual_ratio);
        for (line, mover) in self.lines.iter_mut().zip(&self.movers) {
            line.volatility = mover.name.as_ref().map_or(0.0, |name| {
                let common = covariance.quadratic_form(&name.exposures).unwrap_or(0.0);
                (common.max(0.0) + ratio * ratio * name.specific_variance).sqrt()
            });
        }
    }
}

/// What an option makes beyond its delta by source, per money of position: bought, and how much
/// more written if it may be.
fn squeezed(option: &LineOption, moves: &BySource) -> (BySource, BySource) {
    // Of a bought put the position is negative.
    let sign = option.exposure().signum();
    let beyond = |r: f64| sign * (option.moved(r) - r);
    let premium = option.premium_per_exposure().abs();
    let bought = Bought { exposure: sign, premium, beyond: &beyond }.made(moves, SQUEEZED_SHORTS);
    let mut more = BySource::new();
    if option.quoted.may_write {
        let chord = chord(moves, SQUEEZED_SHORTS, &beyond).into_iter().zip(&bought);
        more.extend(
            chord.map(|((source, written), (_, made))| (source, sign * (written - made).max(0.0))),
        );
    }
    (bought.into_iter().map(|(source, made)| (source, sign * made)).collect(), more)
}
