//! The short squeeze of January 2021 from real files: what was known when, on one basis of shares.
//!
//! Expected numbers: pandas 3.1.1 on the raw files. Closes, volumes and caps in the shares of the day:
//! the file's restated close times the factor of `split_factor_2021-01-29_to_2024-03.csv` (GME 4, AMC
//! 0.1, AMZN and GOOGL 20), its volume divided by it; means over the last 21 rows; total returns from
//! `Adj Close`.

use crate::harness::{Harness, on, read, real_data};
use contract::v1::{self, position::Size, squeeze_service_client::SqueezeServiceClient};
use std::{collections::BTreeMap, path::Path};

/// What pandas says of a name: short interest, per cent of float, of float plus short, of shares
/// outstanding, days to cover over 21 sessions, close, market value of the line, total return since
/// the settlement, over 5 and 20 sessions, volume ratio.
type Row = (&'static str, [f64; 11]);

const BEFORE: [Row; 4] = [
    (
        "GME",
        [
            71_200_000.0,
            138.41368584758942,
            58.05609915198956,
            102.07885304659499,
            1.263694567254337,
            347.510008,
            24238823058.0,
            17.445329511677283,
            7.883180163599183,
            15.555979418770846,
            9.435648622020832,
        ],
    ),
    (
        "AMC",
        [
            38_990_000.0,
            68.9234576630723,
            40.80159062369192,
            13.572124756335283,
            0.2313368131094421,
            19.9,
            5716872000.0,
            8.38679201005698,
            5.700336474736145,
            7.326359832635983,
            13.814747779345907,
        ],
    ),
    (
        "AMZN",
        [
            3_290_000.0,
            0.7676334025525561,
            0.7617856812077429,
            0.6557050323864667,
            0.8549441112305923,
            3232.57996,
            1621946994930.0,
            -0.007476359777023656,
            -0.009438115961802217,
            -0.015645744962128116,
            0.9236345041535362,
        ],
    ),
    (
        "GOOGL",
        [
            2_510_000.0,
            0.8362764043446392,
            0.8293408227325293,
            0.8348855774348057,
            1.3492447454711605,
            1818.93998,
            546846115587.2,
            0.03782858828607878,
            -0.032514778013270074,
            0.025355713214632036,
            1.534388798379975,
        ],
    ),
];

const AFTER: [Row; 2] = [
    (
        "GME",
        [
            61_780_000.0,
            121.0660395845581,
            54.76464852406702,
            88.57347670250896,
            1.0521738340592315,
            193.600008,
            13503600558.0,
            4.453521352112676,
            3.499186799907042,
            8.989680495356037,
            8.995281544542506,
        ],
    ),
    (
        "AMC",
        [
            44_670_000.0,
            78.23117338003502,
            43.89309222687629,
            15.549289891395154,
            0.2284261734458074,
            8.6300003,
            2479226486.184,
            2.7038629486636463,
            1.895973352213871,
            2.768559082969433,
            16.418189342907883,
        ],
    ),
];

/// The schedule first; prices and factors up to the day both were made.
async fn load(harness: &Harness, folder: &Path) {
    for file in [
        "short_interest/publication_times.csv",
        "prices/us_equities_2020-07_2021-03.csv.gz",
        "universe/split_factor_2021-01-29_to_2024-03.csv",
        "short_interest/settle_2020-11-30.csv.gz",
        "short_interest/settle_2020-12-15.csv.gz",
        "short_interest/settle_2020-12-31.csv.gz",
        "short_interest/settle_2021-01-15.csv.gz",
    ] {
        let name = file.rsplit('/').next().unwrap();
        harness.ingest(name, &read(folder, file)).await;
    }
}

fn input<'a>(name: &'a v1::SqueezeName, wanted: &str) -> &'a v1::Input {
    name.inputs.iter().find(|input| input.name == wanted).unwrap()
}

#[track_caller]
fn check(name: &v1::SqueezeName, expected: &[f64; 11]) {
    let found = [
        input(name, "short_interest").value,
        name.short_of_float_pct,
        name.short_of_float_s3_pct,
        name.short_of_shares_outstanding_pct,
        name.days_to_cover,
        input(name, "close").value,
        name.market_cap_usd,
        name.return_since_settlement,
        name.return_5,
        name.return_20,
        name.volume_ratio,
    ];
    for (at, (found, expected)) in found.into_iter().zip(expected).enumerate() {
        let found = found.unwrap_or(f64::NAN);
        // The file prints six decimals of prices down to 0.2.
        let near = (found - expected).abs() <= 1e-5 * expected.abs().max(0.1);
        assert!(near, "{} [{at}]: {found} is not {expected}", name.symbol);
    }
}

