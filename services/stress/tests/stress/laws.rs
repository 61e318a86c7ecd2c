//! Laws: the order of lines and of ingest, and whatever comes later, alter no bit.

use crate::view::View;
use factors::roles::Role;
use marketdata::snapshot::Snapshot;
use risk::{
    fixture::{World, world_with},
    series::Series,
};
use stress::{
    catalog,
    hypothetical::hypothetical,
    library::NamedWindow,
    likely_loss::{LossRequest, likely_loss},
    liquidity::{ExitTerms, adjusted},
    ready::{GivenInputs, ready},
    replay::replay,
    reprice::reprice,
    shock::{Hypothetical, Shock, Target},
};

const SEED: u64 = 41;
const DAYS: usize = 420;

/// Some names are young, so that stand-ins are made.
fn world() -> World {
    world_with(150, DAYS, SEED, |names| {
        for name in names.iter_mut().skip(20).step_by(9) {
            name.listed_from = DAYS - 50;
        }
    })
}

fn lines(world: &World) -> Vec<(String, f64)> {
    let of = |at: usize| {
        let sign = if at.is_multiple_of(3) { -1.0 } else { 1.0 };
        (world.names[at].symbol.clone(), sign * (1e5 + 1e3 * at as f64))
    };
    (0..120).step_by(2).map(of).chain([("^RUT".to_owned(), -3e5)]).collect()
}

/// Everything that is said of a book. Instruments are numbers of the log, so they are left out.
fn said(snapshot: &Snapshot, lines: &[(String, f64)]) -> String {
    let view = View::of(snapshot);
    let borrowed: Vec<(&str, f64)> = lines.iter().map(|(s, v)| (s.as_str(), *v)).collect();
    let book = view.book(&borrowed);
    let days = view.model.sessions.days();
    let window = (days[days.len() - 90], days[days.len() - 85]);
    let mut replayed = replay(&view.model, &view.roles, &book, &[], window).unwrap();
    let unnumbered = marketdata::instrument::InstrumentId(0);
    replayed.positions.iter_mut().for_each(|position| position.instrument = unnumbered);
    let stress = view.factors();
    let shock = |target, size| Shock { target, size };
    let scenario = Hypothetical {
        scenario_id: "own".to_owned(),
        sessions: 5,
        shocks: vec![
            shock(Target::Series(Series::Role(Role::SmallCapIndex)), 0.05),
            shock(Target::Series(Series::Trade), -0.03),
            shock(Target::Sector(view.model.sectors[1].clone()), -0.02),
        ],
    };
    let report = hypothetical(&stress, &book, &[], &scenario).unwrap();
    let request =
        LossRequest { loss: 1e5, sessions: 1, bounds: Vec::new(), specific_deviations: Some(2.0) };
    let terms = ExitTerms {
        sessions: 1.0,
        participation: 0.1,
        half_spread: 0.0005,
        volatility_ratio: 2.0,
        volume_ratio: 1.5,
    };
    let adjusted =
        adjusted(&stress, &book, (&report.average.positions, &report.average.positions), &terms)
            .unwrap();
    let given = GivenInputs { cut_probability: None };
    let mut ready = ready(&stress, given);
    for row in &mut ready {
        for shock in row.scenario.iter_mut().flat_map(|scenario| &mut scenario.shocks) {
            if let Target::Basket(basket) = &mut shock.target {
                basket.weights.iter_mut().for_each(|(id, _)| *id = unnumbered);
            }
        }
    }
    format!(
        "{replayed:?}\n{:?}\n{report:?}\n{:?}\n{adjusted:?}\n{ready:?}\n{:?}",
        reprice(&view.model, &book),
        likely_loss(&stress, &book, &[], &request).unwrap(),
        catalog::windows(&view.model, &view.roles),
    )
}

#[track_caller]
fn same(a: &str, b: &str) {
    for (a, b) in a.lines().zip(b.lines()) {
        assert_eq!(a, b);
    }
}

#[test]
fn the_order_of_lines_alters_no_bit() {
    let world = world();
    let mut lines = lines(&world);
    let forwards = said(&world.snapshot(), &lines);
    lines.reverse();
    same(&forwards, &said(&world.snapshot(), &lines));
}

#[test]
fn the_order_of_ingest_alters_no_bit() {
    let world = world();
    let lines = lines(&world);
    same(&said(&world.snapshot(), &lines), &said(&world.folded_backwards(SEED), &lines));
}

/// Later sessions, of which the as-of date cuts off 20.
#[test]
fn later_sessions_alter_no_bit() {
    let world = world();
    let lines = lines(&world);
    let day = DAYS - 21;
    let cut = std::sync::Arc::new(world.fold(SEED, day + 1));
    let whole = world.snapshot_at(&world.market, day);
    same(&said(&whole, &lines), &said(&world.snapshot_at(&cut, day), &lines));
}

/// A window that is not over on the as-of date is not replayed in part, and the list says so.
#[test]
fn a_window_of_the_future_is_not_available() {
    let world = world();
    let window = NamedWindow::find("rotation_2024_07").unwrap();
    let view = View::of(&world.snapshot());
    assert_eq!(world.days[DAYS - 1], window.days().0);
    let entries = catalog::windows(&view.model, &view.roles);
    let entry = entries.iter().find(|entry| entry.scenario_id == window.scenario_id).unwrap();
    assert!(!entry.is_available());
    let book = view.book(&[("AAPL", 1e6)]);
    assert!(replay(&view.model, &view.roles, &book, &[], window.days()).is_none());
}
