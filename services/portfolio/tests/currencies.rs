//! Lines and cash in several currencies: by hand, and by laws.

use marketdata::{
    currency::Currency,
    dataset::{Dataset, EVER, Field},
    day::Day,
    fixture::{Fixture, day},
    gap::{Gap, GapReason, MeasureRef, Subject},
    instant::Instant,
    instrument::{InstrumentId, Namespace},
    quotes::Quotes,
    snapshot::Snapshot,
};
use portfolio::{
    book::Book,
    currencies::{Cash, ValuedCash, exposures},
    derivative::{Kind, RawFuture, RawModel, RawOption, RawSensitivity},
    lines::{RawLine, Size, Terms, Violation, violations},
    lookup::Lookup,
    option::Right,
};

const MONDAY: &str = "2021-01-25";
const TUESDAY: &str = "2021-01-26";

/// SAP at 100 and 110 euros of 1.20 and 1.25 dollars, VOD at 130 pence of 1.50 dollars to the
/// pound, NOKIA in Swedish crowns without a rate, and AAPL at 140 and 143 dollars.
fn market() -> Fixture {
    let mut fixture = Fixture::new();
    let days = [MONDAY, TUESDAY].map(day);
    fixture.closes("SAP", &[(days[0], 100.0), (days[1], 110.0)]);
    fixture.closes("VOD", &days.map(|on| (on, 130.0)));
    fixture.closes("NOKIA", &days.map(|on| (on, 40.0)));
    fixture.closes("AAPL", &[(days[0], 140.0), (days[1], 143.0)]);
    fixture.series("EURUSD", &[(days[0], 1.2), (days[1], 1.25)]);
    fixture.series("GBPUSD", &days.map(|on| (on, 1.5)));
    for (symbol, code) in [("SAP", "EUR"), ("VOD", "GBX"), ("NOKIA", "SEK")] {
        let key = (fixture.id(Namespace::Listed, symbol), InstrumentId::NONE);
        let values = [(Field::Currency, fixture.text(code))];
        fixture.fact(Dataset::Identifiers, key, day("1900-01-01"), EVER, &values);
    }
    fixture.commit();
    fixture
}

fn view() -> Snapshot {
    market().snapshot(Instant::close_of(day(TUESDAY)))
}

#[expect(clippy::expect_used, reason = "books are written by hand in a test")]
fn join(snapshot: &Snapshot, lines: &[RawLine<'_>]) -> Book {
    let joined = Book::join(
        lines.iter().copied(),
        &Terms::NONE,
        &Lookup::of(snapshot),
        &Quotes::of(snapshot),
    );
    joined.expect("a lawful book")
}

fn shares(symbol: &str, count: f64) -> RawLine<'_> {
    RawLine::of(symbol, Size::Shares(count))
}

fn worth<'a>(symbol: &'a str, value: f64, currency: &'a str) -> RawLine<'a> {
    RawLine { currency, ..RawLine::of(symbol, Size::MarketValue(value)) }
}

fn only(book: &Book) -> f64 {
    assert!(book.loose.is_empty(), "{:?}", book.loose);
    book.holdings[0].market_value
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9 * expected.abs(), "{found}, not {expected}");
}

#[test]
fn values_by_hand() {
    let view = view();
    // 10 · 110 · 1.25
    near(only(&join(&view, &[shares("SAP", 10.0)])), 1_375.0);
    // −1,000 · 1.30 · 1.5
    near(only(&join(&view, &[shares("VOD", -1_000.0)])), -1_950.0);
    // 2,000 euros at 1.25; without a currency, 2,000 dollars.
    near(only(&join(&view, &[worth("SAP", 2_000.0, "EUR")])), 2_500.0);
    near(only(&join(&view, &[worth("SAP", 2_000.0, "")])), 2_000.0);
    // 13,000 pence are 130 pounds.
    near(only(&join(&view, &[worth("VOD", 13_000.0, "GBX")])), 195.0);
    near(only(&join(&view, &[worth("VOD", 130.0, "GBP")])), 195.0);
    // 1,000 euros on Monday are 10 shares, which are 1,375 dollars on Tuesday; 1,200 dollars too.
    for (value, currency) in [(1_000.0, "EUR"), (1_200.0, "")] {
        let line = RawLine { valued_on: MONDAY, ..worth("SAP", value, currency) };
        near(only(&join(&view, &[line])), 1_375.0);
    }
}

