//! Daily prices of one instrument, with changes of units, distributions, rates and missing days
//! handled.

use crate::{
    basis::{PriceBasis, Units},
    currency::Currency,
    dataset::{Dataset, Field},
    day::Day,
    instrument::InstrumentId,
    snapshot::Snapshot,
    track::Rows,
};
use stats::change;
use std::borrow::Cow;

/// A relative change below this counts as zero if a level is adjusted for distributions. Vendors
/// compute such levels in single precision, whose neighbours are up to 1.2e-7 apart, and in real
/// files an unchanged price differed by up to 4.3 times that. The smallest price move, one cent on
/// 1,000 dollars, is 1e-5.
const ADJUSTED_PRECISION: f64 = 6e-7;

/// One instrument's closes as a snapshot sees them, in its base currency. Rows without a close are
/// left out, and so are rows that no rate converts.
#[derive(Clone, Debug)]
pub struct Bars<'a> {
    /// The days, strictly rising.
    pub days: Cow<'a, [Day]>,
    /// In the base currency of the snapshot.
    close: Cow<'a, [f64]>,
    /// What each close was multiplied with; `None` if the line is quoted in the base currency.
    rates: Option<Vec<f64>>,
    /// What the rate alone did on rows whose quotation is another one than that of the row before.
    requoted: Vec<(usize, Option<f64>)>,
    is_foreign: bool,
    /// The rows of `days`, for columns that few computations read, and few values of.
    rows: Rows<'a>,
    /// Their places among the rows; `None` if no row was left out.
    kept: Option<Vec<usize>>,
    distribution: Cow<'a, [f64]>,
    basis: Bases,
    units: Units,
}

/// The basis of the rows; in practice a file has one basis for all its rows.
#[derive(Clone, Debug)]
enum Bases {
    One(PriceBasis),
    Each(Vec<PriceBasis>),
}

impl Bases {
    fn of(rows: &Rows<'_>) -> Bases {
        let [code, on] =
            [Field::PriceBasis, Field::BasisOn].map(|field| Dataset::Bars.column(field));
        if let Some((code, on)) = rows.constant(code).zip(rows.constant(on)) {
            return Bases::One(PriceBasis::from_values(code, on));
        }
        let (codes, on) = (rows.column(code), rows.column(on));
        let basis = codes.iter().zip(on.iter()).map(|(c, on)| PriceBasis::from_values(*c, *on));
        Bases::Each(basis.collect())
    }

    fn get(&self, i: usize) -> PriceBasis {
        match self {
            Bases::One(basis) => *basis,
            Bases::Each(bases) => bases[i],
        }
    }

    fn keep(&mut self, rows: &[usize]) {
        if let Bases::Each(bases) = self {
            *bases = rows.iter().map(|i| bases[*i]).collect();
        }
    }
}

