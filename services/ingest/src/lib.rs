//! From a file's bytes to a batch of facts: reads rows, joins them to the market and compares
//! them.
//!
//! [`parser::Parser`] takes the bytes as they arrive and reads complete lines; [`mod@prepare`]
//! joins the rows to a market and computes what they add. A refused file adds nothing. A bad row
//! is left out and listed, and the other rows are kept, unless more than 5 % are bad.
//!
//! **Modules, each using only those before it** (`tests/architecture.rs` checks the order):
//! - `kind`, [`note`], [`options`]: what a file is, and what the caller and the notes say about
//!   it;
//! - `bar_columns`, `names`, `plausible`, `parsed_file`: the rows that a reader stages;
//! - [`source`]: the readers, one per layout, and the detection of the kind by the header. Inside:
//!   `layout`, `reader`, `file_name`, the readers, `columns`, `detect`;
//! - [`parser`]: bytes to lines to staged rows;
//! - `publish`, `resolve`, `rename`, `texts`, `distribution`, [`report`]: dates, instruments,
//!   names, texts and distributions of rows;
//! - `tally`: the outcome of each row;
//! - `resolved_rows`, `compare`: rows in the order of their keys, compared with the stored ones;
//! - `taken`: identifiers that another line has;
//! - [`mod@prepare`]: all of these together.
//!
//! **What counts as new.** Rows are compared with the head of the market, after prices are
//! converted to one basis. The first value of a key is published at the time the row or the caller
//! states, else at that of a stored schedule, else by the rule of its source (below) but not after
//! it was received. A later, different value is a correction, published when it was received
//! unless the row or the caller states another time. An absent value neither corrects nor is
//! corrected, and a correction keeps the stored values that it does not give. Two different values
//! for one key in one file reject all rows of the key. Short interest of an older settlement that
//! arrives in a later file is published with that file.
//!
//! **Publication by rule** (estimates are noted; the rules are in the datasets' descriptors): bars
//! at 16:00 New York of their day; daily series of yields and the like at 16:15 of the next day on
//! which the Federal Reserve Board is open, its exchange rates (`DEX…`) at 16:15 of the first such
//! day of the next week; other daily series, and exchange rates by their names (`EURUSD`, `USDEUR`) on
//! whatever days, at 16:00 of their day; weekly ones a week later at 08:30,
//! estimated; monthly ones on the 15th of the following month at 08:30, estimated; quarterly and
//! yearly ones at the end of the month after the period, 08:30, estimated; short interest and
//! share counts nine sessions after settlement at 18:00, estimated; holdings at 08:00 of the next
//! session; screeners and constituents at 18:00 of their day; memberships and splits at 09:30 of
//! their day; short sale volumes at 18:00 of their day; fails to deliver two sessions after the end
//! of the month at 18:00, those from the 15th on two sessions after the 15th of the next month,
//! estimated; days of earnings at their announcement, else when they are received.

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
mod merging;
mod model_bounds;
mod names;
mod parsed_file;
mod plausible;
mod publish;
mod rename;
mod resolve;
mod resolved_rows;
mod taken;
mod tally;
mod texts;
mod whole;
