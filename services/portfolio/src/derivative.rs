//! Lines that are not plain stock: swaps, futures and options, and the shares that stand for them.
//!
//! Every such line becomes a size in its underlying before anything else sees it: shares, or a value
//! that is turned into shares as market values are. So all that is linear in shares is right for it
//! without knowing it.

use crate::{
    lines::{
        RawLine, Size, ValidLine, Violation, amount_bounds, cost_bounds, day, is_amount, is_cost,
        violation,
    },
    option::{OptionModel, Right, Sensitivities, VOLATILITY_BOUNDS, years},
};
use marketdata::{currency::Currency, day::Day};

/// What a line holds of its instrument, unchecked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind<'a> {
    /// The listed share or fund itself.
    Listed,
    /// A total return swap on it.
    Swap,
    /// Futures on it.
    Future(RawFuture),
    /// Options on it.
    Option(RawOption<'a>),
}

/// The terms of a future, unchecked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RawFuture {
    /// Units of the price per contract.
    pub multiplier: Option<f64>,
    /// Price of the future; `None`: that of the instrument.
    pub price: Option<f64>,
}

/// The terms of an option, unchecked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RawOption<'a> {
    /// Shares per contract.
    pub multiplier: Option<f64>,
    /// Where its delta comes from.
    pub sensitivity: Option<RawSensitivity<'a>>,
}

/// Where the delta of an option comes from, unchecked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RawSensitivity<'a> {
    /// The caller.
    Delta(f64),
    /// A model.
    Model(RawModel<'a>),
}

/// The terms of an option that is valued by a model, unchecked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RawModel<'a> {
    /// To buy or to sell.
    pub right: Option<Right>,
    /// Strike per share.
    pub strike: Option<f64>,
    /// ISO date.
    pub expires_on: &'a str,
    /// Per year.
    pub volatility: Option<f64>,
    /// Per year, continuous.
    pub rate: Option<f64>,
    /// Per year, continuous.
    pub dividend_yield: Option<f64>,
}

/// What a line that is not plain stock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DerivativeKind {
    /// A total return swap.
    Swap,
    /// Futures.
    Future,
    /// Options.
    Option,
}

/// A line that is not plain stock, valued.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Derivative {
    /// Index of the line.
    pub line: usize,
    /// The kind of contract.
    pub kind: DerivativeKind,
    /// Of an option.
    pub option: Option<ValuedOption>,
}

/// What an option line was valued with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValuedOption {
    /// Per share.
    pub delta: f64,
    /// `None` if the delta was given.
    pub model: Option<ModelledOption>,
}

/// An option line that a model values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModelledOption {
    /// Change of the line's exposure through its delta for a rise of the underlying by 1 %.
    pub gamma_per_percent: f64,
    /// Change of the line's value for a rise of the volatility by 0.01.
    pub vega_per_point: f64,
    /// The currency of the strike, if the line says one. Without it the strike is in the base currency.
    pub strike_in: Option<Currency>,
    model: OptionModel,
    /// Shares under contract, negative for a short.
    shares: f64,
    /// The last close.
    price: f64,
    years: f64,
}

impl ModelledOption {
    /// The same with a strike in a currency; `None` if it is in the base currency.
    pub(crate) fn with_strike_in(self, strike_in: Option<Currency>) -> ModelledOption {
        ModelledOption { strike_in, ..self }
    }

    /// What the line makes if its underlying has a return at once, at unchanged volatility.
    pub fn pnl(&self, total_return: f64) -> f64 {
        self.pnl_with(total_return, 1.0, 0.0)
    }

    /// The same if the rate of the currency of the strike grows by a factor and the volatility changes
    /// as well, which does not fall below its least.
    pub fn pnl_with(&self, total_return: f64, rate_growth: f64, volatility_change: f64) -> f64 {
        let volatility = (self.model.volatility + volatility_change).max(VOLATILITY_BOUNDS.0);
        let price = self.price * (1.0 + total_return).max(0.0);
        let strike = self.model.strike * rate_growth;
        let after = OptionModel { volatility, strike, ..self.model }.value(price, self.years);
        self.shares * (after - self.model.value(self.price, self.years))
    }

    /// The line at the last close.
    pub fn at_close(&self) -> OptionAt {
        self.at(self.price)
    }

    /// The line at a price.
    pub fn at(&self, price: f64) -> OptionAt {
        let delta = self.model.sensitivities(self.price, self.years).delta;
        OptionAt {
            strike_in: self.strike_in,
            model: self.model,
            shares: self.shares,
            price,
            years: self.years,
            value: self.model.value(price, self.years),
            exposure: self.shares * delta * price,
        }
    }
}

/// An option line at a price, with what does not depend on the move: it is valued at many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptionAt {
    /// As [`ModelledOption::strike_in`].
    pub strike_in: Option<Currency>,
    model: OptionModel,
    shares: f64,
    price: f64,
    years: f64,
    /// Of one share under contract at the price.
    value: f64,
    /// What the delta at the last close makes of a return of one.
    exposure: f64,
}

