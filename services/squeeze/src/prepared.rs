//! The state that squeeze prepares once per snapshot and shares among requests.

use crate::{market::PreparedState, universe::Universe};
use factors::{funds::Funds, roles::Roles};
use marketdata::{currency::Currency, dataset::Dataset, quotes::Quotes, snapshot::Snapshot};
use portfolio::lookup::Lookup;

/// The datasets that a prepared value, and every answer from it, depends on.
pub const READS: &[Dataset] = &[
    Dataset::Bars,
    Dataset::Series,
    Dataset::ShortInterest,
    Dataset::ShareCounts,
    Dataset::Listings,
    Dataset::Memberships,
    Dataset::Holdings,
    Dataset::Splits,
    Dataset::Identifiers,
    Dataset::Models,
    Dataset::Lending,
    Dataset::ShortSales,
    Dataset::Fails,
    Dataset::EarningsDates,
];

/// Short interest across the market, and what is needed to find and value the lines of a book.
#[derive(Clone, Debug)]
pub struct PreparedSqueeze {
    /// Every name with short interest, measured and scored.
    pub universe: Universe,
    /// Finds instruments by any identifier.
    pub lookup: Lookup,
    /// The last closes.
    pub quotes: Quotes,
    /// Every fund with known holdings, looked through.
    pub funds: Funds,
    /// The state of the market for shorts, from which a later view continues.
    pub state: PreparedState,
}

/// Measures and scores every name, and the state of the market, which needs roles. Of an earlier
/// value only the latter is continued: the market's newest close and the ranks of all names enter
/// every score, so one day's bars change every name.
pub fn prepare(
    snapshot: &Snapshot,
    roles: &Roles,
    previous: Option<&PreparedSqueeze>,
) -> PreparedSqueeze {
    let quotes = Quotes::of(snapshot);
    // Sizes and volumes of names are in dollars, whatever the currency of a book.
    let usd = snapshot.in_currency(Currency::USD);
    let state = PreparedState::of(&usd, roles, previous.map(|previous| &previous.state));
    PreparedSqueeze {
        universe: Universe::of(&usd).with_base(snapshot.base()).with_state(state.outcome.clone()),
        lookup: Lookup::of(snapshot),
        funds: Funds::of(snapshot, &quotes),
        quotes,
        state,
    }
}

impl PreparedSqueeze {
    /// Memory held, in bytes, excluding the market behind its snapshot.
    pub fn bytes(&self) -> usize {
        size_of::<PreparedSqueeze>()
            + self.universe.heap_bytes()
            + self.lookup.heap_bytes()
            + self.quotes.heap_bytes()
            + self.funds.heap_bytes()
            + self.state.heap_bytes()
    }
}
