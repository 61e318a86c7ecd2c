//! RotationService over the wire: report, list, history, records, watch and refusals.

use crate::harness::{
    Harness, expect_refusal, header, instant, is_about, named, on, reference, replay_of, soon,
    timestamp,
};
use contract::v1::{
    self, record_variable::Subject, rotation_service_client::RotationServiceClient,
};
use prost::Message as _;
use server::clock::Clock;
use tokio_stream::StreamExt as _;
use tonic::{Code, Streaming, transport::Channel};

/// Three sessions of two funds and three members.
const BARS: &str = "Ticker,Date,Open,High,Low,Close,Volume\n\
    IWM,2021-03-01,100,101,99,100,10\nIWM,2021-03-02,100,102,99,101,10\nIWM,2021-03-03,101,106,101,105.04,10\n\
    SPY,2021-03-01,400,401,399,400,10\nSPY,2021-03-02,400,405,399,404,10\nSPY,2021-03-03,404,404,398,399.96,10\n\
    AAPL,2021-03-01,10,10,10,10,10\nAAPL,2021-03-02,10,10,10,10,10\nAAPL,2021-03-03,10,10,9,9,10\n\
    KO,2021-03-01,10,10,10,10,10\nKO,2021-03-02,10,10,10,11,10\nKO,2021-03-03,11,12,11,12,10\n\
    PG,2021-03-01,10,10,10,10,10\nPG,2021-03-02,10,10,10,9,10\nPG,2021-03-03,9,12,9,12,10\n";

async fn served() -> (Harness, RotationServiceClient<Channel>) {
    let harness = Harness::at("2021-03-04T12:00:00Z").await;
    harness.ingest("prices.csv", BARS.as_bytes()).await;
    let client = RotationServiceClient::new(harness.channel().await);
    (harness, client)
}

