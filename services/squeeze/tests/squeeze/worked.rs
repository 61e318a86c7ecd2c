//! Schedules of buying a book back: by hand, and against the laws that they are made from.

use crate::world::{SETTLED, World, book, line, near};
use marketdata::gap::{GapReason, Subject};
use proptest::prelude::*;
use squeeze::{
    assess::ShortBook,
    worked::{CoveringSchedule, CoveringTerms, work},
};

/// S trades 800,000 shares a day at prices that go up and down by 2 %, T the same without a count of
/// shares outstanding.
fn shorts(shares: f64) -> ShortBook {
    let mut world = World::new();
    let close = |back: usize| (if back.is_multiple_of(2) { 10.0 } else { 9.8 }, 8e5);
    world.bars("S", close).settle("S", SETTLED, [1.6e6, 8e6, 10e6]);
    world.bars("T", close).settle("T", SETTLED, [1.6e6, 8e6, f64::NAN]);
    book(&world.universe(), &[line("S", -shares, None), line("T", -1_000.0, None)])
}

const EVENLY: CoveringTerms = CoveringTerms { horizon_sessions: None, risk_aversion: 0.0 };

fn schedule(book: &ShortBook, terms: CoveringTerms) -> CoveringSchedule {
    CoveringSchedule::of(&book.lines[0], terms).unwrap()
}

/// 240,000 shares at 15 % of 800,000 a day take two sessions. Evenly: half in each, 15 % of the
/// volume. The cost is that of Almgren et al. (2005) over two days, but that the model charges the
/// lasting impact of a half-hour's own shares to that half-hour's start: ½γX²/26 less.
#[test]
fn without_risk_aversion_it_is_almgrens_even_cost() {
    let book = shorts(240_000.0);
    let even = schedule(&book, EVENLY);
    assert_eq!(even.left.len(), 2);
    near(even.left[0], 0.5);
    near(even.left[1], 0.0);
    near(even.largest_share_of_volume, 0.15);
    near(even.daily_value, 8e6);
    near(even.kappa, 0.0);
    let almgren = book.lines[0].covering.unwrap().almgren.unwrap();
    near(even.permanent_impact, almgren.permanent / 0.3);
    near(even.expected_cost, 2.4e6 * (almgren.mean - 0.5 * almgren.permanent / 26.0));
    // σ²·τ·Σx² with x = X·(1 − j/26), j from 1 to 26: Σ(1 − j/26)² = 25·26·51/(6·26²).
    let squares = 25.0 * 26.0 * 51.0 / (6.0 * 26.0 * 26.0);
    let variance = (even.volatility * 2.4e6).powi(2) / 13.0 * squares;
    near(even.variance / variance, 1.0);
}

#[test]
fn what_has_no_schedule_says_why_and_is_left_out_of_the_cost() {
    let mut book = shorts(240_000.0);
    let worked = work(&mut book, EVENLY);
    assert_eq!(worked.schedules[1], Err(GapReason::NoSharesOutstanding));
    let subject = Subject::number_of("T", "covering_schedule");
    assert!(book.lines[1].gaps.iter().any(|gap| gap.subject == subject));
    let cost = worked.cost.unwrap();
    near(cost.cost, worked.schedules[0].as_ref().unwrap().expected_cost);
    near(cost.share, 2.4e6 / 2.41e6);
    // 2,410,000: 1.2 m of S and all of T after one session.
    assert_eq!(worked.at_normal_volume.len(), 2);
    near(worked.at_normal_volume[0].value_left, 1.2e6);
    near(worked.at_recent_volume[0].share, 1.21 / 2.41);
    let squeeze = book.lines[0].squeeze_pnl.unwrap();
    near(worked.at_normal_volume[0].squeeze_pnl_left, 0.5 * squeeze);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// More aversion costs more, varies less and buys earlier; a longer horizon at no aversion costs
    /// less; a larger short costs more per share.
    #[test]
    fn laws_of_schedules(
        shares in 10e3..2e6f64, aversion in 1e-9..1e-5f64, sessions in 1..40u16,
    ) {
        let book = shorts(shares);
        let terms = |risk_aversion, sessions| CoveringTerms {
            horizon_sessions: Some(sessions), risk_aversion,
        };
        let low = schedule(&book, terms(aversion, sessions));
        let high = schedule(&book, terms(2.0 * aversion, sessions));
        let even = schedule(&book, terms(0.0, sessions));
        let rounding = 1.0 + 1e-12;
        for (calm, urgent) in [(&even, &low), (&low, &high)] {
            prop_assert!(calm.expected_cost <= urgent.expected_cost * rounding);
            prop_assert!(urgent.variance <= calm.variance * rounding);
            prop_assert!(urgent.left.iter().zip(&calm.left).all(|(u, c)| *u <= *c + 1e-12));
        }
        prop_assert_eq!(low.left.len(), usize::from(sessions));
        prop_assert!(low.left.windows(2).all(|pair| pair[1] <= pair[0]));
        prop_assert_eq!(low.left.last().copied().map(f64::to_bits), Some(0));
        let longer = schedule(&book, terms(0.0, 2 * sessions));
        prop_assert!(longer.expected_cost <= even.expected_cost * rounding);
        let larger = schedule(&shorts(2.0 * shares), terms(0.0, sessions));
        prop_assert!(2.0 * even.expected_cost <= larger.expected_cost * rounding);
    }
}
