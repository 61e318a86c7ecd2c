//! The style characteristics of names, and how they become exposures.
//!
//! A characteristic of a session uses what was known at its close and nothing older than a year of
//! sessions. There is no value style: the store holds no fundamentals.

use super::{inputs::Line, settings::LOOKBACK_SESSIONS};
use crate::panel::Panel;
use stats::{ewma, kernel, rank};
use std::ops::Range;

/// A style of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// ln of the market value of the company.
    Size,
    /// Slope on the cap-weighted market over a year, half-life 63 sessions.
    Beta,
    /// Σ ln(1 + r) over a year without its latest month.
    Momentum,
    /// ln of the standard deviation of the residuals of the fit behind the beta.
    Volatility,
    /// ln of the mean value traded a day over three months as a share of market value.
    Liquidity,
    /// Short interest over float, as public: how crowded the shorts are.
    ShortInterest,
}

/// Number of styles.
pub(crate) const STYLES: usize = Style::ALL.len();

impl Style {
    /// Every style, in the order of factors.
    pub const ALL: [Style; 6] = [
        Style::Size,
        Style::Beta,
        Style::Momentum,
        Style::Volatility,
        Style::Liquidity,
        Style::ShortInterest,
    ];

    /// The name of its factor.
    pub const fn id(self) -> &'static str {
        match self {
            Style::Size => "SIZE",
            Style::Beta => "BETA",
            Style::Momentum => "MOMENTUM",
            Style::Volatility => "VOLATILITY",
            Style::Liquidity => "LIQUIDITY",
            Style::ShortInterest => "SHORT_INTEREST",
        }
    }

    pub(crate) const fn at(self) -> usize {
        self as usize
    }
}

/// Characteristics of one name on one session, by style; NaN if unknown.
pub(crate) type Characteristics = [f64; STYLES];

/// Half-life of the weights behind beta and volatility, sessions.
const BETA_HALF_LIFE: f64 = 63.0;
/// Latest sessions that momentum leaves out: reversals of a month are another effect.
const MOMENTUM_GAP: usize = 21;
/// Returns below this are total losses, whose logarithm has no end.
const RETURN_MIN: f64 = -0.99;
/// Characteristics further than this many robust deviations from the median are set to that
/// distance.
const WINSOR_DEVIATIONS: f64 = 3.0;

/// The weighted market of the sessions up to one, shared by all names.
#[derive(Debug)]
pub(crate) struct MarketWindow {
    /// The sessions, at most [`LOOKBACK_SESSIONS`].
    sessions: Range<usize>,
    /// Weights, zero if the market has no return.
    w: Vec<f64>,
    /// Weights times the market's return, and times its square.
    wm: Vec<f64>,
    wmm: Vec<f64>,
}

impl MarketWindow {
    /// The window that ends with a session; `market` has one return per session, NaN if missing.
    pub(crate) fn ending(market: &[f64], session: usize) -> MarketWindow {
        let sessions = (session + 1).saturating_sub(LOOKBACK_SESSIONS)..session + 1;
        let lambda = ewma::lambda_of_half_life(BETA_HALF_LIFE).unwrap_or(1.0);
        let mut w = vec![1.0; sessions.len()];
        for at in (0..w.len().saturating_sub(1)).rev() {
            w[at] = w[at + 1] * lambda;
        }
        let market = &market[sessions.clone()];
        let missing = w.iter_mut().zip(market).filter(|(_, m)| !m.is_finite());
        missing.for_each(|(w, _)| *w = 0.0);
        let times = |x: &[f64]| -> Vec<f64> {
            let product = |(x, m): (&f64, &f64)| if m.is_finite() { x * m } else { 0.0 };
            x.iter().zip(market).map(product).collect()
        };
        let wm = times(&w);
        let wmm = times(&wm);
        MarketWindow { sessions, w, wm, wmm }
    }
}

