//! The datasets that a server holds, one line each.

use crate::{
    as_of_args,
    show::{
        evidence, number,
        page::Page,
        table::{Cell, Table},
    },
    terminal::{Terminal, Tone},
};
use contract::v1::{Dataset, DatasetContents, ListDatasetsResponse};

/// Maximum number of names without prices listed per dataset.
const NAMES_SHOWN: usize = 5;

/// The list for people: size and freshness of every dataset, and the names without prices.
pub(crate) fn report(answer: &ListDatasetsResponse, terminal: Terminal) -> Page {
    let known = evidence::as_known(answer.info.as_ref());
    let mut page = Page::new();
    page.say(terminal.heading(&format!("Data held, {known}")));
    let mut table = Table::new(&[
        "dataset",
        ">names",
        ">rows",
        "first day",
        "last day",
        ">age, days",
        "newest published",
        ">without prices",
    ]);
    for dataset in &answer.datasets {
        table.row([
            name(dataset.dataset()).into(),
            number::counted(dataset.instrument_count),
            number::counted(dataset.row_count),
            dataset.first_on.as_str().into(),
            dataset.last_on.as_str().into(),
            number::signed(f64::from(dataset.age_days), 0).trim_start_matches('+').into(),
            dataset.last_published_at.as_ref().map(as_of_args::text).unwrap_or_default().into(),
            without_prices(dataset.without_prices_count),
        ]);
    }
    if table.is_empty() {
        page.say("No data was known then: upload files with `ballast ingest`.\n");
    } else {
        page.table("datasets", table);
    }
    for dataset in answer.datasets.iter().filter(|d| !d.without_prices_symbols.is_empty()) {
        page.say(terminal.paint(Tone::Faint, &unjoined(dataset)));
    }
    page.say(evidence::gaps(answer.info.as_ref(), terminal));
    page.say(evidence::reference(answer.info.as_ref(), terminal));
    page
}

fn without_prices(count: Option<i32>) -> Cell {
    match count {
        None => number::absent(),
        Some(0) => "0".into(),
        Some(count) => Cell::toned(Tone::Warning, number::count(count)).of(count.into()),
    }
}

fn unjoined(dataset: &DatasetContents) -> String {
    let symbols = &dataset.without_prices_symbols;
    let shown = symbols.iter().take(NAMES_SHOWN).map(String::as_str).collect::<Vec<&str>>();
    let all = dataset.without_prices_count.unwrap_or(0);
    let more = all - shown.len() as i32;
    let rest = if more <= 0 { String::new() } else { format!(" and {} more", number::count(more)) };
    let name = name(dataset.dataset());
    format!("  without prices in {name}: {}{rest}\n", shown.join(", "))
}

fn name(dataset: Dataset) -> String {
    dataset.as_str_name().trim_start_matches("DATASET_").to_lowercase().replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_per_dataset_and_the_names_that_did_not_join() {
        let shorts = DatasetContents {
            dataset: Dataset::ShortInterest.into(),
            instrument_count: 4_211,
            row_count: 1_393_689,
            first_on: "2020-12-31".to_owned(),
            last_on: "2021-01-15".to_owned(),
            last_published_at: Some(as_of_args::instant("2021-01-27T23:00:00Z").unwrap()),
            age_days: 12,
            without_prices_count: Some(3_007),
            without_prices_symbols: "A AA AAA AAAA AAB AAC".split(' ').map(String::from).collect(),
        };
        let answer = ListDatasetsResponse { datasets: vec![shorts], ..Default::default() };
        let text = report(&answer, Terminal::plain()).render(Terminal::plain());
        let table = "  dataset         names       rows  first day   last day    age, days  \
            newest published      without prices\n  \
            short interest  4,211  1,393,689  2020-12-31  2021-01-15         12  \
            2021-01-27T23:00:00Z           3,007\n  \
            without prices in short interest: A, AA, AAA, AAAA, AAB and 3,002 more\n";
        assert!(text.contains(table), "{text}");
        let empty = report(&ListDatasetsResponse::default(), Terminal::plain());
        let empty = empty.render(Terminal::plain());
        assert!(empty.contains("ballast ingest"), "{empty}");
    }
}
