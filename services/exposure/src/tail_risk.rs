//! Value at risk and expected shortfall of today's positions over scenarios from past sessions.

use crate::{
    breakdown::Grouped,
    courses::Courses,
    day_pnl::day_pnl,
    history::{History, Lacking, is_known},
    parametric,
    positions::{self, weighted_returns},
    prepared::PreparedExposure,
    report::{FilterRecord, TailLevel, TailRisk, TailStandIns, TailVolatility},
    settings::{DRAWS, LevelSettings, SCENARIOS_MIN, TailMethod, TailPart, TailSettings},
    stand_in::StandIns,
    sums::Sums,
    volatility,
};
use marketdata::gap::{Gap, GapReason, MeasureRef};
use portfolio::book::{Book, Holding};
use stats::{
    filter::{Filter, filter, growths},
    moments::{self, Ddof},
    scenarios::{Level, Scenario, Scenarios},
    tail::{self, Tail as TailNumbers},
};

/// The tail of a book. It does not keep its stand-ins, which may be ten megabytes for each of the
/// sets of a report, and so what is computed from them is computed at once.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) risk: TailRisk,
    /// The sessions behind the scenarios, in order.
    pub(crate) sessions: Vec<usize>,
    /// Contributions of the positions listed to each number that wants them.
    pub(crate) contributions: Vec<Vec<f64>>,
}

/// The weight of each session's return in a number, which is Σ −weight·return.
#[derive(Debug)]
pub(crate) struct TailWeights {
    /// Sessions with a weight, each with the sum over draws of its share times m_s.
    pub(crate) own: Vec<(usize, f64)>,
    /// Weights of every session of the panel, by draw; empty without stand-ins.
    by_draw: Vec<[f64; DRAWS]>,
}

impl TailWeights {
    /// The weights of a session by draw. `None` if it has none in any draw.
    pub(crate) fn by_draw(&self, session: usize) -> Option<&[f64; DRAWS]> {
        self.own.binary_search_by_key(&session, |(at, _)| *at).ok()?;
        self.by_draw.get(session)
    }
}

/// The book's returns on gross, one series per draw, and the multipliers of the sessions.
pub(crate) struct Replay<'a> {
    history: &'a History,
    stand_ins: Option<&'a StandIns>,
    /// The first session of the stand-ins.
    first: usize,
    /// The sessions replayed: seeds first, then scenarios.
    sessions: &'a [usize],
    seeds: usize,
    /// By draw: the book's returns on gross in the sessions replayed.
    returns: Vec<Vec<f64>>,
    /// By draw: the multiplier m_s of every scenario.
    multipliers: Vec<Vec<f64>>,
    courses: Courses,
    /// The day of the last session, which paths are drawn from.
    seed: u64,
    gross: f64,
    /// The trades whose legs are shown.
    trades: &'a [usize],
}

