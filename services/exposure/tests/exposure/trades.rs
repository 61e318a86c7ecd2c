//! Trades of the caller's: arithmetic, membership, and what another trade must not change.

use crate::*;
use exposure::{settings::OwnDefinition, trade_members::trade_members};
use factors::{
    roles::Role,
    trade::{
        BasketMember, LegDefinition, Neutrality, ReturnProxy, Selector, Side, TradeDefinition,
    },
};
use std::collections::BTreeMap;

fn leg(leg_id: &str, side: Side, any_of: &[Selector], returns: &str) -> LegDefinition {
    LegDefinition {
        leg_id: leg_id.to_owned(),
        side,
        any_of: any_of.to_vec(),
        none_of: Vec::new(),
        returns: ReturnProxy::Symbol(returns.to_owned()),
    }
}

fn symbol(symbol: &str) -> Selector {
    Selector::Symbol(symbol.to_owned())
}

/// A dollar of one name against a dollar of another.
fn pair(long: &str, short: &str) -> TradeDefinition {
    TradeDefinition {
        trade_id: "pair".to_owned(),
        name: String::new(),
        neutrality: Neutrality::Dollar,
        legs: vec![
            leg("first", Side::Long, &[symbol(long)], long),
            leg("second", Side::Short, &[symbol(short)], short),
        ],
    }
}

fn own(trade: TradeDefinition) -> TradeChoice {
    TradeChoice::Own(OwnDefinition { trade, references: BTreeMap::new() })
}