/// On Tuesday SAP's exchange was closed, and the euro rose from 1.20 to 1.25 dollars.
#[test]
fn a_price_that_did_not_move_made_nothing() {
    let mut fixture = Fixture::new();
    let days = [MONDAY, TUESDAY].map(day);
    fixture.closes("SAP", &[(days[0], 100.0)]);
    fixture.closes("AAPL", &days.map(|on| (on, 140.0)));
    fixture.series("EURUSD", &[(days[0], 1.2), (days[1], 1.25)]);
    let key = (fixture.id(Namespace::Listed, "SAP"), InstrumentId::NONE);
    let values = [(Field::Currency, fixture.text("EUR"))];
    fixture.fact(Dataset::Identifiers, key, day("1900-01-01"), EVER, &values);
    fixture.commit();
    let view = fixture.snapshot(Instant::close_of(days[1]));
    // Bought at the last close: 10 · (100 − 100) · 1.20.
    let bought = RawLine { average_cost: Some(100.0), currency: "EUR", ..shares("SAP", 10.0) };
    let book = join(&view, &[bought]);
    near(only(&book), 1_200.0);
    let lot = book.lots(&book.holdings[0])[0];
    assert!(lot.profit_and_loss.is_some_and(|made| made.abs() < 1e-9), "{lot:?}");
    // 1,000 euros without a day are 10 shares at the last close.
    let book = join(&view, &[worth("SAP", 1_000.0, "EUR")]);
    near(only(&book), 1_200.0);
    near(book.holdings[0].shares.unwrap_or_default(), 10.0);
}

/// In euros, the rate of which ended two weeks before: the session is that of the closes.
#[test]
fn a_rate_that_lags_does_not_move_the_session() {
    let mut fixture = Fixture::new();
    let (old, new) = (day("2021-01-04"), day(TUESDAY));
    fixture.closes("GONE", &[(old, 50.0)]);
    fixture.closes("AAPL", &[(old, 130.0), (new, 143.0)]);
    fixture.series("EURUSD", &[(old, 1.2)]);
    fixture.commit();
    let view = fixture.snapshot(Instant::close_of(new));
    let euros = Currency::parse("EUR").map(|euro| view.in_currency(euro));
    let quotes = euros.as_ref().map(Quotes::of);
    assert_eq!(quotes.as_ref().and_then(Quotes::session), Some(new));
    let aapl = view.listed("AAPL").and_then(|aapl| quotes.as_ref()?.get(aapl));
    assert_eq!(aapl, None, "no rate within twelve days of its close");
}

#[test]
fn contracts_have_their_money_in_the_currency_of_the_line() {
    let view = view();
    let swap = RawLine { kind: Kind::Swap, ..worth("SAP", -4_000.0, "EUR") };
    near(only(&join(&view, &[swap])), -5_000.0);
    // 2 · 10 · 111 euros
    let terms = RawFuture { multiplier: Some(10.0), price: Some(111.0) };
    let future = RawLine { kind: Kind::Future(terms), currency: "EUR", ..shares("SAP", 2.0) };
    near(only(&join(&view, &[future])), 2_220.0 * 1.25);
    // A delta does not depend on the unit of price and strike.
    let option = |strike, currency| {
        let model = RawModel {
            right: Some(Right::Call),
            strike: Some(strike),
            expires_on: "2021-07-26",
            volatility: Some(0.3),
            rate: Some(0.01),
            dividend_yield: Some(0.0),
        };
        let sensitivity = Some(RawSensitivity::Model(model));
        let kind = Kind::Option(RawOption { multiplier: Some(100.0), sensitivity });
        RawLine { kind, currency, ..shares("SAP", 1.0) }
    };
    let euros = view.in_currency(Currency::parse("EUR").unwrap());
    let expected = only(&join(&euros, &[option(115.0, "")])) * 1.25;
    near(only(&join(&view, &[option(115.0, "EUR")])), expected);
    near(only(&join(&view, &[option(115.0 * 1.25, "")])), expected);
}

