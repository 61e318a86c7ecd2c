//! Laws: units and order change nothing, contributions sum to the score, and there is no
//! look-ahead.

use crate::world::{SETTLED, SETTLED_BEFORE, TODAY, World, book, line, name, near, place};
use marketdata::{basis::PriceBasis, fixture::day, instant::Instant, instrument::InstrumentId};
use proptest::prelude::*;
use squeeze::{
    measure::Component,
    name::SqueezeName,
    rank::{RankBy, RankRequest, rank},
    score::Score,
    universe::Universe,
};

const SYMBOLS: [&str; 6] = ["A", "B", "C", "D", "E", "F"];

/// Price, drift, volume, short interest, float.
type Seed = (f64, f64, f64, f64, f64);

fn seeds() -> impl Strategy<Value = Vec<Seed>> {
    let seed = (1.0..500.0f64, -0.01..0.01f64, 1e3..1e7f64, 1e4..1e7f64, 1e5..1e8f64);
    prop::collection::vec(seed, SYMBOLS.len())
}

fn add(world: &mut World, symbol: &str, seed: Seed, scale: f64, basis: PriceBasis) {
    let (price, drift, volume, short, float) = seed;
    world.bars_on(symbol, basis, 100, |back| {
        let growth = 1.0 + drift * (100 - back) as f64 / 10.0;
        (price * growth / scale, volume * scale * (1.0 + (back % 7) as f64))
    });
    world.settle(symbol, SETTLED_BEFORE, [short * 0.9, float, float * 1.2]);
    world.settle(symbol, SETTLED, [short, float, float * 1.2]);
}

fn scores(universe: &Universe) -> Vec<Option<Score>> {
    SYMBOLS.map(|symbol| universe.score(place(universe, symbol)).copied()).to_vec()
}

#[test]
fn scores_of_a_hand_made_universe() {
    // Four names that differ only in short interest, 1/8 to 4/8 of the float: mid-rank percentiles
    // 1/8, 3/8, 5/8, 7/8 in the measures that depend on it, one half in the others.
    let mut world = World::new();
    for (at, symbol) in SYMBOLS[..4].iter().enumerate() {
        let short = (at + 1) as f64 * 1e6;
        world.bars(symbol, |_| (10.0, 1e5)).settle(symbol, SETTLED, [short, 8e6, 10e6]);
    }
    let universe = world.universe();
    for (at, symbol) in SYMBOLS[..4].iter().enumerate() {
        let score = universe.score(place(&universe, symbol)).unwrap();
        let percentile = (2 * at + 1) as f64 / 8.0;
        near(score.points, 100.0 * percentile);
        near(score.index, ((at + 1) as f64 / 8.0).ln());
        let of = |component: Component| score.percentiles[component.index()];
        near(of(Component::DaysToCover).unwrap(), percentile);
        near(of(Component::VolumeRatio).unwrap(), 0.5);
        assert_eq!(of(Component::ShortInterestChange), None, "there is no earlier settlement");
    }
    // (ln 1 + ln 2 + ln 3 + ln 4) / 4 - ln 8 = ln 24 / 4 - ln 8.
    near(universe.terms().next().unwrap().1.unwrap(), 24f64.ln() / 4.0 - 8f64.ln());
}

#[test]
fn nothing_short_has_the_index_of_one_share_in_a_million() {
    let mut world = World::new();
    for (symbol, short) in [("A", 0.0), ("B", 4.0), ("C", 8e3)] {
        world.bars(symbol, |_| (10.0, 1e5)).settle(symbol, SETTLED, [short, 8e6, 10e6]);
    }
    let universe = world.universe();
    let score = |symbol| *universe.score(place(&universe, symbol)).unwrap();
    near(score("A").index, 1e-6f64.ln());
    assert_eq!(score("A").points.to_bits(), score("B").points.to_bits());
    near(score("C").index, 1e-3f64.ln());
}

