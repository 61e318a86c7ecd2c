//! Validates stress requests.

use super::setup::Setting;
use crate::{
    as_of::AsOf,
    limits,
    refusal::Refusal,
    rpc::{
        field::Fields,
        page::Page,
        portfolio,
        query::FromProto,
        scenario::{Scenario, scenarios},
        settings::{self, Settings},
        shared,
    },
};
use contract::v1;
use std::sync::Arc;
use stress::{
    likely_loss::{FactorBound, LossRequest},
    liquidity::ExitTerms,
};

/// Default number of positions listed.
const TOP_POSITIONS: i32 = 10;
/// The largest loss that a request may ask for.
const LOSS_MAX: f64 = 1e15;
/// The largest bound of specific returns, in standard deviations.
const DEVIATIONS_MAX: f64 = 1e6;
/// How a book is left by default.
const EXIT: ExitTerms = ExitTerms {
    sessions: 1.0,
    participation: 0.15,
    half_spread: 0.0,
    volatility_ratio: 1.0,
    volume_ratio: 1.0,
};

/// A request to run scenarios.
pub(super) struct RunQuery {
    pub(super) as_of: AsOf,
    pub(super) scenarios: Arc<Vec<Scenario>>,
    pub(super) exit: ExitTerms,
    pub(super) setting: Arc<Setting>,
    pub(super) normal: v1::RunStressRequest,
}

impl FromProto for RunQuery {
    const METHOD: &'static str = "RunStress";
    type Request = v1::RunStressRequest;

    fn from_proto(mut request: v1::RunStressRequest) -> Result<RunQuery, Refusal> {
        let mut fields = Fields::new();
        let mut as_of = shared::as_of(&mut fields, request.as_of.take());
        let count = request.scenarios.len();
        if count == 0 {
            fields.add("scenarios", "must have at least one entry");
        }
        fields.at_most("scenarios", count, limits::SCENARIOS);
        let read = scenarios(&mut fields, "scenarios", &mut request.scenarios);
        let top = top_positions(&mut fields, &mut request.top_positions);
        let listed = count.min(limits::SCENARIOS) * top;
        if limits::SCENARIO_POSITIONS < listed {
            let most = limits::SCENARIO_POSITIONS;
            let text = format!("times the scenarios must be at most {most}, is {listed}");
            fields.add("top_positions", text);
        }
        let exit = exit(&mut fields, request.exit.get_or_insert_default());
        volatility_changes(&mut fields, &request.volatility_changes);
        let volatility_changes = request.volatility_changes.clone();
        let asked = request.settings.get_or_insert_default();
        let settings = stress_settings(&mut fields, asked, request.portfolio.as_ref());
        portfolio::check(&mut fields, "portfolio", request.portfolio.as_mut());
        as_of.base = portfolio::currency::base(request.portfolio.as_ref());
        let portfolio = request.portfolio.clone().unwrap_or_default();
        fields.finish(Some(RunQuery {
            as_of,
            scenarios: Arc::new(read),
            exit,
            setting: Arc::new(Setting {
                portfolio,
                settings,
                top,
                top_options: top_options(top, count),
                volatility_changes,
            }),
            normal: request,
        }))
    }
}

/// A request to find the likeliest scenario of a loss.
pub(super) struct LossQuery {
    pub(super) as_of: AsOf,
    pub(super) loss: LossRequest,
    pub(super) setting: Arc<Setting>,
    pub(super) normal: v1::FindLikelyLossRequest,
}

impl FromProto for LossQuery {
    const METHOD: &'static str = "FindLikelyLoss";
    type Request = v1::FindLikelyLossRequest;

    fn from_proto(mut request: v1::FindLikelyLossRequest) -> Result<LossQuery, Refusal> {
        let mut fields = Fields::new();
        let mut as_of = shared::as_of(&mut fields, request.as_of.take());
        let loss = request.loss.unwrap_or(0.0);
        if !(0.0 < loss && loss <= LOSS_MAX) {
            fields.add("loss", format!("must be above 0 and at most {LOSS_MAX}, is {loss}"));
        }
        let bounds = (1, limits::SCENARIO_SESSIONS);
        let sessions = fields.within_or("sessions", request.sessions, 1, bounds);
        request.sessions = Some(sessions);
        let specific_deviations = request
            .specific_deviations
            .map(|most| fields.within("specific_deviations", most, 0.0, DEVIATIONS_MAX));
        let bounds = boxes(&mut fields, &request.boxes);
        let top = top_positions(&mut fields, &mut request.top_positions);
        let asked = request.settings.get_or_insert_default();
        let settings = stress_settings(&mut fields, asked, request.portfolio.as_ref());
        portfolio::check(&mut fields, "portfolio", request.portfolio.as_mut());
        as_of.base = portfolio::currency::base(request.portfolio.as_ref());
        let portfolio = request.portfolio.clone().unwrap_or_default();
        let sessions = sessions.unsigned_abs();
        fields.finish(Some(LossQuery {
            as_of,
            loss: LossRequest { loss, sessions, bounds, specific_deviations },
            setting: Arc::new(Setting {
                portfolio,
                settings,
                top,
                top_options: top_options(top, 1),
                volatility_changes: Vec::new(),
            }),
            normal: request,
        }))
    }
}

