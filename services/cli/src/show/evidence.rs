//! The data an answer is based on, and what is missing; printed under every report.

use crate::{
    as_of_args,
    show::{
        number,
        page::Page,
        table::{Cell, Table},
    },
    terminal::{Terminal, Tone},
};
use contract::v1::{
    AnswerInfo, BookNumber, Coverage, CoverageAspect, Dataset, ExposureNumber, FactorNumber, Gap,
    GapReason, GapSeverity, GapSubject, GroupByKind, MeasureInput, MeasureRef, RiskNumber,
    TradeNumber, UnresolvedLine, gap_subject::Subject, measure_ref::Measure,
};
use marketdata::{day::Day, instant::Instant};

/// Maximum number of gaps listed one by one.
const GAPS_SHOWN: usize = 8;
/// Maximum number of subjects of a gap that are named.
const SUBJECTS_SHOWN: usize = 4;

/// What an answer knew, for a heading: `as known at the close of Thursday 2024-07-11`, or `as known
/// on Sunday 2020-11-08; the last session is Friday 2020-11-06`.
pub(crate) fn as_known(info: Option<&AnswerInfo>) -> String {
    let at = info.and_then(|info| info.snapshot.as_ref()?.as_of.as_ref());
    let Some((info, at)) = info.zip(at) else {
        return "as known at an unknown time".to_owned();
    };
    let text = as_of_args::text(at);
    let Some(instant) = Instant::parse_rfc3339(&text) else { return format!("as known at {text}") };
    let day = instant.new_york_day();
    let session = Day::parse_iso(&info.session_on);
    let last = session.map(|day| format!("; the last session is {}", with_weekday(day)));
    let last = last.unwrap_or_default();
    match instant == Instant::close_of(day) {
        true if session == Some(day) => format!("as known at the close of {}", with_weekday(day)),
        true => format!("as known on {}{last}", with_weekday(day)),
        false => format!("as known at {text}{last}"),
    }
}

/// A day with its weekday: `Thursday 2024-07-11`.
fn with_weekday(day: Day) -> String {
    const NAMES: [&str; 7] =
        ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    format!("{} {day}", NAMES[day.weekday() as usize])
}

/// The revision of the log that an answer is based on.
pub(crate) fn revision(info: Option<&AnswerInfo>) -> u64 {
    info.and_then(|info| info.snapshot.as_ref()).map_or(0, |snapshot| snapshot.revision)
}

/// The snapshot reference that replays the answer, in a faint line.
pub(crate) fn reference(info: Option<&AnswerInfo>, terminal: Terminal) -> String {
    let Some((info, snapshot)) = info.and_then(|info| Some((info, info.snapshot.as_ref()?))) else {
        return String::new();
    };
    let at = snapshot.as_of.as_ref().map(as_of_args::text).unwrap_or_default();
    let short = |text: &str| text.chars().take(12).collect::<String>();
    let later = match snapshot.reference_max_age_days {
        Some(days) => format!(" · sizes and sectors up to {days} days later"),
        None => String::new(),
    };
    let text = format!(
        "  as of {at} · revision {} · data {} · {} · result {}{later}\n",
        snapshot.revision,
        short(&snapshot.data_version),
        snapshot.model_version,
        short(&info.result_id)
    );
    terminal.paint(Tone::Faint, &text)
}

/// Missing data, the first few gaps one by one.
pub(crate) fn gaps(info: Option<&AnswerInfo>, terminal: Terminal) -> String {
    let gaps = info.map_or(&[][..], |info| &info.gaps);
    let mut out = String::new();
    for gap in gaps.iter().take(GAPS_SHOWN) {
        let share = gap
            .gross_share
            .map(|share| format!(" ({} of gross)", number::share(share)))
            .unwrap_or_default();
        let reason = terminal.paint(tone(gap), reason(gap.reason()));
        let subjects = subjects(gap);
        out.push_str(&format!("  {reason} {subjects}{share}: {}\n", gap.detail));
    }
    if GAPS_SHOWN < gaps.len() {
        let more = gaps.len() - GAPS_SHOWN;
        let text = format!("  and {more} more gaps (--json lists all)\n");
        out.push_str(&terminal.paint(Tone::Faint, &text));
    }
    out
}

