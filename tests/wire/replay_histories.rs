//! Random histories: every reference ever given out is answered with the same bytes for ever.
//!
//! A server takes files in a random order: bars late and corrected, changes of names before and after
//! the bars, splits with and without a date, short interest, share counts, listings, memberships,
//! holdings, series and schedules. After each file some references are drawn and every method is asked.
//! At the end each reference is sent back: to the same server, whose market was folded file by file,
//! and to a fresh one on the compacted store, whose market was folded at once.

use crate::harness::{Harness, header, instant, replay_of};
use contract::v1::{
    self, exposure_service_client::ExposureServiceClient,
    rotation_service_client::RotationServiceClient, squeeze_service_client::SqueezeServiceClient,
};
use marketdata::{calendar, day::Day, instant::Instant};
use prost::Message;
use server::clock::Clock;
use std::fmt::{Debug, Write as _};
use tonic::{Response, Status, transport::Channel};

/// Files a history takes; a reference is drawn after each.
const FILES: usize = 24;
/// What the bars, the short interest and the other files are drawn over.
const NAMES: [&str; 12] =
    ["META", "FB", "AAPL", "GOOGL", "GOOG", "AAA", "BBB", "CCC", "DDD", "NEWA", "BRK.B", "BRKB"];
/// Who plays the roles; their history comes first.
const INDICES: [&str; 4] = ["SPY", "IWM", "QQQ", "RSP"];
/// Names with a long history, a size and a sector: the megacaps that make the crowd, and companies
/// that may answer for the returns that young names lack.
const ELDERS: [&str; 18] = [
    "AAPL", "MSFT", "AMZN", "NVDA", "BBB", "CCC", "EAA", "EAB", "EAC", "EAD", "EAE", "EAF", "EAG",
    "EAH", "EAI", "EAJ", "EAK", "EAL",
];
/// How many of them are megacaps.
const MEGACAPS: usize = 4;
/// Sessions of those who come first: enough for seeds, scenarios and betas of their own.
const BASE_SESSIONS: i32 = 190;
const FIRST_DAY: &str = "2021-01-18";

/// SplitMix64 (Steele, Lea and Flood, 2014): the draws of one history.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    fn below(&mut self, bound: u64) -> i32 {
        (self.next() % bound) as i32
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    fn names(&mut self, most: u64) -> Vec<&'static str> {
        let count = 1 + self.below(most);
        (0..count).map(|_| self.one_of(&NAMES)).collect()
    }

    /// A day up to some days before another.
    fn day(&mut self, today: Day, back: u64) -> Day {
        today.plus(-self.below(back))
    }
}

/// A file and what is said about it.
struct File {
    header: v1::IngestHeader,
    text: String,
}

fn file(name: &str, text: String) -> File {
    File { header: header(name), text }
}

/// Sessions up to a day, a path of its own for every name and variant.
fn bars(names: &[&str], last: Day, sessions: i32, variant: i32) -> String {
    let mut text = String::from("Ticker,Date,Open,High,Low,Close,Volume\n");
    for (at, name) in names.iter().enumerate() {
        let salt = name.bytes().map(i32::from).sum::<i32>();
        for back in (0..sessions).rev() {
            let day = calendar::plus_sessions(last, -back);
            let noise = (day.epoch() * (7 + salt % 5) + variant) % 13;
            let close = 50 + salt % 40 + noise + at as i32;
            let volume = 100_000 + 1_000 * noise;
            writeln!(text, "{name},{day},{close},{close},{close},{close},{volume}").unwrap();
        }
    }
    text
}

