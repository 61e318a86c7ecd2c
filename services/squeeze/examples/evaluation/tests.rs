//! Expectations of the evaluation: counts and lift from pandas, and what the tables show.

use crate::{
    files::Files,
    panel::{Observation, observe},
    quality::Ranked,
    real_files, tables,
};
use squeeze::measure::{COMPONENTS, Component};

/// Counts and the lift of the score: `tests/oracles/squeeze_evaluation.py`.
#[test]
fn the_score_ranks_what_happened_and_no_single_input_is_surely_better() {
    let Some(folder) = real_files::folder("the evaluation of the squeeze score") else { return };
    let all = observe(&Files::read(&folder).unwrap());
    assert_eq!((all.len(), all.iter().filter(|o| o.event).count()), (118_119, 1_088));
    // Every figure of the page's tables is what the program prints.
    let page = include_str!("../../../../SQUEEZE_EVALUATION.md");
    for table in tables(&all).split("\n\n").filter(|part| !part.is_empty()) {
        assert!(page.contains(table), "SQUEEZE_EVALUATION.md is older than:\n{table}");
    }
    let score = Ranked::of(&all, Component::ShortOfFloat);
    let quality = score.quality().unwrap();
    assert!((quality.lift - 2.2717).abs() < 5e-5, "{quality:?}");
    let placebo = score.placebo().unwrap();
    assert!(placebo.p_value < 0.01 && placebo.high < 1.3, "{placebo:?}");
    // A fitted or mixed score replaces it only if this bound is above zero; 13 weeks have none.
    for component in Component::ALL {
        let found = Ranked::of(&all, component).lift_difference(&score).unwrap();
        assert_eq!(found.lower, None, "{component:?}");
    }
}

/// Twenty names a day; the event is always the name with the highest input: all events are in the
/// top tenth, which holds two of twenty names, so the lift is ten.
#[test]
fn a_perfect_input_and_a_shuffled_one() {
    let observation = |at: usize| Observation {
        day: at / 20,
        week: (at / 100) as i32,
        size: 0,
        heavy: true,
        ranks: [(at % 20) as f64; COMPONENTS],
        event: at % 20 == 19,
    };
    let all: Vec<Observation> = (0..2_000).map(observation).collect();
    let ranked = Ranked::of(&all, Component::ShortOfFloat);
    let quality = ranked.quality().unwrap();
    assert!((quality.lift - 10.0).abs() < 1e-12 && (quality.roc_area - 1.0).abs() < 1e-12);
    assert!((quality.precision_area - 1.0).abs() < 1e-12);
    // Shuffled, an event is in the top with probability 1/10: a lift of 1 ± 0.3 over 100 days, and
    // of 1 ± 0.01 in the mean of a thousand.
    let placebo = ranked.placebo().unwrap();
    assert!((placebo.mean - 1.0).abs() < 0.04, "{placebo:?}");
    assert!(placebo.p_value < 0.002);
    assert_eq!(ranked.tenths()[9].events.to_bits(), 100f64.to_bits());
}