/// Missing data, one row per gap.
pub(crate) fn gap_table(gaps: &[Gap]) -> Table {
    let mut table = Table::new(&["gap", "of", ">of gross", "what"]);
    for gap in gaps {
        table.row([
            Cell::toned(tone(gap), reason(gap.reason())),
            subjects(gap).into(),
            number::cell(gap.gross_share, number::share),
            gap.detail.as_str().into(),
        ]);
    }
    table
}

fn tone(gap: &Gap) -> Tone {
    match gap.severity() {
        GapSeverity::Severe => Tone::Bad,
        GapSeverity::Warning => Tone::Warning,
        GapSeverity::Info | GapSeverity::Unspecified => Tone::Plain,
    }
}

/// What a gap is about: the first subjects, and the number of the others.
fn subjects(gap: &Gap) -> String {
    let shown = gap.subjects.len().min(SUBJECTS_SHOWN);
    let names: Vec<String> = gap.subjects[..shown].iter().map(subject).collect();
    match usize::try_from(gap.subject_count).unwrap_or(0).saturating_sub(shown) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

fn subject(subject: &GapSubject) -> String {
    match &subject.subject {
        Some(
            Subject::PositionId(text)
            | Subject::Symbol(text)
            | Subject::IndicatorMeasureId(text)
            | Subject::SeriesId(text)
            | Subject::Role(text),
        ) => text.clone(),
        Some(Subject::Dataset(number)) => Dataset::try_from(*number)
            .map_or_else(|_| number.to_string(), |known| words(known.as_str_name(), "DATASET_")),
        Some(Subject::Measure(measure)) => measure_words(measure),
        None => String::new(),
    }
}

/// A number of an analysis in words. A part that is not given means every one, and is left out.
pub(crate) fn measure_words(measure: &MeasureRef) -> String {
    let join = |parts: &[&str]| {
        let given: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
        given.join(" ")
    };
    match &measure.measure {
        Some(Measure::Book(book)) => match (book.number(), book.exposure()) {
            (BookNumber::Unspecified, _) => "the book".to_owned(),
            (BookNumber::Exposure, value) if value != ExposureNumber::Unspecified => {
                words(value.as_str_name(), "EXPOSURE_NUMBER_")
            }
            (number, _) => join(&[&words(number.as_str_name(), "BOOK_NUMBER_"), &book.repeat_on]),
        },
        None => "the book".to_owned(),
        Some(Measure::Group(group)) => {
            let group_by = group.group_by.clone().unwrap_or_default();
            let what = match group_by.kind() {
                GroupByKind::Size => "size",
                GroupByKind::Sector => "sector",
                GroupByKind::Label => &group_by.label_key,
                GroupByKind::PositionKind => "kind",
                GroupByKind::Unspecified => "group",
            };
            match group.group_id.as_deref() {
                Some("") => format!("no {what}"),
                Some(id) => format!("{what} {id}"),
                None => format!("every {what}"),
            }
        }
        Some(Measure::Factor(factor)) => {
            let number = match factor.number() {
                FactorNumber::TopDown => "top-down betas",
                FactorNumber::BottomUp => "bottom-up betas",
                FactorNumber::Difference => "difference of betas",
                FactorNumber::BottomUpPerGross => "betas per gross",
                FactorNumber::BottomUpPerNetAssetValue => "betas per net asset value",
                FactorNumber::Unspecified => "betas",
            };
            join(&[number, &factor.factor_id])
        }
        Some(Measure::Trade(trade)) => {
            let number = match trade.number() {
                TradeNumber::Unspecified => String::new(),
                number => words(number.as_str_name(), "TRADE_NUMBER_"),
            };
            join(&["trade", &trade.trade_id, trade.leg_id(), &number])
        }
        Some(Measure::Risk(risk)) => match risk.number() {
            RiskNumber::WorstDay => "worst day".to_owned(),
            _ => join(&["risk", &risk.measure_id, &risk.scenario_set_id]),
        },
        Some(Measure::Name(name)) => {
            let symbol = name.instrument.as_ref().map_or("", |instrument| &instrument.symbol);
            join(&[symbol, &name.field])
        }
    }
}

/// The name of an enum's value in words.
pub(crate) fn words(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix).to_lowercase().replace('_', " ")
}

