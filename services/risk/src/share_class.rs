//! What the specific returns of one company's share classes have in common.
//!
//! Lines of one company ([`factors::issuer`]) own the same business, so their specific returns are
//! nearly one: u_i = (σ_i/σ)·z + e_i, with z of variance ρ·σ² the same for all of them and e_i of
//! variance (1 − ρ)·σ_i² a line's own. A line alone has the variance σ_i² that it has without others.
//!
//! 1 − ρ is Σ w(r_i − r_j)²/Σ w(u_i² + u_j²) over pairs of lines and the sessions on which both have a
//! residual, weighted by age. The difference is that of returns r: exposures of two lines of one company
//! differ by errors of estimation, which residuals hold too. It is shrunk to [`OWN_SHARE`], which counts
//! as [`OWN_SHARE_SESSIONS`] sessions beside the effective number n of those weights:
//! (n·found + 20·0.02)/(n + 20).

use marketdata::instrument::InstrumentId;
use stats::ewma::effective_number;
use std::collections::BTreeMap;

/// 1 − ρ without any data: GOOG and GOOGL, FOX and FOXA, NWS and NWSA, UA and UAA had 0.005, 0.014,
/// 0.033 and 0.020 from July 2020 to March 2021.
pub const OWN_SHARE: f64 = 0.02;

/// Number of sessions that [`OWN_SHARE`] counts for.
pub const OWN_SHARE_SESSIONS: f64 = 20.0;

/// A line of a company that has several.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShareClass {
    /// Number of the company.
    pub company: u32,
    /// ρ, the share of the specific variance that all its lines have in common, 0 to 1.
    pub common: f64,
}

/// Lines of companies that have several.
pub type ShareClasses = BTreeMap<InstrumentId, ShareClass>;

/// Past sessions of a line, NaN where missing.
pub(crate) struct LineHistory {
    pub(crate) returns: Vec<f64>,
    pub(crate) residuals: Vec<f64>,
}

/// ρ of the lines of a company, given weights of the sessions.
pub(crate) fn common_share(lines: &[LineHistory], weights: &[f64]) -> f64 {
    let (mut apart, mut all) = (0.0, 0.0);
    let mut used = Vec::new();
    for (at, weight) in weights.iter().enumerate() {
        let of_session = lines.iter().map(|line| (line.returns[at], line.residuals[at]));
        let known: Vec<(f64, f64)> =
            of_session.filter(|(r, u)| r.is_finite() && u.is_finite()).collect();
        for (place, (r, u)) in known.iter().enumerate() {
            for (other, v) in &known[place + 1..] {
                apart += weight * (r - other) * (r - other);
                all += weight * (u * u + v * v);
            }
        }
        if 1 < known.len() {
            used.push(*weight);
        }
    }
    let sessions = if 0.0 < all { effective_number(&used).unwrap_or(0.0) } else { 0.0 };
    let found = if 0.0 < all { (apart / all).min(1.0) } else { OWN_SHARE };
    let own = sessions * found + OWN_SHARE_SESSIONS * OWN_SHARE;
    1.0 - own / (sessions + OWN_SHARE_SESSIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(returns: &[f64], residuals: &[f64]) -> LineHistory {
        LineHistory { returns: returns.to_vec(), residuals: residuals.to_vec() }
    }

    /// Two sessions with both lines, equal weights, n = 2: returns 1 and 0 apart, residuals
    /// 1 + 0 + 4 + 4 squared: 1/9, shrunk to (2/9 + 0.4)/22. The session of one line does not count.
    #[test]
    fn what_lines_share_by_hand() {
        let one = line(&[3.0, 1.0, 5.0], &[1.0, 2.0, 5.0]);
        let other = line(&[2.0, 1.0, f64::NAN], &[0.0, 2.0, f64::NAN]);
        let found = common_share(&[one, other], &[0.25, 0.25, 0.5]);
        assert!((found - (1.0 - (2.0 / 9.0 + 0.4) / 22.0)).abs() < 1e-15, "{found}");
    }

    /// Opposite returns have nothing in common, and never less than nothing: (n + 0.4)/(n + 20).
    #[test]
    fn without_data_the_share_is_that_of_other_companies() {
        let share = |one: f64, other: f64| {
            let lines = [line(&[one], &[one]), line(&[other], &[other])];
            common_share(&lines, &[1.0])
        };
        assert!((share(1.0, f64::NAN) - 0.98).abs() < 1e-15);
        assert!((share(0.0, 0.0) - 0.98).abs() < 1e-15);
        assert!((share(1.0, -1.0) - (1.0 - 1.4 / 21.0)).abs() < 1e-15);
    }
}
