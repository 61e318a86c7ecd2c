//! Solves the convex problem of one branch: once for a variance, in rounds for a tail.

use crate::{
    assemble::{Assembly, Change, Goal, Member, Pick, Recipe, Scale},
    branch::Solver,
    constraint::Side,
    limits::{Caller, Stopped},
    objective::Scenarios,
    problem::Problem,
    program::Solution,
    proof::Residuals,
    risk::dot,
    solve::{self, Outcome},
};
use stats::{cholesky::Cholesky, matrix::SymmetricMatrix};

/// A tail is first minimised over this many times the scenarios in it.
const FIRST_SCENARIOS: f64 = 4.0;

/// A tail counts as minimised once the scenarios left out add less than this share of its value.
const TAIL_GAP: f64 = 1e-9;

/// Diagonal added to the covariance of scenarios for the first guess, as a share of its mean.
const FIRST_GUESS_RIDGE: f64 = 1e-3;

/// The answer of one convex problem.
#[derive(Clone, Debug)]
pub(crate) enum Convex {
    Optimal(Optimum),
    Infeasible,
    /// A direction of trades along which the objective falls without end.
    Unbounded(Vec<f64>),
}

#[derive(Clone, Debug)]
pub(crate) struct Optimum {
    /// In money, one per traded line.
    pub(crate) trades: Vec<f64>,
    /// The objective in money; below that of the trades where lines are free to be picked in part.
    pub(crate) objective: f64,
    /// Share of each line's pick, or what orders lines by it; `None` unless the line is free and the
    /// number of lines limited.
    pub(crate) shares: Vec<Option<f64>>,
    pub(crate) residuals: Residuals,
    /// What it is the solution of; `None` once it is needed only for its bound.
    solved: Option<Box<(Assembly, Solution)>>,
}

impl Optimum {
    /// Without what its prices are made from, which is large.
    pub(crate) fn into_bound(self) -> Optimum {
        Optimum { solved: None, ..self }
    }

    /// No trades where these are known to be best without solving: no limit has a price.
    pub(crate) fn left(problem: &Problem) -> Optimum {
        let trades = problem.no_trades();
        let none = Residuals { stationarity: 0.0, primal: 0.0, dual: 0.0, complementarity: 0.0 };
        Optimum {
            objective: problem.objective(&trades),
            shares: vec![None; trades.len()],
            trades,
            residuals: none,
            solved: None,
        }
    }

    /// The relaxations of a problem of [`Goal::Relaxed`]: its objective is what they cost.
    pub(crate) fn relaxed(assembly: Assembly, solution: Solution, residuals: Residuals) -> Optimum {
        let trades = assembly.trades(&solution.values);
        let has_share = |(share, trade): (&Option<usize>, &f64)| share.map(|_| trade.abs());
        Optimum {
            objective: assembly.program.objective(&solution.values),
            shares: assembly.shares.iter().zip(&trades).map(has_share).collect(),
            trades,
            residuals,
            solved: Some(Box::new((assembly, solution))),
        }
    }

    /// By how much limits are relaxed, in their units.
    pub(crate) fn changes(&self) -> Vec<Change> {
        self.solved
            .as_deref()
            .map_or_else(Vec::new, |(assembly, solution)| assembly.changes(&solution.values))
    }

    /// −∂objective/∂limit in money per unit as the limit is relaxed, by member and side.
    ///
    /// # Errors
    /// [`Stopped::Cancelled`].
    pub(crate) fn prices(&self, caller: &Caller) -> Result<Vec<(Member, Side, f64)>, Stopped> {
        match self.solved.as_deref() {
            Some((assembly, solution)) => assembly.prices(solution, caller),
            None => Ok(Vec::new()),
        }
    }
}

/// Solves the convex problems of a search; the scenarios found to matter are kept between them.
pub(crate) struct ConvexSolver<'a> {
    problem: &'a Problem,
    scale: Scale,
    enforced: Vec<bool>,
    /// Scenarios that matter, ascending.
    tail: Vec<usize>,
    caller: &'a Caller,
}

