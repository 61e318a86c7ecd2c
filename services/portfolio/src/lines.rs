//! The lines of a portfolio as submitted, and what they must fulfil.

use crate::{
    derivative::{self, Kind},
    identifier::InstrumentRef,
    option::Right,
};
use marketdata::{currency::Quotation, day::Day};

/// Size of a position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Size {
    /// Shares, negative for a short, in the units of the as-of date; contracts of futures and options
    /// as submitted.
    Shares(f64),
    /// Market value in the portfolio's currency, negative for a short; the notional of a swap or a
    /// future. As submitted: in the currency of the line, if it gives one.
    MarketValue(f64),
}

/// One line as it arrives, unchecked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RawLine<'a> {
    /// The caller's identifier of the line; empty if not given.
    pub position_id: &'a str,
    /// The instrument held.
    pub instrument: InstrumentRef<&'a str>,
    /// What is held of it.
    pub kind: Kind<'a>,
    /// Size of the position; `None` if the caller gave none, or one that this kind cannot have.
    pub size: Option<Size>,
    /// ISO date of the closes behind a market value; empty: that of [`Terms`].
    pub valued_on: &'a str,
    /// Average cost per share.
    pub average_cost: Option<f64>,
    /// Code of the currency in which the instrument is quoted and the line's money is; empty: the
    /// money is in that of the portfolio.
    pub currency: &'a str,
}

impl<'a> RawLine<'a> {
    /// A line of a symbol and a size, and nothing else.
    pub fn of(symbol: &'a str, size: Size) -> RawLine<'a> {
        RawLine {
            position_id: "",
            instrument: InstrumentRef::of_symbol(symbol),
            kind: Kind::Listed,
            size: Some(size),
            valued_on: "",
            average_cost: None,
            currency: "",
        }
    }
}

/// What a portfolio says about all its lines, unchecked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms<'a> {
    /// Net asset value in the portfolio's currency.
    pub net_asset_value: Option<f64>,
    /// ISO date of the closes behind market values; empty: the session of the view.
    pub valued_on: &'a str,
}

impl Terms<'_> {
    /// Nothing is said.
    pub const NONE: Terms<'static> = Terms { net_asset_value: None, valued_on: "" };
}

/// One reason why a submission is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, for instance `positions[3].quantity`.
    pub field: String,
    /// What is wrong and what is accepted.
    pub description: String,
}

/// One valid line, its instrument apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ValidLine {
    /// Of the underlying, if it is not plain stock.
    pub(crate) size: Size,
    pub(crate) valued_on: Option<Day>,
    pub(crate) average_cost: Option<f64>,
    /// The unit of its money; `None`: the base currency.
    pub(crate) quotation: Option<Quotation>,
    /// `None` for plain stock.
    pub(crate) terms: Option<derivative::Terms>,
}

impl ValidLine {
    /// Whether the caller gave money. A future's own price makes money of a number of contracts.
    pub(crate) fn gave_value(&self) -> bool {
        let is_counted = self.terms == Some(derivative::Terms::PricedFuture);
        matches!(self.size, Size::MarketValue(_)) && !is_counted
    }

    /// The size with the sign of its exposure, for a line that cannot be valued: a put that is held
    /// long is a short.
    pub(crate) fn exposed(&self) -> Size {
        match (self.size, self.terms) {
            (Size::Shares(shares), Some(derivative::Terms::Model(model, _)))
                if model.right == Right::Put =>
            {
                Size::Shares(-shares)
            }
            (size, _) => size,
        }
    }
}

/// Every violation of a portfolio that can be found without a market.
pub fn violations<'a>(
    lines: impl IntoIterator<Item = RawLine<'a>>,
    terms: &Terms<'_>,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut count = 0;
    for (at, line) in lines.into_iter().enumerate() {
        count += 1;
        check_line(at, &line, &mut violations);
    }
    check_terms(count, terms, &mut violations);
    violations
}

/// The name of a line in answers: its id, or its path if the caller gave none.
pub fn line_name(position_id: &str, line: usize) -> String {
    if position_id.is_empty() {
        format!("portfolio.positions[{line}]")
    } else {
        position_id.to_owned()
    }
}

pub(crate) fn violation(field: String, description: impl Into<String>) -> Violation {
    Violation { field, description: description.into() }
}

/// Bounds that no real book reaches in money or shares, and within which no sum or ratio overflows.
const AMOUNT_MAX: f64 = 1e15;
const COST_BOUNDS: (f64, f64) = (1e-9, 1e12);
const NET_ASSET_VALUE_BOUNDS: (f64, f64) = (0.01, 1e18);

/// Whether a number of shares or an amount of money is within the bounds of a book.
pub fn is_amount(value: f64) -> bool {
    value.abs() <= AMOUNT_MAX
}

/// The bounds of an amount, for a violation.
pub fn amount_bounds() -> String {
    format!("must be a number from -{AMOUNT_MAX:e} to {AMOUNT_MAX:e}")
}

