//! Solves convex programs with Clarabel, an interior-point solver; the only file that names it.
//!
//! Goulart and Chen 2024, "Clarabel: An interior-point solver for conic programs with quadratic
//! objectives". It runs on one thread with its own sparse factors and without a time limit, so that
//! equal programs have equal bits.

use crate::{
    feasible::Elastic,
    limits::{Caller, Stopped},
    program::{Program, Relation, Solution},
    proof::Residuals,
};
use clarabel::{
    algebra::CscMatrix,
    solver::{
        DefaultSettings, DefaultSolver, IPSolver, SolverStatus,
        SupportedConeT::{self, NonnegativeConeT, SecondOrderConeT, ZeroConeT},
    },
};

/// Tolerance of the solver on residuals and the gap, in the scaled units of a program.
const TOLERANCE: f64 = 1e-9;

/// A solution with larger residuals counts as a failure, whatever the solver says of it.
const RESIDUAL_MAX: f64 = 1e-6;

/// Unless they are smaller than this share of the largest multiplier: limits that leave hardly any
/// room have large ones.
const MULTIPLIER_ROUNDING: f64 = 1e-8;

/// What the solver found.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Optimal(Solution, Residuals),
    /// No values meet the rows. Multipliers μ ≥ 0 with A′μ = 0 and b′μ < 0: rows with a positive one
    /// contradict each other.
    Infeasible(Vec<f64>),
    /// The objective falls without end along this direction.
    Unbounded(Vec<f64>),
    /// The solver stopped without any of these.
    Failed,
}

/// Prices of a miss, one after the other, for a program on which the solver stops: the exact penalty
/// of limits that leave hardly any room, whose multipliers are large.
const MISS_PRICES: [f64; 3] = [1e2, 1e4, 1e6];

/// Solves a program. One on which the solver stops is a contradiction if the problem of the first
/// phase proves it; else limits leave hardly any room, and it is solved by a price on misses.
///
/// # Errors
/// [`Stopped::Cancelled`]: `caller` is asked in every iteration.
pub(crate) fn solve(program: &Program, caller: &Caller) -> Result<Outcome, Stopped> {
    match attempt(program, caller)? {
        Outcome::Failed => narrow(program, caller),
        found => Ok(found),
    }
}

/// Decides a program whose limits contradict each other by little, or leave hardly any room.
fn narrow(program: &Program, caller: &Caller) -> Result<Outcome, Stopped> {
    let first = Elastic::first_phase(program);
    if let Outcome::Optimal(least, _) = attempt(&first.program, caller)?
        && let Some(contradiction) = first.contradiction(&least)
    {
        return Ok(Outcome::Infeasible(contradiction));
    }
    for price in MISS_PRICES {
        let elastic = Elastic::priced(program, price);
        if let Outcome::Optimal(solution, _) = attempt(&elastic.program, caller)?
            && let Some(solution) = elastic.solution(&solution)
            && let Outcome::Optimal(solution, residuals) = checked(program, solution)
        {
            return Ok(Outcome::Optimal(solution, residuals));
        }
    }
    Ok(Outcome::Failed)
}

/// What misses of rows, at the largest price, may hide of the objective after [`Care::Quick`].
const QUICK_ERROR: f64 = 1e-8;

/// How the solver treats its linear systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Care {
    /// Programs are scaled already, and most need neither more scaling nor refined steps: half the
    /// time. Only an optimum within [`TOLERANCE`] or a contradiction counts.
    Quick,
    /// With both, for every other program.
    Full,
}

fn attempt(program: &Program, caller: &Caller) -> Result<Outcome, Stopped> {
    match attempt_with(program, Care::Quick, caller)? {
        Outcome::Optimal(solution, residuals)
            if residuals.primal * largest_multiplier(&solution).max(1.0) <= QUICK_ERROR =>
        {
            Ok(Outcome::Optimal(solution, residuals))
        }
        // The solver checked its proof on the program as it is.
        contradiction @ Outcome::Infeasible(_) => Ok(contradiction),
        _ => attempt_with(program, Care::Full, caller),
    }
}

fn attempt_with(program: &Program, care: Care, caller: &Caller) -> Result<Outcome, Stopped> {
    let order = Order::of(program);
    let (matrix, bounds) = order.rows(program);
    let quadratic = quadratic(program);
    let cones = order.cones(program);
    let settings = DefaultSettings {
        verbose: false,
        tol_gap_abs: TOLERANCE,
        tol_gap_rel: TOLERANCE,
        tol_feas: TOLERANCE,
        equilibrate_enable: care == Care::Full,
        iterative_refinement_enable: care == Care::Full,
        // Rows are never dropped, whatever their bound.
        presolve_enable: false,
        ..DefaultSettings::default()
    };
    let solver =
        DefaultSolver::new(&quadratic, &program.linear, &matrix, &bounds, &cones, settings);
    let Ok(mut solver) = solver else { return Ok(Outcome::Failed) };
    let caller = caller.clone();
    solver.set_termination_callback(move |_| caller.has_gone());
    solver.solve();
    let solution = &solver.solution;
    Ok(match solution.status {
        SolverStatus::AlmostSolved if care == Care::Quick => Outcome::Failed,
        SolverStatus::Solved | SolverStatus::AlmostSolved => {
            checked(program, order.restore(solution.x.clone(), &solution.z))
        }
        SolverStatus::PrimalInfeasible => {
            Outcome::Infeasible(order.restore(Vec::new(), &solution.z).multipliers)
        }
        SolverStatus::DualInfeasible => Outcome::Unbounded(solution.x.clone()),
        SolverStatus::CallbackTerminated => return Err(Stopped::Cancelled),
        // An almost proven contradiction is no proof: a branch must not be closed by it.
        SolverStatus::AlmostPrimalInfeasible
        | SolverStatus::AlmostDualInfeasible
        | SolverStatus::Unsolved
        | SolverStatus::MaxIterations
        | SolverStatus::MaxTime
        | SolverStatus::NumericalError
        | SolverStatus::InsufficientProgress => Outcome::Failed,
    })
}

