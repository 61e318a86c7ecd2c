//! The hedge service over the wire on real files: a book of January 2021, with funds to trade.
//!
//! There are no expected numbers here but laws: "before" is what AnalyzePortfolio says of the book,
//! "after" what it says of the book with the trades in it, who may trade more does no worse, and
//! neither the order of files nor that of positions plays a part.

use crate::{
    harness::{Harness, JANUARY_2021, forget_reference, held, on, real_data},
    hedge::{fund, outcome},
};
use contract::v1::{
    self, exposure_service_client::ExposureServiceClient, hedge_service_client::HedgeServiceClient,
    position::Size,
};
use std::{collections::BTreeMap, path::Path};

const ON: &str = "2021-01-29";
const FUNDS: [&str; 3] = ["IWM", "QQQ", "SPY"];
/// What else is loaded.
const MORE: [&str; 4] = [
    "prices/etf_ohlcv/QQQ.csv.gz",
    "prices/yahoo/META.csv.gz",
    "universe/screener_2021-01-29.csv.gz",
    "short_interest/settle_2020-12-31.csv.gz",
];

/// The files in this order, or in the opposite one: the schedule, which dates others, comes first.
async fn market(folder: &Path, is_reversed: bool) -> Harness {
    let harness = Harness::start().await;
    let mut files = [&JANUARY_2021[..], &MORE].concat();
    if is_reversed {
        files[1..].reverse();
    }
    harness.ingest_real(folder, &files).await;
    harness
}

/// Long megacaps, short names of the squeeze and other small caps.
fn book() -> BTreeMap<&'static str, f64> {
    BTreeMap::from([
        ("AAPL", 60_000.0),
        ("AMZN", 2_400.0),
        ("GOOGL", 4_000.0),
        ("MSFT", 35_000.0),
        ("GME", -4_000.0),
        ("AMC", -60_000.0),
        ("BB", -100_000.0),
        ("FIZZ", -10_000.0),
        ("PLUG", -40_000.0),
        ("IRBT", -10_000.0),
    ])
}

fn portfolio<'a>(shares: impl Iterator<Item = (&'a str, f64)>) -> Option<v1::Portfolio> {
    let line = |(symbol, count): (&str, f64)| v1::Position {
        position_id: symbol.to_owned(),
        ..held(symbol, Size::Quantity(count))
    };
    Some(v1::Portfolio { positions: shares.map(line).collect(), ..Default::default() })
}

fn plan_request(portfolio: Option<v1::Portfolio>) -> v1::PlanHedgeRequest {
    let instruments = FUNDS.map(fund).to_vec();
    v1::PlanHedgeRequest {
        as_of: on(ON),
        portfolio,
        problem: Some(v1::HedgeProblem { instruments, ..Default::default() }),
        without_effectiveness: true,
        ..Default::default()
    }
}

async fn planned(harness: &Harness, request: v1::PlanHedgeRequest) -> v1::PlanHedgeResponse {
    let mut client = HedgeServiceClient::new(harness.channel().await);
    client.plan_hedge(request).await.unwrap().into_inner()
}

/// The report of a book, with the blocks that plans have.
async fn analyzed(harness: &Harness, portfolio: Option<v1::Portfolio>) -> v1::ExposureReport {
    use v1::ReportBlock::{Breakdowns, Factors, Risk, Trades};
    let request = v1::AnalyzePortfolioRequest {
        as_of: on(ON),
        portfolio,
        include: [Breakdowns, Factors, Trades, Risk].map(i32::from).to_vec(),
        ..Default::default()
    };
    let mut client = ExposureServiceClient::new(harness.channel().await);
    client.analyze_portfolio(request).await.unwrap().into_inner().report.unwrap()
}

