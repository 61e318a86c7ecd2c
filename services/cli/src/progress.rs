//! A progress bar on standard error while a file is sent.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

/// Whether progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// If standard error is a terminal.
    OnTerminal,
    /// Never: a program reads the answer.
    Never,
}

const TEMPLATE: &str = "{prefix} {bar:30} {bytes} of {total_bytes}";

/// Shows how much of a file was sent; the bar is removed on drop.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar at zero of `total` bytes.
    pub(crate) fn new(name: &str, total: u64, shown: Shown) -> Progress {
        let target = match shown {
            // Draws nothing if standard error is not a terminal.
            Shown::OnTerminal => ProgressDrawTarget::stderr(),
            Shown::Never => ProgressDrawTarget::hidden(),
        };
        let style = ProgressStyle::with_template(TEMPLATE);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(total), target)
            .with_style(style)
            .with_prefix(name.to_owned())
            .with_finish(ProgressFinish::AndClear);
        Progress(bar)
    }

    /// Advances the bar by `bytes`.
    pub(crate) fn add(&self, bytes: u64) {
        self.0.inc(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_drawn_for_a_program() {
        assert!(Progress::new("prices.csv", 10, Shown::Never).0.is_hidden());
        let style = ProgressStyle::with_template(TEMPLATE);
        assert!(style.is_ok(), "the template is valid");
    }
}