/// A name's returns over some sessions, with what sums over windows of them need.
#[derive(Debug)]
pub(crate) struct Returns {
    /// The first session held.
    first: usize,
    /// Returns, their squares and logarithms of growth, zero if missing; one or zero for present.
    r: Vec<f64>,
    rr: Vec<f64>,
    logs: Vec<f64>,
    present: Vec<f64>,
}

impl Returns {
    pub(crate) fn of(panel: &Panel, row: u32, sessions: Range<usize>) -> Returns {
        let first = sessions.start;
        let own = panel.own_within(row, sessions);
        let kept = |f: &dyn Fn(f64) -> f64| -> Vec<f64> {
            own.iter().map(|r| if r.is_finite() { f(*r) } else { 0.0 }).collect()
        };
        Returns {
            first,
            r: kept(&|r| r),
            rr: kept(&|r| r * r),
            logs: kept(&|r| libm::log1p(r.max(RETURN_MIN))),
            present: kept(&|_| 1.0),
        }
    }

    fn within(&self, sessions: &Range<usize>) -> Range<usize> {
        sessions.start - self.first..sessions.end - self.first
    }

    /// Slope on the market and standard deviation of the residuals; NaN with fewer returns than
    /// `observations_min`, or a market that does not vary.
    fn market_fit(&self, market: &MarketWindow, observations_min: usize) -> (f64, f64) {
        let at = self.within(&market.sessions);
        let (r, present) = (&self.r[at.clone()], &self.present[at.clone()]);
        if kernel::sum(present) < observations_min as f64 {
            return (f64::NAN, f64::NAN);
        }
        let total = kernel::dot(&market.w, present);
        let mean = |sum: f64| sum / total;
        let (m, y) = (mean(kernel::dot(&market.wm, present)), mean(kernel::dot(&market.w, r)));
        let mm = mean(kernel::dot(&market.wmm, present)) - m * m;
        let my = mean(kernel::dot(&market.wm, r)) - m * y;
        let yy = mean(kernel::dot(&market.w, &self.rr[at])) - y * y;
        let slope = my / mm;
        (slope, (yy - slope * my).max(0.0).sqrt())
    }

    fn momentum(&self, sessions: &Range<usize>, observations_min: usize) -> f64 {
        let end = sessions.end.saturating_sub(MOMENTUM_GAP).max(sessions.start);
        let at = self.within(&(sessions.start..end));
        let enough = observations_min as f64 <= kernel::sum(&self.present[at.clone()]);
        if enough { kernel::sum(&self.logs[at]) } else { f64::NAN }
    }
}

/// The characteristics of a name at the close of the session with which the window ends.
pub(crate) fn characteristics(
    line: &Line,
    returns: &Returns,
    market: &MarketWindow,
    observations_min: usize,
) -> Characteristics {
    let session = market.sessions.end - 1;
    let (beta, deviation) = returns.market_fit(market, observations_min);
    let mut found = [f64::NAN; STYLES];
    found[Style::Size.at()] = libm::log(line.company_cap(session));
    found[Style::Beta.at()] = beta;
    found[Style::Momentum.at()] = returns.momentum(&market.sessions, observations_min);
    found[Style::Volatility.at()] = libm::log(deviation);
    found[Style::Liquidity.at()] = libm::log(line.turnover(session));
    found[Style::ShortInterest.at()] = f64::from(line.short_ratio[session]);
    // The logarithm of zero is not known to be anything.
    found.map(|value| if value.is_finite() { value } else { f64::NAN })
}

/// How a characteristic of a session becomes an exposure: winsorised, then centred and scaled so
/// that over the estimation universe the cap-weighted mean is zero and the deviation one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scaling {
    low: f64,
    high: f64,
    mean: f64,
    deviation: f64,
}

