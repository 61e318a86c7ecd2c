//! Joins a file's names to instruments, and assigns ids to new ones.

use crate::parsed_file::NameId;
use marketdata::{
    dataset::Dataset,
    day::Day,
    instrument::{Directory, Instrument, InstrumentId, Namespace, Naming},
    market::Market,
    symbol::Symbol,
};

/// The instruments that a file's names refer to.
#[derive(Debug)]
pub(super) struct Resolver<'a> {
    market: &'a Market,
    directory: &'a Directory,
    revision: u64,
    names: &'a [(Namespace, Symbol)],
    /// The day whose names the file uses; `None` if each row uses those of its own day.
    named_on: Option<Day>,
    /// By name: the instrument it refers to on the days `from ≤ day < until`.
    spans: Vec<Vec<(Day, Day, InstrumentId)>>,
    fresh: Vec<(Namespace, Naming)>,
    /// Known instruments that get another spelling: id, old spelling, new spelling.
    respelled: Vec<(InstrumentId, Symbol, Symbol)>,
    known: usize,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(
        market: &'a Market,
        names: &'a [(Namespace, Symbol)],
        named_on: Option<Day>,
    ) -> Resolver<'a> {
        Resolver {
            market,
            directory: market.directory(),
            revision: market.head().revision,
            names,
            named_on,
            spans: vec![Vec::new(); names.len()],
            fresh: Vec::new(),
            respelled: Vec::new(),
            known: 0,
        }
    }

    /// The instrument that a name refers to in a row of a day; a new one if the market does not
    /// know it. `last_day` returns the last day that the file has for the name.
    #[inline]
    pub(super) fn resolve(
        &mut self,
        name: NameId,
        day: Day,
        last_day: impl Fn() -> Day,
    ) -> InstrumentId {
        let Some(spans) = self.spans.get(name.0 as usize) else { return InstrumentId::NONE };
        match spans.iter().find(|(from, until, _)| *from <= day && day < *until) {
            Some((_, _, id)) => *id,
            None => self.look_up(name.0 as usize, day, last_day),
        }
    }

    fn look_up(&mut self, name: usize, day: Day, last_day: impl Fn() -> Day) -> InstrumentId {
        let (namespace, symbol) = &self.names[name];
        let on = |on| self.directory.resolve_on(*namespace, symbol, on, self.revision);
        let by_rows = *namespace == Namespace::Listed && self.named_on.is_none();
        let named_on = self.named_on.unwrap_or(day);
        // A file made after a name was given up still contains the history of its former
        // instrument.
        let known = on(named_on).or_else(|| {
            let directory = self.directory;
            directory.resolve(*namespace, symbol, named_on, self.revision)?;
            if by_rows { None } else { on(last_day()) }
        });
        let known = known.or_else(|| self.adopt(*namespace, symbol, named_on));
        let (from, until, id) = match known {
            Some(id) => {
                self.known += 1;
                let (from, until) = self.span(id, named_on, by_rows);
                (from, until, id)
            }
            None => {
                let id = InstrumentId(self.directory.next_id().0 + self.fresh.len() as u32);
                let (from, until) =
                    self.directory.vacancy(*namespace, symbol, named_on, self.revision);
                let naming = Naming {
                    instrument: id,
                    revision: self.revision + 1,
                    symbol: symbol.clone(),
                    from,
                    until,
                };
                self.fresh.push((*namespace, naming));
                if by_rows { (from, until, id) } else { (Day::MIN, Day::MAX, id) }
            }
        };
        self.spans[name].push((from, until, id));
        id
    }

    /// The instrument that a fund's holdings introduced as `BRKB` before any source wrote `BRK.B`.
    fn adopt(&mut self, namespace: Namespace, symbol: &Symbol, on: Day) -> Option<InstrumentId> {
        let joined = symbol.with_class_joined().filter(|_| namespace == Namespace::Listed)?;
        let id = self.directory.resolve_on(namespace, &joined, on, self.revision)?;
        let mut separating =
            Dataset::ALL.into_iter().filter(|dataset| dataset.descriptor().separates_classes);
        if separating.any(|dataset| self.market.track(dataset, id).is_some()) {
            return None;
        }
        self.respelled.push((id, joined, symbol.clone()));
        Some(id)
    }

    /// The days on which a name refers to a known instrument.
    fn span(&self, id: InstrumentId, day: Day, by_rows: bool) -> (Day, Day) {
        let namings = self.directory.namings(id, self.revision);
        let naming = namings.iter().find(|naming| naming.from <= day && day < naming.until);
        match naming {
            Some(naming) if by_rows => (naming.from, naming.until),
            _ => (Day::MIN, Day::MAX),
        }
    }

    /// Number of instruments in the file.
    pub(super) fn counted(&self) -> usize {
        self.known + self.fresh.len()
    }

    /// How many of them the market already knew.
    pub(super) const fn known(&self) -> usize {
        self.known
    }

    /// The new instruments that are used, renumbered without gaps in the same order.
    pub(super) fn into_fresh(self, used: impl Fn(InstrumentId) -> bool) -> Fresh {
        let first = self.directory.next_id();
        let revision = self.revision + 1;
        let mut fresh = Fresh {
            first,
            renumbered: Vec::with_capacity(self.fresh.len()),
            instruments: Vec::new(),
            namings: Vec::new(),
        };
        for (namespace, naming) in self.fresh {
            let id = InstrumentId(first.0 + fresh.instruments.len() as u32);
            let is_used = used(naming.instrument);
            fresh.renumbered.push(id);
            if is_used {
                fresh.instruments.push(Instrument { id, namespace, revision });
                fresh.namings.push(Naming { instrument: id, ..naming });
            }
        }
        for (id, old, new) in self.respelled.iter().filter(|(id, _, _)| used(*id)) {
            // All names of an instrument are written again, because otherwise the others would be
            // lost.
            fresh.namings.extend(self.directory.namings(*id, self.revision).iter().map(|naming| {
                let symbol = if naming.symbol == *old { new } else { &naming.symbol }.clone();
                Naming { symbol, revision, ..naming.clone() }
            }));
        }
        fresh
    }
}

/// New instruments with their final ids.
#[derive(Debug)]
pub(super) struct Fresh {
    first: InstrumentId,
    renumbered: Vec<InstrumentId>,
    pub(super) instruments: Vec<Instrument>,
    pub(super) namings: Vec<Naming>,
}

impl Fresh {
    /// The final id of an instrument.
    pub(super) fn number(&self, id: InstrumentId) -> InstrumentId {
        match id.0.checked_sub(self.first.0) {
            Some(at) => self.renumbered.get(at as usize).copied().unwrap_or(id),
            None => id,
        }
    }

    /// Whether every provisional id is final.
    pub(super) fn is_identity(&self) -> bool {
        self.renumbered.len() == self.instruments.len()
    }
}
