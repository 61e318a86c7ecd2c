//! Short sales, fails and days of earnings over the wire: what a ranking and a short book say of them,
//! what was known when, and the real files of January 2021.

use crate::{
    harness::{Harness, gaps, held, is_about, on, read, real_data},
    squeeze::{NOW, load},
    squeeze_real,
};
use contract::v1::{self, position::Size, squeeze_service_client::SqueezeServiceClient};
use simulation::{files::SourceFile, market::Market};
use std::{collections::BTreeSet, fmt::Write as _, io::Read as _, path::Path};
use tonic::transport::Channel;

const VOLUMES: &str = "Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume|Market\n\
    20210126|CROWD|450|0|1000|B,Q,N\n20210126|CALM|100|0|1000|Q\n2\n";
const FAILS: &str = "SETTLEMENT DATE|CUSIP|SYMBOL|QUANTITY (FAILS)|DESCRIPTION|PRICE\n\
    20201231|000000000|CROWD|80000|CROWD INC|10\nTrailer record count 1\n";
const EARNINGS: &str = "symbol,earnings_on,announced_at,withdrawn\n\
    CROWD,2021-02-01,2021-01-04T13:00:00Z,\nCALM,2021-03-01,2021-01-28T13:00:00Z,\n";

/// Short sales at one facility and at all, fails, and days of earnings of some names, one of which moves.
pub(crate) fn files(market: &Market) -> [SourceFile; 3] {
    let mut sales = String::from("Date|Symbol|ShortVolume|TotalVolume|Market\n");
    let mut fails = String::from("SETTLEMENT DATE|CUSIP|SYMBOL|QUANTITY (FAILS)\n");
    let mut earnings = String::from("symbol,earnings_on,announced_at,withdrawn\n");
    for day in &market.days[market.days.len() - 44..market.days.len() - 40] {
        let on = day.to_string().replace('-', "");
        for (at, name) in market.names.iter().enumerate().step_by(3) {
            let symbol = &name.symbol;
            writeln!(sales, "{on}|{symbol}|{}|1000|B,N,Q", 100 + at).unwrap();
            writeln!(sales, "{on}|{symbol}|{}|500|Q", 90 + at % 7).unwrap();
            writeln!(fails, "{on}|000000000|{symbol}|{}", 10_000 + 1_000 * at).unwrap();
        }
    }
    for (at, name) in market.names.iter().enumerate().step_by(5) {
        let (symbol, on) = (&name.symbol, 1 + at % 28);
        writeln!(
            earnings,
            "{symbol},2024-08-{on:02},2024-06-03,\n{symbol},2024-08-{on:02},2024-06-04,yes"
        )
        .unwrap();
        writeln!(earnings, "{symbol},2024-08-30,2024-06-04,").unwrap();
    }
    [("sales.txt", sales), ("fails.txt", fails), ("earnings.csv", earnings)].map(|(name, text)| {
        SourceFile {
            file_name: name.to_owned(),
            bytes: text.into_bytes(),
            symbol: None,
            index_id: None,
            observed_on: None,
            adjusted_on: None,
        }
    })
}

async fn shorts(
    client: &mut SqueezeServiceClient<Channel>,
    day: &str,
    symbols: &[&str],
) -> v1::AssessShortBookResponse {
    // By value: after 2021-01-29 a split of GME on an unknown day hides the price of a share.
    let sold = symbols.iter().map(|symbol| held(symbol, Size::MarketValue(-1_000.0)));
    let request = v1::AssessShortBookRequest {
        as_of: on(day),
        portfolio: Some(v1::Portfolio { positions: sold.collect(), ..Default::default() }),
        ..Default::default()
    };
    client.assess_short_book(request).await.unwrap().into_inner()
}

fn name<'a>(answer: &'a v1::AssessShortBookResponse, symbol: &str) -> &'a v1::SqueezeName {
    let mut names = answer.lines.iter().map(|line| line.name.as_ref().unwrap());
    names.find(|name| name.symbol == symbol).unwrap()
}

fn input<'a>(name: &'a v1::SqueezeName, wanted: &str) -> Option<&'a v1::MeasureInput> {
    name.inputs.iter().find(|input| input.name == wanted)
}

#[track_caller]
fn near(found: Option<f64>, expected: f64) {
    let found = found.unwrap_or(f64::NAN);
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{found} not {expected}");
}