#[test]
fn the_order_of_ingest_changes_no_bit() {
    // C and D differ only in their names; amounts are chosen so that sums round.
    let seed = |at: usize| {
        let at = if at == 3 { 2.0 } else { at as f64 };
        (10.1 + at, 0.001 * at, 1e5 / 3.0 + at, 1e6 / 7.0 * (1.0 + at), 8e6)
    };
    let answers = |order: [usize; 6]| {
        let mut world = World::new();
        for at in order {
            add(&mut world, SYMBOLS[at], seed(at), 1.0, PriceBasis::Raw);
            world.listed_on(SYMBOLS[at], if at % 2 == 0 { "NYSE" } else { "NASDAQ" });
        }
        let universe = world.universe();
        let request = RankRequest {
            min_line_market_cap_usd: 0.0,
            known_line_market_cap_only: false,
            min_daily_value_usd: 0.0,
            exchanges: Vec::new(),
            rank_by: RankBy::Score,
        };
        let symbol = |place: &usize| {
            universe.snapshot().symbol(universe.names()[*place].instrument).to_owned()
        };
        let places: Vec<String> = rank(&universe, &request).places.iter().map(symbol).collect();
        let lines = SYMBOLS.map(|symbol| line(symbol, -100.0 / 3.0, None));
        let mut shorts = book(&universe, &lines);
        for line in &mut shorts.lines {
            // Numbers of instruments and of texts depend on the order, and no answer has them.
            (line.name.instrument, line.name.exchange) = (InstrumentId::NONE, None);
            if let Ok(short) = &mut line.name.short {
                short.instrument = InstrumentId::NONE;
            }
        }
        format!("{places:?} {:?} {:?} {shorts:?}", scores(&universe), universe.summary())
    };
    assert_eq!(answers([0, 1, 2, 3, 4, 5]), answers([5, 3, 4, 2, 0, 1]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The score is a percentile, and orders names as short interest over float does.
    #[test]
    fn scores_rank_names_by_short_interest_over_float(seeds in seeds()) {
        let mut world = World::new();
        for (symbol, seed) in SYMBOLS.into_iter().zip(seeds) {
            add(&mut world, symbol, seed, 1.0, PriceBasis::Raw);
        }
        let universe = world.universe();
        let mut ranked: Vec<(f64, f64, f64)> = SYMBOLS
            .into_iter()
            .map(|symbol| {
                let score = universe.score(place(&universe, symbol)).unwrap();
                let ratio = name(&universe, symbol).measure(Component::ShortOfFloat).unwrap();
                (ratio, score.index, score.points)
            })
            .collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        for pair in ranked.windows(2) {
            prop_assert!(pair[0].1 <= pair[1].1 && pair[0].2 <= pair[1].2);
        }
        prop_assert!(ranked.iter().all(|(_, _, points)| (0.0..=100.0).contains(points)));
    }

    #[test]
    fn the_order_of_names_in_the_log_changes_no_score(seeds in seeds()) {
        let universe = |order: &[usize]| {
            let mut world = World::new();
            for at in order {
                add(&mut world, SYMBOLS[*at], seeds[*at], 1.0, PriceBasis::Raw);
            }
            scores(&world.universe())
        };
        prop_assert_eq!(universe(&[0, 1, 2, 3, 4, 5]), universe(&[5, 2, 0, 4, 1, 3]));
    }

    /// Prices and volumes restated for a split after the as-of date change no measure of any name.
    #[test]
    fn restating_prices_changes_no_measure(
        seeds in seeds(),
        factor in prop::sample::select(vec![0.1, 4.0, 20.0]),
    ) {
        let universe = |restated: bool| {
            let mut world = World::new();
            for (symbol, seed) in SYMBOLS.into_iter().zip(&seeds) {
                if restated {
                    let on = day("2024-03-08");
                    add(&mut world, symbol, *seed, factor, PriceBasis::SplitAdjusted { on });
                    world.split(symbol, (TODAY, "2024-03-08"), factor);
                } else {
                    add(&mut world, symbol, *seed, 1.0, PriceBasis::Raw);
                }
            }
            world.universe()
        };
        let (plain, restated) = (universe(false), universe(true));
        for symbol in SYMBOLS {
            let (a, b) = (name(&plain, symbol), name(&restated, symbol));
            for component in Component::ALL {
                let (a, b) = (a.measure(component).unwrap(), b.measure(component).unwrap());
                prop_assert!((a - b).abs() <= 1e-9 * a.abs().max(1e-3), "{component:?} {a} {b}");
            }
            let dollars = |name: &SqueezeName| {
                [name.market_cap.unwrap().usd, name.shorts_gain_since_settlement_usd().unwrap()]
            };
            for (a, b) in dollars(a).into_iter().zip(dollars(b)) {
                prop_assert!((a - b).abs() <= 1e-9 * a.abs().max(1.0), "{a} {b}");
            }
        }
    }

    /// Publications after the as-of date change no measure and no score.
    #[test]
    fn nothing_looks_ahead(seeds in seeds(), back in 1i32..15) {
        let mut world = World::new();
        for (symbol, seed) in SYMBOLS.into_iter().zip(&seeds) {
            add(&mut world, symbol, *seed, 1.0, PriceBasis::Raw);
        }
        let as_of = Instant::close_of(marketdata::calendar::plus_sessions(day(TODAY), -back));
        let before = world.universe_at(as_of);
        for symbol in SYMBOLS {
            world.settle(symbol, "2021-01-29", [9e6, 1e6, 2e6]);
        }
        let after = world.universe_at(as_of);
        prop_assert_eq!(before.names(), after.names());
        prop_assert_eq!(scores(&before), scores(&after));
        // The same market without the days after the as-of date.
        let mut short = World::new();
        short.last = as_of.new_york_day();
        for (symbol, seed) in SYMBOLS.into_iter().zip(&seeds) {
            add(&mut short, symbol, *seed, 1.0, PriceBasis::Raw);
        }
        let short = short.universe_at(as_of);
        prop_assert_eq!(short.names(), before.names());
    }
}
