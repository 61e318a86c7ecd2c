//! Notes about a file that the caller should know and that are not faults of a row.

use std::collections::BTreeMap;

/// What a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoteCode {
    /// Days to cover were printed as 999.99, the cap for no volume, and are treated as absent.
    DaysToCoverCapped,
    /// The public float is empty or zero and is treated as absent.
    EmptyFloat,
    /// The market value is zero and is treated as absent.
    NoMarketCap,
    /// A row that is not a stock (cash, futures, options, bonds, collateral) was skipped.
    NotAStock,
    /// A row without any value was skipped.
    NoValue,
    /// A ratio that is not a simple split changes prices only.
    NotASimpleSplit,
    /// The publication time is an estimate by the source's rule.
    EstimatedPublication,
    /// Total-return levels cannot be compared with stored prices; the row was left out.
    NotComparable,
    /// The vendor restated a symbol's whole history by one factor; its new rows were scaled back.
    Restated,
    /// The block of holdings is repeated in the file; the repeat was not read.
    RepeatedBlock,
    /// The basis of the prices is the default.
    DefaultBasis,
    /// An open or close is outside the day's range by too little to reject the row, which was kept.
    OutsideRange,
    /// A row with an older settlement than the file's.
    OlderSettlement,
    /// A merge of or into a symbol that nothing is known of yet.
    UnknownInMerge,
    /// A row was added to another one of the same position in the same filing.
    AddedUp,
    /// The last line, which counts the rows, is missing.
    NoTrailer,
}

impl NoteCode {
    /// Machine-readable code; stable.
    pub const fn code(self) -> &'static str {
        match self {
            NoteCode::DaysToCoverCapped => "DAYS_TO_COVER_CAPPED",
            NoteCode::EmptyFloat => "EMPTY_FLOAT",
            NoteCode::NoMarketCap => "NO_MARKET_CAP",
            NoteCode::NotAStock => "NOT_A_STOCK",
            NoteCode::NoValue => "NO_VALUE",
            NoteCode::NotASimpleSplit => "NOT_A_SIMPLE_SPLIT",
            NoteCode::EstimatedPublication => "ESTIMATED_PUBLICATION",
            NoteCode::NotComparable => "NOT_COMPARABLE",
            NoteCode::Restated => "RESTATED",
            NoteCode::RepeatedBlock => "REPEATED_BLOCK",
            NoteCode::DefaultBasis => "DEFAULT_BASIS",
            NoteCode::OutsideRange => "OUTSIDE_RANGE",
            NoteCode::OlderSettlement => "OLDER_SETTLEMENT",
            NoteCode::UnknownInMerge => "UNKNOWN_IN_MERGE",
            NoteCode::AddedUp => "ADDED_UP",
            NoteCode::NoTrailer => "NO_TRAILER",
        }
    }
}

/// All notes with one code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What the notes are about.
    pub code: NoteCode,
    /// Number of occurrences.
    pub count: u64,
    /// Descriptions of the first occurrences, separated by semicolons.
    pub text: String,
}

/// Notes by code.
#[derive(Clone, Debug)]
pub(crate) struct Notes(BTreeMap<NoteCode, (u64, Vec<String>)>);

impl Notes {
    /// Maximum number of occurrences described per code.
    const DESCRIBED: usize = 20;

    pub(crate) const fn none() -> Notes {
        Notes(BTreeMap::new())
    }

    pub(crate) fn add(&mut self, code: NoteCode, text: impl FnOnce() -> String) {
        let (count, texts) = self.0.entry(code).or_default();
        *count += 1;
        if texts.len() < Self::DESCRIBED {
            let text = text();
            if texts.last() != Some(&text) {
                texts.push(text);
            }
        }
    }

    pub(crate) fn list(&self) -> Vec<Note> {
        let note = |(code, (count, texts)): (&NoteCode, &(u64, Vec<String>))| Note {
            code: *code,
            count: *count,
            text: texts.join("; "),
        };
        self.0.iter().map(note).collect()
    }
}