#[tokio::test(flavor = "multi_thread")]
async fn disclosed_inputs_have_their_days_and_are_never_zero() {
    let harness = Harness::at(NOW).await;
    load(&harness).await;
    let mut client = SqueezeServiceClient::new(harness.channel().await);
    let none = shorts(&mut client, "2021-01-27", &["CROWD"]).await;
    for dataset in ["short_sales", "fails", "earnings_dates"] {
        let about = |gap: &&v1::Gap| is_about(gap, dataset);
        let gap = gaps(&none.info).iter().find(about).map(v1::Gap::reason);
        assert_eq!(gap, Some(v1::GapReason::InputMissing), "{dataset}: {:?}", none.info);
    }
    assert!(none.method.unwrap().inputs_without_dataset.is_empty());
    for (file, text) in
        [("CNMSshvol20210126.txt", VOLUMES), ("fails.txt", FAILS), ("earnings.csv", EARNINGS)]
    {
        harness.ingest(file, text.as_bytes()).await;
    }
    let answer = shorts(&mut client, "2021-01-27", &["CROWD", "CALM"]).await;
    let crowd = name(&answer, "CROWD");
    near(crowd.short_sale_volume_share, 0.45);
    assert_eq!((crowd.short_sale_facilities.as_str(), crowd.short_sale_sessions), ("BNQ", 1));
    assert_eq!(crowd.average_short_sale_volume_share, None, "one session is no average");
    let volume = input(crowd, "short_sale_total_volume").unwrap();
    assert_eq!((volume.observed_on.as_str(), volume.age_days), ("2021-01-26", 1));
    assert_eq!(volume.published_at.as_ref().unwrap().to_string(), "2021-01-26T23:00:00Z");
    // The second half of December is public two sessions after January 15: on the 20th, because of
    // Martin Luther King Jr. Day.
    let fails = input(crowd, "fails_to_deliver").unwrap();
    assert_eq!((fails.value, fails.observed_on.as_str()), (Some(80_000.0), "2020-12-31"));
    assert_eq!(fails.published_at.as_ref().unwrap().to_string(), "2021-01-20T23:00:00Z");
    let float = input(crowd, "public_float").unwrap().value.unwrap();
    near(crowd.fails_to_deliver_of_float, 80_000.0 / float);
    assert_eq!(crowd.earnings_on, "2021-02-01");
    assert_eq!(crowd.earnings_within_five_sessions, Some(true));
    let next = input(crowd, "earnings_on").unwrap();
    assert_eq!((next.value, next.age_days), (Some(3.0), -5));
    let calm = name(&answer, "CALM");
    near(calm.short_sale_volume_share, 0.1);
    assert_eq!((calm.fails_to_deliver_of_float, calm.on_fails_threshold), (None, None));
    assert_eq!((calm.earnings_on.as_str(), calm.earnings_within_five_sessions), ("", None));
    for field in ["fails_to_deliver_of_float", "earnings_within_five_sessions"] {
        let about = |gap: &v1::Gap| is_about(gap, &format!("CALM.{field}"));
        assert!(calm.gaps.iter().any(about), "{field}: {:?}", calm.gaps);
    }
    let rows: Vec<(&str, Option<f64>)> =
        crowd.evidence[9..].iter().map(|row| (row.measure_id.as_str(), row.percentile)).collect();
    // Of two names with short sales it has the more; of one with fails it is the one.
    let expected =
        [("short_sale_volume_share", Some(0.75)), ("fails_to_deliver_of_float", Some(0.5))];
    assert_eq!(rows, expected);
    // Before the files were public nothing of them is known.
    let before = shorts(&mut client, "2021-01-19", &["CROWD"]).await;
    let crowd = name(&before, "CROWD");
    assert_eq!((crowd.short_sale_volume_share, crowd.fails_to_deliver_of_float), (None, None));
    harness.stop().await;
}

async fn real(folder: &Path) -> (Harness, SqueezeServiceClient<Channel>) {
    let harness = Harness::at("2024-04-10T12:00:00Z").await;
    squeeze_real::load(&harness, folder).await;
    let files = [
        "regsho/SHO.csv.gz",
        "fails/cnsfails202101a.txt.gz",
        "fails/cnsfails202101b.txt.gz",
        "fails/cnsfails202102a.txt.gz",
    ];
    harness.ingest_real(folder, &files).await;
    let client = SqueezeServiceClient::new(harness.channel().await);
    (harness, client)
}

