//! A view continued from an earlier one equals that of a fresh process, bit by bit.

use factors::roles::Roles;
use marketdata::{
    calendar,
    dataset::{Dataset, Field},
    day::Day,
    fixture::Fixture,
    instant::Instant,
    instrument::{InstrumentId, Namespace},
};
use proptest::prelude::*;
use rotation::prepared::{PreparedRotation, Reading, Recounted, prepare};
use std::sync::Arc;

const NONE: InstrumentId = InstrumentId::NONE;

/// Members, lines of one issuer, a line that comes and goes, and names for the basket.
const NAMES: [&str; 12] =
    ["AAPL", "BRK.A", "BRK.B", "CCC", "DDD", "EEE", "FFF", "GOOG", "GOOGL", "MSFT", "NEW", "ZZZ"];
const LINES: [&str; 4] = ["IWM", "SPY", "RSP", "XLU"];

/// An event in the log, or a change of the as-of day.
#[derive(Clone, Debug)]
enum Event {
    /// One session's bars of all lines, except names whose bit is set in the mask.
    Session { skipped: u16, seed: u64 },
    /// A correction of a name's close some sessions ago, published on the last one.
    Correction { name: usize, back: usize },
    /// A bar of a session on which a name had none, in a later revision.
    Late { name: usize, back: usize },
    /// A bar of any day, also of one on which nothing else has a row.
    Stray { name: usize, days: i32 },
    /// A name turns out to be a fund.
    Fund { name: usize },
    /// A split of a name; its date is known, or an interval.
    Split { name: usize, back: i32, dated: bool },
    /// A share count and float of a name.
    Shares { name: usize, back: i32 },
    /// A published market value.
    Printed { name: usize, back: i32 },
    /// Short interest of all names.
    ShortInterest { seed: u64 },
    /// A name joins or leaves the index.
    Membership { name: usize, joins: bool },
    /// A name changes its ticker.
    Rename { name: usize },
    /// A new line, with some history.
    Introduce { number: usize, sessions: usize },
    /// Bars of a name adjusted for distributions.
    Levels { name: usize },
    /// Time passes without a publication.
    Wait { days: i32 },
    /// The as-of day moves back.
    Back { days: i32 },
}

fn event() -> impl Strategy<Value = Event> {
    let name = || 0..NAMES.len();
    prop_oneof![
        6 => (any::<u16>(), any::<u16>(), any::<u64>())
            .prop_map(|(a, b, seed)| Event::Session { skipped: a & b & (seed as u16), seed }),
        2 => (name(), 0..40usize).prop_map(|(name, back)| Event::Correction { name, back }),
        1 => (name(), 0..12usize).prop_map(|(name, back)| Event::Late { name, back }),
        1 => (name(), 0..600i32).prop_map(|(name, days)| Event::Stray { name, days }),
        1 => name().prop_map(|name| Event::Fund { name }),
        1 => (name(), 0..40i32, any::<bool>())
            .prop_map(|(name, back, dated)| Event::Split { name, back, dated }),
        2 => (name(), -3..60i32).prop_map(|(name, back)| Event::Shares { name, back }),
        1 => (name(), -3..60i32).prop_map(|(name, back)| Event::Printed { name, back }),
        1 => any::<u64>().prop_map(|seed| Event::ShortInterest { seed }),
        1 => (name(), any::<bool>())
            .prop_map(|(name, joins)| Event::Membership { name, joins }),
        1 => name().prop_map(|name| Event::Rename { name }),
        1 => (0..5usize, 1..30usize)
            .prop_map(|(number, sessions)| Event::Introduce { number, sessions }),
        1 => name().prop_map(|name| Event::Levels { name }),
        2 => (1..20i32).prop_map(|days| Event::Wait { days }),
        1 => (1..20i32).prop_map(|days| Event::Back { days }),
    ]
}

/// A market with its sessions so far.
struct Scenario {
    fixture: Fixture,
    sessions: Vec<Day>,
    levels: Vec<f64>,
    today: Day,
    renamed: usize,
}

/// The next pseudo-random number between 0 and 1.
fn next(seed: &mut u64) -> f64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 40) as f64 / f64::from(1 << 24)
}

