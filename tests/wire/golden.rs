//! Whole answers on the simulated market, as text in `tests/golden/`: they change only on purpose.
//!
//! `UPDATE_GOLDEN=1 cargo wire golden` rewrites them. `versions.txt` has the hash of each answer
//! under the model version of its service; a recorded hash stays. Changed numbers need a new version
//! of each service concerned, so that a replay by another build is refused instead of giving other
//! numbers. Result ids, page tokens, the model version and the hash of the settings are omitted: they
//! may change although no number does, and have tests of their own.
//!
//! No answer sends an enum's zero, which has no meaning.

use crate::{
    harness::{Harness, header, held, instant, named, on},
    hedge::plan_request,
    postgres_server::Postgres,
    squeeze_simulation, stress,
};
use contract::v1::{
    self, exposure_service_client::ExposureServiceClient, hedge_service_client::HedgeServiceClient,
    rotation_service_client::RotationServiceClient, squeeze_service_client::SqueezeServiceClient,
    stress_service_client::StressServiceClient,
};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, ReflectMessage as _, SerializeOptions};
use serde_json::Value;
use server::clock::Clock;
use simulation::{
    files,
    market::{Market, Parameters},
    sample,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};
use tonic::{Response, transport::Channel};

/// Large enough for every indicator, bucket and leg; small enough to read.
const MARKET: Parameters = Parameters { names: 130, days: 420, seed: 20_240_711 };
/// The rotation day of the simulated market, and its last session.
pub(crate) const ROTATION_ON: &str = "2024-07-11";
pub(crate) const LAST_ON: &str = "2024-07-31";
/// When they are asked for.
pub(crate) const NOW: &str = "2024-08-01T12:00:00Z";
/// Fields that are omitted.
const LEFT_OUT: [&str; 4] = ["resultId", "modelVersion", "configHash", "nextPageToken"];

/// Fields whose enum may be zero: what it means is documented with them.
const ZEROS: [&str; 2] = ["ballast.v1.RiskRef.number", "ballast.v1.FactorRef.number"];

/// The answers, by file name, and the fields whose enum is zero.
#[derive(Default)]
struct Goldens {
    answers: BTreeMap<String, Golden>,
    zeros: BTreeSet<String>,
}

/// An answer as text, and the model version that it names.
struct Golden {
    text: String,
    model_version: String,
}

impl Goldens {
    fn keep<M: Message>(&mut self, file: &str, message: &str, answer: Response<M>) {
        let answer = dynamic(message, &answer.into_inner());
        zeros(&answer, &mut self.zeros);
        let mut value = json(&answer);
        let model_version = value["info"]["snapshot"]["modelVersion"].as_str().unwrap().to_owned();
        leave_out(&mut value);
        let mut text = serde_json::to_string_pretty(&value).unwrap();
        text.push('\n');
        self.answers.insert(format!("{file}.json"), Golden { text, model_version });
    }

