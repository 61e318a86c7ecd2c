//! Converts risk measures and their sets of scenarios to protobuf.

use super::{
    risk_request::{PlannedMeasure, RiskPlan},
    to_proto::day_pnl,
};
use crate::{refusal::Refusal, rpc::gaps};
use contract::v1;
use exposure::{report::TailRisk, settings::TailPart};
use marketdata::gap::Gap;
use v1::RiskMeasureRequest as Asked;

/// The measures of a request, and where their numbers are found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Risk<'a> {
    pub(super) plan: &'a RiskPlan,
    pub(super) asked: &'a [Asked],
}

/// The trades of a report and its book by groups, which measures are split by.
type Split<'a> = (&'a [v1::TradeDefinition], &'a [v1::Breakdown]);

/// One row per measure requested. `trades` and `breakdowns` are those of the report.
///
/// # Errors
/// If a set of scenarios lacks a number that it was asked for: no answer leaves one out silently.
pub(super) fn measures(
    Risk { plan, asked }: Risk<'_>,
    tails: &[Result<TailRisk, Gap>],
    (trades, breakdowns): Split<'_>,
) -> Result<Vec<v1::RiskMeasure>, Refusal> {
    let measure = |(planned, asked): (&PlannedMeasure, &Asked)| {
        let request = Some(asked.clone());
        Ok(match &tails[planned.set] {
            Err(gap) => {
                let gaps = gaps::folded(vec![gap.clone()]);
                v1::RiskMeasure { request, gaps, ..v1::RiskMeasure::default() }
            }
            Ok(risk) => v1::RiskMeasure {
                request,
                scenario_set_id: risk.settings.id(),
                levels: levels(planned, risk, (trades, breakdowns))?,
                gaps: Vec::new(),
            },
        })
    };
    plan.measures.iter().zip(asked).map(measure).collect()
}

fn levels(
    planned: &PlannedMeasure,
    risk: &TailRisk,
    (trades, breakdowns): Split<'_>,
) -> Result<Vec<v1::RiskLevel>, Refusal> {
    let trades = if planned.by_leg { trades } else { &[] };
    let level = |(at, part): (usize, &TailPart)| {
        let level = level(part, risk, trades)?;
        Some(v1::RiskLevel { breakdowns: by_group(planned, at, risk, breakdowns)?, ..level })
    };
    let levels: Option<Vec<v1::RiskLevel>> = planned.parts.iter().enumerate().map(level).collect();
    let fault = "invariant: a set of scenarios has every number that it was asked for";
    levels.ok_or_else(|| Refusal::Failed(fault.to_owned()))
}

/// `None` if the set was not asked for the number.
fn level(
    part: &TailPart,
    risk: &TailRisk,
    trades: &[v1::TradeDefinition],
) -> Option<v1::RiskLevel> {
    let found = |group, at| risk.levels.get(risk.settings.place(group, at));
    match *part {
        TailPart::Volatility => risk.volatility.as_ref().map(|found| v1::RiskLevel {
            value: found.value,
            standard_error: found.standard_error,
            trades: by_leg(trades, &found.legs),
            stand_ins: found.stand_ins.map(|parts| v1::RiskStandIns {
                contribution: Some(parts.contribution),
                spread: parts.spread,
            }),
            ..v1::RiskLevel::default()
        }),
        TailPart::ValueAtRisk(group, at) => found(group, at).map(|found| v1::RiskLevel {
            confidence: Some(found.confidence),
            value: found.value_at_risk,
            value_low: found.value_at_risk_low,
            value_high: found.value_at_risk_high,
            trades: by_leg(trades, &found.leg_value_at_risk),
            stand_ins: found.stand_ins.map(|parts| v1::RiskStandIns {
                contribution: None,
                spread: parts.value_at_risk_spread,
            }),
            ..v1::RiskLevel::default()
        }),
        TailPart::Level(group, at) => found(group, at).map(|found| v1::RiskLevel {
            confidence: Some(found.confidence),
            value: found.expected_shortfall,
            standard_error: found.expected_shortfall_standard_error,
            trades: by_leg(trades, &found.leg_expected_shortfall),
            stand_ins: found.stand_ins.map(|parts| v1::RiskStandIns {
                contribution: Some(parts.expected_shortfall),
                spread: parts.expected_shortfall_spread,
            }),
            ..v1::RiskLevel::default()
        }),
    }
}

