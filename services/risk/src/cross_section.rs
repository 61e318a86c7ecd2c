//! Our factor model of a view, by cross-sectional regression (methodology B4).
//!
//! Every session, the returns of companies are regressed on what was known of them at the close
//! before: the market, their sector, and their styles. The history of the factors' returns gives the
//! factors' covariance, that of the residuals the specific risks; with the exposures at the last
//! close they make a [`FactorModel`] for the next session.
//!
//! Sectors, kinds and companies are those known at the as-of date, also for past sessions. Funds are
//! not covered: they are what they hold. A model without sectors is better than one of few names, so
//! the scheme of the view is used only if it classifies at least half of the companies, and as many
//! as a regression needs; then companies without a sector estimate nothing. Lines of one company share
//! most of their specific returns ([`crate::share_class`]).

pub mod settings;

mod inputs;

pub mod style;

mod session;

pub mod history;

mod factor_covariance;

mod specific;

use crate::{
    factor_model::{FactorModel, ModelName},
    model::RiskModel,
    name::NameRow,
    share_class::{LineHistory, OWN_SHARE, ShareClass, ShareClasses, common_share},
};
use factor_covariance::{FactorCovariance, Noise};
use history::{History, Inputs};
use inputs::Line;
use marketdata::instrument::InstrumentId;
use settings::CrossSectionSettings;
use specific::SpecificRisks;
use stats::ewma;
use std::collections::BTreeMap;
use style::{STYLES, Style};

/// The name of the factor that every name has with exposure one.
pub const MARKET: &str = "MARKET";

/// What precedes the name of a sector in the name of its factor.
pub const SECTOR_PREFIX: &str = "sector/";

/// The cross-section model of a view.
#[derive(Clone, Debug)]
pub struct CrossSection {
    /// The settings that it was estimated with.
    pub settings: CrossSectionSettings,
    /// The regressions of past sessions.
    pub history: History,
    /// The model for the next session, or why there is none.
    pub outcome: Result<Estimated, Unavailable>,
}

/// Why a view has no cross-section model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// Too few sessions with enough names for the market's volatility.
    TooFewSessions {
        /// Sessions with a regression.
        sessions: usize,
        /// Sessions needed.
        needed: usize,
        /// Names in the estimation universe of the last session.
        names: usize,
        /// Names that a regression needs.
        names_needed: usize,
    },
    /// No name has enough residuals for a specific risk.
    NoSpecificRisk,
    /// The returns of the factors have no covariance.
    NoCovariance,
}

/// An estimated model, and how its parts were found.
#[derive(Clone, Debug)]
pub struct Estimated {
    /// Exposures, factor covariance and specific variances.
    pub model: FactorModel,
    /// By row of the model.
    pub names: Vec<NameNotes>,
    /// Factors left out because too few sessions have a return of theirs.
    pub left_out: Vec<String>,
    /// Factor by which the volatility regime multiplies volatilities of factors. `None`, hence 1, if
    /// too few sessions had a forecast.
    pub factor_regime: Option<f64>,
    /// The same for specific volatilities.
    pub specific_regime: Option<f64>,
    /// Bias of each eigenvalue before its correction, that of the largest one first. Empty if the
    /// history is too short to correct them.
    pub eigenvalue_biases: Vec<f64>,
    noise: Noise,
}

/// How a name's row of the model was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NameNotes {
    unknown: u8,
    /// Whether it has a sector, in the scheme of the view if that is used. Without one it has no
    /// exposure to any.
    pub has_sector: bool,
    /// Whether it belongs to the estimation universe of the last session.
    pub is_in_universe: bool,
    /// Weight of its own residuals in its specific risk, 0 to 1; the rest is that of names like it.
    pub own_specific_weight: f64,
}

impl NameNotes {
    /// Whether a style is unknown. The exposure is then zero, that of the cap-weighted average.
    pub fn is_unknown(&self, style: Style) -> bool {
        self.unknown >> style.at() & 1 == 1
    }
}

impl Estimated {
    /// Number of names of which a style is unknown.
    pub fn unknown(&self, style: Style) -> usize {
        self.names.iter().filter(|notes| notes.is_unknown(style)).count()
    }
}

/// Estimates the model of a view. An earlier one, of any view, does not change a bit of the result.
pub fn prepare(
    model: &RiskModel,
    settings: CrossSectionSettings,
    earlier: Option<&CrossSection>,
) -> CrossSection {
    let earlier = earlier.filter(|earlier| earlier.settings == settings);
    let mut lines = inputs::lines(model);
    let sectors = inputs::sectors(model, &mut lines, &settings);
    let inputs = Inputs::of(model, &lines, sectors, &settings);
    let history = History::of(&inputs, earlier.map(|earlier| &earlier.history));
    let noise = earlier.and_then(|earlier| earlier.outcome.as_ref().ok()).map(|known| &known.noise);
    let outcome = estimate(&inputs, &history, noise);
    CrossSection { settings, history, outcome }
}

impl CrossSection {
    /// Returns of a factor by session of the history, decimals. `None` if there is no such factor.
    pub fn factor_returns(&self, factor: &str) -> Option<impl Iterator<Item = Option<f64>> + '_> {
        let at = factors(&self.history.sectors).iter().position(|name| name == factor)?;
        Some(self.history.returns(at))
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        let estimated = self.outcome.as_ref().map_or(0, |estimated| {
            estimated.model.bytes() + size_of_val(&estimated.names[..]) + estimated.noise.bytes()
        });
        self.history.bytes() + estimated
    }
}

