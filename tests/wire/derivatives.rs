//! Swaps, futures and options over the wire: each counts as the shares that stand for it, in every
//! answer, on every day; an option says that this is right for small moves only.

use crate::{
    golden::{LAST_ON, NOW, ROTATION_ON, book, simulated},
    harness::{Harness, expect_refusal, gaps, held, named, on, subjects},
    hedge,
    portfolio::{market, of, request},
    stress,
};
use contract::v1::{
    self, GapReason, GroupByKind, OptionRight, PositionKind as Kind, ReportBlock as Block,
    exposure_service_client::ExposureServiceClient,
    hedge_service_client::HedgeServiceClient,
    option_terms::Sensitivity,
    position::{Size, Terms},
    squeeze_service_client::SqueezeServiceClient,
    stress_service_client::StressServiceClient,
};
use tonic::{Code, transport::Channel};

/// A line of as many shares, as something else. Multipliers are powers of two, so no bit changes.
fn as_kind(line: &v1::Position, kind: Kind) -> v1::Position {
    let Some(Size::Quantity(shares)) = line.size else { panic!("shares") };
    let (contracts, terms) = match kind {
        Kind::Future => (shares / 4.0, Some(future(Some(4.0), None))),
        Kind::Option => (shares / 2.0, Some(option(Some(4.0), Sensitivity::Delta(0.5)))),
        _ => (shares, None),
    };
    let size = Some(Size::Quantity(contracts));
    v1::Position { kind: kind.into(), size, terms, ..line.clone() }
}

fn future(multiplier: Option<f64>, price: Option<f64>) -> Terms {
    Terms::Future(v1::FutureTerms { multiplier, price, contract_month: "2024-09".to_owned() })
}

pub(crate) fn option(multiplier: Option<f64>, sensitivity: Sensitivity) -> Terms {
    Terms::Option(v1::OptionTerms { multiplier, sensitivity: Some(sensitivity) })
}

pub(crate) fn line(kind: Kind, symbol: &str, size: Size, terms: Option<Terms>) -> v1::Position {
    v1::Position { kind: kind.into(), terms, ..held(symbol, size) }
}

/// The same portfolio in lines of another kind, without costs, which not every kind has.
fn in_kind(portfolio: &v1::Portfolio, kind: Kind) -> v1::Portfolio {
    let positions = portfolio.positions.iter().map(|line| as_kind(line, kind));
    v1::Portfolio { positions: positions.collect(), ..portfolio.clone() }
}

/// Removes what says of which kind the lines are.
fn plain(report: Option<&mut v1::ExposureReport>) {
    let rows = report.into_iter().flat_map(|report| &mut report.positions);
    for lot in rows.flat_map(|row| &mut row.lots) {
        (lot.kind, lot.option) = (None, None);
    }
}

/// Every number of every service about a portfolio, as text, and the gaps of each.
async fn numbers(channel: &Channel, portfolio: &v1::Portfolio) -> (Vec<String>, Vec<Vec<v1::Gap>>) {
    let (mut texts, mut found) = (Vec::new(), Vec::new());
    let mut exposure = ExposureServiceClient::new(channel.clone());
    let include = [
        Block::Breakdowns,
        Block::Factors,
        Block::Trades,
        Block::Risk,
        Block::ProfitAndLoss,
        Block::Concentration,
        Block::Positions,
        Block::Crowding,
        Block::RiskModel,
    ];
    let analysis = v1::AnalyzePortfolioRequest {
        as_of: on(LAST_ON),
        portfolio: Some(portfolio.clone()),
        include: include.map(i32::from).to_vec(),
        repeat_on: vec![ROTATION_ON.to_owned()],
        top_positions: Some(3_000),
        ..Default::default()
    };
    let mut answer = exposure.analyze_portfolio(analysis.clone()).await.unwrap().into_inner();
    found.push(gaps(&answer.info.take()).to_vec());
    plain(answer.report.as_mut());
    texts.push(format!("{answer:?}"));
    let asked = v1::ExplainPnlRequest {
        as_of: on(LAST_ON),
        portfolio: Some(portfolio.clone()),
        ..Default::default()
    };
    let mut answer = exposure.explain_pnl(asked).await.unwrap().into_inner();
    found.push(gaps(&answer.info.take()).to_vec());
    texts.push(format!("{answer:?}"));
    through_time(channel, analysis, (&mut texts, &mut found)).await;
    of_others(channel, portfolio, (&mut texts, &mut found)).await;
    (texts, found)
}

