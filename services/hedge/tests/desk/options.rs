//! Listed options as instruments: what they cost, what they do, and what is refused.

use crate::{
    desks::{LIMITS, at_rates_of_now, desk_of, instrument, terms, wish},
    view::{View, near},
};
use hedge::{
    consequences::consequences,
    constraint::ExclusionRule,
    cover::{BuyingBack, cover_order},
    desk::{Desk, NoDesk},
    limits::Caller,
    optimize::{Answer, evaluate, optimize},
    option::{OptionFault, QuotedOption},
    scheme::Scheme,
    terms::{DAYS_PER_SESSION, DeskTerms, Instrument, Mark, TermsFault},
    wish::{Aim, Excluded, Limit, Meaning, SqueezeBudget, Wish, WrittenBudget},
};
use marketdata::gap::GapReason;
use portfolio::{
    book::Book,
    derivative::{Kind, RawModel, RawOption, RawSensitivity},
    lines::{RawLine, Size, Terms},
    option::{OptionModel, Right},
};
use risk::fixture::world;

/// A put on the large-cap index, a twentieth below its price, 60 days long, at a volatility of 20
/// %.
pub(crate) fn put(view: &View) -> (QuotedOption, f64) {
    put_on(view, "^GSPC")
}

/// The same on an instrument.
pub(crate) fn put_on(view: &View, symbol: &str) -> (QuotedOption, f64) {
    let price = view.model.quotes().get(view.id(symbol)).unwrap().price;
    let session = view.model.quotes().session().unwrap();
    let (right, strike, rate, dividend_yield) = (Right::Put, 0.95 * price, 0.03, 0.01);
    let model = OptionModel { right, strike, volatility: 0.2, rate, dividend_yield };
    let premium = model.value(price, 60.0 / 365.0);
    let quoted = QuotedOption {
        right,
        strike,
        expires_on: session.plus(60),
        premium,
        half_spread: 0.02 * premium,
        rate,
        dividend_yield,
        may_write: false,
    };
    (quoted, price)
}

/// Contracts of a hundred, of which premiums of ten million trade a day.
pub(crate) fn contract(view: &View, quoted: QuotedOption) -> Instrument {
    Instrument {
        id: "PUT".to_owned(),
        contract_units: Some(100.0),
        option: Some(quoted),
        volume: Some(1e7),
        ..instrument(view, "^GSPC")
    }
}

fn with_option(view: &View, quoted: QuotedOption) -> DeskTerms {
    let mut with = terms(view, &[]);
    with.instruments.push(contract(view, quoted));
    with
}

pub(crate) fn free(wish: Wish) -> Wish {
    Wish { squeeze: SqueezeBudget::Off, participation: None, ..wish }
}

#[test]
fn a_put_is_a_line_by_its_delta() {
    let world = world(120, 420, 47);
    let view = View::of(&world.snapshot());
    let (book, factors) = (view.book(&[("^GSPC", 4e6)]), view.factors());
    let (quoted, price) = put(&view);
    let desk = desk_of(&factors, &book, &with_option(&view, quoted));
    let line = &desk.lines()[desk.place("PUT").unwrap()];
    let option = line.option.unwrap();
    near(option.model.volatility, 0.2, 1e-9);
    let exposure = -option.sensitivities.delta * price;
    near(line.unit_value.unwrap(), 100.0 * exposure, 1e-9);
    near(line.volume.unwrap(), 1e7 / quoted.premium * exposure, 1e-3);
    near(line.terms.half_spread, 0.02 * quoted.premium / exposure, 1e-12);
    near(line.direction(), -1.0, 0.0);
    assert!(!line.is_borrowed_to_short && line.is_instrument && !line.is_position);
    // Its time costs what it loses a day over ten sessions, and exactly as much is won by writing
    // it.
    let decay = option.decay_per_day(10.0 * DAYS_PER_SESSION);
    near(line.terms.short_carry, 360.0 * decay / exposure, 1e-12);
    near(line.terms.long_carry, -line.terms.short_carry, 0.0);
    let gaps: Vec<GapReason> = desk.gaps().iter().map(|gap| gap.reason).collect();
    assert!(gaps.contains(&GapReason::FirstOrder), "{gaps:?}");
}

