//! The content of an answer: text and tables in reading order, printed for a person or one table as
//! CSV.

use crate::{error_report::Fault, show::table::Table, terminal::Terminal};
use anyhow::{Result, bail};

/// The output of a command.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    blocks: Vec<Block>,
}

/// A part of a page.
#[derive(Clone, Debug)]
pub(crate) enum Block {
    /// Lines of text; each is wrapped by itself and keeps its indentation.
    Text(String),
    /// A table and its name.
    Table(String, Table),
    /// A table and its name; people read it with a column per row, programs as it is.
    Turned(String, Table),
}

impl Page {
    /// An empty page.
    pub(crate) const fn new() -> Page {
        Page { blocks: Vec::new() }
    }

    /// Adds text; every line ends with a line feed.
    pub(crate) fn say(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Text(text.into()));
    }

    /// Adds a table under the name that `--csv` selects it by.
    pub(crate) fn table(&mut self, name: impl Into<String>, table: Table) {
        self.blocks.push(Block::Table(name.into(), table));
    }

    /// Adds a table of few rows with many numbers, which people compare side by side.
    pub(crate) fn side_by_side(&mut self, name: impl Into<String>, table: Table) {
        self.blocks.push(Block::Turned(name.into(), table));
    }

    /// The parts in reading order.
    pub(crate) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The page for a person.
    pub(crate) fn render(&self, terminal: Terminal) -> String {
        let block = |block: &Block| match block {
            Block::Text(text) => terminal.wrap(text),
            Block::Table(_, table) => table.render(terminal),
            Block::Turned(_, table) => table.turned().render(terminal),
        };
        self.blocks.iter().map(block).collect()
    }

    /// One table as CSV: the one of that name, or the first if the name is empty.
    ///
    /// # Errors
    /// If there is no such table; the error lists the names of the available ones.
    pub(crate) fn csv(&self, name: &str) -> Result<String> {
        let mut names = Vec::new();
        for block in &self.blocks {
            let (Block::Table(known, table) | Block::Turned(known, table)) = block else {
                continue;
            };
            if name.is_empty() || known == name {
                return Ok(table.csv());
            }
            names.push(known.as_str());
        }
        match names.as_slice() {
            [] => bail!("this answer has no table"),
            names => bail!(Fault::Usage(format!(
                "there is no table {name:?}; available tables: {}",
                names.join(", ")
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_found_by_name_and_a_wrong_name_lists_them() {
        let mut page = Page::new();
        assert!(page.csv("").is_err());
        page.say("Before.\n");
        let mut sizes = Table::new(&["size", ">net"]);
        sizes.row(["mega".into(), "1".into()]);
        page.table("sizes", sizes);
        page.table("sectors", Table::new(&["sector"]));
        assert_eq!(page.csv("").unwrap(), "size,net\nmega,1\n");
        assert_eq!(page.csv("sectors").unwrap(), "sector\n");
        let refused = page.csv("betas").unwrap_err().to_string();
        assert_eq!(refused, "there is no table \"betas\"; available tables: sizes, sectors");
        let text = page.render(Terminal::plain());
        assert!(text.starts_with("Before.\n  size  net\n"), "{text}");
    }
}
