//! Two analyses beside each other: one line per number, one column per cause.

use crate::{
    show::{
        evidence::{self, words},
        number,
        page::Page,
        table::{Cell, Table},
    },
    terminal::{Terminal, Tone},
};
use contract::v1::{
    BookNumber, ExplainChangeResponse, ExposureNumber, FactorNumber, GroupRef, MeasureRef,
    NumberChange, RiskNumber, TradeNumber, measure_ref::Measure,
};

/// The change for people: the numbers in money that a desk looks at first.
pub(crate) fn report(answer: &ExplainChangeResponse, terminal: Terminal) -> Page {
    let known = evidence::as_known(answer.info.as_ref());
    let mut page = Page::new();
    page.say(terminal.heading(&format!("What changed {known}")));
    for (name, title, select) in SECTIONS {
        let rows = answer.changes.iter().filter_map(|row| {
            let label = select(row.measure.as_ref()?)?;
            Some((label, row))
        });
        let rows: Vec<(String, &NumberChange)> = rows.collect();
        if !rows.is_empty() {
            page.table(name, table(title, &rows));
            page.say("\n");
        }
    }
    let note = "  A column is what its cause changes after those before it; the columns add up to the \
                change.\n";
    page.say(terminal.paint(Tone::Faint, note));
    page.say(evidence::gaps(answer.info.as_ref(), terminal));
    page.say(evidence::reference(answer.info.as_ref(), terminal));
    page
}

/// The name of a number in a section; `None` if the section does not show it.
type Select = fn(&MeasureRef) -> Option<String>;

/// The tables: a name for CSV, a title, and the numbers in it.
const SECTIONS: [(&str, &str, Select); 4] = [
    ("book", "book", of_book),
    ("groups", "net by group", of_group),
    ("risk", "betas, trades, risk", of_risk),
    ("names", "market value", of_name),
];

fn table(title: &str, rows: &[(String, &NumberChange)]) -> Table {
    let has_model = rows.iter().any(|(_, row)| row.by_model.is_some_and(|part| part != 0.0));
    let mut headers = vec![title, ">before"];
    if has_model {
        headers.push(">model");
    }
    headers.extend([">data", ">market", ">positions", ">settings", ">after"]);
    let mut table = Table::new(&headers);
    for (label, row) in rows {
        let mut cells: Vec<Cell> = vec![label.as_str().into(), value(row.before)];
        if has_model {
            cells.push(part(row.by_model));
        }
        cells.extend([row.by_data, row.by_market, row.by_positions, row.by_settings].map(part));
        cells.push(value(row.after));
        table.row(cells);
    }
    table
}

fn value(value: Option<f64>) -> Cell {
    number::cell(value, number::money_signed)
}

/// What a cause changed; nothing is shown as nothing.
fn part(part: Option<f64>) -> Cell {
    match part {
        Some(0.0) => Cell::plain("").of(0.0),
        part => number::cell(part, number::money_signed),
    }
}

fn of_book(measure: &MeasureRef) -> Option<String> {
    let Some(Measure::Book(book)) = &measure.measure else { return None };
    let exposure = [
        ExposureNumber::Long,
        ExposureNumber::Short,
        ExposureNumber::Gross,
        ExposureNumber::Net,
        ExposureNumber::BetaAdjustedNet,
    ]
    .contains(&book.exposure());
    (book.number() == BookNumber::Exposure && exposure)
        .then(|| words(book.exposure().as_str_name(), "EXPOSURE_NUMBER_"))
}

fn of_group(measure: &MeasureRef) -> Option<String> {
    let Some(Measure::Group(group)) = &measure.measure else { return None };
    let is_net = group.number() == ExposureNumber::Net;
    let every = GroupRef { number: 0, ..group.clone() };
    let every = MeasureRef { measure: Some(Measure::Group(every)) };
    is_net.then(|| evidence::measure_words(&every))
}

fn of_risk(measure: &MeasureRef) -> Option<String> {
    match measure.measure.as_ref()? {
        Measure::Factor(factor) if factor.number() == FactorNumber::BottomUp => {
            Some(format!("beta {}", factor.factor_id))
        }
        Measure::Trade(trade) if trade.number() == TradeNumber::Matched => {
            Some(format!("{} matched", trade.trade_id))
        }
        Measure::Risk(risk) if risk.number() == RiskNumber::Value && risk.part.is_none() => {
            let confidence = risk.confidence.map_or(String::new(), |of| format!(" {of}"));
            Some(format!("{}{confidence}", risk.measure_id))
        }
        _ => None,
    }
}

fn of_name(measure: &MeasureRef) -> Option<String> {
    let Some(Measure::Name(name)) = &measure.measure else { return None };
    (name.field == "market_value").then(|| name.instrument.as_ref().map(|of| of.symbol.clone()))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::v1::{BookRef, InstrumentRef, NameRef};

    #[test]
    fn causes_stand_beside_each_other() {
        let book = |number| {
            Measure::Book(BookRef {
                number: BookNumber::Exposure.into(),
                exposure: ExposureNumber::into(number),
                ..BookRef::default()
            })
        };
        let symbol = "GME".to_owned();
        let name = Measure::Name(NameRef {
            instrument: Some(InstrumentRef { symbol, ..InstrumentRef::default() }),
            field: "market_value".to_owned(),
            ..NameRef::default()
        });
        let row = |measure, before, by_market: f64, by_positions: f64| NumberChange {
            measure: Some(MeasureRef { measure: Some(measure) }),
            before: Some(before),
            after: Some(before + by_market + by_positions),
            change: Some(by_market + by_positions),
            by_model: Some(0.0),
            by_data: Some(0.0),
            by_market: Some(by_market),
            by_positions: Some(by_positions),
            by_settings: Some(0.0),
        };
        let answer = ExplainChangeResponse {
            changes: vec![
                row(book(ExposureNumber::Net), 2e6, -5e5, 1e6),
                row(book(ExposureNumber::LongNames), 3.0, 0.0, 1.0),
                row(name, -1e6, -2.5e6, 0.0),
            ],
            ..ExplainChangeResponse::default()
        };
        let plain = Terminal::plain();
        let page = report(&answer, plain);
        let text = page.render(plain);
        assert!(text.contains("net"), "{text}");
        assert!(!text.contains("long names") && !text.contains("model"), "{text}");
        let csv = page.csv("book").unwrap();
        assert!(csv.contains("net,2000000,0,-500000,1000000,0,2500000"), "{csv}");
        let csv = page.csv("names").unwrap();
        assert!(csv.contains("GME,-1000000,0,-2500000,0,0,-3500000"), "{csv}");
    }
}