/// Long 4m of the index and ten puts: the trade moves the index by its beta, the put is valued anew
/// at the price that follows, by the formula of the option itself.
#[test]
fn moves_of_the_trade_value_a_put_anew() {
    let world = world(120, 420, 47);
    let view = View::of(&world.snapshot());
    let (book, factors) = (view.book(&[("^GSPC", 4e6)]), view.factors());
    let (quoted, price) = put(&view);
    let with = with_option(&view, quoted);
    let desk = desk_of(&factors, &book, &with);
    let problem = desk.problem(Scheme::Overlay, &free(wish(1e-6))).unwrap();
    let line = &desk.lines()[1];
    let trade = -10.0 * line.unit_value.unwrap();
    let found = consequences(&desk, &problem, &[trade], None);
    let model = line.option.unwrap().model;
    let value = |price: f64| model.value(price, 60.0 / 365.0);
    for moved in &found.moves {
        let r = line.trade_beta * moved.trade_return;
        near(moved.before.pnl, 4e6 * r, 1e-6);
        let made = 1_000.0 * (value(price * (1.0 + r)) - value(price));
        near(moved.after.pnl, 4e6 * r + made, 1e-6);
        assert!(moved.after.low < moved.after.pnl && moved.after.pnl < moved.after.high);
    }
    // A year of 365 days of its loss by time, ten contracts of a hundred, and 4m at 5 % by 365/360.
    let decay = line.option.unwrap().decay_per_day(3_650.0 / 252.0);
    near(found.carry_per_year.after, 365.0 * 1_000.0 * decay + 0.2e6 * 365.0 / 360.0, 1e-4);
    // Of the index alone: puts that are bought are paid in full.
    near(found.margin.after, 2e6, 1e-6);
    assert!(found.locates.is_empty());
    // The horizon of ten sessions is 3650/252 days of it.
    let evaluation = evaluate(&problem, &[trade]).unwrap();
    near(evaluation.effect.cost.after.holding, 1_000.0 * decay * 3_650.0 / 252.0, 1e-4);
    near(evaluation.effect.cost.after.linear, 1_000.0 * quoted.premium * (0.02 + 1e-4), 1e-6);
}

/// The tail is that of the index less its mean return, and of the puts valued anew at what is left:
/// their convexity has a mean, which stays.
#[test]
fn a_tail_values_a_put_anew() {
    let world = world(120, 420, 47);
    let view = View::of(&world.snapshot());
    let (book, factors) = (view.book(&[("^GSPC", 4e6)]), view.factors());
    let desk = desk_of(&factors, &book, &with_option(&view, put(&view).0));
    let problem = desk.problem(Scheme::Overlay, &by_tail()).unwrap();
    let option = desk.lines()[1].option.unwrap();
    let returns = centred_returns(&view);
    let cvar = |money: f64| {
        let pnl = returns.iter().map(|r| 4e6 * r + money * option.moved(*r));
        worst_tenth(pnl.collect())
    };
    for money in [0.0, -1e6, -4e6] {
        let found = evaluate(&problem, &[money]).unwrap().effect.cvar.unwrap();
        near(found.after, cvar(money), 1e-4);
    }
    // As much exposure as the index has leaves a gain on either side.
    assert!(cvar(-4e6) < 0.2 * cvar(0.0));
}

pub(crate) fn by_tail() -> Wish {
    free(Wish { aim: Aim::Tail { weight: 1.0, confidence: 0.9 }, ..wish(1e-6) })
}

/// Returns of the index over the sessions of the view, less their mean.
fn centred_returns(view: &View) -> Vec<f64> {
    let returns = view.factors().own_returns(view.id("^GSPC")).unwrap();
    assert!(returns.iter().all(|r| r.is_finite()));
    let mean = returns.iter().sum::<f64>() / returns.len() as f64;
    returns.iter().map(|r| r - mean).collect()
}

