//! From the bytes of a price file to a batch of facts, for a table as long as the real one of 2,163
//! symbols by 182 days.
//!
//! The goal is one million rows per second from the file to the durable answer. Reading and
//! preparing may take 0.15 s of the 0.4 s allowed for 393,689 rows on one core.

#[path = "../../../tests/support/real_data.rs"]
mod real_files;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ingest::{
    options::{Limits, Options},
    parser::{Parsed, Parser},
    prepare::prepare,
};
use marketdata::{
    day::Day,
    instant::Instant,
    market::{Delta, Market, RevisionMark},
    segment::Segment,
};
use std::{fmt::Write, hint::black_box, io::Read, sync::Arc};
use tables::row::FieldSplitter;

const SYMBOLS: u32 = 2_163;
const DAYS: u32 = 182;

/// A table in Yahoo's layout, sorted by symbol, with prices of six decimals like theirs.
fn table() -> String {
    let mut text = String::from("Ticker,Date,Open,High,Low,Close,Adj Close,Volume\n");
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for symbol in 0..SYMBOLS {
        let letter = |shift: u32| char::from(b'A' + (symbol / 26u32.pow(shift) % 26) as u8);
        let ticker: String = (0..3).map(letter).collect();
        let mut close = 20.0 + f64::from(symbol % 300);
        for day in 0..DAYS {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            close *= 1.0 + (state % 2_001) as f64 * 2e-5 - 0.02;
            let (open, high, low) = (close * 1.001, close * 1.01, close * 0.99);
            let (on, adjusted, volume) =
                (Day::from_epoch(18_444 + day as i32), close * 0.977_619, state % 10_000_000);
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{ticker},{on},{open:.6},{high:.6},{low:.6},{close:.6},{adjusted:.6},{volume}"
            );
        }
    }
    text
}

fn options() -> Options {
    Options {
        kind: None,
        file_name: "prices.csv".to_owned(),
        symbol: None,
        index: None,
        observed_on: None,
        published_at: None,
        price_basis: None,
        adjusted_on: Day::from_ymd(2024, 3, 31),
        risk_period: None,
        received_at: Instant::from_micros(1_790_000_000_000_000),
        force: false,
    }
}

#[expect(clippy::expect_used, reason = "the table is made above")]
fn parse(text: &str) -> Parsed {
    let limits = Limits {
        bytes: 1 << 30,
        rows: 10_000_000,
        line_bytes: 64 << 10,
        rejections: 100,
        text_bytes: 256,
        texts: 100_000,
        texts_bytes: 16 << 20,
        names: 100_000,
    };
    let mut parser = Parser::new(options(), limits);
    for chunk in text.as_bytes().chunks(256 << 10) {
        parser.push(chunk).expect("a good table");
    }
    parser.finish().expect("a good table")
}

#[expect(clippy::expect_used, reason = "the table is made above")]
fn holding(parsed: &Parsed) -> Arc<Market> {
    let batch = prepare(parsed, &Arc::new(Market::empty())).expect("a good table").batch;
    let segments = batch.tables.into_iter().map(|table| Arc::new(Segment::of_table(table, 1)));
    Arc::new(Market::empty().apply(Delta {
        marks: vec![RevisionMark { revision: 1, data_version: [1; 32] }],
        instruments: batch.instruments,
        namings: batch.namings,
        texts: batch.texts,
        segments: segments.collect(),
    }))
}

/// Compares our line splitter with the csv crate; ours stays only while it is faster. Uses the real
/// price file if `REAL_DATA` names its folder, else the generated one.
fn split(criterion: &mut Criterion, made: &str) {
    let text = real_prices().unwrap_or_else(|| made.as_bytes().to_vec());
    let mut group = criterion.benchmark_group("split");
    group.sample_size(10).throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("ours", |bench| bench.iter(|| black_box(split_ours(&text))));
    group.bench_function("csv", |bench| bench.iter(|| black_box(split_csv(&text))));
    group.finish();
}

/// Total bytes of all fields below the header, to check that both read the same.
fn split_ours(text: &[u8]) -> usize {
    let mut splitter = FieldSplitter::new(b',');
    let mut bytes = 0;
    let mut rest = text;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        if let Some(row) = splitter.split(&rest[..end]) {
            bytes += (0..row.len()).map(|column| row.get(column).len()).sum::<usize>();
        }
        rest = &rest[end + 1..];
    }
    bytes
}

#[expect(clippy::expect_used, reason = "the table is a good one")]
fn split_csv(text: &[u8]) -> usize {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(text);
    let mut record = csv::ByteRecord::new();
    let mut bytes = 0;
    while reader.read_byte_record(&mut record).expect("a good table") {
        bytes += record.iter().map(<[u8]>::len).sum::<usize>();
    }
    bytes
}

#[expect(clippy::disallowed_methods, reason = "a bench of a real file reads it")]
#[expect(clippy::expect_used, reason = "the folder of real files holds it")]
fn real_prices() -> Option<Vec<u8>> {
    let folder = real_files::named()?;
    let packed = std::fs::read(folder.join("prices/us_equities_2020-07_2021-03.csv.gz"));
    let packed = packed.expect("the real price file");
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut text).expect("gzip");
    assert_eq!(split_ours(&text), split_csv(&text), "both read the same fields");
    Some(text)
}

fn benches(criterion: &mut Criterion) {
    let text = table();
    let parsed = parse(&text);
    let empty = Arc::new(Market::empty());
    let full = holding(&parsed);
    split(criterion, &text);
    let mut group = criterion.benchmark_group("ingest");
    group.sample_size(10).throughput(Throughput::Elements(u64::from(SYMBOLS * DAYS)));
    group.bench_function("parse", |bench| bench.iter(|| black_box(parse(&text))));
    group.bench_function("prepare/new", |bench| bench.iter(|| black_box(prepare(&parsed, &empty))));
    group.bench_function("prepare/known", |bench| {
        bench.iter(|| black_box(prepare(&parsed, &full)));
    });
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
