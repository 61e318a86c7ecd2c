//! Real files around two real events, and the published figures that they must give.

use crate::harness::{Harness, header, named, on, oracle, read, real_data, reference};
use contract::v1;
use std::path::Path;

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_price_file_is_accepted_and_known_the_second_time() {
    let Some(folder) = real_data("the price file") else { return };
    let harness = Harness::start().await;
    let name = "us_equities_2020-07_2021-03.csv.gz";
    let bytes = read(&folder, &format!("prices/{name}"));
    let first = harness.ingest(name, &bytes).await;
    assert_eq!(first.row_count, 393_689);
    assert_eq!(
        (first.accepted_count + first.rejected_count, first.symbol_count),
        (393_689, 2_163),
        "{first:?}"
    );
    let again = harness.ingest(name, &bytes).await;
    assert_eq!((again.accepted_count, again.corrected_count), (0, 0));
    assert_eq!(reference(&again.info).revision, 1);
    let coverage = v1::ListDatasetsRequest::default();
    let coverage = harness.market_data().await.list_datasets(coverage).await.unwrap().into_inner();
    let [bars] = coverage.datasets.as_slice() else { panic!("{coverage:?}") };
    assert_eq!((bars.instrument_count, bars.row_count), (2_163, first.accepted_count.into()));
}

/// Every file of the folders, the schedule and the rename first, because the caller is responsible
/// for the order.
fn everything(folder: &Path) -> Vec<String> {
    let mut files = vec!["short_interest/publication_times.csv".to_owned()];
    let mut folders = ["prices", "short_interest", "macro", "universe"].map(str::to_owned).to_vec();
    while let Some(name) = folders.pop() {
        let mut entries: Vec<_> =
            folder.join(&name).read_dir().unwrap().map(|entry| entry.unwrap()).collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let path = format!("{name}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                folders.push(path);
            } else if !path.ends_with("LICENSE") && !files.contains(&path) {
                files.push(path);
            }
        }
    }
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn all_files_together_resolve_except_the_counted_symbols() {
    let Some(folder) = real_data("all real files together") else { return };
    let harness = Harness::at("2026-04-10T12:00:00Z").await;
    let rename = b"old_symbol,new_symbol,date\nFB,META,2022-06-09\n";
    harness.ingest("symbol_changes.csv", rename).await;
    let files = everything(&folder);
    assert!(45 <= files.len(), "{files:?}");
    for file in &files {
        let name = file.rsplit('/').next().unwrap();
        let mut header = header(name);
        if file.starts_with("prices/us_equities") || file.starts_with("prices/yahoo") {
            header.adjusted_on = "2024-03-31".to_owned();
        }
        let answer = harness.try_ingest(header, &read(&folder, file)).await;
        let answer = answer.unwrap_or_else(|status| panic!("{file}: {status:?}"));
        assert!(answer.rejected_count * 20 <= answer.row_count, "{file}: {answer:?}");
    }
    let request = v1::ListDatasetsRequest { as_of: on("2021-01-27") };
    let coverage = harness.market_data().await.list_datasets(request).await.unwrap().into_inner();
    let of = |wanted: v1::Dataset| {
        coverage.datasets.iter().find(|dataset| dataset.dataset() == wanted).unwrap()
    };
    // tests/oracles/real_data.py: distinct symbols of the files published by then (11-30, 12-15,
    // 12-31), in one spelling, and how many of them have a price row by that day in any price file,
    // FB by its later name META. DDMX, with a settlement of 2020-02-28 only in the file of
    // 2021-01-15, is not among them and has no prices.
    let short = of(v1::Dataset::ShortInterest);
    assert_eq!(short.last_on, "2020-12-31");
    let expected = &oracle()["coverage_2021_01_27"];
    assert_eq!(Some(short.instrument_count.into()), expected["short_interest_names"].as_i64());
    assert_eq!(short.without_prices_count.map(i64::from), expected["without_prices"].as_i64());
    check_names_of_the_day(&harness).await;
}

/// Prices say META throughout, short interest of 2020 says FB: one instrument.
async fn check_names_of_the_day(harness: &Harness) {
    let request = v1::GetSeriesRequest {
        as_of: on("2021-01-27"),
        dataset: v1::Dataset::ShortInterest.into(),
        instrument: named("META"),
        fields: vec!["shares_short".to_owned()],
        ..v1::GetSeriesRequest::default()
    };
    let series = harness.market_data().await.get_series(request).await.unwrap().into_inner();
    assert_eq!(series.symbol, "FB", "the name of the day");
    let days: Vec<&str> = series.points.iter().map(|point| point.observed_on.as_str()).collect();
    assert_eq!(days, ["2020-11-30", "2020-12-15", "2020-12-31"]);
    let newest = series.points[2].values[0].value.clone();
    assert_eq!(newest, Some(v1::field_value::Value::Number(23_420_000.0)));
}
