//! How much variance a hedge takes away: in the sample that it was found in, and out of it.
//!
//! Out of sample, the problem is solved again every month of sessions with what was known before:
//! the covariance of the factors' returns, the specific variances and the regressions of funds come
//! from the sessions before the block, and so do the days of large moves, at the ratio of the trade's
//! legs known then; the trades are held through it. Positions, exposures of companies and terms are
//! those of today, and so are the specific returns that stand-ins for
//! missing ones are drawn from (`history.rs`): a plan by expected shortfall sees these.
//! Effectiveness is 1 − Σ(after − mean)²/Σ(before − mean)² over all blocks together; its standard
//! error is the jackknife's over blocks (Quenouille 1956), so that neighbouring sessions may depend
//! on each other.

use crate::{
    desk::Desk,
    limits::{Caller, SolveLimits, Stopped},
    line_risk::{Earlier, LineRisk},
    optimize::best_trades,
    plan::Plan,
    scheme::Scheme,
    unjudged::{Month, Unjudged},
    wish::Wish,
};
use marketdata::{
    dataset::Dataset,
    gap::{Gap, GapReason, Subject},
    instrument::InstrumentId,
};
use risk::{
    factor_view::{FactorView, ModelledName, Rung},
    large_moves::NINE_OF_TEN,
    like_this, projection,
    specific_sources::{Mover, Specifics},
};
use stats::{covariance, ewma::Centre, moments::mean};
use std::ops::Range;

/// Sessions of a block.
const BLOCK_SESSIONS: usize = 21;

/// Sessions before the first block.
const SESSIONS_BEFORE: usize = 252;

/// Blocks that an interval needs.
const BLOCKS_MIN: usize = 6;

/// The fewest sessions with that many blocks; the last may be one session long.
const SESSIONS_MIN: usize = SESSIONS_BEFORE + (BLOCKS_MIN - 1) * BLOCK_SESSIONS + 1;

/// Sessions that a specific variance of an earlier day needs.
const RESIDUALS_MIN: usize = 60;

/// What a hedge takes away.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effectiveness {
    /// Over all sessions of the view with the trades of the plan, which were found with them.
    pub in_sample: f64,
    /// Block by block, or why there is none.
    pub out_of_sample: Result<OutOfSample, Unjudged>,
    /// Share of gross times sessions that rests on stand-ins.
    pub stand_in_share: f64,
}

/// Effectiveness on sessions that the hedge did not know.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutOfSample {
    /// 1 − variance after/variance before; negative if it added variance.
    pub value: f64,
    /// Lower end of the interval that holds nine of ten.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Number of sessions.
    pub sessions: usize,
    /// The session on which the hedge cost most: P&L after less before, below 0, in money.
    pub worst_session: f64,
    /// Mean of Σ |change of trade| between blocks, in money.
    pub turnover: f64,
}

/// The effectiveness of a plan of a scheme. `None` if the book's P&L does not vary.
///
/// # Errors
/// [`Stopped::Cancelled`] alone: a month whose search ends without an answer leaves what is known of the
/// sample itself.
pub fn effectiveness(
    desk: &Desk<'_>,
    wish: &Wish,
    (scheme, plan): (Scheme, &Plan),
    limits: SolveLimits,
    caller: &Caller,
) -> Result<Option<Effectiveness>, Stopped> {
    let history = &desk.history;
    let traded: Vec<(usize, f64)> =
        plan.trades.iter().map(|trade| (trade.line, trade.money)).collect();
    let after = desk.past_pnl_after(traded.into_iter(), 0..history.sessions());
    let Some(in_sample) = cut(desk.past_pnl(), &after) else {
        return Ok(None);
    };
    let out_of_sample = walk(desk, wish, scheme, limits, caller)?;
    let stand_in_share = history.stand_in_share(desk.held(), 0..history.sessions());
    Ok(Some(Effectiveness { in_sample, out_of_sample, stand_in_share }))
}

