//! The columns of a portfolio file.

use super::signed::signed;
use marketdata::symbol::Symbol;
use tables::{
    header::{Column, Header},
    refusal::{Refusal, excerpt},
};

const SYMBOL: Column = &[
    "symbol",
    "ticker",
    "instrument_id",
    "instrument",
    "identifier",
    "security id",
    "bloomberg ticker",
    "bbg ticker",
    "security",
];
const POSITION_ID: Column = &["position_id", "line_id", "lot_id", "id"];
const FIGI: Column = &["figi", "composite figi", "share class figi", "bbg id", "bloomberg id"];
const ISIN: Column = &["isin"];
const CUSIP: Column = &["cusip"];
const SEDOL: Column = &["sedol"];
const MIC: Column = &["mic"];
const ASSET_CLASS: Column =
    &["asset_class", "asset type", "security type", "sec type", "instrument type", "product type"];
const CURRENCY: Column = &["currency", "ccy", "local currency"];
/// The currency of the money of a position. A local currency says nothing of a market value, which is
/// usually that of the book.
const LINE_CURRENCY: Column = &["currency", "ccy"];
const QUANTITY: Column =
    &["quantity", "shares", "qty", "position", "units", "net quantity", "shares held"];
const VALUE: Column = &[
    "market_value",
    "market value usd",
    "mv",
    "mkt value",
    "value",
    "notional",
    "notional value",
    "exposure",
];
const VALUED_ON: Column = &["valued_on", "valuation date", "value date", "price date"];
const SIDE: Column = &["side", "long/short", "l/s", "direction", "position side", "type"];
const COST: Column = &["average_cost", "avg_cost", "average price", "avg price", "cost price"];
const NOTIONAL: Column = &["notional", "notional value", "exposure", "underlying value"];
const UNDERLYING: Column =
    &["underlying", "underlying symbol", "underlying ticker", "underlier", "reference asset"];
const MULTIPLIER: Column =
    &["multiplier", "contract multiplier", "contract size", "price multiplier"];
const PRICE: Column =
    &["future_price", "futures price", "settlement price", "settle", "price", "last price"];
const CONTRACT_MONTH: Column = &["contract_month", "delivery month", "expiry month"];
const DELTA: Column = &["delta"];
const RIGHT: Column =
    &["right", "put/call", "put_call", "call/put", "call_put", "p/c", "c/p", "option type"];
const STRIKE: Column = &["strike", "strike price", "exercise price"];
const EXPIRY: Column =
    &["expires_on", "expiry", "expiration", "expiration date", "expiry date", "maturity"];
const VOLATILITY: Column = &["volatility", "implied volatility", "implied vol", "iv", "vol"];
const RATE: Column = &["rate", "risk-free rate", "interest rate"];
const DIVIDEND_YIELD: Column = &["dividend_yield", "div yield"];
const ID_TYPE: Column = &["id_type", "identifier type"];

/// Columns that are labels by their usual names; `label:anything` is one too.
const LABELS: [&str; 3] = ["account", "strategy", "trader"];
const LABEL_PREFIX: &str = "label:";

/// Where each field of a line is; `None` if the file lacks it.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) symbol: Option<usize>,
    pub(super) position_id: Option<usize>,
    pub(super) figi: Option<usize>,
    pub(super) isin: Option<usize>,
    pub(super) cusip: Option<usize>,
    pub(super) sedol: Option<usize>,
    pub(super) mic: Option<usize>,
    pub(super) asset_class: Option<usize>,
    pub(super) currency: Option<usize>,
    pub(super) line_currency: Option<usize>,
    /// Whether the name of the column of values says that they are in dollars.
    pub(super) is_value_in_dollars: bool,
    pub(super) quantity: Option<usize>,
    pub(super) value: Option<usize>,
    pub(super) valued_on: Option<usize>,
    pub(super) side: Option<usize>,
    /// Whether that column is called `type`, and so may be about something else.
    pub(super) is_side_a_type: bool,
    pub(super) cost: Option<usize>,
    pub(super) id_type: Option<usize>,
    pub(super) contract: ContractColumns,
    /// Columns that are labels, with their keys.
    pub(super) labels: Vec<(usize, String)>,
}

/// Where the terms of swaps, futures and options are; `None` if the file lacks them.
#[derive(Debug)]
pub(super) struct ContractColumns {
    pub(super) notional: Option<usize>,
    pub(super) underlying: Option<usize>,
    pub(super) multiplier: Option<usize>,
    pub(super) price: Option<usize>,
    pub(super) contract_month: Option<usize>,
    pub(super) delta: Option<usize>,
    pub(super) right: Option<usize>,
    pub(super) strike: Option<usize>,
    pub(super) expiry: Option<usize>,
    pub(super) volatility: Option<usize>,
    pub(super) rate: Option<usize>,
    pub(super) dividend_yield: Option<usize>,
}

