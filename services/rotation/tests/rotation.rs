//! Reports on small markets, checked by hand.

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
    prepared::{PreparedRotation, prepare},
    query::{Comparison, Condition, Query, QueryRefusal, query},
    record::Direction,
    report::{Request, report},
    subject::{Subject, Transform, Variable},
};

/// A number of sessions from a day on.
fn sessions(from: &str, count: usize) -> Vec<Day> {
    let first = calendar::plus_sessions(day(from).plus(-1), 1);
    std::iter::successors(Some(first), |at| Some(calendar::plus_sessions(*at, 1)))
        .take(count)
        .collect()
}

fn path(days: &[Day], closes: &[f64]) -> Vec<(Day, f64)> {
    days.iter().copied().zip(closes.iter().copied()).collect()
}

/// Five names over three sessions, four of them index members, one split; two indices.
fn small_market() -> (Fixture, Vec<Day>) {
    let days = sessions("2021-03-01", 3);
    let mut fixture = Fixture::new();
    let index = fixture.id(Namespace::Series, "SP500");
    for (symbol, closes, member) in [
        ("AAPL", [100.0, 110.0, 99.0], true),
        ("MSFT", [200.0, 200.0, 210.0], true),
        ("KO", [50.0, 49.0, 50.0], true),
        // Two for one before the third session: 80 corresponds to 40, so 44 is a rise.
        ("NVDA", [80.0, 80.0, 44.0], true),
        ("GME", [10.0, 20.0, 5.0], false),
    ] {
        fixture.closes(symbol, &path(&days, &closes));
        let id = fixture.id(Namespace::Listed, symbol);
        let at = Instant::close_of(days[0].plus(-10));
        if member {
            let values = [(Field::Member, 1.0)];
            fixture.fact(Dataset::Memberships, (id, index), days[0].plus(-9), at, &values);
        }
        let shares = [(Field::SharesOutstanding, 1e9)];
        let key = (id, InstrumentId::NONE);
        fixture.fact(Dataset::ShareCounts, key, days[0].plus(-9), at, &shares);
        if symbol == "NVDA" {
            let split = [
                (Field::FromOn, f64::from(days[1].epoch())),
                (Field::PriceFactor, 2.0),
                (Field::ShareFactor, 2.0),
            ];
            fixture.fact(Dataset::Splits, key, days[2], at, &split);
        }
    }
    fixture.closes("IWM", &path(&days, &[100.0, 100.0, 104.0]));
    fixture.closes("SPY", &path(&days, &[100.0, 102.0, 100.98]));
    fixture.series("DGS10", &path(&days, &[1.45, 1.42, 1.48]));
    fixture.commit();
    (fixture, days)
}

fn value(prepared: &PreparedRotation, id: &str) -> f64 {
    let reading = prepared.reading(id).expect(id);
    reading.history.last().expect(id).1
}