/// Mean loss of the worst tenth of some P&Ls, the last one by its fraction.
pub(crate) fn worst_tenth(pnl: Vec<f64>) -> f64 {
    let mut losses: Vec<f64> = pnl.into_iter().map(|pnl| -pnl).collect();
    losses.sort_by(|a, b| b.total_cmp(a));
    let tail = 0.1 * losses.len() as f64;
    let weight = |rank: usize| (tail - rank as f64).clamp(0.0, 1.0) / tail;
    losses.iter().enumerate().map(|(rank, loss)| weight(rank) * loss).sum::<f64>()
}

/// A floor under the loss of a fall by a fifth, and a limit on premiums.
#[test]
fn floors_and_premiums_are_those_of_the_option() {
    let world = world(120, 420, 47);
    let view = View::of(&world.snapshot());
    let (book, factors) = (view.book(&[("^GSPC", 4e6)]), view.factors());
    let (quoted, _) = put(&view);
    let desk = desk_of(&factors, &book, &with_option(&view, quoted));
    let limit =
        |id: &str, meaning, lower, upper| Limit { id: id.to_owned(), meaning, lower, upper };
    let fall = vec![(view.id("^GSPC"), -0.2)];
    let mut wish = free(wish(1e-12));
    wish.limits = vec![limit("fall", at_rates_of_now(&desk, fall), Some(-5e5), None)];
    let answer = |wish: &Wish| {
        let problem = desk.problem(Scheme::Overlay, wish).unwrap();
        optimize(&problem, LIMITS, &Caller::waiting()).unwrap()
    };
    let Answer::Plan(plan) = answer(&wish) else { unreachable!() };
    // A loss of 0.8m without the puts, of 0.5m with as few as suffice.
    let option = desk.lines()[1].option.unwrap();
    let money = plan.trades[0].money;
    near(money, -3e5 / -option.moved(-0.2), 1.0);
    assert!(money < 0.0);
    near(plan.effect.measures[0].before, -8e5, 1e-6);
    near(plan.effect.measures[0].after, -5e5, 1.0);
    // What they cost is the premium of so many shares; a limit below it contradicts the floor.
    let paid = money / option.exposure() * quoted.premium;
    let premium = |most| limit("premium", Meaning::Premium, None, Some(most));
    wish.limits.push(premium(1.01 * paid));
    let Answer::Plan(plan) = answer(&wish) else { unreachable!() };
    near(plan.effect.measures[1].after, paid, 1e-3 * paid);
    wish.limits[1] = premium(0.99 * paid);
    let Answer::Infeasible(found) = answer(&wish) else { unreachable!() };
    assert_eq!(found.conflict, ["fall", "premium"]);
}

/// A book that is short the index would write the put, if it may.
#[test]
fn an_option_is_written_only_if_it_may_be() {
    let world = world(120, 420, 47);
    let view = View::of(&world.snapshot());
    let (book, factors) = (view.book(&[("^GSPC", -4e6)]), view.factors());
    let traded = |may_write, excluded: Vec<Excluded>| {
        let quoted = QuotedOption { may_write, ..put(&view).0 };
        let desk = desk_of(&factors, &book, &with_option(&view, quoted));
        let (written, written_notional) = (WrittenBudget::Off, WrittenBudget::Off);
        let wish = Wish { excluded, written, written_notional, ..free(wish(1e-4)) };
        let problem = desk.problem(Scheme::Overlay, &wish).unwrap();
        let Answer::Plan(plan) = optimize(&problem, LIMITS, &Caller::waiting()).unwrap() else {
            unreachable!()
        };
        plan.trades[0].money
    };
    near(traded(false, Vec::new()), 0.0, 1.0);
    assert!(1e6 < traded(true, Vec::new()));
    // That it must not be shorted says the same.
    let rule = ExclusionRule::NoNewShort;
    let excluded = Excluded { id: "short".to_owned(), line: "PUT".to_owned(), rule };
    near(traded(true, vec![excluded]), 0.0, 1.0);
}

