//! Converts exposure reports to protobuf.

use super::{
    betas, group_by,
    risk_answer::{self, Risk},
};
use crate::{
    refusal::Refusal,
    rpc::{look_through, portfolio},
};
use ::portfolio::{book::Book, lines::Violation};
use contract::v1;
use exposure::report::{
    Concentration, DayPnl, Exposure, ExposureReport, Measured, PositionRow, ProfitAndLoss, Repeat,
    TradeExposure, TradeLeg, TradeRepeat, Unwind,
};
use exposure::trade_members::{LegMembers, TradeMember};
use factors::market_value::CapSource;

/// The analysis of a book that was joined from a portfolio, as asked for by a request in normal form.
/// `trades` are the trades of the report.
///
/// # Errors
/// See [`risk_answer::measures`].
pub(super) fn report(
    report: ExposureReport,
    (asked, trades): (&v1::AnalyzePortfolioRequest, &[v1::TradeDefinition]),
    risk: Risk<'_>,
    (book, portfolio): (&Book, &v1::Portfolio),
) -> Result<v1::ExposureReport, Refusal> {
    let (gross, nav) = (book.gross, book.net_asset_value);
    let breakdowns = group_by::breakdowns(&asked.group_by, report.breakdowns);
    Ok(v1::ExposureReport {
        total: Some(exposure(&report.total)),
        gross_leverage: report.gross_leverage,
        net_leverage: report.net_leverage,
        breakdowns: breakdowns.clone(),
        settings: Some(v1::AnalysisSettings {
            classification_scheme_id: report.sector_scheme.clone(),
            ..asked.settings.clone().unwrap_or_default()
        }),
        factors: report.factors.into_iter().map(|row| betas::exposure(row, gross, nav)).collect(),
        trades: trades
            .iter()
            .zip(&report.trades)
            .map(|(definition, found)| trade(definition, found, gross, nav))
            .collect(),
        repeats: {
            let days = report.repeats.iter();
            days.map(|day| repeat(day, trades, &report.trades)).collect()
        },
        risk_measures: risk_answer::measures(risk, &report.tails, (trades, &breakdowns))?,
        scenario_sets: risk_answer::scenario_sets(&report.tails),
        profit_and_loss: report.profit_and_loss.map(profit_and_loss),
        concentration: report.concentration.as_ref().map(concentration),
        positions: report
            .positions
            .into_iter()
            .map(|row| {
                let risk = risk_answer::contributions(risk, &row.contributions);
                let row = position(row, &report.sector_scheme, (book, portfolio, trades));
                v1::PositionExposure { risk_contributions: risk, ..row }
            })
            .collect(),
        cash: None,
        currencies: Vec::new(),
        look_through: report.look_through.map(look_through::book),
        included: asked.include.clone(),
        currency: portfolio.currency.clone(),
        crowding: None,
        risk_model: None,
        factor_betas: None,
        incremental_risks: Vec::new(),
    })
}

/// What a leg of a trade stands for.
pub(super) fn leg_members(leg: &LegMembers) -> v1::TradeLegMembers {
    v1::TradeLegMembers {
        leg_id: leg.leg_id.clone(),
        member_count: leg.members.len() as i32,
        return_symbols: leg.return_symbols.clone(),
    }
}

/// A name that a leg selects.
pub(super) fn member(leg_id: &str, member: &TradeMember) -> v1::TradeMember {
    v1::TradeMember {
        leg_id: leg_id.to_owned(),
        symbol: member.symbol.clone(),
        bucket_id: member.bucket_id.clone().unwrap_or_default(),
        market_cap_rank: member.market_cap_rank.map(|rank| rank as i32),
    }
}

/// One violation of a portfolio.
pub(super) fn violation(violation: Violation) -> v1::PortfolioViolation {
    v1::PortfolioViolation { field: violation.field, description: violation.description }
}

pub(in crate::rpc) fn exposure(exposure: &Exposure) -> v1::LongShortExposure {
    v1::LongShortExposure {
        long: exposure.long,
        short: exposure.short,
        gross: exposure.gross(),
        net: exposure.net(),
        long_names: exposure.long_names as i32,
        short_names: exposure.short_names as i32,
        beta_adjusted_long: exposure.beta_long(),
        beta_adjusted_short: exposure.beta_short(),
        beta_adjusted_net: exposure.beta_net(),
    }
}

pub(super) fn measured(measured: Measured) -> v1::Estimate {
    v1::Estimate {
        value: measured.value,
        standard_error: Some(measured.standard_error),
        observations: measured.observations as i32,
    }
}

/// The legs that a position belongs to, by trade.
pub(super) fn memberships(
    trades: &[v1::TradeDefinition],
    legs: &[Option<usize>],
) -> Vec<v1::TradeMembership> {
    let membership = |(trade, leg): (&v1::TradeDefinition, &Option<usize>)| {
        let leg = trade.legs.get((*leg)?)?;
        Some(v1::TradeMembership { trade_id: trade.trade_id.clone(), leg_id: leg.leg_id.clone() })
    };
    trades.iter().zip(legs).filter_map(membership).collect()
}

/// P&L by the legs of a trade, everything else last.
fn leg_pnls(trade: &v1::TradeDefinition, pnls: &[f64]) -> Vec<v1::TradeLegScenarioPnl> {
    let leg_id = |at: usize| trade.legs.get(at).map(|leg| leg.leg_id.clone());
    let leg = |(at, pnl): (usize, &f64)| v1::TradeLegScenarioPnl {
        leg_id: leg_id(at).unwrap_or_default(),
        pnl: *pnl,
    };
    pnls.iter().enumerate().map(leg).collect()
}

