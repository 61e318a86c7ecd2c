//! Servers on a PostgreSQL in trouble: every call is answered in time and with its reason, nothing
//! that was answered is lost or doubled, and health says what is true.

use crate::{
    harness::{Harness, expect_refusal, header, reference, soon, upload},
    postgres::{AMPLE, bars, coverage, on, polling, reaches, revision_of},
    postgres_server::Postgres,
};
use contract::v1;
use server::{config::Config, start_error::StartError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_stream::StreamExt as _;
use tonic::{Code, Request, Status, Streaming};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
    health_client::HealthClient,
};
use tonic_types::StatusExt as _;

const WITHIN: Duration = Duration::from_secs(2);

/// The health of the service that writes, as it changes.
pub(crate) struct Health(Streaming<HealthCheckResponse>);

impl Health {
    pub(crate) async fn of(server: &Harness) -> Health {
        let service = "ballast.v1.MarketDataService".to_owned();
        let mut client = HealthClient::new(server.channel().await);
        Health(client.watch(HealthCheckRequest { service }).await.unwrap().into_inner())
    }

    pub(crate) async fn next(&mut self) -> ServingStatus {
        soon("a state", self.0.next()).await.unwrap().unwrap().status()
    }

    pub(crate) async fn becomes(&mut self, wanted: ServingStatus) {
        while self.next().await != wanted {}
    }
}

/// A file with an id, sent with a deadline.
async fn ingest_within(
    server: &Harness,
    id: &str,
    bytes: &[u8],
    within: Duration,
) -> Result<v1::IngestResponse, Status> {
    let header = v1::IngestHeader { request_id: id.to_owned(), ..header("prices.csv") };
    let mut request = Request::new(tokio_stream::iter(upload(header, bytes, 1 << 20)));
    request.set_timeout(within);
    Ok(server.market_data().await.ingest(request).await?.into_inner())
}

/// The store is not there for now, and the caller learns when to try again.
fn expect_unavailable(status: &Status) {
    expect_refusal(status, Code::Unavailable, "STORE_UNAVAILABLE", &[]);
    assert!(status.get_details_retry_info().is_some(), "{status:?}");
}

