//! Copies of whole logs, between any two kinds of store.

use super::{
    Subject,
    answers::{answer_at, shown},
    batches::{Batches, append_of, committed, day, open},
};
use crate::{Store, StoreError, copy, settings_hash};
use marketdata::{instant::Instant, market::Market};
use std::sync::Arc;

/// A settings document of a server.
const SETTINGS: &str = "{\"roles\": \"ünïcode\"}";

/// Enough daily batches to be compacted, an answer without a revision, and settings.
async fn a_used_log(url: &str) -> Arc<dyn Store> {
    let store = open(url).await;
    let mut batches = Batches::new();
    for number in 0..20 {
        committed(&*store, batches.next(2, day(number), 2), &format!("{number}")).await;
        if number == 10 {
            store.compact(1_000_000, Instant::from_micros(0)).await.expect("a compaction");
        }
    }
    store.append(append_of(batches.nothing(), "nothing")).await.expect("an answer");
    assert!(store.keep_settings(SETTINGS, 9).await.expect("settings"), "there is room");
    store
}

/// Revisions, answers at every revision, kept answers and settings are those of the source; and the
/// copy goes on where the source stands.
///
/// # Panics
/// If not.
pub async fn a_copy_answers_as_its_source(from: &dyn Subject, to: &dyn Subject) {
    let (source_url, copy_url) = (from.fresh(), to.fresh());
    let source = a_used_log(&source_url).await;
    let report = copy(&source_url, &copy_url).await.expect("a copy");
    assert_eq!((report.revisions, &report.faults), (20, &Vec::new()), "{report:?}");
    let copied = open(&copy_url).await;
    let (ours, theirs) = (
        source.revisions(0, 99).await.expect("rows").records,
        copied.revisions(0, 99).await.expect("rows").records,
    );
    assert_eq!(ours, theirs, "numbers, versions, times and origins");
    let (ours, theirs) =
        (source.load(0).await.expect("a load"), copied.load(0).await.expect("a load"));
    assert_eq!(shown(&ours), shown(&theirs));
    let ours = Arc::new(Market::empty().apply(ours));
    let theirs = Arc::new(Market::empty().apply(theirs));
    for revision in [1, 7, 20] {
        let at = Instant::close_of(day(30));
        assert_eq!(answer_at(&ours, at, revision), answer_at(&theirs, at, revision));
    }
    for request in ["0", "nothing"] {
        let append = append_of(Batches::new().nothing(), request);
        let kept = copied.answer_of(&append.key, append.fingerprint).await.expect("an answer");
        assert_eq!(kept, Some(append.answer));
    }
    let kept = copied.settings(settings_hash(SETTINGS)).await.expect("settings");
    assert_eq!(kept.as_deref(), Some(SETTINGS));
    committed(&*copied, Batches::after(&theirs).next(1, day(40), 1), "next").await;
    assert_eq!(copied.check().await.expect("a check").faults, Vec::<String>::new());
    source.close().await;
    copied.close().await;
}

pub(super) async fn a_used_store_is_not_overwritten(subject: &dyn Subject) {
    let (source, target) = (subject.fresh(), subject.fresh());
    a_used_log(&source).await.close().await;
    let used = open(&target).await;
    committed(&*used, Batches::new().next(1, day(0), 1), "its own").await;
    let refused = copy(&source, &target).await;
    assert!(matches!(refused, Err(StoreError::FileRefused(_))), "{refused:?}");
    assert_eq!(used.head().await.expect("a head").revision, 1);
    used.close().await;
}

pub(super) async fn a_damaged_log_is_not_copied(subject: &dyn Subject) {
    let (source, target) = (subject.fresh(), subject.fresh());
    a_used_log(&source).await.close().await;
    subject.damage(&source, 30).await;
    let report = copy(&source, &target).await.expect("a report");
    assert!(report.faults.iter().any(|fault| fault.starts_with("segment 30:")), "{report:?}");
    let untouched = open(&target).await;
    assert_eq!(untouched.head().await.expect("a head").revision, 0);
    untouched.close().await;
}
