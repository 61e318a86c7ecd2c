//! One row of a portfolio file as a position or as cash.

use super::{
    CashLine, Contract, Label, PositionLine, Read, columns::Columns, contract::ContractKind,
    signed::signed,
};
use crate::{
    identifier::{InstrumentRef, may_be_cash},
    lines::Size,
};
use marketdata::{currency::Quotation, symbol::Symbol};
use tables::{
    cell::{amount, date, is_missing, is_no_symbol},
    refusal::{Fault, Reason, excerpt},
    row::{Row, text},
};

/// −1 for a short side, 1 for a long one, `None` for other texts.
fn side(found: &[u8]) -> Option<f64> {
    let side = found.to_ascii_lowercase();
    match side.as_slice() {
        b"short" | b"s" | b"sell" | b"sell short" | b"ss" | b"sh" => Some(-1.0),
        b"long" | b"l" | b"buy" | b"b" => Some(1.0),
        _ => None,
    }
}

/// What an asset class says.
#[derive(Clone, Copy, Debug, PartialEq)]
enum AssetClass {
    Unknown,
    Listed,
    Cash,
    Derived(ContractKind),
}

/// Words of asset classes that are listed shares and funds; `cash equity` is one of them.
const LISTED: [&str; 10] =
    ["equit", "stock", "share", "etf", "etp", "fund", "adr", "reit", "trust", "listed"];
/// Asset classes that are money, besides those that begin with `cash`.
const CASH: [&str; 4] = ["currency", "currencies", "money", "money market"];
/// Words of what is derived from a share, whatever else the text says.
const DERIVED: [&str; 7] = ["option", "future", "swap", "forward", "warrant", "cfd", "right"];

fn asset_class(found: &[u8]) -> Result<AssetClass, Fault> {
    if is_missing(found) {
        return Ok(AssetClass::Unknown);
    }
    let class = text(found).to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| class.contains(word));
    if !has(&DERIVED) && has(&LISTED) {
        return Ok(AssetClass::Listed);
    }
    if !has(&DERIVED) && (class.starts_with("cash") || CASH.contains(&class.as_str())) {
        return Ok(AssetClass::Cash);
    }
    if let Some(kind) = ContractKind::of(&class) {
        return Ok(AssetClass::Derived(kind));
    }
    let text = format!(
        "the asset class is {:?}; shares, funds and cash are read, and swaps, futures and \
         options of shares and funds",
        excerpt(found)
    );
    Err(Fault::new(Reason::UnsupportedKind, text))
}

impl Columns {
    pub(super) fn read(&self, line: u64, row: &Row<'_>) -> Result<Read, Fault> {
        match asset_class(row.optional(self.asset_class))? {
            AssetClass::Cash => self.cash(line, row).map(Read::Cash),
            AssetClass::Derived(kind) => {
                self.derivative(line, row, kind).map(Box::new).map(Read::Position)
            }
            class @ (AssetClass::Unknown | AssetClass::Listed) => self
                .position(line, row, class == AssetClass::Listed)
                .map(Box::new)
                .map(Read::Position),
        }
    }

    fn cash(&self, line: u64, row: &Row<'_>) -> Result<CashLine, Fault> {
        let size = self.size(row, "the cash")?;
        let (Size::Shares(amount) | Size::MarketValue(amount)) = size;
        // `USD` in the column of the symbol names the currency, `CASH` does not.
        let named = row.text(self.symbol).trim().to_ascii_uppercase();
        let named = Some(named).filter(|symbol| symbol.len() == 3).unwrap_or_default();
        let currency = row.optional(self.currency);
        let currency =
            if is_missing(currency) { named } else { Quotation::code_of(&text(currency)) };
        let is_of_book = self.is_value_in_dollars || self.line_currency.is_none();
        let is_value = matches!(size, Size::MarketValue(_));
        if is_value && is_of_book && self.currency.is_some() && !["", "USD"].contains(&&*currency) {
            let text = format!(
                "the cash is in {currency} and its value in the money of the book: give the amount \
                 in {currency} in a column quantity"
            );
            return Err(Fault::new(Reason::MissingValue, text));
        }
        let position_id = row.text(self.position_id);
        Ok(CashLine { line, position_id, currency, amount, labels: self.labels(row) })
    }

