//! What the caller says wrongly is named.

use crate::{
    desks::{FUNDS, desk_of, instrument, terms, wish},
    view::View,
};
use hedge::{
    clock::{Clock, SessionMinute},
    desk::{Desk, NoDesk},
    limits::Caller,
    option::QuotedOption,
    scenario::{Moves, NoScenario},
    scheme::Scheme,
    terms::{Instrument, Mark, TermsFault},
    wish::{Limit, Meaning, WishFault},
};
use marketdata::currency::{Currency, NoRate};
use portfolio::{option::Right, unresolved::Cause};
use risk::fixture::world;
use std::collections::BTreeMap;

#[test]
fn every_fault_is_named_at_once() {
    let world = world(120, 420, 59);
    let view = View::of(&world.snapshot());
    let (book, factors) = (view.book(&[("AAPL", 1e6)]), view.factors());
    let mut wrong = terms(&view, &FUNDS);
    wrong.positions.half_spread = -1.0;
    wrong.single = vec![(view.id("AAPL"), wrong.instruments[0].terms)];
    wrong.single[0].1.margin = f64::NAN;
    wrong.instruments[1].terms.long_carry = -0.5;
    wrong.instruments.push(instrument(&view, "^RUT"));
    let mut future = instrument(&view, "^RUT");
    future.id = "RTY".to_owned();
    future.contract_units = Some(50.0);
    wrong.instruments.push(future);
    wrong.marks = vec![Mark { instrument: view.id("AAPL"), price: 0.0 }];
    wrong.impact_size = 0.0;
    let faults = Desk::of(&factors, &book, &wrong, &Caller::waiting()).unwrap_err();
    assert_eq!(
        faults,
        NoDesk::Faults(vec![
            TermsFault::Positions("half_spread"),
            TermsFault::Single { at: 0, field: "margin" },
            TermsFault::Mark(0),
            TermsFault::ImpactSize,
            // Instruments in their order, not in that of their ids.
            TermsFault::Instrument { at: 1, field: "short_carry" },
            TermsFault::Repeated(2),
            // A derivative has no volume of its own in the data.
            TermsFault::Lacks { at: 3, what: "volume" },
        ])
    );
}

/// Closes in dollars in a view in euros, to which the last rate is of the twentieth session before the last
/// one: they are prices, and the rate is what lacks. Shares and options on them are refused for it.
#[test]
fn a_rate_that_is_too_old_is_no_missing_price() {
    let world = world(120, 420, 59);
    let last = world.days.len() - 20;
    let snapshot = world.with_series("EURUSD", |at| if at <= last { 1.25 } else { 0.0 });
    let euro = Currency::parse("EUR").unwrap();
    let view = View::of(&snapshot.in_currency(euro));
    let (book, factors) = (view.book(&[("AAPL", 1e6)]), view.factors());
    let mut asked = terms(&view, &FUNDS);
    let mut contract = instrument(&view, "^GSPC");
    contract.id = "PUT".to_owned();
    contract.contract_units = Some(100.0);
    contract.option = Some(QuotedOption {
        right: Right::Put,
        strike: 100.0,
        expires_on: world.days[world.days.len() - 1].plus(60),
        premium: 5.0,
        half_spread: 0.1,
        rate: 0.04,
        dividend_yield: 0.0,
        may_write: false,
    });
    asked.instruments.push(contract);
    let missing = NoRate {
        currency: euro,
        on: world.days[world.days.len() - 1],
        last_on: Some(world.days[last]),
    };
    let expected = |(at, one): (usize, &Instrument)| TermsFault::NoPrice {
        at,
        instrument: one.moves_as,
        cause: Cause::NoRate(missing),
    };
    let expected = asked.instruments.iter().enumerate().map(expected).collect();
    let faults = Desk::of(&factors, &book, &asked, &Caller::waiting()).unwrap_err();
    assert_eq!(faults, NoDesk::Faults(expected));
}

#[test]
fn a_limit_on_nothing_is_named() {
    let world = world(120, 420, 59);
    let view = View::of(&world.snapshot());
    let (book, factors) = (view.book(&[("AAPL", 1e6)]), view.factors());
    let mut late = terms(&view, &FUNDS);
    late.clock = Clock::new(SessionMinute::NOON, SessionMinute::CLOSE).unwrap();
    let desk = desk_of(&factors, &book, &late);
    let mut wish = wish(1e-6);
    let limit =
        |id: &str, meaning| Limit { id: id.to_owned(), meaning, lower: None, upper: Some(1.0) };
    wish.limits = vec![
        limit("a", Meaning::Sector("none".to_owned())),
        limit("b", Meaning::Factor("none".to_owned())),
        limit("c", Meaning::Trade("none".to_owned())),
        limit("d", Meaning::Members([(view.id("AAPL"), 0.1)].into())),
    ];
    let unknown = |id: &str, subject: &str| WishFault::Unknown {
        id: id.to_owned(),
        subject: subject.to_owned(),
    };
    assert_eq!(
        desk.problem(Scheme::Both, &wish).unwrap_err(),
        [unknown("a", "none"), unknown("b", "none"), unknown("c", "none"), unknown("d", "^GSPC")]
    );
    let returns = [(view.id("AAPL"), 0.1)].into();
    let found = desk.scenario(&Moves { returns, rates: BTreeMap::new() });
    assert_eq!(found, Err(NoScenario::Line("^GSPC".to_owned())));
}
