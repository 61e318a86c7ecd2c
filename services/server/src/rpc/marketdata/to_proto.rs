//! Converts market data to protobuf.

use crate::{
    hex::hex,
    limits,
    rpc::{dataset, shared::timestamp},
    views::Pinned,
};
use contract::v1;
use ingest::report::FileReport;
use marketdata::{
    contents::DatasetContents,
    dataset::{Dataset, Field},
    day::Day,
    facilities::Facilities,
    identities::Identity,
    instrument::{Instrument, InstrumentId, Namespace},
    merged::Hidden,
    snapshot::Snapshot,
    symbol::factor_parts,
};
use std::{cell::OnceCell, collections::BTreeSet};
use store::RevisionRecord;

/// A count of rows, days or names. Those of a file are bounded by [`limits::UPLOAD_ROWS`], and a
/// market has no 2^31 instruments.
fn count(value: impl TryInto<i32>) -> i32 {
    value.try_into().unwrap_or(i32::MAX)
}

/// A count of rows of the log.
fn log_count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// What the datasets hold.
pub(super) fn datasets(found: &[DatasetContents], pinned: &Pinned) -> Vec<v1::DatasetContents> {
    let today = pinned.snapshot().today();
    let datasets = found.iter().map(|held| v1::DatasetContents {
        dataset: dataset::to_proto(held.dataset),
        instrument_count: count(held.instruments),
        row_count: log_count(held.rows),
        first_on: held.first_on.to_string(),
        last_on: held.last_on.to_string(),
        last_published_at: Some(timestamp(held.last_published_at)),
        age_days: today.epoch().saturating_sub(held.last_on.epoch()),
        without_prices_count: held.without_prices.as_ref().map(|names| count(names.len())),
        without_prices_symbols: unjoined(held, pinned),
    });
    datasets.collect()
}

fn unjoined(held: &DatasetContents, pinned: &Pinned) -> Vec<String> {
    let names = held.without_prices.iter().flatten();
    let mut symbols: Vec<&str> = names.map(|id| pinned.snapshot().symbol(*id)).collect();
    symbols.sort_unstable();
    symbols.into_iter().take(limits::UNJOINED_NAMES).map(str::to_owned).collect()
}

/// An instrument with its names, its datasets and what is merged into it.
pub(super) fn instrument(
    known: &Instrument,
    others: &Others<'_>,
    hidden: &[Hidden],
) -> v1::Instrument {
    let snapshot = others.snapshot;
    let holds = |dataset: &Dataset| !snapshot.rows(*dataset, known.id).is_empty();
    v1::Instrument {
        symbol: snapshot.symbol(known.id).to_owned(),
        kind: others.kind(known).into(),
        symbols: symbols(snapshot, known.id),
        datasets: Dataset::ALL.into_iter().filter(holds).map(dataset::to_proto).collect(),
        merged: merged(snapshot, known.id),
        hidden_values: hidden
            .iter()
            .filter(|hidden| hidden.survivor == known.id)
            .map(|hidden| v1::HiddenValues {
                dataset: dataset::to_proto(hidden.dataset),
                day_count: count(hidden.days.len()),
            })
            .collect(),
        identifiers: snapshot.identities(known.id).iter().filter_map(identifier).collect(),
    }
}

/// The names of an instrument, with their days.
fn symbols(snapshot: &Snapshot, id: InstrumentId) -> Vec<v1::SymbolInterval> {
    let named = snapshot.namings(id).iter().map(|naming| {
        let (start_on, end_on) = interval(naming.from, naming.until);
        v1::SymbolInterval { symbol: naming.symbol.to_string(), start_on, end_on }
    });
    named.collect()
}

/// The instruments merged into one.
fn merged(snapshot: &Snapshot, survivor: InstrumentId) -> Vec<v1::MergedInstrument> {
    let found = snapshot.merged_into(survivor).into_iter();
    let merged = found.map(|(id, merge)| v1::MergedInstrument {
        symbol: snapshot.symbol(id).to_owned(),
        symbols: symbols(snapshot, id),
        merged_into: snapshot.symbol(merge.survivor).to_owned(),
        since_revision: merge.revision,
        named_on: merge.on.to_string(),
    });
    merged.collect()
}

/// What the ids without rows of their own stand for, by the rows that refer to them. Read once, and only
/// if a page has such an id.
pub(super) struct Others<'a> {
    snapshot: &'a Snapshot,
    managers: OnceCell<BTreeSet<InstrumentId>>,
    lists: OnceCell<BTreeSet<InstrumentId>>,
}

