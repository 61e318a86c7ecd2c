//! Detects the kind of file from its header, and finds the first row.

use super::{
    columns::{excluded, only, required, telling},
    layout::Layout,
};
use crate::kind::SourceKind;
use tables::{
    header::{Column, Header},
    refusal::{Refusal, excerpt},
    row::text,
};

/// Number of lines in which the header is searched; iShares writes up to a dozen lines before it.
const PREAMBLE_LINES: usize = 20;

/// Finds the header among the first lines.
pub(crate) fn find_header(
    head: &[u8],
    asked: Option<SourceKind>,
    line_bytes: usize,
) -> Result<Layout, Refusal> {
    let start = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let mut from = start;
    let mut preamble = Vec::new();
    let mut first = None;
    for number in 1..=PREAMBLE_LINES as u64 {
        let Some(rest) = head.get(from..).filter(|rest| !rest.is_empty()) else { break };
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        if line_bytes < length {
            return Err(Refusal::LineTooLong { line: number, limit: line_bytes });
        }
        let line = rest[..length].trim_ascii();
        let body = (from + length + 1).min(head.len());
        for delimiter in [b',', b'|', b'\t', b';'] {
            let Some(header) = Header::new(line, delimiter) else { continue };
            if let Some(kind) = recognise(&header, asked)
                // Only iShares writes anything before the header, and risk models comments.
                && (first.is_none() || may_follow(kind, &preamble))
            {
                return Ok(Layout { kind, delimiter, header, preamble, body, line: number });
            }
        }
        if !line.is_empty() {
            first.get_or_insert(line);
        }
        preamble.push(text(line));
        from = body;
    }
    match first {
        None => Err(Refusal::Empty),
        Some(first) => Err(unknown(first, asked)),
    }
}

/// Whether the header of a kind may come after these lines.
fn may_follow(kind: SourceKind, preamble: &[String]) -> bool {
    use SourceKind::{IsharesHoldings, RiskModelCovariance, RiskModelExposures, RiskModelSpecific};
    let is_comment = |line: &String| line.is_empty() || line.starts_with('#');
    match kind {
        IsharesHoldings => true,
        RiskModelExposures | RiskModelCovariance | RiskModelSpecific => {
            preamble.iter().all(is_comment)
        }
        _ => false,
    }
}

fn recognise(header: &Header, asked: Option<SourceKind>) -> Option<SourceKind> {
    let fits = |kind: &SourceKind| {
        required(*kind).iter().chain(telling(*kind)).all(|column| header.find(column).is_some())
            && !excluded(*kind).iter().any(|column| header.find(column).is_some())
            && only(*kind).is_none_or(|columns| header.has_only(columns))
            && (*kind != SourceKind::Fred || is_fred(header))
    };
    match asked {
        Some(kind) => Some(kind)
            .filter(|kind| required(*kind).iter().all(|column| header.find(column).is_some())),
        None if not_read(header).is_some() => None,
        None => SourceKind::ALL.into_iter().find(fits),
    }
}

/// FRED: a date and one column named by the id of the series, in capitals.
fn is_fred(header: &Header) -> bool {
    let id = header.name(1);
    header.len() == 2
        && !id.is_empty()
        && id.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// Files that users have and that no reader takes: a column that only they have, and their name.
const NOT_READ: [(Column, &str); 1] =
    [(&["cftc_contract_market_code"], "the CFTC's commitments of traders")];

/// The name of a file that no reader takes.
fn not_read(header: &Header) -> Option<&'static str> {
    NOT_READ.iter().find(|(column, _)| header.find(column).is_some()).map(|(_, what)| *what)
}

/// Reports which columns are missing if the header is nearly that of a kind.
fn unknown(line: &[u8], asked: Option<SourceKind>) -> Refusal {
    let found = excerpt(line);
    let headers = [b',', b'|'].into_iter().filter_map(|delimiter| Header::new(line, delimiter));
    if let Some(what) = headers.into_iter().find_map(|header| not_read(&header)) {
        return Refusal::NotRead { what };
    }
    let nearest = [b',', b'|', b'\t', b';'].into_iter().filter_map(|delimiter| {
        let header = Header::new(line, delimiter).filter(|header| 1 < header.len())?;
        let near = |kind: SourceKind| {
            let needed = required(kind);
            let missing: Vec<&'static str> = needed
                .iter()
                .filter(|column| header.find(column).is_none())
                .map(|column| column[0])
                .collect();
            (needed.len() - missing.len(), kind, missing)
        };
        match asked {
            Some(kind) => Some(near(kind)),
            None => SourceKind::ALL
                .into_iter()
                .map(near)
                // At least two columns, and more than half of those required.
                .filter(|(present, _, missing)| 2 <= *present && missing.len() < *present)
                // Prefers the most columns found, then the fewest missing, then the order of the
                // kinds.
                .max_by_key(|(present, kind, missing)| {
                    (*present, std::cmp::Reverse((missing.len(), *kind)))
                }),
        }
    });
    match nearest.max_by_key(|(present, _, _)| *present) {
        // An additional column makes it a different kind, or its names are those of other files.
        Some((_, kind, missing)) if missing.is_empty() => {
            Refusal::KindNeeded { kind: kind.name(), found }
        }
        Some((_, kind, missing)) => Refusal::MissingColumns {
            kind: kind.name(),
            expected: required(kind).iter().map(|column| column[0]).collect(),
            missing,
            found,
        },
        None => Refusal::UnknownHeader { found },
    }
}
