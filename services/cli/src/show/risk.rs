//! Risk measures: one row per confidence, and what the scenarios behind them are.

use crate::show::{
    day_itself::day_itself,
    number,
    table::{Cell, Table},
};
use contract::v1::{ExposureReport, RiskLevel, RiskMeasure, RiskMeasureKind as Kind, ScenarioSet};

/// Value at risk and expected shortfall at one confidence and horizon over one set of scenarios.
pub(crate) struct Row<'a> {
    set: &'a str,
    confidence: f64,
    /// The sessions that the loss is counted over.
    horizon: i32,
    pub(crate) value_at_risk: Option<&'a RiskLevel>,
    pub(crate) shortfall: Option<&'a RiskLevel>,
}

/// Whether every loss is that of one day.
pub(crate) fn is_one_day(rows: &[Row<'_>]) -> bool {
    rows.iter().all(|row| row.horizon == 1)
}

/// What tells each row from the others: the confidence, the days if a row has several, and the
/// scenarios if there are several sets.
pub(crate) fn labels(report: &ExposureReport, rows: &[Row<'_>]) -> Vec<String> {
    let (is_one_day, shows_sets) = (is_one_day(rows), 1 < report.scenario_sets.len());
    let label = |row: &Row<'_>| {
        let confidence = number::signed(100.0 * row.confidence, 1);
        let mut label = format!("{} %", confidence.trim_start_matches('+'));
        if !is_one_day {
            label += &format!(" over {}", days(row.horizon));
        }
        if shows_sets {
            label += &format!(" {}", row.set);
        }
        label
    };
    rows.iter().map(label).collect()
}

/// One row per set of scenarios and confidence.
pub(crate) fn tails(report: &ExposureReport) -> Table {
    let rows = rows(report);
    let mut table = Table::new(&[
        if is_one_day(&rows) { "one day, confidence" } else { "confidence" },
        ">value at risk",
        ">interval",
        ">expected shortfall",
        ">± error",
    ]);
    for (label, row) in labels(report, &rows).into_iter().zip(&rows) {
        let (value_at_risk, shortfall) = (row.value_at_risk, row.shortfall);
        table.row([
            label.into(),
            number::cell(value_at_risk.map(|level| level.value), number::money),
            Cell::faint(interval(value_at_risk)),
            number::cell(shortfall.map(|level| level.value), number::money),
            number::cell(shortfall.and_then(|level| level.standard_error), number::money),
        ]);
    }
    table
}

/// Puts the two kinds side by side where they agree in scenarios, confidence and horizon.
pub(crate) fn rows(report: &ExposureReport) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    let levels = |measure: &'_ RiskMeasure| measure.levels.len();
    for measure in report.risk_measures.iter().filter(|measure| 0 < levels(measure)) {
        let is_shortfall = kind(measure) == Kind::ExpectedShortfall;
        for level in &measure.levels {
            let Some(confidence) = level.confidence else { continue };
            let (set, horizon) = (measure.scenario_set_id.as_str(), horizon(measure));
            let slot = rows.iter().position(|row| {
                let filled = if is_shortfall { row.shortfall } else { row.value_at_risk };
                row.set == set
                    && row.horizon == horizon
                    && row.confidence.to_bits() == confidence.to_bits()
                    && filled.is_none()
            });
            let slot = slot.unwrap_or_else(|| {
                rows.push(Row { set, confidence, horizon, value_at_risk: None, shortfall: None });
                rows.len() - 1
            });
            let row = &mut rows[slot];
            *(if is_shortfall { &mut row.shortfall } else { &mut row.value_at_risk }) = Some(level);
        }
    }
    rows
}

fn kind(measure: &RiskMeasure) -> Kind {
    measure.request.as_ref().map_or(Kind::Unspecified, |request| request.kind())
}

/// The sessions that the loss is counted over.
fn horizon(measure: &RiskMeasure) -> i32 {
    measure.request.as_ref().and_then(|request| request.horizon_sessions).unwrap_or(1)
}

