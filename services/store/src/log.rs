//! The rows of a log besides its facts: revisions, and the names that came with each.

use crate::{
    RevisionRecord, StoreError,
    backend::{Numbered, Position, Reading},
    seal::{self, Seal},
};
use async_trait::async_trait;
use marketdata::instrument::{Instrument, Naming};
use std::collections::VecDeque;

/// Rows of names read per page.
const NAMES_TOGETHER: u32 = 4_096;

/// A revision and its stored seal.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    pub(crate) record: RevisionRecord,
    pub(crate) seal: Seal,
}

/// A row of the table of texts.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) id: u64,
    pub(crate) revision: u64,
    pub(crate) text: String,
}

/// The names that came with one revision.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) instruments: Vec<Instrument>,
    pub(crate) namings: Vec<Naming>,
    pub(crate) texts: Vec<Text>,
}

/// Reads the names of one revision after another, with at most one page of later ones in memory.
#[derive(Debug)]
pub(crate) struct NamePages {
    instruments: Pages<Instrument>,
    namings: Pages<Naming>,
    texts: Pages<Text>,
}

impl NamePages {
    /// Starts after a revision.
    pub(crate) const fn after(revision: u64) -> NamePages {
        NamePages {
            instruments: Pages::after(revision),
            namings: Pages::after(revision),
            texts: Pages::after(revision),
        }
    }

    /// The names of a revision, which must be higher than in the last call.
    pub(crate) async fn of(
        &mut self,
        reading: &mut dyn Reading,
        revision: u64,
    ) -> Result<Names, StoreError> {
        Ok(Names {
            instruments: self.instruments.of(reading, revision).await?,
            namings: self.namings.of(reading, revision).await?,
            texts: self.texts.of(reading, revision).await?,
        })
    }

    /// After every revision was read: a fault if names are left.
    pub(crate) async fn stray(
        &mut self,
        reading: &mut dyn Reading,
    ) -> Result<Option<String>, StoreError> {
        let revisions = [
            self.instruments.next_revision(reading).await?,
            self.namings.next_revision(reading).await?,
            self.texts.next_revision(reading).await?,
        ];
        let stray = revisions.into_iter().flatten().next();
        Ok(stray.map(|revision| {
            format!(
                "names or texts belong to revision {revision}, which is missing or out of order"
            )
        }))
    }
}

/// Pages of one kind of names.
#[derive(Debug)]
struct Pages<T> {
    rows: VecDeque<T>,
    last: Position,
    is_at_end: bool,
}

impl<T: NameRow> Pages<T> {
    const fn after(revision: u64) -> Pages<T> {
        Pages { rows: VecDeque::new(), last: Position::after(revision), is_at_end: false }
    }

    async fn of(&mut self, reading: &mut dyn Reading, revision: u64) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::new();
        while self.next_revision(reading).await? == Some(revision) {
            found.extend(self.rows.pop_front());
        }
        Ok(found)
    }

    /// The revision of the next row, which is then in memory.
    async fn next_revision(
        &mut self,
        reading: &mut dyn Reading,
    ) -> Result<Option<u64>, StoreError> {
        if self.rows.is_empty() && !self.is_at_end {
            let page = T::page(reading, self.last, NAMES_TOGETHER).await?;
            self.is_at_end = page.is_empty();
            for Numbered { row, value } in page {
                let at = Position { revision: value.revision(), row };
                // Damage may put rows out of order; reading on after such a page might never end.
                if at <= self.last {
                    let Position { revision, row } = at;
                    let fault =
                        format!("names are out of order at row {row} of revision {revision}");
                    return Err(StoreError::Damaged(fault));
                }
                self.last = at;
                self.rows.push_back(value);
            }
        }
        Ok(self.rows.front().map(NameRow::revision))
    }
}

/// A row that came with a revision.
#[async_trait]
trait NameRow: Send + Sized {
    fn revision(&self) -> u64;

    async fn page(
        reading: &mut dyn Reading,
        after: Position,
        limit: u32,
    ) -> Result<Vec<Numbered<Self>>, StoreError>;
}

#[async_trait]
impl NameRow for Instrument {
    fn revision(&self) -> u64 {
        self.revision
    }

    async fn page(
        reading: &mut dyn Reading,
        after: Position,
        limit: u32,
    ) -> Result<Vec<Numbered<Instrument>>, StoreError> {
        reading.instruments(after, limit).await
    }
}

#[async_trait]
impl NameRow for Naming {
    fn revision(&self) -> u64 {
        self.revision
    }

    async fn page(
        reading: &mut dyn Reading,
        after: Position,
        limit: u32,
    ) -> Result<Vec<Numbered<Naming>>, StoreError> {
        reading.namings(after, limit).await
    }
}

#[async_trait]
impl NameRow for Text {
    fn revision(&self) -> u64 {
        self.revision
    }

    async fn page(
        reading: &mut dyn Reading,
        after: Position,
        limit: u32,
    ) -> Result<Vec<Numbered<Text>>, StoreError> {
        reading.texts(after, limit).await
    }
}

/// Follows the log revision by revision, and reports deviations: numbers must have no gaps, and
/// every seal must follow from the one before, the row and the names.
#[derive(Debug)]
pub(crate) struct Verifier {
    previous: Seal,
    revisions: Sequence,
    instruments: Sequence,
    texts: Sequence,
}

impl Verifier {
    /// Starts after a revision with this seal.
    pub(crate) fn after(revision: u64, seal: Seal) -> Verifier {
        // After a later revision the first number is not known, because earlier ones are not read.
        let first = |number| (revision == 0).then_some(number);
        Verifier {
            previous: seal,
            revisions: Sequence { what: "revision", next: Some(revision + 1) },
            instruments: Sequence { what: "instrument", next: first(1) },
            texts: Sequence { what: "text", next: first(0) },
        }
    }

    /// The faults of the next revision.
    pub(crate) fn faults(&mut self, sealed: &Sealed, names: &Names) -> Vec<String> {
        let mut faults = Vec::new();
        let revision = sealed.record.mark.revision;
        faults.extend(self.revisions.gap(revision));
        let instruments = names.instruments.iter();
        faults.extend(instruments.filter_map(|row| self.instruments.gap(row.id.0.into())));
        faults.extend(names.texts.iter().filter_map(|text| self.texts.gap(text.id)));
        let Names { instruments, namings, texts } = names;
        let texts = texts.iter().map(|text| text.text.as_str());
        let made = seal::of_revision(self.previous, &sealed.record, instruments, namings, texts);
        if made != sealed.seal {
            faults.push(format!("revision {revision}: its seal does not match its row and names"));
        }
        self.previous = sealed.seal;
        faults
    }
}

/// Numbers that must be consecutive.
#[derive(Debug)]
struct Sequence {
    what: &'static str,
    /// `None` if any number may come.
    next: Option<u64>,
}

impl Sequence {
    fn gap(&mut self, found: u64) -> Option<String> {
        let expected = self.next.replace(found.saturating_add(1)).unwrap_or(found);
        (expected != found).then(|| format!("{} {expected} is missing before {found}", self.what))
    }
}
