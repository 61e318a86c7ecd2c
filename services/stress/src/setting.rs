//! The joint distribution of a book and of what a scenario shocks.
//!
//! The common coordinates are the factors of the risk model. Everything else is a form of them and of
//! independent sources of specific returns, whatever is asked: a company and a fund as for hedges
//! ([`risk::specific_sources`]), funds by their members and a rest; a series that is a line, or made
//! of lines, as these lines, so that the shock of a role and of its line are one; any other series by
//! what factors explain of it, and a rest. Rests of funds and series move together ([`crate::rests`]).

use crate::{
    gaussian::{Form, Joint},
    rests::{self, ProjectedSeries, Rest},
    shock::{Fault, Hypothetical, SIZE_MAX, Target},
};
use factors::{funds::Funds, size::SizeBucket};
use marketdata::instrument::InstrumentId;
use portfolio::book::Book;
use risk::{
    factor_view::{FactorView, ModelledName, Rung},
    like_this::{self, DaysLikeThis},
    projection::observations_needed,
    series::{MoveUnit, Series},
    specific_sources::{Mover, Source, SpecificSources, Specifics},
};
use std::collections::{BTreeMap, BTreeSet};

/// A book and the targets of a scenario in one distribution.
#[derive(Clone, Debug)]
pub(crate) struct Setting<'a> {
    model: &'a FactorView<'a>,
    /// The series that are shocked, in order, with their forms.
    series: Vec<(Series, Form)>,
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
        Setting::new(model, modelled(model, held.collect()), &[])
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
        faults.extend(not_modelled(model, &names, &shocked));
        if !faults.is_empty() {
            return Err(faults);
        }
        let shocked: BTreeSet<Series> =
            scenario.shocks.iter().filter_map(|shock| series_of(&shock.target)).collect();
        let projected = projected(model, scenario, &shocked)?;
        let mut setting = Setting::new(model, names, &projected);
        let as_line = |series: Series| Some((series, setting.name_form(line_of(model, series)?)?));
        let of_lines: Vec<(Series, Form)> = shocked.into_iter().filter_map(as_line).collect();
        setting.series.extend(of_lines);
        setting.series.sort_by_key(|(series, _)| *series);
        Ok(setting)
    }

    fn new(
        model: &'a FactorView<'a>,
        names: Vec<(InstrumentId, ModelledName)>,
        projected: &[ProjectedSeries],
    ) -> Setting<'a> {
        let places = names.iter().enumerate().map(|(at, (id, _))| (*id, at)).collect();
        let funds = Funds::of(&model.risk.snapshot, model.risk.quotes());
        let mover =
            |(instrument, _): &(InstrumentId, ModelledName)| Mover::of(model, &funds, *instrument);
        let movers: Vec<Mover> = names.iter().map(mover).collect();
        let specifics = Specifics::of(model, &movers);
        let mut sources = SpecificSources::none();
        let loadings = movers.iter().map(|mover| sources.load(mover, &specifics)).collect();
        let specific = std::mem::take(&mut sources.variances);
        let common = model.factors.covariance().clone();
        let average = Joint { common, specific };
        let mut setting = Setting { model, series: Vec::new(), names, places, loadings, average };
        setting.join_rests(&sources.sources, projected);
        setting
    }

    /// Makes rests of funds and series loadings on sources that they share.
    fn join_rests(&mut self, sources: &[Source], projected: &[ProjectedSeries]) {
        let at_source = |instrument: InstrumentId| {
            sources.iter().position(|source| *source == Source::Name(instrument))
        };
        let variances = &self.average.specific;
        let of_fund = |(instrument, name): &(InstrumentId, ModelledName)| {
            let is_fund = self.model.risk.anchored(*instrument).is_fund;
            let source = at_source(*instrument).filter(|_| is_fund)?;
            let returns = self.model.specific_returns(*instrument, name)?;
            Some((source, Rest { variance: variances[source], returns }))
        };
        let of_funds: Vec<(usize, Rest)> = self.names.iter().filter_map(of_fund).collect();
        let (made_of_lines, others): (Vec<&ProjectedSeries>, Vec<&ProjectedSeries>) =
            projected.iter().partition(|one| !one.lines.is_empty());
        let of_series = others.iter().map(|one| &one.rest);
        let every: Vec<&Rest> = of_funds.iter().map(|(_, rest)| rest).chain(of_series).collect();
        let rows = rests::loadings(&every, &self.model.weights);
        // The source of a fund's rest becomes one of variance one that others share.
        let known = self.average.specific.len();
        let new = known..known + others.len();
        let places: Vec<usize> = of_funds.iter().map(|(source, _)| *source).chain(new).collect();
        self.average.specific.resize(known + others.len(), 0.0);
        places.iter().for_each(|place| self.average.specific[*place] = 1.0);
        let shared = |row: &[f64]| -> Vec<(usize, f64)> {
            let mut loadings: Vec<(usize, f64)> =
                places.iter().copied().zip(row.iter().copied()).collect();
            loadings.sort_unstable_by_key(|(place, _)| *place);
            loadings
        };
        let by_source: BTreeMap<usize, &Vec<f64>> =
            of_funds.iter().map(|(source, _)| *source).zip(&rows).collect();
        for loadings in &mut self.loadings {
            let mut sums: BTreeMap<usize, f64> = BTreeMap::new();
            for (source, loading) in loadings.iter() {
                match by_source.get(source) {
                    None => *sums.entry(*source).or_insert(0.0) += loading,
                    Some(row) => shared(row).into_iter().for_each(|(place, shared)| {
                        *sums.entry(place).or_insert(0.0) += loading * shared;
                    }),
                }
            }
            *loadings = sums.into_iter().collect();
        }
        let of_series = others.iter().zip(&rows[of_funds.len()..]);
        self.series = of_series.map(|(one, row)| (one.series, one.form(shared(row)))).collect();
        // Only now do the rests of its lines have what they share.
        let rests: Vec<f64> = made_of_lines.iter().map(|one| self.rest_of(one)).collect();
        for (one, rest) in made_of_lines.into_iter().zip(rests) {
            let mut specific = self.pnl_form(&one.lines).specific;
            specific.push((self.average.specific.len(), 1.0));
            self.average.specific.push(rest);
            self.series.push((one.series, one.form(specific)));
        }
    }

    /// What the specific returns of its lines leave of the rest of a series.
    fn rest_of(&self, one: &ProjectedSeries) -> f64 {
        let specific = self.pnl_form(&one.lines).specific;
        let of_lines = specific.iter().map(|(at, b)| b * b * self.average.specific[*at]);
        (one.rest.variance - of_lines.sum::<f64>()).max(0.0)
    }

    /// The distribution on days like this one. `None` without a trade, or with too few such days.
    pub(crate) fn like_this(&self, book: &Book) -> Option<(Joint, DaysLikeThis)> {
        let factors = &self.model.returns;
        let days = like_this::days(self.model, factors).ok()?;
        let common = like_this::covariance(&self.average.common, factors, &days)?;
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

    /// The name of a common coordinate.
    pub(crate) fn factor_id(&self, at: usize) -> String {
        self.model.factors.factors()[at].clone()
    }

    /// The series that are shocked, in order, with their forms.
    pub(crate) fn series(&self) -> impl Iterator<Item = (String, &Form)> + '_ {
        let id = |series: &Series| series.id(self.model.trade.as_ref());
        self.series.iter().map(move |(series, form)| (id(series), form))
    }

    fn series_form(&self, series: Series) -> Option<&Form> {
        self.series.iter().find(|(known, _)| *known == series).map(|(_, form)| form)
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
        let common = self.names[place].1.exposures.clone();
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

    /// The form of a target whose members all have one.
    pub(crate) fn target_form(&self, target: &Target) -> Option<Form> {
        let factors = self.model.factors.factors();
        match target {
            Target::Factor(name) => {
                let at = factors.iter().position(|factor| factor == name)?;
                Some(Form::coordinate(at, self.coordinates()))
            }
            Target::Series(series) => self.series_form(*series).cloned(),
            Target::Sector(_) | Target::Bucket(_) | Target::Name(_) | Target::Basket(_) => {
                Some(self.pnl_form(&members(self.model, target)))
            }
        }
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

/// The line that a series is, if it is one.
fn line_of(model: &FactorView<'_>, series: Series) -> Option<InstrumentId> {
    let lines = model.lines(series).filter(|_| series != Series::Trade)?;
    lines.first().map(|(line, _)| *line)
}

/// The series that are no lines.
fn projected(
    model: &FactorView<'_>,
    scenario: &Hypothetical,
    shocked: &BTreeSet<Series>,
) -> Result<Vec<ProjectedSeries>, Vec<Fault>> {
    let others = shocked.iter().filter(|series| line_of(model, **series).is_none());
    let all = others.map(|series| ProjectedSeries::of(model, *series).map_err(|n| (*series, n)));
    all.collect::<Result<_, _>>().map_err(|(series, sessions)| {
        let needed = observations_needed(model.returns.len());
        let shocks = scenario.shocks.iter().enumerate();
        let of_series = shocks.filter(|(_, shock)| series_of(&shock.target) == Some(series));
        of_series.map(|(shock, _)| Fault::ShortSeries { shock, series, sessions, needed }).collect()
    })
}

/// Names with weights; those of a sector, a bucket or a basket sum to one.
type Members = Vec<(InstrumentId, f64)>;

/// The names of a target; empty for targets without names.
fn members(model: &FactorView<'_>, target: &Target) -> Members {
    let companies = |keep: &dyn Fn(InstrumentId) -> bool| -> Vec<(InstrumentId, f64)> {
        let instruments = model.factors.instruments().iter().filter(|id| keep(**id));
        instruments.filter_map(|id| Some((*id, model.risk.size(*id)?.line.usd))).collect()
    };
    let mut weights = match target {
        Target::Factor(_) => Vec::new(),
        // What the trade holds does not sum to one.
        Target::Series(series) => return model.lines(*series).unwrap_or_default(),
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

/// A fault per shock with names that nothing describes: their shock would be one of all names.
fn not_modelled(
    model: &FactorView<'_>,
    names: &[(InstrumentId, ModelledName)],
    shocked: &[Members],
) -> Vec<Fault> {
    let is_described = |(id, name): &&(InstrumentId, ModelledName)| {
        name.rung != Rung::Peers || model.describes(*id)
    };
    let known: BTreeSet<InstrumentId> =
        names.iter().filter(is_described).map(|(id, _)| *id).collect();
    let missing = |members: &Members| -> Vec<InstrumentId> {
        members.iter().map(|(id, _)| *id).filter(|id| !known.contains(id)).collect()
    };
    let all = shocked.iter().enumerate().map(|(shock, members)| (shock, missing(members)));
    let faults = all.filter(|(_, missing)| !missing.is_empty());
    faults.map(|(shock, instruments)| Fault::NotModelled { shock, instruments }).collect()
}
