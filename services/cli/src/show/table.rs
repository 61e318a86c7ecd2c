//! Tables: columns as wide as their widest cell, numbers to the right, two blanks between.

use crate::terminal::{Terminal, Tone};

/// One field of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A text without colour.
    pub(crate) fn plain(text: impl Into<String>) -> Cell {
        Cell::toned(Tone::Plain, text)
    }

    /// A text in a tone.
    pub(crate) fn toned(tone: Tone, text: impl Into<String>) -> Cell {
        Cell { text: text.into(), tone }
    }

    /// A text of less weight.
    pub(crate) fn faint(text: impl Into<String>) -> Cell {
        Cell::toned(Tone::Faint, text)
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

/// Which side a column leans to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows under a header.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    columns: Vec<(String, Side)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty table. A header that begins with `>` is of a column of numbers.
    pub(crate) fn new(headers: &[&str]) -> Table {
        let column = |header: &&str| match header.strip_prefix('>') {
            Some(name) => (name.to_owned(), Side::Right),
            None => ((*header).to_owned(), Side::Left),
        };
        Table { columns: headers.iter().map(column).collect(), rows: Vec::new() }
    }

    /// Adds a row; cells that are missing are empty, more than there are columns are dropped.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let mut cells: Vec<Cell> = cells.into_iter().take(self.columns.len()).collect();
        cells.resize(self.columns.len(), Cell::plain(""));
        self.rows.push(cells);
    }

    /// Whether there is no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The text, every line ended.
    pub(crate) fn render(&self, terminal: Terminal) -> String {
        let widths: Vec<usize> = (0..self.columns.len()).map(|at| self.width(at)).collect();
        let mut out = String::new();
        let header: Vec<Cell> =
            self.columns.iter().map(|(name, _)| Cell::faint(name.clone())).collect();
        for row in std::iter::once(&header).chain(&self.rows) {
            let mut line = String::new();
            for (at, cell) in row.iter().enumerate() {
                let blanks = " ".repeat(widths[at] - cell.text.chars().count());
                let text = terminal.paint(cell.tone, &cell.text);
                let last = at + 1 == row.len();
                match self.columns[at].1 {
                    Side::Right => line.extend([&blanks, &text].map(String::as_str)),
                    Side::Left if last => line.push_str(&text),
                    Side::Left => line.extend([&text, &blanks].map(String::as_str)),
                }
                if !last {
                    line.push_str("  ");
                }
            }
            out.push_str("  ");
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }

    fn width(&self, at: usize) -> usize {
        let cells = self.rows.iter().map(|row| row[at].text.chars().count());
        cells.chain([self.columns[at].0.chars().count()]).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lean_left_and_numbers_right() {
        let mut table = Table::new(&["name", ">move", "note"]);
        table.row(["Russell 2000".into(), Cell::toned(Tone::Good, "+3.60 %"), "index".into()]);
        table.row(["Dow".into(), "+10.00 %".into()]);
        let text = table.render(Terminal { colour: false });
        let expected = "  name              move  note\n  \
                          Russell 2000   +3.60 %  index\n  \
                          Dow           +10.00 %\n";
        assert_eq!(text, expected);
        let coloured = table.render(Terminal { colour: true });
        assert!(coloured.contains("\x1b[32m+3.60 %\x1b[0m"));
    }
}
