//! The instruments that facts are about, by id, and the dated names of each.

use crate::{day::Day, symbol::Symbol};
use std::collections::BTreeMap;

/// An instrument's id: assigned once, never reused. 0 means "none".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstrumentId(pub u32);

impl InstrumentId {
    /// No instrument: the `other` of a fact that has no second instrument.
    pub const NONE: InstrumentId = InstrumentId(0);
}

/// Two separate namespaces: a series `CPI` is not the ticker `CPI`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Namespace {
    /// Tickers of shares, funds and indices.
    Listed = 1,
    /// Ids of series, schedules, index memberships and baskets.
    Series = 2,
}

impl Namespace {
    /// The namespace with a stored number.
    pub const fn from_code(code: u8) -> Option<Namespace> {
        match code {
            1 => Some(Namespace::Listed),
            2 => Some(Namespace::Series),
            _ => None,
        }
    }

    /// The stored number.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// An instrument and the revision that added it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instrument {
    /// Its id.
    pub id: InstrumentId,
    /// The namespace of its names.
    pub namespace: Namespace,
    /// The revision that added it.
    pub revision: u64,
}

/// A name of an instrument on the days `from ≤ day < until`.
///
/// The names of an instrument at a revision are those written by the latest revision up to it that
/// wrote any: a rename writes all names of the instrument again, and nothing is overwritten.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Naming {
    /// The instrument that has the name.
    pub instrument: InstrumentId,
    /// The revision that wrote it.
    pub revision: u64,
    /// The name.
    pub symbol: Symbol,
    /// First day of the name.
    pub from: Day,
    /// End day, exclusive.
    pub until: Day,
}

/// Every instrument and name of a log, at any revision.
#[derive(Clone, Debug)]
pub struct Directory {
    /// By id, from 1, without gaps.
    instruments: Vec<Instrument>,
    /// By instrument, in the order written.
    namings: Vec<Vec<Naming>>,
    by_symbol: BTreeMap<(Namespace, Symbol), Vec<InstrumentId>>,
}

impl Directory {
    /// A directory without instruments.
    pub const fn empty() -> Directory {
        Directory { instruments: Vec::new(), namings: Vec::new(), by_symbol: BTreeMap::new() }
    }

    /// The id that the next new instrument will get.
    pub fn next_id(&self) -> InstrumentId {
        InstrumentId(self.instruments.len() as u32 + 1)
    }

    /// Adds the instruments and names of a revision. Instruments must be in the order of their ids.
    pub fn extend(&mut self, instruments: &[Instrument], namings: &[Naming]) {
        for instrument in instruments {
            debug_assert_eq!(instrument.id, self.next_id(), "invariant: ids have no gaps");
            self.instruments.push(*instrument);
            self.namings.push(Vec::new());
        }
        for naming in namings {
            let Some(index) = index(naming.instrument).filter(|i| *i < self.instruments.len())
            else {
                debug_assert!(false, "invariant: a naming belongs to a known instrument");
                continue;
            };
            let key = (self.instruments[index].namespace, naming.symbol.clone());
            let holders = self.by_symbol.entry(key).or_default();
            if !holders.contains(&naming.instrument) {
                holders.push(naming.instrument);
            }
            self.namings[index].push(naming.clone());
        }
    }

    /// Number of instruments known at a revision.
    pub fn len_at(&self, revision: u64) -> usize {
        self.instruments.partition_point(|instrument| instrument.revision <= revision)
    }

    /// The instrument with an id.
    pub fn get(&self, id: InstrumentId) -> Option<&Instrument> {
        self.instruments.get(index(id)?)
    }

    /// All instruments known at a revision, by id.
    pub fn all_at(&self, revision: u64) -> &[Instrument] {
        &self.instruments[..self.len_at(revision)]
    }

    /// The names of an instrument at a revision, oldest first.
    pub fn namings(&self, id: InstrumentId, revision: u64) -> &[Naming] {
        let Some(all) = index(id).and_then(|index| self.namings.get(index)) else { return &[] };
        if let [only] = &all[..] {
            // Most instruments never had another name.
            return if only.revision <= revision { all } else { &[] };
        }
        let end = all.partition_point(|naming| naming.revision <= revision);
        let Some(last) = all[..end].last() else { return &[] };
        let start = all.partition_point(|naming| naming.revision < last.revision);
        &all[start..end]
    }

