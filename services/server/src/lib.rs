//! The shell: the only crate that knows the wire, the clock, the environment and the store.

pub mod clock;
pub mod compute;
pub mod limits;
pub mod market;
pub mod revisions;
pub mod rpc;
pub mod services;
pub mod upload;
pub mod views;
