//! How answers are printed.

use crate::{json, show::page::Page, terminal::Terminal};
use anyhow::Result;
use prost::Message;

/// Output format of answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output<'a> {
    /// As JSON.
    pub(crate) json: bool,
    /// As CSV: the table of this name, or the first one if the name is empty.
    pub(crate) csv: Option<&'a str>,
    /// Otherwise as tables for this terminal.
    pub(crate) terminal: Terminal,
}

impl Output<'_> {
    /// An answer in the requested format; `name` is its message name, `page` formats it for a
    /// person.
    ///
    /// # Errors
    /// If the answer has no table of the requested name.
    pub(crate) fn text<M: Message>(
        self,
        name: &str,
        answer: &M,
        page: impl FnOnce(Terminal) -> Page,
    ) -> Result<String> {
        match self.csv {
            _ if self.json => json::of(name, answer),
            Some(table) => page(Terminal::plain()).csv(table),
            None => Ok(page(self.terminal).render(self.terminal)),
        }
    }
}
