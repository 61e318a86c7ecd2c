//! Fits a status into what every client takes: 4 KiB of trailers, whatever the caller's texts are.
//!
//! Clients refuse trailers above 8 KiB, and the caller then learns nothing, not even the code. Texts
//! become excerpts, the first violations are told and the rest are counted.

use crate::{
    excerpt::{encoded_bytes, excerpt},
    limits,
    rpc::status::DOMAIN,
};
use portfolio::lines::Violation;
use std::time::Duration;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The key of the count of violations that are not told.
pub const VIOLATIONS_LEFT_OUT: &str = "violations_left_out";

/// How a refusal is told.
#[derive(Debug)]
pub struct StatusParts {
    /// The code.
    pub code: Code,
    /// The machine's word.
    pub reason: &'static str,
    /// What belongs to the reason.
    pub metadata: Vec<(&'static str, String)>,
    /// When the same call may succeed, milliseconds from now; none where waiting does not help.
    pub retry_ms: Option<u64>,
    /// The bound that was reached, where one was, by its name in the settings.
    pub quota: Option<&'static str>,
}

#[expect(clippy::disallowed_types, reason = "what tonic-types asks for; it is encoded at once")]
type Map = std::collections::HashMap<String, String>;

impl StatusParts {
    /// The status, within its bound.
    pub fn into_status(self, message: &str, violations: &[Violation]) -> Status {
        let message = excerpt(message, limits::MESSAGE_BYTES);
        let metadata = self.metadata.iter();
        let mut metadata: Map = metadata
            .map(|(key, value)| ((*key).to_owned(), excerpt(value, limits::EXCERPT_BYTES)))
            .collect();
        let mut details = ErrorDetails::new();
        if let Some(retry_ms) = self.retry_ms {
            details.set_retry_info(Some(Duration::from_millis(retry_ms)));
        }
        if let Some(quota) = self.quota {
            details.add_quota_failure_violation(quota, excerpt(&message, limits::EXCERPT_BYTES));
        }
        // The longest count there is takes the place of the right one while room is measured.
        metadata.insert(VIOLATIONS_LEFT_OUT.to_owned(), usize::MAX.to_string());
        details.set_error_info(self.reason, DOMAIN, metadata.clone());
        let bare = Status::with_error_details(self.code, message.clone(), details.clone());
        let texts = excerpts(violations, room(&message).saturating_sub(bare.details().len()));
        let left_out = violations.len() - texts.len();
        match left_out {
            0 => metadata.remove(VIOLATIONS_LEFT_OUT),
            _ => metadata.insert(VIOLATIONS_LEFT_OUT.to_owned(), left_out.to_string()),
        };
        details.set_error_info(self.reason, DOMAIN, metadata);
        for (field, description) in texts {
            details.add_bad_request_violation(field, description);
        }
        Status::with_error_details(self.code, message, details)
    }
}

/// The first violations that fit into a room of so many bytes, as excerpts.
fn excerpts(violations: &[Violation], room: usize) -> Vec<(String, String)> {
    // The BadRequest around them: its type in an Any, lengths and tags.
    let mut left = room.saturating_sub(64);
    let mut texts = Vec::new();
    for violation in violations {
        let field = excerpt(&violation.field, limits::EXCERPT_BYTES);
        let description = excerpt(&violation.description, limits::EXCERPT_BYTES);
        // Three tags, three lengths of at most two bytes.
        let bytes = field.len() + description.len() + 9;
        if left < bytes {
            break;
        }
        left -= bytes;
        texts.push((field, description));
    }
    texts
}

/// Bytes that details may have beside a message: base64 makes four of three.
fn room(message: &str) -> usize {
    limits::STATUS_BYTES.saturating_sub(encoded_bytes(message)) / 4 * 3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        as_of::Pin,
        refusal::{Kind, Refusal},
    };
    use proptest::prelude::*;

    /// What the three headers of a status take on the wire, values only.
    fn wire_bytes(status: &Status) -> usize {
        let mut headers = http::HeaderMap::new();
        status.add_header(&mut headers).unwrap();
        headers.values().map(http::HeaderValue::len).sum()
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z0-9. ]{0,40}",
            "\\PC{0,600}",
            Just("%".repeat(2_000)),
            Just("€".repeat(2_000)),
            Just("A".repeat(9_000)),
        ]
    }

    fn violation() -> impl Strategy<Value = Violation> {
        (text(), text()).prop_map(|(field, description)| Violation { field, description })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn a_status_fits_whatever_the_caller_wrote(
            violations in prop::collection::vec(violation(), 1..120),
        ) {
            let count = violations.len();
            let status = Status::from(Refusal::Invalid(violations));
            // The code itself is one or two digits.
            prop_assert!(wire_bytes(&status) <= limits::STATUS_BYTES + 2, "{}", wire_bytes(&status));
            prop_assert_eq!(status.code(), Code::InvalidArgument);
            let info = status.get_details_error_info().unwrap();
            prop_assert_eq!(info.reason, "INVALID_REQUEST");
            let told = status.get_details_bad_request().unwrap().field_violations.len();
            let left_out = info.metadata.get(VIOLATIONS_LEFT_OUT);
            let left_out = left_out.map_or(0, |count| count.parse().unwrap());
            prop_assert!(0 < told);
            prop_assert_eq!(told + left_out, count, "told or counted");
        }

        #[test]
        fn every_text_of_the_callers_becomes_an_excerpt(asked in text(), here in text()) {
            let kind = Kind::Instrument;
            let what = Pin::ConfigHash;
            for refusal in [
                Refusal::Unknown { kind, name: asked.clone() },
                Refusal::Mismatch { what, asked: asked.clone(), here: here.clone() },
                Refusal::Store(store::StoreError::RequestIdReused { request_id: asked.clone() }),
            ] {
                let status = Status::from(refusal);
                prop_assert!(wire_bytes(&status) <= limits::STATUS_BYTES + 2);
                prop_assert!(status.get_details_error_info().is_some());
            }
        }
    }
}
