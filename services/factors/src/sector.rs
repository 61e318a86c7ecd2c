//! Sectors of listed lines, from their listings and the holdings of funds, each in the classification
//! scheme of its source.
//!
//! `Finance` of one scheme and `Financials` of another are two rows of a table that never net. So a
//! table has one scheme: by default the one that classifies the most companies of the view
//! ([`most_used`]).

use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    instrument::InstrumentId,
    snapshot::Snapshot,
    track::Rows,
};
use std::collections::{BTreeMap, BTreeSet};

/// The sectors of a line by the name of their scheme, empty if its source names none. The latest
/// listing with a sector of the scheme decides, else the latest holding of a fund.
pub type Sectors<'a> = BTreeMap<&'a str, &'a str>;

/// The sectors of a line.
pub fn sectors(snapshot: &Snapshot, instrument: InstrumentId) -> Sectors<'_> {
    let mut found = Sectors::new();
    for dataset in [Dataset::Listings, Dataset::Holdings] {
        for (scheme, sector) in latest(snapshot, instrument, dataset) {
            found.entry(scheme).or_insert(sector);
        }
    }
    found
}

/// Whether a line has a sector in some scheme.
pub fn is_classified(snapshot: &Snapshot, instrument: InstrumentId) -> bool {
    [Dataset::Listings, Dataset::Holdings].into_iter().any(|dataset| {
        let rows = snapshot.rows(dataset, instrument);
        (0..rows.len()).rev().any(|row| sector(snapshot, &rows, dataset, row).is_some())
    })
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
fn latest(snapshot: &Snapshot, instrument: InstrumentId, dataset: Dataset) -> Sectors<'_> {
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
    };

    const ON: &str = "2021-01-29";

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
            assert_eq!(found, Sectors::from([("", "as IJR says")]));
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
        assert_eq!(both, Sectors::from(expected));
        let one = Sectors::from([("NASDAQ", "Finance")]);
        assert_eq!(most_used([&both, &one].into_iter()), "NASDAQ");
        assert_eq!(most_used([&both].into_iter()), "GICS", "the first by name of equals");
        assert_eq!(most_used(std::iter::empty()), "");
    }
}
