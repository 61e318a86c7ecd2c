//! A hedging problem as data: stated by the caller, validated once.

mod validate;

use crate::{
    assemble::Member,
    conflict::Relaxation,
    constraint::{Constraint, Exclusion, ExclusionRule, MaxLines, Measure, MinTicket, Side, Unit},
    fault::Fault,
    line::{Line, Trading},
    objective::{Objective, RiskTerm, Scenarios},
    risk::FactorRisk,
};

/// Everything that a problem consists of. Indices of lines are those of `lines`.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Positions and hedging instruments.
    pub lines: Vec<Line>,
    /// The risk of the factors and specific sources that the lines name.
    pub risk: FactorRisk,
    /// What is minimised.
    pub objective: Objective,
    /// Limits.
    pub constraints: Vec<Constraint>,
    /// Lines that must not be traded or shorted.
    pub exclusions: Vec<Exclusion>,
    /// Limit on the number of traded lines.
    pub max_lines: Option<MaxLines>,
    /// Smallest trade.
    pub min_ticket: Option<MinTicket>,
}

/// A statement without faults, with the sums that every solve needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    statement: Statement,
    /// Indices of the traded lines.
    traded: Vec<usize>,
    /// Exposures of the book as held, by factor, in money.
    exposures: Vec<f64>,
    /// Loadings of the book as held, by specific source, in money.
    loadings: Vec<f64>,
}

impl Problem {
    /// A problem from its statement.
    ///
    /// # Errors
    /// Every [`Fault`] of the statement.
    pub fn new(statement: Statement) -> Result<Problem, Vec<Fault>> {
        let mut faults = validate::faults(&statement);
        if !faults.is_empty() {
            return Err(faults);
        }
        let is_traded = |index: &usize| statement.lines[*index].trading.is_some();
        let traded: Vec<usize> = (0..statement.lines.len()).filter(is_traded).collect();
        let mut exposures = vec![0.0; statement.risk.factors()];
        let mut loadings = vec![0.0; statement.risk.specific_variances().len()];
        for line in &statement.lines {
            add_scaled(&mut exposures, &line.exposures, line.held);
            add_scaled(&mut loadings, &line.loadings, line.held);
        }
        let problem = Problem { statement, traded, exposures, loadings };
        faults.extend(problem.unbounded_trades());
        let nothing = problem.no_trades();
        if !(problem.objective(&nothing).is_finite() && problem.variance(&nothing).is_finite()) {
            faults.push(Fault::TooLarge);
        }
        if faults.is_empty() { Ok(problem) } else { Err(faults) }
    }

    /// The statement.
    #[must_use]
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The statement, of which nothing else is needed.
    pub(crate) fn into_statement(self) -> Statement {
        self.statement
    }

    /// Indices of the traded lines, ascending. Trades are listed in this order.
    #[must_use]
    pub fn traded(&self) -> &[usize] {
        &self.traded
    }

    /// Traded lines with their terms, in the order of trades.
    pub(crate) fn traded_lines(&self) -> impl Iterator<Item = (&Line, &Trading)> {
        self.statement.lines.iter().filter_map(|line| Some((line, line.trading.as_ref()?)))
    }

    /// Place among the traded lines of a line given by its index.
    pub(crate) fn trade_of(&self, line: usize) -> Option<usize> {
        self.traded.binary_search(&line).ok()
    }

    /// Exposures after trades, by factor, in money.
    pub(crate) fn exposures(&self, trades: &[f64]) -> Vec<f64> {
        let mut sums = self.exposures.clone();
        for ((line, _), trade) in self.traded_lines().zip(trades) {
            add_scaled(&mut sums, &line.exposures, *trade);
        }
        sums
    }

    /// Loadings after trades, by specific source, in money.
    pub(crate) fn loadings(&self, trades: &[f64]) -> Vec<f64> {
        let mut sums = self.loadings.clone();
        for ((line, _), trade) in self.traded_lines().zip(trades) {
            add_scaled(&mut sums, &line.loadings, *trade);
        }
        sums
    }

    /// Trades of nothing.
    pub(crate) fn no_trades(&self) -> Vec<f64> {
        vec![0.0; self.traded.len()]
    }

    /// The size of the book: its gross value as held, or the largest P&L of a scenario where that is
    /// larger, because the scenarios may be of positions that are not lines. One if there is neither.
    /// Money is scaled by it.
    pub(crate) fn size(&self) -> f64 {
        let gross: f64 = self.statement.lines.iter().map(|line| line.held.abs()).sum();
        let pnl = self.tail().map_or(&[][..], |(_, scenarios)| scenarios.book());
        let size = pnl.iter().fold(gross, |most, pnl| most.max(pnl.abs()));
        if 0.0 < size { size } else { 1.0 }
    }

