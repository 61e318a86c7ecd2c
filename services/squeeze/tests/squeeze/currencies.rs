//! The same short book in two currencies: its amounts differ by the rate alone, and what is no amount
//! does not differ.

use crate::world::{SETTLED, TODAY, World, line, near};
use factors::roles::Roles;
use marketdata::{
    changes::DatasetSet,
    currency::Currency,
    dataset::{Dataset, Field},
    fixture::day,
    gap::{GapReason, Subject},
    instant::Instant,
    instrument::{InstrumentId, Namespace},
    snapshot::Snapshot,
};
use portfolio::{
    book::Book,
    lines::{RawLine, Size, Terms},
};
use squeeze::{
    assess::{Mark, ShortBook, assess},
    exit::Participation,
    prepared::{PreparedSqueeze, READS, prepare},
    shorts::Shorts,
    simulation::{CrowdTerms, SimulatedBook},
    worked::{CoveringTerms, work},
};

/// A euro is worth 1.25 dollars and a pound 1.5 on every day.
const EURO: f64 = 1.25;

/// S is quoted in dollars at 10, P in pence at 400, which are 6 dollars; the euro has a rate on some
/// days.
fn world(euro_on: &[&str]) -> World {
    let mut world = World::new();
    let wave = |back: usize| if back.is_multiple_of(2) { 1.0 } else { 0.98 };
    world.bars("S", |back| (10.0 * wave(back), 8e5)).settle("S", SETTLED, [1.6e6, 8e6, 10e6]);
    world.bars("P", |back| (400.0 * wave(back), 5e5)).settle("P", SETTLED, [1e6, 8e6, 10e6]);
    for (symbol, code) in [("S", "USD"), ("P", "GBX")] {
        let key = (world.fixture.id(Namespace::Listed, symbol), InstrumentId::NONE);
        let code = world.fixture.text(code);
        let values = [(Field::Currency, code)];
        let ever = marketdata::dataset::EVER;
        world.fixture.fact(Dataset::Identifiers, key, day("2000-01-03"), ever, &values);
    }
    let every = every_day();
    let every: Vec<&str> = every.iter().map(String::as_str).collect();
    for (series, rate, days) in [("EURUSD", EURO, euro_on), ("GBPUSD", 1.5, &every)] {
        let key = (world.fixture.id(Namespace::Series, series), InstrumentId::NONE);
        for on in days {
            let at = Instant::close_of(day(on));
            world.fixture.fact(Dataset::Series, key, day(on), at, &[(Field::Value, rate)]);
        }
    }
    world.lend("S", day("2021-01-25"), &[(Field::BorrowFee, 0.36)]);
    world.fixture.commit();
    world
}

/// Every session back to the beginning of the bars.
fn every_day() -> Vec<String> {
    crate::world::sessions(100).iter().map(ToString::to_string).collect()
}

fn snapshot(world: &World) -> Snapshot {
    world.fixture.snapshot(Instant::close_of(day(TODAY)))
}

fn prepared(world: &World, base: Currency) -> PreparedSqueeze {
    let snapshot = snapshot(world).in_currency(base).reading(DatasetSet::of(READS));
    prepare(&snapshot, &Roles::standard(), None)
}

fn lines() -> [RawLine<'static>; 2] {
    let sold = RawLine { currency: "USD", ..line("S", -240_000.0, Some(8.0)) };
    [sold, line("P", -50_000.0, None)]
}

