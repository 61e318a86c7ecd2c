//! The vendors' models that a view knows, each as of the newest day that is whole.
//!
//! A day of a model is whole if exposures, covariances and specific volatilities of it are known. Parts
//! of different days are never joined: the factors of one may not be those of another.
//!
//! Which models there are, and of which days, is found in one pass over the rows ([`VendorModels`]); a
//! model is made when it is asked for ([`DayModel::of`]), of the rows of its day. So models that
//! nobody asks for cost what their rows cost to look at, and no memory besides their names.

use crate::{
    factor_model::InvalidModel,
    vendor_model::{Faults, InvalidVendorModel, Loaded, Period, VendorModel},
};
use marketdata::{
    dataset::Dataset,
    day::Day,
    instant::Instant,
    instrument::InstrumentId,
    risk_models::FACTORS_MAX,
    snapshot::Snapshot,
    symbol::{SPECIFIC_FACTOR, factor_parts},
};
use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

/// The datasets that they are made of.
pub const READS: &[Dataset] = &[EXPOSURES, COVARIANCES, SPECIFIC];
const EXPOSURES: Dataset = Dataset::VendorExposures;
const COVARIANCES: Dataset = Dataset::VendorCovariances;
const SPECIFIC: Dataset = Dataset::VendorSpecificRisks;

/// Number of calendar days after which a model is of the past.
pub const AGE_DAYS_MAX: i32 = 400;

/// The models of vendors by name.
#[derive(Clone, Debug)]
pub struct VendorModels {
    models: BTreeMap<String, Known>,
    rows_read: usize,
}

/// What is known of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// No day of it is whole.
    InParts,
    /// Its newest covariances are of the past.
    Past(Day),
    /// Its newest whole day.
    Whole(Day),
}

/// A model of one day.
#[derive(Clone, Debug)]
pub struct DayModel {
    /// The day.
    pub on: Day,
    /// When the last of its rows became public.
    pub published_at: Instant,
    /// The model, or why its rows are none.
    pub outcome: Result<Loaded, Faults>,
    /// Number of rows that were looked at, also those of other models.
    pub rows_read: usize,
}

impl DayModel {
    /// The model of a day of which all parts are known ([`Known::Whole`]).
    pub fn of(snapshot: &Snapshot, name: &str, day: Day) -> DayModel {
        Reader::new(snapshot).whole(name, day)
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        let held = match &self.outcome {
            Err(faults) => faults.bytes(),
            Ok(loaded) => {
                loaded.model.bytes()
                    + size_of_val(&loaded.without_specific[..])
                    + size_of_val(&loaded.without_exposures[..])
            }
        };
        size_of::<DayModel>() + held
    }
}

impl VendorModels {
    /// The models of a snapshot.
    pub fn of(snapshot: &Snapshot) -> VendorModels {
        let reader = Reader::new(snapshot);
        let first = snapshot.today().plus(-AGE_DAYS_MAX);
        let past = reader.past().into_iter();
        let mut known: BTreeMap<String, Known> =
            past.map(|(name, day)| (name.to_owned(), Known::Past(day))).collect();
        let mut parts: BTreeMap<&str, BTreeMap<Day, usize>> = BTreeMap::new();
        for dataset in READS {
            for (name, day) in reader.days(*dataset, first) {
                *parts.entry(name).or_default().entry(day).or_default() += 1;
            }
        }
        for (name, days) in parts {
            let newest = days.into_iter().rev().find(|(_, count)| *count == READS.len());
            let found = newest.map_or(Known::InParts, |(day, _)| Known::Whole(day));
            known.insert(name.to_owned(), found);
        }
        VendorModels { models: known, rows_read: reader.rows_read.get() }
    }

    /// What is known of a model by its name, in capitals.
    pub fn get(&self, name: &str) -> Option<Known> {
        self.models.get(name).copied()
    }

    /// The names of all models, sorted.
    pub fn names(&self) -> Vec<String> {
        self.models.keys().cloned().collect()
    }

    /// Number of rows that were looked at: each of the three datasets once.
    pub const fn rows_read(&self) -> usize {
        self.rows_read
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        let of_one = size_of::<String>() + size_of::<Known>();
        self.models.keys().map(|name| of_one + name.len()).sum()
    }
}

/// Reads the rows of vendors' models.
struct Reader<'a> {
    snapshot: &'a Snapshot,
    rows_read: Cell<usize>,
}

impl<'a> Reader<'a> {
    const fn new(snapshot: &'a Snapshot) -> Reader<'a> {
        Reader { snapshot, rows_read: Cell::new(0) }
    }

    fn count(&self, rows: usize) {
        self.rows_read.set(self.rows_read.get() + rows);
    }

    /// The name of the model of a factor.
    fn model(&self, factor: InstrumentId) -> &'a str {
        factor_parts(self.snapshot.symbol(factor)).map_or("", |(model, _)| model)
    }

