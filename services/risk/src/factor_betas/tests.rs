//! Laws of betas to chosen factors, on markets with known parameters.

use super::*;
use crate::{
    fixture::{World, world, world_with},
    prepare::prepare,
    series::MoveUnit,
    settings::Shrinkage,
};
use marketdata::instant::Instant;

const SEED: u64 = 21;

fn known(factors: &[KnownFactor]) -> Vec<FactorChoice> {
    factors.iter().map(|factor| FactorChoice::Known(*factor)).collect()
}

fn own(factor_id: &str, symbol: &str, less: Option<&str>) -> FactorChoice {
    FactorChoice::Own {
        factor_id: factor_id.to_owned(),
        symbol: symbol.to_owned(),
        less: less.map(str::to_owned),
    }
}

/// The betas of a view to some factors, and its risk model.
fn fitted(
    snapshot: &Snapshot,
    choices: &[FactorChoice],
    settings: BetaSettings,
) -> (RiskModel, FactorBetas) {
    let model = prepare(snapshot, &World::roles(), None);
    let betas = FactorBetas::of(&model, (snapshot, &World::roles()), choices, settings);
    (model, betas)
}

fn usual(snapshot: &Snapshot, choices: &[FactorChoice]) -> (RiskModel, FactorBetas) {
    fitted(snapshot, choices, BetaSettings::PREPARED)
}

/// The betas of a name, by the ids of the factors.
fn of_name((model, betas): &(RiskModel, FactorBetas), symbol: &str) -> Vec<(String, Option<Beta>)> {
    let found = betas.name(model, model.snapshot.listed(symbol).unwrap()).unwrap();
    let of = |factor: &ChosenFactor| {
        (factor.choice.id().to_owned(), factor.place.and_then(|place| found.betas[place]))
    };
    betas.factors.iter().map(of).collect()
}

fn near(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance * b.abs().max(1e-12), "{a} is not {b}");
}

#[test]
fn market_and_size_alone_are_the_estimates_of_every_report() {
    let world = world_with(60, 400, SEED, |names| names[30].stale = true);
    let found = usual(&world.snapshot(), &known(&[KnownFactor::Market, KnownFactor::Size]));
    let (model, betas) = &found;
    let mut stale = 0;
    for name in &world.names {
        let id = model.snapshot.listed(&name.symbol).unwrap();
        let fit = model.own_details(id).fit.unwrap();
        let other = betas.name(model, id).unwrap();
        for (beta, own) in other.betas.iter().zip([fit.market, fit.size]) {
            let (found, own) = (beta.unwrap().own.unwrap(), own.unwrap());
            near(found.value, own.value, 1e-9);
            near(found.standard_error, own.standard_error, 1e-9);
        }
        assert_eq!((other.observations, other.dimson), (fit.observations, fit.dimson));
        stale += usize::from(other.dimson);
    }
    assert_eq!(stale, 1);
    // SIZE has no market beta over the window, so neither inflates the other.
    let told = betas.collinearity.as_ref().unwrap();
    told.inflation.iter().for_each(|factor| near(*factor, 1.0, 1e-9));
    near(told.condition_number, 1.0, 1e-6);
}

#[test]
fn a_factor_that_names_are_made_of_is_recovered_beside_others() {
    let world = world(120, 600, SEED);
    let yields = |at: usize| 4.0 + 0.05 * f64::from((at as u32 * 7_919) % 13) / 13.0;
    let snapshot = world.with_series("DGS10", yields);
    let choices = known(&[KnownFactor::Market, KnownFactor::Size, KnownFactor::Rates]);
    let found = usual(&snapshot, &choices);
    let (mut squares, mut covered, mut rates) = (0.0, 0, 0);
    for name in &world.names {
        let betas = of_name(&found, &name.symbol);
        let market = betas[0].1.unwrap().own.unwrap();
        squares += (market.value - name.beta) * (market.value - name.beta);
        covered += usize::from((market.value - name.beta).abs() <= 1.96 * market.standard_error);
        // No name has a beta to the yield.
        let rate = betas[2].1.unwrap().own.unwrap();
        rates += usize::from(rate.value.abs() <= 1.96 * rate.standard_error);
    }
    let deviation = (squares / 120.0).sqrt();
    assert!(deviation < 0.15, "{deviation}");
    // Of 120 intervals at 95 %, 114 are expected, with a deviation of 2.4; Newey and West's errors are
    // a little small in samples of this size.
    assert!((104..=119).contains(&covered) && (104..=119).contains(&rates), "{covered} {rates}");
}

