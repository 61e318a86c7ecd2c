//! The behaviours, one function each.

use super::{
    Backend,
    batches::{Batches, append_of},
};
use crate::{Appended, Store, StoreError, connect};
use marketdata::{
    day::Day,
    market::{Delta, Market, RevisionMark},
    segment::Segment,
};
use std::sync::Arc;

type Opened = Arc<dyn Store>;

pub(super) async fn run(backend: &dyn Backend) {
    an_empty_log_has_head_zero(backend).await;
    what_was_appended_is_loaded(backend).await;
    a_repeated_request_gets_its_first_answer(backend).await;
    a_request_id_stands_for_one_content(backend).await;
    a_batch_of_nothing_keeps_the_answer_only(backend).await;
    a_batch_for_another_head_is_refused(backend).await;
}

async fn an_empty_log_has_head_zero(backend: &dyn Backend) {
    let store = open(&backend.fresh()).await;
    store.ready().await.expect("ready");
    let head = store.head().await.expect("a head");
    assert_eq!(head, RevisionMark { revision: 0, data_version: [0; 32] });
    let delta = store.load(0).await.expect("a load");
    assert!(delta.marks.is_empty() && delta.segments.is_empty(), "an empty log is empty");
    assert!(store.check().await.expect("a check").faults.is_empty(), "an empty log is sound");
    store.close().await;
}

async fn what_was_appended_is_loaded(backend: &dyn Backend) {
    let url = backend.fresh();
    let store = open(&url).await;
    let mut batches = Batches::new();
    let mut market = Market::empty();
    for request in ["a", "b", "c"] {
        let before = store.head().await.expect("a head").revision;
        let delta = committed(&store, batches.next(3, day(before as i32), 4), request).await;
        let loaded = store.load(before).await.expect("a load");
        assert_eq!(shown(&delta), shown(&loaded), "a follower loads what the writer was given");
        market = market.apply(delta);
        assert_eq!(store.head().await.expect("a head"), market.head());
    }
    store.close().await;
    let reopened = open(&url).await;
    let fresh = Market::empty().apply(reopened.load(0).await.expect("a load"));
    assert_eq!(fresh.head(), market.head(), "a fresh process stands where the old one stood");
    assert_eq!(fresh.texts(), market.texts());
    assert_eq!(fresh.directory().all_at(9), market.directory().all_at(9));
    reopened.close().await;
}

async fn a_repeated_request_gets_its_first_answer(backend: &dyn Backend) {
    let store = open(&backend.fresh()).await;
    let mut batches = Batches::new();
    let append = append_of(batches.next(2, day(0), 2), "once");
    assert_eq!(answer(&store, "once").await, None);
    assert!(matches!(store.append(append.clone()).await, Ok(Appended::Committed(_))));
    match store.append(append).await {
        Ok(Appended::Answered(answer)) => assert_eq!(answer, b"answer to once"),
        other => assert!(false, "the first answer, not {other:?}"),
    }
    assert_eq!(answer(&store, "once").await.as_deref(), Some(&b"answer to once"[..]));
    assert_eq!(store.head().await.expect("a head").revision, 1, "nothing was added twice");
    store.close().await;
}

async fn a_request_id_stands_for_one_content(backend: &dyn Backend) {
    let store = open(&backend.fresh()).await;
    let mut batches = Batches::new();
    committed(&store, batches.next(1, day(0), 1), "id").await;
    let mut other = append_of(batches.next(1, day(1), 1), "id");
    other.fingerprint = [9; 32];
    let asked = store.answer_of(&other.key, other.fingerprint).await;
    assert!(matches!(asked, Err(StoreError::RequestIdReused { .. })), "{asked:?}");
    let refused = store.append(other).await;
    assert!(
        matches!(&refused, Err(StoreError::RequestIdReused { request_id }) if request_id == "id"),
        "{refused:?}"
    );
    store.close().await;
}

async fn a_batch_of_nothing_keeps_the_answer_only(backend: &dyn Backend) {
    let store = open(&backend.fresh()).await;
    let batches = Batches::new();
    let appended = store.append(append_of(batches.nothing(), "empty")).await;
    assert!(matches!(appended, Ok(Appended::NothingNew)), "{appended:?}");
    assert_eq!(store.head().await.expect("a head").revision, 0);
    assert_eq!(answer(&store, "empty").await.as_deref(), Some(&b"answer to empty"[..]));
    store.close().await;
}

async fn a_batch_for_another_head_is_refused(backend: &dyn Backend) {
    let store = open(&backend.fresh()).await;
    let mut late = Batches::new();
    let late = late.next(1, day(0), 1);
    committed(&store, Batches::new().next(1, day(0), 1), "first").await;
    let refused = store.append(append_of(late, "late")).await;
    assert!(matches!(refused, Err(StoreError::HeadMoved { head: 1 })), "{refused:?}");
    assert_eq!(answer(&store, "late").await, None, "a refused write leaves no answer");
    store.close().await;
}

async fn open(url: &str) -> Opened {
    connect(url).await.expect("a store")
}

async fn committed(store: &Opened, batch: marketdata::facts::Batch, request: &str) -> Delta {
    match store.append(append_of(batch, request)).await {
        Ok(Appended::Committed(delta)) => Some(delta),
        _ => None,
    }
    .expect("a commit")
}

async fn answer(store: &Opened, request: &str) -> Option<Vec<u8>> {
    let append = append_of(Batches::new().nothing(), request);
    store.answer_of(&append.key, append.fingerprint).await.expect("an answer or none")
}

fn day(offset: i32) -> Day {
    // 2020-01-01.
    Day::from_epoch(18_262 + offset)
}

/// Everything of a delta in comparable form, every number by its bits.
fn shown(delta: &Delta) -> String {
    let segments: Vec<String> = delta.segments.iter().map(|segment| rows(segment)).collect();
    format!(
        "{:?} {:?} {:?} {:?} {}",
        delta.marks,
        delta.instruments,
        delta.namings,
        delta.texts,
        segments.join("\n")
    )
}

fn rows(segment: &Segment) -> String {
    let bits: Vec<Vec<u64>> = segment
        .columns
        .iter()
        .map(|column| (0..segment.len()).map(|row| column.get(row).to_bits()).collect())
        .collect();
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {bits:?}",
        segment.dataset,
        segment.runs,
        segment.other,
        segment.effective_on,
        segment.published_at,
        segment.revision
    )
}
