//! The exposure report: factor bets, the crowded trade, and the cost of a bad day.

use crate::{
    show::{
        evidence, number,
        page::Page,
        table::{Cell, Table},
    },
    terminal::{Terminal, Tone},
};
use contract::v1::{
    AnalyzePortfolioResponse, Coverage, CoverageAspect, CrowdTrade, DayPnl, DayRepeat, Estimate,
    ExposureReport, FactorBeta, FactorRole, LegPnl, LongShortExposure, PositionExposure, TailRisk,
    TradeLegKind,
};

/// The exposure report for people.
pub(crate) fn report(answer: &AnalyzePortfolioResponse, terminal: Terminal) -> Page {
    let known = evidence::as_known(answer.info.as_ref());
    let mut page = Page::new();
    page.say(terminal.heading(&format!("The book {known}")));
    if let Some(report) = &answer.report {
        body(&mut page, report, &answer.coverage, terminal);
    }
    evidence::unresolved(&mut page, &answer.unresolved);
    page.say(format!("  {}\n", evidence::coverage(&answer.coverage)));
    page.say(evidence::gaps(answer.info.as_ref(), terminal));
    page.say(evidence::reference(answer.info.as_ref(), terminal));
    page
}

fn body(page: &mut Page, report: &ExposureReport, coverage: &[Coverage], terminal: Terminal) {
    page.say(words(report, coverage, terminal) + "\n");
    page.table("sizes", sizes(report));
    page.say("\n");
    page.table("sectors", sectors(report));
    page.say("\n");
    page.table("betas", betas(report));
    let note = "  USD per 100 % move of the driver: from the names' own betas, and from the book's \
                returns.\n";
    page.say(terminal.paint(Tone::Faint, note));
    if let Some(trade) = &report.crowd_trade {
        page.say("\n");
        page.table("scenarios", scenarios(trade));
    }
    if let Some(tail) = &report.tail_risk {
        page.say("\n");
        page.table("tails", tails(tail));
        page.say(terminal.paint(Tone::Faint, &tail_notes(tail)));
    }
    if !report.positions.is_empty() {
        page.say("\n");
        page.table("positions", positions(&report.positions));
    }
}

/// The report in a few sentences; what is unknown comes first.
pub(crate) fn words(report: &ExposureReport, coverage: &[Coverage], terminal: Terminal) -> String {
    let summary = report.total.as_ref().map(|total| summary(total, report));
    let trade = report.crowd_trade.as_ref().map(|trade| trade_words(trade, coverage, terminal));
    let doubts = evidence::doubts(coverage, terminal);
    std::iter::once(doubts).chain(summary).chain(trade).collect()
}

