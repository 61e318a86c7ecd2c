//! Numbers of past P&L that a plan lacks, and what is said of them.

use crate::{
    desks::{FUNDS, LIMITS, desk_of, plan, reports, terms, wish},
    view::View,
};
use hedge::{
    limits::{Caller, SolveLimits, Stopped},
    scheme::Scheme,
    unjudged::{self, Month, Unjudged},
    walk_forward::{Effectiveness, effectiveness},
    wish::{Limit, Meaning, Wish},
};
use marketdata::gap::GapReason;
use risk::fixture::world;

/// An overlay of a book of so many days, judged by another wish and other limits than those it was
/// found with. The history begins on the third day.
fn judged(days: usize, by: &Wish, limits: SolveLimits) -> Effectiveness {
    let view = View::of(&world(150, days, 53).snapshot());
    let book = view.book(&[("AAPL", 3e6), ("MSFT", 2e6), ("NVDA", -1e6)]);
    let factors = view.factors();
    let desk = desk_of(&factors, &book, &terms(&view, &FUNDS));
    let reports = reports(&desk, &wish(1e-6));
    let overlay = (Scheme::Overlay, plan(&reports, Scheme::Overlay));
    effectiveness(&desk, by, overlay, limits, &Caller::waiting()).unwrap().unwrap()
}

/// Six months of 21 sessions after a year of 252, the last of which may be one session long: 252 + 5·21
/// + 1 = 358.
#[test]
fn six_months_after_a_year_are_judged_and_fewer_are_said() {
    let found = judged(360, &wish(1e-6), LIMITS);
    assert_eq!(found.out_of_sample.unwrap().sessions, 358 - 252);
    let found = judged(359, &wish(1e-6), LIMITS);
    assert_eq!(found.out_of_sample, Err(Unjudged::Few { known: 357, needed: 358 }));
    assert!(0.0 < found.in_sample && found.in_sample < 1.0, "{found:?}");
    let gap = found.out_of_sample.unwrap_err().gap(Scheme::Overlay);
    assert_eq!(gap.reason, GapReason::ShortHistory);
    for part in ["plan to overlay", "out of sample", "357 sessions", "358"] {
        assert!(gap.detail.contains(part), "{}", gap.detail);
    }
}

/// No trades leave a net of 100 million with the market's participation. What is known of the sample
/// itself stays.
#[test]
fn a_month_without_a_plan_is_named_and_the_sample_stays() {
    let far =
        Limit { id: "net".to_owned(), meaning: Meaning::Net, lower: Some(100e6), upper: None };
    let far = Wish { limits: vec![far], participation: Some(1e-9), ..wish(1e-6) };
    let found = judged(400, &far, LIMITS);
    assert_eq!(found.out_of_sample, Err(Unjudged::NoPlan(Month { place: 1, of: 7 })));
    assert!(0.0 < found.in_sample, "{found:?}");
    let gap = found.out_of_sample.unwrap_err().gap(Scheme::Both);
    assert_eq!(gap.reason, GapReason::Degenerate);
    assert!(gap.detail.contains("month 1 of 7"), "{}", gap.detail);
}

fn limit(id: &str, meaning: Meaning, lower: Option<f64>, upper: Option<f64>) -> Limit {
    Limit { id: id.to_owned(), meaning, lower, upper }
}

/// Two lines must trade by 600,000 each, in tickets of a million and within a turnover of 1.3 million: there
/// are no such trades, which a search of one branch does not find out. Such a month left everything out,
/// what is known of the sample as well.
#[test]
fn a_month_whose_search_ends_leaves_the_sample() {
    let [large, small] = FUNDS.map(|fund| Meaning::Trade(fund.to_owned()));
    let limits = vec![
        limit("turnover", Meaning::Turnover, None, Some(1.3e6)),
        limit("bought", large, Some(6e5), None),
        limit("sold", small, None, Some(-6e5)),
    ];
    let tickets = Wish { limits, min_ticket: Some(1e6), participation: None, ..wish(1e-6) };
    let found = judged(400, &tickets, SolveLimits { max_nodes: 1, ..LIMITS });
    let ended = Unjudged::Stopped(Month { place: 1, of: 7 }, Stopped::NodeLimit);
    assert_eq!(found.out_of_sample, Err(ended));
    assert!(0.0 < found.in_sample, "{found:?}");
    assert!(ended.gap(Scheme::Cut).detail.contains("limit on nodes"));
}

/// A book that is as long as short in its one name has neither risk nor P&L.
#[test]
fn a_book_without_risk_is_said_to_have_none() {
    let view = View::of(&world(150, 400, 53).snapshot());
    let (book, factors) = (view.book(&[("AAPL", 1e6), ("AAPL", -1e6)]), view.factors());
    let desk = desk_of(&factors, &book, &terms(&view, &FUNDS));
    let reports = reports(&desk, &wish(1e-6));
    let overlay = plan(&reports, Scheme::Overlay);
    assert_eq!(overlay.effect.effectiveness, None);
    let caller = Caller::waiting();
    let judged = effectiveness(&desk, &wish(1e-6), (Scheme::Overlay, overlay), LIMITS, &caller);
    assert_eq!(judged.unwrap(), None);
    let said = |gap: &&marketdata::gap::Gap| gap.reason == GapReason::Degenerate;
    let found: Vec<&str> = desk.gaps().iter().filter(said).map(|gap| &gap.detail[..]).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("does not move in the factor model"), "{found:?}");
    assert!(unjudged::still(Scheme::Overlay).detail.contains("does not vary"));
}
