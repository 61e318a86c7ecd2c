//! The universe of breadth: the members of an index as known on each day, or a stand-in.

use factors::{
    comparison::Comparison,
    issuer::Issuers,
    kind::{InstrumentKind, Kinds},
    roles::Roles,
};
use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    instrument::{InstrumentId, Namespace},
    snapshot::Snapshot,
};
use std::collections::BTreeMap;

/// One line of the universe and the days on which it is a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The instrument.
    pub instrument: InstrumentId,
    /// Start day, inclusive, and end day, exclusive; ordered and disjoint.
    pub intervals: Vec<(Day, Day)>,
    /// Whether it is known to be a company. Every member of a configured index is.
    pub is_company: bool,
}

impl Member {
    /// Whether it is a member on a day.
    pub fn on(&self, day: Day) -> bool {
        self.intervals.iter().any(|(from, until)| *from <= day && day < *until)
    }
}

/// The lines over which breadth is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Universe {
    /// The membership's id, or [`Universe::ALL_LISTED`].
    pub id: String,
    /// Whether all listed names are used because no membership is known.
    pub stand_in: bool,
    /// The lines grouped by issuer; issuers and lines are sorted by ticker.
    pub issuers: Vec<Vec<Member>>,
    /// For each range, one more than the index of its last issuer.
    range_ends: Vec<usize>,
}

/// Issuers per range, on average.
const RANGE: u32 = 128;

impl Universe {
    /// The id of the stand-in.
    pub const ALL_LISTED: &'static str = "all listed names with prices";

    /// The universe of a snapshot: the first configured membership that has members, else every
    /// listed name with prices that is not a fund.
    pub fn of(snapshot: &Snapshot, roles: &Roles) -> Universe {
        for id in &roles.breadth_universe {
            let members = members_of(snapshot, id);
            if !members.is_empty() {
                return Universe::with(snapshot, roles, id, members);
            }
        }
        let kinds = Kinds::of(snapshot, roles);
        let always = |instrument| Member {
            instrument,
            intervals: vec![(Day::MIN, Day::MAX)],
            is_company: kinds.get(snapshot, instrument) == InstrumentKind::Company,
        };
        let listed = |id: &InstrumentId| {
            snapshot.instrument(*id).is_some_and(|known| known.namespace == Namespace::Listed)
        };
        let members = snapshot.holders(Dataset::Bars).filter(listed);
        let members = members.filter(|id| !kinds.is_fund(snapshot, *id));
        let members = members.map(always).collect();
        let universe = Universe::with(snapshot, roles, Universe::ALL_LISTED, members);
        Universe { stand_in: true, ..universe }
    }

    fn with(snapshot: &Snapshot, roles: &Roles, id: &str, members: Vec<Member>) -> Universe {
        let issuers = by_issuer(snapshot, roles, members);
        let range_ends = range_ends(snapshot, &issuers);
        Universe { id: id.to_owned(), stand_in: false, issuers, range_ends }
    }

    /// Consecutive issuers, counted together. Where a range ends depends on the ticker of its last
    /// issuer alone, so that a name that is new or gone changes one range, or two.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = &[Vec<Member>]> {
        let starts = std::iter::once(0).chain(self.range_ends.iter().copied());
        starts.zip(&self.range_ends).map(|(start, end)| &self.issuers[start..*end])
    }

    /// Whether the later snapshot has the same universe, with the same roles, because no fact that
    /// it is made from differs. Conservative: may return false even if it has.
    pub fn still_holds(&self, comparison: &Comparison<'_>) -> bool {
        let made_of: &[Dataset] = if self.stand_in {
            &[Dataset::Memberships, Dataset::Listings, Dataset::Holdings, Dataset::ShareCounts]
        } else {
            &[Dataset::Memberships, Dataset::Listings]
        };
        let has_same_holders = || {
            comparison.is_same(Dataset::Bars)
                || comparison.snapshot.has_holders_of(comparison.before, Dataset::Bars)
        };
        comparison.has_same_names()
            && made_of.iter().all(|dataset| comparison.is_same(*dataset))
            && (!self.stand_in || has_same_holders())
    }

    /// Number of lines that are not classified as company or fund, and number of lines.
    pub fn of_unknown_kind(&self) -> (usize, usize) {
        (self.members().filter(|member| !member.is_company).count(), self.members().count())
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        let intervals = |member: &Member| member.intervals.capacity() * size_of::<(Day, Day)>();
        let lines = |lines: &Vec<Member>| {
            let intervals: usize = lines.iter().map(intervals).sum();
            lines.capacity() * size_of::<Member>() + intervals
        };
        size_of::<Universe>()
            + self.id.capacity()
            + self.issuers.capacity() * size_of::<Vec<Member>>()
            + self.issuers.iter().map(lines).sum::<usize>()
            + self.range_ends.capacity() * size_of::<usize>()
    }

    /// Every line, grouped by issuer.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.issuers.iter().flatten()
    }
}