    fn position(&self, line: u64, row: &Row<'_>, is_listed: bool) -> Result<PositionLine, Fault> {
        let instrument = self.instrument(row)?;
        let is_named = is_listed || instrument.as_texts().is_identified();
        if may_be_cash(&instrument.symbol) && !is_named {
            let text = format!(
                "{}: add a column asset_class with \"cash\" for money, or \"equity\" for the \
                 listed share",
                instrument.symbol
            );
            return Err(Fault::new(Reason::MayBeCash, text));
        }
        self.contract.terms_of_no_share(row, instrument.as_texts().name())?;
        let size = self.size(row, instrument.as_texts().name())?;
        self.held(line, row, (instrument, is_listed, None), size)
    }

    /// A line of a swap, of futures or of options. Identifiers beside an underlying may be those of the
    /// contract, so the underlying's symbol counts alone. The ticker of a future may also be that of a
    /// share (ES is Eversource), so it never stands for the underlying.
    fn derivative(
        &self,
        line: u64,
        row: &Row<'_>,
        kind: ContractKind,
    ) -> Result<PositionLine, Fault> {
        let instrument = match row.optional(self.contract.underlying) {
            found if is_no_symbol(found) => {
                let named = self.instrument(row)?;
                if kind == ContractKind::Future && !named.symbol.is_empty() {
                    return Err(ContractKind::without_underlying(&named.symbol));
                }
                named
            }
            found => InstrumentRef::of_symbol(symbol(found)?.as_str()).into_owned(),
        };
        let (quantity, notional) = (self.quantity, self.contract.notional);
        let size = self.signed_size(row, instrument.as_texts().name(), (quantity, notional))?;
        let size = size.ok_or_else(|| kind.without_size(instrument.as_texts().name()))?;
        let names_future = self.names_another(row, &instrument.symbol);
        let contract = self.contract.read(row, kind, size, names_future)?;
        self.held(line, row, (instrument, false, Some(contract)), size)
    }

    /// Whether the column of the symbol names something else than the underlying.
    fn names_another(&self, row: &Row<'_>, underlying: &str) -> bool {
        let found = row.optional(self.symbol);
        let is_same = match (Symbol::listed(&text(found)), Symbol::listed(underlying)) {
            (Ok(named), Ok(underlying)) => named == underlying,
            _ => false,
        };
        !is_no_symbol(found) && !is_same
    }

    fn held(
        &self,
        line: u64,
        row: &Row<'_>,
        (instrument, is_listed, contract): (InstrumentRef<String>, bool, Option<Contract>),
        size: Size,
    ) -> Result<PositionLine, Fault> {
        let is_priced = matches!(contract, Some(Contract::Future { price: Some(_), .. }));
        let valued_on = match (size, row.optional(self.valued_on)) {
            (size, found)
                if !is_missing(found) && (is_priced || matches!(size, Size::MarketValue(_))) =>
            {
                Some(date("the valuation date", found)?)
            }
            _ => None,
        };
        let cost = amount("the average cost", row.optional(self.cost))?.map(|read| read.value);
        // The prices of futures and options are not known, so their costs say nothing.
        let has_cost = matches!(contract, None | Some(Contract::Swap));
        Ok(PositionLine {
            line,
            position_id: row.text(self.position_id),
            instrument,
            is_listed,
            contract,
            size,
            valued_on,
            // Some books list positions received for free with an average cost of zero.
            average_cost: cost.filter(|cost| *cost != 0.0 && has_cost).map(f64::abs),
            currency: self.currency(row, size),
            labels: self.labels(row),
        })
    }

    /// The currency of the line's money: of its value, unless that is in dollars, of its cost and of a
    /// strike.
    fn currency(&self, row: &Row<'_>, size: Size) -> String {
        if self.is_value_in_dollars && matches!(size, Size::MarketValue(_)) {
            return String::new();
        }
        match row.optional(self.line_currency) {
            found if is_missing(found) => String::new(),
            found => Quotation::code_of(&text(found)),
        }
    }

