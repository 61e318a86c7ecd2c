//! Reverse stress: the likeliest scenario in which a book loses a given amount.
//!
//! Over h sessions the common coordinates g have the covariance h·C and specific returns the
//! variances h·d. With e the book's P&L per unit of each, the likeliest q = (g, u) with e′q = −L is
//!
//! ```text
//! q* = −L·Σe/(e′Σe),   distance = L/√(e′Σe)
//! ```
//!
//! (Kopeliovich, Novosyolov, Satchkov and Schachter 2015.) Within boxes lo ≤ q ≤ hi that hold zero it
//! is the solution of min q′Σ⁻¹q under e′q = −L and the boxes. Its path in the multiplier λ of the
//! loss is piecewise linear and is followed from q = 0: coordinates stop at a bound, are fixed there,
//! and are freed again if their multiplier changes sign. With μ on the fixed coordinates B,
//!
//! ```text
//! g = C(μ − λe),  μ_B = C_BB⁻¹(bound + λ(Ce)_B),  u_i = −λ·d_i·e_i within its box
//! ```
//!
//! so C is never inverted, and may be singular. P&L is counted in a power of two near the largest e,
//! which rounds nothing, so that no square of a tiny or huge book leaves the range of numbers.

use crate::{
    gaussian::{Form, Joint},
    plausibility::TailProbability,
};
use stats::{cholesky::Cholesky, kernel::dot, matrix::SymmetricMatrix};

/// A slope below this share of the slope without bounds is rounding.
const NEGLIGIBLE: f64 = 1e-12;

/// Bounds of a scenario. Every interval holds zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Boxes {
    /// Lowest and highest move by common coordinate; infinite where there is no bound.
    pub common: Vec<(f64, f64)>,
    /// Specific returns stay within so many of their standard deviations over the scenario; infinite
    /// for no bound.
    pub specific_deviations: f64,
}

impl Boxes {
    /// No bound.
    pub fn none(coordinates: usize) -> Boxes {
        let common = vec![(f64::NEG_INFINITY, f64::INFINITY); coordinates];
        Boxes { common, specific_deviations: f64::INFINITY }
    }
}

/// The likeliest scenario of a loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Likeliest {
    /// Moves of the common coordinates, in their units.
    pub common: Vec<f64>,
    /// Specific returns, by name of the joint distribution.
    pub specific: Vec<f64>,
    /// P&L through each common coordinate.
    pub common_pnl: Vec<f64>,
    /// P&L through each specific return.
    pub specific_pnl: Vec<f64>,
    /// Mahalanobis distance from no move, in standard deviations.
    pub distance: f64,
    /// Probability of a loss at least as large: of a P&L at L/σ of its own standard deviations. Boxes
    /// do not enter.
    pub probability: TailProbability,
    /// Common coordinates at a bound, ascending.
    pub at_bound: Vec<usize>,
}

/// Why there is no such scenario.
#[derive(Clone, Debug, PartialEq)]
pub enum NoScenario {
    /// The loss is not positive, or there are no sessions.
    NoLoss,
    /// A box does not hold zero, or there is not one per coordinate.
    Boxes,
    /// No scenario within the boxes loses so much.
    OutOfReach {
        /// The largest loss within them, positive.
        largest_loss: f64,
    },
    /// The path did not end within its bound on steps, because coordinates are degenerate, or its
    /// numbers grew too large: no move of a scenario is larger than [`crate::shock::SIZE_MAX`].
    Unsolved,
}

impl NoScenario {
    /// The same, with P&L counted in units that are 2^−`unit` times as large.
    fn scaled(self, unit: i32) -> NoScenario {
        match self {
            NoScenario::OutOfReach { largest_loss } => {
                NoScenario::OutOfReach { largest_loss: libm::ldexp(largest_loss, unit) }
            }
            other => other,
        }
    }
}

/// The exponent of the largest weight of a form; 0 without any.
fn unit_exponent(form: &Form) -> i32 {
    let weights = form.common.iter().chain(form.specific.iter().map(|(_, weight)| weight));
    let largest = weights.fold(0.0_f64, |largest, weight| largest.max(weight.abs()));
    if 0.0 < largest { libm::ilogb(largest) } else { 0 }
}

/// A form times 2^`exponent`.
fn scaled(form: &Form, exponent: i32) -> Form {
    let times = |weight: &f64| libm::ldexp(*weight, exponent);
    let specific = form.specific.iter().map(|(name, weight)| (*name, times(weight)));
    Form { common: form.common.iter().map(times).collect(), specific: specific.collect() }
}

