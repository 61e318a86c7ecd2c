//! Converts hedges to protobuf.

use super::{option, setting::Setting, working::schedules};
use crate::rpc::portfolio;
use ::hedge::{
    breach::Breach,
    conflict::{Infeasible, Relaxation},
    consequences::{Consequences, PnlRange, Progress, TradeMove},
    constraint::Side,
    cover::{BuyingBack, CoverStep, cover_order as cover_order_of},
    desk::DeskLine,
    objective::RiskTerm,
    optimize::Unbounded,
    plan::{self, Effect, Plan, ShadowPrice, Trade},
    problem::Problem,
    scheme::Scheme,
    walk_forward::Effectiveness,
    wish::{BOUGHT_PREFIX, CUT_PREFIX, WRITTEN_PREFIX},
    written::written_loss,
};
use contract::v1;
use marketdata::gap::{Gap, GapReason};
use squeeze::traded::Traded;

/// A trade of a plan, or of the desk's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dealt {
    pub(super) line: usize,
    /// Shares or contracts.
    pub(super) units: f64,
    pub(super) money: f64,
    pub(super) unrounded: f64,
}

pub(super) fn kind(scheme: Scheme) -> i32 {
    match scheme {
        Scheme::Cut => v1::HedgePlanKind::Cut,
        Scheme::Overlay => v1::HedgePlanKind::Overlay,
        Scheme::Both => v1::HedgePlanKind::Both,
    }
    .into()
}

/// What a plan deals in.
pub(super) fn dealt(plan: &Plan) -> Vec<Dealt> {
    let trades = plan.trades.iter().filter(|trade| 0.0 < trade.money.abs());
    let dealt = |t: &Trade| Dealt {
        line: t.line,
        units: t.units,
        money: t.money,
        unrounded: t.exact_money,
    };
    trades.map(dealt).collect()
}

/// Trades and what they do, without the report after them.
pub(super) fn outcome(
    setting: &Setting<'_>,
    problem: &Problem,
    (effect, consequences): (&Effect, &Consequences),
    dealt: &[Dealt],
) -> v1::HedgeOutcome {
    let mut dealt = dealt.to_vec();
    let id = |dealt: &Dealt| &setting.desk.lines()[dealt.line].id;
    dealt.sort_by(|a, b| {
        let larger = b.money.abs().total_cmp(&a.money.abs());
        larger.then_with(|| id(a).cmp(id(b)))
    });
    let (before, after) = (&effect.cost.before, &effect.cost.after);
    let staying = problem.staying_carry();
    let holding =
        v1::BeforeAfter { before: before.holding + staying, after: after.holding + staying };
    v1::HedgeOutcome {
        trades: dealt.iter().map(|dealt| trade(setting, consequences, *dealt)).collect(),
        after: None,
        trade_moves: consequences.moves.iter().map(trade_move).collect(),
        volatility: Some(both(effect.volatility)),
        expected_shortfall: effect.cvar.map(both),
        objective: Some(both(effect.objective)),
        model_variance_cut: effect.effectiveness,
        constraints: constraint_values(setting, problem, effect),
        squeeze_loss: Some(both(consequences.squeeze_loss)),
        cost: Some(v1::HedgeCost {
            spread: after.linear,
            impact: after.impact,
            holding: Some(holding),
            premium: option::premium(setting, &dealt),
        }),
        carry_per_year: Some(both(consequences.carry_per_year)),
        margin: setting.asked.problem.has_margin.then(|| both(consequences.margin)),
        progress: consequences.progress.iter().map(|one| progress(setting, one)).collect(),
        schedules: schedules(setting, &dealt),
        written_loss: lost(problem, effect),
        shortfall_scenario_count: scenario_count(problem),
        fresh_expected_shortfall: None,
    }
}

/// Number of scenarios of the objective.
fn scenario_count(problem: &Problem) -> i32 {
    match &problem.statement().objective.risk {
        RiskTerm::Variance { .. } => 0,
        RiskTerm::Tail { scenarios, .. } => i32::try_from(scenarios.count()).unwrap_or(i32::MAX),
    }
}

pub(super) fn both(pair: plan::BeforeAfter) -> v1::BeforeAfter {
    v1::BeforeAfter { before: pair.before, after: pair.after }
}

