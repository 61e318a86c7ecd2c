//! A small market of sessions, settlements and splits, written by hand in the tests.

use factors::{funds::Funds, look_through::FundView};
use marketdata::{
    basis::PriceBasis,
    calendar,
    dataset::{Dataset, Field},
    day::Day,
    fixture::{Fixture, day},
    instant::Instant,
    instrument::{InstrumentId, Namespace},
    quotes::Quotes,
};
use portfolio::{
    book::Book,
    lines::{RawLine, Size, Terms},
    lookup::Lookup,
};
use squeeze::{
    assess::{ShortBook, assess},
    exit::Participation,
    name::SqueezeName,
    shorts::{Look, Shorts},
    universe::Universe,
};

/// The as-of date of the tests, a Wednesday.
pub(crate) const TODAY: &str = "2021-01-27";
/// The settlement day, 18 sessions before [`TODAY`]; published on 2021-01-12 at 18:00.
pub(crate) const SETTLED: &str = "2020-12-31";
/// The previous settlement day.
pub(crate) const SETTLED_BEFORE: &str = "2020-12-15";

/// Builder of a market.
pub(crate) struct World {
    pub(crate) fixture: Fixture,
    /// The last day that gets bars.
    pub(crate) last: Day,
}

/// The last `count` sessions up to [`TODAY`], oldest first.
pub(crate) fn sessions(count: usize) -> Vec<Day> {
    let mut days: Vec<Day> =
        (0..count as i32).map(|back| calendar::plus_sessions(day(TODAY), -back)).collect();
    days.reverse();
    days
}

impl World {
    pub(crate) fn new() -> World {
        World { fixture: Fixture::new(), last: day(TODAY) }
    }

    fn key(&mut self, symbol: &str) -> (InstrumentId, InstrumentId) {
        (self.fixture.id(Namespace::Listed, symbol), InstrumentId::NONE)
    }

    /// Bars on one basis: close and volume as a function of the number of sessions before today.
    pub(crate) fn bars_on(
        &mut self,
        symbol: &str,
        basis: PriceBasis,
        count: usize,
        bar: impl Fn(usize) -> (f64, f64),
    ) -> &mut World {
        let key = self.key(symbol);
        let [code, on] = basis.to_values();
        for (at, day) in sessions(count).into_iter().enumerate() {
            if self.last < day {
                break;
            }
            let (close, volume) = bar(count - 1 - at);
            let values = [
                (Field::Close, close),
                (Field::Volume, volume),
                (Field::Distribution, 1.0),
                (Field::PriceBasis, code),
                (Field::BasisOn, on),
            ];
            self.fixture.fact(Dataset::Bars, key, day, Instant::close_of(day), &values);
        }
        self
    }

    /// A hundred raw bars.
    pub(crate) fn bars(&mut self, symbol: &str, bar: impl Fn(usize) -> (f64, f64)) -> &mut World {
        self.bars_on(symbol, PriceBasis::Raw, 100, bar)
    }

    /// Short interest of a settlement, with float and shares outstanding; NaN means missing.
    pub(crate) fn settle(&mut self, symbol: &str, settled: &str, counts: [f64; 3]) -> &mut World {
        let key = self.key(symbol);
        let published = calendar::plus_sessions(day(settled), 7);
        let at = Instant::new_york(published, 18, 0);
        let [short, float, outstanding] = counts;
        let values = [(Field::SharesShort, short)];
        self.fixture.fact(Dataset::ShortInterest, key, day(settled), at, &values);
        let values = [(Field::PublicFloat, float), (Field::SharesOutstanding, outstanding)];
        self.fixture.fact(Dataset::ShareCounts, key, day(settled), at, &values);
        self
    }

    /// One share of `from` becomes `factor` shares of `to`.
    pub(crate) fn split(&mut self, symbol: &str, days: (&str, &str), factor: f64) -> &mut World {
        self.action(symbol, days, [factor, factor])
    }

    /// A price on `from` becomes that price divided by `factor` on `to`; share counts do not
    /// change.
    pub(crate) fn spin_off(&mut self, symbol: &str, days: (&str, &str), factor: f64) -> &mut World {
        self.action(symbol, days, [factor, 1.0])
    }

    fn action(
        &mut self,
        symbol: &str,
        (from, to): (&str, &str),
        [price, shares]: [f64; 2],
    ) -> &mut World {
        let key = self.key(symbol);
        let values = [
            (Field::FromOn, f64::from(day(from).epoch())),
            (Field::PriceFactor, price),
            (Field::ShareFactor, shares),
        ];
        let at = Instant::new_york(day(to), 9, 30);
        self.fixture.fact(Dataset::Splits, key, day(to), at, &values);
        self
    }

    /// Holdings of a fund with their weights, published at [`TODAY`]'s close.
    pub(crate) fn hold(&mut self, fund: &str, members: &[(&str, f64)]) -> &mut World {
        let fund = self.key(fund).0;
        let at = Instant::close_of(day(TODAY));
        for (member, weight) in members {
            let key = (self.key(member).0, fund);
            let values = [(Field::Weight, *weight)];
            self.fixture.fact(Dataset::Holdings, key, day(TODAY), at, &values);
        }
        self
    }

