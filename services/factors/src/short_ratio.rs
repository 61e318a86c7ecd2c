//! Short interest relative to float and shares outstanding, as known, in the same share units.
//!
//! Short interest, float and shares outstanding are stored in the share units of their own days.
//! Before one is divided by another, both are converted to the units of the settlement day. If no
//! known split factor connects the days, the ratio is replaced by a reason.

use crate::{settlement_calendar::settled_before, settlement_days::SettlementDays};
use marketdata::{
    basis::Units,
    dataset::{Dataset, Field},
    day::Day,
    gap::GapReason,
    instant::Instant,
    instrument::InstrumentId,
    snapshot::Snapshot,
    track::Rows,
};

/// Growth of short interest between two settlements that no market event explains.
const JUMP: f64 = 100.0;
/// A fall by this factor after such a jump indicates that the earlier settlement was an error.
const RETURN: f64 = 10.0;
/// Growth of shares outstanding that should also show in the float.
const ISSUANCE: f64 = 2.0;
/// Relative change of a float up to which it counts as unchanged.
const STILL: f64 = 0.1;
/// How many days back a float is compared.
const FLOAT_WINDOW_DAYS: i32 = 200;
/// How many days back rows that were left out are told.
const LEFT_OUT_DAYS: i32 = 240;
/// A float above the shares outstanding by up to this factor is rounding.
const ROUNDING: f64 = 1.001;
/// The least float, as a share of the shares outstanding. Of 4,753 companies in January 2021 the least
/// was 0.58 %.
const LEAST_FLOAT: f64 = 0.005;

/// One published number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Published {
    /// The number.
    pub value: f64,
    /// The day it describes; share counts are in the units of this day unless stated otherwise.
    pub effective_on: Day,
    /// When the market could know it.
    pub published_at: Instant,
}

/// A suspicious property of a ratio's inputs. The ratio is still reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DataQualityFlag {
    /// Short interest is a hundred times the previous settlement's, or a hundredth of it.
    ShortInterestJump,
    /// The previous settlement was at least a hundred times the one before it and has fallen back,
    /// so the change since then is unreliable.
    PreviousSettlementSpike,
    /// The source says that a split lies between the latest two settlements, and no known one does.
    SplitMissing,
    /// The float did not change while shares outstanding doubled or halved.
    FloatStandsStill,
    /// The float is above the shares outstanding.
    FloatAboveSharesOutstanding,
    /// The float is below half a per cent of the shares outstanding.
    FloatTooSmall,
}

impl DataQualityFlag {
    /// One sentence in plain English.
    pub const fn sentence(self) -> &'static str {
        match self {
            DataQualityFlag::ShortInterestJump => {
                "short interest changed a hundredfold since the previous settlement"
            }
            DataQualityFlag::PreviousSettlementSpike => {
                "the previous settlement was a hundred times the one before it and has fallen back"
            }
            DataQualityFlag::SplitMissing => {
                "the source says that a split lies between the latest two settlements, and none is \
                 known: numbers of shares and prices before it may be off by its factor"
            }
            DataQualityFlag::FloatStandsStill => {
                "the float did not change while shares outstanding doubled or halved"
            }
            DataQualityFlag::FloatAboveSharesOutstanding => {
                "the float is above the shares outstanding"
            }
            DataQualityFlag::FloatTooSmall => {
                "the float is below half a per cent of the shares outstanding"
            }
        }
    }
}

/// Float and shares outstanding of a line as known, in the share units of one day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CountsOnBasis {
    /// The latest known float, as published, in the units of its own day.
    pub public_float: Option<Published>,
    /// The latest known shares outstanding, as published, in the units of their own day.
    pub shares_outstanding: Option<Published>,
    /// Float in the units of the day, or the reason why it is missing.
    pub float_on_basis: Result<f64, GapReason>,
    /// Shares outstanding in the units of the day, or the reason why they are missing.
    pub outstanding_on_basis: Result<f64, GapReason>,
}