    /// The name of a factor in its model; `None` if it is another model's.
    fn factor_of(&self, model: &str, factor: InstrumentId) -> Option<&'a str> {
        let parts = factor_parts(self.snapshot.symbol(factor));
        parts.filter(|(of, _)| *of == model).map(|(_, name)| name)
    }

    /// The models of a dataset and the days since `first` on which it has rows of them, each once.
    fn days(&self, dataset: Dataset, first: Day) -> BTreeSet<(&'a str, Day)> {
        let mut found = BTreeSet::new();
        for instrument in self.snapshot.holders(dataset) {
            let rows = self.snapshot.rows(dataset, instrument).since(first);
            self.count(rows.len());
            // Rows of one day stand together, and mostly those of one model.
            let mut last = None;
            for row in 0..rows.len() {
                let next = (self.model(rows.other(row)), rows.day(row));
                if last.replace(next) != Some(next) {
                    found.insert(next);
                }
            }
        }
        found
    }

    /// The models with covariances, and the newest day of theirs.
    fn past(&self) -> BTreeMap<&'a str, Day> {
        let mut found = BTreeMap::new();
        for factor in self.snapshot.holders(COVARIANCES) {
            let rows = self.snapshot.rows(COVARIANCES, factor);
            if let Some(last) = rows.len().checked_sub(1) {
                let newest = found.entry(self.model(factor)).or_insert(rows.day(last));
                *newest = rows.day(last).max(*newest);
            }
        }
        found
    }

    /// The rows of a day of a dataset: instrument, second instrument, value, publication.
    fn rows(
        &self,
        (dataset, day): (Dataset, Day),
        holds: impl Fn(InstrumentId) -> bool,
        mut take: impl FnMut(InstrumentId, Row),
    ) {
        for instrument in self.snapshot.holders(dataset).filter(|id| holds(*id)) {
            let rows = self.snapshot.rows(dataset, instrument).since(day);
            for row in (0..rows.len()).take_while(|row| rows.day(*row) == day) {
                self.count(1);
                if let Some(value) = rows.value(row, 0) {
                    let published_at = rows.published_at(row);
                    take(instrument, Row { factor: rows.other(row), value, published_at });
                }
            }
        }
    }

    /// The model of a day of which all parts are known.
    fn whole(&self, name: &str, day: Day) -> DayModel {
        let mut published_at = Instant::MIN;
        let mut rows = VendorModel {
            period: Period::Year,
            exposures: Vec::new(),
            covariance: Vec::new(),
            specific: Vec::new(),
        };
        self.rows(
            (EXPOSURES, day),
            |_| true,
            |instrument, row| {
                if let Some(factor) = self.factor_of(name, row.factor) {
                    rows.exposures.push((instrument, factor.to_owned(), row.value));
                    published_at = published_at.max(row.published_at);
                }
            },
        );
        let is_own = |factor| self.factor_of(name, factor).is_some();
        self.rows((COVARIANCES, day), is_own, |instrument, row| {
            let pair = self.factor_of(name, instrument).zip(self.factor_of(name, row.factor));
            if let Some((a, b)) = pair {
                rows.covariance.push((a.to_owned(), b.to_owned(), row.value));
                published_at = published_at.max(row.published_at);
            }
        });
        self.rows(
            (SPECIFIC, day),
            |_| true,
            |instrument, row| {
                if self.factor_of(name, row.factor) == Some(SPECIFIC_FACTOR) {
                    rows.specific.push((instrument, row.value));
                    published_at = published_at.max(row.published_at);
                }
            },
        );
        let outcome = rows.load(|names| self.snapshot.sort_by_name(names));
        DayModel { on: day, published_at, outcome, rows_read: self.rows_read.get() }
    }
}

/// What a row says of its instrument.
struct Row {
    factor: InstrumentId,
    value: f64,
    published_at: Instant,
}

impl InvalidVendorModel {
    /// What is wrong, for people.
    pub fn describe(&self, snapshot: &Snapshot) -> String {
        let symbol = |id: &InstrumentId| snapshot.symbol(*id).to_owned();
        match self {
            InvalidVendorModel::TooManyFactors(count) => {
                format!("it has {count} factors, at most {FACTORS_MAX} are accepted")
            }
            InvalidVendorModel::NoCovariance(a, b) => {
                format!("the covariance of {a} and {b} is missing")
            }
            InvalidVendorModel::Covariance(a, b) => {
                format!("the covariance of {a} and {b} has two values, or none")
            }
            InvalidVendorModel::UnknownFactor(id, factor) => {
                format!("{} has an exposure to {factor}, which has no covariance", symbol(id))
            }
            InvalidVendorModel::DuplicateExposure(id, factor) => {
                format!("{} has two exposures to {factor}", symbol(id))
            }
            InvalidVendorModel::DuplicateSpecific(id) => {
                format!("{} has two specific volatilities", symbol(id))
            }
            InvalidVendorModel::SpecificVolatility(id) => {
                format!("the specific volatility of {} is no number of 0 or more", symbol(id))
            }
            InvalidVendorModel::Model(fault) => fault.describe(snapshot),
        }
    }
}

impl InvalidModel {
    /// What is wrong, for people.
    pub fn describe(&self, snapshot: &Snapshot) -> String {
        let symbol = |id: &InstrumentId| snapshot.symbol(*id).to_owned();
        match self {
            InvalidModel::NotPositive => {
                "the covariance gives some combination of factors a variance below zero".to_owned()
            }
            InvalidModel::Size { factors, rows } => {
                format!("the covariance has {rows} rows for {factors} factors")
            }
            InvalidModel::DuplicateFactor(factor) => format!("two factors are called {factor}"),
            InvalidModel::DuplicateName(id) => format!("{} has two rows", symbol(id)),
            InvalidModel::Exposure(id) => format!("an exposure of {} is no number", symbol(id)),
            InvalidModel::SpecificVariance(id) => {
                format!("the specific variance of {} is no number of 0 or more", symbol(id))
            }
        }
    }
}
