//! The risk model of a view: returns, betas, sizes, sectors and peers of its names.
//!
//! Built by [`crate::prepare`] and shared among requests. A name's own betas are fitted when first
//! needed and then kept. A fit depends only on the view and the settings, so neither the order of
//! requests nor the number of threads affects a number.

use crate::{
    anchor::{AllPriors, Anchor},
    beta::{Fitter, NameFit},
    drivers::{Drivers, RoleReturns},
    name::{Details, NO_DETAILS, NO_NAME, NONE, NameRow},
    panel::Panel,
    peers::Peers,
    settings::BetaSettings,
};
use factors::{
    issuer::Issuers,
    market_value::LineCap,
    returns::Sessions,
    roles::ResolvedRole,
    size::{Size, Sizes},
    trading::Trading,
};
use marketdata::{
    instrument::InstrumentId,
    quotes::{Quote, Quotes},
    snapshot::Snapshot,
};
use rayon::prelude::*;
use std::{
    ops::Range,
    sync::{Arc, OnceLock},
};

/// The request-independent risk model of a view.
#[derive(Clone, Debug)]
pub struct RiskModel {
    /// The settings that the betas are estimated with.
    pub settings: BetaSettings,
    /// The view that it was read from.
    pub snapshot: Snapshot,
    /// The sessions of the panel.
    pub sessions: Arc<Sessions>,
    /// Returns of the roles.
    pub roles: Arc<RoleReturns>,
    /// The drivers of the betas.
    pub drivers: Arc<Drivers>,
    /// Returns of all names.
    pub panel: Arc<Panel>,
    /// Sizes of companies.
    pub sizes: Arc<Sizes>,
    /// The classification scheme of the sectors: the one that classifies the most names of the view,
    /// the first by name of several. Empty: no name is classified, or the sources name no scheme.
    pub sector_scheme: String,
    /// The names of all schemes that classify a name of the view, sorted.
    pub sector_schemes: Arc<Vec<String>>,
    /// The distinct sectors of `sector_scheme`, sorted.
    pub sectors: Arc<Vec<String>>,
    /// The last closes.
    pub quotes: Arc<Quotes>,
    /// Peers whose residuals replace missing returns, whatever the settings.
    pub peers: Arc<Peers>,
    /// The sessions as counted, for the next view to continue.
    pub(crate) trading: Arc<Trading>,
    /// The lines of every company.
    pub(crate) issuers: Arc<Issuers>,
    pub(crate) anchor: Arc<Anchor>,
    pub(crate) priors: Arc<AllPriors>,
    pub(crate) estimates: Arc<Estimates>,
    pub(crate) taken_over: TakenOver,
}

/// Number of parts reused from an earlier model, for tests and metrics. It affects no other number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakenOver {
    /// Rows of returns that were continued.
    pub rows: usize,
    /// Fits that were reused.
    pub fits: usize,
}

/// Betas by instrument number, fitted when first needed.
#[derive(Debug)]
pub(crate) struct Estimates {
    names: Vec<OnceLock<NameRow>>,
    /// Boxed, because most are never filled.
    details: Vec<OnceLock<Box<Details>>>,
    /// Including the fit to the rising market.
    listed: Vec<OnceLock<Box<Details>>>,
}

impl Estimates {
    pub(crate) fn none(instruments: usize) -> Estimates {
        Estimates {
            names: (0..instruments).map(|_| OnceLock::new()).collect(),
            details: (0..instruments).map(|_| OnceLock::new()).collect(),
            listed: (0..instruments).map(|_| OnceLock::new()).collect(),
        }
    }
}

