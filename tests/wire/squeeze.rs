//! The squeeze service over the wire: hand arithmetic, gaps, pages, refusals, replay.

use crate::harness::{Harness, expect_refusal, header, held, is_about, on, reference, replay_of};
use contract::v1::{self, position::Size, squeeze_service_client::SqueezeServiceClient};
use marketdata::{calendar, day::Day};
use prost::Message as _;
use std::fmt::Write as _;
use tonic::{Code, transport::Channel};

const TODAY: &str = "2021-01-27";
/// The time of the server.
pub(crate) const NOW: &str = "2021-02-01T12:00:00Z";
pub(crate) const SETTLEMENTS: &str =
    "settlement,first_seen\n2020-12-15,2020-12-25T07:08:34Z\n2020-12-31,2021-01-13T08:12:58Z\n";

/// A hundred raw sessions up to [`TODAY`]: CROWD at 10 and in the last five at 12, CALM, THIN
/// without any volume, PXONLY without short interest.
fn prices() -> String {
    let today = Day::parse_iso(TODAY).unwrap();
    let mut text = String::from("Ticker,Date,Open,High,Low,Close,Adj Close,Volume\n");
    for (symbol, close, last, volume) in [
        ("CALM", 50, 50, 1_000_000),
        ("CROWD", 10, 12, 80_000),
        ("PXONLY", 20, 20, 5_000),
        ("THIN", 20, 20, 0),
    ] {
        for back in (0..100).rev() {
            let (day, p) =
                (calendar::plus_sessions(today, -back), if back < 5 { last } else { close });
            writeln!(text, "{symbol},{day},{p},{p},{p},{p},{p},{volume}").unwrap();
        }
    }
    text
}

/// Short interest of a settlement (MM/DD/YY).
pub(crate) fn short_interest(settled: &str, crowd: u32) -> String {
    let mut text = String::from(
        "symbol,exchange,shares_outstanding,public_float,short_interest_date,shares_sold_short,\
         change_from_last,percent_of_float\n",
    );
    for (symbol, outstanding, float, short) in [
        ("CALM", 25e6, "20000000.0", 100_000),
        ("CROWD", 10e6, "8000000.0", crowd),
        ("NOPX", 10e6, "8000000.0", 500_000),
        ("THIN", 10e6, "", 500_000),
    ] {
        writeln!(text, "{symbol},NYSE,{outstanding:.1},{float},{settled},{short}.0,,").unwrap();
    }
    text
}

/// The ids that the contract documents.
const EVIDENCE: [&str; 9] = [
    "short_of_float",
    "days_to_cover_at_settlement",
    "short_interest_change",
    "return_since_settlement",
    "five_session_return",
    "twenty_session_return",
    "distance_to_high",
    "volume_ratio",
    "float_turnover",
];

async fn market() -> (Harness, SqueezeServiceClient<Channel>) {
    let harness = Harness::at(NOW).await;
    load(&harness).await;
    let client = SqueezeServiceClient::new(harness.channel().await);
    (harness, client)
}

/// Ingests the schedule, the prices and the short interest of two settlements.
pub(crate) async fn load(harness: &Harness) {
    harness.ingest("publication_times.csv", SETTLEMENTS.as_bytes()).await;
    let raw =
        v1::IngestHeader { price_basis: v1::PriceBasis::Raw.into(), ..header("us_equities.csv") };
    harness.try_ingest(raw, prices().as_bytes()).await.unwrap();
    for (settled, crowd) in [("12/15/20", 1_250_000), ("12/31/20", 1_600_000)] {
        let text = short_interest(settled, crowd);
        harness.ingest("short_interest.csv", text.as_bytes()).await;
    }
}

fn position(symbol: &str, size: Size, average_cost: Option<f64>) -> v1::Position {
    v1::Position { average_cost, ..held(symbol, size) }
}

