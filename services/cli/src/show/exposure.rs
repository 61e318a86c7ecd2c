//! The exposure report: factor bets, trades, and the cost of a bad day.

use crate::{
    show::{
        crowding, evidence, factor_betas, factors, look_through, number,
        page::Page,
        risk, risk_model,
        table::{Cell, Table},
        titles::{Titles, UNKNOWN_SIZE, titles},
        trades,
    },
    terminal::{Terminal, Tone},
};
use contract::v1::{
    AnalyzePortfolioResponse, Breakdown, Coverage, CoverageAspect, Estimate, ExplainPnlResponse,
    ExposureReport, FactorBeta, GroupByKind, LongShortExposure, PositionExposure, RiskLevel,
    RiskMeasure, RiskMeasureKind, RiskMeasureRequest, RiskSplit, RiskSplitKind,
};
use tonic::Status;

/// The exposure report for people.
pub(crate) fn report(answer: &AnalyzePortfolioResponse, terminal: Terminal) -> Page {
    with_pnl(answer, None, terminal)
}

/// The exposure report, after what the book made on the last session if that was asked for.
pub(crate) fn with_pnl(
    answer: &AnalyzePortfolioResponse,
    pnl: Option<&Result<ExplainPnlResponse, Status>>,
    terminal: Terminal,
) -> Page {
    let known = evidence::as_known(answer.info.as_ref());
    let mut page = Page::new();
    page.say(terminal.heading(&format!("The book {known}")));
    match pnl {
        None => {}
        Some(Ok(pnl)) => last_session(&mut page, pnl, terminal),
        Some(Err(status)) => {
            let text = format!("  The P&L of the last session is unknown: {}\n", status.message());
            page.say(terminal.paint(Tone::Faint, &text));
        }
    }
    if let Some(report) = &answer.report {
        body(&mut page, report, evidence::coverage_of(answer.info.as_ref()), terminal);
    }
    evidence::unresolved(&mut page, &answer.unresolved);
    page.say(format!("  {}\n", evidence::coverage(evidence::coverage_of(answer.info.as_ref()))));
    page.say(evidence::gaps(answer.info.as_ref(), terminal));
    page.say(evidence::reference(answer.info.as_ref(), terminal));
    page
}

/// What the book made on the last session; what it leaves out comes first.
pub(crate) fn last_session(page: &mut Page, pnl: &ExplainPnlResponse, terminal: Terminal) {
    let Some(report) = &pnl.report else { return };
    let covered = evidence::coverage_of(pnl.info.as_ref());
    let missing = evidence::aspect(covered, CoverageAspect::Priced).missing;
    if 0.0 < missing {
        let text = format!("  {} of gross is not in this P&L.\n", number::share(missing));
        page.say(terminal.paint(Tone::Faint, &text));
    }
    super::pnl::summary(page, report, terminal);
}

fn body(page: &mut Page, report: &ExposureReport, coverage: &[Coverage], terminal: Terminal) {
    page.say(words(report, coverage, terminal) + "\n");
    if let Some(book) = &report.look_through {
        look_through::add(page, book, report.settings.as_ref());
    }
    for breakdown in &report.breakdowns {
        let (name, table) = groups(breakdown, report);
        page.table(name, table);
        page.say("\n");
    }
    if !report.factors.is_empty() || !report.trades.is_empty() {
        page.table("betas", betas(report));
        page.say(terminal.paint(Tone::Faint, BETAS_NOTE));
    }
    if !report.trades.is_empty() {
        page.say("\n");
        page.table("scenarios", trades::scenarios(&report.trades, &report.repeats));
    }
    if !report.scenario_sets.is_empty() {
        page.say("\n");
        page.table("tails", risk::tails(report));
        page.say(terminal.paint(Tone::Faint, &risk::notes(report)));
    }
    if !report.positions.is_empty() {
        page.say("\n");
        page.table("positions", positions(report));
    }
    if let Some(found) = &report.crowding {
        crowding::add(page, found);
    }
    factor_betas::add(page, report);
    risk_model::add(page, report);
}

/// What the table of betas says.
pub(crate) const BETAS_NOTE: &str =
    "  Per 100 % move of the driver: from the names' own betas, and from the book's returns.\n";

/// The report in a few sentences; what is unknown comes first.
pub(crate) fn words(report: &ExposureReport, coverage: &[Coverage], terminal: Terminal) -> String {
    let summary = report.total.as_ref().map(|total| summary(total, report));
    let trades = report.trades.iter().map(|trade| trades::words(trade, coverage, terminal));
    let doubts = evidence::doubts(coverage, terminal);
    let repeats = report.repeats.iter().map(trades::repeat_words);
    std::iter::once(doubts).chain(summary).chain(trades).chain(repeats).collect()
}

