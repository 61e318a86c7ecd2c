//! Changes of price and share units: dated corporate actions, and ratios of closes between two
//! days.

use super::{file_name, layout::Layout, reader::Reader};
use crate::{
    note::NoteCode,
    options::Options,
    parsed_file::{Flow, NameId, ParsedFile},
};
use marketdata::{dataset::Dataset, day::Day};
use tables::{
    cell::{Decimal, amount, date, rounding},
    header::Column,
    refusal::{Fault, Reason, Refusal, excerpt},
    row::Row,
};

const SYMBOL: Column = &["symbol", "ticker"];
pub(crate) const ACTIONS: &[Column] =
    &[SYMBOL, &["date", "ex_date"], &["price_factor"], &["share_factor"]];
pub(crate) const FACTORS: &[Column] =
    &[SYMBOL, &["raw_close_*"], &["split_adjusted_close"], &["factor"]];

/// Two factors that differ by less are the same: files round to four digits.
const SAME: f64 = 1e-3;

/// `symbol,date,price_factor,share_factor`: the date is the first day in the new units. An old price
/// is `price_factor` times the new one, and an old share is `share_factor` new ones: both are 4 in a
/// 4 for 1 split. A spin-off has a share factor of 1, or an empty one.
#[derive(Debug)]
pub(crate) struct ActionsReader {
    columns: [usize; 4],
}

impl ActionsReader {
    pub(crate) fn new(layout: &Layout) -> ActionsReader {
        let columns = std::array::from_fn(|at| layout.header.find(ACTIONS[at]).unwrap_or(0));
        ActionsReader { columns }
    }
}

/// A factor: positive if present.
fn factor(field: &str, found: &[u8]) -> Result<Option<Decimal>, Fault> {
    match amount(field, found)? {
        Some(read) if read.value <= 0.0 => Err(Fault::of(Reason::NotPositive, field, found)),
        read => Ok(read),
    }
}

fn needed(field: &str, found: &[u8]) -> Result<Decimal, Fault> {
    factor(field, found)?
        .ok_or_else(|| Fault::new(Reason::MissingValue, format!("{field} is empty")))
}

impl Reader for ActionsReader {
    fn row(
        &mut self,
        line: u32,
        row: &Row<'_>,
        parsed_file: &mut ParsedFile,
    ) -> Result<Flow, Fault> {
        let [symbol, on, price, shares] = self.columns;
        let on = date("the date", row.get(on))?;
        let price = needed("price_factor", row.get(price))?.value;
        let shares = factor("share_factor", row.get(shares))?.map_or(1.0, |read| read.value);
        // Both count the same way, so one cannot be the other turned round.
        if (price - 1.0).abs() > SAME && (price * shares - 1.0).abs() <= SAME {
            let found = format!("price_factor is {price} and share_factor {shares}");
            return Err(Fault::new(Reason::ReciprocalFactors, found));
        }
        let who = parsed_file.names.listed(row.get(symbol))?;
        let from = f64::from(on.plus(-1).epoch());
        let values = [from, price, shares];
        parsed_file.push(Dataset::Splits, line, (who, NameId::NONE), on, &values)?;
        Ok(Flow::Kept)
    }

    fn finish(&mut self, _parsed_file: &mut ParsedFile) -> Result<(), Refusal> {
        Ok(())
    }
}

/// `symbol,raw_close_2021_01_29,split_adjusted_close,factor`: from the day in the header to the
/// caller's `adjusted_on`, else to the day or the end of the month at the end of the file's name.
#[derive(Debug)]
pub(crate) struct FactorsReader {
    columns: [usize; 4],
    from: Day,
    to: Day,
}

impl FactorsReader {
    pub(crate) fn new(
        layout: &Layout,
        options: &Options,
        parsed_file: &mut ParsedFile,
    ) -> Result<FactorsReader, Refusal> {
        let columns: [usize; 4] =
            std::array::from_fn(|at| layout.header.find(FACTORS[at]).unwrap_or(0));
        let days = file_name::day(layout.header.name(columns[1]))
            .zip(options.adjusted_on.or_else(|| file_name::until(&options.file_name)));
        let lawful = |day| parsed_file.days.check(Dataset::Splits, day).is_ok();
        let Some((from, to)) = days.filter(|(from, to)| from < to && lawful(*from)) else {
            return Err(Refusal::DateNeeded { file_name: options.file_name.clone() });
        };
        // The symbols are those of the adjusted prices.
        parsed_file.named_on = Some(options.observed_on.unwrap_or(to));
        Ok(FactorsReader { columns, from, to })
    }
}

