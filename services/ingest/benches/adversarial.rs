//! Files made to be slow, in sizes 1, 2 and 4: the time should grow hardly faster than the size.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ingest::{
    options::{Limits, Options},
    parser::{Parsed, Parser},
    prepare::prepare,
};
use marketdata::{
    basis::BasisKind,
    day::Day,
    instant::Instant,
    market::{Delta, Market, RevisionMark},
    segment::Segment,
};
use std::{sync::Arc, time::Duration};

const SIZES: [usize; 3] = [10_000, 20_000, 40_000];
const LIMITS: Limits = Limits {
    bytes: 1 << 30,
    rows: 10_000_000,
    line_bytes: 64 << 10,
    rejections: 100,
    text_bytes: 256,
    texts: 1_000_000,
    texts_bytes: 64 << 20,
    names: 1_000_000,
};

fn day(at: usize) -> Day {
    Day::from_epoch(10_957 + at as i32)
}

fn options(file_name: &str) -> Options {
    Options {
        kind: None,
        file_name: file_name.to_owned(),
        symbol: None,
        index: None,
        observed_on: None,
        published_at: None,
        price_basis: Some(BasisKind::Raw),
        adjusted_on: None,
        risk_period: None,
        received_at: Instant::from_micros(1_790_000_000_000_000),
        force: true,
    }
}

#[expect(clippy::expect_used, reason = "the files are made below")]
fn parse(text: &str, file_name: &str, chunk: usize) -> Parsed {
    let mut parser = Parser::new(options(file_name), LIMITS);
    for chunk in text.as_bytes().chunks(chunk) {
        parser.push(chunk).expect("a good file");
    }
    parser.finish().expect("a good file")
}

/// The market after ingesting a file.
#[expect(clippy::expect_used, reason = "the files are made below")]
fn with(market: &Arc<Market>, text: &str, file_name: &str) -> Arc<Market> {
    let batch = prepare(&parse(text, file_name, 1 << 20), market).expect("a good file").batch;
    let revision = market.head().revision + 1;
    let segments =
        batch.tables.into_iter().map(|table| Arc::new(Segment::of_table(table, revision)));
    Arc::new(market.apply(Delta {
        marks: vec![RevisionMark { revision, data_version: [1; 32] }],
        instruments: batch.instruments,
        namings: batch.namings,
        texts: batch.texts,
        segments: segments.collect(),
    }))
}

fn empty() -> Arc<Market> {
    Arc::new(Market::empty())
}

fn lines(header: &str, count: usize, line: impl Fn(usize) -> String) -> String {
    let mut text = format!("{header}\n");
    (0..count).for_each(|at| text.push_str(&format!("{}\n", line(at))));
    text
}

const ACTIONS: &str = "symbol,date,price_factor,share_factor";
const CHANGES: &str = "old_symbol,new_symbol,date";
const PRICES: &str = "symbol,date,open,high,low,close,volume";
const SERIES: &str = "series,date,value,published_at";

/// A file, its name, and the market it is ingested into.
type Case = (String, &'static str, Arc<Market>);

/// Every name was given up long before the rows of the file.
fn names_given_up(size: usize) -> Case {
    let retired = lines(CHANGES, size, |at| format!("N{at},,2000-06-01"));
    let market = with(&empty(), &retired, "changes.csv");
    let rows = lines(PRICES, 2 * size, |at| format!("N{},{},1,1,1,1,1", at / 2, day(at % 2)));
    (rows, "prices.csv", market)
}

/// The same, with each row resolved by the names of its own day.
fn names_given_up_by_rows(size: usize) -> Case {
    let (_, _, market) = names_given_up(size);
    let rows = lines(ACTIONS, 2 * size, |at| format!("N{},{},2,2", at / 2, day(9_000 * (at % 2))));
    (rows, "actions.csv", market)
}

/// One symbol that moved through 60 instruments, in every row.
fn one_symbol_of_many(size: usize) -> Case {
    let changes = lines(CHANGES, 60, |at| format!("A,B{at},{}", day(30 * (at + 1))));
    let market = with(&empty(), &changes, "changes.csv");
    (lines(ACTIONS, size, |at| format!("A,{},2,2", day(at % 3_000))), "actions.csv", market)
}

fn chains_of_changes(size: usize) -> Case {
    let line = |at: usize| {
        let (chain, link) = (at / 200, at % 200);
        format!("C{chain}X{link},C{chain}X{},{}", link + 1, day(link))
    };
    (lines(CHANGES, size, line), "changes.csv", empty())
}

fn one_key_many_times(size: usize) -> Case {
    (
        lines(PRICES, size, |at| format!("A,2020-01-02,1,9,1,{},1", 1 + at % 7)),
        "prices.csv",
        empty(),
    )
}

fn many_keys_twice(size: usize) -> Case {
    let line = |at: usize| format!("A{},2020-01-02,1,1,1,1,1", at % (size / 2));
    (lines(PRICES, size, line), "prices.csv", empty())
}

/// One observation with as many publications as rows, half of them already stored.
fn one_observation_restated(size: usize) -> Case {
    let line = |at: usize| {
        let instant = Instant::from_micros(1_600_000_000_000_000 + 1_000_000 * at as i64);
        format!("X,2020-01-02,{at},{instant}")
    };
    let market = with(&empty(), &lines(SERIES, size / 2, line), "series.csv");
    (lines(SERIES, size, line), "series.csv", market)
}

fn texts_and_blank_lines(size: usize) -> Case {
    let line = |at: usize| format!("\nS{at},\"Name {at}\",1,1");
    (lines("symbol,name,last sale,market cap", size, line), "screener_2020-01-02.csv", empty())
}

/// The name of a case, its generator, and the chunk size in bytes.
type Named = (&'static str, fn(usize) -> Case, usize);

fn benches(criterion: &mut Criterion) {
    let cases: [Named; 9] = [
        ("names given up", names_given_up, 1 << 20),
        ("names given up, by rows", names_given_up_by_rows, 1 << 20),
        ("one symbol of many", one_symbol_of_many, 1 << 20),
        ("chains of changes", chains_of_changes, 1 << 20),
        ("one key many times", one_key_many_times, 1 << 20),
        ("many keys twice", many_keys_twice, 1 << 20),
        ("one observation restated", one_observation_restated, 1 << 20),
        ("texts and blank lines", texts_and_blank_lines, 1 << 20),
        ("chunks of three bytes", texts_and_blank_lines, 3),
    ];
    for (name, case, chunk) in cases {
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10);
        group.warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(400));
        for size in SIZES {
            let (text, file_name, market) = case(size);
            group.bench_function(size.to_string(), |bench| {
                bench.iter_batched(
                    || (),
                    |()| prepare(&parse(&text, file_name, chunk), &market),
                    BatchSize::PerIteration,
                );
            });
        }
        group.finish();
    }
}

criterion_group!(all, benches);
criterion_main!(all);
