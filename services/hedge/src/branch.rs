//! Searches over which lines trade: branch and bound over convex problems.
//!
//! A node fixes for some lines whether they trade, and its convex problem gives a lower bound of
//! all plans below it (Land and Doig 1960). The node with the lowest bound is next, ties by age, so
//! that the search is the same every time. It is bounded by nodes and by the gap, never by a clock.

use crate::{
    assemble::Pick,
    convex::{Convex, Optimum},
    flat,
    limits::{SolveLimits, Stopped},
    problem::Problem,
};
use std::collections::BTreeSet;

/// A trade smaller than this share of the book's size is rounding of the solver.
pub(crate) const NO_TRADE: f64 = 1e-7;

/// What a search found.
#[derive(Clone, Debug)]
pub(crate) enum Searched {
    Best(Best),
    /// No trades meet the constraints, even without limits on lines and tickets.
    Infeasible,
    /// The limits on lines or tickets leave no trades.
    NoPick,
    Unbounded(Vec<f64>),
}

/// The best plan of a search.
#[derive(Clone, Debug)]
pub(crate) struct Best {
    pub(crate) optimum: Optimum,
    /// Convex problems solved.
    pub(crate) nodes: usize,
    /// No plan has a lower objective than this, in money.
    pub(crate) bound: f64,
    /// The picks that it is the best plan of.
    pub(crate) picks: Vec<Pick>,
}

/// Solves the convex problems of a search.
pub(crate) trait Solver {
    /// The best trades under these picks.
    fn solve(&mut self, picks: &[Pick]) -> Result<Convex, Stopped>;

    /// The smallest and largest trade of each traded line.
    fn ranges(&self) -> Vec<(f64, f64)>;
}

/// Searches for the best trades. A search over lines begins with the `known` picks, those of a
/// problem that differs in one limit: where this one is wider, no plan is worse than that of the
/// other problem.
pub(crate) fn search(
    problem: &Problem,
    solver: &mut dyn Solver,
    limits: SolveLimits,
    known: Option<&[Pick]>,
) -> Result<Searched, Stopped> {
    let is_limited = problem.limits_picks();
    if flat::is_best_left(problem) {
        let optimum = Optimum::left(problem);
        let pick = if is_limited { Pick::Out } else { Pick::Free };
        let picks = vec![pick; problem.traded().len()];
        let bound = optimum.objective;
        return Ok(Searched::Best(Best { optimum, nodes: 0, bound, picks }));
    }
    let free = vec![Pick::Free; problem.traded().len()];
    let root = match solver.solve(&free)? {
        Convex::Optimal(optimum) => optimum,
        Convex::Infeasible if is_limited => return without_limits(problem, solver),
        Convex::Infeasible => return Ok(Searched::Infeasible),
        Convex::Unbounded(direction) => return Ok(Searched::Unbounded(direction)),
    };
    if !is_limited {
        let bound = root.objective;
        return Ok(Searched::Best(Best { optimum: root, nodes: 1, bound, picks: free }));
    }
    let mut search = Search::new(problem, solver, limits);
    search.open.push(Node { picks: free, optimum: root.into_bound() });
    if let Some(known) = known {
        search.try_picks(known.to_vec())?;
    }
    search.run()
}

/// Whether the limits on lines and tickets, or the other constraints alone, leave no trades.
fn without_limits(problem: &Problem, solver: &mut dyn Solver) -> Result<Searched, Stopped> {
    match solver.solve(&vec![Pick::In; problem.traded().len()])? {
        Convex::Infeasible => Ok(Searched::Infeasible),
        Convex::Optimal(_) | Convex::Unbounded(_) => Ok(Searched::NoPick),
    }
}

struct Node {
    picks: Vec<Pick>,
    optimum: Optimum,
}

struct Search<'a> {
    solver: &'a mut dyn Solver,
    limits: SolveLimits,
    /// Largest number of traded lines.
    count: usize,
    /// Smallest trade in money, and the size below which a trade is none.
    ticket: f64,
    no_trade: f64,
    ranges: Vec<(f64, f64)>,
    open: Vec<Node>,
    /// Sets of picks whose best plan is known.
    tried: BTreeSet<Vec<u8>>,
    best: Option<(Vec<Pick>, Optimum)>,
    nodes: usize,
}

