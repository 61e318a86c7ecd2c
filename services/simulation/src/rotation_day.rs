//! The returns of every name on the rotation day, such that the indices move as published.

use crate::universe::{Exchange, SimulatedName, Tier};
use stats::rng::Rng;

/// Day of the rotation.
pub const ROTATION_ON: &str = "2024-07-11";
/// Published moves of that day, decimals: S&P 500, Nasdaq Composite, Dow, Russell 2000, and the
/// equal-weight fund (2.07 points ahead of the S&P 500).
pub const PUBLISHED: Moves =
    Moves { large: -0.009, nasdaq: -0.020, dow: 0.001, small: 0.036, equal: 0.0117 };
/// Share of the members that rose, a decimal.
pub const SHARE_UP: f64 = 0.80;

/// Price returns of the five indices, decimals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moves {
    /// `^GSPC`.
    pub large: f64,
    /// `^IXIC`.
    pub nasdaq: f64,
    /// `^DJI`.
    pub dow: f64,
    /// `^RUT`.
    pub small: f64,
    /// `RSP`.
    pub equal: f64,
}

/// Every megacap falls by more than this; weighted by market value they return [`MEGACAP_MEAN`].
const MEGACAP_LEAST: f64 = -0.021;
const MEGACAP_MEAN: f64 = -0.035;

/// Return of each name, a decimal.
///
/// Every name except the megacaps starts with its own noise. Five adjustments (to all members, by
/// the logarithm of their size, to those on the Nasdaq, to those in the Dow, and to the small caps)
/// then reproduce the five published moves exactly. The scale of the noise is chosen from a grid so
/// that the share of rising members is closest to [`SHARE_UP`].
pub fn returns(seed: u64, names: &[SimulatedName], session: usize) -> Vec<f64> {
    let mut rng = Rng::new(seed, 4);
    let noise: Vec<f64> = names.iter().map(|_| rng.normal()).collect();
    let megacaps = megacap_returns(names, &mut rng);
    let groups = Groups::of(names, session);
    let mut best: Option<(f64, Vec<f64>)> = None;
    for step in 0..60 {
        let scale = 0.002 + 0.0005 * f64::from(step);
        let mut returns: Vec<f64> =
            names.iter().enumerate().map(|(i, name)| start(name, noise[i], scale)).collect();
        returns[..megacaps.len()].copy_from_slice(&megacaps);
        if !groups.meet(&mut returns) {
            continue;
        }
        let miss = (groups.share_up(&returns) - SHARE_UP).abs();
        if best.as_ref().is_none_or(|(least, _)| miss < *least) {
            best = Some((miss, returns));
        }
    }
    best.map_or_else(|| vec![0.0; names.len()], |(_, returns)| returns)
}

/// Heavily shorted names rise most, because shorts have to be bought back.
fn start(name: &SimulatedName, noise: f64, scale: f64) -> f64 {
    let covering = 0.12 * name.short_ratio.min(0.5);
    match name.tier {
        Tier::Small => (covering + 0.022 * noise).clamp(-0.08, 0.20),
        Tier::Mid => 0.018 + scale * noise,
        Tier::Large | Tier::Mega => scale * noise,
    }
}

fn megacap_returns(names: &[SimulatedName], rng: &mut Rng) -> Vec<f64> {
    let megacaps: Vec<&SimulatedName> =
        names.iter().take_while(|name| name.tier == Tier::Mega).collect();
    let mut draws: Vec<f64> = megacaps.iter().map(|_| 0.1 + rng.uniform()).collect();
    // Two share classes of one company get the same return.
    for at in 1..draws.len() {
        if megacaps[at].company_cap_usd > megacaps[at].cap_usd {
            draws[at] = draws[2];
        }
    }
    let caps: f64 = megacaps.iter().map(|name| name.cap_usd).sum();
    let mean: f64 =
        megacaps.iter().zip(&draws).map(|(name, draw)| name.cap_usd * draw).sum::<f64>() / caps;
    draws.iter().map(|draw| MEGACAP_LEAST + (MEGACAP_MEAN - MEGACAP_LEAST) * draw / mean).collect()
}