fn prices(draws: &mut Draws, today: Day) -> File {
    let (last, sessions) = (draws.day(today, 6), 1 + draws.below(70));
    let mut names = draws.names(3);
    names.sort_unstable();
    names.dedup();
    let mut file = file("prices.csv", bars(&names, last, sessions, draws.below(3)));
    let basis = draws.one_of(&[
        v1::PriceBasis::Raw,
        v1::PriceBasis::Raw,
        v1::PriceBasis::SplitAdjusted,
        v1::PriceBasis::TotalReturn,
    ]);
    file.header.price_basis = basis.into();
    if basis != v1::PriceBasis::Raw {
        file.header.adjusted_on = last.plus(draws.below(60)).to_string();
    }
    if draws.below(3) == 0 {
        // Late: all of it becomes public within the days that are asked about.
        let seconds = Instant::close_of(last).micros() / 1_000_000 - 3_600 * 3;
        file.header.published_at = Some(prost_types::Timestamp { seconds, nanos: 0 });
    }
    file
}

fn change_of_names(draws: &mut Draws, today: Day) -> File {
    let changes = [("FB", "META"), ("AAA", "NEWA"), ("CCC", "BBB"), ("DDD", ""), ("GOOG", "NEWG")];
    let (old, new) = draws.one_of(&changes);
    let on = draws.day(today.plus(5), 30);
    file("changes.csv", format!("old_symbol,new_symbol,date\n{old},{new},{on}\n"))
}

fn split(draws: &mut Draws, today: Day) -> File {
    let (name, factor) = (draws.one_of(&NAMES), draws.one_of(&["2", "4", "0.5"]));
    let on = draws.day(today.plus(5), 40);
    file(
        "actions.csv",
        format!("symbol,date,price_factor,share_factor\n{name},{on},{factor},{factor}\n"),
    )
}

/// A split somewhere between two days.
fn split_interval(draws: &mut Draws, today: Day) -> File {
    let name = draws.one_of(&NAMES);
    let (year, month, day) = draws.day(today, 30).ymd();
    let text = format!(
        "symbol,raw_close_{year}_{month:02}_{day:02},split_adjusted_close,factor\n{name},100.0,25.0,4.0\n"
    );
    let mut file = file("split_factor.csv", text);
    file.header.adjusted_on = today.plus(draws.below(30)).to_string();
    file
}

fn short_interest(draws: &mut Draws) -> File {
    let settlement = draws.one_of(&["12/15/20", "12/31/20", "01/15/21"]);
    let mut text = String::from(
        "symbol,exchange,shares_outstanding,public_float,short_interest_date,shares_sold_short\n",
    );
    for name in NAMES {
        let on = if draws.below(12) == 0 { "11/30/20" } else { settlement };
        let shares = 1_000 * (100 + draws.below(400));
        match draws.below(4) {
            0 => {}
            1 => writeln!(text, "{name},N,,,{on},{shares}").unwrap(),
            _ => writeln!(text, "{name},N,{},900000,{on},{shares}", 1_000_000 + shares).unwrap(),
        }
    }
    file("short.csv", text)
}

fn listings(draws: &mut Draws, today: Day) -> File {
    let mut text =
        String::from("exchange,symbol,name,last_sale_usd,volume,market_cap_usd,sector\n");
    for name in draws.names(6) {
        let cap = 100_000_000_i64 * i64::from(1 + draws.below(9_000));
        let sector = draws.one_of(&["Technology", "Energy", "Utilities", ""]);
        writeln!(text, "nyse,{name},{name} Inc. Class A,50,1000,{cap},{sector}").unwrap();
    }
    file(&format!("screener_{}.csv", draws.day(today, 20)), text)
}

fn memberships(draws: &mut Draws, today: Day) -> File {
    let mut text = String::from("ticker,start_date,end_date\n");
    let mut names = draws.names(6);
    names.sort_unstable();
    names.dedup();
    for name in names {
        let end = match draws.below(3) {
            0 => draws.day(today, 15).to_string(),
            _ => String::new(),
        };
        writeln!(text, "{name},2020-0{}-02,{end}", 1 + draws.below(9)).unwrap();
    }
    file("sp500_ticker_start_end.csv", text)
}

