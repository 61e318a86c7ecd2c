//! The three series that betas are measured against: the market, size, and the crowd.
//!
//! - MARKET m: returns of the large-cap index.
//! - SIZE s: small-cap index less large-cap index, less the part of that spread which moves with
//!   the market: s = (r_small − r_large) − γ·m, γ by weighted least squares. So a name's market
//!   beta is its whole sensitivity to the market, and its size beta is what small-cap leadership
//!   adds.
//! - CROWD c: the return of the default trade, equal-weighted megacaps less ratio·r_small, the ratio
//!   of their market betas, so that the crowd's own market beta is zero ([`crate::trade`]).
//!
//! Weights halve every half-life; the fit window is four half-lives long.

use crate::{
    driver::{Driver, slope, zero_missing_weights},
    settings::BetaSettings,
    trade::{self, LegSeries, leg_series},
};
use factors::{
    returns::Sessions,
    roles::{ResolvedRole, Role, Roles},
    trade::TradeDefinition,
};
use marketdata::{instrument::InstrumentId, snapshot::Snapshot};

/// Returns of the roles and of the default trade's legs, one value per session, NaN if missing.
#[derive(Clone, Debug)]
pub struct RoleReturns {
    pub market: Option<(ResolvedRole, Vec<f64>)>,
    pub small: Option<(ResolvedRole, Vec<f64>)>,
    /// The default trade.
    pub trade: TradeDefinition,
    /// The returns of its legs, in order.
    pub legs: Vec<LegSeries>,
    /// The lines that it names by themselves or as candidates of a role: they are in their legs even
    /// if nothing else is known about them.
    pub named: Vec<InstrumentId>,
}

impl RoleReturns {
    pub fn of(snapshot: &Snapshot, roles: &Roles, sessions: &Sessions) -> RoleReturns {
        let resolved = |role| {
            let resolved = roles.resolve_role(snapshot, role)?;
            let mut returns = vec![0.0; sessions.len()];
            let present = sessions.role_returns(snapshot, &resolved, &mut returns);
            (0 < present).then_some((resolved, returns))
        };
        let trade = TradeDefinition::megacap_small_cap(roles);
        let candidates = roles.candidates(Role::SmallCapIndex).iter().map(String::as_str);
        let named = roles.megacap_tickers().chain(candidates);
        RoleReturns {
            market: resolved(Role::LargeCapIndex),
            small: resolved(Role::SmallCapIndex),
            legs: leg_series(snapshot, roles, sessions, &trade, &|name| snapshot.listed(name)),
            named: named.filter_map(|symbol| snapshot.listed(symbol)).collect(),
            trade,
        }
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        let roles = [&self.market, &self.small].into_iter().flatten().map(|(_, returns)| returns);
        let legs = self.legs.iter().filter_map(|leg| leg.returns.as_ref());
        roles.chain(legs).map(|returns| size_of_val(&returns[..])).sum()
    }
}

/// All drivers of a view under given settings.
#[derive(Clone, Debug)]
pub struct Drivers {
    /// The market. Without it there are no betas.
    pub market: Option<Driver>,
    /// The market on the days when it rose.
    pub up_market: Option<Driver>,
    /// Size, net of its market exposure.
    pub size: Option<Driver>,
    /// The crowd.
    pub crowd: Option<Driver>,
    /// γ: slope of the small-less-large spread on the market.
    pub size_market_slope: Option<f64>,
    /// Dollars short in the small-cap index per dollar long in megacaps.
    pub crowd_ratio: Option<f64>,
    /// Weights in the fit window, zero if the market's return is missing; they sum to one.
    pub weights: Vec<f64>,
    /// First session of the fit window.
    pub first: usize,
    /// End of the fit window, exclusive.
    pub end: usize,
}

impl Drivers {
    /// The drivers over a fit window that ends before session `end`.
    pub fn of(roles: &RoleReturns, end: usize, settings: &BetaSettings) -> Drivers {
        let first = end.saturating_sub(settings.window_sessions());
        let mut drivers = Drivers {
            market: None,
            up_market: None,
            size: None,
            crowd: None,
            size_market_slope: None,
            crowd_ratio: None,
            weights: Vec::new(),
            first,
            end,
        };
        let Some((_, market)) = &roles.market else { return drivers };
        let lambda = stats::ewma::lambda_of_half_life(settings.half_life_sessions);
        let weights = lambda.and_then(|lambda| stats::ewma::weights(end - first, lambda));
        let Some(mut weights) = weights else { return drivers };
        zero_missing_weights(&mut weights, &market[first..end]);
        drivers.weights.clone_from(&weights);
        drivers.market = Driver::of(market.clone(), first, &weights);
        let rising: Vec<f64> =
            market.iter().map(|m| if 0.0 < *m { *m } else { f64::NAN }).collect();
        drivers.up_market = Driver::of(rising, first, &weights);
        let Some((_, small)) = &roles.small else { return drivers };
        let spread: Vec<f64> = small.iter().zip(market).map(|(s, m)| s - m).collect();
        if let Some(slope) = slope(&spread, market, first, &weights) {
            let size: Vec<f64> =
                spread.iter().zip(market).map(|(spread, m)| spread - slope * m).collect();
            drivers.size = Driver::of(size, first, &weights);
            drivers.size_market_slope = Some(slope);
        }
        let window = (first, drivers.weights.as_slice());
        if let Some((crowd, ratio)) =
            trade::driver(&roles.legs, roles.trade.neutrality, market, window)
        {
            drivers.crowd = Some(crowd);
            drivers.crowd_ratio = Some(ratio);
        }
        drivers
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        let all = [&self.market, &self.up_market, &self.size, &self.crowd];
        let of = |driver: &Driver| {
            let series = [&driver.returns, &driver.window, &driver.weights, &driver.influence];
            series.map(|series| size_of_val(&series[..])).iter().sum::<usize>()
        };
        size_of_val(&self.weights[..]) + all.into_iter().flatten().map(of).sum::<usize>()
    }

    /// Whether fits of the same returns give the same bits with both sets of drivers.
    pub fn fits_as(&self, other: &Drivers) -> bool {
        let all = |drivers: &Drivers| {
            [&drivers.market, &drivers.up_market, &drivers.size, &drivers.crowd].map(|driver| {
                driver.as_ref().map(|driver| bits(&driver.returns[drivers.first..drivers.end]))
            })
        };
        self.end - self.first == other.end - other.first
            && bits(&self.weights) == bits(&other.weights)
            && all(self) == all(other)
    }

    /// A driver's return on a session, zero if missing.
    pub fn on(driver: Option<&Driver>, session: usize) -> f64 {
        let value = driver.map_or(0.0, |driver| driver.returns[session]);
        if value.is_finite() { value } else { 0.0 }
    }
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}
