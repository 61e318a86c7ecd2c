//! The risk of a book under covariances of its names, by their own returns and without factors.
//!
//! A covariance of many names from few sessions is too good for portfolios that were chosen by it, so
//! the sample's stands beside others that are shrunk towards a simple target.

use crate::{factor_risk::MeasuredBook, prepared::PreparedExposure};
use factors::look_through::Part;
use marketdata::{
    dataset::Dataset,
    gap::{Gap, GapReason, Subject},
};
use stats::{
    covariance,
    effective_bets::{Bets, NoBets, minimum_torsion, principal},
    ledoit_wolf::{self, Shrunk},
    matrix::SymmetricMatrix,
    moments::Ddof,
};
use std::ops::Range;

/// Number of sessions of returns: a year.
const SESSIONS: usize = 252;
/// Fewer sessions give no covariance.
const SESSIONS_MIN: usize = 60;
/// Maximum number of names: the matrix has their square.
const NAMES_MAX: usize = 500;
/// Maximum number of names of which bets are counted: each step decomposes the matrix.
const BETS_NAMES_MAX: usize = 100;

/// How a covariance is estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Estimator {
    /// That of the sample, with the divisor T − 1.
    Sample,
    /// Shrunk towards covariances through the market.
    SingleFactor,
    /// Shrunk towards one correlation.
    ConstantCorrelation,
    /// Shrunk towards the identity times the mean variance.
    Identity,
    /// The same with the coefficient of the oracle approximating shrinkage.
    OracleApproximating,
}

/// A book under one covariance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CovarianceRisk {
    /// How it was estimated.
    pub estimator: Estimator,
    /// Volatility of the book over one session. `None`: the returns allow no such estimate.
    pub volatility: Option<f64>,
    /// Weight of the target; of a shrunk one.
    pub shrinkage: Option<f64>,
    /// Effective number of bets by minimum torsion.
    pub effective_bets: Option<f64>,
    /// That by principal components.
    pub principal_effective_bets: Option<f64>,
}

/// A book under several covariances of the same names.
#[derive(Clone, Debug, PartialEq)]
pub struct NameCovariances {
    /// Number of sessions of returns.
    pub sessions: usize,
    /// Number of names covered.
    pub covered: usize,
    /// One per estimator asked for.
    pub risks: Vec<CovarianceRisk>,
    /// Names that are not covered, and estimates that are none.
    pub gaps: Vec<Gap>,
}

/// A book under the covariances that are asked for.
pub fn measure(
    prepared: &PreparedExposure,
    book: &MeasuredBook,
    asked: &[Estimator],
) -> NameCovariances {
    let end = prepared.sessions.len();
    let window = end.saturating_sub(SESSIONS)..end;
    let mut found = NameCovariances {
        sessions: window.len(),
        covered: 0,
        risks: Vec::with_capacity(asked.len()),
        gaps: Vec::new(),
    };
    if asked.is_empty() {
        return found;
    }
    let names = Names::of(prepared, book, window, &mut found.gaps);
    found.covered = names.amounts.len();
    for estimator in asked {
        let (risk, bets) = names.under(*estimator);
        found.gaps.extend(risk.volatility.is_none().then(|| names.none(*estimator)));
        found.gaps.extend((bets == Some(NoBets::TooAlike)).then(|| too_alike(*estimator)));
        found.risks.push(risk);
    }
    found
}

/// The gap of a number of bets that is not found.
fn too_alike(estimator: Estimator) -> Gap {
    let detail = format!(
        "under the covariance {estimator:?} some combination of the names has next to no variance, so \
         the uncorrelated returns nearest to theirs are not found: there are no effective bets"
    );
    Gap::new(GapReason::Degenerate, Subject::Dataset(Dataset::Bars), detail)
}

/// The names covered, with their returns.
struct Names {
    /// Net values.
    amounts: Vec<f64>,
    /// By name.
    returns: Vec<Vec<f64>>,
    /// Those of the market, NaN if missing; empty without a market.
    market: Vec<f64>,
    sessions: usize,
}

