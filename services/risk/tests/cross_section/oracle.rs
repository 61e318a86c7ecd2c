//! The model of a small market compared with tests/oracles/cross_section.py, which computes it from
//! the same closes in another way.
//!
//! The panel keeps returns, caps and traded values in single precision (6e-8); sums and ratios of
//! them agree to a hundred times that.

use crate::replay::{Models, factor_model, models};
use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    fixture::{Fixture, day},
    instant::Instant,
    instrument::{InstrumentId, Namespace},
};
use std::collections::BTreeMap;

const EXPECTED: &str = include_str!("../../../../tests/oracles/cross_section_expected.csv");
const TOLERANCE: f64 = 1e-5;
const NAMES: usize = 60;
const SESSIONS: usize = 200;

/// The linear congruential generator of methodology C5.
struct Draws(u32);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(self.0) / 4_294_967_296.0 - 0.5
    }
}

fn on(session: usize) -> Day {
    day("2021-01-01").plus(session as i32)
}

/// The market of `market()` and `short_ratio()` in the script.
fn market() -> Fixture {
    let mut fixture = Fixture::new();
    let keys: Vec<(InstrumentId, InstrumentId)> = (0..NAMES)
        .map(|name| (fixture.id(Namespace::Listed, &format!("N{name:02}")), InstrumentId::NONE))
        .collect();
    let mut draws = Draws(42);
    let mut level: Vec<f64> = (0..NAMES).map(|name| 20.0 + name as f64).collect();
    for session in 0..SESSIONS {
        let common = draws.next();
        let sector = [draws.next(), draws.next(), draws.next()];
        for name in 0..NAMES {
            let beta = 0.5 + 0.02 * name as f64;
            let growth = 0.03 * beta * common + 0.02 * sector[name % 3] + 0.06 * draws.next();
            level[name] = (level[name] * (1.0 + growth) * 10_000.0 + 0.5).floor() / 10_000.0;
            let usual = 100_000.0 * (1 + name % 7) as f64;
            let volume = (usual * (1.0 + draws.next()) + 0.5).floor();
            if (name == 3 && session == 150) || (name == 5 && session < 100) {
                continue;
            }
            let bar = [(Field::Close, level[name]), (Field::Volume, volume)];
            let at = Instant::close_of(on(session));
            fixture.fact(Dataset::Bars, keys[name], on(session), at, &bar);
        }
    }
    for (name, key) in keys.iter().enumerate() {
        let many = 10_000_000.0 * (1 + (7 * name) % NAMES) as f64;
        let shares = if name == 7 { 1_000_000.0 } else { many };
        let counts = [(Field::SharesOutstanding, shares), (Field::PublicFloat, 0.8 * shares)];
        fixture.fact(Dataset::ShareCounts, *key, on(0), Instant::close_of(on(0)), &counts);
        for settlement in 0..12 {
            let settled = 20 + 15 * settlement;
            let growth = 1.0 + 0.1 * settlement as f64;
            let short = 0.02 * (1 + name % 10) as f64 * growth * shares;
            let seen = Instant::close_of(on(settled + 5));
            let short = [(Field::SharesShort, short)];
            fixture.fact(Dataset::ShortInterest, *key, on(settled), seen, &short);
        }
        if name != 9 {
            let listing = [
                (Field::Sector, fixture.text(["A", "B", "C"][name % 3])),
                (Field::SectorScheme, fixture.text("S")),
            ];
            let at = Instant::close_of(on(0));
            fixture.fact(Dataset::Listings, *key, on(0), at, &listing);
        }
    }
    fixture.commit();
    fixture
}

fn close(found: f64, expected: f64, scale: f64, what: &str) {
    assert!((found - expected).abs() <= TOLERANCE * scale, "{what}: {found} {expected}");
}

fn expected() -> BTreeMap<&'static str, Vec<f64>> {
    let row = |line: &'static str| {
        let mut cells = line.split(',');
        (cells.next().unwrap(), cells.map(|cell| cell.parse().unwrap()).collect())
    };
    EXPECTED.lines().map(row).collect()
}

#[test]
fn the_model_is_that_of_the_script() {
    let models: Models = models(&market().snapshot(Instant::close_of(on(SESSIONS - 1))), None);
    let expected = expected();
    let estimated = models.cross_section.outcome.as_ref().unwrap();
    let model = factor_model(&models);
    let regimes = [estimated.factor_regime, estimated.specific_regime].map(Option::unwrap);
    for (found, expected) in regimes.iter().zip(&expected["regimes"]) {
        close(*found, *expected, 1.0, "regime");
    }
    for (found, expected) in estimated.eigenvalue_biases.iter().zip(&expected["biases"]) {
        close(*found, *expected, 1.0, "bias of an eigenvalue");
    }
    let volatility = |at: usize| model.covariance().get(at, at).sqrt();
    for (at, factor) in model.factors().iter().enumerate() {
        for (other, covariance) in expected[&*format!("covariance {factor}")].iter().enumerate() {
            let scale = volatility(at) * volatility(other);
            close(model.covariance().get(at, other), *covariance, scale, factor);
        }
        // The script has the second session, too, before which there are no exposures.
        let returns = &expected[&*format!("returns {factor}")][1..];
        assert_eq!(models.cross_section.history.returns(at).count(), returns.len());
        for (found, expected) in models.cross_section.history.returns(at).zip(returns) {
            close(found.unwrap_or(0.0), *expected, volatility(at), factor);
        }
    }
    assert_eq!(model.instruments().len(), NAMES);
    for (row, notes) in estimated.names.iter().enumerate() {
        let symbol = models.names.snapshot.symbol(model.instruments()[row]);
        let [weight, variance, styles @ ..] = &expected[&*format!("name {symbol}")][..] else {
            panic!("a row of the script");
        };
        close(notes.own_specific_weight, *weight, 1.0, symbol);
        close(model.specific_variance(row), *variance, *variance, symbol);
        let exposures: BTreeMap<usize, f64> = model.exposures(row).collect();
        for (style, expected) in styles.iter().enumerate() {
            close(exposures.get(&(1 + style)).copied().unwrap_or(0.0), *expected, 1.0, symbol);
        }
    }
    // A thin name, one without a sector, and one too small for the universe.
    let notes = |symbol: &str| {
        estimated.names[model.row(models.names.snapshot.listed(symbol).unwrap()).unwrap()]
    };
    assert!(notes("N05").own_specific_weight < 1.0 && notes("N05").is_in_universe);
    assert!(!notes("N09").has_sector && !notes("N09").is_in_universe);
    assert!(notes("N07").has_sector && !notes("N07").is_in_universe);
}
