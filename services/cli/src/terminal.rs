//! Writes to standard output and standard error, with colour only on a terminal.

use std::{
    borrow::Cow,
    io::{self, IsTerminal as _, Write as _},
};

/// The meaning of a piece of text; a terminal shows it by colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// No colour.
    Plain,
    /// A heading.
    Heading,
    /// A gain, or a good state.
    Good,
    /// A loss, or a bad state.
    Bad,
    /// Needs attention.
    Warning,
    /// Of less weight: sources, units, notes.
    Faint,
}

/// Capabilities of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terminal {
    /// Whether escape sequences are understood and wanted.
    pub(crate) colour: bool,
    /// Characters per line; `None` if the output is not a terminal.
    pub(crate) columns: Option<usize>,
}

/// Width of wrapped text if the output is not a terminal.
const PROSE_COLUMNS: usize = 100;
/// Minimum width; a terminal that reports less is ignored.
const COLUMNS_MIN: usize = 20;

impl Terminal {
    /// Standard output: coloured on a terminal, unless `NO_COLOR` is set and not empty.
    #[expect(clippy::disallowed_methods, reason = "NO_COLOR is a convention of the environment")]
    pub(crate) fn standard() -> Terminal {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let size = terminal_size::terminal_size_of(io::stdout());
        let columns = size.map(|(width, _)| usize::from(width.0).max(COLUMNS_MIN));
        Terminal { colour: io::stdout().is_terminal() && !refused, columns }
    }

    /// Plain output without colour or width: a file, a pipe, a test.
    pub(crate) const fn plain() -> Terminal {
        Terminal { colour: false, columns: None }
    }

    /// Maximum number of characters in a line of a table.
    pub(crate) const fn width(self) -> Option<usize> {
        self.columns
    }

    /// Wraps lines of text between words; continuation lines keep the indentation of the first.
    pub(crate) fn wrap(self, text: &str) -> String {
        let width = self.columns.unwrap_or(PROSE_COLUMNS);
        let wrapped = text.split_inclusive('\n').map(|line| {
            let indent = &line[..line.len() - line.trim_start_matches(' ').len()];
            let options = textwrap::Options::new(width)
                .subsequent_indent(indent)
                .break_words(false)
                .word_splitter(textwrap::WordSplitter::NoHyphenation)
                .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit);
            textwrap::fill(line, options)
        });
        wrapped.collect()
    }

    /// A text in the colour of its tone.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Heading => "1",
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Warning => "33",
            Tone::Faint => "2",
        };
        if self.colour && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// A heading, wrapped to the width and underlined to its longest line.
    pub(crate) fn heading(self, text: &str) -> String {
        let text = self.wrap(text);
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap_or_default();
        let rule = "─".repeat(longest);
        format!("{}\n{}\n", self.paint(Tone::Heading, &text), self.paint(Tone::Faint, &rule))
    }
}

/// Writes to standard output. A closed pipe (`| head`) is not an error.
pub(crate) fn say(text: &str) {
    let _reader_gone = is_written(text);
}

/// Writes to standard output; returns false if the reader has closed it.
pub(crate) fn is_written(text: &str) -> bool {
    let mut out = io::stdout().lock();
    let shown = if out.is_terminal() { readable(text) } else { text.into() };
    out.write_all(shown.as_bytes()).and_then(|()| out.flush()).is_ok()
}

/// The text without what turns the direction of the text around it: a label of a file must not reorder
/// the numbers beside it.
fn readable(text: &str) -> Cow<'_, str> {
    match text.contains(turns_text) {
        true => text.replace(turns_text, "\u{fffd}").into(),
        false => text.into(),
    }
}

/// Whether a letter turns the direction of the text around it.
pub(crate) const fn turns_text(letter: char) -> bool {
    matches!(
        letter,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// Writes a line to standard error.
pub(crate) fn warn(text: &str) {
    let mut out = io::stderr().lock();
    let shown = if out.is_terminal() { readable(text) } else { text.into() };
    let _reader_gone = writeln!(out, "{shown}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_does_not_turn_the_text_beside_it() {
        assert_eq!(readable("a\u{202e}b\u{2069} é"), "a\u{fffd}b\u{fffd} é");
        assert!(matches!(readable("plain"), Cow::Borrowed(_)));
    }
}
