//! What an analysis says.
//!
//! Money is in the portfolio's currency. P&L is signed from the holder's side, losses of risk
//! measures are positive, returns and volatilities are decimals a day.

use crate::{
    beta::Beta,
    settings::{BetaSettings, TailSettings},
};
use factors::{market_value::CapSource, size::SizeBucket};
use marketdata::{day::Day, gap::Gap, instrument::InstrumentId};

/// Long, short, gross, net of some positions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exposure {
    /// Σ max(mv, 0).
    pub long: f64,
    /// Σ max(−mv, 0), a positive number.
    pub short: f64,
    /// Number of long names.
    pub long_names: u32,
    /// Number of short names.
    pub short_names: u32,
    /// Σ mv·β over long names with a beta.
    pub beta_long: f64,
    /// Σ mv·β over short names with a beta: negative where their betas are positive.
    pub beta_short: f64,
}

impl Exposure {
    pub(crate) const ZERO: Exposure = Exposure {
        long: 0.0,
        short: 0.0,
        long_names: 0,
        short_names: 0,
        beta_long: 0.0,
        beta_short: 0.0,
    };

    /// long + short.
    pub const fn gross(&self) -> f64 {
        self.long + self.short
    }

    /// long − short.
    pub const fn net(&self) -> f64 {
        self.long - self.short
    }

    /// beta_long + beta_short.
    pub const fn beta_net(&self) -> f64 {
        self.beta_long + self.beta_short
    }

    /// Adds a position worth `value` whose market beta is `beta` (0 where none is known). Lines that
    /// net to zero are neither long nor short.
    pub(crate) fn add(&mut self, value: f64, beta: f64) {
        // Without a branch: signs come in no order that one could learn.
        let (is_long, is_short) = (0.0 < value, value < 0.0);
        let either = |is_so: bool, amount: f64| if is_so { amount } else { 0.0 };
        self.long += either(is_long, value);
        self.short -= either(is_short, value);
        self.long_names += u32::from(is_long);
        self.short_names += u32::from(is_short);
        self.beta_long += either(is_long, value * beta);
        self.beta_short += either(is_short, value * beta);
    }
}

/// A number measured on observations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The value.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Sessions it stands on; for a sum over names, the number of names.
    pub observations: usize,
}

/// A book's money beta to a driver, both ways: what it gains when the driver returns 100 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BookBeta {
    /// Σ mv·β over names; the error supposes names' errors independent.
    pub bottom_up: Option<Measured>,
    /// Slope of the book's own returns at today's positions (least squares weighted by age, errors
    /// by Newey and West), over the sessions on which names of 95 % of what joined have returns of
    /// their own; none where these are too few.
    pub top_down: Option<Measured>,
}

impl BookBeta {
    /// top_down − bottom_up: what robust fits, shrinkage and sessions left out changed.
    pub fn gap(&self) -> Option<f64> {
        Some(self.top_down?.value - self.bottom_up?.value)
    }
}

/// Which part a position plays in the crowded trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leg {
    /// Held long, and a company of 200 billion or more or one of the configured megacaps.
    MegacapLong,
    /// Held short, and a company ranked below 1,000 by market value or below 2 billion, or the
    /// small-cap index, or among its fund's newest known holdings.
    SmallCapShort,
    /// Everything else.
    Other,
}

impl Leg {
    /// Every leg, in the order of reports.
    pub const ALL: [Leg; 3] = [Leg::MegacapLong, Leg::SmallCapShort, Leg::Other];
}

/// One leg of the trade.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TradeLeg {
    /// Which.
    pub leg: Leg,
    /// What is in it.
    pub exposure: Exposure,
    /// Its money beta to the crowd, from its own returns at today's positions; none for an empty leg.
    pub crowd_beta: Option<Measured>,
    /// Share of its gross times sessions that are returns of its own names, sessions weighted as in
    /// the beta; the rest counts as no return, which draws the beta to zero. 1 without a beta.
    pub own_share: f64,
}

/// What an unwind of the crowd by some standard deviations would do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unwind {
    /// How many daily standard deviations the crowd loses.
    pub standard_deviations: f64,
    /// The crowd's return, negative.
    pub crowd_return: f64,
    /// P&L of the book: its crowd beta times that return.
    pub pnl: f64,
    /// Standard error of the P&L, from that of the beta alone.
    pub pnl_standard_error: f64,
    /// P&L by leg, in the order of [`Leg::ALL`]; they add up to the book's.
    pub leg_pnl: [f64; 3],
}

