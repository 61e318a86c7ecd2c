//! Lines, cash and portfolios in several currencies over the wire.

use crate::{
    harness::{Harness, expect_refusal, gaps, header, held, on, reference, replay_of},
    portfolio::of,
};
use contract::v1::{
    self, GapReason, exposure_service_client::ExposureServiceClient,
    hedge_service_client::HedgeServiceClient, market_data_service_client::MarketDataServiceClient,
    position::Size, squeeze_service_client::SqueezeServiceClient,
    stress_service_client::StressServiceClient,
};
use marketdata::{calendar, day::Day};
use std::fmt::Write as _;
use tokio_stream::StreamExt as _;
use tonic::{Code, transport::Channel};

pub(crate) const TODAY: &str = "2021-01-27";
const SESSIONS: i32 = 300;

/// The close of a name some sessions back: a walk in steps of up to 3 %, and 100 and 110 on the last
/// two sessions.
fn close(name: usize, back: i32) -> f64 {
    match back {
        0 => 110.0,
        1 => 100.0,
        _ => {
            let steps = (2..=back).map(|at| (at * (3 + 2 * name as i32) + at * at) % 13 - 6);
            100.0 * f64::from(steps.sum::<i32>()).mul_add(0.005, 1.0).max(0.2)
        }
    }
}

/// US dollars per euro: 1.20 on the session before the last and 1.25 on the last.
fn euro(back: i32) -> f64 {
    match back {
        0 => 1.25,
        1 => 1.2,
        _ => 1.1 + 0.01 * f64::from(back * 7 % 11),
    }
}

const NAMES: [&str; 6] = ["SPY", "IWM", "AA", "SAP", "NOKIA", "VOD"];

const MASTER: &str = "symbol,isin,currency\nSAP,,EUR\nNOKIA,,SEK\nVOD,,GBp\nAA,,USD\n";

fn session(back: i32) -> Day {
    calendar::plus_sessions(Day::parse_iso(TODAY).unwrap(), -back)
}

/// SAP is quoted in euros, VOD in pence of a pound of 1.50, NOKIA in crowns without a rate. A unit
/// of DKK is always an eighth of a dollar.
pub(crate) async fn market() -> (Harness, Channel) {
    let mut prices = String::from("Ticker,Date,Open,High,Low,Close,Volume\n");
    let mut rates = String::from("series,date,value\n");
    for back in (0..SESSIONS).rev() {
        let day = session(back);
        for (at, name) in NAMES.iter().enumerate() {
            let p = close(at, back);
            writeln!(prices, "{name},{day},{p},{p},{p},{p},1000000").unwrap();
        }
        writeln!(rates, "EURUSD,{day},{}\nGBPUSD,{day},1.5\nDKKUSD,{day},0.125", euro(back))
            .unwrap();
    }
    let harness = Harness::at("2021-02-01T12:00:00Z").await;
    let raw = v1::IngestHeader { price_basis: v1::PriceBasis::Raw.into(), ..header("prices.csv") };
    harness.try_ingest(raw, prices.as_bytes()).await.unwrap();
    for (name, text) in [("rates.csv", rates.as_str()), ("master.csv", MASTER)] {
        let report = harness.try_ingest(header(name), text.as_bytes()).await.unwrap();
        assert_eq!(report.rejected_count, 0, "{name}: {report:?}");
    }
    let channel = harness.channel().await;
    (harness, channel)
}

fn lines() -> Vec<v1::Position> {
    vec![
        held("SAP", Size::Quantity(1_000.0)),
        held("VOD", Size::Quantity(-40_000.0)),
        held("AA", Size::Quantity(500.0)),
    ]
}

fn book(currency: &str) -> v1::Portfolio {
    v1::Portfolio { currency: currency.to_owned(), ..of(lines()) }
}

fn asked(portfolio: v1::Portfolio) -> v1::AnalyzePortfolioRequest {
    v1::AnalyzePortfolioRequest {
        as_of: on(TODAY),
        portfolio: Some(portfolio),
        ..v1::AnalyzePortfolioRequest::default()
    }
}

async fn analyzed(channel: &Channel, book: v1::Portfolio) -> v1::AnalyzePortfolioResponse {
    let mut client = ExposureServiceClient::new(channel.clone());
    client.analyze_portfolio(asked(book)).await.unwrap().into_inner()
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9 * expected.abs().max(1.0), "{found}, not {expected}");
}

