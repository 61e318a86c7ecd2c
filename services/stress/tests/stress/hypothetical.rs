//! Hypothetical scenarios and likeliest losses on a book.

use crate::view::{View, near};
use factors::{roles::Role, size::SizeBucket};
use portfolio::book::Book;
use risk::{
    cross_section::{MARKET, SECTOR_PREFIX},
    factor_view::{ModelledName, Rung},
    fixture::{World, world_with},
    series::Series,
};
use std::sync::LazyLock;
use stress::{
    hypothetical::{HypotheticalReport, hypothetical},
    likely_loss::{FactorBound, LossFault, LossRequest, likely_loss},
    partition::Partition,
    replay::replay,
    reverse::NoScenario,
    shock::{Basket, Fault, Hypothetical, Shock, Target},
};

static WORLD: LazyLock<(World, View)> = LazyLock::new(|| {
    let world = world_with(200, 500, 31, |_| {});
    let view = View::of(&world.snapshot());
    (world, view)
});

const LINES: [(&str, f64); 6] = [
    ("AAPL", 5e6),
    ("MSFT", 4e6),
    ("N0050", 2e6),
    ("N0150", -3e6),
    ("N0190", -4e6),
    ("^RUT", -2e6),
];

fn scenario(shocks: &[(Target, f64)]) -> Hypothetical {
    let shock = |(target, size): &(Target, f64)| Shock { target: target.clone(), size: *size };
    Hypothetical {
        scenario_id: "own".to_owned(),
        sessions: 1,
        shocks: shocks.iter().map(shock).collect(),
    }
}

fn run(book: &Book, scenario: &Hypothetical) -> HypotheticalReport {
    hypothetical(&WORLD.1.factors(), book, &[], scenario).unwrap()
}

fn small(size: f64) -> (Target, f64) {
    (Target::Series(Series::Role(Role::SmallCapIndex)), size)
}

fn market(size: f64) -> (Target, f64) {
    (Target::Factor(MARKET.to_owned()), size)
}

#[test]
fn shocked_coordinates_move_as_asked() {
    let book = WORLD.1.book(&LINES);
    let report = run(&book, &scenario(&[market(-0.03), small(0.02)]));
    for outcome in [&report.average, &report.like_this.as_ref().unwrap().0] {
        let moved = |id: &str| outcome.coordinates.iter().find(|c| c.id == id).unwrap().moved;
        near(moved(MARKET), -0.03, 1e-12);
        near(moved("small_cap_index"), 0.02, 1e-12);
        let through: f64 = outcome.coordinates.iter().map(|c| c.pnl).sum();
        near(through + outcome.specific_pnl, outcome.pnl, 1e-6);
        near(outcome.positions.iter().sum(), outcome.pnl, 1e-6);
        assert!(0.0 < outcome.deviation && outcome.low < outcome.pnl);
    }
}

/// A book that is the shocked basket makes the shock exactly, and nothing is left open.
#[test]
fn a_book_of_the_basket_makes_the_shock() {
    let view = &WORLD.1;
    let stress = view.factors();
    let sector = view.model.sectors[2].clone();
    let members = stress.factors.instruments().iter().filter(|id| {
        view.model.sectors.get(view.model.anchored(**id).sector as usize) == Some(&sector)
    });
    let symbols: Vec<(&str, f64)> = members
        .map(|id| (view.model.snapshot().symbol(*id), view.model.size(*id).unwrap().line.usd))
        .collect();
    assert!(20 < symbols.len());
    let book = view.book(&symbols);
    let report = run(&book, &scenario(&[(Target::Sector(sector), -0.05)]));
    near(report.average.pnl / book.gross, -0.05, 1e-12);
    near(report.average.deviation / book.gross, 0.0, 1e-9);
    near(report.average.betas[0] / book.gross, 1.0, 1e-9);
    let one = view.book(&[("N0050", 1e6)]);
    let report = run(&one, &scenario(&[(Target::Name(view.id("N0050")), 0.5)]));
    near(report.average.pnl, 5e5, 1e-6);
    assert!(0.0 < report.average.specific_pnl && report.average.specific_pnl < 5e5);
}

