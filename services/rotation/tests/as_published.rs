//! Points of a history as published equal the reports as of their closes, without look-ahead.

use factors::roles::Roles;
use marketdata::{
    calendar,
    dataset::{Dataset, Field},
    day::Day,
    fixture::{Fixture, day},
    gap::GapReason,
    instant::Instant,
    instrument::{InstrumentId, Namespace},
    snapshot::Snapshot,
};
use proptest::prelude::*;
use rotation::{
    as_published::{AsPublished, History, Progress, sessions},
    family::Work,
    indicator,
    prepared::prepare,
    state_history::Said,
};
use std::sync::Arc;

const NONE: InstrumentId = InstrumentId::NONE;
/// Two megacaps, one of them with two share classes, and other companies.
const NAMES: [&str; 10] = ["AAPL", "GOOGL", "GOOG", "N1", "N2", "N3", "N4", "N5", "N6", "N7"];
const FUNDS: [&str; 9] = ["IWM", "SPY", "QQQ", "RSP", "VTI", "XLP", "XLU", "XLY", "XLI"];
/// Number of sessions of the base. Drawn events fall into the last of them.
const BASE: i32 = 262;
const DRAWN: i32 = 24;
const LAST: &str = "2021-06-30";

/// Something that happens to one name: on which of the last sessions, and how many days later it is
/// published.
#[derive(Clone, Debug)]
struct Event {
    kind: u8,
    name: usize,
    back: i32,
    late: i32,
    value: u8,
}

fn events(most: usize) -> impl Strategy<Value = Vec<Event>> {
    let event = (0..12_u8, 0..NAMES.len(), 0..DRAWN, 0..16_i32, 1..20_u8);
    let event =
        event.prop_map(|(kind, name, back, late, value)| Event { kind, name, back, late, value });
    prop::collection::vec(event, 1..most)
}

fn back(sessions: i32) -> Day {
    calendar::plus_sessions(day(LAST), -sessions)
}

/// Long histories of the funds and of some names, members, shares, short interest and a yield.
fn base() -> Fixture {
    let mut fixture = Fixture::new();
    // N6 and N7 only have bars that come from events.
    for (at, name) in FUNDS.iter().chain(&NAMES[..8]).enumerate() {
        let closes: Vec<(Day, f64)> = (DRAWN / 2..BASE)
            .rev()
            .map(|sessions| (back(sessions), 100.0 + f64::from(sessions * (at as i32 + 3) % 17)))
            .collect();
        fixture.closes(name, &closes);
    }
    let yields: Vec<(Day, f64)> =
        (DRAWN / 2..80).rev().map(|at| (back(at), 1.0 + f64::from(at % 7) / 10.0)).collect();
    fixture.series("DGS10", &yields);
    let index = fixture.id(Namespace::Series, "SP500");
    let (joined, settled) = (back(BASE - 1), back(DRAWN + 9));
    for (at, name) in NAMES.iter().enumerate() {
        let id = fixture.id(Namespace::Listed, name);
        let at_close = Instant::close_of(joined);
        if at % 4 != 3 {
            fixture.fact(
                Dataset::Memberships,
                (id, index),
                joined,
                at_close,
                &[(Field::Member, 1.0)],
            );
        }
        let counts = [(Field::SharesOutstanding, 2e7), (Field::PublicFloat, 1e7)];
        fixture.fact(Dataset::ShareCounts, (id, NONE), joined, at_close, &counts);
        let short = [(Field::SharesShort, 1e5 * (at + 1) as f64)];
        let published = Instant::close_of(back(DRAWN + 2));
        fixture.fact(Dataset::ShortInterest, (id, NONE), settled, published, &short);
    }
    fixture.commit();
    fixture
}

