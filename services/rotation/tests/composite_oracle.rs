//! Scores, thresholds and states of a simulated market equal those of a numpy program that forms
//! windows and matrices where the core keeps running sums: `tests/oracles/composite.py`.

use marketdata::{day::Day, snapshot::Series};
use rotation::{
    component::{COMPONENTS, Score},
    composite::ScoreHistory,
    standardise::Scale,
};
use std::{collections::BTreeMap, path::Path};

/// A committed file of the oracle: its columns and its rows.
fn table(name: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracles");
    let text = std::fs::read_to_string(folder.join(name)).expect("a committed file");
    let mut rows = text.lines().map(|line| line.split(',').map(str::to_owned).collect());
    (rows.next().expect("a header"), rows.collect())
}

/// The sessions, and by measure the values of the sessions that have one.
fn input() -> (Vec<Day>, BTreeMap<String, Series>) {
    let (columns, rows) = table("composite_input.csv");
    let days: Vec<Day> = rows.iter().map(|row| Day::parse_iso(&row[0]).expect("a day")).collect();
    let mut measures = BTreeMap::new();
    for (at, name) in columns.into_iter().enumerate().skip(1) {
        let present = rows.iter().zip(&days).filter(|(row, _)| !row[at].is_empty());
        let (days, values) =
            present.map(|(row, day)| (*day, row[at].parse::<f64>().expect("a number"))).unzip();
        measures.insert(name, Series { days, values });
    }
    (days, measures)
}

/// The measures of the components: sums of one-day changes over their sessions.
fn measures() -> (Vec<Day>, BTreeMap<String, Series>) {
    let (days, mut measures) = input();
    for component in COMPONENTS {
        let Scale::Change { sessions, daily } = component.scale else { continue };
        let daily = &measures[daily];
        let sums = daily.values.windows(sessions).map(|window| window.iter().sum());
        let days = daily.days.get(sessions - 1..).unwrap_or_default().to_vec();
        let sums = Series { days, values: sums.collect() };
        measures.insert(component.measure.to_owned(), sums);
    }
    (days, measures)
}

#[test]
fn scores_thresholds_and_states_are_those_of_the_oracle() {
    let (days, measures) = measures();
    let history = ScoreHistory::of(&days, |id| measures.get(id), |_| None, None);
    let (columns, rows) = table("composite_expected.csv");
    assert_eq!(columns, ["session", "size", "breadth", "risk", "squeeze", "on_at", "state"]);
    assert!(700 < rows.len());
    for row in rows {
        let day = Day::parse_iso(&row[0]).expect("a day");
        let place = days.binary_search(&day).expect("a session");
        let found = history.at(place).expect("a session");
        for (score, expected) in Score::ALL.into_iter().zip(&row[1..5]) {
            let value = history.score(score, place);
            assert_eq!(found.scores[score as usize].value, value);
            match (value, expected.parse::<f64>()) {
                (None, Err(_)) => {}
                (Some(value), Ok(expected)) => {
                    assert!((value - expected).abs() < 1e-9, "{score:?} {day}: {value} {expected}");
                }
                (value, _) => panic!("{score:?} {day}: {value:?}, expected {expected:?}"),
            }
        }
        assert_eq!(format!("{:.2}", found.threshold.on), row[5], "{day}");
        assert_eq!(found.state.name(), row[6], "{day}");
    }
}
