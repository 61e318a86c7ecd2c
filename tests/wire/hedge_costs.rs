//! What hedges cost, beside what other services say of the same.

use crate::{
    golden::ROTATION_ON,
    harness::on,
    hedge::{market, plan_request},
};
use contract::v1::{self, squeeze_service_client::SqueezeServiceClient};

/// Half spread and commission are 4 basis points by default; the rest of the cost is that of the squeeze
/// service.
#[tokio::test(flavor = "multi_thread")]
async fn covering_costs_what_the_squeeze_service_says() {
    let (harness, mut client, book) = market().await;
    let plan = client.plan_hedge(plan_request(book.clone())).await.unwrap().into_inner();
    let mut squeeze = SqueezeServiceClient::new(harness.channel().await);
    let request = v1::AssessShortBookRequest {
        as_of: on(ROTATION_ON),
        portfolio: Some(book),
        ..Default::default()
    };
    let shorts = squeeze.assess_short_book(request).await.unwrap().into_inner();
    assert!(!plan.cover_order.is_empty());
    let symbol = |short: &v1::ShortLine| short.name.as_ref().unwrap().symbol.clone();
    for step in &plan.cover_order {
        let of = shorts.lines.iter().find(|short| symbol(short) == step.line_id).unwrap();
        let estimate = &of.covering_cost.as_ref().unwrap().estimates[0];
        let expected = 0.0004 * step.market_value + estimate.cost;
        assert!((step.cost / expected - 1.0).abs() < 1e-9, "{step:?} {estimate:?}");
    }
}
