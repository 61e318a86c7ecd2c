//! Runs the built binary: what it prints, on which stream, and with which exit code.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads its environment, writes files, and may panic"
)]

#[path = "support/risk_models.rs"]
mod risk_models;
mod support;

use ingest::source::SourceKind;
use server::config::Config;
use std::{
    path::{Path, PathBuf},
    process::Output,
};
use support::{ballast, holds};

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Runs a server on an empty in-memory store for the duration of a check.
fn with_server(check: impl FnOnce(&str) + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut config = Config::standard();
        config.listen.set_port(0);
        config.admin.listen = config.listen;
        config.store = "sqlite::memory:".to_owned().into();
        let running = server::start(config).await.unwrap();
        let address = format!("http://{}", running.address());
        tokio::task::spawn_blocking(move || check(&address)).await.unwrap();
        running.stop().await;
    });
}

#[test]
fn help_names_every_command_and_a_wrong_line_is_usage() {
    let help = ballast(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    let commands = [
        "serve", "ingest", "rotation", "watch", "exposure", "squeeze", "records", "history",
        "stress", "datasets", "health", "export", "migrate", "check", "backup", "restore", "demo",
    ];
    holds(&stdout(&help), &commands);
    assert_eq!(ballast(&[]).status.code(), Some(2));
    let unknown = ballast(&["export", "nonsense"]);
    assert_eq!(unknown.status.code(), Some(2));
    holds(&stderr(&unknown), &["short_interest"]);
    // A watch that prints nothing is refused.
    for nothing in [&["watch", "--reports", "0"][..], &["squeeze", "watch", "b", "--messages", "0"]]
    {
        assert_eq!(ballast(nothing).status.code(), Some(2), "{nothing:?}");
    }
    // A book and bounds of a ranking do not go together.
    let both = ballast(&["squeeze", "b.csv", "--min-market-cap", "1e9"]);
    assert_eq!(both.status.code(), Some(2), "{}", stderr(&both));
    assert_eq!(ballast(&["squeeze", "--schedule"]).status.code(), Some(2), "a schedule of no book");
}

#[test]
fn settings_are_checked_before_anything_listens() {
    let folder = tempfile::tempdir().unwrap();
    let config = file(folder.path(), "ballast.toml", "listen = \"127.0.0.1:0\"\nthreads = 2\n");
    let shown =
        ballast(&["serve", "--config", config.to_str().unwrap(), "--threads", "3", "--check"]);
    holds(&stdout(&shown), &["\"listen\": \"127.0.0.1:0\"", "\"threads\": 3"]);
    let wrong = file(folder.path(), "wrong.toml", "lissten = \"127.0.0.1:0\"\n");
    let refused = ballast(&["serve", "--config", wrong.to_str().unwrap(), "--check"]);
    assert_eq!(refused.status.code(), Some(1));
    holds(&stderr(&refused), &["lissten"]);
}

#[test]
fn a_store_is_made_checked_copied_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let url = format!("sqlite:{}", path("a.db"));
    let missing = ballast(&["check", "--store", &url]);
    assert_eq!(missing.status.code(), Some(1), "a check creates no store");
    assert_eq!(ballast(&["migrate", "--store", &url]).status.code(), Some(0));
    holds(&stdout(&ballast(&["check", "--store", &url])), &["0 facts", "whole"]);
    let copied = ballast(&["backup", "--json", "--store", &url, &path("b.db")]);
    let copied: serde_json::Value = serde_json::from_str(&stdout(&copied)).unwrap();
    assert_eq!(copied, serde_json::json!({ "store": url, "backup": path("b.db") }));
    assert_eq!(ballast(&["restore", &path("b.db"), &path("c.db")]).status.code(), Some(0));
    let again = ballast(&["restore", &path("b.db"), &path("c.db")]);
    assert_eq!(again.status.code(), Some(1), "nothing is overwritten");
    let exported = ballast(&["export", "bars", "--store", &url]);
    holds(&stdout(&exported), &["symbol,", "effective_on", "published_at", "revision"]);
    let as_json = ballast(&["export", "bars", "--store", &url, "--json"]);
    assert_eq!((as_json.status.code(), stdout(&as_json)), (Some(2), String::new()));
    let report: serde_json::Value = serde_json::from_str(&stderr(&as_json)).unwrap();
    let error = &report["error"];
    assert_eq!((&error["code"], &error["reason"]), (&"INVALID_ARGUMENT".into(), &"USAGE".into()));
    let unknown = ballast(&["export", "bars", "--store", &url, "--symbol", "NOBODY"]);
    assert_eq!(unknown.status.code(), Some(4), "an unknown symbol is not found");
    let when = |text| ballast(&["export", "bars", "--store", &url, "--as-of", text]);
    assert_eq!(when("lately").status.code(), Some(2));
    assert_eq!(when("2024-07-11").status.code(), Some(0));
    let early = ballast(&["export", "bars", "--store", &url, "--revision", "9"]);
    assert_eq!(early.status.code(), Some(4), "an unknown revision is not found");
    assert_eq!(ballast(&["check", "--store", &url, "--csv"]).status.code(), Some(2));
    let json = ballast(&["check", "--store", &url, "--json"]);
    let report: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!(report["faults"], serde_json::json!([]));
}

