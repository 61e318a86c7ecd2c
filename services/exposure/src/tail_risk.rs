//! Value at risk and expected shortfall of today's positions over scenarios from past sessions.

use crate::{
    breakdown::Grouped,
    courses::Courses,
    day_pnl::day_pnl,
    history::{History, is_known},
    lacking::Lacking,
    parametric,
    prepared::PreparedExposure,
    replay::{Measured, MeasuredLevel, OUT_OF_RANGE, Replay},
    report::{FilterRecord, TailLevel, TailRisk, TailVolatility},
    settings::{DRAWS, SCENARIOS_MIN, TailMethod, TailPart, TailSettings},
    stand_in::StandIns,
    sums::Sums,
    tail_returns::{TailWeights, contributions, weighted_returns},
    volatility,
};
use marketdata::gap::{Gap, GapReason, MeasureRef};
use portfolio::book::{Book, Holding};
use stats::{
    filter::{Filter, filter, growths},
    scenarios::{Scenario, Scenarios},
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
    let part = |weights| contributions(prepared, listed, weights, stand_ins.as_ref());
    let contributions = by_position.iter().map(part).collect();
    let of_groups = |weights| {
        let held: Vec<&Holding> = book.holdings.iter().collect();
        let weighted = weighted_returns(prepared, &held, weights, stand_ins.as_ref());
        grouped.contributions(&weighted)
    };
    risk.by_group = by_group.iter().map(of_groups).collect();
    Ok(Tail { risk, sessions: sessions.split_off(seeds), contributions })
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
}
