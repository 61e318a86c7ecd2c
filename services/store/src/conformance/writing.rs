//! Behaviour of writes: atomic, once per request, on their head, one after the other.

use super::{
    Subject,
    answers::shown,
    batches::{Batches, append_of, committed, day, open},
};
use crate::{ANONYMOUS, Appended, Store, StoreError};
use marketdata::market::{Market, RevisionMark};
use std::sync::Arc;

pub(super) async fn an_empty_log_has_head_zero(subject: &dyn Subject) {
    let store = open(&subject.fresh()).await;
    store.ready().await.expect("ready");
    let head = store.head().await.expect("a head");
    assert_eq!(head, RevisionMark { revision: 0, data_version: [0; 32] });
    let delta = store.load(0).await.expect("a load");
    assert!(delta.marks.is_empty() && delta.segments.is_empty(), "an empty log is empty");
    assert!(store.check().await.expect("a check").faults.is_empty(), "an empty log is sound");
    store.close().await;
}

pub(super) async fn what_was_appended_is_loaded(subject: &dyn Subject) {
    let url = subject.fresh();
    let store = open(&url).await;
    let mut batches = Batches::new();
    let mut market = Market::empty();
    for (before, request) in ["a", "b", "c"].into_iter().enumerate() {
        let delta = committed(&*store, batches.next(3, day(before as i32), 4), request).await;
        let loaded = store.load(before as u64).await.expect("a load");
        assert_eq!(shown(&delta), shown(&loaded), "a follower loads what the writer was given");
        market = market.apply(delta);
        assert_eq!(store.head().await.expect("a head"), market.head(), "the mark is the head");
    }
    store.close().await;
    let reopened = open(&url).await;
    let fresh = Market::empty().apply(reopened.load(0).await.expect("a load"));
    assert_eq!(fresh.head(), market.head(), "a fresh process stands where the old one stood");
    assert_eq!(fresh.texts(), market.texts(), "texts keep their ids and characters");
    reopened.close().await;
}

pub(super) async fn a_repeated_request_gets_its_first_answer(subject: &dyn Subject) {
    let store = open(&subject.fresh()).await;
    let mut batches = Batches::new();
    let append = append_of(batches.next(2, day(0), 2), "once");
    assert_eq!(answer(&*store, "once").await, None, "nothing was asked before");
    let first = store.append(append.clone()).await;
    assert!(matches!(first, Ok(Appended::Committed(_))), "{first:?}");
    let again = store.append(append).await;
    let kept = matches!(&again, Ok(Appended::Answered(answer)) if answer == b"answer to once");
    assert!(kept, "the first answer, not {again:?}");
    assert_eq!(answer(&*store, "once").await.as_deref(), Some(&b"answer to once"[..]));
    assert_eq!(store.head().await.expect("a head").revision, 1, "nothing was added twice");
    store.close().await;
}

pub(super) async fn a_request_id_stands_for_one_content(subject: &dyn Subject) {
    let store = open(&subject.fresh()).await;
    let mut batches = Batches::new();
    committed(&*store, batches.next(1, day(0), 1), "id").await;
    let mut other = append_of(batches.next(1, day(1), 1), "id");
    other.fingerprint = [9; 32];
    let asked = store.answer_of(&other.key, other.fingerprint).await;
    assert!(matches!(asked, Err(StoreError::RequestIdReused { .. })), "{asked:?}");
    let mut elsewhere = other.clone();
    elsewhere.key.method = "Append".to_owned();
    let mut of_another = elsewhere.clone();
    of_another.key.caller = ANONYMOUS.to_owned();
    let refused = store.append(other).await;
    let named = |error: &StoreError| matches!(error, StoreError::RequestIdReused { request_id } if request_id == "id");
    assert!(refused.as_ref().is_err_and(named), "{refused:?}");
    let appended = store.append(elsewhere).await;
    assert!(matches!(appended, Ok(Appended::Committed(_))), "another method, another key");
    of_another.batch = batches.next(1, day(2), 1);
    let appended = store.append(of_another).await;
    assert!(matches!(appended, Ok(Appended::Committed(_))), "another caller, another key");
    store.close().await;
}

pub(super) async fn a_batch_of_nothing_keeps_the_answer_only(subject: &dyn Subject) {
    let store = open(&subject.fresh()).await;
    let batches = Batches::new();
    let appended = store.append(append_of(batches.nothing(), "empty")).await;
    assert!(matches!(appended, Ok(Appended::NothingNew)), "{appended:?}");
    assert_eq!(store.head().await.expect("a head").revision, 0, "no revision was made");
    assert_eq!(answer(&*store, "empty").await.as_deref(), Some(&b"answer to empty"[..]));
    store.close().await;
}

pub(super) async fn a_batch_for_another_head_is_refused(subject: &dyn Subject) {
    let store = open(&subject.fresh()).await;
    let late = Batches::new().next(1, day(0), 1);
    committed(&*store, Batches::new().next(1, day(0), 1), "first").await;
    let refused = store.append(append_of(late, "late")).await;
    assert!(matches!(refused, Err(StoreError::HeadMoved { head: 1 })), "{refused:?}");
    let refused = store.append(append_of(Batches::new().nothing(), "late")).await;
    assert!(matches!(refused, Err(StoreError::HeadMoved { head: 1 })), "{refused:?}");
    assert_eq!(answer(&*store, "late").await, None, "a refused write leaves no answer");
    store.close().await;
}

