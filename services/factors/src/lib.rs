//! Series that several services need, named once.
//!
//! Modules are declared in alphabetical order; read `roles` first.

pub mod basket;
pub mod caps;
pub mod issuer;
pub mod kind;
pub mod line;
pub mod most_shorted;
pub mod moves;
pub mod returns;
pub mod roles;
pub mod short_ratio;
pub mod size;
pub mod spread;
