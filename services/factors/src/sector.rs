//! Sectors of listed lines, from their listings and the holdings of funds, each in the classification
//! scheme of its source.
//!
//! `Finance` of one scheme and `Financials` of another are two rows of a table that never net. So a
//! table has one scheme: by default the one that classifies the most companies of the view
//! ([`most_used`]).
//!
//! If the snapshot allows it, a line without a sector in a scheme has that of the earliest later
//! listing with one, and says so. Holdings published later are not used.

use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    instrument::InstrumentId,
    reference::{Later, ReferenceDataset},
    snapshot::Snapshot,
    track::Rows,
};
use std::collections::{BTreeMap, BTreeSet};

/// The sectors of a line by the name of their scheme, empty if its source names none. The latest
/// listing with a sector of the scheme decides, else the latest holding of a fund.
pub type Sectors<'a> = BTreeMap<&'a str, Sector<'a>>;

/// A sector of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sector<'a> {
    /// Its name.
    pub name: &'a str,
    /// Calendar days from the as-of day to its publication. `None` if it was published by then.
    pub later_days: Option<u16>,
}

/// The sectors of a line.
pub fn sectors(snapshot: &Snapshot, instrument: InstrumentId) -> Sectors<'_> {
    let mut found = Sectors::new();
    for dataset in [Dataset::Listings, Dataset::Holdings] {
        for (scheme, name) in latest(snapshot, instrument, dataset) {
            found.entry(scheme).or_insert(Sector { name, later_days: None });
        }
    }
    while let Some((scheme, sector)) = later_sector(snapshot, instrument, &found) {
        found.insert(scheme, sector);
    }
    found
}

/// The earliest later sector of a scheme that is not among those found.
pub(crate) fn later_sector<'a>(
    snapshot: &'a Snapshot,
    instrument: InstrumentId,
    found: &Sectors<'_>,
) -> Option<(&'a str, Sector<'a>)> {
    let listings = Dataset::Listings;
    let says = |rows: &Rows<'_>, row: usize| {
        sector(snapshot, rows, listings, row).is_some()
            && !found.contains_key(scheme(snapshot, rows, listings, row))
    };
    let Later { rows, row, age_days } =
        snapshot.later(ReferenceDataset::Listings, instrument, says)?;
    let name = sector(snapshot, &rows, listings, row)?;
    let later_days = Some(age_days);
    Some((scheme(snapshot, &rows, listings, row), Sector { name, later_days }))
}

/// Whether a line has a sector in some scheme, published by the as-of date.
pub fn is_classified(snapshot: &Snapshot, instrument: InstrumentId) -> bool {
    [Dataset::Listings, Dataset::Holdings].into_iter().any(|dataset| {
        let rows = snapshot.rows(dataset, instrument);
        (0..rows.len()).rev().any(|row| sector(snapshot, &rows, dataset, row).is_some())
    })
}

/// The scheme of a row; empty if its source names none.
fn scheme<'a>(snapshot: &'a Snapshot, rows: &Rows<'_>, dataset: Dataset, row: usize) -> &'a str {
    let scheme = rows.value(row, dataset.column(Field::SectorScheme));
    scheme.and_then(|scheme| snapshot.text(scheme)).unwrap_or_default()
}

/// The sector of a row. Sources write a dash or nothing if there is none.
fn sector<'a>(
    snapshot: &'a Snapshot,
    rows: &Rows<'_>,
    dataset: Dataset,
    row: usize,
) -> Option<&'a str> {
    let text = snapshot.text(rows.value(row, dataset.column(Field::Sector))?)?.trim();
    text.chars().any(char::is_alphanumeric).then_some(text)
}

/// The latest sector of each scheme in a dataset. If several funds describe the same day, the first
/// one by name is used.
fn latest(snapshot: &Snapshot, instrument: InstrumentId, dataset: Dataset) -> BTreeMap<&str, &str> {
    let rows = snapshot.rows(dataset, instrument);
    let column = dataset.column(Field::SectorScheme);
    // By the number of the scheme's text, so that the many older rows of a scheme cost little.
    let mut found: BTreeMap<u64, (Day, &str, &str)> = BTreeMap::new();
    for row in (0..rows.len()).rev() {
        let (day, scheme) = (rows.day(row), rows.value(row, column).unwrap_or(f64::NAN).to_bits());
        let known = found.get(&scheme).copied();
        if known.is_some_and(|(known, _, _)| day < known) {
            continue;
        }
        let source = snapshot.symbol(rows.other(row));
        if let Some(sector) = sector(snapshot, &rows, dataset, row)
            && known.is_none_or(|(_, first, _)| source < first)
        {
            found.insert(scheme, (day, source, sector));
        }
    }
    let named = found.into_iter().map(|(scheme, (_, _, sector))| {
        (snapshot.text(f64::from_bits(scheme)).unwrap_or_default(), sector)
    });
    named.collect()
}

