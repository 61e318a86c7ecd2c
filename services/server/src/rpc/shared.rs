//! Conversions shared by all requests and responses: as-of, references, coverage, reasons.

use crate::{
    as_of::{AsOf, Pin, When},
    hex::hex,
    limits,
    rpc::field::Fields,
    views::Pinned,
};
use ::portfolio::coverage::{Aspect, Coverage};
use contract::{canonical::Canonical, v1};
use marketdata::{
    calendar::plus_sessions, currency::Currency, gap::GapReason, instant::Instant,
    reference::ReferenceKnowledge,
};
use prost_types::Timestamp;
use rotation::as_published::last_closed;

/// Reads the as-of of a request.
pub fn as_of(fields: &mut Fields, as_of: Option<v1::AsOf>) -> AsOf {
    use v1::as_of::When as Wire;
    let as_of = as_of.unwrap_or_default();
    let v1::AsOf { revision, when, reference_knowledge, reference_max_age_days } = as_of;
    let when = match when {
        None => None,
        Some(Wire::Snapshot(reference)) => {
            for (field, is_given) in [
                ("as_of.revision", revision.is_some()),
                ("as_of.reference_knowledge", reference_knowledge != 0),
                ("as_of.reference_max_age_days", reference_max_age_days.is_some()),
            ] {
                if is_given {
                    fields.add(field, "must be absent beside as_of.snapshot, which has it");
                }
            }
            return replay(fields, "as_of.snapshot", reference);
        }
        Some(Wire::At(at)) => instant(fields, "as_of.at", at).map(When::At),
        Some(Wire::On(on)) if on.is_empty() => {
            fields.add("as_of.on", "must be an ISO date (YYYY-MM-DD), is empty");
            None
        }
        Some(Wire::On(on)) => fields.day("as_of.on", &on).map(When::On),
    };
    let reference = reference(fields, "as_of", (reference_knowledge, reference_max_age_days));
    let when = when.unwrap_or(When::Now);
    let (base, settings, pins) = (Currency::USD, None, Vec::new());
    let (path, base_path) = ("as_of", AsOf::BASE_PATH);
    AsOf { path, when, revision, reference, base, base_path, settings, pins }
}

/// Reads reference knowledge and its age limit, and applies the default of the limit. `None` if it is
/// not given.
fn reference(
    fields: &mut Fields,
    path: &str,
    (knowledge, max_age): (i32, Option<i32>),
) -> Option<ReferenceKnowledge> {
    use v1::ReferenceKnowledge as Wire;
    let knowledge: Wire = fields.choice(&format!("{path}.reference_knowledge"), knowledge);
    let field = format!("{path}.reference_max_age_days");
    if knowledge == Wire::EarliestLater {
        let max_age = max_age.unwrap_or(limits::REFERENCE_MAX_AGE_DAYS);
        let max_age = fields.within(&field, max_age, 1, limits::REFERENCE_MOST_AGE_DAYS);
        let max_age_days = u16::try_from(max_age).unwrap_or(u16::MAX);
        return Some(ReferenceKnowledge::EarliestLater { max_age_days });
    }
    if max_age.is_some() {
        fields.add(field, "must be absent unless later facts of reference are asked for");
    }
    (knowledge == Wire::AsPublished).then_some(ReferenceKnowledge::AsPublished)
}

/// Reads the reference of an answer, at a path of the request: every part of it counts.
pub fn replay(fields: &mut Fields, path: &'static str, given: v1::SnapshotRef) -> AsOf {
    let knowledge = (given.reference_knowledge, given.reference_max_age_days);
    let is_later = knowledge.0 == v1::ReferenceKnowledge::EarliestLater as i32;
    for (name, is_missing) in [
        ("reference_knowledge", knowledge.0 == v1::ReferenceKnowledge::Unspecified as i32),
        ("reference_max_age_days", is_later && knowledge.1.is_none()),
    ] {
        if is_missing {
            fields.add(format!("{path}.{name}"), "must be given as in the answer");
        }
    }
    let reference = reference(fields, path, knowledge);
    let v1::SnapshotRef { as_of, revision, data_version, model_version, config_hash, .. } = given;
    let field = format!("{path}.as_of");
    if as_of.is_none() {
        fields.add(&field, "must be given as in the answer");
    }
    let at = as_of.and_then(|at| instant(fields, &field, at));
    for (name, version) in [
        ("model_version", &model_version),
        ("config_hash", &config_hash),
        ("data_version", &data_version),
    ] {
        if version.is_empty() {
            fields.add(format!("{path}.{name}"), "must be given as in the answer");
        }
    }
    AsOf {
        path,
        when: at.map_or(When::Now, When::At),
        revision: Some(revision),
        reference: reference.or(Some(ReferenceKnowledge::AsPublished)),
        base: Currency::USD,
        base_path: AsOf::BASE_PATH,
        settings: Some(config_hash),
        pins: vec![(Pin::AnswerModel, model_version), (Pin::DataVersion, data_version)],
    }
}