fn symbol(symbol: &str, transform: v1::RecordTransform) -> Option<v1::RecordVariable> {
    Some(v1::RecordVariable {
        subject: Some(Subject::Instrument(named(symbol).unwrap())),
        transform: transform.into(),
        horizon_sessions: None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_has_values_records_and_sources() {
    let (_harness, mut client) = served().await;
    let request =
        v1::GetRotationRequest { since_on: "2021-03-01".to_owned(), ..Default::default() };
    let answer = client.get_rotation(request).await.unwrap().into_inner();
    let report = answer.report.unwrap();
    let reading = |id: &str| report.readings.iter().find(|r| r.measure_id == id).unwrap();
    let spread = reading("size_spread.1d");
    // 105.04/101 − 1 = 4 %; 399.96/404 − 1 = −1 %.
    assert!((spread.value.unwrap() - 0.05).abs() < 1e-12);
    assert_eq!((spread.observed_on.as_str(), spread.age_days), ("2021-03-03", Some(1)));
    assert_eq!(
        spread.record.as_ref().unwrap().words,
        "largest gain since the series starts on 2021-03-02"
    );
    assert_eq!(spread.unit(), v1::IndicatorUnit::Decimal);
    assert!(!spread.method.is_empty());
    // Two of three members rose.
    assert!((reading("share_advancing").value.unwrap() - 2.0 / 3.0).abs() < 1e-12);
    // Every measure is present, with a value or a reason.
    let silent = |r: &&v1::IndicatorReading| r.value.is_none() && r.gaps.is_empty();
    assert_eq!(report.readings.iter().find(silent), None);
    assert!(report.readings.len() >= 60, "{}", report.readings.len());
    let moves: Vec<(&str, &str)> =
        report.index_moves.iter().map(|m| (m.role.as_str(), m.start_on.as_str())).collect();
    let start = "2021-03-01";
    assert_eq!(
        moves,
        [("small_cap_index", start), ("large_cap_index", start), ("broad_market", start)]
    );
    assert!((report.index_moves[0].total_return - 0.0504).abs() < 1e-12);
    three_sessions_make_no_score(&report);
}

fn three_sessions_make_no_score(report: &v1::RotationReport) {
    let composite = report.composite.as_ref().unwrap();
    assert_eq!(composite.state(), v1::RotationState::Unknown);
    assert!(composite.scores.iter().all(|score| score.value.is_none()));
    assert_eq!(composite.scores.len(), 4);
    assert!(composite.flips.is_empty());
    assert_eq!(composite.aftermath_of_all.as_ref().unwrap().sessions, 0);
    let after: Vec<(i32, i32)> = composite
        .aftermath_by_state
        .iter()
        .map(|row| (row.state, row.aftermath.as_ref().unwrap().sessions))
        .collect();
    // Each of the five known states, which come after UNKNOWN.
    assert_eq!(after, [(2, 0), (3, 0), (4, 0), (5, 0), (6, 0)]);
    let moved = report.session_move.as_ref().unwrap();
    assert_eq!((moved.rotation_session, moved.rows[0].z), (None, None), "too short a history");
    assert_eq!((moved.rotations_per_year, moved.last_year_rotation_count), (None, None));
    assert_eq!(moved.rows[0].measure_id, "size_spread.1d", "no Nasdaq is known");
    assert!((moved.rows[0].value.unwrap() - 0.05).abs() < 1e-12);
    assert_eq!(
        report.headline,
        "2021-03-03: IWM beat SPY by 5.0 points, against too short a history to call it unusual. \
         The slow state is UNKNOWN: no size, no breadth, no risk score."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_open_until_its_prices_are_those_of_the_close() {
    let harness = Harness::at("2021-03-03T21:30:00Z").await;
    let at = |when: &str| v1::IngestHeader {
        published_at: Some(timestamp(when)),
        ..header("prices.csv")
    };
    // The bars of 2021-03-03 as they were at 13:00 New York.
    let quotes = BARS.replace("105.04,10", "104.03,10");
    // 104.03/101 − 1 = 3 %; 399.96/404 − 1 = −1 %.
    harness.try_ingest(at("2021-03-03T18:00:00Z"), quotes.as_bytes()).await.unwrap();
    let mut client = RotationServiceClient::new(harness.channel().await);
    let moved = |answer: v1::GetRotationResponse| answer.report.unwrap().session_move.unwrap();
    let found = client.get_rotation(v1::GetRotationRequest::default()).await.unwrap().into_inner();
    assert!(found.report.as_ref().unwrap().headline.starts_with("2021-03-03 (session open): "));
    let found = moved(found);
    assert_eq!(found.session_status(), v1::SessionStatus::Open);
    assert!((found.rows[0].value.unwrap() - 0.04).abs() < 1e-12);
    // The closes of both funds, after 16:00 New York.
    let closes = BARS.replace("399.96,10", "399.95,10");
    harness.try_ingest(at("2021-03-03T21:05:00Z"), closes.as_bytes()).await.unwrap();
    let found = client.get_rotation(v1::GetRotationRequest::default()).await.unwrap().into_inner();
    assert_eq!(moved(found).session_status(), v1::SessionStatus::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selection_and_a_replay_give_the_same_bytes() {
    let (harness, mut client) = served().await;
    let request = v1::GetRotationRequest {
        ids: vec!["size_spread".to_owned(), "share_advancing.decided".to_owned()],
        ..Default::default()
    };
    let first = client.get_rotation(request.clone()).await.unwrap().into_inner();
    assert_eq!(first.report.as_ref().unwrap().readings.len(), 5);
    harness.ingest("prices.csv", BARS.replace("KO", "PEP").as_bytes()).await;
    let again = v1::GetRotationRequest { as_of: replay_of(&reference(&first.info)), ..request };
    let again = client.get_rotation(again).await.unwrap().into_inner();
    assert_eq!(again.encode_to_vec(), first.encode_to_vec());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_has_every_measure_and_resolved_role() {
    let (_harness, mut client) = served().await;
    let list = client.list_indicators(v1::ListIndicatorsRequest::default()).await.unwrap();
    let list = list.into_inner();
    let ids: Vec<&str> = list.indicators.iter().map(|i| i.indicator_id.as_str()).collect();
    for id in [
        "index_return",
        "size_spread",
        "small_vs_nasdaq",
        "equal_minus_cap",
        "share_advancing",
        "share_above_50d",
        "share_above_200d",
        "advance_decline_line",
        "mcclellan",
        "concentration",
        "megacap_value_change_usd",
        "most_shorted",
        "ten_year_change_bp",
    ] {
        assert!(ids.contains(&id), "{id}");
    }
    let composite: Vec<&str> =
        list.composite_measures.iter().map(|measure| measure.measure_id.as_str()).collect();
    let expected =
        ["score/size", "score/breadth", "score/risk", "score/squeeze", "state", "session_move"];
    assert_eq!(composite, expected);
    let resolved: Vec<(&str, &str, &str)> = list.roles[..2]
        .iter()
        .flat_map(|role| role.symbols.iter().map(|found| (role.role.as_str(), found)))
        .map(|(role, found)| (role, found.symbol.as_str(), found.proxy_for.as_str()))
        .collect();
    assert!(list.roles.iter().any(|role| role.symbols.is_empty()), "some have no history here");
    assert_eq!(resolved, [("small_cap_index", "IWM", "^RUT"), ("large_cap_index", "SPY", "^GSPC")]);
    assert!(
        list.info.as_ref().unwrap().gaps.iter().any(|gap| is_about(gap, "nasdaq")),
        "{:?}",
        list.info.as_ref().unwrap().gaps
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_history_are_consistent() {
    let (harness, mut client) = served().await;
    let request = v1::GetIndicatorHistoryRequest {
        measure_id: "index_return.small_cap_index.1d".to_owned(),
        page_size: 1,
        ..Default::default()
    };
    let first = client.get_indicator_history(request.clone()).await.unwrap().into_inner();
    assert_eq!((first.total_size, first.points.len()), (2, 1));
    assert_eq!(first.points[0].on, "2021-03-02");
    assert!((first.points[0].value.unwrap() - 0.01).abs() < 1e-12);
    // A later fact does not appear between the pages.
    harness
        .ingest(
            "more.csv",
            b"Ticker,Date,Open,High,Low,Close,Volume\nIWM,2021-02-26,99,99,99,99,10\n",
        )
        .await;
    let next =
        v1::GetIndicatorHistoryRequest { page_token: first.next_page_token, ..request.clone() };
    let second = client.get_indicator_history(next.clone()).await.unwrap().into_inner();
    assert_eq!((second.total_size, second.points[0].on.as_str()), (2, "2021-03-03"));
    assert_eq!(second.next_page_token, "");
    assert_eq!(reference(&second.info), reference(&first.info));
    let other = v1::GetIndicatorHistoryRequest { measure_id: "size_spread.1d".to_owned(), ..next };
    let refused = client.get_indicator_history(other).await.unwrap_err();
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_PAGE_TOKEN", &[]);
    let whole = v1::GetIndicatorHistoryRequest {
        start_on: "2021-03-03".to_owned(),
        end_on: "2021-03-03".to_owned(),
        ..request
    };
    assert_eq!(client.get_indicator_history(whole).await.unwrap().into_inner().total_size, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_changes_levels_and_highs() {
    let (_harness, mut client) = served().await;
    let mut ask = async |variable, direction: v1::RecordDirection| {
        let request = v1::QueryRecordsRequest {
            as_of: on("2021-03-03"),
            variable,
            direction: direction.into(),
            ..Default::default()
        };
        client.query_records(request).await.unwrap().into_inner()
    };
    use v1::{RecordDirection as Way, RecordTransform as Make};
    let change = ask(symbol("PG", Make::ChangeRelative), Way::Unspecified).await;
    // 12/9 − 1 = 33.3 %, after a fall of 10 %.
    let record = change.record.as_ref().unwrap();
    assert_eq!((record.rank, record.in_direction_count, record.observations), (1, 1, 2));
    assert_eq!(
        change.words,
        "2021-03-03: largest gain since the series starts on 2021-03-02, rank 1 of 1"
    );
    let high = ask(symbol("PG", Make::IntradayHigh), Way::Up).await;
    assert!((high.observation.unwrap().value - 12.0).abs() < 1e-9);
    let low = ask(symbol("SPY", Make::Level), Way::Down).await;
    assert_eq!(low.words, "2021-03-03: lowest since the series starts on 2021-03-01, rank 1 of 3");
    let points = ask(symbol("SPY", Make::ChangePoints), Way::Down).await;
    assert!((points.top[0].value + 4.04).abs() < 1e-9);
    assert_eq!(points.unit(), v1::IndicatorUnit::Points);
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_requests_are_refused_with_their_paths() {
    let (_harness, mut client) = served().await;
    let unknown =
        v1::GetRotationRequest { ids: vec!["size_spread.2d".to_owned()], ..Default::default() };
    let refused = client.get_rotation(unknown).await.unwrap_err();
    expect_refusal(&refused, Code::NotFound, "UNKNOWN_INDICATOR", &[]);
    // The answer names those that exist.
    assert!(refused.message().contains("size_spread.21d"), "{}", refused.message());
    let wrong = v1::GetRotationRequest {
        ids: vec!["size_spread".to_owned(); 101],
        since_on: "yesterday".to_owned(),
        ..Default::default()
    };
    let refused = client.get_rotation(wrong).await.unwrap_err();
    let paths = ["since_on", "ids"];
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    let history = v1::GetIndicatorHistoryRequest {
        start_on: "2021-03-03".to_owned(),
        end_on: "2021-03-02".to_owned(),
        page_size: -1,
        ..Default::default()
    };
    let refused = client.get_indicator_history(history).await.unwrap_err();
    let paths = ["page_size", "measure_id", "end_on"];
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    let records = v1::QueryRecordsRequest {
        variable: Some(v1::RecordVariable {
            subject: Some(Subject::Role("captain".to_owned())),
            horizon_sessions: Some(0),
            ..Default::default()
        }),
        conditions: [Some(f64::NAN), None]
            .map(|threshold| v1::RecordCondition { threshold, ..Default::default() })
            .to_vec(),
        top_count: Some(101),
        ..Default::default()
    };
    let refused = client.query_records(records).await.unwrap_err();
    let paths = [
        "variable",
        "variable.horizon_sessions",
        "conditions[0].variable",
        "conditions[0].comparison",
        "conditions[0].threshold",
        "conditions[1].variable",
        "conditions[1].comparison",
        "conditions[1].threshold",
        "top_count",
    ];
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    let nobody = v1::QueryRecordsRequest {
        variable: symbol("NOBODY", v1::RecordTransform::Level),
        ..Default::default()
    };
    let refused = client.query_records(nobody).await.unwrap_err();
    expect_refusal(&refused, Code::NotFound, "UNKNOWN_INSTRUMENT", &[]);
    let said = "variable.instrument: unknown instrument \"NOBODY\"";
    assert_eq!(refused.message(), said);
    for (model_version, config_hash, reason) in [
        (Some("other"), None, "MODEL_VERSION_MISMATCH"),
        (Some(marketdata::MODEL_VERSION), None, "MODEL_VERSION_MISMATCH"),
        (None, Some("00"), "CONFIG_MISMATCH"),
    ] {
        let [model_version, config_hash] =
            [model_version, config_hash].map(|v| v.map(str::to_owned));
        let expected = Some(v1::SnapshotExpectation { model_version, config_hash });
        let other = v1::WatchRotationRequest { expected, ..Default::default() };
        let refused = client.watch_rotation(other).await.unwrap_err();
        expect_refusal(&refused, Code::FailedPrecondition, reason, &[]);
    }
}

async fn next(stream: &mut Streaming<v1::WatchRotationResponse>) -> v1::WatchRotationResponse {
    soon("a message", stream.next()).await.unwrap().unwrap()
}

/// The next message with a report.
async fn next_report(stream: &mut Streaming<v1::WatchRotationResponse>) -> v1::RotationReport {
    let report = async {
        loop {
            if let Some(report) = next(stream).await.report {
                return report;
            }
        }
    };
    soon("a report", report).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_sends_at_once_on_new_data_and_as_time_passes() {
    let clock = Clock::manual(instant("2021-03-04T12:00:00Z"));
    let harness = Harness::with(clock, |config| config.limits.heartbeat_ms = 100).await;
    harness.ingest("prices.csv", BARS.as_bytes()).await;
    let mut client = RotationServiceClient::new(harness.channel().await);
    let request =
        v1::WatchRotationRequest { ids: vec!["size_spread.1d".to_owned()], ..Default::default() };
    let mut stream = client.watch_rotation(request.clone()).await.unwrap().into_inner();
    let first = next(&mut stream).await.report.unwrap();
    assert!((first.readings[0].value.unwrap() - 0.05).abs() < 1e-12);
    assert_eq!(next(&mut stream).await.report, None, "a heartbeat");
    // A correction of SPY, received now: 400 − 404 is −0.99 %.
    let fixed = b"Ticker,Date,Open,High,Low,Close,Volume\nSPY,2021-03-03,404,404,398,404,10\n";
    harness.ingest("fix.csv", fixed).await;
    let second = next_report(&mut stream).await;
    assert!((second.readings[0].value.unwrap() - 0.04).abs() < 1e-12);
    assert_ne!(second.report_id, first.report_id);
    // A correction that is stored today but public only at 21:00.
    let later = v1::IngestHeader {
        published_at: Some(timestamp("2021-03-04T21:00:00Z")),
        ..header("later.csv")
    };
    let bars = b"Ticker,Date,Open,High,Low,Close,Volume\nIWM,2021-03-03,101,106,101,101,10\n";
    harness.try_ingest(later, bars).await.unwrap();
    harness.set_clock("2021-03-04T21:00:00Z");
    let third = next_report(&mut stream).await;
    assert!(third.readings[0].value.unwrap().abs() < 1e-12);
    // A client that reconnects with the last report gets a heartbeat.
    let resumed = v1::WatchRotationRequest { last_report_id: third.report_id, ..request };
    let mut stream = client.watch_rotation(resumed).await.unwrap().into_inner();
    assert_eq!(next(&mut stream).await.report, None);
}
