//! What trades do, in the words of a desk.

use crate::{
    clock::SessionMinute,
    desk::Desk,
    plan::BeforeAfter,
    problem::Problem,
    squeezed::{self, SqueezedOptions},
    terms::YEAR_DAYS,
    wish::SQUEEZED_SHORTS,
};
use risk::large_moves::{NINE_OF_TEN, large_deviation};

/// Moves of the trade that are reported, in its standard deviations of a session: it unwinds by one
/// and three, and resumes by one and three.
const MOVES: [f64; 4] = [-1.0, -3.0, 1.0, 3.0];

/// What trades do.
#[derive(Clone, Debug, PartialEq)]
pub struct Consequences {
    /// P&L if the crowded trade moves. Empty if the view has no trade.
    pub moves: Vec<TradeMove>,
    /// Trade-beta-weighted value.
    pub trade_beta: BeforeAfter,
    /// Beta-weighted value.
    pub market_beta: BeforeAfter,
    /// Loss on the three largest looked-through shorts at their squeeze thresholds, 0 or more.
    pub squeeze_loss: BeforeAfter,
    /// Cost of carry of all lines a year; negative is an income.
    pub carry_per_year: BeforeAfter,
    /// Margin of all lines.
    pub margin: BeforeAfter,
    /// Shares to borrow beyond what is held short, in the order of lines.
    pub locates: Vec<Locate>,
    /// How far the trades are by the decision time, noon and the close, if those are after now.
    pub progress: Vec<Progress>,
}

/// P&L of a book if the trade moves, over one session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TradeMove {
    /// The move in standard deviations of the trade; negative where it unwinds.
    pub deviations: f64,
    /// The move, a decimal.
    pub trade_return: f64,
    /// Of the book as held.
    pub before: PnlRange,
    /// Of the book after the trades.
    pub after: PnlRange,
}

/// A P&L with the range that holds nine of ten outcomes: a loss is below 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PnlRange {
    /// Trade beta times the move; of options what they make at it.
    pub pnl: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Units that a sale short needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Locate {
    /// Index of the line.
    pub line: usize,
    /// Units to borrow, above 0.
    pub units: f64,
    /// Their value.
    pub money: f64,
}

/// The state of the trades at a time, all lines being worked at once at the participation of the
/// problem, or at all of the volume if that is not limited.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// The time.
    pub minute: SessionMinute,
    /// Σ |x| done.
    pub done: f64,
    /// Σ |x| left.
    pub left: f64,
    /// Indices of lines that are not done, with what is left of their trades in money.
    pub open: Vec<(usize, f64)>,
    /// σ per session of the book with what is done, in money.
    pub volatility: f64,
    /// Trade-beta-weighted value with what is done.
    pub trade_beta: f64,
}

/// What trades do: in money, one per traded line of the problem in the order of lines.
/// `participation` is the share of the volume that they may be.
#[must_use]
pub fn consequences(
    desk: &Desk<'_>,
    problem: &Problem,
    trades: &[f64],
    participation: Option<f64>,
) -> Consequences {
    let (before, after) = (problem.positions(&problem.no_trades()), problem.positions(trades));
    let both = |of: &dyn Fn(&[f64]) -> f64| BeforeAfter { before: of(&before), after: of(&after) };
    let sum = |positions: &[f64], of: &dyn Fn(usize, f64) -> f64| -> f64 {
        positions.iter().enumerate().map(|(line, p)| of(line, *p)).sum()
    };
    let lines = &desk.lines;
    let trade_beta = |positions: &[f64]| sum(positions, &|line, p| lines[line].trade_beta * p);
    Consequences {
        moves: moves(desk, &before, &after),
        trade_beta: both(&trade_beta),
        market_beta: both(&|positions| sum(positions, &|line, p| lines[line].market_beta * p)),
        squeeze_loss: both(&|positions| desk.squeeze_loss(positions, &desk.squeezed)),
        carry_per_year: both(&|positions| {
            YEAR_DAYS * sum(positions, &|line, p| lines[line].terms.carry_per_day(p))
        }),
        margin: both(&|positions| sum(positions, &|line, p| lines[line].margin(p))),
        locates: locates(desk, &before, &after),
        progress: progress(desk, problem, trades, participation),
    }
}

impl Desk<'_> {
    /// Loss on the three largest looked-through shorts of positions by line, in money, with the
    /// options that are left.
    pub(crate) fn squeeze_loss(&self, positions: &[f64], options: &SqueezedOptions) -> f64 {
        let z = self.risk.looked_through(positions.iter().copied());
        let lost = squeezed::losses(&self.thresholds, &z, &options.beyond(positions));
        squeezed::worst(lost, SQUEEZED_SHORTS)
    }
}

/// The P&L of positions if the trade moves: by the betas of what they move as, options valued anew
/// at the price that follows. The options of the book itself add what they make beyond their delta.
struct Moved<'a> {
    desk: &'a Desk<'a>,
    positions: &'a [f64],
    /// Trade-beta-weighted value of lines that are no options.
    beta: f64,
}

