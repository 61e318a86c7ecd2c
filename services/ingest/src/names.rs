//! Interns the names that a file uses, so that repeated ones are found quickly.

use marketdata::{
    instrument::Namespace,
    symbol::{InvalidSymbol, Symbol},
};
use std::collections::BTreeMap;
use tables::{refusal::Fault, row::text};

/// Maximum bytes of a name as written: 32 characters, a suffix as in `AAPL US Equity`, blanks.
const SPELLING_BYTES: usize = 64;
/// Maximum memory per spelling, bytes: it is kept in two places, and its symbol in two more.
const SPELLING_MEMORY: u64 = 320;

/// A name of the file: an index into [`Names`], or `NONE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NameId(pub(crate) u32);

impl NameId {
    pub(crate) const NONE: NameId = NameId(u32::MAX);
}

/// The names that a file uses, each once whatever its spelling.
#[derive(Debug)]
pub(crate) struct Names {
    list: Vec<(Namespace, Symbol)>,
    by_text: [BTreeMap<Box<[u8]>, NameId>; 2],
    by_symbol: BTreeMap<(Namespace, Symbol), NameId>,
    /// The listed name of the previous row, and the name that last followed each name: files are
    /// sorted by symbol, or repeat the same symbols in the same order every day.
    last: usize,
    spelled: Vec<(Box<[u8]>, NameId)>,
    next: Vec<usize>,
}

impl Names {
    pub(crate) fn new() -> Names {
        Names {
            list: Vec::new(),
            by_text: [BTreeMap::new(), BTreeMap::new()],
            by_symbol: BTreeMap::new(),
            last: 0,
            spelled: Vec::new(),
            next: Vec::new(),
        }
    }

    /// Number of distinct spellings; different letters or blanks make a new spelling.
    #[inline]
    pub(crate) fn spellings(&self) -> usize {
        self.spelled.len() + self.by_text[1].len()
    }

    /// Memory used, bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.spellings() as u64 * SPELLING_MEMORY
    }

    pub(crate) fn list(&self) -> &[(Namespace, Symbol)] {
        &self.list
    }

    /// The name of a listed instrument.
    #[inline]
    pub(crate) fn listed(&mut self, bytes: &[u8]) -> Result<NameId, Fault> {
        if let Some((text, id)) = self.spelled.get(self.last) {
            if **text == *bytes {
                return Ok(*id);
            }
            let guess = self.next[self.last];
            if let Some((text, id)) = self.spelled.get(guess)
                && **text == *bytes
            {
                self.last = guess;
                return Ok(*id);
            }
        }
        self.listed_slow(bytes)
    }

    fn listed_slow(&mut self, bytes: &[u8]) -> Result<NameId, Fault> {
        let at = match self.by_text[0].get(bytes) {
            Some(at) => at.0 as usize,
            None => {
                let id = self.intern(Namespace::Listed, bytes, Symbol::listed)?;
                let at = self.spelled.len();
                self.spelled.push((bytes.into(), id));
                self.next.push(at + 1);
                self.by_text[0].insert(bytes.into(), NameId(at as u32));
                at
            }
        };
        if let Some(next) = self.next.get_mut(self.last) {
            *next = at;
        }
        self.last = at;
        Ok(self.spelled[at].1)
    }

    /// The id of a series, an index or a schedule.
    pub(crate) fn series(&mut self, bytes: &[u8]) -> Result<NameId, Fault> {
        if let Some(id) = self.by_text[1].get(bytes) {
            return Ok(*id);
        }
        let id = self.intern(Namespace::Series, bytes, Symbol::series)?;
        self.by_text[1].insert(bytes.into(), id);
        Ok(id)
    }

    /// A factor of a vendor's risk model.
    pub(crate) fn factor(&mut self, model: &[u8], factor: &[u8]) -> Result<NameId, Fault> {
        // Before any look at known spellings: `A/B` and `C` are spelled as `A` and `B/C` are.
        if model.contains(&b'/') {
            return Err(Fault::symbol(InvalidSymbol::Character, model));
        }
        let spelling = [model, b"/", factor].concat();
        if let Some(id) = self.by_text[1].get(&*spelling) {
            return Ok(*id);
        }
        let fault = |error| Fault::symbol(error, &spelling);
        if SPELLING_BYTES < model.len() || SPELLING_BYTES < factor.len() {
            return Err(fault(InvalidSymbol::TooLong));
        }
        let symbol = Symbol::factor(&text(model), &text(factor)).map_err(fault)?;
        let id = self.enter((Namespace::Series, symbol));
        self.by_text[1].insert(spelling.into_boxed_slice(), id);
        Ok(id)
    }

    fn intern(
        &mut self,
        namespace: Namespace,
        bytes: &[u8],
        read: impl Fn(&str) -> Result<Symbol, InvalidSymbol>,
    ) -> Result<NameId, Fault> {
        if SPELLING_BYTES < bytes.len() {
            return Err(Fault::symbol(InvalidSymbol::TooLong, bytes));
        }
        let text = text(bytes);
        let symbol = read(&text).map_err(|error| Fault::symbol(error, bytes))?;
        Ok(self.enter((namespace, symbol)))
    }

    /// The id of a name, which is a new one unless the name is known.
    fn enter(&mut self, key: (Namespace, Symbol)) -> NameId {
        let fresh = NameId(self.list.len() as u32);
        if let Some(id) = self.by_symbol.get(&key) {
            return *id;
        }
        self.list.push(key.clone());
        self.by_symbol.insert(key, fresh);
        fresh
    }
}
