//! Errors in full: the status, its reason, every violation and when to retry; and the exit code for
//! scripts.

use crate::terminal::{Terminal, Tone};
use serde_json::{Value, json};
use server::{admin::AdminError, call::code_name::code_name};
use tonic::{Code, Status};
use tonic_types::{FieldViolation, StatusExt as _};

/// The exit codes, for `--help` and the README.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed for a reason not below; a store with faults; a server that does not serve
  2  wrong command line
  3  refused: the input or the request is not valid, or the caller has no permission
  4  not found: no such instrument, indicator or revision
  5  no server, or no answer in time; the same call may succeed later
  6  incomplete: more of the book than --fail-on-gaps allows lacks data of its own";

/// Failed for a reason without an exit code of its own.
pub(crate) const FAILED: u8 = 1;
/// The command line is wrong; the parser of arguments uses the same code.
const USAGE: u8 = 2;
/// The input or the request is not valid.
const REFUSED: u8 = 3;
/// The instrument, indicator or revision does not exist.
const NOT_FOUND: u8 = 4;
/// No server, or no answer in time.
const UNREACHABLE: u8 = 5;
/// The answer covers less data than the caller requires.
const INCOMPLETE: u8 = 6;

/// Failures with an exit code of their own that no server status stands for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// An argument says nothing that the command understands.
    #[error("{0}")]
    Usage(String),
    /// A file of the caller cannot be used.
    #[error("{0}")]
    Input(String),
    /// The answer was printed, but lacks more data than the caller accepts.
    #[error("one row of coverage lacks data of its own for {:.1} % of gross, --fail-on-gaps allows {:.1} %", 100.0 * .lacking, 100.0 * .most)]
    Incomplete {
        /// Share of gross, 0 to 1.
        lacking: f64,
        /// The largest share the caller accepts, 0 to 1.
        most: f64,
    },
}

/// What a script can know of a failure: the exit code, and the code and the reason of a status, also
/// where no server was asked.
#[derive(Clone, Copy)]
struct Class(u8, Code, &'static str);

/// The exit code of an error.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    match status_of(error) {
        Some(status) if reason(status).as_deref() == Some(REVISION_UNKNOWN) => NOT_FOUND,
        Some(status) => code_of_status(status.code()),
        None => class(error).0,
    }
}

/// The status of a server behind an error.
fn status_of(error: &anyhow::Error) -> Option<&Status> {
    error.chain().find_map(|cause| cause.downcast_ref())
}

fn reason(status: &Status) -> Option<String> {
    status.get_details_error_info().map(|info| info.reason)
}

/// The reason for a revision that the log does not have.
const REVISION_UNKNOWN: &str = "REVISION_UNKNOWN";

/// The class of an error that is no status of a server.
fn class(error: &anyhow::Error) -> Class {
    error.chain().find_map(class_of).unwrap_or(Class(FAILED, Code::Unknown, "FAILED"))
}

