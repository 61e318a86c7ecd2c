//! Weighted regression across a group structure: a constant, one effect per group, and slopes.
//!
//! y = c + a_g(i) + Σ xᵢₖ·bₖ + e, minimising Σ w·e². The constant and the group effects are told
//! apart by one restriction, Σ m_g·a_g = 0, where m_g is the sum of the given masses over the rows
//! of the group (methodology B4: the industries' returns, weighted by market value, sum to zero).

use crate::{cholesky::Cholesky, kernel, matrix::SymmetricMatrix};

/// One cross-section. Every slice has one entry per row.
#[derive(Clone, Copy, Debug)]
pub struct CrossSection<'a> {
    /// The values to explain.
    pub y: &'a [f64],
    /// Weights w, not negative.
    pub weights: &'a [f64],
    /// Masses of the restriction, above zero.
    pub masses: &'a [f64],
    /// The group of each row, below `group_count`.
    pub groups: &'a [usize],
    /// Number of groups. With 0 there are no group effects, and `groups` is not read.
    pub group_count: usize,
    /// Dense regressors, one slice per column.
    pub columns: &'a [&'a [f64]],
}

/// The coefficients of a [`CrossSection`].
#[derive(Clone, Debug, PartialEq)]
pub struct GroupedFit {
    /// The constant c.
    pub constant: f64,
    /// Effect of each group. `None` for a group without rows.
    pub groups: Vec<Option<f64>>,
    /// Slope of each column. `None` for a column that is zero in every row.
    pub slopes: Vec<Option<f64>>,
    /// y less its fit, by row.
    pub residuals: Vec<f64>,
    /// 1 − Σwe²/Σw(y−ȳ)² with the weighted mean ȳ. `None` if y does not vary.
    pub r_squared: Option<f64>,
}

/// Fits a cross-section.
///
/// `None` for slices of unequal length, a group out of range, a value that is not finite, fewer
/// rows than unknowns, or collinear columns.
#[must_use]
pub fn fit(cross_section: &CrossSection<'_>) -> Option<GroupedFit> {
    let normal = NormalEquations::of(cross_section)?;
    let solution = normal.solve(cross_section.y.len())?;
    let groups = cross_section.group_count;
    let (constant, rest) = solution.split_first()?;
    let (effects, slopes) = rest.split_at(groups);
    let constant = (*constant)?;
    let residuals: Vec<f64> = (0..cross_section.y.len())
        .map(|row| {
            let effect = if groups == 0 { None } else { effects[cross_section.groups[row]] };
            let columns = cross_section.columns.iter().zip(slopes);
            let explained = columns.map(|(x, b)| x[row] * b.unwrap_or(0.0)).sum::<f64>();
            cross_section.y[row] - constant - effect.unwrap_or(0.0) - explained
        })
        .collect();
    let r_squared = r_squared(cross_section, &residuals);
    let fit = GroupedFit {
        constant,
        groups: effects.to_vec(),
        slopes: slopes.to_vec(),
        residuals,
        r_squared,
    };
    kernel::all_finite(&fit.residuals).then_some(fit)
}

fn r_squared(cross_section: &CrossSection<'_>, residuals: &[f64]) -> Option<f64> {
    let (y, w) = (cross_section.y, cross_section.weights);
    let mean = kernel::dot(y, w) / kernel::sum(w);
    let squares = |values: &mut dyn Iterator<Item = f64>| {
        values.zip(w).map(|(value, w)| w * value * value).sum::<f64>()
    };
    let total = squares(&mut y.iter().map(|y| y - mean));
    let left = squares(&mut residuals.iter().copied());
    (0.0 < total).then(|| 1.0 - left / total).filter(|share| share.is_finite())
}

/// Sums over the rows, with all groups as unknowns: the constant, then the groups, then the columns.
struct NormalEquations {
    dim: usize,
    group_count: usize,
    gram: Vec<f64>,
    moments: Vec<f64>,
    /// Σ of masses by group.
    masses: Vec<f64>,
}

