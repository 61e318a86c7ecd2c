//! Real files: 2,163 US stocks from July 2020 to March 2021, the squeeze of January 2021 included.
//!
//! Names are those alive in March 2024. Sectors and counts of shares published later are used for
//! earlier days. The history is short: forecasts begin when 60 sessions of factor returns are known.

use crate::{
    real_data,
    real_equities::World,
    replay::{Outcomes, Summary, books, factor_model, models},
};
use marketdata::instrument::InstrumentId;

/// Sixty sessions, mostly of the first quarter of 2021, for 200 books of 60 names. Histories of 70 to
/// 130 sessions know only the wilder autumn of 2020, so market risk is forecast too high for books
/// that are long only; the squeeze of January is more specific risk than any forecast of December.
/// Hence wider limits than 1 ± 0.18, the band for correct forecasts.
#[test]
fn forecasts_of_books_of_real_names() {
    let Some(folder) = real_data::folder("forecasts_of_books_of_real_names") else { return };
    let world = World::of(&folder);
    let days = &world.days[world.days.len() - 61..];
    let first = models(&world.view(days[0]), None);
    let estimated = first.cross_section.outcome.as_ref().unwrap();
    assert_eq!(estimated.left_out, ["MOMENTUM", "SHORT_INTEREST"], "too few sessions yet");
    let names = factor_model(&first).instruments().iter().zip(&estimated.names);
    let universe: Vec<InstrumentId> =
        names.filter(|(_, notes)| notes.is_in_universe).map(|(id, _)| *id).collect();
    assert!(1_800 < universe.len() && 1_900 < estimated.names.len());
    let outcomes = Outcomes::of(&|day| world.view(day), days, &books(&universe, 200, 60));
    for (kind, first) in [("long and short", 0), ("long only", 1)] {
        let of = |all: &[Vec<(f64, f64)>]| {
            let books: Vec<_> = all.iter().skip(first).step_by(2).cloned().collect();
            Summary::of(&books)
        };
        let [model, own] = [of(&outcomes.model), of(&outcomes.own)];
        println!("{kind}: model {model:?}, own history {own:?}");
        assert!((0.8..1.2).contains(&model.bias), "{kind} {model:?}");
        assert!(0.6 < model.in_band && model.mrad < 0.3, "{kind} {model:?}");
        assert!(model.qlike < own.qlike + 0.05, "{kind} {model:?} {own:?}");
    }
}
