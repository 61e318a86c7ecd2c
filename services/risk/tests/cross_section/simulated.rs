//! The simulated market, whose loadings, factor returns and noise are known.

use crate::{
    in_memory::{at_close, folded},
    replay::{Book, Models, Outcomes, Summary, books, factor_model, models},
};
use marketdata::{instrument::InstrumentId, market::Market};
use risk::cross_section::{MARKET, SECTOR_PREFIX, settings::HISTORY_SESSIONS, style::Style};
use simulation::{market::Parameters, universe::SECTORS};
use stats::moments::{self, Ddof};
use std::sync::{Arc, LazyLock};

struct World {
    truth: simulation::market::Market,
    market: Arc<Market>,
    last: Models,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let truth = simulation::market::Market::new(Parameters { names: 400, days: 900, seed: 7 });
    let market = folded(&truth);
    let last = models(&at_close(&market, *truth.days.last().unwrap()), None);
    World { truth, market, last }
});

impl World {
    fn id(&self, name: usize) -> InstrumentId {
        self.last.names.snapshot.listed(&self.truth.names[name].symbol).unwrap()
    }

    /// Returns of a factor over the whole history, with the true values of the same sessions.
    fn returns(&self, factor: &str, truth: impl Fn(usize) -> f64) -> (Vec<f64>, Vec<f64>) {
        let at = factor_model(&self.last).factors().iter().position(|name| name == factor).unwrap();
        let found: Vec<f64> =
            self.last.cross_section.history.returns(at).map(Option::unwrap).collect();
        let first = self.truth.days.len() - found.len();
        (found, (first..self.truth.days.len()).map(truth).collect())
    }
}

fn correlation((x, y): &(Vec<f64>, Vec<f64>)) -> f64 {
    let c = stats::covariance::sample(&[x, y], Ddof::Sample).unwrap();
    c.get(0, 1) / (c.get(0, 0) * c.get(1, 1)).sqrt()
}

#[test]
fn every_name_is_covered_and_every_factor_estimated() {
    let estimated = WORLD.last.cross_section.outcome.as_ref().unwrap();
    let mut expected = vec![MARKET.to_owned()];
    expected.extend(Style::ALL.map(|style| style.id().to_owned()));
    let mut sectors = SECTORS.map(|sector| format!("{SECTOR_PREFIX}{sector}")).to_vec();
    sectors.sort();
    expected.extend(sectors);
    assert_eq!(estimated.model.factors(), expected);
    assert!(estimated.left_out.is_empty());
    assert_eq!(estimated.names.len(), 400);
    assert!(Style::ALL.iter().all(|style| estimated.unknown(*style) == 0));
    assert!(estimated.names.iter().all(|notes| 1.0 <= notes.own_specific_weight));
    assert_eq!(WORLD.last.cross_section.history.days.len(), HISTORY_SESSIONS);
}

/// The factors' returns are the true ones: the market's that of the cap-weighted index, a sector's
/// the true one less the mean of all sectors weighted by market value.
#[test]
fn returns_of_factors_are_the_true_ones() {
    let world = &*WORLD;
    let level = &world.truth.indices.broad;
    let index = |at: usize| level[at] / level[at - 1] - 1.0;
    let market = correlation(&world.returns(MARKET, index));
    assert!(market > 0.995, "{market}");
    let mut weights = [0.0; SECTORS.len()];
    world.truth.names.iter().for_each(|name| weights[name.sector] += name.cap_usd);
    let total: f64 = weights.iter().sum();
    for (sector, name) in SECTORS.iter().enumerate() {
        let net = |at: usize| {
            let all = &world.truth.factors.sector[at];
            let mean = all.iter().zip(weights).map(|(r, w)| r * w).sum::<f64>() / total;
            all[sector] - mean
        };
        // About 36 names a sector with noise of 1.2 to 2.4 % a day, against a factor of 0.45 %.
        let found = correlation(&world.returns(&format!("{SECTOR_PREFIX}{name}"), net));
        assert!(found > 0.8, "{name} {found}");
    }
}

/// Specific risks against the true deviation of the noise.
#[test]
fn specific_risks_are_the_true_ones() {
    let world = &*WORLD;
    let model = factor_model(&world.last);
    let ratio = |name: usize| {
        let row = model.row(world.id(name)).unwrap();
        model.specific_variance(row).sqrt() / world.truth.names[name].noise_sd
    };
    let mut ratios: Vec<f64> = (0..400).map(ratio).collect();
    ratios.sort_by(f64::total_cmp);
    // Half-life 84: 242 effective observations. With a kurtosis of 5.9 and five lags of
    // autocorrelation, a volatility has a standard error of about a tenth.
    assert!((0.95..1.08).contains(&ratios[200]), "{}", ratios[200]);
    assert!(0.8 < ratios[20] && ratios[380] < 1.3, "{} {}", ratios[20], ratios[380]);
}

