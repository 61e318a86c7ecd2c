//! What the caller should know of a file that is no fault of a row.

use std::collections::BTreeMap;

/// Something the caller should know that is no fault of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoteCode {
    /// Days to cover were printed as 999.99, the cap for no volume: taken as absent.
    DaysToCoverCapped,
    /// The public float is empty or zero: taken as absent.
    EmptyFloat,
    /// The market value is zero: taken as absent.
    NoMarketCap,
    /// A row that is no stock (cash, futures, collateral) was skipped.
    NotAStock,
    /// A row without any value was skipped.
    NoValue,
    /// A ratio that is no simple split moves prices only.
    NotASimpleSplit,
    /// The instant of publication is an estimate, by the source's rule.
    EstimatedPublication,
    /// Total-return levels cannot be compared with prices held: the row was left out.
    NotComparable,
    /// The vendor's whole history of a symbol is restated by one factor; its new rows were scaled.
    Restated,
    /// The block of holdings repeats in the file; the repeat was not read.
    RepeatedBlock,
    /// The basis of the prices was taken by default.
    DefaultBasis,
    /// An open or a close lies outside the day's range, by too little to reject the row: it was taken.
    OutsideRange,
    /// A row whose settlement is older than the file's.
    OlderSettlement,
}

impl NoteCode {
    /// A stable name for machines.
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
        }
    }
}

/// Notes of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What.
    pub code: NoteCode,
    /// How often.
    pub count: u64,
    /// The first few, in words.
    pub text: String,
}

/// Notes by code.
#[derive(Clone, Debug)]
pub(crate) struct Notes(BTreeMap<NoteCode, (u64, Vec<String>)>);

impl Notes {
    /// How many of a kind are told in words.
    const TOLD: usize = 20;

    pub(crate) const fn none() -> Notes {
        Notes(BTreeMap::new())
    }

    pub(crate) fn add(&mut self, code: NoteCode, text: impl FnOnce() -> String) {
        let (count, texts) = self.0.entry(code).or_default();
        *count += 1;
        if texts.len() < Self::TOLD {
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
