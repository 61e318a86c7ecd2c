//! Short ratios against published figures, and with splits, late files and bad sources.

use factors::{
    settlement_days::SettlementDays,
    short_ratio::{DataQualityFlag, ShortRatio},
};
use marketdata::{
    dataset::{Dataset, Field},
    fixture::{Fixture, day},
    gap::GapReason,
    instant::Instant,
    instrument::{InstrumentId, Namespace},
};
use proptest::prelude::*;

/// Adds a settlement: shares short, float and shares outstanding, published on a day at 18:00.
fn settle(
    fixture: &mut Fixture,
    symbol: &str,
    (settlement, published): (&str, &str),
    [short, float, outstanding]: [f64; 3],
) {
    let id = fixture.id(Namespace::Listed, symbol);
    let key = (id, InstrumentId::NONE);
    let at = Instant::new_york(day(published), 18, 0);
    fixture.fact(Dataset::ShortInterest, key, day(settlement), at, &[(Field::SharesShort, short)]);
    let counts = [(Field::PublicFloat, float), (Field::SharesOutstanding, outstanding)];
    fixture.fact(Dataset::ShareCounts, key, day(settlement), at, &counts);
}

fn split(fixture: &mut Fixture, symbol: &str, (from, to): (&str, &str), shares: f64) {
    let id = fixture.id(Namespace::Listed, symbol);
    let values = [
        (Field::FromOn, f64::from(day(from).epoch())),
        (Field::PriceFactor, shares),
        (Field::ShareFactor, shares),
    ];
    let at = Instant::new_york(day(to), 9, 30);
    fixture.fact(Dataset::Splits, (id, InstrumentId::NONE), day(to), at, &values);
}

fn known(fixture: &mut Fixture, symbol: &str, on: &str) -> Option<ShortRatio> {
    let id = fixture.id(Namespace::Listed, symbol);
    let snapshot = fixture.snapshot(Instant::close_of(day(on)));
    ShortRatio::of(&snapshot, id, &SettlementDays::of(&snapshot))
}

fn near(value: Result<f64, GapReason>, expected: f64, tolerance: f64) {
    let is_near = value.is_ok_and(|value| (value - expected).abs() < tolerance);
    assert!(is_near, "{value:?} is not {expected}");
}

#[test]
fn both_formulas_of_the_published_example() {
    // methodology D1: 71.19 mm short of a float of 50.19 mm are 141.84 % and 58.65 % (.586505).
    let mut fixture = Fixture::new();
    settle(&mut fixture, "GME", ("2020-12-31", "2021-01-12"), [71.19e6, 50.19e6, 69.75e6]);
    fixture.commit();
    let ratio = known(&mut fixture, "GME", "2021-01-27").unwrap();
    near(ratio.of_float(), 1.4184, 5e-5);
    near(ratio.of_float_s3(), 0.586_505, 5e-7);
    // 71.19 / 69.75 = 1.020645.
    near(ratio.of_shares_outstanding(), 1.020_645, 5e-7);
    assert_eq!(ratio.change(), None, "there is no settlement before");
}

#[test]
fn a_settlement_is_unknown_until_it_is_published() {
    let mut fixture = Fixture::new();
    settle(&mut fixture, "GME", ("2020-12-31", "2021-01-12"), [71.2e6, 51.44e6, 69.75e6]);
    settle(&mut fixture, "GME", ("2021-01-15", "2021-01-27"), [61.78e6, 51.03e6, 69.75e6]);
    fixture.commit();
    assert!(known(&mut fixture, "GME", "2021-01-12").is_none(), "18:00 is after the close");
    let before = known(&mut fixture, "GME", "2021-01-27").unwrap();
    assert_eq!(before.shares_short.effective_on, day("2020-12-31"));
    let after = known(&mut fixture, "GME", "2021-01-28").unwrap();
    assert_eq!(after.shares_short.effective_on, day("2021-01-15"));
    // 61.78 / 71.2 − 1 = −0.132303.
    assert!((after.change().unwrap() + 0.132_303).abs() < 1e-6);
}

