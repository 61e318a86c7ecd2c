//! Damaged files: a sample of each kind, however damaged, is accepted or refused with a readable
//! message, in bounded memory, and accepted values are in range.
//!
//! The damage is drawn from a seeded generator, so that a failure is reproducible.

mod support;

use ingest::{
    options::Options,
    parser::{Parsed, Parser},
    prepare::prepare,
    report::PreparedFile,
};
use marketdata::dataset::Dataset;
use support::{Desk, at, day, limits, options};
use tables::refusal::Refusal;

const SAMPLES: [(&str, &[u8]); 28] = [
    ("prices.csv", include_bytes!("../../../tests/data/ohlcv_table/prices.csv")),
    ("AAA.csv", include_bytes!("../../../tests/data/ohlcv_single/AAA.csv")),
    ("d_us.txt", include_bytes!("../../../tests/data/ohlcv_single/bulk.txt")),
    ("BBB.csv", include_bytes!("../../../tests/data/ohlcv_single/nasdaq_bbb.csv")),
    ("IWF.csv", include_bytes!("../../../tests/data/close_single/IWF.csv")),
    ("DGS10.csv", include_bytes!("../../../tests/data/fred/DGS10.csv")),
    ("UNRATE.csv", include_bytes!("../../../tests/data/date_value/UNRATE.csv")),
    ("odds.csv", include_bytes!("../../../tests/data/series/odds.csv")),
    ("shrt.csv", include_bytes!("../../../tests/data/finra_short_interest/shrt20260731.csv")),
    (
        "settle.csv",
        include_bytes!("../../../tests/data/short_interest_table/settle_2021-01-15.csv"),
    ),
    ("IWM_holdings.csv", include_bytes!("../../../tests/data/ishares_holdings/IWM_holdings.csv")),
    (
        "sp500_members.csv",
        include_bytes!("../../../tests/data/membership_intervals/sp500_ticker_start_end.csv"),
    ),
    ("screener.csv", include_bytes!("../../../tests/data/screener/screener_2021-01-29.csv")),
    ("sp500.csv", include_bytes!("../../../tests/data/constituents/sp500.csv")),
    ("times.csv", include_bytes!("../../../tests/data/publication_schedule/publication_times.csv")),
    ("actions.csv", include_bytes!("../../../tests/data/corporate_actions/actions.csv")),
    (
        "split_factor_2021-01-29_to_2024-03.csv",
        include_bytes!("../../../tests/data/split_factors/split_factor_2021-01-29_to_2024-03.csv"),
    ),
    ("changes.csv", include_bytes!("../../../tests/data/symbol_changes/changes.csv")),
    ("merges.csv", include_bytes!("../../../tests/data/instrument_merges/merges.csv")),
    ("master.csv", include_bytes!("../../../tests/data/security_master/master.csv")),
    ("13f.csv", include_bytes!("../../../tests/data/manager_holdings/13f.csv")),
    ("lending.csv", include_bytes!("../../../tests/data/lending/lending.csv")),
    (
        "CNMSshvol20240603.txt",
        include_bytes!("../../../tests/data/short_sale_volume/CNMSshvol20240603.txt"),
    ),
    (
        "cnsfails202406a.txt",
        include_bytes!("../../../tests/data/fails_to_deliver/cnsfails202406a.txt"),
    ),
    ("earnings.csv", include_bytes!("../../../tests/data/earnings_dates/earnings.csv")),
    ("exposures.csv", include_bytes!("../../../tests/data/risk_model_exposures/exposures.csv")),
    ("covariance.csv", include_bytes!("../../../tests/data/risk_model_covariance/covariance.csv")),
    ("specific.csv", include_bytes!("../../../tests/data/risk_model_specific/specific.csv")),
];

/// Xorshift, 64 bits (Marsaglia 2003).
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }

    fn of<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }
}

const ODD_CELLS: [&str; 24] = [
    "5e-324",
    "-5e-324",
    "1.7976931348623157e308",
    "1e16",
    "1e-10",
    "-1",
    "0",
    "NaN",
    "-inf",
    "10%",
    "1,5",
    "\"1,5\"",
    "=1+1",
    "@x",
    "\u{1b}[2J",
    "\u{202e}gro.elpmaxe",
    "𝕬𝕬𝕻𝕷",
    "é\u{301}",
    "\"",
    "1600-01-03",
    "2390-12-31",
    "9999-12-31",
    "0000-00-00",
    "1e99999999999999999999",
];

