//! Several servers on one PostgreSQL: they follow each other, and a database in trouble costs no
//! answer.

use crate::{
    admin_port::get,
    harness::{Harness, expect_refusal, header, instant, reference, replay_of, soon},
    postgres_faults::{Health, config_on},
    postgres_server::Postgres,
};
use contract::v1;
use prost::Message as _;
use server::{clock::Clock, config::Config, start_error::StartError};
use std::time::Duration;
use tonic::{Code, Request, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_types::StatusExt as _;

pub(crate) fn bars(symbol: &str, close: u32) -> Vec<u8> {
    format!("Ticker,Date,Open,High,Low,Close,Volume\n{symbol},2021-01-04,9,9,1,{close},1\n").into()
}

/// A server on a store, which polls it every hour only: what it hears in time was announced.
pub(crate) async fn replica(url: &str) -> Harness {
    polling(url, 3_600_000).await
}

pub(crate) async fn polling(url: &str, follow_ms: u64) -> Harness {
    on(url, |config| (config.follow_ms, config.poll_ms) = (follow_ms, follow_ms)).await
}

/// A server on a store, with other settings.
pub(crate) async fn on(url: &str, change: impl FnOnce(&mut Config)) -> Harness {
    let clock = Clock::manual(instant("2021-02-01T21:00:00Z"));
    Harness::with(clock, |config| {
        config.store = url.to_owned().into();
        change(config);
    })
    .await
}

pub(crate) fn revision_of(harness: &Harness) -> u64 {
    harness.services().market.head().head().revision
}

/// Waits until a server has read a revision.
pub(crate) async fn reaches(harness: &Harness, revision: u64) {
    let mut heads = harness.services().market.heads();
    let reached = heads.wait_for(|market| revision <= market.head().revision);
    soon("the revision", reached).await.map(drop).unwrap();
}

/// Waits until a standby has a revision.
pub(crate) async fn receives(standby: &Postgres, url: &str, revision: u64) {
    let received = async {
        while standby.sql(url, "SELECT max(number) FROM revision") != revision.to_string() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon("the standby has it", received).await;
}

/// The coverage at an as-of, with a deadline.
pub(crate) async fn coverage(
    harness: &Harness,
    as_of: Option<v1::AsOf>,
    within: Duration,
) -> Result<v1::ListDatasetsResponse, Status> {
    let mut request = Request::new(v1::ListDatasetsRequest { as_of });
    request.set_timeout(within);
    Ok(harness.market_data().await.list_datasets(request).await?.into_inner())
}

pub(crate) fn at_revision(revision: u64) -> Option<v1::AsOf> {
    Some(v1::AsOf { revision: Some(revision), ..v1::AsOf::default() })
}

pub(crate) const AMPLE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_on_one_server_is_heard_by_the_others_and_answered_alike() {
    let Some(database) = Postgres::start("following by announcements") else { return };
    let url = database.database();
    let (writer, reader) = (replica(&url).await, replica(&url).await);
    for number in 1..=10 {
        let written = writer.ingest("prices.csv", &bars(&format!("T{number}"), 3)).await;
        // The reader polls once an hour: it was announced.
        reaches(&reader, number).await;
        let reference = replay_of(&reference(&written.info));
        let here = coverage(&writer, reference.clone(), AMPLE).await.unwrap().encode_to_vec();
        let there = coverage(&reader, reference, AMPLE).await.unwrap().encode_to_vec();
        assert_eq!(here, there, "the bytes of revision {number}");
    }
}

/// On a standby nothing is announced.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_a_standby_polls_and_waits_for_a_revision_it_has_not_read() {
    let Some(primary) = Postgres::start("following by polling") else { return };
    let url = primary.database();
    let writer = replica(&url).await;
    writer.ingest("prices.csv", &bars("T1", 3)).await;
    let standby = primary.standby();
    let standby_url = standby.url(Postgres::name(&url));
    // Nothing else lets it read in time.
    let reader = on(&standby_url, |config| (config.follow_ms, config.poll_ms) = (3_600_000, 50));
    let reader = reader.await;
    reaches(&reader, 1).await;
    writer.ingest("prices.csv", &bars("T2", 3)).await;
    reaches(&reader, 2).await;
    standby.pause_replay(&standby_url);
    writer.ingest("prices.csv", &bars("T3", 3)).await;
    let early = coverage(&reader, at_revision(3), Duration::from_secs(3)).await.unwrap_err();
    expect_refusal(&early, Code::Unavailable, "REPLICA_BEHIND", &[]);
    assert!(early.get_details_retry_info().is_some(), "{early:?}");
    let waiting = coverage(&reader, at_revision(3), AMPLE);
    let resume = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        standby.resume_replay(&standby_url);
    };
    let (answer, ()) = tokio::join!(waiting, resume);
    assert_eq!(reference(&answer.unwrap().info).revision, 3);
    let refused = reader.try_ingest(header("more.csv"), &bars("T4", 3)).await.unwrap_err();
    expect_refusal(&refused, Code::Unavailable, "STORE_READ_ONLY", &[]);
    assert!(refused.get_details_retry_info().is_some(), "{refused:?}");
    assert_eq!(revision_of(&reader), 3, "it follows as before");
    // Failover: the standby becomes the primary, its server says that it takes writes, and does.
    // Its writes are probed every `follow_ms`.
    let reader = polling(&standby_url, 50).await;
    let mut health = Health::of(&reader).await;
    assert_eq!(health.next().await, ServingStatus::NotServing, "before any write was tried");
    assert_eq!(get(reader.admin_address(), "/readyz/store-write").await.unwrap().0, 503);
    primary.crash();
    standby.promote();
    health.becomes(ServingStatus::Serving).await;
    let written = reader.ingest("more.csv", &bars("T5", 3)).await;
    assert_eq!(reference(&written.info).revision, 4);
    // Another server on it hears of the commits from now on.
    let other = replica(&standby_url).await;
    reader.ingest("more.csv", &bars("T6", 3)).await;
    reaches(&other, 5).await;
    assert!(other.services().store_health.state().is_good());
}

