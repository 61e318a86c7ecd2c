//! Tables as text, as desks and vendors write them: splits lines into fields, reads numbers and
//! dates, finds columns by their aliases, and refuses everything else.
//!
//! What a table is about is known only to `ingest` and `portfolio`, which read files by these
//! rules.

pub mod cell;
pub mod content;
pub mod export;
mod fault;
pub mod header;
mod reason;
pub mod refusal;
pub mod row;