/// What one past day would do to today's positions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Repeat {
    /// The day.
    pub on: Day,
    /// P&L of the book.
    pub pnl: f64,
    /// P&L by leg, in the order of [`Leg::ALL`]; they add up to the book's.
    pub leg_pnl: [f64; 3],
    /// The market's return that day.
    pub market_return: Option<f64>,
    /// Small-cap index less market that day.
    pub size_spread: Option<f64>,
    /// Names without a return that day, answered for by β_market·m + β_size·s.
    pub proxied_names: u32,
    /// Their share of gross.
    pub proxied_gross_share: f64,
}

/// The crowded trade in the book: long megacaps, short small caps.
#[derive(Clone, Debug, PartialEq)]
pub struct CrowdTrade {
    /// The legs, in the order of [`Leg::ALL`].
    pub legs: [TradeLeg; 3],
    /// The smaller of what the megacap leg is long and the small-cap leg short.
    pub matched: f64,
    /// The book's money beta to the crowd.
    pub crowd_beta: BookBeta,
    /// Share of the book's variance at today's positions that the crowd explains, 0 to 1, on the
    /// sessions of its top-down beta.
    pub share_of_variance: Option<f64>,
    /// The crowd's standard deviation, a decimal a day.
    pub crowd_standard_deviation: Option<f64>,
    /// Small-cap index short for one unit of megacaps long.
    pub crowd_ratio: Option<f64>,
    /// Unwinds of 1, 2 and 3 standard deviations; none without a crowd.
    pub unwinds: Vec<Unwind>,
    /// The day asked for, where it could be replayed.
    pub repeat: Option<Repeat>,
}

/// Value at risk and expected shortfall at one level of confidence, as losses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TailLevel {
    /// Confidence, inside (0, 1).
    pub confidence: f64,
    /// The loss not exceeded with that confidence.
    pub value_at_risk: f64,
    /// Lower end of its interval by inversion; none where it is open.
    pub value_at_risk_low: Option<f64>,
    /// Upper end of its interval by inversion; none where it is open.
    pub value_at_risk_high: Option<f64>,
    /// Mean loss beyond it, the scenario on the border counted in part.
    pub expected_shortfall: f64,
    /// Its standard error, clusters of losses allowed for; none where the tail is one session.
    pub expected_shortfall_standard_error: Option<f64>,
    /// Contributions of the legs to expected shortfall, in the order of [`Leg::ALL`]; they add up.
    pub leg_expected_shortfall: [f64; 3],
    /// What rests on stand-ins; none where every return is a name's own.
    pub stand_ins: Option<TailStandIns>,
}

/// How far a level rests on returns that stand in for absent ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TailStandIns {
    /// Contribution of stand-ins to expected shortfall; negative where they lessen it.
    pub expected_shortfall: f64,
    /// Standard deviation of the value at risk over the draws, each alone.
    pub value_at_risk_spread: f64,
    /// The same of the expected shortfall.
    pub expected_shortfall_spread: f64,
}

/// Losses of today's positions over scenarios made of past sessions.
#[derive(Clone, Debug, PartialEq)]
pub struct TailRisk {
    /// What was asked for, defaults filled in.
    pub settings: TailSettings,
    /// Sessions that are scenarios.
    pub sessions: usize,
    /// The first of them.
    pub first_on: Day,
    /// The last of them.
    pub last_on: Day,
    /// The filter; none for plain history.
    pub filter: Option<FilterRecord>,
    /// Levels in the order asked for.
    pub levels: Vec<TailLevel>,
    /// The session of the largest loss as replayed: today's positions, returns as they were.
    pub worst_on: Day,
    /// P&L of that session, its stand-ins averaged over draws.
    pub worst_pnl: f64,
    /// The session of the worst scenario; the same for plain history without stand-ins.
    pub worst_scenario_on: Day,
    /// P&L of that scenario: rescaled by the filter, its stand-ins one draw.
    pub worst_scenario_pnl: f64,
    /// Draws of what stands in for absent returns; 1 where nothing does.
    pub draws: usize,
    /// Share of gross times sessions of the window that stand-ins answered for.
    pub proxied_share: f64,
    /// Names that lack sessions of their own in the window or among its seeds.
    pub proxied_names: usize,
    /// Names some of whose draws for the window came from beyond their own size and sector.
    pub widened_names: usize,
    /// Sessions left out: names of more than a twentieth of what joined have no return on them, and
    /// fewer than ten of their peers have one.
    pub left_out_sessions: usize,
    /// Share of gross times sessions of the window on which fewer than ten peers have a return:
    /// betas alone stand in.
    pub undrawn_share: f64,
}

/// What the filter did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FilterRecord {
    /// λ of the recursion.
    pub lambda: f64,
    /// Sessions before the window that gave the volatility to start from.
    pub seed_sessions: usize,
    /// σ_{T+1}, the P&L's standard deviation forecast for the next session, averaged over draws.
    pub volatility: f64,
    /// Scenarios that keep their size because nothing had moved before them, over all draws.
    pub unscaled: usize,
}

