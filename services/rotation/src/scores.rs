//! The four scores, session by session: sums of z-scores in units of their own standard deviation,
//! so that one means one whatever is missing (methodology A21 (ii)).

use crate::{
    component::{COMPONENTS, PARTS, Score, parts_of},
    z_scores::ZScores,
};
use marketdata::day::Day;
use rayon::prelude::*;
use std::ops::Range;

/// z-scores are clipped to ± this value.
pub const CLIP: f64 = 3.0;
/// Minimum number of components of a score.
pub const MINIMUM_PARTS: usize = 3;
/// Half-life of the covariance of z-scores, in complete rows.
pub const HALF_LIFE: f64 = 504.0;
/// 0.5^(1/504): weight of a row relative to the next one.
const DECAY: f64 = 0.998_625_653_255_761;
/// Sessions before the first one of a calendar year at which the covariance of that year begins:
/// five half-lives.
pub const MEMORY: usize = 2_520;
/// Minimum number of complete rows behind the covariance.
pub const ROWS_MIN: usize = 252;
/// Weight of the covariance itself; the rest is the weight of its diagonal.
pub const COVARIANCE_WEIGHT: f64 = 0.8;

/// A score on one session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value {
    /// Σ z / √(1'C1): sum of the signed, clipped z-scores of the available components over its
    /// standard deviation.
    pub score: f64,
    /// √(1'C1).
    pub deviation: f64,
}

/// The scores on the sessions that the state can depend on.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// By score, then by session. None if it is unknown: fewer than [`MINIMUM_PARTS`] components,
    /// or fewer than [`ROWS_MIN`] complete rows before.
    values: Vec<Vec<Option<Value>>>,
}

impl Scores {
    /// The scores of some z-scores. Those of `earlier` are reused for the years that end within the
    /// first `same` sessions.
    pub fn of(z: &ZScores, earlier: Option<(&Scores, usize)>) -> Scores {
        let years = years(&z.sessions);
        let kept = earlier.map_or(0, |(_, same)| {
            let within = years.iter().take_while(|year| year.end <= same);
            within.last().map_or(0, |year| year.end)
        });
        let of = |score: &Score| {
            let before = earlier.map_or(&[][..], |(scores, _)| &scores.values[*score as usize]);
            let mut values = before[..kept].to_vec();
            for year in years.iter().filter(|year| kept <= year.start) {
                append_year(z, *score, year.clone(), &mut values);
            }
            values
        };
        Scores { values: Score::ALL.par_iter().map(of).collect() }
    }

    /// A score on a session, by its place.
    pub fn get(&self, score: Score, session: usize) -> Option<Value> {
        self.values[score as usize][session]
    }

    /// Number of sessions.
    pub fn sessions(&self) -> usize {
        self.values.first().map_or(0, Vec::len)
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        self.values.iter().map(|values| values.len() * size_of::<Option<Value>>()).sum()
    }
}

/// The sessions of each calendar year.
pub(crate) fn years(sessions: &[Day]) -> Vec<Range<usize>> {
    let mut years = Vec::new();
    let mut start = 0;
    while let Some(first) = sessions.get(start) {
        let next = Day::from_ymd(first.ymd().0 + 1, 1, 1).unwrap_or(Day::MAX);
        let end = start + sessions[start..].partition_point(|day| *day < next);
        years.push(start..end);
        start = end;
    }
    years
}

/// Signed, clipped z-scores of a score's components on one session.
type Row = [Option<f64>; PARTS];

fn row(z: &ZScores, score: Score, session: usize) -> Row {
    let first = score as usize * PARTS;
    std::array::from_fn(|part| {
        let component = COMPONENTS[first + part];
        Some(component.sign() * z.get(first + part, session)?.clamp(-CLIP, CLIP))
    })
}

