//! The stream of a watched short book: where its names stand, and then what they cross.

use super::{from_proto::WatchQuery, merged, shorts};
use crate::{
    limits,
    refusal::Refusal,
    revisions::Wake,
    rpc::{dataset, envelope::Answer, portfolio, query::FromProto as _, watch::Watch},
    services::Services,
    views::Pinned,
};
use ::portfolio::lines::Violation;
use ::squeeze::{
    MODEL_VERSION,
    prepared::PreparedSqueeze,
    watch::{Change, Reading, Readings, Threshold, Turn, WatchedName, turns},
};
use contract::v1;
use marketdata::{
    changes::Changes, currency::Currency, dataset::Dataset, gap::Gap, instant::Instant,
    instrument::InstrumentId, snapshot::Snapshot,
};
use std::sync::Arc;

/// A watch of a short book, and what its client knows.
#[derive(Debug)]
pub(super) struct Alerts {
    query: Arc<WatchQuery>,
    /// As of the last message, or as of the reference that the client came with.
    sent: Option<Look>,
    /// As of the last wake; `None` before the first message.
    seen: Option<Look>,
}

/// What was read in a view. It keeps the bounds of the view and not the market behind it.
#[derive(Clone, Debug)]
struct Look {
    at: Instant,
    revision: u64,
    readings: Arc<Readings>,
}

/// What there is to say about a view.
#[derive(Debug)]
struct Shown {
    readings: Readings,
    gaps: Vec<Gap>,
    unresolved: Vec<v1::UnresolvedLine>,
}

/// What the client was sent last, and the view of that.
type LastSent = Option<(Arc<Readings>, Option<Snapshot>)>;

impl Alerts {
    /// The watch of a request.
    pub(super) fn from_proto(request: v1::WatchSqueezeRequest) -> Result<Alerts, Refusal> {
        let query = Arc::new(WatchQuery::from_proto(request)?);
        Ok(Alerts { query, sent: None, seen: None })
    }

    /// Looks at a view that may show something else than the last one.
    async fn look(
        &mut self,
        services: &Services,
        pinned: &Pinned,
    ) -> Result<Option<v1::WatchSqueezeResponse>, Refusal> {
        let is_first = self.seen.is_none();
        let _turn = services.watch_turn().await?;
        if is_first && let Some(after) = &self.query.after {
            let known = services.view(after, MODEL_VERSION).await?;
            let prepared: Arc<PreparedSqueeze> = services.prepared(&known).await?;
            let query = Arc::clone(&self.query);
            let shown = services.compute.run_soon(move || query.show(&prepared)).await??;
            self.sent = Some(Look::of(&known, Arc::new(shown.readings)));
        }
        let prepared: Arc<PreparedSqueeze> = services.prepared(pinned).await?;
        let base = pinned.snapshot().base();
        let known = |sent: &Look| (Arc::clone(&sent.readings), sent.snapshot(services, base));
        let last_sent = self.sent.as_ref().map(known);
        let (query, view) = (Arc::clone(&self.query), pinned.clone());
        let work = move || -> Result<_, Refusal> {
            let shown = query.show(&prepared)?;
            let message = query.message(is_first, last_sent, &shown, &view);
            Ok((shown.readings, message))
        };
        let (readings, message) = services.compute.run_soon(work).await??;
        self.seen = Some(Look::of(pinned, Arc::new(readings)));
        Ok(message)
    }
}

impl Watch for Alerts {
    type Message = v1::WatchSqueezeResponse;

    fn bytes(&self) -> usize {
        let looks = [&self.sent, &self.seen].into_iter().flatten();
        self.query.bytes() + looks.map(Look::bytes).sum::<usize>()
    }

    async fn next(
        &mut self,
        services: &Services,
        wake: Wake,
    ) -> Result<Option<v1::WatchSqueezeResponse>, Refusal> {
        let pinned = services.view(&self.query.expected, MODEL_VERSION).await?;
        let news = match &self.seen {
            Some(seen) if seen.is_valid(services, &pinned) => {
                self.seen = Some(Look::of(&pinned, Arc::clone(&seen.readings)));
                None
            }
            seen => {
                let is_late = seen.is_some();
                match self.look(services, &pinned).await {
                    // The next wake looks again.
                    Err(Refusal::Overloaded { .. }) if is_late => return Ok(None),
                    news => news?,
                }
            }
        };
        let heartbeat = || {
            let nothing = Answer::whole(v1::WatchSqueezeResponse::default());
            self.query.enclosed(nothing.with_merged(Vec::new()), &pinned)
        };
        let message = news.or_else(|| (wake == Wake::Heartbeat).then(heartbeat));
        if message.is_some() {
            self.sent.clone_from(&self.seen);
        }
        Ok(message)
    }
}

impl Look {
    fn of(pinned: &Pinned, readings: Arc<Readings>) -> Look {
        Look { at: pinned.as_of(), revision: pinned.snapshot().revision(), readings }
    }

    /// Memory of the readings, about; two looks may share theirs, which then count twice.
    fn bytes(&self) -> usize {
        let of_name = |name: &WatchedName| {
            size_of_val(name) + size_of_val(&name.lines[..]) + size_of_val(&name.readings[..])
        };
        self.readings.names.iter().map(of_name).sum()
    }

    /// The view again; `None` if this server does not have it.
    fn snapshot(&self, services: &Services, base: Currency) -> Option<Snapshot> {
        let market = services.market.head();
        let at = market.canonical(self.at);
        Snapshot::new(market, at, self.revision).map(|snapshot| snapshot.in_currency(base))
    }

