//! Real files: what 1,900 names do on days on which a fund of small caps, or the trade, moves far,
//! foreseen from their move by the model of the month's end before, January to March 2021.
//!
//! The names are those alive in March 2024, so squeezed names that failed are missing. What the fund
//! holds is its list of September 2024 at the market values of the time, a stand-in.

use crate::{real_data, real_equities::World, real_funds, view::View};
use factors::roles::Role;
use flate2::read::GzDecoder;
use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    instant::Instant,
    instrument::{InstrumentId, Namespace},
};
use risk::series::Series;
use stats::rng::Rng;
use std::{collections::BTreeMap, io::Read, path::Path};
use stress::{
    hypothetical::hypothetical,
    shock::{Hypothetical, Shock, Target},
};

/// Far: 1.5 %.
const FAR: f64 = 0.015;
const BOOKS: usize = 40;

/// The last day of each month from December 2020 on.
fn month_ends(world: &World) -> Vec<Day> {
    let month = |at: usize| world.days.get(at).map(|day| day.ymd().1);
    let is_end = |at: &usize| month(*at) != month(at + 1);
    let ends = (0..world.days.len()).filter(is_end).map(|at| world.days[at]);
    ends.filter(|day| Day::from_ymd(2020, 12, 1).unwrap() <= *day).collect()
}

#[expect(clippy::disallowed_methods, reason = "a test of real files reads them")]
fn listed(folder: &Path) -> Vec<String> {
    let bytes = std::fs::read(folder.join("universe/IWM_holdings_2024-09-27.csv.gz")).unwrap();
    let mut text = String::new();
    GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    text.lines().skip(1).filter_map(|line| Some(line.split('"').nth(1)?.to_owned())).collect()
}

/// Adds what the fund holds at a close.
fn hold(world: &mut World, symbols: &[String], on: Day) {
    let view = View::of(&world.view(on));
    let value = |symbol: &String| {
        let id = view.model.snapshot().listed(symbol)?;
        Some((symbol.clone(), view.model.size(id)?.line.usd))
    };
    let held: BTreeMap<String, f64> = symbols.iter().filter_map(value).collect();
    let all: f64 = held.values().sum();
    let fund = world.fixture.id(Namespace::Listed, "IWM");
    for (symbol, usd) in held {
        let key = (world.fixture.id(Namespace::Listed, &symbol), fund);
        let weight = [(Field::Weight, usd / all)];
        world.fixture.fact(Dataset::Holdings, key, on, Instant::close_of(on), &weight);
    }
    world.fixture.commit();
}

/// Expected return by name per unit of a target's move.
fn betas(view: &View, names: &[InstrumentId], target: Target) -> Vec<f64> {
    let lines: Vec<(&str, f64)> =
        names.iter().map(|id| (view.model.snapshot().symbol(*id), 1.0)).collect();
    let book = view.book(&lines);
    let scenario = Hypothetical {
        scenario_id: "own".to_owned(),
        sessions: 1,
        shocks: vec![Shock { target, size: 0.01 }],
    };
    let report = hypothetical(&view.factors(), &book, &[], &scenario).unwrap();
    let positions = book.holdings.iter().zip(&report.average.positions);
    let by_name: BTreeMap<InstrumentId, f64> =
        positions.map(|(holding, pnl)| (holding.instrument, pnl / 0.01)).collect();
    names.iter().map(|id| by_name[id]).collect()
}

/// Sums over days: what is left of squared returns of names and of books of about 60 names.
struct Score {
    days: usize,
    names: [f64; 2],
    books: [f64; 2],
}

impl Score {
    fn add(&mut self, day: usize, pairs: &[(f64, f64)]) {
        self.days += 1;
        let add = |sums: &mut [f64; 2], made: f64, foreseen: f64| {
            sums[0] += (made - foreseen) * (made - foreseen);
            sums[1] += made * made;
        };
        pairs.iter().for_each(|(made, foreseen)| add(&mut self.names, *made, *foreseen));
        for book in 0..BOOKS {
            let mut rng = Rng::new(5, (day * BOOKS + book) as u64);
            let (mut made, mut foreseen) = (0.0, 0.0);
            for pair in pairs {
                let (is_held, is_short) = (rng.uniform() < 0.03, rng.uniform() < 0.5);
                let sign = if book % 2 == 0 && is_short { -1.0 } else { 1.0 };
                if is_held {
                    (made, foreseen) = (made + sign * pair.0, foreseen + sign * pair.1);
                }
            }
            add(&mut self.books, made, foreseen);
        }
    }

    fn left(&self) -> [f64; 2] {
        [self.names, self.books].map(|[left, all]| left / all)
    }
}

fn score(world: &World, series: Series, line: Option<&str>) -> Score {
    let (ends, last) = (month_ends(world), View::of(&world.view(*world.days.last().unwrap())));
    let after = last.factors();
    let mut score = Score { days: 0, names: [0.0; 2], books: [0.0; 2] };
    for pair in ends.windows(2) {
        let view = View::of(&world.view(pair[0]));
        let names = view.factors().factors.instruments().to_vec();
        let betas_of = |target| betas(&view, &names, target);
        let foreseen = betas_of(Target::Series(series));
        if let Some(symbol) = line {
            assert_eq!(foreseen, betas_of(Target::Name(view.id(symbol))));
        }
        let own: Vec<_> = names.iter().map(|id| after.own_returns(*id)).collect();
        let moved = after.moves(series).unwrap();
        for (at, day) in after.risk.sessions.days()[after.first..].iter().enumerate() {
            if *day <= pair[0] || pair[1] < *day || moved[at].abs() < FAR {
                continue;
            }
            let of_name = |(own, beta): (&Option<Vec<f64>>, &f64)| {
                let made = own.as_ref()?[at];
                made.is_finite().then_some((made, beta * moved[at]))
            };
            let pairs: Vec<(f64, f64)> = own.iter().zip(&foreseen).filter_map(of_name).collect();
            score.add(at, &pairs);
        }
    }
    score
}

/// A role and its line foresee the same for every name, whether or not the fund's holdings are known.
#[test]
fn names_follow_a_fund_and_the_trade_as_foreseen() {
    let Some(folder) = real_data::folder("names_follow_a_fund") else { return };
    let mut world = real_funds::world(&folder);
    let small = Series::Role(Role::SmallCapIndex);
    let show = |what: &str, score: &Score, limits: [f64; 2]| {
        let left = score.left();
        println!(
            "{what}: {} days, left of names {:.4}, of books {:.4}",
            score.days, left[0], left[1]
        );
        assert!(25 <= score.days && left[0] < limits[0] && left[1] < limits[1], "{what} {left:?}");
    };
    show("the trade", &score(&world, Series::Trade, None), [0.9, 0.6]);
    show("the fund", &score(&world, small, Some("IWM")), [0.85, 0.2]);
    let symbols = listed(&folder);
    for end in month_ends(&world) {
        hold(&mut world, &symbols, end);
    }
    show("the fund with holdings", &score(&world, small, Some("IWM")), [0.85, 0.2]);
}
