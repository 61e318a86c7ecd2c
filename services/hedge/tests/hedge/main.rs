//! Tests of hedges from the outside: reference values, the four cases of every solve, laws, an oracle.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a problem made for a test is lawful")]

mod fixture;
mod oracle;
mod references;
