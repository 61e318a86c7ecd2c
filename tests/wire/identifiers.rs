//! Books, histories and lists by any identifier over the wire.
//!
//! The identifiers are invented, with check digits from `tests/oracles/identifiers.py`.

use crate::harness::{
    Harness, expect_refusal, gaps, header, held, is_about, named, on, reference, replay_of,
};
use contract::v1::{
    self, exposure_service_client::ExposureServiceClient, position::Size, record_variable::Subject,
    rotation_service_client::RotationServiceClient, squeeze_service_client::SqueezeServiceClient,
};
use marketdata::{calendar, day::Day};
use std::fmt::Write as _;
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt as _;

const TODAY: &str = "2022-07-15";
const NAMES: [&str; 5] = ["AAA", "AAL", "BBB", "CCC", "DDD"];

/// AAA is listed in London too, as AAL; the ISIN of CCC changes on 2022-06-09; BBB has a FIGI only;
/// DDD is unknown to the master.
const MASTER: &str = "symbol,figi,isin,cusip,sedol,mic,name,currency,from,until\n\
    AAA,,US0000011074,000001107,B000010,XNAS,Alpha,USD,,\n\
    AAL,,US0000011074,,B000021,XLON,Alpha,USD,,\n\
    BBB,BBG000000016,,,,XNYS,Bravo,USD,2010-01-21,\n\
    CCC,,US0000031031,,,XNYS,Charlie,USD,,2022-06-09\n\
    CCC,,US0000041014,,,XNYS,Charlie,USD,2022-06-09,\n";

fn prices() -> String {
    let today = Day::parse_iso(TODAY).unwrap();
    let mut text = String::from("Ticker,Date,Open,High,Low,Close,Volume\n");
    for (at, symbol) in NAMES.iter().enumerate() {
        for back in (0..80).rev() {
            let p = 10 * (at + 1) + (back as usize * (at + 3)) % 7;
            let day = calendar::plus_sessions(today, -back);
            writeln!(text, "{symbol},{day},{p},{p},{p},{p},1000").unwrap();
        }
    }
    text
}

async fn load(files: &[(&str, &str)]) -> (Harness, Channel) {
    let harness = Harness::at("2022-08-01T12:00:00Z").await;
    for (name, text) in files {
        let price_basis = match *name {
            "prices.csv" => v1::PriceBasis::Raw,
            _ => v1::PriceBasis::Unspecified,
        };
        let header = v1::IngestHeader { price_basis: price_basis.into(), ..header(name) };
        assert_eq!(harness.try_ingest(header, text.as_bytes()).await.unwrap().rejected_count, 0);
    }
    let channel = harness.channel().await;
    (harness, channel)
}

async fn market() -> (Harness, Channel) {
    load(&[("prices.csv", &prices()), ("master.csv", MASTER)]).await
}

fn by(of: impl FnOnce(&mut v1::InstrumentRef)) -> Option<v1::InstrumentRef> {
    let mut instrument = v1::InstrumentRef::default();
    of(&mut instrument);
    Some(instrument)
}

fn isin(text: &str) -> Option<v1::InstrumentRef> {
    by(|one| one.isin = text.to_owned())
}

/// A book of the given instruments, long and short in turn.
fn book(instruments: Vec<Option<v1::InstrumentRef>>) -> v1::Portfolio {
    let line = |(at, instrument): (usize, _)| {
        let shares = 100.0 * (at + 1) as f64;
        let size = Size::Quantity(if at % 2 == 0 { shares } else { -shares });
        let position_id = format!("line-{at}");
        v1::Position { position_id, instrument, ..held("", size) }
    };
    let positions = instruments.into_iter().enumerate().map(line).collect();
    v1::Portfolio { positions, ..v1::Portfolio::default() }
}

async fn analyzed(
    channel: &Channel,
    as_of: Option<v1::AsOf>,
    portfolio: v1::Portfolio,
) -> v1::AnalyzePortfolioResponse {
    let request = v1::AnalyzePortfolioRequest {
        as_of,
        portfolio: Some(portfolio),
        top_positions: Some(10_000),
        ..v1::AnalyzePortfolioRequest::default()
    };
    let mut client = ExposureServiceClient::new(channel.clone());
    client.analyze_portfolio(request).await.unwrap().into_inner()
}

async fn validated(
    channel: &Channel,
    day: &str,
    portfolio: v1::Portfolio,
) -> v1::ValidatePortfolioResponse {
    let request = v1::ValidatePortfolioRequest { as_of: on(day), portfolio: Some(portfolio) };
    let mut client = ExposureServiceClient::new(channel.clone());
    client.validate_portfolio(request).await.unwrap().into_inner()
}

