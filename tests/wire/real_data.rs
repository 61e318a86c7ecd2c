//! Real files around two real events, as users hold them, and the published figures they must give.

use crate::harness::{Harness, read, real_data};
use contract::v1;

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_price_file_is_taken_and_known_the_second_time() {
    let Some(folder) = real_data("the price file") else { return };
    let harness = Harness::start().await;
    let name = "us_equities_2020-07_2021-03.csv.gz";
    let bytes = read(&folder, &format!("prices/{name}"));
    let first = harness.ingest(name, &bytes).await;
    assert_eq!(first.rows, 393_689);
    assert_eq!((first.accepted + first.rejected, first.symbols), (393_689, 2_163), "{first:?}");
    let again = harness.ingest(name, &bytes).await;
    assert_eq!((again.accepted, again.corrected), (0, 0));
    assert_eq!(again.snapshot.unwrap().revision, 1);
    let coverage = v1::GetCoverageRequest::default();
    let coverage = harness.market_data().await.get_coverage(coverage).await.unwrap().into_inner();
    let [bars] = coverage.datasets.as_slice() else { panic!("{coverage:?}") };
    assert_eq!((bars.instruments, bars.rows), (2_163, first.accepted));
}
