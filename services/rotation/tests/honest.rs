//! What must not be reported as a fact: noise, measures of a few names, sums over different
//! sessions, share counts from other days.

use factors::roles::Roles;
use marketdata::{
    basis::PriceBasis,
    calendar,
    dataset::{Dataset, Field},
    day::Day,
    fixture::{Fixture, day},
    gap::GapReason,
    instant::Instant,
    instrument::{InstrumentId, Namespace},
    snapshot::Snapshot,
};
use rotation::{
    prepared::{PreparedRotation, Reading, prepare},
    query::{Answer, Query, query},
    subject::{Subject, Transform, Variable},
};

const NONE: InstrumentId = InstrumentId::NONE;

fn sessions(from: &str, count: usize) -> Vec<Day> {
    let first = calendar::plus_sessions(day(from).plus(-1), 1);
    std::iter::successors(Some(first), |at| Some(calendar::plus_sessions(*at, 1)))
        .take(count)
        .collect()
}

fn path(days: &[Day], closes: &[f64]) -> Vec<(Day, f64)> {
    days.iter().copied().zip(closes.iter().copied()).collect()
}

fn member(fixture: &mut Fixture, symbol: &str, from: Day) {
    let (id, index) =
        (fixture.id(Namespace::Listed, symbol), fixture.id(Namespace::Series, "SP500"));
    let values = [(Field::Member, 1.0)];
    fixture.fact(Dataset::Memberships, (id, index), from, Instant::close_of(from), &values);
}

fn shares(fixture: &mut Fixture, symbol: &str, on: Day, count: f64) {
    let key = (fixture.id(Namespace::Listed, symbol), NONE);
    let values = [(Field::SharesOutstanding, count)];
    fixture.fact(Dataset::ShareCounts, key, on, Instant::close_of(on), &values);
}

fn seen(fixture: &Fixture, on: Day) -> Snapshot {
    fixture.snapshot(Instant::close_of(on))
}

fn found(fixture: &Fixture, on: Day) -> PreparedRotation {
    prepare(&seen(fixture, on), &Roles::standard(), None)
}

fn reading<'a>(prepared: &'a PreparedRotation, id: &str) -> &'a Reading {
    prepared.reading(id).expect(id)
}

fn last(prepared: &PreparedRotation, id: &str) -> f64 {
    reading(prepared, id).history.last().expect(id).1
}

#[test]
fn a_price_that_returns_to_its_level_is_no_move_and_no_record() {
    let days = sessions("2021-03-01", 6);
    let mut fixture = Fixture::new();
    // The price is back at its level after five sessions; the products of the daily returns are
    // not.
    let (mut small, mut flat) = (vec![97.13], 0);
    for step in [1.137, 0.913, 1.071, 0.947] {
        small.push((small[small.len() - 1] * step * 100.0_f64).round() / 100.0);
    }
    small.push(97.13);
    // The same moves from another price: no spread.
    let large: Vec<f64> = small.iter().map(|close| 3.7 * close).collect();
    fixture.closes("IWM", &path(&days, &small)).closes("SPY", &path(&days, &large)).commit();
    let found = found(&fixture, days[5]);
    for id in [
        "index_return.small_cap_index.5d",
        "index_return.large_cap_index.5d",
        "size_spread.1d",
        "size_spread.5d",
    ] {
        let reading = reading(&found, id);
        assert_eq!(reading.history.last().expect(id).1.abs().to_bits(), 0, "{id}");
        assert_eq!(reading.record, None, "{id}");
        flat += 1;
    }
    assert_eq!(flat, 4);
    let spreads = &reading(&found, "size_spread.1d").history.values;
    assert!(spreads.iter().all(|spread| *spread == 0.0), "{spreads:?}");
}

