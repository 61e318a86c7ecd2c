//! Betas of all names to factors that a request chooses, estimated together.
//!
//! The same fits as those of [`crate::beta`], with other regressors: weights by age, Huber's rule,
//! errors by Newey and West, shrinkage towards the mean of the size bucket. All names are fitted at
//! once, because a mean needs all companies; so the value belongs to a view and a list of factors, and
//! not to a book.

use crate::{
    beta::{Beta, Known, Priors, huber, neighbours, sum_of_lags, with_own_lags},
    drivers::Drivers,
    factor_series::{FactorChoice, FactorSeries, KnownFactor, NoSeries, Sources},
    model::RiskModel,
    name::NONE,
    series::MoveUnit,
    settings::BetaSettings,
};
use factors::{kind::InstrumentKind, roles::Roles};
use marketdata::{day::Day, gap::GapReason, instrument::InstrumentId, snapshot::Snapshot};
use rayon::prelude::*;
use stats::{
    collinearity::{Collinearity, collinearity, independent},
    regression::{Estimate, Workspace},
    robust::Huber,
};
use std::ops::Range;

/// A factor with fewer sessions than this share of those of another one is told to shorten the window:
/// less are single sessions without a value.
const LEAST_OF_LONGEST: f64 = 0.95;

/// A factor of the list.
#[derive(Clone, Debug)]
pub struct ChosenFactor {
    /// What was asked for.
    pub choice: FactorChoice,
    /// Its values, or why there are none that a beta can be measured against.
    pub series: Result<FactorSeries, NoSeries>,
    /// Its place among the factors that have estimates.
    pub place: Option<usize>,
}

impl ChosenFactor {
    /// The unit of its values, also of those that no beta is measured against.
    pub fn unit(&self) -> MoveUnit {
        self.series.as_ref().map_or_else(|none| none.unit, |series| series.unit)
    }
}

/// A name's own estimates.
#[derive(Clone, Debug, PartialEq)]
struct OwnFit {
    /// By place; `None` for a factor that does not vary on the sessions of the name, or that the others
    /// determine there. Empty: too few returns.
    slopes: Vec<Option<Estimate>>,
    /// Number of returns.
    observations: usize,
    /// Number of sessions behind the slopes.
    fitted: usize,
    dimson: bool,
}

/// A name's betas.
#[derive(Clone, Debug, PartialEq)]
pub struct NameBetas {
    /// By place.
    pub betas: Vec<Option<Beta>>,
    /// Number of sessions with a return of its own in the window.
    pub observations: usize,
    /// Number of these on which every factor has a value: those behind its own estimates. 0 without.
    pub fitted: usize,
    /// Whether lags of the market were added.
    pub dimson: bool,
}

/// The betas of all names of a view to a list of factors.
#[derive(Debug)]
pub struct FactorBetas {
    /// In the order of the list.
    pub factors: Vec<ChosenFactor>,
    /// How well those with a place can be told apart. `None` if there is none.
    pub collinearity: Option<Collinearity>,
    /// The first and the last session on which every factor with a place has a value.
    pub span: Option<(Day, Day)>,
    /// The settings of the estimates.
    pub settings: BetaSettings,
    /// The sessions of the window.
    pub window: Range<usize>,
    /// By place, over the window.
    pub columns: Vec<Vec<f64>>,
    /// By session of the window.
    pub weights: Vec<f64>,
    /// By row of the panel.
    fits: Vec<OwnFit>,
    /// By place.
    priors: Vec<Priors>,
}

