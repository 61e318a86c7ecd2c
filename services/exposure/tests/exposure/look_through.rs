//! Books looked through their funds: a fund is its holdings, and what is shown says which view it is.

use crate::*;
use exposure::report::{Breakdown, Exposure};
use factors::{funds::Funds, look_through::FundView};
use marketdata::{
    dataset::{Dataset, Field},
    gap::Gap,
    instrument::Namespace,
};

const SESSIONS: i32 = 150;
const SECTORS: [&str; 3] = ["Energy", "Health Care", "Utilities"];

fn symbol(at: usize) -> String {
    format!("N{at:02}")
}

/// A fund: its symbol, and its members with their weights.
type Basket = (&'static str, Vec<(String, f64)>);

/// Twelve small companies, N20 to N31, weighted by their numbers; the weights add up to one.
fn small_caps() -> Basket {
    let sum: f64 = (20..32).map(f64::from).sum();
    ("SMALL", (20..32).map(|at| (symbol(at), at as f64 / sum)).collect())
}

/// A market of 32 companies, each half as large as the one before from 1,000 billion USD on, with
/// sectors in turn, and of some funds with returns of their own. The holdings are published on the
/// last session.
fn market(funds: &[Basket]) -> Snapshot {
    let mut fixture = Fixture::new();
    let first = day("2020-06-01");
    let noise = |at: i32, t: i32| 0.004 * f64::from((t * (2 * at + 3) + at) % 9 - 4);
    let listed = |fixture: &mut Fixture, symbol: &str, at: i32| {
        let mut close = 100.0;
        let close_on = |t: i32| {
            close *= 1.0 + 0.01 * f64::from((t * 7) % 11 - 5) + noise(at, t);
            (first.plus(t), close)
        };
        fixture.closes(symbol, &(0..SESSIONS).map(close_on).collect::<Vec<_>>());
    };
    for at in 0..32_usize {
        listed(&mut fixture, &symbol(at), at as i32);
        let key = (fixture.id(Namespace::Listed, &symbol(at)), InstrumentId::NONE);
        let known = Instant::close_of(first);
        let shares = 1e10 / f64::from(1 << at.min(30)) + 1.0;
        let values = [(Field::SharesOutstanding, shares), (Field::PublicFloat, shares)];
        fixture.fact(Dataset::ShareCounts, key, first, known, &values);
        let sector = fixture.text(SECTORS[at % 3]);
        fixture.fact(Dataset::Listings, key, first, known, &[(Field::Sector, sector)]);
    }
    listed(&mut fixture, "^GSPC", 0);
    listed(&mut fixture, "^RUT", 5);
    let last = first.plus(SESSIONS - 1);
    for (at, (fund, members)) in funds.iter().enumerate() {
        listed(&mut fixture, fund, 40 + at as i32);
        for (member, weight) in members {
            let key = [member, *fund].map(|name| fixture.id(Namespace::Listed, name));
            let known = Instant::close_of(last);
            let weight = [(Field::Weight, *weight)];
            fixture.fact(Dataset::Holdings, (key[0], key[1]), last.plus(-1), known, &weight);
        }
    }
    fixture.commit();
    fixture.snapshot(Instant::close_of(last))
}

fn seen(
    prepared: &PreparedExposure,
    lines: &[(String, f64)],
    view: Option<FundView>,
) -> ExposureReport {
    let mut tail = tail(&[0.95], QuantileRule::Linear);
    tail.by_group = vec![TailPart::Level(0, 0)];
    let request = Request {
        book: &join(prepared, &raw(lines), None),
        blocks: Blocks::ALL,
        beta: BetaSettings::PREPARED,
        tails: std::slice::from_ref(&tail),
        size_scheme: SizeScheme::standard(),
        classification: None,
        look_through: view,
        group_by: &[GroupBy::Size, GroupBy::Sector],
        repeat_on: &[],
        trades: &[TradeChoice::Standard],
        listing: Listing::All,
    };
    analyze(prepared, &request)
}

fn lines(of: &[(&str, f64)]) -> Vec<(String, f64)> {
    of.iter().map(|(symbol, value)| ((*symbol).to_owned(), *value)).collect()
}

fn same(a: &Exposure, b: &Exposure) {
    near(a.long, b.long, 1e-6);
    near(a.short, b.short, 1e-6);
    assert_eq!((a.long_names, a.short_names), (b.long_names, b.short_names));
    near(a.beta_net().unwrap_or(0.0), b.beta_net().unwrap_or(0.0), 1e-4);
}

fn same_groups(a: &[Breakdown], b: &[Breakdown]) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        let ids = |of: &Breakdown| -> Vec<_> {
            of.groups.iter().map(|group| group.group_id.clone()).collect()
        };
        assert_eq!(ids(a), ids(b));
        a.groups.iter().zip(&b.groups).for_each(|(a, b)| same(&a.exposure, &b.exposure));
    }
}

