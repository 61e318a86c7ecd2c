//! How names move with factors: the factor model of risk, and a ladder for names that it lacks.
//!
//! A name's return is X·f + u. Its exposures X and the variance of u come from the first of these
//! that it has, and answers say which, with the share of gross:
//!
//! 1. its row of the risk model's cross-section;
//! 2. its own returns regressed on those of the factors ([`crate::projection`]): funds, which the
//!    cross-section does not cover, and companies of unknown market value;
//! 3. if it has no returns of its own, say because it was listed today, the mean of its peers, at
//!    least ten names of its size and sector, else of its size, else of its sector, else of all.

use crate::{
    cross_section::{CrossSection, Estimated},
    factor_model::{FactorModel, InvalidModel, ModelName},
    model::RiskModel,
    name::NONE,
    peers::DONORS_MIN,
    projection::{self, Projection},
    series::{self, Series, TradeSeries, role_moves},
};
use factors::{roles::Roles, size::SizeBucket};
use marketdata::instrument::InstrumentId;
use stats::ewma;
use std::collections::BTreeMap;

/// Where a name's exposures come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// Its row of the cross-section model.
    Model,
    /// A regression of its own returns on those of the factors.
    Regression,
    /// The mean of its peers.
    Peers,
}

/// How a name moves.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelledName {
    /// X, by factor.
    pub exposures: Vec<f64>,
    /// Variance of its specific return per session, a squared decimal.
    pub specific_variance: f64,
    /// Where both come from.
    pub rung: Rung,
}

/// What scenarios and hedges are computed from, besides a book.
#[derive(Clone, Debug)]
pub struct FactorView<'a> {
    /// Names, sessions, returns.
    pub risk: &'a RiskModel,
    /// Exposures, covariance of factors, specific variances.
    pub factors: &'a FactorModel,
    /// The configured roles.
    pub roles: &'a Roles,
    /// The crowded trade, whose large moves say which days are like this one. `None`: its legs have
    /// too few returns.
    pub trade: Option<TradeSeries<'a>>,
    /// Returns by factor and by session of the history, NaN if missing.
    pub returns: Vec<Vec<f64>>,
    /// Weights of the sessions of the history, those of betas.
    pub weights: Vec<f64>,
    /// The session of the panel with which the history begins.
    pub first: usize,
}