fn members_of(snapshot: &Snapshot, index: &str) -> Vec<Member> {
    let Some(index) = snapshot.series_id(index) else { return Vec::new() };
    let column = Dataset::Memberships.column(Field::Member);
    let mut members = Vec::new();
    for instrument in snapshot.holders(Dataset::Memberships) {
        let rows = snapshot.rows(Dataset::Memberships, instrument);
        let mut intervals: Vec<(Day, Day)> = Vec::new();
        for i in (0..rows.len()).filter(|i| rows.other(*i) == index) {
            let joins = rows.value(i, column).is_some_and(|member| 0.0 < member);
            let inside = intervals.last().is_some_and(|(_, until)| *until == Day::MAX);
            match (joins, inside, intervals.last_mut()) {
                (true, false, _) => intervals.push((rows.day(i), Day::MAX)),
                (false, true, Some((_, until))) => *until = rows.day(i),
                _ => {}
            }
        }
        if !intervals.is_empty() {
            members.push(Member { instrument, intervals, is_company: true });
        }
    }
    members
}

/// Groups the lines by issuer, sorted by ticker.
fn by_issuer(snapshot: &Snapshot, roles: &Roles, members: Vec<Member>) -> Vec<Vec<Member>> {
    let issuers = Issuers::of(snapshot, roles, members.iter().map(|member| member.instrument));
    let mut members: BTreeMap<InstrumentId, Member> =
        members.into_iter().map(|member| (member.instrument, member)).collect();
    let lines =
        |lines: &Vec<InstrumentId>| lines.iter().filter_map(|id| members.remove(id)).collect();
    issuers.companies().iter().map(lines).collect()
}

/// A range ends with an issuer whose first ticker has a hash (FNV-1a) that is a multiple of
/// [`RANGE`], and with the last issuer.
fn range_ends(snapshot: &Snapshot, issuers: &[Vec<Member>]) -> Vec<usize> {
    let hash = |text: &str| {
        text.bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
    };
    let ends = |issuer: &Vec<Member>| {
        let ticker = issuer.first().map_or("", |line| snapshot.symbol(line.instrument));
        hash(ticker) % RANGE == 0
    };
    let mut found: Vec<usize> =
        (1..).zip(issuers).filter(|(_, issuer)| ends(issuer)).map(|(end, _)| end).collect();
    if found.last().copied().unwrap_or(0) < issuers.len() {
        found.push(issuers.len());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::{
        fixture::{Fixture, day},
        instant::Instant,
    };

    fn member(fixture: &mut Fixture, symbol: &str, events: &[(&str, f64)]) {
        let id = fixture.id(Namespace::Listed, symbol);
        let index = fixture.id(Namespace::Series, "SP500");
        for (on, joins) in events {
            let on = day(on);
            let at = Instant::new_york(on, 9, 30);
            let values = [(Field::Member, *joins)];
            fixture.fact(Dataset::Memberships, (id, index), on, at, &values);
        }
    }

    #[test]
    fn members_are_those_of_the_day_and_only_as_known() {
        let mut fixture = Fixture::new();
        member(
            &mut fixture,
            "AAL",
            &[("2021-01-04", 1.0), ("2021-01-08", 0.0), ("2021-02-01", 1.0)],
        );
        member(&mut fixture, "BRK.A", &[("2021-01-04", 1.0)]);
        member(&mut fixture, "BRK.B", &[("2021-01-04", 1.0)]);
        fixture.commit();
        let snapshot = fixture.snapshot(Instant::close_of(day("2021-03-01")));
        let universe = Universe::of(&snapshot, &Roles::standard());
        assert_eq!((universe.id.as_str(), universe.stand_in), ("SP500", false));
        assert_eq!(universe.issuers.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2]);
        let aal = &universe.issuers[0][0];
        let on: Vec<bool> = ["2021-01-03", "2021-01-07", "2021-01-08", "2021-02-01"]
            .map(|text| aal.on(day(text)))
            .into();
        assert_eq!(on, [false, true, false, true]);
        // Before it was published, the departure was not known.
        let early = fixture.snapshot(Instant::close_of(day("2021-01-07")));
        let universe = Universe::of(&early, &Roles::standard());
        assert!(universe.issuers[0][0].on(day("2021-01-08")));
    }

    #[test]
    fn all_listed_companies_stand_in() {
        let mut fixture = Fixture::new();
        let closes = [(day("2021-01-04"), 1.0)];
        for symbol in ["GOOGL", "SPY", "^RUT", "GOOG", "KOSS"] {
            fixture.closes(symbol, &closes);
        }
        fixture.series("DGS10", &closes).commit();
        let snapshot = fixture.snapshot(Instant::close_of(day("2021-01-04")));
        let universe = Universe::of(&snapshot, &Roles::standard());
        assert!(universe.stand_in);
        let symbols: Vec<Vec<&str>> = universe
            .issuers
            .iter()
            .map(|lines| lines.iter().map(|line| snapshot.symbol(line.instrument)).collect())
            .collect();
        assert_eq!(symbols, [vec!["GOOG", "GOOGL"], vec!["KOSS"]]);
    }
}
