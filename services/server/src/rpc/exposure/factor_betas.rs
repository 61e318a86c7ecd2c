//! The book against factors that the request chooses: which ones, and the answer.

use super::{betas, to_proto::measured, views::Seen};
use crate::rpc::{field::Fields, settings};
use ::portfolio::book::Book;
use contract::v1;
use exposure::{
    beta::Beta,
    factor_betas::{self, BookFactor, BookFactors, NameRow},
    prepared::PreparedExposure,
    settings::BetaSettings,
};
use marketdata::{dataset::Dataset, instrument::InstrumentId, symbol::Symbol};
use risk::{
    factor_betas::FactorBetas,
    factor_series::{FACTORS_MAX, FactorChoice, KnownFactor, MODEL_ID},
    series::MoveUnit,
};

/// Default number of names listed.
const TOP_NAMES: i32 = 10;
/// Maximum number of names listed.
const TOP_NAMES_MAX: i32 = crate::limits::POSITIONS as i32;
/// Maximum number of characters of the id of a caller's factor.
const ID_CHARS: usize = 40;

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct FactorBetasAsked {
    choices: Vec<FactorChoice>,
    listed: usize,
}

impl FactorBetasAsked {
    /// Whether an answer rests on a dataset, besides those of every analysis.
    pub(super) fn reads(&self, dataset: Dataset) -> bool {
        dataset == Dataset::ShortInterest
            && self.choices.contains(&FactorChoice::Known(KnownFactor::MostShorted))
    }
}

/// Reads the settings, and writes the defaults into them.
pub(super) fn from_proto(
    fields: &mut Fields,
    asked: &mut v1::FactorBetaSettings,
) -> FactorBetasAsked {
    const FIELD: &str = "factor_betas.factors";
    let (top, bounds) = (asked.top_names, (0, TOP_NAMES_MAX));
    let top = fields.within_or("factor_betas.top_names", top, TOP_NAMES, bounds);
    asked.top_names = Some(top);
    if asked.factors.is_empty() {
        let usual = |factor: KnownFactor| v1::FactorChoice {
            factor_id: factor.id().to_owned(),
            ..v1::FactorChoice::default()
        };
        asked.factors = KnownFactor::USUAL.map(usual).into();
    }
    let mut choices: Vec<FactorChoice> = Vec::new();
    if fields.at_most(FIELD, asked.factors.len(), FACTORS_MAX) {
        for (at, one) in asked.factors.iter().enumerate() {
            let path = format!("{FIELD}[{at}]");
            match choice(fields, &path, one) {
                Some(found) if choices.iter().any(|other| other.id() == found.id()) => {
                    fields.add(format!("{path}.factor_id"), "appears twice");
                }
                found => choices.extend(found),
            }
        }
    }
    FactorBetasAsked { choices, listed: usize::try_from(top).unwrap_or(0) }
}

fn choice(fields: &mut Fields, path: &str, asked: &v1::FactorChoice) -> Option<FactorChoice> {
    let v1::FactorChoice { factor_id, symbol, less_symbol } = asked;
    let known = KnownFactor::from_id(factor_id);
    let id_path = format!("{path}.factor_id");
    if symbol.is_empty() {
        if !less_symbol.is_empty() {
            fields.add(format!("{path}.less_symbol"), "must be empty without a symbol");
        }
        if known.is_none() {
            let ids = KnownFactor::ALL.map(KnownFactor::id).join(", ");
            fields.add(id_path, format!("must be one of {ids}, or have a symbol"));
        }
        return known.map(FactorChoice::Known);
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let is_name = (1..=ID_CHARS).contains(&factor_id.len()) && factor_id.chars().all(is_part);
    let is_lawful = is_name && known.is_none();
    if !is_lawful {
        let text = format!(
            "must be 1 to {ID_CHARS} letters, digits and characters of `_-./`, and no id of ours, \
             for a series of the caller's"
        );
        fields.add(id_path, text);
    }
    let is_symbol = |text: &str| Symbol::listed(text).is_ok() || Symbol::series(text).is_ok();
    let mut all_lawful = is_lawful;
    for (name, text) in [("symbol", symbol), ("less_symbol", less_symbol)] {
        if !text.is_empty() && !is_symbol(text) {
            fields.add(format!("{path}.{name}"), "must name a line or a series");
            all_lawful = false;
        }
    }
    let less = (!less_symbol.is_empty()).then(|| less_symbol.clone());
    let own = || FactorChoice::Own { factor_id: factor_id.clone(), symbol: symbol.clone(), less };
    all_lawful.then(own)
}

/// The factors that a request chooses, which need not be valid, and its settings of betas.
pub(super) fn chosen(
    asked: &v1::AnalyzePortfolioRequest,
) -> Option<(Vec<FactorChoice>, BetaSettings)> {
    if !asked.include.contains(&v1::ReportBlock::FactorBetas.into()) {
        return None;
    }
    let mut fields = Fields::new();
    let found = from_proto(&mut fields, &mut asked.factor_betas.clone().unwrap_or_default());
    let beta = asked.settings.as_ref().and_then(|settings| settings.beta);
    let beta = settings::beta(&mut fields, &mut beta.unwrap_or_default());
    (!fields.any()).then_some((found.choices, beta))
}

/// The factors of a view and a book against them.
pub(super) type Found<'a> = (&'a FactorBetas, BookFactors);

