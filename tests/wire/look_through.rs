//! Books looked through their funds over the wire: views, gaps, replays, refusals, real holdings.

use crate::{
    exposure::{near, portfolio, worth},
    harness::{
        Harness, JANUARY_2021, expect_refusal, header, on, read, real_data, reference, replay_of,
    },
    replay::{SHORT_INTEREST, history},
};
use contract::v1::{
    self, FundView, exposure_service_client::ExposureServiceClient,
    squeeze_service_client::SqueezeServiceClient,
};
use prost::Message as _;
use tonic::Code;

/// IWM is 60 % AAA and 30 % BBB; 5 % is a name without a price, and the rest is cash.
const HOLDINGS: &str = "Ticker,Name,Sector,Asset Class,Market Value,Weight (%),Shares\n\
                        AAA,AAA INC,Energy,Equity,600,60,1\n\
                        BBB,BBB INC,Utilities,Equity,300,30,1\n\
                        GONE,GONE INC,Energy,Equity,50,5,1\n\
                        USD,USD CASH,Cash,Cash,50,5,1\n";

async fn market() -> Harness {
    let harness = Harness::at("2021-02-01T12:00:00Z").await;
    let prices = history(&["SPY", "IWM", "AAA", "BBB", "CCC"]);
    harness.ingest("prices.csv", prices.as_bytes()).await;
    harness.ingest("settle_2020-12-31.csv", SHORT_INTEREST.as_bytes()).await;
    hold(&harness, "2021-01-20", HOLDINGS.as_bytes()).await;
    harness
}

async fn hold(harness: &Harness, day: &str, bytes: &[u8]) {
    let header = v1::IngestHeader { observed_on: day.to_owned(), ..header("IWM_holdings.csv") };
    harness.try_ingest(header, bytes).await.unwrap();
}

fn seen_through(view: FundView) -> Option<v1::AnalysisSettings> {
    let look_through = Some(v1::LookThrough { view: view.into() });
    Some(v1::AnalysisSettings { look_through, ..v1::AnalysisSettings::default() })
}

