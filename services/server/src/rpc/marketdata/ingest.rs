//! Ingest: takes a file from the wire to a durable revision that every later read sees.
//!
//! Reading overlaps receiving: chunks go to a thread that decompresses and parses them while the
//! next ones arrive. The write runs in its own task, so that a disconnecting client does not
//! interrupt it; its answer is kept under the request id.

use super::{
    from_proto::{chunk_of, first_header, options},
    to_proto::file_report,
};
use crate::{
    clock::Stopwatch,
    excerpt::excerpt,
    limits, patience, rate,
    refusal::Refusal,
    rpc::{
        query::Normal,
        shared::{self, timestamp},
        write::{Origin, Staged, Write, write},
    },
    services::Services,
    telemetry::spans::in_task,
    upload::{Intake, Received, UploadFault, memory::Share},
};
use contract::v1;
use ingest::{
    options::Options,
    parser::Parsed,
    prepare::prepare,
    report::{FileReport, PreparedFile},
};
use marketdata::{instant::Instant, market::Market};
use prost::Message as _;
use std::sync::Arc;
use store::{Provenance, RequestKey};
use tables::refusal;
use tokio::sync::mpsc;
use tonic::Streaming;
use tracing::Instrument as _;

/// Takes one upload.
///
/// # Errors
/// Why it is rejected; nothing is stored then.
pub(super) async fn ingest(
    services: &Arc<Services>,
    (caller, place_of): (Arc<str>, Option<rate::Origin>),
    mut messages: Streaming<v1::IngestRequest>,
) -> Result<v1::IngestResponse, tonic::Status> {
    let stopwatch = Stopwatch::start();
    let header = first_header(messages.message().await?)?;
    // Taken only now: a stream that sends nothing must not take a place from others.
    let place = services.upload(place_of)?;
    let received_at = services.clock.now();
    let options = options(&header, received_at)?;
    let received = receive(services, &mut messages, options).await?;
    let received_ms = stopwatch.elapsed_ms();
    let mut upload = Upload::new(services, &caller, header, received, received_at);
    let write = async move {
        // Held until the write ends: a client that leaves must not make room for more rows in
        // memory.
        let _place = place;
        let answer = upload.write().await;
        if let Ok(answer) = &answer {
            tracing::info!(
                file = upload.header.file_name,
                kind = answer.kind,
                rows = answer.row_count,
                accepted = answer.accepted_count,
                corrected = answer.corrected_count,
                rejected = answer.rejected_count,
                bytes = upload.bytes,
                received_ms,
                total_ms = stopwatch.elapsed_ms(),
                "file ingested"
            );
        }
        // Freeing a file of millions of rows takes a while.
        tokio::task::spawn_blocking(move || drop(upload));
        answer
    };
    let writing = tokio::spawn(in_task(write.in_current_span()));
    let written = patience::in_time(writing).await.ok_or(Refusal::StoreLate)?;
    let written = written.map_err(|error| Refusal::Failed(format!("a write ended: {error}")));
    Ok(written??)
}

/// Receives the chunks while another thread reads them.
async fn receive(
    services: &Services,
    messages: &mut Streaming<v1::IngestRequest>,
    options: Options,
) -> Result<Received, tonic::Status> {
    let mut intake = Intake::new(options, &services.limits, services.upload_memory());
    let (sender, mut chunks) = mpsc::channel::<Vec<u8>>(limits::CHUNKS_AHEAD);
    let reading = tokio::task::spawn_blocking(move || {
        while let Some(chunk) = chunks.blocking_recv() {
            intake.push(&chunk)?;
        }
        intake.finish()
    });
    let sent = send_all(services, messages, sender).await;
    let read = reading.await;
    // The rows of an interrupted stream are discarded.
    sent?;
    let read = read.map_err(|error| Refusal::Failed(format!("a reader ended: {error}")))?;
    Ok(read.map_err(Refusal::Upload)?)
}

/// Passes every chunk on. After the reader has found a fault, the rest of the stream is still read
/// from the wire: a client that is cut off while sending may never see the answer.
async fn send_all(
    services: &Services,
    messages: &mut Streaming<v1::IngestRequest>,
    sender: mpsc::Sender<Vec<u8>>,
) -> Result<(), tonic::Status> {
    let mut bytes = 0;
    while let Some(message) = messages.message().await? {
        let chunk = chunk_of(message, services.limits.chunk_bytes)?;
        bytes += chunk.len() as u64;
        if services.limits.upload_bytes < bytes {
            let limit = services.limits.upload_bytes;
            return Err(Refusal::Upload(UploadFault::TooLarge { limit }).into());
        }
        let _reader_gone = sender.send(chunk).await;
    }
    Ok(())
}

/// A completely read file on its way into the log.
struct Upload {
    services: Arc<Services>,
    header: v1::IngestHeader,
    parsed: Arc<Parsed>,
    origin: Origin,
    bytes: u64,
    /// The file as prepared for a revision before the write lock was taken.
    ahead: Option<(u64, Result<PreparedFile, refusal::Refusal>)>,
    /// Held until the write ends.
    _share: Share,
}