/// Measures a book, if it was asked for.
pub(super) fn measure<'a>(
    asked: Option<&FactorBetasAsked>,
    seen: Seen<'a>,
    book: &Book,
) -> Option<Found<'a>> {
    let (asked, betas) = asked.zip(seen.factor_betas)?;
    Some((&betas.0, factor_betas::measure(seen.exposure, &betas.0, book, asked.listed)))
}

/// The lines behind the factors.
pub(super) fn behind(prepared: &PreparedExposure, found: Option<&Found<'_>>) -> Vec<InstrumentId> {
    let factors = found.iter().flat_map(|(_, found)| &found.factors);
    let symbols = factors.flat_map(|factor| &factor.roles).flat_map(|role| &role.symbols);
    symbols.filter_map(|filled| prepared.snapshot().listed(&filled.symbol)).collect()
}

/// The answer, of a book of a gross and perhaps a net asset value.
pub(super) fn to_proto(
    prepared: &PreparedExposure,
    (betas, found): Found<'_>,
    settings: Option<v1::FactorBetaSettings>,
    size: (f64, Option<f64>),
) -> v1::FactorBetaReport {
    let (first, last) = betas.span.unzip();
    let text = |day: Option<marketdata::day::Day>| day.map(|day| day.to_string());
    let ids: Vec<(&str, v1::FactorUnit)> =
        found.factors.iter().map(|factor| (factor.factor_id.as_str(), unit(factor.unit))).collect();
    let name = |row: &NameRow| v1::NameFactorBetas {
        symbol: prepared.snapshot().symbol(row.instrument).to_owned(),
        market_value: row.market_value,
        betas: row.betas.iter().map(|(at, beta)| name_beta(ids[*at], *beta, row)).collect(),
        observations: row.observations as i32,
        dimson_adjusted: row.dimson,
    };
    v1::FactorBetaReport {
        settings,
        first_on: text(first).unwrap_or_default(),
        last_on: text(last).unwrap_or_default(),
        observations: betas.collinearity.as_ref().map_or(0, |found| found.observations as i32),
        condition_number: betas.collinearity.as_ref().map(|found| found.condition_number),
        r_squared: found.r_squared,
        factors: found.factors.iter().map(|factor| book_beta(factor, size)).collect(),
        names: found.names.iter().map(name).collect(),
    }
}

fn book_beta(factor: &BookFactor, (gross, nav): (f64, Option<f64>)) -> v1::BookFactorBeta {
    let over = |whole: f64| {
        factor.beta.bottom_up.filter(|_| 0.0 < whole).map(|bottom_up| bottom_up.value / whole)
    };
    let exposure = v1::FactorExposure {
        model_id: MODEL_ID.to_owned(),
        factor_id: factor.factor_id.clone(),
        unit: unit(factor.unit).into(),
        roles: factor.roles.iter().cloned().map(betas::role).collect(),
        bottom_up: factor.beta.bottom_up.map(measured),
        top_down: factor.beta.top_down.map(measured),
        difference: factor.beta.difference(),
        bottom_up_per_gross: over(gross),
        bottom_up_per_net_asset_value: nav.and_then(over),
    };
    v1::BookFactorBeta {
        exposure: Some(exposure),
        variance_inflation: factor.inflation,
        standard_deviation: factor.standard_deviation,
    }
}

fn name_beta((id, unit): (&str, v1::FactorUnit), beta: Beta, row: &NameRow) -> v1::FactorBeta {
    v1::FactorBeta {
        model_id: MODEL_ID.to_owned(),
        factor_id: id.to_owned(),
        unit: unit.into(),
        beta: Some(betas::name_beta(beta, row.fitted)),
    }
}

const fn unit(unit: MoveUnit) -> v1::FactorUnit {
    match unit {
        MoveUnit::Return => v1::FactorUnit::Return,
        MoveUnit::BasisPoints => v1::FactorUnit::BasisPoint,
        MoveUnit::Points => v1::FactorUnit::Point,
    }
}
