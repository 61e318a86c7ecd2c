//! Converts risk measures and their sets of scenarios to protobuf.

use super::{
    risk_request::{PlannedMeasure, RiskPlan},
    to_proto::{day_pnl, leg_kind},
};
use crate::rpc::shared;
use contract::v1;
use exposure::{
    report::{Leg, TailRisk},
    settings::TailPart,
};
use marketdata::gap::Gap;
use v1::{RiskMeasureKind as Kind, RiskMeasureRequest as Asked};

/// One row per measure requested.
pub(super) fn measures(
    plan: &RiskPlan,
    asked: &[Asked],
    tails: &[Result<TailRisk, Gap>],
) -> Vec<v1::RiskMeasure> {
    let measure = |(planned, asked): (&PlannedMeasure, &Asked)| {
        let request = Some(asked.clone());
        match &tails[planned.set] {
            Err(gap) => {
                let gap = Gap { subject: asked.measure_id.clone(), ..gap.clone() };
                let gaps = shared::gaps(vec![gap]);
                v1::RiskMeasure { request, gaps, ..v1::RiskMeasure::default() }
            }
            Ok(risk) => v1::RiskMeasure {
                request,
                scenario_set_id: risk.settings.id(),
                levels: levels(planned, asked.kind(), risk),
                gaps: Vec::new(),
            },
        }
    };
    plan.measures.iter().zip(asked).map(measure).collect()
}

fn levels(planned: &PlannedMeasure, kind: Kind, risk: &TailRisk) -> Vec<v1::RiskLevel> {
    let level = |part: &TailPart| {
        let mut level = level(part, kind, risk)?;
        if !planned.by_leg {
            level.legs.clear();
        }
        Some(level)
    };
    planned.parts.iter().filter_map(level).collect()
}

/// `None` if the set was not asked for the number.
fn level(part: &TailPart, kind: Kind, risk: &TailRisk) -> Option<v1::RiskLevel> {
    let TailPart::Level(group, at) = *part else {
        let found = risk.volatility?;
        return Some(v1::RiskLevel {
            value: found.value,
            standard_error: found.standard_error,
            legs: legs(found.legs),
            stand_ins: found.stand_ins.map(|parts| v1::RiskStandIns {
                contribution: Some(parts.contribution),
                spread: parts.spread,
            }),
            ..v1::RiskLevel::default()
        });
    };
    let found = risk.levels.get(risk.settings.place(group, at))?;
    let confidence = Some(found.confidence);
    Some(if kind == Kind::ValueAtRisk {
        v1::RiskLevel {
            confidence,
            value: found.value_at_risk,
            value_low: found.value_at_risk_low,
            value_high: found.value_at_risk_high,
            stand_ins: found.stand_ins.map(|parts| v1::RiskStandIns {
                contribution: None,
                spread: parts.value_at_risk_spread,
            }),
            ..v1::RiskLevel::default()
        }
    } else {
        v1::RiskLevel {
            confidence,
            value: found.expected_shortfall,
            standard_error: found.expected_shortfall_standard_error,
            legs: legs(found.leg_expected_shortfall),
            stand_ins: found.stand_ins.map(|parts| v1::RiskStandIns {
                contribution: Some(parts.expected_shortfall),
                spread: parts.expected_shortfall_spread,
            }),
            ..v1::RiskLevel::default()
        }
    })
}

fn legs(values: [f64; 3]) -> Vec<v1::LegContribution> {
    let legs = Leg::ALL.into_iter().zip(values);
    legs.map(|(leg, value)| v1::LegContribution { kind: leg_kind(leg).into(), value }).collect()
}

/// A position's contributions, by set, as those of the measures that asked for them.
pub(super) fn contributions(
    plan: &RiskPlan,
    asked: &[Asked],
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
            lambda: filter.lambda,
            seed_sessions: filter.seed_sessions as i32,
            volatility: filter.volatility,
        }),
        worst_on: risk.worst_on.to_string(),
        worst_pnl: risk.worst_pnl,
        worst_day: Some(day_pnl(risk.worst_day)),
        worst_scenario_on: risk.worst_scenario_on.to_string(),
        worst_scenario_pnl: risk.worst_scenario_pnl,
        draws: risk.draws as i32,
        proxied_share: risk.proxied_share,
        left_out_sessions: risk.left_out_sessions as i32,
    }
}
