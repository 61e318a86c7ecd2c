//! What one more lot of a line changes in the breaches of a plan, without a pass over the book.
//!
//! A step changes a linear measure by a known amount, a sum of absolute values by one term, and a
//! largest value or the worst shorts only where the line is among the first. So it costs as much as
//! there are constraints on its line.

use crate::{
    branch::NO_TRADE,
    breach::{excluded, miss, share, unit_size},
    constraint::{Constraint, ExclusionRule, Measure, Unit},
    line::{Line, Trading},
    problem::Problem,
    squeezed::{self, SqueezedOptions, loss},
};
use std::collections::BTreeMap;

/// The constraints and exclusions that concern each traded line.
pub(crate) struct Concerns {
    /// By trade: index of the constraint, and by how much a linear measure moves for one of money
    /// traded; one where the measure is not linear.
    constraints: Vec<Vec<(usize, f64)>>,
    /// By trade.
    exclusions: Vec<Vec<ExclusionRule>>,
}

impl Concerns {
    pub(crate) fn of(problem: &Problem) -> Concerns {
        let count = problem.traded().len();
        let mut concerns =
            Concerns { constraints: vec![Vec::new(); count], exclusions: vec![Vec::new(); count] };
        for (index, constraint) in problem.statement().constraints.iter().enumerate() {
            let slopes = slopes(problem, &constraint.measure).into_iter();
            for (trade, slope) in slopes.filter(|(_, slope)| 0.0 < slope.abs()) {
                concerns.constraints[trade].push((index, slope));
            }
        }
        for exclusion in &problem.statement().exclusions {
            let trade = problem.trade_of(exclusion.line);
            trade.into_iter().for_each(|trade| concerns.exclusions[trade].push(exclusion.rule));
        }
        concerns
    }
}

/// The trades that move a measure, and by how much each.
fn slopes(problem: &Problem, measure: &Measure) -> Vec<(usize, f64)> {
    let lines = problem.traded_lines().enumerate();
    match measure {
        Measure::Net
        | Measure::Gross
        | Measure::Turnover
        | Measure::Spread
        | Measure::Participation
        | Measure::WorstShorts { .. } => lines.map(|(trade, _)| (trade, 1.0)).collect(),
        Measure::Position(line) | Measure::Trade(line) => {
            problem.trade_of(*line).map(|trade| (trade, 1.0)).into_iter().collect()
        }
        Measure::Weighted { weights, .. } => {
            problem.traded().iter().map(|line| weights[*line]).enumerate().collect()
        }
        Measure::OfLines { weights, .. } | Measure::Positive { weights } => {
            let trade = |(line, w): &(usize, f64)| problem.trade_of(*line).map(|trade| (trade, *w));
            weights.iter().filter_map(trade).collect()
        }
        Measure::Factor(factor) => {
            lines.map(|(trade, (line, _))| (trade, line.exposure(*factor))).collect()
        }
    }
}

/// One more lot of a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// Place among the traded lines.
    pub(crate) trade: usize,
    /// The lot in money, negative for a sale.
    pub(crate) by: f64,
    /// The trade afterwards, in money.
    pub(crate) to: f64,
}

/// Measures after given trades, kept so that a step from them is cheap to judge.
pub(crate) struct Standing<'a> {
    problem: &'a Problem,
    concerns: &'a Concerns,
    /// The size of the book.
    size: f64,
    trades: &'a [f64],
    /// Positions, by line.
    positions: Vec<f64>,
    /// Values of the measures, by constraint.
    values: Vec<f64>,
    loadings: Vec<f64>,
    /// By constraint on the worst shorts: loss and source, the largest first. Empty for others.
    shorts: Vec<Vec<(f64, usize)>>,
    /// By constraint on the worst shorts: what options make beyond their delta, by source.
    beyond: Vec<BTreeMap<usize, f64>>,
    /// By trade.
    volumes: Vec<f64>,
    /// |x|/volume, by trade.
    participation: Largest,
    /// What trades lack of the smallest ticket, by trade.
    shortfall: Largest,
    /// Number of lines that trade.
    lines: usize,
}

