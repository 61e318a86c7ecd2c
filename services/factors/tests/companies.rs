//! Which lines are companies, which sizes are known, and which lines are classes of one company.

use factors::{
    roles::Roles,
    size::{Size, SizeBucket, Sizes},
};
use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    fixture::{Fixture, day},
    instant::Instant,
    instrument::{InstrumentId, Namespace},
};

const ON: &str = "2021-01-29";
const NONE: InstrumentId = InstrumentId::NONE;

/// Settlement file and price of one line. Shares and floats are those of the real file of
/// 2021-01-15, prices those of the close of 2021-01-29.
fn line(fixture: &mut Fixture, symbol: &str, close: f64, outstanding: f64, float: f64) {
    fixture.closes(symbol, &[(day(ON), close)]);
    let key = (fixture.id(Namespace::Listed, symbol), NONE);
    let values = [(Field::SharesOutstanding, outstanding), (Field::PublicFloat, float)];
    fixture.fact(Dataset::ShareCounts, key, day("2021-01-15"), Instant::close_of(day(ON)), &values);
}

fn member(fixture: &mut Fixture, symbol: &str, from: &str, until: Option<&str>) {
    let key = (fixture.id(Namespace::Listed, symbol), fixture.id(Namespace::Series, "SP500"));
    for (on, value) in [(Some(from), 1.0), (until, 0.0)] {
        let Some(on) = on.map(day) else { continue };
        let at = Instant::close_of(on);
        fixture.fact(Dataset::Memberships, key, on, at, &[(Field::Member, value)]);
    }
}

fn listing(fixture: &mut Fixture, symbol: &str, name: &str, sector: &str) {
    let key = (fixture.id(Namespace::Listed, symbol), NONE);
    let (name, sector) = (fixture.text(name), fixture.text(sector));
    let values = [(Field::Name, name), (Field::Sector, sector)];
    fixture.fact(Dataset::Listings, key, day(ON), Instant::close_of(day(ON)), &values);
}

fn sizes(fixture: &mut Fixture) -> impl Fn(&str) -> Option<Size> + use<> {
    fixture.commit();
    let snapshot = fixture.snapshot(Instant::close_of(day("2021-02-01")));
    let sizes = Sizes::of(&snapshot, &Roles::standard(), Day::MAX);
    move |symbol| sizes.get(snapshot.listed(symbol)?).copied()
}

/// A market in which most companies have floats.
fn market() -> Fixture {
    let mut fixture = Fixture::new();
    line(&mut fixture, "AAPL", 131.96, 16.82e9, 16.81e9);
    line(&mut fixture, "GME", 325.0, 69.75e6, 51.03e6);
    line(&mut fixture, "KOSS", 64.0, 7.4e6, 1.6e6);
    line(&mut fixture, "AMC", 13.26, 339e6, 160e6);
    fixture
}

#[test]
fn a_company_without_a_float_and_a_sector_has_its_size() {
    let mut fixture = market();
    line(&mut fixture, "VTR", 46.07, 374.57e6, f64::NAN);
    line(&mut fixture, "RSI", 21.36, 44.79e6, f64::NAN);
    line(&mut fixture, "PLL", 60.0, 11.55e6, f64::NAN);
    member(&mut fixture, "VTR", "2009-03-04", None);
    let size = sizes(&mut fixture);
    // 374.57m · 46.07 = 17.256bn, as the screener of the day prints it.
    let ventas = size("VTR").unwrap();
    assert!((ventas.market_cap_usd / 17_256_475_604.0 - 1.0).abs() < 1e-3, "{ventas:?}");
    assert_eq!((ventas.bucket, ventas.rank), (SizeBucket::Large, 3));
    assert_eq!(size("RSI").unwrap().bucket, SizeBucket::Small);
    assert_eq!(size("PLL").unwrap().bucket, SizeBucket::Small);
}

#[test]
fn funds_are_recognised_by_the_list_and_by_their_holdings() {
    let mut fixture = market();
    line(&mut fixture, "SPY", 370.07, 852.43e6, f64::NAN);
    line(&mut fixture, "KRE", 53.35, 53.5e6, f64::NAN);
    line(&mut fixture, "ARKK", 134.9, 171.15e6, f64::NAN);
    let held = (fixture.id(Namespace::Listed, "GME"), fixture.id(Namespace::Listed, "ARKK"));
    let at = Instant::close_of(day(ON));
    fixture.fact(Dataset::Holdings, held, day(ON), at, &[(Field::Weight, 0.01)]);
    let size = sizes(&mut fixture);
    assert_eq!([size("SPY"), size("KRE"), size("ARKK")], [None; 3]);
    assert_eq!(size("GME").unwrap().rank, 2);
}

#[test]
fn a_line_of_unknown_kind_moves_no_rank() {
    let mut fixture = market();
    line(&mut fixture, "ARKK", 134.9, 171.15e6, f64::NAN);
    line(&mut fixture, "GLDM", 18.0, 2e9, f64::NAN);
    // The ticker was once a member's; it belongs to another instrument today.
    member(&mut fixture, "GLDM", "1996-01-02", Some("1999-01-04"));
    let size = sizes(&mut fixture);
    assert!((size("ARKK").unwrap().market_cap_usd / (171.15e6 * 134.9) - 1.0).abs() < 1e-12);
    let ranks = ["AAPL", "GME", "AMC", "KOSS"].map(|symbol| size(symbol).unwrap().rank);
    assert_eq!(ranks, [1, 2, 3, 4]);
}

