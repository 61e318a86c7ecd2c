//! Historical value at risk and expected shortfall of today's positions.

use crate::{
    history::History,
    prepared::Prepared,
    report::{TailLevel, TailRisk},
    settings::{PREPARED_INTERVAL, PREPARED_LEVELS, TailSettings},
};
use stats::{
    quantile::{OrderInterval, order_interval},
    tail,
};

/// The tail of a book and the sessions in it.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) risk: TailRisk,
    /// Sessions beyond the first level's value at risk, with the weight of each in its expected
    /// shortfall; weights add up to one.
    pub(crate) first_level: Vec<(usize, f64)>,
}

/// Replays the last sessions. `gross` turns returns into money. None without sessions or levels out
/// of range.
pub(crate) fn measure(
    prepared: &Prepared,
    history: &History,
    settings: &TailSettings,
    gross: f64,
    proxied_share: f64,
) -> Option<Tail> {
    let days = prepared.sessions.days();
    let start = days.len() - settings.window_sessions.min(days.len());
    let returns = &history.total[start - history.first..];
    let n = returns.len();
    let levels = settings.confidence_levels.iter();
    let intervals: Vec<Option<OrderInterval>> =
        levels.clone().map(|level| interval(prepared, settings, n, *level)).collect();
    let needed = levels
        .clone()
        .filter_map(|level| tail::worst_needed(n, *level, settings.quantile_rule))
        .chain(intervals.iter().filter_map(|i| i.as_ref()?.upper_rank))
        .max()?
        .min(n);
    let worst = worst_sessions(returns, needed);
    let profits: Vec<f64> = worst.iter().map(|(_, r)| f64::from(*r) * gross).collect();
    let sessions: Vec<usize> = worst.iter().map(|(at, _)| start + at).collect();
    let mut measured = Vec::with_capacity(intervals.len());
    let mut first_level = Vec::new();
    for (confidence, interval) in levels.zip(&intervals) {
        let tail = tail::historical_of_worst(&profits, n, *confidence, settings.quantile_rule)?;
        let weighted = tail_weights(&sessions, n, *confidence);
        let rank = |rank: Option<usize>| Some(-profits[rank?.checked_sub(1)?]);
        measured.push(TailLevel {
            confidence: *confidence,
            value_at_risk: tail.value_at_risk,
            value_at_risk_low: interval.as_ref().and_then(|i| rank(i.upper_rank)),
            value_at_risk_high: interval.as_ref().and_then(|i| rank(i.lower_rank)),
            interval_coverage: interval.as_ref().map_or(0.0, |i| i.coverage),
            expected_shortfall: tail.expected_shortfall,
            expected_shortfall_standard_error: shortfall_error(&profits, n, *confidence, &tail),
            leg_expected_shortfall: history.legs.each_ref().map(|leg| {
                let part = weighted.iter().map(|(s, w)| w * f64::from(leg[s - history.first]));
                0.0 - part.sum::<f64>() * gross
            }),
        });
        if measured.len() == 1 {
            first_level = weighted;
        }
    }
    let risk = TailRisk {
        quantile_rule: settings.quantile_rule,
        sessions: n,
        first_on: *days.get(start)?,
        last_on: *days.last()?,
        levels: measured,
        worst_on: *days.get(*sessions.first()?)?,
        worst_pnl: *profits.first()?,
        proxied_share,
    };
    Some(Tail { risk, first_level })
}

/// The lowest returns in ascending order, each with its place; equal ones by place.
fn worst_sessions(returns: &[f32], needed: usize) -> Vec<(usize, f32)> {
    // One word a session, ordered as the returns are: sorting words is quick, and ties are settled.
    let word = |(at, value): (usize, &f32)| {
        let bits = value.to_bits();
        let ordered = if bits >> 31 == 0 { bits | 1 << 31 } else { !bits };
        u64::from(ordered) << 32 | at as u64
    };
    let mut words: Vec<u64> = returns.iter().enumerate().map(word).collect();
    if needed < words.len() {
        let (_, _, _) = words.select_nth_unstable(needed);
        words.truncate(needed);
    }
    words.sort_unstable();
    words.iter().map(|word| (word & 0xFFFF_FFFF) as usize).map(|at| (at, returns[at])).collect()
}

/// The sessions of the tail with their weights in expected shortfall.
fn tail_weights(worst: &[usize], n: usize, confidence: f64) -> Vec<(usize, f64)> {
    let mass = n as f64 * (1.0 - confidence);
    let weight = |at: usize| (mass - at as f64).clamp(0.0, 1.0) / mass;
    let weighted = worst.iter().enumerate().map(|(at, session)| (*session, weight(at)));
    weighted.take_while(|(_, weight)| 0.0 < *weight).collect()
}

/// Manistre and Hancock (2005), "Variance of the CTE estimator".
fn shortfall_error(profits: &[f64], n: usize, confidence: f64, tail: &tail::Tail) -> Option<f64> {
    // 1,000 sessions at 99 % are 10 days, not the 11 that the rounding of 1 − 0.99 would make.
    let inside = (n as f64 * (1.0 - confidence) - 1e-9).ceil() as usize;
    let variance = stats::moments::variance(profits.get(..inside)?, stats::moments::Ddof::Sample)?;
    let beyond = tail.expected_shortfall - tail.value_at_risk;
    Some(((variance + confidence * beyond * beyond) / inside as f64).sqrt())
}

/// The prepared interval where the request is the usual one.
fn interval(
    prepared: &Prepared,
    settings: &TailSettings,
    n: usize,
    confidence: f64,
) -> Option<OrderInterval> {
    let usual_level = settings.interval_level.to_bits() == PREPARED_INTERVAL.to_bits();
    if usual_level && n == prepared.sessions.len() {
        let at = PREPARED_LEVELS.iter().position(|l| l.to_bits() == confidence.to_bits());
        if let Some(at) = at {
            return prepared.intervals[at];
        }
    }
    order_interval(n, 1.0 - confidence, settings.interval_level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_sessions_come_in_order_and_ties_by_place() {
        let returns = [0.5, -0.25, 0.0, -0.0, -0.25, -1.0, 0.25];
        let places: Vec<usize> = worst_sessions(&returns, 5).iter().map(|(at, _)| *at).collect();
        assert_eq!(places, [5, 1, 4, 3, 2]);
        assert_eq!(worst_sessions(&returns, 7).len(), 7);
    }

    #[test]
    fn weights_of_the_tail_add_up_to_one_with_a_part_of_the_last() {
        // 20 sessions at 88 %: 2.4 of them, so weights 1, 1 and 0.4 over 2.4.
        let weights = tail_weights(&[4, 9, 1, 7], 20, 0.88);
        let sum: f64 = weights.iter().map(|(_, weight)| weight).sum();
        assert!((sum - 1.0).abs() < 1e-12);
        assert_eq!(weights.len(), 3);
        assert!((weights[2].1 - 0.4 / 2.4).abs() < 1e-12);
    }
}
