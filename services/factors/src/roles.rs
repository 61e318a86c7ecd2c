//! Which symbol fills which role: the small-cap index, the ten-year yield, the megacaps.
//!
//! A role is an ordered list of candidates. The first is the instrument meant; the others are
//! proxies for it, and every answer that uses one names it. Roles are configuration.

use marketdata::{
    dataset::Dataset,
    day::Day,
    instrument::{InstrumentId, Namespace},
    snapshot::Snapshot,
    symbol::Symbol,
};
use std::collections::{BTreeMap, BTreeSet};

/// A role that one instrument fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The small-cap index.
    SmallCapIndex,
    /// The large-cap index, also the market of a beta.
    LargeCapIndex,
    /// The index of the Nasdaq market.
    Nasdaq,
    /// The Dow Jones industrial average.
    Dow,
    /// The mid-cap index.
    MidCapIndex,
    /// The market value of all listed shares.
    BroadMarket,
    /// The large-cap index with equal weights.
    EqualWeight,
    /// The cap-weighted counterpart of [`Role::EqualWeight`], of the same kind (a fund if that is a
    /// fund).
    CapWeight,
    /// Implied volatility of the large-cap index.
    Volatility,
    /// The ten-year Treasury yield, per cent.
    TenYear,
    /// The two-year Treasury yield, per cent.
    TwoYear,
    /// The spread of high-yield credit over Treasuries, per cent.
    CreditSpread,
    /// A member of the basket of defensive sectors; see [`Roles::defensive_sectors`].
    Defensive,
    /// A member of the basket of cyclical sectors; see [`Roles::cyclical_sectors`].
    Cyclical,
}

impl Role {
    /// Every role filled by one instrument. Baskets are lists of their own.
    pub const ALL: [Role; 12] = [
        Role::SmallCapIndex,
        Role::LargeCapIndex,
        Role::Nasdaq,
        Role::Dow,
        Role::MidCapIndex,
        Role::BroadMarket,
        Role::EqualWeight,
        Role::CapWeight,
        Role::Volatility,
        Role::TenYear,
        Role::TwoYear,
        Role::CreditSpread,
    ];

    /// The name in configuration and answers.
    pub const fn id(self) -> &'static str {
        match self {
            Role::SmallCapIndex => "small_cap_index",
            Role::LargeCapIndex => "large_cap_index",
            Role::Nasdaq => "nasdaq",
            Role::Dow => "dow",
            Role::MidCapIndex => "mid_cap_index",
            Role::BroadMarket => "broad_market",
            Role::EqualWeight => "equal_weight",
            Role::CapWeight => "cap_weight",
            Role::Volatility => "volatility",
            Role::TenYear => "ten_year",
            Role::TwoYear => "two_year",
            Role::CreditSpread => "credit_spread",
            Role::Defensive => "defensive_sectors",
            Role::Cyclical => "cyclical_sectors",
        }
    }

    /// The role with a name.
    pub fn from_id(id: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.id() == id)
    }

    const fn standard(self) -> &'static [&'static str] {
        match self {
            Role::SmallCapIndex => &["^RUT", "IWM"],
            Role::LargeCapIndex => &["^GSPC", "SPY"],
            Role::Nasdaq => &["^IXIC", "QQQ"],
            Role::Dow => &["^DJI", "DIA"],
            Role::MidCapIndex => &["^MID", "MDY"],
            Role::BroadMarket => &["^RUA", "VTI", "^GSPC", "SPY"],
            Role::EqualWeight => &["RSP"],
            Role::CapWeight => &["SPY", "^GSPC"],
            Role::Volatility => &["^VIX", "VIX"],
            Role::TenYear => &["DGS10"],
            Role::TwoYear => &["DGS2"],
            Role::CreditSpread => &["BAMLH0A0HYM2"],
            Role::Defensive | Role::Cyclical => &[],
        }
    }
}

/// One issuer and its listed share classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// The name an answer uses for it.
    pub name: String,
    /// The tickers of its classes, most traded first.
    pub classes: Vec<String>,
}

