//! The simulated market's rotation day is recognised as such.

use factors::roles::Roles;
use marketdata::{
    calendar,
    dataset::Dataset,
    day::Day,
    gap::{Gap, Subject},
    instant::Instant,
    market::Market,
    snapshot::Snapshot,
};
use rotation::{
    as_published::{History, Progress},
    component::Score,
    prepared::{PreparedRotation, prepare},
    report::{Request, report},
    session_move::SessionStatus,
    state::State,
    state_history::{Said, StateHistory},
};
use simulation::{facts, market::Parameters};
use std::sync::Arc;

/// The simulated market, as folded by a fresh process.
fn folded(simulated: &simulation::market::Market) -> Arc<Market> {
    facts::folded(facts::batches(simulated, 4_000))
}

/// The same without a dataset.
fn folded_without(simulated: &simulation::market::Market, without: Dataset) -> Arc<Market> {
    facts::folded(facts::batches(simulated, 4_000).map(|mut batch| {
        batch.tables.retain(|table| table.dataset != without);
        batch
    }))
}

fn at_close(market: &Arc<Market>, day: Day) -> PreparedRotation {
    let head = market.head().revision;
    let snapshot = Snapshot::new(Arc::clone(market), Instant::close_of(day), head);
    prepare(&snapshot.expect("the head"), &Roles::standard(), None)
}

#[test]
fn small_caps_take_the_lead_on_the_rotation_day_and_not_before() {
    let simulated = simulation::market::Market::new(Parameters::DEMO);
    let market = folded(&simulated);
    let rotation_on = simulated.rotation_on();
    let found = at_close(&market, rotation_on);
    let value = |id: &str| found.reading(id).and_then(|r| r.history.last()).expect(id).1;
    // Published moves of 2024-07-11: Russell 2000 +3.6 %, Nasdaq Composite −2.0 %, S&P 500 −0.9 %,
    // Dow +0.1 %, four in five S&P members up, equal weight ahead by two points.
    for (id, expected, tolerance) in [
        ("index_return.small_cap_index.1d", 0.036, 0.001),
        ("index_return.nasdaq.1d", -0.020, 0.001),
        ("index_return.large_cap_index.1d", -0.009, 0.001),
        ("index_return.dow.1d", 0.001, 0.001),
        ("share_advancing", 0.8, 0.03),
        ("equal_minus_cap.1d", 0.02, 0.003),
        ("megacap_value_change_usd.issuers_down", 7.0, 0.5),
    ] {
        assert!((value(id) - expected).abs() <= tolerance, "{id}: {}", value(id));
    }
    assert!(value("most_shorted.less_index.1d") > 0.02, "heavily shorted names sharply up");
    let gap = found.reading("small_vs_nasdaq.1d").and_then(|r| r.record).expect("a record");
    assert!(gap.rank <= 3 && 300 < gap.in_direction, "one of the widest one-day gaps: {gap:?}");
    rotation_in_the_first_line(&found);
    // The day before shows no sign of it.
    let before = at_close(&market, calendar::plus_sessions(rotation_on, -1));
    assert_eq!(before.session_move.as_ref().expect("a session").is_rotation, Some(false));
    assert_ne!(before.composite.as_ref().expect("a state").state, State::SmallLed);
    assert!(headline(&before).contains("no rotation"), "{}", headline(&before));
    history_agrees_with_the_reports_of_its_days(&market, rotation_on, &found);
}

fn headline(prepared: &PreparedRotation) -> String {
    let request = Request { indicators: Vec::new(), since: None };
    report(prepared, &request).expect("nothing is unknown").headline
}

fn rotation_in_the_first_line(found: &PreparedRotation) {
    let moved = found.session_move.as_ref().expect("a session");
    assert_eq!((moved.is_rotation, moved.status), (Some(true), Some(SessionStatus::Closed)));
    assert_eq!(moved.size().measure, "small_vs_nasdaq.1d");
    assert!(moved.size().z.expect("a z-score") > 4.0, "{moved:?}");
    let rate = moved.rate.expect("a rate");
    assert!(1 <= rate.last_year && rate.per_year < 10.0, "{rate:?}");
    let first = "2024-07-11: a rotation into small caps: ^RUT beat ^IXIC by 5.6 points";
    assert!(headline(found).starts_with(first), "{}", headline(found));
    let composite = found.composite.as_ref().expect("a state");
    assert_ne!(composite.state, State::Unknown, "{:?}", composite.scores);
    for score in &composite.scores {
        let three_or_more = if score.score == Score::Risk { 3 } else { 4 };
        assert_eq!(score.used, three_or_more, "no credit spread is simulated");
        let sum: f64 = score.contributions.iter().filter_map(|part| part.contribution).sum();
        assert!((sum - score.value.expect("a value")).abs() < 1e-9);
    }
}

