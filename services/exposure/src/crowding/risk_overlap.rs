//! How much a book moves like a crowd (methodology B6 (c)): the correlation of their returns.
//!
//! The overlap of names misses what is alike under other names: a book of other small caps falls with
//! the crowd's. Values are signed and net, and both sides of the book count, beside every crowd on its
//! own side. Lines that are no known name have no exposures.

use super::overlap::{Sides, crowd_weights, reference_weights};
use crate::crowds::{CROWDS, CrowdKind, Crowds};
use ::risk::{
    book_correlation::{BookMovement, Movements},
    factor_view::FactorView,
};
use factors::{funds::Funds, look_through::Part};
use marketdata::{
    gap::{Gap, GapReason, Subject},
    instrument::InstrumentId,
};
use std::collections::BTreeMap;

/// The correlation of a book with crowds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RiskOverlaps {
    /// With each crowd, −1 to 1. `None` if it has no names, or one of the two no risk.
    pub crowds: [Option<f64>; CROWDS],
    /// With both crowds of [`CrowdKind::REFERENCE`] as one book.
    pub book: Option<f64>,
    /// |net value| of the names with exposures / that of all lines, those that are no known name
    /// included. `None` if nothing is held.
    pub share: Option<f64>,
    /// Names of each crowd without exposures, and all of its names.
    pub left_out: [(usize, usize); CROWDS],
}

impl RiskOverlaps {
    /// The names of crowds that the correlations leave out.
    pub(super) fn gap(&self) -> Option<Gap> {
        let of_crowd = |(kind, (without, all)): (CrowdKind, (usize, usize))| {
            (0 < without).then(|| format!("{without} of the {all} names of {}", kind.id()))
        };
        let crowds: Vec<String> =
            CrowdKind::ALL.into_iter().zip(self.left_out).filter_map(of_crowd).collect();
        let detail = format!("{} have no exposures: they are left out", crowds.join(", "));
        let subject = Subject::number_of("", "crowding/risk_overlap");
        (!crowds.is_empty()).then(|| Gap::new(GapReason::ShortHistory, subject, detail))
    }
}

/// The correlations of a book, its parts in the order of names, with every crowd of at most `most` names.
pub fn risk_overlaps(
    (view, funds): (&FactorView<'_>, &Funds),
    book: &Sides<'_>,
    crowds: &Crowds,
    most: usize,
) -> RiskOverlaps {
    let parts = book.parts();
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
    let has = |instrument: InstrumentId| movements.has(instrument);
    let left_out = |of: &BTreeMap<InstrumentId, f64>| {
        (of.keys().filter(|member| !has(**member)).count(), of.len())
    };
    RiskOverlaps {
        crowds: of_crowds.each_ref().map(|of| movements.correlation(&own, &crowd(of))),
        book: reference.and_then(|of| movements.correlation(&own, &crowd(&of))),
        share: share_with_exposures(book, has),
        left_out: of_crowds.each_ref().map(left_out),
    }
}

/// See [`RiskOverlaps::share`].
fn share_with_exposures(book: &Sides<'_>, has: impl Fn(InstrumentId) -> bool) -> Option<f64> {
    let value = |part: &Part| part.market_value.abs();
    let loose: f64 = book.loose().iter().map(|value| value.abs()).sum();
    let whole = book.parts().iter().map(value).sum::<f64>() + loose;
    let known: f64 = book.parts().iter().filter(|part| has(part.instrument)).map(value).sum();
    (0.0 < whole).then(|| known / whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1m of a name with exposures, 2m short of one without and 9m of a line that is no known name: a
    /// twelfth.
    #[test]
    fn lines_that_are_no_known_name_are_in_the_whole() {
        let part = |at: u32, value: f64| Part::line(InstrumentId(at), value, 0.0);
        let has = |instrument: InstrumentId| instrument == InstrumentId(1);
        let parts = [part(1, 1e6), part(2, -2e6)];
        let share = |loose: Vec<f64>| share_with_exposures(&Sides::of(&parts, loose), has).unwrap();
        assert!((share(vec![9e6]) - 1.0 / 12.0).abs() < 1e-12);
        assert!((share(vec![-4.5e6, 4.5e6]) - 1.0 / 12.0).abs() < 1e-12);
        assert!((share(Vec::new()) - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(share_with_exposures(&Sides::of(&[], Vec::new()), has), None);
    }

    /// A crowd of 50 of which two names have no exposures is a gap with these numbers.
    #[test]
    fn names_of_crowds_without_exposures_are_counted() {
        let mut left_out = [(0, 50); CROWDS];
        let of =
            |left_out| RiskOverlaps { crowds: [None; CROWDS], book: None, share: None, left_out };
        assert_eq!(of(left_out).gap(), None);
        left_out[CrowdKind::ShortOfFloat as usize] = (2, 50);
        let gap = of(left_out).gap().unwrap();
        assert_eq!(gap.reason, GapReason::ShortHistory);
        let detail = "2 of the 50 names of short_of_float have no exposures: they are left out";
        assert_eq!(gap.detail, detail);
    }
}