impl OptionAt {
    /// Whether it is held short.
    pub fn is_written(&self) -> bool {
        self.shares < 0.0
    }

    /// What the delta at the last close makes of a return of one, in the currency of the book.
    pub fn exposure(&self) -> f64 {
        self.exposure
    }

    /// What the line is worth by its terms; below zero if it is written.
    pub fn market_value(&self) -> f64 {
        self.shares * self.value
    }

    /// What the line makes, if its underlying has a return from the price on, beyond what its delta at
    /// the last close makes.
    pub fn beyond_delta(&self, total_return: f64) -> f64 {
        self.beyond_delta_with(total_return, 1.0)
    }

    /// The same if the rate of the currency of the strike grows by a factor.
    pub fn beyond_delta_with(&self, total_return: f64, rate_growth: f64) -> f64 {
        let price = self.price * (1.0 + total_return).max(0.0);
        let model = OptionModel { strike: self.model.strike * rate_growth, ..self.model };
        let after = model.value(price, self.years);
        self.shares * (after - self.value) - self.exposure * total_return
    }
}

/// What is known of a derivative before its market is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Terms {
    /// Its size is already one of the underlying.
    Linear(DerivativeKind),
    /// Futures by number and price. Their size is money, because no share count is known yet, but what
    /// was given is a quantity, which moves with the market.
    PricedFuture,
    /// An option of a given delta, which its size contains.
    Delta(f64),
    /// An option valued by a model; its size is the shares under contract.
    Model(OptionModel, Day),
}

impl Kind<'_> {
    /// The field of an amount of money of such a line.
    pub(crate) const fn money_field(&self) -> &'static str {
        match self {
            Kind::Listed => "market_value",
            Kind::Swap | Kind::Future(_) | Kind::Option(_) => "notional",
        }
    }

    /// What its size must be.
    pub(crate) const fn sizes(&self) -> &'static str {
        match self {
            Kind::Listed => "needs a quantity or a market_value",
            Kind::Swap => {
                "needs a quantity or a notional; the market value of a swap is not its exposure"
            }
            Kind::Future(_) => {
                "needs a quantity of contracts or a notional; the market value of a future is not \
                 its exposure"
            }
            Kind::Option(_) => {
                "needs a quantity of contracts; the market value of an option is not its exposure"
            }
        }
    }
}

const MULTIPLIER_BOUNDS: (f64, f64) = (1e-6, 1e9);
const RATE_BOUNDS: (f64, f64) = (-1.0, 1.0);

/// Checks what makes a line no plain stock, and turns its size into one of the underlying. `valid` is
/// the line as far as it is checked; `None` if it has a violation already.
pub(crate) fn check(
    at: usize,
    line: &RawLine<'_>,
    valid: Option<ValidLine>,
    violations: &mut Vec<Violation>,
) -> Option<ValidLine> {
    let before = violations.len();
    let mut fields = Fields { at, violations };
    let given = valid.map(|valid| valid.size);
    let (size, terms) = match &line.kind {
        Kind::Listed => return valid,
        Kind::Swap => (given, Some(Terms::Linear(DerivativeKind::Swap))),
        Kind::Future(terms) => {
            let factor = match line.size {
                Some(Size::MarketValue(_)) => fields.no_terms(terms),
                Some(Size::Shares(_)) | None => fields.future(terms, line.valued_on),
            };
            let has_price = factor.as_ref().is_some_and(|factor| factor.price.is_some());
            let size = given.zip(factor).map(|(size, factor)| factor.of(size));
            let terms = match has_price {
                true => Terms::PricedFuture,
                false => Terms::Linear(DerivativeKind::Future),
            };
            (size, Some(terms))
        }
        Kind::Option(option) => {
            let multiplier = fields.multiplier("option", option.multiplier);
            let terms = fields.sensitivity(option.sensitivity.as_ref());
            let delta = match terms {
                Some(Terms::Delta(delta)) => delta,
                Some(Terms::Model(..) | Terms::Linear(_) | Terms::PricedFuture) | None => 1.0,
            };
            let factor = multiplier.map(|shares| Factor { shares: shares * delta, price: None });
            (given.zip(factor).map(|(size, factor)| factor.of(size)), terms)
        }
    };
    if let Some(Size::Shares(amount) | Size::MarketValue(amount)) = size
        && !is_amount(amount)
    {
        let text = format!("what the contracts stand for {}", amount_bounds());
        fields.add("quantity", text);
    }
    if before < violations.len() {
        return None;
    }
    Some(ValidLine { size: size?, terms: Some(terms?), ..valid? })
}

/// What a contract stands for.
struct Factor {
    /// Units of the price.
    shares: f64,
    /// Its own price, if it is not that of the instrument.
    price: Option<f64>,
}

impl Factor {
    /// Contracts as shares or, with a price, as money. Money is what it is.
    fn of(&self, size: Size) -> Size {
        match (size, self.price) {
            (Size::Shares(count), None) => Size::Shares(count * self.shares),
            (Size::Shares(count), Some(price)) => Size::MarketValue(count * self.shares * price),
            (Size::MarketValue(value), _) => Size::MarketValue(value),
        }
    }
}