/// The same of the answers that carry lines to other days.
async fn through_time(
    channel: &Channel,
    analysis: v1::AnalyzePortfolioRequest,
    (texts, found): (&mut Vec<String>, &mut Vec<Vec<v1::Gap>>),
) {
    let mut exposure = ExposureServiceClient::new(channel.clone());
    let portfolio = analysis.portfolio.clone();
    let history = v1::AnalyzePortfolioHistoryRequest {
        analysis: Some(v1::AnalyzePortfolioRequest {
            include: [Block::Trades, Block::Risk, Block::Positions].map(i32::from).to_vec(),
            repeat_on: Vec::new(),
            top_positions: None,
            ..analysis
        }),
        vintage: v1::HistoryVintage::AsPublished.into(),
        start_on: "2024-07-30".to_owned(),
        ..Default::default()
    };
    let mut answer = exposure.analyze_portfolio_history(history).await.unwrap().into_inner();
    for point in answer.points.iter_mut().filter_map(|point| point.answer.as_mut()) {
        found.push(gaps(&point.info.take()).to_vec());
        // Its delta on that day is not known, and the shares it is held as have none.
        let rows = point.report.iter().flat_map(|report| &report.positions);
        assert!(rows.flat_map(|row| &row.lots).all(|lot| lot.option.is_none()));
        plain(point.report.as_mut());
    }
    answer.info = None;
    texts.push(format!("{answer:?}"));
    // From the day before with the same lines as of then, so that they are carried forward.
    let asked = v1::ExplainChangeRequest {
        analysis: Some(v1::AnalyzePortfolioRequest {
            as_of: on(LAST_ON),
            portfolio: portfolio.clone(),
            ..Default::default()
        }),
        before_as_of: on("2024-07-30"),
        before_portfolio: portfolio.clone(),
        ..Default::default()
    };
    let answer = Box::pin(exposure.explain_change(asked)).await.unwrap().into_inner();
    found.extend([answer.before_gaps, answer.after_gaps]);
    texts.push(format!("{:?}", answer.changes));
    let asked = v1::BacktestRiskRequest {
        as_of: on(LAST_ON),
        portfolio,
        start_on: "2024-07-30".to_owned(),
        ..Default::default()
    };
    let mut answer = exposure.backtest_risk(asked).await.unwrap().into_inner();
    found.push(gaps(&answer.info.take()).to_vec());
    texts.push(format!("{answer:?}"));
}

/// The same of squeeze, stress and hedge.
async fn of_others(
    channel: &Channel,
    portfolio: &v1::Portfolio,
    (texts, found): (&mut Vec<String>, &mut Vec<Vec<v1::Gap>>),
) {
    let asked = v1::AssessShortBookRequest {
        as_of: on(LAST_ON),
        portfolio: Some(portfolio.clone()),
        ..Default::default()
    };
    let mut client = SqueezeServiceClient::new(channel.clone());
    let mut answer = client.assess_short_book(asked).await.unwrap().into_inner();
    found.push(gaps(&answer.info.take()).to_vec());
    for lot in answer.lines.iter_mut().flat_map(|line| &mut line.lots) {
        (lot.kind, lot.option) = (None, None);
    }
    texts.push(format!("{answer:?}"));
    let asked = v1::RunStressRequest {
        as_of: on(LAST_ON),
        portfolio: Some(portfolio.clone()),
        scenarios: vec![stress::replay(ROTATION_ON, ""), stress::listed("rotation_2024_07")],
        top_positions: Some(3_000),
        ..Default::default()
    };
    let mut client = StressServiceClient::new(channel.clone());
    let mut answer = client.run_stress(asked).await.unwrap().into_inner();
    found.push(gaps(&answer.info.take()).to_vec());
    texts.push(format!("{answer:?}"));
    let mut client = HedgeServiceClient::new(channel.clone());
    let asked = hedge::plan_request(portfolio.clone());
    let mut answer = client.plan_hedge(asked).await.unwrap().into_inner();
    found.push(gaps(&answer.info.take()).to_vec());
    plain(answer.before.as_mut());
    texts.push(format!("{answer:?}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn swaps_futures_and_options_count_as_their_shares_in_every_answer() {
    let harness = Harness::at(NOW).await;
    let simulated = simulated(&harness).await;
    let channel = harness.channel().await;
    let mut shares = book(&simulated);
    shares.positions.iter_mut().for_each(|line| line.average_cost = None);
    let (expected, gaps_of_shares) = numbers(&channel, &shares).await;
    let is_first_order = |gap: &v1::Gap| gap.reason() == GapReason::FirstOrder;
    assert!(!gaps_of_shares.iter().flatten().any(is_first_order));
    for kind in [Kind::Swap, Kind::Future, Kind::Option] {
        let (found, gaps) = numbers(&channel, &in_kind(&shares, kind)).await;
        for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert_eq!(found, expected, "answer {at} of {kind:?}");
        }
        // Every answer about options says so, of all lines; no other one does.
        for (at, (gaps, before)) in gaps.iter().zip(&gaps_of_shares).enumerate() {
            let (first_order, others): (Vec<_>, Vec<_>) =
                gaps.iter().cloned().partition(is_first_order);
            assert_eq!(&others, before, "answer {at} of {kind:?}");
            let lines = first_order.iter().map(|gap| gap.subject_count as usize);
            let of_options = if kind == Kind::Option { shares.positions.len() } else { 0 };
            assert_eq!(lines.sum::<usize>(), of_options, "answer {at} of {kind:?}");
        }
    }
    harness.stop().await;
}

fn call(expires_on: &str) -> Sensitivity {
    Sensitivity::BlackScholes(v1::BlackScholesTerms {
        right: OptionRight::Call.into(),
        strike: Some(12.5),
        expires_on: expires_on.to_owned(),
        volatility: Some(0.35),
        rate: Some(0.01),
        dividend_yield: Some(0.02),
    })
}

#[track_caller]
pub(crate) fn near(value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() <= tolerance, "{value} is not {expected} ± {tolerance}");
}

