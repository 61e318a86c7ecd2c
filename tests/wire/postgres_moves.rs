//! A log that moves: to a promoted standby at the same address, and from SQLite to PostgreSQL.

use crate::{
    harness::{Harness, expect_refusal, header, reference, replay_of, soon},
    postgres::{bars, polling, receives, replica, revision_of},
    postgres_faults::Health,
    postgres_server::Postgres,
};
use contract::v1;
use prost::Message as _;
use std::{os::unix::fs::symlink, path::Path, time::Duration};
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;

/// The bytes of an answer under a reference. A server that polls may need a moment under load, and says
/// so.
async fn answer_under(server: &Harness, reference: &v1::SnapshotRef) -> Vec<u8> {
    let request = v1::ListInstrumentsRequest {
        as_of: replay_of(reference),
        ..v1::ListInstrumentsRequest::default()
    };
    let mut client = server.market_data().await;
    let answered = async {
        loop {
            match client.list_instruments(request.clone()).await {
                Ok(answer) => break answer.into_inner(),
                Err(behind) => expect_refusal(&behind, Code::Unavailable, "REPLICA_BEHIND", &[]),
            }
        }
    };
    soon("an answer", answered).await.encode_to_vec()
}

/// Sends a file under one id until it is written, while the database moves.
async fn insist(server: &Harness, id: &str, rows: &[u8]) -> v1::IngestResponse {
    loop {
        let header = v1::IngestHeader { request_id: id.to_owned(), ..header("prices.csv") };
        match server.try_ingest(header, rows).await {
            Ok(written) => return written,
            Err(status) => expect_refusal(&status, Code::Unavailable, "STORE_UNAVAILABLE", &[]),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn lead(address: &Path, database: &Postgres) {
    let _ = std::fs::remove_file(address);
    symlink(database.folder(), address).unwrap();
}

/// The primary dies, its standby is promoted, and the address leads there.
#[tokio::test(flavor = "multi_thread")]
async fn servers_go_on_with_a_promoted_standby_and_have_lost_nothing() {
    let Some(primary) = Postgres::start("a promoted standby") else { return };
    let direct = primary.database();
    let folder = tempfile::tempdir().unwrap();
    let address = folder.path().join("database");
    lead(&address, &primary);
    let host = |folder: &Path| format!("host={}", folder.display());
    let url = direct.replace(&host(primary.folder()), &host(&address));
    let [server, other] = [polling(&url, 50).await, polling(&url, 50).await];
    server.ingest("prices.csv", &bars("T1", 3)).await;
    let standby = primary.standby();
    let written = server.ingest("prices.csv", &bars("T2", 3)).await;
    let before = reference(&written.info);
    let expected = answer_under(&server, &before).await;
    let standby_url = standby.url(Postgres::name(&url));
    receives(&standby, &standby_url, 2).await;
    let mut health = Health::of(&other).await;
    health.becomes(ServingStatus::Serving).await;
    primary.crash();
    health.becomes(ServingStatus::NotServing).await;
    assert_eq!(answer_under(&other, &before).await, expected, "reads go on");
    let moved = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        standby.promote();
        lead(&address, &standby);
    };
    let rows = bars("T3", 3);
    let insisted = soon("a write", insist(&server, "once", &rows));
    let (written, ()) = tokio::join!(insisted, moved);
    assert_eq!(reference(&written.info).revision, 3);
    assert_eq!(soon("a repeat", insist(&other, "once", &rows)).await, written);
    health.becomes(ServingStatus::Serving).await;
    let fresh = replica(&url).await;
    for server in [&server, &other, &fresh] {
        assert_eq!(revision_of(server), 3);
        assert_eq!(answer_under(server, &before).await, expected);
    }
    let checked = server::admin::check(&url).await.unwrap();
    assert_eq!((checked.revisions, checked.faults), (3, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_from_sqlite_is_given_again_by_its_copy_in_postgresql() {
    let Some(database) = Postgres::start("replays after a move") else { return };
    let url = database.database();
    let source = Harness::at("2021-02-01T21:00:00Z").await;
    source.ingest("prices.csv", &bars("T1", 3)).await;
    let first = source.ingest("prices.csv", &bars("T2", 3)).await;
    let early = reference(&first.info);
    source.ingest("prices.csv", &bars("T3", 3)).await;
    let expected = answer_under(&source, &early).await;
    server::admin::copy(source.store_url(), &url).await.unwrap();
    let moved = replica(&url).await;
    assert_eq!(answer_under(&moved, &early).await, expected);
}
