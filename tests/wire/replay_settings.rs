//! An answer given under earlier settings is given again under them, byte by byte.

use crate::{
    harness::{Harness, expect_refusal, header, instant, on, reference, replay_of},
    replay::{SHORT_INTEREST, analyses, history},
};
use contract::v1::{
    self, rotation_service_client::RotationServiceClient,
    squeeze_service_client::SqueezeServiceClient,
};
use prost::Message as _;
use server::{clock::Clock, config::Config};
use tonic::Code;

const DAY: &str = "2021-01-27";

/// A server with prices of some names, and short interest of three.
async fn loaded() -> Harness {
    let harness = Harness::at("2021-02-01T12:00:00Z").await;
    let raw = v1::PriceBasis::Raw.into();
    let prices = v1::IngestHeader { price_basis: raw, ..header("prices.csv") };
    let text = history(&["SPY", "IWM", "QQQ", "AAA", "BRK.B", "LATE"]);
    harness.try_ingest(prices, text.as_bytes()).await.unwrap();
    harness.ingest("short.csv", SHORT_INTEREST.as_bytes()).await;
    harness
}

/// Other symbols for every kind of setting: roles, megacaps, share classes, a universe, funds.
pub(crate) fn other_settings(config: &mut Config) {
    let roles = &mut config.roles;
    let own = |symbol: &str| vec![symbol.to_owned()];
    roles.candidates.insert("small_cap_index".to_owned(), own("QQQ"));
    roles.candidates.insert("large_cap_index".to_owned(), own("IWM"));
    roles.megacaps = vec![own("AAA")];
    roles.share_classes.push(vec!["AAA".to_owned(), "LATE".to_owned()]);
    roles.breadth_universe = own("OTHER");
    roles.funds.push("BRK.B".to_owned());
}

/// The reference of an answer of a day; any service takes it.
async fn head(harness: &Harness) -> v1::SnapshotRef {
    let mut client = RotationServiceClient::new(harness.channel().await);
    let request = v1::GetRotationRequest { as_of: on(DAY), ..Default::default() };
    reference(&client.get_rotation(request).await.unwrap().into_inner().info)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_earlier_settings_is_given_again() {
    let harness = loaded().await;
    let (before, of_before) = (analyses(&harness, on(DAY)).await, head(&harness).await);
    let harness = harness.restart_with(other_settings).await;
    let (after, of_after) = (analyses(&harness, on(DAY)).await, head(&harness).await);
    assert_ne!(of_before.config_hash, of_after.config_hash);
    assert!(before.iter().zip(&after).all(|(before, after)| before != after), "each names its own");
    let rotation = |bytes: &[u8]| v1::GetRotationResponse::decode(bytes).unwrap().report;
    assert_ne!(rotation(&before[0]), rotation(&after[0]), "another index is the small caps'");
    let exposure = |bytes: &[u8]| v1::AnalyzePortfolioResponse::decode(bytes).unwrap().report;
    assert_ne!(exposure(&before[1]), exposure(&after[1]), "and another one the market");
    // One after the other on one snapshot: prepared values are not mixed up.
    for _ in 0..2 {
        assert!(analyses(&harness, replay_of(&of_before)).await == before, "earlier settings");
        assert!(analyses(&harness, replay_of(&of_after)).await == after, "settings of this server");
    }
    let copy = harness.store_url().replace("ballast.db", "copy.db");
    let to = copy.trim_start_matches("sqlite:");
    server::admin::backup(harness.store_url(), std::path::Path::new(to)).await.unwrap();
    let copied = Harness::with(Clock::manual(instant("2021-02-01T12:00:00Z")), |config| {
        config.store = copy.clone().into();
    });
    let copied = copied.await;
    assert!(analyses(&copied, replay_of(&of_after)).await == after, "a copy, a fresh process");
    assert!(analyses(&copied, on(DAY)).await == before, "the first settings are the default");
    copied.stop().await;
    let fresh = harness.restart_with(|config| config.roles = Config::standard().roles).await;
    assert!(analyses(&fresh, on(DAY)).await == before, "the first settings again");
    assert!(analyses(&fresh, replay_of(&of_after)).await == after, "and those between");
}

/// Threads, memory and limits decide whether and when there is an answer, never what it contains.
#[tokio::test(flavor = "multi_thread")]
async fn settings_that_alter_no_answer_do_not() {
    let harness = loaded().await;
    let before = analyses(&harness, on(DAY)).await;
    let other = |config: &mut Config| {
        config.threads = 1;
        config.limits.prepared_bytes = 0;
        config.limits.compute_queue = 1;
        config.connections.compress = true;
        config.compact_s = 1;
    };
    let harness = harness.restart_with(other).await;
    assert!(analyses(&harness, on(DAY)).await == before);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_another_process_are_found() {
    let harness = loaded().await;
    let url = harness.store_url().to_owned();
    let clock = Clock::manual(instant("2021-02-01T12:00:00Z"));
    let other = |config: &mut Config| {
        config.store = url.into();
        other_settings(config);
    };
    let other = Harness::with(clock, other).await;
    let (theirs, of_theirs) = (analyses(&other, on(DAY)).await, head(&other).await);
    other.stop().await;
    assert!(analyses(&harness, replay_of(&of_theirs)).await == theirs);
    let expected = v1::SnapshotExpectation {
        config_hash: Some(of_theirs.config_hash.clone()),
        ..Default::default()
    };
    let watch = v1::WatchRotationRequest { expected: Some(expected), ..Default::default() };
    let refused = RotationServiceClient::new(harness.channel().await).watch_rotation(watch).await;
    expect_refusal(&refused.unwrap_err(), Code::FailedPrecondition, "CONFIG_MISMATCH", &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_continue_under_the_settings_of_the_first() {
    let harness = loaded().await;
    let first = v1::RankSqueezeRequest {
        as_of: on(DAY),
        min_daily_value_usd: Some(0.0),
        page_size: 1,
        ..Default::default()
    };
    let page = async |harness: &Harness, page_token: &str| {
        let mut client = SqueezeServiceClient::new(harness.channel().await);
        let page_token = page_token.to_owned();
        let request = v1::RankSqueezeRequest { page_token, ..first.clone() };
        client.rank_squeeze(request).await.unwrap().into_inner()
    };
    let token = page(&harness, "").await.next_page_token;
    let second = page(&harness, &token).await;
    let harness = harness.restart_with(other_settings).await;
    assert_ne!(
        page(&harness, "").await.next_page_token,
        token,
        "a first page has its own settings"
    );
    assert_eq!(page(&harness, &token).await, second);
}
