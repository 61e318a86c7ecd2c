//! Market rotation: who leads the market, and is that changing?
//!
//! [`prepared::prepare`] computes the history of every indicator as known in one snapshot, how
//! unusual each latest value is against that history, and the market state derived from them.
//! Queries are then lookups: [`report`] for the whole picture, [`query`] for "largest since".
//!
//! [`as_published`] gives a measure or the state session by session, each as known at its close.
//!
//! An indicator is one file under `indicator/` and one line in [`indicator::ALL`].
//!
//! Modules in order of dependency; each imports only from those before it: `universe`, `running`,
//! `tally`, `counts`, `breadth`, `record`, `standing`, `measure`, `inputs`, `family`, `indicator`,
//! `reading`, `hysteresis`, `standardise`, `component`, `z_scores`, `scores`, `state`, `threshold`,
//! `states`, `composite`, `session_move`, `aftermath`, `prepared`, `state_history`, `as_published`,
//! `headline`, `report`, `subject`, `query`. Files under `family/` hold what several indicators
//! share, so that no indicator imports another.

pub mod aftermath;
pub mod as_published;
pub mod breadth;
pub mod component;
pub mod composite;
pub mod family;
pub mod headline;
pub mod hysteresis;
pub mod indicator;
pub mod inputs;
pub mod measure;
pub mod prepared;
pub mod query;
pub mod reading;
pub mod record;
pub mod report;
pub mod scores;
pub mod session_move;
pub mod standardise;
pub mod standing;
pub mod state;
pub mod state_history;
pub mod states;
pub mod subject;
pub mod tally;
pub mod threshold;
pub mod universe;
pub mod z_scores;

mod counts;
mod running;

use marketdata::dataset::Dataset;

/// The datasets read. A prepared value still holds if none of them changed and the view's day is
/// the same.
pub const READS: &[Dataset] = &[
    Dataset::Bars,
    Dataset::Series,
    Dataset::ShortInterest,
    Dataset::ShareCounts,
    Dataset::Listings,
    Dataset::Memberships,
    Dataset::Holdings,
    Dataset::Splits,
    Dataset::Identifiers,
];

/// Model version of the answers of this crate, part of every `SnapshotRef`.
///
/// It changes with every change of code that may alter such an answer, also if the code is in a
/// crate that several services share: then the versions of all services concerned change.
pub const MODEL_VERSION: &str = "rotation-0.11.0";
