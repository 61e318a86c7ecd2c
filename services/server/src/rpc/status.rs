//! Maps every refusal to its status and machine-readable reason, in one file and without a
//! wildcard.
//!
//! Driver messages stay in the log; callers get the messages of this service.

use crate::{
    as_of::Pin,
    excerpt::excerpt,
    limits,
    refusal::{Kind, Refusal},
    rpc::fit::StatusParts,
    telemetry::with_causes,
    upload::UploadFault,
};
use prost::Message as _;
use store::{Outlook, StoreError};
use tonic::{Code, Status};
use tonic_types::{StatusExt as _, pb};

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "ballast";

fn parts(code: Code, reason: &'static str) -> StatusParts {
    StatusParts { code, reason, metadata: Vec::new(), retry_ms: None, quota: None }
}

fn parts_with<const N: usize>(
    code: Code,
    reason: &'static str,
    metadata: [(&'static str, String); N],
) -> StatusParts {
    StatusParts { code, reason, metadata: metadata.into(), retry_ms: None, quota: None }
}

fn status_parts(refusal: &Refusal) -> StatusParts {
    match refusal {
        Refusal::Invalid(_) => parts(Code::InvalidArgument, "INVALID_REQUEST"),
        Refusal::PageToken => parts(Code::InvalidArgument, "INVALID_PAGE_TOKEN"),
        Refusal::Unknown { kind, name, known: _ } => {
            parts_with(Code::NotFound, unknown(*kind), [("name", name.clone())])
        }
        Refusal::At { field, cause } => {
            let mut of_cause = status_parts(cause);
            of_cause.metadata.push(("field", field.clone()));
            of_cause
        }
        Refusal::Ambiguous(_) => parts(Code::FailedPrecondition, "AMBIGUOUS_INSTRUMENT"),
        Refusal::Disagree(_) => parts(Code::FailedPrecondition, "IDENTIFIERS_DISAGREE"),
        Refusal::RevisionUnknown { asked, head } => parts_with(
            Code::FailedPrecondition,
            "REVISION_UNKNOWN",
            [("asked", asked.to_string()), ("head", head.to_string())],
        ),
        Refusal::Behind { asked, head } => StatusParts {
            retry_ms: Some(limits::RETRY_AFTER_MS),
            ..parts_with(
                Code::Unavailable,
                "REPLICA_BEHIND",
                [("asked", asked.to_string()), ("head", head.to_string())],
            )
        },
        Refusal::Mismatch { what, asked, here } => {
            let reason = match what {
                Pin::DataVersion => "DATA_VERSION_MISMATCH",
                Pin::ModelVersion | Pin::AnswerModel => "MODEL_VERSION_MISMATCH",
                Pin::ConfigHash => "CONFIG_MISMATCH",
            };
            let metadata = [("asked", asked.clone()), ("here", here.clone())];
            parts_with(Code::FailedPrecondition, reason, metadata)
        }
        Refusal::Overloaded { what, setting, limit } => StatusParts {
            retry_ms: Some(limits::RETRY_AFTER_MS),
            quota: Some(setting),
            ..parts_with(
                Code::ResourceExhausted,
                "OVERLOADED",
                [("what", (*what).to_owned()), ("limit", limit.to_string())],
            )
        },
        Refusal::CredentialsMissing => parts(Code::Unauthenticated, "CREDENTIALS_MISSING"),
        Refusal::CredentialsExpired => parts(Code::Unauthenticated, "CREDENTIALS_EXPIRED"),
        Refusal::CredentialsRefused => parts(Code::Unauthenticated, "CREDENTIALS_REFUSED"),
        Refusal::RoleMissing { role } => {
            parts_with(Code::PermissionDenied, "ROLE_MISSING", [("role", (*role).to_owned())])
        }
        Refusal::DeadlineExceeded => parts(Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
        Refusal::StreamLifetime => parts(Code::Unavailable, "STREAM_LIFETIME"),
        Refusal::MessageTooLarge => parts(Code::ResourceExhausted, "MESSAGE_TOO_LARGE"),
        Refusal::Malformed => parts(Code::InvalidArgument, "MALFORMED_MESSAGE"),
        // gRPC's table of status codes: a violation of cardinality.
        Refusal::NoMessage => parts(Code::Unimplemented, "NO_MESSAGE"),
        Refusal::CompressedFlag => parts(Code::Internal, COMPRESSED_FLAG),
        Refusal::RequestStalled { idle_ms, bytes_per_s } => parts_with(
            Code::DeadlineExceeded,
            "REQUEST_STALLED",
            [("idle_ms", idle_ms.to_string()), ("bytes_per_s", bytes_per_s.to_string())],
        ),
        Refusal::CallerGone => parts(Code::Cancelled, "CALLER_GONE"),
        Refusal::ShuttingDown => parts(Code::Unavailable, "SHUTTING_DOWN"),
        Refusal::Upload(fault) => upload_parts(fault),
        Refusal::Store(error) => store_parts(error),
        Refusal::StoreLate => store_unavailable(),
        Refusal::Failed(_) => parts(Code::Internal, "INTERNAL"),
    }
}

const fn unknown(kind: Kind) -> &'static str {
    match kind {
        Kind::Instrument => "UNKNOWN_INSTRUMENT",
        Kind::Indicator => "UNKNOWN_INDICATOR",
        Kind::Exchange => "UNKNOWN_EXCHANGE",
        Kind::ClassificationScheme => "UNKNOWN_CLASSIFICATION_SCHEME",
        Kind::Scenario => "UNKNOWN_SCENARIO",
        Kind::RiskModel => "UNKNOWN_RISK_MODEL",
    }
}

fn upload_parts(fault: &UploadFault) -> StatusParts {
    match fault {
        UploadFault::Refused { fault, .. } => {
            parts_with(Code::InvalidArgument, "FILE_REFUSED", [("fault", (*fault).to_owned())])
        }
        UploadFault::TooLarge { limit } => parts_with(
            Code::ResourceExhausted,
            "UPLOAD_TOO_LARGE",
            [("limit_bytes", limit.to_string())],
        ),
        UploadFault::MemoryHeld { limit } => StatusParts {
            retry_ms: Some(limits::UPLOAD_RETRY_MS),
            quota: Some("limits.upload_memory_bytes"),
            ..parts_with(
                Code::ResourceExhausted,
                "UPLOAD_MEMORY_HELD",
                [("limit_bytes", limit.to_string())],
            )
        },
        UploadFault::Bomb { limit } => {
            parts_with(Code::ResourceExhausted, "UPLOAD_BOMB", [("limit_bytes", limit.to_string())])
        }
    }
}

fn store_parts(error: &StoreError) -> StatusParts {
    match error {
        StoreError::HeadMoved { .. } => parts(Code::Aborted, "WRITE_CONFLICT"),
        StoreError::RequestIdReused { request_id } => parts_with(
            Code::FailedPrecondition,
            "REQUEST_ID_REUSED",
            [("request_id", request_id.clone())],
        ),
        StoreError::TooNew { .. } => parts(Code::FailedPrecondition, "STORE_TOO_NEW"),
        StoreError::Unwritable => StatusParts {
            retry_ms: Some(limits::RETRY_AFTER_MS),
            ..parts(Code::Unavailable, "STORE_READ_ONLY")
        },
        StoreError::Url(_)
        | StoreError::Damaged(_)
        | StoreError::Database(_)
        | StoreError::File(_)
        | StoreError::Missing(_)
        | StoreError::Foreign(_)
        | StoreError::Replaced(_)
        | StoreError::Unrelated(_)
        | StoreError::FileRefused(_)
        | StoreError::Unpackable(_)
        | StoreError::ShuttingDown
        | StoreError::ReadOnly => match error.outlook() {
            Outlook::MayPass => store_unavailable(),
            // The same write would fail again, so the code must not invite a retry.
            Outlook::Stays => parts(Code::Internal, "STORE_REFUSED"),
            Outlook::Damaged => parts(Code::DataLoss, "STORE_DAMAGED"),
        },
    }
}

fn store_unavailable() -> StatusParts {
    let retry_ms = Some(limits::RETRY_AFTER_MS);
    StatusParts { retry_ms, ..parts(Code::Unavailable, "STORE_UNAVAILABLE") }
}

/// The message for the caller. For an internal error it gives no details.
fn message(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Failed(_) => "internal error; see the log entry of the request id".to_owned(),
        Refusal::Store(error) => match error {
            StoreError::RequestIdReused { .. }
            | StoreError::TooNew { .. }
            | StoreError::Unwritable => error.to_string(),
            StoreError::HeadMoved { .. } => {
                "other writers committed first several times; send the request again".to_owned()
            }
            StoreError::Url(_)
            | StoreError::Damaged(_)
            | StoreError::Database(_)
            | StoreError::File(_)
            | StoreError::Missing(_)
            | StoreError::Foreign(_)
            | StoreError::Replaced(_)
            | StoreError::Unrelated(_)
            | StoreError::FileRefused(_)
            | StoreError::Unpackable(_)
            | StoreError::ShuttingDown
            | StoreError::ReadOnly => match error.outlook() {
                Outlook::MayPass => "the store is not available",
                Outlook::Stays => {
                    "the store failed permanently; see the log entry of the request id"
                }
                // The details of the damage stay in the log for the operator.
                Outlook::Damaged => "the store is damaged; restore it from a backup",
            }
            .to_owned(),
        },
        Refusal::Invalid(_)
        | Refusal::PageToken
        | Refusal::Unknown { .. }
        | Refusal::At { .. }
        | Refusal::Ambiguous(_)
        | Refusal::Disagree(_)
        | Refusal::RevisionUnknown { .. }
        | Refusal::Behind { .. }
        | Refusal::Mismatch { .. }
        | Refusal::Overloaded { .. }
        | Refusal::CredentialsMissing
        | Refusal::CredentialsExpired
        | Refusal::CredentialsRefused
        | Refusal::RoleMissing { .. }
        | Refusal::DeadlineExceeded
        | Refusal::StreamLifetime
        | Refusal::MessageTooLarge
        | Refusal::Malformed
        | Refusal::NoMessage
        | Refusal::CompressedFlag
        | Refusal::RequestStalled { .. }
        | Refusal::CallerGone
        | Refusal::ShuttingDown
        | Refusal::StoreLate
        | Refusal::Upload(_) => refusal.to_string(),
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Status {
        let parts = status_parts(&refusal);
        if matches!(parts.code, Code::Internal | Code::Unavailable | Code::DataLoss) {
            log_failure(&refusal, parts.reason);
        }
        let violations = match &refusal {
            Refusal::Invalid(violations) => violations.as_slice(),
            _ => &[],
        };
        parts.into_status(&message(&refusal), violations)
    }
}

/// A status as a message, for the outcome of one item of a stream.
pub fn message_of(status: &Status) -> pb::Status {
    // The details of a status are this message, details included.
    let whole = pb::Status::decode(status.details()).ok().filter(|_| !status.details().is_empty());
    whole.unwrap_or_else(|| pb::Status {
        code: status.code().into(),
        message: status.message().to_owned(),
        details: Vec::new(),
    })
}

/// The reason of [`Refusal::CompressedFlag`].
const COMPRESSED_FLAG: &str = "COMPRESSED_WITHOUT_ENCODING";

/// Whether a status reports an internal error.
pub fn is_fault(status: &Status) -> bool {
    let is_bad = matches!(status.code(), Code::Internal | Code::DataLoss | Code::Unknown);
    is_bad && status.get_details_error_info().is_none_or(|info| info.reason != COMPRESSED_FLAG)
}

/// A replacement for a status that the codec made; `None` for a status of this service.
pub fn sanitize_status(status: &Status) -> Option<Status> {
    if !status.details().is_empty() {
        return None;
    }
    let message = status.message();
    match status.code() {
        Code::OutOfRange | Code::ResourceExhausted => Some(Refusal::MessageTooLarge.into()),
        Code::Internal | Code::Unknown | Code::DataLoss => Some(of_codec(message).into()),
        Code::Ok
        | Code::Cancelled
        | Code::InvalidArgument
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::Unimplemented
        | Code::Unavailable
        | Code::Unauthenticated => {
            // Reflection repeats the caller's text, whatever its length.
            let shorter = excerpt(message, limits::MESSAGE_BYTES);
            (shorter != message).then(|| Status::new(status.code(), shorter))
        }
    }
}

/// The meaning of tonic's message: the caller's bytes are not a valid message, or an internal
/// error.
fn of_codec(message: &str) -> Refusal {
    let malformed = [
        "failed to decode Protobuf message",
        "protocol error: received message with invalid compression flag",
        "Error decompressing",
        "Unexpected EOF decoding stream",
    ];
    if malformed.iter().any(|words| message.starts_with(words)) {
        Refusal::Malformed
    } else if message.starts_with("Missing request message") {
        Refusal::NoMessage
    } else if message.starts_with("protocol error: received message with compressed-flag") {
        Refusal::CompressedFlag
    } else {
        Refusal::Failed(message.to_owned())
    }
}

fn log_failure(refusal: &Refusal, reason: &str) {
    let is_no_failure = matches!(
        refusal,
        Refusal::ShuttingDown | Refusal::StreamLifetime | Refusal::CompressedFlag
    );
    if is_no_failure {
        return;
    }
    let cause = with_causes(refusal);
    tracing::error!(reason, cause, "call failed");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_store_is_reported_without_its_contents() {
        let damaged = StoreError::Damaged("segment 3: wrong checksum".to_owned());
        let status = Status::from(Refusal::Store(damaged));
        assert_eq!(status.code(), Code::DataLoss);
        assert_eq!(status.get_details_error_info().unwrap().reason, "STORE_DAMAGED");
        assert_eq!(status.message(), "the store is damaged; restore it from a backup");
    }
}
