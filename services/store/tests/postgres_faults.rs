//! A database in trouble: connections cut at any byte, a writer that stands still, a dump restored.

#![expect(clippy::unwrap_used, reason = "a test panics if the environment fails it")]

#[path = "../../../tests/support/postgres.rs"]
mod postgres;

use marketdata::{day::Day, instant::Instant, market::Market};
use postgres::Postgres;
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use store::{
    Appended, Outlook, Store,
    conformance::{Batches, answer_at, append_of, committed},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixStream},
};

const FIRST: Day = Day::from_epoch(18_262);

/// A way to the server that is cut once clients have sent a number of bytes.
struct Cut {
    port: u16,
    /// Bytes left to send.
    left: Arc<AtomicI64>,
    /// Connections with a lower number forward nothing, and stay open.
    swallowed: Arc<AtomicUsize>,
    /// Number of connections so far.
    opened: Arc<AtomicUsize>,
}

impl Cut {
    async fn before(socket: PathBuf) -> Cut {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let left = Arc::new(AtomicI64::new(i64::MAX));
        let (swallowed, opened) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let cut = Cut {
            port,
            left: Arc::clone(&left),
            swallowed: Arc::clone(&swallowed),
            opened: Arc::clone(&opened),
        };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = UnixStream::connect(&socket).await else { continue };
                let number = opened.fetch_add(1, Ordering::SeqCst);
                let (left, swallowed) = (Arc::clone(&left), Arc::clone(&swallowed));
                tokio::spawn(forward(client, server, left, (number, swallowed)));
            }
        });
        cut
    }

    /// From now on the connections that are open are silent both ways; new ones are not.
    fn swallow(&self) {
        self.swallowed.store(self.opened.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    fn url(&self, url: &str) -> String {
        let (user, database) = ("ballast", Postgres::name(url));
        format!("postgres://{user}@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }
}

/// Forwards both ways until either side ends or no byte is left; then both ends are closed.
async fn forward(
    mut client: TcpStream,
    mut server: UnixStream,
    left: Arc<AtomicI64>,
    (number, swallowed): (usize, Arc<AtomicUsize>),
) {
    let (mut sent, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    while 0 < left.load(Ordering::SeqCst) {
        if number < swallowed.load(Ordering::SeqCst) {
            return std::future::pending().await;
        }
        tokio::select! {
            read = client.read(&mut sent) => {
                let Ok(read @ 1..) = read else { return };
                let room = left.fetch_sub(read as i64, Ordering::SeqCst).clamp(0, read as i64);
                if server.write_all(&sent[..room as usize]).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(read @ 1..) = read else { return };
                if client.write_all(&answered[..read]).await.is_err() {
                    return;
                }
            }
            // Notices that another connection took the last byte.
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_anywhere_in_a_write_leaves_all_of_it_or_nothing() {
    const CUTS: i64 = 30;
    let Some(server) = Postgres::start("connections cut in a write") else { return };
    let url = server.database();
    let way = Cut::before(server.socket()).await;
    let store = store::connect(&way.url(&url)).await.unwrap();
    let direct = store::open(&url).await.unwrap();
    let mut batches = Batches::new();
    committed(&*store, batches.next(20, FIRST, 30), "first").await;
    way.left.store(i64::MAX, Ordering::SeqCst);
    committed(&*store, batches.next(0, FIRST.plus(100), 30), "measured").await;
    let whole = i64::MAX - way.left.load(Ordering::SeqCst);
    let mut unanswered = 0;
    for number in 0..=CUTS {
        let append = append_of(
            batches.next(0, FIRST.plus(200 + 40 * number as i32), 30),
            &format!("{number}"),
        );
        // The last ones are cut around the COMMIT, when the outcome is not known.
        let at =
            if number < CUTS - 6 { whole * number / (CUTS - 6) } else { whole + number - CUTS };
        way.left.store(at.max(1), Ordering::SeqCst);
        match store.append(append.clone()).await {
            Ok(appended) => assert!(matches!(appended, Appended::Committed(_)), "{appended:?}"),
            Err(error) => assert_eq!(error.outlook(), Outlook::MayPass, "{error:?}"),
        }
        way.left.store(i64::MAX, Ordering::SeqCst);
        let before = direct.head().await.unwrap().revision;
        let again = store.append(append).await.unwrap();
        let revision = 3 + number as u64;
        match again {
            Appended::Committed(_) => assert_eq!(before, revision - 1, "nothing was there"),
            Appended::Answered(_) => assert_eq!(before, revision, "all of it was there"),
            Appended::NothingNew => assert_eq!("", "nothing new"),
        }
        unanswered += u64::from(before == revision);
        assert_eq!(direct.head().await.unwrap().revision, revision);
    }
    println!("{unanswered} of {} writes were durable before they were repeated", CUTS + 1);
    assert_eq!(direct.check().await.unwrap().faults, Vec::<String>::new());
    store.close().await;
    direct.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_stands_still_delays_other_writers_for_a_limited_time_and_no_reader() {
    let Some(server) = Postgres::start("a writer that stands still") else { return };
    let url = server.database();
    let store = store::connect(&url).await.unwrap();
    let mut batches = Batches::new();
    committed(&*store, batches.next(2, FIRST, 3), "first").await;
    let standing = server.hold(&url, "SELECT 1 FROM head WHERE id = 1 FOR UPDATE");
    let append = append_of(batches.next(1, FIRST.plus(10), 1), "second");
    let (refused, read) = tokio::join!(store.append(append.clone()), store.load(0));
    assert_eq!(refused.unwrap_err().outlook(), Outlook::MayPass);
    assert_eq!(read.unwrap().marks.len(), 1);
    drop(standing);
    let appended = store.append(append).await.unwrap();
    assert!(matches!(appended, Appended::Committed(_)), "{appended:?}");
    store.close().await;
}

/// A server that is frozen in the middle of a write holds the lock of all others.
#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_is_silent_in_its_write_loses_its_turn_to_those_who_wait() {
    let Some(server) = Postgres::start("a writer that is silent") else { return };
    let url = server.database();
    let way = Cut::before(server.socket()).await;
    let silent = store::connect(&way.url(&url)).await.unwrap();
    let store = store::connect(&url).await.unwrap();
    let mut batches = Batches::new();
    committed(&*store, batches.next(2, FIRST, 3), "first").await;
    let held = server.hold(&url, "SELECT 1 FROM head WHERE id = 1 FOR UPDATE");
    let second = batches.next(1, FIRST.plus(10), 1);
    let write = tokio::spawn({
        let silent = Arc::clone(&silent);
        let append = append_of(second.clone(), "silent");
        async move { silent.append(append).await }
    });
    until("the write waits for its turn", || 0 < server.waiting(&url)).await;
    way.swallow();
    // It gets its turn, and says nothing more.
    drop(held);
    until("the write has its turn", || server.waiting(&url) == 0).await;
    committed(&*store, second, "waiting").await;
    let refused = write.await.unwrap();
    assert_eq!(refused.unwrap_err().outlook(), Outlook::MayPass);
    assert_eq!(store.head().await.unwrap().revision, 2);
    store.close().await;
    silent.close().await;
}

/// As behind a firewall that forgot its connections: nothing is refused, and nothing arrives.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_became_silent_are_replaced_and_commits_are_heard_again() {
    let Some(server) = Postgres::start("silent connections") else { return };
    let url = server.database();
    let way = Cut::before(server.socket()).await;
    let writer = store::connect(&url).await.unwrap();
    let listener = store::connect(&way.url(&url)).await.unwrap();
    let mut batches = Batches::new();
    // A listener begins with a notice of its own.
    heard(&*listener, "that it listens").await;
    committed(&*writer, batches.next(2, FIRST, 3), "first").await;
    heard(&*listener, "the first commit").await;
    assert_eq!(listener.head().await.unwrap().revision, 1);
    way.swallow();
    heard(&*listener, "that it listens anew").await;
    committed(&*writer, batches.next(1, FIRST.plus(10), 1), "second").await;
    heard(&*listener, "the second commit").await;
    // The connection that read is found silent when it is used, and costs one failure.
    let read = match listener.head().await {
        Err(error) if error.outlook() == Outlook::MayPass => listener.head().await,
        read => read,
    };
    assert_eq!(read.unwrap().revision, 2);
    listener.close().await;
    writer.close().await;
}

async fn heard(store: &dyn Store, what: &str) {
    let waited = tokio::time::timeout(Duration::from_secs(40), store.announced()).await;
    waited.expect(what);
}

/// The database goes on with a statement whose connection was closed, so a caller who leaves must
/// not cost a connection.
#[tokio::test(flavor = "multi_thread")]
async fn callers_who_leave_do_not_take_more_connections_than_there_are() {
    /// The readers of one store.
    const READERS: usize = 4;
    let Some(server) = Postgres::start("callers who leave") else { return };
    let url = server.database();
    let store = store::connect(&url).await.unwrap();
    committed(&*store, Batches::new().next(2, FIRST, 3), "first").await;
    let busy = server.hold(&url, "LOCK TABLE revision IN ACCESS EXCLUSIVE MODE");
    for _caller in 0..4 * READERS {
        let left = tokio::time::timeout(Duration::from_millis(50), store.head()).await;
        assert!(left.is_err(), "it waits for the lock: {left:?}");
    }
    let waiting = server.waiting(&url);
    assert!((1..=READERS).contains(&waiting), "{waiting} connections wait");
    drop(busy);
    assert_eq!(store.head().await.unwrap().revision, 1);
    store.close().await;
}

/// The connections of a store, by process of the server.
fn connections(server: &Postgres, url: &str) -> Vec<String> {
    let ours = "SELECT pid FROM pg_stat_activity WHERE application_name = 'ballast' ORDER BY pid";
    server.sql(url, ours).lines().map(str::to_owned).collect()
}

/// Number of locks that a session keeps whatever becomes of its transactions.
fn kept_locks(server: &Postgres, url: &str) -> String {
    server.sql(url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
}

/// What a transaction leaves in its session is seen by the next one that gets the connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_used_again_after_a_transaction_unless_the_transaction_failed() {
    let Some(server) = Postgres::start("a connection after a failed transaction") else { return };
    let url = server.database();
    let store = store::connect(&url).await.unwrap();
    let mut batches = Batches::new();
    server.sql(
        &url,
        "CREATE FUNCTION leave_a_lock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM pg_advisory_lock(NEW.number);
             IF NEW.number = 2 THEN RAISE 'refused'; END IF;
             RETURN NULL;
         END $$;
         CREATE TRIGGER leave_a_lock AFTER INSERT ON revision
             FOR EACH ROW EXECUTE FUNCTION leave_a_lock()",
    );
    committed(&*store, batches.next(2, FIRST, 3), "first").await;
    let before = connections(&server, &url);
    assert_eq!(kept_locks(&server, &url), "1", "the connection that wrote is kept");
    let second = append_of(batches.next(1, FIRST.plus(10), 1), "second");
    store.append(second.clone()).await.unwrap_err();
    until("the connection that failed is closed", || kept_locks(&server, &url) == "0").await;
    server.sql(&url, "DROP TRIGGER leave_a_lock ON revision");
    store.append(second).await.unwrap();
    let after = connections(&server, &url);
    assert_eq!(before.iter().filter(|pid| !after.contains(pid)).count(), 1, "{before:?} {after:?}");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_not_used_again_after_a_failed_read() {
    let Some(server) = Postgres::start("a connection after a failed read") else { return };
    let url = server.database();
    // It has tables then.
    store::connect(&url).await.unwrap().close().await;
    let store = store::open_read_only(&url).await.unwrap();
    store.head().await.unwrap();
    let before = connections(&server, &url);
    server.sql(&url, "ALTER TABLE revision RENAME TO hidden");
    store.head().await.unwrap_err();
    server.sql(&url, "ALTER TABLE hidden RENAME TO revision");
    store.head().await.unwrap();
    until("the connection that failed is closed, and no other", || {
        let now = connections(&server, &url);
        before.iter().filter(|pid| !now.contains(pid)).count() == 1
    })
    .await;
    store.close().await;
}

/// Waits for something that the database does soon.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let held = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), held).await.expect(what);
}

/// Otherwise the database would continue a statement whose caller has left.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_ends_when_its_caller_no_longer_waits() {
    const PATIENCE: Duration = Duration::from_secs(1);
    let Some(server) = Postgres::start("a statement and its deadline") else { return };
    let url = server.database();
    let store = store::connect(&url).await.unwrap();
    committed(&*store, Batches::new().next(2, FIRST, 3), "first").await;
    let busy = server.hold(&url, "LOCK TABLE revision IN ACCESS EXCLUSIVE MODE");
    let begun = tokio::time::Instant::now();
    let refused = store.until(begun + PATIENCE).revisions(0, 1).await.unwrap_err();
    // By the database, whose message it is; without the deadline it would take 30 s.
    let told = format!("{refused:?}");
    assert!(told.contains("57014"), "{told}");
    assert_eq!(refused.outlook(), Outlook::MayPass);
    assert!(PATIENCE <= begun.elapsed() && begun.elapsed() < Duration::from_secs(15));
    assert_eq!(server.waiting(&url), 0);
    drop(busy);
    assert_eq!(store.revisions(0, 1).await.unwrap().records.len(), 1);
    store.close().await;
}

/// The same holds while it waits for a connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_does_not_wait_for_a_connection_when_its_caller_no_longer_waits() {
    const PATIENCE: Duration = Duration::from_secs(1);
    let Some(server) = Postgres::start("a connection and a deadline") else { return };
    let url = server.database();
    let store = store::connect(&url).await.unwrap();
    committed(&*store, Batches::new().next(2, FIRST, 3), "first").await;
    let busy = server.hold(&url, "LOCK TABLE revision IN ACCESS EXCLUSIVE MODE");
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let store = Arc::clone(&store);
        readers.spawn(async move { store.head().await });
    }
    until("every connection waits", || server.waiting(&url) == 4).await;
    let begun = tokio::time::Instant::now();
    let refused = store.until(begun + PATIENCE).revisions(0, 1).await.unwrap_err();
    assert_eq!(refused.outlook(), Outlook::MayPass);
    assert!(begun.elapsed() < Duration::from_secs(5), "it would wait 10 s for a connection");
    drop(busy);
    while let Some(read) = readers.join_next().await {
        assert_eq!(read.unwrap().unwrap().revision, 1);
    }
    store.close().await;
}

/// As OPERATIONS.md says.
#[tokio::test(flavor = "multi_thread")]
async fn a_dump_is_restored_with_every_revision_and_answer() {
    let Some(server) = Postgres::start("a dump and its restore") else { return };
    let url = server.database();
    let store = store::connect(&url).await.unwrap();
    let mut batches = Batches::new();
    for number in 0..12 {
        committed(&*store, batches.next(2, FIRST.plus(number), 3), &format!("{number}")).await;
    }
    store.compact(1_000_000, Instant::from_micros(0)).await.unwrap();
    let file = server.folder().join("ballast.dump");
    let mut dump = server.client("pg_dump");
    dump.args(["--format=custom", "--no-owner", "-f"]).arg(&file).arg(Postgres::name(&url));
    assert!(dump.status().unwrap().success());
    // What comes later is not in the dump.
    committed(&*store, batches.next(1, FIRST.plus(50), 1), "later").await;
    let new_url = server.database();
    let mut restore = server.client("pg_restore");
    restore.args(["--no-owner", "--exit-on-error", "-d", Postgres::name(&new_url)]).arg(&file);
    assert!(restore.status().unwrap().success());
    let restored = store::open(&new_url).await.unwrap();
    assert_eq!(restored.check().await.unwrap().faults, Vec::<String>::new());
    let market =
        async |store: &dyn Store| Arc::new(Market::empty().apply(store.load(0).await.unwrap()));
    let (ours, theirs) = (market(&*store).await, market(&*restored).await);
    assert_eq!(theirs.head().revision, 12);
    let at = Instant::close_of(FIRST.plus(60));
    assert_eq!(answer_at(&ours, at, 12), answer_at(&theirs, at, 12));
    let next = Batches::after(&theirs).next(1, FIRST.plus(60), 1);
    committed(&*restored, next, "after the restore").await;
    store.close().await;
    restored.close().await;
}