#[test]
fn a_value_that_returns_to_its_level_is_no_move() {
    let days = sessions("2021-03-01", 7);
    let mut fixture = Fixture::new();
    for (name, closes) in [
        ("AAPL", [120.1, 121.3, 119.7, 123.9, 122.2, 118.8, 121.3]),
        ("MSFT", [230.3, 231.9, 229.1, 235.7, 233.3, 228.7, 231.9]),
        ("AMZN", [3_100.7, 3_111.1, 3_090.9, 3_160.3, 3_130.1, 3_080.7, 3_111.1]),
        ("TSLA", [700.9, 711.7, 690.3, 730.1, 720.7, 680.3, 711.7]),
    ] {
        fixture.closes(name, &path(&days, &closes));
        shares(&mut fixture, name, days[0].plus(-20), 1.234_567e9);
    }
    fixture.commit();
    let found = found(&fixture, days[6]);
    let change = reading(&found, "megacap_value_change_usd.5d");
    assert_eq!(change.history.last().map(|(_, value)| value.abs().to_bits()), Some(0));
    assert_eq!(change.record, None);
}

/// Ten members with closes on three sessions; one of them has a close on an earlier session.
fn ten_members() -> (Fixture, Vec<Day>) {
    let days = sessions("2021-03-01", 4);
    let mut fixture = Fixture::new();
    for n in 0..10 {
        let symbol = format!("N{n}");
        member(&mut fixture, &symbol, days[0].plus(-30));
        let closes = [10.0, 11.0, if n < 4 { 12.0 } else { 10.5 }, 13.0];
        let first = usize::from(0 < n);
        fixture.closes(&symbol, &path(&days[first..], &closes[first..]));
    }
    fixture.commit();
    (fixture, days)
}

#[test]
fn few_members_give_no_breadth() {
    let (fixture, days) = ten_members();
    let found = found(&fixture, days[3]);
    // On the second session all ten have a close, but only one has a close before: 100 % of one.
    for id in ["share_advancing", "share_advancing.decided", "advance_decline_line.share"] {
        assert_eq!(reading(&found, id).history.days, days[2..], "{id}");
    }
    // Sessions 3 and 4: 4 up and 6 down, then all up.
    assert!((last(&found, "advance_decline_line") - 8.0).abs() < 1e-12);
    let record = reading(&found, "share_advancing").record.expect("a record");
    assert_eq!(record.start, days[2]);
    let early = prepare(&seen(&fixture, days[1]), &Roles::standard(), None);
    let reading = reading(&early, "share_advancing");
    assert!(reading.history.days.is_empty());
    assert!(reading.gaps.iter().any(|gap| gap.reason == GapReason::MissingObservations));
}

#[test]
fn too_few_megacaps_give_no_sum() {
    let days = sessions("2021-03-01", 4);
    let mut fixture = Fixture::new();
    for (n, name) in ["AAPL", "MSFT", "AMZN", "TSLA"].into_iter().enumerate() {
        let first = if n < 3 { 0 } else { 1 };
        fixture.closes(name, &path(&days[first..], &[10.0, 11.0, 12.0, 13.0][first..]));
        shares(&mut fixture, name, days[0].plus(-20), 1e9);
    }
    fixture.commit();
    // Three of seven issuers on the second session, four from the third on.
    let found = found(&fixture, days[3]);
    assert_eq!(reading(&found, "megacap_value_change_usd.1d").history.days, days[2..]);
    assert_eq!(reading(&found, "megacap_value_change_usd.issuers_down").history.days, days[2..]);
}

#[test]
fn classes_without_a_dot_are_one_issuer() {
    let days = sessions("2021-03-01", 2);
    let mut fixture = Fixture::new();
    for (symbol, close) in
        [("FOX", 20.0), ("KO", 50.0), ("FOXA", 30.0), ("BF.B", 25.0), ("BF.A", 25.0)]
    {
        member(&mut fixture, symbol, days[0].plus(-30));
        fixture.closes(symbol, &path(&days, &[close, close]));
        shares(&mut fixture, symbol, days[0].plus(-20), 1e9);
    }
    fixture.commit();
    // Three issuers of 50bn each: HHI = 3 · (1/3)², effective number 3.
    let found = found(&fixture, days[1]);
    assert!((last(&found, "concentration.effective_number") - 3.0).abs() < 1e-12);
}

