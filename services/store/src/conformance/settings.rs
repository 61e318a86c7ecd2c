//! Behaviour of kept settings: once each, found by another handle, bounded, verified.

use super::{Subject, batches::open};
use crate::{StoreError, settings_hash};

pub(super) async fn settings_are_kept_once_and_found(subject: &dyn Subject) {
    let url = subject.fresh();
    let store = open(&url).await;
    let (one, two) = ("{\"a\":\"Ä\"}", "{\"a\":\"b\"}");
    let find = async |document| store.settings(settings_hash(document)).await.expect("a read");
    assert_eq!(find(one).await, None, "nothing was kept before");
    for document in [one, two, one] {
        assert!(store.keep_settings(document, 2).await.expect("a write"), "{document} is kept");
    }
    assert_eq!(find(one).await.as_deref(), Some(one));
    assert_eq!(find(two).await.as_deref(), Some(two));
    assert_eq!(store.head().await.expect("a head").revision, 0, "settings are no revision");
    store.close().await;
    let store = open(&url).await;
    let found = store.settings(settings_hash(one)).await.expect("a read");
    assert_eq!(found.as_deref(), Some(one), "they are durable");
    assert_eq!(store.check().await.expect("a check").faults, Vec::<String>::new());
    store.close().await;
}

pub(super) async fn settings_are_bounded(subject: &dyn Subject) {
    let store = open(&subject.fresh()).await;
    for (document, is_kept) in [("1", true), ("2", true), ("3", false), ("2", true)] {
        assert_eq!(store.keep_settings(document, 2).await.expect("a write"), is_kept, "{document}");
    }
    assert_eq!(store.settings(settings_hash("3")).await.expect("a read"), None);
    store.close().await;
}

pub(super) async fn damaged_settings_are_reported(subject: &dyn Subject) {
    let url = subject.fresh();
    let store = open(&url).await;
    store.keep_settings("one", 9).await.expect("a write");
    subject.damage_settings(&url).await;
    let refused = store.settings(settings_hash("one")).await;
    assert!(matches!(refused, Err(StoreError::Damaged(_))), "{refused:?}");
    let faults = store.check().await.expect("a check").faults;
    assert!(faults.iter().any(|fault| fault.starts_with("the settings ")), "{faults:?}");
    store.close().await;
}
