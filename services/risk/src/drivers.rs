//! The three series that betas are measured against: the market, size, and the crowd.
//!
//! - MARKET m: returns of the large-cap index.
//! - SIZE s: small-cap index less large-cap index, less the part of that spread which moves with
//!   the market: s = (r_small − r_large) − γ·m, γ by weighted least squares. So a name's market
//!   beta is its whole sensitivity to the market, and its size beta is what small-cap leadership
//!   adds.
//! - CROWD c: equal-weighted megacaps less ratio·r_small, the ratio of their market betas, so that
//!   the crowd's own market beta is zero. A gain of c is a gain of those in the trade.
//!
//! Weights halve every half-life; the fit window is four half-lives long.

use crate::settings::BetaSettings;
use factors::{
    returns::Sessions,
    roles::{ResolvedRole, Role, Roles},
};
use marketdata::{instrument::InstrumentId, snapshot::Snapshot};
use stats::kernel::dot;

/// Minimum number of megacap issuers with a return for a session's mean to count.
const MEGACAPS_MIN: usize = 4;

/// Minimum number of sessions of a driver inside the window.
const OBSERVATIONS_MIN: usize = 20;

/// Returns of the roles, one value per session, NaN if missing.
#[derive(Clone, Debug)]
pub struct RoleReturns {
    pub market: Option<(ResolvedRole, Vec<f64>)>,
    pub small: Option<(ResolvedRole, Vec<f64>)>,
    pub megacaps: Option<Vec<f64>>,
    /// Tickers of the megacaps with a return, as configured.
    pub megacap_symbols: Vec<String>,
    /// Configured megacap issuers without any return; the mean uses the others.
    pub missing_megacaps: Vec<String>,
    /// Instruments resolved for the small-cap index: the short side of the trade.
    pub small_instruments: Vec<InstrumentId>,
    /// The configured megacaps: on the long side even if their market value is unknown.
    pub megacap_instruments: Vec<InstrumentId>,
}

impl RoleReturns {
    pub fn of(snapshot: &Snapshot, roles: &Roles, sessions: &Sessions) -> RoleReturns {
        let resolved = |role| {
            let resolved = roles.resolve_role(snapshot, role)?;
            let mut returns = vec![0.0; sessions.len()];
            let present = sessions.role_returns(snapshot, &resolved, &mut returns);
            (0 < present).then_some((resolved, returns))
        };
        let megacaps = MegacapMean::of(snapshot, roles, sessions);
        let small_symbols = roles.candidates(Role::SmallCapIndex);
        RoleReturns {
            market: resolved(Role::LargeCapIndex),
            small: resolved(Role::SmallCapIndex),
            megacaps: megacaps.returns,
            megacap_symbols: megacaps.symbols,
            missing_megacaps: megacaps.missing,
            megacap_instruments: roles
                .megacap_tickers()
                .filter_map(|symbol| snapshot.listed(symbol))
                .collect(),
            small_instruments: small_symbols.iter().filter_map(|s| snapshot.listed(s)).collect(),
        }
    }
}

impl RoleReturns {
    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        let roles = [&self.market, &self.small].into_iter().flatten().map(|(_, returns)| returns);
        roles.chain(&self.megacaps).map(|returns| size_of_val(&returns[..])).sum()
    }
}

/// The mean over issuers of the mean over their share classes.
struct MegacapMean {
    /// On sessions with enough issuers. `None` without such sessions.
    returns: Option<Vec<f64>>,
    /// Tickers of the classes with a return.
    symbols: Vec<String>,
    /// Names of the issuers without any return.
    missing: Vec<String>,
}

impl MegacapMean {
    fn of(snapshot: &Snapshot, roles: &Roles, sessions: &Sessions) -> MegacapMean {
        let width = sessions.len();
        let (mut sums, mut counts) = (vec![0.0; width], vec![0_usize; width]);
        let mut returns = vec![0.0; width];
        let (mut symbols, mut missing) = (Vec::new(), Vec::new());
        for issuer in &roles.megacaps {
            let (mut sum, mut count) = (vec![0.0; width], vec![0.0; width]);
            for symbol in &issuer.classes {
                let Some(id) = snapshot.listed(symbol) else { continue };
                if 0 < sessions.total_returns(snapshot, id, &mut returns) {
                    symbols.push(symbol.clone());
                }
                for (at, value) in returns.iter().enumerate().filter(|(_, v)| v.is_finite()) {
                    sum[at] += value;
                    count[at] += 1.0;
                }
            }
            if !count.iter().any(|count| 0.0 < *count) {
                missing.push(issuer.name.clone());
            }
            for at in (0..width).filter(|at| 0.0 < count[*at]) {
                sums[at] += sum[at] / count[at];
                counts[at] += 1;
            }
        }
        let needed = MEGACAPS_MIN.min(roles.megacaps.len()).max(1);
        let mean = |(sum, count): (&f64, &usize)| {
            if needed <= *count { sum / *count as f64 } else { f64::NAN }
        };
        let means: Vec<f64> = sums.iter().zip(&counts).map(mean).collect();
        let returns = means.iter().any(|mean| mean.is_finite()).then_some(means);
        MegacapMean { returns, symbols, missing }
    }
}