#[test]
fn a_split_between_settlements_changes_no_ratio() {
    // 2 m of 10 m, then a 4:1 split, then 8.8 m of 40 m: 22 % of float, and an increase of a tenth.
    let mut fixture = Fixture::new();
    settle(&mut fixture, "S", ("2022-07-15", "2022-07-26"), [2e6, 10e6, 12e6]);
    settle(&mut fixture, "S", ("2022-07-29", "2022-08-09"), [8.8e6, 40e6, 48e6]);
    split(&mut fixture, "S", ("2022-07-21", "2022-07-22"), 4.0);
    fixture.commit();
    let ratio = known(&mut fixture, "S", "2022-08-10").unwrap();
    near(ratio.of_float(), 0.22, 1e-12);
    assert!((ratio.change().unwrap() - 0.1).abs() < 1e-12);
    assert!(ratio.doubts.is_empty());
}

#[test]
fn counts_of_one_day_need_no_factor() {
    let mut fixture = Fixture::new();
    settle(&mut fixture, "S", ("2022-07-15", "2022-07-26"), [2e6, 10e6, 12e6]);
    split(&mut fixture, "S", ("2021-01-29", "2024-03-08"), 4.0);
    fixture.commit();
    let ratio = known(&mut fixture, "S", "2022-07-27").unwrap();
    near(ratio.of_float(), 0.2, 1e-12);
    near(ratio.of_shares_outstanding(), 2.0 / 12.0, 1e-12);
}

#[test]
fn a_float_inside_an_undated_split_gives_a_reason() {
    let mut fixture = Fixture::new();
    settle(&mut fixture, "S", ("2022-07-15", "2022-07-26"), [2e6, 10e6, 12e6]);
    let id = fixture.id(Namespace::Listed, "S");
    let at = Instant::close_of(day("2022-08-01"));
    let float = [(Field::PublicFloat, 40e6)];
    let key = (id, InstrumentId::NONE);
    fixture.fact(Dataset::ShareCounts, key, day("2022-08-01"), at, &float);
    split(&mut fixture, "S", ("2022-07-20", "2022-09-01"), 4.0);
    fixture.commit();
    let ratio = known(&mut fixture, "S", "2022-08-10").unwrap();
    assert_eq!(ratio.of_float(), Err(GapReason::BasisUnknown));
    near(ratio.of_shares_outstanding(), 2.0 / 12.0, 1e-12);
}

#[test]
fn missing_inputs_have_a_reason() {
    let mut fixture = Fixture::new();
    settle(&mut fixture, "S", ("2022-07-15", "2022-07-26"), [2e6, f64::NAN, f64::NAN]);
    settle(&mut fixture, "Z", ("2022-07-15", "2022-07-26"), [2e6, 0.0, 12e6]);
    fixture.commit();
    let ratio = known(&mut fixture, "S", "2022-08-10").unwrap();
    assert_eq!(ratio.of_float(), Err(GapReason::NoFloat));
    assert_eq!(ratio.of_float_s3(), Err(GapReason::NoFloat));
    assert_eq!(ratio.of_shares_outstanding(), Err(GapReason::NoSharesOutstanding));
    let zero = known(&mut fixture, "Z", "2022-08-10").unwrap();
    assert_eq!(zero.of_float(), Err(GapReason::NoFloat), "a float of zero is missing");
}

#[test]
fn a_hundredfold_jump_and_its_return_are_flagged() {
    // KOSS in the real files: 722, then 590,314, then 12,755 shares.
    let mut fixture = Fixture::new();
    let counts = |short| [short, 1.42e6, 7.62e6];
    settle(&mut fixture, "KOSS", ("2020-12-15", "2020-12-24"), counts(722.0));
    settle(&mut fixture, "KOSS", ("2020-12-31", "2021-01-12"), counts(590_314.0));
    settle(&mut fixture, "KOSS", ("2021-01-15", "2021-01-27"), counts(12_755.0));
    fixture.commit();
    assert!(known(&mut fixture, "KOSS", "2021-01-04").unwrap().doubts.is_empty());
    let jump = known(&mut fixture, "KOSS", "2021-01-27").unwrap();
    assert_eq!(jump.doubts, [DataQualityFlag::ShortInterestJump]);
    let back = known(&mut fixture, "KOSS", "2021-01-28").unwrap();
    assert_eq!(back.doubts, [DataQualityFlag::PreviousSettlementSpike]);
}

