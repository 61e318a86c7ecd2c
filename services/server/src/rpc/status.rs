//! Every domain error to its status and its machine-readable reason, in one file and without a wildcard.
//!
//! What a driver says stays in the log; callers get our own words.

use crate::{limits, upload::UploadFault};
use marketdata::portfolio::Violation;
use std::{collections::BTreeMap, time::Duration};
use store::{Outlook, StoreError};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "ballast.v1";

/// Why a call gets no answer. Findings about the data are not here: they are gaps of an answer.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The request is wrong in these ways.
    #[error("{}", in_words(.0))]
    Invalid(Vec<Violation>),
    /// The page token is not one of ours, or belongs to another request.
    #[error("the page token belongs to another request, or is none of this service")]
    PageToken,
    /// What was asked for by name is not there.
    #[error("no {kind} is called {name:?}")]
    Unknown {
        /// What kind of thing.
        kind: Kind,
        /// The name asked for.
        name: String,
    },
    /// The log is shorter than the revision asked for.
    #[error("revision {asked} is not known here, the head is {head}")]
    RevisionUnknown {
        /// The revision asked for.
        asked: u64,
        /// The newest.
        head: u64,
    },
    /// A replay expects other data, another model or other settings.
    #[error("the {what} here is {here}, the request expects {asked}")]
    Mismatch {
        /// What differs.
        what: Pin,
        /// What the request expects.
        asked: String,
        /// What we have.
        here: String,
    },
    /// A bound of the service was reached.
    #[error("{what}: {limit} at most; try again later")]
    Overloaded {
        /// Of what there is too much.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
    /// The call's deadline has passed.
    #[error("the deadline of the call has passed")]
    DeadlineExceeded,
    /// A stream has lived as long as streams may.
    #[error("the stream has lived as long as streams may; open it again")]
    StreamLifetime,
    /// A message is larger than messages may be.
    #[error("a message is larger than it may be: page or stream instead")]
    MessageTooLarge,
    /// Bytes that are no message of the method.
    #[error("the request is no message of this method")]
    Malformed,
    /// The server is going away.
    #[error("the server is shutting down; try another one")]
    ShuttingDown,
    /// An upload cannot be taken.
    #[error(transparent)]
    Upload(#[from] UploadFault),
    /// The store cannot do it.
    #[error("the store refused")]
    Store(#[from] StoreError),
    /// A fault of ours: the text is for the log.
    #[error("{0}")]
    Failed(String),
}

/// What kind of thing a name was looked for in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Instruments and series.
    Instrument,
    /// Indicators.
    Indicator,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::Instrument => "instrument",
            Kind::Indicator => "indicator",
        })
    }
}

/// What a request may pin beside its two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// The chained hash of the data.
    DataVersion,
    /// The version of the formulas.
    ModelVersion,
    /// The hash of the settings.
    ConfigHash,
}

impl std::fmt::Display for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Pin::DataVersion => "data version",
            Pin::ModelVersion => "model version",
            Pin::ConfigHash => "configuration",
        })
    }
}

