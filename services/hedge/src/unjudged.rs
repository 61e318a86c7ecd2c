//! Why a plan is not judged on sessions that it did not know.

use crate::{limits::Stopped, scheme::Scheme};
use marketdata::{
    dataset::Dataset,
    gap::{Gap, GapReason, Subject},
};

/// Why there is no effectiveness out of sample. Months are counted from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unjudged {
    /// The factor model has fewer sessions than the first month and those after it need.
    Few {
        /// Sessions of the factor model.
        known: usize,
        /// The fewest with which there is a number.
        needed: usize,
    },
    /// The sessions before a month have no covariance of the factors.
    NoRisk(Month),
    /// No trades meet the limits with what was known before a month.
    NoPlan(Month),
    /// The search of a month ended without an answer.
    Stopped(Month, Stopped),
    /// The book's P&L does not vary over the months.
    Still,
}

/// A month of the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Month {
    /// Its place, from one.
    pub place: usize,
    /// Number of months.
    pub of: usize,
}

impl Unjudged {
    /// What an answer says of the plan of a scheme.
    #[must_use]
    pub fn gap(self, scheme: Scheme) -> Gap {
        let reason = match self {
            Unjudged::Few { .. } | Unjudged::NoRisk(_) => GapReason::ShortHistory,
            Unjudged::NoPlan(_) | Unjudged::Stopped(..) | Unjudged::Still => GapReason::Degenerate,
        };
        let detail = format!("{} has no effectiveness out of sample: {}", plan(scheme), self.why());
        Gap::new(reason, Subject::Dataset(Dataset::Bars), detail)
    }

    fn why(self) -> String {
        let month = |Month { place, of }: Month| format!("month {place} of {of}");
        match self {
            Unjudged::Few { known, needed } => {
                format!("the factor model has {known} sessions, and it takes {needed}")
            }
            Unjudged::NoRisk(at) => format!(
                "the factors have too few common returns on the sessions before {}",
                month(at)
            ),
            Unjudged::NoPlan(at) => {
                format!("with what was known before {} there is no best plan", month(at))
            }
            Unjudged::Stopped(at, why) => format!("the search of {} ended: {why}", month(at)),
            Unjudged::Still => "the P&L of the book does not vary over the months".to_owned(),
        }
    }
}

/// What an answer says of a plan whose book has a past P&L that does not vary.
#[must_use]
pub fn still(scheme: Scheme) -> Gap {
    let detail =
        format!("{} has no effectiveness: the past P&L of the book does not vary", plan(scheme));
    Gap::new(GapReason::Degenerate, Subject::Dataset(Dataset::Bars), detail)
}

fn plan(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Cut => "the plan to cut",
        Scheme::Overlay => "the plan to overlay",
        Scheme::Both => "the plan to cut and overlay",
    }
}