/// Ten puts that the book holds already, as an option line: the same moves as when they are traded.
#[test]
fn puts_held_and_puts_traded_move_alike() {
    let world = world(120, 420, 47);
    let view = View::of(&world.snapshot());
    let factors = view.factors();
    let (quoted, price) = put(&view);
    let held = book_with_puts(&view, quoted, price, 10.0);
    let shares = [RawLine::of("^GSPC", Size::Shares(4e6 / price))];
    let plain = Book::join(shares, &Terms::NONE, &view.lookup, view.model.quotes()).unwrap();
    // Also at a price of now: the quote is of now, and so are the prices of the book.
    for mark in [None, Some(0.97 * price)] {
        let now = mark.unwrap_or(price);
        let mut with = with_option(&view, quoted);
        let instrument = view.id("^GSPC");
        with.marks.extend(mark.map(|price| Mark { instrument, price }));
        let of_market = OptionModel { volatility: 0.2, ..put_model(&quoted) };
        with.instruments[0].option =
            Some(QuotedOption { premium: of_market.value(now, 60.0 / 365.0), ..quoted });
        let desk = desk_of(&factors, &plain, &with);
        let problem = desk.problem(Scheme::Overlay, &free(wish(1e-6))).unwrap();
        let trade = -10.0 * desk.lines()[1].unit_value.unwrap();
        let traded = consequences(&desk, &problem, &[trade], None);
        let desk = desk_of(&factors, &held, &with);
        let problem = desk.problem(Scheme::Overlay, &free(wish(1e-6))).unwrap();
        let kept = consequences(&desk, &problem, &[0.0], None);
        for (traded, kept) in traded.moves.iter().zip(&kept.moves) {
            near(kept.before.pnl, traded.after.pnl, 1e-3);
            near(kept.after.pnl, traded.after.pnl, 1e-3);
        }
    }
}

/// 4m of the index and some puts on it, which the book holds.
fn book_with_puts(view: &View, quoted: QuotedOption, price: f64, contracts: f64) -> Book {
    let expires_on = quoted.expires_on.to_string();
    let model = RawModel {
        right: Some(Right::Put),
        strike: Some(quoted.strike),
        expires_on: &expires_on,
        volatility: Some(0.2),
        rate: Some(quoted.rate),
        dividend_yield: Some(quoted.dividend_yield),
    };
    let sensitivity = Some(RawSensitivity::Model(model));
    let kind = Kind::Option(RawOption { multiplier: Some(100.0), sensitivity });
    let lines = [
        RawLine::of("^GSPC", Size::Shares(4e6 / price)),
        RawLine { kind, ..RawLine::of("^GSPC", Size::Shares(contracts)) },
    ];
    Book::join(lines, &Terms::NONE, &view.lookup, view.model.quotes()).unwrap()
}

/// Written puts of the book lose more in its tail and in a fall than their deltas do: the figures
/// are those of the formula at the returns of the past and of the scenario.
#[test]
fn options_of_the_book_are_valued_anew_in_tails_and_floors() {
    let world = world(120, 420, 47);
    let view = View::of(&world.snapshot());
    let factors = view.factors();
    let (quoted, price) = put(&view);
    let value = |price: f64| {
        OptionModel { volatility: 0.2, ..put_model(&quoted) }.value(price, 60.0 / 365.0)
    };
    let puts = |r: f64| -20.0 * 100.0 * (value(price * (1.0 + r)) - value(price));
    let book = book_with_puts(&view, quoted, price, -20.0);
    let desk = desk_of(&factors, &book, &terms(&view, &["^RUT"]));
    let mut wish = by_tail();
    wish.limits = vec![Limit {
        id: "fall".to_owned(),
        meaning: at_rates_of_now(&desk, vec![(view.id("^GSPC"), -0.2), (view.id("^RUT"), -0.25)]),
        lower: Some(-1e6),
        upper: None,
    }];
    let problem = desk.problem(Scheme::Overlay, &wish).unwrap();
    let found = evaluate(&problem, &[0.0]).unwrap().effect;
    near(found.measures[0].before, 4e6 * -0.2 + puts(-0.2), 1e-3);
    let pnl = centred_returns(&view).into_iter().map(|r| 4e6 * r + puts(r));
    near(found.cvar.unwrap().before, worst_tenth(pnl.collect()), 1e-3);
    // The floor holds for the book with its puts.
    let Answer::Plan(plan) = optimize(&problem, LIMITS, &Caller::waiting()).unwrap() else {
        unreachable!()
    };
    assert!(-1e6 - 1.0 <= plan.effect.measures[0].after);
}

