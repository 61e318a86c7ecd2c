//! How a name trades as of the latest session: volume, price pressure and volume pressure.

use crate::{
    cost_basis::{Settlements, cost_basis},
    measure::{Measured, ratio},
};
use factors::{
    average_volume::{median_shares_over, rows_up_to, shares_over, shares_up_to, usd_up_to},
    impact::Order,
    settlement_days::SettlementDays,
    squeeze_threshold::{STALE_DAYS, daily_volatility},
};
use marketdata::{
    bars::Bars, basis::Units, dataset::Dataset, day::Day, gap::GapReason, instrument::InstrumentId,
    snapshot::Snapshot,
};
use std::ops::Range;

/// Sessions of the volume ratio's numerator.
const BURST_SESSIONS: usize = 5;
/// Window of its denominator, the sessions before them, and of the normal volume; and the minimum
/// that must have a volume.
const USUAL_SESSIONS: usize = 63;
const USUAL_LEAST: usize = 42;
/// Window of the high, in sessions, and the minimum number of sessions.
const HIGH_SESSIONS: usize = 252;
const HIGH_LEAST: usize = 63;
/// Calendar days read: enough for 252 sessions with weekends and holidays.
pub(crate) const WINDOW_DAYS: i32 = 380;

/// Prices and volumes of one name. Shares and prices are in the units of `units_on`.
#[derive(Clone, Debug, PartialEq)]
pub struct Traded {
    /// The latest session with a close.
    pub last_on: Day,
    /// The day whose units apply to shares and prices here: the units in which the last row is
    /// stored.
    pub units_on: Day,
    /// The last close, USD.
    pub close: f64,
    /// USD paid on the last session for the shares that make up one share here: the last close,
    /// plus what a later spin-off has taken out of it.
    pub value_per_share: Measured,
    /// Average shares per day over the last 21 sessions, excluding sessions without a volume.
    pub average_volume: Measured,
    /// The normal volume: the median of shares per day over the last 63 sessions. Unlike an average
    /// it is not the volume of a squeeze in progress, and unlike the volume before the settlement it
    /// is known for every name that trades.
    pub normal_volume: Measured,
    /// Average USD traded per day over the 21 sessions.
    pub average_value_usd: Measured,
    /// Number of the 21 sessions that have a volume.
    pub volume_sessions: u32,
    /// Total return over 5 sessions, a decimal.
    pub five_session_return: Measured,
    /// Total return over 20 sessions, a decimal.
    pub twenty_session_return: Measured,
    /// The sessions with which these two returns begin. `None` in a shorter history.
    pub returns_from_on: [Option<Day>; 2],
    /// Close / highest close − 1, at most 0, on one basis of units, not adjusted for distributions.
    pub distance_to_high: Measured,
    /// Number of sessions searched for the high, at most 252.
    pub high_sessions: u32,
    /// Average volume of the last 5 sessions / that of the 63 before them.
    pub volume_ratio: Measured,
    /// Standard deviation of the total returns of the last 60 sessions, a decimal per session.
    pub volatility: Measured,
    /// USD that a holder of one share here gained on the market's latest session, distributions
    /// included.
    pub gain_last_session: Measured,
    /// Returns and volumes around the requested settlement.
    pub since: Since,
    /// Estimated average price at which open shorts were sold, USD per share here.
    pub cost_basis: Measured,
    /// USD that a holder of one share here gained against that price.
    pub gain_since_cost_basis: Measured,
}

/// Closes of days that are no session of the market: fewer than one in ten names have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Number of them.
    pub count: usize,
    /// The last of these days.
    pub last_on: Day,
}

/// Price and volume after a settlement, up to the last close, and the volume before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Since {
    /// The session of the close that it begins with: that of the settlement, or the last before it.
    pub from_on: Result<Day, GapReason>,
    /// Total return, a decimal.
    pub total_return: Measured,
    /// USD that a holder of one share of [`Traded`] gained, distributions included.
    pub gain: Measured,
    /// Shares traded, excluding sessions without a volume.
    pub volume: Measured,
    /// Average shares per day over the 21 sessions up to the settlement: the normal volume when the
    /// short interest was counted, before a squeeze inflated it.
    pub volume_before: Measured,
}