/// GME on 2021-01-28: the volumes of the 27th at three facilities, and on 2021-02-10 the fails of
/// 2021-01-14, of a float of 51.03 million: rows of the raw files, by `zcat … | grep`. FUBO has seven
/// days of at least 0.5 % of its shares up to 2021-01-29, KOSS three, by a count with Python's csv.
/// `tests/oracles/fails_threshold.py` has FUBO and GME as threshold securities on that day.
#[tokio::test(flavor = "multi_thread")]
async fn the_real_files_of_january_2021() {
    let Some(folder) = real_data("short sales and fails of January 2021") else { return };
    let (harness, mut client) = real(&folder).await;
    let answer = shorts(&mut client, "2021-01-28", &["GME", "AMZN"]).await;
    let gme = name(&answer, "GME");
    let short = 265_205.0 + 11_737_395.0 + 4_290_227.0;
    let total = 422_449.0 + 21_125_346.0 + 8_375_622.0;
    near(gme.short_sale_volume_share, short / total);
    // Of the 21 sessions up to the 27th the file lacks the four of December.
    assert_eq!((gme.short_sale_facilities.as_str(), gme.short_sale_sessions), ("BNQ", 17));
    assert_eq!(input(gme, "short_sale_total_volume").unwrap().observed_on, "2021-01-27");
    assert_eq!(name(&answer, "AMZN").short_sale_volume_share, None, "the file has a few names");
    // The newest list of the files is of February 12; on January 28 none is public.
    let about = |gap: &v1::Gap| is_about(gap, "fails");
    assert!(gaps(&answer.info).iter().any(about), "{:?}", gaps(&answer.info));

    let answer = shorts(&mut client, "2021-02-10", &["GME", "KOSS"]).await;
    let gme = name(&answer, "GME");
    let fails = input(gme, "fails_to_deliver").unwrap();
    assert_eq!((fails.value, fails.observed_on.as_str()), (Some(621_483.0), "2021-01-14"));
    near(gme.fails_to_deliver_of_float, 621_483.0 / 51_030_000.0);

    // The second half of January is public two sessions after February 15, a holiday.
    let answer = shorts(&mut client, "2021-02-17", &["FUBO"]).await;
    let fails = input(name(&answer, "FUBO"), "fails_to_deliver").map(|input| &input.observed_on);
    assert_ne!(fails.map(String::as_str), Some("2021-01-29"));
    let answer = shorts(&mut client, "2021-02-18", &["FUBO", "KOSS", "GME"]).await;
    let run = |symbol| {
        let name = name(&answer, symbol);
        (name.fails_threshold_days, name.on_fails_threshold)
    };
    assert_eq!(run("FUBO"), (Some(7), Some(true)));
    // KOSS is below the size on five days in a row before its three days of it.
    assert_eq!(run("KOSS"), (Some(3), Some(false)));
    // 138,179 of 69.75 million shares are 0.2 %, but it is one since 2021-01-11, and since then it was
    // below the size on two days in a row at most.
    assert_eq!(run("GME"), (Some(0), Some(true)));
    harness.stop().await;
}

/// The threshold securities of 2021-01-14, 2021-01-29 and 2021-02-12 among names with shares
/// outstanding, by `tests/oracles/fails_threshold.py`: 36, 54 and 44.
const ON_14_JANUARY: &str = "AIRR BSML BTAQ DNL DSTL DUST EWN FEM FNK FUBO FYC FYT GDXU GME GP HIL IDHQ IDX IEA JDST JSTC \
    KCE KIE KOLD LTL MKGI MOGO PRTY QPT RWJ SPRE TMBR UPV URNM VFIN XMVM";
const ON_29_JANUARY: &str = "ACVF AHPI AIRR ASHR ATOS AZRX BLES BSMT CBSE CEY CHIQ CRNT CTEC DFAE DRIP DSS DSTL DUST EEMA \
    ENVB FALN FEP FUBO GME HNDL HOTH IEZ ISUN ITEQ ITP JDST JSTC MOON MRM NEWTZ NRBO NRGD NTEC \
    OBSV OCAXU ONOF PCF PFLD PIPP SCHJ SDVY SPRE TMBR TRCH UUP UWMC VERB XMHQ XRT";
const ON_12_FEBRUARY: &str = "ACTC ADN AIIQ AZRX BSMN CHIH CHIK CNBS DRIP DSS ENVB FDIV FDNI FMAT FUBO FUTU FYC INFL JDST \
    KEMX KOLD MACU MMIT MOON NRGD NTEC ONOF PBJ PDO PFFV PHIO QPX SCPS SHIP SKLZ SPRE SPYC SRAX \
    SYN THMO TYO USXF XRT XSMO";

