//! The state shared by all analyses of a view: the risk model, and the lookup of names by symbol.

use crate::{positions, settings::Listing};
use factors::roles::Roles;
use marketdata::{dataset::Dataset, instrument::InstrumentId, snapshot::Snapshot};
use portfolio::{book::Book, lookup::Lookup};
use risk::{
    model::RiskModel,
    name::{NONE, NameRow},
    settings::BetaSettings,
};
use std::{ops::Deref, sync::Arc};

/// The datasets that a prepared view depends on, apart from names.
pub const READS: &[Dataset] = &[
    Dataset::Bars,
    Dataset::Series,
    Dataset::ShareCounts,
    Dataset::Listings,
    Dataset::Memberships,
    Dataset::Holdings,
    Dataset::Splits,
];

/// The request-independent state of a view. Dereferences to the risk model.
#[derive(Clone, Debug)]
pub struct PreparedExposure {
    model: RiskModel,
    lookup: Arc<Lookup>,
}

/// Prepares a view on the threads of the caller's pool. An earlier state, of any view, does not
/// change a bit of the result; its unchanged parts are reused.
pub fn prepare(
    snapshot: &Snapshot,
    roles: &Roles,
    previous: Option<&PreparedExposure>,
) -> PreparedExposure {
    let (model, lookup) = rayon::join(
        || risk::prepare::prepare(snapshot, roles, previous.map(|previous| &previous.model)),
        || Lookup::of(snapshot),
    );
    PreparedExposure { model, lookup: Arc::new(lookup) }
}

impl Deref for PreparedExposure {
    type Target = RiskModel;

    fn deref(&self) -> &RiskModel {
        &self.model
    }
}

impl PreparedExposure {
    /// Whether a book can be analysed at once: the betas of its names are fitted, those listed with
    /// all details, and every name has all of its own returns, so nothing must be drawn.
    pub fn is_whole(&self, book: &Book, listing: Listing) -> bool {
        let is_whole = |name: &NameRow| name.row != NONE && name.absent == 0;
        let mut names =
            book.holdings.iter().map(|holding| self.model.estimated(holding.instrument));
        names.all(|name| name.is_some_and(is_whole))
            && positions::largest(book, listing)
                .iter()
                .all(|holding| self.model.is_detailed(holding.instrument))
    }

    /// Finds instruments by symbol.
    pub fn lookup(&self) -> &Lookup {
        &self.lookup
    }

    /// Memory held, in bytes, excluding the market.
    pub fn bytes(&self) -> usize {
        self.model.bytes() + self.lookup.heap_bytes()
    }

    /// See [`RiskModel::with_settings`].
    #[must_use]
    pub fn with_settings(
        &self,
        settings: BetaSettings,
        instruments: &[InstrumentId],
    ) -> PreparedExposure {
        let model = self.model.with_settings(settings, instruments);
        PreparedExposure { model, lookup: Arc::clone(&self.lookup) }
    }
}
