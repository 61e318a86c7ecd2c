//! Lines of one company: simulated ones whose own noise is known, and real ones.

use crate::{
    laws::fixture,
    real_data,
    real_equities::World,
    replay::{factor_model, models},
};
use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    instant::Instant,
    instrument::{InstrumentId, Namespace},
};
use risk::share_class::ShareClasses;
use simulation::market::{Market, Parameters};
use stats::{
    moments::{Ddof, standard_deviation},
    rng::Rng,
};

/// Names of a simulated market have a second class with the same returns and some noise besides, of
/// 0.3 % a day each. Long one and short the other has the risk of that noise.
#[test]
fn a_pair_of_simulated_classes_has_the_risk_of_their_own_noise() {
    const NOISE: f64 = 0.003;
    let market = Market::new(Parameters { names: 100, days: 300, seed: 5 });
    let last = *market.days.last().unwrap();
    let mut fixture = fixture(&market, 0..100, last);
    let pairs: Vec<(String, String)> = (40..80)
        .map(|at| &market.names[at].symbol)
        .map(|s| (s.clone(), format!("{s}.B")))
        .collect();
    for (at, (first, second)) in pairs.iter().enumerate() {
        let name = &market.names[40 + at];
        let mut rng = Rng::new(11, at as u64);
        let mut ratio = 1.0;
        let closes: Vec<(Day, f64)> = market
            .days
            .iter()
            .zip(market.bars(40 + at).close)
            .map(|(day, close)| {
                ratio *= 1.0 + NOISE * rng.normal();
                (*day, close * ratio)
            })
            .collect();
        assert_eq!(first, &name.symbol);
        fixture.closes(second, &closes);
        let key = (fixture.id(Namespace::Listed, second), InstrumentId::NONE);
        let counts = [
            (Field::SharesOutstanding, name.shares()),
            (Field::PublicFloat, name.shares() * name.float_share),
        ];
        let on = market.days[0];
        fixture.fact(Dataset::ShareCounts, key, on, Instant::close_of(on), &counts);
    }
    fixture.commit();
    let view = models(&fixture.snapshot(Instant::close_of(last)), None);
    let model = factor_model(&view);
    let mut ratios: Vec<f64> = pairs
        .iter()
        .map(|(first, second)| {
            let id = |symbol: &str| view.names.snapshot.listed(symbol).unwrap();
            let risk = model.book(&[(id(first), 1.0), (id(second), -1.0)]);
            risk.specific_variance.sqrt() / NOISE
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    // 110 effective sessions: a standard error of 7 %; the regime and the shrinkage add to it.
    println!("{:.2} {:.2} {:.2}", ratios[0], ratios[20], ratios[39]);
    assert!((0.85..1.25).contains(&ratios[20]) && ratios[36] < 1.6, "{ratios:?}");
}

/// Volatilities of pairs of classes against those of their own returns, all weighted alike here. Above
/// one, because exposures and deviations of the two are estimated each by itself, and the regime is 1.1.
#[test]
fn pairs_of_real_classes_have_the_risk_of_their_returns() {
    let Some(folder) = real_data::folder("pairs_of_real_classes_have_the_risk_of_their_returns")
    else {
        return;
    };
    let world = World::of(&folder);
    let view = models(&world.view(Day::parse_iso("2021-02-26").unwrap()), None);
    let (names, model) = (&view.names, factor_model(&view));
    for (long, short) in [("GOOG", "GOOGL"), ("FOX", "FOXA"), ("NWS", "NWSA"), ("UA", "UAA")] {
        let pair = [long, short].map(|symbol| names.snapshot.listed(symbol).unwrap());
        let own = |session, id| names.panel.own(names.anchored(id).row, session);
        let of = |session| Some(own(session, pair[0])? - own(session, pair[1])?);
        let returns: Vec<f64> = (0..names.panel.width).filter_map(of).collect();
        let realised = standard_deviation(&returns, Ddof::Sample).unwrap();
        let apart = model
            .clone()
            .with_share_classes(ShareClasses::new())
            .book(&[(pair[0], 1.0), (pair[1], -1.0)]);
        let risk = model.book(&[(pair[0], 1.0), (pair[1], -1.0)]);
        println!(
            "{long} against {short}: {:.2} times, {:.2} if they shared nothing; factors {:.2}",
            risk.volatility / realised,
            apart.volatility / realised,
            risk.factor_variance.sqrt() / realised
        );
        let ratio = risk.volatility / realised;
        assert!((0.9..2.0).contains(&ratio), "{long} {short} {ratio}");
    }
}