fn analysis(settings: Option<v1::AnalysisSettings>) -> v1::AnalyzePortfolioRequest {
    let book = vec![worth("AAA", 3e5), worth("IWM", -1e6), worth("CCC", 2e5)];
    v1::AnalyzePortfolioRequest {
        as_of: on("2021-01-27"),
        portfolio: portfolio(book),
        settings,
        ..v1::AnalyzePortfolioRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_fund_is_a_short_of_its_holdings() {
    let harness = market().await;
    let mut client = ExposureServiceClient::new(harness.channel().await);
    let mut ask = async |request| client.analyze_portfolio(request).await.unwrap().into_inner();
    let held = ask(analysis(None)).await.report.unwrap();
    assert_eq!(held.look_through, None);
    // AAA: 300,000 long, 600,000 short through IWM. BBB 300,000 short; 100,000 of IWM stay.
    let views = [(FundView::Unspecified, 2e5, 7e5), (FundView::Gross, 5e5, 1e6)];
    for (view, long, short) in views {
        let answer = ask(analysis(seen_through(view))).await;
        let report = answer.report.unwrap();
        let book = report.look_through.unwrap();
        let seen = book.exposure.unwrap();
        near(seen.long, long, 1e-6);
        near(seen.short, short, 1e-6);
        near(seen.net, -5e5, 1e-6);
        near(book.remaining_gross, 1e5, 1e-6);
        let echo = report.settings.unwrap().look_through.unwrap();
        let filled = if view == FundView::Gross { view } else { FundView::Netted };
        assert_eq!(echo.view(), filled);
        // Numbers of lines are the same as without.
        assert_eq!((report.total, &report.factors), (held.total, &held.factors));
        assert_eq!((&report.scenario_sets, &report.cash), (&held.scenario_sets, &held.cash));
        let sectors: f64 =
            report.breakdowns[1].groups.iter().map(|group| group.exposure.unwrap().gross).sum();
        near(sectors, seen.gross, 1e-6);
        let [fund] = &book.funds[..] else { panic!("one fund") };
        assert_eq!((fund.symbol.as_str(), fund.member_count, fund.unpriced_count), ("IWM", 2, 1));
        assert_eq!(fund.holdings_observed_on, "2021-01-20");
        near(fund.remaining_weight, 0.1, 1e-12);
        near(fund.published_weight.unwrap(), 0.95, 1e-12);
        let aaa = book.names.iter().find(|name| name.symbol == "AAA").unwrap();
        near(aaa.market_value, -3e5, 1e-6);
        near(aaa.through_funds_market_value, -6e5, 1e-6);
        // The close of AAA on 2021-01-27 is 102 (see history).
        near(aaa.quantity.unwrap(), -3e5 / 102.0, 1e-6);
        let gaps = answer.info.unwrap().gaps;
        assert!(gaps.iter().any(|gap| gap.detail.contains("holdings of IWM have no price")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_book_has_the_names_behind_its_funds() {
    let harness = market().await;
    let mut client = SqueezeServiceClient::new(harness.channel().await);
    let request = v1::AssessShortBookRequest {
        as_of: on("2021-01-27"),
        portfolio: analysis(None).portfolio,
        settings: seen_through(FundView::Netted),
        ..v1::AssessShortBookRequest::default()
    };
    let answer = client.assess_short_book(request).await.unwrap().into_inner();
    let shorts: Vec<(&str, f64)> = answer
        .lines
        .iter()
        .map(|line| (line.name.as_ref().unwrap().symbol.as_str(), line.market_value))
        .collect();
    // AAA and BBB by symbol, then what stays in IWM.
    let expected = [("AAA", -3e5), ("BBB", -3e5), ("IWM", -1e5)];
    for (found, expected) in shorts.iter().zip(expected) {
        assert_eq!(found.0, expected.0);
        near(found.1, expected.1, 1e-6);
    }
    near(answer.lines[0].through_funds_market_value.unwrap(), -6e5, 1e-6);
    assert_eq!(answer.funds.len(), 1);
    let echo = answer.settings.unwrap();
    assert_eq!(echo.look_through.unwrap().view(), FundView::Netted);
}

#[tokio::test(flavor = "multi_thread")]
async fn later_holdings_change_no_earlier_answer() {
    let harness = market().await;
    let mut client = ExposureServiceClient::new(harness.channel().await);
    let request = analysis(seen_through(FundView::Gross));
    let before = client.analyze_portfolio(request.clone()).await.unwrap().into_inner();
    // Of the as-of day, and so published after it.
    hold(&harness, "2021-01-27", HOLDINGS.replace("AAA", "CCC").as_bytes()).await;
    let same = client.analyze_portfolio(request.clone()).await.unwrap().into_inner();
    assert_eq!(same.report, before.report, "no look-ahead");
    let replayed = v1::AnalyzePortfolioRequest {
        as_of: replay_of(&reference(&before.info)),
        ..request.clone()
    };
    let replayed = client.analyze_portfolio(replayed).await.unwrap().into_inner();
    assert!(replayed.encode_to_vec() == before.encode_to_vec(), "a replay");
    let later = v1::AnalyzePortfolioRequest { as_of: on("2021-01-29"), ..request };
    let later = client.analyze_portfolio(later).await.unwrap().into_inner().report.unwrap();
    assert_eq!(later.look_through.unwrap().funds[0].holdings_observed_on, "2021-01-27");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_view_is_refused() {
    let harness = market().await;
    let mut client = ExposureServiceClient::new(harness.channel().await);
    let look_through = Some(v1::LookThrough { view: 99 });
    let settings = Some(v1::AnalysisSettings { look_through, ..v1::AnalysisSettings::default() });
    let refusal = client.analyze_portfolio(analysis(settings)).await.unwrap_err();
    let paths = ["settings.look_through.view"];
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);
}

/// The holdings of IWM of 2024-09-27 stand in for those of January 2021: a proxy, of which the names
/// that were listed and are in the price file can be seen.
#[tokio::test(flavor = "multi_thread")]
async fn a_short_in_iwm_is_a_short_in_small_caps() {
    let Some(folder) = real_data("the holdings of IWM") else { return };
    let harness = Harness::start().await;
    harness.ingest_real(&folder, &JANUARY_2021).await;
    let bytes = read(&folder, "universe/IWM_holdings_2024-09-27.csv.gz");
    hold(&harness, "2021-01-26", &bytes).await;
    let mut client = ExposureServiceClient::new(harness.channel().await);
    let mut ask = async |settings| {
        let request = v1::AnalyzePortfolioRequest {
            as_of: on("2021-01-29"),
            portfolio: portfolio(vec![worth("AAPL", 1e6), worth("IWM", -1e6)]),
            settings,
            ..v1::AnalyzePortfolioRequest::default()
        };
        client.analyze_portfolio(request).await.unwrap().into_inner().report.unwrap()
    };
    let (held, seen) = (ask(None).await, ask(seen_through(FundView::Netted)).await);
    let of_size = |report: &v1::ExposureReport, id: &str| {
        let mut groups = report.breakdowns[0].groups.iter();
        groups.find(|group| group.group_id == id).map_or(0.0, |group| group.exposure.unwrap().short)
    };
    assert_eq!(of_size(&held, ""), 1e6, "a fund has no size");
    let book = seen.look_through.as_ref().unwrap();
    let fund = &book.funds[0];
    // 1,967 stocks, which are 99.8 % of the fund; of the rest of the names no price is known.
    assert!((1_900..2_000).contains(&(fund.member_count + fund.unpriced_count)), "{fund:?}");
    near(fund.published_weight.unwrap(), 0.998, 0.01);
    assert!(0.3 < 1.0 - fund.remaining_weight, "{fund:?}");
    let small: f64 = ["mid", "small", "micro"].map(|id| of_size(&seen, id)).iter().sum();
    assert!(0.8 * (1.0 - fund.remaining_weight) * 1e6 < small, "{small}");
    let unseen = of_size(&seen, "");
    assert!(unseen < 1e6 * fund.remaining_weight + 0.1e6, "{unseen}");
    let sizes = |report: &v1::ExposureReport| report.concentration.unwrap().effective_names;
    assert!(sizes(&held) < sizes(&seen));
    assert_eq!(seen.total, held.total);
}
