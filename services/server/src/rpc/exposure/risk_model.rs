//! The book under factor models: which ones are asked for, where they are found, and the answer.

use super::{
    covariances,
    vendor_model::{gaps_of_vendor, vendor},
    views::Seen,
};
use crate::{
    refusal::Refusal,
    rpc::{field::Fields, shared::timestamp, stress::setup::no_model},
    views::Pinned,
};
use ::portfolio::book::Book;
use contract::v1::{self, risk_model_choice::Model as Wire};
use exposure::{
    factor_risk::{
        BookModel, Comparison, Disagreement, MeasuredBook, ModelRisk, NameRow, compare, gaps,
        measure,
    },
    name_covariance::{self, Estimator},
    prepared::PreparedExposure,
    settings::BetaSettings,
};
use factors::look_through::{FundView, Part};
use marketdata::{
    dataset::Dataset,
    gap::{Gap, GapReason, Subject},
    instrument::InstrumentId,
    symbol::{InvalidSymbol, SPECIFIC_FACTOR, Symbol, factor_parts},
};
use risk::{
    factor_model::InvalidModel,
    factor_view::{FactorView, Rung},
    time_series_model::{self, NoModel},
    vendor_models::READS as VENDOR_READS,
};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

/// Maximum number of models of a request.
pub(super) const MODELS_MAX: usize = 4;
/// Default number of names listed.
const TOP_NAMES: i32 = 10;
/// Maximum number of names listed.
const TOP_NAMES_MAX: i32 = crate::limits::POSITIONS as i32;
/// Number of faults of a vendor's model that a gap describes.
pub(super) const FAULTS_SHOWN: usize = 5;
/// The name of our model across names in answers.
const CROSS_SECTION_ID: &str = "ballast-cross-section";

/// A model that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Choice {
    TimeSeries,
    CrossSection,
    /// By its name in capitals.
    Vendor(String),
}

impl Choice {
    fn id(&self) -> &str {
        match self {
            Choice::TimeSeries => time_series_model::MODEL_ID,
            Choice::CrossSection => CROSS_SECTION_ID,
            Choice::Vendor(name) => name,
        }
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct RiskModelAsked {
    models: Vec<Choice>,
    covariances: Vec<Estimator>,
    listed: usize,
}

/// Reads the settings, and writes the defaults into them.
pub(super) fn from_proto(fields: &mut Fields, asked: &mut v1::RiskModelSettings) -> RiskModelAsked {
    const FIELD: &str = "risk_model.models";
    let (top, bounds) = (asked.top_names, (0, TOP_NAMES_MAX));
    let top = fields.within_or("risk_model.top_names", top, TOP_NAMES, bounds);
    asked.top_names = Some(top);
    if asked.models.is_empty() {
        let kind = Wire::Kind(v1::RiskModelKind::TimeSeries.into());
        asked.models.push(v1::RiskModelChoice { model: Some(kind) });
    }
    let mut models = Vec::new();
    if fields.at_most(FIELD, asked.models.len(), MODELS_MAX) {
        for (at, choice) in asked.models.iter_mut().enumerate() {
            let path = format!("{FIELD}[{at}]");
            match choose(fields, &path, choice) {
                Some(model) if models.contains(&model) => fields.add(path, "appears twice"),
                found => models.extend(found),
            }
        }
    }
    let covariances = covariances::from_proto(fields, &asked.covariances);
    RiskModelAsked { models, covariances, listed: usize::try_from(top).unwrap_or(0) }
}

fn choose(fields: &mut Fields, path: &str, choice: &mut v1::RiskModelChoice) -> Option<Choice> {
    match &mut choice.model {
        None => {
            fields.add(path, "must give a kind or a vendor_model_id");
            None
        }
        Some(Wire::Kind(kind)) => {
            let path = format!("{path}.kind");
            match fields.choice(&path, *kind) {
                v1::RiskModelKind::TimeSeries => Some(Choice::TimeSeries),
                v1::RiskModelKind::CrossSection => Some(Choice::CrossSection),
                v1::RiskModelKind::Unspecified => {
                    fields.add(path, "must be a model");
                    None
                }
            }
        }
        Some(Wire::VendorModelId(name)) => match vendor_name(name) {
            Ok(model) => {
                *name = model;
                Some(Choice::Vendor(name.clone()))
            }
            Err(error) => {
                fields.add(format!("{path}.vendor_model_id"), error.to_string());
                None
            }
        },
    }
}

/// The name of a vendor's model in capitals.
pub(super) fn vendor_name(name: &str) -> Result<String, InvalidSymbol> {
    let symbol = Symbol::factor(name, SPECIFIC_FACTOR)?;
    Ok(factor_parts(symbol.as_str()).map_or_else(String::new, |(model, _)| model.to_owned()))
}

/// A book under the models of a request.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) report: v1::RiskModelReport,
    pub(super) gaps: Vec<Gap>,
    /// The names of the book that a model does not cover, by model.
    pub(super) uncovered: BTreeMap<String, BTreeSet<InstrumentId>>,
}

impl RiskModelAsked {
    /// Whether an answer rests on a dataset, besides those of every analysis.
    pub(super) fn reads(&self, dataset: Dataset) -> bool {
        let is_of = |choice: &Choice| match choice {
            Choice::TimeSeries => false,
            Choice::CrossSection => dataset == Dataset::ShortInterest,
            Choice::Vendor(_) => VENDOR_READS.contains(&dataset),
        };
        self.models.iter().any(is_of)
    }

