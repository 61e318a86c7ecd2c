//! Tests of the layer between a book and the solver: laws, arithmetic by hand, and a simulated
//! market whose factors and loadings are known.

#![expect(clippy::unwrap_used, reason = "a market made for a test is whole")]

mod arithmetic;
mod desks;
mod foreign_options;
mod held_options;
mod large_days;
mod laws;
mod many_instruments;
mod options;
mod real;
#[path = "../../../../tests/support/real_data.rs"]
mod real_data;
#[path = "../../../../tests/support/real_equities.rs"]
mod real_equities;
#[path = "../../../../tests/support/real_funds.rs"]
mod real_funds;
mod simulated;
mod simulated_tail;
mod terms;
mod unjudged;
#[path = "../../../../tests/support/factor_view.rs"]
mod view;
mod written;
