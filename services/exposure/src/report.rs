//! The report of an analysis.
//!
//! Money is in the portfolio's currency. P&L is signed from the holder's side. Risk measures are
//! losses, positive. Returns and volatilities are decimals per day.

mod look_through;
mod repeat;
mod tail;

pub use look_through::{LookedThroughBook, SeenName};
pub use repeat::{Repeat, TradeRepeat};
pub use tail::{
    FilterRecord, TailLevel, TailRisk, TailStandIns, TailVolatility, VolatilityStandIns,
};

use crate::{
    beta::Beta,
    factor::{Factor, FactorRole},
    settings::BetaSettings,
};
use factors::{market_value::CapSource, size_scheme::SchemeSize, trade::Side};
use marketdata::{day::Day, gap::Gap, instrument::InstrumentId};
use portfolio::{book::Lot, coverage::Coverage};

/// Long, short, gross and net of a set of positions.
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
    /// Number of long names with a market beta, and of short ones.
    long_betas: u32,
    short_betas: u32,
    /// Σ mv·β over long names with a beta, and over short ones.
    long_beta_sum: f64,
    short_beta_sum: f64,
}

impl Exposure {
    pub(crate) const ZERO: Exposure = Exposure {
        long: 0.0,
        short: 0.0,
        long_names: 0,
        short_names: 0,
        long_betas: 0,
        short_betas: 0,
        long_beta_sum: 0.0,
        short_beta_sum: 0.0,
    };

    /// long + short.
    pub const fn gross(&self) -> f64 {
        self.long + self.short
    }

    /// long − short.
    pub const fn net(&self) -> f64 {
        self.long - self.short
    }

    /// Σ mv·β over long names with a beta. `None` if something is held long and none of it has one.
    pub fn beta_long(&self) -> Option<f64> {
        (self.long_names == 0 || 0 < self.long_betas).then_some(self.long_beta_sum)
    }

    /// Σ mv·β over short names with a beta: negative if their betas are positive. `None` if something
    /// is held short and none of it has one.
    pub fn beta_short(&self) -> Option<f64> {
        (self.short_names == 0 || 0 < self.short_betas).then_some(self.short_beta_sum)
    }

    /// beta_long + beta_short.
    pub fn beta_net(&self) -> Option<f64> {
        Some(self.beta_long()? + self.beta_short()?)
    }

    /// Adds a position worth `value` whose market beta is `beta`, of which `boxed` is held both long
    /// and short besides. Lines that net to zero are neither long nor short.
    pub(crate) fn add(&mut self, value: f64, boxed: f64, beta: Option<f64>) {
        // Branch-free, because signs come in no predictable order.
        let (is_long, is_short, is_boxed) = (0.0 < value, value < 0.0, 0.0 < boxed);
        let either = |is_so: bool, amount: f64| if is_so { amount } else { 0.0 };
        self.long += either(is_long, value) + boxed;
        self.short -= either(is_short, value) - boxed;
        self.long_names += u32::from(is_long | is_boxed);
        self.short_names += u32::from(is_short | is_boxed);
        self.long_betas += u32::from((is_long | is_boxed) & beta.is_some());
        self.short_betas += u32::from((is_short | is_boxed) & beta.is_some());
        let beta = beta.unwrap_or(0.0);
        self.long_beta_sum += either(is_long, value * beta) + boxed * beta;
        self.short_beta_sum += either(is_short, value * beta) - boxed * beta;
    }
}

/// A number estimated from observations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The value.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Number of sessions it is estimated from; for a sum over names, the number of names.
    pub observations: usize,
}

/// A book's money beta to a driver, estimated in two ways: its gain when the driver returns 100 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BookBeta {
    /// Σ mv·β over names; the standard error assumes that the names' errors are independent.
    pub bottom_up: Option<Measured>,
    /// Slope of the book's own returns at today's positions (least squares weighted by age,
    /// Newey–West errors), over the sessions on which names of 95 % of the joined gross have
    /// returns of their own. `None` if these are too few.
    pub top_down: Option<Measured>,
}

impl BookBeta {
    /// top_down − bottom_up: the effect of robust fits, shrinkage and sessions left out.
    pub fn difference(&self) -> Option<f64> {
        Some(self.top_down?.value - self.bottom_up?.value)
    }
}

/// A book's money beta to a factor of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct FactorExposure {
    /// The factor.
    pub factor: Factor,
    /// The symbols behind it.
    pub roles: Vec<FactorRole>,
    /// The book's beta. Without a bottom-up one for the rising market.
    pub beta: BookBeta,
}

