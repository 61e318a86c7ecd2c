//! Portfolios over the wire: cash, lots, valuation days, identifiers, ids and labels.

use crate::harness::{
    Harness, coverage, expect_refusal, gaps, header, held, is_about, on, subjects,
};
use contract::v1::{
    self, exposure_service_client::ExposureServiceClient, position::Size,
    squeeze_service_client::SqueezeServiceClient,
};
use marketdata::{calendar, day::Day};
use std::fmt::Write as _;
use tonic::{Code, transport::Channel};

const TODAY: &str = "2021-01-27";
const YESTERDAY: &str = "2021-01-26";

/// Raw closes of 70 sessions up to [`TODAY`]: AA at 10 and today at 12; CASH, a bank, at 50; NEW
/// only today, at 5.
pub(crate) async fn market() -> (Harness, Channel) {
    let today = Day::parse_iso(TODAY).unwrap();
    let mut text = String::from("Ticker,Date,Open,High,Low,Close,Adj Close,Volume\n");
    for (symbol, close, last, sessions) in
        [("AA", 10, 12, 70), ("CASH", 50, 50, 70), ("NEW", 5, 5, 1)]
    {
        for back in (0..sessions).rev() {
            let p = if back == 0 { last } else { close };
            let day = calendar::plus_sessions(today, -back);
            writeln!(text, "{symbol},{day},{p},{p},{p},{p},{p},1000").unwrap();
        }
    }
    let harness = Harness::at("2021-02-01T12:00:00Z").await;
    let raw =
        v1::IngestHeader { price_basis: v1::PriceBasis::Raw.into(), ..header("us_equities.csv") };
    harness.try_ingest(raw, text.as_bytes()).await.unwrap();
    let channel = harness.channel().await;
    (harness, channel)
}

pub(crate) fn request(portfolio: v1::Portfolio) -> v1::AnalyzePortfolioRequest {
    v1::AnalyzePortfolioRequest {
        as_of: on(TODAY),
        portfolio: Some(portfolio),
        ..v1::AnalyzePortfolioRequest::default()
    }
}

pub(crate) fn of(positions: Vec<v1::Position>) -> v1::Portfolio {
    v1::Portfolio { positions, ..v1::Portfolio::default() }
}

async fn analyzed(channel: &Channel, portfolio: v1::Portfolio) -> v1::AnalyzePortfolioResponse {
    let mut client = ExposureServiceClient::new(channel.clone());
    client.analyze_portfolio(request(portfolio)).await.unwrap().into_inner()
}