fn holdings(draws: &mut Draws, today: Day) -> File {
    let mut text = String::from("Ticker,Name,Sector,Asset Class,Market Value,Weight (%),Shares\n");
    let mut names = draws.names(6);
    names.sort_unstable();
    names.dedup();
    for name in names {
        let weight = 1 + draws.below(5);
        writeln!(text, "{name},{name} INC,Industrials,Equity,1000,{weight},10").unwrap();
    }
    let mut file = file("IWM_holdings.csv", text);
    file.header.as_of_on = draws.day(today, 20).to_string();
    file
}

fn series(draws: &mut Draws, today: Day) -> File {
    let id = draws.one_of(&["DGS10", "ODDS"]);
    let mut text = String::from("series,date,value,published_at\n");
    let last = draws.day(today, 6);
    for back in (0..1 + draws.below(40)).rev() {
        let day = calendar::plus_sessions(last, -back);
        writeln!(text, "{id},{day},{}.{},", 1 + draws.below(2), draws.below(9)).unwrap();
    }
    file("series.csv", text)
}

fn schedule(draws: &mut Draws) -> File {
    let mut text = String::from("settlement,first_seen\n");
    for settlement in ["2020-12-15", "2020-12-31", "2021-01-15"] {
        let seen = Day::parse_iso(settlement).unwrap().plus(8 + draws.below(8));
        writeln!(text, "{settlement},{seen}T1{}:00:00Z", draws.below(10)).unwrap();
    }
    file("publication_times.csv", text)
}

/// What comes first: long histories, and sizes and sectors of the elders.
fn base(at: usize, today: Day) -> Option<File> {
    let sectors = ["Technology", "Energy"];
    let elders = ELDERS.iter().enumerate();
    match at {
        0 => {
            let names = [&INDICES[..], &ELDERS[..]].concat();
            let mut file = file("prices.csv", bars(&names, today.plus(-3), BASE_SESSIONS, 1));
            file.header.price_basis = v1::PriceBasis::Raw.into();
            Some(file)
        }
        1 => {
            let rows = elders.map(|(at, name)| {
                let cap = if at < MEGACAPS { 2_000_000_000_000_i64 } else { 800_000_000 };
                format!("nyse,{name},{name} Inc.,50,1000,{cap},{}\n", sectors[at % 2])
            });
            let header = "exchange,symbol,name,last_sale_usd,volume,market_cap_usd,sector\n";
            let text = [header.to_owned()].into_iter().chain(rows).collect();
            Some(file(&format!("screener_{}.csv", today.plus(-20)), text))
        }
        2 => {
            let rows = elders.map(|(at, name)| {
                let shares = if at < MEGACAPS { 20_000_000_000_i64 } else { 10_000_000 };
                format!("{name},N,{shares},{shares},12/15/20,{}\n", 300_000 + 1_000 * at)
            });
            let header = "symbol,exchange,shares_outstanding,public_float,short_interest_date,\
                          shares_sold_short\n";
            Some(file("short.csv", [header.to_owned()].into_iter().chain(rows).collect()))
        }
        _ => None,
    }
}

fn drawn(draws: &mut Draws, today: Day) -> File {
    match draws.below(18) {
        0..=7 => prices(draws, today),
        8 | 9 => change_of_names(draws, today),
        10 => split(draws, today),
        11 => split_interval(draws, today),
        12 | 13 => short_interest(draws),
        14 => listings(draws, today),
        15 => memberships(draws, today),
        16 => holdings(draws, today),
        _ => match draws.below(2) {
            0 => series(draws, today),
            _ => schedule(draws),
        },
    }
}

/// What one call answered, and its text for whoever reads a failure.
struct Told {
    call: &'static str,
    bytes: Vec<u8>,
    text: String,
}

fn told<T: Message + Debug>(call: &'static str, answer: Result<Response<T>, Status>) -> Told {
    match answer {
        Ok(answer) => {
            let answer = answer.into_inner();
            Told { call, bytes: answer.encode_to_vec(), text: format!("{answer:#?}") }
        }
        Err(status) => {
            let text = format!("{:?} {}", status.code(), status.message());
            Told { call, bytes: [text.as_bytes(), status.details()].concat(), text }
        }
    }
}

