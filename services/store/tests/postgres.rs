//! The PostgreSQL backend: the conformance suite, and what only a database server can do to a
//! store.

#[path = "support/databases.rs"]
mod databases;
#[path = "../../../tests/support/postgres.rs"]
mod postgres;

use databases::Databases;
use postgres::Postgres;
use store::{
    StoreError,
    conformance::{self, SqliteFiles},
};

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
    server.sql(&url, "CREATE TABLE orders (id bigint)");
    let foreign = store::connect(&url).await;
    assert!(matches!(foreign, Err(StoreError::Foreign(_))), "{foreign:?}");
    assert_eq!(server.sql(&url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "1");
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
    ] {
        server.sql(&url, change);
        let faults = store.check().await.unwrap().faults;
        assert!(faults.iter().any(|fault| fault.contains(named)), "{named}: {faults:?}");
    }
    store.close().await;
}
