//! Scenarios against what then happened, in a market whose factors and noise are known.

use crate::{
    in_memory::{at_close, folded},
    view::View,
};
use factors::roles::Role;
use marketdata::market::Market as Folded;
use risk::series::Series;
use simulation::{
    market::{Market, Parameters},
    path::total_returns,
    sample::long_megacap_short_small_cap,
};
use stats::rng::Rng;
use std::sync::{Arc, LazyLock};
use stress::{
    hypothetical::hypothetical,
    replay::replay,
    shock::{Hypothetical, Shock, Target},
};

static WORLD: LazyLock<(Market, Arc<Folded>)> = LazyLock::new(|| {
    let market = Market::new(Parameters { names: 400, days: 700, seed: 61 });
    let folded = folded(&market);
    (market, folded)
});

fn indices(sizes: &[(Role, f64)]) -> Hypothetical {
    let shock = |(role, size): &(Role, f64)| Shock {
        target: Target::Series(Series::Role(*role)),
        size: *size,
    };
    let shocks = sizes.iter().map(shock).collect();
    Hypothetical { scenario_id: "indices".to_owned(), sessions: 1, shocks }
}

/// What both indices did on a session.
fn moved(market: &Market, session: usize) -> Hypothetical {
    let growth = |levels: &[f64]| levels[session] / levels[session - 1] - 1.0;
    indices(&[
        (Role::LargeCapIndex, growth(&market.indices.large)),
        (Role::SmallCapIndex, growth(&market.indices.small)),
    ])
}

/// 40 books over the 60 sessions after a view, each session given what the two indices did: what the
/// books then made lies within the interval nine times of ten. Noise has fat tails and volatilities
/// of factors drift, so the limits are wide: .85 to .95.
#[test]
fn intervals_hold_what_happened() {
    let (market, folded) = &*WORLD;
    let last = market.rotation - 70;
    let view = View::of(&at_close(folded, market.days[last]));
    let stress = view.factors();
    let returns: Vec<Vec<f64>> =
        (0..market.names.len()).map(|name| total_returns(market, name)).collect();
    let (mut inside, mut count, mut explained, mut whole) = (0, 0, 0.0, 0.0);
    for number in 0..40 {
        let mut rng = Rng::new(61, 500 + number);
        let mut names: Vec<usize> = (0..market.names.len()).collect();
        rng.shuffle(&mut names);
        let sign = |at: usize| if at % 2 == 1 && number % 2 == 0 { -1e6 } else { 1e6 };
        let lines: Vec<(&str, f64)> = names[..30]
            .iter()
            .enumerate()
            .map(|(at, name)| (market.names[*name].symbol.as_str(), sign(at)))
            .collect();
        let book = view.book(&lines);
        for session in (last + 1..last + 61).step_by(4) {
            let report = hypothetical(&stress, &book, &[], &moved(market, session)).unwrap();
            let made: f64 = (0..30).map(|at| sign(at) * returns[names[at]][session]).sum();
            let outcome = &report.average;
            inside += usize::from(outcome.low <= made && made <= outcome.high);
            count += 1;
            explained += (made - outcome.pnl) * (made - outcome.pnl);
            whole += made * made;
        }
    }
    let share = inside as f64 / count as f64;
    assert!((0.85..0.95).contains(&share), "{share} of {count}");
    // The indices explain most of what books of 30 names make.
    assert!(explained < 0.5 * whole, "{}", explained / whole);
}

/// The crowded trade on the eve of 2024-07-11, by the published index moves of that day, against its
/// replay a day later: it loses, and most of what it loses is foreseen.
#[test]
fn the_rotation_is_foreseen_by_its_index_moves() {
    let (market, folded) = &*WORLD;
    let eve = View::of(&at_close(folded, market.days[market.rotation - 1]));
    let sample = long_megacap_short_small_cap(market);
    let priced: Vec<(&str, f64)> = sample
        .iter()
        .map(|holding| {
            let at = market.find(&holding.symbol).unwrap();
            let close = market.bars(at).close[market.rotation - 1];
            (holding.symbol.as_str(), holding.quantity * close)
        })
        .collect();
    let book = eve.book(&priced);
    let scenario =
        stress::ready::ready(&eve.factors(), stress::ready::GivenInputs { cut_probability: None });
    let published =
        scenario.into_iter().find(|row| row.scenario_id == "rotation_2024_07_11_published");
    let published = published.unwrap().scenario.unwrap();
    let foreseen = hypothetical(&eve.factors(), &book, &[], &published).unwrap();
    let after = View::of(&at_close(folded, market.days[market.rotation]));
    let day = market.rotation_on();
    let replayed = replay(&after.model, &after.roles, &after.book(&priced), &[], (day, day));
    let made = replayed.unwrap().pnl;
    let (average, (like_this, days)) = (&foreseen.average, foreseen.like_this.as_ref().unwrap());
    assert!(made < 0.0 && average.pnl < 0.0, "{made} {}", average.pnl);
    assert!(30 <= days.days.len());
    for outcome in [average, like_this] {
        let share = outcome.pnl / made;
        assert!((0.5..1.5).contains(&share), "{} of {made}", outcome.pnl);
    }
    // The published moves are many deviations out.
    assert!(3.0 < average.distance && average.probability < 0.01, "{average:?}");
}
