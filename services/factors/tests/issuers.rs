//! Which lines form one company: over a whole real list, and for a reused ticker.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../../../tests/support/real_data.rs"]
mod real_files;

use factors::{issuer::Issuers, market_value::CapSource, roles::Roles, size::Sizes};
use flate2::read::GzDecoder;
use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    fixture::{Fixture, day},
    instant::Instant,
    instrument::{InstrumentId, Namespace, Naming},
    market::{Delta, RevisionMark},
    snapshot::Snapshot,
    symbol::Symbol,
};
use std::{io::Read, sync::Arc};

const ON: &str = "2021-01-29";

#[expect(clippy::disallowed_methods, reason = "a test of real files reads them")]
fn screener() -> Option<String> {
    let folder = real_files::folder("the classes of the screener")?;
    let bytes = std::fs::read(folder.join("universe/screener_2021-01-29.csv.gz")).unwrap();
    let mut text = String::new();
    GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    Some(text)
}

/// The lines of the screener that are grouped. Checked by reading: each group has the classes of
/// one company, except CMU and MFM, two funds to which the file gives one name.
const JOINED: &str = "\
AGM AGM.A|AKO.A AKO.B|AMTB AMTBB|BATRA BATRK FWONA FWONK LSXMA LSXMB LSXMK|BBD BBDO|BELFA BELFB\
|BF.A BF.B|BH BH.A|BIO BIO.B|BRK.A BRK.B|CENT CENTA|CIG CIG.C|CMU MFM|CRD.A CRD.B|CWEN CWEN.A\
|DGICA DGICB|DISCA DISCB DISCK|FOX FOXA|GEF GEF.B|GOOG GOOGL|GTN GTN.A|HEI HEI.A|HVT HVT.A\
|JW.A JW.B|KELYA KELYB|LBRDA LBRDK|LBTYA LBTYB LBTYK|LEN LEN.B|LGF.A LGF.B|LILA LILAK\
|LTRPA LTRPB|MKC MKC.V|MOG.A MOG.B|NWS NWSA|PBR PBR.A|PTVCA PTVCB|QADA QADB|QRTEA QRTEB\
|RDI RDIB|RDS.A RDS.B|RUSHA RUSHB|SENEA SENEB|STZ STZ.B|TAP TAP.A|UA UAA|UBA UBP|UONE UONEK\
|VIAC VIACA|WSO WSO.B|Z ZG";

#[test]
fn only_common_shares_are_grouped() {
    let Some(text) = screener() else { return };
    let mut fixture = Fixture::new();
    let mut named: Vec<(InstrumentId, String, String)> = Vec::new();
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let (symbol, name) = (cells[1], cells[2]);
        let id = fixture.id(Namespace::Listed, symbol);
        let words = fixture.text(name);
        let at = Instant::close_of(day(ON));
        let key = (id, InstrumentId::NONE);
        fixture.fact(Dataset::Listings, key, day(ON), at, &[(Field::Name, words)]);
        named.push((id, symbol.replace('/', "."), name.to_lowercase()));
    }
    fixture.commit();
    let snapshot = fixture.snapshot(Instant::close_of(day(ON)));
    let ids: Vec<InstrumentId> = named.iter().map(|(id, _, _)| *id).collect();
    let issuers = Issuers::of(&snapshot, &Roles::standard(), ids);
    let mut joined = Vec::new();
    for lines in issuers.companies().iter().filter(|lines| 1 < lines.len()) {
        for (_, symbol, name) in named.iter().filter(|(id, _, _)| lines.contains(id)) {
            let words = ["warrant", " right", " unit", "preferred", "%"];
            assert!(!words.iter().any(|word| name.contains(word)), "{symbol}: {name}");
            let suffixes = [".WS", ".U", ".PR", ".RT"];
            assert!(!suffixes.iter().any(|suffix| symbol.contains(suffix)), "{symbol}: {name}");
        }
        joined.push(lines.iter().map(|id| snapshot.symbol(*id)).collect::<Vec<_>>().join(" "));
    }
    assert_eq!(joined.join("|"), JOINED);
}

/// A company whose ticker was reused by another: both are called `XYZ`, one until a day, the other
/// from it on.
fn reused() -> Snapshot {
    let mut fixture = Fixture::new();
    let until = day("2021-01-04");
    let none = InstrumentId::NONE;
    fixture.closes("OLD", &[(until.plus(-10), 90.0)]).closes("XYZ", &[(day(ON), 20.0)]);
    let [old, new] = ["OLD", "XYZ"].map(|symbol| fixture.id(Namespace::Listed, symbol));
    for (id, on, count) in [(old, until.plus(-20), 1e9), (new, day("2021-01-15"), 5e7)] {
        let (at, name) = (Instant::close_of(on), fixture.text("Xyz Inc. Common Stock"));
        let counts = [(Field::SharesOutstanding, count), (Field::PublicFloat, count)];
        fixture.fact(Dataset::ShareCounts, (id, none), on, at, &counts);
        fixture.fact(Dataset::Listings, (id, none), on, at, &[(Field::Name, name)]);
    }
    fixture.commit();
    let naming = |instrument, from, until| Naming {
        instrument,
        revision: 2,
        symbol: Symbol::listed("XYZ").unwrap(),
        from,
        until,
    };
    let market = fixture.market().apply(Delta {
        marks: vec![RevisionMark { revision: 2, data_version: [2; 32] }],
        instruments: Vec::new(),
        namings: vec![naming(old, Day::MIN, until), naming(new, until, Day::MAX)],
        texts: Vec::new(),
        segments: Vec::new(),
    });
    Snapshot::new(Arc::new(market), Instant::close_of(day(ON)), 2).unwrap()
}

#[test]
fn a_reused_ticker_does_not_merge_two_companies() {
    let snapshot = reused();
    let sizes = Sizes::of(&snapshot, &Roles::standard(), Day::MAX);
    let size = sizes.get(snapshot.listed("XYZ").unwrap()).unwrap();
    // 50m shares at 20, without the 90bn of the former company.
    assert!((size.market_cap_usd / 1e9 - 1.0).abs() < 1e-12, "{size:?}");
    assert_eq!(size.line.source, CapSource::SharesTimesClose);
}
