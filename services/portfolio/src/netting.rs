//! Before what gross is measured: which lots of an instrument are added up.
//!
//! A desk that is long 100 in one strategy and short 90 of the same name in another has a net of 10
//! under every netting. Its gross is 10 if lots are added up by instrument, and 190 if the two
//! strategies stand side by side: then 90 are *boxed*, held both long and short. So a netting is one
//! number per holding, what it leaves boxed. It is part of long and of short and of nothing else:
//! everything that is linear in net positions (betas, P&L, scenarios) does not see it.

use crate::lot::Lot;
use std::collections::BTreeMap;

/// Which lots of an instrument are added up before they count as long or as short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Netting {
    /// All of them.
    Instrument,
    /// Those with equal values of these label keys. Not to have a label is a value of its own.
    Labels(Vec<String>),
    /// None: every line stands for itself.
    Line,
}

/// The netting set of every line: lots of one instrument and one set are added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NettingSets {
    /// `None` if all lots of an instrument are added up.
    by_line: Option<Vec<usize>>,
}

impl Netting {
    /// The sets of a portfolio's lines. `label` gives the value of a line's label by its key.
    pub fn sets<'a>(
        &self,
        lines: usize,
        label: impl Fn(usize, &str) -> Option<&'a str>,
    ) -> NettingSets {
        let by_line = match self {
            Netting::Instrument => None,
            Netting::Line => Some((0..lines).collect()),
            Netting::Labels(keys) => {
                let mut sets: BTreeMap<Vec<Option<&str>>, usize> = BTreeMap::new();
                let set = |line| {
                    let values = keys.iter().map(|key| label(line, key)).collect();
                    let next = sets.len();
                    *sets.entry(values).or_insert(next)
                };
                Some((0..lines).map(set).collect())
            }
        };
        NettingSets { by_line }
    }
}

impl NettingSets {
    /// All lots of an instrument are one set.
    pub(crate) const INSTRUMENTS: NettingSets = NettingSets { by_line: None };

    /// Marks the lots of one instrument that are in a short set. Returns the value held both long
    /// and short. Sums run in the order of the lots, not of the sets, so that the order of lines
    /// changes no bit.
    pub(crate) fn split(&self, lots: &mut [Lot]) -> f64 {
        let Some(by_line) = self.by_line.as_ref().filter(|_| 1 < lots.len()) else { return 0.0 };
        let set = |lot: &Lot| by_line.get(lot.line).copied().unwrap_or(usize::MAX);
        let mut nets: BTreeMap<usize, f64> = BTreeMap::new();
        for lot in lots.iter() {
            *nets.entry(set(lot)).or_default() += lot.market_value;
        }
        let (mut long, mut short) = (0.0_f64, 0.0_f64);
        for lot in lots {
            lot.is_short = nets.get(&set(lot)).is_some_and(|net| *net < 0.0);
            *(if lot.is_short { &mut short } else { &mut long }) += lot.market_value;
        }
        // Rounding may leave a sum just beyond zero.
        long.min(0.0 - short).max(0.0)
    }
}
