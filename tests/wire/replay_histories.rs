//! Random histories: every reference ever returned gets the same bytes later.
//!
//! A server takes files in a random order: bars late and corrected, changes of names before and
//! after the bars, splits with and without a date, short interest, share counts, listings,
//! memberships, holdings, series and schedules. After each file every method is called twice: as of
//! a random instant, and as of the head, where prepared values are carried over files that do not
//! affect them. At the end each reference is sent back: to the same server, which folded its market
//! file by file, and to a fresh one on the compacted store, which folded its market at once and
//! keeps no prepared values, so that it computes every answer from scratch; every other history's
//! fresh server has other settings, and so answers under kept ones.

use crate::{
    drawn_files::{Draws, ELDERS, FIRST_DAY, ISINS, MEGACAPS, bars, base, drawn, file, master},
    harness::{Harness, held, instant, named, reference, replay_of},
    replay_settings::other_settings,
    risk_measures, stress,
};
use contract::v1::{
    self, exposure_service_client::ExposureServiceClient, hedge_service_client::HedgeServiceClient,
    rotation_service_client::RotationServiceClient, squeeze_service_client::SqueezeServiceClient,
    stress_service_client::StressServiceClient,
};
use marketdata::{calendar, day::Day, instant::Instant};
use prost::Message;
use server::{clock::Clock, config::Config};
use std::fmt::Debug;
use tonic::{Response, Status, transport::Channel};

/// Number of files of a history; a reference is drawn after each.
const FILES: usize = 24;
/// Kinds of prepared values: coverage, cross-section, exposure, rotation, squeeze.
const KINDS: u64 = 5;
/// The answer of one call, and its text for failure messages.
struct CallResult {
    call: &'static str,
    bytes: Vec<u8>,
    text: String,
}

fn call_result<T: Message + Debug>(
    call: &'static str,
    answer: Result<Response<T>, Status>,
) -> CallResult {
    match answer {
        Ok(answer) => {
            let answer = answer.into_inner();
            CallResult { call, bytes: answer.encode_to_vec(), text: format!("{answer:#?}") }
        }
        Err(status) => {
            let text = format!("{:?} {}", status.code(), status.message());
            CallResult { call, bytes: [text.as_bytes(), status.details()].concat(), text }
        }
    }
}

fn portfolio() -> Option<v1::Portfolio> {
    use v1::position::Size::{MarketValue, Quantity};
    // Names with long histories are 97 % of the book, so its sessions count as its own although
    // young names lack returns.
    let young = [
        ("META", MarketValue(9e4)),
        ("FB", MarketValue(4e4)),
        ("GOOGL", MarketValue(5e4)),
        ("BRKB", MarketValue(3e4)),
        ("AAA", Quantity(-300.0)),
        ("DDD", Quantity(-80.0)),
        ("NEWA", MarketValue(-3e4)),
        ("NOBODY", MarketValue(1e5)),
        ("IWM", Quantity(-9_000.0)),
    ];
    let elders = ELDERS.iter().enumerate().map(|(at, name)| match at {
        0 => (*name, Quantity(10_000.0)),
        _ if at < MEGACAPS => (*name, MarketValue(2e6)),
        _ => (*name, MarketValue(-3e5 - 1e4 * at as f64)),
    });
    let positions = young.into_iter().chain(elders).map(|(symbol, size)| held(symbol, size));
    // Shares without a price are left out, so that unresolved ones change no sum.
    let identified = ISINS.iter().map(|isin| v1::Position {
        instrument: Some(v1::InstrumentRef {
            isin: (*isin).to_owned(),
            ..v1::InstrumentRef::default()
        }),
        ..held("", Quantity(-50.0))
    });
    let positions = positions.chain(identified).collect();
    Some(v1::Portfolio { positions, ..v1::Portfolio::default() })
}

/// The answers of every method at a reference.
async fn answers(channel: &Channel, as_of: &Option<v1::AsOf>) -> Vec<CallResult> {
    let mut all = facts(channel, as_of).await;
    all.extend(analyses(channel, as_of).await);
    all.extend(histories(channel, as_of).await);
    all
}

