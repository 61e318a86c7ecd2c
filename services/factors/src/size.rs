//! Size of companies: the market values of their lines put together, and the buckets and ranks they
//! make.
//!
//! A line's value is that of [`line_value`]. Size is a property of the company. Funds have none. A
//! line of which nothing says whether it is a fund has its market value and the bucket and rank that
//! it would have as a company, and takes no place from others in the ranks.
//!
//! A company may be sized by facts published later, if the snapshot allows it; it then says how much
//! later.

use crate::{
    comparison::Comparison,
    issuer::Issuers,
    kind::{InstrumentKind, Kinds, later_kind},
    market_value::{CapSource, LineCap, line_value},
    roles::Roles,
};
use marketdata::{
    dataset::Dataset, day::Day, instrument::InstrumentId, reference::ReferenceKnowledge,
    snapshot::Snapshot,
};
use std::{collections::BTreeMap, sync::Arc};

/// Size of a company by its current market value in USD. The means that betas are shrunk to and the
/// peers of stand-ins use these; answers and the trade use a [`crate::size_scheme`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SizeBucket {
    /// 200 billion and above.
    Mega,
    /// 10 to 200 billion.
    Large,
    /// 2 to 10 billion.
    Mid,
    /// 0.3 to 2 billion.
    Small,
    /// Below 0.3 billion.
    Micro,
}

impl SizeBucket {
    /// Every bucket, the largest companies first.
    pub const ALL: [SizeBucket; 5] = [
        SizeBucket::Mega,
        SizeBucket::Large,
        SizeBucket::Mid,
        SizeBucket::Small,
        SizeBucket::Micro,
    ];

    /// The bucket of a market value in USD.
    pub const fn of(market_cap_usd: f64) -> SizeBucket {
        if 200e9 <= market_cap_usd {
            SizeBucket::Mega
        } else if 10e9 <= market_cap_usd {
            SizeBucket::Large
        } else if 2e9 <= market_cap_usd {
            SizeBucket::Mid
        } else if 0.3e9 <= market_cap_usd {
            SizeBucket::Small
        } else {
            SizeBucket::Micro
        }
    }
}

/// Size of the company behind a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// Number of the company; lines with the same number are its share classes.
    pub issuer: u32,
    /// Whether it is known to be a company: [`InstrumentKind::Company`] or
    /// [`InstrumentKind::Unknown`].
    pub kind: InstrumentKind,
    /// Market value of the company, USD.
    pub market_cap_usd: f64,
    /// Market value of only this line, as known.
    pub line: LineCap,
    /// Bucket of the company.
    pub bucket: SizeBucket,
    /// 1 + the number of companies with a greater market value. A line of unknown kind has a rank,
    /// but is not counted in the ranks of others.
    pub rank: u32,
    /// Calendar days from the as-of day to the latest publication behind the market value. `None` if
    /// all of it was published by then.
    pub later_days: Option<u16>,
}

/// Sizes of all companies of a view.
#[derive(Clone, Debug)]
pub struct Sizes {
    /// By instrument id.
    sizes: Vec<Option<Size>>,
    /// The lines of each company, by its number.
    lines: Vec<Vec<InstrumentId>>,
    /// The kind of every line.
    kinds: Kinds,
    /// The lines with a value, by company.
    issuers: Arc<Issuers>,
    /// Number of companies, including those of unknown kind.
    pub companies: u32,
}

/// The lines of one company and its market value, USD.
struct Company {
    cap: f64,
    kind: InstrumentKind,
    lines: Vec<(InstrumentId, LineCap)>,
}

impl Sizes {
    /// Reads the market values, at closes up to a day, of everything that has a count of shares or a
    /// listing.
    pub fn of(snapshot: &Snapshot, roles: &Roles, until: Day) -> Sizes {
        let caps: Vec<(InstrumentId, LineCap)> = candidates(snapshot)
            .into_iter()
            .filter_map(|id| Some((id, line_value(snapshot, id, until)?)))
            .collect();
        Sizes::assemble(snapshot, roles, &caps, None)
    }

