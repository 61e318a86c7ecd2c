//! Benches one hedge of a book of 500 positions: by variance, by tail, with few lines, and by tail where the
//! positions trade, too.
//!
//! `optimize.py` solves the same problems with cvxpy and prints its times and objectives. It runs right
//! after ours, so that the ratio is of one machine and hour, if `CVXPY_PYTHON` names a Python with cvxpy:
//!
//! ```sh
//! CVXPY_PYTHON=python cargo bench -p hedge
//! ```

#![expect(clippy::unwrap_used, clippy::panic, reason = "a problem made for a bench is lawful")]
#![expect(clippy::print_stdout, reason = "objectives are compared with those of the script")]

mod problem;
#[path = "../../../../tests/support/python.rs"]
mod python;

use criterion::{Criterion, criterion_group, criterion_main};
use hedge::{
    limits::{Caller, SolveLimits},
    optimize::{Answer, optimize},
    problem::{Problem, Statement},
};
use std::hint::black_box;

const LIMITS: SolveLimits = SolveLimits { max_nodes: 2_000, relative_gap: 0.01 };

fn bench(criterion: &mut Criterion) {
    let problems: [(&str, Statement); 6] = [
        ("50 instruments", problem::statement(50)),
        ("200 instruments", problem::statement(200)),
        ("tail of 500 scenarios, 50 instruments", problem::tail_statement(50)),
        ("5 of 50 instruments", problem::picked_statement(50, 5)),
        ("tail of 500 scenarios, 500 positions", problem::cut_statement(0)),
        ("tail of 500 scenarios, 500 positions and 50 instruments", problem::cut_statement(50)),
    ];
    for (name, statement) in problems {
        let problem = Problem::new(statement.clone()).unwrap();
        let Answer::Plan(plan) = optimize(&problem, LIMITS, &Caller::waiting()).unwrap() else {
            panic!("{name} has a plan")
        };
        let proof = plan.proof;
        println!(
            "{name}: objective {:.6}, gap {:.4}, {} nodes",
            proof.objective, proof.gap, proof.nodes
        );
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                let problem = Problem::new(black_box(statement.clone())).unwrap();
                optimize(&problem, LIMITS, &Caller::waiting()).unwrap()
            });
        });
    }
}

fn script(_criterion: &mut Criterion) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/optimize/optimize.py");
    python::run_beside("CVXPY_PYTHON", script, &[]).unwrap();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = bench, script
}
criterion_main!(benches);
