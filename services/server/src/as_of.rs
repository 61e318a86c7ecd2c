//! The as-of of a request: publication bound, revision bound, and versions it expects.

use marketdata::{currency::Currency, day::Day, instant::Instant, reference::ReferenceKnowledge};

/// A validated as-of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsOf {
    /// Where the request gives it.
    pub path: &'static str,
    /// Publication bound.
    pub when: When,
    /// Revision bound; `None` means the head.
    pub revision: Option<u64>,
    /// The facts that may size and classify; `None` means those published by then.
    pub reference: Option<ReferenceKnowledge>,
    /// The currency of prices and amounts: that of the portfolio, if there is one.
    pub base: Currency,
    /// Where the request gives it.
    pub base_path: &'static str,
    /// Hash of the settings to answer under, hex; `None` means those of this server.
    pub settings: Option<String>,
    /// The versions the request expects, in the order they are checked.
    pub pins: Vec<(Pin, String)>,
}

impl AsOf {
    /// Where most requests give the currency of their portfolio.
    pub const BASE_PATH: &'static str = "portfolio.currency";

    /// The field of the request that gives the publication bound.
    pub fn field(&self) -> String {
        let is_replay = self.pins.iter().any(|(pin, _)| *pin == Pin::AnswerModel);
        let field = match self.when {
            When::On(_) => "on",
            When::At(_) if is_replay => "as_of",
            When::At(_) | When::Now => "at",
        };
        format!("{}.{field}", self.path)
    }
}

/// A publication bound as a request gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The current time.
    Now,
    /// An instant.
    At(Instant),
    /// The close of a day, or the current time on that day before the close.
    On(Day),
}

impl When {
    /// The instant it means at a current time.
    pub fn instant(self, now: Instant) -> Instant {
        match self {
            When::Now => now,
            When::At(at) => at,
            When::On(day) if now.new_york_day() == day => now.min(Instant::close_of(day)),
            When::On(day) => Instant::close_of(day),
        }
    }

    /// As the request gives it, for messages.
    pub fn given(self) -> String {
        match self {
            When::Now => "the current time".to_owned(),
            When::At(at) => at.to_string(),
            When::On(day) => day.to_string(),
        }
    }

    /// Whether it meant this instant at that time.
    pub fn meant(self, at: Instant) -> bool {
        self.instant(at) == at
    }
}

/// A version that a request may pin, besides its two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// The chained hash of the data.
    DataVersion,
    /// The version of the service's formulas.
    ModelVersion,
    /// The version of the formulas of the answer that a reference was taken from. It may be an answer
    /// of another service, whose formulas do not matter here.
    AnswerModel,
    /// The hash of the settings of this server.
    ConfigHash,
}

impl std::fmt::Display for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Pin::DataVersion => "data version",
            Pin::ModelVersion | Pin::AnswerModel => "model version",
            Pin::ConfigHash => "configuration",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn today_means_now_until_the_close_and_any_other_day_its_close() {
        let at = |text| Instant::parse_rfc3339(text).unwrap();
        let day = |text| Day::parse_iso(text).unwrap();
        // In July 16:00 New York is 20:00 UTC.
        let close = at("2024-07-11T20:00:00Z");
        for (now, meant) in [
            ("2024-07-11T04:00:00Z", at("2024-07-11T04:00:00Z")),
            ("2024-07-11T19:59:59Z", at("2024-07-11T19:59:59Z")),
            ("2024-07-11T20:00:00Z", close),
            ("2024-07-12T03:59:59Z", close),
            ("2024-07-12T15:00:00Z", close),
            // Still the 10th in New York: the close is in the future, which is refused later.
            ("2024-07-11T03:59:59Z", close),
        ] {
            let on = When::On(day("2024-07-11"));
            assert_eq!(on.instant(at(now)), meant, "{now}");
            assert!(on.meant(meant), "{now}");
        }
        assert!(!When::On(day("2024-07-11")).meant(at("2024-07-11T20:00:01Z")));
        assert!(!When::On(day("2024-07-11")).meant(at("2024-07-10T19:00:00Z")));
        assert!(When::Now.meant(close) && When::At(close).meant(close));
    }
}