/// Volatilities of books against those of the true loadings, noise and factor returns, the latter
/// weighted by age as in the model.
#[test]
fn risks_of_books_are_the_true_ones() {
    let world = &*WORLD;
    let truth = &world.truth;
    let lambda = stats::ewma::lambda_of_half_life(84.0).unwrap();
    let model = factor_model(&world.last);
    let ids: Vec<InstrumentId> = (0..400).map(|name| world.id(name)).collect();
    let ratio = |book: &Book| {
        let names: Vec<(usize, f64)> = book
            .iter()
            .map(|(id, value)| (ids.iter().position(|known| known == id).unwrap(), *value))
            .collect();
        let common = |at: usize| -> f64 {
            let f = &truth.factors;
            let of = |(name, value): &(usize, f64)| {
                let name = &truth.names[*name];
                value
                    * (name.market_beta * f.market[at]
                        + name.size_beta * f.size[at]
                        + name.megacap_beta * f.megacap[at]
                        + f.sector[at][name.sector])
            };
            names.iter().map(of).sum()
        };
        let common: Vec<f64> =
            (truth.days.len() - HISTORY_SESSIONS..truth.days.len()).map(common).collect();
        let common = stats::ewma::variance(&common, lambda, stats::ewma::Centre::Zero).unwrap();
        let noise: f64 =
            names.iter().map(|(name, x)| (x * truth.names[*name].noise_sd).powi(2)).sum();
        model.book(book).volatility / (common + noise).sqrt()
    };
    for half in 0..2 {
        let books: Vec<Book> = books(&ids, 100, 60).into_iter().skip(half).step_by(2).collect();
        let ratios: Vec<f64> = books.iter().map(ratio).collect();
        // The regime differs from the weighted mean by design, hence a tenth.
        let mean = moments::mean(&ratios).unwrap();
        assert!((0.9..1.1).contains(&mean), "{half} {mean}");
        let spread = moments::standard_deviation(&ratios, Ddof::Sample).unwrap();
        assert!(spread < 0.06, "{half} {spread}");
    }
}

/// Forecasts of 120 sessions, before the megacaps' leadership: there, the simulation lowers
/// volatility by design.
#[test]
fn forecasts_of_books_are_unbiased() {
    let world = &*WORLD;
    let days = &world.truth.days[620..741];
    let ids: Vec<InstrumentId> = (0..400).map(|name| world.id(name)).collect();
    let books = books(&ids, 60, 40);
    let outcomes = Outcomes::of(&|day| at_close(&world.market, day), days, &books);
    let [model, own] = [&outcomes.model, &outcomes.own].map(|books| Summary::of(books));
    // 1 ± 0.13 for one book; the books share factors, so their mean varies by half of that.
    assert!((model.bias - 1.0).abs() < 0.065, "{model:?}");
    assert!(model.in_band > 0.9 && model.mrad < 0.2, "{model:?}");
    assert!(model.qlike < own.qlike, "{model:?} {own:?}");
}

/// Nine months of history, of which the first 60 sessions have no regression: about 105 residuals a
/// name, fewer than make a specific risk all its own in a long history. They are all that is known of
/// any name, so quiet names stay quiet and wild ones wild.
#[test]
fn a_short_history_tells_quiet_names_from_wild_ones() {
    let world = &*WORLD;
    let view = models(&at_close(&world.market, world.truth.days[165]), None);
    let model = factor_model(&view);
    let mut names: Vec<(f64, f64)> = world
        .truth
        .names
        .iter()
        .filter_map(|name| Some((name, model.row(view.names.snapshot.listed(&name.symbol)?)?)))
        .map(|(name, row)| (name.noise_sd, model.specific_variance(row).sqrt()))
        .collect();
    assert!(300 < names.len(), "{}", names.len());
    names.sort_by(|a, b| a.0.total_cmp(&b.0));
    let quarter = names.len() / 4;
    let ratio = |names: &[(f64, f64)]| {
        let ratios: Vec<f64> = names.iter().map(|(truth, found)| found / truth).collect();
        moments::mean(&ratios).unwrap()
    };
    // A volatility of 105 residuals has a standard error of 15 %, the mean of 100 of 2 %; what all
    // names share, the regime, moves both ends alike.
    let [quiet, wild] = [ratio(&names[..quarter]), ratio(&names[3 * quarter..])];
    assert!((0.88..1.12).contains(&quiet) && (0.88..1.12).contains(&wild), "{quiet} {wild}");
    assert!((quiet / wild - 1.0).abs() < 0.1, "{quiet} {wild}");
}
