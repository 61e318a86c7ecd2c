//! ExplainChange: ends are those of single calls, parts add up, each cause has its own part.

use crate::{
    exposure::{TODAY, market, prices},
    harness::{Harness, expect_refusal, gaps, header, held, named, on, reference, replay_of},
};
use contract::v1::{
    self, ExposureNumber, exposure_service_client::ExposureServiceClient, measure_ref::Measure,
    position::Size,
};
use marketdata::{calendar, day::Day};
use std::fmt::Write as _;
use tonic::{Code, transport::Channel};

/// A day some sessions before [`TODAY`].
const EARLIER: &str = "2021-01-15";

const SYMBOLS: [(&str, f64); 4] =
    [("AA", 8_000.0), ("BB", 4_000.0), ("CC", -3_000.0), ("DD", -5_000.0)];

fn book(lines: &[(&str, f64)]) -> Option<v1::Portfolio> {
    let positions = lines.iter().map(|(symbol, shares)| held(symbol, Size::Quantity(*shares)));
    let net_asset_value = Some(1e6);
    let positions = positions.collect();
    Some(v1::Portfolio { positions, net_asset_value, ..v1::Portfolio::default() })
}

fn analysis() -> v1::AnalyzePortfolioRequest {
    v1::AnalyzePortfolioRequest {
        as_of: on(TODAY),
        portfolio: book(&SYMBOLS),
        ..v1::AnalyzePortfolioRequest::default()
    }
}

fn request() -> v1::ExplainChangeRequest {
    v1::ExplainChangeRequest {
        analysis: Some(analysis()),
        before_as_of: on(EARLIER),
        ..v1::ExplainChangeRequest::default()
    }
}

async fn explain(
    client: &mut ExposureServiceClient<Channel>,
    request: v1::ExplainChangeRequest,
) -> v1::ExplainChangeResponse {
    let answer = Box::pin(client.explain_change(request)).await.unwrap().into_inner();
    for row in &answer.changes {
        add_up(row);
    }
    answer
}

fn parts(row: &v1::NumberChange) -> [Option<f64>; 5] {
    [row.by_model, row.by_data, row.by_market, row.by_positions, row.by_settings]
}

/// The parts of a change add up to it, and it is the difference of both ends.
fn add_up(row: &v1::NumberChange) {
    let (Some(before), Some(after)) = (row.before, row.after) else {
        assert_eq!(row.change, None, "{row:?}");
        return;
    };
    assert_eq!(row.change, Some(after - before), "{row:?}");
    let parts: Option<Vec<f64>> = parts(row).into_iter().collect();
    let Some(parts) = parts else { return };
    // Five differences of numbers of this size, each rounded.
    let size = parts.iter().map(|part| part.abs()).sum::<f64>() + before.abs() + after.abs();
    let sum: f64 = parts.iter().sum();
    assert!((sum - (after - before)).abs() <= 1e-14 * size, "{row:?}");
}

/// The causes that change any number.
fn causes(answer: &v1::ExplainChangeResponse) -> [bool; 5] {
    let mut found = [false; 5];
    for row in &answer.changes {
        for (cause, part) in found.iter_mut().zip(parts(row)) {
            *cause |= part.is_some_and(|part| part != 0.0);
        }
    }
    found
}

fn find(answer: &v1::ExplainChangeResponse, is: impl Fn(&Measure) -> bool) -> &v1::NumberChange {
    let measure = |row: &&v1::NumberChange| {
        row.measure.as_ref().and_then(|of| of.measure.as_ref()).is_some_and(&is)
    };
    answer.changes.iter().find(measure).unwrap()
}

/// A value of the whole book.
fn exposure(answer: &v1::ExplainChangeResponse, number: ExposureNumber) -> &v1::NumberChange {
    let is = |measure: &Measure| {
        matches!(measure, Measure::Book(book)
            if book.number() == v1::BookNumber::Exposure && book.exposure() == number)
    };
    find(answer, is)
}