fn append_year(z: &ZScores, score: Score, year: Range<usize>, values: &mut Vec<Option<Value>>) {
    let mut sets = Sets::empty();
    for session in year.start.saturating_sub(MEMORY)..year.end {
        let row = row(z, score, session);
        if year.start <= session {
            values.push(sets.value(&row));
        }
        sets.add(&row);
    }
}

/// The sets of components from which a score can be made: first that of all, then without each one.
struct Sets([Set; PARTS + 1]);

impl Sets {
    fn empty() -> Sets {
        Sets([const { Set { sum: 0.0, weight: 0.0, rows: 0 } }; PARTS + 1])
    }

    /// The place of the set of the components that a row has. `None` if it lacks two or more.
    fn place(row: &Row) -> Option<usize> {
        let mut missing = (0..PARTS).filter(|part| row[*part].is_none());
        match (missing.next(), missing.next()) {
            (None, _) => Some(0),
            (Some(part), None) => Some(part + 1),
            _ => None,
        }
    }

    fn value(&self, row: &Row) -> Option<Value> {
        let deviation = self.0[Sets::place(row)?].deviation()?;
        let sum: f64 = row.iter().flatten().sum();
        Some(Value { score: sum / deviation, deviation })
    }

    /// Adds a session to every set whose components it has.
    fn add(&mut self, row: &Row) {
        let Some(place) = Sets::place(row) else { return };
        let sum: f64 = row.iter().flatten().sum();
        let squares: f64 = row.iter().flatten().map(|z| z * z).sum();
        self.0[place].add(sum, squares);
        if place == 0 {
            for (set, z) in self.0[1..].iter_mut().zip(row.iter().flatten()) {
                set.add(sum - z, squares - z * z);
            }
        }
    }
}

/// Variance of the sum of a set of components over the sessions on which all of them are present.
///
/// With C = 0.8 · covariance + 0.2 · its diagonal, 1'C1 is the weighted mean of
/// 0.8 · (Σ z)² + 0.2 · Σ z²: z-scores have mean zero by construction. No matrix is needed.
struct Set {
    sum: f64,
    weight: f64,
    rows: usize,
}

impl Set {
    fn add(&mut self, sum: f64, squares: f64) {
        let variance = COVARIANCE_WEIGHT * sum * sum + (1.0 - COVARIANCE_WEIGHT) * squares;
        self.sum = DECAY * self.sum + variance;
        self.weight = DECAY * self.weight + 1.0;
        self.rows += 1;
    }

    fn deviation(&self) -> Option<f64> {
        let deviation = (self.sum / self.weight).sqrt();
        (ROWS_MIN <= self.rows && 0.0 < deviation).then_some(deviation)
    }
}