#[test]
fn dollars_begin_with_the_first_known_count_of_shares() {
    let days = sessions("2021-03-01", 6);
    let mut fixture = Fixture::new();
    for name in ["AAPL", "MSFT", "AMZN", "TSLA"] {
        // A fall of 3 before the shares are known, and one of 2 after.
        fixture.closes(name, &path(&days, &[103.0, 100.0, 101.0, 102.0, 103.0, 101.0]));
        shares(&mut fixture, name, days[2], 1e9);
        member(&mut fixture, name, days[0].plus(-30));
    }
    fixture.commit();
    let found = found(&fixture, days[5]);
    let change = reading(&found, "megacap_value_change_usd.1d");
    assert_eq!(change.history.days, days[3..]);
    let record = change.record.expect("a record");
    assert_eq!((record.since, record.start), (None, days[3]));
    assert!(change.gaps.iter().any(|gap| gap.reason == GapReason::NoSharesOutstanding));
    assert_eq!(reading(&found, "concentration.top7_weight").history.days, days[2..]);
}

/// Twenty names, two of them the most shorted; public at 18:00 of the third session. They traded for
/// fourteen sessions before, so that they have an average volume.
fn shorted(sessions: &[Day], skipped: &[usize]) -> Fixture {
    let mut fixture = Fixture::new();
    let published = Instant::new_york(sessions[2], 18, 0);
    for n in 0..20 {
        let symbol = format!("N{n:02}");
        let closes: Vec<f64> = (0..sessions.len()).map(|i| 100.0 + (i * i) as f64).collect();
        let all = path(sessions, &closes).into_iter().enumerate();
        let kept: Vec<_> =
            all.filter(|(i, _)| n < 18 || !skipped.contains(i)).map(|(_, bar)| bar).collect();
        let earlier = (1..=14).map(|back| (calendar::plus_sessions(sessions[0], -back), 100.0));
        fixture.closes(&symbol, &earlier.chain(kept).collect::<Vec<_>>());
        let key = (fixture.id(Namespace::Listed, &symbol), NONE);
        let counts = [(Field::SharesOutstanding, 2e7), (Field::PublicFloat, 1e7)];
        let on = sessions[0].plus(-5);
        fixture.fact(Dataset::ShareCounts, key, on, published, &counts);
        let interest = [(Field::SharesShort, 1e5 * f64::from(n + 1))];
        fixture.fact(Dataset::ShortInterest, key, on, published, &interest);
    }
    fixture
}

#[test]
fn the_most_shorted_earn_nothing_before_they_could_be_bought() {
    let days = sessions("2021-03-01", 8);
    let mut fixture = shorted(&days, &[]);
    fixture.commit();
    // Public in the evening of session 3: bought at the close of session 4, with the first return
    // on session 5.
    let found = prepare(&seen(&fixture, days[7]), &Roles::standard(), None);
    let history = &reading(&found, "most_shorted.1d").history;
    assert_eq!(history.days, days[4..]);
    // 116 / 109 − 1
    assert!((history.values[0] - 7.0 / 109.0).abs() < 1e-12);
}

#[test]
fn a_return_over_a_halt_does_not_count_for_the_basket() {
    let days = sessions("2021-03-01", 9);
    // Both members miss the fourth session, then the seventh.
    let mut fixture = shorted(&days, &[3, 6]);
    let index: Vec<f64> = (0..9).map(|i| 50.0 + f64::from(i)).collect();
    fixture.closes("VTI", &path(&days, &index)).commit();
    let found = prepare(&seen(&fixture, days[8]), &Roles::standard(), None);
    // Bought on session 4, on which they have no close: a return needs a close on the session
    // before.
    assert_eq!(reading(&found, "most_shorted.1d").history.days, [days[5], days[8]]);
    let spread = reading(&found, "most_shorted.less_index.1d");
    assert_eq!(spread.history.days, [days[5], days[8]]);
    assert!(spread.gaps.iter().any(|gap| gap.reason == GapReason::MissingObservations));
}

