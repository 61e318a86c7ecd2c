//! Fast lookup of instruments: by symbol through the bytes as spelled, packed into one hashed word,
//! and by other identifiers through a sorted table.
//!
//! A request of 500 lines names 500 symbols, nearly all of them in canonical spelling and at most
//! seven bytes long. Those are found by one probe of a flat table that is filled once per view.
//! Every other spelling is looked up with [`Snapshot::listed`], which finds the same instrument.

use crate::{
    identifier::InstrumentRef,
    registry::Registry,
    resolve::{self, Found},
    unresolved::Cause,
};
use marketdata::{
    instrument::{Instrument, InstrumentId, Namespace},
    snapshot::Snapshot,
    symbol::Symbol,
};

/// Maximum bytes of a symbol that fit into a word together with its length.
const PACKED_BYTES: usize = 7;

/// Finds the same listed instruments as [`Snapshot::listed`].
#[derive(Clone, Debug)]
pub struct Lookup {
    snapshot: Snapshot,
    /// A power of two of slots, probed linearly; at most half of them are occupied.
    slots: Vec<Slot>,
    shift: u32,
    /// Rank in the order of names, by instrument id.
    ranks: Vec<u32>,
    registry: Registry,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The packed symbol; 0 if the slot is free.
    key: u64,
    found: Found,
}

const FREE: Slot =
    Slot { key: 0, found: Found { instrument: InstrumentId::NONE, is_of_other_days: false } };

impl Lookup {
    /// Heap memory used, bytes, without the market behind its snapshot.
    pub fn heap_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
            + self.ranks.capacity() * size_of::<u32>()
            + self.registry.heap_bytes()
    }

    /// Prepares every name known at the view's revision.
    pub fn of(snapshot: &Snapshot) -> Lookup {
        let mut found = Vec::new();
        for instrument in listed(snapshot) {
            for naming in snapshot.namings(instrument.id) {
                let Some(key) = pack(naming.symbol.as_str()) else { continue };
                // A name that is normalised to another one (`X.US`) is left to `Snapshot::listed`.
                if Symbol::listed(naming.symbol.as_str()).as_ref() != Ok(&naming.symbol) {
                    continue;
                }
                let holder = resolve::named(snapshot, &naming.symbol);
                found.extend(holder.map(|found| Slot { key, found }));
            }
        }
        Lookup::with_slots(snapshot.clone(), &found)
    }

    fn with_slots(snapshot: Snapshot, found: &[Slot]) -> Lookup {
        let size = (2 * found.len()).next_power_of_two().max(2);
        let mut lookup = Lookup {
            ranks: snapshot.name_ranks(),
            registry: Registry::of(&snapshot),
            snapshot,
            slots: vec![FREE; size],
            shift: u64::BITS - size.trailing_zeros(),
        };
        for slot in found {
            let at = lookup.probe(slot.key);
            lookup.slots[at] = *slot;
        }
        lookup
    }

    /// The view that the table was built from.
    pub const fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The instrument for any spelling of a ticker; `None` if it is unknown.
    #[inline]
    pub fn find(&self, symbol: &str) -> Option<InstrumentId> {
        self.named(symbol).map(|found| found.instrument)
    }

    /// The instrument of a reference.
    ///
    /// # Errors
    /// Why there is no instrument, or more than one.
    #[inline]
    pub fn resolve(&self, reference: &InstrumentRef<&str>) -> Result<Found, Cause> {
        match self.named(reference.symbol) {
            Some(found) if reference.is_symbol_only() => Ok(found),
            named => resolve::resolve(&self.snapshot, &self.registry, named, reference),
        }
    }

    #[inline]
    fn named(&self, symbol: &str) -> Option<Found> {
        match pack(symbol).map(|key| (key, self.slots[self.probe(key)])) {
            Some((key, slot)) if slot.key == key => Some(slot.found),
            _ => resolve::named(&self.snapshot, &Symbol::listed(symbol).ok()?),
        }
    }

    /// Rank of an instrument in the order of names. Ids are in the order of ingest and must not be
    /// used for ordering.
    #[inline]
    pub fn rank(&self, instrument: InstrumentId) -> u32 {
        self.ranks.get(instrument.0 as usize).copied().unwrap_or(u32::MAX)
    }

    /// The slot of a key, or the free slot where it belongs.
    #[inline]
    fn probe(&self, key: u64) -> usize {
        // Fibonacci hashing: the upper bits of the product depend on all bits of the key.
        let mut at = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize;
        while self.slots[at].key != 0 && self.slots[at].key != key {
            at = (at + 1) & (self.slots.len() - 1);
        }
        at
    }
}

fn listed(snapshot: &Snapshot) -> impl Iterator<Item = &Instrument> {
    let all = snapshot.instruments().iter();
    all.filter(|instrument| instrument.namespace == Namespace::Listed)
}

/// Packs up to seven bytes and their number; `None` if the symbol is empty or longer. Never 0.
#[inline]
fn pack(symbol: &str) -> Option<u64> {
    let bytes = symbol.as_bytes();
    if bytes.is_empty() || PACKED_BYTES < bytes.len() {
        return None;
    }
    let packed = bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    Some(packed << 8 | bytes.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_symbols_are_distinct() {
        assert_eq!(pack(""), None);
        assert_eq!(pack("ABCDEFGH"), None);
        let words = ["A", "AA", "A\0", "\0A", "B", "BRK.B", "^GSPC", "ABCDEFG"].map(pack);
        for (at, word) in words.iter().enumerate() {
            assert!(word.is_some() && !words[..at].contains(word));
        }
    }
}