fn trade(
    definition: &v1::TradeDefinition,
    found: &TradeExposure,
    gross: f64,
    nav: Option<f64>,
) -> v1::TradeExposure {
    let leg = |leg: &TradeLeg| v1::TradeLegExposure {
        leg_id: leg.leg_id.clone().unwrap_or_default(),
        exposure: Some(exposure(&leg.exposure)),
        beta: leg.beta.map(measured),
        return_symbols: leg.return_symbols.clone(),
    };
    let top_down = found.beta.top_down.filter(|_| 0.0 < gross);
    v1::TradeExposure {
        definition: Some(definition.clone()),
        legs: found.legs.iter().map(leg).collect(),
        matched: found.matched,
        beta: Some(betas::of_trade(&definition.trade_id, &found.beta, (gross, nav))),
        top_down_per_gross: top_down.map(|beta| beta.value / gross),
        share_of_variance: found.share_of_variance,
        standard_deviation: found.standard_deviation,
        ratio: found.ratio,
        unwinds: found.unwinds.iter().map(|one| unwind(definition, one)).collect(),
    }
}

fn unwind(trade: &v1::TradeDefinition, unwind: &Unwind) -> v1::Unwind {
    v1::Unwind {
        standard_deviations: unwind.standard_deviations,
        trade_return: unwind.trade_return,
        pnl: unwind.pnl,
        pnl_low: unwind.pnl_low,
        pnl_high: unwind.pnl_high,
        pnl_standard_error: unwind.pnl_standard_error,
        legs: leg_pnls(trade, &unwind.leg_pnl),
    }
}

pub(super) const fn day_pnl(day: DayPnl) -> v1::DayPnl {
    v1::DayPnl { pnl: day.pnl, missing_gross_share: day.missing_gross_share }
}

/// A repeated day, and the trades of a report on it.
fn repeat(
    repeat: &Repeat,
    definitions: &[v1::TradeDefinition],
    measured: &[TradeExposure],
) -> v1::DayRepeat {
    let trades = repeat.trades.iter().zip(definitions).zip(measured);
    v1::DayRepeat {
        on: repeat.on.to_string(),
        pnl: repeat.pnl,
        market_return: repeat.market_return,
        size_spread: repeat.size_spread,
        day: Some(day_pnl(repeat.day)),
        proxied_name_count: repeat.proxied_names as i32,
        proxied_gross_share: repeat.proxied_gross_share,
        trades: trades
            .map(|((found, trade), measured)| {
                trade_repeat(found, trade, measured.standard_deviation)
            })
            .collect(),
    }
}

fn trade_repeat(
    found: &TradeRepeat,
    trade: &v1::TradeDefinition,
    deviation: Option<f64>,
) -> v1::TradeRepeat {
    let moved = found.trade_return;
    v1::TradeRepeat {
        trade_id: trade.trade_id.clone(),
        trade_return: moved,
        trade_standard_deviations: moved.zip(deviation).map(|(moved, sd)| moved / sd),
        legs: leg_pnls(trade, &found.leg_pnl),
    }
}

fn profit_and_loss(profit: ProfitAndLoss) -> v1::ProfitAndLoss {
    v1::ProfitAndLoss {
        total: profit.total,
        long: profit.long,
        short: profit.short,
        share_with_cost: profit.share_with_cost,
    }
}

fn concentration(concentration: &Concentration) -> v1::Concentration {
    v1::Concentration {
        herfindahl: concentration.herfindahl,
        effective_names: concentration.effective_names,
        effective_long_names: concentration.effective_long_names,
        effective_short_names: concentration.effective_short_names,
        largest_share: concentration.largest_share,
        largest_five_share: concentration.largest_five_share,
    }
}

fn position(
    row: PositionRow,
    sector_scheme: &str,
    (book, portfolio, trades): (&Book, &v1::Portfolio, &[v1::TradeDefinition]),
) -> v1::PositionExposure {
    let betas = row.betas().map(betas::beta).collect();
    let sized = row.bucket.as_ref().map(|(_, sized)| *sized);
    let source = row.market_cap_source.map(|source| match source {
        CapSource::SharesTimesClose => v1::MarketCapSource::SharesTimesClose,
        CapSource::Printed => v1::MarketCapSource::Printed,
    });
    v1::PositionExposure {
        lots: portfolio::lots(portfolio, book, &row.lots),
        symbol: row.symbol,
        market_value: row.market_value,
        gross: row.gross,
        gross_share: row.gross_share,
        quantity: row.shares,
        price: row.price,
        price_observed_on: row.priced_on.map(|day| day.to_string()).unwrap_or_default(),
        market_cap_usd: row.market_cap_usd,
        market_cap_source: source.map(i32::from),
        market_cap_observed_on: row.market_cap_on.map(|day| day.to_string()).unwrap_or_default(),
        market_cap_rank: row.market_cap_rank.map(|rank| rank as i32),
        later_size_days: row.later_size_days.map(i32::from),
        later_sector_days: row.later_sector_days.map(i32::from),
        sized_on: sized.map(|sized| sized.sized_on.to_string()).unwrap_or_default(),
        lagged_market_cap_usd: sized.map(|sized| sized.lagged_market_cap_usd),
        bucket_id: row.bucket.map(|(bucket_id, _)| bucket_id).unwrap_or_default(),
        classification_scheme_id: match row.sector {
            Some(_) => sector_scheme.to_owned(),
            None => String::new(),
        },
        sector: row.sector.unwrap_or_default(),
        betas,
        observations: row.observations as i32,
        dimson_adjusted: row.dimson,
        proxied_sessions: row.proxied_sessions.map(|sessions| sessions as i32),
        trades: memberships(trades, &row.legs),
        risk_contributions: Vec::new(),
        profit_and_loss: row.profit_and_loss,
    }
}