/// Numbers of a report by name: exposure by group, betas both ways, unwinds, measures of risk.
fn numbers(report: &v1::ExposureReport) -> BTreeMap<String, f64> {
    let mut all = BTreeMap::new();
    let mut put = |name: String, value: f64| assert!(all.insert(name, value).is_none());
    let total = report.total.as_ref().unwrap();
    put("long".to_owned(), total.long);
    put("short".to_owned(), total.short);
    put("net".to_owned(), total.net);
    for (at, breakdown) in report.breakdowns.iter().enumerate() {
        for row in &breakdown.groups {
            put(format!("{at}/{}", row.group_id), row.exposure.as_ref().unwrap().net);
        }
    }
    for factor in &report.factors {
        let betas = [("names", &factor.bottom_up), ("book", &factor.top_down)];
        for (which, beta) in betas {
            beta.iter().for_each(|beta| put(format!("{}/{which}", factor.factor_id), beta.value));
        }
    }
    for unwind in report.trades.iter().flat_map(|trade| &trade.unwinds) {
        put(format!("unwind {}", unwind.standard_deviations), unwind.pnl);
    }
    let levels = report.risk_measures.iter().flat_map(|measure| &measure.levels);
    for (at, level) in levels.enumerate() {
        put(format!("risk {at}"), level.value);
    }
    all
}

/// Compares reports number by number: the same sums in another order.
#[track_caller]
fn same(found: &v1::ExposureReport, expected: &v1::ExposureReport) {
    let (found, expected) = (numbers(found), numbers(expected));
    assert!(12 < found.len(), "{found:?}");
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    let gross = expected["long"] + expected["short"];
    for (name, value) in &found {
        assert!((value - expected[name]).abs() < 1e-9 * gross, "{name}: {value} {expected:?}");
    }
}

/// What must be equal whatever the order: without the reference, and the echo of the request.
fn content(mut answer: v1::PlanHedgeResponse) -> v1::PlanHedgeResponse {
    forget_reference(&mut answer.info);
    answer.problem = None;
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_of_january_2021_is_hedged_by_laws() {
    let Some(folder) = real_data("a hedge in January 2021") else { return };
    let harness = market(&folder, false).await;
    let straight = portfolio(book().into_iter());
    let answer = planned(&harness, plan_request(straight.clone())).await;
    assert_eq!(answer.unresolved, []);
    assert_eq!(answer.before, Some(analyzed(&harness, straight).await));
    for plan in &answer.plans {
        let outcome = outcome(plan);
        assert!(!outcome.trades.is_empty());
        let mut shares = book();
        for trade in &outcome.trades {
            *shares.entry(trade.line_id.as_str()).or_default() += trade.quantity;
        }
        shares.retain(|_, count| *count != 0.0);
        let again = analyzed(&harness, portfolio(shares.into_iter())).await;
        same(outcome.after.as_ref().unwrap(), &again);
    }
    // Who may trade both finds no worse plan, up to lots and the gap of the search.
    let [cut, overlay, both] = [0, 1, 2].map(|at: usize| {
        let objective = outcome(&answer.plans[at]).objective.unwrap();
        assert!(objective.after < objective.before, "{objective:?}");
        objective.after
    });
    assert!(both <= 1.01 * cut.min(overlay), "{cut} {overlay} {both}");

    let turned = planned(&harness, plan_request(portfolio(book().into_iter().rev()))).await;
    assert!(content(turned) == content(answer.clone()), "the order of positions");
    let other = market(&folder, true).await;
    let turned = planned(&other, plan_request(portfolio(book().into_iter()))).await;
    assert!(content(turned) == content(answer), "the order of ingest");
}

/// A million of GOOG against a million of GOOGL: their returns were 0.12 % a day apart in the nine months
/// before, at a volatility of 1.2 % of their own. They are one company, so the pair has little risk.
#[tokio::test(flavor = "multi_thread")]
async fn two_classes_of_one_company_are_nearly_one() {
    let Some(folder) = real_data("two_classes_of_one_company_are_nearly_one") else { return };
    let harness = market(&folder, false).await;
    let line = |symbol, value| held(symbol, Size::MarketValue(value));
    let of = |positions: Vec<v1::Position>| {
        plan_request(Some(v1::Portfolio { positions, ..Default::default() }))
    };
    let volatility = async |request| {
        let answer = planned(&harness, request).await;
        outcome(&answer.plans[2]).volatility.as_ref().unwrap().before
    };
    let pair = volatility(of(vec![line("GOOG", 1e6), line("GOOGL", -1e6)])).await;
    let alone = volatility(of(vec![line("GOOG", 1e6)])).await;
    println!("{pair:.0} a pair, {alone:.0} alone");
    assert!(800.0 < pair && pair < 2_500.0, "{pair}");
    assert!(10_000.0 < alone, "{alone}");
}