#[test]
fn pnl_is_linear_in_shocks_and_in_books() {
    let view = &WORLD.1;
    let book = view.book(&LINES);
    let [one, other, both, twice] = [
        &[market(-0.02), small(0.0)][..],
        &[market(0.0), small(0.03)],
        &[market(-0.02), small(0.03)],
        &[market(-0.04), small(0.0)],
    ]
    .map(|shocks| run(&book, &scenario(shocks)));
    near(both.average.pnl, one.average.pnl + other.average.pnl, 1e-6);
    near(twice.average.pnl, 2.0 * one.average.pnl, 1e-6);
    near(twice.average.deviation, one.average.deviation, 1e-6);
    near(twice.average.distance, 2.0 * one.average.distance, 1e-9);
    let half: Vec<(&str, f64)> = LINES.iter().map(|(s, v)| (*s, v / 2.0)).collect();
    let halved = run(&view.book(&half), &scenario(&[market(-0.02), small(0.0)]));
    near(2.0 * halved.average.pnl, one.average.pnl, 1e-6);
    let [long, short] = [1.0, -1.0].map(|sign| {
        let kept: Vec<_> = LINES.iter().copied().filter(|(_, v)| 0.0 < sign * v).collect();
        run(&view.book(&kept), &scenario(&[market(-0.02), small(0.0)])).average.pnl
    });
    near(long + short, one.average.pnl, 1e-6);
}

/// Over four sessions the expected P&L is the same, the interval twice as wide, the distance half.
#[test]
fn sessions_widen_the_interval() {
    let book = WORLD.1.book(&LINES);
    let one = run(&book, &scenario(&[market(-0.03)]));
    let four = run(&book, &Hypothetical { sessions: 4, ..scenario(&[market(-0.03)]) });
    near(four.average.pnl, one.average.pnl, 1e-9);
    near(four.average.deviation, 2.0 * one.average.deviation, 1e-6);
    near(four.average.distance, one.average.distance / 2.0, 1e-12);
}

/// The index of small caps is not covered by the cross-section: its exposures are a regression's, and
/// what factors do not explain of it is all its own. Holding it makes the shock, up to the ridge.
#[test]
fn a_fund_moves_by_a_regression_of_its_own() {
    let view = &WORLD.1;
    let book = view.book(&[("^RUT", 1e6), ("AAPL", 3e6)]);
    let report = run(&book, &scenario(&[small(-0.04)]));
    near(report.coverage.regression, 0.25, 1e-12);
    near(report.coverage.model, 0.75, 1e-12);
    let fund = book.holdings.iter().position(|h| h.instrument == view.id("^RUT")).unwrap();
    near(report.average.positions[fund], -4e4, 100.0);
}

/// A book that is the trade makes the trade's shock: the specific returns of its lines are the trade's.
/// Its exposures are those of its lines, and the trade's are by a regression of its own, hence 6 %.
#[test]
fn the_trade_itself_loses_what_the_trade_loses() {
    let view = &WORLD.1;
    let megacaps = ["AAPL", "MSFT", "GOOGL", "AMZN", "NVDA", "META", "TSLA"];
    let ratio = view.model.drivers.crowd_ratio.unwrap();
    let mut lines: Vec<(&str, f64)> = megacaps.iter().map(|name| (*name, 1e6 / 7.0)).collect();
    lines.push(("^RUT", -1e6 * ratio));
    let book = view.book(&lines);
    let report = run(&book, &scenario(&[(Target::Series(Series::Trade), -0.03)]));
    near(report.average.pnl, -3e4, 1_800.0);
    near(report.like_this.unwrap().0.pnl, -3e4, 1_800.0);
    // Left open is less than half of the trade's own deviation. It is not nothing: specific risks are
    // those of the risk model for the next session, and ε is that of the history.
    let deviation = view.factors().trade.unwrap().standard_deviation;
    let share = report.average.deviation / (1e6 * deviation);
    assert!(share < 0.5, "{share}");
}

