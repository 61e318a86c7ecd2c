//! Validates hedging problems, and writes the defaults into the request.

use super::{
    limited::{self, AskedExclusion, AskedLimit, LIMIT},
    simulation::simulation,
    terms::{self, AMOUNT, InstrumentTerms},
    working::{self, AskedWorking},
};
use crate::rpc::field::Fields;
use ::hedge::{
    clock::Clock,
    limits::SolveLimits,
    simulated::Simulation,
    terms::{LineTerms, VarianceDays},
    wish::{SqueezeBudget, WrittenBudget},
};
use contract::v1::{self, hedge_objective::Risk};
use std::collections::BTreeSet;

const HORIZON_SESSIONS: f64 = 10.0;
/// Over a shorter time than the least, what an option loses by time is nothing but rounding.
const HORIZONS: (f64, f64) = (0.001, 1_000.0);
const AVERSION: f64 = 10.0;
const CONFIDENCE: f64 = 0.95;
const CONFIDENCES: (f64, f64) = (0.5, 0.995);
const PRICE: f64 = 1.0;
/// Bounds of an aversion and of a price of shortfall.
const WEIGHTS: (f64, f64) = (1e-9, 1e6);
const WEALTH: (f64, f64) = (0.01, 1e18);
const PARTICIPATION: f64 = 0.15;
const PARTICIPATIONS: (f64, f64) = (0.0001, 1.0);
const IMPACT_SIZE: f64 = 0.05;
const LINES_MAX: i32 = 10_000;

/// A problem whose instruments, groups and factors are still to be found in the view.
#[derive(Debug)]
pub(super) struct AskedProblem {
    pub(super) instruments: Vec<InstrumentTerms>,
    pub(super) usual: LineTerms,
    /// Whether the caller gave a rate of margin.
    pub(super) has_margin: bool,
    pub(super) positions: Vec<LineTerms>,
    pub(super) aim: AskedAim,
    /// What scenarios of a shortfall are drawn from. `None`: they are past sessions.
    pub(super) simulation: Option<Simulation>,
    pub(super) days: VarianceDays,
    pub(super) horizon_sessions: f64,
    pub(super) limits: Vec<AskedLimit>,
    pub(super) excluded: Vec<AskedExclusion>,
    pub(super) squeeze: SqueezeBudget,
    pub(super) written: WrittenBudget,
    pub(super) written_notional: WrittenBudget,
    pub(super) participation: f64,
    pub(super) max_lines: Option<usize>,
    pub(super) min_ticket: Option<f64>,
    pub(super) clock: Clock,
    pub(super) impact_size: f64,
    pub(super) solve: SolveLimits,
    pub(super) working: Option<AskedWorking>,
}

/// What is minimised.
#[derive(Clone, Copy, Debug)]
pub(super) enum AskedAim {
    /// Without a wealth, that of the book.
    Variance {
        aversion: f64,
        wealth: Option<f64>,
    },
    Shortfall {
        confidence: f64,
        price: f64,
    },
}

/// Reads a problem. `None` with a violation.
pub(super) fn problem(fields: &mut Fields, asked: &mut v1::HedgeProblem) -> Option<AskedProblem> {
    let usual = terms::usual(fields, &mut asked.terms);
    let has_margin = asked.terms.is_some_and(|terms| terms.margin_rate.is_some());
    let instruments = terms::instruments(fields, &mut asked.instruments, usual);
    let positions = terms::positions(fields, &mut asked.position_terms, usual);
    let objective = asked.objective.get_or_insert_default();
    let horizon = fields.within_or(
        "problem.objective.horizon_sessions",
        objective.horizon_sessions,
        HORIZON_SESSIONS,
        HORIZONS,
    );
    objective.horizon_sessions = Some(horizon);
    let Priced { aim, simulation, days } = priced(fields, &mut objective.risk, horizon);
    let mut ids = BTreeSet::new();
    let limits = limited::constraints(fields, &mut asked.constraints, &mut ids);
    let excluded = limited::exclusions(fields, &asked.exclusions, &mut ids);
    let squeeze = squeeze(fields, asked.squeeze_budget.get_or_insert_default());
    let (written, written_notional) =
        written(fields, *asked.written_budget.get_or_insert_default());
    let participation = fields.within_or(
        "problem.max_participation",
        asked.max_participation,
        PARTICIPATION,
        PARTICIPATIONS,
    );
    asked.max_participation = Some(participation);
    let max_lines =
        asked.max_lines.map(|count| fields.within("problem.max_lines", count, 1, LINES_MAX));
    let min_ticket = asked
        .min_ticket
        .map(|ticket| fields.within("problem.min_ticket", ticket, AMOUNT.0, AMOUNT.1));
    let clock = terms::clock(fields, asked.timing.get_or_insert_default());
    terms::marks(fields, &asked.marks);
    let size = "problem.impact_size";
    let impact_size = fields.within_or(size, asked.impact_size, IMPACT_SIZE, PARTICIPATIONS);
    asked.impact_size = Some(impact_size);
    let solve = terms::limits(fields, asked.solve_limits.get_or_insert_default());
    let working = asked.working.as_mut().zip(clock);
    let working = working.and_then(|(asked, clock)| working::asked(fields, asked, (clock, aim)));
    Some(AskedProblem {
        instruments,
        usual,
        has_margin,
        positions,
        aim,
        simulation,
        days,
        horizon_sessions: horizon,
        limits,
        excluded,
        squeeze,
        written,
        written_notional,
        participation,
        max_lines: max_lines.and_then(|count| usize::try_from(count).ok()),
        min_ticket,
        clock: clock?,
        impact_size,
        solve,
        working,
    })
}