fn portfolio() -> Option<v1::Portfolio> {
    use v1::position::Size::{MarketValue, Quantity};
    // The elders are 97 % of the book, so that its sessions are its own while the young lack returns.
    let young = [
        ("META", MarketValue(9e4)),
        ("FB", MarketValue(4e4)),
        ("GOOGL", MarketValue(5e4)),
        ("BRKB", MarketValue(3e4)),
        ("AAA", Quantity(-300.0)),
        ("DDD", Quantity(-80.0)),
        ("NEWA", MarketValue(-3e4)),
        ("NOBODY", MarketValue(1e5)),
        ("IWM", Quantity(-9_000.0)),
    ];
    let elders = ELDERS.iter().enumerate().map(|(at, name)| match at {
        0 => (*name, Quantity(10_000.0)),
        _ if at < MEGACAPS => (*name, MarketValue(2e6)),
        _ => (*name, MarketValue(-3e5 - 1e4 * at as f64)),
    });
    let position = |(symbol, size): (&str, v1::position::Size)| v1::Position {
        symbol: symbol.to_owned(),
        size: Some(size),
        average_cost: None,
    };
    let positions = young.into_iter().chain(elders).map(position).collect();
    Some(v1::Portfolio { positions, ..v1::Portfolio::default() })
}

/// What every method answers at a reference.
async fn answers(channel: &Channel, as_of: &Option<v1::AsOf>) -> Vec<Told> {
    let mut all = facts(channel, as_of).await;
    all.extend(analyses(channel, as_of).await);
    all.extend(histories(channel, as_of).await);
    all
}

async fn facts(channel: &Channel, as_of: &Option<v1::AsOf>) -> Vec<Told> {
    use v1::market_data_service_client::MarketDataServiceClient;
    let as_of = as_of.clone();
    let mut client = MarketDataServiceClient::new(channel.clone());
    let coverage = v1::GetCoverageRequest { as_of: as_of.clone() };
    let revisions =
        v1::ListRevisionsRequest { as_of: as_of.clone(), page_size: 3, ..Default::default() };
    let mut all = vec![
        told("GetCoverage", client.get_coverage(coverage).await),
        told("ListRevisions", client.list_revisions(revisions).await),
    ];
    let mut list =
        v1::ListInstrumentsRequest { as_of: as_of.clone(), page_size: 5, ..Default::default() };
    for _page in 0..3 {
        let answer = client.list_instruments(list.clone()).await;
        if let Ok(answer) = &answer {
            answer.get_ref().next_page_token.clone_into(&mut list.page_token);
        }
        all.push(told("ListInstruments", answer));
    }
    for (dataset, symbol) in [
        (v1::Dataset::Bars, "META"),
        (v1::Dataset::Bars, "AAA"),
        (v1::Dataset::ShortInterest, "BBB"),
        (v1::Dataset::Listings, "CCC"),
        (v1::Dataset::Memberships, "AAPL"),
        (v1::Dataset::Splits, "AAA"),
    ] {
        let series = v1::GetSeriesRequest {
            as_of: as_of.clone(),
            dataset: dataset.into(),
            symbol: symbol.to_owned(),
            page_size: 20,
            ..Default::default()
        };
        all.push(told("GetSeries", client.get_series(series).await));
    }
    all
}

async fn analyses(channel: &Channel, as_of: &Option<v1::AsOf>) -> Vec<Told> {
    let mut exposure = ExposureServiceClient::new(channel.clone());
    let mut squeeze = SqueezeServiceClient::new(channel.clone());
    let analysis = v1::AnalyzePortfolioRequest {
        as_of: as_of.clone(),
        portfolio: portfolio(),
        include_positions: true,
        ..Default::default()
    };
    let validation = v1::ValidatePortfolioRequest { as_of: as_of.clone(), portfolio: portfolio() };
    let ranking = v1::RankSqueezeRequest {
        as_of: as_of.clone(),
        min_market_cap_usd: Some(0.0),
        min_daily_value_usd: Some(0.0),
        page_size: 2,
        ..Default::default()
    };
    let shorts = v1::AssessShortBookRequest {
        as_of: as_of.clone(),
        portfolio: portfolio(),
        participation: None,
    };
    vec![
        told("AnalyzePortfolio", exposure.analyze_portfolio(analysis).await),
        told("ValidatePortfolio", exposure.validate_portfolio(validation).await),
        told("RankSqueeze", squeeze.rank_squeeze(ranking).await),
        told("AssessShortBook", squeeze.assess_short_book(shorts).await),
    ]
}

