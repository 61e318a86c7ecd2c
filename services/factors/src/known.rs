//! One field's history of one instrument, and what of it was public at an instant.

use crate::settlement_days::SettlementDays;
use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    instant::Instant,
    track::Rows,
};

/// The values of a field, by day.
pub(crate) struct Known {
    days: Vec<Day>,
    published: Vec<Instant>,
    values: Vec<f64>,
}

impl Known {
    pub(crate) fn of(rows: &Rows<'_>, dataset: Dataset, field: Field) -> Known {
        let column = dataset.column(field);
        // A float or a count of shares of zero is none.
        let is_known = |value: &f64| 0.0 < *value || dataset != Dataset::ShareCounts;
        let value = |i| Some((i, rows.value(i, column).filter(is_known)?));
        let there: Vec<(usize, f64)> = (0..rows.len()).filter_map(value).collect();
        Known {
            days: there.iter().map(|(i, _)| rows.day(*i)).collect(),
            published: there.iter().map(|(i, _)| rows.published_at(*i)).collect(),
            values: there.into_iter().map(|(_, value)| value).collect(),
        }
    }

    /// The values of settlements alone.
    #[must_use]
    pub(crate) fn among(self, days: &SettlementDays) -> Known {
        let kept: Vec<usize> =
            (0..self.days.len()).filter(|at| days.contains(self.days[*at])).collect();
        Known {
            days: kept.iter().map(|at| self.days[*at]).collect(),
            published: kept.iter().map(|at| self.published[*at]).collect(),
            values: kept.iter().map(|at| self.values[*at]).collect(),
        }
    }

    /// The latest value that was public at an instant of a day, and the day it describes. A row
    /// revised later counts from its revision.
    pub(crate) fn at(&self, day: Day, at: Instant) -> Option<(Day, f64)> {
        // No value is published before the day it describes, so few rows have to be searched.
        let end = self.days.partition_point(|known| *known <= day);
        let row = (0..end).rev().find(|row| self.published[*row] <= at)?;
        Some((self.days[row], self.values[row]))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.days.is_empty()
    }
}
