//! Portfolios: lines as submitted, found in a market and valued, and the CSV files desks keep them in.

pub mod book;
pub mod csv;
pub mod lines;
pub mod lookup;