/// The fields of one line.
struct Fields<'a> {
    at: usize,
    violations: &'a mut Vec<Violation>,
}

impl Fields<'_> {
    fn add(&mut self, field: &str, text: impl Into<String>) {
        self.violations.push(violation(format!("positions[{}].{field}", self.at), text));
    }

    /// A number within bounds, both included.
    fn within(
        &mut self,
        field: &str,
        value: Option<f64>,
        (least, most): (f64, f64),
    ) -> Option<f64> {
        let found = value.filter(|value| (least..=most).contains(value));
        if found.is_none() {
            self.add(field, format!("must be given and from {least:e} to {most:e}"));
        }
        found
    }

    fn multiplier(&mut self, terms: &str, value: Option<f64>) -> Option<f64> {
        self.within(&format!("{terms}.multiplier"), value, MULTIPLIER_BOUNDS)
    }

    /// A notional needs no terms of the contract.
    fn no_terms(&mut self, terms: &RawFuture) -> Option<Factor> {
        for (field, given) in [("multiplier", terms.multiplier), ("price", terms.price)] {
            if given.is_some() {
                self.add(&format!("future.{field}"), "is for a quantity, not for a notional");
            }
        }
        Some(Factor { shares: 1.0, price: None })
    }

    fn future(&mut self, terms: &RawFuture, valued_on: &str) -> Option<Factor> {
        let multiplier = self.multiplier("future", terms.multiplier);
        if terms.price.is_some_and(|price| !is_cost(price)) {
            self.add("future.price", cost_bounds());
        }
        if terms.price.is_none() && !valued_on.is_empty() {
            self.add("valued_on", "is the day of a notional or of future.price");
        }
        Some(Factor { shares: multiplier?, price: terms.price })
    }

    fn sensitivity(&mut self, given: Option<&RawSensitivity<'_>>) -> Option<Terms> {
        match given {
            None => {
                self.add("option.sensitivity", "needs a delta or black_scholes");
                None
            }
            Some(RawSensitivity::Delta(delta)) => {
                self.within("option.delta", Some(*delta), (-1.0, 1.0)).map(Terms::Delta)
            }
            Some(RawSensitivity::Model(model)) => self.model(model),
        }
    }

    fn model(&mut self, model: &RawModel<'_>) -> Option<Terms> {
        let path = |field: &str| format!("option.black_scholes.{field}");
        if model.right.is_none() {
            self.add(&path("right"), "must be CALL or PUT");
        }
        let strike = model.strike.filter(|strike| is_cost(*strike));
        if strike.is_none() {
            self.add(&path("strike"), cost_bounds());
        }
        let expires_on = day(
            &format!("positions[{}].{}", self.at, path("expires_on")),
            model.expires_on,
            self.violations,
        );
        if model.expires_on.is_empty() {
            self.add(&path("expires_on"), "must be an ISO date (YYYY-MM-DD)");
        }
        let volatility = self.within(&path("volatility"), model.volatility, VOLATILITY_BOUNDS);
        let rate = self.within(&path("rate"), model.rate, RATE_BOUNDS);
        let dividends = self.within(&path("dividend_yield"), model.dividend_yield, RATE_BOUNDS);
        let model = OptionModel {
            right: model.right?,
            strike: strike?,
            volatility: volatility?,
            rate: rate?,
            dividend_yield: dividends?,
        };
        Some(Terms::Model(model, expires_on?))
    }
}

impl Terms {
    /// The terms with a strike in the base currency, given what a unit of the line's money is worth.
    pub(crate) fn at_rate(self, rate: f64) -> Terms {
        match self {
            Terms::Model(model, expires_on) => {
                Terms::Model(OptionModel { strike: model.strike * rate, ..model }, expires_on)
            }
            Terms::Linear(_) | Terms::PricedFuture | Terms::Delta(_) => self,
        }
    }

    /// The kind of the line.
    pub(crate) const fn kind(&self) -> DerivativeKind {
        match self {
            Terms::Linear(kind) => *kind,
            Terms::PricedFuture => DerivativeKind::Future,
            Terms::Delta(_) | Terms::Model(..) => DerivativeKind::Option,
        }
    }
}

/// An option line of a model: its delta-equivalent shares, and what it was valued with. `shares` are
/// those under contract, `price` the last close on `session`, before the expiry.
pub(crate) fn value_option(
    (model, expires_on): (&OptionModel, Day),
    shares: f64,
    (price, session): (f64, Day),
) -> (f64, ValuedOption) {
    let years = years(session, expires_on);
    let Sensitivities { delta, gamma, vega } = model.sensitivities(price, years);
    let modelled = ModelledOption {
        gamma_per_percent: shares * gamma * price * price / 100.0,
        vega_per_point: shares * vega / 100.0,
        strike_in: None,
        model: *model,
        shares,
        price,
        years,
    };
    (shares * delta, ValuedOption { delta, model: Some(modelled) })
}

#[cfg(test)]
mod tests;
