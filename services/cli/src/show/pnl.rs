//! A P&L between two closes: how much, how unusual, through what, in which names.

use crate::{
    show::{
        evidence, number,
        page::Page,
        table::{Cell, Table},
        titles::{Titles, titles},
    },
    terminal::{Terminal, Tone},
};
use contract::v1::{ExplainPnlResponse, FactorPnl, NamePnl, PnlBreakdown, PnlPart, PnlReport};

/// The explained P&L for people.
pub(crate) fn report(answer: &ExplainPnlResponse, terminal: Terminal) -> Page {
    let known = evidence::as_known(answer.info.as_ref());
    let mut page = Page::new();
    page.say(terminal.heading(&format!("The P&L {known}")));
    if let Some(report) = &answer.report {
        page.say(evidence::doubts(evidence::coverage_of(answer.info.as_ref()), terminal));
        summary(&mut page, report, terminal);
    }
    evidence::unresolved(&mut page, &answer.unresolved);
    page.say(format!("  {}\n", evidence::coverage(evidence::coverage_of(answer.info.as_ref()))));
    page.say(evidence::gaps(answer.info.as_ref(), terminal));
    page.say(evidence::reference(answer.info.as_ref(), terminal));
    page
}

/// The P&L in a few sentences and two tables.
pub(crate) fn summary(page: &mut Page, report: &PnlReport, terminal: Terminal) {
    page.say(words(report) + "\n");
    page.table("pnl", parts(report));
    let note = "  Forecasts, betas and legs are those of the close before; the legs and the trade \
                split the total once more.\n\n";
    page.say(terminal.paint(Tone::Faint, note));
    for breakdown in &report.breakdowns {
        let (name, table) = groups(breakdown, report);
        page.table(&name, table);
        page.say("\n");
    }
    if !report.names.is_empty() {
        page.table("movers", movers(report));
        page.say("\n");
    }
}

/// How much was made or lost, how unusual that is, and what explains most of it.
fn words(report: &PnlReport) -> String {
    let total = report.total.unwrap_or_default();
    let window = match report.sessions {
        1 => format!("On {}", report.end_on),
        sessions => format!("In the {sessions} sessions up to {}", report.end_on),
    };
    let mut out = format!("{window} the book {}", number::made_or_lost(total.pnl));
    if let Some(unusual) = unusual(&total) {
        out.push_str(&format!(", {unusual}"));
    }
    out.push_str(&format!(
        ": {} from the longs, {} from the shorts",
        number::money_signed(pnl(report.long)),
        number::money_signed(pnl(report.short))
    ));
    let factors = report.factors.iter().filter_map(|row| Some((row, row.part?)));
    let parts: Vec<String> = factors
        .map(|(row, part)| format!("{} through {}", number::money_signed(part.pnl), row.factor_id))
        .collect();
    let rest = number::money_signed(pnl(report.residual));
    match parts.is_empty() {
        true => out.push_str(". Nothing of it is explained: there are no factors"),
        false => {
            out.push_str(&format!(". {}, and {rest} in the names themselves", parts.join(", ")))
        }
    }
    out.push_str(".\n");
    out
}

/// How unusual a P&L is: `1.3 of the $2.10m forecast`.
fn unusual(part: &PnlPart) -> Option<String> {
    let (forecast, count) = (part.forecast_standard_deviation?, part.standard_deviations?);
    let forecast = number::money(forecast);
    Some(format!("{:.1} times the {forecast} that it was expected to move", count.abs()))
}

fn pnl(part: Option<PnlPart>) -> f64 {
    part.map_or(0.0, |part| part.pnl)
}

fn parts(report: &PnlReport) -> Table {
    let mut table =
        Table::new(&["part", ">P&L", ">expected ±", ">times", ">value or beta", ">factor return"]);
    table.row(row("all", report.total, Some(report.start_long - report.start_short)));
    if report.distributions.abs() > 0.0 {
        for (name, pnl) in [("  prices", report.price), ("  distributions", report.distributions)] {
            table.row([name.into(), number::gain(Some(pnl), number::money_signed)]);
        }
    }
    if let Some(rates) = report.rates {
        table.row(["  exchange rates".into(), number::gain(Some(rates), number::money_signed)]);
    }
    table.row(row("long", report.long, Some(report.start_long)));
    table.row(row("short", report.short, Some(-report.start_short)));
    for factor in &report.factors {
        table.row(factor_row(factor));
    }
    table.row(row("names themselves", report.residual, None));
    for trade in &report.trades {
        for leg in &trade.legs {
            let name = if leg.leg_id.is_empty() { "in no leg" } else { leg.leg_id.as_str() };
            table.row(row(name, leg.part, Some(leg.start_value)));
        }
        if let Some(factor) = &trade.factor {
            table.row(factor_row(factor));
        }
    }
    table
}

/// The P&L by one grouping and in total, and the name of the table.
fn groups(breakdown: &PnlBreakdown, report: &PnlReport) -> (String, Table) {
    let Titles { name, heading, rest } =
        titles(breakdown.group_by.as_ref(), report.settings.as_ref());
    let mut table =
        Table::new(&[&heading, ">P&L", ">expected ±", ">times", ">value before", ">names"]);
    let counted = |cells: Vec<Cell>, names: i32| {
        let names = number::cell(Some(f64::from(names)), |count| format!("{count:.0}"));
        cells.into_iter().chain([names])
    };
    for group in &breakdown.groups {
        let id = if group.group_id.is_empty() { &rest } else { &group.group_id };
        table.row(counted(row(id, group.part, Some(group.start_value)), group.name_count));
    }
    let value = report.start_long - report.start_short;
    table.row(counted(row("all", report.total, Some(value)), report.name_count));
    (name, table)
}