    /// The quantity, or else the market value, with the sign that the side gives.
    fn size(&self, row: &Row<'_>, name: &str) -> Result<Size, Fault> {
        self.signed_size(row, name, (self.quantity, self.value))?.ok_or_else(|| {
            let text = format!("{name} has neither a quantity nor a market value");
            Fault::new(Reason::MissingValue, text)
        })
    }

    /// The number in the column of the quantity, or else that in the one of the value. `None` without
    /// either.
    fn signed_size(
        &self,
        row: &Row<'_>,
        name: &str,
        (quantity, value): (Option<usize>, Option<usize>),
    ) -> Result<Option<Size>, Fault> {
        let quantity = signed("the quantity", row.optional(quantity))?;
        let value = signed("the market value", row.optional(value))?;
        let side = self.side(row)?;
        // A side must agree with a negative number; it gives the sign of a positive one.
        let sign = |number: f64| match side {
            Some(side) if 0.0 < number => Ok(number * side),
            Some(side) if number < 0.0 && 0.0 < side => {
                Err(Fault::new(Reason::Negative, format!("{number} on the long side of {name}")))
            }
            _ => Ok(number),
        };
        match (quantity, value) {
            (Some(quantity), _) => Ok(Some(Size::Shares(sign(quantity)?))),
            (None, Some(value)) => Ok(Some(Size::MarketValue(sign(value)?))),
            (None, None) => Ok(None),
        }
    }

    /// The side, if the column says one. Another text is a fault: a short must not be read as a long.
    /// A column called `type` may say something else, as long as it is no derivative.
    fn side(&self, row: &Row<'_>) -> Result<Option<f64>, Fault> {
        let found = row.optional(self.side);
        let side = side(found);
        if side.is_some() || is_missing(found) {
            return Ok(side);
        }
        let lower = text(found).to_lowercase();
        let is_derived = DERIVED.iter().chain(&["put", "call"]).any(|word| lower.contains(word));
        if self.is_side_a_type && !is_derived {
            return Ok(None);
        }
        let text = format!("{:?} is neither long nor short", excerpt(found));
        Err(Fault::new(Reason::UnsupportedKind, text))
    }

    fn labels(&self, row: &Row<'_>) -> Vec<Label> {
        let label = |(column, key): &(usize, String)| (key.clone(), row.text(Some(*column)));
        self.labels.iter().map(label).filter(|(_, value)| !value.is_empty()).collect()
    }

    fn instrument(&self, row: &Row<'_>) -> Result<InstrumentRef<String>, Fault> {
        let code = |column| match row.optional(column) {
            found if is_missing(found) => String::new(),
            found => text(found).to_ascii_uppercase(),
        };
        let mut instrument = InstrumentRef {
            symbol: String::new(),
            figi: code(self.figi),
            isin: code(self.isin),
            cusip: code(self.cusip),
            sedol: code(self.sedol),
            mic: code(self.mic),
        };
        let found = row.optional(self.symbol);
        match row.optional(self.id_type).to_ascii_uppercase().as_slice() {
            b"FIGI" => instrument.figi = code(self.symbol),
            b"ISIN" => instrument.isin = code(self.symbol),
            b"CUSIP" => instrument.cusip = code(self.symbol),
            b"SEDOL" => instrument.sedol = code(self.symbol),
            _ if is_no_symbol(found) && instrument.as_texts().is_identified() => {}
            _ => instrument.symbol = symbol(found)?,
        }
        Ok(instrument)
    }
}

/// A ticker; what is certainly none is a fault.
fn symbol(found: &[u8]) -> Result<String, Fault> {
    let fault =
        |what: &str| Err(Fault::new(Reason::BadSymbol, format!("{:?}: {what}", excerpt(found))));
    if is_no_symbol(found) {
        return fault("not a symbol");
    }
    let text = text(found);
    if text.parse::<f64>().is_ok() {
        return fault("a number, perhaps a CUSIP that a spreadsheet converted to one");
    }
    let lower = text.to_ascii_lowercase();
    if ["total", "subtotal", "grand total", "sum"].contains(&lower.trim_end_matches(':')) {
        return fault("a total, not a position");
    }
    match Symbol::listed(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Fault::symbol(error, found)),
    }
}