impl Reader for FactorsReader {
    fn row(
        &mut self,
        line: u32,
        row: &Row<'_>,
        parsed_file: &mut ParsedFile,
    ) -> Result<Flow, Fault> {
        let [symbol, raw, adjusted_at, _] = self.columns;
        let raw = needed("the raw close", row.get(raw))?;
        let adjusted = needed("the adjusted close", row.get(adjusted_at))?;
        let who = parsed_file.names.listed(row.get(symbol))?;
        let (price, shares) = match simple_split(raw, adjusted) {
            Some(ratio) => (ratio, ratio),
            None => {
                let ratio = raw.value / adjusted.value;
                if !ratio.is_normal() {
                    return Err(Fault::of(Reason::Overflow, "the ratio to", row.get(adjusted_at)));
                }
                (ratio, 1.0)
            }
        };
        let values = [f64::from(self.from.epoch()), price, shares];
        let is_simple = price.to_bits() == shares.to_bits();
        parsed_file.push(Dataset::Splits, line, (who, NameId::NONE), self.to, &values)?;
        if !is_simple {
            let symbol = excerpt(row.get(symbol));
            parsed_file.note(NoteCode::NotASimpleSplit, || format!("{symbol} {price:.4}"));
        }
        Ok(Flow::Kept)
    }

    fn finish(&mut self, _parsed_file: &mut ParsedFile) -> Result<(), Refusal> {
        Ok(())
    }
}

/// The simple split that a ratio of two closes matches within rounding; `None` if it matches none.
///
/// Whole splits (n for 1, 1 for n) are accepted within 0.2 % and those of small numbers (3 for 2)
/// within 0.05 %, because the last sale of a screener is not exactly the official close. Others, up
/// to 10 for 10, must match within the printed digits.
pub(crate) fn simple_split(raw: Decimal, adjusted: Decimal) -> Option<f64> {
    const NEAR_WHOLE: f64 = 2e-3;
    const NEAR: f64 = 5e-4;
    let ratio = raw.value / adjusted.value;
    let printed = rounding(raw.value, raw.decimals) / raw.value
        + rounding(adjusted.value, adjusted.decimals) / adjusted.value;
    let off = |simple: f64| (ratio / simple - 1.0).abs();
    let whole = if 1.0 < ratio { ratio.round() } else { 1.0 / (1.0 / ratio).round() };
    if off(whole) <= NEAR_WHOLE && 0.1 < off(1.0) {
        return Some(whole);
    }
    let mut best: Option<(f64, f64)> = None;
    for below in 2..=10u32 {
        for above in 2..=10u32 {
            let simple = f64::from(above) / f64::from(below);
            let tolerance = if above.max(below) <= 5 { NEAR.max(printed) } else { printed };
            let off = off(simple);
            let nearer = best.is_none_or(|(nearest, _)| off < nearest);
            if above != below && off <= tolerance && nearer {
                best = Some((off, simple));
            }
        }
    }
    // Stock dividends of tenths: 11 to 19 for 10.
    for above in 11..=19u32 {
        let simple = f64::from(above) / 10.0;
        if off(simple) <= printed && best.is_none_or(|(nearest, _)| off(simple) < nearest) {
            best = Some((off(simple), simple));
        }
    }
    best.map(|(_, simple)| simple)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_are_distinguished_from_spin_offs() {
        let decimal = |value: f64, decimals: u8| Decimal { value, decimals };
        let split = |raw: f64, adjusted: f64| simple_split(decimal(raw, 2), decimal(adjusted, 6));
        let equal = |found: Option<f64>, expected: f64| {
            assert!((found.unwrap() - expected).abs() < 1e-12, "{found:?} is not {expected}");
        };
        // Raw closes of 2021-01-29 and closes adjusted to 2024-03 of the real file.
        equal(split(325.0, 81.25), 4.0);
        equal(split(13.26, 132.600_006), 0.1);
        equal(split(3206.2, 160.309_998), 20.0);
        equal(split(70.95, 47.3), 1.5);
        equal(split(15.07, 346.609_985), 1.0 / 23.0);
        equal(split(3.27, 2.515_385), 1.3);
        equal(split(85.755, 28.586_666), 3.0);
        equal(split(4.165, 41.700_001), 0.1);
        // Spin-offs: Kyndryl, WarnerMedia, Organon, GE HealthCare with a reverse split.
        for (raw, adjusted) in
            [(119.11, 113.871_895), (28.63, 21.623_867), (77.07, 73.540_077), (10.68, 66.697_891)]
        {
            assert_eq!(split(raw, adjusted), None, "{raw}");
        }
    }
}
