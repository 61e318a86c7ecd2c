//! The rotation report: what happened in sentences, then every number with its record and source.

use crate::{
    show::{
        evidence, narrative, number,
        page::Page,
        reading::{in_unit, value},
        table::{Cell, Table},
    },
    terminal::{Terminal, Tone},
};
use contract::v1::{
    GetRotationResponse, IndexMove, IndicatorReading, RecordKind, RotationComposite, RotationFlip,
    RotationReport, RotationScore, RotationScoreKind, RotationState, RotationSwitchState,
    RotationThreshold, SessionMove, ValueRecord, WatchRotationResponse,
};
use std::collections::{BTreeMap, BTreeSet};

/// The rotation report for people.
pub(crate) fn report(answer: &GetRotationResponse, terminal: Terminal) -> Page {
    let known = evidence::as_known(answer.info.as_ref());
    let mut page = Page::new();
    if let Some(report) = &answer.report {
        page.say(headline(report, terminal));
        page.say(terminal.heading(&format!("Rotation {known}")));
        body(&mut page, report, terminal);
    }
    page.say(evidence::gaps(answer.info.as_ref(), terminal));
    page.say(evidence::reference(answer.info.as_ref(), terminal));
    page
}

/// One update of a watch: a heading with the time, then the report.
pub(crate) fn changed(
    message: &WatchRotationResponse,
    report: &RotationReport,
    terminal: Terminal,
) -> Page {
    let revision = evidence::revision(message.info.as_ref());
    let known = evidence::as_known(message.info.as_ref());
    let mut page = Page::new();
    page.say(headline(report, terminal));
    page.say(terminal.heading(&format!("Rotation {known}; revision {revision}")));
    body(&mut page, report, terminal);
    page.say("\n");
    page
}

/// The first line: what the session was, in the server's words.
pub(crate) fn headline(report: &RotationReport, terminal: Terminal) -> String {
    let is_rotation = report.session_move.as_ref().and_then(|moved| moved.rotation_session);
    let tone = if is_rotation == Some(true) { Tone::Warning } else { Tone::Plain };
    match report.headline.as_str() {
        "" => String::new(),
        words => terminal.paint(tone, &format!("{words}\n")),
    }
}

fn body(page: &mut Page, report: &RotationReport, terminal: Terminal) {
    if let Some(composite) = &report.composite {
        page.say(state(composite, terminal));
    }
    page.say(narrative::of(&report.readings) + "\n");
    if let Some(moved) = &report.session_move {
        page.table("session", session(moved, &report.readings));
        page.say(rate(moved, terminal) + "\n");
    }
    page.table("changes", changes(&report.readings));
    page.say("\n");
    page.table("levels", others(&report.readings));
    page.say(absent(&report.readings, terminal));
    if let Some(composite) = &report.composite {
        page.say("\n");
        page.table("scores", scores(composite));
        page.say(score_notes(composite, terminal));
        page.say("\n");
        page.table("aftermath", aftermath(composite));
    }
    if !report.index_moves.is_empty() {
        page.say("\n");
        page.table("moves", moves(&report.index_moves));
    }
}

fn state(composite: &RotationComposite, terminal: Terminal) -> String {
    let words = match composite.state() {
        RotationState::SmallLed => "small caps lead",
        RotationState::MegacapLed => "megacaps lead",
        RotationState::Broadening => "the rise is broadening",
        RotationState::RiskOff => "risk is being shed",
        RotationState::Neutral => "no clear leader",
        RotationState::Unknown | RotationState::Unspecified => "scores lack components, see below",
    };
    let sessions = if composite.sessions == 1 { "session" } else { "sessions" };
    let (tone, name) = state_name(composite.state());
    format!(
        "State {}: {words}, since {} ({} {sessions}).\n",
        terminal.paint(tone, name),
        composite.since_on,
        composite.sessions
    )
}