#[test]
fn the_order_of_factors_changes_no_beta_and_a_unit_only_its_own() {
    let world = world(60, 400, SEED);
    let yields = |at: usize| 4.0 + 0.01 * f64::from((at as u32 * 7_919) % 13);
    let base = known(&[KnownFactor::Market, KnownFactor::Size, KnownFactor::Rates]);
    let settings = BetaSettings { shrinkage: Shrinkage::None, ..BetaSettings::PREPARED };
    let snapshot = world.with_series("DGS10", yields);
    let first = fitted(&snapshot, &base, settings);
    let turned = [base[2].clone(), base[0].clone(), base[1].clone()];
    let turned = fitted(&snapshot, &turned, settings);
    // The same yield as a series of the caller's is in per cent: a hundred basis points.
    let in_points = [base[0].clone(), base[1].clone(), own("Y", "DGS10", None)];
    let in_points = fitted(&snapshot, &in_points, settings);
    for name in &world.names {
        let [a, b, c] = [&first, &turned, &in_points].map(|found| of_name(found, &name.symbol));
        for (id, beta) in &a {
            let (beta, other) = (beta.unwrap(), b.iter().find(|(of, _)| of == id).unwrap());
            let other = other.1.unwrap();
            near(other.value, beta.value, 1e-4);
            near(other.standard_error, beta.standard_error, 1e-4);
        }
        near(c[0].1.unwrap().value, a[0].1.unwrap().value, 1e-4);
        near(c[2].1.unwrap().value, 100.0 * a[2].1.unwrap().value, 1e-3);
        near(c[2].1.unwrap().standard_error, 100.0 * a[2].1.unwrap().standard_error, 1e-4);
    }
    let numbers = |found: &(RiskModel, FactorBetas)| found.1.collinearity.clone().unwrap();
    near(numbers(&turned).condition_number, numbers(&first).condition_number, 1e-9);
    near(numbers(&in_points).condition_number, numbers(&first).condition_number, 1e-9);
    near(numbers(&turned).inflation[0], numbers(&first).inflation[2], 1e-9);
}

#[test]
fn what_is_known_later_and_the_order_of_ingest_change_no_bit() {
    let world = world(60, 400, SEED);
    let choices = known(&[KnownFactor::Market, KnownFactor::Size, KnownFactor::Megacap]);
    let bits = |found: &(RiskModel, FactorBetas)| -> Vec<Vec<[u64; 2]>> {
        let of = |beta: Option<Beta>| {
            beta.map_or([0; 2], |beta| [beta.value.to_bits(), beta.standard_error.to_bits()])
        };
        let names = world.names.iter();
        names.map(|n| of_name(found, &n.symbol).into_iter().map(|(_, b)| of(b)).collect()).collect()
    };
    // The whole history as of an earlier close, and the history that ends with it.
    let end = 350;
    let early = usual(&world.snapshot_at(&world.market, end - 1), &choices);
    let market = std::sync::Arc::new(world.fold(SEED, end));
    let alone = Snapshot::new(market, Instant::close_of(world.days[end - 1]), 1).unwrap();
    assert_eq!(bits(&early), bits(&usual(&alone, &choices)));
    let later = usual(&world.snapshot(), &choices);
    assert_ne!(bits(&early), bits(&later));
    assert_eq!(bits(&later), bits(&usual(&world.folded_backwards(SEED), &choices)));
}

