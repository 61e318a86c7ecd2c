//! Validates requests to simulate squeezes.

use super::from_proto::{participation, sides};
use crate::{
    as_of::AsOf,
    limits,
    refusal::Refusal,
    rpc::{caller::Caller, field::Fields, portfolio, query::FromProto, shared},
};
use ::portfolio::netting::Netting;
use contract::v1;
use factors::look_through::FundView;
use squeeze::{
    exit::{Participation, SESSIONS},
    joint::{copula::Copula, jump::Excess},
    simulation::{CrowdTerms, SimulationTerms},
};

/// Weight of the common factor where neither the request nor a calibration says it, an assumption.
const CORRELATION: f64 = 0.3;
/// The excess of jumps where neither says it.
const NO_EXCESS: Excess = Excess { scale: 0.0, shape: 0.0 };
const CORRELATION_MOST: f64 = 0.99;
/// Default confidences, and the range of any.
const CONFIDENCES: [f64; 2] = [0.95, 0.99];
const CONFIDENCE_RANGE: (f64, f64) = (0.5, 0.999);
/// Largest scale and shape of the excess; from a shape of 1 on it has no mean.
const SCALE_MOST: f64 = 10.0;
const SHAPE_MOST: f64 = 0.95;
/// Default largest jump, and the range of any.
const LARGEST_JUMP: f64 = 10.0;
const LARGEST_JUMP_RANGE: (f64, f64) = (0.15, 100.0);
/// Default sessions of buying back.
const EXIT_SESSIONS: [i32; 5] = [1, 2, 5, 10, 21];
/// Largest leverage of a crowd, rise of its margin, and market value of its longs.
const LEVERAGE_MOST: f64 = 100.0;
const MARGIN_RISE_MOST: f64 = 10.0;
const ASSETS_MOST: f64 = 1e15;

/// A request to simulate squeezes of the shorts of a portfolio.
pub(super) struct SimulateQuery {
    pub(super) as_of: AsOf,
    pub(super) participation: Participation,
    pub(super) netting: Netting,
    pub(super) look_through: Option<FundView>,
    /// How to simulate, with what is assumed where the request does not say it.
    pub(super) terms: SimulationTerms,
    pub(super) crowd: Option<CrowdTerms>,
    /// Whether the client still waits for the answer.
    pub(super) caller: Caller,
    pub(super) normal: v1::SimulateSqueezeRequest,
}

impl FromProto for SimulateQuery {
    const METHOD: &'static str = "SimulateSqueeze";
    type Request = v1::SimulateSqueezeRequest;

    fn from_proto(mut request: v1::SimulateSqueezeRequest) -> Result<SimulateQuery, Refusal> {
        let mut fields = Fields::new();
        let mut as_of = shared::as_of(&mut fields, request.as_of.take());
        let participation = participation(&mut fields, &mut request.participation);
        let asked = request.settings.get_or_insert_default();
        let (netting, look_through) = sides(&mut fields, asked, request.portfolio.as_ref());
        portfolio::check(&mut fields, "portfolio", request.portfolio.as_mut());
        as_of.base = portfolio::currency::base(request.portfolio.as_ref());
        let terms = terms(&mut fields, request.simulation.get_or_insert_default());
        let crowd = request.crowd.as_mut().map(|asked| crowd_terms(&mut fields, asked));
        let query = |participation| SimulateQuery {
            as_of,
            participation,
            netting,
            look_through,
            terms,
            crowd,
            caller: Caller::default(),
            normal: request,
        };
        fields.finish(participation.map(query))
    }
}

fn terms(fields: &mut Fields, asked: &mut v1::SqueezeSimulation) -> SimulationTerms {
    let copulas = copulas(fields, &mut asked.copulas);
    let range = (0.0, CORRELATION_MOST);
    let correlation =
        fields.within_or("simulation.correlation", asked.correlation, CORRELATION, range);
    let paths = asked.path_count.unwrap_or(limits::SIMULATION_PATHS_DEFAULT);
    let (least, most) = (limits::SIMULATION_PATHS_LEAST, limits::SIMULATION_PATHS);
    let paths = fields.within("simulation.path_count", paths, least, most);
    if paths % 2 != 0 {
        fields.add("simulation.path_count", format!("must be even, is {paths}"));
    }
    let seed = *asked.seed.get_or_insert(0);
    let (low, high) = LARGEST_JUMP_RANGE;
    let jump = asked.largest_jump;
    let cap = fields.within_or("simulation.largest_jump", jump, LARGEST_JUMP, (low, high));
    asked.path_count = Some(paths);
    asked.largest_jump = Some(cap);
    SimulationTerms {
        copulas,
        correlation,
        excess: asked.excess.as_ref().map_or(NO_EXCESS, |asked| excess(fields, asked)),
        cap,
        pairs: usize::try_from(paths / 2).unwrap_or_default(),
        seed,
        confidences: confidences(fields, &mut asked.confidences, paths),
        exit_sessions: exit_sessions(fields, &mut asked.exit_sessions),
    }
}

