//! The gaps of an answer as protobuf, folded: a hundred names with one reason are one gap.

use crate::{
    limits,
    rpc::{dataset, shared::gap_reason},
};
use contract::v1;
use marketdata::{
    day::Day,
    gap::{FactorEstimate, Gap, GapReason, Grouping, MeasureRef, Subject},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    mem::discriminant,
};

/// A gap that concerns this share of gross or more is severe: no headline should stand on the rest.
const SEVERE_SHARE: f64 = 0.2;
/// A gap that concerns this share of gross or more is a warning.
const WARNING_SHARE: f64 = 0.01;

/// Folds gaps with equal reasons into one. Those that concern the largest share of gross come first,
/// then the most severe; others keep their order.
pub fn folded(gaps: Vec<Gap>) -> Vec<v1::Gap> {
    let mut groups: Vec<Vec<Gap>> = Vec::new();
    for gap in gaps {
        let folds = |group: &&mut Vec<Gap>| {
            group[0].reason == gap.reason && may_fold(&group[0].subject, &gap.subject)
        };
        match groups.iter_mut().find(folds) {
            Some(group) => group.push(gap),
            None => groups.push(vec![gap]),
        }
    }
    let mut folded: Vec<v1::Gap> = groups.into_iter().map(fold).collect();
    folded.sort_by(|a, b| {
        let rank = |gap: &v1::Gap| (gap.gross_share.unwrap_or(-1.0), gap.severity);
        let ((share_a, severity_a), (share_b, severity_b)) = (rank(a), rank(b));
        share_b.total_cmp(&share_a).then(severity_b.cmp(&severity_a))
    });
    folded
}

/// Whether two subjects may share a gap: they are of one kind. A number of the whole book keeps a gap
/// of its own, because it has a share of gross and a description of its own.
fn may_fold(one: &Subject, other: &Subject) -> bool {
    match (one, other) {
        (Subject::Measure(MeasureRef::Name { .. }), Subject::Measure(MeasureRef::Name { .. })) => {
            true
        }
        (Subject::Measure(one), Subject::Measure(other)) => one == other,
        _ => discriminant(one) == discriminant(other),
    }
}

/// One gap for several of one reason and kind, the largest share first, ties by subject.
fn fold(mut group: Vec<Gap>) -> v1::Gap {
    group.sort_by(|a, b| {
        let share = |gap: &Gap| gap.gross_share.unwrap_or(-1.0);
        share(b).total_cmp(&share(a)).then_with(|| a.subject.cmp(&b.subject))
    });
    let reason = group[0].reason;
    let gross_share = gross_share(&group);
    let subjects = distinct(group.iter().map(|gap| &gap.subject));
    v1::Gap {
        reason: gap_reason(reason).into(),
        subject_count: subjects.len() as i32,
        severity: severity(reason, gross_share).into(),
        gross_share,
        detail: detail(&group),
        subjects: subjects.into_iter().take(limits::GAP_SUBJECTS).map(subject).collect(),
    }
}

/// Different items, each where it comes first.
fn distinct<T: Ord + Copy>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    items.filter(|item| seen.insert(*item)).collect()
}

/// Lines and names are added up, each once with its largest share. Of other subjects, which may
/// concern the same names, it is the largest share.
fn gross_share(group: &[Gap]) -> Option<f64> {
    let mut by_subject: BTreeMap<&Subject, f64> = BTreeMap::new();
    for (subject, share) in group.iter().filter_map(|gap| Some((&gap.subject, gap.gross_share?))) {
        let held = by_subject.entry(subject).or_insert(share);
        *held = held.max(share);
    }
    let adds_up = matches!(group[0].subject, Subject::Line(_) | Subject::Symbol(_));
    let shares = by_subject.values().copied();
    // Summed in the order of subjects, so that the order of ingest plays no part.
    let joined = if adds_up { shares.sum() } else { shares.fold(0.0, f64::max) };
    (!by_subject.is_empty()).then_some(joined).map(|share: f64| share.min(1.0))
}

/// The first detail of every kind, more of them up to a few in all, and the number of the others. A
/// hundred lines of one kind must not hide another reason.
fn detail(group: &[Gap]) -> String {
    let details = distinct(group.iter().map(|gap| gap.detail.as_str()));
    let mut kinds = BTreeSet::new();
    let is_first: Vec<bool> = details.iter().map(|detail| kinds.insert(kind(detail))).collect();
    let firsts = (0..details.len()).filter(|at| is_first[*at]).take(limits::GAP_KINDS);
    let others = (0..details.len()).filter(|at| !is_first[*at]);
    let others = others.take(limits::GAP_DETAILS.saturating_sub(kinds.len()));
    let shown: BTreeSet<usize> = firsts.chain(others).collect();
    let mut text = shown.iter().map(|at| details[*at]).collect::<Vec<_>>().join("; ");
    if shown.len() < details.len() {
        text += &format!("; and {} more", details.len() - shown.len());
    }
    text
}

