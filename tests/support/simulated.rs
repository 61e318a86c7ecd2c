//! The simulated market in memory, as a fresh process would fold it; included by path.

use marketdata::{
    day::Day,
    instant::Instant,
    market::{Delta, Market, RevisionMark},
    segment::Segment,
    snapshot::Snapshot,
};
use std::sync::Arc;

/// The simulated market, as folded by a fresh process.
pub(crate) fn folded(simulated: &simulation::market::Market) -> Arc<Market> {
    let mut market = Market::empty();
    for batch in simulation::facts::batches(simulated, 4_000) {
        let revision = batch.revision();
        let segments =
            batch.tables.into_iter().map(|table| Arc::new(Segment::of_table(table, revision)));
        market = market.apply(Delta {
            marks: vec![RevisionMark { revision, data_version: [0; 32] }],
            instruments: batch.instruments,
            namings: batch.namings,
            texts: batch.texts,
            segments: segments.collect(),
        });
    }
    Arc::new(market)
}

/// The view of a close.
pub(crate) fn at_close(market: &Arc<Market>, day: Day) -> Snapshot {
    let head = market.head().revision;
    Snapshot::new(Arc::clone(market), Instant::close_of(day), head).expect("the head")
}
