//! A book by what its names are: by size, by sector, by the legs of trades. It is made of the lines as
//! they are held, or of the parts that a look through funds makes of them.

use crate::{
    classification::{Classification, Place},
    name::{NONE, NameRow},
    prepared::PreparedExposure,
    report::Exposure,
    sizing::Sizing,
    trades::Trade,
};
use factors::{
    look_through::{FundView, Part},
    market_value::CapSource,
};
use portfolio::{book::Book, coverage::Aspect, unresolved::LooseLine};

/// Names of which something was published after the as-of date.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Later {
    /// Gross market value.
    pub(crate) gross: f64,
    /// Number of names.
    pub(crate) names: usize,
    /// Calendar days from the as-of day to the latest publication.
    pub(crate) days: u16,
}

impl Later {
    pub(crate) const NONE: Later = Later { gross: 0.0, names: 0, days: 0 };

    pub(crate) fn add(&mut self, size: f64, days: Option<u16>) {
        if let Some(days) = days {
            self.gross += size;
            self.names += 1;
            self.days = self.days.max(days);
        }
    }
}

/// What is known of a name: its row, its size band and its place among the sectors.
#[derive(Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) name: &'a NameRow,
    pub(crate) band: Option<usize>,
    pub(crate) place: Place,
}

/// Finds what is known of names.
#[derive(Clone, Copy)]
pub(crate) struct Finder<'a> {
    pub(crate) prepared: &'a PreparedExposure,
    pub(crate) sizing: &'a Sizing<'a>,
    /// Number of bands of the size scheme.
    pub(crate) bands: usize,
    pub(crate) classification: &'a Classification<'a>,
    /// The standard trade and those of the request. Empty if no block needs legs.
    pub(crate) trades: &'a [Trade<'a>],
}

impl<'a> Finder<'a> {
    pub(crate) fn find(&self, part: &Part) -> Found<'a> {
        let name = self.prepared.name(part.instrument);
        let band = self.sizing.size(part.instrument).map(|sized| sized.band);
        Found { name, band, place: self.classification.place(part.instrument, name) }
    }
}

/// Sums over the names of a book by what they are.
#[derive(Debug)]
pub(crate) struct Groups {
    /// Gross of everything: the unit of shares.
    pub(crate) gross: f64,
    pub(crate) total: Exposure,
    /// By band of the scheme; the last entry is for names of unknown size.
    pub(crate) by_size: Vec<Exposure>,
    /// By sector; the last entry is for names without one.
    pub(crate) by_sector: Vec<Exposure>,
    /// By trade and leg; the last leg is everything else.
    pub(crate) legs: Vec<Vec<Exposure>>,
    /// Market values with a size of their own, and with a proxy.
    sized: [f64; 2],
    /// Gross of names without a size bucket, and of names without a sector.
    pub(crate) unsized_gross: f64,
    /// Gross of names that have a size bucket but are not classified as company or fund.
    pub(crate) may_be_fund_gross: f64,
    pub(crate) unsectored_gross: f64,
    /// The part of it that has a sector in another scheme.
    pub(crate) sectored_elsewhere_gross: f64,
    /// Names whose size was published after the as-of date, and those whose sector was.
    pub(crate) later_size: Later,
    pub(crate) later_sector: Later,
}

impl Groups {
    pub(crate) fn empty(finder: Finder<'_>, gross: f64) -> Groups {
        let legs = |trade: &Trade<'_>| vec![Exposure::ZERO; trade.definition.legs.len() + 1];
        Groups {
            gross,
            total: Exposure::ZERO,
            by_size: vec![Exposure::ZERO; finder.bands + 1],
            by_sector: vec![Exposure::ZERO; finder.classification.sectors.len() + 1],
            legs: finder.trades.iter().map(legs).collect(),
            sized: [0.0; 2],
            unsized_gross: 0.0,
            may_be_fund_gross: 0.0,
            unsectored_gross: 0.0,
            sectored_elsewhere_gross: 0.0,
            later_size: Later::NONE,
            later_sector: Later::NONE,
        }
    }

