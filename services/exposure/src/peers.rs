//! Whose residuals may stand in for whose: companies of the same size and sector, then wider.

use crate::{
    drivers::Drivers,
    name::{NONE, Name},
    panel::Panel,
};
use factors::size::SizeBucket;
use marketdata::day::Day;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

/// Donors that a choice is made among, at least, as long as a wider group has them.
pub(crate) const DONORS_MIN: usize = 10;

/// A donor's residual deviation is within this factor of the name's own, where that is known: beyond
/// it is no peer, and scaling it would make giants of its quiet days.
const DEVIATION_RATIO_MAX: f64 = 4.0;

/// What stands in for absent returns is made of: the usual betas, the drivers, and who may donate.
#[derive(Debug)]
pub(crate) struct Peers {
    /// As prepared: stand-ins do not change with the settings of a request.
    pub(crate) names: Arc<Vec<Name>>,
    /// Returns of the market and of size beside it, zero where absent, a value a session.
    drivers: [Vec<f64>; 2],
    /// Robust residual deviation by row of the panel; zero where there is none.
    pub(crate) deviations: Vec<f64>,
    /// Betas to market and size by row.
    betas: Vec<[f64; 2]>,
    /// The calendar months of the panel.
    pub(crate) blocks: Vec<Block>,
    /// Rows in the order of names.
    groups: BTreeMap<Group, Vec<u32>>,
}

/// Companies of a size and a sector; none and [`NONE`] stand for any.
type Group = (Option<SizeBucket>, u32);

/// The sessions of a calendar month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Months since the year 0.
    pub(crate) month: u32,
    pub(crate) sessions: Range<usize>,
}

/// What a donor must offer.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) bucket: Option<SizeBucket>,
    pub(crate) sector: u32,
    /// Residual deviation of the name; zero where there is none.
    pub(crate) deviation: f64,
}

impl Peers {
    /// `donors` are the names that may donate, in the order of names.
    pub(crate) fn of(
        names: Arc<Vec<Name>>,
        drivers: &Drivers,
        deviations: Vec<f64>,
        donors: &[Name],
        days: &[Day],
    ) -> Peers {
        let mut betas = vec![[0.0; 2]; deviations.len()];
        let mut groups: BTreeMap<Group, Vec<u32>> = BTreeMap::new();
        for name in donors.iter().filter(|name| 0.0 < deviations[name.row as usize]) {
            betas[name.row as usize] = [name.market, name.size];
            let levels: BTreeSet<Group> = levels(name.bucket, name.sector).into_iter().collect();
            for group in levels {
                groups.entry(group).or_default().push(name.row);
            }
        }
        let drivers = [&drivers.market, &drivers.size].map(|driver| {
            let on = |session| Drivers::on(driver.as_ref(), session);
            (0..days.len()).map(on).collect()
        });
        Peers { names, drivers, deviations, betas, blocks: blocks(days), groups }
    }

    /// Writes the donors that have returns of their own on some sessions: the `bits` of a range that
    /// begins at `first`. Groups are widened until there are enough. Whether they had to be.
    pub(crate) fn donors(
        &self,
        panel: &Panel,
        wanted: &Wanted,
        (sessions, bits): (Range<usize>, u64),
        out: &mut Vec<u32>,
    ) -> bool {
        let narrow = wanted.bucket.is_some() && wanted.sector != NONE;
        for (at, group) in levels(wanted.bucket, wanted.sector).into_iter().enumerate() {
            let rows = self.groups.get(&group).map_or(&[][..], Vec::as_slice);
            let fits = |row: &&u32| {
                panel.own_bits(**row, sessions.clone()) & bits == bits
                    && comparable(wanted.deviation, self.deviations[**row as usize])
            };
            out.clear();
            out.extend(rows.iter().filter(fits));
            if DONORS_MIN <= out.len() {
                return !(narrow && at == 0);
            }
        }
        true
    }

    /// What a donor's betas leave of its return.
    pub(crate) fn residual(&self, panel: &Panel, row: u32, session: usize) -> f64 {
        let [market, size] = self.betas[row as usize];
        panel.at(row, session) - self.made_of([market, size], session)
    }

    /// The return that betas make of the drivers' on a session.
    pub(crate) fn made_of(&self, [market, size]: [f64; 2], session: usize) -> f64 {
        market * self.drivers[0][session] + size * self.drivers[1][session]
    }
}

/// From the narrowest group to everybody.
fn levels(bucket: Option<SizeBucket>, sector: u32) -> [Group; 4] {
    [(bucket, sector), (bucket, NONE), (None, sector), (None, NONE)]
}

fn comparable(own: f64, donor: f64) -> bool {
    own <= 0.0 || (own <= DEVIATION_RATIO_MAX * donor && donor <= DEVIATION_RATIO_MAX * own)
}

fn blocks(days: &[Day]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for (at, day) in days.iter().enumerate() {
        let (year, month, _) = day.ymd();
        let month = (year * 12) as u32 + month;
        match blocks.last_mut().filter(|block| block.month == month) {
            Some(block) => block.sessions.end = at + 1,
            None => blocks.push(Block { month, sessions: at..at + 1 }),
        }
    }
    blocks
}
