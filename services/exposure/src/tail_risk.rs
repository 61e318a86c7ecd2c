//! Value at risk and expected shortfall of today's positions over scenarios made of past sessions.

use crate::{
    history::{History, Lacking},
    prepared::Prepared,
    report::{FilterRecord, TailLevel, TailRisk, TailStandIns},
    settings::{DRAWS, FILTER_LAMBDA, TailMethod, TailSettings},
    stand_in::StandIns,
};
use stats::{
    filter::{Filter, filter},
    moments::{self, Ddof},
    scenarios::{Scenario, Scenarios},
    tail,
};

/// The tail of a book and the scenarios in it.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) risk: TailRisk,
    /// Those of the first level.
    pub(crate) first_level: TailWeights,
}

/// What a return of each session adds to expected shortfall: −weight·return.
#[derive(Debug)]
pub(crate) struct TailWeights {
    /// First session of the window.
    pub(crate) start: usize,
    /// Sessions in the tail and the sum of their weights over draws: share of the tail times m_s.
    pub(crate) own: Vec<(usize, f64)>,
    /// The weight of every session, draw after draw; empty where nothing stands in.
    by_draw: Vec<f64>,
    width: usize,
}

impl TailWeights {
    /// The weight of a session in a draw; zero before the window.
    pub(crate) fn of(&self, draw: usize, session: usize) -> f64 {
        let at = session.checked_sub(self.start);
        at.and_then(|at| self.by_draw.get(draw * self.width + at)).copied().unwrap_or(0.0)
    }
}

/// The book's returns on gross, one series a draw, and what scales each session.
struct Replay<'a> {
    history: &'a History,
    stand_ins: Option<&'a StandIns>,
    /// Sessions of the history before the first seed.
    skipped: usize,
    /// Sessions from the first seed to the first scenario.
    seeds: usize,
    /// Sessions of the window.
    width: usize,
    /// By draw: m_s of every session of the window.
    multipliers: Vec<Vec<f64>>,
    gross: f64,
}

/// Measures the tail. `gross` turns returns into money. None without enough sessions, or where a
/// number is out of range.
pub(crate) fn measure(
    prepared: &Prepared,
    history: &History,
    lacking: &[Lacking],
    settings: &TailSettings,
    gross: f64,
) -> Option<Tail> {
    let days = prepared.sessions.days();
    let (first, start) = settings.window(days.len())?;
    let lacking: Vec<Lacking> =
        lacking.iter().filter(|name| name.lacks(&prepared.panel, first)).copied().collect();
    let stand_ins = (!lacking.is_empty()).then(|| StandIns::of(prepared, &lacking, first));
    let (replay, filter) =
        Replay::of(history, stand_ins.as_ref(), settings, (first, start), gross)?;
    let scenarios = replay.scenarios()?;
    let levels: Option<Vec<TailLevel>> = settings
        .confidence_levels
        .iter()
        .map(|confidence| replay.level(&scenarios, settings, *confidence))
        .collect();
    let (worst, worst_pnl) = replay.worst()?;
    let worst_scenario = scenarios.ascending().first()?;
    let confidence = *settings.confidence_levels.first()?;
    let sessions = (days.len() - start) as f64;
    let risk = TailRisk {
        settings: settings.clone(),
        sessions: days.len() - start,
        first_on: *days.get(start)?,
        last_on: *days.last()?,
        filter,
        levels: levels?,
        worst_on: days[start + worst],
        worst_pnl,
        worst_scenario_on: *days.get(start + worst_scenario.period as usize)?,
        worst_scenario_pnl: worst_scenario.profit,
        draws: replay.draws(),
        proxied_share: lacking.iter().map(|name| name.absent(&prepared.panel, start)).sum::<f64>()
            / sessions,
        proxied_names: lacking.len(),
        widened_names: stand_ins.as_ref().map_or(0, |s| s.widened_names),
        undrawn_names: stand_ins.as_ref().map_or(0, |s| s.undrawn_names),
        undrawn_share: stand_ins.as_ref().map_or(0.0, |s| s.undrawn) / (days.len() - first) as f64,
    };
    let first_level = replay.weights(&scenarios.tail_shares(confidence)?, start);
    Some(Tail { risk, first_level })
}

impl<'a> Replay<'a> {
    fn of(
        history: &'a History,
        stand_ins: Option<&'a StandIns>,
        settings: &TailSettings,
        (first, start): (usize, usize),
        gross: f64,
    ) -> Option<(Replay<'a>, Option<FilterRecord>)> {
        let (skipped, seeds) = (first - history.first, start - first);
        let width = history.total.len() - skipped - seeds;
        let draws = if stand_ins.is_some() { DRAWS } else { 1 };
        let multipliers = Vec::new();
        let mut replay = Replay { history, stand_ins, skipped, seeds, width, multipliers, gross };
        if settings.method == TailMethod::Historical {
            replay.multipliers = vec![vec![1.0; width]; draws];
            return Some((replay, None));
        }
        let filters: Option<Vec<Filter>> =
            (0..draws).map(|draw| filter(&replay.returns(draw, 0), seeds, FILTER_LAMBDA)).collect();
        let filters = filters?;
        let volatility = filters.iter().map(|f| f.volatility).sum::<f64>() / draws as f64;
        let record = FilterRecord {
            lambda: FILTER_LAMBDA,
            seed_sessions: seeds,
            volatility: volatility * gross,
            unscaled: filters.iter().map(|f| f.unscaled).sum(),
        };
        replay.multipliers = filters.into_iter().map(|filter| filter.multipliers).collect();
        Some((replay, Some(record)))
    }

