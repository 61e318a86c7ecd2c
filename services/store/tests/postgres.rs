//! The PostgreSQL backend: the conformance suite, and what only a database server can do to a
//! store.

#[path = "support/databases.rs"]
mod databases;
#[path = "../../../tests/support/postgres.rs"]
mod postgres;

use databases::Databases;
use marketdata::{day::Day, instant::Instant};
use postgres::Postgres;
use std::{error::Error as _, sync::Arc, time::Duration};
use store::{
    Appended, Outlook, Place, Store, StoreError,
    conformance::{self, Batches, SqliteFiles, append_of, committed},
};

const FIRST: Day = Day::from_epoch(18_262);
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_conforms() {
    let Some(server) = Postgres::start("the conformance of PostgreSQL") else { return };
    conformance::run(&Databases(server)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_moves_from_sqlite_to_postgresql_and_back() {
    let Some(server) = Postgres::start("copies between SQLite and PostgreSQL") else { return };
    let (databases, files) = (Databases(server), SqliteFiles::new().unwrap());
    conformance::a_copy_answers_as_its_source(&files, &databases).await;
    conformance::a_copy_answers_as_its_source(&databases, &files).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_another_program_is_left_alone() {
    let Some(server) = Postgres::start("a foreign database") else { return };
    let url = server.database();
    let missing = store::open(&url).await;
    assert!(matches!(missing, Err(StoreError::Missing(_))), "{missing:?}");
    server.sql(&url, "CREATE TABLE meta (id bigint); CREATE TABLE revision (id bigint)");
    let foreign = store::connect(&url).await;
    assert!(matches!(foreign, Err(StoreError::Foreign(_))), "{foreign:?}");
    assert_eq!(server.sql(&url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "2");
    // In a schema of its own it does not disturb.
    server.sql(&url, "CREATE SCHEMA risk");
    let store = store::connect(&format!("{url}&options[search_path]=risk")).await.unwrap();
    assert_eq!(store.check().await.unwrap().faults, Vec::<String>::new());
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_tables_are_reported() {
    let Some(server) = Postgres::start("changed tables") else { return };
    let url = server.database();
    let store = store::connect(&url).await.unwrap();
    for (change, named) in [
        ("DROP INDEX request_by_age", "request_by_age"),
        ("ALTER TABLE request DROP CONSTRAINT request_key", "request_key"),
        ("ALTER TABLE revision ALTER seal DROP NOT NULL", "column revision seal"),
        ("DELETE FROM meta WHERE key = 'write_probes'", "row write_probes of table meta"),
        ("UPDATE head SET revision = 7", "its head is at revision 7, but its newest is 0"),
    ] {
        server.sql(&url, change);
        let faults = store.check().await.unwrap().faults;
        assert!(faults.iter().any(|fault| fault.contains(named)), "{named}: {faults:?}");
    }
    store.close().await;
}

/// The head gives out revisions, so one that does not match them would stop every write, or hand out
/// a number twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_match_the_revisions_is_damage_wherever_it_is_read() {
    let Some(server) = Postgres::start("a head that does not match") else { return };
    for (change, restore) in [
        ("UPDATE head SET revision = 5", "UPDATE head SET revision = 2"),
        ("DELETE FROM head", "INSERT INTO head SELECT * FROM kept_head"),
        ("DELETE FROM revision WHERE number = 2", "INSERT INTO revision SELECT * FROM kept"),
    ] {
        let url = server.database();
        let store = store::connect(&url).await.unwrap();
        let mut batches = Batches::new();
        committed(&*store, batches.next(2, FIRST, 3), "first").await;
        committed(&*store, batches.next(1, FIRST.plus(10), 1), "second").await;
        let head = store.head().await.unwrap();
        let keep = "CREATE TABLE kept_head AS TABLE head; CREATE TABLE kept AS TABLE revision";
        server.sql(&url, keep);
        server.sql(&url, "DELETE FROM kept WHERE number = 1");
        server.sql(&url, change);
        let found = store.look().await;
        assert!(matches!(found, Err(StoreError::Damaged(_))), "{change}: {found:?}");
        let opened = store::open(&url).await.unwrap();
        let loaded = opened.load(0).await.map(drop);
        assert!(matches!(loaded, Err(StoreError::Damaged(_))), "{change}: {loaded:?}");
        let checked = opened.check().await.unwrap();
        assert!(!checked.faults.is_empty(), "{change}");
        opened.close().await;
        // What a read has found stops the writes of this process, whatever becomes of the row.
        server.sql(&url, restore);
        let append = append_of(batches.next(1, FIRST.plus(20), 1), "third");
        let refused = store.append(append.clone()).await;
        assert!(matches!(refused, Err(StoreError::Damaged(_))), "{change}: {refused:?}");
        let asked = store.takes_writes(head).await;
        assert!(matches!(asked, Err(StoreError::Damaged(_))), "{change}: {asked:?}");
        let again = store::open(&url).await.unwrap();
        let appended = again.append(append).await.unwrap();
        assert!(matches!(appended, Appended::Committed(_)), "{change}: {appended:?}");
        again.close().await;
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_revision_is_verified() {
    let Some(server) = Postgres::start("changed revisions") else { return };
    for change in [
        "UPDATE revision SET file_name = 'other' WHERE number = 2",
        "UPDATE revision SET committed_at = committed_at + 1 WHERE number = 3",
        "UPDATE naming SET symbol = 'OTHER' WHERE revision = 1",
        "DELETE FROM revision WHERE number = 2",
    ] {
        let url = server.database();
        let store = store::connect(&url).await.unwrap();
        let mut batches = Batches::new();
        for (number, key) in ["first", "second", "third"].into_iter().enumerate() {
            committed(&*store, batches.next(1, FIRST.plus(10 * number as i32), 3), key).await;
        }
        assert_eq!(store.revisions(0, 9).await.unwrap().records.len(), 3);
        assert_eq!(store.revisions(2, 9).await.unwrap().records.len(), 1);
        assert_eq!(store.revisions(3, 9).await.unwrap().records, []);
        server.sql(&url, change);
        let listed = store.revisions(0, 9).await;
        assert!(matches!(listed, Err(StoreError::Damaged(_))), "{change}: {listed:?}");
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_lost_a_right_takes_no_writes_until_it_has_it_again() {
    let Some(server) = Postgres::start("a role without rights") else { return };
    let url = server.database();
    store::connect(&url).await.unwrap().close().await;
    server
        .sql(&url, "CREATE ROLE writer LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO writer");
    let store = store::open(&url.replace("ballast@", "writer@")).await.unwrap();
    let mut batches = Batches::new();
    committed(&*store, batches.next(2, FIRST, 3), "first").await;
    let append = append_of(batches.next(1, FIRST.plus(10), 1), "second");
    let head = store.head().await.unwrap();
    for right in ["INSERT ON segment", "UPDATE ON head", "DELETE ON request", "SELECT ON request"] {
        assert!(store.takes_writes(head).await.unwrap(), "{right}");
        server.sql(&url, &format!("REVOKE {right} FROM writer"));
        assert!(!store.takes_writes(head).await.unwrap(), "{right}");
        let probed = store.probe_write(head).await;
        assert!(matches!(probed, Err(StoreError::Unwritable)), "{right}: {probed:?}");
        let refused = store.append(append.clone()).await;
        assert_eq!(refused.unwrap_err().outlook(), Outlook::MayPass, "{right}");
        server.sql(&url, &format!("GRANT {right} TO writer"));
    }
    // Without the right to the schema the tables have no name.
    server.sql(&url, "REVOKE USAGE ON SCHEMA public FROM PUBLIC");
    let asked = store.takes_writes(head).await;
    assert_eq!(asked.unwrap_err().outlook(), Outlook::MayPass);
    let refused = store.append(append.clone()).await;
    assert_eq!(refused.unwrap_err().outlook(), Outlook::MayPass);
    server.sql(&url, "GRANT USAGE ON SCHEMA public TO writer");
    // Only compaction needs this one.
    server.sql(&url, "REVOKE DELETE ON segment FROM writer");
    assert!(store.takes_writes(head).await.unwrap());
    let appended = store.append(append).await.unwrap();
    assert!(matches!(appended, Appended::Committed(_)), "{appended:?}");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_a_connection_says_why() {
    let Some(server) = Postgres::start("no connection to give") else { return };
    let url = server.database();
    store::connect(&url).await.unwrap().close().await;
    server.sql(&url, "CREATE ROLE late LOGIN CONNECTION LIMIT 0");
    let refused = store::open(&url.replace("ballast@", "late@")).await.map(drop).unwrap_err();
    let cause = refused.source().unwrap().to_string();
    assert!(cause.contains("too many connections for role"), "{cause}");
}

/// A store with one revision, and a standby that has it.
async fn with_standby(
    primary: &Postgres,
    url: &str,
    batches: &mut Batches,
) -> (Arc<dyn Store>, Postgres) {
    let writer = store::connect(url).await.expect("a store");
    committed(&*writer, batches.next(2, FIRST, 3), "first").await;
    (writer, primary.standby())
}

/// A standby behind the writers, or damaged, is not the log that is written.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_standby_lacks_is_no_damage_and_stops_no_write() {
    let Some(primary) = Postgres::start("a standby that is behind") else { return };
    let url = primary.database();
    let mut batches = Batches::new();
    let (writer, standby) = with_standby(&primary, &url, &mut batches).await;
    let standby_url = standby.url(Postgres::name(&url));
    let place = Place { url: &url, standby: Some(&standby_url) };
    let store = store::connect_on(place, 1).await.unwrap();
    standby.pause_replay(&standby_url);
    let delta = committed(&*store, batches.next(1, FIRST.plus(10), 1), "second").await;
    let ours = *delta.marks.last().unwrap();
    let followed = store.follow(ours).await.unwrap();
    assert!(followed.lags && followed.delta.is_none(), "{followed:?}");
    let page = store.revisions(1, 9).await.unwrap();
    assert_eq!((page.records.len(), page.lags), (0, true));
    // A whole load after it is refused; the log that is written is sound.
    assert!(store.load(ours.revision).await.is_err());
    let third = committed(&*store, batches.next(1, FIRST.plus(20), 1), "third").await;
    assert!(store.takes_writes(*third.marks.last().unwrap()).await.unwrap());
    standby.resume_replay(&standby_url);
    store.close().await;
    writer.close().await;
}

/// It would serve the same revision for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_was_promoted_by_itself_is_found_out() {
    let Some(primary) = Postgres::start("a standby promoted by itself") else { return };
    let url = primary.database();
    let mut batches = Batches::new();
    let (writer, standby) = with_standby(&primary, &url, &mut batches).await;
    let standby_url = standby.url(Postgres::name(&url));
    let place = Place { url: &url, standby: Some(&standby_url) };
    let store = store::connect_on(place, 1).await.unwrap();
    let head = store.head().await.unwrap();
    standby.promote();
    assert!(store.takes_writes(head).await.unwrap(), "it has all that was written");
    committed(&*writer, batches.next(1, FIRST.plus(10), 1), "second").await;
    for outcome in [store.takes_writes(head).await.map(drop), store.probe_write(head).await] {
        assert!(matches!(outcome, Err(StoreError::Unrelated(_))), "{outcome:?}");
    }
    let refused = store::connect_on(place, 1).await.map(drop);
    assert!(matches!(refused, Err(StoreError::Unrelated(_))), "{refused:?}");
    store.close().await;
    writer.close().await;
}

/// The new branch gives the same ids to its own segments.
#[tokio::test(flavor = "multi_thread")]
async fn a_compaction_of_a_lost_branch_replaces_no_segment() {
    let Some(primary) = Postgres::start("a compaction of a lost branch") else { return };
    let url = primary.database();
    let mut lost = Batches::new();
    let (writer, standby) = with_standby(&primary, &url, &mut lost).await;
    let promoted = primary.database();
    store::copy(&url, &promoted).await.unwrap();
    let mut kept = lost.clone();
    for number in 1..=10 {
        committed(&*writer, lost.next(1, FIRST.plus(10 * number), 1), &format!("{number}")).await;
    }
    let standby_url = standby.url(Postgres::name(&url));
    let received = async {
        while standby.sql(&standby_url, "SELECT max(number) FROM revision") != "11" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, received).await.unwrap();
    let place = Place { url: &url, standby: Some(&standby_url) };
    let store = store::connect_on(place, 1).await.unwrap();
    standby.pause_replay(&standby_url);
    primary.swap(&url, &promoted);
    let other = store::connect(&url).await.unwrap();
    for number in 1..=11 {
        committed(&*other, kept.next(2, FIRST.plus(10 * number), 2), &format!("{number}")).await;
    }
    let before = other.head().await.unwrap();
    let compacted = store.compact(1_000_000, Instant::from_micros(0)).await;
    assert!(matches!(compacted, Err(StoreError::Replaced(_))), "{compacted:?}");
    assert_eq!(other.check().await.unwrap().faults, Vec::<String>::new());
    assert_eq!(other.head().await.unwrap(), before);
    for store in [store, writer, other] {
        store.close().await;
    }
}

/// To a transaction that began before a table was rewritten the table is empty.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_rewritten_under_a_read_is_no_damage() {
    let Some(server) = Postgres::start("a table rewritten under a read") else { return };
    let url = server.database();
    let store = store::connect(&url).await.unwrap();
    let mut batches = Batches::new();
    committed(&*store, batches.next(2, FIRST, 3), "first").await;
    // It rewrites the table once the read has begun, and waits for the lock.
    let gate = server.hold(&url, "SELECT pg_advisory_lock(1)");
    let rewrite = "BEGIN; LOCK TABLE revision; SELECT pg_advisory_lock(1);
        ALTER TABLE revision ALTER COLUMN facts TYPE bigint USING facts + 0; COMMIT";
    let mut psql = server.client("psql");
    psql.args(["-X", "-q", "-d", Postgres::name(&url), "-c", rewrite]);
    let mut psql = psql.stdout(std::process::Stdio::null()).spawn().unwrap();
    let waiting = async |wanted| {
        while server.waiting(&url) < wanted {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting(1)).await.unwrap();
    let look = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.look().await }
    });
    tokio::time::timeout(PATIENCE, waiting(2)).await.unwrap();
    drop(gate);
    assert_eq!(look.await.unwrap().unwrap().head.revision, 1);
    assert!(psql.wait().unwrap().success());
    committed(&*store, batches.next(1, FIRST.plus(10), 1), "second").await;
    store.close().await;
}
