//! Series that several services need, named once.
//!
//! Modules are declared in reading order.

pub mod returns;
pub mod roles;
pub mod short_ratio;
pub mod size;
