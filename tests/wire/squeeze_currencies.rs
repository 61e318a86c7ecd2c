//! Short books in another currency over the wire: the same book in dollars and in euros.

use crate::{
    currencies::{TODAY, market},
    harness::{held, on, soon},
    portfolio::of,
};
use contract::v1::{self, position::Size, squeeze_service_client::SqueezeServiceClient};
use tokio_stream::StreamExt as _;
use tonic::transport::Channel;

/// A euro is worth 1.25 dollars on the last session.
const EURO: f64 = 1.25;

/// Short of a name in dollars and of one in pence.
fn portfolio(currency: &str) -> Option<v1::Portfolio> {
    let lines = vec![held("AA", Size::Quantity(-5_000.0)), held("VOD", Size::Quantity(-40_000.0))];
    Some(v1::Portfolio { currency: currency.to_owned(), ..of(lines) })
}

#[track_caller]
fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{found}, not {expected}");
}

async fn assessed(
    client: &mut SqueezeServiceClient<Channel>,
    code: &str,
) -> v1::AssessShortBookResponse {
    let request = v1::AssessShortBookRequest {
        as_of: on(TODAY),
        portfolio: portfolio(code),
        covering: Some(v1::CoveringTerms::default()),
        ..v1::AssessShortBookRequest::default()
    };
    client.assess_short_book(request).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_book_in_euros_is_that_in_dollars_at_the_rate() {
    let (harness, channel) = market().await;
    let mut client = SqueezeServiceClient::new(channel);
    let usd = assessed(&mut client, "").await;
    let eur = assessed(&mut client, "EUR").await;
    assert_eq!((usd.currency.as_str(), eur.currency.as_str()), ("USD", "EUR"));
    let [in_usd, in_eur] = [&usd, &eur].map(|answer| answer.totals.as_ref().unwrap());
    // 5,000 x 110 dollars, and 40,000 x 1.10 pounds of 1.50 dollars.
    near(in_usd.gross_short, 550_000.0 + 66_000.0);
    near(in_eur.gross_short, 440_000.0 + 52_800.0);
    assert_eq!(usd.lines.len(), 2);
    for (a, b) in usd.lines.iter().zip(&eur.lines) {
        assert_eq!(a.name, b.name, "names are measured in dollars");
        near(b.market_value, a.market_value / EURO);
        near(b.squeeze_pnl.unwrap(), a.squeeze_pnl.unwrap() / EURO);
        near(b.exit_days_at_normal_volume.unwrap(), a.exit_days_at_normal_volume.unwrap());
        let cost = |line: &v1::ShortLine| line.covering_cost.as_ref().unwrap().estimates[0].clone();
        near(cost(b).cost, cost(a).cost / EURO);
        near(cost(b).mean_cost, cost(a).mean_cost);
    }
    for (a, b) in usd.scenarios.iter().zip(&eur.scenarios) {
        assert_eq!(a.symbols, b.symbols);
        near(b.pnl, a.pnl / EURO);
    }
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn simulations_and_watches_take_a_book_in_euros() {
    let (harness, channel) = market().await;
    let mut client = SqueezeServiceClient::new(channel);
    let mut scenarios = Vec::new();
    for code in ["USD", "EUR"] {
        let request = v1::SimulateSqueezeRequest {
            as_of: on(TODAY),
            portfolio: portfolio(code),
            ..v1::SimulateSqueezeRequest::default()
        };
        let answer = client.simulate_squeeze(request).await.unwrap().into_inner();
        assert_eq!(answer.currency, code);
        scenarios.push(answer.scenarios);
    }
    assert!(!scenarios[0].is_empty());
    for (a, b) in scenarios[0].iter().zip(&scenarios[1]) {
        near(b.total_pnl, a.total_pnl / EURO);
    }
    let threshold =
        v1::SqueezeThreshold { measure_id: "five_session_return".to_owned(), level: 0.05 };
    let request = v1::WatchSqueezeRequest {
        portfolio: portfolio("EUR"),
        thresholds: vec![threshold],
        ..v1::WatchSqueezeRequest::default()
    };
    let mut stream = client.watch_squeeze(request).await.unwrap().into_inner();
    let first = soon("standings", stream.next()).await.unwrap().unwrap();
    let readings = first.standings.unwrap().readings;
    assert_eq!(readings.len(), 2);
    assert!(readings.iter().all(|reading| reading.value.is_some()), "{readings:?}");
    harness.stop().await;
}