#[test]
fn legs_that_begin_on_different_days_are_not_subtracted() {
    let days = sessions("2021-03-01", 5);
    let mut fixture = Fixture::new();
    let without = |missing: usize, closes: &[f64]| -> Vec<(Day, f64)> {
        let all = path(&days, closes).into_iter().enumerate();
        all.filter(|(i, _)| *i != missing).map(|(_, bar)| bar).collect()
    };
    // Defensive sectors have no close on session 3, on which the market fell 10 % before it
    // recovered.
    for name in ["XLP", "XLU", "XLV"] {
        fixture.closes(name, &without(2, &[100.0, 100.0, 100.0, 101.0, 102.0]));
    }
    for name in ["XLY", "XLI", "XLF", "XLB"] {
        fixture.closes(name, &path(&days, &[100.0, 100.0, 90.0, 100.0, 101.0]));
    }
    fixture.commit();
    let found = found(&fixture, days[4]);
    let spread = reading(&found, "defensive_minus_cyclical.1d");
    // On session 4, one leg moved over two sessions and the other over one: no spread.
    assert_eq!(spread.history.days, [days[1], days[4]]);
    assert!(spread.gaps.iter().any(|gap| gap.reason == GapReason::MissingObservations));
}

#[test]
fn one_fund_of_a_basket_is_not_enough() {
    let days = sessions("2021-03-01", 4);
    let mut fixture = Fixture::new();
    let closes = [100.0, 101.0, 102.0, 103.0];
    for (name, first) in [("XLP", 0), ("XLU", 1), ("XLV", 1), ("XLY", 0), ("XLI", 0), ("XLF", 0)] {
        fixture.closes(name, &path(&days[first..], &closes[first..]));
    }
    fixture.commit();
    // On session 2, one of three defensive funds has a return.
    let found = found(&fixture, days[3]);
    assert_eq!(reading(&found, "defensive_minus_cyclical.1d").history.days, days[2..]);
}

fn run_query(
    snapshot: &Snapshot,
    subject: Subject,
    transform: Transform,
    horizon: usize,
) -> Answer {
    let roles = Roles::standard();
    let variable = Variable { subject, transform, horizon };
    let conditions = Vec::new();
    let question = Query { variable, direction: None, conditions, from: None, on: None, top: 10 };
    query(snapshot, &roles, &prepare(snapshot, &roles, None), &question).expect("an answer")
}

#[test]
fn the_rounding_of_a_vendors_levels_is_no_move_in_points() {
    let days = sessions("2021-03-01", 4);
    let mut fixture = Fixture::new();
    // TLT as a vendor adjusted it: an unchanged price one step of single precision (7 digits)
    // lower.
    for (on, close) in days.iter().zip([37.014_013, 37.414_013, 37.414_017, 37.414_009]) {
        let [code, basis_on] = PriceBasis::TotalReturn { on: day("2021-06-30") }.to_values();
        let key = (fixture.id(Namespace::Listed, "TLT"), NONE);
        let values = [(Field::Close, close), (Field::PriceBasis, code), (Field::BasisOn, basis_on)];
        fixture.fact(Dataset::Bars, key, *on, Instant::close_of(*on), &values);
    }
    fixture.commit();
    let subject = Subject::Symbol("TLT".to_owned());
    for transform in [Transform::ChangeRelative, Transform::ChangePoints] {
        let answer = run_query(&seen(&fixture, days[3]), subject.clone(), transform, 1);
        let last = answer.observation.expect("a value");
        assert_eq!((last.on, last.value.to_bits()), (days[3], 0), "{transform:?}");
        assert_eq!(answer.record, None, "{transform:?}");
    }
}

#[test]
fn no_change_of_breadth_spans_a_session_without_breadth() {
    let days = sessions("2021-03-01", 14);
    let mut fixture = Fixture::new();
    for n in 0..10 {
        let symbol = format!("N{n}");
        member(&mut fixture, &symbol, days[0].plus(-30));
        shares(&mut fixture, &symbol, days[0].plus(-20), 1e9);
        let closes: Vec<f64> = (0..14).map(|i| 100.0 + f64::from((i * (n + 2)) % 7)).collect();
        // On the seventh session, three of ten have a close.
        let all = path(&days, &closes).into_iter().enumerate();
        let kept: Vec<_> = all.filter(|(i, _)| n < 3 || *i != 6).map(|(_, bar)| bar).collect();
        fixture.closes(&symbol, &kept);
    }
    fixture.commit();
    let snapshot = seen(&fixture, days[13]);
    let found = prepare(&snapshot, &Roles::standard(), None);
    // Changes are over five sessions, before the hole or after it.
    for (id, expected) in [
        ("concentration.top7_weight.5d", [&days[5..6], &days[12..]].concat()),
        ("advance_decline_line.share.5d", days[12..].to_vec()),
    ] {
        let reading = reading(&found, id);
        assert_eq!(reading.history.days, expected, "{id}");
        assert!(reading.gaps.iter().any(|gap| gap.reason == GapReason::MissingObservations));
    }
    let subject = Subject::Measure("share_advancing".to_owned());
    let answer = run_query(&snapshot, subject, Transform::ChangePoints, 2);
    let mut changes: Vec<Day> = answer.top.iter().map(|found| found.on).collect();
    changes.sort_unstable();
    // The measure has values on sessions 2 to 6 and 8 to 14.
    assert!(changes.iter().all(|on| days[3..6].contains(on) || days[9..].contains(on)));
    assert_eq!(answer.observations, 3 + 5);
}