impl<'a> Moved<'a> {
    fn of(desk: &'a Desk<'a>, positions: &'a [f64]) -> Moved<'a> {
        let lines = desk.lines.iter().zip(positions).filter(|(line, _)| line.option.is_none());
        let beta = lines.map(|(line, p)| line.trade_beta * p).sum();
        Moved { desk, positions, beta }
    }

    /// What the lines make.
    fn of_lines(&self, trade_return: f64) -> f64 {
        let lines = self.desk.lines.iter().zip(self.positions);
        let options = lines.filter(|(line, _)| line.option.is_some());
        let options = options.map(|(line, p)| p * line.moved(line.trade_beta * trade_return));
        options.fold(self.beta * trade_return, |sum, pnl| sum + pnl)
    }

    fn pnl(&self, trade_return: f64) -> f64 {
        let moved = |line: usize| self.desk.lines[line].trade_beta * trade_return;
        self.of_lines(trade_return) + self.desk.beyond_first_order(&moved)
    }
}

/// P&L ± 1.645·k·σ_e, with k·σ_e of what the positions' own past P&L was beyond it.
fn moves(desk: &Desk<'_>, before: &[f64], after: &[f64]) -> Vec<TradeMove> {
    let Some(trade) = &desk.view.trade else { return Vec::new() };
    let past = &trade.returns[desk.view.first..];
    let size = trade.standard_deviation;
    let ranges = |positions: &[f64], pnl: &[f64]| -> Vec<PnlRange> {
        let moved = Moved::of(desk, positions);
        let reach = NINE_OF_TEN * residual_deviation(&moved, pnl, past, size);
        let range = |deviations: f64| {
            let pnl = moved.pnl(deviations * size);
            PnlRange { pnl, low: pnl - reach, high: pnl + reach }
        };
        MOVES.map(range).to_vec()
    };
    let changes = before.iter().zip(after).map(|(before, after)| after - before).enumerate();
    let changes = changes.filter(|(_, change)| 0.0 < change.abs());
    let pnl = desk.past_pnl_after(changes, 0..desk.history.sessions());
    let of_held = desk.moves_before.get_or_init(|| ranges(before, desk.past_pnl()));
    let both = of_held.iter().zip(ranges(after, &pnl)).zip(MOVES);
    let of = |((before, after), deviations): ((&PnlRange, PnlRange), f64)| TradeMove {
        deviations,
        trade_return: deviations * size,
        before: *before,
        after,
    };
    both.map(of).collect()
}

/// k·σ_e of past P&L less what the trade's moves made, over the sessions on which the trade moved.
fn residual_deviation(moved: &Moved<'_>, pnl: &[f64], trade: &[f64], deviation: f64) -> f64 {
    let known = trade.iter().filter(|c| c.is_finite()).count().max(1);
    let weight = |c: &f64| if c.is_finite() { 1.0 / known as f64 } else { 0.0 };
    let weights: Vec<f64> = trade.iter().map(weight).collect();
    let finite = |c: &f64| if c.is_finite() { *c } else { 0.0 };
    let moves: Vec<f64> = trade.iter().map(|c| finite(c) / deviation).collect();
    let held = moved.desk.held_options.of_trade();
    let explained = trade.iter().zip(held).map(|(c, held)| moved.of_lines(finite(c)) + held);
    let residuals: Vec<f64> = pnl.iter().zip(explained).map(|(r, made)| r - made).collect();
    large_deviation(&weights, &moves, &residuals)
}

fn locates(desk: &Desk<'_>, before: &[f64], after: &[f64]) -> Vec<Locate> {
    let of = |(line, (before, after)): (usize, (&f64, &f64))| {
        let money = (-after).max(0.0) - (-before).max(0.0);
        let desk_line = &desk.lines[line];
        let units = desk_line.units(money)?;
        (0.0 < money && desk_line.is_borrowed_to_short).then_some(Locate { line, units, money })
    };
    before.iter().zip(after).enumerate().filter_map(of).collect()
}

fn progress(
    desk: &Desk<'_>,
    problem: &Problem,
    trades: &[f64],
    participation: Option<f64>,
) -> Vec<Progress> {
    let clock = desk.clock;
    let mut minutes = vec![clock.decide_by(), SessionMinute::NOON, SessionMinute::CLOSE];
    minutes.sort_unstable();
    minutes.dedup();
    minutes.retain(|minute| clock.now() <= *minute);
    let share = participation.unwrap_or(1.0);
    let at = |minute: SessionMinute| {
        let capacity = |line: usize| {
            let volume = desk.lines[line].volume.unwrap_or(0.0);
            share * volume * clock.volume_until(minute)
        };
        let traded = problem.traded().iter().zip(trades);
        let done: Vec<f64> =
            traded.map(|(line, trade)| trade.abs().min(capacity(*line)).copysign(*trade)).collect();
        let open = problem.traded().iter().zip(trades.iter().zip(&done));
        let open = open.map(|(line, (trade, done))| (*line, trade - done));
        let open: Vec<(usize, f64)> = open.filter(|(_, left)| 0.0 < left.abs()).collect();
        let positions = problem.positions(&done);
        let lines = desk.lines.iter().zip(&positions);
        Progress {
            minute,
            done: done.iter().map(|x| x.abs()).sum(),
            left: open.iter().map(|(_, left)| left.abs()).sum(),
            open,
            volatility: problem.variance(&done).sqrt(),
            trade_beta: lines.map(|(line, p)| line.trade_beta * p).sum(),
        }
    };
    minutes.into_iter().map(at).collect()
}
