//! Limits on the number of lines and on the smallest ticket, against trying every choice.

use crate::{
    fixture::{LIMITS, answer, limit, near, plan},
    random,
};
use hedge::{
    constraint::{Exclusion, ExclusionRule, MaxLines, Measure, MinTicket},
    limits::{Caller, SolveLimits},
    optimize::{Answer, optimize},
    problem::{Problem, Statement},
};

fn traded(statement: &Statement) -> Vec<usize> {
    let lines = statement.lines.iter().enumerate();
    lines.filter(|(_, line)| line.trading.is_some()).map(|(index, _)| index).collect()
}

/// The lowest objective over all ways to let lines trade: `choices` gives the constraints of each.
fn best_of(statements: impl Iterator<Item = Statement>) -> f64 {
    let objective = |statement| match answer(statement) {
        Answer::Plan(plan) => plan.proof.objective,
        Answer::Infeasible(_) => f64::INFINITY,
        Answer::Unbounded(_) => panic!("trades are bounded"),
    };
    statements.map(objective).fold(f64::INFINITY, f64::min)
}

#[test]
fn at_most_so_many_lines_is_the_best_of_all_subsets() {
    let by_variance = [4, 7, 22, 34, 52, 61].map(random::by_variance);
    let by_tail = [4, 7, 22].map(random::by_tail);
    for statement in by_variance.into_iter().chain(by_tail).map(random::bounded) {
        let lines = traded(&statement);
        for count in [1, 2, 3] {
            let subsets = (0_u32..1 << lines.len()).filter(|set| set.count_ones() == count);
            let without = |set: u32| {
                let mut chosen = statement.clone();
                let out = lines.iter().enumerate().filter(|(bit, _)| set & (1 << bit) == 0);
                chosen.exclusions = out
                    .map(|(_, line)| Exclusion {
                        id: format!("no {line}"),
                        line: *line,
                        rule: ExclusionRule::NoTrade,
                    })
                    .collect();
                chosen
            };
            let expected = best_of(subsets.map(without));
            let mut limited = statement.clone();
            limited.max_lines = Some(MaxLines { id: "lines".to_owned(), count: count as usize });
            let plan = plan(limited);
            near(&[plan.proof.objective], &[expected], 1e-7 * expected.abs());
            let traded = plan.trades.iter().filter(|trade| 0.0 < trade.money.abs()).count();
            assert!(traded <= count as usize, "{traded}");
            assert!(
                plan.proof.bound <= plan.proof.objective && plan.proof.gap <= LIMITS.relative_gap
            );
        }
    }
}

#[test]
fn the_smallest_ticket_is_the_best_of_all_signs() {
    for seed in [3, 12, 30, 39] {
        let statement = random::bounded(random::by_variance(seed));
        let lines = traded(&statement);
        let ticket = 25.0;
        let signs = |mut code: usize| {
            let mut chosen = statement.clone();
            for line in &lines {
                let (low, high) = [(0.0, 0.0), (ticket, 60.0), (-60.0, -ticket)][code % 3];
                let id = format!("sign of {line}");
                chosen.constraints.push(limit(&id, Measure::Trade(*line), low, high));
                code /= 3;
            }
            chosen
        };
        let expected = best_of((0..3_usize.pow(lines.len() as u32)).map(signs));
        let mut limited = statement.clone();
        limited.min_ticket = Some(MinTicket { id: "ticket".to_owned(), money: ticket });
        let plan = plan(limited);
        near(&[plan.proof.objective], &[expected], 1e-7 * expected.abs());
        let sizes = plan.trades.iter().map(|trade| trade.money.abs());
        assert!(sizes.clone().all(|size| size <= 0.0 || ticket - 1e-4 <= size), "{sizes:?}");
    }
}

/// At every limit on nodes, the bound is below the best plan of all and the plan is not.
#[test]
fn a_search_cut_short_says_how_far_it_is() {
    let mut open_gaps = 0;
    for seed in 1..40 {
        let mut statement = random::bounded(random::by_variance(seed));
        statement.max_lines = Some(MaxLines { id: "lines".to_owned(), count: 2 });
        let whole = plan(statement.clone()).proof;
        let problem = Problem::new(statement).unwrap();
        for max_nodes in 1..whole.nodes {
            let limits = SolveLimits { max_nodes, relative_gap: 0.0 };
            let Answer::Plan(short) = optimize(&problem, limits, &Caller::waiting()).unwrap()
            else {
                panic!("a plan was found")
            };
            let tolerance = 1e-8 * whole.objective.abs();
            assert!(short.proof.bound <= whole.objective + tolerance);
            assert!(whole.objective <= short.proof.objective + tolerance);
            open_gaps += usize::from(1e-6 < short.proof.gap);
        }
    }
    assert!(10 <= open_gaps, "{open_gaps}");
}
