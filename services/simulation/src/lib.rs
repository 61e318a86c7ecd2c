//! A market made of known parts: seeded, repeatable, always called simulated.
//!
//! No market data can be shipped, so the demo, the tests and the benches make their own. A few
//! tickers are real ones, because roles are configured by ticker; every name says "simulated", and
//! nothing but the moves of the indices on the rotation day is taken from the world.
//!
//! A name's total return is `β·market + s·size + g·megacap + sector + σ·noise`, with the parts kept
//! in [`market::Market`] for whoever wants to find them again. The indices are then made from the members,
//! as the printed prices have them:
//!
//! | index | made of | weights |
//! |---|---|---|
//! | `^GSPC`, `SPY` | members of SP500 | market value |
//! | `RSP` | members of SP500 | equal, a line each |
//! | `^IXIC`, `QQQ` | all names listed on the Nasdaq | market value |
//! | `^RUT`, `IWM` | small caps | market value |
//! | `^DJI`, `DIA` | 30 large members | price |
//! | `MDY` | mid caps | market value |
//! | `VTI` | all names | market value |
//! | `XLK` and the other sector funds | members of SP500 of the sector | market value |
//!
//! Funds follow the price index exactly and pay nothing. Modules are declared in reading order.

pub mod universe;

pub mod factors;

pub mod rotation_day;

pub mod squeeze;

pub mod market;

pub mod path;

pub mod index;

pub mod short_interest;

pub mod text;

pub mod files;

pub mod facts;

pub mod sample;
