//! Prices in another currency than that of the snapshot: by hand, and by laws.

use marketdata::{
    bars::Bars,
    currency::{Currency, NoRate, Quotation, RATE_AGE_DAYS, Rate},
    dataset::{Dataset, EVER, Field},
    day::Day,
    fixture::{Fixture, day},
    gap::GapReason,
    instant::Instant,
    instrument::{InstrumentId, Namespace},
    quotes::{Quotes, past_price},
    snapshot::Snapshot,
};
use proptest::prelude::*;

const MONDAY: &str = "2021-01-25";
const TUESDAY: &str = "2021-01-26";

fn eur() -> Currency {
    currency("EUR")
}

#[expect(clippy::expect_used, reason = "codes are written by hand in a test")]
fn currency(code: &str) -> Currency {
    Currency::parse(code).expect("a code")
}

/// The security master says the currency of a line from a day on.
fn quoted(fixture: &mut Fixture, symbol: &str, from: &str, code: &str) {
    let key = (fixture.id(Namespace::Listed, symbol), InstrumentId::NONE);
    let values = [(Field::Currency, fixture.text(code))];
    fixture.fact(Dataset::Identifiers, key, day(from), EVER, &values);
}

fn closed(fixture: &Fixture, on: &str) -> Snapshot {
    fixture.snapshot(Instant::close_of(day(on)))
}

/// SAP at 100 and 110 euros, of which one is worth 1.20 and 1.25 dollars; AAPL at 140 and 143.
fn two_days() -> Fixture {
    let mut fixture = Fixture::new();
    let days = [MONDAY, TUESDAY].map(day);
    fixture.closes("SAP", &[(days[0], 100.0), (days[1], 110.0)]);
    fixture.closes("AAPL", &[(days[0], 140.0), (days[1], 143.0)]);
    fixture.series("EURUSD", &[(days[0], 1.2), (days[1], 1.25)]);
    quoted(&mut fixture, "SAP", "1900-01-01", "EUR");
    fixture.commit();
    fixture
}

fn price(snapshot: &Snapshot, symbol: &str) -> Option<f64> {
    Some(Quotes::of(snapshot).get(snapshot.listed(symbol)?)?.price)
}

#[test]
fn a_price_and_a_return_by_hand() {
    let snapshot = closed(&two_days(), TUESDAY);
    let id = snapshot.listed("SAP").unwrap();
    // 110 · 1.25 = 137.5
    assert!((price(&snapshot, "SAP").unwrap() - 137.5).abs() < 1e-12);
    let bars = Bars::of(&snapshot, id);
    // 1.1 · 1.25/1.2 − 1 = 0.145833…, of which the price alone made 0.1.
    assert!((bars.total_return(1).unwrap() - (1.1 * 1.25 / 1.2 - 1.0)).abs() < 1e-12);
    assert!((bars.rate_return(1).unwrap() - (1.1 * 1.25 / 1.2 - 1.1)).abs() < 1e-12);
    // A million shares a day at 137.5.
    assert!((bars.value_traded(1).unwrap() - 137.5e6).abs() < 1e-6);
    // One of today's shares cost 100 · 1.2 on Monday.
    assert!((past_price(&snapshot, id, day(MONDAY)).unwrap() - 120.0).abs() < 1e-12);
    let apple = Bars::of(&snapshot, snapshot.listed("AAPL").unwrap());
    assert!(!apple.is_converted());
    assert_eq!(apple.rate_return(1), Some(0.0));
}

#[test]
fn in_the_currency_of_the_line_no_bit_changes() {
    let mut plain = Fixture::new();
    let days = [MONDAY, TUESDAY].map(day);
    plain.closes("SAP", &[(days[0], 100.0), (days[1], 110.0)]).commit();
    let plain = closed(&plain, TUESDAY);
    let own = closed(&two_days(), TUESDAY).in_currency(eur());
    let bits = |snapshot: &Snapshot| {
        let bars = Bars::of(snapshot, snapshot.listed("SAP").unwrap());
        let of = |at| (bars.close_as_stored(at).to_bits(), bars.total_return(at).map(f64::to_bits));
        (of(0), of(1), price(snapshot, "SAP").map(f64::to_bits))
    };
    assert_eq!(bits(&own), bits(&plain));
}

