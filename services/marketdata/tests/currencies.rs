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

/// Each of two series may be the one that goes on; a day that both have is that of the preferred one.
#[test]
fn a_series_that_ended_hides_no_newer_one() {
    let days = ["2021-01-04", MONDAY, TUESDAY].map(day);
    let names = ["CHFUSD", "USDCHF", "DEXSZUS"];
    // Dollars per franc of a series, as its values spell them.
    let spelled = |name: &str, usd: f64| if name == "CHFUSD" { usd } else { 1.0 / usd };
    for old in names {
        for new in names.into_iter().filter(|new| *new != old) {
            let mut fixture = Fixture::new();
            fixture.series(old, &[(days[0], spelled(old, 1.25))]);
            fixture.series(new, &[(days[1], spelled(new, 1.6)), (days[2], spelled(new, 2.0))]);
            fixture.commit();
            let view = closed(&fixture, TUESDAY);
            let rate = |on| view.rate(currency("CHF"), on).unwrap();
            // 1/1.25 = 0.8, 1/1.6 = 0.625 and 1/2 = 0.5 are read back without more than rounding.
            for (on, expected) in days.into_iter().zip([1.25, 1.6, 2.0]) {
                let found = rate(on);
                assert_eq!(found.on, Some(on), "{old} before {new}");
                assert!((found.value - expected).abs() < 1e-15, "{old}, {new}: {}", found.value);
            }
            // The last rate by a day in between is the older one's, within its age.
            assert_eq!(rate(days[0].plus(3)).on, Some(days[0]));
            // As known on Monday, Tuesday's rate is unknown.
            let monday = closed(&fixture, MONDAY);
            assert_eq!(monday.rate(currency("CHF"), days[2]).unwrap().on, Some(days[1]));
            // Into francs it is the inverse.
            let dollars = view.in_currency(currency("CHF")).rate(Currency::USD, days[2]).unwrap();
            assert!((dollars.value - 0.5).abs() < 1e-15);
        }
    }
    let mut fixture = Fixture::new();
    fixture.series("USDCHF", &[(days[1], 0.5)]).series("CHFUSD", &[(days[1], 1.25)]).commit();
    let view = closed(&fixture, TUESDAY);
    assert!((view.rate(currency("CHF"), days[1]).unwrap().value - 1.25).abs() < 1e-15);
    // A value that is no rate gives its day to the next series.
    fixture.series("CHFUSD", &[(days[2], 0.0)]).series("USDCHF", &[(days[2], 0.8)]).commit();
    let view = closed(&fixture, TUESDAY);
    assert_eq!(
        view.rate(currency("CHF"), days[2]).unwrap(),
        Rate { value: 1.25, on: Some(days[2]) }
    );
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
    // A unit of prices is no currency.
    assert_eq!(["GBX", "ZAC", "ILA"].map(Currency::parse), [None; 3]);
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

/// The exchange went over from pence to pounds on Tuesday: 130 pence and 1.43 pounds. The pound rose
/// from 1.50 to 1.60 dollars; the price made 10 %, the rate the rest of 1.1 · 1.6/1.5 − 1.
#[test]
fn another_unit_of_prices_is_no_part_of_the_rate() {
    let mut fixture = Fixture::new();
    let days = [MONDAY, TUESDAY].map(day);
    fixture.closes("VOD", &[(days[0], 130.0), (days[1], 1.43)]);
    fixture.series("GBPUSD", &[(days[0], 1.5), (days[1], 1.6)]);
    quoted(&mut fixture, "VOD", "1900-01-01", "GBX");
    quoted(&mut fixture, "VOD", TUESDAY, "GBP");
    fixture.commit();
    let dollars = closed(&fixture, TUESDAY);
    let rate_return = |view: &Snapshot| {
        let bars = Bars::of(view, view.listed("VOD").unwrap());
        (bars.total_return(1).unwrap(), bars.rate_return(1).unwrap(), bars.is_converted())
    };
    let (total, rate, is_converted) = rate_return(&dollars);
    assert!((total - (1.1 * 1.6 / 1.5 - 1.0)).abs() < 1e-12);
    assert!((rate - (1.1 * 1.6 / 1.5 - 1.1)).abs() < 1e-12, "{rate}");
    assert!(is_converted);
    // In pounds there is no rate.
    let (total, rate, is_converted) = rate_return(&dollars.in_currency(currency("GBP")));
    assert!((total - 0.1).abs() < 1e-12 && rate.abs() < 1e-12, "{total} {rate}");
    assert!(!is_converted);
}

/// From the mark to the euro: the holder had marks until then. Without rates of the mark on the
/// second day, those of the euro count.
#[test]
fn a_line_that_changes_its_currency_has_the_rate_of_the_earlier_one() {
    for (mark_on_tuesday, expected) in [(Some(0.66), 0.66 / 0.6), (None, 1.25 / 1.2)] {
        let mut fixture = Fixture::new();
        let days = [MONDAY, "2021-02-15"].map(day);
        fixture.closes("XYZ", &[(days[0], 100.0), (days[1], 60.0)]);
        fixture.series("EURUSD", &[(days[0], 1.2), (days[1], 1.25)]);
        let marks = [(days[0], Some(0.6)), (days[1], mark_on_tuesday)];
        let marks: Vec<(Day, f64)> =
            marks.into_iter().filter_map(|(on, rate)| Some((on, rate?))).collect();
        fixture.series("DEMUSD", &marks);
        quoted(&mut fixture, "XYZ", "1900-01-01", "DEM");
        quoted(&mut fixture, "XYZ", "2021-02-15", "EUR");
        fixture.commit();
        let view = closed(&fixture, "2021-02-15");
        let bars = Bars::of(&view, view.listed("XYZ").unwrap());
        // From 100 marks of 0.60 dollars to 60 euros of 1.25: 75/60 − 1.
        assert!((bars.total_return(1).unwrap() - 0.25).abs() < 1e-12);
        let found = bars.rate_return(1).unwrap();
        assert!((found - (1.25 - 1.25 / expected)).abs() < 1e-12, "{found}");
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
    /// The last rate by a day is as new as the newest value of any series, as known at the instant.
    #[test]
    fn a_rate_is_never_older_than_that_of_any_series(
        drawn in prop::collection::vec((0_usize..3, 0_i32..20, 0.2_f64..5.0), 1..25),
        asked in 0_i32..20,
    ) {
        let mut fixture = Fixture::new();
        let on = |at: i32| day(MONDAY).plus(at);
        let names = ["CHFUSD", "USDCHF", "DEXSZUS"];
        for (name, at, usd) in &drawn {
            let value = if *name == 0 { *usd } else { 1.0 / usd };
            fixture.series(names[*name], &[(on(*at), value)]);
        }
        fixture.commit();
        let view = fixture.snapshot(Instant::close_of(on(asked)));
        // A later fact of a series and day replaces the earlier one; the first name is preferred.
        let newest = drawn.iter().map(|(_, at, _)| *at).filter(|at| *at <= asked).max();
        let newest = newest.filter(|at| asked <= at + RATE_AGE_DAYS);
        let expected = newest.and_then(|at| {
            let of = |name| drawn.iter().rev().find(|row| (row.0, row.1) == (name, at));
            (0..3).find_map(of).map(|row| (on(at), row.2))
        });
        let found = view.rate(currency("CHF"), on(asked)).ok();
        prop_assert_eq!(found.and_then(|rate| rate.on), expected.map(|(day, _)| day));
        if let (Some(rate), Some((_, usd))) = (found, expected) {
            prop_assert!((rate.value - usd).abs() < 1e-14 * usd);
        }
    }

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
