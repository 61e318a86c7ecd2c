//! A book's past returns as scenarios, and what single scenarios add to a number.

use crate::{
    courses::{Courses, Shares},
    history::History,
    report::{TailLevel, TailStandIns, TailVolatility},
    settings::{DRAWS, LevelSettings},
    stand_in::StandIns,
    tail_returns::TailWeights,
};
use stats::{
    moments::{self, Ddof},
    scenarios::{Level, Scenario},
    tail::{self, Tail as TailNumbers},
};

/// The book's returns on gross, one series per draw, and the multipliers of the sessions.
pub(crate) struct Replay<'a> {
    pub(crate) history: &'a History,
    pub(crate) stand_ins: Option<&'a StandIns>,
    /// The first session of the stand-ins.
    pub(crate) first: usize,
    /// The sessions replayed: seeds first, then scenarios.
    pub(crate) sessions: &'a [usize],
    pub(crate) seeds: usize,
    /// By draw: the book's returns on gross in the sessions replayed.
    pub(crate) returns: Vec<Vec<f64>>,
    /// By draw: the multiplier m_s of every scenario.
    pub(crate) multipliers: Vec<Vec<f64>>,
    pub(crate) courses: Courses,
    /// The day of the last session, which paths are drawn from.
    pub(crate) seed: u64,
    pub(crate) gross: f64,
    /// The trades whose legs are shown.
    pub(crate) trades: &'a [usize],
}

/// Numbers with their shares: the share of each scenario in a number, which is Σ −share·P&L.
pub(crate) struct Measured {
    pub(crate) levels: Vec<MeasuredLevel>,
    pub(crate) volatility: Option<(TailVolatility, Shares)>,
}

/// A level with the shares of its expected shortfall, and of its value at risk if they are wanted.
pub(crate) struct MeasuredLevel {
    pub(crate) level: TailLevel,
    pub(crate) shortfall: Shares,
    pub(crate) value_at_risk: Option<Shares>,
}

/// The reason why there is no number, if a sum of finite returns is not finite.
pub(crate) const OUT_OF_RANGE: &str = "a profit or loss is out of range";

