//! The crowds of a view: what managers hold, joined to short interest and volumes as squeeze measures
//! them. Neither exposure nor squeeze knows the other.

use exposure::crowds::{CrowdName, CrowdSources, Crowds, Known};
use factors::{
    kind::Kinds,
    manager_holdings::ManagerHoldings,
    most_shorted::{MIN_CAP_USD, MIN_TRADED_USD},
    roles::Roles,
};
use marketdata::{
    basis::Units,
    dataset::Dataset,
    gap::{Gap, GapReason, Subject},
    instrument::InstrumentId,
    snapshot::Snapshot,
};
use rayon::prelude::*;
use squeeze::{measure::Component, name::SqueezeName, universe::Universe};
use std::borrow::Cow;

/// The crowds of a snapshot, on the threads of the caller's pool. `universe` is what squeeze measured
/// of the same view.
pub fn crowds(snapshot: &Snapshot, roles: &Roles, universe: &Universe) -> Crowds {
    let held = ManagerHoldings::of(snapshot);
    let kinds = Kinds::of(snapshot, roles);
    let mut names: Vec<InstrumentId> = snapshot.holders(Dataset::Bars).collect();
    names.extend(held.names().map(|(instrument, _)| instrument));
    names.sort_unstable();
    names.dedup();
    snapshot.sort_by_name(&mut names);
    let name = |instrument: &InstrumentId| {
        let measured = match universe.place(*instrument) {
            Some(place) => Cow::Borrowed(&universe.names()[place]),
            None => Cow::Owned(universe.outside(*instrument)),
        };
        let is_fund = kinds.is_fund(snapshot, *instrument);
        let held = held.get(*instrument);
        CrowdName {
            held,
            is_eligible: !is_fund && is_tradable(&measured),
            ..known(snapshot, &measured)
        }
    };
    let names = names.par_iter().map(name).collect();
    Crowds::of(names, sources(&held, universe))
}

/// Whether a desk can trade it, as in the most-shorted basket.
fn is_tradable(name: &SqueezeName) -> bool {
    name.market_cap.is_ok_and(|cap| MIN_CAP_USD <= cap.usd)
        && name.average_value_usd().is_ok_and(|traded| MIN_TRADED_USD <= traded)
}

/// What squeeze knows of a name, in the units of the view's day.
fn known(snapshot: &Snapshot, name: &SqueezeName) -> CrowdName {
    let units = Units::of(snapshot, name.instrument);
    let change = units.change(name.units_on, snapshot.today()).ok_or(GapReason::BasisUnknown);
    let in_units = |shares: Known| Ok(shares? * change?.shares);
    let short = name.short.as_ref().map_err(|reason| *reason);
    CrowdName {
        instrument: name.instrument,
        held: None,
        public_float: in_units(name.counts.float_on_basis),
        shares_short: in_units(short.map(|short| short.shares_short.value)),
        normal_volume: in_units(name.normal_volume()),
        short_measures: [
            name.short_of_float(),
            name.short_of_shares_outstanding(),
            name.measure(Component::DaysToCover),
            name.days_to_cover_at_recent_volume(),
            name.days_to_cover_at_source_volume(),
        ],
        is_eligible: false,
    }
}

fn sources(held: &ManagerHoldings, universe: &Universe) -> CrowdSources {
    let of_shorts = Subject::Dataset(Dataset::ShortInterest);
    let mut gaps: Vec<Gap> =
        universe.gaps().into_iter().filter(|gap| gap.subject == of_shorts).collect();
    if held.managers == 0 {
        let detail = "no current holdings of managers are known: the crowds of longs have no names";
        gaps.push(Gap::new(
            GapReason::InputMissing,
            Subject::Dataset(Dataset::ManagerHoldings),
            detail,
        ));
    }
    CrowdSources {
        managers: held.managers,
        periods: held.periods,
        filed_at: held.published_at,
        settlement_on: universe.summary().newest_settlement.map(|newest| newest.effective_on),
        gaps,
    }
}