#[test]
fn a_rejected_file_is_reported_and_the_next_is_sent() {
    with_server(|address| {
        let folder = tempfile::tempdir().unwrap();
        let page = file(folder.path(), "SPY.csv", "<!DOCTYPE html><html>no</html>");
        let rows = "date,value\n2024-07-09,4.30\n2024-07-10,four\n";
        let mut text = rows.to_owned();
        for day in 1..=28 {
            text.push_str(&format!("2024-06-{day:02},4.2\n"));
        }
        let good = file(folder.path(), "DGS10.csv", &text);
        let paths = [page.to_str().unwrap(), good.to_str().unwrap()];
        let sent = ballast(&["--server", address, "ingest", paths[0], paths[1]]);
        assert_eq!(sent.status.code(), Some(3));
        holds(&stderr(&sent), &["SPY.csv", "FILE_REFUSED", "HTML", "DGS10.csv:3"]);
        holds(&stdout(&sent), &["already known", "date_value"]);
        let again = ballast(&["--server", address, "--json", "ingest", paths[1]]);
        assert_eq!(again.status.code(), Some(0));
        let answer: serde_json::Value = serde_json::from_str(&stdout(&again)).unwrap();
        assert_eq!(
            (&answer["alreadyKnownCount"], &answer["rejectedCount"]),
            (&29.into(), &1.into())
        );
        let held = ballast(&["--server", address, "datasets"]);
        holds(&stdout(&held), &["Data held", "series", "2024-07-09"]);
        let factors = ballast(&["--server", address, "factors"]);
        let members = ballast(&["--server", address, "members", "--leg", "megacap_long"]);
        holds(&stdout(&members), &["The members of megacap_small_cap", "megacap_long"]);
        holds(&stdout(&factors), &["MARKET_UP", "(large_cap_index)", "SIZE: Return of the small"]);
        let groups = ["--server", address, "exposure", "book.csv", "--group-by", "label:"];
        holds(&stderr(&ballast(&groups)), &["must be size, sector, kind or label:KEY"]);
        let ranked = ["records", "DGS10", "points", "--where", "DGS10 level > 4.2", "--top", "3"];
        let ranked = ballast(&[&["--server", address], &ranked[..]].concat());
        holds(&stdout(&ranked), &["Records of DGS10 points", "2024-07-09: largest gain"]);
        let history = ["history", "ten_year_change_bp.1d", "--as-published", "--most", "2"];
        let history = ballast(&[&["--server", address], &history[..]].concat());
        holds(&stdout(&history), &["ten_year_change_bp.1d as known at each close", "sessions"]);
        let wrong = ballast(&["--server", address, "records", "DGS10", "--where", "DGS10 = 1"]);
        assert_eq!(wrong.status.code(), Some(2));
        let healthy = ballast(&["--server", address, "health"]);
        assert_eq!(healthy.status.code(), Some(0));
        holds(&stdout(&healthy), &["ballast.v1.RotationService", "SERVING"]);
        let watched = ballast(&["--server", address, "watch", "--reports", "1"]);
        holds(&stdout(&watched), &["Rotation as known at", "not measured"]);
        let book = file(folder.path(), "book.csv", "symbol,quantity\nNOBODY,100\nAAPL,many\n");
        let book = book.to_str().unwrap();
        let refused = ballast(&["--server", address, "exposure", book]);
        assert_eq!(refused.status.code(), Some(3));
        holds(&stderr(&refused), &["book.csv:3", "--skip-unreadable"]);
        let future = ballast(&["--server", address, "rotation", "--as-of", "2999-01-01"]);
        assert_eq!(future.status.code(), Some(3));
        holds(&stderr(&future), &["INVALID_ARGUMENT (INVALID_REQUEST)", "as_of"]);
        let future = ["--server", address, "--json", "rotation", "--as-of", "2999-01-01"];
        let error: serde_json::Value = serde_json::from_str(&stderr(&ballast(&future))).unwrap();
        assert_eq!(error["error"]["reason"], "INVALID_REQUEST", "{error}");
        let unknown = ["--server", address, "rotation", "--indicator", "nonsense"];
        assert_eq!(ballast(&unknown).status.code(), Some(4));
    });
}

