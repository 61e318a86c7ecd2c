//! Back-tests: how many exceptions, how clustered, how large the losses beyond the forecast.

use stats::backtest;
use stats::shortfall_test::{ShortfallForecast, Simulation, acerbi_szekely};

use crate::close;
use crate::oracle::Oracle;

/// Methodology C7: T = 250, p = 1 %: exceptions, statistic; p-values from scipy's χ² with one
/// degree.
#[test]
fn kupiec() {
    let expected = [(0, 5.0252), (2, 0.1084), (4, 0.7691), (6, 3.5554), (10, 12.9555)];
    for (exceptions, statistic) in expected {
        let ratio = backtest::kupiec(250, exceptions, 0.01).expect("a ratio");
        close("LR", &[ratio.statistic], &[statistic], 5e-5);
    }
    let p_value = |x| backtest::kupiec(250, x, 0.01).expect("a ratio").p_value;
    // The statistics above have four decimals, so the p-values are compared to four decimals.
    close("p", &[p_value(0), p_value(6), p_value(2)], Oracle::read().get("chi2_sf"), 1e-4);
}

/// Oracle `tails`: likelihoods and χ² from scipy 1.17.1 over 500 days with clustered hits.
#[test]
fn christoffersen() {
    let o = Oracle::tails();
    let hits: Vec<bool> = o.get("hits").iter().map(|hit| *hit > 0.5).collect();
    let test = backtest::christoffersen(&hits, 0.05).expect("two days or more");
    let actual = [
        test.independence.statistic,
        test.independence.p_value,
        test.conditional_coverage.statistic,
        test.conditional_coverage.p_value,
        test.hit_after_hit.expect("hits"),
        test.hit_after_none.expect("days without a hit"),
    ];
    close("independence, conditional coverage", &actual, o.get("christoffersen"), 1e-10);
    let exceptions = hits.iter().filter(|hit| **hit).count();
    let ratio = backtest::kupiec(500, exceptions, 0.05).expect("a ratio");
    close("Kupiec", &[ratio.statistic, ratio.p_value], o.get("kupiec_500"), 1e-11);
}

/// With no hit or only hits, there is no evidence against independence; one day is not enough. A
/// hit on every other day is the clearest dependence possible.
#[test]
fn christoffersen_in_extreme_cases() {
    let independence = |hits: &[bool]| {
        backtest::christoffersen(hits, 0.05).map(|test| test.independence.statistic)
    };
    assert_eq!(independence(&[false; 50]), Some(0.0));
    assert_eq!(independence(&[true; 50]), Some(0.0));
    assert_eq!((independence(&[true]), independence(&[])), (None, None));
    let none = backtest::christoffersen(&[false; 50], 0.05).expect("two days or more");
    assert_eq!((none.hit_after_hit, none.hit_after_none), (None, Some(0.0)));
    // 49 transitions, 25 to a hit and 24 to a miss, each certain given the day before.
    let alternating: Vec<bool> = (0..50).map(|day| day % 2 == 1).collect();
    let expected = -2.0 * (25.0 * (25.0_f64 / 49.0).ln() + 24.0 * (24.0_f64 / 49.0).ln());
    close("LR", &[independence(&alternating).expect("two days or more")], &[expected], 1e-10);
}

fn forecasts(o: &Oracle) -> Vec<ShortfallForecast> {
    let (profits, tails) = (o.get("as_profits"), o.get("as_tails").chunks_exact(3));
    let risks = o.get("as_var").iter().zip(o.get("as_es"));
    let days = profits.iter().zip(tails).zip(risks);
    days.map(|((profit, tail), (value_at_risk, expected_shortfall))| ShortfallForecast {
        profit: *profit,
        value_at_risk: *value_at_risk,
        expected_shortfall: *expected_shortfall,
        tail: tail.to_vec(),
    })
    .collect()
}

