//! The state shared by all analyses of a view: the risk model, and the lookup of names by symbol.

use crate::{
    day_moves::DayMoves,
    listed::largest,
    membership::Membership,
    settings::Listing,
    standard_sizes::{Buckets, StandardSizes},
};
use factors::{funds::Funds, roles::Roles, size_scheme::SchemeSize, trade::TradeDefinition};
use marketdata::{dataset::Dataset, instrument::InstrumentId, quotes::Quote, snapshot::Snapshot};
use portfolio::{book::Book, lookup::Lookup};
use rayon::prelude::*;
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
    Dataset::Identifiers,
];

/// The request-independent state of a view. Dereferences to the risk model.
#[derive(Clone, Debug)]
pub struct PreparedExposure {
    model: RiskModel,
    lookup: Arc<Lookup>,
    buckets: Arc<Buckets>,
    moves: Arc<DayMoves>,
    roles: Arc<Roles>,
    /// The legs of the standard trade.
    membership: Arc<Membership>,
    funds: Arc<Funds>,
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
    let membership =
        Membership::of(snapshot, roles, &model.roles.trade, &|name| snapshot.listed(name));
    let buckets = Buckets::new(snapshot, model.sizes().companies);
    let moves = DayMoves::new(model.peers.names.len());
    let funds = Funds::of(snapshot, &model.quotes);
    PreparedExposure {
        model,
        lookup: Arc::new(lookup),
        buckets: Arc::new(buckets),
        moves: Arc::new(moves),
        roles: Arc::new(roles.clone()),
        membership: Arc::new(membership),
        funds: Arc::new(funds),
    }
}

impl Deref for PreparedExposure {
    type Target = RiskModel;

    fn deref(&self) -> &RiskModel {
        &self.model
    }
}

impl PreparedExposure {
    /// Whether a book can be analysed at once: the betas of its names are fitted, those listed with
    /// all details, their companies are sized, and every name has all of its own returns, so
    /// nothing must be drawn.
    pub fn is_whole(&self, book: &Book, listing: Listing) -> bool {
        let is_whole = |name: &NameRow| name.row != NONE && name.absent == 0;
        let is_sized = |id: InstrumentId| self.standard_sizes().is_found(id);
        let is_ready =
            |id: InstrumentId| self.model.estimated(id).is_some_and(is_whole) && is_sized(id);
        book.holdings.iter().all(|holding| is_ready(holding.instrument))
            && largest(book, listing)
                .iter()
                .all(|holding| self.model.is_detailed(holding.instrument))
    }

    /// The bucket of a line's company under the standard scheme. `None` if its size is unknown.
    pub fn standard_size(&self, instrument: InstrumentId) -> Option<SchemeSize> {
        self.standard_sizes().band(instrument)
    }

    /// The sizes of companies under the standard scheme.
    pub(crate) fn standard_sizes(&self) -> StandardSizes<'_> {
        StandardSizes { model: &self.model, buckets: &self.buckets }
    }

    /// Finds the buckets of instruments on the threads of the caller's pool.
    pub fn size_all(&self, instruments: impl Iterator<Item = InstrumentId>) {
        let sizes = self.standard_sizes();
        let missing: Vec<InstrumentId> = instruments.filter(|id| !sizes.is_found(*id)).collect();
        // Splitting an empty list would start rayon's global pool on a thread outside of any pool.
        if !missing.is_empty() {
            missing.par_iter().for_each(|id| {
                self.standard_size(*id);
            });
        }
    }

    /// Finds instruments by any identifier.
    pub fn lookup(&self) -> &Lookup {
        &self.lookup
    }

    /// Memory held, in bytes, excluding the market.
    pub fn bytes(&self) -> usize {
        let members = self.membership.bytes() + self.funds.heap_bytes();
        let found = self.lookup.heap_bytes() + self.buckets.bytes() + members;
        self.model.bytes() + found + self.moves.bytes()
    }

    /// Every fund with known holdings, looked through.
    pub fn funds(&self) -> &Funds {
        &self.funds
    }

    /// The trade of the settings.
    pub fn standard_trade(&self) -> &TradeDefinition {
        &self.model.roles.trade
    }

    /// The roles as configured.
    pub(crate) fn configured_roles(&self) -> &Roles {
        &self.roles
    }

    /// The legs of the standard trade.
    pub(crate) fn membership(&self) -> &Membership {
        &self.membership
    }

    /// What names made on past days.
    pub(crate) fn moves(&self) -> &DayMoves {
        &self.moves
    }

    /// See [`RiskModel::with_settings`].
    #[must_use]
    pub fn with_settings(
        &self,
        settings: BetaSettings,
        instruments: &[InstrumentId],
    ) -> PreparedExposure {
        let model = self.model.with_settings(settings, instruments);
        PreparedExposure { model, ..self.clone() }
    }

    /// Whether a price is more than a week older than the latest in the view.
    pub(crate) fn is_stale(&self, quote: Quote) -> bool {
        self.quotes.session().is_some_and(|last| quote.on.plus(7) < last)
    }
}