async fn facts(channel: &Channel, as_of: &Option<v1::AsOf>) -> Vec<CallResult> {
    use v1::market_data_service_client::MarketDataServiceClient;
    let as_of = as_of.clone();
    let mut client = MarketDataServiceClient::new(channel.clone());
    let coverage = v1::ListDatasetsRequest { as_of: as_of.clone() };
    let revisions =
        v1::ListRevisionsRequest { as_of: as_of.clone(), page_size: 3, ..Default::default() };
    let mut all = vec![
        call_result("ListDatasets", client.list_datasets(coverage).await),
        call_result("ListRevisions", client.list_revisions(revisions).await),
    ];
    let mut list =
        v1::ListInstrumentsRequest { as_of: as_of.clone(), page_size: 5, ..Default::default() };
    for _page in 0..3 {
        let answer = client.list_instruments(list.clone()).await;
        if let Ok(answer) = &answer {
            answer.get_ref().next_page_token.clone_into(&mut list.page_token);
        }
        all.push(call_result("ListInstruments", answer));
    }
    let (latest, published) = (v1::HistoryVintage::Latest, v1::HistoryVintage::AsPublished);
    for (dataset, symbol, vintage) in [
        (v1::Dataset::Bars, "META", latest),
        (v1::Dataset::Bars, "META", published),
        (v1::Dataset::Bars, "AAA", latest),
        (v1::Dataset::ShortInterest, "BBB", latest),
        (v1::Dataset::ShortInterest, "BBB", published),
        (v1::Dataset::Listings, "CCC", latest),
        (v1::Dataset::Memberships, "AAPL", latest),
        (v1::Dataset::Splits, "AAA", latest),
    ] {
        let series = v1::GetSeriesRequest {
            as_of: as_of.clone(),
            dataset: dataset.into(),
            instrument: named(symbol),
            page_size: 20,
            vintage: vintage.into(),
            ..Default::default()
        };
        all.push(call_result("GetSeries", client.get_series(series).await));
    }
    all
}

/// A look through funds that keeps lines and funds side by side.
fn through_funds() -> Option<v1::AnalysisSettings> {
    let look_through = Some(v1::LookThrough { view: v1::FundView::Gross.into() });
    Some(v1::AnalysisSettings { look_through, ..v1::AnalysisSettings::default() })
}

async fn analyses(channel: &Channel, as_of: &Option<v1::AsOf>) -> Vec<CallResult> {
    let mut exposure = ExposureServiceClient::new(channel.clone());
    let mut hedge = HedgeServiceClient::new(channel.clone());
    let analysis = v1::AnalyzePortfolioRequest {
        as_of: as_of.clone(),
        portfolio: portfolio(),
        top_positions: Some(10_000),
        ..Default::default()
    };
    let seen = v1::AnalyzePortfolioRequest {
        settings: through_funds(),
        risk_measures: risk_measures::over_several_sessions(),
        ..analysis.clone()
    };
    let crowding = v1::AnalyzePortfolioRequest {
        include: vec![v1::ReportBlock::Crowding.into()],
        top_positions: None,
        risk_measures: Vec::new(),
        ..seen.clone()
    };
    let pnl = v1::ExplainPnlRequest {
        as_of: as_of.clone(),
        portfolio: portfolio(),
        top_names: Some(10_000),
        group_by: [v1::GroupByKind::Size, v1::GroupByKind::Sector]
            .map(|kind| v1::GroupBy { kind: kind.into(), label_key: String::new() })
            .to_vec(),
        ..Default::default()
    };
    let through_time = v1::AnalyzePortfolioHistoryRequest {
        analysis: Some(v1::AnalyzePortfolioRequest {
            include: vec![v1::ReportBlock::Factors.into()],
            ..analysis.clone()
        }),
        vintage: v1::HistoryVintage::AsPublished.into(),
        page_size: 3,
        ..Default::default()
    };
    let factors = v1::ListFactorsRequest { as_of: as_of.clone(), ..Default::default() };
    let members =
        v1::ListTradeMembersRequest { as_of: as_of.clone(), page_size: 2, ..Default::default() };
    let validation = v1::ValidatePortfolioRequest { as_of: as_of.clone(), portfolio: portfolio() };
    let plans =
        v1::PlanHedgeRequest { as_of: as_of.clone(), portfolio: portfolio(), ..Default::default() };
    let mut all = stresses(channel, as_of).await;
    all.extend([
        call_result("PlanHedge", hedge.plan_hedge(plans).await),
        call_result("AnalyzePortfolio", exposure.analyze_portfolio(analysis).await),
        call_result("AnalyzePortfolio, funds", exposure.analyze_portfolio(seen).await),
        call_result("AnalyzePortfolio, crowding", exposure.analyze_portfolio(crowding).await),
        call_result("ValidatePortfolio", exposure.validate_portfolio(validation).await),
        call_result("ExplainPnl", exposure.explain_pnl(pnl).await),
        call_result(
            "AnalyzePortfolioHistory",
            exposure.analyze_portfolio_history(through_time).await,
        ),
        call_result("ListFactors", exposure.list_factors(factors).await),
        call_result("ListTradeMembers", exposure.list_trade_members(members).await),
    ]);
    all.extend(squeezes(channel, as_of).await);
    all
}