/// Later sessions do not change what a report said.
fn history_agrees_with_the_reports_of_its_days(
    market: &Arc<Market>,
    rotation_on: Day,
    found: &PreparedRotation,
) {
    let later = at_close(market, calendar::plus_sessions(rotation_on, 5));
    let place = later.scores().sessions().binary_search(&rotation_on).expect("a session");
    let composite = found.composite.as_ref().expect("a state");
    let then = later.scores().at(place).expect("a state");
    assert_eq!((then.state, then.since), (composite.state, composite.since));
    for (one, other) in then.scores.iter().zip(&composite.scores) {
        assert_eq!(one.score, other.score);
        let [one, other] = [one, other].map(|score| score.value.expect("a value"));
        assert!((one - other).abs() < 1e-9, "{one} {other}");
    }
}

/// Each session as known at its close says what a report of that instant says, and the history of a
/// view ends with what its report says.
#[test]
fn scores_and_states_as_published_are_those_of_the_reports() {
    let simulated = simulation::market::Market::new(Parameters::DEMO);
    let market = folded(&simulated);
    let days = [-1, 0].map(|later| calendar::plus_sessions(simulated.rotation_on(), later));
    let reports = days.map(|day| at_close(&market, day));
    let head = market.head().revision;
    let snapshot = Snapshot::new(Arc::clone(&market), Instant::close_of(days[1]), head);
    let snapshot = snapshot.expect("the head");
    let mut rotations = Vec::new();
    for history in StateHistory::ALL {
        let roles = Arc::new(Roles::standard());
        let mut progress = Progress::new(snapshot.clone(), roles, History::State(history));
        days.into_iter().for_each(|day| progress.add(day));
        let points = progress.finish().points;
        assert_eq!(points.len(), 2, "{history:?}");
        for (point, report) in points.iter().zip(&reports) {
            let known = Some((point.observed_on, point.said));
            assert_eq!(history.of_last(report), known, "{history:?}");
            assert_eq!(history.of_sessions(report).last().copied(), known, "{history:?}");
            if let Said::Move { is_rotation, .. } = point.said {
                rotations.push(is_rotation);
            }
        }
    }
    assert_eq!(rotations, [false, true], "the rotation day, and the day before it");
}

#[test]
fn what_followed_each_state_is_shown_also_where_it_is_nothing() {
    let simulated = simulation::market::Market::new(Parameters::DEMO);
    let market = folded(&simulated);
    let found = at_close(&market, simulated.rotation_on());
    let all = &found.aftermath.of_all;
    let states = found.aftermath.by_state.each_ref().map(|(_, after)| after);
    assert_eq!(all.sessions, states.iter().map(|state| state.sessions).sum::<usize>());
    assert!(50 < all.sessions && 0 < all.runs, "{all:?}");
    let values: usize = states.iter().map(|state| state.next[0].sessions).sum();
    assert_eq!(values, all.next[0].sessions);
}

#[test]
fn a_component_of_two_scores_is_left_out_of_both() {
    let simulated = simulation::market::Market::new(Parameters::DEMO);
    let market = folded_without(&simulated, Dataset::ShortInterest);
    let day = simulated.rotation_on();
    let snapshot =
        Snapshot::new(Arc::clone(&market), Instant::close_of(day), market.head().revision);
    let history = History::State(StateHistory::find("state").expect("a history"));
    let roles = Arc::new(Roles::standard());
    let mut progress = Progress::new(snapshot.expect("the head"), roles, history);
    progress.add(day);
    let found = progress.finish();
    let detail = |measure: &str| {
        let of = |gap: &&Gap| gap.subject == Subject::Indicator(measure.to_owned());
        found.gaps.iter().find(of).map(|gap| gap.detail.as_str()).unwrap_or_default()
    };
    let known = format!("at 1 of 1 sessions, the last {day}: ");
    let size = "most_shorted.less_index.5d is left out of the size and squeeze scores";
    assert_eq!(detail("most_shorted.less_index.5d"), format!("{known}{size}"));
    let squeeze = "most_shorted.less_index.21d is left out of the squeeze score";
    assert_eq!(detail("most_shorted.less_index.21d"), format!("{known}{squeeze}"));
}
