//! What squeezes say of the market as a whole: the most-shorted names, and the cost basis of its shorts.

use crate::{
    golden::{NOW, simulated},
    harness::{Harness, on},
};
use contract::v1::{
    self, rotation_service_client::RotationServiceClient,
    squeeze_service_client::SqueezeServiceClient,
};

const MEASURE: &str = "most_shorted.less_index.5d";

/// The market state has the bits of the rotation of the same view, on several days.
#[tokio::test(flavor = "multi_thread")]
async fn the_market_state_is_that_of_the_rotation() {
    let harness = Harness::at(NOW).await;
    simulated(&harness).await;
    let mut rotation = RotationServiceClient::new(harness.channel().await);
    let mut squeeze = SqueezeServiceClient::new(harness.channel().await);
    for day in ["2024-07-11", "2024-07-12", "2024-07-31"] {
        let request = v1::GetRotationRequest { as_of: on(day), ..Default::default() };
        let report = rotation.get_rotation(request).await.unwrap().into_inner().report.unwrap();
        let reading = report.readings.iter().find(|r| r.measure_id == MEASURE).unwrap();
        let composite = report.composite.unwrap();
        let mut contributions = composite.scores.iter().flat_map(|score| &score.contributions);
        let part = contributions.rfind(|part| part.measure_id == MEASURE).unwrap();
        let request = v1::RankSqueezeRequest { as_of: on(day), page_size: 1, ..Default::default() };
        let answer = squeeze.rank_squeeze(request).await.unwrap().into_inner();
        let state = answer.universe.unwrap().market_state.unwrap();
        assert_eq!(Some(state.most_shorted_less_index), reading.value, "{day}");
        assert_eq!(state.z, part.z, "{day}");
        assert_eq!(state.observed_on, reading.observed_on);
        assert!(0 < state.name_count && !state.index_symbol.is_empty(), "{state:?}");
    }
    harness.stop().await;
}

/// Losses and gains against the cost basis belong together, and the universe adds them up.
#[tokio::test(flavor = "multi_thread")]
async fn the_cost_basis_of_shorts_is_that_of_their_gain() {
    let harness = Harness::at(NOW).await;
    simulated(&harness).await;
    let mut squeeze = SqueezeServiceClient::new(harness.channel().await);
    let request = v1::RankSqueezeRequest {
        as_of: on("2024-07-31"),
        page_size: 1_000,
        min_line_market_cap_usd: Some(0.0),
        min_daily_value_usd: Some(0.0),
        ..v1::RankSqueezeRequest::default()
    };
    let answer = squeeze.rank_squeeze(request).await.unwrap().into_inner();
    let (mut sum, mut count) = (0.0, 0);
    for name in answer.names.iter().filter_map(|ranked| ranked.name.as_ref()) {
        let input = |id: &str| name.inputs.iter().find(|input| input.name == id);
        let value = |id: &str| input(id).and_then(|input| input.value);
        let (Some(basis), Some(close)) = (name.short_cost_basis, value("close")) else { continue };
        let loss = name.loss_on_cost_basis.unwrap();
        assert!((loss - (close / basis - 1.0)).abs() < 1e-9, "{}", name.symbol);
        let gain = name.shorts_gain_since_cost_basis_usd.unwrap();
        let expected = value("short_interest").unwrap() * (basis - close);
        assert!((gain - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{}", name.symbol);
        (sum, count) = (sum + gain, count + 1);
    }
    assert!(100 < count, "{count} names have a cost basis");
    let all = answer.universe.unwrap().shorts_gain_since_cost_basis.unwrap();
    assert!(count <= all.name_count, "{count} of {}", all.name_count);
    if count == all.name_count {
        assert!((all.gain_usd - sum).abs() <= 1e-6 * sum.abs().max(1.0));
    }
    harness.stop().await;
}
