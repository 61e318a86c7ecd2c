//! Companies of unknown size: their betas are shrunk to the mean of all names, and a gap reports
//! it.

use crate::*;
use marketdata::gap::{FactorEstimate, Subject};

/// The last of 60 names: 70 sessions at 20 % per day, with no known market value.
const NOISY: usize = 59;

fn noisy_world(seed: u64) -> World {
    world_with(60, 600, seed, |names| {
        names[NOISY].market_cap_usd = f64::NAN;
        names[NOISY].residual_sd = 0.2;
        names[NOISY].listed_from = 529;
    })
}

#[test]
fn a_name_of_unknown_size_is_shrunk_to_the_mean_of_all_names() {
    let world = noisy_world(31);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines: Vec<(String, f64)> =
        world.names.iter().map(|name| (name.symbol.clone(), 1e5)).collect();
    let report = report(&prepared, &raw(&lines));
    let market = |row: &PositionRow| row.market.unwrap().own.unwrap();
    let before = month_before(&world, &raw(&lines));
    let all: Vec<(f64, f64)> =
        before.positions.iter().map(|row| own_market(&before, &row.symbol)).collect();
    assert_eq!(all.len(), 60);
    let (mean, variance) = truth::prior(&all);
    let row = report.positions.iter().find(|row| row.symbol == world.names[NOISY].symbol).unwrap();
    assert_eq!(row.bucket, None);
    let (beta, own) = (row.market.unwrap(), market(row));
    let weight = variance / (variance + own.standard_error * own.standard_error);
    near(beta.own_weight, weight, 1e-9);
    near(beta.value, weight * own.value + (1.0 - weight) * mean, 1e-9);
    // An error of about 2 against a spread of .3.
    assert!(beta.own_weight < 0.1, "{beta:?}");
    // 60 names in five buckets of unequal size: some buckets have fewer than ten, and share the
    // gap.
    let gap =
        report.gaps.iter().find(|gap| gap.subject == betas(FactorEstimate::BottomUp)).unwrap();
    assert_eq!(gap.reason, GapReason::Proxy);
    assert!(gap.detail.contains("mean of all names"), "{gap:?}");
}

/// A short whose noisy crowd beta has the wrong sign must not look like a hedge of the trade.
#[test]
fn a_noisy_short_of_unknown_size_does_not_lower_the_books_trade_beta() {
    // Small caps lose when the crowd gains: their mean crowd beta is negative, so a short increases
    // the book's. In half of the worlds the noise has the opposite sign.
    let mut wrong = 0;
    for seed in 40..46 {
        let world = noisy_world(seed);
        let prepared = prepare(&world.snapshot(), &World::roles());
        let short = world.names[NOISY].symbol.clone();
        let report = report(&prepared, &[worth("MSFT", 1e6), worth(&short, -1e6)]);
        let crowd = |symbol: &str| {
            report.positions.iter().find(|row| row.symbol == symbol).unwrap().crowd.unwrap()
        };
        if 0.0 < crowd(&short).own.unwrap().value {
            wrong += 1;
            assert!(crowd(&short).value < 0.0, "seed {seed}: {:?}", crowd(&short));
            let book = trade(&report).beta.bottom_up.unwrap().value;
            assert!(1e6 * crowd("MSFT").value < book, "seed {seed}: the short is a hedge");
        }
        let gap =
            report.gaps.iter().find(|gap| gap.subject == betas(FactorEstimate::BottomUp)).unwrap();
        // MSFT's bucket has at least ten names, so the gap concerns only the short.
        near(gap.gross_share.unwrap(), 0.5, 1e-12);
    }
    assert!(0 < wrong, "in no world does the noise have the wrong sign: the test has no effect");
}

/// Funds and indices are not companies: their own estimates are used, and they cause no such gap.
#[test]
fn indices_and_funds_are_not_shrunk_to_companies() {
    let world = noisy_world(31);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let report = report(&prepared, &[worth("^RUT", -1e6), worth("MSFT", 1e6)]);
    let row = report.positions.iter().find(|row| row.symbol == "^RUT").unwrap();
    for beta in [row.market.unwrap(), row.crowd.unwrap()] {
        near(beta.own_weight, 1.0, 0.0);
        assert_eq!(beta.value.to_bits(), beta.own.unwrap().value.to_bits());
    }
    assert!(
        !report.gaps.iter().any(|gap| gap.subject == betas(FactorEstimate::BottomUp)),
        "{:?}",
        report.gaps
    );
}