#[test]
fn tables_are_csv_and_an_incomplete_book_has_an_exit_code() {
    with_server(|address| {
        let folder = tempfile::tempdir().unwrap();
        let rows = file(folder.path(), "DGS10.csv", "date,value\n2024-07-09,4.30\n");
        let sent = ballast(&["--server", address, "ingest", rows.to_str().unwrap()]);
        assert_eq!(sent.status.code(), Some(0));
        let table = ballast(&["--server", address, "--csv", "datasets"]);
        let csv = "dataset,names,rows,first_day,last_day,age_days,newest_published,without_prices";
        assert!(stdout(&table).starts_with(csv), "{}", stdout(&table));
        let named = ballast(&["--server", address, "--csv=levels", "rotation"]);
        holds(&stdout(&named), &["level_or_change,value,z"]);
        let table = ballast(&["--server", address, "--csv=nonsense", "rotation"]);
        holds(&stderr(&table), &["there is no table \"nonsense\"", "changes, levels"]);
        let mixed = file(folder.path(), "mixed.csv", "symbol,market_value\nNOBODY,100\n");
        let mixed = mixed.to_str().unwrap();
        let partial = ["--server", address, "exposure", mixed, "--fail-on-gaps"];
        let partial = |most: &str| ballast(&[&partial[..], &[most]].concat());
        assert_eq!(partial("1").status.code(), Some(0));
        assert_eq!(partial("0.99").status.code(), Some(6));
        holds(&stdout(&partial("0.99")), &["The book as known at"]);
        assert_eq!(partial("5").status.code(), Some(2), "not a share");
    });
}

#[test]
fn blocks_are_chosen_and_the_page_shows_only_them() {
    with_server(|address| {
        let folder = tempfile::tempdir().unwrap();
        let book = file(folder.path(), "book.csv", "symbol,market_value\nNOBODY,100\n");
        let book = book.to_str().unwrap();
        let ask = |more: &[&str]| {
            ballast(&[&["--server", address, "exposure", book, "--include"][..], more].concat())
        };
        let some = stdout(&ask(&["concentration,positions"]));
        holds(&some, &["The book as known at", "1 effective names", "NOBODY"]);
        assert!(!some.contains("beta to") && !some.contains("tail"), "{some}");
        let unused = ask(&["risk", "--top", "3"]);
        assert_eq!(unused.status.code(), Some(3));
        holds(&stderr(&unused), &["top_positions", "REPORT_BLOCK_POSITIONS"]);
        let unknown = ask(&["risk,beta"]);
        assert_eq!(unknown.status.code(), Some(2));
        holds(&stderr(&unknown), &["must be breakdowns, factors, trades, risk"]);
    });
}

#[test]
fn a_trade_is_read_from_a_file() {
    with_server(|address| {
        let folder = tempfile::tempdir().unwrap();
        let book = file(folder.path(), "book.csv", "symbol,market_value\nAAPL,100\n");
        let pair = r#"{
          "tradeId": "pair", "name": "one against the other", "neutrality": "TRADE_NEUTRALITY_DOLLAR",
          "legs": [
            {"legId": "one", "side": "TRADE_SIDE_LONG", "instrument": {"symbol": "AAPL"},
             "anyOf": [{"instrument": {"symbol": "AAPL"}}]},
            {"legId": "other", "side": "TRADE_SIDE_SHORT", "role": "mid_cap_index",
             "anyOf": [{"bucketId": "mid"}, {"rankBand": {"first": 501, "last": 1000}}]}
          ]
        }"#;
        let trade = file(folder.path(), "pair.json", pair);
        let wrong = file(folder.path(), "wrong.json", "{\"tradeid\": \"pair\"}");
        let ask = |trade: &Path| {
            let [book, trade] = [&book, trade].map(|path| path.to_str().unwrap());
            let both = ["--trade", trade, "--trade", "megacap_small_cap"];
            ballast(&[&["--server", address, "exposure", book][..], &both].concat())
        };
        let answer = ask(&trade);
        assert_eq!(answer.status.code(), Some(0), "{}", stderr(&answer));
        holds(
            &stdout(&answer),
            &["trade/pair", "one against the other", "trade/megacap_small_cap"],
        );
        let refused = ask(&wrong);
        assert_eq!(refused.status.code(), Some(3));
        holds(&stderr(&refused), &["wrong.json", "tradeid"]);
    });
}