async fn squeezes(channel: &Channel, as_of: &Option<v1::AsOf>) -> [CallResult; 3] {
    let mut squeeze = SqueezeServiceClient::new(channel.clone());
    let ranking = v1::RankSqueezeRequest {
        as_of: as_of.clone(),
        min_line_market_cap_usd: Some(0.0),
        min_daily_value_usd: Some(0.0),
        page_size: 2,
        ..Default::default()
    };
    let shorts = v1::AssessShortBookRequest {
        as_of: as_of.clone(),
        portfolio: portfolio(),
        ..Default::default()
    };
    let behind = v1::AssessShortBookRequest {
        settings: through_funds(),
        covering: Some(v1::CoveringTerms::default()),
        ..shorts.clone()
    };
    [
        call_result("RankSqueeze", squeeze.rank_squeeze(ranking).await),
        call_result("AssessShortBook", squeeze.assess_short_book(shorts).await),
        call_result("AssessShortBook, funds", squeeze.assess_short_book(behind).await),
    ]
}

async fn stresses(channel: &Channel, as_of: &Option<v1::AsOf>) -> Vec<CallResult> {
    let mut client = StressServiceClient::new(channel.clone());
    let scenarios = vec![
        stress::replay("2021-01-11", "2021-01-15"),
        stress::squeezed(
            stress::listed("rotation_2024_07_11_twice"),
            v1::short_squeeze::Shorts::CostliestCount(2),
        ),
    ];
    let run = v1::RunStressRequest {
        as_of: as_of.clone(),
        portfolio: portfolio(),
        scenarios,
        top_positions: Some(10_000),
        ..Default::default()
    };
    let loss = v1::FindLikelyLossRequest {
        as_of: as_of.clone(),
        portfolio: portfolio(),
        loss: Some(1e6),
        ..Default::default()
    };
    let list = v1::ListScenariosRequest { as_of: as_of.clone(), ..Default::default() };
    vec![
        call_result("RunStress", client.run_stress(run).await),
        call_result("FindLikelyLoss", client.find_likely_loss(loss).await),
        call_result("ListScenarios", client.list_scenarios(list).await),
    ]
}

async fn histories(channel: &Channel, as_of: &Option<v1::AsOf>) -> Vec<CallResult> {
    use v1::record_variable::Subject;
    let symbol = |symbol| Subject::Instrument(named(symbol).unwrap());
    let mut client = RotationServiceClient::new(channel.clone());
    let rotation = v1::GetRotationRequest { as_of: as_of.clone(), ..Default::default() };
    let list = v1::ListIndicatorsRequest { as_of: as_of.clone() };
    let mut all = vec![
        call_result("GetRotation", client.get_rotation(rotation).await),
        call_result("ListIndicators", client.list_indicators(list).await),
    ];
    for (measure_id, vintage) in [
        ("share_advancing", v1::HistoryVintage::Latest),
        ("advance_decline_line", v1::HistoryVintage::Latest),
        ("size_spread.1d", v1::HistoryVintage::Latest),
        ("size_spread.1d", v1::HistoryVintage::AsPublished),
        ("state", v1::HistoryVintage::Latest),
        ("session_move", v1::HistoryVintage::AsPublished),
    ] {
        let history = v1::GetIndicatorHistoryRequest {
            as_of: as_of.clone(),
            measure_id: measure_id.to_owned(),
            page_size: 10,
            vintage: vintage.into(),
            ..Default::default()
        };
        all.push(call_result("GetIndicatorHistory", client.get_indicator_history(history).await));
    }
    for (subject, transform) in [
        (symbol("META"), v1::RecordTransform::ChangeRelative),
        (symbol("AAA"), v1::RecordTransform::ChangeValueUsd),
        (symbol("AAA"), v1::RecordTransform::Level),
        (Subject::MeasureId("share_advancing".to_owned()), v1::RecordTransform::Level),
    ] {
        let variable = v1::RecordVariable {
            subject: Some(subject),
            transform: transform.into(),
            horizon_sessions: None,
        };
        let records = v1::QueryRecordsRequest {
            as_of: as_of.clone(),
            variable: Some(variable),
            ..Default::default()
        };
        all.push(call_result("QueryRecords", client.query_records(records).await));
    }
    all
}

