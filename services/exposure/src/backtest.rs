//! Back-tests of a measure of risk: forecasts against what a book made on the sessions after them.

use crate::{
    analyze::analyze,
    blocks::{Block, Blocks},
    day_pnl::session_pnl,
    prepared::PreparedExposure,
    report::{DayPnl, TailRisk},
    request::Request,
    settings::{BetaSettings, Listing, TailSettings},
};
use factors::size_scheme::SizeScheme;
use marketdata::{day::Day, gap::Gap};
use portfolio::book::Book;
use stats::{
    backtest::{self, Christoffersen, LikelihoodRatio, Zone},
    shortfall_test::{ShortfallForecast, ShortfallStatistic, Simulation, acerbi_szekely},
};

/// The forecast for one session, and its outcome.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// The session.
    pub on: Day,
    /// What the book made on it; a loss is negative.
    pub pnl: f64,
    /// The value at risk that was forecast for it, a loss.
    pub value_at_risk: f64,
    /// The expected shortfall that was forecast for it, a loss.
    pub expected_shortfall: f64,
}

impl Forecast {
    /// Whether the loss was larger than the value at risk.
    pub fn is_breach(&self) -> bool {
        self.pnl < -self.value_at_risk
    }
}

/// The sets of an analysis of a book for the session after the view: the numbers, or why there are
/// none.
pub fn forecasts(
    prepared: &PreparedExposure,
    book: &Book,
    tails: &[TailSettings],
) -> Vec<Result<TailRisk, Gap>> {
    let request = Request {
        book,
        blocks: Blocks::of(&[Block::Risk]),
        beta: BetaSettings::PREPARED,
        tails,
        size_scheme: SizeScheme::standard(),
        classification: None,
        look_through: None,
        group_by: &[],
        repeat_on: &[],
        trades: &[],
        listing: Listing::Largest(0),
    };
    analyze(prepared, &request).tails
}

/// What the shares of a book made on the last session of the view.
pub fn made_on(prepared: &PreparedExposure, book: &Book, on: Day) -> DayPnl {
    session_pnl(prepared, book, on)
}

/// The tests of forecasts at one confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Number of breaches.
    pub breaches: usize,
    /// Their expected number.
    pub expected: f64,
    /// Kupiec's test of their number.
    pub coverage: LikelihoodRatio,
    /// Christoffersen's tests. `None` for a single forecast.
    pub clusters: Option<Christoffersen>,
    /// The zone of the Basel Committee.
    pub zone: Zone,
    /// Acerbi and Székely's Z₂. `None` if an expected shortfall is not positive.
    pub shortfall: Option<ShortfallStatistic>,
    /// The breach with the largest loss beyond its value at risk.
    pub worst: Option<Forecast>,
    /// Mean of the values at risk.
    pub mean_value_at_risk: f64,
}

/// Simulated histories behind the p-value of Z₂: an error of at most half a percentage point.
const SIMULATION: Simulation = Simulation { histories: 10_000, seed: 1 };

/// Tests forecasts in the order of time.
///
/// The p-value of Z₂ is simulated: a breach has the stated probability, and its loss is the value at
/// risk plus an exponential excess with the forecast's own mean, so that every method is judged by its
/// two numbers and nothing else.
///
/// `None` for no forecasts or a confidence outside (0, 1).
pub fn outcome(forecasts: &[Forecast], confidence: f64) -> Option<Outcome> {
    let p = 1.0 - confidence;
    let hits: Vec<bool> = forecasts.iter().map(Forecast::is_breach).collect();
    let (days, breaches) = (hits.len(), hits.iter().filter(|hit| **hit).count());
    let excess = |forecast: &&Forecast| forecast.pnl + forecast.value_at_risk;
    let worst = forecasts
        .iter()
        .filter(|forecast| forecast.is_breach())
        .min_by(|a, b| excess(a).total_cmp(&excess(b)));
    let judged = |day: &Forecast| {
        ShortfallForecast::exponential(day.pnl, day.value_at_risk, day.expected_shortfall)
    };
    let judged: Vec<ShortfallForecast> = forecasts.iter().map(judged).collect();
    let sum: f64 = forecasts.iter().map(|forecast| forecast.value_at_risk).sum();
    Some(Outcome {
        breaches,
        expected: days as f64 * p,
        coverage: backtest::kupiec(days, breaches, p)?,
        clusters: backtest::christoffersen(&hits, p),
        // In a few sessions even no breach is likelier than 95 %, which is no warning.
        zone: match breaches {
            0 => Zone::Green,
            _ => backtest::traffic_light(days, breaches, p)?,
        },
        shortfall: acerbi_szekely(&judged, p, SIMULATION).map(|found| found.size_and_frequency),
        worst: worst.copied(),
        mean_value_at_risk: sum / days as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forecasts(losses: &[f64]) -> Vec<Forecast> {
        let start = Day::parse_iso("2020-01-02").unwrap();
        let forecast = |(at, loss): (usize, &f64)| Forecast {
            on: start.plus(at as i32),
            pnl: -loss,
            value_at_risk: 1.0,
            expected_shortfall: 1.25,
        };
        losses.iter().enumerate().map(forecast).collect()
    }

    /// Methodology C7: six breaches of 250 at 99 % have a statistic of 3.5554 (p .0594), and are in the
    /// yellow zone. Z₂ = 1 − Σ loss/(ES·T·p) = 1 − 6·1.5/(1.25·2.5).
    #[test]
    fn six_breaches_of_a_year() {
        let mut losses = vec![0.5; 250];
        (0..6).for_each(|at| losses[at * 40] = 1.5);
        losses[80] = 2.0;
        losses[120] = 1.0;
        let found = outcome(&forecasts(&losses), 0.99).unwrap();
        // A loss equal to the value at risk is no breach.
        assert_eq!((found.breaches, found.zone), (5, Zone::Yellow));
        losses[120] = 1.5;
        let found = outcome(&forecasts(&losses), 0.99).unwrap();
        assert!((found.coverage.statistic - 3.5554).abs() < 5e-5, "{found:?}");
        assert!((found.coverage.p_value - 0.0594).abs() < 5e-5, "{found:?}");
        assert_eq!((found.breaches, found.zone), (6, Zone::Yellow));
        let z = 1.0 - (5.0 * 1.5 + 2.0) / (1.25 * 2.5);
        let shortfall = found.shortfall.unwrap();
        assert!((shortfall.z - z).abs() < 1e-12, "{shortfall:?} {z}");
        assert!(shortfall.p_value < 0.05);
        let worst = found.worst.unwrap();
        assert_eq!((worst.pnl, worst.on), (-2.0, forecasts(&losses)[80].on));
    }

    #[test]
    fn without_forecasts_there_is_nothing_to_test() {
        assert_eq!(outcome(&[], 0.99), None);
        assert_eq!(outcome(&forecasts(&[1.0]), 1.0), None);
        // As few as none is certain to more than 95 %, and yet nothing to warn of.
        assert_eq!(outcome(&forecasts(&[0.5]), 0.99).unwrap().zone, Zone::Green);
        // A forecast without an expected shortfall has no Z₂, and the rest.
        let mut gain = forecasts(&[0.0, 2.0]);
        gain[0].expected_shortfall = -0.1;
        let found = outcome(&gain, 0.99).unwrap();
        assert_eq!((found.shortfall, found.breaches), (None, 1));
    }
}
