//! A measure's history as a table of days.

use crate::{
    as_of_args,
    show::{
        evidence, number,
        page::Page,
        reading, rotation,
        table::{Cell, Table},
    },
    terminal::{Terminal, Tone},
};
use contract::v1::{GetIndicatorHistoryResponse, HistoryVintage, IndicatorMeasure, IndicatorPoint};

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
    let has_moves = answer.points.iter().any(|point| point.rotation_session.is_some());
    let mut headers = match published {
        true => vec!["session", ">value", "describes", "known since"],
        false => vec!["day", ">value"],
    };
    if has_moves {
        headers.insert(2, "is");
    }
    let mut table = Table::new(&headers);
    for point in &answer.points {
        let mut row = vec![Cell::plain(point.on.clone()), value(&measure, point)];
        row.extend(point.rotation_session.map(rotation_cell));
        if published {
            let at = point.known_at.as_ref().map(as_of_args::text).unwrap_or_default();
            row.extend([Cell::plain(point.observed_on.clone()), Cell::faint(at)]);
        }
        table.row(row);
    }
    let mut page = Page::new();
    page.say(terminal.heading(&title));
    page.table("points", table);
    let all = number::count(answer.total_size);
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

/// The value or the state of a day.
fn value(measure: &IndicatorMeasure, point: &IndicatorPoint) -> Cell {
    match point.value {
        Some(value) => {
            Cell::plain(reading::in_unit(measure.unit(), measure.kind(), value)).of(value)
        }
        None => {
            let (tone, name) = rotation::state_name(point.state());
            Cell::toned(tone, name)
        }
    }
}

fn rotation_cell(is_rotation: bool) -> Cell {
    if is_rotation { Cell::toned(Tone::Warning, "a rotation") } else { Cell::faint("none") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::v1::{IndicatorUnit, RecordKind, RotationState};

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
            value: Some(1.0),
            known_at: Some(as_of_args::instant("2020-11-09").unwrap()),
            observed_on: "2020-11-05".to_owned(),
            ..IndicatorPoint::default()
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

    #[test]
    fn a_state_is_a_word_and_a_move_says_whether_it_was_a_rotation() {
        let of = |point: IndicatorPoint| {
            let answer = GetIndicatorHistoryResponse { points: vec![point], ..Default::default() };
            let plain = Terminal::plain();
            points(&answer, HistoryVintage::Latest, plain).render(plain)
        };
        let on = || "2020-11-09".to_owned();
        let state = Some(RotationState::SmallLed.into());
        let text = of(IndicatorPoint { on: on(), state, ..Default::default() });
        assert!(text.contains("2020-11-09  SMALL_LED\n"), "{text}");
        let (value, rotation_session) = (Some(3.8), Some(true));
        let text = of(IndicatorPoint { on: on(), value, rotation_session, ..Default::default() });
        assert!(text.contains("2020-11-09   3.80  a rotation\n"), "{text}");
    }
}