#[test]
fn a_float_that_misses_an_issue_is_flagged() {
    // AMC in the real files: shares outstanding 108.9 m, then 287.28 m; float 55.66 m, then 57.1 m.
    let mut fixture = Fixture::new();
    settle(&mut fixture, "AMC", ("2020-12-15", "2020-12-24"), [38.08e6, 55.66e6, 108.9e6]);
    settle(&mut fixture, "AMC", ("2020-12-31", "2021-01-12"), [38.99e6, 56.57e6, 287.28e6]);
    settle(&mut fixture, "AMC", ("2021-01-15", "2021-01-27"), [44.67e6, 57.1e6, 287.28e6]);
    settle(&mut fixture, "OVER", ("2021-01-15", "2021-01-27"), [1e6, 10e6, 9e6]);
    // PLTK in the real files, and its float in thousands as if it were in shares.
    settle(&mut fixture, "PLTK", ("2021-01-15", "2021-01-27"), [1e6, 2.39e6, 409.59e6]);
    settle(&mut fixture, "TINY", ("2021-01-15", "2021-01-27"), [1e6, 2_390.0, 409.59e6]);
    fixture.commit();
    assert!(known(&mut fixture, "AMC", "2021-01-04").unwrap().doubts.is_empty());
    for on in ["2021-01-27", "2021-01-28"] {
        let ratio = known(&mut fixture, "AMC", on).unwrap();
        assert_eq!(ratio.doubts, [DataQualityFlag::FloatStandsStill], "{on}");
    }
    let over = known(&mut fixture, "OVER", "2021-01-28").unwrap();
    assert_eq!(over.doubts, [DataQualityFlag::FloatAboveSharesOutstanding]);
    assert_eq!(known(&mut fixture, "PLTK", "2021-01-28").unwrap().doubts, []);
    let tiny = known(&mut fixture, "TINY", "2021-01-28").unwrap();
    assert_eq!(tiny.doubts, [DataQualityFlag::FloatTooSmall]);
}

/// The lists of 12-15, 12-31 and 01-15; the name is on the first and the last, which prints 2m shares
/// for the second. A name on the last alone has the count that it prints.
#[test]
fn a_previous_count_that_the_source_prints_is_of_the_previous_settlement() {
    let mut fixture = Fixture::new();
    let row = |fixture: &mut Fixture, name: &str, on: &str, values: &[(Field, f64)]| {
        let key = (fixture.id(Namespace::Listed, name), InstrumentId::NONE);
        fixture.fact(Dataset::ShortInterest, key, day(on), Instant::close_of(day(on)), values);
    };
    for on in ["2020-12-15", "2020-12-31", "2021-01-15"] {
        row(&mut fixture, "ALWAYS", on, &[(Field::SharesShort, 1e6)]);
    }
    row(&mut fixture, "S", "2020-12-15", &[(Field::SharesShort, 1e6)]);
    for name in ["S", "NEW"] {
        let values = [(Field::SharesShort, 3e6), (Field::PreviousSharesShort, 2e6)];
        row(&mut fixture, name, "2021-01-15", &values);
    }
    fixture.commit();
    // The list of the settlement before was never loaded.
    row(&mut fixture, "LATER", "2021-02-12", &[(Field::SharesShort, 1e6)]);
    let printed = [(Field::SharesShort, 3e6), (Field::PreviousSharesShort, 2e6)];
    row(&mut fixture, "LATER", "2021-03-15", &printed);
    fixture.commit();
    let later = known(&mut fixture, "LATER", "2021-03-31").unwrap().previous.unwrap();
    assert_eq!((later.value, later.effective_on), (2e6, day("2021-02-26")));
    for name in ["S", "NEW"] {
        let ratio = known(&mut fixture, name, "2021-02-01").unwrap();
        let previous = ratio.previous.unwrap();
        assert_eq!((previous.value, previous.effective_on), (2e6, day("2020-12-31")), "{name}");
        assert!((ratio.change().unwrap() - 0.5).abs() < 1e-12, "{name}");
    }
}

