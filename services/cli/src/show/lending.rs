//! The market for borrowing shares, as a table: what is on loan, what it costs, recalls.

use crate::{
    show::{
        number,
        page::Page,
        table::{Cell, Table},
    },
    terminal::Tone,
};
use contract::v1::{ShortBookTotals, ShortLine, SqueezeName};

/// One row per name of which anything is known; no table without any. `line` is the short in it.
pub(crate) fn table<'a>(
    page: &mut Page,
    names: impl Iterator<Item = (&'a SqueezeName, Option<&'a ShortLine>)>,
) {
    let mut known = names.filter(|(name, _)| is_known(name)).peekable();
    if known.peek().is_none() {
        return;
    }
    let mut table = Table::new(&[
        "lending of",
        ">on loan/lendable",
        ">fee",
        ">fee volatility",
        "recall",
        "of",
        ">cost a day",
    ]);
    for (name, line) in known {
        table.row(row(name, line));
    }
    page.table("lending", table);
}

/// What borrowing the whole book costs.
pub(crate) fn carry(totals: &ShortBookTotals) -> String {
    let known = totals.borrow_cost_per_day.zip(totals.share_with_borrow_fee);
    known.map_or_else(String::new, |(cost, share)| {
        format!(
            "Borrowing costs {} a day, over {} of the short value, whose fee is known.\n",
            number::money(cost),
            number::share(share)
        )
    })
}

fn is_known(name: &SqueezeName) -> bool {
    name.utilisation.or(name.borrow_fee).is_some() || name.recall.is_some()
}

fn row(name: &SqueezeName, line: Option<&ShortLine>) -> [Cell; 7] {
    let recall = match name.recall {
        None => number::absent(),
        Some(true) => Cell::toned(Tone::Bad, "yes"),
        Some(false) => Cell::plain("no"),
    };
    let inputs = ["utilisation", "borrow_fee", "recall"];
    let days = name.inputs.iter().filter(|input| inputs.contains(&input.name.as_str()));
    let newest = days.map(|input| input.observed_on.as_str()).max();
    [
        name.symbol.as_str().into(),
        number::cell(name.utilisation, number::share),
        number::cell(name.borrow_fee, per_year),
        number::cell(name.borrow_fee_volatility, per_year),
        recall,
        Cell::faint(newest.unwrap_or_default().to_owned()),
        number::cell(line.and_then(|line| line.borrow_cost_per_day), number::money),
    ]
}

fn per_year(fee: f64) -> String {
    format!("{:.2} %", 100.0 * fee)
}