    fn draws(&self) -> usize {
        self.multipliers.len()
    }

    /// The book's returns in a draw, so many sessions after the first seed on.
    fn returns(&self, draw: usize, from: usize) -> Vec<f64> {
        let own = self.history.total[self.skipped + from..].iter().map(|own| f64::from(*own));
        match self.stand_ins {
            None => own.collect(),
            Some(others) => {
                own.enumerate().map(|(at, own)| own + others.total(draw, from + at)).collect()
            }
        }
    }

    /// P&L of every scenario, each draw with the same weight.
    fn scenarios(&self) -> Option<Scenarios> {
        let draws: Vec<Vec<f64>> = (0..self.draws()).map(|draw| self.profits(draw)).collect();
        Scenarios::pooled(&draws)
    }

    fn profits(&self, draw: usize) -> Vec<f64> {
        let returns = self.returns(draw, self.seeds);
        returns.iter().zip(&self.multipliers[draw]).map(|(r, m)| r * m * self.gross).collect()
    }

    fn level(
        &self,
        scenarios: &Scenarios,
        settings: &TailSettings,
        confidence: f64,
    ) -> Option<TailLevel> {
        let rule = settings.quantile_rule;
        let tail = scenarios.tail(confidence, rule)?;
        let interval =
            scenarios.value_at_risk_interval(confidence, rule, settings.interval_level)?;
        let shares = scenarios.tail_shares(confidence)?;
        let part = |of: &dyn Fn(usize, usize) -> f64| {
            let adds = |(scenario, share): &(Scenario, f64)| {
                let (draw, at) = (scenario.draw as usize, scenario.period as usize);
                share * self.multipliers[draw][at] * of(draw, self.seeds + at)
            };
            0.0 - shares.iter().map(adds).sum::<f64>() * self.gross
        };
        let leg = |leg: usize| {
            part(&|draw, at| {
                let stand_in = self.stand_ins.map_or(0.0, |others| others.leg(leg, draw, at));
                f64::from(self.history.legs[leg][self.skipped + at]) + stand_in
            })
        };
        let stand_ins = self.stand_ins.map(|others| {
            let expected_shortfall = part(&|draw, at| others.total(draw, at));
            self.spread(settings, confidence, expected_shortfall)
        });
        Some(TailLevel {
            confidence,
            value_at_risk: tail.value_at_risk,
            value_at_risk_low: interval.low,
            value_at_risk_high: interval.high,
            expected_shortfall: tail.expected_shortfall,
            expected_shortfall_standard_error: scenarios.expected_shortfall_error(confidence),
            leg_expected_shortfall: [0, 1, 2].map(leg),
            stand_ins: match stand_ins {
                None => None,
                Some(stand_ins) => Some(stand_ins?),
            },
        })
    }

    /// How far the measures of single draws lie apart.
    fn spread(
        &self,
        settings: &TailSettings,
        confidence: f64,
        expected_shortfall: f64,
    ) -> Option<TailStandIns> {
        let alone: Option<Vec<tail::Tail>> = (0..self.draws())
            .map(|draw| {
                let mut profits = self.profits(draw);
                tail::historical_in_place(&mut profits, confidence, settings.quantile_rule)
            })
            .collect();
        let (values, means): (Vec<f64>, Vec<f64>) =
            alone?.iter().map(|tail| (tail.value_at_risk, tail.expected_shortfall)).unzip();
        let deviation = |values: &[f64]| Some(moments::variance(values, Ddof::Sample)?.sqrt());
        Some(TailStandIns {
            expected_shortfall,
            value_at_risk_spread: deviation(&values)?,
            expected_shortfall_spread: deviation(&means)?,
        })
    }

    /// The session of the window with the largest loss as it was, and its P&L averaged over draws.
    fn worst(&self) -> Option<(usize, f64)> {
        let mut sums = vec![0.0; self.width];
        for draw in 0..self.draws() {
            let returns = self.returns(draw, self.seeds);
            sums.iter_mut().zip(returns).for_each(|(sum, r)| *sum += r);
        }
        let (at, sum) = sums.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1))?;
        Some((at, sum / self.draws() as f64 * self.gross))
    }

    fn weights(&self, shares: &[(Scenario, f64)], start: usize) -> TailWeights {
        let width = self.width;
        let by_draw = if self.stand_ins.is_some() { width * self.draws() } else { 0 };
        let mut weights =
            TailWeights { start, own: Vec::new(), by_draw: vec![0.0; by_draw], width };
        let mut own = vec![0.0; width];
        for (scenario, share) in shares {
            let (draw, at) = (scenario.draw as usize, scenario.period as usize);
            let weight = share * self.multipliers[draw][at];
            own[at] += weight;
            if let Some(slot) = weights.by_draw.get_mut(draw * width + at) {
                *slot = weight;
            }
        }
        let inside = own.iter().enumerate().filter(|(_, weight)| 0.0 < **weight);
        weights.own = inside.map(|(at, weight)| (start + at, *weight)).collect();
        weights
    }
}
