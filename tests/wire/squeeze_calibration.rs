//! Calibration of the squeeze probability over the wire: fitted and used where there is enough,
//! refused with numbers where there is not, stored as a fact, repeated by its id.

use crate::harness::{Harness, expect_refusal, header, on, real_data, reference, replay_of};
use contract::v1::{self, squeeze_service_client::SqueezeServiceClient};
use marketdata::calendar::plus_sessions;
use prost::Message as _;
use simulation::squeeze_history::{FLOAT, HistoryParameters, PUBLISHED_AFTER, SqueezeHistory};
use std::fmt::Write as _;
use tonic::{Code, transport::Channel};

type Client = SqueezeServiceClient<Channel>;

/// The history as the files of its sources.
pub(crate) async fn load(harness: &Harness, history: &SqueezeHistory) {
    let mut times = String::from("settlement,first_seen\n");
    for settlement in &history.settlements {
        let on = history.days[*settlement];
        writeln!(times, "{on},{}T23:00:00Z", plus_sessions(on, PUBLISHED_AFTER)).unwrap();
    }
    harness.ingest("publication_times.csv", times.as_bytes()).await;
    let mut bars = String::from("Ticker,Date,Open,High,Low,Close,Adj Close,Volume\n");
    let mut add = |symbol: &str, closes: &[f64], volumes: &[f64]| {
        for ((day, p), volume) in history.days.iter().zip(closes).zip(volumes) {
            writeln!(bars, "{symbol},{day},{p:.4},{p:.4},{p:.4},{p:.4},{p:.4},{volume}").unwrap();
        }
    };
    add("SPY", &history.index, &vec![1e6; history.days.len()]);
    history.names.iter().for_each(|name| add(&name.symbol, &name.closes, &name.volumes));
    let raw =
        v1::IngestHeader { price_basis: v1::PriceBasis::Raw.into(), ..header("us_equities.csv") };
    harness.try_ingest(raw, bars.as_bytes()).await.unwrap();
    for (at, settlement) in history.settlements.iter().enumerate() {
        let (year, month, date) = history.days[*settlement].ymd();
        let mut text = String::from(
            "symbol,exchange,shares_outstanding,public_float,short_interest_date,\
             shares_sold_short,change_from_last,percent_of_float\n",
        );
        for name in &history.names {
            let (symbol, short) = (&name.symbol, name.shares_short[at]);
            let settled = format!("{month:02}/{date:02}/{:02}", year % 100);
            writeln!(text, "{symbol},NYSE,{FLOAT:.1},{FLOAT:.1},{settled},{short:.1},,").unwrap();
        }
        harness.ingest("short_interest.csv", text.as_bytes()).await;
    }
}

pub(crate) async fn calibrate(
    client: &mut Client,
    request: v1::CalibrateSqueezeRequest,
) -> Result<(usize, v1::CalibrateSqueezeResponse), tonic::Status> {
    let mut messages = client.calibrate_squeeze(request).await?.into_inner();
    let mut all = Vec::new();
    while let Some(message) = messages.message().await? {
        all.push(message);
    }
    let last = all.pop().unwrap();
    assert!(last.calibration.is_some() && all.iter().all(|m| m.calibration.is_none()));
    Ok((all.len(), last))
}

pub(crate) fn request(id: &str, day: &str) -> v1::CalibrateSqueezeRequest {
    v1::CalibrateSqueezeRequest { request_id: id.into(), as_of: on(day), ..Default::default() }
}

async fn ranking(client: &mut Client, as_of: Option<v1::AsOf>) -> v1::RankSqueezeResponse {
    let request = v1::RankSqueezeRequest { as_of, page_size: 20, ..Default::default() };
    client.rank_squeeze(request).await.unwrap().into_inner()
}

