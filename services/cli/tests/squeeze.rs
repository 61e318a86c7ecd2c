//! Runs `ballast squeeze` of a book in euros: what is disclosed of its names, and its amounts.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test writes files, and may panic"
)]

mod support;

use std::{fmt::Write as _, path::Path};
use support::{Server, ballast, holds, store_in};

/// The trading days of 2021-01-04 to 2021-02-09.
fn sessions() -> Vec<String> {
    let january = [4, 5, 6, 7, 8, 11, 12, 13, 14, 15, 19, 20, 21, 22, 25, 26, 27, 28, 29];
    let february = [1, 2, 3, 4, 5, 8, 9];
    let of = |month: u32| move |day: &u32| format!("2021-{month:02}-{day:02}");
    january.iter().map(of(1)).chain(february.iter().map(of(2))).collect()
}

/// The settlement of the short interest.
const SETTLED: &str = "2021-01-15";

/// AAA and BBB close at 20 dollars, and a euro is worth 1.25 of them, 1.5625 up to the settlement. Of AAA 45 % of the volume off
/// exchange is short on the last day, and 60,000 of ten million shares are not delivered on every day
/// of the first half of January, which is known from February 2 on. It reports on 2021-02-12.
fn files() -> [(&'static str, String); 6] {
    let mut prices = String::from("Ticker,Date,Open,High,Low,Close,Volume\n");
    let mut rates = String::from("date,value\n");
    let mut fails = String::from("SETTLEMENT DATE|CUSIP|SYMBOL|QUANTITY (FAILS)\n");
    for day in sessions() {
        for symbol in ["AAA", "BBB"] {
            writeln!(prices, "{symbol},{day},20,20,20,20,1000000").unwrap();
        }
        writeln!(rates, "{day},{}", if day.as_str() <= SETTLED { 1.5625 } else { 1.25 }).unwrap();
        if day.as_str() <= "2021-01-14" {
            let day = day.replace('-', "");
            writeln!(fails, "{day}|000000000|AAA|60000").unwrap();
            writeln!(fails, "{day}|000000001|CCC|1").unwrap();
        }
    }
    writeln!(fails, "Trailer record count 18").unwrap();
    let short = "symbol,shares_outstanding,public_float,short_interest_date,shares_sold_short\n\
                 AAA,10000000,8000000,2021-01-15,2000000\n\
                 BBB,10000000,8000000,2021-01-15,1000000\n";
    let sales = "Date|Symbol|ShortVolume|TotalVolume|Market\n20210209|AAA|450|1000|B,Q,N\n1\n";
    let earnings = "symbol,earnings_on,announced_at\nAAA,2021-02-12,2021-01-20\n";
    [
        ("prices.csv", prices),
        ("EURUSD.csv", rates),
        ("cnsfails202101a.txt", fails),
        ("short.csv", short.to_owned()),
        ("CNMSshvol20210209.txt", sales.to_owned()),
        ("earnings.csv", earnings.to_owned()),
    ]
}

fn succeed(arguments: &[&str]) -> String {
    let done = ballast(arguments);
    let text = String::from_utf8(done.stdout).unwrap();
    let faults = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(0), "{arguments:?}: {faults}\n{text}");
    text
}

/// A server with the files, and the path of a book that is short of both names.
fn desk(folder: &Path) -> (Server, String) {
    let server = Server::start("", &store_in(folder), &[]);
    for (name, text) in files() {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        succeed(&["ingest", "--server", &server.http(), path.to_str().unwrap()]);
    }
    let book = folder.join("book.csv");
    std::fs::write(&book, "symbol,quantity\nAAA,-1000000\nBBB,-500000\n").unwrap();
    (server, book.to_str().unwrap().to_owned())
}

/// The cells of the first row of a table that begins with a name; `header` is in its head.
fn row(text: &str, header: &str, name: &str) -> Vec<String> {
    let table = text.lines().skip_while(|line| !line.contains(header));
    let row = table.skip(1).find(|line| line.trim_start().starts_with(name));
    let row = row.unwrap_or_else(|| panic!("no row of {name} under {header}:\n{text}"));
    row.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn a_short_book_in_euros_shows_what_is_disclosed() {
    let folder = tempfile::tempdir().unwrap();
    let (server, book) = desk(folder.path());
    let server = server.http();
    let asked = ["--server", &server, "squeeze", &book, "--as-of", "2021-02-10"];
    let text = succeed(&[&asked[..], &["--currency", "EUR"]].concat());
    // 60,000 of a float of 8 million; nine days in a row of at least 0.5 % of ten million.
    let found = row(&text, "disclosed of", "AAA");
    assert_eq!(found[..2], ["AAA", "45.0"].map(str::to_owned), "{found:?}");
    let found = found.join(" ");
    holds(&found, &["60.0k", "0.8", "yes", "2021-01-14", "2021-02-09", "2021-02-12"]);
    let table = text.lines().skip_while(|line| !line.contains("disclosed of"));
    let names = table.take_while(|line| !line.trim().is_empty());
    assert!(
        !names.clone().any(|line| line.contains("BBB")),
        "nothing is disclosed of BBB:\n{text}"
    );
    // The dollar rises from 1/1.5625 to 1/1.25 euros, by a quarter, and a price in dollars that stands still
    // with it.
    holds(&text, &["since settled, USD", "mark since settled, EUR"]);
    let found = row(&text, "mark since settled", "AAA").join(" ");
    holds(&found, &["0.00 % -25.00 % 2021-01-15"]);
    // A million and half a million shares at 20 dollars are 24 million euros.
    holds(&text, &["EUR 24.0m", "EUR 16.0m", "EUR 8.00m"]);
    let text = succeed(&asked);
    holds(&text, &["$30.0m", "$20.0m", "$10.0m"]);
    assert!(!text.contains("EUR"), "{text}");
    let found = row(&text, "mark since settled, USD", "AAA").join(" ");
    holds(&found, &["0.00 % 0.00 % 2021-01-15"]);
}

#[test]
fn a_currency_without_a_rate_is_refused_by_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let (server, book) = desk(folder.path());
    let server = server.http();
    let asked = ["--server", &server, "squeeze", &book, "--as-of", "2021-02-10"];
    let refused = ballast(&[&asked[..], &["--currency", "SEK"]].concat());
    assert_eq!(refused.status.code(), Some(3));
    holds(&String::from_utf8(refused.stderr).unwrap(), &["portfolio.currency", "SEK"]);
}

/// One settlement is too little: the calibration says what it lacks, is stored with its report, and is
/// shown again.
#[test]
fn a_calibration_of_too_little_is_refused_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (server, _) = desk(folder.path());
    let server = server.http();
    let page = folder.path().join("calibration.html");
    let written = ["--report", page.to_str().unwrap()];
    let run = |command: &str, more: &[&str]| {
        succeed(&[&["--server", &server, "squeeze", command], more].concat())
    };
    let made = run("calibrate", &[&["--as-of", "2021-02-10"][..], &written].concat());
    holds(&made, &["not calibrated", "matured_episodes", "matured_regimes"]);
    let unmet = row(&made, "requirement", "matured_episodes");
    assert_eq!((unmet[1].as_str(), unmet.last().unwrap().as_str()), ("0", "no"), "{made}");
    holds(&std::fs::read_to_string(&page).unwrap(), &["Calibration of the squeeze probability"]);
    let before = run("calibration", &["--as-of", "2021-02-09"]);
    holds(&before, &["None is stored as of then"]);
    holds(&run("calibration", &["--as-of", "2021-02-10"]), &["not calibrated", "matured_episodes"]);
}
