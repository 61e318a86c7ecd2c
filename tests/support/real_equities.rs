//! Real files: 2,163 US stocks from July 2020 to March 2021, the squeeze of January 2021 included; read
//! by tests alone, included by path.
//!
//! Names are those alive in March 2024. Sectors and counts of shares published later are used for
//! earlier days.

use flate2::read::GzDecoder;
use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    fixture::Fixture,
    instant::Instant,
    instrument::{InstrumentId, Namespace},
    reference::ReferenceKnowledge,
    snapshot::Snapshot,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    path::Path,
};

/// Rows of a file as cells by the names of its columns.
#[expect(clippy::disallowed_methods, reason = "a test of real files reads them")]
pub(crate) fn rows(folder: &Path, file: &str, columns: &[&str]) -> Vec<Vec<String>> {
    let bytes = std::fs::read(folder.join(file)).expect(file);
    let mut text = String::new();
    if file.ends_with(".gz") {
        GzDecoder::new(&bytes[..]).read_to_string(&mut text).expect(file);
    } else {
        text = String::from_utf8(bytes).expect(file);
    }
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let places: Vec<usize> = columns
        .iter()
        .map(|name| header.iter().position(|column| column == name).expect(name))
        .collect();
    let cells = |line: &str| -> Option<Vec<String>> {
        let cells: Vec<&str> = line.split(',').collect();
        // A quoted comma shifts the cells; no name of the price file has one.
        (cells.len() == header.len())
            .then(|| places.iter().map(|at| cells[*at].to_owned()).collect())
    };
    lines.filter_map(cells).collect()
}

const FOLDER: &str = "prices/us_equities_2020-07_2021-03.csv.gz";

/// The market of the files.
pub(crate) struct World {
    pub(crate) fixture: Fixture,
    /// The days with prices.
    pub(crate) days: Vec<Day>,
    names: BTreeSet<String>,
}

impl World {
    /// Reads prices, counts of shares, short interest and sectors.
    pub(crate) fn of(folder: &Path) -> World {
        let mut world = World { fixture: Fixture::new(), days: Vec::new(), names: BTreeSet::new() };
        world.prices(folder);
        world.shares(folder);
        world.sectors(folder);
        world.fixture.commit();
        world
    }

    /// Prices in the share units of January 2021: no stock splits between the settlements used and
    /// the end of the file.
    fn prices(&mut self, folder: &Path) {
        let file = "universe/split_factor_2021-01-29_to_2024-03.csv";
        let columns = ["symbol", "factor"];
        let factors: BTreeMap<String, f64> = rows(folder, file, &columns)
            .into_iter()
            .map(|row| (row[0].clone(), row[1].parse().expect("a factor")))
            .collect();
        let mut days = BTreeSet::new();
        let columns = ["Ticker", "Date", "Close", "Volume"];
        for row in rows(folder, FOLDER, &columns) {
            let on = Day::parse_iso(&row[1]).expect("a date");
            let factor = factors.get(&row[0]).copied().unwrap_or(1.0);
            let close: f64 = row[2].parse().expect("a close");
            let volume: f64 = row[3].parse().expect("a volume");
            let key = (self.fixture.id(Namespace::Listed, &row[0]), InstrumentId::NONE);
            let bar = [(Field::Close, close * factor), (Field::Volume, volume / factor)];
            self.fixture.fact(Dataset::Bars, key, on, Instant::close_of(on), &bar);
            days.insert(on);
            self.names.insert(row[0].clone());
        }
        self.days = days.into_iter().collect();
    }

    fn shares(&mut self, folder: &Path) {
        let file = "short_interest/publication_times.csv";
        for publication in rows(folder, file, &["settlement", "first_seen"]) {
            let settled = Day::parse_iso(&publication[0]).expect("a date");
            let seen = Instant::parse_rfc3339(&publication[1]).expect("an instant");
            let file = format!("short_interest/settle_{}.csv.gz", publication[0]);
            let columns = ["symbol", "shares_outstanding", "public_float", "shares_sold_short"];
            for row in rows(folder, &file, &columns) {
                if !self.names.contains(&row[0]) {
                    continue;
                }
                let number = |cell: &str| cell.parse::<f64>().ok().filter(|x| *x > 0.0);
                let key = (self.fixture.id(Namespace::Listed, &row[0]), InstrumentId::NONE);
                let counts = [
                    (Field::SharesOutstanding, number(&row[1])),
                    (Field::PublicFloat, number(&row[2])),
                ];
                let counts: Vec<(Field, f64)> =
                    counts.iter().filter_map(|(field, value)| Some((*field, (*value)?))).collect();
                if !counts.is_empty() {
                    self.fixture.fact(Dataset::ShareCounts, key, settled, seen, &counts);
                }
                if let Some(short) = number(&row[3]) {
                    let short = [(Field::SharesShort, short)];
                    self.fixture.fact(Dataset::ShortInterest, key, settled, seen, &short);
                }
            }
        }
    }

    fn sectors(&mut self, folder: &Path) {
        let on = Day::parse_iso("2021-01-29").expect("a date");
        for row in rows(folder, "universe/screener_2021-01-29.csv.gz", &["symbol", "sector"]) {
            if row[1].trim().is_empty() || !self.names.contains(&row[0]) {
                continue;
            }
            let key = (self.fixture.id(Namespace::Listed, &row[0]), InstrumentId::NONE);
            let listing = [
                (Field::Sector, self.fixture.text(&row[1])),
                (Field::SectorScheme, self.fixture.text("NASDAQ")),
            ];
            self.fixture.fact(Dataset::Listings, key, on, Instant::close_of(on), &listing);
        }
    }

    /// The view of a close.
    pub(crate) fn view(&self, day: Day) -> Snapshot {
        let later = ReferenceKnowledge::EarliestLater { max_age_days: 3_653 };
        self.fixture.snapshot(Instant::close_of(day)).with_reference(later)
    }
}
