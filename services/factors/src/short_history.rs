//! Short interest over float as it was public at the close of each of some days.
//!
//! A settlement is public days after its own day, and counts until it is 45 days old. A row revised
//! later counts from its revision, because that is when the present value became public. A row of a day
//! that is no settlement of the market does not count.

use crate::{known::Known, most_shorted::MAX_SETTLEMENT_AGE, settlement_days::SettlementDays};
use marketdata::{
    basis::Units,
    dataset::{Dataset, Field},
    day::Day,
    instant::Instant,
    instrument::InstrumentId,
    snapshot::Snapshot,
};

/// Short interest over float, a decimal, at the close of each day, given with the instant of its
/// close; `None` if none was public or it was too old, no float was public, or no known factor joins
/// the units of the two.
pub fn ratios(
    snapshot: &Snapshot,
    instrument: InstrumentId,
    (closes, settlements): (&[(Day, Instant)], &SettlementDays),
) -> Vec<Option<f64>> {
    let interest = snapshot.rows(Dataset::ShortInterest, instrument);
    let interest =
        Known::of(&interest, Dataset::ShortInterest, Field::SharesShort).among(settlements);
    if interest.is_empty() {
        return vec![None; closes.len()];
    }
    let counts = snapshot.rows(Dataset::ShareCounts, instrument);
    let float = Known::of(&counts, Dataset::ShareCounts, Field::PublicFloat);
    let units = Units::of(snapshot, instrument);
    let ratio = |(day, close): &(Day, Instant)| {
        let (settled, short) = interest.at(*day, *close)?;
        let (float_on, float) = float.at(*day, *close)?;
        if settled.plus(MAX_SETTLEMENT_AGE) < *day {
            return None;
        }
        let ratio = short * units.change(settled, float_on)?.shares / float;
        Some(ratio).filter(|ratio| ratio.is_finite() && 0.0 <= *ratio)
    };
    closes.iter().map(ratio).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::{
        fixture::{Fixture, day},
        instrument::Namespace,
    };

    /// Twenty names with settlements in January, and a row of a Wednesday of one of them, which does not
    /// count.
    #[test]
    fn a_row_of_no_settlement_does_not_count() {
        let mut fixture = Fixture::new();
        let (settled, stray) = (day("2021-01-15"), day("2021-01-20"));
        let mut row = |name: usize, on: Day, short: f64| {
            let key = (fixture.id(Namespace::Listed, &format!("N{name}")), InstrumentId::NONE);
            let at = Instant::close_of(on);
            fixture.fact(Dataset::ShortInterest, key, on, at, &[(Field::SharesShort, short)]);
            fixture.fact(Dataset::ShareCounts, key, on, at, &[(Field::PublicFloat, 100.0)]);
            key.0
        };
        let ids: Vec<InstrumentId> = (0..20).map(|name| row(name, settled, 30.0)).collect();
        row(0, stray, 90.0);
        fixture.commit();
        let on = day("2021-01-29");
        let snapshot = fixture.snapshot(Instant::close_of(on));
        let closes = [(on, Instant::close_of(on))];
        let found = ratios(&snapshot, ids[0], (&closes, &SettlementDays::of(&snapshot)));
        assert_eq!(found, [Some(0.3)]);
    }

    /// A settlement of 30 out of a float of 100 shares, public ten days later; a split of 2 for 1
    /// lies between a later float of 400 shares and the settlement: 60 new shares of 400.
    #[test]
    fn a_settlement_counts_from_its_publication_until_it_is_old() {
        let mut fixture = Fixture::new();
        let key = (fixture.id(Namespace::Listed, "A"), InstrumentId::NONE);
        let start = day("2021-01-04");
        let public = Instant::close_of(start.plus(10));
        let short = [(Field::SharesShort, 30.0)];
        fixture.fact(Dataset::ShortInterest, key, start, public, &short);
        let at = Instant::close_of(start);
        fixture.fact(Dataset::ShareCounts, key, start, at, &[(Field::PublicFloat, 100.0)]);
        let split_on = start.plus(20);
        let from = f64::from(split_on.plus(-1).epoch());
        let split = [(Field::FromOn, from), (Field::PriceFactor, 2.0), (Field::ShareFactor, 2.0)];
        fixture.fact(Dataset::Splits, key, split_on, Instant::close_of(split_on), &split);
        let later = start.plus(30);
        let float = [(Field::PublicFloat, 400.0)];
        fixture.fact(Dataset::ShareCounts, key, later, Instant::close_of(later), &float);
        fixture.commit();
        let snapshot = fixture.snapshot(Instant::close_of(start.plus(60)));
        let closes = [9, 10, 29, 30, 45, 46].map(|days| {
            let day = start.plus(days);
            (day, Instant::close_of(day))
        });
        let found = ratios(&snapshot, key.0, (&closes, &SettlementDays::of(&snapshot)));
        let rounded: Vec<Option<i32>> =
            found.iter().map(|ratio| ratio.map(|ratio| (ratio * 1e6).round() as i32)).collect();
        let (old, new) = (Some(300_000), Some(150_000));
        assert_eq!(rounded, [None, old, old, new, new, None]);
    }
}