impl FactorBetas {
    /// Fits every name of a view, on the threads of the caller's pool. `snapshot` is the view with
    /// short interest.
    pub fn of(
        model: &RiskModel,
        (snapshot, roles): (&Snapshot, &Roles),
        choices: &[FactorChoice],
        settings: BetaSettings,
    ) -> FactorBetas {
        let drivers = Drivers::of(&model.roles, model.sessions.len(), &settings);
        let window = drivers.first..drivers.end;
        let least = settings.min_observations;
        let sources = Sources { model, snapshot, roles, drivers: &drivers, least };
        let read = |choice: &FactorChoice| ChosenFactor {
            choice: choice.clone(),
            series: sources.read(choice),
            place: None,
        };
        let mut chosen: Vec<ChosenFactor> = choices.par_iter().map(read).collect();
        let weights = weights(window.len(), &settings);
        leave_out_short(&mut chosen, &window, &weights, least);
        let columns = place(&mut chosen, &window, &weights);
        let mut betas = FactorBetas {
            factors: chosen,
            collinearity: collinearity(&slices(&columns), &weights),
            span: None,
            settings,
            window,
            columns,
            weights,
            fits: Vec::new(),
            priors: Vec::new(),
        };
        betas.span = betas.span(model);
        betas.fit_all(model);
        betas.priors = betas.priors(model);
        betas
    }

    /// The factors that have values on clearly fewer sessions than another one, each with its number:
    /// they shorten the window of the betas to all factors. With the number of sessions in common.
    pub fn young(&self) -> (Vec<(&ChosenFactor, usize)>, usize) {
        let counts = |at: &usize| 0.0 < self.weights[*at];
        let sessions = || (0..self.window.len()).filter(counts);
        let of =
            |place: usize| sessions().filter(|at| self.columns[place][*at].is_finite()).count();
        let is_whole = |at: &usize| self.columns.iter().all(|column| column[*at].is_finite());
        let placed = self.factors.iter().filter_map(|factor| Some((factor, of(factor.place?))));
        let placed: Vec<(&ChosenFactor, usize)> = placed.collect();
        let longest = placed.iter().map(|(_, own)| *own).max().unwrap_or(0);
        let is_young = |own: usize| (own as f64) < LEAST_OF_LONGEST * longest as f64;
        let young = placed.into_iter().filter(|(_, own)| is_young(*own)).collect();
        (young, sessions().filter(is_whole).count())
    }

    /// The betas of a name. `None` if neither it nor its peers have an estimate.
    pub fn name(&self, model: &RiskModel, instrument: InstrumentId) -> Option<NameBetas> {
        let name = model.anchored(instrument);
        let fit = self.fits.get(name.row as usize);
        let own = |place: usize| *fit?.slopes.get(place)?;
        let group = name.prior_group();
        let beta = |(place, priors): (usize, &Priors)| {
            priors.shrunk(group, own(place), self.settings.shrinkage)
        };
        let betas: Vec<Option<Beta>> = self.priors.iter().enumerate().map(beta).collect();
        betas.iter().any(Option::is_some).then(|| NameBetas {
            betas,
            observations: fit.map_or(0, |fit| fit.observations),
            fitted: fit.map_or(0, |fit| fit.fitted),
            dimson: fit.is_some_and(|fit| fit.dimson),
        })
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        let of_factor = |factor: &ChosenFactor| {
            let series = factor.series.as_ref().ok();
            size_of::<ChosenFactor>() + series.map_or(0, |series| size_of_val(&series.moves[..]))
        };
        let of_fit = |fit: &OwnFit| size_of::<OwnFit>() + size_of_val(&fit.slopes[..]);
        self.factors.iter().map(of_factor).sum::<usize>()
            + self.columns.iter().map(|column| size_of_val(&column[..])).sum::<usize>()
            + size_of_val(&self.weights[..])
            + self.fits.iter().map(of_fit).sum::<usize>()
            + self.priors.len() * size_of::<Priors>()
    }

    fn span(&self, model: &RiskModel) -> Option<(Day, Day)> {
        let is_whole = |at: &usize| {
            0.0 < self.weights[*at] && self.columns.iter().all(|column| column[*at].is_finite())
        };
        let mut whole = (0..self.window.len()).filter(is_whole);
        let first = whole.next().filter(|_| !self.columns.is_empty())?;
        let last = whole.next_back().unwrap_or(first);
        let days = &model.sessions.days()[self.window.clone()];
        Some((days[first], days[last]))
    }

