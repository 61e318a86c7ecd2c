//! What the options of a name make beyond their delta, as a table over the name's jump.
//!
//! A simulation asks for it once per squeeze, which may be millions of times. The knots are evenly
//! spaced in log(1 + jump), 0 to the largest jump. Between two of them the P&L is linear in the
//! jump, so the part of the delta is exact, and a bought option still loses at most its value.
//! Where the largest jump is ten, knots are 0.24 % of the price apart: an option that is about to
//! expire is off by at most 0.06 % of the value of its shares, next to its strike.

use portfolio::convexity::Convexity;
use rayon::prelude::*;

/// Number of intervals between knots.
const CELLS: usize = 1_024;

/// Values of each option in a table.
pub const KNOTS: usize = CELLS + 1;

/// Distance of knots in log(1 + jump).
fn step(cap: f64) -> f64 {
    libm::log1p(cap) / CELLS as f64
}

/// P&L beyond the delta by jump.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Curve {
    /// Distance of knots in log(1 + jump).
    step: f64,
    /// Jump and P&L.
    knots: Vec<(f64, f64)>,
}

impl Curve {
    /// Whether a name needs one: it has options, and jumps.
    pub(super) fn is_needed(options: &Convexity, cap: f64) -> bool {
        !options.is_none() && 0.0 < step(cap)
    }

    /// Of the options of a name, for jumps up to `cap` above 0, on the threads of the caller's
    /// pool. `None` as soon as the caller has gone.
    pub(super) fn of(
        options: &Convexity,
        cap: f64,
        has_gone: &(dyn Fn() -> bool + Sync),
    ) -> Option<Curve> {
        let step = step(cap);
        let knot = |at: usize| {
            let jump = libm::expm1(at as f64 * step);
            (!has_gone()).then(|| (jump, options.beyond_delta(jump)))
        };
        let knots = (0..KNOTS).into_par_iter().map(knot).collect::<Option<_>>()?;
        Some(Curve { step, knots })
    }

    /// Whether all of it is finite.
    pub(super) fn is_finite(&self) -> bool {
        self.knots.iter().all(|(_, pnl)| pnl.is_finite())
    }

    /// The P&L beyond the delta at a jump of 0 or more.
    pub(super) fn at(&self, jump: f64) -> f64 {
        let cell = ((libm::log1p(jump) / self.step) as usize).min(CELLS - 1);
        let ((low, from), (high, to)) = (self.knots[cell], self.knots[cell + 1]);
        from + (to - from) * (jump - low) / (high - low)
    }
}