#[test]
fn the_base_currency_divides_by_its_own_rate() {
    let dollars = closed(&two_days(), TUESDAY);
    let euros = dollars.in_currency(eur());
    for symbol in ["SAP", "AAPL"] {
        let (dollars, euros) = (price(&dollars, symbol).unwrap(), price(&euros, symbol).unwrap());
        assert!((dollars / 1.25 - euros).abs() < 1e-12 * dollars, "{symbol}");
    }
    // (1 + 143/140 − 1) · 1.2/1.25 − 1
    let bars = Bars::of(&euros, euros.listed("AAPL").unwrap());
    assert!((bars.total_return(1).unwrap() - (143.0 / 140.0 * 1.2 / 1.25 - 1.0)).abs() < 1e-12);
    // Amounts that are defined in dollars stay so.
    let bars = Bars::usd_since(&euros, euros.listed("AAPL").unwrap(), Day::MIN);
    assert_eq!(bars.close_as_stored(1).to_bits(), 143_f64.to_bits());
}

#[test]
fn a_rate_is_found_under_any_of_its_names() {
    let rate = |name: &str, value: f64, code: &str| {
        let mut fixture = Fixture::new();
        fixture.series(name, &[(day(TUESDAY), value)]).commit();
        let currency = Currency::parse(code).unwrap();
        closed(&fixture, TUESDAY).rate(currency, day(TUESDAY)).map(|rate| rate.value)
    };
    // H.10: dollars per euro and pound, others per dollar.
    for (name, value, code, expected) in [
        ("EURUSD", 1.25, "EUR", 1.25),
        ("USDEUR", 0.8, "EUR", 1.25),
        ("DEXUSEU", 1.25, "EUR", 1.25),
        ("DEXUSUK", 1.5, "GBP", 1.5),
        ("DEXJPUS", 100.0, "JPY", 0.01),
        ("DEXSZUS", 0.8, "CHF", 1.25),
    ] {
        let found = rate(name, value, code).unwrap();
        assert!((found - expected).abs() < 1e-15, "{name}: {found}");
    }
    let missing = rate("EURUSD", 1.25, "SEK").unwrap_err();
    assert_eq!(missing.last_on, None);
    assert!(missing.why().contains("SEKUSD or USDSEK or DEXSDUS"), "{}", missing.why());
    // A rate of zero or below is none.
    assert!(rate("EURUSD", 0.0, "EUR").is_err());
}

#[test]
fn pence_are_hundredths_of_a_pound() {
    let mut fixture = Fixture::new();
    fixture.closes("VOD", &[(day(TUESDAY), 130.0)]).series("GBPUSD", &[(day(TUESDAY), 1.5)]);
    quoted(&mut fixture, "VOD", "1900-01-01", "GBX");
    fixture.commit();
    let snapshot = closed(&fixture, TUESDAY);
    // 130 pence are 1.30 pounds, 1.95 dollars.
    assert!((price(&snapshot, "VOD").unwrap() - 1.95).abs() < 1e-12);
    let pounds = snapshot.in_currency(Currency::parse("GBP").unwrap());
    assert!((price(&pounds, "VOD").unwrap() - 1.3).abs() < 1e-12);
    assert_eq!(Quotation::code_of("GBp"), "GBX");
    assert_eq!(Quotation::code_of(" gbp "), "GBP");
    let vodafone = snapshot.listed("VOD").unwrap();
    assert_eq!(snapshot.quotation(vodafone, day(TUESDAY)).code(), "GBX");
}

