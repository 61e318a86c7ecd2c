//! Histories as published: every point equals another call's answer as of its instant.

use crate::{
    drawn_files::{Draws, FIRST_DAY, base, drawn},
    harness::{Harness, expect_refusal, header, instant, named, real_data, reference, replay_of},
    rotation_real,
};
use contract::v1::{
    self, market_data_service_client::MarketDataServiceClient,
    rotation_service_client::RotationServiceClient,
};
use marketdata::{calendar, day::Day};
use prost_types::Timestamp;
use server::clock::Clock;
use tonic::{Code, transport::Channel};

const AS_PUBLISHED: i32 = v1::HistoryVintage::AsPublished as i32;

fn at(instant: Timestamp, revision: u64) -> Option<v1::AsOf> {
    let when = Some(v1::as_of::When::At(instant));
    Some(v1::AsOf { when, revision: Some(revision), ..v1::AsOf::default() })
}

/// Requests all pages of one measure as published between two days.
async fn published(
    client: &mut RotationServiceClient<Channel>,
    measure_id: &str,
    (from, until): (Day, Day),
) -> Vec<v1::GetIndicatorHistoryResponse> {
    let mut request = v1::GetIndicatorHistoryRequest {
        measure_id: measure_id.to_owned(),
        start_on: from.to_string(),
        end_on: until.to_string(),
        page_size: 4,
        vintage: AS_PUBLISHED,
        ..v1::GetIndicatorHistoryRequest::default()
    };
    let mut pages: Vec<v1::GetIndicatorHistoryResponse> = Vec::new();
    loop {
        let page = client.get_indicator_history(request.clone()).await.unwrap().into_inner();
        page.next_page_token.clone_into(&mut request.page_token);
        pages.push(page);
        if request.page_token.is_empty() {
            return pages;
        }
    }
}

/// Compares every point with the report as of its instant; returns the points.
async fn check_measure(
    client: &mut RotationServiceClient<Channel>,
    measure_id: &str,
    days: (Day, Day),
) -> Vec<v1::IndicatorPoint> {
    let mut points = Vec::new();
    for page in published(client, measure_id, days).await {
        let revision = reference(&page.info).revision;
        assert!(page.points.len() <= 4);
        for point in &page.points {
            let request = v1::GetRotationRequest {
                as_of: at(point.known_at.unwrap(), revision),
                ids: vec![measure_id.to_owned()],
                ..v1::GetRotationRequest::default()
            };
            let answer = client.get_rotation(request).await.unwrap().into_inner();
            let reading = &answer.report.unwrap().readings[0];
            let reported = (reading.value.map(f64::to_bits), reading.observed_on.as_str());
            let expected = (point.value.map(f64::to_bits), point.observed_on.as_str());
            assert_eq!(reported, expected, "{measure_id} at {}", point.on);
        }
        points.extend(page.points);
    }
    points
}

/// Compares every point of the scores, the state and the session's move with the report as of its
/// instant; returns how many points have a state, a score and a move.
async fn check_states(
    client: &mut RotationServiceClient<Channel>,
    days: (Day, Day),
) -> (usize, usize, usize) {
    let mut found = (0, 0, 0);
    for id in ["state", "score/size", "score/squeeze", "session_move"] {
        for page in published(client, id, days).await {
            let revision = reference(&page.info).revision;
            for point in page.points {
                let request = v1::GetRotationRequest {
                    as_of: at(point.known_at.unwrap(), revision),
                    ids: vec!["index_return".to_owned()],
                    ..v1::GetRotationRequest::default()
                };
                let report = client.get_rotation(request).await.unwrap().into_inner().report;
                let report = report.unwrap();
                assert_eq!(said(&report, id), point_says(&point), "{id} at {}", point.on);
                match id {
                    "state" => found.0 += 1,
                    "session_move" => found.2 += 1,
                    _ => found.1 += 1,
                }
            }
        }
    }
    found
}

