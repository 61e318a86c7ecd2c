//! What crowds hold: the names of which managers hold the most, and those most shorted.
//!
//! A crowd is the head of a ranking of the names that a desk could trade: companies whose line is
//! worth 1bn USD and of which 5m USD trade a day, as in the most-shorted basket (methodology A8). Its
//! names have equal weights. All counts of shares are in the units of the as-of day.

use factors::{manager_holdings::Held, trade::Side};
use marketdata::{
    day::Day,
    gap::{Gap, GapReason},
    instant::Instant,
    instrument::InstrumentId,
};
use std::collections::BTreeMap;

/// A number, or the reason why it is missing.
pub type Known = Result<f64, GapReason>;

/// The measure that a crowd is ranked by, the highest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CrowdKind {
    /// Number of managers that hold it (consensus).
    ManagersHolding,
    /// Number of managers of whose reported value it is 5 % or more (conviction).
    ManagersConvinced,
    /// Shares held by managers / float (concentration).
    ShareOfFloatHeld,
    /// Shares held by managers / normal volume, in days (crowdedness: many shares, little trading).
    DaysOfVolumeHeld,
    /// Short interest / float. Short interest / (float + short interest) has the same order.
    ShortOfFloat,
    /// Short interest / shares outstanding.
    ShortOfSharesOutstanding,
    /// Short interest / average volume over the 21 sessions up to the settlement, in days.
    DaysToCoverAtSettlement,
    /// Short interest / average volume over the last 21 sessions, in days.
    DaysToCoverAtRecentVolume,
    /// Short interest / the average volume that its source gives, in days.
    DaysToCoverAtSourceVolume,
}

/// Number of crowds.
pub const CROWDS: usize = 9;
/// Number of measures of short interest, the last of the list.
pub const SHORT_MEASURES: usize = 5;

impl CrowdKind {
    /// Every crowd, those of longs first.
    pub const ALL: [CrowdKind; CROWDS] = [
        CrowdKind::ManagersHolding,
        CrowdKind::ManagersConvinced,
        CrowdKind::ShareOfFloatHeld,
        CrowdKind::DaysOfVolumeHeld,
        CrowdKind::ShortOfFloat,
        CrowdKind::ShortOfSharesOutstanding,
        CrowdKind::DaysToCoverAtSettlement,
        CrowdKind::DaysToCoverAtRecentVolume,
        CrowdKind::DaysToCoverAtSourceVolume,
    ];

    /// The long and the short crowd that make up one crowded book.
    pub const REFERENCE: [CrowdKind; 2] = [CrowdKind::ManagersHolding, CrowdKind::ShortOfFloat];

    /// Its id in answers.
    pub const fn id(self) -> &'static str {
        match self {
            CrowdKind::ManagersHolding => "managers_holding",
            CrowdKind::ManagersConvinced => "managers_convinced",
            CrowdKind::ShareOfFloatHeld => "share_of_float_held",
            CrowdKind::DaysOfVolumeHeld => "days_of_volume_held",
            CrowdKind::ShortOfFloat => "short_of_float",
            CrowdKind::ShortOfSharesOutstanding => "short_of_shares_outstanding",
            CrowdKind::DaysToCoverAtSettlement => "days_to_cover_at_settlement",
            CrowdKind::DaysToCoverAtRecentVolume => "days_to_cover_at_recent_volume",
            CrowdKind::DaysToCoverAtSourceVolume => "days_to_cover_at_source_volume",
        }
    }

    /// The side on which the crowd holds its names.
    pub const fn side(self) -> Side {
        match self {
            CrowdKind::ManagersHolding
            | CrowdKind::ManagersConvinced
            | CrowdKind::ShareOfFloatHeld
            | CrowdKind::DaysOfVolumeHeld => Side::Long,
            CrowdKind::ShortOfFloat
            | CrowdKind::ShortOfSharesOutstanding
            | CrowdKind::DaysToCoverAtSettlement
            | CrowdKind::DaysToCoverAtRecentVolume
            | CrowdKind::DaysToCoverAtSourceVolume => Side::Short,
        }
    }
}

/// What is known of a name that a crowd may hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrowdName {
    /// The instrument.
    pub instrument: InstrumentId,
    /// What managers hold of it. `None` if none is known to.
    pub held: Option<Held>,
    /// Its float.
    pub public_float: Known,
    /// Its current short interest, shares.
    pub shares_short: Known,
    /// Median of shares traded a day over 63 sessions.
    pub normal_volume: Known,
    /// The measures of short interest, the last of [`CrowdKind::ALL`].
    pub short_measures: [Known; SHORT_MEASURES],
    /// Whether it can be in a crowd: no fund, large enough, and traded enough.
    pub is_eligible: bool,
}

