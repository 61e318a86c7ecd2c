//! Symbols of a request to instruments, fast: the raw bytes as spelled, in one hashed word.
//!
//! A request of 500 lines names 500 symbols, nearly all of them spelled canonically and at most seven
//! bytes long. Those are found by one probe of a flat table that was filled once per view; every
//! other spelling goes the long way, through [`Snapshot::listed`], and finds the same instrument.

use marketdata::{
    instrument::{Instrument, InstrumentId, Namespace},
    snapshot::Snapshot,
    symbol::Symbol,
};

/// Bytes of a symbol that fit into a word beside its length.
const PACKED_BYTES: usize = 7;

/// Finds listed instruments as [`Snapshot::listed`] does.
#[derive(Clone, Debug)]
pub struct Lookup {
    snapshot: Snapshot,
    /// A power of two slots, probed linearly; at most half of them are taken.
    slots: Vec<Slot>,
    shift: u32,
    /// Places in the order of names, by instrument number.
    ranks: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The packed symbol; 0 where the slot is free.
    key: u64,
    instrument: InstrumentId,
}

const FREE: Slot = Slot { key: 0, instrument: InstrumentId::NONE };

impl Lookup {
    /// The memory it holds outside of itself, bytes, without the market behind its snapshot.
    pub fn heap_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>() + self.ranks.capacity() * size_of::<u32>()
    }

    /// Prepares every name that the view's revision knows.
    pub fn of(snapshot: &Snapshot) -> Lookup {
        let mut found = Vec::new();
        for instrument in listed(snapshot) {
            for naming in snapshot.namings(instrument.id) {
                let Some(key) = pack(naming.symbol.as_str()) else { continue };
                // A name that would be read as another one (`X.US`) takes the long way.
                if Symbol::listed(naming.symbol.as_str()).as_ref() != Ok(&naming.symbol) {
                    continue;
                }
                let holder = snapshot.resolve(Namespace::Listed, &naming.symbol);
                found.extend(holder.map(|instrument| Slot { key, instrument }));
            }
        }
        Lookup::with_slots(snapshot.clone(), &found)
    }

    fn with_slots(snapshot: Snapshot, found: &[Slot]) -> Lookup {
        let size = (2 * found.len()).next_power_of_two().max(2);
        let mut lookup = Lookup {
            ranks: snapshot.name_ranks(),
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

    /// The view it was made of.
    pub const fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The instrument that any spelling of a ticker means; none where nobody goes by it.
    #[inline]
    pub fn find(&self, symbol: &str) -> Option<InstrumentId> {
        match pack(symbol).map(|key| (key, self.slots[self.probe(key)])) {
            Some((key, slot)) if slot.key == key => Some(slot.instrument),
            _ => self.snapshot.listed(symbol),
        }
    }

    /// Where an instrument stands in the order of names; the numbers themselves tell who came first.
    #[inline]
    pub fn rank(&self, instrument: InstrumentId) -> u32 {
        self.ranks.get(instrument.0 as usize).copied().unwrap_or(u32::MAX)
    }

    /// The slot of a key, or the free one where it would go.
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

/// Up to seven bytes and their number; none where the symbol is empty or longer. Never 0.
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
