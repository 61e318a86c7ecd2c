//! Reads a desk's portfolio file into a message.

use crate::{error_report::Fault, show::number, terminal};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use contract::v1::{
    BlackScholesTerms, CashBalance, FutureTerms, InstrumentRef, Label, OptionRight, OptionTerms,
    Portfolio, Position, PositionKind, option_terms::Sensitivity, position,
};
use portfolio::{
    csv::{self, CashLine, Contract, OptionSensitivity, PositionLine},
    lines::Size,
    option::{OptionModel, Right},
};
use std::path::{Path, PathBuf};

/// The portfolio file and how to read it.
#[derive(Args, Clone, Debug)]
pub(crate) struct BookArguments {
    /// CSV with one position per line: a symbol and a quantity or market value, under the usual
    /// column names. Optional columns: asset_class (`cash` marks money, `swap`, `future` and
    /// `option` what is no share), position_id, average_cost, valued_on, currency, figi, isin, cusip,
    /// sedol, mic, and labels (account, strategy, trader, `label:anything`). Of swaps, futures and
    /// options: underlying, notional, multiplier, price, contract_month, delta, or right, strike,
    /// expires_on, volatility, rate and dividend_yield.
    #[arg(value_name = "BOOK")]
    pub(crate) book: PathBuf,
    /// Net asset value in the currency of the book, cash included.
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) nav: Option<f64>,
    /// Currency of the book and of the answer, an ISO 4217 code of which a rate is stored; without it
    /// USD. Market values of lines without a currency of their own are in it.
    #[arg(long, value_name = "CODE")]
    pub(crate) currency: Option<String>,
    /// Date of the closes behind the file's market values; without it the last session.
    #[arg(long, value_name = "DATE")]
    pub(crate) valued_on: Option<String>,
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
    let file =
        csv::read(&bytes).with_context(|| format!("{} is not a portfolio file", path.display()))?;
    for rejected in &file.rejected {
        let place = format!("{}:{}", path.display(), rejected.line);
        terminal::warn(&format!("{place}: {}: {}", rejected.reason, rejected.text));
    }
    if !file.rejected.is_empty() && !arguments.skip_unreadable {
        let count = match file.rejected.len() {
            1 => "1 line".to_owned(),
            count => format!("{count} lines"),
        };
        let way = "fix them, or skip them with --skip-unreadable";
        bail!(Fault::Input(format!("{count} cannot be read; {way}")));
    }
    let currency = arguments.currency.clone().unwrap_or_default();
    let has_values = file.lines.iter().any(|line| matches!(line.size, Size::MarketValue(_)));
    if file.is_value_in_dollars && has_values && !["", "USD"].contains(&&*currency) {
        let way = format!("give them in {currency}, or give quantities");
        let path = path.display();
        bail!(Fault::Input(format!("{path} gives values in USD for a book in {currency}; {way}")));
    }
    if !currency.is_empty() {
        number::amounts_are_in(&currency);
    }
    Ok(Portfolio {
        portfolio_id: name(path),
        positions: file.lines.into_iter().map(position).collect(),
        cash: file.cash.into_iter().map(balance).collect(),
        valued_on: arguments.valued_on.clone().unwrap_or_default(),
        net_asset_value: arguments.nav,
        currency,
    })
}

fn position(line: PositionLine) -> Position {
    let kind = match &line.contract {
        Some(Contract::Swap) => PositionKind::Swap,
        Some(Contract::Future { .. }) => PositionKind::Future,
        Some(Contract::Option { .. }) => PositionKind::Option,
        None if line.is_listed => PositionKind::Listed,
        None => PositionKind::Unspecified,
    };
    let instrument = InstrumentRef {
        symbol: line.instrument.symbol,
        figi: line.instrument.figi,
        isin: line.instrument.isin,
        cusip: line.instrument.cusip,
        sedol: line.instrument.sedol,
        mic: line.instrument.mic,
    };
    Position {
        position_id: line.position_id,
        instrument: Some(instrument),
        kind: kind.into(),
        size: Some(match line.size {
            Size::Shares(shares) => position::Size::Quantity(shares),
            Size::MarketValue(value) if line.contract.is_some() => position::Size::Notional(value),
            Size::MarketValue(value) => position::Size::MarketValue(value),
        }),
        valued_on: line.valued_on.map(|day| day.to_string()).unwrap_or_default(),
        average_cost: line.average_cost,
        currency: line.currency,
        labels: labels(line.labels),
        terms: line.contract.and_then(terms),
    }
}

fn terms(contract: Contract) -> Option<position::Terms> {
    match contract {
        Contract::Swap => None,
        Contract::Future { multiplier, price, contract_month } => {
            Some(position::Terms::Future(FutureTerms { multiplier, price, contract_month }))
        }
        Contract::Option { multiplier, sensitivity } => {
            Some(position::Terms::Option(OptionTerms {
                multiplier: Some(multiplier),
                sensitivity: Some(match sensitivity {
                    OptionSensitivity::Delta(delta) => Sensitivity::Delta(delta),
                    OptionSensitivity::Model(model, expires_on) => {
                        Sensitivity::BlackScholes(black_scholes(model, expires_on.to_string()))
                    }
                }),
            }))
        }
    }
}

fn black_scholes(model: OptionModel, expires_on: String) -> BlackScholesTerms {
    let right = match model.right {
        Right::Call => OptionRight::Call,
        Right::Put => OptionRight::Put,
    };
    BlackScholesTerms {
        right: right.into(),
        strike: Some(model.strike),
        expires_on,
        volatility: Some(model.volatility),
        rate: Some(model.rate),
        dividend_yield: Some(model.dividend_yield),
    }
}

fn balance(line: CashLine) -> CashBalance {
    CashBalance {
        position_id: line.position_id,
        currency: line.currency,
        amount: Some(line.amount),
        labels: labels(line.labels),
    }
}

fn labels(labels: Vec<csv::Label>) -> Vec<Label> {
    labels.into_iter().map(|(key, value)| Label { key, value }).collect()
}

/// The name of a portfolio: that of its file without the ending.
pub(crate) fn name(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