/// The P&L against a cost is what the price made, at today's rate.
#[test]
fn a_cost_is_in_the_currency_of_the_line() {
    let made = |cost, currency| {
        let line = RawLine { average_cost: Some(cost), currency, ..shares("SAP", 10.0) };
        let book = join(&view(), &[line]);
        book.lots(&book.holdings[0])[0].profit_and_loss.unwrap()
    };
    near(made(90.0, "EUR"), 10.0 * (110.0 - 90.0) * 1.25);
    near(made(90.0, ""), 10.0 * (110.0 * 1.25 - 90.0));
}

#[test]
fn what_no_rate_converts_is_named_and_has_no_value() {
    let view = view();
    let lines = [shares("AAPL", 10.0), shares("NOKIA", 10.0), worth("NOKIA", 500.0, "SEK")];
    let book = join(&view, &lines);
    near(book.gross, 1_430.0);
    let reasons: Vec<GapReason> = book.loose.iter().map(|line| line.cause.reason()).collect();
    assert_eq!(reasons, [GapReason::NoRate; 2]);
    for line in &book.loose {
        assert!(line.why().contains("no rate of SEK is known by 2021-01-26"), "{}", line.why());
        assert_eq!(line.market_value(), None);
    }
    // A value in dollars is known without a rate, and has its weight.
    let book = join(&view, &[worth("NOKIA", -500.0, ""), shares("AAPL", 10.0)]);
    near(book.gross, 1_930.0);
    let nokia = book.holdings.iter().find(|holding| holding.quote.is_none()).unwrap();
    near(nokia.market_value, -500.0);
    assert_eq!(nokia.shares, None);
}

#[test]
fn another_currency_than_that_of_the_listing_is_not_valued() {
    let book = join(&view(), &[RawLine { currency: "GBP", ..shares("SAP", 10.0) }]);
    assert!(book.holdings.is_empty());
    assert_eq!(book.loose[0].cause.reason(), GapReason::CurrencyDisagrees);
    let why = book.loose[0].why();
    assert!(why.contains("says GBP, and SAP is quoted in EUR"), "{why}");
    let euro = RawLine { currency: "euro", ..shares("SAP", 10.0) };
    let faults: Vec<Violation> = violations([euro], &Terms::NONE);
    assert_eq!(faults[0].field, "positions[0].currency");
}

#[test]
fn a_book_in_another_currency_is_the_same_book_divided_by_its_rate() {
    let lines = [
        shares("SAP", 10.0),
        shares("VOD", -1_000.0),
        worth("SAP", 500.0, "EUR"),
        shares("AAPL", -7.0),
    ];
    let dollars = view();
    let book = join(&dollars, &lines);
    for (code, rate) in [("EUR", 1.25), ("GBP", 1.5)] {
        let other = join(&dollars.in_currency(Currency::parse(code).unwrap()), &lines);
        near(other.gross * rate, book.gross);
        for (a, b) in book.holdings.iter().zip(&other.holdings) {
            near(b.market_value * rate, a.market_value);
        }
    }
}

#[test]
fn the_order_of_lines_changes_no_bit() {
    let mut lines = vec![
        shares("SAP", 10.0),
        worth("SAP", 500.3, "EUR"),
        worth("SAP", -123.4, ""),
        shares("VOD", -1_000.0),
        worth("VOD", 77.7, "GBX"),
        shares("NOKIA", 1.0),
    ];
    let bits = |lines: &[RawLine<'_>]| {
        let book = join(&view(), lines);
        let values = book.holdings.iter().map(|holding| holding.market_value.to_bits());
        (book.gross.to_bits(), values.collect::<Vec<_>>())
    };
    let expected = bits(&lines);
    for _ in 0..lines.len() {
        lines.rotate_left(1);
        assert_eq!(bits(&lines), expected);
    }
}