fn summary(total: &LongShortExposure, report: &ExposureReport) -> String {
    let mut out = format!(
        "{} long in {} names, {} short in {}: gross {}, net {}",
        number::money(total.long),
        total.long_names,
        number::money(total.short),
        total.short_names,
        number::money(total.gross),
        number::money_signed(total.net)
    );
    let adjusted = total.beta_adjusted_net.map(number::money_signed);
    out.push_str(". Adjusted for beta the net is ");
    out.push_str(adjusted.as_deref().unwrap_or("unknown"));
    if let Some(leverage) = report.gross_leverage {
        out.push_str(&format!("; gross leverage {leverage:.2}"));
    }
    if let Some(cash) = report.cash {
        out.push_str(&format!(". Beside it is cash of {}", number::money_signed(cash)));
    }
    let foreign = report.currencies.iter().filter(|row| row.currency != report.currency);
    let foreign =
        foreign.map(|row| format!("{} in {}", number::money_signed(row.net), row.currency));
    let foreign: Vec<String> = foreign.collect();
    if !foreign.is_empty() {
        out.push_str(&format!(
            ". Of other currencies it holds, cash included, {}",
            foreign.join(", ")
        ));
    }
    if let Some(profit) = &report.profit_and_loss {
        let of = match profit.share_with_cost {
            share if share < 1.0 => {
                format!("the {} of it that has costs has", number::share(share))
            }
            _ => "it has".to_owned(),
        };
        out.push_str(&format!(". Against cost {of} {}", number::made_or_lost(profit.total)));
    }
    if let Some(concentration) = &report.concentration {
        out.push_str(&format!(
            ". It holds {:.0} effective names, the largest {} of gross",
            concentration.effective_names,
            number::share(concentration.largest_share)
        ));
    }
    out.push_str(".\n");
    out
}

/// The book by one grouping and in total, and the name of the table.
pub(crate) fn groups(breakdown: &Breakdown, report: &ExposureReport) -> (String, Table) {
    let Titles { name, heading, rest } =
        titles(breakdown.group_by.as_ref(), report.settings.as_ref());
    let splits = splits(report, breakdown);
    let measures = splits.iter().map(|(measure_id, _)| format!(">{measure_id}"));
    let usual = [&heading, ">long", ">short", ">gross", ">net", ">beta-adjusted net"];
    let headings: Vec<String> = usual.map(str::to_owned).into_iter().chain(measures).collect();
    let mut table = Table::new(&headings.iter().map(String::as_str).collect::<Vec<_>>());
    for group in &breakdown.groups {
        let id = if group.group_id.is_empty() { &rest } else { &group.group_id };
        let part = |(_, level): &(&str, &RiskLevel)| {
            number::loss(contribution(level, breakdown, &group.group_id), number::money)
        };
        let row = exposure_row(id, group.exposure.as_ref());
        table.row(row.into_iter().chain(splits.iter().map(part)));
    }
    let whole = |(_, level): &(&str, &RiskLevel)| number::loss(Some(level.value), number::money);
    let all = exposure_row("all", whole_of(breakdown, report));
    table.row(all.into_iter().chain(splits.iter().map(whole)));
    (name, table)
}

/// What the groups add up to: the names behind the lines, unless groups are those of lines.
fn whole_of<'a>(
    breakdown: &Breakdown,
    report: &'a ExposureReport,
) -> Option<&'a LongShortExposure> {
    let is_of_lines = |kind| matches!(kind, GroupByKind::Label | GroupByKind::PositionKind);
    let of_lines = breakdown.group_by.as_ref().is_some_and(|by| is_of_lines(by.kind()));
    let seen = report.look_through.as_ref().filter(|_| !of_lines);
    seen.map_or(report.total.as_ref(), |seen| seen.exposure.as_ref())
}

/// The measures that are split by a grouping, each at its first confidence.
fn splits<'a>(report: &'a ExposureReport, breakdown: &Breakdown) -> Vec<(&'a str, &'a RiskLevel)> {
    let split = |measure: &'a RiskMeasure| {
        let level = measure.levels.first()?;
        let is_split = level.breakdowns.iter().any(|one| one.group_by == breakdown.group_by);
        is_split.then_some((measure.request.as_ref()?.measure_id.as_str(), level))
    };
    report.risk_measures.iter().filter_map(split).collect()
}

/// The contribution of a group.
fn contribution(level: &RiskLevel, breakdown: &Breakdown, group_id: &str) -> Option<f64> {
    let by = level.breakdowns.iter().find(|by| by.group_by == breakdown.group_by)?;
    by.groups.iter().find(|group| group.group_id == group_id).map(|group| group.value)
}

