//! What a book holds in which currency: its lines, and its cash.

use crate::book::Book;
use marketdata::{
    currency::{Currency, Rate},
    day::Day,
    gap::{Gap, GapReason, Subject},
    quotes::Quotes,
    snapshot::Snapshot,
};
use std::collections::BTreeMap;

/// A balance of cash.
#[derive(Clone, Debug, PartialEq)]
pub struct Cash {
    /// Its name in answers.
    pub name: String,
    /// Its currency.
    pub currency: Currency,
    /// Amount in that currency, negative if it is owed.
    pub amount: f64,
}

/// What a book holds in one currency, in the base currency of its view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurrencyExposure {
    /// The currency.
    pub currency: Currency,
    /// Value of the longs quoted in it.
    pub long: f64,
    /// Value of the shorts quoted in it; positive.
    pub short: f64,
    /// Cash in it.
    pub cash: f64,
    /// What a unit is worth. `None` if no rate is known.
    pub rate: Option<Rate>,
}

/// Cash at the rates of the last session.
#[derive(Clone, Debug, PartialEq)]
pub struct ValuedCash {
    /// By currency; those without a rate are left out.
    values: BTreeMap<Currency, Vec<f64>>,
    /// What is left out, and what moves with a rate, without shares of gross.
    gaps: Vec<(Gap, Option<f64>)>,
}

/// The day whose rates convert what is held now: the last session with closes, else today.
fn rates_on(snapshot: &Snapshot, quotes: &Quotes) -> Day {
    quotes.session().unwrap_or(snapshot.today())
}

/// By what factor a currency grows against the base currency of a view between two days: what a strike
/// in it does meanwhile. `None` if its rate is unknown on either day: a strike then stays, and a gap must
/// say so.
#[must_use]
pub fn rate_growth(snapshot: &Snapshot, currency: Currency, (from, to): (Day, Day)) -> Option<f64> {
    let [from, to] = [from, to].map(|day| snapshot.rate(currency, day).ok());
    from.zip(to).map(|(from, to)| to.value / from.value)
}

/// Why there is no such growth. `None` if there is one.
#[must_use]
pub fn no_rate_growth(
    snapshot: &Snapshot,
    currency: Currency,
    (from, to): (Day, Day),
) -> Option<String> {
    let missing = [from, to].into_iter().find_map(|day| snapshot.rate(currency, day).err());
    missing.map(|missing| missing.why())
}

impl ValuedCash {
    /// Values balances in the base currency of a view.
    pub fn of(cash: &[Cash], snapshot: &Snapshot, quotes: &Quotes) -> ValuedCash {
        let on = rates_on(snapshot, quotes);
        let mut valued = ValuedCash { values: BTreeMap::new(), gaps: Vec::new() };
        // A rate may be read from a long series.
        let mut rates = BTreeMap::new();
        for balance in cash {
            let Cash { name, currency, amount } = balance;
            let line = Subject::Line(name.clone());
            match rates.entry(*currency).or_insert_with(|| snapshot.rate(*currency, on)) {
                Ok(rate) => {
                    let value = amount * rate.value;
                    valued.values.entry(*currency).or_default().push(value);
                    if *currency != snapshot.base() {
                        let base = snapshot.base();
                        let detail = format!(
                            "what the rate of {currency} to {base} makes of it is in no other number"
                        );
                        let gap = Gap::new(GapReason::ForeignCash, line, detail);
                        valued.gaps.push((gap, Some(value)));
                    }
                }
                Err(missing) => {
                    let detail = format!("the balance is left out: {}", missing.why());
                    valued.gaps.push((Gap::new(GapReason::NoRate, line, detail), None));
                }
            }
        }
        // A sum must not depend on the order of the balances.
        valued.values.values_mut().for_each(|values| values.sort_unstable_by(f64::total_cmp));
        valued
    }

    /// All balances; `None` without any.
    pub fn total(&self) -> Option<f64> {
        let mut all: Vec<f64> = self.values.values().flatten().copied().collect();
        all.sort_unstable_by(f64::total_cmp);
        (!all.is_empty()).then(|| all.iter().sum())
    }

    /// What is left out, and what moves with a rate, in a book of this gross.
    pub fn gaps(self, gross: f64) -> impl Iterator<Item = Gap> {
        self.gaps.into_iter().map(move |(gap, value)| match value.filter(|_| 0.0 < gross) {
            // Cash is no part of gross, so that it may exceed it.
            Some(value) => gap.of_gross((value.abs() / gross).min(1.0)),
            None => gap,
        })
    }
}

/// A book by currency, sorted by code; empty if everything is in the base currency of the view.
pub fn exposures(
    book: &Book,
    cash: (&[Cash], &ValuedCash),
    (snapshot, quotes): (&Snapshot, &Quotes),
) -> Vec<CurrencyExposure> {
    let (balances, valued) = cash;
    let on = rates_on(snapshot, quotes);
    let mut rows: BTreeMap<Currency, CurrencyExposure> = BTreeMap::new();
    let mut add = |currency: Currency, (long, short, cash): (f64, f64, f64)| {
        let nothing = || {
            let rate = snapshot.rate(currency, on).ok();
            CurrencyExposure { currency, long: 0.0, short: 0.0, cash: 0.0, rate }
        };
        let row = rows.entry(currency).or_insert_with(nothing);
        (row.long, row.short, row.cash) = (row.long + long, row.short + short, row.cash + cash);
    };
    for holding in &book.holdings {
        let currency = snapshot.quotation(holding.instrument, snapshot.today()).currency;
        let (value, boxed) = (holding.market_value, holding.boxed);
        add(currency, (value.max(0.0) + boxed, (-value).max(0.0) + boxed, 0.0));
    }
    // Nothing says in which currency an unresolved line would be quoted.
    let mut loose: Vec<f64> = book.loose.iter().filter_map(|line| line.market_value()).collect();
    loose.sort_unstable_by(f64::total_cmp);
    for value in loose {
        add(snapshot.base(), (value.max(0.0), (-value).max(0.0), 0.0));
    }
    for balance in balances {
        add(balance.currency, (0.0, 0.0, 0.0));
    }
    for (currency, values) in &valued.values {
        add(*currency, (0.0, 0.0, values.iter().sum()));
    }
    let is_foreign = rows.keys().any(|currency| *currency != snapshot.base());
    if is_foreign { rows.into_values().collect() } else { Vec::new() }
}
