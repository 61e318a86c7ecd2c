//! Factors that a request chooses by id, and their values from session to session.
//!
//! All of them are made of stored series. MARKET, SIZE and CROWD are the drivers of the betas of every
//! report; the others are differences of returns, or changes of a yield. Which funds stand for a factor
//! is fixed here, because an id must mean the same on every desk; a desk that prefers others names
//! series of its own.

use crate::{
    driver::{Driver, slope},
    drivers::Drivers,
    factor::{Factor, FactorRole, MEGACAPS, RoleSymbol, index},
    model::RiskModel,
    series::{MoveUnit, changes_of, role_moves},
};
use factors::{
    most_shorted::most_shorted,
    roles::{Role, Roles},
};
use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    gap::GapReason,
    instrument::InstrumentId,
    snapshot::{Series, Snapshot},
};

/// The name of the betas to chosen factors in answers.
pub const MODEL_ID: &str = "ballast-factors";

/// Maximum number of factors of a request.
pub const FACTORS_MAX: usize = 8;

/// A factor with a meaning of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KnownFactor {
    /// The market.
    Market,
    /// Small caps less large caps, net of the market.
    Size,
    /// The trade of the settings.
    Crowd,
    /// Megacaps less the market.
    Megacap,
    /// A momentum fund less the market.
    Momentum,
    /// A value fund less a growth fund.
    Value,
    /// The most-shorted names less the market.
    MostShorted,
    /// Change of the ten-year yield.
    Rates,
    /// A high-yield fund less what moves with the ten-year yield.
    Credit,
}

impl KnownFactor {
    /// Every one.
    pub const ALL: [KnownFactor; 9] = [
        KnownFactor::Market,
        KnownFactor::Size,
        KnownFactor::Crowd,
        KnownFactor::Megacap,
        KnownFactor::Momentum,
        KnownFactor::Value,
        KnownFactor::MostShorted,
        KnownFactor::Rates,
        KnownFactor::Credit,
    ];

    /// Those of a request that names none: all but CROWD, which MARKET, SIZE and MEGACAP determine.
    pub const USUAL: [KnownFactor; FACTORS_MAX] = [
        KnownFactor::Market,
        KnownFactor::Size,
        KnownFactor::Megacap,
        KnownFactor::Momentum,
        KnownFactor::Value,
        KnownFactor::MostShorted,
        KnownFactor::Rates,
        KnownFactor::Credit,
    ];

    /// The name in requests and answers.
    pub const fn id(self) -> &'static str {
        match self {
            KnownFactor::Market => "MARKET",
            KnownFactor::Size => "SIZE",
            KnownFactor::Crowd => "CROWD",
            KnownFactor::Megacap => "MEGACAP",
            KnownFactor::Momentum => "MOMENTUM",
            KnownFactor::Value => "VALUE",
            KnownFactor::MostShorted => "MOST_SHORTED",
            KnownFactor::Rates => "RATES",
            KnownFactor::Credit => "CREDIT",
        }
    }

    /// The factor of a name.
    pub fn from_id(id: &str) -> Option<KnownFactor> {
        KnownFactor::ALL.into_iter().find(|factor| factor.id() == id)
    }
}

/// A factor of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactorChoice {
    /// One with a meaning of its own.
    Known(KnownFactor),
    /// A series of the caller's.
    Own {
        /// Its name in the answer.
        factor_id: String,
        /// A line or a stored series.
        symbol: String,
        /// What is subtracted.
        less: Option<String>,
    },
}

impl FactorChoice {
    /// The name in the answer.
    pub fn id(&self) -> &str {
        match self {
            FactorChoice::Known(factor) => factor.id(),
            FactorChoice::Own { factor_id, .. } => factor_id,
        }
    }

    /// The unit of its values. That of a caller's series follows from its kind: one that no line has is
    /// a stored series, and one that is not known counts as a line.
    fn unit(&self, snapshot: &Snapshot) -> MoveUnit {
        match self {
            FactorChoice::Known(KnownFactor::Rates) => MoveUnit::BasisPoints,
            FactorChoice::Known(_) => MoveUnit::Return,
            FactorChoice::Own { symbol, .. } => {
                let is_stored = snapshot.listed(symbol).is_none();
                match is_stored && snapshot.series_id(symbol).is_some() {
                    true => MoveUnit::Points,
                    false => MoveUnit::Return,
                }
            }
        }
    }
}