#[test]
fn cash_in_another_currency_is_an_exposure_to_its_rate() {
    let view = view();
    let quotes = Quotes::of(&view);
    let book = join(&view, &[shares("SAP", 10.0), shares("VOD", -1_000.0), shares("AAPL", 1.0)]);
    let cash = |name: &str, code: &str, amount| Cash {
        name: name.to_owned(),
        currency: Currency::parse(code).unwrap(),
        amount,
    };
    let balances = [
        cash("euros", "EUR", -400.0),
        cash("dollars", "USD", 50.0),
        cash("more", "EUR", 100.0),
        cash("crowns", "SEK", 9.0),
    ];
    let valued = ValuedCash::of(&balances, &view, &quotes);
    // −300 · 1.25 + 50; the crowns have no rate.
    near(valued.total().unwrap(), -325.0);
    let rows = exposures(&book, (&balances, &valued), (&view, &quotes));
    let row = |code: &str| rows.iter().find(|row| row.currency.code() == code).unwrap();
    assert_eq!(rows.len(), 4);
    near(row("EUR").long, 1_375.0);
    near(row("EUR").cash, -375.0);
    near(row("GBP").short, 1_950.0);
    near(row("USD").long, 143.0);
    near(row("USD").cash, 50.0);
    assert_eq!((row("SEK").rate, row("USD").rate.map(|rate| rate.on)), (None, Some(None)));
    let gaps: Vec<Gap> = valued.gaps(book.gross).collect();
    let told: Vec<(GapReason, bool)> =
        gaps.iter().map(|gap| (gap.reason, gap.gross_share.is_some())).collect();
    let moves = (GapReason::ForeignCash, true);
    assert_eq!(told, [moves, moves, (GapReason::NoRate, false)]);
    // 500 of 3,468
    near(gaps[0].gross_share.unwrap(), 500.0 / (1_375.0 + 1_950.0 + 143.0));
    // A book in one currency has no rows.
    let plain = join(&view, &[shares("AAPL", 1.0)]);
    let dollars = [cash("dollars", "USD", 50.0)];
    let valued = ValuedCash::of(&dollars, &view, &quotes);
    assert!(exposures(&plain, (&dollars, &valued), (&view, &quotes)).is_empty());
    assert_eq!(valued.gaps(1.0).count(), 0);
}

#[test]
fn a_rate_older_than_the_close_is_told() {
    let mut fixture = market();
    let wednesday = day("2021-01-27");
    fixture.closes("SAP", &[(wednesday, 112.0)]).commit();
    let view = fixture.snapshot(Instant::close_of(wednesday));
    let book = join(&view, &[shares("SAP", 10.0), shares("AAPL", 1.0)]);
    let gaps: Vec<Gap> = book.line_gaps().collect();
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps[0].reason, GapReason::OldRate);
    assert!(gaps[0].detail.contains("2021-01-27 is converted at the rate of 2021-01-26"));
    near(gaps[0].gross_share.unwrap(), 1_400.0 / 1_543.0);
}

