//! Sizes of a book's names under the requested scheme, and their legs of the trade.

use crate::{name::NameRow, prepared::PreparedExposure, report::Leg};
use factors::size_scheme::{MEGA, MID, SchemeSize, SizeScheme, Sizer};
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

impl PreparedExposure {
    /// The role of a holding in the trade, which uses the standard scheme. A line that may be a fund
    /// is not put into a leg by size alone.
    pub(crate) fn leg(&self, instrument: InstrumentId, name: &NameRow, market_value: f64) -> Leg {
        let band = || {
            let sized = self.standard_size(instrument).filter(|_| !name.may_be_fund);
            sized.map(|sized| sized.band)
        };
        if 0.0 < market_value && (name.is_megacap || band() == Some(MEGA)) {
            Leg::MegacapLong
        } else if market_value < 0.0
            && (name.in_small_cap_index || band().is_some_and(|band| MID <= band))
        {
            Leg::SmallCapShort
        } else {
            Leg::Other
        }
    }
}
