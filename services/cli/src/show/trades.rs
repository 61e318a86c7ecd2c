//! Trades in the book: is it in them, what would an unwind cost, what did a past day bring.

use super::{
    day_itself::day_itself,
    evidence, number,
    table::{Cell, Table},
};
use crate::terminal::{Terminal, Tone};
use contract::v1::{
    Coverage, CoverageAspect, DayRepeat, TradeExposure, TradeLegScenarioPnl, TradeRepeat,
};

/// The trade of the settings.
pub(crate) const STANDARD: &str = "megacap_small_cap";

pub(crate) fn id(trade: &TradeExposure) -> &str {
    trade.definition.as_ref().map_or("", |definition| &definition.trade_id)
}

/// Its name, or its id without one.
pub(super) fn name(trade: &TradeExposure) -> &str {
    let name = trade.definition.as_ref().map_or("", |definition| definition.name.as_str());
    if name.is_empty() { id(trade) } else { name }
}

/// Says whether the portfolio is in a trade, and how much of its risk that is.
pub(super) fn words(trade: &TradeExposure, coverage: &[Coverage], terminal: Terminal) -> String {
    let mut out = verdict(trade, coverage, terminal);
    if evidence::carries_headline(coverage, CoverageAspect::Sized) || id(trade) != STANDARD {
        out.push_str(&matched(trade));
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
            number::percent(unwind.trade_return),
            if unwind.pnl < 0.0 { "cost" } else { "make" },
            number::money(unwind.pnl.abs()),
            number::money_signed(unwind.pnl_low),
            number::money_signed(unwind.pnl_high)
        ));
    }
    out
}

/// Whether the portfolio's other risks hide the trade: it explains less than a twentieth of the
/// variance.
fn is_negligible(trade: &TradeExposure) -> bool {
    trade.share_of_variance.is_some_and(|share| share < 0.05)
}

fn verdict(trade: &TradeExposure, coverage: &[Coverage], terminal: Terminal) -> String {
    let is_measured = evidence::carries_headline(coverage, CoverageAspect::OwnBetas);
    // A caller's trade has no betas of names, so the book's own returns decide.
    let per_gross = trade.beta.as_ref().and_then(|beta| beta.bottom_up_per_gross);
    let beta = per_gross.or(trade.top_down_per_gross).filter(|_| is_measured);
    let name = match id(trade) {
        STANDARD => "the crowded trade".to_owned(),
        _ => format!("the trade \"{}\"", name(trade)),
    };
    let (text, tone) = match beta {
        Some(beta) if 0.1 < beta && is_negligible(trade) => {
            (format!("This book holds {name}, below larger risks"), Tone::Warning)
        }
        Some(beta) if 0.1 < beta => (format!("This book is in {name}"), Tone::Bad),
        Some(beta) if 0.03 < beta => (format!("This book leans to {name}"), Tone::Warning),
        Some(beta) if beta < -0.03 => (format!("This book is against {name}"), Tone::Good),
        Some(_) => (format!("This book has little of {name}"), Tone::Good),
        None => (format!("{} could not be measured", name.replacen('t', "T", 1)), Tone::Warning),
    };
    terminal.paint(tone, &text)
}

fn matched(trade: &TradeExposure) -> String {
    let money = number::money(trade.matched);
    match id(trade) {
        STANDARD => format!(": {money} of megacaps long is matched by small and mid caps short"),
        _ => format!(": {money} of its long legs is matched by its short legs"),
    }
}

/// What a repeated day would bring, and what the trades made on it.
pub(super) fn repeat_words(repeat: &DayRepeat) -> String {
    let mut out = format!(
        "A repeat of {}{} would {} {}",
        repeat.on,
        repeat.trades.iter().map(moved).collect::<String>(),
        if repeat.pnl < 0.0 { "cost" } else { "make" },
        number::money(repeat.pnl.abs())
    );
    if 0 < repeat.proxied_name_count {
        let names = if repeat.proxied_name_count == 1 { "name" } else { "names" };
        out.push_str(&format!(" ({} {names} by their betas)", repeat.proxied_name_count));
    }
    out.push_str(" on today's holdings at today's values");
    out.push_str(&day_itself(repeat.day.as_ref()));
    out.push_str(".\n");
    out
}

/// What a trade made on the repeated day, in its standard deviations.
fn moved(trade: &TradeRepeat) -> String {
    let Some((moved, sd)) = trade.trade_return.zip(trade.trade_standard_deviations) else {
        return String::new();
    };
    let word = if moved < 0.0 { "lost" } else { "made" };
    format!(
        " ({} {word} {}, {:.1} of its standard deviations)",
        trade.trade_id,
        number::share(moved.abs()),
        sd.abs()
    )
}

/// Unwinds and the repeated sessions of every trade, with the P&L of each leg.
pub(crate) fn scenarios(trades: &[TradeExposure], repeats: &[DayRepeat]) -> Table {
    let mut legs: Vec<&str> = Vec::new();
    for leg in trades.iter().flat_map(|trade| &trade.legs) {
        if !leg.leg_id.is_empty() && !legs.contains(&leg.leg_id.as_str()) {
            legs.push(&leg.leg_id);
        }
    }
    let headings = legs.iter().map(|leg| format!(">{}", leg.replace('_', " ")));
    let first = ["if", ">trade", ">P&L"].map(str::to_owned).into_iter();
    let headings: Vec<String> = first.chain(headings).chain([">other".to_owned()]).collect();
    let mut table = Table::new(&headings.iter().map(String::as_str).collect::<Vec<_>>());
    // Everything else has no id.
    legs.push("");
    for trade in trades {
        for unwind in &trade.unwinds {
            let name = format!("{} unwinds by {:.0} sd", id(trade), unwind.standard_deviations);
            let moved = number::gain(Some(unwind.trade_return), number::percent);
            table.row(scenario(name, moved, (unwind.pnl, &unwind.legs), &legs));
        }
        for day in repeats {
            let repeated = day.trades.iter().find(|repeated| repeated.trade_id == id(trade));
            let Some(repeated) = repeated else { continue };
            let moved = number::gain(repeated.trade_return, number::percent);
            let name = format!("{} repeats", day.on);
            table.row(scenario(name, moved, (day.pnl, &repeated.legs), &legs));
        }
    }
    table
}

fn scenario(
    name: String,
    moved: Cell,
    (total, pnls): (f64, &[TradeLegScenarioPnl]),
    legs: &[&str],
) -> Vec<Cell> {
    let leg = |leg: &&str| {
        let pnl = pnls.iter().find(|pnl| pnl.leg_id == **leg).map(|pnl| pnl.pnl);
        number::gain(pnl, number::money_signed)
    };
    let first = [name.into(), moved, number::gain(Some(total), number::money_signed)];
    first.into_iter().chain(legs.iter().map(leg)).collect()
}
