//! Benches one analysis, and the preparation of a market that all analyses share.

#![expect(clippy::unwrap_used, reason = "a market made for tests is whole")]

use criterion::{Criterion, criterion_group, criterion_main};
use exposure::{
    analyze::analyze,
    blocks::Blocks,
    factor_betas,
    factor_risk::{self, BookModel, MeasuredBook},
    grouping::GroupBy,
    name_covariance::{self, Estimator},
    prepared::{PreparedExposure, prepare},
    request::Request,
    settings::{
        BetaSettings, LevelSettings, Listing, TailMethod, TailPart, TailSettings, TradeChoice,
    },
};
use factors::size_scheme::SizeScheme;
use marketdata::{gap::GapReason, snapshot::Snapshot};
use portfolio::{
    book::Book,
    lines::{RawLine, Size, Terms},
};
use risk::{
    factor_betas::FactorBetas,
    factor_series::{FactorChoice, KnownFactor},
    fixture as world,
    time_series_model::{MODEL_ID, time_series_model},
};
use stats::quantile::QuantileRule;
use std::{borrow::Cow, collections::BTreeMap, hint::black_box};

/// As in the service: the system's allocator would return the columns of a view to the kernel, and
/// have each page cleared again for the next.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn lines(prepared: &PreparedExposure, world: &world::World, count: usize) -> Vec<(String, f64)> {
    let _ = prepared;
    // Every k-th name: long the larger half, short the smaller.
    let step = world.names.len() / count;
    let line = |index: usize| {
        let shares = 1_000.0 + index as f64;
        let sign = if index < count / 2 { 1.0 } else { -1.0 };
        (world.names[index * step].symbol.clone(), sign * shares)
    };
    (0..count).map(line).collect()
}

fn join(prepared: &PreparedExposure, lines: &[(String, f64)]) -> Book {
    let raw = lines.iter().map(|(symbol, shares)| RawLine::of(symbol, Size::Shares(*shares)));
    let terms = Terms { net_asset_value: Some(1e9), ..Terms::NONE };
    Book::join(raw, &terms, prepared.lookup(), prepared.quotes()).unwrap()
}

fn bench(criterion: &mut Criterion) {
    let world = world::world(3_000, 2_520, 7);
    let snapshot = world.snapshot();
    let roles = world::World::roles();
    let prepared = prepare(&snapshot, &roles, None);
    let lines = lines(&prepared, &world, 500);
    let book = join(&prepared, &lines);
    let tail = TailSettings {
        method: TailMethod::FILTERED,
        window_sessions: 1_000,
        horizon_sessions: 1,
        levels: vec![LevelSettings {
            confidences: vec![0.95, 0.99],
            quantile_rule: QuantileRule::Linear,
            interval_level: 0.95,
        }],
        volatility: false,
        by_position: vec![TailPart::Level(0, 0)],
        by_group: Vec::new(),
    };
    let request = |listing| Request {
        book: &book,
        blocks: Blocks::ALL,
        beta: BetaSettings::PREPARED,
        tails: std::slice::from_ref(&tail),
        size_scheme: SizeScheme::standard(),
        group_by: &[GroupBy::Size, GroupBy::Sector],
        classification: None,
        look_through: None,
        repeat_on: &[],
        trades: &[TradeChoice::Standard],
        listing,
    };
    criterion.bench_function("join 500 lines", |b| b.iter(|| join(&prepared, black_box(&lines))));
    criterion.bench_function("analyze 500 positions, 10 listed", |b| {
        b.iter(|| analyze(&prepared, black_box(&request(Listing::Largest(10)))));
    });
    criterion.bench_function("analyze 500 positions, all listed", |b| {
        b.iter(|| analyze(&prepared, black_box(&request(Listing::All))));
    });
    let fewer = join(&prepared, &lines[..100]);
    beside_the_report(criterion, &prepared, [&book, &fewer], &snapshot);
    young_names(criterion, &tail);
    no_peer_has_the_days(criterion, &tail);
    one_more_session(criterion, &world, &request(Listing::Largest(10)), &lines);
}

