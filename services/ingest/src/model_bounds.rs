//! Rejects rows of vendors' risk models beyond the bounds of a store: names of factors are kept
//! permanently, and every view looks at the rows of all models.

use crate::{parsed_file::NameId, resolved_rows::ResolvedRows, tally::Tally};
use marketdata::{
    dataset::Dataset,
    day::Day,
    instrument::Namespace,
    market::Market,
    risk_models::{FACTORS_EVER_MAX, FACTORS_MAX, MODELS_MAX},
    symbol::{SPECIFIC_FACTOR, Symbol, factor_parts},
};
use std::collections::{BTreeMap, BTreeSet};
use tables::refusal::{Fault, Reason};

/// The factors of models by their names, of all days.
type Factors<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// Rejects rows of models, and of factors, beyond what a store holds.
pub(super) fn reject(
    all: &[ResolvedRows<'_>],
    market: &Market,
    names: &[(Namespace, Symbol)],
    tally: &mut Tally<'_>,
) {
    let is_of_model = |rows: &&ResolvedRows<'_>| {
        let dataset = rows.staged.dataset;
        matches!(
            dataset,
            Dataset::VendorExposures | Dataset::VendorCovariances | Dataset::VendorSpecificRisks
        )
    };
    for rows in all.iter().filter(is_of_model) {
        let file = File { rows, names };
        let mut faults = file.beyond(&stored(market));
        if rows.staged.dataset == Dataset::VendorExposures {
            file.add_broad_days(&mut faults);
        }
        if !faults.is_empty() {
            file.reject(&faults, tally);
        }
    }
}

/// The factors of a store. A series, a manager or a list of members may have a slash in its name as well.
fn stored(market: &Market) -> Factors<'_> {
    let (directory, revision) = (market.directory(), market.head().revision);
    let mut no_factors = market.others(Dataset::ManagerHoldings, revision);
    no_factors.extend(market.others(Dataset::Memberships, revision));
    let mut found: Factors<'_> = BTreeMap::new();
    for instrument in directory.all_at(revision) {
        let has_rows = |dataset| market.track(dataset, instrument.id).is_some();
        let is_none = instrument.namespace != Namespace::Series
            || has_rows(Dataset::Series)
            || has_rows(Dataset::Schedules)
            || no_factors.contains(&instrument.id);
        if is_none {
            continue;
        }
        for naming in directory.namings(instrument.id, revision) {
            if let Some((model, factor)) = factor_parts(naming.symbol.as_str()) {
                add(&mut found, (model, factor));
            }
        }
    }
    found
}

/// Adds a factor of a model. Specific returns make a model known and are no factor.
fn add<'a>(found: &mut Factors<'a>, (model, factor): (&'a str, &'a str)) {
    let factors = found.entry(model).or_default();
    if factor != SPECIFIC_FACTOR {
        factors.insert(factor);
    }
}

/// Why rows of a model are rejected, on one day or on all.
type Faults<'a> = BTreeMap<(&'a str, Option<Day>), Fault>;

/// A file's rows of one dataset.
struct File<'a> {
    rows: &'a ResolvedRows<'a>,
    names: &'a [(Namespace, Symbol)],
}

impl<'a> File<'a> {
    /// The factor that a row is of, or one of the two.
    fn factor(&self, row: usize) -> NameId {
        let staged = self.rows.staged;
        match staged.dataset {
            Dataset::VendorCovariances => staged.who[row],
            _ => staged.other[row],
        }
    }

    fn parts(&self, factor: NameId) -> (&'a str, &'a str) {
        let symbol = self.names.get(factor.0 as usize).map_or("", |(_, symbol)| symbol.as_str());
        factor_parts(symbol).unwrap_or_default()
    }

    /// The models that are too many, and those with too many factors over all days.
    fn beyond(&self, stored: &Factors<'_>) -> Faults<'a> {
        let mut own: Factors<'a> = BTreeMap::new();
        let mut met: Vec<&str> = Vec::new();
        let mut last = NameId::NONE;
        for row in 0..self.rows.staged.len() {
            let factor = self.factor(row);
            if last == factor {
                continue;
            }
            last = factor;
            let (model, factor) = self.parts(factor);
            if !own.contains_key(model) && !stored.contains_key(model) {
                met.push(model);
            }
            add(&mut own, (model, factor));
        }
        let mut faults: Faults<'a> = BTreeMap::new();
        for model in met.into_iter().skip(MODELS_MAX.saturating_sub(stored.len())) {
            let text = format!("{model}: a store has at most {MODELS_MAX} risk models");
            faults.insert((model, None), Fault::new(Reason::TooManyModels, text));
        }
        for (model, factors) in &own {
            let nothing = BTreeSet::new();
            let before = stored.get(model).unwrap_or(&nothing);
            let fresh = factors.iter().filter(|factor| !before.contains(**factor)).count();
            let all = before.len() + fresh;
            if 0 < fresh && FACTORS_EVER_MAX < all {
                let text = format!(
                    "{model}: with this file it has {all} factors over all days, at most \
                     {FACTORS_EVER_MAX} are accepted: load a model whose factors change under \
                     another name"
                );
                faults.insert((model, None), Fault::new(Reason::TooManyFactors, text));
            }
        }
        faults
    }

    /// Adds the days on which a model has exposures to too many factors.
    fn add_broad_days(&self, faults: &mut Faults<'a>) {
        let staged = self.rows.staged;
        let mut factors: BTreeMap<(&str, Day), BTreeSet<NameId>> = BTreeMap::new();
        for row in 0..staged.len() {
            let factor = self.factor(row);
            let of_day = factors.entry((self.parts(factor).0, staged.day[row])).or_default();
            of_day.insert(factor);
        }
        for ((model, day), factors) in factors {
            let count = factors.len();
            if FACTORS_MAX < count {
                let text = format!(
                    "{model} on {day}: exposures to {count} factors, at most {FACTORS_MAX} are \
                     accepted"
                );
                let fault = Fault::new(Reason::TooManyFactors, text);
                faults.insert((model, Some(day)), fault);
            }
        }
    }

    fn reject(&self, faults: &Faults<'_>, tally: &mut Tally<'_>) {
        let staged = self.rows.staged;
        for row in 0..staged.len() {
            let (model, _) = self.parts(self.factor(row));
            let of_day = || faults.get(&(model, Some(staged.day[row])));
            if let Some(fault) = faults.get(&(model, None)).or_else(of_day) {
                tally.reject(staged.line[row], fault.clone());
            }
        }
    }
}
