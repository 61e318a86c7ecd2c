//! Covariances of names beside factor models.

use crate::{
    golden::{self, simulated},
    harness::{Harness, on, reference, replay_of},
    risk_models::{LAST_ON, ask, found, own, under},
};
use contract::v1::{
    self, AnalyzePortfolioRequest as Asked, CovarianceEstimator as Estimator,
    RiskModelKind as Ours, exposure_service_client::ExposureServiceClient,
};
use prost::Message as _;

#[tokio::test(flavor = "multi_thread")]
async fn covariances_of_names_stand_beside_the_models_and_change_no_other_number() {
    let harness = Harness::at("2024-08-01T12:00:00Z").await;
    let market = simulated(&harness).await;
    let mut client = ExposureServiceClient::new(harness.channel().await);
    let portfolio = Some(golden::book(&market));
    let book = Asked { as_of: on(LAST_ON), portfolio, ..Asked::default() };
    let request = under(vec![own(Ours::TimeSeries)], book);
    let plain = ask(&mut client, request.clone()).await;
    let mut asked = request;
    let all = [Estimator::Identity, Estimator::Sample, Estimator::SingleFactor];
    let settings = asked.risk_model.as_mut().unwrap();
    settings.covariances = all.map(i32::from).to_vec();
    let answer = ask(&mut client, asked.clone()).await;
    let rows = found(&answer).covariances;
    assert_eq!(rows.iter().map(v1::CovarianceRisk::estimator).collect::<Vec<_>>(), all);
    for row in &rows {
        assert!(0.0 < row.volatility.unwrap() && 0 < row.covered_count && row.sessions == 252);
        assert_eq!(row.shrinkage.is_none(), row.estimator() == Estimator::Sample);
    }
    let of_models = |answer: &v1::AnalyzePortfolioResponse| found(answer).models;
    assert_eq!(of_models(&plain), of_models(&answer));
    assert_eq!(found(&plain).covariances, []);
    let replayed = Asked { as_of: replay_of(&reference(&answer.info)), ..asked };
    assert_eq!(ask(&mut client, replayed).await.encode_to_vec(), answer.encode_to_vec());
}
