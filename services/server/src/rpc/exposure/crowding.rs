//! The crowding of a book: its settings are read, and its report is converted to protobuf.

use crate::rpc::{field::Fields, shared::timestamp};
use ::portfolio::book::Book;
use contract::v1;
use exposure::{
    crowding::{
        CrowdOverlap, CrowdPlace, CrowdedBook, CrowdedName, CrowdingReport, CrowdingRequest,
        ExitTimes, SideExit,
    },
    crowds::Known,
};
use factors::{look_through::FundView, most_shorted::NAMES, trade::Side};
use marketdata::day::Day;
use squeeze::exit::Participation;

/// Maximum number of names of a crowd.
const CROWD_NAMES_MAX: i32 = 500;
/// Default number of names listed.
const TOP_NAMES: i32 = 10;
/// Maximum number of names listed.
const TOP_NAMES_MAX: i32 = crate::limits::POSITIONS as i32;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct CrowdingAsked {
    names: usize,
    listed: usize,
    participation: f64,
}

/// Reads the settings, and writes the defaults into them.
pub(super) fn from_proto(fields: &mut Fields, asked: &mut v1::CrowdingSettings) -> CrowdingAsked {
    let (names, bounds) = (asked.crowd_names, (1, CROWD_NAMES_MAX));
    let names = fields.within_or("crowding.crowd_names", names, NAMES as i32, bounds);
    let (top, bounds) = (asked.top_names, (0, TOP_NAMES_MAX));
    let top = fields.within_or("crowding.top_names", top, TOP_NAMES, bounds);
    let (usual, bounds) = (Participation::USUAL.share(), (Participation::LEAST, 1.0));
    let participation = asked.participation;
    let participation = fields.within_or("crowding.participation", participation, usual, bounds);
    *asked = v1::CrowdingSettings {
        crowd_names: Some(names),
        top_names: Some(top),
        participation: Some(participation),
    };
    let count = |number: i32| usize::try_from(number).unwrap_or(0);
    CrowdingAsked { names: count(names), listed: count(top), participation }
}

impl CrowdingAsked {
    /// The request for a book.
    pub(super) const fn request<'a>(
        self,
        (book, look_through): (&'a Book, Option<FundView>),
    ) -> CrowdingRequest<'a> {
        let CrowdingAsked { names, listed, participation } = self;
        CrowdingRequest { book, look_through, names, listed, participation }
    }
}

/// The crowding of a book under settings in normal form.
pub(super) fn to_proto(
    report: CrowdingReport,
    settings: Option<v1::CrowdingSettings>,
) -> v1::Crowding {
    let gross = report.gross;
    let text = |day: Option<Day>| day.map(|day| day.to_string()).unwrap_or_default();
    let sources = &report.sources;
    let risk = report.risk;
    let of_crowd = |found: &CrowdOverlap| risk.and_then(|risk| risk.crowds[found.kind as usize]);
    let overlap = |found: &CrowdOverlap| overlap(found, gross, of_crowd(found));
    v1::Crowding {
        settings,
        overlaps: report.overlaps.iter().map(overlap).collect(),
        crowded_book: Some(crowded_book(&report.book, gross, risk.and_then(|risk| risk.book))),
        long_exit: Some(exit(&report.long_exit)),
        short_exit: Some(exit(&report.short_exit)),
        names: report.names.into_iter().map(|found| name(found, gross)).collect(),
        manager_count: sources.managers as i32,
        first_period_on: text(sources.periods.map(|(first, _)| first)),
        last_period_on: text(sources.periods.map(|(_, last)| last)),
        filed_at: sources.filed_at.map(timestamp),
        settlement_on: text(sources.settlement_on),
        risk_gross_share: risk.and_then(|risk| risk.share),
    }
}

fn share(value: f64, gross: f64) -> Option<f64> {
    (0.0 < gross).then_some(value / gross)
}

fn overlap(found: &CrowdOverlap, gross: f64, risk_overlap: Option<f64>) -> v1::CrowdOverlap {
    let has_names = 0 < found.members;
    let side = match found.kind.side() {
        Side::Long => v1::TradeSide::Long,
        Side::Short => v1::TradeSide::Short,
    };
    let net = share(found.with - found.against, gross);
    v1::CrowdOverlap {
        crowd_id: found.kind.id().to_owned(),
        side: side.into(),
        member_count: found.members as i32,
        ranked_count: found.ranked as i32,
        held_count: has_names.then_some(found.held as i32),
        with_crowd: has_names.then_some(found.with),
        against_crowd: has_names.then_some(found.against),
        net_gross_share: net.filter(|_| has_names),
        overlap: found.overlap,
        cosine: found.cosine,
        risk_overlap,
    }
}

fn crowded_book(found: &CrowdedBook, gross: f64, risk_overlap: Option<f64>) -> v1::CrowdedBook {
    v1::CrowdedBook {
        net_crowding: found.net,
        net_gross_share: found.net.and_then(|net| share(net, gross)),
        overlap: found.overlap,
        cosine: found.cosine,
        risk_overlap,
    }
}

fn exit(found: &SideExit) -> v1::CrowdExit {
    let days = |times: ExitTimes| v1::CrowdExitDays {
        mean_days: times.mean,
        nearly_out_days: times.nearly_out,
        slowest_days: times.slowest,
    };
    v1::CrowdExit {
        share_with_exit_days: found.share,
        alone: found.alone.map(days),
        with_crowd: found.with_crowd.map(days),
    }
}

fn name(found: CrowdedName, gross: f64) -> v1::CrowdedName {
    let place = |place: &CrowdPlace| v1::CrowdPlace {
        crowd_id: place.kind.id().to_owned(),
        rank: place.rank as i32,
        value: place.value,
    };
    let known = |known: Known| known.ok();
    v1::CrowdedName {
        symbol: found.symbol,
        market_value: found.part.market_value,
        gross_share: found.part.gross() / gross,
        crowds: found.crowds.iter().map(place).collect(),
        manager_count: found.managers.map(|count| count as i32),
        manager_rank: found.managers_rank.map(|rank| rank as i32),
        share_of_float_held: known(found.share_of_float_held),
        short_of_float: known(found.short_of_float),
        exit_days_alone: known(found.exit.alone),
        exit_days_with_crowd: known(found.exit.with_crowd),
    }
}
