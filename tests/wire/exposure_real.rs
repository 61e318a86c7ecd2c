//! The exposure service over the wire on real files: books of the squeeze of January 2021.

use crate::{
    exposure::{coverage, near, portfolio, symbols, worth},
    harness::{Harness, beta, factor, held, is_about, leg, on, read, real_data},
};
use contract::v1::{self, exposure_service_client::ExposureServiceClient, position::Size};
use std::path::Path;

/// The names of the squeeze, with the short interest of one settlement.
async fn market(folder: &Path, short_interest: &str) -> Harness {
    let harness = Harness::start().await;
    for file in [
        "short_interest/publication_times.csv",
        "prices/us_equities_2020-07_2021-03.csv.gz",
        "prices/etf_ohlcv/SPY.csv.gz",
        "prices/etf_ohlcv/IWM.csv.gz",
        "prices/yahoo/META.csv.gz",
        "universe/split_factor_2021-01-29_to_2024-03.csv",
        short_interest,
    ] {
        harness.ingest(file.rsplit('/').next().unwrap(), &read(folder, file)).await;
    }
    harness
}

/// 2021-01-27 on the book of [`a_book_of_january_2021`].
fn the_27th_repeats(report: &v1::ExposureReport) {
    let (trade, repeat) = (&report.trades[0], &report.repeats[0]);
    // The trade's return that day, and how unusual it was.
    let [of_trade] = &repeat.trades[..] else { panic!("one trade") };
    assert_eq!(of_trade.trade_id, "megacap_small_cap");
    let moved = of_trade.trade_return.unwrap() / trade.standard_deviation.unwrap();
    near(of_trade.trade_standard_deviations.unwrap(), moved, 1e-12);
    let by_leg: f64 = of_trade.legs.iter().map(|leg| leg.pnl).sum();
    near(by_leg, repeat.pnl, 1e-9 * repeat.pnl.abs());
    // GME closed at 147.98 before that day and AMC at 4.96; both shorts were worth less then.
    let own = repeat.day.unwrap();
    let short = -10_000.0 * (347.51 - 147.98) - 100_000.0 * (19.90 - 4.96);
    let longs = own.pnl.unwrap() - short;
    assert!((-1e6..0.0).contains(&longs), "{longs}");
    assert!(own.missing_gross_share < 0.05, "{own:?}");
    // Nine days of ten fall into an interval that is wider than the error of the beta.
    for unwind in &trade.unwinds {
        let reach = unwind.pnl_high - unwind.pnl;
        near(unwind.pnl - unwind.pnl_low, reach, 1e-6 * reach);
        assert!(1.645 * unwind.pnl_standard_error < reach, "{unwind:?}");
    }
    // S&P 500 −2.57 % that day (SPY −2.44 %); GME +134.84 %, AMC +301.21 %.
    near(repeat.market_return, -0.0244, 0.002);
    let short = -10_000.0 * 325.00 * 1.3484 - 100_000.0 * 13.26 * 3.0121;
    let longs: f64 = repeat.pnl - short;
    assert!((-1e6..0.0).contains(&longs), "{longs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_of_january_2021() {
    let Some(folder) = real_data("a book of January 2021") else { return };
    let harness = market(&folder, "short_interest/settle_2021-01-15.csv.gz").await;
    let mut client = ExposureServiceClient::new(harness.channel().await);
    let shares = |symbol: &str, count: f64| held(symbol, Size::Quantity(count));
    let book = vec![
        shares("AAPL", 10_000.0),
        shares("AMZN", 400.0),
        shares("GOOGL", 700.0),
        shares("GOOG", 100.0),
        shares("FB", 4_000.0),
        shares("GME", -10_000.0),
        shares("AMC", -100_000.0),
        worth("NOTHERE", -1e5),
    ];
    let request = v1::AnalyzePortfolioRequest {
        as_of: on("2021-01-29"),
        portfolio: portfolio(book),
        repeat_on: vec!["2021-01-27".to_owned()],
        ..v1::AnalyzePortfolioRequest::default()
    };
    let answer = client.analyze_portfolio(request).await.unwrap().into_inner();
    let report = answer.report.clone().unwrap();
    assert_eq!(symbols(&report, "SIZE"), ["IWM", "SPY"]);
    assert_eq!(factor(&report, "SIZE").roles[0].symbols[0].proxy_for, "^RUT");
    assert!(
        answer
            .info
            .as_ref()
            .unwrap()
            .gaps
            .iter()
            .any(|gap| gap.detail.contains("IWM stands in for ^RUT"))
    );
    let row = |symbol: &str| {
        let row = report.positions.iter().find(|row| row.symbol == symbol);
        row.unwrap_or_else(|| panic!("{symbol} in {:?}", report.positions))
    };
    // Raw closes of 2021-01-29 as the screener of that day prints them; the price file has restated
    // ones, for AMZN's and GOOGL's 20:1, GME's 4:1 and AMC's 1:10 of later years.
    near(row("AMZN").price.unwrap(), 3_206.20, 0.05);
    near(row("GOOGL").price.unwrap(), 1_827.36, 0.05);
    near(row("GME").price.unwrap(), 325.00, 0.01);
    near(row("AMC").price.unwrap(), 13.26, 0.01);
    // 327.56m GOOG at 1,835.74 and 300.74m GOOGL at 1,827.36 are one company of 1.151 trillion.
    let google = row("GOOGL").market_cap_usd.unwrap();
    near(google, 327.56e6 * 1_835.74 + 300.74e6 * 1_827.36, 1e-3 * google);
    assert_eq!(row("GOOG").market_cap_rank, row("GOOGL").market_cap_rank);
    assert_eq!(leg(row("AMZN")), Some("megacap_long"));
    // The names' prices begin in July 2020, the funds' years before: 146 sessions have returns of
    // the book's own. On the others neither the book nor a peer has returns, so no stand-ins are
    // drawn for them.
    let top_down = factor(&report, "MARKET").top_down.unwrap();
    assert!((140..=150).contains(&top_down.observations), "{top_down:?}");
    let tail = &report.scenario_sets[0];
    assert_eq!((tail.sessions, tail.draw_count), (top_down.observations - 60, 1), "60 are seeds");
    assert_eq!(tail.left_out_sessions, 1_060 - top_down.observations);
    // Least squares turns these shorts into hedges in those weeks (methodology.md, B2: GME −0.43,
    // AMC −0.72 on 2021-02-16; winsorised 0.86 and 0.89). A squeezed short must not look like a
    // hedge.
    for symbol in ["GME", "AMC"] {
        let own = beta(row(symbol), "MARKET").own.unwrap();
        assert!(0.2 < own.value && own.value < 1.8, "{symbol} {own:?}");
    }
    the_27th_repeats(&report);
    let priced = coverage(&answer, v1::CoverageAspect::Priced);
    near(priced.missing, 1e5 / report.total.unwrap().gross, 1e-12);
}

/// KOSS on 2021-02-16: the file of 2020-12-31 gives it no shares outstanding, so its size is
/// unknown. Squeezed on days when the market fell, its own betas make the short look like a hedge.
#[tokio::test(flavor = "multi_thread")]
async fn a_short_of_unknown_size_is_shrunk_to_the_mean_of_all_names() {
    let Some(folder) = real_data("a short of unknown size") else { return };
    let harness = market(&folder, "short_interest/settle_2020-12-31.csv.gz").await;
    let mut client = ExposureServiceClient::new(harness.channel().await);
    let book = vec![worth("AAPL", 1e6), worth("KOSS", -1e6), worth("IWM", -1e5)];
    let request = v1::AnalyzePortfolioRequest {
        as_of: on("2021-02-16"),
        portfolio: portfolio(book),
        ..v1::AnalyzePortfolioRequest::default()
    };
    let answer = client.analyze_portfolio(request).await.unwrap().into_inner();
    let report = answer.report.unwrap();
    let row = |symbol: &str| report.positions.iter().find(|row| row.symbol == symbol).unwrap();
    assert_eq!(row("KOSS").bucket_id, "");
    let market = beta(row("KOSS"), "MARKET");
    assert!(market.own.unwrap().value < 0.3 && 0.5 < market.value, "{market:?}");
    // The mean of all names is below zero, because small caps are short in the crowded trade.
    let crowd = beta(row("KOSS"), "trade/megacap_small_cap");
    assert!(
        crowd.own_weight.unwrap() < 0.9 && crowd.value < 0.7 * crowd.own.unwrap().value,
        "{crowd:?}"
    );
    let fund = beta(row("IWM"), "trade/megacap_small_cap");
    near(fund.own_weight.unwrap(), 1.0, 0.0);
    let gap =
        answer.info.as_ref().unwrap().gaps.iter().find(|gap| is_about(gap, "BottomUp ")).unwrap();
    assert_eq!(gap.reason(), v1::GapReason::Proxy);
    near(gap.gross_share.unwrap(), 1.0 / 2.1, 1e-9);
}
