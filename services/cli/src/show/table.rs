//! Tables: columns as wide as their widest cell, numbers to the right, two blanks between.
//!
//! A table that is wider than the terminal loses words first (long texts end in `…`), then its last
//! columns, and says so. As CSV nothing is lost, and numbers are as they came: unrounded, without
//! unit or sign of a currency.

use crate::terminal::{Terminal, Tone};

/// A column of words is not cut shorter than this.
const WORDS_MIN: usize = 12;
/// Blanks before each line, and between columns.
const INDENT: usize = 2;
const BETWEEN: usize = 2;

/// One field of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
    /// What CSV holds instead of the text.
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

    /// The same cell, standing for a number.
    pub(crate) fn of(mut self, number: f64) -> Cell {
        self.value = Some(number.to_string());
        self
    }

    /// The same cell, standing for nothing: CSV leaves it empty.
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

    /// The text, every line ended, as wide as the terminal at most.
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
            let note = format!("  {left_out} {columns} more in a wider terminal, or with --csv\n");
            out.push_str(&terminal.paint(Tone::Faint, &note));
        }
        out
    }

    /// The whole table as CSV, under names of one word a column.
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

    /// The columns for a program: lower case, words joined by underscores, each name once.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (header, _) in &self.columns {
            let letters = header.replace('&', "n").to_lowercase();
            let words = letters.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
            let name = words.collect::<Vec<&str>>().join("_");
            let name = if name.is_empty() { "rank".to_owned() } else { name };
            let same = names.iter().filter(|known| **known == name).count();
            // Errors stand behind what they are the errors of.
            names.push(match (same, names.last()) {
                (0, _) | (_, None) => name,
                (_, Some(before)) => format!("{before}_{name}"),
            });
        }
        names
    }

    /// The width of each column that is shown.
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

/// A text of at most so many characters; one that is cut ends in `…`.
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
    fn words_lean_left_and_numbers_right() {
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
        assert!(at(30).ends_with("  1 column more in a wider terminal, or with --csv\n"));
        for columns in [45, 40, 30] {
            let table = at(columns);
            let rows = table.lines().filter(|line| !line.contains("--csv"));
            assert!(rows.clone().all(|line| line.chars().count() <= columns), "{table}");
        }
        assert!(at(1).starts_with("  name\n"), "one column stays");
    }

    #[test]
    fn csv_holds_numbers_as_they_came() {
        let csv = "name,move,note\nRussell 2000,0.036,\"index, of the small\"\nDow,'+10.00 %,\n";
        assert_eq!(moves().csv(), csv);
        let beta =
            Table::new(&[">#", "beta to", ">names", ">± error", ">book", ">± error", ">P&L"]);
        assert_eq!(beta.csv(), "rank,beta_to,names,error,book,book_error,pnl\n");
    }
}
