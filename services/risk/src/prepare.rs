//! Builds the risk model of a view, from scratch or from that of an earlier view.
//!
//! Heavy parts run on the threads of the caller's pool, and results are collected in the order of
//! names. Only parts that would be the same bit by bit are reused from an earlier view: rows of
//! returns whose bars continue those known then, and fits of months that have ended.

use crate::{
    anchor::{AllPriors, Anchor, EarlierFits},
    beta::PriorGroup,
    drivers::{Drivers, RoleReturns},
    model::{Estimates, RiskModel, TakenOver},
    name::{NO_NAME, NONE, NameRow},
    panel::{Panel, RowSource},
    peers::Peers,
    settings::{BetaSettings, PANEL_SESSIONS},
};
use factors::{
    comparison::Comparison,
    issuer::Issuers,
    kind::InstrumentKind,
    market_value::{LineCap, line_value},
    returns::Sessions,
    roles::Roles,
    sector::{self, Sectors},
    size::{self, Sizes},
    trading::Trading,
};
use marketdata::{
    dataset::Dataset, day::Day, instrument::InstrumentId, quotes::Quotes, snapshot::Snapshot,
};
use rayon::prelude::*;
use std::{collections::BTreeSet, sync::Arc};

/// One instrument as read from the snapshot.
struct Item<'a> {
    instrument: InstrumentId,
    /// Row of the panel, or [`NONE`].
    row: u32,
    cap: Option<LineCap>,
    /// Kind of instrument. One line of a company determines that of its other lines.
    kind: InstrumentKind,
    /// Its sectors by scheme.
    sectors: Sectors<'a>,
}

/// Prepares a view. An earlier model, of any view, does not change a bit of the result.
pub fn prepare(snapshot: &Snapshot, roles: &Roles, previous: Option<&RiskModel>) -> RiskModel {
    let comparison = previous.map(|previous| Comparison::of(snapshot, &previous.snapshot));
    let earlier = previous.zip(comparison.as_ref());
    let dated = || {
        let known = earlier.map(|(model, comparison)| (&*model.trading, comparison));
        let trading = Trading::latest(snapshot, PANEL_SESSIONS, known);
        let sessions = trading.last(PANEL_SESSIONS);
        let role_returns = RoleReturns::of(snapshot, roles, &sessions);
        (trading, sessions, role_returns)
    };
    let ((trading, sessions, role_returns), quotes) = rayon::join(dated, || Quotes::of(snapshot));
    let continued =
        earlier.and_then(|(model, comparison)| Continued::of(model, comparison, &sessions));
    let priced_until = quotes.newest();
    let reader = Reader { snapshot, sessions: &sessions, priced_until, continued };
    let read: Vec<(Item<'_>, Option<RowSource>)> =
        instruments(snapshot, &role_returns).into_par_iter().map(|id| reader.read(id)).collect();
    let (mut items, sources) = numbered(read);
    let before = reader.continued.as_ref().map(|c| (&*c.model.panel, c.shift));
    let panel = Panel::of(sessions.len(), &sources, before);
    let rows: Vec<Option<u32>> = sources.iter().map(RowSource::continued_row).collect();
    let fitted = reader.continued.as_ref().map(|continued| EarlierFits {
        anchor: &continued.model.anchor,
        sessions: &continued.model.sessions,
        rows: &rows,
    });
    let (anchor, fits) = Anchor::of(&role_returns, &sessions, &panel, fitted);
    let taken_over = TakenOver { rows: rows.iter().flatten().count(), fits };
    let (sizes, issuers) = companies((snapshot, roles), &items, earlier);
    assign_kinds(&mut items, snapshot, &sizes);
    let priors = priors(&items, &sizes, &anchor);
    let sector_scheme = sector::most_used(items.iter().map(|item| &item.sectors));
    let sector_schemes = sector::schemes(items.iter().map(|item| &item.sectors));
    let sectors = sectors(sector_scheme, &items);
    let names = Names {
        sizes: &sizes,
        sector_scheme,
        sectors: &sectors,
        priors: &priors,
        anchor: &anchor,
        panel: &panel,
    }
    .all(&issuers, &items);
    let companies = items.iter().filter(|item| item.kind == InstrumentKind::Company);
    let donors = companies.filter(|item| item.row != NONE);
    let donors: Vec<NameRow> = donors.map(|item| names[item.instrument.0 as usize]).collect();
    let estimates = Estimates::none(names.len());
    let peers = Peers::of(Arc::new(names), &anchor, donors, (&panel, sessions.days()));
    RiskModel {
        settings: BetaSettings::PREPARED,
        snapshot: snapshot.clone(),
        drivers: Arc::new(Drivers::of(&role_returns, sessions.len(), &BetaSettings::PREPARED)),
        trading: Arc::new(trading),
        issuers,
        sessions: Arc::new(sessions),
        roles: Arc::new(role_returns),
        panel: Arc::new(panel),
        sizes: Arc::new(sizes),
        sector_scheme: sector_scheme.to_owned(),
        sector_schemes: Arc::new(sector_schemes.into_iter().map(str::to_owned).collect()),
        sectors: Arc::new(sectors),
        quotes: Arc::new(quotes),
        peers: Arc::new(peers),
        anchor: Arc::new(anchor),
        priors: Arc::new(priors),
        estimates: Arc::new(estimates),
        taken_over,
    }
}

/// An earlier model, and what has changed since.
type Earlier<'a> = Option<(&'a RiskModel, &'a Comparison<'a>)>;

