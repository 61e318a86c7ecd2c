//! Lift: how much more often events happen at the top of a ranking than elsewhere, and whether one
//! ranking lifts more than another.

use crate::rng::Rng;

/// The share of draws that a bound is left by: 95 % of them stay above it.
const BELOW: usize = 20;

/// Events and observations at the top of a ranking and in all, of one cluster of observations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TopCounts {
    /// Events at the top.
    pub top_events: f64,
    /// Observations at the top.
    pub top: f64,
    /// Events in all.
    pub events: f64,
    /// Observations in all.
    pub all: f64,
}

/// A difference of two lifts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LiftDifference {
    /// The difference.
    pub value: f64,
    /// The bound that 95 % of the draws stay above.
    pub lower: f64,
}

impl TopCounts {
    /// No observations.
    pub const NONE: TopCounts = TopCounts { top_events: 0.0, top: 0.0, events: 0.0, all: 0.0 };

    /// Counts one observation.
    pub fn add(&mut self, is_event: bool, is_top: bool) {
        let (event, top) = (f64::from(is_event), f64::from(is_top));
        self.top_events += event * top;
        self.top += top;
        self.events += event;
        self.all += 1.0;
    }

    /// The counts of both.
    #[must_use]
    pub fn plus(self, other: TopCounts) -> TopCounts {
        TopCounts {
            top_events: self.top_events + other.top_events,
            top: self.top + other.top,
            events: self.events + other.events,
            all: self.all + other.all,
        }
    }

    /// Event rate at the top / event rate of all. `None` without events, or without a top.
    #[must_use]
    pub fn lift(self) -> Option<f64> {
        let valid = 0.0 < self.top && 0.0 < self.events;
        valid.then(|| self.top_events / self.top / (self.events / self.all))
    }
}

/// The lift of all clusters together.
#[must_use]
pub fn lift<'c>(clusters: impl Iterator<Item = &'c TopCounts>) -> Option<f64> {
    clusters.copied().fold(TopCounts::NONE, TopCounts::plus).lift()
}

/// The lift of one ranking less that of another on the same observations, and its bound over draws with
/// replacement. A draw is made of runs of `run` consecutive clusters, the first following the last, so
/// that neighbours may depend on each other; the last run is cut to as many clusters as there are. A
/// draw without events has no lift and is left out. `None` without events or without clusters.
#[must_use]
pub fn lift_difference(
    clusters: &[(TopCounts, TopCounts)],
    run: usize,
    draws: usize,
    seed: u64,
) -> Option<LiftDifference> {
    let difference = |drawn: &[(TopCounts, TopCounts)]| {
        let own = lift(drawn.iter().map(|(own, _)| own))?;
        Some(own - lift(drawn.iter().map(|(_, other)| other))?)
    };
    let value = difference(clusters)?;
    let mut rng = Rng::new(seed, 0);
    let mut drawn: Vec<f64> = (0..draws)
        .filter_map(|_| {
            let runs = (0..clusters.len()).step_by(run.max(1));
            let starts: Vec<usize> =
                runs.map(|_| rng.below(clusters.len() as u32) as usize).collect();
            let pick =
                |at: usize| clusters[(starts[at / run.max(1)] + at % run.max(1)) % clusters.len()];
            difference(&(0..clusters.len()).map(pick).collect::<Vec<_>>())
        })
        .collect();
    drawn.sort_by(f64::total_cmp);
    Some(LiftDifference { value, lower: *drawn.get(drawn.len() / BELOW)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(top_events: f64, top: f64, events: f64, all: f64) -> TopCounts {
        TopCounts { top_events, top, events, all }
    }

    /// 6 of 10 at the top and 10 of 100 in all: 0.6 / 0.1.
    #[test]
    fn a_lift_by_hand() {
        let clusters = [counts(2.0, 5.0, 4.0, 50.0), counts(4.0, 5.0, 6.0, 50.0)];
        assert!((lift(clusters.iter()).unwrap() - 6.0).abs() < 1e-12);
        assert_eq!(counts(0.0, 5.0, 0.0, 50.0).lift(), None);
        assert_eq!(counts(0.0, 0.0, 3.0, 50.0).lift(), None);
    }

    /// In every cluster one ranking finds all events and the other none: the difference is 10 in every
    /// draw, so its bound is 10 too. A ranking against itself has 0.
    #[test]
    fn a_difference_that_every_cluster_shows_is_its_own_bound() {
        let (all, none) = (counts(5.0, 10.0, 5.0, 100.0), counts(0.0, 10.0, 5.0, 100.0));
        let found = lift_difference(&[(all, none); 12], 5, 200, 1).unwrap();
        assert!((found.value - 10.0).abs() < 1e-12 && (found.lower - 10.0).abs() < 1e-12);
        let found = lift_difference(&[(all, all); 12], 4, 200, 1).unwrap();
        assert!(found.value.abs() < 1e-12 && found.lower.abs() < 1e-12);
        assert_eq!(lift_difference(&[], 1, 200, 1), None);
    }

    /// One cluster of three shows it: the draws without that cluster, (2/3)³ of them, show nothing.
    #[test]
    fn a_difference_that_one_cluster_makes_is_not_sure() {
        let (all, none) = (counts(5.0, 10.0, 5.0, 100.0), counts(0.0, 10.0, 5.0, 100.0));
        let found =
            lift_difference(&[(all, none), (none, none), (none, none)], 1, 2_000, 1).unwrap();
        assert!(0.0 < found.value && found.lower.abs() < 1e-12, "{found:?}");
    }

    /// Three clusters in runs of three: every draw is all of them, in some order.
    #[test]
    fn a_run_of_all_clusters_is_certain() {
        let (all, none) = (counts(5.0, 10.0, 5.0, 100.0), counts(0.0, 10.0, 5.0, 100.0));
        let found = lift_difference(&[(all, none), (none, none), (none, none)], 3, 200, 1).unwrap();
        assert!((found.value - found.lower).abs() < 1e-12, "{found:?}");
    }
}
