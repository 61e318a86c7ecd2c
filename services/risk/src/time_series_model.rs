//! Our model over time: betas to the market and to size as exposures.
//!
//! Made for the names of a book, because a name's betas are fitted when a book first needs them. The
//! covariance of the factors and the specific variances are those of the window of the betas, with the
//! same weights: what the shrunk betas leave of a name's returns is specific.

use crate::{
    driver::zero_missing_weights,
    factor::Factor,
    factor_model::{FactorModel, InvalidModel, ModelName},
    model::RiskModel,
    name::NONE,
};
use marketdata::instrument::InstrumentId;
use stats::{covariance, ewma::Centre, kernel::dot, matrix::SymmetricMatrix};

/// The name of the model in answers.
pub const MODEL_ID: &str = "ballast-time-series";

/// Why there is no model over time.
#[derive(Clone, Debug, PartialEq)]
pub enum NoModel {
    /// The market has no returns.
    NoMarket,
    /// What was estimated is no model.
    Invalid(Vec<InvalidModel>),
}

/// The model of some names, in the order of names, each once. Names without betas of their own are not
/// covered.
///
/// # Errors
/// [`NoModel`].
pub fn time_series_model(
    model: &RiskModel,
    names: &[InstrumentId],
) -> Result<FactorModel, NoModel> {
    let window = Window::of(model).ok_or(NoModel::NoMarket)?;
    model.estimate_all(names.iter().copied());
    let rows: Vec<ModelName> = names.iter().filter_map(|id| window.name(model, *id)).collect();
    let factors = window.factors.iter().map(|(factor, _)| factor.id().to_owned()).collect();
    FactorModel::new(factors, window.covariance, &rows).map_err(NoModel::Invalid)
}

/// The factors over the window of the betas.
struct Window {
    /// Each with its returns by session of the window, zero if missing.
    factors: Vec<(Factor, Vec<f64>)>,
    covariance: SymmetricMatrix,
    /// Zero on a session on which a factor has no return.
    weights: Vec<f64>,
}

impl Window {
    fn of(model: &RiskModel) -> Option<Window> {
        let (drivers, mut weights) = (model.drivers(), model.drivers().weights.clone());
        let returns = |factor| {
            let driver = model.factor_driver(factor)?;
            Some((factor, driver.returns[drivers.first..drivers.end].to_vec()))
        };
        let market = returns(Factor::Market)?;
        let mut factors: Vec<(Factor, Vec<f64>)> =
            [Some(market), returns(Factor::Size)].into_iter().flatten().collect();
        for (_, returns) in &mut factors {
            zero_missing_weights(&mut weights, returns);
            returns.iter_mut().filter(|value| !value.is_finite()).for_each(|value| *value = 0.0);
        }
        let series: Vec<&[f64]> = factors.iter().map(|(_, returns)| returns.as_slice()).collect();
        let covariance = covariance::weighted(&series, &weights, Centre::Mean)?;
        Some(Window { factors, covariance, weights })
    }

    fn name(&self, model: &RiskModel, instrument: InstrumentId) -> Option<ModelName> {
        let name = model.name(instrument);
        if !name.has_own_beta || name.row == NONE {
            return None;
        }
        let betas = self.factors.iter().map(|(factor, _)| match factor {
            Factor::Size => name.size,
            _ => name.market,
        });
        let betas: Vec<f64> = betas.collect();
        let drivers = model.drivers();
        let own = model.panel.own_within(name.row, drivers.first..drivers.end);
        let explained = |at: usize| {
            betas
                .iter()
                .zip(&self.factors)
                .map(|(beta, (_, returns))| beta * returns[at])
                .sum::<f64>()
        };
        let rests: Vec<f64> =
            own.iter().enumerate().map(|(at, own): (usize, &f64)| own - explained(at)).collect();
        let exposures = betas.iter().copied().enumerate().filter(|(_, beta)| beta.abs() > 0.0);
        Some(ModelName {
            instrument,
            exposures: exposures.collect(),
            specific_variance: self.variance(rests)?,
        })
    }

