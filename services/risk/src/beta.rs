//! Betas of one name: robust, weighted by age, with standard errors, shrunk towards a prior.

use crate::{
    driver::Driver,
    drivers::Drivers,
    settings::{BetaSettings, Shrinkage},
};
use factors::size::SizeBucket;
use stats::{
    newey_west,
    regression::{Estimate, Workspace},
    robust::{Huber, RobustFit},
    shrink,
};

/// Share of unchanged closes above which prices are stale and Dimson's lags are added.
const STALE_SHARE_MAX: f64 = 0.05;

/// Minimum number of companies for a prior. A size bucket with fewer uses the prior of all names.
pub const PRIOR_NAMES_MIN: usize = 10;

/// Lower bound for the variance of true betas in a group of names: a standard deviation of 0.01.
const PRIOR_VARIANCE_FLOOR: f64 = 1e-4;

/// Maximum number of steps of a robust fit; about a tenth of them is usual.
const STEPS_MAX: usize = 50;

/// Estimates from a name's own returns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NameFit {
    /// Market beta; with Dimson's lags, the sum over the lags.
    pub market: Option<Estimate>,
    /// Size beta, fitted jointly with the market.
    pub size: Option<Estimate>,
    /// Market beta on the days when the market rose; see [`Fitter::fit_up_market`].
    pub up_market: Option<Estimate>,
    /// Number of rising sessions behind `up_market`.
    pub up_observations: usize,
    /// Crowd beta, fitted on the crowd driver alone.
    pub crowd: Option<Estimate>,
    /// Number of sessions with a return inside the fit window.
    pub observations: usize,
    /// Robust standard deviation of the residuals of the market and size fit, a decimal per day. It
    /// is robust because days of a squeeze are already in the name's own returns and need not be
    /// drawn again.
    pub residual_sd: Option<f64>,
    /// Whether the market's returns of the previous and the next day were added (Dimson 1979).
    pub dimson: bool,
    /// Whether there are enough returns, and enough of them are not zero.
    pub is_estimable: bool,
}

/// Fits names one after the other, reusing its buffers.
#[derive(Debug)]
pub struct Fitter<'a> {
    drivers: &'a Drivers,
    settings: &'a BetaSettings,
    huber: Huber,
    workspace: Workspace,
    /// The market's returns one session earlier and later, NaN if unknown.
    before: Vec<f64>,
    after: Vec<f64>,
}

impl<'a> Fitter<'a> {
    /// A fitter for the fit window of the given drivers.
    pub fn new(drivers: &'a Drivers, settings: &'a BetaSettings) -> Fitter<'a> {
        let window = drivers.weights.len();
        let market: &[f64] = match &drivers.market {
            Some(market) => &market.returns[drivers.first..drivers.end],
            None => &[],
        };
        let [before, after] = neighbours(market);
        Fitter {
            drivers,
            settings,
            huber: huber(settings, window),
            workspace: Workspace::empty(),
            before,
            after,
        }
    }

    /// Fits returns over the fit window, NaN if missing, to all drivers except the rising market.
    pub fn fit(&mut self, returns: &[f64]) -> NameFit {
        let known = Known::of(returns, self.settings);
        let mut fit = NameFit {
            market: None,
            size: None,
            up_market: None,
            up_observations: 0,
            crowd: None,
            observations: known.observations,
            residual_sd: None,
            dimson: known.is_stale,
            is_estimable: known.is_estimable,
        };
        if fit.is_estimable {
            self.fit_market_and_size(returns, &mut fit);
            let crowd = self.fit_one(returns, self.drivers.crowd.as_ref());
            fit.crowd = crowd.map(|(slope, _)| slope);
        }
        fit
    }

    /// Adds the beta on days when the market rose, which is only shown in position listings.
    pub fn fit_up_market(&mut self, returns: &[f64], fit: &mut NameFit) {
        if fit.is_estimable {
            let up_market = self.fit_one(returns, self.drivers.up_market.as_ref());
            fit.up_market = up_market.map(|(slope, _)| slope);
            fit.up_observations = up_market.map_or(0, |(_, observations)| observations);
        }
    }

    fn fit_market_and_size(&mut self, returns: &[f64], fit: &mut NameFit) {
        let drivers = self.drivers;
        let Some(market) = &drivers.market else { return };
        let window = drivers.first..drivers.end;
        let mut columns = vec![&market.returns[window.clone()]];
        columns.extend(drivers.size.iter().map(|size| &size.returns[window.clone()]));
        let plain = columns.len();
        if fit.dimson {
            columns.extend([self.before.as_slice(), self.after.as_slice()]);
        }
        let huber = with_own_lags(self.huber, returns, &columns);
        let robust = self.workspace.huber(returns, &columns, Some(&drivers.weights), &huber);
        let Ok(robust) = robust else { return };
        if robust.fit.observations < self.settings.min_observations {
            return;
        }
        fit.residual_sd = Some(robust.scale);
        fit.size = drivers.size.as_ref().and_then(|_| robust.fit.slopes.get(1)).copied();
        fit.market = if fit.dimson {
            Some(sum_of_lags(&robust, 0, plain))
        } else {
            Some(robust.fit.slopes[0])
        };
    }

    /// The slope on one driver and the number of sessions behind it. Sessions without the driver's
    /// return are left out.
    fn fit_one(&mut self, returns: &[f64], driver: Option<&Driver>) -> Option<(Estimate, usize)> {
        let column = &driver?.returns[self.drivers.first..self.drivers.end];
        let weights = Some(self.drivers.weights.as_slice());
        let huber = with_own_lags(self.huber, returns, &[column]);
        let fit = self.workspace.huber(returns, &[column], weights, &huber).ok()?.fit;
        // Half of the sessions is enough: the market falls on the other half.
        (self.settings.min_observations <= 2 * fit.observations)
            .then(|| (fit.slopes[0], fit.observations))
    }
}

