//! A book looked through its funds.

use crate::show::{
    number,
    page::Page,
    table::{Cell, Table},
};
use contract::v1::{AnalysisSettings, FundView, LookedThroughBook, LookedThroughFund};

/// The names behind the lines in a sentence, the funds, and the largest names.
pub(crate) fn add(page: &mut Page, book: &LookedThroughBook, settings: Option<&AnalysisSettings>) {
    page.say(words(book, settings));
    if !book.funds.is_empty() {
        page.table("funds", funds(&book.funds));
    }
    if !book.names.is_empty() {
        page.say("\n");
        page.table("names", names(book));
    }
    page.say("\n");
}

fn words(book: &LookedThroughBook, settings: Option<&AnalysisSettings>) -> String {
    let Some(seen) = &book.exposure else { return String::new() };
    if book.funds.is_empty() {
        return "It holds no funds to look through.\n".to_owned();
    }
    let view = settings.and_then(|settings| settings.look_through).map(|asked| asked.view());
    let how = match view {
        Some(FundView::Gross) => "lines and funds side by side",
        _ => "lines and funds netted",
    };
    format!(
        "Looked through its funds ({how}) it is {} long in {} names and {} short in {}: gross {}, net \
         {}. Sizes, sectors, legs and concentration are of these names; {} could not be seen \
         through.\n\n",
        number::money(seen.long),
        seen.long_names,
        number::money(seen.short),
        seen.short_names,
        number::money(seen.gross),
        number::money_signed(seen.net),
        number::money(book.remaining_gross),
    )
}

/// The funds of a portfolio.
pub(super) fn funds(funds: &[LookedThroughFund]) -> Table {
    let mut table = Table::new(&["fund", ">value", ">names", ">not seen through", "holdings of"]);
    for fund in funds {
        let known = fund.holdings_observed_on.as_str();
        let of = match known {
            "" => "unknown",
            _ if fund.circular => "hold themselves",
            known => known,
        };
        table.row(vec![
            fund.symbol.as_str().into(),
            number::cell(Some(fund.market_value), number::money_signed),
            Cell::plain(fund.member_count.to_string()).of(f64::from(fund.member_count)),
            number::cell(Some(fund.remaining_weight), number::share),
            of.into(),
        ]);
    }
    table
}

fn names(book: &LookedThroughBook) -> Table {
    let mut table = Table::new(&["name", ">net", ">through funds", ">gross", ">of gross"]);
    for name in &book.names {
        table.row(vec![
            name.symbol.as_str().into(),
            number::cell(Some(name.market_value), number::money_signed),
            number::cell(Some(name.through_funds_market_value), number::money_signed),
            number::cell(Some(name.gross), number::money),
            number::cell(Some(name.gross_share), number::share),
        ]);
    }
    table
}
