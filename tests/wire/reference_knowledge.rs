//! Sizes and sectors published after the as-of date: used only if asked for, up to an age, flagged,
//! replayed by the reference alone; and nothing else is seen early.

use crate::{
    drawn_files::{Draws, ELDERS, FIRST_DAY, MEGACAPS, base, news},
    harness::{
        Harness, forget_reference, gaps, header, held, instant, leg, on, reference, replay_of,
        subjects,
    },
};
use contract::v1::{
    self, CoverageAspect, ReferenceKnowledge, exposure_service_client::ExposureServiceClient,
    position::Size, rotation_service_client::RotationServiceClient,
    squeeze_service_client::SqueezeServiceClient,
};
use marketdata::{calendar, day::Day};
use prost::Message as _;
use std::fmt::Write as _;
use tonic::transport::Channel;

const TODAY: &str = "2021-01-27";
/// From 2021-01-27 five years with one leap day to 2026-01-27, then 4 + 28 + 31 + 30 + 31 + 30 + 1.
const AGE: i32 = 5 * 365 + 1 + 155;

/// 150 sessions up to [`TODAY`] of the market, of SMALL at 10 and of LARGE at 50.
fn prices() -> String {
    let today = Day::parse_iso(TODAY).unwrap();
    let mut text = String::from("Ticker,Date,Open,High,Low,Close,Adj Close,Volume\n");
    let mut market = 100.0;
    for back in (0..150).rev() {
        let day = calendar::plus_sessions(today, -back);
        market *= 1.0 + 0.01 * f64::from((back * 7) % 11 - 5);
        for (symbol, close) in [("^GSPC", market), ("SMALL", 10.0), ("LARGE", 50.0)] {
            writeln!(text, "{symbol},{day},{close},{close},{close},{close},{close},1000").unwrap();
        }
    }
    text
}

/// The first load of 2026-07-01: 4bn at 40 are 100m shares of SMALL, 1bn at the close of 10 in 2021;
/// 100bn at 100 are 1bn shares of LARGE, 50bn at the close of 50.
const SCREENER: &str = "exchange,symbol,name,last_sale_usd,volume,market_cap_usd,sector\n\
    nyse,SMALL,Small Inc. Common Stock,40,1000,4000000000,Technology\n\
    nyse,LARGE,Large Inc. Common Stock,100,1000,100000000000,Finance\n";

async fn market() -> (Harness, ExposureServiceClient<Channel>) {
    let harness = Harness::at("2026-07-02T12:00:00Z").await;
    let raw = v1::IngestHeader { price_basis: v1::PriceBasis::Raw.into(), ..header("prices.csv") };
    harness.try_ingest(raw, prices().as_bytes()).await.unwrap();
    harness.ingest("screener_2026-07-01.csv", SCREENER.as_bytes()).await;
    let client = ExposureServiceClient::new(harness.channel().await);
    (harness, client)
}

fn later(as_of: Option<v1::AsOf>, reference_max_age_days: Option<i32>) -> Option<v1::AsOf> {
    let reference_knowledge = ReferenceKnowledge::EarliestLater.into();
    Some(v1::AsOf { reference_knowledge, reference_max_age_days, ..as_of.unwrap() })
}

fn book(as_of: Option<v1::AsOf>) -> v1::AnalyzePortfolioRequest {
    let positions =
        vec![held("LARGE", Size::MarketValue(3e6)), held("SMALL", Size::MarketValue(-1e6))];
    v1::AnalyzePortfolioRequest {
        as_of,
        portfolio: Some(v1::Portfolio { positions, ..v1::Portfolio::default() }),
        ..v1::AnalyzePortfolioRequest::default()
    }
}

