//! Rows of constraints and exclusions, with a variable for each limit that may be relaxed.

use super::{Builder, Member, Owner, Slack, relaxation_cost};
use crate::{
    constraint::{Constraint, ExclusionRule, Measure, Side},
    line::Trading,
    squeezed::SqueezedOptions,
};
use std::collections::BTreeMap;

/// A measure in scaled money: constant + Σ coefficient × variable.
struct Expression {
    constant: f64,
    terms: Vec<(usize, f64)>,
}

impl Builder<'_> {
    pub(super) fn constraint_rows(&mut self) {
        let problem = self.problem;
        for (index, constraint) in problem.statement().constraints.iter().enumerate() {
            if !self.recipe.enforced[index] {
                continue;
            }
            let member = Member(index);
            match &constraint.measure {
                Measure::Participation => self.participation_rows(member, constraint),
                Measure::WorstShorts { count, losses, options } => {
                    self.worst_shorts_rows(member, constraint, *count, (losses, options));
                }
                Measure::Spread => self.spread_row(member, constraint),
                Measure::Positive { weights } => {
                    self.positive_rows(member, constraint, weights);
                }
                measure => self.limit_rows(member, constraint, &self.expression(measure)),
            }
        }
    }

    /// |x| ≤ u·V for each line: one limit, two rows per line.
    fn participation_rows(&mut self, member: Member, constraint: &Constraint) {
        let Some(limit) = constraint.upper else { return };
        let slack = self.slack(member, Side::Upper, constraint, limit);
        let money = self.assembly.scale.money;
        for (trade, (_, terms)) in self.problem.traded_lines().enumerate() {
            let volume = terms.volume.unwrap_or(0.0) / money;
            let Some(x) = self.assembly.trades[trade] else { continue };
            for sign in [1.0, -1.0] {
                let bound = limit * volume;
                self.owned_row(vec![(x, sign)], bound, member, Side::Upper, volume, slack);
            }
        }
    }

    /// Σ (buy·x + (buy + sell)·x⁻) ≤ limit, in units of the largest cost: basis points of money would
    /// be beside rows of money.
    fn spread_row(&mut self, member: Member, constraint: &Constraint) {
        let Some(limit) = constraint.upper else { return };
        let both = |terms: &Trading| terms.buy_cost + terms.sell_cost;
        let largest = self.problem.traded_lines().map(|(_, terms)| both(terms)).fold(0.0, f64::max);
        if largest <= 0.0 {
            return;
        }
        let size = self.problem.size();
        let slack = self.slack_of(member, Side::Upper, (limit, size, largest));
        let mut costs = Vec::new();
        for (trade, (_, terms)) in self.problem.traded_lines().enumerate() {
            let x = self.assembly.trades[trade].filter(|_| 0.0 < terms.buy_cost);
            costs.extend(x.map(|x| (x, terms.buy_cost / largest)));
            costs.extend(self.sold[trade].map(|sold| (sold, both(terms) / largest)));
        }
        let per = 1.0 / (largest * self.assembly.scale.money);
        self.owned_row(costs, limit * per, member, Side::Upper, per, slack);
    }

    /// Σ u ≤ limit with u ≥ 0 and u ≥ w·p for each line that trades; the others are a constant.
    fn positive_rows(&mut self, member: Member, constraint: &Constraint, weights: &[(usize, f64)]) {
        let Some(limit) = constraint.upper else { return };
        let money = self.assembly.scale.money;
        let slack = self.slack(member, Side::Upper, constraint, limit);
        let (mut sum, mut staying) = (Vec::new(), 0.0);
        for (line, weight) in weights.iter().filter(|(_, weight)| 0.0 < weight.abs()) {
            let held = weight * (self.problem.statement().lines[*line].held / money);
            let trade = self.problem.trade_of(*line);
            match trade.and_then(|trade| self.assembly.trades[trade]) {
                None => staying += held.max(0.0),
                Some(x) => {
                    // In units of the position, so that no row has a large coefficient beside a
                    // one.
                    let part = self.program().variable();
                    self.program().at_most(vec![(part, -1.0)], 0.0);
                    let (sign, size) = (weight.signum(), weight.abs());
                    self.program().at_most(vec![(x, sign), (part, -1.0)], -held / size);
                    sum.push((part, size));
                }
            }
        }
        self.owned_row(sum, limit / money - staying, member, Side::Upper, 1.0 / money, slack);
    }

    /// count·τ + Σ u ≤ limit with τ ≥ 0, u ≥ 0 and u ≥ −θ·z − b − τ for each source: some τ meets
    /// these just if the sum of the largest (−θ·z − b)⁺ is at most the limit (Ogryczak and Tamir
    /// 2003).
    fn worst_shorts_rows(
        &mut self,
        member: Member,
        constraint: &Constraint,
        count: usize,
        (losses, options): (&[f64], &SqueezedOptions),
    ) {
        let Some(limit) = constraint.upper else { return };
        let money = self.assembly.scale.money;
        let slack = self.slack(member, Side::Upper, constraint, limit);
        let held = self.problem.loadings(&self.problem.no_trades());
        let positions = self.problem.positions(&self.problem.no_trades());
        let beyond = options.beyond_with(&positions, &|line| self.variable_of(line).is_none());
        let convex = self.convex_terms(options);
        let threshold = self.program().variable();
        self.program().at_most(vec![(threshold, -1.0)], 0.0);
        let mut sum = vec![(threshold, count as f64)];
        let mut changed: Vec<(Vec<(usize, f64)>, f64)> = Vec::new();
        let mut fixed = Vec::new();
        for (source, lines) in self.lines_by_source().into_iter().enumerate() {
            let beyond = beyond.get(&source).copied().unwrap_or(0.0);
            let bound = (losses[source] * held[source] + beyond) / money;
            match lines.is_empty() {
                // What no line changes and what is not short adds nothing to the sum.
                true if bound < 0.0 => fixed.push(bound),
                false if 0.0 < losses[source] => {
                    let of_lines = lines.into_iter().map(|(x, l)| (x, -losses[source] * l));
                    let of_options = convex.get(&source).into_iter().flatten();
                    let of_options = of_options.map(|(x, pnl)| (*x, -pnl));
                    changed.push((merged(of_lines.chain(of_options)), bound));
                }
                _ => {}
            }
        }
        // Of losses that no line changes, only the largest can be among the largest of all.
        fixed.sort_by(f64::total_cmp);
        fixed.truncate(count);
        let fixed = fixed.into_iter().map(|bound| (Vec::new(), bound));
        for (of_lines, bound) in changed.into_iter().chain(fixed) {
            let excess = self.program().variable();
            self.program().at_most(vec![(excess, -1.0)], 0.0);
            let own = [(threshold, -1.0), (excess, -1.0)];
            self.program().at_most(own.into_iter().chain(of_lines).collect(), bound);
            sum.push((excess, 1.0));
        }
        self.owned_row(sum, limit / money, member, Side::Upper, 1.0 / money, slack);
    }

    /// By source: variable and P&L beyond the delta per money, of options that trade. What a written
    /// one loses more has a variable of its own, the part of the position that is written.
    fn convex_terms(&mut self, options: &SqueezedOptions) -> BTreeMap<usize, Vec<(usize, f64)>> {
        let mut terms: BTreeMap<usize, Vec<(usize, f64)>> = BTreeMap::new();
        for (line, by_source) in &options.lines {
            let Some(x) = self.variable_of(*line) else { continue };
            for (source, pnl) in by_source {
                terms.entry(*source).or_default().push((x, *pnl));
            }
        }
        for (line, by_source) in &options.written {
            let Some(x) = self.variable_of(*line) else { continue };
            let sign = by_source.iter().map(|(_, more)| *more).sum::<f64>().signum();
            let held = self.problem.statement().lines[*line].held / self.assembly.scale.money;
            let written = self.program().variable();
            self.program().at_most(vec![(written, -1.0)], 0.0);
            self.program().at_most(vec![(x, -sign), (written, -1.0)], sign * held);
            for (source, more) in by_source {
                terms.entry(*source).or_default().push((written, -more.abs()));
            }
        }
        terms
    }

    /// The variable of a line's trade, if it trades.
    fn variable_of(&self, line: usize) -> Option<usize> {
        self.problem.trade_of(line).and_then(|trade| self.assembly.trades[trade])
    }

    fn limit_rows(&mut self, member: Member, constraint: &Constraint, of: &Expression) {
        let per = 1.0 / self.assembly.scale.money;
        let relaxed = self.is_relaxed(member);
        let limits = (constraint.lower, constraint.upper);
        if let (Some(lower), Some(upper)) = limits
            && upper <= lower
            && !relaxed
        {
            let row = self.program().equal(of.terms.clone(), upper * per - of.constant);
            self.assembly.owners.push(Owner { row, member, side: Side::Equal, per });
            return;
        }
        if let Some(lower) = limits.0 {
            let slack = self.slack(member, Side::Lower, constraint, lower);
            let negated = of.terms.iter().map(|(variable, a)| (*variable, -a)).collect();
            let bound = of.constant - lower * per;
            self.owned_row(negated, bound, member, Side::Lower, per, slack);
        }
        if let Some(upper) = limits.1 {
            let slack = self.slack(member, Side::Upper, constraint, upper);
            let bound = upper * per - of.constant;
            self.owned_row(of.terms.clone(), bound, member, Side::Upper, per, slack);
        }
    }

    fn owned_row(
        &mut self,
        mut terms: Vec<(usize, f64)>,
        bound: f64,
        member: Member,
        side: Side,
        per: f64,
        slack: Option<Slack>,
    ) {
        terms.extend(slack.map(|slack| (slack.variable, -per * slack.unit)));
        let row = self.program().at_most(terms, bound);
        self.assembly.owners.push(Owner { row, member, side, per });
    }

    fn is_relaxed(&self, member: Member) -> bool {
        self.relaxed().contains(&member)
    }

    /// The variable by which a limit is relaxed. Its unit is not the limit, which may be tiny
    /// beside the book.
    fn slack(
        &mut self,
        member: Member,
        side: Side,
        constraint: &Constraint,
        limit: f64,
    ) -> Option<Slack> {
        let unit = self.problem.unit_size(constraint.measure.unit());
        self.slack_of(member, side, (limit, unit, 1.0))
    }

    /// The same in a unit that is `times` the size with which the limit is compared.
    fn slack_of(
        &mut self,
        member: Member,
        side: Side,
        (limit, size, times): (f64, f64, f64),
    ) -> Option<Slack> {
        if !self.is_relaxed(member) {
            return None;
        }
        let variable = self.program().variable();
        self.program().linear[variable] = times * relaxation_cost(limit, size);
        self.program().at_most(vec![(variable, -1.0)], 0.0);
        let slack = Slack { member, side, variable, unit: times * size };
        self.assembly.slacks.push(slack);
        Some(slack)
    }

    fn expression(&self, measure: &Measure) -> Expression {
        let problem = self.problem;
        let money = self.assembly.scale.money;
        let held = || problem.statement().lines.iter().map(|line| line.held / money);
        let one = |trade: usize| self.assembly.trades[trade].map(|x| (x, 1.0));
        let all = 0..problem.traded().len();
        match measure {
            Measure::Net => {
                Expression { constant: held().sum(), terms: all.filter_map(one).collect() }
            }
            // |p| = p + 2·p⁻ of the lines that may trade, and |p| of others.
            Measure::Gross => {
                let absolute = |(line, value): (usize, f64)| {
                    let trade = problem.trade_of(line).and_then(|t| self.assembly.trades[t]);
                    if trade.is_some() { value } else { value.abs() }
                };
                let constant = held().enumerate().map(absolute).sum();
                Expression { constant, terms: self.absolutes(&self.short) }
            }
            Measure::Turnover => Expression { constant: 0.0, terms: self.absolutes(&self.sold) },
            Measure::Weighted { weights, offset, .. } => {
                let held: f64 = weights.iter().zip(held()).map(|(w, value)| w * value).sum();
                let constant = offset / money + held;
                let term = |trade: usize| {
                    let weight = weights[problem.traded()[trade]];
                    self.assembly.trades[trade].map(|x| (x, weight))
                };
                let terms = all.filter_map(term).filter(|(_, w)| 0.0 < w.abs()).collect();
                Expression { constant, terms }
            }
            Measure::OfLines { weights, .. } => {
                let lines = &problem.statement().lines;
                let constant =
                    weights.iter().map(|(line, w)| w * (lines[*line].held / money)).sum();
                let term = |(line, w): &(usize, f64)| {
                    let trade = problem.trade_of(*line)?;
                    self.assembly.trades[trade].map(|x| (x, *w))
                };
                let terms = weights.iter().filter_map(term).filter(|(_, w)| 0.0 < w.abs());
                Expression { constant, terms: terms.collect() }
            }
            Measure::Factor(factor) => {
                let constant = problem.measure(measure, &problem.no_trades()) / money;
                let terms = self.factors[*factor].map(|y| (y, 1.0));
                Expression { constant, terms: terms.into_iter().collect() }
            }
            Measure::Position(line) => {
                let terms = problem.trade_of(*line).and_then(one);
                let constant = problem.statement().lines[*line].held / money;
                Expression { constant, terms: terms.into_iter().collect() }
            }
            Measure::Trade(line) => {
                let terms = problem.trade_of(*line).and_then(one);
                Expression { constant: 0.0, terms: terms.into_iter().collect() }
            }
            // Have rows of their own.
            Measure::Spread
            | Measure::Positive { .. }
            | Measure::Participation
            | Measure::WorstShorts { .. } => Expression { constant: 0.0, terms: Vec::new() },
        }
    }

    /// Σ x + 2·(negative part), which with a constant is a sum of absolute values.
    fn absolutes(&self, negative_parts: &[Option<usize>]) -> Vec<(usize, f64)> {
        let trades = self.assembly.trades.iter().flatten().map(|x| (*x, 1.0));
        trades.chain(negative_parts.iter().flatten().map(|part| (*part, 2.0))).collect()
    }

    pub(super) fn exclusion_rows(&mut self) {
        let problem = self.problem;
        let first = problem.statement().constraints.len();
        for (index, exclusion) in problem.statement().exclusions.iter().enumerate() {
            let member = Member(first + index);
            let trade = problem.trade_of(exclusion.line);
            let Some(x) = trade.and_then(|trade| self.assembly.trades[trade]) else { continue };
            if !self.recipe.enforced[member.0] {
                continue;
            }
            let per = 1.0 / self.assembly.scale.money;
            let held = problem.statement().lines[exclusion.line].held;
            let (row, side) = match exclusion.rule {
                ExclusionRule::NoTrade => (self.program().equal(vec![(x, 1.0)], 0.0), Side::Equal),
                ExclusionRule::NoNewShort => {
                    let row = self.program().at_most(vec![(x, -1.0)], held.max(0.0) * per);
                    (row, Side::Lower)
                }
            };
            self.assembly.owners.push(Owner { row, member, side, per });
        }
    }
}

/// Terms in which no variable is twice: an option loads a source, and is convex in it.
fn merged(terms: impl Iterator<Item = (usize, f64)>) -> Vec<(usize, f64)> {
    let mut sums: BTreeMap<usize, f64> = BTreeMap::new();
    terms.for_each(|(variable, a)| *sums.entry(variable).or_default() += a);
    sums.into_iter().collect()
}
