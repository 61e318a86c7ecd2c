//! How names move: with the market, with size, with the crowd, and by themselves.
//!
//! What exposure, hedge and stress services share, and nothing about a submitted book:
//! [`prepare::prepare`] makes the [`model::RiskModel`] of a view, request-independent and shared.
//! Modules are declared in reading order, and each uses those above it alone.

pub mod settings;

pub mod kernel;

pub mod drivers;

pub mod beta;

pub mod name;

pub mod panel;

pub mod peers;

pub mod anchor;

pub mod model;

pub mod stand_in;

pub mod prepare;
