//! The same facts in another order: instruments and texts get other numbers, answers stay as they are.

use crate::harness::{Harness, header, on};
use contract::v1::{
    self, exposure_service_client::ExposureServiceClient, position::Size,
    rotation_service_client::RotationServiceClient, squeeze_service_client::SqueezeServiceClient,
};
use prost::Message as _;
use simulation::{
    files::{self, SourceFile},
    market::{Market, Parameters},
};

const NAMES: usize = 130;

/// Of each of these names only the last hundred sessions are loaded: stand-ins answer for the rest.
fn is_young(name: usize) -> bool {
    name % 9 == 4
}

fn market() -> Market {
    Market::new(Parameters { names: NAMES, days: 420, seed: 5 })
}

/// The files of the market without the early prices of young names.
fn all_files(market: &Market) -> Vec<SourceFile> {
    let listed = market.days[market.days.len() - 100].to_string();
    let young = |line: &str| {
        let mut cells = line.split(',');
        let name = cells.next().and_then(|symbol| market.find(symbol));
        name.is_some_and(is_young) && cells.next().is_some_and(|day| day < listed.as_str())
    };
    let mut files = files::all(market);
    for file in files.iter_mut().filter(|file| file.file_name == "simulated_equities.csv") {
        let text = String::from_utf8(std::mem::take(&mut file.bytes)).unwrap();
        let kept = text.lines().filter(|line| !young(line));
        file.bytes = kept.flat_map(|line| [line, "\n"]).collect::<String>().into_bytes();
    }
    files
}

/// Rows from the last to the first below the header.
fn turned(file: &SourceFile) -> Vec<u8> {
    let text = std::str::from_utf8(&file.bytes).unwrap();
    let (header, rows) = text.split_once('\n').unwrap();
    let rows = rows.lines().rev();
    std::iter::once(header).chain(rows).flat_map(|line| [line, "\n"]).collect::<String>().into()
}

async fn load(files: &[SourceFile]) -> Harness {
    let harness = Harness::at("2024-08-01T12:00:00Z").await;
    for file in files {
        let header = v1::IngestHeader {
            symbol: file.symbol.clone().unwrap_or_default(),
            index_id: file.index_id.unwrap_or_default().to_owned(),
            as_of_on: file.as_of_on.map(|day| day.to_string()).unwrap_or_default(),
            adjusted_on: file.adjusted_on.map(|day| day.to_string()).unwrap_or_default(),
            ..header(&file.file_name)
        };
        harness.try_ingest(header, &file.bytes).await.unwrap();
    }
    harness
}

/// Long the larger half, short the smaller, young names on both sides; every amount another one but
/// for two, whose order only their names can settle.
fn book(market: &Market) -> Option<v1::Portfolio> {
    let line = |at: usize| {
        let value = 1e5 + 777.0 * (at / 2) as f64;
        let value = if at < NAMES / 2 { value } else { -value };
        let size = Some(Size::MarketValue(value));
        v1::Position { symbol: market.names[at].symbol.clone(), size, average_cost: None }
    };
    let positions = (0..NAMES).step_by(2).chain((0..NAMES).filter(|at| is_young(*at))).map(line);
    Some(v1::Portfolio { positions: positions.collect(), ..v1::Portfolio::default() })
}

/// The bytes of the four answers, without the reference and what hashes it.
async fn answers(
    harness: &Harness,
    portfolio: Option<v1::Portfolio>,
) -> [(&'static str, Vec<u8>); 4] {
    let channel = harness.channel().await;
    let as_of = || on("2024-07-12");
    let request = v1::AnalyzePortfolioRequest {
        as_of: as_of(),
        portfolio: portfolio.clone(),
        include_positions: true,
        repeat_on: "2024-07-11".to_owned(),
        ..v1::AnalyzePortfolioRequest::default()
    };
    let mut client = ExposureServiceClient::new(channel.clone());
    let mut exposure = client.analyze_portfolio(request).await.unwrap().into_inner();
    (exposure.snapshot, exposure.result_id) = (None, String::new());
    let request = v1::GetRotationRequest { as_of: as_of(), ..v1::GetRotationRequest::default() };
    let mut client = RotationServiceClient::new(channel.clone());
    let mut rotation = client.get_rotation(request).await.unwrap().into_inner();
    (rotation.snapshot, rotation.result_id) = (None, String::new());
    let request = v1::RankSqueezeRequest {
        as_of: as_of(),
        page_size: 500,
        ..v1::RankSqueezeRequest::default()
    };
    let mut client = SqueezeServiceClient::new(channel);
    let mut ranking = client.rank_squeeze(request).await.unwrap().into_inner();
    (ranking.snapshot, ranking.result_id) = (None, String::new());
    let request = v1::AssessShortBookRequest {
        as_of: as_of(),
        portfolio,
        ..v1::AssessShortBookRequest::default()
    };
    let mut shorts = client.assess_short_book(request).await.unwrap().into_inner();
    (shorts.snapshot, shorts.result_id) = (None, String::new());
    [
        ("AnalyzePortfolio", exposure.encode_to_vec()),
        ("GetRotation", rotation.encode_to_vec()),
        ("RankSqueeze", ranking.encode_to_vec()),
        ("AssessShortBook", shorts.encode_to_vec()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_ingest_alters_no_answer() {
    let market = market();
    let forward = all_files(&market);
    // Publication times and splits date and measure what follows: they stay the first two.
    let (first, rest) = forward.split_at(2);
    let backward: Vec<SourceFile> = first
        .iter()
        .chain(rest.iter().rev())
        .map(|file| SourceFile { bytes: turned(file), ..file.clone() })
        .collect();
    let (one, other) = (load(&forward).await, load(&backward).await);
    let (one, other) = (answers(&one, book(&market)).await, answers(&other, book(&market)).await);
    let pairs = || one.iter().zip(&other);
    assert!(pairs().all(|((_, one), _)| 1_000 < one.len()), "every method says something");
    let differing: Vec<&str> =
        pairs().filter(|((_, one), (_, other))| one != other).map(|((name, _), _)| *name).collect();
    assert!(differing.is_empty(), "{differing:?} depend on the order of ingest");
}