async fn book(
    client: &mut SqueezeServiceClient<tonic::transport::Channel>,
    day: &str,
) -> BTreeMap<String, v1::ShortLine> {
    let symbols = ["GME", "AMC", "AMZN", "GOOGL", "KOSS"];
    let positions = symbols.map(|symbol| v1::Position {
        symbol: symbol.to_owned(),
        size: Some(Size::Quantity(-100_000.0)),
        average_cost: None,
    });
    let request = v1::AssessShortBookRequest {
        as_of: on(day),
        portfolio: Some(v1::Portfolio { positions: positions.into(), ..Default::default() }),
        participation: None,
    };
    let answer = client.assess_short_book(request).await.unwrap().into_inner();
    let named = |line: v1::ShortLine| (line.name.as_ref().unwrap().symbol.clone(), line);
    answer.lines.into_iter().map(named).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_squeeze_of_january_2021_as_it_was_known() {
    let Some(folder) = real_data("the squeeze of January 2021") else { return };
    let harness = Harness::at("2024-04-10T12:00:00Z").await;
    load(&harness, &folder).await;
    let mut client = SqueezeServiceClient::new(harness.channel().await);

    let lines = book(&mut client, "2021-01-27").await;
    for (symbol, expected) in &BEFORE {
        let line = &lines[*symbol];
        let name = line.name.as_ref().unwrap();
        check(name, expected);
        assert_eq!(name.units_on, "2020-12-31");
        let [_, _, _, _, _, close, ..] = expected;
        assert!((line.market_value / (-100_000.0 * close) - 1.0).abs() < 1e-9);
        // Own exit against the market's volume in the same shares: 100,000 at 15 % of it.
        let volume = input(name, "average_volume_21").value.unwrap();
        let exit = 100_000.0 / (0.15 * volume);
        assert!((line.exit_days.unwrap() / exit - 1.0).abs() < 1e-9);
    }
    let short = input(lines["GME"].name.as_ref().unwrap(), "short_interest");
    assert_eq!(short.effective_on, "2020-12-31");
    // first_seen 2021-01-13T08:12:58Z.
    assert_eq!(short.published_at.unwrap().seconds, 1_610_525_578);
    let doubted = |symbol: &str, subject: &str| {
        let gaps = &lines[symbol].name.as_ref().unwrap().gaps;
        let implausible = v1::GapReason::Implausible;
        gaps.iter().any(|gap| gap.subject == subject && gap.reason() == implausible)
    };
    assert!(doubted("KOSS", "KOSS.short_interest"), "722, then 590,314 shares");
    assert!(doubted("AMC", "AMC.public_float"), "it stood still through an issue of shares");
    assert!(!doubted("GME", "GME.short_interest"));

    // The settlement of 2021-01-15 was first seen at 05:06 UTC of the 28th.
    let lines = book(&mut client, "2021-01-28").await;
    for (symbol, expected) in &AFTER {
        check(lines[*symbol].name.as_ref().unwrap(), expected);
    }
    // Inside the interval of an undated later split everything still joins in the settlement's units.
    let ranking = v1::RankSqueezeRequest {
        as_of: on("2021-02-05"),
        page_size: 1_000,
        ..v1::RankSqueezeRequest::default()
    };
    let ranking = client.rank_squeeze(ranking).await.unwrap().into_inner();
    let gme = ranking.names.iter().filter_map(|n| n.name.as_ref()).find(|n| n.symbol == "GME");
    let gme = gme.unwrap();
    // 61.78 m short, 73,452,890 a day in shares of that day (pandas, as above).
    assert!((gme.days_to_cover.unwrap() - 61.78e6 / 73_452_890.476_190_48).abs() < 1e-6);
    let reasons: Vec<_> = ranking.gaps.iter().map(v1::Gap::reason).collect();
    use v1::GapReason::{NoPrice, NoShortInterest, Survivorship};
    assert_eq!(reasons, [NoPrice, NoShortInterest, Survivorship]);
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gamestop_stood_near_the_top_before_it_was_squeezed() {
    let Some(folder) = real_data("the ranking of January 2021") else { return };
    let harness = Harness::at("2024-04-10T12:00:00Z").await;
    load(&harness, &folder).await;
    let mut client = SqueezeServiceClient::new(harness.channel().await);
    let request = v1::RankSqueezeRequest {
        as_of: on("2021-01-20"),
        page_size: 1_000,
        ..v1::RankSqueezeRequest::default()
    };
    let ranking = client.rank_squeeze(request).await.unwrap().into_inner();
    let rank = |symbol: &str| {
        let is = |name: &&v1::RankedName| name.name.as_ref().is_some_and(|n| n.symbol == symbol);
        ranking.names.iter().find(is).map(|name| name.rank)
    };
    assert!(rank("GME").is_some_and(|rank| rank <= ranking.total_size / 100), "{:?}", rank("GME"));
    assert!(rank("AAPL").is_none_or(|rank| ranking.total_size / 2 <= rank), "{:?}", rank("AAPL"));
    harness.stop().await;
}
