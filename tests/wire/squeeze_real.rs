//! The short squeeze of January 2021 from real files, as known at the time, on one basis of shares.
//!
//! Expected numbers: computed with pandas from the raw files by `tests/oracles/real_data.py`.
//! Closes, volumes and caps in the shares of the day: the file's restated close times the factor of
//! `split_factor_2021-01-29_to_2024-03.csv` (GME 4, AMC 0.1, AMZN and GOOGL 20), its volume divided
//! by it; means over the last 21 rows; total returns from `Adj Close`.

use crate::harness::{Harness, held, is_about, named, on, oracle, real_data};
use contract::v1::{self, position::Size, squeeze_service_client::SqueezeServiceClient};
use std::{collections::BTreeMap, path::Path};

/// Fields that are compared, by their names in the oracle.
const FIGURES: [&str; 11] = [
    "short_interest",
    "short_of_float",
    "short_of_float_s3",
    "short_of_shares_outstanding",
    "days_to_cover_at_recent_volume",
    "close",
    "line_market_cap_usd",
    "return_since_settlement",
    "five_session_return",
    "twenty_session_return",
    "volume_ratio",
];

/// Loads the schedule first; prices and factors are adjusted up to the day on which both files were
/// made.
pub(crate) async fn load(harness: &Harness, folder: &Path) {
    let files = [
        "short_interest/publication_times.csv",
        "prices/us_equities_2020-07_2021-03.csv.gz",
        "universe/split_factor_2021-01-29_to_2024-03.csv",
        "short_interest/settle_2020-11-30.csv.gz",
        "short_interest/settle_2020-12-15.csv.gz",
        "short_interest/settle_2020-12-31.csv.gz",
        "short_interest/settle_2021-01-15.csv.gz",
    ];
    harness.ingest_real(folder, &files).await;
}

fn input<'a>(name: &'a v1::SqueezeName, wanted: &str) -> &'a v1::MeasureInput {
    name.inputs.iter().find(|input| input.name == wanted).unwrap()
}

#[track_caller]
fn check(name: &v1::SqueezeName, expected: &serde_json::Value) {
    let found = [
        input(name, "short_interest").value,
        name.short_of_float,
        name.short_of_float_s3,
        name.short_of_shares_outstanding,
        name.days_to_cover_at_recent_volume,
        input(name, "close").value,
        name.line_market_cap_usd,
        name.return_since_settlement,
        name.five_session_return,
        name.twenty_session_return,
        name.volume_ratio,
    ];
    for (figure, found) in FIGURES.into_iter().zip(found) {
        let (found, expected) = (found.unwrap_or(f64::NAN), expected[figure].as_f64().unwrap());
        // The file prints six decimals of prices down to 0.2.
        let near = (found - expected).abs() <= 1e-5 * expected.abs().max(0.1);
        assert!(near, "{} {figure}: {found} is not {expected}", name.symbol);
    }
}

async fn book(
    client: &mut SqueezeServiceClient<tonic::transport::Channel>,
    day: &str,
) -> BTreeMap<String, v1::ShortLine> {
    let symbols = ["GME", "AMC", "AMZN", "GOOGL", "KOSS"];
    let positions = symbols.map(|symbol| held(symbol, Size::Quantity(-100_000.0)));
    let request = v1::AssessShortBookRequest {
        as_of: on(day),
        portfolio: Some(v1::Portfolio { positions: positions.into(), ..Default::default() }),
        ..Default::default()
    };
    let answer = client.assess_short_book(request).await.unwrap().into_inner();
    let named = |line: v1::ShortLine| (line.name.as_ref().unwrap().symbol.clone(), line);
    answer.lines.into_iter().map(named).collect()
}

