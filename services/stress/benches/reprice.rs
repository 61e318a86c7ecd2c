//! Benches one book of 500 names: every session of the panel, one replay, and one scenario.

#![expect(clippy::unwrap_used, reason = "a market made for tests is whole")]

use criterion::{Criterion, criterion_group, criterion_main};
use factors::roles::{Role, Roles};
use portfolio::{
    book::Book,
    lines::{RawLine, Size, Terms},
    lookup::Lookup,
};
use risk::{
    cross_section::{self, settings::CrossSectionSettings},
    factor_view::FactorView,
    fixture::world,
    prepare::prepare,
    series::{Series, TradeSeries},
};
use std::hint::black_box;
use stress::{
    hypothetical::hypothetical,
    likely_loss::{LossRequest, likely_loss},
    replay::replay,
    reprice::reprice,
    shock::{Hypothetical, Shock, Target},
};

const LINES: usize = 500;

fn bench(criterion: &mut Criterion) {
    let world = world(1_000, 1_400, 7);
    let roles = Roles::standard();
    let model = prepare(&world.snapshot(), &roles, None);
    let cross_section = cross_section::prepare(&model, CrossSectionSettings::PREPARED, None);
    let estimated = cross_section.outcome.as_ref().unwrap();
    let trade = TradeSeries::standard(&model);
    let stress = FactorView::of(&model, (&cross_section, estimated), &roles, trade);
    let lookup = Lookup::of(model.snapshot());
    let line = |at: usize| {
        let sign = if at < LINES / 2 { 1.0 } else { -1.0 };
        RawLine::of(&world.names[2 * at].symbol, Size::Shares(sign * (1_000.0 + at as f64)))
    };
    let book = Book::join((0..LINES).map(line), &Terms::NONE, &lookup, model.quotes()).unwrap();
    let days = model.sessions.days();
    criterion.bench_function("reprice 500 positions over 1,060 sessions", |b| {
        b.iter(|| reprice(&model, black_box(&book)));
    });
    let window = (days[days.len() - 5], days[days.len() - 1]);
    criterion.bench_function("replay 5 sessions", |b| {
        b.iter(|| replay(&model, &roles, black_box(&book), &[], window));
    });
    let target = Target::Series(Series::Role(Role::SmallCapIndex));
    let scenario = Hypothetical {
        scenario_id: "small_caps".to_owned(),
        sessions: 50,
        shocks: vec![Shock { target, size: 0.4 }],
    };
    criterion.bench_function("one hypothetical scenario", |b| {
        b.iter(|| hypothetical(&stress, black_box(&book), &[], &scenario).unwrap());
    });
    let request =
        LossRequest { loss: 1e6, sessions: 1, bounds: Vec::new(), specific_deviations: Some(3.0) };
    criterion.bench_function("the likeliest scenario of a loss", |b| {
        b.iter(|| likely_loss(&stress, black_box(&book), &[], &request).unwrap());
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
