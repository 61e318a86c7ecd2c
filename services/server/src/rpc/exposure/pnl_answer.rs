//! Converts explained P&Ls to protobuf.

use super::betas;
use crate::rpc::portfolio;
use contract::v1;
use exposure::{
    explain::{ADDITIVE, FactorPnl, GroupPnl, LotPnl, NamePnl, Part, PnlReport, TradePnl},
    factor::MODEL_ID,
};

/// A report as asked for by a request in normal form. `trades` are the trades of the report.
pub(super) fn report(
    report: PnlReport,
    asked: &v1::ExplainPnlRequest,
    (portfolio, trades): (&v1::Portfolio, Vec<v1::TradeDefinition>),
) -> v1::PnlReport {
    let has_series: Vec<bool> = report.factors.iter().map(|row| row.part.is_some()).collect();
    let names = report.names.into_iter();
    v1::PnlReport {
        start_on: report.start_on.to_string(),
        end_on: report.end_on.to_string(),
        sessions: report.sessions as i32,
        total: part(report.total),
        price: report.price,
        rates: report.rates,
        distributions: report.distributions,
        long: part(report.long),
        short: part(report.short),
        start_long: report.start_long,
        start_short: report.start_short,
        factors: report.factors.into_iter().map(factor).collect(),
        residual: part(report.residual),
        breakdowns: asked.group_by.iter().zip(report.breakdowns).map(breakdown).collect(),
        names: names.map(|row| name(row, &has_series, (portfolio, &trades))).collect(),
        trades: trades.into_iter().zip(report.trades).map(trade).collect(),
        unlisted: part(report.unlisted),
        name_count: report.name_count as i32,
        settings: Some(v1::AnalysisSettings {
            classification_scheme_id: report.sector_scheme,
            ..asked.settings.clone().unwrap_or_default()
        }),
        currency: portfolio.currency.clone(),
    }
}

fn part(part: Part) -> Option<v1::PnlPart> {
    let forecast = part.forecast;
    Some(v1::PnlPart {
        pnl: part.pnl,
        forecast_standard_deviation: forecast,
        standard_deviations: forecast.map(|sd| part.pnl / sd).filter(|count| count.is_finite()),
    })
}

fn factor(row: FactorPnl) -> v1::FactorPnl {
    v1::FactorPnl {
        model_id: MODEL_ID.to_owned(),
        factor_id: row.factor.id().to_owned(),
        roles: row.roles.into_iter().map(betas::role).collect(),
        unit: betas::UNIT.into(),
        factor_change: row.factor_change,
        exposure: row.exposure,
        part: row.part.and_then(part),
    }
}

fn trade((definition, row): (v1::TradeDefinition, TradePnl)) -> v1::TradePnl {
    let leg = |leg: GroupPnl| v1::TradePnlLeg {
        leg_id: leg.id.unwrap_or_default(),
        start_value: leg.start_value,
        name_count: leg.names as i32,
        part: part(leg.part),
    };
    v1::TradePnl {
        definition: Some(definition),
        legs: row.legs.into_iter().map(leg).collect(),
        factor: row.factor.map(factor),
    }
}

fn breakdown((group_by, groups): (&v1::GroupBy, Vec<GroupPnl>)) -> v1::PnlBreakdown {
    let group = |group: GroupPnl| v1::PnlBreakdownGroup {
        group_id: group.id.unwrap_or_default(),
        start_value: group.start_value,
        name_count: group.names as i32,
        part: part(group.part),
    };
    v1::PnlBreakdown {
        group_by: Some(group_by.clone()),
        groups: groups.into_iter().map(group).collect(),
    }
}

fn name(
    row: NamePnl,
    has_series: &[bool],
    (portfolio, trades): (&v1::Portfolio, &[v1::TradeDefinition]),
) -> v1::NamePnl {
    let factors = ADDITIVE.iter().zip(row.factors).zip(has_series).filter(|(_, known)| **known);
    let factor = |((factor, pnl), _): ((&exposure::factor::Factor, f64), &bool)| {
        v1::NamePnlFactor { model_id: MODEL_ID.to_owned(), factor_id: factor.id().to_owned(), pnl }
    };
    let lot = |lot: LotPnl| v1::NamePnlLot {
        position_id: portfolio::name(portfolio, lot.line),
        start_value: lot.start_value,
        pnl: lot.pnl,
        labels: portfolio::labels_of(portfolio, lot.line),
    };
    v1::NamePnl {
        symbol: row.symbol,
        lots: row.lots.into_iter().map(lot).collect(),
        start_value: row.start_value,
        first_on: row.first_on.to_string(),
        last_on: row.last_on.to_string(),
        total: part(row.total),
        price: row.price,
        rates: row.rates,
        distributions: row.distributions,
        factors: factors.map(factor).collect(),
        residual: part(row.residual),
        trades: super::to_proto::memberships(trades, &row.legs),
    }
}
