//! Reads a desk's portfolio file into a message.

use crate::{error_report::Fault, terminal};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use contract::v1::{Portfolio, Position, position};
use portfolio::{csv::PortfolioLine, lines::Size};
use std::path::{Path, PathBuf};

/// The portfolio file and how to read it.
#[derive(Args, Clone, Debug)]
pub(crate) struct BookArguments {
    /// CSV with one position per line: a symbol and a quantity or market value, under the usual
    /// column names.
    #[arg(value_name = "BOOK")]
    pub(crate) book: PathBuf,
    /// Net asset value, USD.
    #[arg(long, value_name = "USD")]
    pub(crate) nav: Option<f64>,
    /// Skip unreadable lines; without it one such line rejects the file.
    #[arg(long)]
    pub(crate) skip_unreadable: bool,
}

/// Reads the file. Its name becomes the portfolio id.
///
/// # Errors
/// If the file cannot be read, is not a portfolio, or has unreadable lines and `skip_unreadable` is
/// not set.
pub(crate) async fn read(arguments: &BookArguments) -> Result<Portfolio> {
    let path = &arguments.book;
    let bytes = tokio::fs::read(path)
        .await
        .map_err(|error| Fault::Input(format!("{} cannot be read: {error}", path.display())))?;
    let file = portfolio::csv::read(&bytes)
        .with_context(|| format!("{} is not a portfolio file", path.display()))?;
    for rejected in &file.rejected {
        let place = format!("{}:{}", path.display(), rejected.line);
        terminal::warn(&format!("{place}: {}: {}", rejected.reason, rejected.text));
    }
    if !file.rejected.is_empty() && !arguments.skip_unreadable {
        let count = file.rejected.len();
        let way = "fix them, or skip them with --skip-unreadable";
        bail!(Fault::Input(format!("{count} lines cannot be read; {way}")));
    }
    Ok(Portfolio {
        portfolio_id: name(path),
        positions: file.lines.iter().map(to_proto).collect(),
        net_asset_value: arguments.nav,
        currency: String::new(),
    })
}

fn to_proto(line: &PortfolioLine) -> Position {
    Position {
        symbol: line.symbol.clone(),
        size: Some(match line.size {
            Size::Shares(shares) => position::Size::Quantity(shares),
            Size::MarketValue(value) => position::Size::MarketValue(value),
        }),
        average_cost: line.average_cost,
    }
}

fn name(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