/// AA closed at 12, so 1,000 shares are 12,000.
#[tokio::test(flavor = "multi_thread")]
async fn a_book_says_how_much_of_it_is_of_each_kind() {
    let (harness, channel) = market().await;
    let mut client = ExposureServiceClient::new(channel);
    let swap = v1::Position {
        average_cost: Some(10.0),
        ..line(Kind::Swap, "AA", Size::Quantity(-500.0), None)
    };
    let lines = vec![
        held("AA", Size::Quantity(1_000.0)),
        swap,
        line(Kind::Swap, "NOBODY", Size::Notional(-1_000.0), None),
        // 2 contracts of 50 times 13, whatever the close.
        line(Kind::Future, "AA", Size::Quantity(2.0), Some(future(Some(50.0), Some(13.0)))),
        line(Kind::Future, "AA", Size::Notional(-600.0), None),
        line(
            Kind::Option,
            "AA",
            Size::Quantity(10.0),
            Some(option(Some(100.0), call("2021-06-16"))),
        ),
    ];
    let mut asked = request(of(lines));
    asked.group_by =
        vec![v1::GroupBy { kind: GroupByKind::PositionKind.into(), label_key: String::new() }];
    let answer = client.analyze_portfolio(asked.clone()).await.unwrap().into_inner();
    let report = answer.report.unwrap();
    // 140 days; tests/oracles/option.py has the sensitivities of one share of the call to the last
    // digit printed.
    let (delta, gamma, vega) = (0.457586, 0.151475, 2.92824);
    let groups = &report.breakdowns[0].groups;
    let net = |id: &str| {
        let group = groups.iter().find(|group| group.group_id == id).unwrap();
        group.exposure.unwrap().net
    };
    near(net("OPTION"), 1_000.0 * delta * 12.0, 1e-2);
    near(net("LISTED"), 12_000.0, 0.0);
    near(net("SWAP"), -6_000.0 - 1_000.0, 1e-9);
    near(net("FUTURE"), 1_300.0 - 600.0, 1e-9);
    let row = &report.positions[0];
    near(row.market_value, 12_000.0 - 6_000.0 + 700.0 + net("OPTION"), 1e-9);
    let lot = |at: usize| {
        let id = format!("portfolio.positions[{at}]");
        row.lots.iter().find(|lot| lot.position_id == id).unwrap()
    };
    assert_eq!(lot(0).kind, None);
    let kinds = [1, 3, 4, 5].map(|at| lot(at).kind());
    assert_eq!(kinds, [Kind::Swap, Kind::Future, Kind::Future, Kind::Option]);
    // A short begun at 10 and now at 12 lost 2 per share.
    assert_eq!(lot(1).profit_and_loss, Some(-1_000.0));
    let found = lot(5).option.unwrap();
    near(found.delta, delta, 1e-6);
    near(found.gamma_per_percent.unwrap(), 1_000.0 * gamma * 144.0 / 100.0, 1e-3);
    near(found.vega_per_point.unwrap(), 1_000.0 * vega / 100.0, 1e-3);
    // The unknown swap is listed with its gross, and the option with its own.
    assert_eq!(answer.unresolved[0].position_id, "portfolio.positions[2]");
    let gross = report.total.unwrap().gross;
    near(answer.unresolved[0].gross_share.unwrap(), 1_000.0 / gross, 1e-12);
    let found =
        gaps(&answer.info).iter().find(|gap| gap.reason() == GapReason::FirstOrder).unwrap();
    assert_eq!(subjects(found), ["portfolio.positions[5]"]);
    near(found.gross_share.unwrap(), net("OPTION") / gross, 1e-12);
    // A put held long is a short: its delta is that of the call less e^(-qT).
    let Some(Terms::Option(terms)) = &mut asked.portfolio.as_mut().unwrap().positions[5].terms
    else {
        panic!("an option")
    };
    let Some(Sensitivity::BlackScholes(model)) = &mut terms.sensitivity else { panic!("a model") };
    model.right = OptionRight::Put.into();
    let answer = client.analyze_portfolio(asked).await.unwrap().into_inner();
    let lots = &answer.report.unwrap().positions[0].lots;
    let put = lots.iter().find_map(|lot| lot.option).unwrap();
    near(put.delta, delta - (-0.02 * 140.0 / 365.0_f64).exp(), 1e-6);
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_contract_is_named() {
    let (harness, channel) = market().await;
    let mut client = ExposureServiceClient::new(channel);
    let one = Size::Quantity(1.0);
    let broken = Sensitivity::BlackScholes(v1::BlackScholesTerms {
        right: 9,
        strike: Some(f64::NAN),
        expires_on: "soon".to_owned(),
        volatility: Some(0.0),
        rate: None,
        dividend_yield: Some(f64::INFINITY),
    });
    let dated = |position| v1::Position { valued_on: "2021-01-26".to_owned(), ..position };
    let costly = |position| v1::Position { average_cost: Some(3.0), ..position };
    let lines = vec![
        line(Kind::Swap, "AA", Size::MarketValue(5.0), None),
        line(Kind::Listed, "AA", Size::Notional(5.0), None),
        line(Kind::Swap, "AA", Size::Notional(f64::NAN), None),
        line(Kind::Future, "AA", one, Some(future(Some(0.0), Some(-1.0)))),
        line(Kind::Future, "AA", Size::Notional(5.0), Some(future(Some(1.0), Some(1.0)))),
        costly(line(Kind::Future, "AA", one, None)),
        dated(line(Kind::Future, "AA", one, Some(future(Some(1.0), None)))),
        line(Kind::Option, "AA", one, Some(option(None, Sensitivity::Delta(f64::NAN)))),
        line(Kind::Option, "AA", one, Some(option(Some(1.0), Sensitivity::Delta(-1.5)))),
        line(Kind::Option, "AA", one, Some(option(Some(1.0), broken))),
        line(Kind::Option, "AA", Size::Notional(5.0), Some(option(Some(1.0), call("2021-06-16")))),
        costly(line(Kind::Option, "AA", one, None)),
        v1::Position {
            instrument: None,
            ..line(Kind::Option, "", one, Some(option(Some(1.0), call("2021-06-16"))))
        },
        line(Kind::Future, "AA", Size::Quantity(1e12), Some(future(Some(1e6), None))),
    ];
    let paths = [
        "portfolio.positions[0].size",
        "portfolio.positions[1].size",
        "portfolio.positions[2].notional",
        "portfolio.positions[3].future.multiplier",
        "portfolio.positions[3].future.price",
        "portfolio.positions[4].future.multiplier",
        "portfolio.positions[4].future.price",
        "portfolio.positions[5].average_cost",
        "portfolio.positions[5].future.multiplier",
        "portfolio.positions[6].valued_on",
        "portfolio.positions[7].option.multiplier",
        "portfolio.positions[7].option.delta",
        "portfolio.positions[8].option.delta",
        "portfolio.positions[9].option.black_scholes.right",
        "portfolio.positions[9].option.black_scholes.strike",
        "portfolio.positions[9].option.black_scholes.expires_on",
        "portfolio.positions[9].option.black_scholes.volatility",
        "portfolio.positions[9].option.black_scholes.rate",
        "portfolio.positions[9].option.black_scholes.dividend_yield",
        "portfolio.positions[10].size",
        "portfolio.positions[11].average_cost",
        "portfolio.positions[11].option.multiplier",
        "portfolio.positions[11].option.sensitivity",
        "portfolio.positions[12].instrument",
        "portfolio.positions[13].quantity",
    ];
    let status = client.analyze_portfolio(request(of(lines))).await.unwrap_err();
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    of_another_kind(&mut client).await;
    harness.stop().await;
}

/// Terms of another kind, a long month, and a kind that this server does not know.
async fn of_another_kind(client: &mut ExposureServiceClient<Channel>) {
    let one = Size::Quantity(1.0);
    let month = "m".repeat(65);
    let long = Terms::Future(v1::FutureTerms { contract_month: month, ..Default::default() });
    let unknown = v1::Position { kind: 9, ..held("AA", one) };
    let lines = vec![
        line(Kind::Swap, "AA", one, Some(option(Some(1.0), Sensitivity::Delta(0.5)))),
        line(Kind::Unspecified, "AA", one, Some(long)),
        unknown,
    ];
    let status = client.analyze_portfolio(request(of(lines))).await.unwrap_err();
    let paths = [
        "portfolio.positions[0].option",
        "portfolio.positions[1].future",
        "portfolio.positions[1].future.contract_month",
        "portfolio.positions[2].kind",
    ];
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    // An option has no delta that is finite after centuries, or many at large rates over decades. One
    // that has expired is no fault.
    let lines = ["2021-01-27", "2021-01-28", "2051-01-20", "2051-01-21", "9999-12-31"]
        .map(|expiry| line(Kind::Option, "AA", one, Some(option(Some(1.0), call(expiry)))));
    let status = client.analyze_portfolio(request(of(lines.to_vec()))).await.unwrap_err();
    let paths =
        [3, 4].map(|at| format!("portfolio.positions[{at}].option.black_scholes.expires_on"));
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    let Sensitivity::BlackScholes(mut model) = call("2051-01-20") else { panic!("a model") };
    (model.rate, model.dividend_yield) = (Some(0.2), Some(-1.0));
    let terms = option(Some(1.0), Sensitivity::BlackScholes(model));
    let lines = vec![line(Kind::Option, "AA", one, Some(terms))];
    let status = client.analyze_portfolio(request(of(lines))).await.unwrap_err();
    let paths = ["rate", "dividend_yield"]
        .map(|field| format!("portfolio.positions[0].option.black_scholes.{field}"));
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    expired(client).await;
}

/// The session is 2021-01-27. An option of that day or before is listed as not valued, whatever its
/// rates, and the rest of the book is as without it.
async fn expired(client: &mut ExposureServiceClient<Channel>) {
    let shares = held("AA", Size::Quantity(100.0));
    let without = client.analyze_portfolio(request(of(vec![shares.clone()]))).await.unwrap();
    let old = |expiry| {
        line(Kind::Option, "AA", Size::Quantity(1.0), Some(option(Some(1.0), call(expiry))))
    };
    let lines = vec![shares, old("2021-01-27"), old("2020-06-19")];
    let answer = client.analyze_portfolio(request(of(lines))).await.unwrap().into_inner();
    assert_eq!(answer.report.unwrap().total, without.into_inner().report.unwrap().total);
    let ids: Vec<_> = answer.unresolved.iter().map(|line| line.position_id.as_str()).collect();
    assert_eq!(ids, [1, 2].map(|at| format!("portfolio.positions[{at}]")));
    for line in &answer.unresolved {
        assert_eq!((line.reason(), line.gross_share), (GapReason::Expired, None));
    }
}

/// Lots of one holding in any kind and number are one net position.
#[tokio::test(flavor = "multi_thread")]
async fn splitting_a_line_changes_nothing() {
    let (harness, channel) = market().await;
    let mut client = ExposureServiceClient::new(channel);
    let whole = vec![line(Kind::Swap, "AA", Size::Quantity(96.0), None)];
    let parts = vec![
        held("AA", Size::Quantity(32.0)),
        line(Kind::Swap, "AA", Size::Quantity(128.0), None),
        line(Kind::Future, "AA", Size::Quantity(-2.0), Some(future(Some(16.0), None))),
        v1::Position {
            instrument: named("AA"),
            ..line(
                Kind::Option,
                "AA",
                Size::Quantity(-4.0),
                Some(option(Some(16.0), Sensitivity::Delta(0.5))),
            )
        },
    ];
    let mut reports = Vec::new();
    for lines in [whole, parts] {
        let answer = client.analyze_portfolio(request(of(lines))).await.unwrap().into_inner();
        let mut report = answer.report.unwrap();
        report.positions.iter_mut().for_each(|row| row.lots.clear());
        reports.push(report);
    }
    assert_eq!(reports[0], reports[1]);
    harness.stop().await;
}
