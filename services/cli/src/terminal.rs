//! Where the words go: standard output, in colour only where somebody looks.

use std::io::{self, IsTerminal as _, Write as _};

/// What a piece of text means; a terminal shows it by colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// No colour.
    Plain,
    /// A heading.
    Heading,
    /// A gain, or all is well.
    Good,
    /// A loss, or something is wrong.
    Bad,
    /// Worth a look.
    Warning,
    /// Of less weight: sources, units, notes.
    Faint,
}

/// How to write on an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terminal {
    /// Whether escape sequences are understood and wanted.
    pub(crate) colour: bool,
    /// Characters in a line; none where the output is no terminal.
    pub(crate) columns: Option<usize>,
}

/// Lines of prose where the output is no terminal.
const PROSE_COLUMNS: usize = 100;
/// A terminal that says it is narrower is not believed.
const COLUMNS_MIN: usize = 20;

impl Terminal {
    /// Standard output: coloured on a terminal, unless `NO_COLOR` is set to anything.
    #[expect(clippy::disallowed_methods, reason = "NO_COLOR is a convention of the environment")]
    pub(crate) fn standard() -> Terminal {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let size = terminal_size::terminal_size_of(io::stdout());
        let columns = size.map(|(width, _)| usize::from(width.0).max(COLUMNS_MIN));
        Terminal { colour: io::stdout().is_terminal() && !refused, columns }
    }

    /// No terminal: a file, a pipe, a test.
    pub(crate) const fn plain() -> Terminal {
        Terminal { colour: false, columns: None }
    }

    /// The characters that a line of a table may have.
    pub(crate) const fn width(self) -> Option<usize> {
        self.columns
    }

    /// Lines of prose, broken between words where they are too long, each part indented as its
    /// first.
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

    /// A text in its tone.
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

    /// A heading with a rule as long as it is.
    pub(crate) fn heading(self, text: &str) -> String {
        let rule = "─".repeat(text.chars().count());
        format!("{}\n{}\n", self.paint(Tone::Heading, text), self.paint(Tone::Faint, &rule))
    }
}

/// Writes to standard output. A reader that went away (`| head`) is no fault.
pub(crate) fn say(text: &str) {
    let _reader_gone = is_heard(text);
}

/// Writes to standard output; false where the reader went away.
pub(crate) fn is_heard(text: &str) -> bool {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok()
}

/// Writes a line to standard error.
pub(crate) fn warn(text: &str) {
    let _reader_gone = writeln!(io::stderr().lock(), "{text}");
}