/// The sizes of companies, and which lines belong to one.
fn companies(
    (snapshot, roles): (&Snapshot, &Roles),
    items: &[Item<'_>],
    earlier: Earlier<'_>,
) -> (Sizes, Arc<Issuers>) {
    let caps: Vec<(InstrumentId, LineCap)> =
        items.iter().filter_map(|item| Some((item.instrument, item.cap?))).collect();
    let lines: Vec<InstrumentId> = items.iter().map(|item| item.instrument).collect();
    let sizes = earlier.map(|(model, comparison)| (&*model.sizes, comparison));
    let issuers = earlier.map(|(model, comparison)| (&model.issuers, comparison));
    rayon::join(
        || Sizes::assemble(snapshot, roles, &caps, sizes),
        || Issuers::continued(snapshot, roles, &lines, issuers),
    )
}

/// Every instrument with bars, shares, a listing or a place in a fund's holdings, and the lines that
/// the default trade names, in the order of names. Roles and holdings put names into legs even if
/// nothing else is known about them.
fn instruments(snapshot: &Snapshot, roles: &RoleReturns) -> Vec<InstrumentId> {
    let mut instruments = size::candidates(snapshot);
    instruments.extend(snapshot.holders(Dataset::Bars));
    instruments.extend(snapshot.holders(Dataset::Holdings));
    instruments.extend(&roles.named);
    instruments.sort_unstable();
    instruments.dedup();
    snapshot.sort_by_name(&mut instruments);
    instruments
}

/// An earlier model whose sessions continue in the new view.
struct Continued<'a> {
    model: &'a RiskModel,
    comparison: &'a Comparison<'a>,
    /// Number of sessions of the earlier panel that are too old for the new one.
    shift: usize,
    /// The last session of the earlier panel.
    last: Day,
    /// The sessions after it, preceded by the last of the earlier panel, which their first return
    /// needs.
    added: Sessions,
}

impl<'a> Continued<'a> {
    /// Returns `None` unless the sessions of both differ only at the ends.
    fn of(
        model: &'a RiskModel,
        comparison: &'a Comparison<'a>,
        sessions: &Sessions,
    ) -> Option<Continued<'a>> {
        let (old, new) = (model.sessions.with_start(), sessions.with_start());
        let first = new.first()?;
        let shift = old.partition_point(|day| day < first);
        let shared = old.get(shift..)?;
        let last = *shared.last()?;
        new.starts_with(shared).then(|| Continued {
            model,
            comparison,
            shift,
            last,
            added: sessions.between(last, Day::MAX),
        })
    }

    /// A row of the earlier panel with sessions added. `None` if the row must be read anew.
    fn row(&self, snapshot: &Snapshot, instrument: InstrumentId) -> Option<RowSource> {
        let row = self.model.anchored(instrument).row;
        if row == NONE || !self.comparison.has_same_units(instrument) {
            return None;
        }
        let differs_on = self.comparison.first_difference(Dataset::Bars, instrument);
        if differs_on.is_some_and(|day| day <= self.last) {
            return None;
        }
        // Bars that were known before may be of sessions that are new: a day of a few names becomes a
        // session when others follow.
        let mut added = vec![f64::NAN; self.added.len()];
        let known_until = snapshot.span(Dataset::Bars, instrument).map(|(_, end)| end);
        if known_until.is_some_and(|end| self.last < end) {
            self.added.total_returns(snapshot, instrument, &mut added);
        }
        Some(RowSource::Continued { row, added })
    }
}

/// Context for reading instruments.
struct Reader<'s, 'a> {
    snapshot: &'s Snapshot,
    sessions: &'a Sessions,
    /// The newest day of the market's closes.
    priced_until: Day,
    continued: Option<Continued<'a>>,
}