impl ContractColumns {
    fn of(find: impl Fn(Column) -> Option<usize>) -> ContractColumns {
        ContractColumns {
            notional: find(NOTIONAL),
            underlying: find(UNDERLYING),
            multiplier: find(MULTIPLIER),
            price: find(PRICE),
            contract_month: find(CONTRACT_MONTH),
            delta: find(DELTA),
            right: find(RIGHT),
            strike: find(STRIKE),
            expiry: find(EXPIRY),
            volatility: find(VOLATILITY),
            rate: find(RATE),
            dividend_yield: find(DIVIDEND_YIELD),
        }
    }
}

impl Columns {
    fn of(header: &Header) -> Columns {
        Columns {
            symbol: header.find(SYMBOL),
            position_id: header.find(POSITION_ID),
            figi: header.find(FIGI),
            isin: header.find(ISIN),
            cusip: header.find(CUSIP),
            sedol: header.find(SEDOL),
            mic: header.find(MIC),
            asset_class: header.find(ASSET_CLASS),
            currency: header.find(CURRENCY),
            line_currency: header.find(LINE_CURRENCY),
            is_value_in_dollars: is_value_in_dollars(header),
            quantity: header.find(QUANTITY),
            value: header.find(VALUE),
            valued_on: header.find(VALUED_ON),
            side: header.find(SIDE),
            is_side_a_type: header.find(SIDE).is_some_and(|column| is_type(header.name(column))),
            cost: header.find(COST),
            id_type: header.find(ID_TYPE),
            contract: ContractColumns::of(|column| header.find(column)),
            labels: labels(header),
        }
    }

    /// The columns of a file without a header.
    fn symbol_and_quantity() -> Columns {
        Columns {
            symbol: Some(0),
            quantity: Some(1),
            position_id: None,
            figi: None,
            isin: None,
            cusip: None,
            sedol: None,
            mic: None,
            asset_class: None,
            currency: None,
            line_currency: None,
            is_value_in_dollars: false,
            value: None,
            valued_on: None,
            side: None,
            is_side_a_type: false,
            cost: None,
            id_type: None,
            contract: ContractColumns::of(|_| None),
            labels: Vec::new(),
        }
    }

    fn are_a_portfolio(&self) -> bool {
        let names = [self.symbol, self.figi, self.isin, self.cusip, self.sedol];
        let sizes = [self.quantity, self.value];
        names.iter().any(Option::is_some) && sizes.iter().any(Option::is_some)
    }
}

/// Whether a name may be that of the column of the asset class.
fn is_type(name: &str) -> bool {
    name.trim().eq_ignore_ascii_case("type")
}

/// Whether the name of the column of the value says that it is in dollars.
fn is_value_in_dollars(header: &Header) -> bool {
    let name = header.find(VALUE).map(|column| header.name(column).to_ascii_lowercase());
    name.is_some_and(|name| name.contains("usd"))
}

fn labels(header: &Header) -> Vec<(usize, String)> {
    let key = |column: usize| {
        let name = header.name(column).trim().to_ascii_lowercase();
        let is_usual = LABELS.contains(&name.as_str());
        let key = name.strip_prefix(LABEL_PREFIX).map(|key| key.trim().to_owned());
        Some((column, key.filter(|key| !key.is_empty()).or(is_usual.then_some(name))?))
    };
    (0..header.len()).filter_map(key).collect()
}

/// The delimiter, the columns, and whether the first line is a header.
pub(super) fn layout(head: &[u8]) -> Result<(u8, Columns, bool), Refusal> {
    for delimiter in [b',', b'\t', b';', b'|'] {
        let Some(header) = Header::new(head, delimiter) else { continue };
        let columns = Columns::of(&header);
        if columns.are_a_portfolio() {
            return Ok((delimiter, columns, true));
        }
        // Without a header, the first line must be a ticker followed by a number.
        let plain = header.len() == 2
            && Symbol::listed(header.name(0)).is_ok()
            && matches!(signed("quantity", header.name(1).as_bytes()), Ok(Some(_)));
        if plain {
            return Ok((delimiter, Columns::symbol_and_quantity(), false));
        }
    }
    Err(Refusal::NotAPortfolio { found: excerpt(head) })
}
