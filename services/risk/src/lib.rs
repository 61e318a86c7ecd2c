//! Risk model of names: their betas to the market, size and the crowd, and their residuals.
//!
//! Shared by the exposure, hedge and stress services; nothing here depends on a submitted book.
//! [`prepare::prepare`] builds the [`model::RiskModel`] of a view, which does not depend on the
//! request and is shared. Beside it stand factor models of risk ([`factor_model::FactorModel`]): ours by
//! cross-section ([`cross_section::prepare`]) and those of vendors. [`factor_view::FactorView`] has exposures
//! for every name, also for those that a factor model lacks. [`factor_betas::FactorBetas`] has betas to factors
//! that a request chooses. Modules are declared in reading order, and each uses only those above it.

pub mod settings;

pub mod kernel;

pub mod driver;

pub mod trade;

pub mod drivers;

pub mod beta;

pub mod name;

pub mod panel;

pub mod anchor;

pub mod peers;

pub mod model;

pub mod factor;

pub mod stand_in;

pub mod prepare;

pub mod share_class;

pub mod factor_model;

pub mod vendor_model;

pub mod vendor_models;

pub mod time_series_model;

pub mod model_comparison;

pub mod cross_section;

pub mod series;

pub mod factor_series;

pub mod factor_betas;

pub mod large_moves;

pub mod projection;

pub mod factor_view;

pub mod like_this;

pub mod specific_sources;

pub mod book_correlation;

#[cfg(any(test, feature = "fixture"))]
pub mod fixture;