impl Names {
    /// Those with a return of their own on every session, at most [`NAMES_MAX`], in the order of names.
    fn of(
        prepared: &PreparedExposure,
        book: &MeasuredBook,
        window: Range<usize>,
        gaps: &mut Vec<Gap>,
    ) -> Names {
        let sessions = window.len();
        let mut gap = |part: &Part, reason: GapReason, why: String| {
            let symbol = Subject::symbol(prepared.snapshot().symbol(part.instrument));
            let gap = Gap::new(reason, symbol, why);
            gaps.push(book.share(part.gross()).into_iter().fold(gap, Gap::of_gross));
        };
        let mut whole: Vec<(&Part, Vec<f64>)> = Vec::new();
        for part in &book.parts {
            let returns = prepared.own_returns(part.instrument, window.clone());
            let absent = returns.iter().filter(|value| !value.is_finite()).count();
            let absent = if returns.is_empty() { sessions } else { absent };
            match absent {
                0 => whole.push((part, returns)),
                _ => gap(
                    part,
                    GapReason::ShortHistory,
                    format!(
                        "has no return of its own on {absent} of {sessions} sessions: it is in no \
                         covariance of names"
                    ),
                ),
            }
        }
        if NAMES_MAX < whole.len() {
            let mut order: Vec<usize> = (0..whole.len()).collect();
            order.sort_by(|a, b| whole[*b].0.gross().total_cmp(&whole[*a].0.gross()));
            let mut is_kept = vec![false; whole.len()];
            order.iter().take(NAMES_MAX).for_each(|at| is_kept[*at] = true);
            for at in order.into_iter().skip(NAMES_MAX) {
                let why = format!("is beyond the {NAMES_MAX} names that a covariance covers");
                gap(whole[at].0, GapReason::BeyondLimit, why);
            }
            let mut kept = is_kept.into_iter();
            whole.retain(|_| kept.next().unwrap_or(false));
        }
        let market = prepared.drivers().market.as_ref();
        Names {
            amounts: whole.iter().map(|(part, _)| part.market_value).collect(),
            returns: whole.into_iter().map(|(_, returns)| returns).collect(),
            market: market.map_or_else(Vec::new, |driver| driver.returns[window].to_vec()),
            sessions,
        }
    }

    /// The risk, and why there is no number of bets by minimum torsion.
    fn under(&self, estimator: Estimator) -> (CovarianceRisk, Option<NoBets>) {
        let (covariance, shrinkage) = self.covariance(estimator).unzip();
        let shrinkage = shrinkage.flatten();
        let variance = covariance.as_ref().and_then(|matrix| matrix.quadratic_form(&self.amounts));
        let small = covariance.as_ref().filter(|_| self.amounts.len() <= BETS_NAMES_MAX);
        let torsion = small.map(|matrix| minimum_torsion(matrix, &self.amounts));
        let principal = small.and_then(|matrix| principal(matrix, &self.amounts).ok());
        let effective = |bets: &Bets| bets.effective;
        let risk = CovarianceRisk {
            estimator,
            volatility: variance.map(|variance| variance.max(0.0).sqrt()),
            shrinkage,
            effective_bets: torsion.as_ref().and_then(|bets| bets.as_ref().ok()).map(effective),
            principal_effective_bets: principal.as_ref().map(effective),
        };
        (risk, torsion.and_then(Result::err))
    }

    /// The covariance, and the weight of its target.
    fn covariance(&self, estimator: Estimator) -> Option<(SymmetricMatrix, Option<f64>)> {
        if self.sessions < SESSIONS_MIN {
            return None;
        }
        let series: Vec<&[f64]> = self.returns.iter().map(Vec::as_slice).collect();
        let shrunk = |found: Shrunk| (found.covariance, Some(found.intensity));
        match estimator {
            Estimator::Sample => Some((covariance::sample(&series, Ddof::Sample)?, None)),
            Estimator::SingleFactor => {
                ledoit_wolf::single_factor(&series, &self.market).map(shrunk)
            }
            Estimator::ConstantCorrelation => {
                ledoit_wolf::constant_correlation(&series).map(shrunk)
            }
            Estimator::Identity => ledoit_wolf::identity(&series).map(shrunk),
            Estimator::OracleApproximating => {
                ledoit_wolf::oracle_approximating(&series).map(shrunk)
            }
        }
    }

    /// The gap of an estimate that there is not.
    fn none(&self, estimator: Estimator) -> Gap {
        let (names, sessions) = (self.amounts.len(), self.sessions);
        let needs = match estimator {
            Estimator::Sample | Estimator::Identity | Estimator::OracleApproximating => "a name",
            Estimator::SingleFactor => "a name and all returns of MARKET",
            Estimator::ConstantCorrelation => "two names whose prices move",
        };
        let detail = format!(
            "there is no covariance {estimator:?}: it needs {SESSIONS_MIN} sessions and {needs}; \
             there are {sessions} sessions and {names} names with all returns"
        );
        Gap::new(GapReason::Degenerate, Subject::Dataset(Dataset::Bars), detail)
    }
}