/// Day, value, state and whether it was a rotation.
type Says = (String, Option<u64>, Option<i32>, Option<bool>);

fn point_says(point: &v1::IndicatorPoint) -> Says {
    let value = point.value.map(f64::to_bits);
    (point.observed_on.clone(), value, point.state, point.rotation_session)
}

/// What a report says of a history's id.
fn said(report: &v1::RotationReport, id: &str) -> Says {
    let composite = report.composite.clone().unwrap();
    let score = |kind: v1::RotationScoreKind| {
        let found = composite.scores.iter().find(|score| score.kind() == kind);
        found.and_then(|score| score.value).map(f64::to_bits)
    };
    match id {
        "state" => (composite.on.clone(), None, Some(composite.state), None),
        "score/size" => (composite.on.clone(), score(v1::RotationScoreKind::Size), None, None),
        "score/squeeze" => {
            (composite.on.clone(), score(v1::RotationScoreKind::Squeeze), None, None)
        }
        _ => {
            let moved = report.session_move.clone().unwrap();
            (moved.on, moved.rows[0].z.map(f64::to_bits), None, moved.rotation_session)
        }
    }
}

/// Compares every row as first published with the history as of its publication. Returns the number
/// of rows, and how many of them the latest history does not have.
async fn check_series(
    client: &mut MarketDataServiceClient<Channel>,
    (dataset, symbol): (v1::Dataset, &str),
) -> (usize, usize) {
    let request = |as_of, vintage| v1::GetSeriesRequest {
        as_of,
        dataset: dataset.into(),
        instrument: named(symbol),
        page_size: 1_000,
        vintage,
        ..v1::GetSeriesRequest::default()
    };
    let Ok(first) = client.get_series(request(None, AS_PUBLISHED)).await else { return (0, 0) };
    let first = first.into_inner();
    let reference = reference(&first.info);
    let latest = client.get_series(request(replay_of(&reference), 0)).await.unwrap().into_inner();
    assert_eq!(first.points.len(), latest.points.len());
    let corrected = first.points.iter().filter(|point| !latest.points.contains(point)).count();
    for point in first.points.iter().rev().take(12) {
        let as_of = at(point.published_at.unwrap(), reference.revision);
        let then = client.get_series(request(as_of, 0)).await.unwrap().into_inner();
        let same = |other: &&v1::SeriesPoint| {
            (&other.observed_on, &other.values, other.published_at, other.revision)
                == (&point.observed_on, &point.values, point.published_at, point.revision)
        };
        assert!(then.points.iter().any(|other| same(&other)), "{dataset:?} {symbol} {point:?}");
    }
    (first.points.len(), corrected)
}

#[tokio::test(flavor = "multi_thread")]
async fn random_histories_as_published_match_the_reports_of_their_instants() {
    let (mut points, mut rows, mut corrected) = (0, 0, 0);
    for seed in 11..=12 {
        let mut draws = Draws(seed);
        let harness = Harness::at(&format!("{FIRST_DAY}T12:00:00Z")).await;
        let mut today = Day::parse_iso(FIRST_DAY).unwrap();
        for file in 0..20 {
            let file = base(file, today).unwrap_or_else(|| drawn(&mut draws, today));
            // Some are refused, such as a rename of an unknown name.
            let _taken = harness.try_ingest(file.header, file.text.as_bytes()).await;
            today = today.plus(draws.below(3));
            harness.set_clock(&format!("{today}T12:00:00Z"));
        }
        let mut client = RotationServiceClient::new(harness.channel().await);
        let days = (calendar::plus_sessions(today, -9), today);
        for measure in [
            "size_spread.5d",
            "share_advancing",
            "share_above_50d.change.10d",
            "advance_decline_line",
            "concentration.top7_weight",
            "megacap_value_change_usd.1d",
            "most_shorted.1d",
            "ten_year_change_bp.1d",
        ] {
            points += check_measure(&mut client, measure, days).await.len();
        }
        let (states, _, moves) = check_states(&mut client, days).await;
        // It is noon: the last day has not closed yet.
        let closed = sessions((days.0, today.plus(-1)));
        assert_eq!(states, closed, "a state at every session, if only UNKNOWN");
        points += states + moves;
        let mut client = harness.market_data().await;
        // A reused name belongs to another instrument at another date; these names are not reused.
        for symbol in ["AAPL", "GOOGL", "BRK.B", "BRKB", "SPY", "MSFT"] {
            for dataset in [v1::Dataset::Bars, v1::Dataset::ShortInterest, v1::Dataset::Listings] {
                let (found, changed) = check_series(&mut client, (dataset, symbol)).await;
                (rows, corrected) = (rows + found, corrected + changed);
            }
        }
    }
    assert!(80 < points, "only {points} points were compared");
    assert!(200 < rows && 0 < corrected, "only {rows} rows, {corrected} of them corrected");
}