    /// Whether another view shows the same: nothing that is read has changed since.
    fn is_valid(&self, services: &Services, pinned: &Pinned) -> bool {
        let earlier = self.snapshot(services, pinned.snapshot().base());
        let changes = earlier.map_or(Changes::ALL, |e| pinned.snapshot().changed_since(&e));
        !changes.touch(super::READS)
    }
}

impl WatchQuery {
    /// Memory that it takes, about: the request, and the names of its lines once more.
    fn bytes(&self) -> usize {
        let names: usize = self.line_names.iter().map(|name| size_of_val(name) + name.len()).sum();
        limits::DECODED_COPIES * prost::Message::encoded_len(&self.normal) + names
    }

    /// What a view shows of the book.
    fn show(&self, prepared: &PreparedSqueeze) -> Result<Shown, Refusal> {
        let nothing = v1::Portfolio::default();
        let portfolio = self.normal.portfolio.as_ref().unwrap_or(&nothing);
        let book =
            portfolio::book(Some(portfolio), &self.netting, &prepared.lookup, &prepared.quotes)?;
        let shorts = shorts(&book, self.look_through, prepared);
        let (readings, mut gaps) = Readings::of(&prepared.universe, &shorts, &self.thresholds);
        gaps.extend(book.first_order_gaps());
        let (names, thresholds) = (readings.names.len(), self.thresholds.len());
        if limits::WATCHED_READINGS < names * thresholds {
            let most = limits::WATCHED_READINGS;
            let description = format!(
                "must have at most {most} entries times names held short, has {thresholds} times \
                 {names}"
            );
            return Err(Refusal::Invalid(vec![Violation {
                field: "thresholds".to_owned(),
                description,
            }]));
        }
        let unresolved = portfolio::all_unresolved(portfolio, &book);
        Ok(Shown { readings, gaps, unresolved })
    }

    /// The message of a view: where everything stands in the first one, and what changed since the
    /// last message. `None` if nothing did.
    fn message(
        &self,
        is_first: bool,
        last_sent: LastSent,
        shown: &Shown,
        pinned: &Pinned,
    ) -> Option<v1::WatchSqueezeResponse> {
        let mut message = v1::WatchSqueezeResponse::default();
        let snapshot = pinned.snapshot();
        if let Some((sent, earlier)) = last_sent {
            for turn in turns(&sent, &shown.readings, &self.thresholds) {
                let reading = self.reading(
                    snapshot,
                    (turn.instrument, &turn.lines, turn.threshold),
                    turn.now,
                );
                match (turn.change, turn.before.value) {
                    (Change::Found, _) => message.found.push(reading),
                    (Change::Crossed, Some(value_before)) => {
                        message.crossings.push(v1::SqueezeCrossing {
                            reading: Some(reading),
                            value_before,
                            datasets: self.datasets(snapshot, earlier.as_ref(), &turn),
                        });
                    }
                    (Change::Lost | Change::Crossed, _) => message.lost.push(reading),
                }
            }
        }
        let is_silent =
            message.crossings.is_empty() && message.found.is_empty() && message.lost.is_empty();
        if is_first {
            message.standings = Some(self.standings(snapshot, shown));
        } else if is_silent {
            return None;
        }
        let names = shown.readings.names.iter().map(|name| name.instrument);
        let merged = merged(pinned, self.look_through.is_some(), &names);
        let answer = Answer::with_gaps(message, shown.gaps.clone()).with_merged(merged);
        Some(self.enclosed(answer, pinned))
    }

    fn enclosed(
        &self,
        answer: Answer<v1::WatchSqueezeResponse>,
        pinned: &Pinned,
    ) -> v1::WatchSqueezeResponse {
        answer.enclose(Self::METHOD, &self.normal, pinned)
    }

    fn standings(&self, snapshot: &Snapshot, shown: &Shown) -> v1::SqueezeStandings {
        let of_name = |name: &WatchedName| -> Vec<v1::SqueezeReading> {
            let reading = |(at, reading): (usize, &Reading)| {
                self.reading(snapshot, (name.instrument, &name.lines, at), *reading)
            };
            name.readings.iter().enumerate().map(reading).collect()
        };
        v1::SqueezeStandings {
            readings: shown.readings.names.iter().flat_map(of_name).collect(),
            unresolved: shown.unresolved.clone(),
            settings: self.normal.settings.clone(),
        }
    }

    fn reading(
        &self,
        snapshot: &Snapshot,
        (instrument, lines, threshold): (InstrumentId, &[usize], usize),
        reading: Reading,
    ) -> v1::SqueezeReading {
        use v1::SqueezeStanding as Wire;
        let threshold = self.thresholds[threshold];
        let standing = match reading.value.map(|value| threshold.is_reached(value)) {
            None => Wire::Unknown,
            Some(false) => Wire::Below,
            Some(true) => Wire::Reached,
        };
        v1::SqueezeReading {
            symbol: snapshot.symbol(instrument).to_owned(),
            position_ids: lines.iter().map(|line| self.line_names[*line].clone()).collect(),
            measure_id: threshold.measure.id().to_owned(),
            level: threshold.level,
            standing: standing.into(),
            value: reading.value,
            observed_on: reading.observed_on.map(|day| day.to_string()).unwrap_or_default(),
        }
    }

    /// The datasets behind a measure whose facts about the name differ.
    fn datasets(&self, now: &Snapshot, earlier: Option<&Snapshot>, turn: &Turn) -> Vec<i32> {
        let Threshold { measure, .. } = self.thresholds[turn.threshold];
        let differs = |dataset: &Dataset| {
            earlier.is_none_or(|earlier| match dataset {
                Dataset::Splits => !now.has_units_of(earlier, turn.instrument),
                _ => now.first_difference(earlier, *dataset, turn.instrument).is_some(),
            })
        };
        measure.reads().filter(differs).map(dataset::to_proto).collect()
    }
}
