//! Views: the snapshot that a request asks for, with the settings and the model version.

use crate::{refusal::Refusal, settings::Settings};
use marketdata::{
    currency::Currency, instant::Instant, market::Market, reference::ReferenceKnowledge,
    snapshot::Snapshot,
};
use portfolio::lines::Violation;
use std::sync::Arc;

/// A snapshot at the canonical instant of its day (see [`Market::canonical`]), and the settings.
#[derive(Clone, Debug)]
pub struct View {
    /// The facts known at the view's instant and revision.
    pub snapshot: Snapshot,
    /// The settings that its answers depend on: those of this server, or earlier ones.
    pub settings: Arc<Settings>,
    /// Whether the market knows more by now: a newer revision, or a later publication. It decides
    /// where the view is prepared, never what an answer contains.
    pub is_past: bool,
}

/// A view at the precise instant of a request, which its answer repeats.
#[derive(Clone, Debug)]
pub struct Pinned {
    view: View,
    as_of: Instant,
    model: &'static str,
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
        settings: Arc<Settings>,
    ) -> Result<View, Refusal> {
        let unknown = || Refusal::RevisionUnknown { asked: revision, head: market.head().revision };
        let snapshot = Snapshot::new(Arc::clone(market), market.canonical(as_of), revision);
        Ok(View { snapshot: snapshot.ok_or_else(unknown)?, settings, is_past: false })
    }

    /// The same view with prices in another currency, which a field of the request gives.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if the view knows no rate of it, so that it could value nothing.
    pub fn in_currency(self, base: Currency, field: &str) -> Result<View, Refusal> {
        self.snapshot.has_rates(base).map_err(|missing| {
            let (field, description) =
                (field.to_owned(), format!("must have a rate: {}", missing.why()));
            Refusal::Invalid(vec![Violation { field, description }])
        })?;
        Ok(View { snapshot: self.snapshot.in_currency(base), ..self })
    }

    /// The same view with other reference knowledge.
    #[must_use]
    pub fn with_reference(self, reference: ReferenceKnowledge) -> View {
        View { snapshot: self.snapshot.with_reference(reference), ..self }
    }
}

impl Pinned {
    /// A view at a precise instant, for a service with this model version.
    pub(crate) fn new(view: View, as_of: Instant, model: &'static str) -> Pinned {
        Pinned { view, as_of, model }
    }

    /// The same view as it was at an earlier instant.
    #[must_use]
    pub fn earlier(&self, as_of: Instant) -> Pinned {
        let as_of = as_of.min(self.as_of);
        let view = View {
            snapshot: self.view.snapshot.earlier(as_of),
            settings: self.view.settings.clone(),
            is_past: true,
        };
        Pinned { view, as_of, model: self.model }
    }

    /// The same facts under the settings and the reference knowledge of another view.
    #[must_use]
    pub fn under(&self, other: &Pinned) -> Pinned {
        let settings = other.view.settings.clone();
        let view = View { settings, ..self.view.clone() };
        let view = view.with_reference(other.view.snapshot.reference());
        Pinned { view, as_of: self.as_of, model: self.model }
    }

    /// The same view with prices in another currency, which a field of the request gives.
    ///
    /// # Errors
    /// As [`View::in_currency`].
    pub fn in_currency(&self, base: Currency, field: &str) -> Result<Pinned, Refusal> {
        let view = self.view.clone().in_currency(base, field)?;
        Ok(Pinned { view, ..self.clone() })
    }

    /// The shared view.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The snapshot of the view.
    pub fn snapshot(&self) -> &Snapshot {
        &self.view.snapshot
    }

    /// The settings of the view.
    pub fn settings(&self) -> &Settings {
        &self.view.settings
    }

    /// The instant the request asked for; the snapshot's own is the canonical one of its day.
    pub fn as_of(&self) -> Instant {
        self.as_of
    }

    /// The model version of the service that answers.
    pub fn model(&self) -> &'static str {
        self.model
    }
}
