//! Why a call gets no answer: one variant per cause, shared by all methods. `rpc/status.rs` maps
//! each to a status.

use crate::{as_of::Pin, excerpt::excerpt, limits, upload::UploadFault};
use portfolio::lines::Violation;
use std::collections::BTreeMap;
use store::StoreError;

/// Why a call gets no answer. Findings about the data are not refusals: they are gaps in an answer.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The request is not valid; lists every violation.
    #[error("{}", sentence(.0))]
    Invalid(Vec<Violation>),
    /// The page token was not issued by this service, or belongs to another request.
    #[error("the page token belongs to another request or was not issued by this service")]
    PageToken,
    /// Nothing of this kind has the requested name.
    #[error("unknown {kind} {name:?}{}", choices(*kind, known))]
    Unknown {
        /// The kind of thing.
        kind: Kind,
        /// The requested name.
        name: String,
        /// The names that exist; empty for instruments, which are too many.
        known: Vec<String>,
    },
    /// What a field of the request names cannot be found.
    #[error("{field}: {cause}")]
    At {
        /// Path of the field, for instance `conditions[1].variable.instrument`.
        field: String,
        /// Why it cannot be found.
        cause: Box<Refusal>,
    },
    /// Several listed lines have the identifiers of the request.
    #[error("{0}")]
    Ambiguous(String),
    /// The identifiers of the request are those of different lines.
    #[error("{0}")]
    Disagree(String),
    /// The log is shorter than the requested revision.
    #[error("revision {asked} is unknown; the head is revision {head}")]
    RevisionUnknown {
        /// The requested revision.
        asked: u64,
        /// The newest revision.
        head: u64,
    },
    /// This server has not read the requested revision yet.
    #[error("this server has read revision {head}, and waited for revision {asked} in vain")]
    Behind {
        /// The requested revision.
        asked: u64,
        /// The newest revision that this server has read.
        head: u64,
    },
    /// A replay expects other data, another model or other settings than this server has.
    #[error("the {what} of this server is {here}, but the request expects {asked}")]
    Mismatch {
        /// The version that differs.
        what: Pin,
        /// The version that the request expects.
        asked: String,
        /// The version of this server.
        here: String,
    },
    /// A limit of the service was reached.
    #[error("limit reached for {what}: {limit}; try again later")]
    Overloaded {
        /// The limited resource.
        what: &'static str,
        /// The setting that holds the limit.
        setting: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The call has no credentials, but this server asks for them.
    #[error("this server asks for credentials: a bearer token, or a client certificate")]
    CredentialsMissing,
    /// The credentials were valid once.
    #[error("the token has expired; get a new one")]
    CredentialsExpired,
    /// The credentials are not valid. The caller does not learn why, because it helps to guess.
    #[error("the credentials are not valid here; the log of the server says why")]
    CredentialsRefused,
    /// The caller is known, but may not call the method.
    #[error("this method needs the role {role}, which the caller does not have")]
    RoleMissing {
        /// The role.
        role: &'static str,
    },
    /// The call's deadline has passed.
    #[error("the deadline of the call has passed")]
    DeadlineExceeded,
    /// A stream reached its maximum lifetime.
    #[error("the stream reached its maximum lifetime; open it again")]
    StreamLifetime,
    /// A message exceeds the size limit, or the lists of a request that of their memory.
    #[error(
        "a message exceeds the size limit, or has more list elements than fit into {} MiB: use \
         smaller pages or a stream",
        limits::REQUEST_LIST_BYTES / limits::MIB
    )]
    MessageTooLarge,
    /// The bytes are not a message of the method.
    #[error("the request is not a valid message of this method")]
    Malformed,
    /// The request has no message, but the method takes one.
    #[error("the request has no message, but this method requires one")]
    NoMessage,
    /// A message is flagged as compressed, but the call names no encoding. The protocol asks for
    /// INTERNAL.
    #[error("the Compressed-Flag of a message is set, but the call has no grpc-encoding")]
    CompressedFlag,
    /// The request arrives too slowly.
    #[error(
        "the request stalled: it may be silent for at most {idle_ms} ms, and must send \
         {bytes_per_s} bytes per second beyond that"
    )]
    RequestStalled {
        /// How long it may be silent, milliseconds.
        idle_ms: u64,
        /// Average rate it must send, bytes per second.
        bytes_per_s: u64,
    },
    /// The client disconnected before its request was complete.
    #[error("the client disconnected before the request was complete")]
    CallerGone,
    /// The server is shutting down.
    #[error("the server is shutting down; try another one")]
    ShuttingDown,
    /// An upload was rejected.
    #[error(transparent)]
    Upload(#[from] UploadFault),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The store did not answer before the deadline of the call.
    #[error("the store did not answer in time; a write may still be made: repeat it as it was")]
    StoreLate,
    /// An internal error; the text is only for the log.
    #[error("{0}")]
    Failed(String),
}

impl Refusal {
    /// The same refusal, of a request with several fields that name something.
    pub fn at(self, field: impl Into<String>) -> Refusal {
        Refusal::At { field: field.into(), cause: Box::new(self) }
    }
}

/// The kind of thing a name refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Instruments and series.
    Instrument,
    /// Indicators.
    Indicator,
    /// Exchanges.
    Exchange,
    /// Classification schemes.
    ClassificationScheme,
    /// Scenarios.
    Scenario,
    /// Risk models of vendors.
    RiskModel,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::Instrument => "instrument",
            Kind::Indicator => "indicator",
            Kind::Exchange => "exchange",
            Kind::ClassificationScheme => "classification scheme",
            Kind::Scenario => "scenario",
            Kind::RiskModel => "risk model",
        })
    }
}

/// The end of a sentence that names what could be asked for.
fn choices(kind: Kind, known: &[String]) -> String {
    match (kind, known) {
        (Kind::Instrument, []) => String::new(),
        (_, []) => "; none is known".to_owned(),
        (_, known) => format!("; known: {}", known.join(", ")),
    }
}

/// Violations as a sentence: the first three by path, and the number of the others.
fn sentence(violations: &[Violation]) -> String {
    let mut by_path: BTreeMap<Vec<Step<'_>>, &Violation> = BTreeMap::new();
    for violation in violations {
        by_path.entry(steps(&violation.field)).or_insert(violation);
    }
    let shown: Vec<String> = by_path
        .values()
        .take(3)
        .map(|Violation { field, description }| {
            format!("{field} {}", excerpt(description, limits::EXCERPT_BYTES))
        })
        .collect();
    let more = by_path.len().saturating_sub(shown.len());
    let tail = if 0 < more { format!("; and {more} more") } else { String::new() };
    format!("the request is not valid: {}{tail}", shown.join("; "))
}

/// A step of a path; indices sort as numbers.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Step<'a> {
    Index(u64),
    Name(&'a str),
}

fn steps(path: &str) -> Vec<Step<'_>> {
    let steps = path.split(['.', '[', ']']).filter(|step| !step.is_empty());
    steps.map(|step| step.parse().map_or(Step::Name(step), Step::Index)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_sort_as_numbers() {
        let violations = [10, 2, 1, 0].map(|at| Violation {
            field: format!("portfolio.positions[{at}].symbol"),
            description: "is empty".into(),
        });
        assert_eq!(
            sentence(&violations),
            "the request is not valid: portfolio.positions[0].symbol is empty; \
             portfolio.positions[1].symbol is empty; portfolio.positions[2].symbol is empty; \
             and 1 more"
        );
    }
}