    /// Version and file, and the hash of the text, of each answer.
    fn hashes(&self) -> impl Iterator<Item = (String, String)> {
        let hash = |text: &String| blake3::hash(text.as_bytes()).to_hex().to_string();
        self.answers.iter().map(move |(file, golden)| {
            (format!("{} {file}", golden.model_version), hash(&golden.text))
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_equal_the_golden_files() {
    let goldens = answers(&Harness::at(NOW).await).await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    #[expect(clippy::disallowed_methods, reason = "the developer says so by the environment")]
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    if update {
        write(&folder, &goldens);
    }
    let differences = compare(&folder, &goldens);
    assert!(
        differences.is_empty(),
        "{}\nA number that changes on purpose needs a new MODEL_VERSION of its service \
         (services/<service>/src/lib.rs), then `UPDATE_GOLDEN=1 cargo wire golden`.",
        differences.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_sends_the_zero_of_an_enum() {
    let harness = Harness::at(NOW).await;
    let mut found = answers(&harness).await.zeros;
    let mut client = RotationServiceClient::new(harness.channel().await);
    for measure_id in ["state", "session_move", "score/size"] {
        let request = v1::GetIndicatorHistoryRequest {
            as_of: on(LAST_ON),
            measure_id: measure_id.to_owned(),
            ..Default::default()
        };
        let answer = client.get_indicator_history(request).await.unwrap().into_inner();
        assert!(!answer.points.is_empty(), "{measure_id}");
        zeros(&dynamic("GetIndicatorHistoryResponse", &answer), &mut found);
    }
    found.retain(|field| !ZEROS.contains(&field.as_str()));
    assert!(found.is_empty(), "{found:#?}");
}

/// Every answer, data versions included, on a store in PostgreSQL and on one in SQLite.
#[tokio::test(flavor = "multi_thread")]
async fn answers_are_the_same_on_postgresql() {
    let Some(server) = Postgres::start("answers on PostgreSQL") else { return };
    let url = server.database();
    let clock = Clock::manual(instant(NOW));
    let theirs = Harness::with(clock, |config| config.store = url.into()).await;
    let theirs = answers(&theirs).await;
    let ours = answers(&Harness::at(NOW).await).await;
    assert_eq!(theirs.answers.len(), ours.answers.len());
    for (file, golden) in &ours.answers {
        assert_eq!(golden.text, theirs.answers[file].text, "{file}");
    }
}

/// All requests: each kind of answer once, with as much content as possible.
async fn answers(harness: &Harness) -> Goldens {
    let market = simulated(harness).await;
    let mut goldens = Goldens::default();
    let channel = harness.channel().await;
    rotation(&mut goldens, channel.clone()).await;
    exposure(&mut goldens, channel.clone(), &market).await;
    squeeze(&mut goldens, channel.clone(), &market).await;
    stress(&mut goldens, channel.clone(), &market).await;
    hedge(&mut goldens, channel, &market).await;
    market_data(&mut goldens, harness).await;
    goldens
}

/// Loads the simulated market.
pub(crate) async fn simulated(harness: &Harness) -> Market {
    let market = Market::new(MARKET);
    for file in files::all(&market) {
        let header = v1::IngestHeader {
            symbol: file.symbol.unwrap_or_default(),
            index_id: file.index_id.unwrap_or_default().to_owned(),
            observed_on: file.observed_on.map(|day| day.to_string()).unwrap_or_default(),
            adjusted_on: file.adjusted_on.map(|day| day.to_string()).unwrap_or_default(),
            ..header(&file.file_name)
        };
        harness.try_ingest(header, &file.bytes).await.unwrap();
    }
    market
}

async fn rotation(goldens: &mut Goldens, channel: Channel) {
    let mut client = RotationServiceClient::new(channel);
    for day in [ROTATION_ON, LAST_ON] {
        let request = v1::GetRotationRequest { as_of: on(day), ..Default::default() };
        let answer = client.get_rotation(request).await.unwrap();
        goldens.keep(&format!("rotation_{day}"), "GetRotationResponse", answer);
    }
    let request = v1::ListIndicatorsRequest { as_of: on(LAST_ON) };
    let answer = client.list_indicators(request).await.unwrap();
    goldens.keep("indicators", "ListIndicatorsResponse", answer);
    let history = v1::GetIndicatorHistoryRequest {
        as_of: on(LAST_ON),
        measure_id: "share_advancing".to_owned(),
        page_size: 30,
        ..Default::default()
    };
    let as_published = v1::GetIndicatorHistoryRequest {
        vintage: v1::HistoryVintage::AsPublished.into(),
        start_on: ROTATION_ON.to_owned(),
        ..history.clone()
    };
    for (vintage, request) in [("", history), ("_as_published", as_published)] {
        let answer = client.get_indicator_history(request).await.unwrap();
        let file = format!("history_share_advancing{vintage}");
        goldens.keep(&file, "GetIndicatorHistoryResponse", answer);
    }
    let answer = client.query_records(largest_when_large_caps_fell()).await.unwrap();
    goldens.keep("records_small_caps", "QueryRecordsResponse", answer);
}

/// The largest rises of the small-cap index on days on which the large-cap index fell.
fn largest_when_large_caps_fell() -> v1::QueryRecordsRequest {
    use v1::record_variable::Subject;
    let of = |role: &str| v1::RecordVariable {
        subject: Some(Subject::Role(role.to_owned())),
        ..Default::default()
    };
    v1::QueryRecordsRequest {
        as_of: on(LAST_ON),
        variable: Some(of("small_cap_index")),
        conditions: vec![v1::RecordCondition {
            variable: Some(of("large_cap_index")),
            comparison: v1::RecordComparison::Below.into(),
            threshold: Some(0.0),
        }],
        top_count: Some(10),
        ..Default::default()
    }
}

/// A measure over plain history, by leg and by position if it can be split.
fn plain_measure(kind: v1::RiskMeasureKind) -> v1::RiskMeasureRequest {
    let is_quantile = kind == v1::RiskMeasureKind::ValueAtRisk;
    let has_confidence = kind != v1::RiskMeasureKind::Volatility;
    let plain = v1::risk_measure_request::Method::Historical(v1::HistoricalMethod {});
    let by = [v1::RiskSplitKind::TradeLeg, v1::RiskSplitKind::Position]
        .map(|kind| v1::RiskSplit { kind: kind.into(), group_by: None });
    v1::RiskMeasureRequest {
        measure_id: kind.as_str_name().to_lowercase(),
        kind: kind.into(),
        method: Some(plain),
        confidences: if has_confidence { vec![0.975] } else { Vec::new() },
        window_sessions: Some(252),
        contributions_by: if is_quantile { Vec::new() } else { by.to_vec() },
        ..Default::default()
    }
}

pub(crate) fn book(market: &Market) -> v1::Portfolio {
    let position = |holding: sample::Holding| v1::Position {
        average_cost: Some(holding.average_cost),
        ..held(&holding.symbol, v1::position::Size::Quantity(holding.quantity))
    };
    let held = sample::long_megacap_short_small_cap(market);
    v1::Portfolio {
        portfolio_id: "sample".to_owned(),
        net_asset_value: Some(100e6),
        positions: held.into_iter().map(position).collect(),
        ..Default::default()
    }
}

async fn exposure(goldens: &mut Goldens, channel: Channel, market: &Market) {
    let mut client = ExposureServiceClient::new(channel);
    let usual = v1::AnalyzePortfolioRequest {
        as_of: on(ROTATION_ON),
        portfolio: Some(book(market)),
        top_positions: Some(10_000),
        repeat_on: vec![ROTATION_ON.to_owned()],
        ..Default::default()
    };
    let other = v1::AnalyzePortfolioRequest {
        as_of: on(LAST_ON),
        settings: Some(v1::AnalysisSettings {
            beta: Some(v1::BetaSettings {
                half_life_sessions: Some(63.0),
                shrinkage: v1::BetaShrinkage::None.into(),
                ..Default::default()
            }),
            ..Default::default()
        }),
        risk_measures: vec![
            plain_measure(v1::RiskMeasureKind::ValueAtRisk),
            plain_measure(v1::RiskMeasureKind::ExpectedShortfall),
            plain_measure(v1::RiskMeasureKind::Volatility),
        ],
        ..usual.clone()
    };
    let chosen = v1::AnalyzePortfolioRequest {
        as_of: on(LAST_ON),
        include: vec![v1::ReportBlock::FactorBetas.into()],
        factor_betas: Some(v1::FactorBetaSettings::default()),
        portfolio: usual.portfolio.clone(),
        ..Default::default()
    };
    let requests =
        [("exposure_defaults", usual), ("exposure_historical", other), ("factor_betas", chosen)];
    for (name, request) in requests {
        let answer = client.analyze_portfolio(request).await.unwrap();
        goldens.keep(name, "AnalyzePortfolioResponse", answer);
    }
    let mut portfolio = book(market);
    portfolio.positions[0] = held("NOSUCH", v1::position::Size::Quantity(1.0));
    let request =
        v1::ValidatePortfolioRequest { as_of: on(ROTATION_ON), portfolio: Some(portfolio) };
    let answer = client.validate_portfolio(request).await.unwrap();
    goldens.keep("validation", "ValidatePortfolioResponse", answer);
}

async fn squeeze(goldens: &mut Goldens, channel: Channel, market: &Market) {
    let mut client = SqueezeServiceClient::new(channel);
    let request = v1::AssessShortBookRequest {
        as_of: on(ROTATION_ON),
        portfolio: Some(book(market)),
        ..Default::default()
    };
    let answer = client.assess_short_book(request).await.unwrap();
    goldens.keep("short_book", "AssessShortBookResponse", answer);
    let request = v1::SimulateSqueezeRequest {
        as_of: on(ROTATION_ON),
        portfolio: Some(book(market)),
        crowd: Some(squeeze_simulation::crowd()),
        ..Default::default()
    };
    let answer = client.simulate_squeeze(request).await.unwrap();
    goldens.keep("squeeze_simulation", "SimulateSqueezeResponse", answer);
    let answer = squeeze_simulation::of_a_few().await;
    goldens.keep("squeeze_distribution", "SimulateSqueezeResponse", answer);
    let request =
        v1::RankSqueezeRequest { as_of: on(ROTATION_ON), page_size: 15, ..Default::default() };
    let answer = client.rank_squeeze(request).await.unwrap();
    goldens.keep("squeeze_rank", "RankSqueezeResponse", answer);
}

async fn stress(goldens: &mut Goldens, channel: Channel, market: &Market) {
    let mut client = StressServiceClient::new(channel);
    let small_caps = v1::scenario_shock::Target::SeriesId("small_cap_index".to_owned());
    let up = stress::shocked(small_caps, v1::move_size::Size::TotalReturn(0.036));
    let crowded = v1::short_squeeze::Shorts::Crowded(v1::CrowdedShorts {});
    let request = v1::RunStressRequest {
        as_of: on(LAST_ON),
        portfolio: Some(book(market)),
        scenarios: vec![
            stress::replay(ROTATION_ON, ""),
            stress::listed("rotation_2024_07"),
            stress::listed("rotation_2024_07_11_twice"),
            stress::squeezed(up, crowded),
            stress::listed("crash_1987"),
        ],
        ..Default::default()
    };
    let answer = client.run_stress(request).await.unwrap();
    goldens.keep("stress", "RunStressResponse", answer);
    let request = v1::FindLikelyLossRequest {
        as_of: on(LAST_ON),
        portfolio: Some(book(market)),
        loss: Some(2e6),
        ..Default::default()
    };
    let answer = client.find_likely_loss(request).await.unwrap();
    goldens.keep("likely_loss", "FindLikelyLossResponse", answer);
    let request = v1::ListScenariosRequest { as_of: on(LAST_ON), ..Default::default() };
    let answer = client.list_scenarios(request).await.unwrap();
    goldens.keep("scenarios", "ListScenariosResponse", answer);
}

async fn hedge(goldens: &mut Goldens, channel: Channel, market: &Market) {
    let mut client = HedgeServiceClient::new(channel);
    let answer = client.plan_hedge(plan_request(book(market))).await.unwrap();
    goldens.keep("hedge_plans", "PlanHedgeResponse", answer);
}

async fn market_data(goldens: &mut Goldens, harness: &Harness) {
    let mut client = harness.market_data().await;
    let request = v1::ListDatasetsRequest { as_of: on(LAST_ON) };
    goldens.keep("datasets", "ListDatasetsResponse", client.list_datasets(request).await.unwrap());
    let request =
        v1::ListInstrumentsRequest { as_of: on(LAST_ON), page_size: 20, ..Default::default() };
    let answer = client.list_instruments(request).await.unwrap();
    goldens.keep("instruments", "ListInstrumentsResponse", answer);
    for (dataset, symbol) in [(v1::Dataset::Bars, "NVDA"), (v1::Dataset::ShortInterest, "NVDA")] {
        let request = v1::GetSeriesRequest {
            as_of: on(LAST_ON),
            dataset: dataset.into(),
            instrument: named(symbol),
            page_size: 10,
            ..Default::default()
        };
        let answer = client.get_series(request).await.unwrap();
        let name = format!("series_{}", dataset.as_str_name().to_lowercase());
        goldens.keep(&name, "GetSeriesResponse", answer);
    }
}

fn dynamic<M: Message>(name: &str, message: &M) -> DynamicMessage {
    let pool = DescriptorPool::decode(contract::DESCRIPTOR).unwrap();
    let descriptor = pool.get_message_by_name(&format!("ballast.v1.{name}")).unwrap();
    let bytes = message.encode_to_vec();
    DynamicMessage::decode(descriptor, bytes.as_slice()).unwrap()
}

/// The fields of a message, and of the messages in it, that have an enum's zero. A field that is
/// absent has none.
fn zeros(message: &DynamicMessage, found: &mut BTreeSet<String>) {
    for field in message.descriptor().fields() {
        let is_absent = field.supports_presence() && !message.has_field(&field);
        if is_absent || field.is_map() {
            continue;
        }
        let value = message.get_field(&field);
        for value in value.as_list().unwrap_or(std::slice::from_ref(value.as_ref())) {
            match value {
                prost_reflect::Value::EnumNumber(0) => {
                    found.insert(field.full_name().to_owned());
                }
                prost_reflect::Value::Message(inner) => zeros(inner, found),
                _ => {}
            }
        }
    }
}

/// The canonical JSON of a message.
fn json(message: &DynamicMessage) -> Value {
    let options = SerializeOptions::new();
    message.serialize_with_options(serde_json::value::Serializer, &options).unwrap()
}

fn leave_out(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !LEFT_OUT.contains(&name.as_str()));
            fields.values_mut().for_each(leave_out);
        }
        Value::Array(items) => items.iter_mut().for_each(leave_out),
        _ => {}
    }
}

fn read(path: &Path) -> String {
    #[expect(clippy::disallowed_methods, reason = "goldens are files")]
    std::fs::read(path).map_or_else(|_| String::new(), |bytes| String::from_utf8(bytes).unwrap())
}

/// What was ever recorded: lines of version, file and hash. Up to 0.3.0 all services had one version,
/// and the first two versions have one hash of all files.
fn recorded(folder: &Path) -> BTreeSet<String> {
    read(&folder.join("versions.txt")).lines().map(str::to_owned).collect()
}

/// Whether the only hash of an answer of this version is this one.
fn is_only_hash(lines: &BTreeSet<String>, answer: &str, hash: &str) -> bool {
    let hash_of = |line: &&String| line.rsplit_once(' ').is_some_and(|(of, _)| of == answer);
    lines.iter().filter(hash_of).eq([&format!("{answer} {hash}")])
}

fn stored(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|e| e == "json")).collect()
}

fn write(folder: &Path, goldens: &Goldens) {
    let mut lines = recorded(folder);
    for (answer, hash) in goldens.hashes() {
        lines.insert(format!("{answer} {hash}"));
        assert!(
            is_only_hash(&lines, &answer, &hash),
            "{answer}: a recorded answer changed: its service needs a new MODEL_VERSION"
        );
    }
    std::fs::create_dir_all(folder).unwrap();
    for path in stored(folder) {
        std::fs::remove_file(path).unwrap();
    }
    let lines: String = lines.into_iter().map(|line| line + "\n").collect();
    let texts = goldens.answers.iter().map(|(name, golden)| (name.as_str(), golden.text.as_str()));
    for (name, text) in texts.chain([("versions.txt", lines.as_str())]) {
        #[expect(clippy::disallowed_methods, reason = "goldens are files")]
        std::fs::write(folder.join(name), text).unwrap();
    }
}

fn compare(folder: &Path, goldens: &Goldens) -> Vec<String> {
    let mut found = Vec::new();
    for (name, golden) in &goldens.answers {
        found.extend(difference(name, &read(&folder.join(name)), &golden.text));
    }
    for path in stored(folder) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !goldens.answers.contains_key(&name) {
            found.push(format!("{name}: no such answer is asked for any more"));
        }
    }
    let lines = recorded(folder);
    for (answer, hash) in goldens.hashes() {
        if !is_only_hash(&lines, &answer, &hash) {
            found.push(format!("versions.txt: {answer} has another hash, or none"));
        }
    }
    found
}

/// The first line that differs.
fn difference(name: &str, golden: &str, now: &str) -> Option<String> {
    if golden == now {
        return None;
    }
    let pairs = golden.lines().zip(now.lines());
    let at = pairs.take_while(|(golden, now)| golden == now).count();
    let line = |text: &str| text.lines().nth(at).unwrap_or("(its end)").trim().to_owned();
    Some(format!("{name}:{}: was {}, is {}", at + 1, line(golden), line(now)))
}