/// What is known of a name's returns before any fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// Number of returns.
    pub(crate) observations: usize,
    /// Whether so many are zero that prices are stale, and Dimson's lags are added.
    pub(crate) is_stale: bool,
    /// Whether there are enough returns, and enough of them are not zero.
    pub(crate) is_estimable: bool,
}

impl Known {
    /// Of returns, NaN if missing.
    pub(crate) fn of(returns: &[f64], settings: &BetaSettings) -> Known {
        let present = returns.iter().filter(|r| r.is_finite());
        let (observations, unchanged) =
            present.fold((0, 0), |(n, same), r| (n + 1, same + usize::from(r.abs() <= 0.0)));
        Known {
            observations,
            is_stale: STALE_SHARE_MAX * (observations as f64) < unchanged as f64,
            // A robust scale is a median: if most returns are zero it is zero too, and an unchanged
            // price would get a beta of zero with no error.
            is_estimable: settings.min_observations <= observations
                && 2 * unchanged <= observations,
        }
    }
}

/// The settings with the lags of the sessions that a fit rests on: those of a long window would be too
/// many for a name with few returns.
pub(crate) fn with_own_lags(huber: Huber, returns: &[f64], regressors: &[&[f64]]) -> Huber {
    let is_whole = |at: &usize| {
        returns[*at].is_finite() && regressors.iter().all(|regressor| regressor[*at].is_finite())
    };
    let observations = (0..returns.len()).filter(is_whole).count();
    Huber { lags: newey_west::lags(observations), ..huber }
}

/// The settings of a robust fit over a window.
pub(crate) fn huber(settings: &BetaSettings, window: usize) -> Huber {
    Huber {
        k: settings.huber_k,
        iterations_max: STEPS_MAX,
        tolerance: 1e-6,
        lags: newey_west::lags(window),
    }
}

/// The market's slope on the day, at index `own`, plus those on the previous and next day, which start
/// at index `lags`.
pub(crate) fn sum_of_lags(robust: &RobustFit, own: usize, lags: usize) -> Estimate {
    let slopes = [own, lags, lags + 1];
    let value = slopes.iter().map(|k| robust.fit.slopes[*k].value).sum();
    let pairs = slopes.iter().flat_map(|j| slopes.iter().map(move |k| (*j, *k)));
    // The covariance matrix starts with the intercept.
    let variance: f64 = pairs.map(|(j, k)| robust.fit.covariance.get(j + 1, k + 1)).sum();
    Estimate { value, standard_error: variance.max(0.0).sqrt() }
}

/// The market's returns of a fit window one session earlier and one later, NaN if unknown.
pub(crate) fn neighbours(market: &[f64]) -> [Vec<f64>; 2] {
    [-1, 1].map(|offset: isize| {
        let at = |session: usize| market.get(session.checked_add_signed(offset)?).copied();
        (0..market.len()).map(|session| at(session).unwrap_or(f64::NAN)).collect()
    })
}

