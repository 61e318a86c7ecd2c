//! Files that are not data and rows that are bad: each gets its own clear message and is not
//! stored.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use ingest::{
    note::NoteCode,
    options::{Limits, Options},
    parser::Parser,
    source::SourceKind,
};
use support::{Desk, day, limits, options, rejections};
use tables::refusal::{Reason, Refusal};

fn refusal(bytes: &[u8], options: Options) -> Refusal {
    Desk::new().prepare(bytes, options).unwrap_err()
}

fn of(text: &str) -> Refusal {
    refusal(text.as_bytes(), options("AAA.csv"))
}

const YAHOO: &str = "Date,Open,High,Low,Close,Adj Close,Volume\n";

#[test]
fn a_file_that_is_not_data_is_refused_with_its_own_message() {
    let utf16: Vec<u8> =
        "Date,Close\n2024-07-08,1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked: Vec<u8> = [&b"\xff\xfe"[..], &utf16].concat();
    let rows = [
        (&b""[..], "EMPTY_FILE", "the file is empty"),
        (b" \r\n\n", "EMPTY_FILE", "the file is empty"),
        (b"Date,Close\n", "NO_ROWS", "the file has a header and no data row"),
        (b"<!DOCTYPE html>\n<html><body>Sign in</body></html>", "HTML_PAGE", "an HTML page"),
        (
            b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>",
            "XML_PAGE",
            "an XML document",
        ),
        (b"<Error><Code>AccessDenied</Code></Error>", "XML_PAGE", "AccessDenied"),
        (b"Exceeded the daily hits limit", "VENDOR_NOTICE", "Exceeded the daily hits limit"),
        (b"No data", "VENDOR_NOTICE", "No data"),
        (b"{\"error\": \"quota\"}", "VENDOR_NOTICE", "quota"),
        (b"\x1f\x8b\x08\x00abc", "BINARY_FILE", "gzip"),
        (b"PK\x03\x04\x14\x00", "BINARY_FILE", "zip"),
        (b"\x01\x02\x03\x04\x05junk\x06\x07\x08\x0e", "BINARY_FILE", "control characters"),
        (b"Date,Close\n2024-07-08,1\n2024-07\0\0\0\0", "NUL_BYTE", "line 3 contains a NUL byte"),
        (&utf16, "WRONG_ENCODING", "UTF-16"),
        (&marked, "WRONG_ENCODING", "UTF-16"),
        (b"alpha,beta,gamma\n1,2,3\n", "UNKNOWN_HEADER", "alpha,beta,gamma"),
        (b"2024-07-08,1.0,2.0,0.5,1.5,100\n", "UNKNOWN_HEADER", "2024-07-08"),
        (
            b"Market_and_Exchange_Names,CFTC_Contract_Market_Code,Open_Interest_All\n",
            "KIND_NOT_READ",
            "commitments of traders",
        ),
    ];
    for (bytes, code, words) in rows {
        let refusal = refusal(bytes, options("AAA.csv"));
        assert_eq!(refusal.code(), code, "{refusal}");
        assert!(refusal.to_string().contains(words), "{refusal} does not say {words:?}");
    }
}

#[test]
fn a_header_that_lacks_columns_is_refused_with_their_names() {
    let Refusal::MissingColumns { kind, missing, .. } = of("Date,Open,High,Low,Last\n") else {
        panic!("another refusal");
    };
    assert_eq!((kind, missing), ("ohlcv_single", vec!["close"]));
    // A date and a close are sufficient, but with tickers it is not a file of one symbol.
    assert_eq!(of("Ticker,Date,Close\n").code(), "KIND_NEEDED");
    for names in ["Code", "Stock", "Company", "Index", "Security"] {
        let header = |columns: &str| format!("Date,{names},{columns}\n");
        assert_eq!(of(&header("Open,High,Low,Close,Volume")).code(), "KIND_NEEDED", "{names}");
        assert_eq!(of(&header("Close")).code(), "KIND_NEEDED", "{names}");
    }
    // If the caller names the kind, the columns of that kind are required.
    let asked = Options { kind: Some(SourceKind::Series), ..options("x.csv") };
    let refusal = refusal(b"date,value\n2024-07-08,1\n", asked);
    assert_eq!(
        refusal.to_string(),
        "a file of kind series needs the columns series, date, value; the header \"date,value\" \
         lacks series"
    );
}

