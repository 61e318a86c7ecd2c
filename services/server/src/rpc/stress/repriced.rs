//! The options of a book, valued anew at the prices after a scenario.

use super::setup::Setup;
use crate::rpc::portfolio;
use ::portfolio::{
    book::Lot,
    currencies::{no_rate_growth, rate_growth},
};
use contract::v1;
use marketdata::{
    currency::Currency,
    day::Day,
    gap::{Gap, GapReason, Subject},
};
use stress::replay::ReplayReport;

/// An option line of known terms after a scenario.
#[derive(Clone)]
struct Repriced {
    line: usize,
    total_return: f64,
    first_order_pnl: f64,
    repriced_pnl: f64,
    /// By change of the volatility.
    by_change: Vec<f64>,
}

impl Repriced {
    fn beyond(&self) -> f64 {
        self.repriced_pnl - self.first_order_pnl
    }
}

/// The options of a book after a scenario, in the order submitted.
pub(super) struct Options<'a> {
    setup: &'a Setup,
    all: Vec<Repriced>,
}

/// What the rates of currencies do in a scenario.
#[derive(Clone, Copy)]
pub(super) enum Rates {
    /// They stay: the scenario does not say how much of a return is the rate's.
    Fixed,
    /// They move as they did between two days; one that is unknown stays, and a gap says so.
    Between((Day, Day)),
}

impl Rates {
    /// Those of a replay.
    pub(super) fn of(report: &ReplayReport) -> Rates {
        Rates::Between(report.ends())
    }

    /// By what factor a strike grows in the currency of the book.
    pub(super) fn growth(self, setup: &Setup, strike_in: Option<Currency>) -> f64 {
        let (Rates::Between((from, to)), Some(currency)) = (self, strike_in) else { return 1.0 };
        rate_growth(setup.exposure.snapshot(), currency, (from, to)).unwrap_or(1.0)
    }

    /// Why a strike in another currency than that of the book stays. `None` if it does not.
    fn why_fixed(self, setup: &Setup, strike_in: Currency) -> Option<String> {
        match self {
            Rates::Fixed => {
                Some(format!("the scenario does not say what the rate of {strike_in} does"))
            }
            Rates::Between(ends) => no_rate_growth(setup.exposure.snapshot(), strike_in, ends),
        }
    }
}

/// One gap per name with strikes in another currency that stay where they are.
pub(super) fn fixed_strikes(setup: &Setup, rates: Rates) -> Vec<Gap> {
    let (book, snapshot) = (&setup.book, setup.exposure.snapshot());
    let why = |lot: &Lot| {
        let model = book.derivative(lot.line)?.option?.model?;
        let strike_in = model.strike_in.filter(|currency| *currency != snapshot.base())?;
        rates.why_fixed(setup, strike_in)
    };
    let mut gaps = Vec::new();
    for holding in &book.holdings {
        let Some(why) = book.lots(holding).iter().find_map(why) else { continue };
        let detail =
            format!("{why}: the strikes of its options are converted at that of the as-of date");
        let subject = Subject::symbol(snapshot.symbol(holding.instrument));
        let gap = Gap::new(GapReason::Proxy, subject, detail);
        gaps.push(gap.of_gross(holding.gross() / book.gross));
    }
    gaps
}

/// The options of known terms whose underlying has a return; `total_return` gives that of a holding.
pub(super) fn options(
    setup: &Setup,
    rates: Rates,
    total_return: impl Fn(usize) -> f64,
) -> Options<'_> {
    let (book, changes) = (&setup.book, &setup.setting.volatility_changes);
    let mut all = Vec::new();
    for (at, holding) in book.holdings.iter().enumerate() {
        let total_return = total_return(at);
        if !total_return.is_finite() {
            continue;
        }
        for lot in book.lots(holding) {
            let option = book.derivative(lot.line).and_then(|derivative| derivative.option);
            let Some(model) = option.and_then(|option| option.model) else { continue };
            let growth = rates.growth(setup, model.strike_in);
            let made = |by: f64| model.pnl_with(total_return, growth, by);
            all.push(Repriced {
                line: lot.line,
                total_return,
                first_order_pnl: lot.market_value * total_return,
                repriced_pnl: made(0.0),
                by_change: changes.iter().map(|by| made(*by)).collect(),
            });
        }
    }
    all.sort_by_key(|option| option.line);
    Options { setup, all }
}

impl Options<'_> {
    /// The P&L with the sum over all options, and as many of them as positions are listed: those that
    /// add most to the sum, by size. Each P&L has its own, so all of a large book would be too many.
    pub(super) fn beside(self, pnl: v1::ScenarioOutcome) -> v1::ScenarioOutcome {
        let Options { setup, mut all } = self;
        if all.is_empty() {
            return pnl;
        }
        let sum = all.iter().fold(0.0, |sum, option| sum + option.beyond());
        let at = |change: usize| {
            let beyond = |option: &Repriced| option.by_change[change] - option.first_order_pnl;
            all.iter().fold(0.0, |sum, option| sum + beyond(option))
        };
        let by_change = (0..setup.setting.volatility_changes.len()).map(at).collect();
        all.sort_by(|a, b| b.beyond().abs().total_cmp(&a.beyond().abs()));
        all.truncate(setup.setting.top_options);
        all.sort_by_key(|option| option.line);
        let row = |option: &Repriced| v1::RepricedOption {
            position_id: portfolio::name(&setup.setting.portfolio, option.line),
            total_return: option.total_return,
            first_order_pnl: option.first_order_pnl,
            repriced_pnl: option.repriced_pnl,
            repriced_pnl_by_change: option.by_change.clone(),
        };
        let options = all.iter().map(row).collect();
        v1::ScenarioOutcome {
            options,
            beyond_first_order_pnl: Some(sum),
            beyond_first_order_pnl_by_change: by_change,
            ..pnl
        }
    }
}
