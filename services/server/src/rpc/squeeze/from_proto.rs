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
use squeeze::{
    calibration::label::Label,
    exit::Participation,
    rank::{RankBy, RankRequest},
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
    pub(super) normal: v1::AssessShortBookRequest,
}

impl FromProto for BookQuery {
    const METHOD: &'static str = "AssessShortBook";
    type Request = v1::AssessShortBookRequest;

    fn from_proto(mut request: v1::AssessShortBookRequest) -> Result<BookQuery, Refusal> {
        let mut fields = Fields::new();
        let as_of = shared::as_of(&mut fields, request.as_of.take());
        let share = *request.participation.get_or_insert(Participation::USUAL.share());
        let participation = Participation::new(share);
        if participation.is_none() {
            let wrong = format!("must be from {} to 1, is {share}", Participation::LEAST);
            fields.add("participation", wrong);
        }
        let asked = request.settings.get_or_insert_default();
        let settings = settings::all(&mut fields, asked, request.portfolio.as_ref());
        // The echo has what is used.
        *asked = v1::AnalysisSettings {
            netting: asked.netting.take(),
            look_through: asked.look_through.take(),
            ..Default::default()
        };
        let Settings { netting, look_through, .. } = settings;
        portfolio::check(&mut fields, "portfolio", request.portfolio.as_mut());
        let query = |participation| BookQuery {
            as_of,
            participation,
            netting,
            look_through,
            normal: request,
        };
        fields.finish(participation.map(query))
    }
}

/// A request to fit the probability of a squeeze.
pub(super) struct CalibrateQuery {
    pub(super) as_of: AsOf,
    pub(super) label: Label,
    /// The most sessions to observe.
    pub(super) most: usize,
    /// The request as it was given.
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
