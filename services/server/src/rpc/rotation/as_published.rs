//! A page of a history as published: sessions are computed one by one while the caller waits.

use super::from_proto::HistoryQuery;
use crate::{compute::Compute, refusal::Refusal, rpc::shared, services::Services, views::Pinned};
use contract::v1;
use marketdata::{dataset::Dataset, day::Day};
use rotation::as_published::{AsPublished, Measured, Point, as_published, last_closed, sessions};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// A page of a measure as published.
#[derive(Debug)]
pub(super) struct Page {
    /// The measure.
    pub(super) measured: Measured,
    /// Number of sessions of the whole history.
    pub(super) sessions: usize,
    /// The values of the page.
    pub(super) made: AsPublished,
}

/// Sets its flag on drop: a handler is dropped when its client leaves and at the deadline.
struct Caller {
    left: Arc<AtomicBool>,
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.left.store(true, Ordering::Relaxed);
    }
}

/// Runs work on the compute pool; between its steps the work can check whether its caller still
/// waits.
async fn while_waited_for<T: Send + 'static>(
    compute: &Compute,
    work: impl FnOnce(&dyn Fn() -> bool) -> T + Send + 'static,
) -> Result<T, Refusal> {
    let caller = Caller { left: Arc::new(AtomicBool::new(false)) };
    let left = Arc::clone(&caller.left);
    let done = compute.run(move || work(&|| !left.load(Ordering::Relaxed))).await;
    drop(caller);
    done
}

/// Computes the page that a request asks for.
pub(super) async fn page(
    services: &Services,
    query: &HistoryQuery,
    measured: &Measured,
    pinned: &Pinned,
) -> Result<Page, Refusal> {
    let all = asked_sessions(query, pinned);
    let asked = all[query.page.cut(all.len(), pinned).places].to_vec();
    let (measured, pinned) = (measured.clone(), pinned.clone());
    let work = move |waited_for: &dyn Fn() -> bool| {
        let (snapshot, roles) = (pinned.snapshot(), &pinned.view().roles);
        let made = as_published(snapshot, roles, &measured, &asked, waited_for);
        Ok(Page { made: made.ok_or(Refusal::CallerGone)?, sessions: all.len(), measured })
    };
    while_waited_for(&services.compute, work).await?
}

/// The sessions requested: from the first day of any bar or series to the last close by the as-of
/// at most.
fn asked_sessions(query: &HistoryQuery, pinned: &Pinned) -> Vec<Day> {
    let known = pinned.snapshot().first_day(&[Dataset::Bars, Dataset::Series]);
    let Some(known) = known else { return Vec::new() };
    let from = query.from.unwrap_or(Day::MIN).max(known);
    let until = query.until.unwrap_or(Day::MAX).min(last_closed(pinned.as_of()));
    sessions(from, until)
}

/// A point as protobuf.
pub(super) fn point(point: &Point) -> v1::IndicatorPoint {
    v1::IndicatorPoint {
        on: point.on.to_string(),
        value: point.value,
        known_at: Some(shared::timestamp(point.known_at)),
        observed_on: point.observed_on.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_sees_that_its_caller_left_and_not_before() {
        let compute = Compute::new(1, 1).unwrap();
        let waited_for = while_waited_for(&compute, |waited_for| waited_for()).await;
        assert!(waited_for.unwrap());
        let (begun, at_work) = tokio::sync::oneshot::channel();
        let (stopped, at_end) = tokio::sync::oneshot::channel();
        let call = tokio::spawn(async move {
            let work = move |waited_for: &dyn Fn() -> bool| {
                let _heard = begun.send(());
                while waited_for() {
                    std::thread::yield_now();
                }
                let _heard = stopped.send(());
            };
            while_waited_for(&compute, work).await
        });
        at_work.await.unwrap();
        call.abort();
        let patience = std::time::Duration::from_secs(20);
        tokio::time::timeout(patience, at_end).await.expect("it stops").unwrap();
    }
}