impl<'a> FactorView<'a> {
    /// Puts the parts of a view together. `estimated` is the outcome of `cross_section`.
    pub fn of(
        risk: &'a RiskModel,
        (cross_section, estimated): (&'a CrossSection, &'a Estimated),
        roles: &'a Roles,
        trade: Option<TradeSeries<'a>>,
    ) -> FactorView<'a> {
        let factors = &estimated.model;
        let sessions = cross_section.history.days.len();
        let of_factor = |name: &String| -> Vec<f64> {
            let returns = cross_section.factor_returns(name);
            debug_assert!(returns.is_some(), "invariant: factors of a model have a history");
            returns.into_iter().flatten().map(|value| value.unwrap_or(f64::NAN)).collect()
        };
        let lambda = ewma::lambda_of_half_life(risk.settings.half_life_sessions);
        let weights = lambda.and_then(|lambda| ewma::weights(sessions, lambda));
        FactorView {
            risk,
            factors,
            roles,
            trade,
            returns: factors.factors().iter().map(of_factor).collect(),
            weights: weights.unwrap_or_default(),
            first: risk.sessions.len() - sessions,
        }
    }

    /// A name by the ladder. `None` if no rung has it: the model has fewer names than a mean needs.
    pub fn name(&self, instrument: InstrumentId) -> Option<ModelledName> {
        let own = || self.factors.row(instrument).map(|row| self.row(row));
        own().or_else(|| self.regressed(instrument)).or_else(|| self.mean_of_peers(instrument))
    }

    /// Whether the ladder says something of a name itself, its size and sector at least. The mean of all
    /// names is the best guess for what a book holds, and no reason to hedge or shock by a line.
    pub fn describes(&self, instrument: InstrumentId) -> bool {
        let name = self.risk.anchored(instrument);
        let has_peers = name.bucket.is_some() || name.sector != NONE;
        self.name(instrument).is_some_and(|found| has_peers || found.rung != Rung::Peers)
    }

    fn row(&self, row: usize) -> ModelledName {
        let mut exposures = vec![0.0; self.factors.factors().len()];
        self.factors.exposures(row).for_each(|(factor, value)| exposures[factor] = value);
        let specific_variance = self.factors.specific_variance(row);
        ModelledName { exposures, specific_variance, rung: Rung::Model }
    }

    fn regressed(&self, instrument: InstrumentId) -> Option<ModelledName> {
        let returns = self.own_returns(instrument)?;
        let Projection { mut slopes, residual } = self.project(&[returns]).ok()?;
        Some(ModelledName {
            exposures: slopes.pop()?,
            specific_variance: residual.get(0, 0).max(0.0),
            rung: Rung::Regression,
        })
    }

    fn mean_of_peers(&self, instrument: InstrumentId) -> Option<ModelledName> {
        let name = self.risk.anchored(instrument);
        let of_peer = |id: &InstrumentId| {
            let peer = self.risk.anchored(*id);
            (peer.bucket, peer.sector)
        };
        let groups = peer_groups(name.bucket, name.sector);
        let rows = groups.into_iter().find_map(|matches| {
            let instruments = self.factors.instruments().iter().enumerate();
            let peers = instruments.filter(|(_, id)| matches.holds(of_peer(id)));
            let rows: Vec<usize> = peers.map(|(row, _)| row).collect();
            (DONORS_MIN <= rows.len()).then_some(rows)
        })?;
        let share = 1.0 / rows.len() as f64;
        let mut mean = ModelledName {
            exposures: vec![0.0; self.factors.factors().len()],
            specific_variance: 0.0,
            rung: Rung::Peers,
        };
        for row in rows {
            for (factor, value) in self.factors.exposures(row) {
                mean.exposures[factor] += share * value;
            }
            mean.specific_variance += share * self.factors.specific_variance(row);
        }
        Some(mean)
    }

    /// The model of some names, in the order of names, each once, with the exposures of the ladder; and
    /// where each has them from. Names that no rung has are not covered.
    ///
    /// # Errors
    /// Why what was estimated is no model: a regression may give an exposure that is no number.
    pub fn model_of(
        &self,
        names: &[InstrumentId],
    ) -> Result<(FactorModel, BTreeMap<InstrumentId, Rung>), Vec<InvalidModel>> {
        let (mut rows, mut rungs) = (Vec::new(), BTreeMap::new());
        for instrument in names {
            let Some(name) = self.name(*instrument) else { continue };
            rungs.insert(*instrument, name.rung);
            let exposures = name.exposures.iter().copied().enumerate();
            rows.push(ModelName {
                instrument: *instrument,
                exposures: exposures.filter(|(_, value)| value.abs() > 0.0).collect(),
                specific_variance: name.specific_variance,
            });
        }
        let (factors, covariance) = (self.factors.factors(), self.factors.covariance());
        let model = FactorModel::new(factors.to_vec(), covariance.clone(), &rows)?;
        Ok((model.with_share_classes(self.factors.share_classes().clone()), rungs))
    }

    /// Volatility of a name per session in the model, a decimal.
    pub fn volatility(&self, name: &ModelledName) -> f64 {
        let common = self.factors.covariance().quadratic_form(&name.exposures).unwrap_or(0.0);
        (common.max(0.0) + name.specific_variance).sqrt()
    }

    /// Specific returns of a name by session of the history, NaN if missing. `None` without returns
    /// of its own.
    pub fn specific_returns(
        &self,
        instrument: InstrumentId,
        name: &ModelledName,
    ) -> Option<Vec<f64>> {
        let own = self.own_returns(instrument).filter(|_| name.rung != Rung::Peers)?;
        let residual = |(at, own): (usize, &f64)| own - self.explained(&name.exposures, at);
        Some(own.iter().enumerate().map(residual).collect())
    }

    /// What exposures to the factors explain of a session of the history; NaN if a factor has no
    /// return.
    pub fn explained(&self, exposures: &[f64], at: usize) -> f64 {
        exposures.iter().zip(&self.returns).map(|(x, returns)| x * returns[at]).sum()
    }

    /// A name's own returns by session of the history, NaN if missing. `None` without any.
    pub fn own_returns(&self, instrument: InstrumentId) -> Option<Vec<f64>> {
        let row = self.risk.anchored(instrument).row;
        (row != NONE).then(|| self.risk.panel.own_within(row, self.first..self.risk.panel.width))
    }

    /// Moves of a series by session of the history, NaN if missing. `None` if it has no move.
    pub fn moves(&self, series: Series) -> Option<Vec<f64>> {
        let by_session = match series {
            Series::Role(role) => role_moves(self.risk, self.roles, role)?,
            Series::Trade => self.trade?.returns.to_vec(),
        };
        Some(by_session[self.first..].to_vec())
    }

    /// The lines that a series is made of, as of today, with what it holds of each per unit: a role's
    /// line, the legs of the trade. `None` if it is something else, for instance a yield, or has a
    /// line without exposures.
    pub fn lines(&self, series: Series) -> Option<Vec<(InstrumentId, f64)>> {
        let lines = series::lines(self.risk, self.roles, self.trade, series)?;
        lines.iter().all(|(line, _)| self.describes(*line)).then_some(lines)
    }

    /// Projects series by session of the history on the factors. The error is the number of usable
    /// sessions.
    pub fn project(&self, series: &[Vec<f64>]) -> Result<Projection, usize> {
        projection::project(&self.returns, series, &self.weights)
    }
}

/// Names like one: of a size, of a sector, or both.
struct PeerGroup {
    bucket: Option<SizeBucket>,
    sector: Option<u32>,
}

impl PeerGroup {
    fn holds(&self, (bucket, sector): (Option<SizeBucket>, u32)) -> bool {
        self.bucket.is_none_or(|own| bucket == Some(own))
            && self.sector.is_none_or(|own| sector == own)
    }
}

/// Groups from the narrowest to all names; those of an unknown size or sector are left out.
fn peer_groups(bucket: Option<SizeBucket>, sector: u32) -> Vec<PeerGroup> {
    let sector = Some(sector).filter(|sector| *sector != NONE);
    let all = [(bucket, sector), (bucket, None), (None, sector), (None, None)];
    let is_known = |(at, (b, s)): &(usize, (Option<SizeBucket>, Option<u32>))| match at {
        0 => b.is_some() && s.is_some(),
        1 => b.is_some(),
        2 => s.is_some(),
        _ => true,
    };
    let known = all.into_iter().enumerate().filter(is_known);
    known.map(|(_, (bucket, sector))| PeerGroup { bucket, sector }).collect()
}