/// Three million of money beside a share: neither a bank, nor gross, nor a gap.
#[tokio::test(flavor = "multi_thread")]
async fn cash_is_not_the_bank_of_that_ticker() {
    let (_harness, channel) = market().await;
    let mut client = ExposureServiceClient::new(channel.clone());
    let share = held("AA", Size::Quantity(1e6));
    let lines = vec![
        share.clone(),
        held("CASH", Size::MarketValue(3e6)),
        held("usd", Size::MarketValue(1.0)),
    ];
    let refusal = client.analyze_portfolio(request(of(lines.clone()))).await.unwrap_err();
    let paths =
        ["portfolio.positions[1].instrument.symbol", "portfolio.positions[2].instrument.symbol"];
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    let mut squeeze = SqueezeServiceClient::new(channel.clone());
    let shorts = v1::AssessShortBookRequest { portfolio: Some(of(lines)), ..Default::default() };
    let refusal = squeeze.assess_short_book(shorts).await.unwrap_err();
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);

    let balance = |amount| v1::CashBalance { amount: Some(amount), ..v1::CashBalance::default() };
    let book = v1::Portfolio {
        cash: vec![balance(3e6), balance(-1e6)],
        net_asset_value: Some(14e6),
        ..of(vec![share.clone()])
    };
    let answer = analyzed(&channel, book).await;
    let report = answer.report.unwrap();
    assert_eq!(report.cash, Some(2e6));
    // 1,000,000 shares at 12; the net asset value is the caller's and includes the cash.
    assert_eq!(report.total.unwrap().gross, 12e6);
    assert_eq!(report.gross_leverage, Some(12.0 / 14.0));
    assert_eq!(report.positions.len(), 1);
    assert!(!format!("{:?}", gaps(&answer.info)).contains("CASH"));
    // The net asset value is not inferred, and no cash is not zero cash.
    let answer = analyzed(&channel, of(vec![share])).await.report.unwrap();
    assert_eq!((answer.gross_leverage, answer.cash), (None, None));
    // Whoever holds the bank says so.
    let listed = v1::PositionKind::Listed.into();
    let bank = v1::Position { kind: listed, ..held("CASH", Size::MarketValue(3e6)) };
    let answer = analyzed(&channel, of(vec![bank])).await.report.unwrap();
    assert_eq!(
        (answer.positions[0].symbol.as_str(), answer.positions[0].quantity),
        ("CASH", Some(6e4))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_say_in_which_currency_their_money_is() {
    let (_harness, channel) = market().await;
    let (mut exposure, mut squeeze) =
        (ExposureServiceClient::new(channel.clone()), SqueezeServiceClient::new(channel));
    let portfolio = of(vec![held("AA", Size::Quantity(-100.0))]);
    for currency in ["", "USD"] {
        let portfolio = v1::Portfolio { currency: currency.to_owned(), ..portfolio.clone() };
        let asked = request(portfolio.clone());
        let (as_of, portfolio) = (asked.as_of.clone(), Some(portfolio));
        let answer = exposure.analyze_portfolio(asked).await.unwrap().into_inner();
        assert_eq!(answer.report.unwrap().currency, "USD");
        let asked = v1::ExplainPnlRequest {
            as_of: as_of.clone(),
            portfolio: portfolio.clone(),
            ..Default::default()
        };
        let answer = exposure.explain_pnl(asked).await.unwrap().into_inner();
        assert_eq!(answer.report.unwrap().currency, "USD");
        let asked = v1::AssessShortBookRequest {
            as_of: as_of.clone(),
            portfolio: portfolio.clone(),
            ..Default::default()
        };
        let answer = squeeze.assess_short_book(asked).await.unwrap().into_inner();
        assert_eq!(answer.currency, "USD");
        let asked = v1::ValidatePortfolioRequest { as_of, portfolio };
        let answer = exposure.validate_portfolio(asked).await.unwrap().into_inner();
        assert_eq!((answer.accepted, answer.currency.as_str()), (true, "USD"));
    }
}

/// Two lots of AA, bought at 10 and at an unknown price, now at 12.
#[tokio::test(flavor = "multi_thread")]
async fn a_cost_applies_to_its_own_lot_only() {
    let (_harness, channel) = market().await;
    let label = v1::Label { key: "strategy".to_owned(), value: "core".to_owned() };
    let lots = |sign: f64| {
        let known = v1::Position {
            position_id: "lot-1".to_owned(),
            average_cost: Some(10.0),
            labels: vec![label.clone()],
            ..held("AA", Size::Quantity(sign * 100.0))
        };
        let unknown = v1::Position {
            position_id: "lot-2".to_owned(),
            ..held("aa", Size::Quantity(sign * 300.0))
        };
        of(vec![known, unknown])
    };
    let answer = analyzed(&channel, lots(1.0)).await;
    let report = answer.report.unwrap();
    let row = &report.positions[0];
    // 100·(12 − 10); the other 300 have no P&L.
    assert_eq!((row.profit_and_loss, row.market_value), (Some(200.0), 4_800.0));
    let made: Vec<_> =
        row.lots.iter().map(|lot| (lot.position_id.as_str(), lot.profit_and_loss)).collect();
    assert_eq!(made, [("lot-1", Some(200.0)), ("lot-2", None)]);
    assert_eq!((&row.lots[0].labels[..], row.lots[1].labels.len()), (&[label.clone()][..], 0));
    let profit = report.profit_and_loss.unwrap();
    assert_eq!((profit.total, profit.long, profit.short), (200.0, 200.0, 0.0));
    assert_eq!(profit.share_with_cost, 0.25);
    let gap = gaps(&answer.info).iter().find(|gap| is_about(gap, "lot-2")).unwrap();
    assert_eq!((gap.reason(), gap.gross_share), (v1::GapReason::InputMissing, Some(0.75)));

    let mut client = SqueezeServiceClient::new(channel);
    let shorts = v1::AssessShortBookRequest {
        as_of: on(TODAY),
        portfolio: Some(lots(-1.0)),
        ..v1::AssessShortBookRequest::default()
    };
    let answer = client.assess_short_book(shorts).await.unwrap().into_inner();
    let short = &answer.lines[0];
    let mark = short.mark.unwrap();
    assert_eq!((mark.profit_and_loss, mark.return_on_basis), (Some(-200.0), -0.2));
    assert_eq!(answer.totals.unwrap().profit_and_loss, Some(-200.0));
    assert_eq!(short.lots.len(), 2);
    let gaps = &short.name.as_ref().unwrap().gaps;
    assert!(gaps.iter().any(|gap| is_about(gap, "lot-2")), "{gaps:?}");
}

/// A book by yesterday's market values is the same book as by its shares.
#[tokio::test(flavor = "multi_thread")]
async fn market_values_of_yesterday_move_with_the_price() {
    let (_harness, channel) = market().await;
    let by_shares = of(vec![held("AA", Size::Quantity(1e5))]);
    let by_value = v1::Portfolio {
        valued_on: YESTERDAY.to_owned(),
        ..of(vec![held("AA", Size::MarketValue(1e6))])
    };
    let dated =
        v1::Position { valued_on: YESTERDAY.to_owned(), ..held("AA", Size::MarketValue(1e6)) };
    let mut totals = Vec::new();
    for portfolio in [by_shares, by_value.clone(), of(vec![dated])] {
        totals.push(analyzed(&channel, portfolio).await.report.unwrap().total.unwrap());
    }
    assert_eq!(totals[0].net, 1.2e6);
    assert_eq!((&totals[1], &totals[2]), (&totals[0], &totals[0]));
    // Without a day, a market value is today's.
    let undated = analyzed(&channel, of(vec![held("AA", Size::MarketValue(1e6))])).await;
    assert_eq!(undated.report.unwrap().total.unwrap().net, 1e6);

    // NEW had no close yesterday: its value is counted as given, and the answer says so.
    let mut mixed = by_value;
    mixed.positions.push(held("NEW", Size::MarketValue(4e5)));
    let answer = analyzed(&channel, mixed.clone()).await;
    assert_eq!(answer.report.unwrap().total.unwrap().net, 1.6e6);
    let is_priced = |row: &&v1::Coverage| row.aspect() == v1::CoverageAspect::Priced;
    let priced = coverage(&answer.info).iter().find(is_priced).unwrap();
    assert_eq!((priced.own, priced.proxied, priced.missing), (0.75, 0.25, 0.0));
    let gap = gaps(&answer.info).iter().find(|gap| gap.reason() == v1::GapReason::NoPrice).unwrap();
    assert_eq!(
        (subjects(gap).concat().as_str(), gap.gross_share),
        ("portfolio.positions[1]", Some(0.25))
    );
    assert!(gap.detail.contains(YESTERDAY), "{gap:?}");

    mixed.valued_on = "2021-01-28".to_owned();
    mixed.positions[1].valued_on = "2021-01-29".to_owned();
    mixed
        .positions
        .push(v1::Position { valued_on: YESTERDAY.to_owned(), ..held("AA", Size::Quantity(1.0)) });
    let mut client = ExposureServiceClient::new(channel);
    let refusal = client.analyze_portfolio(request(mixed)).await.unwrap_err();
    let paths = [
        "portfolio.valued_on",
        "portfolio.positions[1].valued_on",
        "portfolio.positions[2].valued_on",
    ];
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);
}

