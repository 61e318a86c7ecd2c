//! Exposures, tails and the trade: hand arithmetic, laws, and recovery of known parameters.

#![expect(clippy::unwrap_used, reason = "a market made for tests is whole")]

mod blocks;
mod breakdown;
mod continued;
mod crowding;
mod explain;
mod explain_oracle;
mod factor_betas;
mod filtered;
mod hand;
mod horizon;
mod laws;
mod look_through;
mod name_covariance;
mod netting;
mod own_sessions;
mod risk_measures;
mod stand_in;
mod trades;
mod truth;
mod unknown_size;

use exposure::{
    analyze::analyze,
    blocks::{Block, Blocks},
    factor::Factor,
    grouping::GroupBy,
    prepared::{self, PreparedExposure},
    report::{ExposureReport, PositionRow, TailRisk, TradeExposure},
    request::Request,
    settings::{
        BetaSettings, LevelSettings, Listing, Shrinkage, TailMethod, TailPart, TailSettings,
        TradeChoice,
    },
};
use factors::{roles::Roles, size_scheme::SizeScheme};
use marketdata::{
    day::Day,
    fixture::{Fixture, day},
    gap::{FactorEstimate, GapReason, MeasureRef, Subject},
    instant::Instant,
    instrument::InstrumentId,
    snapshot::Snapshot,
};
use portfolio::coverage::Aspect;
use portfolio::{
    book::Book,
    lines::{RawLine, Size, Terms},
};
use risk::fixture::{self as world, World, world, world_with};
use stats::quantile::QuantileRule;
use std::sync::Arc;

fn prepare(snapshot: &Snapshot, roles: &Roles) -> PreparedExposure {
    prepared::prepare(snapshot, roles, None)
}

fn tail(levels: &[f64], rule: QuantileRule) -> TailSettings {
    TailSettings {
        method: TailMethod::Historical,
        window_sessions: 1_000,
        horizon_sessions: 1,
        levels: vec![LevelSettings {
            confidences: levels.to_vec(),
            quantile_rule: rule,
            interval_level: 0.95,
        }],
        volatility: false,
        by_position: vec![TailPart::Level(0, 0)],
        by_group: Vec::new(),
    }
}

/// The losses over the one set of scenarios of a report.
fn tail_of(report: &ExposureReport) -> Option<&TailRisk> {
    report.tails[0].as_ref().ok()
}

/// A position's contribution to expected shortfall at the first level.
fn shortfall(row: &PositionRow) -> f64 {
    row.contributions[0][0]
}

fn worth<'a>(symbol: &'a str, value: f64) -> RawLine<'a> {
    RawLine::of(symbol, Size::MarketValue(value))
}

fn join(prepared: &PreparedExposure, lines: &[RawLine<'_>], nav: Option<f64>) -> Book {
    let terms = Terms { net_asset_value: nav, ..Terms::NONE };
    Book::join(lines.iter().copied(), &terms, prepared.lookup(), prepared.quotes()).unwrap()
}

fn report(prepared: &PreparedExposure, lines: &[RawLine<'_>]) -> ExposureReport {
    report_with(prepared, lines, BetaSettings::PREPARED, &[])
}

fn report_with(
    prepared: &PreparedExposure,
    lines: &[RawLine<'_>],
    beta: BetaSettings,
    repeat_on: &[Day],
) -> ExposureReport {
    analyse(prepared, &join(prepared, lines, Some(10e6)), beta, repeat_on)
}

fn analyse(
    prepared: &PreparedExposure,
    book: &Book,
    beta: BetaSettings,
    repeat_on: &[Day],
) -> ExposureReport {
    let tail = tail(&[0.95, 0.99], QuantileRule::Linear);
    let request = Request {
        book,
        blocks: Blocks::ALL,
        beta,
        tails: std::slice::from_ref(&tail),
        size_scheme: SizeScheme::standard(),
        group_by: &[GroupBy::Size, GroupBy::Sector],
        classification: None,
        look_through: None,
        repeat_on,
        trades: &[TradeChoice::Standard],
        listing: Listing::All,
    };
    analyze(prepared, &request)
}

/// The trade of a report that has one.
fn trade(report: &ExposureReport) -> &TradeExposure {
    &report.trades[0]
}

/// Places of the legs in the standard trade.
const MEGACAP_LONG: usize = 0;
const SMALL_CAP_SHORT: usize = 1;

/// The report on the data of the last month before the world's last day, on which the priors are
/// based.
fn month_before(world: &World, lines: &[RawLine<'_>]) -> ExposureReport {
    let month = |day: &Day| (day.ymd().0, day.ymd().1);
    let last = world.days.last().map(month).unwrap();
    let end = world.days.partition_point(|day| month(day) < last);
    report(&prepare(&world.snapshot_at(&world.market, end - 1), &World::roles()), lines)
}

/// A name's own market beta in a report, with its standard error.
fn own_market(report: &ExposureReport, symbol: &str) -> (f64, f64) {
    let row = report.positions.iter().find(|row| row.symbol == symbol).unwrap();
    let own = row.market.unwrap().own.unwrap();
    (own.value, own.standard_error)
}

/// Long the larger names, short the smaller ones, each of a different size.
fn lines_of(world: &World, count: usize) -> Vec<(String, f64)> {
    let step = world.names.len() / count;
    let value = |at: usize| if 2 * at < count { 1.0 } else { -0.9 } * (1e5 + 137.0 * at as f64);
    (0..count).map(|at| (world.names[at * step].symbol.clone(), value(at))).collect()
}

fn raw(lines: &[(String, f64)]) -> Vec<RawLine<'_>> {
    lines.iter().map(|(symbol, value)| worth(symbol, *value)).collect()
}

fn near(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} is not within {tolerance} of {b}");
}

/// Every exposure to a factor, as the subject of a gap.
fn every_beta(factor_id: &str) -> Subject {
    MeasureRef::Factor { factor_id: factor_id.to_owned(), estimate: FactorEstimate::Any }.into()
}

/// The betas to every factor, as the subject of a gap.
fn betas(estimate: FactorEstimate) -> Subject {
    MeasureRef::Factor { factor_id: String::new(), estimate }.into()
}
