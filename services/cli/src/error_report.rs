//! What went wrong, in full: the status, its reason, every violation, when to try again.

use crate::terminal::{Terminal, Tone};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The exit code of something refused or failed; 2 is a wrong command line.
pub(crate) const FAILED: u8 = 1;

/// An error for a person: a status with all it carries, anything else with its chain of causes.
pub(crate) fn explain(error: &anyhow::Error, terminal: Terminal) -> String {
    match error.chain().find_map(|cause| cause.downcast_ref::<Status>()) {
        Some(status) => {
            let outer = error.to_string();
            let own = status.to_string();
            let context = if outer == own { String::new() } else { format!("{outer}\n") };
            format!("{context}{}", explain_status(status, terminal))
        }
        None => {
            let mut out = format!("{} {error}\n", terminal.paint(Tone::Bad, "error:"));
            let mut last = error.to_string();
            for cause in error.chain().skip(1).map(ToString::to_string) {
                // Many errors repeat the words of their cause.
                if !last.contains(&cause) {
                    out.push_str(&format!("  because: {cause}\n"));
                }
                last = cause;
            }
            out
        }
    }
}

fn explain_status(status: &Status, terminal: Terminal) -> String {
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| format!(" ({})", info.reason)).unwrap_or_default();
    let name = terminal.paint(Tone::Bad, &format!("{}{reason}:", code_name(status.code())));
    let mut out = format!("{name} {}\n", status.message());
    for violation in details.bad_request().iter().flat_map(|bad| &bad.field_violations) {
        out.push_str(&format!("  {}: {}\n", violation.field, violation.description));
    }
    // What the server left out is told with the rest of the metadata: `violations_left_out = 70`.
    for (key, value) in details.error_info().iter().flat_map(|info| &info.metadata) {
        out.push_str(&terminal.paint(Tone::Faint, &format!("  {key} = {value}\n")));
    }
    if let Some(delay) = details.retry_info().and_then(|info| info.retry_delay) {
        out.push_str(&format!("  try again in {:.1} s\n", delay.as_secs_f64()));
    } else if let Some(hint) = hint(status.code()) {
        out.push_str(&format!("  {hint}\n"));
    }
    if let Some(request) = details.request_info() {
        out.push_str(&terminal.paint(Tone::Faint, &format!("  request {}\n", request.request_id)));
    }
    out
}

/// What a caller can do about it, where the status alone tells.
fn hint(code: Code) -> Option<&'static str> {
    match code {
        Code::Unavailable => Some("is the server running there? Start one with `ballast serve`"),
        Code::Unimplemented => Some("the server does not offer this; is it an older one?"),
        Code::DeadlineExceeded => Some("the call took too long; a larger --timeout may help"),
        Code::Aborted => Some("somebody else wrote first; the same call may be sent again"),
        Code::ResourceExhausted => Some("the server is at a limit; try again later or send less"),
        _ => None,
    }
}

fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::ErrorDetails;

    #[test]
    fn a_refusal_shows_every_violation_and_its_reason() {
        let mut details = ErrorDetails::new();
        details.add_bad_request_violation("portfolio.positions[3].symbol", "is empty");
        details.add_bad_request_violation("as_of.on", "is no date");
        details.set_error_info(
            "INVALID_REQUEST",
            "ballast.v1",
            [("limit".to_owned(), "2".to_owned())],
        );
        let status = Status::with_error_details(Code::InvalidArgument, "2 violations", details);
        let text = explain(&status.into(), Terminal { colour: false });
        assert!(text.starts_with("INVALID_ARGUMENT (INVALID_REQUEST): 2 violations\n"), "{text}");
        assert!(text.contains("  portfolio.positions[3].symbol: is empty\n"));
        assert!(text.contains("  as_of.on: is no date\n"));
        assert!(text.contains("  limit = 2\n"));
    }

    #[test]
    fn another_error_shows_its_causes() {
        let error = anyhow::anyhow!("no such file").context("book.csv cannot be read");
        let text = explain(&error, Terminal { colour: false });
        assert_eq!(text, "error: book.csv cannot be read\n  because: no such file\n");
    }
}