fn estimate(
    inputs: &Inputs<'_>,
    history: &History,
    noise: Option<&Noise>,
) -> Result<Estimated, Unavailable> {
    let needed = inputs.settings.observations_min;
    let sessions = history.returns(0).flatten().count();
    let names_needed = inputs.settings.names_min;
    let too_few = |names| Unavailable::TooFewSessions { sessions, needed, names, names_needed };
    let exposures = inputs.latest().ok_or(too_few(0))?;
    if sessions < needed {
        return Err(too_few(exposures.universe.len()));
    }
    let all = factors(&history.sectors);
    let (kept, left_out): (Vec<usize>, Vec<usize>) =
        (0..all.len()).partition(|factor| needed <= history.returns(*factor).flatten().count());
    let names: Vec<String> = kept.iter().map(|factor| all[*factor].clone()).collect();
    let returns: Vec<&[f64]> =
        kept.iter().map(|factor| history.factors[*factor].as_slice()).collect();
    let covariance = FactorCovariance::of(&names, &returns, inputs.settings, noise)
        .ok_or(Unavailable::NoCovariance)?;
    let sectors = history.sectors.len();
    let specific =
        SpecificRisks::of(inputs.lines, &exposures, &history.residuals, sectors, inputs.settings)
            .ok_or(Unavailable::NoSpecificRisk)?;
    let covered: Vec<usize> =
        (0..inputs.lines.len()).filter(|at| specific.variances[*at].is_finite()).collect();
    let rows: Vec<ModelName> = covered
        .iter()
        .map(|at| row(&inputs.lines[*at], &exposures.styles[*at], &kept, specific.variances[*at]))
        .collect();
    let notes = covered.iter().map(|at| NameNotes {
        unknown: exposures.unknown[*at],
        has_sector: inputs.lines[*at].sector.is_some(),
        is_in_universe: exposures.universe.binary_search(at).is_ok(),
        own_specific_weight: specific.own_weights[*at],
    });
    let model = FactorModel::new(names, covariance.matrix, &rows);
    debug_assert!(model.is_ok(), "invariant: an estimate is a model: {model:?}");
    Ok(Estimated {
        model: model
            .map_err(|_| Unavailable::NoCovariance)?
            .with_share_classes(share_classes(inputs, history)),
        names: notes.collect(),
        left_out: left_out.iter().map(|factor| all[*factor].clone()).collect(),
        factor_regime: covariance.regime,
        specific_regime: specific.regime,
        eigenvalue_biases: covariance.biases,
        noise: covariance.noise,
    })
}

/// What the lines of each company share, from those that the model covers.
fn share_classes(inputs: &Inputs<'_>, history: &History) -> ShareClasses {
    let class = |name: &NameRow| (name.has_sibling && !name.is_fund).then_some(name.issuer);
    let mut companies: BTreeMap<u32, Vec<LineHistory>> = BTreeMap::new();
    let (residuals, panel) = (&history.residuals, &inputs.model.panel);
    for (line, row) in inputs.lines.iter().zip(0..) {
        if let Some(company) = class(&inputs.model.anchored(line.instrument)) {
            let sessions = panel.width - residuals.width..panel.width;
            companies.entry(company).or_default().push(LineHistory {
                returns: panel.own_within(line.row, sessions),
                residuals: residuals.own_within(row, 0..residuals.width),
            });
        }
    }
    let half_life = inputs.settings.specific.half_life_sessions;
    let lambda = ewma::lambda_of_half_life(half_life);
    let weights =
        lambda.and_then(|lambda| ewma::weights(residuals.width, lambda)).unwrap_or_default();
    let common =
        |(company, lines): (u32, Vec<LineHistory>)| (company, common_share(&lines, &weights));
    let found: BTreeMap<u32, f64> = companies.into_iter().map(common).collect();
    let names = inputs.model.peers.names.iter().zip(0..);
    let classes = names.filter_map(|(name, number)| {
        let company = class(name)?;
        let common = found.get(&company).copied().unwrap_or(1.0 - OWN_SHARE);
        Some((InstrumentId(number), ShareClass { company, common }))
    });
    classes.collect()
}

/// Names of all factors, in the order of a session's factor returns.
fn factors(sectors: &[String]) -> Vec<String> {
    let styles = Style::ALL.iter().map(|style| style.id().to_owned());
    let sectors = sectors.iter().map(|sector| format!("{SECTOR_PREFIX}{sector}"));
    std::iter::once(MARKET.to_owned()).chain(styles).chain(sectors).collect()
}

/// A name's row of the model: its exposures to the factors kept.
fn row(line: &Line, styles: &[f64; STYLES], kept: &[usize], specific_variance: f64) -> ModelName {
    let exposure = |factor: usize| match factor.checked_sub(1) {
        None => 1.0,
        Some(style) if style < STYLES => styles[style],
        Some(group) => f64::from(u8::from(line.sector == Some(group - STYLES))),
    };
    let all = kept.iter().map(|factor| exposure(*factor)).enumerate();
    ModelName {
        instrument: line.instrument,
        exposures: all.filter(|(_, value)| value.abs() > 0.0).collect(),
        specific_variance,
    }
}
