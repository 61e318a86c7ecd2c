//! What names add to a number over a set of scenarios.

use crate::{
    name::NONE,
    prepared::PreparedExposure,
    settings::DRAWS,
    stand_in::{StandIn, StandIns},
};
use portfolio::book::Holding;

/// The weight of each session's return in a number, which is Σ −weight·return.
#[derive(Debug)]
pub(crate) struct TailWeights {
    /// Sessions with a weight, each with the sum over draws of its share times m_s.
    pub(crate) own: Vec<(usize, f64)>,
    /// Weights of every session of the panel, by draw; empty without stand-ins.
    pub(crate) by_draw: Vec<[f64; DRAWS]>,
}

impl TailWeights {
    /// The weights of a session by draw. `None` if it has none in any draw.
    pub(crate) fn by_draw(&self, session: usize) -> Option<&[f64; DRAWS]> {
        self.own.binary_search_by_key(&session, |(at, _)| *at).ok()?;
        self.by_draw.get(session)
    }
}

/// The contributions of positions to a number over a set of scenarios.
pub(crate) fn contributions(
    prepared: &PreparedExposure,
    listed: &[&Holding],
    weights: &TailWeights,
    stand_ins: Option<&StandIns>,
) -> Vec<f64> {
    let weighted = weighted_returns(prepared, listed, weights, stand_ins);
    let part = |(holding, weighted): (&&Holding, f64)| 0.0 - weighted * holding.market_value;
    listed.iter().zip(weighted).map(part).collect()
}

/// The weighted returns of names: minus what one unit of value of each adds to a number over a set
/// of scenarios.
pub(crate) fn weighted_returns(
    prepared: &PreparedExposure,
    held: &[&Holding],
    weights: &TailWeights,
    stand_ins: Option<&StandIns>,
) -> Vec<f64> {
    let own = own_tail_returns(prepared, held, weights);
    let of = |(holding, own): (&&Holding, f64)| {
        tail_return(prepared, holding, (weights, stand_ins), own)
    };
    held.iter().zip(own).map(of).collect()
}

/// Number of names summed side by side, because each addition waits for the one before and each
/// return for memory.
const SIDE_BY_SIDE: usize = 8;

/// The tail-weighted sum of each name's own returns.
fn own_tail_returns(
    prepared: &PreparedExposure,
    listed: &[&Holding],
    tail: &TailWeights,
) -> Vec<f64> {
    let panel = &prepared.panel;
    let row = |(at, holding): (usize, &&Holding)| {
        let row = prepared.name(holding.instrument).row;
        (row != NONE).then(|| (at, panel.row(row)))
    };
    let rows: Vec<(usize, &[f32])> = listed.iter().enumerate().filter_map(row).collect();
    let (groups, rest) = rows.as_chunks::<SIDE_BY_SIDE>();
    let mut sums = vec![0.0; listed.len()];
    let mut put = |group: &[(usize, &[f32])], values: &[f64]| {
        group.iter().zip(values).for_each(|((at, _), value)| sums[*at] = *value);
    };
    for group in groups {
        put(group, &weighted(group.map(|(_, row)| row), &tail.own));
    }
    for one in rest {
        put(&[*one], &weighted([one.1], &tail.own));
    }
    sums
}

/// Σ weight·return of each row over sessions.
fn weighted<const N: usize>(rows: [&[f32]; N], weights: &[(usize, f64)]) -> [f64; N] {
    let mut sums = [0.0; N];
    for (session, weight) in weights {
        for (sum, row) in sums.iter_mut().zip(rows) {
            *sum += weight * f64::from(row[*session]);
        }
    }
    sums
}

/// A name's weighted return over the tail: the sum over its own returns, plus that over its
/// stand-ins.
fn tail_return(
    prepared: &PreparedExposure,
    holding: &Holding,
    (weights, stand_ins): (&TailWeights, Option<&StandIns>),
    own: f64,
) -> f64 {
    let mut sum = own;
    let stretches = stand_ins.and_then(|all| all.stretches.get(&holding.instrument));
    let Some(stretches) = stretches else { return sum };
    let stand_in = StandIn::of(prepared, holding.instrument);
    for stretch in stretches {
        for session in stretch.sessions() {
            let Some(by_draw) = weights.by_draw(session) else { continue };
            let mapped = stand_in.mapped(session);
            for (draw, weight) in
                by_draw.iter().enumerate().filter(|(_, weight)| 0.0 < weight.abs())
            {
                let residual = |rows: &[u32; DRAWS]| stand_in.residual(rows[draw], session);
                sum += weight * (mapped + stretch.rows.as_ref().map_or(0.0, residual));
            }
        }
    }
    sum
}
