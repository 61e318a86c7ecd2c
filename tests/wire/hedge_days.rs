//! Plans by the variance of the days on which the trade moved far.

use crate::{
    golden::ROTATION_ON,
    harness::{expect_refusal, named, on},
    hedge::{market, outcome, plan_request},
    stress::shocked,
};
use contract::v1::{
    self, hedge_objective::Risk, move_size::Size as Moved, scenario_shock::Target,
    stress_service_client::StressServiceClient,
};
use tonic::Code;

fn by_days(book: &v1::Portfolio, days: i32) -> v1::PlanHedgeRequest {
    let mut request = plan_request(book.clone());
    let variance = v1::HedgeVariance { days, ..Default::default() };
    let objective =
        v1::HedgeObjective { risk: Some(Risk::Variance(variance)), ..Default::default() };
    request.problem.as_mut().unwrap().objective = Some(objective);
    request
}

/// The days are those of a scenario of StressService, the book is riskier on them, and all days are the
/// default.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_by_large_days_is_of_the_days_like_this_one() {
    let (harness, mut client, book) = market().await;
    let asked = v1::RunStressRequest {
        as_of: on(ROTATION_ON),
        portfolio: Some(book.clone()),
        scenarios: vec![shocked(
            Target::Instrument(named("IWM").unwrap()),
            Moved::TotalReturn(0.03),
        )],
        ..Default::default()
    };
    let mut stress = StressServiceClient::new(harness.channel().await);
    let stressed = stress.run_stress(asked).await.unwrap().into_inner();
    let expected = stressed.results[0].like_this.clone().unwrap();
    assert!(30 <= expected.moved_on.len());

    let large = by_days(&book, v1::HedgeDays::LargeMoves.into());
    let large = client.plan_hedge(large).await.unwrap().into_inner();
    let days = large.large_days.clone().unwrap();
    assert_eq!(
        (&days.moved_on, days.least_standard_deviations),
        (&expected.moved_on, expected.least_standard_deviations,)
    );
    assert!((days.residual_ratio - expected.residual_ratio).abs() < 1e-9, "{days:?} {expected:?}");

    let all = client.plan_hedge(by_days(&book, v1::HedgeDays::All.into())).await.unwrap();
    let absent = client.plan_hedge(by_days(&book, 0)).await.unwrap().into_inner();
    let all = all.into_inner();
    assert_eq!((&all.plans, &all.problem), (&absent.plans, &absent.problem));
    assert_eq!(all.large_days, None);
    for (large, all) in large.plans.iter().zip(&all.plans) {
        let [large, all] =
            [large, all].map(|plan| outcome(plan).volatility.as_ref().unwrap().before);
        assert!(1.2 * all < large, "{large} {all}");
    }
    assert_ne!(outcome(&large.plans[1]).trades, outcome(&all.plans[1]).trades);

    let status = client.plan_hedge(by_days(&book, 9)).await.unwrap_err();
    let path = "problem.objective.variance.days";
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &[path]);
}