impl RiskModel {
    /// The view that the model was read from.
    pub const fn snapshot(&self) -> &Snapshot {
        &self.snapshot
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

    /// The symbols resolved for the market and for the small-cap index.
    pub fn resolved(&self) -> (Option<&ResolvedRole>, Option<&ResolvedRole>) {
        (
            self.roles.market.as_ref().map(|(resolved, _)| resolved),
            self.roles.small.as_ref().map(|(resolved, _)| resolved),
        )
    }

    /// What sums over a book need of a name.
    #[inline]
    pub fn name(&self, instrument: InstrumentId) -> &NameRow {
        let Some(cell) = self.estimates.names.get(instrument.0 as usize) else { return &NO_NAME };
        cell.get().unwrap_or_else(|| self.estimate(instrument, &mut self.fitter()))
    }

    /// What a position listing shows of a name.
    pub fn details(&self, instrument: InstrumentId) -> &Details {
        let Some(cell) = self.estimates.listed.get(instrument.0 as usize) else {
            return &NO_DETAILS;
        };
        cell.get_or_init(|| self.with_up_market(instrument, &mut self.fitter()))
    }

    /// The details of a name without its beta on days when the market rose, which only listings
    /// need.
    pub fn own_details(&self, instrument: InstrumentId) -> Details {
        self.name(instrument);
        let fitted = self.estimates.details.get(instrument.0 as usize).and_then(OnceLock::get);
        fitted.map_or(NO_DETAILS, |details| **details)
    }

    /// What sums over a book need of a name, if nothing must be fitted for it.
    #[inline]
    pub fn estimated(&self, instrument: InstrumentId) -> Option<&NameRow> {
        self.estimates.names.get(instrument.0 as usize).map_or(Some(&NO_NAME), OnceLock::get)
    }

    /// Whether nothing must be fitted for the listing of a name.
    pub fn is_detailed(&self, instrument: InstrumentId) -> bool {
        self.estimates.listed.get(instrument.0 as usize).is_none_or(|cell| cell.get().is_some())
    }

    /// Fits the names that have not been fitted yet, on the threads of the caller's pool.
    pub fn estimate_all(&self, instruments: impl Iterator<Item = InstrumentId>) {
        let missing = instruments.filter(|id| self.estimated(*id).is_none()).collect();
        self.fit_all(missing, |fitter, id| {
            self.estimate(id, fitter);
        });
    }

    /// Fits what the listings of names need and has not been fitted yet, on the threads of the
    /// caller's pool.
    pub fn detail_all(&self, instruments: impl Iterator<Item = InstrumentId>) {
        let missing = instruments.filter(|id| !self.is_detailed(*id)).collect();
        self.fit_all(missing, |fitter, id| {
            let details = self.with_up_market(id, fitter);
            self.estimates.listed[id.0 as usize].get_or_init(|| details);
        });
    }

    fn fit_all(
        &self,
        missing: Vec<InstrumentId>,
        fit: impl Fn(&mut Fitter<'_>, InstrumentId) + Send + Sync,
    ) {
        // Splitting an empty list would start rayon's global pool on a thread outside of any pool.
        if !missing.is_empty() {
            missing.into_par_iter().for_each_init(|| self.fitter(), fit);
        }
    }

    /// A name with its betas as of the end of the previous month instead of its current ones.
    pub fn anchored(&self, instrument: InstrumentId) -> NameRow {
        self.peers.names.get(instrument.0 as usize).copied().unwrap_or(NO_NAME)
    }

    /// The size of a line's company.
    #[inline]
    pub fn size(&self, instrument: InstrumentId) -> Option<&Size> {
        self.sizes.get(instrument)
    }

    /// The market value of a line, if it is a value published for an earlier day and not moved by
    /// the price since.
    pub fn unmoved_cap(&self, instrument: InstrumentId) -> Option<LineCap> {
        self.size(instrument).map(|size| size.line).filter(|line| !line.is_of_today)
    }

    /// The same model with betas estimated under other settings; those of the given names are
    /// fitted at once. The means of priors, and the returns that replace missing ones, stay those
    /// of the prepared settings.
    #[must_use]
    pub fn with_settings(&self, settings: BetaSettings, instruments: &[InstrumentId]) -> RiskModel {
        let mut next = self.clone();
        next.drivers = Arc::new(Drivers::of(&self.roles, self.sessions.len(), &settings));
        next.settings = settings;
        next.estimates = Arc::new(Estimates::none(self.peers.names.len()));
        next.estimate_all(instruments.iter().copied());
        next
    }

    /// Number of parts reused from an earlier model.
    pub const fn taken_over(&self) -> TakenOver {
        self.taken_over
    }

    /// Memory held, in bytes, excluding the market. Parts that two views share count in both.
    pub fn bytes(&self) -> usize {
        let of_name = size_of::<NameRow>()
            + size_of::<OnceLock<NameRow>>()
            + 2 * (size_of::<OnceLock<Box<Details>>>() + size_of::<Details>())
            + size_of::<Option<Quote>>();
        self.peers.names.len() * of_name
            + self.anchor.fits.len() * size_of::<NameFit>()
            + self.panel.bytes()
            + self.peers.bytes()
            + self.sizes.bytes()
            + self.roles.bytes()
            + self.drivers.bytes()
            + self.anchor.drivers.bytes()
            + self.trading.heap_bytes()
            + self.issuers.bytes()
    }

    fn fitter(&self) -> Fitter<'_> {
        Fitter::new(&self.drivers, &self.settings)
    }

    /// A name's own returns over some sessions, NaN if missing; empty if it has none at all.
    pub fn own_returns(&self, instrument: InstrumentId, sessions: Range<usize>) -> Vec<f64> {
        match self.anchored(instrument).row {
            NONE => Vec::new(),
            row => self.panel.own_within(row, sessions),
        }
    }

    /// A name's returns over the fit window, NaN if missing; empty if it has none at all.
    fn window_returns(&self, instrument: InstrumentId) -> Vec<f64> {
        let Drivers { first, end, .. } = *self.drivers;
        self.own_returns(instrument, first..end)
    }

    fn with_up_market(&self, instrument: InstrumentId, fitter: &mut Fitter<'_>) -> Box<Details> {
        let mut details = self.own_details(instrument);
        if let Some(fit) = &mut details.fit {
            fitter.fit_up_market(&self.window_returns(instrument), fit);
        }
        Box::new(details)
    }

    fn estimate(&self, instrument: InstrumentId, fitter: &mut Fitter<'_>) -> &NameRow {
        let at = instrument.0 as usize;
        let mut name = self.anchored(instrument);
        let details = self.estimates.details[at].get_or_init(|| {
            let returns = self.window_returns(instrument);
            let fit = (name.row != NONE).then(|| fitter.fit(&returns));
            Box::new(self.priors.details(name.prior_group(), fit, &self.settings))
        });
        name.take_betas(details);
        self.estimates.names[at].get_or_init(|| name)
    }
}