#[test]
fn missing_symbol_index_or_date_is_requested() {
    let name = |name: &str, text: &str| refusal(text.as_bytes(), options(name)).code();
    assert_eq!(name("HistoricalData_1720.csv", "Date,Close\n2024-07-08,1\n"), "SYMBOL_NEEDED");
    assert_eq!(name("prices.csv", "Date,Close\n2024-07-08,1\n"), "SYMBOL_NEEDED");
    assert_eq!(name("members.csv", "ticker,start_date,end_date\nA,2000-01-03,\n"), "INDEX_NEEDED");
    let screener = "symbol,name,last_sale_usd,market_cap_usd\nA,Agilent,1,1\n";
    assert_eq!(name("screener.csv", screener), "DATE_NEEDED");
    let holdings = "Ticker,Name,Asset Class,Weight (%),Shares\nA,Agilent,Equity,1,1\n";
    assert_eq!(name("holdings_2024-07-10.csv", holdings), "SYMBOL_NEEDED");
    assert_eq!(name("IWM_holdings.csv", holdings), "DATE_NEEDED");
    let bad = Options { symbol: Some("<A>".into()), ..options("x.csv") };
    assert_eq!(refusal(b"Date,Close\n2024-07-08,1\n", bad).code(), "BAD_OPTION");
}

#[test]
fn a_trailer_with_another_count_refuses_the_file() {
    let finra = "symbolCode|currentShortPositionQuantity|settlementDate\nA|1|2024-06-28\n";
    let refusal = of(&format!("{finra}2\n"));
    assert_eq!(refusal, Refusal::TrailerCount { stated: 2, found: 1 });
    assert!(Desk::new().prepare(format!("{finra}1\n\n").as_bytes(), options("x")).is_ok());
    // Two files in one: the rows of the second are not lost silently.
    assert_eq!(of(&format!("{finra}1\n{finra}1\n")), Refusal::AfterTrailer { line: 4 });
}

#[test]
fn limits_are_enforced() {
    let bounded = |limits: Limits| {
        let mut parser = Parser::new(options("AAA.csv"), limits);
        parser.push(b"Date,Close\n2024-07-08,1\n2024-07-09,1\n")?;
        parser.finish().map(|_| ())
    };
    assert_eq!(bounded(limits()), Ok(()));
    assert_eq!(bounded(Limits { bytes: 20, ..limits() }), Err(Refusal::TooLarge { limit: 20 }));
    assert_eq!(bounded(Limits { rows: 1, ..limits() }), Err(Refusal::TooManyRows { limit: 1 }));
    let long = Limits { line_bytes: 11, ..limits() };
    assert_eq!(bounded(long), Err(Refusal::LineTooLong { line: 2, limit: 11 }));
    // One endless line, in chunks.
    let mut parser = Parser::new(options("AAA.csv"), limits());
    let pushed = (0..100).try_for_each(|_| parser.push(&[b'x'; 4096]));
    assert!(pushed.and_then(|()| parser.finish().map(|_| ())).is_err());
}

/// Twenty good days of AAA below Yahoo's header, so that one bad row is less than 5 %.
fn good() -> String {
    let days = (3..=22).map(|day| format!("2024-06-{day:02},10,11,9,10.5,10.5,1000\n"));
    YAHOO.to_owned() + &days.collect::<String>()
}