/// How a refusal is told.
struct Told {
    code: Code,
    reason: &'static str,
    metadata: Vec<(&'static str, String)>,
}

fn told(code: Code, reason: &'static str) -> Told {
    Told { code, reason, metadata: Vec::new() }
}

fn told_with<const N: usize>(
    code: Code,
    reason: &'static str,
    metadata: [(&'static str, String); N],
) -> Told {
    Told { code, reason, metadata: metadata.into() }
}

fn tell(refusal: &Refusal) -> Told {
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
        Refusal::Overloaded { what, limit } => told_with(
            Code::ResourceExhausted,
            "OVERLOADED",
            [("what", (*what).to_owned()), ("limit", limit.to_string())],
        ),
        Refusal::DeadlineExceeded => told(Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
        Refusal::StreamLifetime => told(Code::Unavailable, "STREAM_LIFETIME"),
        Refusal::MessageTooLarge => told(Code::ResourceExhausted, "MESSAGE_TOO_LARGE"),
        Refusal::Malformed => told(Code::InvalidArgument, "MALFORMED_MESSAGE"),
        Refusal::ShuttingDown => told(Code::Unavailable, "SHUTTING_DOWN"),
        Refusal::Upload(fault) => tell_upload(fault),
        Refusal::Store(error) => tell_store(error),
        Refusal::Failed(_) => told(Code::Internal, "INTERNAL"),
    }
}

fn tell_upload(fault: &UploadFault) -> Told {
    match fault {
        UploadFault::Refused { fault, .. } => {
            told_with(Code::InvalidArgument, "FILE_REFUSED", [("fault", (*fault).to_owned())])
        }
        UploadFault::TooLarge { limit } => told_with(
            Code::ResourceExhausted,
            "UPLOAD_TOO_LARGE",
            [("limit_bytes", limit.to_string())],
        ),
        UploadFault::MemoryHeld { limit } => told_with(
            Code::ResourceExhausted,
            "UPLOAD_MEMORY_HELD",
            [("limit_bytes", limit.to_string())],
        ),
        UploadFault::Bomb { limit } => {
            told_with(Code::ResourceExhausted, "UPLOAD_BOMB", [("limit_bytes", limit.to_string())])
        }
    }
}

fn tell_store(error: &StoreError) -> Told {
    match error {
        StoreError::HeadMoved { .. } => told(Code::Aborted, "WRITE_CONFLICT"),
        StoreError::RequestIdReused { request_id } => told_with(
            Code::FailedPrecondition,
            "REQUEST_ID_REUSED",
            [("request_id", request_id.clone())],
        ),
        StoreError::Damaged(_) => told(Code::DataLoss, "STORE_DAMAGED"),
        StoreError::TooNew { .. } => told(Code::FailedPrecondition, "STORE_TOO_NEW"),
        StoreError::Url(_) => told(Code::Internal, "INTERNAL"),
        StoreError::Database(_)
        | StoreError::Migration(_)
        | StoreError::File(_)
        | StoreError::Missing(_)
        | StoreError::Foreign(_)
        | StoreError::Replaced(_)
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
            // What exactly is damaged stays in the log, where the operator looks.
            StoreError::Damaged(_) => "the store is damaged".to_owned(),
            StoreError::HeadMoved { .. } => {
                "other writers were first several times in a row; send it again".to_owned()
            }
            StoreError::Url(_)
            | StoreError::Database(_)
            | StoreError::Migration(_)
            | StoreError::File(_)
            | StoreError::Missing(_)
            | StoreError::Foreign(_)
            | StoreError::Replaced(_)
            | StoreError::ReadOnly => match error.outlook() {
                Outlook::MayPass => "the store is not available",
                Outlook::Stays => "the store cannot take this; the log of the request id says why",
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
        | Refusal::ShuttingDown
        | Refusal::Upload(_) => refusal.to_string(),
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Status {
        let Told { code, reason, metadata } = tell(&refusal);
        if matches!(code, Code::Internal | Code::Unavailable | Code::DataLoss) {
            log_failure(&refusal, reason);
        }
        let metadata = metadata.into_iter().map(|(key, value)| (key.to_owned(), value));
        let mut details = ErrorDetails::with_error_info(reason, DOMAIN, metadata.collect::<Map>());
        if let Refusal::Invalid(violations) = &refusal {
            for violation in violations.iter().take(limits::VIOLATIONS) {
                details.add_bad_request_violation(&violation.field, &violation.description);
            }
        }
        if let Refusal::Upload(UploadFault::MemoryHeld { .. }) = &refusal {
            let delay = Duration::from_millis(limits::UPLOAD_RETRY_MS);
            details.set_retry_info(Some(delay));
            details.add_quota_failure_violation("limits.upload_memory_bytes", message(&refusal));
        }
        Status::with_error_details(code, message(&refusal), details)
    }
}

/// Our words for a status that the codec made; none for a status of our own.
pub fn own_words(status: &Status) -> Option<Status> {
    if !status.details().is_empty() {
        return None;
    }
    match status.code() {
        Code::OutOfRange | Code::ResourceExhausted => Some(Refusal::MessageTooLarge.into()),
        Code::Internal if status.message().starts_with("failed to decode Protobuf message") => {
            Some(Refusal::Malformed.into())
        }
        Code::Internal | Code::Unknown | Code::DataLoss => {
            Some(Refusal::Failed(status.message().to_owned()).into())
        }
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
        | Code::Unauthenticated => None,
    }
}

#[expect(clippy::disallowed_types, reason = "what tonic-types asks for; it is encoded at once")]
type Map = std::collections::HashMap<String, String>;

fn log_failure(refusal: &Refusal, reason: &str) {
    if matches!(refusal, Refusal::ShuttingDown | Refusal::StreamLifetime) {
        return;
    }
    let mut chain = refusal.to_string();
    let mut source = std::error::Error::source(refusal);
    while let Some(error) = source {
        chain.push_str(": ");
        chain.push_str(&error.to_string());
        source = error.source();
    }
    tracing::error!(reason, cause = chain, "call failed");
}

fn in_words(violations: &[Violation]) -> String {
    // By field, so that the sentence reads in the order of the paths.
    let mut by_field: BTreeMap<&str, &str> = BTreeMap::new();
    for violation in violations {
        by_field.entry(&violation.field).or_insert(&violation.description);
    }
    let shown: Vec<String> =
        by_field.iter().take(3).map(|(field, what)| format!("{field} {what}")).collect();
    let more = by_field.len().saturating_sub(shown.len());
    let tail = if 0 < more { format!("; and {more} more") } else { String::new() };
    format!("the request is not valid: {}{tail}", shown.join("; "))
}