impl Replay<'_> {
    /// The book's returns in a draw.
    pub(crate) fn returns(&self, draw: usize) -> Vec<f64> {
        let own = |session: usize| f64::from(self.history.total[session - self.history.first]);
        let sessions = self.sessions.iter();
        match self.stand_ins {
            None => sessions.map(|at| own(*at)).collect(),
            Some(others) => {
                sessions.map(|at| own(*at) + others.total(draw, at - self.first)).collect()
            }
        }
    }

    /// P&L of the sessions in a draw, rescaled by the filter.
    pub(crate) fn profits(&self, draw: usize) -> Vec<f64> {
        let returns = self.returns[draw][self.seeds..].iter();
        returns.zip(&self.multipliers[draw]).map(|(r, m)| r * m * self.gross).collect()
    }

    /// −Σ share·m·return in money: the part of a number that some returns make.
    fn part(&self, shares: &[(Scenario, f64)], of: impl Fn(usize, usize) -> f64) -> f64 {
        let adds = |(scenario, share): &(Scenario, f64)| {
            let (draw, at) = (scenario.draw as usize, scenario.period as usize);
            share * self.multipliers[draw][at] * of(draw, self.sessions[self.seeds + at])
        };
        0.0 - shares.iter().map(adds).sum::<f64>() * self.gross
    }

    /// The parts of the legs of the trades in a number, by trade and leg.
    pub(crate) fn legs(&self, shares: &[(Scenario, f64)]) -> Vec<Vec<f64>> {
        let leg = |trade: usize, leg: usize| {
            self.part(shares, |draw, session| {
                let stand_in = |all: &StandIns| all.leg(trade, leg, draw, session - self.first);
                f64::from(self.history.trades[trade][leg][session - self.history.first])
                    + self.stand_ins.map_or(0.0, stand_in)
            })
        };
        let legs = |trade: &usize| -> Vec<f64> {
            (0..self.history.trades[*trade].len()).map(|at| leg(*trade, at)).collect()
        };
        self.trades.iter().map(legs).collect()
    }

    /// The part of stand-ins in a number. `None` without stand-ins.
    pub(crate) fn stand_in_part(&self, shares: &[(Scenario, f64)]) -> Option<f64> {
        let others = self.stand_ins?;
        Some(self.part(shares, |draw, session| others.total(draw, session - self.first)))
    }

    /// Contributions by leg to a number; empty if none are wanted.
    pub(crate) fn legs_of(&self, shares: Option<&Shares>) -> Vec<Vec<f64>> {
        shares.map(|shares| self.legs(shares)).unwrap_or_default()
    }

    pub(crate) fn level(
        &self,
        confidence: f64,
        level: &Level,
        spread: Option<[f64; 2]>,
    ) -> TailLevel {
        let stand_ins = self.stand_in_part(&level.shares).zip(spread).map(
            |(expected_shortfall, [value_at_risk, mean])| TailStandIns {
                expected_shortfall,
                value_at_risk_spread: value_at_risk,
                expected_shortfall_spread: mean,
            },
        );
        TailLevel {
            confidence,
            value_at_risk: level.tail.value_at_risk,
            value_at_risk_low: level.interval.low,
            value_at_risk_high: level.interval.high,
            expected_shortfall: level.tail.expected_shortfall,
            expected_shortfall_standard_error: level.expected_shortfall_error,
            leg_expected_shortfall: self.legs(&level.shares),
            leg_value_at_risk: Vec::new(),
            stand_ins,
        }
    }

    /// The standard deviation over draws of value at risk and expected shortfall, by confidence
    /// level. Empty without draws.
    pub(crate) fn spreads(
        &self,
        group: &LevelSettings,
        profits: &[Vec<f64>],
    ) -> Option<Vec<[f64; 2]>> {
        if self.stand_ins.is_none() {
            return Some(Vec::new());
        }
        let (confidences, rule) = (&group.confidences, group.quantile_rule);
        let levels =
            |profits: &Vec<f64>| tail::historical_levels(&mut profits.clone(), confidences, rule);
        let by_draw: Option<Vec<Vec<TailNumbers>>> = profits.iter().map(levels).collect();
        let by_draw = by_draw?;
        let of_level = |level: usize| {
            let tails: Vec<TailNumbers> = by_draw.iter().map(|levels| levels[level]).collect();
            spread(&tails)
        };
        (0..confidences.len()).map(of_level).collect()
    }

    /// The session of the window with the largest unscaled loss, and its P&L averaged over draws.
    pub(crate) fn worst(&self) -> Option<(usize, f64)> {
        let mut sums = vec![0.0; self.sessions.len() - self.seeds];
        for returns in &self.returns {
            sums.iter_mut().zip(&returns[self.seeds..]).for_each(|(sum, r)| *sum += r);
        }
        let (at, sum) = sums.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1))?;
        Some((at, sum / self.returns.len() as f64 * self.gross))
    }

    /// `width` is the number of sessions of the panel.
    pub(crate) fn weights(&self, shares: &[(Scenario, f64)], width: usize) -> TailWeights {
        let sessions = &self.sessions[self.seeds..];
        let mut own = vec![0.0_f64; sessions.len()];
        let mut by_draw = vec![[0.0; DRAWS]; if self.stand_ins.is_some() { width } else { 0 }];
        for (scenario, share) in shares {
            let (draw, at) = (scenario.draw as usize, scenario.period as usize);
            let weight = share * self.multipliers[draw][at];
            own[at] += weight;
            if let Some(draws) = by_draw.get_mut(sessions[at]) {
                draws[draw] = weight;
            }
        }
        let inside = sessions.iter().zip(own).filter(|(_, weight)| 0.0 < weight.abs());
        let own = inside.map(|(session, weight)| (*session, weight)).collect();
        TailWeights { own, by_draw }
    }
}

/// The standard deviation over draws of value at risk and expected shortfall.
pub(crate) fn spread(by_draw: &[TailNumbers]) -> Option<[f64; 2]> {
    let of = |number: fn(&TailNumbers) -> f64| {
        let values: Vec<f64> = by_draw.iter().map(number).collect();
        Some(moments::variance(&values, Ddof::Sample)?.sqrt())
    };
    Some([of(|tail| tail.value_at_risk)?, of(|tail| tail.expected_shortfall)?])
}
