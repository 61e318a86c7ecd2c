//! The value of an indicator in words.

use super::number;
use contract::v1::{IndicatorReading, IndicatorUnit, RecordKind};

/// The value of a reading in its unit.
pub(crate) fn value(reading: &IndicatorReading) -> Option<String> {
    reading.value.map(|value| in_unit(reading.unit(), reading.kind(), value))
}

/// A number in its unit, signed where it is a change.
pub(crate) fn in_unit(unit: IndicatorUnit, kind: RecordKind, value: f64) -> String {
    use IndicatorUnit as Unit;
    match (unit, kind == RecordKind::Change) {
        (Unit::Decimal, true) => number::percent(value),
        (Unit::Decimal, false) => number::share(value),
        (Unit::Share, true) => format!("{} pp", number::signed(100.0 * value, 1)),
        (Unit::Share, false) => number::share(value),
        (Unit::BasisPoints, true) => format!("{} bp", number::signed(value, 1)),
        (Unit::BasisPoints, false) => format!("{value:.1} bp"),
        (Unit::Usd, true) => number::usd_signed(value),
        (Unit::Usd, false) => number::usd(value),
        (Unit::Count, true) => number::signed(value, 0),
        (Unit::Count, false) => format!("{value:.0}"),
        (Unit::StandardDeviations, _) => number::signed(value, 2),
        (Unit::Points | Unit::State | Unit::Unspecified, true) => number::signed(value, 2),
        (Unit::Points | Unit::State | Unit::Unspecified, false) => format!("{value:.2}"),
    }
}
