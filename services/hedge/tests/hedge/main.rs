//! Tests of hedges from the outside: reference values, the four cases of every solve, laws, an oracle.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a problem made for a test is lawful, and a test says what it got instead"
)]

mod fixture;
mod frontier;
mod random;

mod conflicts;
mod conflicts_of_lines;
mod faults;
mod feasibility;
mod laws;
mod oracle;
mod picks;
mod prices;
mod references;
mod rounding;
mod tail_oracle;
mod wide;
