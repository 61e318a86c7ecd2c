//! A page of a history as published: sessions are computed one by one while the caller waits.

use super::{from_proto::HistoryQuery, to_proto};
use crate::{
    refusal::Refusal,
    rpc::shared,
    services::Services,
    views::{Pinned, View},
};
use contract::v1;
use marketdata::{dataset::Dataset, day::Day};
use rotation::as_published::{AsPublished, History, Point, Progress, last_closed, sessions};
use std::sync::Arc;

/// A page of a history as published.
#[derive(Debug)]
pub(super) struct Page {
    /// Number of sessions of the whole history.
    pub(super) sessions: usize,
    /// The values of the page.
    pub(super) made: AsPublished,
}

/// Computes the page that a request asks for. Each session is a job of its own: other computations
/// get their turn between sessions, and the work ends when the caller leaves.
pub(super) async fn page(
    services: &Services,
    query: &HistoryQuery,
    pinned: &Pinned,
) -> Result<Page, Refusal> {
    let jobs = services.compute.jobs()?;
    let (from, until, page) = (query.from, query.until, query.page.clone());
    let data = pinned.clone();
    let history = query.history.clone();
    let begin = move || {
        let all = asked_sessions(from, until, (&history, &data));
        (all[page.cut(all.len(), &data).places].to_vec(), all.len())
    };
    let (on_page, sessions) = jobs.run(begin).await?;
    let View { snapshot, settings, .. } = pinned.view().clone();
    let none = Progress::new(snapshot, Arc::clone(&settings.roles), query.history.clone());
    let progress = jobs.run_each(none, on_page, Progress::add).await?;
    let made = jobs.run(move || progress.finish()).await?;
    Ok(Page { sessions, made })
}

/// The sessions requested: from the first day of the history's inputs, or the day asked for but not
/// before any bar or series, to the last close by the as-of at most.
fn asked_sessions(
    from: Option<Day>,
    until: Option<Day>,
    (history, pinned): (&History, &Pinned),
) -> Vec<Day> {
    let snapshot = pinned.snapshot();
    let begins = match from {
        None => history.first_day(snapshot, &pinned.settings().roles),
        Some(from) => {
            let known = snapshot.first_day(&[Dataset::Bars, Dataset::Series]);
            known.map(|known| known.max(from))
        }
    };
    let Some(from) = begins else { return Vec::new() };
    let until = until.unwrap_or(Day::MAX).min(last_closed(pinned.as_of()));
    sessions(from, until)
}

/// A point as protobuf.
pub(super) fn point(point: &Point) -> v1::IndicatorPoint {
    v1::IndicatorPoint {
        known_at: Some(shared::timestamp(point.known_at)),
        observed_on: point.observed_on.to_string(),
        ..to_proto::point(point.on, point.said)
    }
}