#[tokio::test(flavor = "multi_thread")]
async fn references_ids_labels_and_cash_are_checked_by_path() {
    let (_harness, channel) = market().await;
    let named = |instrument| v1::Position {
        instrument: Some(instrument),
        ..held("", Size::MarketValue(100.0))
    };
    let isin = |isin: &str| v1::InstrumentRef { isin: isin.to_owned(), ..Default::default() };
    let label = |key: &str| v1::Label { key: key.to_owned(), value: "x".repeat(257) };
    let id = |position_id: &str, position| v1::Position {
        position_id: position_id.to_owned(),
        ..position
    };
    let wrong = v1::Portfolio {
        cash: vec![
            v1::CashBalance {
                currency: "euro".to_owned(),
                amount: Some(f64::NAN),
                ..Default::default()
            },
            v1::CashBalance { position_id: "a".to_owned(), ..Default::default() },
        ],
        ..of(vec![
            id("a", named(isin("US0378331006"))),
            id(
                &"b".repeat(129),
                v1::Position { instrument: None, ..held("", Size::Quantity(1.0)) },
            ),
            v1::Position {
                labels: vec![label("k"), label("k")],
                ..held("AA", Size::Quantity(1.0))
            },
            // Its own path may be said; that of another line would stand for both.
            id("portfolio.positions[3]", held("AA", Size::Quantity(1.0))),
            id("portfolio.positions[2]", held("AA", Size::Quantity(1.0))),
        ])
    };
    let mut client = ExposureServiceClient::new(channel.clone());
    let refusal = client.analyze_portfolio(request(wrong)).await.unwrap_err();
    let paths = [
        "portfolio.positions[2].labels[0].value",
        "portfolio.positions[2].labels[1].value",
        "portfolio.positions[2].labels[1].key",
        "portfolio.cash[0].currency",
        "portfolio.cash[0].amount",
        "portfolio.cash[1].amount",
        "portfolio.positions[1].position_id",
        "portfolio.positions[4].position_id",
        "portfolio.cash[1].position_id",
        "portfolio.positions[0].instrument.isin",
        "portfolio.positions[1].instrument",
    ];
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);

    // A true ISIN without a symbol is a line that is not resolved, and says why.
    let book = of(vec![id("apple", named(isin("US0378331005"))), held("AA", Size::Quantity(1.0))]);
    let request = v1::ValidatePortfolioRequest { as_of: on(TODAY), portfolio: Some(book) };
    let found = client.validate_portfolio(request).await.unwrap().into_inner();
    assert!(found.accepted && !found.fully_resolved, "{found:?}");
    let [line] = &found.unresolved[..] else { panic!("{found:?}") };
    assert_eq!(
        (line.position_id.as_str(), line.reason()),
        ("apple", v1::GapReason::UnknownInstrument)
    );
    assert_eq!(line.instrument, Some(isin("US0378331005")));
    assert_eq!(line.detail, "no instrument has the isin US0378331005");
}