    /// The groups of a book looked through its funds. Side by side, both sides of a name are in legs:
    /// to leave a trade, the line and the fund are both traded. Otherwise its net value is.
    pub(crate) fn of_parts(
        finder: Finder<'_>,
        (parts, view): (&[Part], FundView),
        book: &Book,
    ) -> Groups {
        let loose = book.loose.iter().filter_map(LooseLine::market_value).map(f64::abs);
        let gross = parts.iter().map(Part::gross).sum::<f64>() + loose.sum::<f64>();
        let mut groups = Groups::empty(finder, gross);
        for part in parts {
            let found = finder.find(part);
            groups.add(finder.prepared, part, found);
            let beta = found.name.market_beta();
            for (at, trade) in finder.trades.iter().enumerate() {
                let sides = match view {
                    FundView::Netted => [part.market_value, 0.0],
                    FundView::Gross => [part.long(), 0.0 - part.short()],
                };
                for side in sides {
                    if 0.0 < side.abs() {
                        let test = trade.membership;
                        let leg = test.leg(
                            finder.prepared.standard_sizes(),
                            part.instrument,
                            found.name,
                            side,
                        );
                        groups.legs[at][leg].add(side, 0.0, beta);
                    }
                }
            }
        }
        groups.add_loose(book);
        groups
    }

    /// Adds a name, but for its legs.
    pub(crate) fn add(&mut self, prepared: &PreparedExposure, part: &Part, found: Found<'_>) {
        let Found { name, band, place } = found;
        let (value, boxed, size) = (part.market_value, part.boxed, part.gross());
        self.total.add(value, boxed, name.market_beta());
        let unsized_band = self.by_size.len() - 1;
        self.by_size[band.unwrap_or(unsized_band)].add(value, boxed, name.market_beta());
        let unsectored = self.by_sector.len() - 1;
        self.by_sector[(place.sector as usize).min(unsectored)].add(
            value,
            boxed,
            name.market_beta(),
        );
        if band.is_none() {
            self.unsized_gross += size;
        }
        if name.may_be_fund {
            self.may_be_fund_gross += size;
        }
        if place.sector == NONE {
            self.unsectored_gross += size;
        }
        if place.is_elsewhere {
            self.sectored_elsewhere_gross += size;
        }
        self.later_sector.add(size, place.later_days);
        if band.is_some() {
            let source = prepared.size(part.instrument).map(|company| company.line.source);
            let is_own = source == Some(CapSource::SharesTimesClose)
                && !name.may_be_fund
                && name.later_size_days.is_none();
            self.sized[usize::from(!is_own)] += size;
            self.later_size.add(size, name.later_size_days);
        }
    }

    /// Adds lines that did not join but gave a value, sorted by value so that the order of lines
    /// does not affect the sums.
    pub(crate) fn add_loose(&mut self, book: &Book) {
        let mut loose: Vec<f64> = book.loose.iter().filter_map(LooseLine::market_value).collect();
        loose.sort_unstable_by(f64::total_cmp);
        for value in loose {
            self.total.add(value, 0.0, None);
            let unsized_band = self.by_size.len() - 1;
            self.by_size[unsized_band].add(value, 0.0, None);
            let unsectored = self.by_sector.len() - 1;
            self.by_sector[unsectored].add(value, 0.0, None);
            for others in self.legs.iter_mut().filter_map(|legs| legs.last_mut()) {
                others.add(value, 0.0, None);
            }
            self.unsized_gross += value.abs();
            self.unsectored_gross += value.abs();
        }
    }

    /// Market values with data of their own and with a proxy, by aspect.
    pub(crate) fn coverage(&self) -> [(Aspect, [f64; 2]); 2] {
        let classified = self.gross - self.unsectored_gross;
        [
            (Aspect::Sized, self.sized),
            (Aspect::Classified, [classified - self.later_sector.gross, self.later_sector.gross]),
        ]
    }
}