impl Traded {
    /// How an instrument trades as of a snapshot, and which of its closes were left out. `sessions` are
    /// those of the market for 380 days, of which closes of other days are no part; `freshest` is the
    /// latest; `settlement` is the day of the short interest, if there is one, with those of the market.
    /// The error: no close is known, or the last one is stale.
    pub fn of(
        snapshot: &Snapshot,
        instrument: InstrumentId,
        (sessions, freshest): (&[Day], Day),
        settlement: Option<(Day, &SettlementDays)>,
    ) -> (Result<Traded, GapReason>, Option<LeftOut>) {
        let (bars, others) = Bars::on_sessions(snapshot, instrument, sessions);
        let left_out =
            others.last().map(|last_on| LeftOut { count: others.len(), last_on: *last_on });
        let traded = Traded::of_bars(snapshot, (instrument, &bars), freshest, settlement);
        (traded, left_out)
    }

    fn of_bars(
        snapshot: &Snapshot,
        (instrument, bars): (InstrumentId, &Bars<'_>),
        freshest: Day,
        settlement: Option<(Day, &SettlementDays)>,
    ) -> Result<Traded, GapReason> {
        let Some(last) = bars.len().checked_sub(1) else {
            let never = snapshot.rows(Dataset::Bars, instrument).is_empty();
            return Err(if never { GapReason::NoPrice } else { GapReason::Stale });
        };
        if bars.days[last] < freshest.plus(-STALE_DAYS) {
            return Err(GapReason::Stale);
        }
        let units_on = bars.basis(last).units_on(bars.days[last]);
        let taken = bars.units().value_change(bars.days[last], units_on);
        let window = Window { bars, last, units_on };
        let (volume_sessions, average_volume) = shares_up_to(bars, last, units_on);
        let (high_sessions, distance_to_high) = window.distance_to_high();
        let settlements = settlement.ok_or(GapReason::NoShortInterest);
        let settlements =
            settlements.and_then(|on| Settlements::of(snapshot, instrument, (bars, units_on), on));
        let settlement = settlement.map(|(on, _)| on);
        let cost_basis = settlements.and_then(|all| cost_basis(bars, last, &all));
        let taken = taken.ok_or(GapReason::BasisUnknown);
        let gained = |basis: f64| Ok((bars.close_as_stored(last) - basis) * taken?);
        Ok(Traded {
            last_on: bars.days[last],
            units_on,
            close: bars.close_as_stored(last),
            value_per_share: taken.map(|taken| bars.close_as_stored(last) * taken),
            average_volume,
            normal_volume: window.normal_volume(),
            average_value_usd: usd_up_to(bars, last),
            volume_sessions,
            five_session_return: window.total_return(5),
            twenty_session_return: window.total_return(20),
            returns_from_on: [5, 20].map(|count| Some(bars.days[last.checked_sub(count)?])),
            distance_to_high,
            high_sessions,
            volume_ratio: window.volume_ratio(),
            volatility: daily_volatility(bars, last),
            gain_last_session: window.gain_on(freshest),
            since: window.since(settlement),
            cost_basis,
            gain_since_cost_basis: cost_basis.and_then(gained),
        })
    }

    /// The order of buying back `shares`, at the normal volume and the volatility here.
    ///
    /// # Errors
    /// There is no normal volume, no volatility, or the short is no order.
    pub fn buying_back(&self, shares: f64) -> Result<Order, GapReason> {
        let order = Order::new(shares.abs(), self.normal_volume?, self.volatility?);
        order.ok_or(GapReason::Degenerate)
    }

    /// Factor that converts shares in the units of a day to shares in the units here.
    ///
    /// # Errors
    /// No known factor converts between the two.
    pub fn shares_factor(&self, units: &Units, day: Day) -> Measured {
        units.change(day, self.units_on).map(|change| change.shares).ok_or(GapReason::BasisUnknown)
    }
}

/// The bars of a name up to its last one.
struct Window<'a> {
    bars: &'a Bars<'a>,
    last: usize,
    units_on: Day,
}

