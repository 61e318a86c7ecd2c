//! Tables as text, as desks and vendors write them: lines split into fields, fields read as numbers and
//! dates, columns found under their many names, and what is refused.
//!
//! What a table is about is known to `ingest` and `portfolio`, which read files by these rules.

pub mod cell;
pub mod content;
pub mod export;
pub mod header;
pub mod refusal;
pub mod row;