fn exposure_row(name: &str, exposure: Option<&LongShortExposure>) -> Vec<Cell> {
    let Some(exposure) = exposure else { return vec![name.into()] };
    // Absent values are dashes: a column of zeros hides the numbers.
    let side = |value: f64| {
        let shown = if 0.0 < value { Cell::plain(number::money(value)) } else { number::absent() };
        shown.of(value)
    };
    vec![
        name.into(),
        side(exposure.long),
        side(exposure.short),
        number::cell(Some(exposure.gross), number::money),
        number::cell(Some(exposure.net), number::money_signed),
        number::cell(exposure.beta_adjusted_net, number::money_signed),
    ]
}

/// Betas to factors and trades, from the names and from the book.
pub(crate) fn betas(report: &ExposureReport) -> Table {
    let mut table = Table::new(&[
        "beta to",
        ">from names",
        ">± error",
        ">from the book",
        ">± error",
        ">of gross",
        "driver",
    ]);
    for row in &report.factors {
        let estimates = (row.bottom_up.as_ref(), row.top_down.as_ref(), row.bottom_up_per_gross);
        table.row(beta_row(&row.factor_id, estimates, &factors::symbols(&row.roles)));
    }
    for trade in &report.trades {
        let Some(beta) = &trade.beta else { continue };
        let estimates = (beta.bottom_up.as_ref(), beta.top_down.as_ref(), beta.bottom_up_per_gross);
        table.row(beta_row(&beta.factor_id, estimates, trades::name(trade)));
    }
    table
}

/// The factor of the default trade.
const TRADE: &str = "trade/megacap_small_cap";

fn beta_row(
    factor: &str,
    (bottom_up, top_down, per_gross): (Option<&Estimate>, Option<&Estimate>, Option<f64>),
    driver: &str,
) -> [Cell; 7] {
    [
        factor.into(),
        value(bottom_up),
        error(bottom_up),
        value(top_down),
        error(top_down),
        number::cell(per_gross, |beta| number::signed(beta, 2)),
        Cell::faint(driver),
    ]
}

fn value(estimate: Option<&Estimate>) -> Cell {
    number::cell(estimate.map(|estimate| estimate.value), number::money_signed)
}

fn error(estimate: Option<&Estimate>) -> Cell {
    let error = estimate.and_then(|estimate| estimate.standard_error);
    error.map_or_else(number::absent, |error| Cell::faint(number::money(error)).of(error))
}

/// The largest positions.
pub(crate) fn positions(report: &ExposureReport) -> Table {
    let split = split_measure(report);
    let heading = match split {
        Some(request) if request.kind() != RiskMeasureKind::ExpectedShortfall => {
            request.measure_id.as_str()
        }
        _ => "shortfall",
    };
    let contribution = |position: &PositionExposure| {
        let id = &split?.measure_id;
        let part = position.risk_contributions.iter().find(|part| part.measure_id == *id)?;
        Some(part.value)
    };
    let mut table = Table::new(&[
        "position",
        ">market value",
        ">of gross",
        ">market beta",
        ">size beta",
        ">crowd beta",
        &format!(">{heading}"),
        ">P&L",
        "size",
        "sector",
    ]);
    for position in &report.positions {
        table.row([
            position.symbol.as_str().into(),
            number::cell(Some(position.market_value), number::money_signed),
            number::cell(Some(position.gross_share), number::share),
            beta(&position.betas, "MARKET"),
            beta(&position.betas, "SIZE"),
            beta(&position.betas, TRADE),
            number::loss(contribution(position), number::money),
            number::gain(position.profit_and_loss, number::money_signed),
            Cell::faint(bucket(&position.bucket_id)),
            Cell::faint(position.sector.clone()),
        ]);
    }
    table
}

/// The measure whose contributions the table of positions shows: the first expected shortfall that
/// was split, or else the first measure.
fn split_measure(report: &ExposureReport) -> Option<&RiskMeasureRequest> {
    let requests = report.risk_measures.iter().filter_map(|measure| measure.request.as_ref());
    let mut split = requests.filter(|request| request.contributions_by.iter().any(is_by_position));
    let first = split.clone().next();
    split.find(|request| request.kind() == RiskMeasureKind::ExpectedShortfall).or(first)
}

fn is_by_position(split: &RiskSplit) -> bool {
    split.kind() == RiskSplitKind::Position
}

fn beta(betas: &[FactorBeta], factor: &str) -> Cell {
    let row = betas.iter().find(|row| row.factor_id == factor);
    let value = row.and_then(|row| row.beta.as_ref()).map(|beta| beta.value);
    number::cell(value, |value| number::signed(value, 2))
}

