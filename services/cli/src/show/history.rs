//! A measure's history as a table of days.

use crate::{
    as_of_args,
    show::{
        evidence, number,
        page::Page,
        rotation,
        table::{Cell, Table},
    },
    terminal::Terminal,
};
use contract::v1::{GetIndicatorHistoryResponse, HistoryVintage};

/// The points of one page, with a note if more follow.
pub(crate) fn points(
    answer: &GetIndicatorHistoryResponse,
    vintage: HistoryVintage,
    terminal: Terminal,
) -> Page {
    let published = vintage == HistoryVintage::AsPublished;
    let measure = answer.measure.clone().unwrap_or_default();
    let known = evidence::as_known(answer.info.as_ref());
    let title = match published {
        true => format!("{} as known at each close; data {known}", measure.measure_id),
        false => format!("{} {known}", measure.measure_id),
    };
    let headers: &[&str] = match published {
        true => &["session", ">value", "describes", "known since"],
        false => &["day", ">value"],
    };
    let mut table = Table::new(headers);
    for point in &answer.points {
        let value = rotation::in_unit(measure.unit(), measure.kind(), point.value);
        let value = Cell::plain(value).of(point.value);
        let mut row = vec![Cell::plain(point.on.clone()), value];
        if published {
            let at = point.known_at.as_ref().map(as_of_args::text).unwrap_or_default();
            row.extend([Cell::plain(point.observed_on.clone()), Cell::faint(at)]);
        }
        table.row(row);
    }
    let mut page = Page::new();
    page.say(terminal.heading(&title));
    page.table("points", table);
    let all = number::count(u64::try_from(answer.total_size).unwrap_or(0));
    let entries = if published { "sessions" } else { "values" };
    let more = match answer.next_page_token.is_empty() {
        true => "",
        false => "; more follow, use a later --from or a larger --most",
    };
    let count = answer.points.len();
    page.say(format!("  {count} of {all} {entries} have a value here{more}.\n"));
    page.say(evidence::gaps(answer.info.as_ref(), terminal));
    page.say(evidence::reference(answer.info.as_ref(), terminal));
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::v1::{IndicatorMeasure, IndicatorPoint, IndicatorUnit, RecordKind};

    #[test]
    fn a_value_is_listed_with_the_day_it_describes_and_its_instant() {
        let measure = IndicatorMeasure {
            measure_id: "ten_year_change_bp.1d".to_owned(),
            unit: IndicatorUnit::BasisPoints.into(),
            kind: RecordKind::Change.into(),
            horizon_sessions: 1,
        };
        let point = IndicatorPoint {
            on: "2020-11-09".to_owned(),
            value: 1.0,
            known_at: Some(as_of_args::instant("2020-11-09").unwrap()),
            observed_on: "2020-11-05".to_owned(),
        };
        let answer = GetIndicatorHistoryResponse {
            measure: Some(measure),
            points: vec![point],
            total_size: 2,
            ..GetIndicatorHistoryResponse::default()
        };
        let plain = Terminal::plain();
        let text = points(&answer, HistoryVintage::AsPublished, plain).render(plain);
        for wanted in [
            "as known at each close",
            "+1.0 bp  2020-11-05  2020-11-09T21:00:00Z",
            "1 of 2 sessions",
        ] {
            assert!(text.contains(wanted), "{wanted:?} is not in:\n{text}");
        }
        let text = points(&answer, HistoryVintage::Latest, plain).render(plain);
        assert!(text.contains("2020-11-09  +1.0 bp\n") && !text.contains("2020-11-05"), "{text}");
    }
}