fn days(horizon: i32) -> String {
    match horizon {
        1 => "1 day".to_owned(),
        _ => format!("{} days", number::count(horizon)),
    }
}

fn interval(level: Option<&RiskLevel>) -> String {
    let end = |end: Option<f64>| end.map_or_else(|| "open".to_owned(), number::money);
    match level.map(|level| (level.value_low, level.value_high)) {
        None | Some((None, None)) => number::ABSENT.to_owned(),
        Some((low, high)) => format!("{} to {}", end(low), end(high)),
    }
}

/// What the scenarios are, and what they rest on.
pub(crate) fn notes(report: &ExposureReport) -> String {
    let sets = report.scenario_sets.iter().map(|set| note(set) + &stand_ins(report, set));
    sets.chain(report.risk_measures.iter().filter_map(volatility)).collect()
}

fn note(set: &ScenarioSet) -> String {
    format!(
        "  Today's positions over {} sessions, {} to {}{}; losses are positive. Replayed \
         at today's values without rescaling, the worst session is {} with {}{}.{}\n",
        set.sessions,
        set.first_on,
        set.last_on,
        joined(set),
        set.worst_replay_on,
        number::money_signed(set.worst_replay_pnl),
        day_itself(set.worst_day.as_ref()),
        method(set)
    )
}

/// How many scenarios of several sessions were made.
fn joined(set: &ScenarioSet) -> String {
    match (set.joined_scenarios, &set.filter) {
        (0, _) => String::new(),
        (runs, None) => format!(", in {} runs", number::count(runs)),
        (paths, Some(_)) => format!(", in {} simulated paths", number::count(paths)),
    }
}

/// How filtered historical simulation rescaled the sessions.
fn method(set: &ScenarioSet) -> String {
    match &set.filter {
        None => String::new(),
        Some(filter) => format!(
            " All are rescaled to today's volatility of {} a day (EWMA {}, {} sessions before them to \
             start from).",
            number::money(filter.volatility),
            filter.decay,
            filter.seed_sessions
        ),
    }
}

/// How much of the first confidence rests on proxies.
fn stand_ins(report: &ExposureReport, set: &ScenarioSet) -> String {
    let level = |wanted: Kind| {
        let of_set = report.risk_measures.iter().find(|measure| {
            measure.scenario_set_id == set.scenario_set_id && kind(measure) == wanted
        });
        of_set?.levels.first()
    };
    let spread = |level: &RiskLevel| level.stand_ins.map(|parts| number::money(parts.spread));
    let Some(level_of_shortfall) = level(Kind::ExpectedShortfall) else { return String::new() };
    let Some(parts) = level_of_shortfall.stand_ins else { return String::new() };
    let value_at_risk = level(Kind::ValueAtRisk).and_then(spread);
    let value_at_risk = value_at_risk.map(|spread| format!("value at risk varies by {spread}, "));
    format!(
        "  {} of gross times sessions has no returns of its own: {} of the expected shortfall of {} \
         rests on proxies; over {} draws {}expected shortfall by {} (standard deviations).\n",
        number::share(set.proxied_share),
        number::money_signed(parts.contribution.unwrap_or_default()),
        number::money(level_of_shortfall.value),
        set.draw_count,
        value_at_risk.unwrap_or_default(),
        number::money(parts.spread)
    )
}

fn volatility(measure: &RiskMeasure) -> Option<String> {
    let level = measure.levels.first().filter(|_| kind(measure) == Kind::Volatility)?;
    let error = level.standard_error.map(|error| format!(" ± {}", number::money(error)));
    let per = match horizon(measure) {
        1 => "a day".to_owned(),
        longer => format!("over {}", days(longer)),
    };
    Some(format!(
        "  Volatility of the P&L over {}: {}{} {per}.\n",
        measure.scenario_set_id,
        number::money(level.value),
        error.unwrap_or_default()
    ))
}