#[test]
fn factors_without_values_and_those_that_others_determine_have_a_reason() {
    let world = world(60, 400, SEED);
    let mut choices = known(&[
        KnownFactor::Market,
        KnownFactor::Size,
        KnownFactor::Megacap,
        KnownFactor::Crowd,
        KnownFactor::Momentum,
        KnownFactor::MostShorted,
    ]);
    choices.push(own("TWICE", "^GSPC", None));
    choices.push(own("MIXED", "^GSPC", Some("DGS10")));
    let (_, betas) = usual(&world.with_series("DGS10", |_| 4.0), &choices);
    let why = |id: &str| {
        let factor = betas.factors.iter().find(|factor| factor.choice.id() == id).unwrap();
        (factor.place, factor.series.as_ref().err().map(|none| none.reason))
    };
    assert_eq!(why("MARKET"), (Some(0), None));
    assert_eq!(why("MEGACAP"), (Some(2), None));
    // Megacaps less a multiple of small caps, which are MARKET and SIZE.
    assert_eq!(why("CROWD"), (None, Some(GapReason::Degenerate)));
    assert_eq!(why("TWICE"), (None, Some(GapReason::Degenerate)));
    assert_eq!(why("MOMENTUM"), (None, Some(GapReason::InputMissing)));
    assert_eq!(why("MOST_SHORTED"), (None, Some(GapReason::InputMissing)));
    assert_eq!(why("MIXED"), (None, Some(GapReason::InputMissing)));
    let unit = |betas: &FactorBetas, id: &str| {
        let factor = betas.factors.iter().find(|factor| factor.choice.id() == id).unwrap();
        factor.unit()
    };
    assert_eq!(
        (unit(&betas, "TWICE"), unit(&betas, "MARKET")),
        (MoveUnit::Return, MoveUnit::Return)
    );
    // A stored series without changes on enough sessions has its own unit, also in a gap.
    let stands = known(&[KnownFactor::Market, KnownFactor::Rates]);
    let stands = [stands, vec![own("FLAT", "DFF", None)]].concat();
    let (_, flat) = usual(&world.with_series("DFF", |_| 4.0), &stands);
    assert!(flat.factors.iter().skip(1).all(|factor| factor.series.is_err()));
    assert_eq!(
        (unit(&flat, "RATES"), unit(&flat, "FLAT")),
        (MoveUnit::BasisPoints, MoveUnit::Points)
    );
    assert_eq!(betas.columns.len(), 3);
    // In another order another one of them is left out.
    let (_, turned) = usual(
        &world.snapshot(),
        &known(&[KnownFactor::Crowd, KnownFactor::Megacap, KnownFactor::Size, KnownFactor::Market]),
    );
    let places: Vec<Option<usize>> = turned.factors.iter().map(|factor| factor.place).collect();
    assert_eq!(places, [Some(0), Some(1), Some(2), None]);
    // Too few sessions for any beta.
    let young = world.snapshot_at(&world.market, 40);
    let (model, none) = usual(&young, &known(&[KnownFactor::Market]));
    assert_eq!((none.columns.len(), none.collinearity.clone(), none.span), (0, None, None));
    assert_eq!(none.name(&model, model.snapshot.listed("AAPL").unwrap()), None);
}

/// A chosen factor with values from one session to before another, of 400.
fn with_values(factor_id: &str, values: Range<usize>) -> ChosenFactor {
    let move_of = |at: usize| if values.contains(&at) { (at % 7) as f64 } else { f64::NAN };
    let moves = (0..400).map(move_of).collect();
    let series = FactorSeries { moves, unit: MoveUnit::Points, roles: Vec::new(), lack: None };
    ChosenFactor { choice: own(factor_id, factor_id, None), series: Ok(series), place: None }
}

#[test]
fn a_factor_that_leaves_too_few_sessions_in_common_is_left_out_alone() {
    let left = |mut chosen: Vec<ChosenFactor>| -> Vec<String> {
        leave_out_short(&mut chosen, &(0..400), &[1.0; 400], 60);
        let open = chosen.iter().filter(|factor| factor.series.is_ok());
        let mut open: Vec<String> = open.map(|factor| factor.choice.id().to_owned()).collect();
        open.sort();
        open
    };
    let old = || with_values("OLD", 0..120);
    let (all, new) = (|| with_values("ALL", 0..400), || with_values("NEW", 300..400));
    // OLD and NEW have no session in common; NEW has 100, OLD has 120.
    assert_eq!(left(vec![all(), old(), new()]), ["ALL", "OLD"]);
    assert_eq!(left(vec![new(), old(), all()]), ["ALL", "OLD"]);
    assert_eq!(left(vec![all(), new()]), ["ALL", "NEW"]);
    // Of two with as many sessions, whichever comes first in the list, the later name.
    let [a, b] = [|| with_values("A", 0..100), || with_values("B", 200..300)];
    assert_eq!(left(vec![b(), a(), all()]), left(vec![a(), all(), b()]));
    assert_eq!(left(vec![b(), a(), all()]), ["A", "ALL"]);
    let short = || with_values("SHORT", 0..59);
    assert!(left(vec![short()]).is_empty());
}