impl NormalEquations {
    fn of(cross_section: &CrossSection<'_>) -> Option<NormalEquations> {
        let CrossSection { y, weights, masses, groups, group_count, columns } = *cross_section;
        let rows = y.len();
        let same = weights.len() == rows
            && masses.len() == rows
            && (group_count == 0 || groups.len() == rows)
            && columns.iter().all(|column| column.len() == rows);
        if !same || (group_count > 0 && groups.iter().any(|group| *group >= group_count)) {
            return None;
        }
        let dim = 1 + group_count + columns.len();
        let mut sums = NormalEquations {
            dim,
            group_count,
            gram: vec![0.0; dim * dim],
            moments: vec![0.0; dim],
            masses: vec![0.0; group_count],
        };
        let mut x = vec![0.0; columns.len()];
        for row in 0..rows {
            x.iter_mut().zip(columns).for_each(|(x, column)| *x = column[row]);
            let group = (group_count > 0).then(|| groups[row]);
            sums.add(weights[row], y[row], group, &x);
            if let Some(group) = group {
                sums.masses[group] += masses[row];
            }
        }
        let finite = kernel::all_finite(&sums.gram) && kernel::all_finite(&sums.moments);
        finite.then_some(sums)
    }

    /// Adds a row to the lower triangle.
    fn add(&mut self, w: f64, y: f64, group: Option<usize>, x: &[f64]) {
        let (dim, first) = (self.dim, 1 + self.group_count);
        self.gram[0] += w;
        self.moments[0] += w * y;
        if let Some(group) = group {
            let at = 1 + group;
            self.gram[at * dim] += w;
            self.gram[at * dim + at] += w;
            self.moments[at] += w * y;
        }
        for (k, value) in x.iter().enumerate() {
            let row = &mut self.gram[(first + k) * dim..][..dim];
            let wx = w * value;
            row[0] += wx;
            if let Some(group) = group {
                row[1 + group] += wx;
            }
            row[first..=first + k].iter_mut().zip(x).for_each(|(sum, x)| *sum += wx * x);
            self.moments[first + k] += wx * y;
        }
    }

    /// The coefficients, `None` where there is nothing to estimate one from.
    fn solve(&self, rows: usize) -> Option<Vec<Option<f64>>> {
        let used: Vec<usize> = (0..self.dim).filter(|at| self.entry(*at, *at) > 0.0).collect();
        let pivot = self.pivot();
        let kept: Vec<usize> = used.iter().copied().filter(|at| Some(*at) != pivot).collect();
        if rows < kept.len() {
            return None;
        }
        let gram = SymmetricMatrix::from_lower(kept.len(), |i, j| {
            self.restricted(kept[i], kept[j], pivot)
        })?;
        let moments: Vec<f64> = kept
            .iter()
            .map(|at| {
                let carried = pivot.map_or(0.0, |p| self.ratio(*at, p) * self.moments[p]);
                self.moments[*at] - carried
            })
            .collect();
        let solution = Cholesky::factor(&gram)?.solve(&moments)?;
        let mut all = vec![None; self.dim];
        for (at, value) in kept.iter().zip(&solution) {
            all[*at] = Some(*value);
        }
        if let Some(pivot) = pivot {
            let carried = kept.iter().zip(&solution).map(|(at, b)| self.ratio(*at, pivot) * b);
            all[pivot] = Some(-carried.sum::<f64>());
        }
        Some(all)
    }

    /// The group that the restriction expresses by the others: the one of largest mass, so that
    /// ratios of masses are at most one.
    fn pivot(&self) -> Option<usize> {
        let order = |a: &usize, b: &usize| {
            self.masses[*a].total_cmp(&self.masses[*b]).then_with(|| b.cmp(a))
        };
        (0..self.group_count).max_by(order).map(|group| 1 + group)
    }

    /// m_g/m_p for a group, zero for another unknown: a_p = −Σ (m_g/m_p)·a_g.
    fn ratio(&self, at: usize, pivot: usize) -> f64 {
        let group = at.checked_sub(1).filter(|group| *group < self.group_count);
        group.map_or(0.0, |group| self.masses[group] / self.masses[pivot - 1])
    }

    fn restricted(&self, i: usize, j: usize, pivot: Option<usize>) -> f64 {
        let Some(p) = pivot else { return self.entry(i, j) };
        let (ri, rj) = (self.ratio(i, p), self.ratio(j, p));
        self.entry(i, j) - ri * self.entry(p, j) - rj * self.entry(i, p)
            + ri * rj * self.entry(p, p)
    }

