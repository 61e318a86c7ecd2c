//! Betas of a book by regression of its own past returns.

use crate::{
    driver::Driver,
    history::History,
    prepared::PreparedExposure,
    report::Measured,
    top_down::{Map, TopDown},
    trade,
};

/// Betas from regressing the book's own returns.
pub(crate) struct TopDownBetas {
    pub(crate) market: Option<Measured>,
    pub(crate) up_market: Option<Measured>,
    pub(crate) size: Option<Measured>,
}

impl TopDownBetas {
    pub(crate) fn of(prepared: &PreparedExposure, history: &History, gross: f64) -> TopDownBetas {
        let drivers = &prepared.drivers;
        let returns = history.since(&history.total, drivers.first);
        let own = history.own_since(drivers.first);
        let least = prepared.settings.min_observations;
        let fit = |drivers: &[&Driver], least| Some(Map::of(drivers, own, least)?.fit(&returns));
        let slope = |fit: &Option<TopDown>, at: usize| {
            fit.as_ref()?.slopes.get(at).map(|slope| trade::in_money(*slope, gross))
        };
        let both: Vec<_> = drivers.market.iter().chain(&drivers.size).collect();
        let together = fit(&both, least);
        let up: Vec<_> = drivers.up_market.iter().collect();
        // Half of the sessions is enough, as for names: the market falls on the other half.
        let rising = fit(&up, least.div_ceil(2));
        TopDownBetas {
            market: drivers.market.as_ref().and_then(|_| slope(&together, 0)),
            up_market: slope(&rising, 0),
            size: drivers.size.as_ref().and_then(|_| slope(&together, 1)),
        }
    }
}
