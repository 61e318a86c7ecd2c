//! Stress tests on markets with a known truth, against an oracle, on real files, and under their laws.

#![expect(clippy::unwrap_used, reason = "a market that cannot be built fails the test")]

mod hypothetical;
#[path = "../../../../tests/support/simulated.rs"]
mod in_memory;
mod laws;
mod one_distribution;
mod oracle;
mod real;
#[path = "../../../../tests/support/real_data.rs"]
mod real_data;
#[path = "../../../../tests/support/real_equities.rs"]
mod real_equities;
mod real_fund_shocks;
#[path = "../../../../tests/support/real_funds.rs"]
mod real_funds;
mod replay;
mod scenarios;
mod simulated;
#[path = "../../../../tests/support/factor_view.rs"]
mod view;