#[test]
fn sectors_of_an_unknown_classification_scheme_are_refused() {
    with_server(|address| {
        let folder = tempfile::tempdir().unwrap();
        let book = file(folder.path(), "book.csv", "symbol,market_value\nAAPL,100\n");
        let ask = ["--server", address, "exposure", book.to_str().unwrap()];
        let scheme = ["--netting", "line", "--classification", "OURS"];
        let refused = ballast(&[&ask[..], &scheme].concat());
        assert_eq!(refused.status.code(), Some(4), "{}", stderr(&refused));
        holds(&stderr(&refused), &["OURS"]);
    });
}

#[test]
fn a_saved_report_is_explained_against() {
    with_server(|address| {
        let folder = tempfile::tempdir().unwrap();
        let book = file(folder.path(), "book.csv", "symbol,market_value\nAAPL,100\nMSFT,-40\n");
        let book = book.to_str().unwrap();
        let saved = ballast(&["--server", address, "--json", "exposure", book]);
        let mut answer: serde_json::Value = serde_json::from_str(&stdout(&saved)).unwrap();
        answer["report"]["total"]["long"] = 110.into();
        let then = file(folder.path(), "then.json", &answer.to_string());
        let before = ["--server", address, "change", book, "--before-report"];
        let change = |report: &Path| ballast(&[&before[..], &[report.to_str().unwrap()]].concat());
        let explained = change(&then);
        holds(&stdout(&explained), &["What changed", "model", "+$110", "-$10"]);
        let wrong = file(folder.path(), "wrong.json", "{\"points\": []}");
        let refused = change(&wrong);
        assert_eq!(refused.status.code(), Some(3));
        holds(&stderr(&refused), &["wrong.json", "points"]);
    });
}

#[test]
fn cash_in_a_portfolio_file_needs_an_asset_class() {
    with_server(|address| {
        let folder = tempfile::tempdir().unwrap();
        let bare = "symbol,market_value\nAAPL,100\nCASH,3e6\n";
        let bare = file(folder.path(), "bare.csv", bare);
        for command in ["exposure", "squeeze"] {
            let path = [bare.to_str().unwrap()];
            let refused = ballast(&[&["--server", address, command][..], &path].concat());
            assert_eq!(refused.status.code(), Some(3));
            holds(&stderr(&refused), &["bare.csv:3", "asset_class", "\"cash\""]);
        }
        let told = "position_id,asset_class,symbol,market_value,strategy\n\
                    a,Equity,AAPL,100,core\nb,Cash,CASH,3e6,\nc,cash,USD,(1e6),\nd,ETF,USD,50,\n";
        let told = file(folder.path(), "told.csv", told);
        let told = ["--server", address, "--json", "exposure", told.to_str().unwrap()];
        let answer = ballast(&told);
        assert_eq!(answer.status.code(), Some(0), "{}", stderr(&answer));
        let answer: serde_json::Value = serde_json::from_str(&stdout(&answer)).unwrap();
        let report = &answer["report"];
        assert_eq!((&report["cash"], &report["total"]["gross"]), (&2e6.into(), &150.0.into()));
        let lines: Vec<_> = answer["unresolved"].as_array().unwrap().iter().collect();
        let lines: Vec<_> = lines.iter().map(|line| line["positionId"].as_str()).collect();
        assert_eq!(lines, [Some("a"), Some("d")], "lines are named by their ids");
        let option = "symbol,asset_class,quantity\nAAPL,Option,5\n";
        let option = file(folder.path(), "option.csv", option);
        let refused = ballast(&["--server", address, "exposure", option.to_str().unwrap()]);
        assert_eq!(refused.status.code(), Some(3));
        holds(&stderr(&refused), &["option.csv:2", "the option needs a multiplier"]);
        let warrant = "symbol,asset_class,quantity\nAAPL,Warrant,5\n";
        let warrant = file(folder.path(), "warrant.csv", warrant);
        let refused = ballast(&["--server", address, "exposure", warrant.to_str().unwrap()]);
        assert_eq!(refused.status.code(), Some(3));
        holds(&stderr(&refused), &["warrant.csv:2", "cannot be analysed"]);
    });
}