impl Issuer {
    /// The classes that a view knows. Two tickers of one instrument, which was renamed or merged,
    /// are one class.
    pub fn lines<'a>(
        &'a self,
        snapshot: &'a Snapshot,
    ) -> impl Iterator<Item = (&'a String, InstrumentId)> {
        let mut seen = BTreeSet::new();
        let found = self.classes.iter().filter_map(|class| Some((class, snapshot.listed(class)?)));
        found.filter(move |(_, id)| seen.insert(*id))
    }
}

/// The candidates of every role, and the configured lists of issuers and funds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roles {
    candidates: BTreeMap<Role, Vec<String>>,
    /// The issuers that led the market: the "Magnificent Seven".
    pub megacaps: Vec<Issuer>,
    /// Companies with share classes whose tickers differ without a dot; see [`crate::issuer`].
    pub share_classes: Vec<Issuer>,
    /// Ids of the index memberships over which breadth is measured, in order of preference (series
    /// namespace). If none is in the store, all listed names with prices are used instead.
    pub breadth_universe: Vec<String>,
    /// Sector funds that hold up when growth slows; equally weighted.
    pub defensive_sectors: Vec<String>,
    /// Sector funds that depend on growth; equally weighted.
    pub cyclical_sectors: Vec<String>,
    /// Tickers of funds, which are not companies and are therefore kept out of universes and
    /// baskets. Every candidate of a role and every ticker with a caret is kept out as well.
    pub funds: Vec<String>,
}

/// A role and the instrument that fills it in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedRole {
    /// The role.
    pub role: Role,
    /// The symbol as configured.
    pub symbol: String,
    /// The instrument.
    pub instrument: InstrumentId,
    /// The dataset of its history: [`Dataset::Bars`] or [`Dataset::Series`].
    pub dataset: Dataset,
    /// The first candidate, if this instrument is a proxy for it.
    pub proxy_for: Option<String>,
}

impl ResolvedRole {
    /// The instrument if it is a line, which has bars.
    pub fn line(&self) -> Option<InstrumentId> {
        (self.dataset == Dataset::Bars).then_some(self.instrument)
    }
}

/// Funds that desks commonly load together with companies.
const FUNDS: &[&str] = &[
    "AGG", "DIA", "EEM", "EFA", "GLD", "HYG", "IEF", "IJH", "IJR", "IVV", "IWB", "IWC", "IWD",
    "IWF", "IWM", "IWN", "IWO", "KRE", "LQD", "MAGS", "MDY", "QQQ", "RSP", "SHY", "SLV", "SMH",
    "SPY", "TLT", "USO", "VIX", "VOO", "VTI", "VXX", "XBI", "XHB", "XLB", "XLC", "XLE", "XLF",
    "XLI", "XLK", "XLP", "XLRE", "XLU", "XLV", "XLY", "XOP", "XRT",
];

/// Share classes whose tickers have no dot, for companies whose names may not be loaded: those of
/// the screener of 2021-01-29 and their successors.
const SHARE_CLASSES: &[&[&str]] = &[
    &["AMTB", "AMTBB"],
    &["BATRA", "BATRK", "FWONA", "FWONK", "LSXMA", "LSXMB", "LSXMK"],
    &["BELFA", "BELFB"],
    &["CENT", "CENTA"],
    &["DGICA", "DGICB"],
    &["DISCA", "DISCB", "DISCK"],
    &["FOXA", "FOX"],
    &["KELYA", "KELYB"],
    &["LBRDA", "LBRDK"],
    &["LBTYA", "LBTYB", "LBTYK"],
    &["LILA", "LILAK"],
    &["LLYVA", "LLYVK"],
    &["LTRPA", "LTRPB"],
    &["NWSA", "NWS"],
    &["PARA", "PARAA"],
    &["PTVCA", "PTVCB"],
    &["QADA", "QADB"],
    &["QRTEA", "QRTEB"],
    &["RDI", "RDIB"],
    &["RUSHA", "RUSHB"],
    &["SENEA", "SENEB"],
    &["UAA", "UA"],
    &["UBA", "UBP"],
    &["UONE", "UONEK"],
    &["VIAC", "VIACA"],
    &["Z", "ZG"],
];

/// A candidate more than this many calendar days behind the freshest one is skipped.
const FRESH_DAYS: i32 = 7;

