//! A vendor's model of a request, and its gaps.

use super::{
    risk_model::{FAULTS_SHOWN, age},
    views::Seen,
};
use crate::{
    refusal::{Kind, Refusal},
    views::Pinned,
};
use exposure::factor_risk::BookModel;
use marketdata::{
    currency::Currency,
    dataset::Dataset,
    gap::{Gap, GapReason, Subject},
};
use risk::{
    vendor_model::Loaded,
    vendor_models::{AGE_DAYS_MAX, DayModel, Known, VendorModels},
};
use std::{borrow::Cow, collections::BTreeMap};

/// Age in calendar days from which on a vendor's model is old: monthly files are at most this old.
const OLD_DAYS: i32 = 40;
/// A vendor's model that covers a smaller share of the names of its exposures or of its specific
/// volatilities has a gap: a file may be missing in part.
const COVERED_SHARE: f64 = 0.9;

/// The refusal of a vendor's model that nothing is known of.
pub(super) fn unknown_model(known: &VendorModels, name: &str) -> Refusal {
    Refusal::Unknown { kind: Kind::RiskModel, name: name.to_owned(), known: known.names() }
}

/// A vendor's model, or the gap of one whose data are no model.
pub(super) fn vendor<'a>(
    pinned: &Pinned,
    seen: Seen<'a>,
    name: &str,
) -> Result<Result<BookModel<'a>, Gap>, Refusal> {
    let Some(vendors) = seen.vendors else {
        return Err(Refusal::Failed("invariant: models of vendors are prepared".to_owned()));
    };
    let of = || Subject::Dataset(Dataset::VendorExposures);
    let found = match vendors.known.0.get(name) {
        None => return Err(unknown_model(&vendors.known.0, name)),
        Some(Known::InParts) => {
            let detail = format!(
                "of {name} no day is known with exposures, covariances and specific volatilities"
            );
            return Ok(Err(Gap::new(GapReason::InputMissing, of(), detail)));
        }
        Some(Known::Past(on)) => {
            let detail = format!(
                "the newest covariances of {name} are of {on}, more than {AGE_DAYS_MAX} days ago"
            );
            return Ok(Err(Gap::new(GapReason::Stale, of(), detail)));
        }
        Some(Known::Whole(_)) => match vendors.models.get(name) {
            Some(found) => &found.0,
            None => {
                let what = "invariant: a model that is named is prepared";
                return Err(Refusal::Failed(what.to_owned()));
            }
        },
    };
    Ok(match &found.outcome {
        Ok(loaded) => Ok(BookModel {
            id: name.to_owned(),
            on: found.on,
            published_at: Some(found.published_at),
            model: Cow::Borrowed(&loaded.model),
            name_count: Some(loaded.model.instruments().len()),
            rungs: BTreeMap::new(),
            uncovered: GapReason::InputMissing,
        }),
        Err(_) => Err(Gap::new(GapReason::Implausible, of(), no_vendor_model(pinned, name, found))),
    })
}

/// Why the rows of a vendor's day are no model.
fn no_vendor_model(pinned: &Pinned, name: &str, found: &DayModel) -> String {
    let Err(faults) = &found.outcome else { return String::new() };
    let shown = faults.first.iter().take(FAULTS_SHOWN);
    let mut shown: Vec<String> = shown.map(|fault| fault.describe(pinned.snapshot())).collect();
    if shown.len() < faults.count {
        shown.push(format!("and {} more", faults.count - shown.len()));
    }
    format!("{name} of {} is no model: {}", found.on, shown.join("; "))
}

/// The gap of a vendor's model of which many names lack a part.
fn in_part(model: &BookModel<'_>, loaded: &Loaded) -> Option<Gap> {
    let whole = loaded.model.instruments().len();
    let exposed = whole + loaded.without_specific.len();
    let specific = whole + loaded.without_exposures.len();
    let most = exposed.max(specific);
    if COVERED_SHARE * most as f64 <= whole as f64 {
        return None;
    }
    let detail = format!(
        "{} of {} has exposures of {exposed} names and specific volatilities of {specific}: it covers \
         the {whole} names that have both, as if a part of its files were missing",
        model.id, model.on
    );
    let of = Subject::Dataset(Dataset::VendorExposures);
    Some(Gap::new(GapReason::InputMissing, of, detail))
}

/// The gaps of a vendor's model as a whole: its age, names of which it has a part, and rates that it
/// says nothing of.
pub(super) fn gaps_of_vendor(pinned: &Pinned, seen: Seen<'_>, model: &BookModel<'_>) -> Vec<Gap> {
    if model.published_at.is_none() {
        return Vec::new();
    }
    let of = || Subject::Dataset(Dataset::VendorExposures);
    let mut found = Vec::new();
    if let Some(day) = seen.vendors.and_then(|vendors| vendors.models.get(&model.id)) {
        found.extend(day.0.outcome.as_ref().ok().and_then(|loaded| in_part(model, loaded)));
    }
    let age = age(pinned.snapshot().today(), model);
    if OLD_DAYS < age {
        let detail = format!("{} is of {}, {age} days ago", model.id, model.on);
        found.push(Gap::new(GapReason::Stale, of(), detail));
    }
    let base = pinned.snapshot().base();
    if base != Currency::USD {
        let detail = format!(
            "returns of {} are taken as those in {}: the risk of rates is in none of its numbers",
            model.id,
            base.code()
        );
        found.push(Gap::new(GapReason::Proxy, of(), detail));
    }
    found
}