/// A book that has only ISINs, as an administrator sends it.
#[test]
fn a_book_of_isins_is_analysed_with_a_security_master() {
    with_server(|address| {
        let folder = tempfile::tempdir().unwrap();
        let prices = "Ticker,Date,Open,High,Low,Close,Volume\nAAA,2021-01-27,5,5,5,5,100\n";
        let prices = file(folder.path(), "prices.csv", prices);
        let master = "symbol,isin\nAAA,US0000011074\n";
        let master = file(folder.path(), "security_master_2021-01-27.csv", master);
        let book = "isin,quantity\nUS0000011074,20\nUS0000021057,10\n";
        let book = file(folder.path(), "book.csv", book);
        let loaded = ballast(&[
            "--server",
            address,
            "ingest",
            prices.to_str().unwrap(),
            master.to_str().unwrap(),
        ]);
        assert_eq!(loaded.status.code(), Some(0), "{}", stderr(&loaded));
        let asked = ["--server", address, "exposure", book.to_str().unwrap()];
        let table = stdout(&ballast(&asked));
        holds(&table, &["AAA", "unknown name", "US0000021057"]);
        let json = ballast(&[&asked[..], &["--json"]].concat());
        let answer: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
        let report = &answer["report"];
        assert_eq!(report["positions"][0]["symbol"], "AAA");
        // 20 shares at 5; the unknown line gives shares and has no value.
        assert_eq!(report["total"]["gross"], 100.0);
        assert_eq!(answer["unresolved"][0]["positionId"], "portfolio.positions[1]");
        let gaps = answer["info"]["gaps"].as_array().unwrap();
        let is_line =
            |gap: &serde_json::Value| gap["subjects"][0]["positionId"] == "portfolio.positions[1]";
        assert!(gaps.iter().any(is_line), "{gaps:?}");
    });
}

#[test]
fn an_unreachable_server_is_reported_clearly() {
    let health = ballast(&["--server", "http://127.0.0.1:1", "health"]);
    assert_eq!(health.status.code(), Some(5));
    holds(&stderr(&health), &["cannot connect to http://127.0.0.1:1"]);
}

#[test]
fn the_demo_runs_to_its_end() {
    let demo = ballast(&["demo", "--once", "--port", "0"]);
    assert_eq!(demo.status.code(), Some(0), "{}", stderr(&demo));
    let sections = [
        "SIMULATED",
        "Files to facts",
        "What happened",
        // The first line is what the session was.
        "2024-07-11: a rotation into small caps: ^RUT beat ^IXIC by 5.6 points",
        // The published moves of the day.
        "Small caps (^RUT) rose 3.60 %, the Nasdaq (^IXIC) fell 2.00 %",
        "What it means for the book",
        "This book is in the crowded trade",
        "What the book lost",
        "of its standard deviations",
        "What can squeeze",
        "The rotation of 2024-07-11 twice in a row: the book would lose",
        "What to do by noon",
        "Left alone, the book loses",
        "overlay  buy IWM $",
    ];
    let text = stdout(&demo);
    holds(&text, &sections);
    assert!(text.lines().count() <= 80, "two screens:\n{text}");
    // Its server is gone when it ends.
    for command in ["grpcurl", "--server"] {
        assert!(!text.contains(command), "{command} is recommended");
    }
    assert_eq!(stderr(&demo), "", "nothing was rejected or logged");
}

#[test]
fn the_full_demo_prints_every_table_and_replays() {
    let demo = ballast(&["demo", "--once", "--full", "--port", "0"]);
    let sections = [
        "The evening before, as known at the close of Wednesday 2024-07-10",
        "Rotation as known at the close of Thursday 2024-07-11",
        "A size move of 2.5 or more is a rotation",
        "returns the same bytes",
        "The book as known at",
        "The short book as known at",
        "What if, as known at",
        "Ways out as known at",
    ];
    holds(&stdout(&demo), &sections);
}

