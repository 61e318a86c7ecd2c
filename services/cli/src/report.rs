//! Answers as one HTML page each: the text and the tables of the terminal, with charts of the same
//! numbers. Nothing is computed here.

mod chart;
mod document;
pub(crate) mod file;
mod html;

pub(crate) mod calibration;
pub(crate) mod exposure;
pub(crate) mod hedge;
pub(crate) mod squeeze;
pub(crate) mod squeeze_simulation;
pub(crate) mod stress;

#[cfg(test)]
mod tests;
