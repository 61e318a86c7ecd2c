//! What every analysis of a view shares: betas, sizes, sectors and returns of all names.
//!
//! Preparing is split so that a caller may run it on several threads: [`Plan::of`] reads the calendar
//! and the drivers, [`Plan::part`] does fixed ranges of instruments, [`Plan::assemble`] puts the parts
//! together in order. The result does not depend on who ran which part.

use crate::{
    beta::{Beta, Fitter, NameFit, Priors},
    drivers::{Driver, Drivers, RoleReturns},
    panel::Panel,
    settings::{BetaSettings, PANEL_SESSIONS, PREPARED_INTERVAL, PREPARED_LEVELS},
};
use factors::{
    returns::Sessions,
    roles::{Played, Roles},
    size::{self, LineCap, Size, SizeBucket, Sizes},
};
use marketdata::{
    book::Quotes, dataset::Dataset, instrument::InstrumentId, lookup::Lookup, snapshot::Snapshot,
};
use stats::{
    quantile::{OrderInterval, order_interval},
    rank::median_in_place,
    regression::Estimate,
};
use std::sync::Arc;

/// Instruments in a part.
const PART_INSTRUMENTS: usize = 128;

/// Residual volatility of a name when no name has any: 3 % a day.
const RESIDUAL_SD_UNKNOWN: f64 = 0.03;

/// No row, no sector.
pub(crate) const NONE: u32 = u32::MAX;

/// A name as an analysis reads it: one cache line or little more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name {
    pub(crate) market: f64,
    pub(crate) market_error: f64,
    pub(crate) size: f64,
    pub(crate) size_error: f64,
    pub(crate) crowd: f64,
    pub(crate) crowd_error: f64,
    /// Row of the panel, or [`NONE`].
    pub(crate) row: u32,
    /// Index among the sectors, or [`NONE`].
    pub(crate) sector: u32,
    /// Number of the company, or [`NONE`].
    pub(crate) issuer: u32,
    /// Sessions of the panel without a return of its own.
    pub(crate) absent: u16,
    pub(crate) bucket: Option<SizeBucket>,
    pub(crate) has_beta: bool,
    pub(crate) has_own_beta: bool,
    /// On the long side of the trade when held long.
    pub(crate) megacap: bool,
    /// On the short side of the trade when held short.
    pub(crate) small_cap: bool,
    /// Whether another line is of the same company.
    pub(crate) has_sibling: bool,
}

/// The rest of a name: what a listed position shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Details {
    pub(crate) market: Option<Beta>,
    pub(crate) size: Option<Beta>,
    pub(crate) crowd: Option<Beta>,
    pub(crate) fit: Option<NameFit>,
}

/// The request-independent state of a view.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The settings that the betas were estimated with.
    pub settings: BetaSettings,
    pub(crate) snapshot: Snapshot,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) roles: Arc<RoleReturns>,
    pub(crate) drivers: Arc<Drivers>,
    pub(crate) panel: Arc<Panel>,
    pub(crate) sizes: Arc<Sizes>,
    pub(crate) sectors: Arc<Vec<String>>,
    pub(crate) lookup: Arc<Lookup>,
    pub(crate) quotes: Arc<Quotes>,
    /// By instrument number.
    pub(crate) names: Arc<Vec<Name>>,
    pub(crate) details: Arc<Vec<Details>>,
    priors: Arc<AllPriors>,
    /// Intervals of the prepared levels over the whole panel.
    pub(crate) intervals: [Option<OrderInterval>; 2],
}

/// What is done once, before the parts.
#[derive(Debug)]
pub struct Plan {
    snapshot: Snapshot,
    roles: Roles,
    sessions: Sessions,
    role_returns: RoleReturns,
    drivers: Drivers,
    lookup: Lookup,
    quotes: Quotes,
    /// Everything with bars, shares or a listing, by number.
    instruments: Vec<InstrumentId>,
}

/// A range of instruments, read and fitted.
#[derive(Debug)]
pub struct Part {
    panel: Panel,
    items: Vec<Item>,
}

#[derive(Debug)]
struct Item {
    instrument: InstrumentId,
    fit: Option<NameFit>,
    cap: Option<LineCap>,
    /// Text id.
    sector: Option<f64>,
}

