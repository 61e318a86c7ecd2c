//! Benches the joint loss of a short book of 200 names: 100,000 paths (target: at most 0.5 s on one
//! thread), twice as many, and two threads.
//!
//! Before criterion's wall times it prints processor times (Linux), which other busy processes change
//! less: those of all threads together, and that of the busiest one. On cores of their own the busiest
//! thread is what a caller waits for.
//!
//! `tests/oracles/joint_squeeze.py` simulates the same book in numpy, with the same contributions. It runs
//! right after our processor times, so that the ratio is of one machine and hour, if `NUMPY_PYTHON` names
//! a Python with numpy and scipy:
//!
//! ```sh
//! NUMPY_PYTHON=python cargo bench -p squeeze --bench joint
//! ```

#![expect(clippy::unwrap_used, reason = "a book made for a bench is lawful")]

use criterion::{Criterion, criterion_group, criterion_main};
use marketdata::{
    fixture::{Fixture, day},
    instant::Instant,
    instrument::Namespace,
    quotes::Quotes,
};
use portfolio::{
    book::Book,
    convexity::Convexity,
    derivative::{Kind, RawModel, RawOption, RawSensitivity},
    lines::{RawLine, Size, Terms},
    lookup::Lookup,
    option::Right,
};
use squeeze::{
    deleveraging::Holders,
    joint::{
        Crowd, JointModel, Short, Simulation,
        copula::Copula,
        jump::{Excess, Jump},
    },
};
use std::{collections::BTreeMap, hint::black_box};

#[path = "../../../tests/support/python.rs"]
mod python;

/// The book of the script. It is not bought back, as in the script.
fn shorts() -> Vec<Short> {
    let short = |at: usize| Short {
        symbol: format!("N{at:03}"),
        value: 1e6 * (1 + at % 7) as f64,
        options: Convexity::NONE,
        left: Vec::new(),
        crowd_value: 1e7 * (1 + at % 3) as f64,
        probability: 0.005 * (1 + at % 10) as f64,
        jump: Jump {
            threshold: 0.15 + 0.02 * (at % 5) as f64,
            daily_volatility: 0.02 + 0.005 * (at % 4) as f64,
            days_to_cover: (at % 9) as f64,
        },
    };
    (0..200).map(short).collect()
}

/// The same book with five stages of buying back, as requests have by default.
fn bought_back() -> Vec<Short> {
    let left = |short: Short| Short { left: vec![0.9, 0.8, 0.5, 0.2, 0.0], ..short };
    shorts().into_iter().map(left).collect()
}

/// The same book with options of known terms in every fourth name: a written call and a bought put of
/// about a tenth of its value, which are valued anew at every jump.
fn with_options() -> Vec<Short> {
    let (mut fixture, on) = (Fixture::new(), day("2021-01-27"));
    let symbols: Vec<String> = (0..200).step_by(4).map(|at| format!("N{at:03}")).collect();
    for symbol in &symbols {
        let _ = fixture.id(Namespace::Listed, symbol);
        fixture.closes(symbol, &[(on, 12.0)]);
    }
    fixture.commit();
    let snapshot = fixture.snapshot(Instant::close_of(on));
    let option = |(at, right, shares): (usize, Right, f64)| {
        let model = RawModel {
            right: Some(right),
            strike: Some(11.0 + 0.5 * (at % 7) as f64),
            expires_on: "2021-06-16",
            volatility: Some(0.35 + 0.05 * (at % 9) as f64),
            rate: Some(0.01),
            dividend_yield: Some(0.0),
        };
        let sensitivity = Some(RawSensitivity::Model(model));
        let kind = Kind::Option(RawOption { multiplier: Some(1.0), sensitivity });
        RawLine { kind, ..RawLine::of(&symbols[at], Size::Shares(shares)) }
    };
    let pair = |at: usize| {
        let shares = 1e4 * (1 + at % 7) as f64;
        [option((at, Right::Call, -shares)), option((at, Right::Put, shares))]
    };
    let lines: Vec<RawLine<'_>> = (0..symbols.len()).flat_map(pair).collect();
    let (lookup, quotes) = (Lookup::of(&snapshot), Quotes::of(&snapshot));
    let book = Book::join(lines.iter().copied(), &Terms::NONE, &lookup, &quotes).unwrap();
    let mut shorts = shorts();
    for held in &book.holdings {
        let symbol = snapshot.symbol(held.instrument);
        let short = shorts.iter_mut().find(|short| short.symbol == symbol).unwrap();
        short.options = Convexity::of(&book, book.lots(held));
        short.value -= held.market_value;
    }
    shorts
}