/// Adds an event, unless it is public at or before `not_before`.
fn add(fixture: &mut Fixture, event: &Event, not_before: Option<Instant>) {
    let on = back(event.back);
    let published = Instant::close_of(on.plus(event.late));
    if not_before.is_some_and(|bound| published <= bound) {
        return;
    }
    let value = f64::from(event.value);
    let id = fixture.id(Namespace::Listed, NAMES[event.name]);
    let fund = fixture.id(Namespace::Listed, FUNDS[event.name % FUNDS.len()]);
    let index = fixture.id(Namespace::Series, "SP500");
    let mut fact = |dataset, key, values: &[(Field, f64)]| {
        fixture.fact(dataset, key, on, published, values);
    };
    let bar = [(Field::Close, 95.0 + value), (Field::Volume, 1e6), (Field::Distribution, 1.0)];
    match event.kind {
        0 | 1 => fact(Dataset::Bars, (id, NONE), &bar),
        2 => fact(Dataset::Bars, (fund, NONE), &bar),
        3 => fact(Dataset::Listings, (id, NONE), &[(Field::MarketCap, 1e9 * value)]),
        4 => fact(Dataset::ShortInterest, (id, NONE), &[(Field::SharesShort, 1e5 * value)]),
        5 => {
            let counts =
                [(Field::SharesOutstanding, 1e6 * value), (Field::PublicFloat, 9e5 * value)];
            fact(Dataset::ShareCounts, (id, NONE), &counts);
        }
        6 => {
            fact(Dataset::Memberships, (id, index), &[(Field::Member, f64::from(event.value % 2))])
        }
        7 => fact(Dataset::Holdings, (id, fund), &[(Field::Weight, value / 100.0)]),
        8 => {
            let id = fixture.id(Namespace::Series, "DGS10");
            fixture.fact(
                Dataset::Series,
                (id, NONE),
                on,
                published,
                &[(Field::Value, value / 10.0)],
            );
        }
        // A name's bars for a few sessions: it begins, continues, or comes back.
        9 => {
            for session in 0..event.late {
                let on = calendar::plus_sessions(on, session);
                let at = Instant::close_of(on);
                if not_before.is_none_or(|bound| bound < at) {
                    let close = 90.0 + value + f64::from(session % 3);
                    let bar = [(Field::Close, close), (Field::Volume, 1e6)];
                    fixture.fact(Dataset::Bars, (id, NONE), on, at, &bar);
                }
            }
        }
        _ => {}
    }
}

/// Adds changes of units and names, which apply whenever they were published.
fn change_units_and_names(fixture: &mut Fixture, event: &Event) {
    let on = back(event.back);
    let id = fixture.id(Namespace::Listed, NAMES[event.name]);
    match event.kind {
        10 => {
            let factor = [2.0, 3.0, 0.1][usize::from(event.value % 3)];
            let from = f64::from(on.plus(-1 - i32::from(event.value % 4)).epoch());
            let values =
                [(Field::FromOn, from), (Field::PriceFactor, factor), (Field::ShareFactor, factor)];
            let published = Instant::close_of(on.plus(event.late));
            fixture.fact(Dataset::Splits, (id, NONE), on, published, &values);
        }
        11 => {
            let name = format!("X{}", event.value % 3);
            fixture.rename(NAMES[event.name], &name, on);
        }
        _ => {}
    }
}

fn market(events: &[Event]) -> Fixture {
    let mut fixture = base();
    for half in events.chunks(events.len().div_ceil(2)) {
        for event in half {
            add(&mut fixture, event, None);
            change_units_and_names(&mut fixture, event);
        }
        fixture.commit();
    }
    fixture
}

/// The number that a point says, bit for bit.
fn bits(said: Said) -> Option<u64> {
    if let Said::Value(value) = said { Some(value.to_bits()) } else { None }
}

fn history(snapshot: &Snapshot, id: &str, sessions: &[Day]) -> AsPublished {
    let roles = Arc::new(Roles::standard());
    let mut progress = Progress::new(snapshot.clone(), roles, History::find(id).expect(id));
    sessions.iter().for_each(|on| progress.add(*on));
    progress.finish()
}

/// Some of the last sessions.
fn requested_sessions() -> Vec<Day> {
    sessions(back(DRAWN - 4), day(LAST)).into_iter().step_by(3).collect()
}

