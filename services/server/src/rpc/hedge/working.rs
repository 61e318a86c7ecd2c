//! Schedules of trades: how a request wants them, and how answers show them.

use super::{problem::AskedAim, setting::Setting, to_proto::Dealt};
use crate::rpc::field::Fields;
use ::hedge::{
    clock::{Clock, SessionMinute},
    wish::Aim,
    working,
};
use contract::v1;

const PERIODS: i32 = 13;
const PERIODS_MAX: i32 = 26;
const AVERSION_MAX: f64 = 1.0;

/// How trades are worked.
#[derive(Clone, Copy, Debug)]
pub(super) struct AskedWorking {
    periods: usize,
    until: SessionMinute,
    /// `None`: that of the objective.
    risk_aversion: Option<f64>,
}

/// Reads how trades are worked, and writes the defaults into the request.
pub(super) fn asked(
    fields: &mut Fields,
    asked: &mut v1::HedgeWorking,
    (clock, aim): (Clock, AskedAim),
) -> Option<AskedWorking> {
    let path = |field: &str| format!("problem.working.{field}");
    let periods =
        fields.within_or(&path("period_count"), asked.period_count, PERIODS, (1, PERIODS_MAX));
    let close = i32::from(SessionMinute::CLOSE.minutes());
    let first = i32::from(clock.now().minutes()) + 1;
    let until = fields.within_or(&path("until_minute"), asked.until_minute, close, (first, close));
    let risk_aversion = asked
        .risk_aversion
        .map(|aversion| fields.within(&path("risk_aversion"), aversion, 0.0, AVERSION_MAX));
    if risk_aversion.is_none() && matches!(aim, AskedAim::Shortfall { .. }) {
        fields.add(path("risk_aversion"), "must be given: the objective prices no variance");
    }
    (asked.period_count, asked.until_minute) = (Some(periods), Some(until));
    let until = SessionMinute::new(u16::try_from(until).ok()?)?;
    Some(AskedWorking { periods: usize::try_from(periods).ok()?, until, risk_aversion })
}

/// The schedules of trades, in their order; none if none were asked for.
pub(super) fn schedules(setting: &Setting<'_>, dealt: &[Dealt]) -> Vec<v1::HedgeTradeSchedule> {
    let Some(working) = &setting.asked.problem.working else { return Vec::new() };
    let aversion = aversion(setting, working);
    let trades: Vec<(usize, f64)> = dealt.iter().map(|dealt| (dealt.line, dealt.money)).collect();
    let until = (working.until, working.periods);
    let schedule = |found: working::TradeSchedule| v1::HedgeTradeSchedule {
        line_id: setting.desk.lines()[found.line].id.clone(),
        steps: found.left.iter().map(step).collect(),
        expected_cost: found.expected_cost,
        cost_deviation: found.deviation,
    };
    let found = working::schedules(&setting.desk, &trades, until, aversion);
    found.into_iter().map(schedule).collect()
}

/// The price of the variance of a trade's cost: the caller's own, or that of the objective.
pub(super) fn aversion(setting: &Setting<'_>, working: &AskedWorking) -> f64 {
    let of_objective = match setting.wish.aim {
        Aim::Variance { aversion } => aversion,
        Aim::Tail { .. } => 0.0,
    };
    working.risk_aversion.unwrap_or(of_objective)
}

fn step((minute, left): &(SessionMinute, f64)) -> v1::HedgeScheduleStep {
    v1::HedgeScheduleStep { minute: i32::from(minute.minutes()), left_market_value: *left }
}
