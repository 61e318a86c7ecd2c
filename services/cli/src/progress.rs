//! A bar on standard error while a file is sent.

use crate::show::number;
use std::io::{IsTerminal as _, Write as _};

/// A bar on standard error while bytes are sent, where that is a terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    shown: bool,
    name: String,
    sent: u64,
    total: u64,
}

impl Progress {
    const CELLS: u64 = 30;

    /// Nothing sent yet, of so many bytes.
    pub(crate) fn new(name: &str, total: u64) -> Progress {
        let shown = std::io::stderr().is_terminal() && 0 < total;
        Progress { shown, name: name.to_owned(), sent: 0, total }
    }

    /// So many more were sent.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.sent += bytes;
        if self.shown {
            let full = (Self::CELLS * self.sent / self.total).min(Self::CELLS) as usize;
            let bar = "█".repeat(full) + &"░".repeat(Self::CELLS as usize - full);
            let state = if self.sent < self.total { "sending" } else { "storing" };
            let sent = number::magnitude(self.sent as f64);
            self.write(&format!("\r\x1b[K{} {bar} {sent} bytes, {state}", self.name));
        }
    }

    fn write(&self, text: &str) {
        let mut out = std::io::stderr().lock();
        let _reader_gone = write!(out, "{text}").and_then(|()| out.flush());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            self.write("\r\x1b[K");
        }
    }
}