async fn histories(channel: &Channel, as_of: &Option<v1::AsOf>) -> Vec<Told> {
    use v1::record_variable::Subject;
    let mut client = RotationServiceClient::new(channel.clone());
    let rotation = v1::GetRotationRequest { as_of: as_of.clone(), ..Default::default() };
    let list = v1::ListIndicatorsRequest { as_of: as_of.clone() };
    let mut all = vec![
        told("GetRotation", client.get_rotation(rotation).await),
        told("ListIndicators", client.list_indicators(list).await),
    ];
    for measure_id in ["pct_advancing", "advance_decline_line", "size_spread.1d"] {
        let history = v1::GetIndicatorHistoryRequest {
            as_of: as_of.clone(),
            measure_id: measure_id.to_owned(),
            page_size: 10,
            ..Default::default()
        };
        all.push(told("GetIndicatorHistory", client.get_indicator_history(history).await));
    }
    for (subject, transform) in [
        (Subject::Symbol("META".to_owned()), v1::RecordTransform::ChangePercent),
        (Subject::Symbol("AAA".to_owned()), v1::RecordTransform::ChangeValueUsd),
        (Subject::Symbol("AAA".to_owned()), v1::RecordTransform::Level),
        (Subject::MeasureId("pct_advancing".to_owned()), v1::RecordTransform::Level),
    ] {
        let variable = v1::RecordVariable {
            subject: Some(subject),
            transform: transform.into(),
            horizon_sessions: None,
        };
        let records = v1::QueryRecordsRequest {
            as_of: as_of.clone(),
            variable: Some(variable),
            ..Default::default()
        };
        all.push(told("QueryRecords", client.query_records(records).await));
    }
    all
}

/// A reference, and what every method answered when it was given out.
struct Given {
    after: String,
    replay: Option<v1::AsOf>,
    answers: Vec<Told>,
}

/// Asks at the head as of an instant; the reference is that of the answers.
async fn given(harness: &Harness, channel: &Channel, after: &str, at: Instant) -> Given {
    let micros = at.micros();
    let as_of = v1::AsOf {
        when: Some(v1::as_of::When::At(prost_types::Timestamp {
            seconds: micros.div_euclid(1_000_000),
            nanos: (micros.rem_euclid(1_000_000) * 1_000) as i32,
        })),
        ..v1::AsOf::default()
    };
    let request = v1::GetCoverageRequest { as_of: Some(as_of.clone()) };
    let mut client = harness.market_data().await;
    let reference = client.get_coverage(request).await.unwrap().into_inner().snapshot.unwrap();
    let answers = answers(channel, &Some(as_of)).await;
    Given { after: format!("{after}, as of {at}"), replay: replay_of(&reference), answers }
}

/// The first lines by which two texts differ.
fn difference(before: &str, now: &str) -> String {
    let mut differing = before.lines().zip(now.lines()).enumerate().filter(|(_, (a, b))| a != b);
    differing.next().map_or_else(
        || "one is longer".to_owned(),
        |(line, (a, b))| format!("line {line}: {} became {}", a.trim(), b.trim()),
    )
}

async fn replays(harness: &Harness, all: &[Given], when: &str, faults: &mut Vec<String>) {
    let channel = harness.channel().await;
    for given in all {
        let now = answers(&channel, &given.replay).await;
        for (before, now) in given.answers.iter().zip(&now) {
            if before.bytes != now.bytes {
                let difference = difference(&before.text, &now.text);
                faults.push(format!("{} {when}, {}: {difference}", before.call, given.after));
            }
        }
    }
}

