//! Inputs of the bench: a price file, a filled store, a portfolio.

use super::{Result, real_files};
use contract::v1::{AnalyzePortfolioRequest, InstrumentRef, Portfolio, Position, position::Size};
use simulation::market::{Market, Parameters};
use std::{io::Read, path::Path};
use store::{Append, Appended, Provenance, RequestKey};

/// Writes the price file and returns its number of rows: the real file if `REAL_DATA` is set, else
/// a generated one.
pub(crate) fn price_file(to: &Path) -> Result<usize> {
    let mut bytes = Vec::new();
    match real_files::named() {
        Some(folder) => {
            let path = folder.join("prices/us_equities_2020-07_2021-03.csv.gz");
            flate2::read::GzDecoder::new(std::fs::File::open(path)?).read_to_end(&mut bytes)?;
        }
        None => {
            println!("REAL_DATA is not set: using a generated price file");
            let parameters = Parameters { names: 2_150, days: 182, seed: 1 };
            bytes = simulation::files::prices(&Market::new(parameters)).bytes;
        }
    }
    std::fs::write(to, &bytes)?;
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    Ok(lines - 1)
}

/// The URL of a store in a file.
pub(crate) fn url(file: &Path) -> String {
    format!("sqlite:{}", file.display())
}

/// Writes a market directly into a new store, without going through CSV.
pub(crate) async fn fill(url: &str, market: &Market) -> Result<()> {
    let store = store::connect(url).await?;
    for batch in simulation::facts::batches(market, 1_000) {
        let name = format!("batch {}", batch.revision());
        let appended = store
            .append(Append {
                key: RequestKey {
                    caller: store::ANONYMOUS.to_owned(),
                    method: "bench".into(),
                    request_id: name.clone(),
                },
                fingerprint: [0; 32],
                provenance: Provenance {
                    source: "simulation".into(),
                    file_name: name,
                    content_hash: [0; 32],
                    received_at: marketdata::instant::Instant::from_micros(0),
                },
                batch,
                base_version: None,
                answer: Vec::new(),
                forget_before: marketdata::instant::Instant::MIN,
            })
            .await?;
        assert!(matches!(appended, Appended::Committed(_)), "a batch was not committed");
    }
    store.close().await;
    Ok(())
}

/// A portfolio of `count` names, alternately long and short.
pub(crate) fn portfolio(market: &Market, count: usize) -> AnalyzePortfolioRequest {
    let step = market.names.len() / count;
    let position = |at: usize| Position {
        instrument: Some(InstrumentRef {
            symbol: market.names[at * step].symbol.clone(),
            ..InstrumentRef::default()
        }),
        size: Some(Size::Quantity(if at.is_multiple_of(2) { 1_000.0 } else { -700.0 })),
        ..Position::default()
    };
    let positions = (0..count).map(position).collect();
    AnalyzePortfolioRequest {
        portfolio: Some(Portfolio {
            portfolio_id: "bench".into(),
            positions,
            ..Portfolio::default()
        }),
        ..AnalyzePortfolioRequest::default()
    }
}
