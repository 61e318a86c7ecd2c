//! Currencies of portfolios: what is read, and what is said.

use crate::rpc::field::Fields;
use ::portfolio::{
    book::Book,
    currencies::{Cash, CurrencyExposure, ValuedCash, exposures},
};
use contract::v1;
use marketdata::{currency::Currency, gap::Gap, quotes::Quotes, snapshot::Snapshot};

/// Reads a code and writes the default into the request.
pub(super) fn check(fields: &mut Fields, field: &str, code: &mut String, default: &str) {
    if code.is_empty() {
        default.clone_into(code);
    }
    if let Some(whole) = Currency::of_hundredths(code) {
        let text = format!(
            "must be {whole}: {code} is the unit of prices in hundredths of {whole}, in which lines \
             may be quoted and no amounts are given"
        );
        fields.add(field, text);
    } else if Currency::parse(code).is_none() {
        fields.add(field, "must be an ISO 4217 code of three capital letters, or empty");
    }
}

/// The currency of the amounts of a portfolio, which has a valid one.
pub fn base(portfolio: Option<&v1::Portfolio>) -> Currency {
    portfolio.and_then(|held| Currency::parse(&held.currency)).unwrap_or(Currency::USD)
}

/// The cash of a portfolio, by the names of its lines in answers.
fn balances(portfolio: &v1::Portfolio) -> Vec<Cash> {
    let of = |(at, balance): (usize, &v1::CashBalance)| {
        let name = match balance.position_id.is_empty() {
            true => format!("portfolio.cash[{at}]"),
            false => balance.position_id.clone(),
        };
        Some(Cash { name, currency: Currency::parse(&balance.currency)?, amount: balance.amount? })
    };
    portfolio.cash.iter().enumerate().filter_map(of).collect()
}

/// The cash of a book, and the book by currency.
#[derive(Debug)]
pub struct Money {
    /// All cash in the portfolio's currency; `None` without any that has a rate.
    pub cash: Option<f64>,
    /// Empty if everything is in the portfolio's currency.
    pub currencies: Vec<v1::CurrencyExposure>,
    /// Cash without a rate, and cash that moves with one.
    pub gaps: Vec<Gap>,
}

impl Money {
    /// What a portfolio holds in which currency.
    pub fn of(
        portfolio: &v1::Portfolio,
        book: &Book,
        (snapshot, quotes): (&Snapshot, &Quotes),
    ) -> Money {
        let balances = balances(portfolio);
        let valued = ValuedCash::of(&balances, snapshot, quotes);
        let rows = exposures(book, (&balances, &valued), (snapshot, quotes));
        let cash = valued.total();
        let gaps = valued.gaps(book.gross).collect();
        Money { cash, currencies: rows.into_iter().map(exposure).collect(), gaps }
    }
}

fn exposure(row: CurrencyExposure) -> v1::CurrencyExposure {
    let rate_on = row.rate.and_then(|rate| rate.on);
    v1::CurrencyExposure {
        currency: row.currency.to_string(),
        long: row.long,
        short: row.short,
        cash: row.cash,
        net: row.long - row.short + row.cash,
        rate: row.rate.map(|rate| rate.value),
        rate_on: rate_on.map(|day| day.to_string()).unwrap_or_default(),
    }
}