/// Number of sessions between two days.
fn sessions((from, until): (Day, Day)) -> usize {
    (from.epoch()..=until.epoch()).filter(|day| calendar::is_session(Day::from_epoch(*day))).count()
}

/// Five sessions of a fund and its benchmark.
fn week() -> String {
    let mut text = String::from("Ticker,Date,Open,High,Low,Close,Volume\n");
    for (day, small, large) in [(1, 100, 400), (2, 101, 404), (3, 105, 400), (4, 105, 404)] {
        for (name, close) in [("IWM", small), ("SPY", large), ("KO", small)] {
            text += &format!("{name},2021-03-0{day},{close},{close},{close},{close},10\n");
        }
    }
    text
}

/// As of the close of Friday, 2021-03-05, with a correction for Tuesday published on Thursday.
async fn corrected() -> (Harness, RotationServiceClient<Channel>) {
    let harness = Harness::with(Clock::manual(instant("2021-03-05T21:00:00Z")), |_| {}).await;
    harness.ingest("prices.csv", week().as_bytes()).await;
    let seconds = instant("2021-03-04T20:00:00Z").micros() / 1_000_000;
    let published_at = Some(Timestamp { seconds, nanos: 0 });
    let fix = b"Ticker,Date,Open,High,Low,Close,Volume\nIWM,2021-03-02,110,110,110,110,10\n";
    harness.try_ingest(v1::IngestHeader { published_at, ..header("fix.csv") }, fix).await.unwrap();
    let client = RotationServiceClient::new(harness.channel().await);
    (harness, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_changes_only_the_latest_history() {
    let (harness, mut client) = corrected().await;
    let request = v1::GetIndicatorHistoryRequest {
        measure_id: "index_return.small_cap_index.1d".to_owned(),
        page_size: 3,
        ..v1::GetIndicatorHistoryRequest::default()
    };
    let latest = client.get_indicator_history(request.clone()).await.unwrap().into_inner();
    let values: Vec<f64> = latest.points.iter().filter_map(|point| point.value).collect();
    // 110 / 100, 105 / 110, 105 / 105
    assert!((values[0] - 0.1).abs() < 1e-12 && (values[1] + 5.0 / 110.0).abs() < 1e-12);
    assert!(latest.points.iter().all(|p| p.known_at.is_none() && p.observed_on.is_empty()));
    // The latest vintage gives the same answer whether it is named or not.
    let named = v1::GetIndicatorHistoryRequest { vintage: 1, ..request.clone() };
    assert_eq!(client.get_indicator_history(named).await.unwrap().into_inner(), latest);

    let request = v1::GetIndicatorHistoryRequest { vintage: AS_PUBLISHED, ..request };
    let first = client.get_indicator_history(request.clone()).await.unwrap().into_inner();
    // Monday to Friday are five sessions; Monday has no return yet.
    assert_eq!((first.total_size, first.points.len()), (5, 2));
    let without = first
        .info
        .as_ref()
        .unwrap()
        .gaps
        .iter()
        .find(|gap| gap.detail.contains("has no point"))
        .unwrap();
    assert!(without.detail.starts_with("at 1 of 3 sessions"), "{without:?}");
    let token = first.next_page_token.clone();
    let next = v1::GetIndicatorHistoryRequest { page_token: token, ..request.clone() };
    let second = client.get_indicator_history(next.clone()).await.unwrap().into_inner();
    assert_eq!(
        (reference(&second.info), second.next_page_token.as_str()),
        (reference(&first.info), "")
    );
    let points = [&first.points[..], &second.points].concat();
    // 101 / 100, 105 / 101, 105 / 105; on Friday, which has no bar, Thursday's value is the latest.
    let expected = [
        ("2021-03-02", "2021-03-02", 0.01),
        ("2021-03-03", "2021-03-03", 4.0 / 101.0),
        ("2021-03-04", "2021-03-04", 0.0),
        ("2021-03-05", "2021-03-04", 0.0),
    ];
    assert_eq!(points.len(), expected.len());
    for (found, (on, observed_on, value)) in points.iter().zip(expected) {
        assert_eq!((found.on.as_str(), found.observed_on.as_str()), (on, observed_on));
        assert!((found.value.unwrap() - value).abs() < 1e-12, "{found:?}");
    }
    let close = instant("2021-03-02T21:00:00Z").micros() / 1_000_000;
    assert_eq!(first.points[0].known_at, Some(Timestamp { seconds: close, nanos: 0 }));
    // A token is valid only for its vintage.
    let other = v1::GetIndicatorHistoryRequest { vintage: 0, ..next };
    let refused = client.get_indicator_history(other).await.unwrap_err();
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_PAGE_TOKEN", &[]);
    rows_as_first_published(&harness).await;
}

async fn rows_as_first_published(harness: &Harness) {
    let mut client = harness.market_data().await;
    let request = |vintage| v1::GetSeriesRequest {
        dataset: v1::Dataset::Bars.into(),
        instrument: named("IWM"),
        fields: vec!["close".to_owned()],
        start_on: "2021-03-02".to_owned(),
        end_on: "2021-03-02".to_owned(),
        vintage,
        ..v1::GetSeriesRequest::default()
    };
    let mut close = async |vintage| {
        let answer = client.get_series(request(vintage)).await.unwrap().into_inner();
        let [point] = &answer.points[..] else { panic!("{answer:?}") };
        (point.values[0].value.clone(), point.revision)
    };
    let number = |value| Some(v1::field_value::Value::Number(value));
    assert_eq!(close(0).await, (number(110.0), 2));
    assert_eq!(close(1).await, (number(110.0), 2));
    assert_eq!(close(AS_PUBLISHED).await, (number(101.0), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_begins_with_the_data_that_its_measure_needs() {
    let (harness, mut client) = corrected().await;
    let series = "series,date,value\nCPIAUCSL,1980-01-01,78\nCPIAUCSL,1980-02-01,79\n\
                  DGS10,2021-03-03,1.5\nDGS10,2021-03-04,1.6\n";
    harness.ingest("series.csv", series.as_bytes()).await;
    // The bars are of Monday, 2021-03-01, and later; the yield begins on Wednesday. Nothing is known
    // of credit spreads, which the sessions with bars say.
    for (measure_id, sessions) in [
        ("size_spread.1d", 5),
        ("share_advancing", 5),
        ("state", 5),
        ("ten_year_change_bp.1d", 3),
        ("credit_spread_change_bp.1d", 5),
    ] {
        let mut request = v1::GetIndicatorHistoryRequest {
            measure_id: measure_id.to_owned(),
            vintage: AS_PUBLISHED,
            ..v1::GetIndicatorHistoryRequest::default()
        };
        let answer = client.get_indicator_history(request.clone()).await.unwrap().into_inner();
        assert_eq!(answer.total_size, sessions, "{measure_id}");
        assert_eq!(answer.next_page_token, "");
        request.start_on = "2021-03-02".to_owned();
        let answer = client.get_indicator_history(request).await.unwrap().into_inner();
        assert_eq!(answer.total_size, 4, "{measure_id} from the day asked for");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_whole_market_measures_are_bounded() {
    let (harness, mut client) = corrected().await;
    let mut ask = async |measure_id: &str, page_size, vintage| {
        let request = v1::GetIndicatorHistoryRequest {
            measure_id: measure_id.to_owned(),
            page_size,
            vintage,
            ..v1::GetIndicatorHistoryRequest::default()
        };
        client.get_indicator_history(request).await
    };
    let most = ask("share_advancing", 100, AS_PUBLISHED).await.unwrap().into_inner();
    let more = ask("share_advancing", 101, AS_PUBLISHED).await.unwrap().into_inner();
    assert_eq!(more, most, "a larger page means the largest, down to the result_id");
    assert!(ask("share_advancing", 1_000, 1).await.is_ok());
    assert!(ask("size_spread.1d", 1_000, AS_PUBLISHED).await.is_ok());
    let most = ask("state", 100, AS_PUBLISHED).await.unwrap().into_inner();
    let more = ask("state", 1_000, AS_PUBLISHED).await.unwrap().into_inner();
    assert_eq!(more, most, "a state needs all measures");
    // Four sessions with bars; the fifth is known by the last of them.
    let states: Vec<v1::RotationState> = most.points.iter().map(|point| point.state()).collect();
    assert_eq!(states, [v1::RotationState::Unknown; 5]);
    let latest = ask("state", 100, 1).await.unwrap().into_inner();
    assert_eq!((latest.points.len(), latest.points[0].value), (4, None));
    let measure = latest.measure.unwrap();
    assert_eq!((measure.measure_id.as_str(), measure.unit()), ("state", v1::IndicatorUnit::State));
    let refused = ask("size_spread.1d", 1, 7).await.unwrap_err();
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &["vintage"]);
    let refused = ask("captain", 1, AS_PUBLISHED).await.unwrap_err();
    expect_refusal(&refused, Code::NotFound, "UNKNOWN_INDICATOR", &[]);
    let series = v1::GetSeriesRequest {
        dataset: v1::Dataset::Bars.into(),
        instrument: named("IWM"),
        vintage: -1,
        ..v1::GetSeriesRequest::default()
    };
    let refused = harness.market_data().await.get_series(series).await.unwrap_err();
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &["vintage"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_squeeze_of_january_2021_as_known_at_each_close() {
    let Some(folder) = real_data("January 2021 as published") else { return };
    let harness = Harness::start().await;
    rotation_real::load(&harness, &folder).await;
    let mut client = RotationServiceClient::new(harness.channel().await);
    let day = |text| Day::parse_iso(text).unwrap();
    let days = (day("2021-01-26"), day("2021-01-29"));
    // The values of 2021-01-27 are those of `rotation_real`. The yield of a day is public at 16:15
    // of the next session, so at each close the yield of two sessions before is the latest.
    for (id, expected, observed_on) in [
        ("share_advancing", 67.0 / 470.0, "2021-01-27"),
        ("most_shorted.1d", 0.078_019_2, "2021-01-27"),
        ("megacap_value_change_usd.of_value.1d", -0.019_238_214, "2021-01-27"),
        ("concentration.top7_weight", f64::NAN, "2021-01-27"),
        ("size_spread.1d", f64::NAN, "2021-01-27"),
        ("ten_year_change_bp.1d", f64::NAN, "2021-01-25"),
    ] {
        let points = check_measure(&mut client, id, days).await;
        assert_eq!(points.len(), 4, "{id}");
        let of_the_day = &points[1];
        assert_eq!(
            (of_the_day.on.as_str(), of_the_day.observed_on.as_str()),
            ("2021-01-27", observed_on),
            "{id}"
        );
        assert!(
            expected.is_nan() || (of_the_day.value.unwrap() - expected).abs() < 1e-6,
            "{id}: {of_the_day:?}"
        );
    }
}
