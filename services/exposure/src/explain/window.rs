//! The sessions of a window, and what the factors returned on them.

use super::Views;
use crate::{driver::Driver, factor::Factor, prepared::PreparedExposure};
use marketdata::day::Day;
use risk::trade;

/// Most sessions of a window: one year.
const SESSIONS_MAX: usize = 252;

/// From the close of one session to that of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The session at whose close it starts.
    pub start_on: Day,
    /// The sessions after it, at least one; the last one is the end.
    pub sessions: Vec<Day>,
    /// Place of the first of them among the sessions of the view.
    first: usize,
}

/// What a window is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowPart {
    /// The sessions of the view.
    View,
    /// Its start.
    Start,
    /// Its end.
    End,
}

/// Why there is no such window: the part at fault, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoWindow(pub WindowPart, pub String);

impl Window {
    /// The window between two days of a view; a day without a session stands for the last session
    /// before it. The end is the last session by default, and the start is the session before the
    /// end.
    ///
    /// # Errors
    /// If the days are not in order, beyond the sessions of the view, or too far apart.
    pub fn of(
        prepared: &PreparedExposure,
        start_on: Option<Day>,
        end_on: Option<Day>,
    ) -> Result<Window, NoWindow> {
        let days = prepared.sessions.with_start();
        let fault = |part, text: String| Err(NoWindow(part, text));
        let ([first, .., last], false) = (days, prepared.sessions.is_empty()) else {
            let text = "must leave the market two sessions with closes, has fewer";
            return fault(WindowPart::View, text.to_owned());
        };
        let place = |day: Day| days.partition_point(|session| *session <= day).checked_sub(1);
        let is_ahead = |day: &Day| last < day && prepared.snapshot.today() < *day;
        if let Some(day) = end_on.filter(is_ahead) {
            return fault(
                WindowPart::End,
                format!("must not be after {last}, the last session, is {day}"),
            );
        }
        let end = end_on.map_or(Some(days.len() - 1), place);
        let Some(end) = end.filter(|end| 0 < *end) else {
            let text = format!("must be after {first}, the first session of the model");
            return fault(WindowPart::End, text);
        };
        let Some(start) = start_on.map_or(Some(end - 1), place) else {
            let text = format!("must not be before {first}, the first session of the model");
            return fault(WindowPart::Start, text);
        };
        if end <= start {
            return fault(WindowPart::Start, format!("must be before the end, {}", days[end]));
        }
        if SESSIONS_MAX < end - start {
            let text = format!("must be at most {SESSIONS_MAX} sessions before {}", days[end]);
            return fault(WindowPart::Start, text);
        }
        let sessions = days[start + 1..=end].to_vec();
        Ok(Window { start_on: days[start], sessions, first: start })
    }

    /// The last session.
    pub fn end_on(&self) -> Day {
        self.sessions.last().copied().unwrap_or(self.start_on)
    }
}

/// Returns of the factors on the sessions of a window, NaN if missing; empty without a series at the
/// start.
///
/// A factor is what the start knew it as: SIZE net of the market by the slope of the start, the trade
/// by the ratio of the start. Only the returns are new.
#[derive(Debug)]
pub(super) struct FactorReturns {
    pub(super) market: Vec<f64>,
    pub(super) size: Vec<f64>,
    pub(super) trade: Vec<f64>,
}

impl FactorReturns {
    pub(super) fn of(Views { start, end }: Views<'_>, window: &Window) -> FactorReturns {
        let within = window.first..window.first + window.sessions.len();
        let cut = |returns: &[f64]| returns[within.clone()].to_vec();
        let (drivers, roles) = (&start.drivers, &end.roles);
        let known = |driver: &Option<Driver>, returns: Option<Vec<f64>>| {
            driver.as_ref().and(returns).unwrap_or_default()
        };
        let market = roles.market.as_ref().map(|(_, returns)| cut(returns));
        let small = roles.small.as_ref().map(|(_, returns)| cut(returns));
        let size = market.as_ref().zip(small).zip(drivers.size_market_slope);
        let size = size.map(|((market, small), slope)| {
            let size = |(small, market): (&f64, &f64)| small - market - slope * market;
            small.iter().zip(market).map(size).collect()
        });
        let crowd = drivers.crowd_ratio.and_then(|ratio| trade::returns(&roles.legs, ratio));
        FactorReturns {
            size: known(&drivers.size, size),
            trade: known(&drivers.crowd, crowd.map(|returns| cut(&returns))),
            market: known(&drivers.market, market),
        }
    }

    /// The returns of a factor of the model.
    pub(super) fn get(&self, factor: Factor) -> &[f64] {
        match factor {
            Factor::Market => &self.market,
            Factor::Size => &self.size,
            Factor::Trade => &self.trade,
            Factor::MarketUp => &[],
        }
    }

    /// Its sum over the window, missing returns counting as zero. `None` without a series.
    pub(super) fn sum(&self, factor: Factor) -> Option<f64> {
        let returns = self.get(factor);
        let known = returns.iter().filter(|value| value.is_finite());
        (!returns.is_empty()).then(|| known.sum())
    }

    /// Number of sessions without a return.
    pub(super) fn missing(&self, factor: Factor) -> usize {
        self.get(factor).iter().filter(|value| !value.is_finite()).count()
    }

    /// A factor's return on a session of the window; zero if missing.
    pub(super) fn on(&self, factor: Factor, session: usize) -> f64 {
        self.get(factor).get(session).copied().filter(|value| value.is_finite()).unwrap_or(0.0)
    }
}