/// The market value of a name.
fn name<'a>(answer: &'a v1::ExplainChangeResponse, symbol: &str) -> &'a v1::NumberChange {
    let is = |measure: &Measure| {
        matches!(measure, Measure::Name(name)
            if name.field == "market_value" && name.instrument == named(symbol))
    };
    find(answer, is)
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ends_are_answers_of_single_calls() {
    let (harness, mut client) = market().await;
    let held_before = book(&[("AA", 8_000.0), ("BB", 1_000.0), ("DD", -6_000.0)]);
    let asked = v1::ExplainChangeRequest { before_portfolio: held_before.clone(), ..request() };
    let answer = explain(&mut client, asked.clone()).await;
    let whole = |as_of: &str, portfolio| v1::AnalyzePortfolioRequest {
        as_of: on(as_of),
        portfolio,
        ..analysis()
    };
    let single = |request| {
        let mut client = client.clone();
        async move { client.analyze_portfolio(request).await.unwrap().into_inner() }
    };
    let before = single(whole(EARLIER, held_before)).await;
    let after = single(whole(TODAY, book(&SYMBOLS))).await;
    assert_eq!(answer.before_snapshot, Some(reference(&before.info)));
    assert_eq!(reference(&answer.info), reference(&after.info));
    assert_eq!(
        (&answer.before_gaps[..], &answer.after_gaps[..]),
        (gaps(&before.info), gaps(&after.info))
    );
    let (before, after) = (before.report.unwrap(), after.report.unwrap());
    let (was, is) = (before.total.unwrap(), after.total.unwrap());
    for (number, was, is) in [
        (ExposureNumber::Long, was.long, is.long),
        (ExposureNumber::Short, was.short, is.short),
        (ExposureNumber::Gross, was.gross, is.gross),
        (ExposureNumber::Net, was.net, is.net),
        (ExposureNumber::ShortNames, f64::from(was.short_names), f64::from(is.short_names)),
    ] {
        let row = exposure(&answer, number);
        assert_eq!((row.before, row.after), (Some(was), Some(is)), "{number:?}");
    }
    let value = |report: &v1::ExposureReport| report.risk_measures[0].levels[0].value;
    let is_value = |measure: &Measure| {
        matches!(measure, Measure::Risk(risk) if risk.measure_id == "value_at_risk"
            && risk.confidence == Some(0.95) && risk.number() == v1::RiskNumber::Value)
    };
    let row = find(&answer, is_value);
    assert_eq!((row.before, row.after), (Some(value(&before)), Some(value(&after))));
    // The market moves what was held; then 3,000 more BB, 3,000 fewer CC and 1,000 more DD.
    let price = |report: &v1::ExposureReport, symbol: &str| {
        report.positions.iter().find(|row| row.symbol == symbol).unwrap().price.unwrap()
    };
    let bb = name(&answer, "BB");
    let market = 1_000.0 * (price(&after, "BB") - price(&before, "BB"));
    let near = |one: Option<f64>, other: f64| (one.unwrap() - other).abs() <= 1e-9 * other.abs();
    assert!(near(bb.by_market, market), "{bb:?} {market}");
    assert!(near(bb.by_positions, 3_000.0 * price(&after, "BB")), "{bb:?}");
    let cc = name(&answer, "CC");
    assert_eq!((cc.before, cc.by_market), (Some(0.0), Some(0.0)), "not held before");
    assert!(near(cc.by_positions, -3_000.0 * price(&after, "CC")), "{cc:?}");
    assert_eq!(causes(&answer)[..2], [false, false], "no other formulas, no other data");
    assert!(!causes(&answer)[4], "no other settings");
    // A replay of both has the same bytes.
    let mut replay = asked;
    replay.analysis.as_mut().unwrap().as_of = replay_of(&reference(&answer.info));
    let replayed = explain(&mut client, replay).await;
    assert_eq!(replayed, answer);
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_cause_alone_changes_only_its_part() {
    let (harness, mut client) = market().await;
    let same = v1::ExplainChangeRequest { before_as_of: on(TODAY), ..request() };
    let answer = explain(&mut client, same.clone()).await;
    assert_eq!(causes(&answer), [false; 5]);
    assert!(answer.changes.iter().all(|row| row.before == row.after), "nothing changed");
    let market_only = explain(&mut client, request()).await;
    assert_eq!(causes(&market_only), [false, false, true, false, false]);
    let other = book(&[("AA", 8_000.0), ("CC", -1.0)]);
    let positions = v1::ExplainChangeRequest { before_portfolio: other, ..same.clone() };
    let positions = explain(&mut client, positions).await;
    assert_eq!(causes(&positions), [false, false, false, true, false]);
    let beta = v1::BetaSettings { half_life_sessions: Some(20.0), ..v1::BetaSettings::default() };
    let before_settings =
        Some(v1::AnalysisSettings { beta: Some(beta), ..v1::AnalysisSettings::default() });
    let settings = v1::ExplainChangeRequest { before_settings, ..same.clone() };
    let settings = explain(&mut client, settings).await;
    assert_eq!(causes(&settings), [false, false, false, false, true]);
    // A correction of AA's last close: 10 % more, so its 8,000 shares are worth 10 % more.
    let revision = reference(&answer.info).revision;
    let last = prices().lines().rfind(|line| line.starts_with("AA,")).unwrap().to_owned();
    let mut fields: Vec<String> = last.split(',').map(str::to_owned).collect();
    let close: f64 = fields[5].parse().unwrap();
    for price in &mut fields[2..7] {
        *price = (1.1 * close).to_string();
    }
    let file = format!("Ticker,Date,Open,High,Low,Close,Adj Close,Volume\n{}\n", fields.join(","));
    let raw =
        v1::IngestHeader { price_basis: v1::PriceBasis::Raw.into(), ..header("us_equities.csv") };
    let published = v1::IngestHeader { published_at: Some(close_of(TODAY)), ..raw };
    harness.try_ingest(published, file.as_bytes()).await.unwrap();
    let before_as_of = Some(v1::AsOf { revision: Some(revision), ..on(TODAY).unwrap() });
    let revised = explain(&mut client, v1::ExplainChangeRequest { before_as_of, ..same }).await;
    assert_eq!(causes(&revised), [false, true, false, false, false]);
    let aa = name(&revised, "AA");
    let expected = 800.0 * close;
    assert!((aa.by_data.unwrap() - expected).abs() < 1e-6 * expected, "{aa:?} {expected}");
    harness.stop().await;
}

/// The instant of a close, in winter 21:00 UTC.
fn close_of(day: &str) -> prost_types::Timestamp {
    crate::harness::timestamp(&format!("{day}T21:00:00Z"))
}

/// AA splits 4 for 1 between both ends, and is worth the same: nothing changed, whichever end gives
/// the shares.
#[tokio::test(flavor = "multi_thread")]
async fn a_split_is_no_change() {
    let today = Day::parse_iso(TODAY).unwrap();
    let mut prices = String::from("Ticker,Date,Open,High,Low,Close,Adj Close,Volume\n");
    for symbol in ["^GSPC", "AA"] {
        for back in (0..80).rev() {
            let close = if symbol == "AA" && back == 0 { 25.0 } else { 100.0 };
            let day = calendar::plus_sessions(today, -back);
            writeln!(prices, "{symbol},{day},{close},{close},{close},{close},{close},1000")
                .unwrap();
        }
    }
    let harness = Harness::at("2021-02-01T12:00:00Z").await;
    let actions = format!("symbol,date,price_factor,share_factor\nAA,{today},4,4\n");
    harness.ingest("corporate_actions.csv", actions.as_bytes()).await;
    let raw =
        v1::IngestHeader { price_basis: v1::PriceBasis::Raw.into(), ..header("us_equities.csv") };
    harness.try_ingest(raw, prices.as_bytes()).await.unwrap();
    let mut client = ExposureServiceClient::new(harness.channel().await);
    let costing = |shares: f64, cost: f64| {
        let mut held = book(&[("AA", shares)]);
        held.as_mut().unwrap().positions[0].average_cost = Some(cost);
        held
    };
    let include = [v1::ReportBlock::Positions, v1::ReportBlock::ProfitAndLoss];
    let analysis = v1::AnalyzePortfolioRequest {
        portfolio: costing(400.0, 20.0),
        include: include.map(i32::from).to_vec(),
        ..analysis()
    };
    for before_portfolio in [None, costing(100.0, 80.0)] {
        let asked = v1::ExplainChangeRequest {
            analysis: Some(analysis.clone()),
            before_portfolio,
            ..request()
        };
        let answer = explain(&mut client, asked).await;
        assert_eq!(causes(&answer), [false; 5]);
        let row = name(&answer, "AA");
        assert_eq!((row.before, row.after), (Some(10_000.0), Some(10_000.0)));
        // 400 shares at 25 that cost 20.
        let is_profit = |measure: &Measure| {
            matches!(measure, Measure::Book(book)
                if book.number() == v1::BookNumber::ProfitAndLoss)
        };
        let profit = find(&answer, is_profit);
        assert_eq!((profit.before, profit.after), (Some(2_000.0), Some(2_000.0)));
    }
    harness.stop().await;
}

/// Numbers of other formulas: what they make is a part of its own.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_then_gives_the_part_of_the_formulas() {
    let (harness, mut client) = market().await;
    let then = v1::AnalyzePortfolioRequest { as_of: on(EARLIER), ..analysis() };
    let then = client.analyze_portfolio(then).await.unwrap().into_inner();
    let mut report = then.report.unwrap();
    let long = report.total.unwrap().long;
    report.total.as_mut().unwrap().long = long - 1_000.0;
    let mut snapshot = reference(&then.info);
    snapshot.model_version = "exposure-0.1.0".to_owned();
    let asked = v1::ExplainChangeRequest {
        before_as_of: replay_of(&snapshot),
        before_portfolio: book(&SYMBOLS),
        before_report: Some(report.clone()),
        ..request()
    };
    let answer = explain(&mut client, asked.clone()).await;
    let row = exposure(&answer, ExposureNumber::Long);
    assert_eq!(row.before, Some(long - 1_000.0));
    assert!((row.by_model.unwrap() - 1_000.0).abs() < 1e-6, "{row:?}");
    assert_eq!(exposure(&answer, ExposureNumber::Short).by_model, Some(0.0));
    // Without its numbers, those of other formulas cannot be compared.
    let alone = v1::ExplainChangeRequest { before_report: None, ..asked.clone() };
    let refused = Box::pin(client.explain_change(alone)).await.unwrap_err();
    expect_refusal(&refused, Code::FailedPrecondition, "MODEL_VERSION_MISMATCH", &[]);
    report.total.as_mut().unwrap().long = 1e300;
    let hostile = v1::ExplainChangeRequest { before_report: Some(report.clone()), ..asked.clone() };
    let refused = Box::pin(client.explain_change(hostile)).await.unwrap_err();
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &["before_report"]);
    // Two bytes per row: millions of them fit into a request.
    report.positions = vec![v1::PositionExposure::default(); 50_001];
    report.currency = "EUR".to_owned();
    let endless = v1::ExplainChangeRequest { before_report: Some(report), ..asked };
    let refused = Box::pin(client.explain_change(endless)).await.unwrap_err();
    let paths = ["before_report", "before_report.currency"];
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_change_is_named() {
    let (harness, mut client) = market().await;
    let wrong = v1::ExplainChangeRequest {
        analysis: Some(v1::AnalyzePortfolioRequest {
            as_of: on("2021-02-30"),
            include: vec![v1::ReportBlock::Crowding.into(), v1::ReportBlock::Positions.into()],
            top_positions: Some(-1),
            ..v1::AnalyzePortfolioRequest::default()
        }),
        before_as_of: on("2021-13-01"),
        before_portfolio: Some(v1::Portfolio {
            currency: "EURO".to_owned(),
            ..book(&SYMBOLS).unwrap()
        }),
        before_settings: Some(v1::AnalysisSettings {
            beta: Some(v1::BetaSettings { huber_k: Some(-1.0), ..v1::BetaSettings::default() }),
            ..v1::AnalysisSettings::default()
        }),
        before_report: None,
    };
    let refused = Box::pin(client.explain_change(wrong)).await.unwrap_err();
    let paths = [
        "analysis.as_of.on",
        "analysis.include",
        "before_as_of.on",
        "analysis.top_positions",
        "analysis.portfolio",
        "before_settings.beta.huber_k",
        "before_portfolio.currency",
    ];
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    let refused =
        Box::pin(client.explain_change(v1::ExplainChangeRequest::default())).await.unwrap_err();
    let paths = ["before_as_of", "analysis.portfolio"];
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    let turned = v1::ExplainChangeRequest {
        analysis: Some(v1::AnalyzePortfolioRequest { as_of: on(EARLIER), ..analysis() }),
        before_as_of: on(TODAY),
        ..v1::ExplainChangeRequest::default()
    };
    let refused = Box::pin(client.explain_change(turned)).await.unwrap_err();
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &["before_as_of.on"]);
    let head = reference(&client.analyze_portfolio(analysis()).await.unwrap().into_inner().info);
    let at = |revision: u64| Some(v1::AsOf { revision: Some(revision), ..on(TODAY).unwrap() });
    harness.ingest("us_equities.csv", flat(&[("ZZ", 3, 0)]).as_bytes()).await;
    let sooner = v1::AnalyzePortfolioRequest { as_of: at(head.revision), ..analysis() };
    let turned = v1::ExplainChangeRequest {
        analysis: Some(sooner),
        before_as_of: at(head.revision + 1),
        ..request()
    };
    let refused = Box::pin(client.explain_change(turned)).await.unwrap_err();
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &["before_as_of.revision"]);
    // What is only seen when the lines are joined.
    let mut held = book(&SYMBOLS).unwrap();
    held.positions[1].size = Some(Size::Quantity(f64::NAN));
    let wrong = v1::ExplainChangeRequest { before_portfolio: Some(held), ..request() };
    let refused = Box::pin(client.explain_change(wrong)).await.unwrap_err();
    let paths = ["before_portfolio.positions[1].quantity"];
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    harness.stop().await;
}