/// A driver: its returns, and the weights that turn a book's returns into a beta to it.
#[derive(Clone, Debug)]
pub struct Driver {
    /// One value per session, NaN if missing.
    pub returns: Vec<f64>,
    /// The returns in the fit window, zero if missing.
    pub window: Vec<f64>,
    /// Weights in the fit window, zero if the return is missing; they sum to one.
    pub weights: Vec<f64>,
    /// Least squares as a linear map: beta = Σ influence·return over the fit window.
    pub influence: Vec<f64>,
    /// Number of sessions with a return in the fit window.
    pub observations: usize,
    /// Weighted standard deviation over the fit window, a decimal per day.
    pub standard_deviation: f64,
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
        if let Some(megacaps) = &roles.megacaps {
            // Both betas are fitted over the sessions that both legs have; otherwise the crowd
            // would keep a market beta.
            let both = megacaps.iter().zip(small).map(|(m, s)| m.is_finite() && s.is_finite());
            let shared: Vec<f64> =
                market.iter().zip(both).map(|(m, both)| if both { *m } else { f64::NAN }).collect();
            let ratio = slope(megacaps, &shared, first, &weights)
                .zip(slope(small, &shared, first, &weights))
                .map(|(long, short)| long / short)
                .filter(|ratio| ratio.is_finite());
            if let Some(ratio) = ratio {
                let crowd: Vec<f64> =
                    megacaps.iter().zip(small).map(|(m, s)| m - ratio * s).collect();
                drivers.crowd = Driver::of(crowd, first, &weights);
                drivers.crowd_ratio = Some(ratio);
            }
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

impl Driver {
    /// Returns `None` with too few sessions or without variation in the window.
    pub fn of(returns: Vec<f64>, first: usize, weights: &[f64]) -> Option<Driver> {
        let within = first..first + weights.len();
        let mut weights = weights.to_vec();
        zero_missing_weights(&mut weights, &returns[within.clone()]);
        let observations = weights.iter().filter(|weight| 0.0 < **weight).count();
        if observations < OBSERVATIONS_MIN {
            return None;
        }
        let known = |r: &f64| if r.is_finite() { *r } else { 0.0 };
        let window: Vec<f64> = returns[within].iter().map(known).collect();
        let mean = dot(&weights, &window);
        let centred: Vec<f64> = window.iter().map(|r| r - mean).collect();
        let pull: Vec<f64> = weights.iter().zip(&centred).map(|(w, c)| w * c).collect();
        let variance = dot(&pull, &centred);
        if variance <= f64::EPSILON * f64::EPSILON {
            return None;
        }
        let influence = pull.iter().map(|pull| pull / variance).collect();
        let standard_deviation = variance.sqrt();
        Some(Driver { returns, window, weights, influence, observations, standard_deviation })
    }
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Sets weights to zero if the value is missing, and rescales the others to sum to one.
fn zero_missing_weights(weights: &mut [f64], values: &[f64]) {
    for (weight, value) in weights.iter_mut().zip(values) {
        if !value.is_finite() {
            *weight = 0.0;
        }
    }
    let sum: f64 = weights.iter().sum();
    if 0.0 < sum {
        weights.iter_mut().for_each(|weight| *weight /= sum);
    }
}

/// Weighted least-squares slope of y on x over the window.
fn slope(y: &[f64], x: &[f64], first: usize, weights: &[f64]) -> Option<f64> {
    let both: Vec<f64> =
        y.iter().zip(x).map(|(y, x)| if y.is_finite() { *x } else { f64::NAN }).collect();
    let driver = Driver::of(both, first, weights)?;
    let known = |y: &f64| if y.is_finite() { *y } else { 0.0 };
    let y: Vec<f64> = y[first..first + weights.len()].iter().map(known).collect();
    Some(dot(&driver.influence, &y)).filter(|slope| slope.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::dataset::Dataset;

    #[test]
    fn the_crowd_has_no_market_beta_when_megacaps_start_late() {
        // The beta of small caps is one, and two from session 100 on, when the megacaps start with
        // a beta of one: half a unit of small caps hedges one unit of megacaps.
        let market: Vec<f64> = (0..200).map(|t| 0.01 * f64::from((t * 7) % 11 - 5)).collect();
        let small =
            market.iter().enumerate().map(|(t, m)| if t < 100 { *m } else { 2.0 * m }).collect();
        let megacaps =
            market.iter().enumerate().map(|(t, m)| if t < 100 { f64::NAN } else { *m }).collect();
        let resolved = |role| ResolvedRole {
            role,
            symbol: String::new(),
            instrument: InstrumentId(1),
            dataset: Dataset::Bars,
            proxy_for: None,
        };
        let roles = RoleReturns {
            market: Some((resolved(Role::LargeCapIndex), market)),
            small: Some((resolved(Role::SmallCapIndex), small)),
            megacaps: Some(megacaps),
            megacap_symbols: Vec::new(),
            missing_megacaps: Vec::new(),
            small_instruments: Vec::new(),
            megacap_instruments: Vec::new(),
        };
        let drivers = Drivers::of(&roles, 200, &BetaSettings::PREPARED);
        assert!((drivers.crowd_ratio.unwrap() - 0.5).abs() < 1e-9, "{:?}", drivers.crowd_ratio);
    }
}
