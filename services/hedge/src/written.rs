//! The bound on what written options can lose that variance does not see.
//!
//! Variance knows an option by its delta. Written calls and puts whose deltas cancel cost nothing
//! in it and earn by time, so a plan would write as many as volumes allow. What they lose in a
//! large move is therefore limited: for every instrument on which an option may be written, what
//! all traded options on it make beyond their deltas in moves from −2θ to 2θ, an eighth of θ apart,
//! with the threshold θ of a squeeze. With four moves alone, plans lost hundreds of times the limit
//! between them: spreads that are worth nothing at just these prices. The limit is shared by these
//! instruments in equal parts, so that it holds whichever way each of them moves. Within a spread,
//! what is bought offsets what is written.
//!
//! A move at once says nothing of time. An option that expires soon, written against a longer one
//! that is bought at the same volatility, loses little at once in any of the moves and earns by
//! time, so plans wrote up to 400 times the book within that limit. So the shares under all options
//! that a plan writes are limited as well, and nothing that is bought offsets them. What the book has
//! written already is no trade of the plan and does not count.

use crate::{
    constraint::{Constraint, ExclusionRule, Measure, Weights},
    desk::{Desk, DeskLine},
    wish::{
        Excluded, WRITTEN_NOTIONAL_ID, WRITTEN_NOTIONAL_SHARE, WRITTEN_PREFIX, WRITTEN_SHARE, Wish,
        WrittenBudget,
    },
};
use marketdata::instrument::InstrumentId;
use std::collections::{BTreeMap, BTreeSet};

/// Least θ: an instrument without a volatility has none of its own.
const LEAST_MOVE: f64 = 0.15;

/// The largest moves, in eighths of θ.
const EIGHTHS: i8 = 16;

/// The moves in which losses are limited. No price falls by more than all of it.
fn moves(theta: f64) -> Vec<f64> {
    let eighths = (-EIGHTHS..=EIGHTHS).filter(|eighths| *eighths != 0);
    let mut moves: Vec<f64> =
        eighths.map(|eighths| (f64::from(eighths) / 8.0 * theta).max(-1.0)).collect();
    // Two moves that round to one id are one.
    moves.dedup_by(|a, b| id_of(*a) == id_of(*b));
    moves
}

/// A move as the ids of its limits have it.
fn id_of(total_return: f64) -> String {
    format!("{total_return:+.4}")
}

impl Desk<'_> {
    /// The most that written options may lose beyond their deltas, in money. `None`: not limited.
    #[must_use]
    pub fn written_limit(&self, budget: WrittenBudget) -> Option<f64> {
        self.most(budget, WRITTEN_SHARE)
    }

    /// The largest value of the shares under written options, in money. `None`: not limited.
    #[must_use]
    pub fn written_notional_limit(&self, budget: WrittenBudget) -> Option<f64> {
        self.most(budget, WRITTEN_NOTIONAL_SHARE)
    }

    fn most(&self, budget: WrittenBudget, share: f64) -> Option<f64> {
        match budget {
            WrittenBudget::Off => None,
            WrittenBudget::Most(money) => Some(money),
            WrittenBudget::Share => Some(share * self.gross()),
        }
    }

    /// The limit on the shares under written options, if some of the lines that trade may be
    /// written.
    pub(crate) fn written_notional(
        &self,
        wish: &Wish,
        is_traded: &dyn Fn(usize) -> bool,
    ) -> Option<Constraint> {
        let upper = Some(self.written_notional_limit(wish.written_notional)?);
        let lines = self.lines.iter().enumerate().filter(|(at, _)| is_traded(*at));
        // A call with a delta of ½ that is written is a short of ½ of its shares; a put is a long.
        let weight = |(at, line): (usize, &DeskLine)| {
            let option = line.option.as_ref().filter(|_| may_be_written(line, wish))?;
            Some((at, -1.0 / option.sensitivities.delta))
        };
        let weights: Vec<(usize, f64)> = lines.filter_map(weight).collect();
        let measure = Measure::Positive { weights };
        let id = WRITTEN_NOTIONAL_ID.to_owned();
        let is_any = matches!(&measure, Measure::Positive { weights } if !weights.is_empty());
        is_any.then_some(Constraint { id, measure, lower: None, upper })
    }

    /// The limits on what written options lose, if some of the lines that trade may be written.
    pub(crate) fn written_limits(
        &self,
        wish: &Wish,
        is_traded: &dyn Fn(usize) -> bool,
    ) -> Vec<Constraint> {
        let Some(most) = self.written_limit(wish.written) else { return Vec::new() };
        let lines = self.lines.iter().enumerate().filter(|(at, _)| is_traded(*at));
        let written = lines.filter(|(_, line)| line.option.is_some() && may_be_written(line, wish));
        // In the order of lines: numbers of instruments depend on the order of ingest.
        let mut known: BTreeSet<InstrumentId> = BTreeSet::new();
        let first = written.filter(|(_, line)| known.insert(line.instrument));
        let on: Vec<(InstrumentId, usize)> =
            first.map(|(at, line)| (line.instrument, at)).collect();
        let each = most / on.len().max(1) as f64;
        let limits = |(instrument, line): &(InstrumentId, usize)| {
            let theta = self.threshold_of(*line).max(LEAST_MOVE);
            let symbol = self.view.risk.snapshot.symbol(*instrument);
            let limit = |total_return: f64| Constraint {
                id: format!("{WRITTEN_PREFIX}{symbol}/{}", id_of(total_return)),
                measure: self.beyond_deltas(*instrument, total_return),
                lower: Some(-each),
                upper: None,
            };
            moves(theta).into_iter().map(limit).collect::<Vec<_>>()
        };
        on.iter().flat_map(limits).collect()
    }

    /// What the options on an instrument make beyond their deltas if it has a return.
    fn beyond_deltas(&self, instrument: InstrumentId, total_return: f64) -> Measure {
        let weight = |(at, line): (usize, &DeskLine)| {
            let option = line.option.as_ref().filter(|_| line.instrument == instrument)?;
            Some((at, option.moved(total_return) - total_return))
        };
        let weights = self.lines.iter().enumerate().filter_map(weight).collect();
        Measure::OfLines { kind: Weights::Returns, weights }
    }
}