/// A reference, and the answers of every method when it was returned.
struct IssuedReference {
    after: String,
    replay: Option<v1::AsOf>,
    answers: Vec<CallResult>,
}

/// Calls every method at the head as of an instant, and keeps the reference of the answers.
async fn issue_reference(
    harness: &Harness,
    channel: &Channel,
    after: &str,
    (at, knowledge): (Instant, v1::ReferenceKnowledge),
) -> IssuedReference {
    let micros = at.micros();
    let as_of = v1::AsOf {
        when: Some(v1::as_of::When::At(prost_types::Timestamp {
            seconds: micros.div_euclid(1_000_000),
            nanos: (micros.rem_euclid(1_000_000) * 1_000) as i32,
        })),
        reference_knowledge: knowledge.into(),
        ..v1::AsOf::default()
    };
    let request = v1::ListDatasetsRequest { as_of: Some(as_of.clone()) };
    let mut client = harness.market_data().await;
    let reference = reference(&client.list_datasets(request).await.unwrap().into_inner().info);
    let answers = answers(channel, &Some(as_of)).await;
    IssuedReference {
        after: format!("{after}, as of {at}, {knowledge:?}"),
        replay: replay_of(&reference),
        answers,
    }
}

/// The first lines that differ between two texts.
fn difference(before: &str, now: &str) -> String {
    let mut differing = before.lines().zip(now.lines()).enumerate().filter(|(_, (a, b))| a != b);
    differing.next().map_or_else(
        || "one is longer".to_owned(),
        |(line, (a, b))| format!("line {line}: {} became {}", a.trim(), b.trim()),
    )
}

async fn replays(harness: &Harness, all: &[IssuedReference], when: &str, faults: &mut Vec<String>) {
    let channel = harness.channel().await;
    for issued in all {
        let now = answers(&channel, &issued.replay).await;
        for (before, now) in issued.answers.iter().zip(&now) {
            if before.bytes != now.bytes {
                let difference = difference(&before.text, &now.text);
                faults.push(format!("{} {when}, {}: {difference}", before.call, issued.after));
            }
        }
    }
}

/// Ingests one file per session, enough for the store to have segments to merge. Returns the time
/// afterwards.
async fn daily_files(harness: &Harness, today: Day) -> Instant {
    for session in 1..=8 {
        let day = calendar::plus_sessions(today, session);
        harness.set_clock(&format!("{day}T23:00:00Z"));
        let mut file = file("day.csv", bars(&["SPY", "IWM", "META"], day, 1, session));
        file.header.price_basis = v1::PriceBasis::Raw.into();
        harness.try_ingest(file.header, file.text.as_bytes()).await.unwrap();
    }
    instant(&format!("{}T23:00:00Z", calendar::plus_sessions(today, 8)))
}

/// The results of one history.
struct Outcome {
    /// Differences found when its references were sent back.
    faults: Vec<String>,
    /// Number of segments merged before the last replay.
    merged: u64,
    /// Number of analyses with all estimates.
    rich: usize,
    /// Number of values that stayed valid for the head after a file.
    carried: u64,
}

/// Whether an analysis has all estimates from history: fitted betas, the book's own beta to the
/// crowd with its unwinds, and returns drawn from peers.
fn is_rich(result: &CallResult) -> bool {
    let Ok(answer) = v1::AnalyzePortfolioResponse::decode(&result.bytes[..]) else { return false };
    let report = answer.report.unwrap_or_default();
    let drawn = report.scenario_sets.iter().any(|set| set.draw_count == 32);
    let market =
        report.factors.iter().any(|row| row.factor_id == "MARKET" && row.top_down.is_some());
    let crowded = report.trades.first().is_some_and(|trade| {
        trade.beta.as_ref().is_some_and(|beta| beta.top_down.is_some()) && !trade.unwinds.is_empty()
    });
    result.call == "AnalyzePortfolio" && drawn && market && crowded
}