/// The likeliest scenario over some sessions in which the P&L is −`loss`.
///
/// # Errors
/// [`NoScenario`].
pub fn likeliest(
    joint: &Joint,
    pnl: &Form,
    (loss, sessions): (f64, u32),
    boxes: &Boxes,
) -> Result<Likeliest, NoScenario> {
    if !(0.0 < loss && loss.is_finite() && 0 < sessions) {
        return Err(NoScenario::NoLoss);
    }
    let holds_zero = |(low, high): &(f64, f64)| *low <= 0.0 && 0.0 <= *high;
    let lawful = boxes.common.len() == joint.common.dim()
        && boxes.common.iter().all(holds_zero)
        && 0.0 <= boxes.specific_deviations;
    if !lawful {
        return Err(NoScenario::Boxes);
    }
    let unit = unit_exponent(pnl);
    let (loss, pnl) = (libm::ldexp(loss, -unit), &scaled(pnl, -unit));
    let path = Path::of(joint, pnl, f64::from(sessions), boxes).ok_or(NoScenario::Unsolved)?;
    let deviation = (path.sessions * joint.covariance(pnl, pnl)).sqrt();
    let (lambda, fixed) = path.follow(loss).map_err(|why| why.scaled(unit))?;
    let line = path.line(&fixed).ok_or(NoScenario::Unsolved)?;
    let common = line.at(lambda);
    let mut specific = vec![0.0; joint.specific.len()];
    path.names.iter().for_each(|name| specific[name.at] = name.moved(lambda));
    let squared = path.squared_distance(&line, lambda, &fixed);
    // A loss of 1e300 is so far out that its square is no number.
    if !squared.is_finite() {
        return Err(NoScenario::Unsolved);
    }
    let mut specific_pnl = vec![0.0; joint.specific.len()];
    let made = |e: f64, moved: f64| libm::ldexp(e * moved, unit);
    path.names.iter().for_each(|name| specific_pnl[name.at] = made(name.value, specific[name.at]));
    Ok(Likeliest {
        common_pnl: pnl.common.iter().zip(&common).map(|(e, g)| made(*e, *g)).collect(),
        specific_pnl,
        specific,
        distance: squared.max(0.0).sqrt(),
        probability: TailProbability::beyond(loss / deviation),
        at_bound: fixed.iter().map(|bound| bound.at).collect(),
        common,
    })
}

/// A problem, followed in λ.
struct Path<'a> {
    e: &'a [f64],
    /// h·C.
    covariance: SymmetricMatrix,
    /// h·C·e.
    with_e: Vec<f64>,
    names: Vec<Name>,
    boxes: &'a Boxes,
    sessions: f64,
}

/// A name that the book holds.
struct Name {
    at: usize,
    value: f64,
    /// h·d.
    variance: f64,
    /// Largest |u|.
    bound: f64,
}

impl Name {
    fn moved(&self, lambda: f64) -> f64 {
        (-lambda * self.variance * self.value).clamp(-self.bound, self.bound)
    }

    /// The λ at which it reaches its bound.
    fn stops_at(&self) -> f64 {
        self.bound / (self.variance * self.value.abs())
    }
}

/// A coordinate fixed at a bound.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Fixed {
    at: usize,
    bound: f64,
}

/// With some coordinates fixed: g = start + λ·slope, μ = pull + λ·pull_slope. Fixed coordinates
/// start at their bounds and have no slope.
struct Line {
    start: Vec<f64>,
    slope: Vec<f64>,
    pull: Vec<f64>,
    pull_slope: Vec<f64>,
}

impl Line {
    /// The coordinates at λ.
    fn at(&self, lambda: f64) -> Vec<f64> {
        self.start.iter().zip(&self.slope).map(|(start, slope)| start + lambda * slope).collect()
    }
}

/// What happens next on the path.
enum Event {
    Stops(Fixed),
    Leaves(usize),
}

