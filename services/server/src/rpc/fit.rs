//! Limits a status to a size that every client accepts: 4 KiB of trailers, whatever the caller's
//! texts are.
//!
//! Clients reject trailers above 8 KiB, and the caller then learns nothing, not even the code.
//! Texts are shortened, the first violations are listed and the rest are counted.

use crate::{
    excerpt::{encoded_bytes, excerpt},
    limits,
    rpc::status::DOMAIN,
};
use portfolio::lines::Violation;
use prost::Message as _;
use std::{collections::BTreeMap, time::Duration};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _, pb};

/// Metadata key of the number of violations that are not listed.
pub const VIOLATIONS_LEFT_OUT: &str = "violations_left_out";

/// The parts of a refusal's status.
#[derive(Debug)]
pub struct StatusParts {
    /// gRPC status code.
    pub code: Code,
    /// Machine-readable reason.
    pub reason: &'static str,
    /// Parameters of the reason.
    pub metadata: Vec<(&'static str, String)>,
    /// Delay until the same call may succeed, milliseconds; `None` if waiting does not help.
    pub retry_ms: Option<u64>,
    /// The setting whose limit was reached, if one was.
    pub quota: Option<&'static str>,
}

#[expect(clippy::disallowed_types, reason = "what tonic-types asks for; it is encoded at once")]
type Map = std::collections::HashMap<String, String>;

impl StatusParts {
    /// The status, within its size limit.
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
        // The longest possible count stands in for the real one while the size is measured.
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
        in_order(Status::with_error_details(self.code, message, details))
    }
}

/// The same status with the metadata of its reason in the order of their keys, so that equal
/// refusals have equal bytes: a map is encoded in any order.
fn in_order(status: Status) -> Status {
    let Ok(mut whole) = pb::Status::decode(status.details()) else { return status };
    for detail in &mut whole.details {
        if !detail.type_url.ends_with("/google.rpc.ErrorInfo") {
            continue;
        }
        let Ok(mut info) = pb::ErrorInfo::decode(detail.value.as_slice()) else { continue };
        let metadata: BTreeMap<_, _> = info.metadata.drain().collect();
        // Encodings of messages one after the other are that of the merged message.
        detail.value = info.encode_to_vec();
        for entry in metadata {
            let of_entry = pb::ErrorInfo { metadata: [entry].into(), ..Default::default() };
            detail.value.extend(of_entry.encode_to_vec());
        }
    }
    Status::with_details(status.code(), status.message(), whole.encode_to_vec().into())
}

/// The first violations that fit into `room` bytes, as excerpts.
fn excerpts(violations: &[Violation], room: usize) -> Vec<(String, String)> {
    // Overhead of the BadRequest: its type URL in an Any, lengths and tags.
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

/// Bytes left for details beside a message: base64 encodes three bytes as four.
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

    /// Bytes of the three status headers on the wire, values only.
    fn wire_bytes(status: &Status) -> usize {
        let mut headers = http::HeaderMap::new();
        status.add_header(&mut headers).unwrap();
        headers.values().map(http::HeaderValue::len).sum()
    }

    #[test]
    fn equal_refusals_have_equal_bytes() {
        let keys = ["asked", "field", "head", "here", "name", "role"];
        let status = || {
            let metadata = keys.map(|key| (key, format!("value of {key}"))).into();
            let (retry_ms, quota) = (Some(7), Some("limits.queue_ms"));
            let parts =
                StatusParts { code: Code::NotFound, reason: "REASON", metadata, retry_ms, quota };
            parts.into_status("no such thing", &[])
        };
        let first = status();
        let info = first.get_details_error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("REASON", DOMAIN));
        assert_eq!(info.metadata.len(), keys.len());
        assert_eq!(info.metadata["role"], "value of role");
        assert!(first.get_details_retry_info().is_some());
        for _ in 0..50 {
            assert_eq!(status().details(), first.details());
        }
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
            // The code itself takes one or two digits.
            prop_assert!(wire_bytes(&status) <= limits::STATUS_BYTES + 2, "{}", wire_bytes(&status));
            prop_assert_eq!(status.code(), Code::InvalidArgument);
            let info = status.get_details_error_info().unwrap();
            prop_assert_eq!(info.reason, "INVALID_REQUEST");
            let listed = status.get_details_bad_request().unwrap().field_violations.len();
            let left_out = info.metadata.get(VIOLATIONS_LEFT_OUT);
            let left_out = left_out.map_or(0, |count| count.parse().unwrap());
            prop_assert!(0 < listed);
            prop_assert_eq!(listed + left_out, count, "listed or counted");
        }

        #[test]
        fn every_text_of_the_callers_becomes_an_excerpt(asked in text(), here in text()) {
            let kind = Kind::Instrument;
            let what = Pin::ConfigHash;
            for refusal in [
                Refusal::Unknown { kind, name: asked.clone(), known: vec![here.clone()] },
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
