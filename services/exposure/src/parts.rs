//! Which part of a partition each holding of a book is in: by size, by sector, by leg of the trade of
//! the settings. Other services split their numbers by the same parts as an exposure report.

use crate::{classification::Classification, prepared::PreparedExposure, sizing::Sizing};
use factors::size_scheme::SizeScheme;
use portfolio::book::{Book, Holding};

/// A partition of the holdings of a book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The ids of the parts; `None`, the last one, is what belongs to none.
    pub ids: Vec<Option<String>>,
    /// By holding of the book, the index of its part.
    pub part_of: Vec<usize>,
}

impl Parts {
    fn of(
        ids: impl Iterator<Item = String>,
        book: &Book,
        part: impl Fn(&Holding) -> usize,
    ) -> Parts {
        let ids: Vec<Option<String>> = ids.map(Some).chain([None]).collect();
        let last = ids.len() - 1;
        let part_of = book.holdings.iter().map(|holding| part(holding).min(last)).collect();
        Parts { ids, part_of }
    }

    /// The bands of a size scheme, the largest companies first.
    pub fn by_size(prepared: &PreparedExposure, book: &Book, scheme: &SizeScheme) -> Parts {
        prepared.size_all(book.holdings.iter().map(|holding| holding.instrument));
        let sizing = Sizing::of(prepared, scheme, true);
        let band = |held: &Holding| sizing.size(held.instrument).map_or(usize::MAX, |s| s.band);
        Parts::of(scheme.bands.iter().map(|band| band.bucket_id.clone()), book, band)
    }

    /// The sectors of a classification scheme, by name; `None` for the view's own.
    pub fn by_sector(prepared: &PreparedExposure, book: &Book, scheme: Option<&str>) -> Parts {
        let names = book.holdings.iter().map(|holding| holding.instrument);
        let found = Classification::of(prepared, scheme, names);
        let sector = |held: &Holding| {
            found.place(held.instrument, prepared.name(held.instrument)).sector as usize
        };
        Parts::of(found.sectors.iter().cloned(), book, sector)
    }

    /// The legs of the trade of the settings.
    pub fn by_leg(prepared: &PreparedExposure, book: &Book) -> Parts {
        let leg = |held: &Holding| {
            let name = prepared.name(held.instrument);
            prepared.membership().leg(
                prepared.standard_sizes(),
                held.instrument,
                name,
                held.market_value,
            )
        };
        let legs = prepared.standard_trade().legs.iter().map(|leg| leg.leg_id.clone());
        Parts::of(legs, book, leg)
    }
}