    /// Combines the lines of each company, then ranks the companies. Earlier sizes do not change a
    /// bit of the result.
    pub fn assemble(
        snapshot: &Snapshot,
        roles: &Roles,
        caps: &[(InstrumentId, LineCap)],
        earlier: Option<(&Sizes, &Comparison<'_>)>,
    ) -> Sizes {
        let kinds = Kinds::of(snapshot, roles);
        let kind = |(id, cap): &(InstrumentId, LineCap)| {
            let kind = match kinds.get(snapshot, *id) {
                InstrumentKind::Unknown if cap.later_days.is_some() => later_kind(snapshot, *id),
                kind => kind,
            };
            (*id, (kind, *cap))
        };
        let kept: BTreeMap<InstrumentId, (InstrumentKind, LineCap)> =
            caps.iter().map(kind).filter(|(_, (kind, _))| *kind != InstrumentKind::Fund).collect();
        let ids: Vec<InstrumentId> =
            caps.iter().map(|(id, _)| *id).filter(|id| kept.contains_key(id)).collect();
        let earlier = earlier.map(|(sizes, comparison)| (&sizes.issuers, comparison));
        let issuers = Issuers::continued(snapshot, roles, &ids, earlier);
        let mut companies = companies(&issuers, &kept);
        // Companies of equal value stay in the order of their tickers.
        companies.sort_by(|a, b| b.cap.total_cmp(&a.cap));
        let mut sizes = Vec::new();
        let mut larger = 0;
        for (number, Company { cap, kind, lines }) in companies.iter().enumerate() {
            let later_days = lines.iter().filter_map(|(_, line)| line.later_days).max();
            for (id, line) in lines {
                let at = id.0 as usize;
                sizes.resize(sizes.len().max(at + 1), None);
                sizes[at] = Some(Size {
                    issuer: number as u32,
                    kind: *kind,
                    market_cap_usd: *cap,
                    line: *line,
                    bucket: SizeBucket::of(*cap),
                    rank: larger + 1,
                    later_days,
                });
            }
            larger += u32::from(*kind == InstrumentKind::Company);
        }
        let lines =
            companies.iter().map(|company| company.lines.iter().map(|(id, _)| *id).collect());
        Sizes { sizes, lines: lines.collect(), kinds, companies: companies.len() as u32, issuers }
    }

    /// The size of a line's company; `None` for funds, indices and lines without a known value.
    #[inline]
    pub fn get(&self, instrument: InstrumentId) -> Option<&Size> {
        self.sizes.get(instrument.0 as usize)?.as_ref()
    }

    /// The lines of a company, by its number ([`Size::issuer`]).
    pub fn lines(&self, issuer: u32) -> &[InstrumentId] {
        self.lines.get(issuer as usize).map_or(&[], Vec::as_slice)
    }

    /// Memory held, bytes.
    pub fn bytes(&self) -> usize {
        let of_company = size_of::<Vec<InstrumentId>>() + size_of::<InstrumentId>();
        size_of_val(&self.sizes[..]) + self.lines.len() * of_company + self.issuers.bytes()
    }

    /// The kind of every line.
    pub const fn kinds(&self) -> &Kinds {
        &self.kinds
    }
}

/// The companies of some lines, in the order of their first tickers, without funds. A company is
/// known to be one if one of its lines is.
fn companies(
    issuers: &Issuers,
    kept: &BTreeMap<InstrumentId, (InstrumentKind, LineCap)>,
) -> Vec<Company> {
    let company = |lines: &Vec<InstrumentId>| {
        let found = || lines.iter().filter_map(|id| Some((*id, kept.get(id)?)));
        let known = found().any(|(_, (kind, _))| *kind == InstrumentKind::Company);
        let kind = if known { InstrumentKind::Company } else { InstrumentKind::Unknown };
        let lines: Vec<_> = found().map(|(id, (_, cap))| (id, *cap)).collect();
        let caps = lines.iter().map(|(_, cap): &(InstrumentId, LineCap)| (cap.source, cap.usd));
        Company { cap: CapSource::of_company(caps), kind, lines }
    };
    issuers.companies().iter().map(company).collect()
}

/// Every line that may have a market value, in the order of names.
pub fn candidates(snapshot: &Snapshot) -> Vec<InstrumentId> {
    let mut all: Vec<InstrumentId> =
        snapshot.holders(Dataset::ShareCounts).chain(snapshot.holders(Dataset::Listings)).collect();
    if snapshot.reference() != ReferenceKnowledge::AsPublished {
        // A later count sizes any line that has a price.
        all.extend(snapshot.holders(Dataset::Bars));
    }
    all.sort_unstable();
    all.dedup();
    snapshot.sort_by_name(&mut all);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::{
        dataset::Field,
        fixture::{Fixture, day},
        instant::Instant,
        instrument::Namespace,
        reference::ReferenceKnowledge,
    };

    const ON: &str = "2021-01-29";

    fn shares(fixture: &mut Fixture, symbol: &str, on: &str, count: f64, float: f64) {
        let key = (fixture.id(Namespace::Listed, symbol), InstrumentId::NONE);
        let values = [(Field::SharesOutstanding, count), (Field::PublicFloat, float)];
        fixture.fact(Dataset::ShareCounts, key, day(on), Instant::close_of(day(on)), &values);
    }

    fn listing(fixture: &mut Fixture, symbol: &str, name: &str, cap: f64, last: f64) {
        let key = (fixture.id(Namespace::Listed, symbol), InstrumentId::NONE);
        let (name, sector) = (fixture.text(name), fixture.text("Technology"));
        let values = [
            (Field::Name, name),
            (Field::Sector, sector),
            (Field::MarketCap, cap),
            (Field::LastPrice, last),
        ];
        fixture.fact(Dataset::Listings, key, day(ON), Instant::close_of(day(ON)), &values);
    }

    fn sizes(fixture: &mut Fixture, as_of: &str) -> impl Fn(&str) -> Option<Size> + use<> {
        fixture.commit();
        let snapshot = fixture.snapshot(Instant::close_of(day(as_of)));
        let sizes = Sizes::of(&snapshot, &Roles::standard(), Day::MAX);
        move |symbol| sizes.get(snapshot.listed(symbol)?).copied()
    }

    #[test]
    fn a_bound_belongs_to_the_larger_bucket() {
        let billions = [200.0, 199.9, 10.0, 9.9, 2.0, 1.9, 0.3, 0.29];
        let buckets = billions.map(|b| SizeBucket::of(b * 1e9));
        let expected = [0, 1, 1, 2, 2, 3, 3, 4].map(|i| SizeBucket::ALL[i]);
        assert_eq!(buckets, expected);
    }

    #[test]
    fn share_classes_make_one_company_and_printed_values_are_not_added() {
        let mut fixture = Fixture::new();
        fixture.closes("GOOGL", &[(day(ON), 1827.36)]).closes("GOOG", &[(day(ON), 1835.74)]);
        fixture.closes("BRK.A", &[(day(ON), 344_000.0)]).closes("BRK.B", &[(day(ON), 227.87)]);
        shares(&mut fixture, "GOOGL", "2021-01-15", 300_740_000.0, 300_230_000.0);
        shares(&mut fixture, "GOOG", "2021-01-15", 327_560_000.0, 287_010_000.0);
        shares(&mut fixture, "BRK.A", "2021-01-15", 640_000.0, 640_000.0);
        shares(&mut fixture, "BRK.B", "2021-01-15", 1_400_000_000.0, 1_370_000_000.0);
        listing(&mut fixture, "NWS", "News Corporation Class B", 11.4e9, 17.8);
        listing(&mut fixture, "NWSA", "News Corporation Class A", 11.5e9, 19.4);
        let size = sizes(&mut fixture, "2021-02-01");
        // 300.74m·1827.36 + 327.56m·1835.74 = 549.560e9 + 601.315e9.
        let google = size("GOOGL").unwrap();
        assert!((google.market_cap_usd / 1.150_875e12 - 1.0).abs() < 1e-6, "{google:?}");
        assert_eq!(google.issuer, size("GOOG").unwrap().issuer);
        assert_eq!((google.rank, google.bucket), (1, SizeBucket::Mega));
        // 640,000·344,000 + 1.4e9·227.87 = 220.16e9 + 319.018e9.
        assert!((size("BRK-A").unwrap().market_cap_usd / 539.178e9 - 1.0).abs() < 1e-9);
        let news = size("NWS").unwrap();
        assert_eq!((news.market_cap_usd, news.rank), (11.5e9, 3));
        assert_eq!(news.line.source, CapSource::Printed);
    }

    #[test]
    fn shares_and_prices_are_combined_in_the_units_of_the_day() {
        // AMC: 339m shares of January 2021 at 13.26; the file restated for the 1:10 split of 2023
        // has 132.6.
        let mut fixture = Fixture::new();
        let key = (fixture.id(Namespace::Listed, "AMC"), InstrumentId::NONE);
        let restated = f64::from(day("2024-03-08").epoch());
        let bar = [(Field::Close, 132.6), (Field::PriceBasis, 1.0), (Field::BasisOn, restated)];
        fixture.fact(Dataset::Bars, key, day(ON), Instant::close_of(day(ON)), &bar);
        let from = f64::from(day("2023-08-23").epoch());
        let split = [(Field::FromOn, from), (Field::PriceFactor, 0.1), (Field::ShareFactor, 0.1)];
        let published = Instant::close_of(day("2023-08-24"));
        fixture.fact(Dataset::Splits, key, day("2023-08-24"), published, &split);
        shares(&mut fixture, "AMC", "2021-01-15", 339e6, 300e6);
        let cap = sizes(&mut fixture, ON)("AMC").unwrap().market_cap_usd;
        assert!((cap / (339e6 * 13.26) - 1.0).abs() < 1e-12, "{cap}");
        // The value is the same on a day for which it is unknown whether the split lies before it.
        let key = (fixture.id(Namespace::Listed, "GME"), InstrumentId::NONE);
        let bar = [(Field::Close, 12.5), (Field::PriceBasis, 1.0), (Field::BasisOn, restated)];
        let inside = day("2021-02-16");
        fixture.fact(Dataset::Bars, key, inside, Instant::close_of(inside), &bar);
        let from = f64::from(day(ON).epoch());
        let split = [(Field::FromOn, from), (Field::PriceFactor, 4.0), (Field::ShareFactor, 4.0)];
        fixture.fact(Dataset::Splits, key, day("2024-03-08"), published, &split);
        shares(&mut fixture, "GME", "2021-01-15", 70e6, 50e6);
        listing(&mut fixture, "GME", "GameStop", 22.7e9, 325.0);
        let gamestop = sizes(&mut fixture, "2021-02-16")("GME").unwrap();
        assert_eq!(gamestop.line.source, CapSource::SharesTimesClose);
        assert!((gamestop.market_cap_usd / (70e6 * 50.0) - 1.0).abs() < 1e-12, "{gamestop:?}");
        let later = sizes(&mut fixture, "2024-03-08")("AMC").unwrap().market_cap_usd;
        assert!((later / cap - 1.0).abs() < 1e-12, "a split is not a change of value");
    }

    #[test]
    fn a_printed_value_moves_with_the_price_since() {
        let mut fixture = Fixture::new();
        fixture.closes("ABC", &[(day(ON), 20.0), (day("2021-02-05"), 25.0)]);
        listing(&mut fixture, "ABC", "ABC Corp", 1e9, 20.0);
        listing(&mut fixture, "NIL", "Without a value", 0.0, 1.0);
        let size = sizes(&mut fixture, "2021-02-05");
        assert_eq!(size("ABC").map(|s| s.market_cap_usd), Some(1.25e9));
        assert_eq!(size("NIL"), None, "a market value of zero is missing");
    }

    #[test]
    fn funds_are_not_companies_and_nothing_is_known_early() {
        let mut fixture = Fixture::new();
        for name in ["SPY", "XLK", "AAPL", "MSFT"] {
            fixture.closes(name, &[(day("2021-01-14"), 130.0)]);
        }
        shares(&mut fixture, "SPY", "2021-01-15", 868e6, f64::NAN);
        shares(&mut fixture, "XLK", "2021-01-15", 300e6, f64::NAN);
        shares(&mut fixture, "AAPL", "2021-01-15", 16.8e9, 16.7e9);
        shares(&mut fixture, "MSFT", "2021-01-15", 7.5e9, 7.4e9);
        listing(&mut fixture, "MSFT", "Microsoft Corporation Common Stock", 1.7e12, 130.0);
        shares(&mut fixture, "TSLA", "2021-01-15", 0.9e9, 0.7e9);
        let size = sizes(&mut fixture, "2021-01-15");
        assert_eq!((size("SPY"), size("XLK"), size("TSLA")), (None, None, None));
        assert_eq!(size("AAPL").unwrap().bucket, SizeBucket::Mega);
        assert_eq!(sizes(&mut fixture, "2021-01-14")("AAPL"), None);
    }
    /// A first load on 2026-07-01 leaves 2021 without sizes.
    #[test]
    fn facts_of_a_later_load_size_lines_that_have_a_price() {
        let mut fixture = Fixture::new();
        for (name, closed_on) in [("AAA", ON), ("BBB", ON), ("ETF", ON), ("IPO", "2026-06-30")] {
            fixture.closes(name, &[(day(closed_on), 10.0)]);
        }
        let load = "2026-07-01";
        shares(&mut fixture, "AAA", load, 5e9, 4e9);
        shares(&mut fixture, "IPO", load, 90e9, 80e9);
        // 6bn at 60 are 100m shares, 1bn at the close of 10 in 2021.
        for (name, class) in [("BBB", "Common Stock"), ("ETF", "ETF")] {
            let key = (fixture.id(Namespace::Listed, name), InstrumentId::NONE);
            let values = [
                (Field::MarketCap, 6e9),
                (Field::LastPrice, 60.0),
                (Field::AssetClass, fixture.text(class)),
            ];
            let at = Instant::close_of(day(load));
            fixture.fact(Dataset::Listings, key, day(load), at, &values);
        }
        fixture.commit();
        let size = |on: &str, reference| {
            let snapshot = fixture.snapshot(Instant::close_of(day(on))).with_reference(reference);
            let sizes = Sizes::of(&snapshot, &Roles::standard(), Day::MAX);
            let of = |name: &str| sizes.get(snapshot.listed(name).unwrap()).copied();
            ["AAA", "BBB", "ETF", "IPO"].map(of)
        };
        assert_eq!(size(ON, ReferenceKnowledge::AsPublished), [None; 4]);
        let later = ReferenceKnowledge::EarliestLater { max_age_days: 3_653 };
        let [aaa, bbb, etf, ipo] = size(ON, later);
        // From 2021-01-29 to 2026-07-01: five years with one leap day, and 153 days.
        let days = Some(5 * 365 + 1 + 153);
        let [aaa, bbb] = [aaa.unwrap(), bbb.unwrap()];
        assert_eq!((aaa.market_cap_usd, aaa.rank, aaa.later_days), (50e9, 1, days));
        assert_eq!((bbb.market_cap_usd, bbb.rank, bbb.later_days), (1e9, 2, days));
        assert_eq!((aaa.kind, bbb.kind), (InstrumentKind::Company, InstrumentKind::Company));
        assert_eq!((etf, ipo), (None, None), "a fund, and a company that was not listed yet");
        let limit = ReferenceKnowledge::EarliestLater { max_age_days: 1_978 };
        assert_eq!(size(ON, limit), [None; 4], "1,979 days later is too late");
        // A fact published by then is used as it is.
        let known = size(load, later)[0].unwrap();
        assert_eq!((known.market_cap_usd, known.later_days), (50e9, None));
    }
}
