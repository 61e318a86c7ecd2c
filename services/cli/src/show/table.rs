//! Tables: columns as wide as their widest cell, numbers right-aligned, two spaces between columns.
//!
//! A table that is wider than the terminal first shortens texts (they end in `…`), then drops its
//! last columns, and says so. CSV output is complete, and its numbers are raw: unrounded, without
//! unit or currency sign.

use crate::terminal::{Terminal, Tone};

/// Minimum width to which a text column is shortened.
const WORDS_MIN: usize = 12;
/// Spaces before each line, and between columns.
const INDENT: usize = 2;
const BETWEEN: usize = 2;

/// One field of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
    /// The raw value that CSV shows instead of the text.
    value: Option<String>,
}

impl Cell {
    /// A text without colour.
    pub(crate) fn plain(text: impl Into<String>) -> Cell {
        Cell::toned(Tone::Plain, text)
    }

    /// A text in a tone.
    pub(crate) fn toned(tone: Tone, text: impl Into<String>) -> Cell {
        Cell { text: text.into(), tone, value: None }
    }

    /// A text of less weight.
    pub(crate) fn faint(text: impl Into<String>) -> Cell {
        Cell::toned(Tone::Faint, text)
    }

    /// Sets the number that CSV shows for this cell.
    pub(crate) fn of(mut self, number: f64) -> Cell {
        self.value = Some(number.to_string());
        self
    }

    /// What a person reads.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What the text means.
    pub(crate) const fn tone(&self) -> Tone {
        self.tone
    }

    /// The number behind the text, unrounded. Absent: a text, or no number is known.
    pub(crate) fn value(&self) -> Option<&str> {
        self.value.as_deref().filter(|value| !value.is_empty())
    }

    /// Leaves this cell empty in CSV.
    pub(crate) fn of_nothing(mut self) -> Cell {
        self.value = Some(String::new());
        self
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::plain(text)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::plain(text)
    }
}

/// Alignment of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// For text.
    Left,
    /// For numbers.
    Right,
}

/// Rows under a header.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    columns: Vec<(String, Side)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty table. A header that begins with `>` marks a column of numbers.
    pub(crate) fn new(headers: &[&str]) -> Table {
        let column = |header: &&str| match header.strip_prefix('>') {
            Some(name) => (name.to_owned(), Side::Right),
            None => ((*header).to_owned(), Side::Left),
        };
        Table { columns: headers.iter().map(column).collect(), rows: Vec::new() }
    }

    /// Adds a row; missing cells are empty, surplus cells are dropped.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let mut cells: Vec<Cell> = cells.into_iter().take(self.columns.len()).collect();
        cells.resize(self.columns.len(), Cell::plain(""));
        self.rows.push(cells);
    }

    /// The headers with their alignment.
    pub(crate) fn columns(&self) -> &[(String, Side)] {
        &self.columns
    }

    /// The rows, each with a cell per column.
    pub(crate) fn rows(&self) -> &[Vec<Cell>] {
        &self.rows
    }

    /// The same cells with a column for each row: for few rows with many numbers, which people
    /// compare side by side. The first column becomes the header.
    pub(crate) fn turned(&self) -> Table {
        let columns = self.columns.first().cloned().into_iter();
        let names = self.rows.iter().map(|row| (row[0].text.clone(), Side::Right));
        let row = |(at, (header, _)): (usize, &(String, Side))| {
            let cells = self.rows.iter().map(|row| row[at].clone());
            std::iter::once(Cell::plain(header.as_str())).chain(cells).collect()
        };
        Table {
            columns: columns.chain(names).collect(),
            rows: self.columns.iter().enumerate().skip(1).map(row).collect(),
        }
    }

    /// Whether the table has no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text, at most as wide as the terminal; every line ends with a line feed.
    pub(crate) fn render(&self, terminal: Terminal) -> String {
        let widths = self.fitted(terminal.width());
        let mut out = String::new();
        let header: Vec<Cell> =
            self.columns.iter().map(|(name, _)| Cell::faint(name.clone())).collect();
        for row in std::iter::once(&header).chain(&self.rows) {
            let mut line = String::new();
            for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let shown = cut(&cell.text, *width);
                let blanks = " ".repeat(width - shown.chars().count());
                let text = terminal.paint(cell.tone, &shown);
                let last = at + 1 == widths.len();
                match self.columns[at].1 {
                    Side::Right => line.extend([&blanks, &text].map(String::as_str)),
                    Side::Left if last => line.push_str(&text),
                    Side::Left => line.extend([&text, &blanks].map(String::as_str)),
                }
                if !last {
                    line.push_str(&" ".repeat(BETWEEN));
                }
            }
            out.push_str(&" ".repeat(INDENT));
            out.push_str(line.trim_end());
            out.push('\n');
        }
        let left_out = self.columns.len() - widths.len();
        if 0 < left_out {
            let columns = if left_out == 1 { "column" } else { "columns" };
            let note = format!("  {left_out} more {columns} in a wider terminal, or with --csv\n");
            out.push_str(&terminal.paint(Tone::Faint, &note));
        }
        out
    }

    /// The whole table as CSV; each column name is one word.
    pub(crate) fn csv(&self) -> String {
        let mut out = String::new();
        let mut line = |fields: &mut dyn Iterator<Item = String>| {
            out.push_str(&fields.collect::<Vec<String>>().join(","));
            out.push('\n');
        };
        line(&mut self.names().into_iter());
        for row in &self.rows {
            line(&mut row.iter().map(|cell| match &cell.value {
                Some(value) => value.clone(),
                None => tables::export::field(&cell.text),
            }));
        }
        out
    }

    /// Column names for programs: lower case, words joined by underscores, each name unique.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (header, _) in &self.columns {
            let letters = header.replace('&', "n").to_lowercase();
            let words = letters.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
            let name = words.collect::<Vec<&str>>().join("_");
            let name = if name.is_empty() { "rank".to_owned() } else { name };
            let same = names.iter().filter(|known| **known == name).count();
            // An error column is named after the column it belongs to.
            names.push(match (same, names.last()) {
                (0, _) | (_, None) => name,
                (_, Some(before)) => format!("{before}_{name}"),
            });
        }
        names
    }

    /// The widths of the columns that fit.
    fn fitted(&self, most: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<usize> = (0..self.columns.len()).map(|at| self.width(at)).collect();
        let Some(most) = most else { return widths };
        let total = |widths: &[usize]| {
            INDENT + widths.iter().sum::<usize>() + BETWEEN * widths.len().saturating_sub(1)
        };
        while most < total(&widths) {
            let words = widths
                .iter()
                .enumerate()
                .filter(|(at, width)| self.columns[*at].1 == Side::Left && WORDS_MIN < **width);
            match words.max_by_key(|(_, width)| **width).map(|(at, _)| at) {
                Some(at) => widths[at] -= 1,
                None if 1 < widths.len() => {
                    widths.pop();
                }
                None => break,
            }
        }
        widths
    }

    fn width(&self, at: usize) -> usize {
        let cells = self.rows.iter().map(|row| row[at].text.chars().count());
        cells.chain([self.columns[at].0.chars().count()]).max().unwrap_or(0)
    }
}