#[test]
fn the_demo_as_json_is_one_object() {
    let demo = ballast(&["demo", "--once", "--json", "--port", "0"]);
    assert_eq!(demo.status.code(), Some(0), "{}", stderr(&demo));
    let answers: serde_json::Value = serde_json::from_str(&stdout(&demo)).unwrap();
    for name in ["eveningBefore", "rotation", "exposure", "shortBook", "stress", "hedge"] {
        assert!(answers[name]["info"]["snapshot"]["revision"].is_string(), "{name}");
    }
}

#[test]
fn the_help_of_ingest_lists_every_kind_of_file() {
    let help = stdout(&ballast(&["ingest", "--help"]));
    for kind in SourceKind::ALL {
        assert!(help.contains(kind.name()), "{}", kind.name());
        assert!(help.contains(kind.what()), "{}", kind.what());
    }
    holds(&help, &["symbol, short_interest_date, shares_sold_short", "old_symbol, new_symbol"]);
}

#[test]
fn a_report_is_a_page_beside_the_answer() {
    with_server(|address| {
        let folder = tempfile::tempdir().unwrap();
        let rows = file(folder.path(), "DGS10.csv", "date,value\n2024-07-09,4.30\n");
        let sent = ballast(&["--server", address, "ingest", rows.to_str().unwrap()]);
        assert_eq!(sent.status.code(), Some(0));
        let book = file(folder.path(), "<b>.csv", "symbol,market_value\nNOBODY,-100\n");
        let (book, page) = (book.to_str().unwrap(), folder.path().join("out.html"));
        let page = page.to_str().unwrap();
        let ask = |arguments: &[&str], more: &[&str]| {
            let server = ["--server", address];
            ballast(&[&server[..], arguments, &["--as-of", "2024-07-09"], more].concat())
        };
        let asked: [(&[&str], &str); 10] = [
            (&["exposure", book], "Exposure of &lt;b&gt; as known at"),
            (&["hedge", book], "Ways out of &lt;b&gt; as known at"),
            (
                &["hedge", book, "--frontier", "max_turnover=10,100"],
                "Ways out of &lt;b&gt; by max_turnover as known at",
            ),
            (&["stress", book], "What if: &lt;b&gt;, as known at"),
            (&["stress", book, "--loss", "10"], "How &lt;b&gt; loses $10, as known at"),
            (&["squeeze", book], "The shorts of &lt;b&gt; as known at"),
            (&["squeeze", "simulate", book], "Squeezes of several shorts of &lt;b&gt; at once as"),
            (&["squeeze"], "Squeeze ranking as known at"),
            (&["squeeze", "rank"], "Squeeze ranking as known at"),
            (&["squeeze", "calibration"], "Calibration of the squeeze probability as known"),
        ];
        for (arguments, title) in asked {
            let (plain, with) = (ask(arguments, &[]), ask(arguments, &["--report", page]));
            assert_eq!(with.status.code(), Some(0), "{}", stderr(&with));
            assert_eq!(stdout(&plain), stdout(&with), "{arguments:?}");
            holds(&stderr(&with), &[&format!("report: {page}")]);
            let text = std::fs::read_to_string(page).unwrap();
            holds(&text, &["<!DOCTYPE html>", title, "2024-07-09T20:00:00Z", "What is missing"]);
        }
        let lacking =
            ask(&["exposure", book], &["--report", page, "--fail-on-gaps", "0", "--json"]);
        assert_eq!(lacking.status.code(), Some(6));
        holds(&std::fs::read_to_string(page).unwrap(), &["Exposure of", "NOBODY"]);
        let history = ask(&["exposure", book, "--history"], &["--report", page]);
        assert_eq!(history.status.code(), Some(2), "{}", stderr(&history));
        let unknown = ask(&["hedge", book, "--frontier", "net=1"], &["--report", page]);
        holds(&stderr(&unknown), &["no constraint of --problem is called net"]);
        assert_eq!(ask(&["stress", "list"], &["--report", page]).status.code(), Some(2));
    });
    // A place where nothing can be written is noticed without a server.
    let nowhere = ["--server", "http://127.0.0.1:1", "squeeze", "--report", "no/such/out.html"];
    let refused = ballast(&nowhere);
    assert_eq!(refused.status.code(), Some(2));
    holds(&stderr(&refused), &["its folder does not exist"]);
}