fn walk(
    desk: &Desk<'_>,
    wish: &Wish,
    scheme: Scheme,
    limits: SolveLimits,
    caller: &Caller,
) -> Result<Result<OutOfSample, Unjudged>, Stopped> {
    let known = desk.history.sessions();
    let blocks = blocks(known);
    if blocks.len() < BLOCKS_MIN {
        return Ok(Err(Unjudged::Few { known, needed: SESSIONS_MIN }));
    }
    let book = desk.past_pnl();
    let mut pairs: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
    let mut trades: Vec<Vec<f64>> = Vec::new();
    let risks = desk.earlier.get_or_init(|| earlier_risks(desk, &blocks));
    for (place, (block, earlier)) in blocks.iter().zip(risks).enumerate() {
        let month = Month { place: place + 1, of: blocks.len() };
        let Some(earlier) = earlier else { return Ok(Err(Unjudged::NoRisk(month))) };
        let problem = desk.problem_with(scheme, wish, (&earlier.risk, block.start));
        if caller.has_gone() {
            return Err(Stopped::Cancelled);
        }
        let Ok(problem) = problem else { return Ok(Err(Unjudged::NoPlan(month))) };
        let found = match best_trades(&problem, limits, caller) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Err(Unjudged::NoPlan(month))),
            Err(Stopped::Cancelled) => return Err(Stopped::Cancelled),
            Err(why) => return Ok(Err(Unjudged::Stopped(month, why))),
        };
        let traded: Vec<(usize, f64)> = problem.traded().iter().copied().zip(found).collect();
        let before = book[block.clone()].to_vec();
        let after = desk.past_pnl_after(traded.iter().copied(), block.clone());
        pairs.push((before, after));
        trades.push(traded.into_iter().map(|(_, money)| money).collect());
    }
    Ok(OutOfSample::of(&pairs, &trades).ok_or(Unjudged::Still))
}

fn blocks(sessions: usize) -> Vec<Range<usize>> {
    let block = |first: usize| first..(first + BLOCK_SESSIONS).min(sessions);
    block_starts(sessions).map(block).collect()
}

/// The first session of each block.
pub(crate) fn block_starts(sessions: usize) -> impl Iterator<Item = usize> {
    (SESSIONS_BEFORE..sessions).step_by(BLOCK_SESSIONS)
}

/// What is said of months whose plans are by the variance of all days although that of large moves was asked
/// for, once a plan is judged.
#[must_use]
pub fn months_of_all_days(desk: &Desk<'_>) -> Option<Gap> {
    let months = desk.earlier.get()?;
    let count = months.iter().flatten().filter(|month| month.is_of_all_days).count();
    let detail = format!(
        "out of sample, plans of {count} of {} months are by variances of all days: too few days \
         were known before them on which the trade moved far",
        months.len()
    );
    let gap = || Gap::new(GapReason::ShortHistory, Subject::Dataset(Dataset::Bars), detail);
    (0 < count).then(gap)
}

/// The risks before all blocks.
fn earlier_risks(desk: &Desk<'_>, blocks: &[Range<usize>]) -> Vec<Option<Earlier>> {
    let residuals: Vec<Option<Vec<f64>>> = desk
        .movers
        .iter()
        .map(|mover| desk.view.specific_returns(mover.instrument, mover.name.as_ref()?))
        .collect();
    blocks.iter().map(|block| risk_before(desk, &residuals, block.start)).collect()
}

fn risk_before(desk: &Desk<'_>, residuals: &[Option<Vec<f64>>], session: usize) -> Option<Earlier> {
    let view = desk.view;
    let weights = &view.weights[view.weights.len() - session..];
    let returns: Vec<&[f64]> = view.returns.iter().map(|factor| &factor[..session]).collect();
    let is_whole = |at: &usize| returns.iter().all(|factor| factor[*at].is_finite());
    let whole: Vec<usize> = (0..session).filter(is_whole).collect();
    let pick = |values: &[f64]| -> Vec<f64> { whole.iter().map(|at| values[*at]).collect() };
    let columns: Vec<Vec<f64>> = returns.iter().map(|factor| pick(factor)).collect();
    let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let matrix = covariance::weighted(&columns, &pick(weights), Centre::Mean)?;
    let earlier = |(mover, residuals): (&Mover, &Option<Vec<f64>>)| {
        let again = mover.name.as_ref().and_then(|name| match name.rung {
            Rung::Peers => None,
            Rung::Regression => regressed_before(view, mover.instrument, weights),
            Rung::Model => {
                let variance = variance_before(residuals.as_ref()?, weights)?;
                Some(ModelledName { specific_variance: variance, ..name.clone() })
            }
        });
        // As it is where the sessions are too few.
        Mover { name: again.or_else(|| mover.name.clone()), ..mover.clone() }
    };
    let movers: Vec<Mover> = desk.movers.iter().zip(residuals).map(earlier).collect();
    let specifics = Specifics::of(view, &desk.movers).with_own(&movers);
    let risk = LineRisk::of(&matrix, &movers, &specifics).ok()?;
    if desk.large_days.is_none() {
        return Some(Earlier { risk, is_of_all_days: false });
    }
    let days = like_this::days_before(view, &view.returns, session);
    let held = desk.held().zip(&movers);
    let on_large_days = days.and_then(|days| risk.clone().on_days(view, held, days));
    Some(match on_large_days {
        Some((risk, _)) => Earlier { risk, is_of_all_days: false },
        None => Earlier { risk, is_of_all_days: true },
    })
}