fn class_of(cause: &(dyn std::error::Error + 'static)) -> Option<Class> {
    if let Some(fault) = cause.downcast_ref::<Fault>() {
        return Some(match fault {
            Fault::Usage(_) => Class(USAGE, Code::InvalidArgument, "USAGE"),
            Fault::Input(_) => Class(REFUSED, Code::InvalidArgument, "INVALID_INPUT"),
            Fault::Incomplete { .. } => Class(INCOMPLETE, Code::FailedPrecondition, "INCOMPLETE"),
        });
    }
    if cause.is::<tables::refusal::Refusal>() {
        return Some(Class(REFUSED, Code::InvalidArgument, "FILE_REFUSED"));
    }
    match cause.downcast_ref::<AdminError>() {
        Some(AdminError::UnknownSymbol(_)) => {
            return Some(Class(NOT_FOUND, Code::NotFound, "UNKNOWN_INSTRUMENT"));
        }
        Some(AdminError::RevisionUnknown { .. }) => {
            return Some(Class(NOT_FOUND, Code::FailedPrecondition, REVISION_UNKNOWN));
        }
        Some(AdminError::Store(_) | AdminError::Output(_)) | None => {}
    }
    let is_transport = cause.is::<tonic::transport::Error>();
    is_transport.then_some(Class(UNREACHABLE, Code::Unavailable, "NO_SERVER"))
}

const fn code_of_status(code: Code) -> u8 {
    match code {
        Code::InvalidArgument
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::Unauthenticated => REFUSED,
        Code::NotFound => NOT_FOUND,
        Code::Unavailable
        | Code::DeadlineExceeded
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::Cancelled => UNREACHABLE,
        Code::Ok | Code::Unknown | Code::Unimplemented | Code::Internal | Code::DataLoss => FAILED,
    }
}

/// An error for a program: one object on one line.
pub(crate) fn as_json(error: &anyhow::Error) -> String {
    let mut report = json!({ "exitCode": exit_code(error) });
    match status_of(error) {
        Some(status) => add_status(&mut report, status),
        None => {
            let Class(_, code, reason) = class(error);
            report["code"] = code_name(code).into();
            report["reason"] = reason.into();
            report["violations"] = json!([]);
            let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
            report["message"] = error.to_string().into();
            report["causes"] = causes.into();
        }
    }
    format!("{}\n", json!({ "error": report }))
}

fn add_status(report: &mut Value, status: &Status) {
    let details = status.get_error_details();
    report["code"] = code_name(status.code()).into();
    report["message"] = status.message().into();
    if let Some(info) = details.error_info() {
        report["reason"] = info.reason.as_str().into();
        report["metadata"] = json!(info.metadata);
    }
    let violations = details.bad_request().map_or(&[][..], |bad| &bad.field_violations);
    let violation = |v: &FieldViolation| json!({ "field": v.field, "description": v.description });
    report["violations"] = violations.iter().map(violation).collect();
    if let Some(delay) = details.retry_info().and_then(|info| info.retry_delay) {
        report["retryAfterSeconds"] = delay.as_secs_f64().into();
    }
    if let Some(request) = details.request_info() {
        report["requestId"] = request.request_id.as_str().into();
    }
}

/// An error for a person: a status in full, anything else with its chain of causes.
pub(crate) fn explain(error: &anyhow::Error, terminal: Terminal) -> String {
    match status_of(error) {
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
                // Many errors repeat their cause's text.
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
    // The metadata include the number of violations that the server left out:
    // `violations_left_out = 70`.
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

/// What the caller can do, if the status code alone shows it.
fn hint(code: Code) -> Option<&'static str> {
    match code {
        Code::Unavailable => Some("is the server running there? Start one with `ballast serve`"),
        Code::Unimplemented => Some("the server does not support this; is it an older version?"),
        Code::DeadlineExceeded => Some("the call took too long; a larger --timeout may help"),
        Code::Aborted => Some("another writer committed first; send the same call again"),
        Code::ResourceExhausted => Some("the server is at a limit; try again later or send less"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::ErrorDetails;

    #[test]
    fn a_refusal_shows_every_violation_and_its_reason() {
        let mut details = ErrorDetails::new();
        details.add_bad_request_violation("portfolio.positions[3].symbol", "must not be empty");
        details.add_bad_request_violation("as_of.on", "is not a date");
        details.set_error_info(
            "INVALID_REQUEST",
            "ballast",
            [("limit".to_owned(), "2".to_owned())],
        );
        let status = Status::with_error_details(Code::InvalidArgument, "2 violations", details);
        let text = explain(&status.into(), Terminal::plain());
        assert!(text.starts_with("INVALID_ARGUMENT (INVALID_REQUEST): 2 violations\n"), "{text}");
        assert!(text.contains("  portfolio.positions[3].symbol: must not be empty\n"));
        assert!(text.contains("  as_of.on: is not a date\n"));
        assert!(text.contains("  limit = 2\n"));
    }

    #[test]
    fn a_program_gets_one_object_and_a_code() {
        let mut details = ErrorDetails::new();
        details.add_bad_request_violation("as_of.on", "is not a date");
        let status = Status::with_error_details(Code::InvalidArgument, "1 violation", details);
        let report: Value = serde_json::from_str(&as_json(&status.into())).unwrap();
        let error = &report["error"];
        assert_eq!((&error["code"], &error["exitCode"]), (&"INVALID_ARGUMENT".into(), &3.into()));
        assert_eq!(error["violations"][0]["field"], "as_of.on");
        let lost = anyhow::anyhow!("no such file").context("book.csv cannot be read");
        let report: Value = serde_json::from_str(&as_json(&lost)).unwrap();
        assert_eq!(report["error"]["causes"], json!(["no such file"]));
        assert_eq!(report["error"]["reason"], "FAILED");
        let unknown = AdminError::UnknownSymbol("NOBODY".to_owned());
        let unknown = anyhow::Error::from(unknown).context("cannot export");
        let report: Value = serde_json::from_str(&as_json(&unknown)).unwrap();
        let expected = json!({
            "exitCode": 4,
            "code": "NOT_FOUND",
            "reason": "UNKNOWN_INSTRUMENT",
            "message": "cannot export",
            "violations": [],
            "causes": ["unknown instrument \"NOBODY\""],
        });
        assert_eq!(report["error"], expected);
    }

    #[test]
    fn each_kind_of_failure_has_its_code() {
        let of = |code| exit_code(&Status::new(code, "").into());
        assert_eq!(of(Code::InvalidArgument), 3);
        assert_eq!(of(Code::NotFound), 4);
        assert_eq!(of(Code::Unavailable), 5);
        assert_eq!(of(Code::Internal), 1);
        let input = anyhow::Error::from(Fault::Input("2 lines".to_owned())).context("book.csv");
        assert_eq!(exit_code(&input), 3, "also with context added");
        assert_eq!(exit_code(&Fault::Usage("--as-of".to_owned()).into()), 2);
        let unknown = AdminError::RevisionUnknown { asked: 9, head: 2 };
        assert_eq!(exit_code(&anyhow::Error::from(unknown).context("export")), 4);
        let details = ErrorDetails::with_error_info("REVISION_UNKNOWN", "ballast", []);
        let status = Status::with_error_details(Code::FailedPrecondition, "", details);
        assert_eq!(exit_code(&status.into()), 4, "as without a server");
        assert_eq!(exit_code(&Fault::Incomplete { lacking: 0.2, most: 0.1 }.into()), 6);
        assert_eq!(exit_code(&anyhow::anyhow!("anything")), FAILED);
    }

    #[test]
    fn another_error_shows_its_causes() {
        let error = anyhow::anyhow!("no such file").context("book.csv cannot be read");
        let text = explain(&error, Terminal::plain());
        assert_eq!(text, "error: book.csv cannot be read\n  because: no such file\n");
    }
}
