//! Limits on written options that no move at once shows.

use crate::{
    desks::{LIMITS, desk_of, terms, wish},
    options::{contract, free, put, put_model, put_on},
    view::{View, near},
};
use factors::squeeze_threshold::threshold_of;
use hedge::{
    consequences::consequences,
    desk::Desk,
    limits::Caller,
    optimize::{Answer, optimize},
    option::QuotedOption,
    plan::Plan,
    scheme::Scheme,
    terms::Instrument,
    wish::{SqueezeBudget, WRITTEN_NOTIONAL_ID, Wish, WrittenBudget},
};
use portfolio::{
    book::Book,
    derivative::{Kind, RawModel, RawOption, RawSensitivity},
    lines::{RawLine, Size, Terms},
    option::{OptionModel, Right},
};
use risk::fixture::{world, world_with};

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

/// A call on the small-cap index, a twentieth above its price.
fn call(view: &View) -> (QuotedOption, OptionModel, f64) {
    let (of, price) = put_on(view, "^RUT");
    let (right, strike) = (Right::Call, 1.05 * price);
    let model = OptionModel { right, strike, volatility: 0.2, ..put_model(&of) };
    let premium = model.value(price, 60.0 / 365.0);
    let half_spread = 0.001 * premium;
    let quoted = QuotedOption { right, strike, premium, half_spread, may_write: true, ..of };
    (quoted, model, price)
}

/// A book that is long a name and has written calls on the small-cap index.
fn book_with_calls(view: &View, quoted: &QuotedOption, contracts: f64) -> Book {
    let model = RawModel {
        right: Some(quoted.right),
        strike: Some(quoted.strike),
        expires_on: &quoted.expires_on.to_string(),
        volatility: Some(0.2),
        rate: Some(quoted.rate),
        dividend_yield: Some(quoted.dividend_yield),
    };
    let sensitivity = Some(RawSensitivity::Model(model));
    let kind = Kind::Option(RawOption { multiplier: Some(100.0), sensitivity });
    let lines = [
        RawLine::of("AAPL", Size::MarketValue(4e6)),
        RawLine { kind, ..RawLine::of("^RUT", Size::Shares(-contracts)) },
    ];
    Book::join(lines, &Terms::NONE, &view.lookup, view.model.quotes()).unwrap()
}

/// The index holds three names, which all jump if three do: it rises by all that they add, and a
/// written call, held or traded, loses what it then costs more. The sum of what it loses by each of
/// them alone is far less. Bought puts lose their premium, and their losses by each alone more.
#[test]
fn options_on_a_fund_are_squeezed_by_the_joint_jump_of_its_members() {
    let members = 100..103;
    let world = world_with(120, 420, 47, |names| {
        members.clone().for_each(|at| names[at].in_small_cap_fund = true);
    });
    let view = View::of(&world.snapshot());
    let (quoted, model, price) = call(&view);
    let sessions = view.model.sessions.with_start();
    let value_held: f64 = members.clone().map(|at| world.names[at].market_cap_usd).sum();
    let jumps = members.map(|at| {
        let name = &world.names[at];
        let id = view.id(&name.symbol);
        let theta = threshold_of(&view.model.snapshot, id, sessions).unwrap();
        theta * name.market_cap_usd / value_held
    });
    let jumps: Vec<f64> = jumps.collect();
    let lost = |jump: f64| {
        let value = |price: f64| 1_000.0 * model.value(price, 60.0 / 365.0);
        value(price * (1.0 + jump)) - value(price)
    };
    let (expected, alone) = (lost(jumps.iter().sum()), jumps.iter().map(|r| lost(*r)).sum::<f64>());
    assert!(alone < 0.8 * expected, "{alone} {expected}");

    let (book, factors) = (view.book(&[("AAPL", 4e6)]), view.factors());
    let mut with = terms(&view, &[]);
    let moves_as = view.id("^RUT");
    let on_fund = |id: &str, quoted| {
        let id = id.to_owned();
        Instrument { id, moves_as, ..contract(&view, quoted) }
    };
    with.instruments = vec![on_fund("CALL", quoted), on_fund("PUT", put_on(&view, "^RUT").0)];
    let desk = desk_of(&factors, &book, &with);
    let problem = desk.problem(Scheme::Overlay, &free(wish(1e-6))).unwrap();
    let unit = |id: &str| desk.lines()[desk.place(id).unwrap()].unit_value.unwrap();
    let squeezed = |trades: [f64; 2]| consequences(&desk, &problem, &trades, None).squeeze_loss;
    let written = squeezed([-10.0 * unit("CALL"), 0.0]);
    near(written.before, 0.0, 0.0);
    near(written.after, expected, 1e-6 * expected);
    let premium = 1_000.0 * put_on(&view, "^RUT").0.premium;
    near(squeezed([0.0, -10.0 * unit("PUT")]).after, premium, 1e-6 * premium);

    let held = book_with_calls(&view, &quoted, 10.0);
    let holding = desk_of(&factors, &held, &terms(&view, &[]));
    let problem = holding.problem(Scheme::Cut, &free(wish(1e-6))).unwrap();
    let found = consequences(&holding, &problem, &[0.0, 0.0], None).squeeze_loss.before;
    near(found, expected, 1e-6 * expected);

    // A plan that writes as many as the budget allows.
    let squeeze = SqueezeBudget::Most(0.5 * expected);
    with.instruments.iter_mut().for_each(|one| one.volume = Some(1e9));
    let desk = desk_of(&factors, &book, &with);
    let plan = planned(&desk, &Wish { squeeze, ..free(wish(1e-9)) });
    near(plan.trades[0].exact_money, -5.0 * unit("CALL"), 1e-4 * unit("CALL"));
    near(plan.trades[1].exact_money, 0.0, 1e-4 * unit("PUT"));
}