fn summary(total: &LongShortExposure, report: &ExposureReport) -> String {
    let mut out = format!(
        "{} long in {} names, {} short in {}: gross {}, net {}",
        number::usd(total.long),
        total.long_names,
        number::usd(total.short),
        total.short_names,
        number::usd(total.gross),
        number::usd_signed(total.net)
    );
    out.push_str(&format!(
        ". Adjusted for beta the net is {}",
        number::usd_signed(total.beta_adjusted_net)
    ));
    if let Some(leverage) = report.gross_leverage {
        out.push_str(&format!("; gross leverage {leverage:.2}"));
    }
    if let Some(cash) = report.cash {
        out.push_str(&format!(". Beside it is cash of {}", number::usd_signed(cash)));
    }
    if let Some(profit) = &report.profit_and_loss {
        let word = if profit.total < 0.0 { "lost" } else { "made" };
        let of = match profit.share_with_cost {
            share if share < 1.0 => {
                format!("the {} of it that has costs has", number::share(share))
            }
            _ => "it has".to_owned(),
        };
        let total = number::usd(profit.total.abs());
        out.push_str(&format!(". Against cost {of} {word} {total}"));
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

/// Whether the portfolio's other risks hide the crowded trade: it explains less than a twentieth of
/// the variance.
fn is_negligible(trade: &CrowdTrade) -> bool {
    trade.share_of_variance.is_some_and(|share| share < 0.05)
}

/// Says whether the portfolio is in the crowded trade, and how much of its risk that is.
fn trade_words(trade: &CrowdTrade, coverage: &[Coverage], terminal: Terminal) -> String {
    let is_measured = evidence::carries_headline(coverage, CoverageAspect::OwnBetas);
    let is_sized = evidence::carries_headline(coverage, CoverageAspect::Sized);
    let trade_beta = trade.crowd_beta.as_ref().and_then(|beta| beta.per_gross);
    let beta = trade_beta.filter(|_| is_measured);
    let (verdict, tone) = match beta {
        Some(beta) if 0.1 < beta && is_negligible(trade) => {
            ("This book holds the crowded trade, below larger risks", Tone::Warning)
        }
        Some(beta) if 0.1 < beta => ("This book is in the crowded trade", Tone::Bad),
        Some(beta) if 0.03 < beta => ("This book leans to the crowded trade", Tone::Warning),
        Some(beta) if beta < -0.03 => ("This book is against the crowded trade", Tone::Good),
        Some(_) => ("This book has little of the crowded trade", Tone::Good),
        None => ("The crowded trade could not be measured", Tone::Warning),
    };
    let mut out = terminal.paint(tone, verdict);
    if is_sized {
        out.push_str(&format!(
            ": {} of megacaps long is matched by small and mid caps short",
            number::usd(trade.matched)
        ));
    } else {
        out.push_str(": how much of it is matched is unknown, as are the sizes of its names");
    }
    if let Some(share) = trade.share_of_variance {
        out.push_str(&format!(", and it explains {} of the book's variance", number::share(share)));
    }
    out.push_str(".\n");
    if let Some(unwind) = trade.unwinds.last() {
        out.push_str(&format!(
            "An unwind of {:.0} standard deviations ({}) is expected to {} {}; nine such days of \
             ten would fall between {} and {}.\n",
            unwind.standard_deviations,
            number::percent(unwind.crowd_return),
            if unwind.pnl < 0.0 { "cost" } else { "make" },
            number::usd(unwind.pnl.abs()),
            number::usd_signed(unwind.pnl_low),
            number::usd_signed(unwind.pnl_high)
        ));
    }
    if let Some(repeat) = &trade.repeat {
        out.push_str(&repeat_words(repeat));
    }
    out
}

fn repeat_words(repeat: &DayRepeat) -> String {
    let mut out = format!(
        "A repeat of {}{} would {} {}",
        repeat.on,
        trade_moved(repeat),
        if repeat.pnl < 0.0 { "cost" } else { "make" },
        number::usd(repeat.pnl.abs())
    );
    if 0 < repeat.proxied_names {
        let names = if repeat.proxied_names == 1 { "name" } else { "names" };
        out.push_str(&format!(" ({} {names} by their betas)", repeat.proxied_names));
    }
    out.push_str(" on today's holdings at today's values");
    out.push_str(&day_itself(repeat.day.as_ref()));
    out.push_str(".\n");
    out
}

/// What the trade made on the repeated day, in its standard deviations.
fn trade_moved(repeat: &DayRepeat) -> String {
    let Some((moved, sd)) = repeat.crowd_return.zip(repeat.crowd_standard_deviations) else {
        return String::new();
    };
    let word = if moved < 0.0 { "lost" } else { "made" };
    format!(
        " (the trade {word} {}, {:.1} of its standard deviations)",
        number::share(moved.abs()),
        sd.abs()
    )
}

/// What today's shares made on the day itself.
fn day_itself(day: Option<&DayPnl>) -> String {
    match day.and_then(|day| Some((day.pnl?, day.missing_gross_share))) {
        None => "; what the day itself brought is unknown".to_owned(),
        Some((pnl, missing)) => {
            let word = if pnl < 0.0 { "lost" } else { "made" };
            let part = match 0.0 < missing {
                true => format!(" (without {} of gross)", number::share(missing)),
                false => String::new(),
            };
            let pnl = number::usd(pnl.abs());
            format!("; on the day itself these shares {word} {pnl} from the previous close{part}")
        }
    }
}

fn exposure_table(first: &str) -> Table {
    Table::new(&[first, ">long", ">short", ">gross", ">net", ">beta-adjusted net"])
}

/// Exposure by size bucket, and in total.
fn sizes(report: &ExposureReport) -> Table {
    let mut table = exposure_table("size");
    for size in &report.by_size {
        table.row(exposure_row(bucket(&size.bucket_id), size.exposure.as_ref()));
    }
    table.row(exposure_row("all", report.total.as_ref()));
    table
}

fn sectors(report: &ExposureReport) -> Table {
    let heading = match report.sector_scheme_id.as_str() {
        "" => "sector".to_owned(),
        scheme => format!("sector ({scheme})"),
    };
    let mut table = exposure_table(&heading);
    for sector in &report.by_sector {
        let name = if sector.sector.is_empty() { "unknown sector" } else { &sector.sector };
        table.row(exposure_row(name, sector.exposure.as_ref()));
    }
    table
}

fn exposure_row(name: &str, exposure: Option<&LongShortExposure>) -> Vec<Cell> {
    let Some(exposure) = exposure else { return vec![name.into()] };
    // Absent values are dashes: a column of zeros hides the numbers.
    let side = |value: f64| {
        let shown = if 0.0 < value { Cell::plain(number::usd(value)) } else { number::absent() };
        shown.of(value)
    };
    vec![
        name.into(),
        side(exposure.long),
        side(exposure.short),
        number::cell(Some(exposure.gross), number::usd),
        number::cell(Some(exposure.net), number::usd_signed),
        number::cell(Some(exposure.beta_adjusted_net), number::usd_signed),
    ]
}

fn betas(report: &ExposureReport) -> Table {
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
        let estimates = (row.bottom_up.as_ref(), row.top_down.as_ref(), row.per_gross);
        table.row(beta_row(&row.factor_id, estimates, &symbols(&row.roles)));
    }
    let trade = report.crowd_trade.as_ref().and_then(|trade| trade.crowd_beta.as_ref());
    if let Some(beta) = trade {
        let estimates = (beta.bottom_up.as_ref(), beta.top_down.as_ref(), beta.per_gross);
        table.row(beta_row(TRADE, estimates, "megacaps less small caps, market-neutral"));
    }
    table
}

/// The factor of the crowded trade.
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

/// The symbols behind a factor: one, or a difference.
fn symbols(roles: &[FactorRole]) -> String {
    let symbols: Vec<String> = roles.iter().map(|role| role.symbols.join(", ")).collect();
    symbols.join(" less ")
}

fn value(estimate: Option<&Estimate>) -> Cell {
    number::cell(estimate.map(|estimate| estimate.value), number::usd_signed)
}

fn error(estimate: Option<&Estimate>) -> Cell {
    let error = estimate.map(|estimate| estimate.standard_error);
    error.map_or_else(number::absent, |error| Cell::faint(number::usd(error)).of(error))
}

/// Unwinds and the repeated session, with the P&L of each leg.
fn scenarios(trade: &CrowdTrade) -> Table {
    let mut table =
        Table::new(&["if", ">crowd", ">P&L", ">megacap longs", ">small-cap shorts", ">other"]);
    for unwind in &trade.unwinds {
        let name = format!("the crowd unwinds by {:.0} sd", unwind.standard_deviations);
        let crowd = number::gain(Some(unwind.crowd_return), number::percent);
        table.row(scenario(name, crowd, unwind.pnl, &unwind.legs));
    }
    if let Some(repeat) = &trade.repeat {
        let name = format!("{} repeats", repeat.on);
        table.row(scenario(name, number::absent(), repeat.pnl, &repeat.legs));
    }
    table
}

fn scenario(name: String, crowd: Cell, pnl: f64, legs: &[LegPnl]) -> [Cell; 6] {
    let leg = |kind: TradeLegKind| {
        let pnl = legs.iter().find(|leg| leg.kind() == kind).map(|leg| leg.pnl);
        number::gain(pnl, number::usd_signed)
    };
    [
        name.into(),
        crowd,
        number::gain(Some(pnl), number::usd_signed),
        leg(TradeLegKind::MegacapLong),
        leg(TradeLegKind::SmallCapShort),
        leg(TradeLegKind::Other),
    ]
}

fn tails(tail: &TailRisk) -> Table {
    let mut table = Table::new(&[
        "one day, confidence",
        ">value at risk",
        ">interval",
        ">expected shortfall",
        ">± error",
    ]);
    for level in &tail.levels {
        let end = |end: Option<f64>| end.map_or_else(|| "open".to_owned(), number::usd);
        let interval = match (level.value_at_risk_low, level.value_at_risk_high) {
            (None, None) => number::ABSENT.to_owned(),
            (low, high) => format!("{} to {}", end(low), end(high)),
        };
        table.row([
            format!("{} %", number::signed(100.0 * level.confidence, 1).trim_start_matches('+'))
                .into(),
            number::cell(Some(level.value_at_risk), number::usd),
            Cell::faint(interval),
            number::cell(Some(level.expected_shortfall), number::usd),
            number::cell(level.expected_shortfall_standard_error, number::usd),
        ]);
    }
    table
}

fn tail_notes(tail: &TailRisk) -> String {
    let note = format!(
        "  Today's positions over {} sessions, {} to {}; losses are positive. Replayed \
         at today's values without rescaling, the worst session is {} with {}{}.{}\n",
        tail.sessions,
        tail.first_on,
        tail.last_on,
        tail.worst_on,
        number::usd_signed(tail.worst_pnl),
        day_itself(tail.worst_day.as_ref()),
        method(tail)
    );
    note + &stand_ins(tail)
}

/// How filtered historical simulation rescaled the sessions.
fn method(tail: &TailRisk) -> String {
    match &tail.filter {
        None => String::new(),
        Some(filter) => format!(
            " All are rescaled to today's volatility of {} a day (EWMA {}, {} sessions before them to \
             start from).",
            number::usd(filter.volatility),
            filter.lambda,
            filter.seed_sessions
        ),
    }
}

/// How much of the first level's result rests on proxies.
fn stand_ins(tail: &TailRisk) -> String {
    let first = tail.levels.first();
    let Some((level, part)) = first.and_then(|level| Some((level, level.stand_ins.as_ref()?)))
    else {
        return String::new();
    };
    format!(
        "  {} of gross times sessions has no returns of its own: {} of the expected shortfall of {} \
         rests on proxies; over {} draws value at risk varies by {}, expected shortfall by {} \
         (standard deviations).\n",
        number::share(tail.proxied_share),
        number::usd_signed(part.expected_shortfall),
        number::usd(level.expected_shortfall),
        tail.draws,
        number::usd(part.value_at_risk_spread),
        number::usd(part.expected_shortfall_spread)
    )
}

fn positions(positions: &[PositionExposure]) -> Table {
    let mut table = Table::new(&[
        "position",
        ">market value",
        ">of gross",
        ">market beta",
        ">size beta",
        ">crowd beta",
        ">shortfall",
        ">P&L",
        "size",
        "sector",
    ]);
    for position in positions {
        table.row([
            position.symbol.as_str().into(),
            number::cell(Some(position.market_value), number::usd_signed),
            number::cell(Some(position.gross_share), number::share),
            beta(&position.betas, "MARKET"),
            beta(&position.betas, "SIZE"),
            beta(&position.betas, TRADE),
            number::loss(position.expected_shortfall, number::usd),
            number::gain(position.profit_and_loss, number::usd_signed),
            Cell::faint(bucket(&position.bucket_id)),
            Cell::faint(position.sector.clone()),
        ]);
    }
    table
}

fn beta(betas: &[FactorBeta], factor: &str) -> Cell {
    let row = betas.iter().find(|row| row.factor_id == factor);
    let value = row.and_then(|row| row.beta.as_ref()).map(|beta| beta.value);
    number::cell(value, |value| number::signed(value, 2))
}

fn bucket(bucket_id: &str) -> &str {
    if bucket_id.is_empty() { "unknown size" } else { bucket_id }
}