/// The lines that could not be resolved, one by one. Empty if all were.
pub(crate) fn unresolved(page: &mut Page, lines: &[UnresolvedLine]) {
    if lines.is_empty() {
        return;
    }
    let mut table = Table::new(&["not resolved", ">of gross", "why"]);
    for line in lines {
        table.row([
            line.position_id.as_str().into(),
            number::cell(line.gross_share, number::share),
            Cell::plain(line.detail.as_str()),
        ]);
    }
    page.table("unresolved", table);
    page.say("\n");
}

/// A headline stands on no aspect of which less than this share of gross is own or proxied.
pub(crate) const HEADLINE_MIN: f64 = 0.8;

/// How well data cover the portfolio of an answer.
pub(crate) fn coverage_of(info: Option<&AnswerInfo>) -> &[Coverage] {
    info.map_or(&[], |info| &info.coverage)
}

/// The coverage of an aspect. Absent from the answer, all of it is missing.
pub(crate) fn aspect(coverage: &[Coverage], aspect: CoverageAspect) -> Coverage {
    let row = coverage.iter().find(|row| row.aspect() == aspect);
    row.copied().unwrap_or(Coverage { missing: 1.0, ..Coverage::default() })
}

/// Whether a headline may stand on an aspect.
pub(crate) fn carries_headline(coverage: &[Coverage], wanted: CoverageAspect) -> bool {
    aspect(coverage, wanted).missing <= 1.0 - HEADLINE_MIN
}

/// What a reader must know before the headlines: the aspects that rest on too little data of the
/// names' own.
pub(crate) fn doubts(coverage: &[Coverage], terminal: Terminal) -> String {
    let mut out = String::new();
    for row in coverage {
        let what = aspect_name(row.aspect());
        if 1.0 - HEADLINE_MIN < row.missing {
            let share = number::share(row.missing);
            out.push_str(
                &terminal.paint(Tone::Bad, &format!("{what} is unknown for {share} of gross.")),
            );
            out.push('\n');
        } else if row.own < HEADLINE_MIN {
            let share = number::share(row.proxied);
            out.push_str(
                &terminal
                    .paint(Tone::Warning, &format!("{what} is a stand-in for {share} of gross.")),
            );
            out.push('\n');
        }
    }
    out
}

fn aspect_name(aspect: CoverageAspect) -> &'static str {
    match aspect {
        CoverageAspect::Unspecified => "An aspect",
        CoverageAspect::Priced => "The price",
        CoverageAspect::Sized => "Size",
        CoverageAspect::Classified => "The sector",
        CoverageAspect::OwnBetas => "The beta",
        CoverageAspect::OwnTailHistory => "The history behind the tail",
        CoverageAspect::Scored => "The squeeze score",
        CoverageAspect::ManagerHoldings => "The holding of managers",
        CoverageAspect::ShortInterest => "The short interest",
    }
}