/// One leg of a trade, or everything else.
#[derive(Clone, Debug, PartialEq)]
pub struct TradeLeg {
    /// Its id. `None` for the positions in no leg.
    pub leg_id: Option<String>,
    /// Its side. `None` for the positions in no leg.
    pub side: Option<Side>,
    /// Exposure of its positions, looked through funds if that was asked for.
    pub exposure: Exposure,
    /// Its money beta to the trade, from its own returns at today's positions; `None` if it is empty.
    pub beta: Option<Measured>,
    /// Share of its gross times sessions that are its names' own returns, with the sessions
    /// weighted as in the beta. The rest counts as zero, which pulls the beta towards zero. 1
    /// without a beta.
    pub own_share: f64,
    /// The symbols behind its return series.
    pub return_symbols: Vec<String>,
}

/// Effect of an unwind of a trade by a number of standard deviations.
#[derive(Clone, Debug, PartialEq)]
pub struct Unwind {
    /// Number of daily standard deviations that the trade loses.
    pub standard_deviations: f64,
    /// The trade's return, negative.
    pub trade_return: f64,
    /// Expected P&L of the book: its beta to the trade times that return.
    pub pnl: f64,
    /// Lower end of the interval in which nine days of ten would fall.
    pub pnl_low: f64,
    /// Upper end of that interval.
    pub pnl_high: f64,
    /// Standard error of the expected P&L, from that of the beta only.
    pub pnl_standard_error: f64,
    /// P&L by leg, everything else last; they sum to the book's.
    pub leg_pnl: Vec<f64>,
}

/// What today's shares made on a past day, valued at the close before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DayPnl {
    /// The P&L of names with closes on the day, before it and today. `None` without such names.
    pub pnl: Option<f64>,
    /// Share of today's gross of the other names.
    pub missing_gross_share: f64,
}

/// A trade in the book.
#[derive(Clone, Debug, PartialEq)]
pub struct TradeExposure {
    /// The legs of its definition, in order, and then everything else.
    pub legs: Vec<TradeLeg>,
    /// The smaller of the long legs' long value and the short legs' short value.
    pub matched: f64,
    /// The book's money beta to the trade. Bottom-up only for the standard trade: a caller's trade
    /// has no fits of all names, so the betas of single names to it would have no prior.
    pub beta: BookBeta,
    /// Share of the variance of the book's own returns that the trade explains, 0 to 1, on the
    /// sessions of its top-down beta.
    pub share_of_variance: Option<f64>,
    /// The trade's standard deviation, a decimal per day. `None` if it has no series.
    pub standard_deviation: Option<f64>,
    /// Units held short per unit held long.
    pub ratio: Option<f64>,
    /// Unwinds of 1, 2 and 3 standard deviations. Empty without a top-down beta.
    pub unwinds: Vec<Unwind>,
}

/// Concentration of the book by company.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Concentration {
    /// Σ w², with w the companies' shares of gross.
    pub herfindahl: f64,
    /// 1/Σw² over companies.
    pub effective_names: f64,
    /// The same over long positions, with weights that sum to one. `None` without long positions.
    pub effective_long_names: Option<f64>,
    /// The same over short positions. `None` without short positions.
    pub effective_short_names: Option<f64>,
    /// Share of gross of the largest company.
    pub largest_share: f64,
    /// Share of gross of the five largest companies.
    pub largest_five_share: f64,
}

/// What the lots with an average cost have made or lost against it, without distributions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProfitAndLoss {
    /// P&L of all of them, negative for a loss; the same under every netting.
    pub total: f64,
    /// P&L of the lots that are not short under the netting of the book.
    pub long: f64,
    /// P&L of the lots that are short under it.
    pub short: f64,
    /// Share of Σ |market value| over all lines that these lots are, 0 to 1.
    pub share_with_cost: f64,
}