#[test]
fn every_fault_is_found_at_once() {
    let view = &WORLD.1;
    let book = view.book(&LINES);
    let nobody = Basket { name: "nobody".to_owned(), weights: Vec::new() };
    let shocks = [
        (Target::Factor("VALUE".to_owned()), 0.1),
        (Target::Sector("Mining".to_owned()), 0.1),
        (Target::Basket(nobody), 0.1),
        (Target::Series(Series::Role(Role::TenYear)), 10.0),
        (Target::Bucket(SizeBucket::Mega), f64::NAN),
        (Target::Name(view.id("AAPL")), -1.5),
        (Target::Series(Series::Trade), 1e300),
    ];
    let asked = Hypothetical { sessions: 0, ..scenario(&shocks) };
    let faults = hypothetical(&view.factors(), &book, &[], &asked).unwrap_err();
    let fields: Vec<String> = faults.iter().map(Fault::field).collect();
    assert_eq!(
        fields,
        [
            "sessions",
            "shocks[0].target",
            "shocks[1].target",
            "shocks[2].target",
            "shocks[3].target",
            "shocks[4].size",
            "shocks[5].size",
            "shocks[6].size",
        ]
    );
    let twice = scenario(&[market(0.01), market(0.02)]);
    let faults = hypothetical(&view.factors(), &book, &[], &twice).unwrap_err();
    assert_eq!(faults, [0, 1].map(|shock| Fault::Determined { shock }));
    let nothing = hypothetical(&view.factors(), &book, &[], &scenario(&[])).unwrap_err();
    assert_eq!(nothing, [Fault::NoShock]);
}

/// The index of a role is the line that stands for it, alone or in a basket of one; a basket that
/// differs from another by a millionth is that one; three baskets of two names have one too many.
/// Shocks that take no part are not named.
#[test]
fn shocks_of_one_thing_determine_each_other() {
    let view = &WORLD.1;
    let line = |symbol: &str| (Target::Name(view.id(symbol)), 0.1);
    let basket = |weights: &[(&str, f64)]| {
        let weights = weights.iter().map(|(symbol, weight)| (view.id(symbol), *weight)).collect();
        (Target::Basket(Basket { name: "basket".to_owned(), weights }), -0.1)
    };
    let (apple, both) = (("AAPL", 1.0), [("AAPL", 1.0), ("MSFT", 1.0)]);
    let cases = [
        (vec![small(-0.1), line("^RUT")], vec![0, 1]),
        (vec![basket(&[("^RUT", 2.0)]), line("AAPL"), small(-0.1)], vec![0, 2]),
        (vec![line("N0050"), basket(&[apple]), basket(&[apple, ("MSFT", 1e-6)])], vec![1, 2]),
        (vec![line("AAPL"), market(0.1), basket(&both), line("MSFT")], vec![0, 2, 3]),
    ];
    for (shocks, expected) in cases {
        let asked = scenario(&shocks);
        let faults = hypothetical(&view.factors(), &view.book(&LINES), &[], &asked).unwrap_err();
        let expected: Vec<Fault> =
            expected.into_iter().map(|shock| Fault::Determined { shock }).collect();
        assert_eq!(faults, expected);
    }
    let open = scenario(&[small(-0.1), line("AAPL"), basket(&both)]);
    assert!(hypothetical(&view.factors(), &view.book(&LINES), &[], &open).is_ok());
}