/// Cuts a text to at most `width` characters; a cut text ends in `…`.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moves() -> Table {
        let mut table = Table::new(&["name", ">move", "note"]);
        let gain = Cell::toned(Tone::Good, "+3.60 %").of(0.036);
        table.row(["Russell 2000".into(), gain, "index, of the small".into()]);
        table.row(["Dow".into(), "+10.00 %".into()]);
        table
    }

    #[test]
    fn texts_align_left_and_numbers_right() {
        let text = moves().render(Terminal::plain());
        let expected = "  name              move  note\n  \
                          Russell 2000   +3.60 %  index, of the small\n  \
                          Dow           +10.00 %\n";
        assert_eq!(text, expected);
        let coloured = moves().render(Terminal { colour: true, columns: None });
        assert!(coloured.contains("\x1b[32m+3.60 %\x1b[0m"));
    }

    #[test]
    fn a_narrow_terminal_cuts_words_then_columns() {
        let at = |columns| moves().render(Terminal { colour: false, columns: Some(columns) });
        assert!(at(45).contains("index, of the small"), "{}", at(45));
        assert!(at(40).contains("  Russell 2000   +3.60 %  index, of the…\n"), "{}", at(40));
        assert!(at(30).ends_with("  1 more column in a wider terminal, or with --csv\n"));
        for columns in [45, 40, 30] {
            let table = at(columns);
            let rows = table.lines().filter(|line| !line.contains("--csv"));
            assert!(rows.clone().all(|line| line.chars().count() <= columns), "{table}");
        }
        assert!(at(1).starts_with("  name\n"), "one column stays");
    }

    #[test]
    fn a_turned_table_has_a_column_per_row() {
        let expected = "  name         Russell 2000       Dow\n  \
                        move              +3.60 %  +10.00 %\n  \
                        note  index, of the small\n";
        let text = moves().turned().render(Terminal::plain());
        assert_eq!(text, expected);
        assert_eq!(moves().turned().rows()[0][1].value(), Some("0.036"));
    }

    #[test]
    fn csv_holds_raw_numbers() {
        let csv = "name,move,note\nRussell 2000,0.036,\"index, of the small\"\nDow,'+10.00 %,\n";
        assert_eq!(moves().csv(), csv);
        let beta =
            Table::new(&[">#", "beta to", ">names", ">± error", ">book", ">± error", ">P&L"]);
        assert_eq!(beta.csv(), "rank,beta_to,names,error,book,book_error,pnl\n");
    }
}