#[test]
fn an_old_rate_holds_for_a_stated_time_and_then_there_is_no_price() {
    let last = day("2021-01-15");
    for (age, is_priced) in [(0, true), (RATE_AGE_DAYS, true), (RATE_AGE_DAYS + 1, false)] {
        let on = last.plus(age);
        let mut fixture = Fixture::new();
        fixture.closes("SAP", &[(on, 100.0)]).series("EURUSD", &[(last, 1.2)]);
        quoted(&mut fixture, "SAP", "1900-01-01", "EUR");
        fixture.commit();
        let snapshot = fixture.snapshot(Instant::close_of(on));
        let id = snapshot.listed("SAP").unwrap();
        let quote = Quotes::of(&snapshot).get(id);
        assert_eq!(quote.is_some(), is_priced, "{age}");
        assert_eq!(Bars::of(&snapshot, id).len(), usize::from(is_priced));
        match quote {
            Some(quote) => assert_eq!((quote.on, quote.rate_on), (on, Some(last))),
            None => {
                assert_eq!(Quotes::why_none(&snapshot, id), GapReason::NoRate);
                let expected = NoRate { currency: eur(), on, last_on: Some(last) };
                assert_eq!(Quotes::missing_rate(&snapshot, id), Some(expected));
                assert_eq!(past_price(&snapshot, id, on), Err(GapReason::NoRate));
            }
        }
    }
}

/// What is no code has no rate, instead of being taken for dollars.
#[test]
fn a_currency_that_is_no_code_gives_no_price() {
    let mut fixture = Fixture::new();
    fixture.closes("SAP", &[(day(TUESDAY), 100.0)]);
    quoted(&mut fixture, "SAP", "1900-01-01", "EURO");
    fixture.commit();
    let snapshot = closed(&fixture, TUESDAY);
    assert_eq!(price(&snapshot, "SAP"), None);
}

/// A line that changed its currency has each price in that of its day; before the first row of the
/// security master, in that of the first.
#[test]
fn a_line_may_change_its_currency() {
    let mut fixture = Fixture::new();
    let days = ["2021-01-22", MONDAY, TUESDAY].map(day);
    fixture.closes("XYZ", &days.map(|on| (on, 100.0)));
    fixture.series("EURUSD", &days.map(|on| (on, 1.2)));
    fixture.series("GBPUSD", &days.map(|on| (on, 1.5)));
    quoted(&mut fixture, "XYZ", MONDAY, "GBP");
    quoted(&mut fixture, "XYZ", TUESDAY, "EUR");
    fixture.commit();
    let snapshot = closed(&fixture, TUESDAY);
    let bars = Bars::of(&snapshot, snapshot.listed("XYZ").unwrap());
    for (at, expected) in [150.0, 150.0, 120.0].into_iter().enumerate() {
        assert!((bars.close_as_stored(at) - expected).abs() < 1e-9, "{at}");
    }
}

/// A rate that is published later changes no answer as of an earlier instant, and is a change of the
/// prices as of a later one.
#[test]
fn a_later_rate_is_not_known_before_and_changes_prices_after() {
    let mut fixture = two_days();
    let before = closed(&fixture, TUESDAY);
    let id = before.listed("SAP").unwrap();
    let key = (fixture.id(Namespace::Series, "EURUSD"), InstrumentId::NONE);
    let wednesday = Instant::close_of(day("2021-01-27"));
    // A correction of Tuesday's rate.
    fixture.fact(Dataset::Series, key, day(TUESDAY), wednesday, &[(Field::Value, 1.3)]).commit();
    let same = closed(&fixture, TUESDAY);
    assert_eq!(price(&same, "SAP").map(f64::to_bits), price(&before, "SAP").map(f64::to_bits));
    assert_eq!(same.first_difference(&before, Dataset::Bars, id), None);
    let after = fixture.snapshot(wednesday);
    assert!((price(&after, "SAP").unwrap() - 143.0).abs() < 1e-12);
    assert_eq!(after.first_difference(&same, Dataset::Bars, id), Some(day(TUESDAY)));
    assert!(after.changed_since(&same).datasets.contains(Dataset::Bars));
    let apple = before.listed("AAPL").unwrap();
    assert_eq!(after.first_difference(&same, Dataset::Bars, apple), None);
    // In euros the prices of every line change with it.
    let euros = [&after, &same].map(|snapshot| snapshot.in_currency(eur()));
    assert_eq!(euros[0].first_difference(&euros[1], Dataset::Bars, apple), Some(day(TUESDAY)));
    assert_eq!(euros[0].first_difference(&euros[1], Dataset::Bars, id), None, "SAP is in euros");
    // Another base is another value.
    assert!(!euros[1].has_bounds_of(&same));
    assert!(!euros[0].follows(&same));
}

