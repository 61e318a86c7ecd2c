//! What is wrong with a row, and how the text that was found is shown.

use crate::reason::Reason;
use marketdata::{day::Day, symbol::InvalidSymbol};

/// What is wrong with a row while it is read. The line number is added by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Why the row is left out.
    pub reason: Reason,
    /// A short description of what was found.
    pub text: String,
}

impl Fault {
    /// A fault with this description. Control characters are replaced: a description may name the
    /// line by an identifier that nobody has checked yet.
    pub fn new(reason: Reason, text: impl Into<String>) -> Fault {
        let text: String = text.into();
        let text = if text.contains(char::is_control) {
            text.chars().map(readable).collect()
        } else {
            text
        };
        Fault { reason, text }
    }

    /// A fault in a named field, with an excerpt of its text.
    pub fn of(reason: Reason, field: &str, found: &[u8]) -> Fault {
        Fault::new(reason, format!("{field} is {:?}", excerpt(found)))
    }

    /// The fault of a line on which a quoted field is not closed.
    pub fn open_quote(number: u64, line: &[u8]) -> Fault {
        let text = format!(
            "line {number} opens a quoted field and does not close it; put the field on one line: {:?}",
            excerpt(line)
        );
        Fault::new(Reason::Quotes, text)
    }

    /// The fault of a text that is not a symbol.
    pub fn symbol(error: InvalidSymbol, found: &[u8]) -> Fault {
        Fault::new(Reason::BadSymbol, format!("{error}: {:?}", excerpt(found)))
    }

    /// The fault of a day that was not over when the file was received.
    pub fn future(day: Day) -> Fault {
        Fault::new(Reason::FutureDate, day.to_string())
    }
}

fn readable(character: char) -> char {
    if character.is_control() { char::REPLACEMENT_CHARACTER } else { character }
}

/// The beginning of a text, with control characters replaced so that it is safe to print.
pub fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(160)]);
    let mut short: String = text.trim().chars().take(120).map(readable).collect();
    if short.len() < text.trim().len() || 160 < bytes.len() {
        short.push('…');
    }
    short
}
