//! Betas of a book to factors that a request chooses: sums by hand, laws, and gaps.

use crate::*;
use exposure::factor_betas::{BookFactor, BookFactors, measure};
use risk::{
    factor_betas::FactorBetas,
    factor_series::{FactorChoice, KnownFactor},
};

const CHOSEN: [KnownFactor; 3] = [KnownFactor::Market, KnownFactor::Size, KnownFactor::Megacap];

fn chosen(factors: &[KnownFactor]) -> Vec<FactorChoice> {
    factors.iter().map(|factor| FactorChoice::Known(*factor)).collect()
}

fn fitted(world: &World, factors: &[KnownFactor]) -> (PreparedExposure, FactorBetas) {
    let (snapshot, roles) = (world.snapshot(), World::roles());
    let prepared = prepare(&snapshot, &roles);
    let settings = BetaSettings::PREPARED;
    let betas = FactorBetas::of(&prepared, (&snapshot, &roles), &chosen(factors), settings);
    (prepared, betas)
}

fn measured(
    (prepared, betas): &(PreparedExposure, FactorBetas),
    lines: &[(String, f64)],
) -> BookFactors {
    measure(prepared, betas, &join(prepared, &raw(lines), None), 10_000)
}

fn bottom_up(factor: &BookFactor) -> f64 {
    factor.beta.bottom_up.unwrap().value
}

fn top_down(factor: &BookFactor) -> f64 {
    factor.beta.top_down.unwrap().value
}

#[test]
fn sums_are_those_of_the_names_and_a_book_scales() {
    let world = world(80, 500, 3);
    let fits = fitted(&world, &CHOSEN);
    let lines = lines_of(&world, 20);
    let found = measured(&fits, &lines);
    assert_eq!((found.names.len(), found.gaps.len()), (20, 0));
    for (at, factor) in found.factors.iter().enumerate() {
        let of = |name: &exposure::factor_betas::NameRow| {
            let (_, beta) = name.betas.iter().find(|(of, _)| *of == at).unwrap();
            (name.market_value * beta.value, name.market_value * beta.standard_error)
        };
        let (values, errors): (Vec<f64>, Vec<f64>) = found.names.iter().map(of).unzip();
        let total: f64 = values.iter().sum();
        near(bottom_up(factor), total, 1e-9 * total.abs());
        // Errors of names are taken as independent.
        let error = errors.iter().map(|error| error * error).sum::<f64>().sqrt();
        near(factor.beta.bottom_up.unwrap().standard_error, error, 1e-9 * error);
        assert!(1.0 - 1e-9 <= factor.inflation.unwrap());
    }
    assert!((0.0..=1.0).contains(&found.r_squared.unwrap()));
    // Three times the book, sold: minus three times the betas.
    let other: Vec<(String, f64)> =
        lines.iter().map(|(name, v)| (name.clone(), -3.0 * v)).collect();
    let other = measured(&fits, &other);
    for (a, b) in found.factors.iter().zip(&other.factors) {
        near(bottom_up(b), -3.0 * bottom_up(a), 1e-6 * bottom_up(a).abs());
        near(top_down(b), -3.0 * top_down(a), 1e-4 * top_down(a).abs());
        assert_eq!(a.inflation, b.inflation);
    }
}

#[test]
fn the_slopes_of_a_book_are_those_of_the_world() {
    // The market of `truth.rs`, where the estimates of every report are within the same bounds.
    let world = world(400, 700, 11);
    let lines = lines_of(&world, 400);
    let found = measured(&fitted(&world, &CHOSEN[..2]), &lines);
    let truth = |of: fn(&risk::fixture::Truth) -> f64| -> f64 {
        let true_beta = |name: &str| of(world.names.iter().find(|n| n.symbol == name).unwrap());
        lines.iter().map(|(name, value)| value * true_beta(name)).sum()
    };
    for (factor, truth) in found.factors.iter().zip([truth(|n| n.beta), truth(|n| n.size_beta)]) {
        for beta in [factor.beta.bottom_up.unwrap(), factor.beta.top_down.unwrap()] {
            near(beta.value, truth, 4.0 * beta.standard_error);
        }
    }
}

#[test]
fn young_names_take_the_mean_of_their_peers_and_are_told() {
    let young = |names: &mut [risk::fixture::Truth]| names[40].listed_from = 470;
    let world = world_with(80, 500, 3, young);
    let fits = fitted(&world, &CHOSEN);
    let symbol = world.names[40].symbol.clone();
    let found = measured(&fits, &[(symbol.clone(), 1e6), (world.names[50].symbol.clone(), 3e6)]);
    let name = found.names.iter().find(|name| name.market_value < 2e6).unwrap();
    // 30 sessions are fewer than 60.
    assert_eq!(name.observations, 29);
    assert!(name.betas.iter().all(|(_, beta)| beta.own.is_none() && beta.own_weight <= 0.0));
    // Of 4 million 1 has no returns of its own: no session has those of 95 %.
    assert!(found.factors.iter().all(|factor| factor.beta.top_down.is_none()));
    let reasons: Vec<GapReason> = found.gaps.iter().map(|gap| gap.reason).collect();
    assert_eq!(reasons, [GapReason::Proxy, GapReason::ShortHistory]);
    assert_eq!(found.gaps[0].subject, Subject::symbol(&symbol));
    near(found.gaps[0].gross_share.unwrap(), 0.25, 1e-12);
}

/// A factor that is not known is told by its own id, and one with half of the sessions as well.
#[test]
fn gaps_of_factors_name_the_factor() {
    let world = world(80, 500, 3);
    let rate = |at: usize| if at < 250 { f64::NAN } else { ((at as u32 * 7_919) % 13).into() };
    let (snapshot, roles) = (world.with_series("DFF", rate), World::roles());
    let prepared = prepare(&snapshot, &roles);
    let own = |factor_id: &str, symbol: &str| FactorChoice::Own {
        factor_id: factor_id.to_owned(),
        symbol: symbol.to_owned(),
        less: None,
    };
    let mut factors = chosen(&[KnownFactor::Market, KnownFactor::Size]);
    factors.extend([own("RATE", "DFF"), own("NONE", "NOT_KNOWN")]);
    let settings = BetaSettings::PREPARED;
    let betas = FactorBetas::of(&prepared, (&snapshot, &roles), &factors, settings);
    let found = measured(&(prepared, betas), &lines_of(&world, 20));
    let told: Vec<(Subject, GapReason)> =
        found.gaps.iter().map(|gap| (gap.subject.clone(), gap.reason)).collect();
    let subject = |id: &str| Subject::Measure(MeasureRef::ChosenFactor(id.to_owned()));
    let expected =
        [(subject("NONE"), GapReason::InputMissing), (subject("RATE"), GapReason::ShortHistory)];
    assert_eq!(told, expected);
    assert!(found.gaps[1].detail.contains("on 249 of 499 sessions"), "{:?}", found.gaps[1]);
}