/// The name of a state and its colour.
pub(crate) fn state_name(state: RotationState) -> (Tone, &'static str) {
    match state {
        RotationState::SmallLed => (Tone::Good, "SMALL_LED"),
        RotationState::MegacapLed => (Tone::Warning, "MEGACAP_LED"),
        RotationState::Broadening => (Tone::Good, "BROADENING"),
        RotationState::RiskOff => (Tone::Bad, "RISK_OFF"),
        RotationState::Neutral => (Tone::Plain, "NEUTRAL"),
        RotationState::Unknown | RotationState::Unspecified => (Tone::Plain, "UNKNOWN"),
    }
}

/// The moves of the last session, each with its own z-score.
fn session(moved: &SessionMove, readings: &[IndicatorReading]) -> Table {
    let mut table = Table::new(&["the session's move", ">value", ">z", "in its history"]);
    for row in &moved.rows {
        let reading = readings.iter().find(|reading| reading.measure_id == row.measure_id);
        let kind = reading.map_or(RecordKind::Change, IndicatorReading::kind);
        let name = reading.map_or_else(|| row.measure_id.clone(), |r| label(&row.measure_id, r));
        table.row([
            name.into(),
            number::cell(row.value, |value| in_unit(row.unit(), kind, value)),
            z_cell(row.z),
            record_cell(row.record.as_ref()),
        ]);
    }
    table
}

/// How often the size move is a rotation.
fn rate(moved: &SessionMove, terminal: Terminal) -> String {
    let rate = moved.rotations_per_year.zip(moved.last_year_rotation_count);
    let Some((per_year, last_year)) = rate else { return String::new() };
    let text = format!(
        "  A size move of 2.5 or more is a rotation: {per_year:.1} a year over {} sessions, {} in \
         the last 252.\n",
        moved.rate_sessions, last_year
    );
    terminal.paint(Tone::Faint, &text)
}

/// Changes over horizons, one line per indicator, with the record of the shortest horizon.
fn changes(readings: &[IndicatorReading]) -> Table {
    let mut lines: Vec<(&str, Vec<&IndicatorReading>)> = Vec::new();
    for reading in readings.iter().filter(|reading| is_over_horizons(reading)) {
        let stem = stem(&reading.measure_id);
        match lines.iter_mut().find(|(known, _)| *known == stem) {
            Some((_, line)) => line.push(reading),
            None => lines.push((stem, vec![reading])),
        }
    }
    let mut table = Table::new(&[
        "change over",
        ">1 day",
        ">5 days",
        ">21 days",
        ">63 days",
        ">z",
        "the first in its history",
        "source",
    ]);
    for (stem, line) in lines.iter().filter(|(_, line)| line.iter().any(|r| r.value.is_some())) {
        let by_horizon: BTreeMap<i32, &IndicatorReading> =
            line.iter().map(|reading| (reading.horizon_sessions, *reading)).collect();
        let cell = |horizon: i32| {
            let reading = by_horizon.get(&horizon);
            let text = reading.and_then(|reading| value(reading));
            match (reading.and_then(|reading| reading.value), text) {
                (Some(value), Some(text)) => number::gain(Some(value), |_| text.clone()),
                _ if reading.is_some() => number::absent(),
                _ => Cell::faint(""),
            }
        };
        let first = line[0];
        table.row([
            label(stem, first).into(),
            cell(1),
            cell(5),
            cell(21),
            cell(63),
            z(first),
            record(first),
            source(first),
        ]);
    }
    table
}

/// All other readings, one line each.
fn others(readings: &[IndicatorReading]) -> Table {
    let mut table =
        Table::new(&["level or change", ">value", ">z", ">percentile", "in its history", "source"]);
    for reading in readings.iter().filter(|reading| !is_over_horizons(reading)) {
        let Some(text) = value(reading) else { continue };
        table.row([
            label_with_horizon(reading).into(),
            number::cell(reading.value, |_| text.clone()),
            z(reading),
            number::cell(reading.percentile, |share| format!("{:.0}", 100.0 * share)),
            record(reading),
            source(reading),
        ]);
    }
    table
}

