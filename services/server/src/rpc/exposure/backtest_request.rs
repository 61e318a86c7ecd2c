//! Reads a BacktestRiskRequest, and plans which sets of scenarios its rows need.

use super::risk_request;
use crate::{
    as_of::AsOf,
    limits,
    refusal::Refusal,
    rpc::{field::Fields, portfolio, query::FromProto, shared},
};
use contract::v1::{self, backtest_method::Method, risk_measure_request::Method as MeasureMethod};
use exposure::settings::{LevelSettings, TailMethod, TailSettings, WINDOW_SESSIONS_MAX};
use marketdata::day::Day;
use stats::quantile::QuantileRule;

/// A request for a back-test.
pub(super) struct BacktestQuery {
    pub(super) as_of: AsOf,
    pub(super) start_on: Option<Day>,
    pub(super) end_on: Option<Day>,
    /// The sets of scenarios to forecast with.
    pub(super) sets: Vec<TailSettings>,
    /// One per method and confidence.
    pub(super) rows: Vec<Row>,
    /// Number of sessions that a loss is counted over.
    pub(super) horizon: usize,
    pub(super) normal: v1::BacktestRiskRequest,
}

/// Where the forecasts of a row are found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// Its method.
    pub(super) method: usize,
    /// Its set of scenarios, and its level there.
    pub(super) set: usize,
    pub(super) level: usize,
    pub(super) confidence: f64,
}

impl FromProto for BacktestQuery {
    const METHOD: &'static str = "BacktestRisk";
    type Request = v1::BacktestRiskRequest;

    fn from_proto(mut request: v1::BacktestRiskRequest) -> Result<BacktestQuery, Refusal> {
        let mut fields = Fields::new();
        let mut as_of = shared::as_of(&mut fields, request.as_of.take());
        let (start_on, end_on) =
            fields.days(("start_on", &request.start_on), ("end_on", &request.end_on));
        let methods = methods(&mut fields, &mut request.methods, request.horizon_sessions);
        let confidences = &mut request.confidences;
        risk_request::confidences(
            &mut fields,
            "confidences",
            confidences,
            limits::BACKTEST_CONFIDENCES,
        );
        let horizon = &mut request.horizon_sessions;
        let sessions = risk_request::horizon(&mut fields, "horizon_sessions", horizon);
        let lacks = |(method, window): &&(TailMethod, usize)| {
            risk_request::lacks_runs(*method, *window, sessions)
        };
        if let Some((_, window)) = methods.iter().find(lacks) {
            fields.add("horizon_sessions", risk_request::too_long(*window));
        }
        // An answer about single sessions has the id that it had before there were others.
        *horizon = horizon.filter(|horizon| *horizon != 1);
        let (sets, rows) = plan(&methods, confidences, sessions);
        portfolio::check(&mut fields, "portfolio", request.portfolio.as_mut());
        as_of.base = portfolio::currency::base(request.portfolio.as_ref());
        let normal = request;
        let horizon = sessions;
        fields.finish(Some(BacktestQuery { as_of, start_on, end_on, sets, rows, horizon, normal }))
    }
}

impl BacktestQuery {
    /// Number of methods whose scenarios are simulated paths.
    pub(super) fn simulated_methods(&self) -> usize {
        let is_simulated =
            |set: &&TailSettings| risk_request::is_simulated(set.method, set.horizon_sessions);
        self.sets.iter().filter(is_simulated).count()
    }
}

/// Every method with its defaults that can be computed over a horizon.
fn every_method(horizon: Option<i32>) -> Vec<v1::BacktestMethod> {
    let horizon = horizon.and_then(|horizon| usize::try_from(horizon).ok()).unwrap_or(1);
    let plain = !risk_request::lacks_runs(TailMethod::Historical, WINDOW_SESSIONS_MAX, horizon);
    let of = |method| v1::BacktestMethod { method: Some(method), window_sessions: None };
    let plain = plain.then(|| of(Method::Historical(v1::HistoricalMethod {})));
    let others = [
        of(Method::FilteredHistorical(v1::FilteredHistoricalMethod::default())),
        of(Method::Ewma(v1::EwmaMethod::default())),
        of(Method::Gaussian(v1::GaussianMethod {})),
        of(Method::CornishFisher(v1::CornishFisherMethod {})),
    ];
    plain.into_iter().chain(others).collect()
}

/// Reads the methods and their windows, and writes the defaults into the request.
fn methods(
    fields: &mut Fields,
    asked: &mut Vec<v1::BacktestMethod>,
    horizon: Option<i32>,
) -> Vec<(TailMethod, usize)> {
    if asked.is_empty() {
        *asked = every_method(horizon);
    }
    let mut read = Vec::new();
    if !fields.at_most("methods", asked.len(), limits::BACKTEST_METHODS) {
        return read;
    }
    for at in 0..asked.len() {
        let path = |field: &str| format!("methods[{at}].{field}");
        let asked = &mut asked[at];
        let window =
            risk_request::window(fields, &path("window_sessions"), &mut asked.window_sessions);
        let Some(named) = asked.method else {
            fields.add(path("method"), "must be given");
            continue;
        };
        let (method, wire) = risk_request::method(fields, &path, Some(as_measure(named)));
        asked.method = Some(of_measure(wire));
        if read.contains(&(method, window)) {
            fields.add(format!("methods[{at}]"), "appears twice");
        }
        read.push((method, window));
    }
    read
}

/// The method as one of a risk measure, which has the same ones.
const fn as_measure(method: Method) -> MeasureMethod {
    match method {
        Method::Historical(method) => MeasureMethod::Historical(method),
        Method::FilteredHistorical(method) => MeasureMethod::FilteredHistorical(method),
        Method::Ewma(method) => MeasureMethod::Ewma(method),
        Method::Gaussian(method) => MeasureMethod::Gaussian(method),
        Method::CornishFisher(method) => MeasureMethod::CornishFisher(method),
    }
}

const fn of_measure(method: MeasureMethod) -> Method {
    match method {
        MeasureMethod::Historical(method) => Method::Historical(method),
        MeasureMethod::FilteredHistorical(method) => Method::FilteredHistorical(method),
        MeasureMethod::Ewma(method) => Method::Ewma(method),
        MeasureMethod::Gaussian(method) => Method::Gaussian(method),
        MeasureMethod::CornishFisher(method) => Method::CornishFisher(method),
    }
}

/// One set per method; one per confidence where a level may be outside of the method's domain, because
/// a set has all of its numbers or none.
fn plan(
    methods: &[(TailMethod, usize)],
    confidences: &[f64],
    horizon_sessions: usize,
) -> (Vec<TailSettings>, Vec<Row>) {
    let (mut sets, mut rows) = (Vec::new(), Vec::new());
    for (at, (method, window_sessions)) in methods.iter().enumerate() {
        let together = match method {
            TailMethod::CornishFisher => 1,
            _ => confidences.len().max(1),
        };
        for confidences in confidences.chunks(together) {
            let row = |(level, confidence): (usize, &f64)| {
                let (set, confidence) = (sets.len(), *confidence);
                Row { method: at, set, level, confidence }
            };
            rows.extend(confidences.iter().enumerate().map(row));
            sets.push(TailSettings {
                method: *method,
                window_sessions: *window_sessions,
                horizon_sessions,
                levels: vec![LevelSettings {
                    confidences: confidences.to_vec(),
                    quantile_rule: QuantileRule::Linear,
                    interval_level: risk_request::INTERVAL_LEVEL,
                }],
                volatility: false,
                by_position: Vec::new(),
                by_group: Vec::new(),
            });
        }
    }
    (sets, rows)
}