    /// The instruments that ever had a symbol, at any revision.
    pub fn holders(&self, namespace: Namespace, symbol: &Symbol) -> &[InstrumentId] {
        self.by_symbol.get(&(namespace, symbol.clone())).map_or(&[], Vec::as_slice)
    }

    /// The instrument with a symbol on a day. If no instrument has it, a class share written
    /// without a separator (`BRKB`) is looked up in its split spelling.
    pub fn resolve_on(
        &self,
        namespace: Namespace,
        symbol: &Symbol,
        on: Day,
        revision: u64,
    ) -> Option<InstrumentId> {
        let find = |symbol: &Symbol| {
            self.holders(namespace, symbol).iter().copied().find(|id| {
                self.namings(*id, revision).iter().any(|naming| {
                    naming.symbol == *symbol && naming.from <= on && on < naming.until
                })
            })
        };
        find(symbol).or_else(|| match namespace {
            Namespace::Listed => find(&symbol.with_class_split()?),
            Namespace::Series => None,
        })
    }

    /// The instrument with a symbol on a day, else the last one that had it: the rule for requests.
    pub fn resolve(
        &self,
        namespace: Namespace,
        symbol: &Symbol,
        on: Day,
        revision: u64,
    ) -> Option<InstrumentId> {
        self.resolve_on(namespace, symbol, on, revision).or_else(|| {
            let named = self.holders(namespace, symbol).iter().filter_map(|id| {
                let namings = self.namings(*id, revision);
                let until =
                    namings.iter().filter(|n| n.symbol == *symbol).map(|n| n.until).max()?;
                Some((until, *id))
            });
            named.max().map(|(_, id)| id)
        })
    }

    /// The days around a day on which no instrument has a symbol: from the end of its previous use
    /// to the beginning of its next. Meant for days on which [`Directory::resolve_on`] finds
    /// nothing.
    pub fn vacancy(
        &self,
        namespace: Namespace,
        symbol: &Symbol,
        on: Day,
        revision: u64,
    ) -> (Day, Day) {
        let uses = self.holders(namespace, symbol).iter().flat_map(|id| {
            self.namings(*id, revision).iter().filter(|naming| naming.symbol == *symbol)
        });
        vacancy_between(uses, on)
    }

    /// The name of an instrument on a day, else its latest name.
    pub fn symbol_on(&self, id: InstrumentId, on: Day, revision: u64) -> Option<&Symbol> {
        let namings = self.namings(id, revision);
        namings
            .iter()
            .find(|naming| naming.from <= on && on < naming.until)
            .or_else(|| namings.last())
            .map(|naming| &naming.symbol)
    }
}

/// The days around a day between uses of a symbol, none of which covers the day: from the end of the
/// previous one to the beginning of the next.
pub fn vacancy_between<'a>(uses: impl Iterator<Item = &'a Naming>, on: Day) -> (Day, Day) {
    uses.fold((Day::MIN, Day::MAX), |(from, until), naming| {
        if naming.until <= on {
            (from.max(naming.until), until)
        } else {
            (from, until.min(naming.from))
        }
    })
}

fn index(id: InstrumentId) -> Option<usize> {
    (id.0 as usize).checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse_iso(text).unwrap()
    }

    #[test]
    fn a_renamed_instrument_is_found_by_the_name_of_the_day() {
        let symbol = |text| Symbol::listed(text).unwrap();
        let naming = |revision, name, from, until| Naming {
            instrument: InstrumentId(1),
            revision,
            symbol: symbol(name),
            from,
            until,
        };
        let mut directory = Directory::empty();
        let new = Instrument { id: InstrumentId(1), namespace: Namespace::Listed, revision: 1 };
        directory.extend(&[new], &[naming(1, "META", Day::MIN, Day::MAX)]);
        let change = day("2022-06-09");
        directory
            .extend(&[], &[naming(2, "FB", Day::MIN, change), naming(2, "META", change, Day::MAX)]);
        let early = day("2021-01-27");
        let on = |name, revision| {
            directory.resolve_on(Namespace::Listed, &symbol(name), early, revision)
        };
        assert_eq!(on("FB", 2), Some(InstrumentId(1)));
        assert_eq!(on("META", 2), None);
        assert_eq!(on("META", 1), Some(InstrumentId(1)), "revision 1 knew no other name");
        assert_eq!(
            directory.resolve(Namespace::Listed, &symbol("META"), early, 2),
            Some(InstrumentId(1)),
            "a request may use the latest name"
        );
        assert_eq!(directory.symbol_on(InstrumentId(1), early, 2), Some(&symbol("FB")));
    }
}