/// How much of a portfolio has data of its own, by aspect, in a sentence.
pub(crate) fn coverage(coverage: &[Coverage]) -> String {
    let parts: Vec<String> = coverage
        .iter()
        .map(|row| {
            let what = aspect_name(row.aspect()).trim_start_matches("The ").to_lowercase();
            let proxied = match 0.0 < row.proxied {
                true => format!(" (and {} by stand-ins)", number::share(row.proxied)),
                false => String::new(),
            };
            format!("{what} {}{proxied}", number::share(row.own))
        })
        .collect();
    if parts.is_empty() {
        return "Nothing is held.".to_owned();
    }
    format!("Own data, of gross: {}.", parts.join(", "))
}

/// An input's days, for a sentence: `settled 2024-06-28, public 2024-07-10, 13 days old`.
pub(crate) fn dates(input: &MeasureInput) -> String {
    let public = input.published_at.as_ref().map(|at| {
        let text = as_of_args::text(at);
        let day = Instant::parse_rfc3339(&text).map(|instant| instant.new_york_day().to_string());
        format!(", public {}", day.unwrap_or(text))
    });
    let days = if input.age_days == 1 { "day" } else { "days" };
    format!("of {}{}, {} {days} old", input.observed_on, public.unwrap_or_default(), input.age_days)
}

fn reason(reason: GapReason) -> &'static str {
    match reason {
        GapReason::Unspecified => "gap",
        GapReason::UnknownInstrument => "unknown name",
        GapReason::NoPrice => "no price",
        GapReason::ShortHistory => "short history",
        GapReason::Stale => "stale",
        GapReason::NoShortInterest => "no short interest",
        GapReason::NoFloat => "no float",
        GapReason::NoSharesOutstanding => "no share count",
        GapReason::NoVolume => "no volume",
        GapReason::InputMissing => "input missing",
        GapReason::BasisUnknown => "share basis unknown",
        GapReason::AdjustedPrice => "adjusted price",
        GapReason::Proxy => "stand-in",
        GapReason::NoClassification => "no classification",
        GapReason::Degenerate => "degenerate",
        GapReason::Survivorship => "survivorship",
        GapReason::MissingObservations => "missing observations",
        GapReason::Implausible => "implausible",
        GapReason::Merged => "merged",
        GapReason::LaterKnowledge => "later knowledge",
        GapReason::AmbiguousInstrument => "several lines",
        GapReason::IdentifiersDisagree => "identifiers disagree",
        GapReason::NameOfOtherDays => "name of other days",
        GapReason::FirstOrder => "first order only",
        GapReason::Expired => "expired",
        GapReason::NoRate => "no exchange rate",
        GapReason::OldRate => "old exchange rate",
        GapReason::CurrencyDisagrees => "currency disagrees",
        GapReason::ForeignCash => "foreign cash",
        GapReason::BeyondLimit => "beyond a limit",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::v1::SnapshotRef;

    #[test]
    fn a_heading_names_the_session() {
        // 2020-11-06 was a Friday; the close is 21:00 UTC.
        for (at, session_on, expected) in [
            ("2020-11-09T21:00:00Z", "2020-11-09", "as known at the close of Monday 2020-11-09"),
            (
                "2020-11-08T21:00:00Z",
                "2020-11-06",
                "as known on Sunday 2020-11-08; the last session is Friday 2020-11-06",
            ),
            (
                "2020-11-09T20:59:59Z",
                "2020-11-06",
                "as known at 2020-11-09T20:59:59Z; the last session is Friday 2020-11-06",
            ),
            (
                "2020-11-09T21:00:01Z",
                "2020-11-09",
                "as known at 2020-11-09T21:00:01Z; the last session is Monday 2020-11-09",
            ),
        ] {
            let as_of = Some(as_of_args::instant(at).unwrap());
            let snapshot = Some(SnapshotRef { as_of, ..SnapshotRef::default() });
            let session_on = session_on.to_owned();
            let info = AnswerInfo { snapshot, session_on, ..AnswerInfo::default() };
            assert_eq!(as_known(Some(&info)), expected);
        }
        assert_eq!(as_known(None), "as known at an unknown time");
    }
}
