//! The market: its names, days, factors and true parameters, generated from three parameters.

use crate::{
    factors::{self, Factors},
    index::{self, Indices},
    path::{self, Bars},
    rotation_day, squeeze,
    universe::{self, Shape, SimulatedName, Tier},
};
use marketdata::{calendar, day::Day};

/// The last session: fourteen after the rotation day, so that its aftermath is visible.
pub const LAST_ON: &str = "2024-07-31";

/// Parameters that determine a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Number of listed instruments, at least 100; indices and funds are additional.
    pub names: usize,
    /// Number of sessions, at least 300; the last is [`LAST_ON`].
    pub days: usize,
    /// Seed of all random draws.
    pub seed: u64,
}

impl Parameters {
    /// The market of the demo: 500 names over three years.
    pub const DEMO: Parameters = Parameters { names: 500, days: 756, seed: 20_240_711 };
    /// The market of the benches: 3,000 names over ten years.
    pub const BENCH: Parameters = Parameters { names: 3_000, days: 2_520, seed: 20_240_711 };
}

/// A simulated market with its true parameters.
#[derive(Debug)]
pub struct Market {
    /// Parameters that it was generated from.
    pub parameters: Parameters,
    /// The sessions, oldest first.
    pub days: Vec<Day>,
    /// Index of the rotation day in `days`.
    pub rotation: usize,
    /// Number of names in each part.
    pub shape: Shape,
    /// Every listed instrument: megacaps, large, mid, small (the squeezed ones first).
    pub names: Vec<SimulatedName>,
    /// The true factor returns.
    pub factors: Factors,
    /// First session of each name's squeeze, if it has one.
    pub squeezes: Vec<Option<usize>>,
    /// The indices, computed from the names.
    pub indices: Indices,
    /// Total return of each name on the rotation day.
    pub(crate) rotation_returns: Vec<f64>,
}

impl Market {
    /// Generates a market. Names and days below their minimum are raised to it.
    pub fn new(parameters: Parameters) -> Market {
        let parameters = Parameters {
            names: parameters.names.max(100),
            days: parameters.days.max(300),
            seed: parameters.seed,
        };
        let days = sessions(parameters.days);
        let on = Day::parse_iso(rotation_day::ROTATION_ON).unwrap_or(Day::MAX);
        let rotation = days.partition_point(|day| *day < on);
        let shape = Shape::of(parameters.names);
        let seed = parameters.seed;
        let names = universe::names(seed, shape, days.len(), rotation);
        let factors = factors::draw(seed, days.len(), rotation);
        let rotation_returns = rotation_day::returns(seed, &names, rotation);
        let squeezes = squeezes(&names, shape, rotation);
        let mut market = Market {
            parameters,
            days,
            rotation,
            shape,
            names,
            factors,
            squeezes,
            indices: Indices::empty(),
            rotation_returns,
        };
        market.indices = index::build(&market);
        market
    }

    /// Day of the rotation.
    pub fn rotation_on(&self) -> Day {
        self.days[self.rotation]
    }

    /// Bars of a name; every call returns the same.
    pub fn bars(&self, name: usize) -> Bars {
        path::bars(self, name)
    }

    /// Index of a ticker in `names`.
    pub fn find(&self, symbol: &str) -> Option<usize> {
        self.names.iter().position(|name| name.symbol == symbol)
    }

    /// Indices of the names in a tier.
    pub fn tier(&self, tier: Tier) -> impl Iterator<Item = usize> + '_ {
        (0..self.names.len()).filter(move |at| self.names[*at].tier == tier)
    }

    /// Indices of the heavily shorted names, the most shorted first.
    pub fn squeezed(&self) -> std::ops::Range<usize> {
        let first = self.names.len() - self.shape.small;
        first..first + self.shape.squeezed
    }
}

fn sessions(count: usize) -> Vec<Day> {
    let mut days = Vec::with_capacity(count);
    let mut day = Day::parse_iso(LAST_ON).unwrap_or(Day::MAX);
    while days.len() < count {
        if calendar::is_session(day) {
            days.push(day);
        }
        day = day.plus(-1);
    }
    days.reverse();
    days
}

fn squeezes(names: &[SimulatedName], shape: Shape, rotation: usize) -> Vec<Option<usize>> {
    let first = names.len() - shape.small;
    (0..names.len())
        .map(|name| {
            let at = name.checked_sub(first).filter(|at| *at < shape.squeezed)?;
            squeeze::starts(at, shape.squeezed, rotation)
        })
        .collect()
}