/// A store without tables, and one without the settings of a server, need a write at the start.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_a_standby_starts_only_if_it_has_nothing_to_write() {
    let Some(primary) = Postgres::start("starting on a standby") else { return };
    let (url, empty) = (primary.database(), primary.database());
    replica(&url).await;
    let standby = primary.standby();
    let start = async |url: &str, fund: Option<&str>| {
        let mut config = config_on(&standby.url(Postgres::name(url)));
        config.create = true;
        config.roles.funds.extend(fund.map(str::to_owned));
        server::start(config).await.map(drop)
    };
    let refused = start(&empty, None).await.unwrap_err();
    let StartError::Store(why) = refused else { panic!("{refused:?}") };
    assert!(why.to_string().contains("it is a standby"), "{why}");
    let refused = start(&url, Some("T1")).await.unwrap_err();
    let StartError::Settings(why) = refused else { panic!("{refused:?}") };
    assert!(why.to_string().contains("it is a standby"), "{why}");
    start(&url, None).await.unwrap();
}

/// As a database is that a provider makes read-only, or an address that leads to a standby after a
/// failover: nobody has tried a write.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_becomes_read_only_is_noticed_without_a_write() {
    let Some(database) = Postgres::start("a database made read-only") else { return };
    let url = database.database();
    let server = polling(&url, 50).await;
    let mut health = Health::of(&server).await;
    health.becomes(ServingStatus::Serving).await;
    let set = |state: &str| {
        database.sql(&url, &format!("ALTER SYSTEM SET default_transaction_read_only = {state}"));
        database.sql(&url, "SELECT pg_reload_conf()");
    };
    set("on");
    health.becomes(ServingStatus::NotServing).await;
    let refused = server.try_ingest(header("prices.csv"), &bars("T1", 3)).await.unwrap_err();
    expect_refusal(&refused, Code::Unavailable, "STORE_READ_ONLY", &[]);
    set("off");
    health.becomes(ServingStatus::Serving).await;
    server.ingest("prices.csv", &bars("T1", 3)).await;
}