#[test]
fn a_flagged_split_needs_its_factor() {
    let row = |fixture: &mut Fixture, name, settlement, published, values: &[(Field, f64)]| {
        let key = (fixture.id(Namespace::Listed, name), InstrumentId::NONE);
        let at = Instant::new_york(day(published), 18, 0);
        fixture.fact(Dataset::ShortInterest, key, day(settlement), at, values);
    };
    let mut fixture = Fixture::new();
    row(&mut fixture, "S", "2022-07-15", "2022-07-26", &[(Field::SharesShort, 2e6)]);
    let flagged =
        [(Field::SharesShort, 8e6), (Field::PreviousSharesShort, 2e6), (Field::SplitFlag, 1.0)];
    row(&mut fixture, "S", "2022-07-29", "2022-08-09", &flagged);
    fixture.commit();
    let alone = known(&mut fixture, "S", "2022-08-10").unwrap();
    assert_eq!((alone.change(), alone.previous), (None, Err(GapReason::BasisUnknown)));
    assert_eq!(alone.doubts, [DataQualityFlag::SplitMissing]);
    split(&mut fixture, "S", ("2022-07-21", "2022-07-22"), 4.0);
    fixture.commit();
    let joined = known(&mut fixture, "S", "2022-08-10").unwrap();
    assert!(joined.change().unwrap().abs() < 1e-12 && joined.doubts.is_empty());
    // A known split of June is not the one that the source speaks of, which lies between the settlements
    // of July.
    row(&mut fixture, "T", "2022-06-15", "2022-06-27", &[(Field::SharesShort, 1e6)]);
    let flagged = [(Field::SharesShort, 8e6), (Field::SplitFlag, 1.0)];
    row(&mut fixture, "T", "2022-07-29", "2022-08-09", &flagged);
    split(&mut fixture, "T", ("2022-06-20", "2022-06-21"), 2.0);
    fixture.commit();
    let other = known(&mut fixture, "T", "2022-08-10").unwrap();
    assert_eq!(other.previous, Err(GapReason::BasisUnknown));
    assert_eq!(other.doubts, [DataQualityFlag::SplitMissing]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The same company in other share units has the same ratios.
    #[test]
    fn units_change_no_ratio(
        short in 1e3..1e9f64, float in 1e3..1e9f64, outstanding in 1e3..1e9f64,
        factor in prop::sample::select(vec![0.05, 0.1, 2.0, 4.0, 20.0]),
    ) {
        let ratios = |scale: f64, with_split: bool| {
            let mut fixture = Fixture::new();
            let counts = [short, float, outstanding];
            settle(&mut fixture, "S", ("2022-07-01", "2022-07-13"), counts);
            settle(&mut fixture, "S", ("2022-07-15", "2022-07-26"), counts.map(|n| n * scale));
            if with_split {
                split(&mut fixture, "S", ("2022-07-07", "2022-07-08"), factor);
            }
            fixture.commit();
            let ratio = known(&mut fixture, "S", "2022-08-10").unwrap();
            let all = [ratio.of_float(), ratio.of_float_s3(), ratio.of_shares_outstanding()];
            (all.map(Result::unwrap), ratio.change().unwrap(), ratio.doubts)
        };
        let (plain, change, doubts) = ratios(1.0, false);
        let (restated, restated_change, restated_doubts) = ratios(factor, true);
        for (a, b) in plain.iter().zip(restated) {
            prop_assert!((a - b).abs() <= 1e-12 * a.abs());
        }
        prop_assert!(change.abs() < 1e-12 && restated_change.abs() < 1e-12);
        prop_assert_eq!(doubts, restated_doubts);
    }

    /// Later publications change nothing that was known before.
    #[test]
    fn nothing_looks_ahead(later in 1e3..1e9f64, float in 1e3..1e9f64) {
        let mut fixture = Fixture::new();
        settle(&mut fixture, "S", ("2022-07-01", "2022-07-13"), [1e6, 1e7, 2e7]);
        fixture.commit();
        let before = known(&mut fixture, "S", "2022-07-20");
        settle(&mut fixture, "S", ("2022-07-01", "2022-07-21"), [later, float, later + float]);
        settle(&mut fixture, "S", ("2022-07-15", "2022-07-26"), [later, float, later + float]);
        fixture.commit();
        prop_assert_eq!(before, known(&mut fixture, "S", "2022-07-20"));
    }
}
