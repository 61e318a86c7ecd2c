//! Limits on written options that no move at once shows.

use crate::{
    desks::{LIMITS, desk_of, terms, wish},
    options::{contract, free, put, put_model},
    view::{View, near},
};
use hedge::{
    desk::Desk,
    limits::Caller,
    optimize::{Answer, optimize},
    option::QuotedOption,
    plan::Plan,
    scheme::Scheme,
    terms::Instrument,
    wish::{WRITTEN_NOTIONAL_ID, Wish, WrittenBudget},
};
use portfolio::option::OptionModel;
use risk::fixture::world;

/// A put of 20 days that may be written and one of 200 days to buy, of one strike and volatility.
fn calendar(view: &View) -> [Instrument; 2] {
    let (of, price) = put(view);
    let session = view.model.quotes().session().unwrap();
    let strike = price;
    [("SHORT", 20, true), ("LONG", 200, false)].map(|(id, days, may_write)| {
        let model = OptionModel { strike, volatility: 0.2, ..put_model(&of) };
        let premium = model.value(price, f64::from(days) / 365.0);
        let (expires_on, half_spread) = (session.plus(days), 0.001 * premium);
        let quoted = QuotedOption { strike, expires_on, premium, half_spread, may_write, ..of };
        Instrument { id: id.to_owned(), volume: Some(1e10), ..contract(view, quoted) }
    })
}

fn planned(desk: &Desk<'_>, wish: &Wish) -> Plan {
    let problem = desk.problem(Scheme::Overlay, wish).unwrap();
    let Answer::Plan(plan) = optimize(&problem, LIMITS, &Caller::waiting()).unwrap() else {
        unreachable!()
    };
    *plan
}

/// The value of the shares under what a plan writes.
fn written(desk: &Desk<'_>, plan: &Plan) -> f64 {
    let of = |trade: &hedge::plan::Trade| {
        let line = &desk.lines()[trade.line];
        let option = line.option.unwrap();
        (-trade.exact_money / option.exposure() * option.price).max(0.0)
    };
    plan.trades.iter().map(of).sum()
}

/// At one volatility an option that expires soon loses more by time than a long one, so writing it
/// against that one earns, and moves at once take little of it: within what may be lost in them a
/// plan wrote many times the book. What is written is at most the gross of the book, or what the
/// caller allows, and one more of that is worth what the price of the limit says.
#[test]
fn a_calendar_spread_is_not_written_without_end() {
    let world = world(120, 420, 47);
    let view = View::of(&world.snapshot());
    let (book, factors) = (view.book(&[("^GSPC", 4e6)]), view.factors());
    let mut with = terms(&view, &[]);
    with.instruments = calendar(&view).to_vec();
    let desk = desk_of(&factors, &book, &with);
    let asked = |written_notional| Wish { written_notional, ..free(wish(1e-6)) };
    let of = |budget| planned(&desk, &asked(budget));
    let found = written(&desk, &of(WrittenBudget::Off));
    assert!(5.0 * 4e6 < found, "{found}");
    near(written(&desk, &of(WrittenBudget::Share)), 4e6, 40.0);
    near(written(&desk, &of(WrittenBudget::Most(0.0))), 0.0, 40.0);

    let [less, plan, more] = [0.9e6, 1e6, 1.1e6].map(|most| of(WrittenBudget::Most(most)));
    near(written(&desk, &plan), 1e6, 10.0);
    let limit = |price: &&hedge::plan::ShadowPrice| price.constraint == WRITTEN_NOTIONAL_ID;
    let price = plan.shadow_prices.iter().find(limit).unwrap().money_per_unit;
    let [less, more] = [less, more].map(|other| other.proof.objective - plan.proof.objective);
    assert!(0.0 < price && more < 0.0 && 0.0 < less, "{price} {less} {more}");
    // The objective is convex in the limit: its slope lies between the differences.
    assert!(-more / 1e5 <= 1.001 * price && 0.999 * price <= less / 1e5, "{price} {less} {more}");
}
