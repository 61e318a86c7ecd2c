//! Classifies lines as companies or funds, from data and never from missing data.
//!
//! A line is a fund or an index if it is on the configured list or a candidate of a role, its
//! ticker has a leading caret, its holdings are known, or a listing gives it the asset class of a
//! fund. Otherwise it is a company if a listing gives it the asset class of one, it has a sector in
//! a listing or among a fund's holdings, it has a public float, or it is in the breadth universe on
//! the view's day. Everything else is of unknown kind, and answers say so. A line that is sized by
//! facts published later is classified by them as well.

use crate::{
    roles::Roles,
    sector::{is_classified, later_sector},
};
use marketdata::{
    dataset::{Dataset, Field},
    instrument::InstrumentId,
    reference::ReferenceDataset,
    snapshot::Snapshot,
    track::Rows,
};
use std::collections::BTreeMap;

/// Whether a listed line is a company or a fund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InstrumentKind {
    /// Shares of a company.
    Company,
    /// A fund or an index; it has no market value of its own.
    Fund,
    /// The data do not tell.
    Unknown,
}

/// Whole words of an asset class that identify a fund.
const FUND_WORDS: [&str; 9] =
    ["ETF", "ETN", "ETP", "ETC", "FUND", "FUNDS", "EXCHANGE-TRADED", "CLOSED-END", "INDEX"];

/// Whole words of an asset class that identify a company, unless a word of a fund also occurs.
const COMPANY_WORDS: [&str; 10] =
    ["EQUITY", "STOCK", "STOCKS", "COMMON", "SHARE", "SHARES", "ADR", "ADS", "REIT", "ORDINARY"];

impl InstrumentKind {
    /// The kind that an asset class implies, as sources write it: `Common Stock`, `ETF`, `Equity
    /// Fund`.
    pub fn of_asset_class(text: &str) -> InstrumentKind {
        let text = text.to_ascii_uppercase();
        let words = || text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
        if words().any(|word| FUND_WORDS.contains(&word)) || text.contains("EXCHANGE TRADED") {
            InstrumentKind::Fund
        } else if words().any(|word| COMPANY_WORDS.contains(&word)) {
            InstrumentKind::Company
        } else {
            InstrumentKind::Unknown
        }
    }
}

/// What a view's data and the configuration tell about the kind of every line.
#[derive(Clone, Debug)]
pub struct Kinds {
    /// Configured funds and those whose holdings are known, by id.
    funds: Vec<InstrumentId>,
    /// Members of the breadth universes on the view's day, by id.
    members: Vec<InstrumentId>,
}

impl Kinds {
    /// Reads the configured funds, the funds with holdings and the members.
    pub fn of(snapshot: &Snapshot, roles: &Roles) -> Kinds {
        let mut funds: Vec<InstrumentId> =
            roles.fund_symbols().filter_map(|symbol| snapshot.listed(symbol)).collect();
        for held in snapshot.holders(Dataset::Holdings) {
            let rows = snapshot.rows(Dataset::Holdings, held);
            funds.extend((0..rows.len()).map(|row| rows.other(row)));
            funds.sort_unstable();
            funds.dedup();
        }
        funds.sort_unstable();
        funds.dedup();
        let indices: Vec<InstrumentId> =
            roles.breadth_universe.iter().filter_map(|id| snapshot.series_id(id)).collect();
        let members = snapshot.holders(Dataset::Memberships);
        let mut members: Vec<InstrumentId> =
            members.filter(|member| is_member(snapshot, *member, &indices)).collect();
        members.sort_unstable();
        Kinds { funds, members }
    }

    /// The kind of a line.
    pub fn get(&self, snapshot: &Snapshot, instrument: InstrumentId) -> InstrumentKind {
        let class = asset_class(snapshot, instrument);
        if class == InstrumentKind::Fund || self.is_listed_fund(snapshot, instrument) {
            return InstrumentKind::Fund;
        }
        let company = class == InstrumentKind::Company
            || self.members.binary_search(&instrument).is_ok()
            || is_classified(snapshot, instrument)
            || has_float(snapshot, instrument);
        if company { InstrumentKind::Company } else { InstrumentKind::Unknown }
    }

    /// Whether a line is known to be a fund or an index.
    pub fn is_fund(&self, snapshot: &Snapshot, instrument: InstrumentId) -> bool {
        self.is_listed_fund(snapshot, instrument)
            || asset_class(snapshot, instrument) == InstrumentKind::Fund
    }

    fn is_listed_fund(&self, snapshot: &Snapshot, instrument: InstrumentId) -> bool {
        self.funds.binary_search(&instrument).is_ok()
            || snapshot.symbol(instrument).starts_with('^')
    }
}