    fn fit_all(&mut self, model: &RiskModel) {
        let market = self.factors.iter().find(|factor| {
            factor.choice == FactorChoice::Known(KnownFactor::Market) && factor.place.is_some()
        });
        let market = market.and_then(|factor| factor.place);
        let lags = market.map(|place| (place, neighbours(&self.columns[place])));
        let fitter = || Fitter {
            betas: self,
            lags: lags.as_ref(),
            huber: huber(&self.settings, self.window.len()),
            workspace: Workspace::empty(),
        };
        let fit = |fitter: &mut Fitter<'_>, row: usize| {
            fitter.fit(&model.panel.own_within(row as u32, self.window.clone()))
        };
        let rows = if self.columns.is_empty() { 0 } else { model.panel.rows() };
        // Splitting an empty list would start rayon's global pool on a thread outside of any pool.
        if 0 < rows {
            let fits = (0..rows).into_par_iter().map_init(fitter, fit).collect();
            self.fits = fits;
        }
    }

    /// The means of size buckets and of all companies. Estimates come in the order of names.
    fn priors(&self, model: &RiskModel) -> Vec<Priors> {
        let mut by_row = vec![None; self.fits.len()];
        for (number, name) in model.peers.names.iter().enumerate() {
            if name.row != NONE && (name.row as usize) < by_row.len() {
                by_row[name.row as usize] = Some(InstrumentId(number as u32));
            }
        }
        let is_company = |instrument: InstrumentId| {
            let own = || model.sizes.kinds().get(&model.snapshot, instrument);
            let kind = model.size(instrument).map_or_else(own, |company| company.kind);
            kind == InstrumentKind::Company
        };
        let companies = by_row.iter().zip(&self.fits);
        let companies = companies.filter_map(|(instrument, fit)| Some(((*instrument)?, fit)));
        let companies: Vec<_> = companies
            .filter(|(instrument, _)| is_company(*instrument))
            .map(|(instrument, fit)| (model.size(instrument).map(|size| size.bucket), fit))
            .collect();
        let of_place = |place: usize| {
            let known = companies
                .iter()
                .filter_map(|(bucket, fit)| Some((*bucket, (*fit.slopes.get(place)?)?)));
            Priors::of(&known.collect::<Vec<_>>())
        };
        (0..self.columns.len()).map(of_place).collect()
    }
}

fn slices(columns: &[Vec<f64>]) -> Vec<&[f64]> {
    columns.iter().map(Vec::as_slice).collect()
}

/// The weights by age of a window. Without a session there are none.
fn weights(sessions: usize, settings: &BetaSettings) -> Vec<f64> {
    let lambda = stats::ewma::lambda_of_half_life(settings.half_life_sessions);
    let weights = lambda.and_then(|lambda| stats::ewma::weights(sessions, lambda));
    weights.unwrap_or_default()
}

/// Leaves out factors until the others have enough sessions in common: each time the one with the fewest
/// sessions of its own, the later of two in the order of their names, so that the order of the list
/// changes nothing.
fn leave_out_short(
    chosen: &mut [ChosenFactor],
    window: &Range<usize>,
    weights: &[f64],
    least: usize,
) {
    loop {
        let known = |factor: &ChosenFactor, at: usize| {
            factor.series.as_ref().is_ok_and(|series| series.moves[window.start + at].is_finite())
        };
        let is_open = |factor: &&ChosenFactor| factor.series.is_ok();
        let counts = (0..weights.len()).filter(|at| 0.0 < weights[*at]);
        let common = counts
            .clone()
            .filter(|at| chosen.iter().filter(is_open).all(|factor| known(factor, *at)))
            .count();
        let of_factor = |at: &usize| counts.clone().filter(|on| known(&chosen[*at], *on)).count();
        let open = (0..chosen.len()).filter(|at| chosen[*at].series.is_ok());
        let shortest = open.min_by(|a, b| {
            let ids = chosen[*b].choice.id().cmp(chosen[*a].choice.id());
            of_factor(a).cmp(&of_factor(b)).then(ids)
        });
        let Some(shortest) = shortest.filter(|_| common < least) else { return };
        let own = of_factor(&shortest);
        let unit = chosen[shortest].unit();
        chosen[shortest].series = Err(NoSeries {
            unit,
            reason: GapReason::ShortHistory,
            detail: format!(
                "it has {own} sessions of the window, and with the others {common} in common; betas \
                 need {least}"
            ),
        });
    }
}

