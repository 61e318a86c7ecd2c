//! A book at other values of some instruments: after trades, or at other prices.
#![expect(clippy::unwrap_used, reason = "a helper that cannot continue fails its test")]

use marketdata::{
    fixture::{Fixture, day},
    instant::Instant,
    instrument::InstrumentId,
    quotes::Quotes,
};
use portfolio::{
    book::Book,
    derivative::{Kind, RawFuture},
    lines::{RawLine, Size, Terms},
    lookup::Lookup,
};

const AS_OF: &str = "2021-01-27";

/// 100 AAPL at 142, short 200 of MSFT in value, and an unknown line worth 50.
fn book() -> (Book, Lookup, Quotes) {
    let mut market = Fixture::new();
    market
        .closes("AAPL", &[(day(AS_OF), 142.0)])
        .closes("IWM", &[(day(AS_OF), 200.0)])
        .closes("MSFT", &[(day(AS_OF), 230.0)])
        .commit();
    let snapshot = market.snapshot(Instant::close_of(day(AS_OF)));
    let (lookup, quotes) = (Lookup::of(&snapshot), Quotes::of(&snapshot));
    let lines = [
        RawLine::of("MSFT", Size::MarketValue(-200.0)),
        RawLine::of("AAPL", Size::Shares(100.0)),
        RawLine::of("NOSUCH", Size::MarketValue(-50.0)),
    ];
    let book = Book::join(lines, &Terms::NONE, &lookup, &quotes).unwrap();
    (book, lookup, quotes)
}

fn id(lookup: &Lookup, symbol: &str) -> InstrumentId {
    lookup.find(symbol).unwrap()
}

#[test]
fn no_change_changes_nothing() {
    let (book, lookup, quotes) = book();
    assert_eq!(book.revalued(&[], (&lookup, &quotes)), book);
}

#[test]
fn trades_net_into_holdings_and_new_ones_stand_in_the_order_of_names() {
    let (book, lookup, quotes) = book();
    let [aapl, iwm, msft] = ["AAPL", "IWM", "MSFT"].map(|symbol| id(&lookup, symbol));
    let after = book.revalued(&[(iwm, -1_000.0), (aapl, 7_100.0)], (&lookup, &quotes));
    let held: Vec<(InstrumentId, f64, Option<f64>)> =
        after.holdings.iter().map(|h| (h.instrument, h.market_value, h.shares)).collect();
    // 7,100 at 142 are 50 shares, and -1,000 at 200 are -5. MSFT stays, with the shares of its value.
    let msft_shares = book.holdings[1].shares;
    assert_eq!(
        held,
        [(aapl, 7_100.0, Some(50.0)), (iwm, -1_000.0, Some(-5.0)), (msft, -200.0, msft_shares)]
    );
    // 7,100 + 1,000 + 200, and the 50 of the line that is not known.
    assert_eq!((after.gross, after.net_gross), (8_350.0, 8_350.0));
    // Nothing was submitted for what was bought.
    let lots = |place: usize| after.lots(&after.holdings[place]).len();
    assert_eq!([lots(0), lots(1), lots(2)], [1, 0, 1]);
}

/// 100 shares at a price of 150 are 15,000; a line that gave a value keeps it.
#[test]
fn another_price_moves_shares_and_not_values() {
    let (_, lookup, quotes) = book();
    let lines = [
        RawLine::of("AAPL", Size::MarketValue(-1_420.0)),
        RawLine::of("AAPL", Size::Shares(100.0)),
        RawLine::of("MSFT", Size::MarketValue(-200.0)),
    ];
    let book = Book::join(lines, &Terms::NONE, &lookup, &quotes).unwrap();
    let [aapl, msft] = &book.holdings[..] else { unreachable!("{:?}", book.holdings) };
    assert_eq!(book.value_at(aapl, 150.0), (15_000.0 - 1_420.0, 1_420.0));
    assert_eq!(book.value_at(msft, 1.0), (-200.0, 200.0));
}

/// Long 100 shares at 142, short futures on them worth the same at their own price: 50 x 2 x 142. At
/// 10 % less both lose 1,420. A notional is an amount of money, which no price moves.
#[test]
fn futures_by_number_move_with_the_price_of_what_they_are_on() {
    let (_, lookup, quotes) = book();
    let future = |size, multiplier, price| RawLine {
        kind: Kind::Future(RawFuture { multiplier, price }),
        ..RawLine::of("AAPL", size)
    };
    let value_at = |line| {
        let lines = [RawLine::of("AAPL", Size::Shares(100.0)), line];
        let book = Book::join(lines, &Terms::NONE, &lookup, &quotes).unwrap();
        assert!(book.holdings[0].market_value.abs() < 1e-9);
        book.value_at(&book.holdings[0], 0.9 * 142.0)
    };
    let (value, kept) = value_at(future(Size::Shares(-2.0), Some(50.0), Some(142.0)));
    assert!(value.abs() < 1e-9 && kept.abs() < 1e-9, "{value} {kept}");
    let (value, kept) = value_at(future(Size::MarketValue(-14_200.0), None, None));
    assert!((value + 1_420.0).abs() < 1e-9 && (kept - 14_200.0).abs() < 1e-9, "{value} {kept}");
}
