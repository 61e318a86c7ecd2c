//! Benches that have a time budget: covariances of a whole market, tails of one book, betas of
//! every name.
//!
//! Run with `cargo bench -p stats`; append a benchmark's name to run only that one.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use stats::covariance;
use stats::ledoit_wolf;
use stats::moments::Ddof;
use stats::quantile::QuantileRule;
use stats::regression::{ErrorModel, Workspace};
use stats::rng::Rng;
use stats::robust::Huber;
use stats::tail;

const NAMES: u64 = 3_000;

fn series(stream: u64, length: usize) -> Vec<f64> {
    let mut values = vec![0.0; length];
    Rng::new(1, stream).fill_normal(&mut values);
    values.iter().map(|z| 0.02 * z).collect()
}

fn covariances(c: &mut Criterion) {
    let panel: Vec<Vec<f64>> = (0..NAMES).map(|name| series(name, 252)).collect();
    let columns: Vec<&[f64]> = panel.iter().map(Vec::as_slice).collect();
    c.bench_function("covariance 3000 x 252", |b| {
        b.iter(|| covariance::sample(black_box(&columns), Ddof::Sample));
    });
    let factor = series(NAMES, 252);
    c.bench_function("ledoit-wolf single factor 500 x 252", |b| {
        b.iter(|| ledoit_wolf::single_factor(black_box(&columns[..500]), &factor));
    });
}

fn tails(c: &mut Criterion) {
    // A thousand different books, one at a time: the branch predictor would learn a single one,
    // which would then look twice as fast.
    let books: Vec<Vec<f64>> = (0..1_000).map(|book| series(book, 1_000)).collect();
    let mut next = 0;
    c.bench_function("VaR and ES 1000", |b| {
        b.iter_batched_ref(
            || {
                next = (next + 1) % books.len();
                books[next].clone()
            },
            |profits| tail::historical_in_place(profits, 0.95, QuantileRule::Linear),
            BatchSize::SmallInput,
        );
    });
}

fn fits(c: &mut Criterion) {
    let market = series(NAMES, 500);
    let lags = stats::newey_west::lags(500);
    let names: Vec<Vec<f64>> = (0..NAMES)
        .map(|name| series(name, 500).iter().zip(&market).map(|(e, m)| 1.2 * m + e).collect())
        .collect();
    let mut workspace = Workspace::empty();
    for length in [250, 500] {
        let start = 500 - length;
        c.bench_function(&format!("least squares, HAC, 3000 names x {length}"), |b| {
            b.iter(|| {
                for y in &names {
                    let errors = ErrorModel::Hac { lags };
                    let x = black_box(&market[start..]);
                    let _ = black_box(workspace.least_squares(&y[start..], &[x], None, errors));
                }
            });
        });
        let settings = Huber { k: 1.345, iterations_max: 50, tolerance: 1e-6, lags };
        c.bench_function(&format!("Huber, HAC, 3000 names x {length}"), |b| {
            b.iter(|| {
                for y in &names {
                    let x = black_box(&market[start..]);
                    let _ = black_box(workspace.huber(&y[start..], &[x], None, &settings));
                }
            });
        });
    }
}

criterion_group!(
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = covariances, tails, fits
);
criterion_main!(benches);
