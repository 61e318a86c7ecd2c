//! Lines named by any identifier: agreement, several lines, other days, revisions.
//!
//! The identifiers are invented, with check digits from `tests/oracles/identifiers.py`.

use marketdata::{
    dataset::{Dataset, EVER, Field},
    day::Day,
    fixture::{Fixture, day},
    gap::{GapReason, Subject},
    instant::Instant,
    instrument::{InstrumentId, Namespace},
    quotes::Quotes,
    snapshot::Snapshot,
};
use portfolio::{
    book::Book,
    identifier::InstrumentRef,
    lines::{RawLine, Size, Terms},
    lookup::Lookup,
    resolve,
};
use proptest::prelude::*;

const AS_OF: &str = "2021-01-27";
const ISIN: [&str; 4] = ["US0000011074", "US0000021057", "US0000031031", "US0000041014"];
const NONE: InstrumentRef<&str> = InstrumentRef::NONE;

/// Adds a row of a security master from a day on, without an end.
fn identify(fixture: &mut Fixture, symbol: &str, from: &str, texts: &[(Field, &str)]) {
    let id = fixture.id(Namespace::Listed, symbol);
    let values: Vec<(Field, f64)> =
        texts.iter().map(|(field, text)| (*field, fixture.text(text))).collect();
    let key = (id, InstrumentId::NONE);
    fixture.fact(Dataset::Identifiers, key, day(from), EVER, &values);
}

/// AAA at two markets, BBB, and CCC, whose ISIN changes on 2022-06-09; DDD has no identifier.
fn market() -> Fixture {
    let mut fixture = Fixture::new();
    for (symbol, close) in
        [("AAA", 10.0), ("AAL", 11.0), ("BBB", 20.0), ("CCC", 30.0), ("DDD", 40.0)]
    {
        fixture.closes(symbol, &[(day(AS_OF), close), (day("2022-06-10"), close)]);
    }
    let ever = "1900-01-01";
    let (figi, composite) = ("BBG000000016", "BBG000000025");
    identify(
        &mut fixture,
        "AAA",
        ever,
        &[
            (Field::Isin, ISIN[0]),
            (Field::Cusip, "000001107"),
            (Field::Sedol, "B000010"),
            (Field::Figi, figi),
            (Field::Mic, "XNAS"),
        ],
    );
    identify(
        &mut fixture,
        "AAL",
        ever,
        &[(Field::Isin, ISIN[0]), (Field::Sedol, "B000021"), (Field::Mic, "XLON")],
    );
    identify(&mut fixture, "BBB", ever, &[(Field::Isin, ISIN[1]), (Field::Figi, composite)]);
    identify(&mut fixture, "CCC", ever, &[(Field::Isin, ISIN[2])]);
    identify(&mut fixture, "CCC", "2022-06-09", &[(Field::Isin, ISIN[3])]);
    fixture.commit();
    fixture
}

fn at(fixture: &Fixture, on: &str) -> Snapshot {
    fixture.snapshot(Instant::close_of(day(on)))
}

/// The symbol found, with `~` if by a name of other days, or the reason and the sentence.
fn found_in(snapshot: &Snapshot, reference: InstrumentRef<&str>) -> String {
    let lookup = Lookup::of(snapshot);
    let found = lookup.resolve(&reference);
    assert_eq!(found, resolve::find(snapshot, &reference), "with and without a table");
    match found {
        Ok(found) => {
            let mark = if found.is_of_other_days { "~" } else { "" };
            format!("{}{mark}", snapshot.symbol(found.instrument))
        }
        Err(cause) => format!("{:?}: {}", cause.reason(), cause.why_unresolved()),
    }
}

fn found(reference: InstrumentRef<&str>) -> String {
    found_in(&at(&market(), AS_OF), reference)
}

#[test]
fn every_identifier_names_its_line() {
    let cases = [
        (InstrumentRef { cusip: "000001107", ..NONE }, "AAA"),
        (InstrumentRef { sedol: "B000021", ..NONE }, "AAL"),
        (InstrumentRef { figi: "BBG000000025", ..NONE }, "BBB"),
        (InstrumentRef { isin: ISIN[1], ..NONE }, "BBB"),
        (InstrumentRef { symbol: "bbb", isin: ISIN[1], figi: "BBG000000025", ..NONE }, "BBB"),
        // An ISIN of two lines, and what tells them apart.
        (InstrumentRef { isin: ISIN[0], mic: "XLON", ..NONE }, "AAL"),
        (InstrumentRef { isin: ISIN[0], symbol: "AAA", ..NONE }, "AAA"),
        (InstrumentRef { isin: ISIN[0], sedol: "B000021", ..NONE }, "AAL"),
        // Nothing is known of the CUSIP of BBB, nor of the market of DDD.
        (InstrumentRef { symbol: "BBB", cusip: "000002105", ..NONE }, "BBB"),
        (InstrumentRef { symbol: "DDD", mic: "XNAS", ..NONE }, "DDD"),
    ];
    for (reference, expected) in cases {
        assert_eq!(found(reference), expected, "{reference:?}");
    }
}