/// Clears the only field that may differ between two requests for the same.
fn forget_id(info: &mut Option<v1::AnswerInfo>) {
    info.as_mut().unwrap().result_id.clear();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_by_any_identifier_is_the_book_by_symbol() {
    let (_harness, channel) = market().await;
    let symbols = book(NAMES[..4].iter().map(|symbol| named(symbol)).collect());
    let identifiers = book(vec![
        by(|one| one.cusip = "000001107".to_owned()),
        by(|one| one.sedol = "B000021".to_owned()),
        by(|one| one.figi = "BBG000000016".to_owned()),
        isin("US0000041014"),
    ]);
    let all = book(vec![
        by(|one| (one.isin, one.mic) = ("US0000011074".to_owned(), "XNAS".to_owned())),
        by(|one| (one.isin, one.mic) = ("US0000011074".to_owned(), "XLON".to_owned())),
        by(|one| (one.symbol, one.figi) = ("bbb".to_owned(), "BBG000000016".to_owned())),
        by(|one| (one.symbol, one.isin) = ("CCC".to_owned(), "US0000041014".to_owned())),
    ]);
    let mut expected = analyzed(&channel, on(TODAY), symbols.clone()).await;
    assert_eq!(expected.report.as_ref().unwrap().positions.len(), 4);
    forget_id(&mut expected.info);
    let mut squeeze = SqueezeServiceClient::new(channel.clone());
    let shorts = |portfolio| v1::AssessShortBookRequest {
        as_of: on(TODAY),
        portfolio: Some(portfolio),
        ..v1::AssessShortBookRequest::default()
    };
    let mut short = squeeze.assess_short_book(shorts(symbols)).await.unwrap().into_inner();
    forget_id(&mut short.info);
    for portfolio in [identifiers, all] {
        let mut answer = analyzed(&channel, on(TODAY), portfolio.clone()).await;
        forget_id(&mut answer.info);
        assert_eq!(answer, expected);
        let valid = validated(&channel, TODAY, portfolio.clone()).await;
        assert!(valid.accepted && valid.fully_resolved && gaps(&valid.info).is_empty());
        let mut answer = squeeze.assess_short_book(shorts(portfolio)).await.unwrap().into_inner();
        forget_id(&mut answer.info);
        assert_eq!(answer, short);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_names_no_single_instrument_is_unresolved_and_not_valued() {
    let (_harness, channel) = market().await;
    let portfolio = book(vec![
        named("DDD"),
        by(|one| (one.symbol, one.isin) = ("BBB".to_owned(), "US0000031031".to_owned())),
        isin("US0000011074"),
        isin("US0000051088"),
    ]);
    let found = validated(&channel, TODAY, portfolio.clone()).await;
    assert!(found.accepted && !found.fully_resolved);
    let reasons: Vec<(&str, v1::GapReason)> =
        found.unresolved.iter().map(|line| (&*line.position_id, line.reason())).collect();
    let expected = [
        ("line-1", v1::GapReason::IdentifiersDisagree),
        ("line-2", v1::GapReason::AmbiguousInstrument),
        ("line-3", v1::GapReason::UnknownInstrument),
    ];
    assert_eq!(reasons, expected);
    let details: Vec<&str> = found.unresolved.iter().map(|line| &*line.detail).collect();
    assert!(
        details[0].contains("symbol BBB is BBB (XNYS), isin US0000031031 is CCC"),
        "{details:?}"
    );
    assert!(details[1].contains("AAA (XNAS) or AAL (XLON)") && details[1].contains("mic"));
    let answer = analyzed(&channel, on(TODAY), portfolio).await;
    let report = answer.report.unwrap();
    let held: Vec<&str> = report.positions.iter().map(|line| &*line.symbol).collect();
    assert_eq!((held, report.total.unwrap().gross), (vec!["DDD"], 5_000.0));
    for (subject, reason) in expected {
        let is_it = |gap: &&v1::Gap| is_about(gap, subject) && gap.reason() == reason;
        assert!(gaps(&answer.info).iter().any(|gap| is_it(&gap)), "{subject}");
    }
    // A wrong check digit is a fault of the request.
    let wrong = validated(&channel, TODAY, book(vec![isin("US0000011075")])).await;
    assert_eq!(wrong.violations[0].field, "portfolio.positions[0].instrument.isin");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_isin_that_changes_is_that_of_its_day_and_older_revisions_replay() {
    let (harness, channel) = market().await;
    let (old, new) = (|| book(vec![isin("US0000031031")]), || book(vec![isin("US0000041014")]));
    for (day, portfolio, is_of_day) in [
        ("2022-06-08", old(), true),
        ("2022-06-08", new(), false),
        ("2022-06-09", old(), false),
        ("2022-06-09", new(), true),
    ] {
        let found = validated(&channel, day, portfolio.clone()).await;
        assert!(found.fully_resolved, "{day}: {found:?}");
        let answer = analyzed(&channel, on(day), portfolio).await;
        for info in [&found.info, &answer.info] {
            let is_said = |gap: &v1::Gap| gap.reason() == v1::GapReason::NameOfOtherDays;
            assert_eq!(!gaps(info).iter().any(is_said), is_of_day, "{day}: {info:?}");
        }
    }
    // The issuer kept its ISIN after all: the change is withdrawn, and DDD gets the new ISIN.
    let before = analyzed(&channel, on(TODAY), new()).await;
    let corrected = "symbol,isin,from,until\nCCC,US0000031031,,\n\
                     CCC,US0000041014,2022-06-09,2022-06-09\nDDD,US0000041014,,\n";
    assert_eq!(harness.ingest("master_2.csv", corrected.as_bytes()).await.rejected_count, 0);
    let after = analyzed(&channel, on(TODAY), new()).await.report.unwrap();
    assert_eq!(after.positions[0].symbol, "DDD");
    let replayed = analyzed(&channel, replay_of(&reference(&before.info)), new()).await;
    assert_eq!(
        (&replayed, &*before.report.as_ref().unwrap().positions[0].symbol),
        (&before, "CCC")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn master_names_and_prices_in_any_order_give_the_same_answers() {
    let (prices, names) = (prices(), "old_symbol,new_symbol,date\nDDX,DDD,2022-07-01\n");
    let files = [("prices.csv", &*prices), ("master.csv", MASTER), ("changes.csv", names)];
    let mut found = Vec::new();
    for order in [[2, 0, 1], [2, 1, 0], [1, 2, 0]] {
        let (_harness, channel) = load(&order.map(|at: usize| files[at])).await;
        let portfolio = book(vec![isin("US0000041014"), isin("US0000011074"), named("DDD")]);
        let mut answer = analyzed(&channel, on(TODAY), portfolio).await;
        crate::harness::forget_reference(&mut answer.info);
        found.push(answer);
    }
    assert!(found.iter().all(|answer| *answer == found[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn histories_and_lists_are_found_by_identifier() {
    let (harness, _channel) = market().await;
    let mut client = harness.market_data().await;
    let series = |instrument| v1::GetSeriesRequest {
        as_of: on(TODAY),
        dataset: v1::Dataset::Bars.into(),
        instrument,
        fields: vec!["close".to_owned()],
        ..v1::GetSeriesRequest::default()
    };
    let london = by(|one| (one.isin, one.mic) = ("US0000011074".to_owned(), "XLON".to_owned()));
    let answer = client.get_series(series(london)).await.unwrap().into_inner();
    assert_eq!((answer.symbol.as_str(), answer.points.len()), ("AAL", 80));
    let answer = client.get_series(series(isin("US0000031031"))).await.unwrap().into_inner();
    assert_eq!(gaps(&answer.info)[0].reason(), v1::GapReason::NameOfOtherDays);
    let status = client.get_series(series(isin("US0000011074"))).await.unwrap_err();
    expect_refusal(&status, Code::FailedPrecondition, "AMBIGUOUS_INSTRUMENT", &[]);
    assert!(status.message().contains("AAA (XNAS) or AAL (XLON)"), "{status:?}");
    let both = by(|one| (one.symbol, one.isin) = ("BBB".to_owned(), "US0000031031".to_owned()));
    let status = client.get_series(series(both)).await.unwrap_err();
    expect_refusal(&status, Code::FailedPrecondition, "IDENTIFIERS_DISAGREE", &[]);
    let status = client.get_series(series(isin("US0000051088"))).await.unwrap_err();
    expect_refusal(&status, Code::NotFound, "UNKNOWN_INSTRUMENT", &[]);
    let wrong = by(|one| (one.isin, one.mic) = ("US0000011075".to_owned(), "nasdaq".to_owned()));
    let status = client.get_series(series(wrong.clone())).await.unwrap_err();
    let paths = ["instrument.isin", "instrument.mic"];
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &paths);

    let list = |instrument| v1::ListInstrumentsRequest {
        as_of: on(TODAY),
        instrument,
        ..v1::ListInstrumentsRequest::default()
    };
    let status = client.list_instruments(list(wrong)).await.unwrap_err();
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    let mut symbols = async |instrument| {
        let answer = client.list_instruments(list(instrument)).await.unwrap().into_inner();
        answer.instruments
    };
    let shared = symbols(isin("US0000011074")).await;
    assert_eq!(shared.iter().map(|one| &*one.symbol).collect::<Vec<_>>(), ["AAA", "AAL"]);
    assert_eq!(symbols(named("ccc")).await.len(), 1);
    assert_eq!(symbols(isin("US0000051088")).await.len(), 0);
    let [charlie] = &symbols(isin("US0000031031")).await[..] else { panic!("CCC had it") };
    let interval = |kind: v1::IdentifierKind, value: &str, start_on: &str, end_on: &str| {
        v1::IdentifierInterval {
            kind: kind.into(),
            value: value.to_owned(),
            start_on: start_on.to_owned(),
            end_on: end_on.to_owned(),
        }
    };
    let expected = [
        interval(v1::IdentifierKind::Isin, "US0000031031", "", "2022-06-08"),
        interval(v1::IdentifierKind::Isin, "US0000041014", "2022-06-09", ""),
        interval(v1::IdentifierKind::Mic, "XNYS", "", ""),
    ];
    assert_eq!(charlie.identifiers, expected);
    assert!(charlie.datasets().any(|dataset| dataset == v1::Dataset::Identifiers));
}

/// The first row of CCC ends and the second one has no end; a list of one day says nothing of ends.
#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_the_master_does_not_state_is_absent() {
    let list = "symbol,isin\nBBB,US0000031031\n";
    let files =
        [("prices.csv", &*prices()), ("master.csv", MASTER), ("master_2022-07-15.csv", list)];
    let (harness, _channel) = load(&files).await;
    let ends = async |symbol| {
        let request = v1::GetSeriesRequest {
            as_of: on(TODAY),
            dataset: v1::Dataset::Identifiers.into(),
            instrument: named(symbol),
            fields: vec!["until_on".to_owned()],
            ..v1::GetSeriesRequest::default()
        };
        let answer = harness.market_data().await.get_series(request).await.unwrap().into_inner();
        assert_eq!(answer.total_size, answer.points.len() as i32);
        assert!(answer.points.iter().all(|point| point.price_basis.is_none()), "no prices");
        let value = |point: &v1::SeriesPoint| point.values[0].value.clone();
        answer.points.iter().map(value).collect::<Vec<_>>()
    };
    let day = |text: &str| Some(v1::field_value::Value::Day(text.to_owned()));
    assert_eq!(ends("CCC").await, [day("2022-06-09"), day("9999-12-31")]);
    assert_eq!(ends("BBB").await, [day("9999-12-31"), None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_name_has_its_kind() {
    let (harness, _channel) = market().await;
    let level = "Ticker,Date,Open,High,Low,Close,Volume\n^GSPC,2022-07-15,1,1,1,1,1\n";
    harness.ingest("levels.csv", level.as_bytes()).await;
    harness.ingest("DGS10.csv", b"observation_date,DGS10\n2022-07-14,2.96\n").await;
    let members = b"ticker,start_date,end_date\nAAA,2000-01-03,\n";
    let header = v1::IngestHeader { index_id: "SP500".to_owned(), ..header("members.csv") };
    harness.try_ingest(header, members).await.unwrap();
    let schedule = b"settlement,first_seen\n2022-06-30,2022-07-12T22:00:00Z\n";
    harness.ingest("publication_times.csv", schedule).await;
    let sales = b"Date|Symbol|ShortVolume|TotalVolume|Market\n20220714|AAA|1|2|B,Q,N\n1\n";
    harness.ingest("CNMSshvol20220714.txt", sales).await;
    let held = b"manager,symbol,shares,value,period,filed_at\nM/A,AAA,1,1,2022-03-31,2022-05-10\n\
        MB,AAA,1,1,2022-03-31,2022-05-10\n";
    harness.ingest("13f.csv", held).await;
    let exposures = b"model,symbol,date,factor,value\nACME,AAA,2022-07-14,SIZE,1\n";
    harness.ingest("exposures.csv", exposures).await;
    let request = v1::ListInstrumentsRequest { as_of: on(TODAY), ..Default::default() };
    let answer = harness.market_data().await.list_instruments(request).await.unwrap().into_inner();
    let kind =
        |symbol: &str| answer.instruments.iter().find(|one| one.symbol == symbol).unwrap().kind();
    let found = ["AAA", "^GSPC", "DGS10", "SP500", "SHORT_INTEREST", "REGSHO/BNQ"].map(kind);
    use v1::InstrumentKind as Kind;
    let expected = [Kind::Listed, Kind::Index, Kind::Series, Kind::Index, Kind::Schedule];
    assert_eq!(found[..5], expected);
    assert_eq!(found[5], Kind::Facilities);
    // A slash in its name makes a manager no factor, and a factor needs no covariances to be one.
    let found = ["M/A", "MB", "ACME/SIZE"].map(kind);
    assert_eq!(found, [Kind::Manager, Kind::Manager, Kind::RiskFactor]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_master_is_refused_row_by_row_or_whole() {
    let (harness, channel) = market().await;
    let taken = "symbol,isin\nDDD,US0000041014\n";
    let forced = v1::IngestHeader { force: true, ..header("master_3.csv") };
    let answer = harness.try_ingest(forced, taken.as_bytes()).await.unwrap();
    let [row] = &answer.rejections[..] else { panic!("{answer:?}") };
    assert_eq!((row.line, row.code.as_str()), (2, "IDENTIFIER_TAKEN"));
    assert!(row.detail.contains("CCC") && row.detail.contains("DDD"), "{row:?}");
    let wrong = "symbol,isin\nDDD,US0000051089\n";
    let refused = harness.try_ingest(header("master_4.csv"), wrong.as_bytes()).await.unwrap_err();
    expect_refusal(&refused, Code::InvalidArgument, "FILE_REFUSED", &[]);
    assert!(refused.message().contains("US0000051089"), "{refused:?}");
    assert!(validated(&channel, TODAY, book(vec![isin("US0000041014")])).await.fully_resolved);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_ranked_by_any_identifier() {
    let (_harness, channel) = market().await;
    let mut client = RotationServiceClient::new(channel);
    let variable = |instrument: Option<v1::InstrumentRef>| {
        let subject = instrument.map(Subject::Instrument);
        Some(v1::RecordVariable { subject, ..v1::RecordVariable::default() })
    };
    let request = |ranked, compared| v1::QueryRecordsRequest {
        as_of: on(TODAY),
        variable: variable(ranked),
        conditions: vec![v1::RecordCondition {
            variable: variable(compared),
            comparison: v1::RecordComparison::Above.into(),
            threshold: Some(0.0),
        }],
        ..v1::QueryRecordsRequest::default()
    };
    let figi = by(|one| one.figi = "BBG000000016".to_owned());
    let by_symbol = client.query_records(request(named("CCC"), named("BBB"))).await;
    let mut by_symbol = by_symbol.unwrap().into_inner();
    let identified = client.query_records(request(isin("US0000041014"), figi.clone())).await;
    let mut identified = identified.unwrap().into_inner();
    assert_eq!(identified.sources[0].subject, "CCC");
    assert!(!identified.top.is_empty());
    forget_id(&mut by_symbol.info);
    forget_id(&mut identified.info);
    assert_eq!(identified, by_symbol);
    // The ISIN that it had before is a gap.
    let former = client.query_records(request(isin("US0000031031"), figi)).await;
    let former = former.unwrap().into_inner();
    assert_eq!(former.top, by_symbol.top);
    let of_other_days = |gap: &&v1::Gap| gap.reason() == v1::GapReason::NameOfOtherDays;
    assert!(former.info.unwrap().gaps.iter().any(|gap| of_other_days(&gap)));
    // AAA and AAL share an ISIN, nothing has the FIGI, and a check digit is wrong.
    let refused = client.query_records(request(isin("US0000011074"), named("BBB"))).await;
    let (failed, reason) = (Code::FailedPrecondition, "AMBIGUOUS_INSTRUMENT");
    let refused = refused.unwrap_err();
    expect_refusal(&refused, failed, reason, &[]);
    let field =
        |status: &Status| status.get_details_error_info().unwrap().metadata["field"].clone();
    assert_eq!(field(&refused), "variable.instrument");
    let unknown = by(|one| one.cusip = "037833100".to_owned());
    let refused = client.query_records(request(named("CCC"), unknown)).await.unwrap_err();
    expect_refusal(&refused, Code::NotFound, "UNKNOWN_INSTRUMENT", &[]);
    assert_eq!(field(&refused), "conditions[0].variable.instrument");
    let refused = client.query_records(request(isin("US0000041015"), by(|_| {}))).await;
    let paths = ["variable.instrument.isin", "conditions[0].variable.instrument"];
    expect_refusal(&refused.unwrap_err(), Code::InvalidArgument, "INVALID_REQUEST", &paths);
}