/// A name that nothing but its symbol is known of moves as the mean of all names, in a scenario as in a
/// replay. No shock is put on it, because it would be one of all names.
#[test]
fn a_name_that_never_had_a_price_moves_as_all_names() {
    let world = world_with(200, 300, 34, |names| {
        names[90].listed_from = 300;
        names[90].market_cap_usd = f64::NAN;
        names[90].of_unknown_kind = true;
    });
    let view = View::of(&world.snapshot());
    let stress = view.factors();
    let symbol = world.names[90].symbol.as_str();
    let unknown = stress.name(view.id(symbol)).unwrap();
    assert_eq!((unknown.rung, stress.describes(view.id(symbol))), (Rung::Peers, false));
    let every = stress.factors.instruments();
    for (at, exposure) in unknown.exposures.iter().enumerate() {
        let sum: f64 = every.iter().map(|id| stress.name(*id).unwrap().exposures[at]).sum();
        near(*exposure, sum / every.len() as f64, 1e-9);
    }
    let book = view.book(&[(symbol, 1e6), ("AAPL", 3e6)]);
    let found = hypothetical(&stress, &book, &[], &scenario(&[market(-0.02)])).unwrap();
    near(found.coverage.peers, 0.25, 1e-12);
    assert!(found.coverage.missing.abs() < 1e-12 && found.missing.is_empty(), "{found:?}");
    let at = book.holdings.iter().position(|held| held.instrument == view.id(symbol)).unwrap();
    assert!(found.average.moves[at] < -0.01, "{}", found.average.moves[at]);
    let shocked = scenario(&[(Target::Name(view.id(symbol)), -0.1)]);
    let faults = hypothetical(&stress, &book, &[], &shocked).unwrap_err();
    assert!(matches!(faults[..], [Fault::NotModelled { shock: 0, .. }]), "{faults:?}");
    let roles = World::roles();
    let day = world.days[280];
    let replayed = replay(&view.model, &roles, &book, &[], (day, day)).unwrap();
    near(replayed.coverage.factor_map, 0.25, 1e-12);
    assert!(replayed.coverage.missing.abs() < 1e-12);
}

/// A name listed on the last session has no return: it moves as the mean of the companies of its size
/// and sector, with their mean specific variance. A line of an unknown name is missing.
#[test]
fn a_name_listed_today_moves_as_its_peers() {
    let world = world_with(200, 300, 32, |names| names[90].listed_from = 299);
    let view = View::of(&world.snapshot());
    let stress = view.factors();
    let young = view.id(&world.names[90].symbol);
    let found = stress.name(young).unwrap();
    assert_eq!((stress.factors.row(young), found.rung), (None, Rung::Peers));
    let group = |id| {
        let name = view.model.anchored(id);
        (name.bucket, name.sector)
    };
    let peers: Vec<_> =
        stress.factors.instruments().iter().filter(|id| group(**id) == group(young)).collect();
    assert!(10 <= peers.len(), "{}", peers.len());
    let mean = |of: &dyn Fn(&ModelledName) -> f64| {
        let sum: f64 = peers.iter().map(|id| of(&stress.name(**id).unwrap())).sum();
        sum / peers.len() as f64
    };
    near(found.specific_variance, mean(&|name| name.specific_variance), 1e-12);
    for (at, exposure) in found.exposures.iter().enumerate() {
        near(*exposure, mean(&|name| name.exposures[at]), 1e-9);
    }
    let symbol = world.names[90].symbol.as_str();
    let book = view.book(&[(symbol, 1e6), ("AAPL", 2e6), ("NOBODY", 1e6)]);
    let report = hypothetical(&stress, &book, &[], &scenario(&[market(-0.02)])).unwrap();
    near(report.coverage.peers, 0.25, 1e-12);
    near(report.coverage.missing, 0.25, 1e-12);
    // Without a trade no day is like another.
    let alone = view.factors_by(None);
    let report = hypothetical(&alone, &book, &[], &scenario(&[market(-0.02)])).unwrap();
    assert!(report.like_this.is_none());
}