const VIEWS: [FundView; 2] = [FundView::Netted, FundView::Gross];

#[test]
fn a_fund_held_is_its_holdings_held() {
    let fund = small_caps();
    let prepared = prepare(&market(std::slice::from_ref(&fund)), &World::roles());
    let stocks = lines(&[("N00", 2e6), ("N05", 7e5), ("N12", -4e5)]);
    let with_fund = [stocks.clone(), lines(&[("SMALL", -1.5e6)])].concat();
    let short = |(member, weight): &(String, f64)| (member.clone(), -1.5e6 * weight);
    let with_holdings = [stocks, fund.1.iter().map(short).collect()].concat();
    for view in VIEWS {
        let [a, b] = [&with_fund, &with_holdings].map(|book| seen(&prepared, book, Some(view)));
        same_groups(&a.breakdowns, &b.breakdowns);
        let legs = trade(&a).legs.iter().zip(&trade(&b).legs);
        legs.for_each(|(a, b)| same(&a.exposure, &b.exposure));
        near(trade(&a).matched, trade(&b).matched, 1e-6);
        assert!(0.0 < trade(&a).legs[SMALL_CAP_SHORT].exposure.short, "the short is in the trade");
        let (a_weights, b_weights) = (a.concentration.unwrap(), b.concentration.unwrap());
        near(a_weights.herfindahl, b_weights.herfindahl, 1e-12);
        near(a_weights.largest_five_share, b_weights.largest_five_share, 1e-12);
        let (a, b) = (a.look_through.unwrap(), b.look_through.unwrap());
        same(&a.exposure, &b.exposure);
        assert_eq!((a.names.len(), a.rest_gross), (15, 0.0));
        for (a, b) in a.names.iter().zip(&b.names) {
            assert_eq!(a.symbol, b.symbol);
            near(a.shares.unwrap(), b.shares.unwrap(), 1e-6);
        }
    }
}

#[test]
fn a_short_fund_and_its_long_members_net_in_one_view_only() {
    // Half of FUND is N20, half N21. Long 300 of N20, short 1,000 of FUND: N20 is 300 − 500.
    let fund = ("FUND", vec![(symbol(20), 0.5), (symbol(21), 0.5)]);
    let prepared = prepare(&market(&[fund]), &World::roles());
    let book = lines(&[("N20", 300.0), ("FUND", -1_000.0)]);
    let held = seen(&prepared, &book, None);
    assert_eq!((held.total.long, held.total.short), (300.0, 1_000.0));
    assert!(held.look_through.is_none());
    for (view, (long, short)) in VIEWS.into_iter().zip([(0.0, 700.0), (300.0, 1_000.0)]) {
        let report = seen(&prepared, &book, Some(view));
        let through = report.look_through.as_ref().unwrap();
        assert_eq!((through.exposure.long, through.exposure.short), (long, short));
        near(through.exposure.net(), -700.0, 1e-9);
        // Both are micro caps, and short small caps are a leg of the trade.
        let legs = &trade(&report).legs;
        near(legs[SMALL_CAP_SHORT].exposure.short, short, 1e-9);
        let groups = &report.breakdowns[0].groups;
        assert_eq!((groups.len(), groups[0].group_id.as_deref()), (1, Some("micro")));
        let names: Vec<_> =
            through.names.iter().map(|name| (name.symbol.as_str(), name.part.gross())).collect();
        let gross = if view == FundView::Netted { 200.0 } else { 800.0 };
        let mut expected = [("N20", gross), ("N21", 500.0_f64)];
        expected.sort_by(|a, b| b.1.total_cmp(&a.1));
        assert_eq!(names, expected);
        // What lines are does not change.
        assert_eq!((report.total, &report.tails), (held.total, &held_tails(&report, &held)));
        assert_eq!(report.factors, held.factors);
        assert_eq!(report.positions.len(), 2);
    }
}