fn book_request() -> v1::AssessShortBookRequest {
    let positions = vec![
        position("CROWD", Size::Quantity(-200_000.0), Some(10.0)),
        position("CALM", Size::MarketValue(-600_000.0), None),
        position("THIN", Size::Quantity(-100.0), None),
        position("NOPX", Size::Quantity(-10.0), None),
        position("NOBODY", Size::MarketValue(-10_000.0), None),
        position("PXONLY", Size::Quantity(50.0), None),
    ];
    v1::AssessShortBookRequest {
        as_of: on(TODAY),
        portfolio: Some(v1::Portfolio { positions, ..v1::Portfolio::default() }),
        ..Default::default()
    }
}

#[track_caller]
fn near(value: Option<f64>, expected: f64) {
    let value = value.unwrap_or(f64::NAN);
    assert!((value - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{value} not {expected}");
}

#[tokio::test]
async fn a_short_book_by_hand() {
    let (harness, mut client) = market().await;
    let answer = client.assess_short_book(book_request()).await.unwrap().into_inner();
    let [crowd, calm, thin] = &answer.lines[..] else { panic!("{:?}", answer.lines) };
    near(Some(crowd.market_value), -2.4e6);
    near(crowd.quantity, -200_000.0);
    // 200,000 at 15 % of 80,000 a day; 12,000 at 15 % of a million.
    near(crowd.exit_days_at_normal_volume, 200.0 / 12.0);
    near(calm.exit_days_at_recent_volume, 0.08);
    assert_eq!(thin.exit_days_at_normal_volume, None, "no volume is never 999.99 days");
    assert_eq!(thin.exit_days_at_recent_volume, None);
    let mark = crowd.mark.unwrap();
    assert_eq!(mark.basis(), v1::MarkBasis::AverageCost);
    near(Some(mark.return_on_basis), -0.2);
    near(mark.profit_and_loss, -400_000.0);
    assert_eq!(calm.mark.unwrap().basis(), v1::MarkBasis::Settlement);

    let name = crowd.name.as_ref().unwrap();
    near(name.days_to_cover_at_recent_volume, 20.0);
    near(name.short_of_float, 0.2);
    near(name.short_of_float_s3, 1.0 / 6.0);
    near(name.short_of_shares_outstanding, 0.16);
    near(name.short_interest_change, 0.28);
    near(name.line_market_cap_usd, 120e6);
    near(name.return_since_settlement, 0.2);
    // Two names are scored, at 0.2 and 0.005 of the float; the mean of the logs is between them.
    near(name.score, 75.0);
    near(name.score_index, 0.2f64.ln());
    let [contribution] = &name.contributions[..] else { panic!("{:?}", name.contributions) };
    assert_eq!(contribution.measure_id, "short_of_float");
    near(Some(contribution.contribution), (0.2f64 / 0.005).ln() / 2.0);
    let turnover = name.evidence.iter().find(|e| e.measure_id == "float_turnover").unwrap();
    // 17 sessions of 80,000 shares since the settlement, over a float of eight million.
    near(turnover.value, 17.0 * 80_000.0 / 8e6);
    near(turnover.percentile, 0.25);
    let ids: Vec<&str> = name.evidence.iter().map(|e| e.measure_id.as_str()).collect();
    assert_eq!(ids, EVIDENCE);
    let short = name.inputs.iter().find(|input| input.name == "short_interest").unwrap();
    assert_eq!((short.value, short.observed_on.as_str()), (Some(1.6e6), "2020-12-31"));
    assert_eq!(short.age_days, 27);
    assert_eq!(short.published_at.unwrap().seconds, 1_610_525_578);

    costs_and_scenarios(&answer);
    let totals = answer.totals.unwrap();
    near(Some(totals.gross_short), 2.4e6 + 600_000.0 + 2_000.0 + 10_000.0);
    assert_eq!((totals.short_names, totals.long_names), (3, 1));
    let exit = totals.exit_at_normal_volume.unwrap();
    near(exit.exit_days, 200.0 / 12.0);
    assert_eq!(exit.curve.len(), 4);
    assert!(!answer.method.unwrap().calibrated);
    let gross = 2.4e6 + 600_000.0 + 2_000.0 + 10_000.0 + 1_000.0;
    let gap = |subject: &str| {
        answer.info.as_ref().unwrap().gaps.iter().find(|gap| is_about(gap, subject)).unwrap()
    };
    assert_eq!(gap("THIN").reason(), v1::GapReason::NoFloat);
    near(gap("THIN").gross_share, 2_000.0 / gross);
    assert_eq!(gap("portfolio.positions[3]").reason(), v1::GapReason::NoPrice);
    assert_eq!(gap("portfolio.positions[4]").reason(), v1::GapReason::UnknownInstrument);
    near(gap("portfolio.positions[4]").gross_share, 10_000.0 / gross);
    let lines: Vec<_> = answer.unresolved.iter().map(|line| line.position_id.as_str()).collect();
    assert_eq!(lines, ["portfolio.positions[3]", "portfolio.positions[4]"]);
    harness.stop().await;
}

/// CROWD closed at 10, and at 12 on the last five sessions: one return of 0.2 and 59 of 0 in sixty, so
/// σ = 0.2·√(1/60) (the mean is 0.2/60, and 59 is n − 1), and 3σ√5 = 17.3 %.
fn costs_and_scenarios(answer: &v1::AssessShortBookResponse) {
    let [crowd, calm, thin] = &answer.lines[..] else { panic!("{:?}", answer.lines) };
    let name = crowd.name.as_ref().unwrap();
    let sigma = 0.2 / 60f64.sqrt();
    near(name.sixty_session_volatility, sigma);
    near(name.squeeze_threshold, 3.0 * sigma * 5f64.sqrt());
    near(crowd.squeeze_pnl, -2.4e6 * 3.0 * sigma * 5f64.sqrt());
    near(calm.squeeze_pnl, -600_000.0 * 0.15);
    assert_eq!(thin.covering_cost, None, "it has no volume");
    let cost = crowd.covering_cost.as_ref().unwrap();
    near(Some(cost.days), 200.0 / 12.0);
    near(Some(cost.days_of_volume), 2.5);
    let [root, almgren] = &cost.estimates[..] else { panic!("{cost:?}") };
    assert_eq!((root.model_id.as_str(), root.extrapolated), ("square_root", true));
    near(Some(root.mean_cost), sigma * 2.5f64.sqrt() * 2.0 / 3.0);
    near(Some(root.cost), 2.4e6 * root.mean_cost);
    // 0.314·σ·2.5·(10 m / 80,000)^¼.
    near(Some(almgren.price_rise), 0.314 * sigma * 2.5 * 125f64.powf(0.25));
    let models: Vec<&str> = answer.covering_models.iter().map(|m| m.model_id.as_str()).collect();
    assert_eq!(models, ["square_root", "almgren_2005"]);
    let total = &answer.totals.as_ref().unwrap().covering_costs[0];
    near(Some(total.cost), root.cost);
    near(Some(total.share_of_gross_short), 3.0e6 / 3.012e6);
    let losses: Vec<(Vec<String>, f64)> =
        answer.scenarios.iter().map(|s| (s.symbols.clone(), s.pnl)).collect();
    // THIN has no volume but a price; three shorts can be squeezed, and CROWD is heavily short.
    let names = |count: usize| ["CROWD", "CALM", "THIN"][..count].to_vec();
    assert_eq!(losses.len(), 4);
    for (count, (symbols, _)) in (1..4).zip(&losses) {
        assert_eq!(*symbols, names(count));
    }
    assert_eq!(losses[3].0, ["CROWD"]);
    near(Some(losses[1].1), crowd.squeeze_pnl.unwrap() - 90_000.0);
    // 1.6 million short since a close of 10; nothing moved on the last session.
    near(name.shorts_gain_since_settlement_usd, -3.2e6);
    near(name.shorts_gain_last_session_usd, 0.0);
    near(
        answer.universe.as_ref().unwrap().shorts_gain_since_settlement.map(|g| g.gain_usd),
        -3.2e6,
    );
}

/// 2.4 million short of CROWD, 2.5 days of a volume of 960,000, in ten even sessions; σ as above.
#[tokio::test]
async fn a_covering_is_scheduled_by_hand() {
    let (harness, mut client) = market().await;
    let even = v1::CoveringTerms { horizon_sessions: Some(10), risk_aversion: Some(0.0) };
    let request = |covering| v1::AssessShortBookRequest { covering, ..book_request() };
    let answer = client.assess_short_book(request(Some(even))).await.unwrap().into_inner();
    let [crowd, _, thin] = &answer.lines[..] else { panic!("{:?}", answer.lines) };
    let made = crowd.covering_schedule.as_ref().unwrap();
    let sigma = 0.2 / 60f64.sqrt();
    near(Some(made.daily_value), 960_000.0);
    let permanent = 0.314 * sigma * 125f64.powf(0.25);
    let temporary = 0.142 * sigma * 0.15f64.powf(-0.4);
    near(Some(made.permanent_impact), permanent);
    near(Some(made.temporary_impact), temporary);
    near(Some(made.largest_share_of_volume), 0.25);
    near(Some(made.kappa), 0.0);
    let sessions: Vec<_> = made.sessions.iter().map(|s| (s.session, s.bought.round())).collect();
    assert_eq!(sessions, (1..=10).map(|session| (session, 240_000.0)).collect::<Vec<_>>());
    near(Some(made.sessions[3].share_left), 0.6);
    // ½·permanent·2.5, and (temporary − permanent/26)·2.5 days of volume in 10 days, of 2.4 million.
    let cost = 2.4e6 * (1.25 * permanent + 0.25 * (temporary - permanent / 26.0));
    near(Some(made.expected_cost), cost);
    // Σ(1 − j/130)² over j from 1 to 130, in half-hours.
    let squares = 129.0 * 130.0 * 259.0 / (6.0 * 130.0 * 130.0);
    near(Some(made.variance / ((sigma * 2.4e6).powi(2) / 13.0 * squares)), 1.0);
    assert_eq!(thin.covering_schedule, None, "it has no volume");
    let gaps = &thin.name.as_ref().unwrap().gaps;
    assert!(gaps.iter().any(|gap| is_about(gap, "THIN.covering_schedule")), "{gaps:?}");
    let models: Vec<&str> = answer.covering_models.iter().map(|m| m.model_id.as_str()).collect();
    assert_eq!(models, ["square_root", "almgren_2005", "almgren_chriss_2000"]);
    let totals = answer.totals.as_ref().unwrap();
    assert_eq!(totals.covering_costs[2].model_id, "almgren_chriss_2000");
    // CALM never moves, so that the model sees no impact and has no schedule.
    near(Some(totals.covering_costs[2].share_of_gross_short), 2.4e6 / 3.012e6);
    // At 15 % CROWD takes 50/3 sessions, and CALM's 600,000 less than one.
    let exit = &totals.exit_at_normal_volume.as_ref().unwrap().sessions;
    assert_eq!(exit.len(), 17);
    near(Some(exit[0].value_left), 2.4e6 * 0.94);
    near(Some(exit[0].share), (600_000.0 + 2.4e6 * 0.06) / 3.0e6);
    near(Some(exit[0].squeeze_pnl_left), crowd.squeeze_pnl.unwrap() * 0.94);
    near(Some(exit[16].value_left), 0.0);

    // By default in the sessions of each line, and earlier than evenly.
    let usual = Some(v1::CoveringTerms::default());
    let answer = client.assess_short_book(request(usual)).await.unwrap().into_inner();
    assert_eq!(answer.covering.unwrap().risk_aversion, Some(1e-6));
    let days: Vec<Option<i32>> = answer
        .lines
        .iter()
        .map(|line| Some(line.covering_schedule.as_ref()?.horizon_sessions))
        .collect();
    assert_eq!(days, [Some(17), None, None]);
    let first = &answer.lines[0].covering_schedule.as_ref().unwrap().sessions[0];
    assert!(1.0 / 17.0 < 1.0 - first.share_left, "{first:?}");

    let wrong = v1::CoveringTerms { horizon_sessions: Some(253), risk_aversion: Some(f64::NAN) };
    let refusal = client.assess_short_book(request(Some(wrong))).await.unwrap_err();
    let paths = ["covering.horizon_sessions", "covering.risk_aversion"];
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    harness.stop().await;
}

#[tokio::test]
async fn later_publications_are_unknown_and_replays_are_equal() {
    let (harness, mut client) = market().await;
    let mut request = book_request();
    // The second settlement was first seen on 2021-01-13; at the close before that only the first
    // was known.
    request.as_of = on("2021-01-12");
    let before = client.assess_short_book(request.clone()).await.unwrap().into_inner();
    let short = |answer: &v1::AssessShortBookResponse| {
        answer.lines[0].name.as_ref().unwrap().inputs[0].clone()
    };
    assert_eq!(short(&before).observed_on, "2020-12-15");
    near(short(&before).value, 1.25e6);
    request.as_of = on("2021-01-13");
    let after = client.assess_short_book(request.clone()).await.unwrap().into_inner();
    assert_eq!(short(&after).observed_on, "2020-12-31");
    // After further ingests the old answer is repeated byte for byte, also by another process.
    let third = short_interest("01/15/21", 900_000);
    harness.ingest("short_interest.csv", third.as_bytes()).await;
    let harness = harness.restart().await;
    let mut client = SqueezeServiceClient::new(harness.channel().await);
    request.as_of = replay_of(&reference(&before.info));
    let again = client.assess_short_book(request).await.unwrap().into_inner();
    assert_eq!(again.encode_to_vec(), before.encode_to_vec());
    harness.stop().await;
}

#[tokio::test]
async fn an_exchange_that_no_listing_names_is_answered_with_those_that_exist() {
    let (harness, mut client) = market().await;
    let on_exchange = |name: &str| v1::RankSqueezeRequest {
        as_of: on(TODAY),
        min_daily_value_usd: Some(0.0),
        exchanges: vec![name.to_owned()],
        ..v1::RankSqueezeRequest::default()
    };
    let refusal = client.rank_squeeze(on_exchange("NYSE")).await.unwrap_err();
    expect_refusal(&refusal, Code::NotFound, "UNKNOWN_EXCHANGE", &[]);
    assert_eq!(refusal.message(), "unknown exchange \"NYSE\"; none is known");
    let listed = "exchange,symbol,name,last_sale_usd,volume,market_cap_usd,sector\n\
                  nyse,CROWD,Crowd Inc.,10,1000,100000000,Finance\n\
                  nasdaq,CALM,Calm Inc.,10,1000,100000000,Finance\n";
    harness.ingest("screener_2021-01-04.csv", listed.as_bytes()).await;
    let found = client.rank_squeeze(on_exchange("NYSE")).await.unwrap().into_inner();
    assert_eq!(found.total_size, 1);
    let refusal = client.rank_squeeze(on_exchange("NSYE")).await.unwrap_err();
    expect_refusal(&refusal, Code::NotFound, "UNKNOWN_EXCHANGE", &[]);
    assert_eq!(refusal.message(), "unknown exchange \"NSYE\"; known: NASDAQ, NYSE");
    harness.stop().await;
}

#[tokio::test]
async fn the_ranking_comes_in_pages_that_belong_to_one_request() {
    let (harness, mut client) = market().await;
    let request = v1::RankSqueezeRequest {
        as_of: on(TODAY),
        page_size: 1,
        min_daily_value_usd: Some(0.0),
        rank_by: v1::SqueezeRankBy::DaysToCoverAtRecentVolume.into(),
        ..v1::RankSqueezeRequest::default()
    };
    let first = client.rank_squeeze(request.clone()).await.unwrap().into_inner();
    assert_eq!(first.total_size, 2);
    let symbol = |answer: &v1::RankSqueezeResponse| {
        let ranked = &answer.names[0];
        (ranked.rank, ranked.name.as_ref().unwrap().symbol.clone())
    };
    assert_eq!(symbol(&first), (1, "CROWD".to_owned()));
    let next =
        v1::RankSqueezeRequest { page_token: first.next_page_token.clone(), ..request.clone() };
    let second = client.rank_squeeze(next.clone()).await.unwrap().into_inner();
    assert_eq!(symbol(&second), (2, "CALM".to_owned()));
    assert_eq!(
        (second.next_page_token.as_str(), reference(&second.info)),
        ("", reference(&first.info))
    );
    let universe = first.universe.unwrap();
    assert_eq!(
        (universe.with_short_interest_count, universe.priced_count, universe.scored_count),
        (4, 3, 2)
    );
    assert_eq!(universe.newest_settlement_on, "2020-12-31");
    assert_eq!(first.left_out.unwrap().not_scored_count, 2);
    let method = first.method.unwrap();
    let [term] = &method.terms[..] else { panic!("{:?}", method.terms) };
    assert_eq!(term.measure_id, "short_of_float");
    near(Some(term.coefficient), 1.0);
    // Short interest over float: 0.2 and 0.005.
    near(term.mean, (0.2f64 * 0.005).ln() / 2.0);

    let other = v1::RankSqueezeRequest { min_line_market_cap_usd: Some(1.0), ..next };
    let refusal = client.rank_squeeze(other).await.unwrap_err();
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_PAGE_TOKEN", &[]);
    // Below a million a day by default: CROWD trades 838,095.
    let usual = v1::RankSqueezeRequest { as_of: on(TODAY), ..v1::RankSqueezeRequest::default() };
    let usual = client.rank_squeeze(usual).await.unwrap().into_inner();
    assert_eq!((usual.total_size, usual.left_out.unwrap().below_daily_value_count), (1, 1));
    harness.stop().await;
}

#[tokio::test]
async fn every_violation_is_reported_at_once() {
    let harness = Harness::start().await;
    let mut client = SqueezeServiceClient::new(harness.channel().await);
    let book = v1::AssessShortBookRequest {
        as_of: on("yesterday"),
        portfolio: Some(v1::Portfolio {
            positions: vec![position("AAPL", Size::Quantity(f64::NAN), Some(-1.0))],
            ..v1::Portfolio::default()
        }),
        participation: Some(f64::NAN),
        ..Default::default()
    };
    let refusal = client.assess_short_book(book).await.unwrap_err();
    let paths = [
        "as_of.on",
        "participation",
        "portfolio.positions[0].quantity",
        "portfolio.positions[0].average_cost",
    ];
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    let ranking = v1::RankSqueezeRequest {
        page_size: -1,
        min_line_market_cap_usd: Some(-1.0),
        min_daily_value_usd: Some(f64::INFINITY),
        exchanges: vec![" ".to_owned()],
        rank_by: 77,
        ..v1::RankSqueezeRequest::default()
    };
    let refusal = client.rank_squeeze(ranking).await.unwrap_err();
    let paths =
        ["min_line_market_cap_usd", "min_daily_value_usd", "rank_by", "exchanges[0]", "page_size"];
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    // Nothing is known yet: an answer with gaps, not an error.
    let empty = client.rank_squeeze(v1::RankSqueezeRequest::default()).await.unwrap().into_inner();
    assert_eq!(empty.total_size, 0);
    let reasons: Vec<_> = empty.info.as_ref().unwrap().gaps.iter().map(v1::Gap::reason).collect();
    use v1::GapReason::{InputMissing, NoPrice, NoShortInterest};
    // The last two: no lending data, and no most-shorted names.
    assert_eq!(reasons, [NoShortInterest, NoPrice, InputMissing, NoShortInterest]);
    harness.stop().await;
}