/// All that reads is answered by the standby, which is paused again and again; what this server
/// wrote itself it has.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_reads_from_a_standby_writes_to_the_primary_and_waits_for_what_it_needs() {
    let Some(primary) = Postgres::start("reading from a standby") else { return };
    let url = primary.database();
    let writer = replica(&url).await;
    writer.ingest("prices.csv", &bars("T1", 3)).await;
    let standby = primary.standby();
    let standby_url = standby.url(Postgres::name(&url));
    let server = on(&url, |config| {
        config.read_store = Some(standby_url.clone().into());
        config.poll_ms = 50;
    })
    .await;
    reaches(&server, 1).await;
    server.ingest("prices.csv", &bars("T2", 3)).await;
    writer.ingest("prices.csv", &bars("T3", 3)).await;
    reaches(&server, 3).await;
    standby.pause_replay(&standby_url);
    let once = v1::IngestHeader { request_id: "once".to_owned(), ..header("prices.csv") };
    let written = server.try_ingest(once.clone(), &bars("T4", 3)).await.unwrap();
    let answer = coverage(&server, None, AMPLE).await.unwrap();
    assert_eq!(reference(&answer.info).revision, 4, "it reads its own write");
    assert_eq!(server.try_ingest(once, &bars("T4", 3)).await.unwrap(), written);
    let mut listed = Request::new(v1::ListRevisionsRequest::default());
    listed.set_timeout(Duration::from_secs(1));
    let early = server.market_data().await.list_revisions(listed).await.unwrap_err();
    expect_refusal(&early, Code::Unavailable, "STORE_UNAVAILABLE", &[]);
    // The log goes on without this server: a write is prepared on what it has read, and again.
    writer.ingest("prices.csv", &bars("T5", 3)).await;
    let resume = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        standby.resume_replay(&standby_url);
    };
    let more = bars("T6", 3);
    let (written, ()) = tokio::join!(server.ingest("prices.csv", &more), resume);
    assert_eq!(reference(&written.info).revision, 6);
    let mut client = server.market_data().await;
    let listed = client.list_revisions(v1::ListRevisionsRequest::default()).await.unwrap();
    assert_eq!(listed.into_inner().revisions.len(), 6);
    assert!(server.services().store_health.state().is_good());
}

/// While this server's own write holds the lock, its follower waits with what it saw before it: by then
/// the standby may lack what this server has.
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_behind_the_writes_of_two_servers_is_not_taken_for_damage() {
    let Some(primary) = Postgres::start("two writers and a standby") else { return };
    let url = primary.database();
    let other = replica(&url).await;
    other.ingest("prices.csv", &bars("T1", 3)).await;
    let standby = primary.standby();
    let standby_url = standby.url(Postgres::name(&url));
    // Every commit reaches the standby a little late.
    standby.sql(&standby_url, "ALTER SYSTEM SET recovery_min_apply_delay = '100ms'");
    standby.sql(&standby_url, "SELECT pg_reload_conf()");
    let server = on(&url, |config| {
        config.read_store = Some(standby_url.clone().into());
        config.poll_ms = 20;
    })
    .await;
    let write = async |server: &Harness, name: &str| {
        for number in 0..12 {
            let rows = bars(&format!("{name}{number}"), 3);
            // The other server, which has no standby to wait for, may be first again and again.
            while let Err(status) = server.try_ingest(header("prices.csv"), &rows).await {
                expect_refusal(&status, Code::Aborted, "WRITE_CONFLICT", &[]);
            }
        }
    };
    soon("the writes", async { tokio::join!(write(&server, "A"), write(&other, "B")) }).await;
    reaches(&server, 25).await;
    let head = server.services().market.head().head();
    server.services().store.takes_writes(head).await.unwrap();
    let mut client = server.market_data().await;
    let listed = client.list_revisions(v1::ListRevisionsRequest::default()).await.unwrap();
    assert_eq!(listed.into_inner().revisions.len(), 25);
}

/// The promoted standby had not received the last revision, and another server wrote another one under
/// its number. A batch prepared on the lost one would name that server's instruments.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_read_a_lost_revision_writes_nothing_after_a_failover() {
    let Some(database) = Postgres::start("a failover that lost a revision") else { return };
    let url = database.database();
    let server = polling(&url, 3_600_000).await;
    server.ingest("prices.csv", &bars("T1", 3)).await;
    let promoted = database.database();
    server::admin::copy(&url, &promoted).await.unwrap();
    server.ingest("prices.csv", &bars("LOST", 3)).await;
    let other = replica(&promoted).await;
    other.ingest("prices.csv", &bars("KEPT", 3)).await;
    other.stop().await;
    let mut health = Health::of(&server).await;
    health.becomes(ServingStatus::Serving).await;
    database.swap(&url, &promoted);
    let refused = server.try_ingest(header("prices.csv"), &bars("LOST", 4)).await.unwrap_err();
    expect_refusal(&refused, Code::Unavailable, "STORE_UNAVAILABLE", &[]);
    health.becomes(ServingStatus::NotServing).await;
    let checked = server::admin::check(&url).await.unwrap();
    assert_eq!((checked.revisions, checked.faults), (2, vec![]));
    // Started again, it has what the others have.
    let again = replica(&url).await;
    again.ingest("prices.csv", &bars("LOST", 4)).await;
    let mut client = again.market_data().await;
    let listed = client.list_instruments(v1::ListInstrumentsRequest::default()).await.unwrap();
    let listed = listed.into_inner().instruments;
    let symbols: Vec<&str> = listed.iter().map(|known| known.symbol.as_str()).collect();
    assert_eq!(symbols, ["KEPT", "LOST", "T1"]);
}

