//! Squeeze risk as tables: the ranking of the market, and the short side of a portfolio.

use crate::{
    show::{
        disclosed, evidence, lending, look_through, number,
        page::Page,
        short_costs,
        table::{Cell, Table},
    },
    terminal::{Terminal, Tone},
};
use contract::v1::{
    AssessShortBookResponse, ExitPlan, MarkBasis, MeasureInput, RankSqueezeResponse,
    ShortBookTotals, ShortLine, SqueezeMethod, SqueezeName, SqueezeUniverse,
};

/// The ranking of the market, for people.
pub(crate) fn ranking(answer: &RankSqueezeResponse, terminal: Terminal) -> Page {
    let known = evidence::as_known(answer.info.as_ref());
    let mut page = Page::new();
    page.say(terminal.heading(&format!("Squeeze ranking {known}")));
    names(&mut page, answer, terminal);
    page.say(evidence::gaps(answer.info.as_ref(), terminal));
    page.say(evidence::reference(answer.info.as_ref(), terminal));
    page
}

/// The names of a ranking, and what they are ranked by.
pub(crate) fn names(page: &mut Page, answer: &RankSqueezeResponse, terminal: Terminal) {
    if let Some(first) = answer.names.first().and_then(|ranked| ranked.name.as_ref()) {
        page.say(portrait(first));
    }
    page.table("ranking", ranked_names(answer));
    let ranked = answer.names.iter().filter_map(|ranked| ranked.name.as_ref());
    lending::table(page, ranked.clone().map(|name| (name, None)));
    disclosed::table(page, ranked);
    if answer.method.as_ref().is_some_and(|method| method.calibrated) {
        page.table("probabilities", probabilities(answer));
    }
    let shown = answer.names.len();
    let of = number::count(answer.total_size);
    page.say(format!("  {shown} of {of} names. {}", universe(answer.universe.as_ref())));
    page.say(short_costs::market(answer.universe.as_ref()));
    page.say(method(answer.method.as_ref(), terminal));
}

fn ranked_names(answer: &RankSqueezeResponse) -> Table {
    let mut table = Table::new(&[
        ">#",
        "name",
        ">score",
        ">short/float",
        ">change in short",
        ">days to cover",
        ">since settled, USD",
        ">20 days, USD",
        ">traded a day",
        "percentiles",
    ]);
    for ranked in &answer.names {
        let Some(name) = &ranked.name else { continue };
        table.row([
            Cell::faint(ranked.rank.to_string()).of(f64::from(ranked.rank)),
            name.symbol.as_str().into(),
            score(name.score),
            number::cell(name.short_of_float, number::share),
            number::loss(name.short_interest_change, number::percent),
            number::cell(name.days_to_cover_at_recent_volume, |days| format!("{days:.1}")),
            short_side(name.return_since_settlement),
            short_side(name.twenty_session_return),
            number::cell(name.average_daily_value_usd, number::usd),
            Cell::faint(stands_out(name)),
        ]);
    }
    table
}

/// The probabilities of a calibrated method, in the order of the ranking.
fn probabilities(answer: &RankSqueezeResponse) -> Table {
    let mut table = Table::new(&["name", ">squeezed within 5 sessions"]);
    for name in answer.names.iter().filter_map(|ranked| ranked.name.as_ref()) {
        table.row([
            name.symbol.as_str().into(),
            number::cell(name.squeeze_probability, |p| format!("{:.2} %", 100.0 * p)),
        ]);
    }
    table
}

/// The short side of a portfolio; at most `lines` lines, highest scores first.
pub(crate) fn book(answer: &AssessShortBookResponse, lines: usize, terminal: Terminal) -> Page {
    let known = evidence::as_known(answer.info.as_ref());
    let mut page = Page::new();
    page.say(terminal.heading(&format!("The short book {known}")));
    lines_of(&mut page, answer, lines);
    short_costs::scenarios(&mut page, answer);
    short_costs::schedules(&mut page, answer, lines);
    basis(&mut page, answer, terminal);
    evidence::unresolved(&mut page, &answer.unresolved);
    page.say(format!("  {}\n", evidence::coverage(evidence::coverage_of(answer.info.as_ref()))));
    page.say(evidence::gaps(answer.info.as_ref(), terminal));
    page.say(evidence::reference(answer.info.as_ref(), terminal));
    page
}