#[test]
fn a_new_currency_of_a_line_changes_all_its_prices() {
    let mut fixture = two_days();
    let before = closed(&fixture, TUESDAY);
    quoted(&mut fixture, "AAPL", "1900-01-01", "EUR");
    fixture.commit();
    let after = closed(&fixture, TUESDAY);
    let apple = after.listed("AAPL").unwrap();
    assert_eq!(after.first_difference(&before, Dataset::Bars, apple), Some(Day::MIN));
    assert!(after.changed_since(&before).datasets.contains(Dataset::Bars));
}

/// Without a foreign line, news of rates or identifiers are no news of prices.
#[test]
fn a_market_in_one_currency_does_not_depend_on_rates() {
    let mut fixture = Fixture::new();
    fixture.closes("AAPL", &[(day(TUESDAY), 143.0)]);
    quoted(&mut fixture, "AAPL", "1900-01-01", "USD");
    fixture.commit();
    let before = closed(&fixture, TUESDAY);
    fixture.series("EURUSD", &[(day(TUESDAY), 1.25)]).commit();
    let changes = closed(&fixture, TUESDAY).changed_since(&before);
    assert!(changes.datasets.contains(Dataset::Series));
    assert!(!changes.datasets.contains(Dataset::Bars));
}

proptest! {
    /// With one rate per currency, the way through a third currency is the direct one.
    #[test]
    fn no_triangle_contradicts_itself(
        euro in 0.1_f64..10.0,
        pound in 0.1_f64..10.0,
        yen in 0.001_f64..1.0,
    ) {
        let mut fixture = Fixture::new();
        let on = day(TUESDAY);
        fixture.series("EURUSD", &[(on, euro)]);
        fixture.series("GBPUSD", &[(on, pound)]);
        fixture.series("USDJPY", &[(on, 1.0 / yen)]).commit();
        let snapshot = closed(&fixture, TUESDAY);
        let codes = ["USD", "EUR", "GBP", "JPY"].map(|code| Currency::parse(code).unwrap());
        let rate = |of, into| {
            let Rate { value, .. } = snapshot.in_currency(into).rate(of, on).unwrap();
            value
        };
        for a in codes {
            prop_assert_eq!(rate(a, a).to_bits(), 1_f64.to_bits());
            for (b, c) in codes.iter().flat_map(|b| codes.iter().map(move |c| (*b, *c))) {
                let (direct, through) = (rate(a, c), rate(a, b) * rate(b, c));
                prop_assert!((direct - through).abs() < 1e-12 * direct, "{} {} {}", a, b, c);
            }
        }
    }

    /// Constant rates scale prices and change no return by more than rounding.
    #[test]
    fn constant_rates_scale(closes in prop::collection::vec(1.0_f64..1000.0, 2..20), rate in 0.01_f64..100.0) {
        let days: Vec<Day> = (0..closes.len() as i32).map(|at| day(MONDAY).plus(at)).collect();
        let mut fixture = Fixture::new();
        let all: Vec<(Day, f64)> = days.iter().copied().zip(closes).collect();
        fixture.closes("AAPL", &all);
        fixture.series("EURUSD", &days.iter().map(|on| (*on, rate)).collect::<Vec<_>>()).commit();
        let dollars = fixture.snapshot(Instant::close_of(days[days.len() - 1]));
        let euros = dollars.in_currency(eur());
        let id = dollars.listed("AAPL").unwrap();
        let (of_dollars, of_euros) = (Bars::of(&dollars, id), Bars::of(&euros, id));
        for at in 0..days.len() {
            let scaled = of_euros.close_as_stored(at) * rate;
            prop_assert!((scaled / of_dollars.close_as_stored(at) - 1.0).abs() < 1e-14);
            let returns = (of_dollars.total_return(at), of_euros.total_return(at));
            prop_assert_eq!(returns.0.is_some(), returns.1.is_some());
            let (a, b) = (returns.0.unwrap_or(0.0), returns.1.unwrap_or(0.0));
            prop_assert!((a - b).abs() < 1e-13 * (1.0 + a.abs()), "{} {}", a, b);
            prop_assert!(of_euros.rate_return(at).unwrap_or(0.0).abs() < 1e-12 * (1.0 + a.abs()));
        }
    }
}