/// What written options lose beyond their deltas, given limits and their values: of every
/// instrument the most that they lose in one of the moves, 0 or more, and the sum of all. `None`
/// without such limits.
#[must_use]
pub fn written_loss<'a>(values: impl Iterator<Item = (&'a str, f64)>) -> Option<f64> {
    let mut worst: BTreeMap<&str, f64> = BTreeMap::new();
    for (id, value) in values {
        let of = id.strip_prefix(WRITTEN_PREFIX).and_then(|rest| rest.rsplit_once('/'));
        if let Some((symbol, _)) = of {
            let loss = worst.entry(symbol).or_insert(0.0);
            *loss = loss.max(-value);
        }
    }
    (!worst.is_empty()).then(|| worst.values().sum())
}

/// Whether an option may be sold without being held.
fn may_be_written(line: &DeskLine, wish: &Wish) -> bool {
    let is_allowed = line.option.as_ref().is_some_and(|option| option.quoted.may_write);
    is_allowed && excluded_by(line, wish).is_none()
}

/// Id of the exclusion by which a line must not be shorted.
pub(crate) fn excluded_by<'a>(line: &DeskLine, wish: &'a Wish) -> Option<&'a str> {
    let is_of = |one: &&Excluded| one.line == line.id && one.rule == ExclusionRule::NoNewShort;
    wish.excluded.iter().find(is_of).map(|one| one.id.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of SPY the loss is 7 at its worst move, of QQQ nothing, of BRK/B 2: other limits do not
    /// count.
    #[test]
    fn the_loss_is_the_worst_move_of_every_instrument() {
        let values = [
            ("written/SPY/-0.1500", -7.0),
            ("written/SPY/+0.1500", -3.0),
            ("written/QQQ/+0.1500", 4.0),
            ("written/BRK/B/+0.1500", -2.0),
            ("net", -100.0),
        ];
        assert_eq!(written_loss(values.into_iter()), Some(9.0));
        assert_eq!(written_loss([("net", -100.0)].into_iter()), None);
    }

    #[test]
    fn moves_are_eighths_of_the_threshold_and_end_at_a_price_of_nothing() {
        let usual = moves(0.4);
        assert_eq!((usual.len(), usual.first(), usual.last()), (32, Some(&-0.8), Some(&0.8)));
        // Of 0.8, ten eighths and more are 1.
        let large = moves(0.8);
        assert_eq!((large.len(), large.first(), large.last()), (26, Some(&-1.0), Some(&1.6)));
        assert!(large.is_sorted_by(|a, b| a < b));
        // Nine eighths of 0.888862 are 0.99997, and ten are cut to 1: one id, and one limit.
        let close: Vec<String> = moves(0.888_862).into_iter().map(id_of).collect();
        assert_eq!(close.iter().filter(|id| *id == "-1.0000").count(), 1, "{close:?}");
    }
}