impl<'a> Others<'a> {
    /// Reads nothing yet.
    pub(super) const fn of(snapshot: &'a Snapshot) -> Others<'a> {
        Others { snapshot, managers: OnceCell::new(), lists: OnceCell::new() }
    }

    fn has(
        &self,
        cell: &OnceCell<BTreeSet<InstrumentId>>,
        dataset: Dataset,
        id: InstrumentId,
    ) -> bool {
        cell.get_or_init(|| self.snapshot.others_whenever_published(dataset)).contains(&id)
    }

    /// What a name stands for. Rows count whenever they were published: a kind is not news.
    fn kind(&self, known: &Instrument) -> v1::InstrumentKind {
        let snapshot = self.snapshot;
        let has_rows = |dataset| !snapshot.rows_whenever_published(dataset, known.id).is_empty();
        let symbol = snapshot.symbol(known.id);
        match known.namespace {
            Namespace::Listed if symbol.starts_with('^') => v1::InstrumentKind::Index,
            Namespace::Listed => v1::InstrumentKind::Listed,
            Namespace::Series if has_rows(Dataset::Series) => v1::InstrumentKind::Series,
            Namespace::Series if has_rows(Dataset::Schedules) => v1::InstrumentKind::Schedule,
            Namespace::Series if has_rows(Dataset::Models) => v1::InstrumentKind::FittedModel,
            Namespace::Series if has_rows(Dataset::VendorCovariances) => {
                v1::InstrumentKind::RiskFactor
            }
            Namespace::Series if self.has(&self.managers, Dataset::ManagerHoldings, known.id) => {
                v1::InstrumentKind::Manager
            }
            Namespace::Series if self.has(&self.lists, Dataset::Memberships, known.id) => {
                v1::InstrumentKind::Index
            }
            Namespace::Series if Facilities::of_series(symbol).is_some() => {
                v1::InstrumentKind::Facilities
            }
            Namespace::Series if factor_parts(symbol).is_some() => v1::InstrumentKind::RiskFactor,
            // A list of members whose rows are of a later revision.
            Namespace::Series => v1::InstrumentKind::Index,
        }
    }
}

/// An identifier with its days; `None` for other facts of the security master.
fn identifier(identity: &Identity<'_>) -> Option<v1::IdentifierInterval> {
    let known = match identity.field {
        Field::Figi => v1::IdentifierKind::Figi,
        Field::Isin => v1::IdentifierKind::Isin,
        Field::Cusip => v1::IdentifierKind::Cusip,
        Field::Sedol => v1::IdentifierKind::Sedol,
        Field::Mic => v1::IdentifierKind::Mic,
        _ => return None,
    };
    let (start_on, end_on) = interval(identity.from, identity.until);
    let value = identity.text.to_owned();
    Some(v1::IdentifierInterval { kind: known.into(), value, start_on, end_on })
}

/// The first and the last day of an interval; empty if it is open there.
fn interval(from: Day, until: Day) -> (String, String) {
    let bound = |day: Day, open: Day, shift: i32| match day == open {
        true => String::new(),
        false => day.plus(shift).to_string(),
    };
    (bound(from, Day::MIN, 0), bound(until, Day::MAX, -1))
}

/// A revision of the log.
pub(super) fn revision(record: &RevisionRecord) -> v1::Revision {
    v1::Revision {
        revision: record.mark.revision,
        data_version: hex(&record.mark.data_version),
        committed_at: Some(timestamp(record.committed_at)),
        kind: record.provenance.source.clone(),
        file_name: record.provenance.file_name.clone(),
        content_hash: hex(&record.provenance.content_hash),
        fact_count: log_count(record.facts),
    }
}

/// The outcome of a file; its envelope is filled in when it is written.
pub(super) fn file_report(report: FileReport) -> v1::IngestResponse {
    let rejections = report.rejections.into_iter().map(|rejection| v1::RejectedRow {
        line: count(rejection.line),
        code: rejection.reason.code().to_owned(),
        detail: format!("{}: {}", rejection.reason, rejection.text),
    });
    let notes = report.notes.into_iter().map(|note| v1::IngestNote {
        code: note.code.code().to_owned(),
        count: count(note.count),
        detail: note.text,
    });
    let (first_on, last_on) = match report.days {
        Some((first, last)) => (first.to_string(), last.to_string()),
        None => (String::new(), String::new()),
    };
    v1::IngestResponse {
        info: None,
        kind: report.kind.name().to_owned(),
        row_count: count(report.rows),
        accepted_count: count(report.accepted),
        already_known_count: count(report.already_known),
        corrected_count: count(report.corrected),
        skipped_count: count(report.skipped),
        rejected_count: count(report.rejected),
        rejections: rejections.collect(),
        notes: notes.collect(),
        symbol_count: count(report.symbols),
        new_symbol_count: count(report.symbols_new),
        first_on,
        last_on,
    }
}