/// Sends references back to a fresh process, which keeps no prepared value and, for every other seed,
/// has other settings.
async fn replays_afresh(
    harness: Harness,
    seed: u64,
    all: &[IssuedReference],
    faults: &mut Vec<String>,
) {
    let fresh = |config: &mut Config| {
        config.limits.prepared_bytes = 0;
        if seed.is_multiple_of(2) {
            other_settings(config);
        }
    };
    let harness = harness.restart_with(fresh).await;
    replays(&harness, all, "from a fresh process", faults).await;
}

/// An instant around a close of the last days, not after now.
fn drawn_instant(draws: &mut Draws, today: Day, now: i64) -> Instant {
    let close = Instant::close_of(draws.day(today, 14)).micros();
    let drawn = close - i64::from(draws.below(12)) * 3_600_000_000;
    Instant::from_micros(drawn.min(now))
}

/// Half-way, a security master, with draws of its own, so that the other files of a seed stay the
/// same.
async fn security_master(harness: &Harness, (seed, at): (u64, usize), today: Day) {
    if at == FILES / 2 {
        let master = master(&mut Draws(seed), today);
        harness.try_ingest(master.header, master.text.as_bytes()).await.unwrap();
    }
}

/// Ingests the files of one history and sends its references back.
async fn history(seed: u64) -> Outcome {
    let mut draws = Draws(seed);
    let clock = Clock::manual(instant(&format!("{FIRST_DAY}T12:00:00Z")));
    // Compacted by the test alone, however long its history takes on a busy machine.
    let harness = Harness::with(clock, |config| config.compact_s = 0).await;
    let channel = harness.channel().await;
    let mut today = Day::parse_iso(FIRST_DAY).unwrap();
    let (mut all, mut taken, mut carried) = (Vec::new(), 0, 0);
    for at in 0..FILES {
        let file = base(at, today).unwrap_or_else(|| drawn(&mut draws, today));
        let name = file.header.file_name.clone();
        taken += usize::from(harness.try_ingest(file.header, file.text.as_bytes()).await.is_ok());
        security_master(&harness, (seed, at), today).await;
        let after = format!("seed {seed}, file {at} ({name})");
        let now = instant(&format!("{today}T12:00:00Z")).micros();
        let asked = drawn_instant(&mut draws, today, now);
        let (published, later) =
            (v1::ReferenceKnowledge::AsPublished, v1::ReferenceKnowledge::EarliestLater);
        all.push(issue_reference(&harness, &channel, &after, (asked, published)).await);
        let before = harness.services().preparations();
        let head = Instant::from_micros(now);
        all.push(issue_reference(&harness, &channel, &after, (head, published)).await);
        // Views of earlier sessions, for P&L and histories, are prepared besides: this counts too few.
        carried += KINDS.saturating_sub(harness.services().preparations() - before);
        if at % 3 == 0 {
            all.push(issue_reference(&harness, &channel, &after, (asked, later)).await);
        }
        today = today.plus(draws.below(3));
        harness.set_clock(&format!("{today}T12:00:00Z"));
    }
    assert!(FILES / 2 < taken, "seed {seed}: only {taken} files were accepted");
    let now = daily_files(&harness, today).await;
    let mut faults = Vec::new();
    replays(&harness, &all, "after all files", &mut faults).await;
    let merged = harness.services().store.compact(u64::MAX, now).await.unwrap().merged;
    replays_afresh(harness, seed, &all, &mut faults).await;
    let answers = all.iter().flat_map(|issued| &issued.answers);
    let rich = answers.filter(|result| is_rich(result)).count();
    Outcome { faults, merged, rich, carried }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reference_of_a_random_history_is_answered_with_the_same_bytes() {
    for seed in 1..=2 {
        let Outcome { faults, merged, rich, carried } = Box::pin(history(seed)).await;
        assert!(FILES / 4 < rich, "seed {seed}: only {rich} analyses have all estimates");
        assert!(faults.is_empty(), "{} differ:\n{}", faults.len(), faults.join("\n"));
        assert!(0 < merged, "seed {seed}: nothing was compacted");
        assert!(FILES as u64 / 4 < carried, "seed {seed}: only {carried} values were carried over");
    }
}
