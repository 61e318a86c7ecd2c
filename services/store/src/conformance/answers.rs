//! Everything a market answers, as text, so that two markets can be compared bit by bit.

use marketdata::{
    dataset::Dataset,
    instant::Instant,
    market::{Delta, Market},
    segment::Segment,
    snapshot::Snapshot,
};
use std::{fmt::Write, sync::Arc};

/// Every row of every instrument and dataset that a snapshot at the bounds sees, and every name.
///
/// # Panics
/// If the revision is beyond the head.
pub fn answer_at(market: &Arc<Market>, as_of: Instant, revision: u64) -> String {
    let snapshot = Snapshot::new(Arc::clone(market), as_of, revision).expect("a known revision");
    let mut text = format!("{:?}\n", snapshot.data_version());
    for instrument in market.directory().all_at(revision) {
        let namings = market.directory().namings(instrument.id, revision);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{instrument:?} {namings:?}");
        for dataset in Dataset::ALL {
            rows(&mut text, &snapshot, dataset, instrument.id);
        }
    }
    text
}

fn rows(
    text: &mut String,
    snapshot: &Snapshot,
    dataset: Dataset,
    instrument: marketdata::instrument::InstrumentId,
) {
    let rows = snapshot.rows(dataset, instrument);
    for row in 0..rows.len() {
        let columns = 0..dataset.fields().len();
        let bits: Vec<_> = columns.map(|c| rows.value(row, c).map(f64::to_bits)).collect();
        let (day, other) = (rows.day(row), rows.other(row));
        let (published, revision) = (rows.published_at(row), rows.revision(row));
        let _ =
            writeln!(text, "{} {day} {other:?} {published} {revision} {bits:?}", dataset.name());
    }
}

/// The complete content of a delta, in its order.
pub fn shown(delta: &Delta) -> String {
    let Delta { marks, instruments, namings, texts, segments } = delta;
    let segments: Vec<String> = segments.iter().map(|segment| segment_shown(segment)).collect();
    format!("{marks:?} {instruments:?} {namings:?} {texts:?} {}", segments.join("\n"))
}

fn segment_shown(segment: &Segment) -> String {
    let bits: Vec<Vec<u64>> = segment
        .columns
        .iter()
        .map(|column| (0..segment.len()).map(|row| column.get(row).to_bits()).collect())
        .collect();
    let Segment { dataset, runs, other, effective_on, published_at, revision, .. } = segment;
    format!(
        "{dataset:?} {runs:?} {other:?} {effective_on:?} {published_at:?} {revision:?} {bits:?}"
    )
}