impl Window<'_> {
    fn latest(&self, count: usize) -> Range<usize> {
        rows_up_to(self.last, count)
    }

    /// Average shares a day in the units here, and in how many rows.
    fn mean_volume(&self, rows: Range<usize>, least: usize) -> (u32, Measured) {
        shares_over(self.bars, rows, least, self.units_on)
    }

    fn normal_volume(&self) -> Measured {
        let rows = self.latest(USUAL_SESSIONS);
        median_shares_over(self.bars, rows, USUAL_LEAST, self.units_on)
    }

    fn volume_ratio(&self) -> Measured {
        let burst = self.latest(BURST_SESSIONS);
        let usual = burst.start.saturating_sub(USUAL_SESSIONS)..burst.start;
        let (_, burst) = self.mean_volume(burst, BURST_SESSIONS);
        let (_, usual) = self.mean_volume(usual, USUAL_LEAST);
        ratio(burst?, usual?)
    }

    fn total_return(&self, sessions: usize) -> Measured {
        if self.last < sessions {
            return Err(GapReason::ShortHistory);
        }
        self.chained(self.last - sessions)
    }

    /// Total return from row `base` to the last row.
    fn chained(&self, base: usize) -> Measured {
        let mut growth = 1.0;
        for row in base + 1..self.last + 1 {
            growth *= 1.0 + self.bars.total_return(row).ok_or(GapReason::BasisUnknown)?;
        }
        Ok(stats::change::growth(1.0, growth))
    }

    /// USD gained by one share since the close of row `base`: its value then times the total return.
    fn gain(&self, base: usize) -> Measured {
        let taken = self.bars.units().value_change(self.bars.days[self.last], self.units_on);
        let then = self.bars.close_in_units_of(base, self.units_on).zip(taken);
        let (then, taken) = then.ok_or(GapReason::BasisUnknown)?;
        Ok(then * taken * self.chained(base)?)
    }

    /// The gain of the market's latest session.
    fn gain_on(&self, freshest: Day) -> Measured {
        let row = self.bars.index_on_or_before(freshest).ok_or(GapReason::ShortHistory)?;
        if self.bars.days[row] < freshest {
            return Err(GapReason::Stale);
        }
        let up_to = Window { last: row, ..*self };
        up_to.gain(row.checked_sub(1).ok_or(GapReason::ShortHistory)?)
    }

    fn distance_to_high(&self) -> (u32, Measured) {
        let rows = self.latest(HIGH_SESSIONS);
        let sessions = rows.len() as u32;
        if rows.len() < HIGH_LEAST {
            return (sessions, Err(GapReason::ShortHistory));
        }
        let mut high: f64 = 0.0;
        for row in rows {
            match self.bars.close_in_units_of(row, self.units_on) {
                Some(close) => high = high.max(close),
                None => return (sessions, Err(GapReason::BasisUnknown)),
            }
        }
        (sessions, ratio(self.bars.close_as_stored(self.last), high).map(|share| share - 1.0))
    }

    fn since(&self, settlement: Option<Day>) -> Since {
        let base = settlement.ok_or(GapReason::NoShortInterest).and_then(|settlement| {
            let row = self.bars.index_on_or_before(settlement).ok_or(GapReason::ShortHistory)?;
            let is_near = settlement.plus(-STALE_DAYS) <= self.bars.days[row];
            if is_near { Ok(row) } else { Err(GapReason::MissingObservations) }
        });
        let traded = |base: usize| {
            let (count, mean) = self.mean_volume(base + 1..self.last + 1, 1);
            mean.map(|mean| mean * f64::from(count))
        };
        let before = |base| shares_up_to(self.bars, base, self.units_on).1;
        Since {
            from_on: base.map(|base| self.bars.days[base]),
            total_return: base.and_then(|base| self.chained(base)),
            gain: base.and_then(|base| self.gain(base)),
            volume: base.and_then(traded),
            volume_before: base.and_then(before),
        }
    }
}