fn joined(prepared: &PreparedSqueeze, lines: &[RawLine<'_>]) -> Book {
    Book::join(lines.iter().copied(), &Terms::NONE, &prepared.lookup, &prepared.quotes).unwrap()
}

fn report(prepared: &PreparedSqueeze) -> ShortBook {
    let book = joined(prepared, &lines());
    assess(&prepared.universe, Shorts::of(&book), Participation::USUAL)
}

fn euro() -> Currency {
    Currency::parse("EUR").unwrap()
}

/// 240,000 x 10 dollars and 50,000 x 6 dollars are 1.92 million and 240,000 euros. What is paid,
/// lost and made is 1/1.25 of its dollars; exits, shares of volume, scores and shares of the book are
/// what they were.
#[test]
fn amounts_differ_by_the_rate_alone() {
    let days = every_day();
    let days: Vec<&str> = days.iter().map(String::as_str).collect();
    let world = world(&days);
    let (usd, eur) = (prepared(&world, Currency::USD), prepared(&world, euro()));
    let (mut in_usd, mut in_eur) = (report(&usd), report(&eur));
    near(in_usd.gross_short, 2.4e6 + 3e5);
    near(in_eur.gross_short, 1.92e6 + 2.4e5);
    near(in_eur.usd_per_unit.unwrap(), EURO);
    let terms = CoveringTerms { horizon_sessions: None, risk_aversion: 1e-6 };
    let (of_usd, of_eur) = (work(&mut in_usd, terms), work(&mut in_eur, terms));
    assert_eq!(in_usd.lines.len(), 2);
    for (at, (a, b)) in in_usd.lines.iter().zip(&in_eur.lines).enumerate() {
        assert_eq!((&a.symbol, a.name.clone()), (&b.symbol, b.name.clone()));
        let amount = |of: f64, into: f64| near(into * EURO / of, 1.0);
        amount(a.market_value, b.market_value);
        amount(a.squeeze_pnl.unwrap(), b.squeeze_pnl.unwrap());
        near(b.share_of_short, a.share_of_short);
        for (one, other) in [(a.exit.normal, b.exit.normal), (a.exit.recent, b.exit.recent)] {
            near(other.unwrap() / one.unwrap(), 1.0);
        }
        let (one, other) = (a.covering.unwrap(), b.covering.unwrap());
        near(other.days, one.days);
        near(other.square_root.mean / one.square_root.mean, 1.0);
        near(other.almgren.unwrap().mean / one.almgren.unwrap().mean, 1.0);
        let (one, other) =
            (of_usd.schedules[at].as_ref().unwrap(), of_eur.schedules[at].as_ref().unwrap());
        amount(one.expected_cost, other.expected_cost);
        amount(one.daily_value, other.daily_value);
        near(other.variance * EURO * EURO / one.variance, 1.0);
        near(other.kappa, one.kappa);
        one.left.iter().zip(&other.left).for_each(|(one, other)| near(*other, *one));
    }
    // 2.4 million dollars x 36 % / 360 a day; sold at 8 dollars, now 10.
    let [usd_fee, eur_fee] = [&in_usd, &in_eur].map(|book| book.borrowing.unwrap().cost_per_day);
    near(usd_fee, 2_400.0);
    near(eur_fee, 1_920.0);
    let costs = [&in_usd, &in_eur].map(|book| book.covering[0].unwrap().cost);
    near(costs[1] * EURO / costs[0], 1.0);
    for (one, other) in in_usd.scenarios.iter().zip(&in_eur.scenarios) {
        assert_eq!(one.lines, other.lines);
        near(other.pnl * EURO / one.pnl, 1.0);
    }
    let mark = |book: &ShortBook| match book.lines[0].mark {
        Some(Mark::AverageCost { profit_and_loss, .. }) => profit_and_loss,
        other => panic!("{other:?}"),
    };
    near(mark(&in_usd), -480_000.0);
    near(mark(&in_eur), -480_000.0 / EURO);
}

/// The dollar falls while a price in dollars stands still, so that a short in it has gained in euros.
/// From 1.25 to 1.5625 dollars per euro, a value in dollars keeps 0.8 of its euros: the total return of
/// 10 % since the settlement is 1.1 x 0.8 - 1 = -12 % in euros, and the short has made 12 %.
#[test]
fn a_mark_since_the_settlement_is_in_the_currency_of_the_book() {
    let mut world = World::new();
    // The settlement is 17 sessions before 2021-01-27.
    assert_eq!(crate::world::sessions(18)[0], day(SETTLED));
    world.bars("S", |back| (if back < 17 { 11.0 } else { 10.0 }, 8e5));
    world.settle("S", SETTLED, [1.6e6, 8e6, 10e6]);
    let key = (world.fixture.id(Namespace::Series, "EURUSD"), InstrumentId::NONE);
    for (on, rate) in [(SETTLED, 1.25), ("2021-01-20", 1.4), (TODAY, 1.5625)] {
        let values = [(Field::Value, rate)];
        world.fixture.fact(Dataset::Series, key, day(on), Instant::close_of(day(on)), &values);
    }
    world.fixture.commit();
    let marked = |base: Currency, cost: Option<f64>| {
        let prepared = prepared(&world, base);
        let sold = RawLine { currency: "USD", ..line("S", -100.0, cost) };
        let book = joined(&prepared, &[sold]);
        let report = assess(&prepared.universe, Shorts::of(&book), Participation::USUAL);
        report.lines[0].mark
    };
    let since = |base| match marked(base, None) {
        Some(Mark::SinceSettlement { return_on_basis }) => return_on_basis,
        other => panic!("{other:?}"),
    };
    near(since(Currency::USD), -0.1);
    near(since(euro()), 0.12);
    // Against a cost of 10 dollars it has lost a tenth in both, at the rate of today.
    for base in [Currency::USD, euro()] {
        let Some(Mark::AverageCost { return_on_basis, .. }) = marked(base, Some(10.0)) else {
            panic!("no cost")
        };
        near(return_on_basis, -0.1);
    }
}

/// A rate that begins after the settlement: nothing says what the short has made in euros since, which
/// is a gap of its line.
#[test]
fn a_mark_without_the_rate_of_its_settlement_is_a_gap() {
    let world = world(&["2021-01-26"]);
    let of = |base: Currency| {
        let prepared = prepared(&world, base);
        let book = joined(&prepared, &[line("S", -100.0, None)]);
        assess(&prepared.universe, Shorts::of(&book), Participation::USUAL).lines[0].clone()
    };
    let is_gap = |gap: &marketdata::gap::Gap| gap.subject == Subject::number_of("S", "mark");
    let (usd, eur) = (of(Currency::USD), of(euro()));
    assert!(usd.mark.is_some() && !usd.gaps.iter().any(is_gap));
    assert!(eur.exit.normal.is_ok() && eur.mark.is_none());
    assert_eq!(eur.gaps.iter().find(|gap| is_gap(gap)).unwrap().reason, GapReason::NoRate);
}

/// Rates of the day before the settlement and of two days before the last close, of which the last
/// ones hold: a mark since the settlement rests on both, in a book of another currency than the share's.
/// One against a cost has the rate of the last close alone, which is a gap of the line's value.
#[test]
fn a_mark_at_old_rates_says_so() {
    let mut world = World::new();
    for (symbol, code) in [("S", "USD"), ("P", "GBX"), ("E", "EUR")] {
        world.bars(symbol, |_| (10.0, 8e5)).settle(symbol, SETTLED, [1.6e6, 8e6, 10e6]);
        let key = (world.fixture.id(Namespace::Listed, symbol), InstrumentId::NONE);
        let values = [(Field::Currency, world.fixture.text(code))];
        let ever = marketdata::dataset::EVER;
        world.fixture.fact(Dataset::Identifiers, key, day("2000-01-03"), ever, &values);
    }
    for (series, days) in
        [("EURUSD", ["2020-12-30", "2021-01-25"]), ("GBPUSD", [SETTLED, "2021-01-26"])]
    {
        let key = (world.fixture.id(Namespace::Series, series), InstrumentId::NONE);
        for on in days {
            let values = [(Field::Value, 1.25)];
            world.fixture.fact(Dataset::Series, key, day(on), Instant::close_of(day(on)), &values);
        }
    }
    world.fixture.commit();
    let told = |base: Currency, symbol: &str, cost: Option<f64>| {
        let prepared = prepared(&world, base);
        let book = joined(&prepared, &[RawLine { currency: "", ..line(symbol, -100.0, cost) }]);
        let report = assess(&prepared.universe, Shorts::of(&book), Participation::USUAL);
        assert!(report.lines[0].mark.is_some(), "{:?}", report.lines[0]);
        let mark = Subject::number_of(symbol, "mark");
        let found = report.lines[0].gaps.iter().find(|gap| gap.subject == mark).cloned();
        found.map(|gap| (gap.reason, gap.detail))
    };
    let why = |closes: &str| {
        let why = format!(
            "{closes}: the return since the settlement lacks a move of the rate or has one of \
             earlier days"
        );
        Some((GapReason::OldRate, why))
    };
    let of_last = "the close of 2021-01-27 is converted at the rate of";
    let both = format!(
        "the close of 2020-12-31 is converted at the rate of 2020-12-30 and {of_last} 2021-01-25"
    );
    assert_eq!(told(euro(), "S", None), why(&both));
    // The older of two rates is the one that is told.
    assert_eq!(told(euro(), "P", None), why(&both));
    assert_eq!(told(Currency::USD, "P", None), why(&format!("{of_last} 2021-01-26")));
    assert_eq!(told(Currency::USD, "S", None), None);
    assert_eq!(told(euro(), "E", None), None, "no rate converts it");
    assert_eq!(told(euro(), "S", Some(8.0)), None);
}

/// A crowd with all of the short interest: 1.6 million x 10 and 1 million x 6 dollars, in euros 17.6
/// million. Its rounds are the same; what it loses and sells is divided by the rate.
#[test]
fn a_crowd_is_in_the_currency_of_the_book() {
    let days = every_day();
    let days: Vec<&str> = days.iter().map(String::as_str).collect();
    let world = world(&days);
    let of = |base: Currency| {
        let prepared = prepared(&world, base);
        let book = joined(&prepared, &lines());
        let terms = CrowdTerms {
            share_of_short_interest: 1.0,
            assets: None,
            leverage: 3.0,
            price_fall_of_all: 0.2,
            margin_rise: 0.0,
        };
        let shorts = Shorts::of(&book);
        let crowd = (Some(&terms), &[][..]);
        SimulatedBook::of(&prepared.universe, shorts, Participation::USUAL, crowd, &[])
    };
    let (usd, eur) = (of(Currency::USD), of(euro()));
    near(usd.crowd.unwrap().short_value, 22e6);
    near(eur.crowd.unwrap().short_value, 17.6e6);
    assert!(!usd.deleveraging.is_empty());
    for (one, other) in usd.deleveraging.iter().zip(&eur.deleveraging) {
        assert_eq!((one.rounds, one.is_exhausted), (other.rounds, other.is_exhausted));
        near(other.price_fall, one.price_fall);
        near(other.first_loss * EURO / one.first_loss, 1.0);
        near(other.total_loss * EURO / one.total_loss, 1.0);
        near(other.sold * EURO / one.sold, 1.0);
    }
}

/// The euro's last rate is of 2021-01-08, 19 days before the close: the short has no value in euros,
/// and one whose value the caller gives has no exit, because its shares are not known.
#[test]
fn a_missing_rate_is_a_gap() {
    let world = world(&["2021-01-08"]);
    let prepared = prepared(&world, euro());
    assert_eq!(prepared.universe.usd_per_unit_now(), Err(GapReason::NoRate));
    let lines = [line("S", -100.0, None), RawLine::of("P", Size::MarketValue(-1_000.0))];
    let book = joined(&prepared, &lines);
    let report = assess(&prepared.universe, Shorts::of(&book), Participation::USUAL);
    assert!(report.gaps.iter().any(|gap| gap.reason == GapReason::NoRate), "{:?}", report.gaps);
    let [p] = &report.lines[..] else { panic!("one line with a value: {:?}", report.lines) };
    assert_eq!(p.exit.normal, Err(GapReason::NoRate));
    let exit = Subject::number_of("P", "exit_days_at_normal_volume");
    assert!(p.gaps.iter().any(|gap| gap.subject == exit && gap.reason == GapReason::NoRate));
    let terms = CrowdTerms {
        share_of_short_interest: 1.0,
        assets: None,
        leverage: 3.0,
        price_fall_of_all: 0.2,
        margin_rise: 0.0,
    };
    let shorts = Shorts::of(&book);
    let crowd = (Some(&terms), &[][..]);
    let found = SimulatedBook::of(&prepared.universe, shorts, Participation::USUAL, crowd, &[]);
    assert!(found.crowd.is_none());
    let crowd = Subject::number_of("", "crowd");
    assert!(found.gaps.iter().any(|gap| gap.subject == crowd), "{:?}", found.gaps);
}

/// Pounds have rates up to 2021-01-25, and closes follow on two days: the returns of a ranked name end
/// with a close at an old rate, in dollars, too. S needs no rate.
#[test]
fn returns_at_old_rates_say_so() {
    let days = every_day();
    let mut world = World::new();
    for (symbol, code) in [("S", "USD"), ("P", "GBX")] {
        world.bars(symbol, |_| (400.0, 8e5)).settle(symbol, SETTLED, [1.6e6, 8e6, 10e6]);
        let key = (world.fixture.id(Namespace::Listed, symbol), InstrumentId::NONE);
        let values = [(Field::Currency, world.fixture.text(code))];
        let ever = marketdata::dataset::EVER;
        world.fixture.fact(Dataset::Identifiers, key, day("2000-01-03"), ever, &values);
    }
    let key = (world.fixture.id(Namespace::Series, "GBPUSD"), InstrumentId::NONE);
    for on in days.iter().map(|on| day(on)).filter(|on| *on <= day("2021-01-25")) {
        world.fixture.fact(Dataset::Series, key, on, Instant::close_of(on), &[(Field::Value, 1.5)]);
    }
    let universe = world.universe();
    let told = |symbol: &str| -> Vec<_> {
        let gaps = crate::world::name(&universe, symbol).gaps(symbol).into_iter();
        gaps.filter(|gap| gap.reason == GapReason::OldRate).collect()
    };
    assert_eq!(told("S"), []);
    let fields = [
        "return_since_settlement",
        "shorts_gain_since_settlement_usd",
        "five_session_return",
        "twenty_session_return",
        "line_market_cap_usd",
        "average_daily_value_usd",
        "sixty_session_volatility",
        "squeeze_threshold",
        "shorts_gain_last_session_usd",
        "short_cost_basis",
        "loss_on_cost_basis",
        "shorts_gain_since_cost_basis_usd",
    ];
    let found = told("P");
    let subjects: Vec<_> = found.iter().map(|gap| gap.subject.clone()).collect();
    assert_eq!(subjects, fields.map(|field| Subject::number_of("P", field)));
    let detail = "the close of 2021-01-27 is converted at the rate of 2021-01-25";
    assert!(found.iter().all(|gap| gap.detail == detail), "{found:?}");
}
