//! The memory of an analysis does not grow with its sets of scenarios. The stand-ins of one set take
//! up to ten megabytes; a report with sixteen sets once kept them all.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a market made for tests is whole")]

use exposure::{
    analyze::analyze,
    blocks::Blocks,
    prepared::{PreparedExposure, prepare},
    request::Request,
    settings::{
        BetaSettings, LevelSettings, Listing, OwnDefinition, TailMethod, TailPart, TailSettings,
        TradeChoice,
    },
};
use factors::{
    roles::Role,
    size_scheme::SizeScheme,
    trade::{LegDefinition, Neutrality, ReturnProxy, Selector, Side, TradeDefinition},
};
use portfolio::{
    book::Book,
    lines::{RawLine, Size, Terms},
};
use risk::fixture::{World, world_with};
use stats::quantile::QuantileRule;
use std::collections::BTreeMap;

/// The most sets of one request: one per measure.
const SETS: usize = 16;
/// What the other sets may add to the peak of one: less than the stand-ins of one more, which are
/// 31 legs × 33 series × 1,000 sessions × 8 bytes, or 8 MB.
const MORE_MAX: usize = 5 << 20;

/// The largest memory that this process has had, in bytes, from Linux.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

fn trade(at: usize) -> TradeChoice {
    let leg = |leg: u32| LegDefinition {
        leg_id: format!("leg_{leg}"),
        side: if leg.is_multiple_of(2) { Side::Long } else { Side::Short },
        any_of: vec![Selector::Ranks(50 * leg + 1, 50 * leg + 50)],
        none_of: Vec::new(),
        returns: ReturnProxy::Role(Role::SmallCapIndex),
    };
    let trade = TradeDefinition {
        trade_id: format!("trade_{at}"),
        name: String::new(),
        neutrality: Neutrality::Dollar,
        legs: (0..6).map(leg).collect(),
    };
    TradeChoice::Own(OwnDefinition { trade, references: BTreeMap::new() })
}

/// Sets that differ in their windows.
fn set(at: usize) -> TailSettings {
    TailSettings {
        method: TailMethod::Historical,
        window_sessions: 1_000 - at,
        horizon_sessions: 1,
        levels: vec![LevelSettings {
            confidences: vec![0.95, 0.99],
            quantile_rule: QuantileRule::Linear,
            interval_level: 0.95,
        }],
        volatility: false,
        by_position: vec![TailPart::Level(0, 0)],
        by_group: Vec::new(),
    }
}

fn analysed(prepared: &PreparedExposure, book: &Book, sets: usize) {
    let tails: Vec<TailSettings> = (0..sets).map(set).collect();
    let trades: Vec<TradeChoice> = (0..4).map(trade).collect();
    let request = Request {
        book,
        blocks: Blocks::ALL,
        beta: BetaSettings::PREPARED,
        tails: &tails,
        size_scheme: SizeScheme::standard(),
        classification: None,
        look_through: None,
        group_by: &[],
        repeat_on: &[],
        trades: &trades,
        listing: Listing::All,
    };
    let report = analyze(prepared, &request);
    assert!(report.tails.iter().flatten().all(|risk| risk.draws > 1), "with stand-ins");
    assert_eq!(report.tails.iter().flatten().count(), sets);
}

#[test]
fn sixteen_sets_need_little_more_memory_than_one() {
    // Two names of three are young, so that stand-ins replace most of their returns.
    let world = world_with(300, 1_100, 7, |names| {
        names.iter_mut().skip(100).for_each(|name| name.listed_from = 1_040);
    });
    let prepared = prepare(&world.snapshot(), &World::roles(), None);
    let value = |at: usize| if at.is_multiple_of(2) { 1e5 } else { -9e4 };
    let lines = world.names.iter().enumerate();
    let lines = lines.map(|(at, name)| RawLine::of(&name.symbol, Size::MarketValue(value(at))));
    let book = Book::join(lines, &Terms::NONE, prepared.lookup(), prepared.quotes()).unwrap();
    analysed(&prepared, &book, 1);
    let one = peak();
    analysed(&prepared, &book, SETS);
    let more = peak() - one;
    assert!(more < MORE_MAX, "{SETS} sets add {more} bytes to the peak of one, {one}");
}
