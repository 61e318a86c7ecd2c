//! Series and classifications that several services share, each defined once.
//!
//! Modules in the order of dependence; each imports only from those before it: `roles`, `issuer`,
//! `sector`, `kind`, `short_ratio`, `size`, `caps`, `basket`, `moves`, `line`, `spread`, `returns`,
//! `trading`, `most_shorted`.

pub mod basket;
pub mod caps;
pub mod issuer;
pub mod kind;
pub mod line;
pub mod most_shorted;
pub mod moves;
pub mod returns;
pub mod roles;
pub mod sector;
pub mod short_ratio;
pub mod size;
pub mod spread;

mod trading;
