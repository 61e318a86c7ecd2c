//! The joint distribution of a book and of what a scenario shocks.
//!
//! The common coordinates are the factors of the risk model, and the rests of the series that the
//! scenario shocks ([`crate::shocked_series`]). Specific returns are those of names, with funds looked
//! through as for hedges ([`risk::specific_sources`]). Where a series is shocked a fund has one of its
//! own instead: all of it may be its index's, which its members' histories under today's weights are not.
//! So has every line of a company there, whose others a series may hold or not.

use crate::{
    gaussian::{Form, Joint},
    like_this::{self, DaysLikeThis},
    shock::{Fault, Hypothetical, SIZE_MAX, Shock, Target},
    shocked_series::ShockedSeries,
};
use factors::{funds::Funds, size::SizeBucket};
use marketdata::instrument::InstrumentId;
use portfolio::book::Book;
use risk::{
    factor_view::{FactorView, ModelledName, Rung},
    projection::observations_needed,
    series::{MoveUnit, Series},
    specific_sources::{Mover, SpecificSources, Specifics, fund_members},
};
use stats::matrix::SymmetricMatrix;
use std::collections::{BTreeMap, BTreeSet};

/// A book and the targets of a scenario in one distribution.
#[derive(Clone, Debug)]
pub(crate) struct Setting<'a> {
    model: &'a FactorView<'a>,
    /// The series whose rests are the coordinates after the factors.
    series: ShockedSeries,
    /// Names with a specific return, in the order of names.
    names: Vec<(InstrumentId, ModelledName)>,
    /// Place among them.
    places: BTreeMap<InstrumentId, usize>,
    /// By name, its loadings on the specific returns of the distribution.
    loadings: Vec<Vec<(usize, f64)>>,
    /// The distribution of any session.
    pub(crate) average: Joint,
}