impl Upload {
    fn new(
        services: &Arc<Services>,
        caller: &str,
        header: v1::IngestHeader,
        received: Received,
        received_at: Instant,
    ) -> Upload {
        let mut fingerprint = blake3::Hasher::new_derive_key("ballast.v1 ingest fingerprint");
        fingerprint.update(&received.content_hash);
        fingerprint.update(&header.encode_to_vec());
        let origin = Origin {
            key: RequestKey {
                caller: caller.to_owned(),
                method: "Ingest".to_owned(),
                request_id: header.request_id.clone(),
            },
            fingerprint: fingerprint.finalize().into(),
            provenance: Provenance {
                source: received.parsed.kind().name().to_owned(),
                file_name: header.file_name.clone(),
                content_hash: received.content_hash,
                received_at,
            },
        };
        Upload {
            services: Arc::clone(services),
            parsed: Arc::new(received.parsed),
            origin,
            bytes: received.bytes,
            ahead: None,
            _share: received.share,
            header,
        }
    }

    /// Prepares the file on the head, and writes it.
    ///
    /// The compute pool may be busy with analyses, and no other upload should wait for that. So the
    /// file is prepared there before the write lock is taken. If the head has moved meanwhile, the
    /// file is prepared again under the lock, on a thread of its own.
    async fn write(&mut self) -> Result<v1::IngestResponse, Refusal> {
        let services = Arc::clone(&self.services);
        let market = services.market.head();
        let (parsed, revision) = (Arc::clone(&self.parsed), market.head().revision);
        let prepared = services.compute.run(move || prepare(&parsed, &market)).await?;
        self.ahead = Some((revision, prepared));
        write(&services, self).await
    }

    /// Prepares the file while the write lock is held: not on the compute pool, where it would queue
    /// behind analyses.
    async fn prepare_aside(
        &self,
        market: Arc<Market>,
    ) -> Result<Result<PreparedFile, refusal::Refusal>, Refusal> {
        let parsed = Arc::clone(&self.parsed);
        let prepared = tokio::task::spawn_blocking(move || prepare(&parsed, &market)).await;
        prepared.map_err(|error| Refusal::Failed(format!("a preparation ended: {error}")))
    }

    /// The answer without what the write fills in.
    fn answer(&self, report: FileReport) -> v1::IngestResponse {
        let mut answer = file_report(report);
        let now = self.services.clock.now();
        let reference = v1::SnapshotRef {
            as_of: Some(timestamp(now)),
            model_version: marketdata::MODEL_VERSION.to_owned(),
            config_hash: self.services.settings().hash().to_owned(),
            reference_knowledge: v1::ReferenceKnowledge::AsPublished.into(),
            ..v1::SnapshotRef::default()
        };
        answer.info = Some(v1::AnswerInfo {
            snapshot: Some(reference),
            session_on: shared::session_on(now),
            ..v1::AnswerInfo::default()
        });
        answer
    }
}

impl Write for Upload {
    type Answer = v1::IngestResponse;

    fn origin(&self) -> &Origin {
        &self.origin
    }

    fn normal(&self) -> &impl Normal {
        &self.header
    }

    async fn stage(&mut self, head: Arc<Market>) -> Result<Staged<v1::IngestResponse>, Refusal> {
        let revision = head.head().revision;
        let prepared = match self.ahead.take() {
            Some((prepared_for, prepared)) if prepared_for == revision => prepared,
            _ => self.prepare_aside(head).await?,
        };
        let refused = |refusal: refusal::Refusal| Refusal::Upload(refusal.into());
        let PreparedFile { batch, report } = prepared.map_err(refused)?;
        Ok(Staged { batch, answer: self.answer(report) })
    }

    fn kept_form(answer: &v1::IngestResponse) -> Vec<u8> {
        kept_form(answer)
    }
}

/// The short form of an answer kept for repeats: a thousand rejected rows, or the full text of its
/// notes, would take more space than the facts of a small file.
fn kept_form(answer: &v1::IngestResponse) -> Vec<u8> {
    let mut kept = answer.clone();
    kept.rejections.truncate(limits::KEPT_REJECTIONS);
    for note in &mut kept.notes {
        note.detail = excerpt(&note.detail, limits::KEPT_NOTE_BYTES);
    }
    kept.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_an_answer_is_bounded() {
        let code = || "NOT_A_STOCK".to_owned();
        let note = |detail: String| v1::IngestNote { code: code(), count: 9, detail };
        let rejection = v1::RejectedRow { line: 7, ..v1::RejectedRow::default() };
        let answer = v1::IngestResponse {
            row_count: 3,
            notes: vec![note("line 7".to_owned()), note("x".repeat(100_000))],
            rejections: vec![rejection; 1_000],
            ..v1::IngestResponse::default()
        };
        let kept = v1::IngestResponse::decode(&kept_form(&answer)[..]).unwrap();
        assert_eq!((kept.row_count, kept.rejections.len()), (3, limits::KEPT_REJECTIONS));
        assert_eq!(kept.notes[0], answer.notes[0], "a short one is kept as it is");
        assert_eq!((kept.notes[1].count, &kept.notes[1].code), (9, &answer.notes[1].code));
        assert!(kept.notes[1].detail.len() <= limits::KEPT_NOTE_BYTES);
    }
}
