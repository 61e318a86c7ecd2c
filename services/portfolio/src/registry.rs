//! Which listed lines have an identifier, on which days: one sorted table per view.

use marketdata::{
    dataset::Dataset, day::Day, identifier::Scheme, instrument::InstrumentId, snapshot::Snapshot,
};

/// A scheme and an identifier of at most twelve bytes in one word.
type Key = u128;

/// Maximum bytes of an identifier.
const CODE_BYTES: usize = 12;

/// The days on which a line has an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Carrier {
    key: Key,
    /// The line.
    pub instrument: InstrumentId,
    /// First day.
    pub from: Day,
    /// End day, exclusive.
    pub until: Day,
}

/// Every identifier of a view, whatever its days.
#[derive(Clone, Debug)]
pub struct Registry {
    /// By identifier.
    carriers: Vec<Carrier>,
}

impl Registry {
    /// Reads the security master at the view's revision.
    pub fn of(snapshot: &Snapshot) -> Registry {
        let mut carriers = Vec::new();
        for instrument in snapshot.holders(Dataset::Identifiers) {
            for identity in snapshot.identities(instrument) {
                let scheme = Scheme::ALL.into_iter().find(|s| s.field() == identity.field);
                let key = scheme.and_then(|scheme| key(scheme, identity.text));
                let (from, until) = (identity.from, identity.until);
                carriers.extend(key.map(|key| Carrier { key, instrument, from, until }));
            }
        }
        carriers.sort_unstable();
        Registry { carriers }
    }

    /// A registry without identifiers, for references that have none.
    pub const fn empty() -> Registry {
        Registry { carriers: Vec::new() }
    }

    /// The lines that ever have an identifier.
    pub fn carriers(&self, scheme: Scheme, text: &str) -> &[Carrier] {
        let Some(key) = key(scheme, text) else { return &[] };
        let start = self.carriers.partition_point(|carrier| carrier.key < key);
        let count = self.carriers[start..].partition_point(|carrier| carrier.key == key);
        &self.carriers[start..start + count]
    }

    /// Heap memory used, bytes.
    pub fn heap_bytes(&self) -> usize {
        self.carriers.capacity() * size_of::<Carrier>()
    }
}

/// `None` if the text is too long for any scheme.
fn key(scheme: Scheme, text: &str) -> Option<Key> {
    let start = (scheme as Key) << (8 * CODE_BYTES);
    let pack = |word: Key, byte: u8| word << 8 | Key::from(byte);
    (text.len() <= CODE_BYTES).then(|| start | text.bytes().fold(0, pack))
}
