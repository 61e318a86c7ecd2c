//! Real files: 2,163 US stocks from July 2020 to March 2021, the squeeze of January 2021 included.
//!
//! Names are those alive in March 2024. Sectors and counts of shares published later are used for
//! earlier days. The history is short: forecasts begin when 60 sessions of factor returns are known.

use crate::{
    real_data,
    real_equities::World,
    replay::{Outcomes, Summary, books, factor_model, models},
};
use factors::size::SizeBucket;
use marketdata::{day::Day, instrument::InstrumentId};
use stats::moments::{Ddof, standard_deviation};
use std::collections::BTreeMap;

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

/// Volatilities of single names and of pairs against those of their own returns, after nine months
/// of history. The returns of all 165 sessions are weighted alike here, and the model's by age, hence
/// the width of the bands.
#[test]
fn volatilities_of_real_names_are_those_of_their_returns() {
    let Some(folder) = real_data::folder("volatilities_of_real_names_are_those_of_their_returns")
    else {
        return;
    };
    let world = World::of(&folder);
    let view = models(&world.view(Day::parse_iso("2021-02-26").unwrap()), None);
    let (names, model) = (&view.names, factor_model(&view));
    let returns = |book: &[(InstrumentId, f64)]| -> Vec<f64> {
        let of = |session| {
            let own = |(id, value): &(InstrumentId, f64)| {
                Some(value * names.panel.own(names.anchored(*id).row, session)?)
            };
            book.iter().map(own).sum::<Option<f64>>()
        };
        (0..names.panel.width).filter_map(of).collect()
    };
    let ratio = |book: &[(InstrumentId, f64)]| {
        let returns = returns(book);
        let own = standard_deviation(&returns, Ddof::Sample)?;
        (150 < returns.len()).then(|| model.book(book).volatility / own)
    };
    let mut ratios: BTreeMap<SizeBucket, Vec<f64>> = BTreeMap::new();
    for id in model.instruments() {
        if let Some(bucket) = names.anchored(*id).bucket {
            ratios.entry(bucket).or_default().extend(ratio(&[(*id, 1.0)]));
        }
    }
    assert_eq!(ratios.len(), SizeBucket::ALL.len());
    for (bucket, ratios) in &mut ratios {
        ratios.sort_by(f64::total_cmp);
        let at = |share: f64| ratios[(share * (ratios.len() - 1) as f64) as usize];
        let [low, median, high] = [0.1, 0.5, 0.9].map(at);
        println!("{bucket:?} {}: {low:.2} {median:.2} {high:.2}", ratios.len());
        // Both regimes are 1.1 after the squeeze of January.
        assert!((1.0..1.25).contains(&median), "{bucket:?} {median}");
        assert!(0.8 < low && high < 1.6, "{bucket:?} {low} {high}");
    }
    // Names of one industry share more than a sector, so pairs of them move less than the model has.
    for (long, short) in [("JNJ", "PG"), ("MSFT", "AAPL"), ("KO", "PEP"), ("V", "MA")] {
        let book = [(long, 1.0), (short, -1.0)]
            .map(|(symbol, value)| (names.snapshot.listed(symbol).unwrap(), value));
        let ratio = ratio(&book).unwrap();
        println!("{long} against {short}: {ratio:.2}");
        assert!((1.0..2.2).contains(&ratio), "{long} {short} {ratio}");
    }
}