#[test]
fn hand_arithmetic() {
    let (fixture, days) = small_market();
    let snapshot = fixture.snapshot(Instant::close_of(days[2]));
    // Three of the configured megacaps have prices here: most of four, but few of seven.
    let mut roles = Roles::standard();
    roles
        .megacaps
        .retain(|issuer| ["AAPL", "MSFT", "NVDA", "TSLA"].contains(&issuer.name.as_str()));
    let prepared = prepare(&snapshot, &roles, None);
    for (id, expected) in [
        // 104/100 − 1; 100.98/102 − 1 = −0.01; their difference.
        ("index_return.small_cap_index.1d", 0.04),
        ("index_return.large_cap_index.1d", -0.01),
        ("size_spread.1d", 0.05),
        // Up: MSFT, KO, NVDA. Down: AAPL. GME is not a member.
        ("share_advancing", 0.75),
        ("share_advancing.decided", 0.75),
        // Session 2: AAPL up, KO down, two unchanged: net 0. Session 3: net 2.
        ("advance_decline_line", 2.0),
        // 0/2 + 2/4
        ("advance_decline_line.share", 0.5),
        // 1.48 − 1.42 is 6 basis points.
        ("ten_year_change_bp.1d", 6.0),
        // Values in billions: 99, 210, 50 and 2 · 44 = 88; sum 447.
        // HHI = (99² + 210² + 50² + 88²) / 447² = 64145 / 199809 = 0.321031…
        ("concentration.hhi", 64_145.0 / 199_809.0),
        ("concentration.effective_number", 199_809.0 / 64_145.0),
        ("concentration.top7_weight", 1.0),
        // AAPL −11, MSFT +10, NVDA +8, in billions; the fourth megacap has no prices.
        ("megacap_value_change_usd.1d", 7e9),
        // Before: 110 + 200 + 80 = 390.
        ("megacap_value_change_usd.of_value.1d", 7.0 / 390.0),
        // AAPL −10 %.
        ("megacap_value_change_usd.issuers_down", 1.0),
    ] {
        let found = value(&prepared, id);
        assert!((found - expected).abs() <= 1e-9 * (1.0 + expected.abs()), "{id}: {found}");
    }
}

#[test]
fn the_report_in_text() {
    let (fixture, days) = small_market();
    let snapshot = fixture.snapshot(Instant::close_of(days[2]));
    let prepared = prepare(&snapshot, &Roles::standard(), None);
    let ids =
        ["size_spread.1d", "share_advancing.decided", "most_shorted.1d", "small_vs_nasdaq.1d"];
    let request =
        Request { indicators: ids.map(str::to_owned).into(), since: Some(days[0].plus(1)) };
    let found = report(&prepared, &request).unwrap();
    let mut text = String::new();
    for reading in &found.readings {
        let value = reading.history.last().map_or("-".to_owned(), |(_, v)| format!("{v:.4}"));
        let record = reading.record.map_or("-".to_owned(), |r| r.in_words(reading.spec.kind));
        let gaps: Vec<String> =
            reading.gaps.iter().map(|gap| format!("{:?}", gap.reason)).collect();
        let gaps = gaps.join(",");
        text += &format!("{} {value} {record} [{gaps}]\n", reading.spec.id);
        let details = reading.details.iter().take(6);
        for detail in details {
            text += &format!("  {} {} {:.4}\n", detail.subject, detail.name, detail.value);
        }
    }
    for index in &found.moves {
        text +=
            &format!("{} {} {} {:.4}\n", index.role.id(), index.symbol, index.from, index.value);
    }
    assert_eq!(
        text,
        "\
size_spread.1d 0.0500 largest gain since the series starts on 2021-03-02 []
  small_cap_index return 0.0400
  large_cap_index return -0.0100
   log_spread 0.0493
small_vs_nasdaq.1d - - [InputMissing]
share_advancing.decided 0.7500 highest since the series starts on 2021-03-02 []
   advancing 3.0000
   declining 1.0000
   unchanged 0.0000
   without_close_before 0.0000
   members 4.0000
   members_without_close 0.0000
most_shorted.1d - - [NoShortInterest]
small_cap_index IWM 2021-03-02 0.0400
large_cap_index SPY 2021-03-02 -0.0100
broad_market SPY 2021-03-02 -0.0100
"
    );
    // The funds are reported as stand-ins; no symbol is resolved for the Nasdaq.
    let proxies: Vec<&str> = found
        .gaps
        .iter()
        .filter(|gap| gap.reason == GapReason::Proxy)
        .map(|gap| gap.detail.as_str())
        .collect();
    assert_eq!(
        proxies,
        [
            "SPY stands in for ^GSPC",
            "SPY stands in for ^RUA",
            "IWM stands in for ^RUT",
            "realised volatility of SPY stands in for ^VIX"
        ]
    );
    let unknown = Request { indicators: vec!["size_spread.2d".to_owned()], since: None };
    assert_eq!(report(&prepared, &unknown).unwrap_err().0, "size_spread.2d");
}

