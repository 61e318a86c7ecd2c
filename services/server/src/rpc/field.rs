//! Collects every violation of a request with its field path, so that a caller sees all of them at
//! once.

use crate::{limits, refusal::Refusal};
use marketdata::day::Day;
use portfolio::lines::Violation;
use std::fmt::Display;

/// The violations of one request so far.
#[derive(Debug)]
pub struct Fields {
    violations: Vec<Violation>,
}

impl Fields {
    /// No violations yet.
    #[expect(clippy::new_without_default, reason = "a request is looked at on purpose")]
    pub const fn new() -> Fields {
        Fields { violations: Vec::new() }
    }

    /// Records a violation: what must be, as the rest of a sentence that begins with the path.
    pub fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.violations.push(Violation { field: field.into(), description: description.into() });
    }

    /// Records violations that were found in a part of the request; `prefix` is its path.
    pub fn add_all(&mut self, prefix: &str, violations: Vec<Violation>) {
        for Violation { field, description } in violations {
            self.add(format!("{prefix}.{field}"), description);
        }
    }

    /// Parses an ISO day; `None` if empty. Records a violation and returns `None` if it is not
    /// valid.
    pub fn day(&mut self, field: &str, text: &str) -> Option<Day> {
        if text.is_empty() {
            return None;
        }
        // No timestamp is of a year before.
        let day = Day::parse_iso(text).filter(|day| 1 <= day.ymd().0);
        if day.is_none() {
            self.add(
                field,
                format!("must be an ISO date (YYYY-MM-DD) from year 1 on, is {text:?}"),
            );
        }
        day
    }

    /// Checks a value against inclusive bounds. Records a violation and returns `min` when out of
    /// range.
    pub fn within<T: PartialOrd + Copy + Display>(
        &mut self,
        field: &str,
        value: T,
        min: T,
        max: T,
    ) -> T {
        if min <= value && value <= max {
            return value;
        }
        self.add(field, format!("must be from {min} to {max}, is {value}"));
        min
    }

    /// A value within bounds, or the default if it is absent.
    pub fn within_or<T: PartialOrd + Copy + Display>(
        &mut self,
        field: &str,
        value: Option<T>,
        default: T,
        (min, max): (T, T),
    ) -> T {
        value.map_or(default, |value| self.within(field, value, min, max))
    }

    /// Parses a range of ISO days, both inclusive; an end is `None` if it is empty or not valid.
    pub fn days(
        &mut self,
        (first_field, first): (&str, &str),
        (last_field, last): (&str, &str),
    ) -> (Option<Day>, Option<Day>) {
        let (first, last) = (self.day(first_field, first), self.day(last_field, last));
        if first.zip(last).is_some_and(|(first, last)| last < first) {
            self.add(last_field, format!("must not be before {first_field}"));
        }
        (first, last)
    }

    /// The value of an enum. Records a violation and returns UNSPECIFIED if its number is unknown.
    pub fn choice<Wire: TryFrom<i32> + Default>(&mut self, field: &str, number: i32) -> Wire {
        Wire::try_from(number).unwrap_or_else(|_| {
            self.add(field, format!("must be a value of its enum, is {number}"));
            Wire::default()
        })
    }

    /// Records a violation if a list has more than `most` entries. Returns whether it has not.
    pub fn at_most(&mut self, field: &str, entries: usize, most: usize) -> bool {
        let is_lawful = entries <= most;
        if !is_lawful {
            self.add(field, format!("must have at most {most} entries, has {entries}"));
        }
        is_lawful
    }

    /// Checks the id of a write.
    pub fn request_id(&mut self, field: &str, id: &str) {
        let most = limits::REQUEST_ID_CHARS;
        if !((1..=most).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())) {
            self.add(field, format!("must be 1 to {most} visible ASCII characters"));
        }
    }

    /// Whether a violation was recorded.
    pub const fn any(&self) -> bool {
        !self.violations.is_empty()
    }

    /// The violations, for an answer that lists them.
    pub fn into_violations(self) -> Vec<Violation> {
        self.violations
    }

    /// The value, if no violation was recorded.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every violation.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Refusal> {
        match value {
            Some(value) if self.violations.is_empty() => Ok(value),
            _ => Err(Refusal::Invalid(self.violations)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_that_a_timestamp_can_have() {
        let mut fields = Fields::new();
        assert!(
            fields.day("on", "0001-01-01").is_some() && fields.day("on", "9999-12-31").is_some()
        );
        assert!(
            fields.day("on", "0000-12-31").is_none() && fields.day("on", "2021-02-30").is_none()
        );
    }
}