    fn entry(&self, i: usize, j: usize) -> f64 {
        self.gram[i.max(j) * self.dim + i.min(j)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const Y: [f64; 6] = [-0.02, -0.01, 0.015, 0.005, 0.03, 0.045];
    const CAPS: [f64; 6] = [3000.0, 800.0, 500.0, 400.0, 200.0, 100.0];
    /// ln cap less its cap-weighted mean, over the population deviation.
    const SIZE: [f64; 6] = [0.680456, -0.554648, -0.993838, -1.202353, -1.850058, -2.497764];

    fn six_stocks(y: &[f64]) -> GroupedFit {
        let weights = CAPS.map(f64::sqrt);
        fit(&CrossSection {
            y,
            weights: &weights,
            masses: &CAPS,
            groups: &[0, 0, 1, 0, 1, 1],
            group_count: 2,
            columns: &[&SIZE],
        })
        .unwrap()
    }

    /// Methodology B4: six stocks, industries A and B, computed there with numpy.
    #[test]
    fn the_six_stocks_of_the_methodology() {
        let fit = six_stocks(&Y);
        let found =
            [fit.constant, fit.groups[0].unwrap(), fit.groups[1].unwrap(), fit.slopes[0].unwrap()];
        // Printed to six decimals.
        for (found, expected) in found.iter().zip([-0.009910, -0.002814, 0.014774, -0.013406]) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        let residuals = [0.001846, -0.004711, -0.003187, 0.001606, 0.000335, 0.006652];
        for (found, expected) in fit.residuals.iter().zip(residuals) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        // Caps of A: 4,200 of 5,000.
        assert!((0.84 * found[1] + 0.16 * found[2]).abs() < 1e-15);
    }

    /// A coefficient is Σ h·y. The weights h of a factor make a portfolio with exposure one to it
    /// and zero to the other columns; the restriction takes the place of one group's exposure.
    #[test]
    fn the_portfolio_of_a_slope_has_unit_exposure_to_its_column_only() {
        let holdings: Vec<f64> = (0..6)
            .map(|row| {
                let mut y = [0.0; 6];
                y[row] = 1.0;
                six_stocks(&y).slopes[0].unwrap()
            })
            .collect();
        let exposure = |x: &[f64]| kernel::dot(&holdings, x);
        assert!((exposure(&SIZE) - 1.0).abs() < 1e-12);
        assert!(exposure(&[1.0; 6]).abs() < 1e-12);
        let of_a = [1.0, 1.0, 0.0, 1.0, 0.0, 0.0];
        assert!(exposure(&of_a).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_estimated_is_absent() {
        let weights = [1.0; 4];
        let cross_section = CrossSection {
            y: &[1.0, 2.0, 3.0, 5.0],
            weights: &weights,
            masses: &weights,
            groups: &[2, 0, 2, 0],
            group_count: 3,
            columns: &[&[0.0; 4]],
        };
        let fitted = fit(&cross_section).unwrap();
        // Means 2 of group 2 and 3.5 of group 0, and their mean 2.75.
        assert!((fitted.constant - 2.75).abs() < 1e-12);
        assert!((fitted.groups[0].unwrap() - 0.75).abs() < 1e-12);
        assert_eq!((fitted.groups[1], fitted.slopes[0]), (None, None));
        // Errors ±1 and ±1.5: Σe² = 6.5; about 2.75 the sum of squares is 8.75.
        assert!((fitted.r_squared.unwrap() - (1.0 - 6.5 / 8.75)).abs() < 1e-12);
        let collinear: [&[f64]; 2] = [&[1.0, 2.0, 3.0, 5.0], &[2.0, 4.0, 6.0, 10.0]];
        assert_eq!(fit(&CrossSection { columns: &collinear, ..cross_section }), None);
        assert_eq!(fit(&CrossSection { groups: &[3, 0, 2, 0], ..cross_section }), None);
        let infinite = [1.0, f64::INFINITY, 3.0, 5.0];
        assert_eq!(fit(&CrossSection { y: &infinite, ..cross_section }), None);
    }
}