impl<'a> Standing<'a> {
    pub(crate) fn of(
        problem: &'a Problem,
        concerns: &'a Concerns,
        trades: &'a [f64],
    ) -> Standing<'a> {
        let constraints = &problem.statement().constraints;
        let (positions, loadings) = (problem.positions(trades), problem.loadings(trades));
        let value = |c: &Constraint| problem.measure_at(&c.measure, trades, &positions);
        // Without a limit on participation, a volume may be unknown; no trade is a share of it.
        let volume = |(_, terms): (&Line, &Trading)| terms.volume.unwrap_or(f64::INFINITY);
        let volumes: Vec<f64> = problem.traded_lines().map(volume).collect();
        let participation = trades.iter().zip(&volumes).map(|(x, volume)| x.abs() / volume);
        let mut standing = Standing {
            problem,
            concerns,
            size: problem.size(),
            trades,
            values: constraints.iter().map(value).collect(),
            shorts: constraints
                .iter()
                .map(|c| worst_first(&c.measure, &loadings, &positions))
                .collect(),
            beyond: constraints.iter().map(|c| beyond(&c.measure, &positions)).collect(),
            participation: Largest::of(participation),
            volumes,
            shortfall: Largest::of(std::iter::empty()),
            lines: 0,
            positions,
            loadings,
        };
        standing.lines = trades.iter().filter(|x| standing.is_traded(**x)).count();
        standing.shortfall = Largest::of(trades.iter().map(|x| standing.lacks(*x)));
        standing
    }

    /// A step of one lot in money, to a whole number of lots.
    pub(crate) fn step(&self, trade: usize, lot: f64) -> Step {
        Step { trade, by: lot, to: ((self.trades[trade] + lot) / lot).round() * lot }
    }

    /// What a step adds to the sum of breaches, each as a share of what it is compared with.
    pub(crate) fn change(&self, step: Step) -> f64 {
        let constraints = &self.problem.statement().constraints;
        let mut change = 0.0;
        for (index, slope) in &self.concerns.constraints[step.trade] {
            let constraint = &constraints[*index];
            let size = unit_size(constraint.measure.unit(), self.size);
            let breach = |value: f64| share(miss(constraint, value), size);
            change += breach(self.after(step, *index, *slope)) - breach(self.values[*index]);
        }
        let from = self.trades[step.trade];
        let held = self.problem.statement().lines[self.line(step)].held;
        for rule in &self.concerns.exclusions[step.trade] {
            let breach = |trade: f64| share((excluded(*rule, held, trade), 0.0), self.size);
            change += breach(step.to) - breach(from);
        }
        change + self.change_of_tickets(step)
    }

    /// What a step adds to the breaches of the limits on the number of lines and on tickets.
    fn change_of_tickets(&self, step: Step) -> f64 {
        let statement = self.problem.statement();
        let mut change = 0.0;
        if let Some(limit) = &statement.max_lines {
            let others = self.lines - usize::from(self.is_traded(self.trades[step.trade]));
            let lines = others + usize::from(self.is_traded(step.to));
            let breach = |lines: usize| {
                share(
                    (lines.saturating_sub(limit.count) as f64, 0.0),
                    unit_size(Unit::Lines, self.size),
                )
            };
            change += breach(lines) - breach(self.lines);
        }
        if let Some(ticket) = &statement.min_ticket {
            let after = self.shortfall.without(step.trade).max(self.lacks(step.to));
            let breach = |lacks: f64| share((lacks, ticket.money), self.size);
            change += breach(after) - breach(self.shortfall.first);
        }
        change
    }

    /// The value of a constraint's measure after a step of a line with this slope.
    fn after(&self, step: Step, constraint: usize, slope: f64) -> f64 {
        let value = self.values[constraint];
        match &self.problem.statement().constraints[constraint].measure {
            Measure::Net
            | Measure::Weighted { .. }
            | Measure::OfLines { .. }
            | Measure::Factor(_)
            | Measure::Position(_)
            | Measure::Trade(_) => value + slope * step.by,
            Measure::Gross => {
                let position = self.positions[self.line(step)];
                value + ((position + step.by).abs() - position.abs())
            }
            Measure::Turnover => value + (step.to.abs() - self.trades[step.trade].abs()),
            Measure::Spread => {
                let terms = self.problem.statement().lines[self.line(step)].trading;
                let cost = |money: f64| terms.map_or(0.0, |terms| terms.linear_cost(money));
                value + (cost(step.to) - cost(self.trades[step.trade]))
            }
            Measure::Positive { .. } => {
                let part = |position: f64| (slope * position).max(0.0);
                let position = self.positions[self.line(step)];
                value + (part(position + step.by) - part(position))
            }
            Measure::Participation => {
                let others = self.participation.without(step.trade);
                others.max(step.to.abs() / self.volumes[step.trade])
            }
            Measure::WorstShorts { count, losses, options } => {
                self.worst_shorts(step, constraint, (*count, losses, options)).unwrap_or(value)
            }
        }
    }

    /// The loss on the worst shorts after a step; `None` if none of them moves.
    fn worst_shorts(
        &self,
        step: Step,
        constraint: usize,
        (count, losses, options): (usize, &[f64], &SqueezedOptions),
    ) -> Option<f64> {
        let (ranked, beyond) = (&self.shorts[constraint], &self.beyond[constraint]);
        let line = self.line(step);
        let sources = &self.problem.statement().lines[line].loadings;
        let moved = |(source, loading): &(usize, f64)| {
            let (before, theta) = (self.loadings[*source], losses[*source]);
            let held = beyond.get(source).copied().unwrap_or(0.0);
            let by = (self.positions[line], step.by);
            let after = held + options.added(line, *source, by);
            (loss(theta, before, held), loss(theta, before + loading * step.by, after))
        };
        // What is below the last that counts, before and after, counts for nothing.
        let last = ranked.get(count - 1).map_or(0.0, |(loss, _)| *loss);
        let is_idle = |(before, after): (f64, f64)| {
            before.total_cmp(&after).is_eq() || (before < last && after <= last)
        };
        if sources.iter().map(moved).all(is_idle) {
            return None;
        }
        let is_other =
            |source: &usize| sources.binary_search_by_key(source, |(index, _)| *index).is_err();
        let others = ranked.iter().filter(|(_, source)| is_other(source)).take(count);
        let mut lost: Vec<f64> = others.map(|(loss, _)| *loss).collect();
        lost.extend(sources.iter().map(|entry| moved(entry).1));
        lost.sort_by(|a, b| b.total_cmp(a));
        Some(lost.iter().take(count).sum())
    }

    /// Index of the line that a step trades.
    fn line(&self, step: Step) -> usize {
        self.problem.traded()[step.trade]
    }

    fn is_traded(&self, trade: f64) -> bool {
        NO_TRADE * self.size < trade.abs()
    }

    /// What a trade lacks of the smallest ticket, in money; zero without a trade.
    fn lacks(&self, trade: f64) -> f64 {
        let ticket = self.problem.statement().min_ticket.as_ref();
        let ticket = ticket.filter(|_| self.is_traded(trade));
        ticket.map_or(0.0, |ticket| (ticket.money - trade.abs()).max(0.0))
    }
}

