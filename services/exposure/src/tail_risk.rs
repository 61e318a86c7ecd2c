//! Value at risk and expected shortfall of today's positions over scenarios made of past sessions.

use crate::{
    history::{History, Lacking, is_known},
    prepared::PreparedExposure,
    report::{FilterRecord, TailLevel, TailRisk, TailStandIns},
    settings::{DRAWS, FILTER_LAMBDA, SCENARIOS_MIN, TailMethod, TailSettings},
    stand_in::StandIns,
    sums::Sums,
};
use marketdata::gap::{Gap, GapReason};
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
    /// What stands in for absent returns; none where nothing does.
    pub(crate) stand_ins: Option<StandIns>,
}

/// What a return of each session adds to expected shortfall: −weight·return.
#[derive(Debug)]
pub(crate) struct TailWeights {
    /// The scenarios' sessions, in order.
    pub(crate) sessions: Vec<usize>,
    /// Sessions in the tail and the sum of their weights over draws: share of the tail times m_s.
    pub(crate) own: Vec<(usize, f64)>,
    /// The weights of every session of the panel in each draw; empty where nothing stands in.
    by_draw: Vec<[f64; DRAWS]>,
}

impl TailWeights {
    /// The weights of a session by draw; none where it is in no draw's tail.
    pub(crate) fn by_draw(&self, session: usize) -> Option<&[f64; DRAWS]> {
        self.own.binary_search_by_key(&session, |(at, _)| *at).ok()?;
        self.by_draw.get(session)
    }
}

/// The book's returns on gross, one series a draw, and what scales each session.
struct Replay<'a> {
    history: &'a History,
    stand_ins: Option<&'a StandIns>,
    /// The session that the stand-ins begin with.
    first: usize,
    /// The sessions replayed, the seeds before the scenarios.
    sessions: &'a [usize],
    seeds: usize,
    /// By draw: m_s of every scenario.
    multipliers: Vec<Vec<f64>>,
    gross: f64,
}

/// Measures the tail; the reason where there is none.
pub(crate) fn measure(
    prepared: &PreparedExposure,
    history: &History,
    sums: &Sums,
    settings: &TailSettings,
    gross: f64,
) -> Result<Tail, Gap> {
    let none = |reason, detail: &str| Gap::new(reason, "tail", detail);
    if sums.joined <= 0.0 {
        return Err(none(GapReason::InputMissing, "nothing that joined has a value"));
    }
    let first = settings.first(prepared.panel.width);
    let mut sessions: Vec<usize> = (first..prepared.panel.width).collect();
    let mut lacking = sums.lacking.clone();
    lacking.retain(|name| 0 < name.absent(&prepared.panel, &sessions));
    let mut stand_ins = (!lacking.is_empty()).then(|| StandIns::of(prepared, &lacking, first));
    if let Some(others) = &stand_ins {
        sessions.retain(|at| is_known(others.undrawn[at - first], sums.joined / gross));
        lacking.retain(|name| 0 < name.absent(&prepared.panel, &sessions));
    }
    if lacking.is_empty() {
        stand_ins = None;
    }
    let seeds = settings.seed_sessions();
    if sessions.len() < seeds + SCENARIOS_MIN {
        return Err(too_few(sessions.len(), seeds));
    }
    let replay = Replay {
        history,
        stand_ins: stand_ins.as_ref(),
        first,
        sessions: &sessions,
        seeds,
        multipliers: Vec::new(),
        gross,
    };
    let (risk, first_level) = replay
        .measure(prepared, settings, &lacking)
        .ok_or_else(|| none(GapReason::Degenerate, "a profit or loss is out of range"))?;
    Ok(Tail { risk, first_level, stand_ins })
}

fn too_few(sessions: usize, seeds: usize) -> Gap {
    let need = seeds + SCENARIOS_MIN;
    let detail = format!(
        "{sessions} sessions that the names or their peers have returns of, {need} needed: \
         {SCENARIOS_MIN} scenarios after {seeds} sessions that only give the volatility to start from"
    );
    Gap::new(GapReason::ShortHistory, "tail", detail)
}

