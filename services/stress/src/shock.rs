//! Hypothetical scenarios as data: what moves by how much, over how many sessions.

use factors::size::SizeBucket;
use marketdata::instrument::InstrumentId;
use risk::series::Series;

/// A hypothetical scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothetical {
    /// Its id.
    pub scenario_id: String,
    /// Sessions over which it happens, at least 1. It widens the interval by the root and changes no
    /// expected value.
    pub sessions: u32,
    /// What is known of it, at least one.
    pub shocks: Vec<Shock>,
}

/// The largest size of a shock, in its unit: larger ones are no scenario, and sums of them no number.
pub const SIZE_MAX: f64 = 1e6;

/// A known move.
#[derive(Clone, Debug, PartialEq)]
pub struct Shock {
    /// What moves.
    pub target: Target,
    /// By how much over the whole scenario: a return as a decimal, at least −1, or for series in the
    /// unit of the series; at most [`SIZE_MAX`] either way.
    pub size: f64,
}

/// What a shock moves.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// The return of a factor of the risk model, by its name.
    Factor(String),
    /// A series.
    Series(Series),
    /// The return of a sector of the view's scheme: its companies weighted by market value.
    Sector(String),
    /// The return of a size bucket: its companies weighted by market value.
    Bucket(SizeBucket),
    /// The return of a name.
    Name(InstrumentId),
    /// The return of a basket.
    Basket(Basket),
}

/// Names with weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Basket {
    /// Its name for people.
    pub name: String,
    /// The weights, which need not sum to one: they are divided by their sum.
    pub weights: Vec<(InstrumentId, f64)>,
}

/// Why a scenario cannot be computed.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// It has no shock.
    NoShock,
    /// It takes no session.
    NoSession,
    /// The size of a shock is no number, a return below −1, or larger than [`SIZE_MAX`].
    Size {
        /// Its place.
        shock: usize,
    },
    /// The risk model has no factor of this name.
    UnknownFactor {
        /// Its place.
        shock: usize,
        /// The name.
        factor: String,
    },
    /// No modelled company belongs to the sector or the bucket, or to no basket with weights.
    NoMembers {
        /// Its place.
        shock: usize,
    },
    /// A name, or a name of a basket, has no exposures by any rung of the ladder.
    NotModelled {
        /// Its place.
        shock: usize,
        /// The names, in the order of names.
        instruments: Vec<InstrumentId>,
    },
    /// A series has too few sessions in common with the factors; none if it is missing.
    ShortSeries {
        /// Its place.
        shock: usize,
        /// The series.
        series: Series,
        /// The sessions in common.
        sessions: usize,
        /// The sessions needed.
        needed: usize,
    },
    /// A shock and others determine each other, or nothing moves it. One fault per shock concerned.
    Determined {
        /// Its place.
        shock: usize,
    },
}

impl Fault {
    /// Shocks that determine each other.
    pub(crate) fn determined(shocks: impl IntoIterator<Item = usize>) -> Vec<Fault> {
        shocks.into_iter().map(|shock| Fault::Determined { shock }).collect()
    }

    /// The path of the field in the scenario.
    pub fn field(&self) -> String {
        match self {
            Fault::NoShock => "shocks".to_owned(),
            Fault::Determined { shock } => format!("shocks[{shock}]"),
            Fault::NoSession => "sessions".to_owned(),
            Fault::Size { shock } => format!("shocks[{shock}].size"),
            Fault::UnknownFactor { shock, .. }
            | Fault::NoMembers { shock }
            | Fault::NotModelled { shock, .. }
            | Fault::ShortSeries { shock, .. } => format!("shocks[{shock}].target"),
        }
    }
}