/// Whether an average cost is within the bounds of a line.
pub(crate) fn is_cost(value: f64) -> bool {
    (COST_BOUNDS.0..=COST_BOUNDS.1).contains(&value)
}

/// The bounds of a price, for a violation.
pub(crate) fn cost_bounds() -> String {
    let (least, most) = COST_BOUNDS;
    format!("must be from {least:e} to {most:e}")
}

/// Checks what concerns all of `count` lines; returns the day of their market values.
pub(crate) fn check_terms(
    count: usize,
    terms: &Terms<'_>,
    violations: &mut Vec<Violation>,
) -> Option<Day> {
    if count == 0 {
        violations.push(violation("positions".into(), "must contain at least one position"));
    }
    let valued_on = day("valued_on", terms.valued_on, violations);
    let (least, most) = NET_ASSET_VALUE_BOUNDS;
    if terms.net_asset_value.is_some_and(|nav| !(least..=most).contains(&nav)) {
        let bounds = format!("must be from {least} to {most:e}");
        violations.push(violation("net_asset_value".into(), bounds));
    }
    valued_on
}

/// Checks one line; `None` if it has a violation.
pub(crate) fn check_line(
    at: usize,
    line: &RawLine<'_>,
    violations: &mut Vec<Violation>,
) -> Option<ValidLine> {
    let before = violations.len();
    let path = |field: &str| format!("positions[{at}].{field}");
    for (field, fault) in line.instrument.faults() {
        let dot = if field.is_empty() { "" } else { "." };
        violations.push(violation(path(&format!("instrument{dot}{field}")), fault));
    }
    match line.size {
        None => violations.push(violation(path("size"), line.kind.sizes())),
        Some(Size::MarketValue(_)) if matches!(line.kind, Kind::Option(_)) => {
            violations.push(violation(path("size"), line.kind.sizes()));
        }
        Some(Size::Shares(value)) if !is_amount(value) => {
            violations.push(violation(path("quantity"), amount_bounds()));
        }
        Some(Size::MarketValue(value)) if !is_amount(value) => {
            violations.push(violation(path(line.kind.money_field()), amount_bounds()));
        }
        Some(_) => {}
    }
    let valued_on = day(&path("valued_on"), line.valued_on, violations);
    let is_future = matches!(line.kind, Kind::Future(_));
    if valued_on.is_some() && matches!(line.size, Some(Size::Shares(_))) && !is_future {
        let text = "is for a market_value; a quantity has no valuation date";
        violations.push(violation(path("valued_on"), text));
    }
    if line.average_cost.is_some_and(|cost| !is_cost(cost)) {
        violations.push(violation(path("average_cost"), cost_bounds()));
    }
    if line.average_cost.is_some() && matches!(line.kind, Kind::Future(_) | Kind::Option(_)) {
        let text = "is for shares and swaps: the prices of futures and options are not known";
        violations.push(violation(path("average_cost"), text));
    }
    let quotation = quotation(at, line.currency, violations);
    let average_cost = line.average_cost;
    let valid = line.size.filter(|_| before == violations.len()).map(|size| ValidLine {
        size,
        valued_on,
        average_cost,
        quotation,
        terms: None,
    });
    derivative::check(at, line, valid, violations)
}

fn quotation(at: usize, code: &str, violations: &mut Vec<Violation>) -> Option<Quotation> {
    let found = Quotation::parse(code);
    if found.is_none() && !code.is_empty() {
        let field = format!("positions[{at}].currency");
        violations.push(violation(field, "must be an ISO 4217 code, or GBX, ZAC or ILA"));
    }
    found
}

pub(crate) fn day(field: &str, text: &str, violations: &mut Vec<Violation>) -> Option<Day> {
    let day = Day::parse_iso(text);
    if day.is_none() && !text.is_empty() {
        let text = format!("must be an ISO date (YYYY-MM-DD), is {text:?}");
        violations.push(violation(field.to_owned(), text));
    }
    day
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_are_reported_at_once() {
        let terms = Terms { net_asset_value: Some(-1.0), valued_on: "2021-02-30" };
        let faults = violations(
            [
                RawLine::of("AAPL", Size::Shares(10.0)),
                RawLine { average_cost: Some(0.0), ..RawLine::of("", Size::Shares(f64::NAN)) },
                RawLine {
                    size: None,
                    valued_on: "yesterday",
                    ..RawLine::of("IWM", Size::Shares(1.0))
                },
                RawLine { valued_on: "2021-01-26", ..RawLine::of("<b>", Size::Shares(1.0)) },
            ],
            &terms,
        );
        let paths: Vec<&str> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(
            paths,
            [
                "positions[1].instrument",
                "positions[1].quantity",
                "positions[1].average_cost",
                "positions[2].size",
                "positions[2].valued_on",
                "positions[3].instrument.symbol",
                "positions[3].valued_on",
                "valued_on",
                "net_asset_value"
            ]
        );
        assert_eq!(violations([], &Terms::NONE)[0].field, "positions");
    }
}