/// A call and a put whose deltas cancel cost nothing in variance and earn by time: what they may
/// lose beyond their deltas is 5 % of gross, in moves of up to 2θ either way.
#[test]
fn written_options_lose_no_more_than_their_budget() {
    let world = world(120, 420, 47);
    let view = View::of(&world.snapshot());
    let (book, factors) = (view.book(&[("^GSPC", 4e6)]), view.factors());
    let (quoted, price) = put(&view);
    let quoted = QuotedOption { may_write: true, ..quoted };
    let strike = 1.05 * price;
    let model = OptionModel { right: Right::Call, strike, volatility: 0.2, ..put_model(&quoted) };
    let premium = model.value(price, 60.0 / 365.0);
    let call =
        QuotedOption { right: Right::Call, strike, premium, half_spread: 0.02 * premium, ..quoted };
    let mut with = with_option(&view, quoted);
    with.instruments.push(Instrument { id: "CALL".to_owned(), ..contract(&view, call) });
    with.instruments.iter_mut().for_each(|one| one.volume = Some(1e9));
    let desk = desk_of(&factors, &book, &with);
    let theta = factors::squeeze_threshold::threshold_of(
        &view.model.snapshot,
        view.id("^GSPC"),
        view.model.sessions.with_start(),
    );
    let theta = theta.unwrap();
    let lost = |wish: &Wish| {
        let problem = desk.problem(Scheme::Overlay, wish).unwrap();
        let Answer::Plan(plan) = optimize(&problem, LIMITS, &Caller::waiting()).unwrap() else {
            unreachable!()
        };
        let made = |r: f64| {
            let lines = plan.trades.iter().map(|trade| {
                let option = desk.lines()[trade.line].option.unwrap();
                trade.exact_money * (option.moved(r) - r)
            });
            lines.sum::<f64>()
        };
        // Between the moves of the limits, too.
        (-200..=200).map(|step| -made(0.01 * f64::from(step) * theta)).fold(0.0, f64::max)
    };
    let asked = |written| Wish {
        written,
        written_notional: WrittenBudget::Off,
        participation: Some(0.15),
        ..free(wish(1e-6))
    };
    // Without the limit, many times the book.
    assert!(4e6 < lost(&asked(WrittenBudget::Off)), "{}", lost(&asked(WrittenBudget::Off)));
    near(lost(&asked(WrittenBudget::Share)), 0.05 * 4e6, 200.0);
    near(lost(&asked(WrittenBudget::Most(1e4))), 1e4, 10.0);
    near(lost(&asked(WrittenBudget::Most(0.0))), 0.0, 10.0);
}

/// What an exclusion forbids has its name in a contradiction: premiums cannot be received.
#[test]
fn an_exclusion_of_an_option_is_named() {
    let world = world(120, 420, 47);
    let view = View::of(&world.snapshot());
    let (book, factors) = (view.book(&[("^GSPC", 4e6)]), view.factors());
    let (quoted, _) = put(&view);
    let with = with_option(&view, QuotedOption { may_write: true, ..quoted });
    let desk = desk_of(&factors, &book, &with);
    let mut wish = free(wish(1e-6));
    let (id, rule) = ("no PUT".to_owned(), ExclusionRule::NoNewShort);
    wish.excluded = vec![Excluded { id, line: "PUT".to_owned(), rule }];
    let (lower, upper) = (None, Some(-1e4));
    let (id, meaning) = ("received".to_owned(), Meaning::Premium);
    wish.limits = vec![Limit { id, meaning, lower, upper }];
    let problem = desk.problem(Scheme::Overlay, &wish).unwrap();
    let Answer::Infeasible(found) = optimize(&problem, LIMITS, &Caller::waiting()).unwrap() else {
        unreachable!()
    };
    assert_eq!(found.conflict, ["received", "no PUT"]);
}

