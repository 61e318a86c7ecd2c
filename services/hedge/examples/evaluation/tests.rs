//! What the table of `HEDGE_EVALUATION.md` shows, and that hedges know the past only.

use crate::{
    files::{Returns, SHORTS},
    real_files,
    study::{Method, Study, WINDOW},
};
use stats::rng::Rng;

/// Returns of a market and a size factor with noise; every line has its own betas.
fn simulated(sessions: usize) -> Returns {
    let mut rng = Rng::new(83, 0);
    let mut lines = vec![Vec::new(); 10];
    for _ in 0..sessions {
        let (market, size) = (0.01 * rng.normal(), 0.006 * rng.normal());
        for (at, line) in lines.iter_mut().enumerate() {
            let (noise, tilt) = match at {
                7 => (0.0, 0.0),
                8 => (0.001, 1.0),
                9 => (0.001, -0.5),
                _ => (0.012, -0.6),
            };
            line.push(market + tilt * size + noise * rng.normal());
        }
    }
    let days = (0..sessions).map(|at| format!("{at:05}")).collect();
    Returns { short: "IWM", days, lines, stand_ins: vec![0; sessions] }
}

/// What happens on a session and later changes none of its hedges.
#[test]
fn a_hedge_knows_the_past_only() {
    let whole = simulated(WINDOW + 30);
    let mut changed = whole.clone();
    let day = WINDOW + 20;
    for line in &mut changed.lines {
        line[day..].iter_mut().for_each(|r| *r = -2.0 * *r + 0.01);
    }
    for method in Method::ALL.into_iter().filter(|method| *method != Method::Fixed) {
        let of = |returns: &Returns| Study::of(returns, method, WINDOW).unwrap().hedges;
        assert_eq!(of(&whole)[..=20], of(&changed)[..=20], "{method:?}");
        // One session alone may move a plan by less than it costs to trade.
        assert_ne!(of(&whole)[21..], of(&changed)[21..], "{method:?}");
    }
}

/// Long −0.6 of size, short 1 of it: IWM less QQQ has 1.5, so 1.6/1.5 of it takes all of size away.
#[test]
fn a_known_hedge_is_found() {
    let returns = simulated(WINDOW + 260);
    let study = Study::of(&returns, Method::Both, WINDOW).unwrap();
    let last = study.hedges.last().unwrap();
    assert!((last[1] - 16.0 / 15.0).abs() < 0.15, "{last:?}");
    assert!((last[2] + 16.0 / 15.0).abs() < 0.15, "{last:?}");
    // Var of size 2.56·0.36e-4, of noise 1.44e-4/7 and 1e-6: 0.805.
    let found = study.out_of_sample().unwrap();
    assert!(found.low < 0.805 && 0.75 < found.value, "{found:?}");
}

/// What numpy finds for one book: its short leg, number of large days, and for each method the cut, that
/// of large days, what it made a year, the session on which it cost most and how much.
type Found = (&'static str, usize, [(Method, f64, f64, f64, &'static str, f64); 5]);

/// The printed numbers of `tests/oracles/hedge_evaluation.py` with numpy 2.4.6 and pandas 3.1.1.
const NUMPY: [Found; 2] = [
    (
        "IWM",
        135,
        [
            (Method::Spy, 0.0172, 0.0443, -0.0019, "2018-12-26", -0.0263),
            (Method::Fixed, 0.7072, 0.7851, -0.0756, "2020-03-18", -0.0471),
            (Method::DollarNeutral, 0.7207, 0.8232, -0.0938, "2020-03-18", -0.0527),
            (Method::Both, 0.7416, 0.8415, -0.1204, "2020-11-04", -0.0546),
            (Method::Weighted, 0.7436, 0.8420, -0.1232, "2020-11-04", -0.0565),
        ],
    ),
    (
        "KRE",
        134,
        [
            (Method::Spy, 0.0119, 0.0277, 0.0139, "2018-12-26", -0.0319),
            (Method::Fixed, 0.4836, 0.5637, -0.0756, "2020-03-18", -0.0471),
            (Method::DollarNeutral, 0.5702, 0.7275, -0.1066, "2020-11-04", -0.0766),
            (Method::Both, 0.5786, 0.7365, -0.1329, "2020-11-04", -0.0765),
            (Method::Weighted, 0.5846, 0.7437, -0.1328, "2020-11-04", -0.0812),
        ],
    ),
];

#[test]
fn least_squares_on_real_files_are_those_of_numpy() {
    let Some(folder) = real_files::folder("least_squares_on_real_files") else { return };
    for (short, large_days, methods) in NUMPY {
        let returns = Returns::read(&folder, short).unwrap();
        let first = returns.first_of("2013");
        assert_eq!(returns.days.len() - first, 2139);
        assert!((returns.stand_in_share(first - WINDOW) - 0.0029).abs() < 5e-5);
        for (method, cut, large, made, worst, cost) in methods {
            let study = Study::of(&returns, method, first).unwrap();
            let near = |value: f64, expected: f64| {
                let found = format!("{short} {method:?}: {value} is not {expected}");
                assert!((value - expected).abs() < 1e-4, "{found}");
            };
            near(study.out_of_sample().unwrap().value, cut);
            let (found, days) = study.large_days();
            near(found, large);
            assert_eq!(days, large_days, "{short}");
            near(study.made_a_year(), made);
            let at = study.worst();
            assert_eq!(returns.days[first + at], worst, "{short} {method:?}");
            near(study.after[at] - study.before[at], cost);
        }
    }
}

/// Every line that the program prints is on the page.
#[test]
fn the_page_shows_what_the_program_prints() {
    let Some(folder) = real_files::folder("the_page_shows_what_the_program_prints") else { return };
    let page = include_str!("../../../../HEDGE_EVALUATION.md");
    for short in SHORTS {
        let text = crate::tables(&folder, short).unwrap();
        for line in text.lines() {
            assert!(page.lines().any(|of_page| of_page == line), "not on the page: {line}");
        }
    }
}

/// Costs make a plan trade less than least squares do, and it takes away about as much.
#[test]
fn a_plan_on_real_files_trades_less_for_as_much() {
    let Some(folder) = real_files::folder("a_plan_on_real_files") else { return };
    // A sixth, and more than a quarter, as the page says.
    for (short, (least, most)) in SHORTS.into_iter().zip([(0.155, 0.18), (0.25, 0.33)]) {
        let returns = Returns::read(&folder, short).unwrap();
        let first = returns.first_of("2013");
        let of = |method| Study::of(&returns, method, first).unwrap();
        let [squares, plan] = [Method::Both, Method::Variance].map(of);
        let share = plan.turnover_a_session() / squares.turnover_a_session();
        assert!((least..most).contains(&share), "{short}: {share}");
        let cut = |study: &Study| study.out_of_sample().unwrap().value;
        assert!(cut(&squares) - 0.02 < cut(&plan), "{} {}", cut(&squares), cut(&plan));
    }
}
