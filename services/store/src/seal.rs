//! Seals: hashes of everything in a store besides its facts, so that damage is noticed at start.
//!
//! A data version covers facts and names, but recomputing it takes every fact. A seal covers a row
//! of the database as stored, and is recomputed in microseconds: one chain over revisions with
//! their provenance and names, one sum over the list of segments, one hash per kept answer. The
//! bytes of a segment have their own checksum, which its seal covers.

use crate::{RequestKey, RevisionRecord, segment::Summary};
use marketdata::{
    instant::Instant,
    instrument::{Instrument, Naming},
};

/// A hash of written rows.
pub(crate) type Seal = [u8; 32];

/// The seal before the first revision, and of an empty list of segments.
pub(crate) const NONE: Seal = [0; 32];

/// The seal of a revision: hash of the seal before it, its row, and its names.
pub(crate) fn of_revision<'a>(
    previous: Seal,
    record: &RevisionRecord,
    instruments: &[Instrument],
    namings: &[Naming],
    texts: impl ExactSizeIterator<Item = &'a str>,
) -> Seal {
    let mut hash = Hash::new("ballast.v1 seal of a revision");
    hash.bytes(&previous);
    let RevisionRecord { mark, committed_at, provenance, facts } = record;
    hash.number(mark.revision);
    hash.bytes(&mark.data_version);
    hash.instant(*committed_at);
    hash.bytes(provenance.source.as_bytes());
    hash.bytes(provenance.file_name.as_bytes());
    hash.bytes(&provenance.content_hash);
    hash.instant(provenance.received_at);
    hash.number(*facts);
    hash.number(instruments.len() as u64);
    for instrument in instruments {
        hash.number(instrument.id.0.into());
        hash.number(instrument.namespace.code().into());
    }
    hash.number(namings.len() as u64);
    for naming in namings {
        hash.number(naming.instrument.0.into());
        hash.bytes(naming.symbol.as_str().as_bytes());
        hash.number(i64::from(naming.from.epoch()) as u64);
        hash.number(i64::from(naming.until.epoch()) as u64);
    }
    hash.number(texts.len() as u64);
    for text in texts {
        hash.bytes(text.as_bytes());
    }
    hash.finish()
}

/// The seal of a segment in the list: hash of its number, its summary and the checksum of its
/// bytes.
pub(crate) fn of_segment(id: i64, summary: &Summary, checksum: &[u8]) -> Seal {
    let mut hash = Hash::new("ballast.v1 seal of a segment");
    let Summary { dataset, rows, runs, instruments, days, published, revisions } = summary;
    hash.number(id as u64);
    hash.number(dataset.code().into());
    hash.number(*rows as u64);
    hash.number(*runs as u64);
    for instrument in [instruments.0, instruments.1] {
        hash.number(instrument.0.into());
    }
    for day in [days.0, days.1] {
        hash.number(i64::from(day.epoch()) as u64);
    }
    hash.instant(published.0);
    hash.instant(published.1);
    hash.number(revisions.0);
    hash.number(revisions.1);
    hash.bytes(checksum);
    hash.finish()
}

/// The seal of a kept answer.
pub(crate) fn of_answer(
    key: &RequestKey,
    fingerprint: &[u8],
    revision: Option<u64>,
    answered_at: Instant,
    answer: &[u8],
) -> Seal {
    let mut hash = Hash::new("ballast.v1 seal of an answer");
    hash.bytes(key.caller.as_bytes());
    hash.bytes(key.method.as_bytes());
    hash.bytes(key.request_id.as_bytes());
    hash.bytes(fingerprint);
    hash.number(revision.map_or(0, |revision| revision + 1));
    hash.instant(answered_at);
    hash.bytes(answer);
    hash.finish()
}

/// Adds a seal to the sum of a list, or removes it (exclusive or).
pub(crate) fn toggle(sum: &mut Seal, seal: &Seal) {
    for (byte, other) in sum.iter_mut().zip(seal) {
        *byte ^= other;
    }
}

/// Hashes fields with their lengths, so that different lists of fields never give the same bytes.
struct Hash(blake3::Hasher);

impl Hash {
    fn new(context: &str) -> Hash {
        Hash(blake3::Hasher::new_derive_key(context))
    }

    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    fn instant(&mut self, instant: Instant) {
        self.number(instant.micros() as u64);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    fn finish(self) -> Seal {
        *self.0.finalize().as_bytes()
    }
}