/// Own, proxied and missing shares of gross.
fn shares(answer: &v1::AnalyzePortfolioResponse, aspect: CoverageAspect) -> [f64; 3] {
    let row =
        answer.info.as_ref().unwrap().coverage.iter().find(|row| row.aspect() == aspect).unwrap();
    [row.own, row.proxied, row.missing]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_back_test_has_sizes_and_sectors_that_are_flagged_and_replayed() {
    let (harness, mut client) = market().await;
    let without = client.analyze_portfolio(book(on(TODAY))).await.unwrap().into_inner();
    for aspect in [CoverageAspect::Sized, CoverageAspect::Classified] {
        assert_eq!(shares(&without, aspect), [0.0, 0.0, 1.0]);
    }
    let snapshot = reference(&without.info);
    assert_eq!(snapshot.reference_knowledge(), ReferenceKnowledge::AsPublished);
    assert_eq!(snapshot.reference_max_age_days, None);

    let request = book(later(on(TODAY), None));
    let answer = client.analyze_portfolio(request.clone()).await.unwrap().into_inner();
    let report = answer.report.as_ref().unwrap();
    for aspect in [CoverageAspect::Sized, CoverageAspect::Classified] {
        assert_eq!(shares(&answer, aspect), [0.0, 1.0, 0.0]);
    }
    let rows: Vec<_> = report
        .positions
        .iter()
        .map(|row| {
            let cap = (row.market_cap_usd.unwrap() / 1e6).round();
            (row.symbol.as_str(), row.bucket_id.as_str(), cap, row.sector.as_str())
        })
        .collect();
    assert_eq!(rows, [("LARGE", "large", 50e3, "Finance"), ("SMALL", "small", 1e3, "Technology")]);
    for row in &report.positions {
        assert_eq!((row.later_size_days, row.later_sector_days), (Some(AGE), Some(AGE)));
    }
    assert_eq!(leg(&report.positions[1]), Some("small_cap_short"));
    let flagged = |answer: &v1::AnalyzePortfolioResponse| -> Vec<(String, Option<f64>)> {
        let later = |gap: &&v1::Gap| gap.reason() == v1::GapReason::LaterKnowledge;
        let gaps = gaps(&answer.info).iter().filter(later);
        gaps.map(|gap| (subjects(gap).concat(), gap.gross_share)).collect()
    };
    let both = [("every Size".to_owned(), Some(1.0)), ("every Sector".to_owned(), Some(1.0))];
    assert_eq!(flagged(&answer), both);
    assert!(flagged(&without).is_empty());
    // The reference is all that a replay needs, in this process and in a fresh one.
    let snapshot = reference(&answer.info);
    assert_eq!(snapshot.reference_knowledge(), ReferenceKnowledge::EarliestLater);
    assert_eq!(snapshot.reference_max_age_days, Some(3_653));
    let replay = v1::AnalyzePortfolioRequest { as_of: replay_of(&snapshot), ..request };
    let again = client.analyze_portfolio(replay.clone()).await.unwrap().into_inner();
    assert_eq!(again, answer);
    let harness = harness.restart().await;
    let mut client = ExposureServiceClient::new(harness.channel().await);
    assert_eq!(client.analyze_portfolio(replay).await.unwrap().into_inner(), answer);
}

/// The groups of a P&L are those of the start, under the settings of the caller.
#[tokio::test(flavor = "multi_thread")]
async fn groups_of_a_pnl_by_later_facts_are_flagged() {
    let (_harness, mut client) = market().await;
    let band = |id: &str, lower_edge_usd| v1::SizeBand { bucket_id: id.to_owned(), lower_edge_usd };
    let size_scheme = v1::SizeScheme {
        bands: vec![band("above 2bn", 2e9), band("below", 0.0)],
        ..v1::SizeScheme::default()
    };
    let grouped = [v1::GroupByKind::Size, v1::GroupByKind::Sector];
    let groupings = grouped.map(|kind| v1::GroupBy { kind: kind.into(), ..Default::default() });
    let request = |as_of| v1::ExplainPnlRequest {
        as_of,
        portfolio: book(None).portfolio,
        settings: Some(v1::AnalysisSettings {
            size_scheme: Some(size_scheme.clone()),
            ..v1::AnalysisSettings::default()
        }),
        group_by: groupings.to_vec(),
        ..v1::ExplainPnlRequest::default()
    };
    for (as_of, sizes, sectors, flagged) in [
        (on(TODAY), vec![""], vec![""], vec![]),
        (
            later(on(TODAY), None),
            vec!["above 2bn", "below"],
            vec!["Finance", "Technology"],
            vec!["every Size", "every Sector"],
        ),
    ] {
        let answer = client.explain_pnl(request(as_of)).await.unwrap().into_inner();
        let report = answer.report.as_ref().unwrap();
        for (breakdown, expected) in report.breakdowns.iter().zip([sizes, sectors]) {
            let ids: Vec<_> = breakdown.groups.iter().map(|group| &group.group_id).collect();
            assert_eq!(ids, expected);
        }
        let later = |gap: &&v1::Gap| gap.reason() == v1::GapReason::LaterKnowledge;
        let found: Vec<_> =
            gaps(&answer.info).iter().filter(later).map(|gap| subjects(gap).concat()).collect();
        assert_eq!(found, flagged);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_fact_beyond_the_age_limit_is_not_used() {
    let (_harness, mut client) = market().await;
    for (limit, proxied) in [(AGE, 1.0), (AGE - 1, 0.0)] {
        let request = book(later(on(TODAY), Some(limit)));
        let answer = client.analyze_portfolio(request).await.unwrap().into_inner();
        assert_eq!(shares(&answer, CoverageAspect::Sized), [0.0, proxied, 1.0 - proxied]);
    }
    // Once the screener is published nothing is later.
    let request = book(later(on("2026-07-02"), None));
    let answer = client.analyze_portfolio(request).await.unwrap().into_inner();
    assert_eq!(shares(&answer, CoverageAspect::Classified), [1.0, 0.0, 0.0]);
    assert!(gaps(&answer.info).iter().all(|gap| gap.reason() != v1::GapReason::LaterKnowledge));
}

/// The content of the answers of all analyses, without their references.
async fn answers(channel: &Channel, as_of: &Option<v1::AsOf>) -> [(&'static str, Vec<u8>); 4] {
    let elders = ELDERS.iter().enumerate().map(|(at, name)| {
        held(name, Size::MarketValue(if at < MEGACAPS { 2e6 } else { -3e5 - 1e4 * at as f64 }))
    });
    let portfolio = Some(v1::Portfolio { positions: elders.collect(), ..Default::default() });
    let mut exposure = ExposureServiceClient::new(channel.clone());
    let request = v1::AnalyzePortfolioRequest {
        as_of: as_of.clone(),
        portfolio: portfolio.clone(),
        ..Default::default()
    };
    let mut analysis = exposure.analyze_portfolio(request).await.unwrap().into_inner();
    let mut squeeze = SqueezeServiceClient::new(channel.clone());
    let request = v1::RankSqueezeRequest {
        as_of: as_of.clone(),
        min_line_market_cap_usd: Some(0.0),
        min_daily_value_usd: Some(0.0),
        ..Default::default()
    };
    let mut ranking = squeeze.rank_squeeze(request).await.unwrap().into_inner();
    let request =
        v1::AssessShortBookRequest { as_of: as_of.clone(), portfolio, ..Default::default() };
    let mut shorts = squeeze.assess_short_book(request).await.unwrap().into_inner();
    let mut rotation = RotationServiceClient::new(channel.clone());
    let request = v1::GetRotationRequest { as_of: as_of.clone(), ..Default::default() };
    let mut state = rotation.get_rotation(request).await.unwrap().into_inner();
    let infos = [&mut analysis.info, &mut ranking.info, &mut shorts.info, &mut state.info];
    infos.into_iter().for_each(forget_reference);
    [
        ("exposure", analysis.encode_to_vec()),
        ("ranking", ranking.encode_to_vec()),
        ("shorts", shorts.encode_to_vec()),
        ("rotation", state.encode_to_vec()),
    ]
}

/// The law: of all that is published later, only share counts and listings change an answer, and
/// none of rotation.
#[tokio::test(flavor = "multi_thread")]
async fn later_news_changes_no_answer_and_a_later_listing_does() {
    let today = Day::parse_iso(FIRST_DAY).unwrap();
    let harness = Harness::at(&format!("{FIRST_DAY}T23:00:00Z")).await;
    // Long histories, and short interest with share counts, but no listings.
    for at in [0, 2] {
        let file = base(at, today).unwrap();
        harness.try_ingest(file.header, file.text.as_bytes()).await.unwrap();
    }
    let as_of = later(on(FIRST_DAY), None);
    let before = answers(&harness.channel().await, &as_of).await;
    let published = instant("2021-03-20T20:00:00Z");
    harness.set_clock("2021-06-01T12:00:00Z");
    let mut draws = Draws(5);
    let mut taken = 0;
    for _file in 0..30 {
        // Of days before and after the as-of date.
        let file = news(&mut draws, today.plus(20), published);
        taken += usize::from(harness.try_ingest(file.header, file.text.as_bytes()).await.is_ok());
    }
    assert!(15 < taken, "only {taken} files were accepted");
    // Nothing prepared is carried over: every answer is computed anew.
    let harness = harness.restart_with(|config| config.limits.prepared_bytes = 0).await;
    let after = answers(&harness.channel().await, &as_of).await;
    assert!(before == after, "{:?}", unlike(&before, &after));
    // The first later listing gives sectors; the next one, a day later, says nothing new.
    let screener = base(1, today).unwrap().text;
    let again = screener.replace("Technology", "Utilities").replace(",800000000,", ",900000000,");
    let mut known = after;
    for (text, days, changed) in [(screener, 1, &["exposure"][..]), (again, 2, &[])] {
        let seconds = published.micros() / 1_000_000 + days * 86_400;
        let published_at = Some(prost_types::Timestamp { seconds, nanos: 0 });
        let header = v1::IngestHeader { published_at, ..header("screener_2021-03-19.csv") };
        harness.try_ingest(header, text.as_bytes()).await.unwrap();
        let now = answers(&harness.channel().await, &as_of).await;
        assert_eq!(unlike(&known, &now), changed);
        known = now;
    }
}

/// The names of the answers that differ.
fn unlike(
    before: &[(&'static str, Vec<u8>); 4],
    after: &[(&'static str, Vec<u8>); 4],
) -> Vec<&'static str> {
    let differing = before.iter().zip(after).filter(|(one, other)| one != other);
    differing.map(|(one, _)| one.0).collect()
}
