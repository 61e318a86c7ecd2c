//! Validates squeeze requests.

use crate::{
    as_of::AsOf,
    limits,
    refusal::Refusal,
    rpc::{
        field::Fields,
        page::Page,
        portfolio,
        query::FromProto,
        settings::{self, Settings},
        shared,
    },
};
use ::portfolio::netting::Netting;
use contract::v1;
use factors::look_through::FundView;
use prost::Message as _;
use squeeze::{
    calibration::label::Label,
    exit::Participation,
    rank::{RankBy, RankRequest},
    watch::{Threshold, Watched},
    worked::CoveringTerms,
};

/// Default minimum market value of a ranked line, USD.
const MIN_LINE_MARKET_CAP_USD: f64 = 100e6;
/// Default minimum value traded per day of a ranked line, USD.
const MIN_DAILY_VALUE_USD: f64 = 1e6;
/// Upper bound of both minima, USD; no line would pass above it.
const MOST_USD: f64 = 1e15;
/// Maximum number of exchanges of one request.
const EXCHANGES: usize = 64;

/// A request to assess the short side of a portfolio.
pub(super) struct BookQuery {
    pub(super) as_of: AsOf,
    pub(super) participation: Participation,
    pub(super) netting: Netting,
    pub(super) look_through: Option<FundView>,
    pub(super) covering: Option<CoveringTerms>,
    pub(super) normal: v1::AssessShortBookRequest,
}

impl FromProto for BookQuery {
    const METHOD: &'static str = "AssessShortBook";
    type Request = v1::AssessShortBookRequest;

    fn from_proto(mut request: v1::AssessShortBookRequest) -> Result<BookQuery, Refusal> {
        let mut fields = Fields::new();
        let mut as_of = shared::as_of(&mut fields, request.as_of.take());
        let participation = participation(&mut fields, &mut request.participation);
        let asked = request.settings.get_or_insert_default();
        let (netting, look_through) = sides(&mut fields, asked, request.portfolio.as_ref());
        portfolio::check(&mut fields, "portfolio", request.portfolio.as_mut());
        as_of.base = portfolio::currency::base(request.portfolio.as_ref());
        let covering = request.covering.as_mut().map(|asked| covering_terms(&mut fields, asked));
        let query = |participation| BookQuery {
            as_of,
            participation,
            netting,
            look_through,
            covering,
            normal: request,
        };
        fields.finish(participation.map(query))
    }
}

/// The participation of a request; `None` after a violation.
pub(super) fn participation(fields: &mut Fields, asked: &mut Option<f64>) -> Option<Participation> {
    let share = *asked.get_or_insert(Participation::USUAL.share());
    let participation = Participation::new(share);
    if participation.is_none() {
        let wrong = format!("must be from {} to 1, is {share}", Participation::LEAST);
        fields.add("participation", wrong);
    }
    participation
}

fn covering_terms(fields: &mut Fields, asked: &mut v1::CoveringTerms) -> CoveringTerms {
    let longest = i32::from(CoveringTerms::LONGEST);
    let horizon = asked.horizon_sessions;
    let horizon = horizon.map(|h| fields.within("covering.horizon_sessions", h, 1, longest));
    let usual = CoveringTerms::USUAL_AVERSION;
    let risk_aversion =
        fields.within_or("covering.risk_aversion", asked.risk_aversion, usual, (0.0, 1.0));
    asked.risk_aversion = Some(risk_aversion);
    let horizon_sessions = horizon.and_then(|sessions| u16::try_from(sessions).ok());
    CoveringTerms { horizon_sessions, risk_aversion }
}

/// What decides which names are short; the rest of the settings is cleared, so that their echo has
/// what is used.
pub(super) fn sides(
    fields: &mut Fields,
    asked: &mut v1::AnalysisSettings,
    portfolio: Option<&v1::Portfolio>,
) -> (Netting, Option<FundView>) {
    let Settings { netting, look_through, .. } = settings::all(fields, asked, portfolio);
    *asked = v1::AnalysisSettings {
        netting: asked.netting.take(),
        look_through: asked.look_through.take(),
        ..Default::default()
    };
    (netting, look_through)
}

