//! What a watched short book crosses, as tables.

use crate::{
    show::{
        evidence, number,
        page::Page,
        table::{Cell, Table},
    },
    terminal::{Terminal, Tone},
};
use contract::v1::{
    Dataset, SqueezeCrossing, SqueezeReading, SqueezeStanding, WatchSqueezeResponse,
};

/// One message of a watch, for people.
pub(crate) fn message(message: &WatchSqueezeResponse, terminal: Terminal) -> Page {
    let known = evidence::as_known(message.info.as_ref());
    let revision = evidence::revision(message.info.as_ref());
    let mut page = Page::new();
    page.say(terminal.heading(&format!("Short book watched {known}; revision {revision}")));
    if let Some(standings) = &message.standings {
        page.table("standings", readings(&standings.readings));
        evidence::unresolved(&mut page, &standings.unresolved);
        page.say(evidence::gaps(message.info.as_ref(), terminal));
    }
    if !message.crossings.is_empty() {
        page.table("crossings", crossings(&message.crossings));
    }
    for (what, name, changed) in [
        ("Not known before:\n", "found", &message.found),
        ("No longer known:\n", "lost", &message.lost),
    ] {
        if !changed.is_empty() {
            page.say(what);
            page.table(name, readings(changed));
        }
    }
    page
}

fn readings(readings: &[SqueezeReading]) -> Table {
    let mut table = Table::new(&["short", "measure", ">value", ">level", "stands", "of"]);
    for reading in readings {
        let (tone, words) = match reading.standing() {
            SqueezeStanding::Reached => (Tone::Bad, "reached"),
            SqueezeStanding::Below => (Tone::Plain, "below"),
            SqueezeStanding::Unknown | SqueezeStanding::Unspecified => (Tone::Faint, "not known"),
        };
        table.row([
            reading.symbol.as_str().into(),
            Cell::plain(reading.measure_id.replace('_', " ")),
            value(reading.value),
            value(Some(reading.level)),
            Cell::toned(tone, words),
            Cell::faint(reading.observed_on.clone()),
        ]);
    }
    table
}

fn crossings(crossings: &[SqueezeCrossing]) -> Table {
    let mut table =
        Table::new(&["short", "measure", "crossed", ">level", ">before", ">now", "of", "data"]);
    for crossing in crossings {
        let Some(reading) = &crossing.reading else { continue };
        let (tone, words) = match reading.standing() {
            SqueezeStanding::Reached => (Tone::Bad, "upwards"),
            _ => (Tone::Good, "downwards"),
        };
        let datasets: Vec<String> = crossing
            .datasets()
            .map(|dataset: Dataset| {
                let name = dataset.as_str_name().trim_start_matches("DATASET_");
                name.replace('_', " ").to_lowercase()
            })
            .collect();
        table.row([
            reading.symbol.as_str().into(),
            Cell::plain(reading.measure_id.replace('_', " ")),
            Cell::toned(tone, words),
            value(Some(reading.level)),
            value(Some(crossing.value_before)),
            value(reading.value),
            Cell::faint(reading.observed_on.clone()),
            Cell::faint(datasets.join(", ")),
        ]);
    }
    table
}

fn value(value: Option<f64>) -> Cell {
    number::cell(value, |value| format!("{value:.3}"))
}
