//! Small rows as one JSON array: how many of them reach SQLite in one statement.

use std::fmt::Write;

/// A JSON array of what `item` appends for each value.
pub(crate) fn array<T>(values: &[T], item: impl Fn(&mut String, &T)) -> String {
    let mut json = String::with_capacity(values.len() * 40 + 2);
    json.push('[');
    for (index, value) in values.iter().enumerate() {
        if 0 < index {
            json.push(',');
        }
        item(&mut json, value);
    }
    json.push(']');
    json
}

/// Appends a JSON string.
pub(crate) fn string(json: &mut String, text: &str) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            control if control < ' ' => {
                // Writing to a String cannot fail.
                let _ = write!(json, "\\u{:04x}", u32::from(control));
            }
            other => json.push(other),
        }
    }
    json.push('"');
}