/// Gives a place to every factor that those before it do not determine; the columns by place.
fn place(chosen: &mut [ChosenFactor], window: &Range<usize>, weights: &[f64]) -> Vec<Vec<f64>> {
    let known: Vec<(usize, Vec<f64>)> = chosen
        .iter()
        .enumerate()
        .filter_map(|(at, factor)| {
            Some((at, factor.series.as_ref().ok()?.moves[window.clone()].to_vec()))
        })
        .collect();
    let columns: Vec<&[f64]> = known.iter().map(|(_, column)| column.as_slice()).collect();
    let kept = independent(&columns, weights);
    for (at, (of, _)) in known.iter().enumerate() {
        let factor = &mut chosen[*of];
        factor.place = kept.iter().position(|kept| *kept == at);
        if factor.place.is_none() {
            let detail = "it does not vary, or the factors before it determine it".to_owned();
            let (unit, reason) = (factor.unit(), GapReason::Degenerate);
            factor.series = Err(NoSeries { unit, reason, detail });
        }
    }
    kept.into_iter().map(|at| known[at].1.clone()).collect()
}

/// Fits names one after the other, reusing its buffers.
struct Fitter<'a> {
    betas: &'a FactorBetas,
    /// The place of MARKET, and its returns one session earlier and later.
    lags: Option<&'a (usize, [Vec<f64>; 2])>,
    huber: Huber,
    workspace: Workspace,
}

impl Fitter<'_> {
    /// Fits returns over the window, NaN if missing.
    fn fit(&mut self, returns: &[f64]) -> OwnFit {
        let FactorBetas { settings, columns, weights, .. } = self.betas;
        let known = Known::of(returns, settings);
        let lags = self.lags.filter(|_| known.is_stale);
        let (observations, dimson) = (known.observations, lags.is_some());
        let mut fit = OwnFit { slopes: Vec::new(), observations, fitted: 0, dimson };
        if !known.is_estimable {
            return fit;
        }
        let all: Vec<usize> = (0..columns.len()).collect();
        // Only a few names have sessions on which a factor does not vary.
        let found = self.fit_on(&all, returns, lags).or_else(|| {
            let kept = independent_within(columns, returns, weights);
            self.fit_on(&kept, returns, lags)
        });
        if let Some((slopes, fitted)) = found.filter(|(_, n)| settings.min_observations <= *n) {
            (fit.slopes, fit.fitted) = (slopes, fitted);
        }
        fit
    }

    /// The slopes on some factors, by place, and the number of sessions. `None` if they cannot be told
    /// apart.
    fn fit_on(
        &mut self,
        kept: &[usize],
        returns: &[f64],
        lags: Option<&(usize, [Vec<f64>; 2])>,
    ) -> Option<(Vec<Option<Estimate>>, usize)> {
        let FactorBetas { columns, weights, .. } = self.betas;
        let lagged = lags.and_then(|(market, lags)| {
            Some((kept.iter().position(|place| place == market)?, lags))
        });
        let mut regressors: Vec<&[f64]> = kept.iter().map(|at| columns[*at].as_slice()).collect();
        regressors.extend(lagged.into_iter().flat_map(|(_, lags)| lags.iter().map(Vec::as_slice)));
        let huber = with_own_lags(self.huber, returns, &regressors);
        let robust = self.workspace.huber(returns, &regressors, Some(weights), &huber).ok()?;
        let mut slopes = vec![None; columns.len()];
        for (at, place) in kept.iter().enumerate() {
            slopes[*place] = Some(match lagged {
                Some((market, _)) if market == at => sum_of_lags(&robust, at, kept.len()),
                _ => robust.fit.slopes[at],
            });
        }
        (!kept.is_empty()).then_some((slopes, robust.fit.observations))
    }
}

/// The places of the columns that can be told apart on the rows on which returns are known.
pub fn independent_within(columns: &[Vec<f64>], returns: &[f64], weights: &[f64]) -> Vec<usize> {
    let known = returns.iter().zip(weights);
    let masked = known.map(|(value, weight)| if value.is_finite() { *weight } else { 0.0 });
    independent(&slices(columns), &masked.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests;
