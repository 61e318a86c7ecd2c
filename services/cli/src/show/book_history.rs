//! A book through time: one line per session.

use crate::{
    show::{
        book_row, evidence, number,
        page::Page,
        table::{Cell, Table},
    },
    terminal::{Terminal, Tone},
};
use contract::v1::{
    AnalyzePortfolioHistoryResponse, ExposureReport, GroupByKind, PortfolioHistoryPoint,
};

/// The history for people.
pub(crate) fn report(answer: &AnalyzePortfolioHistoryResponse, terminal: Terminal) -> Page {
    let known = evidence::as_known(answer.info.as_ref());
    let mut page = Page::new();
    page.say(terminal.heading(&format!("The shares of the book {known}, session by session")));
    page.table("sessions", sessions(&answer.points));
    let note = "  Every session as known at its close, with the shares of the as-of date.\n";
    page.say(terminal.paint(Tone::Faint, note));
    if !answer.next_page_token.is_empty() {
        let (shown, all) = (answer.points.len(), answer.total_size);
        page.say(format!("  {shown} of {all} sessions; a later --from shows the others.\n"));
    }
    evidence::unresolved(&mut page, &answer.unresolved);
    page.say(evidence::gaps(answer.info.as_ref(), terminal));
    page.say(evidence::reference(answer.info.as_ref(), terminal));
    page
}

fn sessions(points: &[PortfolioHistoryPoint]) -> Table {
    let buckets = buckets(points);
    let nets: Vec<String> =
        buckets.iter().map(|bucket| format!(">net {}", named(bucket))).collect();
    let mut headers = [&["session"][..], &book_row::HEADERS].concat();
    headers.extend(nets.iter().map(String::as_str));
    let mut table = Table::new(&headers);
    for point in points {
        let report = point.answer.as_ref().and_then(|answer| answer.report.as_ref());
        table.row(row(&point.on, report, &buckets));
    }
    table
}

fn named(bucket: &str) -> &str {
    if bucket.is_empty() { "of unknown size" } else { bucket }
}

/// The size buckets of any session, in the order of their first appearance.
fn buckets(points: &[PortfolioHistoryPoint]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let reports = points.iter().filter_map(|point| point.answer.as_ref()?.report.as_ref());
    for (bucket, _) in reports.flat_map(by_size) {
        if !all.contains(&bucket) {
            all.push(bucket);
        }
    }
    // What has no size comes last.
    all.sort_by_key(String::is_empty);
    all
}

/// The net of each size bucket.
fn by_size(report: &ExposureReport) -> Vec<(String, f64)> {
    let is_size = |kind: Option<GroupByKind>| kind == Some(GroupByKind::Size);
    let of_size = report
        .breakdowns
        .iter()
        .find(|breakdown| is_size(breakdown.group_by.as_ref().map(|group_by| group_by.kind())));
    let groups = of_size.map_or(&[][..], |breakdown| &breakdown.groups);
    let net = |group: &contract::v1::BreakdownGroup| {
        Some((group.group_id.clone(), group.exposure.as_ref()?.net))
    };
    groups.iter().filter_map(net).collect()
}

fn row(on: &str, report: Option<&ExposureReport>, buckets: &[String]) -> Vec<Cell> {
    let mut cells = vec![on.into()];
    cells.extend(book_row::cells(report));
    let nets = report.map_or_else(Vec::new, by_size);
    cells.extend(buckets.iter().map(|bucket| {
        let net = nets.iter().find(|(id, _)| id == bucket).map(|(_, net)| *net);
        number::cell(net, number::money_signed)
    }));
    cells
}
