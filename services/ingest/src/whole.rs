//! Parts of vendors' risk models that are taken whole or not at all.
//!
//! Covariance matrices of a day of which a matrix of other factors is stored: of a matrix of fewer
//! factors the old rows of the others would stay, and one of more would be joined to them, a mixture
//! that no vendor published. And what a row that is refused this late leaves of a matrix, or of the
//! exposures of a name: the readers see to those that they refuse themselves.

use crate::{resolved_rows::ResolvedRows, tally::Tally};
use marketdata::{
    dataset::Dataset,
    day::Day,
    instant::Instant,
    instrument::{InstrumentId, Namespace},
    market::Market,
    snapshot::Snapshot,
    symbol::{Symbol, factor_parts},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tables::refusal::{Fault, Reason};

/// Factors by model and day.
type Factors<'a> = BTreeMap<(&'a str, Day), BTreeSet<InstrumentId>>;

/// Rejects the file's matrices whose factors are not those of the stored one.
pub(super) fn reject(
    rows: &ResolvedRows<'_>,
    market: &Arc<Market>,
    names: &[(Namespace, Symbol)],
    tally: &mut Tally<'_>,
) {
    let revision = market.head().revision;
    let Some(snapshot) = Snapshot::new(Arc::clone(market), Instant::MAX, revision) else { return };
    let staged = rows.staged;
    let model = |row: usize| {
        let name = names.get(staged.who[row].0 as usize).map_or("", |(_, symbol)| symbol.as_str());
        factor_parts(name).map_or("", |(model, _)| model)
    };
    let mut of_file: Factors<'_> = BTreeMap::new();
    for row in 0..staged.len() {
        let factors = of_file.entry((model(row), staged.day[row])).or_default();
        factors.extend([rows.ids[row], rows.other(row)]);
    }
    let known = stored(&snapshot, &of_file);
    for row in 0..staged.len() {
        let key = (model(row), staged.day[row]);
        let Some(known) = known.get(&key).filter(|known| **known != of_file[&key]) else {
            continue;
        };
        let (model, day) = key;
        let (count, stored) = (of_file[&key].len(), known.len());
        let text = format!(
            "{model} on {day}: it has {count} factors, and {stored} are stored that are not the same"
        );
        tally.reject(staged.line[row], Fault::new(Reason::CovarianceIncomplete, text));
    }
}

/// Rejects what rejected rows leave of matrices, and of the exposures of their names.
pub(super) fn reject_rest(
    rows: &ResolvedRows<'_>,
    names: &[(Namespace, Symbol)],
    tally: &mut Tally<'_>,
) {
    let staged = rows.staged;
    let (reason, of_name) = match staged.dataset {
        Dataset::VendorExposures => (Reason::ExposuresIncomplete, true),
        Dataset::VendorCovariances => (Reason::CovarianceIncomplete, false),
        _ => return,
    };
    if !tally.any_rejected() {
        return;
    }
    let key = |row: usize| {
        let (factor, name) = match of_name {
            true => (staged.other[row], rows.ids[row]),
            false => (staged.who[row], InstrumentId::NONE),
        };
        let symbol = names.get(factor.0 as usize).map_or("", |(_, symbol)| symbol.as_str());
        (factor_parts(symbol).map_or("", |(model, _)| model), staged.day[row], name)
    };
    let is_rejected = |row: &usize| tally.is_rejected(staged.line[*row]);
    let bad: BTreeSet<_> = (0..staged.len()).filter(is_rejected).map(key).collect();
    for row in (0..staged.len()).filter(|row| bad.contains(&key(*row))) {
        let (model, day, _) = key(row);
        let text = format!("{model} on {day}: another row is left out");
        tally.reject(staged.line[row], Fault::new(reason, text));
    }
}

/// The stored factors of the models and days of a file.
fn stored<'a>(snapshot: &'a Snapshot, of_file: &Factors<'_>) -> Factors<'a> {
    let mut found: Factors<'a> = BTreeMap::new();
    let Some(first) = of_file.keys().map(|(_, day)| *day).min() else { return found };
    for factor in snapshot.holders(Dataset::VendorCovariances) {
        let (model, _) = factor_parts(snapshot.symbol(factor)).unwrap_or_default();
        let rows = snapshot.rows(Dataset::VendorCovariances, factor).since(first);
        for row in (0..rows.len()).filter(|row| of_file.contains_key(&(model, rows.day(*row)))) {
            let factors = found.entry((model, rows.day(row))).or_default();
            factors.extend([factor, rows.other(row)]);
        }
    }
    found
}
