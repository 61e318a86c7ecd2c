//! Series that several services need, named once.
//!
//! Modules are declared in reading order.

pub mod roles;
