//! Checks that the true parameters of the simulated market can be estimated from its data.

use simulation::{
    facts, files,
    market::{Market, Parameters},
    path, rotation_day, sample, short_interest,
    universe::Tier,
};
use stats::{
    moments::{self, Ddof},
    regression::{ErrorModel, least_squares},
};
use std::sync::LazyLock;

static MARKET: LazyLock<Market> =
    LazyLock::new(|| Market::new(Parameters { names: 300, days: 600, seed: 7 }));

fn change(levels: &[f64], session: usize) -> f64 {
    levels[session] / levels[session - 1] - 1.0
}

#[test]
fn equal_seeds_give_equal_bytes() {
    let parameters = Parameters { names: 100, days: 300, seed: 3 };
    let files = files::all(&Market::new(parameters));
    assert_eq!(files, files::all(&Market::new(parameters)));
    let other = files::all(&Market::new(Parameters { seed: 4, ..parameters }));
    let prices = |files: &[files::SourceFile]| {
        files.iter().find(|file| file.file_name == "simulated_equities.csv").unwrap().bytes.clone()
    };
    assert_ne!(prices(&files), prices(&other));
}

/// The moves published for 2024-07-11, to 0.02 percentage points.
#[test]
fn the_rotation_day_has_the_published_moves() {
    for seed in [1, 7, 20_240_711] {
        for names in [200, 300, 500] {
            let market = Market::new(Parameters { names, days: 320, seed });
            assert_eq!(market.rotation_on().to_string(), "2024-07-11");
            let (indices, at) = (&market.indices, market.rotation);
            let rows = [
                ("S&P 500", &indices.large, -0.009),
                ("Nasdaq Composite", &indices.nasdaq, -0.020),
                ("Dow", &indices.dow, 0.001),
                ("Russell 2000", &indices.small, 0.036),
                // -0.9 plus the 2.07 points by which the equal-weight fund was ahead.
                ("equal weight", &indices.equal, 0.0117),
            ];
            for (name, levels, published) in rows {
                let moved = change(levels, at);
                assert!((moved - published).abs() < 0.0002, "{name} {moved} seed {seed}/{names}");
            }
            check_members(&market);
        }
    }
}

fn check_members(market: &Market) {
    let at = market.rotation;
    let moved = |name: usize| change(&market.bars(name).close, at);
    let mut lost = 0.0;
    for name in market.tier(Tier::Mega) {
        assert!(moved(name) < -0.02, "{}", market.names[name].symbol);
        lost -= market.names[name].cap_usd * moved(name);
    }
    assert!(500e9 < lost && lost < 700e9, "{lost}");
    let members: Vec<usize> = (0..market.names.len())
        .filter(|name| market.names[*name].membership.is_some_and(|(a, b)| a <= at && at < b))
        .collect();
    let up = members.iter().filter(|name| 0.0 < moved(**name)).count();
    let share = up as f64 / members.len() as f64;
    assert!((share - rotation_day::SHARE_UP).abs() < 0.02, "{share}");
    // The most shorted names rose most.
    let mean =
        |names: Vec<usize>| names.iter().map(|name| moved(*name)).sum::<f64>() / names.len() as f64;
    let small = mean(market.tier(Tier::Small).collect());
    assert!(small + 0.01 < mean(market.squeezed().collect()));
}

/// Regression betas are within five standard errors of the truth, and 95 % of them within two, over
/// the days on which returns follow the model.
#[test]
fn a_regression_finds_the_true_loadings() {
    let market = &*MARKET;
    let keep: Vec<usize> =
        (1..market.days.len()).filter(|session| *session != market.rotation).collect();
    let pick = |values: &[f64]| keep.iter().map(|at| values[*at]).collect::<Vec<f64>>();
    let columns =
        [pick(&market.factors.market), pick(&market.factors.size), pick(&market.factors.megacap)];
    let (mut within, mut all) = (0, 0);
    for at in (0..market.names.len()).filter(|at| market.squeezes[*at].is_none()) {
        let name = &market.names[at];
        let own: Vec<f64> = keep.iter().map(|s| market.factors.sector[*s][name.sector]).collect();
        let y = pick(&path::total_returns(market, at));
        let x = [columns[0].as_slice(), &columns[1], &columns[2], &own];
        let fit = least_squares(&y, &x, None, ErrorModel::Classical).unwrap();
        let truths = [name.market_beta, name.size_beta, name.megacap_beta, 1.0];
        for (slope, truth) in fit.slopes.iter().zip(truths) {
            let errors = (slope.value - truth).abs() / slope.standard_error;
            assert!(errors < 5.0, "{} {slope:?} {truth}", name.symbol);
            all += 1;
            within += usize::from(errors < 2.0);
        }
        // Standard error of a standard deviation of fat-tailed noise (kurtosis 5.9): σ·√(4.9/4n).
        let error = name.noise_sd * (4.9_f64 / (4.0 * y.len() as f64)).sqrt();
        assert!((fit.residual_sd - name.noise_sd).abs() < 5.0 * error, "{}", name.symbol);
    }
    let share = f64::from(within as u32) / f64::from(all);
    assert!((0.93..0.98).contains(&share), "{share}");
}