/// Measures the tail, the parts of the legs of some trades, and those of the positions listed. The
/// error is the reason why there is none.
pub(crate) fn measure(
    prepared: &PreparedExposure,
    history: &History,
    sums: &Sums,
    settings: &TailSettings,
    (grouped, listed, trades): (&Grouped<'_>, &[&Holding], &[usize]),
) -> Result<Tail, Gap> {
    let book = grouped.request.book;
    let gross = book.net_gross;
    let scenarios = || MeasureRef::Scenarios(settings.id());
    let none = |reason, detail: &str| Gap::new(reason, scenarios(), detail);
    if sums.joined <= 0.0 {
        return Err(none(GapReason::InputMissing, "no position that joined has a value"));
    }
    let first = settings.first(prepared.panel.width);
    let mut sessions: Vec<usize> = (first..prepared.panel.width).collect();
    let mut lacking = sums.lacking.clone();
    lacking.retain(|name| 0 < name.absent(&prepared.panel, &sessions));
    let mut stand_ins =
        (!lacking.is_empty()).then(|| StandIns::of(prepared, &sums.trades, &lacking, first));
    if let Some(others) = &stand_ins {
        sessions.retain(|at| is_known(others.undrawn[at - first], sums.joined / gross));
        lacking.retain(|name| 0 < name.absent(&prepared.panel, &sessions));
    }
    if lacking.is_empty() {
        stand_ins = None;
    }
    let seeds = settings.seed_sessions();
    if let Some(detail) = too_few(sessions.len(), settings) {
        return Err(none(GapReason::ShortHistory, &detail));
    }
    let replay = Replay {
        history,
        stand_ins: stand_ins.as_ref(),
        first,
        sessions: &sessions,
        seeds,
        returns: Vec::new(),
        multipliers: Vec::new(),
        courses: Courses::of_history(settings),
        seed: seed(prepared, &sessions),
        gross,
        trades,
    };
    let (mut risk, weights) = replay
        .measure(prepared, settings, &lacking, book)
        .map_err(|detail| none(GapReason::Degenerate, &detail))?;
    let (by_position, by_group) = weights.split_at(settings.by_position.len());
    let part = |weights| positions::contributions(prepared, listed, weights, stand_ins.as_ref());
    let contributions = by_position.iter().map(part).collect();
    let of_groups = |weights| {
        let held: Vec<&Holding> = book.holdings.iter().collect();
        let weighted = weighted_returns(prepared, &held, weights, stand_ins.as_ref());
        grouped.contributions(&weighted)
    };
    risk.by_group = by_group.iter().map(of_groups).collect();
    Ok(Tail { risk, sessions: sessions.split_off(seeds), contributions })
}

/// The standard deviation over draws of value at risk and expected shortfall.
pub(crate) fn spread(by_draw: &[TailNumbers]) -> Option<[f64; 2]> {
    let of = |number: fn(&TailNumbers) -> f64| {
        let values: Vec<f64> = by_draw.iter().map(number).collect();
        Some(moments::variance(&values, Ddof::Sample)?.sqrt())
    };
    Some([of(|tail| tail.value_at_risk)?, of(|tail| tail.expected_shortfall)?])
}

/// The day of the last session as a number: known to the view alone, and new with every session.
fn seed(prepared: &PreparedExposure, sessions: &[usize]) -> u64 {
    let last = sessions.last().and_then(|at| prepared.sessions.days().get(*at));
    last.map_or(0, |day| day.epoch().unsigned_abs().into())
}

/// Why there are too few sessions. Runs that overlap are alike, so plain history needs as many that do
/// not.
fn too_few(sessions: usize, settings: &TailSettings) -> Option<String> {
    let seeds = settings.seed_sessions();
    let length = match settings.method {
        TailMethod::Historical => settings.horizon_sessions,
        _ => 1,
    };
    let need = seeds + SCENARIOS_MIN * length;
    let why = match length {
        1 => {
            format!("scenarios after {seeds} sessions that only initialise the volatility")
        }
        _ => format!("runs of {length} sessions that do not overlap"),
    };
    (sessions < need).then(|| {
        format!(
            "{sessions} sessions with returns of the names or their peers, {need} needed: \
             {SCENARIOS_MIN} {why}"
        )
    })
}

/// The numbers over a set of scenarios.
struct Numbers {
    levels: Vec<TailLevel>,
    volatility: Option<TailVolatility>,
    /// The weights of those whose contributions by position are wanted, and then by group.
    weights: Vec<TailWeights>,
    worst: Scenario,
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

/// The share of each scenario in a number.
pub(crate) type Shares = Vec<(Scenario, f64)>;

/// The reason why there is no number, if a sum of finite returns is not finite.
pub(crate) const OUT_OF_RANGE: &str = "a profit or loss is out of range";

impl<'a> Replay<'a> {
    fn measure(
        mut self,
        prepared: &PreparedExposure,
        settings: &TailSettings,
        lacking: &[Lacking],
        book: &Book,
    ) -> Result<(TailRisk, Vec<TailWeights>), String> {
        let draws = if self.stand_ins.is_some() { DRAWS } else { 1 };
        self.returns = (0..draws).map(|draw| self.returns(draw)).collect();
        let filter = self.scale(settings).ok_or(OUT_OF_RANGE)?;
        let numbers = self.numbers(settings, prepared.panel.width)?;
        let (risk, weights) = self
            .risk((prepared, book), settings, lacking, (filter, numbers))
            .ok_or(OUT_OF_RANGE)?;
        Ok((risk, weights))
    }

    fn risk(
        &self,
        (prepared, book): (&PreparedExposure, &Book),
        settings: &TailSettings,
        lacking: &[Lacking],
        (filter, numbers): (Option<FilterRecord>, Numbers),
    ) -> Option<(TailRisk, Vec<TailWeights>)> {
        let Numbers { levels, volatility, weights, worst: worst_scenario } = numbers;
        let (worst, worst_pnl) = self.worst()?;
        let replayed = &self.sessions[self.seeds..];
        let on = |at: usize| prepared.sessions.days().get(*replayed.get(at)?).copied();
        let absent =
            |name: &Lacking| name.gross_share * name.absent(&prepared.panel, replayed) as f64;
        let undrawn = |others: &StandIns| {
            let sum: f64 = replayed.iter().map(|at| others.undrawn_gross[at - self.first]).sum();
            sum / replayed.len() as f64
        };
        let risk = TailRisk {
            settings: settings.clone(),
            sessions: replayed.len(),
            scenarios: self.courses.count(replayed.len()),
            first_on: on(0)?,
            last_on: on(replayed.len() - 1)?,
            filter,
            levels,
            volatility,
            by_group: Vec::new(),
            worst_on: on(worst)?,
            worst_pnl,
            worst_day: day_pnl(prepared, book, on(worst)?),
            worst_scenario_on: on(self.courses.first(&worst_scenario))?,
            worst_scenario_pnl: worst_scenario.profit,
            draws: self.returns.len(),
            proxied_share: lacking.iter().map(absent).sum::<f64>() / replayed.len() as f64,
            proxied_names: lacking.len(),
            widened_names: self.stand_ins.map_or(0, |others| others.widened_names(replayed)),
            left_out_sessions: prepared.panel.width - self.first - self.sessions.len(),
            undrawn_share: self.stand_ins.map_or(0.0, undrawn),
        };
        Some((risk, weights))
    }

    /// Every number that is asked for; `width` is the number of sessions of the panel.
    fn numbers(&self, settings: &TailSettings, width: usize) -> Result<Numbers, String> {
        let draws = 0..self.returns.len();
        let sessions: Vec<Vec<f64>> = draws.map(|draw| self.profits(draw)).collect();
        let profits = self.courses.profits(&sessions);
        let scenarios = Scenarios::unordered(&profits).ok_or(OUT_OF_RANGE)?;
        let mut scenarios = scenarios.depending(self.courses.dependence());
        let measured = match settings.method.has_scenarios() {
            true => self
                .simulated(settings, &mut scenarios, (&profits, &sessions))
                .ok_or(OUT_OF_RANGE)?,
            false => parametric::measure(self, settings, &sessions)?,
        };
        let shares_of = |part: &TailPart| match *part {
            TailPart::Level(group, at) => {
                measured.levels.get(settings.place(group, at)).map(|level| &level.shortfall)
            }
            TailPart::ValueAtRisk(group, at) => {
                measured.levels.get(settings.place(group, at))?.value_at_risk.as_ref()
            }
            TailPart::Volatility => measured.volatility.as_ref().map(|(_, shares)| shares),
        };
        let parts = settings.by_position.iter().chain(&settings.by_group);
        let weights = parts.map(|part| Some(self.weights(shares_of(part)?, width)));
        let weights = weights.collect::<Option<Vec<TailWeights>>>();
        Ok(Numbers {
            weights: weights.ok_or(OUT_OF_RANGE)?,
            levels: measured.levels.into_iter().map(|measured| measured.level).collect(),
            volatility: measured.volatility.map(|(volatility, _)| volatility),
            worst: *scenarios.first().ok_or(OUT_OF_RANGE)?,
        })
    }

    /// The numbers as quantiles and means of scenarios, given the P&L of these and of the sessions by
    /// draw.
    fn simulated(
        &self,
        settings: &TailSettings,
        scenarios: &mut Scenarios,
        (profits, sessions): (&[Vec<f64>], &[Vec<f64>]),
    ) -> Option<Measured> {
        let mut levels = Vec::new();
        for (place, group) in settings.levels.iter().enumerate() {
            let (confidences, rule) = (&group.confidences, group.quantile_rule);
            let measured = scenarios.levels(confidences, rule, group.interval_level)?;
            let spreads = self.spreads(group, profits)?;
            for (at, mut level) in measured.into_iter().enumerate() {
                level.shares = self.courses.by_session(level.shares, sessions);
                let value_at_risk = match settings.splits(TailPart::ValueAtRisk(place, at)) {
                    true => {
                        let shares = scenarios.value_at_risk_shares(confidences[at], rule)?;
                        Some(self.courses.by_session(shares, sessions))
                    }
                    false => None,
                };
                let mut row = self.level(confidences[at], &level, spreads.get(at).copied());
                row.leg_value_at_risk = self.legs_of(value_at_risk.as_ref());
                let shortfall = level.shares;
                levels.push(MeasuredLevel { level: row, shortfall, value_at_risk });
            }
        }
        let volatility = match settings.volatility {
            true => Some(volatility::measure(self, &self.courses, (profits, sessions))?),
            false => None,
        };
        Some(Measured { levels, volatility })
    }

    /// Computes m_s of every session and the courses of a filter, and returns a record of the filter if
    /// there is one.
    fn scale(&mut self, settings: &TailSettings) -> Option<Option<FilterRecord>> {
        let draws = self.returns.len();
        let TailMethod::FilteredHistorical { decay } = settings.method else {
            self.multipliers = vec![vec![1.0; self.sessions.len() - self.seeds]; draws];
            return Some(None);
        };
        let of = |returns: &Vec<f64>| filter(returns, self.seeds, decay);
        let filters: Option<Vec<Filter>> = self.returns.iter().map(of).collect();
        let filters = filters?;
        let volatility = filters.iter().map(|f| f.volatility).sum::<f64>() / draws as f64;
        let record = FilterRecord {
            decay,
            seed_sessions: self.seeds,
            volatility: volatility * self.gross,
            unscaled: filters.iter().map(|f| f.unscaled).sum(),
        };
        let of_draws = || {
            let draws = filters.iter().zip(&self.returns);
            draws.map(|(filter, returns)| growths(filter, &returns[self.seeds..], decay)).collect()
        };
        self.courses = Courses::simulated(settings.horizon_sessions, self.seed, of_draws)?;
        self.multipliers = filters.into_iter().map(|filter| filter.multipliers).collect();
        Some(Some(record))
    }

    /// The book's returns in a draw.
    fn returns(&self, draw: usize) -> Vec<f64> {
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
    fn profits(&self, draw: usize) -> Vec<f64> {
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

    fn level(&self, confidence: f64, level: &Level, spread: Option<[f64; 2]>) -> TailLevel {
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
    fn spreads(&self, group: &LevelSettings, profits: &[Vec<f64>]) -> Option<Vec<[f64; 2]>> {
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
    fn worst(&self) -> Option<(usize, f64)> {
        let mut sums = vec![0.0; self.sessions.len() - self.seeds];
        for returns in &self.returns {
            sums.iter_mut().zip(&returns[self.seeds..]).for_each(|(sum, r)| *sum += r);
        }
        let (at, sum) = sums.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1))?;
        Some((at, sum / self.returns.len() as f64 * self.gross))
    }

    /// `width` is the number of sessions of the panel.
    fn weights(&self, shares: &[(Scenario, f64)], width: usize) -> TailWeights {
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
