//! Where the hedge service ends: ids that no line of a table can hold, a caller that has left, and a
//! history that is too short to judge a plan.

use crate::{
    harness::{expect_refusal, gaps, named, on, soon},
    hedge::{fund, market, plan_request, solution},
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

/// The market has 404 sessions behind its factors on 2024-07-11, and those of three months fewer on
/// 2024-04-11: less than the 358 of six months after a year.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_without_effectiveness_out_of_sample_says_why() {
    let (_harness, mut client, book) = market().await;
    let mut request = v1::PlanHedgeRequest { as_of: on("2024-04-11"), ..plan_request(book) };
    let said = |answer: &v1::PlanHedgeResponse| -> Vec<String> {
        let short = gaps(&answer.info).iter().filter(|gap| {
            gap.reason() == v1::GapReason::ShortHistory && gap.detail.contains("out of sample")
        });
        short.map(|gap| gap.detail.clone()).collect()
    };
    let answer = client.plan_hedge(request.clone()).await.unwrap().into_inner();
    for plan in &answer.plans {
        let found = solution(plan).effectiveness.unwrap();
        assert!(found.out_of_sample.is_none() && 0.0 < found.in_sample, "{found:?}");
    }
    let [detail] = &said(&answer)[..] else { panic!("{:?}", answer.info) };
    for part in ["the plan to cut", "sessions, and it takes 358"] {
        assert!(detail.contains(part), "{detail}");
    }
    // Not asked for, it is not missing.
    request.without_effectiveness = true;
    let answer = client.plan_hedge(request).await.unwrap().into_inner();
    assert!(said(&answer).is_empty() && solution(&answer.plans[0]).effectiveness.is_none());
}
