//! CalibrateSqueeze: observes past sessions one by one, fits, checks, and stores the result.
//!
//! The work runs in a task of its own, so that a caller who leaves does not interrupt it; its answer
//! is kept under the request id. Calibrations run one at a time: a repeat waits for the first one.

use super::{calibration, from_proto::CalibrateQuery};
use crate::{
    rate,
    refusal::Refusal,
    rpc::{
        query::Normal,
        shared::{session_on, snapshot_ref},
        write::{Origin, Staged, Write, repeated, write},
    },
    services::Services,
    telemetry::spans::in_task,
    views::Pinned,
};
use ::squeeze::calibration::{
    Calibration, document,
    panel::Panel,
    stored::{self, Stored},
};
use contract::v1;
use marketdata::{
    dataset::Dataset,
    day::Day,
    facts::{Batch, FactTable},
    instrument::{Instrument, InstrumentId, Namespace, Naming},
    market::Market,
    symbol::Symbol,
};
use prost::Message as _;
use std::sync::Arc;
use store::{Provenance, RequestKey};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tracing::Instrument as _;

/// The stream of a calibration.
pub(super) type Calibrating = ReceiverStream<Result<v1::CalibrateSqueezeResponse, Status>>;

type Sender = mpsc::Sender<Result<v1::CalibrateSqueezeResponse, Status>>;

/// Starts a calibration and returns the stream of its messages.
///
/// # Errors
/// [`Refusal::Overloaded`] if there are too many writes, and the refusals of the view.
pub(super) async fn calibrate(
    services: &Arc<Services>,
    (caller, place_of): (Arc<str>, Option<rate::Origin>),
    query: CalibrateQuery,
) -> Result<Calibrating, Refusal> {
    let place = services.upload(place_of)?;
    let pinned = services.view(&query.as_of, ::squeeze::MODEL_VERSION).await?;
    let (sender, receiver) = mpsc::channel(1);
    let run = Run::new(services, &caller, query, pinned);
    let (last, failed) = (sender.clone(), sender.clone());
    let running = async move {
        let _place = place;
        let result = run.result(&sender).await;
        // A caller who has left gets it with a repeat.
        let _client_gone = last.send(result.map_err(Status::from)).await;
    };
    let running = tokio::spawn(in_task(running.in_current_span()));
    tokio::spawn(async move {
        // Without this a panic would look like the end of the stream.
        if let Err(error) = running.await {
            let failure = Refusal::Failed(format!("a calibration ended: {error}"));
            let _client_gone = failed.send(Err(failure.into())).await;
        }
    });
    Ok(ReceiverStream::new(receiver))
}

/// A calibration on its way into the log.
struct Run {
    services: Arc<Services>,
    origin: Origin,
    query: CalibrateQuery,
    pinned: Pinned,
}

impl Run {
    fn new(services: &Arc<Services>, caller: &str, query: CalibrateQuery, pinned: Pinned) -> Run {
        let mut hasher = blake3::Hasher::new_derive_key("ballast.v1 calibration fingerprint");
        hasher.update(&query.given.encode_to_vec());
        let fingerprint = hasher.finalize().into();
        let origin = Origin {
            key: RequestKey {
                caller: caller.to_owned(),
                method: "CalibrateSqueeze".to_owned(),
                request_id: query.given.request_id.clone(),
            },
            fingerprint,
            provenance: Provenance {
                source: "squeeze_calibration".to_owned(),
                file_name: String::new(),
                content_hash: fingerprint,
                received_at: services.clock.now(),
            },
        };
        Run { services: Arc::clone(services), origin, query, pinned }
    }

    async fn result(&self, sender: &Sender) -> Result<v1::CalibrateSqueezeResponse, Refusal> {
        let _turn = self.services.calibrating.lock().await;
        if let Some(answer) = repeated(&self.services, &self.origin, &self.query.given).await? {
            return Ok(answer);
        }
        let calibration = self.observe(sender).await?;
        write(&self.services, &mut Fitted { run: self, calibration }).await
    }

    /// Observes the sessions, each as a job of its own, and fits.
    async fn observe(&self, sender: &Sender) -> Result<Calibration, Refusal> {
        let jobs = self.services.past.jobs()?;
        let (view, label, most) = (self.pinned.view().clone(), self.query.label, self.query.most);
        let make = move || Panel::new(&view.snapshot, &view.settings.roles, label, most);
        let panel = Arc::new(jobs.run(make).await?);
        let sessions: Vec<Day> = panel.sessions().to_vec();
        let mut observations = Vec::new();
        for (at, on) in sessions.iter().copied().enumerate() {
            let of = Arc::clone(&panel);
            observations.extend(jobs.run(move || of.observe(on)).await?);
            // A slow client misses some progress and delays nothing.
            let _missed = sender.try_send(Ok(v1::CalibrateSqueezeResponse {
                observed_session_count: (at + 1) as i32,
                session_count: sessions.len() as i32,
                ..Default::default()
            }));
        }
        jobs.run(move || Calibration::of(&panel, &observations)).await
    }
}

/// A calibration that is to be stored.
struct Fitted<'a> {
    run: &'a Run,
    calibration: Calibration,
}

impl Write for Fitted<'_> {
    type Answer = v1::CalibrateSqueezeResponse;

    fn origin(&self) -> &Origin {
        &self.run.origin
    }

    fn normal(&self) -> &impl Normal {
        &self.run.query.given
    }

    async fn stage(
        &mut self,
        head: Arc<Market>,
    ) -> Result<Staged<v1::CalibrateSqueezeResponse>, Refusal> {
        let pinned = &self.run.pinned;
        let stored = Stored { calibration: self.calibration, known_at: pinned.as_of() };
        // The data version is that of the revision with the calibration.
        let reference = v1::SnapshotRef { data_version: String::new(), ..snapshot_ref(pinned) };
        let answer = v1::CalibrateSqueezeResponse {
            info: Some(v1::AnswerInfo {
                snapshot: Some(reference),
                session_on: session_on(pinned.as_of()),
                ..Default::default()
            }),
            calibration: Some(calibration::calibration(&stored)),
            ..Default::default()
        };
        Ok(Staged { batch: batch(&head, pinned, &self.calibration)?, answer })
    }
}

/// The fact of a calibration, and its series if it is the first one.
fn batch(market: &Market, pinned: &Pinned, calibration: &Calibration) -> Result<Batch, Refusal> {
    let mut batch = Batch::empty(market.head().revision);
    let symbol = Symbol::series(stored::SERIES)
        .map_err(|error| Refusal::Failed(format!("the series of calibrations: {error}")))?;
    let directory = market.directory();
    let holder = directory.holders(Namespace::Series, &symbol).first().copied();
    let id = holder.unwrap_or_else(|| directory.next_id());
    if holder.is_none() {
        let revision = batch.revision();
        batch.instruments.push(Instrument { id, namespace: Namespace::Series, revision });
        let naming = Naming { instrument: id, revision, symbol, from: Day::MIN, until: Day::MAX };
        batch.namings.push(naming);
    }
    let text = document::write(calibration);
    let known = market.texts().iter().position(|known| *known == text);
    let number = known.unwrap_or_else(|| market.text_count());
    if known.is_none() {
        batch.texts.push(text);
    }
    let mut table = FactTable::empty(Dataset::Models);
    let as_of = pinned.as_of();
    table.push(id, InstrumentId::NONE, as_of.new_york_day(), as_of, &[number as f64]);
    batch.tables.push(table);
    Ok(batch)
}
