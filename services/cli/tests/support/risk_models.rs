//! Risk models of vendors on the command line.

use crate::{
    file, stderr, stdout,
    support::{ballast, holds},
    with_server,
};

#[test]
fn a_vendors_risk_model_is_loaded_and_chosen_by_name() {
    with_server(|address| {
        let folder = tempfile::tempdir().unwrap();
        let prices = "Ticker,Date,Open,High,Low,Close,Volume\nAAA,2021-01-26,5,5,5,5,100\n\
                      AAA,2021-01-27,5,5,5,5,100\nBBB,2021-01-27,5,5,5,5,100\n\
                      CCC,2021-01-27,5,5,5,5,100\n";
        let exposures = "symbol,date,factor,value\nAAA,2021-01-26,MARKET,1\n\
                         CCC,2021-01-26,MARKET,1\n";
        let covariance = "date,factor_a,factor_b,value\n2021-01-26,MARKET,MARKET,0.0252\n";
        let specific = "symbol,date,volatility\nAAA,2021-01-26,0\nCCC,2021-01-26,0\n";
        let files = [
            ("prices.csv", prices),
            ("exposures.csv", exposures),
            ("covariance.csv", covariance),
            ("specific.csv", specific),
        ];
        let files = files.map(|(name, text)| file(folder.path(), name, text));
        let path = |at: usize| files[at].to_str().unwrap();
        let ingest = ["--server", address, "ingest"];
        let loaded = ballast(&[&ingest[..], &[path(0)]].concat());
        assert_eq!(loaded.status.code(), Some(0), "{}", stderr(&loaded));
        let unsaid = ballast(&[&ingest[..], &["--symbol", "acme", path(2)]].concat());
        assert_eq!(unsaid.status.code(), Some(3));
        holds(&stderr(&unsaid), &["whether its figures are for a session or a year"]);
        let year = ["--symbol", "acme", "--risk-period", "year", path(1), path(2), path(3)];
        let loaded = ballast(&[&ingest[..], &year].concat());
        assert_eq!(loaded.status.code(), Some(0), "{}", stderr(&loaded));
        let book =
            file(folder.path(), "book.csv", "symbol,market_value\nAAA,600\nBBB,-500\nCCC,400\n");
        let book = ["--server", address, "exposure", book.to_str().unwrap()];
        let ask = |more: &[&str]| ballast(&[&book[..], &["--as-of", "2021-01-27"], more].concat());
        let shown = ask(&["--risk-model", "acme", "--risk-model", "time-series"]);
        assert_eq!(shown.status.code(), Some(0), "{}", stderr(&shown));
        // 1,000 x the root of 0.0252 / 252 is 10 dollars; BBB is not covered.
        holds(&stdout(&shown), &["ACME", "$10", "not covered", "BBB", "cannot be compared"]);
        let csv = ask(&["--risk-model", "acme", "--csv=models"]);
        holds(&stdout(&csv), &["ACME,2021-01-26,1,10"]);
        // CCC's 400 is 4 of them. A line that the model does not cover has no row.
        let line = ["--incremental", "portfolio.positions[2]"];
        let lines = ask(&[&["--risk-model", "acme", "--csv=incremental"], &line[..]].concat());
        holds(&stdout(&lines), &["portfolio.positions[2],ACME,,6,4"]);
        let unknown = ask(&["--risk-model", "other"]);
        assert_eq!(unknown.status.code(), Some(4), "{}", stderr(&unknown));
        holds(&stderr(&unknown), &["OTHER", "known: ACME"]);
    });
}
