//! Records as a sentence and a table of days.

use crate::{
    show::{
        evidence, number,
        page::Page,
        reading, rotation,
        table::{Cell, Table},
    },
    terminal::{Terminal, Tone},
};
use contract::v1::{QueryRecordsResponse, RecordDay, RecordKind, RecordSource};

/// The answer to a record query; `titles` names the ranked variable, then one per condition.
pub(crate) fn days(answer: &QueryRecordsResponse, titles: &[String], terminal: Terminal) -> Page {
    let known = evidence::as_known(answer.info.as_ref());
    let name = titles.first().map_or("", String::as_str);
    let mut page = Page::new();
    page.say(terminal.heading(&format!("Records of {name} {known}")));
    if !answer.words.is_empty() {
        page.say(format!("{}.\n", answer.words));
    }
    if let Some(observation) = &answer.observation {
        let value = reading::in_unit(answer.unit(), answer.kind(), observation.value);
        let mut words = format!("The ranked day, {}: {value}.", observation.on);
        if let Some(previous) = &answer.previous {
            let value = reading::in_unit(answer.unit(), answer.kind(), previous.value);
            words.push_str(&format!(" The previous day that counts, {}: {value}.", previous.on));
        }
        page.say(format!("{words}\n\n"));
    }
    page.table("records", top(answer, titles));
    page.say(counts(answer));
    for (title, source) in titles.iter().zip(&answer.sources) {
        page.say(terminal.paint(Tone::Faint, &stands_on(title, source)));
    }
    page.say(evidence::gaps(answer.info.as_ref(), terminal));
    page.say(evidence::reference(answer.info.as_ref(), terminal));
    page
}

fn top(answer: &QueryRecordsResponse, titles: &[String]) -> Table {
    let headers: Vec<String> = [">#".to_owned(), "day".to_owned()]
        .into_iter()
        .chain(titles.iter().map(|title| format!(">{title}")))
        .collect();
    let mut table = Table::new(&headers.iter().map(String::as_str).collect::<Vec<&str>>());
    let asked = answer.observation.as_ref().map(|day| day.on.as_str());
    for (at, day) in answer.top.iter().enumerate() {
        let tone = if asked == Some(&day.on) { Tone::Warning } else { Tone::Plain };
        let lead = [
            Cell::faint((at + 1).to_string()).of((at + 1) as f64),
            Cell::toned(tone, day.on.clone()),
        ];
        table.row(lead.into_iter().chain(values(answer, day)));
    }
    table
}

/// The ranked value, then one value per condition.
fn values(answer: &QueryRecordsResponse, day: &RecordDay) -> Vec<Cell> {
    let ranked = [(answer.unit(), answer.kind(), day.value)];
    let conditions = answer.sources.iter().skip(1).zip(&day.condition_values);
    let conditions = conditions.map(|(source, value)| (source.unit(), source.kind(), *value));
    ranked
        .into_iter()
        .chain(conditions)
        .map(|(unit, kind, value)| {
            let text = reading::in_unit(unit, kind, value);
            match kind {
                RecordKind::Change => number::gain(Some(value), |_| text.clone()),
                RecordKind::Level | RecordKind::Unspecified => Cell::plain(text).of(value),
            }
        })
        .collect()
}

fn counts(answer: &QueryRecordsResponse) -> String {
    if answer.observations == 0 {
        return "  No day counts.\n".to_owned();
    }
    let count = |days: i32| number::count(u64::try_from(days).unwrap_or(0));
    let mut out = format!(
        "  {} of {} days count, {} to {}",
        count(answer.matching_days),
        count(answer.observations),
        answer.first_on,
        answer.last_on
    );
    if 0 < answer.incomplete_days {
        out.push_str(&format!("; {} days lack a value", count(answer.incomplete_days)));
    }
    out + ".\n"
}

fn stands_on(title: &str, source: &RecordSource) -> String {
    let whom = rotation::stand_in(&source.subject, &source.proxy_for);
    format!("  {title}: {whom}, {} to {}\n", source.first_on, source.last_on)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::v1::IndicatorUnit;

    #[test]
    fn days_follow_the_sentence_with_their_sources() {
        let source = |subject: &str| RecordSource {
            subject: subject.to_owned(),
            unit: IndicatorUnit::Decimal.into(),
            kind: RecordKind::Change.into(),
            first_on: "2000-05-26".to_owned(),
            last_on: "2020-11-09".to_owned(),
            ..RecordSource::default()
        };
        let day = RecordDay {
            on: "2008-10-10".to_owned(),
            value: 0.043_2,
            condition_values: vec![-0.011],
        };
        let answer = QueryRecordsResponse {
            words: "2008-10-10: largest gain since the start".to_owned(),
            unit: IndicatorUnit::Decimal.into(),
            kind: RecordKind::Change.into(),
            observation: Some(day.clone()),
            top: vec![day],
            matching_days: 1,
            observations: 5_140,
            incomplete_days: 2,
            first_on: "2000-05-30".to_owned(),
            last_on: "2020-11-09".to_owned(),
            sources: vec![source("IWM"), source("SPY")],
            ..QueryRecordsResponse::default()
        };
        let titles = ["IWM change".to_owned(), "SPY".to_owned()];
        let text = days(&answer, &titles, Terminal::plain()).render(Terminal::plain());
        let table = "2008-10-10: largest gain since the start.\n\
            The ranked day, 2008-10-10: +4.32 %.\n\n  \
            #  day         IWM change      SPY\n  \
            1  2008-10-10     +4.32 %  -1.10 %\n  \
            1 of 5,140 days count, 2000-05-30 to 2020-11-09; 2 days lack a value.\n  \
            IWM change: IWM, 2000-05-26 to 2020-11-09\n";
        assert!(text.contains(table), "{text}");
    }
}
