//! The simulated market in memory, as a fresh process would fold it; included by path.

use marketdata::{day::Day, instant::Instant, market::Market, snapshot::Snapshot};
use simulation::facts;
use std::sync::Arc;

/// The simulated market, as folded by a fresh process.
pub(crate) fn folded(simulated: &simulation::market::Market) -> Arc<Market> {
    facts::folded(facts::batches(simulated, 4_000))
}

/// The view of a close.
pub(crate) fn at_close(market: &Arc<Market>, day: Day) -> Snapshot {
    let head = market.head().revision;
    Snapshot::new(Arc::clone(market), Instant::close_of(day), head).expect("the head")
}
