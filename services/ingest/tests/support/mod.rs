//! Helpers shared by the ingest tests: options, limits, one call from bytes to a market.
#![allow(dead_code, reason = "each test file uses some of it")]
#![expect(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

use ingest::{
    options::{Limits, Options},
    parser::{Parsed, Parser},
    prepare::prepare,
    report::PreparedFile,
};
use marketdata::{
    dataset::{Dataset, Field},
    facts::Batch,
    instant::Instant,
    instrument::InstrumentId,
    market::{Delta, Market, RevisionMark},
    segment::Segment,
    snapshot::Snapshot,
};
use std::sync::Arc;
use tables::refusal::{Reason, Refusal};

pub(crate) fn at(text: &str) -> Instant {
    Instant::parse_rfc3339(text).unwrap()
}

pub(crate) fn day(text: &str) -> marketdata::day::Day {
    marketdata::day::Day::parse_iso(text).unwrap()
}

/// Options with only a name, received in the evening of 2024-07-12.
pub(crate) fn options(file_name: &str) -> Options {
    Options {
        kind: None,
        file_name: file_name.to_owned(),
        symbol: None,
        index: None,
        observed_on: None,
        published_at: None,
        price_basis: None,
        adjusted_on: None,
        risk_period: None,
        received_at: at("2024-07-12T23:00:00Z"),
        force: false,
    }
}

pub(crate) fn limits() -> Limits {
    Limits {
        bytes: 1 << 30,
        rows: 10_000_000,
        line_bytes: 64 << 10,
        rejections: 1_000,
        text_bytes: 256,
        texts: 100_000,
        texts_bytes: 16 << 20,
        names: 100_000,
    }
}

pub(crate) fn parse(bytes: &[u8], options: Options) -> Result<Parsed, Refusal> {
    let mut parser = Parser::new(options, limits());
    for chunk in bytes.chunks(1 << 20) {
        parser.push(chunk)?;
    }
    parser.finish()
}

/// A market and the files ingested into it.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) market: Arc<Market>,
}

impl Desk {
    pub(crate) fn new() -> Desk {
        Desk { market: Arc::new(Market::empty()) }
    }

    pub(crate) fn prepare(&self, bytes: &[u8], options: Options) -> Result<PreparedFile, Refusal> {
        prepare(&parse(bytes, options)?, &self.market)
    }

    /// Ingests a file; a batch that adds nothing creates no revision.
    pub(crate) fn ingest(
        &mut self,
        bytes: &[u8],
        options: Options,
    ) -> Result<PreparedFile, Refusal> {
        let prepared = self.prepare(bytes, options)?;
        let report = &prepared.report;
        let stored = report.accepted + report.already_known + report.corrected;
        assert_eq!(report.rows, stored + report.skipped + report.rejected, "{report:?}");
        if !prepared.batch.is_empty() {
            self.market = Arc::new(self.market.apply(delta(prepared.batch.clone())));
        }
        Ok(prepared)
    }

    pub(crate) fn take(&mut self, text: &str, file_name: &str) -> PreparedFile {
        self.ingest(text.as_bytes(), options(file_name)).unwrap()
    }

    pub(crate) fn revision(&self) -> u64 {
        self.market.head().revision
    }

    pub(crate) fn snapshot(&self, as_of: &str) -> Snapshot {
        Snapshot::new(Arc::clone(&self.market), at(as_of), self.revision()).unwrap()
    }

    pub(crate) fn listed(&self, symbol: &str) -> InstrumentId {
        self.snapshot("2099-01-01T00:00:00Z").listed(symbol).unwrap()
    }

    /// A field of the latest visible row at an instant.
    pub(crate) fn last(
        &self,
        as_of: &str,
        dataset: Dataset,
        field: Field,
        symbol: &str,
    ) -> Option<f64> {
        let snapshot = self.snapshot(as_of);
        let id = snapshot.listed(symbol).or_else(|| snapshot.series_id(symbol))?;
        let rows = snapshot.rows(dataset, id);
        rows.value(rows.last()?, dataset.column(field))
    }
}

/// The delta that a store would pass to its followers for a batch.
pub(crate) fn delta(batch: Batch) -> Delta {
    let revision = batch.revision();
    let mut data_version = [0; 32];
    data_version[..8].copy_from_slice(&revision.to_le_bytes());
    Delta {
        marks: vec![RevisionMark { revision, data_version }],
        instruments: batch.instruments,
        namings: batch.namings,
        texts: batch.texts,
        segments: batch
            .tables
            .into_iter()
            .map(|table| Arc::new(Segment::of_table(table, revision)))
            .collect(),
    }
}

/// The lines and reasons of a file's bad rows.
pub(crate) fn rejections(prepared: &PreparedFile) -> Vec<(u64, Reason)> {
    prepared.report.rejections.iter().map(|bad| (bad.line, bad.reason)).collect()
}
