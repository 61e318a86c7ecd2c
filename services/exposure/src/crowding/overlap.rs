//! How much of a book is what a crowd holds (methodology B6).
//!
//! Weights of either side of a book add up to 1, and so do those of a crowd, whose n names have 1/n
//! each. The overlap Σ min(w, c) is the part that both have in common: 0 if they share no name, 1 if
//! they are the same; the active share ½Σ|w − c| is 1 minus it. The cosine Σ w·c / (|w|·|c|) asks
//! whether the book is largest where the crowd is. For both crowds as one book, half long and half
//! short, weights are signed and what the two hold on different sides has nothing in common.

use crate::crowds::{CROWDS, CrowdKind, Crowds};
use factors::{look_through::Part, trade::Side};
use marketdata::instrument::InstrumentId;
use std::collections::{BTreeMap, BTreeSet};

/// The two sides of a book: its names, and the values of lines that are no known name.
#[derive(Clone, Debug)]
pub struct Sides<'a> {
    parts: &'a [Part],
    loose: Vec<f64>,
    long: f64,
    short: f64,
}

/// A book beside one crowd.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrowdOverlap {
    /// The crowd.
    pub kind: CrowdKind,
    /// Number of names of the crowd.
    pub members: usize,
    /// Number of names ranked by its measure.
    pub ranked: usize,
    /// Number of its names that the book holds on the crowd's side.
    pub held: usize,
    /// Value held on the crowd's side in its names.
    pub with: f64,
    /// Value held on the other side in its names.
    pub against: f64,
    /// Σ min(w, c) over the crowd's side of the book. `None` if nothing is held there, or the crowd
    /// has no names.
    pub overlap: Option<f64>,
    /// Σ w·c / (|w|·|c|), as `overlap`.
    pub cosine: Option<f64>,
}

/// A book beside the crowd's book.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrowdedBook {
    /// Value held on the side of the crowds of [`CrowdKind::REFERENCE`], less what is held on the
    /// other. `None` if a crowd has no names.
    pub net: Option<f64>,
    /// Σ min(|w|, |c|) over names on the same side. `None` if nothing is held net, or a crowd has no
    /// names.
    pub overlap: Option<f64>,
    /// Σ w·c / (|w|·|c|), −1 to 1, as `overlap`.
    pub cosine: Option<f64>,
}

/// The value of a part on a side.
pub(super) const fn on_side(part: &Part, side: Side) -> f64 {
    match side {
        Side::Long => part.long(),
        Side::Short => part.short(),
    }
}

const fn other(side: Side) -> Side {
    match side {
        Side::Long => Side::Short,
        Side::Short => Side::Long,
    }
}

impl<'a> Sides<'a> {
    /// The sides of parts in the order of names, and of the signed values of other lines.
    pub fn of(parts: &'a [Part], mut loose: Vec<f64>) -> Sides<'a> {
        // In the order of values, because the order of lines must not change a bit.
        loose.sort_unstable_by(f64::total_cmp);
        let total = |side: Side| {
            let names: f64 = parts.iter().map(|part| on_side(part, side)).sum();
            let of_line = |value: &f64| on_side(&Part::line(InstrumentId::NONE, *value, 0.0), side);
            names + loose.iter().map(of_line).sum::<f64>() + 0.0
        };
        let (long, short) = (total(Side::Long), total(Side::Short));
        Sides { parts, loose, long, short }
    }

    /// The names.
    pub const fn parts(&self) -> &'a [Part] {
        self.parts
    }

    /// The signed values of lines that are no known name, in ascending order.
    pub(super) fn loose(&self) -> &[f64] {
        &self.loose
    }

    /// Value of a side.
    pub const fn value(&self, side: Side) -> f64 {
        match side {
            Side::Long => self.long,
            Side::Short => self.short,
        }
    }

    /// Value of both sides.
    pub const fn gross(&self) -> f64 {
        self.long + self.short
    }

    /// Σ w² over a side, whose weights add up to 1.
    fn squares(&self, side: Side) -> f64 {
        let named = self.parts.iter().map(|part| on_side(part, side));
        let line = |value: &f64| on_side(&Part::line(InstrumentId::NONE, *value, 0.0), side);
        let whole = self.value(side);
        named
            .chain(self.loose.iter().map(line))
            .map(|value| (value / whole) * (value / whole))
            .sum()
    }
}

/// A book beside every crowd of at most `most` names.
pub fn overlaps(book: &Sides<'_>, crowds: &Crowds, most: usize) -> [CrowdOverlap; CROWDS] {
    CrowdKind::ALL.map(|kind| overlap(book, crowds, kind, most))
}