/// A file a session, so many that the store has segments worth merging. Gives the time it is then.
async fn daily_files(harness: &Harness, today: Day) -> Instant {
    for session in 1..=8 {
        let day = calendar::plus_sessions(today, session);
        harness.set_clock(&format!("{day}T23:00:00Z"));
        let mut file = file("day.csv", bars(&["SPY", "IWM", "META"], day, 1, session));
        file.header.price_basis = v1::PriceBasis::Raw.into();
        harness.try_ingest(file.header, file.text.as_bytes()).await.unwrap();
    }
    instant(&format!("{}T23:00:00Z", calendar::plus_sessions(today, 8)))
}

/// What one history showed.
struct Outcome {
    /// What differed when its references were sent back.
    faults: Vec<String>,
    /// Segments of the store that were merged before the last time.
    merged: u64,
    /// Analyses that hold all of what is estimated.
    rich: usize,
}

/// Whether an analysis holds what is estimated from history: fitted betas, the book's own beta to the
/// crowd with its unwinds, and returns that are drawn from peers.
fn is_rich(told: &Told) -> bool {
    let Ok(answer) = v1::AnalyzePortfolioResponse::decode(&told.bytes[..]) else { return false };
    let report = answer.report.unwrap_or_default();
    let drawn = report.tail_risk.is_some_and(|risk| risk.draws == 32);
    let market = report.market_beta.is_some_and(|beta| beta.top_down.is_some());
    let crowded = report.crowd_trade.is_some_and(|trade| {
        trade.crowd_beta.is_some_and(|beta| beta.top_down.is_some()) && !trade.unwinds.is_empty()
    });
    told.call == "AnalyzePortfolio" && drawn && market && crowded
}

/// Takes the files of one history and sends its references back.
async fn history(seed: u64) -> Outcome {
    let mut draws = Draws(seed);
    let clock = Clock::manual(instant(&format!("{FIRST_DAY}T12:00:00Z")));
    // One view alone is kept, so that a replay is computed and not remembered.
    let harness = Harness::with(clock, |config| config.limits.views = 1).await;
    let channel = harness.channel().await;
    let mut today = Day::parse_iso(FIRST_DAY).unwrap();
    let (mut all, mut taken) = (Vec::new(), 0);
    for at in 0..FILES {
        let file = base(at, today).unwrap_or_else(|| drawn(&mut draws, today));
        let name = file.header.file_name.clone();
        taken += usize::from(harness.try_ingest(file.header, file.text.as_bytes()).await.is_ok());
        let after = format!("seed {seed}, file {at} ({name})");
        let close = Instant::close_of(draws.day(today, 14)).micros();
        let asked = close - i64::from(draws.below(12)) * 3_600_000_000;
        let now = instant(&format!("{today}T12:00:00Z")).micros();
        let asked = Instant::from_micros(asked.min(now));
        all.push(given(&harness, &channel, &after, asked).await);
        today = today.plus(draws.below(3));
        harness.set_clock(&format!("{today}T12:00:00Z"));
    }
    assert!(FILES / 2 < taken, "seed {seed}: {taken} files alone were taken");
    let now = daily_files(&harness, today).await;
    let mut faults = Vec::new();
    replays(&harness, &all, "after all files", &mut faults).await;
    let merged = harness.services().store.compact(u64::MAX, now).await.unwrap().merged;
    let harness = harness.restart().await;
    replays(&harness, &all, "from a fresh process", &mut faults).await;
    let rich = all.iter().flat_map(|given| &given.answers).filter(|told| is_rich(told)).count();
    Outcome { faults, merged, rich }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reference_of_a_random_history_is_answered_with_the_same_bytes() {
    for seed in 1..=2 {
        let Outcome { faults, merged, rich } = history(seed).await;
        assert!(FILES / 4 < rich, "seed {seed}: {rich} analyses alone hold all estimates");
        assert!(faults.is_empty(), "{} differ:\n{}", faults.len(), faults.join("\n"));
        assert!(0 < merged, "seed {seed}: nothing was compacted");
    }
}
