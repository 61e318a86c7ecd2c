//! Who is short, how crowded, how hard to get out?
//!
//! A squeeze needs a crowd (short interest against float), a narrow door (days to cover) and pain
//! (prices and volumes against the shorts). Every input is what was published by the as-of date, all
//! share counts of a name are brought to one basis of units before any is divided by another, and
//! what cannot be computed is a reason, never a printed stand-in such as 999.99 days.
//!
//! [`prepared::prepare`] measures the cross-section, once per view; requests cost only their lines.
//! The score ranks; it is no probability and is not calibrated on events.
//!
//! Modules are declared in reading order.

pub mod assess;
pub mod exit;
pub mod measure;
pub mod name;
pub mod prepared;
pub mod rank;
pub mod score;
pub mod traded;
pub mod universe;