/// Reads the versions that a watch expects: the head and the current time, of these versions.
pub fn expected(expected: Option<v1::SnapshotExpectation>) -> AsOf {
    let v1::SnapshotExpectation { model_version, config_hash } = expected.unwrap_or_default();
    let pins = [(Pin::ModelVersion, model_version), (Pin::ConfigHash, config_hash)];
    let pins = pins.into_iter().filter_map(|(pin, version)| Some((pin, version?)));
    let pins = pins.collect();
    let (path, when) = ("expected", When::Now);
    let (base, base_path) = (Currency::USD, AsOf::BASE_PATH);
    AsOf { path, when, revision: None, reference: None, base, base_path, settings: None, pins }
}

/// Reads an instant, to the microsecond.
pub fn instant(fields: &mut Fields, field: &str, timestamp: Timestamp) -> Option<Instant> {
    let Timestamp { seconds, nanos } = timestamp;
    // Years 1 to 9999, the range of a protobuf timestamp.
    let lawful = (-62_135_596_800..=253_402_300_799).contains(&seconds)
        && (0..1_000_000_000).contains(&nanos)
        && nanos % 1_000 == 0;
    if !lawful {
        fields.add(field, "must be a timestamp of the years 1 to 9999, in whole microseconds");
        return None;
    }
    Some(Instant::from_micros(seconds * 1_000_000 + i64::from(nanos) / 1_000))
}

/// An instant as protobuf.
pub fn timestamp(instant: Instant) -> Timestamp {
    let micros = instant.micros();
    Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: (micros.rem_euclid(1_000_000) * 1_000) as i32,
    }
}

/// The reference of the data an answer is based on.
pub fn snapshot_ref(pinned: &Pinned) -> v1::SnapshotRef {
    let snapshot = pinned.snapshot();
    let (knowledge, max_age) = match snapshot.reference() {
        ReferenceKnowledge::AsPublished => (v1::ReferenceKnowledge::AsPublished, None),
        ReferenceKnowledge::EarliestLater { max_age_days } => {
            (v1::ReferenceKnowledge::EarliestLater, Some(max_age_days.into()))
        }
    };
    v1::SnapshotRef {
        as_of: Some(timestamp(pinned.as_of())),
        revision: snapshot.revision(),
        data_version: hex(&snapshot.data_version()),
        model_version: pinned.model().to_owned(),
        config_hash: pinned.settings().hash().to_owned(),
        reference_knowledge: knowledge.into(),
        reference_max_age_days: max_age,
    }
}

/// The last session that had closed at an instant, as an ISO date.
pub fn session_on(at: Instant) -> String {
    plus_sessions(last_closed(at).plus(1), -1).to_string()
}

/// The id of an answer: hash of the method, of the request with its defaults applied and its
/// `as_of` and page token cleared (the reference replaces them), and of the reference.
pub fn result_id(method: &str, request: &impl Canonical, reference: &v1::SnapshotRef) -> String {
    // Each part has its own length or end, so that no other three parts give these bytes.
    let mut form = Vec::with_capacity(RESULT_ID_CAPACITY);
    method.as_bytes().write(&mut form);
    request.write(&mut form);
    reference.write(&mut form);
    blake3::Hasher::new_derive_key("ballast.v1 result id")
        .update(&form)
        .finalize()
        .to_hex()
        .to_string()
}

/// Initial capacity for the hashed bytes: a request of ordinary size.
const RESULT_ID_CAPACITY: usize = 1024;