/// A detail without its numbers and names: words with a digit, or in capitals.
fn kind(detail: &str) -> Vec<&str> {
    let is_value = |word: &str| {
        let has_digit = word.contains(|letter: char| letter.is_ascii_digit());
        has_digit || !word.contains(char::is_lowercase)
    };
    detail.split_whitespace().map(|word| if is_value(word) { "" } else { word }).collect()
}

/// See `GapSeverity`.
fn severity(reason: GapReason, gross_share: Option<f64>) -> v1::GapSeverity {
    let replaced = matches!(
        reason,
        GapReason::Proxy
            | GapReason::AdjustedPrice
            | GapReason::NoClassification
            | GapReason::Survivorship
            | GapReason::MissingObservations
            | GapReason::Merged
            | GapReason::LaterKnowledge
    );
    // Found all the same, by a name that it has on another day.
    if reason == GapReason::NameOfOtherDays {
        return v1::GapSeverity::Info;
    }
    match gross_share {
        Some(share) if SEVERE_SHARE <= share => v1::GapSeverity::Severe,
        Some(share) if WARNING_SHARE <= share => v1::GapSeverity::Warning,
        None if !replaced => v1::GapSeverity::Warning,
        Some(_) | None => v1::GapSeverity::Info,
    }
}

fn subject(subject: &Subject) -> v1::GapSubject {
    use v1::gap_subject::Subject as Wire;
    let wire = match subject {
        Subject::Line(name) => Wire::PositionId(name.clone()),
        Subject::Symbol(symbol) => Wire::Symbol(symbol.clone()),
        Subject::Measure(measure) => Wire::Measure(measure_ref(measure)),
        Subject::Indicator(id) => Wire::IndicatorMeasureId(id.clone()),
        Subject::Series(id) => Wire::SeriesId(id.clone()),
        Subject::Dataset(dataset) => Wire::Dataset(dataset::to_proto(*dataset)),
        Subject::Role(id) => Wire::Role((*id).to_owned()),
    };
    v1::GapSubject { subject: Some(wire) }
}

fn measure_ref(measure: &MeasureRef) -> v1::MeasureRef {
    use v1::measure_ref::Measure as Wire;
    let wire = match measure {
        MeasureRef::ProfitAndLoss => Wire::Book(book_ref(v1::BookNumber::ProfitAndLoss, None)),
        MeasureRef::Repeat(on) => Wire::Book(book_ref(v1::BookNumber::Repeat, Some(*on))),
        MeasureRef::RepeatDay(on) => Wire::Book(book_ref(v1::BookNumber::RepeatDay, Some(*on))),
        MeasureRef::RepeatTrade { trade_id, on } => Wire::Trade(v1::TradeRef {
            trade_id: trade_id.clone(),
            number: v1::TradeNumber::RepeatTradeReturn.into(),
            repeat_on: on.to_string(),
            ..v1::TradeRef::default()
        }),
        MeasureRef::Grouped(group_by) => Wire::Group(group_ref(*group_by, None)),
        MeasureRef::Ungrouped(group_by) => Wire::Group(group_ref(*group_by, Some(String::new()))),
        MeasureRef::Factor { factor_id, estimate } => Wire::Factor(v1::FactorRef {
            model_id: exposure::factor::MODEL_ID.to_owned(),
            factor_id: factor_id.clone(),
            number: match estimate {
                FactorEstimate::Any => v1::FactorNumber::Unspecified,
                FactorEstimate::BottomUp => v1::FactorNumber::BottomUp,
                FactorEstimate::TopDown => v1::FactorNumber::TopDown,
            }
            .into(),
        }),
        MeasureRef::ChosenFactor(factor_id) => Wire::Factor(v1::FactorRef {
            model_id: risk::factor_series::MODEL_ID.to_owned(),
            factor_id: factor_id.clone(),
            ..v1::FactorRef::default()
        }),
        MeasureRef::LegBeta { trade_id, leg_id } => Wire::Trade(v1::TradeRef {
            trade_id: trade_id.clone(),
            leg_id: Some(leg_id.clone()),
            number: v1::TradeNumber::Beta.into(),
            ..v1::TradeRef::default()
        }),
        MeasureRef::Scenarios(id) => {
            Wire::Risk(v1::RiskRef { scenario_set_id: id.clone(), ..v1::RiskRef::default() })
        }
        MeasureRef::WorstDay(id) => Wire::Risk(v1::RiskRef {
            scenario_set_id: id.clone(),
            number: v1::RiskNumber::WorstDay.into(),
            ..v1::RiskRef::default()
        }),
        MeasureRef::Name { symbol, field } => Wire::Name(v1::NameRef {
            instrument: Some(by_symbol(symbol)),
            field: (*field).to_owned(),
            ..v1::NameRef::default()
        }),
    };
    v1::MeasureRef { measure: Some(wire) }
}

fn book_ref(number: v1::BookNumber, repeat_on: Option<Day>) -> v1::BookRef {
    v1::BookRef {
        number: number.into(),
        repeat_on: repeat_on.map(|on| on.to_string()).unwrap_or_default(),
        ..v1::BookRef::default()
    }
}