/// The file has prices after the split of 2022, four for one. The closes that newspapers printed are
/// 347.51 on 2021-01-27 and 325.00 on 2021-01-29. The file of factors knows only that the split lies
/// between 2021-01-29 and 2024-03-08, so what was traded in February is unknown.
async fn gamestop_in_units_of(harness: &Harness) {
    let request = |units: v1::SeriesUnits| v1::GetSeriesRequest {
        dataset: v1::Dataset::Bars.into(),
        instrument: named("GME"),
        fields: vec!["close".to_owned()],
        start_on: "2021-01-27".to_owned(),
        end_on: "2021-02-01".to_owned(),
        units: units.into(),
        ..v1::GetSeriesRequest::default()
    };
    let closes = |answer: &v1::GetSeriesResponse| -> Vec<Option<f64>> {
        let number = |point: &v1::SeriesPoint| match point.values[0].value {
            Some(v1::field_value::Value::Number(number)) => Some((100.0 * number).round() / 100.0),
            _ => None,
        };
        answer.points.iter().map(number).collect()
    };
    let mut client = harness.market_data().await;
    let traded = client.get_series(request(v1::SeriesUnits::AsTraded)).await.unwrap().into_inner();
    assert_eq!(closes(&traded), [Some(347.51), Some(193.6), Some(325.0), None]);
    let gaps = &traded.info.as_ref().unwrap().gaps;
    assert_eq!(gaps.iter().map(v1::Gap::reason).collect::<Vec<_>>(), [v1::GapReason::BasisUnknown]);
    let today = client.get_series(request(v1::SeriesUnits::AsOfDate)).await.unwrap().into_inner();
    assert_eq!(closes(&today), [Some(86.88), Some(48.4), Some(81.25), Some(56.25)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_squeeze_of_january_2021_as_it_was_known() {
    let Some(folder) = real_data("the squeeze of January 2021") else { return };
    let harness = Harness::at("2024-04-10T12:00:00Z").await;
    load(&harness, &folder).await;
    let mut client = SqueezeServiceClient::new(harness.channel().await);

    let lines = book(&mut client, "2021-01-27").await;
    let oracle = oracle();
    for symbol in ["GME", "AMC", "AMZN", "GOOGL"] {
        let (line, expected) = (&lines[symbol], &oracle["squeeze_2021_01_27"][symbol]);
        let name = line.name.as_ref().unwrap();
        check(name, expected);
        assert_eq!(name.units_on, "2020-12-31");
        let close = expected["close"].as_f64().unwrap();
        assert!((line.market_value / (-100_000.0 * close) - 1.0).abs() < 1e-9);
        // Own exit against the market's volume in the same shares: 100,000 at 15 % of it.
        let volume = input(name, "recent_volume").value.unwrap();
        let exit = 100_000.0 / (0.15 * volume);
        assert!((line.exit_days_at_recent_volume.unwrap() / exit - 1.0).abs() < 1e-9);
    }
    // Its own squeeze must not make an exit look quick. The oracle's medians are of the file's
    // volumes in the shares of the day.
    let gamestop = &lines["GME"];
    let normal = oracle["squeeze_2021_01_27"]["GME"]["median_volume_63"].as_f64().unwrap();
    let days = 100_000.0 / (0.15 * normal);
    assert!((gamestop.exit_days_at_normal_volume.unwrap() / days - 1.0).abs() < 1e-5);
    assert!(3.0 * gamestop.exit_days_at_recent_volume.unwrap() < days);
    let short = input(lines["GME"].name.as_ref().unwrap(), "short_interest");
    assert_eq!(short.observed_on, "2020-12-31");
    // first_seen 2021-01-13T08:12:58Z.
    assert_eq!(short.published_at.unwrap().seconds, 1_610_525_578);
    let is_implausible = |symbol: &str, subject: &str| {
        let gaps = &lines[symbol].name.as_ref().unwrap().gaps;
        let implausible = v1::GapReason::Implausible;
        gaps.iter().any(|gap| is_about(gap, subject) && gap.reason() == implausible)
    };
    assert!(is_implausible("KOSS", "KOSS.short_interest"), "722, then 590,314 shares");
    assert!(
        is_implausible("AMC", "AMC.public_float"),
        "it did not change through an issue of shares"
    );
    assert!(!is_implausible("GME", "GME.short_interest"));

    gamestop_in_units_of(&harness).await;

    // The settlement of 2021-01-15 was first seen at 05:06 UTC of the 28th.
    let lines = book(&mut client, "2021-01-28").await;
    for symbol in ["GME", "AMC"] {
        let expected = &oracle["squeeze_2021_01_28"][symbol];
        check(lines[symbol].name.as_ref().unwrap(), expected);
    }
    // Inside the interval of a later split without a date, all data can still be converted to the
    // settlement's units.
    let ranking = v1::RankSqueezeRequest {
        as_of: on("2021-02-05"),
        page_size: 1_000,
        ..v1::RankSqueezeRequest::default()
    };
    let ranking = client.rank_squeeze(ranking).await.unwrap().into_inner();
    let gme = ranking.names.iter().filter_map(|n| n.name.as_ref()).find(|n| n.symbol == "GME");
    let gme = gme.unwrap();
    // 61.78 m short, volumes in shares of that day.
    let volume = oracle["gme_volume_21_2021_02_05"].as_f64().unwrap();
    assert!((gme.days_to_cover_at_recent_volume.unwrap() - 61.78e6 / volume).abs() < 1e-6);
    let reasons: Vec<_> = ranking.info.as_ref().unwrap().gaps.iter().map(v1::Gap::reason).collect();
    use v1::GapReason::{
        InputMissing, MissingObservations, NoPrice, NoShortInterest, Survivorship,
    };
    // There is no lending file, no index, and no dataset of earnings, short sale volume and fails. Some
    // names left the lists between two settlements.
    let expected =
        [NoPrice, NoShortInterest, InputMissing, InputMissing, MissingObservations, Survivorship];
    assert_eq!(reasons, expected);
    let universe = ranking.universe.as_ref().unwrap();
    let counts = [universe.at_newest_settlement_count, universe.with_short_interest_count];
    assert!(counts[0] < counts[1] && counts[1] < counts[0] + counts[0] / 20, "{counts:?}");
    harness.stop().await;
}

/// Where GME, AMC and KOSS stand by default on what was public then, and which inputs look wrong.
/// Nothing is tuned: the score is short interest over float.
#[tokio::test(flavor = "multi_thread")]
async fn the_ranking_before_the_squeeze_as_it_was_known() {
    let Some(folder) = real_data("the ranking of January 2021") else { return };
    let harness = Harness::at("2024-04-10T12:00:00Z").await;
    load(&harness, &folder).await;
    let mut client = SqueezeServiceClient::new(harness.channel().await);
    for (day, flags) in [
        ("2021-01-12", &[("GME", 0), ("AMC", 0), ("KOSS", 0)]),
        // KOSS: 722, then 590,314 shares short. AMC: 109 and 287 million shares outstanding, with a
        // float of 56 million throughout.
        ("2021-01-20", &[("GME", 0), ("AMC", 1), ("KOSS", 1)]),
    ] {
        let expected = &oracle()[format!("squeeze_ranking_{}", day.replace('-', "_"))];
        let ranked = ranking(&mut client, day).await;
        assert_eq!(ranked.len() as u64, expected["ranked"].as_u64().unwrap());
        for (place, first) in expected["first"].as_array().unwrap().iter().enumerate() {
            assert_eq!(ranked[place].name.as_ref().unwrap().symbol, first.as_str().unwrap());
        }
        for (symbol, implausible) in flags {
            let of =
                |ranked: &&v1::RankedSqueezeName| ranked.name.as_ref().unwrap().symbol == *symbol;
            let found = ranked.iter().find(of).unwrap();
            let name = found.name.as_ref().unwrap();
            assert_eq!(i64::from(found.rank), expected["places"][symbol].as_i64().unwrap());
            let ratio = expected["short_of_float"][symbol].as_f64().unwrap();
            assert!((name.short_of_float.unwrap() / ratio - 1.0).abs() < 1e-12);
            assert!((name.score_index.unwrap() - ratio.ln()).abs() < 1e-12);
            let is_implausible = |gap: &&v1::Gap| gap.reason() == v1::GapReason::Implausible;
            assert_eq!(name.gaps.iter().filter(is_implausible).count(), *implausible, "{symbol}");
        }
    }
    // KOSS has no known market value until the settlement of 2021-01-15; it is listed with a gap.
    let ranked = ranking(&mut client, "2021-01-20").await;
    let koss = ranked.iter().filter_map(|r| r.name.as_ref()).find(|name| name.symbol == "KOSS");
    let koss = koss.unwrap();
    assert_eq!(koss.line_market_cap_usd, None);
    assert!(
        koss.gaps.iter().any(|gap| is_about(gap, "KOSS.line_market_cap_usd")),
        "{:?}",
        koss.gaps
    );
    harness.stop().await;
}

/// Every name of the default ranking of a day.
async fn ranking(
    client: &mut SqueezeServiceClient<tonic::transport::Channel>,
    day: &str,
) -> Vec<v1::RankedSqueezeName> {
    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::RankSqueezeRequest {
            as_of: on(day),
            page_size: 1_000,
            page_token,
            ..v1::RankSqueezeRequest::default()
        };
        let page = client.rank_squeeze(request).await.unwrap().into_inner();
        names.extend(page.names);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return names;
        }
    }
}
