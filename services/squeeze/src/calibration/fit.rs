//! Fits a model to observations: events and a sample of the rest.

use crate::{
    calibration::{
        model::{Model, Term},
        panel::{Observation, Panel},
    },
    measure::{COMPONENTS, Component},
};
use stats::{
    logit::{Observations, prior_correction},
    moments::{self, Ddof},
    rng::{stream_of, uniform_at},
};

/// λ of the ridge penalty on coefficients of standardised levels: a normal prior with a standard
/// deviation of 1, which keeps a few events from making a large coefficient.
const PENALTY: f64 = 1.0;
/// Observations without a squeeze that are drawn for each event: with 20, standard errors are 2.5 %
/// larger than with all of them.
const CONTROLS: f64 = 20.0;
/// Seed of the draw.
const SEED: u64 = 1;

/// A model of observations. `None` without events, without anything else, or without a solution.
pub fn fit(panel: &Panel, observations: &[&Observation]) -> Option<Model> {
    let events = observations.iter().filter(|o| o.event).count() as f64;
    let rest = observations.len() as f64 - events;
    let share = (CONTROLS * events / rest).min(1.0);
    let drawn: Vec<&Observation> = observations
        .iter()
        .copied()
        .filter(|o| o.event || is_drawn(panel.symbol(o.name), o, share))
        .collect();
    let (means, columns) = columns(&drawn);
    let outcomes: Vec<f64> = drawn.iter().map(|o| f64::from(o.event)).collect();
    let sample = Observations::new(&columns, &outcomes)?;
    let fitted = sample.fit(PENALTY)?;
    let names: Vec<u32> = drawn.iter().map(|o| o.name).collect();
    let weeks: Vec<i32> = drawn.iter().map(|o| o.week()).collect();
    let errors = sample.clustered_errors(&fitted, PENALTY, (&names, &weeks))?;
    let rates = [events / observations.len() as f64, events / drawn.len() as f64];
    let term = |component: Component| {
        let at = component.index();
        let deviation = moments::standard_deviation(&columns[at], Ddof::Population)?;
        let (coefficient, error) = (fitted.coefficients[at], errors[at + 1]);
        Some(Term { coefficient, error, mean: means[at], deviation })
    };
    let mut terms = [Term { coefficient: 0.0, error: 0.0, mean: 0.0, deviation: 0.0 }; COMPONENTS];
    for component in Component::ALL {
        terms[component.index()] = term(component)?;
    }
    Some(Model {
        intercept: fitted.intercept - prior_correction(rates[0], rates[1])?,
        intercept_error: errors[0],
        terms,
    })
}

/// Whether an observation without a squeeze is drawn: by its symbol and day, so that neither the
/// order of names nor other names change it.
fn is_drawn(symbol: &str, observation: &Observation, share: f64) -> bool {
    uniform_at(SEED, stream_of(symbol), u64::from(observation.on.epoch().unsigned_abs())) < share
}

/// The mean of each level, and the levels by columns, with the mean where a name lacks one.
fn columns(observations: &[&Observation]) -> ([f64; COMPONENTS], Vec<Vec<f64>>) {
    let means = Component::ALL.map(|component| {
        let known = observations.iter().filter_map(|o| o.levels[component.index()]);
        moments::mean(&known.collect::<Vec<f64>>()).unwrap_or(0.0)
    });
    let column = |component: Component| {
        let at = component.index();
        observations.iter().map(|o| o.levels[at].unwrap_or(means[at])).collect()
    };
    (means, Component::ALL.map(column).into())
}