impl Scenario {
    fn begin(sessions: usize, members: usize, seed: u64) -> Scenario {
        let start = Day::from_epoch(18_262);
        let mut scenario = Scenario {
            fixture: Fixture::new(),
            sessions: Vec::new(),
            levels: (0..NAMES.len() + LINES.len()).map(|i| 20.0 + 7.0 * i as f64).collect(),
            today: start,
            renamed: 0,
        };
        let index = scenario.fixture.id(Namespace::Series, "SP500");
        let known = Instant::close_of(start);
        for (at, name) in NAMES.iter().enumerate() {
            let id = scenario.fixture.id(Namespace::Listed, name);
            let shares =
                [(Field::SharesOutstanding, 1e8 * (at + 1) as f64), (Field::PublicFloat, 9e7)];
            if at != 3 {
                scenario.fixture.fact(Dataset::ShareCounts, (id, NONE), start, known, &shares);
            }
            if at < members {
                let joins = [(Field::Member, 1.0)];
                scenario.fixture.fact(Dataset::Memberships, (id, index), start, known, &joins);
            }
        }
        for at in 0..sessions {
            // The last name ends early: it is delisted, or halted until a later event.
            let skipped = if at < sessions / 2 { 1 << 10 } else { 1 << 11 };
            scenario.session(skipped, seed.wrapping_add(at as u64));
            if at % 40 == 20 {
                scenario.short_interest(seed ^ at as u64);
            }
        }
        scenario.fixture.commit();
        scenario
    }

    fn last(&self) -> Day {
        self.sessions.last().copied().unwrap_or(self.today)
    }

    fn back(&self, sessions: usize) -> Day {
        self.sessions[self.sessions.len().saturating_sub(1 + sessions)]
    }

    fn session(&mut self, skipped: u16, mut seed: u64) {
        let day = calendar::plus_sessions(self.last().max(self.today), 1);
        self.sessions.push(day);
        self.today = day;
        for (at, symbol) in NAMES.iter().chain(&LINES).enumerate() {
            self.levels[at] *= 0.9 + 0.2 * next(&mut seed);
            // Prices are rounded to dimes, so that some days have no change.
            self.levels[at] = (self.levels[at] * 10.0).round().max(10.0) / 10.0;
            if skipped >> at & 1 == 0 || NAMES.len() <= at {
                self.fixture.closes(symbol, &[(day, self.levels[at])]);
            }
        }
    }

    fn short_interest(&mut self, mut seed: u64) {
        let settled = self.last().plus(-10);
        let at = Instant::new_york(self.last(), 18, 0);
        for name in NAMES {
            let id = self.fixture.id(Namespace::Listed, name);
            let short = [(Field::SharesShort, 1e7 * next(&mut seed))];
            self.fixture.fact(Dataset::ShortInterest, (id, NONE), settled, at, &short);
        }
    }

    fn bar(&mut self, name: &str, day: Day, at: Instant, close: f64, basis: f64) {
        let id = self.fixture.id(Namespace::Listed, name);
        let on = f64::from(day.epoch());
        let values = [
            (Field::Close, close),
            (Field::Volume, 2e6),
            (Field::PriceBasis, basis),
            (Field::BasisOn, if 0.0 < basis { on } else { 0.0 }),
        ];
        self.fixture.fact(Dataset::Bars, (id, NONE), day, at, &values);
    }

