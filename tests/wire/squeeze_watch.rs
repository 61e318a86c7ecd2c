//! WatchSqueeze over the wire: crossings up and back, what is not known, resuming, limits, the end.

use crate::{
    harness::{
        Harness, expect_refusal, header, held, instant, is_about, real_data, reference, soon,
        timestamp,
    },
    postgres,
    postgres_server::Postgres,
    squeeze::{NOW, SETTLEMENTS, load, short_interest},
    squeeze_real,
};
use contract::v1::{self, position::Size, squeeze_service_client::SqueezeServiceClient};
use server::{clock::Clock, config::Config};
use tokio_stream::StreamExt as _;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt as _;

type Stream = Streaming<v1::WatchSqueezeResponse>;

/// CROWD stands at 0.2 of its float and 20 days to cover, CALM at 0.005 and 0.1 days; THIN has
/// neither float nor volume, and PXONLY no short interest.
fn request() -> v1::WatchSqueezeRequest {
    let threshold =
        |measure_id: &str, level| v1::SqueezeThreshold { measure_id: measure_id.to_owned(), level };
    let mut positions: Vec<v1::Position> = ["PXONLY", "CROWD", "CALM", "THIN", "NOBODY"]
        .iter()
        .map(|symbol| held(symbol, Size::Quantity(-100.0)))
        .collect();
    positions.push(held("CROWD", Size::Quantity(-10.0)));
    positions[1].position_id = "first".to_owned();
    positions.push(held("NOPX", Size::Quantity(5.0)));
    v1::WatchSqueezeRequest {
        portfolio: Some(v1::Portfolio { positions, ..Default::default() }),
        thresholds: vec![
            threshold("short_of_float", 0.3),
            threshold("days_to_cover_at_recent_volume", 20.0),
            threshold("score", 60.0),
        ],
        ..Default::default()
    }
}

async fn watched(now: &str) -> Harness {
    let clock = Clock::manual(instant(now));
    let harness = Harness::with(clock, |config| config.limits.heartbeat_ms = 100).await;
    load(&harness).await;
    harness
}

async fn watch(harness: &Harness, request: v1::WatchSqueezeRequest) -> Result<Stream, Status> {
    let mut client = SqueezeServiceClient::new(harness.channel().await);
    Ok(client.watch_squeeze(request).await?.into_inner())
}

async fn next(stream: &mut Stream) -> v1::WatchSqueezeResponse {
    soon("a message", stream.next()).await.unwrap().unwrap()
}

fn is_heartbeat(message: &v1::WatchSqueezeResponse) -> bool {
    let changes = message.crossings.len() + message.found.len() + message.lost.len();
    message.standings.is_none() && changes == 0
}

/// The next message that is no heartbeat.
async fn next_news(stream: &mut Stream) -> v1::WatchSqueezeResponse {
    let news = async {
        loop {
            let message = next(stream).await;
            if !is_heartbeat(&message) {
                return message;
            }
        }
    };
    soon("news", news).await
}

