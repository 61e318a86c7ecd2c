//! Groups lines that are share classes of one company: the only definition for sums over companies.
//!
//! Lines belong together if the configuration says so (the megacaps, and known classes whose
//! tickers have no dot), if their tickers differ only in a class letter after a dot (`BRK.A`,
//! `BRK.B`; `LEN`, `LEN.B`), or if their listed names are the same up to the class of common shares
//! (`Bel Fuse Inc. Class A Common Stock`). Preferred shares, units, warrants and rights stay
//! separate, because their price is not a price of the company's common shares. A line whose ticker
//! belongs to another company today also stays separate, because its old name and old lists
//! describe the other company.

use crate::{
    comparison::Comparison,
    roles::{Issuer, Roles},
};
use marketdata::{
    dataset::{Dataset, Field},
    instrument::InstrumentId,
    snapshot::Snapshot,
};
use std::{collections::BTreeMap, sync::Arc};

/// Texts at which a listed name stops naming the company and begins to name the class.
const CLASS_MARKS: [&str; 11] = [
    " class ",
    " (class ",
    " cl. ",
    " series ",
    " common stock",
    " common share",
    " ordinary share",
    " capital stock",
    " subordinate voting",
    " voting share",
    " american depositary",
];

/// Texts in a listed name which show that the line is not a class of common shares.
const NO_COMMON_SHARES: [&str; 14] = [
    "preferred",
    "preferreds",
    "preference",
    "warrant",
    "warrants",
    "right",
    "rights",
    "unit",
    "units",
    "note",
    "notes",
    "debenture",
    "debentures",
    "bonds",
];

/// Suffixes after the first dot of such a ticker: `TDW.WS.A`, `YAC.U`. Preferred shares, whose
/// suffixes begin with P, are checked separately.
const NO_COMMON_SUFFIXES: [&str; 9] = ["WS", "WT", "W", "U", "UN", "R", "RT", "RI", "RTS"];

/// The lines of each company in a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuers {
    /// The number of the company, by instrument.
    numbers: BTreeMap<InstrumentId, u32>,
    /// The company's lines in the order of their tickers, by company number.
    lines: Vec<Vec<InstrumentId>>,
}

impl Issuers {
    /// Groups the lines. Companies are numbered in the order of their first ticker, so that nothing
    /// depends on the order of ingest.
    pub fn of(
        snapshot: &Snapshot,
        roles: &Roles,
        instruments: impl IntoIterator<Item = InstrumentId>,
    ) -> Issuers {
        let mut all: Vec<(&str, InstrumentId)> =
            instruments.into_iter().map(|id| (snapshot.symbol(id), id)).collect();
        // Two instruments that share a ticker, because it was reused, stay in the given order.
        all.sort_by(|a, b| a.0.cmp(b.0));
        let configured = configured(snapshot, roles);
        let mut groups = Groups::of(all.len());
        let mut first: BTreeMap<Key<'_>, usize> = BTreeMap::new();
        for (at, (symbol, id)) in all.iter().enumerate() {
            for key in keys(snapshot, &configured, symbol, *id).into_iter().flatten() {
                groups.join(at, *first.entry(key).or_insert(at));
            }
        }
        let mut issuers = Issuers { numbers: BTreeMap::new(), lines: Vec::new() };
        let mut places: BTreeMap<usize, u32> = BTreeMap::new();
        for (at, (_, id)) in all.iter().enumerate() {
            let number = *places.entry(groups.first(at)).or_insert_with(|| {
                issuers.lines.push(Vec::new());
                issuers.lines.len() as u32 - 1
            });
            issuers.lines[number as usize].push(*id);
            issuers.numbers.insert(*id, number);
        }
        issuers
    }