    /// Whether covariances of names are asked for.
    pub(super) fn has_covariances(&self) -> bool {
        !self.covariances.is_empty()
    }

    /// The same without covariances of names, of which nothing is told about a part of a book.
    pub(super) fn of_models(&self) -> RiskModelAsked {
        RiskModelAsked { covariances: Vec::new(), ..self.clone() }
    }

    /// Measures a book. `settings` are those of the request in normal form.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] for a vendor's model that nothing is known of.
    pub(super) fn measure(
        &self,
        (pinned, seen): (&Pinned, Seen<'_>),
        book: (&Book, Option<FundView>),
        beta: BetaSettings,
        settings: Option<v1::RiskModelSettings>,
    ) -> Result<Measured, Refusal> {
        let prepared = seen.exposure;
        let measured = MeasuredBook::of(prepared, book.0, book.1);
        let names = measured.names();
        let mut found = Vec::with_capacity(self.models.len());
        let (mut missing, mut uncovered) = (Vec::new(), BTreeMap::new());
        for choice in &self.models {
            let model = match choice {
                Choice::TimeSeries => time_series(prepared, &names, beta),
                Choice::CrossSection => cross_section(pinned, seen, &names),
                Choice::Vendor(name) => vendor(pinned, seen, name)?,
            };
            let of_book = model.as_ref().ok().map(|model| measure(&measured, model));
            match (&model, &of_book) {
                (Ok(model), Some(risk)) => {
                    missing.extend(gaps(prepared, &measured, (model, risk)));
                    missing.extend(gaps_of_vendor(pinned, seen, model));
                    uncovered.insert(model.id.clone(), risk.risk.uncovered.clone());
                }
                (Err(gap), _) => missing.push(gap.clone()),
                (Ok(_), None) => {}
            }
            found.push((choice, model.ok().zip(of_book)));
        }
        let by_names = name_covariance::measure(prepared, &measured, &self.covariances);
        missing.extend(by_names.gaps.iter().cloned());
        let answer = Answer { prepared, listed: self.listed };
        let models = found.iter().map(|(choice, found)| match found {
            Some((model, risk)) => answer.model(&measured, model, risk),
            None => nothing(choice),
        });
        let report = v1::RiskModelReport {
            settings,
            models: models.collect(),
            comparisons: answer.comparisons(&measured, &found),
            covariances: covariances::to_proto(&by_names),
        };
        Ok(Measured { report, gaps: missing, uncovered })
    }
}

/// The row of a model that there is not.
fn nothing(choice: &Choice) -> v1::FactorModelRisk {
    v1::FactorModelRisk { model_id: choice.id().to_owned(), ..v1::FactorModelRisk::default() }
}

/// Our model over time, under the beta settings of the request.
fn time_series<'a>(
    prepared: &PreparedExposure,
    names: &[InstrumentId],
    beta: BetaSettings,
) -> Result<BookModel<'a>, Gap> {
    let other = (beta != BetaSettings::PREPARED).then(|| prepared.with_settings(beta, names));
    let prepared = other.as_ref().unwrap_or(prepared);
    let model = time_series_model::time_series_model(prepared, names);
    let last = prepared.sessions.days().last();
    let model = last.ok_or(NoModel::NoMarket).and_then(|on| Ok((model?, on)));
    match model {
        Ok((model, on)) => Ok(BookModel {
            id: time_series_model::MODEL_ID.to_owned(),
            on: *on,
            published_at: None,
            model: Cow::Owned(model),
            name_count: None,
            rungs: BTreeMap::new(),
            uncovered: GapReason::ShortHistory,
        }),
        Err(NoModel::NoMarket) => {
            let detail = "without the returns of a market there is no model over time";
            Err(Gap::new(GapReason::InputMissing, Subject::Role("large_cap_index"), detail))
        }
        Err(NoModel::Invalid(faults)) => {
            let shown = described(prepared, &faults);
            let detail = format!("what was estimated over time is no model: {shown}");
            Err(Gap::new(GapReason::Degenerate, Subject::Dataset(Dataset::Bars), detail))
        }
    }
}

