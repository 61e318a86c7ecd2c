//! When the hedge service stops working: for ids that no line of a table can hold, and for a caller
//! that has left.

use crate::{
    harness::{expect_refusal, named, soon},
    hedge::{fund, market, plan_request},
};
use contract::v1::{self, hedge_constraint::Limited, hedge_line::Line};
use std::time::Duration;
use tonic::Code;

#[tokio::test(flavor = "multi_thread")]
async fn ids_with_control_characters_are_refused() {
    let (_harness, mut client, book) = market().await;
    let mut request = plan_request(book);
    let problem = request.problem.as_mut().unwrap();
    let line = v1::HedgeLine { line: named("IWM").map(Line::Instrument) };
    problem.constraints[0].constraint_id = "net\u{1b}[2J".to_owned();
    problem.constraints.push(v1::HedgeConstraint {
        constraint_id: "of a contract".to_owned(),
        upper: Some(1e6),
        limited: Some(Limited::Position(v1::HedgeLine {
            line: Some(Line::ContractId("RTY\n".to_owned())),
        })),
        ..Default::default()
    });
    problem.exclusions = vec![v1::HedgeExclusion {
        constraint_id: "no\tIWM".to_owned(),
        line: Some(line),
        rule: v1::HedgeExclusionRule::NoTrade.into(),
    }];
    problem.instruments[0].contract = Some(v1::HedgeContract {
        contract_id: "RTY\u{0}".to_owned(),
        multiplier: 50.0,
        option: None,
    });
    problem.instruments[0].daily_value = Some(1e9);
    let status = client.plan_hedge(request).await.unwrap_err();
    let paths = [
        "problem.instruments[0].contract.contract_id",
        "problem.constraints[0].constraint_id",
        "problem.constraints[1].position.contract_id",
        "problem.exclusions[0].constraint_id",
    ];
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &paths);
}

/// Twelve of ninety names to one in a million: ten thousand convex problems, many times longer than
/// this test lets the work go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_whose_caller_has_left_is_not_solved_to_the_end() {
    let (harness, mut client, book) = market().await;
    let mut request = plan_request(book);
    client.plan_hedge(request.clone()).await.unwrap();
    let problem = request.problem.as_mut().unwrap();
    problem.instruments.extend((30..120).map(|at| fund(&format!("SIM{at:04}"))));
    problem.max_lines = Some(12);
    let limits = v1::SolveLimits { max_nodes: Some(10_000), relative_gap: Some(1e-6) };
    problem.solve_limits = Some(limits);
    let compute = harness.services().compute.clone();
    let is_idle = || compute.work().running == 0;
    let begun = compute.work().begun;
    let call = tokio::spawn(async move { client.plan_hedge(request).await });
    let begins = async {
        while compute.work().begun == begun {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon("the plan begins", begins).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!call.is_finished(), "it takes longer than that");
    assert!(!is_idle());
    call.abort();
    let ends = async {
        while !is_idle() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon("the work ends", ends).await;
    assert!(harness.stop().await);
}
