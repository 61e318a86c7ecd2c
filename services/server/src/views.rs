//! Views: the snapshot that a request asks for, with roles and versions.

use crate::refusal::Refusal;
use factors::roles::Roles;
use marketdata::{
    instant::Instant, market::Market, reference::ReferenceKnowledge, snapshot::Snapshot,
};
use std::sync::Arc;

/// The versions that an answer depends on, besides the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Version of the formulas.
    pub model_version: String,
    /// Hash of the settings that can alter an answer, hex.
    pub config_hash: String,
}

/// A snapshot at the canonical instant of its day (see [`Market::canonical`]), and the roles.
#[derive(Clone, Debug)]
pub struct View {
    /// The facts known at the view's instant and revision.
    pub snapshot: Snapshot,
    /// The symbols configured for each role.
    pub roles: Arc<Roles>,
}

/// A view at the precise instant of a request, which its answer repeats.
#[derive(Clone, Debug)]
pub struct Pinned {
    view: View,
    as_of: Instant,
    identity: Arc<Identity>,
}

impl View {
    /// The view of a market at an instant and a revision.
    ///
    /// # Errors
    /// [`Refusal::RevisionUnknown`] if the revision is beyond the head.
    pub fn of(
        market: &Arc<Market>,
        as_of: Instant,
        revision: u64,
        roles: &Arc<Roles>,
    ) -> Result<View, Refusal> {
        let unknown = || Refusal::RevisionUnknown { asked: revision, head: market.head().revision };
        let snapshot = Snapshot::new(Arc::clone(market), market.canonical(as_of), revision);
        Ok(View { snapshot: snapshot.ok_or_else(unknown)?, roles: Arc::clone(roles) })
    }

    /// The same view with other reference knowledge.
    #[must_use]
    pub fn with_reference(self, reference: ReferenceKnowledge) -> View {
        View { snapshot: self.snapshot.with_reference(reference), ..self }
    }
}

impl Pinned {
    /// A view at a precise instant.
    pub(crate) fn new(view: View, as_of: Instant, identity: Arc<Identity>) -> Pinned {
        Pinned { view, as_of, identity }
    }

    /// The shared view.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The snapshot of the view.
    pub fn snapshot(&self) -> &Snapshot {
        &self.view.snapshot
    }

    /// The instant the request asked for; the snapshot's own is the canonical one of its day.
    pub fn as_of(&self) -> Instant {
        self.as_of
    }

    /// The versions that the answer depends on, besides the data.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }
}
