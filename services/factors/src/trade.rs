//! A trade: what is held long against what is held short, as data.
//!
//! A leg is two things. As a membership test it says which positions belong to the trade: its side,
//! and selectors of names. As a return series it says what the trade earns. The two differ on
//! purpose: thousands of small caps belong to the short leg, and one index is its return.
//!
//! The trade returns L − ratio·S, with L the mean of the long legs' returns and S that of the short
//! legs'. [`Neutrality`] says what the ratio is.

use crate::roles::{Issuer, Role, Roles};

/// Id of the trade that is reported by default.
pub const MEGACAP_SMALL_CAP: &str = "megacap_small_cap";

/// Minimum number of megacap issuers with a return for a session's mean to count.
const MEGACAPS_MIN: usize = 4;

/// A trade.
#[derive(Clone, Debug, PartialEq)]
pub struct TradeDefinition {
    /// Its id; its factor is `trade/<trade_id>`.
    pub trade_id: String,
    /// Its name for people.
    pub name: String,
    /// What the ratio of the two sides makes neutral.
    pub neutrality: Neutrality,
    /// Its legs, at least one on each side. A position belongs to the first leg that it matches.
    pub legs: Vec<LegDefinition>,
}

/// How many units are held short per unit held long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Neutrality {
    /// β_L/β_S, the ratio of the market betas of the two sides, fitted with the weights of betas on
    /// the sessions that both have: the trade has no market beta.
    MarketBeta,
    /// One.
    Dollar,
}

/// The side of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Held long.
    Long,
    /// Held short.
    Short,
}

/// A leg of a trade.
#[derive(Clone, Debug, PartialEq)]
pub struct LegDefinition {
    /// Its id, unique in the trade.
    pub leg_id: String,
    /// Its side: only positions of this sign belong to it.
    pub side: Side,
    /// A position belongs to the leg if at least one of these selects it …
    pub any_of: Vec<Selector>,
    /// … and none of these does.
    pub none_of: Vec<Selector>,
    /// What the leg earns.
    pub returns: ReturnProxy,
}

/// Selects names.
#[derive(Clone, Debug, PartialEq)]
pub enum Selector {
    /// Known companies in a bucket of the standard size scheme.
    Bucket(String),
    /// Known companies whose rank by current market value lies between two ranks, both included.
    Ranks(u32, u32),
    /// The line of a name: its symbol, or what else a caller names it by.
    Symbol(String),
    /// The newest known holdings of the fund of a name.
    HoldingsOf(String),
    /// Every candidate of a role.
    Role(Role),
    /// The newest known holdings of every candidate of a role.
    HoldingsOfRole(Role),
}

/// The return series of a leg.
#[derive(Clone, Debug, PartialEq)]
pub enum ReturnProxy {
    /// The mean over members of the mean over their lines, on sessions with returns of at least
    /// `min_members`. Weights are equal, and begin anew every session.
    Basket {
        /// The members.
        members: Vec<BasketMember>,
        /// The number of members that must have a return, at least 1.
        min_members: usize,
    },
    /// Total returns of the line of a name.
    Symbol(String),
    /// Returns of the instrument resolved for a role.
    Role(Role),
}

/// A company in a basket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasketMember {
    /// The name an answer uses for it.
    pub name: String,
    /// The names of its lines.
    pub lines: Vec<String>,
}

impl Role {
    /// Whether a trade can hold it: it is an index or a fund of shares. Yields, spreads and
    /// volatilities have no return that a position earns.
    pub const fn is_held(self) -> bool {
        match self {
            Role::SmallCapIndex
            | Role::LargeCapIndex
            | Role::Nasdaq
            | Role::Dow
            | Role::MidCapIndex
            | Role::BroadMarket
            | Role::EqualWeight
            | Role::CapWeight => true,
            Role::Volatility
            | Role::TenYear
            | Role::TwoYear
            | Role::CreditSpread
            | Role::Defensive
            | Role::Cyclical => false,
        }
    }
}

impl LegDefinition {
    /// Every line that it names, as named.
    pub fn line_names(&self) -> impl Iterator<Item = &String> {
        let selected = self.any_of.iter().chain(&self.none_of).filter_map(|one| match one {
            Selector::Symbol(name) | Selector::HoldingsOf(name) => Some(name),
            Selector::Bucket(_)
            | Selector::Ranks(..)
            | Selector::Role(_)
            | Selector::HoldingsOfRole(_) => None,
        });
        let (members, line): (&[BasketMember], _) = match &self.returns {
            ReturnProxy::Basket { members, .. } => (members, None),
            ReturnProxy::Symbol(name) => (&[], Some(name)),
            ReturnProxy::Role(_) => (&[], None),
        };
        selected.chain(members.iter().flat_map(|member| &member.lines)).chain(line)
    }
}

impl TradeDefinition {
    /// Long megacaps, short small caps, as the settings name them. The short side is small and mid
    /// caps, as the press described the trade.
    pub fn megacap_small_cap(roles: &Roles) -> TradeDefinition {
        let bucket = |id: &str| Selector::Bucket(id.to_owned());
        let small = Role::SmallCapIndex;
        let megacaps = roles.megacap_tickers().map(|symbol| Selector::Symbol(symbol.to_owned()));
        let member = |issuer: &Issuer| BasketMember {
            name: issuer.name.clone(),
            lines: issuer.classes.clone(),
        };
        let members: Vec<BasketMember> = roles.megacaps.iter().map(member).collect();
        let min_members = MEGACAPS_MIN.min(members.len()).max(1);
        TradeDefinition {
            trade_id: MEGACAP_SMALL_CAP.to_owned(),
            name: "long megacaps, short small and mid caps".to_owned(),
            neutrality: Neutrality::MarketBeta,
            legs: vec![
                LegDefinition {
                    leg_id: "megacap_long".to_owned(),
                    side: Side::Long,
                    any_of: std::iter::once(bucket("mega")).chain(megacaps).collect(),
                    none_of: Vec::new(),
                    returns: ReturnProxy::Basket { members, min_members },
                },
                LegDefinition {
                    leg_id: "small_cap_short".to_owned(),
                    side: Side::Short,
                    any_of: ["mid", "small", "micro"]
                        .map(bucket)
                        .into_iter()
                        .chain([Selector::Role(small), Selector::HoldingsOfRole(small)])
                        .collect(),
                    none_of: Vec::new(),
                    returns: ReturnProxy::Role(small),
                },
            ],
        }
    }

    /// The id of its factor.
    pub fn factor_id(&self) -> String {
        format!("trade/{}", self.trade_id)
    }
}