#[test]
fn a_bad_row_is_reported_and_the_rest_is_kept() {
    let rows = [
        ("2024-07-15,10,11,9,10,10,1", Reason::FutureDate, "2024-07-15"),
        ("2024-02-30,10,11,9,10,10,1", Reason::ImpossibleDate, "2024-02-30"),
        ("2024-07-32,10,11,9,10,10,1", Reason::ImpossibleDate, "2024-07-32"),
        ("someday,10,11,9,10,10,1", Reason::ImpossibleDate, "someday"),
        ("2024-07-08,10,11,9,-10,10,1", Reason::NotPositive, "-10"),
        ("2024-07-08,0,11,9,10,10,1", Reason::NotPositive, "the open"),
        ("2024-07-08,10,11,9,NaN,10,1", Reason::NotFinite, "NaN"),
        ("2024-07-08,10,inf,9,10,10,1", Reason::Infinite, "inf"),
        ("2024-07-08,10,11,-Infinity,10,10,1", Reason::Infinite, "-Infinity"),
        ("2024-07-08,10,1e400,9,10,10,1", Reason::Overflow, "1e400"),
        ("2024-07-08,10,11,9,ten,10,1", Reason::NotANumber, "ten"),
        ("2024-07-08,10,8,9,8.5,8.5,1", Reason::HighBelowLow, "high 8 below low 9"),
        ("2024-07-08,10,11,9,11.5,11.5,1", Reason::CloseOutsideRange, "11.5"),
        ("2024-07-08,10,11,9,8.5,8.5,1", Reason::CloseOutsideRange, "8.5"),
        ("2024-07-08,10,11,9,,10,1", Reason::MissingValue, "the close is empty"),
        ("2024-07-08,10,11,9,10,10,-1", Reason::Negative, "-1"),
        ("2024-07-08,10,11,9", Reason::FieldCount, "4 fields, the header has 7"),
        ("2024-07-08,\"10,11,9,10,10,1", Reason::Quotes, "10,11"),
    ];
    for (row, reason, words) in rows {
        let prepared = Desk::new().prepare((good() + row).as_bytes(), options("AAA.csv")).unwrap();
        assert_eq!(rejections(&prepared), [(22, reason)], "{row}");
        assert!(prepared.report.rejections[0].text.contains(words), "{:?}", prepared.report);
        assert_eq!(prepared.report.accepted, 20, "{row}");
    }
}

/// A field with a line break makes two rows, both rejected with their line numbers.
#[test]
fn a_line_break_inside_quotes_is_rejected_by_line() {
    let mut text = "Symbol,Name,Last Sale,Market Cap\n".to_owned();
    for row in 0..50 {
        text += &format!("S{row},\"Name, {row}\",1,1\n");
    }
    text += "X,\"Two\nlines\",1,1\n";
    let file = options("screener_2024-07-11.csv");
    let prepared = Desk::new().prepare(text.as_bytes(), file).unwrap();
    assert_eq!(rejections(&prepared), [(52, Reason::Quotes), (53, Reason::Quotes)]);
    let text = &prepared.report.rejections[0].text;
    assert!(text.contains("line 52 opens a quoted field and does not close it"), "{text}");
    assert_eq!(prepared.report.accepted, 50);
}

#[test]
fn todays_bar_is_accepted_after_the_close() {
    let bar = YAHOO.to_owned() + "2024-07-12,10,11,9,10,10,1\n";
    let at_noon =
        Options { received_at: support::at("2024-07-12T16:00:00Z"), ..options("AAA.csv") };
    let noon = refusal(bar.as_bytes(), at_noon);
    assert!(
        matches!(noon, Refusal::TooManyBadRows { first, .. } if first.reason == Reason::FutureDate)
    );
    assert!(Desk::new().prepare(bar.as_bytes(), options("AAA.csv")).is_ok());
}

#[test]
fn a_price_is_not_published_before_its_day() {
    let said = |at: &str, name: &str| Options {
        published_at: Some(support::at(at)),
        force: true,
        ..options(name)
    };
    let bars = YAHOO.to_owned() + "2024-07-08,10,11,9,10,10,1\n2024-07-09,10,11,9,10,10,1\n";
    let prepared = Desk::new().prepare(bars.as_bytes(), said("2024-07-08T21:00:00Z", "AAA.csv"));
    assert_eq!(rejections(&prepared.unwrap()), [(3, Reason::PublishedBeforeItsDay)]);
    // A split is announced before it happens.
    let split = "symbol,date,price_factor,share_factor\nA,2024-07-10,4,4\n";
    let prepared = Desk::new().prepare(split.as_bytes(), said("2024-06-01T12:00:00Z", "a.csv"));
    assert_eq!(rejections(&prepared.unwrap()), []);
}

#[test]
fn rounding_of_adjusted_prices_is_not_a_fault() {
    // A real row of an adjusted file: the close is above the high by its seventeenth digit.
    let text = "Date,Open,High,Low,Close,Volume\n\
                1998-01-20,43.20189408703894,43.757099151611,42.976342029556406,43.75709915161133,5\n";
    assert!(Desk::new().prepare(text.as_bytes(), options("DIA.csv")).is_ok());
}