fn checked(program: &Program, solution: Solution) -> Outcome {
    let residuals = program.residuals(&solution);
    let finite = solution.values.iter().chain(multipliers(&solution)).all(|v| v.is_finite());
    // What is multiplied by a multiplier is as exact as its rounding.
    let dual = residuals.stationarity.max(residuals.dual).max(residuals.complementarity);
    let is_dual = dual <= RESIDUAL_MAX.max(MULTIPLIER_ROUNDING * largest_multiplier(&solution));
    if finite && is_dual && residuals.primal <= RESIDUAL_MAX {
        Outcome::Optimal(solution, residuals)
    } else {
        Outcome::Failed
    }
}

fn multipliers(solution: &Solution) -> impl Iterator<Item = &f64> {
    solution.multipliers.iter().chain(solution.cone_multipliers.iter().flatten())
}

fn largest_multiplier(solution: &Solution) -> f64 {
    multipliers(solution).fold(0.0, |most, multiplier| most.max(multiplier.abs()))
}

/// The order in which the solver wants the rows: equalities first.
struct Order {
    /// Rows of the program, in the solver's order.
    rows: Vec<usize>,
    equalities: usize,
}

impl Order {
    fn of(program: &Program) -> Order {
        let with = |relation: Relation| {
            (0..program.rows.len()).filter(move |row| program.rows[*row].relation == relation)
        };
        let mut rows: Vec<usize> = with(Relation::Equal).collect();
        let equalities = rows.len();
        rows.extend(with(Relation::AtMost));
        Order { rows, equalities }
    }

    fn cones(&self, program: &Program) -> Vec<SupportedConeT<f64>> {
        let at_most = self.rows.len() - self.equalities;
        let mut cones = vec![ZeroConeT(self.equalities), NonnegativeConeT(at_most)];
        cones.extend(program.cones.iter().map(|_| SecondOrderConeT(3)));
        cones
    }

    /// A and b with A·v + s = b.
    fn rows(&self, program: &Program) -> (CscMatrix<f64>, Vec<f64>) {
        let (mut entries, mut bounds) = (Vec::new(), Vec::new());
        for (at, index) in self.rows.iter().enumerate() {
            let row = &program.rows[*index];
            entries.extend(row.terms.iter().map(|(variable, a)| (*variable, at, *a)));
            bounds.push(row.bound);
        }
        for cone in &program.cones {
            let at = bounds.len();
            entries.extend([(cone.r, at, -1.0), (cone.z, at, -1.0)]);
            entries.extend([(cone.r, at + 1, -1.0), (cone.z, at + 1, 1.0)]);
            entries.push((cone.v, at + 2, -2.0 / cone.unit));
            bounds.extend([0.0; 3]);
        }
        (compressed(bounds.len(), program.variables(), entries), bounds)
    }

    /// A solution in the order of the program.
    fn restore(&self, values: Vec<f64>, z: &[f64]) -> Solution {
        let mut multipliers = vec![0.0; self.rows.len()];
        self.rows.iter().zip(z).for_each(|(row, z)| multipliers[*row] = *z);
        let cones = z[self.rows.len()..].chunks_exact(3);
        let cone_multipliers = cones.map(|m| [m[0], m[1], m[2]]).collect();
        Solution { values, multipliers, cone_multipliers }
    }
}

fn quadratic(program: &Program) -> CscMatrix<f64> {
    let entries = program.quadratic.iter().map(|(i, j, p)| (*j, *i, *p)).collect();
    compressed(program.variables(), program.variables(), entries)
}

/// A matrix in compressed columns from entries (column, row, value). Entries of one place add up.
fn compressed(
    rows: usize,
    columns: usize,
    mut entries: Vec<(usize, usize, f64)>,
) -> CscMatrix<f64> {
    entries.sort_by_key(|(column, row, _)| (*column, *row));
    let mut starts = vec![0; columns + 1];
    let (mut row_indices, mut values) = (Vec::new(), Vec::new());
    for place in entries.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        row_indices.push(place[0].1);
        values.push(place.iter().map(|(_, _, value)| value).sum());
        starts[place[0].0 + 1] += 1;
    }
    for column in 0..columns {
        starts[column + 1] += starts[column];
    }
    CscMatrix::new(rows, columns, starts, row_indices, values)
}
