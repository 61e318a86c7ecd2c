//! A simulated market with known parameters: seeded, repeatable, and always labelled as simulated.
//!
//! No market data can be shipped, so the demo, the tests and the benches generate their own. A few
//! tickers are real ones, because roles are configured by ticker; every company name contains
//! "simulated". The index moves of the rotation day and the rounded sizes of the megacaps are those
//! of July 2024; everything else is made up.
//!
//! A name's total return is `β·market + s·size + g·megacap + sector + σ·noise`, and
//! [`market::Market`] keeps the terms so that tests can estimate them back. The indices are then
//! computed from the printed prices of their members:
//!
//! | index | constituents | weights |
//! |---|---|---|
//! | `^GSPC`, `SPY` | members of SP500 | market value |
//! | `RSP` | members of SP500 | equal, per instrument |
//! | `^IXIC`, `QQQ` | all names listed on the Nasdaq | market value |
//! | `^RUT`, `IWM` | small caps | market value |
//! | `^DJI`, `DIA` | 30 large members | price |
//! | `MDY` | mid caps | market value |
//! | `VTI` | all names | market value |
//! | `XLK` and the other sector funds | members of SP500 of the sector | market value |
//!
//! Funds follow the price index exactly and pay no distributions. Modules are declared in reading
//! order.

pub mod universe;

pub mod factors;

pub mod rotation_day;

pub mod squeeze;

pub mod squeeze_history;

pub mod market;

pub mod path;

pub mod index;

pub mod short_interest;

pub mod text;

pub mod files;

pub mod facts;

pub mod sample;
