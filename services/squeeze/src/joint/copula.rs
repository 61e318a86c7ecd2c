//! How squeezes cluster: a one-factor copula, Gaussian or Student t with four degrees.
//!
//! Name i is squeezed if X_i = √ρ·M + √(1−ρ)·ε_i is at most Φ⁻¹(p_i), with M shared by all names;
//! under the t copula X_i is divided by s = √(W/4), W ~ χ² with four degrees and shared too, and
//! compared with the t quantile. Given M and s the names are independent:
//!
//! ```text
//! P(i | M, s) = Φ((q_i·s − √ρ·M) / √(1−ρ))
//! ```
//!
//! with s = 1 for the Gaussian copula. Tails of the Gaussian copula are independent in the limit;
//! those of the t copula are not.

use stats::normal;

/// The copula.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copula {
    /// Gaussian.
    Gaussian,
    /// Student t with four degrees of freedom.
    StudentT4,
}

impl Copula {
    /// The quantile of one name's X at a probability inside (0, 1).
    pub fn quantile(self, p: f64) -> Option<f64> {
        match self {
            Copula::Gaussian => normal::quantile(p),
            Copula::StudentT4 => student_t4_quantile(p),
        }
    }
}

/// The quantile of Student's t with four degrees, which has a closed form (Shaw 2006): with
/// α = 4p(1−p), t = ±2·√(cos(⅓·arccos √α)/√α − 1).
fn student_t4_quantile(p: f64) -> Option<f64> {
    if !(0.0 < p && p < 1.0) {
        return None;
    }
    let root = (4.0 * p * (1.0 - p)).sqrt().min(1.0);
    let size = 2.0 * (libm::cos(libm::acos(root) / 3.0) / root - 1.0).max(0.0).sqrt();
    Some(if p < 0.5 { -size } else { size })
}

/// What all names share on one path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factor {
    /// M, standard normal. Below zero, squeezes are likelier.
    pub m: f64,
    /// s, 1 for the Gaussian copula.
    pub s: f64,
}

/// One name's probability given the factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditional {
    /// q / √(1−ρ).
    level: f64,
    /// √ρ / √(1−ρ).
    slope: f64,
}

impl Conditional {
    /// The name's conditional probability. `None` unless 0 < p < 1 and 0 ≤ ρ < 1.
    pub fn new(copula: Copula, p: f64, correlation: f64) -> Option<Conditional> {
        if !(0.0..1.0).contains(&correlation) {
            return None;
        }
        let rest = (1.0 - correlation).sqrt();
        Some(Conditional { level: copula.quantile(p)? / rest, slope: correlation.sqrt() / rest })
    }

    /// The z with P = Φ(z).
    pub fn z(&self, factor: Factor) -> f64 {
        self.level * factor.s - self.slope * factor.m
    }
}

/// Decides u < Φ(z) without computing Φ except near equality: it lies between its values at the
/// ends of a cell.
#[derive(Debug)]
pub struct NormalTable(Vec<f64>);

/// Cells per unit of z, and the range of z that they cover.
const CELLS: f64 = 32.0;
const RANGE: f64 = 8.0;

impl NormalTable {
    /// The table: Φ at the ends of 512 cells.
    pub fn new() -> NormalTable {
        let ends = 0..=(2.0 * RANGE * CELLS) as usize;
        NormalTable(ends.map(|end| normal::cdf(end as f64 / CELLS - RANGE)).collect())
    }

    /// Whether u < Φ(z), for u at least 1e-15, which is above Φ(−8).
    pub fn is_below(&self, u: f64, z: f64) -> bool {
        let at = (z + RANGE) * CELLS;
        if at < 0.0 {
            return false;
        }
        let cell = (at as usize).min(self.0.len() - 2);
        if self.0[cell + 1] <= u && z < RANGE {
            return false;
        }
        u < self.0[cell] || u < normal::cdf(z)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// p = 0.027, ρ = 0.3: Φ((Φ⁻¹(p) − √ρ·M)/√(1−ρ)) with scipy 1.17.
    #[test]
    fn conditional_probabilities_agree_with_scipy() {
        let name = Conditional::new(Copula::Gaussian, 0.027, 0.3).unwrap();
        for (m, expected) in
            [(0.0, 0.010_639), (-1.0, 0.049_640), (-2.0, 0.160_184), (-3.0, 0.367_286)]
        {
            let p = normal::cdf(name.z(Factor { m, s: 1.0 }));
            assert!((p - expected).abs() < 5e-7, "{p} is not {expected}");
        }
    }

    /// `scipy.stats.t.ppf(p, 4)` of scipy 1.17.
    #[test]
    fn quantiles_of_t_agree_with_scipy() {
        for (p, expected) in [
            (1e-5, -23.332_182_700_829),
            (0.01, -3.746_947_387_98),
            (0.27, -0.669_219_302_397),
            (0.5, 0.0),
            (0.95, 2.131_846_786_33),
        ] {
            let found = Copula::StudentT4.quantile(p).unwrap();
            assert!((found - expected).abs() < 1e-9 * f64::abs(expected).max(1.0), "{p} {found}");
        }
        assert_eq!(Copula::StudentT4.quantile(0.0), None);
        assert_eq!(Conditional::new(Copula::Gaussian, 0.1, 1.0), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn the_table_decides_as_the_function_does(u in 1e-15..1.0f64, z in -9.0..9.0f64, near in 0..3usize) {
            let table = NormalTable::new();
            // Also next to equality.
            let u = match near { 0 => u, 1 => normal::cdf(z) * (1.0 + 1e-9), _ => normal::cdf(z) };
            let u = u.clamp(1e-15, 1.0 - 1e-15);
            prop_assert_eq!(table.is_below(u, z), u < normal::cdf(z));
        }
    }
}
