//! Lift: how much more often events happen at the top of a ranking than elsewhere, and whether one
//! ranking lifts more than another.

use crate::rng::Rng;

/// The share of draws that a bound is left by: 95 % of them stay above it.
const BELOW: usize = 20;

/// Clusters that a bound needs. Few clusters scatter more than draws from them: where two rankings are
/// alike, the bound of 4 clusters is above 0 in two of five samples, and not in one of twenty.
pub const BOUND_CLUSTERS: usize = 16;

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
    /// The bound that 95 % of the draws stay above. `None` of fewer clusters than [`BOUND_CLUSTERS`].
    pub lower: Option<f64>,
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
    if clusters.len() < BOUND_CLUSTERS {
        return Some(LiftDifference { value, lower: None });
    }
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
    Some(LiftDifference { value, lower: drawn.get(drawn.len() / BELOW).copied() })
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
        let near = |found: Option<f64>, value: f64| (found.unwrap() - value).abs() < 1e-12;
        let found = lift_difference(&[(all, none); 18], 5, 200, 1).unwrap();
        assert!((found.value - 10.0).abs() < 1e-12 && near(found.lower, 10.0));
        let found = lift_difference(&[(all, all); 16], 4, 200, 1).unwrap();
        assert!(found.value.abs() < 1e-12 && near(found.lower, 0.0));
        assert_eq!(lift_difference(&[], 1, 200, 1), None);
    }

    /// Sixteen clusters of which the first shows a difference.
    fn one_of_sixteen() -> Vec<(TopCounts, TopCounts)> {
        let (all, none) = (counts(5.0, 10.0, 5.0, 100.0), counts(0.0, 10.0, 5.0, 100.0));
        [vec![(all, none)], vec![(none, none); 15]].concat()
    }

    /// The draws without the cluster that shows it, (15/16)¹⁶ = 36 % of them, show nothing.
    #[test]
    fn a_difference_that_one_cluster_makes_is_not_sure() {
        let found = lift_difference(&one_of_sixteen(), 1, 2_000, 1).unwrap();
        assert!(0.0 < found.value && found.lower.unwrap().abs() < 1e-12, "{found:?}");
    }

    /// In runs of as many clusters as there are, every draw is all of them, in some order.
    #[test]
    fn a_run_of_all_clusters_is_certain() {
        let found = lift_difference(&one_of_sixteen(), 16, 200, 1).unwrap();
        assert!((found.value - found.lower.unwrap()).abs() < 1e-12, "{found:?}");
    }

    /// Clusters in which two rankings find events equally often: 500 observations, 50 of them at the
    /// top, 5 to 15 events, each at the top with a chance of 0.2.
    fn alike(clusters: usize, rng: &mut Rng) -> Vec<(TopCounts, TopCounts)> {
        let mut found = |count: usize, chance: f64| {
            (0..count).filter(|_| rng.uniform() < chance).count() as f64
        };
        let mut cluster = || {
            let events = 5.0 + found(10, 0.4);
            let [own, other] = [(); 2].map(|()| found(events as usize, 0.2));
            (counts(own, 50.0, events, 500.0), counts(other, 50.0, events, 500.0))
        };
        (0..clusters).map(|_| cluster()).collect()
    }

    /// Share of 400 samples of rankings that are alike whose bound says that one is better. 5 % are
    /// meant; runs of four leave few runs, so it is allowed 12 %, with an error of 1.6 %.
    #[test]
    fn bounds_of_few_clusters_do_not_claim_a_difference() {
        let mut rng = Rng::new(3, 0);
        for clusters in [4, 6, 8, 12, 15, 16, 26] {
            let claims = (0..400).filter(|_| {
                let sample = alike(clusters, &mut rng);
                lift_difference(&sample, 4, 200, 1)
                    .and_then(|found| found.lower)
                    .is_some_and(|lower| 0.0 < lower)
            });
            let claims = claims.count();
            assert!(claims <= 48, "{clusters} clusters: {claims} of 400");
        }
    }
}