#[test]
fn a_member_without_closes_is_counted_and_named() {
    let (mut fixture, days) = small_market();
    let index = fixture.id(Namespace::Series, "SP500");
    let gone = fixture.id(Namespace::Listed, "GONE");
    let at = Instant::close_of(days[0].plus(-10));
    let values = [(Field::Member, 1.0)];
    fixture.fact(Dataset::Memberships, (gone, index), days[0].plus(-9), at, &values).commit();
    let snapshot = fixture.snapshot(Instant::close_of(days[2]));
    let prepared = prepare(&snapshot, &Roles::standard(), None);
    assert!((value(&prepared, "share_advancing") - 0.75).abs() < 1e-12);
    let reading = prepared.reading("share_advancing").unwrap();
    let missing = reading.gaps.iter().find(|gap| gap.reason == GapReason::NoPrice).unwrap();
    assert_eq!(missing.detail, "1 of 5 members have no close on the session");
}

/// 220 sessions of ten names, some rising, some falling.
fn long_market() -> (Fixture, Vec<Day>) {
    let days = sessions("2020-03-02", 220);
    let mut fixture = Fixture::new();
    for name in 0..10 {
        let slope = f64::from(name) - 2.5;
        let closes: Vec<f64> = (0..days.len()).map(|i| 1_000.0 + slope * i as f64).collect();
        fixture.closes(&format!("N{name}"), &path(&days, &closes));
    }
    // A name with a constant close is not above its average, and one with 30 closes has no average.
    fixture.closes("FLAT", &path(&days, &vec![100.1; days.len()]));
    let old: Vec<Day> = sessions("2019-12-02", 60).into_iter().filter(|d| *d < days[0]).collect();
    fixture.closes("N9", &path(&old, &vec![900.0; old.len()]));
    fixture.closes("YOUNG", &path(&days[190..], &vec![5.0; 30]));
    fixture.commit();
    (fixture, days)
}

#[test]
fn averages_leave_out_and_count_short_histories() {
    let (fixture, days) = long_market();
    let snapshot = fixture.snapshot(Instant::close_of(days[219]));
    let prepared = prepare(&snapshot, &Roles::standard(), None);
    // Names 3 to 9 rise: 7 of 11 with enough closes.
    assert!((value(&prepared, "share_above_50d") - 7.0 / 11.0).abs() < 1e-12);
    assert!((value(&prepared, "share_above_200d") - 7.0 / 11.0).abs() < 1e-12);
    let reading = prepared.reading("share_above_50d").unwrap();
    let count = |name| reading.details.iter().find(|d| d.name == name).unwrap().value;
    assert!((count("left_out_for_short_history") - 1.0).abs() < 1e-12);
    assert_eq!(reading.history.days[0], days[49], "the first day with fifty closes");
    // One name with a longer history than all others does not represent the members.
    let early = fixture.snapshot(Instant::close_of(days[40]));
    let reading = prepare(&early, &Roles::standard(), None);
    let reading = reading.reading("share_above_50d").unwrap();
    assert!(reading.history.days.is_empty());
    assert!(reading.gaps.iter().any(|gap| gap.reason == GapReason::ShortHistory));
    let reading = prepared.reading("share_above_50d").unwrap();
    assert!(reading.gaps.iter().any(|gap| gap.reason == GapReason::Survivorship));
}

/// Eight sessions of a small and a large index.
fn indices() -> (Fixture, Vec<Day>) {
    let days = sessions("2021-03-01", 8);
    let mut fixture = Fixture::new();
    let chain = |moves: [f64; 7]| {
        let mut closes = vec![100.0];
        for change in moves {
            closes.push(closes[closes.len() - 1] * (1.0 + change));
        }
        closes
    };
    let small = chain([0.04, 0.05, 0.06, 0.035, -0.09, 0.02, 0.04]);
    let large = chain([-0.01, 0.02, -0.02, -0.001, -0.05, -0.01, -0.003]);
    fixture.closes("IWM", &path(&days, &small)).closes("SPY", &path(&days, &large));
    fixture.series("DGS10", &path(&days, &[1.0, 1.1, 1.2, 1.15, 1.15, 1.3, 1.25, 1.25]));
    fixture.commit();
    (fixture, days)
}

