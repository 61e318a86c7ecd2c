//! Outcomes of uploads: one line per file, then the rejected rows.

use crate::{
    show::{
        evidence, number,
        table::{Cell, Table},
    },
    terminal::{Terminal, Tone},
};
use contract::v1::IngestResponse;

/// The header of the table that [`summarise`] fills.
pub(crate) fn summary_table() -> Table {
    Table::new(&[
        "file",
        "kind",
        ">rows",
        ">accepted",
        ">already known",
        ">corrected",
        ">left out",
        ">rejected",
        ">revision",
    ])
}

/// Adds one file's outcome to the table.
pub(crate) fn summarise(table: &mut Table, file_name: &str, answer: &IngestResponse) {
    let count = number::counted;
    let alarming = |value: i32, tone: Tone| match value {
        0 => Cell::plain("0"),
        value => Cell::toned(tone, number::count(value)).of(value.into()),
    };
    let revision = evidence::revision(answer.info.as_ref());
    table.row([
        file_name.into(),
        answer.kind.as_str().into(),
        count(answer.row_count),
        count(answer.accepted_count),
        count(answer.already_known_count),
        alarming(answer.corrected_count, Tone::Warning),
        count(answer.skipped_count),
        alarming(answer.rejected_count, Tone::Bad),
        number::counted(revision),
    ]);
}

/// Maximum number of rejected rows listed one by one.
const REJECTIONS_SHOWN: usize = 20;
/// Maximum number of examples listed per note.
const EXAMPLES_SHOWN: usize = 3;

/// Sums the counts of two files, at the revision of the later one.
pub(crate) fn joined(first: &IngestResponse, then: IngestResponse) -> IngestResponse {
    IngestResponse {
        row_count: first.row_count + then.row_count,
        accepted_count: first.accepted_count + then.accepted_count,
        already_known_count: first.already_known_count + then.already_known_count,
        corrected_count: first.corrected_count + then.corrected_count,
        skipped_count: first.skipped_count + then.skipped_count,
        rejected_count: first.rejected_count + then.rejected_count,
        ..then
    }
}

/// Rejected rows and notes of a file, one line each.
pub(crate) fn notes(answer: &IngestResponse, file_name: &str, terminal: Terminal) -> Vec<String> {
    let mut lines = rejections(answer, file_name, terminal);
    for note in &answer.notes {
        let count = number::count(note.count);
        let text = format!("{file_name}: {} ({count}): {}", note.code, shortened(&note.detail));
        lines.push(terminal.paint(Tone::Faint, &text));
    }
    lines
}

/// Rejected rows of a file, one line each.
pub(crate) fn rejections(
    answer: &IngestResponse,
    file_name: &str,
    terminal: Terminal,
) -> Vec<String> {
    let mut lines = Vec::new();
    for row in answer.rejections.iter().take(REJECTIONS_SHOWN) {
        let code = terminal.paint(Tone::Bad, &row.code);
        let place = if row.line == 0 { String::new() } else { format!(":{}", row.line) };
        lines.push(format!("{file_name}{place}: {code}: {}", row.detail));
    }
    let shown = answer.rejections.len().min(REJECTIONS_SHOWN) as i32;
    if shown < answer.rejected_count {
        let more = number::count(answer.rejected_count - shown);
        lines
            .push(format!("{file_name}: and {more} more rejected rows (--json lists up to 1,000)"));
    }
    lines
}

/// The first few examples of a note; `--json` has all that the server sent.
fn shortened(examples: &str) -> String {
    match examples.match_indices("; ").nth(EXAMPLES_SHOWN - 1) {
        Some((at, _)) => format!("{}; …", &examples[..at]),
        None => examples.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_shows_three_examples() {
        assert_eq!(shortened("line 4; line 5; line 6"), "line 4; line 5; line 6");
        assert_eq!(shortened("line 4; line 5; line 6; line 7"), "line 4; line 5; line 6; …");
    }
}
