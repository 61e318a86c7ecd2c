//! A portfolio as submitted: validated, not yet joined to a market.

use marketdata::symbol::{InvalidSymbol, Symbol};

/// Size of a position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Size {
    /// Shares, negative for a short, in the units of the as-of date.
    Shares(f64),
    /// Market value in the portfolio's currency, negative for a short.
    MarketValue(f64),
}

/// One line as it arrives, unchecked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RawLine<'a> {
    /// The ticker in any spelling.
    pub symbol: &'a str,
    /// Size of the position; `None` if the caller gave none.
    pub size: Option<Size>,
    /// Average cost per share.
    pub average_cost: Option<f64>,
}

/// One valid line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The ticker in canonical spelling.
    pub symbol: Symbol,
    /// Size of the position.
    pub size: Size,
    /// Average cost per share; positive.
    pub average_cost: Option<f64>,
}

/// One reason why a submission is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, for instance `positions[3].quantity`.
    pub field: String,
    /// What is wrong and what is accepted.
    pub description: String,
}

/// A book of long and short lines; at least one line.
#[derive(Clone, Debug, PartialEq)]
pub struct Portfolio {
    lines: Vec<Line>,
    net_asset_value: Option<f64>,
}

impl Portfolio {
    /// Checks every line.
    ///
    /// # Errors
    /// Every violation, with the path of its field.
    pub fn new<'a>(
        lines: impl IntoIterator<Item = RawLine<'a>>,
        net_asset_value: Option<f64>,
    ) -> Result<Portfolio, Vec<Violation>> {
        let mut violations = Vec::new();
        let mut valid = Vec::new();
        let mut count = 0;
        for (at, line) in lines.into_iter().enumerate() {
            count += 1;
            valid.extend(check_line(at, line, &mut violations));
        }
        violations.extend(no_positions(count));
        violations.extend(check_net_asset_value(net_asset_value));
        if violations.is_empty() {
            Ok(Portfolio { lines: valid, net_asset_value })
        } else {
            Err(violations)
        }
    }

    /// The lines, in the order submitted.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Net asset value in the portfolio's currency.
    pub const fn net_asset_value(&self) -> Option<f64> {
        self.net_asset_value
    }
}

fn violation(field: String, description: impl Into<String>) -> Violation {
    Violation { field, description: description.into() }
}

pub(crate) fn no_positions(count: usize) -> Option<Violation> {
    (count == 0).then(|| violation("positions".into(), "must contain at least one position"))
}

/// Bounds that no real book reaches in money or shares, and within which no sum or ratio overflows.
const AMOUNT_MAX: f64 = 1e15;
const COST_BOUNDS: (f64, f64) = (1e-9, 1e12);
const NET_ASSET_VALUE_BOUNDS: (f64, f64) = (0.01, 1e18);

/// Whether a number of shares or an amount of money is within the bounds of a book.
pub(crate) fn is_amount(value: f64) -> bool {
    value.abs() <= AMOUNT_MAX
}

/// Whether an average cost is within the bounds of a line.
pub(crate) fn is_cost(value: f64) -> bool {
    (COST_BOUNDS.0..=COST_BOUNDS.1).contains(&value)
}

pub(crate) fn check_net_asset_value(net_asset_value: Option<f64>) -> Option<Violation> {
    let (least, most) = NET_ASSET_VALUE_BOUNDS;
    let wrong = net_asset_value.is_some_and(|nav| !(least..=most).contains(&nav));
    wrong.then(|| violation("net_asset_value".into(), format!("must be from {least} to {most:e}")))
}

pub(crate) fn check_line(
    at: usize,
    line: RawLine<'_>,
    violations: &mut Vec<Violation>,
) -> Option<Line> {
    let before = violations.len();
    let path = |field: &str| format!("positions[{at}].{field}");
    let symbol = Symbol::listed(line.symbol);
    if let Err(error) = &symbol {
        violations.push(violation(path("symbol"), describe(*error)));
    }
    match line.size {
        None => violations.push(violation(path("size"), "needs a quantity or a market_value")),
        Some(Size::Shares(value)) if !is_amount(value) => {
            violations.push(violation(path("quantity"), amount_bounds()));
        }
        Some(Size::MarketValue(value)) if !is_amount(value) => {
            violations.push(violation(path("market_value"), amount_bounds()));
        }
        Some(_) => {}
    }
    if line.average_cost.is_some_and(|cost| !is_cost(cost)) {
        let (least, most) = COST_BOUNDS;
        let bounds = format!("must be from {least:e} to {most:e}");
        violations.push(violation(path("average_cost"), bounds));
    }
    if before < violations.len() {
        return None;
    }
    Some(Line { symbol: symbol.ok()?, size: line.size?, average_cost: line.average_cost })
}

fn amount_bounds() -> String {
    format!("must be a number from -{AMOUNT_MAX:e} to {AMOUNT_MAX:e}")
}

fn describe(error: InvalidSymbol) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_are_reported_at_once() {
        let line = |symbol, size, average_cost| RawLine { symbol, size, average_cost };
        let faults = Portfolio::new(
            [
                line("AAPL", Some(Size::Shares(10.0)), None),
                line("", Some(Size::Shares(f64::NAN)), Some(0.0)),
                line("IWM", None, None),
            ],
            Some(-1.0),
        )
        .unwrap_err();
        let paths: Vec<&str> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(
            paths,
            [
                "positions[1].symbol",
                "positions[1].quantity",
                "positions[1].average_cost",
                "positions[2].size",
                "net_asset_value"
            ]
        );
        assert_eq!(Portfolio::new([], None).unwrap_err()[0].field, "positions");
    }
}