/// Without shrinkage each estimate is used as it is, and a mean is used only for names without one.
#[test]
fn without_shrinkage_an_unknown_size_changes_nothing() {
    let world = noisy_world(31);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let plain = BetaSettings { shrinkage: Shrinkage::None, ..BetaSettings::PREPARED };
    let lines = [worth(&world.names[NOISY].symbol, -1e6)];
    let report = report_with(&prepared, &lines, plain, &[]);
    let beta = report.positions[0].market.unwrap();
    assert_eq!(beta.value.to_bits(), beta.own.unwrap().value.to_bits());
    assert!(!report.gaps.iter().any(|gap| gap.detail.contains("mean of all names")));
}

/// A line that may be a fund does not enter priors, is shrunk to one, and is in no leg because of
/// its size.
#[test]
fn lines_of_unknown_kind_affect_no_other_betas() {
    let rows = |beta: f64| {
        let world = world_with(200, 500, 33, |names| {
            for name in names.iter_mut().skip(9).step_by(2) {
                (name.of_unknown_kind, name.beta) = (true, beta);
            }
        });
        let prepared = prepare(&world.snapshot(), &World::roles());
        let lines = ["N0100", "N0198", "N0199"].map(|symbol| worth(symbol, -1e6));
        report(&prepared, &lines).positions
    };
    let (usual, wild) = (rows(1.0), rows(5.0));
    let find = |rows: &[PositionRow], symbol: &str| {
        rows.iter().find(|row| row.symbol == symbol).unwrap().clone()
    };
    for symbol in ["N0100", "N0198"] {
        assert_eq!(find(&usual, symbol).market, find(&wild, symbol).market, "{symbol}");
    }
    assert_eq!(find(&wild, "N0198").legs, [Some(SMALL_CAP_SHORT)]);
    let unknown = find(&wild, "N0199");
    assert!(unknown.market.unwrap().own_weight < 1.0 && unknown.bucket.is_some());
    assert_eq!(unknown.legs, [None]);
}

/// Indices do not enter the priors of companies, even if there are too few companies for a prior.
#[test]
fn funds_never_make_the_mean_of_all_names() {
    let world = world_with(40, 500, 34, |names| {
        for (at, name) in names.iter_mut().enumerate().skip(9) {
            name.symbol = format!("^I{at:02}");
        }
        names[8].listed_from = 470;
        names[39].listed_from = 470;
    });
    let prepared = prepare(&world.snapshot(), &World::roles());
    let company = world.names[8].symbol.clone();
    let report = report(&prepared, &[worth(&company, 1e6)]);
    assert_eq!(report.positions[0].market, None);
    assert!(report.beta(Factor::Market).unwrap().bottom_up.is_none());
}

#[test]
fn a_fund_without_an_estimate_is_not_reported_as_of_unknown_size() {
    let world = world_with(60, 500, 35, |names| {
        (names[59].symbol, names[59].listed_from) = ("^YNG".to_owned(), 470);
    });
    let prepared = prepare(&world.snapshot(), &World::roles());
    let report = report(&prepared, &[worth("^YNG", 1e6)]);
    let subjects: Vec<_> = report.gaps.iter().map(|gap| &gap.subject).collect();
    assert!(!subjects.contains(&&betas(FactorEstimate::BottomUp)), "{subjects:?}");
    assert!(subjects.contains(&&Subject::symbol("^YNG")), "{subjects:?}");
    assert!(report.gaps.iter().any(|gap| gap.detail.contains("the mean of all names is used")));
}

/// A constant price has no certain beta of zero: it has no estimate of its own, and does not affect
/// other names.
#[test]
fn a_constant_price_has_no_beta_of_its_own() {
    let world = world_with(60, 500, 37, |names| {
        let still = &mut names[NOISY];
        (still.beta, still.size_beta, still.residual_sd) = (0.0, 0.0, 0.0);
        still.jumps = vec![(450, 0.1), (470, -0.05)];
        still.market_cap_usd = f64::NAN;
    });
    let prepared = prepare(&world.snapshot(), &World::roles());
    let symbol = &world.names[NOISY].symbol;
    let report = report(&prepared, &[worth(symbol, -1e6), worth("MSFT", 1e6)]);
    let row = report.positions.iter().find(|row| row.symbol == *symbol).unwrap();
    for beta in [row.market.unwrap(), row.crowd.unwrap()] {
        assert_eq!((beta.own, beta.own_weight.to_bits()), (None, 0.0_f64.to_bits()));
        assert!(0.0 < beta.standard_error);
    }
    let gap = report.gaps.iter().find(|gap| gap.subject == Subject::symbol(symbol)).unwrap();
    assert_eq!(gap.reason, GapReason::Degenerate);
}
