//! The header line: the columns of a file and the aliases by which they are found.

use crate::row::FieldSplitter;

/// The names of a header, compared without case, blanks and underscores.
#[derive(Debug)]
pub struct Header {
    names: Vec<String>,
    original: Vec<String>,
}

/// A column's usual name, followed by its aliases. A trailing star matches any ending.
pub type Column = &'static [&'static str];

/// Limit of columns in a header, because every name is compared with every known alias.
const COLUMNS: usize = 512;

fn squeeze(name: &str) -> String {
    let kept = name.chars().filter(|c| !matches!(c, ' ' | '_' | '\u{a0}' | '\u{feff}'));
    kept.collect::<String>().to_ascii_lowercase()
}

impl Header {
    /// Parses a header line; `None` if a quotation mark is not closed, or if it has more columns
    /// than any known header.
    pub fn new(line: &[u8], delimiter: u8) -> Option<Header> {
        let mut splitter = FieldSplitter::new(delimiter);
        let row = splitter.split(line).filter(|row| row.len() <= COLUMNS)?;
        let original: Vec<String> = (0..row.len()).map(|column| row.text(Some(column))).collect();
        Some(Header { names: original.iter().map(|name| squeeze(name)).collect(), original })
    }

    /// Index of a column, found by its first alias that matches.
    pub fn find(&self, column: Column) -> Option<usize> {
        column.iter().find_map(|alias| {
            let alias = squeeze(alias);
            self.names.iter().position(|name| match alias.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => *name == alias,
            })
        })
    }

    /// Whether every column is one of some, by any of its aliases.
    pub fn has_only(&self, columns: &[Column]) -> bool {
        let known: Vec<String> = columns.iter().copied().flatten().map(|a| squeeze(a)).collect();
        self.names.iter().all(|name| known.contains(name))
    }

    /// A column's name as the file writes it.
    pub fn name(&self, column: usize) -> &str {
        self.original.get(column).map_or("", String::as_str)
    }

    /// Number of columns.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are no columns, which cannot happen for a parsed line.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}