impl Roles {
    /// Every line that is configured by its symbol, apart from [`Roles::funds`] and
    /// [`Roles::share_classes`], which say what lines are and name no input.
    pub fn symbols(&self) -> impl Iterator<Item = &String> {
        let roles = self.candidates.values().flatten();
        let megacaps = self.megacaps.iter().flat_map(|issuer| &issuer.classes);
        roles.chain(megacaps).chain(&self.defensive_sectors).chain(&self.cyclical_sectors)
    }

    /// The default roles: indices first, funds as their proxies.
    pub fn standard() -> Roles {
        let candidates = Role::ALL.into_iter().map(|role| (role, owned(role.standard())));
        let issuer = |name: &str, classes: &[&str]| Issuer {
            name: name.to_owned(),
            classes: owned(classes),
        };
        Roles {
            candidates: candidates.collect(),
            megacaps: vec![
                issuer("AAPL", &["AAPL"]),
                issuer("MSFT", &["MSFT"]),
                issuer("GOOGL", &["GOOGL", "GOOG"]),
                issuer("AMZN", &["AMZN"]),
                issuer("NVDA", &["NVDA"]),
                issuer("META", &["META"]),
                issuer("TSLA", &["TSLA"]),
            ],
            share_classes: SHARE_CLASSES
                .iter()
                .map(|classes| issuer(classes[0], classes))
                .collect(),
            breadth_universe: owned(&["SP500"]),
            defensive_sectors: owned(&["XLP", "XLU", "XLV"]),
            cyclical_sectors: owned(&["XLY", "XLI", "XLF", "XLB"]),
            funds: owned(FUNDS),
        }
    }

    /// The same roles with other candidates for one of them.
    #[must_use]
    pub fn with(mut self, role: Role, candidates: Vec<String>) -> Roles {
        self.candidates.insert(role, candidates);
        self
    }

    /// The candidates of a role in order of preference.
    pub fn candidates(&self, role: Role) -> &[String] {
        self.candidates.get(&role).map_or(&[], Vec::as_slice)
    }

    /// Resolves a role to the first candidate with a visible history that is not too far behind the
    /// freshest candidate. `None` if no candidate has a history.
    pub fn resolve_role(&self, snapshot: &Snapshot, role: Role) -> Option<ResolvedRole> {
        let candidates = self.candidates(role);
        let found: Vec<(ResolvedRole, Day)> =
            candidates.iter().filter_map(|symbol| history_of(snapshot, role, symbol)).collect();
        let newest = found.iter().map(|(_, last)| *last).max()?;
        let (mut resolved, _) =
            found.into_iter().find(|(_, last)| newest <= last.plus(FRESH_DAYS))?;
        let first = candidates.first().filter(|first| !same_name(first, &resolved.symbol));
        resolved.proxy_for = first.cloned();
        Some(resolved)
    }

    /// The first day of any candidate of a role. `None` if no candidate has a history.
    pub fn first_day(&self, snapshot: &Snapshot, role: Role) -> Option<Day> {
        let places = self.candidates(role).iter().filter_map(|symbol| places(symbol)).flatten();
        let first = |(dataset, namespace, name): (Dataset, Namespace, Symbol)| {
            let rows = snapshot.rows(dataset, snapshot.resolve(namespace, &name)?);
            (!rows.is_empty()).then(|| rows.day(0))
        };
        places.filter_map(first).min()
    }

    /// Resolves a role filled by a basket to one of its symbols; `None` if that has no visible
    /// history.
    pub fn resolve_role_as(
        &self,
        snapshot: &Snapshot,
        role: Role,
        symbol: &str,
    ) -> Option<ResolvedRole> {
        history_of(snapshot, role, symbol).map(|(resolved, _)| resolved)
    }

    /// The tickers that the configuration treats as funds or indices: the list, the sector baskets
    /// and every candidate of a role. For other funds see [`crate::kind`].
    pub fn fund_symbols(&self) -> impl Iterator<Item = &str> + '_ {
        let baskets = self.defensive_sectors.iter().chain(&self.cyclical_sectors);
        let all = self.funds.iter().chain(baskets).chain(self.candidates.values().flatten());
        all.map(String::as_str)
    }

    /// All tickers of the megacaps.
    pub fn megacap_tickers(&self) -> impl Iterator<Item = &str> + '_ {
        self.megacaps.iter().flat_map(|issuer| issuer.classes.iter().map(String::as_str))
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// `VIX` is `^VIX` without its caret, not a proxy for it.
fn same_name(a: &str, b: &str) -> bool {
    a.trim_start_matches('^').eq_ignore_ascii_case(b.trim_start_matches('^'))
}

