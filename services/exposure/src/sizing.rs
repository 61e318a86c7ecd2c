//! Sizes of a book's names under the requested scheme.

use crate::prepared::PreparedExposure;
use factors::size_scheme::{SchemeSize, SizeScheme, Sizer};
use marketdata::instrument::InstrumentId;

/// Sizes names under a scheme. Those of the standard scheme are kept with the prepared value.
pub(crate) struct Sizing<'a> {
    prepared: &'a PreparedExposure,
    /// `None` for the standard scheme.
    own: Option<Sizer>,
}

impl<'a> Sizing<'a> {
    pub(crate) fn of(prepared: &'a PreparedExposure, scheme: &SizeScheme) -> Sizing<'a> {
        let is_own = scheme != SizeScheme::standard();
        let own = is_own.then(|| Sizer::new(scheme.clone(), prepared.snapshot()));
        Sizing { prepared, own }
    }

    /// `None` if the size is unknown.
    pub(crate) fn size(&self, instrument: InstrumentId) -> Option<SchemeSize> {
        match &self.own {
            None => self.prepared.standard_size(instrument),
            Some(sizer) => sizer.size(self.prepared.snapshot(), self.prepared.sizes(), instrument),
        }
    }
}