/// Lists the indicators without a value, grouped by reason.
fn absent(readings: &[IndicatorReading], terminal: Terminal) -> String {
    let mut by_reason: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for reading in readings.iter().filter(|reading| reading.value.is_none()) {
        let reason = reading.gaps.first().map_or("no value", |gap| gap.detail.as_str());
        by_reason.entry(reason).or_default().insert(stem(&reading.measure_id));
    }
    let mut out = String::new();
    for (reason, stems) in by_reason {
        let names: Vec<&str> = stems.into_iter().collect();
        let text = format!("  not measured: {}: {reason}\n", names.join(", "));
        out.push_str(&terminal.paint(Tone::Faint, &text));
    }
    out
}

fn scores(composite: &RotationComposite) -> Table {
    let mut table = Table::new(&["score", ">value", ">of", "is", ">sessions", "made of"]);
    for score in &composite.scores {
        table.row([
            kind(score.kind()).into(),
            number::cell(score.value, |value| number::signed(value, 2)),
            format!("{}/{}", score.components_used, score.components_total).into(),
            switch(score),
            score.switch_sessions.to_string().into(),
            Cell::faint(contributions(score)),
        ]);
    }
    table
}

/// What followed each state, with two standard errors.
fn aftermath(composite: &RotationComposite) -> Table {
    let mut table = Table::new(&[
        "in the 21 sessions after",
        ">small less large",
        ">the market",
        ">sessions",
        ">runs",
    ]);
    let of_all = composite.aftermath_of_all.iter().map(|after| ("any state", after));
    let by_state = composite.aftermath_by_state.iter();
    let by_state =
        by_state.filter_map(|row| Some((state_name(row.state()).1, row.aftermath.as_ref()?)));
    for (name, after) in of_all.chain(by_state) {
        let next = |at: usize| {
            let Some(next) = after.next_returns.get(at) else { return number::absent() };
            let error = next.standard_error.map(|error| number::share(2.0 * error));
            let error = error.map_or_else(String::new, |error| format!(" ± {error}"));
            number::cell(next.mean, |mean| format!("{}{error}", number::percent(mean)))
        };
        table.row([
            name.into(),
            next(0),
            next(1),
            after.sessions.to_string().into(),
            after.run_count.to_string().into(),
        ]);
    }
    table
}

/// What would change the state, and a note that scores are not forecasts.
fn score_notes(composite: &RotationComposite, terminal: Terminal) -> String {
    let mut out = String::new();
    for flip in &composite.flips {
        out.push_str(&terminal.paint(Tone::Faint, &flip_words(flip)));
    }
    if let Some(threshold) = &composite.threshold {
        out.push_str(&terminal.paint(Tone::Faint, &threshold_words(threshold)));
    }
    let note =
        "  One is one standard deviation of a score. Scores describe; they do not forecast.\n";
    out + &terminal.paint(Tone::Faint, note)
}

fn threshold_words(threshold: &RotationThreshold) -> String {
    let from = match threshold.changes_per_year {
        Some(changes) => format!(
            "fixed on {} for {changes:.1} changes of state a year over {} sessions",
            threshold.fixed_on, threshold.sessions
        ),
        None => "one standard deviation, too few sessions to fix it by".to_owned(),
    };
    format!("  Scores switch on at {:.2} and off at half of it: {from}.\n", threshold.on_value)
}

fn switch(score: &RotationScore) -> Cell {
    match score.switch_state() {
        RotationSwitchState::Up => Cell::toned(Tone::Good, "on, up"),
        RotationSwitchState::Down => Cell::toned(Tone::Warning, "on, down"),
        RotationSwitchState::Off | RotationSwitchState::Unspecified => Cell::faint("off"),
    }
}

fn contributions(score: &RotationScore) -> String {
    let parts = score.contributions.iter().map(|part| match part.contribution {
        Some(value) => format!("{} {}", part.measure_id, number::signed(value, 2)),
        None if part.z.is_some() => part.measure_id.clone(),
        None => format!("{} left out", part.measure_id),
    });
    parts.collect::<Vec<String>>().join(", ")
}

