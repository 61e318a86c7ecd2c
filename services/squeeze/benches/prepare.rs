//! Benches preparing the cross-section of 9,000 settlements and 3,000 priced names over ten years
//! (target: at most 0.3 s), also with lending, short sales, fails and days of earnings, and requests
//! on it.

use criterion::{Criterion, criterion_group, criterion_main};
use marketdata::{
    calendar,
    dataset::{Dataset, Field},
    day::Day,
    fixture::{Fixture, day},
    instant::Instant,
    instrument::{InstrumentId, Namespace},
    quotes::Quotes,
    snapshot::Snapshot,
};
use portfolio::{
    book::Book,
    lines::{RawLine, Size, Terms},
    lookup::Lookup,
};
use squeeze::{
    assess::assess,
    exit::Participation,
    rank::{RankBy, RankRequest, rank},
    shorts::Shorts,
    universe::Universe,
};
use std::hint::black_box;

const NAMES: usize = 9_000;
const PRICED: usize = 3_000;
const SESSIONS: i32 = 2_520;

/// What is disclosed of a name over the sessions that measures look at: lending and short sales by
/// session, fails on a third of the days, and a day of earnings.
fn disclose(fixture: &mut Fixture, name: InstrumentId, days: &[Day], at: usize) {
    let key = (name, InstrumentId::NONE);
    let facilities = (name, fixture.id(Namespace::Series, "REGSHO/BNQ"));
    for (row, on) in days.iter().rev().take(63).enumerate() {
        let wiggle = ((at * 31 + row * 17) % 100) as f64;
        let seen = Instant::close_of(*on);
        let lent = [(Field::Utilisation, wiggle / 100.0), (Field::BorrowFee, wiggle / 1e3)];
        fixture.fact(Dataset::Lending, key, *on, seen, &lent);
        let sold = [(Field::ShortVolume, wiggle * 1e3), (Field::TotalVolume, 2e5)];
        fixture.fact(Dataset::ShortSales, facilities, *on, seen, &sold);
        if (at + row).is_multiple_of(3) && 20 < row {
            let failed = [(Field::FailedShares, wiggle * 1e3)];
            fixture.fact(Dataset::Fails, key, *on, seen, &failed);
        }
    }
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return };
    let on = last.plus(1 + (at % 60) as i32);
    let expected = [(Field::Expected, 1.0)];
    fixture.fact(Dataset::EarningsDates, key, on, Instant::close_of(*first), &expected);
}

fn market(is_disclosed: bool) -> Snapshot {
    let mut fixture = Fixture::new();
    let today = day("2021-01-27");
    let days: Vec<_> =
        (0..SESSIONS).rev().map(|back| calendar::plus_sessions(today, -back)).collect();
    for at in 0..NAMES {
        let key = (fixture.id(Namespace::Listed, &format!("N{at}")), InstrumentId::NONE);
        for settled in ["2020-11-30", "2020-12-15", "2020-12-31", "2021-01-15"] {
            let settled = day(settled);
            let published = Instant::close_of(calendar::plus_sessions(settled, 7));
            let short = 1e5 + ((at * 7919) % 1_000) as f64 * 1e3;
            let values = [(Field::SharesShort, short)];
            fixture.fact(Dataset::ShortInterest, key, settled, published, &values);
            let values = [(Field::PublicFloat, 1e7), (Field::SharesOutstanding, 1.2e7)];
            fixture.fact(Dataset::ShareCounts, key, settled, published, &values);
        }
        for (row, day) in days.iter().enumerate().filter(|_| at < PRICED) {
            let wiggle = ((at * 31 + row * 17) % 100) as f64;
            let values = [
                (Field::Close, 50.0 + wiggle),
                (Field::Volume, 1e5 + wiggle * 1e3),
                (Field::Distribution, 1.0),
                (Field::PriceBasis, 0.0),
                (Field::BasisOn, 0.0),
            ];
            fixture.fact(Dataset::Bars, key, *day, Instant::close_of(*day), &values);
        }
        if is_disclosed {
            disclose(&mut fixture, key.0, &days, at);
        }
    }
    fixture.commit();
    fixture.snapshot(Instant::close_of(today))
}

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("squeeze");
    group.sample_size(10);
    {
        let disclosed = market(true);
        group.bench_function("prepare with what is disclosed", |bencher| {
            bencher.iter(|| Universe::of(black_box(&disclosed)));
        });
    }
    let snapshot = market(false);
    group.bench_function("prepare 9,000 names, 3,000 priced", |bencher| {
        bencher.iter(|| Universe::of(black_box(&snapshot)));
    });
    let universe = Universe::of(&snapshot);
    let request = RankRequest {
        min_line_market_cap_usd: 100e6,
        known_line_market_cap_only: false,
        min_daily_value_usd: 1e6,
        exchanges: Vec::new(),
        rank_by: RankBy::Score,
    };
    group.bench_function("rank", |bencher| bencher.iter(|| rank(black_box(&universe), &request)));
    let (lookup, quotes) = (Lookup::of(&snapshot), Quotes::of(&snapshot));
    let symbols: Vec<String> = (0..500).map(|at| format!("N{}", at * 5)).collect();
    let size = Size::Shares(-1_000.0);
    let lines: Vec<RawLine<'_>> = symbols.iter().map(|symbol| RawLine::of(symbol, size)).collect();
    group.bench_function("assess 500 shorts", |bencher| {
        bencher.iter(|| {
            let book = Book::join(lines.iter().copied(), &Terms::NONE, &lookup, &quotes);
            book.map(|book| assess(&universe, Shorts::of(&book), Participation::USUAL))
        });
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
