//! Writes texts to CSV files that people open in a spreadsheet, and reads them back.
//!
//! A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@` as a formula (OWASP, "CSV
//! Injection"). Such a text is written with a leading apostrophe, which a spreadsheet does not show
//! and every reader of this crate removes. A text that begins with an apostrophe gets another one,
//! so that reading restores what was written. Numbers are not texts: −5 stays a number.
//!
//! Control characters (an escape sequence that controls a terminal, a line feed that ends a row)
//! are written as U+FFFD. The readers refuse them in texts, so a store has none.

/// First characters of a cell that a spreadsheet, or our own reader, would not treat as plain text.
const PROTECTED: &[u8] = b"=+-@'";

/// A text as a field of a CSV file.
pub fn field(text: &str) -> String {
    let starts = text.bytes().next();
    let guard = if starts.is_some_and(|byte| PROTECTED.contains(&byte)) { "'" } else { "" };
    let shown: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if shown.contains([',', '"']) {
        format!("\"{guard}{}\"", shown.replace('"', "\"\""))
    } else {
        format!("{guard}{shown}")
    }
}

/// A field without the apostrophe that protects it.
pub fn unprotected(field: &[u8]) -> &[u8] {
    match field {
        [b'\'', rest @ ..] if rest.first().is_some_and(|byte| PROTECTED.contains(byte)) => rest,
        field => field,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::FieldSplitter;
    use proptest::prelude::*;

    #[test]
    fn a_formula_becomes_a_text_and_an_escape_sequence_is_not_written() {
        for (text, written) in [
            ("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("'=1", "''=1"),
            ("Apple Inc.", "Apple Inc."),
            ("^RUT", "^RUT"),
            ("\u{1b}[31mred\u{9b}", "\u{fffd}[31mred\u{fffd}"),
        ] {
            assert_eq!(field(text), written);
        }
    }

    proptest! {
        /// Every text that a reader may have stored is read back unchanged.
        #[test]
        fn written_texts_are_read_back_unchanged(text in "[=+@'\"a-z, |é-]{1,12}") {
            let text = text.trim();
            let line = format!("{},2", field(text));
            let mut splitter = FieldSplitter::new(b',');
            let row = splitter.split(line.as_bytes()).unwrap();
            prop_assert_eq!((row.len(), row.text(Some(0))), (2, text.to_owned()));
        }
    }
}
