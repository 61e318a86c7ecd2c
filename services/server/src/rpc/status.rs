//! Every refusal to its status and its machine-readable reason, in one file and without a wildcard.
//!
//! What a driver says stays in the log; callers get our own words.

use crate::{
    as_of::Pin,
    excerpt::excerpt,
    limits,
    refusal::{Kind, Refusal},
    rpc::fit::StatusParts,
    telemetry::with_causes,
    upload::UploadFault,
};
use store::{Outlook, StoreError};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "ballast.v1";

fn told(code: Code, reason: &'static str) -> StatusParts {
    StatusParts { code, reason, metadata: Vec::new(), retry_ms: None, quota: None }
}

fn told_with<const N: usize>(
    code: Code,
    reason: &'static str,
    metadata: [(&'static str, String); N],
) -> StatusParts {
    StatusParts { code, reason, metadata: metadata.into(), retry_ms: None, quota: None }
}

fn status_parts(refusal: &Refusal) -> StatusParts {
    match refusal {
        Refusal::Invalid(_) => told(Code::InvalidArgument, "INVALID_REQUEST"),
        Refusal::PageToken => told(Code::InvalidArgument, "INVALID_PAGE_TOKEN"),
        Refusal::Unknown { kind, name } => {
            let reason = match kind {
                Kind::Instrument => "UNKNOWN_INSTRUMENT",
                Kind::Indicator => "UNKNOWN_INDICATOR",
            };
            told_with(Code::NotFound, reason, [("name", name.clone())])
        }
        Refusal::RevisionUnknown { asked, head } => told_with(
            Code::FailedPrecondition,
            "REVISION_UNKNOWN",
            [("asked", asked.to_string()), ("head", head.to_string())],
        ),
        Refusal::Mismatch { what, asked, here } => {
            let reason = match what {
                Pin::DataVersion => "DATA_VERSION_MISMATCH",
                Pin::ModelVersion => "MODEL_VERSION_MISMATCH",
                Pin::ConfigHash => "CONFIG_MISMATCH",
            };
            let metadata = [("asked", asked.clone()), ("here", here.clone())];
            told_with(Code::FailedPrecondition, reason, metadata)
        }
        Refusal::Overloaded { what, limit } => StatusParts {
            retry_ms: Some(limits::RETRY_AFTER_MS),
            ..told_with(
                Code::ResourceExhausted,
                "OVERLOADED",
                [("what", (*what).to_owned()), ("limit", limit.to_string())],
            )
        },
        Refusal::DeadlineExceeded => told(Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
        Refusal::StreamLifetime => told(Code::Unavailable, "STREAM_LIFETIME"),
        Refusal::MessageTooLarge => told(Code::ResourceExhausted, "MESSAGE_TOO_LARGE"),
        Refusal::Malformed => told(Code::InvalidArgument, "MALFORMED_MESSAGE"),
        // gRPC's table of status codes: a violation of cardinality.
        Refusal::NoMessage => told(Code::Unimplemented, "NO_MESSAGE"),
        Refusal::CompressedFlag => told(Code::Internal, COMPRESSED_FLAG),
        Refusal::RequestStalled { idle_ms, bytes_per_s } => told_with(
            Code::DeadlineExceeded,
            "REQUEST_STALLED",
            [("idle_ms", idle_ms.to_string()), ("bytes_per_s", bytes_per_s.to_string())],
        ),
        Refusal::CallerGone => told(Code::Cancelled, "CALLER_GONE"),
        Refusal::ShuttingDown => told(Code::Unavailable, "SHUTTING_DOWN"),
        Refusal::Upload(fault) => upload_parts(fault),
        Refusal::Store(error) => store_parts(error),
        Refusal::Failed(_) => told(Code::Internal, "INTERNAL"),
    }
}

fn upload_parts(fault: &UploadFault) -> StatusParts {
    match fault {
        UploadFault::Refused { fault, .. } => {
            told_with(Code::InvalidArgument, "FILE_REFUSED", [("fault", (*fault).to_owned())])
        }
        UploadFault::TooLarge { limit } => told_with(
            Code::ResourceExhausted,
            "UPLOAD_TOO_LARGE",
            [("limit_bytes", limit.to_string())],
        ),
        UploadFault::MemoryHeld { limit } => StatusParts {
            retry_ms: Some(limits::UPLOAD_RETRY_MS),
            quota: Some("limits.upload_memory_bytes"),
            ..told_with(
                Code::ResourceExhausted,
                "UPLOAD_MEMORY_HELD",
                [("limit_bytes", limit.to_string())],
            )
        },
        UploadFault::Bomb { limit } => {
            told_with(Code::ResourceExhausted, "UPLOAD_BOMB", [("limit_bytes", limit.to_string())])
        }
    }
}

fn store_parts(error: &StoreError) -> StatusParts {
    match error {
        StoreError::HeadMoved { .. } => told(Code::Aborted, "WRITE_CONFLICT"),
        StoreError::RequestIdReused { request_id } => told_with(
            Code::FailedPrecondition,
            "REQUEST_ID_REUSED",
            [("request_id", request_id.clone())],
        ),
        StoreError::TooNew { .. } => told(Code::FailedPrecondition, "STORE_TOO_NEW"),
        StoreError::Url(_)
        | StoreError::Damaged(_)
        | StoreError::Database(_)
        | StoreError::File(_)
        | StoreError::Missing(_)
        | StoreError::Foreign(_)
        | StoreError::Replaced(_)
        | StoreError::FileRefused(_)
        | StoreError::Unpackable(_)
        | StoreError::ShuttingDown
        | StoreError::ReadOnly => match error.outlook() {
            Outlook::MayPass => told(Code::Unavailable, "STORE_UNAVAILABLE"),
            // The same write would fail again: a caller must not try for ever.
            Outlook::Stays => told(Code::Internal, "STORE_REFUSED"),
            Outlook::Damaged => told(Code::DataLoss, "STORE_DAMAGED"),
        },
    }
}

/// What the caller reads. For a fault of ours that is no more than that there was one.
fn message(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Failed(_) => "the server failed; the log of the request id says why".to_owned(),
        Refusal::Store(error) => match error {
            StoreError::RequestIdReused { .. } | StoreError::TooNew { .. } => error.to_string(),
            StoreError::HeadMoved { .. } => {
                "other writers were first several times in a row; send it again".to_owned()
            }
            StoreError::Url(_)
            | StoreError::Damaged(_)
            | StoreError::Database(_)
            | StoreError::File(_)
            | StoreError::Missing(_)
            | StoreError::Foreign(_)
            | StoreError::Replaced(_)
            | StoreError::FileRefused(_)
            | StoreError::Unpackable(_)
            | StoreError::ShuttingDown
            | StoreError::ReadOnly => match error.outlook() {
                Outlook::MayPass => "the store is not available",
                Outlook::Stays => "the store cannot take this; the log of the request id says why",
                // What exactly is damaged stays in the log, where the operator looks.
                Outlook::Damaged => "the store is damaged; restore it from a backup",
            }
            .to_owned(),
        },
        Refusal::Invalid(_)
        | Refusal::PageToken
        | Refusal::Unknown { .. }
        | Refusal::RevisionUnknown { .. }
        | Refusal::Mismatch { .. }
        | Refusal::Overloaded { .. }
        | Refusal::DeadlineExceeded
        | Refusal::StreamLifetime
        | Refusal::MessageTooLarge
        | Refusal::Malformed
        | Refusal::NoMessage
        | Refusal::CompressedFlag
        | Refusal::RequestStalled { .. }
        | Refusal::CallerGone
        | Refusal::ShuttingDown
        | Refusal::Upload(_) => refusal.to_string(),
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Status {
        let told = status_parts(&refusal);
        if matches!(told.code, Code::Internal | Code::Unavailable | Code::DataLoss) {
            log_failure(&refusal, told.reason);
        }
        let violations = match &refusal {
            Refusal::Invalid(violations) => violations.as_slice(),
            _ => &[],
        };
        told.into_status(&message(&refusal), violations)
    }
}

/// The reason of [`Refusal::CompressedFlag`].
const COMPRESSED_FLAG: &str = "COMPRESSED_WITHOUT_ENCODING";

/// Whether a status tells a fault of ours.
pub fn is_fault(status: &Status) -> bool {
    let is_bad = matches!(status.code(), Code::Internal | Code::DataLoss | Code::Unknown);
    is_bad && status.get_details_error_info().is_none_or(|info| info.reason != COMPRESSED_FLAG)
}

/// Our words for a status that the codec made; none for a status of our own.
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

/// What tonic means: bytes of the caller's that are no message, or a fault of ours.
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
    fn a_caller_is_told_what_to_do_about_a_damaged_store_and_not_what_is_in_it() {
        let damaged = StoreError::Damaged("segment 3: its checksum is another".to_owned());
        let status = Status::from(Refusal::Store(damaged));
        assert_eq!(status.code(), Code::DataLoss);
        assert_eq!(status.get_details_error_info().unwrap().reason, "STORE_DAMAGED");
        assert_eq!(status.message(), "the store is damaged; restore it from a backup");
    }
}