/// Candidates for the fund of a factor, the first with enough returns first.
const MOMENTUM_FUNDS: &[[&str; 1]] = &[["MTUM"], ["SPMO"]];
const VALUE_FUNDS: &[[&str; 2]] = &[["IWD", "IWF"], ["VTV", "VUG"], ["IVE", "IVW"]];
const CREDIT_FUNDS: &[[&str; 1]] = &[["HYG"], ["JNK"], ["USHY"]];

/// What the roles of a chosen factor are called in answers.
const FUND: &str = "fund";
const SERIES: &str = "series";
const MOST_SHORTED: &str = "most_shorted";

/// Values of a factor.
#[derive(Clone, Debug, PartialEq)]
pub struct FactorSeries {
    /// By session of the risk model's panel, NaN if missing.
    pub moves: Vec<f64>,
    /// Their unit.
    pub unit: MoveUnit,
    /// What they are made of; of a difference, the minuend first.
    pub roles: Vec<FactorRole>,
    /// What they lack. `None` if nothing is known to be missing.
    pub lack: Option<Lack>,
}

/// What values of a factor lack.
#[derive(Clone, Debug, PartialEq)]
pub struct Lack {
    /// The reason.
    pub reason: GapReason,
    /// What is missing, for people.
    pub detail: String,
}

/// Why a factor has no values.
#[derive(Clone, Debug, PartialEq)]
pub struct NoSeries {
    /// The unit that they would have.
    pub unit: MoveUnit,
    /// The reason.
    pub reason: GapReason,
    /// What is missing, for people.
    pub detail: String,
}

fn missing(detail: impl Into<String>) -> Lack {
    Lack { reason: GapReason::InputMissing, detail: detail.into() }
}

/// What factors are read from.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// Names and returns of the view.
    pub model: &'a RiskModel,
    /// The view, with short interest.
    pub snapshot: &'a Snapshot,
    /// The roles.
    pub roles: &'a Roles,
    /// MARKET, SIZE and the trade, over the window of the betas.
    pub drivers: &'a Drivers,
    /// Minimum number of values in that window.
    pub least: usize,
}

