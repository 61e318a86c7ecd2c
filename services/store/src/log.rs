//! What a store says beside its facts: revisions, and the names that came with each.

use crate::{
    RevisionRecord,
    seal::{self, Seal},
};
use marketdata::instrument::{Instrument, Naming};

/// All that the log gained after a revision, but for facts; every list in the order of revisions.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) revisions: Vec<Sealed>,
    pub(crate) instruments: Vec<Instrument>,
    pub(crate) namings: Vec<Naming>,
    pub(crate) texts: Vec<Text>,
}

/// A revision with the seal kept beside it.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) record: RevisionRecord,
    pub(crate) seal: Seal,
}

/// A text of the table of texts.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) id: u64,
    pub(crate) revision: u64,
    pub(crate) text: String,
}

/// What one revision brought beside facts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Brought<'a> {
    pub(crate) sealed: &'a Sealed,
    pub(crate) instruments: &'a [Instrument],
    pub(crate) namings: &'a [Naming],
    pub(crate) texts: &'a [Text],
}

impl Log {
    /// Facts that all revisions together promise.
    pub(crate) fn facts(&self) -> u64 {
        let facts = self.revisions.iter().map(|sealed| sealed.record.facts);
        facts.fold(0, u64::saturating_add)
    }

    /// What each revision brought, and the number of rows that belong to none in their order.
    pub(crate) fn brought(&self) -> (Vec<Brought<'_>>, usize) {
        let (mut instruments, mut namings) = (&self.instruments[..], &self.namings[..]);
        let mut texts = &self.texts[..];
        let brought = self.revisions.iter().map(|sealed| {
            let revision = sealed.record.mark.revision;
            Brought {
                sealed,
                instruments: take(&mut instruments, |instrument| instrument.revision == revision),
                namings: take(&mut namings, |naming| naming.revision == revision),
                texts: take(&mut texts, |text| text.revision == revision),
            }
        });
        (brought.collect(), instruments.len() + namings.len() + texts.len())
    }

    /// Everything in which the log differs from what was written, where the revision it follows
    /// has the number and the seal given: numbers have no gaps, names come in the order of revisions,
    /// and every seal can be made anew.
    pub(crate) fn faults(&self, after: u64, previous: Seal) -> Vec<String> {
        let mut faults = Vec::new();
        let revisions = self.revisions.iter().map(|sealed| sealed.record.mark.revision);
        faults.extend(gap("revision", after + 1, revisions));
        let instruments = self.instruments.iter().map(|instrument| u64::from(instrument.id.0));
        let first = self.instruments.first().map_or(1, |first| u64::from(first.id.0));
        faults.extend(gap("instrument", if after == 0 { 1 } else { first }, instruments));
        let first = self.texts.first().map_or(0, |first| first.id);
        let texts = self.texts.iter().map(|text| text.id);
        faults.extend(gap("text", if after == 0 { 0 } else { first }, texts));
        let (brought, strays) = self.brought();
        if 0 < strays {
            faults.push(format!("{strays} names or texts belong to no revision in their order"));
        }
        let mut previous = previous;
        for Brought { sealed, instruments, namings, texts } in brought {
            let texts = texts.iter().map(|text| text.text.as_str());
            let made = seal::of_revision(previous, &sealed.record, instruments, namings, texts);
            if made != sealed.seal {
                let revision = sealed.record.mark.revision;
                faults.push(format!(
                    "revision {revision}: its row or its names do not give its seal"
                ));
            }
            previous = sealed.seal;
        }
        faults
    }
}

fn gap(what: &str, first: u64, numbers: impl Iterator<Item = u64>) -> Option<String> {
    let (expected, found) = (first..).zip(numbers).find(|(expected, found)| expected != found)?;
    Some(format!("{what} {expected} is missing before {found}"))
}

/// Splits off the leading rows that are wanted.
fn take<'a, T>(rest: &mut &'a [T], is_wanted: impl Fn(&T) -> bool) -> &'a [T] {
    let count = rest.iter().take_while(|item| is_wanted(item)).count();
    let (taken, after) = rest.split_at(count);
    *rest = after;
    taken
}
