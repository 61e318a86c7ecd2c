//! Sectors of a book's names in the classification scheme of the report.

use crate::{
    name::{NONE, NameRow},
    prepared::PreparedExposure,
};
use factors::sector;
use marketdata::instrument::InstrumentId;
use std::{borrow::Cow, collections::BTreeMap};

/// The sectors of a report. Those of the view's own scheme are kept with the prepared value.
pub(crate) struct Classification<'a> {
    /// The scheme. Empty: no name of the view is classified, or the sources name no scheme.
    pub(crate) scheme: &'a str,
    /// The distinct sectors, sorted.
    pub(crate) sectors: Cow<'a, [String]>,
    /// The names of the book, and those behind it, by instrument. `None` for the view's own scheme.
    own: Option<BTreeMap<InstrumentId, Place>>,
}

/// Place of a name in a scheme.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// Index of the sector, or [`NONE`].
    pub(crate) sector: u32,
    /// Whether it has a sector in other schemes only.
    pub(crate) is_elsewhere: bool,
    /// Calendar days from the as-of day to the sector's publication. `None` if it was published by
    /// then.
    pub(crate) later_days: Option<u16>,
}

/// Not classified.
const NOWHERE: Place = Place { sector: NONE, is_elsewhere: false, later_days: None };

impl<'a> Classification<'a> {
    /// The sectors of names in a scheme, or in the view's own.
    pub(crate) fn of(
        prepared: &'a PreparedExposure,
        scheme: Option<&'a str>,
        names: impl Iterator<Item = InstrumentId>,
    ) -> Classification<'a> {
        let usual = prepared.sector_scheme.as_str();
        let scheme = scheme.unwrap_or(usual);
        if scheme == usual {
            let sectors = Cow::Borrowed(prepared.sectors.as_slice());
            return Classification { scheme, sectors, own: None };
        }
        let found: Vec<_> =
            names.map(|id| (id, sector::sectors(prepared.snapshot(), id))).collect();
        let named =
            found.iter().filter_map(|(_, schemes)| schemes.get(scheme)).map(|sector| sector.name);
        let mut sectors: Vec<&str> = named.collect();
        sectors.sort_unstable();
        sectors.dedup();
        let place = |(id, schemes): &(InstrumentId, sector::Sectors<'_>)| {
            let found = schemes.get(scheme);
            let at = found.and_then(|sector| sectors.binary_search(&sector.name).ok());
            let is_elsewhere = at.is_none() && !schemes.is_empty();
            let later_days = found.and_then(|sector| sector.later_days);
            (*id, Place { sector: at.map_or(NONE, |at| at as u32), is_elsewhere, later_days })
        };
        let own = Some(found.iter().map(place).collect());
        let sectors = sectors.into_iter().map(str::to_owned).collect();
        Classification { scheme, sectors, own }
    }

    /// A name's place among the sectors.
    pub(crate) fn place(&self, instrument: InstrumentId, name: &NameRow) -> Place {
        match &self.own {
            None => Place {
                sector: name.sector,
                is_elsewhere: name.is_classified_elsewhere,
                later_days: name.later_sector_days,
            },
            Some(own) => own.get(&instrument).copied().unwrap_or(NOWHERE),
        }
    }
}
