//! Sizes of a book's names under the requested scheme.

use crate::prepared::PreparedExposure;
use factors::size_scheme::{SchemeSize, SizeScheme, Sizer};
use marketdata::instrument::InstrumentId;

/// Sizes names under a scheme. Those of the standard scheme are kept with the prepared value.
pub(crate) struct Sizing<'a> {
    prepared: &'a PreparedExposure,
    /// `None` for the standard scheme.
    own: Option<Sizer>,
    /// Whether a block shows sizes. If none does, nothing is sized.
    is_shown: bool,
}

impl<'a> Sizing<'a> {
    pub(crate) fn of(
        prepared: &'a PreparedExposure,
        scheme: &SizeScheme,
        is_shown: bool,
    ) -> Sizing<'a> {
        let is_own = is_shown && scheme != SizeScheme::standard();
        let own = is_own.then(|| Sizer::new(scheme.clone(), prepared.snapshot()));
        Sizing { prepared, own, is_shown }
    }

    /// `None` if the size is unknown or not shown.
    pub(crate) fn size(&self, instrument: InstrumentId) -> Option<SchemeSize> {
        match &self.own {
            _ if !self.is_shown => None,
            None => self.prepared.standard_size(instrument),
            Some(sizer) => sizer.size(self.prepared.snapshot(), self.prepared.sizes(), instrument),
        }
    }
}