#[derive(Debug)]
struct AllPriors {
    market: Priors,
    size: Priors,
    crowd: Priors,
}

/// Prepares a view on one thread.
pub fn prepare(snapshot: &Snapshot, roles: &Roles) -> Prepared {
    let plan = Plan::of(snapshot, roles);
    let parts = (0..plan.parts()).map(|index| plan.part(index)).collect();
    plan.assemble(parts)
}

impl Plan {
    /// Reads the calendar, the drivers and the last prices.
    pub fn of(snapshot: &Snapshot, roles: &Roles) -> Plan {
        let sessions = Sessions::of(snapshot, PANEL_SESSIONS);
        let role_returns = RoleReturns::of(snapshot, roles, &sessions);
        let drivers = Drivers::of(&role_returns, sessions.len(), &BetaSettings::PREPARED);
        let mut instruments = size::candidates(snapshot);
        instruments.extend(snapshot.holders(Dataset::Bars));
        instruments.sort_unstable();
        instruments.dedup();
        Plan {
            snapshot: snapshot.clone(),
            roles: roles.clone(),
            sessions,
            role_returns,
            drivers,
            lookup: Lookup::of(snapshot),
            quotes: Quotes::of(snapshot),
            instruments,
        }
    }

    /// Number of parts.
    pub fn parts(&self) -> usize {
        self.instruments.len().div_ceil(PART_INSTRUMENTS)
    }

    /// Reads and fits one range of instruments.
    pub fn part(&self, index: usize) -> Part {
        let start = (index * PART_INSTRUMENTS).min(self.instruments.len());
        let end = (start + PART_INSTRUMENTS).min(self.instruments.len());
        let mut part = Part { panel: Panel::empty(self.sessions.len()), items: Vec::new() };
        let mut fitter = Fitter::new(&self.drivers, &BetaSettings::PREPARED);
        let mut returns = vec![0.0; self.sessions.len()];
        for instrument in &self.instruments[start..end] {
            let present = self.sessions.total_returns(&self.snapshot, *instrument, &mut returns);
            let fit = (0 < present).then(|| {
                // Fits see what the panel keeps, so that a fit from the panel gives the same bits.
                returns.iter_mut().for_each(|r| *r = f64::from(*r as f32));
                part.panel.push(&returns);
                fitter.fit(&returns[self.drivers.first..])
            });
            let quote = self.quotes.get(*instrument);
            part.items.push(Item {
                instrument: *instrument,
                fit,
                cap: size::line_cap(&self.snapshot, *instrument, quote),
                sector: size::sector(&self.snapshot, *instrument),
            });
        }
        part
    }

    /// Puts all parts together, in the order of their indices.
    pub fn assemble(self, parts: Vec<Part>) -> Prepared {
        let mut panel = Panel::empty(self.sessions.len());
        let mut items = Vec::with_capacity(self.instruments.len());
        for part in parts {
            panel.append(&part.panel);
            items.extend(part.items);
        }
        let caps: Vec<(InstrumentId, LineCap)> =
            items.iter().filter_map(|item| Some((item.instrument, item.cap?))).collect();
        let sizes = Sizes::assemble(&self.snapshot, &self.roles, &caps);
        let sectors = sectors(&self.snapshot, &items);
        let priors = AllPriors::of(&items, &sizes);
        let interval = |level: f64| order_interval(panel.width, 1.0 - level, PREPARED_INTERVAL);
        let mut prepared = Prepared {
            settings: BetaSettings::PREPARED,
            snapshot: self.snapshot,
            sessions: Arc::new(self.sessions),
            roles: Arc::new(self.role_returns),
            drivers: Arc::new(self.drivers),
            panel: Arc::new(Panel::empty(0)),
            sizes: Arc::new(sizes),
            sectors: Arc::new(sectors),
            lookup: Arc::new(self.lookup),
            quotes: Arc::new(self.quotes),
            names: Arc::new(Vec::new()),
            details: Arc::new(Vec::new()),
            priors: Arc::new(priors),
            intervals: PREPARED_LEVELS.map(interval),
        };
        prepared.name_all(&items, &panel);
        prepared.fill(&mut panel, &items);
        prepared.panel = Arc::new(panel);
        prepared
    }
}