fn by_symbol(symbol: &str) -> v1::InstrumentRef {
    v1::InstrumentRef { symbol: symbol.to_owned(), ..v1::InstrumentRef::default() }
}

fn group_ref(group_by: Grouping, group_id: Option<String>) -> v1::GroupRef {
    let kind = match group_by {
        Grouping::Size => v1::GroupByKind::Size,
        Grouping::Sector => v1::GroupByKind::Sector,
    };
    let group_by = Some(v1::GroupBy { kind: kind.into(), label_key: String::new() });
    v1::GroupRef { group_by, group_id, number: v1::ExposureNumber::Unspecified.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(symbol: &str, detail: &str) -> Gap {
        Gap::new(GapReason::ShortHistory, Subject::symbol(symbol), detail)
    }

    fn symbols(gap: &v1::Gap) -> Vec<&str> {
        fn symbol(subject: &v1::GapSubject) -> Option<&str> {
            match &subject.subject {
                Some(v1::gap_subject::Subject::Symbol(symbol)) => Some(symbol),
                _ => None,
            }
        }
        gap.subjects.iter().filter_map(symbol).collect()
    }

    #[test]
    fn equal_reasons_are_one_gap_with_the_largest_share_first() {
        let gaps = vec![
            Gap::new(GapReason::Proxy, Subject::Role("nasdaq"), "a fund stands in"),
            name("A", "one").of_gross(0.05),
            name("B", "two").of_gross(0.1),
            // A second gap of A counts once, with its larger share.
            name("A", "three").of_gross(0.125),
        ];
        let folded = folded(gaps);
        let [short, proxy] = &folded[..] else { panic!("{folded:?}") };
        assert_eq!(symbols(short), ["A", "B"]);
        // 0.125 + 0.1
        assert_eq!((short.subject_count, short.gross_share), (2, Some(0.225)));
        assert_eq!(short.severity(), v1::GapSeverity::Severe);
        assert_eq!(short.detail, "three; two; one");
        assert_eq!((proxy.subject_count, proxy.severity()), (1, v1::GapSeverity::Info));
    }

    #[test]
    fn long_lists_are_cut_and_counted() {
        let gaps = (0..30).map(|at| name(&format!("N{at:02}"), &format!("{at} returns")));
        let folded = folded(gaps.collect());
        let [gap] = &folded[..] else { panic!("{folded:?}") };
        assert_eq!((gap.subjects.len(), gap.subject_count), (10, 30));
        assert_eq!(gap.detail, "0 returns; 1 returns; 2 returns; and 27 more");
        // Data are missing, for an unknown share of gross.
        assert_eq!((gap.gross_share, gap.severity()), (None, v1::GapSeverity::Warning));
    }

    /// Forty lines with stand-ins, whose details differ in their numbers, and one with another reason,
    /// of a smaller share: it was among "and 38 more".
    #[test]
    fn every_kind_of_detail_is_readable() {
        let stands = |at: usize| format!("{at} of 756 past sessions have no return of its own");
        let stand_ins = (0..40).map(|at| name(&format!("N{at:02}"), &stands(at)).of_gross(0.01));
        let rate =
            |currency| format!("moves of the trade do not say what the rate of {currency} does");
        let rates = ["EUR", "CHF"].map(|currency| name(currency, &rate(currency)).of_gross(1e-4));
        let folded = folded(stand_ins.chain(rates).collect());
        let [gap] = &folded[..] else { panic!("{folded:?}") };
        let expected = [stands(0), stands(1), rate("CHF"), "and 39 more".to_owned()];
        assert_eq!(gap.detail, expected.join("; "));
        // Kinds are bounded.
        let words = ["one", "two", "six", "ten", "red", "hot", "dry", "low", "far", "old", "new"];
        let many = words.map(|word| name(word, word));
        let [gap] = &self::folded(many.to_vec())[..] else { panic!() };
        assert!(gap.detail.ends_with("; and 1 more"), "{}", gap.detail);
    }

    #[test]
    fn a_number_of_the_book_keeps_its_own_gap() {
        let lacks = |group_by, share| {
            let subject = MeasureRef::Ungrouped(group_by);
            Gap::new(GapReason::NoClassification, subject, "x").of_gross(share)
        };
        let folded = folded(vec![
            lacks(Grouping::Size, 0.1),
            lacks(Grouping::Sector, 0.7),
            lacks(Grouping::Size, 0.005),
        ]);
        let found: Vec<_> = folded.iter().map(|gap| (gap.gross_share, gap.severity())).collect();
        let [severe, warning] = [v1::GapSeverity::Severe, v1::GapSeverity::Warning];
        assert_eq!(found, [(Some(0.7), severe), (Some(0.1), warning)]);
    }

    #[test]
    fn the_share_of_gross_decides_how_severe_a_gap_is() {
        let severity = |share| folded(vec![name("S", "x").of_gross(share)])[0].severity();
        assert_eq!(severity(0.009), v1::GapSeverity::Info);
        assert_eq!(severity(0.01), v1::GapSeverity::Warning);
        assert_eq!(severity(0.2), v1::GapSeverity::Severe);
    }
}
