//! The risk of a book under factor models, and two models side by side.
//!
//! A model is whatever the caller brings: ours over time, ours across names, or a vendor's
//! ([`risk::factor_model::FactorModel`]). Contributions are those of Euler: to the volatility they add up
//! over factors and the specific returns, and over names.

use crate::{look_through, prepared::PreparedExposure};
use factors::look_through::{FundView, Part};
use marketdata::{
    day::Day,
    gap::{Gap, GapReason, Subject},
    instant::Instant,
    instrument::InstrumentId,
};
use portfolio::book::Book;
use risk::{
    factor_model::{BookRisk, FactorModel},
    factor_view::Rung,
    model_comparison::log_ratio,
};
use std::{borrow::Cow, collections::BTreeMap};

/// A factor model of a view.
#[derive(Clone, Debug)]
pub struct BookModel<'a> {
    /// Its name in answers.
    pub id: String,
    /// The day of its data.
    pub on: Day,
    /// When the last of them became public, if it is a vendor's.
    pub published_at: Option<Instant>,
    /// The model.
    pub model: Cow<'a, FactorModel>,
    /// Number of names that it covers; `None` if it was made for the names of the book.
    pub name_count: Option<usize>,
    /// Where names have their exposures from; those that are missing have a row of their own.
    pub rungs: BTreeMap<InstrumentId, Rung>,
    /// Why a name is not covered.
    pub uncovered: GapReason,
}

/// What is measured: the names of a book and what it holds of each.
#[derive(Clone, Debug)]
pub struct MeasuredBook {
    /// In the order of names.
    pub parts: Vec<Part>,
    /// Gross of the book, with lines that have a value but no instrument.
    gross: f64,
}

impl MeasuredBook {
    /// The lines of a book, or the names behind them.
    pub fn of(prepared: &PreparedExposure, book: &Book, view: Option<FundView>) -> MeasuredBook {
        let parts: Vec<Part> = match view {
            Some(view) => look_through::parts(prepared, book, view),
            None => look_through::lines(book).collect(),
        };
        let held: f64 = book.holdings.iter().map(portfolio::book::Holding::gross).sum();
        let gross = book.gross - held + parts.iter().map(Part::gross).sum::<f64>();
        MeasuredBook { parts, gross }
    }

    /// Its names, in the order of names.
    pub fn names(&self) -> Vec<InstrumentId> {
        self.parts.iter().map(|part| part.instrument).collect()
    }

    /// A value as a share of gross. `None` if the book has none.
    pub(crate) fn share(&self, value: f64) -> Option<f64> {
        (0.0 < self.gross).then(|| (value / self.gross).clamp(0.0, 1.0))
    }
}

/// A book under a model.
#[derive(Clone, Debug)]
pub struct ModelRisk {
    /// Exposures, variances, contributions.
    pub risk: BookRisk,
    /// By factor of the model with an exposure of the book, the largest contribution first.
    pub factors: Vec<FactorRow>,
    /// The names covered, the largest contribution first.
    pub names: Vec<NameRow>,
    /// The names not covered, the largest gross first.
    pub uncovered: Vec<Part>,
    /// Share of gross of the names not covered.
    pub uncovered_share: Option<f64>,
}

/// A factor in a book.
#[derive(Clone, Debug, PartialEq)]
pub struct FactorRow {
    /// Its name in the model.
    pub factor: String,
    /// Value x exposure, summed.
    pub exposure: f64,
    /// Standard deviation of its return per session.
    pub volatility: f64,
    /// What it contributes to the book's volatility.
    pub contribution: f64,
}

/// A name of a book under a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NameRow {
    /// The name.
    pub instrument: InstrumentId,
    /// Net value.
    pub value: f64,
    /// Volatility of its return per session.
    pub volatility: f64,
    /// The part of it that factors explain.
    pub factor_volatility: f64,
    /// Change of the book's volatility per unit of value.
    pub marginal: f64,
    /// Value x marginal.
    pub contribution: f64,
    /// Where its exposures come from.
    pub rung: Rung,
}

