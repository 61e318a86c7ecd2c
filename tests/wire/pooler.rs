//! Servers behind a PgBouncer that shares connections between transactions: nothing is announced,
//! and statements of one server run on connections of others.

use crate::{
    harness::{expect_refusal, header, reference, replay_of, soon},
    postgres::{AMPLE, bars, coverage, polling, reaches},
    postgres_server::{Pooler, Postgres},
};
use prost::Message as _;
use std::time::Duration;
use tonic::Code;

#[tokio::test(flavor = "multi_thread")]
async fn servers_behind_a_pooler_write_poll_and_answer_alike() {
    let Some(database) = Postgres::start("servers behind a pooler") else { return };
    let url = database.database();
    // As an operator does, not through the pooler.
    server::admin::migrate(&url).await.unwrap();
    let Some(pooler) = Pooler::start(&database, 3) else { return };
    let through = format!("{}&statement-cache-capacity=0", pooler.url(Postgres::name(&url)));
    let servers = [polling(&through, 50).await, polling(&through, 50).await];
    for number in 1..=10 {
        let writer = &servers[number as usize % 2];
        reaches(writer, number - 1).await;
        let written = writer.ingest("prices.csv", &bars(&format!("T{number}"), 3)).await;
        reaches(&servers[(number as usize + 1) % 2], number).await;
        let reference = replay_of(&reference(&written.info));
        let [here, there] = [&servers[0], &servers[1]].map(async |server| {
            coverage(server, reference.clone(), AMPLE).await.unwrap().encode_to_vec()
        });
        assert_eq!(here.await, there.await, "the bytes of revision {number}");
    }
    // Limits of one transaction are not left to the next one, whosever it is.
    let left = "SHOW statement_timeout; SHOW lock_timeout; SHOW transaction_read_only";
    for _ in 0..3 {
        assert_eq!(pooler.sql(&database, &url, left), "0\n0\noff");
    }
    // Without the pooler nothing can be written; with it again, as before.
    drop(pooler);
    let refused = servers[0].try_ingest(header("prices.csv"), &bars("T11", 3)).await.unwrap_err();
    expect_refusal(&refused, Code::Unavailable, "STORE_UNAVAILABLE", &[]);
    let _pooler = Pooler::start(&database, 3).unwrap();
    let written = async {
        loop {
            if let Ok(answer) = servers[0].try_ingest(header("prices.csv"), &bars("T11", 3)).await {
                break answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let written = soon("a write after the restart", written).await;
    assert_eq!(reference(&written.info).revision, 11);
    reaches(&servers[1], 11).await;
}