/// How many bets the book really is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Concentration {
    /// Σ w², w shares of gross by company.
    pub herfindahl: f64,
    /// 1/Σw² over companies.
    pub effective_names: f64,
    /// The same over what is held long, weights adding up to one.
    pub effective_long_names: Option<f64>,
    /// The same over what is held short.
    pub effective_short_names: Option<f64>,
    /// Share of gross of the largest company.
    pub largest_share: f64,
    /// Share of gross of the five largest companies.
    pub largest_five_share: f64,
}

/// One name of the book.
#[derive(Clone, Debug, PartialEq)]
pub struct PositionRow {
    /// Index of its first line.
    pub line: usize,
    /// Which instrument.
    pub instrument: InstrumentId,
    /// Its name on the as-of day.
    pub symbol: String,
    /// Signed market value.
    pub market_value: f64,
    /// |market value| ÷ gross of the book.
    pub gross_share: f64,
    /// Signed shares in the units of the as-of day.
    pub shares: Option<f64>,
    /// Last close in the units of the as-of day.
    pub price: Option<f64>,
    /// The day of that close.
    pub priced_on: Option<Day>,
    /// Market value of the company in USD.
    pub market_cap_usd: Option<f64>,
    /// Where it comes from.
    pub market_cap_source: Option<CapSource>,
    /// The day its share count or printed value describes.
    pub market_cap_on: Option<Day>,
    /// Rank of the company by market value, from 1.
    pub market_cap_rank: Option<u32>,
    /// Bucket of the company.
    pub size_bucket: Option<SizeBucket>,
    /// Sector in the source's words.
    pub sector: Option<String>,
    /// Market beta.
    pub market: Option<Beta>,
    /// Size beta.
    pub size: Option<Beta>,
    /// Crowd beta.
    pub crowd: Option<Beta>,
    /// Market beta on rising days: value and standard error, not shrunk.
    pub up_market: Option<(f64, f64)>,
    /// Rising sessions it stands on.
    pub up_market_observations: usize,
    /// Sessions with a return inside the fit window.
    pub observations: usize,
    /// Whether the returns of neighbouring days were added (stale closes).
    pub dimson: bool,
    /// Sessions of the tail's window that a stand-in answered for.
    pub proxied_sessions: usize,
    /// Its part in the trade.
    pub leg: Leg,
    /// Contribution to expected shortfall at the first level; over all names and loose drivers
    /// they add up to it.
    pub expected_shortfall: Option<f64>,
}

/// Exposure by size bucket; none stands for funds, indices and names without a known value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SizeGroup {
    /// The bucket.
    pub bucket: Option<SizeBucket>,
    /// What is in it.
    pub exposure: Exposure,
}

/// Exposure by sector; none stands for names without one.
#[derive(Clone, Debug, PartialEq)]
pub struct SectorGroup {
    /// The sector in the source's words.
    pub sector: Option<String>,
    /// What is in it.
    pub exposure: Exposure,
}

/// Shares of gross by how well names joined.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExposureCoverage {
    /// Names with betas of their own.
    pub resolved: f64,
    /// Names that the mean of their bucket, or of all names, answers for.
    pub proxied: f64,
    /// Names in the sums but without any beta.
    pub excluded: f64,
    /// Symbols nobody has.
    pub not_joined: f64,
}

/// The whole answer.
#[derive(Clone, Debug, PartialEq)]
pub struct ExposureReport {
    /// All positions, those that did not join included where they gave a value.
    pub total: Exposure,
    /// gross ÷ net asset value.
    pub gross_leverage: Option<f64>,
    /// net ÷ net asset value.
    pub net_leverage: Option<f64>,
    /// By size, the largest companies first, unclassified last; empty groups are left out.
    pub by_size: Vec<SizeGroup>,
    /// By sector, by name, unclassified last.
    pub by_sector: Vec<SectorGroup>,
    /// The settings of the betas.
    pub settings: BetaSettings,
    /// Who plays the market.
    pub market_symbol: Option<String>,
    /// Who plays the small-cap index.
    pub small_cap_symbol: Option<String>,
    /// Money beta to the market.
    pub market: BookBeta,
    /// Money beta to the market on rising days, top-down.
    pub up_market: Option<Measured>,
    /// Money beta to size beside the market.
    pub size: BookBeta,
    /// The crowded trade.
    pub trade: CrowdTrade,
    /// Losses over scenarios; none without enough sessions.
    pub tail: Option<TailRisk>,
    /// How many bets.
    pub concentration: Concentration,
    /// Positions as asked for, the largest first.
    pub positions: Vec<PositionRow>,
    /// How well names joined.
    pub coverage: ExposureCoverage,
    /// What is missing, and why.
    pub gaps: Vec<Gap>,
}