/// How well data cover a portfolio.
pub fn coverage(rows: &[Coverage]) -> Vec<v1::Coverage> {
    let aspect = |aspect| match aspect {
        Aspect::Priced => v1::CoverageAspect::Priced,
        Aspect::Sized => v1::CoverageAspect::Sized,
        Aspect::Classified => v1::CoverageAspect::Classified,
        Aspect::OwnBetas => v1::CoverageAspect::OwnBetas,
        Aspect::OwnTailHistory => v1::CoverageAspect::OwnTailHistory,
        Aspect::Scored => v1::CoverageAspect::Scored,
        Aspect::ManagerHoldings => v1::CoverageAspect::ManagerHoldings,
        Aspect::ShortInterest => v1::CoverageAspect::ShortInterest,
    };
    let row = |row: &Coverage| v1::Coverage {
        aspect: aspect(row.aspect).into(),
        own: row.own,
        proxied: row.proxied,
        missing: row.missing,
    };
    rows.iter().map(row).collect()
}

/// The reason of a gap as protobuf.
pub const fn gap_reason(reason: GapReason) -> v1::GapReason {
    use v1::GapReason as Wire;
    match reason {
        GapReason::UnknownInstrument => Wire::UnknownInstrument,
        GapReason::NoPrice => Wire::NoPrice,
        GapReason::ShortHistory => Wire::ShortHistory,
        GapReason::Stale => Wire::Stale,
        GapReason::NoShortInterest => Wire::NoShortInterest,
        GapReason::NoFloat => Wire::NoFloat,
        GapReason::NoSharesOutstanding => Wire::NoSharesOutstanding,
        GapReason::NoVolume => Wire::NoVolume,
        GapReason::InputMissing => Wire::InputMissing,
        GapReason::BasisUnknown => Wire::BasisUnknown,
        GapReason::AdjustedPrice => Wire::AdjustedPrice,
        GapReason::Proxy => Wire::Proxy,
        GapReason::NoClassification => Wire::NoClassification,
        GapReason::Degenerate => Wire::Degenerate,
        GapReason::Survivorship => Wire::Survivorship,
        GapReason::MissingObservations => Wire::MissingObservations,
        GapReason::Implausible => Wire::Implausible,
        GapReason::Merged => Wire::Merged,
        GapReason::LaterKnowledge => Wire::LaterKnowledge,
        GapReason::AmbiguousInstrument => Wire::AmbiguousInstrument,
        GapReason::IdentifiersDisagree => Wire::IdentifiersDisagree,
        GapReason::NameOfOtherDays => Wire::NameOfOtherDays,
        GapReason::FirstOrder => Wire::FirstOrder,
        GapReason::Expired => Wire::Expired,
        GapReason::NoRate => Wire::NoRate,
        GapReason::OldRate => Wire::OldRate,
        GapReason::CurrencyDisagrees => Wire::CurrencyDisagrees,
        GapReason::ForeignCash => Wire::ForeignCash,
        GapReason::BeyondLimit => Wire::BeyondLimit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::Refusal;

    #[test]
    fn the_session_is_the_last_one_that_has_closed() {
        // Friday, 2020-11-06, then a weekend; the close is 21:00 UTC.
        for (at, session) in [
            ("2020-11-06T20:59:59Z", "2020-11-05"),
            ("2020-11-06T21:00:00Z", "2020-11-06"),
            ("2020-11-08T21:00:00Z", "2020-11-06"),
            ("2020-11-09T20:59:59Z", "2020-11-06"),
            ("2020-11-09T21:00:00Z", "2020-11-09"),
        ] {
            assert_eq!(session_on(Instant::parse_rfc3339(at).unwrap()), session, "{at}");
        }
    }

    #[test]
    fn instants_go_both_ways_before_and_after_the_epoch() {
        for micros in [0, 1, -1, 1_700_000_000_123_456, -62_135_596_800_000_000] {
            let mut fields = Fields::new();
            let there = timestamp(Instant::from_micros(micros));
            assert_eq!(instant(&mut fields, "at", there), Some(Instant::from_micros(micros)));
        }
        for (seconds, nanos) in [(0, 1), (0, -1), (0, 1_000_000_000), (i64::MAX, 0)] {
            let mut fields = Fields::new();
            assert_eq!(instant(&mut fields, "at", Timestamp { seconds, nanos }), None);
            assert!(matches!(fields.finish(Some(())), Err(Refusal::Invalid(v)) if v.len() == 1));
        }
    }
}
