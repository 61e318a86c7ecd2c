//! `kill -9` at random moments during ingest: answered revisions are complete, and no other is
//! partly stored.
//!
//! The child process is this binary again, and gets the store's URL in an environment variable. It
//! prints each revision once it was answered; the parent kills it at a random moment, reopens the
//! store, verifies it, and starts the next child on it.

use marketdata::{day::Day, instant::Instant, market::Market};
use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};
use store::{
    conformance::{Batches, append_of, committed},
    connect,
};
use tempfile::TempDir;

const KILLS: u32 = 20;
const STORE: &str = "BALLAST_CRASH_TEST_STORE";
const ANSWERED: &str = "answered ";
/// Number of revisions after which a child that was not killed ends: more than a parent waits for.
const ENOUGH: u64 = 1_000;

/// The child process; returns at once when it runs as one of the tests.
#[test]
#[expect(clippy::disallowed_methods, reason = "the only way to tell the child from the test run")]
fn child_appends_until_it_is_killed() {
    if let Ok(url) = std::env::var(STORE) {
        runtime().block_on(append_until_killed(&url));
    }
}

async fn append_until_killed(url: &str) {
    let store = connect(url).await.expect("a store");
    let market = Market::empty().apply(store.load(0).await.expect("a load"));
    let mut batches = Batches::after(&market);
    let next = market.head().revision + 1;
    for revision in next..next + ENOUGH {
        // Every sixth batch is long: two segments, tens of milliseconds.
        let days = if revision % 6 == 0 { 1_800 } else { 30 };
        let names = if revision == 1 { 40 } else { 0 };
        let batch = batches.next(names, Day::from_epoch(revision as i32), days);
        let delta = committed(&*store, batch, &revision.to_string()).await;
        assert_eq!(delta.marks[0].revision, revision);
        let mut out = std::io::stdout().lock();
        writeln!(out, "{ANSWERED}{revision}").expect("a pipe");
        out.flush().expect("a pipe");
        drop(out);
        if revision % 5 == 0 {
            // One day later for each revision, so that replaced segments are deleted as well.
            let now = Instant::from_micros(revision as i64 * 86_400_000_000);
            store.compact(500_000, now).await.expect("a compaction");
        }
    }
}

#[test]
fn a_killed_ingest_leaves_whole_revisions_only() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite:{}", folder.path().join("crash.db").display());
    let mut random = 0x5eed_u64;
    let mut answered = 0;
    for round in 0..KILLS {
        answered = answered.max(kill_a_child(&url, &mut random));
        let head = runtime().block_on(verify(&url, answered));
        // At most one more revision may have become durable than was answered.
        assert!(answered <= head && head <= answered + 1, "round {round}: {answered}, {head}");
        answered = head;
    }
    assert!(u64::from(KILLS) <= answered, "the children made progress: {answered}");
}

/// Starts a child and kills it a random time after a random number of answers; returns the last
/// answered revision.
fn kill_a_child(url: &str, random: &mut u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "child_appends_until_it_is_killed", "--nocapture", "--test-threads=1"])
        .env(STORE, url)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child");
    let answers = follow(&mut child);
    let mut last = 0;
    for _ in 0..=draw(random, 5) {
        last = answers.recv_timeout(Duration::from_secs(60)).expect("the child goes on");
    }
    // Up to 40 ms later, at any point of the child's next step.
    let pause = Duration::from_micros(draw(random, 40_000));
    if let Ok(more) = answers.recv_timeout(pause) {
        last = more;
    }
    child.kill().expect("a kill");
    child.wait().expect("an end");
    answers.iter().fold(last, u64::max)
}

/// The revisions that a child reports as answered; the channel closes when the child ends.
fn follow(child: &mut Child) -> Receiver<u64> {
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let (sender, receiver) = channel();
    #[expect(clippy::disallowed_methods, reason = "a pipe is read while the parent waits")]
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            // The test harness may print before the first answer on the same line.
            let number = line.rsplit_once(ANSWERED).and_then(|(_, number)| number.parse().ok());
            if number.is_some_and(|number| sender.send(number).is_err()) {
                break;
            }
        }
    });
    receiver
}

/// Opens the store as the next process would, verifies everything in it, and returns its head.
async fn verify(url: &str, answered: u64) -> u64 {
    let store = connect(url).await.expect("a store");
    let report = store.check().await.expect("a check");
    assert_eq!(report.faults, Vec::<String>::new());
    let head = Market::empty().apply(store.load(0).await.expect("a load")).head();
    assert_eq!(head, store.head().await.expect("a head"));
    for revision in 1..=head.revision + 1 {
        let asked = append_of(Batches::new().nothing(), &revision.to_string());
        let answer = store.answer_of(&asked.key, asked.fingerprint).await.expect("an answer");
        assert_eq!(answer.is_some(), revision <= head.revision, "the answer of {revision}");
    }
    let records = store.revisions(0, u32::MAX).await.expect("revisions").records;
    assert!(answered <= records.len() as u64, "{answered} were answered");
    store.close().await;
    head.revision
}

fn draw(random: &mut u64, below: u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random % below
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime")
}
