//! Who leads the market, and is that changing?
//!
//! [`prepared::prepare`] makes every indicator's history as one snapshot knows it, with its standing
//! against that history, and the state they make together. Questions about it are then lookups:
//! [`report`] for the whole picture, [`query`] for "largest since".
//!
//! [`as_published`] gives a measure session by session, each value as known at its close.
//!
//! An indicator is one file under `indicator/` and one line in [`indicator::ALL`].
//!
//! In the order of their dependence, each module importing from those before it alone: `universe`,
//! `running`, `tally`, `counts`, `breadth`, `record`, `standing`, `measure`, `inputs`, `family`,
//! `indicator`, `hysteresis`, `composite`, `prepared`, `report`, `subject`, `query`.
//! Files under `family/` are what several indicators share, so that no indicator imports another.

pub mod as_published;
pub mod breadth;
pub mod composite;
pub mod family;
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

mod counts;
mod running;

use marketdata::dataset::Dataset;

/// The datasets that are read: where none of them changed, and the day is the same, what was
/// prepared still holds.
pub const READS: &[Dataset] = &[
    Dataset::Bars,
    Dataset::Series,
    Dataset::ShortInterest,
    Dataset::ShareCounts,
    Dataset::Listings,
    Dataset::Memberships,
    Dataset::Holdings,
    Dataset::Splits,
];