/// The tails of a report with the groups of another, which may be split differently.
fn held_tails(report: &ExposureReport, held: &ExposureReport) -> Vec<Result<TailRisk, Gap>> {
    let mut tails = held.tails.clone();
    if let (Ok(tail), Ok(seen)) = (&mut tails[0], &report.tails[0]) {
        tail.by_group.clone_from(&seen.by_group);
    }
    tails
}

#[test]
fn contributions_of_a_fund_are_split_by_what_it_holds() {
    let prepared = prepare(&market(&[small_caps()]), &World::roles());
    let book = lines(&[("N00", 2e6), ("N21", 3e5), ("SMALL", -1.5e6)]);
    for view in [None, Some(FundView::Netted), Some(FundView::Gross)] {
        let report = seen(&prepared, &book, view);
        let tail = tail_of(&report).unwrap();
        let total = tail.levels[0].expected_shortfall;
        for (parts, breakdown) in tail.by_group[0].iter().zip(&report.breakdowns) {
            assert_eq!(parts.len(), breakdown.groups.len());
            near(parts.iter().sum::<f64>(), total, 1e-6 * total.abs());
        }
    }
}

#[test]
fn the_order_of_lines_changes_no_bit_of_a_look_through() {
    let inner = ("INNER", vec![(symbol(25), 0.4), (symbol(3), 0.35)]);
    let outer = ("OUTER", vec![("INNER".to_owned(), 0.3), (symbol(25), 0.21), (symbol(7), 0.44)]);
    let prepared = prepare(&market(&[small_caps(), inner, outer]), &World::roles());
    let mut book = lines(&[
        ("OUTER", 123_456.7),
        ("SMALL", -98_765.4),
        ("INNER", 31_415.9),
        ("N25", 27_182.8),
        ("SMALL", 11_111.1),
    ]);
    for view in VIEWS {
        let forth = seen(&prepared, &book, Some(view));
        book.reverse();
        let back = seen(&prepared, &book, Some(view));
        assert_eq!(forth.look_through, back.look_through);
        assert_eq!(forth.breakdowns, back.breakdowns);
        assert_eq!(forth.coverage, back.coverage);
    }
}

#[test]
fn what_cannot_be_seen_is_a_gap() {
    let half = ("HALF", vec![(symbol(20), 0.45), ("GONE".to_owned(), 0.05)]);
    let ring = ("RING", vec![(symbol(20), 0.5), ("RING".to_owned(), 0.5)]);
    let prepared = prepare(&market(&[half, ring]), &World::roles());
    let book = lines(&[("HALF", 400.0), ("RING", -500.0), ("^RUT", 100.0)]);
    let report = seen(&prepared, &book, Some(FundView::Netted));
    let through = report.look_through.as_ref().unwrap();
    // Of HALF 55 % stay, all of RING, and all of the index, whose holdings nobody knows.
    near(through.rest_gross, 0.55 * 400.0 + 500.0 + 100.0, 1e-9);
    let shares = |reason, symbol: &str| -> Vec<f64> {
        let is_it = |gap: &&Gap| gap.reason == reason && gap.subject == Subject::symbol(symbol);
        report.gaps.iter().filter(is_it).filter_map(|gap| gap.gross_share).collect()
    };
    near(shares(GapReason::InputMissing, "HALF")[0], 0.5 * 0.4, 1e-12);
    near(shares(GapReason::NoPrice, "HALF")[0], 0.05 * 0.4, 1e-12);
    near(shares(GapReason::Degenerate, "RING")[0], 0.5, 1e-12);
    near(shares(GapReason::InputMissing, "^RUT")[0], 0.1, 1e-12);
    // The coverage of sizes is that of what was seen: 180 of 1,000.
    let sized = report.coverage.iter().find(|row| row.aspect == Aspect::Sized).unwrap();
    near(sized.own, 0.18, 1e-12);
    near(sized.missing, 0.82, 1e-12);
}

#[test]
fn old_holdings_are_a_gap() {
    let snapshot = market(&[small_caps()]);
    let fund = snapshot.listed("SMALL").unwrap();
    let facts = |snapshot: &Snapshot| {
        let quotes = marketdata::quotes::Quotes::of(snapshot);
        Funds::of(snapshot, &quotes).get(fund).unwrap().facts
    };
    let held_on = facts(&snapshot).held_on;
    assert!(!facts(&snapshot).is_stale(held_on.plus(31)));
    assert!(facts(&snapshot).is_stale(held_on.plus(32)));
}