/// Applies one random change to a file.
fn damage(bytes: &mut Vec<u8>, draw: &mut Draw) {
    let place = draw.below(bytes.len());
    match draw.below(10) {
        0 => bytes[place] ^= 1 << draw.below(8),
        1 => bytes.truncate(place),
        2 => drop(bytes.splice(place..place, *b"\0")),
        3 => drop(bytes.splice(place..place, ODD_CELLS[draw.below(24)].bytes())),
        4 => {
            // Replaces a whole cell, so that rows keep their number of fields.
            let separates = |byte: &u8| matches!(byte, b',' | b'|' | b'\t' | b';' | b'\n');
            let end =
                bytes[place..].iter().position(separates).map_or(bytes.len(), |at| place + at);
            let start = bytes[..place].iter().rposition(separates).map_or(0, |at| at + 1);
            drop(bytes.splice(start..end, ODD_CELLS[draw.below(24)].bytes()));
        }
        5 => {
            let length = [255, 257, 4_000, 70_000][draw.below(4)];
            let letter = draw.of::<[u8]>(&[b"x", b"9", b"\xff", b",", b" "])[0];
            drop(bytes.splice(place..place, std::iter::repeat_n(letter, length)));
        }
        6 => drop(bytes.splice(place..place, std::iter::repeat_n(b'\n', draw.below(3_000)))),
        7 => {
            let copy = bytes[place..].to_vec();
            bytes.extend(copy);
        }
        8 => bytes.iter_mut().filter(|byte| **byte == b',').take(place).for_each(|b| *b = b';'),
        _ => bytes[place] = draw.below(256) as u8,
    }
}

fn forced(file_name: &str) -> Options {
    Options {
        force: true,
        index: Some("X".into()),
        observed_on: Some(day("2024-07-01")),
        received_at: at("2026-11-20T22:00:00Z"),
        ..options(file_name)
    }
}

/// Reads a file and checks that its memory stays within a multiple of its bytes.
fn read(bytes: &[u8], options: Options) -> Result<Parsed, Refusal> {
    // A row of a dozen bytes may become two facts of a hundred, in vectors that grow by doubling.
    const TIMES: u64 = 64;
    const BESIDE: u64 = 64 << 10;
    let mut parser = Parser::new(options, limits());
    let mut given = 0;
    for chunk in bytes.chunks(8 << 10) {
        given += chunk.len() as u64;
        parser.push(chunk)?;
        assert!(parser.memory() <= TIMES * given + BESIDE, "{} of {given}", parser.memory());
    }
    parser.finish()
}

fn is_readable(text: &str) -> bool {
    text.len() <= 4_096 && !text.chars().any(char::is_control)
}

/// Checks that accepted values are in range.
fn check(prepared: &PreparedFile) {
    for table in &prepared.batch.tables {
        let (first, last) = (day("1800-01-01"), day("2028-12-01"));
        assert!(table.effective_on.iter().all(|day| first <= *day && *day <= last));
        for (field, column) in table.dataset.fields().iter().zip(&table.columns) {
            let whole = |value: &f64| value.is_nan() || value.abs() <= 1e18;
            assert!(column.iter().all(whole), "{:?} {field:?}", table.dataset);
        }
        if table.dataset == Dataset::Bars {
            assert!(table.columns[3].iter().all(|close| (1e-9..=1e15).contains(close)));
        }
    }
    assert!(prepared.batch.texts.iter().all(|text| text.len() <= 256 && is_readable(text)));
    let report = &prepared.report;
    assert!(report.rejections.iter().all(|bad| is_readable(&bad.text)), "{report:?}");
    assert!(report.notes.iter().all(|note| is_readable(&note.text)), "{report:?}");
}

#[test]
fn damaged_files_of_every_kind_are_accepted_or_refused() {
    let mut draw = Draw(0x9e37_79b9_7f4a_7c15);
    let (mut taken, mut refused) = (0, 0);
    for (name, sample) in SAMPLES {
        for _ in 0..150 {
            let mut bytes = sample.to_vec();
            for _ in 0..=draw.below(6) {
                if !bytes.is_empty() {
                    damage(&mut bytes, &mut draw);
                }
            }
            let desk = Desk::new();
            let prepared =
                read(&bytes, forced(name)).and_then(|parsed| prepare(&parsed, &desk.market));
            match prepared {
                Ok(prepared) => {
                    check(&prepared);
                    taken += 1;
                }
                Err(refusal) => {
                    assert!(is_readable(&refusal.to_string()), "{name}: {refusal}");
                    assert!(!refusal.code().is_empty());
                    refused += 1;
                }
            }
        }
    }
    // Damage that is always or never refused would test little.
    assert!(300 < taken && 300 < refused, "{taken} taken, {refused} refused");
}