fn values(report: &v1::ExposureReport) -> Vec<(String, f64)> {
    let mut rows: Vec<(String, f64)> =
        report.positions.iter().map(|row| (row.symbol.clone(), row.market_value)).collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_and_cash_are_converted_at_the_rates_of_the_session() {
    let (_harness, channel) = market().await;
    let cash = |currency: &str, amount| v1::CashBalance {
        currency: currency.to_owned(),
        amount: Some(amount),
        ..v1::CashBalance::default()
    };
    let portfolio = v1::Portfolio {
        cash: vec![cash("EUR", -20_000.0), cash("", 5_000.0), cash("SEK", 1.0)],
        ..book("")
    };
    let answer = analyzed(&channel, portfolio).await;
    let report = answer.report.unwrap();
    // 1,000 · 110 · 1.25; −40,000 · 1.10 · 1.5; 500 · 110
    let expected = [("AA", 55_000.0), ("SAP", 137_500.0), ("VOD", -66_000.0)];
    for ((symbol, found), (name, value)) in values(&report).iter().zip(expected) {
        assert_eq!(symbol, name);
        near(*found, value);
    }
    near(report.cash.unwrap(), 5_000.0 - 25_000.0);
    let codes: Vec<&str> = report.currencies.iter().map(|row| row.currency.as_str()).collect();
    assert_eq!(codes, ["EUR", "GBP", "SEK", "USD"]);
    let [euros, pounds, crowns, dollars] = &report.currencies[..] else { panic!() };
    near(euros.net, 137_500.0 - 25_000.0);
    assert_eq!((euros.rate, euros.rate_on.as_str()), (Some(1.25), TODAY));
    near(pounds.short, 66_000.0);
    near(dollars.net, 60_000.0);
    assert_eq!((dollars.rate, dollars.rate_on.as_str()), (Some(1.0), ""));
    assert_eq!((crowns.rate, crowns.cash), (None, 0.0));
    let told = gaps(&answer.info);
    let gap = |reason: GapReason| told.iter().find(|gap| gap.reason() == reason).unwrap();
    let foreign = gap(GapReason::ForeignCash);
    near(foreign.gross_share.unwrap(), 25_000.0 / 258_500.0);
    assert!(gap(GapReason::NoRate).detail.contains("no rate of SEK"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_without_a_rate_is_unresolved_and_named() {
    let (_harness, channel) = market().await;
    let mut positions = lines();
    positions.push(held("NOKIA", Size::Quantity(10.0)));
    positions
        .push(v1::Position { currency: "USD".to_owned(), ..held("SAP", Size::MarketValue(100.0)) });
    let answer = analyzed(&channel, of(positions.clone())).await;
    let [nokia, sap] = &answer.unresolved[..] else { panic!("{:?}", answer.unresolved) };
    assert_eq!((nokia.reason(), nokia.gross_share), (GapReason::NoRate, None));
    assert!(nokia.detail.contains("no rate of SEK is known by 2021-01-27"), "{}", nokia.detail);
    assert_eq!(sap.reason(), GapReason::CurrencyDisagrees);
    near(sap.gross_share.unwrap(), 100.0 / 258_600.0);
    // Every service that takes a book says the same.
    let shorts = v1::AssessShortBookRequest {
        as_of: on(TODAY),
        portfolio: Some(of(vec![
            held("NOKIA", Size::Quantity(-10.0)),
            held("VOD", Size::Quantity(-40_000.0)),
        ])),
        ..v1::AssessShortBookRequest::default()
    };
    let mut squeeze = SqueezeServiceClient::new(channel.clone());
    let found = squeeze.assess_short_book(shorts.clone()).await.unwrap().into_inner();
    assert_eq!(found.unresolved[0].reason(), GapReason::NoRate);
    near(found.lines[0].market_value, -66_000.0);
    let mut shorts = shorts;
    shorts.portfolio.as_mut().unwrap().currency = "EUR".to_owned();
    let found = squeeze.assess_short_book(shorts.clone()).await.unwrap().into_inner();
    assert_eq!((found.currency.as_str(), found.lines.len()), ("EUR", 1));
    near(found.lines[0].market_value, -66_000.0 / 1.25);
    shorts.portfolio.as_mut().unwrap().currency = "SEK".to_owned();
    let refusal = squeeze.assess_short_book(shorts).await.unwrap_err();
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &["portfolio.currency"]);
    let found = ExposureServiceClient::new(channel)
        .validate_portfolio(v1::ValidatePortfolioRequest {
            as_of: on(TODAY),
            portfolio: Some(v1::Portfolio { currency: "EUR".to_owned(), ..of(positions) }),
        })
        .await
        .unwrap()
        .into_inner();
    assert!(found.accepted && !found.fully_resolved);
    assert_eq!((found.unresolved.len(), found.currency.as_str()), (2, "EUR"));
    near(found.gross.unwrap(), 258_600.0 / 1.25);
}

/// Values in euros are those in dollars divided by the rate. Returns are others, so risk is.
#[tokio::test(flavor = "multi_thread")]
async fn a_book_in_euros_is_worth_its_dollars_over_the_rate() {
    let (_harness, channel) = market().await;
    let dollars = analyzed(&channel, book("USD")).await.report.unwrap();
    let euros = analyzed(&channel, book("EUR")).await.report.unwrap();
    assert_eq!(euros.currency, "EUR");
    for (a, b) in values(&dollars).iter().zip(values(&euros)) {
        near(b.1 * 1.25, a.1);
    }
    let loss = |report: &v1::ExposureReport| report.risk_measures[0].levels[0].value;
    let ratio = loss(&euros) * 1.25 / loss(&dollars);
    assert!((ratio - 1.0).abs() > 1e-3, "the rate moves: {ratio}");
}

/// A unit that is always an eighth of a dollar makes eight times every amount, bit for bit.
#[tokio::test(flavor = "multi_thread")]
async fn a_constant_rate_scales_the_report_and_nothing_else() {
    let (_harness, channel) = market().await;
    let dollars = analyzed(&channel, book("USD")).await;
    let eighths = analyzed(&channel, book("DKK")).await;
    let (dollars, eighths) = (dollars.report.unwrap(), eighths.report.unwrap());
    let total = |report: &v1::ExposureReport| *report.total.as_ref().unwrap();
    assert_eq!(total(&dollars).gross * 8.0, total(&eighths).gross);
    assert_eq!(total(&dollars).net * 8.0, total(&eighths).net);
    assert_eq!(dollars.risk_measures.len(), eighths.risk_measures.len());
    for (a, b) in dollars.risk_measures.iter().zip(&eighths.risk_measures) {
        for (a, b) in a.levels.iter().zip(&b.levels) {
            near(b.value, 8.0 * a.value);
        }
    }
    for (a, b) in dollars.factors.iter().zip(&eighths.factors) {
        let slope = |row: &v1::FactorExposure| row.top_down.map(|beta| beta.value);
        assert_eq!(slope(a).is_some(), slope(b).is_some());
        near(slope(b).unwrap_or(0.0), 8.0 * slope(a).unwrap_or(0.0));
    }
}

/// SAP went from 100 to 110 euros and the euro from 1.20 to 1.25 dollars: 1,000 shares made
/// 137,500 − 120,000 = 17,500, of which 10 % of 120,000 is the price and 5,500 the rate.
#[tokio::test(flavor = "multi_thread")]
async fn the_part_of_the_rate_in_a_pnl_by_hand() {
    let (_harness, channel) = market().await;
    let mut client = ExposureServiceClient::new(channel);
    let explained = |currency: &str| v1::ExplainPnlRequest {
        as_of: on(TODAY),
        portfolio: Some(book(currency)),
        ..v1::ExplainPnlRequest::default()
    };
    let report = client.explain_pnl(explained("")).await.unwrap().into_inner().report.unwrap();
    let name = |report: &v1::PnlReport, symbol: &str| {
        report.names.iter().find(|name| name.symbol == symbol).unwrap().clone()
    };
    let sap = name(&report, "SAP");
    near(sap.total.unwrap().pnl, 17_500.0);
    near(sap.rates.unwrap(), 5_500.0);
    assert_eq!(name(&report, "AA").rates, None);
    near(name(&report, "VOD").rates.unwrap(), 0.0);
    near(report.rates.unwrap(), 5_500.0);
    // 17,500 of SAP, 40,000 · −0.1 · 1.5 of VOD, 500 · 10 of AA
    let total = report.total.unwrap().pnl;
    near(total, 17_500.0 - 6_000.0 + 5_000.0);
    near(report.price + report.distributions, total);
    let of_names: f64 = report.names.iter().map(|name| name.total.unwrap().pnl).sum();
    near(of_names + report.unlisted.unwrap().pnl, total);
    // In euros the price of SAP made all of it, and a dollar lost 4 %: 500 · (110/1.25 − 100/1.2).
    let report = client.explain_pnl(explained("EUR")).await.unwrap().into_inner().report.unwrap();
    assert_eq!((report.currency.as_str(), name(&report, "SAP").rates), ("EUR", None));
    near(name(&report, "SAP").total.unwrap().pnl, 10_000.0);
    let alcoa = name(&report, "AA");
    near(alcoa.total.unwrap().pnl, 500.0 * (110.0 / 1.25 - 100.0 / 1.2));
    // 500 · 110 · (1/1.25 − 1/1.2)
    near(alcoa.rates.unwrap(), 500.0 * 110.0 * (1.0 / 1.25 - 1.0 / 1.2));
}

/// A stream has one view and portfolios of several currencies; a book through time is in its own.
#[tokio::test(flavor = "multi_thread")]
async fn streams_and_histories_are_in_the_currency_of_the_book() {
    let (_harness, channel) = market().await;
    let mut client = ExposureServiceClient::new(channel.clone());
    let setup = v1::AnalyzePortfoliosSetup {
        analysis: Some(v1::AnalyzePortfolioRequest { portfolio: None, ..asked(book("")) }),
    };
    let item = |currency: &str| v1::AnalyzePortfoliosItem {
        request_tag: currency.to_owned(),
        portfolio: Some(book(currency)),
    };
    use v1::analyze_portfolios_request::Message;
    let messages = [Message::Setup(setup), Message::Item(item("EUR")), Message::Item(item("USD"))];
    let messages = messages.map(|message| v1::AnalyzePortfoliosRequest { message: Some(message) });
    let mut outcomes =
        client.analyze_portfolios(tokio_stream::iter(messages)).await.unwrap().into_inner();
    for currency in ["EUR", "USD"] {
        let outcome = outcomes.next().await.unwrap().unwrap();
        let v1::analyze_portfolios_response::Outcome::Answer(answer) = outcome.outcome.unwrap()
        else {
            panic!("{currency}")
        };
        assert_eq!(answer, analyzed(&channel, book(currency)).await, "{currency}");
    }
    let request = v1::AnalyzePortfolioHistoryRequest {
        analysis: Some(asked(book("EUR"))),
        start_on: session(1).to_string(),
        vintage: v1::HistoryVintage::AsPublished.into(),
        ..v1::AnalyzePortfolioHistoryRequest::default()
    };
    let history = client.analyze_portfolio_history(request).await.unwrap().into_inner();
    let gross: Vec<f64> = history
        .points
        .iter()
        .map(|point| point.answer.as_ref().unwrap().report.as_ref().unwrap())
        .map(|report| report.total.as_ref().unwrap().gross)
        .collect();
    // 1,000 · 100 + 40,000 · 1.5/1.2 + 500 · 100/1.2, and the book of today.
    near(gross[0], 100_000.0 + 50_000.0 + 50_000.0 / 1.2);
    near(gross[1], 258_500.0 / 1.25);
}

/// What a scenario makes in euros at a constant rate of the market is what it makes in dollars.
#[tokio::test(flavor = "multi_thread")]
async fn stress_and_hedges_are_in_the_currency_of_the_book() {
    let (_harness, channel) = market().await;
    let replay = v1::Scenario {
        happening: Some(v1::scenario::Happening::Replay(v1::ReplayedWindow {
            start_on: TODAY.to_owned(),
            end_on: TODAY.to_owned(),
        })),
        ..v1::Scenario::default()
    };
    let run = |currency: &str| v1::RunStressRequest {
        as_of: on(TODAY),
        portfolio: Some(book(currency)),
        scenarios: vec![replay.clone()],
        ..v1::RunStressRequest::default()
    };
    let mut client = StressServiceClient::new(channel.clone());
    let mut made = Vec::new();
    for currency in ["USD", "DKK", "EUR"] {
        let answer = client.run_stress(run(currency)).await.unwrap().into_inner();
        assert_eq!(answer.currency, currency);
        made.push(answer.results[0].outcome.as_ref().unwrap().pnl);
    }
    // Returns of the session: SAP 1.1 · 1.25/1.2 − 1 in dollars and 0.1 in euros.
    let dollars = 137_500.0 * (1.1 * 1.25 / 1.2 - 1.0) - 66_000.0 * 0.1 + 55_000.0 * 0.1;
    near(made[0], dollars);
    near(made[1], 8.0 * dollars);
    let back = 1.1 * 1.2 / 1.25 - 1.0;
    near(made[2], (137_500.0 * 0.1 - 66_000.0 * back + 55_000.0 * back) / 1.25);
    let plan = v1::PlanHedgeRequest {
        as_of: on(TODAY),
        portfolio: Some(book("EUR")),
        ..v1::PlanHedgeRequest::default()
    };
    let answer = HedgeServiceClient::new(channel).plan_hedge(plan).await.unwrap().into_inner();
    assert_eq!(answer.currency, "EUR");
    let gross = answer.before.unwrap().total.unwrap().gross;
    near(gross, 258_500.0 / 1.25);
}

/// A rate that arrives later changes no earlier answer, byte for byte, and today's.
#[tokio::test(flavor = "multi_thread")]
async fn a_later_rate_is_not_looked_ahead_to() {
    let (harness, channel) = market().await;
    let mut client = ExposureServiceClient::new(channel.clone());
    let before = analyzed(&channel, book("EUR")).await;
    let text = format!("series,date,value,published_at\nEURUSD,{TODAY},1.6,2021-01-30T12:00:00Z\n");
    harness.try_ingest(header("late.csv"), text.as_bytes()).await.unwrap();
    let same = analyzed(&channel, book("EUR")).await;
    assert_eq!(same.report, before.report);
    let replayed = v1::AnalyzePortfolioRequest {
        as_of: replay_of(&reference(&before.info)),
        ..asked(book("EUR"))
    };
    assert_eq!(client.analyze_portfolio(replayed).await.unwrap().into_inner(), before);
    let now = v1::AnalyzePortfolioRequest { as_of: None, ..asked(book("EUR")) };
    let now = client.analyze_portfolio(now).await.unwrap().into_inner().report.unwrap();
    // SAP stays at 110,000 euros; 121,000 dollars of the others are fewer.
    near(now.total.unwrap().gross, 110_000.0 + 121_000.0 / 1.6);
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_prices_say_their_currency() {
    let (_harness, channel) = market().await;
    let mut client = MarketDataServiceClient::new(channel);
    for (symbol, expected) in [("AA", "USD"), ("SAP", "EUR"), ("VOD", "GBX")] {
        let request = v1::GetSeriesRequest {
            as_of: on(TODAY),
            instrument: held(symbol, Size::Quantity(1.0)).instrument,
            dataset: v1::Dataset::Bars.into(),
            page_size: 1,
            ..v1::GetSeriesRequest::default()
        };
        let found = client.get_series(request).await.unwrap().into_inner();
        let close = found.fields.iter().find(|field| field.name == "close").unwrap();
        assert_eq!(close.currency, expected, "{symbol}");
    }
}

fn last_session() -> v1::scenario::Happening {
    let (start_on, end_on) = (TODAY.to_owned(), TODAY.to_owned());
    v1::scenario::Happening::Replay(v1::ReplayedWindow { start_on, end_on })
}

/// A unit of prices is no currency, and a currency without any rate can value nothing. Both are
/// refused before a view of them is prepared.
#[tokio::test(flavor = "multi_thread")]
async fn a_base_without_a_rate_is_refused_by_its_path() {
    let (harness, channel) = market().await;
    analyzed(&channel, book("EUR")).await;
    let prepared = harness.services().preparations();
    let mut exposure = ExposureServiceClient::new(channel.clone());
    for (code, text) in [
        ("GBX", "must be GBP"),
        ("eur", "must be an ISO 4217 code"),
        ("SEK", "no rate of SEK is known by 2021-01-27: load a series named SEKUSD"),
        ("XYZ", "no rate of XYZ is known"),
    ] {
        let invalid = |status: &tonic::Status, path: &str| {
            expect_refusal(status, Code::InvalidArgument, "INVALID_REQUEST", &[path]);
            assert!(status.message().contains(text), "{code}: {status:?}");
        };
        let path = "portfolio.currency";
        invalid(&exposure.analyze_portfolio(asked(book(code))).await.unwrap_err(), path);
        let request = v1::ExplainPnlRequest {
            as_of: on(TODAY),
            portfolio: Some(book(code)),
            ..v1::ExplainPnlRequest::default()
        };
        invalid(&exposure.explain_pnl(request).await.unwrap_err(), path);
        let request = v1::RunStressRequest {
            as_of: on(TODAY),
            portfolio: Some(book(code)),
            scenarios: vec![v1::Scenario { happening: Some(last_session()), ..Default::default() }],
            ..v1::RunStressRequest::default()
        };
        let mut stress = StressServiceClient::new(channel.clone());
        invalid(&stress.run_stress(request).await.unwrap_err(), path);
        let request = v1::AnalyzePortfolioHistoryRequest {
            analysis: Some(asked(book(code))),
            start_on: session(1).to_string(),
            vintage: v1::HistoryVintage::AsPublished.into(),
            ..v1::AnalyzePortfolioHistoryRequest::default()
        };
        let refusal = exposure.analyze_portfolio_history(request).await.unwrap_err();
        invalid(&refusal, "analysis.portfolio.currency");
        // A validation reports it like every other violation.
        let request =
            v1::ValidatePortfolioRequest { as_of: on(TODAY), portfolio: Some(book(code)) };
        let found = exposure.validate_portfolio(request).await.unwrap().into_inner();
        assert!(!found.accepted);
        let [violation] = &found.violations[..] else { panic!("{:?}", found.violations) };
        assert_eq!(violation.field, path);
        assert!(violation.description.contains(text), "{}", violation.description);
    }
    // The validations needed the view in dollars.
    assert!(harness.services().preparations() <= prepared + 1);
    // As known before its first rate, a currency has none.
    let early = v1::AnalyzePortfolioRequest {
        as_of: on(&session(SESSIONS + 5).to_string()),
        ..asked(book("EUR"))
    };
    let refusal = exposure.analyze_portfolio(early).await.unwrap_err();
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &["portfolio.currency"]);
}

/// An exchange goes over from pence to pounds: 121 pence, then 1.21 pounds of 1.50 dollars.
#[tokio::test(flavor = "multi_thread")]
async fn another_unit_of_prices_is_no_pnl_of_rates() {
    let harness = Harness::at("2021-02-01T12:00:00Z").await;
    let (before, last) = (session(1), session(0));
    let mut prices = String::from("Ticker,Date,Open,High,Low,Close,Volume\n");
    for (day, p) in [(before, 110.0), (last, 1.21)] {
        writeln!(prices, "VOD,{day},{p},{p},{p},{p},1000").unwrap();
    }
    let raw = v1::IngestHeader { price_basis: v1::PriceBasis::Raw.into(), ..header("prices.csv") };
    harness.try_ingest(raw, prices.as_bytes()).await.unwrap();
    let rates = format!("series,date,value\nGBPUSD,{before},1.5\nGBPUSD,{last},1.6\n");
    harness.try_ingest(header("rates.csv"), rates.as_bytes()).await.unwrap();
    let master = format!("symbol,isin,currency,from\nVOD,,GBp,1990-01-01\nVOD,,GBP,{last}\n");
    let report = harness.try_ingest(header("master.csv"), master.as_bytes()).await.unwrap();
    assert_eq!(report.rejected_count, 0, "{report:?}");
    let mut client = ExposureServiceClient::new(harness.channel().await);
    let request = v1::ExplainPnlRequest {
        as_of: on(TODAY),
        portfolio: Some(of(vec![held("VOD", Size::Quantity(1_000.0))])),
        ..v1::ExplainPnlRequest::default()
    };
    let report = client.explain_pnl(request).await.unwrap().into_inner().report.unwrap();
    // 1,000 · 1.10 · 1.5 = 1,650 dollars became 1,000 · 1.21 · 1.6 = 1,936: the price in pounds made
    // 10 % of 1,650, the rate the other 121.
    near(report.total.unwrap().pnl, 286.0);
    near(report.rates.unwrap(), 121.0);
}