/// Loss and source, the largest loss first. Empty unless the measure is of the worst shorts.
fn worst_first(measure: &Measure, loadings: &[f64], positions: &[f64]) -> Vec<(f64, usize)> {
    let Measure::WorstShorts { losses, .. } = measure else { return Vec::new() };
    let lost = squeezed::losses(losses, loadings, &beyond(measure, positions));
    let mut ranked: Vec<(f64, usize)> = lost.into_iter().zip(0..).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranked
}

/// What options make beyond their delta, by source. Empty unless the measure is of the worst
/// shorts.
fn beyond(measure: &Measure, positions: &[f64]) -> BTreeMap<usize, f64> {
    match measure {
        Measure::WorstShorts { options, .. } => options.beyond(positions),
        _ => BTreeMap::new(),
    }
}

/// The largest of some values that are not negative, and the largest of all others.
struct Largest {
    at: usize,
    first: f64,
    second: f64,
}

impl Largest {
    /// Zero twice without values.
    fn of(values: impl Iterator<Item = f64>) -> Largest {
        let mut largest = Largest { at: 0, first: 0.0, second: 0.0 };
        for (at, value) in values.enumerate() {
            if largest.first < value {
                largest = Largest { at, first: value, second: largest.first };
            } else {
                largest.second = largest.second.max(value);
            }
        }
        largest
    }

    /// The largest of all but one value.
    fn without(&self, at: usize) -> f64 {
        if at == self.at { self.second } else { self.first }
    }
}