#[test]
fn duplicates_are_known_and_contradictions_rejected() {
    let same = good() + "2024-06-22,10,11,9,10.5,10.5,1000\n";
    let prepared = Desk::new().prepare(same.as_bytes(), options("AAA.csv")).unwrap();
    let report = &prepared.report;
    assert_eq!((report.accepted, report.already_known, report.rejected), (20, 1, 0));
    let other = good() + "2024-06-22,10,11,9,10.6,10.6,1000\n";
    let forced = Options { force: true, ..options("AAA.csv") };
    let prepared = Desk::new().prepare(other.as_bytes(), forced).unwrap();
    let both = [(21, Reason::ConflictingDuplicate), (22, Reason::ConflictingDuplicate)];
    assert_eq!(rejections(&prepared), both);
    assert_eq!(prepared.report.accepted, 19, "neither of the two is stored");
    assert!(prepared.report.rejections[0].text.contains("line 22"));
}

#[test]
fn a_contradiction_rejects_every_row_of_its_key_in_any_order() {
    let same = "2024-06-22,10,11,9,10.5,10.5,1000\n";
    let other = "2024-06-22,10,11,9,10.6,10.6,1000\n";
    // The good file ends with a row equal to `same`: three rows of one key, one of which differs.
    for rows in [[same, other], [other, same]] {
        let forced = Options { force: true, ..options("AAA.csv") };
        let text = good() + &rows.concat();
        let prepared = Desk::new().prepare(text.as_bytes(), forced).unwrap();
        let all = [21, 22, 23].map(|line| (line, Reason::ConflictingDuplicate));
        assert_eq!(rejections(&prepared), all, "{rows:?}");
        assert_eq!(prepared.report.accepted, 19, "none of the three is stored");
    }
}

#[test]
fn more_than_five_per_cent_of_bad_rows_refuse_the_file() {
    let two = good() + "2024-07-08,1,1,1,x,1,1\n2024-07-09,1,1,1,x,1,1\n";
    let Refusal::TooManyBadRows { rejected, rows, first } = of(&two) else { panic!("taken") };
    assert_eq!((rejected, rows, first.line), (2, 22, 22));
    let forced = Options { force: true, ..options("AAA.csv") };
    let report = Desk::new().prepare(two.as_bytes(), forced).unwrap().report;
    assert_eq!((report.accepted, report.rejected), (20, 2));
}

#[test]
fn symbols_and_intervals_and_instants_are_checked() {
    let forced = |name: &str, text: &str| {
        let options =
            Options { force: true, observed_on: Some(day("2024-07-08")), ..options(name) };
        rejections(&Desk::new().prepare(text.as_bytes(), options).unwrap())
    };
    let table = "Ticker,Date,Open,High,Low,Close,Volume\n<A>,2024-07-08,1,1,1,1,1\n";
    assert_eq!(forced("t.csv", table), [(2, Reason::BadSymbol)]);
    let members = "ticker,start_date,end_date\nA,2020-01-02,2019-01-02\n";
    assert_eq!(forced("x_members.csv", members), [(2, Reason::EndBeforeStart)]);
    let series = "series,date,value,published_at\nX,2024-07-08,1,yesterday\n";
    assert_eq!(forced("s.csv", series), [(2, Reason::BadInstant)]);
    let actions = "symbol,date,price_factor,share_factor\nA,2024-07-08,0,1\nB,2024-07-08,,\n";
    let both = [(2, Reason::NotPositive), (3, Reason::MissingValue)];
    assert_eq!(forced("a.csv", actions), both);
    // A 4 for 1 split with the price factor turned round; 1 for 3 with a rounded one; a spin-off.
    let turned = "symbol,date,price_factor,share_factor\nA,2024-07-08,0.25,4\nB,2024-07-08,3,0.3333\n\
                  C,2024-07-08,1.046,1\n";
    let both = [(2, Reason::ReciprocalFactors), (3, Reason::ReciprocalFactors)];
    assert_eq!(forced("a.csv", turned), both);
    // 1 ÷ 1e-320 is beyond a double.
    let factors = "symbol,raw_close_2021_01_29,split_adjusted_close,factor\nA,1,1e-320,1\n";
    assert_eq!(forced("split_factor_to_2024-03.csv", factors), [(2, Reason::Overflow)]);
    let short = "symbol,short_interest_date,shares_sold_short,public_float\n\
                 A,07/15/24,-5,\nB,13/45/24,5,\nC,,5,\nD,06/28/24,5,0\n";
    let three = [(2, Reason::FutureDate), (3, Reason::ImpossibleDate), (4, Reason::MissingValue)];
    assert_eq!(forced("s.csv", short), three);
}