impl Sources<'_> {
    /// The values of a factor.
    ///
    /// # Errors
    /// If what it is made of is not known.
    pub fn read(&self, choice: &FactorChoice) -> Result<FactorSeries, NoSeries> {
        let found = match choice {
            FactorChoice::Known(factor) => self.known(*factor),
            FactorChoice::Own { symbol, less, .. } => self.own(symbol, less.as_deref()),
        };
        let none = |unit: MoveUnit, Lack { reason, detail }| NoSeries { unit, reason, detail };
        let found = found.map_err(|lack| none(choice.unit(self.snapshot), lack))?;
        let window = &found.moves[self.drivers.first..self.drivers.end];
        let present = window.iter().filter(|value| value.is_finite()).count();
        let (least, sessions) = (self.least, window.len());
        if least <= present {
            return Ok(found);
        }
        let detail = format!(
            "it has values on {present} of {sessions} sessions of the window; betas need {least}"
        );
        Err(none(found.unit, Lack { reason: GapReason::ShortHistory, detail }))
    }

    fn known(&self, factor: KnownFactor) -> Result<FactorSeries, Lack> {
        let drivers = self.drivers;
        match factor {
            KnownFactor::Market => self.driver(Factor::Market, drivers.market.as_ref()),
            KnownFactor::Size => self.driver(Factor::Size, drivers.size.as_ref()),
            KnownFactor::Crowd => self.driver(Factor::Trade, drivers.crowd.as_ref()),
            KnownFactor::Megacap => self.megacap(),
            KnownFactor::Momentum => {
                let (moves, fund) = self.funds(MOMENTUM_FUNDS)?;
                self.less_market(&moves, fund)
            }
            KnownFactor::Value => {
                let (moves, roles) = self.funds(VALUE_FUNDS)?;
                Ok(FactorSeries { moves, unit: MoveUnit::Return, roles, lack: None })
            }
            KnownFactor::MostShorted => self.most_shorted(),
            KnownFactor::Rates => self.rates(),
            KnownFactor::Credit => self.credit(),
        }
    }

    fn driver(&self, factor: Factor, driver: Option<&Driver>) -> Result<FactorSeries, Lack> {
        let roles = self.model.factor_roles(factor);
        let names: Vec<&str> = roles.iter().map(|role| role.role).collect();
        let lacks = || missing(format!("of {} too few returns are known", names.join(", ")));
        let moves = driver.ok_or_else(lacks)?.returns.clone();
        Ok(FactorSeries { moves, unit: MoveUnit::Return, roles, lack: None })
    }

    /// Returns less those of the market.
    fn less_market(&self, moves: &[f64], mut roles: Vec<FactorRole>) -> Result<FactorSeries, Lack> {
        let market = self.driver(Factor::Market, self.drivers.market.as_ref())?;
        roles.extend(market.roles);
        let moves = less(moves, &market.moves);
        Ok(FactorSeries { moves, unit: MoveUnit::Return, roles, lack: None })
    }

    fn megacap(&self) -> Result<FactorSeries, Lack> {
        let leg = self.model.roles.legs.first();
        let found = leg.and_then(|leg| Some((leg, leg.returns.clone()?)));
        let (leg, moves) = found.ok_or_else(|| missing("no megacap has a return"))?;
        let listed = |symbol: &String| RoleSymbol::of(symbol.clone(), None);
        let symbols = leg.symbols.iter().map(listed).collect();
        self.less_market(&moves, vec![FactorRole { role: MEGACAPS, symbols }])
    }

    fn most_shorted(&self) -> Result<FactorSeries, Lack> {
        let basket = most_shorted(self.snapshot, self.roles, None);
        if basket.returns.to.is_empty() {
            return Err(missing(
                "no basket of the most-shorted names has a return: it needs short interest, floats, \
                 share counts and closes",
            ));
        }
        let on = |days: &[Day]| {
            let at = basket.returns.to.binary_search(&days[1]).ok()?;
            (basket.returns.from[at] == days[0]).then(|| basket.returns.values[at])
        };
        let days = self.model.sessions.with_start().windows(2);
        let moves: Vec<f64> = days.map(|days| on(days).unwrap_or(f64::NAN)).collect();
        let held = basket.rebalances.last().into_iter().flat_map(|last| &last.members);
        let name = |(id, _): &(InstrumentId, f64)| {
            RoleSymbol::of(self.snapshot.symbol(*id).to_owned(), None)
        };
        let symbols = held.map(name).collect();
        let days = self.model.sessions.days();
        let first = days.get(self.drivers.first).copied().unwrap_or(Day::MIN);
        let lack = basket
            .unknown_units(self.snapshot, first)
            .map(|detail| Lack { reason: GapReason::BasisUnknown, detail });
        let found = self.less_market(&moves, vec![FactorRole { role: MOST_SHORTED, symbols }])?;
        Ok(FactorSeries { lack, ..found })
    }

    fn rates(&self) -> Result<FactorSeries, Lack> {
        let resolved = self.roles.resolve_role(self.snapshot, Role::TenYear);
        let moves = role_moves(self.model, self.roles, Role::TenYear);
        let candidates = || self.roles.candidates(Role::TenYear).join(", ");
        let lacks = || missing(format!("of {} no changes are known", candidates()));
        let moves = moves.ok_or_else(lacks)?;
        let roles = vec![index(Role::TenYear, resolved.as_ref())];
        Ok(FactorSeries { moves, unit: MoveUnit::BasisPoints, roles, lack: None })
    }

    fn credit(&self) -> Result<FactorSeries, Lack> {
        let (fund, mut roles) = self.funds(CREDIT_FUNDS)?;
        let rates = self.rates()?;
        let Drivers { first, weights, .. } = self.drivers;
        let of_rates = slope(&fund, &rates.moves, *first, weights)
            .ok_or_else(|| missing("too few sessions have a return of the fund and a yield"))?;
        let moved: Vec<f64> = rates.moves.iter().map(|change| of_rates * change).collect();
        roles.extend(rates.roles);
        let moves = less(&fund, &moved);
        Ok(FactorSeries { moves, unit: MoveUnit::Return, roles, lack: None })
    }

    /// The returns of the first candidate with enough of them: a fund, or one less another.
    fn funds<const N: usize>(
        &self,
        candidates: &[[&'static str; N]],
    ) -> Result<(Vec<f64>, Vec<FactorRole>), Lack> {
        let Drivers { first, end, .. } = *self.drivers;
        let read = |symbols: &[&'static str; N]| {
            let lines: Option<Vec<Vec<f64>>> =
                symbols.iter().map(|symbol| self.line(symbol)).collect();
            let moves = lines?.into_iter().reduce(|a, b| less(&a, &b))?;
            let present = moves[first..end].iter().filter(|value| value.is_finite()).count();
            (self.least <= present).then_some((*symbols, moves))
        };
        let Some((symbols, moves)) = candidates.iter().find_map(read) else {
            let all: Vec<String> = candidates.iter().map(|pair| pair.join(" less ")).collect();
            return Err(missing(format!("{} too few returns are known", of(&all))));
        };
        let meant = candidates.first().unwrap_or(&symbols);
        let role = |(symbol, meant): (&&str, &&str)| {
            let proxy_for = (symbol != meant).then(|| (*meant).to_owned());
            let symbols = vec![RoleSymbol::of((*symbol).to_owned(), proxy_for)];
            FactorRole { role: FUND, symbols }
        };
        Ok((moves, symbols.iter().zip(meant).map(role).collect()))
    }

    /// The total returns of a line. `None` without any.
    fn line(&self, symbol: &str) -> Option<Vec<f64>> {
        let id = self.snapshot.listed(symbol)?;
        let mut returns = vec![0.0; self.model.sessions.len()];
        let present = self.model.sessions.total_returns(self.snapshot, id, &mut returns);
        (0 < present).then_some(returns)
    }

    /// The changes of a stored series from session to session. `None` without any.
    fn changes(&self, symbol: &str) -> Option<Vec<f64>> {
        let id = self.snapshot.series_id(symbol)?;
        let Series { days, values } = self.snapshot.series(Dataset::Series, Field::Value, id);
        let levels: Vec<(Day, f64)> = days.into_iter().zip(values).collect();
        let moves = changes_of(&self.model.sessions, &levels, 1.0);
        moves.iter().any(|value| value.is_finite()).then_some(moves)
    }

    fn own(&self, symbol: &str, less_symbol: Option<&str>) -> Result<FactorSeries, Lack> {
        let all: Vec<&str> = std::iter::once(symbol).chain(less_symbol).collect();
        let read = |read: &dyn Fn(&str) -> Option<Vec<f64>>| -> Option<Vec<f64>> {
            let series: Option<Vec<Vec<f64>>> = all.iter().map(|symbol| read(symbol)).collect();
            series?.into_iter().reduce(|a, b| less(&a, &b))
        };
        let returns = read(&|symbol| self.line(symbol)).map(|moves| (moves, MoveUnit::Return));
        let changes =
            || read(&|symbol| self.changes(symbol)).map(|moves| (moves, MoveUnit::Points));
        let (moves, unit) = returns.or_else(changes).ok_or_else(|| {
            let names: Vec<String> = all.iter().map(|symbol| (*symbol).to_owned()).collect();
            let kind = if less_symbol.is_some() { ", or they are of two kinds" } else { "" };
            missing(format!("{} neither returns nor changes are known{kind}", of(&names)))
        })?;
        let role = |symbol: &&str| FactorRole {
            role: SERIES,
            symbols: vec![RoleSymbol::of((*symbol).to_owned(), None)],
        };
        let roles = all.iter().map(role).collect();
        Ok(FactorSeries { moves, unit, roles, lack: None })
    }
}

fn of(names: &[String]) -> String {
    format!("of {}", names.join(", "))
}

/// One series less another; missing where one is.
fn less(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}