/// A rate of Monday, none of Tuesday and Wednesday, and one of Thursday: closes of the two days between
/// have an older rate, and Thursday's has not.
#[test]
fn old_rates_inside_a_window_are_told_whatever_the_last_close_has() {
    let mut fixture = Fixture::new();
    let days = ["2021-01-25", "2021-01-26", "2021-01-27", "2021-01-28"].map(day);
    for symbol in ["SAP", "AAPL"] {
        fixture.closes(symbol, &days.map(|on| (on, 100.0)));
    }
    fixture.series("EURUSD", &[(days[0], 1.2), (days[3], 1.25)]);
    let key = (fixture.id(Namespace::Listed, "SAP"), InstrumentId::NONE);
    let values = [(Field::Currency, fixture.text("EUR"))];
    fixture.fact(Dataset::Identifiers, key, day("1900-01-01"), EVER, &values);
    fixture.commit();
    let view = fixture.snapshot(Instant::close_of(days[3]));
    // 3 · 100 · 1.25 = 375 of SAP and 1 · 100 of AAPL.
    let book = join(&view, &[shares("SAP", 3.0), shares("AAPL", 1.0)]);
    assert_eq!(book.line_gaps().count(), 0, "the last close has its own rate");
    let gaps = book.old_rate_gaps_on(&view, &days);
    let [gap] = &gaps[..] else { panic!("{gaps:?}") };
    assert_eq!((gap.reason, &gap.subject), (GapReason::OldRate, &Subject::symbol("SAP")));
    near(gap.gross_share.unwrap(), 375.0 / 475.0);
    let told = "2 of 4 closes from 2021-01-25 to 2021-01-28 are converted at older rates, that of \
                2021-01-26 at the rate of 2021-01-25 and that of 2021-01-27 at the rate of 2021-01-25";
    assert!(gap.detail.contains(told), "{}", gap.detail);
    // Half of the closes of 375 / 475 of gross.
    let behind = |view: &Snapshot, days: &[Day]| {
        let book = join(view, &[shares("SAP", 3.0), shares("AAPL", 1.0)]);
        book.old_rate_gap_behind(view, days, &[], MeasureRef::ProfitAndLoss)
    };
    near(behind(&view, &days).unwrap().gross_share.unwrap(), 375.0 / 475.0 / 2.0);
    assert_eq!(behind(&view, &[days[0], days[3]]), None);
    assert_eq!(behind(&view, &[]), None);
    // In euros it is the dollars that are converted.
    let euros = view.in_currency(Currency::parse("EUR").unwrap());
    near(behind(&euros, &days).unwrap().gross_share.unwrap(), 80.0 / 380.0 / 2.0);
    // Without currencies there is nothing to tell.
    let mut plain = Fixture::new();
    plain.closes("SAP", &days.map(|on| (on, 100.0))).closes("AAPL", &days.map(|on| (on, 100.0)));
    plain.commit();
    assert_eq!(behind(&plain.snapshot(Instant::close_of(days[3])), &days), None);
}

/// SAP, at 100 euros on four days, with rates of the first and the last; BMW never had a price, and XOM
/// has closes of other days.
fn half_rated() -> (Fixture, [Day; 4]) {
    let mut fixture = Fixture::new();
    let days = ["2021-01-25", "2021-01-26", "2021-01-27", "2021-01-28"].map(day);
    for symbol in ["SAP", "AAPL"] {
        fixture.closes(symbol, &days.map(|on| (on, 100.0)));
    }
    fixture.closes("XOM", &[(day("2021-01-20"), 40.0)]);
    fixture.series("EURUSD", &[(day("2021-01-20"), 1.1), (days[0], 1.2), (days[3], 1.25)]);
    for symbol in ["SAP", "BMW", "XOM"] {
        let key = (fixture.id(Namespace::Listed, symbol), InstrumentId::NONE);
        let values = [(Field::Currency, fixture.text("EUR"))];
        fixture.fact(Dataset::Identifiers, key, day("1900-01-01"), EVER, &values);
    }
    fixture.commit();
    (fixture, days)
}

/// The details of old rates that an answer about the last close tells, and one about other days.
fn told(book: &Book) -> [Vec<String>; 2] {
    let details = |gaps: Vec<Gap>| {
        let old = gaps.into_iter().filter(|gap| gap.reason == GapReason::OldRate);
        old.map(|gap| gap.detail.to_string()).collect()
    };
    [details(book.line_gaps().collect()), details(book.old_rate_gaps_of_values().collect())]
}