/// The bad rows of a file of one kind, which is forced.
fn forced(name: &str, text: &str) -> Vec<(u64, Reason)> {
    let options = Options { force: true, ..options(name) };
    rejections(&Desk::new().prepare(text.as_bytes(), options).unwrap())
}

#[test]
fn implausible_numbers_are_bad_rows() {
    // The smallest double as a price: a position of one dollar would be infinitely many shares.
    for row in ["1,1,5e-324,5e-324,1,1", "1,1,1,1,5e-324,1", "1e16,1e16,1,1,1,1", "1,1,1,1,1,1e300"]
    {
        let text = format!("{}2024-07-08,{row}\n", good());
        assert_eq!(forced("AAA.csv", &text), [(22, Reason::OutOfRange)], "{row}");
    }
    let files = [
        ("DGS10.csv", "date,value\n2024-07-08,1e300\n2024-07-09,-4.9e-324\n"),
        (
            "a.csv",
            "symbol,date,price_factor,share_factor\nA,2024-07-08,1e7,1\nB,2024-07-08,1,1e-9\n",
        ),
        (
            "s.csv",
            "symbolCode|currentShortPositionQuantity|settlementDate\nA|1e99|2024-06-28\n\
             B|1e-30|2024-06-28\n",
        ),
        (
            "screener_2024-07-08.csv",
            "symbol,name,last sale,market cap\nA,Alpha,1,1e19\nB,Beta,1e-300,1\n",
        ),
        (
            "IWM_holdings_2024-07-08.csv",
            "Ticker,Name,Asset Class,Weight (%),Shares\nA,Alpha,Equity,1e9,1\n\
             B,Beta,Equity,1,-1e30\n",
        ),
        (
            "settle_2024-06-28.csv",
            "symbol,short_interest_date,shares_sold_short,public_float\n\
             A,06/28/24,1e200,1\nB,06/28/24,1,1e200\n",
        ),
    ];
    for (name, text) in files {
        let both = [(2, Reason::OutOfRange), (3, Reason::OutOfRange)];
        assert_eq!(forced(name, text), both, "{name}");
        let options = Options { force: true, ..options(name) };
        let prepared = Desk::new().prepare(text.as_bytes(), options).unwrap();
        assert!(prepared.batch.tables.is_empty(), "a bad row leaves no fact: {name}");
    }
}

#[test]
fn implausible_days_are_bad_rows() {
    let bars = "Ticker,Date,Open,High,Low,Close,Volume\n\
                A,1600-01-03,1,1,1,1,1\nA,1899-12-31,1,1,1,1,1\nA,1900-01-02,1,1,1,1,1\n";
    let both = [(2, Reason::DateOutOfRange), (3, Reason::DateOutOfRange)];
    assert_eq!(forced("t.csv", bars), both);
    // The recessions of the United States are a FRED series from 1854 on.
    let recessions = "date,value\n1799-12-31,0\n1854-12-01,1\n";
    assert_eq!(forced("USREC.csv", recessions), [(2, Reason::DateOutOfRange)]);
    // Received on 2024-07-12: announcements may be up to two years ahead.
    let members = "ticker,start_date,end_date\nA,2020-01-02,2099-12-31\nB,2020-01-02,2026-07-13\n";
    assert_eq!(forced("x_members.csv", members), [(2, Reason::DateOutOfRange)]);
    let changes = "old_symbol,new_symbol,date\nA,B,2300-01-02\nC,D,1700-01-02\n";
    assert_eq!(forced("c.csv", changes), both);
    let schedule = "settlement,first_seen\n2024-06-28,2390-01-02T00:00:00Z\n";
    assert_eq!(forced("p.csv", schedule), [(2, Reason::DateOutOfRange)]);
    let series = "series,date,value,published_at\nX,2024-07-08,1,2390-01-02\n";
    assert_eq!(forced("s.csv", series), [(2, Reason::DateOutOfRange)]);

    let said = |change: &dyn Fn(&mut Options)| {
        let mut options = options("AAA.csv");
        change(&mut options);
        refusal(good().as_bytes(), options).to_string()
    };
    let refusals = [
        said(&|options| options.adjusted_on = Some(day("1650-01-02"))),
        said(&|options| options.observed_on = Some(day("2390-01-02"))),
        said(&|options| options.published_at = Some(support::at("2390-01-02T00:00:00Z"))),
    ];
    for (text, option) in refusals.iter().zip(["adjusted_on", "observed_on", "published_at"]) {
        assert!(text.contains(option) && text.contains("out of range"), "{text}");
    }
}