fn with_trades(
    prepared: &PreparedExposure,
    lines: &[RawLine<'_>],
    trades: &[TradeChoice],
) -> ExposureReport {
    let tail = tail(&[0.95], QuantileRule::Linear);
    let request = Request {
        book: &join(prepared, lines, Some(10e6)),
        blocks: Blocks::ALL,
        beta: BetaSettings::PREPARED,
        tails: std::slice::from_ref(&tail),
        size_scheme: SizeScheme::standard(),
        classification: None,
        look_through: None,
        repeat_on: prepared.sessions.days().last().map_or(&[], std::slice::from_ref),
        group_by: &[],
        trades,
        listing: Listing::All,
    };
    analyze(prepared, &request)
}

/// c = r_A − r_B. Two million of A against one of B make 2·r_A − 1·r_B; two of A against two of B
/// make 2·c, whatever the returns.
#[test]
fn a_pair_of_equal_dollars_is_the_trade_and_nothing_else() {
    let world = world(60, 300, 41);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines = [worth("MSFT", 2e6), worth("AMZN", -2e6)];
    let report = with_trades(&prepared, &lines, &[own(pair("MSFT", "AMZN"))]);
    let found = trade(&report);
    let beta = found.beta.top_down.unwrap();
    near(beta.value, 2e6, 1.0);
    near(found.share_of_variance.unwrap(), 1.0, 1e-9);
    near(found.ratio.unwrap(), 1.0, 0.0);
    near(found.matched, 2e6, 0.0);
    // The last day: 2·r_A − 2·r_B, and the trade's return is the difference.
    let [a, b] = [1, 3].map(|index: usize| *world.returns(index, 41).last().unwrap());
    let repeat = &report.repeats[0].trades[0];
    near(repeat.trade_return.unwrap(), a - b, 1e-9);
    near(repeat.leg_pnl[0], 2e6 * a, 1.0);
    near(repeat.leg_pnl[1], -2e6 * b, 1.0);
    near(repeat.leg_pnl[2], 0.0, 0.0);
    // An unwind of one standard deviation costs 2 million of it; nothing is left over.
    let unwind = &found.unwinds[0];
    near(unwind.pnl, -2e6 * found.standard_deviation.unwrap(), 1.0);
    near(unwind.pnl_high - unwind.pnl_low, 0.0, 10.0);
    // Names have no fits to a caller's series.
    assert!(found.beta.bottom_up.is_none());
    let legs: Vec<Option<usize>> = report.positions.iter().map(|row| row.legs[0]).collect();
    assert_eq!(legs, [Some(1), Some(0)], "of equal size, by name: AMZN, MSFT");
    let ids: Vec<Option<&str>> = found.legs.iter().map(|leg| leg.leg_id.as_deref()).collect();
    assert_eq!(ids, [Some("first"), Some("second"), None]);
    assert_eq!(found.legs[0].return_symbols, ["MSFT"]);
}

#[test]
fn swapped_sides_mirror_the_trade() {
    let world = world(60, 300, 42);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines = [worth("MSFT", 2e6), worth("AMZN", -1e6), worth("NVDA", 1e6)];
    let mut swapped = pair("MSFT", "AMZN");
    for leg in &mut swapped.legs {
        leg.side = if leg.side == Side::Long { Side::Short } else { Side::Long };
    }
    let trades = [own(pair("MSFT", "AMZN")), own(swapped)];
    let report = with_trades(&prepared, &lines, &trades);
    let [there, back] = &report.trades[..] else { panic!("{:?}", report.trades) };
    let beta = |trade: &TradeExposure| trade.beta.top_down.unwrap();
    assert_eq!(beta(there).value.to_bits(), (-beta(back).value).to_bits());
    assert_eq!(there.standard_deviation, back.standard_deviation);
    assert_eq!(there.share_of_variance, back.share_of_variance);
    let repeat = &report.repeats[0];
    let moved = |at: usize| repeat.trades[at].trade_return.unwrap();
    assert_eq!(moved(0).to_bits(), (-moved(1)).to_bits());
    // The lines are on the other side of the swapped legs, so none of them is in the trade.
    assert!((1e6..=1e6).contains(&there.matched) && back.matched <= 0.0);
    assert_eq!(back.legs[2].exposure.gross().to_bits(), 4e6_f64.to_bits());
    // The book is one.
    near(there.unwinds[1].pnl, -back.unwinds[1].pnl, 1.0);
    for trade in &repeat.trades {
        near(trade.leg_pnl.iter().sum(), repeat.pnl, 1e-6);
    }
}

fn a_long_book(world: &World) -> Vec<(String, f64)> {
    let mut lines = lines_of(world, 60);
    lines.push((world.names[40].symbol.clone(), -3e6));
    lines.push(("^RUT".to_owned(), -1e6));
    lines.push(("UNHEARD".to_owned(), 1e5));
    lines
}

/// With a young name, so that stand-ins are drawn leg by leg, and holdings of the index's fund.
fn a_world(seed: u64) -> World {
    world_with(120, 400, seed, |names| {
        names[40].listed_from = 330;
        names[20].in_small_cap_fund = true;
    })
}

#[test]
fn the_standard_trade_in_the_callers_words_has_the_same_bits() {
    let world = a_world(43);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines = a_long_book(&world);
    let said = TradeDefinition {
        trade_id: "said".to_owned(),
        ..TradeDefinition::megacap_small_cap(&World::roles())
    };
    let trades = [TradeChoice::Standard, own(said)];
    let report = with_trades(&prepared, &raw(&lines), &trades);
    let [standard, said] = &report.trades[..] else { panic!("{:?}", report.trades) };
    let without = |trade: &TradeExposure| TradeExposure {
        beta: exposure::report::BookBeta { bottom_up: None, ..trade.beta },
        ..trade.clone()
    };
    assert_eq!(without(standard), without(said));
    assert!(standard.beta.bottom_up.is_some() && !standard.unwinds.is_empty());
    for level in &tail_of(&report).unwrap().levels {
        assert_eq!(level.leg_expected_shortfall[0], level.leg_expected_shortfall[1]);
        assert!(level.stand_ins.is_some());
    }
    assert!(report.positions.iter().all(|row| row.legs[0] == row.legs[1]));
    let short = report.positions.iter().filter(|row| row.legs[0] == Some(SMALL_CAP_SHORT)).count();
    assert!(10 < short, "{short}");
}

/// Beside a trade of the caller's, everything but the trades is the same, and the trades do not
/// depend on their order.
#[test]
fn another_trade_changes_nothing_else() {
    let world = a_world(44);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines = a_long_book(&world);
    let ask = |lines: &[(String, f64)], trades: &[TradeChoice]| {
        with_trades(&prepared, &raw(lines), trades)
    };
    let standard = TradeChoice::Standard;
    let alone = ask(&lines, std::slice::from_ref(&standard));
    let other = own(pair("MSFT", "N0050"));
    let both = ask(&lines, &[standard.clone(), other.clone()]);
    let turned = ask(&lines, &[other.clone(), standard.clone()]);
    assert_eq!(both.trades[0], alone.trades[0]);
    assert_eq!(both.trades[0], turned.trades[1]);
    assert_eq!(both.trades[1], turned.trades[0]);
    let only = ask(&lines, std::slice::from_ref(&other));
    assert_eq!(only.trades, both.trades[1..]);
    let repeated = |report: &ExposureReport, at: usize| report.repeats[0].trades[at].clone();
    assert_eq!(repeated(&both, 0), repeated(&alone, 0));
    assert_eq!(repeated(&both, 1), repeated(&turned, 0));
    let rest = |mut report: ExposureReport| {
        report.trades.clear();
        report.repeats.iter_mut().for_each(|day| day.trades.clear());
        report.gaps.clear();
        for level in report.tails.iter_mut().flatten().flat_map(|tail| &mut tail.levels) {
            level.leg_expected_shortfall.clear();
        }
        report.positions.iter_mut().for_each(|row| row.legs.clear());
        format!("{report:?}")
    };
    let expected = rest(alone);
    for report in [both, turned, only] {
        assert_eq!(rest(report), expected);
    }
    // Nor on the order of lines.
    let mut backwards = lines.clone();
    backwards.reverse();
    let trades = [standard, other];
    assert_eq!(ask(&lines, &trades).trades, ask(&backwards, &trades).trades);
}

#[test]
fn legs_follow_their_selectors_and_the_first_one_wins() {
    let world = world_with(60, 200, 45, |names| names[20].in_small_cap_fund = true);
    let prepared = prepare(&world.snapshot(), &World::roles());
    // By value, the world's names are in order: AAPL has rank 1, N0020 rank 21.
    let mut largest = leg("largest", Side::Long, &[Selector::Ranks(1, 3)], "MSFT");
    largest.none_of = vec![symbol("MSFT")];
    let definition = TradeDefinition {
        trade_id: "own".to_owned(),
        name: String::new(),
        neutrality: Neutrality::MarketBeta,
        legs: vec![
            largest,
            leg("mega", Side::Long, &[Selector::Bucket("mega".to_owned())], "AAPL"),
            leg("fund", Side::Short, &[Selector::HoldingsOfRole(Role::SmallCapIndex)], "N0050"),
            leg("index", Side::Short, &[Selector::Role(Role::SmallCapIndex)], "^RUT"),
        ],
    };
    let lines = [
        worth("AAPL", 6e6),
        worth("MSFT", 5e6),
        worth("N0020", -4e6),
        worth("^RUT", -3e6),
        worth("N0021", 2e6),
        worth("N0022", -1e6),
    ];
    let report = with_trades(&prepared, &lines, &[own(definition)]);
    let legs: Vec<Option<usize>> = report.positions.iter().map(|row| row.legs[0]).collect();
    assert_eq!(legs, [Some(0), Some(1), Some(2), Some(3), None, None]);
    // 11 million long against 7 million short.
    near(trade(&report).matched, 7e6, 1e-9);
}

#[test]
fn what_a_trade_lacks_is_a_gap() {
    let world = world(60, 300, 46);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let mut definition = pair("MSFT", "UNHEARD");
    let member = |name: &str| BasketMember { name: name.to_owned(), lines: vec![name.to_owned()] };
    definition.legs[0].returns = ReturnProxy::Basket {
        members: ["MSFT", "AAPL", "NOBODY"].map(member).into(),
        min_members: 2,
    };
    let report = with_trades(&prepared, &[worth("MSFT", 1e6)], &[own(definition)]);
    assert!(trade(&report).unwinds.is_empty() && trade(&report).standard_deviation.is_none());
    assert!(trade(&report).beta.top_down.is_none());
    let of_trade = report.gaps.iter().filter(|gap| gap.subject == every_beta("trade/pair"));
    let gaps: Vec<(GapReason, &str)> =
        of_trade.map(|gap| (gap.reason, gap.detail.as_str())).collect();
    let expected = [
        (GapReason::InputMissing, "no returns of NOBODY; the leg first uses its other members"),
        (
            GapReason::InputMissing,
            "too few returns of the leg second (UNHEARD); the trade has no betas, share of \
             variance or unwinds",
        ),
        (GapReason::UnknownInstrument, "unknown symbols in the leg second: UNHEARD"),
    ];
    assert_eq!(gaps, expected);
    // The last day is repeated, and the trade has no return on it either.
    assert!(report.repeats[0].trades[0].trade_return.is_none());
    let on = report.repeats[0].on;
    let of_day = Subject::Measure(MeasureRef::RepeatTrade { trade_id: "pair".to_owned(), on });
    assert!(report.gaps.iter().any(|gap| gap.subject == of_day), "{:?}", report.gaps);
}

#[test]
fn a_line_named_as_on_another_day_is_used_and_reported() {
    let mut fixture = Fixture::new();
    let first = day("2022-01-03");
    let closes: Vec<(Day, f64)> =
        (0..20).map(|at| (first.plus(at), 100.0 + f64::from(at % 3))).collect();
    fixture.closes("FB", &closes).closes("SNAP", &closes).closes("^GSPC", &closes).commit();
    fixture.rename("FB", "META", day("2022-06-09")).commit();
    // The as-of date is before the change of symbols.
    let prepared = prepare(&fixture.snapshot(Instant::close_of(first.plus(19))), &World::roles());
    let report = with_trades(&prepared, &[worth("FB", 1e6)], &[own(pair("META", "SNAP"))]);
    assert_eq!(report.positions[0].legs, [Some(0)]);
    assert_eq!(trade(&report).legs[0].return_symbols, ["FB"]);
    let gap = report.gaps.iter().find(|gap| gap.reason == GapReason::NameOfOtherDays).unwrap();
    assert_eq!(gap.subject, every_beta("trade/pair"));
    assert_eq!(
        gap.detail,
        "in the leg first, META is FB, which is named so on other days than the as-of date only"
    );
    // By the name of the day nothing is reported.
    let report = with_trades(&prepared, &[worth("FB", 1e6)], &[own(pair("FB", "SNAP"))]);
    assert!(report.gaps.iter().all(|gap| gap.reason != GapReason::NameOfOtherDays));
}

/// A name is a member of a leg if and only if a position in it, of the side of the leg, is in it.
#[test]
fn the_members_of_a_leg_are_the_names_whose_positions_are_in_it() {
    let world = world(60, 300, 47);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let mut definition = pair("MSFT", "N0021");
    definition.legs[0].any_of = vec![Selector::Ranks(1, 12), symbol("N0040")];
    definition.legs[0].none_of = vec![symbol("MSFT")];
    definition.legs[1].any_of = ["mid", "small"].map(|id| Selector::Bucket(id.to_owned())).into();
    // A second short leg gets what the first leaves.
    definition.legs.push(leg("rest", Side::Short, &[Selector::Ranks(1, 1_000)], "N0022"));
    for choice in [TradeChoice::Standard, own(definition)] {
        let (legs, _) = trade_members(&prepared, &choice);
        let mut sizes = Vec::new();
        for sign in [1.0, -1.0] {
            let lines: Vec<(String, f64)> =
                world.names.iter().map(|name| (name.symbol.clone(), sign * 1e5)).collect();
            let report = with_trades(&prepared, &raw(&lines), std::slice::from_ref(&choice));
            assert_eq!(report.positions.len(), lines.len());
            for row in &report.positions {
                let is_member =
                    |leg: &usize| legs[*leg].members.iter().any(|m| m.symbol == row.symbol);
                let is_of_side = |leg: &usize| {
                    (trade(&report).legs[*leg].side == Some(Side::Long)) == (0.0 < sign)
                };
                let found: Vec<usize> =
                    (0..legs.len()).filter(is_of_side).filter(is_member).collect();
                assert_eq!(found, row.legs[0].into_iter().collect::<Vec<_>>(), "{}", row.symbol);
                sizes.extend(found);
            }
        }
        assert!((0..legs.len()).all(|leg| sizes.contains(&leg)), "no leg is empty");
    }
}
