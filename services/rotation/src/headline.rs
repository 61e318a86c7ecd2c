//! The first line that a person reads: what the session was, then the slow state.

use crate::{
    composite::Composite,
    reading::Reading,
    record::RecordKind,
    session_move::{BREADTH, EQUAL_LESS_CAP, MOST_SHORTED, MoveRow, SessionMove, SessionStatus},
    state::State,
};

/// The return of the most-shorted names themselves.
const MOST_SHORTED_ITSELF: &str = "most_shorted.1d";

/// The headline of a report. Empty without sessions.
pub fn headline<'a>(
    moves: Option<&SessionMove>,
    composite: Option<&Composite>,
    reading: impl Fn(&str) -> Option<&'a Reading>,
) -> String {
    let Some(moves) = moves else { return String::new() };
    let open = if moves.status == Some(SessionStatus::Open) { " (session open)" } else { "" };
    let state = composite.map_or_else(String::new, state_words);
    format!("{}{open}: {}{state}", moves.on, session_words(moves, reading))
}

/// The large moves: a rotation first, then a squeeze, then breadth. Without one of the first two,
/// the plain size move comes first.
fn session_words<'a>(moves: &SessionMove, reading: impl Fn(&str) -> Option<&'a Reading>) -> String {
    let place = |row: &&MoveRow| match row.measure {
        MOST_SHORTED => 1,
        EQUAL_LESS_CAP => 2,
        BREADTH => 3,
        _ => 0,
    };
    let mut large: Vec<&MoveRow> = moves.rows.iter().filter(|row| row.is_large()).collect();
    large.sort_by_key(place);
    let is_story = large.first().is_some_and(|row| place(row) < 2);
    let quiet = (!is_story).then(|| quiet_words(moves, row_words(moves.size(), &reading)));
    let said = large.iter().filter_map(|row| row_words(row, &reading));
    quiet.into_iter().chain(said).collect::<Vec<String>>().join("; ") + "."
}

fn quiet_words(moves: &SessionMove, size: Option<String>) -> String {
    match (moves.is_rotation, size) {
        (_, None) => "the size move is unknown".to_owned(),
        (None, Some(size)) => format!("{size}, against too short a history to call it unusual"),
        (Some(_), Some(size)) => format!("no rotation: {size}"),
    }
}

/// One move, with its z-score and, if it is large, its record.
fn row_words<'a>(row: &MoveRow, reading: &impl Fn(&str) -> Option<&'a Reading>) -> Option<String> {
    let value = row.value?;
    let up = 0.0 < value;
    let own = reading(row.measure);
    let what = match row.measure {
        BREADTH => format!("{:.0} % of the members rose", 100.0 * value),
        EQUAL_LESS_CAP => versus("equal weight", value, "cap weight"),
        MOST_SHORTED => {
            // A squeeze hurts shorts outright, not only against the market.
            let rose = reading(MOST_SHORTED_ITSELF).and_then(|own| own.history.last());
            let squeezed = row.is_large() && up && rose.is_some_and(|(_, rise)| 0.0 < rise);
            let kind = if squeezed { "a short squeeze: " } else { "" };
            format!("{kind}{}", versus("the most-shorted names", value, "the market"))
        }
        _ => {
            let [small, large] = [0, 1].map(|at| symbol(own, at));
            let kind = match (row.is_large(), up) {
                (false, _) => "",
                (true, true) => "a rotation into small caps: ",
                (true, false) => "a rotation out of small caps: ",
            };
            format!("{kind}{}", versus(&small, value, &large))
        }
    };
    let z = row.z.map_or_else(String::new, |z| format!(", {:.1} standard deviations", z.abs()));
    let kind = own.map_or(RecordKind::Change, |reading| reading.spec.kind);
    let record = row.record.filter(|_| row.is_large());
    let record = record.map_or_else(String::new, |record| format!(", {}", record.in_words(kind)));
    Some(format!("{what}{z}{record}"))
}

fn versus(one: &str, value: f64, other: &str) -> String {
    let side = if value < 0.0 { "lagged" } else { "beat" };
    format!("{one} {side} {other} by {:.1} points", 100.0 * value.abs())
}

fn symbol(reading: Option<&Reading>, at: usize) -> String {
    let source = reading.and_then(|reading| reading.sources.get(at));
    source.map_or_else(String::new, |source| source.symbol.clone())
}

fn state_words(composite: &Composite) -> String {
    if composite.state == State::Unknown {
        let missing: Vec<String> = composite
            .scores
            .iter()
            .filter(|score| score.value.is_none() && score.score.decides_state())
            .map(|score| format!("{:?}", score.score).to_lowercase())
            .collect();
        return format!(" The slow state is UNKNOWN: no {} score.", missing.join(", no "));
    }
    let state = composite.state.name();
    format!(" The slow state is {state} since {}.", composite.since)
}