/// Where the history of a candidate may be, in order of preference. `None` if its symbol is none.
fn places(symbol: &str) -> Option<[(Dataset, Namespace, Symbol); 2]> {
    Some([
        (Dataset::Bars, Namespace::Listed, Symbol::listed(symbol).ok()?),
        (Dataset::Series, Namespace::Series, Symbol::series(symbol).ok()?),
    ])
}

fn history_of(snapshot: &Snapshot, role: Role, symbol: &str) -> Option<(ResolvedRole, Day)> {
    places(symbol)?.into_iter().find_map(|(dataset, namespace, name)| {
        let instrument = snapshot.resolve(namespace, &name)?;
        let rows = snapshot.rows(dataset, instrument);
        let last = rows.day(rows.last()?);
        let symbol = symbol.to_owned();
        Some((ResolvedRole { role, symbol, instrument, dataset, proxy_for: None }, last))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::{
        fixture::{Fixture, day},
        instant::Instant,
    };

    fn closes(from: &str, count: i32) -> Vec<(Day, f64)> {
        (0..count).map(|i| (day(from).plus(i), 100.0 + f64::from(i))).collect()
    }

    #[test]
    fn the_index_takes_precedence_over_its_fund_unless_it_is_stale() {
        let mut fixture = Fixture::new();
        fixture.closes("^RUT", &closes("2021-01-04", 5)).closes("IWM", &closes("2021-01-04", 5));
        fixture.closes("SPY", &closes("2021-01-04", 5)).commit();
        let as_of = Instant::close_of(day("2021-03-01"));
        let roles = Roles::standard();
        let small = roles.resolve_role(&fixture.snapshot(as_of), Role::SmallCapIndex).unwrap();
        assert_eq!((small.symbol.as_str(), small.proxy_for), ("^RUT", None));
        let large = roles.resolve_role(&fixture.snapshot(as_of), Role::LargeCapIndex).unwrap();
        assert_eq!((large.symbol.as_str(), large.proxy_for.as_deref()), ("SPY", Some("^GSPC")));
        assert_eq!(roles.resolve_role(&fixture.snapshot(as_of), Role::Dow), None);
        // The index stops, the fund continues.
        fixture.closes("IWM", &closes("2021-02-01", 5)).commit();
        let small = roles.resolve_role(&fixture.snapshot(as_of), Role::SmallCapIndex).unwrap();
        assert_eq!((small.symbol.as_str(), small.proxy_for.as_deref()), ("IWM", Some("^RUT")));
        // Before any of it was published, the role is unresolved.
        let early = fixture.snapshot(Instant::close_of(day("2021-01-03")));
        assert_eq!(roles.resolve_role(&early, Role::SmallCapIndex), None);
    }

    #[test]
    fn a_series_can_fill_a_role_and_a_caret_makes_no_proxy() {
        let mut fixture = Fixture::new();
        fixture.series("DGS10", &[(day("2021-01-04"), 0.93)]);
        fixture.closes("VIX", &closes("2021-01-04", 2)).commit();
        let snapshot = fixture.snapshot(Instant::close_of(day("2021-01-06")));
        let roles = Roles::standard();
        let yields = roles.resolve_role(&snapshot, Role::TenYear).unwrap();
        assert_eq!(yields.dataset, Dataset::Series);
        assert_eq!(roles.resolve_role(&snapshot, Role::Volatility).unwrap().proxy_for, None);
        let other = roles.with(Role::TenYear, vec!["MY_YIELD".to_owned()]);
        assert_eq!(other.resolve_role(&snapshot, Role::TenYear), None);
    }

    #[test]
    fn roles_are_found_by_id() {
        for role in Role::ALL {
            assert_eq!(Role::from_id(role.id()), Some(role));
        }
        assert_eq!(Roles::standard().megacap_tickers().count(), 8);
    }
}