/// The first faults of what is no model.
fn described(prepared: &PreparedExposure, faults: &[InvalidModel]) -> String {
    let faults = faults.iter().map(|fault| fault.describe(prepared.snapshot()));
    faults.take(FAULTS_SHOWN).collect::<Vec<String>>().join("; ")
}

/// Our model across names, with the exposures of the ladder for names that it lacks.
fn cross_section<'a>(
    pinned: &Pinned,
    seen: Seen<'_>,
    names: &[InstrumentId],
) -> Result<BookModel<'a>, Gap> {
    let detail = "the data allow no cross-section model";
    let absent = || Gap::new(GapReason::Degenerate, Subject::Dataset(Dataset::Bars), detail);
    let cross_section = &seen.cross_section.ok_or_else(absent)?.0;
    let estimated = cross_section.outcome.as_ref().map_err(|why| no_model(*why))?;
    let view = (cross_section, estimated);
    let view = FactorView::of(seen.exposure, view, &pinned.settings().roles, None);
    let invalid = |faults: Vec<InvalidModel>| {
        let detail =
            format!("what was estimated is no model: {}", described(seen.exposure, &faults));
        Gap::new(GapReason::Degenerate, Subject::Dataset(Dataset::Bars), detail)
    };
    let (model, rungs) = view.model_of(names).map_err(invalid)?;
    let last = seen.exposure.sessions.days().last();
    Ok(BookModel {
        id: CROSS_SECTION_ID.to_owned(),
        on: *last.ok_or_else(absent)?,
        published_at: None,
        model: Cow::Owned(model),
        name_count: Some(estimated.model.instruments().len()),
        rungs,
        uncovered: GapReason::ShortHistory,
    })
}

/// Calendar days since the day of a model.
pub(super) fn age(today: marketdata::day::Day, model: &BookModel<'_>) -> i32 {
    today.epoch() - model.on.epoch()
}

/// Converts what was measured.
struct Answer<'a> {
    prepared: &'a PreparedExposure,
    listed: usize,
}

