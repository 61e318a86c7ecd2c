//! The conformance suite on plain collections: the code shared by all backends needs no SQLite.

use store::conformance::{self, PlainCollections};

#[tokio::test(flavor = "multi_thread")]
async fn plain_collections_conform() {
    conformance::run(&PlainCollections).await;
}
