//! The terms of swaps, futures and options in a portfolio file.

use super::{Contract, OptionSensitivity, columns::ContractColumns, signed::signed};
use crate::{
    lines::Size,
    option::{OptionModel, Right},
};
use tables::{
    cell::{date, is_missing, percentage},
    refusal::{Fault, Reason},
    row::Row,
};

/// What an asset class says of a line that is no share, fund or money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContractKind {
    Swap,
    Future,
    Option,
}

impl ContractKind {
    /// The kind of an asset class in lower case. `None` if it is none of these, or two of them: an
    /// option on a future. `None` too if it stands for something else than shares: credit, rates.
    pub(super) fn of(class: &str) -> Option<ContractKind> {
        let has = |word: &str| class.contains(word);
        let is_word = |word: &str| {
            class.split(|letter: char| !letter.is_alphanumeric()).any(|part| part == word)
        };
        let kinds = [
            (ContractKind::Swap, has("swap") || is_word("cfd") || is_word("trs")),
            (ContractKind::Future, has("future")),
            (ContractKind::Option, has("option")),
        ];
        let mut found = kinds.into_iter().filter(|(_, is_it)| *is_it).map(|(kind, _)| kind);
        let kind = found.next()?;
        let is_other = ["forward", "warrant", "right"].into_iter().any(has)
            || EXOTIC.into_iter().any(has)
            || is_of_no_share(class);
        (found.next().is_none() && !is_other).then_some(kind)
    }

    /// The fault of a future that only its own ticker names.
    pub(super) fn without_underlying(name: &str) -> Fault {
        let text = format!(
            "{name}: the future needs the symbol of its underlying in a column underlying; its own \
             ticker may be that of another company"
        );
        Fault::new(Reason::MissingValue, text)
    }

    /// The fault of a line without a size that this kind can have.
    pub(super) fn without_size(self, name: &str) -> Fault {
        let needs = match self {
            ContractKind::Swap => "swap has neither a quantity nor a notional",
            ContractKind::Future => "future has neither a quantity of contracts nor a notional",
            ContractKind::Option => "option has no quantity of contracts",
        };
        let text = format!("{name}: the {needs}; a market value is not its exposure");
        Fault::new(Reason::MissingValue, text)
    }
}

/// Parts of asset classes whose value is not that of a plain option, or of a share's return: a swap of
/// an asset pays the coupons of a bond.
const EXOTIC: [&str; 14] = [
    "binary",
    "digital",
    "barrier",
    "asian",
    "average",
    "lookback",
    "knock",
    "touch",
    "spread",
    "chooser",
    "compound",
    "quanto",
    "rainbow",
    "asset swap",
];
/// Parts of asset classes whose contracts do not move with the price of a share.
const OF_NO_SHARE: [&str; 14] = [
    "credit",
    "default",
    "varian",
    "volatil",
    "correlat",
    "dividend",
    "interest",
    "inflation",
    "currenc",
    "forex",
    "swaption",
    "commodit",
    "treasur",
    "energy",
];
/// Beginnings of words that say the same; `corporate` contains one of them.
const BEGIN_OF_NO_SHARE: [&str; 8] = ["rate", "fx", "vol", "vix", "bond", "basis", "metal", "cds"];

fn is_of_no_share(class: &str) -> bool {
    let begins = |word: &str| BEGIN_OF_NO_SHARE.iter().any(|other| word.starts_with(other));
    OF_NO_SHARE.iter().any(|other| class.contains(other))
        || class.split(|letter: char| !letter.is_alphanumeric()).any(begins)
}

impl ContractColumns {
    /// The fault of a line of shares that has terms of an option. Read as shares it would be another
    /// position, and nobody would see it.
    pub(super) fn terms_of_no_share(&self, row: &Row<'_>, name: &str) -> Result<(), Fault> {
        // Some systems write zero or one for shares.
        let is_other = |field: &str, column: Option<usize>| -> Result<bool, Fault> {
            let found = signed(field, row.optional(column))?;
            Ok(found.is_some_and(|found| ![0.0, 1.0].contains(&found)))
        };
        let terms = [
            ("a call or a put", right(row.optional(self.right)).is_some()),
            ("a strike", is_other("the strike", self.strike)?),
            ("an expiry", !is_missing(row.optional(self.expiry))),
            ("a delta", is_other("the delta", self.delta)?),
            ("a multiplier", is_other("the multiplier", self.multiplier)?),
            ("a contract month", !is_missing(row.optional(self.contract_month))),
        ];
        let Some((term, _)) = terms.into_iter().find(|(_, has_it)| *has_it) else { return Ok(()) };
        let text = format!(
            "{name} has {term} like a derivative, but no asset class that says so: write \"option\" or \
             \"future\" in a column asset_class, or leave the term out"
        );
        Err(Fault::new(Reason::UnsupportedKind, text))
    }