fn row(name: &str, part: Option<PnlPart>, value: Option<f64>) -> Vec<Cell> {
    let forecast = part.and_then(|part| part.forecast_standard_deviation);
    let count = part.and_then(|part| part.standard_deviations);
    vec![
        name.into(),
        number::gain(part.map(|part| part.pnl), number::money_signed),
        number::cell(forecast, number::money),
        number::cell(count, |count| number::signed(count, 1)),
        number::cell(value, number::money_signed),
    ]
}

fn factor_row(factor: &FactorPnl) -> Vec<Cell> {
    let mut cells = row(&factor.factor_id, factor.part, factor.exposure);
    cells.push(number::cell(factor.factor_change, number::percent));
    cells
}

fn movers(report: &PnlReport) -> Table {
    let mut headers = vec![">P&L".to_owned(), ">times".to_owned()];
    let ids = report.factors.iter().filter(|row| row.part.is_some());
    let ids: Vec<&str> = ids.map(|row| row.factor_id.as_str()).collect();
    headers.extend(ids.iter().map(|id| format!(">{id}")));
    headers.extend([">itself", ">times", ">value before", "leg"].map(str::to_owned));
    let headers: Vec<&str> =
        std::iter::once("name").chain(headers.iter().map(String::as_str)).collect();
    let mut table = Table::new(&headers);
    for name in &report.names {
        table.row(mover(name, &ids));
    }
    table
}

fn mover(name: &NamePnl, factors: &[&str]) -> Vec<Cell> {
    let money = |part: Option<PnlPart>| {
        let pnl = part.map(|part| part.pnl);
        [
            number::gain(pnl, number::money_signed),
            number::cell(part.and_then(|part| part.standard_deviations), |n| number::signed(n, 1)),
        ]
    };
    let mut cells = vec![name.symbol.as_str().into()];
    cells.extend(money(name.total));
    cells.extend(factors.iter().map(|id| {
        let part = name.factors.iter().find(|row| row.factor_id == *id);
        number::gain(part.map(|part| part.pnl), number::money_signed)
    }));
    cells.extend(money(name.residual));
    cells.push(number::cell(Some(name.start_value), number::money_signed));
    let legs: Vec<&str> = name.trades.iter().map(|row| row.leg_id.as_str()).collect();
    cells.push(Cell::faint(legs.join(", ")));
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::v1::{GroupBy, GroupByKind, PnlBreakdownGroup};

    fn part(pnl: f64, forecast: f64) -> Option<PnlPart> {
        Some(PnlPart {
            pnl,
            forecast_standard_deviation: Some(forecast),
            standard_deviations: Some(pnl / forecast),
        })
    }

    #[test]
    fn a_loss_is_told_with_its_size_and_its_parts() {
        let market = FactorPnl {
            factor_id: "MARKET".to_owned(),
            factor_change: Some(-0.01),
            exposure: Some(5e7),
            part: part(-5e5, 4e5),
            ..FactorPnl::default()
        };
        let report = PnlReport {
            end_on: "2024-07-11".to_owned(),
            sessions: 1,
            total: part(-1.2e6, 6e5),
            long: part(-2e6, 1e6),
            short: part(8e5, 5e5),
            factors: vec![market],
            residual: part(-7e5, 5e5),
            ..PnlReport::default()
        };
        let words = words(&report);
        for said in [
            "On 2024-07-11 the book lost $1.20m",
            "2.0 times the $600",
            "-$500",
            "names themselves",
        ] {
            assert!(words.contains(said), "{said}: {words}");
        }
        let text = parts(&report).csv();
        assert!(text.contains("MARKET,-500000,400000,-1.25,50000000,-0.01"), "{text}");
    }

    #[test]
    fn groups_have_a_table_with_a_line_for_the_rest_and_one_for_all() {
        let group = |id: &str, pnl| PnlBreakdownGroup {
            group_id: id.to_owned(),
            start_value: 2e6,
            name_count: 3,
            part: part(pnl, 1e5),
        };
        let group_by = GroupBy { kind: GroupByKind::Label.into(), label_key: "account".to_owned() };
        let breakdown = PnlBreakdown {
            group_by: Some(group_by),
            groups: vec![group("x", 2e5), group("", -5e4)],
        };
        let report = PnlReport {
            total: part(1.5e5, 2e5),
            start_long: 5e6,
            start_short: 1e6,
            name_count: 5,
            ..PnlReport::default()
        };
        let (name, table) = groups(&breakdown, &report);
        assert_eq!(name, "label:account");
        let text = table.csv();
        assert!(text.contains("x,200000,100000,2,2000000,3\n"), "{text}");
        assert!(text.contains("no account,-50000,100000,-0.5,2000000,3\n"), "{text}");
        assert!(text.contains("all,150000,200000,0.75,4000000,5\n"), "{text}");
    }
}