/// As after a failover that lost the last revision, and another writer since: the number is the same.
pub(super) async fn a_batch_for_another_log_is_refused(subject: &dyn Subject) {
    let (lost, found) = (open(&subject.fresh()).await, open(&subject.fresh()).await);
    let mut batches = Batches::new();
    let ours = committed(&*lost, batches.next(2, day(0), 2), "ours").await;
    let theirs = committed(&*found, Batches::new().next(3, day(5), 1), "theirs").await;
    let mut append = append_of(batches.next(1, day(9), 1), "next");
    append.base_version = ours.marks.last().map(|mark| mark.data_version);
    let refused = found.append(append.clone()).await;
    assert!(matches!(refused, Err(StoreError::Replaced(_))), "{refused:?}");
    assert_eq!(found.head().await.expect("a head"), theirs.marks[0], "nothing was written");
    let appended = lost.append(append).await;
    assert!(matches!(appended, Ok(Appended::Committed(_))), "{appended:?}");
    // A log that ends before what was read lost it, and no other writer was faster.
    let mut beyond = append_of(batches.next(1, day(19), 1), "beyond");
    beyond.base_version = lost.head().await.ok().map(|head| head.data_version);
    let refused = found.append(beyond).await;
    assert!(matches!(refused, Err(StoreError::Replaced(_))), "{refused:?}");
    lost.close().await;
    found.close().await;
}

/// Eight writers on two handles, each retrying if another committed first.
pub(super) async fn concurrent_writers_take_turns(subject: &dyn Subject) {
    let url = subject.fresh();
    let handles = [open(&url).await, open(&url).await];
    let writers: Vec<_> = (0..8)
        .map(|writer| tokio::spawn(write_thrice(Arc::clone(&handles[writer % 2]), writer)))
        .collect();
    for writer in writers {
        writer.await.expect("a writer");
    }
    let head = handles[0].head().await.expect("a head");
    assert_eq!(head.revision, 24, "every write became one revision");
    let report = handles[1].check().await.expect("a check");
    assert_eq!((report.revisions, report.faults), (24, Vec::new()));
    for handle in handles {
        handle.close().await;
    }
}

async fn write_thrice(store: Arc<dyn Store>, writer: usize) {
    for round in 0..3 {
        let request = format!("{writer}/{round}");
        loop {
            let market = Market::empty().apply(store.load(0).await.expect("a load"));
            let batch = Batches::after(&market).next(1, day(round), 1);
            match store.append(append_of(batch, &request)).await {
                Err(StoreError::HeadMoved { .. }) => {}
                other => break assert!(matches!(other, Ok(Appended::Committed(_))), "{other:?}"),
            }
        }
    }
}

/// A caller who leaves during a write leaves a whole revision or none.
pub(super) async fn a_dropped_write_is_not_half_done(subject: &dyn Subject) {
    let store = open(&subject.fresh()).await;
    let mut batches = Batches::new();
    let append = append_of(batches.next(20, day(0), 50), "dropped");
    {
        let write = store.append(append);
        tokio::pin!(write);
        tokio::select! {
            biased;
            _ = &mut write => {}
            () = std::future::ready(()) => {}
        }
    }
    // The write continues by itself, and the next one waits for it.
    let second = batches.next(1, day(60), 1);
    let mut attempts = 0;
    loop {
        attempts += 1;
        assert!(attempts < 100_000, "the dropped write never became a revision");
        match store.append(append_of(second.clone(), "second")).await {
            Err(StoreError::HeadMoved { head: 0 }) => tokio::task::yield_now().await,
            other => break assert!(matches!(other, Ok(Appended::Committed(_))), "{other:?}"),
        }
    }
    assert_eq!(answer(&*store, "dropped").await.as_deref(), Some(&b"answer to dropped"[..]));
    let report = store.check().await.expect("a check");
    assert_eq!((report.revisions, report.faults), (2, Vec::new()));
    store.close().await;
}

/// The data version depends only on the facts and names added.
pub(super) async fn equal_logs_have_equal_data_versions(subject: &dyn Subject) {
    let (one, two) = (open(&subject.fresh()).await, open(&subject.fresh()).await);
    let mut batches = Batches::new();
    for number in 0..3 {
        let batch = batches.next(2, day(number), 3);
        let mut shuffled = batch.clone();
        shuffled.tables.reverse();
        committed(&*one, batch, &format!("one {number}")).await;
        committed(&*two, shuffled, &format!("two {number}")).await;
        let (one, two) = (one.head().await.expect("a head"), two.head().await.expect("a head"));
        assert_eq!(one, two, "the order of tables, the request and the file do not count");
    }
    let mut other = batches.next(0, day(9), 1);
    let mut changed = other.clone();
    changed.tables[0].columns[3][0] += 0.25;
    other.tables[0].columns[2][0] = -f64::NAN;
    committed(&*one, other, "same").await;
    committed(&*two, changed, "changed").await;
    assert_ne!(one.head().await.expect("a head"), two.head().await.expect("a head"));
    assert_eq!(one.check().await.expect("a check").faults, Vec::<String>::new());
    one.close().await;
    two.close().await;
}

async fn answer(store: &dyn Store, request: &str) -> Option<Vec<u8>> {
    let append = append_of(Batches::new().nothing(), request);
    store.answer_of(&append.key, append.fingerprint).await.expect("an answer or none")
}