impl<'a> Bars<'a> {
    /// The bars of an instrument.
    pub fn of(snapshot: &'a Snapshot, instrument: InstrumentId) -> Bars<'a> {
        Bars::of_rows(snapshot, instrument, snapshot.rows(Dataset::Bars, instrument))
    }

    /// The bars of an instrument from day `first` on.
    pub fn since(snapshot: &'a Snapshot, instrument: InstrumentId, first: Day) -> Bars<'a> {
        let rows = snapshot.rows_since(Dataset::Bars, instrument, first);
        Bars::of_rows(snapshot, instrument, rows)
    }

    /// The bars of an instrument on the market's sessions, and its other days, which are left out.
    /// `sessions` are all of them from the first one on; bars before it are not read. So a number of rows
    /// is a number of sessions, to which a bar with a wrong date would add one. What a line distributed
    /// on a day that is left out counts on its next session.
    pub fn on_sessions(
        snapshot: &'a Snapshot,
        instrument: InstrumentId,
        sessions: &[Day],
    ) -> (Bars<'a>, Vec<Day>) {
        let first = sessions.first().copied().unwrap_or(Day::MAX);
        let mut bars = Bars::since(snapshot, instrument, first);
        let start = sessions.partition_point(|day| bars.days.first().is_some_and(|own| day < own));
        if sessions[start..].starts_with(&bars.days) {
            return (bars, Vec::new());
        }
        let is_other = |day: &Day| sessions.binary_search(day).is_err();
        let others: Vec<Day> = bars.days.iter().copied().filter(is_other).collect();
        if !others.is_empty() {
            bars.carry_distributions(&others);
            let is_kept = |i: &usize| others.binary_search(&bars.days[*i]).is_err();
            let keep: Vec<usize> = (0..bars.len()).filter(is_kept).collect();
            bars.keep_rows(&keep);
            if bars.rates.is_some() {
                bars.requoted = snapshot.requoted(instrument, &bars.days);
            }
        }
        (bars, others)
    }

    /// Adds what was distributed on days that will be left out to the row after each.
    fn carry_distributions(&mut self, days: &[Day]) {
        let mut carried = 1.0;
        for (day, paid) in self.days.iter().zip(self.distribution.to_mut()) {
            let own = if paid.is_finite() { *paid } else { 1.0 };
            if days.binary_search(day).is_ok() {
                carried *= own;
            } else if carried.total_cmp(&1.0).is_ne() {
                *paid = own * std::mem::replace(&mut carried, 1.0);
            }
        }
    }

    /// The bars of an instrument from day `first` on in US dollars, whatever the base currency: for
    /// amounts that are defined in dollars, such as sizes.
    pub fn usd_since(snapshot: &'a Snapshot, instrument: InstrumentId, first: Day) -> Bars<'a> {
        let rows = snapshot.rows_since(Dataset::Bars, instrument, first);
        Bars::of_rows(&snapshot.in_currency(Currency::USD), instrument, rows)
    }

    fn of_rows(snapshot: &Snapshot, instrument: InstrumentId, rows: Rows<'a>) -> Bars<'a> {
        let column = |field| rows.column(Dataset::Bars.column(field));
        let mut bars = Bars {
            days: rows.days(),
            close: column(Field::Close),
            rates: None,
            requoted: Vec::new(),
            is_foreign: false,
            distribution: column(Field::Distribution),
            basis: Bases::of(&rows),
            kept: None,
            rows,
            units: Units::of(snapshot, instrument),
        };
        bars.rates = snapshot.price_rates(instrument, &bars.days);
        if let Some(rates) = &bars.rates {
            let closes = bars.close.iter().zip(rates);
            bars.close = closes.map(|(close, rate)| close * rate).collect();
        }
        if !bars.close.iter().all(|close| close.is_finite()) {
            bars.drop_rows_without_close();
        }
        if bars.rates.is_some() {
            bars.requoted = snapshot.requoted(instrument, &bars.days);
            bars.is_foreign = snapshot.is_ever_foreign(instrument);
        }
        bars
    }

    fn drop_rows_without_close(&mut self) {
        let keep: Vec<usize> =
            (0..self.days.len()).filter(|i| self.close[*i].is_finite()).collect();
        self.keep_rows(&keep);
    }

    fn keep_rows(&mut self, keep: &[usize]) {
        self.days = keep.iter().map(|i| self.days[*i]).collect();
        self.distribution = keep.iter().map(|i| self.distribution[*i]).collect();
        self.basis.keep(keep);
        self.close = keep.iter().map(|i| self.close[*i]).collect();
        if let Some(rates) = &mut self.rates {
            *rates = keep.iter().map(|i| rates[*i]).collect();
        }
        let place = |i: &usize| self.kept.as_ref().map_or(*i, |kept| kept[*i]);
        self.kept = Some(keep.iter().map(place).collect());
    }

    /// Shares traded on row `i` as stored.
    fn volume(&self, i: usize) -> Option<f64> {
        let row = self.kept.as_ref().map_or(i, |kept| kept[i]);
        self.rows.value(row, Dataset::Bars.column(Field::Volume))
    }

    /// Whether the line is, at least on some days, not quoted in the base currency.
    pub fn is_converted(&self) -> bool {
        self.is_foreign
    }

    /// The part of the price return of row `i` that the rate made, a decimal: what is left of the
    /// return after that of the price in one currency. Zero for a line that is quoted in the base
    /// currency. A line that is quoted in pence on one day and in pounds on the next has the rate of
    /// the pound: another unit of its prices makes nobody richer.
    pub fn rate_return(&self, i: usize) -> Option<f64> {
        let total = self.price_return(i)?;
        let Some(rates) = &self.rates else { return Some(0.0) };
        let rate = match self.requoted.iter().find(|(row, _)| *row == i) {
            Some((_, growth)) => (*growth)?,
            None => rates[i] / rates[i.checked_sub(1)?],
        };
        Some(total - ((1.0 + total) / rate - 1.0)).filter(|value| value.is_finite())
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.days.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.days.is_empty()
    }

    /// The unit changes of the instrument.
    pub fn units(&self) -> &Units {
        &self.units
    }

    /// The price basis of row `i`.
    pub fn basis(&self, i: usize) -> PriceBasis {
        self.basis.get(i)
    }

    /// Whether some closes are adjusted for distributions and therefore are not traded prices.
    pub fn any_total_return(&self) -> bool {
        match &self.basis {
            Bases::One(basis) => basis.is_total_return(),
            Bases::Each(bases) => bases.iter().any(|basis| basis.is_total_return()),
        }
    }

    /// A relative change of the closes up to this size counts as zero: it is rounding, either of
    /// the arithmetic or, for levels adjusted for distributions, of the vendor.
    pub fn precision(&self) -> f64 {
        if self.any_total_return() { ADJUSTED_PRECISION } else { change::ROUNDING }
    }

    /// The close of row `i` in the units in which it is stored, on the basis that [`Bars::basis`]
    /// returns.
    pub fn close_as_stored(&self, i: usize) -> f64 {
        self.close[i]
    }

    /// The close of row `i` in the units of a day. `None` if no known factor connects the two.
    pub fn close_in_units_of(&self, i: usize, day: Day) -> Option<f64> {
        let change = self.units.change(day, self.basis(i).units_on(self.days[i]))?;
        Some(self.close[i] * change.price)
    }

    /// Shares traded on row `i` in the units of a day. `None` if the volume or a factor is missing.
    /// A source that restates prices for a spin-off restates volumes by the same factor, so that
    /// their product remains the money that changed hands. This function reverses that adjustment.
    pub fn volume_in_units_of(&self, i: usize, day: Day) -> Option<f64> {
        let volume = self.volume(i)?;
        let stored = self.basis(i).units_on(self.days[i]);
        let change = self.units.change(day, stored)?;
        Some(volume / change.shares / self.units.value_change(self.days[i], stored)?)
    }

    /// Money that changed hands on row `i`: close times volume. Both are in the units in which they
    /// are stored and therefore on one basis.
    pub fn value_traded(&self, i: usize) -> Option<f64> {
        Some(self.close[i] * self.volume(i)?).filter(|value| value.is_finite())
    }

    /// Total return of row `i` over row `i − 1`, a decimal: `close_i · distribution_i ÷ close_{i−1}
    /// (in the units of row i) − 1`. A row without a known distribution counts as having none.
    /// `None` for the first row and if no known factor connects the units. A change within rounding
    /// is zero, see [`Bars::precision`].
    pub fn total_return(&self, i: usize) -> Option<f64> {
        let distribution = Some(self.distribution[i]).filter(|d| d.is_finite()).unwrap_or(1.0);
        Some(change::growth(1.0, (1.0 + self.price_return(i)?) * distribution))
    }

    /// Price return of row `i` over row `i − 1` in the same units, a decimal. `None` if one close
    /// is a price and the other a total-return level, because their ratio is not a return.
    pub fn price_return(&self, i: usize) -> Option<f64> {
        let before = i.checked_sub(1)?;
        if self.basis(before).is_total_return() != self.basis(i).is_total_return() {
            return None;
        }
        let ratio = self.close[i] / self.close[before];
        let (old, new) =
            (self.basis(before).units_on(self.days[before]), self.basis(i).units_on(self.days[i]));
        let growth = if old == new || self.units.is_constant() {
            ratio
        } else {
            ratio * self.units.change(old, new)?.price
        };
        let precision =
            if self.basis(i).is_total_return() { ADJUSTED_PRECISION } else { change::ROUNDING };
        Some(change::settled(growth - 1.0, precision)).filter(|value| value.is_finite())
    }

    /// Index of the last row at or before a day.
    pub fn index_on_or_before(&self, day: Day) -> Option<usize> {
        self.days.partition_point(|candidate| *candidate <= day).checked_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fixture::{Fixture, day},
        instant::Instant,
        instrument::Namespace,
    };

    /// 10, 12 and 11, the second on a Saturday with a distribution of 2 %: from 10 to 11 with the
    /// distribution is 1.1 · 1.02 − 1 = 12.2 %. Volumes stay with their rows.
    #[test]
    fn bars_of_other_days_than_sessions_are_left_out() {
        let mut fixture = Fixture::new();
        let key = (fixture.id(Namespace::Listed, "A"), InstrumentId::NONE);
        let rows =
            [("2021-01-07", 10.0, 1.0), ("2021-01-08", 10.0, 1.0), ("2021-01-09", 12.0, 1.02)];
        for (on, close, paid) in rows.into_iter().chain([("2021-01-11", 11.0, 1.0)]) {
            let values = [
                (Field::Close, close),
                (Field::Volume, 100.0 * close),
                (Field::Distribution, paid),
                (Field::PriceBasis, 0.0),
                (Field::BasisOn, 0.0),
            ];
            fixture.fact(Dataset::Bars, key, day(on), Instant::close_of(day(on)), &values);
        }
        fixture.commit();
        let snapshot = fixture.snapshot(Instant::close_of(day("2021-01-29")));
        let sessions = ["2021-01-08", "2021-01-11"].map(day);
        let (bars, others) = Bars::on_sessions(&snapshot, key.0, &sessions);
        assert_eq!((&*bars.days, &others[..]), (&sessions[..], &[day("2021-01-09")][..]));
        assert!((bars.total_return(1).unwrap() - 0.122).abs() < 1e-12);
        assert!((bars.price_return(1).unwrap() - 0.1).abs() < 1e-12);
        assert_eq!(bars.volume_in_units_of(1, day("2021-01-11")), Some(1_100.0));
        assert!(Bars::on_sessions(&snapshot, key.0, &[]).0.is_empty());
    }
}
