//! How long a side of a book takes to trade out, alone and together with the crowd (methodology B6).
//!
//! A name takes (own shares + the crowd's) / (participation · normal volume) days if all leave
//! at once, each within the same share of the volume. All names are worked at the same time.

use super::overlap::{Sides, on_side};
use crate::{
    crowds::{Crowds, Known},
    prepared::PreparedExposure,
};
use factors::{
    exit_curve::{ExitLine, exit_curve},
    look_through::Part,
    trade::Side,
};
use marketdata::gap::GapReason;
use portfolio::coverage::share;

/// The share of a side that is out on the last day reported.
pub const NEARLY_OUT: f64 = 0.95;

/// Days to trade a name out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExitDays {
    /// If only the book does.
    pub alone: Known,
    /// If the crowd does too. Missing if the crowd's shares are not known.
    pub with_crowd: Known,
}

/// A side of a book traded out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SideExit {
    /// Share of its value with days together with the crowd, 0 to 1. `None` if nothing is held on it.
    pub share: Option<f64>,
    /// Alone, and together with the crowd, over the names that have both. `None` if none has.
    pub alone: Option<ExitTimes>,
    /// Together with the crowd.
    pub with_crowd: Option<ExitTimes>,
}

/// Days that lines take to trade out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExitTimes {
    /// Mean over lines, weighted by value.
    pub mean: f64,
    /// Until 95 % of the value is out.
    pub nearly_out: f64,
    /// Until the slowest line is out.
    pub slowest: f64,
}

/// Days to trade out what is held of a name on a side, at a share of its normal volume.
pub(super) fn exit_days(
    prepared: &PreparedExposure,
    crowds: &Crowds,
    (part, side): (&Part, Side),
    participation: f64,
) -> ExitDays {
    let days = || {
        let name = crowds.get(part.instrument).ok_or(GapReason::NoPrice)?;
        let quote = prepared.quotes().get(part.instrument).ok_or(GapReason::NoPrice)?;
        let a_day = participation * name.normal_volume?;
        let own = on_side(part, side) / quote.price;
        let days = |shares: f64| match shares / a_day {
            days if days.is_finite() => Ok(days),
            _ => Err(GapReason::Degenerate),
        };
        let with_crowd = name.crowd_shares(side).and_then(|crowd| days(own + crowd));
        Ok((days(own)?, with_crowd))
    };
    match days() {
        Ok((alone, with_crowd)) => ExitDays { alone: Ok(alone), with_crowd },
        Err(reason) => ExitDays { alone: Err(reason), with_crowd: Err(reason) },
    }
}

/// A side of a book traded out.
pub(super) fn side_exit(
    prepared: &PreparedExposure,
    crowds: &Crowds,
    (book, side): (&Sides<'_>, Side),
    participation: f64,
) -> SideExit {
    let held = book.parts().iter().filter(|part| 0.0 < on_side(part, side));
    let both = held.filter_map(|part| {
        let days = exit_days(prepared, crowds, (part, side), participation);
        Some((on_side(part, side), days.alone.ok()?, days.with_crowd.ok()?))
    });
    let both: Vec<(f64, f64, f64)> = both.collect();
    let value: f64 = both.iter().map(|(value, ..)| value).sum::<f64>() + 0.0;
    let line = |value: f64, days: f64| ExitLine { value, days };
    SideExit {
        share: share(value, book.value(side)),
        alone: times(both.iter().map(|(value, alone, _)| line(*value, *alone))),
        with_crowd: times(both.iter().map(|(value, _, crowd)| line(*value, *crowd))),
    }
}

fn times(lines: impl Iterator<Item = ExitLine>) -> Option<ExitTimes> {
    let lines: Vec<ExitLine> = lines.collect();
    let value: f64 = lines.iter().map(|line| line.value).sum();
    let curve = exit_curve(&lines, &[NEARLY_OUT]);
    Some(ExitTimes {
        mean: lines.iter().map(|line| line.value / value * line.days).sum(),
        nearly_out: curve.first()?.days,
        slowest: lines.iter().map(|line| line.days).max_by(f64::total_cmp)?,
    })
}
