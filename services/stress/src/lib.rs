//! Stress tests: what would a portfolio make or lose, if?
//!
//! Four questions, each on a joined book ([`portfolio::book::Book`]) and a prepared view:
//!
//! - [`replay::replay`]: today's positions through the returns of past sessions, such as the named
//!   windows of [`library`]; [`reprice::reprice`] does it for every session of the panel.
//! - [`hypothetical::hypothetical`]: known moves of factors, sectors, size buckets, names or series,
//!   carried to the rest by conditional expectation, on average and on days like this one.
//!   [`ready::ready`] has scenarios made with what a view knows.
//! - [`likely_loss::likely_loss`]: the likeliest scenario of a given loss.
//! - [`liquidity::adjusted`] and [`squeeze::combined`]: what leaving the stressed book costs, and a
//!   squeeze of its shorts besides. The squeeze is given by the caller: this crate and `squeeze` do
//!   not depend on each other.
//!
//! [`catalog`] lists the scenarios with what each needs. P&L is positive for a gain, in the currency
//! of the book; returns are decimals; covariances are per session. Sums run in the order of names,
//! so that neither the order of lines nor that of ingest alters a bit. A number that rests on
//! stand-ins says which share of gross that is.
//!
//! Sources: Kupiec, Stress testing in a value at risk framework (1998); Kopeliovich, Novosyolov,
//! Satchkov and Schachter, Robust risk estimation and hedging: a reverse stress testing approach
//! (2015). Every module has its formulas. Modules are declared in reading order.

mod total;

pub mod gaussian;
pub mod plausibility;

pub mod partition;
pub mod shock;

mod rests;

mod setting;

pub mod hypothetical;

pub mod reverse;

pub mod likely_loss;

pub mod past;

pub mod replay;

pub mod reprice;

pub mod liquidity;

pub mod squeeze;

pub mod library;

pub mod ready;

pub mod catalog;

/// Model version of the answers of this crate, part of every `SnapshotRef`.
///
/// It changes with every change of code that may alter such an answer, also if the code is in a
/// crate that several services share: then the versions of all services concerned change.
pub const MODEL_VERSION: &str = "stress-0.20.0";