#[test]
fn a_sum_begins_when_the_shares_of_all_priced_issuers_are_known() {
    let days = sessions("2021-03-01", 8);
    let mut fixture = Fixture::new();
    for (n, name) in ["AAPL", "MSFT", "AMZN", "TSLA", "NVDA"].into_iter().enumerate() {
        let closes = [100.0, 101.0, 99.0, 100.0, 102.0, 101.0, 103.0, 102.0];
        fixture.closes(name, &path(&days, &closes));
        // Four of them are known from the start, one from the fifth session on.
        shares(&mut fixture, name, if n < 4 { days[0].plus(-20) } else { days[4] }, 1e9);
    }
    fixture.commit();
    let found = found(&fixture, days[7]);
    let change = reading(&found, "megacap_value_change_usd.1d");
    assert_eq!(change.history.days, days[5..]);
    assert!((last(&found, "megacap_value_change_usd.1d") + 5e9).abs() < 1.0);
    assert_eq!(change.record.expect("a record").start, days[5]);
    assert!(change.gaps.iter().any(|gap| gap.reason == GapReason::NoSharesOutstanding
        && gap.detail.starts_with(&format!("before {}", days[4]))));
}

#[test]
fn an_issuer_with_a_class_missing_on_a_day_has_no_value_and_moves_no_weight() {
    let days = sessions("2021-03-01", 6);
    for missing in [3, 5] {
        let mut fixture = Fixture::new();
        for (symbol, close) in [("GOOG", 20.0), ("GOOGL", 30.0), ("KO", 50.0), ("PEP", 100.0)] {
            member(&mut fixture, symbol, days[0].plus(-30));
            let all = path(&days, &[close; 6]).into_iter().enumerate();
            let kept: Vec<_> = all
                .filter(|(i, _)| symbol != "GOOGL" || *i != missing)
                .map(|(_, bar)| bar)
                .collect();
            fixture.closes(symbol, &kept);
            shares(&mut fixture, symbol, days[0].plus(-20), 1e9);
        }
        fixture.commit();
        let found = found(&fixture, days[5]);
        let hhi = reading(&found, "concentration.hhi");
        // Issuers of 50, 50 and 100bn: (2 · 50² + 100²) / 200² = 0.375 on every day with a value.
        assert!(hhi.history.values.iter().all(|hhi| (hhi - 0.375).abs() < 1e-12), "{hhi:?}");
        let whole: Vec<Day> = days.iter().copied().filter(|day| *day != days[missing]).collect();
        assert_eq!(hhi.history.days, whole);
        assert!(hhi.gaps.iter().any(|gap| gap.reason == GapReason::MissingObservations));
    }
}

#[test]
fn half_of_the_issuers_are_counted_against_issuers() {
    let days = sessions("2021-03-01", 2);
    let mut fixture = Fixture::new();
    // Four issuers, two of them valued; the other two have five lines together.
    for symbol in ["LBTYA", "LBTYB", "LBTYK", "BF.A", "BF.B", "KO", "PEP"] {
        member(&mut fixture, symbol, days[0].plus(-30));
        fixture.closes(symbol, &path(&days, &[50.0, 50.0]));
    }
    for symbol in ["KO", "PEP"] {
        shares(&mut fixture, symbol, days[0].plus(-20), 1e9);
    }
    fixture.commit();
    let found = found(&fixture, days[1]);
    assert!((last(&found, "concentration.effective_number") - 2.0).abs() < 1e-12);
}
