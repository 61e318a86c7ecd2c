//! What a view prepares for squeeze: the cross-section, and what finds and values the lines of a book.

use crate::universe::{self, Universe};
use factors::roles::Roles;
use marketdata::{quotes::Quotes, snapshot::Snapshot};
use portfolio::lookup::Lookup;

/// Everything that does not depend on a request.
#[derive(Debug)]
pub struct PreparedSqueeze {
    /// Every name with short interest.
    pub universe: Universe,
    /// Finds instruments by symbol.
    pub lookup: Lookup,
    /// Last prices.
    pub quotes: Quotes,
}

/// Prepares a snapshot.
pub fn prepare(snapshot: &Snapshot, roles: &Roles) -> PreparedSqueeze {
    PreparedSqueeze {
        universe: universe::prepare(snapshot, roles),
        lookup: Lookup::of(snapshot),
        quotes: Quotes::of(snapshot),
    }
}