/// The price of risk, and what the risk is estimated on.
struct Priced {
    aim: AskedAim,
    simulation: Option<Simulation>,
    days: VarianceDays,
}

fn priced(fields: &mut Fields, asked: &mut Option<Risk>, horizon: f64) -> Priced {
    let path = "problem.objective";
    match asked.get_or_insert_with(|| Risk::Variance(v1::HedgeVariance::default())) {
        Risk::Variance(variance) => {
            let aversion = fields.within_or(
                &format!("{path}.variance.relative_risk_aversion"),
                variance.relative_risk_aversion,
                AVERSION,
                WEIGHTS,
            );
            variance.relative_risk_aversion = Some(aversion);
            let wealth = variance.wealth.map(|wealth| {
                fields.within(&format!("{path}.variance.wealth"), wealth, WEALTH.0, WEALTH.1)
            });
            let days = days(fields, &format!("{path}.variance.days"), &mut variance.days);
            Priced { aim: AskedAim::Variance { aversion, wealth }, simulation: None, days }
        }
        Risk::Shortfall(shortfall) => {
            let field = format!("{path}.shortfall.confidence");
            let confidence =
                fields.within_or(&field, shortfall.confidence, CONFIDENCE, CONFIDENCES);
            let field = format!("{path}.shortfall.price");
            let price = fields.within_or(&field, shortfall.price, PRICE, WEIGHTS);
            (shortfall.confidence, shortfall.price) = (Some(confidence), Some(price));
            let simulated = shortfall.simulation.as_mut();
            let simulated = simulated.map(|asked| simulation(fields, asked, (horizon, HORIZONS)));
            let (simulation, days) = simulated.unwrap_or((None, VarianceDays::All));
            Priced { aim: AskedAim::Shortfall { confidence, price }, simulation, days }
        }
    }
}

/// The days that a risk is estimated on.
pub(super) fn days(fields: &mut Fields, path: &str, asked: &mut i32) -> VarianceDays {
    use v1::HedgeDays as Wire;
    let (days, wire) = match fields.choice(path, *asked) {
        Wire::Unspecified | Wire::All => (VarianceDays::All, Wire::All),
        Wire::LargeMoves => (VarianceDays::LargeMoves, Wire::LargeMoves),
    };
    *asked = wire.into();
    days
}

fn squeeze(fields: &mut Fields, asked: &v1::HedgeSqueezeBudget) -> SqueezeBudget {
    let path = "problem.squeeze_budget.max_loss";
    match (asked.off, asked.max_loss) {
        (true, None) => SqueezeBudget::Off,
        (true, Some(_)) => {
            fields.add(path, "must be absent if the budget is off");
            SqueezeBudget::Off
        }
        (false, None) => SqueezeBudget::NotMore,
        (false, Some(loss)) => SqueezeBudget::Most(fields.within(path, loss, 0.0, LIMIT)),
    }
}

/// The limits on what written options lose, and on the shares under them.
fn written(fields: &mut Fields, asked: v1::HedgeWrittenBudget) -> (WrittenBudget, WrittenBudget) {
    let mut one = |field: &str, most: Option<f64>| {
        let path = format!("problem.written_budget.{field}");
        match (asked.off, most) {
            (true, None) => WrittenBudget::Off,
            (true, Some(_)) => {
                fields.add(path, "must be absent if the budget is off");
                WrittenBudget::Off
            }
            (false, None) => WrittenBudget::Share,
            (false, Some(most)) => WrittenBudget::Most(fields.within(&path, most, 0.0, LIMIT)),
        }
    };
    (one("max_loss", asked.max_loss), one("max_notional", asked.max_notional))
}