/// A request for a page of the scenarios.
pub(super) struct ScenariosQuery {
    pub(super) as_of: AsOf,
    pub(super) page: Page,
    pub(super) normal: v1::ListScenariosRequest,
}

impl FromProto for ScenariosQuery {
    const METHOD: &'static str = "ListScenarios";
    type Request = v1::ListScenariosRequest;

    fn from_proto(mut request: v1::ListScenariosRequest) -> Result<ScenariosQuery, Refusal> {
        let mut fields = Fields::new();
        let mut as_of = shared::as_of(&mut fields, request.as_of.take());
        let page = Page::from_proto(&mut fields, Self::METHOD, &mut request, &mut as_of)?;
        fields.finish(Some(ScenariosQuery { as_of, page, normal: request }))
    }
}

fn top_positions(fields: &mut Fields, asked: &mut Option<i32>) -> usize {
    let bounds = (0, limits::POSITIONS as i32);
    let top = fields.within_or("top_positions", *asked, TOP_POSITIONS, bounds);
    *asked = Some(top);
    usize::try_from(top).unwrap_or(0)
}

/// How many options a P&L lists, given the number of positions asked for and of scenarios.
fn top_options(top: usize, scenarios: usize) -> usize {
    top.min(limits::SCENARIO_OPTIONS / scenarios.max(1))
}

fn volatility_changes(fields: &mut Fields, asked: &[f64]) {
    if fields.at_most("volatility_changes", asked.len(), limits::VOLATILITY_CHANGES) {
        for (at, change) in asked.iter().enumerate() {
            fields.within(&format!("volatility_changes[{at}]"), *change, -5.0, 5.0);
        }
    }
}

/// Reads how the book is left, and writes the defaults into the request.
fn exit(fields: &mut Fields, asked: &mut v1::ExitTerms) -> ExitTerms {
    let terms = ExitTerms {
        sessions: *asked.sessions.get_or_insert(EXIT.sessions),
        participation: *asked.participation.get_or_insert(EXIT.participation),
        half_spread: *asked.half_spread.get_or_insert(EXIT.half_spread),
        volatility_ratio: *asked.volatility_ratio.get_or_insert(EXIT.volatility_ratio),
        volume_ratio: *asked.volume_ratio.get_or_insert(EXIT.volume_ratio),
    };
    for fault in terms.check().err().unwrap_or_default() {
        fields.add(format!("exit.{}", fault.0), "must be positive and at most 1e6");
    }
    terms
}

fn boxes(fields: &mut Fields, asked: &[v1::FactorBox]) -> Vec<FactorBound> {
    fields.at_most("boxes", asked.len(), limits::FACTOR_BOXES);
    let mut bounds = Vec::new();
    for (at, one) in asked.iter().enumerate().take(limits::FACTOR_BOXES) {
        let (low, high) = (one.low.unwrap_or(f64::NEG_INFINITY), one.high.unwrap_or(f64::INFINITY));
        if 0.0 < low {
            fields.add(format!("boxes[{at}].low"), format!("must be at most 0, is {low}"));
        }
        if high < 0.0 {
            fields.add(format!("boxes[{at}].high"), format!("must be at least 0, is {high}"));
        }
        if one.factor_id.is_empty() {
            fields.add(format!("boxes[{at}].factor_id"), "must be given");
        }
        bounds.push(FactorBound { factor: one.factor_id.clone(), low, high });
    }
    bounds
}

/// The settings of a stress test. Funds move as their own returns do; the echo has what is used.
fn stress_settings(
    fields: &mut Fields,
    asked: &mut v1::AnalysisSettings,
    portfolio: Option<&v1::Portfolio>,
) -> Settings {
    let settings = settings::all(fields, asked, portfolio);
    asked.look_through = None;
    settings
}
