//! Our own model written as a vendor's facts is the same model; days that are not whole, and facts that
//! make no model.

use crate::{
    laws::fixture,
    replay::{factor_model, models},
};
use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    fixture::Fixture,
    instant::Instant,
    instrument::{InstrumentId, Namespace},
    snapshot::Snapshot,
};
use risk::{
    factor_model::FactorModel,
    vendor_model::InvalidVendorModel,
    vendor_models::{DayModel, Known, VendorModels},
};
use simulation::market::{Market, Parameters};

const SESSIONS_PER_YEAR: f64 = 252.0;

fn market() -> Market {
    Market::new(Parameters { names: 100, days: 300, seed: 5 })
}

/// Writes a model as the facts of a vendor, per year.
fn write(fixture: &mut Fixture, model: &FactorModel, name: &str, on: Day, known: Instant) {
    let factors: Vec<InstrumentId> = model
        .factors()
        .iter()
        .map(|factor| fixture.id(Namespace::Series, &format!("{name}/{factor}")))
        .collect();
    for (row, instrument) in model.instruments().iter().enumerate() {
        for (factor, exposure) in model.exposures(row) {
            let key = (*instrument, factors[factor]);
            let value = [(Field::Exposure, exposure)];
            fixture.fact(Dataset::VendorExposures, key, on, known, &value);
        }
    }
    for (i, a) in factors.iter().enumerate() {
        for (j, b) in factors.iter().enumerate().skip(i) {
            let value =
                [(Field::FactorCovariance, model.covariance().get(i, j) * SESSIONS_PER_YEAR)];
            fixture.fact(Dataset::VendorCovariances, (*a, *b), on, known, &value);
        }
    }
    write_specific(fixture, model, name, on, known);
}

fn write_specific(fixture: &mut Fixture, model: &FactorModel, name: &str, on: Day, known: Instant) {
    let specific = fixture.id(Namespace::Series, &format!("{name}/*"));
    for (row, instrument) in model.instruments().iter().enumerate() {
        let volatility = (model.specific_variance(row) * SESSIONS_PER_YEAR).sqrt();
        let value = [(Field::SpecificVolatility, volatility)];
        fixture.fact(Dataset::VendorSpecificRisks, (*instrument, specific), on, known, &value);
    }
}

fn day_model(snapshot: &Snapshot, name: &str) -> DayModel {
    match VendorModels::of(snapshot).get(name) {
        Some(Known::Whole(on)) => DayModel::of(snapshot, name, on),
        other => panic!("{other:?}"),
    }
}

