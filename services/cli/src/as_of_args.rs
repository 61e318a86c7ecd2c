//! Days and instants on the command line.

use crate::error_report::Fault;
use anyhow::Result;
use clap::{Args, ValueEnum};
use contract::v1::{AsOf, ReferenceKnowledge, as_of::When};
use marketdata::{day::Day, instant::Instant};
use prost_types::Timestamp;
use server::{as_of, clock::Clock};

/// Bounds on what a request may know: publication time and revision.
#[derive(Args, Clone, Debug)]
pub(crate) struct AsOfArguments {
    /// Use only what was published by then: `today`, a date (16:00 New York, or now if that is still
    /// to come today) or an instant (RFC 3339).
    #[arg(long, value_name = "DATE|INSTANT")]
    pub(crate) as_of: Option<String>,
    /// Use only what the log held up to this revision.
    #[arg(long)]
    pub(crate) revision: Option<u64>,
}

impl AsOfArguments {
    /// The arguments as a message; `None` if none was given.
    ///
    /// # Errors
    /// If the text is neither a date nor an instant.
    pub(crate) fn to_proto(&self) -> Result<Option<AsOf>> {
        if self.as_of.is_none() && self.revision.is_none() {
            return Ok(None);
        }
        let when = self.as_of.as_deref().map(day_or_instant).transpose()?;
        Ok(Some(AsOf { when, revision: self.revision, ..AsOf::default() }))
    }

    /// The publication bound as an instant; `None` if none was given.
    ///
    /// # Errors
    /// As [`AsOfArguments::to_proto`].
    pub(crate) fn to_instant(&self) -> Result<Option<Instant>> {
        let Some(text) = self.as_of.as_deref() else { return Ok(None) };
        match day(text) {
            Some(day) => Ok(Some(as_of::When::On(day).instant(Clock::system().now()))),
            None => parse(text).map(Some),
        }
    }
}

/// Which facts may say how large a company is and what it does.
#[derive(Args, Clone, Debug)]
pub(crate) struct ReferenceArguments {
    /// Size and classify by what was published by the as-of date, or, where that says nothing, also
    /// by the earliest fact published later: for back-tests over a first load of listings. Answers
    /// give the share of gross that it concerns.
    #[arg(long, value_enum, default_value_t = Reference::AsPublished)]
    reference_knowledge: Reference,
    /// Maximum age of a later fact, calendar days after the as-of day; without it ten years.
    #[arg(long, value_name = "DAYS")]
    reference_max_age: Option<i32>,
}

/// See [`ReferenceArguments`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Reference {
    AsPublished,
    EarliestLater,
}

impl ReferenceArguments {
    /// Adds the arguments to an as-of; the default adds nothing.
    pub(crate) fn of(&self, as_of: Option<AsOf>) -> Option<AsOf> {
        if self.reference_knowledge == Reference::AsPublished && self.reference_max_age.is_none() {
            return as_of;
        }
        let reference_knowledge = match self.reference_knowledge {
            Reference::AsPublished => ReferenceKnowledge::AsPublished.into(),
            Reference::EarliestLater => ReferenceKnowledge::EarliestLater.into(),
        };
        let reference_max_age_days = self.reference_max_age;
        Some(AsOf { reference_knowledge, reference_max_age_days, ..as_of.unwrap_or_default() })
    }
}

/// An ISO date, or `today` in New York.
fn day(text: &str) -> Option<Day> {
    match text {
        "today" => Some(Clock::system().now().new_york_day()),
        text => Day::parse_iso(text),
    }
}

fn day_or_instant(text: &str) -> Result<When> {
    match day(text) {
        Some(day) => Ok(When::On(day.to_string())),
        None => Ok(When::At(instant(text)?)),
    }
}

/// Parses an instant: RFC 3339, or a date, which means 16:00 New York on that day.
///
/// # Errors
/// If it is neither.
pub(crate) fn parse(text: &str) -> Result<Instant> {
    let day = Day::parse_iso(text).map(Instant::close_of);
    match day.or_else(|| Instant::parse_rfc3339(text)) {
        Some(instant) => Ok(instant),
        None => Err(Fault::Usage(format!(
            "{text} is neither a date (2024-07-11) nor an instant (2024-07-11T20:00:00Z)"
        ))
        .into()),
    }
}

/// Parses an instant into a protobuf timestamp.
///
/// # Errors
/// If the text is neither a date nor an instant.
pub(crate) fn instant(text: &str) -> Result<Timestamp> {
    parse(text).map(timestamp)
}

/// Converts an instant to a protobuf timestamp.
pub(crate) fn timestamp(instant: Instant) -> Timestamp {
    let micros = instant.micros();
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap_or(0);
    Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}

/// Formats a timestamp for people: `2024-07-11T20:00:00Z`.
pub(crate) fn text(timestamp: &Timestamp) -> String {
    let micros = timestamp
        .seconds
        .saturating_mul(1_000_000)
        .saturating_add(i64::from(timestamp.nanos / 1_000));
    Instant::from_micros(micros).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_means_the_close_and_an_instant_is_exact() {
        let close = instant("2024-07-11").unwrap();
        assert_eq!(close, instant("2024-07-11T20:00:00Z").unwrap());
        assert_eq!(text(&close), "2024-07-11T20:00:00Z");
        assert!(instant("last Thursday").is_err());
    }

    #[test]
    fn today_is_a_date_of_new_york() {
        let of = |text: &str| AsOfArguments { as_of: Some(text.to_owned()), revision: None };
        let Some(AsOf { when: Some(When::On(on)), .. }) = of("today").to_proto().unwrap() else {
            panic!("a date")
        };
        assert!(Day::parse_iso(&on).is_some());
        let now = Clock::system().now();
        assert!(of("today").to_instant().unwrap().unwrap() <= Clock::system().now());
        assert_eq!(of("2024-07-11").to_instant().unwrap(), Some(parse("2024-07-11").unwrap()));
        assert!(of("2024-07-11").to_instant().unwrap().unwrap() < now);
        assert!(of("tomorrow").to_instant().is_err());
    }

    #[test]
    fn reference_knowledge_is_only_sent_if_it_is_given() {
        let of = |reference_knowledge, reference_max_age| {
            ReferenceArguments { reference_knowledge, reference_max_age }.of(None)
        };
        assert_eq!(of(Reference::AsPublished, None), None);
        let later = of(Reference::EarliestLater, Some(30)).unwrap();
        assert_eq!(later.reference_knowledge(), ReferenceKnowledge::EarliestLater);
        assert_eq!((later.when, later.reference_max_age_days), (None, Some(30)));
        // The server refuses an age limit of nothing, and says why.
        let limit = of(Reference::AsPublished, Some(30)).unwrap();
        assert_eq!(limit.reference_knowledge(), ReferenceKnowledge::AsPublished);
    }
}