/// The group of names that share a prior.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriorGroup {
    /// A company of a size bucket.
    Bucket(SizeBucket),
    /// A company whose size is unknown.
    UnknownSize,
    /// A fund or an index. It does not enter the priors of companies, and its betas are not shrunk
    /// to them.
    Fund,
}

impl PriorGroup {
    /// The group of a name, from its size bucket and whether it is a fund.
    pub fn of(bucket: Option<SizeBucket>, is_fund: bool) -> PriorGroup {
        match bucket {
            _ if is_fund => PriorGroup::Fund,
            Some(bucket) => PriorGroup::Bucket(bucket),
            None => PriorGroup::UnknownSize,
        }
    }
}

/// The group whose mean a beta is shrunk towards, or takes if the name has no estimate of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriorMean {
    /// The companies of its size bucket.
    SizeBucket,
    /// All companies, because the name's size is unknown or its bucket has too few companies.
    AllNames,
}

/// A beta as used: the name's own estimate and the mean of its prior, weighted by their precision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beta {
    /// The value used.
    pub value: f64,
    /// Its standard error: that of the posterior if shrunk, that of the prior if it is the prior's
    /// mean.
    pub standard_error: f64,
    /// Weight of the name's own estimate, 0 to 1.
    pub own_weight: f64,
    /// The name's own estimate, robust and before shrinkage.
    pub own: Option<Estimate>,
    /// The group whose mean has the remaining weight. `None` if only the name's own estimate is
    /// used.
    pub prior: Option<PriorMean>,
}

impl Beta {
    /// A name's own estimate, as it is.
    pub const fn unshrunk(own: Estimate) -> Beta {
        Beta {
            value: own.value,
            standard_error: own.standard_error,
            own_weight: 1.0,
            own: Some(own),
            prior: None,
        }
    }
}

/// The priors of each size bucket and of names of unknown size, for one driver.
#[derive(Clone, Debug)]
pub struct Priors {
    buckets: [Option<shrink::Prior>; 5],
    all: Option<shrink::Prior>,
}

impl Priors {
    /// The priors from companies' own estimates. Funds, and lines that may be funds, must not be
    /// among them.
    pub fn of(estimates: &[(Option<SizeBucket>, Estimate)]) -> Priors {
        let prior = |keep: &dyn Fn(Option<SizeBucket>) -> bool| {
            let kept = estimates.iter().filter(|(bucket, _)| keep(*bucket));
            let (values, errors): (Vec<f64>, Vec<f64>) =
                kept.map(|(_, e)| (e.value, e.standard_error)).unzip();
            if values.len() < PRIOR_NAMES_MIN {
                return None;
            }
            shrink::prior_of(&values, &errors, PRIOR_VARIANCE_FLOOR)
        };
        Priors {
            buckets: SizeBucket::ALL.map(|b| prior(&|bucket| bucket == Some(b))),
            all: prior(&|_| true),
        }
    }

    fn get(&self, group: PriorGroup) -> Option<(PriorMean, shrink::Prior)> {
        let of_bucket = match group {
            PriorGroup::Bucket(bucket) => SizeBucket::ALL.iter().position(|b| *b == bucket),
            PriorGroup::UnknownSize | PriorGroup::Fund => None,
        };
        let of_bucket = of_bucket.and_then(|at| self.buckets[at]);
        of_bucket
            .map(|prior| (PriorMean::SizeBucket, prior))
            .or(self.all.map(|prior| (PriorMean::AllNames, prior)))
    }

    /// The beta used for a name of a group. `None` if there is neither an estimate of its own nor a
    /// prior.
    pub fn shrunk(
        &self,
        group: PriorGroup,
        own: Option<Estimate>,
        shrinkage: Shrinkage,
    ) -> Option<Beta> {
        let alone = own.map(Beta::unshrunk);
        let Some((mean_of, prior)) = self.get(group) else { return alone };
        let Some(own) = own else {
            return Some(Beta {
                value: prior.mean,
                standard_error: prior.variance.sqrt(),
                own_weight: 0.0,
                own: None,
                prior: Some(mean_of),
            });
        };
        if shrinkage == Shrinkage::None || group == PriorGroup::Fund {
            return alone;
        }
        let weight = shrink::vasicek_weight(own.standard_error, prior.variance)?;
        Some(Beta {
            value: prior.mean + weight * (own.value - prior.mean),
            standard_error: own.standard_error * weight.sqrt(),
            own_weight: weight,
            own: Some(own),
            prior: Some(mean_of),
        })
    }
}
