//! Which shorts to buy back first, and what remains after each.
//!
//! Shorts are bought back whole, with the options on them, the one first whose squeeze loss per
//! unit of the cost of buying it back is largest: half spread, commission and the impact that the
//! caller estimates, so that it is the same as in an answer about the squeeze of a book. The days
//! rest on the volume that the caller's impact divides by. Ties go to the first in the order of
//! lines. All are worked at once, so that the days are those of the slowest so far.

use crate::{
    desk::{Desk, DeskLine},
    squeezed::SqueezedOptions,
};
use marketdata::gap::{Gap, GapReason, Subject};

/// One short bought back, and the book after it and all before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CoverStep {
    /// Index of the line.
    pub line: usize,
    /// Value bought back, above 0, in money.
    pub money: f64,
    /// Cost of buying it back, in money.
    pub cost: f64,
    /// What it would lose at its squeeze threshold, in money.
    pub squeeze_loss: f64,
    /// Days until this and all earlier steps are done, at the participation.
    pub days: f64,
    /// Cost of this and all earlier steps.
    pub cost_so_far: f64,
    /// What remains.
    pub remaining: Remaining,
}

/// What buying back a line takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BuyingBack {
    /// Mean impact, a decimal of its value.
    pub impact: f64,
    /// The line in sessions of all trading, above 0.
    pub sessions: f64,
}

/// A book after some steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Remaining {
    /// Gross short, 0 or more.
    pub short: f64,
    /// Net value.
    pub net: f64,
    /// σ per session, in money.
    pub volatility: f64,
    /// Trade-beta-weighted value.
    pub trade_beta: f64,
    /// Beta-weighted value.
    pub market_beta: f64,
    /// Loss on the three largest looked-through shorts at their thresholds.
    pub squeeze_loss: f64,
}

/// A short that can be bought back.
#[derive(Clone, Copy, Debug)]
struct Short {
    line: usize,
    cost: f64,
    squeeze_loss: f64,
    /// The line in sessions of all trading.
    sessions: f64,
}

/// The order in which to buy back the shorts of the book that can trade, and a gap for each whose
/// impact is unknown. `participation` is a share of a day's volume, above 0; `buying_back` says what
/// a line takes.
pub fn cover_order(
    desk: &Desk<'_>,
    participation: f64,
    buying_back: impl Fn(&DeskLine) -> Result<BuyingBack, GapReason>,
) -> (Vec<CoverStep>, Vec<Gap>) {
    let is_short = |line: &DeskLine| line.is_position && line.held < 0.0 && line.can_trade();
    let (mut shorts, mut gaps): (Vec<Short>, Vec<Gap>) = (Vec::new(), Vec::new());
    for (at, line) in desk.lines().iter().enumerate().filter(|(_, line)| is_short(line)) {
        match buying_back(line) {
            Ok(BuyingBack { impact, sessions }) => {
                let cost = -line.held * (line.terms.half_spread + line.terms.commission + impact);
                let lost = desk.threshold_of(at) * -line.held - desk.options_at_threshold(at);
                shorts.push(Short { line: at, cost, squeeze_loss: lost.max(0.0), sessions });
            }
            Err(reason) => {
                let detail = "the cost of buying it back is unknown: it is not in the cover order";
                let gap = Gap::new(reason, Subject::symbol(&line.id), detail);
                gaps.push(gap.of_gross(-line.held / desk.gross()));
            }
        }
    }
    let worth = |short: &Short| short.squeeze_loss / short.cost.max(f64::MIN_POSITIVE);
    shorts.sort_by(|a, b| worth(b).total_cmp(&worth(a)).then(a.line.cmp(&b.line)));
    let mut positions: Vec<f64> = desk.held().collect();
    let mut options = desk.squeezed.clone();
    let (mut days, mut cost_so_far) = (0.0_f64, 0.0);
    let step = |Short { line, cost, squeeze_loss, sessions }: Short| {
        let money = -positions[line];
        positions[line] = 0.0;
        options.held.retain(|(of, _)| *of != line);
        days = days.max(sessions / participation);
        cost_so_far += cost;
        let remaining = remaining(desk, &positions, &options);
        CoverStep { line, money, cost, squeeze_loss, days, cost_so_far, remaining }
    };
    (shorts.into_iter().map(step).collect(), gaps)
}

fn remaining(desk: &Desk<'_>, positions: &[f64], options: &SqueezedOptions) -> Remaining {
    let sum = |of: &dyn Fn(&DeskLine, f64) -> f64| -> f64 {
        desk.lines().iter().zip(positions).map(|(line, p)| of(line, *p)).sum()
    };
    Remaining {
        short: sum(&|_, p| (-p).max(0.0)),
        net: sum(&|_, p| p),
        volatility: desk.variance(positions).sqrt(),
        trade_beta: sum(&|line, p| line.trade_beta * p),
        market_beta: sum(&|line, p| line.market_beta * p),
        squeeze_loss: desk.squeeze_loss(positions, options),
    }
}
