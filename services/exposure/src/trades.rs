//! The trades of a request, resolved on a view.

use crate::{
    driver::Driver,
    membership::Membership,
    prepared::PreparedExposure,
    settings::{OwnDefinition, TradeChoice},
};
use factors::trade::TradeDefinition;
use marketdata::instrument::InstrumentId;
use portfolio::{identifier::InstrumentRef, resolve::Found, unresolved::Cause};
use risk::trade::{LegSeries, driver, leg_series};
use std::collections::BTreeMap;

/// What each name of a trade's lines stands for.
pub(crate) type FoundLines<'a> = BTreeMap<&'a str, Result<Found, Cause>>;

/// A trade on a view.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trade<'a> {
    pub(crate) definition: &'a TradeDefinition,
    pub(crate) membership: &'a Membership,
    /// The returns of its legs.
    pub(crate) series: &'a [LegSeries],
    /// Its own returns. `None` without a market, or if its legs lack returns.
    pub(crate) driver: Option<&'a Driver>,
    /// Units short per unit long. `None` without a driver.
    pub(crate) ratio: Option<f64>,
    /// The lines that a caller's definition names. `None` for the standard trade.
    pub(crate) lines: Option<&'a FoundLines<'a>>,
    /// Whether betas of names to it are prepared.
    pub(crate) has_name_betas: bool,
}

/// A caller's trade, which no other request shares.
#[derive(Debug)]
pub(crate) struct OwnTrade<'a> {
    definition: &'a TradeDefinition,
    lines: FoundLines<'a>,
    membership: Membership,
    series: Vec<LegSeries>,
    driver: Option<(Driver, f64)>,
}

impl<'a> OwnTrade<'a> {
    /// Resolves the callers' trades among those requested, in order.
    pub(crate) fn all(prepared: &PreparedExposure, trades: &'a [TradeChoice]) -> Vec<OwnTrade<'a>> {
        let own = trades.iter().filter_map(|choice| match choice {
            TradeChoice::Standard => None,
            TradeChoice::Own(definition) => Some(OwnTrade::of(prepared, definition)),
        });
        own.collect()
    }

    fn of(prepared: &PreparedExposure, own: &'a OwnDefinition) -> OwnTrade<'a> {
        let (snapshot, roles) = (prepared.snapshot(), prepared.configured_roles());
        let definition = &own.trade;
        let lines = found_lines(prepared, own);
        let line = |name: &str| -> Option<InstrumentId> {
            lines.get(name)?.as_ref().ok().map(|found| found.instrument)
        };
        let series = leg_series(snapshot, roles, &prepared.sessions, definition, &line);
        let drivers = &prepared.drivers;
        let market = prepared.roles.market.as_ref().filter(|_| drivers.market.is_some());
        let window = (drivers.first, drivers.weights.as_slice());
        let driver = market.and_then(|(_, m)| driver(&series, definition.neutrality, m, window));
        let membership = Membership::of(snapshot, roles, definition, &line);
        OwnTrade { definition, membership, series, driver, lines }
    }

    pub(crate) fn trade(&self) -> Trade<'_> {
        Trade {
            definition: self.definition,
            membership: &self.membership,
            series: &self.series,
            driver: self.driver.as_ref().map(|(driver, _)| driver),
            ratio: self.driver.as_ref().map(|(_, ratio)| *ratio),
            lines: Some(&self.lines),
            has_name_betas: false,
        }
    }
}

/// Finds the lines of a caller's trade as those of a portfolio are found.
fn found_lines<'a>(prepared: &PreparedExposure, own: &'a OwnDefinition) -> FoundLines<'a> {
    let names = own.trade.legs.iter().flat_map(|leg| leg.line_names());
    let found = names.map(|name| {
        let reference = own.references.get(name).map(InstrumentRef::as_texts);
        let reference = reference.unwrap_or(InstrumentRef::of_symbol(name));
        (name.as_str(), prepared.lookup().resolve(&reference))
    });
    found.collect()
}

/// The standard trade, then the callers'. The standard trade is always among them: the book's own
/// returns are the sums of its legs, so that they do not depend on the trades that were asked for.
pub(crate) fn all<'a>(prepared: &'a PreparedExposure, own: &'a [OwnTrade<'_>]) -> Vec<Trade<'a>> {
    std::iter::once(standard(prepared)).chain(own.iter().map(OwnTrade::trade)).collect()
}

/// The trade of the settings.
pub(crate) fn standard(prepared: &PreparedExposure) -> Trade<'_> {
    let drivers = &prepared.drivers;
    Trade {
        definition: &prepared.roles.trade,
        membership: prepared.membership(),
        series: &prepared.roles.legs,
        driver: drivers.crowd.as_ref(),
        ratio: drivers.crowd_ratio,
        lines: None,
        has_name_betas: true,
    }
}

/// For each trade requested, its place among [`all`].
pub(crate) fn requested(trades: &[TradeChoice]) -> Vec<usize> {
    let mut own = 0;
    let place = |choice: &TradeChoice| match choice {
        TradeChoice::Standard => 0,
        TradeChoice::Own(_) => {
            own += 1;
            own
        }
    };
    trades.iter().map(place).collect()
}