/// What blocks that must be asked for cost beside a report: a factor model over time, covariances of
/// names, and betas to chosen factors, whose fits of all names are prepared once per view.
fn beside_the_report(
    criterion: &mut Criterion,
    prepared: &PreparedExposure,
    [book, fewer]: [&Book; 2],
    snapshot: &Snapshot,
) {
    let measured = MeasuredBook::of(prepared, book, None);
    let names = measured.names();
    let over_time = || {
        let model = time_series_model(prepared, &names).unwrap();
        let of = BookModel {
            id: MODEL_ID.to_owned(),
            on: *prepared.sessions.days().last().unwrap(),
            published_at: None,
            model: Cow::Owned(model),
            name_count: None,
            rungs: BTreeMap::new(),
            uncovered: GapReason::ShortHistory,
        };
        factor_risk::measure(&measured, &of)
    };
    criterion.bench_function("risk model over time of 500 positions", |b| b.iter(over_time));
    for (names, book) in [(500, book), (100, fewer)] {
        let measured = MeasuredBook::of(prepared, book, None);
        let mut group = criterion.benchmark_group(format!("covariance of {names} names"));
        group.sample_size(10);
        for estimator in [Estimator::Sample, Estimator::SingleFactor] {
            let measure = || name_covariance::measure(prepared, &measured, black_box(&[estimator]));
            group.bench_function(format!("{estimator:?}"), |b| b.iter(measure));
        }
        group.finish();
    }
    let factors = [KnownFactor::Market, KnownFactor::Size, KnownFactor::Megacap];
    let choices = factors.map(FactorChoice::Known);
    let roles = world::World::roles();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let fit = || {
        let settings = BetaSettings::PREPARED;
        pool.install(|| FactorBetas::of(prepared, (snapshot, &roles), &choices, settings))
    };
    let mut group = criterion.benchmark_group("betas to 3 factors");
    group.sample_size(10);
    group.bench_function("fits of 3,000 names, 2 threads", |b| b.iter(fit));
    let betas = fit();
    group.bench_function("500 positions", |b| {
        b.iter(|| factor_betas::measure(prepared, &betas, black_box(book), 10));
    });
    group.finish();
}

/// Benches the whole preparation, and one session appended to an earlier preparation, up to the
/// first answer.
fn one_more_session(
    criterion: &mut Criterion,
    world: &world::World,
    request: &Request<'_>,
    lines: &[(String, f64)],
) {
    let [before, after] = world.with_last_session_appended(7);
    let roles = world::World::roles();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let mut group = criterion.benchmark_group("3,000 names x 2,520 days, 2 threads");
    group.sample_size(20);
    group.bench_function("prepare", |b| {
        b.iter(|| pool.install(|| prepare(&after, &roles, None)));
    });
    let previous = pool.install(|| prepare(&before, &roles, None));
    group.bench_function("append a session", |b| {
        b.iter(|| pool.install(|| prepare(&after, &roles, Some(&previous))));
    });
    group.bench_function("append a session and analyze 500 positions", |b| {
        b.iter(|| {
            pool.install(|| {
                let prepared = prepare(&after, &roles, Some(&previous));
                let book = join(&prepared, lines);
                analyze(&prepared, &Request { book: &book, ..request.clone() })
            })
        });
    });
    group.finish();
}

/// A tenth of the book has one year of returns; peers replace the rest, in 32 draws.
fn young_names(criterion: &mut Criterion, tail: &TailSettings) {
    let world = world::world_with(600, 1_100, 7, |names| {
        names.iter_mut().skip(5).step_by(10).for_each(|name| name.listed_from = 848);
    });
    let prepared = prepare(&world.snapshot(), &world::World::roles(), None);
    let book = join(&prepared, &lines(&prepared, &world, 500));
    let request = Request {
        book: &book,
        blocks: Blocks::ALL,
        beta: BetaSettings::PREPARED,
        tails: std::slice::from_ref(tail),
        size_scheme: SizeScheme::standard(),
        group_by: &[GroupBy::Size, GroupBy::Sector],
        classification: None,
        look_through: None,
        repeat_on: &[],
        trades: &[TradeChoice::Standard],
        listing: Listing::Largest(10),
    };
    criterion.bench_function("analyze 500 positions, 50 of them young", |b| {
        b.iter(|| analyze(&prepared, black_box(&request)));
    });
}

/// Every name has 180 sessions, the index four years: on most days no peer has a return.
fn no_peer_has_the_days(criterion: &mut Criterion, tail: &TailSettings) {
    let world = world::world_with(2_160, 1_100, 7, |names| {
        names.iter_mut().for_each(|name| name.listed_from = 920);
    });
    let prepared = prepare(&world.snapshot(), &world::World::roles(), None);
    let book = join(&prepared, &lines(&prepared, &world, 500));
    let mut group = criterion.benchmark_group("500 positions, all of 180 sessions");
    group.sample_size(10);
    for (name, listing) in [("10 listed", Listing::Largest(10)), ("all listed", Listing::All)] {
        let (book, beta) = (&book, BetaSettings::PREPARED);
        let request = Request {
            book,
            blocks: Blocks::ALL,
            beta,
            tails: std::slice::from_ref(tail),
            size_scheme: SizeScheme::standard(),
            group_by: &[GroupBy::Size, GroupBy::Sector],
            classification: None,
            look_through: None,
            repeat_on: &[],
            trades: &[TradeChoice::Standard],
            listing,
        };
        group.bench_function(name, |b| b.iter(|| analyze(&prepared, black_box(&request))));
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
