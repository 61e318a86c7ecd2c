//! Preparing a view, in parts that several threads may share.
//!
//! [`Plan::of`] reads the calendar and the drivers, [`Plan::part`] does fixed ranges of instruments,
//! [`Plan::assemble`] puts the parts together in order. The result does not depend on who ran which
//! part.

use crate::{
    beta::{Fitter, NameFit},
    drivers::{Drivers, RoleReturns},
    panel::Panel,
    peers::Peers,
    prepared::{AllPriors, PreparedExposure},
    settings::{BetaSettings, PANEL_SESSIONS},
};
use factors::{
    kind::InstrumentKind,
    returns::Sessions,
    roles::Roles,
    sector,
    size::{self, LineCap, Sizes},
};
use marketdata::{
    dataset::Dataset, day::Day, instrument::InstrumentId, quotes::Quotes, snapshot::Snapshot,
};
use portfolio::lookup::Lookup;
use std::sync::Arc;

/// Instruments in a part.
const PART_INSTRUMENTS: usize = 128;

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
    /// Everything with bars, shares, a listing or a place in a fund's holdings, the configured
    /// megacaps and the small-cap index, in the order of names.
    instruments: Vec<InstrumentId>,
    /// The newest known holdings of each fund that plays the small-cap index.
    small_cap_funds: Vec<(InstrumentId, Day)>,
}

/// A range of instruments, read and fitted.
#[derive(Debug)]
pub struct Part {
    panel: Panel,
    items: Vec<Item>,
}

/// One instrument of a part.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) instrument: InstrumentId,
    pub(crate) fit: Option<NameFit>,
    pub(crate) cap: Option<LineCap>,
    /// What it is, once all parts are together: one line of a company tells of the others.
    pub(crate) kind: InstrumentKind,
    /// Text id.
    pub(crate) sector: Option<f64>,
    /// Whether a fund that plays the small-cap index holds it, by the fund's newest known day.
    pub(crate) in_small_cap_fund: bool,
}

/// Prepares a view on one thread.
pub fn prepare(snapshot: &Snapshot, roles: &Roles) -> PreparedExposure {
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
        // Roles and holdings make legs of names of which nothing else is known.
        instruments.extend(snapshot.holders(Dataset::Holdings));
        instruments.extend(&role_returns.megacap_instruments);
        instruments.extend(&role_returns.small_instruments);
        instruments.sort_unstable();
        instruments.dedup();
        snapshot.sort_by_name(&mut instruments);
        Plan {
            small_cap_funds: newest_holdings(snapshot, &role_returns.small_instruments),
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
                kind: InstrumentKind::Unknown,
                sector: sector::sector(&self.snapshot, *instrument),
                in_small_cap_fund: self.is_in_small_cap_fund(*instrument),
            });
        }
        part
    }

    fn is_in_small_cap_fund(&self, instrument: InstrumentId) -> bool {
        if self.small_cap_funds.is_empty() {
            return false;
        }
        let rows = self.snapshot.rows(Dataset::Holdings, instrument);
        (0..rows.len())
            .rev()
            .any(|row| self.small_cap_funds.contains(&(rows.other(row), rows.day(row))))
    }

    /// Puts all parts together, in the order of their indices.
    pub fn assemble(self, parts: Vec<Part>) -> PreparedExposure {
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
        for item in &mut items {
            let told = || sizes.kinds().get(&self.snapshot, item.instrument);
            item.kind = sizes.get(item.instrument).map_or_else(told, |company| company.kind);
        }
        let priors = AllPriors::of(&items, &sizes);
        let nobody =
            Peers::of(Arc::default(), &self.drivers, Vec::new(), Vec::new(), (&panel, &[][..]));
        let mut prepared = PreparedExposure {
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
            peers: Arc::new(nobody),
        };
        prepared.name_all(&self.roles, &items, &panel);
        prepared.find_peers(&items, &panel);
        prepared.panel = Arc::new(panel);
        prepared
    }
}

/// The newest day of each fund's holdings.
fn newest_holdings(snapshot: &Snapshot, funds: &[InstrumentId]) -> Vec<(InstrumentId, Day)> {
    let mut newest: Vec<(InstrumentId, Day)> = Vec::new();
    for holder in snapshot.holders(Dataset::Holdings) {
        let rows = snapshot.rows(Dataset::Holdings, holder);
        for row in (0..rows.len()).filter(|row| funds.contains(&rows.other(*row))) {
            let (fund, day) = (rows.other(row), rows.day(row));
            match newest.iter_mut().find(|(known, _)| *known == fund) {
                Some((_, last)) => *last = day.max(*last),
                None => newest.push((fund, day)),
            }
        }
    }
    newest
}

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