#[test]
fn our_model_written_as_a_vendors_gives_the_same_numbers() {
    let market = market();
    let last = *market.days.last().unwrap();
    let mut fixture = fixture(&market, 0..market.names.len(), last);
    fixture.commit();
    let close = Instant::close_of(last);
    let ours = models(&fixture.snapshot(close), None);
    let ours = factor_model(&ours).clone();
    write(&mut fixture, &ours, "OURS", last, close);
    // Another vendor's facts of the same day, and newer ones that are not whole.
    write(&mut fixture, &ours, "OTHER", last.plus(-7), Instant::close_of(last.plus(-7)));
    write_specific(&mut fixture, &ours, "OTHER", last, close);
    fixture.commit();
    let snapshot = fixture.snapshot(close);
    let theirs = day_model(&snapshot, "OURS");
    assert_eq!((theirs.on, theirs.published_at), (last, close));
    let theirs = theirs.outcome.unwrap();
    assert_eq!(
        (theirs.without_specific.len(), theirs.model.instruments()),
        (0, ours.instruments())
    );
    // Lines of one company have specific returns in common in our model alone.
    let alone = ours.clone().with_share_classes(theirs.model.share_classes().clone());
    let book: Vec<(InstrumentId, f64)> = ours
        .instruments()
        .iter()
        .enumerate()
        .map(|(at, id)| (*id, 1e5 * (1.0 + at as f64) * if at % 3 == 0 { -1.0 } else { 1.0 }))
        .collect();
    let [one, two] = [&alone, &theirs.model].map(|model| model.book(&book));
    let near = |a: f64, b: f64, scale: f64| assert!((a - b).abs() <= 1e-12 * scale, "{a} {b}");
    near(one.volatility, two.volatility, one.volatility);
    near(one.factor_variance, two.factor_variance, one.factor_variance);
    near(one.specific_variance, two.specific_variance, one.specific_variance);
    for (a, b) in one.names.iter().zip(&two.names) {
        assert_eq!(a.instrument, b.instrument);
        near(a.contribution(), b.contribution(), one.volatility);
    }
    let sum: f64 = two.names.iter().map(risk::factor_model::BookName::contribution).sum();
    near(sum, two.volatility, two.volatility);
    for (factor, contribution) in ours.factors().iter().zip(&one.factor_contributions) {
        let same = theirs.model.factors().iter().position(|name| name.eq_ignore_ascii_case(factor));
        near(*contribution, two.factor_contributions[same.unwrap()], one.volatility);
    }
    // The other model is that of the day on which all of its parts are known.
    assert_eq!(day_model(&snapshot, "OTHER").on, last.plus(-7));
    assert_eq!(VendorModels::of(&snapshot).names(), ["OTHER", "OURS"]);
    // Nothing of it is known before, and it is of the past after 400 days.
    let before = fixture.snapshot(Instant::from_micros(close.micros() - 1));
    assert_eq!(VendorModels::of(&before).names(), ["OTHER"]);
    let late = fixture.snapshot(Instant::close_of(last.plus(401)));
    let found = VendorModels::of(&late);
    assert!(matches!(found.get("OURS"), Some(Known::Past(day)) if day == last));
}

#[test]
fn facts_that_make_no_model_are_named() {
    let market = market();
    let last = *market.days.last().unwrap();
    let close = Instant::close_of(last);
    let mut fixture = fixture(&market, 0..3, last);
    let name =
        |fixture: &mut Fixture, at: usize| fixture.id(Namespace::Listed, &market.names[at].symbol);
    let (one, two) = (name(&mut fixture, 0), name(&mut fixture, 1));
    let series = |fixture: &mut Fixture, name: &str| fixture.id(Namespace::Series, name);
    let [a, b, specific] = ["V/A", "V/B", "V/*"].map(|name| series(&mut fixture, name));
    let mut fact = |dataset, key, field, value| {
        fixture.fact(dataset, key, last, close, &[(field, value)]);
    };
    fact(Dataset::VendorExposures, (one, a), Field::Exposure, 1.0);
    fact(Dataset::VendorExposures, (two, b), Field::Exposure, 1.0);
    fact(Dataset::VendorCovariances, (a, a), Field::FactorCovariance, 0.04);
    fact(Dataset::VendorSpecificRisks, (one, specific), Field::SpecificVolatility, 0.3);
    fixture.commit();
    let snapshot = fixture.snapshot(close);
    let faults = day_model(&snapshot, "V").outcome.unwrap_err().first;
    assert_eq!(faults, [InvalidVendorModel::UnknownFactor(two, "B".to_owned())]);
    let described = faults[0].describe(&snapshot);
    let symbol = &market.names[1].symbol;
    assert_eq!(described, format!("{symbol} has an exposure to B, which has no covariance"));
    // Without exposures no day is whole.
    let mut bare = self::fixture(&market, 0..3, last);
    let [a, specific] = ["W/A", "W/*"].map(|name| series(&mut bare, name));
    let id = name(&mut bare, 0);
    bare.fact(Dataset::VendorCovariances, (a, a), last, close, &[(Field::FactorCovariance, 0.04)]);
    let value = [(Field::SpecificVolatility, 0.3)];
    bare.fact(Dataset::VendorSpecificRisks, (id, specific), last, close, &value);
    bare.commit();
    let found = VendorModels::of(&bare.snapshot(close));
    assert!(matches!(found.get("W"), Some(Known::InParts)));
    // A model with exposures alone is known, too.
    let key = (id, series(&mut bare, "X/A"));
    bare.fact(Dataset::VendorExposures, key, last, close, &[(Field::Exposure, 1.0)]);
    bare.commit();
    let found = VendorModels::of(&bare.snapshot(close));
    assert!(matches!(found.get("X"), Some(Known::InParts)));
}