impl<'a> Setting<'a> {
    /// A setting without a scenario: the coordinates are the factors.
    pub(crate) fn of_book(model: &'a FactorView<'a>, book: &Book) -> Setting<'a> {
        let held = book.holdings.iter().map(|holding| holding.instrument);
        let names = modelled(model, held.collect());
        let common = model.factors.covariance().clone();
        Setting::new(model, ShockedSeries::NONE, names, common)
    }

    /// The setting of a book and a scenario.
    pub(crate) fn of(
        model: &'a FactorView<'a>,
        book: &Book,
        scenario: &Hypothetical,
    ) -> Result<Setting<'a>, Vec<Fault>> {
        let held = book.holdings.iter().map(|holding| holding.instrument);
        let shocked: Vec<Members> =
            scenario.shocks.iter().map(|shock| members(model, &shock.target)).collect();
        let names = modelled(
            model,
            held.chain(shocked.iter().flatten().map(|(instrument, _)| *instrument)).collect(),
        );
        let mut faults = violations(model, scenario, &shocked);
        faults.extend(not_modelled(&names, &shocked));
        if !faults.is_empty() {
            return Err(faults);
        }
        let series: BTreeSet<Series> =
            scenario.shocks.iter().filter_map(|shock| series_of(&shock.target)).collect();
        let common = model.factors.covariance();
        if series.is_empty() {
            return Ok(Setting::new(model, ShockedSeries::NONE, names, common.clone()));
        }
        let series = ShockedSeries::of(model, series.into_iter().collect(), &names)
            .map_err(|sessions| short_series(model, scenario, sessions))?;
        let rests = series.covariance.as_ref();
        let common = rests.and_then(|rests| side_by_side(common, rests));
        let common = common.ok_or_else(|| Fault::determined(0..scenario.shocks.len()))?;
        Ok(Setting::new(model, series, names, common))
    }

    fn new(
        model: &'a FactorView<'a>,
        series: ShockedSeries,
        names: Vec<(InstrumentId, ModelledName)>,
        common: SymmetricMatrix,
    ) -> Setting<'a> {
        let places = names.iter().enumerate().map(|(at, (id, _))| (*id, at)).collect();
        let funds = match series.series.is_empty() {
            true => Funds::of(&model.risk.snapshot, model.risk.quotes()),
            false => Funds::NONE,
        };
        let mover = |(instrument, name): &(InstrumentId, ModelledName)| Mover {
            members: fund_members(model, &funds, *instrument),
            instrument: *instrument,
            name: Some(name.clone()),
        };
        let movers: Vec<Mover> = names.iter().map(mover).collect();
        let mut specifics = Specifics::of(model, &movers);
        if !series.series.is_empty() {
            specifics.classes.clear();
        }
        let mut sources = SpecificSources::none();
        let loadings = movers.iter().map(|mover| sources.load(mover, &specifics)).collect();
        let average = Joint { common, specific: sources.variances };
        Setting { model, series, names, places, loadings, average }
    }

    /// The distribution on days like this one. `None` without a trade, or with too few such days.
    pub(crate) fn like_this(&self, book: &Book) -> Option<(Joint, DaysLikeThis)> {
        let mut coordinates = self.model.returns.clone();
        coordinates.extend_from_slice(&self.series.rests);
        let days = like_this::days(self.model, &coordinates)?;
        let common = like_this::covariance(&self.average.common, &coordinates, &days)?;
        let held = book.holdings.iter();
        let values = held.filter_map(|holding| {
            let name = self.name(holding.instrument)?;
            Some((holding.instrument, holding.market_value, name.exposures.as_slice()))
        });
        let ratio = like_this::residual_ratio(self.model, values, &days);
        let specific = self.average.specific.iter().map(|d| ratio * ratio * d).collect();
        let days = days.described(self.model, ratio);
        Some((Joint { common, specific }, days))
    }

    /// Number of common coordinates.
    pub(crate) fn coordinates(&self) -> usize {
        self.average.common.dim()
    }

    /// The name of a common coordinate: of the factor, or of the series of the rest.
    pub(crate) fn coordinate_id(&self, at: usize) -> String {
        let factors = self.model.factors.factors();
        match factors.get(at) {
            Some(factor) => factor.clone(),
            None => self.series.series[at - factors.len()].id(self.model.trade.as_ref()),
        }
    }

    /// The move that an answer shows for a common coordinate: of the factor, or of the series.
    pub(crate) fn coordinate_form(&self, at: usize) -> Form {
        match at.checked_sub(self.model.returns.len()) {
            Some(place) => self.series.form(place, self.coordinates()),
            None => Form::coordinate(at, self.coordinates()),
        }
    }

    pub(crate) fn name(&self, instrument: InstrumentId) -> Option<&ModelledName> {
        self.places.get(&instrument).map(|at| &self.names[*at].1)
    }

    /// The specific return of a name, given those of the distribution. `None` if it has none.
    pub(crate) fn specific(&self, instrument: InstrumentId, of: &[f64]) -> Option<f64> {
        let loadings = &self.loadings[*self.places.get(&instrument)?];
        Some(loadings.iter().map(|(at, loading)| loading * of[*at]).sum())
    }

    /// Where a name's exposures come from.
    pub(crate) fn rung(&self, instrument: InstrumentId) -> Option<Rung> {
        self.name(instrument).map(|name| name.rung)
    }

    /// The return of a name. `None` if no rung of the ladder has it.
    pub(crate) fn name_form(&self, instrument: InstrumentId) -> Option<Form> {
        let place = *self.places.get(&instrument)?;
        let mut common = self.names[place].1.exposures.clone();
        common.resize(self.coordinates(), 0.0);
        Some(Form { common, specific: self.loadings[place].clone() })
    }

    /// The P&L of some positions, in the unit of their values; names without a form are left out.
    pub(crate) fn pnl_form(&self, positions: &[(InstrumentId, f64)]) -> Form {
        let forms: Vec<(f64, Form)> = positions
            .iter()
            .filter_map(|(id, value)| Some((*value, self.name_form(*id)?)))
            .collect();
        Form::sum(self.coordinates(), forms.iter().map(|(value, form)| (*value, form)))
    }

    /// The places of shocks that determine each other. The line that stands for a role is modelled
    /// as a name where it is held or shocked, and as a series for its role, with other rests; but it
    /// is one line, and so it is one form here.
    pub(crate) fn determined(&self, scenario: &Hypothetical, forms: &[Form]) -> BTreeSet<usize> {
        let as_line = |(shock, form): (&Shock, &Form)| {
            let line = series_of(&shock.target).and_then(|series| line_behind(self.model, series));
            line.and_then(|line| self.name_form(line)).unwrap_or_else(|| form.clone())
        };
        let of_lines: Vec<Form> = scenario.shocks.iter().zip(forms).map(as_line).collect();
        let mut found = self.average.determined(forms);
        found.extend(self.average.determined(&of_lines));
        found
    }

    /// The form of a target whose members all have one.
    pub(crate) fn target_form(&self, target: &Target) -> Option<Form> {
        let factors = self.model.factors.factors();
        match target {
            Target::Factor(name) => {
                let at = factors.iter().position(|factor| factor == name)?;
                Some(Form::coordinate(at, self.coordinates()))
            }
            Target::Series(series) => {
                let at = self.series.series.iter().position(|known| known == series)?;
                Some(self.coordinate_form(factors.len() + at))
            }
            Target::Sector(_) | Target::Bucket(_) | Target::Name(_) | Target::Basket(_) => {
                Some(self.pnl_form(&members(self.model, target)))
            }
        }
    }
}

/// The line whose return a series is, if it is one.
fn line_behind(model: &FactorView<'_>, series: Series) -> Option<InstrumentId> {
    match series {
        Series::Role(role) if series.unit() == MoveUnit::Return => {
            Some(model.roles.resolve_role(&model.risk.snapshot, role)?.instrument)
        }
        _ => None,
    }
}

/// The names that have exposures, in the order of names.
fn modelled(
    model: &FactorView<'_>,
    instruments: BTreeSet<InstrumentId>,
) -> Vec<(InstrumentId, ModelledName)> {
    let mut ordered: Vec<InstrumentId> = instruments.into_iter().collect();
    model.risk.snapshot.sort_by_name(&mut ordered);
    ordered.into_iter().filter_map(|id| Some((id, model.name(id)?))).collect()
}