/// Lines that are not resolved count with the values that they give, each at the rate of its day: of
/// the last session, Thursday, and of Wednesday, which has none but Monday's.
#[test]
fn a_line_that_is_not_resolved_is_told_of_the_rate_of_its_value() {
    let (fixture, days) = half_rated();
    let view = fixture.snapshot(Instant::close_of(days[3]));
    let dated = |on| RawLine { valued_on: on, ..worth("NOBODY", 100.0, "EUR") };
    let lines = |on| [dated(on), worth("AAPL", 100.0, "USD"), shares("NOBODY ELSE", 5.0)];
    assert_eq!(told(&join(&view, &lines(""))).concat(), Vec::<String>::new());
    let book = join(&view, &lines("2021-01-27"));
    let gap = book.old_rate_gaps().next().unwrap();
    let why = "its value of 2021-01-27 is converted at the rate of 2021-01-25, the last one known by then";
    assert_eq!((gap.reason, gap.detail.as_str()), (GapReason::OldRate, why));
    // 120 dollars of 220.
    near(gap.gross_share.unwrap(), 120.0 / 220.0);
    assert_eq!(book.old_rate_gaps().count(), 1);
    // On Wednesday the last session has no rate of its own either.
    let view = fixture.snapshot(Instant::close_of(days[2]));
    assert_eq!(join(&view, &lines("")).old_rate_gaps().count(), 1);
}

#[test]
fn a_value_is_told_of_the_rate_of_its_own_day() {
    let (fixture, days) = half_rated();
    let dated = |on, currency| RawLine { valued_on: on, ..worth("SAP", 375.0, currency) };
    let at = |on: Day, line: RawLine<'_>| join(&fixture.snapshot(Instant::close_of(on)), &[line]);
    // 375 / (100 · 1.20) shares although the rate of that day is unknown; the last close has one.
    let book = at(days[3], dated("2021-01-26", ""));
    near(book.holdings[0].shares.unwrap(), 3.125);
    let [close, value] = told(&book);
    let expected = "its value of 2021-01-26 is converted at the rate of 2021-01-25, the last one known \
                    by then";
    assert_eq!((&close[..], &value[..]), (&[expected.to_owned()][..], &[expected.to_owned()][..]));
    // The rate of its day is known, and that of the last close is not.
    let [close, value] = told(&at(days[2], dated("2021-01-25", "")));
    assert!(close.len() == 1 && close[0].starts_with("the close of 2021-01-27"), "{close:?}");
    assert!(value.is_empty(), "{value:?}");
    // In euros the same rate is in value and price: shares are 375 / 100 at any rate.
    let book = at(days[3], dated("2021-01-26", "EUR"));
    near(book.holdings[0].shares.unwrap(), 3.75);
    assert_eq!(told(&book), [const { Vec::<String>::new() }; 2]);
    // Without a day of its own it is one of the last close.
    let [close, value] = told(&at(days[2], worth("SAP", 375.0, "")));
    assert_eq!((close.len(), value.len()), (1, 1));
    assert_eq!(told(&at(days[2], worth("SAP", 375.0, "EUR"))).map(|told| told.len()), [1, 0]);
    assert_eq!(told(&at(days[2], shares("SAP", 3.0))).map(|told| told.len()), [1, 0]);
}

#[test]
fn a_value_without_a_price_is_told_of_its_rate() {
    let (fixture, days) = half_rated();
    let at = |on: Day| {
        let book = join(&fixture.snapshot(Instant::close_of(on)), &[worth("BMW", 100.0, "EUR")]);
        (only(&book), told(&book).map(|told| told.len()))
    };
    assert_eq!(at(days[2]), (120.0, [1, 0]));
    assert_eq!(at(days[3]), (125.0, [0, 0]));
}

/// XOM has a quote and no close on the days: betas stand in for its returns, which are in no currency.
#[test]
fn only_closes_of_returns_have_old_rates() {
    let (fixture, days) = half_rated();
    let view = fixture.snapshot(Instant::close_of(days[3]));
    let book = join(&view, &[shares("XOM", 1.0), shares("AAPL", 1.0)]);
    assert!(book.old_rate_gaps_on(&view, &days).is_empty());
    let behind = |others: &[InstrumentId]| {
        book.old_rate_gap_behind(&view, &days, others, MeasureRef::ProfitAndLoss)
    };
    assert_eq!(behind(&[]), None);
    // What is not held rests on them, too: an index, a hedge.
    let gap = behind(&[view.listed("SAP").unwrap()]).unwrap();
    assert!(gap.detail.starts_with("one name: 2 of 4 closes"), "{}", gap.detail);
    assert_eq!(gap.gross_share, None);
}