/// What is short, in words and line by line.
pub(crate) fn lines_of(page: &mut Page, answer: &AssessShortBookResponse, lines: usize) {
    if let Some(totals) = &answer.totals {
        page.say(summary(totals));
        page.say(short_costs::covering(totals));
        page.say(lending::carry(totals));
    }
    page.table("shorts", shorts(answer, lines));
    let lent = by_score(answer).into_iter().take(lines);
    lending::table(page, lent.map(|(line, name)| (name, Some(line))));
    disclosed::table(page, by_score(answer).into_iter().take(lines).map(|(_, name)| name));
    if lines < answer.lines.len() {
        let more = answer.lines.len() - lines;
        page.say(format!("  and {more} more shorts with lower scores.\n"));
    }
    if !answer.funds.is_empty() {
        page.table("funds", look_through::funds(&answer.funds));
    }
}

/// What the scores rest on.
pub(crate) fn basis(page: &mut Page, answer: &AssessShortBookResponse, terminal: Terminal) {
    page.say(format!("  {}", universe(answer.universe.as_ref())));
    page.say(short_costs::market(answer.universe.as_ref()));
    page.say(method(answer.method.as_ref(), terminal));
}

fn shorts(answer: &AssessShortBookResponse, lines: usize) -> Table {
    let mark = format!(">mark since settled, {}", number::book_currency());
    let mut table = Table::new(&[
        "short",
        ">market value",
        ">score",
        ">short/float",
        ">days to cover",
        ">own exit",
        ">at recent volume",
        ">P&L",
        ">since settled, USD",
        &mark,
        "settled",
        "percentiles",
    ]);
    for (line, name) in by_score(answer).into_iter().take(lines) {
        table.row(book_row(line, name));
    }
    table
}

/// The shorts, highest score first, those without a score last.
pub(crate) fn by_score(answer: &AssessShortBookResponse) -> Vec<(&ShortLine, &SqueezeName)> {
    let mut ranked: Vec<_> =
        answer.lines.iter().filter_map(|line| Some((line, line.name.as_ref()?))).collect();
    let score = |name: &SqueezeName| name.score.unwrap_or(-1.0);
    ranked.sort_by(|(_, a), (_, b)| score(b).total_cmp(&score(a)));
    ranked
}

/// The return of the name is in dollars, as in a ranking, and the mark of the short in the currency of the
/// book.
fn book_row(line: &ShortLine, name: &SqueezeName) -> [Cell; 12] {
    let mark = |basis| line.mark.as_ref().filter(|mark| mark.basis() == basis);
    let own = mark(MarkBasis::AverageCost).and_then(|mark| mark.profit_and_loss);
    let since = mark(MarkBasis::Settlement).map(|mark| mark.return_on_basis);
    let settled = input(name, "short_interest");
    [
        name.symbol.as_str().into(),
        number::cell(Some(line.market_value), number::money),
        score(name.score),
        number::cell(name.short_of_float, number::share),
        number::cell(name.days_to_cover_at_recent_volume, |days| format!("{days:.1}")),
        number::cell(line.exit_days_at_normal_volume, days),
        number::cell(line.exit_days_at_recent_volume, days),
        number::gain(own, number::money_signed),
        short_side(name.return_since_settlement),
        number::gain(since, number::percent),
        Cell::faint(settled.map(|input| input.observed_on.clone()).unwrap_or_default()),
        Cell::faint(stands_out(name)),
    ]
}

fn days(days: f64) -> String {
    format!("{days:.1} d")
}

pub(crate) fn summary(totals: &ShortBookTotals) -> String {
    let mut out =
        format!("{} is short in {} names", number::money(totals.gross_short), totals.short_names);
    if let Some(mean) = totals.mean_score {
        out.push_str(&format!(", with a mean squeeze score of {mean:.0} out of 100"));
    }
    out.push_str(".\n");
    if let Some(pnl) = totals.profit_and_loss {
        let made = number::made_or_lost(pnl);
        out.push_str(&format!("Against their cost the shorts have {made}.\n"));
    }
    out.push_str(&exit_words(totals));
    out
}