fn trade(setting: &Setting<'_>, consequences: &Consequences, dealt: Dealt) -> v1::HedgeTrade {
    let line = &setting.desk.lines()[dealt.line];
    // A line without a price does not trade.
    let price = line.unit_value.unwrap_or(f64::INFINITY);
    let locate = consequences.locates.iter().find(|locate| locate.line == dealt.line);
    v1::HedgeTrade {
        line_id: line.id.clone(),
        position_ids: position_ids(setting, dealt.line),
        quantity: line.direction() * dealt.units,
        market_value: dealt.money,
        unrounded_market_value: dealt.unrounded,
        price: line.direction() * price,
        position: Some(v1::BeforeAfter { before: line.held, after: line.held + dealt.money }),
        locate_quantity: locate.map_or(0.0, |locate| locate.units),
        option: option::traded(setting, dealt),
    }
}

/// The lines of the request that hold a line of the problem, in the order submitted.
fn position_ids(setting: &Setting<'_>, line: usize) -> Vec<String> {
    let line = &setting.desk.lines()[line];
    let held = setting.book.holdings.iter().filter(|_| line.is_position);
    let holding = held.into_iter().find(|holding| holding.instrument == line.instrument);
    let lots = holding.map_or(&[][..], |holding| setting.book.lots(holding));
    let mut lines: Vec<usize> = lots.iter().map(|lot| lot.line).collect();
    lines.sort_unstable();
    lines.into_iter().map(|line| portfolio::name(setting.portfolio, line)).collect()
}

fn trade_move(found: &TradeMove) -> v1::HedgeTradeMove {
    let range = |range: PnlRange| v1::HedgePnlRange {
        pnl: range.pnl,
        pnl_low: range.low,
        pnl_high: range.high,
    };
    v1::HedgeTradeMove {
        standard_deviations: found.deviations,
        trade_return: found.trade_return,
        before: Some(range(found.before)),
        after: Some(range(found.after)),
    }
}

fn progress(setting: &Setting<'_>, progress: &Progress) -> v1::HedgeProgress {
    let whole = progress.done + progress.left;
    v1::HedgeProgress {
        minute: i32::from(progress.minute.minutes()),
        done_share: if 0.0 < whole { progress.done / whole } else { 1.0 },
        left_value: progress.left,
        volatility: progress.volatility,
        trade_beta: setting.desk.has_trade().then_some(progress.trade_beta),
    }
}

/// What written options lose beyond their deltas.
fn lost(problem: &Problem, effect: &Effect) -> Option<f64> {
    let limits = problem.statement().constraints.iter().zip(&effect.measures);
    written_loss(limits.map(|(limit, pair)| (limit.id.as_str(), pair.after)))
}

/// Values of the caller's constraints, and of those that the problem gives ids but cuts.
fn constraint_values(
    setting: &Setting<'_>,
    problem: &Problem,
    effect: &Effect,
) -> Vec<v1::HedgeConstraintValue> {
    let constraints = problem.statement().constraints.iter().zip(&effect.measures);
    // An option that an exclusion keeps from being written has a limit of that id.
    let is_excluded = |id: &str| setting.wish.excluded.iter().any(|one| one.id == id);
    let prefixes = [CUT_PREFIX, BOUGHT_PREFIX, WRITTEN_PREFIX];
    let is_own =
        |id: &str| !prefixes.iter().any(|prefix| id.starts_with(prefix)) && !is_excluded(id);
    let own = constraints.filter(|(constraint, _)| is_own(&constraint.id));
    own.map(|(constraint, pair)| {
        let (constraint_id, before, after) = (constraint.id.clone(), pair.before, pair.after);
        v1::HedgeConstraintValue { constraint_id, before, after }
    })
    .collect()
}

/// A plan with its outcome.
pub(super) fn solution(plan: &Plan, outcome: v1::HedgeOutcome) -> v1::HedgeSolution {
    v1::HedgeSolution {
        outcome: Some(outcome),
        breaches: breaches(&plan.breaches),
        shadow_prices: plan.shadow_prices.iter().map(shadow_price).collect(),
        bound: plan.proof.bound,
        relative_gap: plan.proof.gap,
        node_count: i32::try_from(plan.proof.nodes).unwrap_or(i32::MAX),
        effectiveness: None,
    }
}