    /// The same as [`Issuers::of`]. Earlier companies are shared if they are of the same lines, and
    /// nothing that groups lines has changed since.
    pub fn continued(
        snapshot: &Snapshot,
        roles: &Roles,
        instruments: &[InstrumentId],
        earlier: Option<(&Arc<Issuers>, &Comparison<'_>)>,
    ) -> Arc<Issuers> {
        let holds = |(issuers, comparison): &(&Arc<Issuers>, &Comparison<'_>)| {
            issuers.numbers.len() == instruments.len()
                && instruments.iter().all(|id| issuers.numbers.contains_key(id))
                && comparison.is_same(Dataset::Listings)
                && comparison.has_same_names()
        };
        match earlier.filter(holds) {
            Some((issuers, _)) => Arc::clone(issuers),
            None => Arc::new(Issuers::of(snapshot, roles, instruments.iter().copied())),
        }
    }

    /// The number of a line's company; `None` for a line that was not among those given.
    pub fn number(&self, instrument: InstrumentId) -> Option<u32> {
        self.numbers.get(&instrument).copied()
    }

    /// Memory held outside of itself, in bytes. The nodes of a tree are filled to three quarters.
    pub fn bytes(&self) -> usize {
        let of_line = size_of::<(InstrumentId, u32)>() * 4 / 3 + size_of::<InstrumentId>();
        self.numbers.len() * of_line + self.lines.len() * size_of::<Vec<InstrumentId>>()
    }

    /// The lines of each company: companies by number, lines by ticker.
    pub fn companies(&self) -> &[Vec<InstrumentId>] {
        &self.lines
    }
}

/// A property that all lines of one company share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key<'a> {
    /// The configured issuer.
    Configured(&'a str),
    /// The company's listed name.
    Name(String),
    /// The ticker before its class letter.
    Ticker(&'a str),
}

/// The keys that group a line with others; none if another instrument has its ticker today.
fn keys<'a>(
    snapshot: &Snapshot,
    configured: &BTreeMap<InstrumentId, &'a str>,
    symbol: &'a str,
    id: InstrumentId,
) -> [Option<Key<'a>>; 3] {
    if snapshot.listed(symbol) != Some(id) {
        return [None, None, None];
    }
    let named = configured.get(&id).map(|name| Key::Configured(name));
    let name = listed_name(snapshot, id).map(str::to_ascii_lowercase);
    if !is_common(symbol) || name.as_deref().is_some_and(is_no_common) {
        return [named, None, None];
    }
    let company = name.as_deref().and_then(before_class).map(str::to_owned);
    [named, company.map(Key::Name), Some(Key::Ticker(stem(symbol)))]
}

/// Groups of positions (union-find); the lowest position of a group represents it.
struct Groups {
    parents: Vec<usize>,
}

impl Groups {
    fn of(count: usize) -> Groups {
        Groups { parents: (0..count).collect() }
    }

    fn first(&mut self, at: usize) -> usize {
        let mut root = at;
        while self.parents[root] != root {
            root = self.parents[root];
        }
        self.parents[at] = root;
        root
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.first(one), self.first(other));
        self.parents[one.max(other)] = one.min(other);
    }
}

/// The configured issuer's name for each of its lines.
fn configured<'a>(snapshot: &Snapshot, roles: &'a Roles) -> BTreeMap<InstrumentId, &'a str> {
    let issuers = roles.share_classes.iter().chain(&roles.megacaps);
    let lines = issuers.flat_map(|Issuer { name, classes }| {
        let classes = classes.iter().filter_map(|class| snapshot.listed(class));
        classes.map(|id| (id, name.as_str()))
    });
    lines.collect()
}

/// Whether a ticker can be one of common shares; a caret marks a preferred share.
fn is_common(symbol: &str) -> bool {
    let suffix = symbol.split('.').nth(1).unwrap_or("");
    let is_preferred = symbol.contains('^') || (suffix.starts_with('P') && suffix.len() <= 3);
    !is_preferred && !NO_COMMON_SUFFIXES.contains(&suffix)
}

/// A ticker without its class letter, if it ends in a dot and a class letter; else the whole
/// ticker.
fn stem(symbol: &str) -> &str {
    match symbol.split_once('.') {
        Some((stem, "A" | "B" | "C" | "K" | "V")) => stem,
        _ => symbol,
    }
}

