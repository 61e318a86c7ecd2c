//! What is disclosed of names besides short interest, as a table: short sales, fails, earnings.

use crate::{
    show::{
        number,
        page::Page,
        table::{Cell, Table},
    },
    terminal::Tone,
};
use contract::v1::{MeasureInput, SqueezeName};

/// One row per name of which anything is known; no table without any.
pub(crate) fn table<'a>(page: &mut Page, names: impl Iterator<Item = &'a SqueezeName>) {
    let mut known = names.filter(|name| is_known(name)).peekable();
    if known.peek().is_none() {
        return;
    }
    let mut table = Table::new(&[
        "disclosed of",
        ">short sales",
        ">21 sessions",
        "of",
        ">fails",
        ">of float",
        "on threshold",
        "of",
        "earnings",
    ]);
    for name in known {
        table.row(row(name));
    }
    page.table("disclosed", table);
}

fn is_known(name: &SqueezeName) -> bool {
    name.short_sale_volume_share.is_some()
        || input(name, "fails_to_deliver").is_some()
        || name.on_fails_threshold == Some(true)
        || !name.earnings_on.is_empty()
}

fn input<'a>(name: &'a SqueezeName, wanted: &str) -> Option<&'a MeasureInput> {
    name.inputs.iter().find(|input| input.name == wanted)
}

fn row(name: &SqueezeName) -> [Cell; 9] {
    let day = |input: Option<&MeasureInput>| {
        Cell::faint(input.map_or_else(String::new, |input| input.observed_on.clone()))
    };
    let fails = input(name, "fails_to_deliver");
    let threshold = match name.on_fails_threshold {
        Some(true) => Cell::toned(Tone::Bad, "yes"),
        Some(false) => Cell::plain("no"),
        None => number::absent(),
    };
    let earnings = match name.earnings_within_five_sessions {
        None => number::absent(),
        Some(true) => Cell::toned(Tone::Bad, name.earnings_on.clone()),
        Some(false) => Cell::plain(name.earnings_on.clone()),
    };
    [
        name.symbol.as_str().into(),
        number::cell(name.short_sale_volume_share, number::share),
        number::cell(name.average_short_sale_volume_share, number::share),
        day(input(name, "short_sale_total_volume")),
        number::cell(fails.and_then(|fails| fails.value), number::magnitude),
        number::cell(name.fails_to_deliver_of_float, number::share),
        threshold,
        day(fails),
        earnings,
    ]
}