fn flip_words(flip: &RotationFlip) -> String {
    let way = if flip.rising { "reaches" } else { "falls to" };
    let then = flip.new_state().as_str_name().trim_start_matches("ROTATION_STATE_");
    let locked = match flip.locked_sessions {
        0 => String::new(),
        sessions => format!(", not before {sessions} sessions"),
    };
    format!(
        "  {then} if the {} score {way} {} (now {}){locked}.\n",
        kind(flip.kind()),
        number::signed(flip.required_value, 2),
        number::signed(flip.current_value, 2)
    )
}

fn kind(kind: RotationScoreKind) -> &'static str {
    match kind {
        RotationScoreKind::Size => "size",
        RotationScoreKind::Breadth => "breadth",
        RotationScoreKind::Risk => "risk",
        RotationScoreKind::Squeeze => "squeeze pressure",
        RotationScoreKind::Unspecified => "none",
    }
}

fn moves(moves: &[IndexMove]) -> Table {
    let mut table = Table::new(&["index", ">move", "from", "to", "source"]);
    for index in moves {
        table.row([
            index.role.replace('_', " ").into(),
            number::gain(Some(index.total_return), number::percent),
            Cell::faint(index.start_on.clone()),
            Cell::faint(index.end_on.clone()),
            Cell::faint(stand_in(&index.symbol, &index.proxy_for)),
        ]);
    }
    table
}

fn is_over_horizons(reading: &IndicatorReading) -> bool {
    reading.kind() == RecordKind::Change && HORIZONS.contains(&reading.horizon_sessions)
}

/// The horizons that have a column, sessions.
const HORIZONS: [i32; 4] = [1, 5, 21, 63];

/// The id without its horizon.
fn stem(id: &str) -> &str {
    match id.rsplit_once('.') {
        Some((stem, horizon))
            if horizon.ends_with('d') && horizon.as_bytes()[0].is_ascii_digit() =>
        {
            stem
        }
        _ => id,
    }
}

fn label(id: &str, reading: &IndicatorReading) -> String {
    let id = stem(id);
    match id.strip_prefix(&reading.indicator_id).map(|rest| rest.trim_start_matches('.')) {
        Some("") | None => reading.title.clone(),
        Some(variant) if reading.indicator_id == "index_return" => variant.replace('_', " "),
        Some(variant) => format!("{}, {}", reading.title, variant.replace('_', " ")),
    }
}

fn label_with_horizon(reading: &IndicatorReading) -> String {
    let label = label(&reading.measure_id, reading);
    match reading.horizon_sessions {
        0 => label,
        horizon => format!("{label} over {horizon} days"),
    }
}

fn z(reading: &IndicatorReading) -> Cell {
    z_cell(reading.z)
}

fn z_cell(z: Option<f64>) -> Cell {
    match z {
        Some(z) if 3.0 <= z.abs() => Cell::toned(Tone::Warning, number::signed(z, 1)).of(z),
        z => number::cell(z, |z| number::signed(z, 1)),
    }
}

fn record(reading: &IndicatorReading) -> Cell {
    record_cell(reading.record.as_ref())
}

fn record_cell(record: Option<&ValueRecord>) -> Cell {
    let Some(record) = record else { return Cell::faint("") };
    let words = record.words.replace("since the series starts on", "on record, from");
    let text = format!("{words}, {}/{}", record.rank, record.in_direction_count);
    if record.rank <= 3 { Cell::toned(Tone::Warning, text) } else { Cell::faint(text) }
}

fn source(reading: &IndicatorReading) -> Cell {
    let names = reading.sources.iter().take(2).map(|s| stand_in(&s.symbol, &s.proxy_for));
    let mut text = names.collect::<Vec<String>>().join(", ");
    if 2 < reading.sources.len() {
        text.push_str(&format!(" +{}", reading.sources.len() - 2));
    }
    match reading.age_days {
        Some(age) if 0 < age => {
            text.push_str(&format!(", of {} ({age} d old)", reading.observed_on));
            Cell::toned(Tone::Warning, text)
        }
        _ => Cell::faint(text),
    }
}

/// A symbol, with the symbol it is a proxy for.
pub(crate) fn stand_in(symbol: &str, proxy_for: &str) -> String {
    if proxy_for.is_empty() { symbol.to_owned() } else { format!("{symbol} for {proxy_for}") }
}