impl<'a> Replay<'a> {
    fn measure(
        mut self,
        prepared: &PreparedExposure,
        settings: &TailSettings,
        lacking: &[Lacking],
    ) -> Option<(TailRisk, TailWeights)> {
        let filter = self.scale(settings.method)?;
        let scenarios = self.scenarios()?;
        let levels: Option<Vec<TailLevel>> = settings
            .confidence_levels
            .iter()
            .map(|confidence| self.level(&scenarios, settings, *confidence))
            .collect();
        let (worst, worst_pnl) = self.worst()?;
        let worst_scenario = scenarios.ascending().first()?;
        let replayed = &self.sessions[self.seeds..];
        let on = |at: usize| prepared.sessions.days().get(*replayed.get(at)?).copied();
        let absent =
            |name: &Lacking| name.weight.abs() * name.absent(&prepared.panel, replayed) as f64;
        let undrawn = |others: &StandIns| {
            let sum: f64 = replayed.iter().map(|at| others.undrawn[at - self.first]).sum();
            sum / replayed.len() as f64
        };
        let risk = TailRisk {
            settings: settings.clone(),
            sessions: replayed.len(),
            first_on: on(0)?,
            last_on: on(replayed.len() - 1)?,
            filter,
            levels: levels?,
            worst_on: on(worst)?,
            worst_pnl,
            worst_scenario_on: on(worst_scenario.period as usize)?,
            worst_scenario_pnl: worst_scenario.profit,
            draws: self.draws(),
            proxied_share: lacking.iter().map(absent).sum::<f64>() / replayed.len() as f64,
            proxied_names: lacking.len(),
            widened_names: self.stand_ins.map_or(0, |others| others.widened_names(replayed)),
            left_out_sessions: prepared.panel.width - self.first - self.sessions.len(),
            undrawn_share: self.stand_ins.map_or(0.0, undrawn),
        };
        let confidence = *settings.confidence_levels.first()?;
        let first_level = self.weights(&scenarios.tail_shares(confidence)?, prepared.panel.width);
        Some((risk, first_level))
    }

    /// Finds m_s of every scenario, and tells of the filter that made it.
    fn scale(&mut self, method: TailMethod) -> Option<Option<FilterRecord>> {
        let draws = if self.stand_ins.is_some() { DRAWS } else { 1 };
        if method == TailMethod::Historical {
            self.multipliers = vec![vec![1.0; self.sessions.len() - self.seeds]; draws];
            return Some(None);
        }
        let filters: Option<Vec<Filter>> = (0..draws)
            .map(|draw| filter(&self.returns(draw, 0), self.seeds, FILTER_LAMBDA))
            .collect();
        let filters = filters?;
        let volatility = filters.iter().map(|f| f.volatility).sum::<f64>() / draws as f64;
        let record = FilterRecord {
            lambda: FILTER_LAMBDA,
            seed_sessions: self.seeds,
            volatility: volatility * self.gross,
            unscaled: filters.iter().map(|f| f.unscaled).sum(),
        };
        self.multipliers = filters.into_iter().map(|filter| filter.multipliers).collect();
        Some(Some(record))
    }

    fn draws(&self) -> usize {
        self.multipliers.len()
    }

    /// The book's returns in a draw, from one of the replayed sessions on.
    fn returns(&self, draw: usize, from: usize) -> Vec<f64> {
        let own = |session: usize| f64::from(self.history.total[session - self.history.first]);
        let sessions = self.sessions[from..].iter();
        match self.stand_ins {
            None => sessions.map(|at| own(*at)).collect(),
            Some(others) => {
                sessions.map(|at| own(*at) + others.total(draw, at - self.first)).collect()
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
                share * self.multipliers[draw][at] * of(draw, self.sessions[self.seeds + at])
            };
            0.0 - shares.iter().map(adds).sum::<f64>() * self.gross
        };
        let leg = |leg: usize| {
            part(&|draw, session| {
                let stand_in =
                    self.stand_ins.map_or(0.0, |all| all.leg(leg, draw, session - self.first));
                f64::from(self.history.legs[leg][session - self.history.first]) + stand_in
            })
        };
        let stand_ins = self.stand_ins.map(|others| {
            let part = part(&|draw, session| others.total(draw, session - self.first));
            self.spread(settings, confidence, part)
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
        let mut sums = vec![0.0; self.sessions.len() - self.seeds];
        for draw in 0..self.draws() {
            let returns = self.returns(draw, self.seeds);
            sums.iter_mut().zip(returns).for_each(|(sum, r)| *sum += r);
        }
        let (at, sum) = sums.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1))?;
        Some((at, sum / self.draws() as f64 * self.gross))
    }

    /// `width` is the panel's.
    fn weights(&self, shares: &[(Scenario, f64)], width: usize) -> TailWeights {
        let sessions = self.sessions[self.seeds..].to_vec();
        let mut own = vec![0.0; sessions.len()];
        let mut by_draw = vec![[0.0; DRAWS]; if self.stand_ins.is_some() { width } else { 0 }];
        for (scenario, share) in shares {
            let (draw, at) = (scenario.draw as usize, scenario.period as usize);
            let weight = share * self.multipliers[draw][at];
            own[at] += weight;
            if let Some(draws) = by_draw.get_mut(sessions[at]) {
                draws[draw] = weight;
            }
        }
        let inside = sessions.iter().zip(own).filter(|(_, weight)| 0.0 < *weight);
        let own = inside.map(|(session, weight)| (*session, weight)).collect();
        TailWeights { sessions, own, by_draw }
    }
}