#[test]
fn what_names_no_single_line_says_why() {
    let cases = [
        (InstrumentRef { symbol: "ZZZ", ..NONE }, "UnknownInstrument", "symbol ZZZ"),
        (InstrumentRef { isin: "US0000051088", ..NONE }, "UnknownInstrument", "isin US0000051088"),
        (
            InstrumentRef { isin: ISIN[0], ..NONE },
            "AmbiguousInstrument",
            "AAA (XNAS) or AAL (XLON)",
        ),
        (
            InstrumentRef { symbol: "BBB", isin: ISIN[0], ..NONE },
            "IdentifiersDisagree",
            "symbol BBB is BBB, isin US0000011074 is AAA (XNAS) or AAL (XLON)",
        ),
        (
            InstrumentRef { isin: ISIN[1], cusip: "000001107", ..NONE },
            "IdentifiersDisagree",
            "isin US0000021057 is BBB, cusip 000001107 is AAA (XNAS)",
        ),
        // An identifier that nobody has, beside a line that has another one.
        (
            InstrumentRef { symbol: "BBB", isin: "US0000051088", ..NONE },
            "IdentifiersDisagree",
            "isin US0000051088 is unknown, and BBB has the isin US0000021057",
        ),
        (
            InstrumentRef { symbol: "ZZZ", isin: ISIN[1], ..NONE },
            "IdentifiersDisagree",
            "symbol ZZZ is unknown, and BBB has the symbol BBB",
        ),
        (InstrumentRef { symbol: "AAA", mic: "XNYS", ..NONE }, "IdentifiersDisagree", "AAA (XNAS)"),
        (
            InstrumentRef { isin: ISIN[0], mic: "XNYS", ..NONE },
            "IdentifiersDisagree",
            "AAA (XNAS) or AAL (XLON)",
        ),
    ];
    for (reference, reason, text) in cases {
        let why = found(reference);
        assert!(why.starts_with(reason) && why.contains(text), "{reference:?}: {why}");
    }
}

#[test]
fn an_identifier_of_another_day_is_used_and_reported() {
    let (old, new) =
        (InstrumentRef { isin: ISIN[2], ..NONE }, InstrumentRef { isin: ISIN[3], ..NONE });
    let market = market();
    let (before, after) = (at(&market, "2022-06-08"), at(&market, "2022-06-09"));
    assert_eq!((found_in(&before, old), found_in(&before, new)), ("CCC".into(), "CCC~".into()));
    assert_eq!((found_in(&after, old), found_in(&after, new)), ("CCC~".into(), "CCC".into()));
    let book = |snapshot: &Snapshot, instrument| {
        let line = RawLine { instrument, ..RawLine::of("", Size::Shares(1.0)) };
        let lines = [RawLine::of("DDD", Size::Shares(-1.0)), line];
        let (lookup, quotes) = (Lookup::of(snapshot), Quotes::of(snapshot));
        Book::join(lines, &Terms::NONE, &lookup, &quotes).unwrap()
    };
    assert_eq!(book(&before, old).other_days_gaps().count(), 0);
    let found = book(&before, new);
    let gaps: Vec<_> = found.other_days_gaps().collect();
    let [gap] = &gaps[..] else { panic!("{gaps:?}") };
    let line = Subject::Line("portfolio.positions[1]".to_owned());
    assert_eq!((gap.reason, &gap.subject), (GapReason::NameOfOtherDays, &line));
    // 30 of 40 + 30.
    assert_eq!(gap.gross_share, Some(30.0 / 70.0));
    assert!(gap.detail.contains("isin US0000041014 is CCC"), "{}", gap.detail);
}

