//! What the caller wants of a hedge: what is minimised, and which limits it must respect, by
//! meaning.

use crate::{constraint::ExclusionRule, scenario::ScenarioPnl};
use factors::size::SizeBucket;
use marketdata::instrument::InstrumentId;
use std::collections::BTreeMap;

/// Number of shorts that squeeze together in the squeeze budget.
pub const SQUEEZED_SHORTS: usize = 3;

/// The squeeze budget of [`SqueezeBudget::NotMore`] is at least this share of gross.
pub const SQUEEZE_SHARE_LEAST: f64 = 0.05;

/// Id of the constraint of the squeeze budget.
pub const SQUEEZE_ID: &str = "squeeze_budget";

/// Id of the constraint of participation.
pub const PARTICIPATION_ID: &str = "participation";

/// Id of the limit on lines.
pub const LINES_ID: &str = "max_lines";

/// Id of the smallest ticket.
pub const TICKET_ID: &str = "min_ticket";

/// What precedes the id of a line in that of the constraint that it is only cut.
pub const CUT_PREFIX: &str = "cut/";

/// What precedes the id of an option in that of the constraint that it is only bought.
pub const BOUGHT_PREFIX: &str = "bought/";

/// What precedes the ids of the limits on what written options lose.
pub const WRITTEN_PREFIX: &str = "written/";

/// The share of gross that written options may lose beyond their deltas.
pub const WRITTEN_SHARE: f64 = 0.05;

/// Id of the limit on the shares under written options.
pub const WRITTEN_NOTIONAL_ID: &str = "written_notional";

/// The value of the shares under written options may be this share of gross.
pub const WRITTEN_NOTIONAL_SHARE: f64 = 1.0;

/// What is minimised besides costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aim {
    /// λ·H·σ².
    Variance {
        /// λ, in one over money ([`aversion`]).
        aversion: f64,
    },
    /// κ·CVaR over the scenarios of the desk: the last sessions of the view, each line demeaned, or
    /// simulated ones.
    Tail {
        /// κ: money of cost that one unit of money of CVaR is worth.
        weight: f64,
        /// 0.95 for the worst 5 %.
        confidence: f64,
    },
}

/// λ = γ/(2W) of an investor with relative risk aversion γ and wealth W: the one whose utility of
/// wealth falls by ½·γ·σ²/W.
#[must_use]
pub fn aversion(relative: f64, wealth: f64) -> f64 {
    relative / (2.0 * wealth)
}

/// What a limit is on.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// Net value.
    Net,
    /// Gross value. Takes an upper limit only.
    Gross,
    /// Value traded. Takes an upper limit only.
    Turnover,
    /// Half spreads and commissions. Takes an upper limit only.
    Spread,
    /// Beta-weighted value.
    MarketBeta,
    /// Trade-beta-weighted value.
    TradeBeta,
    /// Net value of the lines of a sector of the view's scheme.
    Sector(String),
    /// Net value of the lines of a size bucket.
    Bucket(SizeBucket),
    /// Net value of some instruments, by their share in what is limited.
    Members(BTreeMap<InstrumentId, f64>),
    /// Premiums paid for options less those received.
    Premium,
    /// Exposure to a factor of the risk model.
    Factor(String),
    /// Value of a line after the trades, by its id.
    Position(String),
    /// Trade of a line, by its id.
    Trade(String),
    /// P&L of a scenario of the same desk ([`crate::desk::Desk::scenario`]). A floor on the loss is a
    /// lower limit.
    Scenario(ScenarioPnl),
}

/// A limit of the caller's.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// Its name, unique.
    pub id: String,
    /// What it is on.
    pub meaning: Meaning,
    /// Smallest value allowed.
    pub lower: Option<f64>,
    /// Largest value allowed.
    pub upper: Option<f64>,
}

/// A line that must not be traded, or not be shorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excluded {
    /// Its name, unique.
    pub id: String,
    /// Id of the line.
    pub line: String,
    /// What is forbidden.
    pub rule: ExclusionRule,
}

/// Limit on what the three largest looked-through shorts lose at their squeeze thresholds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SqueezeBudget {
    /// None.
    Off,
    /// At most this loss, in money.
    Most(f64),
    /// At most the loss as held, or 5 % of gross if that is more.
    NotMore,
}

/// A limit on written options.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WrittenBudget {
    /// None.
    Off,
    /// At most this, in money.
    Most(f64),
    /// At most its default share of gross.
    Share,
}

/// Everything that the caller wants.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// What is minimised.
    pub aim: Aim,
    /// H, sessions over which the hedge is held.
    pub horizon_sessions: f64,
    /// Limits.
    pub limits: Vec<Limit>,
    /// Lines not to be traded or shorted.
    pub excluded: Vec<Excluded>,
    /// Largest number of lines that trade.
    pub max_lines: Option<usize>,
    /// Smallest trade in money.
    pub min_ticket: Option<f64>,
    /// Largest trade as a share of the line's volume from now to the close. `None`: no limit.
    pub participation: Option<f64>,
    /// The squeeze budget.
    pub squeeze: SqueezeBudget,
    /// The limit on what written options lose beyond their deltas in large moves of what they are
    /// on; by default [`WRITTEN_SHARE`].
    pub written: WrittenBudget,
    /// The limit on the value of the shares under them; by default [`WRITTEN_NOTIONAL_SHARE`].
    pub written_notional: WrittenBudget,
}

/// A fault of a wish that needs the market to be seen; the others are those of the problem.
#[derive(Clone, Debug, PartialEq)]
pub enum WishFault {
    /// A limit names a sector, a factor or a line that there is not, or is on the net value of
    /// members that lack a line.
    Unknown {
        /// Id of the limit or exclusion.
        id: String,
        /// What is unknown.
        subject: String,
    },
    /// The tail has no scenarios: the confidence is not between 0 and 1, or there are no sessions.
    Tail,
    /// No fault of the wish: the caller has gone.
    Gone,
    /// A fault of the problem that follows from the wish.
    Problem(crate::fault::Fault),
}
