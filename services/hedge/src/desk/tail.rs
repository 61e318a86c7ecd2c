//! The scenarios whose tail a plan may price: past sessions, or simulated ones.

use super::{Desk, DeskLine, NoDesk};
use crate::{
    limits::{OPTION_VALUES, Stopped},
    line_risk::LineRisk,
    objective::{Centring, Scenarios},
    option::HeldOption,
    plan::BeforeAfter,
    problem::Problem,
    simulated::{Draws, Part, Simulation, stream},
    terms::{DeskTerms, ScenarioUse, TermsFault},
    walk_forward::block_starts,
};
use marketdata::gap::{Gap, GapReason, Subject};
use std::sync::OnceLock;

/// P&L of the book and returns of lines, by scenario.
type Outcomes = (Vec<f64>, Vec<Vec<f64>>);

/// What scenarios are drawn from, and what of it all plans share.
#[derive(Clone, Debug)]
pub(super) struct Simulated {
    simulation: Simulation,
    /// With which plans are found.
    plan: OnceLock<Draws>,
    /// By which they are judged.
    fresh: OnceLock<Draws>,
}

impl Simulated {
    pub(super) fn of(simulation: Simulation) -> Simulated {
        Simulated { simulation, plan: OnceLock::new(), fresh: OnceLock::new() }
    }
}

impl Desk<'_> {
    /// P&L of the book and returns of some lines, by scenario: in the first sessions of the past, or
    /// drawn from a risk. `None` if the caller has gone.
    pub(crate) fn scenarios(
        &self,
        lines: impl Iterator<Item = usize>,
        (risk, sessions): (&LineRisk, usize),
    ) -> Option<Outcomes> {
        let Some(simulated) = &self.simulated else { return self.past(lines, sessions) };
        let draws = simulated.plan.get_or_init(|| self.draws(&simulated.simulation, Part::Plan));
        let drawn = Drawn::of(self, draws, risk);
        // What was known after some sessions is one risk.
        let beyond = self.held_options.in_scenarios(sessions, || drawn.beyond())?;
        Some(drawn.outcomes(lines, beyond))
    }

    /// The expected shortfall of the objective over simulated scenarios that the plan did not know, as
    /// many as it knew. `None` without simulated scenarios.
    ///
    /// # Errors
    /// [`Stopped::Cancelled`] if the caller has gone.
    pub fn fresh_shortfall(
        &self,
        problem: &Problem,
        trades: &[f64],
    ) -> Result<Option<BeforeAfter>, Stopped> {
        let (Some(simulated), Some((_, tail))) = (&self.simulated, problem.tail()) else {
            return Ok(None);
        };
        if self.caller.has_gone() {
            return Err(Stopped::Cancelled);
        }
        let draws = simulated.fresh.get_or_init(|| self.draws(&simulated.simulation, Part::Fresh));
        let drawn = Drawn::of(self, draws, &self.risk);
        let beyond = self.held_options.in_fresh_scenarios(|| drawn.beyond());
        let beyond = beyond.ok_or(Stopped::Cancelled)?;
        let traded = problem.traded().iter().zip(trades).filter(|(_, money)| 0.0 < money.abs());
        let (lines, money): (Vec<usize>, Vec<f64>) = traded.map(|(line, x)| (*line, *x)).unzip();
        let (book, returns) = drawn.outcomes(lines.iter().copied(), beyond);
        let fresh = Scenarios::new(tail.confidence(), book, returns, Centring::AsGiven);
        debug_assert!(fresh.is_ok(), "invariant: drawn scenarios are finite: {fresh:?}");
        let nothing = vec![0.0; money.len()];
        let both = |fresh: Scenarios| BeforeAfter {
            before: fresh.cvar(&nothing),
            after: fresh.cvar(&money),
        };
        Ok(fresh.ok().map(both))
    }

    /// One gap per line that simulated scenarios carry below nothing, those that plans know and fresh ones
    /// together. A floor would be another formula than that of the contract, and a drift. `None` if the
    /// caller has gone.
    pub(super) fn below_nothing(&self) -> Option<Vec<Gap>> {
        let Some(simulated) = &self.simulated else { return Some(Vec::new()) };
        let draws = |part| self.draws(&simulated.simulation, part);
        let plan = simulated.plan.get_or_init(|| draws(Part::Plan));
        let fresh = simulated.fresh.get_or_init(|| draws(Part::Fresh));
        let drawn = [plan, fresh].map(|draws| Drawn::of(self, draws, &self.risk));
        let count = plan.scenarios() + fresh.scenarios();
        let mut gaps = Vec::new();
        let counts = |line: &DeskLine| 0.0 < line.held.abs() || line.can_trade();
        for (at, line) in self.lines.iter().enumerate().filter(|(_, line)| counts(line)) {
            if self.caller.has_gone() {
                return None;
            }
            let moves = drawn.iter().flat_map(|drawn| drawn.moves(at));
            let below: Vec<f64> = moves.filter(|r| *r < -1.0).collect();
            gaps.extend((!below.is_empty()).then(|| self.below(line, &below, count)));
        }
        Some(gaps)
    }

    fn below(&self, line: &DeskLine, below: &[f64], count: usize) -> Gap {
        let worst = below.iter().fold(0.0_f64, |worst, r| worst.min(*r));
        let detail = format!(
            "{} of {count} simulated scenarios, {:.1} %, carry its return below -100 %, at worst to \
             {:.0} %: they are beyond the model",
            below.len(),
            100.0 * below.len() as f64 / count as f64,
            100.0 * worst
        );
        let gap = Gap::new(GapReason::Implausible, Subject::symbol(&line.id), detail);
        let gross = self.gross();
        if line.is_position && 0.0 < gross { gap.of_gross(line.held.abs() / gross) } else { gap }
    }

    /// The first sessions of the past. What lines move as loses its mean, and so do the rates of
    /// strikes; options are valued anew at what is left, so that they keep what their convexity makes
    /// on average.
    fn past(&self, lines: impl Iterator<Item = usize>, sessions: usize) -> Option<Outcomes> {
        let moved = |line: usize| -> Vec<f64> {
            let moves = self.history.centred_moves(line, sessions);
            let of = &self.lines[line];
            if of.option.is_none() {
                return moves;
            }
            let growth = self.rates.centred(of.strike_in(), sessions);
            moves.iter().zip(growth).map(|(r, growth)| of.moved_with(*r, growth)).collect()
        };
        let past = (&self.rates, sessions);
        let mut book = self.held_options.centred(&self.history, past, &self.caller)?.to_vec();
        for (line, held) in self.held().enumerate().filter(|(_, held)| 0.0 < held.abs()) {
            book.iter_mut().zip(moved(line)).for_each(|(sum, r)| *sum += held * r);
        }
        Some((book, lines.map(moved).collect()))
    }

    fn draws(&self, simulation: &Simulation, part: Part) -> Draws {
        let (snapshot, factors) = (&self.view.risk.snapshot, self.view.factors);
        let of = |source| stream(snapshot, factors.share_classes(), source);
        let sources = self.risk.sources.iter().map(|source| of(*source));
        Draws::of(simulation, part, factors.factors(), sources)
    }
}