    fn apply(&mut self, event: &Event) {
        let (last, now) = (self.last(), Instant::close_of(self.last().max(self.today)));
        match *event {
            Event::Session { skipped, seed } => self.session(skipped, seed),
            Event::Correction { name, back } | Event::Late { name, back } => {
                let close = self.levels[name] * 1.01;
                self.bar(NAMES[name], self.back(back), now, close, 0.0);
            }
            Event::Stray { name, days } => {
                self.bar(NAMES[name], last.plus(-days), now, self.levels[name], 0.0);
            }
            Event::Fund { name } => {
                let [held, fund] =
                    ["AAPL", NAMES[name]].map(|name| self.fixture.id(Namespace::Listed, name));
                self.fixture.fact(Dataset::Holdings, (held, fund), last, now, &[]);
            }
            Event::Split { name, back, dated } => {
                let id = self.fixture.id(Namespace::Listed, NAMES[name]);
                let from = last.plus(-back - if dated { 1 } else { 9 });
                let values = [
                    (Field::FromOn, f64::from(from.epoch())),
                    (Field::PriceFactor, 2.0),
                    (Field::ShareFactor, 2.0),
                ];
                self.fixture.fact(Dataset::Splits, (id, NONE), last.plus(-back), now, &values);
            }
            Event::Shares { name, back } => {
                let id = self.fixture.id(Namespace::Listed, NAMES[name]);
                let values = [(Field::SharesOutstanding, 3e8), (Field::PublicFloat, 8e7)];
                let day = last.plus(-back);
                self.fixture.fact(Dataset::ShareCounts, (id, NONE), day, now, &values);
            }
            Event::Printed { name, back } => {
                let id = self.fixture.id(Namespace::Listed, NAMES[name]);
                let values = [(Field::MarketCap, 5e9)];
                self.fixture.fact(Dataset::Listings, (id, NONE), last.plus(-back), now, &values);
            }
            Event::ShortInterest { seed } => self.short_interest(seed),
            Event::Membership { name, joins } => {
                let id = self.fixture.id(Namespace::Listed, NAMES[name]);
                let index = self.fixture.id(Namespace::Series, "SP500");
                let values = [(Field::Member, f64::from(u8::from(joins)))];
                self.fixture.fact(Dataset::Memberships, (id, index), last, now, &values);
            }
            Event::Rename { name } => {
                self.renamed += 1;
                let new = format!("R{}", self.renamed);
                self.fixture.rename(NAMES[name], &new, last.plus(2));
            }
            Event::Introduce { number, sessions } => {
                let name = ["AAA", "HHH", "QQQQ", "ZZZZ", "BRKB"][number];
                for back in 0..sessions {
                    self.bar(name, self.back(back), now, 10.0 + back as f64, 0.0);
                }
            }
            Event::Levels { name } => self.bar(NAMES[name], last, now, self.levels[name], 2.0),
            Event::Wait { days } => self.today = self.today.plus(days),
            Event::Back { days } => self.today = self.today.plus(-days),
        }
        self.fixture.commit();
    }

    fn prepared(&self, roles: &Roles, previous: Option<&PreparedRotation>) -> PreparedRotation {
        prepare(&self.fixture.snapshot(Instant::new_york(self.today, 19, 0)), roles, previous)
    }
}

/// The first difference between two answers, by measure and part.
fn difference(found: &PreparedRotation, expected: &PreparedRotation) -> Option<String> {
    let bits = |r: &Reading| r.history.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    for (a, b) in found.readings.iter().zip(&expected.readings) {
        let parts = [
            ("id", a.spec == b.spec),
            ("days", a.history.days == b.history.days),
            ("values", bits(a) == bits(b)),
            ("sessions", a.sessions == b.sessions),
            ("standing", (a.age_days, a.z, a.percentile) == (b.age_days, b.z, b.percentile)),
            ("record", a.record == b.record),
            ("sources", a.sources == b.sources),
            ("details", a.details == b.details),
            ("gaps", a.gaps == b.gaps),
        ];
        if let Some((part, _)) = parts.into_iter().find(|(_, same)| !same) {
            return Some(format!("{} of {}", part, a.spec.id));
        }
    }
    let parts = [
        ("number of readings", found.readings.len() == expected.readings.len()),
        ("composite", found.composite == expected.composite),
        ("session_move", found.session_move == expected.session_move),
        ("scores", found.scores() == expected.scores()),
        ("gaps", found.gaps == expected.gaps),
        ("indices", found.indices == expected.indices),
        ("unresolved", found.unresolved == expected.unresolved),
    ];
    parts.into_iter().find(|(_, same)| !same).map(|(part, _)| part.to_owned())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_continued_view_equals_a_fresh_one(
        sessions in prop_oneof![Just(3usize), Just(30), Just(280)],
        members in prop_oneof![Just(0usize), Just(9)],
        seed in any::<u64>(),
        events in prop::collection::vec(event(), 1..14),
    ) {
        let roles = Roles::standard();
        let mut scenario = Scenario::begin(sessions, members, seed);
        let mut previous = scenario.prepared(&roles, None);
        for event in &events {
            scenario.apply(event);
            let fresh = scenario.prepared(&roles, None);
            let continued = scenario.prepared(&roles, Some(&previous));
            let different = difference(&continued, &fresh);
            prop_assert!(different.is_none(), "{event:?}: {different:?}");
            previous = continued;
        }
    }
}