pub(super) fn effectiveness(found: Effectiveness) -> v1::HedgeEffectiveness {
    let outside = found.out_of_sample.ok();
    v1::HedgeEffectiveness {
        in_sample: found.in_sample,
        out_of_sample: outside.map(|outside| outside.value),
        out_of_sample_low: outside.map(|outside| outside.low),
        out_of_sample_high: outside.map(|outside| outside.high),
        out_of_sample_sessions: outside.map_or(0, |outside| outside.sessions as i32),
        worst_session_pnl: outside.map(|outside| outside.worst_session),
        turnover: outside.map(|outside| outside.turnover),
        proxied_share: found.stand_in_share,
    }
}

/// The order in which to buy back the shorts of a book, and what it lacks.
pub(super) fn cover_order(setting: &Setting<'_>) -> (Vec<v1::HedgeCoverStep>, Vec<Gap>) {
    let has_trade = setting.desk.has_trade();
    let step = |step: CoverStep| v1::HedgeCoverStep {
        line_id: setting.desk.lines()[step.line].id.clone(),
        market_value: step.money,
        cost: step.cost,
        squeeze_loss: step.squeeze_loss,
        days: step.days,
        cost_so_far: step.cost_so_far,
        remaining_short: step.remaining.short,
        remaining_net: step.remaining.net,
        remaining_volatility: step.remaining.volatility,
        remaining_trade_beta: has_trade.then_some(step.remaining.trade_beta),
        remaining_squeeze_loss: step.remaining.squeeze_loss,
    };
    let participation = setting.asked.problem.participation;
    let (steps, gaps) =
        cover_order_of(&setting.desk, participation, |line| covering(setting, line));
    (steps.into_iter().map(step).collect(), gaps)
}

/// What buying a short back takes, as the squeeze service estimates it: impact and days on one volume.
fn covering(setting: &Setting<'_>, line: &DeskLine) -> Result<BuyingBack, GapReason> {
    let prepared = setting.prepared;
    let quotes = prepared.quotes();
    let freshest = quotes.session().ok_or(GapReason::NoPrice)?;
    let sessions = prepared.sessions.with_start();
    let traded = Traded::of(prepared.snapshot(), line.instrument, (sessions, freshest), None).0?;
    let quote = quotes.get(line.instrument).ok_or(GapReason::NoPrice)?;
    let price = line.unit_value.ok_or(GapReason::NoPrice)?;
    // The shares that a mark values at another price, in the units of the volume.
    let shares = line.held / price * quote.price / traded.value_per_share?;
    let order = traded.buying_back(shares)?;
    Ok(BuyingBack { impact: order.square_root().mean, sessions: order.days_of_volume() })
}

pub(super) fn breaches(found: &[Breach]) -> Vec<v1::HedgeBreach> {
    let breach = |breach: &Breach| v1::HedgeBreach {
        constraint_id: breach.constraint.clone(),
        amount: breach.amount,
    };
    found.iter().map(breach).collect()
}

fn side(side: Side) -> i32 {
    match side {
        Side::Lower => v1::HedgeSide::Lower,
        Side::Upper => v1::HedgeSide::Upper,
        Side::Equal => v1::HedgeSide::Equal,
    }
    .into()
}

fn shadow_price(price: &ShadowPrice) -> v1::HedgeShadowPrice {
    v1::HedgeShadowPrice {
        constraint_id: price.constraint.clone(),
        side: side(price.side),
        money_per_unit: price.money_per_unit,
    }
}

pub(super) fn infeasible(found: &Infeasible) -> v1::HedgeInfeasible {
    let relaxation = |change: &Relaxation| v1::HedgeRelaxation {
        constraint_id: change.constraint.clone(),
        side: side(change.side),
        limit: change.from,
        sufficient_limit: change.to,
        may_be_smaller: change.may_be_smaller,
    };
    v1::HedgeInfeasible {
        conflict: found.conflict.clone(),
        alone: found.alone.iter().map(relaxation).collect(),
        together: found.together.iter().map(relaxation).collect(),
        solve_count: i32::try_from(found.solves).unwrap_or(i32::MAX),
    }
}

pub(super) fn unbounded(setting: &Setting<'_>, found: &Unbounded) -> v1::HedgeUnbounded {
    let direction = |(line, share): &(usize, f64)| v1::HedgeDirection {
        line_id: setting.desk.lines()[*line].id.clone(),
        share: *share,
    };
    v1::HedgeUnbounded { directions: found.direction.iter().map(direction).collect() }
}
