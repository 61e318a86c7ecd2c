//! The cross-section model on markets with a known truth, on real files, and under its laws.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a market that cannot be built fails the test"
)]

mod classes;
#[path = "../../../../tests/support/simulated.rs"]
mod in_memory;
mod laws;
mod oracle;
mod real;
#[path = "../../../../tests/support/real_data.rs"]
mod real_data;
#[path = "../../../../tests/support/real_equities.rs"]
mod real_equities;
mod replay;
mod simulated;
mod vendor;