#[test]
fn companies_are_grouped_by_name_by_dot_and_by_the_known_pairs() {
    let mut fixture = market();
    // By the listed names of the screener of 2021-01-29.
    line(&mut fixture, "BELFA", 14.0, 2.1e6, 2e6);
    line(&mut fixture, "BELFB", 15.0, 10.1e6, 9e6);
    listing(&mut fixture, "BELFA", "Bel Fuse Inc. Class A Common Stock", "Technology");
    listing(&mut fixture, "BELFB", "Bel Fuse Inc. Class B Common Stock", "Technology");
    line(&mut fixture, "CENT", 42.0, 12e6, 10e6);
    line(&mut fixture, "CENTA", 39.0, 42e6, 40e6);
    listing(&mut fixture, "CENT", "Central Garden & Pet Company Common Stock", "Consumer");
    let nonvoting = "Central Garden & Pet Company Class A Common Stock Nonvoting";
    listing(&mut fixture, "CENTA", nonvoting, "Consumer");
    // A preferred share is neither a class of the common shares nor of another company.
    line(&mut fixture, "AGNC", 15.6, 539e6, 536e6);
    line(&mut fixture, "AGNCM", 24.9, 9.2e6, 9e6);
    listing(&mut fixture, "AGNC", "AGNC Investment Corp. Common Stock", "Finance");
    let preferred = "AGNC Investment Corp. Series D Fixed-to-Floating Cumulative Preferred Stock";
    listing(&mut fixture, "AGNCM", preferred, "Finance");
    // Without any name: by the known tickers and by the dot.
    for (symbol, close) in [
        ("UA", 14.96),
        ("UAA", 17.5),
        ("FOX", 29.89),
        ("FOXA", 31.18),
        ("NWS", 18.85),
        ("NWSA", 19.4),
    ] {
        line(&mut fixture, symbol, close, 1e8, 9e7);
    }
    line(&mut fixture, "LEN", 83.15, 274e6, 270e6);
    line(&mut fixture, "LEN.B", 67.17, 37e6, 30e6);
    let size = sizes(&mut fixture);
    for (one, other) in [
        ("BELFA", "BELFB"),
        ("CENT", "CENTA"),
        ("UA", "UAA"),
        ("FOX", "FOXA"),
        ("NWS", "NWSA"),
        ("LEN", "LEN.B"),
    ] {
        let (one, other) = (size(one).unwrap(), size(other).unwrap());
        assert_eq!(one.issuer, other.issuer, "{one:?} {other:?}");
        assert_eq!(one.market_cap_usd.to_bits(), other.market_cap_usd.to_bits());
    }
    assert_ne!(size("AGNC").unwrap().issuer, size("AGNCM").unwrap().issuer);
    // 1e8 · (14.96 + 17.5)
    assert!((size("UA").unwrap().market_cap_usd / 3.246e9 - 1.0).abs() < 1e-12);
}

/// A listing of `ON` that prints 1bn at 20 dollars, and closes of a file restated in 2024, with a
/// change of units between two days.
fn printed(from: &str, to: &str, factors: [f64; 2], closes: &[(&str, f64)]) -> Option<Size> {
    let mut fixture = Fixture::new();
    let key = (fixture.id(Namespace::Listed, "FIZZ"), NONE);
    let restated = f64::from(day("2024-03-08").epoch());
    for (on, close) in closes {
        let bar = [(Field::Close, *close), (Field::PriceBasis, 1.0), (Field::BasisOn, restated)];
        fixture.fact(Dataset::Bars, key, day(on), Instant::close_of(day(on)), &bar);
    }
    let split = [
        (Field::FromOn, f64::from(day(from).epoch())),
        (Field::PriceFactor, factors[0]),
        (Field::ShareFactor, factors[1]),
    ];
    fixture.fact(Dataset::Splits, key, day(to), Instant::close_of(day(to)), &split);
    let values = [(Field::MarketCap, 1e9), (Field::LastPrice, 20.0)];
    fixture.fact(Dataset::Listings, key, day(ON), Instant::close_of(day(ON)), &values);
    sizes(&mut fixture)("FIZZ")
}

#[test]
fn a_printed_value_moves_with_the_price_if_todays_units_are_unknown() {
    // A 2:1 split between the listing and 2024. It is unknown whether it lies before today, but
    // both closes are stored in the units of 2024: 10 and 12.5 for what was 20 and 25.
    let closes = [(ON, 10.0), ("2021-02-01", 12.5)];
    let size = printed(ON, "2024-03-08", [2.0, 2.0], &closes).unwrap();
    assert!((size.market_cap_usd / 1.25e9 - 1.0).abs() < 1e-12, "{size:?}");
    assert!(size.line.is_of_today);
    // A spin-off of a fifth, dated 2021-02-01: a restated 16 then and 16 now, 1bn less a fifth.
    let closes = [(ON, 16.0), ("2021-02-01", 16.0)];
    let size = printed(ON, "2021-02-01", [1.25, 1.0], &closes).unwrap();
    assert!((size.market_cap_usd / 0.8e9 - 1.0).abs() < 1e-12, "{size:?}");
    // An undated spin-off may lie before today or not: the value is that of its day and marked as
    // such.
    let size = printed(ON, "2024-03-08", [1.25, 1.0], &closes).unwrap();
    assert!((size.market_cap_usd / 1e9 - 1.0).abs() < 1e-12, "{size:?}");
    assert!(!size.line.is_of_today);
}