#[test]
fn a_percent_sign_belongs_to_a_percentage() {
    let priced =
        |close: &str| forced("AAA.csv", &format!("{}2024-07-08,,,,{close},10,1\n", good()));
    for close in ["10%", "\"1,5\"", "10 5", "1$0"] {
        assert_eq!(priced(close), [(22, Reason::NotANumber)], "{close}");
    }
    for close in ["10", "$10", "\"1,000.5\""] {
        assert_eq!(priced(close), [], "{close}");
    }
    let holdings = "Ticker,Name,Asset Class,Weight (%),Shares\nA,Alpha,Equity,5.25%,10%\n\
                    B,Beta,Equity,5.25%,10\n";
    assert_eq!(forced("IWM_holdings_2024-07-08.csv", holdings), [(2, Reason::NotANumber)]);
}

#[test]
fn a_price_outside_the_days_range_is_noted() {
    // In whole dollars one dollar may be rounding: the row is kept and noted.
    let text = good()
        + "2024-07-08,10,11,9,12,12,1\n2024-07-09,10,11,9,8,8,1\n\
                         2024-07-10,11.5,11,9,10,10,1\n2024-07-11,10,11,9,11,11,1\n";
    let report = Desk::new().prepare(text.as_bytes(), options("AAA.csv")).unwrap().report;
    assert_eq!((report.accepted, report.rejected), (24, 0));
    let note = report.notes.iter().find(|note| note.code == NoteCode::OutsideRange).unwrap();
    assert_eq!(
        (note.count, note.text.as_str()),
        (
            3,
            "line 22: close 12 outside 9 to 11; line 23: close 8 outside 9 to 11; \
             line 24: open 11.5 outside 9 to 11"
        )
    );
}

#[test]
fn texts_and_names_are_limited() {
    let screener = |name: &str| format!("symbol,name,last sale,market cap\nA,{name},1,1\n");
    let on = "screener_2024-07-08.csv";
    assert_eq!(forced(on, &screener(&"x".repeat(256))), []);
    assert_eq!(forced(on, &screener(&"x".repeat(257))), [(2, Reason::TextTooLong)]);
    // One control character among many others, so the file still counts as text.
    let long = "x".repeat(200);
    assert_eq!(forced(on, &screener(&format!("{long}\u{1b}[2J"))), [(2, Reason::ControlCharacter)]);
    assert_eq!(forced(on, &screener(&format!("{long}\u{9b}2J"))), [(2, Reason::ControlCharacter)]);
    // A name after thousands of non-ASCII blanks is the same name.
    let blanks = "\u{a0}".repeat(1_000);
    let table = format!("Ticker,Date,Open,High,Low,Close\n{blanks}A,2024-07-08,1,1,1,1\n");
    assert_eq!(forced("t.csv", &table), [(2, Reason::BadSymbol)]);

    let bounded = |change: &dyn Fn(&mut Limits), text: &str| {
        let mut limits = limits();
        change(&mut limits);
        let mut parser = Parser::new(options(on), limits);
        parser.push(text.as_bytes()).and_then(|()| parser.finish().map(|_| ())).unwrap_err().code()
    };
    let two = screener("x") + "B,y,1,1\n";
    assert_eq!(bounded(&|limits| limits.texts = 1, &two), "TOO_MANY_TEXTS");
    assert_eq!(bounded(&|limits| limits.texts_bytes = 1, &two), "TOO_MANY_TEXTS");
    assert_eq!(bounded(&|limits| limits.names = 1, &two), "TOO_MANY_NAMES");
    let changes = "old_symbol,new_symbol,date\nA,B,2024-01-02\nC,D,2024-01-02\n";
    assert_eq!(bounded(&|limits| limits.names = 1, changes), "TOO_MANY_NAMES");
    // Blank lines count as lines, because the outcome of each line is kept.
    let blank = screener("x") + "\n\n\n";
    assert_eq!(bounded(&|limits| limits.rows = 3, &blank), "TOO_MANY_ROWS");
    // A header as long as the file.
    let wide = ",".repeat(100_000);
    assert_eq!(bounded(&|_| {}, &wide), "LINE_TOO_LONG");
    assert_eq!(bounded(&|_| {}, &",".repeat(60_000)), "UNKNOWN_HEADER");
}
