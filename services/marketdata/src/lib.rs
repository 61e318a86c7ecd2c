//! The vocabulary of Ballast: facts with three dates, the folded market and snapshots of it.
//!
//! A fact has three dates. `effective_on` is the day it describes, `published_at` the instant at
//! which the market could know it, and `revision` its place in our own append-only log. A
//! [`snapshot`] contains every fact with `published_at ≤ as_of` and `revision ≤ r`; the latest
//! publication wins, and ties go to the higher revision. The first bound prevents look-ahead; the
//! second makes an answer repeatable after history is backfilled.
//!
//! Inside columns a NaN means "absent". Every public accessor turns it into an `Option` or leaves
//! the row out, so that no NaN leaves this crate as a number.

pub mod bars;
pub mod basis;
pub mod calendar;
pub mod cell;
pub mod changes;
pub mod contents;
pub mod currency;
pub mod dataset;
pub mod day;
pub mod facilities;
pub mod facts;
#[cfg(feature = "fixture")]
pub mod fixture;
pub mod gap;
pub mod identifier;
pub mod identities;
pub mod instant;
pub mod instrument;
pub mod market;
pub mod merged;
pub mod merges;
pub mod newest;
pub mod old_rates;
pub mod quotes;
pub mod reference;
pub mod restated;
pub mod risk_models;
pub mod segment;
pub mod snapshot;
pub mod symbol;
pub mod track;

mod difference;
mod name_order;

/// Model version of answers about the stored data themselves, part of every `SnapshotRef`.
///
/// It changes with every change of code that may alter such an answer, also if the code is in a
/// crate that several services share: then the versions of all services concerned change.
pub const MODEL_VERSION: &str = "marketdata-0.10.0";