impl<'a> Path<'a> {
    fn of(joint: &Joint, pnl: &'a Form, sessions: f64, boxes: &'a Boxes) -> Option<Path<'a>> {
        let common = &joint.common;
        let covariance = common.blend(sessions, common, 0.0)?;
        let with_e = covariance.times(&pnl.common)?;
        let names = pnl.specific.iter().map(|(at, value)| {
            let variance = sessions * joint.specific[*at];
            let bound = boxes.specific_deviations * variance.sqrt();
            Name { at: *at, value: *value, variance, bound }
        });
        let names = names.filter(|name| 0.0 < name.variance * name.value.abs()).collect();
        Some(Path { e: &pnl.common, covariance, with_e, names, boxes, sessions })
    }

    /// The λ of a loss and the coordinates fixed there.
    fn follow(&self, loss: f64) -> Result<(f64, Vec<Fixed>), NoScenario> {
        let mut fixed: Vec<Fixed> = Vec::new();
        let mut lambda = 0.0;
        // Every step fixes or frees one coordinate; long paths are degenerate.
        for _ in 0..100 * (self.e.len() + 1) {
            let line = self.line(&fixed).ok_or(NoScenario::Unsolved)?;
            let next = self.next(&line, &fixed, lambda);
            let end = next.as_ref().map_or(f64::INFINITY, |(end, _)| *end);
            if let Some(found) = self.lambda_of(loss, &line, (lambda, end)) {
                return Ok((found, fixed));
            }
            let Some((end, event)) = next else {
                // Nothing moves any further: this is the largest loss.
                let last = self.names.iter().map(Name::stops_at).fold(lambda, f64::max);
                let largest_loss = 0.0 - self.pnl(&line, last);
                return Err(if largest_loss.is_finite() {
                    NoScenario::OutOfReach { largest_loss }
                } else {
                    NoScenario::Unsolved
                });
            };
            lambda = end;
            match event {
                Event::Stops(known) => fixed.push(known),
                Event::Leaves(place) => {
                    fixed.remove(place);
                }
            }
            fixed.sort_by_key(|known| known.at);
        }
        Err(NoScenario::Unsolved)
    }

    fn line(&self, fixed: &[Fixed]) -> Option<Line> {
        let c = &self.covariance;
        let mut line = Line {
            start: vec![0.0; self.e.len()],
            slope: self.with_e.iter().map(|value| -value).collect(),
            pull: Vec::new(),
            pull_slope: Vec::new(),
        };
        if fixed.is_empty() {
            return Some(line);
        }
        let block =
            SymmetricMatrix::from_lower(fixed.len(), |i, j| c.get(fixed[i].at, fixed[j].at))?;
        let factor = Cholesky::factor(&block)?;
        let bounds: Vec<f64> = fixed.iter().map(|known| known.bound).collect();
        let with_e: Vec<f64> = fixed.iter().map(|known| self.with_e[known.at]).collect();
        line.pull = factor.solve(&bounds)?;
        line.pull_slope = factor.solve(&with_e)?;
        for (place, known) in fixed.iter().enumerate() {
            for (k, covariance) in c.row(known.at).iter().enumerate() {
                line.start[k] += covariance * line.pull[place];
                line.slope[k] += covariance * line.pull_slope[place];
            }
        }
        // Without the rounding of the products above, they stay where they are.
        for known in fixed {
            (line.start[known.at], line.slope[known.at]) = (known.bound, 0.0);
        }
        Some(line)
    }

    /// The first event after λ, by λ and then by coordinate.
    fn next(&self, line: &Line, fixed: &[Fixed], lambda: f64) -> Option<(f64, Event)> {
        let mut next: Option<(f64, Event)> = None;
        let mut offer = |at: f64, event: Event| {
            let at = at.max(lambda);
            if at.is_finite() && next.as_ref().is_none_or(|(first, _)| at < *first) {
                next = Some((at, event));
            }
        };
        for (k, (low, high)) in self.boxes.common.iter().enumerate() {
            let slope = line.slope[k];
            let bound = if slope < 0.0 { *low } else { *high };
            let moves = NEGLIGIBLE * self.with_e[k].abs() < slope.abs();
            if moves && bound.is_finite() && !fixed.iter().any(|known| known.at == k) {
                offer((bound - line.start[k]) / slope, Event::Stops(Fixed { at: k, bound }));
            }
        }
        for (place, known) in fixed.iter().enumerate() {
            let (pull, slope) = (line.pull[place], line.pull_slope[place]);
            // At its upper bound a coordinate is held back, μ ≤ 0; at its lower one, μ ≥ 0.
            let is_upper = known.bound >= self.boxes.common[known.at].1;
            let turns = if is_upper { 0.0 < slope } else { slope < 0.0 };
            let at = -pull / slope;
            if turns && lambda < at {
                offer(at, Event::Leaves(place));
            }
        }
        next
    }

    fn pnl(&self, line: &Line, lambda: f64) -> f64 {
        let of_name = |name: &Name| name.value * name.moved(lambda);
        dot(self.e, &line.at(lambda)) + self.names.iter().map(of_name).sum::<f64>()
    }

    /// The λ between two at which the P&L is −loss. Specific returns stop one by one on the way.
    fn lambda_of(&self, loss: f64, line: &Line, (start, end): (f64, f64)) -> Option<f64> {
        let mut stops: Vec<f64> = self.names.iter().map(Name::stops_at).collect();
        stops.retain(|stop| start < *stop && *stop < end);
        stops.push(end);
        stops.sort_by(f64::total_cmp);
        let mut from = start;
        for to in stops {
            let at = self.pnl(line, from);
            let free = self.names.iter().filter(|name| from < name.stops_at());
            let of_names: f64 = free.map(|name| name.variance * name.value * name.value).sum();
            let falls = of_names - dot(self.e, &line.slope);
            let found = from + (at + loss) / falls;
            let falls_at_all = NEGLIGIBLE * dot(self.e, &self.with_e).abs() < falls;
            if falls_at_all && found <= to {
                return Some(found.max(from));
            }
            from = to;
        }
        None
    }

    /// q′Σ⁻¹q, with Σ⁻¹g = μ − λe.
    fn squared_distance(&self, line: &Line, lambda: f64, fixed: &[Fixed]) -> f64 {
        let mut weights: Vec<f64> = self.e.iter().map(|e| -lambda * e).collect();
        for (place, known) in fixed.iter().enumerate() {
            weights[known.at] += line.pull[place] + lambda * line.pull_slope[place];
        }
        let common = self.covariance.quadratic_form(&weights).unwrap_or(0.0);
        let of_name = |name: &Name| {
            let moved = name.moved(lambda);
            moved * moved / name.variance
        };
        common + self.names.iter().map(of_name).sum::<f64>()
    }
}

#[cfg(test)]
mod tests;