/// The name in the latest listing that has one.
fn listed_name(snapshot: &Snapshot, instrument: InstrumentId) -> Option<&str> {
    let rows = snapshot.rows(Dataset::Listings, instrument);
    let column = Dataset::Listings.column(Field::Name);
    (0..rows.len()).rev().find_map(|row| snapshot.text(rows.value(row, column)?))
}

/// Whether a listed name, in lower case, shows that the line is not a class of common shares.
fn is_no_common(name: &str) -> bool {
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    name.contains('%') || words.any(|word| NO_COMMON_SHARES.contains(&word))
}

/// The company named before the class in a listed name, in lower case.
fn before_class(name: &str) -> Option<&str> {
    let at = CLASS_MARKS.into_iter().filter_map(|mark| name.find(mark)).min()?;
    Some(name[..at].trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::{
        fixture::{Fixture, day},
        instant::Instant,
        instrument::Namespace,
    };

    #[test]
    fn the_company_is_read_from_a_listed_name() {
        // As written in the screener of 2021-01-29 and the list of S&P members.
        for (name, company) in [
            ("Under Armour Inc. Class C Common Stock", Some("under armour inc.")),
            ("Fox Corporation (Class B)", Some("fox corporation")),
            ("Gray Television Inc. CLass A Common Stock", Some("gray television inc.")),
            ("Bancroft Fund Ltd.", None),
            ("Apple Inc. Common Stock", Some("apple inc.")),
            ("AMERCO 6.25% Series B Common Stock", None),
            ("Assurant Inc. Series D Mandatory Convertible Preferred Stock", None),
            ("ArcLight Clean Transition Corp. Unit", None),
            ("Cellectar Biosciences Inc. Series A Warrants", None),
            ("Versus Systems Inc. Class A Warrants", None),
        ] {
            let name = name.to_ascii_lowercase();
            let found = (!is_no_common(&name)).then(|| before_class(&name)).flatten();
            assert_eq!(found, company, "{name}");
        }
        for symbol in ["TDW.WS.A", "AP.WS", "YAC.U", "T.PRA", "BAC.PL", "ABR^A", "X.RT"] {
            assert!(!is_common(symbol), "{symbol}");
        }
        for symbol in ["AP", "LEN.B", "MKC.V", "PBR.A", "PR", "U", "W"] {
            assert!(is_common(symbol), "{symbol}");
        }
    }

    #[test]
    fn the_order_of_ingest_does_not_matter() {
        let lines = |order: &[&str]| {
            let mut fixture = Fixture::new();
            for symbol in order {
                fixture.closes(symbol, &[(day("2021-01-29"), 10.0)]);
            }
            let ids: Vec<_> = order.iter().map(|s| fixture.id(Namespace::Listed, s)).collect();
            fixture.commit();
            let snapshot = fixture.snapshot(Instant::close_of(day("2021-01-29")));
            let issuers = Issuers::of(&snapshot, &Roles::standard(), ids);
            let names = |lines: &Vec<InstrumentId>| -> Vec<String> {
                lines.iter().map(|id| snapshot.symbol(*id).to_owned()).collect()
            };
            issuers.companies().iter().map(names).collect::<Vec<_>>()
        };
        let found = lines(&["UAA", "KO", "BRK.B", "GOOGL", "BRK.A", "UA", "GOOG", "ABR^A", "ABR"]);
        assert_eq!(
            found,
            [
                vec!["ABR"],
                vec!["ABR^A"],
                vec!["BRK.A", "BRK.B"],
                vec!["GOOG", "GOOGL"],
                vec!["KO"],
                vec!["UA", "UAA"],
            ]
        );
        let again = lines(&["ABR", "ABR^A", "GOOG", "UA", "BRK.A", "GOOGL", "BRK.B", "KO", "UAA"]);
        assert_eq!(found, again);
    }
}
