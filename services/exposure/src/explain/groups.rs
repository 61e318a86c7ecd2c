//! The P&L by groups: by size, by sector, and by the caller's labels, as known at the start.
//!
//! Sizes and sectors are those of names, so a name is in one group as a whole. A label belongs to a
//! line: a name whose lots have two values of a label is in two groups, each with what its lots made.

use super::{
    Explained, Request,
    forecast::Forecast,
    parts::{NameParts, Sum},
    report::GroupPnl,
};
use crate::{
    classification::Classification,
    gaps,
    grouping::{GroupBy, LabelGroups},
    groups::Later,
    prepared::PreparedExposure,
    sizing::Sizing,
};
use marketdata::gap::{Gap, Grouping};
use portfolio::book::{Book, Lot};

/// The names explained, and what their groups are made of.
pub(super) struct Groups<'a> {
    start: &'a PreparedExposure,
    request: &'a Request<'a>,
    names: &'a [Explained<'a>],
    sizing: Sizing<'a>,
    classification: Classification<'a>,
}

impl<'a> Groups<'a> {
    pub(super) fn of(
        start: &'a PreparedExposure,
        request: &'a Request<'a>,
        names: &'a [Explained<'a>],
    ) -> Groups<'a> {
        let shows = |grouping: &GroupBy| request.group_by.contains(grouping);
        let held = request.book.holdings.iter().map(|holding| holding.instrument);
        let shown = held.filter(|_| shows(&GroupBy::Sector));
        Groups {
            start,
            request,
            names,
            sizing: Sizing::of(start, request.size_scheme, shows(&GroupBy::Size)),
            classification: Classification::of(start, request.classification, shown),
        }
    }

    /// The scheme of the sectors.
    pub(super) fn scheme(&self) -> String {
        self.classification.scheme.to_owned()
    }

    /// The groups of each grouping of the request, in its order.
    pub(super) fn breakdowns(
        &self,
        forecast: &Forecast,
        parts: &[NameParts],
    ) -> Vec<Vec<GroupPnl>> {
        let bands = &self.request.size_scheme.bands;
        let sectors = self.classification.sectors.iter();
        let groups = |group_by: &GroupBy| match group_by {
            GroupBy::Size => {
                let ids = bands.iter().map(|band| &band.bucket_id);
                self.by_name((forecast, parts), ids, |name| self.band(name))
            }
            GroupBy::Sector => {
                self.by_name((forecast, parts), sectors.clone(), |name| self.sector(name))
            }
            GroupBy::Label(groups) => self.by_label((forecast, parts), groups),
        };
        self.request.group_by.iter().map(groups).collect()
    }

    /// The place of a name's band; beyond the last one if its size is unknown.
    fn band(&self, name: &Explained<'_>) -> usize {
        self.sizing.size(name.holding.instrument).map_or(usize::MAX, |sized| sized.band)
    }

    /// The place of a name's sector; beyond the last one if it has none.
    fn sector(&self, name: &Explained<'_>) -> usize {
        let instrument = name.holding.instrument;
        self.classification.place(instrument, self.start.name(instrument)).sector as usize
    }

    /// The groups that have names; names beyond the last id come last, without an id.
    fn by_name<'b>(
        &self,
        (forecast, parts): (&Forecast, &[NameParts]),
        ids: impl Iterator<Item = &'b String> + Clone,
        place: impl Fn(&Explained<'_>) -> usize,
    ) -> Vec<GroupPnl> {
        let last = ids.clone().count();
        let mut sums = vec![Sum::new(forecast); last + 1];
        for (name, parts) in self.names.iter().zip(parts) {
            let carried = &name.carried;
            sums[place(name).min(last)].add(carried.pnl(), &parts.past, carried.start_value);
        }
        let rows = ids.map(Some).chain([None]).zip(&sums).map(|(id, sum)| sum.row(id, forecast));
        rows.filter(|row| 0 < row.names).collect()
    }

    /// One group per value of a label, and one of the lines without it, if there are any. Sums run in
    /// the order of names, and of what lots hold within a name.
    fn by_label(
        &self,
        (forecast, parts): (&Forecast, &[NameParts]),
        groups: &LabelGroups,
    ) -> Vec<GroupPnl> {
        let mut sums = vec![Sum::new(forecast); groups.ids().count()];
        for (name, parts) in self.names.iter().zip(parts) {
            let carried = &name.carried;
            let lots = lots_by_group(self.request.book, name, groups);
            let is_whole = lots.chunk_by(|a, b| a.0 == b.0).count() == 1;
            let unit = (!is_whole).then(|| self.past_of_unit(forecast, name));
            for lots in lots.chunk_by(|a, b| a.0 == b.0) {
                let sum = &mut sums[lots[0].0];
                let Some(unit) = &unit else {
                    sum.add(carried.pnl(), &parts.past, carried.start_value);
                    continue;
                };
                let value: f64 = lots.iter().map(|(_, lot)| carried.lot_value(lot)).sum();
                let past: Vec<f64> = unit.iter().map(|made| made * value).collect();
                sum.add(carried.pnl_of(value), &past, value);
            }
        }
        groups.ids().zip(&sums).map(|(id, sum)| sum.row(id, forecast)).collect()
    }

    /// What one unit of money in a name would have made on the sessions before.
    fn past_of_unit(&self, forecast: &Forecast, name: &Explained<'_>) -> Vec<f64> {
        forecast.returns(self.start, self.start.name(name.holding.instrument)).0
    }

    /// Names that are sized or classified by what was published after the start.
    pub(super) fn gaps(&self) -> Vec<Gap> {
        let (mut size, mut sector) = (Later::NONE, Later::NONE);
        for name in self.names {
            let (instrument, gross) = (name.holding.instrument, name.holding.gross());
            let row = self.start.name(instrument);
            size.add(gross, row.later_size_days);
            sector.add(gross, self.classification.place(instrument, row).later_days);
        }
        let shown = self.request.group_by.iter().filter_map(|grouping| match grouping {
            GroupBy::Size => Some((Grouping::Size, size)),
            GroupBy::Sector => Some((Grouping::Sector, sector)),
            GroupBy::Label(_) => None,
        });
        let gross = self.request.book.gross;
        shown
            .filter_map(|(grouping, later)| gaps::later_knowledge(grouping, later, gross))
            .collect()
    }
}

/// The lots of a name with the places of their groups, group by group.
fn lots_by_group(book: &Book, name: &Explained<'_>, groups: &LabelGroups) -> Vec<(usize, Lot)> {
    let place = |lot: &Lot| (groups.of_line(lot.line), *lot);
    let mut lots: Vec<(usize, Lot)> = book.lots(name.holding).iter().map(place).collect();
    lots.sort_by_key(|(group, _)| *group);
    lots
}