/// Whether the latest event for one of the indices up to the view's day is a joining. A company
/// that left is not a member, even if another one joined under its ticker.
fn is_member(snapshot: &Snapshot, instrument: InstrumentId, indices: &[InstrumentId]) -> bool {
    let rows = snapshot.rows(Dataset::Memberships, instrument);
    let column = Dataset::Memberships.column(Field::Member);
    let known = rows.last_on_or_before(snapshot.today()).map_or(0, |last| last + 1);
    indices.iter().any(|index| {
        let latest = (0..known).rev().find(|row| rows.other(*row) == *index);
        latest.and_then(|row| rows.value(row, column)).is_some_and(|member| 0.0 < member)
    })
}

/// The kind implied by the latest asset class in a listing.
fn asset_class(snapshot: &Snapshot, instrument: InstrumentId) -> InstrumentKind {
    let rows = snapshot.rows(Dataset::Listings, instrument);
    let column = Dataset::Listings.column(Field::AssetClass);
    let latest = (0..rows.len()).rev().find_map(|row| snapshot.text(rows.value(row, column)?));
    latest.map_or(InstrumentKind::Unknown, InstrumentKind::of_asset_class)
}

fn has_float(snapshot: &Snapshot, instrument: InstrumentId) -> bool {
    let rows = snapshot.rows(Dataset::ShareCounts, instrument);
    (0..rows.len()).rev().any(|row| is_float(&rows, row))
}

fn is_float(rows: &Rows<'_>, row: usize) -> bool {
    let column = Dataset::ShareCounts.column(Field::PublicFloat);
    rows.value(row, column).is_some_and(|float| 0.0 < float)
}

/// The kind implied by facts published later, for a line of which none says anything by the as-of
/// date.
pub fn later_kind(snapshot: &Snapshot, instrument: InstrumentId) -> InstrumentKind {
    let column = Dataset::Listings.column(Field::AssetClass);
    let kind = |rows: &Rows<'_>, row: usize| {
        let text = rows.value(row, column).and_then(|text| snapshot.text(text));
        text.map_or(InstrumentKind::Unknown, InstrumentKind::of_asset_class)
    };
    let is_known = |rows: &Rows<'_>, row: usize| kind(rows, row) != InstrumentKind::Unknown;
    if let Some(later) = snapshot.later(ReferenceDataset::Listings, instrument, is_known) {
        return kind(&later.rows, later.row);
    }
    let has_float =
        || snapshot.later(ReferenceDataset::ShareCounts, instrument, is_float).is_some();
    let is_company = later_sector(snapshot, instrument, &BTreeMap::new()).is_some() || has_float();
    if is_company { InstrumentKind::Company } else { InstrumentKind::Unknown }
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
    fn asset_classes_are_read_as_sources_write_them() {
        for (text, kind) in [
            ("Common Stock", InstrumentKind::Company),
            ("Equity", InstrumentKind::Company),
            ("ADR", InstrumentKind::Company),
            ("ETF", InstrumentKind::Fund),
            ("Equity ETF", InstrumentKind::Fund),
            ("Exchange Traded Fund", InstrumentKind::Fund),
            ("Closed-End Fund", InstrumentKind::Fund),
            ("Fundamental", InstrumentKind::Unknown),
            ("Money Market", InstrumentKind::Unknown),
            ("", InstrumentKind::Unknown),
        ] {
            assert_eq!(InstrumentKind::of_asset_class(text), kind, "{text}");
        }
    }

    #[test]
    fn the_asset_class_of_a_listing_decides() {
        let mut fixture = Fixture::new();
        let on = day("2021-01-29");
        let at = Instant::close_of(on);
        for (symbol, class, sector) in
            [("ARKK", "ETF", "Technology"), ("RSI", "Common Stock", ""), ("PLL", "", "")]
        {
            let key = (fixture.id(Namespace::Listed, symbol), InstrumentId::NONE);
            let mut values = vec![(Field::LastPrice, 10.0)];
            for (field, text) in [(Field::AssetClass, class), (Field::Sector, sector)] {
                if !text.is_empty() {
                    values.push((field, fixture.text(text)));
                }
            }
            fixture.fact(Dataset::Listings, key, on, at, &values);
        }
        fixture.commit();
        let snapshot = fixture.snapshot(at);
        let kinds = Kinds::of(&snapshot, &Roles::standard());
        let kind = |symbol| kinds.get(&snapshot, snapshot.listed(symbol).unwrap());
        assert_eq!(
            [kind("ARKK"), kind("RSI"), kind("PLL")],
            [InstrumentKind::Fund, InstrumentKind::Company, InstrumentKind::Unknown]
        );
    }
}