#[tokio::test(flavor = "multi_thread")]
async fn the_threshold_securities_of_january_2021() {
    let Some(folder) = real_data("threshold securities of January 2021") else { return };
    let (harness, mut client) = real(&folder).await;
    let all = [ON_14_JANUARY, ON_29_JANUARY, ON_12_FEBRUARY];
    let lists = all.map(|symbols| symbols.split(' ').collect::<BTreeSet<&str>>());
    assert_eq!(lists.each_ref().map(BTreeSet::len), [36, 54, 44]);
    let union: Vec<&str> =
        lists.iter().flatten().copied().collect::<BTreeSet<&str>>().into_iter().collect();
    // The second half of January is public on February 18, the first of February on March 2.
    for (list, day) in lists.iter().zip(["2021-02-10", "2021-02-19", "2021-03-05"]) {
        let answer = shorts(&mut client, day, &union).await;
        let is_on = |symbol: &&str| name(&answer, symbol).on_fails_threshold == Some(true);
        let found: BTreeSet<&str> = union.iter().copied().filter(is_on).collect();
        assert_eq!(found, *list, "{day}");
    }
    harness.stop().await;
}

/// The file of the first half of February without four days: no row of days goes over the hole, so that
/// a name is on or off by the five days after it or not known, and never otherwise than by whole files.
#[tokio::test(flavor = "multi_thread")]
async fn a_hole_in_the_real_lists_is_a_gap_and_makes_no_run() {
    let Some(folder) = real_data("fails of February 2021 with a hole") else { return };
    let (whole, mut client) = real(&folder).await;
    let symbols: Vec<&str> = ON_29_JANUARY.split(' ').chain(ON_12_FEBRUARY.split(' ')).collect();
    let symbols: Vec<&str> = symbols.into_iter().collect::<BTreeSet<&str>>().into_iter().collect();
    let truth = shorts(&mut client, "2021-03-03", &symbols).await;
    whole.stop().await;

    let harness = Harness::at("2024-04-10T12:00:00Z").await;
    squeeze_real::load(&harness, &folder).await;
    let files = ["fails/cnsfails202101a.txt.gz", "fails/cnsfails202101b.txt.gz"];
    harness.ingest_real(&folder, &files).await;
    let packed = read(&folder, "fails/cnsfails202102a.txt.gz");
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut text).unwrap();
    let is_in_hole = |line: &&[u8]| {
        ["20210202|", "20210203|", "20210204|", "20210205|"].iter().any(|on| {
            let on: &[u8] = on.as_bytes();
            line.starts_with(on)
        })
    };
    let lines: Vec<&[u8]> =
        text.split_inclusive(|byte| *byte == b'\n').filter(|line| !is_in_hole(line)).collect();
    harness.ingest("cnsfails202102a.txt", &lines.concat()).await;
    let mut client = SqueezeServiceClient::new(harness.channel().await);
    let answer = shorts(&mut client, "2021-03-03", &symbols).await;
    let of_lists = gaps(&answer.info).iter().find(|gap| is_about(gap, "fails")).unwrap();
    assert_eq!(of_lists.reason(), v1::GapReason::MissingObservations);
    assert!(of_lists.detail.contains("4 settlement days between others, the last 2021-02-05"));
    let mut unknown = 0;
    for symbol in &symbols {
        let (found, truth) = (name(&answer, symbol), name(&truth, symbol));
        // Five days after the hole: those of 2021-02-08 to 2021-02-12.
        assert!(found.fails_threshold_days.is_none_or(|days| days <= 5), "{symbol}");
        match found.on_fails_threshold {
            None => {
                unknown += 1;
                let about = |gap: &v1::Gap| {
                    is_about(gap, &format!("{symbol}.on_fails_threshold"))
                        || is_about(gap, &format!("{symbol}.fails_threshold_days"))
                        || is_about(gap, &format!("{symbol}.fails_to_deliver_of_float"))
                };
                assert!(found.gaps.iter().any(about), "{symbol}: {:?}", found.gaps);
            }
            known => assert_eq!(known, truth.on_fails_threshold, "{symbol}"),
        }
    }
    let is_unknown = |symbol: &&&str| name(&truth, symbol).on_fails_threshold.is_none();
    let unknown_before = symbols.iter().filter(is_unknown).count();
    println!("of {} names {unknown} are not known, {unknown_before} of whole files", symbols.len());
    assert!(unknown_before < unknown && unknown < symbols.len());
    harness.stop().await;
}