fn all_measures() -> Vec<String> {
    indicator::ALL.iter().flat_map(|i| (i.specs)()).map(|spec| spec.id).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4) })]

    /// The definition, for every measure: a point equals the report as of the close of its session.
    #[test]
    fn a_point_equals_the_report_as_of_its_close(events in events(40), revision in 1..4_u64) {
        let fixture = market(&events);
        let roles = Roles::standard();
        let as_of = Instant::close_of(day(LAST).plus(1));
        let revision = revision.min(fixture.market().head().revision);
        let seen = |at| Snapshot::new(fixture.market(), at, revision).expect("known");
        let mut values = 0;
        let reports: Vec<_> =
            requested_sessions().iter().map(|on| prepare(&seen(Instant::close_of(*on)), &roles, None)).collect();
        for id in all_measures() {
            // Whole-market measures take a preparation per session.
            let whole = matches!(History::find(&id).expect(&id).work(), Work::WholeMarket);
            let asked = if whole { requested_sessions().split_off(4) } else { requested_sessions() };
            let reports = &reports[reports.len() - asked.len()..];
            let found = history(&seen(as_of), &id, &asked);
            let expected = asked.into_iter().zip(reports).filter_map(|(on, report)| {
                let (observed_on, value) = report.reading(&id)?.history.last()?;
                Some((on, Instant::close_of(on), observed_on, Some(value.to_bits())))
            });
            let points = found.points.iter();
            let points = points.map(|p| (p.on, p.known_at, p.observed_on, bits(p.said)));
            prop_assert!(points.eq(expected), "{id}");
            values += found.points.len();
        }
        // Seventy measures at up to eight sessions; some need more history than there is.
        prop_assert!(200 < values, "only {values} values were compared");
    }

    /// What is published after a session's close does not affect its point.
    #[test]
    fn later_publications_change_no_earlier_point(
        past in events(20), later in events(40), known in 2..DRAWN - 4,
    ) {
        let bound = Instant::close_of(back(known));
        let without = market(&past);
        let mut with = market(&past);
        later.iter().for_each(|event| add(&mut with, event, Some(bound)));
        with.commit();
        let before: Vec<Day> = requested_sessions().into_iter().filter(|on| *on <= back(known)).collect();
        let at_the_end = |fixture: &Fixture| fixture.snapshot(Instant::close_of(day(LAST)));
        let (without, with) = (at_the_end(&without), at_the_end(&with));
        for id in [
            "size_spread.5d",
            "share_advancing",
            "share_above_50d.change.10d",
            "advance_decline_line",
            "concentration.hhi",
            "most_shorted.1d",
            "megacap_value_change_usd.1d",
            "ten_year_change_bp.1d",
        ] {
            prop_assert_eq!(history(&without, id, &before), history(&with, id, &before), "{}", id);
        }
    }
}

/// Why a later history cannot be read: every fact here was published on its own day, and a past
/// value changes all the same.
#[test]
fn a_value_of_the_past_changes_without_any_late_publication() {
    let mut fixture = Fixture::new();
    let start = day("2021-03-01");
    let days: Vec<Day> = sessions(start, day("2021-04-30"));
    let index = fixture.id(Namespace::Series, "SP500");
    // B pauses after its tenth session and comes back after twenty sessions.
    for (name, pause) in [("A", 0..0), ("B", 10..30), ("C", 0..0)] {
        let closes = days.iter().enumerate().filter(|(at, _)| !pause.contains(at));
        fixture.closes(name, &closes.map(|(_, day)| (*day, 50.0)).collect::<Vec<_>>());
        let id = fixture.id(Namespace::Listed, name);
        let at = Instant::close_of(start);
        fixture.fact(Dataset::Memberships, (id, index), start, at, &[(Field::Member, 1.0)]);
        let shares = [(Field::SharesOutstanding, 1e6)];
        fixture.fact(Dataset::ShareCounts, (id, NONE), start, at, &shares);
    }
    fixture.commit();
    let last = days[days.len() - 1];
    let snapshot = fixture.snapshot(Instant::close_of(last));
    let id = "concentration.hhi";
    let latest = prepare(&snapshot, &Roles::standard(), None);
    let latest = &latest.reading(id).expect(id).history;
    // The 29th session is at least 14 days after B's last close: as known then, B had left, and two
    // companies of equal value give 1/2. Today B is known to have been missing on it, which leaves
    // no value.
    let known = history(&snapshot, id, &[days[28]]);
    assert_eq!(known.points.len(), 1);
    assert_eq!((known.points[0].observed_on, known.points[0].said), (days[28], Said::Value(0.5)));
    assert_eq!(latest.on(days[28]), None);
}

#[test]
fn a_session_without_a_value_is_a_gap_and_every_source_is_named() {
    let mut fixture = Fixture::new();
    let days = sessions(day("2021-03-01"), day("2021-03-05"));
    let closes: Vec<(Day, f64)> = days.iter().map(|day| (*day, 100.0)).collect();
    fixture.closes("IWM", &closes).closes("^RUT", &closes[3..]).commit();
    let snapshot = fixture.snapshot(Instant::close_of(days[4]));
    let found = history(&snapshot, "index_return.small_cap_index.1d", &days);
    // Only Monday has a single close; on Thursday the index itself appears, with a single close.
    let on: Vec<Day> = found.points.iter().map(|point| point.on).collect();
    assert_eq!(on, [days[1], days[2], days[4]]);
    let symbols: Vec<&str> = found.sources.iter().map(|source| source.symbol.as_str()).collect();
    assert_eq!(symbols, ["IWM", "^RUT"]);
    let without = found.gaps.iter().find(|gap| gap.detail.contains("has no point")).expect("a gap");
    assert_eq!(without.reason, GapReason::MissingObservations);
    assert!(without.detail.starts_with("at 2 of 5 sessions, the last 2021-03-04"), "{without:?}");
}