    /// The smallest and largest trade of each traded line that the constraints on single lines
    /// allow, in money; infinite where none does.
    pub(crate) fn trade_ranges(&self) -> Vec<(f64, f64)> {
        self.trade_ranges_without(&[])
    }

    /// The same without some members.
    pub(crate) fn trade_ranges_without(&self, members: &[Member]) -> Vec<(f64, f64)> {
        let mut holds = vec![true; self.statement.constraints.len()];
        members.iter().for_each(|member| holds[member.0] = false);
        (0..self.traded.len()).map(|trade| self.trade_range(trade, &holds)).collect()
    }

    fn trade_range(&self, trade: usize, holds: &[bool]) -> (f64, f64) {
        let index = self.traded[trade];
        let line = &self.statement.lines[index];
        let mut range = (f64::NEG_INFINITY, f64::INFINITY);
        let mut within = |low: f64, high: f64| range = (range.0.max(low), range.1.min(high));
        let constraints = self.statement.constraints.iter().zip(holds);
        for (constraint, _) in constraints.filter(|(_, holds)| **holds) {
            let low = constraint.lower.unwrap_or(f64::NEG_INFINITY);
            let high = constraint.upper.unwrap_or(f64::INFINITY);
            match &constraint.measure {
                Measure::Trade(of) if *of == index => within(low, high),
                Measure::Position(of) if *of == index => within(low - line.held, high - line.held),
                Measure::Participation => {
                    let volume = line.trading.and_then(|terms| terms.volume).unwrap_or(0.0);
                    within(-high * volume, high * volume);
                }
                _ => {}
            }
        }
        for exclusion in self.statement.exclusions.iter().filter(|e| e.line == index) {
            match exclusion.rule {
                ExclusionRule::NoTrade => within(0.0, 0.0),
                ExclusionRule::NoNewShort => within(-line.held.max(0.0), f64::INFINITY),
            }
        }
        range
    }

    /// Id of a constraint or exclusion.
    pub(crate) fn member_id(&self, member: Member) -> String {
        let constraints = &self.statement.constraints;
        match constraints.get(member.0) {
            Some(constraint) => constraint.id.clone(),
            None => self.statement.exclusions[member.0 - constraints.len()].id.clone(),
        }
    }

    /// Unit of a constraint or exclusion.
    pub(crate) fn member_unit(&self, member: Member) -> Unit {
        let constraint = self.statement.constraints.get(member.0);
        constraint.map_or(Unit::Money, |constraint| constraint.measure.unit())
    }

    /// Whether the number of lines or the smallest ticket is limited.
    pub(crate) fn limits_picks(&self) -> bool {
        self.statement.max_lines.is_some() || self.statement.min_ticket.is_some()
    }

    /// The problem with other limits.
    pub(crate) fn with_limits(&self, changes: &[Relaxation]) -> Problem {
        let mut changed = self.clone();
        for change in changes {
            let constraints = changed.statement.constraints.iter_mut();
            for constraint in constraints.filter(|c| c.id == change.constraint) {
                match change.side {
                    Side::Lower => constraint.lower = Some(change.to),
                    Side::Upper | Side::Equal => constraint.upper = Some(change.to),
                }
            }
        }
        changed
    }

    /// The problem with another number of lines that may trade, if it is limited.
    pub(crate) fn with_max_lines(&self, count: usize) -> Problem {
        let mut changed = self.clone();
        changed.statement.max_lines.iter_mut().for_each(|limit| limit.count = count);
        changed
    }

    /// The problem with another smallest trade, if there is one; zero for none.
    pub(crate) fn with_min_ticket(&self, money: f64) -> Problem {
        let mut changed = self.clone();
        changed.statement.min_ticket.iter_mut().for_each(|ticket| ticket.money = money);
        changed.statement.min_ticket = changed.statement.min_ticket.filter(|t| 0.0 < t.money);
        changed
    }

    fn unbounded_trades(&self) -> Vec<Fault> {
        if self.statement.max_lines.is_none() {
            return Vec::new();
        }
        let ranges = self.trade_ranges();
        let unbounded = ranges.iter().zip(self.traded_lines());
        let unbounded = unbounded.filter(|((low, high), _)| !(low.is_finite() && high.is_finite()));
        unbounded.map(|(_, (line, _))| Fault::UnboundedTrade(line.id.clone())).collect()
    }

    /// Whether a tail is minimised, and with which scenarios and weight.
    pub(crate) fn tail(&self) -> Option<(f64, &Scenarios)> {
        match &self.statement.objective.risk {
            RiskTerm::Variance { .. } => None,
            RiskTerm::Tail { weight, scenarios } => Some((*weight, scenarios)),
        }
    }
}

fn add_scaled(sums: &mut [f64], entries: &[(usize, f64)], by: f64) {
    entries.iter().for_each(|(index, value)| sums[*index] += value * by);
}