impl Scaling {
    /// From the values and caps of the universe, NaN values being unknown. `None` if fewer than two
    /// are known or they do not differ.
    ///
    /// Bounds are three robust deviations (1.4826 × the median absolute deviation) either way of the
    /// median. The deviation is that of the population about its own mean (methodology B4).
    pub(crate) fn of(universe: impl Iterator<Item = (f64, f64)>) -> Option<Scaling> {
        let (mut values, caps): (Vec<f64>, Vec<f64>) =
            universe.filter(|(value, _)| value.is_finite()).unzip();
        if values.len() < 2 {
            return None;
        }
        let winsorised = rank::winsorise(&mut values, WINSOR_DEVIATIONS)?;
        let reach = WINSOR_DEVIATIONS * winsorised.scale;
        let reach = if 0.0 < reach { reach } else { f64::INFINITY };
        let deviation =
            stats::moments::standard_deviation(&values, stats::moments::Ddof::Population)?;
        (0.0 < deviation).then(|| Scaling {
            low: winsorised.centre - reach,
            high: winsorised.centre + reach,
            mean: kernel::dot(&values, &caps) / kernel::sum(&caps),
            deviation,
        })
    }

    /// The exposure of a characteristic; NaN if it is unknown.
    pub(crate) fn exposure(&self, value: f64) -> f64 {
        (value.clamp(self.low, self.high) - self.mean) / self.deviation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Methodology B4: sizes of six stocks.
    #[test]
    fn exposures_have_cap_weighted_mean_zero_and_deviation_one() {
        let caps = [3000.0, 800.0, 500.0, 400.0, 200.0, 100.0];
        let sizes = caps.map(f64::ln);
        let scaling = Scaling::of(sizes.into_iter().zip(caps)).unwrap();
        let expected = [0.680456, -0.554648, -0.993838, -1.202353, -1.850058, -2.497764];
        for (size, expected) in sizes.iter().zip(expected) {
            assert!((scaling.exposure(*size) - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn extreme_values_are_set_to_three_robust_deviations() {
        // Median 3, median absolute deviation 1: bounds 3 ± 4.4478.
        let values = [1.0, 2.0, 3.0, 4.0, 100.0];
        let scaling = Scaling::of(values.iter().map(|value| (*value, 1.0))).unwrap();
        let exposures = values.map(|value| scaling.exposure(value));
        let bound = scaling.exposure(3.0 + 3.0 * 1.4826);
        assert!((exposures[4] - bound).abs() < 1e-4, "{exposures:?}");
        assert!(exposures.iter().sum::<f64>().abs() < 1e-12);
        assert!((exposures.iter().map(|x| x * x).sum::<f64>() / 5.0 - 1.0).abs() < 1e-12);
        assert!(Scaling::of([(1.0, 1.0), (1.0, 2.0)].into_iter()).is_none());
        assert!(Scaling::of([(1.0, 1.0), (f64::NAN, 2.0)].into_iter()).is_none());
    }

    /// A name that returns twice the market less a constant has beta 2 and no residual.
    #[test]
    fn beta_and_volatility_leave_out_missing_sessions() {
        let market: Vec<f64> = (0..80).map(|at| 0.01 * f64::from(at % 7 - 3)).collect();
        let mut own: Vec<f64> = market.iter().map(|m| 2.0 * m - 0.001).collect();
        own[10] = f64::NAN;
        let panel = Panel::of(80, &[crate::panel::RowSource::Read(own)], None);
        let mut known = market;
        known[20] = f64::NAN;
        let returns = Returns::of(&panel, 0, 0..80);
        let (beta, deviation) = returns.market_fit(&MarketWindow::ending(&known, 79), 79);
        assert!((beta - 2.0).abs() < 1e-6, "{beta}");
        assert!(deviation < 1e-6, "{deviation}");
        assert!(returns.market_fit(&MarketWindow::ending(&known, 79), 80).0.is_nan());
        // Without its last 21 sessions: 59, of which one is missing.
        let window = MarketWindow::ending(&known, 79).sessions;
        assert!(returns.momentum(&window, 59).is_nan());
        let expected: f64 = (0..59)
            .filter(|at| *at != 10)
            .map(|at| (2.0 * 0.01 * f64::from(at % 7 - 3) - 0.001_f64).ln_1p())
            .sum();
        assert!((returns.momentum(&window, 58) - expected).abs() < 1e-7);
    }
}
