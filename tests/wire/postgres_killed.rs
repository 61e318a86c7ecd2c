//! A PostgreSQL that is killed and started again while two servers on it are written and read.

use crate::{
    harness::{Harness, expect_refusal, header, instant, reference, soon, upload},
    postgres::{bars, coverage, polling, reaches, revision_of},
    postgres_faults::Health,
    postgres_server::Postgres,
};
use contract::v1;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinSet;
use tonic::{Code, Request};
use tonic_health::pb::health_check_response::ServingStatus;

const WRITERS: usize = 3;
const FILES: usize = 16;
const KILLS: usize = 3;
const WITHIN: Duration = Duration::from_secs(10);

/// What callers do, and when they stop.
#[derive(Default)]
struct Load {
    answered: AtomicUsize,
    refused: AtomicUsize,
    over: AtomicBool,
}

/// Sends files one after the other, each to the servers in turn until it is answered; returns the
/// revisions of the answers.
async fn write(load: Arc<Load>, servers: Arc<[Harness; 2]>, writer: usize) -> Vec<u64> {
    let mut revisions = Vec::new();
    for file in 0..FILES {
        let id = format!("{writer}-{file}");
        let mut attempt = writer;
        revisions.push(loop {
            attempt += 1;
            let header = v1::IngestHeader { request_id: id.clone(), ..header("prices.csv") };
            let rows = bars(&format!("W{writer}F{file}"), 3);
            let mut request = Request::new(tokio_stream::iter(upload(header, &rows, 1 << 20)));
            request.set_timeout(WITHIN);
            match servers[attempt % 2].market_data().await.ingest(request).await {
                Ok(answer) => break reference(&answer.into_inner().info).revision,
                // All servers of a store share its log, so the other one may have moved its head.
                Err(status) if status.code() == Code::Aborted => {}
                Err(status) => {
                    // A write that was answered too late holds its place until it ends, so this
                    // writer's earlier attempts may hold all of them.
                    match status.code() {
                        Code::ResourceExhausted => {
                            expect_refusal(&status, status.code(), "OVERLOADED", &[]);
                        }
                        _ => expect_refusal(&status, Code::Unavailable, "STORE_UNAVAILABLE", &[]),
                    }
                    load.refused.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        });
        load.answered.fetch_add(1, Ordering::Relaxed);
    }
    revisions
}

/// Reads from memory, whatever becomes of the database; returns the number of answers.
async fn read(load: Arc<Load>, servers: Arc<[Harness; 2]>, server: usize) -> usize {
    let (mut calls, mut last) = (0, 0);
    while !load.over.load(Ordering::Relaxed) {
        let answer = coverage(&servers[server], None, WITHIN).await.unwrap();
        let revision = reference(&answer.info).revision;
        assert!(last <= revision, "a revision that was answered is gone: {last}, {revision}");
        (calls, last) = (calls + 1, revision);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    calls
}

/// Waits until so many files were answered.
async fn answered(load: &Load, files: usize) {
    let reached = async {
        while load.answered.load(Ordering::Relaxed) < files {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    soon("answers", reached).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_killed_under_load_loses_nothing_and_doubles_nothing() {
    let Some(database) = Postgres::start("a database killed under load") else { return };
    let url = database.database();
    let servers = Arc::new([polling(&url, 50).await, polling(&url, 50).await]);
    let load = Arc::<Load>::default();
    let (mut writers, mut readers) = (JoinSet::new(), JoinSet::new());
    for writer in 0..WRITERS {
        writers.spawn(write(Arc::clone(&load), Arc::clone(&servers), writer));
    }
    for server in 0..2 {
        readers.spawn(read(Arc::clone(&load), Arc::clone(&servers), server));
    }
    for kill in 1..=KILLS {
        answered(&load, kill * WRITERS * FILES / (KILLS + 1)).await;
        let refused = load.refused.load(Ordering::Relaxed);
        database.kill();
        let refused = async {
            while load.refused.load(Ordering::Relaxed) == refused {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        soon("a refusal", refused).await;
        database.revive();
    }
    let mut revisions = Vec::new();
    while let Some(written) = soon("a writer", writers.join_next()).await {
        revisions.extend(written.unwrap());
    }
    load.over.store(true, Ordering::Relaxed);
    while let Some(calls) = soon("a reader", readers.join_next()).await {
        assert!(0 < calls.unwrap());
    }
    revisions.sort_unstable();
    let all: Vec<u64> = (1..=(WRITERS * FILES) as u64).collect();
    assert_eq!(revisions, all, "each file is one revision, and each revision was answered");
    for server in servers.iter() {
        reaches(server, all.len() as u64).await;
        assert_eq!(revision_of(server), all.len() as u64);
    }
    let checked = server::admin::check(&url).await.unwrap();
    assert_eq!((checked.revisions, checked.facts), (all.len() as u64, all.len() as u64));
    assert_eq!(checked.faults, Vec::<String>::new());
}

/// The time at which the store was read for an answer, as its header says.
async fn read_at(server: &Harness) -> String {
    let mut client = server.market_data().await;
    let answer = client.list_datasets(v1::ListDatasetsRequest::default()).await.unwrap();
    answer.metadata().get("x-store-read-at").unwrap().to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_without_a_database_say_how_old_they_are() {
    let Some(database) = Postgres::start("answers without a database") else { return };
    let server = polling(&database.database(), 50).await;
    server.ingest("prices.csv", &bars("T1", 3)).await;
    let mut health = Health::of(&server).await;
    health.becomes(ServingStatus::Serving).await;
    assert_eq!(read_at(&server).await, "2021-02-01T21:00:00Z");
    database.kill();
    health.becomes(ServingStatus::NotServing).await;
    server.set_clock("2021-02-01T22:30:00Z");
    assert_eq!(read_at(&server).await, "2021-02-01T21:00:00Z", "an hour and a half ago");
    let answer = coverage(&server, None, WITHIN).await.unwrap();
    let as_of = reference(&answer.info).as_of.unwrap();
    assert_eq!(as_of.seconds, instant("2021-02-01T22:30:00Z").micros() / 1_000_000);
    database.revive();
    let is_new = async {
        while read_at(&server).await != "2021-02-01T22:30:00Z" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon("a look at the store", is_new).await;
}