fn model(shorts: Vec<Short>, crowd: Option<Crowd>, copula: Copula, paths: usize) -> JointModel {
    let excess = Excess { scale: 0.2, shape: 0.25 };
    let (correlation, cap, seed) = (0.3, 10.0, 1);
    let simulation = Simulation { copula, correlation, excess, cap, pairs: paths / 2, seed };
    JointModel::new(shorts, crowd, simulation, &|| false).unwrap()
}

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("joint loss of 200 shorts");
    group.sample_size(10);
    // A loop gain of 0.48; the crowd's longs are as large as its shorts.
    let holders = Holders::new(4e9, 4.0, 0.16 / 4e9).unwrap();
    let crowd = Some(Crowd { holders, own_longs: 1e9 });
    let (gauss, t4) = (Copula::Gaussian, Copula::StudentT4);
    for (name, model, threads) in [
        ("100,000 paths, 1 thread", model(shorts(), None, gauss, 100_000), 1),
        ("200,000 paths, 1 thread", model(shorts(), None, gauss, 200_000), 1),
        ("100,000 paths, 2 threads", model(shorts(), None, gauss, 100_000), 2),
        ("100,000 paths, t copula, 1 thread", model(shorts(), None, t4, 100_000), 1),
        (
            "100,000 paths, options in 50 names, 1 thread",
            model(with_options(), None, gauss, 100_000),
            1,
        ),
        (
            "100,000 paths, exits and crowd, 1 thread",
            model(bought_back(), crowd, gauss, 100_000),
            1,
        ),
    ] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let run = || black_box(&model).simulate(&[0.95, 0.99], &|| false);
        group.bench_function(name, |bencher| bencher.iter(|| pool.install(run)));
    }
    group.finish();
}

/// Runs of a measurement of processor time.
const RUNS: u32 = 5;

/// Nanoseconds that each thread of this process has run.
fn run_times() -> BTreeMap<String, u64> {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let time = |task: std::fs::DirEntry| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        let spent = text.split(' ').next()?.parse().ok()?;
        Some((task.file_name().to_string_lossy().into_owned(), spent))
    };
    tasks.filter_map(time).collect()
}

/// What each thread has run since. A thread that has ended in between counts for nothing.
fn spent_since(before: &BTreeMap<String, u64>) -> Vec<u64> {
    let after = run_times();
    after.iter().map(|(task, time)| time - before.get(task).copied().unwrap_or(0)).collect()
}

/// Seconds of processor time per run: of all threads, and of the busiest one.
fn processor_seconds(model: &JointModel, threads: usize) -> [f64; 2] {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let run = || black_box(model).simulate(&[0.95, 0.99], &|| false);
    let _ = pool.install(run);
    let before = run_times();
    for _ in 0..RUNS {
        let _ = black_box(pool.install(run));
    }
    let spent = spent_since(&before);
    let seconds = |nanoseconds: u64| nanoseconds as f64 / 1e9 / f64::from(RUNS);
    [seconds(spent.iter().sum()), seconds(spent.iter().copied().max().unwrap_or(0))]
}

fn script(_criterion: &mut Criterion) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/oracles/joint_squeeze.py");
    python::run_beside("NUMPY_PYTHON", script, &["time"]).unwrap();
}

#[expect(clippy::print_stdout, reason = "a bench says what it measured")]
fn processor_times(_criterion: &mut Criterion) {
    for (paths, threads) in [(100_000, 1), (200_000, 1), (400_000, 1), (100_000, 2), (400_000, 2)] {
        let model = model(shorts(), None, Copula::Gaussian, paths);
        let [all, busiest] = processor_seconds(&model, threads);
        println!(
            "{paths} paths, {threads} threads: {all:.3} s of processor time, {busiest:.3} s of the \
             busiest thread"
        );
    }
    let shorts = with_options();
    let before = run_times();
    for _ in 0..RUNS {
        let _ = black_box(model(shorts.clone(), None, Copula::Gaussian, 100_000));
    }
    let priced = spent_since(&before).iter().sum::<u64>() as f64 / 1e9 / f64::from(RUNS);
    let [all, _] = processor_seconds(&model(shorts, None, Copula::Gaussian, 100_000), 1);
    println!(
        "100,000 paths, 1 thread, options in 50 names: {all:.3} s of processor time, and {priced:.3} s \
         to price them for every jump"
    );
}

criterion_group!(benches, processor_times, script, bench);
criterion_main!(benches);
