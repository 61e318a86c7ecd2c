//! How sessions make up the scenarios of a horizon: the course of each scenario.
//!
//! A P&L over several sessions is the sum of those of its sessions, each at today's positions, so that
//! it is linear in them. Plain history takes every run of sessions as it was: it supposes nothing about
//! what follows what, where the root of the horizon would suppose independence and one volatility. The
//! filter simulates paths along which its recursion runs on. Fitted distributions need no courses,
//! because the moments of a sum follow from theirs.

use crate::settings::{PATHS_MIN, TailMethod, TailSettings};
use stats::{
    paths::Paths,
    scenarios::{Dependence, Scenario},
};
use std::{borrow::Cow, sync::Arc};

/// The share of each scenario in a number.
pub(crate) type Shares = Vec<(Scenario, f64)>;

/// The courses of the scenarios of a set.
#[derive(Debug)]
pub(crate) enum Courses {
    /// One session each.
    Sessions,
    /// Every run of this many sessions of the window, one after the other there: a run goes on after a
    /// session that is left out.
    Runs(usize),
    /// Simulated paths.
    Paths {
        paths: Arc<Paths>,
        /// By draw: what each session does to the volatility of the next on its path.
        growths: Vec<Vec<f64>>,
    },
}

impl Courses {
    /// Those of a method that simulates nothing.
    pub(crate) fn of_history(settings: &TailSettings) -> Courses {
        match (settings.method, settings.horizon_sessions) {
            (TailMethod::Historical, horizon) if 1 < horizon => Courses::Runs(horizon),
            _ => Courses::Sessions,
        }
    }

    /// Paths of several sessions, given the growths of the sessions by draw. All draws and all books take
    /// the same paths, so that the difference of two numbers is not one of their simulations.
    pub(crate) fn simulated(
        horizon: usize,
        seed: u64,
        growths: impl FnOnce() -> Vec<Vec<f64>>,
    ) -> Option<Courses> {
        if horizon == 1 {
            return Some(Courses::Sessions);
        }
        let growths = growths();
        let sessions = growths.first()?.len();
        let rounds = PATHS_MIN.div_ceil(sessions.max(1));
        let paths = Arc::new(Paths::balanced(sessions, horizon, rounds, seed)?);
        Some(Courses::Paths { paths, growths })
    }

    /// P&L of the scenarios by draw, from those of the sessions.
    pub(crate) fn profits<'a>(&self, sessions: &'a [Vec<f64>]) -> Cow<'a, [Vec<f64>]> {
        match self {
            Courses::Sessions => Cow::Borrowed(sessions),
            Courses::Runs(length) => {
                let runs = |profits: &Vec<f64>| {
                    profits.windows(*length).map(|run| run.iter().sum()).collect()
                };
                Cow::Owned(sessions.iter().map(runs).collect())
            }
            Courses::Paths { paths, growths } => {
                let draws = sessions.iter().zip(growths);
                Cow::Owned(
                    draws.map(|(profits, growths)| paths.profits(profits, growths)).collect(),
                )
            }
        }
    }

    /// Number of scenarios over several sessions, per draw. `None` for single sessions.
    pub(crate) fn count(&self, sessions: usize) -> Option<usize> {
        match self {
            Courses::Sessions => None,
            Courses::Runs(length) => Some((sessions + 1).saturating_sub(*length)),
            Courses::Paths { paths, .. } => Some(paths.count()),
        }
    }

    /// What the scenarios have in common.
    pub(crate) fn dependence(&self) -> Dependence {
        match self {
            Courses::Sessions => Dependence::Periods,
            Courses::Runs(length) => Dependence::Runs(*length),
            Courses::Paths { paths, .. } => Dependence::Paths(Arc::clone(paths)),
        }
    }

    /// The divisor of the squared deviations of scenarios. Runs share sessions, so their mean takes more
    /// than one degree of freedom: with T sessions and runs of h, (T − h + 1)·(T − h)/T, which is T − 1
    /// for h = 1 (Lo and MacKinlay 1988).
    pub(crate) fn freedom(&self, scenarios: usize) -> Option<f64> {
        let free = scenarios.checked_sub(1).filter(|free| 0 < *free)?;
        Some(match self {
            Courses::Runs(length) => {
                let sessions = (scenarios + length - 1) as f64;
                scenarios as f64 * (sessions - *length as f64) / sessions
            }
            Courses::Sessions | Courses::Paths { .. } => free as f64,
        })
    }

    /// The session that a scenario begins with, among those of the window.
    pub(crate) fn first(&self, scenario: &Scenario) -> usize {
        let place = scenario.period as usize;
        match self {
            Courses::Sessions | Courses::Runs(_) => place,
            Courses::Paths { paths, .. } => paths.period(place, 0),
        }
    }

    /// Shares of scenarios as shares of their sessions: Σ −share·P&L stays the same, and so do its parts.
    /// `sessions` is the P&L of the sessions by draw.
    pub(crate) fn by_session(&self, shares: Shares, sessions: &[Vec<f64>]) -> Shares {
        if matches!(self, Courses::Sessions) {
            return shares;
        }
        let mut sums: Vec<Vec<f64>> =
            sessions.iter().map(|profits| vec![0.0; profits.len()]).collect();
        for (scenario, share) in &shares {
            let draw = scenario.draw as usize;
            self.visit(scenario, |session, scale| sums[draw][session] += share * scale);
        }
        let mut folded = Vec::new();
        for (draw, sums) in sums.into_iter().enumerate() {
            let moving = sums.into_iter().enumerate().filter(|(_, share)| 0.0 < share.abs());
            folded.extend(moving.map(|(session, share)| {
                let profit = sessions[draw][session];
                let (period, draw) = (session as u32, draw as u32);
                (Scenario { profit, weight: 1.0 / sessions.len() as f64, period, draw }, share)
            }));
        }
        folded
    }

    /// Every session of a scenario, with what its P&L is multiplied by.
    fn visit(&self, scenario: &Scenario, mut see: impl FnMut(usize, f64)) {
        let place = scenario.period as usize;
        match self {
            Courses::Sessions => see(place, 1.0),
            Courses::Runs(length) => (place..place + length).for_each(|session| see(session, 1.0)),
            Courses::Paths { paths, growths } => {
                let course = paths.course(place, &growths[scenario.draw as usize]);
                course.for_each(|(session, scale)| see(session, scale));
            }
        }
    }
}