impl Prepared {
    /// The view everything was read from.
    pub const fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Finds instruments by symbol.
    pub fn lookup(&self) -> &Lookup {
        &self.lookup
    }

    /// The last closes.
    pub fn quotes(&self) -> &Quotes {
        &self.quotes
    }

    /// Sizes of companies.
    pub fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    /// The drivers of the betas.
    pub fn drivers(&self) -> &Drivers {
        &self.drivers
    }

    /// Who plays the market, and who the small-cap index.
    pub fn played(&self) -> (Option<&Played>, Option<&Played>) {
        (
            self.roles.market.as_ref().map(|(played, _)| played),
            self.roles.small.as_ref().map(|(played, _)| played),
        )
    }

    pub(crate) fn name(&self, instrument: InstrumentId) -> Name {
        self.names.get(instrument.0 as usize).copied().unwrap_or(NOBODY)
    }

    pub(crate) fn details(&self, instrument: InstrumentId) -> Details {
        self.details.get(instrument.0 as usize).copied().unwrap_or(NO_DETAILS)
    }

    pub(crate) fn size(&self, instrument: InstrumentId) -> Option<&Size> {
        self.sizes.get(instrument)
    }

    /// The same state with the betas of some names estimated under other settings. Buckets' means
    /// stay those of the prepared settings, and so do returns that stand in for absent ones.
    #[must_use]
    pub fn with_settings(&self, settings: BetaSettings, instruments: &[InstrumentId]) -> Prepared {
        let drivers = Drivers::of(&self.roles, self.sessions.len(), &settings);
        let mut next = self.clone();
        let mut fitter = Fitter::new(&drivers, &settings);
        let (names, details) = (Arc::make_mut(&mut next.names), Arc::make_mut(&mut next.details));
        for instrument in instruments {
            let at = instrument.0 as usize;
            let Some(name) = names.get_mut(at) else { continue };
            let fit = (name.row != NONE)
                .then(|| fitter.fit(&self.panel.own_since(name.row, drivers.first)));
            details[at] = self.priors.details(name.bucket, fit, &settings);
            name.take_betas(&details[at]);
        }
        drop(fitter);
        next.drivers = Arc::new(drivers);
        next.settings = settings;
        next
    }

    fn name_all(&mut self, items: &[Item], panel: &Panel) {
        let size = items.last().map_or(0, |item| item.instrument.0 as usize + 1);
        let mut names = vec![NOBODY; size];
        let mut details = vec![NO_DETAILS; size];
        let mut lines = vec![0_u32; self.sizes.companies as usize];
        for company in items.iter().filter_map(|item| self.sizes.get(item.instrument)) {
            lines[company.issuer as usize] += 1;
        }
        let mut row = 0;
        for item in items {
            let at = item.instrument.0 as usize;
            let company = self.sizes.get(item.instrument);
            let bucket = company.map(|company| company.bucket);
            details[at] = self.priors.details(bucket, item.fit, &self.settings);
            let name = &mut names[at];
            name.take_betas(&details[at]);
            name.bucket = bucket;
            name.issuer = company.map_or(NONE, |company| company.issuer);
            name.has_sibling = company.is_some_and(|c| 1 < lines[c.issuer as usize]);
            name.sector = self.sector_index(item.sector);
            name.megacap = bucket == Some(SizeBucket::Mega)
                || self.roles.megacap_instruments.contains(&item.instrument);
            name.small_cap = company
                .is_some_and(|company| 1_000 < company.rank || SizeBucket::Small <= company.bucket)
                || self.roles.small_instruments.contains(&item.instrument);
            if item.fit.is_some() {
                name.row = row;
                name.absent = panel.absent_since(row, 0) as u16;
                row += 1;
            }
        }
        (self.names, self.details) = (Arc::new(names), Arc::new(details));
    }

