//! How much a book moves like a crowd (methodology B6 (c)): the correlation of their returns.
//!
//! The overlap of names misses what is alike under other names: a book of other small caps falls with
//! the crowd's. Values are signed and net, and both sides of the book count, beside every crowd on its
//! own side. Lines that are no known name have no exposures.

use super::overlap::{crowd_weights, reference_weights};
use crate::crowds::{CROWDS, CrowdKind, Crowds};
use ::risk::{
    book_correlation::{BookMovement, Movements},
    factor_view::FactorView,
};
use factors::{funds::Funds, look_through::Part};
use marketdata::instrument::InstrumentId;
use std::collections::BTreeMap;

/// The correlation of a book with crowds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RiskOverlaps {
    /// With each crowd, −1 to 1. `None` if it has no names, or one of the two no risk.
    pub crowds: [Option<f64>; CROWDS],
    /// With both crowds of [`CrowdKind::REFERENCE`] as one book.
    pub book: Option<f64>,
    /// |net value| of the names with exposures / that of all names. `None` if nothing is held.
    pub share: Option<f64>,
}

/// The correlations of parts in the order of names with every crowd of at most `most` names.
pub fn risk_overlaps(
    (view, funds): (&FactorView<'_>, &Funds),
    parts: &[Part],
    crowds: &Crowds,
    most: usize,
) -> RiskOverlaps {
    let of_crowds = CrowdKind::ALL.map(|kind| crowd_weights(crowds, kind, most));
    let reference = reference_weights(crowds, most);
    let members = of_crowds.iter().flat_map(BTreeMap::keys).copied();
    let mut all: Vec<InstrumentId> =
        parts.iter().map(|part| part.instrument).chain(members).collect();
    all.sort_unstable();
    all.dedup();
    view.risk.snapshot.sort_by_name(&mut all);
    let movements = Movements::of(view, funds, &all);
    let own = movements.book(parts.iter().map(|part| (part.instrument, part.market_value)));
    let crowd = |weights: &BTreeMap<InstrumentId, f64>| -> BookMovement {
        // In the order of names, because numbers of instruments depend on the order of arrival.
        let weight = |id: &InstrumentId| Some((*id, *weights.get(id)?));
        movements.book(all.iter().filter_map(weight))
    };
    let value = |part: &&Part| part.market_value.abs();
    let whole: f64 = parts.iter().map(|part| value(&part)).sum();
    let known: f64 =
        parts.iter().filter(|part| movements.has(part.instrument)).map(|part| value(&part)).sum();
    RiskOverlaps {
        crowds: of_crowds.each_ref().map(|of| movements.correlation(&own, &crowd(of))),
        book: reference.and_then(|of| movements.correlation(&own, &crowd(&of))),
        share: (0.0 < whole).then(|| known / whole),
    }
}