impl<'s> Reader<'s, '_> {
    fn read(&self, instrument: InstrumentId) -> (Item<'s>, Option<RowSource>) {
        let item = Item {
            instrument,
            row: NONE,
            cap: line_value(self.snapshot, instrument, self.priced_until),
            kind: InstrumentKind::Unknown,
            sectors: sector::sectors(self.snapshot, instrument),
        };
        (item, self.returns(instrument))
    }

    /// Returns `None` for an instrument without any return.
    fn returns(&self, instrument: InstrumentId) -> Option<RowSource> {
        let continued = self.continued.as_ref();
        if let Some((continued, source)) =
            continued.and_then(|c| Some((c, c.row(self.snapshot, instrument)?)))
        {
            return source.has_any(&continued.model.panel, continued.shift).then_some(source);
        }
        let mut returns = vec![0.0; self.sessions.len()];
        let present = self.sessions.total_returns(self.snapshot, instrument, &mut returns);
        (0 < present).then_some(RowSource::Read(returns))
    }
}

/// Numbers the rows in the order of their items, and separates items and rows.
fn numbered<'s>(read: Vec<(Item<'s>, Option<RowSource>)>) -> (Vec<Item<'s>>, Vec<RowSource>) {
    let mut sources = Vec::new();
    let number = |(mut item, source): (Item<'s>, Option<RowSource>)| {
        if let Some(source) = source {
            item.row = sources.len() as u32;
            sources.push(source);
        }
        item
    };
    let items = read.into_iter().map(number).collect();
    (items, sources)
}

fn assign_kinds(items: &mut [Item<'_>], snapshot: &Snapshot, sizes: &Sizes) {
    items.par_iter_mut().for_each(|item| {
        let own_kind = || sizes.kinds().get(snapshot, item.instrument);
        item.kind = sizes.get(item.instrument).map_or_else(own_kind, |company| company.kind);
    });
}

/// The priors from companies' fits. Funds, and lines that may be funds, do not enter.
fn priors(items: &[Item<'_>], sizes: &Sizes, anchor: &Anchor) -> AllPriors {
    let companies = items.iter().filter(|item| item.kind == InstrumentKind::Company);
    let fits = companies.filter_map(|item| {
        let bucket = sizes.get(item.instrument).map(|company| company.bucket);
        Some((bucket, *anchor.fits.get(item.row as usize)?))
    });
    AllPriors::of(&fits.collect::<Vec<_>>())
}

/// Inputs of the rows of names.
struct Names<'a> {
    sizes: &'a Sizes,
    sector_scheme: &'a str,
    sectors: &'a [String],
    priors: &'a AllPriors,
    anchor: &'a Anchor,
    panel: &'a Panel,
}

impl Names<'_> {
    /// Rows by instrument number.
    fn all(&self, issuers: &Issuers, items: &[Item<'_>]) -> Vec<NameRow> {
        let size = items.iter().map(|item| item.instrument.0 as usize + 1).max().unwrap_or(0);
        let mut names = vec![NO_NAME; size];
        for item in items {
            let name = &mut names[item.instrument.0 as usize];
            *name = self.name(item);
            let issuer = issuers.number(item.instrument).unwrap_or(NONE);
            name.issuer = issuer;
            name.has_sibling =
                issuers.companies().get(issuer as usize).is_some_and(|lines| 1 < lines.len());
        }
        names
    }

    fn name(&self, item: &Item<'_>) -> NameRow {
        let company = self.sizes.get(item.instrument);
        let bucket = company.map(|company| company.bucket);
        let is_fund = item.kind == InstrumentKind::Fund;
        let may_be_fund = company.is_some_and(|company| company.kind != InstrumentKind::Company);
        let sector = item.sectors.get(self.sector_scheme);
        let mut name = NameRow {
            row: item.row,
            sector: self.sector_index(sector.map(|sector| sector.name)),
            is_classified_elsewhere: !item.sectors.is_empty()
                && !item.sectors.contains_key(self.sector_scheme),
            bucket,
            is_fund,
            may_be_fund,
            later_size_days: company.and_then(|company| company.later_days),
            later_sector_days: sector.and_then(|sector| sector.later_days),
            has_unmoved_cap: company.is_some_and(|company| !company.line.is_of_today),
            ..NO_NAME
        };
        if item.row != NONE {
            name.absent = self.panel.absent(item.row, 0..self.panel.width) as u16;
        }
        let fit = self.anchor.fits.get(item.row as usize).copied();
        let group = PriorGroup::of(bucket, is_fund);
        name.take_betas(&self.priors.details(group, fit, &BetaSettings::PREPARED));
        name
    }

    fn sector_index(&self, name: Option<&str>) -> u32 {
        let at = name.and_then(|name| {
            self.sectors.binary_search_by(|sector| sector.as_str().cmp(name)).ok()
        });
        at.map_or(NONE, |at| at as u32)
    }
}

/// The distinct sector names of a scheme, sorted.
fn sectors(scheme: &str, items: &[Item<'_>]) -> Vec<String> {
    let names: BTreeSet<&str> =
        items.iter().filter_map(|item| Some(item.sectors.get(scheme)?.name)).collect();
    names.into_iter().map(str::to_owned).collect()
}