/// The same where a standby serves the reads: it still has what was lost, so no read shows the loss.
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_has_a_lost_revision_answers_no_write_after_a_failover() {
    let Some(primary) = Postgres::start("a standby with a lost revision") else { return };
    let url = primary.database();
    let other = replica(&url).await;
    other.ingest("prices.csv", &bars("T1", 3)).await;
    other.stop().await;
    let standby = primary.standby();
    let standby_url = standby.url(Postgres::name(&url));
    let promoted = primary.database();
    server::admin::copy(&url, &promoted).await.unwrap();
    let server = on(&url, |config| {
        config.read_store = Some(standby_url.clone().into());
        config.poll_ms = 50;
    })
    .await;
    let once = v1::IngestHeader { request_id: "once".to_owned(), ..header("prices.csv") };
    server.try_ingest(once.clone(), &bars("LOST", 3)).await.unwrap();
    reaches(&server, 2).await;
    receives(&standby, &standby_url, 2).await;
    standby.pause_replay(&standby_url);
    primary.swap(&url, &promoted);
    let mut health = Health::of(&server).await;
    health.becomes(ServingStatus::NotServing).await;
    let is_refused = async || {
        let repeated = server.try_ingest(once.clone(), &bars("LOST", 3)).await.unwrap_err();
        expect_refusal(&repeated, Code::Unavailable, "STORE_UNAVAILABLE", &[]);
    };
    is_refused().await;
    // Under the number of the lost revision there is another one then.
    let other = replica(&url).await;
    other.ingest("prices.csv", &bars("KEPT", 3)).await;
    is_refused().await;
    for _ in 0..50 {
        // It is asked again meanwhile.
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!server.services().store_health.takes_writes());
    }
    let checked = server::admin::check(&url).await.unwrap();
    assert_eq!((checked.revisions, checked.faults), (2, vec![]));
}