/// The same history as in the tests of the crate, which says why it passes.
#[tokio::test(flavor = "multi_thread")]
async fn a_calibrated_model_becomes_the_score_from_its_day_on() {
    let history = SqueezeHistory::new(HistoryParameters { names: 200, sessions: 620, seed: 7 });
    let (day, before) = (history.days[619].to_string(), history.days[618].to_string());
    let harness = Harness::at("2024-02-01T12:00:00Z").await;
    load(&harness, &history).await;
    let mut client = SqueezeServiceClient::new(harness.channel().await);
    let empty = v1::GetCalibrationRequest::default();
    let none = client.get_calibration(empty.clone()).await.unwrap().into_inner();
    assert_eq!(none.calibration, None);
    let plain = ranking(&mut client, on(&day)).await;
    assert!(!plain.method.as_ref().unwrap().calibrated);

    let (progress, answer) = calibrate(&mut client, request("c1", &day)).await.unwrap();
    let found = answer.calibration.clone().unwrap();
    assert!(found.calibrated && 0 < progress, "{:?}", found.requirements);
    assert!(found.requirements.iter().all(|requirement| requirement.met));
    let check = found.check.as_ref().unwrap();
    let counted: i32 = check.bins.iter().map(|bin| bin.name_day_count).sum();
    assert_eq!((check.bins.len(), counted), (10, found.held_out.unwrap().name_day_count));
    assert_eq!(found.model.as_ref().unwrap().terms.len(), 9);

    // A repeat returns the first answer; another request with its id is refused.
    let revision = reference(&answer.info).revision;
    let (_, repeated) = calibrate(&mut client, request("c1", &day)).await.unwrap();
    assert_eq!(repeated, answer);
    let reused = calibrate(&mut client, request("c1", &before)).await.unwrap_err();
    expect_refusal(&reused, Code::FailedPrecondition, "REQUEST_ID_REUSED", &[]);

    let got = client.get_calibration(empty.clone()).await.unwrap().into_inner();
    assert_eq!(got.calibration.as_ref(), Some(&found));
    assert_eq!(reference(&got.info).revision, revision, "the repeat wrote nothing");
    let ranked = ranking(&mut client, on(&day)).await;
    let method = ranked.method.as_ref().unwrap();
    assert!(method.calibrated && method.method_id == "logit" && method.terms.len() == 9);
    for name in ranked.names.iter().map(|ranked| ranked.name.as_ref().unwrap()) {
        // p = 1/(1 + e^-index), and the contributions add up to the index above its mean.
        let (index, p) = (name.score_index.unwrap(), name.squeeze_probability.unwrap());
        assert!((p - 1.0 / (1.0 + (-index).exp())).abs() < 1e-12);
        let sum: f64 = name.contributions.iter().map(|part| part.contribution).sum();
        let mean: f64 = method.terms.iter().map(|term| term.coefficient * term.mean.unwrap()).sum();
        assert!((method.intercept + mean + sum - index).abs() < 1e-9);
    }
    // Before its day, and at the revision before it, nothing has changed.
    assert!(!ranking(&mut client, on(&before)).await.method.unwrap().calibrated);
    let replayed = ranking(&mut client, replay_of(&reference(&plain.info))).await;
    assert_eq!(replayed.encode_to_vec(), plain.encode_to_vec());

    // A fresh process says the same.
    let harness = harness.restart().await;
    let mut client = SqueezeServiceClient::new(harness.channel().await);
    let again = ranking(&mut client, replay_of(&reference(&ranked.info))).await;
    assert_eq!(again.encode_to_vec(), ranked.encode_to_vec());
    let again = client.get_calibration(empty).await.unwrap().into_inner();
    assert_eq!(again.calibration, Some(found));
    harness.stop().await;
}

#[tokio::test]
async fn a_bad_request_to_calibrate_names_every_field() {
    let harness = Harness::at("2021-02-01T12:00:00Z").await;
    let mut client = SqueezeServiceClient::new(harness.channel().await);
    let request = v1::CalibrateSqueezeRequest {
        request_id: String::new(),
        as_of: None,
        label: 99,
        session_count: Some(0),
    };
    let refused = calibrate(&mut client, request).await.unwrap_err();
    let paths = ["request_id", "label", "session_count"];
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &paths);

    // An empty store has nothing to fit: the answer says so in numbers.
    let (_, answer) = calibrate(&mut client, request_now("empty")).await.unwrap();
    let found = answer.calibration.unwrap();
    assert!(!found.calibrated && found.model.is_none() && found.check.is_none());
    assert!(found.requirements.iter().all(|requirement| !requirement.met));
    harness.stop().await;
}

fn request_now(id: &str) -> v1::CalibrateSqueezeRequest {
    v1::CalibrateSqueezeRequest { request_id: id.into(), ..Default::default() }
}

/// The files hold one regime, and on 2021-01-20 no label has matured by two later publications.
#[tokio::test(flavor = "multi_thread")]
async fn the_real_files_are_too_little_and_the_answer_says_by_how_much() {
    let Some(folder) = real_data("the calibration on the real files") else { return };
    let harness = Harness::at("2024-04-10T12:00:00Z").await;
    let files = [
        "short_interest/publication_times.csv",
        "prices/us_equities_2020-07_2021-03.csv.gz",
        "prices/etf_ohlcv/SPY.csv.gz",
        "universe/split_factor_2021-01-29_to_2024-03.csv",
        "short_interest/settle_2020-11-30.csv.gz",
        "short_interest/settle_2020-12-15.csv.gz",
        "short_interest/settle_2020-12-31.csv.gz",
        "short_interest/settle_2021-01-15.csv.gz",
    ];
    harness.ingest_real(&folder, &files).await;
    let mut client = SqueezeServiceClient::new(harness.channel().await);
    let (_, early) = calibrate(&mut client, request("early", "2021-01-20")).await.unwrap();
    let early = early.calibration.unwrap();
    let matured = early.matured.unwrap();
    assert_eq!((matured.name_day_count, matured.episode_count), (0, 0), "two later publications");
    assert!(!early.calibrated && early.model.is_none());

    let (_, late) = calibrate(&mut client, request("late", "2021-03-31")).await.unwrap();
    let late = late.calibration.unwrap();
    let (observed, matured) = (late.observed.unwrap(), late.matured.unwrap());
    // Counted by `tests/oracles/squeeze_episodes.py`.
    let counts = |sample: &v1::CalibrationSample| {
        let v1::CalibrationSample { session_count, name_day_count, event_count, .. } = *sample;
        let v1::CalibrationSample { episode_count, name_count, week_count, .. } = *sample;
        [session_count, name_day_count, event_count, episode_count, name_count, week_count]
    };
    assert_eq!(counts(&observed), [64, 43_239, 511, 200, 188, 14]);
    assert_eq!(counts(&matured), [7, 4_861, 22, 15, 15, 2]);
    assert!(!late.calibrated);
    assert_eq!(observed.regime_count, 1);
    let unmet: Vec<&str> = late
        .requirements
        .iter()
        .filter(|requirement| !requirement.met)
        .map(|requirement| requirement.requirement_id.as_str())
        .collect();
    assert!(unmet.contains(&"matured_episodes") && unmet.contains(&"matured_regimes"));
    // The score is as it was.
    assert!(!ranking(&mut client, on("2021-03-31")).await.method.unwrap().calibrated);
    harness.stop().await;
}