impl CountsOnBasis {
    /// The counts of an instrument in the units of a day.
    pub fn of(snapshot: &Snapshot, instrument: InstrumentId, basis: Day) -> CountsOnBasis {
        let counts = ShareCounts::of(snapshot, instrument);
        counts.on_basis(&Units::of(snapshot, instrument), basis)
    }
}

/// The short interest of a company, as a snapshot knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct ShortRatio {
    /// The listed line.
    pub instrument: InstrumentId,
    /// Shares sold short at the latest published settlement, in that day's units.
    pub shares_short: Published,
    /// Shares sold short at the previous settlement, in the units of the latest one. The error: none is
    /// published, or no known factor connects the two.
    pub previous: Result<Published, GapReason>,
    /// The source's average daily volume over the reporting cycle, in shares of the settlement's
    /// units.
    pub source_daily_volume: Option<f64>,
    /// Days to cover as printed by the source: kept as evidence, never used in a computation.
    pub days_to_cover_printed: Option<f64>,
    /// Float and shares outstanding, in the units of the settlement.
    pub counts: CountsOnBasis,
    /// Suspicious properties of the inputs, in the order of [`DataQualityFlag`].
    pub doubts: Vec<DataQualityFlag>,
    /// The last row of the 240 days up to today that is of no settlement and was left out.
    pub left_out_on: Option<Day>,
}

impl ShortRatio {
    /// The latest short interest of an instrument at a settlement; `None` if none is published by the
    /// as-of date.
    pub fn of(
        snapshot: &Snapshot,
        instrument: InstrumentId,
        all: &SettlementDays,
    ) -> Option<ShortRatio> {
        let rows = snapshot.rows(Dataset::ShortInterest, instrument);
        let known = 0..rows.last_on_or_before(snapshot.today())? + 1;
        let settled = |row: &usize| all.contains(rows.day(*row));
        let mut latest = known.clone().rev().filter(settled);
        let last = latest.find(|row| shares_short(&rows, *row).is_some())?;
        let oldest = snapshot.today().plus(-LEFT_OUT_DAYS);
        let left_out = known.rev().find(|row| !settled(row)).map(|row| rows.day(row));
        let shares_short = shares_short(&rows, last)?;
        let units = Units::of(snapshot, instrument);
        let basis = shares_short.effective_on;
        let settlements = Settlements::of(&rows, (last, all), &units);
        let counts = ShareCounts::of(snapshot, instrument);
        let doubts = doubts(&settlements, shares_short.value, &counts, &units);
        let value = |field| rows.value(last, Dataset::ShortInterest.column(field));
        Some(ShortRatio {
            instrument,
            shares_short,
            previous: settlements.previous,
            source_daily_volume: value(Field::AverageDailyVolume).filter(|v| 0.0 <= *v),
            days_to_cover_printed: value(Field::DaysToCoverPrinted),
            counts: counts.on_basis(&units, basis),
            doubts,
            left_out_on: left_out.filter(|on| oldest <= *on),
        })
    }

    /// Every instrument with a published short interest, in the order of names.
    pub fn all(snapshot: &Snapshot, settlements: &SettlementDays) -> Vec<ShortRatio> {
        let holders = snapshot.holders(Dataset::ShortInterest);
        holders.filter_map(|id| ShortRatio::of(snapshot, id, settlements)).collect()
    }

    /// T = SI / float, a decimal that may exceed 1, as data vendors print it.
    ///
    /// # Errors
    /// If no float is known, or no known factor converts it to the units of the settlement.
    pub fn of_float(&self) -> Result<f64, GapReason> {
        Ok(self.shares_short.value / self.counts.float_on_basis?)
    }

    /// T / (1 + T) = SI / (float + SI), below 1: the form of S3 Partners, which counts the shares
    /// sold by shorts as part of the float.
    ///
    /// # Errors
    /// If no float is known, or no known factor converts it to the units of the settlement.
    pub fn of_float_s3(&self) -> Result<f64, GapReason> {
        Ok(self.shares_short.value / (self.counts.float_on_basis? + self.shares_short.value))
    }