#[test]
fn appended_sessions_are_continued() {
    let roles = Roles::standard();
    // Without members, all names stand in for the index; HHH is one more of them.
    for (members, lines) in [(0, 12), (9, 9)] {
        let mut scenario = Scenario::begin(280, members, 7);
        // The last name returns after months, so that it was missing from all days in between.
        scenario.apply(&Event::Session { skipped: 0, seed: 0 });
        let mut previous = scenario.prepared(&roles, None);
        let all = previous.recounted();
        assert_eq!((all.lines, all.publications), (lines, 7));
        for seed in 0..40 {
            // The last name is halted now and then, for less than two weeks.
            let skipped = if seed % 10 < 3 { 1 << 11 } else { 0 };
            scenario.apply(&Event::Session { skipped, seed });
            let next = scenario.prepared(&roles, Some(&previous));
            assert_eq!(next.recounted(), Recounted { lines: 0, publications: 0 }, "{seed}");
            previous = next;
        }
        assert_eq!(difference(&previous, &scenario.prepared(&roles, None)), None);
        // A correction 60 sessions ago is before the checkpoint, and after most publications.
        scenario.apply(&Event::Correction { name: 0, back: 60 });
        let corrected = scenario.prepared(&roles, Some(&previous)).recounted();
        assert_eq!(corrected.lines, lines, "they are of one range");
        assert!((1..all.publications).contains(&corrected.publications), "{corrected:?}");
    }
}

#[test]
fn a_new_name_leaves_the_others() {
    let roles = Roles::standard();
    let mut scenario = Scenario::begin(280, 9, 7);
    let before = scenario.prepared(&roles, None);
    scenario.apply(&Event::Introduce { number: 1, sessions: 20 });
    let after = scenario.prepared(&roles, Some(&before));
    assert_eq!(after.recounted(), Recounted { lines: 0, publications: 0 });
    assert_eq!(difference(&after, &scenario.prepared(&roles, None)), None);

    // Of 600 names that stand in for the members of an index, only the range of the new one.
    let (mut fixture, day) = (Fixture::new(), Day::from_epoch(18_262));
    let closes: Vec<_> = (0..40).map(|at| (day.plus(at), f64::from(20 + at % 7))).collect();
    (0..600).for_each(|at| _ = fixture.closes(&format!("N{at}"), &closes));
    fixture.commit();
    let at = Instant::close_of(day.plus(40));
    let before = prepare(&fixture.snapshot(at), &roles, None);
    assert_eq!(before.recounted().lines, 600);
    fixture.closes("N333A", &closes).commit();
    let snapshot = fixture.snapshot(at);
    let after = prepare(&snapshot, &roles, Some(&before));
    assert_eq!(difference(&after, &prepare(&snapshot, &roles, None)), None);
    assert!((1..300).contains(&after.recounted().lines), "{:?}", after.recounted());
}

#[test]
fn a_new_day_before_the_checkpoint_is_counted_with_all_ranges() {
    let roles = Roles::standard();
    // 40 days up to Monday, 2020-02-10. The checkpoint is a week before, on a session without rows.
    let (mut fixture, day) = (Fixture::new(), Day::from_epoch(18_263));
    let closes: Vec<_> = (0..40).map(|at| (day.plus(at), f64::from(20 + at % 7))).collect();
    let checkpoint = day.plus(39 - 7);
    let others: Vec<_> = closes.iter().copied().filter(|(day, _)| *day != checkpoint).collect();
    (0..600).for_each(|at| _ = fixture.closes(&format!("N{at}"), &others));
    fixture.commit();
    let at = Instant::close_of(day.plus(39));
    let before = prepare(&fixture.snapshot(at), &roles, None);
    // N99 is the last by name, so its range is the last to be added up.
    fixture.closes("N99", &[(checkpoint, 30.0)]).commit();
    let snapshot = fixture.snapshot(at);
    let after = prepare(&snapshot, &roles, Some(&before));
    assert!(after.breadth().is_some_and(|breadth| breadth.calendar.contains(&checkpoint)));
    assert_eq!(difference(&after, &prepare(&snapshot, &roles, None)), None);
}

#[test]
fn new_short_interest_leaves_breadth_untouched() {
    let roles = Roles::standard();
    let mut scenario = Scenario::begin(280, 9, 7);
    let before = scenario.prepared(&roles, None);
    scenario.apply(&Event::ShortInterest { seed: 3 });
    let after = scenario.prepared(&roles, Some(&before));
    let [one, other] = [&before, &after].map(|prepared| prepared.breadth().unwrap());
    assert!(Arc::ptr_eq(one, other));
    assert_eq!(difference(&after, &scenario.prepared(&roles, None)), None);
    assert!(after.reading("most_shorted.1d").unwrap().history.last().is_some());
}