/// Number of components of a score that have a z-score on a session.
pub fn used(z: &ZScores, score: Score, session: usize) -> usize {
    parts_of(score).filter(|(at, _)| z.get(*at, session).is_some()).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::{fixture::day, snapshot::Series};
    use stats::moments::{Ddof, mean, standard_deviation};
    use std::collections::BTreeMap;

    #[test]
    fn the_decay_is_that_of_the_half_life() {
        assert!((libm::pow(DECAY, HALF_LIFE) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_year_is_the_sessions_between_two_januaries() {
        let days = ["2019-12-30", "2019-12-31", "2020-01-02", "2021-01-04"].map(day);
        assert_eq!(years(&days), [0..2, 2..3, 3..4]);
        assert!(years(&[]).is_empty());
    }

    #[test]
    fn the_sum_is_scaled_by_its_own_variance() {
        // z = (1, 1, −1, 2) has (Σz)² = 9 and Σz² = 7, so 1'C1 = 0.8 · 9 + 0.2 · 7 = 8.6.
        let full = [Some(1.0), Some(1.0), Some(-1.0), Some(2.0)];
        let mut sets = Sets::empty();
        for _ in 0..ROWS_MIN {
            assert_eq!(sets.value(&full), None, "too few rows");
            sets.add(&full);
        }
        let found = sets.value(&full).unwrap();
        assert!((found.deviation - 8.6f64.sqrt()).abs() < 1e-12);
        assert!((found.score - 3.0 / 8.6f64.sqrt()).abs() < 1e-12);
        // Without the third, Σz = 4 and Σz² = 6: 0.8 · 16 + 0.2 · 6 = 14.
        let three = [Some(1.0), Some(1.0), None, Some(2.0)];
        let found = sets.value(&three).unwrap();
        assert!((found.deviation - 14.0f64.sqrt()).abs() < 1e-12);
        assert_eq!(sets.value(&[Some(1.0), Some(1.0), None, None]), None);
    }

    /// Normal draws by summing twelve uniform ones.
    fn normal(seed: &mut u64) -> f64 {
        let uniform = |seed: &mut u64| {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (*seed >> 40) as f64 / f64::from(1u32 << 24)
        };
        (0..12).map(|_| uniform(seed)).sum::<f64>() - 6.0
    }

    /// One-day changes with a common part, and their sums over the sessions of each component.
    fn simulated(count: usize) -> (Vec<Day>, BTreeMap<&'static str, Series>) {
        use crate::standardise::Scale;
        let days: Vec<Day> = (0..count).map(|i| day("2001-01-01").plus(i as i32)).collect();
        let mut seed = 7;
        let common: Vec<f64> = (0..count).map(|_| normal(&mut seed)).collect();
        let mut series = BTreeMap::new();
        for component in &COMPONENTS {
            let own: Vec<f64> =
                common.iter().map(|c| component.sign() * c + normal(&mut seed)).collect();
            match component.scale {
                Scale::Rank => {
                    series.insert(component.measure, Series { days: days.clone(), values: own });
                }
                Scale::Change { sessions, daily } => {
                    let own =
                        series.entry(daily).or_insert(Series { days: days.clone(), values: own });
                    let values = own.values.windows(sessions).map(|window| window.iter().sum());
                    let values = values.collect();
                    let sums = Series { days: days[sessions - 1..].to_vec(), values };
                    series.insert(component.measure, sums);
                }
            }
        }
        (days, series)
    }

    #[test]
    fn one_means_one_whatever_is_missing() {
        let (days, series) = simulated(4_000);
        for missing in [None, Some(0), Some(1), Some(2), Some(3)] {
            let scores = [Score::Size, Score::Breadth, Score::Risk];
            let measure =
                |score: &Score, part: usize| COMPONENTS[*score as usize * PARTS + part].measure;
            let left_out = |id: &str| {
                missing.is_some_and(|part| scores.iter().any(|score| measure(score, part) == id))
            };
            let history = |id: &str| series.get(id).filter(|_| !left_out(id));
            let (z, _) = ZScores::of(&days, history, |_| None, None);
            let found = Scores::of(&z, None);
            for score in scores {
                let known: Vec<f64> =
                    (0..days.len()).filter_map(|at| Some(found.get(score, at)?.score)).collect();
                assert!(3_000 < known.len(), "{score:?} without {missing:?}");
                let deviation = standard_deviation(&known, Ddof::Sample).unwrap();
                assert!((0.93..1.07).contains(&deviation), "{score:?} {missing:?}: {deviation}");
                assert!(mean(&known).unwrap().abs() < 0.15);
            }
        }
    }

    #[test]
    fn two_components_make_no_score() {
        let (days, series) = simulated(1_000);
        let two = ["small_vs_nasdaq.5d", "size_spread.21d"];
        let history =
            |id: &str| series.get(id).filter(|_| two.contains(&id) || id.ends_with(".1d"));
        let (z, _) = ZScores::of(&days, history, |_| None, None);
        let scores = Scores::of(&z, None);
        assert_eq!(used(&z, Score::Size, 999), 2);
        assert_eq!(scores.get(Score::Size, 999), None);
    }
}