/// Daily closes of 100 up to [`TODAY`] of names in stretches of sessions before it.
fn flat(lines: &[(&str, i32, i32)]) -> String {
    let today = Day::parse_iso(TODAY).unwrap();
    let mut prices = String::from("Ticker,Date,Open,High,Low,Close,Adj Close,Volume\n");
    for (symbol, first, last) in lines {
        for back in (*last..=*first).rev() {
            let day = calendar::plus_sessions(today, -back);
            writeln!(prices, "{symbol},{day},100,100,100,100,100,1000").unwrap();
        }
    }
    prices
}

/// One company was XX and is XY since five sessions; another one was listed as XX two sessions ago,
/// and so after [`EARLIER`].
#[tokio::test(flavor = "multi_thread")]
async fn a_symbol_means_the_company_that_has_it_on_that_day() {
    let harness = Harness::at("2021-02-01T12:00:00Z").await;
    let renamed = calendar::plus_sessions(Day::parse_iso(TODAY).unwrap(), -5);
    assert!(Day::parse_iso(EARLIER).unwrap() < renamed);
    let changes = format!("old_symbol,new_symbol,date\nXX,XY,{renamed}\n");
    harness.ingest("symbol_changes.csv", changes.as_bytes()).await;
    // Symbols of a file are those of the day on which it was adjusted.
    let (then, now) =
        ([("^GSPC", 80, 6), ("XX", 80, 6)], [("^GSPC", 5, 0), ("XY", 5, 0), ("XX", 2, 0)]);
    for (adjusted_on, lines) in [(EARLIER, &then[..]), (TODAY, &now)] {
        let adjusted_on = adjusted_on.to_owned();
        let header = v1::IngestHeader { adjusted_on, ..header("us_equities.csv") };
        let taken = harness.try_ingest(header, flat(lines).as_bytes()).await.unwrap();
        assert_eq!(taken.rejected_count, 0, "{taken:?}");
    }
    let mut client = ExposureServiceClient::new(harness.channel().await);
    let asked = v1::ExplainChangeRequest {
        analysis: Some(v1::AnalyzePortfolioRequest {
            portfolio: book(&[("XX", 100.0), ("XY", 10.0)]),
            include: vec![v1::ReportBlock::Positions.into()],
            ..analysis()
        }),
        ..request()
    };
    // The young company is not the older one on the earlier day: its line is left out there.
    let answer = explain(&mut client, asked.clone()).await;
    let (young, old) = (name(&answer, "XX"), name(&answer, "XY"));
    assert_eq!((young.before, young.by_market, young.after), (Some(0.0), Some(1e4), Some(1e4)));
    assert_eq!((old.before, old.after), (Some(1e3), Some(1e3)));
    let [gap] = gaps(&answer.info) else { panic!("{:?}", answer.info) };
    assert_eq!((gap.reason(), gap.subject_count), (v1::GapReason::UnknownInstrument, 1));
    // What was held as XX then is XY today.
    let before_portfolio = book(&[("XX", 30.0)]);
    let other = explain(&mut client, v1::ExplainChangeRequest { before_portfolio, ..asked }).await;
    let (young, old) = (name(&other, "XX"), name(&other, "XY"));
    assert_eq!((young.before, young.by_positions, young.after), (Some(0.0), Some(1e4), Some(1e4)));
    assert_eq!((old.before, old.by_positions, old.after), (Some(3e3), Some(-2e3), Some(1e3)));
    harness.stop().await;
}