/// A request to watch the short side of a portfolio.
#[derive(Debug)]
pub(super) struct WatchQuery {
    pub(super) expected: AsOf,
    /// What the client knows already.
    pub(super) after: Option<AsOf>,
    pub(super) thresholds: Vec<Threshold>,
    /// How answers name the lines.
    pub(super) line_names: Vec<String>,
    pub(super) netting: Netting,
    pub(super) look_through: Option<FundView>,
    pub(super) normal: v1::WatchSqueezeRequest,
}

impl FromProto for WatchQuery {
    const METHOD: &'static str = "WatchSqueeze";
    type Request = v1::WatchSqueezeRequest;

    fn from_proto(mut request: v1::WatchSqueezeRequest) -> Result<WatchQuery, Refusal> {
        let mut fields = Fields::new();
        let bytes = request.encoded_len();
        if limits::WATCHED_BYTES < bytes {
            let most = limits::WATCHED_BYTES;
            fields.add("portfolio", format!("must fit into {most} bytes, has {bytes}"));
        }
        let mut expected = shared::expected(request.expected.take());
        let after = request.after.take();
        let after = after.map(|after| shared::replay(&mut fields, "after", after));
        let thresholds = thresholds(&mut fields, &request.thresholds);
        let asked = request.settings.get_or_insert_default();
        let (netting, look_through) = sides(&mut fields, asked, request.portfolio.as_ref());
        let lines = request.portfolio.as_ref().map_or(0, |portfolio| portfolio.positions.len());
        if fields.at_most("portfolio.positions", lines, limits::WATCHED_LINES) {
            portfolio::check(&mut fields, "portfolio", request.portfolio.as_mut());
        }
        expected.base = portfolio::currency::base(request.portfolio.as_ref());
        let after = after.map(|after| AsOf { base: expected.base, ..after });
        let portfolio = request.portfolio.as_ref();
        let names = portfolio.map(|p| (0..lines).map(|line| portfolio::name(p, line)).collect());
        let query = WatchQuery {
            expected,
            after,
            thresholds,
            line_names: names.unwrap_or_default(),
            netting,
            look_through,
            normal: request,
        };
        fields.finish(Some(query))
    }
}

fn thresholds(fields: &mut Fields, asked: &[v1::SqueezeThreshold]) -> Vec<Threshold> {
    if asked.is_empty() {
        fields.add("thresholds", "must have at least one entry");
    }
    if !fields.at_most("thresholds", asked.len(), limits::WATCHED_THRESHOLDS) {
        return Vec::new();
    }
    let mut read = Vec::new();
    for (at, v1::SqueezeThreshold { measure_id, level }) in asked.iter().enumerate() {
        let path = format!("thresholds[{at}]");
        if !level.is_finite() {
            fields.add(format!("{path}.level"), format!("must be a finite number, is {level}"));
        }
        let Some(measure) = Watched::from_id(measure_id) else {
            let known: Vec<&str> = Watched::all().map(Watched::id).collect();
            let text = format!("must be one of {}; is {measure_id:?}", known.join(", "));
            fields.add(format!("{path}.measure_id"), text);
            continue;
        };
        let threshold = Threshold { measure, level: *level };
        if read.contains(&threshold) {
            fields.add(path, "is also an earlier one");
        }
        read.push(threshold);
    }
    read
}

/// A request to fit the probability of a squeeze.
pub(super) struct CalibrateQuery {
    pub(super) as_of: AsOf,
    pub(super) label: Label,
    /// The most sessions to observe.
    pub(super) most: usize,
    /// The request as received.
    pub(super) given: v1::CalibrateSqueezeRequest,
}

impl FromProto for CalibrateQuery {
    const METHOD: &'static str = "CalibrateSqueeze";
    type Request = v1::CalibrateSqueezeRequest;

