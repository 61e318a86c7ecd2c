//! A book by groups: by size, by sector, and by the caller's labels.
//!
//! Sizes and sectors are those of names, so a name is in one group as a whole. A label belongs to a
//! line: a name whose lots have two values of a label is in two groups, with its lots of each, netted
//! as the book is.

use crate::{
    classification::Classification,
    grouping::{GroupBy, LabelGroups},
    groups::Groups,
    prepared::PreparedExposure,
    report::{Breakdown, Exposure, Group},
    request::Request,
    sizing::Sizing,
};
use factors::{funds::Funds, look_through::Part};
use marketdata::instrument::InstrumentId;
use portfolio::{
    book::{Book, Lot},
    unresolved::LooseLine,
};

/// The groups of a book.
#[derive(Clone, Copy)]
pub(crate) struct Grouped<'a> {
    pub(crate) prepared: &'a PreparedExposure,
    pub(crate) request: &'a Request<'a>,
    pub(crate) sizing: &'a Sizing<'a>,
    pub(crate) classification: &'a Classification<'a>,
    /// Of the lines, or of the book looked through its funds.
    pub(crate) groups: &'a Groups,
}

impl Grouped<'_> {
    /// The book by each requested grouping, in the order of the request.
    pub(crate) fn breakdowns(&self) -> Vec<Breakdown> {
        let Grouped { prepared, request, classification, groups, .. } = self;
        let bands = &request.size_scheme.bands;
        let breakdown = |group_by: &GroupBy| match group_by {
            GroupBy::Size => by_name(bands.iter().map(|band| &band.bucket_id), &groups.by_size),
            GroupBy::Sector => by_name(classification.sectors.iter(), &groups.by_sector),
            GroupBy::Label(labels) => by_label(prepared, request.book, labels),
        };
        request.group_by.iter().map(breakdown).collect()
    }

    /// By breakdown, the contributions of its groups to a number that is −Σ value·weighted return
    /// over names: linear in values, so that a group has those of what it holds. `weighted` has one
    /// value per holding. A fund that is looked through has its own returns, and its contribution is
    /// split by the values of what it holds.
    pub(crate) fn contributions(&self, weighted: &[f64]) -> Vec<Vec<f64>> {
        let Grouped { request, sizing, classification, prepared, groups } = self;
        let band = |name: InstrumentId| sizing.size(name).map(|sized| sized.band);
        let sector = |name| Some(classification.place(name, prepared.name(name)).sector as usize);
        let is_opened = request.look_through.is_some();
        let funds = if is_opened { prepared.funds() } else { &Funds::NONE };
        let parts = |exposures: &[Exposure], group: GroupOf<'_>| {
            name_parts((request.book, funds), weighted, (exposures, group))
        };
        let of = |group_by: &GroupBy| match group_by {
            GroupBy::Size => parts(&groups.by_size, &band),
            GroupBy::Sector => parts(&groups.by_sector, &sector),
            GroupBy::Label(labels) => label_parts(request.book, weighted, labels),
        };
        request.group_by.iter().map(of).collect()
    }
}

/// Whether a group by names is shown.
const fn is_held(exposure: &Exposure) -> bool {
    0 < exposure.long_names + exposure.short_names
}

/// The groups that hold names. `exposures` has one more entry than there are ids.
fn by_name<'a>(ids: impl Iterator<Item = &'a String>, exposures: &[Exposure]) -> Breakdown {
    let ids = ids.map(Some).chain([None]);
    let held = ids
        .zip(exposures)
        .filter(|(_, exposure)| is_held(exposure))
        .map(|(id, exposure)| Group { group_id: id.cloned(), exposure: *exposure });
    Breakdown { groups: held.collect() }
}

/// One group per value of a label, and one of the lines without it, if there are any. Sums run in
/// the order of names, and of what lots hold within a name, so that the order of lines does not
/// affect them.
fn by_label(prepared: &PreparedExposure, book: &Book, groups: &LabelGroups) -> Breakdown {
    let mut exposures = vec![Exposure::ZERO; groups.places()];
    groups.split(book, |at, group, lots| {
        let beta = prepared.name(book.holdings[at].instrument).market_beta();
        exposures[group].add(value(lots), book.boxed(lots), beta);
    });
    let of_loose = |line: &LooseLine| Some((groups.of_line(line.line), line.market_value()?));
    let mut loose: Vec<(usize, f64)> = book.loose.iter().filter_map(of_loose).collect();
    loose.sort_unstable_by(|a, b| a.1.total_cmp(&b.1));
    for (group, value) in loose {
        exposures[group].add(value, 0.0, None);
    }
    let group =
        |(id, exposure): (Option<&String>, Exposure)| Group { group_id: id.cloned(), exposure };
    Breakdown { groups: groups.ids().zip(exposures).map(group).collect() }
}

/// The group of a name. `None` if it has none.
type GroupOf<'a> = &'a dyn Fn(InstrumentId) -> Option<usize>;

/// The contributions of the groups that [`by_name`] shows; names without a group are in the last one.
fn name_parts(
    (book, funds): (&Book, &Funds),
    weighted: &[f64],
    (exposures, group): (&[Exposure], GroupOf<'_>),
) -> Vec<f64> {
    let last = exposures.len() - 1;
    let mut parts = vec![0.0; exposures.len()];
    for (holding, weighted) in book.holdings.iter().zip(weighted) {
        let line = Part::line(holding.instrument, holding.market_value, holding.boxed);
        for part in line.opened(funds) {
            let place = group(part.instrument).unwrap_or(last).min(last);
            parts[place] -= weighted * part.market_value;
        }
    }
    let held = parts.iter().zip(exposures).filter(|(_, exposure)| is_held(exposure));
    held.map(|(part, _)| *part).collect()
}

/// The contributions of the groups that [`by_label`] shows.
fn label_parts(book: &Book, weighted: &[f64], groups: &LabelGroups) -> Vec<f64> {
    let mut parts = vec![0.0; groups.places()];
    groups.split(book, |at, group, lots| parts[group] -= weighted[at] * value(lots));
    parts.truncate(groups.ids().count());
    parts
}

fn value(lots: &[Lot]) -> f64 {
    lots.iter().map(|lot| lot.market_value).sum()
}
