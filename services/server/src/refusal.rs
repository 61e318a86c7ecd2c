//! Why a call gets no answer: one variant per cause, whatever asked. `rpc/status.rs` says how each is told.

use crate::{as_of::Pin, excerpt::excerpt, limits, upload::UploadFault};
use portfolio::lines::Violation;
use std::collections::BTreeMap;
use store::StoreError;

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
    /// No message where the method takes one.
    #[error("the request holds no message, and this method takes one")]
    NoMessage,
    /// A message that says it is compressed and not how. The protocol asks for INTERNAL.
    #[error("the Compressed-Flag of a message is set and the call has no grpc-encoding")]
    CompressedFlag,
    /// The request arrives too slowly.
    #[error(
        "the request stalled: it may be silent for {idle_ms} ms, and must bring {bytes_per_s} bytes \
         a second beyond that"
    )]
    RequestStalled {
        /// How long it may be silent, milliseconds.
        idle_ms: u64,
        /// What it must bring, bytes a second.
        bytes_per_s: u64,
    },
    /// The caller left before its request was whole.
    #[error("the caller left before its request was whole")]
    CallerGone,
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

/// Violations as a sentence: the first three by path, and how many more there are.
fn in_words(violations: &[Violation]) -> String {
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

/// A step of a path; indices are in the order of numbers.
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
    fn a_sentence_counts_positions_as_numbers() {
        let violations = [10, 2, 1, 0].map(|at| Violation {
            field: format!("portfolio.positions[{at}].symbol"),
            description: "is empty".into(),
        });
        assert_eq!(
            in_words(&violations),
            "the request is not valid: portfolio.positions[0].symbol is empty; \
             portfolio.positions[1].symbol is empty; portfolio.positions[2].symbol is empty; \
             and 1 more"
        );
    }
}
