//! Behaviour under faults: damage is reported, never a silent gap; concurrent starts do not fail
//! each other.

use super::{
    Subject,
    batches::{Batches, committed, day, open},
    check_within,
};
use crate::{Store, StoreError, connect};
use marketdata::instant::Instant;
use std::sync::Arc;

async fn a_store_of_three(url: &str) -> Arc<dyn Store> {
    let store = open(url).await;
    let mut batches = Batches::new();
    for number in 0..3 {
        committed(&*store, batches.next(2, day(number), 3), &format!("{number}")).await;
    }
    store
}

pub(super) async fn a_damaged_segment_is_reported(subject: &dyn Subject) {
    let url = subject.fresh();
    let store = a_store_of_three(&url).await;
    subject.damage(&url, 3).await;
    let refused = store.load(0).await;
    let named = |error: &StoreError| matches!(error, StoreError::Damaged(fault) if fault.starts_with("segment 3:"));
    assert!(refused.as_ref().is_err_and(named), "{refused:?}");
    let untouched = store.load(2).await;
    assert!(untouched.is_ok(), "undamaged data can be read: {untouched:?}");
    let faults = store.check().await.expect("a check").faults;
    assert!(faults.iter().any(|fault| fault.starts_with("segment 3:")), "{faults:?}");
    assert!(faults.iter().any(|fault| fault.starts_with("revision 2:")), "{faults:?}");
    store.close().await;
}

pub(super) async fn a_lost_segment_is_reported(subject: &dyn Subject) {
    let url = subject.fresh();
    let store = a_store_of_three(&url).await;
    subject.lose(&url, 5).await;
    let refused = store.load(0).await;
    assert!(matches!(&refused, Err(StoreError::Damaged(_))), "{refused:?}");
    let faults = store.check().await.expect("a check").faults;
    assert!(faults.iter().any(|fault| fault.starts_with("revision 3:")), "{faults:?}");
    store.close().await;
}

/// With limits from one revision and one segment at a time to everything at once, and long and
/// short segments that share their instruments.
pub(super) async fn a_check_finds_the_same_in_any_memory(subject: &dyn Subject) {
    const AMPLE: usize = 64 << 20;
    let url = subject.fresh();
    let store = open(&url).await;
    let mut batches = Batches::new();
    for number in 0..20 {
        committed(&*store, batches.next(3, day(number), 2), &format!("{number}")).await;
        if number == 10 {
            store.compact(1_000_000, Instant::from_micros(0)).await.expect("a compaction");
        }
    }
    let sound = store.check().await.expect("a check");
    assert_eq!((sound.revisions, sound.faults.len()), (20, 0), "{sound:?}");
    subject.damage(&url, 30).await;
    subject.forge_data_version(&url, 4).await;
    let damaged = store.check().await.expect("a check");
    store.close().await;
    for named in ["segment 30:", "revision 4:", "revision 5:"] {
        assert!(damaged.faults.iter().any(|fault| fault.starts_with(named)), "{damaged:?}");
    }
    for bytes in [0, 100_000, 700_000, 3_000_000, AMPLE] {
        let found = check_within(&url, bytes).await.expect("a check");
        assert_eq!(found, damaged, "with {bytes} bytes");
    }
}

pub(super) async fn a_forged_data_version_is_found(subject: &dyn Subject) {
    let url = subject.fresh();
    let store = a_store_of_three(&url).await;
    assert_eq!(store.check().await.expect("a check").faults, Vec::<String>::new());
    subject.forge_data_version(&url, 2).await;
    let faults = store.check().await.expect("a check").faults;
    assert!(faults.iter().any(|fault| fault.starts_with("revision 2:")), "{faults:?}");
    store.close().await;
}

pub(super) async fn a_store_for_newer_readers_is_refused(subject: &dyn Subject) {
    let url = subject.fresh();
    let store = a_store_of_three(&url).await;
    subject.need_reader(&url, 7).await;
    let refused = store.load(0).await;
    assert!(matches!(refused, Err(StoreError::TooNew { needed: 7, .. })), "{refused:?}");
    store.close().await;
    let refused = connect(&url).await;
    assert!(matches!(refused, Err(StoreError::TooNew { needed: 7, .. })), "{refused:?}");
}

pub(super) async fn a_later_migration_is_accepted(subject: &dyn Subject) {
    let url = subject.fresh();
    a_store_of_three(&url).await.close().await;
    subject.add_later_migration(&url).await;
    let store = open(&url).await;
    assert_eq!(store.head().await.expect("a head").revision, 3);
    store.close().await;
}

pub(super) async fn six_starters_at_once_all_start(subject: &dyn Subject) {
    for _ in 0..5 {
        let url = subject.fresh();
        let starters: Vec<_> = (0..6)
            .map(|_| {
                let url = url.clone();
                tokio::spawn(async move { connect(&url).await })
            })
            .collect();
        for starter in starters {
            let store = starter.await.expect("a task").expect("every starter starts");
            store.ready().await.expect("ready");
            store.close().await;
        }
    }
}
