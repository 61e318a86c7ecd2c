//! Scenarios of requests on a view: their lines, sectors and factors found, or violations by path.

use super::{Event, Known, Squeeze, Target, series_id};
use crate::rpc::{field::Fields, portfolio, scenario::move_size};
use ::portfolio::{lines::Violation, lookup::Lookup, unresolved::Cause};
use contract::v1::{self, scenario_shock::Target as WireTarget};
use factors::{size::SizeBucket, size_scheme::SizeScheme};
use marketdata::{
    day::Day,
    gap::{Gap, GapReason, Subject},
    instrument::InstrumentId,
    snapshot::Snapshot,
};
use risk::{factor_view::FactorView, series::MoveUnit};
use stress::{
    library::{LIBRARY, NamedWindow},
    ready::{self, GivenInputs, Missing, ready},
    shock::{Basket, Fault, Hypothetical, Shock, Target as DomainTarget},
};

/// A scenario on a view.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its name for people; empty if it is not listed.
    pub name: &'static str,
    /// Where it comes from; empty if it is not listed.
    pub source: &'static str,
    /// What happens, or what the view lacks for it.
    pub happens: Result<Happens, Vec<Gap>>,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Happens {
    /// Past sessions.
    Replay(Day, Day),
    /// Known moves.
    Hypothetical(Hypothetical),
}

/// The ids of all listed scenarios.
pub fn listed_ids() -> impl Iterator<Item = &'static str> {
    LIBRARY.iter().map(|window| window.scenario_id).chain(ready::IDS)
}

/// Finds what an event names. `view` is why there is no factor model, if there is none.
///
/// # Errors
/// Every violation; paths begin with `path`.
pub fn found(
    event: &Event,
    path: &str,
    lookup: &Lookup,
    view: &Result<FactorView<'_>, Gap>,
) -> Result<Found, Vec<Violation>> {
    let own = |happens| Found { name: "", source: "", happens };
    let lacking = |gap: &Gap| Err(vec![gap.clone()]);
    match event {
        Event::Replay(start_on, end_on) => Ok(own(Ok(Happens::Replay(*start_on, *end_on)))),
        Event::Hypothetical { shocks, sessions } => {
            let view = match view {
                Ok(view) => view,
                Err(gap) => return Ok(own(lacking(gap))),
            };
            let shocks = resolved(shocks, &format!("{path}.hypothetical.shocks"), lookup, view)?;
            let scenario_id = String::new();
            let known = Hypothetical { scenario_id, sessions: *sessions, shocks };
            Ok(own(Ok(Happens::Hypothetical(known))))
        }
        Event::Listed { scenario_id, cut_probability } => {
            if let Some(window) = NamedWindow::find(scenario_id) {
                let (start_on, end_on) = window.days();
                let happens = Ok(Happens::Replay(start_on, end_on));
                return Ok(Found { name: window.name, source: window.source, happens });
            }
            let view = match view {
                Ok(view) => view,
                Err(gap) => return Ok(own(lacking(gap))),
            };
            let made = ready(view, GivenInputs { cut_probability: *cut_probability });
            let one = made.into_iter().find(|one| one.scenario_id == scenario_id);
            Ok(one.map_or_else(
                || own(Err(Vec::new())),
                |one| Found {
                    name: one.name,
                    source: one.description,
                    happens: one.scenario.map(Happens::Hypothetical).map_err(lacks),
                },
            ))
        }
    }
}

/// What a listed scenario lacks.
fn lacks(missing: Vec<Missing>) -> Vec<Gap> {
    let gap = |missing: Missing| match missing {
        Missing::Series(series) => Gap::new(
            GapReason::InputMissing,
            Subject::Series(series_id(series)),
            "the series has no moves in the history of the factors",
        ),
        Missing::MarketValue(name) => Gap::new(
            GapReason::NoSharesOutstanding,
            Subject::Symbol(name),
            "the megacap has no market value",
        ),
        Missing::CutProbability => Gap::new(
            GapReason::InputMissing,
            Subject::Series("cut_probability".to_owned()),
            "the request must say how probable the market thinks a cut is",
        ),
    };
    missing.into_iter().map(gap).collect()
}

