//! What counts as heavily short.

use crate::{
    measure::{Component, Measured},
    name::SqueezeName,
};

/// A name is heavily short from this share of its float, or these days to cover.
const HEAVY_FLOAT: f64 = 0.10;
const HEAVY_DAYS: f64 = 5.0;

/// Whether a name is heavily short: 10 % of its float, or 5 days to cover at the volume up to the
/// settlement.
pub fn is_heavily_short(name: &SqueezeName) -> bool {
    let is_from = |measured: Measured, least: f64| measured.is_ok_and(|value| least <= value);
    is_from(name.measure(Component::ShortOfFloat), HEAVY_FLOAT)
        || is_from(name.measure(Component::DaysToCover), HEAVY_DAYS)
}