#[test]
fn a_name_keeps_its_betas_to_others_if_a_factor_does_not_vary_on_its_sessions() {
    let world = world_with(60, 400, SEED, |names| names[30].listed_from = 250);
    let rate = |at: usize| if at < 240 { ((at as u32 * 7_919) % 13).into() } else { 5.0 };
    let snapshot = world.with_series("DFF", rate);
    let mut choices = known(&[KnownFactor::Market, KnownFactor::Size]);
    let alone = usual(&snapshot, &choices);
    choices.push(own("RATE", "DFF", None));
    let found = usual(&snapshot, &choices);
    let name = &world.names[30].symbol;
    let (with, without) = (of_name(&found, name), of_name(&alone, name));
    for (with, without) in with.iter().zip(&without) {
        assert_eq!(with.1.unwrap().own, without.1.unwrap().own);
        assert!(with.1.unwrap().own.is_some());
    }
    // Its beta to the rate is that of its peers.
    let rate = with[2].1.unwrap();
    assert!(rate.own.is_none() && rate.value.is_finite());
    let betas = found.1.name(&found.0, found.0.snapshot.listed(name).unwrap()).unwrap();
    assert_eq!((betas.observations, betas.fitted), (149, 149), "400 - 250 closes");
}

/// The name is listed from session 320 on: 79 returns, for which Newey and West take
/// floor(4 (79/100)^(2/9)) = 3 lags, and 5 for the 399 of the window. A name listed all the time whose
/// other returns are taken away has the same errors.
#[test]
fn a_young_name_has_the_lags_of_its_own_sessions() {
    let world = world_with(60, 400, SEED, |names| names[30].listed_from = 320);
    let factors = [KnownFactor::Market, KnownFactor::Size];
    let (model, betas) = usual(&world.snapshot(), &known(&factors));
    let id = model.snapshot.listed(&world.names[30].symbol).unwrap();
    let row = model.anchored(id).row;
    let found = betas.name(&model, id).unwrap();
    assert_eq!(found.fitted, 79);
    let returns = model.panel.own_within(row, betas.window.clone()).to_vec();
    let columns = slices(&betas.columns);
    let error = |lags: usize| {
        let huber = Huber { lags, ..huber(&betas.settings, betas.window.len()) };
        let fit = Workspace::empty().huber(&returns, &columns, Some(&betas.weights), &huber);
        fit.unwrap().fit.slopes[0].standard_error
    };
    let own = found.betas[0].unwrap().own.unwrap().standard_error;
    near(own, error(3), 1e-12);
    assert!(1e-6 < (own / error(5) - 1.0).abs(), "other lags give another error");
}

/// A series of the last 200 of 400 sessions shortens the window of all; one that lacks a few does not.
#[test]
fn a_factor_that_shortens_the_window_is_told() {
    let world = world(60, 400, SEED);
    let told = |missing: Range<usize>| {
        let value = |at: usize| match missing.contains(&at) {
            true => f64::NAN,
            false => ((at as u32 * 7_919) % 13).into(),
        };
        let mut choices = known(&[KnownFactor::Market, KnownFactor::Size]);
        choices.push(own("RATE", "DFF", None));
        let (_, betas) = usual(&world.with_series("DFF", value), &choices);
        let (young, common) = betas.young();
        let young = young.into_iter().map(|(factor, own)| (factor.choice.id().to_owned(), own));
        (young.collect::<Vec<_>>(), common)
    };
    // 200 levels have 199 changes.
    assert_eq!(told(0..200), (vec![("RATE".to_owned(), 199)], 199));
    assert_eq!(told(0..0), (vec![], 399));
    assert_eq!(told(0..10).0, vec![]);
}
