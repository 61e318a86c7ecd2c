//! Values of measures, risk and costs after given trades, straight from their definitions.

use crate::{
    constraint::Measure,
    line::{Line, Trading},
    objective::RiskTerm,
    problem::Problem,
    squeezed,
};

/// The parts of what trades cost, in money; negative is an income.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Spreads and commissions: Σ buy·x⁺ + sell·x⁻.
    pub linear: f64,
    /// Σ ½·q·x².
    pub impact: f64,
    /// Cost of holding the traded lines over the horizon: H·Σ long·p⁺ + short·p⁻. Positions that
    /// must stay are not in it, but in the objective.
    pub holding: f64,
}

impl Cost {
    /// Sum of the parts.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.linear + self.impact + self.holding
    }
}

impl Problem {
    /// The value of a measure after trades in money, in the measure's unit.
    pub(crate) fn measure(&self, measure: &Measure, trades: &[f64]) -> f64 {
        self.measure_at(measure, trades, &self.positions(trades))
    }

    /// The value of a measure after trades that lead to these positions.
    pub(crate) fn measure_at(&self, measure: &Measure, trades: &[f64], positions: &[f64]) -> f64 {
        let lines = &self.statement().lines;
        match measure {
            Measure::Net => positions.iter().sum(),
            Measure::Gross => positions.iter().map(|p| p.abs()).sum(),
            Measure::Turnover => trades.iter().map(|x| x.abs()).sum(),
            Measure::Spread => {
                let cost = |((_, terms), x): ((&Line, &Trading), &f64)| terms.linear_cost(*x);
                self.traded_lines().zip(trades).map(cost).sum()
            }
            Measure::Weighted { weights, offset, .. } => {
                offset + weights.iter().zip(positions).map(|(w, p)| w * p).sum::<f64>()
            }
            Measure::OfLines { weights, .. } => {
                // The sum of nothing would be -0.0.
                weights.iter().fold(0.0, |sum, (line, w)| sum + w * positions[*line])
            }
            Measure::Positive { weights } => {
                weights.iter().fold(0.0, |sum, (line, w)| sum + (w * positions[*line]).max(0.0))
            }
            Measure::Factor(factor) => {
                lines.iter().zip(positions).map(|(line, p)| line.exposure(*factor) * p).sum()
            }
            Measure::Position(line) => positions[*line],
            Measure::Trade(line) => self.trade_of(*line).map_or(0.0, |trade| trades[trade]),
            Measure::Participation => {
                let share = |((_, terms), x): ((&Line, &Trading), &f64)| {
                    terms.volume.map_or(0.0, |volume| x.abs() / volume)
                };
                self.traded_lines().zip(trades).map(share).fold(0.0, f64::max)
            }
            Measure::WorstShorts { count, losses, options } => {
                let loadings = self.loadings(trades);
                let lost = squeezed::losses(losses, &loadings, &options.beyond(positions));
                squeezed::worst(lost, *count)
            }
        }
    }

    /// Positions after trades, one per line, in money.
    pub(crate) fn positions(&self, trades: &[f64]) -> Vec<f64> {
        #[cfg(test)]
        crate::breach::count::add(self.statement().lines.len());
        let mut positions: Vec<f64> = self.statement().lines.iter().map(|line| line.held).collect();
        self.traded().iter().zip(trades).for_each(|(line, trade)| positions[*line] += trade);
        positions
    }

    /// σ² after trades, per session, in money squared.
    pub(crate) fn variance(&self, trades: &[f64]) -> f64 {
        self.statement().risk.variance(&self.exposures(trades), &self.loadings(trades))
    }

    /// What trades cost.
    pub(crate) fn cost(&self, trades: &[f64]) -> Cost {
        let horizon = self.statement().objective.horizon_sessions;
        let mut cost = Cost { linear: 0.0, impact: 0.0, holding: 0.0 };
        for ((line, terms), x) in self.traded_lines().zip(trades) {
            let position = line.held + x;
            cost.linear += terms.linear_cost(*x);
            cost.impact += 0.5 * terms.impact * x * x;
            cost.holding += horizon * terms.carry_per_session(position);
        }
        cost
    }

    /// The price of the risk that remains after trades, in money.
    pub(crate) fn risk_price(&self, trades: &[f64]) -> f64 {
        let objective = &self.statement().objective;
        match &objective.risk {
            RiskTerm::Variance { aversion } => {
                aversion * objective.horizon_sessions * self.variance(trades)
            }
            RiskTerm::Tail { weight, scenarios } => weight * scenarios.cvar(trades),
        }
    }

    /// What holding the lines that do not trade costs over the horizon, in money.
    #[must_use]
    pub fn staying_carry(&self) -> f64 {
        let objective = &self.statement().objective;
        objective.horizon_sessions * objective.staying_carry_per_session
    }

    /// What is minimised, in money.
    pub(crate) fn objective(&self, trades: &[f64]) -> f64 {
        self.risk_price(trades) + self.cost(trades).total() + self.staying_carry()
    }
}
