//! What every analysis of a view shares: betas, sizes, sectors and returns of all names.
//!
//! Made by [`crate::plan`], shared by requests, never changed.

use crate::{
    beta::{Fitter, NameFit, PriorGroup, Priors},
    drivers::{Drivers, RoleReturns},
    name::{Details, NO_DETAILS, NO_NAME, NONE, NameRow},
    panel::Panel,
    peers::Peers,
    plan::Item,
    settings::BetaSettings,
};
use factors::{
    issuer::Issuers,
    kind::InstrumentKind,
    returns::Sessions,
    roles::{ResolvedRole, Roles},
    size::{LineCap, Size, SizeBucket, Sizes},
};
use marketdata::{instrument::InstrumentId, quotes::Quotes, snapshot::Snapshot};
use portfolio::{book::Book, lookup::Lookup};
use stats::regression::Estimate;
use std::sync::Arc;

/// The request-independent state of a view.
#[derive(Clone, Debug)]
pub struct PreparedExposure {
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
    pub(crate) names: Arc<Vec<NameRow>>,
    pub(crate) details: Arc<Vec<Details>>,
    pub(crate) priors: Arc<AllPriors>,
    /// Who answers for absent returns, whatever the settings.
    pub(crate) peers: Arc<Peers>,
}

/// Where betas are drawn to, by driver.
#[derive(Debug)]
pub(crate) struct AllPriors {
    market: Priors,
    size: Priors,
    crowd: Priors,
}

impl PreparedExposure {
    /// The view everything was read from.
    pub const fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Whether every name of a book has all returns of its own, so that nothing must be drawn.
    pub fn is_whole(&self, book: &Book) -> bool {
        book.holdings.iter().all(|holding| {
            let name = self.name(holding.instrument);
            name.row != NONE && name.absent == 0
        })
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
    pub fn resolved(&self) -> (Option<&ResolvedRole>, Option<&ResolvedRole>) {
        (
            self.roles.market.as_ref().map(|(resolved, _)| resolved),
            self.roles.small.as_ref().map(|(resolved, _)| resolved),
        )
    }

    pub(crate) fn name(&self, instrument: InstrumentId) -> NameRow {
        self.names.get(instrument.0 as usize).copied().unwrap_or(NO_NAME)
    }

    pub(crate) fn details(&self, instrument: InstrumentId) -> Details {
        self.details.get(instrument.0 as usize).copied().unwrap_or(NO_DETAILS)
    }

    pub(crate) fn size(&self, instrument: InstrumentId) -> Option<&Size> {
        self.sizes.get(instrument)
    }

    /// The market value of a line, where it is one printed for an earlier day as it stands.
    pub(crate) fn unmoved_cap(&self, instrument: InstrumentId) -> Option<LineCap> {
        self.size(instrument).map(|size| size.line).filter(|line| !line.is_of_today)
    }

    /// The same state with the betas of some names estimated under other settings. The means of priors
    /// stay those of the prepared settings, and so do returns that stand in for absent ones.
    #[must_use]
    pub fn with_settings(
        &self,
        settings: BetaSettings,
        instruments: &[InstrumentId],
    ) -> PreparedExposure {
        let drivers = Drivers::of(&self.roles, self.sessions.len(), &settings);
        let mut next = self.clone();
        let mut fitter = Fitter::new(&drivers, &settings);
        let (names, details) = (Arc::make_mut(&mut next.names), Arc::make_mut(&mut next.details));
        for instrument in instruments {
            let at = instrument.0 as usize;
            let Some(name) = names.get_mut(at) else { continue };
            let fit = (name.row != NONE)
                .then(|| fitter.fit(&self.panel.own_since(name.row, drivers.first)));
            details[at] = self.priors.details(name.prior_group(), fit, &settings);
            name.take_betas(&details[at]);
        }
        drop(fitter);
        next.drivers = Arc::new(drivers);
        next.settings = settings;
        next
    }

    pub(crate) fn name_all(&mut self, roles: &Roles, items: &[Item], panel: &Panel) {
        let size = items.iter().map(|item| item.instrument.0 as usize + 1).max().unwrap_or(0);
        let mut names = vec![NO_NAME; size];
        let mut details = vec![NO_DETAILS; size];
        let issuers = Issuers::of(&self.snapshot, roles, items.iter().map(|i| i.instrument));
        let mut row = 0;
        for item in items {
            let at = item.instrument.0 as usize;
            let company = self.sizes.get(item.instrument);
            let bucket = company.map(|company| company.bucket);
            let is_fund = item.kind == InstrumentKind::Fund;
            let group = PriorGroup::of(bucket, is_fund);
            details[at] = self.priors.details(group, item.fit, &self.settings);
            let name = &mut names[at];
            name.is_fund = is_fund;
            name.take_betas(&details[at]);
            name.bucket = bucket;
            let issuer = issuers.number(item.instrument).unwrap_or(NONE);
            name.issuer = issuer;
            name.has_sibling =
                issuers.companies().get(issuer as usize).is_some_and(|lines| 1 < lines.len());
            name.sector = self.sector_index(item.sector);
            // What may be a fund as well is in no leg by its size alone.
            name.may_be_fund =
                company.is_some_and(|company| company.kind != InstrumentKind::Company);
            let sized = company.filter(|_| !name.may_be_fund);
            name.megacap = sized.is_some_and(|company| company.bucket == SizeBucket::Mega)
                || self.roles.megacap_instruments.contains(&item.instrument);
            name.small_cap = sized
                .is_some_and(|company| 1_000 < company.rank || SizeBucket::Small <= company.bucket)
                || item.in_small_cap_fund
                || self.roles.small_instruments.contains(&item.instrument);
            if item.fit.is_some() {
                name.row = row;
                name.absent = panel.absent(row, 0..panel.width) as u16;
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

    /// Who may answer for absent returns: whatever is known to be a company and has residuals.
    pub(crate) fn find_peers(&mut self, items: &[Item], panel: &Panel) {
        let named = || items.iter().map(|item| (item, self.name(item.instrument)));
        let with_rows = || named().filter(|(_, name)| name.row != NONE);
        let deviation = |(item, _): (&Item, NameRow)| item.fit.and_then(|fit| fit.residual_sd);
        let deviations = with_rows().map(|named| deviation(named).unwrap_or(0.0)).collect();
        let companies = with_rows().filter(|(item, _)| item.kind == InstrumentKind::Company);
        let donors = companies.map(|(_, name)| name).collect();
        let (names, days) = (Arc::clone(&self.names), self.sessions.days());
        self.peers = Arc::new(Peers::of(names, &self.drivers, deviations, donors, (panel, days)));
    }
}

impl AllPriors {
    pub(crate) fn of(items: &[Item], sizes: &Sizes) -> AllPriors {
        let priors = |measure: &dyn Fn(&NameFit) -> Option<Estimate>| {
            let companies = items.iter().filter(|item| item.kind == InstrumentKind::Company);
            let estimates: Vec<(Option<SizeBucket>, Estimate)> = companies
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

    fn details(&self, group: PriorGroup, fit: Option<NameFit>, settings: &BetaSettings) -> Details {
        let own = |measure: fn(&NameFit) -> Option<Estimate>| fit.as_ref().and_then(measure);
        let shrinkage = settings.shrinkage;
        Details {
            market: self.market.shrunk(group, own(|fit| fit.market), shrinkage),
            size: self.size.shrunk(group, own(|fit| fit.size), shrinkage),
            crowd: self.crowd.shrunk(group, own(|fit| fit.crowd), shrinkage),
            fit,
        }
    }
}
