//! Validates the settings that analyses share, and writes the defaults into the request, which the
//! answer echoes.

mod size_scheme;

use crate::{limits, rpc::field::Fields};
use contract::v1;
use exposure::settings::{BetaSettings, Shrinkage, WINDOW_SESSIONS_MAX};
use factors::{look_through::FundView, size_scheme::SizeScheme};
use portfolio::netting::Netting;
use size_scheme::size_scheme;

/// Maximum number of label keys to net by: a line has no more labels.
const LABEL_KEYS_MAX: usize = 16;

/// The settings of an analysis.
#[derive(Debug)]
pub struct Settings {
    /// Before what gross is measured.
    pub netting: Netting,
    /// How companies are sorted by size.
    pub size_scheme: SizeScheme,
    /// The classification scheme; `None` for the one that classifies the most names.
    pub classification: Option<String>,
    /// How betas are estimated.
    pub beta: BetaSettings,
    /// How funds are looked through; `None` if they are not.
    pub look_through: Option<FundView>,
}

/// Reads all settings.
pub fn all(
    fields: &mut Fields,
    asked: &mut v1::AnalysisSettings,
    portfolio: Option<&v1::Portfolio>,
) -> Settings {
    let netting = netting(fields, asked.netting.get_or_insert_default(), portfolio);
    let size_scheme = size_scheme(fields, asked.size_scheme.get_or_insert_default());
    let scheme_id = &asked.classification_scheme_id;
    if limits::TEXT_BYTES < scheme_id.len() {
        let text = format!("must have at most {} bytes", limits::TEXT_BYTES);
        fields.add("settings.classification_scheme_id", text);
    }
    let classification = (!scheme_id.is_empty()).then(|| scheme_id.clone());
    let beta = beta(fields, asked.beta.get_or_insert_default());
    let look_through = asked.look_through.as_mut().map(|asked| fund_view(fields, asked));
    Settings { netting, size_scheme, classification, beta, look_through }
}

fn fund_view(fields: &mut Fields, asked: &mut v1::LookThrough) -> FundView {
    use v1::FundView as Wire;
    let (view, wire) = match fields.choice("settings.look_through.view", asked.view) {
        Wire::Unspecified | Wire::Netted => (FundView::Netted, Wire::Netted),
        Wire::Gross => (FundView::Gross, Wire::Gross),
    };
    asked.view = wire.into();
    view
}

fn netting(
    fields: &mut Fields,
    asked: &mut v1::Netting,
    portfolio: Option<&v1::Portfolio>,
) -> Netting {
    use v1::NettingLevel as Wire;
    let level = match fields.choice("settings.netting.level", asked.level) {
        Wire::Unspecified => Wire::Instrument,
        level => level,
    };
    asked.level = level.into();
    let keys = "settings.netting.label_keys";
    match (level, asked.label_keys.is_empty()) {
        (Wire::Labels, true) => fields.add(keys, "must have at least one key"),
        (Wire::Labels, false) => label_keys(fields, keys, &asked.label_keys, portfolio),
        (_, false) => fields.add(keys, "must be empty, unless the level is NETTING_LEVEL_LABELS"),
        (_, true) => {}
    }
    match level {
        Wire::Unspecified | Wire::Instrument => Netting::Instrument,
        Wire::Labels => Netting::Labels(asked.label_keys.clone()),
        Wire::Line => Netting::Line,
    }
}

fn label_keys(fields: &mut Fields, path: &str, keys: &[String], portfolio: Option<&v1::Portfolio>) {
    if !fields.at_most(path, keys.len(), LABEL_KEYS_MAX) {
        return;
    }
    let lines = portfolio.map_or(&[][..], |portfolio| &portfolio.positions);
    for (at, key) in keys.iter().enumerate() {
        if keys[..at].contains(key) {
            fields.add(format!("{path}[{at}]"), "appears twice");
        }
        if !lines.iter().any(|line| line.labels.iter().any(|label| label.key == *key)) {
            fields.add(
                format!("{path}[{at}]"),
                format!("must be the key of a label that a line has, is {key:?}"),
            );
        }
    }
}

/// Reads the settings of betas.
pub fn beta(fields: &mut Fields, asked: &mut v1::BetaSettings) -> BetaSettings {
    use v1::BetaShrinkage as Wire;
    let usual = BetaSettings::PREPARED;
    let half_life_sessions = fields.within_or(
        "settings.beta.half_life_sessions",
        asked.half_life_sessions,
        usual.half_life_sessions,
        (10.0, 250.0),
    );
    let min_observations = fields.within_or(
        "settings.beta.min_observations",
        asked.min_observations,
        usual.min_observations as i32,
        (20, WINDOW_SESSIONS_MAX as i32),
    );
    let huber_k =
        fields.within_or("settings.beta.huber_k", asked.huber_k, usual.huber_k, (0.5, 100.0));
    let (shrinkage, wire) = match fields.choice("settings.beta.shrinkage", asked.shrinkage) {
        Wire::Unspecified | Wire::Vasicek => (Shrinkage::Vasicek, Wire::Vasicek),
        Wire::None => (Shrinkage::None, Wire::None),
    };
    *asked = v1::BetaSettings {
        half_life_sessions: Some(half_life_sessions),
        min_observations: Some(min_observations),
        huber_k: Some(huber_k),
        shrinkage: wire.into(),
    };
    let min_observations = usize::try_from(min_observations).unwrap_or(usual.min_observations);
    BetaSettings { half_life_sessions, min_observations, huber_k, shrinkage }
}
