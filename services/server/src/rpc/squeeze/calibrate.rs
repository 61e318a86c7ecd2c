//! CalibrateSqueeze: observes past sessions one by one, fits, checks, and stores the result.
//!
//! The work runs in a task of its own, so that a caller who leaves does not interrupt it; its answer
//! is kept under the request id. Calibrations run one at a time: a repeat waits for the first one.

use super::{calibration, from_proto::CalibrateQuery};
use crate::{
    hex::hex,
    limits,
    market::Writing,
    refusal::Refusal,
    rpc::shared::{result_id, session_on, snapshot_ref},
    services::Services,
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
    instant::Instant,
    instrument::{Instrument, InstrumentId, Namespace, Naming},
    market::Market,
    symbol::Symbol,
};
use prost::Message as _;
use std::sync::Arc;
use store::{Append, Appended, Provenance, RequestKey, StoreError};
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
    caller: Arc<str>,
    query: CalibrateQuery,
) -> Result<Calibrating, Refusal> {
    let place = services.upload()?;
    let pinned = services.view(&query.as_of, ::squeeze::MODEL_VERSION).await?;
    let (sender, receiver) = mpsc::channel(1);
    let run = Run { services: Arc::clone(services), caller, query, pinned };
    let (last, failed) = (sender.clone(), sender.clone());
    let running = async move {
        let _place = place;
        let result = run.result(&sender).await;
        // A caller who has left gets it with a repeat.
        let _client_gone = last.send(result.map_err(Status::from)).await;
    };
    let running = tokio::spawn(running.in_current_span());
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
    caller: Arc<str>,
    query: CalibrateQuery,
    pinned: Pinned,
}

impl Run {
    async fn result(&self, sender: &Sender) -> Result<v1::CalibrateSqueezeResponse, Refusal> {
        let _turn = self.services.calibrating.lock().await;
        if let Some(kept) = self.services.store.answer_of(&self.key(), self.fingerprint()).await? {
            let writing = self.services.market.writing().await;
            return self.again(&writing, &kept).await;
        }
        let calibration = self.observe(sender).await?;
        self.store(&calibration).await
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

    /// Appends the calibration as a fact; retries if another process committed first.
    async fn store(
        &self,
        calibration: &Calibration,
    ) -> Result<v1::CalibrateSqueezeResponse, Refusal> {
        let services = &self.services;
        let writing = services.market.writing().await;
        let mut moved = None;
        for _ in 0..limits::WRITE_ATTEMPTS {
            let market = services.market.head();
            let batch = batch(&market, &self.pinned, calibration)?;
            let answer = self.answer(calibration, batch.revision());
            let append = self.append(batch, answer.encode_to_vec());
            let appended = services.store.append(append).await;
            services.store_health.written(&appended);
            match appended {
                Ok(Appended::Committed(delta)) => {
                    writing.fold(delta).await;
                    return self.sealed(answer);
                }
                Ok(Appended::NothingNew) => return self.sealed(answer),
                Ok(Appended::Answered(kept)) => return self.again(&writing, &kept).await,
                Err(StoreError::HeadMoved { head }) => {
                    moved = Some(StoreError::HeadMoved { head });
                    writing.catch_up_to(head, services.store.as_ref()).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(moved.map_or_else(|| Refusal::Failed("no attempt to write".into()), Refusal::Store))
    }

    fn append(&self, batch: Batch, answer: Vec<u8>) -> Append {
        let received_at = self.services.clock.now();
        let kept_from = received_at.micros().saturating_sub(limits::REQUEST_ID_KEPT_MICROS);
        Append {
            key: self.key(),
            fingerprint: self.fingerprint(),
            provenance: Provenance {
                source: "squeeze_calibration".to_owned(),
                file_name: String::new(),
                content_hash: self.fingerprint(),
                received_at,
            },
            batch,
            answer,
            forget_before: Instant::from_micros(kept_from),
        }
    }

    fn key(&self) -> RequestKey {
        RequestKey {
            caller: self.caller.to_string(),
            method: "CalibrateSqueeze".to_owned(),
            request_id: self.query.given.request_id.clone(),
        }
    }

    /// Hash of the request as it was given.
    fn fingerprint(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("ballast.v1 calibration fingerprint");
        hasher.update(&self.query.given.encode_to_vec());
        hasher.finalize().into()
    }

    /// The last message without its data version, which the append computes.
    fn answer(&self, calibration: &Calibration, revision: u64) -> v1::CalibrateSqueezeResponse {
        let reference =
            v1::SnapshotRef { revision, data_version: String::new(), ..snapshot_ref(&self.pinned) };
        let stored = Stored { calibration: *calibration, known_at: self.pinned.as_of() };
        v1::CalibrateSqueezeResponse {
            info: Some(v1::AnswerInfo {
                snapshot: Some(reference),
                session_on: session_on(self.pinned.as_of()),
                ..Default::default()
            }),
            calibration: Some(calibration::calibration(&stored)),
            ..Default::default()
        }
    }

    /// The answer given before, by this process or by another whose revision is then folded in.
    async fn again(
        &self,
        writing: &Writing<'_>,
        kept: &[u8],
    ) -> Result<v1::CalibrateSqueezeResponse, Refusal> {
        let unreadable = |error| Refusal::Failed(format!("a kept answer is unreadable: {error}"));
        let answer = v1::CalibrateSqueezeResponse::decode(kept).map_err(unreadable)?;
        let snapshot = answer.info.as_ref().and_then(|info| info.snapshot.as_ref());
        let revision = snapshot.map_or(0, |snapshot| snapshot.revision);
        writing.catch_up_to(revision, self.services.store.as_ref()).await?;
        self.sealed(answer)
    }

    /// The answer with its data version.
    fn sealed(
        &self,
        mut answer: v1::CalibrateSqueezeResponse,
    ) -> Result<v1::CalibrateSqueezeResponse, Refusal> {
        let info = answer.info.get_or_insert_default();
        let reference = info.snapshot.get_or_insert_default();
        let mark = self.services.market.head().mark(reference.revision);
        let mark = mark.ok_or_else(|| Refusal::Failed("a revision is not in the market".into()))?;
        reference.data_version = hex(&mark.data_version);
        info.result_id = result_id("CalibrateSqueeze", &self.query.given, reference);
        Ok(answer)
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