    fn from_proto(given: v1::CalibrateSqueezeRequest) -> Result<CalibrateQuery, Refusal> {
        let mut fields = Fields::new();
        let as_of = shared::as_of(&mut fields, given.as_of.clone());
        fields.request_id("request_id", &given.request_id);
        let label = match fields.choice("label", given.label) {
            v1::SqueezeLabel::Unspecified | v1::SqueezeLabel::Jump => Label::Jump,
            v1::SqueezeLabel::CoveredJump => Label::CoveredJump,
        };
        let most = given.session_count.unwrap_or(limits::CALIBRATION_SESSIONS_DEFAULT);
        let most = fields.within("session_count", most, 1, limits::CALIBRATION_SESSIONS);
        let most = usize::try_from(most).unwrap_or_default();
        fields.finish(Some(CalibrateQuery { as_of, label, most, given }))
    }
}

/// A request for the newest calibration.
pub(super) struct CalibrationQuery {
    pub(super) as_of: AsOf,
    pub(super) normal: v1::GetCalibrationRequest,
}

impl FromProto for CalibrationQuery {
    const METHOD: &'static str = "GetCalibration";
    type Request = v1::GetCalibrationRequest;

    fn from_proto(mut request: v1::GetCalibrationRequest) -> Result<CalibrationQuery, Refusal> {
        let mut fields = Fields::new();
        let as_of = shared::as_of(&mut fields, request.as_of.take());
        fields.finish(Some(CalibrationQuery { as_of, normal: request }))
    }
}

/// A request for a page of the ranking.
pub(super) struct RankQuery {
    pub(super) as_of: AsOf,
    pub(super) page: Page,
    pub(super) wanted: RankRequest,
    pub(super) normal: v1::RankSqueezeRequest,
}

impl FromProto for RankQuery {
    const METHOD: &'static str = "RankSqueeze";
    type Request = v1::RankSqueezeRequest;

    fn from_proto(mut request: v1::RankSqueezeRequest) -> Result<RankQuery, Refusal> {
        let mut fields = Fields::new();
        let mut as_of = shared::as_of(&mut fields, request.as_of.take());
        let mut usd = |field: &str, asked: &mut Option<f64>, default| {
            let usd = fields.within_or(field, *asked, default, (0.0, MOST_USD));
            *asked = Some(usd);
            usd
        };
        let min_line_market_cap_usd = usd(
            "min_line_market_cap_usd",
            &mut request.min_line_market_cap_usd,
            MIN_LINE_MARKET_CAP_USD,
        );
        let min_daily_value_usd =
            usd("min_daily_value_usd", &mut request.min_daily_value_usd, MIN_DAILY_VALUE_USD);
        let rank_by = rank_by(&mut fields, &mut request);
        check_exchanges(&mut fields, &request.exchanges);
        let page = Page::from_proto(&mut fields, Self::METHOD, &mut request, &mut as_of)?;
        let exchanges = request.exchanges.clone();
        let wanted = RankRequest {
            min_line_market_cap_usd,
            known_line_market_cap_only: request.known_line_market_cap_only,
            min_daily_value_usd,
            exchanges,
            rank_by,
        };
        fields.finish(Some(RankQuery { as_of, page, wanted, normal: request }))
    }
}

fn rank_by(fields: &mut Fields, request: &mut v1::RankSqueezeRequest) -> RankBy {
    use v1::SqueezeRankBy as Wire;
    let (by, wire) = match fields.choice("rank_by", request.rank_by) {
        Wire::Unspecified | Wire::Score => (RankBy::Score, Wire::Score),
        Wire::ShortOfFloat => (RankBy::ShortOfFloat, Wire::ShortOfFloat),
        Wire::DaysToCoverAtRecentVolume => {
            (RankBy::DaysToCoverAtRecentVolume, Wire::DaysToCoverAtRecentVolume)
        }
    };
    request.rank_by = wire.into();
    by
}

fn check_exchanges(fields: &mut Fields, exchanges: &[String]) {
    fields.at_most("exchanges", exchanges.len(), EXCHANGES);
    for (at, exchange) in exchanges.iter().enumerate().take(EXCHANGES) {
        if exchange.trim().is_empty() {
            fields.add(format!("exchanges[{at}]"), "must not be empty");
        }
    }
}