/// How long buying back takes, first at the volume that a squeeze does not inflate.
fn exit_words(totals: &ShortBookTotals) -> String {
    let plan = |plan: Option<&ExitPlan>| {
        let plan = plan?;
        let half = plan.curve.iter().find(|point| (point.share - 0.5).abs() < 1e-9)?;
        Some(format!("half takes {:.1} days and all of it {:.1}", half.days, plan.exit_days?))
    };
    let Some(normal) = plan(totals.exit_at_normal_volume.as_ref()) else { return String::new() };
    let recent = plan(totals.exit_at_recent_volume.as_ref());
    let recent = recent.map(|words| format!("; at the volume of the last 21 sessions {words}"));
    format!(
        "Buying back at {} of normal volume, {normal}{}.\n",
        number::share(totals.participation),
        recent.unwrap_or_default()
    )
}

fn portrait(name: &SqueezeName) -> String {
    let mut out = format!("{} is the most squeezable", name.symbol);
    if let Some(short) = name.short_of_float {
        out.push_str(&format!(": {} of its float is sold short", number::share(short)));
    }
    if let Some(settled) = input(name, "short_interest") {
        out.push_str(&format!(" ({})", evidence::dates(settled)));
    }
    if let Some(days) = name.days_to_cover_at_recent_volume {
        out.push_str(&format!(", {days:.1} days of its volume to buy back"));
    }
    if let Some(since) = name.return_since_settlement {
        let words = if 0.0 < since { "cost the shorts" } else { "paid the shorts" };
        out.push_str(&format!(
            "; since then it has {words} {} in dollars",
            number::share(since.abs())
        ));
    }
    out.push_str(".\n");
    out
}

fn universe(universe: Option<&SqueezeUniverse>) -> String {
    let Some(universe) = universe else { return "\n".to_owned() };
    format!(
        "Percentiles are over {} names; {} have the settlement of {}.\n",
        universe.scored_count, universe.at_newest_settlement_count, universe.newest_settlement_on
    )
}

fn method(method: Option<&SqueezeMethod>, terminal: Terminal) -> String {
    let Some(method) = method else { return String::new() };
    let calibrated = if method.calibrated {
        "  The score is the percentile of the calibrated probability of a squeeze within five \
         sessions; `ballast squeeze calibration` shows how good it is.\n"
    } else {
        "  The score is the percentile of short interest over float. It ranks names; it is not \
         calibrated and does not say how often they squeeze.\n"
    };
    terminal.paint(Tone::Faint, calibrated)
}

/// A cell of a score; a high score is coloured as a danger to the holder of a short.
fn score(score: Option<f64>) -> Cell {
    match score {
        None => number::absent(),
        Some(score) if 85.0 <= score => Cell::toned(Tone::Bad, format!("{score:.0}")).of(score),
        Some(score) if 70.0 <= score => Cell::toned(Tone::Warning, format!("{score:.0}")).of(score),
        Some(score) => Cell::plain(format!("{score:.0}")).of(score),
    }
}

/// A cell of the name's return, coloured from the short seller's side.
fn short_side(value: Option<f64>) -> Cell {
    number::loss(value, number::percent)
}

/// The two measures beside short interest over float in which the name stands out most.
fn stands_out(name: &SqueezeName) -> String {
    let mut ranked: Vec<(&str, f64)> = name
        .evidence
        .iter()
        .filter(|evidence| evidence.measure_id != "short_of_float")
        .filter_map(|evidence| Some((evidence.measure_id.as_str(), evidence.percentile?)))
        .collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let words = ranked.iter().take(2).map(|(measure, percentile)| {
        format!("{} {:.0}", measure.replace('_', " "), 100.0 * percentile)
    });
    words.collect::<Vec<String>>().join(", ")
}

fn input<'a>(name: &'a SqueezeName, wanted: &str) -> Option<&'a MeasureInput> {
    name.inputs.iter().find(|input| input.name == wanted)
}
