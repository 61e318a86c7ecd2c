//! The factors of the regression model by name: what answers call them, how they are built, and
//! which symbols fill their roles.

use crate::{driver::Driver, model::RiskModel};
use factors::roles::{ResolvedRole, Role};
use marketdata::day::Day;

/// The name of the model in answers: betas by regression on the series of [`crate::drivers`].
pub const MODEL_ID: &str = "ballast-regression";

/// A factor of the model. Its value of a session is a return, a decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    /// The market.
    Market,
    /// Small caps less large caps, net of the market.
    Size,
    /// The market over the sessions on which it rose.
    MarketUp,
    /// The crowded trade.
    Trade,
}

impl Factor {
    /// Every factor, in the order of answers.
    pub const ALL: [Factor; 4] = [Factor::Market, Factor::Size, Factor::MarketUp, Factor::Trade];

    /// The name in answers.
    pub const fn id(self) -> &'static str {
        match self {
            Factor::Market => "MARKET",
            Factor::Size => "SIZE",
            Factor::MarketUp => "MARKET_UP",
            Factor::Trade => "trade/megacap_small_cap",
        }
    }

    /// How its returns and the betas to it are made, for people.
    pub const fn method(self) -> &'static str {
        match self {
            Factor::Market => {
                "Total return of the large-cap index. A name's beta is its slope on MARKET and SIZE \
                 together, by robust least squares weighted by age, shrunk towards its size bucket; \
                 the book's is the sum of market value x beta, and beside it the slope of its own \
                 returns."
            }
            Factor::Size => {
                "Return of the small-cap index less that of the large-cap index, less g x MARKET, \
                 where g is the slope of that spread on MARKET by least squares weighted by age. So \
                 SIZE has no market beta, and a beta to it is what small-cap leadership adds. Betas \
                 as for MARKET, estimated together with it."
            }
            Factor::MarketUp => {
                "MARKET over the sessions on which it rose; the others count as missing. A name's \
                 beta is its slope on MARKET_UP alone, robust and not shrunk. The book's is the \
                 slope of its own returns only. Compared with the beta to MARKET it says whether \
                 gains of the market help or hurt more than losses."
            }
            Factor::Trade => {
                "The crowded trade: the equal-weighted mean return of the megacaps less ratio x the \
                 return of the small-cap index, where ratio is the market beta of the first over \
                 that of the second, so that the trade has no market beta. A gain of the factor is \
                 a gain of those in the trade. A name's beta is its slope on the factor alone, \
                 robust and shrunk like its market beta."
            }
        }
    }
}

/// A role of a factor and the symbols that fill it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorRole {
    /// The role's id in the configuration.
    pub role: &'static str,
    /// The symbols with a history. Empty: none has one.
    pub symbols: Vec<RoleSymbol>,
}

/// A symbol that fills a role of a factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleSymbol {
    /// The symbol.
    pub symbol: String,
    /// The configured symbol, if this one is a proxy for it.
    pub proxy_for: Option<String>,
}

impl RoleSymbol {
    pub(crate) const fn of(symbol: String, proxy_for: Option<String>) -> RoleSymbol {
        RoleSymbol { symbol, proxy_for }
    }
}

/// The id of the list of megacaps in the configuration.
pub(crate) const MEGACAPS: &str = "megacaps";

impl RiskModel {
    /// The roles that a factor's series is made of: of a difference, the minuend first.
    pub fn factor_roles(&self, factor: Factor) -> Vec<FactorRole> {
        let (market, small) = self.resolved();
        let large = || index(Role::LargeCapIndex, market);
        let small = || index(Role::SmallCapIndex, small);
        match factor {
            Factor::Market | Factor::MarketUp => vec![large()],
            Factor::Size => vec![small(), large()],
            Factor::Trade => {
                let megacaps = self.roles.legs.first().into_iter().flat_map(|leg| &leg.symbols);
                let listed = |symbol: &String| RoleSymbol::of(symbol.clone(), None);
                vec![
                    FactorRole { role: MEGACAPS, symbols: megacaps.map(listed).collect() },
                    small(),
                ]
            }
        }
    }

    /// The series of a factor. `None` if its roles have too few returns.
    pub fn factor_driver(&self, factor: Factor) -> Option<&Driver> {
        let driver = match factor {
            Factor::Market => &self.drivers.market,
            Factor::Size => &self.drivers.size,
            Factor::MarketUp => &self.drivers.up_market,
            Factor::Trade => &self.drivers.crowd,
        };
        driver.as_ref()
    }

    /// The first and the last session of the model's panel with a return of the factor.
    pub fn factor_span(&self, factor: Factor) -> Option<(Day, Day)> {
        let returns = &self.factor_driver(factor)?.returns;
        let first = returns.iter().position(|value| value.is_finite())?;
        let last = returns.iter().rposition(|value| value.is_finite())?;
        let days = self.sessions.days();
        Some((days[first], days[last]))
    }
}

pub(crate) fn index(role: Role, resolved: Option<&ResolvedRole>) -> FactorRole {
    let symbol =
        |found: &ResolvedRole| RoleSymbol::of(found.symbol.clone(), found.proxy_for.clone());
    FactorRole { role: role.id(), symbols: resolved.map(symbol).into_iter().collect() }
}
