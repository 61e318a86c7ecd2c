//! A P&L over six sessions with a split, a spin-off, a distribution, a halt and a delisting equals
//! that of a program in Python: `tests/oracles/pnl.py`.

use crate::*;
use exposure::explain::{HeldOn, Part, PnlReport, Request as PnlRequest, Window, explain};
use marketdata::{
    basis::PriceBasis,
    dataset::{Dataset, Field},
    instrument::Namespace,
};
use std::collections::BTreeMap;

const INPUT: &str = include_str!("../../../../tests/oracles/pnl_input.csv");
const EXPECTED: &str = include_str!("../../../../tests/oracles/pnl_expected.csv");
/// Shares of the last session, as in the program.
const BOOK: [(&str, f64); 8] = [
    ("AAPL", 4_000.0),
    ("MSFT", 2_500.0),
    ("AA", -3_000.0),
    ("BB", -5_000.0),
    ("CC", 1_500.0),
    ("DD", -2_000.0),
    ("EE", 1_000.0),
    ("FF", -1_200.0),
];
const SESSIONS: usize = 6;

/// The market of the input, and its sessions.
fn market() -> (Fixture, Vec<Day>) {
    let mut fixture = Fixture::new();
    let mut days = Vec::new();
    for line in INPUT.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let (symbol, on) = (fields[0], day(fields[1]));
        let number = |at: usize| fields[at].parse::<f64>().unwrap();
        let key = (fixture.id(Namespace::Listed, symbol), InstrumentId::NONE);
        let [code, basis_on] = PriceBasis::Raw.to_values();
        let bar = [
            (Field::Close, number(2)),
            (Field::Volume, 1e6),
            (Field::Distribution, number(3)),
            (Field::PriceBasis, code),
            (Field::BasisOn, basis_on),
        ];
        fixture.fact(Dataset::Bars, key, on, Instant::close_of(on), &bar);
        if number(4) > 1.0 {
            let split = [
                (Field::FromOn, f64::from(on.epoch() - 1)),
                (Field::PriceFactor, number(4)),
                (Field::ShareFactor, number(5)),
            ];
            fixture.fact(Dataset::Splits, key, on, Instant::close_of(on), &split);
        }
        days.push(on);
    }
    days.sort_unstable();
    days.dedup();
    fixture.commit();
    (fixture, days)
}

fn report() -> PnlReport {
    let (fixture, days) = market();
    let view = |back: usize| {
        let on = days[days.len() - 1 - back];
        prepare(&fixture.snapshot(Instant::close_of(on)), &World::roles())
    };
    let (start, end) = (view(SESSIONS), view(0));
    let lines = BOOK.map(|(symbol, shares)| RawLine::of(symbol, Size::Shares(shares)));
    let request = PnlRequest {
        book: &join(&end, &lines, None),
        held_on: HeldOn::AsOf,
        window: &Window::of(&end, Some(days[days.len() - 1 - SESSIONS]), None).unwrap(),
        trades: &[TradeChoice::Standard],
        beta: BetaSettings::PREPARED,
        size_scheme: SizeScheme::standard(),
        classification: None,
        group_by: &[],
        listing: Listing::All,
    };
    explain(&start, &end, &request)
}

/// The numbers of each row by its name; NaN where the program gives none.
fn expected() -> BTreeMap<&'static str, Vec<f64>> {
    let row = |line: &'static str| {
        let (name, numbers) = line.split_once(',').unwrap();
        let numbers = numbers.split(',').map(|text| text.parse().unwrap_or(f64::NAN));
        (name, numbers.collect())
    };
    EXPECTED.lines().skip(1).map(row).collect()
}

#[test]
fn the_pnl_is_that_of_the_oracle() {
    let (report, expected) = (report(), expected());
    // Cents of a book of 1.4m: betas are fitted, and past returns are in single precision.
    let money = |found: f64, expected: f64| near(found, expected, 0.01);
    let forecast = |part: Part, expected: f64| {
        near(part.forecast.unwrap_or(0.0), expected, 0.01 + 1e-6 * expected);
    };
    assert_eq!((report.sessions, report.names.len()), (SESSIONS, BOOK.len()));
    for name in &report.names {
        let row = &expected[name.symbol.as_str()];
        money(name.start_value, row[0]);
        money(name.total.pnl, row[1]);
        money(name.price, row[2]);
        money(name.distributions, row[3]);
        money(name.factors[0], row[4]);
        money(name.factors[1], row[5]);
        money(name.residual.pnl, row[6]);
        forecast(name.total, row[7]);
    }
    for (part, value, name) in [
        (report.long, report.start_long, "long"),
        (report.short, -report.start_short, "short"),
        (report.total, report.start_long - report.start_short, "all"),
    ] {
        money(value, expected[name][0]);
        money(part.pnl, expected[name][1]);
        forecast(part, expected[name][7]);
    }
    let all = &expected["all"];
    money(report.price, all[2]);
    money(report.distributions, all[3]);
    money(report.residual.pnl, all[6]);
    for (factor, name) in report.factors.iter().zip(["MARKET", "SIZE"]) {
        let row = &expected[name];
        near(factor.exposure.unwrap(), row[0], 0.1);
        money(factor.part.unwrap().pnl, row[1]);
        near(factor.factor_change.unwrap(), row[2], 1e-9);
        forecast(factor.part.unwrap(), row[7]);
    }
    // The megacaps held long are the long leg; the fund of small caps is not held.
    let leg = &report.trades[0].legs[0];
    assert_eq!((leg.id.as_deref(), leg.names), (Some("megacap_long"), 2));
    money(leg.part.pnl, expected["AAPL"][1] + expected["MSFT"][1]);
}

#[test]
fn a_name_that_left_is_in_the_pnl_up_to_its_last_close() {
    let report = report();
    let left = report.names.iter().find(|name| name.symbol == "FF").unwrap();
    assert!(left.last_on < report.end_on && left.first_on == report.start_on);
    let gap = report.gaps.iter().find(|gap| gap.subject == Subject::symbol("FF")).unwrap();
    assert_eq!(gap.reason, GapReason::MissingObservations);
    assert!(gap.detail.contains(&left.last_on.to_string()), "{}", gap.detail);
    let priced = report.coverage.iter().find(|row| row.aspect == Aspect::Priced).unwrap();
    assert!(0.0 < priced.proxied && priced.missing == 0.0, "{priced:?}");
}