/// A model that is asked for, with the book under it if there is the model.
type Found<'a> = (&'a Choice, Option<(BookModel<'a>, ModelRisk)>);

impl Answer<'_> {
    fn symbol(&self, instrument: InstrumentId) -> String {
        self.prepared.snapshot().symbol(instrument).to_owned()
    }

    fn model(
        &self,
        book: &MeasuredBook,
        model: &BookModel<'_>,
        found: &ModelRisk,
    ) -> v1::FactorModelRisk {
        let risk = &found.risk;
        let per_volatility =
            |variance: f64| if 0.0 < risk.volatility { variance / risk.volatility } else { 0.0 };
        let factor = |row: &exposure::factor_risk::FactorRow| v1::FactorRiskRow {
            factor_id: row.factor.clone(),
            exposure: row.exposure,
            factor_volatility: row.volatility,
            contribution: row.contribution,
        };
        let uncovered = |part: &Part| v1::UncoveredName {
            symbol: self.symbol(part.instrument),
            market_value: part.market_value,
            gross: part.gross(),
        };
        v1::FactorModelRisk {
            model_id: model.id.clone(),
            model_on: model.on.to_string(),
            age_days: Some(age(self.prepared.snapshot().today(), model)),
            published_at: model.published_at.map(timestamp),
            model_name_count: model.name_count.map(|count| count as i32),
            covered_count: (book.parts.len() - found.uncovered.len()) as i32,
            volatility: Some(risk.volatility),
            factor_volatility: Some(risk.factor_variance.sqrt()),
            specific_volatility: Some(risk.specific_variance.sqrt()),
            factor_contribution: Some(per_volatility(risk.factor_variance)),
            specific_contribution: Some(per_volatility(risk.specific_variance)),
            factors: found.factors.iter().map(factor).collect(),
            names: found.names.iter().take(self.listed).map(|row| self.name(row)).collect(),
            uncovered: found.uncovered.iter().take(self.listed).map(uncovered).collect(),
            uncovered_count: found.uncovered.len() as i32,
            uncovered_gross_share: found.uncovered_share,
        }
    }

    fn name(&self, row: &NameRow) -> v1::NameFactorRisk {
        let source = match row.rung {
            Rung::Model => v1::ExposureSource::Model,
            Rung::Regression => v1::ExposureSource::Regression,
            Rung::Peers => v1::ExposureSource::Peers,
        };
        v1::NameFactorRisk {
            symbol: self.symbol(row.instrument),
            market_value: row.value,
            volatility: row.volatility,
            factor_volatility: row.factor_volatility,
            marginal: row.marginal,
            contribution: row.contribution,
            source: source.into(),
        }
    }

    /// Every model after the first beside the first.
    fn comparisons(
        &self,
        book: &MeasuredBook,
        found: &[Found<'_>],
    ) -> Vec<v1::RiskModelComparison> {
        let Some(((first, of_first), rest)) = found.split_first() else { return Vec::new() };
        let beside = |(second, of_second): &Found<'_>| {
            let both = of_first.as_ref().zip(of_second.as_ref());
            let compared = both.map(|((_, one), (_, two))| compare(book, [one, two]));
            let row = v1::RiskModelComparison {
                first_model_id: first.id().to_owned(),
                second_model_id: second.id().to_owned(),
                ..v1::RiskModelComparison::default()
            };
            compared.map_or(row.clone(), |compared| self.comparison(&compared, row))
        };
        rest.iter().map(beside).collect()
    }

    fn comparison(
        &self,
        compared: &Comparison,
        row: v1::RiskModelComparison,
    ) -> v1::RiskModelComparison {
        let name = |row: &Disagreement| {
            let [first, second] = row.models;
            v1::NameDisagreement {
                symbol: self.symbol(row.instrument),
                market_value: row.value,
                first_contribution: first.map(|(_, contribution)| contribution),
                second_contribution: second.map(|(_, contribution)| contribution),
                contribution_difference: row.difference(),
                first_volatility: first.map(|(volatility, _)| volatility),
                second_volatility: second.map(|(volatility, _)| volatility),
            }
        };
        v1::RiskModelComparison {
            log_ratio: compared.log_ratio,
            names: compared.names.iter().take(self.listed).map(name).collect(),
            common_count: compared.common as i32,
            only_first_count: compared.alone[0] as i32,
            only_second_count: compared.alone[1] as i32,
            ..row
        }
    }
}