fn bucket(bucket_id: &str) -> &str {
    if bucket_id.is_empty() { UNKNOWN_SIZE } else { bucket_id }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::v1::GroupBy;
    use contract::v1::{
        BreakdownContribution, BreakdownGroup, GroupContribution, RiskContribution,
    };

    #[test]
    fn a_report_without_blocks_is_its_total() {
        let total = LongShortExposure { net: 1.5e6, ..LongShortExposure::default() };
        let report = ExposureReport { total: Some(total), ..ExposureReport::default() };
        let answer = AnalyzePortfolioResponse {
            report: Some(report),
            ..AnalyzePortfolioResponse::default()
        };
        let page = super::report(&answer, Terminal::plain());
        assert!(page.csv("").is_err(), "no table");
        let text = page.render(Terminal::plain());
        assert!(text.contains("1.50m. Adjusted") && !text.contains("beta to"), "{text}");
    }

    #[test]
    fn a_label_has_a_table_of_its_name_and_a_line_for_the_rest() {
        let exposure = |net: f64| Some(LongShortExposure { net, ..LongShortExposure::default() });
        let group =
            |id: &str, net| BreakdownGroup { group_id: id.to_owned(), exposure: exposure(net) };
        let group_by = GroupBy { kind: GroupByKind::Label.into(), label_key: "account".to_owned() };
        let breakdown =
            Breakdown { group_by: Some(group_by), groups: vec![group("x", 2e6), group("", -5e5)] };
        let part = |id: &str, value| GroupContribution { group_id: id.to_owned(), value };
        let groups_of = vec![part("x", 4e5), part("", -1e5)];
        let by = BreakdownContribution { group_by: breakdown.group_by.clone(), groups: groups_of };
        let level = RiskLevel { value: 3e5, breakdowns: vec![by], ..RiskLevel::default() };
        let request = RiskMeasureRequest { measure_id: "es".to_owned(), ..<_>::default() };
        let measure =
            RiskMeasure { request: Some(request), levels: vec![level], ..RiskMeasure::default() };
        let report = ExposureReport {
            total: exposure(1.5e6),
            risk_measures: vec![measure],
            ..ExposureReport::default()
        };
        let (name, table) = groups(&breakdown, &report);
        assert_eq!(name, "label:account");
        let text = table.csv();
        let first: Vec<&str> = text.lines().filter_map(|line| line.split(',').next()).collect();
        assert_eq!(first, ["account", "x", "no account", "all"], "{text}");
        assert!(text.contains("x,0,0,0,2000000,,400000\n"), "{text}");
        assert!(text.contains("all,0,0,0,1500000,,300000\n"), "{text}");
    }

    /// A report with one position, whose contribution to a measure is 1 for the first, 2 for the
    /// second and so on.
    fn split(measures: &[(&str, RiskMeasureKind)]) -> ExposureReport {
        let measure = |(id, kind): &(&str, RiskMeasureKind)| RiskMeasure {
            request: Some(RiskMeasureRequest {
                measure_id: (*id).to_owned(),
                kind: (*kind).into(),
                contributions_by: vec![RiskSplit {
                    kind: RiskSplitKind::Position.into(),
                    group_by: None,
                }],
                ..RiskMeasureRequest::default()
            }),
            ..RiskMeasure::default()
        };
        let contribution = |((id, _), value): (&(&str, _), f64)| RiskContribution {
            measure_id: (*id).to_owned(),
            value,
            ..RiskContribution::default()
        };
        let position = PositionExposure {
            risk_contributions: measures.iter().zip([1.0, 2.0]).map(contribution).collect(),
            ..PositionExposure::default()
        };
        ExposureReport {
            risk_measures: measures.iter().map(measure).collect(),
            positions: vec![position],
            ..ExposureReport::default()
        }
    }

    #[test]
    fn the_column_of_contributions_says_of_which_measure() {
        let (es, volatility) = (RiskMeasureKind::ExpectedShortfall, RiskMeasureKind::Volatility);
        let cases: [(&[_], _); 3] = [
            (&[("volatility", volatility), ("es", es)], ("shortfall", "2")),
            (&[("volatility:historical:500", volatility)], ("volatility_historical_500", "1")),
            (&[], ("shortfall", "")),
        ];
        for (measures, expected) in cases {
            let text = positions(&split(measures)).csv();
            let row = |at: usize| text.lines().nth(at).unwrap().split(',').nth(6).unwrap();
            assert_eq!((row(0), row(1)), expected, "{text}");
        }
    }
}
