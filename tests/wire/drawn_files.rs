//! Files of a random market, from which histories of ingests are drawn.

use crate::harness::header;
use contract::v1;
use marketdata::{calendar, day::Day, instant::Instant};
use std::fmt::Write as _;

/// Names for which the files are drawn.
const NAMES: [&str; 12] =
    ["META", "FB", "AAPL", "GOOGL", "GOOG", "AAA", "BBB", "CCC", "DDD", "NEWA", "BRK.B", "BRKB"];
/// Symbols of the roles; their history comes first.
const INDICES: [&str; 4] = ["SPY", "IWM", "QQQ", "RSP"];
/// Names with a long history, a size and a sector: the megacaps that make the crowd, and companies
/// that can be peers for the missing returns of young names.
pub(crate) const ELDERS: [&str; 18] = [
    "AAPL", "MSFT", "AMZN", "NVDA", "BBB", "CCC", "EAA", "EAB", "EAC", "EAD", "EAE", "EAF", "EAG",
    "EAH", "EAI", "EAJ", "EAK", "EAL",
];
/// Number of megacaps among them.
pub(crate) const MEGACAPS: usize = 4;
/// Sessions of the names that come first: enough for seed sessions, scenarios and betas of their
/// own.
const BASE_SESSIONS: i32 = 190;
pub(crate) const FIRST_DAY: &str = "2021-01-18";

/// SplitMix64 (Steele, Lea and Flood, 2014): the draws of one history.
pub(crate) struct Draws(pub(crate) u64);

impl Draws {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> i32 {
        (self.next() % bound) as i32
    }

    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    fn names(&mut self, most: u64) -> Vec<&'static str> {
        let count = 1 + self.below(most);
        (0..count).map(|_| self.one_of(&NAMES)).collect()
    }

    /// A day up to `back` days before another.
    pub(crate) fn day(&mut self, today: Day, back: u64) -> Day {
        today.plus(-self.below(back))
    }
}

/// A file and its header.
pub(crate) struct File {
    pub(crate) header: v1::IngestHeader,
    pub(crate) text: String,
}

pub(crate) fn file(name: &str, text: String) -> File {
    File { header: header(name), text }
}

/// Bars of sessions up to a day, with a different path for every name and variant.
pub(crate) fn bars(names: &[&str], last: Day, sessions: i32, variant: i32) -> String {
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
        // Published late: all of it becomes public within the days that are requested.
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

/// A split on an unknown day between two days.
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
    file.header.observed_on = draws.day(today, 20).to_string();
    file
}

fn series(draws: &mut Draws, today: Day) -> File {
    let id = draws.one_of(&["DGS10", "ODDS", "EURUSD"]);
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

/// ISINs that move between names, so that lines become unknown, ambiguous or contradictory.
pub(crate) const ISINS: [&str; 3] = ["US0000011074", "US0000021057", "US0000031031"];

pub(crate) fn master(draws: &mut Draws, today: Day) -> File {
    let mut text = String::from("symbol,isin,mic,currency,from,until\n");
    let mut names = draws.names(3);
    names.sort_unstable();
    names.dedup();
    for name in names {
        let (isin, mic) = (draws.one_of(&ISINS), draws.one_of(&["XNAS", "XLON", "XNYS"]));
        let currency = draws.one_of(&["EUR", "GBX", "USD", ""]);
        let from = draws.day(today, 40);
        let until = match draws.below(3) {
            0 => from.plus(draws.below(30)).to_string(),
            _ => String::new(),
        };
        writeln!(text, "{name},{isin},{mic},{currency},{from},{until}").unwrap();
    }
    let mut file = file("security_master.csv", text);
    file.header.force = true;
    file
}

/// Rates of the currencies of a security master, older than the prices.
pub(crate) fn rates(today: Day) -> File {
    let mut text = String::from("series,date,value,published_at\n");
    for back in (0..BASE_SESSIONS).rev() {
        let day = calendar::plus_sessions(today.plus(-3), -back);
        let cents = 100 + back * 7 % 23;
        writeln!(text, "EURUSD,{day},1.{cents},\nGBPUSD,{day},1.5,").unwrap();
    }
    file("rates.csv", text)
}

/// The first files: long histories, and sizes and sectors of the names that come first.
pub(crate) fn base(at: usize, today: Day) -> Option<File> {
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

/// A file of news: of prices, short interest, memberships, holdings or a series, but of no names,
/// units, share counts or listings. All of it is published at an instant.
pub(crate) fn news(draws: &mut Draws, today: Day, published: Instant) -> File {
    let mut file = match draws.below(5) {
        0 => prices(draws, today),
        1 => memberships(draws, today),
        2 => holdings(draws, today),
        3 => series(draws, today),
        _ => short_interest_alone(draws, today),
    };
    let seconds = published.micros() / 1_000_000;
    file.header.published_at = Some(prost_types::Timestamp { seconds, nanos: 0 });
    file
}

fn short_interest_alone(draws: &mut Draws, today: Day) -> File {
    let mut text = String::from("symbol,exchange,short_interest_date,shares_sold_short\n");
    let (year, month, day) = draws.day(today, 40).ymd();
    for name in ELDERS {
        let shares = 1_000 * (100 + draws.below(400));
        writeln!(text, "{name},N,{month:02}/{day:02}/{:02},{shares}", year % 100).unwrap();
    }
    file("short.csv", text)
}

pub(crate) fn drawn(draws: &mut Draws, today: Day) -> File {
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