#[test]
fn monthly_exposures_make_a_day_whole_below_any_number_of_daily_covariances() {
    let market = market();
    let last = *market.days.last().unwrap();
    let close = Instant::close_of(last);
    let mut fixture = fixture(&market, 0..3, last);
    let [a, specific] = ["V/A", "V/*"].map(|name| fixture.id(Namespace::Series, name));
    let [one, two] =
        [0, 1].map(|at: usize| fixture.id(Namespace::Listed, &market.names[at].symbol));
    for back in 0..30 {
        let on = last.plus(-back);
        let value = [(Field::FactorCovariance, 0.04)];
        fixture.fact(Dataset::VendorCovariances, (a, a), on, close, &value);
        for name in [one, two] {
            let value = [(Field::SpecificVolatility, 0.3)];
            fixture.fact(Dataset::VendorSpecificRisks, (name, specific), on, close, &value);
        }
    }
    let on = last.plus(-29);
    fixture.fact(Dataset::VendorExposures, (one, a), on, close, &[(Field::Exposure, 1.0)]);
    fixture.commit();
    let snapshot = fixture.snapshot(close);
    let found = day_model(&snapshot, "V");
    assert_eq!(found.on, on);
    // A name without exposures is not covered.
    let loaded = found.outcome.unwrap();
    assert_eq!(loaded.model.instruments(), [one]);
    assert_eq!(loaded.without_exposures, [two]);
}

/// One factor, one covariance and one specific volatility of each of `names` lines, for every model on
/// every day.
fn write_small(fixture: &mut Fixture, models: usize, (names, days): (usize, i32), last: Day) {
    let market = market();
    for model in 0..models {
        let [factor, specific] =
            ["A", "*"].map(|of| fixture.id(Namespace::Series, &format!("M{model:03}/{of}")));
        for back in 0..days {
            let (on, known) = (last.plus(-back), Instant::close_of(last));
            let value = [(Field::FactorCovariance, 0.04)];
            fixture.fact(Dataset::VendorCovariances, (factor, factor), on, known, &value);
            for name in &market.names[..names] {
                let id = fixture.id(Namespace::Listed, &name.symbol);
                let value = [(Field::Exposure, 1.0)];
                fixture.fact(Dataset::VendorExposures, (id, factor), on, known, &value);
                let value = [(Field::SpecificVolatility, 0.3)];
                fixture.fact(Dataset::VendorSpecificRisks, (id, specific), on, known, &value);
            }
        }
    }
    fixture.commit();
}

#[test]
fn rows_of_all_models_are_looked_at_once_and_those_of_a_model_are_read_when_it_is_asked_for() {
    let last = *market().days.last().unwrap();
    for models in [40, 80, 160] {
        let mut fixture = Fixture::new();
        let (names, days) = (3, 4);
        write_small(&mut fixture, models, (names, days), last);
        let snapshot = fixture.snapshot(Instant::close_of(last));
        let found = VendorModels::of(&snapshot);
        // A covariance, and an exposure and a volatility per name, of every model and day.
        let of_day = models * (1 + 2 * names);
        assert_eq!((found.names().len(), found.rows_read()), (models, of_day * days as usize));
        let one = DayModel::of(&snapshot, "M017", last);
        assert_eq!(one.outcome.unwrap().model.instruments().len(), names);
        // The rows of the day, of covariances its own alone.
        assert_eq!(one.rows_read, 1 + 2 * names * models);
    }
}