    /// SI / shares outstanding, a decimal.
    ///
    /// # Errors
    /// If no count of shares outstanding is known, or no known factor converts it to the units of
    /// the settlement.
    pub fn of_shares_outstanding(&self) -> Result<f64, GapReason> {
        Ok(self.shares_short.value / self.counts.outstanding_on_basis?)
    }

    /// Change of short interest since the previous settlement, as a decimal of it, in the same
    /// units.
    pub fn change(&self) -> Option<f64> {
        let previous = self.previous.ok().filter(|previous| 0.0 < previous.value)?;
        Some(stats::change::growth(previous.value, self.shares_short.value))
    }
}

fn shares_short(rows: &Rows<'_>, row: usize) -> Option<Published> {
    published(rows, row, Dataset::ShortInterest.column(Field::SharesShort), 0.0)
}

fn published(rows: &Rows<'_>, row: usize, column: usize, least: f64) -> Option<Published> {
    let value = rows.value(row, column).filter(|value| least <= *value)?;
    Some(Published { value, effective_on: rows.day(row), published_at: rows.published_at(row) })
}

fn on_basis(
    count: Option<Published>,
    units: &Units,
    basis: Day,
    absent: GapReason,
) -> Result<f64, GapReason> {
    let count = count.ok_or(absent)?;
    let change = units.change(count.effective_on, basis).ok_or(GapReason::BasisUnknown)?;
    Ok(count.value * change.shares)
}

/// The two settlements before the latest, in its units.
struct Settlements {
    previous: Result<Published, GapReason>,
    before_previous: Option<f64>,
    /// Whether the source says that a split lies between the latest two, and no known one does.
    lacks_split: bool,
}

impl Settlements {
    fn of(rows: &Rows<'_>, (last, all): (usize, &SettlementDays), units: &Units) -> Settlements {
        let basis = rows.day(last);
        let value = |field| rows.value(last, Dataset::ShortInterest.column(field));
        let split_inside = value(Field::SplitFlag).is_some_and(|flag| 0.0 < flag);
        let restated = value(Field::PreviousSharesShort).filter(|shares| 0.0 <= *shares);
        // The market's previous settlement, whose list may never have been loaded.
        let before = settled_before(basis).or_else(|| all.before(basis));
        // The source states its current value in the same units, also for a name that was not on that
        // list. Not so if a split lies in between.
        let restated = restated.filter(|_| !split_inside).and_then(|value| {
            Some(Published { value, effective_on: before?, published_at: rows.published_at(last) })
        });
        let settled = (0..last).rev().filter(|row| all.contains(rows.day(*row)));
        let mut earlier = settled.filter_map(|row| shares_short(rows, row)).filter(|settled| {
            restated.is_none_or(|restated| settled.effective_on < restated.effective_on)
        });
        let in_units = |settled: Published| {
            let shares = units.change(settled.effective_on, basis)?.shares;
            Some(Published { value: settled.value * shares, ..settled })
        };
        // The factor of a split between the market's latest two settlements must be known.
        let change = before.and_then(|before| units.change(before, basis));
        let is_split = change.map(|change| 1e-9 < (change.shares - 1.0).abs());
        let own = restated.is_none().then(|| earlier.next()).flatten();
        let joined = own.filter(|_| !split_inside || is_split == Some(true)).and_then(in_units);
        let absent = if own.is_some() { GapReason::BasisUnknown } else { GapReason::ShortHistory };
        let previous = restated.or(joined).ok_or(absent);
        let lacks_split = split_inside && is_split == Some(false);
        let before_previous = earlier.next().and_then(in_units).map(|settled| settled.value);
        Settlements { previous, before_previous, lacks_split }
    }
}

/// Floats and shares outstanding by day, latest last, up to [`FLOAT_WINDOW_DAYS`] back.
struct ShareCounts {
    floats: Vec<Published>,
    outstanding: Vec<Published>,
}