fn change(symbol: &str) -> Variable {
    let subject = Subject::Symbol(symbol.to_owned());
    Variable { subject, transform: Transform::ChangeRelative, horizon: 1 }
}

fn query_of(variable: Variable) -> Query {
    let conditions = Vec::new();
    Query { variable, direction: None, conditions, from: None, on: None, top: 3 }
}

#[test]
fn small_caps_above_three_per_cent_while_large_caps_fell() {
    let (fixture, days) = indices();
    let snapshot = fixture.snapshot(Instant::close_of(days[7]));
    let roles = Roles::standard();
    let prepared = prepare(&snapshot, &roles, None);
    let condition = |symbol, comparison, threshold| Condition {
        variable: change(symbol),
        comparison,
        threshold,
    };
    let mut question = query_of(change("IWM"));
    question.conditions =
        vec![condition("IWM", Comparison::Above, 0.03), condition("SPY", Comparison::Below, 0.0)];
    let answer = query(&snapshot, &roles, &prepared, &question).unwrap();
    // Sessions 1 (+4 %), 3 (+6 %), 4 (+3.5 %) and 7 (+4 %) count; 7 was last matched by 3.
    assert_eq!((answer.matching, answer.observations, answer.incomplete_days), (4, 7, 0));
    let record = answer.record.unwrap();
    assert_eq!(answer.observation.as_ref().unwrap().on, days[7]);
    assert_eq!((record.since, record.in_direction), (Some(days[3]), 4));
    assert_eq!(answer.previous.as_ref().unwrap().on, days[4]);
    let top: Vec<Day> = answer.top.iter().map(|found| found.on).collect();
    assert_eq!(top[0], days[3]);
    assert_eq!(answer.top[0].conditions.len(), 2);
    // Even if only one day counts, the record reaches back to the start of the series.
    question.conditions[0].threshold = 0.055;
    let record = query(&snapshot, &roles, &prepared, &question).unwrap().record.unwrap();
    assert_eq!((record.since, record.in_direction, record.start), (None, 1, days[1]));
    question.conditions[0].threshold = 0.03;
    // On a requested day on which the conditions do not hold, the observation is given without a
    // record.
    question.on = Some(days[5]);
    let answer = query(&snapshot, &roles, &prepared, &question).unwrap();
    assert_eq!(answer.observation.unwrap().on, days[5]);
    assert_eq!(answer.record, None);
}

#[test]
fn levels_points_and_measures_are_answered_and_invalid_queries_refused() {
    let (fixture, days) = indices();
    let snapshot = fixture.snapshot(Instant::close_of(days[7]));
    let roles = Roles::standard();
    let prepared = prepare(&snapshot, &roles, None);
    let of = |subject: Subject, transform| {
        let query = |transform, horizon| {
            let mut question = query_of(Variable { subject: subject.clone(), transform, horizon });
            question.direction = Some(Direction::Up);
            question
        };
        rotation::query::query(&snapshot, &roles, &prepared, &query(transform, 1))
    };
    let yields = Subject::Symbol("DGS10".to_owned());
    let level = of(yields.clone(), Transform::Level).unwrap();
    // 1.25 was last reached or exceeded on the session before, at 1.25: ties end the search.
    assert_eq!(level.record.unwrap().since, Some(days[6]));
    assert_eq!(level.record.unwrap().rank, 2);
    let points = of(yields.clone(), Transform::ChangePoints).unwrap();
    assert!((points.top[0].value - 0.15).abs() < 1e-12, "{:?}", points.top);
    let spread = of(Subject::Measure("size_spread.1d".to_owned()), Transform::Level).unwrap();
    // −0.09 + 0.05 is the only fall; the largest gain is 0.06 + 0.02, on session 3.
    assert_eq!(spread.top[0].on, days[3]);
    for (subject, transform, expected) in [
        (yields.clone(), Transform::IntradayHigh, None),
        (yields, Transform::ChangeValueUsd, None),
        (Subject::Symbol("NOBODY".to_owned()), Transform::Level, Some("NOBODY")),
        (Subject::Measure("size_spread".to_owned()), Transform::Level, Some("size_spread")),
    ] {
        match (of(subject, transform).unwrap_err(), expected) {
            (QueryRefusal::NotApplicable { condition: None, .. }, None) => {}
            (
                QueryRefusal::UnknownInstrument { condition: None, name }
                | QueryRefusal::UnknownMeasure { condition: None, id: name },
                Some(expected),
            ) => assert_eq!(name, expected),
            (other, _) => unreachable!("{other}"),
        }
    }
}

