//! Daily forecasts from what was known the day before, and their back-tests.

pub(crate) use exposure::settings::{SEED_SESSIONS as SEEDS, WINDOW_SESSIONS_MAX as WINDOW};

use exposure::settings::FILTER_DECAY;
use stats::{
    backtest::{self, Christoffersen, LikelihoodRatio},
    filter::filter,
    quantile::QuantileRule,
    scenarios::Scenarios,
    shortfall_test::{AcerbiSzekely, ShortfallForecast, Simulation, acerbi_szekely},
};

/// Daily profits of a book of fixed positions, as shares of its gross value.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    pub(crate) name: String,
    pub(crate) profits: Vec<f64>,
    /// Index of the first day to forecast; it is preceded by [`WINDOW`] and [`SEEDS`] days.
    pub(crate) first: usize,
}

/// How history becomes scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// Past profits, unscaled.
    Plain,
    /// Past profits, rescaled to the volatility forecast for the day.
    Filtered,
}

impl Method {
    pub(crate) const ALL: [Method; 2] = [Method::Plain, Method::Filtered];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Filtered => "filtered",
        }
    }

    /// The scenarios for the day after `past`, from its last days only.
    pub(crate) fn scenarios(self, past: &[f64]) -> Option<Scenarios> {
        let past = past.get(past.len().checked_sub(SEEDS + WINDOW)?..)?;
        let outcomes = &past[SEEDS..];
        match self {
            Self::Plain => Scenarios::pooled(&[outcomes]),
            Self::Filtered => {
                let filter = filter(past, SEEDS, FILTER_DECAY)?;
                let pairs = filter.multipliers.iter().zip(outcomes);
                Scenarios::pooled(&[pairs.map(|(m, x)| m * x).collect::<Vec<f64>>()])
            }
        }
    }
}

/// Each day's profit, and the scenarios that were forecast for it.
#[derive(Debug)]
pub(crate) struct Replay {
    days: Vec<(f64, Option<Scenarios>)>,
}

/// The tests at one confidence level.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) days: usize,
    pub(crate) coverage: LikelihoodRatio,
    pub(crate) hits: Christoffersen,
    pub(crate) shortfall: AcerbiSzekely,
}

impl Replay {
    pub(crate) fn of(book: &Book, method: Method) -> Replay {
        let days = (book.first..book.profits.len())
            .map(|day| (book.profits[day], method.scenarios(&book.profits[..day])));
        Replay { days: days.collect() }
    }

    /// Returns `None` if a day has no forecast or no expected shortfall.
    pub(crate) fn outcome(&self, confidence: f64, simulation: Simulation) -> Option<Outcome> {
        let days = self.days.iter();
        let forecasts = days
            .map(|(profit, scenarios)| forecast(*profit, scenarios.as_ref()?, confidence))
            .collect::<Option<Vec<ShortfallForecast>>>()?;
        let hits: Vec<bool> = forecasts.iter().map(|day| day.profit < -day.value_at_risk).collect();
        let p = 1.0 - confidence;
        let exceptions = hits.iter().filter(|hit| **hit).count();
        Some(Outcome {
            days: hits.len(),
            coverage: backtest::kupiec(hits.len(), exceptions, p)?,
            hits: backtest::christoffersen(&hits, p)?,
            shortfall: acerbi_szekely(&forecasts, p, simulation)?,
        })
    }
}

/// With 1,000 scenarios, the number beyond 95 % and beyond 99 % is whole, and each is equally
/// likely.
fn forecast(profit: f64, scenarios: &Scenarios, confidence: f64) -> Option<ShortfallForecast> {
    let tail = scenarios.tail(confidence, QuantileRule::Linear)?;
    let beyond = scenarios.tail_shares(confidence)?;
    Some(ShortfallForecast {
        profit,
        value_at_risk: tail.value_at_risk,
        expected_shortfall: tail.expected_shortfall,
        tail: beyond.iter().map(|(scenario, _)| scenario.profit).collect(),
    })
}