fn overlap(book: &Sides<'_>, crowds: &Crowds, kind: CrowdKind, most: usize) -> CrowdOverlap {
    let crowd: BTreeSet<InstrumentId> = crowds.members(kind, most).iter().copied().collect();
    let side = kind.side();
    let whole = book.value(side);
    let weight = 1.0 / crowd.len() as f64;
    let (mut with, mut against, mut common, mut held) = (0.0, 0.0, 0.0, 0);
    for part in book.parts().iter().filter(|part| crowd.contains(&part.instrument)) {
        let value = on_side(part, side);
        with += value;
        against += on_side(part, other(side));
        held += usize::from(0.0 < value);
        if 0.0 < whole {
            common += weight.min(value / whole);
        }
    }
    let is_defined = 0.0 < whole && !crowd.is_empty();
    // With equal weights c, Σ w·c / |c| is √c·Σw over the crowd.
    let cosine = || weight.sqrt() * (with / whole) / book.squares(side).sqrt();
    CrowdOverlap {
        kind,
        members: crowd.len(),
        ranked: crowds.ranked(kind),
        held,
        with,
        against,
        overlap: is_defined.then_some(f64::min(common, 1.0)),
        cosine: is_defined.then(cosine).map(|cosine| cosine.min(1.0)),
    }
}

/// The signed weights of a crowd, which add up to 1 or to -1.
pub(super) fn crowd_weights(
    crowds: &Crowds,
    kind: CrowdKind,
    most: usize,
) -> BTreeMap<InstrumentId, f64> {
    let members = crowds.members(kind, most);
    let sign = if kind.side() == Side::Long { 1.0 } else { -1.0 };
    members.iter().map(|member| (*member, sign / members.len() as f64)).collect()
}

/// The signed weights of both crowds of [`CrowdKind::REFERENCE`] as one book, half long and half short;
/// a name of both is held net. `None` if one of them has no names.
pub fn reference_weights(crowds: &Crowds, most: usize) -> Option<BTreeMap<InstrumentId, f64>> {
    let mut weights: BTreeMap<InstrumentId, f64> = BTreeMap::new();
    for kind in CrowdKind::REFERENCE {
        let of_crowd = crowd_weights(crowds, kind, most);
        if of_crowd.is_empty() {
            return None;
        }
        for (member, weight) in of_crowd {
            *weights.entry(member).or_default() += 0.5 * weight;
        }
    }
    Some(weights)
}

/// A book beside both crowds of [`CrowdKind::REFERENCE`] as one: half long, half short.
pub fn crowded_book(book: &Sides<'_>, crowds: &Crowds, most: usize) -> CrowdedBook {
    let reference = reference_weights(crowds, most);
    let has_names = reference.is_some();
    let crowd = reference.unwrap_or_default();
    let named = book.parts().iter().map(|part| part.market_value);
    let values = || named.clone().chain(book.loose.iter().copied());
    let whole: f64 = values().map(f64::abs).sum();
    // In the order of ranks: numbers of instruments depend on the order of ingest.
    let mut seen = BTreeSet::new();
    let members = CrowdKind::REFERENCE.map(|kind| crowds.members(kind, most));
    let ranked: Vec<&InstrumentId> =
        members.iter().flat_map(|of| of.iter()).filter(|member| seen.insert(**member)).collect();
    let weights = || ranked.iter().filter_map(|member| crowd.get(member));
    let crowd_whole: f64 = weights().map(|weight| weight.abs()).sum();
    let is_defined = 0.0 < whole && 0.0 < crowd_whole && has_names;
    let (mut common, mut product) = (0.0, 0.0);
    for part in book.parts() {
        let Some(weight) = crowd.get(&part.instrument).map(|weight| weight / crowd_whole) else {
            continue;
        };
        let own = part.market_value / whole;
        if 0.0 < own * weight {
            common += own.abs().min(weight.abs());
        }
        product += own * weight;
    }
    let length = |squares: f64| squares.sqrt();
    let own_length = length(values().map(|value| (value / whole) * (value / whole)).sum());
    let squares = weights().map(|weight| (weight / crowd_whole) * (weight / crowd_whole));
    let cosine = product / (own_length * length(squares.sum()));
    CrowdedBook {
        net: has_names.then(|| net(book, crowds, most)),
        overlap: is_defined.then_some(f64::min(common, 1.0)),
        cosine: is_defined.then_some(cosine.clamp(-1.0, 1.0)),
    }
}

/// Value held on the sides of the crowds of [`CrowdKind::REFERENCE`], less what is held against them.
fn net(book: &Sides<'_>, crowds: &Crowds, most: usize) -> f64 {
    let of = CrowdKind::REFERENCE.map(|kind| overlap(book, crowds, kind, most));
    of.iter().map(|found| found.with - found.against).sum::<f64>() + 0.0
}