/// The same market, but all small names jump on the days on which the trade moved far: calm days
/// understate what is left open.
#[test]
fn days_like_this_one_are_wider_where_residuals_are() {
    let (_, calm) = &*WORLD;
    let book = calm.book(&LINES);
    let asked = scenario(&[(Target::Series(Series::Trade), -0.03)]);
    let report = run(&book, &asked);
    let (_, days) = report.like_this.unwrap();
    assert!(30 <= days.days.len() && (0.9..1.25).contains(&days.residual_ratio), "{days:?}");
    let wild = world_with(200, 500, 31, |names| {
        let sessions = calm.model.sessions.days();
        for name in names.iter_mut().skip(7) {
            let mut rng = stats::rng::Rng::new(4, name.symbol.len() as u64 + name.beta.to_bits());
            for day in &days.days {
                let at = sessions.binary_search(day).unwrap() + 1;
                name.jumps.push((at, 2.0 * name.residual_sd * rng.normal()));
            }
        }
    });
    let view = View::of(&wild.snapshot());
    let report = hypothetical(&view.factors(), &view.book(&LINES), &[], &asked).unwrap();
    let (outcome, days) = report.like_this.unwrap();
    assert!(1.3 < days.residual_ratio, "{}", days.residual_ratio);
    assert!(report.average.deviation < outcome.deviation);
}

#[test]
fn the_likeliest_loss_loses_it() {
    let view = &WORLD.1;
    let lines = &LINES[..5];
    let book = view.book(lines);
    let parts = Partition {
        partition_id: "sides".to_owned(),
        part_ids: ["long", "short"].map(str::to_owned).to_vec(),
        part_of: book.holdings.iter().map(|h| usize::from(h.market_value < 0.0)).collect(),
    };
    let free =
        LossRequest { loss: 4e5, sessions: 1, bounds: Vec::new(), specific_deviations: None };
    let report = likely_loss(&view.factors(), &book, std::slice::from_ref(&parts), &free).unwrap();
    let found = report.average.unwrap();
    near(found.positions.iter().map(|p| p.pnl).sum(), -4e5, 1e-6);
    near(found.partitions[0].iter().sum(), -4e5, 1e-6);
    let through: f64 = found.factors.iter().map(|f| f.pnl).sum();
    near(through + found.specific_pnl, -4e5, 1e-6);
    // Without bounds the distance is loss/σ of the factor model.
    let positions: Vec<_> = book.holdings.iter().map(|h| (h.instrument, h.market_value)).collect();
    let sigma = view.factors().factors.book(&positions).volatility;
    near(found.distance, 4e5 / sigma, 1e-9);
    assert!(found.specific_pnl < 0.0 && found.at_bound.is_empty());
    assert!(found.probability.normal < found.probability.student_4);
    // A bound costs likelihood.
    let market = found.factors.iter().find(|f| f.id == MARKET).unwrap().moved;
    let bound = FactorBound {
        factor: MARKET.to_owned(),
        low: -0.5 * market.abs(),
        high: 0.5 * market.abs(),
    };
    let boxed = LossRequest { bounds: vec![bound], specific_deviations: Some(3.0), ..free };
    let report = likely_loss(&view.factors(), &book, &[], &boxed).unwrap();
    let within = report.average.unwrap();
    near(within.positions.iter().map(|p| p.pnl).sum(), -4e5, 1e-6);
    assert_eq!(within.at_bound, [MARKET]);
    assert!(found.distance < within.distance);
    assert!(report.like_this.unwrap().0.is_ok());
}