#[test]
fn prices_agree_with_returns_and_distributions() {
    let market = &*MARKET;
    for at in [0, 5, 40, 200] {
        let (bars, truth) = (market.bars(at), path::total_returns(market, at));
        for (session, truth) in truth.iter().enumerate().skip(1) {
            let price = change(&bars.close, session);
            let total = change(&bars.adjusted_close, session);
            // Prices are rounded to 1e-6 dollars; the lowest is about one dollar.
            assert!((total - truth).abs() < 1e-5);
            assert!(((1.0 + price) * bars.distribution[session] - 1.0 - total).abs() < 1e-5);
            assert!(bars.low[session] <= bars.open[session].min(bars.close[session]));
            assert!(bars.open[session].max(bars.close[session]) <= bars.high[session]);
        }
    }
    let daily: Vec<f64> =
        (1..market.days.len()).map(|s| change(&market.indices.large, s)).collect();
    let annual = moments::standard_deviation(&daily, Ddof::Sample).unwrap() * 252_f64.sqrt();
    assert!((0.08..0.25).contains(&annual), "{annual}");
}

#[test]
fn short_interest_is_published_seven_sessions_late_in_the_units_of_its_day() {
    let market = &*MARKET;
    let settlements = short_interest::settlements(market);
    let last_known = settlements
        .iter()
        .rfind(|s| s.first_seen <= marketdata::instant::Instant::close_of(market.rotation_on()));
    // FINRA's calendar of 2024: settlement 06-28 was published on 07-10.
    assert_eq!(last_known.unwrap().on.to_string(), "2024-06-28");
    assert_eq!(last_known.unwrap().first_seen.to_string(), "2024-07-10T22:00:00Z");
    let nvda = market.find("NVDA").unwrap();
    let positions = short_interest::positions(market, nvda, &settlements);
    let (at, _) = market.names[nvda].split.unwrap();
    assert_eq!(market.days[at].to_string(), "2024-06-10");
    let before = settlements.iter().rposition(|s| s.session < at).unwrap();
    let ratio = positions[before + 1].shares_outstanding / positions[before].shares_outstanding;
    assert!((ratio - 10.0).abs() < 1e-6, "{ratio}");
    for name in
        market.squeezed().filter(|at| market.squeezes[*at].is_none_or(|s| market.rotation < s))
    {
        let positions = short_interest::positions(market, name, &settlements);
        let known = settlements.iter().position(|s| s == last_known.unwrap()).unwrap();
        let ratio = positions[known].shares_short / positions[known].public_float;
        assert!((0.15..0.8).contains(&ratio), "{ratio}");
    }
}

#[test]
fn batches_and_files_agree() {
    let market = Market::new(Parameters { names: 100, days: 300, seed: 3 });
    let batches: Vec<_> = facts::batches(&market, 40).collect();
    assert_eq!(batches.len(), 5);
    let instruments: usize = batches.iter().map(|batch| batch.instruments.len()).sum();
    assert_eq!(instruments, 100 + 22 + 3);
    let bars: usize = batches[..4].iter().map(marketdata::facts::Batch::facts).sum();
    assert_eq!(bars, 122 * 300);
    for (base, batch) in batches.iter().enumerate() {
        assert_eq!(batch.base_revision, base as u64);
    }
    let prices = files::prices(&market);
    let text = std::str::from_utf8(&prices.bytes).unwrap();
    assert_eq!(text.lines().count(), 1 + (100 + 18) * 300);
    let second = text.lines().nth(2).unwrap();
    let close: f64 = second.split(',').nth(5).unwrap().parse().unwrap();
    assert_eq!(close.to_bits(), batches[0].tables[0].columns[3][1].to_bits());
}

#[test]
fn the_sample_book_is_the_crowded_trade() {
    let book = sample::long_megacap_short_small_cap(&MARKET);
    let value = |long: bool| {
        book.iter()
            .filter(|line| (0.0 < line.quantity) == long)
            .map(|line| line.quantity * MARKET.names[MARKET.find(&line.symbol).unwrap()].price)
            .sum::<f64>()
    };
    assert!((value(true) - 100e6).abs() < 1e6, "{}", value(true));
    assert!((value(false) + 100e6).abs() < 1e6, "{}", value(false));
    assert_eq!(sample::to_csv(&book).lines().count(), book.len() + 1);
}