const UNKNOWNS: usize = 5;

/// Weights of the five indices and the five directions of adjustment, per name.
struct Groups {
    weights: Vec<[f64; UNKNOWNS]>,
    directions: Vec<[f64; UNKNOWNS]>,
    members: usize,
}

impl Groups {
    fn of(names: &[SimulatedName], session: usize) -> Groups {
        let member = |name: &SimulatedName| {
            name.membership.is_some_and(|(a, b)| a <= session && session < b)
        };
        let flag = |yes: bool| if yes { 1.0 } else { 0.0 };
        let kinds: Vec<[f64; UNKNOWNS]> = names
            .iter()
            .map(|name| {
                let is_member = flag(member(name));
                [
                    name.cap_usd * is_member,
                    is_member,
                    name.cap_usd * flag(name.exchange == Exchange::Nasdaq),
                    name.price * flag(name.in_dow),
                    name.cap_usd * flag(name.tier == Tier::Small),
                ]
            })
            .collect();
        let total = |column: usize| kinds.iter().map(|kind| kind[column]).sum::<f64>().max(1e-9);
        let totals: [f64; UNKNOWNS] = std::array::from_fn(total);
        let weights =
            kinds.iter().map(|kind| std::array::from_fn(|k| kind[k] / totals[k])).collect();
        let directions = names
            .iter()
            .map(|name| {
                let large = flag(member(name) && name.tier != Tier::Mega);
                [
                    large,
                    large * libm::log(name.cap_usd / 75e9),
                    large * flag(name.exchange == Exchange::Nasdaq),
                    large * flag(name.in_dow),
                    flag(name.tier == Tier::Small),
                ]
            })
            .collect();
        Groups { weights, directions, members: names.iter().filter(|name| member(name)).count() }
    }

    /// Adjusts the returns along the directions so that the indices meet their targets. False: not
    /// possible.
    fn meet(&self, returns: &mut [f64]) -> bool {
        let targets =
            [PUBLISHED.large, PUBLISHED.equal, PUBLISHED.nasdaq, PUBLISHED.dow, PUBLISHED.small];
        let mut matrix = [[0.0; UNKNOWNS + 1]; UNKNOWNS];
        for (index, row) in matrix.iter_mut().enumerate() {
            row[UNKNOWNS] = targets[index];
            for (name, weight) in self.weights.iter().enumerate() {
                for (k, direction) in self.directions[name].iter().enumerate() {
                    row[k] += weight[index] * direction;
                }
                row[UNKNOWNS] -= weight[index] * returns[name];
            }
        }
        let Some(steps) = solve(matrix) else { return false };
        for (value, direction) in returns.iter_mut().zip(&self.directions) {
            for (step, along) in steps.iter().zip(direction) {
                *value += step * along;
            }
        }
        returns.iter().all(|value| (-0.5..1.0).contains(value))
    }

    fn share_up(&self, returns: &[f64]) -> f64 {
        let up = self.weights.iter().zip(returns).filter(|(w, r)| 0.0 < w[1] && 0.0 < **r).count();
        up as f64 / self.members.max(1) as f64
    }
}

/// Gaussian elimination with partial pivoting; `None` if the matrix is singular.
fn solve(mut matrix: [[f64; UNKNOWNS + 1]; UNKNOWNS]) -> Option<[f64; UNKNOWNS]> {
    for column in 0..UNKNOWNS {
        let pivot = (column..UNKNOWNS)
            .max_by(|a, b| matrix[*a][column].abs().total_cmp(&matrix[*b][column].abs()))?;
        matrix.swap(column, pivot);
        let base = matrix[column];
        if base[column].abs() < 1e-12 {
            return None;
        }
        for (row, values) in matrix.iter_mut().enumerate() {
            if row != column {
                let factor = values[column] / base[column];
                for (value, subtract) in values.iter_mut().zip(&base) {
                    *value -= factor * subtract;
                }
            }
        }
    }
    Some(std::array::from_fn(|k| matrix[k][UNKNOWNS] / matrix[k][k]))
}