impl<'a> Search<'a> {
    fn new(problem: &Problem, solver: &'a mut dyn Solver, limits: SolveLimits) -> Search<'a> {
        let statement = problem.statement();
        Search {
            ranges: solver.ranges(),
            solver,
            limits,
            count: statement.max_lines.as_ref().map_or(problem.traded().len(), |m| m.count),
            ticket: statement.min_ticket.as_ref().map_or(0.0, |ticket| ticket.money),
            no_trade: NO_TRADE * problem.size(),
            open: Vec::new(),
            tried: BTreeSet::new(),
            best: None,
            nodes: 1,
        }
    }

    fn run(mut self) -> Result<Searched, Stopped> {
        while let Some(node) = self.next() {
            self.try_near(&node)?;
            if self.nodes >= self.limits.max_nodes {
                self.open.push(node);
                break;
            }
            let Some(line) = self.undecided(&node) else { continue };
            for pick in self.choices(line) {
                let mut picks = node.picks.clone();
                picks[line] = pick;
                self.close_if_full(&mut picks);
                if let Some(optimum) = self.solve(&picks)? {
                    self.open.push(Node { picks, optimum: optimum.into_bound() });
                }
            }
        }
        self.finish()
    }

    fn finish(self) -> Result<Searched, Stopped> {
        let lowest = self.open.iter().map(|node| node.optimum.objective).reduce(f64::min);
        match (self.best, lowest) {
            (Some((picks, optimum)), lowest) => {
                let bound = lowest.map_or(optimum.objective, |l| l.min(optimum.objective));
                Ok(Searched::Best(Best { optimum, nodes: self.nodes, bound, picks }))
            }
            (None, Some(_)) => Err(Stopped::NodeLimit),
            (None, None) => Ok(Searched::NoPick),
        }
    }

    /// Takes the open node with the lowest bound. `None`, with the open nodes as they are, once the
    /// gap is closed.
    fn next(&mut self) -> Option<Node> {
        let objective = |node: &Node| node.optimum.objective;
        let lowest = (0..self.open.len()).reduce(|a, b| {
            if objective(&self.open[b]) < objective(&self.open[a]) { b } else { a }
        })?;
        let bound = objective(&self.open[lowest]);
        let closed = |best: &Optimum| {
            best.objective - bound <= self.limits.relative_gap * best.objective.abs()
        };
        if self.best.as_ref().is_some_and(|(_, best)| closed(best)) {
            return None;
        }
        Some(self.open.remove(lowest))
    }

    fn solve(&mut self, picks: &[Pick]) -> Result<Option<Optimum>, Stopped> {
        self.nodes += 1;
        match self.solver.solve(picks)? {
            Convex::Optimal(optimum) => {
                let best = self.best.as_ref();
                let wins = best.is_none_or(|(_, best)| optimum.objective < best.objective);
                Ok(wins.then_some(optimum))
            }
            // A node of a bounded problem is not unbounded: its ranges are finite.
            Convex::Infeasible | Convex::Unbounded(_) => Ok(None),
        }
    }

    /// Solves the problem of the lines that a node trades most, as a plan.
    fn try_near(&mut self, node: &Node) -> Result<(), Stopped> {
        self.try_picks(self.nearest(node))
    }

    /// Solves the problem of some picks, as a plan, unless they are too many or were tried before.
    fn try_picks(&mut self, picks: Vec<Pick>) -> Result<(), Stopped> {
        let count = picks.iter().filter(|pick| **pick != Pick::Out).count();
        if count <= self.count
            && self.tried.insert(picks.iter().map(|pick| *pick as u8).collect())
            && let Some(optimum) = self.solve(&picks)?
        {
            self.best = Some((picks, optimum));
        }
        Ok(())
    }

    /// The picks that the trades of a node come nearest to.
    fn nearest(&self, node: &Node) -> Vec<Pick> {
        let trades = &node.optimum.trades;
        let weight = |line: &usize| {
            let decided = !matches!(node.picks[*line], Pick::Free | Pick::Out);
            let share = node.optimum.shares[*line].unwrap_or(trades[*line].abs());
            (decided, share)
        };
        let mut order: Vec<usize> =
            (0..trades.len()).filter(|line| self.no_trade < trades[*line].abs()).collect();
        order.sort_by(|a, b| {
            let (a, b) = (weight(a), weight(b));
            b.0.cmp(&a.0).then(b.1.total_cmp(&a.1))
        });
        let mut picks = vec![Pick::Out; trades.len()];
        for line in order.into_iter().take(self.count) {
            picks[line] = self.as_traded(trades[line]);
        }
        picks
    }

    fn as_traded(&self, trade: f64) -> Pick {
        if self.ticket <= 0.0 {
            Pick::In
        } else if trade.abs() < 0.5 * self.ticket {
            Pick::Out
        } else if 0.0 < trade {
            Pick::Buy
        } else {
            Pick::Sell
        }
    }

    /// The free line to decide on next: that with the largest trade, among those that the node
    /// trades in part. `None` if the node is a plan.
    fn undecided(&self, node: &Node) -> Option<usize> {
        let trades = &node.optimum.trades;
        let free = (0..trades.len()).filter(|line| node.picks[*line] == Pick::Free);
        let in_part = free.filter(|line| {
            let size = trades[*line].abs();
            let ticket = self.no_trade < size && size < self.ticket;
            let share = node.optimum.shares[*line].is_some() && self.no_trade < size;
            ticket || share
        });
        in_part.reduce(|a, b| if trades[a].abs() < trades[b].abs() { b } else { a })
    }

    fn choices(&self, line: usize) -> Vec<Pick> {
        if self.ticket <= 0.0 {
            return vec![Pick::Out, Pick::In];
        }
        let (low, high) = self.ranges[line];
        let buys = (self.ticket <= high).then_some(Pick::Buy);
        let sells = (low <= -self.ticket).then_some(Pick::Sell);
        [Some(Pick::Out), buys, sells].into_iter().flatten().collect()
    }

    /// Once as many lines are picked as may trade, the others are out.
    fn close_if_full(&self, picks: &mut [Pick]) {
        let picked = picks.iter().filter(|p| !matches!(p, Pick::Free | Pick::Out)).count();
        if self.count <= picked {
            let free = picks.iter_mut().filter(|pick| **pick == Pick::Free);
            free.for_each(|pick| *pick = Pick::Out);
        }
    }
}