/// Oracle `tails`: statistics by numpy, p-values by enumerating all 4⁹ histories.
#[test]
fn acerbi_and_szekely() {
    let o = Oracle::tails();
    let simulation = Simulation { histories: 20_000, seed: 1 };
    let test = acerbi_szekely(&forecasts(&o), 0.1, simulation).expect("valid forecasts");
    let expected = o.get("acerbi_szekely");
    let size = test.size.expect("hits");
    assert_eq!(test.exceptions, 2);
    close("Z", &[size.z, test.size_and_frequency.z], &[expected[0], expected[2]], 1e-12);
    // Four standard errors of a p-value: 4·√(c(1−c)/20,000) is at most .0142. P-values of Z₁ are
    // over the 61 % of histories with a hit.
    close("chance of Z₁", &[size.p_value], &[expected[1]], 0.0142 / 0.61_f64.sqrt());
    close("chance of Z₂", &[test.size_and_frequency.p_value], &[expected[3]], 0.0142);
    let again = acerbi_szekely(&forecasts(&o), 0.1, simulation).expect("valid forecasts");
    assert_eq!(test, again, "draws come from the seed alone");
}

/// Losses exactly as large and frequent as forecast: both statistics are zero. No hit: Z₂ is one,
/// Z₁ is missing.
#[test]
fn acerbi_and_szekely_by_hand() {
    let day = |profit| ShortfallForecast {
        profit,
        value_at_risk: 1.0,
        expected_shortfall: 2.0,
        tail: vec![-3.0, -1.5, -1.5],
    };
    let simulation = Simulation { histories: 200, seed: 7 };
    // Ten days at 10 %: one hit is expected, with a loss of 2.
    let mut days = vec![day(0.5); 10];
    days[3] = day(-2.0);
    let exact = acerbi_szekely(&days, 0.1, simulation).expect("valid forecasts");
    assert_eq!((exact.size.map(|s| s.z), exact.size_and_frequency.z), (Some(0.0), 0.0));
    // A loss equal to the value at risk is not a hit.
    days[3] = day(-1.0);
    let none = acerbi_szekely(&days, 0.1, simulation).expect("valid forecasts");
    assert_eq!((none.exceptions, none.size, none.size_and_frequency.z), (0, None, 1.0));
    close("chance", &[none.size_and_frequency.p_value], &[1.0], 0.0);
    for broken in [
        ShortfallForecast { expected_shortfall: 0.0, ..day(0.0) },
        ShortfallForecast { tail: Vec::new(), ..day(0.0) },
        ShortfallForecast { profit: f64::NAN, ..day(0.0) },
    ] {
        assert_eq!(acerbi_szekely(&[broken], 0.1, simulation), None);
    }
    assert_eq!(acerbi_szekely(&[], 0.1, simulation), None);
    assert_eq!(acerbi_szekely(&days, 0.0, simulation), None);
}

/// Oracle `parametric`: the first yellow and the first red count by scipy's binomial distribution; for
/// 250 days at 99 % those of the Basel Committee (1996), 5 and 10.
#[test]
fn traffic_light() {
    use backtest::{Zone, traffic_light};
    let rows = Oracle::parametric();
    for row in rows.get("zones").chunks(4) {
        let [days, p, yellow, red] = *row else { panic!("four columns") };
        let zone = |count: f64| traffic_light(days as usize, count as usize, p).expect("a zone");
        let zones = [yellow - 1.0, yellow, red - 1.0, red].map(zone);
        let expected = [Zone::Green, Zone::Yellow, Zone::Yellow, Zone::Red];
        assert_eq!(zones, expected, "{row:?}");
    }
    assert_eq!(traffic_light(250, 10, 0.01), Some(Zone::Red));
    assert_eq!(traffic_light(250, 5, 0.01), Some(Zone::Yellow));
    assert_eq!(traffic_light(250, 4, 0.01), Some(Zone::Green));
    assert_eq!((traffic_light(0, 0, 0.01), traffic_light(5, 6, 0.01)), (None, None));
}