fn resolved(
    shocks: &[Known],
    path: &str,
    lookup: &Lookup,
    view: &FactorView<'_>,
) -> Result<Vec<Shock>, Vec<Violation>> {
    let mut fields = Fields::new();
    let mut found = Vec::with_capacity(shocks.len());
    for (at, Known { target, size }) in shocks.iter().enumerate() {
        let target = resolved_target(&mut fields, &format!("{path}[{at}]"), target, (lookup, view));
        found.extend(target.map(|target| Shock { target, size: *size }));
    }
    if fields.any() { Err(fields.into_violations()) } else { Ok(found) }
}

fn resolved_target(
    fields: &mut Fields,
    path: &str,
    target: &Target,
    (lookup, view): (&Lookup, &FactorView<'_>),
) -> Option<DomainTarget> {
    let must_be =
        |known: &[String], is: &String| format!("must be one of {}, is {is:?}", known.join(", "));
    match target {
        Target::Factor(id) => {
            let known = view.factors.factors();
            if !known.contains(id) {
                fields.add(format!("{path}.factor_id"), must_be(known, id));
                return None;
            }
            Some(DomainTarget::Factor(id.clone()))
        }
        Target::Series(series) => Some(DomainTarget::Series(*series)),
        Target::Sector(name) => {
            let known = &view.risk.sectors;
            if !known.contains(name) {
                fields.add(format!("{path}.sector"), must_be(known, name));
                return None;
            }
            Some(DomainTarget::Sector(name.clone()))
        }
        Target::Bucket(bucket) => Some(DomainTarget::Bucket(*bucket)),
        Target::Line(named) => {
            line(fields, &format!("{path}.instrument"), named, lookup).map(DomainTarget::Name)
        }
        Target::Basket(name, lines) => {
            let mut weights = Vec::with_capacity(lines.len());
            for (at, (named, weight)) in lines.iter().enumerate() {
                let path = format!("{path}.basket.lines[{at}].instrument");
                let id = line(fields, &path, named, lookup);
                weights.extend(id.map(|id| (id, *weight)));
            }
            let name = name.clone();
            (weights.len() == lines.len()).then_some(DomainTarget::Basket(Basket { name, weights }))
        }
    }
}

/// The instrument of a line; a violation at its path if there is none, or not exactly one.
pub fn line(
    fields: &mut Fields,
    path: &str,
    named: &v1::InstrumentRef,
    lookup: &Lookup,
) -> Option<InstrumentId> {
    let reference = portfolio::instrument(Some(named));
    match lookup.resolve(&reference) {
        Ok(found) => Some(found.instrument),
        Err(Cause::UnknownInstrument(given)) => {
            fields.add(path, format!("must name a known line: nothing has the {given}"));
            None
        }
        Err(cause) => {
            fields.add(path, format!("must name one line: {}", cause.why(reference.name())));
            None
        }
    }
}

/// The shorts that a squeeze names, with their jumps if given.
///
/// # Errors
/// Every violation; paths begin with `path`.
pub fn chosen(
    squeeze: &Squeeze,
    path: &str,
    lookup: &Lookup,
) -> Result<Vec<(InstrumentId, Option<f64>)>, Vec<Violation>> {
    let Squeeze::Chosen(lines) = squeeze else { return Ok(Vec::new()) };
    let mut fields = Fields::new();
    let mut found: Vec<(InstrumentId, Option<f64>)> = Vec::with_capacity(lines.len());
    for (at, (named, jump)) in lines.iter().enumerate() {
        let path = format!("{path}.squeeze.chosen.lines[{at}].instrument");
        let Some(id) = line(&mut fields, &path, named, lookup) else { continue };
        if found.iter().any(|(other, _)| *other == id) {
            fields.add(path, "appears twice");
        }
        found.push((id, *jump));
    }
    if fields.any() { Err(fields.into_violations()) } else { Ok(found) }
}

/// The faults of known moves on a view: violations of a caller's scenario, gaps where data lack.
pub fn faults(
    faults: Vec<Fault>,
    (path, is_own): (&str, bool),
    snapshot: &Snapshot,
) -> Result<Vec<Gap>, Vec<Violation>> {
    let (mut fields, mut gaps) = (Fields::new(), Vec::new());
    for fault in faults {
        match fault {
            Fault::ShortSeries { series, sessions, needed, .. } => gaps.push(Gap::new(
                GapReason::ShortHistory,
                Subject::Series(series_id(series)),
                format!("{sessions} sessions in common with the factors, {needed} are needed"),
            )),
            Fault::NotModelled { instruments, .. } => {
                gaps.extend(instruments.into_iter().map(|id| {
                    let subject = Subject::symbol(snapshot.symbol(id));
                    Gap::new(GapReason::ShortHistory, subject, "the name has no exposures")
                }));
            }
            Fault::NoMembers { shock } => {
                let detail = format!("no modelled company belongs to the target of shock {shock}");
                let bars = Subject::Dataset(marketdata::dataset::Dataset::ShareCounts);
                gaps.push(Gap::new(GapReason::NoSharesOutstanding, bars, detail));
            }
            other if is_own => {
                let field = format!("{path}.hypothetical.{}", other.field());
                fields.add(field, "must not determine each other");
            }
            _ => gaps.push(Gap::new(
                GapReason::Degenerate,
                Subject::Dataset(marketdata::dataset::Dataset::Bars),
                "the shocks of the scenario determine each other on this view",
            )),
        }
    }
    if fields.any() { Err(fields.into_violations()) } else { Ok(gaps) }
}

/// Known moves on the wire.
pub fn hypothetical(made: &Hypothetical, snapshot: &Snapshot) -> v1::HypotheticalScenario {
    let named = |id: InstrumentId| v1::InstrumentRef {
        symbol: snapshot.symbol(id).to_owned(),
        ..v1::InstrumentRef::default()
    };
    let target = |target: &DomainTarget| match target {
        DomainTarget::Factor(id) => WireTarget::FactorId(id.clone()),
        DomainTarget::Series(series) => WireTarget::SeriesId(series_id(*series)),
        DomainTarget::Sector(name) => WireTarget::Sector(name.clone()),
        DomainTarget::Bucket(bucket) => WireTarget::BucketId(bucket_id(*bucket)),
        DomainTarget::Name(id) => WireTarget::Instrument(named(*id)),
        DomainTarget::Basket(basket) => WireTarget::Basket(v1::ScenarioBasket {
            name: basket.name.clone(),
            lines: basket
                .weights
                .iter()
                .map(|(id, weight)| v1::ScenarioBasketLine {
                    instrument: Some(named(*id)),
                    weight: Some(*weight),
                })
                .collect(),
        }),
    };
    let unit = |target: &DomainTarget| match target {
        DomainTarget::Series(series) => series.unit(),
        _ => MoveUnit::Return,
    };
    let shock = |shock: &Shock| v1::ScenarioShock {
        target: Some(target(&shock.target)),
        size: Some(move_size(unit(&shock.target), shock.size)),
    };
    v1::HypotheticalScenario {
        shocks: made.shocks.iter().map(shock).collect(),
        sessions: Some(made.sessions as i32),
    }
}

fn bucket_id(bucket: SizeBucket) -> String {
    let mut bands = SizeScheme::standard().bands.iter().zip(SizeBucket::ALL);
    let found = bands.find(|(_, other)| *other == bucket);
    found.map(|(band, _)| band.bucket_id.clone()).unwrap_or_default()
}
