//! How good a plan is.

/// How good a plan is, before rounding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Proof {
    /// The objective before rounding, in money.
    pub objective: f64,
    /// No trades have a lower objective than this, in money.
    pub bound: f64,
    /// (objective − bound)/|objective|.
    pub gap: f64,
    /// Convex problems solved.
    pub nodes: usize,
    /// How far the convex problem of the plan misses its conditions of optimality.
    pub residuals: Residuals,
}

/// How far a solution misses the conditions of optimality (Karush, Kuhn and Tucker), in the scaled
/// units of the program, in which the data are near one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Residuals {
    /// Largest entry of Pv + q + A′μ.
    pub stationarity: f64,
    /// Largest violation of a row or cone.
    pub primal: f64,
    /// Largest violation of the sign of a multiplier.
    pub dual: f64,
    /// Largest product of a row's slack and multiplier, or of a cone's. A row that is missed has no
    /// slack; by how much is in `primal`.
    pub complementarity: f64,
}

impl Residuals {
    /// The largest of all.
    #[must_use]
    pub fn largest(&self) -> f64 {
        self.stationarity.max(self.primal).max(self.dual).max(self.complementarity)
    }
}
