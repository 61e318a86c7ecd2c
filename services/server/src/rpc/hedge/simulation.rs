//! Simulated scenarios: how a request wants them, and their defaults.

use super::problem::days;
use crate::rpc::field::Fields;
use ::hedge::{
    simulated::{Distribution, Simulation},
    terms::VarianceDays,
};
use contract::v1::{self, HedgeDistribution as Wire};

const COUNT: i32 = 500;
const COUNTS: (i32, i32) = (100, 1_000);
const DEGREES: i32 = 4;
const DEGREES_ALLOWED: (i32, i32) = (3, 100);
const PATH: &str = "problem.objective.shortfall.simulation";

/// Reads a simulation and the days of its covariances, and writes the defaults into the request.
/// Scenarios span the horizon of the objective unless they say otherwise. `None` with a violation.
pub(super) fn simulation(
    fields: &mut Fields,
    asked: &mut v1::HedgeSimulation,
    (horizon, horizons): (f64, (f64, f64)),
) -> (Option<Simulation>, VarianceDays) {
    let path = |field: &str| format!("{PATH}.{field}");
    let count = fields.within_or(&path("scenario_count"), asked.scenario_count, COUNT, COUNTS);
    if count % 2 != 0 {
        fields.add(path("scenario_count"), "must be even: scenarios come in pairs");
    }
    let wire = match fields.choice(&path("distribution"), asked.distribution) {
        Wire::Unspecified | Wire::StudentT => Wire::StudentT,
        Wire::Normal => Wire::Normal,
    };
    let distribution = distribution(fields, wire, &mut asked.degrees_of_freedom);
    let sessions = fields.within_or(&path("sessions"), asked.sessions, horizon, horizons);
    let days = days(fields, &path("days"), &mut asked.days);
    asked.scenario_count = Some(count);
    asked.distribution = wire.into();
    asked.sessions = Some(sessions);
    let count = usize::try_from(count).ok().filter(|count| count.is_multiple_of(2));
    let simulation = count.zip(distribution).map(|(count, distribution)| Simulation {
        count,
        distribution,
        sessions,
    });
    (simulation, days)
}

fn distribution(
    fields: &mut Fields,
    wire: Wire,
    degrees: &mut Option<i32>,
) -> Option<Distribution> {
    let path = format!("{PATH}.degrees_of_freedom");
    if wire == Wire::Normal {
        if degrees.is_some() {
            fields.add(path, "must be absent with HEDGE_DISTRIBUTION_NORMAL");
        }
        return Some(Distribution::Normal);
    }
    let found = fields.within_or(&path, *degrees, DEGREES, DEGREES_ALLOWED);
    *degrees = Some(found);
    u32::try_from(found).ok().map(|degrees| Distribution::StudentT { degrees })
}
