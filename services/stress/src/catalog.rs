//! The list of scenarios: what each needs, and whether the view has it.

use crate::{
    library::{LIBRARY, NamedWindow},
    past::Past,
    ready::{GivenInputs, Missing, ready},
};
use factors::roles::{Role, Roles};
use marketdata::{dataset::Dataset, day::Day, snapshot::Snapshot};
use risk::{factor_view::FactorView, model::RiskModel};

/// A scenario that can be asked for by its id.
#[derive(Clone, Debug, PartialEq)]
pub struct CatalogEntry {
    /// Its id.
    pub scenario_id: String,
    /// Its name for people.
    pub name: String,
    /// How it is computed.
    pub kind: ScenarioKind,
    /// Where it comes from, or what it assumes.
    pub source: String,
    /// What it needs.
    pub needs: Vec<Need>,
}

/// How a scenario is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScenarioKind {
    /// Past returns between two days, both included.
    Replay {
        /// First session.
        start_on: Day,
        /// Last session.
        end_on: Day,
    },
    /// Known moves carried to the rest.
    Hypothetical,
}

/// Something that a scenario needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Need {
    /// The data.
    pub what: Needed,
    /// Whether the view has it.
    pub is_there: bool,
}

/// What a scenario may need.
#[derive(Clone, Debug, PartialEq)]
pub enum Needed {
    /// Returns of a role's instrument over the window. Without those of the large-cap index there is
    /// no replay; without those of the small-cap index, SIZE counts as zero.
    Role(Role),
    /// Names with a price before and at the end of the window, and all names with prices: the others
    /// get stand-ins.
    Names {
        /// Names with prices over the whole window.
        with_prices: usize,
        /// Names with any price.
        of: usize,
    },
    /// An input of a ready scenario.
    Input(Missing),
}

impl CatalogEntry {
    /// Whether the scenario can be computed; what it does without is in its answer's coverage.
    pub fn is_available(&self) -> bool {
        let is_vital = |need: &&Need| match need.what {
            Needed::Role(role) => role == Role::LargeCapIndex,
            Needed::Names { .. } => false,
            Needed::Input(_) => true,
        };
        self.needs.iter().filter(is_vital).all(|need| need.is_there)
    }
}

/// Every named window, whether or not the view has a risk model of factors.
pub fn windows(model: &RiskModel, roles: &Roles) -> Vec<CatalogEntry> {
    LIBRARY.iter().map(|window| of_window(model, roles, window)).collect()
}

/// Every ready scenario.
pub fn hypotheticals(model: &FactorView<'_>, given: GivenInputs) -> Vec<CatalogEntry> {
    let entry = |scenario: crate::ready::Ready| CatalogEntry {
        scenario_id: scenario.scenario_id.to_owned(),
        name: scenario.name.to_owned(),
        kind: ScenarioKind::Hypothetical,
        source: scenario.description.to_owned(),
        needs: match scenario.scenario {
            Ok(_) => Vec::new(),
            Err(missing) => missing
                .into_iter()
                .map(|missing| Need { what: Needed::Input(missing), is_there: false })
                .collect(),
        },
    };
    ready(model, given).into_iter().map(entry).collect()
}

fn of_window(model: &RiskModel, roles: &Roles, window: &NamedWindow) -> CatalogEntry {
    let (start_on, end_on) = window.days();
    let past = Past::of(model, roles, (start_on, end_on));
    let has = |of: &dyn Fn(&Past<'_>) -> bool| past.as_ref().is_some_and(of);
    let is_whole = |values: &[f64]| values.iter().all(|value| value.is_finite());
    let role = |role, is_there| Need { what: Needed::Role(role), is_there };
    CatalogEntry {
        scenario_id: window.scenario_id.to_owned(),
        name: window.name.to_owned(),
        kind: ScenarioKind::Replay { start_on, end_on },
        source: window.source.to_owned(),
        needs: vec![
            role(Role::LargeCapIndex, has(&|past| is_whole(&past.market))),
            role(Role::SmallCapIndex, has(&|past| is_whole(&past.size))),
            names(&model.snapshot, (start_on, end_on)),
        ],
    }
}

fn names(snapshot: &Snapshot, (start, end): (Day, Day)) -> Need {
    let (mut with_prices, mut of) = (0, 0);
    for instrument in snapshot.holders(Dataset::Bars) {
        of += 1;
        let span = snapshot.span(Dataset::Bars, instrument);
        with_prices += usize::from(span.is_some_and(|(first, last)| first < start && end <= last));
    }
    Need { what: Needed::Names { with_prices, of }, is_there: 0 < with_prices }
}
