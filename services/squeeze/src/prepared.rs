//! What squeeze prepares from a snapshot, once for all requests.

use crate::universe::Universe;
use factors::roles::Roles;
use marketdata::{dataset::Dataset, quotes::Quotes, snapshot::Snapshot};
use portfolio::lookup::Lookup;

/// The datasets that a prepared value, and every answer from it, depends on.
pub const READS: &[Dataset] = &[
    Dataset::Bars,
    Dataset::ShortInterest,
    Dataset::ShareCounts,
    Dataset::Listings,
    Dataset::Splits,
];

/// Short selling across the market, and what finds and values the lines of a book.
#[derive(Clone, Debug)]
pub struct PreparedSqueeze {
    /// Every name with short interest, measured and scored.
    pub universe: Universe,
    /// Finds instruments by symbol.
    pub lookup: Lookup,
    /// The last closes.
    pub quotes: Quotes,
}

/// Measures and scores every name. Roles play no part: no measure is taken against an index. Nor does
/// an earlier value: the newest close of the market and the ranks of all names are part of each
/// name's score, so that a day's bars change every name.
pub fn prepare(
    snapshot: &Snapshot,
    _roles: &Roles,
    _previous: Option<&PreparedSqueeze>,
) -> PreparedSqueeze {
    PreparedSqueeze {
        universe: Universe::of(snapshot),
        lookup: Lookup::of(snapshot),
        quotes: Quotes::of(snapshot),
    }
}

impl PreparedSqueeze {
    /// The memory it holds, bytes, without the market behind its snapshot.
    pub fn bytes(&self) -> usize {
        size_of::<PreparedSqueeze>()
            + self.universe.heap_bytes()
            + self.lookup.heap_bytes()
            + self.quotes.heap_bytes()
    }
}
