//! Which leg of a trade a position belongs to.
//!
//! A position belongs to the first leg of its sign that selects it. A line that may be a fund is
//! not selected by size, because its size is then that of nothing.

use crate::{name::NameRow, standard_sizes::StandardSizes};
use factors::{
    fund_holdings::newest_holdings,
    roles::Roles,
    size_scheme::SizeScheme,
    trade::{Selector, Side, TradeDefinition},
};
use marketdata::{instrument::InstrumentId, snapshot::Snapshot};

/// The membership tests of a trade's legs on a view.
#[derive(Debug)]
pub(crate) struct Membership {
    legs: Vec<LegTest>,
    /// Names of selectors that stand for no line, by leg.
    pub(crate) unknown: Vec<Vec<String>>,
}

#[derive(Debug)]
struct LegTest {
    side: Side,
    any_of: NameSet,
    none_of: NameSet,
}

/// The names that one of several selectors selects.
#[derive(Debug)]
struct NameSet {
    /// Bands of the standard scheme, one bit each.
    bands: u32,
    /// Ranks by current market value, both ends included.
    ranks: Vec<(u32, u32)>,
    /// Names selected one by one, one bit per instrument number.
    members: Vec<u64>,
}

impl Membership {
    pub(crate) fn of(
        snapshot: &Snapshot,
        roles: &Roles,
        definition: &TradeDefinition,
        line: &dyn Fn(&str) -> Option<InstrumentId>,
    ) -> Membership {
        let mut membership = Membership { legs: Vec::new(), unknown: Vec::new() };
        for leg in &definition.legs {
            let mut unknown = Vec::new();
            let mut set = |selectors: &[Selector]| {
                let mut set = NameSet { bands: 0, ranks: Vec::new(), members: Vec::new() };
                for selector in selectors {
                    set.add(selector, (snapshot, roles), line, &mut unknown);
                }
                set
            };
            let test =
                LegTest { side: leg.side, any_of: set(&leg.any_of), none_of: set(&leg.none_of) };
            membership.legs.push(test);
            membership.unknown.push(unknown);
        }
        membership
    }

    /// The index of the position's leg; the number of legs if it belongs to none.
    #[inline]
    pub(crate) fn leg(
        &self,
        sizes: StandardSizes<'_>,
        instrument: InstrumentId,
        name: &NameRow,
        market_value: f64,
    ) -> usize {
        self.leg_of(sizes, instrument, name.may_be_fund, market_value)
    }

    /// The same, given whether data do not classify the name as a company.
    #[inline]
    pub(crate) fn leg_of(
        &self,
        sizes: StandardSizes<'_>,
        instrument: InstrumentId,
        may_be_fund: bool,
        market_value: f64,
    ) -> usize {
        let is_selected = |leg: &LegTest| {
            let is_of_side = match leg.side {
                Side::Long => 0.0 < market_value,
                Side::Short => market_value < 0.0,
            };
            is_of_side
                && leg.any_of.contains(sizes, instrument, may_be_fund)
                && !leg.none_of.contains(sizes, instrument, may_be_fund)
        };
        self.legs.iter().position(is_selected).unwrap_or(self.legs.len())
    }

    /// Memory held, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let sets = self.legs.iter().flat_map(|leg| [&leg.any_of, &leg.none_of]);
        sets.map(|set| size_of_val(&set.members[..]) + size_of_val(&set.ranks[..])).sum()
    }
}

impl NameSet {
    fn add(
        &mut self,
        selector: &Selector,
        (snapshot, roles): (&Snapshot, &Roles),
        line: &dyn Fn(&str) -> Option<InstrumentId>,
        unknown: &mut Vec<String>,
    ) {
        let mut named = |name: &String| {
            let found = line(name);
            if found.is_none() {
                unknown.push(name.clone());
            }
            found
        };
        let candidates = |role| -> Vec<InstrumentId> {
            roles.candidates(role).iter().filter_map(|symbol| snapshot.listed(symbol)).collect()
        };
        match selector {
            Selector::Bucket(id) => {
                let bands = &SizeScheme::standard().bands;
                let band = bands.iter().position(|band| band.bucket_id == *id);
                self.bands |= band.map_or(0, |band| 1 << band);
            }
            Selector::Ranks(first, last) => self.ranks.push((*first, *last)),
            Selector::Symbol(name) => self.insert(named(name)),
            Selector::HoldingsOf(name) => {
                let fund = named(name);
                self.insert(newest_holdings(snapshot, fund.as_slice()));
            }
            Selector::Role(role) => self.insert(candidates(*role)),
            Selector::HoldingsOfRole(role) => {
                self.insert(newest_holdings(snapshot, &candidates(*role)));
            }
        }
    }

    fn insert(&mut self, names: impl IntoIterator<Item = InstrumentId>) {
        for InstrumentId(number) in names {
            let word = number as usize / 64;
            if self.members.len() <= word {
                self.members.resize(word + 1, 0);
            }
            self.members[word] |= 1 << (number % 64);
        }
    }

    #[inline]
    fn contains(
        &self,
        sizes: StandardSizes<'_>,
        instrument: InstrumentId,
        may_be_fund: bool,
    ) -> bool {
        let word = self.members.get(instrument.0 as usize / 64).copied().unwrap_or(0);
        if word >> (instrument.0 % 64) & 1 == 1 {
            return true;
        }
        if may_be_fund {
            return false;
        }
        let in_band = || {
            let sized = sizes.band(instrument);
            sized.is_some_and(|sized| self.bands >> sized.band & 1 == 1)
        };
        let in_rank = || {
            let company = sizes.company(instrument);
            let is_within =
                |rank: u32| self.ranks.iter().any(|(first, last)| *first <= rank && rank <= *last);
            company.is_some_and(|company| is_within(company.rank))
        };
        (self.bands != 0 && in_band()) || (!self.ranks.is_empty() && in_rank())
    }
}
