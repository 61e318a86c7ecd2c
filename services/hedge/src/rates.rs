//! What the rates of currencies did in the past sessions of a view.
//!
//! Returns of lines are in the base currency and contain what the rate did. The strike of an option
//! in another currency is converted at the rate of the day, so it moves with the rate as well.

use marketdata::{currency::Currency, day::Day};
use portfolio::currencies::rate_growth;
use risk::factor_view::FactorView;
use std::collections::{BTreeMap, BTreeSet};

/// Growth of rates, as factors by session.
#[derive(Clone, Debug)]
pub(crate) struct Rates {
    by_currency: BTreeMap<Currency, Vec<f64>>,
    /// Sessions at whose start or end a currency has no rate: it stays there.
    missing: BTreeMap<Currency, usize>,
    sessions: usize,
}

impl Rates {
    /// Those of some currencies.
    pub(crate) fn of(view: &FactorView<'_>, currencies: impl Iterator<Item = Currency>) -> Rates {
        let snapshot = &view.risk.snapshot;
        let days = &view.risk.sessions.with_start()[view.first..];
        let (mut by_currency, mut missing) = (BTreeMap::new(), BTreeMap::new());
        let wanted: BTreeSet<Currency> =
            currencies.filter(|currency| *currency != snapshot.base()).collect();
        for currency in wanted {
            let growth = |pair: &[Day]| rate_growth(snapshot, currency, (pair[0], pair[1]));
            let known: Vec<Option<f64>> = days.windows(2).map(growth).collect();
            missing.insert(currency, known.iter().filter(|growth| growth.is_none()).count());
            by_currency
                .insert(currency, known.iter().map(|growth| growth.unwrap_or(1.0)).collect());
        }
        Rates { by_currency, missing, sessions: view.weights.len() }
    }

    /// Sessions at whose start or end a currency has no rate, and of how many.
    pub(crate) fn missing(&self, currency: Currency) -> (usize, usize) {
        (self.missing.get(&currency).copied().unwrap_or(0), self.sessions)
    }

    /// By session, of the currency of a strike; `None`: it is in the base currency.
    pub(crate) fn growth(&self, currency: Option<Currency>) -> Vec<f64> {
        let found = currency.and_then(|currency| self.by_currency.get(&currency));
        found.cloned().unwrap_or_else(|| vec![1.0; self.sessions])
    }

    /// The same in the first sessions, less what rates did on average.
    pub(crate) fn centred(&self, currency: Option<Currency>, sessions: usize) -> Vec<f64> {
        let mut growth = self.growth(currency);
        growth.truncate(sessions);
        let drift = growth.iter().map(|growth| growth - 1.0).sum::<f64>() / sessions.max(1) as f64;
        growth.iter_mut().for_each(|growth| *growth -= drift);
        growth
    }
}
