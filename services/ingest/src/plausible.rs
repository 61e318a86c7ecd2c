//! Which numbers and days a file may contain. Anything beyond is a fault of the file.
//!
//! The bounds are far outside everything that ever traded, so that no valid row is lost, and narrow
//! enough that no sum, product or quotient of a few values leaves the range of a double:
//!
//! | what | least non-zero magnitude | greatest magnitude |
//! |---|---|---|
//! | prices | 1e-9 (a penny stock adjusted for decades of distributions) | 1e15 (adjusted for many reverse splits) |
//! | shares, volumes | 1e-9 (adjusted for splits) | 1e15 |
//! | money | 1e-9 | 1e18 |
//! | price and share factors | 1e-6 | 1e6 |
//! | days to cover | 1e-9 | 1e9 |
//! | weights, decimals | 1e-15 | 1e3 |
//! | values of series | 1e-18 | 1e18 |
//!
//! Days range from the earliest day of the dataset to two years after the file was received,
//! because splits, memberships and schedules are announced.

use marketdata::{
    dataset::{Dataset, Field, Kind},
    day::Day,
    instant::Instant,
};
use tables::refusal::{Fault, Reason};

/// How many days after its receipt a file may announce something.
const AHEAD: i32 = 731;

/// The accepted magnitudes of non-zero numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Magnitudes {
    least: f64,
    most: f64,
}

impl Magnitudes {
    const fn new(least: f64, most: f64) -> Magnitudes {
        Magnitudes { least, most }
    }

    /// The accepted magnitudes for a kind of number.
    pub(crate) const fn of(kind: Kind) -> Magnitudes {
        match kind {
            // Staged bars hold an adjusted close in the column of the gross return until that is
            // computed.
            Kind::Price | Kind::GrossReturn | Kind::Shares => Magnitudes::new(1e-9, 1e15),
            Kind::Money => Magnitudes::new(1e-9, 1e18),
            Kind::Factor => Magnitudes::new(1e-6, 1e6),
            Kind::DayCount => Magnitudes::new(1e-9, 1e9),
            Kind::Decimal => Magnitudes::new(1e-15, 1e3),
            Kind::Number => Magnitudes::new(1e-18, 1e18),
            // Computed by the readers from values that they have checked.
            Kind::Flag | Kind::Text | Kind::Day | Kind::Instant | Kind::Basis | Kind::BasisDay => {
                Magnitudes::new(0.0, f64::MAX)
            }
        }
    }

    /// Whether a value is accepted; absent values (NaN) and zero are.
    #[inline]
    pub(crate) fn hold(self, value: f64) -> bool {
        let magnitude = value.abs();
        value.is_nan() || value == 0.0 || (self.least <= magnitude && magnitude <= self.most)
    }

    /// The fault of a value out of range.
    #[cold]
    pub(crate) fn fault(self, field: Field, value: f64) -> Fault {
        let Magnitudes { least, most } = self;
        let (name, unit) = (field.name(), field.kind().unit());
        let text = format!("{name} is {value:e}, accepted from {least:e} to {most:e} {unit}");
        let text = text.trim_end().to_owned();
        Fault::new(Reason::OutOfRange, text)
    }
}

/// The days that a file may describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Days {
    latest: Day,
}

impl Days {
    /// The days that a file received on `on` may describe.
    pub(crate) const fn of_file_received(on: Day) -> Days {
        Days { latest: on.plus(AHEAD) }
    }

    /// Checks a day that a row of a dataset describes.
    ///
    /// # Errors
    /// [`Reason::DateOutOfRange`].
    #[inline]
    pub(crate) fn check(self, dataset: Dataset, day: Day) -> Result<Day, Fault> {
        let earliest = dataset.descriptor().earliest;
        if earliest <= day && day <= self.latest { Ok(day) } else { Err(self.fault(earliest, day)) }
    }

    /// Checks a publication time.
    ///
    /// # Errors
    /// [`Reason::DateOutOfRange`].
    pub(crate) fn check_instant(self, instant: Instant) -> Result<Instant, Fault> {
        self.check(Dataset::Series, instant.new_york_day()).map(|_| instant)
    }

    #[cold]
    fn fault(self, earliest: Day, day: Day) -> Fault {
        let text = format!("{day}, accepted from {earliest} to {}", self.latest);
        Fault::new(Reason::DateOutOfRange, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_really_traded_are_accepted() {
        let close = Magnitudes::of(Kind::Price);
        // Berkshire in 2024; DryShips of 2008 adjusted for its reverse splits; an OTC quote.
        for price in [741_971.0, 1.7e9, 0.000_1, f64::NAN] {
            assert!(close.hold(price), "{price}");
        }
        for price in [5e-324, 1e-10, 1e16, f64::INFINITY] {
            assert!(!close.hold(price), "{price}");
        }
        assert!(Magnitudes::of(Kind::Number).hold(-0.53), "the two-year less the ten-year yield");
    }
}
