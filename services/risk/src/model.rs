//! What every computation on a view's names shares: returns, betas, sizes, sectors, peers.
//!
//! Made by [`crate::prepare`], shared by requests. A name's own betas are fitted when first asked for
//! and kept; a fit is a function of the view and the settings, so that neither the order of requests
//! nor the number of threads shows in a number.

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
    market_value::LineCap,
    returns::Sessions,
    roles::ResolvedRole,
    size::{Size, Sizes},
};
use marketdata::{
    instrument::InstrumentId,
    quotes::{Quote, Quotes},
    snapshot::Snapshot,
};
use rayon::prelude::*;
use std::sync::{Arc, OnceLock};

/// The request-independent state of a view.
#[derive(Clone, Debug)]
pub struct RiskModel {
    /// The settings that the betas are estimated with.
    pub settings: BetaSettings,
    /// The view everything was read from.
    pub snapshot: Snapshot,
    /// The sessions of the panel.
    pub sessions: Arc<Sessions>,
    /// Returns of the roles.
    pub roles: Arc<RoleReturns>,
    /// What betas are measured against.
    pub drivers: Arc<Drivers>,
    /// Returns of all names.
    pub panel: Arc<Panel>,
    /// Sizes of companies.
    pub sizes: Arc<Sizes>,
    /// The distinct sectors, sorted.
    pub sectors: Arc<Vec<String>>,
    /// The last closes.
    pub quotes: Arc<Quotes>,
    /// Who stands in for absent returns, whatever the settings.
    pub peers: Arc<Peers>,
    pub(crate) anchor: Arc<Anchor>,
    pub(crate) priors: Arc<AllPriors>,
    pub(crate) estimates: Arc<Estimates>,
    pub(crate) taken_over: TakenOver,
}

/// What an earlier model spared, for tests and metrics: it shows in no other number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakenOver {
    /// Rows of returns that were continued.
    pub rows: usize,
    /// Fits that were kept.
    pub fits: usize,
}

/// Betas by instrument number, each fitted when first asked for.
#[derive(Debug)]
pub(crate) struct Estimates {
    names: Vec<OnceLock<NameRow>>,
    /// Boxed: most are never filled.
    details: Vec<OnceLock<Box<Details>>>,
    /// With the fit to the rising market.
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
    /// The view everything was read from.
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

    /// What sums over books read of a name.
    #[inline]
    pub fn name(&self, instrument: InstrumentId) -> NameRow {
        let Some(cell) = self.estimates.names.get(instrument.0 as usize) else { return NO_NAME };
        cell.get().copied().unwrap_or_else(|| self.estimate(instrument, &mut self.fitter()))
    }

    /// What a listing shows of a name.
    pub fn details(&self, instrument: InstrumentId) -> Details {
        let Some(cell) = self.estimates.listed.get(instrument.0 as usize) else {
            return NO_DETAILS;
        };
        **cell.get_or_init(|| {
            self.name(instrument);
            let fitted = self.estimates.details[instrument.0 as usize].get();
            let mut details = fitted.cloned().unwrap_or_else(|| Box::new(NO_DETAILS));
            if let Some(fit) = &mut details.fit {
                self.fitter().fit_up_market(&self.window_returns(instrument), fit);
            }
            details
        })
    }

    /// Whether the betas of a name are at hand.
    #[inline]
    pub fn is_estimated(&self, instrument: InstrumentId) -> bool {
        self.estimates.names.get(instrument.0 as usize).is_none_or(|cell| cell.get().is_some())
    }

    /// Fits the names whose betas are not at hand, on the threads of the caller's pool.
    pub fn estimate_all(&self, instruments: impl Iterator<Item = InstrumentId>) {
        let missing: Vec<InstrumentId> = instruments.filter(|id| !self.is_estimated(*id)).collect();
        let estimate = |fitter: &mut Fitter<'_>, id: &InstrumentId| {
            self.estimate(*id, fitter);
        };
        missing.par_iter().for_each_init(|| self.fitter(), estimate);
    }

    /// What is known of a name beside its own betas; those it has here end with the month before.
    pub fn anchored(&self, instrument: InstrumentId) -> NameRow {
        self.peers.names.get(instrument.0 as usize).copied().unwrap_or(NO_NAME)
    }

    /// The size of a line's company.
    #[inline]
    pub fn size(&self, instrument: InstrumentId) -> Option<&Size> {
        self.sizes.get(instrument)
    }

    /// The market value of a line, where it is one printed for an earlier day as it stands.
    pub fn unmoved_cap(&self, instrument: InstrumentId) -> Option<LineCap> {
        self.size(instrument).map(|size| size.line).filter(|line| !line.is_of_today)
    }

    /// The same state with betas estimated under other settings, those of some names at once. The
    /// means of priors stay those of the prepared settings, and so do returns that stand in for
    /// absent ones.
    #[must_use]
    pub fn with_settings(&self, settings: BetaSettings, instruments: &[InstrumentId]) -> RiskModel {
        let mut next = self.clone();
        next.drivers = Arc::new(Drivers::of(&self.roles, self.sessions.len(), &settings));
        next.settings = settings;
        next.estimates = Arc::new(Estimates::none(self.peers.names.len()));
        next.estimate_all(instruments.iter().copied());
        next
    }

    /// What an earlier model spared.
    pub const fn taken_over(&self) -> TakenOver {
        self.taken_over
    }

    /// Memory held beside the market, bytes; what two views share counts in both.
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
    }

    fn fitter(&self) -> Fitter<'_> {
        Fitter::new(&self.drivers, &self.settings)
    }

    /// A name's returns over the fit window, NaN where absent; empty where it has none.
    fn window_returns(&self, instrument: InstrumentId) -> Vec<f64> {
        let Drivers { first, end, .. } = *self.drivers;
        match self.anchored(instrument).row {
            NONE => Vec::new(),
            row => self.panel.own_within(row, first..end),
        }
    }

    fn estimate(&self, instrument: InstrumentId, fitter: &mut Fitter<'_>) -> NameRow {
        let at = instrument.0 as usize;
        let mut name = self.anchored(instrument);
        let details = self.estimates.details[at].get_or_init(|| {
            let returns = self.window_returns(instrument);
            let fit = (name.row != NONE).then(|| fitter.fit(&returns));
            Box::new(self.priors.details(name.prior_group(), fit, &self.settings))
        });
        name.take_betas(details);
        *self.estimates.names[at].get_or_init(|| name)
    }
}
