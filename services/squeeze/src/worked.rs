//! How a short book would be bought back, session by session: the schedule of each line by Almgren
//! and Chriss, and what is left of the book.

use crate::{
    assess::{ShortBook, ShortLine},
    covering::CoveringTotal,
    exit::{ExitDays, ExitSession, ExitingShort, exit_sessions},
    measure::Measured,
};
use factors::{
    exit_curve::ExitLine,
    schedule::{PriceResponse, Task, schedule},
};
use marketdata::gap::GapReason;

/// Periods of a schedule in one session: half-hours. Longer ones would spread the lasting impact of
/// one over itself, for which the model has no answer (see [`schedule`]).
const PERIODS: usize = 13;

/// How coverings are scheduled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CoveringTerms {
    /// Sessions until everything is bought back. `None`: those of each line at the participation.
    pub horizon_sessions: Option<u16>,
    /// λ: expected cost given up per unit of variance, 1/money.
    pub risk_aversion: f64,
}

impl CoveringTerms {
    /// The longest horizon, in sessions: a year.
    pub const LONGEST: u16 = 252;
    /// The risk aversion of the example of Almgren and Chriss (2000), 1/money.
    pub const USUAL_AVERSION: f64 = 1e-6;

    /// Terms per dollar as those per unit of a currency, so that a book has one schedule in all.
    #[must_use]
    pub fn per_unit(self, usd_per_unit: f64) -> CoveringTerms {
        CoveringTerms { risk_aversion: self.risk_aversion * usd_per_unit, ..self }
    }
}

/// The schedule of buying back one short.
#[derive(Clone, Debug, PartialEq)]
pub struct CoveringSchedule {
    /// Share of the short left after each session, falling to 0.
    pub left: Vec<f64>,
    /// Expected cost against the prices of the start, in money, 0 or more.
    pub expected_cost: f64,
    /// Variance of the cost, in money squared.
    pub variance: f64,
    /// Speed of the buying, per session; 0 buys evenly.
    pub kappa: f64,
    /// Standard deviation of daily returns, a decimal.
    pub volatility: f64,
    /// A session's normal volume, in money.
    pub daily_value: f64,
    /// Lasting rise of the price per session's normal volume bought, a decimal: Almgren et al.
    /// (2005), where it is proportional to the order.
    pub permanent_impact: f64,
    /// Passing rise of the price while a session's normal volume is bought per session, a decimal:
    /// that of Almgren et al. (2005) at the participation, in proportion. Their law grows with the
    /// power 3/5, so that faster buying costs a little less than this and slower buying more.
    pub temporary_impact: f64,
    /// Largest share of a session's normal volume that a session buys.
    pub largest_share_of_volume: f64,
}

impl CoveringSchedule {
    /// The schedule of a short.
    ///
    /// # Errors
    /// Its cost is not known; nor is the impact without shares outstanding, or the half-hours are too
    /// long for it.
    pub fn of(line: &ShortLine, terms: CoveringTerms) -> Result<CoveringSchedule, GapReason> {
        let (value, covering, volatility) =
            (-line.market_value, line.covering?, line.name.volatility()?);
        let almgren = covering.almgren.ok_or(GapReason::NoSharesOutstanding)?;
        let participation = covering.days_of_volume / covering.days;
        let permanent_impact = almgren.permanent / covering.days_of_volume;
        let temporary_impact = (almgren.mean - 0.5 * almgren.permanent) / participation;
        let longest = f64::from(CoveringTerms::LONGEST);
        let own = covering.days.ceil().clamp(1.0, longest) as u16;
        let sessions = usize::from(terms.horizon_sessions.unwrap_or(own));
        let daily_value = value / covering.days_of_volume;
        let task = Task {
            quantity: value,
            days: sessions as f64,
            periods: sessions * PERIODS,
            risk_aversion: terms.risk_aversion,
        };
        // Money at a price of one: prices and volatilities are then decimals.
        let response = PriceResponse {
            volatility,
            fixed: 0.0,
            permanent: permanent_impact / daily_value,
            temporary: temporary_impact / daily_value,
        };
        let made = schedule(&task, &response).ok_or(GapReason::Degenerate)?;
        let left: Vec<f64> =
            made.left.iter().step_by(PERIODS).skip(1).map(|left| left / value).collect();
        let before = std::iter::once(&1.0).chain(&left);
        let bought = before.zip(&left).map(|(before, after)| before - after);
        Ok(CoveringSchedule {
            largest_share_of_volume: bought.fold(0.0, f64::max) * covering.days_of_volume,
            left,
            expected_cost: made.expected_cost,
            variance: made.variance,
            kappa: made.kappa,
            volatility,
            daily_value,
            permanent_impact,
            temporary_impact,
        })
    }
}

/// How a short book would be bought back.
#[derive(Clone, Debug, PartialEq)]
pub struct Worked {
    /// The schedule of each line, in their order.
    pub schedules: Vec<Result<CoveringSchedule, GapReason>>,
    /// The cost of all schedules. `None` if no line has one.
    pub cost: Option<CoveringTotal>,
    /// What is left after each session at normal volumes, all lines being worked at the
    /// participation.
    pub at_normal_volume: Vec<ExitSession>,
    /// The same at the volumes of the last 21 sessions.
    pub at_recent_volume: Vec<ExitSession>,
}

/// Works a short book by terms per dollar; a line without a schedule gets a gap.
pub fn work(book: &mut ShortBook, terms: CoveringTerms) -> Worked {
    let terms = book.usd_per_unit.map(|rate| terms.per_unit(rate));
    let schedule = |line: &ShortLine| CoveringSchedule::of(line, terms?);
    let schedules: Vec<_> = book.lines.iter().map(schedule).collect();
    for (line, schedule) in book.lines.iter_mut().zip(&schedules) {
        let reason = schedule.as_ref().err();
        let gap = reason.map(|r| line.name.lack(&line.symbol, "covering_schedule", *r, false));
        line.gaps.extend(gap);
    }
    let mean = |(line, schedule): (&ShortLine, &Result<CoveringSchedule, GapReason>)| {
        let value = -line.market_value;
        (value, schedule.as_ref().ok().map(|made| made.expected_cost / value))
    };
    let cost = CoveringTotal::of(book.lines.iter().zip(&schedules).map(mean), book.gross_short);
    let at = |days: fn(&ExitDays) -> Measured| {
        let exiting = book.lines.iter().filter_map(|line| {
            let line_left = ExitLine { value: -line.market_value, days: days(&line.exit).ok()? };
            Some(ExitingShort { line: line_left, squeeze_pnl: line.squeeze_pnl.unwrap_or(0.0) })
        });
        exit_sessions(&exiting.collect::<Vec<_>>())
    };
    Worked {
        schedules,
        cost,
        at_normal_volume: at(|exit| exit.normal),
        at_recent_volume: at(|exit| exit.recent),
    }
}