/// A server keeps its settings when it starts; their hash is then in its answers.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_under_settings_that_the_standby_lacks_is_given_again() {
    let Some(primary) = Postgres::start("settings that a standby lacks") else { return };
    let url = primary.database();
    let writer = replica(&url).await;
    writer.ingest("prices.csv", &bars("T1", 3)).await;
    let standby = primary.standby();
    let standby_url = standby.url(Postgres::name(&url));
    let server = on(&url, |config| config.read_store = Some(standby_url.clone().into())).await;
    standby.pause_replay(&standby_url);
    let other = on(&url, |config| config.roles.funds.push("T1".to_owned())).await;
    let answer = coverage(&other, None, AMPLE).await.unwrap();
    let again = coverage(&server, replay_of(&reference(&answer.info)), AMPLE).await.unwrap();
    assert_ne!(reference(&again.info).config_hash, server.services().settings().hash());
    assert_eq!(again.encode_to_vec(), answer.encode_to_vec());
    // The primary is asked, and knows of no such settings.
    let unknown = v1::SnapshotRef { config_hash: "ab".repeat(32), ..reference(&answer.info) };
    let refused = coverage(&server, replay_of(&unknown), AMPLE).await.unwrap_err();
    expect_refusal(&refused, Code::FailedPrecondition, "CONFIG_MISMATCH", &[]);
    standby.resume_replay(&standby_url);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_of_another_server_is_read_when_it_is_asked_for() {
    let Some(database) = Postgres::start("reading what was not announced") else { return };
    let url = database.database();
    let (writer, reader) = (replica(&url).await, replica(&url).await);
    let written = writer.ingest("prices.csv", &bars("T1", 3)).await;
    let answer = coverage(&reader, replay_of(&reference(&written.info)), AMPLE).await.unwrap();
    assert_eq!(reference(&answer.info), reference(&written.info));
    // The database is asked, and knows of no such revision.
    let unknown = coverage(&reader, at_revision(2), AMPLE).await.unwrap_err();
    expect_refusal(&unknown, Code::FailedPrecondition, "REVISION_UNKNOWN", &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_on_two_servers_take_turns() {
    let Some(database) = Postgres::start("two writers") else { return };
    let url = database.database();
    let servers = [replica(&url).await, replica(&url).await];
    let write = async |server: &Harness, name: &str| {
        for close in 2..6 {
            server.ingest("prices.csv", &bars(&format!("{name}{close}"), close)).await;
        }
    };
    tokio::join!(write(&servers[0], "A"), write(&servers[1], "B"));
    reaches(&servers[0], 8).await;
    reaches(&servers[1], 8).await;
    assert_eq!(
        servers[0].services().market.head().head(),
        servers[1].services().market.head().head()
    );
    let numbers = servers[0].services().store.revisions(0, 99).await.unwrap();
    let numbers: Vec<u64> = numbers.records.iter().map(|record| record.mark.revision).collect();
    assert_eq!(numbers, (1..=8).collect::<Vec<_>>(), "no gap");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_the_database_costs_no_answer_and_health_says_so() {
    let Some(database) = Postgres::start("a database that crashes") else { return };
    let url = database.database();
    let server = polling(&url, 50).await;
    server.ingest("prices.csv", &bars("T1", 3)).await;
    let mut health = Health::of(&server).await;
    health.becomes(ServingStatus::Serving).await;
    database.crash();
    let once = v1::IngestHeader { request_id: "once".to_owned(), ..header("more.csv") };
    let refused = server.try_ingest(once.clone(), &bars("T2", 3)).await.unwrap_err();
    expect_refusal(&refused, Code::Unavailable, "STORE_UNAVAILABLE", &[]);
    health.becomes(ServingStatus::NotServing).await;
    let answer = coverage(&server, None, AMPLE).await.unwrap();
    assert_eq!(reference(&answer.info).revision, 1, "reads go on from memory");
    let ahead = coverage(&server, at_revision(2), Duration::from_secs(3)).await.unwrap_err();
    expect_refusal(&ahead, Code::Unavailable, "REPLICA_BEHIND", &[]);
    database.resume();
    health.becomes(ServingStatus::Serving).await;
    let first = server.try_ingest(once.clone(), &bars("T2", 3)).await.unwrap();
    let again = server.try_ingest(once, &bars("T2", 3)).await.unwrap();
    assert_eq!(first, again, "the same request again adds nothing");
    assert_eq!(revision_of(&server), 2);
}

/// As `OPERATIONS.md` says. One role owns the tables; the other one serves and compacts, and may not
/// create any. Neither is a superuser.
#[tokio::test(flavor = "multi_thread")]
async fn roles_with_few_rights_migrate_serve_follow_compact_and_check() {
    let Some(database) = Postgres::start("roles with few rights") else { return };
    let url = database.database();
    let [owner, desk] = ["owner", "desk"].map(|role| url.replace("ballast@", &format!("{role}@")));
    for made in [
        "CREATE ROLE owner LOGIN",
        "CREATE ROLE desk LOGIN",
        "GRANT CREATE ON SCHEMA public TO owner",
        "ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA public
            GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO desk",
    ] {
        database.sql(&url, made);
    }
    let refused = server::admin::migrate(&desk).await.unwrap_err();
    assert!(refused.to_string().contains("the database failed"), "it may not create: {refused}");
    server::admin::migrate(&owner).await.unwrap();
    let [server, reader] = [on(&desk, |config| config.compact_s = 1).await, replica(&desk).await];
    for number in 1..=8 {
        server.ingest("prices.csv", &bars(&format!("T{number}"), 3)).await;
    }
    reaches(&reader, 8).await;
    let replaced = "SELECT count(*) FROM segment WHERE replaced_at IS NOT NULL";
    let compacted = async {
        while database.sql(&url, replaced) == "0" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    soon("a compaction", compacted).await;
    let checked = server::admin::check(&desk).await.unwrap();
    assert_eq!((checked.revisions, checked.faults), (8, vec![]));
    let known = "SELECT string_agg(extname, ' ') FROM pg_extension";
    assert_eq!(database.sql(&url, known), "plpgsql", "every database has this one");
}

/// The follower reads the head of the store once, after it began to listen, and the sampler looks at
/// it a second after its last look; on a slow machine the question of every ten seconds comes too. Each of
/// them waits for its answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stands_still_is_asked_once_and_not_every_second() {
    let Some(database) = Postgres::start("a database that stands still") else { return };
    let url = database.database();
    let _server = replica(&url).await;
    let busy = database.hold(&url, "LOCK TABLE revision IN ACCESS EXCLUSIVE MODE");
    let asked = async {
        while database.waiting(&url) == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    soon("a look at the head", asked).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let waiting = database.waiting(&url);
    assert!(waiting <= 3, "{waiting} connections wait");
    drop(busy);
}
