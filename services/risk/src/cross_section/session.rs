//! One session: the exposures of all lines before it, and the regression of its returns on them.
//!
//! r_i = f_market + f_sector(i) + Σ x_ik·f_k + u_i by least squares with weights √cap over the
//! estimation universe, with Σ cap·f_sector = 0 (methodology B4). Exposures are those of the session
//! before, so that a factor's return is that of a portfolio that could have been held.

use super::{
    inputs::Line,
    settings::CrossSectionSettings,
    style::{Characteristics, STYLES, Scaling, Style},
};
use stats::grouped;

/// Exposures of the lines at the close of a session.
#[derive(Debug)]
pub(crate) struct Exposures {
    /// By line: exposures to the styles, zero if unknown.
    pub(crate) styles: Vec<[f64; STYLES]>,
    /// By line: bit k says that style k is unknown.
    pub(crate) unknown: Vec<u8>,
    /// By line: market value, USD; NaN if unknown.
    pub(crate) caps: Vec<f64>,
    /// The lines of the estimation universe, in the order of names.
    pub(crate) universe: Vec<usize>,
}

impl Exposures {
    /// The universe are companies with a sector, a market value that is large enough, and returns
    /// enough for a beta. If the model has no sectors, none is asked for.
    pub(crate) fn of(
        lines: &[Line],
        characteristics: &[Characteristics],
        session: usize,
        sectors: usize,
        settings: &CrossSectionSettings,
    ) -> Exposures {
        let caps: Vec<f64> = lines.iter().map(|line| f64::from(line.cap[session])).collect();
        let belongs = |at: &usize| {
            let line = &lines[*at];
            line.is_company
                && (line.sector.is_some() || sectors == 0)
                && settings.cap_min_usd <= caps[*at]
                && characteristics[*at][Style::Beta.at()].is_finite()
        };
        let universe: Vec<usize> = (0..lines.len()).filter(belongs).collect();
        let mut exposures = Exposures {
            styles: vec![[0.0; STYLES]; lines.len()],
            unknown: vec![0; lines.len()],
            caps,
            universe,
        };
        for style in 0..STYLES {
            exposures.fill(style, characteristics);
        }
        exposures
    }

    fn fill(&mut self, style: usize, characteristics: &[Characteristics]) {
        let members = self.universe.iter().map(|at| (characteristics[*at][style], self.caps[*at]));
        let scaling = Scaling::of(members);
        let lines = self.styles.iter_mut().zip(&mut self.unknown).zip(characteristics);
        for ((exposures, unknown), values) in lines {
            let exposure = scaling.map_or(f64::NAN, |scaling| scaling.exposure(values[style]));
            if exposure.is_finite() {
                exposures[style] = exposure;
            } else {
                *unknown |= 1 << style;
            }
        }
    }
}

/// The result of one session.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SessionFit {
    /// Returns of the market, the styles and the sectors, decimals; NaN if nothing estimates one.
    pub(crate) factors: Vec<f64>,
    /// Share of the weighted cross-sectional variance that the factors explain.
    pub(crate) r_squared: Option<f64>,
    /// Number of names in the regression.
    pub(crate) names: usize,
    /// Specific returns by line, of all that have a return and a market value; NaN if missing.
    pub(crate) residuals: Vec<f32>,
}

impl SessionFit {
    /// Regresses the returns of a session, NaN if missing. Without enough names, or if they do not
    /// tell the factors apart, every factor is missing.
    pub(crate) fn of(
        lines: &[Line],
        exposures: &Exposures,
        returns: &[f64],
        sectors: usize,
        settings: &CrossSectionSettings,
    ) -> SessionFit {
        let traded = |at: &&usize| returns[**at].is_finite();
        let members: Vec<usize> = exposures.universe.iter().filter(traded).copied().collect();
        let fit = (settings.names_min <= members.len())
            .then(|| regress(lines, exposures, returns, sectors, &members))
            .flatten();
        let Some(fit) = fit else {
            return SessionFit {
                factors: vec![f64::NAN; 1 + STYLES + sectors],
                r_squared: None,
                names: 0,
                residuals: vec![f32::NAN; lines.len()],
            };
        };
        let value = |value: &Option<f64>| value.unwrap_or(f64::NAN);
        let mut factors = vec![fit.constant];
        factors.extend(fit.slopes.iter().map(value));
        factors.extend(fit.groups.iter().map(value));
        let residual = |at: usize| {
            if exposures.caps[at].is_finite() {
                (returns[at] - explained(&lines[at], &exposures.styles[at], &factors)) as f32
            } else {
                f32::NAN
            }
        };
        let residuals = (0..lines.len()).map(residual).collect();
        SessionFit { factors, r_squared: fit.r_squared, names: members.len(), residuals }
    }
}

fn regress(
    lines: &[Line],
    exposures: &Exposures,
    returns: &[f64],
    sectors: usize,
    members: &[usize],
) -> Option<grouped::GroupedFit> {
    let pick = |f: &dyn Fn(usize) -> f64| members.iter().map(|at| f(*at)).collect::<Vec<f64>>();
    let columns: Vec<Vec<f64>> =
        (0..STYLES).map(|style| pick(&|at| exposures.styles[at][style])).collect();
    let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let groups: Vec<usize> = members.iter().map(|at| lines[*at].sector.unwrap_or(0)).collect();
    grouped::fit(&grouped::CrossSection {
        y: &pick(&|at| returns[at]),
        weights: &pick(&|at| exposures.caps[at].sqrt()),
        masses: &pick(&|at| exposures.caps[at]),
        groups: &groups,
        group_count: sectors,
        columns: &columns,
    })
}

/// The part of a line's return that factors explain; a missing factor explains nothing.
fn explained(line: &Line, styles: &[f64; STYLES], factors: &[f64]) -> f64 {
    let known = |value: f64| if value.is_finite() { value } else { 0.0 };
    let (common, sectors) = factors.split_at(1 + STYLES);
    let styles: f64 = styles.iter().zip(&common[1..]).map(|(x, f)| x * known(*f)).sum();
    let sector = line.sector.and_then(|sector| sectors.get(sector)).map_or(0.0, |f| known(*f));
    common[0] + styles + sector
}