/// A fund whose file is adjusted for distributions is valued below what was paid: both services say
/// so. A close of the day up to which the file is adjusted is a price.
#[tokio::test(flavor = "multi_thread")]
async fn a_level_adjusted_for_distributions_is_no_price_in_silence() {
    let (harness, channel) = market().await;
    let today = Day::parse_iso(TODAY).unwrap();
    for (symbol, adjusted_on, step) in
        [("SPY", TODAY, 29), ("LATER", "2021-01-29", 37), ("SAME", TODAY, 41)]
    {
        let levels = v1::IngestHeader {
            symbol: symbol.to_owned(),
            price_basis: v1::PriceBasis::TotalReturn.into(),
            adjusted_on: adjusted_on.to_owned(),
            ..header("levels.csv")
        };
        let mut closes = String::from("Date,Close\n");
        for back in (0..300).rev() {
            let cents = back * step % 101;
            writeln!(closes, "{},10.{cents:03}", calendar::plus_sessions(today, -back)).unwrap();
        }
        harness.try_ingest(levels, closes.as_bytes()).await.unwrap();
    }
    let short = |symbol| held(symbol, Size::Quantity(-100.0));
    let book = of(vec![short("LATER"), short("SAME")]);
    let analysis = analyzed(&channel, book.clone()).await;
    // Nothing else is wrong with the names: they have betas of their own.
    let is_short = |gap: &v1::Gap| gap.reason() == v1::GapReason::ShortHistory;
    let of_names = |gap: &&v1::Gap| ["LATER", "SAME"].iter().any(|name| is_about(gap, name));
    assert!(!gaps(&analysis.info).iter().filter(of_names).any(is_short), "{:?}", analysis.info);
    let shorts = v1::AssessShortBookRequest {
        as_of: on(TODAY),
        portfolio: Some(book),
        ..v1::AssessShortBookRequest::default()
    };
    let mut squeeze = SqueezeServiceClient::new(channel);
    let assessment = squeeze.assess_short_book(shorts).await.unwrap().into_inner();
    let is_adjusted = |gap: &&v1::Gap| gap.reason() == v1::GapReason::AdjustedPrice;
    let names = assessment.lines.iter().filter_map(|line| line.name.as_ref());
    let of_lines = names.flat_map(|name| &name.gaps);
    for found in [
        gaps(&analysis.info).iter().filter(is_adjusted).collect::<Vec<_>>(),
        of_lines.filter(is_adjusted).collect(),
    ] {
        let subjects: Vec<_> = found.iter().flat_map(|gap| subjects(gap)).collect();
        assert_eq!(subjects, ["LATER"]);
        assert!((found[0].gross_share.unwrap() - 0.5).abs() < 0.01);
    }
}