/// The whole answer as text: equal answers have equal text.
fn everything(snapshot: &Snapshot) -> String {
    let prepared = prepare(snapshot, &Roles::standard(), None);
    let PreparedRotation { readings, composite, session_move, gaps, .. } = &prepared;
    format!("{readings:?}\n{composite:?}\n{session_move:?}\n{gaps:?}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn later_publications_change_nothing(
        cut in 2usize..7,
        closes in prop::collection::vec(50.0..150.0f64, 8),
        shares in 1e8..1e9f64,
    ) {
        let (mut fixture, days) = indices();
        fixture.closes("AAPL", &path(&days, &closes)).commit();
        let as_of = Instant::close_of(days[cut]);
        let before = everything(&fixture.snapshot(as_of));
        // Later publications, about later and earlier days.
        let aapl = fixture.id(Namespace::Listed, "AAPL");
        let key = (aapl, InstrumentId::NONE);
        let later = Instant::from_micros(as_of.micros() + 1);
        let values = [(Field::Close, 1.0), (Field::Distribution, 1.0)];
        fixture.fact(Dataset::Bars, key, days[1], later, &values);
        let counts = [(Field::SharesOutstanding, shares), (Field::PublicFloat, shares)];
        fixture.fact(Dataset::ShareCounts, key, days[0], later, &counts);
        let interest = [(Field::SharesShort, shares)];
        fixture.fact(Dataset::ShortInterest, key, days[0], later, &interest);
        fixture.series("DGS10", &[(days[7].plus(1), 9.0)]);
        fixture.commit();
        let snapshot = fixture.snapshot(as_of);
        prop_assert_eq!(before, everything(&snapshot));
    }

    #[test]
    fn the_order_of_members_does_not_matter(order in Just(()).prop_perturb(|(), mut rng| {
        let mut order: Vec<usize> = (0..5).collect();
        for i in (1..5).rev() { order.swap(i, (rng.next_u32() as usize) % (i + 1)); }
        order
    }), moves in prop::collection::vec(-1i32..2, 5)) {
        let days = sessions("2021-03-01", 2);
        let measure = |order: &[usize]| {
            let mut fixture = Fixture::new();
            for name in order {
                let after = 100.0 + f64::from(moves[*name]);
                fixture.closes(&format!("N{name}"), &path(&days, &[100.0, after]));
            }
            fixture.commit();
            let snapshot = fixture.snapshot(Instant::close_of(days[1]));
            value(&prepare(&snapshot, &Roles::standard(), None), "share_advancing")
        };
        let rose = moves.iter().filter(|change| 0 < **change).count() as f64;
        prop_assert_eq!(measure(&order).to_bits(), measure(&[0, 1, 2, 3, 4]).to_bits());
        prop_assert!((measure(&order) - 0.2 * rose).abs() < 1e-12);
    }
}