/// The scenarios of draws under a risk.
struct Drawn<'a> {
    desk: &'a Desk<'a>,
    draws: &'a Draws,
    risk: &'a LineRisk,
    /// Moves by factor and pair.
    factors: Vec<Vec<f64>>,
}

impl<'a> Drawn<'a> {
    fn of(desk: &'a Desk<'_>, draws: &'a Draws, risk: &'a LineRisk) -> Drawn<'a> {
        debug_assert_eq!(risk.sources, desk.risk.sources, "invariant: risks share their sources");
        Drawn { desk, draws, risk, factors: draws.with_covariance(risk.risk.covariance()) }
    }

    /// Returns of what a line moves as.
    fn moves(&self, line: usize) -> Vec<f64> {
        let (exposures, loadings) = &self.risk.lines[line];
        let of = (self.risk, &self.factors[..]);
        self.draws.returns(of, exposures.iter().copied(), loadings.iter().copied())
    }

    /// Returns of a line.
    fn moved(&self, line: usize) -> Vec<f64> {
        let of = &self.desk.lines[line];
        self.moves(line).into_iter().map(|r| of.moved(r)).collect()
    }

    /// What options of the book make beyond their deltas. `None` if the caller has gone.
    fn beyond(&self) -> Option<Vec<f64>> {
        let count = self.draws.scenarios();
        self.desk.held_options.made(&|line| self.moves(line), count, &self.desk.caller)
    }

    /// What is linear of the book is added up before it is drawn.
    fn outcomes(&self, lines: impl Iterator<Item = usize>, beyond: &[f64]) -> Outcomes {
        let is_option = |line: usize| self.desk.lines[line].option.is_some();
        let held: Vec<f64> = self.desk.held().collect();
        let linear = |line: usize| if is_option(line) { 0.0 } else { held[line] };
        let mut exposures = vec![0.0; self.factors.len()];
        for (line, (entries, _)) in self.risk.lines.iter().enumerate() {
            entries.iter().for_each(|(factor, x)| exposures[*factor] += linear(line) * x);
        }
        let loadings = self.risk.looked_through((0..held.len()).map(linear));
        let exposures = exposures.into_iter().enumerate();
        let of = (self.risk, &self.factors[..]);
        let mut book = self.draws.returns(of, exposures, loadings.into_iter().enumerate());
        book.iter_mut().zip(beyond).for_each(|(sum, made)| *sum += made);
        let options = (0..held.len()).filter(|line| is_option(*line) && 0.0 < held[*line].abs());
        for line in options {
            book.iter_mut().zip(self.moved(line)).for_each(|(sum, r)| *sum += held[line] * r);
        }
        (book, lines.map(|line| self.moved(line)).collect())
    }
}

/// Refuses options that are to be valued too often: over the past for themselves and for the trade, in
/// scenarios, in every scenario of a limit, and at the jump of every source of their line.
pub(super) fn check_values(
    options: &[HeldOption],
    risk: &LineRisk,
    (sessions, terms): (usize, &DeskTerms),
) -> Result<(), NoDesk> {
    let of_scenarios = match (terms.scenarios, terms.simulation) {
        (ScenarioUse::Never, _) => 0,
        (ScenarioUse::Once, None) => sessions,
        (ScenarioUse::EveryMonth, None) => sessions + block_starts(sessions).sum::<usize>(),
        // And in fresh ones.
        (ScenarioUse::Once, Some(drawn)) => 2 * drawn.count,
        (ScenarioUse::EveryMonth, Some(drawn)) => {
            drawn.count * (2 + block_starts(sessions).count())
        }
    };
    let of_all = 2 * sessions + of_scenarios + terms.limited_scenarios;
    let of = |option: &HeldOption| of_all + risk.lines[option.line].1.len();
    let values: usize = options.iter().map(of).sum();
    let fault = TermsFault::OptionValues { options: options.len(), values };
    if values <= OPTION_VALUES { Ok(()) } else { Err(NoDesk::Faults(vec![fault])) }
}
