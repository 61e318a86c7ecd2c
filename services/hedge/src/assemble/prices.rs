//! Prices of limits: what the objective falls by, per unit, if one limit is relaxed.
//!
//! Where limits pin trades at a kink, such as a turnover of zero, many multipliers are optimal, and an
//! interior-point solver returns one from the middle of them, or a huge one. As a function of one limit
//! the objective is convex, and its derivative on the side of relaxing is the smallest multiplier that
//! the limit can have (Bonnans and Shapiro 2000, "Perturbation Analysis of Optimization Problems",
//! section 4.3). So rows whose multiplier no stationary variable determines are found, and the
//! smallest is taken: by hand where one direction is free, else by a linear program.

use super::{Assembly, Member, knots, knots::Knot, shares::Binding};
use crate::{
    constraint::Side,
    limits::{Caller, Stopped},
    program::{Program, Solution},
    solve::{self, Outcome},
};

/// Most linear programs for the prices of one plan, besides one per knot; limits that are left have the
/// price of the smallest sum of all prices.
const PRICE_SOLVES: usize = 64;

/// Added to the cost of every multiplier, as a share of the largest, so that none grows without bound.
const ANY_MULTIPLIER: f64 = 1e-9;

/// The same for multipliers of either sign, in squares.
const ANY_SQUARE: f64 = 1e-12;

/// A price below this share of the largest multiplier is none.
const NO_PRICE: f64 = 1e-8;

/// The rows of one limit.
struct Limit {
    member: Member,
    side: Side,
    /// Indices of owners.
    owners: Vec<usize>,
}

/// What prices are made from.
struct Pricing<'a> {
    assembly: &'a Assembly,
    binding: Binding,
    /// The knot of each class.
    knot_of: Vec<Option<usize>>,
    limits: Vec<Limit>,
    /// Linear programs that may still be solved.
    solves: usize,
}

impl Assembly {
    /// −∂objective/∂limit in money per unit as the limit is relaxed, by member and side; of limits that
    /// say the same, as all are relaxed, in equal parts.
    ///
    /// # Errors
    /// [`Stopped::Cancelled`].
    pub(crate) fn prices(
        &self,
        solution: &Solution,
        caller: &Caller,
    ) -> Result<Vec<(Member, Side, f64)>, Stopped> {
        let binding = Binding::of(&self.program, &self.owners, solution);
        let knots = knots::of(&self.program, &binding);
        let mut knot_of = vec![None; binding.classes.len()];
        for (at, knot) in knots.iter().enumerate() {
            knot.classes.iter().for_each(|class| knot_of[*class] = Some(at));
        }
        let limits = self.limits();
        let mut pricing =
            Pricing { assembly: self, binding, knot_of, limits, solves: PRICE_SOLVES };
        let sums = pricing.binding.sums();
        let all = |owner: &usize| pricing.binding.owners[*owner].is_some();
        let mut prices: Vec<f64> =
            pricing.limits.iter().map(|limit| pricing.price(limit, &sums, &all)).collect();
        for (at, knot) in knots.iter().enumerate() {
            pricing.lower(&mut prices, (at, knot), &sums, caller)?;
        }
        let limits = pricing.limits.iter().zip(prices);
        Ok(limits.map(|(limit, price)| (limit.member, limit.side, price)).collect())
    }

    fn limits(&self) -> Vec<Limit> {
        let mut limits: Vec<Limit> = Vec::new();
        for (at, owner) in self.owners.iter().enumerate() {
            // Rows of one limit follow each other.
            match limits.last_mut() {
                Some(last) if (last.member, last.side) == (owner.member, owner.side) => {
                    last.owners.push(at);
                }
                _ => {
                    limits.push(Limit { member: owner.member, side: owner.side, owners: vec![at] })
                }
            }
        }
        limits
    }
}

