//! Who leads the market, and is that changing?
//!
//! [`prepared::PreparedRotation`] holds every indicator's history as one snapshot knows it, with its
//! standing against that history, and the state they make together. Questions about it are then
//! lookups: [`report`] for the whole picture, [`query`] for "largest since".
//!
//! [`as_published`] gives a measure session by session, each value as known at its close.
//!
//! An indicator is one file under `indicator/` and one line in [`indicator::ALL`].

pub mod as_published;
pub mod breadth;
pub mod composite;
pub mod hysteresis;
pub mod indicator;
pub mod inputs;
pub mod measure;
pub mod prepared;
pub mod query;
pub mod record;
pub mod report;
pub mod standing;
pub mod subject;
pub mod tally;
pub mod universe;