/// Under settings that this server has to look for in the store.
fn under_other_settings(info: &Option<v1::AnswerInfo>) -> Option<v1::AsOf> {
    let snapshot = v1::SnapshotRef { config_hash: "ab".repeat(32), ..reference(info) };
    let when = Some(v1::as_of::When::Snapshot(snapshot));
    Some(v1::AsOf { when, ..v1::AsOf::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_wait_for_a_slow_database_end_with_their_statements_and_stop_no_follower() {
    let Some(database) = Postgres::start("more readers than connections") else { return };
    let url = database.database();
    let (server, writer) = (polling(&url, 50).await, polling(&url, 50).await);
    let written = server.ingest("prices.csv", &bars("T1", 3)).await;
    let mut health = Health::of(&server).await;
    health.becomes(ServingStatus::Serving).await;
    let elsewhere = under_other_settings(&written.info);
    let busy = database.hold(&url, "LOCK TABLE settings IN ACCESS EXCLUSIVE MODE");
    let mut late = JoinSet::new();
    for _ in 0..12 {
        let mut client = server.market_data().await;
        let mut request = Request::new(v1::ListDatasetsRequest { as_of: elsewhere.clone() });
        request.set_timeout(2 * WITHIN);
        late.spawn(async move { client.list_datasets(request).await });
    }
    let waiting = async |are_some: bool| {
        while (0 < database.waiting(&url)) != are_some {
            tokio::task::yield_now().await;
        }
    };
    soon("their statements wait", waiting(true)).await;
    writer.ingest("prices.csv", &bars("T2", 3)).await;
    reaches(&server, 2).await;
    while let Some(outcome) = late.join_next().await {
        expect_unavailable(&outcome.unwrap().unwrap_err());
    }
    // The database would let a statement run for 30 s.
    let ended = tokio::time::timeout(4 * WITHIN, waiting(false)).await;
    ended.expect("the statements end with the calls");
    let services = server.services();
    assert!(services.store_health.state().is_good(), "the store is followed and written");
    drop(busy);
    let refused = coverage(&server, elsewhere, AMPLE).await.unwrap_err();
    expect_refusal(&refused, Code::FailedPrecondition, "CONFIG_MISMATCH", &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_waits_too_long_is_answered_in_time_and_made_once() {
    let Some(database) = Postgres::start("a write that waits") else { return };
    let url = database.database();
    let server = polling(&url, 50).await;
    server.ingest("prices.csv", &bars("T1", 3)).await;
    let busy = database.hold(&url, "LOCK TABLE head IN EXCLUSIVE MODE");
    let late = ingest_within(&server, "once", &bars("T2", 3), WITHIN).await.unwrap_err();
    expect_unavailable(&late);
    drop(busy);
    // The first attempt goes on without its caller.
    let answer = ingest_within(&server, "once", &bars("T2", 3), AMPLE).await.unwrap();
    assert_eq!(reference(&answer.info).revision, 2);
    assert_eq!(revision_of(&server), 2);
    assert_eq!(server.services().store.head().await.unwrap().revision, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_connections_to_give_is_a_typed_refusal_and_recovers() {
    let Some(database) = Postgres::start("too many connections") else { return };
    let url = database.database();
    server::admin::migrate(&url).await.unwrap();
    database.sql(&url, "CREATE ROLE desk LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO desk");
    let server = polling(&url.replace("ballast@", "desk@"), 50).await;
    let written = server.ingest("prices.csv", &bars("T1", 3)).await;
    let mut health = Health::of(&server).await;
    health.becomes(ServingStatus::Serving).await;
    database.sql(&url, "ALTER ROLE desk CONNECTION LIMIT 0");
    database.disconnect(&url, "desk");
    let elsewhere = under_other_settings(&written.info);
    expect_unavailable(&coverage(&server, elsewhere, WITHIN).await.unwrap_err());
    let write = ingest_within(&server, "once", &bars("T2", 3), WITHIN).await;
    expect_unavailable(&write.unwrap_err());
    health.becomes(ServingStatus::NotServing).await;
    let answer = coverage(&server, None, AMPLE).await.unwrap();
    assert_eq!(reference(&answer.info).revision, 1, "reads go on from memory");
    database.sql(&url, "ALTER ROLE desk CONNECTION LIMIT -1");
    health.becomes(ServingStatus::Serving).await;
    let answer = ingest_within(&server, "once", &bars("T2", 3), AMPLE).await.unwrap();
    assert_eq!((reference(&answer.info).revision, revision_of(&server)), (2, 2));
}

/// Bars that pack badly, some 20 bytes each.
fn long_file(names: usize) -> Vec<u8> {
    let mut text = String::from("Ticker,Date,Open,High,Low,Close,Volume\n");
    for number in 0..names {
        // Digits without a pattern: multiplication modulo a prime.
        let close = 1 + number * 48_271 % 2_147_483_647;
        let day = 1 + number % 28;
        text += &format!("N{},2020-12-{day:02},{close},{close},{close},{close},1\n", number / 28);
    }
    text.into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_what_does_not_fit_and_takes_it_once_there_is_room() {
    const DISK_BYTES: u64 = 48 << 20;
    let Some(database) = Postgres::with_small_disk("a full disk", DISK_BYTES) else { return };
    let url = database.database_in("small");
    let server = polling(&url, 50).await;
    server.ingest("prices.csv", &bars("T1", 3)).await;
    let mut health = Health::of(&server).await;
    health.becomes(ServingStatus::Serving).await;
    database.fill_disk(&url);
    let file = long_file(20_000);
    let full = ingest_within(&server, "large", &file, AMPLE).await.unwrap_err();
    expect_unavailable(&full);
    health.becomes(ServingStatus::NotServing).await;
    let answer = coverage(&server, None, AMPLE).await.unwrap();
    assert_eq!(reference(&answer.info).revision, 1, "reads go on from memory");
    database.make_room(&url);
    health.becomes(ServingStatus::Serving).await;
    let answer = ingest_within(&server, "large", &file, AMPLE).await.unwrap();
    assert_eq!((reference(&answer.info).revision, answer.accepted_count), (2, 20_000));
    let checked = server::admin::check(&url).await.unwrap();
    assert_eq!((checked.revisions, checked.faults), (2, vec![]));
}

/// Somebody changes a row behind the server's back. What is in memory is answered; no server folds
/// the changed row in.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_row_is_found_by_whoever_reads_it_and_health_says_so() {
    for change in [
        "UPDATE segment SET rows = rows + 1 WHERE id = 1",
        "UPDATE revision SET facts = facts + 1 WHERE number = 2",
        "UPDATE segment SET bytes = overlay(bytes PLACING '\\xff' FROM 40) WHERE id = 2",
    ] {
        let Some(database) = Postgres::start("a changed row") else { return };
        let url = database.database();
        let (reader, writer) = (polling(&url, 3_600_000).await, polling(&url, 3_600_000).await);
        writer.ingest("prices.csv", &bars("T1", 3)).await;
        reaches(&reader, 1).await;
        let mut health = Health::of(&reader).await;
        health.becomes(ServingStatus::Serving).await;
        let commit_and_change = format!(
            "CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN {change}; RETURN NULL; END $$;
             CREATE CONSTRAINT TRIGGER change AFTER INSERT ON request DEFERRABLE INITIALLY DEFERRED
                 FOR EACH ROW EXECUTE FUNCTION change()"
        );
        database.sql(&url, &commit_and_change);
        writer.ingest("prices.csv", &bars("T2", 3)).await;
        health.becomes(ServingStatus::NotServing).await;
        assert_eq!(revision_of(&reader), 1, "{change}");
        let answer = coverage(&reader, None, AMPLE).await.unwrap();
        assert_eq!(reference(&answer.info).revision, 1, "reads go on from memory");
        let refused = ingest_within(&reader, "more", &bars("T3", 3), AMPLE).await.unwrap_err();
        expect_refusal(&refused, Code::DataLoss, "STORE_DAMAGED", &[]);
        let started = server::start(config_on(&url)).await;
        assert!(matches!(started, Err(StartError::Damaged { .. })), "{change}: {started:?}");
        let faults = server::admin::check(&url).await.unwrap().faults;
        assert!(!faults.is_empty(), "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_revision_is_not_listed_and_nothing_is_written_after_it() {
    let Some(database) = Postgres::start("a changed revision") else { return };
    for change in [
        "UPDATE revision SET committed_at = committed_at + 1 WHERE number = 1",
        "UPDATE revision SET number = 0 WHERE number = 1",
        "UPDATE revision SET number = 0 WHERE number = 2",
    ] {
        let url = database.database();
        // It polls once an hour, so it meets the change only where it is asked to look.
        let server = polling(&url, 3_600_000).await;
        server.ingest("prices.csv", &bars("T1", 3)).await;
        server.ingest("prices.csv", &bars("T2", 3)).await;
        database.sql(&url, change);
        let mut client = server.market_data().await;
        let listed = client.list_revisions(v1::ListRevisionsRequest::default()).await;
        expect_refusal(&listed.unwrap_err(), Code::DataLoss, "STORE_DAMAGED", &[]);
        let refused = ingest_within(&server, "more", &bars("T3", 3), AMPLE).await.unwrap_err();
        expect_refusal(&refused, Code::DataLoss, "STORE_DAMAGED", &[]);
        assert!(!server.services().store_health.takes_writes(), "{change}");
    }
}

/// A statement may run for 30 s.
#[tokio::test(flavor = "multi_thread")]
async fn health_says_soon_that_a_database_does_not_answer() {
    let Some(database) = Postgres::start("a database that hangs") else { return };
    let url = database.database();
    let server = polling(&url, 50).await;
    server.ingest("prices.csv", &bars("T1", 3)).await;
    let mut health = Health::of(&server).await;
    health.becomes(ServingStatus::Serving).await;
    let begun = tokio::time::Instant::now();
    let busy = database.hold(&url, "LOCK TABLE revision IN ACCESS EXCLUSIVE MODE");
    health.becomes(ServingStatus::NotServing).await;
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    drop(busy);
    health.becomes(ServingStatus::Serving).await;
}

/// The head answers; what another server has written does not.
#[tokio::test(flavor = "multi_thread")]
async fn health_says_that_what_others_wrote_cannot_be_read() {
    let Some(database) = Postgres::start("a table that hangs") else { return };
    let url = database.database();
    let (server, other) = (polling(&url, 50).await, polling(&url, 50).await);
    other.ingest("prices.csv", &bars("T1", 3)).await;
    reaches(&server, 1).await;
    let mut health = Health::of(&server).await;
    health.becomes(ServingStatus::Serving).await;
    let busy = database.hold(&url, "LOCK TABLE naming IN ACCESS EXCLUSIVE MODE");
    // A correction brings no name, so it is written.
    other.ingest("prices.csv", &bars("T1", 4)).await;
    health.becomes(ServingStatus::NotServing).await;
    drop(busy);
    health.becomes(ServingStatus::Serving).await;
    reaches(&server, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_lost_a_right_is_reported_and_writes_again_once_it_has_it() {
    let Some(database) = Postgres::start("a role that lost a right") else { return };
    let url = database.database();
    server::admin::migrate(&url).await.unwrap();
    database.sql(&url, "CREATE ROLE desk LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO desk");
    let server = on(&url.replace("ballast@", "desk@"), |config| {
        (config.follow_ms, config.compact_s) = (50, 1);
    })
    .await;
    server.ingest("prices.csv", &bars("T1", 3)).await;
    let mut health = Health::of(&server).await;
    health.becomes(ServingStatus::Serving).await;
    // Only compaction, which is tried every second, needs this one.
    database.sql(&url, "REVOKE DELETE ON segment FROM desk");
    let stays = tokio::time::timeout(Duration::from_millis(2_500), health.next()).await;
    assert!(stays.is_err(), "{stays:?}");
    database.sql(&url, "REVOKE INSERT ON segment FROM desk");
    expect_unavailable(&ingest_within(&server, "once", &bars("T2", 3), AMPLE).await.unwrap_err());
    health.becomes(ServingStatus::NotServing).await;
    // Small writes would succeed, and health would come and go with them.
    let stays = tokio::time::timeout(Duration::from_secs(1), health.next()).await;
    assert!(stays.is_err(), "{stays:?}");
    database.sql(&url, "GRANT INSERT ON segment TO desk");
    health.becomes(ServingStatus::Serving).await;
    let answer = ingest_within(&server, "once", &bars("T2", 3), AMPLE).await.unwrap();
    assert_eq!((reference(&answer.info).revision, revision_of(&server)), (2, 2));
}

pub(crate) fn config_on(url: &str) -> Config {
    let mut config = Config::standard();
    config.listen = "127.0.0.1:0".parse().unwrap();
    config.admin.listen = config.listen;
    config.store = url.to_owned().into();
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_that_compaction_finds_is_said_until_the_store_is_restored() {
    let Some(database) = Postgres::start("damage found by compaction") else { return };
    let url = database.database();
    let server = on(&url, |config| config.compact_s = 1).await;
    for number in 1..8 {
        server.ingest("prices.csv", &bars(&format!("T{number}"), 3)).await;
    }
    let mut health = Health::of(&server).await;
    health.becomes(ServingStatus::Serving).await;
    database.sql(&url, "UPDATE segment SET bytes = overlay(bytes PLACING '\\xff' FROM 40)");
    // The eighth small segment of its kind has them all merged.
    server.ingest("prices.csv", &bars("T8", 3)).await;
    health.becomes(ServingStatus::NotServing).await;
    let refused = server.try_ingest(header("prices.csv"), &bars("T9", 3)).await.unwrap_err();
    expect_refusal(&refused, Code::DataLoss, "STORE_DAMAGED", &[]);
    let head = server.services().market.head().head();
    let probed = server.services().store.probe_write(head).await;
    assert!(probed.is_err(), "a small write that succeeds does not make the store whole");
    assert!(!server.services().store_health.takes_writes());
    let answer = coverage(&server, None, AMPLE).await.unwrap();
    assert_eq!(reference(&answer.info).revision, 8, "reads go on from memory");
}