/// Contributions to a part of a measure by the groupings that it is split by. `None` if the set was
/// not asked for them.
fn by_group(
    planned: &PlannedMeasure,
    part: usize,
    risk: &TailRisk,
    breakdowns: &[v1::Breakdown],
) -> Option<Vec<v1::BreakdownContribution>> {
    let of_grouping = |grouping: &usize| {
        let breakdown = breakdowns.get(*grouping)?;
        let values = risk.by_group.get(*planned.by_group.get(part)?)?.get(*grouping)?;
        let group = |(group, value): (&v1::BreakdownGroup, &f64)| v1::GroupContribution {
            group_id: group.group_id.clone(),
            value: *value,
        };
        let groups = breakdown.groups.iter().zip(values).map(group).collect();
        Some(v1::BreakdownContribution { group_by: breakdown.group_by.clone(), groups })
    };
    planned.groupings.iter().map(of_grouping).collect()
}

fn by_leg(trades: &[v1::TradeDefinition], parts: &[Vec<f64>]) -> Vec<v1::TradeContribution> {
    let of_trade = |(trade, parts): (&v1::TradeDefinition, &Vec<f64>)| {
        let leg_id = |at: usize| trade.legs.get(at).map(|leg| leg.leg_id.clone());
        let leg = |(at, value): (usize, &f64)| v1::TradeLegContribution {
            leg_id: leg_id(at).unwrap_or_default(),
            value: *value,
        };
        let legs = parts.iter().enumerate().map(leg).collect();
        v1::TradeContribution { trade_id: trade.trade_id.clone(), legs }
    };
    trades.iter().zip(parts).map(of_trade).collect()
}

/// A position's contributions, by set, as those of the measures that asked for them.
pub(super) fn contributions(
    Risk { plan, asked }: Risk<'_>,
    by_set: &[Vec<f64>],
) -> Vec<v1::RiskContribution> {
    let contribution = |(planned, asked): (&PlannedMeasure, &Asked)| {
        let value = *by_set.get(planned.set)?.get(planned.by_position?)?;
        let confidence = asked.confidences.first().copied();
        Some(v1::RiskContribution { measure_id: asked.measure_id.clone(), confidence, value })
    };
    plan.measures.iter().zip(asked).filter_map(contribution).collect()
}

/// The sets that could be made.
pub(super) fn scenario_sets(tails: &[Result<TailRisk, Gap>]) -> Vec<v1::ScenarioSet> {
    tails.iter().filter_map(|tail| tail.as_ref().ok()).map(scenario_set).collect()
}

fn scenario_set(risk: &TailRisk) -> v1::ScenarioSet {
    v1::ScenarioSet {
        scenario_set_id: risk.settings.id(),
        sessions: risk.sessions as i32,
        first_on: risk.first_on.to_string(),
        last_on: risk.last_on.to_string(),
        filter: risk.filter.map(|filter| v1::VolatilityFilter {
            decay: filter.decay,
            seed_sessions: filter.seed_sessions as i32,
            volatility: filter.volatility,
        }),
        worst_replay_on: risk.worst_on.to_string(),
        worst_replay_pnl: risk.worst_pnl,
        worst_day: Some(day_pnl(risk.worst_day)),
        worst_scenario_on: risk.worst_scenario_on.to_string(),
        worst_scenario_pnl: risk.worst_scenario_pnl,
        draw_count: risk.draws as i32,
        proxied_share: risk.proxied_share,
        left_out_sessions: risk.left_out_sessions as i32,
        joined_scenarios: risk.scenarios.unwrap_or(0) as i32,
    }
}