/// One position of the book.
#[derive(Clone, Debug, PartialEq)]
pub struct PositionRow {
    /// Its lines, in the order submitted.
    pub lots: Vec<Lot>,
    /// P&L of the lots with an average cost. `None` if no lot has one and a price, or if P&L was not
    /// asked for.
    pub profit_and_loss: Option<f64>,
    /// The instrument.
    pub instrument: InstrumentId,
    /// Its symbol on the as-of day.
    pub symbol: String,
    /// Signed market value.
    pub market_value: f64,
    /// Long + short under the netting of the book.
    pub gross: f64,
    /// gross ÷ gross of the book.
    pub gross_share: f64,
    /// Signed shares in the units of the as-of day.
    pub shares: Option<f64>,
    /// Last close in the units of the as-of day.
    pub price: Option<f64>,
    /// The day of that close.
    pub priced_on: Option<Day>,
    /// Market value of the company in USD.
    pub market_cap_usd: Option<f64>,
    /// Source of the market value.
    pub market_cap_source: Option<CapSource>,
    /// The day that its share count or published value describes.
    pub market_cap_on: Option<Day>,
    /// Rank of the company by market value, from 1.
    pub market_cap_rank: Option<u32>,
    /// Calendar days from the as-of day to the publication of its size, if that is later.
    pub later_size_days: Option<u16>,
    /// Calendar days from the as-of day to the publication of its sector, if that is later.
    pub later_sector_days: Option<u16>,
    /// Bucket of the company under the requested scheme, by name, and how it was found. `None` for
    /// funds, indices and names without a known market value.
    pub bucket: Option<(String, SchemeSize)>,
    /// Sector as named by the source.
    pub sector: Option<String>,
    /// Market beta.
    pub market: Option<Beta>,
    /// Size beta.
    pub size: Option<Beta>,
    /// Beta to the standard trade.
    pub crowd: Option<Beta>,
    /// Market beta on days when the market rose, not shrunk.
    pub up_market: Option<Beta>,
    /// Number of sessions behind it.
    pub up_market_observations: usize,
    /// Number of sessions with a return inside the fit window.
    pub observations: usize,
    /// Whether the market's returns on the previous and next day were added (stale closes).
    pub dimson: bool,
    /// Number of sessions of the tail's window for which a stand-in is used; 0 without a tail.
    pub proxied_sessions: Option<usize>,
    /// By trade of the report: the index of its leg. `None` if it is in none.
    pub legs: Vec<Option<usize>>,
    /// By set of scenarios, contributions to the numbers of
    /// [`crate::settings::TailSettings::by_position`]. Those of all names sum to the number. Empty for
    /// a set that could not be made.
    pub contributions: Vec<Vec<f64>>,
}

impl PositionRow {
    /// Its betas, and the number of sessions behind each.
    pub fn betas(&self) -> impl Iterator<Item = (Factor, Beta, usize)> {
        [
            (Factor::Market, self.market, self.observations),
            (Factor::Size, self.size, self.observations),
            (Factor::MarketUp, self.up_market, self.up_market_observations),
            (Factor::Trade, self.crowd, self.observations),
        ]
        .into_iter()
        .filter_map(|(factor, beta, observations)| Some((factor, beta?, observations)))
    }

    /// The name of its size bucket.
    pub fn bucket_id(&self) -> Option<&str> {
        self.bucket.as_ref().map(|(bucket_id, _)| bucket_id.as_str())
    }
}

/// One group of a book.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its name. `None` for what belongs to no group.
    pub group_id: Option<String>,
    /// Its exposure.
    pub exposure: Exposure,
}

/// A book by one grouping.
#[derive(Clone, Debug, PartialEq)]
pub struct Breakdown {
    /// The groups, in order; what belongs to no group last.
    pub groups: Vec<Group>,
}

/// The result of an analysis.
#[derive(Clone, Debug, PartialEq)]
pub struct ExposureReport {
    /// All positions, including those that did not join if they gave a value.
    pub total: Exposure,
    /// gross ÷ net asset value.
    pub gross_leverage: Option<f64>,
    /// net ÷ net asset value.
    pub net_leverage: Option<f64>,
    /// The book by each requested grouping, in the order of the request. This list and the others
    /// are empty if their block was not asked for.
    pub breakdowns: Vec<Breakdown>,
    /// The classification scheme of all sectors.
    pub sector_scheme: String,
    /// The settings of the betas.
    pub settings: BetaSettings,
    /// Money betas to the factors of the model, except the trades'.
    pub factors: Vec<FactorExposure>,
    /// The trades, in the order of the request.
    pub trades: Vec<TradeExposure>,
    /// The repeated days on which the market has a return, in the order of the request.
    pub repeats: Vec<Repeat>,
    /// Losses over each set of scenarios asked for, or the reason why there are none.
    pub tails: Vec<Result<TailRisk, Gap>>,
    /// P&L against average costs. `None` if no lot has a cost and a price, or if it was not asked
    /// for.
    pub profit_and_loss: Option<ProfitAndLoss>,
    /// The book looked through its funds. `None` if it was not asked for. With it, groups by size and
    /// sector, the exposures of legs, and concentration are those of its parts.
    pub look_through: Option<LookedThroughBook>,
    /// Concentration by company. `None` if it was not asked for.
    pub concentration: Option<Concentration>,
    /// Requested positions, largest first.
    pub positions: Vec<PositionRow>,
    /// How well data cover the gross, aspect by aspect that the blocks rest on. Empty without gross.
    pub coverage: Vec<Coverage>,
    /// Number of sessions over which the book's own returns were summed, for tests; 0 if no block
    /// needs them. It affects no other number.
    pub history_sessions: usize,
    /// Missing data and the reasons, of the total and of the blocks asked for.
    pub gaps: Vec<Gap>,
}

impl ExposureReport {
    /// The book's beta to a factor of [`ExposureReport::factors`].
    pub fn beta(&self, factor: Factor) -> Option<BookBeta> {
        self.factors.iter().find(|row| row.factor == factor).map(|row| row.beta)
    }
}