pub(crate) fn put_model(quoted: &QuotedOption) -> OptionModel {
    let QuotedOption { right, strike, rate, dividend_yield, .. } = *quoted;
    OptionModel { right, strike, volatility: 1.0, rate, dividend_yield }
}

#[test]
fn an_option_that_cannot_hedge_is_named() {
    let world = world(120, 420, 47);
    let view = View::of(&world.snapshot());
    let (book, factors) = (view.book(&[("AAPL", 1e6)]), view.factors());
    let (quoted, _) = put(&view);
    let session = view.model.quotes().session().unwrap();
    let mut wrong = with_option(&view, QuotedOption { expires_on: session, ..quoted });
    wrong.instruments.push(Instrument {
        id: "OTHER".to_owned(),
        contract_units: None,
        ..contract(&view, quoted)
    });
    wrong.held_sessions = 0.0;
    let faults = Desk::of(&factors, &book, &wrong, &Caller::waiting()).unwrap_err();
    assert_eq!(
        faults,
        NoDesk::Faults(vec![
            TermsFault::HeldSessions,
            TermsFault::Option { at: 0, fault: OptionFault::Expired(session) },
            TermsFault::Instrument { at: 1, field: "contract_units" },
        ])
    );
}

/// The index does not move enough for a threshold above 15 %. There ten puts, held or traded, lose
/// what they are then worth less, which is nearly their premium; by their delta it would be three
/// times that. Bought back with all that is on it, the name loses no more.
#[test]
fn a_squeeze_takes_at_most_the_premium_of_puts() {
    let world = world(120, 420, 47);
    let view = View::of(&world.snapshot());
    let factors = view.factors();
    let (quoted, price) = put(&view);
    let expires_on = quoted.expires_on.to_string();
    let model = RawModel {
        right: Some(Right::Put),
        strike: Some(quoted.strike),
        expires_on: &expires_on,
        volatility: Some(0.2),
        rate: Some(quoted.rate),
        dividend_yield: Some(quoted.dividend_yield),
    };
    let sensitivity = Some(RawSensitivity::Model(model));
    let kind = Kind::Option(RawOption { multiplier: Some(100.0), sensitivity });
    let lines = [RawLine { kind, ..RawLine::of("^GSPC", Size::Shares(10.0)) }];
    let held = Book::join(lines, &Terms::NONE, &view.lookup, view.model.quotes()).unwrap();
    let holding = desk_of(&factors, &held, &terms(&view, &[]));
    let problem = holding.problem(Scheme::Cut, &free(wish(1e-6))).unwrap();
    let of_held = consequences(&holding, &problem, &[0.0], None).squeeze_loss.before;

    let book = view.book(&[("AAPL", 4e6)]);
    let trading = desk_of(&factors, &book, &with_option(&view, quoted));
    let problem = trading.problem(Scheme::Overlay, &free(wish(1e-6))).unwrap();
    let line = &trading.lines()[trading.place("PUT").unwrap()];
    let trade = -10.0 * line.unit_value.unwrap();
    let found = consequences(&trading, &problem, &[trade], None).squeeze_loss;
    near(found.before, 0.0, 0.0);

    let model = line.option.unwrap().model;
    let value = |price: f64| 1_000.0 * model.value(price, 60.0 / 365.0);
    let expected = value(price) - value(1.15 * price);
    near(of_held, expected, 1e-6 * expected);
    near(found.after, expected, 1e-6 * expected);
    let premium = 1_000.0 * quoted.premium;
    assert!(0.9 * premium < expected && expected < premium && 2.0 * premium < 0.15 * -trade);

    let (steps, gaps) =
        cover_order(&holding, 0.1, |_| Ok(BuyingBack { impact: 1e-3, sessions: 1.0 }));
    assert!(gaps.is_empty() && steps.len() == 1, "{steps:?} {gaps:?}");
    near(steps[0].squeeze_loss, expected, 1e-6 * expected);
    near(steps[0].remaining.squeeze_loss, 0.0, 0.0);
}
