//! From a file's bytes to a batch of facts: read, joined to the market, compared with what it holds.
//!
//! [`parser::Parser`] takes the bytes as they arrive and reads complete lines; [`mod@prepare`] joins the rows to
//! a market and says what they add. A refused file adds nothing. A bad row is left out and listed, and
//! the rest stands, unless more than 5 % is bad.
//!
//! **Modules, each using only those before it** (`tests/architecture.rs` holds the order):
//! - `kind`, [`note`], [`options`]: what a file is, and what is said about it;
//! - `bar_columns`, `names`, `plausible`, `parsed_file`: the rows that a reader stages;
//! - [`source`]: the readers, one per layout, and how a header tells which. Inside: `layout`, `reader`,
//!   `file_name`, the readers, `columns`, `detect`;
//! - [`parser`]: bytes to lines to staged rows;
//! - `publish`, `resolve`, `rename`, `texts`, `distribution`, [`report`]: dates, instruments, names, texts
//!   and distributions of rows;
//! - `tally`: what became of each row;
//! - `resolved_rows`, `compare`: rows in the order of their keys, against what is held;
//! - [`mod@prepare`]: all of it together.
//!
//! **What counts as new.** Rows are compared with what the market holds at its head, brought to one
//! basis of prices first. The first value of a key is published when the caller says, else when a
//! stored schedule says, else by the rule of its source (below) but not after it was received. A later,
//! different value is a correction, published when it was received unless the caller says otherwise.
//! An absent value says nothing: it neither corrects nor is corrected; a correction carries over what
//! it does not say. Two values for one key in one file reject both rows. Short interest of an older
//! settlement that comes in a later file is published with that file.
//!
//! **Publication by rule** (estimates are noted; the rules stand in the datasets' descriptors):
//! bars at 16:00 New York of their day; daily series of yields and the like at 16:15 of the next
//! session; other daily series at 16:00 of their day; weekly ones a week later at 08:30, estimated;
//! monthly ones on the 15th of the following month at 08:30, estimated; quarterly and yearly ones
//! at the end of the month after the period, 08:30, estimated; short interest, and the share counts
//! beside it, nine sessions after settlement at 18:00, estimated; holdings at 08:00 of the next
//! session; screeners and constituents at 18:00 of their day; memberships and splits at 09:30 of
//! their day.

pub mod note;
pub mod options;
pub mod parser;
pub mod prepare;
pub mod report;
pub mod source;

mod bar_columns;
mod compare;
mod distribution;
mod kind;
mod names;
mod parsed_file;
mod plausible;
mod publish;
mod rename;
mod resolve;
mod resolved_rows;
mod tally;
mod texts;
