//! Behaviour of reads: from any revision on, the same answers before and after compaction.

use super::{
    Subject,
    answers::answer_at,
    batches::{Batches, committed, day, open},
};
use crate::{Compacted, Store, StoreError};
use marketdata::{
    instant::Instant,
    market::{Delta, Market, RevisionMark},
};
use std::sync::Arc;

const REVISIONS: u64 = 12;

/// Daily appends, with two new names per day and overlapping days, so that facts are corrected.
async fn daily_appends(store: &dyn Store) -> Vec<Delta> {
    let mut batches = Batches::new();
    let mut deltas = Vec::new();
    for number in 0..REVISIONS {
        let batch = batches.next(2, day(number as i32), 2);
        deltas.push(committed(store, batch, &format!("day {number}")).await);
    }
    deltas
}

/// The facts known at each revision and after each day.
fn answers(market: Market) -> Vec<String> {
    let market = Arc::new(market);
    let days = (0..=REVISIONS as i32).map(|offset| Instant::close_of(day(offset)));
    days.flat_map(|as_of| (1..=REVISIONS).map(move |revision| (as_of, revision)))
        .map(|(as_of, revision)| answer_at(&market, as_of, revision))
        .collect()
}

async fn loaded(store: &dyn Store, after: u64) -> Delta {
    store.load(after).await.expect("a load")
}

/// A log loaded in two parts, split at any revision, equals the whole log.
pub(super) async fn a_log_loads_from_any_revision(subject: &dyn Subject) {
    let store = open(&subject.fresh()).await;
    let mut incremental = Market::empty();
    let mut prefixes = vec![incremental.clone()];
    for delta in daily_appends(&*store).await {
        incremental = incremental.apply(delta);
        prefixes.push(incremental.clone());
    }
    let expected = answers(incremental);
    for (after, prefix) in prefixes.iter().enumerate() {
        let market = prefix.apply(loaded(&*store, after as u64).await);
        assert!(answers(market) == expected, "loading after {after} gives another log");
    }
    compact_all(&*store, Instant::from_micros(0)).await;
    for (after, prefix) in prefixes.iter().enumerate() {
        let delta = loaded(&*store, after as u64).await;
        let old = |revision: u64| revision <= after as u64;
        let any_old =
            delta.segments.iter().any(|s| (0..s.len()).any(|row| old(s.revision.get(row))));
        assert!(!any_old, "rows up to {after} are left out of a merged segment");
        let market = prefix.apply(delta);
        assert!(answers(market) == expected, "after compaction, loading after {after} differs");
    }
    store.close().await;
}

pub(super) async fn a_follower_of_another_log_is_told(subject: &dyn Subject) {
    let store = open(&subject.fresh()).await;
    let deltas = daily_appends(&*store).await;
    let marks: Vec<_> = deltas.iter().flat_map(|delta| delta.marks.clone()).collect();
    let head = *marks.last().expect("a head");
    for ours in [Market::empty().head(), marks[2], head] {
        let followed = store.follow(ours).await.expect("the log that was read");
        let found = followed.delta.map_or(0, |delta| delta.marks.len() as u64);
        assert_eq!(found, head.revision - ours.revision, "everything after {}", ours.revision);
        assert!(!followed.lags, "no standby");
        store.confirm(ours).await.expect("the log that was read");
        assert!(store.takes_writes(ours).await.expect("the log that was read"));
    }
    let data_version = [9; 32];
    for revision in [3, head.revision, head.revision + 1] {
        let theirs = RevisionMark { revision, data_version };
        let is_refused = |error| matches!(error, StoreError::Replaced(_));
        assert!(store.follow(theirs).await.is_err_and(is_refused), "{revision}");
        assert!(store.confirm(theirs).await.is_err_and(is_refused), "{revision}");
        assert!(store.takes_writes(theirs).await.is_err_and(is_refused), "{revision}");
        assert!(store.probe_write(theirs).await.is_err_and(is_refused), "{revision}");
    }
    store.probe_write(head).await.expect("it is another log, not a damaged one");
    store.close().await;
}

/// Earlier bounds give the same answers, and replaced segments are deleted after their grace
/// period.
pub(super) async fn compaction_changes_no_answer(subject: &dyn Subject) {
    let store = open(&subject.fresh()).await;
    daily_appends(&*store).await;
    let before = answers(Market::empty().apply(loaded(&*store, 0).await));
    let head = store.head().await.expect("a head");
    let nothing = store.compact(10, Instant::from_micros(0)).await.expect("a compaction");
    assert_eq!(nothing.merged, 0, "the budget is kept");
    let merged = compact_all(&*store, Instant::from_micros(0)).await;
    assert!(16 <= merged.merged && merged.written < merged.merged, "{merged:?}");
    assert_eq!(merged.deleted, 0, "replaced segments are kept for a while");
    let after = answers(Market::empty().apply(loaded(&*store, 0).await));
    assert!(before == after, "compaction changed an answer");
    assert_eq!(store.head().await.expect("a head"), head, "compaction is no revision");
    let later = Instant::from_micros(3_600_000_000);
    let deleted = store.compact(1_000_000, later).await.expect("a compaction");
    assert_eq!(deleted.deleted, merged.merged, "an hour later they are deleted");
    let after = answers(Market::empty().apply(loaded(&*store, 0).await));
    assert!(before == after, "deleting replaced segments changed an answer");
    let report = store.check().await.expect("a check");
    assert_eq!((report.revisions, report.faults), (REVISIONS, Vec::new()));
    store.close().await;
}

/// Compacts until there is nothing to do.
async fn compact_all(store: &dyn Store, now: Instant) -> Compacted {
    let mut sum = Compacted { merged: 0, written: 0, deleted: 0 };
    loop {
        let done = store.compact(1_000_000, now).await.expect("a compaction");
        if done.merged == 0 {
            return sum;
        }
        sum.merged += done.merged;
        sum.written += done.written;
        sum.deleted += done.deleted;
    }
}

pub(super) async fn revisions_come_in_pages(subject: &dyn Subject) {
    let store = open(&subject.fresh()).await;
    let deltas = daily_appends(&*store).await;
    let mut seen = Vec::new();
    loop {
        let after = seen.len() as u64;
        let page = store.revisions(after, 5).await.expect("a page").records;
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 5, "a page has at most its limit");
        seen.extend(page);
    }
    let marks: Vec<_> = seen.iter().map(|record| record.mark).collect();
    let expected: Vec<_> = deltas.iter().flat_map(|delta| delta.marks.clone()).collect();
    assert_eq!(marks, expected);
    let first = &seen[0];
    assert_eq!((first.provenance.file_name.as_str(), first.facts), ("day 0.csv", 6));
    assert_eq!(first.provenance.content_hash, [7; 32]);
    let in_order = seen.windows(2).all(|pair| pair[0].committed_at <= pair[1].committed_at);
    assert!(in_order, "the database's clock does not go back");
    store.close().await;
}
