//! Errors of a check against the scatter of simulated histories, whose windows overlap.

use super::*;
use crate::{
    calibration::model::Term,
    measure::{COMPONENTS, Component},
};
use marketdata::{calendar::plus_sessions, day::Day};
use rayon::prelude::*;
use stats::rng::Rng;

const HISTORIES: u64 = 120;
const NAMES: u32 = 150;
/// A year.
const SESSIONS: usize = 250;

/// A year of sessions. The chance of a name changes from month to month; that of the market is high in
/// some weeks, and in some weeks it is the likely names that are squeezed and in others any. An
/// observation is an event if a squeeze begins in the five sessions after it. What short interest over
/// float says of the chance is noisy.
fn history(seed: u64) -> Vec<Observation> {
    let mut rng = Rng::new(seed, 11);
    let days: Vec<Day> =
        (0..SESSIONS as i32).map(|at| plus_sessions(Day::from_epoch(18_600), at)).collect();
    let market: Vec<f64> =
        (0..SESSIONS.div_ceil(5)).map(|_| if rng.uniform() < 0.3 { 3.1 } else { 0.1 }).collect();
    let tilt: Vec<f64> =
        (0..SESSIONS.div_ceil(5)).map(|_| if rng.uniform() < 0.5 { 0.0 } else { 2.0 }).collect();
    let mut observations = Vec::new();
    for name in 0..NAMES {
        let lasting = 0.1 * rng.normal();
        let own: Vec<f64> =
            (0..SESSIONS.div_ceil(21)).map(|_| lasting + 0.6 * rng.normal()).collect();
        let noisy: Vec<f64> = own.iter().map(|x| x + 0.5 * rng.normal()).collect();
        let begins: Vec<bool> = (0..SESSIONS + 5)
            .map(|at| {
                let of = |list: &[f64], each: usize| list[(at / each).min(list.len() - 1)];
                rng.uniform() < 0.008 * (of(&own, 21) * of(&tilt, 5)).exp() * of(&market, 5)
            })
            .collect();
        for (at, on) in days.iter().enumerate() {
            let mut levels = [None; COMPONENTS];
            levels[Component::ShortOfFloat.index()] = Some(noisy[at / 21]);
            levels[Component::FloatTurnover.index()] = Some(own[at / 21]);
            let event = begins[at + 1..at + 6].iter().any(|begins| *begins);
            observations.push(Observation { on: *on, name, levels, event, excess: None });
        }
    }
    observations.sort_by_key(|o| (o.on, o.name));
    observations
}

/// The truth has another form, which does not matter to its errors.
fn model() -> Model {
    let term = Term { coefficient: 0.0, error: 0.0, mean: 0.0, deviation: 1.0 };
    let mut model = Model { intercept: -2.9, intercept_error: 0.0, terms: [term; COMPONENTS] };
    model.terms[Component::FloatTurnover.index()].coefficient = 1.0;
    model
}

/// What an estimate, its error and its error without neighbours are in one history.
struct Found {
    value: f64,
    error: f64,
    apart: f64,
}

/// Shares of histories in which 1.96 errors hold the mean of all estimates: with neighbouring weeks,
/// and with weeks apart.
fn held(found: &[Found]) -> [f64; 2] {
    let count = found.len() as f64;
    let truth = found.iter().map(|one| one.value).sum::<f64>() / count;
    let share = |error: fn(&Found) -> f64| {
        let holds = |one: &&Found| (one.value - truth).abs() <= 1.96 * error(one);
        found.iter().filter(holds).count() as f64 / count
    };
    [share(|one| one.error), share(|one| one.apart)]
}

/// The same observations with weeks that have no neighbours.
fn apart(observations: &[Observation]) -> Vec<Observation> {
    let moved = |o: &Observation| Observation { on: o.on.plus(7 * (o.week() - 2_600)), ..*o };
    observations.iter().map(moved).collect()
}

/// Estimates of a history, each with its error and the one without neighbours: the slope, the
/// intercept, and the rates of the highest three bins.
fn estimates(seed: u64) -> (Vec<Found>, [f64; 3]) {
    let observations = history(seed);
    let all: Vec<&Observation> = observations.iter().collect();
    let found = check(&model(), &all).unwrap();
    let moved = apart(&observations);
    let alone = check(&model(), &moved.iter().collect::<Vec<_>>()).unwrap();
    let of = |check: &Check| {
        let bins = check.bins[7..].iter().map(|bin| Estimate { value: bin.rate, error: bin.error });
        [check.slope, check.intercept].into_iter().chain(bins).collect::<Vec<_>>()
    };
    let both = of(&found).into_iter().zip(of(&alone));
    let pair = |(one, alone): (Estimate, Estimate)| Found {
        value: one.value,
        error: one.error,
        apart: alone.error,
    };
    let [own, other] = [&found.lift, &found.benchmark_lift];
    let odds: Vec<f64> = all.iter().map(|o| model().index(&o.levels)).collect();
    let benchmark: Vec<f64> = all.iter().map(|o| o.benchmark()).collect();
    let (of_own, of_other) = (weeks(&all, &odds).unwrap(), weeks(&all, &benchmark).unwrap());
    let paired: Vec<_> = of_own.into_values().zip(of_other.into_values()).collect();
    let single = lift_difference(&paired, 1, DRAWS, SEED).unwrap().lower.unwrap();
    (both.map(pair).collect(), [own - other, found.lift_difference_lower.unwrap(), single])
}

/// Of 120 histories of a year, 1.96 errors hold the mean of all of them 90 to 99 times in a hundred,
/// and at least two times less often if weeks count as independent. The bound of a difference of lifts
/// is below the mean in at least 90 of a hundred, with single weeks in fewer.
#[test]
fn intervals_hold_the_truth_of_overlapping_windows() {
    let all: Vec<(Vec<Found>, [f64; 3])> = (0..HISTORIES).into_par_iter().map(estimates).collect();
    let (of_estimates, lifts): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    let mut columns: Vec<Vec<Found>> = (0..5).map(|_| Vec::new()).collect();
    for of_history in of_estimates {
        columns.iter_mut().zip(of_history).for_each(|(column, found)| column.push(found));
    }
    let shares: Vec<[f64; 2]> = columns.iter().map(|column| held(column)).collect();
    let count = lifts.len() as f64;
    let truth = lifts.iter().map(|[value, ..]| value).sum::<f64>() / count;
    let below = [1, 2]
        .map(|at: usize| lifts.iter().filter(|bounds| bounds[at] <= truth).count() as f64 / count);
    for [own, alone] in &shares {
        assert!((0.9..=0.99).contains(own) && *alone < own - 0.02, "{shares:?} {below:?}");
    }
    assert!(0.9 <= below[0] && below[1] < below[0], "{shares:?} {below:?}");
}

/// The first weeks of a history, a model and a clear difference: fifteen weeks have no bound, sixteen do.
#[test]
fn few_weeks_have_no_bound() {
    let observations = history(1);
    let first = observations[0].week();
    let bound = |weeks: i32| {
        let some: Vec<&Observation> =
            observations.iter().filter(|o| o.week() < first + weeks).collect();
        check(&model(), &some).unwrap().lift_difference_lower
    };
    assert!(bound(4).is_none() && bound(15).is_none() && bound(16).is_some());
}