/// A regression over as many first sessions as there are weights.
fn regressed_before(
    view: &FactorView<'_>,
    instrument: InstrumentId,
    weights: &[f64],
) -> Option<ModelledName> {
    let first = |series: &[f64]| series[..weights.len()].to_vec();
    let own = first(&view.own_returns(instrument)?);
    let factors: Vec<Vec<f64>> = view.returns.iter().map(|factor| first(factor)).collect();
    let mut found = projection::project(&factors, &[own], weights).ok()?;
    let specific_variance = found.residual.get(0, 0).max(0.0);
    Some(ModelledName { exposures: found.slopes.pop()?, specific_variance, rung: Rung::Regression })
}

/// Σ w·e²/Σ w over the first sessions with a residual.
fn variance_before(residuals: &[f64], weights: &[f64]) -> Option<f64> {
    let known = weights.iter().zip(residuals).filter(|(_, e)| e.is_finite());
    let (mut all, mut squares, mut count) = (0.0, 0.0, 0);
    for (weight, e) in known {
        all += weight;
        squares += weight * e * e;
        count += 1;
    }
    (RESIDUALS_MIN <= count).then(|| squares / all)
}

impl OutOfSample {
    /// From the P&L of blocks, each before and after, and the trades of each hedge by line in
    /// money. `None` without a block, or if the P&L does not vary.
    #[must_use]
    pub fn of(blocks: &[(Vec<f64>, Vec<f64>)], trades: &[Vec<f64>]) -> Option<OutOfSample> {
        let joined = |without: Option<usize>| {
            let kept = blocks.iter().enumerate().filter(|(at, _)| Some(*at) != without);
            let (before, after): (Vec<&[f64]>, Vec<&[f64]>) =
                kept.map(|(_, (before, after))| (&before[..], &after[..])).unzip();
            (before.concat(), after.concat())
        };
        let (before, after) = joined(None);
        let value = cut(&before, &after)?;
        let without: Vec<f64> = (0..blocks.len())
            .map(|at| joined(Some(at)))
            .map(|(before, after)| cut(&before, &after))
            .collect::<Option<_>>()?;
        let centre = mean(&without)?;
        let squares: f64 = without.iter().map(|v| (v - centre) * (v - centre)).sum();
        let count = blocks.len() as f64;
        let error = ((count - 1.0) / count * squares).sqrt();
        let change = |pair: &[Vec<f64>]| -> f64 {
            pair[0].iter().zip(&pair[1]).map(|(earlier, later)| (later - earlier).abs()).sum()
        };
        let changes: Vec<f64> = trades.windows(2).map(change).collect();
        Some(OutOfSample {
            value,
            low: value - NINE_OF_TEN * error,
            high: (value + NINE_OF_TEN * error).min(1.0),
            sessions: before.len(),
            worst_session: before.iter().zip(&after).map(|(b, a)| a - b).fold(0.0, f64::min),
            turnover: mean(&changes)?,
        })
    }
}

/// 1 − Σ(after − mean)²/Σ(before − mean)². `None` if `before` does not vary.
fn cut(before: &[f64], after: &[f64]) -> Option<f64> {
    let squares = |values: &[f64]| -> Option<f64> {
        let centre = mean(values)?;
        Some(values.iter().map(|v| (v - centre) * (v - centre)).sum())
    };
    let (before, after) = (squares(before)?, squares(after)?);
    (0.0 < before).then(|| 1.0 - after / before)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Before ±2, after ±1 everywhere: 1 − 1/4, without error; each after − before is at least −1.
    #[test]
    fn a_hedge_that_halves_every_move_takes_three_quarters() {
        let block = (vec![2.0, -2.0, 2.0, -2.0], vec![1.0, -1.0, 1.0, -1.0]);
        let trades = [10.0, 12.0, 9.0].map(|money| vec![money]);
        let found = OutOfSample::of(&vec![block; 3], &trades).unwrap();
        assert_eq!((found.value, found.low, found.high, found.sessions), (0.75, 0.75, 0.75, 12));
        // Changes of 2 and 3.
        assert_eq!((found.worst_session, found.turnover), (-1.0, 2.5));
    }

    /// Two blocks with Σ before² of 8 each and Σ after² of 2 and 8: 1 − 10/16 = 0.375. Without the
    /// first 0, without the second 0.75: variance ½·(0.375² + 0.375²) = 0.140625, error 0.375.
    #[test]
    fn the_interval_is_the_jackknife_of_blocks() {
        let even = (vec![2.0, -2.0], vec![1.0, -1.0]);
        let none = (vec![2.0, -2.0], vec![2.0, -2.0]);
        let trades = [1.0, 1.0].map(|money| vec![money]);
        let found = OutOfSample::of(&[even, none], &trades).unwrap();
        assert!((found.value - 0.375).abs() < 1e-15);
        assert!((found.low - (0.375 - 0.375 * NINE_OF_TEN)).abs() < 1e-12, "{found:?}");
    }
}