/// A fund that holds four names, the first of which is sold against it. With v the fund's specific
/// variance and d, w those of the name and its weight, 1 of the fund and −1 of the name have the
/// specific variance v + d − 2·w·d, because w of the fund's own return is the name's.
#[test]
fn a_fund_shares_the_specific_returns_of_its_members() {
    let world = world_with(120, 500, 32, |names| {
        names[8..12].iter_mut().for_each(|name| name.in_small_cap_fund = true);
    });
    let view = View::of(&world.snapshot());
    let factors = view.factors();
    let caps: Vec<f64> = world.names[8..12].iter().map(|name| name.market_cap_usd).collect();
    let weight = caps[0] / caps.iter().sum::<f64>();
    let member = world.names[8].symbol.as_str();
    let book = view.book(&[("^RUT", 1e6), (member, -1e6)]);
    let request =
        LossRequest { loss: 1e4, sessions: 1, bounds: Vec::new(), specific_deviations: None };
    let found = likely_loss(&factors, &book, &[], &request).unwrap().average.unwrap();
    let [fund, name] = ["^RUT", member].map(|symbol| factors.name(view.id(symbol)).unwrap());
    let net: Vec<f64> =
        fund.exposures.iter().zip(&name.exposures).map(|(fund, name)| fund - name).collect();
    let (v, d) = (fund.specific_variance, name.specific_variance);
    let others: f64 = world.names[9..12]
        .iter()
        .zip(&caps[1..])
        .map(|(other, cap)| {
            let d = factors.name(view.id(&other.symbol)).unwrap().specific_variance;
            (cap / caps.iter().sum::<f64>()).powi(2) * d
        })
        .sum();
    // The fund has at least the variance of its members.
    let v = v.max(others + weight * weight * d);
    let common = factors.factors.covariance().quadratic_form(&net).unwrap();
    let sigma = 1e6 * (common + v + d - 2.0 * weight * d).sqrt();
    near(found.distance, 1e4 / sigma, 1e-9);
    near(found.positions.iter().map(|position| position.pnl).sum(), -1e4, 1e-6);
}

#[test]
fn a_request_for_a_loss_is_checked() {
    let view = &WORLD.1;
    let book = view.book(&LINES);
    let bound = |factor: &str, low: f64| FactorBound { factor: factor.to_owned(), low, high: 0.1 };
    let sector = format!("{SECTOR_PREFIX}Nowhere");
    let wrong = LossRequest {
        loss: -1.0,
        sessions: 0,
        bounds: vec![bound(MARKET, 0.05), bound(MARKET, -0.1), bound(&sector, -0.1)],
        specific_deviations: Some(f64::NAN),
    };
    let faults = likely_loss(&view.factors(), &book, &[], &wrong).unwrap_err();
    let fields: Vec<String> = faults.iter().map(LossFault::field).collect();
    assert_eq!(
        fields,
        [
            "loss",
            "sessions",
            "bounds[0]",
            "bounds[1].factor",
            "bounds[2].factor",
            "specific_deviations",
        ]
    );
    let huge = LossRequest { loss: 1e300, sessions: 1, ..wrong.clone() };
    let huge = LossRequest { bounds: Vec::new(), specific_deviations: None, ..huge };
    let report = likely_loss(&view.factors(), &book, &[], &huge).unwrap();
    assert_eq!(report.average, Err(NoScenario::Unsolved));
    // Books that are far too small for the loss, with and without a bound on specific returns.
    for (value, specific_deviations) in [(1e-300, None), (1e-300, Some(1e6)), (1e-3, Some(1e15))] {
        let tiny = view.book(&[("AAPL", value), ("MSFT", -value)]);
        let asked = LossRequest { loss: 1e6, specific_deviations, ..huge.clone() };
        let report = likely_loss(&view.factors(), &tiny, &[], &asked).unwrap();
        assert_eq!(report.average, Err(NoScenario::Unsolved), "{value}");
    }
    let every = view.factors().factors.factors().to_vec();
    let bounds = every.iter().map(|f| FactorBound { factor: f.clone(), low: 0.0, high: 0.0 });
    let still = LossRequest {
        loss: 1e6,
        sessions: 1,
        bounds: bounds.collect(),
        specific_deviations: Some(0.0),
    };
    let report = likely_loss(&view.factors(), &book, &[], &still).unwrap();
    assert_eq!(report.average, Err(NoScenario::OutOfReach { largest_loss: 0.0 }));
}
