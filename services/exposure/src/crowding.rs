//! How crowded a book is: what it has in common with what crowds hold, the names that make it, and
//! how long it takes to leave together with them.

mod exit;
mod gaps;
mod overlap;
mod risk_overlap;

pub use exit::{ExitDays, ExitTimes, NEARLY_OUT, SideExit};
pub use overlap::{CrowdOverlap, CrowdedBook, Sides, crowded_book, overlaps, reference_weights};
pub use risk_overlap::{RiskOverlaps, risk_overlaps};

use crate::{
    crowds::{CROWDS, CrowdKind, CrowdName, CrowdSources, Crowds, Known},
    look_through,
    prepared::PreparedExposure,
};
use ::risk::factor_view::FactorView;
use exit::{exit_days, side_exit};
use factors::{
    look_through::{FundView, Part},
    trade::Side,
};
use marketdata::gap::Gap;
use portfolio::{
    book::Book,
    coverage::{Aspect, Coverage},
    unresolved::LooseLine,
};

/// A request for the crowding of a book.
#[derive(Clone, Copy, Debug)]
pub struct CrowdingRequest<'a> {
    /// The book, joined on the view.
    pub book: &'a Book,
    /// How the book is looked through its funds; `None` if it is not.
    pub look_through: Option<FundView>,
    /// Maximum number of names of a crowd.
    pub names: usize,
    /// Maximum number of names listed.
    pub listed: usize,
    /// Share of a day's volume that the book trades; the crowd together trades the same share.
    pub participation: f64,
}

/// The crowding of a book.
#[derive(Clone, Debug, PartialEq)]
pub struct CrowdingReport {
    /// Beside each crowd.
    pub overlaps: [CrowdOverlap; CROWDS],
    /// Beside the crowd's book.
    pub book: CrowdedBook,
    /// The correlation of the book with the crowds. `None` without a risk model.
    pub risk: Option<RiskOverlaps>,
    /// Gross of the book, or of the names behind its lines.
    pub gross: f64,
    /// The exit of its longs, together with the managers.
    pub long_exit: SideExit,
    /// The exit of its shorts, together with the other shorts.
    pub short_exit: SideExit,
    /// The names of crowds that it holds, the largest gross first.
    pub names: Vec<CrowdedName>,
    /// What the crowds rest on.
    pub sources: CrowdSources,
    /// What is missing.
    pub gaps: Vec<Gap>,
    /// Shares of gross with holdings of managers, and with short interest.
    pub coverage: Vec<Coverage>,
}

/// A name of a crowd that the book holds.
#[derive(Clone, Debug, PartialEq)]
pub struct CrowdedName {
    /// Its symbol on the as-of day.
    pub symbol: String,
    /// What is held of it.
    pub part: Part,
    /// The crowds that it is in, in their order.
    pub crowds: Vec<CrowdPlace>,
    /// Number of managers that hold it. `None` if none is known to.
    pub managers: Option<u32>,
    /// Its rank by that number, from 1. `None` if it is not ranked.
    pub managers_rank: Option<u32>,
    /// Shares held by managers / float.
    pub share_of_float_held: Known,
    /// Short interest / float.
    pub short_of_float: Known,
    /// Days to trade out what is held on its larger side.
    pub exit: ExitDays,
}

/// The place of a name in a crowd.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrowdPlace {
    /// The crowd.
    pub kind: CrowdKind,
    /// Its rank, from 1.
    pub rank: u32,
    /// The measure.
    pub value: f64,
}

/// The crowding of a book, with the correlations of a factor view if there is one.
pub fn measure(
    prepared: &PreparedExposure,
    (crowds, view): (&Crowds, Option<&FactorView<'_>>),
    request: CrowdingRequest<'_>,
) -> CrowdingReport {
    let parts = match request.look_through {
        Some(view) => look_through::parts(prepared, request.book, view),
        None => look_through::lines(request.book).collect(),
    };
    let loose = request.book.loose.iter().filter_map(LooseLine::market_value).collect();
    let book = Sides::of(&parts, loose);
    let exit = |side| side_exit(prepared, crowds, (&book, side), request.participation);
    let sources = crowds.sources.clone();
    let risk =
        view.map(|view| risk_overlaps((view, prepared.funds()), &book, crowds, request.names));
    let mut gaps = gaps::list(prepared, crowds, &book);
    gaps.extend(risk.and_then(|risk| risk.gap()));
    CrowdingReport {
        overlaps: overlaps(&book, crowds, request.names),
        book: crowded_book(&book, crowds, request.names),
        risk,
        gross: book.gross(),
        long_exit: exit(Side::Long),
        short_exit: exit(Side::Short),
        names: names(prepared, crowds, &parts, request),
        gaps,
        coverage: coverage(crowds, &book),
        sources,
    }
}

/// The names of crowds that are held, the largest gross first, then in the order of names.
fn names(
    prepared: &PreparedExposure,
    crowds: &Crowds,
    parts: &[Part],
    request: CrowdingRequest<'_>,
) -> Vec<CrowdedName> {
    let members = CrowdKind::ALL.map(|kind| crowds.members(kind, request.names).len() as u32);
    let places = |name: &CrowdName| -> Vec<CrowdPlace> {
        let place = |kind: CrowdKind| {
            let rank = crowds.rank(kind, name.instrument)?;
            let value = name.measure(kind).ok()?;
            (rank <= members[kind as usize]).then_some(CrowdPlace { kind, rank, value })
        };
        CrowdKind::ALL.into_iter().filter_map(place).collect()
    };
    let crowded = |part: &Part| {
        let name = crowds.get(part.instrument)?;
        let places = places(name);
        (!places.is_empty() && 0.0 < part.gross()).then_some((*part, *name, places))
    };
    let mut held: Vec<(Part, CrowdName, Vec<CrowdPlace>)> =
        parts.iter().filter_map(crowded).collect();
    held.sort_by(|a, b| b.0.gross().total_cmp(&a.0.gross()));
    held.truncate(request.listed);
    let row = |(part, name, places): (Part, CrowdName, Vec<CrowdPlace>)| {
        let side = if part.market_value < 0.0 { Side::Short } else { Side::Long };
        CrowdedName {
            symbol: prepared.snapshot().symbol(part.instrument).to_owned(),
            part,
            crowds: places,
            managers: name.held.map(|held| held.managers),
            managers_rank: crowds.rank(CrowdKind::ManagersHolding, part.instrument),
            share_of_float_held: name.measure(CrowdKind::ShareOfFloatHeld),
            short_of_float: name.measure(CrowdKind::ShortOfFloat),
            exit: exit_days(prepared, crowds, (&part, side), request.participation),
        }
    };
    held.into_iter().map(row).collect()
}

/// The shares of gross with holdings of managers, and with short interest.
fn coverage(crowds: &Crowds, book: &Sides<'_>) -> Vec<Coverage> {
    let value = |is_known: fn(&CrowdName) -> bool| {
        let known = |part: &&Part| crowds.get(part.instrument).is_some_and(is_known);
        book.parts().iter().filter(known).map(Part::gross).sum::<f64>()
    };
    let held = value(|name| name.held.is_some());
    let short = value(|name| name.shares_short.is_ok());
    let rows = [(Aspect::ManagerHoldings, [held, 0.0]), (Aspect::ShortInterest, [short, 0.0])];
    Coverage::rows(rows, book.gross())
}