    /// The terms of a line. A line that names the future beside its underlying is priced in points of
    /// the future (`names_future`), so the close of the underlying cannot stand in for its price.
    pub(super) fn read(
        &self,
        row: &Row<'_>,
        kind: ContractKind,
        size: Size,
        names_future: bool,
    ) -> Result<Contract, Fault> {
        let multiplier = signed("the multiplier", row.optional(self.multiplier))?;
        let is_money = matches!(size, Size::MarketValue(_));
        match kind {
            ContractKind::Swap => Ok(Contract::Swap),
            // A notional needs neither, and the file may have them for its other lines.
            ContractKind::Future if is_money => {
                let contract_month = row.text(self.contract_month);
                Ok(Contract::Future { multiplier: None, price: None, contract_month })
            }
            ContractKind::Future => {
                let multiplier = multiplier.ok_or_else(|| missing("future", "a multiplier"))?;
                let price = signed("the price", row.optional(self.price))?;
                if names_future && price.is_none() {
                    let text = "a price or a notional, because the close of the underlying is not \
                                its price; or the underlying's symbol alone, if it is";
                    return Err(missing("future", text));
                }
                let contract_month = row.text(self.contract_month);
                Ok(Contract::Future { multiplier: Some(multiplier), price, contract_month })
            }
            ContractKind::Option if is_money => Err(missing("option", "a quantity of contracts")),
            ContractKind::Option => Ok(Contract::Option {
                multiplier: multiplier.ok_or_else(|| missing("option", "a multiplier"))?,
                sensitivity: self.sensitivity(row)?,
            }),
        }
    }

    fn sensitivity(&self, row: &Row<'_>) -> Result<OptionSensitivity, Fault> {
        let right = right(row.optional(self.right));
        if let Some(delta) = signed("the delta", row.optional(self.delta))? {
            return given_delta(delta, right);
        }
        let strike = signed("the strike", row.optional(self.strike))?;
        let expiry = match row.optional(self.expiry) {
            found if is_missing(found) => None,
            found => Some(date("the expiry", found)?),
        };
        let volatility = decimal("the volatility", row.optional(self.volatility))?;
        let rate = decimal("the rate", row.optional(self.rate))?;
        let dividends = decimal("the dividend yield", row.optional(self.dividend_yield))?;
        let lacking: Vec<&str> = [
            ("call or put", right.is_none()),
            ("strike", strike.is_none()),
            ("expiry", expiry.is_none()),
            ("volatility", volatility.is_none()),
            ("rate", rate.is_none()),
        ]
        .into_iter()
        .filter_map(|(name, is_lacking)| is_lacking.then_some(name))
        .collect();
        let known = right.zip(strike).zip(expiry).zip(volatility).zip(rate);
        let Some(((((right, strike), expiry), volatility), rate)) = known else {
            let lacking = lacking.join(", ");
            return Err(missing("option", &format!("a delta, or these terms too: {lacking}")));
        };
        let dividend_yield = dividends.unwrap_or(0.0);
        let model = OptionModel { right, strike, volatility, rate, dividend_yield };
        Ok(OptionSensitivity::Model(model, expiry))
    }
}

/// The delta of the file, which must have the sign of the right beside it. Some systems write the
/// delta of a put without a sign, and a guess would turn a hedge into a bet.
fn given_delta(delta: f64, right: Option<Right>) -> Result<OptionSensitivity, Fault> {
    let (name, fits) = match right {
        Some(Right::Call) => ("call", 0.0 <= delta),
        Some(Right::Put) => ("put", delta <= 0.0),
        None => return Ok(OptionSensitivity::Delta(delta)),
    };
    if fits {
        return Ok(OptionSensitivity::Delta(delta));
    }
    let text = format!(
        "a {name} has no delta of {delta}; the delta is that of one option held long, so a call's \
         is not below zero and a put's not above"
    );
    Err(Fault::new(Reason::OutOfRange, text))
}

fn right(found: &[u8]) -> Option<Right> {
    match found.to_ascii_lowercase().as_slice() {
        b"call" | b"c" => Some(Right::Call),
        b"put" | b"p" => Some(Right::Put),
        _ => None,
    }
}

/// A decimal, or a number with a sign for per cent.
fn decimal(field: &str, found: &[u8]) -> Result<Option<f64>, Fault> {
    if found.ends_with(b"%") { percentage(field, found) } else { signed(field, found) }
}

fn missing(kind: &str, what: &str) -> Fault {
    Fault::new(Reason::MissingValue, format!("the {kind} needs {what}"))
}