fn series_of(target: &Target) -> Option<Series> {
    match target {
        Target::Series(series) => Some(*series),
        _ => None,
    }
}

/// [[A, 0], [0, B]].
fn side_by_side(a: &SymmetricMatrix, b: &SymmetricMatrix) -> Option<SymmetricMatrix> {
    let first = a.dim();
    SymmetricMatrix::from_lower(first + b.dim(), |row, column| match column.checked_sub(first) {
        Some(column) => b.get(row - first, column),
        None if row < first => a.get(row, column),
        None => 0.0,
    })
}

/// Names with weights that sum to one, in the order of names.
type Members = Vec<(InstrumentId, f64)>;

/// The names of a target; empty for targets without names.
fn members(model: &FactorView<'_>, target: &Target) -> Members {
    let companies = |keep: &dyn Fn(InstrumentId) -> bool| -> Vec<(InstrumentId, f64)> {
        let instruments = model.factors.instruments().iter().filter(|id| keep(**id));
        instruments.filter_map(|id| Some((*id, model.risk.size(*id)?.line.usd))).collect()
    };
    let mut weights = match target {
        Target::Factor(_) | Target::Series(_) => Vec::new(),
        Target::Sector(name) => {
            let sector = model.risk.sectors.iter().position(|sector| sector == name);
            companies(&|id| sector == Some(model.risk.anchored(id).sector as usize))
        }
        Target::Bucket(bucket) => companies(&|id| bucket_of(model, id) == Some(*bucket)),
        Target::Name(instrument) => vec![(*instrument, 1.0)],
        Target::Basket(basket) => {
            let mut ordered: Vec<InstrumentId> = basket.weights.iter().map(|(id, _)| *id).collect();
            model.risk.snapshot.sort_by_name(&mut ordered);
            ordered.dedup();
            let of = |id: &InstrumentId| {
                let same = basket.weights.iter().filter(|(other, _)| other == id);
                (*id, same.map(|(_, weight)| weight).sum())
            };
            ordered.iter().map(of).collect()
        }
    };
    let sum: f64 = weights.iter().map(|(_, weight)| weight).sum();
    if sum.abs() <= f64::MIN_POSITIVE || !sum.is_finite() {
        return Vec::new();
    }
    weights.iter_mut().for_each(|(_, weight)| *weight /= sum);
    weights
}

fn bucket_of(model: &FactorView<'_>, instrument: InstrumentId) -> Option<SizeBucket> {
    model.risk.size(instrument).map(|size| size.bucket)
}

/// Every fault of a scenario by itself.
fn violations(model: &FactorView<'_>, scenario: &Hypothetical, shocked: &[Members]) -> Vec<Fault> {
    let mut faults = Vec::new();
    if scenario.shocks.is_empty() {
        faults.push(Fault::NoShock);
    }
    if scenario.sessions == 0 {
        faults.push(Fault::NoSession);
    }
    for (shock, known) in scenario.shocks.iter().enumerate() {
        let is_return =
            series_of(&known.target).is_none_or(|series| series.unit() == MoveUnit::Return);
        let least = if is_return { -1.0 } else { -SIZE_MAX };
        if !(least..=SIZE_MAX).contains(&known.size) {
            faults.push(Fault::Size { shock });
        }
        match &known.target {
            Target::Factor(factor) if !model.factors.factors().contains(factor) => {
                faults.push(Fault::UnknownFactor { shock, factor: factor.clone() });
            }
            Target::Sector(_) | Target::Bucket(_) | Target::Basket(_)
                if shocked[shock].is_empty() =>
            {
                faults.push(Fault::NoMembers { shock });
            }
            Target::Series(series) if model.moves(*series).is_none() => {
                let needed = observations_needed(model.returns.len());
                let series = *series;
                faults.push(Fault::ShortSeries { shock, series, sessions: 0, needed });
            }
            _ => {}
        }
    }
    faults
}

/// A fault per shock with names without exposures.
fn not_modelled(names: &[(InstrumentId, ModelledName)], shocked: &[Members]) -> Vec<Fault> {
    let known: BTreeSet<InstrumentId> = names.iter().map(|(id, _)| *id).collect();
    let missing = |members: &Members| -> Vec<InstrumentId> {
        members.iter().map(|(id, _)| *id).filter(|id| !known.contains(id)).collect()
    };
    let all = shocked.iter().enumerate().map(|(shock, members)| (shock, missing(members)));
    let faults = all.filter(|(_, missing)| !missing.is_empty());
    faults.map(|(shock, instruments)| Fault::NotModelled { shock, instruments }).collect()
}

/// A fault per shock of a series: together they have too few sessions.
fn short_series(model: &FactorView<'_>, scenario: &Hypothetical, sessions: usize) -> Vec<Fault> {
    let needed = observations_needed(model.returns.len());
    let shocks = scenario.shocks.iter().enumerate();
    let of_series = shocks.filter_map(|(at, shock)| Some((at, series_of(&shock.target)?)));
    of_series
        .map(|(shock, series)| Fault::ShortSeries { shock, series, sessions, needed })
        .collect()
}