fn short(reading: &v1::SqueezeReading) -> (&str, &str, v1::SqueezeStanding, Option<f64>) {
    (&reading.symbol, &reading.measure_id, reading.standing(), reading.value)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_crosses_up_and_back_and_an_interrupted_stream_says_the_same() {
    use v1::SqueezeStanding::{Below, Reached, Unknown};
    let harness = watched(NOW).await;
    let mut stream = watch(&harness, request()).await.unwrap();
    let first = next(&mut stream).await;
    let standings = first.standings.as_ref().unwrap();
    let readings: Vec<_> = standings.readings.iter().map(short).collect();
    // The score is a percentile among two names: 25 and 75.
    let days = "days_to_cover_at_recent_volume";
    assert_eq!(
        readings,
        [
            ("CALM", "short_of_float", Below, Some(0.005)),
            ("CALM", days, Below, Some(0.1)),
            ("CALM", "score", Below, Some(25.0)),
            ("CROWD", "short_of_float", Below, Some(0.2)),
            ("CROWD", days, Reached, Some(20.0)),
            ("CROWD", "score", Reached, Some(75.0)),
            ("PXONLY", "short_of_float", Unknown, None),
            ("PXONLY", days, Unknown, None),
            ("PXONLY", "score", Unknown, None),
            ("THIN", "short_of_float", Unknown, None),
            ("THIN", days, Unknown, None),
            ("THIN", "score", Unknown, None),
        ]
    );
    let crowd = &standings.readings[3];
    assert_eq!(crowd.position_ids, ["first", "portfolio.positions[5]"]);
    assert_eq!(crowd.observed_on, "2020-12-31");
    assert_eq!(standings.readings[4].observed_on, "2021-01-27", "the last close");
    assert_eq!(standings.unresolved.len(), 2, "NOBODY, and NOPX, which is long");
    assert!(first.crossings.is_empty() && first.found.is_empty());
    let gap = |message: &v1::WatchSqueezeResponse, subject: &str| {
        message.info.as_ref().unwrap().gaps.iter().any(|gap| is_about(gap, subject))
    };
    assert!(gap(&first, "THIN.short_of_float") && gap(&first, "PXONLY.score"));

    // 2.8 of 8 million, of 80,000 a day.
    harness.ingest("si.csv", short_interest("01/15/21", 2_800_000).as_bytes()).await;
    let up = next_news(&mut stream).await;
    let [crossing] = &up.crossings[..] else { panic!("{up:?}") };
    let reading = crossing.reading.as_ref().unwrap();
    assert_eq!(short(reading), ("CROWD", "short_of_float", Reached, Some(0.35)));
    assert_eq!((reading.level, reading.observed_on.as_str()), (0.3, "2021-01-15"));
    assert_eq!(crossing.value_before, 0.2);
    let datasets = [v1::Dataset::ShortInterest, v1::Dataset::ShareCounts].map(i32::from);
    assert_eq!(crossing.datasets, datasets);
    assert!(up.found.is_empty() && up.lost.is_empty() && up.standings.is_none());
    assert!(gap(&up, "THIN.short_of_float"), "absent inputs are gaps and no crossings");

    // Corrected: 1.2 million, so that both thresholds are below.
    harness.ingest("si.csv", short_interest("01/15/21", 1_200_000).as_bytes()).await;
    let down = next_news(&mut stream).await;
    let crossed: Vec<_> =
        down.crossings.iter().map(|c| short(c.reading.as_ref().unwrap())).collect();
    let expected =
        [("CROWD", "short_of_float", Below, Some(0.15)), ("CROWD", days, Below, Some(15.0))];
    assert_eq!(crossed, expected);
    drop(stream);

    // Resumed after the crossing up: the crossing down, as the stream said it.
    let after = |message: &v1::WatchSqueezeResponse| v1::WatchSqueezeRequest {
        after: Some(reference(&message.info)),
        ..request()
    };
    let again = next(&mut watch(&harness, after(&up)).await.unwrap()).await;
    assert_eq!(again.crossings, down.crossings);
    let now = again.standings.as_ref().unwrap().readings.iter().map(short).nth(3).unwrap();
    assert_eq!(now, ("CROWD", "short_of_float", Below, Some(0.15)));
    // After the first message: what came back is not told, and what did not is told once.
    let away = next(&mut watch(&harness, after(&first)).await.unwrap()).await;
    assert_eq!(away.crossings.len(), 1);
    assert_eq!(short(away.crossings[0].reading.as_ref().unwrap()), expected[1]);
    let told = next(&mut watch(&harness, after(&away)).await.unwrap()).await;
    assert!(told.crossings.is_empty() && told.standings.is_some());
    // Another process says the same.
    let harness = harness.restart().await;
    let other = next(&mut watch(&harness, after(&up)).await.unwrap()).await;
    assert_eq!(other.crossings, down.crossings);
    harness.stop().await;
}

/// CALM's short interest rises to 6 of its 20 million shares and CROWD's falls to 0.8 of 8 million: they
/// change places in the score, and CALM's change crosses (6 of 0.1 million less 1), CROWD's (-0.5) does not.
#[tokio::test(flavor = "multi_thread")]
async fn scores_and_changes_of_short_interest_cross() {
    use v1::SqueezeStanding::{Below, Reached};
    let harness = watched(NOW).await;
    let threshold =
        |measure_id: &str, level| v1::SqueezeThreshold { measure_id: measure_id.to_owned(), level };
    let positions = ["CROWD", "CALM"].map(|symbol| held(symbol, Size::Quantity(-100.0))).to_vec();
    let thresholds = vec![threshold("short_interest_change", 0.5), threshold("score", 60.0)];
    let portfolio = Some(v1::Portfolio { positions, ..Default::default() });
    let request = v1::WatchSqueezeRequest { portfolio, thresholds, ..Default::default() };
    let mut stream = watch(&harness, request).await.unwrap();
    let first = next(&mut stream).await;
    let before: Vec<_> = first.standings.as_ref().unwrap().readings.iter().map(short).collect();
    let change = "short_interest_change";
    // 1.6 of 1.25 million less 1.
    let expected = [
        ("CALM", change, Below, Some(0.0)),
        ("CALM", "score", Below, Some(25.0)),
        ("CROWD", change, Below, Some(0.28)),
        ("CROWD", "score", Reached, Some(75.0)),
    ];
    assert_eq!(before, expected);
    let list = short_interest("01/15/21", 800_000);
    let list = list.replace("01/15/21,100000.0", "01/15/21,6000000.0");
    harness.ingest("si.csv", list.as_bytes()).await;
    let news = next_news(&mut stream).await;
    let crossed: Vec<_> =
        news.crossings.iter().map(|c| short(c.reading.as_ref().unwrap())).collect();
    let expected = [
        ("CALM", change, Reached, Some(59.0)),
        ("CALM", "score", Reached, Some(75.0)),
        ("CROWD", "score", Below, Some(25.0)),
    ];
    assert_eq!(crossed, expected);
    drop(stream);
    harness.stop().await;
}

/// A call that was sold is watched as a short, and every message says that it counts as its delta.
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_says_that_options_are_first_order() {
    let harness = watched(NOW).await;
    let mut asked = request();
    let sold = &mut asked.portfolio.as_mut().unwrap().positions[1];
    sold.kind = v1::PositionKind::Option.into();
    sold.terms = Some(v1::position::Terms::Option(v1::OptionTerms {
        multiplier: Some(1.0),
        sensitivity: Some(v1::option_terms::Sensitivity::Delta(0.5)),
    }));
    let first = next(&mut watch(&harness, asked).await.unwrap()).await;
    let found = &first.info.as_ref().unwrap().gaps;
    let found: Vec<_> =
        found.iter().filter(|gap| gap.reason() == v1::GapReason::FirstOrder).collect();
    let [gap] = &found[..] else { panic!("{found:?}") };
    assert!(is_about(gap, "first"), "{gap:?}");
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_known_is_found_and_time_alone_can_cross() {
    let harness = watched(NOW).await;
    let mut stream = watch(&harness, request()).await.unwrap();
    next(&mut stream).await;
    // Public only at 21:00: 35 days to cover of CROWD, and the first short interest of PXONLY.
    let text = short_interest("01/15/21", 2_800_000)
        + "PXONLY,NYSE,10000000.0,1000000.0,01/15/21,400000.0,,\n";
    let later = v1::IngestHeader {
        published_at: Some(timestamp("2021-02-01T21:00:00Z")),
        ..header("si.csv")
    };
    harness.try_ingest(later, text.as_bytes()).await.unwrap();
    assert!(is_heartbeat(&next(&mut stream).await), "not public yet");
    harness.set_clock("2021-02-01T21:00:00Z");
    let news = next_news(&mut stream).await;
    let crossed: Vec<_> =
        news.crossings.iter().map(|c| short(c.reading.as_ref().unwrap())).collect();
    // PXONLY is short 0.4 of its float, so that CROWD is the second of three.
    let expected = [
        ("CROWD", "short_of_float", v1::SqueezeStanding::Reached, Some(0.35)),
        ("CROWD", "score", v1::SqueezeStanding::Below, Some(50.0)),
    ];
    assert_eq!(crossed, expected);
    let found: Vec<&str> = news.found.iter().map(|r| r.measure_id.as_str()).collect();
    assert_eq!(found, ["short_of_float", "days_to_cover_at_recent_volume", "score"]);
    assert_eq!(news.found[0].value, Some(0.4));
    harness.stop().await;
}

/// Nothing is prepared and nothing is said for data that no measure reads.
#[tokio::test(flavor = "multi_thread")]
async fn a_revision_of_other_data_costs_nothing() {
    let harness = watched(NOW).await;
    let mut stream = watch(&harness, request()).await.unwrap();
    let first = next(&mut stream).await;
    let begun = harness.services().preparations();
    let schedule = format!("{SETTLEMENTS}2021-02-12,2021-02-25T08:00:00Z\n");
    let written = harness.ingest("publication_times.csv", schedule.as_bytes()).await;
    let revision = reference(&written.info).revision;
    assert!(reference(&first.info).revision < revision);
    let heard = async {
        loop {
            let message = next(&mut stream).await;
            assert!(is_heartbeat(&message), "{message:?}");
            assert!(message.info.as_ref().unwrap().gaps.is_empty());
            if reference(&message.info).revision == revision {
                return;
            }
        }
    };
    soon("a heartbeat at the new head", heard).await;
    assert_eq!(harness.services().preparations(), begun);
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_is_refused_bounded_and_ended_as_others_are() {
    let harness = Harness::with(Clock::system(), |config| config.limits.watchers = 1).await;
    let bad = v1::WatchSqueezeRequest {
        after: Some(v1::SnapshotRef::default()),
        thresholds: [("score", f64::NAN), ("fee", 1.0), ("score", 1.0), ("score", 1.0)]
            .map(|(id, level)| v1::SqueezeThreshold { measure_id: id.to_owned(), level })
            .into(),
        ..Default::default()
    };
    let refusal = watch(&harness, bad).await.unwrap_err();
    let paths = [
        "after.reference_knowledge",
        "after.as_of",
        "after.model_version",
        "after.config_hash",
        "after.data_version",
        "thresholds[0].level",
        "thresholds[1].measure_id",
        "thresholds[3]",
        "portfolio",
    ];
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    let mut large = request();
    let lines = (0..1_001).map(|_| held("CROWD", Size::Quantity(-1.0)));
    large.portfolio.as_mut().unwrap().positions = lines.collect();
    large.thresholds = (0..17)
        .map(|level| v1::SqueezeThreshold {
            measure_id: "score".to_owned(),
            level: f64::from(level),
        })
        .collect();
    let refusal = watch(&harness, large).await.unwrap_err();
    let paths = ["thresholds", "portfolio.positions"];
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);

    let mut stream = watch(&harness, request()).await.unwrap();
    next(&mut stream).await;
    let refused = watch(&harness, request()).await.unwrap_err();
    expect_refusal(&refused, Code::ResourceExhausted, "OVERLOADED", &[]);
    let stopping = tokio::spawn(harness.stop());
    let end = async {
        loop {
            if let Err(status) = stream.next().await.expect("an end with a status") {
                return status;
            }
        }
    };
    expect_refusal(&soon("the end", end).await, Code::Unavailable, "SHUTTING_DOWN", &[]);
    assert!(stopping.await.unwrap(), "nothing had to be cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_that_is_not_of_this_server_is_refused() {
    let harness = watched(NOW).await;
    let first = next(&mut watch(&harness, request()).await.unwrap()).await;
    let known = reference(&first.info);
    let other = || "00".repeat(32);
    for (after, reason) in [
        (v1::SnapshotRef { data_version: other(), ..known.clone() }, "DATA_VERSION_MISMATCH"),
        (
            v1::SnapshotRef { model_version: "squeeze-0.0.0".to_owned(), ..known.clone() },
            "MODEL_VERSION_MISMATCH",
        ),
        (v1::SnapshotRef { config_hash: other(), ..known.clone() }, "CONFIG_MISMATCH"),
        (v1::SnapshotRef { revision: 99, ..known.clone() }, "REVISION_UNKNOWN"),
    ] {
        let after = v1::WatchSqueezeRequest { after: Some(after), ..request() };
        let refused = watch(&harness, after).await.unwrap_err();
        expect_refusal(&refused, Code::FailedPrecondition, reason, &[]);
    }
    let ahead = v1::SnapshotRef { as_of: Some(timestamp("2021-02-02T12:00:00Z")), ..known };
    let ahead = v1::WatchSqueezeRequest { after: Some(ahead), ..request() };
    let refused = watch(&harness, ahead).await.unwrap_err();
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &["after.as_of"]);
    harness.stop().await;
}

/// GameStop closed at 31.40 on 2021-01-13, 39.91 on the 14th, 43.03 on the 21st and 65.01 on the
/// 22nd, so five sessions made 37 % and then 63 %; 1.4 times its float was short.
#[tokio::test(flavor = "multi_thread")]
async fn gamestop_crosses_at_the_close_of_its_day() {
    let Some(folder) = real_data("watching GameStop") else { return };
    // The files are of 2024.
    let clock = Clock::manual(instant("2024-04-01T12:00:00Z"));
    let harness = Harness::with(clock, |config| config.limits.heartbeat_ms = 100).await;
    squeeze_real::load(&harness, &folder).await;
    harness.set_clock("2021-01-22T20:59:00Z");
    let threshold =
        |measure_id: &str, level| v1::SqueezeThreshold { measure_id: measure_id.to_owned(), level };
    let positions = vec![held("GME", Size::Quantity(-1_000.0))];
    let request = v1::WatchSqueezeRequest {
        portfolio: Some(v1::Portfolio { positions, ..Default::default() }),
        thresholds: vec![threshold("five_session_return", 0.5), threshold("short_of_float", 1.0)],
        ..Default::default()
    };
    let mut stream = watch(&harness, request).await.unwrap();
    let standings = next(&mut stream).await.standings.unwrap();
    let value = |value: Option<f64>| (100.0 * value.unwrap()).round();
    assert_eq!(value(standings.readings[0].value), 37.0);
    assert_eq!(standings.readings[1].standing(), v1::SqueezeStanding::Reached);
    harness.set_clock("2021-01-22T21:00:00Z");
    let news = next_news(&mut stream).await;
    let [crossing] = &news.crossings[..] else { panic!("{news:?}") };
    let reading = crossing.reading.as_ref().unwrap();
    assert_eq!(value(Some(crossing.value_before)), 37.0);
    assert_eq!((value(reading.value), reading.observed_on.as_str()), (63.0, "2021-01-22"));
    assert_eq!(crossing.datasets, [i32::from(v1::Dataset::Bars)]);
    harness.stop().await;
}

/// A watch of a book of 900 lines keeps its request, which is some 20 kB.
#[tokio::test(flavor = "multi_thread")]
async fn the_memory_of_watches_is_bounded_and_given_back() {
    let clock = Clock::manual(instant(NOW));
    let memory = |config: &mut Config| config.limits.watch_memory_bytes = 1 << 20;
    let harness = Harness::with(clock, memory).await;
    load(&harness).await;
    let line = |at| held(&format!("NAME{at}"), Size::Quantity(-1.0));
    let positions = (0..900).map(line).collect();
    let portfolio = Some(v1::Portfolio { positions, ..Default::default() });
    let large = v1::WatchSqueezeRequest { portfolio, ..request() };
    let bytes = prost::Message::encoded_len(&large);
    let mut streams = Vec::new();
    let refused = loop {
        match watch(&harness, large.clone()).await {
            Ok(stream) => streams.push(stream),
            Err(status) => break status,
        }
    };
    let most = (1 << 20) / bytes;
    assert!((1..=most).contains(&streams.len()), "{} watches of {bytes} bytes", streams.len());
    expect_refusal(&refused, Code::ResourceExhausted, "OVERLOADED", &[]);
    let quota = refused.get_details_quota_failure().unwrap().violations;
    assert_eq!(quota[0].subject, "limits.watch_memory_bytes");
    assert!(refused.get_details_retry_info().is_some());
    let held = harness.services().watch_bytes();
    assert!(streams.len() * bytes <= held && held <= 1 << 20, "{held}");
    drop(streams);
    let given_back = async {
        while 0 < harness.services().watch_bytes() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    soon("the memory", given_back).await;
    watch(&harness, large).await.expect("there is room again");
    harness.stop().await;
}

/// A new revision wakes all watches at once, and none of them ends for want of room in the queue.
#[tokio::test(flavor = "multi_thread")]
async fn many_watches_share_a_narrow_queue() {
    let clock = Clock::manual(instant(NOW));
    let harness = Harness::with(clock, |config| {
        config.limits.heartbeat_ms = 100;
        config.limits.compute_queue = 1;
    })
    .await;
    load(&harness).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut stream = watch(&harness, request()).await.unwrap();
        next(&mut stream).await;
        streams.push(stream);
    }
    harness.ingest("si.csv", short_interest("01/15/21", 2_800_000).as_bytes()).await;
    for stream in &mut streams {
        assert_eq!(next_news(stream).await.crossings.len(), 1);
    }
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_tells_what_another_server_wrote() {
    let Some(database) = Postgres::start("watching a short book on a follower") else { return };
    let url = database.database();
    let (writer, reader) = (postgres::replica(&url).await, postgres::replica(&url).await);
    load(&writer).await;
    postgres::reaches(&reader, postgres::revision_of(&writer)).await;
    let mut stream = watch(&reader, request()).await.unwrap();
    next(&mut stream).await;
    writer.ingest("si.csv", short_interest("01/15/21", 2_800_000).as_bytes()).await;
    let news = next_news(&mut stream).await;
    assert_eq!(news.crossings.len(), 1, "{news:?}");
}