    /// Lending of a day, published at 09:30 of the next session.
    pub(crate) fn lend(&mut self, symbol: &str, on: Day, values: &[(Field, f64)]) -> &mut World {
        let key = self.key(symbol);
        let at = Instant::new_york(calendar::plus_sessions(on, 1), 9, 30);
        self.fixture.fact(Dataset::Lending, key, on, at, values);
        self
    }

    /// Short and total volume of a day over some facilities, published at 18:00.
    pub(crate) fn sell_short(
        &mut self,
        symbol: &str,
        on: Day,
        (facilities, short, total): (&str, f64, f64),
    ) -> &mut World {
        let at = self.fixture.id(Namespace::Series, &format!("REGSHO/{facilities}"));
        let key = (self.key(symbol).0, at);
        let values = [(Field::ShortVolume, short), (Field::TotalVolume, total)];
        self.fixture.fact(Dataset::ShortSales, key, on, Instant::new_york(on, 18, 0), &values);
        self
    }

    /// Fails of a day, published 20 days after it.
    pub(crate) fn fail(&mut self, symbol: &str, on: Day, shares: f64) -> &mut World {
        let key = self.key(symbol);
        let at = Instant::new_york(on.plus(20), 18, 0);
        self.fixture.fact(Dataset::Fails, key, on, at, &[(Field::FailedShares, shares)]);
        self
    }

    /// A day of earnings that is expected (1) or not (0), announced at an instant.
    pub(crate) fn report(
        &mut self,
        symbol: &str,
        on: &str,
        at: Instant,
        expected: f64,
    ) -> &mut World {
        let key = self.key(symbol);
        self.fixture.fact(Dataset::EarningsDates, key, day(on), at, &[(Field::Expected, expected)]);
        self
    }

    /// One close of a later day.
    pub(crate) fn close(&mut self, symbol: &str, on: &str, close: f64) -> &mut World {
        let key = self.key(symbol);
        let values = [
            (Field::Close, close),
            (Field::Volume, 1e5),
            (Field::Distribution, 1.0),
            (Field::PriceBasis, 0.0),
            (Field::BasisOn, 0.0),
        ];
        self.fixture.fact(Dataset::Bars, key, day(on), Instant::close_of(day(on)), &values);
        self
    }

    /// Sets the exchange in the name's listing.
    pub(crate) fn listed_on(&mut self, symbol: &str, exchange: &str) -> &mut World {
        let key = self.key(symbol);
        let text = self.fixture.text(exchange);
        let at = Instant::close_of(day(SETTLED));
        self.fixture.fact(Dataset::Listings, key, day(SETTLED), at, &[(Field::Exchange, text)]);
        self
    }

    /// The universe as known at the close of [`TODAY`].
    pub(crate) fn universe(&mut self) -> Universe {
        self.universe_at(Instant::close_of(day(TODAY)))
    }

    /// The universe as known at an instant.
    pub(crate) fn universe_at(&mut self, as_of: Instant) -> Universe {
        self.fixture.commit();
        Universe::of(&self.fixture.snapshot(as_of))
    }
}

/// A name of a universe by symbol.
pub(crate) fn name<'a>(universe: &'a Universe, symbol: &str) -> &'a SqueezeName {
    &universe.names()[place(universe, symbol)]
}

/// Index of a name in its universe.
pub(crate) fn place(universe: &Universe, symbol: &str) -> usize {
    universe.place(universe.snapshot().listed(symbol).unwrap()).unwrap()
}

/// A line with shares and their average cost.
pub(crate) fn line(symbol: &str, shares: f64, average_cost: Option<f64>) -> RawLine<'_> {
    RawLine { average_cost, ..RawLine::of(symbol, Size::Shares(shares)) }
}

/// The short book of some lines at the default participation.
pub(crate) fn book(universe: &Universe, lines: &[RawLine<'_>]) -> ShortBook {
    let snapshot = universe.snapshot();
    let (lookup, quotes) = (Lookup::of(snapshot), Quotes::of(snapshot));
    let book = Book::join(lines.iter().copied(), &Terms::NONE, &lookup, &quotes).unwrap();
    assess(universe, Shorts::of(&book), Participation::USUAL)
}

/// The short book of the names behind some lines.
pub(crate) fn book_behind(universe: &Universe, lines: &[RawLine<'_>], view: FundView) -> ShortBook {
    let snapshot = universe.snapshot();
    let (lookup, quotes) = (Lookup::of(snapshot), Quotes::of(snapshot));
    let funds = Funds::of(snapshot, &quotes);
    let book = Book::join(lines.iter().copied(), &Terms::NONE, &lookup, &quotes).unwrap();
    let look = Look { view, funds: &funds, lookup: &lookup, quotes: &quotes };
    assess(universe, Shorts::behind(&book, look), Participation::USUAL)
}

/// Asserts that two numbers agree to within 1e-9 of the larger.
#[track_caller]
pub(crate) fn near(value: f64, expected: f64) {
    let scale = value.abs().max(expected.abs()).max(1.0);
    assert!((value - expected).abs() <= 1e-9 * scale, "{value} is not {expected}");
}
