//! The interface of the readers of all kinds, and the columns that several kinds share.

use crate::parsed_file::{Flow, ParsedFile};
use tables::{
    header::Column,
    refusal::{Fault, Refusal},
    row::Row,
};

pub(super) const SYMBOL: Column = &["symbol", "ticker", "<ticker>"];
pub(super) const DATE: Column = &["date", "<date>"];
pub(super) const OPEN: Column = &["open", "<open>"];
pub(super) const HIGH: Column = &["high", "<high>"];
pub(super) const LOW: Column = &["low", "<low>"];
pub(super) const CLOSE: Column = &["close", "close/last", "<close>"];

/// Reads the rows of one kind.
pub(crate) trait Reader: std::fmt::Debug + Send + Sync {
    /// Reads a row with as many fields as the header.
    fn row(
        &mut self,
        line: u32,
        row: &Row<'_>,
        parsed_file: &mut ParsedFile,
    ) -> Result<Flow, Fault>;

    /// Handles a row with another number of fields, if that is not a fault.
    fn short_row(
        &mut self,
        _row: &Row<'_>,
        _parsed_file: &mut ParsedFile,
    ) -> Option<Result<Flow, Fault>> {
        None
    }

    /// The number of rows that a line states, if it is a trailer of this kind alone.
    fn trailer(&self, _line: &[u8]) -> Option<u64> {
        None
    }

    /// Whether a line may follow the trailer.
    fn may_follow_trailer(&self, _line: &[u8]) -> bool {
        false
    }

    /// Whether a blank line ends the table.
    fn ends_at_blank(&self) -> bool {
        false
    }

    /// Called after the last row.
    fn finish(&mut self, parsed_file: &mut ParsedFile) -> Result<(), Refusal>;
}
