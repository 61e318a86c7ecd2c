//! The objective: costs, and the price of risk by variance or by a tail.

use super::{Builder, Pick};
use crate::{
    line::{Line, Trading},
    objective::{RiskTerm, Scenarios},
    program::Perspective,
};

impl Builder<'_> {
    /// buy·x⁺ + sell·x⁻ = buy·x + (buy + sell)·x⁻, the same for carry, ½·q·x², and the carry of
    /// what does not trade.
    pub(super) fn costs(&mut self) {
        let (money, objective) = (self.assembly.scale.money, self.assembly.scale.objective);
        let horizon = self.problem.statement().objective.horizon_sessions;
        let unit = money * objective;
        self.assembly.constant += self.problem.staying_carry();
        for (trade, (line, terms)) in self.problem.traded_lines().enumerate() {
            let Some(x) = self.assembly.trades[trade] else {
                self.assembly.constant += horizon * terms.carry_per_session(line.held);
                continue;
            };
            self.assembly.constant += horizon * terms.long_carry_per_session * line.held;
            let linear = &mut self.assembly.program.linear;
            linear[x] += unit * (terms.buy_cost + horizon * terms.long_carry_per_session);
            if let Some(sold) = self.sold[trade] {
                linear[sold] += unit * (terms.buy_cost + terms.sell_cost);
            }
            if let Some(short) = self.short[trade] {
                let carry = terms.long_carry_per_session + terms.short_carry_per_session;
                linear[short] += unit * horizon * carry;
            }
            if 0.0 < terms.impact {
                self.program().quadratic.push((x, x, unit * money * terms.impact));
            }
        }
    }

    pub(super) fn risk(&mut self, tail: &[usize]) {
        let problem = self.problem;
        let objective = &problem.statement().objective;
        match &objective.risk {
            RiskTerm::Variance { aversion } => self.variance(aversion * objective.horizon_sessions),
            RiskTerm::Tail { weight, scenarios } => self.tail(*weight, scenarios, tail),
        }
    }

    /// price·(b + y)′F(b + y) + price·Σ d·(w + l′x)², without its value at x = 0.
    fn variance(&mut self, price: f64) {
        if price <= 0.0 {
            return;
        }
        let (money, objective) = (self.assembly.scale.money, self.assembly.scale.objective);
        let twice = 2.0 * price * objective * money;
        let problem = self.problem;
        let risk = &problem.statement().risk;
        let nothing = problem.no_trades();
        self.assembly.constant += price * problem.variance(&nothing);
        let gradient = risk.with_factors(&problem.exposures(&nothing));
        let present: Vec<(usize, usize)> =
            self.factors.iter().enumerate().filter_map(|(k, y)| Some((k, (*y)?))).collect();
        for (at, (factor, y)) in present.iter().enumerate() {
            self.program().linear[*y] += twice * gradient[*factor];
            for (other, with) in &present[at..] {
                let covariance = risk.covariance().get(*factor, *other);
                if 0.0 < covariance.abs() {
                    self.program().quadratic.push((*y, *with, twice * money * covariance));
                }
            }
        }
        let loadings = problem.loadings(&nothing);
        for (source, lines) in self.lines_by_source().iter().enumerate() {
            let d = risk.specific_variances()[source];
            if d <= 0.0 {
                continue;
            }
            for (at, (x, loading)) in lines.iter().enumerate() {
                self.program().linear[*x] += twice * d * loadings[source] * loading;
                for (with, other) in &lines[at..] {
                    let entry = twice * money * d * loading * other;
                    self.program().quadratic.push((*x, *with, entry));
                }
            }
        }
    }

    /// Variables and loadings of the lines that load on each specific source.
    pub(super) fn lines_by_source(&self) -> Vec<Vec<(usize, f64)>> {
        let sources = self.problem.statement().risk.specific_variances().len();
        let mut lines = vec![Vec::new(); sources];
        for ((line, _), x) in self.problem.traded_lines().zip(&self.assembly.trades) {
            let Some(x) = x else { continue };
            line.loadings.iter().for_each(|(source, l)| lines[*source].push((*x, *l)));
        }
        lines
    }

    /// κ·(α + Σ u/((1−β)T)) with u ≥ 0 and u ≥ loss − α for some of the scenarios: a lower bound of
    /// the CVaR, and the CVaR itself if all others lose at most α (Rockafellar and Uryasev 2000).
    fn tail(&mut self, weight: f64, scenarios: &Scenarios, among: &[usize]) {
        if weight <= 0.0 {
            return;
        }
        let money = self.assembly.scale.money;
        let unit = weight * self.assembly.scale.objective * money;
        let threshold = self.program().variable();
        self.program().linear[threshold] = unit;
        self.assembly.threshold = Some(threshold);
        for scenario in among {
            let excess = self.program().variable();
            self.program().linear[excess] = unit / scenarios.tail_count();
            self.program().at_most(vec![(excess, -1.0)], 0.0);
            let mut terms = vec![(threshold, -1.0), (excess, -1.0)];
            for (trade, series) in scenarios.returns().iter().enumerate() {
                let x = self.assembly.trades[trade];
                terms.extend(x.map(|x| (x, -series[*scenario])));
            }
            let bound = scenarios.book()[*scenario] / money;
            self.program().at_most(terms, bound);
        }
    }

    /// z ∈ [0, 1] of every free line, with low·z ≤ x ≤ high·z and Σ z at most what is left to pick.
    /// A range whose limit is relaxed has no end, and then nothing ties x to z: the search decides.
    ///
    /// The part ½·Q·x² of the objective that is the line's own becomes ½·Q·r with r·z ≥ x², the
    /// convex hull of "x is zero or z is one" (Frangioni and Gentile 2006), which makes the bound of
    /// the search much higher than x² does.
    pub(super) fn shares_of_lines(&mut self) {
        let Some(limit) = &self.problem.statement().max_lines else { return };
        let picks = self.recipe.picks;
        let picked = picks.iter().filter(|p| !matches!(p, Pick::Free | Pick::Out)).count();
        let free: Vec<usize> = (0..picks.len()).filter(|t| picks[*t] == Pick::Free).collect();
        let left = limit.count.saturating_sub(picked);
        if free.len() <= left {
            return;
        }
        let (ranges, own) =
            (self.problem.trade_ranges_without(self.relaxed()), self.own_curvatures());
        let money = self.assembly.scale.money;
        let mut sum = Vec::new();
        for trade in free {
            let Some(x) = self.assembly.trades[trade] else { continue };
            let z = self.program().variable();
            self.assembly.shares[trade] = Some(z);
            sum.push((z, 1.0));
            let (low, high) = (ranges[trade].0 / money, ranges[trade].1 / money);
            let unit = range_unit(low, high);
            self.program().at_most(vec![(z, 1.0)], 1.0);
            self.program().at_most(vec![(z, -1.0)], 0.0);
            // Ranges may be a thousand times the book: divided by their size, the rows are near one.
            if high.is_finite() {
                self.program().at_most(vec![(x, 1.0 / unit), (z, -high / unit)], 0.0);
            }
            if low.is_finite() {
                self.program().at_most(vec![(x, -1.0 / unit), (z, low / unit)], 0.0);
            }
            self.own_part_to_perspective(own[trade], (x, z), unit);
        }
        self.program().at_most(sum, left as f64);
    }

    /// Moves what a line alone adds to P's diagonal to a cone.
    fn own_part_to_perspective(&mut self, own: f64, (x, z): (usize, usize), unit: f64) {
        if own <= 0.0 {
            return;
        }
        let r = self.program().variable();
        self.program().quadratic.push((x, x, -own));
        self.program().linear[r] = 0.5 * own * unit * unit;
        self.program().cones.push(Perspective { r, z, v: x, unit });
    }

    /// By trade, the part of P's diagonal that is the line's alone: impact, and specific sources on
    /// which no other line loads.
    fn own_curvatures(&self) -> Vec<f64> {
        let scale = self.assembly.scale;
        if !self.is_cheapest() {
            return vec![0.0; self.recipe.picks.len()];
        }
        let unit = scale.objective * scale.money * scale.money;
        let statement = self.problem.statement();
        let price = match &statement.objective.risk {
            RiskTerm::Variance { aversion } => aversion * statement.objective.horizon_sessions,
            RiskTerm::Tail { .. } => 0.0,
        };
        let shared: Vec<bool> = self.lines_by_source().iter().map(|l| 1 < l.len()).collect();
        let variances = statement.risk.specific_variances();
        let own = |(source, loading): &(usize, f64)| {
            if shared[*source] { 0.0 } else { variances[*source] * loading * loading }
        };
        let curvature = |(line, terms): (&Line, &Trading)| {
            let specific: f64 = line.loadings.iter().map(own).sum();
            unit * (terms.impact + 2.0 * price * specific)
        };
        self.problem.traded_lines().map(curvature).collect()
    }
}

/// The unit of a trade in a range, in scaled money: the size of its larger end. An end at infinity is as
/// large as the book, and so is a range that has no size.
fn range_unit(low: f64, high: f64) -> f64 {
    let finite = |end: f64| if end.is_finite() { end.abs() } else { 1.0 };
    let size = if low < high { finite(low).max(finite(high)) } else { 1.0 };
    if 0.0 < size { size } else { 1.0 }
}
