//! How well an input ranks events: lift, areas, differences with errors by week, and a placebo.

use crate::panel::Observation;
use squeeze::measure::Component;
use stats::{
    classification::{precision_area, roc_area},
    lift::{LiftDifference, TopCounts, lift, lift_difference},
    rank::percentile_ranks,
    rng::Rng,
};
use std::collections::BTreeMap;

/// Share of the names of a day that counts as its top.
const TOP: f64 = 0.10;
/// Consecutive weeks that are drawn together, as for the check of a calibration.
const RUN_WEEKS: usize = 4;
const DRAWS: usize = 2_000;
const PERMUTATIONS: usize = 1_000;
const SEED: u64 = 1;

/// What one input is worth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quality {
    /// Event rate of the top tenth of each day / of all.
    pub(crate) lift: f64,
    pub(crate) roc_area: f64,
    pub(crate) precision_area: f64,
}

/// Observations with one input, ranked anew within each day.
#[derive(Debug)]
pub(crate) struct Ranked<'a> {
    observations: &'a [Observation],
    ranks: Vec<f64>,
}

impl<'a> Ranked<'a> {
    pub(crate) fn of(observations: &'a [Observation], component: Component) -> Ranked<'a> {
        let mut ranks = Vec::with_capacity(observations.len());
        for day in observations.chunk_by(|a, b| a.day == b.day) {
            let values: Vec<f64> = day.iter().map(|o| o.ranks[component.index()]).collect();
            ranks.extend(percentile_ranks(&values).unwrap_or_default());
        }
        Ranked { observations, ranks }
    }

    fn pairs(&self) -> impl Iterator<Item = (&Observation, f64)> {
        self.observations.iter().zip(self.ranks.iter().copied())
    }

    pub(crate) fn quality(&self) -> Option<Quality> {
        let scored: Vec<(f64, bool)> = self.pairs().map(|(o, rank)| (rank, o.event)).collect();
        Some(Quality {
            lift: lift(self.weeks().values())?,
            roc_area: roc_area(&scored)?,
            precision_area: precision_area(&scored)?,
        })
    }

    fn weeks(&self) -> BTreeMap<i32, TopCounts> {
        let mut weeks: BTreeMap<i32, TopCounts> = BTreeMap::new();
        for (observation, rank) in self.pairs() {
            let week = weeks.entry(observation.week).or_insert(TopCounts::NONE);
            week.add(observation.event, 1.0 - TOP < rank);
        }
        weeks
    }

    /// Lift of this input less that of another on the same observations, and the bound that 95 % of
    /// 2,000 draws of runs of four weeks stay above, if there are enough weeks.
    pub(crate) fn lift_difference(&self, other: &Ranked<'_>) -> Option<LiftDifference> {
        let paired: Vec<(TopCounts, TopCounts)> =
            self.weeks().into_values().zip(other.weeks().into_values()).collect();
        lift_difference(&paired, RUN_WEEKS, DRAWS, SEED)
    }

    /// Placebo: lifts after the input is shuffled 1,000 times among the names of the same day and
    /// size decile. Returns their mean, their 95th percentile, and the share at or above the lift
    /// of the input.
    pub(crate) fn placebo(&self) -> Option<Placebo> {
        let mut groups: BTreeMap<(usize, usize), [usize; 3]> = BTreeMap::new();
        for (observation, rank) in self.pairs() {
            let group = groups.entry((observation.day, observation.size)).or_default();
            group[0] += 1;
            group[1] += usize::from(1.0 - TOP < rank);
            group[2] += usize::from(observation.event);
        }
        let all = self.weeks().into_values().fold(TopCounts::NONE, TopCounts::plus);
        let mut rng = Rng::new(SEED, 1);
        let mut lifts: Vec<f64> = (0..PERMUTATIONS)
            .filter_map(|_| {
                let hits: usize = groups.values().map(|group| shuffled(*group, &mut rng)).sum();
                TopCounts { top_events: hits as f64, ..all }.lift()
            })
            .collect();
        lifts.sort_by(f64::total_cmp);
        let own = all.lift()?;
        let above = lifts.iter().filter(|lift| own <= **lift).count();
        Some(Placebo {
            mean: lifts.iter().sum::<f64>() / lifts.len() as f64,
            high: *lifts.get(PERMUTATIONS * 19 / 20)?,
            p_value: (above + 1) as f64 / (PERMUTATIONS + 1) as f64,
        })
    }

    /// Event rates by tenths of the input: names, events, rate and its standard error by weeks.
    pub(crate) fn tenths(&self) -> Vec<Tenth> {
        (0..10).map(|tenth| self.tenth(tenth)).collect()
    }

    fn tenth(&self, tenth: usize) -> Tenth {
        let mut weeks: BTreeMap<i32, [f64; 2]> = BTreeMap::new();
        for (observation, rank) in self.pairs().filter(|(_, rank)| (10.0 * rank) as usize == tenth)
        {
            debug_assert!((0.0..1.0).contains(&rank), "invariant: a percentile is below 1");
            let week = weeks.entry(observation.week).or_default();
            week[0] += 1.0;
            week[1] += f64::from(observation.event);
        }
        let names: f64 = weeks.values().map(|week| week[0]).sum();
        let events: f64 = weeks.values().map(|week| week[1]).sum();
        let rate = events / names;
        let count = weeks.len() as f64;
        let spread: f64 = weeks.values().map(|[n, e]| (e - rate * n).powi(2)).sum();
        let error = (spread * count / (count - 1.0)).sqrt() / names;
        Tenth { names, events, rate, error }
    }
}

/// Lifts after shuffling.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placebo {
    pub(crate) mean: f64,
    pub(crate) high: f64,
    pub(crate) p_value: f64,
}

/// A tenth of the names by an input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tenth {
    pub(crate) names: f64,
    pub(crate) events: f64,
    pub(crate) rate: f64,
    pub(crate) error: f64,
}

/// Events that are in the top when the names of a group are shuffled: draws without replacement.
fn shuffled([names, top, events]: [usize; 3], rng: &mut Rng) -> usize {
    let mut hits = 0;
    for drawn in 0..events {
        hits += usize::from((rng.below((names - drawn) as u32) as usize) < top - hits);
    }
    hits
}