impl ShareCounts {
    fn of(snapshot: &Snapshot, instrument: InstrumentId) -> ShareCounts {
        let rows = snapshot.rows(Dataset::ShareCounts, instrument);
        let known = rows.last_on_or_before(snapshot.today()).map_or(0, |last| last + 1);
        let history = |field| {
            let column = Dataset::ShareCounts.column(field);
            let positive = f64::MIN_POSITIVE;
            let all = (0..known).rev().filter_map(|row| published(&rows, row, column, positive));
            let mut kept: Vec<Published> = Vec::new();
            for count in all {
                let latest = kept.first().map_or(count.effective_on, |first| first.effective_on);
                if count.effective_on < latest.plus(-FLOAT_WINDOW_DAYS) {
                    break;
                }
                kept.push(count);
            }
            kept.reverse();
            kept
        };
        ShareCounts {
            floats: history(Field::PublicFloat),
            outstanding: history(Field::SharesOutstanding),
        }
    }

    fn on_basis(&self, units: &Units, basis: Day) -> CountsOnBasis {
        let (float, outstanding) = (self.float(), self.outstanding());
        CountsOnBasis {
            public_float: float,
            shares_outstanding: outstanding,
            float_on_basis: on_basis(float, units, basis, GapReason::NoFloat),
            outstanding_on_basis: on_basis(
                outstanding,
                units,
                basis,
                GapReason::NoSharesOutstanding,
            ),
        }
    }

    fn float(&self) -> Option<Published> {
        self.floats.last().copied()
    }

    fn outstanding(&self) -> Option<Published> {
        self.outstanding.last().copied()
    }

    /// Whether some day in the window has at most half or at least twice the current shares
    /// outstanding, but about the current float.
    fn float_stands_still(&self, units: &Units) -> bool {
        let (Some(float), Some(outstanding)) = (self.float(), self.outstanding()) else {
            return false;
        };
        let growth = |old: &Published, new: Published| {
            let change = units.change(old.effective_on, new.effective_on)?;
            Some(new.value / (old.value * change.shares))
        };
        self.outstanding.iter().any(|old| {
            let issued = growth(old, outstanding)
                .is_some_and(|growth| ISSUANCE <= growth || growth <= 1.0 / ISSUANCE);
            let float_then = self.floats.iter().find(|f| f.effective_on == old.effective_on);
            let followed = float_then.and_then(|old| growth(old, float));
            issued && followed.is_some_and(|growth| (growth - 1.0).abs() <= STILL)
        })
    }
}

fn doubts(
    settlements: &Settlements,
    latest: f64,
    counts: &ShareCounts,
    units: &Units,
) -> Vec<DataQualityFlag> {
    let mut doubts = Vec::new();
    let leaps = |from: f64, to: f64| 0.0 < from && JUMP <= to / from;
    if let Ok(previous) = settlements.previous {
        if leaps(previous.value, latest) || leaps(latest, previous.value) {
            doubts.push(DataQualityFlag::ShortInterestJump);
        }
        let jumped = settlements.before_previous.is_some_and(|old| leaps(old, previous.value));
        if jumped && RETURN * latest <= previous.value {
            doubts.push(DataQualityFlag::PreviousSettlementSpike);
        }
    }
    if settlements.lacks_split {
        doubts.push(DataQualityFlag::SplitMissing);
    }
    if counts.float_stands_still(units) {
        doubts.push(DataQualityFlag::FloatStandsStill);
    }
    if let (Some(float), Some(outstanding)) = (counts.float(), counts.outstanding()) {
        let change = units.change(float.effective_on, outstanding.effective_on);
        match change.map(|change| float.value * change.shares) {
            Some(float) if outstanding.value * ROUNDING < float => {
                doubts.push(DataQualityFlag::FloatAboveSharesOutstanding);
            }
            Some(float) if float < outstanding.value * LEAST_FLOAT => {
                doubts.push(DataQualityFlag::FloatTooSmall);
            }
            _ => {}
        }
    }
    doubts
}
