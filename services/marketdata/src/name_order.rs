//! Instruments in the order of their names.
//!
//! Ids are assigned in the order of ingest. Answers sum, list and break ties in the order of names
//! instead, so that the same facts give the same bits in any order of ingest.

use crate::{
    instrument::{InstrumentId, Namespace},
    snapshot::Snapshot,
};
use std::cmp::Ordering;

impl Snapshot {
    /// Sorts instruments by namespace and symbol on the view's day. Instruments that share a
    /// symbol, because it was reused, are ordered by all their names.
    pub fn sort_by_name(&self, instruments: &mut [InstrumentId]) {
        let namespace = |id| self.instrument(id).map(|known| known.namespace);
        let mut named: Vec<(Option<Namespace>, &str, InstrumentId)> =
            instruments.iter().map(|id| (namespace(*id), self.symbol(*id), *id)).collect();
        named.sort_by(|a, b| {
            let by_symbol = (a.0, a.1).cmp(&(b.0, b.1));
            by_symbol.then_with(|| self.by_all_names(a.2, b.2))
        });
        for (place, (_, _, instrument)) in instruments.iter_mut().zip(named) {
            *place = instrument;
        }
    }

    /// The rank of every instrument of the view's revision in the order of names, indexed by id.
    pub fn name_ranks(&self) -> Vec<u32> {
        let known = self.instruments().iter();
        let mut ordered: Vec<InstrumentId> = known.map(|known| known.id).collect();
        self.sort_by_name(&mut ordered);
        let mut ranks = vec![0; ordered.len() + 1];
        for (rank, instrument) in ordered.iter().enumerate() {
            ranks[instrument.0 as usize] = rank as u32;
        }
        ranks
    }

    fn by_all_names(&self, a: InstrumentId, b: InstrumentId) -> Ordering {
        let names =
            |id| self.namings(id).iter().map(|naming| (&naming.symbol, naming.from, naming.until));
        names(a).cmp(names(b))
    }
}

#[cfg(all(test, feature = "fixture"))]
mod tests {
    use crate::{
        fixture::{Fixture, day},
        instant::Instant,
        instrument::Namespace,
    };

    #[test]
    fn the_order_is_that_of_names_in_any_order_of_ingest() {
        let order = |symbols: &[&str]| {
            let mut fixture = Fixture::new();
            fixture.id(Namespace::Series, "AAA");
            let mut ids: Vec<_> =
                symbols.iter().map(|symbol| fixture.id(Namespace::Listed, symbol)).collect();
            ids.push(fixture.id(Namespace::Series, "AAA"));
            fixture.commit();
            let snapshot = fixture.snapshot(Instant::close_of(day("2021-01-27")));
            snapshot.sort_by_name(&mut ids);
            let ranks = snapshot.name_ranks();
            assert!(
                ids.windows(2).all(|pair| ranks[pair[0].0 as usize] < ranks[pair[1].0 as usize])
            );
            ids.iter().map(|id| snapshot.symbol(*id).to_owned()).collect::<Vec<_>>()
        };
        let expected = ["AMC", "BRK.A", "BRK.B", "GME", "^RUT", "AAA"];
        assert_eq!(order(&["GME", "^RUT", "BRK.B", "AMC", "BRK.A"]), expected);
        assert_eq!(order(&["BRK.A", "AMC", "BRK.B", "^RUT", "GME"]), expected);
    }
}