    /// Weighted variance of values by session of the window, NaN if missing.
    fn variance(&self, mut values: Vec<f64>) -> Option<f64> {
        let mut weights = self.weights.clone();
        zero_missing_weights(&mut weights, &values);
        if !weights.iter().any(|weight| 0.0 < *weight) {
            return None;
        }
        values.iter_mut().filter(|value| !value.is_finite()).for_each(|value| *value = 0.0);
        let mean = dot(&weights, &values);
        let squares: Vec<f64> =
            values.iter().map(|value| (value - mean) * (value - mean)).collect();
        Some(dot(&weights, &squares))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fixture::{World, world_with},
        prepare::prepare,
    };
    use marketdata::{fixture::Fixture, instant::Instant};

    /// Sixty names with known parameters; the last one is listed for thirty sessions only.
    fn modelled() -> (World, RiskModel) {
        let world = world_with(60, 400, 11, |names| names[59].listed_from = 370);
        let model = prepare(&world.snapshot(), &World::roles(), None);
        (world, model)
    }

    fn ids(world: &World, model: &RiskModel) -> Vec<InstrumentId> {
        let listed = |symbol: &str| model.snapshot.listed(symbol).unwrap();
        let mut ids: Vec<InstrumentId> =
            world.names.iter().map(|truth| listed(&truth.symbol)).collect();
        model.snapshot.sort_by_name(&mut ids);
        ids
    }

    #[test]
    fn variances_are_those_of_the_market_that_made_the_returns() {
        let (world, model) = modelled();
        let found = time_series_model(&model, &ids(&world, &model)).unwrap();
        assert_eq!(found.factors(), ["MARKET", "SIZE"]);
        assert_eq!(found.instruments().len(), 59, "too few sessions for a beta of its own");
        // With a half-life of 126 sessions some 300 count: a variance is known to √(2/300) = 8 %.
        let covariance = found.covariance();
        for (at, truth) in [(0, 0.010_f64), (1, 0.006)] {
            let ratio = covariance.get(at, at) / (truth * truth);
            assert!((ratio - 1.0).abs() < 0.25, "{at}: {ratio}");
        }
        // SIZE is net of MARKET by the same weights.
        let correlation = covariance.correlation().unwrap().get(0, 1);
        assert!(correlation.abs() < 1e-9, "{correlation}");
        // The mean of 59 ratios is known to 1 %.
        let ratio = |truth: &crate::fixture::Truth| {
            let row = found.row(model.snapshot.listed(&truth.symbol).unwrap())?;
            Some(found.specific_variance(row) / (truth.residual_sd * truth.residual_sd))
        };
        let ratios: Vec<f64> = world.names.iter().filter_map(ratio).collect();
        let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
        assert!((mean - 1.0).abs() < 0.05, "{mean}");
    }

    #[test]
    fn what_is_no_model_says_why() {
        let (world, model) = modelled();
        let name = ids(&world, &model)[0];
        let twice = time_series_model(&model, &[name, name]).unwrap_err();
        assert_eq!(twice, NoModel::Invalid(vec![InvalidModel::DuplicateName(name)]));
        let mut empty = Fixture::new();
        empty.commit();
        let bare = empty.snapshot(Instant::close_of(model.snapshot.today()));
        let bare = prepare(&bare, &World::roles(), None);
        assert_eq!(time_series_model(&bare, &[]).unwrap_err(), NoModel::NoMarket);
    }

    #[test]
    fn a_name_has_the_same_row_beside_any_others() {
        let (world, model) = modelled();
        let all = ids(&world, &model);
        let whole = time_series_model(&model, &all).unwrap();
        let some: Vec<InstrumentId> = all.into_iter().step_by(7).collect();
        let part = time_series_model(&model, &some).unwrap();
        for (row, instrument) in part.instruments().iter().enumerate() {
            let other = whole.row(*instrument).unwrap();
            assert!(part.exposures(row).eq(whole.exposures(other)));
            let [one, two] = [part.specific_variance(row), whole.specific_variance(other)];
            assert_eq!(one.to_bits(), two.to_bits());
        }
    }
}