impl CrowdName {
    /// The measure of a crowd.
    ///
    /// # Errors
    /// Why it is missing.
    pub fn measure(&self, kind: CrowdKind) -> Known {
        match kind {
            CrowdKind::ManagersHolding => Ok(f64::from(self.held()?.managers)),
            CrowdKind::ManagersConvinced => Ok(f64::from(self.held()?.convinced)),
            CrowdKind::ShareOfFloatHeld => ratio(self.held()?.shares?, self.public_float?),
            CrowdKind::DaysOfVolumeHeld => ratio(self.held()?.shares?, self.normal_volume?),
            of_short => self.short_measures[of_short as usize + SHORT_MEASURES - CROWDS],
        }
    }

    /// The shares of the crowd on a side: held by managers, or sold short.
    ///
    /// # Errors
    /// Why they are not known.
    pub fn crowd_shares(&self, side: Side) -> Known {
        match side {
            Side::Long => self.held()?.shares,
            Side::Short => self.shares_short,
        }
    }

    fn held(&self) -> Result<Held, GapReason> {
        self.held.ok_or(GapReason::InputMissing)
    }
}

fn ratio(part: f64, whole: f64) -> Known {
    if 0.0 < whole { Ok(part / whole) } else { Err(GapReason::Degenerate) }
}

/// What the crowds of a view rest on.
#[derive(Clone, Debug, PartialEq)]
pub struct CrowdSources {
    /// Number of managers whose holdings are current.
    pub managers: u32,
    /// First and last quarter's end that these holdings are of. `None` without managers.
    pub periods: Option<(Day, Day)>,
    /// When the latest of their filings became public.
    pub filed_at: Option<Instant>,
    /// The newest settlement of short interest.
    pub settlement_on: Option<Day>,
    /// What is missing or old, of the market as a whole.
    pub gaps: Vec<Gap>,
}

/// The crowds of a view.
#[derive(Clone, Debug, PartialEq)]
pub struct Crowds {
    /// What they rest on.
    pub sources: CrowdSources,
    names: BTreeMap<InstrumentId, CrowdName>,
    /// By crowd, the eligible names with a measure above zero, the highest first.
    rankings: [Vec<InstrumentId>; CROWDS],
    /// By name, its place in each ranking, from 0.
    places: BTreeMap<InstrumentId, [Option<u32>; CROWDS]>,
}

impl Crowds {
    /// The crowds of names, which come in the order of names; that order breaks ties.
    pub fn of(names: Vec<CrowdName>, sources: CrowdSources) -> Crowds {
        let rankings = CrowdKind::ALL.map(|kind| ranking(&names, kind));
        let mut places: BTreeMap<InstrumentId, [Option<u32>; CROWDS]> = BTreeMap::new();
        for (crowd, ranking) in rankings.iter().enumerate() {
            for (place, instrument) in (0..).zip(ranking) {
                places.entry(*instrument).or_default()[crowd] = Some(place);
            }
        }
        let names = names.into_iter().map(|name| (name.instrument, name)).collect();
        Crowds { sources, names, rankings, places }
    }

    /// What is known of a name. `None` if it has neither prices nor holders.
    pub fn get(&self, instrument: InstrumentId) -> Option<&CrowdName> {
        self.names.get(&instrument)
    }

    /// Number of names that are ranked by a crowd's measure.
    pub fn ranked(&self, kind: CrowdKind) -> usize {
        self.rankings[kind as usize].len()
    }

    /// The names of a crowd, the highest first: at most `most`, and a tenth of the ranked ones where
    /// these are fewer than ten times as many.
    pub fn members(&self, kind: CrowdKind, most: usize) -> &[InstrumentId] {
        let ranking = &self.rankings[kind as usize];
        &ranking[..most.min(ranking.len().div_ceil(10))]
    }

    /// The rank of a name by a crowd's measure, from 1. `None` if it is not ranked.
    pub fn rank(&self, kind: CrowdKind, instrument: InstrumentId) -> Option<u32> {
        Some(self.places.get(&instrument)?[kind as usize]? + 1)
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        // Key, value, and node overhead, with nodes two thirds full on average.
        let entry = |value: usize| (size_of::<InstrumentId>() + value) * 3 / 2;
        let ranked: usize = self.rankings.iter().map(Vec::capacity).sum();
        size_of::<Crowds>()
            + self.names.len() * entry(size_of::<CrowdName>())
            + self.places.len() * entry(size_of::<[Option<u32>; CROWDS]>())
            + ranked * size_of::<InstrumentId>()
    }
}

fn ranking(names: &[CrowdName], kind: CrowdKind) -> Vec<InstrumentId> {
    let eligible = names.iter().filter(|name| name.is_eligible);
    let measured = |name: &CrowdName| Some((name.instrument, name.measure(kind).ok()?));
    let mut ranked: Vec<(InstrumentId, f64)> =
        eligible.filter_map(measured).filter(|(_, value)| 0.0 < *value).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked.into_iter().map(|(instrument, _)| instrument).collect()
}