    fn sector_index(&self, text: Option<f64>) -> u32 {
        let text = text.and_then(|id| self.snapshot.text(id)).map(str::trim);
        let at = text.and_then(|text| {
            self.sectors.binary_search_by(|sector| sector.as_str().cmp(text)).ok()
        });
        at.map_or(NONE, |at| at as u32)
    }

    fn fill(&self, panel: &mut Panel, items: &[Item]) {
        let mut known: Vec<f64> = items
            .iter()
            .filter(|item| self.sizes.get(item.instrument).is_some())
            .filter_map(|item| item.fit?.residual_sd)
            .collect();
        let usual = median_in_place(&mut known).unwrap_or(RESIDUAL_SD_UNKNOWN);
        for item in items {
            let name = self.name(item.instrument);
            if name.row == NONE || name.absent == 0 {
                continue;
            }
            let residual_sd = item.fit.and_then(|fit| fit.residual_sd).unwrap_or(usual);
            panel.fill(name.row, item.instrument, self.sessions.days(), residual_sd, |session| {
                self.mapped(&name, session)
            });
        }
    }

    /// The return that a name's betas make of the drivers' on a session.
    pub(crate) fn mapped(&self, name: &Name, session: usize) -> f64 {
        let on = |driver: &Option<Driver>| Drivers::on(driver.as_ref(), session);
        name.market * on(&self.drivers.market) + name.size * on(&self.drivers.size)
    }
}

impl AllPriors {
    fn of(items: &[Item], sizes: &Sizes) -> AllPriors {
        let priors = |measure: &dyn Fn(&NameFit) -> Option<Estimate>| {
            let estimates: Vec<(Option<SizeBucket>, Estimate)> = items
                .iter()
                .filter_map(|item| {
                    let bucket = sizes.get(item.instrument).map(|company| company.bucket);
                    Some((bucket, measure(item.fit.as_ref()?)?))
                })
                .collect();
            Priors::of(&estimates)
        };
        AllPriors {
            market: priors(&|fit| fit.market),
            size: priors(&|fit| fit.size),
            crowd: priors(&|fit| fit.crowd),
        }
    }

    fn details(
        &self,
        bucket: Option<SizeBucket>,
        fit: Option<NameFit>,
        settings: &BetaSettings,
    ) -> Details {
        let own = |measure: fn(&NameFit) -> Option<Estimate>| fit.as_ref().and_then(measure);
        let shrinkage = settings.shrinkage;
        Details {
            market: self.market.shrunk(bucket, own(|fit| fit.market), shrinkage),
            size: self.size.shrunk(bucket, own(|fit| fit.size), shrinkage),
            crowd: self.crowd.shrunk(bucket, own(|fit| fit.crowd), shrinkage),
            fit,
        }
    }
}

impl Name {
    fn take_betas(&mut self, details: &Details) {
        let parts = |beta: Option<Beta>| beta.map_or((0.0, 0.0), |b| (b.value, b.standard_error));
        (self.market, self.market_error) = parts(details.market);
        (self.size, self.size_error) = parts(details.size);
        (self.crowd, self.crowd_error) = parts(details.crowd);
        self.has_beta = details.market.is_some();
        self.has_own_beta = details.market.is_some_and(|beta| beta.own.is_some());
    }
}

/// An instrument of which nothing is known but its name.
const NOBODY: Name = Name {
    market: 0.0,
    market_error: 0.0,
    size: 0.0,
    size_error: 0.0,
    crowd: 0.0,
    crowd_error: 0.0,
    row: NONE,
    sector: NONE,
    issuer: NONE,
    absent: 0,
    bucket: None,
    has_beta: false,
    has_own_beta: false,
    megacap: false,
    small_cap: false,
    has_sibling: false,
};

const NO_DETAILS: Details = Details { market: None, size: None, crowd: None, fit: None };

/// The distinct sector texts, sorted.
fn sectors(snapshot: &Snapshot, items: &[Item]) -> Vec<String> {
    let mut ids: Vec<u64> = items.iter().filter_map(|i| Some(i.sector? as u64)).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut sectors: Vec<String> = ids
        .into_iter()
        .filter_map(|id| Some(snapshot.text(id as f64)?.trim().to_owned()))
        .collect();
    sectors.sort_unstable();
    sectors.dedup();
    sectors
}