impl<'a> ConvexSolver<'a> {
    pub(crate) fn new(problem: &'a Problem, caller: &'a Caller) -> ConvexSolver<'a> {
        let tail = problem.tail().map(|(_, scenarios)| first_scenarios(scenarios));
        ConvexSolver::with_tail(problem, tail.unwrap_or_default(), caller)
    }

    /// The same, given the first scenarios of the tail.
    pub(crate) fn with_tail(
        problem: &'a Problem,
        tail: Vec<usize>,
        caller: &'a Caller,
    ) -> ConvexSolver<'a> {
        let statement = problem.statement();
        let enforced = vec![true; statement.constraints.len() + statement.exclusions.len()];
        ConvexSolver { problem, scale: Scale::of(problem), enforced, tail, caller }
    }

    /// Adds the worst of the scenarios that lose more than the threshold and were left out. False if
    /// there are none that matter: the tail over some scenarios is then the tail over all.
    fn add_scenarios(&mut self, assembly: &Assembly, values: &[f64], trades: &[f64]) -> bool {
        let (Some((_, scenarios)), Some(threshold)) = (self.problem.tail(), assembly.threshold)
        else {
            return false;
        };
        let threshold = values[threshold] * self.scale.money;
        let losses = scenarios.losses(trades);
        let missing = Scenarios::worst_first(&losses)
            .into_iter()
            .filter(|scenario| self.tail.binary_search(scenario).is_err())
            .take_while(|scenario| threshold < losses[*scenario]);
        let missing: Vec<usize> = missing.collect();
        let excess: f64 = missing.iter().map(|scenario| losses[*scenario] - threshold).sum();
        let cvar = scenarios.cvar(trades);
        if excess <= TAIL_GAP * scenarios.tail_count() * cvar.abs() {
            return false;
        }
        let most = (2.0 * scenarios.tail_count()).ceil() as usize;
        self.tail.extend(missing.into_iter().take(most));
        self.tail.sort_unstable();
        true
    }

    fn add_all_scenarios(&mut self) -> bool {
        let count = self.problem.tail().map_or(0, |(_, scenarios)| scenarios.count());
        let added = self.tail.len() < count;
        self.tail = (0..count).collect();
        added
    }
}

impl Solver for ConvexSolver<'_> {
    fn solve(&mut self, picks: &[Pick]) -> Result<Convex, Stopped> {
        loop {
            if self.caller.has_gone() {
                return Err(Stopped::Cancelled);
            }
            let goal = Goal::Cheapest { tail: &self.tail };
            let recipe = Recipe { picks, enforced: &self.enforced, goal };
            let assembly = Assembly::of(self.problem, self.scale, recipe);
            match solve::solve(&assembly.program, self.caller)? {
                Outcome::Optimal(solution, residuals) => {
                    let trades = assembly.trades(&solution.values);
                    if self.add_scenarios(&assembly, &solution.values, &trades) {
                        continue;
                    }
                    let share = |z: &Option<usize>| z.map(|z| solution.values[z]);
                    return Ok(Convex::Optimal(Optimum {
                        objective: assembly.objective(&solution.values),
                        shares: assembly.shares.iter().map(share).collect(),
                        trades,
                        residuals,
                        solved: Some(Box::new((assembly, solution))),
                    }));
                }
                Outcome::Infeasible(_) => return Ok(Convex::Infeasible),
                Outcome::Unbounded(values) => {
                    if !self.add_all_scenarios() {
                        return Ok(Convex::Unbounded(assembly.trades(&values)));
                    }
                }
                Outcome::Failed => return Err(Stopped::NotConverged),
            }
        }
    }

    fn ranges(&self) -> Vec<(f64, f64)> {
        self.problem.trade_ranges()
    }
}

/// The scenarios in which the book loses most after the hedge that minimises the variance of its P&L
/// over all scenarios: few others turn out to matter. From no hedge at all, most would.
pub(crate) fn first_scenarios(scenarios: &Scenarios) -> Vec<usize> {
    let trades = least_variance(scenarios).unwrap_or_else(|| vec![0.0; scenarios.returns().len()]);
    let count = (FIRST_SCENARIOS * scenarios.tail_count()).ceil() as usize;
    let mut first = Scenarios::worst_first(&scenarios.losses(&trades));
    first.truncate(count.max(1));
    first.sort_unstable();
    first
}

/// −(R′R + ridge)⁻¹R′·book, without constraints.
fn least_variance(scenarios: &Scenarios) -> Option<Vec<f64>> {
    let returns = scenarios.returns();
    let product = |i: usize, j: usize| dot(&returns[i], &returns[j]);
    let gram = SymmetricMatrix::from_lower(returns.len(), product)?;
    let ridge = FIRST_GUESS_RIDGE * gram.trace() / returns.len() as f64;
    let raised = |i: usize, j: usize| gram.get(i, j) + if i == j { ridge } else { 0.0 };
    let raised = SymmetricMatrix::from_lower(returns.len(), raised)?;
    let with_book: Vec<f64> = returns.iter().map(|series| -dot(series, scenarios.book())).collect();
    Cholesky::factor(&raised)?.solve(&with_book)
}