/// The names of the schemes that classify some lines, sorted; sources that name no scheme have none.
pub fn schemes<'a>(lines: impl Iterator<Item = &'a Sectors<'a>>) -> BTreeSet<&'a str> {
    lines.flat_map(BTreeMap::keys).copied().filter(|scheme| !scheme.is_empty()).collect()
}

/// The scheme that classifies the most of some lines, the first by name of several. Empty if none
/// is classified.
pub fn most_used<'a>(lines: impl Iterator<Item = &'a Sectors<'a>>) -> &'a str {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for scheme in lines.flat_map(BTreeMap::keys) {
        *counts.entry(scheme).or_default() += 1;
    }
    let most = counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(a.0)));
    most.map_or("", |(scheme, _)| scheme)
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::{
        fixture::{Fixture, day},
        instant::Instant,
        instrument::Namespace,
        reference::ReferenceKnowledge,
    };

    const ON: &str = "2021-01-29";

    /// Sectors published in time.
    fn named<const N: usize>(sectors: [(&'static str, &'static str); N]) -> Sectors<'static> {
        let sector = |name| Sector { name, later_days: None };
        sectors.into_iter().map(|(scheme, name)| (scheme, sector(name))).collect()
    }

    #[test]
    fn of_two_funds_on_one_day_the_first_by_name_gives_the_sector() {
        for funds in [["IWM", "IJR"], ["IJR", "IWM"]] {
            let mut fixture = Fixture::new();
            for fund in funds {
                let text = fixture.text(&format!("as {fund} says"));
                let key =
                    (fixture.id(Namespace::Listed, "GME"), fixture.id(Namespace::Listed, fund));
                let known = Instant::close_of(day(ON));
                let sector = [(Field::Sector, text)];
                fixture.fact(Dataset::Holdings, key, day(ON), known, &sector);
            }
            fixture.commit();
            let snapshot = fixture.snapshot(Instant::close_of(day(ON)));
            let found = sectors(&snapshot, snapshot.listed("GME").unwrap());
            assert_eq!(found, named([("", "as IJR says")]));
        }
    }

    /// A listing of Nasdaq's and two lists of GICS: the newer one of each scheme, never mixed.
    #[test]
    fn each_scheme_has_its_own_sector() {
        let mut fixture = Fixture::new();
        let key = (fixture.id(Namespace::Listed, "A"), InstrumentId::NONE);
        for (on, sector, scheme) in [
            ("2021-01-27", "Information Technology", "GICS"),
            ("2021-01-28", "Technology", "NASDAQ"),
            ("2021-01-26", "Industrials", "GICS"),
        ] {
            let values = [
                (Field::Sector, fixture.text(sector)),
                (Field::SectorScheme, fixture.text(scheme)),
            ];
            let on = day(on);
            fixture.fact(Dataset::Listings, key, on, Instant::close_of(on), &values);
        }
        fixture.commit();
        let snapshot = fixture.snapshot(Instant::close_of(day(ON)));
        let both = sectors(&snapshot, snapshot.listed("A").unwrap());
        let expected = [("GICS", "Information Technology"), ("NASDAQ", "Technology")];
        // A week before, each scheme is known only later: 7 days, and what the first listing said.
        let before = fixture.snapshot(Instant::close_of(day("2021-01-20")));
        let line = before.listed("A").unwrap();
        assert!(sectors(&before, line).is_empty());
        let before = before.with_reference(ReferenceKnowledge::EarliestLater { max_age_days: 7 });
        let later = |name, days| Sector { name, later_days: Some(days) };
        assert_eq!(sectors(&before, line), Sectors::from([("GICS", later("Industrials", 6))]));
        assert_eq!(both, named(expected));
        let one = named([("NASDAQ", "Finance")]);
        assert_eq!(most_used([&both, &one].into_iter()), "NASDAQ");
        assert_eq!(most_used([&both].into_iter()), "GICS", "the first by name of equals");
        assert_eq!(most_used(std::iter::empty()), "");
    }
}