/// FB until 2022-06-09, then META; the ticker FB then belongs to a fund.
#[test]
fn a_reused_ticker_is_checked_against_the_identifier() {
    let mut fixture = Fixture::new();
    let change = day("2022-06-09");
    fixture.closes("FB", &[(day(AS_OF), 300.0)]).commit().rename("FB", "META", change);
    identify(&mut fixture, "FB", "1900-01-01", &[(Field::Isin, ISIN[0])]);
    fixture.closes("FBX", &[(day("2023-06-09"), 25.0)]);
    identify(&mut fixture, "FBX", "2023-01-03", &[(Field::Isin, ISIN[1])]);
    fixture.commit().rename("FBX", "FB", day("2023-01-03")).commit();
    let both = |isin| InstrumentRef { symbol: "FB", isin, ..NONE };
    let (early, late) = (at(&fixture, AS_OF), at(&fixture, "2023-06-09"));
    assert_eq!(found_in(&early, both(ISIN[0])), "FB");
    assert_eq!(found_in(&late, both(ISIN[1])), "FB");
    let why = found_in(&late, both(ISIN[0]));
    assert!(why.contains("symbol FB is FB, isin US0000011074 is META"), "{why}");
    let meta = InstrumentRef { symbol: "META", ..NONE };
    assert_eq!((found_in(&early, meta), found_in(&late, meta)), ("FB~".into(), "META".into()));
}

#[test]
fn an_older_revision_knows_what_it_knew() {
    let mut fixture = market();
    let revision = fixture.market().head().revision;
    identify(&mut fixture, "BBB", "1900-01-01", &[(Field::Isin, "US0000051088")]);
    fixture.commit();
    let instant = Instant::close_of(day(AS_OF));
    let then = Snapshot::new(fixture.market(), instant, revision).unwrap();
    let by = |isin| InstrumentRef { isin, ..NONE };
    assert_eq!(found_in(&then, by(ISIN[1])), "BBB");
    assert!(found_in(&fixture.snapshot(instant), by(ISIN[1])).starts_with("UnknownInstrument"));
    assert_eq!(found_in(&fixture.snapshot(instant), by("US0000051088")), "BBB");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Rows in any order of ingest give the same answers, and everything given is had by the line
    /// found.
    #[test]
    fn the_line_found_has_what_is_given_in_any_order_of_ingest(
        rows in proptest::collection::vec((0..4usize, 0..4usize, 0..3usize, 0..3usize), 0..12),
        asked in (0..5usize, 0..5usize, 0..3usize),
    ) {
        const SYMBOLS: [&str; 4] = ["AAA", "BBB", "CCC", "DDD"];
        const MICS: [&str; 3] = ["", "XNAS", "XLON"];
        const DAYS: [&str; 3] = ["1900-01-01", "2015-01-02", "2025-01-02"];
        let mut rows = rows;
        // Of rows of one line and day the later revision wins, so their order matters.
        rows.sort_by_key(|(symbol, _, from, _)| (*symbol, *from));
        rows.dedup_by_key(|(symbol, _, from, _)| (*symbol, *from));
        let build = |rows: &[(usize, usize, usize, usize)]| {
            let mut fixture = Fixture::new();
            for (symbol, isin, from, mic) in rows {
                let texts = [(Field::Isin, ISIN[*isin]), (Field::Mic, MICS[*mic])];
                let given = if *mic == 0 { &texts[..1] } else { &texts[..] };
                identify(&mut fixture, SYMBOLS[*symbol], DAYS[*from], given);
                fixture.commit();
            }
            fixture
        };
        let reversed: Vec<_> = rows.iter().rev().copied().collect();
        let reference = InstrumentRef {
            symbol: SYMBOLS.get(asked.0).copied().unwrap_or(""),
            isin: ISIN.get(asked.1).copied().unwrap_or(""),
            mic: MICS[asked.2],
            ..NONE
        };
        let (first, second) = (build(&rows), build(&reversed));
        let (one, two) = (at(&first, AS_OF), at(&second, AS_OF));
        let answer = found_in(&one, reference);
        prop_assert_eq!(&answer, &found_in(&two, reference));
        if let Ok(found) = resolve::find(&one, &reference) {
            let symbol = one.symbol(found.instrument);
            prop_assert!(reference.symbol.is_empty() || reference.symbol == symbol);
            let identities = one.identities(found.instrument);
            let isins: Vec<&str> = identities.iter().filter(|i| i.field == Field::Isin).map(|i| i.text).collect();
            prop_assert!(reference.isin.is_empty() || isins.is_empty() || isins.contains(&reference.isin));
            let held = identities.iter().any(|i| i.text == reference.isin && i.holds_on(Day::parse_iso(AS_OF).unwrap()));
            prop_assert!(reference.isin.is_empty() || isins.is_empty() || held != found.is_of_other_days);
        }
    }
}