/// The risk of a book under a model.
pub fn measure(book: &MeasuredBook, with: &BookModel<'_>) -> ModelRisk {
    let model = &*with.model;
    let held: Vec<(InstrumentId, f64)> =
        book.parts.iter().map(|part| (part.instrument, part.market_value)).collect();
    let risk = model.book(&held);
    let mut factors: Vec<FactorRow> = model
        .factors()
        .iter()
        .enumerate()
        .filter(|(at, _)| risk.exposures[*at].abs() > 0.0)
        .map(|(at, factor)| FactorRow {
            factor: factor.clone(),
            exposure: risk.exposures[at],
            volatility: model.covariance().get(at, at).max(0.0).sqrt(),
            contribution: risk.factor_contributions[at],
        })
        .collect();
    factors.sort_by(|a, b| b.contribution.abs().total_cmp(&a.contribution.abs()));
    let mut names: Vec<NameRow> = risk
        .names
        .iter()
        .filter_map(|name| {
            let (volatility, factor_volatility) = model.volatility(model.row(name.instrument)?);
            Some(NameRow {
                instrument: name.instrument,
                value: name.value,
                volatility,
                factor_volatility,
                marginal: name.marginal,
                contribution: name.contribution(),
                rung: with.rungs.get(&name.instrument).copied().unwrap_or(Rung::Model),
            })
        })
        .collect();
    // Stable, so that ties are in the order of names.
    names.sort_by(|a, b| b.contribution.abs().total_cmp(&a.contribution.abs()));
    let is_uncovered = |part: &&Part| risk.uncovered.contains(&part.instrument);
    let mut uncovered: Vec<Part> = book.parts.iter().filter(is_uncovered).copied().collect();
    uncovered.sort_by(|a, b| b.gross().total_cmp(&a.gross()));
    let uncovered_share = book.share(uncovered.iter().map(Part::gross).sum());
    ModelRisk { risk, factors, names, uncovered, uncovered_share }
}

/// The gaps of a book under a model: names that it does not cover, or by their peers only.
pub fn gaps(
    prepared: &PreparedExposure,
    book: &MeasuredBook,
    (with, found): (&BookModel<'_>, &ModelRisk),
) -> Vec<Gap> {
    let gap = |reason: GapReason, instrument: InstrumentId, gross: f64, why: &str| {
        let symbol = Subject::symbol(prepared.snapshot().symbol(instrument));
        let gap = Gap::new(reason, symbol, format!("{} {why}", with.id));
        book.share(gross).into_iter().fold(gap, Gap::of_gross)
    };
    let missing = found.uncovered.iter().map(|part| {
        let why = "does not cover the name: its risk is in none of the model's numbers";
        gap(with.uncovered, part.instrument, part.gross(), why)
    });
    let by_peers = book
        .parts
        .iter()
        .filter(|part| with.rungs.get(&part.instrument).is_some_and(|rung| *rung == Rung::Peers));
    let by_peers = by_peers.map(|part| {
        let why = "takes the mean exposures of names of its size and sector, else of all names";
        gap(GapReason::Proxy, part.instrument, part.gross(), why)
    });
    missing.chain(by_peers).collect()
}

/// What two models say of the names of a book.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// ln of the first volatility over the second. `None` if one is zero.
    pub log_ratio: Option<f64>,
    /// The names that either covers, the largest difference of contributions first.
    pub names: Vec<Disagreement>,
    /// Number of names that both cover.
    pub common: usize,
    /// Number that only the first, and only the second covers.
    pub alone: [usize; 2],
}

/// What two models say of a name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Disagreement {
    /// The name.
    pub instrument: InstrumentId,
    /// Net value.
    pub value: f64,
    /// Volatility and contribution in each model; `None` if it does not cover the name.
    pub models: [Option<(f64, f64)>; 2],
}

impl Disagreement {
    /// The first contribution less the second; an absent one is 0.
    pub fn difference(&self) -> f64 {
        let [one, two] = self.models.map(|of| of.map_or(0.0, |(_, contribution)| contribution));
        one - two
    }
}

/// Compares two models of one book.
pub fn compare(book: &MeasuredBook, [first, second]: [&ModelRisk; 2]) -> Comparison {
    let by_name = |of: &ModelRisk| -> BTreeMap<InstrumentId, (f64, f64)> {
        let row = |row: &NameRow| (row.instrument, (row.volatility, row.contribution));
        of.names.iter().map(row).collect()
    };
    let found = [by_name(first), by_name(second)];
    let row = |part: &Part| Disagreement {
        instrument: part.instrument,
        value: part.market_value,
        models: [0, 1].map(|at: usize| found[at].get(&part.instrument).copied()),
    };
    let is_covered = |row: &Disagreement| row.models.iter().any(Option::is_some);
    let mut names: Vec<Disagreement> = book.parts.iter().map(row).filter(is_covered).collect();
    let count = |is: fn([bool; 2]) -> bool| {
        names.iter().filter(|row| is(row.models.map(|of| of.is_some()))).count()
    };
    let common = count(|[one, two]| one && two);
    let alone = [count(|[one, two]| one && !two), count(|[one, two]| two && !one)];
    names.sort_by(|a, b| b.difference().abs().total_cmp(&a.difference().abs()));
    let log_ratio = log_ratio(first.risk.volatility, second.risk.volatility);
    Comparison { log_ratio, names, common, alone }
}