impl Pricing<'_> {
    /// The part of a limit's price that some of its rows have, given the sums of classes.
    fn price(&self, limit: &Limit, sums: &[f64], of: &dyn Fn(&usize) -> bool) -> f64 {
        let owners = limit.owners.iter().filter(|owner| of(owner));
        let parts = owners.map(|at| {
            let owner = &self.assembly.owners[*at];
            let sign = if owner.side == Side::Lower { -1.0 } else { 1.0 };
            let row = self.binding.multiplier(&self.assembly.program, (owner.row, *at), sums);
            sign * row * owner.per / self.assembly.scale.objective
        });
        parts.sum()
    }

    fn is_in(&self, owner: usize, knot: usize) -> bool {
        self.binding.owners[owner].is_some_and(|(class, _)| self.knot_of[class] == Some(knot))
    }

    /// Gives each limit of a knot the price that is smallest in size.
    fn lower(
        &mut self,
        prices: &mut [f64],
        (at, knot): (usize, &Knot),
        sums: &[f64],
        caller: &Caller,
    ) -> Result<(), Stopped> {
        let limits = 0..self.limits.len();
        let concerned =
            |limit: &usize| self.limits[*limit].owners.iter().any(|owner| self.is_in(*owner, at));
        let mut concerned: Vec<usize> = limits.filter(concerned).collect();
        // The largest first, as programs are bounded.
        concerned.sort_by(|a, b| prices[*b].abs().total_cmp(&prices[*a].abs()).then(a.cmp(b)));
        let part = |of: &Self, limit: usize, sums: &[f64]| {
            of.price(&of.limits[limit], sums, &|owner| of.is_in(*owner, at))
        };
        if let Some(points) = knot.points(&self.binding, sums) {
            for limit in concerned {
                let parts = points.iter().map(|sums| part(self, limit, sums));
                let least = parts.reduce(|a, b| if b.abs() < a.abs() { b } else { a });
                prices[limit] += least.unwrap_or(0.0) - part(self, limit, sums);
            }
            return Ok(());
        }
        let Some(together) = self.least(knot, (&concerned, at), sums, caller)? else {
            return Ok(());
        };
        for limit in concerned {
            let mut least = part(self, limit, &together);
            if 0.0 < least.abs()
                && 0 < self.solves
                && let Some(alone) = self.least(knot, (&[limit], at), sums, caller)?
            {
                let alone = part(self, limit, &alone);
                least = if alone.abs() < least.abs() { alone } else { least };
            }
            prices[limit] += least - part(self, limit, sums);
        }
        Ok(())
    }

    /// The sums of classes with the smallest prices of some limits, which are optimal, too. `None` if
    /// the solver finds none.
    fn least(
        &mut self,
        knot: &Knot,
        (limits, at): (&[usize], usize),
        sums: &[f64],
        caller: &Caller,
    ) -> Result<Option<Vec<f64>>, Stopped> {
        self.solves = self.solves.saturating_sub(1);
        let largest = knot.classes.iter().fold(0.0_f64, |most, c| most.max(sums[*c].abs()));
        if largest <= 0.0 {
            return Ok(Some(sums.to_vec()));
        }
        let program = self.program(knot, &self.costs(limits, at), sums, largest);
        let Outcome::Optimal(solution, _) = solve::solve(&program, caller)? else {
            return Ok(None);
        };
        let mut found = sums.to_vec();
        for (variable, class) in knot.classes.iter().enumerate() {
            let value = solution.values[variable];
            let value = if self.binding.classes[*class].is_free { value } else { value.max(0.0) };
            found[*class] = if value.abs() <= NO_PRICE { 0.0 } else { value * largest };
        }
        Ok(Some(found))
    }

    /// What a sum above zero and one below cost, by class: the prices of some limits, each as a share
    /// of its own largest.
    fn costs(&self, limits: &[usize], at: usize) -> Vec<(f64, f64)> {
        let mut costs = vec![(0.0, 0.0); self.binding.classes.len()];
        for limit in limits {
            let owners = &self.limits[*limit].owners;
            let owners = || owners.iter().filter(|owner| self.is_in(**owner, at));
            let per = |owner: &usize| self.assembly.owners[*owner].per.abs();
            let largest = owners().map(per).fold(0.0, f64::max);
            for owner in owners().filter(|_| 0.0 < largest) {
                let Some((class, by)) = self.binding.owners[*owner] else { continue };
                let row = &self.assembly.program.rows[self.assembly.owners[*owner].row];
                let of = |sum: f64| (by * self.binding.classes[class].part(row, by, sum)).abs();
                costs[class].0 += of(1.0) * per(owner) / largest;
                costs[class].1 += of(-1.0) * per(owner) / largest;
            }
        }
        costs
    }

    /// min Σ cost·(sum above zero, or below) over the sums of a knot's classes that leave every
    /// variable stationary. Sums are divided by the largest; they are the first variables.
    fn program(&self, knot: &Knot, costs: &[(f64, f64)], sums: &[f64], largest: f64) -> Program {
        let mut program = Program::empty();
        let mut columns: Vec<(usize, usize, f64)> = Vec::new();
        for class in &knot.classes {
            let variable = program.variable();
            let row = self.binding.classes[*class].rows[0].0;
            let terms = self.assembly.program.rows[row].terms.iter();
            columns.extend(terms.map(|(column, a)| (*column, variable, *a)));
        }
        for (variable, class) in knot.classes.iter().enumerate() {
            let (above, below) = costs[*class];
            if !self.binding.classes[*class].is_free {
                program.linear[variable] = above + ANY_MULTIPLIER;
                program.at_most(vec![(variable, -1.0)], 0.0);
                continue;
            }
            program.quadratic.push((variable, variable, ANY_SQUARE));
            if 0.0 < above + below {
                let (over, under) = (program.variable(), program.variable());
                program.linear[over] = above + ANY_MULTIPLIER;
                program.linear[under] = below + ANY_MULTIPLIER;
                program.at_most(vec![(over, -1.0)], 0.0);
                program.at_most(vec![(under, -1.0)], 0.0);
                program.equal(vec![(variable, 1.0), (over, -1.0), (under, 1.0)], 0.0);
            }
        }
        columns.sort_by_key(|(column, variable, _)| (*column, *variable));
        for column in columns.chunk_by(|a, b| a.0 == b.0) {
            let most = column.iter().fold(0.0_f64, |most, (.., a)| most.max(a.abs()));
            let terms: Vec<(usize, f64)> =
                column.iter().map(|(_, variable, a)| (*variable, a / most)).collect();
            let now = terms.iter().map(|(variable, a)| a * sums[knot.classes[*variable]]);
            let bound = now.sum::<f64>() / largest;
            program.equal(terms, bound);
        }
        program
    }
}