fn copulas(fields: &mut Fields, asked: &mut Vec<i32>) -> Vec<Copula> {
    use v1::SqueezeCopula as Wire;
    if asked.is_empty() {
        *asked = vec![Wire::Gaussian.into(), Wire::StudentT4.into()];
    }
    if !fields.at_most("simulation.copulas", asked.len(), 2) {
        return Vec::new();
    }
    let mut read = Vec::with_capacity(asked.len());
    for (at, number) in asked.iter().enumerate() {
        let path = format!("simulation.copulas[{at}]");
        let copula = match Wire::try_from(*number) {
            Ok(Wire::Gaussian) => Copula::Gaussian,
            Ok(Wire::StudentT4) => Copula::StudentT4,
            Ok(Wire::Unspecified) | Err(_) => {
                fields.add(path, format!("must be a copula, is {number}"));
                continue;
            }
        };
        if read.contains(&copula) {
            fields.add(path, "is also an earlier one");
        }
        read.push(copula);
    }
    read
}

fn confidences(fields: &mut Fields, asked: &mut Vec<f64>, paths: i32) -> Vec<f64> {
    if asked.is_empty() {
        *asked = CONFIDENCES.to_vec();
    }
    if !fields.at_most("simulation.confidences", asked.len(), limits::SIMULATION_CONFIDENCES) {
        return Vec::new();
    }
    let (low, high) = CONFIDENCE_RANGE;
    for (at, confidence) in asked.iter().enumerate() {
        let path = format!("simulation.confidences[{at}]");
        let confidence = fields.within(&path, *confidence, low, high);
        let (beyond, least) =
            ((1.0 - confidence) * f64::from(paths), limits::SIMULATION_TAIL_LEAST);
        // (1 − 0.99)·2,000 is a little off 20.
        if beyond + 1e-6 < least {
            fields.add(&path, format!("must leave {least} of {paths} paths in its tail"));
        }
        if asked[..at].iter().any(|earlier| earlier.to_bits() == asked[at].to_bits()) {
            fields.add(path, "is also an earlier one");
        }
    }
    asked.clone()
}

fn exit_sessions(fields: &mut Fields, asked: &mut Vec<i32>) -> Vec<u16> {
    if asked.is_empty() {
        *asked = EXIT_SESSIONS.to_vec();
    }
    if !fields.at_most("simulation.exit_sessions", asked.len(), limits::SIMULATION_EXITS) {
        return Vec::new();
    }
    let mut before = 0;
    let mut read = Vec::with_capacity(asked.len());
    for (at, session) in asked.iter().enumerate() {
        let path = format!("simulation.exit_sessions[{at}]");
        let read_as = fields.within(&path, *session, 1, SESSIONS as i32);
        if read_as == *session && read_as <= before {
            fields.add(path, "must be later than the one before");
        }
        before = read_as;
        read.push(u16::try_from(read_as).unwrap_or_default());
    }
    read
}

fn excess(fields: &mut Fields, asked: &v1::SqueezeExcess) -> Excess {
    Excess {
        scale: fields.within("simulation.excess.scale", asked.scale, 0.0, SCALE_MOST),
        shape: fields.within("simulation.excess.shape", asked.shape, 0.0, SHAPE_MOST),
    }
}

fn crowd_terms(fields: &mut Fields, asked: &mut v1::SqueezeCrowdTerms) -> CrowdTerms {
    let share = asked.share_of_short_interest;
    let share = fields.within_or("crowd.share_of_short_interest", share, 1.0, (0.0, 1.0));
    asked.share_of_short_interest = Some(share);
    let rise = asked.margin_rise;
    let margin_rise = fields.within_or("crowd.margin_rise", rise, 0.0, (0.0, MARGIN_RISE_MOST));
    asked.margin_rise = Some(margin_rise);
    let assets = asked.assets;
    let assets = assets.map(|usd| fields.within("crowd.assets", usd, 0.0, ASSETS_MOST));
    let leverage = required(fields, "crowd.leverage", asked.leverage, (1.0, LEVERAGE_MOST));
    let fall = asked.price_fall_of_all;
    let price_fall_of_all = required(fields, "crowd.price_fall_of_all", fall, (0.0, 1.0));
    if fields.at_most("crowd.longs", asked.longs.len(), limits::CROWD_LONGS) {
        for (at, named) in asked.longs.iter().enumerate() {
            portfolio::check_instrument(fields, &format!("crowd.longs[{at}]"), Some(named));
        }
    }
    let share_of_short_interest = share;
    CrowdTerms { share_of_short_interest, assets, leverage, price_fall_of_all, margin_rise }
}

/// A number that must be given, within bounds.
fn required(fields: &mut Fields, path: &str, asked: Option<f64>, (low, high): (f64, f64)) -> f64 {
    match asked {
        Some(number) => fields.within(path, number, low, high),
        None => {
            fields.add(path, format!("must be given, from {low} to {high}"));
            low
        }
    }
}
